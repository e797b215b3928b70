"""The menu of runs whose curves can stand beside. It stays open while they are ticked off."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QMenu, QWidget

from studio import phrases, theme
from studio.session import Followed

Groups = Sequence[tuple[str, Sequence[Followed]]]


class CompareMenu(QMenu):
    """`ticked` names a run and whether it is wanted. Esc or a click elsewhere closes the menu."""

    ticked = Signal(str, bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        theme.round_menu(self)

    def show_runs(self, groups: Groups, beside: Collection[str], most: int) -> None:
        """Under headings, the first the most interesting; no more than `most` can be ticked."""
        self.clear()
        for heading, runs in groups:
            self.addSeparator()
            self.addAction(heading).setEnabled(False)
            for one in runs:
                self._add_run(one, one.name in beside)
        self.allow(most)
        if len(beside) >= most:
            self.addAction(f"{most + 1} runs are as many as can be told apart").setEnabled(False)

    def _add_run(self, one: Followed, wanted: bool) -> None:
        action = self.addAction(f"{phrases.run_short(one)}   {phrases.state_words(one)}")
        action.setCheckable(True)
        action.setChecked(wanted)
        action.setData(one.name)
        action.toggled.connect(lambda on: self.ticked.emit(one.name, on))

    def allow(self, most: int) -> None:
        """With `most` ticked, only those can be pressed."""
        runs = [action for action in self.actions() if action.isCheckable()]
        full = sum(action.isChecked() for action in runs) >= most
        for action in runs:
            action.setEnabled(action.isChecked() or not full)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._toggle(self.actionAt(event.position().toPoint())):
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        pressed = event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if not (pressed and self._toggle(self.activeAction())):
            super().keyPressEvent(event)

    def _toggle(self, action: QAction | None) -> bool:
        if action is None or not action.isCheckable():
            return False
        if action.isEnabled():
            action.toggle()
        return True
