"""The palette (Ctrl+K): a line to type into, and below it what is found. It lies over the window and goes when it is left.

What there is to be found comes as a studio.finding.Index made when it opens; how it is searched is told there.
"""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from engine import words
from studio import theme
from studio.finding import Entry, Index
from studio.palette import Kind

WIDE, HIGH = 640, 420  # at scale 1
ROLES = Qt.ItemDataRole
Place = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8, Qt.Key.Key_PageDown: 8, Qt.Key.Key_Tab: 1}


class FoundModel(QAbstractListModel):
    """What was found, the best first."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: Sequence[Entry] = ()

    def show_entries(self, entries: Sequence[Entry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: Place = ROOT) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Place, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid():
            return None
        one = self.entries[index.row()]
        if role == ROLES.DisplayRole:
            return one.title
        if role == ROLES.AccessibleTextRole:
            return ", ".join(part for part in (one.title, one.kind, one.more, one.keys, one.why_not) if part)
        return (one.why_not or None) if role == ROLES.ToolTipRole else None


class _Row(QStyledItemDelegate):
    """Title and what is said of it on the left, keys or kind on the right. What cannot be done now is grey, with why."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Place) -> QSize:
        return QSize(theme.px(200), max(theme.px(30), QFontMetrics(theme.font("body")).height() + theme.px(12)))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Place) -> None:
        model = index.model()
        assert isinstance(model, FoundModel)
        one, room = model.entries[index.row()], option.rect.adjusted(theme.px(12), 0, -theme.px(12), 0)
        view = self.parent()
        if isinstance(view, QListView) and view.currentIndex() == index:
            painter.fillRect(option.rect, theme.color("sel"))
        room = self._write(painter, room, "small", "muted", one.keys or one.kind, right=True)
        room = self._write(painter, room, "body", "disabled" if one.why_not else "text", one.title)
        self._write(painter, room, "small", "muted", one.why_not or one.more)

    def _write(self, painter: QPainter, room: QRect, kind: Kind, token: str, text: str, right: bool = False) -> QRect:
        """Write it, elided where it does not fit; returns the room that is left."""
        font = theme.font(kind)
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, max(0, room.width()))
        painter.setFont(font)
        painter.setPen(theme.color(token))
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, int(side | Qt.AlignmentFlag.AlignVCenter), shown)
        taken = QFontMetrics(font).horizontalAdvance(shown) + theme.px(12)
        return room.adjusted(0, 0, -taken, 0) if right else room.adjusted(taken, 0, 0, 0)


class _Line(QLineEdit):
    """Types and moves the choice: the keys that belong to the list are the list's."""

    moved = Signal(int)
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in MOVES:
            self.moved.emit(MOVES[Qt.Key(key)])
        elif key == Qt.Key.Key_Backtab:
            self.moved.emit(-1)
        elif key == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return False  # Tab moves the choice


class Finder(QFrame):
    """`open_with` shows it; Return does what is chosen and closes it, Esc or a press elsewhere closes it."""

    closed = Signal()

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        theme.dress(self, panel=True)
        self.setAccessibleName("Find anything and do it")
        self._index = Index(())
        self._before: QWidget | None = None
        self.line, self.list, self.count = _Line(), QListView(), theme.dress(QLabel(), small=True, muted=True)
        self.model = FoundModel()
        self._dress()
        self._lay_out()
        self.line.textChanged.connect(self._search)
        self.line.returnPressed.connect(self.do_chosen)
        self.line.moved.connect(self._move)
        self.line.left.connect(self.leave)
        self.list.clicked.connect(lambda index: self._do(index.row()))
        self.hide()

    @property
    def found(self) -> Sequence[Entry]:
        return self.model.entries

    def open_with(self, index: Index) -> None:
        """Search among these from now on. Opened again it begins anew."""
        if not self.isVisible():
            self._before = QApplication.focusWidget()
            QApplication.instance().focusChanged.connect(self._look_at_focus)  # type: ignore[union-attr]
        self._index = index
        self.line.clear()
        self._search("")
        self.place()
        self.show()
        self.raise_()
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def place(self) -> None:
        """In the middle, near the top, of the window it lies over."""
        over = self.parentWidget()
        assert over is not None
        margin = theme.px(16)
        wide = min(theme.px(WIDE), over.width() - 2 * margin)
        high = min(theme.px(HIGH), over.height() - 2 * margin - theme.px(40))
        self.setGeometry((over.width() - wide) // 2, margin + theme.px(40), wide, high)

    def leave(self) -> None:
        """Close it; the focus goes back to where it was."""
        if self.isHidden():
            return
        before, self._before = self._before, None
        self._close()
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)

    def do_chosen(self) -> None:
        self._do(self.list.currentIndex().row())

    def _do(self, row: int) -> None:
        if 0 <= row < len(self.found) and not self.found[row].why_not:
            one = self.found[row]
            self.leave()
            one.do()

    def _close(self) -> None:
        QApplication.instance().focusChanged.disconnect(self._look_at_focus)  # type: ignore[union-attr]
        self.hide()
        self.closed.emit()

    def _look_at_focus(self, old: QWidget | None, now: QWidget | None) -> None:
        """A press elsewhere. Another window of the desktop is no reason to go."""
        if now is not None and now is not self and not self.isAncestorOf(now) and self.isVisible():
            self._before = None
            self._close()

    def _search(self, text: str) -> None:
        found, many = self._index.search(text)
        self.model.show_entries(found)
        self.list.setCurrentIndex(self.model.index(0))
        rest = many - len(found)
        self.count.setText(
            f"and {words.count(rest)} more; type to narrow them down" if rest else "" if found else "Nothing is called that"
        )
        self._tell()

    def _move(self, by: int) -> None:
        if self.found:
            row = min(max(self.list.currentIndex().row() + by, 0), len(self.found) - 1)
            self.list.setCurrentIndex(self.model.index(row))
            self._tell()

    def _tell(self) -> None:
        """The focus stays in the line, so the line says what is chosen."""
        chosen = self.list.currentIndex()
        said = chosen.data(ROLES.AccessibleTextRole) if chosen.isValid() else "nothing found"
        self.line.setAccessibleDescription(str(said))

    def _dress(self) -> None:
        self.line.setPlaceholderText("An act, a page, a run, a field of the recipe")
        self.line.setAccessibleName("Find anything and do it")
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("What is found")

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.line)
        column.addWidget(self.list, 1)
        column.addWidget(self.count)
