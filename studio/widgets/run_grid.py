"""Which runs a lineage makes: a row for each seed, a box for each generation, an arrow from teacher to student."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.widgets.painted import Painted

NARROWEST = 40  # a box with its name, pixels at scale 1
MOST_SEEDS, MOST_GENERATIONS = 5, 6  # in sight; the rest is told by dots


class RunGrid(Painted):
    """Drawn from numbers alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seeds: tuple[int, ...] = ()
        self._generations = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Runs")

    def show_lineage(self, seeds: tuple[int, ...], generations: int) -> None:
        if (seeds, generations) != (self._seeds, self._generations):
            self._seeds, self._generations = seeds, generations
            chain = "F0" if not generations else f"F0 to F{generations}, each taught by the one before"
            self.setAccessibleDescription(f"{len(seeds)} seeds, each with {chain}")
            self.redraw()

    def sizeHint(self) -> QSize:
        rows = min(len(self._seeds), MOST_SEEDS) + (len(self._seeds) > MOST_SEEDS)
        return QSize(theme.px(240), round(rows * self._pitch()) + theme.px(2))

    def _pitch(self) -> float:
        return QFontMetricsF(theme.font("small")).height() + theme.px(12)

    def draw(self, painter: QPainter) -> None:
        painter.setFont(theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        shown = self._seeds[:MOST_SEEDS]
        names = [f"seed {seed}" for seed in shown]
        left = max((metrics.horizontalAdvance(name) for name in names), default=0.0) + theme.px(12)
        high, pitch = metrics.height() + theme.px(4), self._pitch()
        for row, name in enumerate(names):
            y = row * pitch
            painter.setPen(theme.color("muted"))
            painter.drawText(QRectF(0, y, left, high), int(Qt.AlignmentFlag.AlignVCenter), name)
            self._draw_chain(painter, left, y, high)
        if len(self._seeds) > MOST_SEEDS:
            painter.setPen(theme.color("muted"))
            rest = f"and {len(self._seeds) - MOST_SEEDS} more"
            painter.drawText(QRectF(0, len(shown) * pitch, self.width(), high), int(Qt.AlignmentFlag.AlignVCenter), rest)

    def _draw_chain(self, painter: QPainter, left: float, y: float, high: float) -> None:
        count = self._generations + 1
        gap = theme.px(16)
        fits = int((self.width() - left - theme.px(20)) // (theme.px(NARROWEST) + gap))
        shown = min(count, MOST_GENERATIONS, max(1, fits))
        room = (self.width() - left - (theme.px(20) if count > shown else 0) + gap) / shown
        wide = min(float(theme.px(46)), room - gap)
        for k in range(shown):
            x = left + k * (wide + gap)
            self._draw_box(painter, QRectF(x, y + 0.5, wide, high - 1), k)
            if k:
                self._draw_arrow(painter, x - gap + 3, x - 3, y + high / 2)
        if count > shown:
            painter.setPen(theme.color("muted"))
            beyond = QRectF(left + shown * (wide + gap) - gap / 2, y, theme.px(20), high)
            painter.drawText(beyond, int(Qt.AlignmentFlag.AlignVCenter), "…")

    def _draw_box(self, painter: QPainter, box: QRectF, generation: int) -> None:
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box, theme.px(4), theme.px(4))
        size = theme.px(8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(theme.generation_color(generation)))
        painter.drawRoundedRect(QRectF(box.left() + theme.px(6), box.center().y() - size / 2, size, size), 2, 2)
        painter.setPen(theme.color("text"))
        painter.drawText(box.adjusted(theme.px(18), 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), f"F{generation}")

    def _draw_arrow(self, painter: QPainter, start: float, end: float, y: float) -> None:
        painter.setPen(QPen(theme.color("edge"), 1))
        painter.setBrush(theme.color("edge"))
        painter.drawLine(QPointF(start, y), QPointF(end - 3, y))
        painter.drawPolygon(QPolygonF([QPointF(end, y), QPointF(end - 4, y - 2.5), QPointF(end - 4, y + 2.5)]))
