"""The first screen, as somebody meets it: with nothing there yet, with runs alive and dead, with lineages to go back to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recorded
from by_hand import press, queued, settle
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QBoxLayout

from engine import events, recipe
from engine.run import Workspace
from studio.session import Session
from studio.views import welcome
from studio.views.welcome import WelcomeView, sample_digits, sample_state
from studio.widgets import lineage_table
from studio.widgets.lineage_table import Lineage, LineageModel, LineageTable
from studio.widgets.sparkline import Sparkline

LEFT = Qt.MouseButton.LeftButton
Open = Callable[[Path], WelcomeView]


@pytest.fixture
def show(dressed, on_screen, follow: Callable[[Path], Session]) -> Open:
    def shown(folder: Path) -> WelcomeView:
        session = follow(folder)
        view = WelcomeView(session)
        view.went = []
        view.go.connect(view.went.append)
        view.resize(1200, 680)
        on_screen(view)
        view.session = session
        return view

    return shown


def sample(folder: Path) -> list:
    return Workspace(folder).create(recipe.read("born-again-digits"))


# ---- begin --------------------------------------------------------------------------------------------------------------


def test_that_an_empty_workspace_invites_to_the_sample(show: Open, tmp_path: Path, asked) -> None:
    view = show(tmp_path / "new")
    assert not view.found.isVisible() and not view.lineages.isVisible()
    assert view.sample.button.text() == "Start the sample"
    assert view.sample.button.property("primary") == "true"
    press(view.sample.button)
    assert asked == [["work", "--runs", str(tmp_path / "new")]]
    assert queued(tmp_path / "new") == [one.name for one in view.session.runs]
    assert view.went == ["live"]


def test_that_the_words_of_the_sample_follow_its_state(show: Open, tmp_path: Path) -> None:
    runs = sample(tmp_path)
    view = show(tmp_path)
    assert view.sample.button.text() == "Start the sample"
    with recorded.alive(runs[0]):
        settle(view.session)
        assert view.sample.button.text() == "Watch the sample"
        recorded.complete(runs[0])
    settle(view.session)
    assert view.sample.button.text() == "Go on with the sample"
    assert view.sample.button.property("primary") == "false"
    for run in runs[1:]:
        recorded.complete(run)
    settle(view.session)
    assert view.sample.button.text() == "Look at the sample"
    press(view.sample.button)
    assert view.went == ["generations"]
    assert view.session.chosen.lineage == "digits"


def test_that_a_sample_at_work_is_watched_not_started_again(show: Open, tmp_path: Path, asked) -> None:
    runs = sample(tmp_path)
    with recorded.alive(runs[5]):
        view = show(tmp_path)
        press(view.sample.button)
    assert asked == [] and view.went == ["live"]
    assert view.session.chosen.name == runs[5].name


def test_that_a_refused_sample_stays_on_this_page(show: Open, tmp_path: Path, asked) -> None:
    recorded.lineage(tmp_path)  # the sample's name under another recipe
    view = show(tmp_path)
    heard: list[str] = []
    view.session.refused.connect(heard.append)
    press(view.sample.button)
    assert asked == [] and view.went == [] and "another recipe" in heard[0]


def test_that_the_sample_says_what_its_recipe_says(show: Open, tmp_path: Path) -> None:
    state = sample_state(show(tmp_path).session)
    assert (state.lineage, state.generations, state.seeds) == ("digits", 3, 3)


def test_that_the_digits_of_the_card_are_those_of_the_data(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    known = load_digits()
    pictures = np.rint(known.images * 255 / 16).astype(np.uint8)
    cache = tmp_path / "digits-1.npz"
    np.savez(cache, pictures=pictures[:, None], labels=known.target)
    shipped, cached = sample_digits(""), sample_digits(str(cache))
    assert len(shipped) == len(cached) == 6
    for one, other in zip(shipped, cached, strict=True):
        assert one.shape == (8, 8) and np.array_equal(one, other)


def test_that_a_damaged_cache_falls_back_to_the_shipped_digits(tmp_path: Path) -> None:
    cache = tmp_path / "digits-1.npz"
    cache.write_bytes(b"no zip")
    assert len(sample_digits(str(cache))) == 6


def test_that_opening_a_folder_is_asked_of_the_window(show: Open, tmp_path: Path, qtbot) -> None:
    view = show(tmp_path)
    view.show_last_folder("/data/runs")
    with qtbot.waitSignal(view.folder_asked):
        press(view.folder.button)


# ---- runs found ---------------------------------------------------------------------------------------------------------


def test_that_runs_alive_and_runs_that_ended_early_are_found_in_that_order(show: Open, tmp_path: Path) -> None:
    ends = {"stopped": "by hand", "paused": "", "failed": "out of memory"}
    for reason, detail in ends.items():
        run = recorded.lineage(tmp_path, f"lineage={reason}")[0]
        recorded.begin(run)
        recorded.end(run, reason, detail)
    lost = recorded.lineage(tmp_path, "lineage=lost")[0]
    recorded.begin(lost)
    recorded.complete(recorded.lineage(tmp_path, "lineage=complete")[0])
    alive = recorded.lineage(tmp_path, "lineage=alive")[0]
    with recorded.alive(alive):
        recorded.begin(alive)
        view = show(tmp_path)
        names = [name.split("-")[0] for name in view.found.rows]
        assert names == ["alive", "lost", "failed", "paused", "stopped"]
        assert view._count.text() == "1 running, 1 lost, 1 failed, 1 paused, 1 stopped"


def test_that_a_run_at_work_can_be_attached_to(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        recorded.begin(run)
        recorded.prepare(run)
        recorded.steps(run, 1, 12)
        view = show(tmp_path)
        row = view.found.rows[run.name]
        assert row.look.text() == "Attach" and row.look.property("primary") == "true"
        assert not row.resume.isVisible()
        assert row.best_name.text() == "best accuracy"
        press(row.look)
    assert view.went == ["live"] and view.session.chosen.name == run.name


def test_that_a_lost_run_can_be_looked_at_and_resumed(show: Open, tmp_path: Path, asked) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, 12)
    view = show(tmp_path)
    row = view.found.rows[run.name]
    assert row.resume.toolTip() == "Resume from epoch 2"
    assert row.story.text().endswith("epoch 2 is saved")
    press(row.look)
    assert view.went == ["live"]
    row.resume.setFocus()
    QTest.keyClick(row.resume, Qt.Key.Key_Space)
    assert asked == [["work", "--runs", str(tmp_path)]] and queued(tmp_path)[0] == run.name
    assert row.look.hasFocus(), "a second press of the key starts nothing else"
    settle(view.session)
    assert row.story.text() == "starting, the engine is loading" and not row.resume.isVisible()


def test_that_rows_keep_the_focus_while_their_words_change(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    with recorded.alive(run):
        recorded.begin(run)
        recorded.prepare(run)
        view = show(tmp_path)
        row = view.found.rows[run.name]
        row.look.setFocus()
        recorded.steps(run, 1, 12)
        settle(view.session)
        assert view.found.rows[run.name] is row and row.look.hasFocus()
        assert row.story.text().startswith("epoch 3 of 4")


def test_that_many_runs_are_few_rows_until_all_are_asked_for(show: Open, tmp_path: Path) -> None:
    for run in recorded.lineage(tmp_path, "seeds=[0, 1, 2]"):
        recorded.begin(run)
    view = show(tmp_path)
    assert len(view.found.rows) == welcome.FEW
    assert view.found.more.text() == "Show 7 more"
    press(view.found.more)
    assert len(view.found.rows) == 12 and not view.found.more.isVisible()


def test_that_a_run_whose_recipe_is_damaged_is_shown_without_a_button_that_cannot_work(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    (run.folder / "recipe.toml").write_text("[")
    view = show(tmp_path)
    row = view.found.rows[run.name]
    assert row.title.text() == run.name and not row.resume.isVisible()


def test_that_a_sparkline_tells_its_course_in_words(dressed) -> None:
    curve = Sparkline("val accuracy")
    assert curve.accessibleName() == ""
    curve.show_curve(np.arange(3.0), np.array([0.5, 0.9, 0.8]))
    assert curve.accessibleName().replace("\N{THIN SPACE}", " ") == "val accuracy: from 50.0 % to 80.0 %, best 90.0 %"


def test_that_a_long_sparkline_keeps_its_spikes_and_its_last_value(dressed) -> None:
    curve = Sparkline("loss")
    curve.resize(100, 30)
    values = np.zeros(50_000)
    values[12_345] = 1.0
    values[-1] = 0.5
    curve.show_curve(np.arange(50_000.0), values)
    line = curve._line()
    assert line.count() < 4 * 100
    assert min(point.y() for point in line) == pytest.approx(3.0), "the spike reaches the top"
    assert line.last().y() == pytest.approx(15.0)


# ---- lineages -----------------------------------------------------------------------------------------------------------


def test_that_a_lineage_shows_the_mean_over_seeds_of_each_generation(show: Open, tmp_path: Path) -> None:
    tests = {(0, 0): 0.80, (1, 0): 0.82, (0, 1): 0.90}
    for run in recorded.lineage(tmp_path, "seeds=[0, 1]", "generations=2"):
        asked = run.recipe()
        if (asked.seed, asked.generation) in tests:
            recorded.complete(run, tests[asked.seed, asked.generation])
    [row] = welcome.lineages(show(tmp_path).session, now=0.0)
    assert row.generations == ((0, pytest.approx(0.81)), (1, pytest.approx(0.90)), (2, None))
    assert row.best == "90.0\u2009%"
    assert row.method == "Born-Again, small CNN"
    assert row.told.replace("\N{THIN SPACE}", " ") == "F0 81.0 %, F1 90.0 %, F2"


def test_that_a_lineage_in_which_nothing_happened_yet_is_not_recent(show: Open, tmp_path: Path) -> None:
    recorded.lineage(tmp_path)
    view = show(tmp_path)
    assert welcome.lineages(view.session, now=0.0) == [] and not view.lineages.isVisible()


@pytest.mark.parametrize("way", ["click", "return"])
def test_that_a_lineage_opens_by_click_and_by_key(show: Open, tmp_path: Path, way: str) -> None:
    recorded.complete(recorded.lineage(tmp_path, "lineage=other")[0])
    view = show(tmp_path)
    table = view.lineages
    if way == "click":
        place = table.visualRect(table.model().index(0, 2)).center()
        QTest.mouseClick(table.viewport(), LEFT, pos=place)
    else:
        table.setFocus()
        table.setCurrentIndex(table.model().index(0, 0))
        QTest.keyClick(table, Qt.Key.Key_Return)
    assert view.went == ["generations"]
    assert view.session.chosen.lineage == "other"


def test_that_the_model_of_the_table_is_a_proper_model(dressed) -> None:
    table = LineageTable()
    tester = QAbstractItemModelTester(table.model(), QAbstractItemModelTester.FailureReportingMode.Fatal)
    one = Lineage("digits", "Born-Again, small CNN", ((0, 0.9), (1, None)), "90.0 %", "today 09:12")
    other = Lineage("creatures", "DINO, ViT/8", ((0, None),), "", "yesterday")
    for rows in ([one], [one, other], [other, one], [], [one]):
        table.show_lineages(rows)
    tester.deleteLater()
    table.card.deleteLater()


def test_that_the_table_is_as_high_as_its_rows(show: Open, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        recorded.complete(recorded.lineage(tmp_path, f"lineage={name}")[0])
    view = show(tmp_path)
    table = view.lineages
    last = table.visualRect(table.model().index(2, 0))
    assert table.viewport().rect().contains(last)
    assert table.viewport().height() - last.bottom() <= 2


def test_that_only_a_change_repaints_the_table(dressed) -> None:
    model = LineageModel(LineageTable())
    row = Lineage("digits", "", ((0, 0.9),), "90.0 %", "today")
    model.show_lineages([row])
    resets: list[str] = []
    model.modelReset.connect(lambda: resets.append("reset"))
    model.show_lineages([Lineage("digits", "", ((0, 0.9), (1, 0.91)), "91.0 %", "today")])
    assert resets == [], "the same lineages keep selection and place"
    assert model.index(0, 2).data().startswith("F0")
    model.parent().card.deleteLater()


@pytest.mark.parametrize(
    ("widths", "room", "first"),
    [([50, 50, 50], 200, 1), ([50, 50, 50, 50, 50], 230, 3), ([50] * 20, 230, 18), ([50, 50], 60, 2), ([50], 10, 1)],
)
def test_that_a_long_chain_keeps_its_first_and_its_last_generations(widths: list[int], room: int, first: int) -> None:
    assert lineage_table._first_that_fits(widths, room, between=20, ellipsis=10) == first


# ---- the page -----------------------------------------------------------------------------------------------------------


def test_that_a_hidden_page_does_nothing_and_is_right_when_it_is_shown(show: Open, tmp_path: Path) -> None:
    view = show(tmp_path)
    view.hide()
    recorded.begin(recorded.lineage(tmp_path)[0])
    settle(view.session)
    assert view.found.rows == {}
    view.show()
    assert len(view.found.rows) == 1


def test_that_the_cards_stand_below_each_other_where_it_is_narrow(show: Open, tmp_path: Path) -> None:
    view = show(tmp_path)
    assert view._cards.direction() == QBoxLayout.Direction.LeftToRight
    view.resize(500, 600)
    assert view._cards.direction() == QBoxLayout.Direction.TopToBottom


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("choice", ["light", "dark"])
def test_that_the_page_needs_no_more_width_than_a_small_screen_has(
    show: Open, dressed, tmp_path: Path, scale: float, choice: str
) -> None:
    for run in recorded.lineage(tmp_path, "lineage=a-longish-name", "generations=6")[:3]:
        recorded.complete(run)
    recorded.begin(recorded.lineage(tmp_path, "lineage=lost")[0])
    dressed(choice, scale)
    view = show(tmp_path)
    rail, bar = round(80 * scale), 12
    assert view.minimumSizeHint().width() <= 1280 - rail - bar
    assert view.grab().size() == QSize(view.width(), view.height())


def test_that_every_control_is_reached_by_tab(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    view = show(tmp_path)
    row = view.found.rows[run.name]
    view.setFocus()
    reached = []
    for _ in range(8):
        QTest.keyClick(QApplication.focusWidget() or view, Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())
    wanted = [row.look, row.resume, view.sample.button, view.folder.button, view.lineages]
    places = [reached.index(widget) for widget in wanted]
    assert places == sorted(places)


def test_that_a_closed_attempt_is_no_news_for_a_run_that_completed_later(show: Open, tmp_path: Path) -> None:
    run = recorded.lineage(tmp_path)[0]
    recorded.begin(run)
    recorded.end(run, "stopped", "by hand")
    recorded.begin(run, attempt=2)
    recorded.write(run, events.Finished(reason="completed"))
    assert show(tmp_path).found.rows == {}
