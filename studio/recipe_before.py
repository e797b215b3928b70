"""Which earlier run's schedules stand behind a recipe's: what may be chosen, what is shown unasked, and its values. No Qt.

The values are those that the run wrote while it trained, so that what was changed on the way is in them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine import curves
from engine.fields import tag_of
from engine.recipe import Recipe
from studio.followed import Followed

MOST = 30  # runs to choose from
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Before:
    """What an earlier run wrote of its schedules: by metric, epochs and values [n]."""

    name: str
    label: str
    steps_per_epoch: int
    curves: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)


def offered(runs: Iterable[Followed], asked: Recipe) -> tuple[list[tuple[str, str]], str]:
    """(name, label) of runs that have begun, and which is shown unasked: the newest of the lineage, else of those with this
    method on these pictures, else none. Of other lineages only the newest run is offered."""
    newest = sorted((one for one in runs if one.state.step and one.recipe), key=lambda one: -one.changed_at)
    own = [one for one in newest if one.lineage == asked.lineage]
    others = list({one.lineage: one for one in reversed(newest) if one.lineage != asked.lineage}.values())[::-1]
    alike = [one for one in others if _is_alike(one, asked)]
    ordered = [*own, *alike, *(one for one in others if one not in alike)][:MOST]
    usual = next((one.name for one in (*own, *alike)), "")
    return [(one.name, label(one)) for one in ordered], usual


def label(one: Followed) -> str:
    """ "digits, F3, seed 2"."""
    return f"{one.lineage}, {one.called}, seed {one.seed}"


def values(one: Followed) -> Before:
    """Of a run that is read whole; of one of which only a brief is at hand, none."""
    found = {name: curves.kept(curve) for name, curve in one.state.curves.items() if name.startswith("schedule/")}
    return Before(one.name, label(one), one.state.steps_per_epoch, {name: pair for name, pair in found.items() if len(pair[0])})


def _is_alike(one: Followed, asked: Recipe) -> bool:
    assert one.recipe is not None
    theirs, ours = ((tag_of(type(each.method)), each.data) for each in (one.recipe, asked))
    return theirs[0] == ours[0] and type(theirs[1]) is type(ours[1]) and theirs[1].title == ours[1].title
