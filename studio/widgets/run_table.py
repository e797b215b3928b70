"""The table of the queue: group rows, generations and runs, drawn a row at a time, ordered by hand or by keys.

A table and not a tree, which asks a model for every one of its rows whenever some come or go: 15 us each, of ten thousand.
Given rows (queue_model.py), it gives wishes: what to open, fold, move, take out. It changes nothing itself, neither the order
nor what is folded: both come back as other rows.
"""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from engine import words
from studio import theme
from studio.queue_columns import Column
from studio.queue_model import Row
from studio.widgets.run_rows import (
    BEST,
    ENDS,
    HANDLE,
    METHOD,
    PROGRESS,
    ROOT,
    RUN,
    SEED,
    STATE,
    Index,
    RunsModel,
    cells,
    movable,
)
from studio.widgets.state_mark import mark_of

KEYS, SIDES = Qt.Key, Qt.AlignmentFlag
WIDTHS = {HANDLE: 28, RUN: 92, METHOD: 94, SEED: 58, STATE: 197, PROGRESS: 84, BEST: 98, ENDS: 136}  # the least
ADDED = 112  # of a column that a person has added
SHARES = {RUN: 3, METHOD: 3, STATE: 7, ENDS: 1}  # of what room there is besides
GIVE_WAY = (METHOD, PROGRESS, BEST, SEED)  # in this order, where there is no room for all
ONE_LINE = SIDES.AlignVCenter | Qt.TextFlag.TextSingleLine
LEFTWARD, RIGHTWARD = int(SIDES.AlignLeft | ONE_LINE), int(SIDES.AlignRight | ONE_LINE)
INDENTS = (0, 20, 38)  # of a title, by depth


class RunTable(QTableView):
    """Signals tell runs by name and rows by place; `nudged` is -1 for up, 1 for down."""

    opened = Signal(int)
    turned = Signal(int)
    nudged = Signal(int)
    taken_out = Signal()
    selection_moved = Signal()
    menu_asked = Signal(QPoint)
    order_asked = Signal(str)  # the head of the column that was pressed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs = RunsModel(self)
        self._pointed = self._gap = -1  # rows: under the pointer, and above which something is being dragged
        self._unwanted: set[int] = set()  # columns that a person has hidden
        self._icons: dict[tuple[str, str, int, float], QPixmap] = {}
        self.setModel(self.runs)
        self.setAccessibleName("Runs in the order of their turn")
        self._calm()
        self._take_drops()
        self.selectionModel().selectionChanged.connect(lambda *_: self.selection_moved.emit())
        theme.signals.changed.connect(self._redress)

    def header(self) -> QHeaderView:
        return self.horizontalHeader()

    # ---- rows ---------------------------------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Other rows; what was selected stays selected as far as it is there, and so does the row of the keyboard."""
        if list(rows) == self.runs.rows:
            return
        chosen, current = self.chosen(), self._current_row()
        model = self.selectionModel()
        model.blockSignals(True)
        self.runs.show_rows(rows)
        self._select(chosen, current)
        model.blockSignals(False)
        self.viewport().update()
        if [row.key for row in self.chosen()] != [row.key for row in chosen]:
            self.selection_moved.emit()

    def seen(self) -> list[Row]:
        """The rows in sight."""
        return [self.runs.rows[place] for place in self._in_sight(self.viewport().rect())]

    def chosen(self) -> list[Row]:
        """The selected rows, from above."""
        places = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.runs.rows[place] for place in places if place < len(self.runs.rows)]

    def choose(self, keys: Iterable[str]) -> None:
        """Select rows by their keys; the first is in sight and has the keyboard."""
        wanted = set(keys)
        rows = [row for row in self.runs.rows if row.key in wanted]
        self._select(rows, rows[0] if rows else None)
        if rows:
            self.scrollTo(self.currentIndex())

    def _current_row(self) -> Row | None:
        index = self.currentIndex()
        return self.runs.rows[index.row()] if index.isValid() and index.row() < len(self.runs.rows) else None

    def _select(self, chosen: Sequence[Row], current: Row | None) -> None:
        """Rows with the same keys; where a row is gone, the first that shows one of its runs."""
        selection = QItemSelection()
        for place in sorted({place for row in chosen if (place := self._place_of(row)) is not None}):
            selection.select(self.runs.index(place, 0), self.runs.index(place, self.runs.columnCount() - 1))
        flags = QItemSelectionModel.SelectionFlag
        place = self._place_of(current) if current is not None else None
        if place is not None:
            self.selectionModel().setCurrentIndex(self.runs.index(place, RUN), flags.NoUpdate)
        self.selectionModel().select(selection, flags.ClearAndSelect)

    def _place_of(self, row: Row) -> int | None:
        places = [place] if (place := self.runs.place(row.key)) is not None else []
        sharing = (
            place for place, there in enumerate(self.runs.rows) if there.kind != "group" and set(there.names) & set(row.names)
        )
        return places[0] if places else next(sharing, None)

    # ---- columns ------------------------------------------------------------------------------------------------------

    def show_column(self, column: int, shown: bool) -> None:
        (self._unwanted.discard if shown else self._unwanted.add)(column)
        self._fit()

    def shows_column(self, column: int) -> bool:
        """Whether it is wanted; it may still have given way to others."""
        return column not in self._unwanted

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Every column its least, and the room there is besides to those with words in them."""
        shown = self._that_fit()
        for column in range(self.runs.columnCount()):
            self.setColumnHidden(column, column not in shown)
        spare = max(0, self.viewport().width() - self._least(shown))
        shares = sum(SHARES.get(column, 0) for column in shown)
        for column in shown:
            extra = spare * SHARES.get(column, 0) // max(1, shares)  # none is left for the columns that were added
            spare, shares = spare - extra, shares - SHARES.get(column, 0)  # to the last pixel: a row is drawn to the edge
            self.setColumnWidth(column, self._width(column) + extra)

    def _that_fit(self) -> list[int]:
        """What a person has added stays; where even that is too wide, the table is moved sideways."""
        shown = [column for column in range(self.runs.columnCount()) if column not in self._unwanted]
        for column in GIVE_WAY:
            counted = shown if column != SEED else [one for one in shown if one <= ENDS]  # without it rows look alike
            if column in shown and self._least(counted) > self.viewport().width():
                shown.remove(column)
        return shown

    def _least(self, columns: Iterable[int]) -> int:
        return sum(self._width(column) for column in columns)

    def _width(self, column: int) -> int:
        """The least; of what a person has added also its head."""
        if column in WIDTHS:
            return theme.px(WIDTHS[column])
        return max(theme.px(ADDED), self.header().sectionSizeHint(column))

    def show_added(self, columns: Sequence[Column]) -> None:
        """The columns that a person has added, after the others."""
        chosen, current = self.chosen(), self._current_row()
        if self.runs.show_columns(columns):
            self._select(chosen, current)
        self._fit()

    def show_order(self, head: str, falling: bool) -> None:
        """By which column rows are ordered; none where it is their turn."""
        header, heads = self.header(), self.runs.heads
        header.setSortIndicatorShown(bool(head))
        if head:
            order = Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
            header.setSortIndicator(heads.index(head), order)

    # ---- keys and pointer -----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        place, key = self.currentIndex().row(), event.key()
        moves = {KEYS.Key_Up: -1, KEYS.Key_Down: 1}
        if event.modifiers() == Qt.KeyboardModifier.AltModifier and key in moves:
            self.nudged.emit(moves[KEYS(key)])
        elif place < 0:
            super().keyPressEvent(event)
        elif key in (KEYS.Key_Return, KEYS.Key_Enter):
            self.opened.emit(place)
        elif key == KEYS.Key_Delete:
            self.taken_out.emit()
        elif key in (KEYS.Key_Space, KEYS.Key_Left, KEYS.Key_Right):
            self._turn(place, wanted={KEYS.Key_Left: False, KEYS.Key_Right: True}.get(KEYS(key)))
        else:
            super().keyPressEvent(event)

    def _turn(self, place: int, wanted: bool | None = None) -> None:
        """Fold or unfold; None for the other way round."""
        row = self.runs.rows[place]
        if row.is_open is not None and wanted != row.is_open:
            self.turned.emit(place)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.indexAt(event.position().toPoint()).row()
        if place >= 0 and self._arrow(place).contains(event.position().toPoint()):
            self._turn(place)
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self.indexAt(event.position().toPoint()).row()
        if place < 0 or self._arrow(place).contains(event.position().toPoint()):
            return
        if self.runs.rows[place].kind == "group":
            self._turn(place)
        else:
            self.opened.emit(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.indexAt(event.position().toPoint()).row())
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: object) -> None:
        self._point_at(-1)

    def _point_at(self, place: int) -> None:
        if place != self._pointed:
            self._pointed = place
            self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By the pointer, or at the row of the keyboard."""
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            self.menu_asked.emit(event.globalPos())
        elif self.currentIndex().isValid():
            corner = self.visualRect(self.currentIndex()).bottomLeft()
            self.menu_asked.emit(self.viewport().mapToGlobal(corner))

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Home and End lead to the first and the last row, not along one."""
        ends = {QAbstractItemView.CursorAction.MoveHome: 0, QAbstractItemView.CursorAction.MoveEnd: len(self.runs.rows) - 1}
        return self.runs.index(ends[action], RUN) if action in ends else super().moveCursor(action, modifiers)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self.viewport().update()  # the frame of the keyboard's row runs from edge to edge

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)
        self._show_gap(self._gap_at(event.position().toPoint()) if event.isAccepted() else -1)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._show_gap(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        """A wish only: nothing is taken here, and rows change when the order on disk has changed."""
        self._show_gap(-1)
        gap = self._gap_at(event.position().toPoint())
        self.runs.dropMimeData(event.mimeData(), event.dropAction(), gap, 0, ROOT)
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()

    def _gap_at(self, point: QPoint) -> int:
        """The row above which something is let go here; their number for below all of them."""
        number = self.rowAt(point.y())
        if number < 0:
            return len(self.runs.rows)
        return number if point.y() < self.place_of(number).center().y() else number + 1

    def _show_gap(self, gap: int) -> None:
        if gap != self._gap:
            self._gap = gap
            self.viewport().update()

    def startDrag(self, actions: Qt.DropAction) -> None:
        names = movable(self.chosen())
        if not names:
            return
        drag = QDrag(self)
        drag.setMimeData(self.runs.mimeData(self.selectionModel().selectedRows()))
        drag.setPixmap(_label(names[0] if len(names) == 1 else words.plural(len(names), "run")))
        drag.exec(Qt.DropAction.MoveAction)

    # ---- drawing ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """A whole row at once: group rows run across the columns."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for number in self._in_sight(event.rect()):
            row, place = self.runs.rows[number], self.place_of(number)
            painter.save()
            self._paint_ground(painter, place, row, number)
            self._paint_handle(painter, place, row)
            self._paint_fold(painter, number, row)
            if row.kind == "group":
                self._paint_group(painter, place, row)
            else:
                self._paint_cells(painter, place, row)
            painter.restore()
        if self._gap >= 0:
            self._paint_gap(painter)
        painter.end()

    def _in_sight(self, part: QRect) -> range:
        first, last = self.rowAt(part.top()), self.rowAt(part.bottom())
        return range(max(0, first), (last if last >= 0 else len(self.runs.rows) - 1) + 1)

    def place_of(self, number: int) -> QRect:
        """Where a row is, from edge to edge."""
        return QRect(0, self.rowViewportPosition(number), self.viewport().width(), self.rowHeight(number))

    def _paint_gap(self, painter: QPainter) -> None:
        """Where what is dragged would come to lie."""
        last = len(self.runs.rows) - 1
        y = self.place_of(self._gap).top() if self._gap <= last else self.place_of(last).bottom() + 1
        painter.fillRect(QRect(0, max(0, y - 1), self.viewport().width(), 2), theme.color("accenttext"))

    def _paint_ground(self, painter: QPainter, place: QRect, row: Row, number: int) -> None:
        selected = self.selectionModel().isRowSelected(number, ROOT)
        ground = "sel" if selected else "hover" if number == self._pointed else "raised" if row.kind == "group" else "panel"
        painter.fillRect(place, theme.color(ground))
        painter.fillRect(QRect(place.left(), place.bottom(), place.width(), 1), theme.color("line"))
        if self.hasFocus() and number == self.currentIndex().row():
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRect(place.adjusted(1, 1, -1, -2))

    def _paint_handle(self, painter: QPainter, place: QRect, row: Row) -> None:
        """Only where it can be taken."""
        if row.movable:
            side = theme.px(12)
            left = self._cell(HANDLE).left() + theme.px(11)
            self._paint_icon(painter, QPoint(left, _above(place, side)), "drag", "muted", 12)

    def _arrow(self, place: int) -> QRect:
        """Where the fold of a row is pressed; empty for one without."""
        row = self.runs.rows[place]
        if row.is_open is None:
            return QRect()
        there = self.visualRect(self.runs.index(place, RUN))
        inset = theme.px(INDENTS[row.depth] - 12) if row.depth else 0
        return QRect(there.left() + inset - theme.px(5), there.top(), theme.px(22), there.height())

    def _paint_fold(self, painter: QPainter, place: int, row: Row) -> None:
        if row.is_open is not None:
            side, room = theme.px(12), self._arrow(place)
            spot = QPoint(room.left() + theme.px(5), _above(room, side))
            self._paint_icon(painter, spot, "chevron-down" if row.is_open else "chevron-right", "muted", 12)

    def _paint_group(self, painter: QPainter, place: QRect, row: Row) -> None:
        left = max(self._cell(RUN).left() + theme.px(18), theme.px(10))  # also where the table is moved sideways
        right = place.right() - theme.px(8)
        small = theme.metrics("small")
        summary = min(small.horizontalAdvance(row.summary) + theme.px(2), (right - left) // 2)
        _write(painter, _between(place, right - summary, right), row.summary, "small", "text2", SIDES.AlignRight)
        room = _between(place, left, right - summary - theme.px(12))
        used = _write(painter, room, row.title, "body", "text")
        _write(painter, room.adjusted(used + theme.px(8), 0, 0, 0), row.hint, "small", "muted")

    def _paint_cells(self, painter: QPainter, place: QRect, row: Row) -> None:
        gap = theme.px(8)
        seed = f" s{row.seeds}" if row.kind == "run" and row.depth and self.isColumnHidden(SEED) else ""
        texts, tones = cells(row), {METHOD: "text2", SEED: "text2", ENDS: "text2"}
        for column in range(RUN, self.runs.columnCount()):
            room = self._cell(column)
            if self.isColumnHidden(column):
                continue
            spot = _between(place, room.left() + gap, room.right() - gap)
            text = texts[column] if column < len(texts) else ""
            if column == RUN:
                spot = self._paint_square(painter, spot, row)
                text += seed
            elif column == STATE:
                spot = self._paint_mark(painter, spot, row)
            if column == PROGRESS:
                _paint_bar(painter, spot, row.share)
            else:
                side = SIDES.AlignRight if self.runs.is_right(column) else SIDES.AlignLeft
                _write(painter, spot, text, "body", tones.get(column, "text"), side)

    def _paint_square(self, painter: QPainter, spot: QRect, row: Row) -> QRect:
        """The colour of a generation, before its name. Returns what room is left."""
        spot = spot.adjusted(theme.px(INDENTS[row.depth]) if row.depth else 0, 0, 0, 0)
        if row.generation is None:
            return spot
        side = theme.px(10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(theme.generation_color(row.generation)))
        painter.drawRoundedRect(QRectF(spot.left(), spot.center().y() - side / 2 + 1, side, side), theme.px(2), theme.px(2))
        return spot.adjusted(side + theme.px(8), 0, 0, 0)

    def _paint_mark(self, painter: QPainter, spot: QRect, row: Row) -> QRect:
        side = theme.px(14)
        self._paint_icon(painter, QPoint(spot.left(), _above(spot, side)), *mark_of(*row.mark), 14)
        return spot.adjusted(side + theme.px(7), 0, 0, 0)

    def _paint_icon(self, painter: QPainter, corner: QPoint, name: str, token: str, size: int) -> None:
        """Drawn once for a theme and a screen; a page has a hundred of them."""
        key = (name, token, size, self.devicePixelRatioF())
        if key not in self._icons:
            self._icons[key] = theme.pixmap(name, token, size, key[3])
        painter.drawPixmap(corner, self._icons[key])

    def _cell(self, column: int) -> QRect:
        return QRect(self.columnViewportPosition(column), 0, self.columnWidth(column), 1)

    # ---- how it is made -------------------------------------------------------------------------------------------------

    def _calm(self) -> None:
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(1)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(_height())
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(theme.px(160))
        header = self.header()
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setMinimumSectionSize(theme.px(20))
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionsClickable(True)
        header.sectionClicked.connect(lambda column: self.order_asked.emit(self.runs.heads[column]))

    def _take_drops(self) -> None:
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(False)
        self.setDropIndicatorShown(False)  # one that runs from edge to edge is drawn here

    def _redress(self) -> None:
        self._icons.clear()
        self.verticalHeader().setDefaultSectionSize(_height())
        self.scheduleDelayedItemsLayout()
        self._fit()
        self.viewport().update()


def _height() -> int:
    """Rows as high as in every table."""
    return max(theme.px(30), theme.metrics("body").height() + theme.px(12))


def _above(place: QRect, side: int) -> int:
    """The upper edge of what stands in the middle of a row."""
    return place.center().y() - side // 2 + 1


def _between(place: QRect, left: int, right: int) -> QRect:
    return QRect(left, place.top(), max(0, right - left), place.height() - 1)


def _write(painter: QPainter, room: QRect, text: str, kind: str, token: str, side: Qt.AlignmentFlag = SIDES.AlignLeft) -> int:
    """Returns the width."""
    if not text:
        return 0
    metrics = theme.metrics("small" if kind == "small" else "body")
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.setFont(theme.font("small" if kind == "small" else "body"))
    painter.setPen(theme.color(token))
    painter.drawText(room, RIGHTWARD if side == SIDES.AlignRight else LEFTWARD, shown)
    return metrics.horizontalAdvance(shown)


def _paint_bar(painter: QPainter, room: QRect, share: float | None) -> None:
    """A bar of 4 px and its percentage."""
    if share is None:
        return
    number, high = theme.metrics("small").horizontalAdvance(words.percent(1.0, 0)), theme.px(4)
    bar = QRectF(room.left(), room.center().y() - high / 2 + 1, max(0, room.width() - number - theme.px(8)), high)
    painter.setPen(Qt.PenStyle.NoPen)
    for width, token in ((bar.width(), "line"), (bar.width() * share, "accenttext")):
        painter.setBrush(theme.color(token))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(width, high), high), high / 2, high / 2)
    _write(painter, room, words.percent(share, 0), "small", "muted", SIDES.AlignRight)


def _label(text: str) -> QPixmap:
    """What is seen of a block while it is dragged."""
    metrics = QFontMetrics(theme.font("small"))
    made = QPixmap(metrics.horizontalAdvance(text) + theme.px(20), metrics.height() + theme.px(10))
    made.fill(theme.color("sel"))
    painter = QPainter(made)
    painter.setFont(theme.font("small"))
    painter.setPen(theme.color("text"))
    painter.drawText(made.rect(), int(SIDES.AlignCenter), text)
    painter.end()
    return made
