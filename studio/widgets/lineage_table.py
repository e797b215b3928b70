"""A table of lineages: name, method, the generations as a chain of chips, best value, last change.

Given finished text and values; what a lineage is, and what opens it, is left to the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHeaderView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from engine import words
from studio import theme

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Lineage:
    """A row of the table."""

    name: str
    method: str
    generations: tuple[tuple[int, float | None], ...]  # (k, mean on test over seeds, a rate; None before the first)
    best: str  # "95.4 %", "k-NN 64.1 %"
    change: str

    @property
    def told(self) -> str:
        """The generations in words."""
        return ", ".join(f"F{k}" + (f" {words.percent(value)}" if value is not None else "") for k, value in self.generations)


class LineageModel(QAbstractTableModel):
    """Text for everyone, the generations as data for the delegate."""

    HEADS = ("Lineage", "Method", "Generations, mean on test", "Best", "Last change")
    GENERATIONS = 2

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[Lineage] = []

    def show_lineages(self, rows: list[Lineage]) -> None:
        if [row.name for row in rows] != [row.name for row in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
        else:
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.HEADS) - 1))

    def lineage(self, row: int) -> Lineage:
        return self.rows[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.HEADS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.HEADS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(index.column())
        if role == Qt.ItemDataRole.ForegroundRole:
            return theme.color("text2" if index.column() == 1 else "muted" if index.column() == 4 else "text")
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return (row.name, row.method, row.told, row.best, row.change)[index.column()]
        return None


def _side(column: int) -> Qt.AlignmentFlag:
    sides = Qt.AlignmentFlag
    return sides.AlignVCenter | (sides.AlignRight if column >= 3 else sides.AlignLeft)


class LineageDelegate(QStyledItemDelegate):
    """Draws the generations as chips; other columns are plain text under their heads, and long names give way."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        hint = super().sizeHint(option, index)
        height = max(theme.px(38), QFontMetrics(theme.font("body")).height() + theme.px(22))
        if index.column() == LineageModel.GENERATIONS:
            return QSize(theme.px(88), height)
        return QSize(min(hint.width(), theme.px(180)), height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        blank = QStyleOptionViewItem(option)
        self.initStyleOption(blank, index)
        blank.text = ""
        style = blank.widget.style()
        style.drawControl(style.ControlElement.CE_ItemViewItem, blank, painter, blank.widget)
        if index.row() == index.model().rowCount() - 1:  # the card's own border ends the table
            ground = "sel" if blank.state & QStyle.StateFlag.State_Selected else "panel"
            painter.fillRect(QRect(blank.rect.bottomLeft(), QSize(blank.rect.width(), 1)), theme.color(ground))
        room = blank.rect.adjusted(theme.px(8), 0, -theme.px(8), -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.column() == LineageModel.GENERATIONS:
            model = index.model()
            assert isinstance(model, LineageModel)
            paint_chips(painter, room, model.lineage(index.row()))
        else:
            painter.setPen(index.data(Qt.ItemDataRole.ForegroundRole))
            text = blank.fontMetrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, int(_side(index.column())), text)
        painter.restore()


def paint_chips(painter: QPainter, room: QRect, row: Lineage) -> None:
    """F0 -> F1 -> ...; where not all fit, the first, an ellipsis, and as many of the last as there is room for."""
    painter.setFont(theme.font("small"))
    metrics = QFontMetrics(theme.font("small"))
    arrow, gap = theme.px(14), theme.px(5)
    chips = list(row.generations)
    widths = [_chip_width(metrics, k, value) for k, value in chips]
    start = _first_that_fits(widths, room.width(), arrow + 2 * gap, metrics.horizontalAdvance("…"))
    x = room.left()
    for place, (chip, width) in enumerate(zip(chips, widths, strict=True)):
        if 0 < place < start:
            continue
        if place:
            x = _paint_arrow(painter, x + gap, room, arrow) + gap
        if place and place == start > 1:
            painter.setPen(theme.color("muted"))
            painter.drawText(QPoint(x, room.center().y() + metrics.ascent() // 2), "…")
            x = _paint_arrow(painter, x + metrics.horizontalAdvance("…") + gap, room, arrow) + gap
        _paint_chip(painter, QRect(x, room.top(), width, room.height()), *chip)
        x += width


def _first_that_fits(widths: Sequence[int], room: int, between: int, ellipsis: int) -> int:
    """The place from which on all chips are drawn besides the first; 1 if every chip fits."""
    if sum(widths) + between * (len(widths) - 1) <= room:
        return 1
    used = widths[0] + between + ellipsis
    start = len(widths)
    while start > 2 and used + between + widths[start - 1] <= room:
        start -= 1
        used += between + widths[start]
    return start


def _chip_width(metrics: QFontMetrics, k: int, value: float | None) -> int:
    told = f"F{k}" if value is None else f"F{k}  {100 * value:.1f}"
    return metrics.horizontalAdvance(told) + theme.px(8 + 8 + 8 + 8)


def _paint_arrow(painter: QPainter, x: int, room: QRect, width: int) -> int:
    side = QRectF(x, room.center().y() - width / 2 + 1, width, width)
    theme.paint_icon(painter, side, "arrow-right", "muted")
    return x + width


def _paint_chip(painter: QPainter, room: QRect, k: int, value: float | None) -> None:
    metrics = QFontMetrics(theme.font("small"))
    box = QRectF(room.left(), 0, room.width(), metrics.height() + theme.px(8))
    box.moveCenter(QRectF(room).center())
    painter.setPen(QPen(theme.color("line"), 1))
    painter.setBrush(theme.color("panel"))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), theme.px(5), theme.px(5))
    side = theme.px(8)
    square = QRectF(box.left() + side, box.center().y() - side / 2, side, side)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(theme.generation_color(k)))
    painter.drawRoundedRect(square, 2, 2)
    base = box.adjusted(theme.px(8 + 8 + 8), 0, 0, 0)
    painter.setPen(theme.color("text"))
    left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    painter.drawText(base, left, f"F{k}")
    if value is not None:
        painter.setPen(theme.color("text2"))
        painter.drawText(base.adjusted(metrics.horizontalAdvance(f"F{k}  "), 0, 0, 0), left, f"{100 * value:.1f}")


class LineageTable(QTableView):
    """As high as its rows: the page scrolls, not the table. `opened` tells the lineage of a click or of Return."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.card = theme.dress(QFrame(), panel=True)
        inside = QVBoxLayout(self.card)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self)
        self._model = LineageModel(self)
        self.setModel(self._model)
        self.setItemDelegate(LineageDelegate(self))
        self.setAccessibleName("Recent lineages")
        self._calm()
        self.clicked.connect(self._open)
        self.activated.connect(self._open)
        theme.signals.changed.connect(self._fit)

    def show_lineages(self, rows: list[Lineage]) -> None:
        if rows != self._model.rows:
            self._model.show_lineages(rows)
            self._fit()

    def sizeHint(self) -> QSize:
        rows = sum(self.rowHeight(row) for row in range(self._model.rowCount()))
        height = self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth()
        return QSize(self._narrowest(), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _narrowest(self) -> int:
        """Every column at its contents, the generations at a chip and an ellipsis."""
        chips = self.sizeHintForColumn(LineageModel.GENERATIONS)  # its head gives way
        others = [column for column in range(self._model.columnCount()) if column != LineageModel.GENERATIONS]
        heads = self.horizontalHeader()
        widths = (max(heads.sectionSizeHint(column), self.sizeHintForColumn(column)) for column in others)
        return chips + sum(widths) + 2 * self.frameWidth()

    def _fit(self) -> None:
        self.resizeRowsToContents()
        self.updateGeometry()

    def _calm(self) -> None:
        theme.calm_table(self)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setTabKeyNavigation(False)  # Tab leaves the table, the arrows move in it
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        header = self.horizontalHeader()
        header.setSectionsClickable(False)
        for column in range(self._model.columnCount()):
            stretch = column == LineageModel.GENERATIONS
            header.setSectionResizeMode(
                column, QHeaderView.ResizeMode.Stretch if stretch else QHeaderView.ResizeMode.ResizeToContents
            )

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self._model.lineage(index.row()).name)
