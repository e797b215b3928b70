"""Runs as the session would know them, from folded events alone: for tests of what is said of a run."""

import recorded

from engine import events
from engine.run import Run
from studio.session import Followed


def follow(run: Run, word: str = "finished") -> Followed:
    """A run as the session would know it, with the state that an observer would find."""
    one = Followed(run, run.tail(), word=word, recipe=run.recipe(), loaded=True)
    while one.tail.read_into(one.state):
        pass
    return one


def training(run: Run, last: int = 7, **values: float) -> Followed:
    """A run at work in its second epoch, with further values in each tick."""
    recorded.begin(run)
    recorded.prepare(run)
    recorded.steps(run, 1, last)
    if values:
        named = {name.replace("__", "/"): value for name, value in values.items()}
        recorded.write(run, events.StepTaken(elapsed_s=9.0, step=last + 1, epoch=(last + 1) / 5, values=named))
    return follow(run, "running")


def blown(run: Run) -> Followed:
    training(run, 7)
    for step in range(8, 12):
        values = {"train/loss": 2.0 ** (step * 3), "grad/norm": 10.0 ** (step - 8), "schedule/lr": 0.1}
        recorded.write(run, events.StepTaken(elapsed_s=5.0, step=step, epoch=step / 5, values=values))
    broken = events.LossNotFinite(first_step=12, last_step=12, pictures=[3, 4], path="artifacts/a01-nonfinite.npz")
    recorded.write(run, broken)
    recorded.end(run, "failed", "the loss or its gradient became not finite at step 12; the newest checkpoint is step 10")
    return follow(run)
