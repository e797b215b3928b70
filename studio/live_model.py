"""What the Live view says of a run: charts and their lines, the sentence, the chips, what a failure calls for.

Everything here goes by the names of metrics, so a later method needs a name in PAGES and nothing else; a metric without
one gets a page of its own. Pure functions of a `Followed`, apart from the last section, which reads files of the run's
folder and never raises anything but `Unreadable`. Left to views/live.py: widgets, and when to ask.

Shapes: P pictures.
"""

import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import words
from engine.state import Artifact, Curve, RunState
from studio import phrases
from studio.session import Followed
from studio.widgets.attention_grid import Looks, Probe
from studio.widgets.chips import Health
from studio.widgets.error_card import Remedy
from studio.widgets.error_card import Tone as CardTone
from studio.widgets.lines import Better, Line, Role
from studio.widgets.log_pane import line_words

Axis = Literal["step", "epoch", "time"]
Floats = NDArray[np.float64]
EventTone = Literal["muted", "bad"]

MOST_RUNS = 8  # on one chart: as many as there are colours
SLOW_WAIT = 0.1  # from this share on, waiting for pictures is what limits a run
FULL = 0.9  # of the memory there is
LEAST_TICKS = 20  # a pace from fewer would jump
RUN_AWAY = 20  # times the loss of guessing
DRAWN_KINDS = ("attention", "evidence")


# Charts ---------------------------------------------------------------------------------------------------------


def _gib(value: float) -> str:
    return f"{value:.2f} GiB" if value < 10 else f"{value:.1f} GiB"


def _number(value: float) -> str:
    """As words.number, but what has run away is told by its size: 5.5e10."""
    return f"{value:.2g}".replace("e+", "e") if abs(value) >= 1e6 else words.number(value)


def _whole(value: float) -> str:
    return words.count(round(value)) if abs(value) >= 10 else words.number(value, 1)


@dataclass(frozen=True)
class Trace:
    """One metric on a chart, and what its legend calls it. points: measured once an epoch, not each tick."""

    metric: str
    name: str
    role: Role = "student"
    points: bool = False


@dataclass(frozen=True)
class Page:
    """A chart that can be shown. `why` says in a sentence what it tells."""

    key: str
    title: str
    traces: tuple[Trace, ...]
    subtitle: str = ""
    format: Callable[[float], str] = _number
    better: Better | None = None
    normalised: bool = False
    why: str = ""

    @property
    def is_rate(self) -> bool:
        return self.format is words.percent

    def measured(self, state: RunState) -> tuple[Trace, ...]:
        """The traces that have at least one point."""
        return tuple(trace for trace in self.traces if len(state.curves.get(trace.metric, ())))


PAGES: dict[str, Page] = {
    page.key: page
    for page in (
        Page("objective", "Objective", (Trace("train/loss", "loss"),), "train/loss, nats", better="low",
             why="What the optimizer makes smaller. It is not progress by itself: read What matters for that."),
        Page("knn", "What matters", (Trace("knn/student", "student", points=True),
             Trace("knn/teacher", "teacher", "teacher", points=True)), "k-NN accuracy", words.percent, "high"),
        Page("accuracy", "What matters", (Trace("val/accuracy", "val accuracy", points=True),),
             "val/accuracy", words.percent, "high", why="Accuracy on held-out pictures, after each epoch."),
        Page("agreement", "Agreement", (Trace("train/agreement", "top-1"),), "train/agreement", words.percent, "high",
             why="How often student and teacher name the same class, on the pictures they train on."),
        Page("fit", "Fit to labels", (Trace("train/accuracy", "accuracy"),), "train/accuracy", words.percent, "high",
             why="Accuracy on the pictures and labels it trains on, wrong labels included. It is not a measure of merit."),
        Page("teacher", "Teacher", (Trace("teacher/entropy", "entropy"), Trace("feature/std", "spread", "second"))),
        Page("kl", "Learning signal", (Trace("train/kl", "KL"),), "train/kl, nats", better="low",
             why="How far the student's predictions are from its teacher's: what is left of the loss above its floor, "
                 "which is the entropy of the teacher's predictions."),
        Page("gradient", "Gradient", (Trace("grad/norm", "norm"),), "grad/norm",
             why="Length of the whole gradient, before any clipping."),
        Page("schedules", "Schedules", (Trace("schedule/lr", "lr"), Trace("schedule/momentum", "mom.", "second"),
             Trace("schedule/teacher_temp", "temp.", "second"), Trace("schedule/weight_decay", "decay", "second")),
             "", words.rate, normalised=True, why="Each from its least to its greatest value so far."),
        Page("throughput", "Throughput", (Trace("throughput/images_per_s", "images/s"),), "throughput/images_per_s",
             _whole, "high",             why="Pictures trained on in a second."),
        Page("data wait", "Data wait", (Trace("throughput/data_wait", "waiting"),), "throughput/data_wait",
             words.percent, "low",             why="Share of the time that training waited for pictures."),
        Page("memory", "Memory", (Trace("memory/gib", "in use"),), "memory/gib", _gib,
             why="Memory the engine holds: on a GPU its highest so far, on the CPU the whole process."),
    )
}  # fmt: skip

MATTERS = ("knn", "accuracy")
SLOTS = (("agreement", "fit"), ("teacher", "kl", "gradient"), ("schedules",), ("throughput",))  # the small charts
OF_TEACHERS = ("agreement", "teacher", "kl")
RATES = ("accuracy", "ece", "top1", "wrong", "inherited", "fixed", "new", "jaccard", "overlap", "data_wait", "agreement")


def page(key: str) -> Page:
    """The chart of this name; a metric that no chart has gets one of its own."""
    return PAGES.get(key) or _own_page(key)


def _own_page(metric: str) -> Page:
    name, _, split = metric.partition("@")
    last = name.rsplit("/", 1)[-1]
    is_rate = last in RATES or name.startswith(("knn/", "linear/"))
    measured_rarely = bool(split) or not name.startswith(("train/", "grad/", "schedule/", "throughput/", "memory/"))
    title = f"{name}, {split}" if split else name
    trace = Trace(metric, last.replace("_", " "), points=measured_rarely)
    return Page(metric, title, (trace,), format=words.percent if is_rate else _number)


def matters_page(state: RunState) -> Page:
    """The headline: k-NN where there is one, else accuracy on the validation pictures."""
    return next((PAGES[key] for key in MATTERS if PAGES[key].measured(state)), PAGES["accuracy"])


def slot_pages(one: Followed) -> tuple[Page, ...]:
    """The small charts: the first of each slot that is measured; before the first step, that will be."""
    has_teacher = bool(one.recipe and one.recipe.teacher)

    def fits(key: str) -> bool:
        if one.state.curves:
            return bool(PAGES[key].measured(one.state))
        return has_teacher and key != "teacher" if key in OF_TEACHERS else True

    return tuple(PAGES[next(filter(fits, slot), slot[-1])] for slot in SLOTS)


def pages(state: RunState) -> list[Page]:
    """Every chart that can be shown of a run now: the named ones, then each metric that none of them has.

    What is measured on test is one value at the end, and no curve.
    """
    named = [one for one in PAGES.values() if one.measured(state) and one.key not in (*MATTERS, "objective")]
    taken = {trace.metric for one in PAGES.values() for trace in one.traces}
    once = ("test/", "@test")
    rest = sorted(metric for metric in state.curves if metric not in taken)
    return named + [_own_page(metric) for metric in rest if not (metric.startswith(once[0]) or metric.endswith(once[1]))]


def subtitle(one: Followed, shown: Page) -> str:
    """What is measured on what: "val/accuracy, 449 held-out images"."""
    held_out = ((one.data or {}).get("counts") or {}).get("val")
    if shown.key == "accuracy" and held_out:
        return f"{shown.subtitle}, {words.plural(held_out, 'held-out image')}"
    return shown.subtitle


# The axis of x --------------------------------------------------------------------------------------------------


def x_of(curve: Curve, axis: Axis) -> NDArray[np.float64] | NDArray[np.int64]:
    return curve.steps if axis == "step" else curve.epochs if axis == "epoch" else curve.times


def _ticks(state: RunState) -> tuple[Floats, Floats, Floats]:
    """Steps, epochs and times of all that was kept, from the beginning on."""
    curve = state.curves.get("train/loss")
    if curve is None:
        return np.zeros(1), np.zeros(1), np.zeros(1)
    kept = curve.kept
    return tuple(np.append(0.0, column[kept]) for column in (curve.steps, curve.epochs, curve.times))  # type: ignore[return-value]


def convert(state: RunState, x: float, old: Axis, new: Axis) -> float:
    """A place on one axis to the same moment on another."""
    columns = dict(zip(("step", "epoch", "time"), _ticks(state), strict=True))
    return float(np.interp(x, columns[old], columns[new]))


def places_of(state: RunState, steps: Sequence[int], axis: Axis) -> Floats:
    """Where steps lie on the axis."""
    at = np.asarray(steps, dtype=np.float64)
    if axis == "step" or len(at) == 0:
        return at
    if axis == "epoch" and state.steps_per_epoch:
        return at / state.steps_per_epoch
    columns = _ticks(state)
    return np.interp(at, columns[0], columns[1 if axis == "epoch" else 2])


# Lines ----------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A run on the charts: its colour, what the legend calls it where it is not alone, its name at the end of its line."""

    one: Followed
    color: str
    label: str
    end: str = ""


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
        return [f"F{one.generation}" for one in runs]
    if len({one.generation for one in runs}) == 1:
        return [f"seed {one.seed}" for one in runs]
    return [f"F{one.generation}, seed {one.seed}" for one in runs]


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
                line = _line(curve, trace, run.color, name, axis, normalised=shown.normalised)
                found.append(replace(line, end_label=run.end) if ends and first else line)
    return found


def _line(curve: Curve, trace: Trace, color: str, name: str, axis: Axis, normalised: bool) -> Line:
    resumed = bool(curve.attempts[0] != curve.attempts[-1])
    attempts = curve.attempts
    if trace.points:  # measured too rarely to be cut in two by a resume; what it left behind stays apart all the same
        attempts = np.where(curve.kept, attempts[-1], attempts)
    return Line(
        name,
        x_of(curve, axis),
        curve.values,
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


def events(state: RunState, axis: Axis) -> list[tuple[float, str, EventTone]]:
    """What happened on the way: resumed, not finite."""
    found: list[tuple[int, str, EventTone]] = [
        (attempt.resumed_from_step, "resumed", "muted") for attempt in state.attempts[1:] if attempt.resumed_from_step
    ]
    if state.not_finite is not None:
        step = state.not_finite.last_step
        found.append((step, f"not finite, step {words.count(step)}", "bad"))
    places = places_of(state, [step for step, _, _ in found], axis)
    return [(float(x), text, tone) for x, (_, text, tone) in zip(places, found, strict=True)]


def references(shown: Page, one: Followed) -> list[tuple[float, str]]:
    """Lines to measure oneself by: the loss of a network that only guesses."""
    classes = len((one.data or {}).get("classes") or ())
    if shown.key == "objective" and one.method == "supervised" and classes > 1:
        guessing = float(np.log(classes))
        worst = one.state.best("train/loss", highest=True)
        if worst is not None and worst[0] > RUN_AWAY * guessing:  # the line would lie on the axis and say nothing
            return []
        return [(guessing, f"ln {classes} = {words.number(guessing)}, mere guessing")]
    return []


def teacher_line(shown: Page, one: Followed, teacher: Followed | None, color: str, axis: Axis) -> Line | None:
    """The accuracy of the checkpoint that teaches, level across the chart, with its name at the end."""
    value = taught_at(one, teacher) if shown.key == "accuracy" and teacher is not None else None
    curve = one.state.curves.get("train/loss")
    if value is None or teacher is None or curve is None or not curve.kept.any():
        return None
    own = one.state.curves.get("val/accuracy")
    measured = x_of(own, axis)[own.kept] if own is not None else np.empty(0)  # so that a cursor finds it where it stands
    x = np.unique(np.concatenate([[0.0], measured, x_of(curve, axis)[curve.kept][-1:]]))
    name = f"F{teacher.generation}"
    return Line(f"teacher {name}", x, np.full(len(x), value), color, "teacher", end_label=name)


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
    test = state.curves.get("test/accuracy")
    if shown.key == "accuracy" and test is not None and test.kept.any():
        found.append(("test", words.percent(test.last)))
    return found


def _data_wait_at(state: RunState, axis: Axis, x: float | None) -> float | None:
    curve = state.curves.get("throughput/data_wait")
    if x is None or curve is None or not curve.kept.any():
        return recent(state, "throughput/data_wait")
    kept = np.flatnonzero(curve.kept)
    return float(curve.values[kept[nearest(x_of(curve, axis)[kept], x)]])


def empty_words(shown: Page, one: Followed, now: float) -> tuple[str, str]:
    """What stands on a chart without points, and when that will change."""
    what = "accuracy" if shown.key == "accuracy" else shown.traces[0].name if len(shown.traces) == 1 else shown.title.lower()
    if one.word in ("queued", "blocked") or one.expected:
        return f"No {what} yet", phrases.state_words(one, now)
    if not one.at_work:
        return f"No {what}", "the run ended before it was measured"
    if not shown.traces[0].points:
        return f"No {what} yet", "first value after the first step"
    pace, first = phrases.seconds_a_step(one), f"first value after epoch {next_probe(one)}"
    if pace is None or not one.state.steps_per_epoch:
        return f"No {what} yet", first
    left = (next_probe(one) * one.state.steps_per_epoch - one.state.step) * pace
    return f"No {what} yet", f"{first}, in about {words.duration(left)}"


def next_probe(one: Followed) -> int:
    """The epoch after which the validation pictures are looked at next."""
    every = one.recipe.probes.every_epochs if one.recipe else 1
    return (int(one.state.epoch) // every + 1) * every


# The sentence ---------------------------------------------------------------------------------------------------


class Sentence(NamedTuple):
    """What a colleague would say first, in bold, and what next."""

    lead: str
    rest: str = ""

    @property
    def plain(self) -> str:
        return self.lead + self.rest


def pace_words(seconds: float) -> str:
    """0.39 -> "0.39 s a step", 0.012 -> "12 ms a step"."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms a step" if seconds >= 0.00095 else "under 1 ms a step"
    return (
        f"{seconds:.2f} s a step"
        if seconds < 1
        else f"{seconds:.1f} s a step"
        if seconds < 60
        else (f"{words.duration(seconds)} a step")
    )


def best_words(one: Followed) -> str:
    """ "best val accuracy 93.1 % at epoch 6", empty before there is one."""
    best = phrases.headline(one)
    if best is None or not one.state.steps_per_epoch:
        return ""
    name, value, step = best
    said = "k-NN" if name.startswith("knn/") else name.replace("/", " ")
    return f"best {said} {words.percent(value)} at epoch {words.count(round(step / one.state.steps_per_epoch))}"


def sentence(one: Followed, now: float, teacher: Followed | None = None) -> Sentence:
    """The state of a run in a sentence."""
    if one.expected:
        return Sentence("Starting", ", the engine is loading")
    if one.word in ("queued", "blocked"):
        state = phrases.state_words(one, now, teacher)
        return Sentence(_capital(one.word), state.removeprefix(one.word))
    said = _SENTENCES[one.word](one, now)
    return said._replace(rest=f"{said.rest}; {one.wish}") if one.wish else said


def _starting(one: Followed, now: float) -> Sentence:
    name, detail = one.state.phase
    if name == "waiting":
        return Sentence("Waiting for the device", f", held by {detail.removeprefix('waiting for ')}")
    return Sentence("Starting", f", {detail}" if detail else ", no step taken yet")


def _running(one: Followed, now: float) -> Sentence:
    phase, detail = one.state.phase
    if phase not in ("training", "") and detail:
        return Sentence(_capital(phase), f", {detail}")
    parts = []
    if (pace := phrases.seconds_a_step(one)) is not None:
        parts.append(pace_words(pace))
    if (left := phrases.seconds_left(one, now)) is not None:
        parts.append(f"about {words.duration(left)} left" if left >= 1 else "nearly done")
    if best := best_words(one):
        parts.append(best)
    return Sentence(_capital(phrases.epoch_words(one)), "".join(f", {part}" for part in parts))


def _stopping(one: Followed, now: float) -> Sentence:
    return Sentence(_capital(phrases.state_words(one, now)))


def _paused(one: Followed, now: float) -> Sentence:
    return Sentence("Paused", phrases.state_words(one, now).removeprefix("paused") + "; the device is free" + _saved(one))


def _lost(one: Followed, now: float) -> Sentence:
    said = phrases.state_words(one, now)
    return Sentence(_capital(said), ": the engine is gone and wrote no last word" + _saved(one))


def _unresponsive(one: Followed, now: float) -> Sentence:
    said, _, rest = phrases.state_words(one, now).partition(",")
    return Sentence(_capital(said), f",{rest}" + _saved(one))


def _finished(one: Followed, now: float) -> Sentence:
    state, ended = one.state, one.state.finished
    if ended is not None and ended.reason == "failed":
        failed_in = f"Failed in {phrases.epoch_words(one)}" if state.step else "Failed before the first step"
        cause = "loss not finite" if state.not_finite is not None else phrases.failure(one)
        return Sentence(failed_in, (f": {cause}" if cause else "") + _saved(one))
    if ended is not None and ended.reason == "stopped":
        said = phrases.state_words(one, now)
        return Sentence("Stopped", said.removeprefix("stopped") + _saved(one))
    test = state.curves.get("test/accuracy")
    parts = [f"test accuracy {words.percent(test.last)}"] if test is not None and test.kept.any() else []
    parts += [best_words(one)] if best_words(one) else []
    parts += [f"trained in {words.duration(trained)}"] if (trained := float(_ticks(state)[2][-1])) else []
    return Sentence(f"Finished after {words.plural(state.epochs, 'epoch')}", "".join(f", {part}" for part in parts))


_SENTENCES: dict[str, Callable[[Followed, float], Sentence]] = {
    "starting": _starting, "running": _running, "unresponsive": _unresponsive, "paused": _paused,
    "stopping": _stopping, "finished": _finished, "lost": _lost,
}  # fmt: skip


def _saved(one: Followed) -> str:
    saved = phrases.kept(one)
    return f", {saved} is saved" if saved else ", nothing is saved yet"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# Chips ----------------------------------------------------------------------------------------------------------


class Chip(NamedTuple):
    """A sign of health: what it is called, how it stands, why, and the chart that explains it."""

    key: str
    state: Health
    value: str
    why: str
    page: str
    name: str = ""


def chips(one: Followed, machine_gib: float | None = None) -> list[Chip]:
    """Finite, data wait, memory. `machine_gib` is what there is where the run is at work; None if nobody knows."""
    return [_finite(one.state), _data_wait(one.state), _memory(one, machine_gib)]


def _finite(state: RunState) -> Chip:
    if state.not_finite is not None:
        step = words.count(state.not_finite.last_step)
        why = f"Loss or gradient became not finite at step {step}."
        return Chip("finite", "bad", f"step {step}", why, "objective", "not finite")
    if not len(state.curves.get("train/loss", ())):
        return Chip("finite", "unknown", "", "Known after the first step.", "objective")
    return Chip("finite", "ok", "", "Every loss and gradient so far was a finite number.", "objective")


def _data_wait(state: RunState) -> Chip:
    share = recent(state, "throughput/data_wait")
    if share is None:
        return Chip("data wait", "unknown", "", "Known after the first steps.", "data wait")
    why = f"Over the newest epoch, training waited for pictures {words.percent(share)} of the time."
    slow = share > SLOW_WAIT
    return Chip(
        "data wait",
        "warn" if slow else "ok",
        words.percent(share, 0),
        why + (" More than a tenth means the pictures, not the network, set the pace." if slow else ""),
        "data wait",
    )


def _memory(one: Followed, machine_gib: float | None) -> Chip:
    used = one.state.values.get("memory/gib")
    if used is None:
        return Chip("memory", "unknown", "", "Known after the first steps.", "memory")
    if not one.at_work:
        return Chip("memory", "ok", "freed", f"The engine has ended; it held {_gib(used)} last.", "memory")
    if machine_gib is None:
        return Chip("memory", "ok", _gib(used), "What the engine holds.", "memory")
    state: Health = "warn" if used > FULL * machine_gib else "ok"
    value = f"{used:.1f} of {machine_gib:.0f} GiB"
    return Chip("memory", state, value, f"The engine holds {_gib(used)} of this machine's {machine_gib:.1f} GiB.", "memory")


def recent(state: RunState, metric: str) -> float | None:
    """Mean over the newest epoch of ticks that were kept; None without any."""
    curve = state.curves.get(metric)
    if curve is None:
        return None
    kept = curve.values[curve.kept]
    ticks = max(LEAST_TICKS, state.steps_per_epoch // max(state.log_every, 1))
    return float(np.mean(kept[-ticks:])) if len(kept) else None


# Failures -------------------------------------------------------------------------------------------------------


class Failure(NamedTuple):
    """What happened, why probably, what can be done; the likeliest remedy first."""

    title: str
    cause: str
    remedies: tuple[Remedy, ...]
    tone: CardTone = "bad"


def failure(one: Followed, now: float) -> Failure | None:
    """The error card of a run that needs one: failed, lost, or alive but silent. None once it is being resumed."""
    if one.expected:
        return None
    if one.word == "lost":
        return _lost_card(one, now)
    if one.word == "unresponsive":
        return _silent_card(one, now)
    if one.word != "finished" or phrases.reason(one) != "failed":
        return None
    title, cause = _explained(one)
    return Failure(title, f"{cause}\n{_kept(one)}", (resume_remedy(one),))


def resume_remedy(one: Followed) -> Remedy:
    """Go on from the newest checkpoint; with none, from the start."""
    label, state = phrases.resume_label(one) or "Resume", one.state
    recipe = "with the same recipe"
    if state.not_finite is not None and state.device == "cpu":
        recipe = "the CPU repeats the same steps to the bit, so expect the same end"
    if not state.checkpoints:
        return Remedy(label, f"{recipe}; nothing was saved yet", "Resume", "resume")
    behind = state.step - state.checkpoints[-1].step
    again = "" if behind <= 0 else f"; {words.plural(behind, 'step')} {'is' if behind == 1 else 'are'} done again"
    return Remedy(label, f"{recipe}{again}", "Resume", "resume")


def _lost_card(one: Followed, now: float) -> Failure:
    remedy = resume_remedy(one)
    if one.host:
        cause = f"Nothing has been heard from {one.host} for a while. {_kept(one)}"
    else:
        cause = f"The process is gone and wrote no last word: it was killed, or the machine went down. {_kept(one)}"
    return Failure(_capital(phrases.state_words(one, now)), cause, (remedy._replace(button=remedy.act),), "warn")


def _silent_card(one: Followed, now: float) -> Failure:
    saved = phrases.kept(one)
    promise = f"ends the process at once; {saved} stays" if saved else "ends the process at once; nothing was saved yet"
    cause = (
        "The engine holds its run, but its heart does not beat: a suspended process or a disk that does not answer looks like "
        f"this. If it does not come back, kill it, then resume. {_kept(one)}"
    )
    return Failure(_capital(phrases.state_words(one, now)), cause, (Remedy("Kill", promise, "Kill", "kill"),), "warn")


def _kept(one: Followed) -> str:
    saved, broken = phrases.kept(one), one.state.not_finite
    kept = f"{_capital(saved)} is saved." if saved else "No checkpoint was saved yet."
    if broken is not None and broken.path:
        kept += f" The batch of {words.plural(len(broken.pictures), 'picture')} is in {broken.path}."
    return kept


def _explained(one: Followed) -> tuple[str, str]:
    """What happened, and its probable cause in two sentences."""
    state, detail = one.state, one.state.finished.detail if one.state.finished else ""
    if state.not_finite is not None:
        return f"The loss became not finite at step {words.count(state.not_finite.last_step)}", _why_not_finite(one)
    if "out of memory" in detail:
        batch = f" of {one.recipe.training.batch}" if one.recipe else ""
        cause = f"The device could not hold the network, its gradients and a batch{batch}."
        return "Out of memory", f"{cause} {_after_semicolon(detail)}".strip()
    if "no space left" in detail:
        return "The disk is full", f"The engine could not write: {detail.partition(';')[0]}. Free some and resume."
    if "traceback is in engine.log" in detail:
        error = detail.partition(" (the traceback")[0]
        return error, "The engine met an error it has no advice for. The end of engine.log holds the traceback."
    return _capital(detail.partition(";")[0] or "The run failed"), _after_semicolon(detail) or "engine.log may say more."


def _after_semicolon(detail: str) -> str:
    rest = detail.partition(";")[2].strip()
    return _capital(rest).rstrip(".") + "." if rest else ""


def _why_not_finite(one: Followed) -> str:
    """Evidence first: what the gradient and the loss did before."""
    state, rate = one.state, one.state.values.get("schedule/lr")
    grown = _grown(state, "grad/norm") or _grown(state, "train/loss")
    at_rate = f" at a learning rate of {words.rate(rate)}" if rate else ""
    if grown is not None:
        name, before, last = grown
        evidence = f"The {name} rose from {_number(before)} to {_number(last)} before{at_rate}."
        return f"{evidence} Steps that large overshoot: the learning rate is probably too high."
    if state.precision == "bfloat16":
        return f"There was no warning in loss or gradient{at_rate}. In bfloat16 a single large value is enough."
    early = state.step <= max(LEAST_TICKS, state.steps_per_epoch)
    when = "Within the first epoch" if early else "Without warning in loss or gradient"
    return f"{when}{at_rate}. A learning rate that is too high is the usual reason; a damaged picture is another."


def _grown(state: RunState, metric: str) -> tuple[str, float, float] | None:
    """(name, usual value, last value) of a metric that ended at more than five times its usual value."""
    curve = state.curves.get(metric)
    if curve is None or not curve.kept.any():
        return None
    kept = curve.values[curve.kept]
    usual, last = float(np.median(kept[: max(1, len(kept) // 2)])), float(kept[-3:].max())
    name = {"grad/norm": "gradient norm", "train/loss": "loss"}[metric]
    return (name, usual, last) if last > 5 * usual > 0 else None


def report(one: Followed, now: float) -> str:
    """All that somebody who helps from afar will ask for first, as plain text."""
    failed, state = failure(one, now), one.state
    parts = [f"{one.name}: {sentence(one, now).plain}"]
    if failed is not None:
        parts += [failed.title, failed.cause.replace("\n", " ")]
    parts.append(
        f"attempt {state.attempt}, step {words.count(state.step)} of {words.count(state.total_steps)}, "
        f"{state.device or 'no device yet'}, {state.precision or 'precision not decided'}"
    )
    values = [f"{name} {words.number(value)}" for name, value in sorted(state.values.items())]
    parts += [f"newest values: {', '.join(values)}"] if values else []
    return "\n".join([*parts, "", "log:", *(line_words(line) for line in state.log[-20:]), "", f"folder: {one.run.folder}"])


# Snapshots ------------------------------------------------------------------------------------------------------


def snapshots(state: RunState) -> list[Artifact]:
    """The maps of the probe pictures that no resume has abandoned, in order of their steps; one a step."""
    found = {one.step: one for one in _kept_artifacts(state) if one.kind in DRAWN_KINDS}
    return [found[step] for step in sorted(found)]


def probe_artifact(state: RunState) -> Artifact | None:
    """Where the probe pictures themselves are."""
    return next((one for one in reversed(state.artifacts) if one.kind == "probe-pictures"), None)


def _kept_artifacts(state: RunState) -> Iterator[Artifact]:
    limits: dict[int, float] = {}  # the last step of each attempt that a later one did not leave behind
    limit = float("inf")
    for attempt in reversed(state.attempts):
        limits[attempt.number] = limit
        limit = min(limit, attempt.resumed_from_step)
    return (one for one in state.artifacts if one.step <= limits.get(one.attempt, limit))


def nearest(places: Floats | NDArray[np.int64], x: float) -> int:
    """Which of these ascending places lies nearest to x."""
    after = int(np.searchsorted(places, x))
    around = [i for i in (after - 1, after) if 0 <= i < len(places)]
    return min(around, key=lambda i: abs(places[i] - x))


def moment_words(snapshot: Artifact) -> str:
    """ "Epoch 13, step 1,950"."""
    whole = f"{snapshot.epoch:g}" if snapshot.epoch < 1 or snapshot.epoch % 1 else words.count(round(snapshot.epoch))
    return f"Epoch {whole}, step {words.count(snapshot.step)}"


def newest_words(one: Followed) -> str:
    """What the newest snapshot is to this run."""
    return "last before the failure" if phrases.reason(one) == "failed" and not one.expected else "newest"


# Files of the run's folder --------------------------------------------------------------------------------------


class Unreadable(Exception):
    """A file cannot be shown; the sentence says why."""


def inside(folder: Path, path: str) -> Path:
    """A path that an event names, proved to lie in the run's folder. Raises Unreadable."""
    whole = (folder / path).resolve()
    if not whole.is_relative_to(folder.resolve()):
        raise Unreadable(f"{path} lies outside the run's folder and is not opened.")
    return whole


def read_arrays(folder: Path, path: str) -> dict[str, NDArray[np.generic]]:
    """All arrays of an artifact. Raises Unreadable."""
    whole = inside(folder, path)
    try:
        with whole.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise Unreadable(f"{path} is missing from the run's folder.") from None
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, NotImplementedError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise Unreadable(f"{path} is damaged and cannot be shown ({type(error).__name__}).") from None


def read_probe(folder: Path, path: str) -> Probe:
    """The probe pictures: uint8 [P, C, H, W] with one or three channels, labels [P]. Raises Unreadable."""
    arrays = read_arrays(folder, path)
    pictures, marks = arrays.get("pictures"), arrays.get("labels")
    whole = pictures is not None and pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[1] in (1, 3)
    if not whole or pictures is None or marks is None or marks.shape != pictures.shape[:1] or 0 in pictures.shape:
        raise Unreadable(f"{path} does not hold the probe pictures it should.")
    return Probe(pictures, tuple(int(mark) for mark in marks))  # type: ignore[arg-type]


def read_looks(folder: Path, path: str, kind: str, pictures: int) -> Looks:
    """The maps of a snapshot for so many pictures. Raises Unreadable."""
    arrays = read_arrays(folder, path)
    axes = 4 if kind == "attention" else 3
    expected: Mapping[str, int] = {"student": axes, "teacher": axes} | dict.fromkeys(
        ("overlap", "student_class", "student_confidence", "teacher_class", "teacher_confidence"), 1
    )
    for name, array in arrays.items():
        if name in expected and (array.ndim != expected[name] or len(array) != pictures or 0 in array.shape):
            raise Unreadable(f"{path} does not fit the {words.plural(pictures, 'probe picture')}.")
    if "student" not in arrays:
        raise Unreadable(f"{path} holds no map of the student.")
    return Looks(
        student=_with_heads(arrays["student"]),
        teacher=_with_heads(arrays["teacher"]) if "teacher" in arrays else None,
        **{name: arrays.get(name) for name in expected if name not in ("student", "teacher")},  # type: ignore[arg-type]
    )


def _with_heads(maps: NDArray[np.generic]) -> NDArray[np.float32]:
    """[P, h, w] or [P, heads, h, w] as the latter; what is not finite counts as nothing."""
    whole = np.nan_to_num(maps.astype(np.float32), posinf=0.0, neginf=0.0)
    return whole[:, None] if whole.ndim == 3 else whole


class Shelf:
    """The newest looked-at files of runs, decoded: at most so many of each kind, the longest unused goes first."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._held: OrderedDict[tuple[Path, str], Probe | Looks] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def probe(self, folder: Path, path: str) -> Probe:
        found = self._take((folder, path), lambda: read_probe(folder, path))
        assert isinstance(found, Probe)
        return found

    def looks(self, folder: Path, snapshot: Artifact, pictures: int) -> Looks:
        found = self._take((folder, snapshot.path), lambda: read_looks(folder, snapshot.path, snapshot.kind, pictures))
        assert isinstance(found, Looks)
        return found

    def _take(self, key: tuple[Path, str], read: Callable[[], Probe | Looks]) -> Probe | Looks:
        found = self._held.pop(key, None) or read()
        self._held[key] = found
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return found


def tail_of(path: Path, most: int = 100_000) -> str:
    """The end of a text file, from the beginning of a line; what is not UTF-8 is replaced. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is not there: no engine has written one yet.") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror or error}.") from None
    return text if size <= most else text.partition("\n")[2]
