"""Events folded into what can be shown. Pure: no files, no clock, no window; numpy at most.

A live run is a replay that has not finished yet: the same fold serves both. What only an observer can know (is the lock held,
does the heartbeat move) comes in as `Vital`, and `derive` puts the two together:

    queued --> starting --> running --> finished (completed | stopped | failed) | paused
       |           \\________/  |  \\--> stopping --> finished
    blocked (teacher)           |--> unresponsive (held, silent 30 s) --> running
                                \\--> lost (free, no last word) --> starting (next attempt)
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine import events, words
from engine.events import AnyEvent, Finished

State = Literal[
    "queued", "blocked", "starting", "running", "unresponsive", "paused", "stopping", "finished", "lost"
]  # fmt: skip
HEADLINES = (
    "val/accuracy",
    "knn/average@val",
    "knn/teacher@val",
    "knn/student@val",
)  # what the best checkpoint is chosen by, the first there is
MANY = 16  # ticks in a row from which on an array pays
METRICS = 1000  # curves of a run: ours have fifty; whoever names more would fill memory and window with them
SILENT_S = 30.0  # a held lock whose counter has not moved this long is unresponsive
_SPLIT_IN_NAME = re.compile(r"(train|val|test)/")


class Artifact(Struct, frozen=True):
    step: int
    epoch: float
    kind: str
    path: str
    attempt: int


class Checkpoint(Struct, frozen=True):
    step: int
    epoch: float
    path: str


class LogLine(Struct, frozen=True):
    time: float  # unix seconds
    step: int
    level: Literal["info", "warn", "error"]
    text: str


class Curve:
    """A metric over the run. Grows in place; the arrays are views, valid until the next fold.

    steps, attempts int64 [n]; epochs, values float64 [n]; times float64 [n] seconds of training, summed over attempts;
    kept bool [n], False for points that a later resume abandoned, or that were measured again at their very step.
    """

    _COLUMNS = ("_rows", "_attempts", "_kept")

    def __init__(self, room: int = 64) -> None:
        self._rows = np.empty((room, 4))
        self._attempts = np.empty(room, dtype=np.int64)
        self._kept = np.empty(room, dtype=bool)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, step: int, epoch: float, time_s: float, value: float, attempt: int) -> None:
        if self._size == len(self._rows):
            self._grow(self._size + 1)
        self._rows[self._size] = step, epoch, time_s, value
        self._attempts[self._size] = attempt
        self._kept[self._size] = True
        self._size += 1

    def extend(self, rows: NDArray[np.float64], values: NDArray[np.float64], attempt: int) -> None:
        """Many points at once. rows float64 [n, 3]: step, epoch, seconds of training; values float64 [n]."""
        end = self._size + len(rows)
        if end > len(self._rows):
            self._grow(end)
        self._rows[self._size : end, :3] = rows
        self._rows[self._size : end, 3] = values
        self._attempts[self._size : end] = attempt
        self._kept[self._size : end] = True
        self._size = end

    def packed(self) -> tuple[bytes, bytes, bytes]:
        """All of it as bytes, for this machine."""
        return tuple(getattr(self, name)[: self._size].tobytes() for name in self._COLUMNS)

    @classmethod
    def unpacked(cls, *columns: bytes) -> "Curve":
        """The inverse of `packed`. Raises ValueError where the columns are not of one length."""
        curve = cls(0)
        curve._rows, curve._attempts, curve._kept = (
            np.frombuffer(column, old.dtype).reshape(-1, *old.shape[1:]).copy()
            for column, old in zip(columns, (getattr(curve, name) for name in cls._COLUMNS), strict=True)
        )
        curve._size = len(curve._rows)
        if not curve._size == len(curve._attempts) == len(curve._kept):
            raise ValueError("the columns of a curve are not of one length")
        return curve

    def _grow(self, least: int) -> None:
        room = max(least, 2 * len(self._rows), 64)
        for name in self._COLUMNS:
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), dtype=old.dtype)
            new[: self._size] = old[: self._size]
            setattr(self, name, new)

    def abandon_after(self, step: int) -> None:
        self._kept[: self._size] &= self._rows[: self._size, 0] <= step

    def abandon_at(self, step: int) -> None:
        self._kept[: self._size] &= self._rows[: self._size, 0] != step

    @property
    def steps(self) -> NDArray[np.int64]:
        return self._rows[: self._size, 0].astype(np.int64)

    @property
    def epochs(self) -> NDArray[np.float64]:
        return self._rows[: self._size, 1]

    @property
    def times(self) -> NDArray[np.float64]:
        return self._rows[: self._size, 2]

    @property
    def values(self) -> NDArray[np.float64]:
        return self._rows[: self._size, 3]

    @property
    def attempts(self) -> NDArray[np.int64]:
        return self._attempts[: self._size]

    @property
    def kept(self) -> NDArray[np.bool_]:
        return self._kept[: self._size]

    def mean_between(self, after: int, to: int) -> float:
        """Mean of the kept values of the steps in (after, to]. Kept steps ascend, so the newest points are looked at first,
        and no more of them than it takes."""
        room = 64
        while True:
            newest = slice(max(0, self._size - room), self._size)
            kept = self._kept[newest]
            steps, values = self._rows[newest, 0][kept], self._rows[newest, 3][kept]
            if newest.start == 0 or (len(steps) and steps[0] <= after):
                between = values[(steps > after) & (steps <= to)]
                return float(between.mean()) if len(between) else math.nan  # what anybody may have written need not ascend
            room *= 4

    @property
    def last(self) -> float:
        """The newest value that no resume has abandoned; NaN if there is none."""
        kept = np.flatnonzero(self.kept)
        return float(self.values[kept[-1]]) if len(kept) else float("nan")


@dataclass
class AttemptInfo:
    """One stretch of a run between a start and an end."""

    number: int
    resumed_from_step: int
    time: float  # unix seconds of its start
    earlier_s: float  # training seconds of the attempts before, as far as they were kept
    elapsed_s: float = 0.0
    stepped: bool = False
    finished: Finished | None = None


@dataclass
class RunState:
    """Everything the events of one run have said so far."""

    attempts: list[AttemptInfo] = field(default_factory=list)
    step: int = 0
    epoch: float = 0.0
    total_steps: int = 0
    steps_per_epoch: int = 0
    epochs: int = 0
    log_every: int = 1
    pictures: int = 0
    device: str = ""
    device_reason: str = ""
    device_memory_gib: float = 0.0
    precision: str = ""
    threads: int = 0
    phase: tuple[str, str] = ("", "")
    curves: dict[str, Curve] = field(default_factory=dict)
    artifacts: list[Artifact] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    log: list[LogLine] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    changes: list[events.Changed] = field(default_factory=list)
    teacher: events.TeacherPinned | None = None
    weights: events.WeightsImported | None = None
    not_finite: events.LossNotFinite | None = None
    diagnoses: dict[str, events.Diagnosed] = field(default_factory=dict)  # by verdict: what is wrong now, the oldest first
    rollbacks: list[events.RolledBack] = field(default_factory=list)
    skips: set[int] = field(default_factory=set)  # steps that pass without learning
    leaving: Literal["", "stop", "pause"] = ""  # acknowledged in this attempt and not yet done
    measured_at: int = -1  # the step of the newest probe
    unreadable: int = 0
    count: int = 0  # events folded: tells a reader whether anything is new

    @property
    def attempt(self) -> int:
        return self.attempts[-1].number if self.attempts else 0

    @property
    def finished(self) -> Finished | None:
        """The last word of the newest attempt; None while it is at work or if it died without one."""
        return self.attempts[-1].finished if self.attempts else None

    @property
    def completed(self) -> bool:
        return self.finished is not None and self.finished.reason == "completed"

    @property
    def altered(self) -> bool:
        return bool(self.changes)

    @property
    def values(self) -> dict[str, float]:
        """The newest value of each metric by its plain name; where it was measured on several splits, test before val."""
        newest: dict[str, float] = {}
        for key in sorted(self.curves, key=lambda key: (key.endswith("@test"), key)):
            if self.curves[key].kept.any():
                newest[key.partition("@")[0]] = self.curves[key].last
        return newest

    @property
    def headline(self) -> str:
        """The metric by which this run's checkpoints are told apart."""
        return next((name for name in HEADLINES if name in self.curves), HEADLINES[0])

    def best(self, name: str, highest: bool = True) -> tuple[float, int] | None:
        """(value, step) of the best kept point of a metric, the earliest of equals; None without one."""
        curve = self.curves.get(name)
        if curve is None or not curve.kept.any():
            return None
        places = np.flatnonzero(curve.kept)
        values = curve.values[places]
        place = places[int(np.argmax(values) if highest else np.argmin(values))]
        return float(curve.values[place]), int(curve.steps[place])

    def fold(self, event: AnyEvent) -> None:
        self.count += 1
        if not self.attempts and not isinstance(event, events.Started):
            self.attempts.append(AttemptInfo(1, 0, 0.0, 0.0))  # its first line cannot be read; the rest is no less true
        if self.attempts:
            self.attempts[-1].elapsed_s = max(self.attempts[-1].elapsed_s, event.elapsed_s)
        _FOLDS[type(event)](self, event)

    def fold_all(self, some: Sequence[AnyEvent]) -> None:
        """As `fold` of each in turn; of many steps in a row, which are nearly all of a long run, each metric at once."""
        place = 0
        while place < len(some):
            end = _alike(some, place)
            if end - place >= MANY and self.attempts:
                _steps_taken(self, some[place:end])  # type: ignore[arg-type]
            else:
                for event in some[place:end]:
                    self.fold(event)
            place = end

    def point(self, name: str, step: int, epoch: float, value: float) -> None:
        attempt = self.attempts[-1]
        if (curve := self.curve(name, 1)) is not None:
            curve.add(step, epoch, attempt.earlier_s + attempt.elapsed_s, value, attempt.number)

    def curve(self, name: str, points: int) -> Curve | None:
        """A metric's, made for its first points; None for one too many, whose points count as unreadable."""
        found = self.curves.get(name)
        if found is None and len(self.curves) < METRICS:
            found = self.curves[name] = Curve()
        elif found is None:
            self.unreadable += points
        return found

    def say(
        self, event: AnyEvent, text: str, level: Literal["info", "warn", "error"] = "info", step: int | None = None
    ) -> None:
        time = self.attempts[-1].time + event.elapsed_s
        self.log.append(LogLine(time, self.step if step is None else step, level, text))


def _started(state: RunState, event: events.Started) -> None:
    resumed = event.resumed_from_step
    _go_back(state, resumed)
    state.attempts.append(AttemptInfo(event.attempt, resumed, event.time, _trained_s(state, resumed)))
    state.phase = ("", "")
    state.leaving = ""
    origin = f"resumed at step {words.count(resumed)}" if resumed else "started"
    state.say(event, f"attempt {event.attempt} {origin}, process {event.pid} on {event.host}", step=resumed)


def _go_back(state: RunState, step: int) -> None:
    """Whatever came after a step is abandoned."""
    for curve in state.curves.values():
        curve.abandon_after(step)
    state.measured_at = min(state.measured_at, step)
    state.checkpoints = [point for point in state.checkpoints if point.step <= step]
    state.step = step
    state.epoch = step / state.steps_per_epoch if state.steps_per_epoch else 0.0
    state.not_finite = None
    state.diagnoses = {name: told for name, told in state.diagnoses.items() if told.step <= step}


def _trained_s(state: RunState, step: int) -> float:
    """Seconds of training behind a step, over all attempts."""
    loss = state.curves.get("train/loss")
    if loss is None or not loss.kept.any():
        return 0.0
    behind = loss.times[loss.kept & (loss.steps <= step)]
    return float(behind.max()) if len(behind) else 0.0


def _phase_began(state: RunState, event: events.PhaseBegan) -> None:
    state.phase = (event.name, event.detail)
    if event.detail:
        state.say(event, event.detail)


def _prepared(state: RunState, event: events.Prepared) -> None:
    for name in event.__struct_fields__:
        if hasattr(state, name):
            setattr(state, name, getattr(event, name))
    state.epoch = state.step / event.steps_per_epoch if event.steps_per_epoch else 0.0
    state.phase = ("training", "")
    reason = f" ({event.device_reason})" if event.device_reason else ""
    threads = f", {words.plural(event.threads, 'thread')}" if event.device == "cpu" else ""
    shared = f" on {event.devices} devices" if event.devices > 1 else ""
    state.say(event, f"{event.device}{reason}{shared}, {event.precision}{threads}; {words.count(event.total_steps)} steps")


def _teacher_pinned(state: RunState, event: events.TeacherPinned) -> None:
    state.teacher = event
    state.say(event, f"teacher is {event.run} at step {words.count(event.step)}")


def _weights_imported(state: RunState, event: events.WeightsImported) -> None:
    state.weights = event
    state.say(event, event.text, "info" if event.whole else "warn", 0)


def _step_taken(state: RunState, event: events.StepTaken) -> None:
    state.step, state.epoch = event.step, event.epoch
    state.attempts[-1].stepped = True
    state.phase = ("training", "")
    for name, value in event.values.items():
        state.point(name, event.step, event.epoch, value)
    _tell_epoch(state, event)


def _tell_epoch(state: RunState, event: events.StepTaken) -> None:
    losses = state.curves.get("train/loss")
    if losses and state.steps_per_epoch and event.step % state.steps_per_epoch == 0 and "train/loss" in event.values:
        loss = losses.mean_between(event.step - state.steps_per_epoch, event.step)
        state.say(event, f"epoch {round(event.epoch)} done, train/loss {words.number(loss)}", step=event.step)


def _alike(some: Sequence[AnyEvent], place: int) -> int:
    """Where the stretch of ascending ticks with the very same metrics ends that begins here; the next place if none does."""
    before = some[place]
    end = place + 1
    if isinstance(before, events.StepTaken):
        names = list(before.values)
        while end < len(some) and isinstance(one := some[end], events.StepTaken):
            if one.step <= before.step or list(one.values) != names:
                break
            before, end = one, end + 1
    return end


def _steps_taken(state: RunState, some: Sequence[events.StepTaken]) -> None:
    """As _step_taken of each. All have the same metrics."""
    attempt, last, names = state.attempts[-1], some[-1], list(some[0].values)
    elapsed_s = np.maximum.accumulate([attempt.elapsed_s, *(one.elapsed_s for one in some)])[1:]
    rows = np.array([(one.step, one.epoch, attempt.earlier_s) for one in some], dtype=float)
    rows[:, 2] += elapsed_s
    values = np.array([list(one.values.values()) for one in some], dtype=float)
    for name, column in zip(names, values.T, strict=True):
        if (curve := state.curve(name, len(some))) is not None:
            curve.extend(rows, column, attempt.number)
    attempt.elapsed_s, attempt.stepped = float(elapsed_s[-1]), True
    state.step, state.epoch, state.phase = last.step, last.epoch, ("training", "")
    state.count += len(some)
    for one in some if state.steps_per_epoch else ():
        if one.step % state.steps_per_epoch == 0:
            _tell_epoch(state, one)


def _measured(state: RunState, event: events.Measured) -> None:
    state.measured_at = event.step
    for name, value in event.values.items():
        plain = not event.split or _SPLIT_IN_NAME.match(name)
        key = name if plain else f"{name}@{event.split}"
        if key in state.curves:  # asked for by hand, or the engine was killed before it had all of its last evaluation
            state.curves[key].abandon_at(event.step)
        state.point(key, event.step, event.epoch, value)
    told = next(
        (name for name in (f"{event.split}/accuracy", "knn/average", "knn/teacher", "knn/student") if name in event.values),
        None,
    )
    if told is not None:
        where = "" if told.startswith(event.split) else f" on {event.split}"
        state.say(event, f"{told}{where} {words.percent(event.values[told])}", step=event.step)


def _checkpoint_saved(state: RunState, event: events.CheckpointSaved) -> None:
    state.checkpoints.append(Checkpoint(event.step, event.epoch, event.path))
    state.say(event, f"checkpoint {event.path} saved, {words.size(event.size)}", step=event.step)


def _artifact_saved(state: RunState, event: events.ArtifactSaved) -> None:
    state.artifacts.append(Artifact(event.step, event.epoch, event.kind, event.path, state.attempt))


def _acknowledged(state: RunState, event: events.CommandAcknowledged) -> None:
    state.acknowledged[event.id] = event.outcome
    if event.outcome == "accepted" and event.command in ("stop", "pause"):
        state.leaving = event.command  # type: ignore[assignment]
    detail = f": {event.detail}" if event.detail else ""
    state.say(event, f"{event.command.replace('_', ' ')} {event.outcome}{detail}", step=event.step)


def _changed(state: RunState, event: events.Changed) -> None:
    state.changes.append(event)
    state.say(event, f"{event.field} is {event.value} from step {words.count(event.step)} on", "warn", event.step)


def _warned(state: RunState, event: events.Warned) -> None:
    state.say(event, event.text, "warn", event.step)


def _loss_not_finite(state: RunState, event: events.LossNotFinite) -> None:
    state.not_finite = event
    span = f"step {words.count(event.last_step)}"
    if event.first_step != event.last_step:
        span = f"steps {words.count(event.first_step)} to {words.count(event.last_step)}"
    state.say(event, f"the loss became not finite in {span}", "error", event.last_step)


def plain(verdict: str) -> str:
    """one_dimension -> "one dimension"."""
    return verdict.replace("_", " ")


def _diagnosed(state: RunState, event: events.Diagnosed) -> None:
    state.diagnoses[event.verdict] = event
    state.say(event, f"{plain(event.verdict)}: {event.evidence}", "warn", event.step)


def _recovered(state: RunState, event: events.Recovered) -> None:
    state.diagnoses.pop(event.verdict, None)
    state.say(event, f"{plain(event.verdict)} is over", step=event.step)


def _rolled_back(state: RunState, event: events.RolledBack) -> None:
    _go_back(state, event.to_step)
    state.rollbacks.append(event)
    state.skips |= set(event.skip)
    state.changes = [one for one in state.changes if one.step <= event.to_step or one.field not in event.changes]
    skipped = f", past {words.plural(len(event.skip), 'skipped step')}" if event.skip else ""
    text = f"rolled back from step {words.count(event.step)} to {words.count(event.to_step)}{skipped}: {plain(event.verdict)}"
    state.say(event, text, "warn", event.to_step)


def _finished(state: RunState, event: Finished) -> None:
    state.attempts[-1].finished = event
    state.leaving = ""
    level: Literal["info", "error"] = "error" if event.reason == "failed" else "info"
    state.say(event, event.reason + (f": {event.detail}" if event.detail else ""), level)


_FOLDS: dict[type, Any] = {
    events.Started: _started,
    events.PhaseBegan: _phase_began,
    events.Prepared: _prepared,
    events.TeacherPinned: _teacher_pinned,
    events.WeightsImported: _weights_imported,
    events.StepTaken: _step_taken,
    events.Measured: _measured,
    events.CheckpointSaved: _checkpoint_saved,
    events.ArtifactSaved: _artifact_saved,
    events.CommandAcknowledged: _acknowledged,
    events.Changed: _changed,
    events.Warned: _warned,
    events.LossNotFinite: _loss_not_finite,
    events.Diagnosed: _diagnosed,
    events.Recovered: _recovered,
    events.RolledBack: _rolled_back,
    events.Finished: _finished,
}


@dataclass(frozen=True)
class Vital:
    """What an observer sees of the engine from outside."""

    held: bool = False  # the lock is held by a living process (a zombie is dead)
    local: bool = True  # the last engine ran on this host, so the lock can be believed
    silent_s: float = 0.0  # how long the heartbeat counter has not moved, by the observer's own clock
    attempt: int = 0  # the attempt whose heart beats


def derive(state: RunState, vital: Vital, blocked: bool = False) -> State:
    """The state in one word. `blocked`: the teacher ended without completing, or is gone (see run.Observer)."""
    if vital.held and not _is_closing(state, vital) if vital.local else _heard(state, vital):
        return _alive(state, vital)
    if not state.attempts:
        return "blocked" if blocked else "queued"
    if state.finished is None:
        return "lost"
    return "paused" if state.finished.reason == "paused" else "finished"


def _heard(state: RunState, vital: Vital) -> bool:
    """Another host's engine is alive only as long as its heartbeat moves before our eyes."""
    return vital.silent_s < SILENT_S and not _is_closing(state, vital)


def _is_closing(state: RunState, vital: Vital) -> bool:
    """The last word is said and the lock about to be given back; a higher attempt's beat means that the next one opens."""
    return state.finished is not None and vital.attempt <= state.attempt


def _alive(state: RunState, vital: Vital) -> State:
    if vital.silent_s >= SILENT_S:
        return "unresponsive"
    if not state.attempts or state.finished is not None or not state.attempts[-1].stepped:
        return "starting"
    return "stopping" if state.leaving else "running"
