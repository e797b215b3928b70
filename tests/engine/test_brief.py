"""A run in a few points says what the whole run says."""

import math

import msgspec
import pytest

from engine import brief, events
from engine.brief import Brief
from engine.state import RunState

EPOCHS, PER_EPOCH = 8, 10


def lived(*more: events.AnyEvent, resumed: bool = False) -> RunState:
    """A run of two attempts, of which the second goes back two epochs if `resumed`."""
    state = RunState()
    state.fold(events.Started(attempt=1, resumed_from_step=0, time=1e9))
    known = {"total_steps": EPOCHS * PER_EPOCH, "steps_per_epoch": PER_EPOCH, "epochs": EPOCHS, "log_every": 1, "device": "cpu"}
    state.fold(events.Prepared(**known))
    train(state, 1, 60)
    if resumed:
        state.fold(events.Started(attempt=2, resumed_from_step=40, time=1e9 + 100))
        train(state, 41, 65, seconds=0.5)
    for event in more:
        state.fold(event)
    return state


def train(state: RunState, first: int, last: int, seconds: float = 0.1) -> None:
    for step in range(first, last + 1):
        at = {"elapsed_s": (step - first + 1) * seconds, "step": step, "epoch": step / PER_EPOCH}
        state.fold(events.StepTaken(values={"train/loss": 2 / step + 0.3 * math.sin(step)}, **at))
        if step % PER_EPOCH == 0:
            state.fold(events.Measured(split="val", values={"val/accuracy": 0.9 - abs(step - 30) / 100}, **at))
            state.fold(events.CheckpointSaved(path=f"checkpoints/step-{step:08d}", **at))


def through_disk(state: RunState) -> RunState:
    return brief.whole(msgspec.json.decode(msgspec.json.encode(brief.of(state)), type=Brief))


@pytest.mark.parametrize("resumed", [False, True])
def test_that_a_brief_answers_as_the_whole_run_does(resumed: bool) -> None:
    state = lived(events.Finished(reason="failed", detail="the disk is full"), resumed=resumed)
    short = through_disk(state)
    assert len(short.curves["train/loss"]) <= 5 < len(state.curves["train/loss"])
    for name in state.curves:
        for highest in (True, False):
            assert short.best(name, highest) == state.best(name, highest)
        assert short.curves[name].last == state.curves[name].last
    assert short.values == state.values and short.headline == state.headline
    assert short.checkpoints == state.checkpoints[-1:]
    for name in (*brief.PLAIN, "attempt", "finished", "completed", "altered", "attempts"):
        assert getattr(short, name) == getattr(state, name), name


def test_that_what_a_resume_abandoned_is_in_no_brief() -> None:
    state = lived(resumed=True)
    state.curves["val/accuracy"].abandon_after(20)
    assert through_disk(state).best("val/accuracy") == (pytest.approx(0.8), 20)


def test_that_a_loss_that_is_not_finite_survives_the_disk() -> None:
    state = lived(events.StepTaken(step=66, epoch=6.6, values={"train/loss": math.nan}))
    assert math.isnan(through_disk(state).curves["train/loss"].last)
