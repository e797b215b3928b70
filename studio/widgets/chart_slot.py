"""A place for a chart: a small one lets a person put another chart there."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from studio import theme
from studio.live_pages import PAGES, Page
from studio.widgets.cursor import Cursor
from studio.widgets.curve_plot import CurvePlot


class ChartSlot(QWidget):
    """A place for a chart. A small one has a menu of all charts that could stand there."""

    page_asked = Signal(str)

    def __init__(self, cursor: Cursor, small: bool = False) -> None:
        super().__init__()
        self.small = small
        self._cursor = cursor
        self._offered: tuple[str, ...] = ()
        self.more = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "chevron-down", size=12)
        self.more.setVisible(False)
        self.more.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = theme.round_menu(QMenu(self))
        self.more.setMenu(self.menu)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.page = PAGES["objective"]
        self.plot = self._make(self.page)

    @property
    def key(self) -> str:
        return self.page.key

    def show_page(self, page: Page) -> None:
        """Another chart: made anew, for how a chart writes its values is decided when it is made."""
        if page.key == self.page.key:
            return
        focused, gone = self.plot.hasFocus(), self.plot
        self.page, self.plot = page, self._make(page)
        self._cursor.tell_extent(gone, None)
        gone.hide()
        gone.deleteLater()
        if focused:
            self.plot.setFocus()

    def offer(self, pages: Sequence[Page]) -> None:
        """What the menu lists, once there is something to choose from."""
        keys = tuple(page.key for page in pages)
        if keys == self._offered or self.menu.isVisible():
            self._tick()
            return
        self._offered = keys
        self.menu.clear()
        for page in pages:
            action = self.menu.addAction(page.title)
            action.setCheckable(True)
            action.setData(page.key)
            action.setToolTip(page.why)
            action.triggered.connect(lambda _=False, key=page.key: self.page_asked.emit(key))
        self._tick()
        self.more.setVisible(self.small and len(pages) > 1)

    def _tick(self) -> None:
        for action in self.menu.actions():
            action.setChecked(action.data() == self.page.key)

    def _make(self, page: Page) -> CurvePlot:
        plot = CurvePlot(
            page.title,
            format=page.format,
            small=self.small,
            normalised=page.normalised,
            better=page.better,
        )
        plot.head_frame.setToolTip(page.why)
        plot.head.addWidget(self.more)
        self.more.setAccessibleName(f"Show another chart in place of {page.title}")
        self.more.setToolTip("Show another chart here")
        self._column.addWidget(plot)
        plot.show()  # which Qt would do one turn later, and what is not shown cannot take the focus
        self._cursor.attach(plot)
        return plot
