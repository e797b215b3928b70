"""Session, the only bridge between window and engine: follows runs, emits Qt signals, writes commands, starts work.

It reads folders by a timer and holds no truth of its own: closing the window and opening another loses nothing. Views ask it
for a `Followed` and listen to its signals; none of them opens a file of a run's attempt or a process themselves.
"""

import contextlib
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from engine import processes, recipe, turns
from engine.commands import AnyCommand, Pause, Stop
from engine.fields import RecipeErrors
from engine.recipe import RunRecipe
from engine.run import Observer, Refused, Run, Tail, Workspace
from engine.state import RunState, State, derive

TICK_MS = 200  # 5 Hz
TICK_ON_CPU_MS = 500  # 2 Hz while a run trains on the CPU: the window must not take cores from it
BUDGET_S = 0.03  # parsing in one go
LOOK_S = 1.0  # how often the folder is looked through for new runs, and quiet runs for signs of life
SAMPLE = "born-again-digits"  # the recipe of the sample
AT_WORK = ("starting", "running", "stopping", "unresponsive")


@dataclass(eq=False)
class Followed:
    """A run as the window knows it."""

    run: Run
    tail: Tail
    state: RunState = field(default_factory=RunState)
    word: State = "queued"
    recipe: RunRecipe | None = None
    problem: str = ""  # why the recipe cannot be read; the run is listed all the same
    data: dict[str, Any] | None = None
    asked: dict[str, tuple[AnyCommand, float]] = field(default_factory=dict)  # what this window asked: id -> (command, when)
    changed_at: float = 0.0  # unix seconds of the last event's file time
    heard_at: float = 0.0  # unix seconds of the last event or heartbeat, as of the last change of the word
    host: str = ""  # where its last engine ran; empty for this machine
    expected: bool = False  # a process this window started turns to it next; its engine has not been heard of yet
    loaded: bool = False  # everything on disk at first sight has been folded

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def lineage(self) -> str:
        return self.recipe.lineage if self.recipe else self.name

    @property
    def generation(self) -> int:
        return self.recipe.generation if self.recipe else 0

    @property
    def seed(self) -> int:
        return self.recipe.seed if self.recipe else 0

    @property
    def method(self) -> str:
        return str(type(self.recipe.method).__struct_config__.tag) if self.recipe else ""

    @property
    def at_work(self) -> bool:
        return self.word in AT_WORK

    @property
    def asked_last(self) -> Stop | Pause | None:
        """The newest stop or pause that was asked here of the present attempt."""
        for command, _ in reversed(self.asked.values()):
            if isinstance(command, Stop | Pause) and (command.attempt == 0 or command.attempt >= self.state.attempt):
                return command
        return None

    @property
    def wish(self) -> str:
        """What was asked here and is not done yet: "stop requested", "stop acknowledged", or nothing."""
        if not self.at_work:
            return ""
        command = self.asked_last
        if command is None:
            return f"{self.state.leaving} acknowledged" if self.state.leaving else ""
        kind, outcome = type(command).__name__.lower(), self.state.acknowledged.get(command.id)
        return f"{kind} requested" if outcome is None else f"{kind} acknowledged" if outcome == "accepted" else ""


@dataclass(eq=False)
class _Started:
    """A process of ours that works through runs in turn, and what there was when it was started."""

    process: subprocess.Popen[bytes]
    attempts: dict[str, int]  # of the runs it will turn to, in turn
    log: Path
    log_size: int

    def last_words(self) -> str:
        """Its last line, for a sentence about its end."""
        with contextlib.suppress(OSError):
            said = self.log.read_bytes()[self.log_size :].decode(errors="replace")
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            return lines[-1].removeprefix("filial: ").rstrip(".") if lines else ""
        return ""


class Session(QObject):
    """The runs of one workspace, followed."""

    runs_changed = Signal()  # a run appeared, vanished, or its state word, recipe or progress changed
    chosen_changed = Signal()  # another run is looked at
    state_changed = Signal()  # the chosen run has new events or another state
    refused = Signal(str)  # something that was asked is not done: the sentence says why
    consent_wanted = Signal(str, str)  # a run's name and why it is resumed here only on a person's word (`resume` with consent)

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = Workspace(workspace)
        self._followed: dict[str, Followed] = {}
        self._chosen = ""
        self._goes_along = False
        self._started: list[_Started] = []
        self._observer = Observer()
        self._looked_at = float("-inf")
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.tick)

    # ---- what there is ----------------------------------------------------------------------------------------------------

    @property
    def runs(self) -> list[Followed]:
        """All runs, ordered by lineage, seed, generation."""
        return list(self._followed.values())

    @property
    def chosen(self) -> Followed | None:
        return self._followed.get(self._chosen)

    @property
    def loading(self) -> int:
        """How many runs are still being read for the first time."""
        return sum(not one.loaded for one in self._followed.values())

    def followed(self, name: str) -> Followed | None:
        return self._followed.get(name)

    def lineage(self, name: str) -> list[Followed]:
        """The runs of a lineage, seed by seed, generation by generation."""
        return [one for one in self._followed.values() if one.lineage == name]

    def teacher_of(self, one: Followed) -> Followed | None:
        return self._followed.get(one.recipe.teacher) if one.recipe and one.recipe.teacher else None

    def choose(self, name: str) -> None:
        """Look at this run. Who looks at a run at work goes along with its lineage: see `_go_along`."""
        one = self._followed.get(name)
        if one is None:
            return
        self._goes_along = one.at_work or one.expected
        if name != self._chosen:
            self._chosen = name
            self.chosen_changed.emit()
            self.state_changed.emit()

    # ---- following --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow: one timer for the whole window."""
        self._timer.start(TICK_MS)
        self.tick()

    def stop_following(self) -> None:
        self._timer.stop()

    def open_workspace(self, folder: Path) -> None:
        """Look at another folder: a workspace, or one run of it."""
        name = ""
        if (folder / "recipe.toml").is_file():
            folder, name = folder.parent, folder.name
        self.workspace = Workspace(folder)
        self._followed.clear()
        self._chosen = ""
        self._look_again()
        if name:
            self.choose(name)
        self.chosen_changed.emit()
        self.runs_changed.emit()

    def tick(self) -> None:
        """Look for new runs, read what is new within the budget, derive states, tell the views once."""
        before, loading = self.chosen.word if self.chosen else "", self.loading
        listed = self._look() if time.monotonic() - self._looked_at >= LOOK_S else False
        news = self._read()
        listed |= self._expect()
        self._go_along()
        if loading and not self.loading:
            self._looked_at = float("-inf")  # a word may rest on another run's that was read after it
        chosen = self.chosen
        if chosen is None and self._followed:
            self._chosen = ""
            self.choose(self._most_interesting())
        elif chosen is not None and (chosen.name in news or chosen.word != before):
            self.state_changed.emit()
        if listed or news or self.loading != loading:
            self.runs_changed.emit()
        on_cpu = any(one.word in ("running", "stopping") and one.state.device == "cpu" for one in self.runs)
        self._timer.setInterval(TICK_ON_CPU_MS if on_cpu and not self.loading else TICK_MS)

    def _look(self) -> bool:
        """Runs that came or went, and a sign of life from each. True if anything is different."""
        self._looked_at = time.monotonic()
        there = self.workspace.runs()
        names = [run.name for run in there]
        different = names != list(self._followed)
        if different:
            known = self._followed
            self._followed = {run.name: known.get(run.name) or _first_sight(run) for run in there}
        for one in self._followed.values():
            different |= self._derive(one) or one.word == "unresponsive"  # how long it has been silent is news
        return different

    def _derive(self, one: Followed) -> bool:
        """The run's state in one word. True if it is another one than before."""
        before = one.word
        one.word = self._word(one)
        if one.word == "lost" and one.loaded and one.tail.read_into(one.state):
            one.word = self._word(one)  # its last word was written between our reading and our look at the lock
        if one.word != before or not one.heard_at:
            _look_at_clock(one)
        return one.word != before

    def _word(self, one: Followed) -> State:
        """As Observer.state_of, but from the teacher's events that are folded here anyway instead of the file's."""
        word = derive(one.state, self._observer.vital(one.run))
        return "blocked" if word == "queued" and self._is_blocked(one) else word

    def _is_blocked(self, one: Followed) -> bool:
        if one.recipe is None or not one.recipe.teacher:
            return False
        teacher = self.teacher_of(one)
        if teacher is None:
            return True
        waiting = ("queued", *AT_WORK)
        return teacher.loaded and not teacher.state.completed and not teacher.expected and teacher.word not in waiting

    def _expect(self) -> bool:
        """Which runs the processes we started turn to next, and what became of those that ended. True if that is news."""
        expected: set[str] = set()
        for started in [one for one in self._started if one.log.parent == self.workspace.folder]:
            code = started.process.poll()
            if code is None:
                expected |= self._next_of(started)
            else:
                self._started.remove(started)
                self._report_end(started, code)
        different = False
        for one in self._followed.values():
            different |= one.expected != (one.name in expected)
            one.expected = one.name in expected
        return different

    def _next_of(self, started: _Started) -> set[str]:
        mine = [one for name in started.attempts if (one := self._followed.get(name)) is not None]
        if any(one.at_work for one in mine):
            return set()
        fresh = (one.name for one in mine if one.state.attempt == started.attempts[one.name] and not one.state.completed)
        return {name for name in [next(fresh, "")] if name}

    def _report_end(self, started: _Started, code: int) -> None:
        """A process that began with a run has said in its folder how that went; one that did not is heard here."""
        runs = [one for name in started.attempts if (one := self._followed.get(name)) is not None]
        began = any(one.run.state().attempt > started.attempts[one.name] for one in runs if code not in (0, 2, 130))
        if code in (0, 130) or began:
            return
        words = started.last_words() or f"it ended with code {code}"
        self.refused.emit(f"{words}." if code == 2 else f"The engine ended before its work began: {words}. See {started.log}.")

    def _go_along(self) -> None:
        """Who looked at a run while it was at work is taken along when it completes and the next of its lineage begins."""
        one = self.chosen
        if one is None:
            return
        self._goes_along |= one.at_work or one.expected  # also a run that was still queued when it was chosen
        if not (self._goes_along and one.state.completed):
            return
        following = next((other for other in self.lineage(one.lineage) if other.at_work), None)
        if following is not None:
            self.choose(following.name)

    def _read(self) -> set[str]:
        """Fold new events of all runs, the chosen one first, until the budget is spent. Names of runs with news."""
        news: set[str] = set()
        until = time.monotonic() + BUDGET_S
        order = sorted(self._followed.values(), key=lambda one: (one.name != self._chosen, one.loaded))
        for one in order:
            while one.tail.read_into(one.state):
                news.add(one.name)
                if time.monotonic() > until:
                    break
            else:
                one.loaded = True
            if one.name in news:
                self._refresh(one)
                if time.monotonic() > until:  # asked only after news, so that whoever has none never waits for a turn
                    break
        return news

    def _refresh(self, one: Followed) -> None:
        self._derive(one)
        if one.data is None:
            with contextlib.suppress(OSError, ValueError):
                one.data = one.run.data()
        one.changed_at = _written_at(one.run.events_path)

    def _most_interesting(self) -> str:
        """A run at work, else the one that changed last."""
        return max(self.runs, key=lambda one: (one.at_work, one.changed_at, -one.generation)).name

    # ---- asking -----------------------------------------------------------------------------------------------------------

    def send(self, command: AnyCommand, name: str = "") -> None:
        """Write a command file for a run's present attempt; the chosen run unless another is named."""
        one = self._followed.get(name or self._chosen)
        if one is None:
            return
        status = one.run.status()  # the heart knows of a new attempt a moment before the events do
        command = msgspec.structs.replace(command, attempt=max(one.state.attempt, status.attempt if status else 0))
        try:
            key = one.run.send(command)
        except OSError as error:
            self.refused.emit(f"{one.name} cannot be asked anything: {error.strerror or error}.")
            return
        one.asked[key] = (msgspec.structs.replace(command, id=key), time.time())
        self.state_changed.emit()
        self.runs_changed.emit()

    def stop(self, when: str, name: str = "") -> None:
        self.send(Stop(when="now" if when == "now" else "epoch"), name)

    def pause(self, name: str = "") -> None:
        self.send(Pause(), name)

    def kill(self, name: str = "") -> None:
        """End an engine at once; its newest checkpoint stays."""
        one = self._followed.get(name or self._chosen)
        if one is None:
            return
        try:
            if not one.run.kill():
                self.refused.emit(f"{one.name} has no engine on this machine to kill.")
        except Refused as refusal:
            self.refused.emit(str(refusal))
        self._look_again()

    def resume(self, name: str = "", consent: bool = False) -> None:
        """Go on with a run from its newest checkpoint, then with those that wait for it, in a process that outlives us.

        A run of another machine is asked about first (`consent_wanted`).
        """
        one = self._followed.get(name or self._chosen)
        if one is None:
            return
        if one.host and not consent:
            danger = "If its engine still lives there, two would write into one folder."
            self.consent_wanted.emit(one.name, f"{one.name} was last at work on {one.host}. {danger}")
            return
        waiting = [other.name for other in self.lineage(one.lineage) if other is not one and not other.state.attempts]
        self._detach([one.name, *waiting], "resume", one.name)
        self._goes_along = self._goes_along or one.name == self._chosen
        self._look_again()

    def start_sample(self) -> bool:
        """Train the recipe of the sample, or go on with it; what is complete already is not trained again."""
        return self.start_recipe(SAMPLE)

    def start_recipe(self, source: str, sets: tuple[str, ...] = ()) -> bool:
        """Start `filial train` on a recipe, detached; its runs appear here by being looked for. False if it is refused."""
        try:
            file = recipe.read(source, sets)
            runs = self.workspace.create(file)
            work = turns.to_do(runs, resume=True)
        except (Refused, RecipeErrors, OSError) as refusal:
            self.refused.emit(str(refusal))
            return False
        self._look_again()
        if work:
            changes = [part for change in sets for part in ("--set", change)]
            self._detach([run.name for run in work], "train", source, "--resume", *changes)
            self._look_again()
        self.choose((work or runs)[0].name)
        return True

    def _detach(self, names: list[str], *arguments: str) -> None:
        """Start a process that works through these runs in turn and outlives us."""
        log = self.workspace.folder / "studio.log"
        command = processes.python("engine", *arguments, "--runs", str(self.workspace.folder))
        try:
            size = log.stat().st_size if log.exists() else 0
            process = processes.start(command, log, detached=True)
        except OSError as error:
            self.refused.emit(f"The engine cannot be started: {error.strerror or error}.")
            return
        known = {name: self._followed[name].state.attempt for name in names if name in self._followed}
        self._started.append(_Started(process, known, log, size))

    def _look_again(self) -> None:
        """Now, not only when the time has come."""
        self._looked_at = float("-inf")
        self.tick()


def _first_sight(run: Run) -> Followed:
    one = Followed(run, run.tail())
    try:
        one.recipe = run.recipe()
    except (OSError, ValueError) as error:
        one.problem = str(error)
    one.changed_at = _written_at(run.events_path)
    return one


def _look_at_clock(one: Followed) -> None:
    """When and where its engine was last heard of."""
    status = one.run.status()
    one.host = status.host if status and status.host != processes.host() else ""
    one.heard_at = max(_written_at(one.run.events_path), _written_at(one.run.folder / "status.json"))


def _written_at(path: Path) -> float:
    """Unix seconds; 0 for a file that is not there."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def machine_memory() -> tuple[float, float]:
    """(used, total) memory of this machine in GiB, for the strip of a CPU run."""
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / 2**30, memory.total / 2**30
