"""The examples of a page: which list, in which order, and its pictures. Holds no answers; given a listing, shows it."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QWidget

from engine import words
from studio import theme
from studio.inspect_model import ORDERS, Listing
from studio.lineage_pictures import Pictures, file_words
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.empty import EmptyNote
from studio.widgets.kind_list import Entry, KindList
from studio.widgets.picture_browser import PictureBrowser


class Examples(Card):
    """`kind_chosen` and `order_chosen` bring another list, `picture_chosen` a place in it; `cell_cleared`: of all cells."""

    kind_chosen = Signal(str)
    order_chosen = Signal(str)
    picture_chosen = Signal(int)
    cell_cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Examples", parent=parent)
        self.kinds, self.browser = KindList("Which pictures"), PictureBrowser("Pictures")
        self.order = theme.quiet_field(theme.dress(QComboBox(), small=True))
        self.order.addItems(list(ORDERS))
        self.order.setAccessibleName("In which order")
        self.cell = theme.put_icon(theme.dress(QPushButton(), small=True), "close", "text2", 10)
        self.cell.setToolTip("Show the pictures of all cells again")
        self.cell.hide()
        self._count = theme.dress(ElidedLabel(), small=True, muted=True)
        self._problem = theme.dress(QLabel(), small=True, state="warn")
        self._note = EmptyNote()
        self._pages = QStackedWidget()
        self._listing, self._classes, self._files = Listing(), tuple[str, ...](), tuple[str, ...]()
        self._lay_out()
        self.kinds.chosen.connect(self.kind_chosen)
        self.order.currentTextChanged.connect(self.order_chosen)
        self.browser.chosen.connect(self.picture_chosen)
        self.cell.clicked.connect(self.cell_cleared)

    def _lay_out(self) -> None:
        self.body.setContentsMargins(6, 0, 6, 6)
        self.body.setSpacing(4)
        self._problem.setWordWrap(True)
        self._problem.hide()
        row = QHBoxLayout()
        row.setContentsMargins(8, 2, 6, 0)
        row.addWidget(self._count)
        row.addStretch(1)
        row.addWidget(self.order)
        for page in (self.browser, self._note):
            self._pages.addWidget(page)
        self.body.addWidget(self.kinds)
        self.body.addWidget(rule())
        self.body.addLayout(row)
        self.body.addWidget(self.cell)
        self.body.addWidget(self._problem)
        self.body.addWidget(self._pages, 1)

    def show_kinds(self, entries: Sequence[Entry], chosen: str) -> None:
        self.kinds.show_entries(entries, chosen)

    def show_pictures(self, pictures: Pictures) -> None:
        self._files = pictures.files
        self.browser.show_pictures(pictures)
        self._problem.setText(pictures.problem)
        self._problem.setVisible(bool(pictures.problem))

    def show_listing(self, listing: Listing, classes: Sequence[str], cell: str, place: int) -> None:
        """`cell` in words, empty for all cells; `place` in the data set of the picture that is looked at, -1 for none."""
        self._listing, self._classes = listing, tuple(classes)
        self._count.setText(words.plural(len(listing), "picture"))
        self.cell.setText(cell)
        self.cell.setVisible(bool(cell))
        self.order.setEnabled(listing.kind != "suspect")
        found = np.flatnonzero(listing.place == place)
        self.browser.show_list(listing.place.tolist(), self._say, int(found[0]) if found.size else -1)
        self._pages.setCurrentWidget(self.browser if len(listing) else self._note)
        if not len(listing):
            again = "press the cell again for all of them" if cell else "choose another list above"
            self._note.show_note("No picture is like that", again)

    def show_note(self, sentence: str, when: str) -> None:
        """No answers to list: why, and when that will change."""
        self._count.setText("")
        self.cell.hide()
        self._note.show_note(sentence, when)
        self._pages.setCurrentWidget(self._note)

    def name_of(self, at: int) -> str:
        """ "cat/0005.jpg", or "picture 1187"."""
        place = int(self._listing.place[at])
        return file_words(self._files, place) or f"picture {place:,}"

    def _say(self, at: int) -> tuple[str, str, str]:
        first, second = self._listing.words(at, self._classes)
        wrong = self._listing.kind != "suspect" and not self._listing.right(at)
        return first, second, "bad" if wrong else "muted"
