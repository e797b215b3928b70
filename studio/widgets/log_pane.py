"""The log of a run: lines with a filter, warnings pinned on top, folded to one line where there is little room.

Also here: a pane that shows the end of a text file, read only. Left to others: where lines and text come from.
"""

from collections.abc import Sequence
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QListView,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine import words
from engine.state import LogLine
from studio import theme
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.segment import Segment

Index = QModelIndex | QPersistentModelIndex
Show = Literal["All", "Warnings", "Errors"]

LEVELS: dict[Show, tuple[str, ...]] = {"All": ("info", "warn", "error"), "Warnings": ("warn",), "Errors": ("error",)}
MARKS = {"warn": ("warning", "warn"), "error": ("octagon-x", "bad")}
MOST_PINNED = 2
LEAST_LINES = 3
LINE_ROLE = Qt.ItemDataRole.UserRole


def line_words(line: LogLine) -> str:
    """A line as plain text: time, step, what was said."""
    return f"{words.clock(line.time, seconds=True)}  {words.count(line.step):>7}  {line.text}"


class LogModel(QAbstractListModel):
    """The lines of a log that pass the filter. Lines are only ever appended, unless another log is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: Sequence[LogLine] = []
        self._seen = 0
        self._passed: list[LogLine] = []
        self._show: Show = "All"
        self._needle = ""

    def show_lines(self, lines: Sequence[LogLine]) -> None:
        """The same list, longer than before, costs only what is new."""
        if lines is not self._lines or len(lines) < self._seen:
            self._lines = lines
            self._refill()
            return
        fresh = [line for line in lines[self._seen :] if self._passes(line)]
        self._seen = len(lines)
        if fresh:
            self.beginInsertRows(QModelIndex(), len(self._passed), len(self._passed) + len(fresh) - 1)
            self._passed += fresh
            self.endInsertRows()

    def show_only(self, show: Show, needle: str) -> None:
        """All, warnings or errors, and of these the lines that hold every word of the filter."""
        if (show, needle) != (self._show, self._needle):
            self._show, self._needle = show, needle
            self._refill()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own default
        return 0 if parent.isValid() else len(self._passed)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._passed):
            return None
        line = self._passed[index.row()]
        if role == Qt.ItemDataRole.AccessibleTextRole and line.level != "info":
            return f"{'warning' if line.level == 'warn' else 'error'}: {line_words(line)}"
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return line_words(line)
        return line if role == LINE_ROLE else line.text if role == Qt.ItemDataRole.ToolTipRole else None

    def _refill(self) -> None:
        self.beginResetModel()
        self._passed = [line for line in self._lines if self._passes(line)]
        self._seen = len(self._lines)
        self.endResetModel()

    def _passes(self, line: LogLine) -> bool:
        if line.level not in LEVELS[self._show]:
            return False
        return not self._needle or all(part in line_words(line).lower() for part in self._needle.lower().split())


def _paint_line(painter: QPainter, room: QRect, line: LogLine, mark: bool) -> None:
    """Time and step muted, the step to the right of its column, then the text, as far as it fits."""
    painter.setFont(theme.font("mono"))
    metrics = painter.fontMetrics()
    x = room.left()
    flags = Qt.AlignmentFlag.AlignVCenter
    if line.level != "info":
        if mark:
            size = theme.px(13)
            theme.paint_icon(painter, QRectF(x, room.center().y() - size / 2 + 0.5, size, size), *MARKS[line.level])
        x += theme.px(21) if mark else 0
    painter.setPen(theme.color("muted"))
    step = words.count(line.step).rjust(7)
    head = f"{words.clock(line.time, seconds=True)} {step}  "
    painter.drawText(QRect(x, room.top(), room.width(), room.height()), flags, head)
    x += metrics.horizontalAdvance(head)
    painter.setFont(theme.font("small") if line.level == "warn" and mark else theme.font("mono"))
    painter.setPen(theme.color("bad" if line.level == "error" else "text" if line.level == "warn" else "text2"))
    text = painter.fontMetrics().elidedText(line.text, Qt.TextElideMode.ElideRight, room.right() - x)
    painter.drawText(QRect(x, room.top(), room.right() - x, room.height()), flags, text)


class _LineDelegate(QStyledItemDelegate):
    """Paints a line of the log; the one under the keyboard gets the ground of a selection."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("sel"))
        line = index.data(LINE_ROLE)
        if line is not None:
            _paint_line(painter, rect.adjusted(theme.px(6), 0, -theme.px(6), 0), line, mark=line.level != "info")
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, _line_height())


def _line_height() -> int:
    return QFontMetrics(theme.font("mono")).height() + theme.px(4)


class _List(QListView):
    """The lines; copies what is selected."""

    copy_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)  # no line is ever cut in half
        self.setTabKeyNavigation(False)
        self.setItemDelegate(_LineDelegate(self))
        self.setAccessibleName("Log")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(0, LEAST_LINES * _line_height() + 2 * self.frameWidth() + theme.px(4))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def relay(self) -> None:
        """Rows follow the scale."""
        self.scheduleDelayedItemsLayout()
        self.updateGeometry()


class _Pinned(QWidget):
    """A warning that stays in sight, on the tint of its state."""

    def __init__(self) -> None:
        super().__init__()
        self._line: LogLine | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_line(self, line: LogLine) -> None:
        self._line = line
        self.setAccessibleName(f"pinned {'warning' if line.level == 'warn' else 'error'}: {line.text}")
        self.setToolTip(line.text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(0, QFontMetrics(theme.font("small")).height() + theme.px(12))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._line is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("warnbg" if self._line.level == "warn" else "badbg"))
        painter.drawRoundedRect(self.rect(), theme.px(5), theme.px(5))
        size = theme.px(13)
        right = self.width() - theme.px(10) - size
        theme.paint_icon(painter, QRectF(right, (self.height() - size) / 2, size, size), "pin", "muted")
        _paint_line(painter, QRect(theme.px(8), 0, right - theme.px(16), self.height()), self._line, mark=True)


class _Filter(QLineEdit):
    """Words that lines must hold. Esc clears it. The funnel is painted: an action's button would be dressed as a button."""

    def __init__(self) -> None:
        super().__init__()
        theme.dress(self, small=True)
        self.setPlaceholderText("filter")
        self.setAccessibleName("Filter the log")
        self.setToolTip("Lines that hold all of these words; Esc clears")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setTextMargins(theme.px(18), 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        size = theme.px(14)
        theme.paint_icon(QPainter(self), QRectF(theme.px(8), (self.height() - size) / 2, size, size), "filter", "muted")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class LogPane(Card):
    """Head with filter and choices, pinned warnings, lines. `folded_by_hand` tells what a person chose."""

    folded_by_hand = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Log", parent=parent)
        self.folded = False
        self.model = LogModel(self)
        self.view = _List()
        self.filter = _Filter()
        self.levels = Segment(list(LEVELS), "Which lines")
        self.copy = theme.put_icon(theme.dress(QPushButton("Copy"), flat=True, small=True), "copy", size=14)
        self.fold_button = theme.dress(QToolButton(), flat=True, small=True)
        self._mark, self._amount = QLabel(), theme.dress(QLabel(), small=True, muted=True)
        self._when, self._newest = theme.dress(QLabel(), mono=True, muted=True), theme.dress(ElidedLabel(), small=True)
        self._pinned: list[_Pinned] = []
        self._inside, self._pins = QWidget(), QVBoxLayout()
        self._lines: Sequence[LogLine] = []
        self._counted = (-1, -1, -1)  # lines, warnings and errors so far
        self._lay_out()
        self._listen()
        self.fold(False)

    def show_lines(self, lines: Sequence[LogLine]) -> None:
        """All lines of the log, the oldest first; the view stays at the end if it was there."""
        another = lines is not self._lines
        if not another and len(lines) == self._counted[0]:
            return
        bar = self.view.verticalScrollBar()
        at_end = another or bar.value() >= bar.maximum() - 2
        self._lines = lines
        self.model.show_lines(lines)
        self._count(lines)
        self._show_pinned()
        self._show_summary()
        if at_end:
            self.view.scrollToBottom()

    def fold(self, folded: bool) -> None:
        """To one line, or back."""
        self.folded = folded
        self._inside.setVisible(not folded)
        for part in (self.filter, self.levels, self.copy):
            part.setVisible(not folded)
        theme.put_icon(self.fold_button, "chevron-up" if folded else "chevron-down", size=14)
        name = "Unfold the log" if folded else "Fold the log"
        self.fold_button.setAccessibleName(name)
        self.fold_button.setToolTip(name)
        self.body.setContentsMargins(6, 0, 6, 0 if folded else 6)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed if folded else QSizePolicy.Policy.Preferred)
        self._show_summary()
        if not folded:
            self.view.scrollToBottom()

    def pinned(self) -> list[str]:
        """The warnings that are kept in sight."""
        return [pin.toolTip() for pin in self._pinned if not pin.isHidden()]

    def summary(self) -> str:
        """What the folded pane says."""
        return " ".join(part for part in (self._newest.text(), self._amount.text()) if part)

    def text(self) -> str:
        """The lines that are shown, or those selected, as plain text."""
        chosen = sorted(index.row() for index in self.view.selectedIndexes()) or range(self.model.rowCount())
        return "\n".join(str(self.model.index(row).data()) for row in chosen)

    def _count(self, lines: Sequence[LogLine]) -> None:
        levels = [line.level for line in lines]
        warnings, errors = levels.count("warn"), levels.count("error")
        if self._counted[1:] != (warnings, errors):
            self.levels.relabel("Warnings", f"Warnings {words.count(warnings)}")
            self.levels.relabel("Errors", f"Errors {words.count(errors)}")
        self._counted = (len(lines), warnings, errors)

    def _show_pinned(self) -> None:
        worth = [line for line in self._lines if line.level != "info"][-MOST_PINNED:][::-1]
        while len(self._pinned) < len(worth):
            self._pinned.append(_Pinned())
            self._pins.addWidget(self._pinned[-1])
        for pin, line in zip(self._pinned, worth, strict=False):
            pin.show_line(line)
        for place, pin in enumerate(self._pinned):
            pin.setVisible(place < len(worth))

    def _show_summary(self) -> None:
        worth = [line for line in self._lines if line.level != "info"] or list(self._lines[-1:])
        newest = worth[-1] if worth else None
        parts = (self._mark, self._when, self._newest, self._amount)
        for part in parts:
            part.setVisible(self.folded and newest is not None)
        if newest is None:
            return
        self._mark.setVisible(self.folded and newest.level in MARKS)
        if newest.level in MARKS:
            theme.put_icon(self._mark, *MARKS[newest.level], size=14)
        self._when.setText(words.clock(newest.time, seconds=True))
        self._newest.setText(newest.text)
        _, warnings, errors = (max(0, count) for count in self._counted)
        counts = [words.plural(n, noun) for n, noun in ((errors, "error"), (warnings, "warning")) if n]
        self._amount.setText(", ".join(counts))

    def _refilter(self) -> None:
        self.model.show_only(self.levels.current(), self.filter.text())  # type: ignore[arg-type]
        self.view.scrollToBottom()

    def _toggle(self) -> None:
        self.fold(not self.folded)
        self.folded_by_hand.emit(self.folded)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())

    def _listen(self) -> None:
        self.view.setModel(self.model)
        self.view.copy_asked.connect(self._copy)
        self.filter.textChanged.connect(self._refilter)
        self.levels.chosen.connect(self._refilter)
        self.copy.clicked.connect(self._copy)
        self.fold_button.clicked.connect(self._toggle)
        theme.signals.changed.connect(self.view.relay)

    def _lay_out(self) -> None:
        self.copy.setToolTip("Copy the lines that are shown, or those selected")
        self.head.setContentsMargins(12, 2, 8, 2)
        for place, part in enumerate((self.filter, self.levels, self._mark, self._when, self._newest), start=2):
            self.head.insertWidget(place, part)
        for part in (self._amount, self.copy, self.fold_button):
            self.head.addWidget(part)
        inside = QVBoxLayout(self._inside)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(3)
        self._pins.setContentsMargins(2, 0, 2, 0)
        self._pins.setSpacing(3)
        inside.addLayout(self._pins)
        inside.addWidget(self.view, 1)
        self.body.addWidget(self._inside, 1)


class TextPane(Card):
    """The end of a text file, read only: whose it is, copy, close."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("engine.log", parent=parent)
        self.edit = theme.dress(QPlainTextEdit(), flat=True, mono=True)
        self.edit.setReadOnly(True)
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.edit.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._copy = theme.put_icon(theme.dress(QPushButton("Copy"), flat=True, small=True), "copy", size=14)
        self.close_button = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "close", size=14)
        self.close_button.setAccessibleName("Close")
        self.close_button.setToolTip("Close (Esc)")
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.edit.toPlainText()))
        self.close_button.clicked.connect(self.closed)
        self.head.addWidget(self._copy)
        self.head.addWidget(self.close_button)
        self.body.setContentsMargins(6, 0, 6, 6)
        self.body.addWidget(self.edit, 1)

    def show_text(self, title: str, subtitle: str, text: str) -> None:
        """The text, read from its end."""
        self.show_title(title, subtitle)
        self.edit.setPlainText(text)
        self.edit.setAccessibleName(title)
        bar = self.edit.verticalScrollBar()
        bar.setValue(bar.maximum())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
