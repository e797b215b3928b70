"""The page for single networks and pictures: what is chosen here changes what is listed, drawn and asked."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import recorded
import toy_lineage
from by_hand import Helper
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from studio import inspect_model
from studio.lineage_pictures import Pictures
from studio.session import Session
from studio.views.inspect import InspectView
from studio.widgets.class_matrix import ClassMatrix
from studio.widgets.dark_knowledge import DarkKnowledge, Said, temperature_at
from studio.widgets.picture_browser import PictureBrowser
from studio.widgets.thumbnail_shelf import ThumbnailShelf

Show = Callable[[QWidget], QWidget]
Follow = Callable[[Path], Session]


@pytest.fixture
def view(
    dressed, on_screen: Show, follow: Callable[[Path], Session], helper: Helper, tmp_path: Path, qtbot
) -> Iterator[InspectView]:
    """F1 of a lineage of three that is complete."""
    toy_lineage.finished(tmp_path, seeds=(0,))
    session = follow(tmp_path)
    for run in session.runs:
        folder = run.run.folder / "checkpoints" / "step-00000020"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"")
    session.choose("digits-s0-F1")
    shown = InspectView(session, helper)
    shown.resize(1180, 640)
    on_screen(shown)
    qtbot.waitUntil(lambda: not shown._later.busy, timeout=10000)
    yield shown


def listed(view: InspectView) -> list[int]:
    return list(view.examples.browser.list.places)


def test_that_the_page_opens_with_the_run_that_is_looked_at_and_its_teacher(view: InspectView) -> None:
    assert [one.run for one in view.chosen] == ["digits-s0-F1", "digits-s0-F0"]
    answers = view._answers
    rows = np.flatnonzero(answers.teacher.correct & ~answers.student.correct)
    assert view.examples.kinds.entries[0].count == len(rows) > 0
    assert sorted(listed(view)) == sorted(answers.student.index[rows].tolist())
    assert view.head.said.startswith("F1 beside F0, ") and "60 test pictures" in view.head.said
    assert view.matrices.matrix._counts.sum() == 60


def test_that_a_list_is_chosen_by_key_and_its_pictures_follow(view: InspectView) -> None:
    view.examples.kinds.setFocus()
    QTest.keyClick(view.examples.kinds, Qt.Key.Key_End)
    assert len(listed(view)) == 60 and view.examples.browser.current >= 0
    view.examples.order.setCurrentText("by number")
    assert listed(view) == sorted(listed(view))


def test_that_the_order_and_the_list_survive_another_student(view: InspectView, qtbot) -> None:
    view.examples.kinds.chosen.emit("wrong")
    view.student.chosen.emit(inspect_model.Network("digits-s0-F2", 20))
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert [one.run for one in view.chosen] == ["digits-s0-F2", "digits-s0-F1"], "its teacher comes with it"
    answers = view._answers
    assert len(listed(view)) == int((~answers.student.correct & ~answers.teacher.correct).sum())
    view.teacher.chosen.emit(None)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert view.chosen[1] is None and len(listed(view)) == int((~answers.student.correct).sum())


def test_that_a_cell_filters_the_pictures_and_gives_them_back(view: InspectView) -> None:
    view.examples.kinds.chosen.emit("all")
    counts = view.matrices.matrix._counts
    row, column = np.unravel_index(int((counts - 99 * np.eye(4, dtype=int)).argmax()), counts.shape)
    matrix = view.matrices.matrix
    QTest.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=matrix.cell(row, column).center().toPoint())
    assert len(listed(view)) == counts[row, column] > 0
    assert view.examples.cell.isVisible() and "F1 says" in view.examples.cell.text()
    QTest.mouseClick(view.examples.cell, Qt.MouseButton.LeftButton)
    assert len(listed(view)) == 60 and not view.examples.cell.isVisible()
    matrix.setFocus()
    QTest.keyClick(matrix, Qt.Key.Key_Return)
    assert len(listed(view)) < 60
    QTest.keyClick(matrix, Qt.Key.Key_Escape)
    assert len(listed(view)) == 60


def test_that_the_picture_under_the_keys_is_the_one_whose_answers_are_shown(view: InspectView) -> None:
    view.examples.kinds.chosen.emit("all")
    browser = view.examples.browser
    browser.setFocus()
    QTest.keyClick(browser, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(browser, Qt.Key.Key_Right)
    assert browser.current == 1
    row = int(view._listing.row[1])
    teacher, student = view.answer.dark.bars._said
    assert (teacher.name, student.name) == ("F0", "F1")
    assert inspect_model.softened(student.logits, 1) == pytest.approx(view._answers.student.probabilities[row], abs=1e-6)


def test_that_a_run_without_answers_says_when_they_come(dressed, on_screen, follow, helper, tmp_path: Path, qtbot) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    view = InspectView(follow(tmp_path), helper)
    on_screen(view)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert view.examples._note.accessibleName() == "No answers are stored yet" and view.examples._note.accessibleDescription()
    assert not any(entry.count for entry in view.examples.kinds.entries)


# ---- its parts ------------------------------------------------------------------------------------------------------------


def browser_of(count: int, on_screen: Show) -> PictureBrowser:
    browser = PictureBrowser("Pictures")
    browser.resize(280, 400)
    pictures = np.random.default_rng(0).integers(0, 256, (50, 3, 8, 8)).astype(np.uint8)
    browser.show_pictures(Pictures(pictures))
    browser.show_list([at % 50 for at in range(count)], lambda at: (f"picture {at}", "", "muted"))
    on_screen(browser)
    return browser


def test_that_of_a_hundred_thousand_pictures_only_those_in_sight_are_made(dressed, on_screen, qtbot) -> None:
    browser = browser_of(100_000, on_screen)
    assert browser.list.columns == 3 and browser.list.rowCount() == 33_334
    browser.verticalScrollBar().setValue(browser.verticalScrollBar().maximum())
    assert browser.in_sight()[-1] == 99_999 and len(browser.in_sight()) < 30
    asked: list[int] = []
    want = browser.shelf.want
    browser.shelf.want = lambda places, side: (asked.append(len(places)), want(places, side))  # type: ignore[method-assign]
    browser.viewport().repaint()
    qtbot.waitUntil(lambda: not browser.shelf.busy, timeout=5000)
    assert asked and max(asked) < 30 and len(browser.shelf) <= 50


def test_that_the_picture_looked_at_stays_when_the_columns_change(dressed, on_screen, qtbot) -> None:
    browser = browser_of(1000, on_screen)
    told: list[int] = []
    browser.chosen.connect(told.append)
    browser.setCurrentIndex(browser.list.index_of(500))
    browser.resize(480, 400)
    qtbot.waitUntil(lambda: browser.list.columns == 5, timeout=2000)
    assert browser.current == 500 and told == [500] and 500 in browser.in_sight()
    qtbot.waitUntil(lambda: not browser.shelf.busy, timeout=5000)


def test_that_the_shelf_keeps_no_more_than_its_room(dressed, qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.widgets.thumbnail_shelf.ROOM", 10 * 16 * 16 * 4)
    shelf = ThumbnailShelf()
    shelf.show_pictures(Pictures(np.zeros((40, 1, 8, 8), np.uint8)))
    for first in (0, 20):
        shelf.want(range(first, first + 20), 16)
        qtbot.waitUntil(lambda: not shelf.busy, timeout=5000)
    assert shelf.bytes_held <= 10 * 16 * 16 * 4 and len(shelf) == 10
    assert shelf.get(39, 16) is not None and shelf.get(0, 16) is None
    assert not shelf.has(40)


def test_that_keys_walk_a_matrix_and_tell_what_is_in_it(dressed, on_screen) -> None:
    matrix = ClassMatrix("Confusion")
    matrix.resize(300, 260)
    matrix.show_counts(np.array([[5, 1], [2, 7]]), ("okapi", "dhole"), "label", "F1 says")
    on_screen(matrix)
    matrix.setFocus()
    chosen: list[tuple[int, int]] = []
    matrix.chosen.connect(lambda row, column: chosen.append((row, column)))
    assert matrix.accessibleDescription() == "Most often: label dhole, F1 says okapi: 2; label okapi, F1 says dhole: 1"
    QTest.keyClick(matrix, Qt.Key.Key_Down)
    assert matrix.accessibleDescription() == "label dhole, F1 says okapi: 2"
    QTest.keyClick(matrix, Qt.Key.Key_Space)
    assert chosen == [(1, 0)]
    assert list(matrix.table()[1]) == ["okapi", 5.0, 1.0]


@pytest.mark.parametrize("classes", [4, 100, 600])
def test_that_a_matrix_of_many_classes_is_drawn_and_pointed_at(dressed, classes: int) -> None:
    matrix = ClassMatrix("Confusion")
    matrix.resize(330, 290)
    counts = np.diag(np.arange(1, classes + 1))
    counts[0, classes - 1] = classes
    matrix.show_counts(counts, [f"class {n}" for n in range(classes)], "label", "answer")
    image = matrix.grab().toImage()
    dark, bright = (image.pixelColor(matrix.cell(0, column).center().toPoint()) for column in (1, classes - 1))
    assert dark != bright
    assert matrix._cell_at(matrix.cell(0, classes - 1).center()) == (0, classes - 1)
    assert matrix._cell_at(QPoint(-5, 3).toPointF()) is None


def test_that_the_slider_softens_what_both_say(dressed, on_screen) -> None:
    dark = DarkKnowledge()
    dark.resize(500, 300)
    on_screen(dark)
    said = [Said("F0", "#477FDC", np.log([0.55, 0.4, 0.05])), Said("F1", "#DAB837", np.log([0.97, 0.02, 0.01]))]
    dark.show_said(said, ("okapi", "dhole", "genet"), 0)
    assert dark._told.text() == "F0 hesitates between okapi and dhole; F1 is sure of okapi."
    dark.slider.setFocus()
    QTest.keyClick(dark.slider, Qt.Key.Key_Home)
    assert dark.temperature == 1
    assert dark.bars.rows()[1][1:] == pytest.approx([0.55, 0.55, 0.97, 0.97])
    QTest.keyClick(dark.slider, Qt.Key.Key_End)
    assert dark.temperature == 20 and dark.bars.rows()[1][2] < 0.4 and dark.bars.rows()[0][2] == "F0 at 20"
    assert [temperature_at(place) for place in (0, 6, 18, 19)] == [1, 4, 10, 11]
