"""Many pictures at once on the page for single networks: the map of their features, and prototypes."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recorded
import toy_lineage
from by_hand import press
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from engine import events
from engine.run import Run
from studio import inspect_model
from studio.inspect_model import Prototypes
from studio.lineage_pictures import Pictures
from studio.views.inspect import InspectView
from studio.widgets import taking
from studio.widgets.feature_card import FeatureCard
from studio.widgets.feature_map import FeatureMap, stamp

Show = Callable[[QWidget], QWidget]
XY = np.array([[0, 0], [10, 0], [0, 10], [10, 10], [4, 4]], np.float32)
LABELS, PLACES = np.array([0, 0, 1, 1, 2]), np.array([60, 61, 62, 63, 64])


@pytest.fixture
def map_(dressed, on_screen: Show) -> FeatureMap:
    made = FeatureMap()
    made.resize(300, 300)
    made.show_points(XY, LABELS, PLACES, ("okapi", "dhole", "genet"))
    on_screen(made)
    return made


def test_that_a_click_chooses_the_nearest_picture_within_reach(map_: FeatureMap) -> None:
    told: list[int] = []
    map_.chosen.connect(told.append)
    at = QPointF(*map_.pixels()[3]).toPoint()
    QTest.mouseClick(map_, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseClick(map_, Qt.MouseButton.LeftButton, pos=QPointF(*map_.pixels()[[0, 1]].mean(0)).toPoint())
    assert told == [3], "between two pictures there is none"
    first, last = map_.pixels()[0], map_.pixels()[3]
    assert first[0] < last[0] and first[1] > last[1], "the second direction goes up"
    assert last[0] - first[0] == pytest.approx(first[1] - last[1]), "distances are true"


def test_that_keys_walk_from_picture_to_picture(map_: FeatureMap) -> None:
    told: list[int] = []
    map_.chosen.connect(told.append)
    map_.setFocus()
    map_.mark(60)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Return):
        QTest.keyClick(map_, key)
    assert told == [3] and map_.accessibleDescription() == "dhole, picture 63"
    QTest.keyClick(map_, Qt.Key.Key_Up)
    assert map_._current == 3, "nothing lies further up"


def test_that_zooming_keeps_what_is_under_the_pointer_and_ends_with_all_of_it(map_: FeatureMap) -> None:
    before = map_.pixels().copy()
    map_._zoom_by(4, QPointF(*before[2]))
    assert map_.pixels()[2] == pytest.approx(before[2]) and map_._zoom == 4
    assert np.linalg.norm(map_.pixels()[4] - map_.pixels()[2]) == pytest.approx(4 * np.linalg.norm(before[4] - before[2]))
    map_.setFocus()
    QTest.keyClick(map_, Qt.Key.Key_0)
    assert map_.pixels() == pytest.approx(before)


def test_that_only_lit_classes_have_their_colour(map_: FeatureMap) -> None:
    def bright(row: int) -> bool:
        x, y = map_.pixels()[row]
        colour = map_.grab().toImage().pixelColor(round(x), round(y))
        return colour.saturation() > 60

    assert bright(0) and bright(2)
    map_.show_lit(frozenset([1]))
    assert not bright(0) and bright(2)
    map_.show_points(XY, LABELS, PLACES, ())
    assert not bright(2) and map_.label_of(4) == -1, "without classes there is nothing to colour"
    assert map_.accessibleDescription() == "5 pictures"


def test_that_discs_are_stamped_and_the_more_opaque_pixel_stays() -> None:
    canvas = np.zeros((7, 9, 4), np.uint8)
    stamp(canvas, np.array([[3.4, 3.6], [100.0, 2.0], [-0.2, 0.5]]), QColor(200, 100, 0), 1.5)
    assert canvas[3, 3].tolist() == [200, 100, 0, 255] == canvas[2, 3].tolist()
    corner = canvas[2, 2].tolist()
    assert 0 < corner[3] < 255 and corner[0] == pytest.approx(200 * corner[3] / 255, abs=1), "premultiplied"
    assert canvas[3, 5].tolist() == [0] * 4 and canvas[0, 0, 3] == 255 * 1, "what lies half outside is cut"
    faint = QColor(0, 0, 200)
    faint.setAlphaF(0.5)
    stamp(canvas, np.array([[3.0, 3.0]]), faint, 1.5)
    assert canvas[3, 3].tolist() == [200, 100, 0, 255]


def test_that_a_map_is_saved_as_points_in_svg(map_: FeatureMap) -> None:
    drawn = taking.svg_of(map_, "map")
    assert b"<image" not in drawn and drawn.count(b'stroke-linecap="round"') >= 3, "a stroke a class"


def test_that_a_map_of_one_place_is_drawn(map_: FeatureMap) -> None:
    map_.show_points(np.zeros((3, 2)), LABELS[:3], PLACES[:3], ("okapi", "dhole"))
    assert np.isfinite(map_.pixels()).all() and map_.row_at(QPointF(150, 150)) == 0
    map_.grab()


# ---- prototypes -----------------------------------------------------------------------------------------------------------


def held() -> Prototypes:
    return Prototypes(
        np.array([7, 3]), np.array([30, 5]), np.array([[0, 1, 2], [9, 8, 7]]), np.array([[0.9, 0.5, 0.4], [0.8, 0.7, 0.6]])
    )


def test_that_a_prototype_is_chosen_by_key_and_its_pictures_are_listed(dressed, on_screen: Show, qtbot) -> None:
    card = FeatureCard()
    card.resize(340, 360)
    inspector = card.prototypes
    card.show_prototypes(held(), Pictures(np.zeros((10, 1, 8, 8), np.uint8)), "F0")
    on_screen(card)
    opened: list[int] = []
    inspector.opened.connect(opened.append)
    assert inspector.told == "Prototype 7: first choice of 30 test pictures"
    inspector.bars.setFocus()
    QTest.keyClick(inspector.bars, Qt.Key.Key_End)
    assert list(inspector.browser.list.places) == [9, 8, 7] and inspector.told.startswith("Prototype 3: first choice of 5")
    assert inspector.bars.accessibleDescription() == "prototype 3: first choice of 5 test pictures"
    inspector.browser.setFocus()
    inspector.browser.setCurrentIndex(inspector.browser.list.index_of(1))
    assert opened == [], "who walks past looks at nothing"
    QTest.keyClick(inspector.browser, Qt.Key.Key_Return)
    assert opened == [8]
    assert inspector.bars.bar(0).height() > 4 * inspector.bars.bar(1).height()
    assert [list(row) for row in inspector.bars.table()] == [["prototype", "first choice of"], ["7", 30.0], ["3", 5.0]]
    qtbot.waitUntil(lambda: not inspector.browser.shelf.busy, timeout=5000)


def keep(run: Run, **arrays: np.ndarray) -> None:
    """The artifact of a run that learned without labels."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    path = run.folder / "artifacts" / "a01-step00000020-prototypes.npz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.getvalue())
    size = len(content.getvalue())
    at = {"elapsed_s": 1.0, "step": 20, "epoch": 4.0}
    kept = events.ArtifactSaved(kind="prototypes", path=f"artifacts/{path.name}", size=size, sha256="", **at)
    recorded.write(run, kept)


@pytest.fixture
def dino(tmp_path: Path) -> Run:
    run = recorded.without_labels(tmp_path)[0]
    recorded.dino(run)
    one = held()
    keep(run, prototypes=one.numbers, uses=one.uses, pictures=one.places, probabilities=one.probabilities)
    recorded.end(run)
    return run


def test_that_prototypes_are_read_and_what_is_wrong_with_them_is_said(dino: Run, tmp_path: Path) -> None:
    found = inspect_model.prototypes(dino, dino.state())
    assert isinstance(found, Prototypes) and found.uses.tolist() == [30, 5]
    keep(dino, prototypes=np.zeros(2), uses=np.zeros(3), pictures=np.zeros((2, 1)), probabilities=np.zeros((2, 1)))
    assert "does not hold the prototypes it should" in str(inspect_model.prototypes(dino, dino.state()))
    (dino.folder / "artifacts" / "a01-step00000020-prototypes.npz").write_bytes(b"PK")
    assert "cannot be read" in str(inspect_model.prototypes(dino, dino.state()))
    other = toy_lineage.finished(tmp_path / "labelled", seeds=(0,))[0]
    assert inspect_model.prototypes(other, other.state()) == "its run learned classes"


def put_checkpoint(run: Run) -> None:
    folder = run.folder / "checkpoints" / "step-00000020"
    folder.mkdir(parents=True)
    for part in ("model", "teacher"):
        (folder / f"{part}.safetensors").write_bytes(b"")


def test_that_the_page_shows_the_prototypes_of_a_run_without_labels(
    dressed, on_screen, follow, helper, dino: Run, qtbot
) -> None:
    put_checkpoint(dino)
    view = InspectView(follow(dino.workspace), helper)
    view.resize(1180, 640)
    on_screen(view)
    qtbot.waitUntil(lambda: not (view._later.busy or view._map.busy), timeout=10000)
    assert [one.part for one in (view.pair.student, view.pair.teacher)] == ["model", "teacher"]
    assert view.pair.names == ("F0", "its average")
    press(view.features.which.button("Prototypes"))
    qtbot.waitUntil(lambda: not (view._later.busy or view._map.busy), timeout=10000)
    assert view.features.prototypes.told.startswith("Prototype 7")
    assert helper.cancelled == [1], "the map is not wanted any more"


def test_that_a_click_on_the_map_leads_to_the_picture(dressed, on_screen, follow, helper, tmp_path: Path, qtbot) -> None:
    runs = toy_lineage.finished(tmp_path, seeds=(0,))
    put_checkpoint(runs[0])
    session = follow(tmp_path)
    session.choose(runs[0].name)
    view = InspectView(session, helper)
    view.resize(1180, 640)
    on_screen(view)
    qtbot.waitUntil(lambda: not (view._later.busy or view._map.busy), timeout=10000)
    embed = next(number for number, (verb, _) in enumerate(helper.asked, 1) if verb == "embed")
    assert helper.asked[-1][0] == "look" and helper.cancelled == [embed], "a look comes first"
    helper.failed.emit(len(helper.asked), "it cannot be read", "")
    assert helper.asked[-1][0] == "embed"
    file = tmp_path / "embed.npz"
    np.savez(file, xy=XY, label=LABELS, place=np.arange(5))
    helper.answered.emit(len(helper.asked), {"of": 5, "shares": [0.6, 0.2], "classes": toy_lineage.NAMES, "file": str(file)})
    assert "5 test pictures; 60" in view.features.told
    view.features.map.chosen.emit(3)
    assert helper.asked[-1][0] == "look" and view.looks.accessibleName() == "picture 3"
    assert view.features.map._marked == 3
    assert view.looks.accessibleDescription() == f"label {toy_lineage.NAMES[3]}", "as the run was told"
    asked = len(helper.asked)
    view.hide()
    assert helper.cancelled[-1] == asked, "nobody waits for it any more"
    view.show()
    assert helper.asked[-1][0] == "look" and len(helper.asked) == asked + 1
