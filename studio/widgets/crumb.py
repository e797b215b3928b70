"""A part of a path: plain words, or a flat button with a menu of what could stand there instead."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy

from studio import theme
from studio.widgets.lines import in_force

INDENT = 5  # of the words in their button


class Crumb(QPushButton):
    """A part of the path. `show_text` gives it words; with entries it opens a menu of them, else it is plain text."""

    run_asked = Signal(str)

    def __init__(self, tip: str, muted: bool = False) -> None:
        super().__init__()
        theme.dress(self, flat=True, small=True)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._tip = tip
        self._words = theme.dress(QLabel(), small=True, muted=muted)
        self._arrow = theme.put_icon(QLabel(), "chevron-down", "muted", 10)
        self.choices = theme.round_menu(QMenu(self))
        row = QHBoxLayout(self)
        row.setContentsMargins(INDENT, 1, INDENT, 1)
        row.setSpacing(4)
        for label in (self._words, self._arrow):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(label)
        self._arrow.hide()
        self.clicked.connect(self._open)

    def show_text(self, text: str, leads: bool) -> None:
        """`leads`: a press on it leads somewhere."""
        self._words.setText(text)
        self.setAccessibleName(f"{text}, {self._tip.lower()}" if leads else text)
        self.setToolTip(self._tip if leads else "")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not leads)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if leads else Qt.FocusPolicy.NoFocus)
        self.updateGeometry()

    def show_choices(self, text: str, entries: Sequence[tuple[str, str, bool, str]]) -> None:
        """The menu: (text, run, is this one, colour of its square)."""
        self.show_text(text, leads=len(entries) > 1)
        self._arrow.setVisible(len(entries) > 1)
        before = [(action.text(), action.data(), action.isChecked()) for action in self.choices.actions()]
        if self.choices.isVisible() or before == [entry[:3] for entry in entries]:
            return
        self.choices.clear()
        for label, name, here, color in entries:
            action = self.choices.addAction(label)
            action.setCheckable(True)
            action.setChecked(here)
            action.setData(name)
            if color:  # an icon takes the place of the tick, so the one that is here is told by its weight
                action.setIcon(_square(color))
                action.setFont(theme.font("body", bold=here))
            action.triggered.connect(lambda _=False, name=name: self.run_asked.emit(name))

    def text_shown(self) -> str:
        return self._words.text()

    def sizeHint(self) -> QSize:
        row = self.layout()
        assert row is not None
        return row.sizeHint() + QSize(2, 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _open(self) -> None:
        if len(self.choices.actions()) > 1:
            self.choices.popup(self.mapToGlobal(QPoint(0, self.height() + theme.px(2))))


def _square(color: str) -> QPixmap:
    """The key of a generation, in the middle of an icon's room."""
    ratio, side, room = 2.0, theme.px(9), theme.px(16)
    made = QPixmap(QSize(room, room) * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(in_force(color)))
    painter.drawRoundedRect(QRectF((room - side) / 2, (room - side) / 2, side, side), theme.px(2), theme.px(2))
    painter.end()
    return made
