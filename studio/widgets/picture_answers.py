"""One picture, and beside it what teacher and student answer to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.widgets.card import Card
from studio.widgets.dark_knowledge import DarkKnowledge, Said
from studio.widgets.empty import EmptyNote
from studio.widgets.picture import Picture, channels_last


class PictureAnswers(Card):
    """The picture at the left, the answers at a temperature at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Dark knowledge", parent=parent)
        self.picture, self.dark = Picture(side=150), DarkKnowledge()
        self._note, self._pages, shown = EmptyNote(), QStackedWidget(), QWidget()
        row, left = QHBoxLayout(shown), QVBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        left.addWidget(self.picture)
        left.addStretch(1)
        row.addLayout(left)
        row.addWidget(self.dark, 1)
        for page in (shown, self._note):
            self._pages.addWidget(page)
        self.body.addWidget(self._pages, 1)
        self.head.addWidget(self.dark.twin.button)

    def show_picture(
        self, pixels: NDArray[np.uint8] | None, name: str, label: int, classes: Sequence[str], said: Sequence[Said]
    ) -> None:
        """`pixels` [C, H, W], None where they are not to be had; `label` -1 where nobody knows it."""
        called = classes[label] if 0 <= label < len(classes) else ""
        self.show_title("Dark knowledge", ", ".join(filter(None, [name, called and f"label {called}"])))
        self.picture.show_picture(None if pixels is None else channels_last(pixels), f"{name}, {called}")
        self.dark.show_said(said, classes, label)
        self._pages.setCurrentIndex(0)

    def show_note(self, sentence: str, when: str) -> None:
        self.show_title("Dark knowledge")
        self._note.show_note(sentence, when)
        self._pages.setCurrentWidget(self._note)
