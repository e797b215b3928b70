"""A segmented control: one of a few, all in sight. Tab enters it, the arrows move the choice."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from studio import theme


class Segment(QFrame):
    """Exactly one choice is down. `chosen` is emitted when a person chooses, not by `choose`."""

    chosen = Signal(str)

    def __init__(self, choices: Sequence[str], name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, segment=True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._buttons = {choice: self._button(choice) for choice in choices}
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(1)
        for button in self._buttons.values():
            row.addWidget(button)
        self.choose(choices[0])

    def choose(self, choice: str) -> None:
        """Show this choice without telling anybody."""
        if choice not in self._buttons:
            raise ValueError(f"there is no choice {choice!r}; there are {', '.join(self._buttons)}")
        self._buttons[choice].setChecked(True)

    def current(self) -> str:
        return next(choice for choice, button in self._buttons.items() if button.isChecked())

    def relabel(self, choice: str, text: str) -> None:
        """Another text for a choice which keeps its name: "New" reads "New 24"."""
        self._buttons[choice].setText(text)

    def offer(self, choice: str, offered: bool, why: str = "") -> None:
        """Grey a choice out, with the reason as its tooltip."""
        self._buttons[choice].setEnabled(offered)
        self._buttons[choice].setToolTip(why)

    def button(self, choice: str) -> QToolButton:
        return self._buttons[choice]

    def _button(self, choice: str) -> QToolButton:
        button = QToolButton()
        button.setText(choice)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda: self.chosen.emit(choice))
        self._group.addButton(button)
        return button
