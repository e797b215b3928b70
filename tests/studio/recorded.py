"""Runs for the window's tests: folders as an engine would have left them, written by nobody who trains."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
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


# A run that learns without labels -------------------------------------------------------------------------------

PROTOTYPES = 256
SPECIES = ["anteater", "civet", "fennec", "okapi"]


def without_labels(folder: Path, *sets: str) -> list[Run]:
    """The folders of DINO's preset, one seed and few epochs, without any event."""
    asked = recipe.read("dino-creatures", (*SMALL, f"method.prototypes={PROTOTYPES}", *sets))
    return Workspace(folder).create(asked)


def dino_data(run: Run, classes: Sequence[str] = tuple(SPECIES)) -> None:
    """data.json; without classes nobody has labelled the pictures."""
    said = {"name": "creatures", "classes": list(classes), "counts": {"train": 320, "val": 40, "test": 80}}
    said |= {"split": {"test": "a" * 64}, "channels": 3, "size": [48, 48]}
    (run.folder / "data.json").write_bytes(msgspec.json.encode(said))


def dino_steps(run: Run, first: int, last: int, labels: bool = True, save: bool = True, **values: float) -> None:
    """Steps first..last of a healthy run; `values` with __ for / replace those of each tick."""
    others = {name.replace("__", "/"): value for name, value in values.items()}
    for step in range(first, last + 1):
        at = {"elapsed_s": 1.0 + SECONDS * (step - first + 1), "step": step, "epoch": step / PER_EPOCH}
        entropy, divergence = 5.5 * math.exp(-step / 60), 0.4 * math.exp(-step / 60)
        tick = {"train/loss": entropy + divergence, "train/dino": entropy + divergence, "train/agreement": 0.8}
        tick |= {"teacher/entropy": entropy, "teacher/kl": divergence, "teacher/marginal_entropy": 5.4}
        tick |= {"feature/std": 0.7 + step / 1e4}
        tick |= {"center/norm": 1.5, "teacher/lag_epochs": 1.2, "grad/norm": 2.0, "schedule/lr": 5e-4}
        tick |= {"schedule/momentum": 0.98 + step / 1e4, "throughput/data_wait": 0.03, "memory/gib": 0.6}
        write(run, events.StepTaken(values=tick | others, **at))
        if step % PER_EPOCH == 0:
            knn = {"knn/student": 0.5 + step / 200, "knn/teacher": 0.52 + step / 200} if labels else {}
            val = {"feature/rank": 10.0 + step, "feature/std": 0.7, "teacher/prototypes_used": 30.0, **knn}
            write(run, events.Measured(split="val", values=val, **at))
            maps = {"attention/jaccard": 0.4, "attention/jaccard_head": 0.35, "attention/jaccard_mean": 0.3}
            write(run, events.Measured(split="test", values={"attention/overlap": 0.8, **(maps if labels else {})}, **at))
        if step % PER_EPOCH == 0 and save:
            write(run, events.CheckpointSaved(path=f"checkpoints/step-{step:08d}", size=2**20, **at))


def dino(run: Run, last: int = EPOCHS * PER_EPOCH, labels: bool = True, **values: float) -> None:
    """A run at work, or with its last step before its last word."""
    dino_data(run, SPECIES if labels else ())
    begin(run)
    prepare(run)
    dino_steps(run, 1, last, labels, **values)


def dino_complete(run: Run, labels: bool = True) -> None:
    dino(run, labels=labels)
    step = EPOCHS * PER_EPOCH
    worth = {"knn/student": 0.6, "knn/teacher": 0.62, "linear/student": 0.7, "linear/teacher": 0.71} if labels else {}
    write(run, events.Measured(elapsed_s=30.0, step=step, epoch=EPOCHS, split="test", values={"feature/rank": 29.0, **worth}))
    end(run, detail=f"{EPOCHS} epochs")


def taught_without_labels(folder: Path) -> tuple[Run, Run]:
    """A network that taught itself, and a student of it, whose average is kept and measured beside it; both complete."""
    (large,) = without_labels(folder, "seeds=[0]", "lineage=large")
    dino_complete(large)
    asked = (*SMALL, "lineage=small", "seeds=[0]", "method.teacher_run=large-s0-F0", f"method.prototypes={PROTOTYPES}")
    (small,) = Workspace(folder).create(recipe.read("dinov2-creatures", asked))
    dino_data(small)
    begin(small)
    prepare(small)
    for step in range(1, EPOCHS * PER_EPOCH + 1):
        at = {"elapsed_s": float(step), "step": step, "epoch": step / PER_EPOCH}
        loss = {"train/dino": 5.5 * math.exp(-step / 60), "train/ibot": 5.0 * math.exp(-step / 80)}
        write(small, events.StepTaken(values={"train/loss": sum(loss.values()), **loss, "schedule/lr": 5e-4}, **at))
        if step % PER_EPOCH == 0:
            knn = {"knn/student": 0.4 + step / 200, "knn/average": 0.43 + step / 200}
            write(small, events.Measured(split="val", values={"feature/rank": 10.0 + step, **knn}, **at))
    worth = {"knn/student": 0.52, "knn/average": 0.54, "linear/average": 0.66}
    write(small, events.Measured(elapsed_s=30.0, step=EPOCHS * PER_EPOCH, epoch=EPOCHS, split="test", values=worth))
    end(small, detail=f"{EPOCHS} epochs")
    return large, small


def collapse(step: int = 15) -> events.Diagnosed:
    """What the engine would say of a teacher that names one prototype for everything."""
    cooler = events.Remedy("Sharpen the teacher less.", {"method.teacher_temp": 0.04})
    slower = events.Remedy("Start again with a slower teacher, for what is lost does not come back.")
    return events.Diagnosed(
        elapsed_s=9.0, step=step, verdict="one_dimension", since=step - 5, evidence="The mean over all pictures has an "
        "entropy of 0.31 of 5.545 nats.", cause="The centre does not keep up with the outputs.", remedies=[cooler, slower],
    )  # fmt: skip


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
