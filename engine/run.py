"""A run is a folder: names, lock, attempts, atomic writes, tailing. CONTRACT of the folder in README.

`Run` is what anyone may do with a run (read it, command it, see whether it lives); `Attempt` is what only its engine may do
(hold the lock, append events, beat). What the events mean is in state.py; nothing here knows how a network is trained.
"""

import contextlib
import errno
import hashlib
import itertools
import math
import os
import re
import threading
import time
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs
from msgspec import Struct

from engine import commands, described, events, processes, reading, recipe
from engine.commands import AnyCommand
from engine.events import AnyEvent, Count
from engine.fields import RecipeError, RecipeErrors, nearest
from engine.recipe import RecipeFile, RunRecipe
from engine.state import RunState, State, Vital, derive

SLICE = 200_000  # bytes parsed at once: more makes a window stumble
BEAT_S = 1.0
WRITTEN = ("run.lock", "events.jsonl", "engine.log", "commands", "checkpoints", "artifacts", "extras")  # and not replaced
_STEP = events.to_line(events.StepTaken(step=0, epoch=0.0, values={})).partition(b",")[0]  # how the line of a step begins
_FORK = re.compile(r"(.+-s\d+-F\d+.*)-fork\d+")


class Refused(Exception):
    """What was asked is not done, and why: shown as it is, exit code 2."""


def cannot_be_written(place: Path | str, error: OSError) -> Refused:
    """Why, and what helps."""
    space = "free some space, or " if error.errno == errno.ENOSPC else ""
    return Refused(f"{place} cannot be written ({error.strerror or error}); {space}choose another workspace with --runs DIR")


class Status(Struct, frozen=True):
    """status.json: who is at work, replaced at least every 2 s."""

    pid: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]  # a C int: psutil overflows with more
    started: float
    boot: str
    host: str
    beat: Count
    attempt: Count
    step: Count

    @property
    def who(self) -> processes.Identity:
        return processes.Identity(self.pid, self.started, self.boot, self.host)


class Run:
    """One run's folder. Holds no open file and no cache: cheap to make, safe to throw away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.folder == other.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def forked_from(self) -> str:
        """The run that this one is a fork of, by its name; empty for none."""
        found = _FORK.fullmatch(self.name)
        return found[1] if found else ""

    @property
    def branch(self) -> str:
        """What follows the generation in a fork's short name: "b" for the first (F1b), "c" for the next; empty for no fork."""
        if not self.forked_from:
            return ""
        number = int(self.name.rpartition("-fork")[2])
        own = chr(ord("a") + number) if 0 < number < 26 else f"-fork{number}"
        return Run(self.workspace / self.forked_from).branch + own

    @property
    def workspace(self) -> Path:
        return self.folder.parent

    @property
    def lock_path(self) -> Path:
        return self.folder / "run.lock"

    @property
    def events_path(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def log_path(self) -> Path:
        return self.folder / "engine.log"

    def refuse_links(self) -> None:
        """Raises Refused where what is written into the folder would land elsewhere. The folder itself may be a link."""
        for name in WRITTEN:
            if (path := self.folder / name).is_symlink():
                remedy = "put what it leads to in its place, or take the link away"
                raise Refused(f"{path} is a link, so what this run writes would land elsewhere; {remedy}")

    def recipe(self) -> RunRecipe:
        """What was asked. Raises RecipeErrors for a damaged file, OSError without one."""
        path = self.folder / "recipe.toml"
        return recipe.parse(RunRecipe, _toml(path), str(path))  # type: ignore[no-any-return]

    def effective(self) -> dict[str, Any] | None:
        """Every value in force, or None before the first attempt got that far. Raises RecipeErrors for a damaged file."""
        path = self.folder / "effective.toml"
        return _toml(path) if path.exists() else None

    def data(self) -> dict[str, Any] | None:
        """data.json: classes, split hashes, statistics; None before it was prepared. Raises RecipeErrors for a damaged file."""
        path = self.folder / "data.json"
        return described.read(path) if path.exists() else None

    def status(self) -> Status | None:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return reading.json(self.folder / "status.json", Status)
        return None

    def tail(self) -> "Tail":
        return Tail(self.events_path)

    def state(self) -> RunState:
        """All events so far, folded."""
        state = RunState()
        tail = self.tail()
        while tail.read_into(state):
            pass
        return state

    def summary(self) -> RunState:
        """Where the run is, without its curves: of steps in a row only the last is folded. A long run costs a tenth."""
        state = RunState()
        with contextlib.suppress(OSError):
            for event in _without_steps_between(reading.lines(self.events_path)):
                state.fold(event)
        return state

    def ending(self) -> RunState:
        """Folded from the newest readable event alone: how the run ended, at the same small cost however long it was."""
        state = RunState()
        event = _newest_event(self.events_path)
        if event is not None:
            state.fold(event)
        return state

    def held(self, status: Status | None = None) -> bool:
        """Whether an engine lives: the lock is held, and not by the remains of a zombie."""
        if not processes.is_held(self.lock_path):
            return False
        status = status or self.status()
        return status is None or processes.condition(status.who) != "zombie"

    def send(self, command: AnyCommand) -> str:
        """Ask something of the engine. Returns the command's id."""
        return commands.post(self.folder / "commands", command)

    def kill(self) -> bool:
        """End the engine at once; the newest checkpoint stays. False if no engine of this host was there.

        Raises Refused if it belongs to another user.
        """
        status = self.status()
        try:
            return status is not None and self.held(status) and processes.kill(status.who)
        except PermissionError as error:
            raise Refused(f"{self.name} cannot be killed from here: {error}") from None

    def newest_valid_step(self) -> int:
        """The newest step with a full checkpoint on disk, 0 for none. What is in it is checked when it is loaded."""
        steps = [checkpoint_step(path) for path in self.checkpoint_folders() if (path / "optimizer.safetensors").exists()]
        return max(steps, default=0)

    def checkpoint_folders(self) -> list[Path]:
        """Finished checkpoint folders, the oldest first."""
        folder = self.folder / "checkpoints"
        found = folder.glob("step-*") if folder.exists() else ()
        ours = (path for path in found if path.name.removeprefix("step-").isdecimal() and not path.is_symlink())
        return sorted(ours, key=checkpoint_step)


def checkpoint_step(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return recipe.plain_table(reading.text(path), str(path))
    except UnicodeDecodeError as error:
        raise RecipeErrors([RecipeError("", f"is not UTF-8 text ({error})")], str(path)) from None


def _without_steps_between(lines: Iterable[bytes]) -> Iterator[AnyEvent]:
    """The readable events; of steps in a row only the last."""
    steps: list[bytes] = []
    for line in itertools.chain(lines, [b""]):
        if line.startswith(_STEP):
            steps.append(line)
            continue
        last = next(filter(None, map(events.from_line, reversed(steps))), None)
        steps.clear()
        yield from filter(None, (last, events.from_line(line)))


def _newest_event(path: Path) -> AnyEvent | None:
    with contextlib.suppress(OSError), reading.opened(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - SLICE))
        *lines, _ = file.read().split(b"\n")  # what comes after the last newline has not happened yet
        return next((event for line in reversed(lines) if (event := events.from_line(line)) is not None), None)
    return None


class Tail:
    """Follows events.jsonl from where it last stopped; keeps a half line until its newline comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._skipped = 0
        self._lines = reading.Lines()

    @property
    def offset(self) -> int:
        """Bytes read so far."""
        return self._offset

    @property
    def whole(self) -> int:
        """Bytes of whole lines, read or skipped."""
        return self._offset - self._lines.pending

    @property
    def folded(self) -> int:
        """Bytes of whole lines read here."""
        return self.whole - self._skipped

    def skip_to(self, offset: int) -> None:
        """Of what comes before, the end of a line, a brief or a fold is at hand."""
        self._offset = self._skipped = offset

    def read_into(self, state: RunState) -> int:
        """Fold the next slice. Returns the bytes read: 0 when there is nothing new."""
        try:
            if self._path.stat().st_size <= self._offset:
                return 0
            with reading.opened(self._path) as file:
                file.seek(self._offset)
                fresh = file.read(SLICE)
        except OSError:
            return 0
        self._offset += len(fresh)
        told, unreadable = events.from_lines(self._lines.of(fresh))
        state.fold_all(told)
        state.unreadable += unreadable
        return len(fresh)


class Workspace:
    """A folder of runs. Runs lie flat in it, beside data/ and trash/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, name: str) -> Run:
        return Run(self.folder / name)

    def runs(self) -> list[Run]:
        """Every run here, ordered by lineage, seed and generation."""
        return [self.run(name) for name in sorted(self.names(), key=sort_key)]

    def names(self, known: Container[str] = ()) -> list[str]:
        """The names of the runs here, in no order. A folder that is `known` to hold a run is not opened again for that."""
        return [name for name in self.entries() if name in known or self.holds(name)]

    def entries(self) -> list[str]:
        """The names of all that lies here, runs or not."""
        try:
            return os.listdir(str(self.folder))  # noqa: PTH208 -- a path object for each of ten thousand costs more than that
        except (FileNotFoundError, NotADirectoryError):
            return []

    def holds(self, name: str) -> bool:
        """Whether there is a run of this name."""
        return os.path.isfile(f"{self.folder}/{name}/recipe.toml")  # noqa: PTH113 -- as above

    def create(self, file: RecipeFile) -> list[Run]:
        """The folders of a lineage's runs, made now or already there. A different recipe under an existing name is refused.

        Nothing is written unless every run may be.
        """
        wanted = self.refuse(file)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return [self._make(one, text) for one, text in wanted]
        except OSError as error:
            raise cannot_be_written(self.folder, error) from None

    def refuse_others(self, file: RecipeFile) -> None:
        """Raises Refused where a run of this recipe would get a name that a run with another recipe has."""
        for one, _ in file.runs():
            self._refuse_other(one)

    def refuse(self, file: RecipeFile) -> list[tuple[RunRecipe, str]]:
        """The runs of a recipe and the text of each; raises Refused if one may not be made here."""
        self.refuse_others(file)
        wanted = list(file.runs())
        self._refuse_without_teacher([one for one, _ in wanted])
        return wanted

    def _refuse_other(self, one: RunRecipe) -> None:
        run = self.run(one.run)
        if (run.folder / "recipe.toml").exists() and (there := run.recipe()) != one:
            mine, theirs = recipe.flat(recipe.to_table(one)), recipe.flat(recipe.to_table(there))
            different = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
            shown = "; ".join(f"{key} is {theirs.get(key)} there and {mine.get(key)} here" for key in different[:3])
            raise Refused(
                f"{one.run} exists in {self.folder} with another recipe ({shown}). "
                f"Either give this lineage another name (--set lineage=NAME), or move {run.folder} away first."
            )

    def _refuse_without_teacher(self, wanted: list[RunRecipe]) -> None:
        """A run of another lineage that is to teach, or to begin with, must be here, if not yet complete."""
        names = {one.run for one in wanted}
        needs = [(one, name) for one in wanted for name in one.sources if name not in names]
        for one, name in needs:
            there_already = any((self.run(run).folder / "recipe.toml").is_file() for run in (name, one.run))
            if not there_already:
                field = "method.teacher_run" if name == one.teacher else "model.weights"
                there = nearest(name, [run.name for run in self.runs()])[:5]
                remedy = f"write one of these, the nearest first: {', '.join(there)}" if there else "train it there first"
                raise Refused(f"{field}: there is no run {name} in {self.folder}; {remedy}")

    def _make(self, one: RunRecipe, text: str) -> Run:
        run = self.run(one.run)
        if not (run.folder / "recipe.toml").exists():
            run.folder.mkdir(exist_ok=True)
            processes.write_aside(run.folder / "recipe.toml", text.encode())
        return run


def sort_key(name: str) -> tuple[str, int, int, str]:
    """Orders runs by lineage, seed and generation."""
    lineage, _, rest = name.rpartition("-s")
    seed, _, generation = rest.partition("-F")
    head = generation.split("-")[0]
    return (lineage, int(seed), int(head), name) if seed.isdecimal() and head.isdecimal() else (name, 0, 0, name)


def default_workspace() -> Path:
    return platformdirs.user_data_path("filial") / "runs"


class Observer:
    """Derives the states of runs over time: remembers when each heartbeat last moved, by its own monotonic clock.

    On this host silence counts only while the lock is held: an engine that has just begun is not yet to blame for the old
    beat it finds. Another host's engine has been silent for ever until its counter moves before our eyes.
    """

    def __init__(self, queued: Container[str] = ()) -> None:
        self._queued = queued  # names in the queue: what ended but waits there again keeps nobody blocked
        self._beats: dict[Path, tuple[Status | None, bool, float]] = {}  # what was seen last, and since when it is so
        self._sources: dict[Path, tuple[int, tuple[Run, ...]]] = {}

    def vital(self, run: Run) -> Vital:
        now = time.monotonic()
        before = self._beats.get(run.folder)
        status = run.status() or (before[0] if before else None)  # Windows hides the file for a moment while it is replaced
        local = status is None or status.host == processes.host()
        held = run.held(status)
        if before is None:
            since = now if local else -math.inf
        else:
            unmoved = status == before[0] and (not local or (held and before[1]))
            since = before[2] if unmoved else now
        self._beats[run.folder] = (status, held, since)
        return Vital(held=held, local=local, silent_s=now - since, attempt=status.attempt if status else 0)

    def state_of(self, run: Run, folded: RunState | None = None) -> State:
        """The derived state of a run; its teachers are read as far as needed to tell queued from blocked."""
        folded = run.state() if folded is None else folded
        vital = self.vital(run)
        state = derive(folded, vital)
        if state == "lost":  # perhaps its last word was written after its events were folded, and then the lock given back
            state = derive(run.ending(), vital)
        if state == "queued" and self._is_blocked(run):
            return "blocked"
        return state

    def _is_blocked(self, run: Run, seen: frozenset[Run] = frozenset()) -> bool:
        """Whether of what it waits for anything ended without completing, is gone, or waits itself for such a run."""
        seen |= {run}
        return any(self._stands_in_the_way(source, seen) for source in self._sources_of(run))

    def _stands_in_the_way(self, source: Run, seen: frozenset[Run]) -> bool:
        if source in seen or not (source.folder / "recipe.toml").is_file():
            return True
        ending = source.ending()
        state = derive(ending, self.vital(source))
        if state == "queued":
            return self._is_blocked(source, seen)
        at_work = state in ("starting", "running", "stopping", "unresponsive")
        return not (ending.completed or at_work or source.name in self._queued)

    def _sources_of(self, run: Run) -> "tuple[Run, ...]":
        """As sources_of, read once for each version of the file: a window asks every second, for hundreds of runs."""
        try:
            version = (run.folder / "recipe.toml").stat().st_mtime_ns
        except OSError:
            return ()
        if self._sources.get(run.folder, (0, ()))[0] != version:
            self._sources[run.folder] = (version, sources_of(run))
        return self._sources[run.folder][1]


def teacher_of(run: Run) -> Run | None:
    """The run whose predictions this one learns from; None also for a recipe that cannot be read."""
    try:
        name = _toml(run.folder / "recipe.toml").get("teacher")
    except (OSError, ValueError):
        return None
    return Run(run.workspace / name) if isinstance(name, str) and recipe.is_run_name(name) else None


def sources_of(run: Run) -> tuple[Run, ...]:
    """The runs that must be complete before this one begins: the one whose weights it starts from, and its teacher. None for
    a recipe that cannot be read."""
    try:
        table = _toml(run.folder / "recipe.toml")
    except (OSError, ValueError):
        return ()
    model = table.get("model")
    forked = "fork" in table  # it has a checkpoint of its own to start from
    weights = model.get("weights") if isinstance(model, dict) and not forked else None
    names = [recipe.run_of_weights(weights)[0] if isinstance(weights, str) else "", table.get("teacher")]
    return tuple(Run(run.workspace / name) for name in names if isinstance(name, str) and recipe.is_run_name(name))


def needs(run: Run, source: Run) -> str:
    """For what: "learns from" its teacher, "starts from" another's weights."""
    return "learns from" if teacher_of(run) == source else "starts from"


class Attempt:
    """One engine at work on a run: holds run.lock for its life, appends events, beats. Use as a context manager.

    Raises Refused if another engine holds the lock.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state = RunState()
        self.number = 0
        self.step = 0
        self._start = time.monotonic()
        self._known: set[str] = set()
        self._stack = contextlib.ExitStack()
        self._events = -1
        self._torn = False

    def __enter__(self) -> "Attempt":
        self.run.refuse_links()
        with contextlib.ExitStack() as stack:  # whatever goes wrong on the way in, the lock is free again
            self._lock(stack)
            self.state = self.run.state()
            self.number = self.state.attempt + 1
            for name in ("commands", "checkpoints", "artifacts"):
                (self.run.folder / name).mkdir(exist_ok=True)
            for folder in ("", "commands", "artifacts", "extras"):
                processes.clear_asides(self.run.folder / folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._events = os.open(self.run.events_path, flags, 0o666)
            stack.callback(os.close, self._events)
            self._end_torn_line()
            stack.enter_context(_Heart(self))
            self._stack = stack.pop_all()
        return self

    def _lock(self, stack: contextlib.ExitStack) -> None:
        try:
            stack.enter_context(processes.hold(self.run.lock_path))
        except processes.Held:
            status = self.run.status()
            who = f"process {status.pid} on {status.host}" if status else "another process"
            raise Refused(f"{self.run.name} is at work in {who}; stop it first, or follow it with `filial status`") from None

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, resumed_from_step: int) -> None:
        """The attempt's first event. Commands meant for an earlier attempt are acknowledged as expired."""
        self.step = resumed_from_step
        now, pid, host = time.time(), os.getpid(), processes.host()
        self.record(events.Started(attempt=self.number, resumed_from_step=resumed_from_step, time=now, pid=pid, host=host))
        self._known |= set(self.state.acknowledged)

    def record(self, event: AnyEvent) -> None:
        """Append one event; it is folded into `state` as every reader will fold it."""
        event = msgspec.structs.replace(event, elapsed_s=round(time.monotonic() - self._start, 3))
        self._append(events.to_line(event))
        self.state.fold(event)

    def _append(self, line: bytes) -> None:
        """A full disk may take half a line; the next event then begins on a line of its own."""
        line = b"\n" + line if self._torn else line
        self._torn = True
        while line:
            line = line[os.write(self._events, line) :]
        self._torn = False

    def new_commands(self) -> list[AnyCommand]:
        """Commands not seen yet and meant for this attempt; others are acknowledged as expired."""
        mine = []
        for command in commands.read(self.run.folder / "commands", self._known):
            if command.attempt in (0, self.number):
                mine.append(command)
            else:
                self.acknowledge(command, "expired", f"it was meant for attempt {command.attempt}")
        return mine

    def acknowledge(self, command: AnyCommand, outcome: Any = "accepted", detail: str = "") -> None:
        kind = events.snake(type(command).__name__)
        self.record(events.CommandAcknowledged(id=command.id, command=kind, outcome=outcome, detail=detail, step=self.step))

    def save_artifact(self, kind: str, content: bytes, step: int, epoch: float, suffix: str = "npz") -> str:
        """Write an artifact under its final name, then the event that names it. Returns its path within the run."""
        path = f"artifacts/a{self.number:02d}-step{step:08d}-{kind}.{suffix}"
        processes.write_aside(self.run.folder / path, content, sync=True)
        digest = hashlib.sha256(content).hexdigest()
        self.record(events.ArtifactSaved(step=step, epoch=epoch, kind=kind, path=path, size=len(content), sha256=digest))
        return path

    def sync(self) -> None:
        """Everything recorded so far survives a power cut."""
        os.fsync(self._events)

    def _end_torn_line(self) -> None:
        if os.lseek(self._events, 0, os.SEEK_END):
            os.lseek(self._events, -1, os.SEEK_END)
            if os.read(self._events, 1) != b"\n":
                os.write(self._events, b"\n")


class _Heart:
    """Replaces status.json every second from a thread of its own: a lost beat never stops a run."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._me = processes.me()
        self._beat = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._once()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._once()

    def _loop(self) -> None:
        while not self._stop.wait(BEAT_S):
            self._once()

    def _once(self) -> None:
        self._beat += 1
        me, attempt = self._me, self._attempt
        status = Status(me.pid, me.started, me.boot, me.host, self._beat, attempt.number, attempt.step)
        with contextlib.suppress(OSError):
            processes.write_aside(attempt.run.folder / "status.json", msgspec.json.encode(status))
