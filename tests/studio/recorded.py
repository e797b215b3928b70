"""Runs for the window's tests: folders as an engine would have left them, written by nobody who trains."""

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine import events, processes, recipe
from engine.run import Run, Status, Workspace

EPOCHS = 4
PER_EPOCH = 5  # steps
SECONDS = 0.5  # a step
SMALL = (f"training.epochs={EPOCHS}", "seeds=[0]")


def lineage(folder: Path, *sets: str) -> list[Run]:
    """The folders of the sample's recipe, one seed and few epochs, without any event."""
    return Workspace(folder).create(recipe.read("born-again-digits", (*SMALL, *sets)))


def write(run: Run, *happened: events.Event) -> None:
    with run.events_path.open("ab") as file:
        file.writelines(events.to_line(event) for event in happened)


def begin(run: Run, attempt: int = 1, resumed_from: int = 0, began: float | None = None) -> None:
    """An attempt's first event."""
    at = time.time() if began is None else began
    host = processes.host()
    write(run, events.Started(attempt=attempt, resumed_from_step=resumed_from, time=at, pid=1, host=host))


def prepare(run: Run, epochs: int = EPOCHS) -> None:
    """Everything is decided."""
    total = epochs * PER_EPOCH
    known = {"total_steps": total, "steps_per_epoch": PER_EPOCH, "epochs": epochs, "log_every": 1, "pictures": 800}
    write(run, events.Prepared(elapsed_s=1.0, device="cpu", device_memory_gib=24.0, threads=1, **known))


def steps(run: Run, first: int, last: int, seconds: float = SECONDS, save: bool = True) -> None:
    """Steps first..last, with a measurement and a checkpoint after each epoch."""
    for step in range(first, last + 1):
        at = {"elapsed_s": 1.0 + seconds * (step - first + 1), "step": step, "epoch": step / PER_EPOCH}
        values = {"train/loss": 2.3 * math.exp(-step / 12), "schedule/lr": 0.1, "memory/gib": 0.61}
        write(run, events.StepTaken(values=values, **at))
        if step % PER_EPOCH == 0:
            val = {"val/accuracy": 0.95 - 0.6 * math.exp(-step / 8), "val/nll": 0.5}
            write(run, events.Measured(split="val", values=val, **at))
        if step % PER_EPOCH == 0 and save:
            write(run, events.CheckpointSaved(path=f"checkpoints/step-{step:08d}", size=2**20, **at))


def end(run: Run, reason: str = "completed", detail: str = "") -> None:
    write(run, events.Finished(elapsed_s=60.0, reason=reason, detail=detail))


def complete(run: Run, test: float = 0.83, began: float | None = None) -> None:
    """A whole run in one attempt."""
    begin(run, began=began)
    prepare(run)
    steps(run, 1, EPOCHS * PER_EPOCH)
    values = {"test/accuracy": test}
    write(run, events.Measured(elapsed_s=30.0, step=EPOCHS * PER_EPOCH, epoch=EPOCHS, split="test", values=values))
    end(run, detail=f"{EPOCHS} epochs")


@contextlib.contextmanager
def alive(run: Run, attempt: int = 1, beat: int = 1) -> Iterator[None]:
    """This very process holds the run's lock, as its engine would."""
    me = processes.me()
    status = Status(me.pid, me.started, me.boot, me.host, beat, attempt, 0)
    with processes.hold(run.lock_path):
        (run.folder / "status.json").write_bytes(msgspec.json.encode(status))
        yield


def elsewhere(run: Run, host: str = "otherbox") -> None:
    """The run was last at work on another machine."""
    (run.folder / "status.json").write_bytes(msgspec.json.encode(Status(1, 0.0, "boot", host, 7, 1, 0)))
