"""The window, driven as a person drives it: what a press writes to disk, where a key leads, and that it needs no torch."""

import locale
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import recorded
from by_hand import LEFT, press, queued, sent, settle, worker
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from engine import events, recipe
from engine.queue import Queue
from engine.run import Run
from studio import __main__ as door
from studio import main_window, preferences, theme, unsaved
from studio import session as module
from studio.assistant import Assistant
from studio.key_sheet import About
from studio.leaving import Leaving, what_goes_on
from studio.main_window import MainWindow, View
from studio.preferences import Preferences
from studio.recipe_model import OpenRecipe
from studio.recipe_presets import Snapshot
from studio.session import Session
from studio.strip_model import strip_words

KEYS, CTRL = Qt.Key, Qt.KeyboardModifier.ControlModifier
REPOSITORY = Path(__file__).parents[2]
Open = Callable[[Path], MainWindow]


class StandIn(QWidget):
    """A view that shows nothing: the window's own behaviour is at stake here."""

    go = Signal(str)

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__()


class RecipePage(StandIn):
    """Where recipes are written, as far as the window knows it."""

    started = Signal(str)
    written = Signal()
    preview_wanted = Signal(dict)

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__(session, assistant)
        self.heard: list[object] = []
        self.open = OpenRecipe()
        self.edit = lambda path, text: self.heard.append((path, text))
        self.settle = self.heard.append
        self.open_file = self.heard.append
        self.open_text = lambda text, source: self.heard.append((text, source))
        self.use_data = self.heard.append
        self.restore = self.heard.append
        self.unsaved: Snapshot | None = None

    def kept(self) -> Snapshot | None:
        return self.unsaved


class DataPage(StandIn):
    use_wanted = Signal(dict)
    recipe_asked = Signal()
    recipe_edited = Signal(str, str)
    recipe_settled = Signal(str)

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__(session, assistant)
        self.heard: list[object] = []
        self.follow_recipe = self.show_preview = self.heard.append
        self.renew_preview = lambda: self.heard.append("written")


class QueuePage(StandIn):
    duplicate_wanted = Signal(str)
    new_wanted = Signal()
    opened = Signal(str)


ALL = (
    View("data", "data", "Data", DataPage),
    View("recipe", "recipe", "Recipe", RecipePage),
    View("queue", "queue", "Queue", QueuePage),
    View("live", "live", "Live", StandIn),
    View("generations", "generations", "Generations", StandIn),
)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where preferences are kept, and what was not saved."""
    monkeypatch.setattr(unsaved, "path", lambda: tmp_path / "state" / "unsaved.json")
    monkeypatch.setattr(preferences, "folder", lambda: tmp_path / "config")
    return tmp_path / "config"


@pytest.fixture
def opened(
    dressed, on_screen, home: Path, monkeypatch: pytest.MonkeyPatch, follow: Callable[[Path], Session]
) -> Iterator[Open]:
    """Opens a window with stand-ins for its views; its session looks at every tick, and ticks when it is told to."""
    monkeypatch.setattr(main_window, "VIEWS", ALL)
    windows: list[MainWindow] = []

    def open_window(folder: Path) -> MainWindow:
        window = MainWindow(follow(folder))
        windows.append(window)
        window.resize(1280, 720)
        on_screen(window)
        return window

    yield open_window
    for window in windows:
        window.leave()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with twelve steps behind it, saved after ten; nobody is at work on it."""
    first = recorded.lineage(tmp_path / "runs")[0]
    recorded.begin(first)
    recorded.prepare(first)
    recorded.steps(first, 1, 12)
    return first


def choose(menu: QMenu, text: str) -> None:
    """Trigger an item, in a submenu too."""
    inner = [act.menu() for act in menu.actions() if act.menu() is not None]
    act = next(act for part in (menu, *inner) for act in part.actions() if act.text() == text)
    assert act.isEnabled()
    act.trigger()


# ---- from page to page --------------------------------------------------------------------------------------------------


def test_that_the_window_opens_on_the_first_screen(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    assert window.current == "welcome" and window.welcome.isVisible()
    assert not any(button.isChecked() for button in window.rail.buttons.values())


def test_that_keys_lead_to_the_views_and_back(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    for place, view in enumerate(main_window.VIEWS, 1):
        QTest.keyClick(window, KEYS(KEYS.Key_0 + place), CTRL)
        assert window.current == view.name and window.windowTitle().startswith(view.title)
        assert [name for name, button in window.rail.buttons.items() if button.isChecked()] == [view.name]
    QTest.keyClick(window, KEYS.Key_Home, CTRL)
    assert window.current == "welcome"


def test_that_the_rail_leads_to_the_views_and_the_mark_home(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    for name, button in window.rail.buttons.items():
        press(button)
        assert window.current == name and button.isChecked()
        press(button)
        assert button.isChecked(), "pressing the view in sight does not take its mark away"
    press(window.rail.mark)
    assert window.current == "welcome"


def test_that_the_rail_names_only_the_views_there_are_and_tells_their_keys(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    texts = {button.text(): button.toolTip() for button in window.rail.buttons.values()}
    assert texts == {view.title: f"{view.title}  Ctrl+{place}" for place, view in enumerate(main_window.VIEWS, 1)}


def test_that_a_view_can_ask_for_another(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    window.welcome.go.emit("live")
    assert window.current == "live"
    window.views["live"].go.emit("generations")
    assert window.current == "generations"


def test_that_a_shown_page_can_be_scrolled_by_keys_at_once(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    QTest.keyClick(window, KEYS.Key_1, CTRL)
    assert QApplication.focusWidget() is window.pages.currentWidget()


def test_that_every_control_has_a_name(opened: Open, run: Run) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
    nameless = [
        button
        for button in window.findChildren(QAbstractButton)
        if button.isVisible() and not (button.text() or button.accessibleName())
    ]
    assert nameless == []


def test_that_tab_walks_from_the_rail_through_the_page_to_the_strip(opened: Open, run: Run) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
    window.rail.mark.setFocus()
    reached: list[QWidget] = []
    for _ in range(16):
        QTest.keyClick(QApplication.focusWidget(), KEYS.Key_Tab)
        reached.append(QApplication.focusWidget())
    strip = window.strip
    wanted = [
        *window.rail.buttons.values(), window.rail.settings,
        window.welcome.sample.button, window.welcome.new.button, strip.sentence, strip.pause, strip.stop.face, strip.stop.more,
    ]  # fmt: skip
    places = [reached.index(widget) for widget in wanted]
    assert places == sorted(places)


def test_that_the_rail_leaves_out_its_names_where_they_have_no_room(opened: Open, dressed, tmp_path: Path) -> None:
    window = opened(tmp_path)
    styles = Qt.ToolButtonStyle
    assert {button.toolButtonStyle() for button in window.rail.buttons.values()} == {styles.ToolButtonTextUnderIcon}
    dressed("light", 2.0)
    QApplication.processEvents()
    assert {button.toolButtonStyle() for button in window.rail.buttons.values()} == {styles.ToolButtonIconOnly}
    places = [button.geometry() for button in (*window.rail.buttons.values(), window.rail.settings)]
    assert all(above.bottom() < below.top() for above, below in pairwise(places))
    assert places[-1].bottom() < window.rail.height()


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.5, 2.0])
def test_that_the_window_fits_a_small_screen(opened: Open, dressed, run: Run, scale: float) -> None:
    dressed("light", scale)
    with recorded.alive(run):
        window = opened(run.workspace)
        window.say("a refusal that is long enough to need more than one line in any window that people have " * 3)
        assert window.minimumSizeHint().width() <= 1280 and window.minimumSizeHint().height() <= 720
        assert window.grab().toImage().size().width() == 1280
        buttons = (window.strip.pause, window.strip.stop.face, window.strip.stop.more)
        assert all(button.visibleRegion().boundingRect().size() == button.size() for button in buttons)


# ---- what views want of each other --------------------------------------------------------------------------------------


def test_that_a_new_experiment_begins_at_the_recipe(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    press(window.welcome.new.button)
    assert window.current == "recipe"
    window.show_view("queue")
    window.views["queue"].new_wanted.emit()
    assert window.current == "recipe" and window.views["recipe"].heard == []


def test_that_without_a_place_for_recipes_none_is_offered(opened: Open, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(main_window, "VIEWS", tuple(view for view in ALL if view.name != "recipe"))
    window = opened(tmp_path)
    assert not window.welcome.new.isVisible() and "recipe" not in window.welcome.folder._words.text()


def test_that_data_is_used_in_the_recipe(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    window.views["data"].use_wanted.emit({"name": "folder", "path": "/pictures"})
    assert window.current == "recipe" and window.views["recipe"].heard == [{"name": "folder", "path": "/pictures"}]


def test_that_crops_are_previewed_on_the_page_of_data_from_the_one_document_there_is(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    recipe_page = window.views["recipe"]
    recipe_page.written.emit()
    assert window.views.living("data") is None, "nobody looks at crops yet"
    recipe_page.preview_wanted.emit({"name": "digits"})
    data = window.views["data"]
    data.recipe_asked.emit()
    recipe_page.written.emit()
    assert window.current == "data" and data.heard == [{"name": "digits"}, recipe_page.open, "written"]
    data.recipe_edited.emit("augment.shift", "2")
    data.recipe_settled.emit("augment.shift")
    assert recipe_page.heard == [("augment.shift", "2"), "augment.shift"]


def test_that_a_run_is_duplicated_as_the_recipe_of_its_lineage(opened: Open, run: Run) -> None:
    window = opened(run.workspace)
    window.views["queue"].duplicate_wanted.emit(run.name)
    [(text, source)] = window.views["recipe"].heard
    assert window.current == "recipe" and source == run.name
    asked = recipe.read_text(text).recipe
    assert (asked.lineage, asked.generations, asked.seeds) == ("digits", 3, (0,))


@pytest.mark.parametrize(("view", "signal"), [("recipe", "started"), ("queue", "opened")])
def test_that_a_run_that_was_started_or_opened_is_shown(opened: Open, run: Run, view: str, signal: str) -> None:
    other = recorded.lineage(run.workspace, "lineage=other")[0]
    window = opened(run.workspace)
    getattr(window.views[view], signal).emit(other.name)
    assert window.current == "live" and window.session.chosen.name == other.name


def test_that_a_dropped_recipe_is_written_on(opened: Open, run: Run, tmp_path: Path) -> None:
    window = opened(run.workspace)
    file = tmp_path / "mine.toml"
    file.write_text(recipe.shipped_text("born-again-digits"))
    assert drop(window, file)
    assert window.current == "recipe" and window.views["recipe"].heard == [file]
    assert window.session.workspace.folder == run.workspace


# ---- the strip ----------------------------------------------------------------------------------------------------------


def test_that_the_strip_follows_the_run_at_work(opened: Open, run: Run) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
    strip = window.strip
    assert strip.sentence.accessibleName() == "digits F0 seed 0"
    assert strip.step.text() == "step 12 of 20" and strip.bar.value() == 600
    assert strip.time.text().startswith("4 s left, done at ")
    assert strip.memory.text().startswith("memory 0.6 of ") and strip.memory.text().endswith(" GiB")
    assert not strip.resume.isVisible()


@pytest.mark.parametrize("word", ["pause", "stop"])
def test_that_a_wish_is_requested_acknowledged_and_done_before_our_eyes(opened: Open, run: Run, word: str) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        strip = window.strip
        press(strip.pause if word == "pause" else strip.stop.face)
        [command] = sent(run)
        assert command["type"] == word and command["attempt"] == 1
        assert strip.wish.text() == f"{word} requested" and not strip.pause.isVisible()
        recorded.write(run, events.CommandAcknowledged(id=str(command["id"]), command=word, outcome="accepted"))
        settle(window.session)
        assert strip.wish.text() == f"{word} acknowledged"
        recorded.end(run, "paused" if word == "pause" else "stopped", "by hand")
    settle(window.session)
    assert not strip.wish.isVisible() and not strip.stop.isVisible()
    assert strip.resume.text() == "Resume from epoch 2"


@pytest.mark.parametrize(("way", "when"), [("epoch", "epoch"), ("now", "now")])
def test_that_each_item_of_stop_writes_its_command(opened: Open, run: Run, way: str, when: str) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        press(window.strip.stop.more)
        menu = window.strip.stop.menu
        item = next(act for act in menu.actions() if act.data() == way)
        assert item.defaultWidget().accessibleName().endswith(("saves it, in about 2 s", "loses nothing"))
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(item).center())
        assert [(command["type"], command["when"]) for command in sent(run)] == [("stop", when)]


def test_that_a_second_press_on_stop_does_nothing_harder(opened: Open, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[Run] = []
    monkeypatch.setattr(Run, "kill", lambda self: bool(killed.append(self)) or True)
    with recorded.alive(run):
        window = opened(run.workspace)
        stop = window.strip.stop
        place = stop.face.rect().center()
        for _ in range(3):
            QTest.mouseClick(stop.face, LEFT, pos=place)
        QTest.mouseDClick(stop.face, LEFT, pos=place)
        assert [command["when"] for command in sent(run)] == ["epoch"] and killed == []
        assert stop.face.text() == "Stop" and not stop.face.isEnabled()
        press(stop.more)
        assert [act.data() for act in stop.menu.actions() if act.data()] == ["now", "kill"], "the menu still has them"
        stop.menu.close()


def test_that_a_second_press_on_pause_by_key_asks_nothing_more(opened: Open, run: Run, asked) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        window.strip.pause.setFocus()
        QTest.keyClick(window.strip.pause, KEYS.Key_Space)
        assert window.strip.sentence.hasFocus()
        QTest.keyClick(QApplication.focusWidget(), KEYS.Key_Space)
        assert [command["type"] for command in sent(run)] == ["pause"] and window.current == "live"
        recorded.end(run, "paused")
    settle(window.session)
    assert window.strip.resume.isVisible() and not window.strip.resume.hasFocus() and asked == []


def test_that_kill_reaches_the_engine_and_no_file(opened: Open, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[Run] = []
    monkeypatch.setattr(Run, "kill", lambda self: bool(killed.append(self)) or True)
    with recorded.alive(run):
        window = opened(run.workspace)
        press(window.strip.stop.more)
        menu = window.strip.stop.menu
        item = next(act for act in menu.actions() if act.data() == "kill")
        assert item.defaultWidget().accessibleName() == "Kill: at once; keeps epoch 2, loses 2 steps"
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(item).center())
    assert killed == [run] and sent(run) == []


def test_that_a_run_that_dies_becomes_lost_and_the_strip_offers_to_resume_it(
    opened: Open, run: Run, asked, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 1.0)
    with recorded.alive(run):
        window = opened(run.workspace)
        window.session.start()
        assert window.strip.pause.isVisible()
    qtbot.waitUntil(window.strip.resume.isVisible, timeout=5000)
    assert not window.strip.pause.isVisible() and not window.strip.stop.isVisible()
    assert window.strip.sentence.accessibleName().startswith("digits F0 seed 0: lost since ")
    press(window.strip.resume)
    assert asked == [["work", "--runs", str(run.workspace)]] and queued(run.workspace)[0] == run.name
    assert not window.strip.resume.isVisible()
    assert window.strip.sentence.accessibleName() == "digits F0 seed 0: starting, the engine is loading"


def test_that_a_silent_run_can_only_be_killed(opened: Open, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        monkeypatch.setattr("engine.state.SILENT_S", 0.0)
        settle(window.session)
        strip = window.strip
        assert strip.stop.face.text() == "Kill" and not strip.pause.isVisible() and not strip.resume.isVisible()
        assert "still alive" in strip.sentence.accessibleName()


def test_that_nothing_is_offered_when_all_is_done(opened: Open, tmp_path: Path) -> None:
    last = recorded.lineage(tmp_path)[0]
    recorded.complete(last)
    strip = opened(tmp_path).strip
    assert strip.sentence.accessibleName().startswith("No run at work; last one finished ")
    assert strip.sentence.accessibleName().endswith(", digits F0 seed 0")
    assert not any(part.isVisible() for part in (strip.pause, strip.stop, strip.resume, strip.step, strip.memory))


def test_that_an_empty_workspace_has_no_run_at_work(opened: Open, tmp_path: Path) -> None:
    strip = opened(tmp_path).strip
    assert strip.sentence.accessibleName() == "No run at work"
    assert strip.sentence.focusPolicy() == Qt.FocusPolicy.NoFocus, "it leads nowhere"


def test_that_the_sentence_of_the_strip_leads_to_its_run(opened: Open, run: Run) -> None:
    other = recorded.lineage(run.workspace, "lineage=other")[0]
    recorded.complete(other)
    with recorded.alive(run):
        window = opened(run.workspace)
        window.session.choose(other.name)
        press(window.strip.sentence)
    assert window.current == "live" and window.session.chosen.name == run.name


def test_that_several_runs_at_work_are_counted_and_the_chosen_one_is_told(opened: Open, run: Run) -> None:
    other = recorded.lineage(run.workspace, "lineage=other")[0]
    recorded.begin(other)
    with recorded.alive(run), recorded.alive(other):
        session = opened(run.workspace).session
        session.choose(other.name)
        assert strip_words(session, 0.0).sentence.startswith("2 runs at work; other F0 seed 0")


def test_that_what_has_no_room_gives_way_and_the_buttons_never_do(opened: Open, run: Run) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        strip = window.strip
        wide = [part.isVisible() for part in (strip.memory_bar, strip.memory, strip.bar, strip.time, strip.step)]
        window.resize(640, 480)
        narrow = [part.isVisible() for part in (strip.memory_bar, strip.memory, strip.bar, strip.time, strip.step)]
        assert wide == [True] * 5 and narrow == sorted(narrow), "the least important goes first"
        assert not narrow[0] and strip.pause.isVisible() and strip.stop.isVisible()
        window.resize(1280, 720)
        assert strip.memory_bar.isVisible()


# ---- refusals -----------------------------------------------------------------------------------------------------------


def test_that_a_refusal_is_a_line_that_can_be_dismissed(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    assert not window.notice.isVisible()
    window.session.refused.emit("the engine cannot be started")
    assert window.notice.isVisible() and window.notice.words.text() == "The engine cannot be started"
    assert not window.notice.act.isVisible() and QApplication.activeModalWidget() is None
    press(window.notice.close_button)
    assert not window.notice.isVisible()


def test_that_a_refusal_of_the_queue_goes_when_the_queue_does_the_next_thing(opened: Open, run: Run) -> None:
    window = opened(run.folder.parent)
    window.session.move(["nobody"], 0)
    assert window.notice.isVisible()
    window.session.enqueue([run.name])
    assert not window.notice.isVisible()
    window.session.refused.emit("the engine cannot be started")
    window.session.take_out([run.name])
    assert window.notice.isVisible(), "of that the queue knows nothing"


def test_that_the_name_of_a_run_is_said_as_it_is_written(opened: Open, run: Run) -> None:
    window = opened(run.folder.parent)
    window.say(f"{run.name} cannot be asked anything")
    assert window.notice.words.text().startswith(f"{run.name} ")


def test_that_an_unsaved_recipe_outlives_the_window(opened: Open, tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.views["recipe"].unsaved = Snapshot("epochs = 3", name="mine")
    first.close()
    second = opened(tmp_path)
    assert second.views["recipe"].heard == [Snapshot("epochs = 3", name="mine")]
    second.close()
    assert unsaved.kept() is None, "it was saved there"


def test_that_a_recipe_nobody_looked_at_stays_unsaved_as_it_was(opened: Open, tmp_path: Path) -> None:
    unsaved.keep(Snapshot("epochs = 3", name="mine"))
    opened(tmp_path).close()
    assert unsaved.kept() == Snapshot("epochs = 3", name="mine")


def test_that_a_page_is_made_when_it_is_first_asked_for_and_then_stays(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    assert window.pages.lacking == [view.name for view in ALL], "the first screen pays for none of them"
    window.show_view("live")
    assert window.pages.lacking == ["data", "recipe", "queue", "generations"] and window.current == "live"
    live = window.views["live"]
    while window.make_next_page():
        assert window.current == "live"
    assert window.views["live"] is live and window.pages.lacking == []
    with pytest.raises(KeyError):
        window.views["welcome"]  # a page, but no place of the rail


def test_that_tab_leads_from_a_page_made_late_to_the_strip(opened: Open, run: Run) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
    QVBoxLayout(window.views["live"]).addWidget(late := QPushButton("late"))
    window.show_view("live")
    window.strip.pause.setFocus()
    window.views["queue"]  # made behind the scenes
    assert QApplication.focusWidget() is window.strip.pause, "who was in the strip stays there"
    late.setFocus()
    QTest.keyClick(late, KEYS.Key_Tab)
    assert window.strip.isAncestorOf(QApplication.focusWidget())


def test_that_escape_dismisses_a_refusal(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    window.say("no")
    window.notice.close_button.setFocus()
    QTest.keyClick(window.notice.close_button, KEYS.Key_Escape)
    assert not window.notice.isVisible()


def test_that_a_run_of_another_machine_is_resumed_on_a_persons_word(opened: Open, run: Run, asked) -> None:
    recorded.elsewhere(run, "otherbox")
    window = opened(run.workspace)
    press(window.strip.resume)
    assert asked == [] and "otherbox" in window.notice.words.text()
    press(window.notice.act)
    assert asked == [["resume", run.name, "--runs", str(run.workspace)]] and not window.notice.isVisible()


# ---- folders ------------------------------------------------------------------------------------------------------------


def drop(window: MainWindow, path: Path) -> bool:
    """Drop a folder on the window. Whether it was let in."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enters = QDragEnterEvent(QPoint(300, 300), copy, data, LEFT, none)
    QApplication.sendEvent(window, enters)
    if enters.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), copy, data, LEFT, none))
    return enters.isAccepted()


def test_that_a_dropped_workspace_is_looked_at(opened: Open, run: Run, tmp_path: Path, home: Path) -> None:
    window = opened(tmp_path / "elsewhere")
    assert drop(window, run.workspace)
    assert window.session.workspace.folder == run.workspace and window.current == "welcome"
    assert preferences.load().last_folder == str(run.workspace)
    assert window.welcome.folder._last.text() == f"last: {run.workspace}"


def test_that_a_dropped_run_is_shown_live(opened: Open, run: Run, tmp_path: Path) -> None:
    other = recorded.lineage(run.workspace, "lineage=other")[0]
    recorded.complete(other)
    window = opened(tmp_path / "elsewhere")
    assert drop(window, run.folder)
    assert window.current == "live" and window.session.chosen.name == run.name


def test_that_a_dropped_text_is_not_let_in(opened: Open, tmp_path: Path) -> None:
    data = QMimeData()
    data.setText("not a folder")
    event = QDragEnterEvent(QPoint(300, 300), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(opened(tmp_path), event)
    assert not event.isAccepted()


def test_that_a_folder_says_what_it_lacks(opened: Open, run: Run, tmp_path: Path) -> None:
    window = opened(run.workspace)
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "events.jsonl").write_text("")
    for name, words in {
        "file.txt": "is not a folder",
        "gone": "There is no folder",
        "empty": "a run is a folder with a recipe.toml in it",
        "half": "without its recipe it is not a run",
    }.items():
        drop(window, tmp_path / name)
        assert words in window.notice.words.text()
    assert window.session.workspace.folder == run.workspace, "what is looked at stays"


def test_that_the_dialog_begins_where_one_was_last(opened: Open, run: Run, tmp_path: Path, monkeypatch) -> None:
    preferences.save(Preferences(last_folder=str(run.workspace)))
    window = opened(tmp_path / "elsewhere")
    asked: list[str] = []
    answer = lambda _parent, _title, start: asked.append(start) or str(run.workspace)  # noqa: E731
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", answer)
    QTest.keyClick(window, KEYS.Key_O, CTRL)
    assert asked == [str(run.workspace)]
    assert window.session.workspace.folder == run.workspace


def test_that_leaving_the_dialog_changes_nothing(opened: Open, run: Run, monkeypatch) -> None:
    window = opened(run.workspace)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    press(window.welcome.folder.button)
    assert window.session.workspace.folder == run.workspace and not window.notice.isVisible()


# ---- settings -----------------------------------------------------------------------------------------------------------


def test_that_theme_and_scale_change_at_once_and_are_remembered(opened: Open, tmp_path: Path, home: Path) -> None:
    window = opened(tmp_path)
    choose(window.rail.settings.menu(), "Dark theme")
    assert theme.palette() is theme.DARK
    choose(window.rail.settings.menu(), "150 %")
    assert theme.scale() == 1.5
    assert preferences.load() == Preferences(theme="dark", scale=1.5)
    assert 'theme = "dark"' in (home / "studio.toml").read_text()
    again = opened(tmp_path)
    checked = {act.text() for act in again.rail.settings.menu().actions() if act.isChecked()}
    assert checked == {"Dark theme"}


def test_that_the_settings_open_by_keyboard(opened: Open, tmp_path: Path, qtbot) -> None:
    window = opened(tmp_path)
    menu = window.rail.settings.menu()
    seen: list[bool] = []
    menu.aboutToShow.connect(lambda: seen.append(True))
    window.rail.settings.setFocus()
    QTimer.singleShot(0, menu.close)  # a tool button's menu runs a loop of its own
    qtbot.keyClick(window.rail.settings, KEYS.Key_Space)
    assert seen


def test_that_the_place_of_the_runs_is_told(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    choose(window.rail.settings.menu(), "About Filial")
    [about] = window.findChildren(About)
    assert str(tmp_path) in " ".join(label.text() for label in about.findChildren(QLabel))
    QTest.keyClick(about, KEYS.Key_Escape)
    assert not about.isVisible()


@pytest.mark.parametrize(
    "text", ["", "theme = 7\nscale = 'big'\n", "scale = 12.0", "scale = nan", "not toml [", "theme = 'pink'\nlast_folder = 3"]
)
def test_that_odd_preferences_count_as_none(home: Path, text: str) -> None:
    home.mkdir()
    (home / "studio.toml").write_text(text)
    assert preferences.load() == Preferences()


def test_that_one_odd_preference_spoils_no_other(home: Path) -> None:
    home.mkdir()
    (home / "studio.toml").write_text("# mine\ntheme = 'pink'\nscale = 1.5\n")
    assert preferences.load() == Preferences(scale=1.5)
    preferences.save(Preferences(theme="light", scale=1.5))
    assert (home / "studio.toml").read_text().startswith("# mine\n"), "a comment stays"


def test_that_preferences_that_cannot_be_kept_cost_nothing_else(home: Path) -> None:
    home.write_text("a file where a folder belongs")
    preferences.save(Preferences(theme="dark"))
    assert preferences.load() == Preferences()


# ---- the end ------------------------------------------------------------------------------------------------------------


def question(window: MainWindow) -> Leaving | None:
    return window.findChild(Leaving)


def test_that_the_window_closes_without_a_question_while_nothing_trains(opened: Open, run: Run) -> None:
    window = opened(run.workspace)
    window.resize(711, 566)  # smaller than the screen there is off screen
    window.close()
    assert question(window) is None and not window.isVisible() and not window.session._timer.isActive()
    again = opened(run.workspace)
    again.restore_place()
    assert (again.width(), again.height()) == (711, 566)


def test_that_what_trains_is_left_running_on_return(opened: Open, run: Run) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        window.close()
        assert window.isVisible() and question(window).isVisible()
        assert question(window).accessibleDescription() == "digits F0 seed 0 is training."
        QTest.keyClick(question(window), KEYS.Key_Return)
        assert not window.isVisible() and not window.session._timer.isActive()
        assert sent(run) == [] and run.held()


def test_that_what_trains_can_be_stopped_and_saved(opened: Open, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: None)  # the worker is this process
    student = run.workspace / "digits-s0-F1"
    with recorded.alive(run), worker(run.workspace):
        window = opened(run.workspace)
        Queue(window.session.workspace).add([run.name, student.name])
        settle(window.session)
        window.close()
        assert question(window).accessibleDescription() == "digits F0 seed 0 is training. 1 more waits in the queue."
        press(question(window).stop)
        assert not window.isVisible()
        assert [(command["type"], command["when"]) for command in sent(run)] == [("stop", "now")]
        assert Queue(window.session.workspace).held
        monkeypatch.undo()


def test_that_a_stop_that_cannot_be_asked_keeps_the_window(opened: Open, run: Run) -> None:
    (run.folder / "commands").write_text("a file where a folder belongs")
    with recorded.alive(run):
        window = opened(run.workspace)
        window.close()
        press(question(window).stop)
        assert window.isVisible() and "cannot be asked anything" in window.notice.words.text()


@pytest.mark.parametrize("way", ["cancel", "escape"])
def test_that_a_person_may_stay(opened: Open, run: Run, way: str) -> None:
    with recorded.alive(run):
        window = opened(run.workspace)
        window.close()
        if way == "cancel":
            press(question(window).stay)
        else:
            QTest.keyClick(question(window), KEYS.Key_Escape)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert window.isVisible() and question(window) is None and sent(run) == []
        window.close()
        assert question(window).isVisible(), "nothing is remembered"


def test_that_several_runs_are_counted_before_the_window_closes(opened: Open, run: Run) -> None:
    other = recorded.lineage(run.workspace, "lineage=other")[0]
    with recorded.alive(run), recorded.alive(other):
        assert what_goes_on(opened(run.workspace).session) == "2 runs are training."


def test_that_a_run_about_to_begin_is_asked_about(opened: Open, run: Run) -> None:
    with worker(run.workspace):
        window = opened(run.workspace)
        Queue(window.session.workspace).add([run.name])
        settle(window.session)
        window.close()
        assert question(window).accessibleDescription() == "digits F0 seed 0 is about to train."


def test_that_the_key_closes_the_window(opened: Open, tmp_path: Path) -> None:
    window = opened(tmp_path)
    QTest.keyClick(window, KEYS.Key_Q, CTRL)
    assert not window.isVisible()


# ---- the door -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_torch(tmp_path: Path) -> dict[str, str]:
    """An environment off screen, with a home of its own, in which torch cannot be imported."""
    shim = tmp_path / "shim" / "torch"
    shim.mkdir(parents=True)
    (shim / "__init__.py").write_text("raise ImportError('the window imported torch')\n")
    own = {"PYTHONPATH": str(shim.parent), "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1"}


def python(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )


def test_that_the_window_is_imported_without_torch(without_torch: dict[str, str]) -> None:
    views = sorted(path.stem for path in (REPOSITORY / "studio" / "views").glob("[a-z]*.py"))
    modules = ["studio.main_window", "studio.render", *(f"studio.views.{view}" for view in views)]
    done = python("-c", f"import sys, {', '.join(modules)}; assert 'torch' not in sys.modules", env=without_torch)
    assert done.returncode == 0, done.stderr


def test_that_the_first_screen_needs_no_charts(without_torch: dict[str, str]) -> None:
    done = python("-c", "import sys, studio.main_window; assert 'pyqtgraph' not in sys.modules", env=without_torch)
    assert done.returncode == 0, done.stderr


def test_that_the_help_answers_without_qt(without_torch: dict[str, str]) -> None:
    done = python("-c", "import sys, studio.__main__; assert 'PySide6' not in sys.modules", env=without_torch)
    assert done.returncode == 0, done.stderr


def test_that_pages_are_drawn_off_screen_without_torch(without_torch: dict[str, str], tmp_path: Path) -> None:
    for run in recorded.lineage(tmp_path / "runs", "generations=1"):
        recorded.complete(run)
    out = tmp_path / "out"
    size = ("--size", "1280x720", "--theme", "dark")
    kept = Path(without_torch["XDG_STATE_HOME"]) / "filial" / "unsaved.json"  # a person's, neither shown nor written over
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("what a person had begun")
    done = python("-m", "studio", "--render", str(out), str(tmp_path / "runs"), *size, env=without_torch)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out / f"{view.name}.png") for view in main_window.VIEWS]
    assert "Traceback" not in done.stderr
    assert kept.read_text() == "what a person had begun"
    for view in main_window.VIEWS:
        picture = QPixmap(str(out / f"{view.name}.png"))
        assert (picture.width(), picture.height()) == (1280, 720)
        assert picture.toImage().pixelColor(2, 360).name() == theme.DARK.window.lower()


def test_that_a_page_there_is_not_is_told_with_those_there_are(without_torch: dict[str, str], tmp_path: Path) -> None:
    done = python("-m", "studio", "--render", str(tmp_path / "out"), str(tmp_path), "--view", "lve", env=without_torch)
    assert done.returncode == 2
    there_are = ", ".join(["welcome", *(view.name for view in main_window.VIEWS)])
    assert f"there is no page 'lve'; there are {there_are}" in done.stderr and "Traceback" not in done.stderr


CLOSING = """
import os, signal, sys
from PySide6.QtCore import QTimer
from studio import __main__ as door, main_window
shown = main_window.MainWindow.show
def show(self):
    shown(self)
    QTimer.singleShot(0, lambda: os.kill(os.getpid(), {number}))
main_window.MainWindow.show = show
sys.exit(door.main([{folder!r}]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_that_a_signal_closes_the_window(without_torch: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    recorded.complete(recorded.lineage(tmp_path / "runs")[0])
    done = python("-c", CLOSING.format(number=int(number), folder=str(tmp_path / "runs")), env=without_torch)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "config" / "filial" / "window.ini").exists(), "it was closed, not killed"


def test_that_a_comma_locale_changes_no_number_of_ours(without_torch: dict[str, str]) -> None:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("this machine has no de_DE.UTF-8")
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    script = (
        "import locale; from studio import __main__ as door; asked = door._parser().parse_args([]); "
        "app = door._application(asked); print(locale.localeconv()['decimal_point'], locale.str(0.5))"
    )
    done = python("-c", script, env={**without_torch, "LC_ALL": "de_DE.UTF-8"})
    assert done.stdout.split() == [".", "0.5"], done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{}/file.txt"], "is a file; a workspace is a folder with runs in it"),
        (["--render", "out"], "--render needs a WORKSPACE to draw"),
        (["--render", "out", "{}/gone"], "there is no folder"),
        (["{}/gone/deeper"], "there is no folder"),
    ],
)
def test_that_the_first_error_is_a_sentence(arguments: list[str], sentence: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "file.txt").write_text("")
    assert door.main([argument.format(tmp_path) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("filial: ") and sentence in said and "Traceback" not in said


def test_that_a_machine_without_a_display_is_told_how_to_draw(tmp_path: Path, capsys, monkeypatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux starts without a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert door.main([str(tmp_path)]) == 2
    assert "no display" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["1280", "1280x", "ax b", "1x1"])
def test_that_a_size_is_written_one_way(size: str, capsys) -> None:
    with pytest.raises(SystemExit) as refused:
        door.main(["--render", "out", ".", "--size", size])
    assert refused.value.code == 2 and "1280x720" in capsys.readouterr().err


def test_that_what_goes_wrong_in_a_click_is_said_and_ends_nothing(opened: Open, tmp_path: Path, capsys) -> None:
    window = opened(tmp_path)
    error = ValueError("7 is not 8")
    door._telling(window.say)(ValueError, error, None)
    assert "7 is not 8" in window.notice.words.text() and "Training is not touched" in window.notice.words.text()
    assert "ValueError: 7 is not 8" in capsys.readouterr().err
