"""A known data set on its way: how far it is, and *Cancel*. What has arrived stays, whatever ends it, and is gone on with."""

from typing import Any

from PySide6.QtCore import Signal

from studio.assistant import Assistant
from studio.data_model import Offered
from studio.widgets.data_head import ScanProgress


class Fetching(ScanProgress):
    """`fetched` brings what was asked for, and whether it is still wanted at once; `failed` with the reason."""

    fetched = Signal(object, bool)
    failed = Signal(object, str)

    def __init__(self, fetcher: Assistant) -> None:
        super().__init__()
        self._fetcher = fetcher
        self._chosen: Offered | None = None
        self._id = 0
        self._wanted = False
        self.cancel.setToolTip("What has arrived is kept; fetching it again goes on from there")
        self.bar.setAccessibleName("share fetched")
        self.cancelled.connect(self.stop)
        fetcher.progressed.connect(self._hear_progress)
        fetcher.answered.connect(self._hear_answer)
        fetcher.failed.connect(self._hear_failure)

    @property
    def busy(self) -> bool:
        return bool(self._id)

    def fetch(self, chosen: Offered, workspace: str) -> None:
        """One at a time: another one that is on its way is let go of."""
        self.stop()
        self._chosen, self._wanted = chosen, True
        self._id = self._fetcher.ask("fetch", name=chosen.fetch, workspace=workspace)
        self.begin(f"Fetching {chosen.words.partition(',')[0]}")

    def stop(self) -> None:
        if self._id:
            self._fetcher.cancel(self._id)
        self._id = 0
        self.end()

    def forget(self) -> None:
        """Something else is looked at: it goes on, but does not push itself in front."""
        self._wanted = False

    def _hear_progress(self, id_: int, share: float, said: str) -> None:
        if id_ and id_ == self._id:
            self.show_progress(f"{said[:1].upper()}{said[1:]}", share)

    def _hear_answer(self, id_: int, answer: dict[str, Any]) -> None:
        if id_ and id_ == self._id:
            self._id = 0
            self.end()
            self.fetched.emit(self._chosen, self._wanted)

    def _hear_failure(self, id_: int, sentence: str, field: str) -> None:
        if id_ and id_ == self._id:
            self._id = 0
            self.end()
            self.failed.emit(self._chosen, sentence)
