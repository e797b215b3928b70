"""Curves of runs as lines of a chart: their places on the axis that is asked for, their names and colours, what goes beside.

Pure functions of what is followed. Left to live_pages.py: which metrics are on a chart; to widgets: how a line is drawn.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import words
from engine.state import HEADLINES, Curve, RunState
from studio import live_facts, phrases, theme
from studio.live_pages import MATTERS, Page, Trace
from studio.live_verdicts import verdict
from studio.session import Followed
from studio.widgets.lines import Line, Reference, Tone

Axis = Literal["step", "epoch", "time"]
Floats = NDArray[np.float64]

MOST_RUNS = 8  # on one chart: as many as there are colours
LEAST_TICKS = 20  # a pace from fewer would jump
RUN_AWAY = 20  # times the loss of guessing
AT_THE_END = {  # what is measured once, on test, and stands beside the curve
    "accuracy": (("test", "test/accuracy"),),
    "knn": (
        *(("test", "knn/teacher@test"), ("linear", "linear/teacher@test")),
        *(("test", "knn/average@test"), ("linear", "linear/average@test")),  # of a student of a frozen network
    ),
}
NOT_FINITE = "not_finite"  # a verdict that has an event of its own


# The axis of x --------------------------------------------------------------------------------------------------


def x_of(curve: Curve, axis: Axis) -> NDArray[np.float64] | NDArray[np.int64]:
    return curve.steps if axis == "step" else curve.epochs if axis == "epoch" else curve.times


def ticks_of(state: RunState) -> tuple[Floats, Floats, Floats]:
    """Steps, epochs and times of all that was kept, from the beginning on."""
    curve = state.curves.get("train/loss")
    if curve is None:
        return np.zeros(1), np.zeros(1), np.zeros(1)
    kept = curve.kept
    return tuple(np.append(0.0, column[kept]) for column in (curve.steps, curve.epochs, curve.times))  # type: ignore[return-value]


def convert(state: RunState, x: float, old: Axis, new: Axis) -> float:
    """A place on one axis to the same moment on another."""
    columns = dict(zip(("step", "epoch", "time"), ticks_of(state), strict=True))
    return float(np.interp(x, columns[old], columns[new]))


def places_of(state: RunState, steps: Sequence[int], axis: Axis) -> Floats:
    """Where steps lie on the axis."""
    at = np.asarray(steps, dtype=np.float64)
    if axis == "step" or len(at) == 0:
        return at
    if axis == "epoch" and state.steps_per_epoch:
        return at / state.steps_per_epoch
    columns = ticks_of(state)
    return np.interp(at, columns[0], columns[1 if axis == "epoch" else 2])


def nearest(places: Floats | NDArray[np.int64], x: float) -> int:
    """Which of these ascending places lies nearest to x."""
    after = int(np.searchsorted(places, x))
    around = [i for i in (after - 1, after) if 0 <= i < len(places)]
    return min(around, key=lambda i: abs(places[i] - x))


# Lines ----------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A run on the charts: its colour, what the legend calls it where it is not alone, its name at the end of its line."""

    one: Followed
    color: str
    label: str
    end: str = ""


def shown(one: Followed, beside: Sequence[tuple[Followed, int]], lineage: Sequence[Followed]) -> list[Shown]:
    """The chosen run, then those beside it, each with the index of its colour where they are no chain."""
    runs = [one, *(other for other, _ in beside)]
    if is_chain(runs, lineage):
        colors, ends = [theme.generation_color(other.generation) for other in runs], [o.called for o in runs]
    else:
        colors, ends = [theme.run_color(place) for place in (0, *(place for _, place in beside))], [""] * len(runs)
    return [Shown(*parts) for parts in zip(runs, colors, labels(runs), ends, strict=True)]


def is_chain(runs: Sequence[Followed], lineage: Sequence[Followed]) -> bool:
    """Whether all are different generations of this lineage: then their colours are a ramp. One run may stand for it."""
    names = {one.name for one in lineage}
    different = len({one.generation for one in runs}) == len(runs)
    return different and all(one.name in names for one in runs) and any(one.generation for one in lineage)


def labels(runs: Sequence[Followed]) -> list[str]:
    """As short as tells them apart: "F1", "seed 2", "F1, seed 2", or the whole name."""
    if len({one.lineage for one in runs}) > 1 or any(one.recipe is None for one in runs):
        return [one.name for one in runs]
    if len({one.seed for one in runs}) == 1:
        return [one.called for one in runs]
    if len({one.called for one in runs}) == 1:
        return [f"seed {one.seed}" for one in runs]
    return [f"{one.called}, seed {one.seed}" for one in runs]


def to_compare(one: Followed, runs: Sequence[Followed]) -> list[tuple[str, list[Followed]]]:
    """Runs that could stand beside this one, under headings, the most interesting first."""
    others = [other for other in runs if other is not one]
    chain = [other for other in others if other.lineage == one.lineage and other.seed == one.seed]
    family = [other for other in others if other.lineage == one.lineage and other not in chain]
    strangers = [other for other in others if other.lineage != one.lineage]
    groups = [("Generations of this seed", chain), ("Other seeds", family), ("Other lineages", strangers)]
    return [(heading, found) for heading, found in groups if found]


def lines(shown: Page, runs: Sequence[Shown], axis: Axis, ends: bool = False) -> list[Line]:
    """The curves of a chart: every trace of the run that is looked at, the first trace of those beside it.

    ends: each run's name stands at the end of its first line.
    """
    found: list[Line] = []
    for place, run in enumerate(runs):
        for trace in shown.traces if place == 0 else shown.traces[:1]:
            curve = run.one.state.curves.get(trace.metric)
            if curve is not None and len(curve) and not (trace.role == "second" and _is_constant(curve)):
                first = trace is shown.traces[0]
                name = trace.name if len(runs) == 1 else run.label if first else f"{run.label} {trace.name}"
                most = (live_facts.most_entropy(run.one) or 1.0) if trace.share else 1.0
                line = _line(curve, trace, run.color, name, axis, shown.normalised, most)
                found.append(replace(line, end_label=run.end) if ends and first else line)
    return found


def _line(curve: Curve, trace: Trace, color: str, name: str, axis: Axis, normalised: bool, most: float) -> Line:
    """`most`: what its values are a share of."""
    resumed = bool(curve.attempts[0] != curve.attempts[-1])
    attempts = curve.attempts
    if trace.points:  # measured too rarely to be cut in two by a resume; what it left behind stays apart all the same
        attempts = np.where(curve.kept, attempts[-1], attempts)
    return Line(
        name,
        x_of(curve, axis),
        curve.values / most,
        color,
        role=trace.role,
        points=trace.points,
        raw=not trace.points and not normalised,  # a schedule has no noise to smooth
        kept=curve.kept if resumed else None,
        attempts=attempts if resumed else None,
    )


def _is_constant(curve: Curve) -> bool:
    """A schedule that never moves would be a line without a message."""
    return float(np.ptp(curve.values)) == 0.0


def events(one: Followed, axis: Axis) -> list[tuple[float, str, Tone]]:
    """What happened on the way: prototypes set free, resumed, gone back, fallen ill, not finite."""
    state = one.state
    found: list[tuple[int, str, Tone]] = [
        (attempt.resumed_from_step, "resumed", "muted") for attempt in state.attempts[1:] if attempt.resumed_from_step
    ]
    if (free := _free_from(one)) and free <= state.step:
        found.append((free, "prototypes free", "muted"))
    found += [(back.to_step, "rolled back", "muted") for back in state.rollbacks]
    found += [(told.step, verdict(told.verdict).name, "bad") for told in state.diagnoses.values() if told.verdict != NOT_FINITE]
    if state.not_finite is not None:
        step = state.not_finite.last_step
        found.append((step, f"not finite, step {words.count(step)}", "bad"))
    places = places_of(state, [step for step, _, _ in found], axis)
    return [(float(x), text, tone) for x, (_, text, tone) in zip(places, found, strict=True)]


def _free_from(one: Followed) -> int:
    """The step from which prototypes that were frozen at first move; 0 for none."""
    epochs = live_facts.in_force(one, "method.freeze_epochs") if live_facts.averages(one) else None
    return round(epochs * one.state.steps_per_epoch) if isinstance(epochs, int | float) else 0


# What goes beside them ------------------------------------------------------------------------------------------


def references(shown: Page, one: Followed, teacher: Followed | None = None) -> list[Reference]:
    """Levels to measure oneself by: the loss of a network that only guesses, the accuracy or k-NN of the one that teaches."""
    if shown.key == "objective":
        return _guessing(one)
    before = _before(one) if shown.key == "knn" else []
    value = _of_teacher(shown, one, teacher) if teacher is not None else None
    if value is None or teacher is None:
        return before
    name = phrases.teacher_short(one, teacher)
    return [*before, Reference(value, f"teacher {name}", theme.generation_color(teacher.generation), name)]


def _before(one: Followed) -> list[Reference]:
    """What the weights that it began with were worth before the first step."""
    for metric in HEADLINES[1:]:
        curve = one.state.curves.get(metric)
        if curve is not None and (at := np.flatnonzero(curve.kept & (curve.steps == 0))).size:
            value = float(curve.values[at[0]])
            return [Reference(value, f"before training {words.percent(value)}")]
    return []


def _of_teacher(shown: Page, one: Followed, teacher: Followed) -> float | None:
    """What the network that is kept of the teacher's run came to, where it taught."""
    metrics = {"accuracy": HEADLINES[:1], "knn": HEADLINES[1:]}.get(shown.key, ())
    found = (taught_at(one, teacher, metric) for metric in metrics)
    return next((value for value in found if value is not None), None)


def _guessing(one: Followed) -> list[Reference]:
    """Where the loss begins, and where a network stays that learns nothing."""
    count, meaning = _outcomes(one)
    if count < 2:
        return []
    value, worst = float(np.log(count)), one.state.best("train/loss", highest=True)
    if worst is not None and worst[0] > RUN_AWAY * value:  # the line would lie on the axis and say nothing
        return []
    name = "K" if live_facts.averages(one) else count
    return [Reference(value, f"ln {name} = {words.number(value)}, {meaning}")]


def _outcomes(one: Followed) -> tuple[int, str]:
    """How many answers there are to the question that training asks, and what a network that knows none does; 0 for neither."""
    if live_facts.averages(one):
        return live_facts.prototypes(one) or 0, "a uniform teacher"
    if one.method == "supervised":
        return len((one.data or {}).get("classes") or ()), "mere guessing"
    return 0, ""


def taught_at(one: Followed, teacher: Followed, metric: str = "val/accuracy") -> float | None:
    """The teacher's value at the very checkpoint that teaches; its last one before that is known."""
    curve = teacher.state.curves.get(metric)
    if curve is None or not curve.kept.any():
        return None
    pinned = one.state.teacher
    at = np.flatnonzero(curve.kept & (curve.steps == pinned.step)) if pinned is not None else np.empty(0, dtype=np.intp)
    return float(curve.values[at[-1]]) if len(at) else curve.last


def extras(shown: Page, state: RunState, axis: Axis = "step", x: float | None = None) -> list[tuple[str, str]]:
    """What the readout says beside the lines: the best so far, the result on test, the data wait at x (None is now)."""
    if shown.key == "throughput":
        wait = _data_wait_at(state, axis, x)
        return [] if wait is None else [("wait", words.percent(wait, 0))]
    if shown.better is None or shown.key not in ("objective", *MATTERS):
        return []
    tops = [top for trace in shown.measured(state) if (top := state.best(trace.metric, shown.better == "high"))]
    best = (max if shown.better == "high" else min)((value for value, _ in tops), default=None)
    found = [("best", shown.format(best))] if best is not None else []
    at_the_end = ((name, state.curves.get(metric)) for name, metric in AT_THE_END.get(shown.key, ()))
    return found + [(name, words.percent(curve.last)) for name, curve in at_the_end if curve is not None and curve.kept.any()]


def _data_wait_at(state: RunState, axis: Axis, x: float | None) -> float | None:
    curve = state.curves.get("throughput/data_wait")
    if x is None or curve is None or not curve.kept.any():
        return recent(state, "throughput/data_wait")
    kept = np.flatnonzero(curve.kept)
    return float(curve.values[kept[nearest(x_of(curve, axis)[kept], x)]])


def recent(state: RunState, metric: str) -> float | None:
    """Mean over the newest epoch of ticks that were kept; None without any."""
    curve = state.curves.get(metric)
    if curve is None:
        return None
    kept = curve.values[curve.kept]
    ticks = max(LEAST_TICKS, state.steps_per_epoch // max(state.log_every, 1))
    return float(np.mean(kept[-ticks:])) if len(kept) else None
