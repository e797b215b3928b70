"""A picture with frames where its crops lie. Global ones are drawn whole and named, local ones dashed.

The one place where the accent colour marks data: the frames must be told from every colour a photograph may have.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.preview_model import Frame
from studio.widgets import taking
from studio.widgets.painted import Painted
from studio.widgets.picture import channels_last, fitted, to_image

SIDE = 380  # wished for, pixels at scale 1


class CropFrames(Painted):
    """What lies outside the picture is black, as training sees it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._frames: Sequence[Frame] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        taking.let_take(self)

    def show_picture(self, picture_CHW: NDArray[np.uint8], frames: Sequence[Frame], name: str, said: str) -> None:
        self._image, self._frames = to_image(channels_last(picture_CHW)), tuple(frames)
        self.setAccessibleName(name)
        self.setAccessibleDescription(said)
        self.redraw()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(SIDE), theme.px(SIDE))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(180), theme.px(180))

    def draw(self, painter: QPainter) -> None:
        if self._image.isNull():
            return
        whole = self._whole()
        zoom = min((self.width() - 2) / whole.width(), (self.height() - 2) / whole.height())
        origin = QPointF((self.width() - zoom * whole.width()) / 2, 1) - whole.topLeft() * zoom

        def on_screen(box: QRectF) -> QRectF:
            return QRectF(origin + box.topLeft() * zoom, box.size() * zoom)

        painter.fillRect(on_screen(whole), Qt.GlobalColor.black)
        place = on_screen(QRectF(0, 0, self._image.width(), self._image.height()))
        painter.drawImage(place, fitted(self._image, place.size().toSize()))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for frame in self._frames:
            self._draw_frame(painter, on_screen(_box(frame)), frame)
        for frame in self._frames:
            if frame.is_global and frame.label:
                _draw_label(painter, on_screen(_box(frame)), frame.label)

    def _draw_frame(self, painter: QPainter, box: QRectF, frame: Frame) -> None:
        inside = box.adjusted(1, 1, -1, -1)
        if frame.is_global:
            painter.setPen(QPen(Qt.GlobalColor.white, 3))
            painter.drawRect(inside)
            painter.setPen(QPen(theme.color("accent"), 1.5))
            painter.drawRect(inside)
            return
        painter.setPen(QPen(Qt.GlobalColor.black, 1))
        painter.drawRect(inside)
        pen = QPen(Qt.GlobalColor.white, 1)
        pen.setDashPattern([3, 3])
        painter.setPen(pen)
        painter.drawRect(inside)

    def _whole(self) -> QRectF:
        whole = QRectF(0, 0, self._image.width(), self._image.height())
        for frame in self._frames:
            whole = whole.united(_box(frame))
        return whole


def _box(frame: Frame) -> QRectF:
    return QRectF(frame.left, frame.top, frame.width, frame.height)


def _draw_label(painter: QPainter, box: QRectF, label: str) -> None:
    painter.setFont(theme.font("small"))
    metrics = QFontMetricsF(painter.font())
    tag = QRectF(box.left(), box.top(), metrics.horizontalAdvance(label) + theme.px(8), metrics.height() + theme.px(2))
    painter.fillRect(tag, theme.color("accent"))
    painter.setPen(theme.color("onaccent"))
    painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), label)
