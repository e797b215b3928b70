"""Crops on the Data page: a changed field, picture or epoch becomes an ask at once, and what is typed goes to the recipe."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from by_hand import Helper, press
from previewed import preview, whole
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from test_data_model import answer, table

from studio import theme
from studio.recipe_model import OpenRecipe
from studio.session import Session
from studio.views.data import DataView

KEYS = Qt.Key


@pytest.fixture
def document() -> OpenRecipe:
    return OpenRecipe("dinov2-creatures")


@pytest.fixture
def view(
    tmp_path: Path,
    qapp: QApplication,
    helper: Helper,
    document: OpenRecipe,
    dressed: Callable[..., theme.Palette],
    on_screen: Callable[[QWidget], QWidget],
    qtbot: QtBot,
) -> Iterator[DataView]:
    """Pictures have been looked through; the window lends its recipe."""
    session = Session(tmp_path / "runs")
    view = DataView(session, helper)  # type: ignore[arg-type]
    view.recipe_asked.connect(lambda: view.follow_recipe(document))
    view.resize(1200, 800)
    on_screen(view)
    view.look_at(table())
    helper.answered.emit(1, answer(tmp_path))
    qtbot.waitUntil(lambda: view.scan is not None)
    yield view
    session.stop_following()


@pytest.fixture
def seen(qtbot: QtBot, view: DataView, helper: Helper, tmp_path: Path) -> DataView:
    """A preview is shown."""
    press(view.preview)
    tell(qtbot, view, helper, preview(tmp_path))
    return view


def tell(qtbot: QtBot, view: DataView, helper: Helper, said: dict[str, Any]) -> None:
    before = view.room.shown
    helper.answered.emit(len(helper.asked), said)
    qtbot.waitUntil(lambda: view.room.shown is not before)


def last(helper: Helper) -> dict[str, Any]:
    kind, asked = helper.asked[-1]
    assert kind == "preview"
    return asked


def test_that_a_press_asks_for_the_first_picture_of_those_looked_at(
    view: DataView, helper: Helper, document: OpenRecipe
) -> None:
    press(view.preview)
    asked = last(helper)
    assert (asked["picture"], asked["epoch"], asked["sheet"]) == (0, 0, True) and asked["data"]["path"] == "/pictures/pets"
    assert asked["recipe"] == document.whole_text() and view.room.isVisible() and not view.pictures.isVisible()


def test_that_what_each_receives_is_shown_and_esc_leads_back(
    qtbot: QtBot, seen: DataView, dressed: Callable[..., theme.Palette]
) -> None:
    rows = [*seen.room.crops.rows, *seen.room.small.rows]
    assert [row.accessibleName() for row in rows] == ["Teacher", "Student", "Student only"]
    assert rows[1].tiles[1].caption.text() == "g2: nothing hidden"
    assert seen.room.draw.where() == "epoch 7 of 40, step 312, seed 0"
    before = seen.room.frames.grab().toImage()
    dressed("dark")
    assert seen.room.frames.grab().toImage() != before
    qtbot.keyClick(seen.room.draw.slider, KEYS.Key_Escape)
    assert seen.pictures.isVisible() and seen.preview.hasFocus()


def test_that_another_epoch_and_another_picture_are_asked_for_at_once_and_the_sheet_only_once(
    qtbot: QtBot, seen: DataView, helper: Helper
) -> None:
    seen.room.draw.slider.setValue(11)
    assert (last(helper)["epoch"], last(helper)["sheet"]) == (11, False)
    grid = seen.room.chooser
    grid.setCurrentIndex(grid.pictures.index(1))
    qtbot.keyClick(grid, KEYS.Key_Space)
    assert (last(helper)["picture"], last(helper)["epoch"]) == (1, 11)


def test_that_a_typed_field_goes_to_the_recipe_and_what_comes_back_is_asked(
    qtbot: QtBot, seen: DataView, helper: Helper, document: OpenRecipe
) -> None:
    def write(path: str, text: str) -> None:
        document.type(document.field(path), text)  # type: ignore[arg-type]
        seen.renew_preview()

    seen.recipe_edited.connect(write)
    line = seen.room.rows["method.local_crops"].editor
    line.setFocus()
    line.selectAll()  # type: ignore[union-attr]
    qtbot.keyClicks(line, "3")
    assert document.last.method.local_crops == 3 and "local_crops = 3" in last(helper)["recipe"]  # type: ignore[union-attr]
    asked = len(helper.asked)
    qtbot.keyClicks(line, "x")
    assert len(helper.asked) == asked and seen.room.rows["method.local_crops"].error.isVisible()


def test_that_an_answer_to_an_older_ask_is_not_shown(qtbot: QtBot, seen: DataView, helper: Helper, tmp_path: Path) -> None:
    shown = seen.room.shown
    seen.room.go_to(1)
    seen.room.go_to(2)
    helper.answered.emit(len(helper.asked) - 1, preview(tmp_path))
    assert seen.room.shown is shown and not seen.room._later.busy
    tell(qtbot, seen, helper, preview(tmp_path, epoch=2))
    assert seen.room.draw.slider.value() == 2


def test_that_a_refusal_is_said_over_the_old_pictures_and_goes_with_the_next(
    qtbot: QtBot, seen: DataView, helper: Helper, tmp_path: Path
) -> None:
    seen.room.go_to(3)
    helper.failed.emit(len(helper.asked), "method.name: supervised learns classes", "method.name")
    assert seen.room.problem.isVisible() and "supervised learns classes" in seen.room.problem.text()
    seen.room.go_to(4)
    tell(qtbot, seen, helper, preview(tmp_path))
    assert not seen.room.problem.isVisible()


def test_that_another_method_has_other_rows_and_other_fields(
    qtbot: QtBot, seen: DataView, helper: Helper, document: OpenRecipe, tmp_path: Path
) -> None:
    document.take_preset("born-again-digits")
    seen.renew_preview()
    assert list(seen.room.rows) == ["augment.shift", "augment.flip"]
    tell(qtbot, seen, helper, whole(tmp_path, "frozen", (1, 0)))
    assert [row.accessibleName() for row in seen.room.crops.rows if row.isVisible()] == ["Teacher", "Student"]
    assert not any(row.isVisible() for row in seen.room.small.rows)


def test_that_the_pictures_of_a_recipe_are_read_first_when_it_asks(view: DataView, helper: Helper) -> None:
    view.show_preview({"name": "digits"})
    assert helper.asked[-1] == ("scan", {"data": {"name": "digits"}, "workspace": str(view._session.workspace.folder)})
    assert view._previews


def test_that_nothing_is_asked_while_nobody_looks(view: DataView, helper: Helper, document: OpenRecipe) -> None:
    view.follow_recipe(document)
    asked = len(helper.asked)
    view.renew_preview()
    assert len(helper.asked) == asked
