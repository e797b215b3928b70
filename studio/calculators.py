"""Two small sums that everybody does beside a recipe: a learning rate for another batch, and how far back a teacher looks.

Pure. The laws are engine/schedule.py's; the dialog is widgets/calculators_dialog.py's.
"""

import math
from dataclasses import dataclass

from engine import scaled, schedule, words
from engine.recipe import Recipe
from engine.recipes import Dino

LINEAR_BATCH, ROOT_BATCH = 256, 1024  # Goyal et al. 2017 and DINO; DINOv2
ALIKE = 1.05  # rates that differ by less are one


@dataclass(frozen=True)
class Rates:
    """A rate that is known at one batch, at another by both laws."""

    linear: float
    root: float
    batch: int

    @property
    def apart(self) -> float:
        """By how many times the larger one is above the other."""
        return max(self.linear, self.root) / min(self.linear, self.root)

    @property
    def said(self) -> str:
        """How far the laws differ, in a sentence."""
        if self.apart < ALIKE:
            return f"At {words.count(self.batch)} pictures a step both laws give the same."
        larger = "linear" if self.linear > self.root else "root"
        other = "root" if larger == "linear" else "linear"
        times = words.number(self.apart, 1)
        return f"At {words.count(self.batch)} pictures a step the {larger} law gives {times} times what the {other} one does."


def rates(known: float, at: int, batch: int) -> Rates:
    """`known`: a rate that works at `at` pictures a step. Raises ValueError for what is not above 0."""
    if not (known > 0 and math.isfinite(known)):
        raise ValueError("a learning rate is a number above 0")
    return Rates(schedule.scaled_linearly(known, batch, at), schedule.scaled_by_root(known, batch, at), batch)


def begin(asked: Recipe) -> tuple[float, int]:
    """What is known to work for such a recipe: (rate, pictures a step)."""
    anchor = scaled.anchor_of(asked)
    return anchor.rate, anchor.batch


def origin(asked: Recipe) -> tuple[str, str]:
    """Where that rate is from, in a sentence, and by which law it usually goes: "linear" or "root"."""
    anchor = scaled.anchor_of(asked)
    return f"To begin with: {anchor.origin}. {anchor.law_origin}, by the {anchor.law} law.", anchor.law


def rounded(value: float) -> float:
    """As a person would write it: three digits."""
    return float(f"{value:.3g}")


def has_momentum(asked: Recipe) -> bool:
    """Whether its teacher is an average of its student."""
    return isinstance(asked.method, Dino)


def life_of(momentum: float, per_epoch: int | None) -> tuple[float, float | None]:
    """Half-life in steps and, where the steps of an epoch are known, in epochs. Raises ValueError outside (0, 1)."""
    if not 0 < momentum < 1:
        raise ValueError("momentum lies between 0 and 1")
    steps = schedule.half_life(momentum)
    return steps, steps / per_epoch if per_epoch else None


def momentum_of(steps: float) -> float:
    """To six digits after the nines, so that 0.9999 stays apart from 1. Raises ValueError for what is not above 0."""
    if not (steps > 0 and math.isfinite(steps)):
        raise ValueError("a half-life is a number above 0")
    exact = schedule.momentum_of(steps)
    return float(f"{1 - float(f'{1 - exact:.4g}'):.10g}")
