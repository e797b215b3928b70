"""The Generations view on lineages that nobody trained: what it shows, what follows a choice, and how it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
import toy_lineage
from by_hand import Helper
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine import compare, events, words
from engine.run import Workspace
from studio import lineage_pictures
from studio import session as session_module
from studio.session import Session
from studio.views import generations as module
from studio.views.generations import GenerationsView

LEFT = Qt.MouseButton.LeftButton
Open = Callable[[Path], GenerationsView]


@pytest.fixture
def opened(dressed, on_screen, helper: Helper, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens the view on a folder, with everything read and worked out."""
    monkeypatch.setattr(session_module, "LOOK_S", 0.0)
    monkeypatch.setattr(module, "PATIENCE_MS", 0)

    def open_(folder: Path) -> GenerationsView:
        session = Session(folder)
        view = GenerationsView(session, helper)
        session.setParent(view)
        view.resize(1360, 866)
        on_screen(view)
        follow(view, qtbot)
        return view

    return open_


def follow(view: GenerationsView, qtbot: QtBot) -> None:
    """The session reads what is new, and the view has worked out all it wants."""
    for _ in range(3):
        view._session.tick()
    view._look(at_once=True)
    settle(view, qtbot)


def settle(view: GenerationsView, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not view._later.busy, timeout=20_000)
    QApplication.processEvents()


def turn_to(view: GenerationsView, tab: str, qtbot: QtBot) -> None:
    names = [view.tabs.tabText(place) for place in range(view.tabs.count())]
    QTest.mouseClick(view.tabs, LEFT, pos=view.tabs.tabRect(names.index(tab)).center())
    settle(view, qtbot)


def choose(view: GenerationsView, generation: int, qtbot: QtBot) -> None:
    QTest.mouseClick(view.chain.box(generation), LEFT)
    settle(view, qtbot)


@pytest.fixture
def view(tmp_path: Path, opened: Open) -> GenerationsView:
    toy_lineage.finished(tmp_path)
    return opened(tmp_path)


# What it shows


def test_that_the_page_shows_the_numbers_of_compare(view: GenerationsView, tmp_path: Path) -> None:
    lineage = toy_lineage.read(tmp_path)
    judged = compare.verdicts(lineage)
    assert view.head.said == "".join(compare.headline(lineage, judged))
    assert view._basis.text() == compare.basis(lineage)
    for row in compare.rows(lineage, judged):
        box = view.chain.box(row.generation)
        assert box._figure.text() == words.percent(row.mean)
        if row.verdict:
            assert (box._difference.text(), box._verdict.text()) == compare.verdict_parts(row.verdict)
    assert view.head._path.text() == "digits  ›  Born-Again, small CNN  ›  3 seeds"
    assert not view.head.others.isVisible(), "with one lineage there is nothing to choose"


def test_that_nothing_is_said_of_a_lineage_while_some_of_its_runs_are_still_being_read(view: GenerationsView) -> None:
    assert view._pages.currentWidget() is view._page
    last = view._session.lineage(view._lineage)[-1]
    last.loaded = False
    view._look(at_once=True)
    assert view._pages.currentWidget() is view._loading
    last.loaded = True
    view._look(at_once=True)
    assert view._pages.currentWidget() is view._page


def test_that_the_first_page_draws_the_mean_of_all_generations(view: GenerationsView, qtbot: QtBot) -> None:
    assert [name for name, _ in view.curves.plots[0].readout()] == ["F0", "F1", "F2"]
    assert [name for name, _ in view.curves.plots[2].readout()] == ["F1", "F2"]
    assert dict(view.curves.plots[0].readout())["F1"] == "69.0"
    QTest.mouseClick(view.curves.seeds.button("Each seed"), LEFT)
    view.curves.tick(2).click()
    QApplication.processEvents()
    assert list(view.curves.plots[0].table()[0])[1:] == [f"F{g} s{s}" for s in range(3) for g in range(2)]


def test_that_curves_have_a_table_of_all_three_charts(view: GenerationsView) -> None:
    rows = view.curves._rows()
    assert rows[0] == ["", "epoch", "F0", "F1", "F2"]
    assert {row[0] for row in rows[1:]} == {"Validation accuracy", "Negative log-likelihood", "Agreement with the teacher"}
    assert next(row for row in rows if row[0] == "Agreement with the teacher")[2] is None


def test_that_mistakes_are_pooled_over_the_seeds_and_say_so(view: GenerationsView, tmp_path: Path, qtbot: QtBot) -> None:
    turn_to(view, "Mistakes", qtbot)
    assert view.mistakes._flow_head.accessibleDescription() == "180 predictions, 3 seeds"
    lists = lineage_pictures.pair(toy_lineage.read(tmp_path), 1, 2)
    for kind, name in (("inherited", "Inherited"), ("fixed", "Fixed"), ("new", "New")):
        assert view.mistakes.kinds.button(name).text() == f"{name} {len(lists[kind])}"
    assert view.mistakes.pictures.list.model().rowCount() == len(lists["inherited"])


def test_that_calibration_lists_generations_and_ensembles(view: GenerationsView, tmp_path: Path, qtbot: QtBot) -> None:
    turn_to(view, "Calibration", qtbot)
    rows = compare.rows(toy_lineage.read(tmp_path), [])
    model = view.calibration.summary.model()
    assert [model.index(r, 0).data() for r in range(4)] == ["F0", "F1", "F2", "F1+F2"]
    assert [model.index(r, 1).data() for r in range(3)] == [words.number(row.ece) for row in rows]
    assert view.calibration.plot(1).readout()[0] == f"ECE {words.number(rows[1].ece)}"


def test_that_the_ensemble_is_that_of_compare_and_follows_the_ticks(
    view: GenerationsView, tmp_path: Path, qtbot: QtBot
) -> None:
    lineage = toy_lineage.read(tmp_path)
    assert view.strip.members == (1, 2)
    assert view.strip._figure.text() == words.percent(_average(lineage, [1, 2]).mean)
    view.strip.tick(0).click()
    settle(view, qtbot)
    assert view.strip._figure.text() == words.percent(_average(lineage, [0, 1, 2]).mean)
    view.strip.tick(1).click()
    view.strip.tick(2).click()
    settle(view, qtbot)
    assert view.strip._note.text() == "tick two generations or more to average what they say"


def _average(lineage: compare.Lineage, members: list[int]) -> compare.Ensemble:
    found = compare.ensemble(lineage, members)
    assert found is not None
    return found


# What follows a choice


def test_that_two_boxes_choose_lists_matrix_and_recipes(view: GenerationsView, tmp_path: Path, qtbot: QtBot) -> None:
    assert view.pair == (1, 2), "the newest finished and the one before it"
    turn_to(view, "Mistakes", qtbot)
    choose(view, 0, qtbot)  # F1 was chosen first, so it leaves
    assert view.pair == (0, 2)
    lists = lineage_pictures.pair(toy_lineage.read(tmp_path), 0, 2)
    assert view.mistakes.kinds.button("New").text() == f"New {len(lists['new'])}"
    assert view.mistakes._whose.text() == "F0 to F2, 3 seeds, the surest first"
    assert (view.difference.before.currentText(), view.difference.after.currentText()) == ("F0", "F2")
    assert "method" in view.difference.text()
    turn_to(view, "Matrix", qtbot)
    assert view.matrix._pair_card.accessibleName() == "F0 and F2 disagree"
    view.difference.copy.click()
    assert QGuiApplication.clipboard().text().startswith("digits, F0 to F2: ")


def test_that_taking_a_box_out_asks_for_another(view: GenerationsView, qtbot: QtBot) -> None:
    turn_to(view, "Mistakes", qtbot)
    choose(view, 1, qtbot)
    assert view.pair == (2,)
    assert view.mistakes.pictures.note.accessibleName() == "Choose two generations above"
    assert view.difference._note.text() == "Choose two generations above."
    choose(view, 1, qtbot)
    assert view.mistakes.pictures.list.isVisible() and view.difference.table.isVisible()


def test_that_a_stream_of_the_flow_chooses_its_pair_and_kind(view: GenerationsView, tmp_path: Path, qtbot: QtBot) -> None:
    turn_to(view, "Mistakes", qtbot)
    view.mistakes.flow.chosen.emit(0, 1, "new")
    settle(view, qtbot)
    assert view.pair == (0, 1) and view.chain.box(0).selected and view.mistakes.kind == "new"
    count = len(lineage_pictures.pair(toy_lineage.read(tmp_path), 0, 1)["new"])
    assert view.mistakes.pictures.list.model().rowCount() == count


def test_that_a_cell_of_the_matrix_chooses_its_pair(view: GenerationsView, qtbot: QtBot) -> None:
    turn_to(view, "Matrix", qtbot)
    view.matrix.matrix.chosen.emit(0, 2)
    settle(view, qtbot)
    assert view.pair == (0, 2) and view.matrix.pictures.list.model().rowCount() > 0


def test_that_the_combos_of_the_recipes_choose_the_pair(view: GenerationsView, qtbot: QtBot) -> None:
    view.difference.pair_chosen.emit(2, 0)
    settle(view, qtbot)
    assert view.pair == (0, 2) and view.chain.pair == (0, 2)


def test_that_a_listed_picture_opens_with_all_generations(view: GenerationsView, tmp_path: Path, qtbot: QtBot) -> None:
    turn_to(view, "Mistakes", qtbot)
    inherited = lineage_pictures.pair(toy_lineage.read(tmp_path), 1, 2)["inherited"]
    view.mistakes.pictures.list.opened.emit(1)
    settle(view, qtbot)
    assert view.tabs.tabText(view.tabs.currentIndex()) == "Images"
    assert view.images.seeds.currentData() == int(inherited.seed[1])
    place = view.images.table.currentIndex().row()
    assert place == view.images.model.place_of(int(inherited.row[1]))


def test_that_images_can_be_those_of_one_seed(view: GenerationsView, tmp_path: Path, qtbot: QtBot) -> None:
    turn_to(view, "Images", qtbot)
    view.images.seeds.setFocus()
    QTest.keyClick(view.images.seeds, Qt.Key.Key_Down)
    settle(view, qtbot)
    table = lineage_pictures.images(toy_lineage.read(tmp_path), 0)
    assert view.images.model.index(0, 0).data() == f"test {int(table.row[0]):03d}"


# While it trains


def test_that_a_run_that_completes_brings_its_numbers_without_being_asked(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    runs = toy_lineage.lineage(tmp_path, seeds=(0,))
    toy_lineage.complete(runs[0])
    view = opened(tmp_path)
    assert view.head.said == f"F0: {view.chain.box(0)._figure.text()}, 1 seed; no other generation is finished yet"
    assert view.chain.box(1)._waiting.text().startswith("queued")
    toy_lineage.complete(runs[1])
    follow(view, qtbot)
    assert view.chain.box(1)._figure.isVisible() and view.chain.box(1)._verdict.text().endswith("one seed only, no verdict")
    assert view.pair == (0, 1)


def test_that_an_epoch_moves_the_box_and_leads_to_live(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    runs = toy_lineage.lineage(tmp_path, seeds=(0,))
    recorded.begin(runs[0])
    recorded.prepare(runs[0])
    recorded.steps(runs[0], 1, 6)
    with recorded.alive(runs[0]):
        view = opened(tmp_path)
        assert view.chain.box(0)._waiting.text() == "running, epoch 2 of 4"
        recorded.steps(runs[0], 7, 11)
        follow(view, qtbot)
        assert view.chain.box(0)._waiting.text() == "running, epoch 3 of 4"
        with qtbot.waitSignal(view.go) as gone:
            QTest.mouseClick(view.chain.box(0)._live, LEFT)
        assert gone.args == ["live"] and view._session.chosen.name == runs[0].name


def test_that_verdicts_are_worked_out_once_for_the_same_complete_runs(
    tmp_path: Path, opened: Open, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = toy_lineage.lineage(tmp_path, generations=1)
    for run in runs[:-1]:
        toy_lineage.complete(run)
    counted: list[int] = []
    real = module.lineage_model.study
    monkeypatch.setattr(module.lineage_model, "study", lambda finished: counted.append(len(finished)) or real(finished))
    view = opened(tmp_path)
    recorded.begin(runs[-1])
    recorded.prepare(runs[-1])
    for first in (1, 6, 11):
        recorded.steps(runs[-1], first, first + 4)
        follow(view, qtbot)
    assert counted == [5]


def test_that_a_hidden_page_does_nothing(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    runs = toy_lineage.lineage(tmp_path, seeds=(0,))
    view = opened(tmp_path)
    view.hide()
    toy_lineage.complete(runs[0])
    for _ in range(3):
        view._session.tick()
    assert not view._later.busy and view.study.generations == ()
    view.show()
    settle(view, qtbot)
    assert view.study.generations == (0,)


# What is not there


def test_that_an_empty_workspace_leads_to_the_first_screen(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    view = opened(tmp_path)
    assert view._pages.currentWidget() is view._empty
    button = view._empty.findChild(module.QPushButton)
    with qtbot.waitSignal(view.go) as gone:
        QTest.mouseClick(button, LEFT)
    assert gone.args == ["welcome"]


def test_that_nothing_finished_is_told_on_every_page_but_the_curves(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    toy_lineage.lineage(tmp_path)
    view = opened(tmp_path)
    assert view.head.said.startswith("No generation is finished yet; F0 queued")
    assert view.curves.isVisible() and not view.strip.isVisible()
    for tab in ("Matrix", "Mistakes", "Calibration", "Images"):
        turn_to(view, tab, qtbot)
        assert view._room_note.isVisible() and view._room_note.accessibleName() == "No generation is finished yet"


def test_that_f0_alone_has_nothing_to_be_compared_with(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    toy_lineage.finished(tmp_path, "method.name=supervised", generations=0)
    view = opened(tmp_path)
    turn_to(view, "Mistakes", qtbot)
    assert view.mistakes._flow_note.accessibleName().endswith(" of 180 predictions")
    assert view.mistakes.pictures.note.accessibleName() == "One generation alone has nothing to be compared with"
    assert not view.difference.before.isVisible() and view.pair == ()


def test_that_different_test_pictures_are_refused_in_the_page(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    runs = toy_lineage.lineage(tmp_path)
    for run in runs:
        toy_lineage.complete(run, "f" * 64 if run is runs[-1] else "a" * 64)
    view = opened(tmp_path)
    assert view.head.said.startswith("These runs cannot be compared: digits-s0-F0 and digits-s2-F2 saw different pictures")
    assert [name for name, _ in view.curves.plots[0].readout()] == ["F0", "F1", "F2"]
    assert view.difference.model.rowCount() == 2
    turn_to(view, "Mistakes", qtbot)
    assert view._room_note.isVisible()


def test_that_an_unreadable_artifact_is_named_and_the_rest_compared(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    toy_lineage.finished(tmp_path)
    (tmp_path / "digits-s1-F2" / "artifacts" / "a01-step00000020-predictions-test.npz").write_bytes(b"PK\x03\x04 torn")
    view = opened(tmp_path)
    assert view.head.notice.isVisible() and view.head.notice.text().startswith("digits-s1-F2: cannot read")
    assert view.chain.box(2)._spread.text().endswith("2 of 3 seeds")
    turn_to(view, "Mistakes", qtbot)
    assert view.mistakes._flow_head.accessibleDescription() == "120 predictions, 2 complete seeds"


def test_that_missing_pictures_leave_the_lists_as_they_are(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    toy_lineage.finished(tmp_path)
    (tmp_path / "data" / toy_lineage.CACHE).unlink()
    view = opened(tmp_path)
    turn_to(view, "Mistakes", qtbot)
    assert view.mistakes.pictures._missing.isVisible() and view.mistakes.pictures.list.model().rowCount() > 0
    turn_to(view, "Images", qtbot)
    assert "data/toy-0123.npz is missing" in view.images._note.text() and view.images.model.rowCount() == 60
    view.grab()


def test_that_a_damaged_recipe_is_listed_with_its_problem(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "odd-s0-F0").mkdir(parents=True)
    (tmp_path / "odd-s0-F0" / "recipe.toml").write_text("lineage = 3\n")
    view = opened(tmp_path)
    assert view.lineage == "odd-s0-F0" and view.head.notice.isVisible() and "lineage" in view.head.notice.text()


# Which lineage


def test_that_another_lineage_is_chosen_from_the_menu_and_the_window_goes_along(
    tmp_path: Path, opened: Open, qtbot: QtBot
) -> None:
    toy_lineage.finished(tmp_path, generations=1)
    toy_lineage.finished(tmp_path, "lineage=other", generations=2, seeds=(0,))
    view = opened(tmp_path)
    view.show_lineage("digits")
    settle(view, qtbot)
    assert view.head.others.isVisible() and len(view.chain._boxes) == 2
    act = next(act for act in view.head.menu.actions() if act.text().startswith("other: Born-Again, small CNN, 1 seed"))
    act.trigger()
    settle(view, qtbot)
    assert view.lineage == "other" and len(view.chain._boxes) == 3 and view._session.chosen.lineage == "other"
    view._session.choose("digits-s0-F1")
    settle(view, qtbot)
    assert view.lineage == "digits"


def test_that_another_workspace_leaves_nothing_of_the_first_behind(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    toy_lineage.finished(tmp_path / "one", generations=1)
    toy_lineage.finished(tmp_path / "two", "training.epochs=7", generations=2, seeds=(0, 1))
    view = opened(tmp_path / "one")
    view._session.open_workspace(tmp_path / "two")
    follow(view, qtbot)
    assert len(view.chain._boxes) == 3 and view.chain.box(0)._spread.text().endswith("2 seeds")
    assert {run.workspace for run in Workspace(tmp_path / "two").runs()} == {one.run.workspace for one in view._session.runs}


# How it looks


@pytest.mark.parametrize("tab", ["Curves", "Matrix", "Mistakes", "Calibration", "Images"])
def test_that_every_page_follows_theme_and_scale(view: GenerationsView, dressed, qtbot: QtBot, tab: str) -> None:
    turn_to(view, tab, qtbot)
    light = view.grab().toImage()
    dressed("dark")
    QApplication.processEvents()
    assert view.grab().toImage() != light
    assert module.theme.palette().text in view.head.sentence.text()
    dressed("light", 1.5)
    QApplication.processEvents()
    assert not view.grab().isNull()


@pytest.mark.parametrize("tab", ["Curves", "Matrix", "Mistakes", "Calibration", "Images"])
def test_that_every_page_fits_the_smallest_window(tmp_path: Path, opened: Open, qtbot: QtBot, tab: str) -> None:
    toy_lineage.finished(tmp_path, generations=3)
    view = opened(tmp_path)
    view.resize(1200, 686)
    turn_to(view, tab, qtbot)
    QApplication.processEvents()
    assert view.difference.folded
    assert view.minimumSizeHint().width() <= 1200 and view.minimumSizeHint().height() <= 686


def test_that_many_generations_scroll_within_the_page_and_the_newest_are_in_sight(
    tmp_path: Path, opened: Open, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy_lineage, "SHARP", (1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8))
    toy_lineage.finished(tmp_path, generations=7, seeds=(0,))
    view = opened(tmp_path)
    for tab in ("Mistakes", "Matrix", "Calibration", "Images", "Curves"):
        turn_to(view, tab, qtbot)
        assert view.minimumSizeHint().width() <= 1200, tab
    newest = view.chain.box(7)
    assert view.pair == (6, 7)
    qtbot.waitUntil(lambda: not newest.visibleRegion().isEmpty())
    assert view._area.viewport().rect().contains(newest.mapTo(view._area.viewport(), newest.rect().center()))


def test_that_a_person_who_unfolds_is_not_overruled_by_the_windows_size(view: GenerationsView) -> None:
    view.resize(1200, 600)
    assert view.difference.folded
    view.difference.fold.click()
    view.resize(1200, 610)
    assert not view.difference.folded


def test_that_every_control_has_a_name_for_those_who_do_not_see_it(view: GenerationsView, qtbot: QtBot) -> None:
    for tab in ("Curves", "Matrix", "Mistakes", "Calibration", "Images"):
        turn_to(view, tab, qtbot)
        for control in view.findChildren(module.QWidget):
            reachable = control.isVisible() and control.focusPolicy() & Qt.FocusPolicy.TabFocus and not control.focusProxy()
            assert not reachable or control.accessibleName() or getattr(control, "text", str)(), control


# Without a classifier, without labels


def without_labels(folder: Path, labels: bool, lineage: str = "creatures-dino", shift: int = 0) -> None:
    for run in recorded.without_labels(folder, "seeds=[0, 1]", f"lineage={lineage}"):
        recorded.dino(run, labels=labels)
        worth = {"knn/teacher": 0.62, "knn/student": 0.6, "linear/teacher": 0.7} if labels else {}
        values = {"feature/rank": 29.0, **worth}
        recorded.write(run, events.Measured(elapsed_s=30.0, step=20, epoch=4.0, split="test", values=values))
        if labels:
            toy_lineage.save(run, "test", toy_lineage.probabilities(0, run.recipe().seed + shift), 0)
        recorded.end(run)


def test_that_the_curves_are_those_that_dino_measures(tmp_path: Path, opened: Open) -> None:
    without_labels(tmp_path, labels=True)
    view = opened(tmp_path)
    assert [plot.accessibleName() for plot in view.curves.plots] == [
        "k-NN of the teacher",
        "k-NN of the student",
        "Feature rank",
    ]
    assert dict(view.curves.plots[0].readout()) == {"F0": "62.0"}
    assert view._basis.text().startswith("k-NN of the teacher, 60 test pictures")
    assert view.chain.box(0)._figure.text().startswith("k-NN ")


def test_that_every_room_of_one_generation_says_what_there_is(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    without_labels(tmp_path, labels=True)
    view = opened(tmp_path)
    turn_to(view, "Mistakes", qtbot)
    assert "nearest neighbours" in view.mistakes._flow_note.accessibleDescription() + view.mistakes._flow_note.accessibleName()
    for tab in ("Matrix", "Calibration", "Images"):
        turn_to(view, tab, qtbot)
        assert view._stack.currentWidget() is view._rooms[tab]


def test_that_without_labels_rooms_of_mistakes_say_why_they_are_empty(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    without_labels(tmp_path, labels=False)
    view = opened(tmp_path)
    assert view.curves.plots[0].accessibleName() == "Feature rank"
    assert view.head.said.startswith("Feature rank 29.0") and not view.head.notice.isVisible()
    turn_to(view, "Mistakes", qtbot)
    assert view._room_note.accessibleName() == "Nobody has named these pictures"


def test_that_another_lineage_brings_its_own_charts(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    without_labels(tmp_path, labels=True)
    toy_lineage.finished(tmp_path, generations=1, seeds=(0,))
    view = opened(tmp_path)
    for name, first in (
        ("digits", "Validation accuracy"),
        ("creatures-dino", "k-NN of the teacher"),
        ("digits", "Validation accuracy"),
    ):
        view._choose_lineage(name)
        settle(view, qtbot)
        assert view.curves.plots[0].accessibleName() == first


def test_that_another_lineage_can_stand_beside_this_one(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:
    without_labels(tmp_path, labels=True)
    without_labels(tmp_path, labels=True, lineage="slow", shift=7)
    toy_lineage.finished(tmp_path, generations=1, seeds=(0,))
    view = opened(tmp_path)
    view._choose_lineage("creatures-dino")
    settle(view, qtbot)
    (offered,) = view.curves.menu.actions()
    assert offered.text() == "slow", "digits are measured by something else"
    offered.trigger()
    settle(view, qtbot)
    assert [name for name, _ in view.curves.plots[0].readout()] == ["F0", "slow"]
    said = view.curves._said.text()
    assert said.endswith("against slow, two seeds only, no verdict"), said
    offered.trigger()
    settle(view, qtbot)
    assert [name for name, _ in view.curves.plots[0].readout()] == ["F0"] and view.curves._said.text() == ""
