"""The pages of a workspace as pictures, off screen: for a report, a machine without a display, and for looking at changes.

It is the real window at a fixed size, grabbed when every event is folded and nothing is being computed any more.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSize, QTimer
from PySide6.QtWidgets import QApplication

from studio.later import Later
from studio.main_window import VIEWS, WELCOME, MainWindow
from studio.session import Session

PATIENCE_S = 120.0
CALM_MS = 60  # between two looks; what is drawn by a timer of zero is drawn by then
LOOKS = 3  # in a row that find nothing under way


class NotReady(Exception):
    """The pages did not come to rest."""


def pages() -> list[str]:
    """What can be drawn, the first screen first."""
    return [WELCOME, *(view.name for view in VIEWS)]


def render(app: QApplication, workspace: Path, out: Path, size: QSize, views: Sequence[str]) -> list[Path]:
    """Write <out>/<view>.png for each view of the workspace's newest lineage. Raises NotReady."""
    session = Session(workspace)
    window = MainWindow(session, remembers=False)
    window.resize(size)
    window.move(16, 16)  # off screen the pointer rests at 0, 0, and what is under it looks different
    window.show()
    session.start()
    try:
        _wait(lambda: not session.loading)
        _choose_newest(session)
        return [_picture(app, window, name, out) for name in views]
    finally:
        window.leave()


def _choose_newest(session: Session) -> None:
    newest = max(session.runs, key=lambda one: (one.at_work, one.changed_at), default=None)
    if newest is not None:
        session.choose(newest.name)


def _picture(app: QApplication, window: MainWindow, name: str, out: Path) -> Path:
    window.show_view(name)
    _wait(lambda: not window.session.loading and not _is_computing(window))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.png"
    if not window.grab().save(str(path)):
        raise OSError(f"{path} cannot be written")
    return path


def _is_computing(window: MainWindow) -> bool:
    """Whether a page waits for the other thread, or for the window's helper."""
    return window.assistant.busy or any(later.busy for later in window.findChildren(Later))


def _wait(ready: Callable[[], bool]) -> None:
    """Turn the event loop until several looks in a row find it ready."""
    until, calm = time.monotonic() + PATIENCE_S, 0
    while calm < LOOKS:
        loop = QEventLoop()
        QTimer.singleShot(CALM_MS, loop.quit)
        loop.exec()
        calm = calm + 1 if ready() else 0
        if time.monotonic() > until:
            raise NotReady(f"the pages were not complete after {PATIENCE_S:.0f} s")
