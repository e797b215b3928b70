"""How often any two generations say the same, a cell a pair. A click or Return on a cell chooses the pair; arrows move.

Off the diagonal two generations of one seed are compared, on it two seeds of one generation: what a recipe alone makes alike.
"""

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine import words
from studio import color_maps, theme
from studio.lineage_pictures import Agreement
from studio.palette import text_on
from studio.widgets.painted import Painted
from studio.widgets.table_twin import Rows

KEYS = Qt.Key
LEAST, MOST = QSize(60, 44), QSize(170, 110)  # a cell, pixels at scale 1


class AgreementMatrix(Painted):
    """`chosen` brings two generations, the older first."""

    chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._agreement: Agreement | None = None
        self._cell = (1, 0)  # row, column: where the keyboard is
        self._marked: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Agreement between generations")

    def show_agreement(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._cell = (min(1, len(agreement.generations) - 1), 0)
        self.setAccessibleDescription(described(agreement))
        self.redraw()

    def mark(self, one: int, other: int) -> None:
        """The pair that is listed beside."""
        self._marked = (one, other)
        self.update()

    def table(self) -> Rows:
        if self._agreement is None:
            return [[]]
        names = [f"F{generation}" for generation in self._agreement.generations]
        return [["", *names]] + [[name, *map(_share, row)] for name, row in zip(names, self._agreement.share.tolist())]

    def sizeHint(self) -> QSize:
        return self._size(QSize(96, 80))

    def minimumSizeHint(self) -> QSize:
        return self._size(LEAST)

    def _size(self, cell: QSize) -> QSize:
        count = len(self._agreement.generations) if self._agreement else 2
        left, top = self._margins()
        return QSize(round(left) + count * theme.px(cell.width()), round(top) + count * theme.px(cell.height()))

    def _margins(self) -> tuple[float, float]:
        metrics = QFontMetricsF(theme.font("body", bold=True))
        return metrics.horizontalAdvance("F10") + theme.px(12), metrics.height() + theme.px(8)

    def cell(self, row: int, column: int) -> QRectF:
        left, top = self._margins()
        count = len(self._agreement.generations) if self._agreement else 1
        wide = min((self.width() - left) / count, theme.px(MOST.width()))
        high = min((self.height() - top) / count, theme.px(MOST.height()))
        return QRectF(left + column * wide, top + row * high, wide, high)

    def draw(self, painter: QPainter) -> None:
        if self._agreement is None:
            return
        left, top = self._margins()
        found = self._agreement.share[np.isfinite(self._agreement.share)]
        low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
        for place, generation in enumerate(self._agreement.generations):
            box = self.cell(place, place)
            _write(painter, QRectF(box.left(), 0, box.width(), top - theme.px(4)), f"F{generation}", bold=True)
            _write(painter, QRectF(0, box.top(), left - theme.px(6), box.height()), f"F{generation}", bold=True)
        for row, shares in enumerate(self._agreement.share.tolist()):
            for column, share in enumerate(shares):
                self._draw_cell(painter, self.cell(row, column).adjusted(1, 1, -1, -1), share, low, high)

    def _draw_cell(self, painter: QPainter, box: QRectF, share: float, low: float, high: float) -> None:
        known = not math.isnan(share)
        fill = 0.12 + 0.7 * ((share - low) / (high - low) if high > low else 0.5) if known else 0.0
        red, green, blue = color_maps.ramp(theme.palette().counts, np.array(fill)).tolist()
        ground = f"#{red:02X}{green:02X}{blue:02X}"
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(ground))
        painter.drawRoundedRect(box, theme.px(4), theme.px(4))
        _write(painter, box, _share(share) or "–", ink=text_on(ground))

    def draw_front(self, painter: QPainter) -> None:
        if self._agreement is None:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for row, one in enumerate(self._agreement.generations):
            for column, other in enumerate(self._agreement.generations):
                focused = self.hasFocus() and (row, column) == self._cell
                if focused or self._marked in ((one, other), (other, one)):
                    painter.setPen(QPen(theme.color("focus" if focused else "accenttext"), theme.px(2)))
                    painter.drawRoundedRect(self.cell(row, column).adjusted(1, 1, -1, -1), theme.px(4), theme.px(4))

    # pointer and keys

    def _cell_at(self, at: QPointF) -> tuple[int, int] | None:
        places = range(len(self._agreement.generations)) if self._agreement else range(0)
        return next(((row, column) for row in places for column in places if self.cell(row, column).contains(at)), None)

    def _pair(self, cell: tuple[int, int]) -> tuple[int, int] | None:
        """The generations of a cell; none on the diagonal, where seeds are compared."""
        if self._agreement is None or cell[0] == cell[1]:
            return None
        one, other = sorted(self._agreement.generations[place] for place in cell)
        return one, other

    def _choose(self, cell: tuple[int, int]) -> None:
        self._cell = cell
        if (pair := self._pair(cell)) is not None:
            self.chosen.emit(*pair)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        self.setToolTip(self._hint(cell) if cell else "")
        operable = cell is not None and self._pair(cell) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if operable else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        if cell and event.button() == Qt.MouseButton.LeftButton:
            self._choose(cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {KEYS.Key_Left: (0, -1), KEYS.Key_Right: (0, 1), KEYS.Key_Up: (-1, 0), KEYS.Key_Down: (1, 0)}
        count = len(self._agreement.generations) if self._agreement else 0
        if event.key() in moves and count:
            down, right = moves[KEYS(event.key())]
            self._cell = (min(max(self._cell[0] + down, 0), count - 1), min(max(self._cell[1] + right, 0), count - 1))
            self.setAccessibleDescription(self._hint(self._cell))
            self.update()
        elif event.key() in (KEYS.Key_Space, KEYS.Key_Return, KEYS.Key_Enter) and count:
            self._choose(self._cell)
        else:
            super().keyPressEvent(event)

    def _hint(self, cell: tuple[int, int]) -> str:
        assert self._agreement is not None
        one, other = (self._agreement.generations[place] for place in cell)
        share = _share(float(self._agreement.share[cell])) or "not known"
        if one == other:
            return f"Two seeds of F{one} say the same on {share} of the pictures"
        return f"F{one} and F{other} of one seed say the same on {share} of the pictures"

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.setToolTip("")


def described(agreement: Agreement) -> str:
    """The matrix in words, a clause a pair."""
    found = agreement.generations
    pairs = [(i, j) for i in range(len(found)) for j in range(i) if not math.isnan(agreement.share[i, j])]
    told = [f"F{found[j]} and F{found[i]} {_share(float(agreement.share[i, j]))}" for i, j in pairs]
    return "Say the same: " + ", ".join(told) if told else "No two generations can be compared yet"


def _share(share: float) -> str:
    return "" if math.isnan(share) else words.percent(share)


def _write(painter: QPainter, place: QRectF, text: str, bold: bool = False, ink: str = "text") -> None:
    painter.setFont(theme.font("body", bold=bold))
    painter.setPen(theme.color(ink))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), text)
