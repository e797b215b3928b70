"""A run that falls ill is told, paused or taken back, as its recipe asks; and what was done then is done again when resumed."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Died, die_at, toy, weights  # type: ignore[import-not-found]

from engine import events, learner
from engine import train as room
from engine.events import Remedy
from engine.run import Run, Workspace
from engine.train import train
from engine.watchdog import Watchdog

ALONE = ("generations=0", "method.name=supervised")  # nine steps, a checkpoint at 3, 6 and 9
BACK = (*ALONE, "watch.policy=roll_back")


def made(workspace: Workspace, *changes: str) -> Run:
    return workspace.create(toy(*changes))[0]


def of(run: Run, kind: type) -> list[Any]:
    told = (events.from_line(line) for line in run.events_path.read_bytes().splitlines())
    return [event for event in told if isinstance(event, kind)]


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Makes learning in these steps end in weights that are not numbers; gives the steps that were learned in."""

    def at(*steps: int) -> list[int]:
        original, learned = learner.learn, []

        def learn(method: Any, optimizer: Any, batch: Any, step: int, *rest: Any) -> dict[str, torch.Tensor]:
            values = original(method, optimizer, batch, step, *rest)
            learned.append(step + 1)
            if step + 1 in steps:
                with torch.no_grad():
                    for weight in method.student.parameters():
                        weight.fill_(math.nan)
                values["train/loss"] = torch.tensor(math.nan)
            return values

        monkeypatch.setattr(learner, "learn", learn)
        return learned

    return at


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the watchdog find something at a step, once."""

    def at(step: int, since: int, *changes: dict[str, Any], verdict: str = "exploding") -> None:
        original, told = Watchdog.see, []

        def see(self: Watchdog, now: int, values: Any) -> Any:
            original(self, now, values)
            if now != step or told:
                return []
            remedies = [Remedy("what may help", change) for change in changes]
            told.append(
                events.Diagnosed(step=now, verdict=verdict, since=since, evidence="so", cause="hence", remedies=remedies)
            )
            return told[:1]

        monkeypatch.setattr(Watchdog, "see", see)

    return at


# ---- a loss that is not finite ------------------------------------------------------------------------------------------


def test_that_a_loss_that_is_not_finite_is_told_with_cause_and_remedies_and_ends_the_run(workspace, poisoned):
    run = made(workspace, *ALONE)
    poisoned(5)
    assert train(run) == 1
    (diagnosis,) = of(run, events.Diagnosed)
    assert (diagnosis.verdict, diagnosis.step, diagnosis.since) == ("not_finite", 5, 4)
    assert diagnosis.cause and diagnosis.remedies
    state = run.state()
    assert state.finished.detail == "the loss or its gradient became not finite at step 5; the newest checkpoint is step 3"
    assert list(state.diagnoses) == ["not_finite"] and state.not_finite is not None


def test_that_with_pause_the_run_leaves_without_saving_what_is_broken(workspace, poisoned):
    run = made(workspace, *ALONE, "watch.policy=pause")
    poisoned(5)
    assert train(run) == 130
    finished = run.state().finished
    assert (finished.reason, run.newest_valid_step()) == ("paused", 3)
    assert finished.detail == "the loss or its gradient became not finite at step 5; the newest checkpoint is step 3"


def test_that_with_roll_back_the_run_passes_over_the_batch_and_completes(workspace, poisoned):
    run = made(workspace, *BACK)
    learned = poisoned(5)
    assert train(run) == 0
    assert learned == [1, 2, 3, 4, 5, 4, 6, 7, 8, 9], "back to 3, and past 5"
    (back,) = of(run, events.RolledBack)
    assert (back.step, back.to_step, back.verdict, back.skip, back.changes) == (5, 3, "not_finite", [5], {})
    state = run.state()
    loss = state.curves["train/loss"]
    assert loss.steps[loss.kept].tolist() == [1, 2, 3, 4, 6, 7, 8, 9]
    assert [artifact.kind for artifact in state.artifacts].count("nonfinite") == 1, "the batch is kept"
    assert not state.altered and not state.diagnoses
    assert all(
        np.isfinite(np.frombuffer(weight, np.float32)).all() for name, weight in weights(run, 9).items() if "num_" not in name
    )


@pytest.mark.parametrize("step", [4, 5, 7])
def test_that_a_run_resumed_after_it_went_back_equals_one_that_was_not_interrupted(
    workspace, tmp_path, decoded_digits, poisoned, step
):
    poisoned(5)
    other = tmp_path / "unbroken"
    other.mkdir()
    (other / "data").symlink_to(decoded_digits, target_is_directory=True)
    unbroken, run = made(Workspace(other), *BACK), made(workspace, *BACK)
    assert train(unbroken) == 0
    die_at(run, step, when=lambda training: bool(training.attempt.state.rollbacks))
    assert train(run) == 0
    assert len(of(run, events.RolledBack)) == 1
    assert weights(run, 9) == weights(unbroken, 9)


def test_that_the_second_time_something_is_changed_as_well_and_after_three_the_run_fails_in_words(workspace, poisoned):
    run = made(workspace, *BACK, "optimizer.lr=0.05")
    poisoned(*range(4, 10))
    assert train(run) == 1
    backs = of(run, events.RolledBack)
    assert [back.skip for back in backs] == [[4], [5], [6]]
    assert backs[0].changes == {} and backs[1].changes["optimizer.lr"] > backs[2].changes["optimizer.lr"]
    assert [change.value for change in of(run, events.Changed)] == [back.changes["optimizer.lr"] for back in backs[1:]]
    detail = run.state().finished.detail
    assert detail.endswith(
        "going back 3 times has not helped (to step 3 for not finite, to step 3 for not finite, to step 3 for not finite)"
    )


# ---- what the watchdog finds --------------------------------------------------------------------------------------------


def test_that_a_verdict_is_told_and_nothing_else_happens(workspace, found):
    run = made(workspace, *ALONE)
    found(5, 4, {"optimizer.lr": 0.01})
    assert train(run) == 0
    assert list(run.state().diagnoses) == ["exploding"] and not of(run, events.RolledBack)


def test_that_pause_saves_and_leaves_and_the_same_finding_does_not_pause_twice(workspace, found):
    run = made(workspace, *ALONE, "watch.policy=pause")
    found(5, 4, {"optimizer.lr": 0.01})
    assert train(run) == 130
    finished = run.state().finished
    assert (finished.reason, finished.detail) == ("paused", "exploding: so; step 5 is saved")
    assert train(run) == 0


def test_that_a_run_goes_back_to_before_the_first_sign_and_on_with_the_first_remedy_there_is(workspace, found):
    run = made(workspace, *BACK)
    found(7, 5, {}, {"data.size": 3}, {"training.epochs": 9}, {"optimizer.lr": 0.01}, {"optimizer.clip": 1.0})
    assert train(run) == 0
    (back,) = of(run, events.RolledBack)
    assert (back.step, back.to_step, back.skip, back.changes) == (7, 3, [], {"optimizer.lr": 0.01})
    (change,) = of(run, events.Changed)
    assert (change.step, change.field, change.value) == (3, "optimizer.lr", 0.01)
    state = run.state()
    rate = state.curves["schedule/lr"]
    assert rate.values[rate.kept].max() == 0.05 and rate.values[rate.kept][3:].max() <= 0.01
    assert [point.step for point in state.checkpoints] == [3, 6, 9] and state.altered and state.attempt == 1


def test_that_the_last_healthy_checkpoint_outlives_its_turn(workspace, found, monkeypatch):
    monkeypatch.setattr(Watchdog, "well_until", property(lambda self: 5), raising=True)
    run = made(workspace, *BACK, "keep.full=1")
    found(8, 5, {"optimizer.lr": 0.01})
    assert train(run) == 0
    (back,) = of(run, events.RolledBack)
    assert back.to_step == 3, "at step 6 the one from 3 would have been pruned"


def test_that_without_a_healthy_checkpoint_the_run_begins_again(workspace, found):
    run = made(workspace, *BACK, "keep.every_epochs=3")
    found(5, 4, {"optimizer.lr": 0.01})
    assert train(run) == 0
    (back,) = of(run, events.RolledBack)
    assert back.to_step == 0
    loss = run.state().curves["train/loss"]
    assert loss.values[0] == loss.values[loss.kept][0], "the same initialisation and the same first batch"
    assert loss.steps[loss.kept].tolist() == list(range(1, 10))


def test_that_a_checkpoint_from_after_the_first_sign_is_no_way_out_after_a_crash_either(workspace, found, monkeypatch):
    run = made(workspace, *BACK)
    found(8, 5, {"optimizer.lr": 0.01})
    with monkeypatch.context() as patch:

        def dying(self: room.Training, step: int) -> None:
            raise Died

        patch.setattr(room.Training, "begin_again", dying)
        with pytest.raises(Died):
            train(run)
    assert run.newest_valid_step() == 3
    assert train(run) == 0
    rate = run.state().curves["schedule/lr"]
    assert rate.values[rate.kept][3:].max() <= 0.01


def test_that_where_nothing_can_be_changed_the_run_pauses_and_says_so(workspace, found):
    run = made(workspace, *BACK)
    found(5, 4, {"data.size": 3})
    assert train(run) == 130
    detail = "exploding: so; nothing that can change at work would help; step 5 is saved"
    assert run.state().finished == events.Finished(reason="paused", detail=detail, elapsed_s=run.state().finished.elapsed_s)


def test_that_what_harms_nothing_is_never_acted_on(workspace, found):
    run = made(workspace, *BACK)
    found(5, 4, {"optimizer.lr": 0.01}, verdict="loader_bound")
    assert train(run) == 0
    assert not of(run, events.RolledBack) and not of(run, events.Changed)
