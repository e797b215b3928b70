"""The page for single networks and pictures: what is chosen here changes what is listed, drawn and asked."""

import base64
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import recorded
import toy_lineage
from by_hand import Helper, press, settle
from PySide6.QtCore import QEvent, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from engine import events
from studio import inspect_looks, inspect_model
from studio.inspect_asks import InspectAsks
from studio.lineage_pictures import Pictures
from studio.session import Session
from studio.views.inspect import InspectView
from studio.widgets.class_matrix import ClassMatrix
from studio.widgets.dark_knowledge import DarkKnowledge, Said, temperature_at
from studio.widgets.feature_card import FeatureCard
from studio.widgets.near_pictures import NearPictures
from studio.widgets.network_looks import NetworkLooks, Row
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


def both(view: InspectView) -> tuple[inspect_model.Network | None, inspect_model.Network | None]:
    return view.pair.student, view.pair.teacher


def listed(view: InspectView) -> list[int]:
    return list(view.examples.browser.list.places)


def test_that_the_page_opens_with_the_run_that_is_looked_at_and_its_teacher(view: InspectView) -> None:
    assert [one.run for one in both(view)] == ["digits-s0-F1", "digits-s0-F0"]
    answers = view._lists.answers
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
    assert [one.run for one in both(view)] == ["digits-s0-F2", "digits-s0-F1"], "its teacher comes with it"
    answers = view._lists.answers
    assert len(listed(view)) == int((~answers.student.correct & ~answers.teacher.correct).sum())
    view.teacher.chosen.emit(None)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert both(view)[1] is None and len(listed(view)) == int((~answers.student.correct).sum())


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
    row = int(view._lists.listing.row[1])
    teacher, student = view.answers.dark.bars._said
    assert (teacher.name, student.name) == ("F0", "F1")
    assert inspect_model.softened(student.logits, 1) == pytest.approx(view._lists.answers.student.probabilities[row], abs=1e-6)


def test_that_a_run_without_answers_says_when_they_come(dressed, on_screen, follow, helper, tmp_path: Path, qtbot) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    view = InspectView(follow(tmp_path), helper)
    on_screen(view)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert view.examples.kinds.entries[-1].text == "Watched pictures"
    assert view.examples._note.accessibleName() == "No answers are stored yet" and view.examples._note.accessibleDescription()
    assert not any(entry.count for entry in view.examples.kinds.entries)


def test_that_a_run_at_work_offers_the_pictures_it_watches(dressed, on_screen, follow, helper, tmp_path: Path, qtbot) -> None:
    run = toy_lineage.lineage(tmp_path, seeds=(0,))[0]
    toy_lineage.prepare_data(run)
    recorded.begin(run)
    recorded.prepare(run)
    content = io.BytesIO()
    np.savez(content, pictures=np.zeros((3, 1, 8, 8), np.uint8), labels=np.array([2, 0, 1]), index=np.array([40, 41, 50]))
    (run.folder / "artifacts").mkdir()
    (run.folder / "artifacts" / "a01-step00000000-probe-pictures.npz").write_bytes(content.getvalue())
    path = "artifacts/a01-step00000000-probe-pictures.npz"
    recorded.write(run, events.ArtifactSaved(elapsed_s=1.0, kind="probe-pictures", path=path, size=1, sha256="", step=0))
    recorded.steps(run, 1, 5)
    folder = run.folder / "checkpoints" / "step-00000005"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    view = InspectView(follow(tmp_path), helper)
    view.resize(1180, 640)
    on_screen(view)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert listed(view) == [40, 41, 50]
    entry = view.examples.kinds.entries[-1]
    assert (entry.text, entry.count, view.looks.accessibleDescription()) == ("Watched pictures", 3, "label star")
    assert helper.asked[-1][0] == "look" and helper.asked[-1][1]["networks"] == {
        "student": {"run": run.name, "step": 5, "part": "model"},
    }  # fmt: skip


# ---- pictures that the assistant looks at --------------------------------------------------------------------------------


def answer(helper: Helper, tmp_path: Path, **arrays: np.ndarray) -> None:
    """The assistant's answer to what it was asked last: student and teacher look alike, unless an array says otherwise."""
    verb, payload = helper.asked[-1]
    if verb == "look":
        one = {"picture": np.full((1, 8, 8), 90, np.uint8), "map": np.arange(8.0, dtype=np.float32).reshape(2, 2, 2),
               "logits": np.arange(4.0, dtype=np.float32), "colours": np.full((3, 2, 2), 0.5, np.float32)}  # fmt: skip
        one["probabilities"] = (np.exp(one["logits"]) / np.exp(one["logits"]).sum()).astype(np.float32)
        roles = payload["networks"]
        told = {f"{role}_{part}": array for role in roles for part, array in one.items()}
        facts = {role: {"kind": "attention", "classes": toy_lineage.NAMES} for role in roles}
        told["overlap"] = np.array([0.52], np.float32)
    else:
        told = {"place": np.array([61, 62]), "label": np.array([1, 2]), "similarity": np.array([1.0, 0.25], np.float32),
                "pictures": np.zeros((2, 1, 8, 8), np.uint8), "votes": np.array([0.1, 0.7, 0.2, 0], np.float32)}  # fmt: skip
        facts = {"of": 60, "searched": 60, "classes": toy_lineage.NAMES}
    file = tmp_path / f"answer-{len(helper.asked)}.npz"
    np.savez(file, **(told | arrays))
    helper.answered.emit(len(helper.asked), {**facts, "file": str(file)})
    assert not file.exists(), "the scratch folder fills up"


def test_that_the_chosen_picture_is_looked_at_by_both(view: InspectView, helper: Helper, tmp_path: Path) -> None:
    verb, payload = helper.asked[-1]
    assert verb == "look" and {role: table["run"] for role, table in payload["networks"].items()} == {
        "student": "digits-s0-F1", "teacher": "digits-s0-F0",
    }  # fmt: skip
    image = QImage.fromData(base64.b64decode(payload["picture"]["png"]))
    array = view._pictures.array[view._place]
    assert image.size().width() == 8 and image.pixelColor(3, 5).red() == array[0, 5, 3], "bit for bit what the run saw"
    answer(helper, tmp_path)
    grid = view.looks.grid
    assert grid.heads() == ["as it is read", "patch PCA", "mean of 2 heads", "head 1", "head 2"]
    assert "F1 says wave 0.64, star 0.24, cross 0.09" in grid.accessibleDescription()
    assert "overlap 0.52" in view.looks._told.text()
    assert view.answers.dark.bars._said[0].logits.tolist() == [0, 1, 2, 3], "what it says now, not what was stored"


def test_that_a_dropped_file_is_looked_at_and_stays_when_the_student_changes(view, helper, tmp_path: Path, qtbot) -> None:
    answer(helper, tmp_path)
    file = tmp_path / "mine.png"
    QImage(20, 10, QImage.Format.Format_RGB32).save(str(file))
    held = QMimeData()
    held.setUrls([QUrl.fromLocalFile(str(file))])
    place = QPoint(5, 5)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, held, buttons, keys)
    QApplication.sendEvent(view, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(view, QDropEvent(place.toPointF(), Qt.DropAction.CopyAction, held, buttons, keys))
    assert helper.asked[-1][1]["picture"] == {"file": str(file)}
    answer(helper, tmp_path)
    assert view.looks.accessibleName() == "mine.png" and view.looks.accessibleDescription() == "its label is not known"
    view.student.chosen.emit(inspect_model.Network("digits-s0-F2", 20))
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    assert helper.asked[-1][1]["picture"] == {"file": str(file)}
    assert helper.asked[-1][1]["networks"]["student"]["run"] == "digits-s0-F2"


def test_that_a_run_of_the_same_name_elsewhere_is_another_one(view: InspectView, helper: Helper, tmp_path: Path, qtbot) -> None:
    answer(helper, tmp_path)
    helper.failed.emit(len(helper.asked), "the map is not wanted here", "")
    other = Path(shutil.copytree(tmp_path, tmp_path.with_name(tmp_path.name + "-other")))
    asked = len(helper.asked)
    view._session.open_workspace(other)
    settle(view._session)
    view._session.choose("digits-s0-F1")
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10000)
    looks = [payload for verb, payload in helper.asked[asked:] if verb == "look"]
    assert looks and {payload["workspace"] for payload in looks} == {str(other)}, "what was answered there was shown here"


def test_that_a_folder_is_left_to_the_window(view: InspectView, tmp_path: Path) -> None:
    held = QMimeData()
    held.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, held, buttons, keys)
    QApplication.sendEvent(view, event)
    assert not event.isAccepted()


def test_that_a_picture_on_the_clipboard_is_pasted_by_key(view: InspectView, helper: Helper, tmp_path: Path) -> None:
    answer(helper, tmp_path)
    QGuiApplication.clipboard().setText("no picture")
    assert view.why_not("paste") == "there is no picture on the clipboard" and not view.why_not("ask_open")
    before = len(helper.asked)
    QTest.keyClick(view.examples.browser, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert len(helper.asked) == before
    image = QImage(6, 6, QImage.Format.Format_RGB32)
    image.fill(0xFF336699)
    QGuiApplication.clipboard().setImage(image)
    QTest.keyClick(view.examples.browser, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    pasted = QImage.fromData(base64.b64decode(helper.asked[-1][1]["picture"]["png"]))
    assert pasted.pixelColor(2, 2).name() == "#336699"


def test_that_neighbours_are_asked_for_when_they_are_in_sight_and_can_be_looked_at(
    view, helper: Helper, tmp_path: Path
) -> None:
    answer(helper, tmp_path)
    assert "neighbours" not in [verb for verb, _ in helper.asked]
    press(view.answers.which.button("Neighbours"))
    assert helper.asked[-1][0] == "neighbours" and helper.asked[-1][1]["network"]["run"] == "digits-s0-F1"
    helper.progressed.emit(len(helper.asked), 0.5, "30 of 60 training pictures looked at")
    assert view.answers.near._waiting.accessibleName() == "30 of 60 training pictures looked at"
    answer(helper, tmp_path)
    assert view.answers.near.told == (
        "Nearest of 60 training pictures by the cosine of F1's features; the 20 nearest vote cross 0.70"
    )
    browser = view.answers.near.browser
    browser.setCurrentIndex(browser.list.index_of(1))
    browser.activated.emit(browser.currentIndex())
    assert helper.asked[-1][0] == "look" and view.looks.accessibleName() == "training picture 62"
    assert view.looks.accessibleDescription() == "label star"


def test_that_what_cannot_be_looked_at_is_said_and_the_next_picture_is_asked_for(view, helper: Helper, tmp_path: Path) -> None:
    helper.failed.emit(len(helper.asked), "digits-s0-F1 has no checkpoint of step 20 that can be read; choose another one", "")
    assert view.looks._note.accessibleDescription().startswith("digits-s0-F1 has no checkpoint")
    browser = view.examples.browser
    browser.setFocus()
    QTest.keyClick(browser, Qt.Key.Key_Right)
    assert [verb for verb, _ in helper.asked[-2:]] == ["embed", "look"]
    answer(helper, tmp_path)
    assert view.looks._pages.currentWidget() is view.looks.area


def test_that_the_page_reads_what_the_assistant_really_answers(dressed, on_screen, tmp_path: Path) -> None:
    """Of the frozen sample, by the assistant's own verbs."""
    from engine.assist import VERBS

    runs = Path(shutil.copytree(Path(__file__).parent.parent / "samples" / "workspace-1", tmp_path / "runs"))
    file = tmp_path / "mine.png"
    QImage(20, 10, QImage.Format.Format_RGB32).save(str(file))
    vit, cnn = ({"run": run, "step": step, "part": "model"} for run, step in (("look-s0-F0", 6), ("sample-s0-F1", 12)))
    helper = Helper()
    asks, found = InspectAsks(helper), {}
    asks.found.connect(lambda verb, key, what: found.update({verb: what}))
    where = {"workspace": str(runs)}
    for verb, payload in {
        "look": {"networks": {"student": vit, "teacher": cnn}, "picture": {"file": str(file)}},
        "neighbours": {"network": cnn, "picture": {"file": str(file)}},
        "embed": {"network": cnn},
    }.items():
        asks.wish(verb, verb, **where, **payload)
        asked = {"id": len(helper.asked), "ask": verb, **helper.asked[-1][1]}
        helper.answered.emit(len(helper.asked), VERBS[verb](asked, tmp_path, lambda share, words: None))
    seen = inspect_looks.looks(found["look"])
    assert (seen["student"].kind, seen["teacher"].kind, inspect_looks.overlap(found["look"])) == ("attention", "evidence", None)
    looks, near, features = NetworkLooks(), NearPictures(), FeatureCard()
    for part in (looks, near, features):
        part.resize(500, 300)
        on_screen(part)
    looks.show_looks([Row(role, "#477FDC", role == "teacher", seen[role]) for role in seen], None)
    assert looks.grid.heads()[:2] == ["as it is read", "patch PCA"] and seen["student"].heads == len(looks.grid.heads()) - 3
    near.show_found(found["neighbours"], "F1", "")
    assert near.told.startswith("Nearest of 96 training pictures") and near.browser.list.rowCount() > 0
    features.show_map(found["embed"], "F1")
    assert len(features.map.pixels()) == int(found["embed"].facts["of"]) and "of the variance" in features.told


def test_that_mass_leaves_the_fewest_patches_that_hold_it() -> None:
    map_hw = np.array([[0.5, 0.1], [0.3, 0.1]], np.float32)
    assert inspect_looks.marked(map_hw, 0.4).tolist() == [[True, False], [False, False]]
    assert inspect_looks.marked(map_hw, 0.6).tolist() == [[True, False], [True, False]]
    assert inspect_looks.marked(np.zeros((2, 2), np.float32), 0.6).sum() == 0
    from torch import from_numpy

    from engine.probes.attention import marked

    maps = np.random.default_rng(4).random((5, 7, 7)).astype(np.float32)
    for mass in (0.05, 0.6, 0.95):
        ours = np.stack([inspect_looks.marked(one, mass) for one in maps])
        assert ours.tolist() == marked(from_numpy(maps), mass).tolist()
    picture = np.full((1, 4, 4), 200, np.uint8)
    drawn = inspect_looks.drawn(map_hw, picture, 0.4, grey=False)
    assert drawn[3, 3].tolist() == [70, 70, 70] and drawn[0, 0].tolist() != [70, 70, 70]


def test_that_a_look_comes_before_longer_work_which_is_asked_for_again(dressed, helper: Helper, tmp_path: Path) -> None:
    asks, found = InspectAsks(helper), []
    asks.found.connect(lambda verb, key, what: found.append((verb, key)))
    asks.wish("embed", "all", network={})
    asks.wish("neighbours", "one")
    assert [verb for verb, _ in helper.asked] == ["embed", "neighbours"] and helper.cancelled == [1]
    asks.wish("look", "one", networks={"student": {}})
    asks.wish("look", "two", networks={"student": {}})
    assert helper.cancelled == [1, 2, 3], "only the newest look is wanted"
    answer(helper, tmp_path)
    assert found == [("look", "two")] and helper.asked[-1][0] == "neighbours"
    answer(helper, tmp_path)
    assert helper.asked[-1] == ("embed", {"network": {}})
    helper.answered.emit(2, {"file": "/nowhere"})
    assert len(found) == 2, "an end that was cancelled is nobody's"
    asks.wish("look", "two", networks={})
    assert found[-1] == ("look", "two") and len(helper.asked) == 6, "it is known already"


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


def test_that_a_menu_opened_again_leaves_no_menus_behind(view: InspectView) -> None:
    counts = []
    for _ in range(3):
        view.student.fill()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        counts.append(len(view.student.choices.findChildren(QMenu)))
    assert counts[0] == counts[1] == counts[2] > 0
