"""Which pictures train, which validate, which test, and which training labels are made wrong. Pure functions of their seeds.

The split seed is one for all seeds of a lineage. Splits are stratified: every class has its share in each part and in every
training size; pictures without classes are shuffled. The order of choosing is test, validation, training, so a smaller
training set is part of a larger one and leaves the other two alone. What a person has put into a test or val folder is that
part, whole; the rest is chosen from the other pictures, so validation never comes from a test folder.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.order import words
from engine.data.pictures import Pictures
from engine.fields import RecipeError
from engine.recipe import Data
from engine.words import plural

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Places in the data set, each part sorted."""

    train: Index
    val: Index
    test: Index


def split_as_asked(pictures: Pictures, asked: Data) -> Split:
    """The parts of a run's data. Raises RecipeError for what these pictures cannot give."""
    _require_one_each(pictures.labels, pictures.class_names, pictures.given)
    return split(pictures.labels, asked.test_share, asked.val_share, asked.train_size, asked.split_seed, pictures.given)


def split(
    labels: NDArray[np.int64],
    test_share: float,
    val_share: float,
    train_size: int,
    seed: int,
    given: Mapping[str, Index] | None = None,
) -> Split:
    """Shares are of all pictures that are not given as test or val; `train_size` 0 takes all that they leave.

    Raises RecipeError for shares and sizes these pictures cannot give.
    """
    kept = {part: places for part, places in (given or {}).items() if part != "train"}
    pool = np.setdiff1d(np.arange(len(labels)), np.concatenate([*kept.values(), np.array([], np.int64)]))
    shares = (0.0 if "test" in kept else test_share, 0.0 if "val" in kept else val_share)
    chosen = _split(labels[pool], *shares, train_size, seed)
    return Split(pool[chosen.train], kept.get("val", pool[chosen.val]), kept.get("test", pool[chosen.test]))


def _split(labels: NDArray[np.int64], test_share: float, val_share: float, train_size: int, seed: int) -> Split:
    for field, share in (("data.test_share", test_share), ("data.val_share", val_share)):
        if not 0 <= share < 1:
            raise RecipeError(field, f"{share:g} is outside [0, 1)")
        if share > 0 and round(share * len(labels)) == 0:
            problem = f"{share:g} of {plural(len(labels), 'picture')} is none"
            raise RecipeError(field, f"{problem}; write {math.ceil(1000 / len(labels)) / 1000:g} or more")
    tests, vals = round(test_share * len(labels)), round(val_share * len(labels))
    left = len(labels) - tests - vals
    if left <= 0:
        beside = f", with data.test_share = {test_share:g}," if tests else ""
        raise RecipeError("data.val_share", f"{val_share:g}{beside} leaves nothing to train on; write less")
    if not 0 <= train_size <= left:
        beside = f"test ({tests:,d}) and validation ({vals:,d}) leave {left:,d} of {len(labels):,d} pictures"
        raise RecipeError("data.train_size", f"{train_size:,d} cannot be had; {beside}; write {left} or less, or 0 for all")
    order = stratified_order(labels, seed)
    test, val, train = np.split(order, [tests, tests + vals])
    train = train[: train_size or left]
    missing = np.setdiff1d(labels, labels[train])
    if missing.size:
        problem = f"{len(train):,d} pictures leave {missing.size} of the classes without any"
        raise RecipeError("data.train_size", f"{problem}; write more, or 0 for all")
    return Split(np.sort(train), np.sort(val), np.sort(test))


def _require_one_each(labels: NDArray[np.int64], class_names: Sequence[str], given: Mapping[str, Index]) -> None:
    """A class with fewer pictures than parts to be split off would be missing from one of them."""
    for part in (part for part, places in given.items() if not len(places)):
        raise RecipeError("data.path", f"the folder {part} holds no picture; put some there, or move it away")
    parts = ["training", *(name for key, name in (("val", "validation"), ("test", "test")) if key not in given)]
    counts = np.bincount(labels[given["train"]] if "train" in given else labels, minlength=max(1, len(class_names)))
    short = int(counts.argmin())
    if counts[short] < len(parts):
        who, remedy = "the folder", "add pictures"
        if class_names:
            who, remedy = f"the class '{class_names[short]}'", "add pictures, or move its folder away"
        has = f"{who} has {plural(int(counts[short]), 'picture')}"
        need = f"{' and '.join(parts)} need one each" if len(parts) > 1 else "training needs one"
        raise RecipeError("data.path", f"{has}, but {need}; {remedy}")


def stratified_order(labels: NDArray[np.int64], seed: int) -> Index:
    """A permutation of which every prefix, and so every stretch, has each class in proportion, to within a picture or two.

    Within a class the pictures are shuffled; the one of rank r among n is placed at (r + u) / n, u uniform in [0, 1).
    """
    shuffled, jitter = words("split", seed, count=2 * len(labels)).reshape(2, -1)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank = np.argsort(np.argsort(shuffled[members], kind="stable"), kind="stable")
        place[members] = (rank + jitter[members] * 2.0**-64) / len(members)
    return np.argsort(place, kind="stable")


def split_hash(index: Index, files_sha256: str) -> str:
    """SHA-256 of which pictures of which files: two parts are the same exactly if their hashes are."""
    places = np.sort(index).astype("<i8").tobytes()
    return hashlib.sha256(files_sha256.encode() + b"\n" + places).hexdigest()


def noisy_labels(labels: NDArray[np.int64], share: float, classes: int, seed: int) -> NDArray[np.int64]:
    """A copy in which exactly round(share * n) labels are another class than before, each other class equally likely.

    For training labels only. A larger share makes the same ones wrong in the same way, and more.
    """
    if not 0 <= share <= 1:
        raise RecipeError("data.label_noise", f"{share:g} is outside [0, 1]")
    wrong = round(share * len(labels))
    if wrong and classes < 2:
        raise RecipeError("data.label_noise", "with a single class there is no wrong label")
    if not wrong:
        return labels.copy()
    places, turns = words("label noise", seed, count=2 * len(labels)).reshape(2, -1)
    chosen = np.argsort(places, kind="stable")[:wrong]
    turn = (turns[chosen] % np.uint64(classes - 1)).astype(np.int64) + 1
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + turn) % classes
    return noisy
