"""Class against class in a card: confusion, agreement and their difference, one at a time, and its table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio import theme
from studio.inspect_model import MATRICES, Cell, Matrix
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.class_matrix import ClassMatrix
from studio.widgets.empty import EmptyNote
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Twin

MEANINGS: dict[Matrix, str] = {
    "Confusion": "Test pictures by label (rows) and by the student's answer (columns).",
    "Agreement": "Test pictures by the teacher's answer (rows) and by the student's (columns): on the diagonal they agree.",
    "Difference": "How much more often the student answers so than the teacher: blue is won, orange is lost.",
}


class ClassMatrices(Card):
    """`matrix_chosen` brings a name, `cell_chosen` a Cell, or None when it is taken back."""

    matrix_chosen = Signal(str)
    cell_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.which = Segment(MATRICES, "Which matrix")
        self.matrix = ClassMatrix("Classes")
        self.twin = Twin(self.matrix, self.matrix.table, "Class against class")
        self._rows = theme.dress(ElidedLabel(), small=True, muted=True)
        self._note = EmptyNote()
        self._pages = QStackedWidget()
        for page in (self.twin, self._note):
            self._pages.addWidget(page)
        self._lay_out()
        self.which.chosen.connect(self.matrix_chosen)
        self.matrix.chosen.connect(lambda row, column: self.cell_chosen.emit(Cell(self.current, row, column)))
        self.matrix.cleared.connect(lambda: self.cell_chosen.emit(None))
        self.matrix.pointed.connect(self._point)
        self._said = ""

    def _lay_out(self) -> None:
        self.head_frame.show()
        self.setAccessibleName("Class against class")
        self.head.insertWidget(0, self.which)
        self.head.addWidget(self.twin.button)
        self.body.setContentsMargins(12, 2, 12, 8)
        self.body.setSpacing(4)
        self.body.addWidget(self._rows)
        self.body.addWidget(self._pages, 1)

    @property
    def current(self) -> Matrix:
        return self.which.current()  # type: ignore[return-value]

    def show_counts(
        self, counts: NDArray[np.int64], classes: Sequence[str], student: str, teacher: str, cell: Cell | None
    ) -> None:
        signed, rows = self.current == "Difference", f"{teacher} says" if self.current == "Agreement" else "label"
        columns = f"more for {student}" if signed else f"{student} says"
        self.matrix.show_counts(counts, classes, rows, columns, signed)
        self.matrix.mark((cell.row, cell.column) if cell is not None and cell.matrix == self.current else None)
        self.matrix.setAccessibleName(f"{self.current} of classes")
        self.twin.refresh()
        self._said = f"rows: {rows}; columns: {columns}"
        self._rows.setText(self._said)
        self.which.setToolTip(MEANINGS[self.current])
        self._pages.setCurrentWidget(self.twin)
        self.twin.button.setEnabled(True)

    def show_note(self, sentence: str, when: str) -> None:
        self._rows.setText("")
        self._said = ""
        self._note.show_note(sentence, when)
        self._pages.setCurrentWidget(self._note)
        self.twin.button.setEnabled(False)

    def _point(self, said: str) -> None:
        self._rows.setText(said or self._said)
