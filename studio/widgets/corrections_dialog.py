"""Which of the suspect labels a person wants corrected, and into which file. The pictures themselves are never touched.

Given suspects and how pictures and classes are called, it gives what was chosen; the writing is the view's.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine import words
from engine.predictions import Suspect
from studio import theme

RELABEL, LEAVE_OUT = "gets the label that most networks name", "is left out of training"
WIDE, HIGH = 640, 460  # at scale 1
CHECK = Qt.ItemDataRole.CheckStateRole


class CorrectionsDialog(QDialog):
    """`written` brings the file and {picture: label} to put into it; `use_asked` the file, for a recipe."""

    written = Signal(Path, dict)
    use_asked = Signal(Path)

    def __init__(self, suspects: Sequence[Suspect], names: Sequence[str], classes: Sequence[str], file: Path, parent: QWidget):
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Correct labels")
        self._suspects, self._names, self._classes = list(suspects), names, classes
        self.list = QListWidget()
        self.list.setSpacing(theme.px(2))
        self.how = theme.quiet_field(QComboBox())
        self.path = QLineEdit(str(file))
        self.browse, self.all, self.none = QPushButton("Choose"), QPushButton("All"), QPushButton("None")
        self.write, self.use, self.close_ = QPushButton("Write"), QPushButton("Use in a recipe"), QPushButton("Close")
        self.said = theme.dress(QLabel(), small=True)
        self._fill()
        self._lay_out()
        self._listen()
        self._tell()

    def chosen(self) -> dict[str, str]:
        """{picture: label} of what is ticked; an empty label leaves the picture out."""
        ticked = [place for place in range(self.list.count()) if self.list.item(place).checkState() == Qt.CheckState.Checked]
        relabel = self.how.currentIndex() == 0
        rows = [self._suspects[place] for place in ticked]
        return {self._name(one): self._class(one.proposed) if relabel else "" for one in rows}

    def show_written(self, lines: int) -> None:
        self.said.setText(f"Written: {words.plural(lines, 'correction')} in the file. A recipe uses it as data.corrections.")
        theme.dress(self.said, state="ok")
        self.use.setEnabled(True)

    def show_problem(self, sentence: str) -> None:
        self.said.setText(sentence)
        theme.dress(self.said, state="bad")

    def _name(self, one: Suspect) -> str:
        return self._names[one.index] if self._names else str(one.index)

    def _class(self, number: int) -> str:
        return self._classes[number] if number < len(self._classes) else str(number)

    def _fill(self) -> None:
        for one in self._suspects:
            said = f"{self._name(one)}:  {self._class(one.given)} → {self._class(one.proposed)}"
            item = QListWidgetItem(f"{said}   ({one.votes} of {one.voters}, {words.percent(one.confidence, 0)} sure)")
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if one.votes == one.voters else Qt.CheckState.Unchecked)
            self.list.addItem(item)

    def _tick(self, state: Qt.CheckState) -> None:
        blocked = self.list.blockSignals(True)  # else each tick would count them all
        for place in range(self.list.count()):
            self.list.item(place).setCheckState(state)
        self.list.blockSignals(blocked)
        self.list.viewport().update()
        self._tell()

    def _tell(self) -> None:
        count = len(self.chosen())
        self.write.setText(f"Write {words.plural(count, 'correction')}")
        self.write.setEnabled(bool(count and self.path.text().strip()))

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Corrected labels", self.path.text(), "CSV (*.csv)", options=QFileDialog.Option.DontConfirmOverwrite
        )
        if chosen:
            self.path.setText(chosen)

    def _listen(self) -> None:
        self.list.itemChanged.connect(lambda _: self._tell())
        self.path.textChanged.connect(self._tell)
        self.path.textChanged.connect(lambda: self.use.setEnabled(False))  # of another file nothing is written yet
        self.browse.clicked.connect(self._browse)
        self.all.clicked.connect(lambda: self._tick(Qt.CheckState.Checked))
        self.none.clicked.connect(lambda: self._tick(Qt.CheckState.Unchecked))
        self.write.clicked.connect(lambda: self.written.emit(Path(self.path.text().strip()), self.chosen()))
        self.use.clicked.connect(lambda: self.use_asked.emit(Path(self.path.text().strip())))
        self.close_.clicked.connect(self.close)

    def _lay_out(self) -> None:
        theme.dress(self.write, primary=True).setDefault(True)
        self.use.setEnabled(False)
        for button in (self.browse, self.all, self.none, self.use, self.close_):
            button.setAutoDefault(False)
        self.list.setAccessibleName("Suspect labels")
        self.path.setAccessibleName("File of the corrections")
        self.how.addItems([f"What is ticked {RELABEL}", f"What is ticked {LEAVE_OUT}"])
        self.how.setAccessibleName("What becomes of the ticked pictures")
        self.said.setWordWrap(True)
        what = "A list to look through: networks that learned from these very labels contradict them. Ticked is where all do."
        head = theme.dress(QLabel(what), prose=True)
        head.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(10)
        column.addWidget(head)
        column.addWidget(self.list, 1)
        for widgets in ((self.how, self.all, self.none), (self.path, self.browse)):
            row = QHBoxLayout()
            for place, widget in enumerate(widgets):
                row.addWidget(widget, 0 if place else 1)
            column.addLayout(row)
        column.addWidget(self.said)
        foot = QHBoxLayout()
        foot.addWidget(self.close_)
        foot.addStretch(1)
        foot.addWidget(self.use)
        foot.addWidget(self.write)
        column.addLayout(foot)
        self.resize(theme.px(WIDE), theme.px(HIGH))
