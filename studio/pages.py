"""The pages of a window, each made when it is first asked for: opening the window pays for the page in sight alone.

A page may live on from then; what must be joined to it (its wishes, what was kept of it) is done by whoever hears `made`.
"""

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QWidget


class Pages(QStackedWidget):
    """Scrolling pages by name, one of them in sight."""

    made = Signal(str)  # this page lives from now on; it is not yet in sight

    def __init__(self, makers: Mapping[str, Callable[[], QWidget]]) -> None:
        super().__init__()
        self._makers = dict(makers)
        self._areas: dict[str, QScrollArea] = {}
        self._pages: dict[str, QWidget] = {}

    @property
    def current(self) -> str:
        """The name of the page in sight; empty before the first was shown."""
        return next((name for name, area in self._areas.items() if area is self.currentWidget()), "")

    @property
    def lacking(self) -> list[str]:
        """Those that nobody has asked for yet."""
        return [name for name in self._makers if name not in self._areas]

    def page(self, name: str) -> QWidget:
        """The page, made now if it is asked for the first time. Raises KeyError for a name that is none."""
        if name not in self._areas:
            self._pages[name] = self._makers[name]()
            self._areas[name] = _scrolling(self._pages[name])
            self.addWidget(self._areas[name])
            self.made.emit(name)
        return self._pages[name]

    def show_page(self, name: str) -> None:
        self.page(name)
        self.setCurrentWidget(self._areas[name])
        self._areas[name].setFocus()


class Views(Mapping[str, QWidget]):
    """The views among the pages, as a mapping: reading one makes it, asking for its name does not."""

    def __init__(self, pages: Pages, names: list[str]) -> None:
        self._pages, self._names = pages, names

    def __getitem__(self, name: str) -> QWidget:
        if name not in self._names:
            raise KeyError(name)
        return self._pages.page(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def living(self, name: str) -> QWidget | None:
        """The view if it was ever asked for."""
        return self[name] if name in self._names and name not in self._pages.lacking else None


class _Area(QScrollArea):
    """Has the keyboard while no control of its page has it, and lets the page have the keys that the page knows.

    The page is called, not sent the event: what is sent goes from child to parent, and would come back here.
    """

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and (page := self.widget()) is not None:
            page.event(event)
            if event.isAccepted():
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if (page := self.widget()) is not None:
            page.keyPressEvent(event)
            if event.isAccepted():
                return
            event.accept()  # as it came
        super().keyPressEvent(event)


def _scrolling(page: QWidget) -> QScrollArea:
    """A page scrolls where the window is smaller than it can become."""
    area = _Area()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # keys scroll it; Tab goes from control to control
    area.setWidget(page)
    return area
