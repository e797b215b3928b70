"""The methods as cards in rows, one of them chosen. Tab enters them, the arrows move the choice."""

import math
from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QSizePolicy, QWidget

from studio import theme

GAP = 12
NARROWEST = 116  # of a card, before another row is begun: nine in a window of 1280
TIGHT, AIR = 136, 14  # narrower cards have less air beside their words


class MethodCard(QAbstractButton):
    """A title and one or two lines below it."""

    def __init__(self, title: str, promise: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(title)
        self.promise = promise
        self._lines = 1  # of the promise
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName(title)
        self.setAccessibleDescription(promise)
        theme.signals.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        high = self._metrics("body").height() + self._lines * self._metrics("small").height() + theme.px(4 + 2 * 12)
        return QSize(theme.px(180), high)

    def lines_in(self, width: int) -> int:
        """How many lines the promise takes in a card of this width; at most two are shown."""
        return 1 if self._metrics("small").horizontalAdvance(self.promise) <= width - 2 * _air(width) else 2

    def give_lines(self, lines: int) -> None:
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(60), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground, edge, wide = "panel", "line", 1.0
        if self.isChecked():
            ground, edge, wide = "sel", "accenttext", 2.0
        elif self.underMouse():
            ground = "hover"
        if self.hasFocus():
            edge, wide = "focus", 2.0
        painter.setBrush(theme.color(ground))
        painter.setPen(QPen(theme.color(edge), wide))
        box = QRectF(self.rect()).adjusted(wide / 2, wide / 2, -wide / 2, -wide / 2)
        painter.drawRoundedRect(box, theme.px(8), theme.px(8))
        self._write(painter)

    def _write(self, painter: QPainter) -> None:
        left = _air(self.width())
        wide, y = self.width() - 2 * left, float(theme.px(12))
        texts = [(self.text(), theme.font("body", self.isChecked()), "text")]
        texts += [(line, theme.font("small"), "muted") for line in self._promise_lines(wide)]
        for place, (text, font, token) in enumerate(texts):
            painter.setFont(font)
            painter.setPen(theme.color(token))
            high = painter.fontMetrics().height()
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, wide)
            painter.drawText(QRectF(left, y, wide, high), int(Qt.AlignmentFlag.AlignVCenter), shown)
            y += high + (theme.px(4) if place == 0 else 0)

    def _promise_lines(self, wide: int) -> list[str]:
        """As many words as fit in the first line, the others in the second."""
        pieces, metrics = self.promise.split(" "), self._metrics("small")
        fitting = [count for count in range(1, len(pieces) + 1) if metrics.horizontalAdvance(" ".join(pieces[:count])) <= wide]
        first = max(fitting, default=1) if self._lines > 1 else len(pieces)
        return [" ".join(line) for line in (pieces[:first], pieces[first:]) if line]

    def _metrics(self, kind: Literal["body", "small"]) -> QFontMetrics:
        return QFontMetrics(theme.font(kind))


def _air(width: int) -> int:
    """Left and right of the words in a card of this width."""
    return theme.px(AIR if width >= theme.px(TIGHT) else 9)


class MethodCards(QWidget):
    """`chosen` brings the method's name when a person chooses."""

    chosen = Signal(str)

    def __init__(self, methods: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Method")
        self._group = QButtonGroup(self)
        self.cards: dict[str, MethodCard] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP)
        for name, title, promise in methods:
            card = MethodCard(title, promise)
            card.clicked.connect(lambda checked=False, name=name: self.chosen.emit(name))
            card.setToolTip(promise)
            self._group.addButton(card)
            self.cards[name] = card
        self._columns = 0
        self._arrange(len(self.cards))
        theme.signals.changed.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """In one row, or in even rows where that is too narrow; all cards are as high as the one that says most."""
        most = max(1, min(len(self.cards), (self.width() + GAP) // (theme.px(NARROWEST) + GAP)))
        rows = math.ceil(len(self.cards) / most)
        self._arrange(math.ceil(len(self.cards) / rows))
        room = (self.width() - GAP * (self._columns - 1)) // self._columns
        lines = max((card.lines_in(room) for card in self.cards.values()), default=1)
        for card in self.cards.values():
            card.give_lines(lines)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        for place, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, place // columns, place % columns)
        for column in range(max(columns, self._columns)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._columns = columns

    def choose(self, name: str) -> None:
        """Show this choice without telling anybody; an unknown one leaves no card chosen."""
        self._group.setExclusive(False)
        for known, card in self.cards.items():
            card.setChecked(known == name)
        self._group.setExclusive(True)
