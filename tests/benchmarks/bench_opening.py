"""Opening a run of a million points: its events folded, its kept columns, and TensorBoard's reader of the same scalars.

    python -m tests.benchmarks opening [ROUNDS]

Twelve metrics at 83,334 ticks, and one metric at a million. The files are in the page cache each time: what is compared is
reading, not the disk. Rounds are interleaved, medians are printed, and the ratio to TensorBoard's reader, whose file has each
scalar in an event of its own, as torch's SummaryWriter writes it. Without TensorBoard (`pip install '.[export]'`) its row is
missing.
"""

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine import events
from engine.run import Run
from engine.state import RunState
from studio import columns

ROUNDS = 3
SHAPES = ((12, 83_334), (1, 1_000_000))  # metrics, ticks
PER_EPOCH = 1000  # steps
LOG_EVERY = 10


def generate(run: Run, metrics: int, ticks: int) -> None:
    run.folder.mkdir()
    names = ["train/loss", *(f"metric/{number:02d}" for number in range(1, metrics))]
    values = np.random.default_rng(0).random((ticks, metrics)).tolist()
    with run.events_path.open("wb") as file:
        file.write(events.to_line(events.Started(attempt=1, resumed_from_step=0, time=1.7e9, pid=1, host="here")))
        known = {"total_steps": ticks * LOG_EVERY, "steps_per_epoch": PER_EPOCH, "epochs": ticks // 100, "log_every": LOG_EVERY}
        file.write(events.to_line(events.Prepared(device="cpu", **known)))
        for tick, row in enumerate(values, 1):
            at = {"elapsed_s": tick / 10, "step": tick * LOG_EVERY, "epoch": tick * LOG_EVERY / PER_EPOCH}
            file.write(events.to_line(events.StepTaken(values=dict(zip(names, row)), **at)))


def folded(run: Run) -> RunState:
    return run.state()


def kept(run: Run) -> RunState:
    found = columns.begin(run)
    assert found is not None
    return found[1]


def keep(run: Run) -> None:
    tail, state = run.tail(), RunState()
    while tail.read_into(state):
        pass
    columns.keep(run, tail, state)


def tensorboard(run: Run) -> Callable[[], object] | None:
    """Writes the scalars for TensorBoard and returns what reads all of them; None without it."""
    try:
        records: Any = importlib.import_module("tensorboard.summary.writer.record_writer")
        event: Any = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
        summary: Any = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
        reader: Any = importlib.import_module("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    except ImportError:
        return None
    path = run.folder / "events.out.tfevents.1.here"
    curves = run.state().curves
    with path.open("wb") as file:
        writer = records.RecordWriter(file)
        writer.write(event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
        for name, curve in curves.items():
            for step, value in zip(curve.steps.tolist(), curve.values.tolist()):
                told = summary(value=[summary.Value(tag=name, simple_value=value)])
                writer.write(event(wall_time=1.0, step=step, summary=told).SerializeToString())
        writer.flush()

    def read() -> object:
        opened = reader(str(path), size_guidance={"scalars": 0})
        opened.Reload()
        assert sum(len(opened.Scalars(name)) for name in curves) == sum(map(len, curves.values()))
        return opened

    return read


def seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    found = what()
    spent = time.perf_counter() - began
    del found
    return spent


def compare(run: Run, rounds: int) -> None:
    rows: dict[str, Callable[[], object]] = {"events folded": lambda: folded(run), "kept columns": lambda: kept(run)}
    rival = tensorboard(run)
    if rival is not None:
        rows["TensorBoard's reader"] = rival
    spent: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, what in rows.items():
            spent[name].append(seconds(what))
    unit = median(spent["TensorBoard's reader"]) if rival is not None else None
    for name, found in spent.items():
        ratio = f"{unit / median(found):8.0f} x" if unit else ""
        print(f"  {name:<24}{median(found):8.3f} s{ratio}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for metrics, ticks in SHAPES:
            run = Run(Path(folder) / f"run-{metrics}")
            generate(run, metrics, ticks)
            keep(run)
            print(f"{metrics} x {ticks:,} points, {run.events_path.stat().st_size / 2**20:.0f} MiB of events")
            compare(run, rounds)


if __name__ == "__main__":
    main()
