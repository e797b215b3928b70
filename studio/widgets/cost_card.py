"""What a recipe will cost, as one real step has told: time, memory and what it is made of, or why nobody knows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.painted import Painted

TONES = ("text", "edge", "accenttext")  # of the parts of the bar, in their order


@dataclass(frozen=True)
class CostWords:
    """All that the card says. Without a figure there is only the note."""

    note: str = ""
    figure: str = ""
    under: str = ""
    memory: str = ""
    made_of: str = ""
    shares: tuple[float, ...] = field(default=())  # of the device's memory
    state: str = ""  # "bad" where it failed, "warn" where the recipe has changed since
    button: str = "Measure"
    can_ask: bool = True
    can_save: bool = False  # whether what would make it cost less can be looked for


class CostCard(Card):
    """`measure_asked`: a press on the button; while it measures, the button cancels. `savings_asked`: on the one beside it."""

    measure_asked = Signal()
    savings_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Cost", parent=parent)
        self.button = theme.put_icon(theme.dress(QPushButton("Measure"), small=True, flat=True), "refresh", "text2", 14)
        self.button.setToolTip("Takes one real step and says how long and how much memory the whole takes")
        self.button.clicked.connect(self.measure_asked)
        self.lighter = theme.put_icon(theme.dress(QPushButton("Lighter"), small=True, flat=True), "arrow-down", "text2", 14)
        self.lighter.setToolTip("Measures what would take less memory, time or disk, and lists it below with a button for each")
        self.lighter.clicked.connect(self.savings_asked)
        self.head.addWidget(self.lighter)
        self.head.addWidget(self.button)
        self.figure, self.under = theme.dress(QLabel(), figure=True), theme.dress(ElidedLabel(), small=True, muted=True)
        self.memory, self.made_of = QLabel(), theme.dress(ElidedLabel(), small=True, muted=True)
        self.bar = MemoryBar()
        self.note = theme.dress(QLabel(), small=True, muted=True)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self._numbers = QWidget()
        self._lay_out()
        self.show_cost(CostWords())

    def show_cost(self, said: CostWords) -> None:
        for label, text in (
            (self.figure, said.figure),
            (self.under, said.under),
            (self.memory, said.memory),
            (self.made_of, said.made_of),
        ):
            label.setText(text)
        self.bar.show_shares(said.shares)
        self.bar.setVisible(bool(said.shares))
        self._numbers.setVisible(bool(said.figure))
        self.note.setText(said.note)
        self.note.setVisible(bool(said.note))
        theme.dress(self.note, state=said.state, muted=not said.state)
        self.button.setText(said.button)
        theme.put_icon(self.button, "refresh" if said.button != "Cancel" else "close", "text2", 14)
        self.button.setEnabled(said.can_ask)
        self.lighter.setVisible(said.can_save)
        parts = (said.figure, said.under, said.memory, said.made_of, said.note)
        self.setAccessibleDescription(", ".join(part for part in parts if part))

    def _lay_out(self) -> None:
        left, right, row = QVBoxLayout(), QVBoxLayout(), QHBoxLayout(self._numbers)
        for layout, parts in ((left, (self.figure, self.under)), (right, (self.memory, self.bar, self.made_of))):
            layout.setSpacing(4)
            for part in parts:
                layout.addWidget(part)
            layout.addStretch(1)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addLayout(left)
        row.addLayout(right, 1)
        self.body.addWidget(self._numbers)
        self.body.addWidget(self.note)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


class MemoryBar(Painted):
    """Parts of the device's memory, one after the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[float, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Memory")

    def show_shares(self, shares: Sequence[float]) -> None:
        self._shares = tuple(shares)
        self.redraw()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(120), theme.px(8))

    def draw(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        painter.drawRect(self.rect())
        at = 0.0
        for share, tone in zip(self._shares, TONES):
            wide = min(max(share * self.width(), 1.0 if share > 0 else 0.0), self.width() - at)
            painter.setBrush(theme.color(tone))
            painter.drawRect(QRectF(at, 0, wide, self.height()))
            at += wide
