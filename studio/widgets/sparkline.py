"""A curve as small as a word: its shape only, without axes; what it ends at stands beside it as a number."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine import words
from studio import theme

Floats = NDArray[np.float64]
MARGIN = 3  # room for half a pen at the ends


class Sparkline(QWidget):
    """Paints values over x from the first to the last. Fewer than two values draw nothing."""

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._x, self._y = np.empty(0), np.empty(0)
        self._end = 0.0
        self._say: Callable[[float], str] = words.percent
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_curve(self, x: Floats, y: Floats, end: float = 0.0, say: Callable[[float], str] = words.percent) -> None:
        """x ascending [n], y [n]. With `end` beyond the last x the curve stops short, at half the width at the least.

        `say` puts a value in words.
        """
        known = np.isfinite(y)
        if len(x) == len(self._x) and np.array_equal(y[known], self._y) and end == self._end:
            return
        self._x, self._y, self._end, self._say = x[known].copy(), y[known].copy(), end, say
        self.setAccessibleName(self._words())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(128), theme.px(30))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(64), theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        if len(self._y) < 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(theme.color(theme.run_color(0)), 1.5 * theme.scale())
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPolyline(self._line())

    def _line(self) -> QPolygonF:
        """At most two points a pixel of width: first all are placed, then the lowest and highest of each pixel stay."""
        width, height = self.width() - 2 * MARGIN, self.height() - 2 * MARGIN
        own = float(self._x[-1] - self._x[0])
        span = max(own, min(self._end - float(self._x[0]), 2 * own))
        low, high = float(self._y.min()), float(self._y.max())
        across = MARGIN + width * (self._x - self._x[0]) / (span or 1.0)
        down = MARGIN + height * (high - self._y) / ((high - low) or 1.0)
        if len(across) > 2 * width:
            column = across.astype(np.intp)
            order = np.lexsort((down, column))
            first = np.r_[True, np.diff(column[order]) != 0]
            last = np.r_[first[1:], True]
            kept = np.unique(np.r_[order[first | last], len(across) - 1])
            across, down = across[kept], down[kept]
        return QPolygonF([QPointF(x, y) for x, y in zip(across.tolist(), down.tolist(), strict=True)])

    def _words(self) -> str:
        if len(self._y) == 0:
            return f"{self._name}: no values yet"
        first, last, best = (self._say(value) for value in (self._y[0], self._y[-1], self._y.max()))
        return f"{self._name}: from {first} to {last}, best {best}"
