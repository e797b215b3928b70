"""A slider over moments: previous, next, and back to the newest. It says what was asked; whoever listens moves it.

Also here: a slider that leaves the wheel to the page until it has the focus.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSlider, QToolButton, QVBoxLayout, QWidget

from engine import words
from studio import theme
from studio.widgets.card import ElidedLabel


class CalmSlider(QSlider):
    """A horizontal slider that the wheel turns only while it has the focus; else the page scrolls."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Scrubber(QWidget):
    """Moments in a row. `moved` carries the index that a person asks for, `live_asked` the wish for the newest."""

    moved = Signal(int)
    live_asked = Signal()

    def __init__(self, noun: str = "snapshot", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noun = noun
        self._count = 0
        self._place = 0
        self._where = theme.dress(ElidedLabel(), small=True, prose=True)
        self._previous = _arrow("chevron-left", f"Previous {noun}")
        self._next = _arrow("chevron-right", f"Next {noun}")
        self.live = theme.dress(QPushButton("Live"), small=True)
        self.slider = CalmSlider(f"{noun}s".capitalize())
        self._first, self._amount, self._last = (theme.dress(QLabel(), small=True, muted=True) for _ in range(3))
        self._lay_out()
        self._listen()
        self.show_moments(0, "", "")

    def show_moments(self, count: int, first: str, last: str) -> None:
        """How many there are, and what the ends are called: ("epoch 1", "17")."""
        self._count = count
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, count - 1))
        self.slider.blockSignals(False)
        self._first.setText(first if count else "")
        self._amount.setText(words.plural(count, self._noun) if count else f"no {self._noun}s")
        self._last.setText(last if count > 1 else "")
        self._enable()

    def show_place(self, place: int, where: str, live: bool) -> None:
        """Which moment is shown, in words, and whether it is the newest because nothing else was asked for."""
        self._place = place
        self.slider.blockSignals(True)
        self.slider.setValue(place)
        self.slider.blockSignals(False)
        self.slider.setAccessibleDescription(where)
        self._where.setText(where)
        self.live.setChecked(live)
        self._enable()

    def where(self) -> str:
        return self._where.text()

    def step(self, by: int) -> None:
        """To the next or previous moment, as far as there is one."""
        wanted = min(max(self._place + by, 0), self._count - 1)
        if self._count and wanted != self._place:
            self.moved.emit(wanted)

    def _enable(self) -> None:
        self._previous.setEnabled(self._place > 0)
        self._next.setEnabled(self._place < self._count - 1)
        self.slider.setEnabled(self._count > 1)
        self.live.setEnabled(self._count > 0)

    def _listen(self) -> None:
        self._previous.clicked.connect(lambda: self.step(-1))
        self._next.clicked.connect(lambda: self.step(1))
        self.slider.valueChanged.connect(self.moved)
        self.live.clicked.connect(self._ask_live)

    def _ask_live(self) -> None:
        self.live.setChecked(True)  # a click on what is live already changes nothing
        self.live_asked.emit()

    def _lay_out(self) -> None:
        self.live.setCheckable(True)
        self.live.setToolTip(f"Show the newest {self._noun}, and those to come")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        above, below, column = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        above.setSpacing(8)
        above.addWidget(self._where, 1)
        self._where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for button in (self._previous, self._next, self.live):
            above.addWidget(button)
        below.addWidget(self._first)
        below.addStretch(1)
        below.addWidget(self._amount)
        below.addStretch(1)
        below.addWidget(self._last)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(above)
        column.addWidget(self.slider)
        column.addLayout(below)


def _arrow(icon: str, name: str) -> QToolButton:
    button = theme.put_icon(theme.dress(QToolButton(), small=True), icon, size=14)
    button.setAccessibleName(name)
    button.setToolTip(name)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setAutoRepeat(True)
    return button
