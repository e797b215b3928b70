"""A workspace from a stranger in the real window: every page is shown, nothing raises, and what is wrong is said."""

from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest
import strangers
from by_hand import settle
from PySide6.QtCore import QCoreApplication, QPoint
from PySide6.QtGui import Qt as Rich
from PySide6.QtWidgets import QApplication, QLabel, QToolTip, QWidget

from studio import preferences, theme, unsaved
from studio.later import Later
from studio.main_window import MainWindow
from studio.session import Session

Show = Callable[[QWidget], QWidget]
PLAIN, MARKED = Rich.TextFormat.PlainText, Rich.TextFormat.RichText


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where preferences are kept, and what was not saved."""
    monkeypatch.setattr(unsaved, "path", lambda: tmp_path / "state" / "unsaved.json")
    monkeypatch.setattr(preferences, "folder", lambda: tmp_path / "config")


def turned(window: MainWindow) -> None:
    """What is worked out in the other thread has arrived, and all of it is painted."""
    QApplication.processEvents()
    while waiting := [later for later in window.findChildren(Later) if later.busy]:
        for later in waiting:
            wait([future for future, _ in later._waiting.values()])
            later._look()
        QApplication.processEvents()
    window.grab()


def all_text(widget: QWidget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel))


def test_that_a_strangers_workspace_is_shown_on_every_page(
    tmp_path: Path, home: None, dressed: object, on_screen: Show, follow: Callable[[Path], Session]
) -> None:
    folders = strangers.workspace(tmp_path / "runs")
    window = MainWindow(follow(tmp_path / "runs"))
    try:
        on_screen(window)
        assert sorted(one.name for one in window.session.runs) == sorted(folder.name for folder in folders)
        for folder in folders[-len(strangers.TOGETHER) :]:
            window.session.choose(folder.name)
            for view in ("live", "generations", "inspect") if (folder / "events.jsonl").is_file() else ("live",):
                window.show_view(view)
                turned(window)
        for view in ("queue", "data", "recipe", "welcome"):
            window.show_view(view)
            turned(window)
        labels = window.findChildren(QLabel)
        assert any(Rich.mightBeRichText(label.text()) for label in labels)
        assert {label.textFormat() for label in labels if not label.property("rich")} == {PLAIN}
        assert all(strangers.EVIL not in label.text() for label in labels if label.property("rich"))
        (tmp_path / "runs" / "queue.json").write_text('{"version": 1, "runs": ["a/b"]}')
        settle(window.session)
        assert "'a/b' cannot be a run's name" in all_text(window)
        said = {one.name: one.problem for one in window.session.runs}
        assert "nested more than 12 deep" in said["odd6-s0-F0"] and "not UTF-8" in said["odd0-s0-F0"]
    finally:
        window.leave()


@pytest.mark.parametrize("made", [QLabel, theme.dress])
def test_that_words_are_markup_only_where_we_wrote_it(
    dressed: object, on_screen: Callable[[QWidget], QWidget], made: Callable[..., QLabel]
) -> None:
    label = QLabel("<img src=x>") if made is QLabel else theme.dress(QLabel("<b>x</b>"), rich=True)
    on_screen(label)
    assert label.textFormat() == (PLAIN if made is QLabel else MARKED)
    QToolTip.showText(QPoint(5, 5), "<img src=x>", label)
    QCoreApplication.processEvents()
    tips = [tip for tip in QApplication.topLevelWidgets() if tip.inherits("QTipLabel")]
    assert [tip.textFormat() for tip in tips if isinstance(tip, QLabel)] == [PLAIN]
    QToolTip.hideText()
