"""In what the recipes of two generations differ, field by field. `pair_chosen` brings two other generations.

Folded, one line says which fields differ; open, the table has both values of each.
"""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QWidget,
)

from engine.differences import FieldRow, as_text, difference_words
from studio import theme
from studio.widgets.card import Card, ElidedLabel, rule

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()
FIELD = ROLES.UserRole + 1  # the FieldRow
MOST_ROWS = 5  # in sight at once; the table scrolls


class DifferenceModel(QAbstractTableModel):
    """Columns: field, value before, value after."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[FieldRow] = []

    def show_rows(self, rows: Sequence[FieldRow]) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else 3

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        texts = (row.label or row.path, row.before, row.after)
        if role in (ROLES.DisplayRole, ROLES.ToolTipRole):
            return texts[index.column()] if role == ROLES.DisplayRole else f"{row.path}: {row.before} → {row.after}"
        if role == ROLES.AccessibleTextRole:
            said = "the same in both" if row.equal else ("", "before", "after")[index.column()]
            return f"{texts[index.column()]}, {said}".strip(", ")
        return row if role == FIELD else None


class _Delegate(QStyledItemDelegate):
    """The field with its path; a minus before the older value, a plus before the newer one where they differ."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: FieldRow = index.data(FIELD)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, theme.color("sel"))
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        place = option.rect.adjusted(theme.px(8), 0, -theme.px(8), 0)
        if index.column() == 0:
            left = self._write(painter, place, str(index.data()), "text2")
            if row.label and row.label.lower() != row.path:
                self._write(painter, place.adjusted(left + theme.px(8), 0, 0, 0), row.path, "muted")
        else:
            signs = ("−", "bad") if index.column() == 1 else ("+", "ok")
            shown = signs if not row.equal else ("", "muted")
            self._write(painter, place, shown[0], shown[1])
            value = place.adjusted(theme.px(14), 0, 0, 0)
            self._write(painter, value, str(index.data()), "muted" if row.equal else "text")
        painter.restore()

    def _write(self, painter: QPainter, place: QRect, text: str, token: str) -> int:
        """Returns the width."""
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color(token))
        metrics = QFontMetrics(theme.font("body"))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, place.width()))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
        return metrics.horizontalAdvance(shown)


class _Table(QTableView):
    """As high as its rows, up to MOST_ROWS."""

    def sizeHint(self) -> QSize:
        rows = min(MOST_ROWS, max(1, self.model().rowCount()))
        return QSize(theme.px(480), rows * self.verticalHeader().defaultSectionSize() + theme.px(6))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(240), self.sizeHint().height())


class RecipeDifference(Card):
    """Head with the pair, the counts and the tools; below it the table."""

    pair_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Recipe difference", parent=parent, ruled=False)
        self._rows: list[FieldRow] = []
        self._name = ""  # of the pair; without one, why there is nothing to show
        self.model = DifferenceModel()
        self.before, self.after = self._combo("Older generation"), self._combo("Newer generation")
        self._to = QLabel("to")
        self._counts = theme.dress(ElidedLabel(), small=True, muted=True)
        self.show_equal = theme.dress(QCheckBox("Show equal fields"), small=True)
        self.copy = theme.put_icon(theme.dress(QPushButton("Copy as text"), flat=True, small=True), "copy", "text2", 14)
        self.fold = theme.dress(QToolButton(), flat=True, small=True)
        self._folded = False
        self._rule = rule()
        self.table = theme.calm_table(_Table())
        self._note = theme.dress(QLabel(), small=True, prose=True)
        self._dress_table()
        self._lay_out()
        self._connect()
        self.set_folded(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _combo(self, name: str) -> QComboBox:
        combo = theme.quiet_field(theme.dress(QComboBox(), small=True))
        combo.setAccessibleName(name)
        combo.addItem("F0", 0)  # Qt keeps the width of an empty one for ever
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        combo.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        return combo

    def _dress_table(self) -> None:
        self.table.setModel(self.model)
        self.table.setItemDelegate(_Delegate(self.table))
        self.table.horizontalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setAccessibleName("Fields and their values before and after")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _lay_out(self) -> None:
        self.head.setContentsMargins(12, 3, 8, 3)
        for place, widget in enumerate((self.before, self._to, self.after, self._counts)):
            self.head.insertWidget(2 + place, widget)
        for button in (self.show_equal, self.copy, self.fold):
            self.head.addWidget(button)
        self.body.setContentsMargins(2, 0, 2, 2)
        self.body.setSpacing(0)
        self.body.addWidget(self._rule)
        self.body.addWidget(self.table)
        self.body.addWidget(self._note)
        self._note.setContentsMargins(12, 6, 12, 6)

    def _connect(self) -> None:
        for combo in (self.before, self.after):
            combo.activated.connect(self._tell)
        self.show_equal.toggled.connect(self._fill)
        self.copy.clicked.connect(self._copy)
        self.fold.clicked.connect(lambda: self.set_folded(not self._folded))

    # what is shown

    def show_generations(self, generations: Sequence[int], pair: tuple[int, ...]) -> None:
        """What can be compared, and what is."""
        for combo, chosen in zip((self.before, self.after), pair if len(pair) == 2 else (-1, -1)):
            if [combo.itemData(place) for place in range(combo.count())] != list(generations):
                combo.clear()
                for generation in generations:
                    combo.addItem(f"F{generation}", generation)
            combo.setCurrentIndex(combo.findData(chosen))
        for widget in (self.before, self._to, self.after):
            widget.setVisible(len(generations) > 1)

    def show_rows(self, name: str, rows: Sequence[FieldRow]) -> None:
        """`name` heads the copied text: "digits, F1 to F2"."""
        self._name, self._rows = name, list(rows)
        self._fill()

    def show_note(self, note: str) -> None:
        """Words in place of the table."""
        self._name, self._rows = note, []
        self._fill()

    def set_folded(self, folded: bool) -> None:
        self._folded = folded
        theme.put_icon(self.fold, "chevron-up" if folded else "chevron-down", "text2", 14)
        said = "Show the fields" if folded else "Fold the fields away"
        self.fold.setToolTip(said)
        self.fold.setAccessibleName(said)
        self._fill()

    @property
    def folded(self) -> bool:
        return self._folded

    def text(self) -> str:
        """What *Copy as text* puts on the clipboard: as much as is in sight."""
        rows = self._rows if self.show_equal.isChecked() else [row for row in self._rows if not row.equal]
        return as_text(f"{self._name}: {difference_words(self._rows)}", rows)

    def _fill(self) -> None:
        shown = [row for row in self._rows if self.show_equal.isChecked() or not row.equal]
        self.model.show_rows(shown)
        self._counts.setText(self._counted())
        same = "Both follow the same recipe, field by field." if self._rows and not shown else ""
        self._note.setText(same if self._rows else self._name)
        for widget in (self.table, self._rule):
            widget.setVisible(bool(shown) and not self.folded)
        self._note.setVisible(bool(self._note.text()) and not self.folded)
        for button in (self.copy, self.show_equal):
            button.setVisible(bool(self._rows))
        self.table.updateGeometry()
        self.setAccessibleDescription(self._counted())

    def _counted(self) -> str:
        if not self._rows:
            return self._name if self.folded else ""
        names = ", ".join(row.label.lower() or row.path for row in self._rows if not row.equal)
        return difference_words(self._rows) + (f": {names}" if names and self.folded else "")

    def _tell(self) -> None:
        older, newer = self.before.currentData(), self.after.currentData()
        if older is not None and newer is not None:
            self.pair_chosen.emit(older, newer)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())
