"""One picture with rounded corners. Small sources keep their pixels, so that 8 x 8 digits stay honest.

Shapes: pictures are uint8 [H, W] (grey) or [H, W, 3] (RGB).
"""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QContextMenuEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.widgets import taking

NEAREST_BELOW = 32  # pixels of source


def channels_last(picture_CHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A stored picture [C, H, W] with one or three channels as [H, W] or [H, W, 3]."""
    last = picture_CHW.transpose(1, 2, 0)
    return np.ascontiguousarray(last[..., 0] if last.shape[2] == 1 else last)


def to_image(array: NDArray[np.uint8]) -> QImage:
    """A QImage that owns its bytes."""
    assert array.dtype == np.uint8 and (array.ndim == 2 or array.shape[2:] == (3,)), (array.dtype, array.shape)
    whole = np.ascontiguousarray(array)
    height, width = whole.shape[:2]
    form = QImage.Format.Format_Grayscale8 if whole.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(whole.data, width, height, whole.strides[0], form).copy()


def fitted_size(image: QImage, room: QSize) -> QSize:
    """The largest size of the picture's own shape inside the room."""
    return image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))


def fitted(image: QImage, target: QSize) -> QImage:
    """The picture at this size: its own pixels when the source is small and grows, smooth otherwise."""
    small = max(image.width(), image.height()) < NEAREST_BELOW and target.width() >= image.width()
    mode = Qt.TransformationMode.FastTransformation if small else Qt.TransformationMode.SmoothTransformation
    return image.scaled(target, Qt.AspectRatioMode.IgnoreAspectRatio, mode)


class Picture(QWidget):
    """Shows an array, centred and as large as it fits. A `clickable` one takes the focus and Space or Return."""

    clicked = Signal()

    def __init__(self, side: int = 96, clickable: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self._image = QImage()
        self._ready = QImage()
        self._selected = False
        self._clickable = clickable
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self._taking: taking.Taking | None = None
        if clickable:
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_picture(self, array: NDArray[np.uint8] | None, name: str = "") -> None:
        """`name` says for those who do not see it what is shown; None clears the picture."""
        self._image = QImage() if array is None else to_image(array)
        self._ready = QImage()
        self.setAccessibleName(name)
        self.update()

    def show_selected(self, selected: bool) -> None:
        self._selected = selected
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(self._side), theme.px(self._side))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(16), theme.px(16))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._image.isNull():
            ready = self._rounded()
            painter.drawImage(self._place(), ready)
        if self._selected or self.hasFocus():
            self._paint_frame(painter)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._clickable and event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()
        else:
            super().mouseReleaseEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be taken away, made when it is first asked for: there may be hundreds of these."""
        if self._image.isNull():
            event.ignore()
            return
        self._taking = self._taking or taking.let_take(self)
        self._taking.menu().popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._clickable and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def _room(self) -> QSize:
        """Room for the picture; a clickable one leaves 3 px for its frame, so that nothing moves."""
        return self.size() - QSize(6, 6) if self._clickable else self.size()

    def _place(self) -> QRect:
        place = QRect(0, 0, self._side, self._side)
        if not self._image.isNull():
            place.setSize(fitted_size(self._image, self._room()))
        place.moveCenter(self.rect().center())
        return place

    def _rounded(self) -> QImage:
        """The fitted picture with its corners cut, kept until size, screen or picture change."""
        ratio = self.devicePixelRatioF()
        target = fitted_size(self._image, self._room() * ratio)
        if self._ready.size() == target and self._ready.devicePixelRatio() == ratio:
            return self._ready
        inner = fitted(self._image, target)
        made = QImage(target, QImage.Format.Format_ARGB32_Premultiplied)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(inner))
        radius = theme.px(4) * ratio
        painter.drawRoundedRect(QRectF(0, 0, inner.width(), inner.height()), radius, radius)
        painter.end()
        made.setDevicePixelRatio(ratio)
        self._ready = made
        return made

    def _paint_frame(self, painter: QPainter) -> None:
        painter.setPen(QPen(theme.color("focus" if self.hasFocus() else "accenttext"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self._place()).adjusted(-2, -2, 2, 2), theme.px(6), theme.px(6))
