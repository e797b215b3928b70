"""Thumbnails of a data set, made when they are first looked at and kept while there is room."""

from collections import OrderedDict

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QPainter, QPixmap

from studio import theme
from studio.lineage_pictures import Pictures
from studio.widgets.picture import channels_last, fitted, fitted_size, to_image

KEPT = 2000  # thumbnails: at 40 px about 13 MiB


class Thumbnails:
    """Draws the pictures of one data set by their place in it. Where there is none, a dash stands in its frame."""

    def __init__(self, pictures: Pictures | None = None) -> None:
        self.pictures = pictures or Pictures()
        self._made: OrderedDict[tuple[int, int, int], QPixmap] = OrderedDict()

    def paint(self, painter: QPainter, place: QRectF, index: int) -> None:
        """`index`: place in the data set."""
        device = painter.device()
        ratio = device.devicePixelRatioF() if device else 1.0
        ready = self._thumbnail(index, QSize(round(place.width() * ratio), round(place.height() * ratio)))
        if ready is None:
            paint_missing(painter, place)
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_rounded(painter, place, ready, ratio)
        painter.restore()

    def _thumbnail(self, index: int, size: QSize) -> QPixmap | None:
        """In device pixels; None where there is no such picture."""
        array, key = self.pictures.array, (index, size.width(), size.height())
        if array is None or not 0 <= index < len(array):
            return None
        if key not in self._made:
            image = to_image(channels_last(array[index]))
            self._made[key] = QPixmap.fromImage(fitted(image, fitted_size(image, size)))
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def paint_rounded(painter: QPainter, place: QRectF, pixmap: QPixmap, ratio: float) -> None:
    """A picture in the middle of a place, with round corners. `ratio`: its pixels in one of the page."""
    inside = QRectF(0, 0, pixmap.width() / ratio, pixmap.height() / ratio)
    inside.moveCenter(place.center())
    brush = QBrush(pixmap)
    transform = brush.transform()
    transform.translate(inside.left(), inside.top())
    transform.scale(1 / ratio, 1 / ratio)
    brush.setTransform(transform)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(brush)
    painter.drawRoundedRect(inside, theme.px(4), theme.px(4))


def paint_missing(painter: QPainter, place: QRectF) -> None:
    """A dash in a frame: there is no such picture."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme.color("line"))
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), theme.px(4), theme.px(4))
    painter.setPen(theme.color("muted"))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), "–")
    painter.restore()
