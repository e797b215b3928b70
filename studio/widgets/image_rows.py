"""One row an image, one column a generation: what each says and how sure it is, the most disputed first.

The table holds arrays and writes a cell when it is looked at; sorting and filtering are numpy's. Left to others: whose answers
they are (lineage_pictures.images).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from engine import words
from studio import theme
from studio.lineage_pictures import ImageTable, Pictures, file_words
from studio.widgets import taking
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.generation_looks import Answer, GenerationLooks
from studio.widgets.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()
WRONG = ROLES.UserRole + 1  # whether the answer in a cell is wrong; None where there is no answer
PICTURE = ROLES.UserRole + 2  # place in the data set
FIRST = 2  # the column of the first generation: picture and label stand before it
THUMB = 40
MEAN = "mean of the seeds"


class ImageModel(QAbstractTableModel):
    """Columns: the picture's file or place in the test set, its label, one for each generation, disagreement."""

    def __init__(self) -> None:
        super().__init__()
        self._table: ImageTable | None = None
        self._classes: tuple[str, ...] = ()
        self._files: tuple[str, ...] = ()
        self._only_wrong = False
        self._order: NDArray[np.intp] = np.empty(0, np.intp)  # rows of the table, as shown
        self._sorted_by, self._ascending = -1, False

    def show_table(self, table: ImageTable | None, classes: Sequence[str]) -> None:
        self.beginResetModel()
        self._table, self._classes = table, tuple(classes)
        self._arrange()
        self.endResetModel()

    def show_files(self, files: Sequence[str]) -> None:
        """What the pictures of the data set are called, where they are a person's own files."""
        if tuple(files) != self._files:
            self.beginResetModel()
            self._files = tuple(files)
            self._arrange()
            self.endResetModel()

    def show_only_wrong(self, wanted: bool) -> None:
        self.beginResetModel()
        self._only_wrong = wanted
        self._arrange()
        self.endResetModel()

    @property
    def generations(self) -> tuple[int, ...]:
        return self._table.generations if self._table is not None else ()

    def place_of(self, test_row: int) -> int | None:
        """Where a picture of the test set stands in the table as shown."""
        if self._table is None:
            return None
        found = np.flatnonzero(self._table.row[self._order] == test_row)
        return int(found[0]) if len(found) else None

    def test_row(self, place: int) -> int:
        """The picture of the test set that stands at a place of the table as shown."""
        assert self._table is not None
        return int(self._table.row[self._order[place]])

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.beginResetModel()
        self._sorted_by, self._ascending = column, order == Qt.SortOrder.AscendingOrder
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        table = self._table
        if table is None:
            self._order = np.empty(0, np.intp)
            return
        rows = np.flatnonzero(table.wrong_somewhere) if self._only_wrong else np.arange(len(table))
        if 0 <= self._sorted_by < self.columnCount():
            keys = self._keys(table)[rows]
            rows = rows[np.argsort(keys if self._ascending else -keys, kind="stable")]
        self._order = rows

    def _keys(self, table: ImageTable) -> NDArray[Any]:
        if self._sorted_by == 0:
            return np.unique(self._names(table), return_inverse=True)[1] if self._files else table.row
        if self._sorted_by == 1:
            return table.label
        if self._sorted_by < FIRST + len(table.generations):
            return table.confidence[:, self._sorted_by - FIRST]
        return table.disagreement

    def _names(self, table: ImageTable) -> list[str]:
        return [file_words(self._files, place) for place in table.index.tolist()]

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() or self._table is None else FIRST + len(self._table.generations) + 1

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid() or self._table is None:
            return None
        row, column = int(self._order[index.row()]), index.column()
        answer = FIRST <= column < FIRST + len(self._table.generations)
        if role in (ROLES.DisplayRole, ROLES.AccessibleTextRole):
            return self._words(self._table, row, column)
        if role == WRONG and answer:
            return bool(self._table.predicted[row, column - FIRST] != self._table.label[row])
        if role == PICTURE:
            return int(self._table.index[row])
        if role == ROLES.ToolTipRole and column == 0 and self._files:
            return self._files[int(self._table.index[row])]
        if role == ROLES.ToolTipRole and answer:
            wrong = ", which is wrong" if index.data(WRONG) else ""
            return f"F{self._table.generations[column - FIRST]} says {self._words(self._table, row, column)}{wrong}"
        return None

    def _words(self, table: ImageTable, row: int, column: int) -> str:
        if column == 0:
            return file_words(self._files, int(table.index[row])) or f"test {int(table.row[row]):03d}"
        if column == 1:
            return self._name(int(table.label[row]))
        place = column - FIRST
        if place < len(table.generations):
            return f"{self._name(int(table.predicted[row, place]))}  {table.confidence[row, place]:.2f}"
        return f"{table.disagreement[row]:.2f}"

    def _name(self, number: int) -> str:
        return self._classes[number] if number < len(self._classes) else str(number)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLES.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < self.columnCount():
            return None
        names = ["Picture", "Label", *(f"F{g}" for g in self.generations), "Disagreement"]
        if role == ROLES.DisplayRole:
            return names[section]
        if role == ROLES.DecorationRole and FIRST <= section < FIRST + len(self.generations):
            return _square(self.generations[section - FIRST])
        if role == ROLES.ToolTipRole:
            return _header_hint(section, len(self.generations), self._table)
        return None


def _header_hint(section: int, generations: int, table: ImageTable | None) -> str:
    whose = MEAN if table is None or table.seed is None else f"seed {table.seed}"
    if section < FIRST:
        return "A click sorts by it"
    if section < FIRST + generations:
        return f"The class with the highest probability, and that probability: {whose}. A click sorts by it"
    return "The probability on which two generations differ, mean over all pairs: 0 the same, 1 nothing in common"


def _square(generation: int) -> QPixmap:
    made = QPixmap(theme.px(10), theme.px(10))
    made.fill(theme.color(theme.generation_color(generation)))
    return made


class ImageDelegate(QStyledItemDelegate):
    """The thumbnail with its place; answers in bad with a cross where they are wrong."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.thumbnails = Thumbnails()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        text = QFontMetrics(theme.font("body")).horizontalAdvance(str(index.data()))
        return QSize(text + theme.px(THUMB + 28 if index.column() == 0 else 34), theme.px(THUMB + 8))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, theme.color("sel"))
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        inside = option.rect.adjusted(theme.px(8), 0, -theme.px(8), 0)
        if index.column() == 0:
            inside = self._paint_picture(painter, inside, index)
        self._paint_words(painter, inside, index)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRect(option.rect.adjusted(1, 1, -1, -2))
        painter.restore()

    def _paint_picture(self, painter: QPainter, place: QRect, index: Index) -> QRect:
        side = min(theme.px(THUMB), place.height() - theme.px(6))
        thumb = QRectF(place.left(), place.center().y() - side / 2 + 0.5, side, side)
        self.thumbnails.paint(painter, thumb, int(index.data(PICTURE)))
        return place.adjusted(side + theme.px(10), 0, 0, 0)

    def _paint_words(self, painter: QPainter, place: QRect, index: Index) -> None:
        wrong = index.data(WRONG)
        said, _, sure = str(index.data()).partition("  ")
        painter.setFont(theme.font("body"))
        metrics, mark = QFontMetrics(theme.font("body")), theme.px(16)
        left = place.left()
        if wrong is not None:
            if wrong:
                spot = QRectF(left, place.center().y() - theme.px(5), theme.px(11), theme.px(11))
                theme.paint_icon(painter, spot, "close", "bad")
            left += mark
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        room = place.right() - left - (metrics.horizontalAdvance(sure) + theme.px(8) if sure else 0)
        cut = Qt.TextElideMode.ElideMiddle if index.column() == 0 else Qt.TextElideMode.ElideRight
        shown = metrics.elidedText(said, cut, room)
        painter.setPen(theme.color("bad" if wrong else "muted" if index.column() == 0 else "text"))
        painter.drawText(QRect(left, place.top(), place.right() - left, place.height()), flags, shown)
        if sure:
            left += metrics.horizontalAdvance(shown) + theme.px(8)
            painter.setPen(theme.color("muted"))
            painter.drawText(QRect(left, place.top(), max(0, place.right() - left), place.height()), flags, sure)


class ImageRows(Card):
    """The table with its choices, and below it the picture of the chosen row as each generation has it.

    `seed_chosen` brings a seed, or None for the mean of all; `picture_shown` says that the strip shows another picture.
    """

    seed_chosen = Signal(object)
    picture_shown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Images", "the most disputed first", parent, ruled=True)
        self.model = ImageModel()
        self._delegate = ImageDelegate(self)
        self.table = theme.calm_table(QTableView())
        self.table.setModel(self.model)
        self.table.setItemDelegate(self._delegate)
        self.table.setAccessibleName("Images and what each generation says of them")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.horizontalHeader().setSectionsClickable(True)
        self.table.horizontalHeader().sectionClicked.connect(self._sort)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setMinimumSectionSize(theme.px(84))
        self.seeds = theme.quiet_field(theme.dress(QComboBox(), small=True))
        self.wrong = theme.dress(QCheckBox("Wrong at some generation"), small=True)
        self._note = theme.dress(ElidedLabel(), small=True, state="warn")
        self._sorted: tuple[int, bool] = (-1, False)
        self.strip, self.place, self._chosen = GenerationLooks(), -1, -1  # in the data set, and in the test set
        taking.let_take(self.table, rows=lambda: taking.rows_of(self.model)).listen_to(self.table.viewport())
        self._lay_out()
        self.show_pictures(Pictures())
        self._redress()
        theme.signals.changed.connect(self._redress)

    def _lay_out(self) -> None:
        whose = theme.dress(QLabel("Answers of"), small=True, prose=True)
        whose.setBuddy(self.seeds)
        self.seeds.setAccessibleName("Answers of which seed")
        for widget in (self.wrong, whose, self.seeds):
            self.head.addWidget(widget)
        self.body.setContentsMargins(4, 0, 4, 4)
        self._note.setContentsMargins(10, 4, 0, 0)
        self.body.addWidget(self._note)
        self.body.addWidget(self.table, 3)
        self.body.addWidget(self.strip, 4)
        self.table.selectionModel().currentRowChanged.connect(self._show_row)
        self.model.modelReset.connect(self._choose_again)
        self.wrong.toggled.connect(self._filter)
        self.seeds.activated.connect(lambda: self.seed_chosen.emit(self.seeds.currentData()))

    def show_seeds(self, seeds: Sequence[int]) -> None:
        """The choices; the one in force stays while it is among them."""
        wanted = [None, *seeds]
        if [self.seeds.itemData(place) for place in range(self.seeds.count())] == wanted:
            return
        before = self.seeds.currentData()
        self.seeds.clear()
        for seed in wanted:
            self.seeds.addItem(MEAN if seed is None else f"seed {seed}", seed)
        self.seeds.setCurrentIndex(wanted.index(before) if before in wanted else 0)

    def show_table(self, table: ImageTable | None, classes: Sequence[str]) -> None:
        self.model.show_table(table, classes)
        self._tell()

    def show_pictures(self, pictures: Pictures) -> None:
        self._delegate.thumbnails = Thumbnails(pictures)
        self.model.show_files(pictures.files)
        self._note.setText(f"No thumbnails: {pictures.problem}" if pictures.problem else "")
        self._note.setVisible(bool(pictures.problem))
        self.table.viewport().update()
        self._show_row(self.table.currentIndex())

    @property
    def picture(self) -> NDArray[np.uint8] | None:
        """That of the chosen row, [C, H, W]."""
        array = self._delegate.thumbnails.pictures.array
        return array[self.place] if array is not None and 0 <= self.place < len(array) else None

    def _choose_again(self) -> None:
        """After another order the same picture, or the first where it is not among them."""
        place = self.model.place_of(self._chosen)
        self.strip.setVisible(self.model.rowCount() > 0)
        if self.model.rowCount():
            self.table.selectRow(place or 0)

    def _show_row(self, current: Index) -> None:
        """The chosen picture in the strip."""
        if not current.isValid():
            return
        cells = [self.model.index(current.row(), FIRST + place) for place in range(len(self.model.generations))]
        self.place, self._chosen = int(current.data(PICTURE)), self.model.test_row(current.row())
        answers = [
            Answer(generation, str(cell.data()).replace("  ", " "), bool(cell.data(WRONG)))
            for generation, cell in zip(self.model.generations, cells)
        ]
        name = f"{self.model.index(current.row(), 0).data()}, label {self.model.index(current.row(), 1).data()}"
        self.strip.show_answers(name, self.picture, answers)
        self.picture_shown.emit()

    def reveal(self, test_row: int) -> None:
        """Select a picture of the test set and bring it in sight."""
        place = self.model.place_of(test_row)
        if place is None:
            self.wrong.setChecked(False)
            place = self.model.place_of(test_row)
        if place is not None:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0), QAbstractItemView.ScrollHint.PositionAtCenter)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _filter(self, wanted: bool) -> None:
        self.model.show_only_wrong(wanted)
        self._tell()

    def _sort(self, column: int) -> None:
        """A second click turns the order round. Places and labels begin with the least, all else with the most."""
        ascending = not self._sorted[1] if self._sorted[0] == column else column < FIRST
        self._sorted = (column, ascending)
        self.model.sort(column, Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder)
        self.table.horizontalHeader().setSortIndicator(
            column, Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder
        )
        self.table.horizontalHeader().setSortIndicatorShown(True)
        self._tell()

    def _tell(self) -> None:
        column, ascending = self._sorted
        by = "the most disputed first"
        if column >= 0:
            name = str(self.model.headerData(column, Qt.Orientation.Horizontal) or "")
            by = f"by {name.lower() if not name.startswith('F') else name}, {'rising' if ascending else 'falling'}"
        self.show_title("Images", f"{words.plural(self.model.rowCount(), 'picture')}, {by}")

    def _redress(self) -> None:
        self.table.verticalHeader().setDefaultSectionSize(theme.px(THUMB + 8))
        self.table.horizontalHeader().setMinimumSectionSize(theme.px(84))
