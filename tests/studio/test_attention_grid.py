"""The probe images: what a map becomes, what a row says, and the scrubber below."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from studio import color_maps
from studio.widgets.attention_grid import AttentionGrid, Looks, Network, Probe, ProbePanel, grown, luminance, map_picture
from studio.widgets.picture import Picture
from studio.widgets.scrubber import Scrubber

LEFT = Qt.MouseButton.LeftButton
NETWORKS = (Network("student F1", "#4999CD"), Network("teacher F0", "#6E72BA"))
GREY = np.zeros((1, 8, 8), dtype=np.uint8)


def probe(count: int = 5, channels: int = 1) -> Probe:
    pictures = np.random.default_rng(0).integers(0, 256, (count, channels, 8, 8), dtype=np.uint8)
    return Probe(pictures, tuple(range(count)))


def looks(count: int = 5, heads: int = 3, teacher: bool = True) -> Looks:
    """The student is right but for the last picture."""
    maps = np.random.default_rng(1).random((count, heads, 4, 4), dtype=np.float32)
    answers = np.arange(count)
    answers[-1] = 0
    return Looks(
        student=maps,
        teacher=maps[:, ::-1].copy() if teacher else None,
        overlap=np.linspace(0.2, 1, count, dtype=np.float32) if teacher else None,
        student_class=answers,
        student_confidence=np.full(count, 0.61, dtype=np.float32),
        teacher_class=np.arange(count) if teacher else None,
        teacher_confidence=np.full(count, 0.9, dtype=np.float32) if teacher else None,
    )


@pytest.fixture
def panel(dressed, on_screen) -> ProbePanel:
    made = ProbePanel()
    made.resize(372, 576)
    return on_screen(made)


def pictures(widget: AttentionGrid) -> list[Picture]:
    """Those in sight, once Qt has shown what was added."""
    QApplication.processEvents()
    return [picture for picture in widget.findChildren(Picture) if picture.isVisible()]


# ---- maps ---------------------------------------------------------------------------------------------------------------


def test_that_a_map_is_scaled_to_its_own_maximum(dressed) -> None:
    map_hw = np.array([[0.0, 0.001], [0.0005, 0.001]])
    shown = map_picture(map_hw, np.zeros((1, 2, 2), dtype=np.uint8), "Heat")
    assert_array_equal(shown, color_maps.magma(np.array([[0.0, 1.0], [0.5, 1.0]])))


def test_that_a_large_picture_is_thinned_before_its_map_is_drawn(dressed) -> None:
    assert map_picture(np.ones((14, 14)), np.zeros((3, 224, 200), dtype=np.uint8)).shape == (112, 100, 3)
    assert map_picture(np.ones((14, 14)), np.zeros((3, 160, 96), dtype=np.uint8)).shape == (160, 96, 3)


def test_that_a_map_of_zeros_stays_dark(dressed) -> None:
    assert_array_equal(map_picture(np.zeros((4, 4)), GREY, "Heat"), color_maps.magma(np.zeros((8, 8))))


def test_that_heat_over_grey_lets_the_picture_through(dressed) -> None:
    white = np.full((3, 8, 8), 255, dtype=np.uint8)
    difference = map_picture(np.zeros((4, 4)), white).astype(int) - map_picture(np.zeros((4, 4)), GREY)
    assert_allclose(difference, 0.22 * 255, atol=1)


def test_that_luminance_weighs_colours_as_eyes_do() -> None:
    assert_allclose(luminance(np.full((3, 2, 2), 255, dtype=np.uint8)), 1.0)
    green = np.zeros((3, 1, 1), dtype=np.uint8)
    green[1] = 255
    assert_allclose(luminance(green), 0.7152)


def test_that_a_map_grows_between_the_middles_of_its_cells() -> None:
    assert_allclose(grown(np.array([[0.0, 1.0]]), (1, 4)), [[0, 0.25, 0.75, 1]])
    assert_allclose(grown(np.full((3, 5), 0.7), (8, 8)), 0.7)
    same = np.random.default_rng(0).random((4, 6))
    assert_allclose(grown(same, (4, 6)), same)
    assert grown(np.ones((1, 1)), (3, 2)).shape == (3, 2)


# ---- rows ---------------------------------------------------------------------------------------------------------------


def test_that_a_row_says_overlap_class_and_answer(panel: ProbePanel) -> None:
    panel.show_all(probe(), ["zero", "one", "two", "three", "four"], NETWORKS, looks(), "attention")
    assert panel.grid.rows()[1] == ("0.40", "one", "61\u2009%")
    assert panel.grid.rows()[-1] == ("1.00", "four", "zero  61\u2009%"), "a wrong answer is named"
    names = [picture.accessibleName() for picture in pictures(panel.grid)][-3:]
    assert names == [
        "image of four",
        "attention of the student, which answers zero  61\u2009%",
        "attention of the teacher, which answers four  90\u2009%",
    ]
    shown = [label.text() for label in panel.grid.findChildren(QLabel) if label.isVisible() and label.text()]
    assert "0.40" in shown and "zero  61\u2009%" in shown


def test_that_a_wrong_answer_has_shape_and_colour(panel: ProbePanel) -> None:
    panel.show_all(probe(), [], NETWORKS, looks(), "attention")
    marks = [label.property("icon_name") for label in panel.grid.findChildren(QLabel) if label.property("icon_name")]
    assert marks == ["check"] * 4 + ["close"]
    wrong = next(label for label in panel.grid.findChildren(QLabel) if label.text() == "0  61\u2009%")
    assert wrong.property("state") == "bad"


def test_that_without_a_teacher_there_are_two_pictures_in_a_row(panel: ProbePanel) -> None:
    panel.show_all(probe(), [], NETWORKS, looks(teacher=False), "evidence")
    assert len(pictures(panel.grid)) == 10
    assert panel.grid.rows()[0] == ("", "0", "61\u2009%")
    panel.show_all(probe(), [], NETWORKS, looks(), "evidence")
    assert len(pictures(panel.grid)) == 15
    panel.show_all(probe(3), [], NETWORKS, None)
    assert len(pictures(panel.grid)) == 3 and panel.grid.rows()[0] == ("", "0", "")


def test_that_pictures_are_square_and_four_rows_fit_the_smallest_window(panel: ProbePanel, qtbot) -> None:
    panel.show_all(probe(12), [], NETWORKS, looks(12), "attention")
    rows = pictures(panel.grid)
    assert {picture.size().toTuple() for picture in rows} == {(rows[0].width(), rows[0].width())}
    assert 4 * (rows[0].height() + 6) <= panel.grid.area.viewport().height()
    qtbot.waitUntil(lambda: panel.grid.area.verticalScrollBar().maximum() > 0)
    panel.resize(500, 576)
    assert pictures(panel.grid)[0].width() > 90


def test_that_colour_pictures_are_shown_too(panel: ProbePanel) -> None:
    panel.show_all(probe(2, channels=3), [], NETWORKS, looks(2), "attention")
    assert len(pictures(panel.grid)) == 6


# ---- the card -----------------------------------------------------------------------------------------------------------


def test_that_class_evidence_is_never_called_attention(panel: ProbePanel) -> None:
    panel.show_all(probe(), [], NETWORKS, looks(heads=1), "evidence")
    assert panel.caption() == "Class evidence, each map scaled to its own maximum"
    assert not panel.heads.isVisible()
    tip = panel._caption.toolTip()
    assert "Grad-CAM" in tip and "It is not attention" in tip
    assert "attention" not in pictures(panel.grid)[1].accessibleName()


def test_that_a_single_head_can_be_looked_at(panel: ProbePanel) -> None:
    panel.show_all(probe(), [], NETWORKS, looks(heads=3), "attention")
    assert [panel.heads.itemText(place) for place in range(4)] == ["All heads", "Head 1", "Head 2", "Head 3"]
    before = panel.grid._content()[0].maps[0]
    panel.heads.setCurrentIndex(2)
    after = panel.grid._content()[0].maps[0]
    assert not np.array_equal(before, after)
    assert_array_equal(after, map_picture(looks().student[0][1], probe().pictures[0]))
    panel.styles.setCurrentText("Heat")
    assert_array_equal(panel.grid._content()[0].maps[0], map_picture(looks().student[0][1], probe().pictures[0], "Heat"))


def test_that_the_chosen_head_stays_while_snapshots_change(panel: ProbePanel) -> None:
    panel.show_all(probe(), [], NETWORKS, looks(heads=3), "attention")
    panel.heads.setCurrentIndex(3)
    panel.show_all(probe(), [], NETWORKS, looks(heads=3, teacher=False), "attention")
    assert panel.heads.currentIndex() == 3 and panel.grid._shown.head == 2
    panel.show_all(probe(), [], NETWORKS, looks(heads=2), "attention")
    assert panel.heads.currentIndex() == 0 and panel.grid._shown.head is None


def test_that_where_nothing_is_to_be_seen_a_sentence_stands(panel: ProbePanel) -> None:
    panel.show_note("No probe images yet", "they are chosen when the data is read")
    assert panel.note() == "No probe images yet" and not panel.styles.isVisible()
    panel.show_all(probe(), [], NETWORKS, None, "evidence", "artifacts/x.npz is missing from the run's folder.")
    assert panel.note() == "" and panel.caption() == "artifacts/x.npz is missing from the run's folder."


def test_that_the_card_shows_the_focus_of_its_rows(panel: ProbePanel, qtbot) -> None:
    panel.show_all(probe(12), [], NETWORKS, looks(12), "attention")
    qtbot.waitUntil(lambda: panel.grid.area.verticalScrollBar().maximum() > 0)
    panel.grid.area.setFocus()
    assert panel.property("focused") == "true"
    QTest.keyClick(panel.grid.area, Qt.Key.Key_Down)
    assert panel.grid.area.verticalScrollBar().value() > 0
    panel.styles.setFocus()
    assert panel.property("focused") == "false"


def test_that_another_theme_draws_the_rows_again(panel: ProbePanel, dressed) -> None:
    panel.show_all(probe(), [], NETWORKS, looks(), "attention")
    dressed("dark", 1.5)
    assert len(pictures(panel.grid)) == 15 and not panel.grab().isNull()


# ---- the scrubber -------------------------------------------------------------------------------------------------------


@pytest.fixture
def scrubber(dressed, on_screen) -> Scrubber:
    made = Scrubber()
    made.asked = []
    made.moved.connect(made.asked.append)
    made.live_asked.connect(lambda: made.asked.append("live"))
    made.show_moments(17, "epoch 1", "17")
    made.show_place(12, "Epoch 13, step 1,950 (at the cursor)", live=False)
    return on_screen(made)


def test_that_the_scrubber_says_where_it_is(scrubber: Scrubber) -> None:
    texts = [label.text() for label in scrubber.findChildren(QLabel)]
    assert {"Epoch 13, step 1,950 (at the cursor)", "epoch 1", "17 snapshots", "17"} <= set(texts)
    assert scrubber.slider.value() == 12 and not scrubber.live.isChecked()
    assert scrubber.asked == [], "showing is not asking"


def test_that_buttons_keys_and_slider_ask_for_a_moment(scrubber: Scrubber) -> None:
    QTest.mouseClick(scrubber._previous, LEFT)
    QTest.mouseClick(scrubber._next, LEFT)
    scrubber.slider.setFocus()
    QTest.keyClick(scrubber.slider, Qt.Key.Key_Right)
    QTest.keyClick(scrubber.slider, Qt.Key.Key_Home)
    QTest.mouseClick(scrubber.live, LEFT)
    assert scrubber.asked == [11, 13, 13, 0, "live"]


def test_that_the_ends_have_no_further_moment(scrubber: Scrubber) -> None:
    scrubber.show_place(16, "Epoch 17, newest", live=True)
    assert scrubber._previous.isEnabled() and not scrubber._next.isEnabled() and scrubber.live.isChecked()
    scrubber.step(1)
    QTest.mouseClick(scrubber.live, LEFT)
    assert scrubber.asked == ["live"] and scrubber.live.isChecked()
    scrubber.show_moments(0, "", "")
    assert not scrubber.slider.isEnabled() and not scrubber.live.isEnabled()


def test_that_the_wheel_leaves_an_unfocused_slider_alone(scrubber: Scrubber) -> None:
    def wheel() -> None:
        middle = QPointF(scrubber.slider.rect().center())
        buttons, keys, phase = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
        turned = QWheelEvent(middle, middle, QPoint(), QPoint(0, 120), buttons, keys, phase, False)
        QApplication.sendEvent(scrubber.slider, turned)

    scrubber.live.setFocus()
    wheel()
    assert scrubber.asked == []
    scrubber.slider.setFocus()
    wheel()
    assert scrubber.asked
