"""Which pictures: the lists there are, each with its number at the right. One is chosen; arrows move."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QFrame, QListView, QSizePolicy, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from engine import words
from studio import theme

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()


@dataclass(frozen=True)
class Entry:
    """`count` None: the list has no meaning here, and `why` says so."""

    name: str
    text: str
    count: int | None
    why: str = ""


class _Model(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[Entry, ...] = ()

    def show_entries(self, entries: Sequence[Entry]) -> None:
        self.beginResetModel()
        self.entries = tuple(entries)
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def flags(self, index: Index) -> Qt.ItemFlag:
        there = index.isValid() and self.entries[index.row()].count is not None
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable if there else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == ROLES.DisplayRole:
            return entry.text
        if role == ROLES.ToolTipRole:
            return entry.why
        if role == ROLES.AccessibleTextRole:
            return f"{entry.text}, {words.plural(entry.count, 'picture') if entry.count is not None else entry.why}"
        return None


class _Row(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(theme.px(160), QFontMetrics(theme.font("body")).height() + theme.px(9))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        assert isinstance(model, _Model)
        entry = model.entries[index.row()]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or (option.state & QStyle.StateFlag.State_MouseOver and entry.count is not None):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("sel" if chosen else "hover"))
            painter.drawRoundedRect(option.rect.adjusted(0, 1, 0, -1), theme.px(6), theme.px(6))
        inside = option.rect.adjusted(theme.px(8), 0, -theme.px(8), 0)
        painter.setFont(theme.font("body"))
        count = words.count(entry.count) if entry.count is not None else "–"
        wide = QFontMetrics(painter.font()).horizontalAdvance(count) + theme.px(8)
        self._write(painter, inside, count, "disabled" if entry.count is None else "muted", Qt.AlignmentFlag.AlignRight)
        ink = "disabled" if entry.count is None else "text" if chosen else "text2"
        self._write(painter, inside.adjusted(0, 0, -wide, 0), entry.text, ink, Qt.AlignmentFlag.AlignLeft)
        painter.restore()

    def _write(self, painter: QPainter, box: QRect, text: str, ink: str, align: Qt.AlignmentFlag) -> None:
        painter.setPen(theme.color(ink))
        shown = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(align | Qt.AlignmentFlag.AlignVCenter), shown)


class KindList(QListView):
    """As high as its entries. `chosen` brings a name when a person comes to it."""

    chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._list = _Model()
        self._quiet = False
        self.setModel(self._list)
        self.setItemDelegate(_Row(self))
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.selectionModel().currentChanged.connect(self._come_to)
        theme.signals.changed.connect(self.updateGeometry)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self._list.entries

    def show_entries(self, entries: Sequence[Entry], chosen: str) -> None:
        self._quiet = True
        if tuple(entries) != self.entries:
            self._list.show_entries(entries)
        place = next((place for place, entry in enumerate(entries) if entry.name == chosen), 0)
        self.setCurrentIndex(self._list.index(place))
        self._quiet = False
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        rows = len(self._list.entries)
        return QSize(theme.px(200), rows * (QFontMetrics(theme.font("body")).height() + theme.px(9)) + theme.px(6))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(120), self.sizeHint().height())

    def _come_to(self, index: QModelIndex) -> None:
        if index.isValid() and not self._quiet:
            self.chosen.emit(self._list.entries[index.row()].name)
