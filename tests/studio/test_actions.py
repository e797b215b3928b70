"""The table of acts: every one has a way by keyboard, no two keys collide, and what the sheet says is what the keys do."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import recorded
from by_hand import sent, settle
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit

from engine.queue import Queue
from engine.run import Run, Workspace
from studio import actions, finding, preferences, theme, unsaved, window_acts
from studio.actions import TABLE, Act
from studio.finding import Entry, Index
from studio.key_sheet import KeySheet
from studio.main_window import MainWindow
from studio.session import Session
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Line
from studio.widgets.zoomed import Zoom, ZoomedPicture

KEYS = Qt.Key
EVERYWHERE = ""
OVER = {
    "recipe": {"Ctrl+O"},
    "inspect": {"Ctrl+O"},
    "chart": {"Ctrl+S"},
}  # keys that a page takes before the window does; tested below


@pytest.fixture
def window(request, dressed, on_screen, tmp_path: Path, monkeypatch, follow: Callable[[Path], Session]) -> Iterator[MainWindow]:
    """The real window with its real views, on a workspace with one run that ended and one at work."""
    monkeypatch.setattr(unsaved, "path", lambda: tmp_path / "state" / "unsaved.json")
    monkeypatch.setattr(preferences, "folder", lambda: tmp_path / "config")
    for run in recorded.lineage(tmp_path / "runs", "generations=1"):
        recorded.complete(run)
    made = MainWindow(follow(tmp_path / "runs"))
    made.resize(1280, 720)
    on_screen(made)
    yield made
    made.leave()
    request.node.funcargs.clear()  # which would keep it until after the look whether anything outlived the test


def portable(act: Act) -> list[str]:
    return [actions.portable(key) for key in act.keys]


# ---- the table ----------------------------------------------------------------------------------------------------------


def test_that_every_name_is_there_once_and_every_key_is_one() -> None:
    assert all(count == 1 for count in Counter(act.name for act in TABLE).values())
    assert all(not QKeySequence(key).isEmpty() for act in TABLE for key in act.keys if key != "Menu")
    assert {act.group for act in TABLE} <= set(actions.GROUPS)


def test_that_no_two_acts_have_the_same_key_where_both_are_heard() -> None:
    table = (*TABLE, *actions.view_acts([(str(place), "") for place in range(1, 10)]))
    scopes = {
        where: [key for act in table if act.where == where for key in portable(act)] for where in {a.where for a in table}
    }
    for where, keys in scopes.items():
        assert [key for key, count in Counter(keys).items() if count > 1] == [], where
        both = set(keys) & set(scopes[EVERYWHERE]) if where else set()
        assert both <= OVER.get(where, set()), f"{where} takes {both} from the window without saying so"


def test_that_no_key_of_the_window_is_one_that_types(window: MainWindow) -> None:
    """A letter alone, or with Shift, belongs to whoever writes."""
    plain = [key for act in window.acts.bound() if not act.where for key in portable(act) if "Ctrl" not in key]
    assert all(key.rpartition("+")[2].startswith("F") for key in plain), plain


# ---- the window ---------------------------------------------------------------------------------------------------------


def test_that_every_act_of_the_window_has_a_key_or_is_found_by_name(window: MainWindow) -> None:
    window.open_finder()
    found = {one.title for one in window.finder._index._entries if one.kind == "act"}
    for act in window.acts.table.values():
        bound = act.name in window.acts.actions
        assert bound or act.where in ("table", "chart", "zoomed", "find"), f"{act.name} does nothing"
        assert not bound or act.text in found or act.name == "go.find", act.name
        assert act.keys or bound


def test_that_the_actions_carry_text_and_keys_of_the_table(window: MainWindow) -> None:
    for name, action in window.acts.actions.items():
        act = window.acts.table[name]
        wanted = [] if act.where else portable(act)
        assert action.text() == act.text and [key.toString() for key in action.shortcuts()] == wanted


def test_that_no_shortcut_of_the_window_is_ambiguous(window: MainWindow, monkeypatch) -> None:
    """Every key of the window is pressed, and its act alone hears it."""
    heard: list[str] = []
    monkeypatch.setattr(window.acts, "do", heard.append)
    for act in window.acts.bound():
        for key in () if act.where else act.keys:
            QTest.keySequence(window, QKeySequence(key))
            assert heard[-1:] == [act.name], f"{key} did {heard[-1:]}"
    assert "view.queue" in heard


def test_that_pages_of_the_rail_come_by_themselves(window: MainWindow) -> None:
    assert [act.name for act in window.acts.bound() if act.name.startswith("view.")] == [
        f"view.{name}" for name in window.views
    ]


def test_that_the_sheet_lists_every_key_that_is_heard(window: MainWindow) -> None:
    QTest.keyClick(window, KEYS.Key_F1)
    [sheet] = window.findChildren(KeySheet)
    texts = [label.text() for label in sheet.findChildren(QLabel)]
    for act in window.acts.table.values():
        if act.keys:
            assert act.text in texts and act.said_keys in texts
    sheet.close()


def test_that_f1_explains_the_field_in_focus(window: MainWindow) -> None:
    window.show_view("recipe")
    window.views["recipe"].reveal("training.epochs")
    assert window._help_here()[0] == "Epochs" and "training.epochs, 1 to" in window._help_here()[1]
    QTest.keyClick(QApplication.focusWidget(), KEYS.Key_F1)
    [sheet] = window.findChildren(KeySheet)
    assert any("training.epochs" in label.text() for label in sheet.findChildren(QLabel))
    sheet.close()


def test_that_f1_explains_a_button_by_what_its_hint_says(window: MainWindow) -> None:
    window.show_view("recipe")
    window.views["recipe"].cost.button.setFocus()
    assert window._help_here() == ("Measure", "", "Takes one real step and says how long and how much memory the whole takes")


def test_that_the_pointer_over_a_field_is_told_the_same(window: MainWindow) -> None:
    window.show_view("recipe")
    row = window.views["recipe"].form.rows["training.epochs"]
    assert "training.epochs, 1 to" in row.explain("training.epochs")


def test_that_f6_goes_round_the_parts_of_the_window(window: MainWindow) -> None:
    window.show_view("queue")
    window.rail.mark.setFocus()
    seen = []
    for _ in range(3):
        QTest.keyClick(QApplication.focusWidget(), KEYS.Key_F6)
        focus = QApplication.focusWidget()
        seen += [part for part in ("rail", "pages", "strip") if getattr(window, part).isAncestorOf(focus)]
    assert seen == ["pages", "strip", "rail"]
    QTest.keyClick(QApplication.focusWidget(), KEYS.Key_F6, Qt.KeyboardModifier.ShiftModifier)
    assert window.strip.isAncestorOf(QApplication.focusWidget())


def test_that_keys_turn_to_the_next_run_and_back(window: MainWindow) -> None:
    names = [one.name for one in window.session.runs]
    window.session.choose(names[0])
    QTest.keySequence(window, QKeySequence("Ctrl+PgDown"))
    assert window.session.chosen.name == names[1]
    for _ in range(2):
        QTest.keySequence(window, QKeySequence("Ctrl+PgUp"))
    assert window.session.chosen.name == names[-1], "round the end"


def test_that_what_cannot_be_done_says_why(window: MainWindow) -> None:
    QTest.keySequence(window, QKeySequence("Ctrl+Shift+P"))
    assert window.notice.words.text() == "Pause: save and free the device: no run is at work that could be asked that now."


def test_that_keys_scale_the_window_and_stop_at_the_ends(window: MainWindow) -> None:
    for _ in preferences.SCALES:
        window.acts.do("window.larger")
    assert theme.scale() == 2.0 and "it is 200 %" in window.notice.words.text()
    QTest.keySequence(window, QKeySequence("Ctrl+0"))
    assert theme.scale() == 1.0
    QTest.keySequence(window, QKeySequence("Ctrl+-"))
    assert theme.scale() == 0.9


def test_that_a_theme_chosen_by_name_is_ticked_in_the_menu(window: MainWindow) -> None:
    window.acts.do("window.dark")
    ticked = {act.text() for act in window.rail.settings.menu().actions() if act.isChecked()}
    assert ticked == {"Dark theme"}
    assert window.acts.why_not("window.dark")


@pytest.fixture
def at_work(window: MainWindow) -> Run:
    run = recorded.lineage(window.session.workspace.folder, "lineage=new")[0]
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 12)
    return run


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("Ctrl+Shift+P", {"type": "pause"}),
        ("Ctrl+Shift+E", {"type": "stop", "when": "epoch"}),
        ("Ctrl+Shift+X", {"type": "stop", "when": "now"}),
        ("Ctrl+Shift+K", {"type": "save_now"}),
        ("Ctrl+Shift+M", {"type": "probe_now"}),
    ],
)
def test_that_a_key_asks_the_run_at_work(window: MainWindow, at_work: Run, key: str, command: dict[str, str]) -> None:
    with recorded.alive(at_work):
        settle(window.session)
        QTest.keySequence(window, QKeySequence(key))
        [asked] = sent(at_work)
    assert {name: asked.get(name) for name in command} == command


def test_that_keys_resume_the_run_looked_at_and_work_the_queue(window: MainWindow, at_work: Run, asked) -> None:
    settle(window.session)
    window.session.choose(at_work.name)
    QTest.keySequence(window, QKeySequence("Ctrl+Shift+R"))
    assert Queue(Workspace(at_work.workspace)).names()[0] == at_work.name and asked == [
        ["work", "--runs", str(at_work.workspace)]
    ]


# ---- keys heard in a page ------------------------------------------------------------------------------------------------


def test_that_the_recipe_page_hears_exactly_the_keys_of_the_table(window: MainWindow, monkeypatch) -> None:
    window.show_view("recipe")
    page = window.views["recipe"]
    heard: list[str] = []
    for act in TABLE:
        if act.where == "recipe":
            wish = act.name.partition(".")[2]
            assert callable(getattr(page, wish))
            monkeypatch.setattr(page, wish, lambda wish=wish: heard.append(wish))
    monkeypatch.setattr(window, "choose_folder", lambda: heard.append("the window's"))
    page.reveal("training.epochs")
    for act in TABLE:
        for key in act.keys if act.where == "recipe" else ():
            QTest.keySequence(QApplication.focusWidget(), QKeySequence(key))
            assert heard[-1:] == [act.name.partition(".")[2]], key


def test_that_the_inspect_page_hears_its_keys_before_the_window(window: MainWindow, monkeypatch) -> None:
    window.show_view("inspect")
    page, heard = window.views["inspect"], []
    monkeypatch.setattr(page, "ask_open", lambda: heard.append("ask_open"))
    monkeypatch.setattr(page, "paste", lambda: heard.append("paste"))
    monkeypatch.setattr(window, "choose_folder", lambda: heard.append("the window's"))
    page.examples.kinds.setFocus()
    for act in [act for act in TABLE if act.where == "inspect"]:
        QTest.keySequence(QApplication.focusWidget(), QKeySequence(act.keys[0]))
        assert heard[-1:] == [act.name.partition(".")[2]]


def test_that_the_table_of_the_queue_hears_its_keys(window: MainWindow) -> None:
    window.show_view("queue")
    table = window.views["queue"].table
    heard: list[str] = []
    table.opened.connect(lambda place: heard.append("open"))
    table.nudged.connect(lambda by: heard.append("up" if by < 0 else "down"))
    table.taken_out.connect(lambda: heard.append("out"))
    table.turned.connect(lambda place: heard.append("fold"))
    for act in [act for act in TABLE if act.where == "table"]:
        table.setCurrentIndex(table.runs.index(0, 0))
        for key in act.keys:
            QTest.keySequence(table, QKeySequence(key))
            assert heard[-1:] == [act.name.partition(".")[2]], key


def test_that_a_chart_hears_its_keys(dressed, on_screen) -> None:
    plot = CurvePlot("loss")
    plot.resize(500, 300)
    x = np.arange(100.0)
    plot.set_lines([Line("loss", x, x[::-1].copy(), color="#325BC0")])
    on_screen(plot)
    plot.setFocus()
    cursor = plot._cursor
    places = []
    for key in ("Home", "Right", "Ctrl+Right", "Left", "Ctrl+Left", "End"):
        QTest.keySequence(plot, QKeySequence(key))
        places.append(cursor.x)
    assert places == [0.0, 1.0, 11.0, 10.0, 0.0, 99.0]
    QTest.keyClick(plot, KEYS.Key_Plus)
    narrow = np.ptp(cursor.in_sight())
    QTest.keyClick(plot, KEYS.Key_Minus)
    assert np.ptp(cursor.in_sight()) > narrow
    QTest.keyClick(plot, KEYS.Key_Plus)
    QTest.keyClick(plot, KEYS.Key_0)
    QTest.keyClick(plot, KEYS.Key_Escape)
    assert cursor.x_range is None and cursor.x is None


# ---- finding ------------------------------------------------------------------------------------------------------------


def entries(*titles: str) -> Index:
    return Index([Entry(title, "run", lambda: None) for title in titles])


def titles(index: Index, question: str) -> list[str]:
    return [one.title for one in index.search(question)[0]]


def test_that_the_nearest_name_comes_first() -> None:
    index = entries("undigits", "my digits", "digits F1", "digits", "other")
    assert titles(index, "digits") == ["digits", "digits F1", "my digits", "undigits"]
    assert titles(index, "f1 dig") == ["digits F1"], "words in any order"
    assert titles(index, "DIGITS f1") == ["digits F1"]
    assert titles(index, "dgf1") == ["digits F1"], "letters in their order"
    assert titles(index, "zzz") == []


def test_that_signs_of_patterns_are_letters() -> None:
    assert titles(entries("a.b", "axb"), "a.b") == ["a.b"] and titles(entries("a(b"), "a(*") == []


def test_that_only_the_best_are_shown_and_the_rest_is_counted() -> None:
    found, many = entries(*(f"run {i}" for i in range(300))).search("run")
    assert len(found) == finding.MOST and many == 300


def test_that_the_palette_opens_finds_and_does(window: MainWindow) -> None:
    QTest.keySequence(window, QKeySequence("Ctrl+K"))
    finder = window.finder
    assert finder.isVisible() and finder.line.hasFocus()
    QTest.keyClicks(finder.line, "go to queue")
    assert finder.found[0].title == "Go to Queue"
    QTest.keyClick(finder.line, KEYS.Key_Return)
    assert window.current == "queue" and not finder.isVisible()


def test_that_arrows_move_the_choice_and_escape_leaves_where_one_was(window: MainWindow) -> None:
    window.show_view("recipe")
    window.views["recipe"].reveal("training.epochs")
    before = QApplication.focusWidget()
    QTest.keySequence(before, QKeySequence("Ctrl+K"))
    finder = window.finder
    assert finder.line.hasFocus(), "a line of text takes no Ctrl+K for itself"
    for key, row in ((KEYS.Key_Down, 1), (KEYS.Key_Down, 2), (KEYS.Key_Up, 1), (KEYS.Key_Tab, 2), (KEYS.Key_Backtab, 1)):
        QTest.keyClick(finder.line, key)
        assert finder.list.currentIndex().row() == row
    assert finder.line.accessibleDescription().startswith(finder.found[1].title)
    QTest.keyClick(finder.line, KEYS.Key_Escape)
    assert not finder.isVisible() and QApplication.focusWidget() is before


def test_that_the_palette_finds_runs_lineages_and_fields(window: MainWindow) -> None:
    def find(question: str) -> None:
        window.open_finder()
        QTest.keyClicks(window.finder.line, question)
        QTest.keyClick(window.finder.line, KEYS.Key_Return)

    find("digits-s0-F1")
    assert window.current == "live" and window.session.chosen.name == "digits-s0-F1"
    find("digits lineage")
    assert window.current == "generations"
    find("training.epochs")
    assert (
        window.current == "recipe" and QApplication.focusWidget() is window.views["recipe"].form.rows["training.epochs"].editor
    )


def test_that_what_cannot_be_done_is_found_grey_with_its_reason_and_does_nothing(window: MainWindow) -> None:
    window.open_finder()
    QTest.keyClicks(window.finder.line, "kill the engine")
    [one] = window.finder.found
    assert one.why_not == "no run is at work"
    QTest.keyClick(window.finder.line, KEYS.Key_Return)
    assert window.finder.isVisible()
    QTest.keyClicks(window.finder.line, "xx")
    assert window.finder.found == [] and window.finder.count.text() == "Nothing is called that"


def test_that_a_press_elsewhere_closes_the_palette(window: MainWindow) -> None:
    window.open_finder()
    window.rail.mark.setFocus()
    assert not window.finder.isVisible() and window.rail.mark.hasFocus()


def test_that_the_filter_of_a_page_is_a_key_away(window: MainWindow) -> None:
    for name in ("queue", "live"):
        window.show_view(name)
        QTest.keySequence(window, QKeySequence("Ctrl+F"))
        focus = QApplication.focusWidget()
        assert isinstance(focus, QLineEdit) and window.views[name].isAncestorOf(focus) and focus.isVisible()
    window.show_view("data")
    QTest.keySequence(window, QKeySequence("Ctrl+F"))
    assert "nothing to filter" in window.notice.words.text()


def test_that_the_focus_goes_to_what_tab_would_reach(window: MainWindow) -> None:
    assert window_acts.first_stop(window.strip) in window.strip.findChildren(type(window.strip.sentence))


def test_that_the_keys_of_zoomed_pictures_do_what_the_sheet_says(dressed, qtbot) -> None:
    zoom = Zoom()
    picture = ZoomedPicture(zoom)
    qtbot.addWidget(picture)
    keys = [(act.name, key) for act in TABLE if act.where == "zoomed" for key in act.keys]
    assert [key for _, key in keys] == ["+", "-", "Left", "Right", "Up", "Down", "0"]
    for name, key in keys:
        zoom.reset()
        zoom.by(4.0)
        before = (zoom.scale, zoom.part)
        QTest.keySequence(picture, QKeySequence(key))
        scaled, moved = zoom.scale != before[0], zoom.scale == before[0] and zoom.part != before[1]
        assert moved if name == "zoomed.move" else scaled, key
        assert (zoom.scale == 1.0) == (name == "zoomed.whole"), key
