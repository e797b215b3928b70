"""The order in which a workspace's runs are trained, and what stands in the way of each.

A queue is two small files of the workspace: queue.json with nothing but names, and worker.hold while nothing more is to be
started. What a run is doing is read from its folder, never from here. Any number of windows and command lines may change the
order at once. Training the queue is worker.py's; starting one is here, so that whoever queues can also begin. No torch.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from engine import processes, reading
from engine.processes import Identity
from engine.recipe import RecipeFile, is_run_name
from engine.run import Observer, Refused, Run, Workspace, cannot_be_written, needs, sources_of
from engine.state import State

VERSION = 1
PATIENCE_S = 10.0  # a change of the order takes milliseconds, but many may come at once
AT_WORK: tuple[State, ...] = ("starting", "running", "stopping", "unresponsive")


class _Order(Struct, frozen=True):
    """queue.json."""

    version: int
    runs: list[str]


class Queue:
    """The order in which a workspace's runs are trained: queue.json, replaced only under queue.lock."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        folder = workspace.folder
        self.path = folder / "queue.json"
        self.hold_path = folder / "worker.hold"
        self.worker_lock = folder / "worker.lock"
        self.worker_path = folder / "worker.json"

    def names(self) -> list[str]:
        """The runs in order, none without a file. Raises Refused for a damaged one."""
        try:
            order = reading.json(self.path, _Order)
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise self._damaged(str(error)) from None
        if order.version != VERSION:
            raise self._damaged(f"version {order.version} is not known here, only {VERSION}")
        if odd := [name for name in order.runs if not is_run_name(name)]:
            raise self._damaged(f"{odd[0][:80]!r} cannot be a run's name")
        return list(dict.fromkeys(order.runs))

    def _damaged(self, problem: str) -> Refused:
        remedy = "Mend it, or delete it and queue again: no run is lost, only their order"
        return Refused(f"{self.path} cannot be read ({problem}). {remedy}")

    def add(self, names: Sequence[str], place: int | None = None) -> None:
        """Put runs at the end, or before what is now at `place` (from 0). Those already there move only if a place is given.

        At the end a teacher still comes before its students. Raises Refused if the place would put it behind one.
        """
        if place is not None:
            self._put(names, place)
            return
        with self.undisturbed():
            now = self.names()
            self._write(self._teachers_first(list(dict.fromkeys([*now, *names]))), now)

    def move(self, names: Sequence[str], place: int) -> None:
        """Put runs, as one block in their present order, before what is now at `place` (from 0).

        Raises Refused for a run that is not in the queue, and for a teacher that would come behind its student.
        """
        self._put(names, place, only_known=True)

    def _put(self, names: Sequence[str], place: int, only_known: bool = False) -> None:
        with self.undisturbed():
            now = self.names()
            block = list(dict.fromkeys(names))
            if only_known:
                self._refuse_unknown(block, now)
                block.sort(key=now.index)
            anchor = next((name for name in now[max(0, place) :] if name not in block), None)
            rest = [name for name in now if name not in block]
            at = len(rest) if anchor is None else rest.index(anchor)
            wanted = [*rest[:at], *block, *rest[at:]]
            self._refuse_students_first(wanted, set(block))
            self._write(wanted, now)

    def remove(self, names: Sequence[str]) -> None:
        """Take runs out. Their folders stay, and so does an engine that is at work on one."""
        with self.undisturbed():
            now = self.names()
            self._write([name for name in now if name not in names], now)

    def hold(self) -> None:
        """Let the worker finish its run and then start nothing more, until `release`."""
        with self._written(self.hold_path):
            self.workspace.folder.mkdir(parents=True, exist_ok=True)
            self.hold_path.touch()

    def release(self) -> None:
        with self._written(self.hold_path):
            self.hold_path.unlink(missing_ok=True)

    @property
    def held(self) -> bool:
        return self.hold_path.exists()

    def worker(self) -> Identity | None:
        """Who works through the queue now; None if nobody. A worker that has only just begun may not have said its name."""
        if not processes.is_held(self.worker_lock):
            return None
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return reading.json(self.worker_path, Identity)
        return Identity(0, 0.0, "", "")

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Nobody else changes the order meanwhile. Raises Refused if the order cannot be changed from here."""
        with self._written(self.path), contextlib.ExitStack() as stack:
            self.workspace.folder.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name("queue.lock")
            try:
                stack.enter_context(processes.hold(lock, PATIENCE_S))
            except processes.Held:
                problem = f"the queue is being changed by somebody else for {PATIENCE_S:.0f} s already"
                raise Refused(f"{problem}; try again, and if that stays, see which program holds {lock}") from None
            yield

    @contextlib.contextmanager
    def _written(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_be_written(error.filename or path, error) from None

    def _write(self, wanted: list[str], now: list[str]) -> None:
        if wanted != now:
            processes.clear_asides(self.path.parent)
            processes.write_aside(self.path, msgspec.json.encode(_Order(VERSION, wanted)), sync=True)

    def _refuse_unknown(self, names: list[str], now: list[str]) -> None:
        if missing := [name for name in names if name not in now]:
            raise Refused(f"{', '.join(missing)} not in the queue; put it there with `filial queue add {missing[0]}`")

    def _refuse_students_first(self, wanted: list[str], moved: set[str]) -> None:
        """Only what is moved is judged: an order that somebody wrote by hand does not stand in the way of others."""
        for name in wanted:
            for source in self._sources(name):
                first = source.name
                if first not in wanted or not moved & {name, first} or wanted.index(first) < wanted.index(name):
                    continue
                if not source.ending().completed:
                    how = f"{name} {needs(self.workspace.run(name), source)} {first}"
                    raise Refused(f"{how}, which must come before it; move both, or move {first} first")

    def _teachers_first(self, names: list[str]) -> list[str]:
        """The same order, but what others wait for at the latest just before the first of them."""
        ordered: dict[str, None] = {}

        def put(name: str, above: frozenset[str]) -> None:
            for source in (one.name for one in self._sources(name)):
                if source in names and source not in above and source not in ordered:
                    put(source, above | {source})
            ordered[name] = None

        for name in names:
            put(name, frozenset({name}))
        return list(ordered)

    def _sources(self, name: str) -> tuple[Run, ...]:
        return sources_of(self.workspace.run(name))


def enqueue(workspace: Workspace, file: RecipeFile, place: int | None = None) -> list[Run]:
    """Make the folders of a recipe's runs and queue those that are not complete. Returns them all. Raises Refused."""
    runs = workspace.create(file)
    Queue(workspace).add([run.name for run in runs if not run.ending().completed], place)
    return runs


def enqueue_all(workspace: Workspace, files: Sequence[RecipeFile], place: int | None = None) -> list[Run]:
    """As `enqueue`, for the recipes of a grid: all of them or, where one is refused, none."""
    for file in files:
        workspace.refuse(file)
    runs = [run for file in files for run in workspace.create(file)]
    Queue(workspace).add([run.name for run in runs if not run.ending().completed], place)
    return runs


def start_worker(workspace: Workspace) -> "subprocess.Popen[bytes] | None":
    """Start a worker that outlives us, its words in worker.log; None if one is at work already. Raises OSError."""
    if Queue(workspace).worker():
        return None
    command = processes.python("engine", "work", "--runs", str(workspace.folder))
    return processes.start(command, workspace.folder / "worker.log", detached=True)


# ---- what stands in the way of each ---------------------------------------------------------------------------------------

Standing = Literal["ready", "at work", "waiting", "blocked", "elsewhere", "complete", "damaged"]


class Entry(Struct, frozen=True):
    """One run in the queue, as it stands now.

    ready: can be started. at work: an engine is busy with it. waiting: its turn comes after `behind`. blocked: it cannot be
    started before somebody does something. elsewhere: it, or a run it learns from, was last at work on another host, and a
    person must say that it has ended there. complete, damaged: need not, or cannot, be trained and leave the queue.
    """

    place: int  # from 1
    run: str
    state: State | Literal["damaged"]
    standing: Standing
    words: str
    offer: str = ""  # the command that helps
    behind: str = ""  # waiting: the ancestor that is at work or ready

    def line(self) -> str:
        """How it stands, with the next step where there is one."""
        lead = "blocked: " if self.standing == "blocked" else ""
        return lead + self.words + (f"; {self.offer}" if self.offer else "")


class Obstacle(Struct, frozen=True):
    """Why a student cannot be started: an ancestor to wait for, or one that somebody must see to."""

    standing: Literal["waiting", "blocked", "elsewhere"]
    words: str
    offer: str = ""
    behind: str = ""


def _lost_on(host: str, name: str) -> Obstacle:
    words = f"{name} was at work on {host} and is not heard from here; if it has ended there"
    return Obstacle("elsewhere", words, f"filial resume {name}")


def look(queue: Queue, observer: Observer | None = None) -> list[Entry]:
    """How every run in the queue stands, in order. Keep the observer between looks: another host is judged by its beats."""
    return _Look(queue, observer or Observer()).entries()


class _Look:
    """One look at all: every folder is read once, however many students ask for it."""

    def __init__(self, queue: Queue, observer: Observer) -> None:
        self._workspace = queue.workspace
        self._observer = observer
        self._names = queue.names()
        self._states: dict[str, tuple[State, str]] = {}
        self._recipes: dict[str, tuple[str, tuple[Run, ...]]] = {}

    def entries(self) -> list[Entry]:
        return [self._entry(place, name) for place, name in enumerate(self._names, 1)]

    def _entry(self, place: int, name: str) -> Entry:
        run = self._workspace.run(name)
        if problem := self._recipe(run)[0]:
            return Entry(place, name, "damaged", "damaged", problem)
        state, reason = self._state(run)
        if state in AT_WORK:
            return Entry(place, name, state, "at work", _at_work(run, state))
        if reason == "completed":
            return Entry(place, name, state, "complete", "completed")
        host = _host_elsewhere(run) if state == "lost" else ""
        if obstacle := _lost_on(host, name) if host else self._obstacle(run, frozenset({name})):
            return Entry(place, name, state, obstacle.standing, obstacle.words, obstacle.offer, obstacle.behind)
        words = "ready" if state == "queued" else f"{reason}, goes on when its turn comes"
        return Entry(place, name, state, "ready", words)

    def _recipe(self, run: Run) -> tuple[str, tuple[Run, ...]]:
        """Why a run cannot be trained at all, empty if its recipe is whole; and the runs it waits for, if any."""
        if run.name not in self._recipes:
            try:
                self._recipes[run.name] = "", tuple(map(self._workspace.run, run.recipe().sources))
            except FileNotFoundError:
                problem = "its folder has no recipe.toml" if run.folder.is_dir() else "its folder is gone"
                self._recipes[run.name] = problem, ()
            except (OSError, ValueError) as error:
                self._recipes[run.name] = f"its recipe cannot be read ({str(error).strip().splitlines()[0]})", ()
        return self._recipes[run.name]

    def _state(self, run: Run) -> tuple[State, str]:
        """The state of a run and, if it has begun, what became of it in a word: completed, stopped, paused, failed, lost."""
        if run.name not in self._states:
            ending = run.ending()
            state = self._observer.state_of(run, ending)
            if state in AT_WORK:
                state = self._observer.state_of(run)  # the last event alone does not tell starting from running
            elif state == "lost":
                ending = run.ending()
            self._states[run.name] = state, ending.finished.reason if ending.finished else state
        return self._states[run.name]

    def _obstacle(self, run: Run, seen: frozenset[str]) -> Obstacle | None:
        """What keeps a run from being started, what a person must see to before what time will bring; None if nothing does."""
        found = filter(None, (self._obstacle_of(run, source, seen) for source in self._recipe(run)[1]))
        return min(found, key=lambda one: one.standing == "waiting", default=None)

    def _obstacle_of(self, run: Run, teacher: Run, seen: frozenset[str]) -> Obstacle | None:
        if teacher.name in seen or not (teacher.folder / "recipe.toml").is_file():
            return Obstacle("blocked", f"{teacher.name} is gone", f"filial queue remove {run.name}")
        state, reason = self._state(teacher)
        if reason == "completed" and state not in AT_WORK:
            return None
        if state in AT_WORK:
            return Obstacle("waiting", f"waits for {teacher.name}", behind=teacher.name)
        if problem := self._recipe(teacher)[0]:
            return Obstacle("blocked", f"{teacher.name} cannot be trained: {problem}", f"filial queue remove {run.name}")
        return self._obstacle_of_idle(teacher, state, reason, seen | {teacher.name})

    def _obstacle_of_idle(self, teacher: Run, state: State, reason: str, seen: frozenset[str]) -> Obstacle:
        name = teacher.name
        if state == "lost" and (host := _host_elsewhere(teacher)):
            return _lost_on(host, name)
        if state not in ("queued", "blocked") and name not in self._names:
            return Obstacle("blocked", f"{name} {'is lost' if reason == 'lost' else reason}", f"filial resume {name}")
        above = self._obstacle(teacher, seen)
        if above and above.standing != "waiting":
            return above
        if name not in self._names:
            return Obstacle("blocked", f"{name} is not in the queue", f"filial queue add {name}")
        return Obstacle("waiting", f"waits for {name}", behind=above.behind if above else name)


def _at_work(run: Run, state: State) -> str:
    status = run.status()
    return f"{state} in process {status.pid} on {status.host}" if status else state


def _host_elsewhere(run: Run) -> str:
    """The host of the last engine if it is not this one."""
    status = run.status()
    return status.host if status and status.host != processes.host() else ""
