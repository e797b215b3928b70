"""Pictures side by side that are zoomed and moved in step, so that the same spot is compared in all of them.

`Zoom` is what they share; whoever turns the wheel over one turns it over all. Each paints its part of the picture straight into
its box, so a step costs one copy a picture.
"""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme
from studio.widgets import taking
from studio.widgets.picture import NEAREST_BELOW, fitted_size, to_image

MOST = 16.0  # of a 224 px picture 14 pixels are seen then, of a patch of 16 less than one
STEP = 1.25  # a key, or a notch of the wheel
NOTCH = 120  # what Qt calls a notch, in eighths of a degree
SHARE = 0.1  # of what is in sight an arrow moves
MIDDLE = QPointF(0.5, 0.5)
ARROWS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}


class Zoom(QObject):
    """How large pictures are shown, and which point of them is in the middle: (0, 0) is their upper left, (1, 1) their lower
    right corner. Nothing beyond their edges is ever shown."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scale, self.middle = 1.0, QPointF(MIDDLE)

    @property
    def part(self) -> QRectF:
        """What is in sight, in shares of a picture."""
        side = 1 / self.scale
        return QRectF(self.middle.x() - side / 2, self.middle.y() - side / 2, side, side)

    def by(self, factor: float, at: QPointF = MIDDLE) -> None:
        """Larger about a point of the box, in shares of it; what is there stays there."""
        scale = min(max(self.scale * factor, 1.0), MOST)
        self._set(scale, self.middle + (at - MIDDLE) * (1 / self.scale - 1 / scale))

    def move(self, across: float, down: float) -> None:
        """In shares of what is in sight."""
        self._set(self.scale, self.middle + QPointF(across, down) / self.scale)

    def reset(self) -> None:
        self._set(1.0, MIDDLE)

    def _set(self, scale: float, middle: QPointF) -> None:
        edge = 0.5 / scale
        inside = QPointF(min(max(middle.x(), edge), 1 - edge), min(max(middle.y(), edge), 1 - edge))
        if (scale, inside) != (self.scale, self.middle):
            self.scale, self.middle = scale, inside
            self.changed.emit()


class ZoomedPicture(QWidget):
    """One of the pictures: wheel and + - zoom, a drag and the arrows move, 0 and a double click show all of it."""

    def __init__(self, zoom: Zoom, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._zoom, self._image, self._held = zoom, QImage(), QPointF()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip("Wheel or + and − zoom all in step, a drag or the arrows move them; 0 or a double click shows all")
        taking.let_take(self)
        zoom.changed.connect(self._follow)

    def show_picture(self, array: NDArray[np.uint8] | None, name: str) -> None:
        """uint8 [H, W] or [H, W, 3]; `name` says what it is for those who do not see it."""
        self._image = QImage() if array is None else to_image(array)
        self.setAccessibleName(name)
        self._follow()

    def _follow(self) -> None:
        zoomed = f"zoomed {self._zoom.scale:.1f} times" if self._zoom.scale > 1 else "all of it is shown"
        self.setAccessibleDescription(zoomed)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(150), theme.px(150))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(64), theme.px(72))

    def box(self) -> QRectF:
        """Where the picture stands."""
        room = self.size() - QSize(6, 6)
        found = QRectF(QPointF(), fitted_size(self._image, room)) if not self._image.isNull() else QRectF(0, 0, 1, 1)
        found.moveCenter(QRectF(self.rect()).center())
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, box = QPainter(self), self.box()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._image.isNull():
            part, wide, high = self._zoom.part, self._image.width(), self._image.height()
            source = QRectF(part.x() * wide, part.y() * high, part.width() * wide, part.height() * high)
            corners = QPainterPath()
            corners.addRoundedRect(box, theme.px(4), theme.px(4))
            painter.setClipPath(corners)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, max(wide, high) >= NEAREST_BELOW)
            painter.drawImage(box, self._image, source)
            painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRoundedRect(box.adjusted(-2, -2, 2, 2), theme.px(6), theme.px(6))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        box, at = self.box(), event.position()
        spot = QPointF((at.x() - box.x()) / box.width(), (at.y() - box.y()) / box.height())
        self._zoom.by(STEP ** (event.angleDelta().y() / NOTCH), spot)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._held = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            gone, box = event.position() - self._held, self.box()
            self._held = event.position()
            self._zoom.move(-gone.x() / box.width(), -gone.y() / box.height())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._zoom.reset()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._zoom.by(STEP)
        elif key == Qt.Key.Key_Minus:
            self._zoom.by(1 / STEP)
        elif key == Qt.Key.Key_0:
            self._zoom.reset()
        elif key in ARROWS:
            across, down = ARROWS[key]
            self._zoom.move(SHARE * across, SHARE * down)
        else:
            super().keyPressEvent(event)
