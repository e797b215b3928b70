"""The rail at the left: the mark on top, the views, the settings at the foot. What a choice leads to is the window's."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from studio import theme

WIDTH = 80  # at scale 1; a wider font makes it wider
HIGH, LOW = 52, 36  # of a button with its name and without, at scale 1


class Stop(NamedTuple):
    """A place the rail leads to."""

    name: str
    icon: str
    title: str
    keys: str


class RailButton(QToolButton):
    """Icon over name. It never shrinks below its words; where all of them have no room, the icons stand alone."""

    def __init__(self, icon: str, title: str, keys: str = "") -> None:
        super().__init__()
        self._height = HIGH
        theme.put_icon(theme.dress(self, rail=True), icon, "muted", 20, checked="accenttext")
        self.setText(title)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(title)
        self.setToolTip(f"{title}  {keys}" if keys else title)

    def show_name(self, shown: bool) -> None:
        styles = Qt.ToolButtonStyle
        self._height = HIGH if shown else LOW
        self.setToolButtonStyle(styles.ToolButtonTextUnderIcon if shown and self.text() else styles.ToolButtonIconOnly)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.width(), max(hint.height(), theme.px(self._height)))


class Rail(QFrame):
    """`chosen` tells the name of a view, `home_asked` that the mark was pressed."""

    chosen = Signal(str)
    home_asked = Signal()

    def __init__(self, stops: Sequence[Stop], home_keys: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, rail=True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.mark = self._make_mark(home_keys)
        self.buttons = {stop.name: self._make_button(stop) for stop in stops}
        self.settings = RailButton("settings", "Settings")
        self.settings.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 8, 4, 8)
        column.setSpacing(4)
        column.addWidget(self.mark)
        column.addSpacing(2)
        for button in self.buttons.values():
            column.addWidget(button)
        column.addStretch(1)
        column.addWidget(self.settings)

    def show_current(self, name: str) -> None:
        """The view in sight; on the first screen none of them is."""
        for other, button in self.buttons.items():
            button.setChecked(other == name)

    def set_menu(self, menu: QMenu) -> None:
        self.settings.setMenu(menu)
        menu.aboutToHide.connect(self._forget_pointer)

    def _forget_pointer(self) -> None:
        """Qt tells a button nothing of a pointer that left it while its menu was open; it would look pointed at for ever."""
        self.settings.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)
        self.settings.update()

    def sizeHint(self) -> QSize:
        return QSize(max(theme.px(WIDTH), super().sizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """With the icons alone."""
        buttons = len(self.buttons) + 2
        return QSize(self.sizeHint().width(), buttons * (theme.px(LOW) + 4) + 18)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_names(True)
        if super().sizeHint().height() > self.height():
            self._show_names(False)

    def _show_names(self, shown: bool) -> None:
        for button in (self.mark, *self.buttons.values(), self.settings):
            button.show_name(shown)

    def _make_button(self, stop: Stop) -> RailButton:
        button = RailButton(stop.icon, stop.title, stop.keys)
        button.setCheckable(True)
        button.clicked.connect(lambda: self._press(stop.name))
        return button

    def _press(self, name: str) -> None:
        self.show_current(name)  # pressing the view in sight must not take its mark away
        self.chosen.emit(name)

    def _make_mark(self, keys: str) -> RailButton:
        button = RailButton("mark", "")
        theme.put_icon(button, "mark", "muted", 26)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setAccessibleName("Welcome")
        button.setToolTip(f"Welcome  {keys}" if keys else "Welcome")
        button.clicked.connect(self.home_asked)
        return button
