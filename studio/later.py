"""Work off the window's thread: a function runs elsewhere, its result arrives here when the event loop is free.

One thread for the whole window, because it shares its cores with a training run. What comes back is fetched by a timer,
not sent by a signal: so nothing arrives at a widget that is gone, and a forgotten result costs nothing.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer

LOOK_MS = 15  # how often a waiting window looks whether it is done
T = TypeVar("T")

_thread = ThreadPoolExecutor(1, thread_name_prefix="later")


class Later(QObject):
    """Asks for work under a name; a newer question under the same name makes the older one's answer worthless."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: dict[str, tuple[Future[Any], Callable[[Any], None]]] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def ask(self, name: str, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run `work` in the other thread, then `then` with its result in this one. What `work` raises is raised here."""
        self.forget(name)
        self._waiting[name] = (_thread.submit(work), then)
        self._timer.start()

    def forget(self, name: str) -> None:
        if name in self._waiting:
            self._waiting.pop(name)[0].cancel()

    def forget_all(self) -> None:
        for name in list(self._waiting):
            self.forget(name)

    def waits_for(self, name: str) -> bool:
        return name in self._waiting

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._waiting)

    def _look(self) -> None:
        for name in [name for name, (future, _) in self._waiting.items() if future.done()]:
            future, then = self._waiting.pop(name)
            then(future.result())
        if not self._waiting:
            self._timer.stop()
