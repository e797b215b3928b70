"""Whoever hears the window instead of seeing it: every control of every page says what it is, and every chart what it shows.

And whoever comes to an empty page is told what to do next.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QTabBar,
    QTableView,
    QWidget,
)

from studio import preferences, unsaved
from studio.key_sheet import KeySheet
from studio.main_window import VIEWS, WELCOME, MainWindow
from studio.session import Session
from studio.settings import Settings
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.empty import EmptyNote

Open = Callable[[Path], MainWindow]
PAGES = (WELCOME, *(view.name for view in VIEWS))


@pytest.fixture
def opened(request, dressed, on_screen, tmp_path: Path, monkeypatch, follow: Callable[[Path], Session]) -> Iterator[Open]:
    """The real window on a workspace."""
    monkeypatch.setattr(unsaved, "path", lambda: tmp_path / "state" / "unsaved.json")
    monkeypatch.setattr(preferences, "folder", lambda: tmp_path / "config")
    windows: list[MainWindow] = []

    def open_window(folder: Path) -> MainWindow:
        windows.append(MainWindow(follow(folder)))
        windows[-1].resize(1280, 720)
        on_screen(windows[-1])
        return windows[-1]

    yield open_window
    while windows:
        windows.pop().leave()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A lineage of two, a run without labels that is lost, and one that waits."""
    for run in recorded.lineage(tmp_path / "runs", "generations=1"):
        recorded.complete(run)
    recorded.dino(recorded.without_labels(tmp_path / "runs", "lineage=animals")[0], last=13)
    recorded.lineage(tmp_path / "runs", "lineage=waits", "generations=1")
    return tmp_path / "runs"


def nameless(root: QWidget) -> list[str]:
    """Controls that Tab reaches and that say nothing of themselves."""
    labelled = {label.buddy() for label in root.window().findChildren(QLabel) if label.buddy() is not None and label.text()}
    found = []
    for one in [root, *root.findChildren(QWidget)]:
        if not _is_control(one) or one in labelled:
            continue
        text = one.text() if isinstance(one, QAbstractButton) else ""
        if not (one.accessibleName() or text).strip():
            found.append(f"{type(one).__name__} in {[type(each).__name__ for each in _above(one)][:4]}")
    return found


def _is_control(one: QWidget) -> bool:
    parent = one.parentWidget()
    inner = isinstance(one, QScrollBar) or (isinstance(one, QLineEdit) and isinstance(parent, QAbstractSpinBox | QComboBox))
    popup = any(each.windowType() == Qt.WindowType.Popup for each in (one, *_above(one)))
    corner = isinstance(one, QAbstractButton) and isinstance(parent, QTableView)  # Qt's own, and out of reach
    reached = bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus) or isinstance(one, QAbstractButton)
    return reached and not (inner or popup or corner) and one.isVisible()


def _above(one: QWidget) -> list[QWidget]:
    found = []
    while (parent := one.parentWidget()) is not None:
        found.append(parent)
        one = parent
    return found


@pytest.mark.parametrize("name", PAGES)
def test_that_every_control_of_a_page_has_a_name(opened: Open, runs: Path, name: str, qtbot) -> None:
    window = opened(runs)
    window.session.choose("digits-s0-F1")
    window.show_view(name)
    QApplication.processEvents()
    page = window.pages.currentWidget()
    assert nameless(page.widget() if isinstance(page, QScrollArea) else page) == []


def test_that_every_room_of_the_generations_has_names(opened: Open, runs: Path, qtbot) -> None:
    window = opened(runs)
    window.session.choose("digits-s0-F1")
    window.show_view("generations")
    view = window.views["generations"]
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    tabs = view.findChildren(QTabBar)[0]
    for place in range(tabs.count()):
        tabs.setCurrentIndex(place)
        qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
        assert nameless(view) == [], tabs.tabText(place)


def test_that_the_rest_of_the_window_has_names(opened: Open, runs: Path) -> None:
    window = opened(runs)
    window.open_finder()
    window.say("something is not done")
    for part in (window.rail, window.strip, window.notice, window.finder):
        assert nameless(part) == []
    window.finder.leave()


@pytest.mark.parametrize(("act", "kind"), [("window.settings", Settings), ("go.help", KeySheet)])
def test_that_every_control_of_a_dialog_has_a_name(opened: Open, runs: Path, act: str, kind: type[QDialog], qtbot) -> None:
    window = opened(runs)
    window.acts.do(act)
    [dialog] = window.findChildren(kind)
    assert nameless(dialog) == [] and dialog.windowTitle()
    if isinstance(dialog, Settings):
        qtbot.waitUntil(lambda: not dialog._later.busy, timeout=5000)
    dialog.close()


def test_that_every_chart_says_what_it_shows(opened: Open, runs: Path) -> None:
    window = opened(runs)
    window.session.choose("digits-s0-F1")
    window.show_view("live")
    QApplication.processEvents()
    charts = [plot for plot in window.views["live"].findChildren(CurvePlot) if plot.isVisible()]
    said = {plot.accessibleName(): plot.accessibleDescription() for plot in charts}
    assert len(said) == 6 and all(said.values())
    assert "best" in said["Objective"] and "falling" in said["Objective"]


@pytest.mark.parametrize("name", PAGES)
def test_that_an_empty_page_says_what_to_do_next(opened: Open, tmp_path: Path, name: str) -> None:
    """A sentence with its next step, and a button that takes it."""
    window = opened(tmp_path / "nothing")
    window.show_view(name)
    QApplication.processEvents()
    page = window.pages.currentWidget()
    ways = [button for button in page.findChildren(QPushButton) if button.isVisible() and button.isEnabled()]
    assert ways, "no way on"
    notes = [note for note in page.findChildren(EmptyNote) if note.isVisible()]
    assert all(note.accessibleName() for note in notes)
    if name not in (WELCOME, "recipe"):
        assert notes, "the page is empty and does not say so"


@pytest.mark.parametrize("name", PAGES)
def test_that_a_page_shows_one_run_that_has_not_begun(opened: Open, tmp_path: Path, name: str) -> None:
    recorded.without_labels(tmp_path / "runs")
    window = opened(tmp_path / "runs")
    window.show_view(name)
    QApplication.processEvents()
    shown = window.grab().toImage()
    assert shown.width() == 1280 and nameless(window.pages.currentWidget()) == []
