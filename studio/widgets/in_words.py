"""A chart for those who do not see it: what it shows as a sentence, and as the rows of a table."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from engine import words
from studio.widgets import thin
from studio.widgets.lines import Better, Series
from studio.widgets.table_twin import Cell
from studio.widgets.thin import Floats

Say = Callable[[float], str]


def description(series: Sequence[Series], say: Say, x_name: str, better: Better | None) -> str:
    """ "train loss 0.41, falling; best 0.39 at step 900", a sentence for each line."""
    return ". ".join(_described(one, say, x_name, better) for one in series)


def _described(series: Series, say: Say, x_name: str, better: Better | None) -> str:
    name, shown = series.line.name, thin.known(series.shown)
    lowest, highest = series.plain.extreme(True), series.plain.extreme(False)
    if lowest is None or highest is None:
        return f"{name}: no values"
    told = f"{name} {say(shown[-1])}{_trend(shown)}"
    if better is None:
        return f"{told}; between {say(lowest[1])} and {say(highest[1])}"
    x, best = lowest if better == "low" else highest
    return f"{told}; best {say(best)} at {x_name} {x_words(x, x_name)}"


def x_words(x: float, x_name: str) -> str:
    """A place on the axis: a whole step, an epoch to two decimals, a duration."""
    if x_name == "time":
        return words.duration(x)
    return thin.tick_words([round(x) if x_name == "step" else round(x, 2)])[0]


def _trend(values: Floats) -> str:
    """Where the last fifth went, in words; less than three per cent of the whole range is level."""
    if len(values) < 3:
        return ""
    change, whole = values[-1] - values[-1 - max(1, len(values) // 5)], np.ptp(values)
    return ", level" if abs(change) <= 0.03 * whole else ", rising" if change > 0 else ", falling"


def rows(series: Sequence[Series], x_name: str) -> list[list[Cell]]:
    """Names first, then x and one value a line; None where a line was not measured."""
    xs = np.unique(np.concatenate([np.empty(0), *(one.x for one in series)]))
    columns: list[list[Cell]] = [xs.tolist()]
    for one in series:
        column = np.full(len(xs), math.nan)
        column[np.searchsorted(xs, one.x)] = one.data
        columns.append([value if math.isfinite(value) else None for value in column.tolist()])
    return [[x_name, *(one.line.name for one in series)], *(list(row) for row in zip(*columns, strict=True))]
