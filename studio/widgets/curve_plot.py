"""A chart: a card whose legend is its readout, with the curves below.

Here: what a line is, which of its points are drawn and how, the axes, and how pointer and keys move the cursor. Left
to others: smoothing, thinning and ticks (thin.py), the cursor that charts share and the readout (cursor.py), where the
numbers come from (the views).

A chart draws at most once per turn of the event loop, however much was set, and not at all while it is hidden. It has
three layers: the ground (axes, grid, references, events), kept as a picture by Qt; the curves, pyqtgraph's; and in
front of them dots, names and the cursor. "View" is y as it is drawn: log10 on a logarithmic axis, 0 to 1 where lines
are normalised.

Keys: arrows move the cursor by a point, with Ctrl by ten; Home and End go to the ends of what is in sight; Esc returns
to the newest; plus and minus zoom, 0 shows all again.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from engine import words
from studio import theme
from studio.widgets import thin
from studio.widgets.card import Card
from studio.widgets.cursor import Cursor, Entry, Readout
from studio.widgets.thin import Axis, Floats, Kind, Span

if TYPE_CHECKING:  # pyqtgraph has no types; this is what its view is a kind of
    from PySide6.QtWidgets import QGraphicsView as GraphicsView
else:
    from pyqtgraph import GraphicsView

Role = Literal["student", "teacher", "branch", "second", "plain"]
Tone = Literal["muted", "bad"]
Better = Literal["low", "high"]

MOST_VALUES = 5  # in a readout
LEAST_PLOT = {True: 70, False: 90}  # height of the plot alone on a small and on a large chart
DOTS_APART = 7  # where points are closer, in pixels, their dots would be a smear
DASHES: dict[Role, tuple[float, ...]] = {"teacher": (3, 2), "branch": (3, 2, 1, 2)}  # in pen widths
SPREAD_ALPHA = 0.14
NOTCH = 0.85  # what one notch of the wheel leaves in sight
X_KINDS: dict[str, Kind] = {"step": "whole", "epoch": "whole", "time": "time"}
NOTHING = "–"
NONE: tuple[Floats, Floats] = (np.empty(0), np.empty(0))


# Lines ----------------------------------------------------------------------------------------------------------


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
        x = np.asarray(self.x, dtype=np.float64)
        x = x[np.isfinite(x)]
        return (float(x.min()), float(x.max())) if len(x) else None


@dataclass(frozen=True, eq=False)
class _Series:
    """A line in order of x: its data, what is shown of it (smoothed where noisy), what each resume left behind."""

    x: Floats
    data: Floats
    shown: Floats
    attempts: NDArray[np.int64] | None = None
    spread: tuple[Floats, ...] | None = None
    old: tuple[tuple[Floats, Floats], ...] = ()

    def at(self, x: float) -> int | None:
        """The point nearest to x; none where x lies further outside than the points are apart."""
        if len(self.x) == 0:
            return None
        apart = (self.x[-1] - self.x[0]) / max(len(self.x) - 1, 1)
        return _nearest_index(self.x, x) if max(self.x[0] - x, x - self.x[-1], 0.0) <= apart else None

    def within(self, span: Span) -> slice:
        """The points in sight, or those next to it where there are none."""
        first, last = np.searchsorted(self.x, span[0], "left"), np.searchsorted(self.x, span[1], "right")
        return slice(first, last) if first < last else slice(max(0, first - 1), last + 1)


def _in_order(line: Line, weight: float) -> _Series:
    """Sort, part and smooth a line. Smoothing runs over all that was kept, whichever attempt it came from."""
    weight = weight if line.raw else 0.0
    x, y = np.asarray(line.x, dtype=np.float64), thin.finite_or_gap(line.y)
    attempts = None if line.attempts is None else np.asarray(line.attempts, dtype=np.int64)
    kept = np.ones(len(x), dtype=bool) if line.kept is None else np.asarray(line.kept, dtype=bool)
    order = _order(x)
    now = order if kept.all() else np.arange(len(x))[order][kept[order]]
    return _Series(
        x=x[now],
        data=y[now],
        shown=thin.smooth(y[now], weight),
        attempts=None if attempts is None else attempts[now],
        spread=None if line.spread is None else tuple(thin.finite_or_gap(side)[now] for side in line.spread),
        old=() if kept.all() else tuple(_left_behind(x, y, kept, attempts, np.arange(len(x))[order], weight)),
    )


def _order(x: Floats) -> NDArray[np.intp] | slice:
    """What sorts x, without the points that have none; a slice, which copies nothing, where it is in order already."""
    if np.all(np.diff(x) >= 0) and np.isfinite(x).all():
        return slice(None)
    order = np.argsort(x, kind="stable")
    return order[np.isfinite(x[order])]


def _left_behind(
    x: Floats,
    y: Floats,
    kept: NDArray[np.bool_],
    attempts: NDArray[np.int64] | None,
    order: NDArray[np.intp],
    weight: float,
) -> Iterable[tuple[Floats, Floats]]:
    """Of each attempt what a resume abandoned, smoothed together with what came before it in its own attempt."""
    attempts = np.zeros(len(x), dtype=np.int64) if attempts is None else attempts
    for attempt in np.unique(attempts[~kept]):
        mine = order[attempts[order] == attempt]
        yield x[mine][~kept[mine]], thin.smooth(y[mine], weight)[~kept[mine]]


def in_force(color: str) -> str:
    """The colour that takes this one's place in the palette in force; one that no palette has stays as it is."""
    for known in (theme.DARK, theme.LIGHT):
        for mine, now in ((known.runs, theme.palette().runs), (known.generations, theme.palette().generations)):
            if color in mine:
                return now[mine.index(color)]
    return color


def ink(line: Line) -> str:
    """The colour that a line is drawn in now."""
    return theme.palette().text2 if line.role == "second" else in_force(line.color)


def _end_to_end(parts: Iterable[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Several pieces as one series, with a gap after each."""
    gap = np.array([math.nan])
    pieces = [piece for x, y in parts for piece in ((x, y), (gap, gap))]
    return (np.concatenate([x for x, _ in pieces]), np.concatenate([y for _, y in pieces])) if pieces else NONE


def _band(low: tuple[Floats, Floats], high: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The outline of a spread: along the top and back along the bottom; gaps are closed over."""
    (low_x, low_y), (high_x, high_y) = ((x[np.isfinite(y)], y[np.isfinite(y)]) for x, y in (low, high))
    return np.concatenate([high_x, low_x[::-1]]), np.concatenate([high_y, low_y[::-1]])


def _alone(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points with a gap on either side, which no line would show."""
    known = np.concatenate([[False], np.isfinite(y), [False]])
    single = known[1:-1] & ~known[:-2] & ~known[2:]
    return x[single], y[single]


# The curves -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Dots:
    """Points in front of the curves, in data and view coordinates."""

    x: Floats
    y: Floats
    color: str
    size: float = 5.0
    hollow: bool = False


class _Strokes:
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

    def dress(self, line: Line, smoothed: bool, ratio: float) -> None:
        """Give every item the pen of the theme in force; `ratio` is that of the screen."""
        color, dashes = QColor(ink(line)), DASHES.get(line.role, ())
        self.front.setPen(_cosmetic(color, theme.px(2) * ratio, dashes))
        # Segments are four times as fast, but would begin the dashes anew at every point.
        self.front.setSegmentedLineMode("off" if dashes else "on")
        self.raw.setPen(_cosmetic(_faint(color, 0.5) if smoothed else color, ratio))
        self.old.setPen(_cosmetic(theme.color("edge"), ratio))
        self.band.setPen(None)
        self.band.setBrush(_faint(color, SPREAD_ALPHA))

    def fill(
        self,
        series: _Series,
        view: Callable[[Floats], Floats],
        span: Span,
        columns: int,
        *,
        front: bool = True,
        raw: bool = False,
    ) -> None:
        """Thin what is in sight and hand it to the items that are wanted."""
        x, shown = thin.thin_line(*thin.apart(series.x, view(series.shown), series.attempts), span, columns)
        _put(self.front, *(x, shown) if front else NONE)
        noise = thin.apart(series.x, view(series.data), series.attempts) if raw else NONE
        _put(self.raw, *thin.envelope(*noise, span, columns))
        _put(self.old, *_end_to_end(thin.thin_line(old_x, view(y), span, columns) for old_x, y in series.old))
        sides = [thin.thin_line(series.x, view(side), span, columns) for side in series.spread or ()]
        _put(self.band, *_band(*sides) if sides else NONE)


def _put(item: pg.PlotCurveItem, x: Floats, y: Floats) -> None:
    """Give an item its points; one that has and gets none is left alone."""
    if np.isfinite(y).any():
        item.setData(x, y)
    elif len(item.xData):
        item.setData(*NONE)


def _cosmetic(color: QColor, width: float, dashes: Sequence[float] = ()) -> QPen:
    """A pen for curves: its width is in pixels of the screen, whatever the scale of the axes."""
    pen = _pen(color, width, dashes)
    pen.setCosmetic(True)
    return pen


def _pen(color: QColor, width: float, dashes: Sequence[float] = ()) -> QPen:
    # Flat ends: segments with any other overlap, which shows as beads along the line.
    pen = QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    if dashes:
        pen.setDashPattern(dashes)
    return pen


def _faint(color: QColor, alpha: float) -> QColor:
    fainter = QColor(color)
    fainter.setAlphaF(alpha)
    return fainter


# The paper they lie on ------------------------------------------------------------------------------------------


UNIT = Axis((0.0, 1.0))


@dataclass(frozen=True)
class Sheet:
    """All that a chart shows beside its curves and its cursor. y in view coordinates."""

    x_axis: Axis = UNIT
    y_axis: Axis = UNIT
    references: tuple[tuple[float, str], ...] = ()
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
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self.box.disableAutoRange()
        self.scene().addItem(self.box)
        self._small = small
        self._draw_first = draw_first
        self._sheet = Sheet()
        self._dots: tuple[_Dots, ...] = ()
        self._mark: Mark | None = None
        self._axis_width = 0.0
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

    def show_front(self, dots: Sequence[_Dots], mark: Mark | None) -> None:
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
        (left, right), (low, high) = self._sheet.x_axis.span, self._sheet.y_axis.span
        plot = self.plot()
        across, up = (x - left) / (right - left), (y - low) / (high - low)
        return QPointF(plot.left() + across * plot.width(), plot.bottom() - up * plot.height())

    def ticks(self) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        """Ticks of x and of y, four to six where there is room for them."""
        plot = self.plot()
        wide, high = plot.width() / theme.px(52), plot.height() / (1.7 * self._metrics.height())
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
        self.box.setRange(xRange=self._sheet.x_axis.span, yRange=self._sheet.y_axis.span, padding=0)
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
        self._paint_references(painter)
        self._paint_events(painter)
        if self._sheet.corner:
            self._write(
                painter,
                self.plot().bottomRight() - QPointF(theme.px(3), self._metrics.descent()),
                "bottom right",
                self._sheet.corner,
                "muted",
            )

    def _paint_axes(self, painter: QPainter) -> None:
        plot, tick, (along, up) = self.plot(), theme.px(4), self.ticks()
        crosses = [_crisp(self.to_pixels(x, self._sheet.y_axis.span[0])) for x, _ in along]
        rungs = [_crisp(self.to_pixels(self._sheet.x_axis.span[0], y)) for y, _ in up]
        if self._sheet.grid:
            painter.setPen(_pen(theme.color("grid"), 1))
            painter.drawLines([line for p in crosses for line in (QPointF(p.x(), plot.top()), p)])
            painter.drawLines([line for p in rungs for line in (p, QPointF(plot.right(), p.y()))])
        painter.setPen(_pen(theme.color("axis"), 1))
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
        for y, text in self._sheet.references:
            at = _crisp(self.to_pixels(0, y))
            if plot.top() <= at.y() <= plot.bottom():
                painter.setPen(_dotted(theme.color("text2")))
                painter.drawLine(QPointF(plot.left(), at.y()), QPointF(plot.right(), at.y()))
                side = "bottom" if at.y() - self._metrics.height() >= plot.top() - theme.px(2) else "top"
                self._write(painter, QPointF(plot.right() - theme.px(3), at.y()), f"{side} right", text, "muted")

    def _paint_events(self, painter: QPainter) -> None:
        plot = self.plot()
        taken: list[QRectF] = []
        for x, text, tone in self._sheet.events:
            at = _crisp(self.to_pixels(x, 0))
            if not plot.left() <= at.x() <= plot.right():
                continue
            painter.setPen(_dotted(theme.color("bad" if tone == "bad" else "text2")))
            painter.drawLine(QPointF(at.x(), plot.top()), QPointF(at.x(), plot.bottom()))
            size, gap = QSizeF(self._metrics.horizontalAdvance(text), self._metrics.height()), theme.px(5)
            start = at.x() - gap - size.width()
            start = start if start > plot.left() else min(at.x() + gap, plot.right() - size.width())
            place = QRectF(QPointF(start, plot.bottom() - gap - size.height()), size)
            while any(place.intersects(other) for other in taken):
                place.translate(0, -size.height())
            taken.append(place)
            self._write(painter, place.center(), "center", text, tone)

    def _paint_empty(self, painter: QPainter, sentence: str, when: str) -> None:
        middle, line = QRectF(self.rect()).center(), self._metrics.height()
        painter.setFont(theme.font("body"))
        self._write(painter, middle - QPointF(0, 0.8 * line if when else 0), "center", sentence, "text2")
        painter.setFont(theme.font("small"))
        self._write(painter, middle + QPointF(0, 0.8 * line), "center", when, "muted")

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

    def _paint_dots(self, painter: QPainter, dots: _Dots) -> None:
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
        painter.setPen(_pen(theme.color("text2"), 1))
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.ignore()  # the card has the keys


def _some(count: int) -> int:
    return min(max(count, 2), 6)


def _crisp(point: QPointF) -> QPointF:
    """The middle of the pixel, where a line of one pixel is sharp."""
    return QPointF(math.floor(point.x()) + 0.5, math.floor(point.y()) + 0.5)


def _dotted(color: QColor) -> QPen:
    return _pen(color, 1, (2.0, 2.0))


def _stamp(painter: QPainter, at: list[QPointF], size: float, color: str) -> None:
    pen = QPen(theme.color(color), theme.scale() * size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
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


# The card -------------------------------------------------------------------------------------------------------


@dataclass
class _Settings:
    """How the lines are shown; set by the view."""

    x_name: str = "step"
    corner: bool = False
    smoothing: float = 0.0
    raw_behind: bool = True
    log_y: bool = False
    references: tuple[tuple[float, str], ...] = ()
    events: tuple[tuple[float, str, Tone], ...] = ()
    extras: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, str] = ("Nothing measured yet", "")


class CurvePlot(Card):
    """A chart card. Give it lines; it smooths, thins and draws them, and says what is under the cursor.

    format: a value to text, for readout and description; if it writes 0.5 as 50, the axis is in per cent as well.
    small: readout on a line of its own, words of events left out. normalised: each line from its own min to its max.
    better: which end is the best, for the description. crop_climb: the steep beginning may leave the frame.
    """

    cursor_moved = Signal(object)  # float or None
    x_range_changed = Signal(float, float)
    focused = Signal()

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        *,
        format: Callable[[float], str] = words.number,
        small: bool = False,
        normalised: bool = False,
        better: Better | None = None,
        crop_climb: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, subtitle, parent)
        self._format, self._small, self._normalised = format, small, normalised
        self._better, self._crop_climb = better, crop_climb
        self._percent = format(0.5).startswith("50")
        self._shown = _Settings()
        self._lines: list[Line] = []
        self._series: list[_Series] | None = []
        self._strokes: list[_Strokes] = []
        self._dots: list[_Dots] = []
        self._pointer: float | None = None
        self._stale = True
        self._later = QTimer(self, singleShot=True, interval=0)
        self._readout = Readout(compact=small)
        self._canvas = Canvas(small, self._draw)
        self._lay_out()
        self._listen()
        self.follow_cursor(Cursor(self))

    def _lay_out(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.body.setSpacing(0)
        self.body.setContentsMargins(4, 0, 4, 1)  # the canvas has square corners and stays clear of the round ones
        if self._small:
            self.head.setContentsMargins(8, 3, 8, 0)
            self._readout.setContentsMargins(4, 0, 0, 0)
            self.body.setContentsMargins(4, 0, 2, 1)
            self.body.addWidget(self._readout)
        else:
            self.head.setContentsMargins(12, 3, 14, 3)  # the readout ends where the plot ends
            self.head.addWidget(self._readout)
        self.body.addWidget(self._canvas, 1)

    def _listen(self) -> None:
        self._later.timeout.connect(self._draw)
        self._canvas.pointed.connect(self._point)
        self._canvas.left.connect(self._leave)
        self._canvas.clicked.connect(self._click)
        self._canvas.dragged.connect(self._pan)
        self._canvas.wheeled.connect(self._zoom)
        self._canvas.reset_asked.connect(self._reset)
        self._canvas.resized.connect(self._redraw)
        theme.signals.changed.connect(self._redress)

    # what is shown

    def set_lines(self, lines: Sequence[Line]) -> None:
        """The curves, in the order in which they are drawn and listed."""
        self._lines, self._series = list(lines), None
        self._tell_extent()
        self._redraw()

    def set_x_name(self, name: str, corner: bool = False) -> None:
        """ "step" and "epoch" count, "time" is in seconds. `corner`: say so in the lower right corner."""
        self._change(replace(self._shown, x_name=name, corner=corner))

    def set_smoothing(self, weight: float) -> None:
        """0 to 0.999, for noisy lines."""
        if weight != self._shown.smoothing:
            self._series = None
        self._change(replace(self._shown, smoothing=weight))

    def set_raw_behind(self, wanted: bool) -> None:
        """The noisy data behind the smoothed line."""
        self._change(replace(self._shown, raw_behind=wanted))

    def set_log_y(self, wanted: bool) -> None:
        """Logarithmic y; zeros and negative values become gaps. A normalised chart stays linear."""
        self._change(replace(self._shown, log_y=wanted and not self._normalised))

    def set_references(self, references: Sequence[tuple[float, str]]) -> None:
        """Dotted lines across: (y, words at the right end)."""
        self._change(replace(self._shown, references=tuple(references)))

    def set_events(self, events: Sequence[tuple[float, str, Tone]]) -> None:
        """Dotted lines upright: (x, word at the foot, tone)."""
        self._change(replace(self._shown, events=tuple(events)))

    def set_readout(self, extras: Sequence[tuple[str, str]]) -> None:
        """More pairs for the readout, after those of the lines: ("best", "4.829")."""
        self._change(replace(self._shown, extras=tuple(extras)))

    def set_empty(self, sentence: str, when: str = "") -> None:
        """What stands there while there are no points, and when that will change."""
        self._change(replace(self._shown, empty=(sentence, when)))

    def set_x_range(self, low: float, high: float) -> None:
        """Show this part of x, on all charts with the same cursor."""
        self._cursor.show_range(low, high)

    def follow(self) -> None:
        """Show all of x and what is still to come."""
        self._cursor.follow()

    def cursor_x(self) -> float | None:
        """Where the chart is read; None is the newest."""
        return self._cursor.x

    def follow_cursor(self, cursor: Cursor) -> None:
        """Share this cursor from now on; `Cursor.attach` calls it."""
        if (before := getattr(self, "_cursor", None)) is not None:
            before.tell_extent(self, None)
            before.changed.disconnect(self._cursor_changed)
            before.x_range_changed.disconnect(self._range_changed)
            before.whole_changed.disconnect(self._whole_changed)
        self._cursor = cursor
        cursor.changed.connect(self._cursor_changed)
        cursor.x_range_changed.connect(self._range_changed)
        cursor.whole_changed.connect(self._whole_changed)
        self._tell_extent()
        self._redraw()

    def readout(self) -> list[tuple[str, str]]:
        """The names and values that the readout shows now."""
        return [(entry.name, entry.value) for entry in self._readout.entries()]

    def table(self) -> list[list[str | float | None]]:
        """The data as rows: names first, then x and one value a line; None where a line was not measured."""
        series = self._in_order()
        xs = np.unique(np.concatenate([one.x for one in series])) if series else np.empty(0)
        columns: list[list[float | None]] = [[float(x) for x in xs]]
        for one in series:
            column = np.full(len(xs), math.nan)
            column[np.searchsorted(xs, one.x)] = one.data
            columns.append([value if math.isfinite(value) else None for value in column.tolist()])
        head: list[str | float | None] = [self._shown.x_name, *(line.name for line in self._lines)]
        return [head, *([*row] for row in zip(*columns, strict=True))]

    def _change(self, shown: _Settings) -> None:
        if shown != self._shown:
            self._shown = shown
            self._redraw()

    # drawing

    def _redraw(self) -> None:
        """Draw soon, once; a hidden chart waits until it is shown."""
        self._stale = True
        if self.isVisible():
            self._later.start()

    def _draw(self) -> None:
        if not self._stale:
            return
        self._stale = False
        span = self._cursor.in_sight()
        self._canvas.show_sheet(self._sheet(span))
        columns = max(1, round(self._canvas.plot().width() * self._canvas.devicePixelRatioF()))
        self._fit_strokes()
        for line, series, strokes in zip(self._lines, self._in_order(), self._strokes, strict=True):
            view, layers = partial(self._view, series), {"front": self._front(line), "raw": self._raw(line)}
            strokes.fill(series, view, span, columns, **layers)
        self._dots = self._new_dots()
        self._show_cursor()
        self.setAccessibleDescription(self._description())

    def _in_order(self) -> list[_Series]:
        if self._series is None:
            self._series = [_in_order(line, self._shown.smoothing) for line in self._lines]
        return self._series

    def _fit_strokes(self) -> None:
        while len(self._strokes) < len(self._lines):
            self._strokes.append(_Strokes(self._canvas.box))
        while len(self._strokes) > len(self._lines):
            self._strokes.pop().remove()
        for strokes, line in zip(self._strokes, self._lines, strict=True):
            strokes.dress(line, self._front(line), self._canvas.devicePixelRatioF())

    def _front(self, line: Line) -> bool:
        """Noise that is not smoothed stays one pixel wide; everything else has its line in front."""
        return not line.raw or self._shown.smoothing > 0

    def _raw(self, line: Line) -> bool:
        return line.raw and (self._shown.raw_behind or self._shown.smoothing == 0)

    def _view(self, series: _Series, y: Floats) -> Floats:
        """Values to where they are drawn."""
        if self._normalised:
            low, high = thin.bounds(series.data) or (0.0, 1.0)
            return (y - low) / (high - low) if high > low else np.where(np.isfinite(y), 0.5, y)
        return thin.log10_or_gap(y) if self._shown.log_y else y

    # the sheet

    def _sheet(self, span: Span) -> Sheet:
        shown, series = self._shown, self._in_order()
        y_span = self._y_span(span)
        return Sheet(
            x_axis=Axis(span, X_KINDS.get(shown.x_name, "plain"), self._small),
            y_axis=Axis(y_span, self._y_kind(), self._small),
            references=tuple((y, text) for y, text in self._references_in_view() if y_span[0] <= y <= y_span[1]),
            events=tuple((x, "" if self._small else text, tone) for x, text, tone in shown.events),
            ends=tuple(self._ends(span)),
            corner=shown.x_name if shown.corner else "",
            grid=self.hasFocus(),
            empty=shown.empty if all(thin.bounds(one.data) is None for one in series) else None,
        )

    def _y_kind(self) -> Kind:
        return "ends" if self._normalised else "log" if self._shown.log_y else "percent" if self._percent else "plain"

    def _y_span(self, span: Span) -> Span:
        """What the lines in sight need; references and abandoned attempts when they are near."""
        if self._normalised:
            return thin.padded((0.0, 1.0), most=1.0)
        visible = [(line, series, series.within(span)) for line, series in zip(self._lines, self._in_order(), strict=True)]
        needed = thin.union(self._needed(*each) for each in visible)
        if needed is not None and self._crop_climb:
            needed = thin.late_range(np.concatenate([self._view(s, s.shown[part]) for _, s, part in visible]))
        if needed is None:
            return 0.0, 1.0
        needed = thin.stretched(needed, thin.union(self._nice_to_have(span, needed)))
        log = self._shown.log_y
        return thin.padded(needed, -math.inf if log else 0.0, 1.0 if self._percent and not log else math.inf)

    def _needed(self, line: Line, series: _Series, part: slice) -> Span | None:
        """What part of a line needs. Noise is judged before it is smoothed, for smoothing makes a spike a hill."""
        if not line.raw:
            sides = (series.shown, *(series.spread or ()))
            return thin.union(thin.telling_range(self._view(series, side[part])) for side in sides)
        data = thin.telling_range(self._view(series, series.data[part]))
        shown = thin.bounds(self._view(series, series.shown[part]))
        if data is None or shown is None:
            return None
        if self._raw(line):
            return thin.stretched(data, shown, reach=0.25)
        return min(max(shown[0], data[0]), data[1]), max(min(shown[1], data[1]), data[0])

    def _nice_to_have(self, span: Span, needed: Span) -> Iterable[Span | None]:
        reach = thin.stretched(needed, (-math.inf, math.inf))
        words_above = 0.06 * (needed[1] - needed[0])
        yield from ((y, y + words_above) for y, _ in self._references_in_view() if reach[0] <= y <= reach[1])
        for series in self._in_order():
            for x, y in series.old:
                yield thin.bounds(self._view(series, y[(x >= span[0]) & (x <= span[1])]))

    def _references_in_view(self) -> list[tuple[float, str]]:
        if self._normalised or not self._shown.references:
            return []
        heights = np.array([y for y, _ in self._shown.references], dtype=np.float64)
        heights = thin.log10_or_gap(heights) if self._shown.log_y else heights
        return [(float(y), text) for y, (_, text) in zip(heights, self._shown.references, strict=True) if math.isfinite(y)]

    def _ends(self, span: Span) -> Iterable[tuple[float, str, str]]:
        """Where each line that has a name at its end leaves the frame, or ends."""
        for line, series in zip(self._lines, self._in_order(), strict=True):
            y = self._view(series, series.shown[series.within(span)])
            y = y[np.isfinite(y)]
            if line.end_label and len(y):
                yield float(y[-1]), line.end_label, ink(line)

    # the front and the readout

    def _show_cursor(self) -> None:
        """Dots, cursor and readout; cheap, for it happens with every move of the pointer."""
        if self._stale:
            return
        x = self._cursor.x
        found = [series.at(x) if x is not None else len(series.x) - 1 for series in self._in_order()]
        found = [i if i is not None and i >= 0 else None for i in found]
        self._canvas.show_front(self._dots, None if x is None else Mark(x, self._x_words(x), self._mark_dots(found)))
        self._show_values(found)

    def _mark_dots(self, found: Sequence[int | None]) -> tuple[tuple[float, float, str], ...]:
        at = [(line, s, i) for line, s, i in zip(self._lines, self._in_order(), found, strict=True) if i is not None]
        dots = [(float(s.x[i]), float(self._view(s, s.shown[i : i + 1])[0]), ink(line)) for line, s, i in at]
        return tuple(dot for dot in dots if math.isfinite(dot[1]))

    def _new_dots(self) -> list[_Dots]:
        """A dot at each measurement of a sparse line, and for any point that no line would show."""
        dots: list[_Dots] = []
        span = self._cursor.in_sight()
        for line, series, strokes in zip(self._lines, self._in_order(), self._strokes, strict=True):
            part = series.within(span)
            x, y = series.x[part], self._view(series, series.shown)[part]
            if line.points and len(x) * theme.px(DOTS_APART) <= self._canvas.plot().width():
                dots.append(_Dots(x, y, ink(line), 5, hollow=line.role == "teacher"))
            else:
                item = strokes.front if self._front(line) else strokes.raw
                dots.append(_Dots(*_alone(*item.getData()), ink(line), 4))
            dots.append(_Dots(*_alone(*strokes.old.getData()), "edge", 4))
        return [some for some in dots if len(some.x)]

    def _show_values(self, found: Sequence[int | None]) -> None:
        values = [
            (s.data[i], s.shown[i]) if i is not None else (None, None) for s, i in zip(self._in_order(), found, strict=True)
        ]
        alone = len(self._lines) == 1 and self._lines[0].raw and self._shown.smoothing > 0 and not self._small
        if alone:
            step, smoothed = values[0]
            entries = [Entry("this step", self._say(step)), self._entry(self._lines[0], smoothed, "smoothed")]
        else:
            listed = self._nearest([shown for _, shown in values])
            entries = [self._entry(self._lines[i], values[i][1]) for i in listed]
        if len(self._lines) > MOST_VALUES:
            entries.append(Entry(f"{MOST_VALUES} of {len(self._lines)}", ""))
        entries += [Entry(name, value) for name, value in self._shown.extras]
        self._readout.show_entries(entries, even=len(self._lines) > MOST_VALUES)

    def _nearest(self, shown: Sequence[float | None]) -> list[int]:
        """Which lines the readout lists: all, or those nearest to the pointer, nearest first."""
        everyone = list(range(len(shown)))
        if len(shown) > MOST_VALUES and self._pointer is not None:
            everyone.sort(key=lambda i: self._distance(self._in_order()[i], shown[i]))
        return everyone[:MOST_VALUES]

    def _distance(self, series: _Series, value: float | None) -> float:
        if value is None or self._pointer is None or not math.isfinite(value):
            return math.inf
        view = float(self._view(series, np.array([value]))[0])
        return abs(self._canvas.to_pixels(0, view).y() - self._pointer) if math.isfinite(view) else math.inf

    def _entry(self, line: Line, value: float | None, name: str = "") -> Entry:
        return Entry(name or line.name, self._say(value), ink(line), DASHES.get(line.role, ()))

    def _say(self, value: float | None) -> str:
        if value is None:
            return NOTHING
        return self._format(float(value)) if math.isfinite(value) else "not finite"

    def _x_words(self, x: float) -> str:
        if self._shown.x_name == "time":
            return words.duration(x)
        return thin.tick_words([round(x) if self._shown.x_name == "step" else round(x, 2)])[0]

    # the pointer and the keys

    def _point(self, x: float, height: float) -> None:
        self._pointer = height
        self._cursor.move(self._snapped(x))
        if len(self._lines) > MOST_VALUES:
            self._show_cursor()

    def _leave(self) -> None:
        self._pointer = None
        self._cursor.leave()

    def _click(self, x: float) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._cursor.toggle(self._snapped(x))

    def _pan(self, distance: float) -> None:
        self._cursor.pan(distance)

    def _zoom(self, x: float, notches: float) -> None:
        self._cursor.zoom(NOTCH**notches, x)

    def _reset(self) -> None:
        self._cursor.follow()
        self._cursor.release()

    def _grid_of_points(self) -> Floats:
        """The x that the cursor can stand on: those of the line with the most points."""
        return max((series.x for series in self._in_order()), key=len, default=np.empty(0))

    def _snapped(self, x: float) -> float:
        points = self._grid_of_points()
        return float(points[_nearest_index(points, x)]) if len(points) else x

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, keys = event.key(), Qt.Key
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1
        moves = {keys.Key_Left: -far, keys.Key_Right: far, keys.Key_Home: -math.inf, keys.Key_End: math.inf}
        zooms = {keys.Key_Plus: NOTCH**2, keys.Key_Equal: NOTCH**2, keys.Key_Minus: NOTCH**-2}
        if key in moves and len(self._grid_of_points()):
            self._step(moves[keys(key)])
        elif key in zooms:
            self._cursor.zoom(zooms[keys(key)], self._middle())
        elif key == keys.Key_0:
            self._cursor.follow()
        elif key == keys.Key_Escape and self._cursor.x is not None:
            self._cursor.release()
        else:
            super().keyPressEvent(event)

    def _step(self, by: float) -> None:
        """Move the cursor by so many points; infinity is the end of what is in sight. The first step shows it."""
        points, (low, high) = self._grid_of_points(), self._cursor.in_sight()
        first, last = _nearest_index(points, low), _nearest_index(points, high)
        here = last if self._cursor.x is None else _nearest_index(points, self._cursor.x)
        if math.isinf(by):
            here = first if by < 0 else last
        elif self._cursor.x is not None:
            here = min(max(here + int(by), 0), len(points) - 1)
        self._cursor.hold(float(points[here]))
        self._cursor.reveal(float(points[here]))

    def _middle(self) -> float:
        low, high = self._cursor.in_sight()
        return (low + high) / 2 if self._cursor.x is None else self._cursor.x

    # what happens to it

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._redraw()
        return super().event(event)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(180 if self._small else 360), self.minimumSizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._later.start()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._redraw()
        self.focused.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._redraw()

    def _redress(self) -> None:
        self._canvas.dress()
        self._redraw()

    def _tell_extent(self) -> None:
        self._cursor.tell_extent(self, thin.union(line.extent() for line in self._lines))

    def _cursor_changed(self, x: float | None) -> None:
        if self.isVisible():
            self._show_cursor()
        else:
            self._stale = True
        self.cursor_moved.emit(x)

    def _range_changed(self) -> None:
        self._redraw()
        self.x_range_changed.emit(*self._cursor.in_sight())

    def _whole_changed(self) -> None:
        if self._cursor.x_range is None:
            self._range_changed()

    # for those who do not see it

    def _description(self) -> str:
        """ "train loss 0.41, falling; best 0.39 at step 900", a sentence part for each line."""
        parts = [self._described(line, s) for line, s in zip(self._lines, self._in_order(), strict=True)]
        return ". ".join(part for part in parts if part) or " ".join(self._shown.empty).strip()

    def _described(self, line: Line, series: _Series) -> str:
        known = np.flatnonzero(np.isfinite(series.data))
        if len(known) == 0:
            return f"{line.name}: no values"
        now = f"{line.name} {self._say(series.shown[known[-1]])}{_trend(series.shown[known])}"
        if self._better is None:
            low, high = thin.bounds(series.data[known]) or (0.0, 0.0)
            return f"{now}; between {self._say(low)} and {self._say(high)}"
        best = known[(np.argmin if self._better == "low" else np.argmax)(series.data[known])]
        return f"{now}; best {self._say(series.data[best])} at {self._shown.x_name} {self._x_words(series.x[best])}"


def _nearest_index(points: Floats, x: float) -> int:
    after = int(np.searchsorted(points, x))
    near = [i for i in (after - 1, after) if 0 <= i < len(points)]
    return min(near, key=lambda i: abs(points[i] - x))


def _trend(values: Floats) -> str:
    """Where the last fifth went, in words; less than three per cent of the whole range is level."""
    if len(values) < 3:
        return ""
    change, whole = values[-1] - values[-1 - max(1, len(values) // 5)], np.ptp(values)
    return ", level" if abs(change) <= 0.03 * whole else ", rising" if change > 0 else ", falling"
