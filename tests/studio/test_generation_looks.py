"""Images picture by picture: what each generation says and where it looks, zoomed in step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy_lineage
from by_hand import Helper
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from studio.session import Session
from studio.views.generations import GenerationsView
from studio.widgets.generation_looks import HEAT, OVER, Answer, GenerationLooks
from studio.widgets.zoomed import MOST, Zoom, ZoomedPicture

LEFT = Qt.MouseButton.LeftButton
RAMP = np.arange(4096, dtype=np.uint32).reshape(1, 64, 64) // 16
ANSWERS = [Answer(0, "ring 0.50", True), Answer(1, "wave 0.90", False)]


@pytest.fixture
def strip(dressed, on_screen: Callable[[QWidget], QWidget]) -> GenerationLooks:
    shown = GenerationLooks()
    shown.resize(640, 300)
    shown.show_answers("test 003, label wave", RAMP.astype(np.uint8), ANSWERS)
    on_screen(shown)
    return shown


def turn(picture: ZoomedPicture, at: QPointF, notches: int) -> None:
    wheel = QWheelEvent(
        at, QPointF(picture.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(picture, wheel)


def test_that_a_point_stays_under_the_pointer_while_it_zooms() -> None:
    zoom, at = Zoom(), QPointF(0.25, 0.75)
    for factor in (2.0, 1.5, 3.0):
        before = zoom.part.topLeft() + QPointF(at.x() * zoom.part.width(), at.y() * zoom.part.height())
        zoom.by(factor, at)
        after = zoom.part.topLeft() + QPointF(at.x() * zoom.part.width(), at.y() * zoom.part.height())
        assert (after - before).manhattanLength() < 1e-9
    assert zoom.scale == 9.0


def test_that_nothing_beyond_a_pictures_edges_comes_in_sight() -> None:
    zoom = Zoom()
    zoom.move(0.5, 0.5)
    assert zoom.part.getRect() == (0, 0, 1, 1), "of a whole picture there is nothing to move to"
    zoom.by(4.0)
    zoom.move(9, -9)
    assert zoom.part.getRect() == (0.75, 0, 0.25, 0.25)
    zoom.by(1000)
    assert zoom.scale == MOST
    zoom.by(1e-6)
    assert zoom.part.getRect() == (0, 0, 1, 1)


def test_that_the_wheel_over_one_picture_zooms_all_to_the_same_spot(strip: GenerationLooks) -> None:
    one, other = (column.picture for column in strip.columns)
    turn(one, one.box().topLeft() + QPointF(1, 1), 6)
    assert strip.zoom.scale == pytest.approx(1.25**6)
    corner = QPointF(6, 6)
    both = [picture.grab().toImage().pixelColor((picture.box().topLeft() + corner).toPoint()).red() for picture in (one, other)]
    last = one.grab().toImage().pixelColor((one.box().bottomRight() - corner).toPoint()).red()
    assert both[0] == both[1] and last < 80, "the upper left quarter of the ramp is dark down to its end"
    assert other.accessibleDescription() == "zoomed 3.8 times"
    QTest.mouseDClick(other, LEFT)
    assert strip.zoom.scale == 1 and one.accessibleDescription() == "all of it is shown"


def test_that_keys_zoom_move_and_reset_and_a_drag_moves(strip: GenerationLooks) -> None:
    picture = strip.columns[0].picture
    picture.setFocus()
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Plus, Qt.Key.Key_Minus, Qt.Key.Key_Right):
        QTest.keyClick(picture, key)
    assert strip.zoom.scale == pytest.approx(1.25) and strip.zoom.middle.x() > 0.5
    QTest.keyClick(picture, Qt.Key.Key_0)
    assert strip.zoom.scale == 1
    strip.zoom.by(2)
    QTest.mousePress(picture, LEFT, pos=QPoint(60, 60))
    QTest.mouseMove(picture, QPoint(90, 60))
    QTest.mouseRelease(picture, LEFT, pos=QPoint(90, 60))
    assert strip.zoom.middle.x() == pytest.approx(0.5 - 30 / picture.box().width() / 2)


# On the page


@pytest.fixture
def view(
    dressed, on_screen, helper: Helper, follow: Callable[[Path], Session], tmp_path: Path, qtbot: QtBot
) -> GenerationsView:
    """Images of two seeds; of F2 no checkpoint is kept."""
    toy_lineage.finished(tmp_path, seeds=(0, 1))
    session = follow(tmp_path)
    for run in session.runs:
        if run.generation < 2:
            folder = run.run.folder / "checkpoints" / "step-00000020"
            folder.mkdir(parents=True)
            (folder / "model.safetensors").write_bytes(b"")
    shown = GenerationsView(session, helper)
    shown.resize(1180, 720)
    on_screen(shown)
    qtbot.waitUntil(lambda: not shown._later.busy, timeout=10_000)
    shown.tabs.setCurrentIndex(4)
    qtbot.waitUntil(lambda: not shown._later.busy, timeout=10_000)
    return shown


def answer(helper: Helper, tmp_path: Path) -> None:
    """F0 sees class evidence, and every other network nothing that could be drawn."""
    names = helper.asked[-1][1]["networks"]
    facts = {name: {"kind": "evidence" if name == "F0" else None, "classes": toy_lineage.NAMES} for name in names}
    file = tmp_path / "looks.npz"
    pictures = {f"{name}_picture": np.full((1, 8, 8), 90, np.uint8) for name in names}
    np.savez(file, **pictures, F0_map=np.eye(8, dtype=np.float32)[None])
    helper.answered.emit(len(helper.asked), {**facts, "file": str(file)})


def told(view: GenerationsView) -> list[str]:
    return [column.told.text() for column in view.images.strip.columns]


def test_that_maps_are_asked_for_once_they_are_wanted_and_what_has_none_says_why(
    view: GenerationsView, helper: Helper, tmp_path: Path
) -> None:
    strip, model = view.images.strip, view.images.model
    assert [column.said.text().removesuffix(", wrong") for column in strip.columns] == [
        str(model.index(0, 2 + place).data()).replace("  ", " ") for place in range(3)
    ]
    assert not helper.asked, "a picture alone asks nobody"
    strip.style_choice.button(OVER).click()
    (verb, payload), *_ = helper.asked
    assert verb == "look" and {name: table["run"] for name, table in payload["networks"].items()} == {
        "F0": "digits-s0-F0", "F1": "digits-s0-F1",
    }  # fmt: skip
    assert told(view) == ["looking at it", "looking at it", "no map: this run keeps no checkpoint"]
    answer(helper, tmp_path)
    no_map = "its network has no map of where it looks"
    assert told(view) == ["class evidence", no_map, "no map: this run keeps no checkpoint"]
    assert strip.columns[1].picture.accessibleName().endswith(f"the picture; {no_map}")
    assert strip._whose.text() == "maps of seed 0, each scaled to its own maximum"
    over = strip.columns[0].picture.grab().toImage()
    strip.style_choice.button(HEAT).click()
    assert strip.columns[0].picture.grab().toImage() != over


def test_that_another_row_or_seed_asks_again_and_a_refusal_is_shown(
    view: GenerationsView, helper: Helper, qtbot: QtBot
) -> None:
    strip = view.images.strip
    strip.style_choice.button(OVER).click()
    QTest.keyClick(view.images.table, Qt.Key.Key_Down)
    assert len(helper.asked) == 2 and helper.cancelled == [1], "of the row before nobody wants to know any more"
    helper.failed.emit(2, "digits-s0-F0 has no data.json", "")
    assert told(view)[0] == "no map: digits-s0-F0 has no data.json"
    view.images.seeds.setCurrentIndex(2)
    view.images.seeds.activated.emit(2)
    qtbot.waitUntil(lambda: not view._later.busy, timeout=10_000)
    assert helper.asked[-1][1]["networks"]["F0"]["run"] == "digits-s1-F0"


def test_that_a_page_that_was_left_asks_for_its_maps_again(view: GenerationsView, helper: Helper, tmp_path: Path) -> None:
    view.images.strip.style_choice.button(OVER).click()
    view.hide()
    assert helper.cancelled == [1]
    view.show()
    assert len(helper.asked) == 2
    answer(helper, tmp_path)
    assert told(view)[0] == "class evidence"
    view._show_room()
    assert told(view)[0] == "class evidence" and len(helper.asked) == 2, "a look at the runs asks nobody again"


def test_that_the_same_picture_stays_in_the_strip_when_the_order_changes(view: GenerationsView) -> None:
    QTest.keyClick(view.images.table, Qt.Key.Key_Down)
    place = view.images.place
    view.images._sort(1)
    assert view.images.place == place and view.images.strip._title.text().startswith("test ")
