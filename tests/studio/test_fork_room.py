"""The momentum laboratory: forks beside their parents, what each changed, and a dialog that makes another."""

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
import toy_lineage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from test_forks import fork, forked  # noqa: F401 -- a fixture
from test_generations import opened, settle, turn_to  # noqa: F401 -- a fixture
from test_lineage_model import follow

from engine import events
from engine.run import Run
from studio import fork_model, live_pages, started
from studio.fork_model import Beginning
from studio.views import generations as module
from studio.views.generations import GenerationsView
from studio.widgets.fork_dialog import ForkDialog, changeable
from studio.widgets.fork_room import NOTHING

Open = Callable[[Path], GenerationsView]


def checkpoint(run: Run, step: int, whole: bool = True) -> None:
    """A folder as a checkpoint has, without its weights."""
    folder = run.folder / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "optimizer.safetensors")[: 1 + whole]:
        (folder / name).touch()


def test_that_a_family_is_a_run_with_all_forks_of_its_forks(forked: Path) -> None:  # noqa: F811
    [family] = fork_model.families(follow(forked))
    assert family.parent.name == "digits-s0-F1" and [one.called for one in family.forks] == ["F1b", "F1c", "F1cb"]
    assert [fork_model.left_at(one) for one in family.runs] == [0, 10, 10, 10]


def test_that_a_fork_without_its_parent_heads_a_family_of_its_own(forked: Path) -> None:  # noqa: F811
    orphans = [one for one in follow(forked) if one.name != "digits-s0-F1"]
    heads = [(family.parent.called, [one.called for one in family.forks]) for family in fork_model.families(orphans)]
    assert heads == [("F1b", []), ("F1c", ["F1cb"])]


def test_that_each_is_told_against_its_own_parent_at_a_step_that_both_have(forked: Path) -> None:  # noqa: F811
    [family] = fork_model.families(follow(forked))
    rows = fork_model.rows(family, live_pages.PAGES["accuracy"], {"digits-s0-F1-fork1": "optimizer.lr 0.5 instead of 0.1"})
    assert rows[0][-1] == "Against its parent" and [row[0] for row in rows[1:]] == [
        f"{n}, seed 0" for n in ("F1", "F1b", "F1c", "F1cb")
    ]
    assert rows[1][1] == rows[1][-1] == "", "the parent left nobody"
    assert rows[2][1:3] == ["10", "optimizer.lr 0.5 instead of 0.1"] and rows[2][-1].startswith("+0.0 at step ")


def test_that_the_schedule_shown_is_the_one_on_which_they_part(tmp_path: Path) -> None:
    runs = toy_lineage.finished(tmp_path, generations=1, seeds=(0,))
    child = fork(runs[0])
    for run, momentum in ((runs[0], 0.99), (child, 0.5)):
        values = {"schedule/lr": 0.1, "schedule/momentum": momentum}
        recorded.write(run, events.StepTaken(step=900, epoch=9.0, elapsed_s=9.0, values=values))
    [family] = fork_model.families(follow(tmp_path))
    assert fork_model.telling_schedule(family) == "schedule/momentum"


def test_that_what_was_changed_is_read_from_what_was_in_force(tmp_path: Path) -> None:
    parent = toy_lineage.finished(tmp_path, generations=1, seeds=(0,))[0]
    child = fork(parent)
    assert fork_model.changed(child) in ("nothing", fork_model.UNKNOWN)
    (child.folder / "effective.toml").write_text("[recipe.optimizer]\nlr = 0.5\nnesterov = false\n", encoding="utf-8")
    (parent.folder / "effective.toml").write_text("[recipe.optimizer]\nlr = 0.1\nnesterov = true\n", encoding="utf-8")
    assert fork_model.changed(child) == "optimizer.lr 0.5 instead of 0.1, optimizer.nesterov off instead of on"


def test_that_only_what_a_checkpoint_leaves_open_can_be_changed(forked: Path) -> None:  # noqa: F811
    paths = [one.path for one in changeable(follow(forked)[0])]
    assert paths[0] == "optimizer.lr" and "training.epochs" in paths
    assert not {"training.batch", "method.name", "model.name", "seed", "lineage", "data.name"} & set(paths)


def test_that_the_room_shows_parent_and_forks_and_their_table(forked: Path, opened: Open, qtbot: QtBot) -> None:  # noqa: F811
    view = opened(forked)
    turn_to(view, "Forks", qtbot)
    room = view.forks
    assert [name for name, _ in room.matters.plot.readout()] == ["F1", "F1b", "F1c", "F1cb"]
    assert len(room.table.model().rows()) == 5 and not room.chosen.isVisible(), "there is one family only"
    room.smalls[0].page_asked.emit("gradient")
    assert room.smalls[0].key == "gradient"
    view.forks.axis.button("Epoch").click()
    assert room.matters.plot.table()[0][0] == "epoch"


def test_that_a_lineage_without_forks_says_what_they_are(tmp_path: Path, opened: Open, qtbot: QtBot) -> None:  # noqa: F811
    toy_lineage.finished(tmp_path, generations=1, seeds=(0,))
    view = opened(tmp_path)
    turn_to(view, "Forks", qtbot)
    assert view.forks._note.isVisible() and view.forks._note.accessibleName() == NOTHING[0] and view.forks.make.isEnabled()


@pytest.fixture
def dialog(tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> tuple[GenerationsView, ForkDialog]:  # noqa: F811
    """Over a lineage whose F0 has two checkpoints, the older without momenta."""
    run = toy_lineage.finished(tmp_path, generations=1, seeds=(0,))[0]
    checkpoint(run, 10, whole=False)
    checkpoint(run, 20)
    view = opened(tmp_path)
    view._session.choose(run.name)
    view.forks.make.click()
    [found] = view.findChildren(ForkDialog)
    return view, found


def test_that_the_dialog_says_the_command_it_carries_out(dialog: tuple[GenerationsView, ForkDialog]) -> None:
    _, asks = dialog
    assert asks.words() == ["fork", "digits-s0-F0", "--at", "20", "--queue"] and asks.run.count() == 1
    first = asks.changes.rows[0]
    assert first.path == "optimizer.lr" and first.values.placeholderText().startswith("now ")
    first.values.setText("0.5")
    asks.changes.more.click()
    assert asks.changes.rows[1].path != "optimizer.lr", "another field is proposed"
    asks.step.setCurrentIndex(1)
    wanted = ["fork", "digits-s0-F0", "--at", "10", "--set", "optimizer.lr=0.5", "--fresh-optimizer", "--queue"]
    assert asks.words() == wanted and asks.line.text() == f"filial {' '.join(wanted)}"
    asks.changes.rows[1].remove.click()
    assert [each.path for each in asks.changes.rows] == ["optimizer.lr"]


@pytest.mark.parametrize("at_once", [False, True])
def test_that_a_fork_is_asked_for_and_a_refusal_stays_in_the_dialog(
    dialog: tuple[GenerationsView, ForkDialog], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, at_once: bool
) -> None:
    view, asks = dialog
    asked: list[tuple[list[str], Path]] = []
    answers = ["batch: 3 is refused", ""]
    monkeypatch.setattr(module, "run_verb", lambda said, folder: asked.append((said, folder)) or answers[len(asked) - 1])
    begun: list[bool] = []
    monkeypatch.setattr(view._session, "start_new", lambda waited: begun.append(waited == set()))
    button = asks.start if at_once else asks.queue
    button.click()
    assert not button.isEnabled()
    qtbot.waitUntil(lambda: not view._forking.busy)
    assert asks.problem.text() == answers[0] and button.isEnabled() and asks.isVisible() and not begun
    button.click()
    qtbot.waitUntil(lambda: not view._forking.busy)
    QApplication.processEvents()
    assert asked == [(["fork", "digits-s0-F0", "--at", "20", "--queue"], view._session.workspace.folder)] * 2
    assert view.findChildren(ForkDialog) == [] and begun == [True] * at_once


def test_that_a_verb_says_why_it_was_refused(tmp_path: Path) -> None:
    assert "there is no run" in started.run_verb(["fork", "nobody", "--at", "3"], tmp_path).lower()


def test_that_a_checkpoint_without_momenta_is_known_as_such(tmp_path: Path) -> None:
    run = toy_lineage.finished(tmp_path, generations=1, seeds=(0,))[0]
    checkpoint(run, 10, whole=False)
    checkpoint(run, 20)
    assert fork_model.beginnings(run) == [Beginning(20, True), Beginning(10, False)]
