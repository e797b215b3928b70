"""A bar a class: how many pictures it has. A press on a class asks for its pictures; a second press for all again."""

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from engine import words
from studio import data_model, theme
from studio.data_model import ClassCount
from studio.widgets.card import Card
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Twin

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()
COUNT = ROLES.UserRole + 1
FEWEST_ROWS, MOST_ROWS = 4, 12  # in sight; more scroll
ORDERS = ("Name", "Count")
FLAGS = Qt.AlignmentFlag


class ClassModel(QAbstractListModel):
    """Classes in an order."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[ClassCount] = []
        self.largest = 1

    def show_classes(self, classes: Sequence[ClassCount]) -> None:
        self.beginResetModel()
        self.classes = list(classes)
        self.largest = max((one.total for one in classes), default=0) or 1
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.classes)

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        one = self.classes[index.row()]
        if role == ROLES.DisplayRole:
            return one.name
        if role in (ROLES.ToolTipRole, ROLES.AccessibleTextRole):
            return f"{one.name}: {_parts(one)}"
        return one.total if role == COUNT else None


def _parts(one: ClassCount) -> str:
    parts = ", ".join(f"{words.count(getattr(one, part))} {part}" for part in ("train", "val", "test"))
    return f"{words.plural(one.total, 'picture')} ({parts})"


class ClassDelegate(QStyledItemDelegate):
    """Name, bar, count."""

    def __init__(self, parent: "ClassList") -> None:
        super().__init__(parent)
        self._list = parent

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, row_height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row: QRect = option.rect
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(theme.color("sel"))
            painter.drawRoundedRect(row, theme.px(4), theme.px(4))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(row, theme.px(4), theme.px(4))
        self._paint_row(painter, row.adjusted(theme.px(8), 0, -theme.px(8), 0), index)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(row).adjusted(1, 1, -1, -1), theme.px(4), theme.px(4))
        painter.restore()

    def _paint_row(self, painter: QPainter, row: QRect, index: Index) -> None:
        painter.setFont(theme.font("body"))
        metrics, gap = QFontMetrics(painter.font()), theme.px(12)
        names, counts = self._list.columns
        name = QRect(row.left(), row.top(), names, row.height())
        painter.setPen(theme.color("text"))
        shown = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, names)
        painter.drawText(name, int(FLAGS.AlignLeft | FLAGS.AlignVCenter), shown)
        painter.drawText(row, int(FLAGS.AlignRight | FLAGS.AlignVCenter), words.count(int(index.data(COUNT))))
        room, thick = row.width() - names - counts - 2 * gap, theme.px(6)
        wide = max(1.0, room * int(index.data(COUNT)) / self._list.classes.largest)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("edge"))
        bar = QRectF(name.right() + gap, row.center().y() - thick / 2 + 0.5, wide, thick)
        painter.drawRoundedRect(bar, theme.px(1), theme.px(1))


def row_height() -> int:
    return QFontMetrics(theme.font("body")).height() + theme.px(6)


class ClassList(QListView):
    """`chosen` brings the class that is asked for, or nothing for all."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes = ClassModel()
        self.columns = (0, 0)  # widths of names and counts
        self.setModel(self.classes)
        self.setItemDelegate(ClassDelegate(self))
        self.setAccessibleName("Classes and how many pictures they have")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit(self.current()))
        theme.signals.changed.connect(self._fit)

    def current(self) -> str:
        chosen = self.selectionModel().selectedIndexes()
        return str(chosen[0].data()) if chosen else ""

    def show_classes(self, classes: Sequence[ClassCount], chosen: str) -> None:
        """Tells nobody."""
        self.selectionModel().blockSignals(True)
        self.classes.show_classes(classes)
        self.choose(chosen)
        self.selectionModel().blockSignals(False)
        self._fit()

    def choose(self, name: str) -> None:
        place = next((place for place, one in enumerate(self.classes.classes) if one.name == name), None)
        if place is None:
            self.clearSelection()
        else:
            self.selectionModel().setCurrentIndex(self.classes.index(place), QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self.selectionModel().isSelected(index):
            self.clearSelection()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not event.buttons():  # a drag over the bars would choose class after class
            super().mouseMoveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.current():
            self.clearSelection()
        else:
            super().keyPressEvent(event)

    def _fit(self) -> None:
        metrics = QFontMetrics(theme.font("body"))
        names = max((metrics.horizontalAdvance(one.name) for one in self.classes.classes), default=0) + 1
        counts = max((metrics.horizontalAdvance(words.count(one.total)) for one in self.classes.classes), default=0)
        self.columns = (min(names, theme.px(132)), counts)
        rows = max(1, len(self.classes.classes))
        border = theme.px(4)
        self.setMinimumHeight(min(rows, FEWEST_ROWS) * row_height() + border)
        self.setMaximumHeight(min(rows, MOST_ROWS) * row_height() + border)
        self.scheduleDelayedItemsLayout()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(200), self.maximumHeight())


class ClassBalance(Card):
    """The list of classes with its order and its table. `chosen` brings a class, or nothing for all."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Class balance", parent=parent)
        self._classes: tuple[ClassCount, ...] = ()
        self._chosen = ""
        self.list = ClassList()
        self.order = Segment(ORDERS, "Order of the classes")
        self.twin = Twin(self.list, lambda: data_model.class_rows(self._ordered()), "Class balance")
        self.head.addWidget(self.order)
        self.head.addWidget(self.twin.button)
        self.body.setContentsMargins(2, 2, 2, 8)
        self.body.addWidget(self.twin)
        self.list.chosen.connect(self._choose)
        self.order.chosen.connect(lambda _: self._show())
        theme.signals.changed.connect(self._fit)

    def show_classes(self, classes: Sequence[ClassCount], chosen: str) -> None:
        if (tuple(classes), chosen) == (self._classes, self._chosen):
            return
        if tuple(classes) == self._classes:
            self._chosen = chosen
            if self.list.current() != chosen:
                self.list.choose(chosen)
            return
        self._classes, self._chosen = tuple(classes), chosen
        self._show()

    def _choose(self, name: str) -> None:
        self._chosen = name
        self.chosen.emit(name)

    def _ordered(self) -> list[ClassCount]:
        return data_model.ordered(self._classes, self.order.current() == "Count")

    def _show(self) -> None:
        self.list.show_classes(self._ordered(), self._chosen)
        self.twin.refresh()
        self._fit()

    def _fit(self) -> None:
        self.twin.setMinimumHeight(self.list.minimumHeight())
        self.twin.setMaximumHeight(self.list.maximumHeight())
