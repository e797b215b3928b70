"""A field of a recipe and what it is to be: a row of a dialog that may have several."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLineEdit, QSizePolicy, QToolButton, QWidget

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


def grow(dialog: QDialog) -> None:
    """A row more, or a sentence, wants room that a dialog does not take by itself."""
    if (layout := dialog.layout()) is not None:
        layout.activate()
        dialog.resize(dialog.width(), max(dialog.height(), layout.totalHeightForWidth(dialog.width())))
