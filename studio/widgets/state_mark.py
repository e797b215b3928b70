"""The mark of a run's state: a shape and a colour, never alone; the words beside it are the caller's."""

from PySide6.QtCore import QEvent, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio import theme

MARKS: dict[str, tuple[str, str]] = {
    "queued": ("circle", "muted"),
    "blocked": ("circle", "warn"),
    "starting": ("circle", "ok"),
    "running": ("disc", "ok"),
    "unresponsive": ("exclamation", "warn"),
    "paused": ("pause", "warn"),
    "stopping": ("disc", "muted"),
    "lost": ("question", "warn"),
    "finished": ("check", "ok"),
}
ENDINGS: dict[str, tuple[str, str]] = {
    "completed": ("check", "ok"),
    "stopped": ("stop", "muted"),
    "failed": ("octagon-x", "bad"),
    "paused": ("pause", "warn"),
}


def mark_of(state: str, reason: str = "") -> tuple[str, str]:
    """The icon and the colour token of a state; `reason` is that of a finished run."""
    if state == "finished" and reason:
        return ENDINGS[reason]
    if state not in MARKS:
        raise ValueError(f"there is no state {state!r}; there are {', '.join(MARKS)}")
    return MARKS[state]


class StateMark(QWidget):
    """Paints the mark. Without a state it keeps its place and paints nothing."""

    def __init__(self, size: int = 16, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = size
        self._mark: tuple[str, str] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_state(self, state: str, reason: str = "") -> None:
        self._mark = mark_of(state, reason) if state else None
        self.setAccessibleName(f"{state}, {reason}" if state == "finished" and reason else state)
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.StyleChange:  # another scale, another size
            self.updateGeometry()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(self._size), theme.px(self._size))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._mark is None:
            return
        side = min(self.width(), self.height(), theme.px(self._size))
        place = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        theme.paint_icon(QPainter(self), place, *self._mark)
