"""A schedule as a curve: one knob over the whole training. Lean, drawn once; the pointer or the arrows read it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from engine import words
from studio import theme
from studio.widgets import thin
from studio.widgets.card import ElidedLabel
from studio.widgets.painted import Painted

Floats = NDArray[np.float64]
KEYS = Qt.Key


@dataclass(frozen=True, eq=False)
class Drawn:
    """A curve with the words around it. `x` and `y` [n], x ascending."""

    name: str
    note: str
    telling: tuple[str, str]
    x: Floats
    y: Floats
    x_name: str
    before: tuple[Floats, Floats] | None = None  # of an earlier run, in the same units of x
    before_name: str = ""


class Plot(Painted):
    """Axes, curve, cursor."""

    pointed = Signal(int)  # a place in the curve, -1 for none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawn: Drawn | None = None
        self._last = False
        self.place = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_curve(self, drawn: Drawn, last: bool) -> None:
        """`last`: this plot names x."""
        self._drawn, self._last = drawn, last
        self.point(-1)
        self.redraw()

    def point(self, place: int) -> None:
        if place != self.place:
            self.place = place
            self.update()
            self.pointed.emit(place)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(260), theme.px(140))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(140), theme.px(96))

    def _frame(self) -> QRectF:
        metrics = QFontMetricsF(theme.font("axis"))
        wide = max((metrics.horizontalAdvance(text) for _, text in self._y_ticks()), default=0.0)
        left, foot = max(wide, theme.px(36)) + theme.px(10), metrics.height() + theme.px(8)
        right = metrics.horizontalAdvance("00") / 2 + theme.px(6)
        return QRectF(left, theme.px(6), max(1.0, self.width() - left - right), max(1.0, self.height() - foot - theme.px(6)))

    def _span(self) -> tuple[thin.Span, thin.Span]:
        assert self._drawn is not None
        drawn = [(self._drawn.x, self._drawn.y), *([self._drawn.before] if self._drawn.before else [])]
        low, high = min(float(y.min()) for _, y in drawn), max(float(y.max()) for _, y in drawn)
        if low == high:
            low, high = min(0.0, low), high or 1.0
        left, right = min(float(x[0]) for x, _ in drawn), max(float(x[-1]) for x, _ in drawn)
        return (left, max(right, left + 1e-9)), (low, high)

    def _y_ticks(self) -> list[tuple[float, str]]:
        """The ends: what the knob begins from and what it reaches are what one wants to read."""
        if self._drawn is None:
            return []
        return [(value, words.rate(value)) for value in self._span()[1]]

    def at(self, x: float, y: float) -> QPointF:
        frame, (across, up) = self._frame(), self._span()
        return QPointF(
            frame.left() + (x - across[0]) / (across[1] - across[0]) * frame.width(),
            frame.bottom() - (y - up[0]) / (up[1] - up[0]) * frame.height(),
        )

    def draw(self, painter: QPainter) -> None:
        if self._drawn is None:
            return
        self._draw_axes(painter)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._drawn.before is not None:
            painter.setPen(QPen(theme.color("edge"), 1.5 * theme.scale()))
            painter.drawPolyline(self._line(*self._drawn.before))
        painter.setPen(QPen(theme.color(theme.run_color(0)), 2 * theme.scale()))
        painter.drawPolyline(self._line(self._drawn.x, self._drawn.y))

    def _line(self, xs: Floats, ys: Floats) -> QPolygonF:
        """At most a point per two pixels, which leaves the curve exact to the eye."""
        frame, ((left, right), (low, high)) = self._frame(), self._span()
        x, y = thin.thin_line(xs, ys, (left, right), max(1, round(frame.width())))
        across = frame.left() + (x - left) / (right - left) * frame.width()
        up = frame.bottom() - (y - low) / (high - low) * frame.height()
        return QPolygonF([QPointF(*point) for point in zip(across.tolist(), up.tolist())])

    def _draw_axes(self, painter: QPainter) -> None:
        frame, metrics = self._frame(), QFontMetricsF(theme.font("axis"))
        painter.setFont(theme.font("axis"))
        left, ground = int(frame.left()) + 0.5, int(frame.bottom()) + 0.5
        painter.setPen(QPen(theme.color("axis"), 1))
        painter.drawLine(QPointF(left, frame.top()), QPointF(left, ground))
        painter.drawLine(QPointF(left, ground), QPointF(frame.right(), ground))
        for value, text in self._y_ticks():
            y = self.at(self._span()[0][0], value).y()
            self._tick(painter, QPointF(left - theme.px(4), y), QPointF(left, y))
            beside = QRectF(0, y - metrics.height() / 2, left - theme.px(7), metrics.height())
            painter.drawText(beside, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)
        ticks = thin.Axis(self._span()[0], "whole").ticks(5)
        for value, text in ticks:
            x = self.at(value, self._span()[1][0]).x()
            self._tick(painter, QPointF(x, ground), QPointF(x, ground + theme.px(4)))
            below = QRectF(x - theme.px(30), ground + theme.px(5), theme.px(60), metrics.height())
            painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), text)
        if self._last and self._drawn is not None:
            painter.drawText(self._corner(frame, metrics), int(Qt.AlignmentFlag.AlignRight), self._drawn.x_name)

    def _corner(self, frame: QRectF, metrics: QFontMetricsF) -> QRectF:
        """Where x is named: on the right, at the foot unless the curve ends there."""
        assert self._drawn is not None
        low, high = self._span()[1]
        ends_low = float(self._drawn.y[-1]) < (low + high) / 2
        wide, y = theme.px(80), frame.top() if ends_low else frame.bottom() - metrics.height() - theme.px(3)
        return QRectF(frame.right() - wide, y, wide, metrics.height())

    def _tick(self, painter: QPainter, one: QPointF, other: QPointF) -> None:
        painter.setPen(QPen(theme.color("axis"), 1))
        painter.drawLine(one, other)
        painter.setPen(theme.color("muted"))

    def draw_front(self, painter: QPainter) -> None:
        if self._drawn is None or not 0 <= self.place < len(self._drawn.x):
            return
        frame, point = self._frame(), self.at(float(self._drawn.x[self.place]), float(self._drawn.y[self.place]))
        painter.setPen(QPen(theme.color("text2"), 1))
        painter.drawLine(QPointF(point.x(), frame.top()), QPointF(point.x(), frame.bottom()))
        painter.setPen(QPen(theme.color("panel"), 2))
        painter.setBrush(theme.color(theme.run_color(0)))
        painter.drawEllipse(point, 4.5 * theme.scale(), 4.5 * theme.scale())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drawn is None:
            return
        frame, (low, high) = self._frame(), self._span()[0]
        share = (event.position().x() - frame.left()) / frame.width()
        self.point(thin.nearest(self._drawn.x, low + share * (high - low)) if 0 <= share <= 1 else -1)

    def leaveEvent(self, event: QEvent) -> None:
        self.point(-1)


class SchedulePlot(QWidget):
    """Name, shape and readout over the plot. It takes the focus; arrows, Home and End move the cursor, Esc takes it away."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawn: Drawn | None = None
        self._name, self._note = QLabel(), theme.dress(ElidedLabel(), small=True, muted=True)
        self._lead, self._value = theme.dress(QLabel(), small=True, prose=True), theme.dress(QLabel(), small=True)
        self.plot = Plot()
        self.plot.pointed.connect(self._read)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        head, column = QHBoxLayout(), QVBoxLayout(self)
        head.setSpacing(4)
        head.addWidget(self._name)
        head.addSpacing(4)
        head.addWidget(self._note)
        head.addStretch(1)
        head.addWidget(self._lead)
        head.addWidget(self._value)
        column.setContentsMargins(12, 8, 12, 6)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.plot, 1)

    def show_curve(self, drawn: Drawn, last: bool) -> None:
        self._drawn = drawn
        self._name.setText(drawn.name)
        self._note.setText(drawn.note)
        self.plot.show_curve(drawn, last)
        self._read(-1)
        course = f"from {words.rate(float(drawn.y[0]))} to {words.rate(float(drawn.y[-1]))}"
        self.setAccessibleName(drawn.name)
        said = f"{drawn.note}, {course}, {' '.join(drawn.telling)}"
        if drawn.before is not None:
            theirs = f"from {words.rate(float(drawn.before[1][0]))} to {words.rate(float(drawn.before[1][-1]))}"
            said += f"; behind it {drawn.before_name}, {theirs}"
        self.setAccessibleDescription(said)

    def readout(self) -> tuple[str, str]:
        return self._lead.text(), self._value.text()

    def _read(self, place: int) -> None:
        assert self._drawn is not None
        lead, value = self._drawn.telling
        if place >= 0:
            x = float(self._drawn.x[place])
            lead, value = f"{self._drawn.x_name} {thin.tick_words([round(x, 1)])[0]}", words.rate(float(self._drawn.y[place]))
            value += self._then(x)
        self._lead.setText(lead)
        self._value.setText(value)

    def _then(self, x: float) -> str:
        """ ", was 0.02": the earlier run's value there."""
        before = self._drawn.before if self._drawn is not None else None
        if before is None or not before[0][0] <= x <= before[0][-1]:
            return ""
        return f", was {words.rate(float(before[1][thin.nearest(before[0], x)]))}"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count = len(self._drawn.x) if self._drawn is not None else 0
        here = self.plot.place if self.plot.place >= 0 else count
        step = max(1, count // 50)
        places = {KEYS.Key_Left: here - step, KEYS.Key_Right: here + step, KEYS.Key_Home: 0, KEYS.Key_End: count - 1}
        if event.key() in places and count:
            self.plot.point(min(max(places[KEYS(event.key())], 0), count - 1))
        elif event.key() == KEYS.Key_Escape:
            self.plot.point(-1)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._name.setProperty("accent", None)
        theme.dress(self._name, accent=True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        theme.dress(self._name, accent=False)
        self.plot.point(-1)
