"""The rows of the queue's table as an item model: they keep their places while only their text changes.

Given rows (queue_model.py); drawing them is run_table.py's. A drop is a wish, told by `dropped`: rows change when the order on
disk has changed.
"""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QWidget

from engine import words
from studio.queue_columns import Column
from studio.queue_model import Row

Index = QModelIndex | QPersistentModelIndex
ROLES, SIDES = Qt.ItemDataRole, Qt.AlignmentFlag
ROOT = QModelIndex()
HEADS = ("", "Run", "Method", "Seed", "State", "Progress", "Best", "Ends, ended")
HANDLE, RUN, METHOD, SEED, STATE, PROGRESS, BEST, ENDS = range(8)
RIGHT = (SEED, BEST, ENDS)
HIDEABLE = (METHOD, SEED, PROGRESS, BEST, ENDS)  # what a run is called and how it stands is always in sight
MIME = "application/x-filial-runs"


class RunsModel(QAbstractTableModel):
    """Rows that keep their places while only their text changes. `dropped` names a block and the row it fell above."""

    dropped = Signal(list, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self._places: dict[str, int] = {}
        self.added: tuple[Column, ...] = ()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """What is the same above and below stays; rows between are exchanged."""
        old, new = [row.key for row in self.rows], [row.key for row in rows]
        top = _same(old, new)
        bottom = _same(old[top:][::-1], new[top:][::-1])
        changed = [place for place in range(top) if _other(rows[place], self.rows[place])]
        if len(old) - bottom > top:
            self.beginRemoveRows(ROOT, top, len(old) - bottom - 1)
            del self.rows[top : len(old) - bottom]
            self.endRemoveRows()
        if len(new) - bottom > top:
            self.beginInsertRows(ROOT, top, len(new) - bottom - 1)
            self.rows[top:top] = rows[top : len(new) - bottom]
            self.endInsertRows()
        changed += [place for place in range(len(new) - bottom, len(new)) if _other(rows[place], self.rows[place])]
        self.rows, self._places = list(rows), {key: place for place, key in enumerate(new)}
        if changed:
            self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], self.columnCount() - 1))

    def place(self, key: str) -> int | None:
        """Where the row of this key is."""
        return self._places.get(key)

    def show_columns(self, added: Sequence[Column]) -> bool:
        """Those that a person has added, after the others. True if they are others, not if only the cursor moved."""
        same = [column.key for column in added] == [column.key for column in self.added]
        if same:
            self.added = tuple(added)
        else:
            self.beginResetModel()
            self.added = tuple(added)
            self.endResetModel()
        return not same

    @property
    def heads(self) -> tuple[str, ...]:
        return (*HEADS, *(column.head for column in self.added))

    def is_right(self, column: int) -> bool:
        """Numbers stand at the right."""
        return column in RIGHT if column < len(HEADS) else self.added[column - len(HEADS)].numeric

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(HEADS) + len(self.added)

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], index.column()
        if role == ROLES.DisplayRole:
            return self._cell(row, column)
        if role == ROLES.AccessibleTextRole:
            return row.said if column == RUN else self._cell(row, column)
        if role == ROLES.ToolTipRole:
            return row.tip
        if role == ROLES.TextAlignmentRole:
            return self._side(column)
        return None

    def _cell(self, row: Row, column: int) -> str:
        texts = cells(row)
        return texts[column] if column < len(texts) else ""  # a group row says nothing in the columns that were added

    def _side(self, column: int) -> Qt.AlignmentFlag:
        return SIDES.AlignVCenter | (SIDES.AlignRight if self.is_right(column) else SIDES.AlignLeft)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLES.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.heads):
            return None
        if role == ROLES.DisplayRole:
            return self.heads[section]
        if role == ROLES.ToolTipRole and section >= len(HEADS):
            return self.added[section - len(HEADS)].tip
        return self._side(section) if role == ROLES.TextAlignmentRole else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag
        if not index.isValid():
            return flags.ItemIsDropEnabled  # between rows, never onto one
        usual = flags.ItemIsEnabled | flags.ItemIsSelectable | flags.ItemNeverHasChildren
        return usual | flags.ItemIsDragEnabled if self.rows[index.row()].movable else usual

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The names of the runs that can be moved, in the order of the rows."""
        data = QMimeData()
        names = movable(self.rows[row] for row in sorted({index.row() for index in indexes}))
        data.setData(MIME, "\n".join(names).encode())
        return data

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        """Tells the wish, and says that nothing was taken: rows change when the order on disk has changed."""
        if data.hasFormat(MIME) and action == Qt.DropAction.MoveAction:
            names = bytes(data.data(MIME).data()).decode().splitlines()
            self.dropped.emit(names, parent.row() if parent.isValid() else row if row >= 0 else len(self.rows))
        return False


def cells(row: Row) -> tuple[str, ...]:
    """The text of each column."""
    bar = words.percent(row.share, 0) if row.share is not None else ""
    return ("", row.title, row.method or row.hint, row.seeds, row.state, bar, row.best, row.ends or row.summary, *row.added)


def movable(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.movable))


def _other(row: Row, before: Row) -> bool:
    """Most are the very same: to compare all that thousands say takes longer than to draw a page of them."""
    return row is not before and row != before


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    """How many are equal from the beginning."""
    return next((place for place, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
