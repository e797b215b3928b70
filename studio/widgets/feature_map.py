"""Where pictures lie in a network's features: a point a picture in the plane of most variance, coloured by class.

Points of a class are drawn at once, as pixels. The wheel zooms, dragging moves, a double click or 0 shows all of it again; a
click chooses the nearest picture, and so do arrows (the nearest that way) and Return. Fewer classes than colours are told by
colour; of more, those that are lit, and every class by its name at its middle.

Shapes: N pictures, K classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.widgets import painted
from studio.widgets.painted import Painted
from studio.widgets.table_twin import Rows

KEYS = Qt.Key
WAYS = {KEYS.Key_Left: (-1, 0), KEYS.Key_Right: (1, 0), KEYS.Key_Up: (0, -1), KEYS.Key_Down: (0, 1)}
ZOOM, MOST_ZOOM = 1.25, 60.0
NEAR, DOT = 14, 3.2  # how far a click reaches, and a point's width, pixels at scale 1
NAMED = 40  # classes; more names would cover the points
EDGE = 14  # around the points


class FeatureMap(Painted):
    """`chosen` brings the row of a picture."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._xy_N2: NDArray[np.float64] = np.zeros((0, 2))
        self._labels_N: NDArray[np.int64] = np.zeros(0, np.int64)
        self._places_N: NDArray[np.int64] = np.zeros(0, np.int64)
        self._classes: tuple[str, ...] = ()
        self._lit: frozenset[int] | None = None
        self._marked = self._current = -1
        self._zoom, self._middle = 1.0, np.zeros(2)
        self._pressed: QPointF | None = None
        self._dragged = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Feature map")

    def show_points(
        self, xy_N2: NDArray[np.floating], labels_N: NDArray[np.int64], places_N: NDArray[np.int64], classes: Sequence[str]
    ) -> None:
        """`labels_N` are no classes where `classes` is empty; `places_N` in the data set."""
        self._xy_N2, self._labels_N, self._places_N = xy_N2.astype(np.float64), labels_N, places_N
        self._classes = tuple(classes)
        self._marked = self._current = -1
        self.setAccessibleDescription(self.described())
        self.show_whole()

    def show_lit(self, lit: frozenset[int] | None) -> None:
        """Which classes have their colour; None for all."""
        if lit != self._lit:
            self._lit = lit
            self.redraw()

    def label_of(self, row: int) -> int:
        """-1 where pictures have no classes."""
        return int(self._labels_N[row]) if self._classes else -1

    def mark(self, place: int) -> None:
        """The picture that is looked at, by its place in the data set."""
        found = np.flatnonzero(self._places_N == place)
        self._marked = int(found[0]) if found.size else -1
        self._current = self._marked if self._marked >= 0 else self._current
        self.update()

    def show_whole(self) -> None:
        low, high = self._bounds()
        self._zoom, self._middle = 1.0, (low + high) / 2
        self.redraw()

    def described(self) -> str:
        """Which class lies nearest to which: the two whose middles are closest."""
        middles = self._middles()
        if len(middles) < 2:
            return f"{len(self._xy_N2):,} pictures"
        names, points = list(middles), np.array(list(middles.values()))
        apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag([np.inf] * len(points))
        one, other = np.unravel_index(int(apart.argmin()), apart.shape)
        nearest = f"{self._class(names[one])} and {self._class(names[other])}"
        return f"{len(self._xy_N2):,} pictures; nearest to each other lie {nearest}"

    def table(self) -> Rows:
        named = zip(self._places_N.tolist(), self._labels_N.tolist(), self._xy_N2.tolist())
        return [["picture", "class", "first", "second"], *([str(place), self._class(label), *xy] for place, label, xy in named)]

    def sizeHint(self) -> QSize:
        return QSize(theme.px(330), theme.px(260))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(110))

    # where things are

    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not len(self._xy_N2):
            return np.full(2, -1.0), np.full(2, 1.0)
        return self._xy_N2.min(0), self._xy_N2.max(0)

    def _scale(self) -> float:
        """Pixels of one unit: the same across and up, so that distances are true."""
        low, high = self._bounds()
        span = np.maximum(high - low, 1e-9)
        room = np.array([self.width(), self.height()]) - 2 * theme.px(EDGE)
        return float(max(1.0, (np.maximum(room, 10) / span).min())) * self._zoom if (span > 1e-9).any() else self._zoom

    def pixels(self) -> NDArray[np.float64]:
        """[N, 2] of every point, the second direction upwards."""
        return self._to_pixels(self._xy_N2)

    def _to_pixels(self, xy_N2: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (xy_N2 - self._middle) * self._scale() * (1, -1) + (self.width() / 2, self.height() / 2)
        return found

    def _middles(self) -> dict[int, NDArray[np.float64]]:
        """The median of each class's points."""
        labels = np.unique(self._labels_N).tolist() if self._classes else []
        return {label: np.median(self._xy_N2[self._labels_N == label], axis=0) for label in labels}

    # drawing

    def _color(self, label: int) -> str:
        lit = bool(self._classes) and (self._lit is None or label in self._lit)
        return theme.run_color(label) if lit else "edge"

    def draw(self, painter: QPainter) -> None:
        if painted.straight():
            self._draw_points(painter)
        else:
            ratio = painter.device().devicePixelRatioF()
            painter.drawImage(QRectF(self.rect()), self._dots(ratio))
        if len(self._classes) <= NAMED:
            self._draw_names(painter)

    def _inks(self) -> list[tuple[int, QColor, float]]:
        """Each class with its colour and the width of its points; those that are lit come last."""
        found: list[tuple[int, QColor, float]] = []
        for label in sorted(set(self._labels_N.tolist()), key=lambda label: self._color(label) != "edge"):
            grey = self._color(label) == "edge"
            color = theme.color(self._color(label))
            color.setAlphaF(0.55 if grey else 0.9)
            found.append((label, color, theme.px(DOT) + (0 if grey or self._lit is None else theme.px(1))))
        return found

    def _draw_points(self, painter: QPainter) -> None:
        """As points, for a drawing that is sharp at any size."""
        pixels = self.pixels()
        for label, color, wide in self._inks():
            painter.setPen(QPen(color, wide, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoints([QPointF(x, y) for x, y in pixels[self._labels_N == label].tolist()])

    def _dots(self, ratio: float) -> QImage:
        """As pixels: as strokes, ten thousand points take ten times as long (270 and 25 ms on a busy machine)."""
        pixels, canvas = (
            self.pixels() * ratio,
            np.zeros((round(self.height() * ratio), round(self.width() * ratio), 4), np.uint8),
        )
        for label, color, wide in self._inks():
            stamp(canvas, pixels[self._labels_N == label], color, ratio * wide / 2)
        high, across = canvas.shape[:2]
        return QImage(canvas.data, across, high, 4 * across, QImage.Format.Format_RGBA8888_Premultiplied).copy()

    def _draw_names(self, painter: QPainter) -> None:
        """On a ground of their own, so that they can be read."""
        painter.setFont(theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        taken: list[QRectF] = []
        for label, middle in sorted(self._middles().items(), key=lambda named: self._color(named[0]) == "edge"):
            x, y = self._to_pixels(middle[None])[0].tolist()
            name = self._class(label)
            box = QRectF(0, 0, metrics.horizontalAdvance(name) + theme.px(6), metrics.height())
            box.moveCenter(QPointF(x, y))
            if any(box.intersects(other) for other in taken):  # the colour tells, or the tool tip
                continue
            taken.append(box)
            ground = theme.color("panel")
            ground.setAlphaF(0.7)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(theme.color("muted" if self._color(label) == "edge" else "text"))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), name)

    def draw_front(self, painter: QPainter) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        rings = [(self._marked, "text", 6.5)] + [(self._current, "focus", 9.5)] * self.hasFocus()
        for row, ink, radius in rings:
            if 0 <= row < len(self._xy_N2):
                x, y = self._to_pixels(self._xy_N2[row : row + 1])[0].tolist()
                painter.setPen(QPen(theme.color(ink), theme.px(2)))
                painter.drawEllipse(QPointF(x, y), theme.px(radius), theme.px(radius))
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), theme.px(4), theme.px(4))

    # pointer and keys

    def row_at(self, at: QPointF) -> int:
        """The nearest picture within reach, -1 for none."""
        if not len(self._xy_N2):
            return -1
        away_N = np.hypot(*(self.pixels() - (at.x(), at.y())).T)
        row = int(away_N.argmin())
        return row if away_N[row] <= theme.px(NEAR) else -1

    def _choose(self, row: int) -> None:
        if row >= 0:
            self._current = row
            self.chosen.emit(row)
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed, self._dragged = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            row = self.row_at(event.position())
            self.setToolTip(self._words(row) if row >= 0 else "")
            self.setCursor(Qt.CursorShape.PointingHandCursor if row >= 0 else Qt.CursorShape.ArrowCursor)
            return
        moved = event.position() - self._pressed
        if self._dragged or moved.manhattanLength() > 4:
            self._dragged, self._pressed = True, event.position()
            self._middle = self._middle - np.array([moved.x(), -moved.y()]) / self._scale()
            self.redraw()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and not self._dragged and event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.row_at(event.position()))
        self._pressed = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.show_whole()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom_by(ZOOM ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def _zoom_by(self, factor: float, about: QPointF) -> None:
        """What lies under the pointer stays there."""
        before = self._zoom
        self._zoom = min(max(before * factor, 1.0), MOST_ZOOM)
        away = np.array([about.x() - self.width() / 2, self.height() / 2 - about.y()])
        scale = self._scale()
        self._middle = self._middle + away / (scale * before / self._zoom) - away / scale
        self.redraw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, middle = event.key(), QPointF(self.width() / 2, self.height() / 2)
        if key in WAYS and len(self._xy_N2):
            self._step(WAYS[KEYS(key)])
        elif key in (KEYS.Key_Return, KEYS.Key_Enter, KEYS.Key_Space):
            self._choose(self._current)
        elif key in (KEYS.Key_Plus, KEYS.Key_Equal, KEYS.Key_Minus):
            self._zoom_by(1 / ZOOM if key == KEYS.Key_Minus else ZOOM, middle)
        elif key == KEYS.Key_0:
            self.show_whole()
        else:
            super().keyPressEvent(event)

    def _step(self, way: tuple[int, int]) -> None:
        """To the nearest picture that lies more that way than aside; to the first where none is chosen yet."""
        if self._current < 0:
            self._current = 0
        else:
            pixels = self.pixels()
            ahead_N = (pixels - pixels[self._current]) @ np.array(way, float)
            aside_N = np.abs((pixels - pixels[self._current]) @ np.array(way[::-1], float))
            far_N = np.where(ahead_N > np.maximum(aside_N, 1e-9), ahead_N + 2 * aside_N, np.inf)
            if np.isfinite(far_N).any():
                self._current = int(far_N.argmin())
        self.setAccessibleDescription(self._words(self._current))
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _class(self, label: int) -> str:
        return self._classes[label] if 0 <= label < len(self._classes) else ""

    def _words(self, row: int) -> str:
        return ", ".join(filter(None, [self._class(int(self._labels_N[row])), f"picture {int(self._places_N[row]):,}"]))


def stamp(canvas_HW4: NDArray[np.uint8], pixels_N2: NDArray[np.float64], color: QColor, radius: float) -> None:
    """A disc at each place, onto premultiplied RGBA. Where discs meet, the more opaque pixel stays."""
    premultiplied = np.array([color.redF(), color.greenF(), color.blueF(), 1.0]) * 255 * color.alphaF()
    x_N, y_N = np.floor(pixels_N2).astype(np.intp).T
    reach = int(np.ceil(radius))
    high, across = canvas_HW4.shape[:2]
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            cover = min(max(radius + 0.5 - np.hypot(down, right), 0.0), 1.0)  # of this pixel by the disc, about
            ink = np.rint(cover * premultiplied).astype(np.uint8)
            inside = (y_N + down >= 0) & (y_N + down < high) & (x_N + right >= 0) & (x_N + right < across)
            y, x = y_N[inside] + down, x_N[inside] + right
            fainter = canvas_HW4[y, x, 3] <= ink[3]
            canvas_HW4[y[fainter], x[fainter]] = ink
