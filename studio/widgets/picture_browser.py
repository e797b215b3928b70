"""As many pictures as there are, in a grid that knows only those in sight: a table whose cells are pictures.

Its rows are all equally high, so that Qt finds a row without measuring those before it, and keys and screen readers walk the
cells as those of any table. `chosen` brings a place in the list when a person comes to a picture, by pointer or key. Left to
others: which pictures there are, what is said below them. Thumbnails come from another thread, see thumbnail_shelf.py.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from studio import theme
from studio.lineage_pictures import Pictures
from studio.widgets import taking
from studio.widgets.thumbnail_shelf import ThumbnailShelf
from studio.widgets.thumbnails import paint_missing, paint_rounded

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()
Say = Callable[[int], tuple[str, str, str]]  # of a place in the list: two lines, and the colour of the second
GAP = 4  # around a picture, within which its frame is drawn
WISH = 78  # width of a cell, pixels at scale 1


class BrowserModel(QAbstractTableModel):
    """The list wrapped into rows of so many columns."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Sequence[int] = ()
        self.say: Say = lambda at: ("", "", "muted")
        self.columns = 1

    def show_list(self, places: Sequence[int], say: Say) -> None:
        self.beginResetModel()
        self.places, self.say = places, say
        self.endResetModel()

    def show_columns(self, columns: int) -> None:
        self.beginResetModel()
        self.columns = columns
        self.endResetModel()

    def at(self, index: Index) -> int:
        """The place in the list, -1 where there is none."""
        at = index.row() * self.columns + index.column() if index.isValid() else -1
        return at if at < len(self.places) else -1

    def index_of(self, at: int) -> QModelIndex:
        return self.index(at // self.columns, at % self.columns)

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else -(-len(self.places) // self.columns)

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self.columns

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.at(index) < 0:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        at = self.at(index)
        if at < 0:
            return None
        first, second, _ = self.say(at)
        if role in (ROLES.DisplayRole, ROLES.ToolTipRole):
            return f"{first}, {second}" if second else first
        if role == ROLES.AccessibleTextRole:
            return f"{first}, {second}, picture {at + 1} of {len(self.places)}"
        return None


class _Cell(QStyledItemDelegate):
    """The picture as large as its cell is wide, two lines below it."""

    def __init__(self, browser: "PictureBrowser") -> None:
        super().__init__(browser)
        self._browser = browser

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = self._browser.list
        at = model.at(index)
        if at < 0:
            return
        gap, cell = theme.px(GAP), option.rect
        side = cell.width() - 2 * gap
        thumb = QRectF(cell.left() + gap, cell.top() + gap, side, side)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._browser.paint_picture(painter, thumb, int(model.places[at]))
        self._paint_words(painter, QRect(cell.left() + gap, int(thumb.bottom()) + 2, side, cell.height()), model.say(at))
        current = index == self._browser.currentIndex()
        if current:
            focused = self._browser.hasFocus() or option.state & QStyle.StateFlag.State_HasFocus
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus" if focused else "accenttext"), theme.px(2)))
            painter.drawRoundedRect(thumb.adjusted(-2, -2, 2, 2), theme.px(5), theme.px(5))
        painter.restore()

    def _paint_words(self, painter: QPainter, place: QRect, said: tuple[str, str, str]) -> None:
        painter.setFont(theme.font("small"))
        metrics = QFontMetrics(painter.font())
        for line, (text, ink) in enumerate(((said[0], "text"), (said[1], said[2]))):
            painter.setPen(theme.color(ink))
            box = QRect(place.left(), place.top() + line * metrics.height(), place.width(), metrics.height())
            painter.drawText(
                box, int(Qt.AlignmentFlag.AlignLeft), metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
            )


class PictureBrowser(QTableView):
    """`chosen` brings a place in the list."""

    chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list, self.shelf = BrowserModel(), ThumbnailShelf(self)
        self.setModel(self.list)
        self.setItemDelegate(_Cell(self))
        self.setAccessibleName(name)
        self._be_calm()
        self._quiet = False
        self.shelf.made.connect(self.viewport().update)
        self.selectionModel().currentChanged.connect(self._come_to)
        taking.let_take(self, rows=self._rows)
        theme.signals.changed.connect(self.fit)

    def _be_calm(self) -> None:
        self.setShowGrid(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)  # the current cell is it
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.hide()
            header.setMinimumSectionSize(1)
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def show_pictures(self, pictures: Pictures) -> None:
        self.shelf.show_pictures(pictures)
        self.viewport().update()

    def show_list(self, places: Sequence[int], say: Say, current: int = -1) -> None:
        """Another list; `current` is the place in it that is looked at, -1 for none. Nothing is told."""
        self._quiet = True
        self.list.show_list(places, say)
        if 0 <= current < len(places):
            self.setCurrentIndex(self.list.index_of(current))
            self.scrollTo(self.currentIndex())
        else:
            self.scrollToTop()
        self._quiet = False
        self.setAccessibleDescription(f"{len(places):,} pictures")

    @property
    def current(self) -> int:
        """The place in the list of the picture that is looked at, -1 for none."""
        return self.list.at(self.currentIndex())

    def paint_picture(self, painter: QPainter, place: QRectF, picture: int) -> None:
        if not self.shelf.has(picture):
            paint_missing(painter, place)
            return
        pixmap = self.shelf.get(picture, self._side())
        if pixmap is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(place, theme.px(4), theme.px(4))
        else:
            paint_rounded(painter, place, pixmap, self.devicePixelRatioF())

    def paintEvent(self, event: QPaintEvent) -> None:
        """What is in sight is wanted, with a row more on either side."""
        self.shelf.want([int(self.list.places[at]) for at in self.in_sight()], self._side())
        super().paintEvent(event)

    def in_sight(self) -> range:
        """Places in the list."""
        high = max(1, self.verticalHeader().defaultSectionSize())
        first = self.verticalScrollBar().value() // high
        last = (self.verticalScrollBar().value() + self.viewport().height()) // high + 1
        return range(max(0, first * self.list.columns), min((last + 1) * self.list.columns, len(self.list.places)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(3 * WISH + 12), theme.px(320))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(2 * WISH), theme.px(130))

    def fit(self) -> None:
        """Cells as wide as a whole number of columns makes them. The picture that was looked at stays in sight."""
        room = self.width() - 2 * self.frameWidth() - self.verticalScrollBar().sizeHint().width() - theme.px(4)
        columns = max(1, room // theme.px(WISH))
        wide = max(theme.px(24), room // columns)
        high = wide + 2 * QFontMetrics(theme.font("small")).height() + theme.px(4)
        if columns != self.list.columns:
            at, self._quiet = self.current, True
            self.list.show_columns(columns)
            if at >= 0:
                self.setCurrentIndex(self.list.index_of(at))
            self._quiet = False
        self.horizontalHeader().setDefaultSectionSize(wide)
        self.verticalHeader().setDefaultSectionSize(high)
        if self.current >= 0:
            self.scrollTo(self.currentIndex())

    def _side(self) -> int:
        """Of a picture, in device pixels."""
        return round((self.horizontalHeader().defaultSectionSize() - 2 * theme.px(GAP)) * self.devicePixelRatioF())

    def _come_to(self, index: QModelIndex) -> None:
        at = self.list.at(index)
        if at >= 0 and not self._quiet:
            self.chosen.emit(at)

    def _rows(self) -> taking.Rows:
        """All of the list, as numbers to take away."""
        said = (self.list.say(at) for at in range(len(self.list.places)))
        return [["picture", "label", "said"], *([str(n), *two[:2]] for n, two in zip(self.list.places, said))]
