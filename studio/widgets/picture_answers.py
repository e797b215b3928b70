"""What is said of the picture that is looked at, one thing at a time: probabilities at a temperature, or its neighbours."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.widgets.card import Card
from studio.widgets.dark_knowledge import DarkKnowledge
from studio.widgets.empty import EmptyNote
from studio.widgets.near_pictures import NearPictures
from studio.widgets.segment import Segment

DARK, NEAR = "Dark knowledge", "Neighbours"


class PictureAnswers(Card):
    """`changed`: the other of both is in sight now."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.which = Segment((DARK, NEAR), "What is said of the picture")
        self.dark, self.near = DarkKnowledge(), NearPictures()
        self._note, self._pages = EmptyNote(), QStackedWidget()
        for page in (self.dark, self.near, self._note):
            self._pages.addWidget(page)
        self.head_frame.show()
        self.head.insertWidget(0, self.which)
        self.head.addWidget(self.dark.twin.button)
        self.body.addWidget(self._pages, 1)
        self.setAccessibleName("What is said of the picture")
        self._why_not = ("", "")
        self.which.chosen.connect(self._change)

    @property
    def near_wanted(self) -> bool:
        return self.which.current() == NEAR

    def say_nothing(self, sentence: str, when: str) -> None:
        """Nobody says any class of this picture; empty: somebody does."""
        self._why_not = (sentence, when)
        self._show()

    def _change(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self._note.show_note(*self._why_not)
        spoken = self._note if self._why_not[0] else self.dark
        self._pages.setCurrentWidget(self.near if self.near_wanted else spoken)
        self.dark.twin.button.setVisible(not self.near_wanted and not self._why_not[0])
