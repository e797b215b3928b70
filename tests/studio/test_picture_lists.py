"""Lists and tables of pictures, of fields and of numbers: what their models say, and that ten thousand rows cost nothing."""

import time
from pathlib import Path

import numpy as np
import pytest
import toy_lineage
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.compare import Suspect
from engine.differences import FieldRow
from studio import lineage_pictures, theme
from studio.lineage_pictures import ImageTable, Listed, Pictures
from studio.widgets.image_rows import WRONG, ImageModel, ImageRows
from studio.widgets.lineage_mistakes import LineageMistakes
from studio.widgets.mistake_list import PictureList, PictureModel, mistake_row, suspect_row
from studio.widgets.recipe_difference import DifferenceModel, RecipeDifference
from studio.widgets.table_twin import RowsModel

KEYS, DOWN = Qt.Key, Qt.SortOrder.DescendingOrder
MANY = 10_000


def listed(count: int) -> Listed:
    whole = np.arange(count)
    return Listed(
        2, 3, 3, whole % 3, whole, whole, whole % 10, whole % 10, np.full(count, 0.62), (whole + 5) % 10, np.full(count, 0.41)
    )


def images(count: int) -> ImageTable:
    random, whole = np.random.default_rng(0), np.arange(count)
    return ImageTable(
        (0, 1),
        None,
        whole,
        whole,
        whole % 4,
        random.integers(0, 4, (count, 2)),
        random.random((count, 2)),
        random.random(count),
    )


def pictures(count: int) -> Pictures:
    return Pictures(np.full((count, 1, 8, 8), 200, np.uint8))


# The list


def test_that_a_mistake_says_label_place_and_both_answers() -> None:
    row = mistake_row(listed(300), 214, [f"class {n}" for n in range(10)])
    assert (row.title, row.lines, row.index) == ("label class 4", ("test 214, seed 1",), 214)
    assert row.words == "label class 4; test 214, seed 1; F2 says class 4, 0.62; F3 says class 9, 0.41, wrong"


def test_that_a_suspect_says_how_many_networks_contradict_it() -> None:
    row = suspect_row(Suspect(811, 5, 1, 7, 12, 12, 0.99), [])
    assert (row.title, row.lines) == ("label 1, all say 7", ("12 of 12 networks, mean 0.99", "train 0811"))
    assert suspect_row(Suspect(811, 5, 1, 7, 9, 12, 0.99), []).title == "label 1, most say 7"


def test_that_a_persons_own_pictures_are_called_by_their_files() -> None:
    files = [f"/home/me/pets/cat/{n:04d}.jpg" for n in range(900)]
    assert mistake_row(listed(300), 214, [], files).lines == ("cat/0214.jpg, seed 1",)
    assert suspect_row(Suspect(811, 5, 1, 7, 12, 12, 0.99), [], files).lines[1] == "cat/0005.jpg"
    model = ImageModel()
    model.show_table(images(3), toy_lineage.NAMES)
    model.show_files(["pets/dog/b.jpg", "pets/cat/c.jpg", "pets/cat/a.jpg"])
    assert [model.index(row, 0).data() for row in range(3)] == ["dog/b.jpg", "cat/c.jpg", "cat/a.jpg"]
    assert model.index(2, 0).data(Qt.ItemDataRole.ToolTipRole) == "pets/cat/a.jpg"
    model.sort(0)
    assert [model.index(row, 0).data() for row in range(3)] == ["cat/a.jpg", "cat/c.jpg", "dog/b.jpg"]


def test_that_names_of_files_reach_lists_that_stand_already(dressed, on_screen) -> None:
    page = on_screen(LineageMistakes())
    page.show_suspects([Suspect(1, 1, 0, 1, 3, 3, 0.9)], ["cat", "dog"])
    assert "train 0001" in page.suspects.list.row_words(0)
    page.show_pictures(Pictures(np.zeros((2, 1, 8, 8), np.uint8), ("cat/one.jpg", "cat/two.jpg")))
    assert "cat/two.jpg" in page.suspects.list.row_words(0)


def test_that_the_list_passes_the_model_tester(qtmodeltester) -> None:
    model = PictureModel()
    qtmodeltester.check(model)
    whole = listed(40)
    model.show_rows(40, lambda place: mistake_row(whole, place, ()))
    qtmodeltester.check(model)


def test_that_ten_thousand_mistakes_write_only_the_rows_in_sight(dressed, on_screen) -> None:
    asked: set[int] = set()
    whole = listed(MANY)
    view = PictureList("Mistakes")
    view.resize(300, 400)
    view.show_pictures(pictures(MANY))

    def row(place: int):  # type: ignore[no-untyped-def]
        asked.add(place)
        return mistake_row(whole, place, ())

    view.show_rows(MANY, row)
    began = time.perf_counter()
    on_screen(view)
    view.grab()
    assert len(asked) < 60
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    view.grab()
    assert MANY - 1 in asked and len(asked) < 120
    assert time.perf_counter() - began < 2


def test_that_return_opens_the_row_the_keyboard_is_on(dressed, on_screen, qtbot) -> None:
    view = PictureList("Mistakes")
    whole = listed(40)
    view.show_rows(40, lambda place: mistake_row(whole, place, ()))
    on_screen(view)
    view.setFocus()
    for _ in range(3):
        QTest.keyClick(view, KEYS.Key_Down)
    here = view.currentIndex().row()
    with qtbot.waitSignal(view.opened) as opened:
        QTest.keyClick(view, KEYS.Key_Return)
    assert opened.args == [here] and here >= 2


def test_that_a_thumbnail_shows_the_pictures_own_pixels_and_a_missing_one_a_frame(dressed, on_screen) -> None:
    view = PictureList("Mistakes")
    view.resize(300, 120)
    array = np.zeros((2, 1, 8, 8), np.uint8)
    array[0, 0, :, 4:] = 255
    view.show_pictures(Pictures(array))
    whole = listed(3)  # the third picture does not exist
    view.show_rows(3, lambda place: mistake_row(whole, place, ()))
    on_screen(view)
    shown = view.viewport().grab().toImage()
    middle, left = view.visualRect(view.model().index(0, 0)).center().y(), theme.px(8)
    assert _grey(shown, left + 10, middle) == 0 and _grey(shown, left + 30, middle) == 255


def _grey(image: QImage, x: int, y: int) -> int:
    return image.pixelColor(QPoint(x, y)).red()


# Images


def test_that_the_table_of_images_passes_the_model_tester(qtmodeltester) -> None:
    model = ImageModel()
    qtmodeltester.check(model)
    model.show_table(images(30), toy_lineage.NAMES)
    qtmodeltester.check(model)


def test_that_answers_are_written_with_confidence_and_marked_where_wrong() -> None:
    model, table = ImageModel(), images(30)
    model.show_table(table, toy_lineage.NAMES)
    cell = model.index(7, 3)
    assert cell.data() == f"{toy_lineage.NAMES[table.predicted[7, 1]]}  {table.confidence[7, 1]:.2f}"
    assert cell.data(WRONG) == (table.predicted[7, 1] != 7 % 4) and model.index(7, 1).data(WRONG) is None
    assert model.index(7, 0).data() == "test 007" and model.index(7, 1).data() == "wave"
    assert model.headerData(2, Qt.Orientation.Horizontal) == "F0"


def test_that_ten_thousand_images_sort_and_filter_at_once() -> None:
    model, table = ImageModel(), images(MANY)
    model.show_table(table, ())
    began = time.perf_counter()
    model.sort(4, DOWN)
    shown = [float(str(model.index(row, 4).data())) for row in range(50)]
    model.show_only_wrong(True)
    assert time.perf_counter() - began < 0.5
    assert shown == sorted(shown, reverse=True)
    assert model.rowCount() == int(table.wrong_somewhere.sum()) < MANY


def test_that_a_click_on_a_header_sorts_and_a_second_one_turns_it_round(dressed, on_screen) -> None:
    rows = ImageRows()
    rows.show_table(images(30), ())
    on_screen(rows)
    header = rows.table.horizontalHeader()
    for expected in ("test 000", "test 029"):
        at = QPoint(header.sectionViewportPosition(0) + 20, header.height() // 2)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
        assert rows.model.index(0, 0).data() == expected
    assert rows.accessibleDescription() == "30 pictures, by picture, falling"


def test_that_a_picture_is_found_even_where_the_filter_hides_it(dressed, on_screen) -> None:
    rows, table = ImageRows(), images(200)
    rows.show_table(table, ())
    on_screen(rows)
    right = int(np.flatnonzero(~table.wrong_somewhere)[-1])
    rows.wrong.setChecked(True)
    rows.reveal(right)
    assert not rows.wrong.isChecked() and rows.table.currentIndex().row() == rows.model.place_of(right)


def test_that_missing_pictures_are_told_in_words(dressed, on_screen) -> None:
    rows = ImageRows()
    rows.show_pictures(Pictures(problem="data/x.npz is missing"))
    rows.show_table(images(5), ())
    on_screen(rows)
    assert rows._note.isVisible() and rows._note.text() == "No thumbnails: data/x.npz is missing"
    rows.grab()


# Fields


FIELDS = [
    FieldRow("generation", "Generation", "1", "2"),
    FieldRow("optimizer.lr", "Learning rate", "0.1", "0.05"),
    FieldRow("training.epochs", "Epochs", "40", "40"),
]


@pytest.fixture
def difference(dressed, on_screen) -> RecipeDifference:
    made = RecipeDifference()
    made.show_generations([0, 1, 2], (1, 2))
    made.show_rows("digits, F1 to F2", FIELDS)
    made.resize(900, 200)
    return on_screen(made)


def test_that_fields_pass_the_model_tester(qtmodeltester) -> None:
    model = DifferenceModel()
    model.show_rows(FIELDS)
    qtmodeltester.check(model)
    numbers = RowsModel()
    numbers.show_rows([["epoch", "F0"], [1.0, None], [2.0, 0.41234]])
    qtmodeltester.check(numbers)
    assert [numbers.index(1, c).data() for c in range(2)] == ["2", "0.412"] and numbers.index(0, 1).data() == ""


def test_that_equal_fields_show_on_request_only(difference: RecipeDifference) -> None:
    assert difference.model.rowCount() == 2 and difference.accessibleDescription() == "2 fields differ, 1 equal"
    difference.show_equal.click()
    assert difference.model.rowCount() == 3 and difference.model.index(2, 0).data() == "Epochs"


def test_that_copying_puts_what_is_in_sight_on_the_clipboard(difference: RecipeDifference) -> None:
    difference.copy.click()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines == [
        "digits, F1 to F2: 2 fields differ, 1 equal",
        "- generation = 1",
        "+ generation = 2",
        "- optimizer.lr = 0.1",
        "+ optimizer.lr = 0.05",
    ]


def test_that_another_pair_is_chosen_by_its_combos(difference: RecipeDifference, qtbot) -> None:
    difference.before.setFocus()
    with qtbot.waitSignal(difference.pair_chosen) as chosen:
        QTest.keyClick(difference.before, KEYS.Key_Up)
    assert chosen.args == [0, 2]


def test_that_folding_leaves_one_line_that_names_the_fields(difference: RecipeDifference) -> None:
    difference.fold.click()
    QApplication.processEvents()
    assert not difference.table.isVisible()
    assert difference._counts.text() == "2 fields differ, 1 equal: generation, learning rate"
    difference.fold.click()
    assert difference.table.isVisible()


def test_that_one_generation_alone_has_no_combos_and_says_why(difference: RecipeDifference) -> None:
    difference.show_generations([0], ())
    difference.show_note("One generation alone has nothing to differ from.")
    assert not difference.before.isVisible() and not difference.copy.isVisible()
    assert difference._note.isVisible() and difference._note.text() == "One generation alone has nothing to differ from."


def test_that_real_lists_fit_the_models(tmp_path: Path, qtmodeltester) -> None:
    toy_lineage.finished(tmp_path)
    lineage = toy_lineage.read(tmp_path)
    whole = lineage_pictures.pair(lineage, 0, 1)["inherited"]
    model = PictureModel()
    model.show_rows(len(whole), lambda place: mistake_row(whole, place, toy_lineage.NAMES))
    qtmodeltester.check(model)
