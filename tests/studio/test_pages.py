"""Pages that scroll: keys that a page knows reach it while none of its controls has the keyboard."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from studio.pages import Pages


class Page(QWidget):
    """Knows K, and counts what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(100, 2000)
        self.heard: list[int] = []

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_K:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.heard.append(event.key())
        if event.key() != Qt.Key.Key_K:
            super().keyPressEvent(event)


def test_that_a_page_hears_its_keys_and_the_area_scrolls_by_the_others(on_screen) -> None:
    pages = Pages({"one": Page})
    on_screen(pages)
    pages.show_page("one")
    area, page = pages.currentWidget(), pages.page("one")
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_K, Qt.KeyboardModifier.NoModifier)
    override.ignore()
    assert area.event(override) and override.isAccepted(), "it comes before the window's"
    QTest.keyClick(area, Qt.Key.Key_K)
    assert page.heard == [Qt.Key.Key_K] and area.verticalScrollBar().value() == 0
    QTest.keyClick(area, Qt.Key.Key_PageDown)
    assert area.verticalScrollBar().value() > 0
