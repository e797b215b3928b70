"""The chain of boxes, the dots and the strip of the ensemble: by mouse and by keyboard."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from studio.lineage_model import Averaged, Box, Progress
from studio.widgets.chain import Chain, GenerationBox, Sideways
from studio.widgets.ensemble_strip import EnsembleStrip
from studio.widgets.seed_dots import SeedDots, common_span

LEFT, KEYS = Qt.MouseButton.LeftButton, Qt.Key
RUNNING = Progress("digits-s0-F3", "running", "", "running, epoch 18 of 40", 0.45, True)
BOXES = [
    Box(0, "labels only", 0.93, "93.1 %", "± 0.5, 3 seeds", (0.92, 0.93, 0.94), "", ("", "first generation, no teacher")),
    Box(
        1,
        "F0's predictions",
        0.946,
        "94.6 %",
        "± 0.6, 3 seeds",
        (0.94, 0.95),
        "better",
        ("+1.5 ± 0.5", "better than F0, p = 0.001"),
        "why one\n\nwhy two",
    ),
    Box(
        2,
        "F1's predictions",
        0.95,
        "95.0 %",
        "± 0.4, 3 seeds",
        (0.95,),
        "within the noise",
        ("+0.4 ± 0.4", "within the noise of F1, p = 0.20"),
    ),
    Box(3, "F2's predictions", verdict=("", ""), progress=RUNNING),
]


@pytest.fixture
def chain(dressed, on_screen) -> Chain:
    made = Chain()
    made.show_boxes(BOXES)
    made.resize(1300, 110)
    return on_screen(made)


def texts(box: GenerationBox) -> list[str]:
    return [label.text() for label in box.findChildren(QLabel) if label.isVisible() and label.text().strip()]


def test_that_a_box_says_what_it_is_how_good_it_is_and_against_whom(chain: Chain) -> None:
    assert texts(chain.box(1)) == [
        "F1",
        "F0's predictions",
        "94.6 %",
        "± 0.6, 3 seeds",
        "+1.5 ± 0.5",
        "better than F0, p = 0.001",
    ]
    assert "why one" in chain.box(1).toolTip() and "why two" in chain.box(1).toolTip()
    assert (
        chain.box(1).accessibleDescription() == "F0's predictions, 94.6 % ± 0.6, 3 seeds, +1.5 ± 0.5 better than F0, p = 0.001"
    )


def test_that_a_box_without_a_number_tells_its_state_and_leads_to_live(chain: Chain, qtbot) -> None:
    assert texts(chain.box(3)) == ["F3", "F2's predictions", "running, epoch 18 of 40"]
    with qtbot.waitSignal(chain.live_asked) as asked:
        QTest.mouseClick(chain.box(3)._live, LEFT)
    assert asked.args == ["digits-s0-F3"]
    assert not chain.box(1)._live.isVisible()


def test_that_two_boxes_can_be_chosen_and_a_third_takes_the_place_of_the_first(chain: Chain) -> None:
    told: list[tuple[int, ...]] = []
    chain.pair_chosen.connect(told.append)
    for generation in (2, 0, 1):
        QTest.mouseClick(chain.box(generation), LEFT)
    assert told == [(2,), (0, 2), (0, 1)]
    assert [chain.box(g).selected for g in range(4)] == [True, True, False, False]
    QTest.mouseClick(chain.box(0), LEFT)
    assert chain.pair == (1,)
    assert chain.box(1).accessibleName() == "F1, selected" and chain.box(0).accessibleName() == "F0, not selected"


def test_that_arrows_walk_along_the_chain_and_space_chooses(chain: Chain) -> None:
    chain.box(0).setFocus()
    for _ in range(2):
        QTest.keyClick(QApplication.focusWidget(), KEYS.Key_Right)
    assert chain.box(2).hasFocus()
    QTest.keyClick(chain.box(2), KEYS.Key_Space)
    QTest.keyClick(chain.box(2), KEYS.Key_Left)
    QTest.keyClick(QApplication.focusWidget(), KEYS.Key_Return)
    assert chain.pair == (1, 2)


def test_that_new_numbers_keep_boxes_focus_and_choice(chain: Chain) -> None:
    chain.choose((1, 2))
    chain.box(1).setFocus()
    before = chain.box(1)
    chain.show_boxes(BOXES)
    assert chain.box(1) is before and before.hasFocus() and chain.pair == (1, 2)


def test_that_a_narrow_chain_sets_every_verdict_on_two_lines(chain: Chain) -> None:
    wide = chain.box(1).sizeHint().height()
    chain.resize(1000, 130)
    QApplication.processEvents()
    figure, words = chain.box(1)._difference, chain.box(1)._verdict
    assert words.y() > figure.y() and chain.box(1).sizeHint().height() > wide
    assert {chain.box(g)._name.y() for g in range(4)} == {chain.box(0)._name.y()}, "the rows of all boxes stand level"


def test_that_a_long_chain_scrolls_sideways_and_not_up(dressed, on_screen) -> None:
    made = Chain()
    made.show_boxes([Box(g, "labels", 0.9, "90 %", "1 seed", (0.9,)) for g in range(9)])
    area = on_screen(Sideways(made))
    area.resize(900, area.sizeHint().height())
    QApplication.processEvents()
    assert area.horizontalScrollBar().maximum() > 0 and area.viewport().height() >= made.minimumSizeHint().height()


def test_that_dots_stand_on_one_scale(dressed, qtbot) -> None:
    dots = SeedDots(1)
    qtbot.addWidget(dots)
    dots.resize(84, 18)
    dots.show_values((0.8, 0.9), common_span([0.8, 0.9, 1.0]))
    assert 0 < dots.at(0.8) < dots.at(0.9) < dots.at(1.0) < 84
    dots.resize(184, 18)
    assert dots.at(0.8) > 100, "only the right end is used"
    low, high = common_span([0.5, 0.5])
    assert low < 0.5 < high
    assert common_span([]) == (0.0, 1.0)


# The strip


@pytest.fixture
def strip(dressed, on_screen) -> EnsembleStrip:
    made = EnsembleStrip()
    made.show_members([0, 1, 2], [1, 2])
    return on_screen(made)


def test_that_ticks_choose_the_members(strip: EnsembleStrip) -> None:
    told: list[tuple[tuple[int, ...], str]] = []
    strip.chosen.connect(lambda members, kind: told.append((members, kind)))
    QTest.mouseClick(strip.tick(0), LEFT, pos=strip.tick(0).rect().center() - strip.tick(0).rect().bottomRight() / 3)
    strip.tick(1).setFocus()
    QTest.keyClick(strip.tick(1), KEYS.Key_Space)
    assert told == [((0, 1, 2), "probabilities"), ((0, 2), "probabilities")]


def test_that_the_strip_shows_a_result_or_a_note(strip: EnsembleStrip) -> None:
    strip.show_result(Averaged("88.6 %", "± 0.7, 3 seeds", "+5.4", ((1, "+1.4"), (2, "−0.2")), "the mean of it"))
    assert (
        strip.accessibleDescription() == "88.6 % ± 0.7, 3 seeds, +5.4 over the mean of its members; each adds F1 +1.4, F2 −0.2"
    )
    assert strip._figure.isVisible() and not strip._note.isVisible() and "the mean of it" in strip.toolTip()
    strip.show_result(None, "tick two")
    assert strip._note.isVisible() and not strip._figure.isVisible() and strip.accessibleDescription() == "tick two"


def test_that_the_chain_repaints_in_both_themes(chain: Chain, dressed, tmp_path: Path) -> None:
    light = chain.grab().toImage()
    dressed("dark")
    assert chain.grab().toImage() != light
