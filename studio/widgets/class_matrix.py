"""Counts of pictures, class against class. A click or Return on a cell chooses its pictures; arrows move, Esc takes it back.

With many classes cells become small and lose their digits, never their colour: what is under the pointer or the keys is read in
the line above.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine import words
from studio import color_maps, theme
from studio.palette import text_on
from studio.widgets.painted import Painted
from studio.widgets.table_twin import Rows

KEYS = Qt.Key
Ints = NDArray[np.int64]
MOVES = {KEYS.Key_Left: (0, -1), KEYS.Key_Right: (0, 1), KEYS.Key_Up: (-1, 0), KEYS.Key_Down: (1, 0)}
LEAST = 2  # a cell, pixels at scale 1
DIGITS = 17  # from which a cell can hold its number
NAMES = 0.3  # most of the width or height that names of classes take


class ClassMatrix(Painted):
    """`chosen` brings row and column, `cleared` takes them back, `pointed` says what is under pointer or keys."""

    chosen = Signal(int, int)
    cleared = Signal()
    pointed = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: Ints = np.zeros((0, 0), np.int64)
        self._classes: tuple[str, ...] = ()
        self._axes = ("label", "answer")
        self._signed = False
        self._cell = (0, 0)
        self._marked: tuple[int, int] | None = None
        self._name = name
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)

    def show_counts(self, counts: Ints, classes: Sequence[str], rows: str, columns: str, signed: bool = False) -> None:
        """[K, K]; what rows and columns are ("label", "F1 says"); `signed`: a difference, drawn about 0."""
        assert counts.ndim == 2 and counts.shape[0] == counts.shape[1], counts.shape
        if counts.shape != self._counts.shape:
            self._cell = (0, 0)
        self._counts, self._classes, self._axes, self._signed = counts, tuple(classes), (rows, columns), signed
        self.setAccessibleDescription(self.described())
        self.redraw()

    def mark(self, cell: tuple[int, int] | None) -> None:
        """The cell whose pictures are listed."""
        self._marked = cell
        self.update()

    def described(self) -> str:
        """The matrix in a sentence: its most frequent cells beside the diagonal."""
        apart = np.abs(self._counts) * (1 if self._signed else 1 - np.eye(len(self._counts), dtype=np.int64))
        most = [np.unravel_index(place, apart.shape) for place in np.argsort(-apart, axis=None, kind="stable")[:3]]
        told = [self._words((int(row), int(column))) for row, column in most if apart[row, column]]
        return "Most often: " + "; ".join(told) if told else "Nothing beside the diagonal"

    def table(self) -> Rows:
        names = [self._class(place) for place in range(len(self._counts))]
        return [[f"{self._axes[0]} \\ {self._axes[1]}", *names]] + [
            [name, *map(float, row)] for name, row in zip(names, self._counts.tolist())
        ]

    def sizeHint(self) -> QSize:
        return QSize(theme.px(330), theme.px(290))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(180), theme.px(130))

    # where things are

    def _margins(self) -> tuple[float, float]:
        """Room for the names at the left and at the foot; none where cells are too small for names."""
        if not len(self._counts):
            return 0.0, 0.0
        metrics = QFontMetricsF(theme.font("axis"))
        widest = max(metrics.horizontalAdvance(self._class(place)) for place in range(len(self._counts))) + theme.px(6)
        left, foot = min(widest, NAMES * self.width()), min(0.72 * widest + metrics.height(), NAMES * self.height())
        if min((self.width() - left) / len(self._counts), (self.height() - foot) / len(self._counts)) < 0.7 * metrics.height():
            return 0.0, 0.0
        return left, foot

    def cell(self, row: int, column: int) -> QRectF:
        left, foot = self._margins()
        count = max(1, len(self._counts))
        wide, high = (self.width() - left - 1) / count, (self.height() - foot - 1) / count
        side = max(float(LEAST), min(wide, high * 1.4)), max(float(LEAST), min(high, wide * 1.4))
        return QRectF(left + column * side[0], row * side[1], side[0], side[1])

    def _colours(self) -> NDArray[np.uint8]:
        """RGB [K, K, 3]."""
        if self._signed:
            most = max(1, int(np.abs(self._counts).max()))
            right = np.eye(len(self._counts)) * 2 - 1  # more on the diagonal is won, more beside it is lost
            return color_maps.ramp(theme.palette().difference, 0.5 + 0.5 * right * self._counts / most)
        scale = np.log1p(self._counts) / np.log1p(max(1, int(self._counts.max())))
        return color_maps.ramp(theme.palette().counts, scale)

    # drawing

    def draw(self, painter: QPainter) -> None:
        if not len(self._counts):
            return
        colours, first = self._colours(), self.cell(0, 0)
        if min(first.width(), first.height()) < theme.px(DIGITS) / 2:
            self._draw_small(painter, colours)
        else:
            self._draw_cells(painter, colours)
        if self._margins()[0]:
            self._draw_names(painter)

    def _draw_small(self, painter: QPainter, colours: NDArray[np.uint8]) -> None:
        count, whole = len(self._counts), np.ascontiguousarray(colours)
        image = QImage(whole.data, count, count, 3 * count, QImage.Format.Format_RGB888)
        last = self.cell(count - 1, count - 1)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(QRectF(self.cell(0, 0).topLeft(), last.bottomRight()), image)

    def _draw_cells(self, painter: QPainter, colours: NDArray[np.uint8]) -> None:
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        for row, counts in enumerate(self._counts.tolist()):
            for column, count in enumerate(counts):
                box = self.cell(row, column).adjusted(0.5, 0.5, -0.5, -0.5)
                red, green, blue = colours[row, column].tolist()
                ground = f"#{red:02X}{green:02X}{blue:02X}"
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color(ground))
                painter.drawRect(box)
                text = _count(count, self._signed)
                if count and metrics.horizontalAdvance(text) < box.width() - 2 and metrics.height() < box.height() + 2:
                    painter.setPen(theme.color(text_on(ground)))
                    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), text)

    def _draw_names(self, painter: QPainter) -> None:
        painter.setFont(theme.font("axis"))
        painter.setPen(theme.color("muted"))
        metrics, (left, foot) = QFontMetricsF(painter.font()), self._margins()
        longest = (foot - metrics.height()) / 0.72 + metrics.height()
        upright = (
            max(metrics.horizontalAdvance(self._class(place)) for place in range(len(self._counts))) < self.cell(0, 0).width()
        )
        for place in range(len(self._counts)):
            beside, below = self.cell(place, 0), self.cell(len(self._counts) - 1, place)
            name = metrics.elidedText(self._class(place), Qt.TextElideMode.ElideRight, left - theme.px(6))
            box = QRectF(0, beside.top(), left - theme.px(5), beside.height())
            painter.drawText(
                box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip), name
            )
            name = metrics.elidedText(self._class(place), Qt.TextElideMode.ElideRight, longest)
            painter.save()
            painter.translate(below.center().x(), below.bottom() + theme.px(3))
            if upright:
                painter.drawText(QPointF(-metrics.horizontalAdvance(name) / 2, metrics.ascent()), name)
            else:
                painter.rotate(-45)
                painter.drawText(QPointF(-metrics.horizontalAdvance(name), metrics.ascent() * 0.8), name)
            painter.restore()

    def draw_front(self, painter: QPainter) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for cell, ink in ((self._marked, "accenttext"), (self._cell if self.hasFocus() else None, "focus")):
            if cell is not None and max(cell) < len(self._counts):
                painter.setPen(QPen(theme.color(ink), theme.px(2)))
                painter.drawRect(self.cell(*cell).adjusted(0.5, 0.5, -0.5, -0.5))

    # pointer and keys

    def _cell_at(self, at: QPointF) -> tuple[int, int] | None:
        first = self.cell(0, 0)
        row, column = int(at.y() // first.height()), int((at.x() - first.left()) // first.width())
        return (row, column) if 0 <= row < len(self._counts) and 0 <= column < len(self._counts) else None

    def _choose(self, cell: tuple[int, int]) -> None:
        """A second time takes it back."""
        self._cell = cell
        if cell == self._marked:
            self.cleared.emit()
        else:
            self.chosen.emit(*cell)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if cell else Qt.CursorShape.ArrowCursor)
        self.setToolTip(self._words(cell) if cell else "")
        self.pointed.emit(self._words(cell) if cell else "")

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit("")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        if cell and event.button() == Qt.MouseButton.LeftButton:
            self._choose(cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self._counts) - 1
        if event.key() in MOVES and last >= 0:
            down, right = MOVES[KEYS(event.key())]
            self._cell = (min(max(self._cell[0] + down, 0), last), min(max(self._cell[1] + right, 0), last))
            self.setAccessibleDescription(self._words(self._cell))
            self.pointed.emit(self._words(self._cell))
            self.update()
        elif event.key() in (KEYS.Key_Space, KEYS.Key_Return, KEYS.Key_Enter) and last >= 0:
            self._choose(self._cell)
        elif event.key() == KEYS.Key_Escape and self._marked is not None:
            self.cleared.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _class(self, place: int) -> str:
        return self._classes[place] if place < len(self._classes) else str(place)

    def _words(self, cell: tuple[int, int]) -> str:
        row, column = self._class(cell[0]), self._class(cell[1])
        return f"{self._axes[0]} {row}, {self._axes[1]} {column}: {_count(int(self._counts[cell]), self._signed)}"


def _count(count: int, signed: bool) -> str:
    return f"{'+' if count > 0 else '−'}{words.count(abs(count))}" if signed and count else words.count(count)
