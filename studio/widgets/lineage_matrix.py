"""Agreement of all generations as a matrix, and the pictures on which the chosen two disagree."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from engine import words
from studio import theme
from studio.lineage_pictures import Agreement, Listed, Pictures
from studio.widgets.agreement_matrix import AgreementMatrix
from studio.widgets.card import Card, scrolling
from studio.widgets.lineage_mistakes import ListOrNote
from studio.widgets.mistake_list import mistake_row
from studio.widgets.table_twin import Twin

EXPLAINED = (
    "Share of test pictures to which two generations of one seed give the same class. "
    "On the diagonal, two seeds of one generation: what the recipe alone makes alike."
)


class LineageMatrix(QWidget):
    """`pair_chosen` brings the generations of a cell, `picture_opened` a row of the test set and a seed."""

    pair_chosen = Signal(int, int)
    picture_opened = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._listed: Listed | None = None
        self._files: tuple[str, ...] = ()
        self.matrix = AgreementMatrix()
        self._twin = Twin(scrolling(self.matrix), self.matrix.table, "Agreement between generations")
        self.pictures = ListOrNote("Pictures on which the pair disagrees")
        self._pair_card = Card("They disagree", ruled=True)
        self._pair_card.body.setContentsMargins(1, 2, 1, 4)
        self._pair_card.body.addWidget(self.pictures, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._matrix_card(), 7)
        row.addWidget(self._pair_card, 5)
        self.matrix.chosen.connect(self.pair_chosen)
        self.pictures.list.opened.connect(self._open)

    def _matrix_card(self) -> Card:
        card = Card("Agreement", "mean over the seeds")
        explained = theme.dress(QLabel(EXPLAINED), small=True, prose=True)
        explained.setWordWrap(True)
        card.head.addWidget(self._twin.button)
        card.body.setContentsMargins(12, 0, 12, 8)
        card.body.addWidget(explained)
        card.body.addWidget(self._twin, 1)
        return card

    def show_agreement(self, agreement: Agreement) -> None:
        self.matrix.show_agreement(agreement)
        self._twin.refresh()

    def show_pair(self, listed: Listed | None, classes: Sequence[str], note: str = "") -> None:
        """The pictures on which the pair disagrees, or why there are none."""
        self._listed = listed
        if listed is None:
            self._pair_card.show_title("They disagree")
            self.pictures.say(note)
            return
        self.matrix.mark(listed.parent, listed.child)
        counted = f"{words.plural(len(listed), 'prediction')}, {words.plural(listed.seeds, 'seed')}"
        self._pair_card.show_title(f"F{listed.parent} and F{listed.child} disagree", counted)
        self.pictures.list.show_rows(len(listed), lambda place: mistake_row(listed, place, classes, self._files))
        self.pictures.show_list()

    def show_pictures(self, pictures: Pictures) -> None:
        self._files = pictures.files
        self.pictures.show_pictures(pictures)

    def _open(self, place: int) -> None:
        if self._listed is not None:
            self.picture_opened.emit(int(self._listed.row[place]), int(self._listed.seed[place]))
