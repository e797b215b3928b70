"""What a recipe's schedules look like, step by step, before anything is trained. numpy, no Qt, no torch.

What the recipe leaves "auto" is drawn as the number that training will take, wherever the pictures tell it (scaled.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import rates, scaled, schedule, words
from engine.fields import tag_of
from engine.recipe import Cosine, LearningRate, Recipe, Step
from engine.scaled import Facts
from studio import recipe_fields

POINTS = 1200  # so many points of a schedule are drawn: more than a chart has pixels
NOMINAL = 100  # steps an epoch where nobody knows how many pictures there are; only the shape counts then

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """One knob over the training. `epochs` and `values` [n]; a step is an epoch times `steps_per_epoch`."""

    metric: str  # "schedule/lr"
    name: str
    note: str  # its shape in words
    telling: tuple[str, str]  # the number that tells most, and what it is: ("peak", "0.03 at epoch 3")
    epochs: Floats
    values: Floats
    steps_per_epoch: int


Told = tuple[str, str, tuple[str, str]]  # name, note, telling


def curves(asked: Recipe, steps_per_epoch: int | None) -> list[Curve]:
    """Every knob that changes while the recipe trains; without steps those whose shape rests on no picture."""
    per_epoch = steps_per_epoch or NOMINAL
    numbers, still_open = _numbers(asked, steps_per_epoch)
    steps = _steps(numbers, per_epoch)
    drawn = []
    for name, knob in rates.schedules(numbers, per_epoch).items():
        if still_open & RESTS_ON.get(name, frozenset()):
            continue
        values = np.array([knob(int(step)) for step in steps], dtype=np.float64)
        drawn.append(Curve(name, *_told(name, numbers, values, steps / per_epoch), steps / per_epoch, values, per_epoch))
    return drawn


def _numbers(asked: Recipe, steps_per_epoch: int | None) -> tuple[Recipe, frozenset[str]]:
    """The recipe without an "auto", and which of its numbers are only placeholders."""
    pictures = steps_per_epoch * asked.training.batch if steps_per_epoch else None  # to within a batch, which no curve shows
    known = scaled.facts(asked.data, pictures)
    numbers, _ = scaled.resolve(asked, known)
    left = frozenset(scaled.still_auto(numbers))
    if left:
        numbers, _ = scaled.resolve(numbers, Facts(NOMINAL * asked.training.batch, getattr(asked.data, "size", 32), 3, 0))
    return numbers, left


# ---- in words ------------------------------------------------------------------------------------------------------------


def _told(name: str, numbers: Recipe, values: Floats, epochs: Floats) -> Told:
    if name in TOLD:
        return TOLD[name](numbers, values, epochs)
    return name.rpartition("/")[2].replace("_", " ").capitalize(), _constant(values) or "", ("", "")


def _learning_rate(numbers: Recipe, values: Floats, epochs: Floats) -> Told:
    peak = int(np.argmax(values))
    where = f", epoch {max(1, round(epochs[peak]))}" if epochs[peak] else ""
    return "Learning rate", shape_words(numbers.schedule), ("peak", words.rate(float(values[peak])) + where)


def _weight_decay(numbers: Recipe, values: Floats, epochs: Floats) -> Told:
    return "Weight decay", _constant(values) or "cosine", ("", "")


def _momentum(numbers: Recipe, values: Floats, epochs: Floats) -> Told:
    steps = schedule.half_life(float(values[0]))
    telling = ("half-life", words.plural(max(1, round(steps)), "step")) if np.isfinite(steps) else ("", "")
    return "Teacher momentum", _constant(values) or "cosine", telling


def _temperature(numbers: Recipe, values: Floats, epochs: Floats) -> Told:
    return "Teacher temperature", _constant(values) or "linear, flat", ("", "")


def _constant(values: Floats) -> str:
    return "constant" if values.min() == values.max() else ""


TOLD: dict[str, Callable[[Recipe, Floats, Floats], Told]] = {
    "schedule/lr": _learning_rate,
    "schedule/weight_decay": _weight_decay,
    "schedule/momentum": _momentum,
    "schedule/teacher_temp": _temperature,
}
RESTS_ON = {  # fields without whose number a curve is not drawn; a learning rate's shape needs no pictures
    "schedule/momentum": frozenset(("method.momentum",)),
    "schedule/teacher_temp": frozenset(f"method.teacher_temp{end}" for end in ("", "_start", "_warmup_epochs")),
}


def shape_words(shape: LearningRate) -> str:
    """ "warm-up, cosine", "steps at 60, 120, 160"."""
    match shape:
        case Cosine():
            course = "cosine"
        case Step():
            course = f"steps at {recipe_fields.text_of(shape.milestones)}"
        case _:
            course = tag_of(type(shape))
    return f"warm-up, {course}" if shape.warmup_epochs else course


def _steps(asked: Recipe, per_epoch: int) -> Floats:
    """The steps that are drawn: evenly over the training, and both sides of every corner."""
    total = asked.training.epochs * per_epoch
    corners = [round(float(asked.schedule.warmup_epochs) * per_epoch)]
    if isinstance(asked.schedule, Step):
        corners += [epoch * per_epoch for epoch in asked.schedule.milestones]
    beside = [near for corner in corners for near in (corner - 1, corner) if 0 <= near <= total]
    even = np.linspace(0, total, min(total, POINTS) + 1)
    return np.unique(np.concatenate([np.floor(even), np.array(beside, dtype=np.float64)]))
