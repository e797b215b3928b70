"""A chart card: what is drawn, what the readout says, what pointer, keys, theme and hiding do to it."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from engine import words
from studio import theme
from studio.palette import DARK, LIGHT
from studio.widgets import thin
from studio.widgets.canvas import pushed_apart
from studio.widgets.cursor import Cursor
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Line, Reference, in_force
from studio.widgets.readout import Entry, Readout, level

BLUE = DARK.runs[0]
Key = Qt.Key


def noise(length=1000, seed=0):
    x = np.arange(1.0, length + 1)
    return x, 1 + 4 * np.exp(-x / 300) + np.random.default_rng(seed).normal(0, 0.1, length)


def loss(length=1000, **changes):
    return Line("loss", *noise(length), BLUE, raw=True, **changes)


def accuracy(name="student", least=0.3, **changes):
    epochs = np.arange(100.0, 1001.0, 100.0)
    return Line(name, epochs, least + 0.04 * np.arange(10), BLUE, points=True, **changes)


@pytest.fixture
def shown(dressed, on_screen, qtbot) -> Iterator[Callable[..., list[CurvePlot]]]:
    """Shows charts one below the other, at a fixed size, and waits until they are drawn."""
    pages = []  # somebody must own them

    def show(*plots: CurvePlot, width: int = 900, height: int = 300) -> list[CurvePlot]:
        page = QWidget()
        column = QVBoxLayout(page)
        for plot in plots:
            column.addWidget(plot)
        page.resize(width, height * len(plots))
        pages.append(on_screen(page))
        settle(qtbot, *plots)
        return list(plots)

    yield show


def settle(qtbot, *plots):
    qtbot.waitUntil(lambda: not any(plot._stale for plot in plots))


def chart(*lines, **options):
    plot = CurvePlot("Objective", "train/loss, nats", **options)
    plot.set_lines(lines)
    return plot


def pixel(plot, x, y=None):
    """Where x lies on the viewport, in the middle of the plot or at a height y."""
    canvas = plot._canvas
    at = canvas.to_pixels(x, y if y is not None else sum(canvas._sheet.y_axis.span) / 2)
    return QPoint(round(at.x()), round(at.y()))


def turn_wheel(plot, x, notches):
    at, viewport = QPointF(pixel(plot, x)), plot._canvas.viewport()
    event = QWheelEvent(
        at,
        viewport.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def drawn(item):
    return item.getData()


# What is drawn


def test_that_the_last_value_is_exact_in_readout_and_drawing(shown):
    (plot,) = shown(chart(loss(), format=lambda v: f"{v:.6f}"))
    plot.set_smoothing(0.9)
    plot._draw()
    x, y = noise()
    smoothed = thin.smooth(y, 0.9)
    assert plot.readout() == [("this step", f"{y[-1]:.6f}"), ("smoothed", f"{smoothed[-1]:.6f}")]
    strokes = plot._strokes[0]
    assert [part[-1] for part in drawn(strokes.front)] == [x[-1], smoothed[-1]]
    assert [part[-1] for part in drawn(strokes.raw)] == [x[-1], y[-1]]


def test_that_ten_thousand_points_are_thinned_and_keep_their_spike(shown):
    x, y = noise(10_000)
    y[4321] = 6.5
    (plot,) = shown(chart(Line("loss", x, y, BLUE, raw=True)))
    plot.set_smoothing(0.9)
    plot._draw()
    columns = plot._canvas.plot().width()
    raw, front = (drawn(item) for item in (plot._strokes[0].raw, plot._strokes[0].front))
    assert raw[1].max() == y.max() == 6.5
    assert len(raw[0]) <= 2 * columns + 8 and len(front[0]) <= columns / 2 + 8


def test_that_abandoned_points_are_in_another_item_and_not_joined(shown):
    steps = np.array([10, 20, 30, 40, 50, 30, 40, 50, 60.0])
    attempts = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    kept = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    values = np.arange(9.0)
    (plot,) = shown(chart(Line("loss", steps, values, BLUE, kept=kept, attempts=attempts)))
    strokes = plot._strokes[0]
    old_x, old_y = drawn(strokes.old)
    np.testing.assert_array_equal(old_y[np.isfinite(old_y)], [2, 3, 4])
    np.testing.assert_array_equal(old_x[np.isfinite(old_x)], [30, 40, 50])
    front_x, front_y = drawn(strokes.front)
    np.testing.assert_array_equal(front_y, [0, 1, math.nan, 5, 6, 7, 8])
    np.testing.assert_array_equal(front_x[np.isfinite(front_y)], [10, 20, 30, 40, 50, 60])
    assert strokes.old.opts["pen"].color().name().upper() == theme.palette().edge
    assert strokes.old.opts["connect"] == strokes.front.opts["connect"] == "finite"


def test_that_points_out_of_order_are_drawn_in_order(shown):
    (plot,) = shown(chart(Line("loss", np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0, 20.0]), BLUE)))
    np.testing.assert_array_equal(drawn(plot._strokes[0].front), [[1, 2, 3], [10, 20, 30]])
    assert plot.readout() == [("loss", "30.00")]


def test_that_teachers_are_dashed_in_one_piece_and_students_solid(shown):
    (plot,) = shown(chart(accuracy(), accuracy("teacher", role="teacher")))
    student, teacher = (strokes.front for strokes in plot._strokes)
    assert student.opts["pen"].dashPattern() == [] or student.opts["pen"].style() == Qt.PenStyle.SolidLine
    assert student.opts["segmentedLineMode"] == "on"
    assert teacher.opts["pen"].dashPattern() == [3.0, 2.0]
    assert teacher.opts["segmentedLineMode"] == "off"
    assert [dots.hollow for dots in plot._canvas._dots] == [False, True]
    assert [entry.dashes for entry in plot._readout.entries()] == [(), (3, 2)]


def test_that_lines_keep_their_width_on_dense_screens(shown, monkeypatch):
    (plot,) = shown(chart(loss(), accuracy()))
    monkeypatch.setattr(plot._canvas, "devicePixelRatioF", lambda: 2.0)
    QApplication.sendEvent(plot, QEvent(QEvent.Type.DevicePixelRatioChange))
    plot._draw()
    assert [plot._strokes[0].raw.opts["pen"].widthF(), plot._strokes[1].front.opts["pen"].widthF()] == [2.0, 4.0]


def test_that_a_branch_can_be_told_from_its_sister(shown):
    (plot,) = shown(chart(accuracy("F1"), accuracy("F1b", role="branch")))
    assert plot._strokes[1].front.opts["pen"].dashPattern() == [3, 2, 1, 2]


def test_that_zeros_and_negatives_are_gaps_on_a_log_axis(shown):
    y = np.array([100.0, 10.0, 0.0, -1.0, 1.0, 0.1])
    (plot,) = shown(chart(Line("loss", np.arange(6.0), y, BLUE)))
    plot.set_log_y(True)
    plot._draw()
    np.testing.assert_allclose(drawn(plot._strokes[0].front)[1], [2, 1, math.nan, math.nan, 0, -1], atol=1e-12)
    assert [text for _, text in plot._canvas.ticks()[1]] == ["0.1", "1", "10", "100"]


def test_that_a_single_point_is_seen(shown):
    (plot,) = shown(chart(Line("loss", np.array([100.0]), np.array([2.0]), BLUE, raw=True)))
    (dots,) = plot._canvas._dots
    assert (dots.x.tolist(), dots.y.tolist()) == ([100.0], [2.0])


def test_that_values_that_are_not_finite_are_said_and_not_drawn(shown):
    y = np.array([1.0, 2.0, math.nan, math.inf])
    (plot,) = shown(chart(Line("loss", np.arange(4.0), y, BLUE)))
    assert plot.readout() == [("loss", "not finite")]
    assert np.isfinite(drawn(plot._strokes[0].front)[1]).sum() == 2


def test_that_a_hundred_thousand_points_and_a_lone_outlier_leave_the_picture_readable(shown):
    x, y = noise(100_000)
    y[50_000] = 1e6
    (plot,) = shown(chart(Line("loss", x, y, BLUE, raw=True)))
    plot.set_smoothing(0.9)
    plot._draw()
    low, high = plot._canvas._sheet.y_axis.span
    assert low <= y.min() and 5 < high < 20
    assert drawn(plot._strokes[0].raw)[1].max() == 1e6


def test_that_normalised_lines_run_from_min_to_max_and_say_true_values(shown):
    x = np.arange(10.0)
    lines = Line("lr", x, 1e-4 * x, BLUE), Line("mom.", x, 0.996 + 1e-4 * x, BLUE, role="second")
    (plot,) = shown(chart(*lines, small=True, normalised=True, format=words.rate))
    for strokes in plot._strokes:
        y = drawn(strokes.front)[1]
        assert (y.min(), y.max()) == pytest.approx((0, 1))
    assert [text for _, text in plot._canvas.ticks()[1]] == ["min", "max"]
    assert plot.readout() == [("lr", "900e−6"), ("mom.", "0.9969")]


def test_that_a_format_in_per_cent_has_an_axis_in_per_cent(shown):
    (plot,) = shown(chart(accuracy(), format=words.percent))
    assert "40" in [text for _, text in plot._canvas.ticks()[1]]


def test_that_time_is_told_in_minutes(shown):
    x, y = noise(600)
    (plot,) = shown(chart(Line("loss", 10 * x, y, BLUE)))
    plot.set_x_name("time")
    plot._cursor.hold(3000.0)
    plot._draw()
    assert plot._canvas.ticks()[0][1][1] == "20 min"
    assert plot._canvas._mark.words == "50 min"


def test_that_spread_is_a_band_without_an_outline(shown):
    line = accuracy()
    (plot,) = shown(chart(accuracy(spread=(line.y - 0.1, line.y + 0.1))))
    band = plot._strokes[0].band
    assert band.opts["pen"] is None and 0.12 <= band.opts["brush"].color().alphaF() <= 0.16
    assert drawn(band)[1].min() == pytest.approx(0.2) and drawn(band)[1].max() == pytest.approx(0.76)


def test_that_a_band_is_in_sight_where_a_steep_beginning_may_leave_the_frame(shown):
    line = accuracy()
    (plot,) = shown(chart(accuracy(spread=(line.y - 0.1, line.y + 0.1)), crop_climb=True))
    low, high = plot._canvas._sheet.y_axis.span
    assert low <= line.y.min() - 0.1 and high >= line.y.max() + 0.1


def test_that_names_at_the_ends_of_lines_do_not_overlap(shown):
    lines = [accuracy(f"F{i}", 0.3 + 0.001 * i, end_label=f"F{i}") for i in range(3)]
    (plot,) = shown(chart(*lines))
    assert [name for _, name, _ in plot._canvas._sheet.ends] == ["F0", "F1", "F2"]
    assert pushed_apart([50, 51, 52], 12, 0, 60) == [36, 48, 60]


def test_that_what_another_run_reached_is_dotted_in_its_colour_with_its_name(shown, qtbot):
    (plot,) = shown(chart(accuracy(end_label="F1"), format=words.percent))
    plot.set_references([Reference(0.95, "teacher F0", theme.generation_color(0), "F0")])
    settle(qtbot, plot)
    assert ("teacher F0", words.percent(0.95)) in plot.readout()
    assert [name for _, name, _ in plot._canvas._sheet.ends] == ["F1", "F0"]
    assert plot._canvas._sheet.y_axis.span[1] >= 0.95, "far from the line, and in sight all the same"
    assert f"teacher F0 {words.percent(0.95)}" in plot.accessibleDescription()
    tones, at = [], plot._canvas.to_pixels(plot._cursor.in_sight()[0], 0.95)
    picture = plot._canvas.grab().toImage()
    for x in range(int(at.x()) + 10, int(at.x()) + 60):
        tones.append(picture.pixelColor(x, int(at.y())).name().upper())
    assert set(tones) == {theme.generation_color(0), theme.palette().panel}


def test_that_other_references_stay_out_of_readout_and_names(shown, qtbot):
    (plot,) = shown(chart(accuracy()))
    before = plot.readout()
    plot.set_references([Reference(0.7, "mere guessing"), Reference(30.0, "far away")])
    settle(qtbot, plot)
    assert plot.readout() == before and plot._canvas._sheet.ends == ()
    assert plot._canvas._sheet.y_axis.span[1] < 1.5


def test_that_words_at_the_foot_have_a_place_below_every_point_of_the_curves(shown, qtbot):
    (plot,) = shown(chart(loss()))
    canvas = plot._canvas
    assert canvas.foot() == 0 and canvas._y_span() == canvas._sheet.y_axis.span
    plot.set_x_name("step", corner=True)
    plot.set_events([(440.0, "resumed", "muted"), (460.0, "not finite, step 460", "bad"), (990.0, "resumed", "muted")])
    settle(qtbot, plot)
    lowest = canvas.to_pixels(0, canvas._sheet.y_axis.span[0]).y()
    places = [place for place, _, _ in canvas._foot]
    assert [text for _, text, _ in canvas._foot] == ["step", "not finite, step 460", "resumed", "resumed"]
    assert all(lowest <= place.top() and place.bottom() <= canvas.plot().bottom() for place in places)
    assert not any(one.intersects(other) for i, one in enumerate(places) for other in places[:i])
    assert canvas.plot().bottom() - lowest == pytest.approx(canvas.foot())
    plot.set_events([])
    plot.set_x_name("step")
    settle(qtbot, plot)
    assert canvas.foot() == 0


def test_that_the_strip_for_words_stays_when_no_event_is_in_sight(shown, qtbot):
    (plot,) = shown(chart(loss()))
    plot.set_events([(10.0, "resumed", "muted")])
    settle(qtbot, plot)
    before = plot._canvas.foot()
    plot._cursor.show_range(500.0, 900.0)
    settle(qtbot, plot)
    assert plot._canvas._foot == [] and plot._canvas.foot() == before > 0


def test_that_an_empty_chart_says_when_that_changes(shown, qtbot):
    (plot,) = shown(CurvePlot("k-NN"))
    plot.set_empty("No k-NN yet", "first value after epoch 1, in about 40 s")
    settle(qtbot, plot)
    assert plot._canvas._sheet.empty == ("No k-NN yet", "first value after epoch 1, in about 40 s")
    assert "first value after epoch 1" in plot.accessibleDescription()
    plot.set_lines([accuracy()])
    settle(qtbot, plot)
    assert plot._canvas._sheet.empty is None


@pytest.mark.parametrize("width", [110, 187, 420])
def test_that_the_words_of_an_empty_chart_stay_off_its_edges(shown, qtbot, width: int) -> None:
    (plot,) = shown(CurvePlot("Accuracy", small=True), width=width, height=110)
    plot.set_empty("No accuracy", "the run ended before it was measured")
    settle(qtbot, plot)
    picture = plot._canvas.grab().toImage()
    ground = picture.pixel(0, 0)
    edges = [(x, y) for x in (0, 1, picture.width() - 2, picture.width() - 1) for y in range(picture.height())]
    inside = [(x, y) for x in range(picture.width()) for y in range(picture.height())]
    assert all(picture.pixel(*at) == ground for at in edges)
    assert any(picture.pixel(*at) != ground for at in inside)


def test_that_small_charts_keep_their_plot_at_the_least_window(shown):
    (plot,) = shown(chart(loss(), small=True), width=187, height=40)
    assert plot._canvas.plot().height() >= 70


# Hiding, theme


def test_that_a_hidden_chart_is_not_drawn_until_it_is_shown(shown, qtbot):
    (plot,) = shown(chart(loss()))
    before = drawn(plot._strokes[0].raw)[0]
    plot.hide()
    plot.set_lines([loss(2000)])
    plot._cursor.move(7.0)
    qtbot.wait(0)
    assert drawn(plot._strokes[0].raw)[0] is before
    plot.show()
    settle(qtbot, plot)
    assert drawn(plot._strokes[0].raw)[0][-1] == 2000


def test_that_many_changes_draw_once(shown, qtbot, monkeypatch):
    (plot,) = shown(chart(loss()))
    calls = []
    sheet = plot._sheet
    monkeypatch.setattr(plot, "_sheet", lambda span: calls.append(span) or sheet(span))
    for weight in (0.1, 0.5, 0.9):
        plot.set_smoothing(weight)
        plot.set_lines([loss()])
    settle(qtbot, plot)
    assert len(calls) == 1


def test_that_a_theme_changes_pens_and_keeps_items(shown, dressed, qtbot):
    (plot,) = shown(chart(loss(), accuracy("second", role="second")))
    items = [item for strokes in plot._strokes for item in strokes.items()]
    for choice, palette in (("dark", DARK), ("light", LIGHT)):
        dressed(choice)
        settle(qtbot, plot)
        assert [item for strokes in plot._strokes for item in strokes.items()] == items
        assert plot._strokes[0].raw.opts["pen"].color().name().upper() == palette.runs[0]
        assert plot._strokes[1].front.opts["pen"].color().name().upper() == palette.text2
        image = plot.grab().toImage()
        assert image.pixelColor(image.width() // 2, image.height() - 6).name().upper() == palette.panel


def test_that_a_colour_finds_its_counterpart_in_the_other_theme(dressed):
    dressed("light")
    assert in_force(DARK.runs[3]) == LIGHT.runs[3]
    assert in_force(DARK.generations[5]) == LIGHT.generations[5]
    assert in_force("#123456") == "#123456"


@pytest.mark.parametrize("scale", [0.8, 1.5, 2.0])
def test_that_the_axes_grow_with_the_scale(shown, dressed, qtbot, scale):
    (plot,) = shown(chart(loss()))
    before = plot._canvas.minimumHeight()
    dressed("light", scale)
    settle(qtbot, plot)
    assert (plot._canvas.minimumHeight() > before) == (scale > 1)
    assert plot._canvas.plot().height() > 0


# The cursor


@pytest.fixture
def pair(shown):
    """A dense and a sparse chart with one cursor."""
    cursor = Cursor()
    plots = chart(loss()), CurvePlot("What matters", format=words.percent)
    plots[1].set_lines([accuracy(), accuracy("teacher", 0.35, role="teacher")])
    for plot in plots:
        cursor.attach(plot)
    return (*shown(*plots), cursor)


def test_that_the_cursor_is_shared_and_goes_with_the_pointer(pair, qtbot):
    dense, sparse, cursor = pair
    qtbot.mouseMove(dense._canvas.viewport(), pixel(dense, 500.0))
    assert cursor.x == pytest.approx(500, abs=2) and float(cursor.x).is_integer()
    assert dense._canvas._mark.x == sparse._canvas._mark.x == cursor.x
    assert sparse.readout() == [("student", words.percent(0.46)), ("teacher", words.percent(0.51))]
    assert [dot[0] for dot in sparse._canvas._mark.dots] == [500.0, 500.0]
    dense._canvas.leaveEvent(None)
    assert cursor.x is None and sparse._canvas._mark is None
    assert sparse.readout()[0] == ("student", words.percent(0.66))


def test_that_the_cursor_stands_on_points(pair, qtbot):
    _, sparse, cursor = pair
    qtbot.mouseMove(sparse._canvas.viewport(), pixel(sparse, 530.0))
    assert cursor.x == 500


def test_that_a_click_holds_the_cursor_and_the_next_lets_it_go(pair, qtbot):
    dense, _, cursor = pair
    view = dense._canvas.viewport()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=pixel(dense, 300.0))
    assert dense.hasFocus() and cursor.held
    at = cursor.x
    dense._canvas.leaveEvent(None)
    qtbot.mouseMove(view, pixel(dense, 800.0))
    assert cursor.x == at == pytest.approx(300, abs=2)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=pixel(dense, 800.0))
    assert not cursor.held and cursor.x == pytest.approx(800, abs=2)
    dense._canvas.leaveEvent(None)
    assert cursor.x is None


def test_that_keys_move_it(pair, qtbot):
    dense, sparse, cursor = pair
    sparse.setFocus()

    def press(key, *modifiers):
        qtbot.keyClick(sparse, key, *modifiers)
        return cursor.x

    assert press(Key.Key_Left) == 1000
    assert press(Key.Key_Left) == 900
    assert press(Key.Key_Left) == 800
    assert press(Key.Key_Right) == 900
    assert press(Key.Key_Home) == 100
    assert press(Key.Key_Left) == 100
    assert press(Key.Key_End) == 1000
    dense.setFocus()
    qtbot.keyClick(dense, Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    assert cursor.x == 990
    dense._canvas.leaveEvent(None)
    assert cursor.x == 990
    assert press(Key.Key_Escape) is None


def test_that_the_wheel_zooms_both_and_a_double_click_resets(pair, qtbot):
    dense, sparse, cursor = pair
    whole = cursor.whole()
    turn_wheel(dense, 500.0, 4)
    settle(qtbot, dense, sparse)
    low, high = cursor.x_range
    assert whole[0] < low < 500 < high < whole[1]
    assert (500 - low) / (high - low) == pytest.approx((500 - whole[0]) / (whole[1] - whole[0]), abs=0.01)
    assert dense._canvas._sheet.x_axis.span == sparse._canvas._sheet.x_axis.span == (low, high)
    assert drawn(dense._strokes[0].raw)[0][0] == math.ceil(low) - 1  # the neighbour outside
    qtbot.mouseDClick(sparse._canvas.viewport(), Qt.MouseButton.LeftButton, pos=pixel(sparse, 600.0))
    settle(qtbot, dense, sparse)
    assert cursor.x_range is None and not cursor.held
    assert dense._canvas._sheet.x_axis.span == whole


def test_that_new_points_do_not_move_a_range_that_was_chosen(pair, qtbot):
    dense, sparse, cursor = pair
    cursor.show_range(100, 200)
    dense.set_lines([loss(3000)])
    settle(qtbot, dense, sparse)
    assert cursor.x_range == sparse._canvas._sheet.x_axis.span == (100, 200)


def test_that_zooming_out_to_everything_follows_again(pair, qtbot):
    dense, _, cursor = pair
    turn_wheel(dense, 500.0, 2)
    assert cursor.x_range is not None
    turn_wheel(dense, 500.0, -3)
    settle(qtbot, dense)
    assert cursor.x_range is None and dense._canvas._sheet.x_axis.span == cursor.whole()


def test_that_dragging_moves_the_range_and_does_not_hold_the_cursor(pair, qtbot):
    dense, _, cursor = pair
    cursor.show_range(400, 600)
    settle(qtbot, dense)
    view, button = dense._canvas.viewport(), Qt.MouseButton.LeftButton
    qtbot.mousePress(view, button, pos=pixel(dense, 500.0))
    qtbot.mouseMove(view, pixel(dense, 480.0))
    qtbot.mouseMove(view, pixel(dense, 450.0))
    qtbot.mouseRelease(view, button, pos=pixel(dense, 450.0))
    assert cursor.x_range == pytest.approx((450, 650), abs=3)
    assert not cursor.held


def test_that_keys_zoom_and_pan_and_reset(pair, qtbot):
    dense, _, cursor = pair
    dense.setFocus()
    qtbot.keyClick(dense, Key.Key_Plus)
    assert cursor.x_range is not None
    cursor.show_range(100, 200)
    qtbot.keyClick(dense, Key.Key_End)
    assert cursor.x == 200
    qtbot.keyClick(dense, Key.Key_Right)
    assert cursor.x == 201 and cursor.x_range == (101, 201)
    qtbot.keyClick(dense, Key.Key_0)
    assert cursor.x_range is None


def test_that_following_shows_what_is_new_on_all_charts(pair, qtbot):
    dense, sparse, cursor = pair
    dense.set_lines([loss(4000)])
    settle(qtbot, dense, sparse)
    assert sparse._canvas._sheet.x_axis.span == cursor.whole() == (0.0, pytest.approx(4000 + 0.03 * 3999))


def test_that_a_line_that_ended_long_ago_has_no_value_under_the_cursor(shown):
    (plot,) = shown(chart(loss(1000), Line("short", np.arange(100.0), np.arange(100.0), DARK.runs[1])))
    plot._cursor.hold(900.0)
    assert plot.readout()[1] == ("short", "–")
    assert len(plot._canvas._mark.dots) == 1


def test_that_of_many_curves_the_nearest_five_are_listed_nearest_first(shown, qtbot):
    lines = [accuracy(f"run {i}", 0.1 * i) for i in range(8)]
    (plot,) = shown(chart(*lines, format=words.percent))
    assert [name for name, _ in plot.readout()] == [*(f"run {i}" for i in range(5)), "5 of 8"]
    qtbot.mouseMove(plot._canvas.viewport(), pixel(plot, 100.0, 0.52))
    assert [name for name, _ in plot.readout()] == ["run 5", "run 6", "run 4", "run 7", "run 3", "5 of 8"]


def test_that_a_chart_without_points_leaves_wheel_and_keys_to_its_page(shown, qtbot):
    (plot,) = shown(CurvePlot("k-NN"))
    plot.setFocus()
    for key in (Key.Key_Left, Key.Key_Home, Key.Key_Escape):
        qtbot.keyClick(plot, key)
    turn_wheel(plot, 0.5, 3)
    assert plot._cursor.x is None and plot._cursor.x_range is None


def test_that_only_the_focused_chart_has_a_grid(pair, qtbot):
    dense, sparse, _ = pair
    dense.setFocus()
    sparse.setFocus()
    settle(qtbot, dense, sparse)
    assert sparse._canvas._sheet.grid and not dense._canvas._sheet.grid


def test_that_a_chart_can_change_to_another_cursor(pair, qtbot):
    dense, _, cursor = pair
    other = Cursor()
    other.attach(dense)
    cursor.hold(100.0)
    settle(qtbot, dense)
    assert dense._canvas._mark is None
    other.hold(200.0)
    assert dense._canvas._mark.x == 200


# For those who do not see it


def test_that_a_description_says_value_trend_and_best(shown, qtbot):
    x = np.arange(100.0, 1001.0, 100.0)
    y = np.array([2.0, 1.5, 1.2, 1.0, 0.8, 0.7, 0.6, 0.55, 0.39, 0.41])
    (plot,) = shown(chart(Line("train loss", x, y, BLUE), format=lambda v: f"{v:.2f}", better="low"))
    assert plot.accessibleDescription() == "train loss 0.41, falling; best 0.39 at step 900"
    assert plot.accessibleName() == "Objective"
    plot.set_lines([Line("train loss", x, np.append(y[:-1], 0.95), BLUE)])
    settle(qtbot, plot)
    assert plot.accessibleDescription() == "train loss 0.95, rising; best 0.39 at step 900"


def test_that_the_table_has_every_value_and_nothing_carried_forward(shown):
    dense = Line("loss", np.array([1.0, 2.0, 3.0]), np.array([3.0, math.nan, 1.0]), BLUE)
    sparse = Line("k-NN", np.array([2.0]), np.array([0.5]), BLUE)
    (plot,) = shown(chart(dense, sparse))
    assert plot.table() == [["step", "loss", "k-NN"], [1.0, 3.0, None], [2.0, None, 0.5], [3.0, 1.0, None]]
    assert CurvePlot("nothing").table() == [["step"]]


# The readout


def test_that_nothing_moves_while_digits_change(dressed, qtbot):
    readout = Readout()
    qtbot.addWidget(readout)
    readout.show_entries([Entry("loss", "10.25", BLUE), Entry("best", "9.99")])
    width = readout.sizeHint().width()
    readout.show_entries([Entry("loss", "9.1", BLUE), Entry("best", "9.99")])
    assert readout.sizeHint().width() == width
    readout.show_entries([Entry("loss", "111.25", BLUE), Entry("best", "9.99")])
    assert readout.sizeHint().width() > width


def test_that_long_names_are_cut_before_anything_is_left_out(dressed, qtbot):
    readout = Readout()
    qtbot.addWidget(readout)
    readout.show_entries([Entry(f"creatures, DINO, seed {i}", "71.2 %", BLUE) for i in range(4)])
    readout.resize(460, 20)
    spacing, fitting = readout._fitting()
    assert len(fitting) == 4
    assert readout._whole([entry for entry, _ in fitting], spacing, longest_name=fitting[0][1]) <= 461
    readout.resize(200, 20)
    assert 1 <= len(readout._fitting()[1]) < 4


def test_that_only_the_longest_are_cut():
    assert level([10, 50, 70], 100) == [10, 45, 45]
    assert level([10, 20], 100) == [10, 20]
    assert level([], 100) == []


def long_line(points: int, *more: float) -> Line:
    y = np.append(np.sin(np.arange(float(points)) / 900), more)
    return Line("train loss", np.arange(float(len(y))), y, BLUE, raw=True)


def test_that_a_point_more_that_moves_no_pixel_waits_for_its_turn_and_is_in_the_table_at_once(shown, qtbot, monkeypatch):
    (plot,) = shown(chart(long_line(50_000)))
    drawn = []
    monkeypatch.setattr(plot._canvas, "show_sheet", drawn.append)
    plot.set_lines([long_line(50_000, 7.0)])
    settle(qtbot, plot)
    assert not drawn and plot.readout()[0][1] != "7.00"
    assert plot.table()[-1] == [50_000.0, 7.0]
    plot.set_lines([long_line(50_000, 7.0, 8.0)])
    qtbot.waitUntil(lambda: bool(drawn), timeout=3000)
    assert plot.readout()[0][1].startswith("8")


@pytest.mark.parametrize(
    "other",
    [
        long_line(50_000, *([0.0] * 60)),  # a pixel more
        Line("train loss", np.arange(50_001.0), np.cos(np.arange(50_001.0)), BLUE, raw=True),  # another run's
        Line("val loss", np.arange(50_001.0), np.append(np.sin(np.arange(50_000.0) / 900), 1), BLUE, raw=True),
    ],
)
def test_that_what_is_seen_to_be_another_curve_is_drawn_at_once(shown, qtbot, monkeypatch, other):
    (plot,) = shown(chart(long_line(50_000)))
    drawn = []
    monkeypatch.setattr(plot._canvas, "show_sheet", drawn.append)
    plot.set_lines([other])
    settle(qtbot, plot)
    assert len(drawn) == 1
