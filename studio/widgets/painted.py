"""A drawing that is made once per size, theme and content, and only copied at every repaint."""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme

_straight = [False]


@contextmanager
def directly() -> Iterator[None]:
    """Until its end drawings are made where they are wanted, sharp at any size, and not copied from their picture."""
    _straight[0] = True
    try:
        yield
    finally:
        _straight[0] = False


def straight() -> bool:
    """Whether a drawing is made where it is wanted just now, and may cost a while."""
    return _straight[0]


class Painted(QWidget):
    """Override `draw`; call `redraw` when the content changes. What moves with the pointer goes into `draw_front`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ready: QPixmap | None = None
        theme.signals.changed.connect(self.redraw)

    def redraw(self) -> None:
        self._ready = None
        self.updateGeometry()
        self.update()

    def draw(self, painter: QPainter) -> None:
        """The drawing, in the widget's own pixels."""
        raise NotImplementedError

    def draw_front(self, painter: QPainter) -> None:
        """What lies over it and changes often."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if _straight[0]:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.draw(painter)
            self.draw_front(painter)
            return
        ratio = self.devicePixelRatioF()
        if self._ready is None or self._ready.size() != self.size() * ratio or self._ready.devicePixelRatio() != ratio:
            self._ready = QPixmap(self.size() * ratio)
            self._ready.setDevicePixelRatio(ratio)
            self._ready.fill(Qt.GlobalColor.transparent)
            inside = QPainter(self._ready)
            inside.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.draw(inside)
            inside.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ready)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw_front(painter)


class Swatch(Painted):
    """The square of a generation's colour that stands beside its name."""

    def __init__(self, generation: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._generation = generation
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(10), theme.px(10))

    def draw(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(theme.generation_color(self._generation)))
        painter.drawRoundedRect(self.rect(), theme.px(2), theme.px(2))
