"""The pictures that are watched while training, pinned. A press takes one out."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QToolButton, QWidget

from studio import theme
from studio.lineage_pictures import Pictures
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.picture_grid import PictureGrid, PictureWords

TITLE = "Probe pictures"


class ProbePicker(Card):
    """`pressed_at` brings the place of a picture that is to be taken out; `reset_asked` wants the first twelve again."""

    pressed_at = Signal(int)
    reset_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(TITLE, "12 of 8 to 16", parent)
        self.grid = PictureGrid("Probe pictures; a press takes one out", columns=4, captioned=False)
        self.reset = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "reset", "text2")
        self.reset.setToolTip("The first twelve again")
        self.reset.setAccessibleName("The first twelve probe pictures again")
        self.note = theme.dress(ElidedLabel(), small=True, state="warn")
        self.note.hide()
        self.head.addWidget(self.reset)
        self.body.setContentsMargins(7, 0, 7, 8)
        self.body.setSpacing(4)
        self.note.setContentsMargins(5, 0, 5, 0)
        self.body.addWidget(self.grid)
        self.body.addWidget(self.note)
        self.grid.pressed_at.connect(self.pressed_at)
        self.reset.clicked.connect(self.reset_asked)

    def show_pictures(self, pictures: Pictures) -> None:
        self.grid.show_pictures(pictures)

    def show_probe(
        self, places: Sequence[int], words: Mapping[int, PictureWords], said: str, note: str, is_default: bool
    ) -> None:
        self.show_title(TITLE, said)
        self.grid.show_places(places, words)
        self.grid.pictures.show_chosen(places)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.reset.setVisible(not is_default)
