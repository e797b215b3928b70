"""The training pictures that a network takes to be most like the one that is looked at. Return or a double
click looks at one of them in turn."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from engine import words
from studio import theme
from studio.inspect_asks import Found
from studio.lineage_pictures import Pictures
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.picture_browser import PictureBrowser


class NearPictures(QWidget):
    """`opened` brings a place among the neighbours."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.browser = PictureBrowser("Nearest training pictures")
        self._told = theme.dress(QLabel(), small=True, muted=True)
        self._told.setWordWrap(True)
        self._note, self._waiting, self._pages = EmptyNote(), LoadingNote(), QStackedWidget()
        for page in (self.browser, self._note, self._waiting):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._told)
        column.addWidget(self._pages, 1)
        self.browser.activated.connect(lambda index: self.opened.emit(self.browser.list.at(index)))

    @property
    def told(self) -> str:
        return self._told.text()

    def show_found(self, found: Found, name: str, label: str) -> None:
        """`label`: the true class of the picture in words, empty where nobody knows it."""
        arrays, classes = found.arrays, [str(each) for each in found.facts["classes"]]
        self.browser.show_pictures(Pictures(arrays["pictures"]))
        near = list(zip(arrays["label"].tolist(), arrays["similarity"].tolist()))

        def say(at: int) -> tuple[str, str, str]:
            place, similarity = near[at]
            called = classes[place] if place < len(classes) else ""
            ink = "bad" if label not in ("", called) else "muted"
            return called or f"picture {int(arrays['place'][at]):,}", f"{similarity:.3f}", ink

        self.browser.show_list(range(len(near)), say)
        self._told.setText(_told(found, name, classes))
        self._pages.setCurrentWidget(self.browser)

    def show_note(self, sentence: str, when: str = "") -> None:
        self._told.setText("")
        self._note.show_note(sentence, when)
        self._pages.setCurrentWidget(self._note)

    def show_waiting(self, sentence: str, share: float | None) -> None:
        self._told.setText("")
        self._waiting.show_progress(sentence, share)
        self._pages.setCurrentWidget(self._waiting)


def _told(found: Found, name: str, classes: Sequence[str]) -> str:
    """ "Nearest of 800 training pictures by the cosine of F1's features; 20 of them together say okapi 0.81."."""
    searched, of = int(found.facts["searched"]), int(found.facts["of"])
    among = words.plural(of, "training picture")
    if searched < of:
        among = f"{words.count(searched)} of {among}"
    told = f"Nearest of {among} by the cosine of {name}'s features"
    votes = found.arrays.get("votes")
    if votes is None or not classes:
        return told
    first = int(np.argmax(votes))
    return f"{told}; the 20 nearest vote {classes[first]} {float(votes[first]):.2f}"
