"""Curves: what a line is, and what of it is shown.

Here: lines and references as a view gives them, a line in order of x with what a chart does to its values, and colours.
Left to others: smoothing and thinning (thin.py), which part of y is in sight (y_axis.py), pens and pixels (canvas.py).

"View" is y as it is drawn: log10 on a logarithmic axis, 0 to 1 where lines are normalised.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studio import theme
from studio.palette import DARK, LIGHT
from studio.widgets import thin
from studio.widgets.thin import Dense, Floats, Span

Role = Literal["student", "teacher", "branch", "second"]
Tone = Literal["muted", "bad"]
Better = Literal["low", "high"]

DOTS = (1.0, 1.0)  # of a reference's key in a readout
DASHES: dict[Role, tuple[float, ...]] = {"teacher": (3, 2), "branch": (3, 2, 1, 2)}  # in pen widths


@dataclass(frozen=True, eq=False)
class Line:
    """One curve. x and y [n] need not be in order; what is not finite is a gap.

    color: "#RRGGBB" out of a palette of the theme; its counterpart is drawn while the other theme is in force.
    role: a teacher is dashed, a branch of a lineage dash-dotted, a second metric of the same run in the colour of text.
    points: a sparse series, drawn with a dot at each measurement. raw: a dense noisy one, which is smoothed.
    kept [n]: False where a later resume abandoned the attempt. attempts [n]: its number; attempts are never joined.
    spread: low and high [n] around the line. end_label: its name at its end.
    """

    name: str
    x: NDArray[np.floating] | NDArray[np.integer]
    y: NDArray[np.floating]
    color: str
    role: Role = "student"
    points: bool = False
    raw: bool = False
    kept: NDArray[np.bool_] | None = None
    attempts: NDArray[np.integer] | None = None
    spread: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None
    end_label: str = ""

    def __post_init__(self) -> None:
        series = (self.x, self.y, self.kept, self.attempts, *(self.spread or ()))
        lengths = {len(one) for one in series if one is not None}
        assert len(lengths) == 1, f"line {self.name!r} has series of lengths {sorted(lengths)}"

    def extent(self) -> Span | None:
        """From where to where x reaches."""
        return thin.bounds(self.x)

    def goes_on(self, old: "Line", hair: float) -> bool:
        """Whether it is that line with a few more points at its end, which reach no further than by a hair of x."""
        count = len(old.x)
        dressed = ((one.name, one.color, one.end_label, one.role, one.raw, one.points) for one in (self, old))
        if not 0 < count <= len(self.x) or len(set(dressed)) > 1 or not self._keeps_what(old):
            return False
        same = all(self.x[i] == old.x[i] and self.y[i] == old.y[i] for i in (0, count // 2, count - 1))
        return same and 0 <= self.x[-1] - old.x[-1] <= hair

    def _keeps_what(self, old: "Line") -> bool:
        if self.kept is None or old.kept is None:
            return self.kept is old.kept
        return bool(np.array_equal(self.kept[: len(old.kept)], old.kept))

    def ink(self) -> str:
        """The colour that it is drawn in now."""
        return theme.palette().text2 if self.role == "second" else in_force(self.color)

    def dashes(self) -> tuple[float, ...]:
        return DASHES.get(self.role, ())


@dataclass(frozen=True)
class Reference:
    """A level to measure oneself by, dotted across the chart, with `words` at its right end.

    One in a colour is what another run reached: `end` is that run's name, where the names of lines stand, and words and
    value are in the readout.
    """

    y: float
    words: str
    color: str = ""
    end: str = ""

    def ink(self) -> str:
        """The colour that it is drawn in now."""
        return in_force(self.color) if self.color else theme.palette().text2


def in_force(color: str) -> str:
    """The colour that takes this one's place in the palette in force; one that no palette has stays as it is."""
    for known in (DARK, LIGHT):
        for mine, now in ((known.runs, theme.palette().runs), (known.generations, theme.palette().generations)):
            if color in mine:
                return now[mine.index(color)]
    return color


# What is shown of it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Treatment:
    """What a chart does to the values of all its lines.

    smoothing: 0 to 0.999, for noisy lines. raw_behind: their noise stays in sight. normalised: each line from its own
    min to its max, never logarithmic. percent: the axis says 50 for 0.5. crop_climb: a steep beginning may leave the frame.
    """

    smoothing: float = 0.0
    raw_behind: bool = True
    log_y: bool = False
    normalised: bool = False
    percent: bool = False
    crop_climb: bool = False


@dataclass(frozen=True, eq=False)
class Series:
    """A line in order of x: its data, what is shown of it (smoothed where noisy), what each resume left behind."""

    line: Line
    treatment: Treatment
    x: Floats
    data: Floats
    shown: Floats
    attempts: NDArray[np.int64]
    spread: tuple[Floats, ...]
    old: tuple[tuple[Floats, Floats], ...]

    @property
    def has_front(self) -> bool:
        """Noise that is not smoothed stays one pixel wide; everything else has its line in front."""
        return not self.line.raw or self.treatment.smoothing > 0

    @property
    def has_noise(self) -> bool:
        return self.line.raw and (self.treatment.raw_behind or self.treatment.smoothing == 0)

    @cached_property
    def plain(self) -> Dense:
        """Its data."""
        return Dense(self.x, self.data)

    @cached_property
    def noise(self) -> Dense:
        """Its data as they are drawn, in view coordinates; attempts are not joined."""
        return self._drawn(self.data)

    @cached_property
    def front(self) -> Dense:
        """The line in front as it is drawn."""
        return self.noise if self.shown is self.data else self._drawn(self.shown)

    def _drawn(self, y: Floats) -> Dense:
        x, drawn = thin.apart(self.x, self.view(y), self.attempts)
        return self.plain if drawn is self.data else Dense(x, drawn)

    @cached_property
    def sides(self) -> tuple[Dense, ...]:
        """The band around it: from below, from above."""
        return tuple(Dense(self.x, self.view(side)) for side in self.spread)

    @cached_property
    def _range(self) -> Span:
        return thin.bounds(self.data) or (0.0, 1.0)

    def view(self, y: Floats) -> Floats:
        """Values to where they are drawn."""
        if self.treatment.normalised:
            low, high = self._range
            return (y - low) / (high - low) if high > low else np.where(np.isfinite(y), 0.5, y)
        return thin.log10_or_gap(y) if self.treatment.log_y else y

    def at(self, x: float | None) -> int | None:
        """The point nearest to x, or the newest; none where x lies further outside than the points are apart."""
        if len(self.x) == 0:
            return None
        if x is None:
            return len(self.x) - 1
        apart = (self.x[-1] - self.x[0]) / max(len(self.x) - 1, 1)
        return thin.nearest(self.x, x) if max(self.x[0] - x, x - self.x[-1], 0.0) <= apart else None

    def within(self, span: Span) -> slice:
        """The points in sight, or those next to it where there are none."""
        first, last = np.searchsorted(self.x, span[0], "left"), np.searchsorted(self.x, span[1], "right")
        return slice(first, last) if first < last else slice(max(0, first - 1), last + 1)


def in_order(line: Line, treatment: Treatment) -> Series:
    """Sort, part and smooth a line. Smoothing runs over all that was kept, whichever attempt it came from."""
    weight = treatment.smoothing if line.raw else 0.0
    x = np.asarray(line.x, dtype=np.float64)
    order = _order(x)
    x, y = x[order], thin.finite_or_gap(line.y)[order]
    kept = np.ones(len(x), dtype=bool) if line.kept is None else np.asarray(line.kept, dtype=bool)[order]
    attempts = np.zeros(len(x), dtype=np.int64) if line.attempts is None else np.asarray(line.attempts, dtype=np.int64)[order]
    now = slice(None) if kept.all() else kept
    data = y[now]
    return Series(
        line=line,
        treatment=treatment,
        x=x[now],
        data=data,
        shown=thin.smooth(data, weight) if weight else data,
        attempts=attempts[now],
        spread=tuple(thin.finite_or_gap(side)[order][now] for side in line.spread or ()),
        old=tuple(_left_behind(x, y, kept, attempts, weight)),
    )


def _order(x: Floats) -> NDArray[np.intp] | slice:
    """What sorts x, without the points that have none; a slice, which copies nothing, where it is in order already."""
    if np.all(np.diff(x) >= 0) and np.isfinite(x).all():
        return slice(None)
    order = np.argsort(x, kind="stable")
    return order[np.isfinite(x[order])]


def _left_behind(
    x: Floats, y: Floats, kept: NDArray[np.bool_], attempts: NDArray[np.int64], weight: float
) -> Iterable[tuple[Floats, Floats]]:
    """Of each attempt what a resume abandoned, smoothed together with what came before it in its own attempt."""
    for attempt in np.unique(attempts[~kept]):
        mine = attempts == attempt
        yield x[mine][~kept[mine]], thin.smooth(y[mine], weight)[~kept[mine]]
