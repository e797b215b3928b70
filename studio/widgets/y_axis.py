"""The upright axis of a chart: which part of y it shows, and where reference lines lie on it.

The lines in sight decide, and what another run reached; lone outliers, other references and abandoned attempts have a
say only as far as they leave the picture readable. Left to others: percentiles, padding and ticks (thin.py), painting
(canvas.py). All in view coordinates (lines.py).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from studio.widgets import thin
from studio.widgets.lines import Reference, Series, Treatment
from studio.widgets.thin import Axis, Kind, Span

References = Sequence[Reference]


def y_axis(series: Sequence[Series], treatment: Treatment, x_span: Span, references: References, short: bool) -> Axis:
    """What stands on the left of a chart that shows this part of x; references in view coordinates."""
    return Axis(_span(series, treatment, x_span, references), _kind(treatment), short)


def in_view(references: References, treatment: Treatment) -> list[Reference]:
    """References to where they are drawn; a normalised chart has none, a logarithmic one none from zero down."""
    if treatment.normalised:
        return []
    heights = np.array([one.y for one in references], dtype=np.float64)
    heights = thin.log10_or_gap(heights) if treatment.log_y else heights
    return [replace(one, y=y) for y, one in zip(heights.tolist(), references, strict=True) if math.isfinite(y)]


def _kind(treatment: Treatment) -> Kind:
    if treatment.normalised:
        return "ends"
    return "log" if treatment.log_y else "percent" if treatment.percent else "plain"


def _span(series: Sequence[Series], treatment: Treatment, x_span: Span, references: References) -> Span:
    """What the lines in sight and other runs' values need; other references and abandoned attempts when they are near."""
    if treatment.normalised:
        return thin.padded((0.0, 1.0), most=1.0)
    needed = thin.union(_needed(one, x_span) for one in series)
    if needed is not None and treatment.crop_climb:
        sides = [one.view(side[one.within(x_span)]) for one in series for side in (one.shown, *one.spread)]
        needed = thin.late_range(np.concatenate(sides))
    if needed is None:
        return 0.0, 1.0
    needed = thin.union([needed, *((one.y, one.y) for one in references if one.color)]) or needed
    needed = thin.stretched(needed, thin.union(_nice_to_have(series, x_span, references, needed)))
    if treatment.log_y:
        return thin.padded(needed, least=-math.inf)
    return thin.padded(needed, most=1.0 if treatment.percent else math.inf)


def _needed(series: Series, x_span: Span) -> Span | None:
    """What the part of a line in sight needs. Noise is judged before it is smoothed, for smoothing makes a spike a hill."""
    part = series.within(x_span)
    if not series.line.raw:
        seen = zip((series.shown, *series.spread), (series.front, *series.sides), strict=True)
        return thin.union(thin.telling_range(series.view(side[part]), dense.bounds(x_span)) for side, dense in seen)
    data = thin.telling_range(series.view(series.data[part]), series.noise.bounds(x_span))
    shown = series.front.bounds(x_span) or thin.bounds(series.view(series.shown[part]))
    if data is None or shown is None:
        return None
    if series.has_noise:
        return thin.stretched(data, shown, reach=0.25)
    return min(max(shown[0], data[0]), data[1]), max(min(shown[1], data[1]), data[0])


def _nice_to_have(series: Sequence[Series], x_span: Span, references: References, needed: Span) -> Iterable[Span | None]:
    low, high = thin.stretched(needed, (-math.inf, math.inf))
    words_above = 0.06 * (needed[1] - needed[0])
    yield from ((y, y + words_above) for y in (one.y for one in references) if low <= y <= high)
    for one in series:
        for x, y in one.old:
            yield thin.bounds(one.view(y[(x >= x_span[0]) & (x <= x_span[1])]))
