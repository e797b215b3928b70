"""A list of pictures with what is said of them: two lines of words, and the answers of two networks on the right.

Rows are written when they are looked at, so ten thousand of them cost nothing. Used for mistakes, for pictures on which two
generations disagree, and for suspect labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from engine.compare import Suspect
from studio import theme
from studio.lineage_pictures import Listed, Pictures, file_words
from studio.widgets import taking
from studio.widgets.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
ROLES = Qt.ItemDataRole
ROW = ROLES.UserRole + 1  # a PictureRow
ROOT = QModelIndex()
THUMB = 40  # side of a thumbnail, pixels at scale 1


@dataclass(frozen=True)
class Answer:
    """What one generation says of a picture."""

    who: str
    says: str
    confidence: float
    wrong: bool

    @property
    def words(self) -> str:
        return f"{self.who} says {self.says}, {self.confidence:.2f}{', wrong' if self.wrong else ''}"


@dataclass(frozen=True)
class PictureRow:
    """One row: which picture of the data set, the first line, lesser lines below it, and answers on the right."""

    index: int
    title: str
    lines: tuple[str, ...]
    answers: tuple[Answer, ...] = ()

    @property
    def words(self) -> str:
        return "; ".join([self.title, *self.lines, *(answer.words for answer in self.answers)])


def mistake_row(listed: Listed, place: int, classes: Sequence[str], files: Sequence[str] = ()) -> PictureRow:
    """A row of a pair of generations; `files` names the pictures of the data set, where they are a person's own."""
    label, index = int(listed.label[place]), int(listed.index[place])
    answers = [
        Answer(f"F{who}", _name(classes, int(said[place])), float(sure[place]), int(said[place]) != label)
        for who, said, sure in (
            (listed.parent, listed.before, listed.before_confidence),
            (listed.child, listed.after, listed.after_confidence),
        )
    ]
    name = file_words(files, index) or f"test {int(listed.row[place]):03d}"
    where = f"{name}, seed {int(listed.seed[place])}"
    return PictureRow(index, f"label {_name(classes, label)}", (where,), tuple(answers))


def suspect_row(suspect: Suspect, classes: Sequence[str], files: Sequence[str] = ()) -> PictureRow:
    """A row of the suspect labels: what most networks say instead."""
    voices = "all say" if suspect.votes == suspect.voters else "most say"
    title = f"label {_name(classes, suspect.given)}, {voices} {_name(classes, suspect.proposed)}"
    votes = f"{suspect.votes} of {suspect.voters} networks, mean {suspect.confidence:.2f}"
    return PictureRow(suspect.index, title, (votes, file_words(files, suspect.index) or f"train {suspect.row:04d}"))


def _name(classes: Sequence[str], number: int) -> str:
    return classes[number] if number < len(classes) else str(number)


def no_row(place: int) -> PictureRow:
    raise IndexError(place)


class PictureModel(QAbstractListModel):
    """Rows by number: `row_of` writes one when it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._row_of: Callable[[int], PictureRow] = no_row

    def show_rows(self, count: int, row_of: Callable[[int], PictureRow]) -> None:
        self.beginResetModel()
        self._count, self._row_of = count, row_of
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self._count

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < self._count:
            return None
        if role in (ROLES.DisplayRole, ROLES.AccessibleTextRole, ROLES.ToolTipRole):
            return self._row_of(index.row()).words
        return self._row_of(index.row()) if role == ROW else None


class PictureDelegate(QStyledItemDelegate):
    """Thumbnail, words, answers; a rule below, and a 2 px frame where the keyboard is."""

    def __init__(self, lines: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines = lines
        self.thumbnails = Thumbnails()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        text = QFontMetrics(theme.font("body")).height() + self.lines * QFontMetrics(theme.font("small")).height()
        return QSize(theme.px(180), max(theme.px(THUMB), text) + theme.px(10))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: PictureRow | None = index.data(ROW)
        if row is None:
            return
        painter.save()
        self._paint_ground(painter, option)
        side = min(theme.px(THUMB) if self.lines < 2 else theme.px(THUMB + 8), option.rect.height() - theme.px(8))
        inside = option.rect.adjusted(theme.px(8), 0, -theme.px(10), 0)
        thumb = QRectF(inside.left(), inside.center().y() - side / 2 + 0.5, side, side)
        self.thumbnails.paint(painter, thumb, row.index)
        width = self._paint_answers(painter, inside, row)
        words = inside.adjusted(side + theme.px(10), 0, -width - theme.px(8) if width else 0, 0)
        self._paint_words(painter, words, row)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        pointed = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if selected or pointed:
            painter.fillRect(option.rect, theme.color("sel" if selected else "hover"))
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRect(option.rect.adjusted(1, 1, -1, -2))

    def _paint_words(self, painter: QPainter, place: QRect, row: PictureRow) -> None:
        right, middle = Qt.TextElideMode.ElideRight, Qt.TextElideMode.ElideMiddle  # of a file the end is told apart best
        lines = [(row.title, theme.font("body"), "text", right)]
        lines += [(line, theme.font("small"), "muted", middle) for line in row.lines]
        heights = [QFontMetrics(font).height() for _, font, _, _ in lines]
        top = place.center().y() - sum(heights) / 2 + 1
        for (text, font, token, cut), height in zip(lines, heights):
            shown = QFontMetrics(font).elidedText(text, cut, place.width())
            _write(painter, QRectF(place.left(), top, place.width(), height), shown, font, token)
            top += height

    def _paint_answers(self, painter: QPainter, place: QRect, row: PictureRow) -> int:
        """In columns, from the right: confidence, class, generation. Returns the width."""
        if not row.answers:
            return 0
        font = theme.font("small")
        metrics, gap = QFontMetrics(font), theme.px(5)
        columns = [[f"{a.confidence:.2f}" for a in row.answers], [a.says for a in row.answers], [a.who for a in row.answers]]
        tokens = [["muted"] * 9, ["bad" if a.wrong else "text" for a in row.answers], ["muted"] * 9]
        right, top = place.right(), place.center().y() - len(row.answers) * metrics.height() / 2 + 1
        for column, colors in zip(columns, tokens):
            width = max(map(metrics.horizontalAdvance, column))
            for line, (text, token) in enumerate(zip(column, colors)):
                spot = QRectF(right - width, top + line * metrics.height(), width, metrics.height())
                _write(painter, spot, text, font, token, Qt.AlignmentFlag.AlignRight)
            right -= width + gap
        return place.right() - right


def _write(
    painter: QPainter, place: QRectF, text: str, font: QFont, token: str, side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft
) -> None:
    painter.setFont(font)
    painter.setPen(theme.color(token))
    flags = side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip | Qt.TextFlag.TextSingleLine
    painter.drawText(place, int(flags), text)


class PictureList(QListView):
    """`opened` brings the row that Return or a double click asks to see."""

    opened = Signal(int)

    def __init__(self, name: str, lines: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = PictureModel()
        self._delegate = PictureDelegate(lines, self)
        self.setModel(self._model)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        taking.let_take(self).listen_to(self.viewport())
        theme.signals.changed.connect(self._redress)

    def show_pictures(self, pictures: Pictures) -> None:
        self._delegate.thumbnails = Thumbnails(pictures)
        self.viewport().update()

    def show_rows(self, count: int, row_of: Callable[[int], PictureRow]) -> None:
        self._model.show_rows(count, row_of)
        self.scrollToTop()

    def show_nothing(self) -> None:
        self._model.show_rows(0, no_row)

    def row_words(self, place: int) -> str:
        return str(self._model.index(place).data(ROLES.DisplayRole))

    def sizeHint(self) -> QSize:
        return QSize(theme.px(290), theme.px(240))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(210), theme.px(120))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def _redress(self) -> None:
        self.scheduleDelayedItemsLayout()
        self.viewport().update()
