"""What pyqtgraph draws of a line: the curve in front, the noise behind it, abandoned attempts, the band of a spread.

Here: pens, and which points each of these items gets. Left to others: what is shown of a line (lines.py), thinning
(thin.py), everything that lies below and in front of the curves (canvas.py). y is in view coordinates (lines.py).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from studio import theme
from studio.widgets import thin
from studio.widgets.lines import Series
from studio.widgets.thin import Floats, Span

DOTS_APART = 7  # where points are closer, in pixels, their dots would be a smear
SPREAD_ALPHA = 0.14
NONE: tuple[Floats, Floats] = (np.empty(0), np.empty(0))
GAP: tuple[Floats, Floats] = (np.array([math.nan]), np.array([math.nan]))


@dataclass(frozen=True, eq=False)
class Dots:
    """Points in front of the curves, in data and view coordinates."""

    x: Floats
    y: Floats
    color: str
    size: float
    hollow: bool = False


class Strokes:
    """The drawing items of one line. Made once; a change of theme or of data only fills them anew."""

    def __init__(self, box: pg.ViewBox) -> None:
        self._box = box
        self.band, self.old, self.raw, self.front = (pg.PlotCurveItem(connect="finite", antialias=True) for _ in range(4))
        self.band.setFillLevel("enclosed")
        for item in self.items():
            box.addItem(item, ignoreBounds=True)

    def items(self) -> tuple[pg.PlotCurveItem, ...]:
        return self.band, self.old, self.raw, self.front

    def remove(self) -> None:
        for item in self.items():
            self._box.removeItem(item)

    def dress(self, series: Series, ratio: float) -> None:
        """Give every item the pen of the theme in force; `ratio` is that of the screen."""
        color, dashes = QColor(series.line.ink()), series.line.dashes()
        self.front.setPen(_cosmetic(color, theme.px(2) * ratio, dashes))
        # Segments are four times as fast, but would begin the dashes anew at every point.
        self.front.setSegmentedLineMode("off" if dashes else "on")
        self.raw.setPen(_cosmetic(_faint(color, 0.5) if series.has_front else color, ratio))
        self.old.setPen(_cosmetic(theme.color("edge"), ratio))
        self.band.setPen(None)
        self.band.setBrush(_faint(color, SPREAD_ALPHA))

    def fill(self, series: Series, span: Span, columns: int) -> None:
        """Thin what is in sight and hand it to the items."""
        front = series.front.at(span, columns) if series.has_front else NONE
        noise = series.noise.at(span, columns) if series.has_noise else NONE
        sides = [thin.thin_line(*side.at(span, columns), span, columns) for side in series.sides]
        _put(self.front, *thin.thin_line(*front, span, columns))
        dense = thin.envelope(*noise, span, columns)
        # Upright strokes, pixel beside pixel, are as smooth without, and an antialiased path of them takes ten times as long.
        self.raw.opts["antialias"] = len(dense[0]) < columns
        _put(self.raw, *dense)
        _put(self.old, *_end_to_end(thin.thin_line(x, series.view(y), span, columns) for x, y in series.old))
        _put(self.band, *_band(*sides) if sides else NONE)

    def dots(self, series: Series, span: Span, width: float) -> Iterable[Dots]:
        """One at each measurement of a sparse line, and for any point that no line would show."""
        line, part = series.line, series.within(span)
        x, y = series.x[part], series.view(series.shown[part])
        if line.points and len(x) * theme.px(DOTS_APART) <= width:
            yield Dots(x, y, line.ink(), 5, hollow=line.role == "teacher")
        else:
            item = self.front if series.has_front else self.raw
            yield Dots(*_alone(*item.getData()), line.ink(), 4)
        yield Dots(*_alone(*self.old.getData()), "edge", 4)


def _put(item: pg.PlotCurveItem, x: Floats, y: Floats) -> None:
    """Give an item its points; one that has and gets none is left alone."""
    if np.isfinite(y).any():
        item.setData(x, y)
    elif len(item.xData):
        item.setData(*NONE)


def _end_to_end(parts: Iterable[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Several pieces as one series, with a gap after each."""
    xs, ys = zip(NONE, *(piece for part in parts for piece in (part, GAP)), strict=True)
    return np.concatenate(xs), np.concatenate(ys)


def _band(low: tuple[Floats, Floats], high: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The outline of a spread: along the top and back along the bottom; gaps are closed over."""
    (low_x, low_y), (high_x, high_y) = ((x[np.isfinite(y)], y[np.isfinite(y)]) for x, y in (low, high))
    return np.concatenate([high_x, low_x[::-1]]), np.concatenate([high_y, low_y[::-1]])


def _alone(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points with a gap on either side, which no line would show."""
    known = np.concatenate([[False], np.isfinite(y), [False]])
    single = known[1:-1] & ~known[:-2] & ~known[2:]
    return x[single], y[single]


def _cosmetic(color: QColor, width: float, dashes: Sequence[float] = ()) -> QPen:
    """A pen for curves: its width is in pixels of the screen, whatever the scale of the axes."""
    cosmetic = flat_pen(color, width, dashes)
    cosmetic.setCosmetic(True)
    return cosmetic


def flat_pen(color: QColor, width: float, dashes: Sequence[float] = ()) -> QPen:
    """Flat ends: segments with any other overlap, which shows as beads along the line."""
    pen = QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    if dashes:
        pen.setDashPattern(dashes)
    return pen


def _faint(color: QColor, alpha: float) -> QColor:
    fainter = QColor(color)
    fainter.setAlphaF(alpha)
    return fainter
