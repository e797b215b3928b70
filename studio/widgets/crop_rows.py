"""What teacher and student receive, crop beside crop. Student solid, teacher dashed, as in every chart."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.preview_model import Crop, Row
from studio.widgets.card import ElidedLabel
from studio.widgets.picture import Picture, channels_last

LARGE, SMALL = 132, 84  # side of a global and of a local crop, pixels at scale 1
MOST_IN_A_ROW = {False: 2, True: 8}  # large, small
DASHES = [3.0, 2.0]


class LineKey(QWidget):
    """A stroke as it stands for student or teacher."""

    def __init__(self, dashed: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dashed = dashed
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(20), theme.px(12))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        pen = QPen(theme.color("text2"), 2)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if self._dashed:
            pen.setDashPattern(DASHES)
        painter.setPen(pen)
        middle = self.height() / 2
        painter.drawLine(0, round(middle), self.width(), round(middle))


class CropTile(QWidget):
    """A crop and, below it, what was done to it."""

    def __init__(self, side: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self.picture = Picture(side)
        self.caption = theme.dress(ElidedLabel(), small=True, muted=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.picture)
        column.addWidget(self.caption)
        theme.signals.changed.connect(self._fit)
        self._fit()

    def show_crop(self, crop: Crop, who: str) -> None:
        self.picture.show_picture(channels_last(crop.picture), f"{who}, {crop.caption}")
        self.picture.setToolTip(crop.caption)
        self.caption.setText(crop.caption)

    def _fit(self) -> None:
        side = theme.px(self._side)
        self.picture.setFixedSize(side, side)
        self.caption.setMaximumWidth(side)
        self.caption.setMinimumWidth(side)


class CropRow(QWidget):
    """One of the two, and its crops. Tiles of the same size stay while fields change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles: list[CropTile] = []
        self._shape = (0, False)
        self._key = LineKey(False)
        self._title = theme.dress(QLabel(), prose=False)
        self._subtitle = theme.dress(ElidedLabel(), small=True, muted=True)
        head = QHBoxLayout()
        head.setSpacing(8)
        for part in (self._key, self._title, self._subtitle):
            head.addWidget(part)
        head.addStretch(1)
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(self._grid)

    def show_row(self, row: Row) -> None:
        self._key._dashed = row.who == "teacher"
        self._key.update()
        self._title.setText(row.title)
        self._subtitle.setText(row.subtitle)
        self.setAccessibleName(row.title)
        self.setAccessibleDescription(row.subtitle)
        if self._shape != (len(row.crops), row.small):
            self._shape = len(row.crops), row.small
            self._make(len(row.crops), row.small)
        for tile, crop in zip(self.tiles, row.crops, strict=True):
            tile.show_crop(crop, row.title)

    def _make(self, count: int, small: bool) -> None:
        for tile in self.tiles:
            self._grid.removeWidget(tile)
            tile.hide()
            tile.deleteLater()
        columns = MOST_IN_A_ROW[small]
        self.tiles = [CropTile(SMALL if small else LARGE) for _ in range(count)]
        for place, tile in enumerate(self.tiles):
            self._grid.addWidget(tile, place // columns, place % columns)
        self._grid.setColumnStretch(columns, 1)


class CropRows(QWidget):
    """Rows below each other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[CropRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)

    def show_rows(self, rows: Sequence[Row]) -> None:
        while len(self.rows) < len(rows):
            self.rows.append(CropRow())
            self._column.addWidget(self.rows[-1])
        for shown, row in zip(self.rows, rows):
            shown.show_row(row)
        for place, one in enumerate(self.rows):
            one.setVisible(place < len(rows))
