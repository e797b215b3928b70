"""What a student's step costs against a supervised one: its teacher asked at each step, asked and kept, and read.

    python -m tests.benchmarks.teacher_cache

One thread, random pictures, student and teacher alike. The step is train.py's: batch, loss, gradient, optimizer. All take
turns and processor time is counted, so that whatever else the machine does counts little, and alike; supervised is the unit.
Run it by hand; nothing here is a test of time.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from engine import recipe
from engine.cost import Twin
from engine.data.answers import Answers
from engine.data.pictures import Pictures, channel_statistics
from engine.data.prepared import Prepared
from engine.data.split import Split
from engine.recipe import RunRecipe
from engine.scaled import kept_views

BLOCKS = {  # side, channels, classes, batch, the model
    "small_cnn, digits' size": (8, 1, 10, 64, {"name": "small_cnn"}),
    "resnet-20, CIFAR's size": (32, 3, 100, 64, {"name": "resnet", "depth": 20}),
}
STEPS, VIEWS, LEAST_S = 8, 2, 30


def data(side: int, channels: int, classes: int, batch: int) -> Prepared:
    random = np.random.default_rng(0)
    pictures_u8 = random.integers(0, 256, (STEPS * batch, channels, side, side), dtype=np.uint8)
    labels = random.integers(0, classes, len(pictures_u8))
    names = tuple(map(str, range(classes)))
    pictures = Pictures("random", pictures_u8, labels, names, "0" * 64, "")
    every = np.arange(len(labels))
    return Prepared(pictures, Split(every, every[:8], every[:8]), labels, *channel_statistics(pictures_u8), every[:1])


def asked(model: dict[str, object], batch: int, method: str, views: int = 0) -> RunRecipe:
    taught = {"teacher": "somebody", "method": {"name": method, "cache_views": views}} if method != "supervised" else {}
    table = {
        "lineage": "bench",
        "model": model,
        "augment": {"shift": 2, "flip": True},
        "training": {"epochs": VIEWS, "batch": batch},
    }
    run: RunRecipe = recipe.parse(RunRecipe, {**table, **taught})
    return run


def twins(seen: Prepared, model: dict[str, object], batch: int, folder: Path) -> dict[str, Callable[[], None]]:
    """A step of each kind; the last one's rows are all there."""
    alone, live = (Twin(asked(model, batch, method), "cpu", seen) for method in ("supervised", "kd"))
    first, second = (Twin(asked(model, batch, "kd", VIEWS), "cpu", seen) for _ in range(2))
    for name, twin in (("first", first), ("second", second)):
        twin.method.answers = Answers(folder, {"bench": name}, twin.batches, kept_views(twin.asked), seen.classes)
    for _ in range(STEPS * VIEWS):
        second.take_step("float32")

    def forgetting() -> None:
        assert first.method.answers is not None
        first.method.answers._table._words_RW[:] = 0
        first.step %= STEPS * VIEWS
        first.take_step("float32")

    return {
        "supervised": lambda: alone.take_step("float32"),
        "teacher asked at each step": lambda: live.take_step("float32"),
        "first use: asked and kept": forgetting,
        "second use: read": lambda: second.take_step("float32"),
    }


def seconds(rows: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The median of each row, all in turn until the time is up, after one round that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in rows}
    began = time.perf_counter()
    while time.perf_counter() - began < LEAST_S or len(taken["supervised"]) < 6:
        for name, step in rows.items():
            start = time.process_time()
            step()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(spent[1:])) for name, spent in taken.items()}


def main() -> None:
    torch.set_num_threads(1)
    for title, (side, channels, classes, batch, model) in BLOCKS.items():
        with tempfile.TemporaryDirectory() as scratch:
            spent = seconds(twins(data(side, channels, classes, batch), model, batch, Path(scratch)))
        print(f"{title}, {batch} pictures a step")
        for name, each in spent.items():
            print(f"    {name:<30}{each / spent['supervised']:6.2f} x   ({1e3 * each:.2f} ms here)")


if __name__ == "__main__":
    main()
