"""The Data page: what a person does there becomes an ask of the assistant or a data table for a recipe."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from by_hand import Helper, press
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton, QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot
from test_data_model import answer, sheet, table

from engine.recipe import Folder
from studio import data_model, theme
from studio.assistant import Assistant
from studio.session import Session
from studio.views.data import DataView
from studio.widgets.segment import Segment

KEYS = Qt.Key
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def session(tmp_path: Path, qapp: QApplication) -> Iterator[Session]:
    session = Session(tmp_path / "runs")
    yield session
    session.stop_following()


@pytest.fixture
def view(
    session: Session, helper: Helper, dressed: Callable[..., theme.Palette], on_screen: Callable[[QWidget], QWidget]
) -> DataView:
    view = DataView(session, helper)  # type: ignore[arg-type]
    view.resize(1200, 800)
    on_screen(view)
    return view


def hear(qtbot: QtBot, view: DataView, helper: Helper, said: dict[str, Any]) -> None:
    """The newest ask is answered and shown."""
    helper.answered.emit(len(helper.asked), said)
    qtbot.waitUntil(lambda: not view._busy)


@pytest.fixture
def looked(qtbot: QtBot, view: DataView, helper: Helper, tmp_path: Path) -> DataView:
    """A folder of three classes and thirty test pictures has been looked through."""
    broken = [{"file": "cat/x.png", "problem": "is empty"}]
    view.look_at(table())
    hear(qtbot, view, helper, answer(tmp_path, broken=broken, broken_count=1))
    return view


def used(qtbot: QtBot, view: DataView) -> dict[str, Any]:
    """The table that a recipe gets."""
    with qtbot.waitSignal(view.use_wanted) as heard:
        press(view.head.use)
    return dict(heard.args[0])


def press_picture(qtbot: QtBot, view: DataView, place: int) -> None:
    grid = view.grid
    index = grid.pictures.index(grid.pictures.places.index(place))
    grid.scrollTo(index)
    qtbot.mouseClick(grid.viewport(), LEFT, pos=grid.visualRect(index).center())


def retype(qtbot: QtBot, view: DataView, text: str) -> None:
    line = view.shape.editors["data.size"]
    assert isinstance(line, QLineEdit)
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, KEYS.Key_Return)


# ---- asking --------------------------------------------------------------------------------------------------------------


def test_that_an_empty_page_says_what_it_wants_and_gives_nothing_to_a_recipe(view: DataView, helper: Helper) -> None:
    assert view.nothing.isVisible() and not view.head.use.isEnabled()
    assert "Drop a folder" in view.nothing.note.accessibleName()
    press(next(button for button in view.nothing.buttons if "digits" in button.text()))
    assert helper.asked[0][1]["data"] == {"name": "digits"}


def test_that_a_chosen_folder_is_looked_through_in_the_size_of_the_schema(
    view: DataView, helper: Helper, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "pets"))
    press(view.head.folder)
    wanted = {"name": "folder", "path": str(tmp_path / "pets"), "size": 32, "colour": "rgb"}
    assert helper.asked == [("scan", {"data": wanted, "workspace": str(session.workspace.folder)})]
    assert view.head.said == "pets, being read" and not view.head.use.isEnabled()


def test_that_a_dropped_folder_is_looked_through_and_runs_are_left_to_the_window(
    view: DataView, helper: Helper, tmp_path: Path
) -> None:
    pets, runs = tmp_path / "pets", tmp_path / "others"
    (pets / "cat").mkdir(parents=True)
    (runs / "a-s0-F0").mkdir(parents=True)
    (runs / "a-s0-F0" / "recipe.toml").touch()
    assert drop(view, pets) and helper.asked[0][1]["data"]["path"] == str(pets)
    assert not drop(view, runs) and len(helper.asked) == 1


@pytest.mark.parametrize("name", ["pets.zip", "pets.tar", "PETS.TAR.GZ", "pets.tgz"])
def test_that_a_dropped_archive_is_looked_through(view: DataView, helper: Helper, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert drop(view, tmp_path / name) and helper.asked[0][1]["data"]["path"] == str(tmp_path / name)
    assert view.head.said == f"{name}, being read" and view.head.path.text() == f"Data  ›  {tmp_path / name}"


def test_that_an_archive_can_be_chosen_without_a_mouse(
    view: DataView, helper: Helper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "pets.zip"), ""))
    view.head.menu.aboutToShow.emit()
    next(action for action in view.head.menu.actions() if action.text() == "An archive…").trigger()
    assert helper.asked[0][1]["data"]["path"] == str(tmp_path / "pets.zip")


def test_that_a_dropped_csv_of_labels_is_looked_through(view: DataView, helper: Helper, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    assert drop(view, tmp_path / "labels.csv") and helper.asked[0][1]["data"]["path"] == str(tmp_path / "labels.csv")


def test_that_several_things_or_a_lone_picture_are_refused_with_what_to_drop(
    view: DataView, helper: Helper, tmp_path: Path
) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    for file in files:
        file.touch()
    assert drop(view, *files) and view.banner.isVisible()
    assert "3 things were dropped (a.png, b.png and more)" in view.banner.text
    assert drop(view, files[0]) and "a.png is none of what can be looked through" in view.banner.text
    assert not helper.asked and view.nothing.isVisible()
    assert not drop(view, files[0], tmp_path / "recipe.toml"), "recipes are the window's"


def drop(view: DataView, *paths: Path) -> bool:
    """Whether the page takes it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    none, copy = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(9, 9), copy, data, LEFT, none)
    enter.setAccepted(False)
    view.dragEnterEvent(enter)
    if enter.isAccepted():
        view.dropEvent(QDropEvent(QPointF(9, 9), copy, data, LEFT, none))
    return enter.isAccepted()


def test_that_words_and_bar_come_after_a_while_and_cancel_ends_the_ask(qtbot: QtBot, view: DataView, helper: Helper) -> None:
    view.look_at(table())
    helper.progressed.emit(1, 0.4, "36 of 90 pictures")
    assert not view.progress.isVisible()
    view.progress._patience.timeout.emit()
    assert view.progress.isVisible() and view.progress.said == "Reading pets: 36 of 90 pictures"
    assert view.progress.bar.value() == 400
    press(view.progress.cancel)
    assert helper.cancelled == [1] and not view.progress.isVisible() and view.nothing.isVisible()


def test_that_a_newer_ask_takes_the_place_of_the_older(qtbot: QtBot, view: DataView, helper: Helper, tmp_path: Path) -> None:
    view.look_at(table())
    view.look_at({"name": "digits"})
    assert helper.cancelled == [1]
    helper.answered.emit(1, answer(tmp_path))
    assert view._busy and view.scan is None
    hear(qtbot, view, helper, answer(tmp_path))
    assert view.head.said.startswith("digits, 90 pictures")


def test_that_what_was_looked_at_stays_until_the_next_is_known(
    qtbot: QtBot, looked: DataView, helper: Helper, tmp_path: Path
) -> None:
    looked.look_at(table(path="/pictures/birds"))
    assert looked.grid.isVisible() and looked.head.said.startswith("pets, ") and not looked.head.use.isEnabled()
    qtbot.keyClick(looked, KEYS.Key_Escape)
    assert helper.cancelled == [2] and used(qtbot, looked)["path"] == "/pictures/pets"


# ---- refusals ------------------------------------------------------------------------------------------------------------


def test_that_a_folder_that_cannot_be_used_is_said_in_words_and_the_last_one_stays(
    qtbot: QtBot, looked: DataView, helper: Helper
) -> None:
    looked.look_at(table(path="/pictures/birds"))
    helper.failed.emit(
        2, "data.path: /pictures/birds has pictures of 'owl' in test but none in train; put some there", "data.path"
    )
    assert looked.banner.isVisible() and looked.banner.text.startswith("birds cannot be used: /pictures/birds has")
    assert looked.banner.text.endswith("put some there.")
    assert used(qtbot, looked)["path"] == "/pictures/pets"


def test_that_a_refusal_of_a_field_that_is_not_here_names_the_field(view: DataView, helper: Helper) -> None:
    view.look_at(table(val_share=0.01))
    helper.failed.emit(1, "data.val_share: 0.01 of 9 pictures is none", "data.val_share")
    assert view.banner.text == "pets cannot be used: Validation share: 0.01 of 9 pictures is none."
    assert view.nothing.isVisible()


def test_that_a_bad_size_is_refused_beside_its_field_and_a_good_one_asks_again(
    qtbot: QtBot, looked: DataView, helper: Helper
) -> None:
    retype(qtbot, looked, "4")
    assert len(helper.asked) == 1 and looked.error.isVisible() and "[8, 1024] px" in looked.error.text()
    assert looked.shape.editors["data.size"].property("state") == "bad" and not looked.head.use.isEnabled()
    assert not looked.banner.isVisible()
    retype(qtbot, looked, "8")
    assert not looked.error.isVisible() and looked.head.use.isEnabled() and len(helper.asked) == 1
    retype(qtbot, looked, "64")
    assert helper.asked[1][1]["data"] == table(size=64)


def test_that_an_answer_nobody_understands_is_said(qtbot: QtBot, view: DataView, helper: Helper) -> None:
    view.look_at(table())
    hear(qtbot, view, helper, {"name": "pets"})
    assert "cannot be understood" in view.banner.text and view.scan is None


# ---- what a recipe gets --------------------------------------------------------------------------------------------------


def test_that_a_recipe_gets_the_table_that_was_looked_through(qtbot: QtBot, looked: DataView) -> None:
    assert used(qtbot, looked) == table()


def test_that_grey_is_looked_through_again_and_goes_to_the_recipe(
    qtbot: QtBot, looked: DataView, helper: Helper, tmp_path: Path
) -> None:
    colour = looked.shape.editors["data.colour"]
    assert isinstance(colour, Segment)
    press(colour.button("grey"))
    assert helper.asked[1][1]["data"] == table(colour="grey")
    hear(qtbot, looked, helper, answer(tmp_path, channels=1, sheet=str(sheet(tmp_path / "grey.npz", channels=1))))
    assert used(qtbot, looked) == table(colour="grey")


def test_that_pressed_pictures_are_pinned_by_mouse_and_by_key(qtbot: QtBot, looked: DataView) -> None:
    press_picture(qtbot, looked, 5)
    press_picture(qtbot, looked, 20)
    qtbot.keyClick(looked.grid, KEYS.Key_Right)
    qtbot.keyClick(looked.grid, KEYS.Key_Space)
    chosen = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 20, 21]
    assert used(qtbot, looked)["probe"] == chosen and list(looked.picker.grid.pictures.places) == chosen
    press(looked.picker.reset)
    assert "probe" not in used(qtbot, looked) and not looked.picker.reset.isVisible()


def test_that_a_press_on_a_pinned_picture_takes_it_out_down_to_eight(qtbot: QtBot, looked: DataView) -> None:
    picker = looked.picker.grid
    for _ in range(6):
        qtbot.mouseClick(picker.viewport(), LEFT, pos=picker.visualRect(picker.pictures.index(0)).center())
    assert used(qtbot, looked)["probe"] == list(range(4, 12))
    assert looked.picker.note.isVisible() and "8 is the least" in looked.picker.note.text()


def test_that_pins_outlast_another_size_but_not_another_folder(
    qtbot: QtBot, looked: DataView, helper: Helper, tmp_path: Path
) -> None:
    press_picture(qtbot, looked, 20)
    retype(qtbot, looked, "16")
    hear(qtbot, looked, helper, answer(tmp_path, size=[16, 16]))
    assert used(qtbot, looked) == table(size=16, probe=[*range(12), 20])
    looked.look_at(table(path="/pictures/birds"))
    hear(qtbot, looked, helper, answer(tmp_path))
    assert "probe" not in used(qtbot, looked)


# ---- looking -------------------------------------------------------------------------------------------------------------


def test_that_a_press_on_a_class_shows_its_pictures_and_a_second_all(qtbot: QtBot, looked: DataView) -> None:
    bars = looked.balance.list
    spot = bars.visualRect(bars.classes.index(1)).center()
    qtbot.mouseClick(bars.viewport(), LEFT, pos=spot)
    assert looked.grid.pictures.places == tuple(range(1, 30, 3)) and looked.all_classes.text() == "dog"
    qtbot.mouseClick(bars.viewport(), LEFT, pos=spot)
    assert len(looked.grid.pictures.places) == 30 and not looked.all_classes.isVisible()
    qtbot.keyClick(bars, KEYS.Key_Down)
    assert len(looked.grid.pictures.places) == 10
    press(looked.all_classes)
    assert len(looked.grid.pictures.places) == 30 and bars.current() == ""


def test_that_classes_are_put_in_order_and_the_choice_stays(
    qtbot: QtBot, view: DataView, helper: Helper, tmp_path: Path
) -> None:
    counts = [{"name": name, "train": count, "test": 10} for name, count in (("cat", 5), ("dog", 50), ("owl", 20))]
    view.look_at(table())
    hear(qtbot, view, helper, answer(tmp_path, classes=counts))
    bars = view.balance.list
    qtbot.mouseClick(bars.viewport(), LEFT, pos=bars.visualRect(bars.classes.index(0)).center())
    press(view.balance.order.button("Count"))
    assert [one.name for one in bars.classes.classes] == ["dog", "owl", "cat"]
    assert bars.current() == "cat" and view.all_classes.text() == "cat"
    press(view.balance.twin.button)
    model = view.balance.twin.table.model()
    assert [model.index(0, column).data() for column in range(5)] == ["dog", "50", "0", "10", "60"]


def test_that_broken_files_are_shown_and_copied(qtbot: QtBot, looked: DataView) -> None:
    row = looked.findings.rows[0]
    assert row.title.text() == "1 broken file"
    press(row.show_files)
    assert looked.listing.isVisible() and not looked.grid.isVisible()
    press(looked.listing.copy)
    assert QGuiApplication.clipboard().text() == "cat/x.png\tis empty"
    qtbot.keyClick(looked.listing, KEYS.Key_Escape)
    assert looked.grid.isVisible()


def test_that_folders_of_runs_are_in_the_menu(view: DataView, helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    older = SimpleNamespace(changed_at=1.0, recipe=SimpleNamespace(data=Folder(path="/pictures/old")))
    newer = SimpleNamespace(changed_at=2.0, recipe=SimpleNamespace(data=Folder(path="/pictures/new", size=64)))
    monkeypatch.setattr(Session, "runs", property(lambda _: [older, newer, SimpleNamespace(changed_at=0.0, recipe=None)]))
    view.head.menu.aboutToShow.emit()
    entries: list[QAction] = [action for action in view.head.menu.actions() if action.isEnabled() and action.text()]
    assert [action.text().split("   ")[0] for action in entries] == [
        "digits",
        "drawn creatures",
        "An archive…",
        "A CSV of labels…",
        *(one.words for one in data_model.to_fetch(Path("nowhere"))),
        "new, 64 px, RGB",
        "old, 32 px, RGB",
    ]
    entries[-2].trigger()
    assert helper.asked[0][1]["data"] == {"name": "folder", "path": "/pictures/new", "size": 64, "colour": "rgb"}


def test_that_everything_that_can_be_operated_has_a_name(looked: DataView) -> None:
    seen = [widget for widget in looked.findChildren(QWidget) if widget.isVisible()]
    for button in (widget for widget in seen if isinstance(widget, QPushButton)):
        assert button.text() or button.accessibleName()
    for part in (looked.grid, looked.picker.grid, looked.balance.list, *looked.shape.editors.values()):
        assert part.accessibleName(), part
    spoken = looked.grid.pictures.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "cat, test 000, probe picture"


def test_that_the_models_are_sound(looked: DataView, qtmodeltester: ModelTester) -> None:
    looked._show_files(0)
    for model in (looked.grid.pictures, looked.picker.grid.pictures, looked.balance.list.classes, looked.listing.table.model()):
        qtmodeltester.check(model)


def test_that_tab_goes_from_the_head_down_the_left_and_then_to_the_pictures(qtbot: QtBot, looked: DataView) -> None:
    looked.head.folder.setFocus()
    order = [looked.head.folder]
    while (after := looked.focusWidget()) and (len(order) == 1 or after not in order) and len(order) < 20:
        order += [after] if after is not order[-1] else []
        qtbot.keyClick(after, KEYS.Key_Tab)
    places = [order.index(part) for part in (looked.head.use, looked.findings.rows[0].show_files, looked.balance.list)]
    later = [order.index(part) for part in (looked.picker.grid, looked.shape.editors["data.size"], looked.grid)]
    assert [*places, *later] == sorted([*places, *later])


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_that_the_page_fits_a_small_window_in_both_themes(
    looked: DataView, dressed: Callable[..., theme.Palette], choice: theme.Choice
) -> None:
    looked.resize(1200, 686)
    dressed(choice)
    QApplication.processEvents()
    assert looked.minimumSizeHint().width() <= 1200 and looked.minimumSizeHint().height() <= 686
    assert looked._side.verticalScrollBar().maximum() == 0
    assert looked.picker.grid.gridSize().width() <= looked.picker.grid.width() // 6  # two rows: the bars keep theirs
    columns = {looked.grid.visualRect(looked.grid.pictures.index(place)).left() for place in range(30)}
    assert len(columns) >= 5


def test_that_pictures_without_classes_go_to_a_recipe_as_such(
    qtbot: QtBot, view: DataView, helper: Helper, tmp_path: Path
) -> None:
    view.look_at(table())
    hear(qtbot, view, helper, answer(tmp_path, classes=[], kind="pictures", parts={"train": 60, "val": 10, "test": 30}))
    assert view.balance.isHidden() and not view.findings.isHidden() and "without classes" in view.head.said
    assert view.probe.tests == 30 and view.grid.pictures.rowCount() == 30
    assert used(qtbot, view)["name"] == "pictures"
    retype(qtbot, view, "16")
    assert helper.asked[-1][1]["data"] == {**table(), "name": "pictures", "size": 16}, "it is asked for as what it is"
    view.look_at(table())
    hear(qtbot, view, helper, answer(tmp_path))
    assert not view.balance.isHidden() and used(qtbot, view)["name"] == "folder"


# ---- together with the engine --------------------------------------------------------------------------------------------


def test_that_a_folder_is_really_looked_through(
    qtbot: QtBot, session: Session, dressed: Callable[..., theme.Palette], tmp_path: Path
) -> None:
    for number, name in enumerate(("blue", "red")):
        for place in range(20):
            path = tmp_path / "colours" / name / f"{place:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 12), (90 * number, place * 9, 5)).save(path)
    (tmp_path / "colours" / "red" / "empty.png").touch()
    assistant = Assistant()
    view = DataView(session, assistant)
    qtbot.addWidget(view)
    try:
        view.open_folder(tmp_path / "colours")
        qtbot.waitUntil(lambda: not view._busy, timeout=60_000)
        assert view.head.said == "colours, 40 pictures in 2 classes; 1 broken"
        assert view.scan is not None and len(view.scan.sheet) == view.scan.tests == 8
        assert view.scan.sheet.pictures.array is not None and view.scan.sheet.pictures.array.shape == (8, 3, 32, 32)
        with qtbot.waitSignal(view.use_wanted) as heard:
            view.use()
        assert heard.args[0] == {"name": "folder", "path": str(tmp_path / "colours"), "size": 32, "colour": "rgb"}
        view.open_folder(tmp_path / "nowhere")
        qtbot.waitUntil(lambda: not view._busy, timeout=60_000)
        assert "nowhere is not there" in view.banner.text and "one sub-folder a class" in view.banner.text
    finally:
        assistant.close()


def test_that_pairs_nearly_the_same_stand_side_by_side_and_esc_leads_back(
    qtbot: QtBot, view: DataView, helper: Helper, tmp_path: Path
) -> None:
    pair = {"files": ["cat/1.png", "dog/2.png"], "parts": ["train", "test"], "classes": ["cat", "dog"], "alike": 0.99}
    np.savez(tmp_path / "near.npz", pairs_u8=np.full((1, 2, 3, 8, 8), 90, np.uint8))
    view.look_at(table())
    hear(
        qtbot, view, helper, answer(tmp_path, near=[pair], near_count=1, near_crossing=1, near_sheet=str(tmp_path / "near.npz"))
    )
    row = next(one for one in view.findings.rows if "nearly the same" in one.title.text())
    press(row.show_files)
    assert view.pairs.isVisible() and [one.said.left for one in view.pairs.rows] == ["cat/1.png, train, cat"]
    press(view.pairs.copy)
    assert QGuiApplication.clipboard().text() == "cat/1.png\tdog/2.png"
    qtbot.keyClick(view.pairs, KEYS.Key_Escape)
    assert view.pictures.isVisible()
