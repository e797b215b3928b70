"""Where networks look at one picture: a row a network, a column a head, and the colours of its patches.

Given looks, draws them. A convolutional network has no attention; its Grad-CAM is called class evidence everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QScrollArea, QSlider, QStackedWidget, QToolButton, QWidget

from engine import words
from studio import theme
from studio.inspect_looks import Look, drawn
from studio.widgets import taking
from studio.widgets.attention_grid import MEANINGS, PCA_MEANING, patch_picture
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.lines import DASHES
from studio.widgets.picture import Picture, channels_last

GAP, LEAST, MOST = 8, 48, 190  # between cells, and the side of a cell, pixels at scale 1
KEY = 19  # the stroke before a name, and its room
MASS_MEANING = "The fewest patches that hold this share of a map are shown, all others dimmed; 100 % shows the whole map."


@dataclass(frozen=True, eq=False)
class Row:
    """A network with what it made of the picture. `label`: the true class in words, empty where nobody knows it."""

    name: str
    color: str
    dashed: bool
    look: Look
    label: str = ""


@dataclass(frozen=True, eq=False)
class _Cell:
    head: str
    name: str
    pixels: NDArray[np.uint8] | None


class LookGrid(QWidget):
    """The rows. As wide as its cells, which are as large as the room allows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Row, ...] = ()
        self._mass, self._grey = 1.0, True
        self._cells: list[list[_Cell]] = []
        self._pictures: list[list[Picture]] = []
        self._room = QSize()
        self.setAccessibleName("Where the networks look")
        taking.let_take(self)
        theme.signals.changed.connect(self._place)

    def show_rows(self, rows: Sequence[Row]) -> None:
        self._rows = tuple(rows)
        self.setAccessibleDescription("; ".join(f"{row.name} says {_said(row)}" for row in rows))
        self._draw()

    def show_style(self, mass: float, grey: bool) -> None:
        self._mass, self._grey = mass, grey
        self._draw()

    def fit(self, room: QSize) -> None:
        """The room there is for it without scrolling."""
        self._room = room
        self._place()

    def heads(self) -> list[str]:
        """What stands over the columns of each row that has the most of them."""
        return [cell.head for cell in max(self._cells, key=len, default=[])]

    def _draw(self) -> None:
        self._cells = [self._row_cells(row) for row in self._rows]
        while len(self._pictures) < len(self._cells):
            self._pictures.append([])
        for row, cells in zip(self._pictures, [*self._cells, *([] for _ in self._pictures)]):
            while len(row) < len(cells):
                row.append(Picture(parent=self))
                row[-1].setFocusPolicy(Qt.FocusPolicy.NoFocus)
            for place, picture in enumerate(row):
                picture.setVisible(place < len(cells))
                if place < len(cells):
                    picture.show_picture(cells[place].pixels, cells[place].name)
                    picture.setToolTip(cells[place].name)
        self._place()

    def _row_cells(self, row: Row) -> list[_Cell]:
        look, name = row.look, row.name
        cells = [_Cell("as it is read", f"the picture as {name} reads it", channels_last(look.picture))]
        if look.map is not None and look.kind == "evidence":
            cells.append(_Cell("class evidence", f"class evidence of {name}", self._map(look.map[0], look)))
        elif look.map is not None:
            if look.heads > 1:
                mean = self._map(look.map.mean(0), look)
                cells.append(_Cell(f"mean of {look.heads} heads", f"attention of {name}, mean of its heads", mean))
            for head in range(look.heads):
                cells.append(
                    _Cell(f"head {head + 1}", f"attention of {name}, head {head + 1}", self._map(look.map[head], look))
                )
        if look.colours is not None:
            colours = patch_picture(look.colours, look.picture.shape[1:])
            cells.insert(1, _Cell("patch PCA", f"main directions of the patch features of {name}", colours))
        return cells

    def _map(self, map_hw: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
        return drawn(map_hw, look.picture, self._mass, self._grey)

    # where things are

    def _words_width(self) -> int:
        metrics = QFontMetrics(theme.font("small"))
        wide = [metrics.horizontalAdvance(text) for row in self._rows for text in _lines(row)]
        wide += [metrics.horizontalAdvance(row.name) + theme.px(KEY) for row in self._rows]
        return min(max(wide, default=0) + theme.px(10), theme.px(130))

    def _line(self) -> int:
        return QFontMetrics(theme.font("small")).height() + theme.px(2)

    def _side(self) -> int:
        gap, most = theme.px(GAP), max(1, max(map(len, self._cells), default=1))
        across = (self._room.width() - self._words_width()) // most - gap
        down = (self._room.height() - self._line()) // max(1, len(self._rows)) - gap
        return min(max(theme.px(LEAST), min(across, down)), max(theme.px(MOST), theme.px(LEAST)))

    def _place(self) -> None:
        side, gap, left, top = self._side(), theme.px(GAP), self._words_width(), self._line()
        for line, row in enumerate(self._pictures):
            for place, picture in enumerate(row):
                picture.setGeometry(QRect(left + place * (side + gap), top + line * (side + gap), side, side))
        most = max(map(len, self._cells), default=1)
        self.setFixedSize(max(1, left + most * (side + gap)), max(1, top + len(self._rows) * (side + gap)))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color("muted"))
        side, gap, left = self._side(), theme.px(GAP), self._words_width()
        metrics = QFontMetrics(painter.font())
        for place, head in enumerate(self.heads()):
            box = QRectF(left + place * (side + gap), 0, side + gap - 2, self._line())
            text = metrics.elidedText(head, Qt.TextElideMode.ElideRight, int(box.width()))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        for line, row in enumerate(self._rows):
            self._paint_words(painter, row, QRect(0, self._line() + line * (side + gap), left - theme.px(8), side))

    def _paint_words(self, painter: QPainter, row: Row, box: QRect) -> None:
        """Key and name, then the likeliest classes."""
        lines, high = _lines(row), self._line()
        lines = lines[: max(1, box.height() // high - 1)]
        top = box.top() + max(0, (box.height() - (1 + len(lines)) * high) // 2)
        pen = QPen(theme.color(row.color), theme.px(2), Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
        if row.dashed:
            pen.setDashPattern(DASHES["teacher"])
        painter.setPen(pen)
        painter.drawLine(QPointF(0, top + high / 2), QPointF(theme.px(13), top + high / 2))
        metrics = QFontMetrics(painter.font())
        painter.setPen(theme.color("text"))
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideRight, box.width() - theme.px(KEY))
        painter.drawText(QRectF(theme.px(KEY), top, box.width(), high), int(Qt.AlignmentFlag.AlignVCenter), name)
        for place, text in enumerate(lines, 1):
            right = row.label and row.look.top(1)[0][0] == row.label
            first = ("ok" if right else "bad") if row.label else "text"
            painter.setPen(theme.color(first if place == 1 else "muted"))
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(QRectF(0, top + place * high, box.width(), high), int(Qt.AlignmentFlag.AlignVCenter), shown)


def _lines(row: Row) -> list[str]:
    return [f"{name} {share:.2f}" for name, share in row.look.top()]


def _said(row: Row) -> str:
    return ", ".join(_lines(row)) or "nothing: it knows no classes"


class NetworkLooks(Card):
    """The card: what is looked at, the grid, and how it is drawn. `open_asked` and `paste_asked` for another picture."""

    open_asked = Signal()
    paste_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Picture", parent=parent)
        self.grid = LookGrid()
        self.area = QScrollArea()
        self.area.setWidget(self.grid)
        self.area.setAccessibleName("Where the networks look")
        self.area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        taking.let_take(self.area, of=self.grid)
        self.mass = QSlider(Qt.Orientation.Horizontal)
        self.mass.setRange(1, 20)
        self.mass.setValue(20)
        self.mass.setAccessibleName("Share of a map's mass that is shown")
        self.mass.setToolTip(MASS_MEANING)
        self.grey = theme.dress(QCheckBox("&Grey picture behind"), small=True)
        self.grey.setChecked(True)
        self._share, self._told = theme.dress(QLabel(), small=True), theme.dress(ElidedLabel(), small=True, muted=True)
        self._note, self._waiting, self._pages = EmptyNote(), LoadingNote("Looking at the picture"), QStackedWidget()
        self._lay_out()
        self.mass.valueChanged.connect(self._restyle)
        self.grey.toggled.connect(self._restyle)
        self._restyle()

    def _lay_out(self) -> None:
        self._open = self._button("folder", "Open a picture", self.open_asked)
        self._paste = self._button("copy", "Paste a picture", self.paste_asked)
        for page in (self.area, self._note, self._waiting):
            self._pages.addWidget(page)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(8)
        label = theme.dress(QLabel("&Mass"), small=True, prose=True)
        label.setBuddy(self.mass)
        self.mass.setMaximumWidth(theme.px(140))
        for part, stretch in ((label, 0), (self.mass, 1), (self._share, 0), (self.grey, 0), (self._told, 2)):
            foot.addWidget(part, stretch)
        self.body.setContentsMargins(12, 0, 12, 6)
        self.body.setSpacing(2)
        self.body.addWidget(self._pages, 1)
        self.body.addWidget(self._foot)

    def _button(self, icon: str, text: str, asked: object) -> QToolButton:
        button = theme.put_icon(theme.dress(QToolButton(), small=True), icon, "text2", 14)
        button.setText(text)
        button.setAccessibleName(text)
        button.setToolTip(f"{text}; or drop one anywhere on this page")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(asked)
        self.head.addWidget(button)
        return button

    def show_looks(self, rows: Sequence[Row], overlap: float | None) -> None:
        self.grid.show_rows(rows)
        kinds = {row.look.kind for row in rows}
        scaled = "each map scaled to its own maximum"
        said = [f"overlap {overlap:.2f}" if overlap is not None else "", scaled if kinds - {None} else ""]
        self._told.setText(" · ".join(filter(None, said)))
        self._told.setToolTip("\n\n".join([*(MEANINGS[kind] for kind in MEANINGS if kind in kinds), PCA_MEANING]))
        self._pages.setCurrentWidget(self.area)
        self._foot.show()
        self._fit()

    def show_note(self, sentence: str, when: str) -> None:
        self._note.show_note(sentence, when)
        self._pages.setCurrentWidget(self._note)
        self._foot.hide()

    def show_waiting(self, sentence: str) -> None:
        """Another picture is looked at; what is shown already stays until then."""
        self._waiting.show_progress(sentence)
        if self._pages.currentWidget() is not self.area:
            self._pages.setCurrentWidget(self._waiting)
            self._foot.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        bar = self.area.horizontalScrollBar().sizeHint().height()
        self.grid.fit(self._pages.size() - QSize(theme.px(4), bar))

    def _restyle(self) -> None:
        share = self.mass.value() / self.mass.maximum()
        self._share.setText(words.percent(share, 0))
        self._share.setMinimumWidth(self._share.fontMetrics().horizontalAdvance(words.percent(1, 0)))
        self.grid.show_style(share, self.grey.isChecked())
