"""A card: a head with a name and room for legends and controls, and a body. What it shows is left to others."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QStyleOption, QVBoxLayout, QWidget

from studio import theme

SHORT = 24  # letters: a title up to this long is read whole, and what stands beside it gives way


class ElidedLabel(QLabel):
    """One line that gives way: what does not fit ends in an ellipsis and is told whole by the tooltip.

    `keeps`: others in its row give way instead.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.keeps = False
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        narrow = self.fontMetrics().horizontalAdvance("mmm…")
        whole = super().minimumSizeHint()
        return whole if self.keeps else QSize(min(narrow, whole.width()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        room = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        self.setToolTip(self.text() if shown != self.text() else "")
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        self.style().drawItemText(
            painter, room, int(self.alignment()), option.palette, self.isEnabled(), shown, self.foregroundRole()
        )


class Card(QFrame):
    """A panel with rounded corners. `head` and `body` are its layouts; without a title there is no head."""

    def __init__(self, title: str = "", subtitle: str = "", parent: QWidget | None = None, *, ruled: bool = False) -> None:
        super().__init__(parent)
        theme.dress(self, panel=True)
        self.head_frame = theme.dress(QFrame(), head=True, ruled=ruled)
        self._title = theme.dress(ElidedLabel(), title=True)
        self._subtitle = theme.dress(ElidedLabel(), small=True, muted=True)
        self.head = QHBoxLayout(self.head_frame)
        self.head.setContentsMargins(12, 0, 8, 0)
        self.head.setSpacing(8)
        self.head.addWidget(self._title)
        self.head.addWidget(self._subtitle)
        self.head.addStretch(1)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(12, 12 if ruled else 4, 12, 12)
        self.body.setSpacing(8)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.head_frame)
        if ruled:
            whole.addWidget(rule())
        whole.addLayout(self.body, 1)
        self.show_title(title, subtitle)

    def show_title(self, title: str, subtitle: str = "") -> None:
        self._title.keeps = bool(subtitle) and len(title) <= SHORT
        self._title.setText(title)
        self._title.updateGeometry()
        self._subtitle.setText(subtitle)
        self._subtitle.setVisible(bool(subtitle))
        self.head_frame.setVisible(bool(title))
        self.setAccessibleName(title)
        self.setAccessibleDescription(subtitle)

    def show_selected(self, selected: bool) -> None:
        theme.dress(self, selected=selected)

    def show_focused(self, focused: bool) -> None:
        """A plot inside has the focus: the card carries its border."""
        theme.dress(self, focused=focused)


def rule(upright: bool = False) -> QFrame:
    """A line of one pixel, across or upright."""
    return theme.dress(QFrame(), rule="upright" if upright else "true")


def scrolling(drawing: QWidget) -> QScrollArea:
    """A drawing that may need more room than there is scrolls; the page does not grow."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(drawing)
    return area
