"""Small buttons beside each other, and below each other where there is no room. `asked` tells the key of the one pressed."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from studio import theme
from studio.queue_acts import Act

GAP = 2
QUIET = ("grid", "folder", "trash", "take out")  # flat: asked for seldom


class ActRow(QWidget):
    """The same acts keep their buttons, and so the focus."""

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, QPushButton] = {}
        self._acts: tuple[Act, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.signals.changed.connect(self._arrange)

    def show_acts(self, acts: Sequence[Act]) -> None:
        if tuple(acts) == self._acts:
            return
        self._acts = tuple(acts)
        for key in [key for key in self.buttons if key not in {act.key for act in acts}]:
            gone = self.buttons.pop(key)
            gone.hide()
            gone.deleteLater()
        for act in acts:
            self._write(self.buttons.get(act.key) or self._make(act.key), act)
        self.buttons = {act.key: self.buttons[act.key] for act in acts}
        self._arrange()
        self.setVisible(bool(acts))

    def _make(self, key: str) -> QPushButton:
        button = theme.dress(QPushButton(self), small=True, flat=key in QUIET)
        button.clicked.connect(lambda: self.asked.emit(key))
        button.show()
        self.buttons[key] = button
        return button

    def _write(self, button: QPushButton, act: Act) -> None:
        button.setText(act.label)
        button.setToolTip(act.tip)
        button.setAccessibleDescription(act.tip)
        if act.icon:
            theme.put_icon(button, act.icon, "text2", 14)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._arrange()

    def sizeHint(self) -> QSize:
        hints = [button.sizeHint() for button in self.buttons.values()]
        return QSize(max((hint.width() for hint in hints), default=0), self.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _arrange(self) -> None:
        """From left to right, a new line where the next does not fit."""
        x = y = high = 0
        for button in self.buttons.values():
            hint = button.sizeHint()
            if x and x + hint.width() > self.width():
                x, y, high = 0, y + high + theme.px(GAP), 0
            button.setGeometry(x, y, min(hint.width(), max(self.width(), 1)), hint.height())
            x, high = x + hint.width() + theme.px(GAP), max(high, hint.height())
        if self.minimumHeight() != y + high:
            self.setMinimumHeight(y + high)
            self.updateGeometry()
