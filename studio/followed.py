"""A run as the window knows it: its folder, its events as far as they are folded, and where it stands in the queue.

Of a run at rest among thousands only a brief is held (engine/brief.py) until somebody looks at it; `whole` tells. Everything
that a table says is the same from either. Following many of them is session.py's and watch.py's.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from engine import processes
from engine.commands import AnyCommand, Pause, Stop
from engine.notes import NOTHING, Notes
from engine.recipe import RunRecipe
from engine.run import Run, Tail, sort_key
from engine.state import RunState, State

AT_WORK = ("starting", "running", "stopping", "unresponsive")
UNSEEN = ("tail", "waking", "touched", "memo")  # what is not said of a run
T = TypeVar("T")


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
    notes: Notes = NOTHING  # what a person wrote about it
    place: int = 0  # among those that wait in the queue, 1 for the next; 0 for a run that does not wait there
    expected: bool = False  # a worker, or a process this window started, turns to it next; its engine is not heard of yet
    loaded: bool = False  # everything on disk at first sight has been folded, or a brief of it is at hand
    whole: bool = True  # no brief: every event that was read is in `state`
    waking: tuple[Tail, RunState] | None = None  # what a brief is about to be exchanged for, as far as it is read
    touched: int = 0  # how often any of this was set anew
    memo: dict[str, tuple[int, int, Any]] = field(default_factory=dict)  # what was worked out of it, and of which version

    def __post_init__(self) -> None:
        self.name = self.run.name  # asked for thousands of times a second
        self.order = sort_key(self.name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Counts what is another than before: who keeps what was worked out of a run need not compare all of it."""
        old = self.__dict__.get(name)
        if old is not value and name not in UNSEEN and (name == "state" or old != value):
            self.__dict__["touched"] = self.__dict__.get("touched", 0) + 1
        self.__dict__[name] = value

    @property
    def version(self) -> tuple[int, int]:
        """Another one whenever anything that can be said of this run may be different, but for the time and other runs."""
        return self.touched, self.state.count

    def keep(self, what: str, work_out: Callable[["Followed"], T]) -> T:
        """What was worked out of this version of the run, once."""
        known = self.memo.get(what)
        if known is not None and known[0] == self.touched and known[1] == self.state.count:
            return cast(T, known[2])
        value = work_out(self)
        self.memo[what] = self.touched, self.state.count, value
        return value

    @property
    def lineage(self) -> str:
        return self.recipe.lineage if self.recipe else self.name

    @property
    def generation(self) -> int:
        return self.recipe.generation if self.recipe else 0

    @property
    def called(self) -> str:
        """Its generation, "F1"; of a fork "F1b"."""
        return f"F{self.generation}{self.run.branch}"

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
    def newest_attempt(self) -> int:
        """The heart knows of a new attempt a moment before the events do."""
        status = self.run.status()
        return max(self.state.attempt, status.attempt if status else 0)

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


def heard_of(run: Run) -> tuple[str, float]:
    """Where its last engine ran, empty for this machine, and when it was last heard of (unix seconds; 0 for never)."""
    status = run.status()
    host = status.host if status and status.host != processes.host() else ""
    return host, max(written_at(run.events_path), written_at(run.folder / "status.json"))


def written_at(path: Path) -> float:
    """Unix seconds; 0 for a file that is not there."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0
