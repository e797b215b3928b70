"""A person at the real window: `python window_driver.py SAMPLE WORKSPACE` opens it through the studio's own door.

Lines of JSON on stdin say what the person does, `{"do": "press", "name": "Start the sample"}`, each answered by one on
stdout, `{"answer": ...}` or `{"error": ...}`. The person has a mouse, keys and eyes; what it means is judged by the test.
Nothing of the studio is replaced but the recipe behind the card of the sample, which is too long for a test.
"""

import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QKeySequence, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QScrollArea, QTabBar, QWidget

from studio import main_window, session, theme
from studio.views import welcome

CALM_S = 0.1  # between two looks at a page that should not move any more
PATIENCE_S = 0.8  # for it to come to rest; while a run trains it never quite does


class Unable(Exception):
    """There is no such thing to press, in words."""


class Person(QObject):
    """What can be done at the window, by the names of things as they are read there."""

    told = Signal(str)

    def __init__(self, window: main_window.MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.told.connect(self._do, Qt.ConnectionType.QueuedConnection)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.told.emit(line)

    def _do(self, line: str) -> None:
        asked = json.loads(line)
        try:
            answer = {"answer": getattr(self, asked.pop("do"))(**asked)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)

    # ---- mouse and keys -------------------------------------------------------------------------------------------------

    def press(self, name: str, within: str = "") -> None:
        """Click a button by its accessible name or the beginning of its text, scrolling to it if need be."""
        _click(self._button(name, within))

    def open_menu(self, name: str, within: str = "") -> list[str]:
        """Click a button that opens a menu. Returns what that offers."""
        _click(self._button(name, within))
        return [action.text() for action in _menu().actions() if action.text()]

    def pick(self, item: str) -> None:
        """Click an item of the menu that is open."""
        menu = _menu()
        offered = {action.text(): action for action in menu.actions() if action.isEnabled()}
        if item not in offered:
            raise Unable(f"the menu has no {item!r}; it has {list(offered)}")
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(offered[item]).center())

    def open_tab(self, name: str) -> None:
        """Click a tab of the page in sight."""
        for bar in _seen(self._window, QTabBar):
            for place in range(bar.count()):
                if bar.tabText(place) == name:
                    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(place).center())
                    return
        raise Unable(f"no tab {name!r} is in sight")

    def key(self, sequence: str) -> None:
        QTest.keySequence(self._window, QKeySequence(sequence))

    def close(self) -> None:
        """The last thing a person does; its answer comes first."""
        QTimer.singleShot(0, self._window.close)

    def _button(self, name: str, within: str) -> QAbstractButton:
        buttons = self._buttons(within)
        named = [one for one in buttons if name == one.accessibleName() or f"{one.text()} ".startswith(f"{name} ")]
        if len(named) != 1:
            names = [one.text() or one.accessibleName() for one in buttons]
            raise Unable(f"{len(named)} buttons are {name!r} in {within or 'the window'}; there are {names}")
        return named[0]

    def _buttons(self, within: str) -> list[QAbstractButton]:
        return [button for button in _seen(self._place(within), QAbstractButton) if button.isEnabled()]

    def _place(self, within: str) -> QWidget:
        place: Any = self._window
        for part in filter(None, within.split(".")):
            place = place[part] if isinstance(place, Mapping) else getattr(place, part)
        return place

    # ---- eyes -----------------------------------------------------------------------------------------------------------

    def read(self, within: str = "") -> list[str]:
        """All words in sight: labels, buttons, and what a screen reader would say of what is painted."""
        words: dict[str, None] = {}
        for widget in _seen(self._place(within), QWidget):
            shown = [widget.text()] if isinstance(widget, QLabel | QAbstractButton) else []
            words |= dict.fromkeys([*shown, widget.accessibleName(), widget.accessibleDescription()])
        return [word for word in words if word]

    def look(self) -> dict[str, Any]:
        """Where the person is: page, run looked at, and how many points its charts have."""
        following = self._window.session
        chosen = following.chosen
        charts = self._window.views["live"].slots
        return {
            "page": self._window.current,
            "run": chosen.name if chosen else "",
            "word": chosen.word if chosen else "",
            "runs": {one.name: one.word for one in following.runs},
            "points": {slot.key: len(slot.plot.table()) - 1 for slot in charts},
        }

    def picture(self, path: str, width: int, height: int, colours: theme.Choice, still: bool = True) -> dict[str, Any]:
        """Keep what is seen at a size and in a theme. Returns how large it is and how many colours are in it.

        `still`: first wait until nothing moves any more. A page of a run that trains always moves.
        """
        if self._window.preferences.theme != colours:
            self._window.set_theme(colours)
        self._window.resize(width, height)
        self._stand_at_the_foot()
        image = self._at_rest() if still else self._soon()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if not image.save(path):
            raise OSError(f"{path} cannot be written")
        return {"size": [image.width(), image.height()], "colours": _colours(image)}

    def _stand_at_the_foot(self) -> None:
        """Of the screen, as a maximised window does."""
        self._window.move(16, self._window.screen().geometry().height() - self._window.height())

    def _soon(self) -> QImage:
        QTest.qWait(round(1000 * CALM_S))
        return self._screen()

    def _at_rest(self) -> QImage:
        until, before = time.monotonic() + PATIENCE_S, QImage()
        while True:
            image = self._soon()
            if image == before or time.monotonic() > until:
                return image
            before = image

    def _screen(self) -> QImage:
        """The window, and the menu or the question that is open over it."""
        shown = self._window.grab()
        for above in (QApplication.activeModalWidget(), QApplication.activePopupWidget()):
            if above is not None:
                painter = QPainter(shown)
                painter.drawPixmap(self._window.mapFromGlobal(above.pos()), above.grab())
                painter.end()
        return shown.toImage()


def _menu() -> QMenu:
    menu = QApplication.activePopupWidget()
    if not isinstance(menu, QMenu):
        raise Unable("no menu is open")
    return menu


def _seen(place: QWidget, kind: type[Any]) -> Iterator[Any]:
    widgets = [place, *place.findChildren(QWidget)]
    return (widget for widget in widgets if isinstance(widget, kind) and widget.isVisible())


def _click(button: QWidget) -> None:
    """In the middle, where it must be in sight."""
    middle = button.rect().center()
    parent = button.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            parent.ensureWidgetVisible(button)
        parent = parent.parentWidget()
    hit = QApplication.widgetAt(button.mapToGlobal(middle)) or button
    if hit is not button and not button.isAncestorOf(hit):
        raise Unable(f"something lies over {button.accessibleName() or button}")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(middle))


def _colours(image: QImage) -> int:
    """Different colours among a grid of points."""
    return len({image.pixel(x, y) for x in range(0, image.width(), 5) for y in range(0, image.height(), 3)})


def _with_person(make: type[main_window.MainWindow]) -> Callable[[session.Session], main_window.MainWindow]:
    def window(following: session.Session) -> main_window.MainWindow:
        made = make(following)
        made.move(16, 16)  # off screen the pointer rests at 0, 0, and what is under it looks different
        Person(made)
        return made

    return window


if __name__ == "__main__":
    from studio.__main__ import main

    session.SAMPLE = welcome.SAMPLE = sys.argv[1]
    main_window.MainWindow = _with_person(main_window.MainWindow)
    sys.exit(main(sys.argv[2:]))
