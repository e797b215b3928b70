"""The Queue as a person uses it: what is seen, and what is on disk after a press, a key, a drop. No process is started."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from by_hand import press, queued, sent, settle, worker
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDropEvent, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine import notes
from engine.queue import Queue
from engine.run import Run, Workspace
from studio import preferences, queue_acts, queue_columns, queue_model, theme, watch
from studio.queue_model import Row
from studio.session import Session
from studio.views import queue as module
from studio.views.queue import QueueView
from studio.widgets.run_rows import BEST, METHOD, MIME, PROGRESS, RUN, STATE, RunsModel

Open = Callable[[Path], Session]
Show = Callable[[QWidget], QWidget]
ALONE = ("generations=0", "method.name=supervised")
ALT, NONE, LEFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
KEYS = Qt.Key


@pytest.fixture
def shown(follow: Open, on_screen: Show, dressed: object, tmp_path: Path) -> Iterator[Callable[[], QueueView]]:
    """Opens the view on the workspace, as large as in a window of 1440 x 900."""

    (preferences.folder() / "queue.toml").unlink(missing_ok=True)  # the columns of another test

    def show() -> QueueView:
        view = QueueView(follow(tmp_path))
        view.resize(1360, 860)
        on_screen(view)
        QApplication.processEvents()
        return view

    yield show


def look(view: QueueView) -> None:
    """What is on disk is read and shown."""
    settle(view._session)
    view._show()
    QApplication.processEvents()


def titles(view: QueueView) -> list[str]:
    return [row.title for row in view.table.runs.rows]


def select(view: QueueView, *keys: str) -> None:
    view.table.choose(keys)
    view.table.setFocus()
    QApplication.processEvents()
    assert [row.key for row in view.table.chosen()] == list(keys)


def alone(folder: Path, *names: str) -> list[Run]:
    return [recorded.lineage(folder, *ALONE, f"lineage={name}")[0] for name in names]


def enqueue(folder: Path, *runs: Run) -> None:
    Queue(Workspace(folder)).add([run.name for run in runs])


def begin(run: Run, last: int = 7) -> None:
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, last)


def drop(view: QueueView, names: list[str], above: int) -> None:
    """A block let go over the upper edge of a row, or below all of them."""
    table, data = view.table, QMimeData()
    data.setData(MIME, "\n".join(names).encode())
    beside = table.visualRect(table.runs.index(min(above, len(table.runs.rows) - 1), STATE))
    place = QPointF(beside.topLeft() + QPoint(5, 1) if above < len(table.runs.rows) else beside.bottomLeft() + QPoint(5, 40))
    event = QDropEvent(place, Qt.DropAction.MoveAction, data, LEFT, NONE)
    table.dropEvent(event)
    assert not event.isAccepted() or event.dropAction() == Qt.DropAction.IgnoreAction  # nothing is taken: the order is on disk
    QApplication.processEvents()


# What is seen ----------------------------------------------------------------------------------------------------


def test_that_an_empty_workspace_leads_to_a_new_experiment(shown, qtbot: QtBot) -> None:
    view = shown()
    with qtbot.waitSignal(view.new_wanted):
        press(view.nothing.button)
    assert not view.head.hold.isEnabled()


def test_that_rows_sentence_segments_and_card_are_there_at_once(shown, tmp_path: Path) -> None:
    failed, waiting = alone(tmp_path, "a", "b")
    begin(failed)
    recorded.end(failed, "failed", "out of memory; try a batch of 32")
    enqueue(tmp_path, waiting)
    view = shown()
    assert titles(view) == ["b", "a"]
    assert view.head.said == "Nothing at work, 1 waiting, the queue is not started; 1 failed needs a decision"
    assert [view.segment.button(name).text() for name in queue_model.SEGMENTS] == [
        "All 2",
        "Waiting 1",
        "At work 0",
        "To decide 1",
    ]
    assert [row.title for row in view.table.chosen()] == ["a"]  # what needs a decision is looked at first
    assert view.error.isVisible() and view.error.accessibleName() == "Out of memory"
    assert "resume" not in view.card.by_state.buttons  # the error card has it


def test_that_the_model_is_sound_while_rows_come_go_fold_and_change(qtmodeltester, shown, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, "seeds=[0, 1]")
    view = shown()
    tester = QAbstractItemModelTester(view.table.runs, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for place in (1, 0, 0, 1):
        view._turn(place)
    a, b = alone(tmp_path, "a", "b")
    recorded.complete(recorded.lineage(tmp_path, "seeds=[0, 1]")[0])
    enqueue(tmp_path, b)
    look(view)
    assert titles(view)[:2] == ["b", "digits, Born-Again"]
    (a.folder / "recipe.toml").unlink()
    look(view)
    assert titles(view)[-1] == "F3" and tester.model() is view.table.runs
    qtmodeltester.check(view.table.runs)


def test_that_rows_which_stay_are_not_replaced() -> None:
    model = RunsModel()
    rows = [Row(f"run {name}", "run", 0, (name,), (), name) for name in "abcd"]
    model.show_rows(rows)
    inserted, removed = [], []
    model.rowsInserted.connect(lambda _, first, last: inserted.append((first, last)))
    model.rowsRemoved.connect(lambda _, first, last: removed.append((first, last)))
    model.show_rows([rows[0], Row("run x", "run", 0, ("x",), (), "x"), *rows[2:]])
    assert (removed, inserted) == ([(1, 1)], [(1, 1)])
    assert model.rows[1].title == "x" and model.rowCount() == 4


def test_that_a_hidden_view_does_nothing_until_it_is_shown(shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(tmp_path, "a")
    view = shown()
    view.hide()
    passes: list[int] = []
    original = queue_model.rows
    monkeypatch.setattr(module.queue_model, "rows", lambda *args: passes.append(1) or original(*args))
    alone(tmp_path, "b")
    view._session.tick()
    assert not passes and titles(view) == ["a"]
    view.show()
    assert titles(view) == ["a", "b"] and passes == [1]


def test_that_much_news_is_shown_at_once_and_then_once_more(
    shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    alone(tmp_path, "a")
    view = shown()
    qtbot.waitUntil(lambda: not view._soon.isActive())
    passes: list[int] = []
    original = queue_model.rows
    monkeypatch.setattr(module.queue_model, "rows", lambda *args: passes.append(1) or original(*args))
    for _ in range(20):
        view._session.runs_changed.emit()
    assert passes == [1]
    qtbot.waitUntil(lambda: len(passes) == 2 and not view._soon.isActive())


def test_that_another_programs_change_of_the_order_is_shown(shown, tmp_path: Path) -> None:
    a, b = alone(tmp_path, "a", "b")
    enqueue(tmp_path, a, b)
    view = shown()
    Queue(Workspace(tmp_path)).move([b.name], 0)
    look(view)
    assert titles(view) == ["b", "a"]


# Filter, columns, folds ------------------------------------------------------------------------------------------


def test_that_filter_and_segments_choose_rows_and_an_empty_choice_leads_back(shown, tmp_path: Path) -> None:
    a, _ = alone(tmp_path, "ants", "bees")
    enqueue(tmp_path, a)
    view = shown()
    QTest.keyClicks(view.filter, "bees")
    assert titles(view) == ["bees"]
    press(view.segment.button("Waiting"))
    assert titles(view) == [] and view.no_match.isVisible()
    press(view.no_match.button)
    assert sorted(titles(view)) == ["ants", "bees"] and view.filter.text() == "" and view.segment.current() == "All"


def test_that_columns_can_be_hidden_and_the_others_take_their_room(shown, tmp_path: Path) -> None:
    alone(tmp_path, "a")
    view = shown()
    before = view.table.columnWidth(STATE)
    press(view.columns)
    best = next(action for action in view.column_menu.actions() if action.text() == "Best")
    best.trigger()
    view.column_menu.close()
    assert view.table.isColumnHidden(BEST) and view.table.columnWidth(STATE) > before


def test_that_space_and_the_arrows_fold(shown, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, "seeds=[0, 1]", "generations=1")
    view = shown()
    select(view, "lineage digits")
    QTest.keyClick(view.table, KEYS.Key_Space)
    assert titles(view) == ["digits, Born-Again"]
    QTest.keyClick(view.table, KEYS.Key_Right)
    assert titles(view) == ["digits, Born-Again", "F0", "F1"]
    select(view, "generation digits 0")
    QTest.keyClick(view.table, KEYS.Key_Right)
    assert titles(view) == ["digits, Born-Again", "F0", "F0", "F0", "F1"]
    assert [row.key for row in view.table.chosen()] == ["generation digits 0"]


def test_that_a_press_on_the_arrow_folds_and_selects_nothing(shown, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, "seeds=[0, 1]", "generations=1")
    view = shown()
    before = [row.key for row in view.table.chosen()]
    QTest.mouseClick(view.table.viewport(), LEFT, NONE, view.table._arrow(1).center())
    assert titles(view) == ["digits, Born-Again", "F0", "F0", "F0", "F1"]
    assert [row.key for row in view.table.chosen()] == before


def test_that_selection_follows_its_runs_when_seeds_part(shown, tmp_path: Path) -> None:
    f0, _ = recorded.lineage(tmp_path, "seeds=[0, 1]", "generations=1")[:2]
    view = shown()
    select(view, "generation digits 0")
    begin(f0)
    look(view)
    assert [row.names for row in view.table.chosen()] == [(f0.name,)]


def test_that_columns_give_way_where_there_is_no_room_and_come_back(shown, tmp_path: Path) -> None:
    alone(tmp_path, "a")
    view = shown()
    view.resize(1000, 600)
    QApplication.processEvents()
    assert [view.table.isColumnHidden(column) for column in (METHOD, PROGRESS, BEST, STATE)] == [True, True, False, False]
    view.resize(1360, 860)
    QApplication.processEvents()
    assert not any(view.table.isColumnHidden(column) for column in range(8))


# Looking ---------------------------------------------------------------------------------------------------------


def test_that_return_and_a_double_click_open_a_run(shown, tmp_path: Path, qtbot: QtBot) -> None:
    (a,) = alone(tmp_path, "a")
    view = shown()
    select(view, f"run {a.name}")
    with qtbot.waitSignal(view.opened) as told:
        QTest.keyClick(view.table, KEYS.Key_Return)
    assert told.args == [a.name]
    place = view.table.visualRect(view.table.runs.index(0, STATE)).center()
    with qtbot.waitSignal(view.opened):
        QTest.mouseDClick(view.table.viewport(), LEFT, NONE, place)


def test_that_a_group_opens_the_run_at_work(shown, tmp_path: Path, qtbot: QtBot) -> None:
    f0, f1, *_ = recorded.lineage(tmp_path)
    recorded.complete(f0)
    begin(f1)
    with recorded.alive(f1):
        view = shown()
        select(view, "lineage digits")
        with qtbot.waitSignal(view.opened) as told:
            QTest.keyClick(view.table, KEYS.Key_Return)
    assert told.args == [f1.name]


def test_that_the_card_says_in_what_a_run_differs_from_its_preset(shown, tmp_path: Path, qtbot: QtBot) -> None:
    run = recorded.lineage(tmp_path, "optimizer.lr=0.5", "training.epochs=40", "generations=1")[1]
    view = shown()
    select(view, f"run {run.name}")
    assert view.card.accessibleDescription() == "differs from born-again-digits: optimizer.lr 0.5, preset 0.03"
    with qtbot.waitSignal(view.duplicate_wanted) as told:
        press(view.card.always.buttons["duplicate"])
    assert told.args == [run.name]


def test_that_the_folder_opens_in_the_file_manager(shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (a,) = alone(tmp_path, "a")
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    view = shown()
    select(view, f"run {a.name}")
    press(view.card.always.buttons["folder"])
    assert opened == [QUrl.fromLocalFile(str(a.folder))]


# The order -------------------------------------------------------------------------------------------------------


def test_that_alt_and_arrows_move_runs_in_the_queue(shown, tmp_path: Path) -> None:
    a, b, c = alone(tmp_path, "a", "b", "c")
    enqueue(tmp_path, a, b, c)
    view = shown()
    select(view, f"run {c.name}")
    QTest.keyClick(view.table, KEYS.Key_Up, ALT)
    assert queued(tmp_path) == [a.name, c.name, b.name]
    look(view)
    assert titles(view) == ["a", "c", "b"] and [row.title for row in view.table.chosen()] == ["c"]
    QTest.keyClick(view.table, KEYS.Key_Down, ALT)
    assert queued(tmp_path) == [a.name, b.name, c.name]


def test_that_a_whole_lineage_passes_another(shown, tmp_path: Path) -> None:
    first, second = (recorded.lineage(tmp_path, "generations=1", f"lineage={name}") for name in ("a", "b"))
    enqueue(tmp_path, *first, *second)
    view = shown()
    select(view, "lineage b")
    QTest.keyClick(view.table, KEYS.Key_Up, ALT)
    assert queued(tmp_path) == [run.name for run in (*second, *first)]


def test_that_a_refused_move_is_told_and_nothing_changes(shown, tmp_path: Path, qtbot: QtBot) -> None:
    f0, f1, *_ = recorded.lineage(tmp_path, "generations=1")
    enqueue(tmp_path, f0, f1)
    view = shown()
    select(view, f"run {f1.name}")
    with qtbot.waitSignal(view._session.refused) as told:
        QTest.keyClick(view.table, KEYS.Key_Up, ALT)
    assert "learns from" in told.args[0] and queued(tmp_path) == [f0.name, f1.name]


def test_that_a_drop_puts_runs_before_the_row_below(shown, tmp_path: Path) -> None:
    a, b, c = alone(tmp_path, "a", "b", "c")
    enqueue(tmp_path, a, b, c)
    view = shown()
    drop(view, [c.name], above=0)
    assert queued(tmp_path) == [c.name, a.name, b.name]
    look(view)
    drop(view, [c.name], above=3)
    assert queued(tmp_path) == [a.name, b.name, c.name]


def test_that_only_what_waits_can_be_dragged(shown, tmp_path: Path) -> None:
    done, waiting = alone(tmp_path, "done", "waiting")
    recorded.complete(done)
    enqueue(tmp_path, waiting)
    view = shown()
    model, drag = view.table.runs, Qt.ItemFlag.ItemIsDragEnabled
    assert titles(view) == ["waiting", "done"]
    assert model.flags(model.index(0, 1)) & drag and not model.flags(model.index(1, 1)) & drag
    block = model.mimeData([model.index(0, 1), model.index(1, 1)])
    assert bytes(block.data(MIME).data()).decode() == waiting.name


def test_that_delete_takes_runs_out_of_the_queue_and_leaves_them(shown, tmp_path: Path) -> None:
    a, b = alone(tmp_path, "a", "b")
    enqueue(tmp_path, a, b)
    view = shown()
    select(view, f"run {a.name}")
    QTest.keyClick(view.table, KEYS.Key_Delete)
    assert queued(tmp_path) == [b.name] and a.folder.is_dir()
    look(view)
    assert [row.state for row in view.table.runs.rows] == ["next in the queue", "not in the queue"]


def test_that_to_the_front_takes_teachers_along(shown, tmp_path: Path) -> None:
    (a,) = alone(tmp_path, "a")
    f0, f1 = recorded.lineage(tmp_path, "generations=1")
    enqueue(tmp_path, a, f0, f1)
    view = shown()
    select(view, f"run {f1.name}")
    press(view.card.by_state.buttons["front"])
    assert queued(tmp_path) == [f0.name, f1.name, a.name]


# Acting ----------------------------------------------------------------------------------------------------------


def test_that_the_queue_is_started_and_held(shown, tmp_path: Path, asked: list[list[str]]) -> None:
    (a,) = alone(tmp_path, "a")
    enqueue(tmp_path, a)
    view = shown()
    assert view.head.hold.text() == "Start queue"
    press(view.head.hold)
    assert asked == [["work", "--runs", str(tmp_path)]]
    look(view)
    assert view.head.hold.text() == "Hold queue"
    press(view.head.hold)
    assert Queue(Workspace(tmp_path)).held
    look(view)
    assert view.head.hold.text() == "Start queue" and "held" in view.head.said
    press(view.head.hold)
    assert not Queue(Workspace(tmp_path)).held


def test_that_a_run_at_work_is_paused_and_stopped_from_its_card(shown, tmp_path: Path) -> None:
    (a,) = alone(tmp_path, "a")
    begin(a)
    with recorded.alive(a):
        view = shown()
        select(view, f"run {a.name}")
        press(view.card.stop.face)
        assert [(each["type"], each["when"]) for each in sent(a)] == [("stop", "epoch")]
        look(view)
        assert view.table.runs.rows[0].state == "stop requested"
        view.card.stop.stop_asked.emit("now")
        assert [each.get("when") for each in sent(a)] == ["epoch", "now"]
        assert "pause" not in view.card.by_state.buttons  # one wish at a time


def test_that_the_keyboard_goes_to_the_table_when_its_button_goes_away(shown, tmp_path: Path) -> None:
    (a,) = alone(tmp_path, "a")
    enqueue(tmp_path, a)
    view = shown()
    select(view, f"run {a.name}")
    button = view.card.by_state.buttons["take out"]
    button.setFocus()
    press(button)
    look(view)
    assert "take out" not in view.card.by_state.buttons and view.table.hasFocus()


def test_that_a_row_is_drawn_to_the_edge(shown, tmp_path: Path) -> None:
    alone(tmp_path, "a")
    view = shown()
    for width in range(1200, 1210):
        view.resize(width, 686)
        QApplication.processEvents()
        table = view.table
        assert sum(table.columnWidth(column) for column in range(8)) == table.viewport().width()


def test_that_pause_asks_the_engine(shown, tmp_path: Path) -> None:
    (a,) = alone(tmp_path, "a")
    begin(a)
    with recorded.alive(a):
        view = shown()
        select(view, f"run {a.name}")
        press(view.card.by_state.buttons["pause"])
    assert [each["type"] for each in sent(a)] == ["pause"]


def test_that_resume_of_a_failed_run_is_queued_in_front(shown, tmp_path: Path, asked: list[list[str]]) -> None:
    failed, waiting = alone(tmp_path, "a", "b")
    begin(failed)
    recorded.end(failed, "failed", "out of memory; try a batch of 32")
    enqueue(tmp_path, waiting)
    view = shown()
    view.error.remedy_chosen.emit("resume")
    assert queued(tmp_path) == [failed.name, waiting.name] and asked[0][0] == "work"
    look(view)
    assert not view.error.isVisible()


def test_that_a_blocked_run_resumes_its_teacher(shown, tmp_path: Path, asked: list[list[str]]) -> None:
    f0, f1 = recorded.lineage(tmp_path, "generations=1")
    begin(f0)
    view = shown()
    select(view, f"run {f1.name}")
    assert view.error.accessibleName() == "Blocked: F0 is lost"
    view.error.remedy_chosen.emit(queue_acts.RESUME_TEACHER)
    assert queued(tmp_path) == [f0.name, f1.name] and asked[0][0] == "work"


def test_that_a_silent_run_is_killed_never_resumed(shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (a,) = alone(tmp_path, "a")
    begin(a)
    killed: list[str] = []
    monkeypatch.setattr(Run, "kill", lambda run: killed.append(run.name) or True)
    with recorded.alive(a):
        view = shown()
        monkeypatch.setattr(time, "monotonic", lambda clock=time.monotonic: clock() + 240)
        look(view)
        assert "still alive" in view.table.runs.rows[0].state
        assert "resume" not in view.card.by_state.buttons and view.card.stop.isHidden()
        view.error.remedy_chosen.emit("kill")
    assert killed == [a.name]


def test_that_a_run_that_is_not_queued_is_started(shown, tmp_path: Path, asked: list[list[str]]) -> None:
    (a,) = alone(tmp_path, "a")
    view = shown()
    press(view.card.by_state.buttons["start"])
    assert queued(tmp_path) == [a.name] and asked[0][0] == "work"


def test_that_a_run_that_is_not_queued_can_wait_at_the_end_of_the_queue(shown, tmp_path: Path, asked: list[list[str]]) -> None:
    a, b = alone(tmp_path, "a", "b")
    enqueue(tmp_path, b)
    view = shown()
    select(view, f"run {a.name}")
    press(view.card.by_state.buttons["queue"])
    assert queued(tmp_path) == [b.name, a.name] and asked == []


def test_that_several_runs_go_to_the_trash_together(shown, tmp_path: Path) -> None:
    a, b, c = alone(tmp_path, "a", "b", "c")
    enqueue(tmp_path, a)
    view = shown()
    select(view, f"run {a.name}", f"run {b.name}")
    press(view.card.always.buttons["trash"])
    assert not a.folder.exists() and not b.folder.exists() and c.folder.is_dir()
    assert queued(tmp_path) == [] and len(list((tmp_path / "trash").iterdir())) == 2
    look(view)
    assert titles(view) == ["c"]


def test_that_the_trash_asks_before_students_lose_their_teacher(shown, tmp_path: Path, qtbot: QtBot) -> None:
    f0, _ = recorded.lineage(tmp_path, "generations=1")
    view = shown()
    select(view, f"run {f0.name}")
    with qtbot.waitSignal(view._session.consent_wanted) as told:
        press(view.card.always.buttons["trash"])
    assert f0.folder.is_dir()
    view._session.consent(told.args[0])
    assert not f0.folder.exists()


def test_that_the_menu_offers_what_the_card_offers(shown, tmp_path: Path) -> None:
    (a,) = alone(tmp_path, "a")
    begin(a)
    with recorded.alive(a):
        view = shown()
        select(view, f"run {a.name}")
        menu = view.menu_of_chosen()
        keys = [action.data() for action in menu.actions() if action.data()]
        stops, always = ["stop epoch", "stop now", "stop kill"], ["duplicate", "grid", "export", "report", "folder", "trash"]
        assert keys == ["live", *stops, "pause", *always]
        next(action for action in menu.actions() if action.data() == "stop now").trigger()
        menu.close()
    assert [each["when"] for each in sent(a)] == ["now"]


def test_that_the_report_of_a_failure_goes_to_the_clipboard(shown, tmp_path: Path) -> None:
    (a,) = alone(tmp_path, "a")
    begin(a)
    recorded.end(a, "failed", "out of memory; try a batch of 32")
    view = shown()
    view.error.copy_asked.emit()
    assert "Out of memory" in QGuiApplication.clipboard().text()


# Size and speed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1200, 686), (1360, 866), (1840, 1046)])
@pytest.mark.parametrize("choice", ["light", "dark"])
def test_that_every_row_has_its_full_words_at_usual_sizes(
    shown, dressed, tmp_path: Path, size: tuple[int, int], choice: str
) -> None:
    lost, running = alone(tmp_path, "lost", "running")
    begin(lost)
    begin(running)
    with recorded.alive(running), worker(tmp_path):
        view = shown()
        dressed(choice)
        view.resize(QSize(*size))
        QApplication.processEvents()
        table, metrics = view.table, view.table.fontMetrics()
        assert sum(table.columnWidth(column) for column in range(8)) <= table.viewport().width()
        for row in table.runs.rows:
            assert metrics.horizontalAdvance(row.state) <= table.columnWidth(STATE) - 37
            assert metrics.horizontalAdvance(row.ends) <= table.columnWidth(7) - 16
        assert not view.grab().isNull()


def test_that_five_hundred_runs_are_written_and_shown_quickly(shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BUDGET_S", 60.0)
    for number in range(25):
        runs = recorded.lineage(tmp_path, f"lineage=l{number}", "seeds=[0, 1, 2, 3]", "generations=4")
        for run in runs[:10]:
            begin(run, 1)
            recorded.end(run)
    view = shown()
    assert len(view._session.runs) == 500
    started = time.process_time()
    for _ in range(5):
        view._show()
    assert (time.process_time() - started) / 5 < 0.12  # about 0.02 on an idle machine; never quadratic


def test_that_a_run_that_fell_ill_is_changed_from_here_too(shown: Callable[[], QueueView], tmp_path: Path) -> None:
    run = recorded.without_labels(tmp_path)[0]
    recorded.dino(run, 15)
    recorded.write(run, recorded.collapse())
    with recorded.alive(run):
        view = shown()
        select(view, titles_to_keys(view)["creatures-dino"])
        assert view.table.runs.rows[0].best == "k-NN 59.5\u2009%"
        assert view.error.accessibleName() == "Few prototypes win every picture, seen at step 15"
        view.error.remedy_chosen.emit("cure:one_dimension:0")
        assert [(one["field"], one["value"]) for one in sent(run)] == [("method.teacher_temp", 0.04)]


def titles_to_keys(view: QueueView) -> dict[str, str]:
    return {row.title: row.key for row in view.table.runs.rows}


# Columns, order, notes ------------------------------------------------------------------------------------------------


def heads(view: QueueView) -> list[str]:
    return [str(view.table.runs.headerData(place, Qt.Orientation.Horizontal)) for place in range(view.table.runs.columnCount())]


def test_that_a_column_is_added_from_the_menu_and_still_there_in_the_next_window(shown, tmp_path: Path) -> None:
    recorded.complete(alone(tmp_path, "a")[0])
    view = shown()
    view._offer_columns()
    below = next(each.menu() for each in view.column_menu.actions() if each.text() == "Best of a metric")
    next(each for each in below.actions() if each.text() == "val/accuracy").trigger()
    view.column_menu.hide()
    again = QueueView(view._session)
    assert heads(view)[-1] == "best val/accuracy" and again._wanted.added == view._wanted.added
    place = view.table.runs.columnCount() - 1
    assert view.table.runs.index(0, place).data() == "90.1\u2009%" and view.table.columnWidth(place) > 80
    again.deleteLater()


def test_that_a_column_reads_a_metric_where_the_cursor_of_live_stands(shown, tmp_path: Path) -> None:
    long, short = alone(tmp_path, "a", "b")
    begin(long, last=15)
    recorded.end(long)
    begin(short, last=5)
    recorded.end(short)
    view = shown()
    select(view, "run a-s0-F0")
    view._add_column(queue_columns.Column("cursor", "val/accuracy"), True)
    place = view.table.runs.columnCount() - 1
    assert view.table.columnWidth(place) >= view.table.header().sectionSizeHint(place), "its head is whole"

    def read() -> list[str]:
        view._show()
        return [view.table.runs.index(view.table.runs.place(f"run {name}-s0-F0"), place).data() for name in "ab"]

    assert heads(view)[-1] == "at cursor val/accuracy"
    assert read() == ["85.8\u2009%", "62.9\u2009%"], "the newest, as Live's readouts"
    view._session.read_at(11)
    assert read() == ["77.8\u2009%", ""], "of the nearest measurement; what ended before has none"
    assert "step 11" in view.table.runs.headerData(place, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert [row.key for row in view.table.chosen()] == ["run a-s0-F0"]


def test_that_rows_that_were_not_made_in_time_have_the_next_turns(shown, tmp_path: Path, monkeypatch, qtbot: QtBot) -> None:
    alone(tmp_path, "a", "b", "c")
    monkeypatch.setattr(module, "WRITING_S", -1.0)
    view = shown()
    view._behind, view._blocks = True, {}
    view._show()
    assert len(view.table.runs.rows) == 0
    monkeypatch.setattr(module, "WRITING_S", 1.0)
    qtbot.waitUntil(lambda: len(view.table.runs.rows) == 3, timeout=5000)
    assert not view._behind


def test_that_a_row_under_the_keyboard_has_the_ground_of_a_chosen_one(shown, tmp_path: Path) -> None:
    recorded.lineage(tmp_path, "seeds=[0]")
    view = shown()
    select(view, view.table.runs.rows[2].key)
    place = view.table.place_of(2)
    seen = view.table.viewport().grab().toImage()
    assert seen.pixelColor(place.right() - 4, place.top() + 5) == theme.color("sel")


def test_that_a_column_at_the_cursor_wakes_the_briefs_in_sight(shown, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(watch, "FEW", 1)
    for run in (runs := alone(tmp_path, "a", "b", "c")):
        begin(run, last=15)
        recorded.end(run)
    view = shown()
    resting = [one.name for one in view._session.runs if not one.whole]
    assert len(resting) == len(runs) - 1
    view._session.read_at(11)
    view._add_column(queue_columns.Column("cursor", "val/accuracy"), True)
    look(view)
    place = view.table.runs.columnCount() - 1
    assert [view.table.runs.index(row, place).data() for row in range(3)] == ["77.8\u2009%"] * 3


def test_that_a_pressed_head_orders_runs_and_moving_them_is_refused_in_words(shown, qtbot: QtBot, tmp_path: Path) -> None:
    runs = alone(tmp_path, "a", "b", "c")
    enqueue(tmp_path, *runs)
    view = shown()
    view.table.header().sectionClicked.emit(RUN)
    view.table.header().sectionClicked.emit(RUN)
    assert titles(view) == ["c", "b", "a"] and view.table.header().isSortIndicatorShown()
    select(view, "run a-s0-F0")
    with qtbot.waitSignal(view._session.refused) as heard:
        QTest.keyClick(view.table, KEYS.Key_Up, ALT)
    assert "ordered by Run" in heard.args[0] and queued(tmp_path) == [run.name for run in runs]
    view.table.header().sectionClicked.emit(RUN)
    assert titles(view) == ["a", "b", "c"] and not view.table.header().isSortIndicatorShown()


def test_that_tags_of_several_runs_are_written_beside_what_each_has(shown, tmp_path: Path) -> None:
    a, b = alone(tmp_path, "a", "b")
    notes.write(a, notes.Notes(("mine",), "kept"))
    view = shown()
    select(view, "run a-s0-F0", "run b-s0-F0")
    assert view.notes.tags.text() == "" and not view.notes.note.isVisible()
    view.notes.tags.setFocus()
    QTest.keyClicks(view.notes.tags, "good, wide")
    QTest.keyClick(view.notes.tags, KEYS.Key_Return)
    assert notes.read(a) == notes.Notes(("good", "wide", "mine"), "kept") and notes.read(b).tags == ("good", "wide")


def test_that_a_note_half_written_is_kept_when_another_run_is_chosen(shown, tmp_path: Path) -> None:
    a, b = alone(tmp_path, "a", "b")
    view = shown()
    select(view, "run a-s0-F0")
    view.notes.note.setPlainText("the disk was full")
    select(view, "run b-s0-F0")
    assert notes.read(a).note == "the disk was full" and notes.read(b) == notes.NOTHING
    assert view.notes.note.toPlainText() == ""
