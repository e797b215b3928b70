"""The reliability diagram of one generation: how often it is right where it is so sure. Points on the diagonal keep their
word; below it they promise too much. Bars at the foot count the predictions of each bin.

The line under the name is the readout: the whole, or the bin under the pointer. Arrows move from bin to bin, Esc returns.
"""

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from engine import words
from engine.compare import Reliability
from studio import theme
from studio.lineage_pictures import Calibration
from studio.widgets import taking
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.painted import Painted, Swatch
from studio.widgets.table_twin import Rows

DOTS = (1.6, 4.5)  # radius of a dot of the emptiest and of the fullest bin, pixels at scale 1
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
BARS = 0.3  # the highest bar's share of the plot, where the bars stand in it
TALLEST = 1.5  # height of the plot over its width; what is higher gives the bars a place of their own below
APART = 34  # height from which that place is worth having, pixels at scale 1
KEYS = Qt.Key


class Diagram(Painted):
    """The drawing. Confidence goes across, the share of right answers up, both from 0 to 100 %."""

    pointed = Signal(int)  # a bin, -1 for none

    def __init__(self, generation: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._generation = generation
        self._diagram: Reliability | None = None
        self._bin = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_diagram(self, diagram: Reliability) -> None:
        self._diagram = diagram
        self.redraw()

    def point(self, place: int) -> None:
        if place != self._bin:
            self._bin = place
            self.update()
            self.pointed.emit(place)

    @property
    def bin(self) -> int:
        return self._bin

    def full_bins(self) -> list[int]:
        return [] if self._diagram is None else [int(place) for place in np.flatnonzero(self._diagram.count)]

    def sizeHint(self) -> QSize:
        return QSize(theme.px(230), theme.px(220))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(150), theme.px(130))

    def plot(self) -> QRectF:
        """The frame of the points."""
        whole = self._frame()
        high = min(whole.height(), max(TALLEST * whole.width(), 0.7 * whole.height()))
        return whole if whole.height() - high < theme.px(APART) else whole.adjusted(0, 0, 0, high - whole.height())

    def bars(self) -> QRectF:
        """The frame of the bars, up to the highest: in the foot of the plot, or below it where there is room."""
        whole, plot = self._frame(), self.plot()
        if plot == whole:
            return plot.adjusted(0, (1 - BARS) * plot.height(), 0, 0)
        return QRectF(plot.left(), plot.bottom() + theme.px(8), plot.width(), whole.bottom() - plot.bottom() - theme.px(8))

    def _frame(self) -> QRectF:
        metrics = QFontMetricsF(theme.font("axis"))
        left, foot = metrics.horizontalAdvance("100") + theme.px(10), metrics.height() + theme.px(8)
        top, right = metrics.height() / 2 + 1, metrics.horizontalAdvance("100") / 2 + 1
        return QRectF(left, top, max(1.0, self.width() - left - right), max(1.0, self.height() - foot - top))

    def at(self, confidence: float, accuracy: float) -> QPointF:
        plot = self.plot()
        return QPointF(plot.left() + confidence * plot.width(), plot.bottom() - accuracy * plot.height())

    def draw(self, painter: QPainter) -> None:
        self._draw_axes(painter)
        if self._diagram is not None:
            self._draw_counts(painter, self._diagram)
            painter.setPen(QPen(theme.color("text2"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(self.at(0, 0), self.at(1, 1))
            self._draw_points(painter, self._diagram)

    def _draw_axes(self, painter: QPainter) -> None:
        plot, foot, high = self.plot(), self._frame().bottom(), QFontMetricsF(theme.font("axis")).height()
        painter.setFont(theme.font("axis"))
        painter.setPen(QPen(theme.color("axis"), 1))
        left, ground = int(plot.left()) + 0.5, int(foot) + 0.5
        painter.drawLine(QPointF(left, plot.top()), QPointF(left, plot.bottom()))
        for base in {int(plot.bottom()) + 0.5, ground}:
            painter.drawLine(QPointF(left, base), QPointF(plot.right(), base))
        for value in TICKS:
            across, up = self.at(value, 0).x(), self.at(0, value).y()
            painter.setPen(QPen(theme.color("axis"), 1))
            painter.drawLine(QPointF(across, ground), QPointF(across, ground + theme.px(4)))
            painter.drawLine(QPointF(left - theme.px(4), up), QPointF(left, up))
            painter.setPen(theme.color("muted"))
            below = QRectF(across - theme.px(20), ground + theme.px(5), theme.px(40), high)
            beside = QRectF(0, up - high / 2, left - theme.px(7), high)
            painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), f"{100 * value:.0f}")
            painter.drawText(beside, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"{100 * value:.0f}")

    def _draw_counts(self, painter: QPainter, diagram: Reliability) -> None:
        frame, highest = self.bars(), max(1, int(diagram.count.max()))
        painter.setPen(Qt.PenStyle.NoPen)
        grey = theme.color("edge")
        grey.setAlphaF(0.6)
        painter.setBrush(grey)
        for low, high, count in zip(diagram.edges.tolist(), diagram.edges[1:].tolist(), diagram.count.tolist()):
            left, tall = frame.left() + low * frame.width(), frame.height() * count / highest
            painter.drawRect(QRectF(left + 1, frame.bottom() - tall, (high - low) * frame.width() - 2, tall))

    def _draw_points(self, painter: QPainter, diagram: Reliability) -> None:
        """A thin line through the points; a bin with few answers is a small dot, for little can be said of it."""
        full = self.full_bins()
        points = [self.at(float(diagram.confidence[place]), float(diagram.accuracy[place])) for place in full]
        color = theme.color(theme.generation_color(self._generation))
        painter.setPen(QPen(color, 1.2 * theme.scale()))
        painter.drawPolyline(points)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        for place, point in zip(full, points):
            share = float(diagram.count[place]) / max(1, int(diagram.count.max()))
            radius = theme.scale() * (DOTS[0] + (DOTS[1] - DOTS[0]) * share**0.5)
            painter.drawEllipse(point, radius, radius)

    def draw_front(self, painter: QPainter) -> None:
        if self._diagram is None or self._bin < 0 or not self._diagram.count[self._bin]:
            return
        point = self.at(float(self._diagram.confidence[self._bin]), float(self._diagram.accuracy[self._bin]))
        painter.setPen(QPen(theme.color("text2"), 1))
        painter.drawLine(QPointF(point.x(), self.plot().top()), QPointF(point.x(), self.plot().bottom()))
        painter.setPen(QPen(theme.color("panel"), theme.px(2)))
        painter.setBrush(theme.color(theme.generation_color(self._generation)))
        painter.drawEllipse(point, theme.scale() * 4.5, theme.scale() * 4.5)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        plot = self.plot()
        share = (event.position().x() - plot.left()) / plot.width()
        bins = len(self._diagram.count) if self._diagram is not None else 0
        self.point(min(int(share * bins), bins - 1) if 0 <= share <= 1 and bins else -1)

    def leaveEvent(self, event: QEvent) -> None:
        self.point(-1)


class ReliabilityPlot(Card):
    """A generation's diagram with its name and readout."""

    def __init__(self, generation: int, parent: QWidget | None = None) -> None:
        super().__init__(f"F{generation}", parent=parent)
        self.generation = generation
        self._calibration: Calibration | None = None
        self.diagram = Diagram(generation)
        self._which = theme.dress(QLabel(), small=True, muted=True)
        self._readout = theme.dress(ElidedLabel(), small=True, prose=True)
        self.head.addWidget(self._which)
        self.head.insertWidget(0, Swatch(generation))
        self.body.setContentsMargins(10, 0, 8, 6)
        self.body.setSpacing(4)
        self.body.addWidget(self._readout)
        self.body.addWidget(self.diagram, 1)
        self.diagram.pointed.connect(self._read)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"Reliability of F{generation}")
        taking.let_take(self)

    def show_calibration(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self.diagram.show_diagram(calibration.diagram)
        self._read(-1)

    def readout(self) -> tuple[str, str]:
        """What is read, and what is said of it."""
        return self._which.text(), self._readout.text()

    def _read(self, place: int) -> None:
        if self._calibration is None:
            return
        which, said = whole_words(self._calibration) if place < 0 else bin_words(self._calibration.diagram, place)
        self._which.setText(which)
        self._readout.setText(said)
        self.setAccessibleDescription(f"{which}: {said}")

    def table(self) -> Rows:
        """A row for each bin that is not empty."""
        assert self._calibration is not None
        return bin_rows(self._calibration)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        full, moves = self.diagram.full_bins(), {KEYS.Key_Left: -1, KEYS.Key_Right: 1}
        if event.key() in moves and full:
            here = full.index(self.diagram.bin) if self.diagram.bin in full else len(full)
            self.diagram.point(full[min(max(here + moves[KEYS(event.key())], 0), len(full) - 1)])
        elif event.key() in (KEYS.Key_Home, KEYS.Key_End) and full:
            self.diagram.point(full[0] if event.key() == KEYS.Key_Home else full[-1])
        elif event.key() == KEYS.Key_Escape:
            self.diagram.point(-1)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.diagram.point(-1)


def whole_words(calibration: Calibration) -> tuple[str, str]:
    """ "ECE 0.052" and "too sure by 3.0 points"."""
    return f"ECE {words.number(float(np.mean(calibration.ece)))}", calibration.leaning


def bin_words(diagram: Reliability, place: int) -> tuple[str, str]:
    """ "60–67 % sure" and "143 answers, 61.5 % right"."""
    low, high = (float(edge) for edge in diagram.edges[place : place + 2])
    count = int(diagram.count[place])
    said = f"{words.plural(count, 'answer')}, {words.percent(float(diagram.accuracy[place]))} right" if count else "no answer"
    return f"{100 * low:.0f}–{words.percent(high, 0)} sure", said


def bin_rows(calibration: Calibration) -> list[list[str | float | None]]:
    diagram = calibration.diagram
    rows: list[list[str | float | None]] = [["generation", "sure from", "to", "answers", "mean confidence", "right"]]
    for place in np.flatnonzero(diagram.count).tolist():
        low, high, sure, right = (
            words.percent(float(v))
            for v in (diagram.edges[place], diagram.edges[place + 1], diagram.confidence[place], diagram.accuracy[place])
        )
        rows.append([f"F{calibration.generation}", low, high, words.count(int(diagram.count[place])), sure, right])
    return rows
