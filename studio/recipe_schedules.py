"""What a recipe's schedules look like, step by step, before anything is trained. numpy, no Qt, no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import rates, words
from engine.fields import tag_of
from engine.recipe import Cosine, LearningRate, Recipe, Step
from studio import recipe_fields

POINTS = 1200  # so many points of a schedule are drawn: more than a chart has pixels
NOMINAL = 100  # steps an epoch where nobody knows how many pictures there are; only the shape counts then

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """One knob over the training. `epochs` and `values` [n]; a step is an epoch times `steps_per_epoch`."""

    name: str
    note: str  # its shape in words
    telling: tuple[str, str]  # the number that tells most, and what it is: ("peak", "0.03 at epoch 3")
    epochs: Floats
    values: Floats
    steps_per_epoch: int


def curves(asked: Recipe, steps_per_epoch: int | None) -> list[Curve]:
    """Every knob that changes while the recipe trains."""
    per_epoch = steps_per_epoch or NOMINAL
    rate = rates.learning_rate(asked, per_epoch)
    steps = _steps(asked, per_epoch)
    values = np.array([rate(int(step)) for step in steps], dtype=np.float64)
    peak = int(np.argmax(values))
    at = steps[peak] / per_epoch
    where = f", epoch {max(1, round(at))}" if at else ""
    telling = ("peak", words.rate(float(values[peak])) + where)
    return [Curve("Learning rate", shape_words(asked.schedule), telling, steps / per_epoch, values, per_epoch)]


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
    corners = [round(asked.schedule.warmup_epochs * per_epoch)]
    if isinstance(asked.schedule, Step):
        corners += [epoch * per_epoch for epoch in asked.schedule.milestones]
    beside = [near for corner in corners for near in (corner - 1, corner) if 0 <= near <= total]
    even = np.linspace(0, total, min(total, POINTS) + 1)
    return np.unique(np.concatenate([np.floor(even), np.array(beside, dtype=np.float64)]))
