"""Session, the only bridge between window and engine: follows runs, emits Qt signals, writes commands, starts work.

It reads folders by a timer and holds no truth of its own: closing the window and opening another loses nothing. Views ask it
for a `Followed` and listen to its signals; none of them opens a file of a run's attempt or a process themselves.
"""

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from engine import processes, queue, recipe
from engine.commands import AnyCommand, Pause, Stop
from engine.fields import RecipeErrors
from engine.recipe import RunRecipe
from engine.run import Observer, Refused, Run, Tail, Workspace
from engine.state import RunState, State

TICK_MS = 200  # 5 Hz
TICK_ON_CPU_MS = 500  # 2 Hz while a run trains on the CPU: the window must not take cores from it
BUDGET_S = 0.03  # parsing in one go
LOOK_S = 1.0  # how often the folder is looked through for new runs, and quiet runs for signs of life
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
    def wish(self) -> str:
        """What was asked here and is not done yet: "stop requested", "stop acknowledged", or nothing."""
        if not self.at_work:
            return ""
        for command, _ in reversed(self.asked.values()):
            kind = type(command).__name__.lower()
            if kind in ("stop", "pause"):
                outcome = self.state.acknowledged.get(command.id)
                return f"{kind} requested" if outcome is None else f"{kind} acknowledged" if outcome == "accepted" else ""
        return f"{self.state.leaving} acknowledged" if self.state.leaving else ""


class Session(QObject):
    """The runs of one workspace, followed."""

    runs_changed = Signal()  # a run appeared, vanished, or its state word, recipe or progress changed
    chosen_changed = Signal()  # another run is looked at
    state_changed = Signal()  # the chosen run has new events or another state
    refused = Signal(str)  # something that was asked is not done: the sentence says why

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = Workspace(workspace)
        self._followed: dict[str, Followed] = {}
        self._chosen = ""
        self._observer = Observer()
        self._looked_at = 0.0
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
        if name != self._chosen and name in self._followed:
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
        self._looked_at = 0.0
        self.tick()
        if name:
            self.choose(name)
        self.chosen_changed.emit()
        self.runs_changed.emit()

    def tick(self) -> None:
        """Look for new runs, read what is new within the budget, derive states, tell the views once."""
        listed = self._look() if time.monotonic() - self._looked_at >= LOOK_S else False
        news = self._read()
        chosen = self.chosen
        if not self._chosen and self._followed:
            self._chosen = self._most_interesting()
            self.chosen_changed.emit()
            self.state_changed.emit()
        elif chosen is not None and chosen.name in news:
            self.state_changed.emit()
        if listed or news:
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
            different |= self._derive(one)
        return different

    def _derive(self, one: Followed) -> bool:
        before = one.word
        one.word = self._observer.state_of(one.run, one.state)
        return one.word != before

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
            if time.monotonic() > until:
                break
        return news

    def _refresh(self, one: Followed) -> None:
        self._derive(one)
        if one.data is None:
            with contextlib.suppress(OSError, ValueError):
                one.data = one.run.data()
        with contextlib.suppress(OSError):
            one.changed_at = one.run.events_path.stat().st_mtime

    def _most_interesting(self) -> str:
        """A run at work, else the one that changed last."""
        return max(self.runs, key=lambda one: (one.at_work, one.changed_at, -one.generation)).name

    # ---- asking -----------------------------------------------------------------------------------------------------------

    def send(self, command: AnyCommand, name: str = "") -> None:
        """Write a command file for a run's present attempt; the chosen run unless another is named."""
        one = self._followed.get(name or self._chosen)
        if one is None:
            return
        command = msgspec.structs.replace(command, attempt=one.state.attempt)
        try:
            key = one.run.send(command)
        except OSError as error:
            self.refused.emit(f"{one.name} cannot be asked anything: {error.strerror or error}")
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
        if one is not None and not one.run.kill():
            self.refused.emit(f"{one.name} has no engine on this machine to kill")
        self._looked_at = 0.0
        self.tick()

    def resume(self, name: str = "") -> None:
        """Go on with a run from its newest checkpoint, then with those that wait for it, in a process that outlives us."""
        one = self._followed.get(name or self._chosen)
        if one is not None:
            self._detach("resume", one.name)

    def start_sample(self) -> None:
        """Train the recipe of the sample, or go on with it; what is complete already is not trained again."""
        self.start_recipe("born-again-digits")

    def start_recipe(self, source: str, sets: tuple[str, ...] = ()) -> None:
        """Start `filial train` on a recipe, detached; its runs appear here by being looked for."""
        try:
            file = recipe.read(source, sets)
            runs = self.workspace.create(file)
            work = queue.to_do(runs, resume=True)
        except (Refused, RecipeErrors, OSError) as refusal:
            self.refused.emit(str(refusal))
            return
        if work:
            changes = [part for change in sets for part in ("--set", change)]
            self._detach("train", source, "--resume", *changes)
        self._looked_at = 0.0
        self.tick()
        self.choose((work or runs)[0].name)

    def _detach(self, *arguments: str) -> None:
        self.workspace.folder.mkdir(parents=True, exist_ok=True)
        command = processes.python("engine", *arguments, "--runs", str(self.workspace.folder))
        try:
            processes.start(command, self.workspace.folder / "studio.log", detached=True)
        except OSError as error:
            self.refused.emit(f"the engine cannot be started: {error}")


def _first_sight(run: Run) -> Followed:
    one = Followed(run, run.tail())
    try:
        one.recipe = run.recipe()
    except (OSError, ValueError) as error:
        one.problem = str(error)
    return one


def machine_memory() -> tuple[float, float]:
    """(used, total) memory of this machine in GiB, for the strip of a CPU run."""
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / 2**30, memory.total / 2**30
