"""The table behind a drawing: the same numbers for those who want to read them, and a button that changes between both."""

from collections.abc import Callable

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QHeaderView, QStackedWidget, QTableView, QToolButton, QWidget

from engine import words
from studio import theme
from studio.widgets import taking
from studio.widgets.taking import Rows as Rows

Cell = str | float | None
Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()


def plain(value: float) -> str:
    """Whole numbers without decimals: an epoch is "12", a loss "0.412"."""
    return f"{value:,.0f}" if float(value).is_integer() else words.number(value)


class RowsModel(QAbstractTableModel):
    """A table given as rows, names first. Numbers stand on the right, what was not measured is empty."""

    def __init__(self, say: Callable[[float], str] = plain) -> None:
        super().__init__()
        self._say = say
        self._rows: list[list[Cell]] = [[]]

    def show_rows(self, rows: Rows) -> None:
        self.beginResetModel()
        self._rows = [list(row) for row in rows] or [[]]
        self.endResetModel()

    def rows(self) -> Rows:
        return self._rows

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows) - 1

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows[0])

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        value = self._rows[index.row() + 1][index.column()]
        if role == ROLES.DisplayRole:
            return "" if value is None else value if isinstance(value, str) else self._say(value)
        if role == ROLES.TextAlignmentRole:
            return _alignment(isinstance(value, str) and index.column() == 0)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLES.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < self.columnCount():
            return None
        if role == ROLES.DisplayRole:
            return str(self._rows[0][section])
        if role == ROLES.TextAlignmentRole:
            return _alignment(section == 0)
        return None


def _alignment(left: bool) -> Qt.AlignmentFlag:
    return (Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter


class TableTwin(QTableView):
    """A calm table of rows. It takes the focus, so its cells can be walked through and copied."""

    def __init__(self, name: str, say: Callable[[float], str] = plain, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.calm_table(self)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self._model = RowsModel(say)
        self.setModel(self._model)
        self.taking = taking.let_take(self, rows=self._model.rows)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)

    def show_rows(self, rows: Rows) -> None:
        self._model.show_rows(rows)
        if self._model.columnCount():
            self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)


class Twin(QStackedWidget):
    """A drawing and its table; `button` changes between them. The rows are asked for only while the table is in sight."""

    def __init__(self, drawing: QWidget, rows: Callable[[], Rows], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = rows
        self.table = TableTwin(name)
        self.addWidget(drawing)
        self.addWidget(self.table)
        self.button = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "table", "text2")
        self.button.setCheckable(True)
        self.button.setToolTip("Show the numbers as a table")
        self.button.setAccessibleName(f"{name} as a table")
        self.button.toggled.connect(self._change)
        self.taking = taking.let_take(drawing, lambda: name, rows)

    def refresh(self) -> None:
        """The numbers behind the drawing have changed."""
        if self.button.isChecked():
            self.table.show_rows(self._rows())

    def _change(self, table: bool) -> None:
        self.refresh()
        self.setCurrentIndex(int(table))
