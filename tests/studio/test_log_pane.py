"""The log: lines, filter, pinned warnings, one line where there is little room; and the end of a text file."""

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest

from engine.state import LogLine
from studio.widgets.log_pane import LogModel, LogPane, TextPane, line_words

LEFT = Qt.MouseButton.LeftButton
KEYS = Qt.Key


def lines(*levels: str, first: int = 0) -> list[LogLine]:
    return [LogLine(1_700_000_000 + step, 100 * step, level, f"{level} {step}") for step, level in enumerate(levels, first)]


@pytest.fixture
def pane(dressed, on_screen) -> LogPane:
    made = LogPane()
    made.resize(860, 140)
    return on_screen(made)


def shown(pane: LogPane) -> list[str]:
    return [str(pane.model.index(row).data()) for row in range(pane.model.rowCount())]


def test_that_the_model_is_a_model_in_qts_eyes(dressed) -> None:
    model = LogModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    log = lines("info", "warn")
    model.show_lines(log)
    log += lines("info", "error", first=2)
    model.show_lines(log)
    model.show_only("Errors", "")
    model.show_only("All", "info")
    model.show_lines(lines("info"))
    assert model.rowCount() == 1 and model.rowCount(model.index(0)) == 0


def test_that_new_lines_are_appended_without_a_reset(dressed, qtbot) -> None:
    model, log = LogModel(), lines("info", "info")
    model.show_lines(log)
    log += lines("warn", first=2)
    with qtbot.waitSignal(model.rowsInserted), qtbot.assertNotEmitted(model.modelReset):
        model.show_lines(log)
    with qtbot.assertNotEmitted(model.rowsInserted), qtbot.assertNotEmitted(model.modelReset):
        model.show_lines(log)
    assert model.rowCount() == 3


def test_that_another_log_replaces_the_first(dressed) -> None:
    model = LogModel()
    model.show_lines(lines("info", "info"))
    model.show_lines(lines("warn", "info"))
    assert model.index(0).data().endswith("warn 0")


def test_that_every_word_of_the_filter_must_be_in_a_line(pane: LogPane) -> None:
    pane.show_lines(lines("info", "warn", "error", "info"))
    QTest.keyClicks(pane.filter, "WARN 100")
    assert [line.split()[-2:] for line in shown(pane)] == [["warn", "1"]]
    QTest.keyClick(pane.filter, KEYS.Key_Escape)
    assert pane.filter.text() == "" and len(shown(pane)) == 4


def test_that_warnings_and_errors_can_be_seen_alone(pane: LogPane) -> None:
    pane.show_lines(lines("info", "warn", "error", "info", "warn"))
    assert [pane.levels.button(name).text() for name in ("All", "Warnings", "Errors")] == ["All", "Warnings 2", "Errors 1"]
    QTest.mouseClick(pane.levels.button("Warnings"), LEFT)
    assert len(shown(pane)) == 2
    QTest.mouseClick(pane.levels.button("Errors"), LEFT)
    assert [line.split()[-1] for line in shown(pane)] == ["2"]


def test_that_the_counts_begin_at_nothing(pane: LogPane) -> None:
    pane.show_lines([])
    assert pane.levels.button("Warnings").text() == "Warnings 0"


def test_that_new_lines_pass_the_filter_too(pane: LogPane) -> None:
    log = lines("info", "warn")
    pane.show_lines(log)
    QTest.mouseClick(pane.levels.button("Warnings"), LEFT)
    log += lines("info", "warn", first=2)
    pane.show_lines(log)
    assert len(shown(pane)) == 2


def test_that_the_newest_warnings_are_pinned_on_top(pane: LogPane) -> None:
    pane.show_lines(lines("info", "info"))
    assert pane.pinned() == []
    pane.show_lines(lines("warn", "info", "warn", "error", "info"))
    assert pane.pinned() == ["error 3", "warn 2"]
    pane.show_lines(lines("info"))
    assert pane.pinned() == []


def test_that_folding_keeps_the_newest_warning_in_sight(pane: LogPane, qtbot) -> None:
    pane.show_lines(lines("info", "warn", "info", "warn", "info"))
    tall = pane.sizeHint().height()
    with qtbot.waitSignal(pane.folded_by_hand) as told:
        QTest.mouseClick(pane.fold_button, LEFT)
    assert told.args == [True] and pane.folded and not pane.view.isVisible() and not pane.filter.isVisible()
    assert pane.summary() == "warn 3 2 warnings"
    assert pane.sizeHint().height() <= 36 < tall
    assert pane.fold_button.accessibleName() == "Unfold the log"
    QTest.mouseClick(pane.fold_button, LEFT)
    assert not pane.folded and pane.view.isVisible()


def test_that_a_folded_log_without_warnings_says_what_came_last(pane: LogPane) -> None:
    pane.fold(True)
    pane.show_lines(lines("info", "info"))
    assert pane.summary() == "info 1"


def test_that_the_view_stays_at_the_end_unless_somebody_reads_above(pane: LogPane, qtbot) -> None:
    log = lines(*["info"] * 50)
    pane.show_lines(log)
    bar = pane.view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    log += lines("info", first=50)
    pane.show_lines(log)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    bar.setValue(3)
    log += lines("info", first=51)
    pane.show_lines(log)
    assert bar.value() == 3


def test_that_copy_takes_what_is_shown_or_what_is_selected(pane: LogPane) -> None:
    log = lines("info", "warn", "error")
    pane.show_lines(log)
    QTest.mouseClick(pane.copy, LEFT)
    assert QGuiApplication.clipboard().text() == "\n".join(map(line_words, log))
    pane.view.setFocus()
    pane.view.setCurrentIndex(pane.model.index(1))
    QTest.keyClick(pane.view, KEYS.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == line_words(log[1])


def test_that_those_who_hear_the_log_hear_its_level(pane: LogPane) -> None:
    pane.show_lines(lines("info", "error"))
    spoken = pane.model.index(1).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("error: ") and pane.model.data(QModelIndex()) is None


def test_that_the_log_is_painted_in_both_themes_and_any_size(pane: LogPane, dressed) -> None:
    pane.show_lines(lines("info", "warn", "error"))
    for choice, scale in (("dark", 1.0), ("light", 2.0)):
        dressed(choice, scale)
        assert not pane.grab().isNull()


def test_that_the_end_of_a_text_is_shown_read_only(dressed, on_screen, qtbot) -> None:
    pane = on_screen(TextPane())
    pane.show_text("engine.log", "run, its end", "\n".join(f"line {n}" for n in range(200)))
    bar = pane.edit.verticalScrollBar()
    assert pane.edit.isReadOnly() and bar.value() == bar.maximum() > 0
    pane.edit.setFocus()
    with qtbot.waitSignal(pane.closed):
        QTest.keyClick(pane.edit, KEYS.Key_Escape)
    with qtbot.waitSignal(pane.closed):
        QTest.mouseClick(pane.close_button, LEFT)
