"""Pictures that are nearly the same, two and two beside each other, with what each is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.data_model import Listing, PairWords
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.picture import Picture, channels_last

SIDE = 72  # of a picture, pixels at scale 1


class PairRow(QWidget):
    def __init__(self, said: PairWords, pictures_2CHW: NDArray[np.uint8] | None) -> None:
        super().__init__()
        self.said = said
        title = theme.dress(QLabel(said.title), small=True, **({"state": "warn"} if said.warns else {"prose": True}))
        column, row = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(8, 8, 8, 0)
        column.setSpacing(6)
        column.addWidget(title)
        column.addLayout(row)
        column.addWidget(rule())
        row.setSpacing(8)
        for place, name in enumerate((said.left, said.right)):
            if pictures_2CHW is not None:
                picture = Picture(SIDE)
                picture.show_picture(channels_last(pictures_2CHW[place]), name)
                picture.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
                row.addWidget(picture)
            label = theme.dress(ElidedLabel(name), small=True)
            label.setToolTip(name)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            row.addWidget(label, 1)
        self.setAccessibleName(f"{said.left} and {said.right}, {said.title}")


class PairListing(Card):
    """Esc or *Close* ends it: `closed`."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Pairs", parent=parent, ruled=True)
        self._text = ""
        self.rows: list[PairRow] = []
        self.copy = theme.put_icon(theme.dress(QPushButton("Copy"), small=True), "copy", "text2", 13)
        self.close_button = theme.put_icon(theme.dress(QPushButton("Close"), small=True), "close", "text2", 13)
        self.head.addWidget(self.copy)
        self.head.addWidget(self.close_button)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setAccessibleName("Pairs of pictures nearly the same")
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(inside)
        self.body.setContentsMargins(4, 0, 4, 4)
        self.body.addWidget(self.area)
        self.copy.setToolTip("Copy the names of all pairs to the clipboard")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._text))
        self.close_button.clicked.connect(self.closed)

    def show_pairs(self, listing: Listing, pictures_P2CHW: NDArray[np.uint8] | None) -> None:
        self.show_title(listing.title, listing.subtitle)
        self._text = listing.text
        self._show(listing.pairs, pictures_P2CHW)

    def _show(self, pairs: Sequence[PairWords], pictures_P2CHW: NDArray[np.uint8] | None) -> None:
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [
            PairRow(said, None if pictures_P2CHW is None else pictures_P2CHW[place]) for place, said in enumerate(pairs)
        ]
        for place, row in enumerate(self.rows):
            self._column.insertWidget(place, row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
