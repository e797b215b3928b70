"""Which pictures train, which validate, which test, and which training labels are made wrong. Pure functions of their seeds.

The split seed is one for all seeds of a lineage. Splits are stratified: every class has its share in each part and in
every training size. The order of choosing is test, validation, training, so a smaller training set is part of a
larger one and leaves the other two alone.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.order import words

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Places in the data set, each part sorted."""

    train: Index
    val: Index
    test: Index


def split(labels: NDArray[np.int64], test_share: float, val_share: float, train_size: int, seed: int) -> Split:
    """Shares are of all pictures given; `train_size` 0 takes all that they leave.

    Raises ValueError, opening with the field, for shares and sizes these pictures cannot give.
    """
    for field, share in (("data.test_share", test_share), ("data.val_share", val_share)):
        if not 0 <= share < 1:
            raise ValueError(f"{field}: {share:g} is outside [0, 1)")
        if share > 0 and round(share * len(labels)) == 0:
            raise ValueError(f"{field}: {share:g} of {len(labels):,d} pictures is none")
    tests, vals = round(test_share * len(labels)), round(val_share * len(labels))
    left = len(labels) - tests - vals
    if left <= 0:
        raise ValueError(f"data.val_share: {val_share:g}, with data.test_share = {test_share:g}, leaves nothing to train on")
    if not 0 <= train_size <= left:
        beside = f"test ({tests:,d}) and validation ({vals:,d}) leave {left:,d} of {len(labels):,d} pictures"
        raise ValueError(f"data.train_size: {train_size:,d} cannot be had; {beside}")
    order = stratified_order(labels, seed)
    test, val, train = np.split(order, [tests, tests + vals])
    train = train[: train_size or left]
    missing = np.setdiff1d(labels, labels[train])
    if missing.size:
        raise ValueError(f"data.train_size: {len(train):,d} pictures leave {missing.size} of the classes without any")
    return Split(np.sort(train), np.sort(val), np.sort(test))


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
        raise ValueError(f"data.label_noise: {share:g} is outside [0, 1]")
    wrong = round(share * len(labels))
    if wrong and classes < 2:
        raise ValueError("data.label_noise: with a single class there is no wrong label")
    if not wrong:
        return labels.copy()
    places, turns = words("label noise", seed, count=2 * len(labels)).reshape(2, -1)
    chosen = np.argsort(places, kind="stable")[:wrong]
    turn = (turns[chosen] % np.uint64(classes - 1)).astype(np.int64) + 1
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + turn) % classes
    return noisy
