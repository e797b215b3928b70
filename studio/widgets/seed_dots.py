"""One dot a seed on a scale that all boxes of a chain share, and the mean as a stroke."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.widgets.painted import Painted

Span = tuple[float, float]
DOT = 6.0  # diameter at scale 1
LEAST, MOST = 44, 84  # width at scale 1


class SeedDots(Painted):
    """Without values it keeps its place and draws nothing."""

    def __init__(self, generation: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._generation = generation
        self._values: tuple[float, ...] = ()
        self._span: Span = (0.0, 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_values(self, values: Sequence[float], span: Span) -> None:
        """Values, and from where to where the common scale reaches."""
        if (tuple(values), span) != (self._values, self._span):
            self._values, self._span = tuple(values), span
            self.redraw()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(LEAST), theme.px(18))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _left(self) -> float:
        """It takes the right end of what room there is, up to MOST."""
        return max(0.0, self.width() - theme.px(MOST))

    def at(self, value: float) -> float:
        """Where a value stands, in pixels from the left."""
        (low, high), edge, left = self._span, theme.px(DOT) / 2 + 1, self._left()
        share = (value - low) / (high - low) if high > low else 0.5
        return left + edge + share * (self.width() - left - 2 * edge)

    def draw(self, painter: QPainter) -> None:
        if not self._values:
            return
        middle = self.height() / 2
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(QPointF(self._left(), middle), QPointF(self.width(), middle))
        painter.setPen(QPen(theme.color(theme.generation_color(self._generation)), 1.5 * theme.scale()))
        painter.setBrush(theme.color("panel"))
        for value in self._values:
            painter.drawEllipse(QPointF(self.at(value), middle), theme.px(DOT) / 2, theme.px(DOT) / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("text"))
        mean = sum(self._values) / len(self._values)
        painter.drawRect(QRectF(self.at(mean) - theme.px(2) / 2, middle - theme.px(7), theme.px(2), theme.px(14)))


def common_span(values: Sequence[float]) -> Span:
    """A scale that holds all values with a little room; equal values stand in its middle."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 0.01
    return low - room, high + room
