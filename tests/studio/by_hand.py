"""What the window's tests do by hand: turn the session, press a button, read what was asked, play the worker."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from engine import processes
from engine.queue import Queue
from engine.run import Run, Workspace
from studio.session import Session

LEFT = Qt.MouseButton.LeftButton


class Helper(QObject):
    """An assistant that answers when a test says so."""

    progressed = Signal(int, float, str)
    answered = Signal(int, dict)
    failed = Signal(int, str, str)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[int] = []

    def ask(self, kind: str, **payload: Any) -> int:
        self.asked.append((kind, payload))
        return len(self.asked)

    def cancel(self, id_: int) -> None:
        self.cancelled.append(id_)


def settle(session: Session) -> None:
    """Everything on disk is read and shown."""
    session.tick()
    while session.loading:
        session.tick()
    session.tick()  # a run's word may rest on another's that was read after it
    QApplication.processEvents()


def press(button: QAbstractButton) -> None:
    assert button.isVisible() and button.isEnabled()
    QTest.mouseClick(button, LEFT)


def sent(run: Run) -> list[dict[str, object]]:
    """The commands asked of a run, the oldest first."""
    return [json.loads(path.read_text()) for path in sorted((run.folder / "commands").glob("*.json"))]


def queued(folder: Path) -> list[str]:
    return Queue(Workspace(folder)).names()


@contextlib.contextmanager
def worker(folder: Path) -> Iterator[None]:
    """This very process works through the queue of a workspace, as far as anybody can see."""
    order = Queue(Workspace(folder))
    with processes.hold(order.worker_lock):
        order.worker_path.write_bytes(msgspec.json.encode(processes.me()))
        yield
