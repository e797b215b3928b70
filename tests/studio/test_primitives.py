"""The primitive widgets, used as a person uses them: by mouse and by keyboard."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from studio import theme
from studio.widgets import empty
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.chips import HealthChip
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.error_card import ErrorCard, Remedy
from studio.widgets.picture import Picture, channels_last, fitted, fitted_size, to_image
from studio.widgets.segment import Segment
from studio.widgets.state_mark import StateMark, mark_of
from studio.widgets.stop_button import StopButton

PROMISES = {
    "epoch": "ends epoch 18, saves, about 23 s",
    "now": "saves step 2,200, about 2 s",
    "kill": "at once; keeps epoch 17, loses 90 steps",
}
LEFT = Qt.MouseButton.LeftButton
KEYS = Qt.Key


@pytest.fixture
def stop(dressed, on_screen):
    """A stop button with all three ways, and the list of what was asked for."""
    button = StopButton()
    button.show_choices(**PROMISES)
    asked: list[str] = []
    button.stop_asked.connect(asked.append)
    button.kill_asked.connect(lambda: asked.append("kill"))
    on_screen(button)
    yield button, asked
    button.menu.close()


def open_by_keyboard(button: StopButton) -> None:
    button.more.setFocus()
    QTest.keyClick(button.more, KEYS.Key_Space)
    assert button.menu.isVisible()


# The stop button


def test_that_the_face_of_the_stop_button_does_the_first_possible_way(stop) -> None:
    button, asked = stop
    assert button.face.text() == "Stop after this epoch"
    QTest.mouseClick(button.face, LEFT)
    assert asked == ["epoch"]


@pytest.mark.parametrize(("downs", "way"), [(0, "epoch"), (1, "now"), (2, "kill")])
def test_that_arrows_and_return_reach_every_way_to_stop(stop, downs: int, way: str) -> None:
    button, asked = stop
    open_by_keyboard(button)
    for _ in range(downs):
        QTest.keyClick(button.menu, KEYS.Key_Down)
    QTest.keyClick(button.menu, KEYS.Key_Return)
    assert asked == [way]
    assert not button.menu.isVisible()


@pytest.mark.parametrize(("row", "way"), [(0, "epoch"), (1, "now"), (2, "kill")])
def test_that_the_mouse_reaches_every_way_to_stop(stop, row: int, way: str) -> None:
    button, asked = stop
    QTest.mouseClick(button.more, LEFT)
    middle = button.menu.actionGeometry(button.menu.actions()[row]).center()
    QTest.mouseMove(button.menu, middle)
    QTest.mouseClick(button.menu, LEFT, pos=middle)
    assert asked == [way]


def test_that_the_comfort_line_and_escape_do_nothing(stop) -> None:
    button, asked = stop
    open_by_keyboard(button)
    comfort = button.menu.actions()[-1]
    assert comfort.text() == "No choice deletes anything." and not comfort.isEnabled()
    for _ in range(3):
        QTest.keyClick(button.menu, KEYS.Key_Down)  # past the last way, and round
    assert button.menu.activeAction().data() == "epoch"
    QTest.keyClick(button.menu, KEYS.Key_Escape)
    assert asked == [] and not button.menu.isVisible()


def test_that_a_silent_run_can_only_be_killed(stop) -> None:
    button, asked = stop
    button.show_choices(kill=PROMISES["kill"])
    assert button.face.text() == "Kill"
    assert [action.data() for action in button.menu.actions() if action.data()] == ["kill"]
    QTest.mouseClick(button.face, LEFT)
    assert asked == ["kill"]


def test_that_a_dead_run_cannot_be_stopped(stop) -> None:
    button, asked = stop
    button.show_choices()
    QTest.mouseClick(button.face, LEFT)
    QTest.mouseClick(button.more, LEFT)
    assert asked == [] and not button.menu.isVisible() and not button.more.isEnabled()


def test_that_the_promise_of_an_open_menu_stays_true(stop) -> None:
    button, asked = stop
    open_by_keyboard(button)
    QTest.keyClick(button.menu, KEYS.Key_Down)
    button.show_choices(epoch="ends epoch 18, about 3 s", now="saves step 2,700", kill="loses 150 steps")
    assert button.menu.isVisible()
    assert button.menu.activeAction().data() == "now"
    shown = [action.defaultWidget().accessibleName() for action in button.menu.actions() if action.data()]
    assert shown[1] == "Save now and stop: saves step 2,700"
    QTest.keyClick(button.menu, KEYS.Key_Return)
    assert asked == ["now"]


def test_that_the_menu_opens_where_there_is_room(stop) -> None:
    button, _ = stop
    size, screen = button.menu.sizeHint(), button.screen().availableGeometry()
    button.move(screen.center())
    assert button._menu_corner(size).y() > button.mapToGlobal(QPoint(0, 0)).y()
    button.move(screen.right() - button.width(), screen.bottom() - button.height())
    assert button._menu_corner(size).y() + size.height() <= button.mapToGlobal(QPoint(0, 0)).y()


def test_that_both_halves_of_the_stop_button_are_named(stop) -> None:
    button, _ = stop
    assert button.more.accessibleName() == "Other ways to stop"
    assert button.face.text()


# Chips


@pytest.mark.parametrize(
    ("state", "value", "spoken"),
    [
        ("unknown", "", "k-NN, not yet known, not yet"),
        ("ok", "71.2 %", "k-NN, healthy, 71.2 %"),
        ("warn", "12 %", "k-NN, warning, 12 %"),
        ("bad", "9 %", "k-NN, wrong, 9 %"),
    ],
)
def test_that_a_chip_tells_its_state_by_mark_words_and_property(dressed, qtbot, state, value, spoken) -> None:
    chip = HealthChip("k-NN")
    qtbot.addWidget(chip)
    chip.show_state(state, value, "The value of the last epoch.")
    assert chip.accessibleName() == spoken
    assert chip.property("state") == state
    assert chip.toolTip() == "The value of the last epoch."


def test_that_only_a_known_chip_has_a_tick(dressed, qtbot) -> None:
    chip = HealthChip("finite")
    qtbot.addWidget(chip)
    mark = chip.findChild(QLabel)
    assert mark.property("icon_name") == "dots"
    chip.show_state("ok")
    assert (mark.property("icon_name"), mark.property("icon_token")) == ("check", "ok")


def test_that_a_warning_is_tinted_and_health_is_not(dressed, on_screen) -> None:
    colors = dressed("light")
    page = QWidget()
    column = QVBoxLayout(page)
    chip = HealthChip("data wait")
    column.addWidget(chip)
    on_screen(page)
    page.setFocus()

    def ground() -> str:
        return page.grab().toImage().pixelColor(chip.mapTo(page, QPoint(4, 4))).name().upper()

    chip.show_state("ok", "3 %")
    assert ground() == colors.window
    chip.show_state("warn", "14 %")
    assert ground() == colors.warnbg


def test_that_a_chip_is_a_button_for_mouse_and_keyboard(dressed, on_screen) -> None:
    chip = on_screen(HealthChip("finite"))
    clicks: list[int] = []
    chip.clicked.connect(lambda: clicks.append(1))
    QTest.mouseClick(chip, LEFT)
    chip.setFocus()
    QTest.keyClick(chip, KEYS.Key_Space)
    assert len(clicks) == 2


def test_that_a_chip_makes_room_for_a_longer_value(dressed, qtbot) -> None:
    chip = HealthChip("finite")
    qtbot.addWidget(chip)
    chip.show_state("ok")
    narrow = chip.sizeHint().width()
    chip.show_state("bad", "step 1,612", name="not finite")
    assert chip.sizeHint().width() > narrow
    assert chip.accessibleName().startswith("not finite")


# State marks


@pytest.mark.parametrize(
    ("state", "reason", "mark"),
    [
        ("queued", "", ("circle", "muted")),
        ("blocked", "", ("circle", "warn")),
        ("starting", "", ("circle", "ok")),
        ("running", "", ("disc", "ok")),
        ("paused", "", ("pause", "warn")),
        ("stopping", "", ("disc", "muted")),
        ("unresponsive", "", ("exclamation", "warn")),
        ("lost", "", ("question", "warn")),
        ("finished", "completed", ("check", "ok")),
        ("finished", "stopped", ("stop", "muted")),
        ("finished", "failed", ("octagon-x", "bad")),
    ],
)
def test_that_every_state_has_its_own_mark(dressed, qtbot, state, reason, mark) -> None:
    colors = dressed("dark")
    assert mark_of(state, reason) == mark
    widget = StateMark(48)
    qtbot.addWidget(widget)
    widget.show_state(state, reason)
    drawn = widget.grab().toImage()
    tones = {drawn.pixelColor(x, y).name().upper() for x in range(48) for y in range(48)}
    assert getattr(colors, mark[1]) in tones
    assert state in widget.accessibleName()


def test_that_an_unknown_state_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unresponsive"):
        mark_of("sleeping")


# Segments


def test_that_exactly_one_choice_of_a_segment_is_down(dressed, on_screen) -> None:
    segment = on_screen(Segment(["Step", "Epoch", "Time"], "x axis"))
    chosen: list[str] = []
    segment.chosen.connect(chosen.append)
    assert segment.current() == "Step"
    QTest.mouseClick(segment.button("Time"), LEFT)
    assert segment.current() == "Time" and chosen == ["Time"]
    segment.choose("Epoch")
    assert segment.current() == "Epoch" and chosen == ["Time"]  # nobody chose
    assert [segment.button(choice).isChecked() for choice in ("Step", "Epoch", "Time")] == [False, True, False]


def test_that_arrows_move_the_choice_of_a_segment(dressed, on_screen) -> None:
    segment = on_screen(Segment(["Step", "Epoch", "Time"]))
    chosen: list[str] = []
    segment.chosen.connect(chosen.append)
    segment.button("Step").setFocus()
    QTest.keyClick(segment.button("Step"), KEYS.Key_Right)
    assert segment.current() == "Epoch" and chosen == ["Epoch"]
    assert segment.button("Epoch").hasFocus()


def test_that_a_relabelled_choice_keeps_its_name(dressed, qtbot) -> None:
    segment = Segment(["Inherited", "New"])
    qtbot.addWidget(segment)
    segment.relabel("New", "New 24")
    with qtbot.waitSignal(segment.chosen) as told:
        segment.button("New").click()
    assert told.args == ["New"]
    with pytest.raises(ValueError, match="Inherited"):
        segment.choose("Fixed")


def test_that_a_choice_can_be_greyed_out_with_its_reason(dressed, qtbot) -> None:
    segment = Segment(["Step", "Time"])
    qtbot.addWidget(segment)
    segment.offer("Time", False, "no times were written")
    segment.button("Time").click()
    assert segment.current() == "Step"
    assert segment.button("Time").toolTip() == "no times were written"


# Cards


def test_that_a_card_without_a_title_has_no_head(dressed, qtbot) -> None:
    card = Card()
    qtbot.addWidget(card)
    assert card.head_frame.isHidden()
    card.show_title("Objective", "train/loss, nats")
    assert not card.head_frame.isHidden()
    assert (card.accessibleName(), card.accessibleDescription()) == ("Objective", "train/loss, nats")


def test_that_a_focused_card_keeps_its_contents_in_place(dressed, on_screen) -> None:
    colors = dressed("dark")
    card = Card("Objective")
    inside = QWidget()
    card.body.addWidget(inside)
    on_screen(card)
    card.resize(200, 120)
    place = inside.geometry()
    card.show_focused(True)
    assert card.grab().toImage().pixelColor(1, 60).name().upper() == colors.focus
    card.show_focused(False)
    card.show_selected(True)
    assert card.grab().toImage().pixelColor(1, 60).name().upper() == colors.accenttext
    assert inside.geometry() == place


def test_that_a_narrow_label_ends_in_an_ellipsis_and_keeps_the_whole_in_its_tooltip(dressed, on_screen) -> None:
    label = on_screen(ElidedLabel("k-NN accuracy, k = 20, 2,400 held-out images"))
    label.resize(80, 20)
    label.grab()
    assert label.toolTip() == label.text()
    label.resize(600, 20)
    label.grab()
    assert label.toolTip() == ""
    assert label.minimumSizeHint().width() < 80


# The error card

REMEDIES = [
    Remedy("Batch 32, accumulate 2", "about 7.6 GiB, same result", "Retry", "smaller"),
    Remedy("Wait until GPU 0 is free", "still too large", "Wait", "wait", possible=False),
]


def buttons(card: ErrorCard) -> dict[str, QPushButton]:
    return {button.text(): button for button in card.findChildren(QPushButton) if button.isVisible()}


@pytest.mark.parametrize("width", [340, 860])
def test_that_remedies_log_and_report_are_asked_for_by_their_buttons(dressed, on_screen, width: int) -> None:
    card = ErrorCard()
    card.show_failure("Out of memory at step 1", "The step needed 14.2 GiB. No work is lost.", REMEDIES)
    on_screen(card)
    card.resize(width, 300)
    asked: list[str] = []
    card.remedy_chosen.connect(asked.append)
    card.log_asked.connect(lambda: asked.append("log"))
    card.copy_asked.connect(lambda: asked.append("copy"))
    for text in ("Retry", "Wait", "Open log", "Copy report"):
        QTest.mouseClick(buttons(card)[text], LEFT)
    assert asked == ["smaller", "log", "copy"]  # waiting is not possible
    assert buttons(card)["Retry"].accessibleName() == "Retry: Batch 32, accumulate 2"


def test_that_a_remedy_is_reached_by_keyboard(dressed, on_screen) -> None:
    card = ErrorCard()
    card.show_failure("Out of memory", "Too large.", REMEDIES)
    on_screen(card)
    asked: list[str] = []
    card.remedy_chosen.connect(asked.append)
    buttons(card)["Retry"].setFocus()
    QTest.keyClick(buttons(card)["Retry"], KEYS.Key_Space)
    assert asked == ["smaller"]


def test_that_a_lost_run_has_its_one_remedy_in_the_head_in_warning_colours(dressed, on_screen) -> None:
    colors = dressed("light")
    card = ErrorCard()
    resume = ("Resume from epoch 12", "loses 90 steps", "Resume from epoch 12", "resume")
    card.show_failure("Lost since 03:12", "The process is gone. Epoch 12 is saved.", [resume], tone="warn")
    on_screen(card)
    card.resize(340, 160)
    assert card.grab().toImage().pixelColor(6, 12).name().upper() == colors.warnbg
    asked: list[str] = []
    card.remedy_chosen.connect(asked.append)
    QTest.mouseClick(buttons(card)["Resume from epoch 12"], LEFT)
    assert asked == ["resume"]


def test_that_showing_the_same_failure_again_keeps_the_focus(dressed, on_screen, qtbot) -> None:
    card = ErrorCard()
    card.show_failure("Out of memory", "Too large.", REMEDIES)
    on_screen(card)
    button = buttons(card)["Retry"]
    button.setFocus()
    card.show_failure("Out of memory", "Too large.", list(REMEDIES))
    assert button.hasFocus()
    card.show_failure("Not finite", "Overflow.", [("Resume in bfloat16", "the usual answer", "Resume", "bf16")])
    qtbot.waitUntil(lambda: "Resume" in buttons(card))
    assert "Retry" not in buttons(card)


# Empty and loading


def test_that_an_empty_place_says_when_it_changes(dressed, qtbot) -> None:
    note = EmptyNote("No k-NN yet", "first value after epoch 1, in about 40 s")
    qtbot.addWidget(note)
    assert [label.text() for label in note.findChildren(QLabel)] == [
        "No k-NN yet",
        "first value after epoch 1, in about 40 s",
    ]
    note.show_note("No run chosen")
    assert note.accessibleName() == "No run chosen"


def test_that_loading_is_told_only_to_those_who_wait(dressed, on_screen, qtbot, monkeypatch) -> None:
    assert empty.PATIENCE_MS == 300
    monkeypatch.setattr(empty, "PATIENCE_MS", 20)
    note = LoadingNote("Reading 41,200 events")
    sentence = note.findChild(QLabel)
    on_screen(note)
    note.hide()
    note.show()
    assert not sentence.isVisible()
    qtbot.waitUntil(sentence.isVisible, timeout=2000)
    note.show_progress("Reading 41,200 events", 0.62)
    assert note._bar.isVisible() and note._bar.value() == 620
    assert note._bar.height() <= theme.px(4)
    note.hide()
    assert not sentence.isVisible()


# Pictures


def checks(side: int) -> np.ndarray:
    rows, columns = np.indices((side, side))
    return (255 * ((rows + columns) % 2)).astype(np.uint8)


def greys(image: QImage) -> set[int]:
    image = image.convertToFormat(QImage.Format.Format_Grayscale8)
    return {image.pixelColor(x, y).red() for x in range(image.width()) for y in range(image.height())}


def test_that_small_sources_keep_their_pixels_and_large_ones_are_smooth() -> None:
    digit = to_image(checks(8))
    assert greys(fitted(digit, fitted_size(digit, digit.size() * 6))) == {0, 255}
    photo = to_image(checks(32))
    assert len(greys(fitted(photo, fitted_size(photo, photo.size() * 3)))) > 10


def test_that_a_small_source_made_smaller_is_smooth() -> None:
    digit = to_image(checks(28))
    assert 0 < max(greys(fitted(digit, digit.size() / 2)) - {0, 255}, default=0) < 255


def test_that_a_picture_keeps_its_shape_and_rounds_its_corners(dressed, on_screen) -> None:
    colors = dressed("dark")
    page = QWidget()
    picture = Picture(96, parent=page)
    picture.show_picture(np.full((8, 16, 3), 200, dtype=np.uint8), "a grey field")
    page.resize(120, 120)
    picture.setGeometry(10, 10, 96, 96)
    on_screen(page)
    drawn = picture.grab().toImage()
    assert drawn.pixelColor(48, 48).getRgb()[:3] == (200, 200, 200)
    assert drawn.pixelColor(48, 10).name().upper() == colors.window  # twice as wide as high
    assert drawn.pixelColor(0, 24).name().upper() != "#C8C8C8"
    assert picture.accessibleName() == "a grey field"
    picture.show_picture(None)
    assert picture.grab().toImage().pixelColor(48, 48).name().upper() == colors.window


def test_that_stored_pictures_turn_to_grey_or_rgb() -> None:
    assert channels_last(np.zeros((1, 8, 8), dtype=np.uint8)).shape == (8, 8)
    stored = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
    shown = to_image(channels_last(stored))
    assert (shown.width(), shown.height()) == (4, 2)
    assert shown.pixelColor(3, 1).getRgb()[:3] == tuple(stored[:, 1, 3].tolist())


def test_that_a_clickable_picture_answers_mouse_and_keyboard(dressed, on_screen) -> None:
    picture = Picture(48, clickable=True)
    picture.show_picture(checks(8))
    on_screen(picture)
    clicks: list[int] = []
    picture.clicked.connect(lambda: clicks.append(1))
    QTest.mouseClick(picture, LEFT)
    QTest.keyClick(picture, KEYS.Key_Return)
    assert len(clicks) == 2


# All together


def test_that_the_theme_changes_under_living_widgets_without_rebuilding_them(dressed, on_screen) -> None:
    dressed("light")
    page = QWidget()
    column = QVBoxLayout(page)
    chip, mark, segment = HealthChip("data wait"), StateMark(24), Segment(["Step", "Epoch"])
    chip.show_state("warn", "14 %")
    mark.show_state("lost")
    for widget in (chip, mark, segment):
        column.addWidget(widget)
    on_screen(page)
    page.setFocus()
    tall = chip.sizeHint().height()

    colors = dressed("dark", 1.5)

    assert chip.grab().toImage().pixelColor(4, 4).name().upper() == colors.warnbg
    assert chip.sizeHint().height() > tall
    assert mark.sizeHint().width() == 36
    drawn = mark.grab().toImage()
    assert colors.warn in {drawn.pixelColor(x, y).name().upper() for x in range(drawn.width()) for y in range(drawn.height())}
    assert segment.button("Step").grab().toImage().pixelColor(4, 4).name().upper() == colors.sel
    assert segment.current() == "Step"
