"""RunState: what events fold into, and the one word derived from them and from what an observer sees."""

import math
from typing import Any, get_args

import numpy as np
import pytest
import toys
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import events, state
from engine.events import AnyEvent
from engine.state import Curve, RunState, State, Vital, derive

WORDS = set(get_args(State))


def folded(*told: AnyEvent) -> RunState:
    state = RunState()
    for event in told:
        state.fold(event)
    return state


def points(curve: Curve) -> list[tuple[int, float, bool]]:
    return list(zip(curve.steps.tolist(), curve.values.tolist(), curve.kept.tolist(), strict=True))


# ---- curves -------------------------------------------------------------------------------------------------------------


def test_that_a_curve_grows_past_its_first_room_and_keeps_every_point() -> None:
    curve = Curve()
    for step in range(200):
        curve.add(step, step / 10, step * 2.0, math.sqrt(step), 1 + step // 100)
    assert len(curve) == 200
    np.testing.assert_array_equal(curve.steps, np.arange(200))
    np.testing.assert_array_equal(curve.epochs, np.arange(200) / 10)
    np.testing.assert_array_equal(curve.times, np.arange(200) * 2.0)
    np.testing.assert_array_equal(curve.values, np.sqrt(np.arange(200)))
    np.testing.assert_array_equal(curve.attempts, np.repeat([1, 2], 100))
    assert curve.kept.all()
    assert [
        array.dtype.name for array in (curve.steps, curve.attempts, curve.epochs, curve.times, curve.values, curve.kept)
    ] == [
        "int64",
        "int64",
        "float64",
        "float64",
        "float64",
        "bool",
    ]


def test_that_what_is_abandoned_is_greyed_and_not_removed() -> None:
    curve = Curve()
    for step in (10, 20, 30):
        curve.add(step, 0, 0, step, 1)
    curve.abandon_after(20)
    assert points(curve) == [(10, 10, True), (20, 20, True), (30, 30, False)]
    assert curve.last == 20
    curve.abandon_after(0)
    assert math.isnan(curve.last) and len(curve) == 3


# ---- folding ------------------------------------------------------------------------------------------------------------


def test_that_nothing_has_happened_before_the_first_event() -> None:
    empty = RunState()
    assert (empty.attempt, empty.finished, empty.completed, empty.altered) == (0, None, False, False)
    assert empty.values == {} and empty.best("val/accuracy") is None


def test_that_steps_become_curves_and_the_newest_values() -> None:
    state = folded(toys.started(), toys.prepared(), toys.stepped(1, 2.0, 3.0), toys.stepped(2, 1.5, 4.0))
    assert (state.step, state.epoch, state.total_steps, state.epochs, state.steps_per_epoch) == (2, 0.2, 40, 4, 10)
    assert (state.device, state.threads, state.precision) == ("cpu", 2, "float32")
    assert points(state.curves["train/loss"]) == [(1, 2.0, True), (2, 1.5, True)]
    assert state.curves["train/loss"].times.tolist() == [3.0, 4.0]
    assert state.values == {"train/loss": 1.5}
    assert state.phase == ("training", "") and state.count == 4


def test_that_a_phase_is_shown_until_training_goes_on() -> None:
    state = folded(toys.started(), events.PhaseBegan(name="evaluating", detail="final evaluation"))
    assert state.phase == ("evaluating", "final evaluation")
    state.fold(toys.stepped(1))
    assert state.phase == ("training", "")


def test_that_a_metric_without_a_split_in_its_name_gets_one() -> None:
    state = folded(
        toys.started(),
        toys.measured(10, "val", accuracy=0.5, agreement__top1=0.6),
        toys.measured(10, "test", accuracy=0.4, agreement__top1=0.7),
        toys.measured(10, "", attention__overlap=0.3),
    )
    assert set(state.curves) == {
        "val/accuracy",
        "agreement/top1@val",
        "test/accuracy",
        "agreement/top1@test",
        "attention/overlap",
    }
    assert state.values == {"val/accuracy": 0.5, "test/accuracy": 0.4, "agreement/top1": 0.7, "attention/overlap": 0.3}


def test_that_test_is_preferred_whichever_was_measured_last() -> None:
    told = [toys.measured(10, "test", agreement__top1=0.7), toys.measured(20, "val", agreement__top1=0.6)]
    assert folded(toys.started(), *told).values["agreement/top1"] == 0.7
    assert folded(toys.started(), told[1]).values["agreement/top1"] == 0.6


def test_that_what_was_not_measured_is_absent() -> None:
    state = folded(toys.started(), toys.stepped(1), toys.measured(1, accuracy=0.1), toys.stepped(2))
    assert points(state.curves["val/accuracy"]) == [(1, 0.1, True)], "never carried forward"
    assert "test/accuracy" not in state.values


def test_that_best_is_the_earliest_of_equals() -> None:
    state = folded(
        toys.started(), *(toys.measured(step, accuracy=value) for step, value in ((1, 0.5), (2, 0.9), (3, 0.9), (4, 0.2)))
    )
    assert state.best("val/accuracy") == (0.9, 2)
    assert state.best("val/accuracy", highest=False) == (0.2, 4)


def test_that_the_best_checkpoint_is_chosen_by_val_whatever_test_says() -> None:
    told = [
        measured
        for step, val, test in ((10, 0.6, 0.5), (20, 0.5, 0.9))
        for measured in (toys.measured(step, accuracy=val), toys.measured(step, "test", accuracy=test))
    ]
    state = folded(toys.started(), *told)
    assert state.best(state.headline) == (0.6, 10)


def test_that_what_is_measured_again_at_its_step_counts_once() -> None:
    """By hand, or by the attempt after one that was killed during its last evaluation. Another split is another metric."""
    told = [toys.measured(10, accuracy=0.5), toys.measured(20, accuracy=0.6), toys.measured(20, "test", accuracy=0.7)]
    state = folded(toys.started(), *told, toys.started(2, 20), toys.measured(20, accuracy=0.8), toys.measured(20, accuracy=0.9))
    assert points(state.curves["val/accuracy"]) == [(10, 0.5, True), (20, 0.6, False), (20, 0.8, False), (20, 0.9, True)]
    assert points(state.curves["test/accuracy"]) == [(20, 0.7, True)]
    assert state.best("val/accuracy") == (0.9, 20)


def test_that_points_after_the_resumed_step_are_abandoned_and_best_and_values_ignore_them() -> None:
    state = folded(
        *(toys.started(), toys.prepared(), toys.stepped(10, 1.0), toys.measured(10, accuracy=0.5)),
        *(toys.stepped(20, 0.5), toys.measured(20, accuracy=0.9)),
        toys.started(2, step=10),
    )
    assert (state.step, state.epoch, state.attempt) == (10, 1.0, 2)
    assert points(state.curves["train/loss"]) == [(10, 1.0, True), (20, 0.5, False)]
    assert state.best("val/accuracy") == (0.5, 10)
    assert state.values == {"train/loss": 1.0, "val/accuracy": 0.5}
    for event in (toys.stepped(20, 0.7), toys.measured(20, accuracy=0.8)):
        state.fold(event)
    assert points(state.curves["train/loss"]) == [(10, 1.0, True), (20, 0.5, False), (20, 0.7, True)]
    assert state.curves["train/loss"].attempts.tolist() == [1, 1, 2]
    assert state.best("val/accuracy") == (0.8, 20)


def test_that_a_run_resumed_from_nothing_keeps_nothing() -> None:
    state = folded(*toys.history(1, 2, 3), toys.started(2, step=0))
    assert not state.curves["train/loss"].kept.any()
    assert state.values == {} and state.best("train/loss") is None and state.step == 0


def test_that_abandoned_checkpoints_are_no_longer_offered() -> None:
    saved = [events.CheckpointSaved(step=step, path=f"checkpoints/step-{step:08d}") for step in (10, 20, 30)]
    state = folded(toys.started(), *saved, toys.started(2, step=20))
    assert [point.step for point in state.checkpoints] == [10, 20]


def test_that_time_goes_on_over_attempts_from_the_resumed_step() -> None:
    state = folded(
        *(toys.started(), toys.stepped(10, elapsed_s=5.0), toys.stepped(20, elapsed_s=9.0)),
        *(toys.started(2, step=10, time=9000.0), toys.stepped(20, elapsed_s=4.0)),
        *(toys.started(3, step=20), toys.stepped(30, elapsed_s=1.0)),
    )
    assert state.curves["train/loss"].times.tolist() == [5.0, 9.0, 9.0, 10.0]


def test_that_artifacts_know_their_attempt() -> None:
    saved = events.ArtifactSaved(step=3, epoch=0.3, kind="attention", path="artifacts/a.npz", size=1, sha256="")
    state = folded(toys.started(), saved, toys.started(2), saved)
    assert [(one.kind, one.path, one.attempt, one.epoch) for one in state.artifacts] == [
        ("attention", "artifacts/a.npz", 1, 0.3),
        ("attention", "artifacts/a.npz", 2, 0.3),
    ]


@pytest.mark.parametrize("command", ["stop", "pause"])
def test_that_an_accepted_stop_or_pause_is_on_its_way_until_the_last_word(command: str) -> None:
    told = events.CommandAcknowledged(id="c", command=command, outcome="accepted", step=3)
    state = folded(*toys.history(1), told)
    assert state.leaving == command and state.acknowledged == {"c": "accepted"}
    state.fold(toys.finished("stopped"))
    assert state.leaving == ""


@pytest.mark.parametrize(("command", "outcome"), [("stop", "expired"), ("pause", "refused"), ("save_now", "accepted")])
def test_that_other_acknowledgements_do_not_end_anything(command: str, outcome: Any) -> None:
    state = folded(*toys.history(1), events.CommandAcknowledged(id="c", command=command, outcome=outcome))
    assert state.leaving == "" and state.acknowledged == {"c": outcome}


def test_that_what_was_on_its_way_dies_with_its_attempt() -> None:
    state = folded(*toys.history(1), events.CommandAcknowledged(id="c", command="stop", outcome="accepted"), toys.started(2))
    assert state.leaving == "" and state.finished is None


def test_that_a_change_marks_the_run_altered_for_good() -> None:
    state = folded(*toys.history(1), events.Changed(step=1, field="optimizer.lr", value=0.5), toys.started(2))
    assert state.altered and state.changes[0].value == 0.5


def test_that_only_the_newest_attempts_last_word_counts() -> None:
    state = folded(*toys.history(1, end="paused"))
    assert state.finished == toys.finished("paused") and not state.completed
    state.fold(toys.started(2, step=1))
    assert state.finished is None
    state.fold(toys.finished("completed"))
    assert state.completed
    assert [attempt.finished.reason for attempt in state.attempts if attempt.finished] == ["paused", "completed"]


def test_that_the_log_tells_the_story_with_clock_step_and_level() -> None:
    state = folded(
        toys.started(time=1000.0),
        toys.prepared(),
        events.TeacherPinned(run="toy-s0-F0", step=1600, sha256=""),
        events.WeightsImported(file="/w/x.pth", sha256="", share=0.5, whole=False, text="half of it"),
        *(toys.stepped(step, 0.5, elapsed_s=float(step)) for step in range(1, 11)),
        toys.measured(10, accuracy=0.9),
        events.CheckpointSaved(step=10, epoch=1.0, path="checkpoints/step-00000010", size=2048),
        events.Warned(step=10, text="slow"),
        events.Changed(step=10, field="optimizer.lr", value=0.5),
        events.LossNotFinite(first_step=11, last_step=12, pictures=[]),
        events.CommandAcknowledged(id="c", command="save_now", outcome="refused", detail="why", step=10),
        events.Finished(reason="failed", detail="the loss became not finite", elapsed_s=20.0),
    )
    assert [(line.level, line.text) for line in state.log] == [
        ("info", "attempt 1 started, process 4321 on here"),
        ("info", "cpu, float32, 2 threads; 40 steps"),
        ("info", "teacher is toy-s0-F0 at step 1,600"),
        ("warn", "half of it"),
        ("info", "epoch 1 done, train/loss 0.500"),
        ("info", "val/accuracy 90.0\N{THIN SPACE}%"),
        ("info", "checkpoint checkpoints/step-00000010 saved, 2.0 KiB"),
        ("warn", "slow"),
        ("warn", "optimizer.lr is 0.5 from step 10 on"),
        ("error", "the loss became not finite in steps 11 to 12"),
        ("info", "save now refused: why"),
        ("error", "failed: the loss became not finite"),
    ]
    assert state.log[-1].time == 1020.0 and state.log[0].time == 1000.0
    assert [line.step for line in state.log[:7]] == [0, 0, 0, 0, 10, 10, 10]
    assert state.not_finite is not None and state.teacher is not None and state.weights is not None


def diagnosed(step: int, verdict: str = "uniform") -> events.Diagnosed:
    return events.Diagnosed(step=step, since=step - 2, verdict=verdict, evidence="entropy 5.5 of 5.5", cause="too warm")


def test_that_a_diagnosis_is_present_until_it_has_recovered() -> None:
    state = folded(*toys.history(1, 2, 3), diagnosed(3), diagnosed(3, "exploding"))
    assert list(state.diagnoses) == ["uniform", "exploding"] and state.diagnoses["uniform"].cause == "too warm"
    assert (state.log[-2].level, state.log[-2].text) == ("warn", "uniform: entropy 5.5 of 5.5")
    state.fold(events.Recovered(step=4, verdict="uniform"))
    assert list(state.diagnoses) == ["exploding"] and state.log[-1].text == "uniform is over"


def test_that_what_a_resumed_run_has_not_reached_yet_is_not_its_diagnosis() -> None:
    told = (*toys.history(1, 2, 3, 4), diagnosed(2), diagnosed(4, "exploding"))
    assert list(folded(*told, toys.started(2, step=2)).diagnoses) == ["uniform"]


def test_that_going_back_abandons_what_came_after_within_the_attempt() -> None:
    saved = [events.CheckpointSaved(step=step, path=f"checkpoints/step-{step:08d}") for step in (10, 20)]
    changed = [events.Changed(step=step, field="optimizer.lr", value=0.5) for step in (5, 15)]
    other = events.Changed(step=15, field="probes.every_epochs", value=2)
    back = events.RolledBack(step=23, to_step=10, verdict="exploding", skip=[21, 22], changes={"optimizer.lr": 0.05})
    state = folded(*toys.history(10, 20), toys.measured(20, accuracy=0.5), *saved, *changed, other, diagnosed(20), back)
    assert (state.step, state.epoch, state.attempt, state.measured_at) == (10, 1.0, 1, 10)
    assert points(state.curves["train/loss"]) == [(10, 1.0, True), (20, 1.0, False)]
    assert [point.step for point in state.checkpoints] == [10] and not state.diagnoses
    assert state.rollbacks == [back] and state.skips == {21, 22}
    assert state.changes == [changed[0], other], "the remedy's field is what the remedy says, whatever was asked later on"
    assert state.log[-1].text == "rolled back from step 23 to 10, past 2 skipped steps: exploding"


def test_that_a_skipped_step_is_skipped_in_every_attempt() -> None:
    back = events.RolledBack(step=9, to_step=6, verdict="not finite", skip=[8])
    state = folded(*toys.history(6, 9), back, toys.started(2, step=0), toys.started(3, step=6))
    assert state.skips == {8} and len(state.rollbacks) == 1


def test_that_a_resumed_attempt_says_where_it_begins() -> None:
    state = folded(toys.started(), toys.started(2, step=12000))
    assert state.log[-1].text == "attempt 2 resumed at step 12,000, process 4321 on here"


# ---- what a reader may meet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [toys.stepped(3), toys.finished("stopped"), toys.measured(3, accuracy=0.5), toys.prepared()])
def test_that_a_run_whose_first_line_is_lost_is_read_all_the_same(event: AnyEvent) -> None:
    state = folded(event)
    assert state.attempt == 1 and state.count == 1
    assert derive(state, Vital()) in ("lost", "finished")


def test_that_an_epoch_of_no_steps_divides_by_nothing() -> None:
    assert folded(toys.started(), toys.prepared(steps_per_epoch=0), toys.stepped(3)).step == 3


words = st.text(max_size=8)
counts = st.integers(0, 10**6)
seconds = st.floats(0, 1e9)
values = st.dictionaries(
    st.sampled_from(["train/loss", "val/accuracy", "agreement/top1", "x"]), st.floats(-1e9, 1e9), max_size=3
)
anything = st.one_of(
    st.builds(events.Started, attempt=st.integers(0, 99), resumed_from_step=counts, time=seconds, elapsed_s=seconds),
    st.builds(events.PhaseBegan, name=words, detail=words),
    st.builds(events.Prepared, total_steps=counts, steps_per_epoch=counts, epochs=counts, log_every=counts, device=words),
    st.builds(events.TeacherPinned, run=words, step=counts, sha256=words),
    st.builds(events.WeightsImported, file=words, sha256=words, share=seconds, whole=st.booleans(), text=words),
    st.builds(events.StepTaken, step=counts, epoch=seconds, values=values, elapsed_s=seconds),
    st.builds(events.Measured, step=counts, epoch=seconds, split=st.sampled_from(["", "val", "test", "train"]), values=values),
    st.builds(events.CheckpointSaved, step=counts, path=words, size=counts),
    st.builds(events.ArtifactSaved, step=counts, kind=words, path=words, size=counts, sha256=words),
    st.builds(events.CommandAcknowledged, id=words, command=words, outcome=st.sampled_from(["accepted", "expired", "refused"])),
    st.builds(events.Changed, step=counts, field=words, value=seconds),
    st.builds(events.Warned, step=counts, text=words),
    st.builds(events.LossNotFinite, first_step=counts, last_step=counts, pictures=st.just([])),
    st.builds(events.Diagnosed, step=counts, verdict=words, evidence=words, cause=words, remedies=st.just([])),
    st.builds(events.Recovered, step=counts, verdict=words),
    st.builds(events.RolledBack, step=counts, to_step=counts, verdict=words, skip=st.lists(counts, max_size=3)),
    st.builds(events.Finished, reason=st.sampled_from(["completed", "stopped", "paused", "failed"]), detail=words),
)
sights = st.builds(Vital, held=st.booleans(), local=st.booleans(), silent_s=st.floats(0, 100), attempt=st.integers(0, 99))


@given(st.lists(anything, max_size=30), sights)
@settings(deadline=None, max_examples=150)
def test_that_no_history_in_any_order_breaks_a_reader(told: list[AnyEvent], vital: Vital) -> None:
    state = folded(*told)
    assert state.count == len(told)
    assert derive(state, vital) in WORDS
    told_points = sum(len(event.values) for event in told if isinstance(event, events.StepTaken | events.Measured))
    assert sum(map(len, state.curves.values())) == told_points
    assert set(state.values) <= {key.partition("@")[0] for key in state.curves}
    for name, curve in state.curves.items():
        assert (state.best(name) is None) == (not curve.kept.any())


def told_of(state: RunState) -> dict[str, Any]:
    """All that a state says, its curves as bytes."""
    return vars(state) | {"curves": {name: curve.packed() for name, curve in state.curves.items()}}


@st.composite
def histories(draw: st.DrawFn) -> list[AnyEvent]:
    """Stretches of ticks whose steps ascend, between whatever else may happen."""
    told, now = [], RunState()
    for _ in range(draw(st.integers(0, 6))):
        names = draw(st.lists(st.sampled_from(["train/loss", "agreement/top1", "x"]), unique=True))
        count, apart = draw(st.integers(0, 4 * state.MANY)), draw(st.integers(1, 3))
        ticks = [
            events.StepTaken(
                step=now.step + 1 + i * apart, epoch=i / 7, elapsed_s=i * 13 % 40, values=dict.fromkeys(names, i / 9)
            )
            for i in range(count)
        ]
        for event in (*ticks, *draw(st.lists(others, max_size=3))):
            now.fold(event)
            told.append(event)
    return told


others = st.builds(
    events.Prepared, total_steps=counts, steps_per_epoch=st.integers(0, 9), epochs=counts, log_every=counts, device=words
) | anything.filter(lambda event: not isinstance(event, events.StepTaken))


@given(histories())
@settings(deadline=None, max_examples=60)
def test_that_folding_many_at_once_says_what_folding_each_in_turn_says(told: list[AnyEvent]) -> None:
    at_once = RunState()
    at_once.fold_all(told)
    assert told_of(at_once) == told_of(folded(*told))


def test_that_the_mean_of_an_epoch_is_of_its_kept_steps_however_long_the_run_and_whatever_was_abandoned() -> None:
    curve = Curve()
    for step in (*range(1, 1001), *range(901, 1101)):
        if step == 901:
            curve.abandon_after(900)
        curve.add(step, 0.0, 0.0, float(step), 1)
    assert curve.mean_between(900, 1000) == np.mean(np.arange(901, 1001))
    assert curve.mean_between(0, 1100) == np.mean(np.arange(1, 1101))
    assert curve.mean_between(1099, 1100) == 1100.0


def test_that_a_curve_comes_out_of_its_bytes_and_grows_on() -> None:
    curve = folded(*toys.history(*range(1, 100))).curves["train/loss"]
    again = Curve.unpacked(*curve.packed())
    again.add(100, 10.0, 1.0, 0.5, 2)
    assert points(again)[:-1] == points(curve) and points(again)[-1] == (100, 0.5, True)
    rows, attempts, kept = curve.packed()
    with pytest.raises(ValueError):
        Curve.unpacked(rows, attempts[:-8], kept)


starts = st.builds(events.Started, attempt=st.integers(0, 99), resumed_from_step=st.integers(0, 9))
ticks = st.builds(events.StepTaken, step=st.integers(0, 9), epoch=seconds, values=values)


@given(st.lists(starts | ticks, max_size=30))
@settings(deadline=None, max_examples=60)
def test_that_exactly_the_points_no_later_resume_reaches_behind_are_kept(told: list[AnyEvent]) -> None:
    expected: dict[str, list[bool]] = {}
    for place, event in enumerate(told):
        if isinstance(event, events.StepTaken):
            resumes = [later.resumed_from_step for later in told[place:] if isinstance(later, events.Started)]
            for name in event.values:
                expected.setdefault(name, []).append(event.step <= min(resumes, default=event.step))
    assert {name: curve.kept.tolist() for name, curve in folded(*told).curves.items()} == expected


# ---- one word -----------------------------------------------------------------------------------------------------------

ALIVE = Vital(held=True, attempt=1)
DEAD = Vital()


@pytest.mark.parametrize(
    ("told", "vital", "word"),
    [
        ([], DEAD, "queued"),
        ([], Vital(held=True), "starting"),
        ([toys.started()], ALIVE, "starting"),
        ([toys.started(), toys.prepared()], ALIVE, "starting"),
        (toys.history(1), ALIVE, "running"),
        (toys.history(1), Vital(held=True, silent_s=29.9), "running"),
        (toys.history(1), Vital(held=True, silent_s=30.0), "unresponsive"),
        ([toys.started()], Vital(held=True, silent_s=31.0), "unresponsive"),
        (toys.history(1), DEAD, "lost"),
        ([toys.started()], DEAD, "lost"),
        (toys.history(1, end="completed"), DEAD, "finished"),
        (toys.history(1, end="stopped"), DEAD, "finished"),
        (toys.history(1, end="failed"), DEAD, "finished"),
        (toys.history(1, end="paused"), DEAD, "paused"),
        ([*toys.history(1, end="paused"), toys.started(2, step=1)], DEAD, "lost"),
        ([*toys.history(1, end="paused"), toys.started(2, step=1)], Vital(held=True, attempt=2), "starting"),
        ([*toys.history(1, end="paused"), toys.started(2, step=1), toys.stepped(2)], Vital(held=True, attempt=2), "running"),
        # the lock is about to be given back, or the next attempt is about to say its first word
        (toys.history(1, end="completed"), ALIVE, "finished"),
        (toys.history(1, end="paused"), ALIVE, "paused"),
        (toys.history(1, end="paused"), Vital(held=True, attempt=2), "starting"),
    ],
)
def test_that_a_state_is_derived_from_events_and_the_lock(told: list[AnyEvent], vital: Vital, word: str) -> None:
    assert derive(folded(*told), vital) == word


@pytest.mark.parametrize("command", ["stop", "pause"])
def test_that_a_run_is_stopping_from_the_acknowledgement_to_the_end(command: str) -> None:
    told = [*toys.history(1), events.CommandAcknowledged(id="c", command=command, outcome="accepted")]
    assert derive(folded(*told), ALIVE) == "stopping"
    assert derive(folded(*told), DEAD) == "lost"
    assert derive(folded(*told, toys.finished("stopped")), DEAD) == "finished"


def test_that_a_queued_run_can_be_blocked_and_no_other() -> None:
    assert derive(RunState(), DEAD, blocked=True) == "blocked"
    assert derive(folded(*toys.history(1)), DEAD, blocked=True) == "lost"
    assert derive(RunState(), Vital(held=True), blocked=True) == "starting"


@pytest.mark.parametrize(
    ("told", "silent_s", "word"),
    [
        (toys.history(1), 0.0, "running"),
        (toys.history(1), 29.0, "running"),
        (toys.history(1), 30.0, "lost"),
        (toys.history(1), math.inf, "lost"),
        ([], math.inf, "queued"),
        ([], 1.0, "starting"),
        ([toys.started()], 1.0, "starting"),
        (toys.history(1, end="completed"), 1.0, "finished"),
        (toys.history(1, end="paused"), math.inf, "paused"),
    ],
)
@pytest.mark.parametrize("held", [True, False])
def test_that_another_hosts_lock_says_nothing_and_its_heartbeat_everything(
    told: list[AnyEvent], silent_s: float, word: str, held: bool
) -> None:
    assert derive(folded(*told), Vital(held=held, local=False, silent_s=silent_s, attempt=1)) == word


def test_that_thirty_seconds_is_the_limit() -> None:
    assert state.SILENT_S == 30.0
