"""The Recipe page: what a person does there becomes a document, a file, a queue entry, an ask; never only a click."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import recorded
from by_hand import Helper, settle
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QKeySequence, QShortcut, QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from engine import recipe
from studio import recipe_checks, recipe_fields, theme
from studio.recipe_presets import Snapshot
from studio.session import Session
from studio.views.recipe import RecipeView
from studio.widgets.field_editor import FieldEditor
from studio.widgets.method_cards import MethodCards

KEYS = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ANSWER = {
    "seconds_per_step": 0.01,
    "seconds_per_run": 10.0,
    "seconds_first_run": 8.0,
    "device": "cpu",
    "memory_bytes": {"weights": 2**28, "optimizer": 2**28, "activations": 2**29},
    "device_memory_bytes": 2**32,
    "weights": 11_234,
    "pictures": 800,
}


@pytest.fixture
def session(tmp_path: Path, qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """On an empty workspace; no engine is ever started."""
    monkeypatch.setattr("studio.session.start_worker", lambda workspace: None)
    session = Session(tmp_path / "runs")
    yield session
    session.stop_following()


@pytest.fixture
def view(
    session: Session, helper: Helper, dressed: Callable[..., theme.Palette], on_screen: Callable[[QWidget], QWidget]
) -> RecipeView:
    view = RecipeView(session, helper)
    view.resize(1200, 800)
    on_screen(view)
    return view


def row(view: RecipeView, path: str) -> FieldEditor:
    view.form.reveal(path)
    return view.form.rows[path]


def retype(qtbot: QtBot, view: RecipeView, path: str, text: str) -> FieldEditor:
    """Click into a line, replace what is there, letter by letter."""
    found = row(view, path)
    assert isinstance(found.editor, QLineEdit)
    found.editor.selectAll()
    qtbot.keyClicks(found.editor, text) if text else qtbot.keyClick(found.editor, KEYS.Key_Delete)
    return found


def pick(view: RecipeView, path: str, value: str) -> None:
    combo = row(view, path).editor
    assert isinstance(combo, QComboBox)
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def queued(session: Session) -> list[str]:
    path = session.workspace.folder / "queue.json"
    return list(json.loads(path.read_text())["runs"]) if path.exists() else []


# ---- the form ------------------------------------------------------------------------------------------------------------


def test_that_typing_changes_the_document_and_all_that_is_said_of_it(qtbot: QtBot, view: RecipeView) -> None:
    retype(qtbot, view, "training.epochs", "50")
    assert view.open.last.training.epochs == 50
    assert "50 epochs" in view.head.said
    assert "--set training.epochs=50" in view.command.text.toPlainText()
    assert view.form.changed.text().startswith("1 changed")
    assert view.form.rows["training.epochs"].hint.text() == "preset 40"
    assert view.form.rows["training.epochs"].dot.isVisible()
    assert view.head.path.text().endswith("born-again-digits.toml, not saved")


def test_that_a_half_typed_value_stays_with_its_sentence_and_the_curves_stay(qtbot: QtBot, view: RecipeView) -> None:
    found = retype(qtbot, view, "training.batch", "6x")
    assert found.text() == "6x" and found.error.isVisible()
    assert "'6x' is not a whole number" in found.error.text()
    assert found.editor.property("state") == "bad"
    assert found.error.text() in found.editor.accessibleDescription()
    assert not view.head.start.isEnabled() and not view.head.queue.isEnabled()
    assert "Batch" in view.head.start.toolTip()
    assert view.schedules.plots[0].isVisible() and view.open.last.training.batch == 6
    retype(qtbot, view, "training.batch", "32")
    assert not found.error.isVisible() and view.head.start.isEnabled()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"seeds": [1, 1]}, "seeds"),
        ({"generations": 0}, "generations"),
        ({"schedule.warmup_epochs": 90}, "schedule.warmup_epochs"),
        ({"schedule": {"name": "step", "milestones": [3, 2]}}, "schedule.milestones"),
        ({"model": {"name": "resnet", "depth": 21}}, "model.depth"),
        ({"model": {"name": "vit", "width": 97}}, "model.width"),
        ({"data.val_share": 0.9}, "data.val_share"),
        ({"data": {"name": "folder"}}, "data.path"),
        ({"compute.device": "tpu"}, "compute.device"),
        ({"lineage": "a b"}, "lineage"),
    ],
)
def test_that_a_refusal_stands_beside_its_field(view: RecipeView, changes: dict[str, Any], path: str) -> None:
    view.open.set_all(changes.items())
    view._changed()
    found = row(view, path)
    assert found.error.isVisible() and found.error.text() == view.open.errors[path]
    assert not view.head.start.isEnabled()


def test_that_what_has_no_row_is_told_above_the_rows(view: RecipeView) -> None:
    view.open_text('lineage = "x"\n[optimiser]\nlr = 1\n', "x")
    assert view.form.stray.isVisible() and "optimiser: unknown field" in view.form.stray.text()


def test_that_a_refused_value_is_seen_while_its_group_is_folded(view: RecipeView) -> None:
    view.open.set("keep.full", 0)
    view._changed()
    fold = view.form.groups["What is kept"].fold
    assert not fold.is_open and fold._summary.property("state") == "bad"


@pytest.mark.parametrize("preset", ["born-again-digits", "born-again-digits-vit"])
def test_that_every_field_has_an_editor_that_sets_it(qtbot: QtBot, view: RecipeView, preset: str) -> None:
    view._take_preset(preset)
    for field in view.open.layout.fields:
        if recipe_fields.is_choice_of_kind(field):
            continue
        before = view.open.value(field)
        editor = row(view, field.path).editor
        match editor:
            case QCheckBox():
                qtbot.mouseClick(editor, Qt.MouseButton.LeftButton, pos=QPoint(8, editor.height() // 2))
            case QComboBox():
                pick(view, field.path, next(choice for choice in field.choices if choice != before))
            case _:
                retype(qtbot, view, field.path, "7" if field.kind in ("integer", "integers") else "0.125")
        assert view.open.value(field) != before, field.path


def test_that_another_kind_brings_its_own_rows_and_keeps_the_focus(qtbot: QtBot, view: RecipeView) -> None:
    combo = row(view, "model.name").editor
    pick(view, "model.name", "vit")
    assert view.open.last.model == recipe.Vit()
    assert "model.patch" in view.form.rows and view.form.rows["model.name"].editor is combo and combo.hasFocus()
    pick(view, "optimizer.name", "adamw")
    assert "optimizer.momentum" not in view.form.rows


def test_that_a_method_card_changes_the_recipe(qtbot: QtBot, view: RecipeView) -> None:
    qtbot.mouseClick(view.methods.cards["supervised"], Qt.MouseButton.LeftButton)
    assert recipe.to_table(view.open.last)["method"]["name"] == "supervised" and view.open.last.generations == 0
    assert view.methods.cards["supervised"].isChecked() and not view.methods.cards["ban"].isChecked()
    assert view.head.said.startswith("Plain supervised on digits")


def test_that_a_group_unfolds_with_its_fields_and_says_what_is_in_it(qtbot: QtBot, view: RecipeView) -> None:
    group = view.form.groups["Optimiser"]
    assert not view.form.rows["optimizer.momentum"].isVisible()
    assert group.fold._summary.text() == "SGD, momentum 0.9, weight decay 500e−6"
    qtbot.mouseClick(group.fold, Qt.MouseButton.LeftButton)
    assert view.form.rows["optimizer.momentum"].isVisible()


def test_that_the_foot_explains_the_field_in_focus(view: RecipeView) -> None:
    row(view, "training.batch")
    assert view.form._foot.label.text() == "Batch"
    assert view.form._foot.place.text() == "training.batch, 1 to 65,536 pictures"
    assert "The default is 64, as published (Born-Again DenseNets: 64)." in view.form._foot.text.text()


def test_that_hints_tell_what_follows_from_a_value(view: RecipeView) -> None:
    hints = {path: found.hint.text() for path, found in view.form.rows.items()}
    assert hints["training.batch"] == "13 steps an epoch" and hints["training.epochs"] == "520 steps"
    assert hints["generations"] == "F0 to F3" and hints["seeds"] == "12 runs"


# ---- changed, undo, presets ----------------------------------------------------------------------------------------------


def test_that_auto_stands_in_the_editor_and_what_it_comes_to_beside_it(qtbot: QtBot, view: RecipeView) -> None:
    view.open.take_preset("dino-creatures")
    view._changed()
    momentum = row(view, "method.momentum")
    assert (momentum.text(), momentum.hint.text()) == ("auto", "auto: 0.9961")
    view._show_foot("method.momentum")
    assert "Here auto is 0.9961: half of the teacher is newer than 177 steps" in view.form._foot.text.text()
    assert view.form._foot.place.text() == "method.momentum, 0 to 1 or auto"
    retype(qtbot, view, "method.momentum", "0.996")
    assert view.open.last.method.momentum == 0.996 and momentum.hint.text() == "preset auto"
    retype(qtbot, view, "training.batch", "128")
    assert [plot.readout() for plot in view.schedules.plots][2] == ("half-life", "173 steps")
    retype(qtbot, view, "method.momentum", "auto")
    assert momentum.hint.text() == "auto: 0.9922" and "auto" in view.open.text


def test_that_a_dot_the_foot_and_the_list_bring_a_value_back(qtbot: QtBot, view: RecipeView) -> None:
    for act in (
        lambda: qtbot.mouseClick(view.form.rows["training.epochs"].dot, Qt.MouseButton.LeftButton),
        lambda: qtbot.mouseClick(view.form._foot.reset, Qt.MouseButton.LeftButton),
        lambda: view.form.changes_menu.actions()[0].trigger(),
        lambda: view.form.changes_menu.actions()[-1].trigger(),
    ):
        retype(qtbot, view, "training.epochs", "50")
        act()
        assert view.open.last.training.epochs == 40 and not view.open.changes()
        assert view.form.rows["training.epochs"].text() == "40"


def test_that_keys_undo_and_redo_the_recipe_and_not_the_letters_of_a_line(qtbot: QtBot, view: RecipeView) -> None:
    found = retype(qtbot, view, "training.epochs", "123")
    qtbot.keyClick(found.editor, KEYS.Key_Z, CTRL)
    assert view.open.last.training.epochs == 40 and found.text() == "40"
    qtbot.keyClick(found.editor, KEYS.Key_Z, CTRL | SHIFT)
    assert view.open.last.training.epochs == 123 and found.text() == "123"
    assert view.form.undo.isEnabled() and not view.form.redo.isEnabled()


def test_that_leaving_a_field_ends_a_step_of_undo(qtbot: QtBot, view: RecipeView) -> None:
    retype(qtbot, view, "training.epochs", "50")
    row(view, "training.batch")
    retype(qtbot, view, "training.epochs", "60")
    qtbot.mouseClick(view.form.undo, Qt.MouseButton.LeftButton)
    assert view.open.last.training.epochs == 50


def test_that_a_preset_is_taken_and_can_be_taken_back(view: RecipeView) -> None:
    act = next(each for each in view.form.preset_menu.actions() if each.text().strip() == "born again digits vit")
    act.trigger()
    assert view.open.preset == "born-again-digits-vit" and isinstance(view.open.last.model, recipe.Vit)
    view.undo()
    assert view.open.preset == "born-again-digits"


# ---- files ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text("# kept\n" + recipe.shipped_text("born-again-digits"))
    return file


def test_that_ctrl_s_saves_the_file_with_its_comments(qtbot: QtBot, view: RecipeView, mine: Path) -> None:
    view.open_file(mine)
    before = mine.read_text()
    found = retype(qtbot, view, "training.epochs", "50")
    assert view.head.path.text().endswith("mine.toml, not saved")
    qtbot.keyClick(found.editor, KEYS.Key_S, CTRL)
    assert mine.read_text() == before.replace("epochs = 40", "epochs = 50")
    assert view.head.path.text().endswith("mine.toml, saved")


def test_that_save_as_asks_where_and_adds_the_ending(
    view: RecipeView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "other"), ""))
    qtbot.mouseClick(view.head.save_as, Qt.MouseButton.LeftButton)
    assert (tmp_path / "other.toml").read_text() == recipe.shipped_text("born-again-digits")
    assert view.open.path == tmp_path / "other.toml"


def test_that_ctrl_o_opens_a_recipe_even_where_the_window_knows_the_key(
    qtbot: QtBot, view: RecipeView, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen: list[bool] = []
    QShortcut(QKeySequence("Ctrl+O"), view).activated.connect(lambda: stolen.append(True))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(mine), ""))
    qtbot.keyClick(row(view, "training.epochs").editor, KEYS.Key_O, CTRL)
    assert view.open.path == mine and not stolen


def test_that_a_file_changed_by_another_is_overwritten_only_on_a_word(qtbot: QtBot, view: RecipeView, mine: Path) -> None:
    view.open_file(mine)
    mine.write_text("# theirs\n" + mine.read_text())
    view.open.set("training.epochs", 50)
    view.save()
    assert mine.read_text().startswith("# theirs") and view.banner.isVisible()
    assert [button.text() for button in view.banner.buttons] == ["Overwrite", "Save as", "Open what is there", "Dismiss"]
    qtbot.mouseClick(view.banner.buttons[0], Qt.MouseButton.LeftButton)
    assert mine.read_text().startswith("# kept") and not view.banner.isVisible()


def test_that_a_file_dropped_on_the_page_is_opened(view: RecipeView, mine: Path) -> None:
    dragged = QMimeData()
    dragged.setUrls([QUrl.fromLocalFile(str(mine))])
    event = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, dragged, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    view.dropEvent(event)
    assert view.open.path == mine


def test_that_what_is_no_recipe_is_told_and_changes_nothing(view: RecipeView, tmp_path: Path) -> None:
    before = view.open.text
    (tmp_path / "bad.toml").write_text("lineage = \n")
    view.open_file(tmp_path / "bad.toml")
    assert "line 1" in view.banner.text and view.open.text == before
    view.open_file(tmp_path / "nowhere.toml")
    assert "cannot be read" in view.banner.text and view.open.text == before


def test_that_a_folder_is_browsed_for(view: RecipeView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    pick(view, "data.name", "folder")
    assert "is missing" in view.form.rows["data.path"].error.text()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    browse = view.form.rows["data.path"].browse
    assert browse is not None
    qtbot.mouseClick(browse, Qt.MouseButton.LeftButton)
    assert view.open.last.data.path == str(tmp_path) and not view.open.errors


def test_that_data_looked_at_elsewhere_is_used_here(view: RecipeView, tmp_path: Path) -> None:
    view.use_data({"name": "folder", "path": str(tmp_path), "size": 48})
    assert view.open.last.data.size == 48
    assert view.form.rows["data.size"].text() == "48"
    assert f"on {tmp_path.name}," in view.head.said


def test_that_a_duplicate_has_a_free_name_and_differs_in_nothing_else(view: RecipeView, session: Session) -> None:
    text = view.open.text
    view.add_to_queue()
    session.tick()
    view.open_text(text, "digits-s0-F0")
    assert view.open.last.lineage == "digits-2" and view.head.start.isEnabled()
    assert [one.field.path for one in view.open.changes()] == ["lineage"]
    assert "like digits-s0-F0, not saved" in view.head.path.text()


def test_that_a_name_that_is_taken_is_said_in_the_head(view: RecipeView, session: Session) -> None:
    view.add_to_queue()
    session.tick()
    view.open.set("training.epochs", 7)
    view._changed()
    assert "Lineage" in view.head.said and not view.head.start.isEnabled()


def test_that_what_was_not_saved_is_written_on(view: RecipeView) -> None:
    assert view.kept() is None, "a preset as it comes is not lost"
    view.open.set("training.epochs", 7)
    kept = view.kept()
    assert kept is not None
    view.open.take_preset("born-again-digits")
    view.restore(kept)
    assert view.open.last.training.epochs == 7 and "not saved" in view.banner.text
    assert not view.open.can_undo and view.open.unsaved
    view.restore(Snapshot("lineage = "))
    assert view.open.last.training.epochs == 7, "what cannot be read changes nothing"


# ---- checks, command, schedules ------------------------------------------------------------------------------------------


def test_that_a_remedy_is_one_press_and_one_step_of_undo(qtbot: QtBot, view: RecipeView) -> None:
    retype(qtbot, view, "seeds", "0")
    first = view.checks.rows[0]
    assert first.title.text() == "One seed gives no verdict"
    qtbot.mouseClick(first.remedy, Qt.MouseButton.LeftButton)
    assert view.open.last.seeds == (0, 1, 2) and view.checks.headline.text() == "no advice, nothing blocks"
    view.undo()
    assert view.open.last.seeds == (0,)


def test_that_a_check_that_blocks_holds_up_the_start_and_says_why(view: RecipeView) -> None:
    view._take_preset("born-again-digits-vit")
    view.open.set("model.patch", 3)
    view._changed()
    assert not view.head.start.isEnabled() and "Patches of 3 px" in view.head.start.toolTip()
    assert view.checks.headline.text() == "no advice, 1 to mend first"


def test_that_copy_copies_a_command_that_means_the_same(qtbot: QtBot, view: RecipeView) -> None:
    retype(qtbot, view, "optimizer.lr", "125e-6")
    qtbot.mouseClick(view.command.copy, Qt.MouseButton.LeftButton)
    parts = shlex.split(QGuiApplication.clipboard().text().replace("\\\n", ""))
    assert parts[:3] == ["filial", "train", "born-again-digits"]
    assert recipe.read(parts[2], [part for part in parts[3:] if part != "--set"]).recipe == view.open.last


def test_that_the_command_for_ones_own_pictures_says_only_what_the_preset_lacks(view: RecipeView, tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    view.use_data({"name": "folder", "path": str(tmp_path / "pets"), "size": 32})
    said = view.command.text.toPlainText().replace("\\\n", "")
    assert shlex.split(said)[:3] == ["filial", "train", "born-again-folder"]
    assert sorted(part for part in shlex.split(said)[3:] if part != "--set") == [
        f'data.path="{tmp_path / "pets"}"',
        "lineage=pets",
    ]


def test_that_promises_of_methods_take_a_second_line_where_one_is_too_short(
    dressed: Callable[..., theme.Palette], on_screen: Callable[[QWidget], QWidget]
) -> None:
    cards = MethodCards([("a", "Plain", "labels only"), ("b", "Distil", "from a larger or public teacher")])
    cards.resize(800, 60)
    on_screen(cards)
    one, before = cards.cards["b"], cards.sizeHint().height()
    assert one._promise_lines(one.width() - 28) == ["from a larger or public teacher"]
    cards.resize(300, 90)
    QApplication.processEvents()
    assert one._promise_lines(one.width() - 28) == ["from a larger or", "public teacher"]
    assert cards.sizeHint().height() > before and len({card.sizeHint().height() for card in cards.cards.values()}) == 1


def test_that_many_methods_stand_in_even_rows_where_one_is_too_narrow(
    dressed: Callable[..., theme.Palette], on_screen: Callable[[QWidget], QWidget]
) -> None:
    cards = MethodCards([(str(number), f"Method {number}", "labels only") for number in range(7)])
    for width, in_rows in ((1166, [7]), (744, [4, 3])):
        cards.resize(width, 150)
        on_screen(cards)
        QApplication.processEvents()
        tops = [card.y() for card in cards.cards.values()]
        assert [tops.count(top) for top in sorted(set(tops))] == in_rows


def test_that_schedules_are_read_by_keys_over_epochs_and_over_steps(qtbot: QtBot, view: RecipeView) -> None:
    view.open.set("schedule.warmup_epochs", 4)
    view._changed()
    plot = view.schedules.plots[0]
    assert plot.readout() == ("peak", "0.03, epoch 4")
    plot.setFocus()
    qtbot.keyClick(plot, KEYS.Key_End)
    assert plot.readout() == ("epoch 40", "0")
    qtbot.mouseClick(view.schedules.across.button("Step"), Qt.MouseButton.LeftButton)
    qtbot.keyClick(plot, KEYS.Key_End)
    assert plot.readout() == ("step 520", "0")
    qtbot.keyClick(plot, KEYS.Key_Escape)
    assert plot.readout()[0] == "peak"
    assert "warm-up, cosine" in plot.accessibleDescription()


def test_that_schedules_have_a_table_behind_them(qtbot: QtBot, view: RecipeView) -> None:
    qtbot.mouseClick(view.schedules.twin.button, Qt.MouseButton.LeftButton)
    model = view.schedules.twin.table.model()
    assert model.rowCount() == 41 and model.index(0, 1).data() == "0.03" and model.index(40, 1).data() == "0"


def test_that_the_newest_run_of_the_lineage_stands_behind_and_another_or_none_can_be_chosen(
    qtbot: QtBot, view: RecipeView, session: Session
) -> None:
    assert not view.schedules.before.isVisible(), "nothing has been trained here"
    for lineage in ("digits", "other"):
        for run in recorded.lineage(session.workspace.folder, f"lineage={lineage}", "generations=1"):
            recorded.begin(run)
            recorded.prepare(run)
            recorded.steps(run, 1, 10)
    settle(session)
    plot, combo = view.schedules.plots[0], view.schedules.before
    assert combo.isVisible() and combo.currentText().startswith("digits, F")
    assert [combo.itemText(place).partition(",")[0] for place in range(combo.count())] == [
        "digits",
        "digits",
        "other",
        "nothing",
    ]
    assert plot.plot._drawn is not None and plot.plot._drawn.before is not None
    epochs, rates = plot.plot._drawn.before
    assert (epochs[0], epochs[-1]) == (0.2, 2.0) and set(rates) == {0.1}
    assert plot.plot._span() == ((0.0, 40.0), (0.0, 0.1)), "both curves have room"
    plot.plot.point(int(plot.plot._drawn.x.searchsorted(1)))
    assert plot.readout()[1].endswith(", was 0.1") and "behind it digits, F" in plot.accessibleDescription()
    rows = view.schedules._rows()
    assert len(rows[0]) == 3 and rows[2][2] == "0.1" and rows[-1][2] == "", "the table has it too, as far as it went"
    qtbot.mouseClick(view.schedules.across.button("Step"), Qt.MouseButton.LeftButton)
    assert plot.plot._drawn.before[0][-1] == 10
    combo.setCurrentIndex(combo.findText("nothing"))
    combo.activated.emit(combo.currentIndex())
    assert plot.plot._drawn.before is None and combo.currentText() == "nothing"


def test_that_without_a_run_of_the_lineage_one_of_its_method_and_pictures_stands_behind(
    view: RecipeView, session: Session
) -> None:
    (taught,) = recorded.lineage(session.workspace.folder, "lineage=older", "generations=0", "method.name=supervised")
    (unlabelled,) = recorded.without_labels(session.workspace.folder)
    for run in (taught, unlabelled):
        recorded.begin(run)
        recorded.prepare(run)
        (recorded.steps if run is taught else recorded.dino_steps)(run, 1, 5)
    settle(session)
    assert view.schedules.before.currentText() == "nothing", "other methods have other schedules; they can be chosen"
    view._choose_method("supervised")
    assert view.schedules.before.currentText() == "older, F0, seed 0"


# ---- cost ----------------------------------------------------------------------------------------------------------------


def test_that_a_measure_is_asked_and_told(qtbot: QtBot, view: RecipeView, helper: Helper, session: Session) -> None:
    qtbot.mouseClick(view.cost.button, Qt.MouseButton.LeftButton)
    ((kind, payload),) = helper.asked
    assert kind == "measure" and recipe.read_text(payload["recipe"]).recipe == view.open.last
    assert payload["workspace"] == str(session.workspace.folder)
    helper.progressed.emit(1, 0.3, "2 of 5 steps")
    assert view.cost.note.text() == "2 of 5 steps"
    helper.answered.emit(1, ANSWER)
    assert view.cost.figure.text() == "38 s" and view.cost.under.text() == "a seed; 2 min for 3"
    assert view.cost.memory.text() == "1.0 of 4.0 GiB on the CPU"
    assert view.head.said.endswith("about 2 min in all")
    assert view.form.rows["model.name"].hint.text() == "11.2 k weights"


def test_that_a_measure_says_what_it_leaves_out(view: RecipeView, helper: Helper) -> None:
    view._measure()
    helper.answered.emit(1, {**ANSWER, "includes": "training steps; not the start, checkpoints and attention maps"})
    assert " without the start, checkpoints and attention maps" in view.cost.note.text()


def test_that_a_calculated_rate_is_written_into_its_field_and_can_be_undone(qtbot: QtBot, view: RecipeView) -> None:
    before = view.open.last.optimizer.lr
    qtbot.mouseClick(view.schedules.calculate, Qt.MouseButton.LeftButton)
    assert view.sums.isModal(), "no other recipe takes the place of the one it writes into"
    view.sums.rate.setText("0.1")
    view.sums.at.setText("128")
    qtbot.mouseClick(view.sums.use_linear, Qt.MouseButton.LeftButton)
    assert view.open.last.optimizer.lr == 0.05 and view.form.rows["optimizer.lr"].hint.text() != ""
    view.undo()
    assert view.open.last.optimizer.lr == before


def test_that_the_calculators_begin_with_what_auto_comes_to_and_say_what_they_have_written(view: RecipeView) -> None:
    view._take_preset("dino-creatures")
    view.calculate()
    assert view.sums.per_step.text() == "0.9961", "as beside the field"
    view.sums.epochs.setText("2")
    view.sums.epochs.textEdited.emit("2")
    view.sums.use_momentum.click()
    assert view.open.last.method.momentum == view.sums.momentum
    assert view.sums.back.text() == f"method.momentum is {view.sums.momentum:.10g} now."


def test_that_a_preset_whose_pictures_are_not_chosen_yet_shows_its_own_schedules_and_sums(
    view: RecipeView, helper: Helper
) -> None:
    view._take_preset("dino-pictures")
    assert view.open.errors.keys() == {"data.path"} and not view.head.start.isEnabled() and not view.head.preview.isEnabled()
    names = [plot.accessibleName() for plot in view.schedules.plots if plot.isVisible()]
    assert names == ["Learning rate", "Weight decay"], "the others wait for the pictures"
    assert not any("digit" in row.title.text() for row in view.checks.rows if row.isVisible())
    view.calculate()
    assert view.sums.momentum_card.isVisibleTo(view.sums)
    view.measure()
    assert helper.asked == [], "there is nothing to measure"


def test_that_a_grid_of_the_recipe_is_in_the_queue(qtbot: QtBot, view: RecipeView, session: Session) -> None:
    view.add_grid()
    view.grid.fields.rows[0].values.setText("0.1,0.05")
    qtbot.waitUntil(view.grid.queue.isEnabled, timeout=5000)
    assert view.grid.line.text().startswith("filial queue add born-again-digits --grid")
    qtbot.mouseClick(view.grid.queue, Qt.MouseButton.LeftButton)
    assert {one.lineage for one in session.runs} == {"digits-lr-0.1", "digits-lr-0.05"}
    assert view.banner.text == "2 lineages of a grid in the queue." and len(session.queue) == len(session.runs) == 24


def test_that_a_measure_is_stale_once_the_recipe_is_another(qtbot: QtBot, view: RecipeView, helper: Helper) -> None:
    view._measure()
    helper.answered.emit(1, ANSWER)
    retype(qtbot, view, "training.epochs", "80")
    assert view.cost.note.text().startswith("measured") and view.cost.figure.text() == "76 s"
    retype(qtbot, view, "training.batch", "32")
    assert "changed since" in view.cost.note.text() and "in all" not in view.head.said


def test_that_a_measure_under_way_can_be_cancelled_and_is_not_heard_again(view: RecipeView, helper: Helper) -> None:
    view._measure()
    assert view.cost.button.text() == "Cancel"
    view._measure()
    helper.answered.emit(1, ANSWER)
    assert helper.cancelled == [1] and view.cost.figure.text() == ""


def test_that_a_failed_measure_stands_beside_its_field_until_something_changes(
    qtbot: QtBot, view: RecipeView, helper: Helper
) -> None:
    view._measure()
    helper.failed.emit(1, "data.probe: 4000 is outside the test set of 539 pictures", "data.probe")
    found = view.form.rows["data.probe"]
    assert found.error.isVisible() and found.error.text().startswith("4000 is outside")
    assert "4000 is outside" in view.cost.note.text()
    retype(qtbot, view, "data.probe", "4")
    assert not found.error.isVisible()


ROOM = {"disk_free_bytes": 2**40, "disk_bytes_per_run": 2**20, "kept_bytes": 2**18, "seconds_all": 114.0, "runs": 12}
HALF = {
    "words": "batch 32 instead of 64",
    "button": "Use 32",
    "note": "The learning rate stays.",
    "values": [["training.batch", 32]],
    "of_a_step": True,
    "memory": 3 * 2**28,
    "time": 200.0,
    "disk": 12 * 2**20,
    "fits": True,
}


def test_that_where_memory_lacks_what_helps_is_looked_for_and_one_press_takes_it_and_measures_again(
    qtbot: QtBot, view: RecipeView, helper: Helper
) -> None:
    view._measure()
    helper.answered.emit(1, {**ANSWER, **ROOM, "device_memory_bytes": 7 * 2**27})
    kind, payload = helper.asked[-1]
    assert kind == "savings" and payload["measured"]["device_memory_bytes"] == 7 * 2**27
    assert recipe.read_text(payload["recipe"]).recipe == view.open.last
    helper.answered.emit(2, {"lacks": ["memory"], "changes": [HALF], "clock": 1.0})
    first, second = view.checks.rows[:2]
    assert first.title.text() == "A step needs 1.0 GiB of memory" and first.reason.text() == "The CPU has 896 MiB."
    assert second.title.text() == "Batch 32 instead of 64: 256 MiB less"
    assert second.reason.text() == "Then 768 MiB of memory, 3 min in all; 86 s more. The learning rate stays."
    qtbot.mouseClick(second.remedy, Qt.MouseButton.LeftButton)
    assert view.open.last.training.batch == 32 and helper.asked[-1][0] == "measure"
    assert recipe.read_text(helper.asked[-1][1]["recipe"]).recipe.training.batch == 32
    helper.answered.emit(3, {**ANSWER, **ROOM})
    assert len(helper.asked) == 3 and not view.checks.rows[0].title.text().startswith("A step needs")


def test_that_a_step_that_does_not_fit_at_all_asks_what_would(view: RecipeView, helper: Helper) -> None:
    view._measure()
    helper.failed.emit(1, "training.batch: 64: a step does not fit into the memory there is; write less", "training.batch")
    assert helper.asked[-1][0] == "savings" and helper.asked[-1][1]["measured"] is None
    helper.answered.emit(2, {"lacks": ["memory"], "changes": [HALF], "clock": 1.0})
    assert view.checks.rows[0].title.text() == "Batch 32 instead of 64: fits"
    assert view.form.rows["training.batch"].error.isVisible()
    helper.asked.clear()
    view.checks.rows[0].remedy.click()
    assert [kind for kind, _ in helper.asked] == ["measure"] and not view.form.rows["training.batch"].error.isVisible()


def test_that_what_would_save_is_looked_for_on_a_press_and_gone_once_the_recipe_is_another(
    qtbot: QtBot, view: RecipeView, helper: Helper
) -> None:
    assert not view.cost.lighter.isVisible(), "nothing to compare with yet"
    view._measure()
    helper.answered.emit(1, {**ANSWER, **ROOM})
    qtbot.mouseClick(view.cost.lighter, Qt.MouseButton.LeftButton)
    assert view.cost.button.text() == "Cancel" and not view.cost.lighter.isVisible()
    epochs = {**HALF, "words": "20 epochs instead of 40", "values": [["training.epochs", 20]], "memory": 2**30, "time": 57.0}
    helper.answered.emit(2, {"lacks": [], "changes": [epochs], "clock": 2.0})
    assert view.checks.rows[0].title.text() == "Others used the machine while times were compared"
    assert view.checks.rows[1].title.text() == "20 epochs instead of 40: 57 s less"
    view.checks.rows[1].remedy.click()
    assert len(helper.asked) == 2 and view.cost.figure.text() == "19 s", "what is only multiplied needs no measure"
    assert not view.checks.rows[1].title.text().startswith("20 epochs")


# ---- queue and start -----------------------------------------------------------------------------------------------------


def test_that_add_to_queue_makes_the_runs_and_queues_them(qtbot: QtBot, view: RecipeView, session: Session) -> None:
    retype(qtbot, view, "seeds", "4, 5")
    qtbot.mouseClick(view.head.queue, Qt.MouseButton.LeftButton)
    names = [f"digits-s{seed}-F{generation}" for generation in range(4) for seed in (4, 5)]
    assert sorted(queued(session)) == sorted(names)
    assert all((session.workspace.folder / name / "recipe.toml").is_file() for name in names)
    assert view.banner.text == "8 runs of digits in the queue."


def test_that_start_now_queues_and_leads_to_the_first_run(qtbot: QtBot, view: RecipeView, session: Session) -> None:
    started: list[str] = []
    led_to: list[str] = []
    view.started.connect(started.append)
    view.go.connect(led_to.append)
    qtbot.mouseClick(view.head.start, Qt.MouseButton.LeftButton)
    assert (started, led_to) == (["digits-s0-F0"], ["live"])
    assert queued(session)[0] == "digits-s0-F0" and len(queued(session)) == 12


def test_that_what_is_refused_leads_nowhere(qtbot: QtBot, view: RecipeView, session: Session) -> None:
    session.workspace.folder.mkdir(parents=True)
    (session.workspace.folder / "queue.json").write_text("{")
    heard: list[str] = []
    view.started.connect(heard.append)
    with qtbot.waitSignal(session.refused):
        qtbot.mouseClick(view.head.start, Qt.MouseButton.LeftButton)
    assert heard == []


def test_that_a_taken_name_is_refused_beside_it_with_a_free_one(qtbot: QtBot, view: RecipeView, session: Session) -> None:
    recorded.lineage(session.workspace.folder)
    session.tick()
    found = view.form.rows["lineage"]
    assert found.error.isVisible() and "digits exists here with another recipe" in found.error.text()
    assert not view.head.start.isEnabled() and found.error.text() in view.head.start.toolTip()
    assert found.remedy.text() == "Use digits-2"
    qtbot.mouseClick(found.remedy, Qt.MouseButton.LeftButton)
    assert view.open.last.lineage == "digits-2" and view.head.start.isEnabled()


def test_that_the_same_recipe_again_is_no_clash(view: RecipeView, session: Session) -> None:
    session.workspace.create(recipe.read("born-again-digits"))
    session.tick()
    assert view.head.start.isEnabled() and not view.form.rows["lineage"].error.isVisible()


# ---- keys, pointer, room -------------------------------------------------------------------------------------------------


def test_that_every_editor_has_a_name_and_its_label_leads_to_it(view: RecipeView) -> None:
    for found in view.form.rows.values():
        assert found.editor.accessibleName() == found.about.label and found.label.buddy() is found.editor
    for button in (view.form.undo, view.form.redo, view.schedules.twin.button, view.command.copy):
        assert button.accessibleName()


def test_that_tab_goes_from_row_to_row(qtbot: QtBot, view: RecipeView) -> None:
    order = ["lineage", "data.name", "data.train_size", "data.label_noise", "model.name"]
    row(view, order[0])
    for path in order[1:]:
        qtbot.keyClick(QApplication.focusWidget(), KEYS.Key_Tab)
        assert QApplication.focusWidget() is view.form.rows[path].editor


def test_that_the_wheel_never_changes_what_is_not_in_focus(view: RecipeView) -> None:
    row(view, "training.epochs")
    combo = view.form.rows["model.name"].editor
    at = QPointF(combo.rect().center())
    wheel = QWheelEvent(
        at,
        QPointF(combo.mapToGlobal(at.toPoint())),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(combo, wheel)
    assert isinstance(view.open.last.model, recipe.SmallCnn)


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.5])
def test_that_the_page_fits_a_small_window_at_scale_one_and_never_needs_more_width(
    view: RecipeView, dressed: Callable[..., theme.Palette], scale: float
) -> None:
    dressed("dark", scale)
    assert view.minimumSizeHint().width() <= 1200 * max(1.0, scale)
    if scale <= 1:
        assert view.minimumSizeHint().height() <= 684


def test_that_a_letter_typed_costs_less_than_a_frame_of_patience(qtbot: QtBot, view: RecipeView) -> None:
    """Counted, not clocked: a letter reads the text a few times, whatever the form looks like."""
    calls: list[str] = []
    original = recipe.plain_table
    retype(qtbot, view, "training.epochs", "4")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "plain_table", lambda text, source="": calls.append(text) or original(text, source))
        qtbot.keyClicks(view.form.rows["training.epochs"].editor, "1")
    assert 1 <= len(calls) <= 12


def test_that_a_check_is_computed_for_each_field_it_names() -> None:
    """Every remedy names fields that exist."""
    known = {field.path for field in recipe.all_fields()}
    asked = recipe.read("born-again-digits", ["seeds=[0]", "augment.flip=true", "optimizer.lr=5", "compute.threads=99"]).recipe
    remedies = [check.remedy for check in recipe_checks.checks(asked, recipe_checks.known(asked, cores=1)) if check.remedy]
    assert len(remedies) == 4 and {path for remedy in remedies for path, _ in remedy.values} <= known


def test_that_weights_are_chosen_as_a_file(
    view: RecipeView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    view.open.take_preset("born-again-digits-vit")
    view._changed()
    weights = tmp_path / "start.safetensors"
    weights.write_bytes(b"")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(weights), ""))
    row = view.form.rows["model.weights"]
    assert row.browse is not None and row.browse.toolTip() == "Choose a file"
    row.browse.click()
    assert view.open.last.model.weights == str(weights)
