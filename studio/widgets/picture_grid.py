"""Thumbnails of test pictures side by side. A press tells which; those that are chosen carry a frame and a pin.

Left to others: which pictures there are, what they are called, what being chosen means.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from studio import theme
from studio.lineage_pictures import Pictures
from studio.widgets import taking
from studio.widgets.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROOT = QModelIndex()
PLACE = ROLES.UserRole + 1
CHOSEN = ROLES.UserRole + 2
PRESSED = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
GAP = 4  # around a picture, within which its frame is drawn
EDGE = 2  # of the view's own border


@dataclass(frozen=True)
class PictureWords:
    """What a picture is called below it, and in its tool tip."""

    caption: str
    tip: str = ""


class PictureModel(QAbstractListModel):
    """Places in the test set, each with its words."""

    def __init__(self) -> None:
        super().__init__()
        self.places: tuple[int, ...] = ()
        self._words: Mapping[int, PictureWords] = {}
        self._chosen: frozenset[int] = frozenset()

    def show_places(self, places: Sequence[int], words: Mapping[int, PictureWords]) -> None:
        self.beginResetModel()
        self.places, self._words = tuple(places), words
        self.endResetModel()

    def show_chosen(self, chosen: Collection[int]) -> None:
        self._chosen = frozenset(chosen)
        if self.places:
            self.dataChanged.emit(self.index(0), self.index(len(self.places) - 1))

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.places)

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        place = self.places[index.row()]
        said = self._words.get(place, PictureWords(f"test {place:03d}"))
        chosen = place in self._chosen
        match role:
            case ROLES.DisplayRole:
                return said.caption
            case ROLES.ToolTipRole:
                return said.tip
            case ROLES.AccessibleTextRole:
                return f"{said.caption}, test {place:03d}{', probe picture' if chosen else ''}"
        return {PLACE: place, CHOSEN: chosen}.get(role)


class PictureDelegate(QStyledItemDelegate):
    """The picture as large as its cell is wide, the caption below it."""

    def __init__(self, parent: "PictureGrid") -> None:
        super().__init__(parent)
        self._grid = parent
        self.thumbnails = Thumbnails()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self._grid.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        gap, cell = theme.px(GAP), option.rect
        side = cell.width() - 2 * gap
        thumb = QRectF(cell.left() + gap, cell.top() + gap, side, side)
        self.thumbnails.paint(painter, thumb, int(index.data(PLACE)))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._grid.captioned:
            self._paint_caption(
                painter, QRect(cell.left() + gap, int(thumb.bottom()) + 1, side, cell.bottom() - int(thumb.bottom())), index
            )
        if index.data(CHOSEN) and self._grid.captioned:
            _paint_pin(painter, thumb)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if index.data(CHOSEN) and self._grid.captioned:
            painter.setPen(QPen(theme.color("accenttext"), 2))
            painter.drawRoundedRect(thumb.adjusted(-1, -1, 1, 1), theme.px(5), theme.px(5))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRoundedRect(QRectF(cell).adjusted(1, 1, -1, -1), theme.px(5), theme.px(5))
        painter.restore()

    def _paint_caption(self, painter: QPainter, place: QRect, index: Index) -> None:
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color("text" if index.data(CHOSEN) else "muted"))
        shown = QFontMetrics(painter.font()).elidedText(str(index.data()), Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), shown)


def _paint_pin(painter: QPainter, thumb: QRectF) -> None:
    side = theme.px(18)
    spot = QRectF(thumb.right() - side - theme.px(3), thumb.top() + theme.px(3), side, side)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("accent"))
    painter.drawEllipse(spot)
    inset = theme.px(3)
    theme.paint_icon(painter, spot.adjusted(inset, inset, -inset, -inset), "pin", "onaccent")


class PictureGrid(QListView):
    """`pressed_at` brings a picture's place in the test set. With `columns` it is as high as its pictures and never scrolls."""

    pressed_at = Signal(int)

    def __init__(
        self, name: str, wish: int = 104, columns: int = 0, captioned: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._wish, self._columns, self.captioned = wish, columns, captioned
        self.pictures = PictureModel()
        self._delegate = PictureDelegate(self)
        self.setModel(self.pictures)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if columns:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._press)
        taking.let_take(self).listen_to(self.viewport())
        theme.signals.changed.connect(self._fit)

    def show_pictures(self, pictures: Pictures) -> None:
        self._delegate.thumbnails = Thumbnails(pictures)
        self.viewport().update()

    def show_places(self, places: Sequence[int], words: Mapping[int, PictureWords]) -> None:
        """The same places stay where they are, with the focus."""
        if tuple(places) != self.pictures.places or not places:
            current = self.currentIndex().row()
            self.pictures.show_places(places, words)
            if current >= 0 and places:
                self.setCurrentIndex(self.pictures.index(min(current, len(places) - 1)))
        else:
            self.pictures.show_places(places, words)
        self._fit()

    def show_columns(self, columns: int) -> None:
        if columns != self._columns:
            self._columns = columns
            self._fit()

    def reveal(self, place: int) -> None:
        """Bring a picture in sight, if it is shown."""
        if place in self.pictures.places:
            self.scrollTo(self.pictures.index(self.pictures.places.index(place)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in PRESSED and self.currentIndex().isValid():
            self._press(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def _press(self, index: QModelIndex) -> None:
        self.setCurrentIndex(index)
        self.pressed_at.emit(int(index.data(PLACE)))

    def _fit(self) -> None:
        """Cells as wide as a whole number of columns makes them."""
        bar = 0 if self._columns else self.verticalScrollBar().sizeHint().width()
        room = self.maximumViewportSize().width() - bar - 1
        columns = self._columns or max(1, room // theme.px(self._wish))
        side = max(theme.px(24), room // columns)
        caption = QFontMetrics(theme.font("small")).height() + theme.px(3) if self.captioned else 0
        size = QSize(side, side + caption)
        if size != self.gridSize():
            self.setGridSize(size)
        if self._columns:
            rows = -(-max(1, len(self.pictures.places)) // columns)
            self.setFixedHeight(rows * size.height() + 2 * EDGE)
