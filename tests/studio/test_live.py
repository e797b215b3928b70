"""The Live view plays recorded runs: what it shows, and that everything in it does what it says."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recorded
from by_hand import LEFT, press, queued, sent, settle
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget

from engine import events, recipe
from engine.run import Run, Workspace
from engine.state import RunState, Vital
from studio import theme
from studio.session import Session
from studio.views.live import LiveView
from studio.widgets.curve_plot import CurvePlot

KEYS = Qt.Key
CLASSES = [str(n) for n in range(10)]
Open = Callable[..., LiveView]


# ---- runs to look at ----------------------------------------------------------------------------------------------------


def ticks(run: Run, first: int, last: int, teacher: bool = False, per_epoch: int = 5) -> None:
    """Steps as an engine reports them, with validation, a checkpoint and maps after each epoch."""
    for step in range(first, last + 1):
        at = {"elapsed_s": 1.0 + 0.5 * (step - first + 1), "step": step, "epoch": step / per_epoch}
        values = {
            "train/loss": 2.3 * math.exp(-step / 12) + 0.05 * (step % 2),
            "train/accuracy": 1 - math.exp(-step / 10),
            "grad/norm": 1.0,
            "schedule/lr": 0.1 * (1 - step / 40),
            "throughput/images_per_s": 2000.0 + step,
            "throughput/data_wait": 0.03,
            "memory/gib": 0.61,
        }
        if teacher:
            values |= {"train/agreement": 0.8, "train/kl": 0.2}
        recorded.write(run, events.StepTaken(values=values, **at))
        if step % per_epoch == 0:
            val = {"val/accuracy": 0.95 - 0.6 * math.exp(-step / 8)}
            recorded.write(run, events.Measured(split="val", values=val, **at))
            recorded.write(run, events.CheckpointSaved(path=f"checkpoints/step-{step:08d}", size=2**20, **at))
            maps(run, step, teacher)


def artifact(run: Run, kind: str, step: int, **arrays: np.ndarray) -> None:
    (run.folder / "artifacts").mkdir(exist_ok=True)
    path = f"artifacts/a01-step{step:08d}-{kind}.npz"
    np.savez(run.folder / path, **arrays)
    recorded.write(run, events.ArtifactSaved(step=step, epoch=step / 5, kind=kind, path=path, size=1, sha256=""))


def probe_pictures(run: Run) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
    artifact(run, "probe-pictures", 0, pictures=pictures, labels=np.arange(6), index=np.arange(6))


def maps(run: Run, step: int, teacher: bool) -> None:
    """The confidence tells the snapshots apart."""
    one = {"student": np.random.default_rng(step).random((6, 4, 4)).astype(np.float16)}
    both = one | {"teacher": one["student"], "overlap": np.full(6, step / 100, dtype=np.float32)}
    said = {"student_class": np.arange(6), "student_confidence": np.full(6, step / 100, dtype=np.float32)}
    artifact(run, "evidence", step, **(both if teacher else one), **said)


def begin(run: Run, **started: int) -> None:
    recorded.begin(run, **started)
    recorded.prepare(run)
    if not started:
        probe_pictures(run)
    (run.folder / "data.json").write_text(f'{{"classes": {CLASSES}, "counts": {{"val": 449}}}}'.replace("'", '"'))


def complete(run: Run, teacher: bool = False) -> None:
    begin(run)
    ticks(run, 1, 20, teacher)
    recorded.write(run, events.Measured(step=20, epoch=4.0, split="test", values={"test/accuracy": 0.83}))
    recorded.end(run, detail="4 epochs")


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0 complete, F1 in its third epoch, F2 and F3 waiting."""
    runs = recorded.lineage(tmp_path)
    complete(runs[0])
    begin(runs[1])
    recorded.write(runs[1], events.TeacherPinned(run=runs[0].name, step=20, sha256=""))
    ticks(runs[1], 1, 13, teacher=True)
    return runs


@pytest.fixture
def show(dressed, on_screen, qtbot, follow: Callable[[Path], Session]) -> Open:
    def shown(folder: Path, name: str = "", size: tuple[int, int] = (1360, 866)) -> LiveView:
        session = follow(folder)
        view = LiveView(session)
        view.went = []
        view.go.connect(view.went.append)
        view.resize(*size)
        on_screen(view)
        if name:
            session.choose(name)
        view.session = session
        qtbot.waitUntil(lambda: view._pages.currentWidget() is not view._loading)
        QApplication.processEvents()
        return view

    return shown


def sentence(view: LiveView) -> str:
    return view.header.sentence.accessibleName()


def readout(plot: CurvePlot) -> dict[str, str]:
    """What it says once it has been drawn."""
    QApplication.processEvents()
    return dict(plot.readout())


def titles(view: LiveView) -> list[str]:
    return [slot.plot.accessibleName() for slot in view.charts.smalls]


def wheel(plot: CurvePlot, notches: int = 1) -> None:
    canvas = plot._canvas
    at = QPointF(canvas.plot().center())
    buttons, keys, phase = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    place = QPointF(canvas.mapToGlobal(at.toPoint()))
    turned = QWheelEvent(at, place, QPoint(), QPoint(0, 120 * notches), buttons, keys, phase, False)
    QApplication.sendEvent(canvas.viewport(), turned)


# ---- what is shown ------------------------------------------------------------------------------------------------------


def test_that_a_run_at_work_is_told_in_a_sentence_chips_and_charts(show: Open, chain: list[Run], tmp_path: Path) -> None:
    with recorded.alive(chain[1]):
        view = show(tmp_path, chain[1].name)
        assert sentence(view).startswith("Epoch 3 of 4, 0.50 s a step, about ")
        assert sentence(view).endswith("best val accuracy 77.8\u2009% at epoch 2")
        assert view.header.chip("finite").accessibleName() == "finite, healthy"
        assert view.header.chip("data wait").accessibleName() == "data wait, healthy, 3\u2009%"
        assert view.header.chip("memory").accessibleName().startswith("memory, healthy, 0.6 of ")
        assert view.drawer.log.isVisible() and not view.drawer.error.isVisible()
        assert titles(view) == ["Agreement", "Learning signal", "Schedules", "Throughput"]


def test_that_a_born_again_run_is_measured_by_its_teacher(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    assert readout(view.charts.matters.plot) == {
        "val accuracy": "77.8\u2009%",
        "teacher F0": "90.1\u2009%",
        "best": "77.8\u2009%",
    }
    (own,), (teacher,) = view.charts.matters.plot._lines, view.charts.matters.plot._shown.references
    assert (own.color, teacher.color) == (theme.generation_color(1), theme.generation_color(0))
    assert (own.end_label, teacher.end) == ("F1", "F0")
    assert teacher.y == pytest.approx(0.95 - 0.6 * math.exp(-20 / 8))
    assert view.probes.grid._head.accessibleName() == "image, student F1, teacher F0, overlap"


def test_that_a_teacher_that_is_read_later_is_shown_then(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[2].name)
    teacher = view.session.followed(chain[0].name)
    whole, teacher.state, teacher.word = teacher.state, RunState(), "queued"
    view.session.choose(chain[1].name)
    assert "teacher F0" not in readout(view.charts.matters.plot)
    teacher.state, teacher.word = whole, "finished"
    view.session.runs_changed.emit()
    assert readout(view.charts.matters.plot)["teacher F0"] == "90.1\u2009%"


def test_that_a_run_on_labels_shows_what_it_has(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[0].name)
    assert sentence(view).startswith("Finished after 4 epochs, test accuracy 83.0\u2009%")
    assert titles(view) == ["Fit to labels", "Gradient", "Schedules", "Throughput"]
    assert readout(view.charts.matters.plot)["test"] == "83.0\u2009%"
    assert view.probes.grid._head.accessibleName() == "image, student, class"
    assert view.header.chip("memory").accessibleName() == "memory, healthy, freed"


def test_that_new_events_reach_everything_in_one_pass(show: Open, chain: list[Run], tmp_path: Path) -> None:
    with recorded.alive(chain[1]):
        view = show(tmp_path, chain[1].name)
        ticks(chain[1], 14, 16, teacher=True)
        settle(view.session)
        assert sentence(view).startswith("Epoch 4 of 4")
        assert view.charts.matters.plot._lines[0].x[-1] == 15
        assert view.probes.scrubber.where() == "Epoch 3, step 15, newest"


def test_that_a_hidden_view_does_nothing_until_it_is_shown(
    show: Open, chain: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = show(tmp_path, chain[1].name)
    passes: list[str] = []
    monkeypatch.setattr(view, "_show_charts", lambda one, now: passes.append(one.name))
    view.hide()
    ticks(chain[1], 14, 16, teacher=True)
    settle(view.session)
    view.session.choose(chain[0].name)
    view.reader.move(3.0)
    QApplication.processEvents()
    assert passes == []
    view.show()
    assert passes == [chain[0].name]


def test_that_what_is_the_same_is_not_drawn_again(show: Open, chain: list[Run], tmp_path: Path, monkeypatch) -> None:
    view = show(tmp_path, chain[1].name)
    given: list[object] = []
    for slot in view.slots:
        monkeypatch.setattr(slot.plot, "set_lines", given.append)
    view.session.state_changed.emit()
    assert given == []


def test_that_queued_and_starting_runs_say_so_and_show_no_numbers(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[2].name)
    assert sentence(view) == "Queued" or sentence(view).startswith("Blocked")
    assert view.header.chip("finite").accessibleName() == "finite, not yet known, not yet"
    assert view.charts.objective.plot.accessibleDescription().startswith("No loss yet")
    assert view.probes.note() == "No probe images yet"
    recorded.begin(chain[2])
    recorded.write(chain[2], events.PhaseBegan(name="preparing", detail="reading digits"))
    with recorded.alive(chain[2]):
        settle(view.session)
        assert sentence(view) == "Starting, reading digits"


def test_that_without_any_run_the_way_out_is_shown(show: Open, tmp_path: Path) -> None:
    view = show(tmp_path)
    assert view._pages.currentWidget().accessibleName() == "No run to look at yet"
    press(view._nothing.begin)
    assert view.went == ["welcome"]


def test_that_a_run_is_shown_when_its_reading_ends_without_further_news(
    show: Open, chain: list[Run], tmp_path: Path, qtbot
) -> None:
    view = show(tmp_path, chain[0].name)
    one = view.session.chosen
    one.loaded = False
    view.session.state_changed.emit()
    assert view._loading.isVisible() and view._loading.accessibleName().startswith("Reading ")
    one.loaded = True
    qtbot.waitUntil(lambda: view._page.isVisible())


# ---- header -------------------------------------------------------------------------------------------------------------


def test_that_the_path_leads_to_other_generations(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    assert [crumb.text_shown() for crumb in (view.header.lineage, view.header.seed, view.header.generation)] == [
        "digits",
        "seed 0",
        "F1",
    ]
    actions = view.header.generation.choices.actions()
    assert [action.isChecked() for action in actions] == [False, True, False, False]
    view.header.generation.setFocus()
    QTest.keyClick(view.header.generation, KEYS.Key_Space)
    menu = view.header.generation.choices
    assert menu.isVisible()
    QTest.keyClick(menu, KEYS.Key_Down)
    QTest.keyClick(menu, KEYS.Key_Return)
    assert view.session.chosen.name == chain[0].name and view.header.generation.text_shown() == "F0"


def test_that_the_lineage_leads_to_its_generations(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    press(view.header.lineage)
    assert view.went == ["generations"]
    assert view.header.lineage.accessibleName() == "digits, all generations of this lineage"


def test_that_the_path_leads_to_other_seeds(show: Open, tmp_path: Path) -> None:
    runs = recorded.lineage(tmp_path, "seeds=[0,1]", "generations=1")
    for run in runs:
        complete(run, teacher="F1" in run.name)
    view = show(tmp_path, "digits-s0-F1")
    view.header.seed.choices.actions()[1].trigger()
    assert view.session.chosen.name == "digits-s1-F1"


def test_that_a_chip_leads_to_the_chart_that_explains_it(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    press(view.header.chip("finite"))
    assert view.charts.objective.plot.hasFocus()
    for key, title in (("data wait", "Data wait"), ("memory", "Memory")):
        press(view.header.chip(key))
        assert titles(view)[3] == title and view.charts.smalls[3].plot.hasFocus()
        assert len(view.charts.smalls[3].plot._lines) == 1


def test_that_another_chart_can_be_put_in_a_small_place(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    slot = view.charts.smalls[1]
    offered = {action.text(): action for action in slot.menu.actions()}
    assert {"Agreement", "Fit to labels", "Gradient", "Memory"} <= set(offered)
    assert offered["Learning signal"].isChecked()
    offered["Gradient"].trigger()
    assert titles(view)[1] == "Gradient" and readout(slot.plot)["norm"] == "1.000"
    assert not offered["Learning signal"].isChecked()
    view.session.choose(chain[0].name)
    assert titles(view)[1] == "Gradient", "which is the usual one there"


def test_that_chips_stand_below_the_sentence_where_it_is_narrow(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name, (1200, 686))

    def tops() -> tuple[int, int]:
        return view.header.sentence.geometry().center().y(), view.header.chip("finite").geometry().center().y()

    QApplication.processEvents()
    assert tops()[1] > tops()[0] and view.drawer.log.folded
    view.resize(1360, 866)
    QApplication.processEvents()
    assert view.header.chip("finite").geometry().left() > view.header.sentence.geometry().left() + 600
    assert not view.drawer.log.folded


def test_that_everything_fits_the_smallest_window(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name, (1200, 686))
    QApplication.processEvents()
    assert view._page.verticalScrollBar().maximum() == 0
    assert view._page.horizontalScrollBar().maximum() == 0
    for slot in view.charts.smalls:
        assert slot.plot._canvas.plot().height() >= 70
    assert 4 * view.probes.grid._rows[0].height() < view.probes.grid.area.viewport().height()


def test_that_a_person_who_unfolds_the_log_keeps_it(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[0].name, (1200, 686))
    press(view.drawer.log.fold_button)
    assert not view.drawer.log.folded
    view.resize(1210, 680)
    assert not view.drawer.log.folded


# ---- toolbar ------------------------------------------------------------------------------------------------------------


def test_that_zooming_turns_follow_off_and_follow_turns_zoom_off(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    assert view.tools.follow.isChecked()
    wheel(view.charts.objective.plot)
    assert not view.tools.follow.isChecked() and view.reader.x_range is not None
    press(view.tools.follow)
    assert view.tools.follow.isChecked() and view.reader.x_range is None
    press(view.tools.follow)
    assert not view.tools.follow.isChecked()
    before = view.reader.in_sight()
    with recorded.alive(chain[1]):
        settle(view.session)
        ticks(chain[1], 14, 18, teacher=True)
        settle(view.session)
    assert view.reader.in_sight() == before
    view.charts.smalls[0].plot._canvas.reset_asked.emit()
    assert view.tools.follow.isChecked() and view.reader.in_sight()[1] >= 18


def test_that_smoothing_log_and_raw_reach_every_chart(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    view.tools.smoothing.setValue(0)
    assert "smoothed" not in readout(view.charts.objective.plot) and view.tools.manner().smoothing == 0
    view.tools.smoothing.setValue(50)
    view.tools.log_y.setChecked(True)
    view.tools.raw.setChecked(False)
    QApplication.processEvents()
    treatments = [slot.plot._shown.treatment for slot in view.slots]
    assert {one.smoothing for one in treatments} == {0.5} and not any(one.raw_behind for one in treatments)
    assert view.charts.objective.plot._shown.treatment.log_y and not view.charts.matters.plot._shown.treatment.log_y


def test_that_the_axis_can_be_epochs_or_time_and_the_moment_stays(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    view.reader.hold(10.0)
    assert view._session.cursor_step == 10
    view.reader.show_range(5.0, 13.0)
    press(view.tools.axis.button("Epoch"))
    assert view.reader.x == pytest.approx(2.0) and view.reader.x_range == (pytest.approx(1.0), pytest.approx(2.6))
    assert view.charts.matters.plot._lines[0].x.tolist() == [1.0, 2.0]
    press(view.tools.axis.button("Time"))
    assert view._session.cursor_step == 10
    assert view.reader.x == pytest.approx(6.0) and view.charts.objective.plot._lines[0].x[0] == pytest.approx(1.5)
    press(view.tools.axis.button("Step"))
    assert view.reader.x == pytest.approx(10.0) and not view.tools.follow.isChecked()


def test_that_one_cursor_serves_all_charts(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    view.charts.objective.plot.setFocus()
    QTest.keyClick(view.charts.objective.plot, KEYS.Key_Home)
    QApplication.processEvents()
    assert {slot.plot._canvas._mark.x for slot in view.slots} == {1.0}
    assert readout(view.charts.smalls[3].plot)["wait"] == "3\u2009%"
    QTest.keyClick(view.charts.objective.plot, KEYS.Key_Escape)
    assert view.reader.x is None


# ---- other runs beside --------------------------------------------------------------------------------------------------


def test_that_generations_beside_are_drawn_in_their_ramp(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    view.tools.compare_menu.aboutToShow.emit()
    actions = view.tools.compare_menu.actions()
    assert [action.text().split("   ")[0] for action in actions if not action.isSeparator()] == [
        "Generations of this seed",
        "digits F0 seed 0",
        "digits F2 seed 0",
        "digits F3 seed 0",
    ]
    next(action for action in actions if action.data() == chain[0].name).toggle()
    assert view.tools.compare.text() == "Compare run, 1 beside"
    lines = view.charts.objective.plot._lines
    assert [(line.name, line.color) for line in lines] == [("F1", theme.generation_color(1)), ("F0", theme.generation_color(0))]
    assert "best" not in readout(view.charts.objective.plot), "nobody could tell whose"
    view.session.choose(chain[0].name)
    assert len(view.charts.objective.plot._lines) == 1, "a run is not compared with itself"


def test_that_strangers_beside_get_hues_and_keep_them(show: Open, chain: list[Run], tmp_path: Path) -> None:
    others = [recorded.lineage(tmp_path, f"lineage=other{n}")[0] for n in range(2)]
    for other in others:
        complete(other)
    view = show(tmp_path, chain[1].name)
    for other in others:
        view._compare(other.name, True)
    assert [line.color for line in view.charts.objective.plot._lines] == [theme.run_color(place) for place in range(3)]
    view._compare(others[0].name, False)
    assert [line.color for line in view.charts.objective.plot._lines] == [theme.run_color(0), theme.run_color(2)]
    assert [line.name for line in view.charts.objective.plot._lines] == [chain[1].name, others[1].name]


def test_that_no_more_than_eight_runs_are_drawn(show: Open, tmp_path: Path) -> None:
    runs = recorded.lineage(tmp_path, "generations=9")
    complete(runs[0])
    view = show(tmp_path, runs[0].name)
    for run in runs[1:8]:
        view._compare(run.name, True)
    view.tools.compare_menu.aboutToShow.emit()
    ticked = [action for action in view.tools.compare_menu.actions() if action.isCheckable()]
    assert [action.isEnabled() for action in ticked] == [True] * 7 + [False] * 2
    ticked[0].toggle()
    assert all(action.isEnabled() for action in ticked)


def test_that_the_menu_stays_open_while_runs_are_ticked(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    view.tools.compare.setFocus()
    QTest.keyClick(view.tools.compare, KEYS.Key_Space)
    menu = view.tools.compare_menu
    assert menu.isVisible()
    QTest.keyClick(menu, KEYS.Key_Down)
    QTest.keyClick(menu, KEYS.Key_Space)
    QTest.keyClick(menu, KEYS.Key_Down)
    QTest.keyClick(menu, KEYS.Key_Return)
    last = [action for action in menu.actions() if action.isCheckable()][-1]
    QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(last).center())
    assert menu.isVisible() and len(view._beside) == 3
    QTest.keyClick(menu, KEYS.Key_Escape)
    assert not menu.isVisible()


# ---- probe images -------------------------------------------------------------------------------------------------------


def test_that_the_images_follow_the_cursor_and_the_scrubber_moves_it(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    assert view.probes.scrubber.where() == "Epoch 2, step 10, newest" and view.probes.scrubber.live.isChecked()
    assert view.probes.grid.rows()[0] == ("0.10", "0", "10\u2009%")
    view.reader.move(4.0)
    QApplication.processEvents()
    assert view.probes.scrubber.where() == "Epoch 1, step 5 (at the cursor)" and not view.probes.scrubber.live.isChecked()
    assert view.probes.grid.rows()[0] == ("0.05", "0", "5\u2009%")
    view.reader.leave()
    QApplication.processEvents()
    assert view.probes.scrubber.live.isChecked()
    view.probes.scrubber.slider.setValue(0)
    QApplication.processEvents()
    assert view.reader.x == 5.0 and view.reader.held and view.probes.grid.rows()[0][0] == "0.05"
    press(view.probes.scrubber._next)
    assert view.reader.x == 10.0
    press(view.probes.scrubber.live)
    QApplication.processEvents()
    assert view.reader.x is None and view.probes.scrubber.where() == "Epoch 2, step 10, newest"


def test_that_snapshots_are_found_on_every_axis(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    for axis, at in (("Epoch", 1.0), ("Time", 3.5)):
        press(view.tools.axis.button(axis))
        view.probes.scrubber.slider.setValue(0)
        QApplication.processEvents()
        assert view.reader.x == pytest.approx(at)
        assert view.probes.scrubber.where() == "Epoch 1, step 5 (at the cursor)"
        view.reader.release()
        QApplication.processEvents()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "is missing from the run's folder."),
        (lambda path: path.write_bytes(b"PK\x03\x04 torn"), "is damaged and cannot be shown"),
    ],
)
def test_that_a_spoilt_snapshot_is_words_and_the_others_are_shown(
    show: Open, chain: list[Run], tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(chain[1].folder / "artifacts" / "a01-step00000010-evidence.npz")
    view = show(tmp_path, chain[1].name)
    assert words in view.probes.caption() and view.probes.note() == ""
    view.reader.hold(5.0)
    QApplication.processEvents()
    assert view.probes.caption() == "Class evidence, each map scaled to its own maximum"


def test_that_pictures_outside_the_run_are_not_opened(show: Open, chain: list[Run], tmp_path: Path) -> None:
    recorded.begin(chain[2])
    np.savez(tmp_path / "secret.npz", pictures=np.zeros((1, 1, 8, 8), dtype=np.uint8), labels=np.zeros(1))
    (chain[2].folder / "artifacts").mkdir()
    (chain[2].folder / "artifacts" / "secret.npz").symlink_to(tmp_path / "secret.npz")
    named = {"kind": "probe-pictures", "path": "artifacts/secret.npz", "size": 1, "sha256": ""}
    recorded.write(chain[2], events.ArtifactSaved(step=0, **named))
    view = show(tmp_path, chain[2].name)
    assert view.probes.note() == "The probe images cannot be shown"
    said = [label.text() for label in view.probes.findChildren(QLabel)]
    assert "artifacts/secret.npz lies outside the run's folder and is not opened." in said


def test_that_a_transformer_shows_attention_with_its_heads(show: Open, tmp_path: Path) -> None:
    file = recipe.read_text('version = 1\nlineage = "looker"\n[model]\nname = "vit"\n')
    (run,) = Workspace(tmp_path).create(file)
    begin(run)
    artifact(run, "attention", 5, student=np.random.default_rng(0).random((6, 3, 4, 4)))
    view = show(tmp_path, run.name)
    assert view.probes.caption().startswith("Attention, each map")
    assert view.probes.heads.isVisible() and view.probes.heads.count() == 4


# ---- when it goes wrong -------------------------------------------------------------------------------------------------


def blow(run: Run) -> None:
    begin(run)
    ticks(run, 1, 12)
    recorded.write(run, events.LossNotFinite(first_step=13, last_step=13, pictures=[1], path="artifacts/x.npz"))
    recorded.end(run, "failed", "the loss or its gradient became not finite at step 13; the newest checkpoint is step 10")


def buttons_of(widget: QWidget) -> list[QPushButton]:
    return [button for button in widget.findChildren(QPushButton) if button.isVisible()]


def buttons(widget: QWidget) -> dict[str, QPushButton]:
    return {button.text(): button for button in buttons_of(widget)}


def test_that_a_failed_run_is_explained_and_can_be_resumed(show: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    blow(run)
    view = show(tmp_path, run.name)
    assert sentence(view) == "Failed in epoch 3 of 4: loss not finite, epoch 2 is saved"
    assert view.header.chip("finite").accessibleName() == "not finite, wrong, step 13"
    assert view.drawer.error.isVisible() and not view.drawer.log.isVisible()
    assert view.drawer.error.accessibleName() == "The loss became not finite at step 13"
    assert view.charts.objective.plot._shown.events == ((13.0, "not finite, step 13", "bad"),)
    assert view.reader.whole()[1] > 13, "the place of the failure is in sight"
    assert view.probes.scrubber.where() == "Epoch 2, step 10, last before the failure"
    press(buttons(view.drawer.error)["Resume"])
    assert asked == [["work", "--runs", str(tmp_path)]] and queued(tmp_path)[0] == run.name
    settle(view.session)
    assert not view.drawer.error.isVisible() and sentence(view).startswith("Starting")


def test_that_a_run_that_blew_up_can_go_on_with_half_the_rate(show: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    blow(run)
    view = show(tmp_path, run.name)
    (half,) = [one for one in buttons_of(view.drawer.error) if "half the learning rate" in one.accessibleName()]
    press(half)
    (change,) = sent(run)
    assert (change["type"], change["field"], change["value"]) == ("change", "optimizer.lr", run.recipe().optimizer.lr / 2)
    assert change["attempt"] == 2, "which is the one to come"
    assert queued(tmp_path)[0] == run.name and asked


def test_that_the_end_of_the_engines_log_is_read_inside_the_window(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    blow(run)
    run.log_path.write_text("=== attempt 1\nTraceback: the cause\n")
    view = show(tmp_path, run.name)
    press(buttons(view.drawer.error)["Open log"])
    assert view.drawer.text.isVisible() and not view.drawer.error.isVisible()
    assert "the cause" in view.drawer.text.edit.toPlainText() and view.drawer.text.edit.hasFocus()
    QTest.keyClick(view.drawer.text.edit, KEYS.Key_Escape)
    assert view.drawer.error.isVisible() and not view.drawer.text.isVisible()
    run.log_path.unlink()
    press(buttons(view.drawer.error)["Open log"])
    assert "no engine has written one yet" in view.drawer.text.accessibleDescription()


def test_that_a_report_can_be_copied(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    blow(run)
    view = show(tmp_path, run.name)
    press(buttons(view.drawer.error)["Copy report"])
    assert "The loss became not finite at step 13" in QGuiApplication.clipboard().text()


def test_that_a_lost_run_has_one_remedy(show: Open, chain: list[Run], tmp_path: Path, asked) -> None:
    view = show(tmp_path, chain[1].name)
    assert sentence(view).startswith("Lost since ")
    assert view.drawer.error.property("state") == "warn"
    remedies = [button for text, button in buttons(view.drawer.error).items() if text not in ("Open log", "Copy report")]
    assert [button.text() for button in remedies] == ["Resume from epoch 2"]
    press(remedies[0])
    assert asked == [["work", "--runs", str(tmp_path)]] and queued(tmp_path)[0] == chain[1].name


def test_that_a_silent_run_can_only_be_killed(show: Open, chain: list[Run], tmp_path: Path, monkeypatch) -> None:
    view = show(tmp_path, chain[1].name)
    monkeypatch.setattr(view.session._observer, "vital", lambda run: Vital(held=True, silent_s=40.0))
    killed: list[Run] = []
    monkeypatch.setattr(Run, "kill", lambda run: killed.append(run) or True)
    settle(view.session)
    assert sentence(view).startswith("Silent for ") and "Resume" not in "".join(buttons(view.drawer.error))
    press(buttons(view.drawer.error)["Kill"])
    assert killed == [chain[1]]


def test_that_in_a_low_window_the_error_is_scrolled_to(show: Open, tmp_path: Path, qtbot) -> None:
    run = recorded.lineage(tmp_path)[0]
    blow(run)
    view = show(tmp_path, run.name, (1200, 560))
    bar = view._page.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
    error = view.drawer.error
    assert error.height() >= error.heightForWidth(error.width()), "nothing of it is cut off"


def test_that_a_paused_run_is_resumed_where_it_is_looked_at(show: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    begin(run)
    ticks(run, 1, 13)
    recorded.end(run, "paused")
    view = show(tmp_path, run.name)
    assert view.tools.resume.isVisible() and view.tools.resume.text() == "Resume from epoch 2"
    press(view.tools.resume)
    assert asked == [["work", "--runs", str(tmp_path)]] and queued(tmp_path)[0] == run.name
    settle(view.session)
    assert not view.tools.resume.isVisible()


def test_that_a_failed_run_is_resumed_from_its_card_alone(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    blow(run)
    view = show(tmp_path, run.name)
    assert view.drawer.error.isVisible() and not view.tools.resume.isVisible()


def test_that_a_resumed_run_shows_what_it_left_behind(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    begin(run)
    ticks(run, 1, 13)
    begin(run, attempt=2, resumed_from=10)
    ticks(run, 11, 20)
    view = show(tmp_path, run.name)
    assert view.charts.objective.plot._shown.events == ((10.0, "resumed", "muted"),)
    old = view.charts.objective.plot._strokes[0].old.getData()[0]
    assert np.nanmin(old) >= 11 and np.nanmax(old) == 13
    assert view.probes.scrubber.slider.maximum() == 3


# ---- theme, keys, size --------------------------------------------------------------------------------------------------


def test_that_another_theme_dresses_everything_anew(show: Open, chain: list[Run], tmp_path: Path, dressed) -> None:
    view = show(tmp_path, chain[1].name)
    dark = dressed("dark")
    QApplication.processEvents()
    assert view.charts.objective.plot._lines[0].color == dark.generations[1]
    assert dark.text in view.header.sentence.text()
    dressed("light", 1.5)
    QApplication.processEvents()
    assert not view.grab().isNull()


def test_that_tab_goes_through_the_page_as_it_is_read(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    view.header.generation.setFocus()
    passed = [QApplication.focusWidget()]
    for _ in range(60):
        QTest.keyClick(QApplication.focusWidget(), KEYS.Key_Tab)
        passed.append(QApplication.focusWidget())
    landmarks = [
        view.header.generation, view.header.chip("finite"), view.tools.axis.button("Step"), view.tools.follow,
        view.charts.objective.plot, view.charts.matters.plot,
        view.charts.smalls[0].plot, view.charts.smalls[0].more, view.charts.smalls[3].plot,
        view.probes.styles, view.probes.grid.area, view.probes.scrubber.live,
    ]  # fmt: skip
    places = [passed.index(widget) for widget in landmarks]
    assert places == sorted(places)


def test_that_everything_that_takes_the_focus_has_a_name(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    for widget in view.findChildren(QWidget):
        takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.focusProxy() is None
        if takes and not isinstance(widget, QMenu):
            text = widget.text() if hasattr(widget, "text") else ""
            assert widget.accessibleName() or text, (widget, widget.parent())


def test_that_plots_are_described(show: Open, chain: list[Run], tmp_path: Path) -> None:
    view = show(tmp_path, chain[1].name)
    QApplication.processEvents()
    assert view.charts.matters.plot.accessibleDescription().startswith("val accuracy 77.8\u2009%")
    for slot in view.slots:
        assert slot.plot.accessibleDescription()


@pytest.mark.parametrize("scale", [0.8, 1.5, 2.0])
def test_that_every_scale_can_be_looked_at(show: Open, chain: list[Run], tmp_path: Path, dressed, scale: float) -> None:
    dressed("dark", scale)
    view = show(tmp_path, chain[1].name, (1200, 686))
    QApplication.processEvents()
    assert not view.grab().isNull()
    for slot in view.charts.smalls:
        assert slot.plot._canvas.plot().height() >= 70 * scale - 1


def test_that_a_hundred_thousand_events_are_thinned_before_qt_sees_them(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    total, per_epoch = 100_000, 500
    known = {"total_steps": total, "steps_per_epoch": per_epoch, "epochs": total // per_epoch, "log_every": 1}
    recorded.write(run, events.Prepared(elapsed_s=1.0, device="cpu", **known))
    noise = np.random.default_rng(0).random(total)
    with run.events_path.open("ab") as file:
        for step in range(1, total + 1):
            values = {"train/loss": float(noise[step - 1]), "throughput/images_per_s": 900.0}
            at = {"elapsed_s": 1.0 + step, "step": step, "epoch": step / per_epoch}
            file.write(events.to_line(events.StepTaken(values=values, **at)))
            if step % per_epoch == 0:
                file.write(events.to_line(events.Measured(split="val", values={"val/accuracy": 0.5}, **at)))
    view = show(tmp_path, run.name)
    QApplication.processEvents()
    assert len(view.charts.objective.plot._lines[0].x) == total
    for slot in view.slots:
        columns = slot.plot._canvas.plot().width()
        for strokes in slot.plot._strokes:
            for item in strokes.items():
                assert np.isfinite(item.getData()[1] if item.getData()[1] is not None else []).sum() <= 2 * columns + 8
    assert readout(view.charts.objective.plot)["this step"] == f"{noise[-1]:.3f}"
