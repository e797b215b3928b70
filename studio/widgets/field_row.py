"""Fields of a recipe and what they are to be: rows of a dialog, with a button for one more."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine import words
from studio import theme


class Choice(NamedTuple):
    """A field that may be chosen, how it is called, and its present value in words; empty where that is not known."""

    path: str
    label: str
    now: str = ""


class FieldRow(QWidget):
    """`edited` when field or values are others, `gone` when a person leaves the row out."""

    edited = Signal()
    gone = Signal()

    def __init__(self, choices: Sequence[Choice], avoid: Sequence[str], field: str, values: str, example: str = "") -> None:
        """`avoid`: fields that stand in other rows. `field`, `values`: names of the controls. `example` is a hint."""
        super().__init__()
        self._example = example
        self.field, self.values = theme.quiet_field(QComboBox()), QLineEdit()
        self.remove = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "close", "text2")
        self.remove.setToolTip("Leave this field out")
        for widget, name in ((self.field, field), (self.values, values), (self.remove, "Leave this field out")):
            widget.setAccessibleName(name)
        self.field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.field.setMinimumContentsLength(24)
        for one in choices:
            self.field.addItem(f"{one.label}  ({one.path})", one)
        self.field.setCurrentIndex(next((place for place, one in enumerate(choices) if one.path not in avoid), 0))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.field, 3)
        row.addWidget(self.values, 3)
        row.addWidget(self.remove)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.field.currentIndexChanged.connect(self._show_present)
        self.values.textChanged.connect(self.edited)
        self.remove.clicked.connect(self.gone)
        self._show_present()

    @property
    def path(self) -> str:
        return self._chosen.path

    @property
    def said(self) -> str:
        """ "optimizer.lr=0.1"; empty while there is no value."""
        text = self.values.text().strip().rstrip(",").replace(words.MINUS, "-")
        return f"{self.path}={text}" if self.path and text else ""

    @property
    def _chosen(self) -> Choice:
        found: Choice | None = self.field.currentData()
        return Choice(*found) if found is not None else Choice("", "")

    def _show_present(self) -> None:
        now = f"now {self._chosen.now}" if self._chosen.now else ""
        self.values.setPlaceholderText("; ".join(filter(None, (now, self._example))))
        self.edited.emit()


class FieldRows(QWidget):
    """Rows below each other, each of another field. `changed`: one came or went; `edited`: one says something else."""

    changed = Signal()
    edited = Signal()

    def __init__(self, more: str, field: str, values: str, example: str = "", hint: str = "") -> None:
        """`more`: what the button says. `field`, `values`: names of a row's controls; `example` and `hint` of its values."""
        super().__init__()
        self._choices: Sequence[Choice] = ()
        self._names, self._hint = (field, values, example), hint
        self.rows: list[FieldRow] = []
        self.more = theme.put_icon(theme.dress(QPushButton(more), small=True), "plus", "text", 14)
        self.more.setAutoDefault(False)
        self.more.clicked.connect(self.add)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    @property
    def said(self) -> list[str]:
        """ "optimizer.lr=0.1" of every row with a value."""
        return [row.said for row in self.rows if row.said]

    def offer(self, choices: Sequence[Choice]) -> None:
        """Begin anew, with one row of these fields; without any, with none."""
        self._choices = choices
        self.more.setEnabled(bool(choices))
        for row in list(self.rows):
            self._remove(row)
        if choices:
            self.add()
        else:
            self.changed.emit()

    def add(self) -> None:
        """A row for a field that has none yet, ready to be typed into."""
        row = FieldRow(self._choices, [each.path for each in self.rows], *self._names)
        row.values.setToolTip(self._hint)
        row.edited.connect(self.edited)
        row.gone.connect(lambda: self._drop(row))
        self._column.insertWidget(len(self.rows), row)
        self.rows.append(row)
        self.changed.emit()
        row.values.setFocus(Qt.FocusReason.OtherFocusReason)

    def _drop(self, row: FieldRow) -> None:
        self._remove(row)
        self.changed.emit()

    def _remove(self, row: FieldRow) -> None:
        self.rows.remove(row)
        row.hide()
        row.deleteLater()


def grow(dialog: QDialog) -> None:
    """A row more, or a sentence, wants room that a dialog does not take by itself."""
    if (layout := dialog.layout()) is not None:
        layout.activate()
        dialog.resize(dialog.width(), max(dialog.height(), layout.totalHeightForWidth(dialog.width())))
