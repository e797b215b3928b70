"""What lies below the charts of Live: the log, the error card of a run that needs one, or the end of engine.log."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from studio.live_failures import failure
from studio.session import Followed
from studio.widgets.error_card import ErrorCard
from studio.widgets.log_pane import LogPane, TextPane


class LiveDrawer(QWidget):
    """Below the charts: the log, in its place the error card of a run that needs one, or the end of engine.log. Below a
    card that is folded stands the log.

    `needs_seeing` when something has come that should not wait below the fold.
    """

    needs_seeing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.log, self.error, self.text = LogPane(), ErrorCard(), TextPane()
        self._failed = False
        self._title = ""  # of the card that was shown last
        self._low = False
        self._card_by_hand: bool | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.error, self.log, self.text):
            column.addWidget(part)
        self.text.hide()
        self.error.hide()
        self.text.closed.connect(self.close_text)
        self.error.folded_by_hand.connect(self._remember_fold)

    def show_run(self, one: Followed, now: float) -> None:
        self.log.show_lines(one.state.log)
        failed = failure(one, now)
        title, before = failed.title if failed else "", self._title
        self._failed, self._title = failed is not None, title
        if title != before:
            self._card_by_hand = None
        if failed is not None:
            self.error.show_failure(*failed)
            self._fold_card(training=one.word == "running")
        self._choose()
        if failed is not None and not before:
            self.needs_seeing.emit()

    def fit(self, low: bool) -> None:
        """Whether there is little room below the charts."""
        self._low = low

    def _fold_card(self, training: bool) -> None:
        """A run that goes on is still watched: where there is little room its charts come first, until a person unfolds."""
        self.error.fold(self._low and training if self._card_by_hand is None else self._card_by_hand)
        self._give_room()

    def _remember_fold(self, folded: bool) -> None:
        self._card_by_hand = folded
        self._give_room()
        self._choose()
        self.needs_seeing.emit()

    def open_text(self, title: str, note: str, text: str) -> None:
        self.text.show_text(title, note, text)
        self.text.show()
        self._choose()
        self.text.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.needs_seeing.emit()

    def close_text(self) -> None:
        """Back to what was there, with the focus where it can go on."""
        had_focus = self.text.isAncestorOf(QApplication.focusWidget() or self)
        self.text.hide()
        self._choose()
        if had_focus:
            (self.error if self._failed else self.log.view).setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._give_room()

    def _give_room(self) -> None:
        """Wrapped text needs a height that depends on the width, which a scrolling page does not ask for by itself."""
        if (layout := self.error.layout()) is not None:
            layout.activate()  # else it still has the height of the failure before
        high = self.error.sizeHint().height() if self.error.folded else self.error.heightForWidth(self.width())
        self.error.setMinimumHeight(max(0, high))

    def _choose(self) -> None:
        reading = not self.text.isHidden()
        self.error.setVisible(self._failed and not reading)
        self.log.setVisible((not self._failed or self.error.folded) and not reading)
