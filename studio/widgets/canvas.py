"""The paper of a chart: axes, references, events, dots, names and the cursor, and what the pointer does on it.

It has three layers: the ground (axes, grid, references, events), kept as a picture by Qt; the curves (strokes.py); and
in front of them dots, names and the cursor. Left to others: what is shown (curve_plot.py) and where ticks stand
(thin.py). y is in view coordinates (lines.py).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent

from studio import theme
from studio.widgets.lines import Reference, Tone
from studio.widgets.strokes import Dots, flat_pen
from studio.widgets.thin import Axis, Span

if TYPE_CHECKING:  # pyqtgraph has no types; this is what its view is a kind of
    from PySide6.QtWidgets import QGraphicsView as GraphicsView
else:
    from pyqtgraph import GraphicsView

LEAST_PLOT = {True: 70, False: 90}  # height of the plot alone on a small and on a large chart
WRAPPED = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
FOOT_LINES = 2  # of words at the foot; whose word finds no room there has its dotted line alone
UNIT = Axis((0.0, 1.0))


@dataclass(frozen=True)
class Sheet:
    """All that a chart shows beside its curves and its cursor. y in view coordinates."""

    x_axis: Axis = UNIT
    y_axis: Axis = UNIT
    references: tuple[Reference, ...] = ()
    events: tuple[tuple[float, str, Tone], ...] = ()
    ends: tuple[tuple[float, str, str], ...] = ()  # y, name, colour
    corner: str = ""
    grid: bool = False
    empty: tuple[str, str] | None = None


@dataclass(frozen=True)
class Mark:
    """The cursor: its x, what the box on the axis says, and a dot (x, y, colour) for each curve."""

    x: float
    words: str
    dots: tuple[tuple[float, float, str], ...] = ()


class Canvas(GraphicsView):
    """The plot without its card: places the axes, paints ground and front, tells what the pointer does.

    Its scene is in pixels. The curves live in `box`, which knows their coordinates.
    """

    pointed = Signal(float, float)  # x of the data, y in pixels
    left = Signal()
    clicked = Signal(float)  # x
    dragged = Signal(float)  # distance in x
    wheeled = Signal(float, float)  # x, notches away from the person
    reset_asked = Signal()
    resized = Signal()

    def __init__(self, small: bool, draw_first: Callable[[], None]) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the card has the focus, the keys and the name
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self.box.disableAutoRange()
        self.scene().addItem(self.box)
        self._small = small
        self._draw_first = draw_first
        self._sheet = Sheet()
        self._dots: tuple[Dots, ...] = ()
        self._mark: Mark | None = None
        self._foot: list[tuple[QRectF, str, str]] = []  # words below the curves: place, text, colour
        self._pressed: float | None = None
        self._dragging = False
        self.dress()

    def dress(self) -> None:
        """Take colours, type and scale of the theme in force."""
        self._font = theme.font("axis")
        self._metrics = QFontMetricsF(self._font)
        # Large charts stand above each other, so their plots begin at the same place.
        self._axis_width = 0.0 if self._small else self._metrics.horizontalAdvance("0.00")
        above, below = self._margins()
        self.setMinimumHeight(round(theme.px(LEAST_PLOT[self._small]) + above + below))
        self._place()

    def show_sheet(self, sheet: Sheet) -> None:
        """Place and paint the axes; from here on `plot` is where the curves go."""
        if sheet != self._sheet:
            self._sheet = sheet
            self._place()

    def show_front(self, dots: Sequence[Dots], mark: Mark | None) -> None:
        """What lies in front of the curves."""
        self._dots, self._mark = tuple(dots), mark
        self.viewport().update()

    # where things are

    def plot(self) -> QRectF:
        """The frame of the curves, in pixels."""
        return QRectF(self.box.geometry())

    def x_at(self, pixel: float) -> float:
        low, high = self._sheet.x_axis.span
        return low + (pixel - self.plot().left()) / self.plot().width() * (high - low)

    def to_pixels(self, x: float, y: float) -> QPointF:
        (left, right), (low, high) = self._sheet.x_axis.span, self._y_span()
        plot = self.plot()
        across, up = (x - left) / (right - left), (y - low) / (high - low)
        return QPointF(plot.left() + across * plot.width(), plot.bottom() - up * plot.height())

    def foot(self) -> float:
        """Height of the strip above the x axis that is kept for words, so that they never cover a curve."""
        if not self._sheet.corner and not any(text for _, text, _ in self._sheet.events):
            return 0.0
        tops = (place.top() for place, _, _ in self._foot)
        return self.plot().bottom() - min(tops, default=self._at_foot(0, "", 0).top())

    def _y_span(self) -> Span:
        """What the plot shows of y: what the axis asks for, and below it the strip for words."""
        (low, high), foot = self._sheet.y_axis.span, self.foot()
        return low - (high - low) * foot / max(1.0, self.plot().height() - foot), high

    def ticks(self) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        """Ticks of x and of y, four to six where there is room for them."""
        plot = self.plot()
        wide, high = plot.width() / theme.px(52), (plot.height() - self.foot()) / (1.7 * self._metrics.height())
        return self._sheet.x_axis.ticks(_some(math.ceil(wide))), self._sheet.y_axis.ticks(_some(math.ceil(high)))

    def _margins(self) -> tuple[float, float]:
        """Above and below the plot: half a label, and the axis with its labels."""
        return math.ceil(self._metrics.height() / 2), math.ceil(self._metrics.height()) + theme.px(7)

    def _place(self) -> None:
        (above, below), scale = self._margins(), theme.px
        height = max(1.0, self.height() - above - below)
        self.box.setGeometry(QRectF(0, above, max(1.0, self.width()), height))
        widest = max((self._metrics.horizontalAdvance(text) for _, text in self.ticks()[1]), default=0.0)
        self._axis_width = max(self._axis_width, math.ceil(widest))  # it only grows, so that nothing jumps
        left = scale(3 if self._small else 8) + self._axis_width + scale(7)
        names = max((self._metrics.horizontalAdvance(name) for _, name, _ in self._sheet.ends), default=0.0)
        right = scale(7 if self._small else 10) + (math.ceil(names) + scale(6) if names else 0)
        self.box.setGeometry(QRectF(left, above, max(1.0, self.width() - left - right), height))
        self._foot = self._words_at_foot()
        self.box.setRange(xRange=self._sheet.x_axis.span, yRange=self._y_span(), padding=0)
        self.box.setVisible(self._sheet.empty is None)
        self.resetCachedContent()
        self.viewport().update()

    # the ground

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.fillRect(rect, theme.color("panel"))
        painter.setFont(self._font)
        if self._sheet.empty is not None:
            self._paint_empty(painter, *self._sheet.empty)
            return
        self._paint_axes(painter)
        self._paint_events(painter)
        self._paint_references(painter)
        for place, text, color in self._foot:
            self._write(painter, place.center(), "center", text, color)

    def _paint_axes(self, painter: QPainter) -> None:
        plot, tick, (along, up) = self.plot(), theme.px(4), self.ticks()
        crosses = [_crisp(QPointF(self.to_pixels(x, 0).x(), plot.bottom())) for x, _ in along]
        rungs = [_crisp(self.to_pixels(self._sheet.x_axis.span[0], y)) for y, _ in up]
        if self._sheet.grid:
            painter.setPen(flat_pen(theme.color("grid"), 1))
            painter.drawLines([line for p in crosses for line in (QPointF(p.x(), plot.top()), p)])
            painter.drawLines([line for p in rungs for line in (p, QPointF(plot.right(), p.y()))])
        painter.setPen(flat_pen(theme.color("axis"), 1))
        corner = _crisp(plot.bottomLeft())
        painter.drawLines([QPointF(corner.x(), plot.top()), corner, corner, QPointF(plot.right(), corner.y())])
        painter.drawLines([p for at in crosses for p in (at, at + QPointF(0, tick))])
        painter.drawLines([p for at in rungs for p in (at, at - QPointF(tick, 0))])
        for at, (_, text) in zip(rungs, up, strict=True):
            self._write(painter, at - QPointF(theme.px(7), 0), "right", text, "muted")
        for rect, text in self._x_labels():
            self._write(painter, rect.center(), "center", text, "muted")

    def _x_labels(self) -> list[tuple[QRectF, str]]:
        """Where the words below the axis stand; kept within the canvas."""
        placed = []
        for x, text in self.ticks()[0]:
            size = QSizeF(self._metrics.horizontalAdvance(text), self._metrics.height())
            middle = self._clamped(self.to_pixels(x, 0).x(), size.width())
            placed.append((QRectF(QPointF(middle - size.width() / 2, self.plot().bottom() + theme.px(6)), size), text))
        return placed

    def _clamped(self, middle: float, width: float) -> float:
        return min(max(middle, width / 2 + 1), self.width() - width / 2 - 1)

    def _paint_references(self, painter: QPainter) -> None:
        plot = self.plot()
        for one in self._sheet.references:
            at = _crisp(self.to_pixels(0, one.y))
            if not plot.top() <= at.y() <= plot.bottom():
                continue
            painter.setPen(_dotted(theme.color(one.ink())))
            painter.drawLine(QPointF(plot.left(), at.y()), QPointF(plot.right(), at.y()))
            if not one.end:
                self._write_reference(painter, at.y(), one.words)

    def _write_reference(self, painter: QPainter, height: float, text: str) -> None:
        """At the right end, above the line where there is room; whatever else is dotted gives way."""
        plot, size = self.plot(), QSizeF(self._metrics.horizontalAdvance(text), self._metrics.height())
        above = height - size.height() >= plot.top() - theme.px(2)
        top = height - size.height() if above else height + 1
        place = QRectF(QPointF(plot.right() - theme.px(3) - size.width(), top), size)
        painter.fillRect(place.adjusted(-2, 1, 2, -1), theme.color("panel"))
        self._write(painter, place.center(), "center", text, "muted")

    def _paint_events(self, painter: QPainter) -> None:
        plot = self.plot()
        for x, _, tone in self._sheet.events:
            at = _crisp(self.to_pixels(x, 0))
            if plot.left() <= at.x() <= plot.right():
                painter.setPen(_dotted(theme.color("bad" if tone == "bad" else "text2")))
                painter.drawLine(QPointF(at.x(), plot.top()), QPointF(at.x(), plot.bottom()))

    def _words_at_foot(self) -> list[tuple[QRectF, str, str]]:
        """The name of x in the corner, and the words of events beside their lines: what is bad first, then the newest."""
        plot, found = self.plot(), list[tuple[QRectF, str, str]]()
        if self._sheet.corner:
            found.append((self._at_foot(plot.right(), self._sheet.corner, 0), self._sheet.corner, "muted"))
        for x, text, tone in sorted(self._sheet.events, key=lambda event: (event[2] != "bad", -event[0])):
            at = _crisp(self.to_pixels(x, 0)).x()
            if not text or not plot.left() <= at <= plot.right():
                continue
            for place in self._places_beside(at, text):
                if not any(place.intersects(other) for other, _, _ in found):
                    found.append((place, text, tone))
                    break
        return found

    def _places_beside(self, at: float, text: str) -> list[QRectF]:
        """Where the words of an upright line may stand: left of it, or right where the plot begins there."""
        plot, gap, width = self.plot(), theme.px(5), self._metrics.horizontalAdvance(text) + 1
        right = at - gap if at - gap - width >= plot.left() else min(at + gap + width, plot.right())
        return [self._at_foot(right, text, line) for line in range(FOOT_LINES)]

    def _at_foot(self, right: float, text: str, line: int) -> QRectF:
        """Where words stand that end there, in one of the lines above the axis."""
        size = QSizeF(self._metrics.horizontalAdvance(text) + 1, self._metrics.height())
        bottom = self.plot().bottom() - theme.px(1) - line * size.height()
        return QRectF(QPointF(right - size.width(), bottom - size.height()), size)

    def _paint_empty(self, painter: QPainter, sentence: str, when: str) -> None:
        """Both in the middle, one below the other; where they are wider than the chart, in several lines."""
        room, gap = QRectF(self.rect()).adjusted(theme.px(6), 0, -theme.px(6), 0), 0.45 * self._metrics.height()
        parts = [(theme.font("body"), sentence, "text2"), *([(theme.font("small"), when, "muted")] if when else [])]
        heights = [QFontMetricsF(font).boundingRect(room, WRAPPED, text).height() for font, text, _ in parts]
        top = room.center().y() - (sum(heights) + gap * (len(parts) - 1)) / 2
        for (font, text, token), height in zip(parts, heights, strict=True):
            painter.setFont(font)
            painter.setPen(theme.color(token))
            painter.drawText(QRectF(room.left(), top, room.width(), height), WRAPPED, text)
            top += height + gap

    # the front

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        if self._sheet.empty is not None:
            return
        painter.setFont(self._font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for dots in self._dots:
            self._paint_dots(painter, dots)
        self._paint_ends(painter)
        if self._mark is not None:
            self._paint_mark(painter, self._mark)

    def _paint_dots(self, painter: QPainter, dots: Dots) -> None:
        frame = self.plot().adjusted(-1, -1, 1, 1)
        at = [p for x, y in zip(dots.x, dots.y, strict=True) if frame.contains(p := self.to_pixels(x, y))]
        _stamp(painter, at, dots.size + dots.hollow, dots.color)
        if dots.hollow:
            _stamp(painter, at, dots.size - 1.6, "panel")

    def _paint_ends(self, painter: QPainter) -> None:
        """Names at the ends of the lines, pushed apart where they would overlap."""
        plot, line = self.plot(), self._metrics.height() * 0.95
        ends = sorted((self.to_pixels(0, y).y(), name, color) for y, name, color in self._sheet.ends)
        heights = pushed_apart([y for y, _, _ in ends], line, plot.top(), plot.bottom())
        for y, (_, name, color) in zip(heights, ends, strict=True):
            self._write(painter, QPointF(plot.right() + theme.px(6), y), "left", name, color)

    def _paint_mark(self, painter: QPainter, mark: Mark) -> None:
        plot, at = self.plot(), _crisp(self.to_pixels(mark.x, 0))
        if not plot.left() - 1 <= at.x() <= plot.right() + 1:
            return
        painter.setPen(flat_pen(theme.color("text2"), 1))
        painter.drawLine(QPointF(at.x(), plot.top()), QPointF(at.x(), plot.bottom()))
        for x, y, color in mark.dots:
            if plot.adjusted(-1, -1, 1, 1).contains(point := self.to_pixels(x, y)):
                _stamp(painter, [point], 10, "panel")
                _stamp(painter, [point], 7, color)
        self._paint_box(painter, at.x(), mark.words)

    def _paint_box(self, painter: QPainter, middle: float, text: str) -> None:
        """The value of x on the axis; a tick's words below it give way."""
        size = QSizeF(self._metrics.horizontalAdvance(text) + theme.px(14), self._metrics.height() + theme.px(2))
        middle = self._clamped(middle, size.width())
        box = QRectF(QPointF(middle - size.width() / 2, self.plot().bottom() + theme.px(5)), size)
        for label, _ in self._x_labels():
            if label.adjusted(-3, 0, 3, 0).intersects(box):
                painter.fillRect(label.adjusted(-1, 0, 1, 1), theme.color("panel"))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("text2"))
        painter.drawRoundedRect(box, theme.px(3), theme.px(3))
        self._write(painter, box.center(), "center", text, "panel")

    def _write(self, painter: QPainter, at: QPointF, side: str, text: str, token: str) -> None:
        """Words at a point: which side or corner of them lies there, "center" for their middle."""
        size = QSizeF(painter.fontMetrics().horizontalAdvance(text) + 1, painter.fontMetrics().height())
        left = at.x() - size.width() * (1 if "right" in side else 0 if "left" in side else 0.5)
        top = at.y() - size.height() * (1 if "bottom" in side else 0 if "top" in side else 0.5)
        painter.setPen(theme.color(token))
        painter.drawText(QRectF(QPointF(left, top), size), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), text)

    # events

    def paintEvent(self, event: QPaintEvent) -> None:
        self._draw_first()
        super().paintEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event is not None:  # pyqtgraph calls it with None while it is being built
            self._place()
            self.resized.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragging = event.position().x(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._pressed is not None and (self._dragging or abs(at.x() - self._pressed) > theme.px(4)):
            self._dragging = True
            self.dragged.emit(self.x_at(self._pressed) - self.x_at(at.x()))
            self._pressed = at.x()
        elif self.plot().left() - 1 <= at.x() <= self.plot().right() + 1:
            self.pointed.emit(self.x_at(at.x()), at.y())
        else:
            self.left.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and not self._dragging:
            self.clicked.emit(self.x_at(event.position().x()))
        self._pressed = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        self.reset_asked.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._sheet.empty is not None:
            event.ignore()
            return
        turned = event.angleDelta()
        if abs(turned.x()) > abs(turned.y()):
            self.dragged.emit(-turned.x() / 120 * 0.1 * (self.x_at(self.plot().right()) - self.x_at(self.plot().left())))
        else:
            self.wheeled.emit(self.x_at(event.position().x()), turned.y() / 120)
        event.accept()

    def leaveEvent(self, event: object) -> None:
        self.left.emit()


def _some(count: int) -> int:
    return min(max(count, 2), 6)


def _crisp(point: QPointF) -> QPointF:
    """The middle of the pixel, where a line of one pixel is sharp."""
    return QPointF(math.floor(point.x()) + 0.5, math.floor(point.y()) + 0.5)


def _dotted(color: QColor) -> QPen:
    return flat_pen(color, 1, (2.0, 2.0))


def _stamp(painter: QPainter, at: list[QPointF], size: float, color: str) -> None:
    painter.setPen(QPen(theme.color(color), theme.scale() * size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawPoints(at)


def pushed_apart(heights: Sequence[float], least: float, top: float, bottom: float) -> list[float]:
    """Ascending heights moved as little as needed to be `least` apart, within top and bottom."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(min(max(height, top), bottom), placed[-1] + least if placed else top))
    limit = bottom
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - least
    return placed
