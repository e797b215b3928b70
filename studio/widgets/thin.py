"""From a long series to what fits on a screen: smoothing, thinning, the range shown and its ticks. numpy, no Qt.

The order matters: smooth the whole series first, thin what is in sight afterwards. So a curve does not depend on the
width of the window, no spike is lost between two pixels, and the newest value is the true one. Left to others: pens
and pixels (canvas.py), when to draw (curve_plot.py).

Shapes: series are float [n], x ascending unless said otherwise. A value that is not finite is a gap: it is never drawn
across, and it never spoils its neighbours.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine import words

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Span = tuple[float, float]
Kind = Literal["plain", "whole", "time", "percent", "log", "ends"]

BLOCK = 32  # one row of the blocked recursion; 100,000 points then need four small matrix products
COARSE = 4  # two points per four pixels: at a width of 2 px a curve thinned so is exact to the eye
NARROW = 8  # points become two or so, a level down
PER_COLUMN = 16  # points in a column of the picture are enough to tell its lowest and highest
LEAST_COLUMNS = 256
MOST_LEVELS = 6  # 8 ** 5 points a block: more than a screen is wide even of a hundred million
LARGEST, SMALLEST = 1e300, 1e-290  # what an axis can hold, with room for a sum, and for a step of the ticks
LONE = 10  # so many points of a long series are a spike or two; more are part of the story
SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


# Smoothing ------------------------------------------------------------------------------------------------------


def smooth(values: ArrayLike, weight: float) -> Floats:
    """Exponential moving average of the full series, debiased as in Adam (Kingma and Ba 2015, section 3).

    values [n], weight in [0, 0.999]; returns [n]. The first value stands as it is and a constant stays constant.
    A gap stays a gap and counts for nothing. weight 0 returns the data.
    """
    if not 0 <= weight <= 0.999:
        raise ValueError(f"smoothing weight {weight} is outside [0, 0.999]")
    smoothed = finite_or_gap(values)
    if weight == 0:
        return smoothed
    known = np.isfinite(smoothed)
    if known.all():
        return _debiased(smoothed, weight)
    smoothed[known] = _debiased(smoothed[known], weight)
    return smoothed


def _debiased(values: Floats, weight: float) -> Floats:
    averages = _decayed_sum((1 - weight) * values, weight)
    biased = min(len(values), math.ceil(-40 / math.log(weight)))  # later the bias is below the last digit
    averages[:biased] /= -np.expm1(np.arange(1, biased + 1) * math.log(weight))
    return averages


def _decayed_sum(x: Floats, weight: float) -> Floats:
    """y[t] = weight * y[t-1] + x[t], without a loop over t.

    Rows of BLOCK are one product with the powers of the weight; what each row hands to the next is the same recursion
    over the rows, with weight ** BLOCK. No power is ever negative, so nothing overflows for any weight below one.
    """
    rows = -(-len(x) // BLOCK)
    if rows == 0:
        return x
    block = np.zeros((rows, BLOCK))
    block.reshape(-1)[: len(x)] = x
    lag = np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK))
    sums = block @ np.where(lag >= 0, weight ** np.maximum(lag, 0), 0.0).T
    if rows > 1:
        handed_on = _decayed_sum(np.ascontiguousarray(sums[:-1, -1]), weight**BLOCK)
        sums[1:] += handed_on[:, None] * weight ** np.arange(1, BLOCK + 1)
    return np.asarray(sums.reshape(-1)[: len(x)])


def finite_or_gap(values: ArrayLike) -> Floats:
    """A float copy in which everything that is not finite, or so large that no axis could hold it, is NaN."""
    copied = np.array(values, dtype=np.float64)
    if not (known := np.abs(copied) <= LARGEST).all():
        copied[~known] = np.nan
    return copied


def log10_or_gap(values: Floats) -> Floats:
    """log10, with a gap for zero and everything below."""
    positive = np.asarray(values) > 0
    return np.where(positive, np.log10(np.where(positive, values, 1.0)), np.nan)


# Thinning -------------------------------------------------------------------------------------------------------


def envelope(x: Floats, y: Floats, x_range: Span, columns: int) -> tuple[Floats, Floats]:
    """The lowest and the highest point of each pixel column, for dense noisy lines one pixel wide.

    x [n] ascending, y [n]. Returned points are points of the data at their own x: at most 2 * columns + 8 of them finite,
    and where a column holds gaps, its first and last gap. Always among them: the first and last point in sight, the
    neighbour just outside on either side, and the newest finite value.
    """
    x, y = _in_sight(x, y, x_range)
    y = finite_or_gap(y)
    if len(x) <= 2 * columns + 2:
        return x, y
    starts = np.append(0, np.searchsorted(x, np.linspace(*x_range, columns + 1)))
    starts = starts[_firsts(starts)]
    starts = starts[starts < len(x)]
    inside = np.searchsorted(x, x_range[0], "left"), np.searchsorted(x, x_range[1], "right") - 1
    kept = np.unique(np.concatenate([np.array([0, *inside, len(x) - 1]), *_extremes(y, starts)]))
    return x[kept], y[kept]


def thin_line(x: Floats, y: Floats, x_range: Span, columns: int) -> tuple[Floats, Floats]:
    """At most one point per two pixels, for smoothed and dashed lines two pixels wide.

    The same promise as `envelope` over columns four pixels wide: at most columns / 2 + 8 finite points, the last value
    exact, and no spike lost when the line was not smoothed at all.
    """
    return envelope(x, y, x_range, max(1, columns // COARSE))


class Dense:
    """A series that is looked at again and again, with another part of it in sight each time.

    x [n] ascending, y [n], finite or NaN, which is a gap. `at` is what `envelope` need look at: of many points those that are
    the lowest and the highest of blocks of them, and where gaps begin and end, as long as PER_COLUMN of them fall to each
    column. So a frame costs the same for ten thousand points and for a million, and the extremes of a column are true to a part
    of its width.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        self._levels = [(x, y)]

    def at(self, x_range: Span, columns: int) -> tuple[Floats, Floats]:
        """The points to look at for a picture of so many columns: all of them, or fewer that look the same."""
        chosen = self._levels[0]
        for level in range(1, MOST_LEVELS):
            coarser = self._level(level)
            if _count(coarser[0], x_range) < PER_COLUMN * columns:
                break
            chosen = coarser
        return chosen

    def bounds(self, x_range: Span | None = None) -> Span | None:
        """The lowest and the highest value of all, or of those in sight; None when there is none."""
        if x_range is None:
            return bounds(self._level(MOST_LEVELS - 1)[1])
        x, y = self.at(x_range, LEAST_COLUMNS)
        return bounds(y[np.searchsorted(x, x_range[0], "left") : np.searchsorted(x, x_range[1], "right")])

    def extreme(self, lowest: bool) -> tuple[float, float] | None:
        """The place and the value of the lowest or the highest point, the first of equals; None when there is none."""
        x, y = self._level(MOST_LEVELS - 1)
        if not np.isfinite(y).any():
            return None
        place = int(np.nanargmin(y) if lowest else np.nanargmax(y))
        return float(x[place]), float(y[place])

    def _level(self, level: int) -> tuple[Floats, Floats]:
        """Level k has at least two points for each 8 ** k; made when it is first asked for."""
        while len(self._levels) <= level:
            x, y = self._levels[-1]
            kept = _of_blocks(y)
            self._levels.append((x[kept], y[kept]) if len(kept) < len(x) else (x, y))
        return self._levels[level]


def _count(x: Floats, x_range: Span) -> int:
    return int(np.searchsorted(x, x_range[1], "right") - np.searchsorted(x, x_range[0], "left"))


def _of_blocks(y: Floats) -> Indices:
    """Indices, ascending, of the lowest and the highest value and of the first and last gap of each block of NARROW points, and
    of all points after the last whole block."""
    whole = len(y) // NARROW * NARROW
    blocks, first = y[:whole].reshape(-1, NARROW), np.arange(0, whole, NARROW)
    kept = first[:, None] + np.stack([blocks.argmin(1), blocks.argmax(1)], 1)
    gaps = ~np.isfinite(blocks)
    torn = np.flatnonzero(gaps.any(1))  # few, and of them the lowest and the highest are still to be found
    of_torn = first[torn, None] + _of_torn(blocks[torn], gaps[torn])
    kept = np.concatenate([np.delete(kept, torn, 0).reshape(-1) if len(torn) else kept.reshape(-1), of_torn.reshape(-1)])
    kept.sort()
    return np.concatenate([kept[np.diff(kept, prepend=-1) > 0], np.arange(whole, len(y))])


def _of_torn(blocks: Floats, gaps: NDArray[np.bool_]) -> Indices:
    """Places within each block of its lowest, its highest, its first gap and its last."""
    lowest, highest = np.where(gaps, np.inf, blocks).argmin(1), np.where(gaps, -np.inf, blocks).argmax(1)
    return np.stack([lowest, highest, gaps.argmax(1), NARROW - 1 - gaps[:, ::-1].argmax(1)], 1)


def newest(values: ArrayLike) -> float | None:
    """The last finite value; None when there is none."""
    array = np.asarray(values, dtype=np.float64)
    for part in (array[-NARROW:], array):
        if len(found := known(part)):
            return float(found[-1])
    return None


def _in_sight(x: Floats, y: Floats, x_range: Span) -> tuple[Floats, Floats]:
    """The points within the range and one more on either side, so that lines enter and leave the frame."""
    first = max(0, int(np.searchsorted(x, x_range[0], "left")) - 1)
    last = int(np.searchsorted(x, x_range[1], "right")) + 1
    return x[first:last], y[first:last]


def _extremes(y: Floats, starts: Indices) -> list[Indices]:
    """Indices of the lowest and highest value of each column, of its first and last gap, of the newest value."""
    column = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(y))))
    known = np.isfinite(y)
    gaps, finite = np.flatnonzero(~known), np.flatnonzero(known)
    kept = [finite[-1:], gaps[_firsts(column[gaps])], gaps[::-1][_firsts(column[gaps][::-1])]]
    for extreme, harmless in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        filled = np.where(known, y, harmless) if len(gaps) else y
        hits = np.flatnonzero(filled == extreme.reduceat(filled, starts)[column])
        kept.append(hits[_firsts(column[hits])])
    return kept


def _firsts(column: Indices) -> Indices:
    """Where a new column begins."""
    return np.flatnonzero(np.diff(column, prepend=-1))


def apart(x: Floats, y: Floats, attempts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The series with a gap wherever the next point belongs to another attempt, so that they are never joined."""
    seams = np.flatnonzero(np.diff(attempts)) + 1
    if len(seams) == 0:
        return x, y
    return np.insert(x, seams, x[seams]), np.insert(y, seams, np.nan)


def nearest(x: Floats, wanted: float) -> int:
    """The index of the point nearest to a place; of two as near the earlier. x [n > 0]."""
    after = int(np.searchsorted(x, wanted))
    near = [i for i in (after - 1, after) if 0 <= i < len(x)]
    return min(near, key=lambda i: abs(x[i] - wanted))


# The range shown ------------------------------------------------------------------------------------------------


def bounds(values: ArrayLike) -> Span | None:
    """Lowest and highest finite value; None when there is none."""
    finite = known(values)
    return (float(finite.min()), float(finite.max())) if len(finite) else None


def telling_range(values: ArrayLike, extremes: Span | None = None) -> Span | None:
    """Lowest and highest value worth showing; None when there is none. `extremes`: their bounds, where they are known.

    All of them, except lone outliers: the ten values on either side (of few values one per cent) that lie further from
    the rest than its own width would flatten the picture, so it is cut there. They leave through the frame,
    where they still can be seen.
    """
    array = np.asarray(values, dtype=np.float64)
    extremes = extremes or bounds(array)
    # Every tenth of a hundred thousand tells the rest as well; the extremes are those of all.
    some = known(array[:: 1 + len(array) // 20_000])
    if extremes is None or len(some) == 0:
        return extremes
    (lowest, highest), outer = extremes, min(1.0, 100 * LONE / len(array))
    low, high = (float(v) for v in np.percentile(some, (outer, 100 - outer)))
    if low == high:
        return lowest, highest
    room = high - low
    return max(lowest, low - room), min(highest, high + room)


def late_range(values: ArrayLike) -> Span | None:
    """Where a curve that climbs steeply and then levels off spends its time: Tukey's far fences, 3 x the IQR."""
    finite = known(values)
    if len(finite) == 0:
        return None
    low, high = (float(v) for v in np.percentile(finite, (25, 75)))
    return max(float(finite.min()), low - 3 * (high - low)), min(float(finite.max()), high + 3 * (high - low))


def known(values: ArrayLike) -> Floats:
    """Those that are finite; nothing is copied where all are."""
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    return array if finite.all() else array[finite]


def union(spans: Iterable[Span | None]) -> Span | None:
    """The smallest span that holds all of them."""
    known = [span for span in spans if span is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def stretched(span: Span, wanted: Span | None, reach: float = 0.5) -> Span:
    """The span, wider by what is wanted of its neighbourhood: at most `reach` times its width on either side."""
    if wanted is None:
        return span
    room = reach * (span[1] - span[0])
    low, high = (min(max(value, span[0] - room), span[1] + room) for value in wanted)
    return min(span[0], low), max(span[1], high)


def padded(span: Span, least: float = 0.0, most: float = math.inf) -> Span:
    """A span with room around it, rounded outwards so that it does not change with every new point.

    Where the values stay within [least, most], so does the span, except for the hair that a line lying exactly on the
    border needs to be seen.
    """
    low, high = span
    size = max(abs(low), abs(high))
    level = high - low <= max(1e-9 * size, SMALLEST)  # what differs in the last digits only
    width = max(size / 5, SMALLEST) if level and size else 1.0 if level else high - low
    around = width / 2 if level else 0.04 * width
    grain = _nice_step(width, 4) / 4
    below, above = grain * math.floor((low - around) / grain), grain * math.ceil((high + around) / grain)
    hair = 0.015 * width
    return max(below, least - hair) if low >= least else below, min(above, most + hair) if high <= most else above


# Ticks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """What one side of a chart shows, and how it is written.

    whole: steps and epochs. time: seconds. percent: fractions, written times 100. log: the span is in powers of ten.
    ends: 0 and 1 only, called "min" and "max".
    """

    span: Span
    kind: Kind = "plain"
    short: bool = False

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Where the ticks stand, in units of the span, and what they say."""
        if self.kind == "ends":
            return [(0.0, "min"), (1.0, "max")]
        if self.kind == "time":
            values = time_ticks(self.span, most)
            return list(zip(values.tolist(), time_words(values), strict=True))
        if self.kind == "log":
            values = log_ticks(self.span, most)
            return list(zip(np.log10(values).tolist(), tick_words(values, self.short), strict=True))
        scale = 100 if self.kind == "percent" else 1
        values = ticks((scale * self.span[0], scale * self.span[1]), most, self.kind == "whole")
        return list(zip((values / scale).tolist(), tick_words(values, self.short), strict=True))


def ticks(span: Span, most: int, whole: bool = False) -> Floats:
    """At most `most` round values within the span, as many as that allows.

    Only whole numbers where asked; epochs begin at 1, which then is one tick more.
    """
    low, high = span
    if not high > low:
        return np.empty(0)
    step = _nice_step(high - low, most + 1)
    while len(found := _multiples(step, span)) > most or (whole and step % 1):
        step = _nice_step(step * 1.01, 1)
    epochs = whole and low == 1 and len(found) > 1 and found[0] - low > 0.6 * step
    return np.insert(found, 0, low) if epochs else found


def log_ticks(span: Span, most: int) -> Floats:
    """Tick values, not exponents, for a span given in powers of ten."""
    low, high = span
    decades = np.arange(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    if len(decades) >= 3 or (len(decades) == 2 and most < 4):
        return np.asarray(np.power(10.0, decades[:: -(-len(decades) // most)]), dtype=np.float64)
    every = np.arange(math.floor(low), math.ceil(high) + 1)
    fine = np.outer(np.power(10.0, every), (1.0, 2.0, 5.0)).reshape(-1)
    fine = fine[(fine >= 10**low * (1 - 1e-9)) & (fine <= 10**high * (1 + 1e-9))]
    return fine[:most] if 2 <= len(fine) <= most + 1 else ticks((10**low, 10**high), most)


def time_ticks(span: Span, most: int) -> Floats:
    """Round seconds, minutes or hours."""
    low, high = span
    days = (86_400 * n for n in (2, 5, 10, 20, 50, 100, 1000))
    for step in (*SECONDS, *days):
        found = _multiples(step, span)
        if len(found) <= most:
            return found
    return np.array([low, high])


def _multiples(step: float, span: Span) -> Floats:
    low, high = math.ceil(span[0] / step - 1e-9), math.floor(span[1] / step + 1e-9)
    return np.asarray(step * np.arange(low, high + 1), dtype=np.float64)


def _nice_step(width: float, parts: int) -> float:
    """The smallest round step of which at most `parts` fit into the width: 1, 2, 5, 10, 20, 25, 50, 0.5 and so on."""
    least = width / parts
    decade = 10.0 ** math.floor(math.log10(least))
    steps = (1.0, 2.0, 2.5, 5.0, 10.0) if decade > 1 else (1.0, 2.0, 5.0, 10.0)  # 2.5 would need a decimal more
    return next((decade * n for n in steps if decade * n >= least * (1 - 1e-9)), decade * 10)


def tick_words(values: Sequence[float] | Floats, short: bool = False) -> list[str]:
    """Ticks to text, all in one way: "1,000", or "1k" where short, "0.5", "125e-6", with a true minus."""
    values = [float(v) for v in values]
    size = max((abs(v) for v in values), default=0.0)
    if size >= 1e9:
        return [f"{v:.3g}".replace("e+", "e").replace("-", words.MINUS) for v in values]
    if 0 < size < 1e-3:
        return [words.rate(v) for v in values]
    unit, mark = (1e6, "M") if size >= 1e6 else (1e3, "k") if size >= 1e5 or (short and size >= 1e3) else (1.0, "")
    return [_decimals(v / unit) + (mark if v else "") for v in values]


def time_words(values: Sequence[float] | Floats) -> list[str]:
    """Ticks in seconds to text in the largest unit that their distance allows: "30 s", "20 min", "2 h"."""
    step = min((b - a for a, b in pairwise(values)), default=max(values, default=0.0))
    unit, mark = (3600, "h") if step >= 3600 else (60, "min") if step >= 60 else (1, "s")
    return [f"{_decimals(v / unit)} {mark}" if v else "0" for v in values]


def _decimals(value: float) -> str:
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "0") else text.replace("-", words.MINUS)
