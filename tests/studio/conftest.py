"""Off screen, dressed, and nothing left behind: what every test of the window shares."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is imported for the first time

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from by_hand import Helper, settle
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine import processes
from studio import session as session_module
from studio import theme
from studio.session import Session


@pytest.fixture
def dressed(qapp: QApplication) -> Iterator[Callable[..., theme.Palette]]:
    """The light theme at scale 1, and a function that changes it: `dressed("dark", 1.5)`. Undone afterwards."""

    def dress(choice: theme.Choice = "light", scale: float = 1.0) -> theme.Palette:
        theme.apply(qapp, choice, scale)
        return theme.palette()

    dress()
    yield dress
    dress()


@pytest.fixture
def on_screen(qtbot: QtBot) -> Callable[[QWidget], QWidget]:
    """Shows a widget as the active window, without which nothing in it can have the focus. Closed with the test."""

    def show(widget: QWidget) -> QWidget:
        qtbot.addWidget(widget)
        with qtbot.waitActive(widget):
            widget.show()
            widget.activateWindow()
        return widget

    return show


@pytest.fixture
def helper(qapp: QApplication) -> Helper:
    return Helper()


@pytest.fixture
def follow(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Session]:
    """Opens a session that looks at every tick and has read all there is. Further ticks are the test's."""
    monkeypatch.setattr(session_module, "LOOK_S", 0.0)

    def opened(folder: Path) -> Session:
        session = Session(folder)
        settle(session)
        return session

    return opened


class Process:
    """A started process, as far as the window looks at it; nobody has its number."""

    pid = 2**22 + 1
    returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def process() -> Process:
    """What every process is that would have been started; its `returncode` is the test's to set."""
    return Process()


@pytest.fixture
def asked(process: Process, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The verbs and arguments of processes that would have been started, all of them detached."""
    lists: list[list[str]] = []

    def start(command: list[str], log: Path, detached: bool) -> Process:
        assert detached, "an engine outlives the window"
        lists.append(command[4:])
        return process

    monkeypatch.setattr(processes, "start", start)
    return lists


@pytest.fixture(autouse=True)
def nothing_outlives_its_test(qapp: QApplication) -> Iterator[None]:
    """Deferred deletions happen within the test that asked for them, and no window survives it."""
    before = set(_windows())
    yield
    _flush()
    if set(_windows()) - before:  # perhaps only kept by a cycle of Python's
        gc.collect()
        _flush()
    left = [name for address, name in _windows().items() if address not in before]
    assert not left, f"still there after the test: {left}"


def _flush() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _windows() -> dict[int, str]:
    """Address and name of all windows that belong to nobody. The tool tip is Qt's own and goes when it likes."""
    return {
        shiboken6.getCppPointer(widget)[0]: str(widget)
        for widget in QApplication.topLevelWidgets()
        if widget.parent() is None and not widget.inherits("QTipLabel")
    }
