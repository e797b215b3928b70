"""The split button that stops a run: the usual way on its face, the other ways in a menu of two lines an item.

What a choice does is left to whoever listens; what it promises is said by the caller, who knows the run. A way that
is not possible now is not offered, so the button never says Stop to a dead run.
"""

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget, QWidgetAction

from studio import theme
from studio.palette import Kind

ACTS = {"epoch": "Stop after this epoch", "now": "Save now and stop", "kill": "Kill"}
COMFORT = "No choice deletes anything."


class TwoLines(QWidget):
    """One item of a menu: the act, and below it the promise. The menu keeps mouse and keys; this only paints."""

    def __init__(self, action: QWidgetAction, menu: QMenu, promise: str, usual: bool) -> None:
        super().__init__(menu)
        self._action, self._menu = action, menu
        self._promise, self._usual = promise, usual
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(f"{action.text()}: {promise}" if promise else action.text())

    def sizeHint(self) -> QSize:
        lines = [(theme.font("body"), self._action.text()), (theme.font("small"), self._promise)]
        widths = [QFontMetrics(font).horizontalAdvance(text) for font, text in lines]
        height = sum(QFontMetrics(font).height() for font, text in lines if text)
        return QSize(theme.px(34) + max(widths) + theme.px(24), height + theme.px(16 if self._promise else 12))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._menu.activeAction() is self._action:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("sel"))
            painter.drawRoundedRect(self.rect(), theme.px(6), theme.px(6))
        if self._usual:
            side = theme.px(14)
            theme.paint_icon(painter, QRectF(theme.px(11), theme.px(8), side, side), "check", "accenttext")
        room = self.rect().adjusted(theme.px(34), theme.px(8), -theme.px(8), -theme.px(8))
        if self._promise:
            self._write(painter, room, "body", "text", self._action.text(), Qt.AlignmentFlag.AlignTop)
            self._write(painter, room, "small", "muted", self._promise, Qt.AlignmentFlag.AlignBottom)
        else:
            whole = self.rect().adjusted(theme.px(34), 0, 0, 0)
            self._write(painter, whole, "small", "muted", self._action.text(), Qt.AlignmentFlag.AlignVCenter)

    @staticmethod
    def _write(painter: QPainter, room: QRect, kind: Kind, token: str, text: str, where: Qt.AlignmentFlag) -> None:
        painter.setFont(theme.font(kind))
        painter.setPen(theme.color(token))
        painter.drawText(room, int(where | Qt.AlignmentFlag.AlignLeft), text)


class StopButton(QWidget):
    """Two buttons in one frame. `stop_asked` says when: "epoch" or "now"; `kill_asked` is for what does not answer."""

    stop_asked = Signal(str)
    kill_asked = Signal()

    def __init__(self, parent: QWidget | None = None, *, small: bool = False) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._offered: dict[str, str] = {}
        self.face = theme.dress(QPushButton(), half="left", small=small)
        self.more = theme.dress(QPushButton(), half="right", small=small)
        self.more.setAccessibleName("Other ways to stop")
        self.more.setToolTip("Other ways to stop")
        self.menu = theme.round_menu(QMenu(self))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.face)
        row.addWidget(theme.put_icon(self.more, "chevron-down", "text2", 12))
        self.face.clicked.connect(lambda: self._ask(next(iter(self._offered))))
        self.more.clicked.connect(self._open)
        self.menu.aboutToHide.connect(lambda: self._show_open(False))
        self.show_choices()
        theme.put_icon(self.face, "stop", "text", 14)  # now that it has words, for it keeps its distance from them

    def show_choices(self, epoch: str | None = None, now: str | None = None, kill: str | None = None, label: str = "") -> None:
        """The promise of each way, None for a way that is not possible. The first possible one is on the face."""
        promises = {"epoch": epoch, "now": now, "kill": kill}
        offered = {way: promise for way, promise in promises.items() if promise is not None}
        self.face.setText(label or next((ACTS[way] for way in offered), "Stop"))
        self.face.setToolTip(next(iter(offered.values()), ""))
        for half in (self.face, self.more):
            half.setEnabled(bool(offered))
        if offered != self._offered or not self.menu.actions():
            self._offered = offered
            self._fill_menu()

    def _fill_menu(self) -> None:
        """Promises change while the run goes on; an open menu keeps its items in place and is filled anew."""
        active = self.menu.activeAction()
        way = active.data() if active else None
        self.menu.clear()
        for index, (name, promise) in enumerate(self._offered.items()):
            self._add_item(name, ACTS[name], promise, usual=index == 0)
        self.menu.addSeparator()
        self._add_item("", COMFORT, "", usual=False).setEnabled(False)
        for action in self.menu.actions():
            if way and action.data() == way and self.menu.isVisible():
                self.menu.setActiveAction(action)

    def _add_item(self, way: str, act: str, promise: str, usual: bool) -> QWidgetAction:
        action = QWidgetAction(self.menu)
        action.setText(act)
        action.setData(way)
        action.setDefaultWidget(TwoLines(action, self.menu, promise, usual))
        action.triggered.connect(lambda: self._ask(way))
        self.menu.addAction(action)
        return action

    def _ask(self, way: str) -> None:
        if way == "kill":
            self.kill_asked.emit()
        elif way:
            self.stop_asked.emit(way)

    def _open(self) -> None:
        self._show_open(True)
        self.menu.popup(self._menu_corner(self.menu.sizeHint()))
        self.menu.setActiveAction(self.menu.actions()[0])

    def _menu_corner(self, size: QSize) -> QPoint:
        """Below the button and flush with its right edge; above it when there is no room below, as in the strip."""
        gap = 4
        below = self.mapToGlobal(QPoint(self.width() - size.width(), self.height() + gap))
        fits = below.y() + size.height() <= self.screen().availableGeometry().bottom()
        return below if fits else self.mapToGlobal(QPoint(self.width() - size.width(), -size.height() - gap))

    def _show_open(self, shown: bool) -> None:
        theme.dress(self.more, open=shown)
        theme.put_icon(self.more, "chevron-up" if shown else "chevron-down", "text2", 12)
