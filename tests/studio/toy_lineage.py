"""A small lineage as its engines would have left it: recipes, events, data.json, predictions, pictures. Nobody trained it."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import recorded
from numpy.typing import NDArray

from engine import events, lineages, recipe
from engine.compare import Lineage
from engine.run import Run, Workspace

PICTURES, CLASSES, SIDE = 60, 4, 8  # of the test set; the data set holds twice as many
NAMES = ["circle", "cross", "star", "wave"]
SHARP = (1.4, 2.2, 2.6, 2.7)  # how far the right class stands out, by generation
CACHE = "toy-0123.npz"


def lineage(folder: Path, *sets: str, generations: int = 2, seeds: tuple[int, ...] = (0, 1, 2)) -> list[Run]:
    """The folders of a lineage, seed by seed, without any event; and the pictures of its data set."""
    asked = recipe.read("born-again-digits", (f"generations={generations}", f"seeds={list(seeds)}", *sets))
    runs = Workspace(folder).create(asked)
    (folder / "data").mkdir(exist_ok=True)
    random = np.random.default_rng(5)
    pictures = random.integers(0, 256, (2 * PICTURES, 1, SIDE, SIDE)).astype(np.uint8)
    np.savez(folder / "data" / CACHE, pictures=pictures, labels=np.arange(2 * PICTURES) % CLASSES)
    return runs


def finished(folder: Path, *sets: str, generations: int = 2, seeds: tuple[int, ...] = (0, 1, 2)) -> list[Run]:
    """A lineage all of whose runs are complete."""
    runs = lineage(folder, *sets, generations=generations, seeds=seeds)
    for run in runs:
        complete(run)
    return runs


def complete(run: Run, test_hash: str = "a" * 64) -> None:
    """A whole run with its predictions."""
    prepare_data(run, test_hash)
    asked = run.recipe()
    recorded.begin(run)
    recorded.prepare(run)
    measure(run, range(1, recorded.EPOCHS + 1), asked.generation, asked.seed)
    for split, first in (("test", 0), ("train", PICTURES)):
        save(run, split, probabilities(asked.generation, asked.seed, split), first)
    recorded.end(run, detail="4 epochs")


def measure(run: Run, epochs: Iterable[int], generation: int, seed: int) -> None:
    """Validation at the end of some epochs."""
    for epoch in epochs:
        values = {"val/accuracy": 0.5 + 0.1 * generation + 0.02 * epoch + 0.01 * seed, "val/nll": 1.0 / epoch}
        if generation:
            values["agreement/top1"] = 0.8 + 0.01 * epoch
        at = {"step": epoch * recorded.PER_EPOCH, "epoch": float(epoch), "elapsed_s": 2.0 * epoch}
        recorded.write(run, events.StepTaken(values={"train/loss": 1.0 / epoch}, **at))
        recorded.write(run, events.Measured(split="val", values=values, **at))


def prepare_data(run: Run, test_hash: str = "a" * 64) -> None:
    """data.json; splits but test have the same hash everywhere."""
    split = {"train": "b" * 64, "val": "c" * 64, "test": test_hash}
    said = {"name": "toy", "classes": NAMES, "split": split, "cache": CACHE, "channels": 1, "size": [SIDE, SIDE]}
    (run.folder / "data.json").write_bytes(msgspec.json.encode(said))


def labels() -> NDArray[np.int64]:
    return np.arange(PICTURES) % CLASSES


def probabilities(generation: int, seed: int, split: str = "test") -> NDArray[np.float32]:
    """What a network of this generation and seed says: the later the surer, some pictures hard for all."""
    hard = np.random.default_rng(3).normal(size=(PICTURES, CLASSES))
    own = np.random.default_rng([generation, seed, len(split)]).normal(size=(PICTURES, CLASSES))
    logits = 1.2 * hard + 0.6 * own
    logits[np.arange(PICTURES), labels()] += SHARP[generation]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def save(run: Run, split: str, said: NDArray[np.float32], first: int) -> Path:
    """Predictions as an artifact, with the event that names it; `first` is the split's first place in the data set."""
    (run.folder / "artifacts").mkdir(exist_ok=True)
    content = io.BytesIO()
    index = np.arange(first, first + PICTURES)
    np.savez(content, probabilities=said, labels=labels(), true_labels=labels(), index=index)
    path = f"artifacts/a01-step00000020-predictions-{split}.npz"
    (run.folder / path).write_bytes(content.getvalue())
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    told = {"kind": f"predictions-{split}", "path": path, "size": len(content.getvalue()), "sha256": digest}
    recorded.write(run, events.ArtifactSaved(step=20, epoch=4.0, **told))
    return run.folder / path


def read(folder: Path) -> Lineage:
    """As compare sees it."""
    return lineages.read(Workspace(folder).runs())
