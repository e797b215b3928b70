"""A run at rest in a few points: what a table of thousands says of it, without its curves, its log and its pictures.

A brief is made of a whole RunState and becomes one again, in which every metric keeps its lowest, its highest and its newest
value with their steps. Whoever draws curves folds the events; whoever lists runs has the same answers from either.
"""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from engine import events
from engine.state import AttemptInfo, Checkpoint, Curve, RunState

PACE_EPOCHS = 2  # the time left rests on the newest epochs, probes and checkpoints included
PLAIN = ("step", "epoch", "total_steps", "steps_per_epoch", "epochs", "log_every", "pictures", "device", "device_reason",
         "device_memory_gib", "precision", "threads", "phase", "changes", "teacher", "weights", "not_finite", "rollbacks",
         "measured_at", "unreadable", "count")  # fmt: skip


class Point(Struct, frozen=True, array_like=True):
    step: int
    epoch: float
    time_s: float
    value: float | None  # None: not finite, for which JSON has no word
    attempt: int


class Attempted(Struct, frozen=True, array_like=True):
    number: int
    resumed_from_step: int
    time: float
    earlier_s: float
    elapsed_s: float
    stepped: bool
    finished: events.Finished | None


class Brief(Struct, frozen=True, omit_defaults=True):
    """What is kept of a RunState. Names and meanings are those of RunState."""

    attempts: list[Attempted]
    curves: dict[str, list[Point]] = {}
    checkpoint: Checkpoint | None = None  # the newest
    diagnoses: list[events.Diagnosed] = []
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
    changes: list[events.Changed] = []
    teacher: events.TeacherPinned | None = None
    weights: events.WeightsImported | None = None
    not_finite: events.LossNotFinite | None = None
    rollbacks: list[events.RolledBack] = []
    measured_at: int = -1
    unreadable: int = 0
    count: int = 0


def of(state: RunState) -> Brief:
    """The brief of a run that is not at work."""
    attempts = [Attempted(*(getattr(one, name) for name in Attempted.__struct_fields__)) for one in state.attempts]
    return Brief(
        attempts,
        {name: points for name, curve in state.curves.items() if (points := list(_points(name, curve, state)))},
        state.checkpoints[-1] if state.checkpoints else None,
        list(state.diagnoses.values()),
        **{name: getattr(state, name) for name in PLAIN},
    )


def _points(name: str, curve: Curve, state: RunState) -> Iterator[Point]:
    """Those by which its best, its newest and, of the loss, the pace of the newest attempt are told."""
    kept = np.flatnonzero(curve.kept)
    if not len(kept):
        return
    values = curve.values[kept]
    wanted = {int(kept[-1])}
    if np.isfinite(values).any():
        wanted |= {int(kept[np.nanargmax(values)]), int(kept[np.nanargmin(values)])}
    if name == "train/loss":
        wanted |= _of_pace(curve, state)
    steps = curve.steps
    for place in sorted(wanted):
        value = float(curve.values[place])
        finite = value if np.isfinite(value) else None
        yield Point(
            int(steps[place]), float(curve.epochs[place]), float(curve.times[place]), finite, int(curve.attempts[place])
        )


def _of_pace(curve: Curve, state: RunState) -> set[int]:
    """The newest point of the newest attempt and the one two epochs before it."""
    mine = np.flatnonzero((curve.attempts == state.attempt) & curve.kept)
    if len(mine) < 2:
        return set()
    steps = curve.steps[mine]
    first = int(np.searchsorted(steps, steps[-1] - PACE_EPOCHS * max(1, state.steps_per_epoch)))
    return {int(mine[min(first, len(mine) - 2)]), int(mine[-1])}


def whole(brief: Brief) -> RunState:
    """As the state was, as far as the brief goes."""
    attempts = [AttemptInfo(*(getattr(one, name) for name in Attempted.__struct_fields__)) for one in brief.attempts]
    state = RunState(attempts, **{name: getattr(brief, name) for name in PLAIN})
    state.checkpoints = [brief.checkpoint] if brief.checkpoint else []
    state.diagnoses = {one.verdict: one for one in brief.diagnoses}
    for name, points in brief.curves.items():
        curve = state.curves[name] = Curve(room=len(points))
        for point in points:
            value = float("nan") if point.value is None else point.value
            curve.add(point.step, point.epoch, point.time_s, value, point.attempt)
    return state
