"""A data set as one run sees it: split, wrong labels, statistics, batches. Small sets are held as uint8, varied as tensors.

Everything here is a pure function of the recipe and the pictures, so that a resumed run, another generation and another
machine see the same pictures in the same order. C channels, N pictures, B of them in a batch.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import corrections
from engine.corrections import Corrections
from engine.data import DATASETS, Pictures, channel_statistics, crops, unlabelled
from engine.data.augment import NUMBERS, augment, normalise, standardise
from engine.data.batch import Batch
from engine.data.crops import View
from engine.data.device import onto
from engine.data.folder import silent
from engine.data.order import epoch_order, uniforms
from engine.data.pictures import Tell
from engine.data.split import Split, noisy_labels, split_as_asked, split_hash
from engine.distributed import portion_of, world
from engine.fields import RecipeError, tag_of
from engine.recipe import Augment, Data, RunRecipe, Unlabelled
from engine.scaled import kept_views

PROBES = 12
SKIPPED = 100  # files named in data.json; the rest is a number


@dataclass(frozen=True)
class Prepared:
    """The pictures of a run. `labels` are the true ones; `train_labels` are those trained on, in the order of split.train."""

    pictures: Pictures
    split: Split
    train_labels: NDArray[np.int64]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    probe: NDArray[np.int64]  # places in the data set
    corrected: Corrections | None = None  # what of the labels a person has corrected
    evaluated: "Prepared | None" = None  # pictures with classes, by which those without are judged

    @property
    def classes(self) -> int:
        """How many; 0 for pictures without labels."""
        return len(self.pictures.class_names)

    @property
    def size(self) -> int:
        """Side in pixels: networks here take square pictures."""
        height, width = self.pictures.size
        assert height == width, (height, width)
        return height

    @cached_property
    def distinct(self) -> int:
        """How many of the pictures to train on differ: the same to the last pixel are one, whatever their labels."""
        return len({hashlib.blake2b(self.pictures.pictures_u8[place].tobytes()).digest() for place in self.split.train})

    @property
    def labelled(self) -> "Prepared | None":
        """The pictures by whose classes features are judged; None without any."""
        return self if self.classes else self.evaluated

    def part(self, name: str) -> NDArray[np.int64]:
        """Places in the data set of a split's pictures."""
        return getattr(self.split, name)  # type: ignore[no-any-return]

    def labels(self, name: str) -> NDArray[np.int64]:
        return self.pictures.labels[self.part(name)]

    def tensor(self, index: NDArray[np.int64]) -> Tensor:
        """uint8 [N, C, H, W] of these places in the data set, in one memory layout whatever numpy made of it.

        With one channel two layouts describe the same bytes, and convolutions choose their algorithm by the layout: if the
        layout were numpy's, decoding the data and reading it from the cache would train to different last bits.
        """
        pictures_u8 = self.pictures.pictures_u8
        chosen = torch.empty((len(index), *pictures_u8.shape[1:]), dtype=torch.uint8)
        np.take(pictures_u8, index, axis=0, out=chosen.numpy(), mode="clip")  # the default mode would make a second copy
        return chosen

    def normalised(self, pictures_u8: Tensor) -> Tensor:
        return normalise(pictures_u8, self.mean, self.std)

    def card(self) -> dict[str, Any]:
        """data.json."""
        sums = self.pictures.files_sha256
        parts = ("train", "val", "test")
        return {
            "name": self.pictures.name,
            "files_sha256": sums,
            "classes": list(self.pictures.class_names),
            "split": {name: split_hash(self.part(name), sums) for name in parts},
            "counts": {name: len(self.part(name)) for name in parts},
            "distinct": self.distinct,
            "mean": list(self.mean),
            "std": list(self.std),
            "channels": self.pictures.channels,
            "size": list(self.pictures.size),
            "cache": self.pictures.cache,
            **self._files(),
            **({"corrections": self.corrected.card()} if self.corrected else {}),
            **({"evaluated": self.evaluated.card()} if self.evaluated else {}),
        }

    def _files(self) -> dict[str, Any]:
        """What only a person's own pictures have: how many files were read, and which gave no picture."""
        if self.pictures.source is None:
            return {}
        broken = self.pictures.broken
        named = [{"file": file, "problem": problem} for file, problem in broken[:SKIPPED]]
        return {"files": len(self.pictures), "skipped": {"count": len(broken), "files": named}}


def prepare(recipe: RunRecipe, folder: Path, tell: Tell = silent) -> Prepared:
    """Load, split and describe the recipe's data; `folder` is the workspace's data folder. RecipeError names a field.

    `tell` hears how many of how many pictures are read, and may raise to end it.
    """
    asked = recipe.data
    pictures, parts = _split(asked, folder, tell)
    train = pictures.labels[parts.train]
    noisy = noisy_labels(train, asked.label_noise, len(pictures.class_names), asked.label_noise_seed)
    mean, std = channel_statistics(pictures.pictures_u8[parts.train])
    probe = _probe(asked.probe, parts.test)
    judges = _evaluated(asked, folder, tell, mean, std) if isinstance(asked, Unlabelled) else None
    corrected = _corrections(asked, pictures, parts)
    if corrected is not None:
        kept, noisy = corrections.applied(corrected, parts.train, noisy)
        parts = replace(parts, train=kept)
    return Prepared(pictures, parts, noisy, mean, std, probe, corrected, judges)


def _corrections(asked: Data, pictures: Pictures, parts: Split) -> Corrections | None:
    """What a person has corrected, wrong labels made on purpose among it."""
    if not asked.corrections:
        return None
    names = pictures.source.files if pictures.source is not None else ()
    return corrections.read(asked.corrections, names, len(pictures), pictures.class_names, parts.train)


def _split(asked: Data, folder: Path, tell: Tell) -> tuple[Pictures, Split]:
    pictures = DATASETS[tag_of(type(asked))](asked, folder, tell, torch.get_num_threads())
    return pictures, split_as_asked(pictures, asked)


def _evaluated(asked: Unlabelled, folder: Path, tell: Tell, mean: tuple[float, ...], std: tuple[float, ...]) -> Prepared | None:
    """The labelled pictures beside those without labels, normalised as the network learns to see."""
    judges = unlabelled.judged_by(asked)
    if judges is None:
        return None
    try:
        pictures, parts = _split(judges, folder, tell)
    except RecipeError as error:
        raise unlabelled.renamed(error) from None
    return Prepared(pictures, parts, pictures.labels[parts.train], mean, std, parts.test[:PROBES])


def whole(epoch: int) -> tuple[View, ...]:
    """No crops: the picture itself."""
    return ()


def numbers(
    seed: int, epoch: int, index_B: NDArray[np.int64], views: tuple[View, ...], device: torch.device
) -> tuple[Tensor, ...]:
    """What is drawn for these pictures in an epoch, in [0, 1): float32 [V, B, K] for each kind of crop, on the CPU, where all
    that these numbers decide is decided. Without kinds of crops [1, B, K], for the one varied picture, on the device."""
    found, first = [], 0
    for count, many in [(view.count, crops.numbers(view)) for view in views] or [(1, NUMBERS)]:
        drawn = [uniforms(seed, epoch, index_B, crop, many).astype(np.float32) for crop in range(first, first + count)]
        found.append(torch.from_numpy(np.stack(drawn)) if views else onto(np.stack(drawn), device))
        first += count
    return tuple(found)


def varied(
    pictures_NCHW_u8: Tensor, places_B: Tensor, drawn: tuple[Tensor, ...], views: tuple[View, ...], asked: Augment
) -> Iterator[Tensor]:
    """The crops of the pictures at `places_B`, in [0, 1], [V, B, C, S, S] for each kind; one moved and mirrored picture each,
    [1, B, C, H, W], where no crops are wanted. `drawn` is what `numbers` gave."""
    if not views:
        yield augment(pictures_NCHW_u8[places_B], drawn[0][0], asked.shift, asked.flip).float()[None] / 255
    for view, drawn_VBK in zip(views, drawn):
        yield crops.crops(pictures_NCHW_u8, places_B, drawn_VBK, view)


class Batches:
    """Training pictures on the device, a step's worth at a time: a pure function of (seed, epoch, place in the epoch).

    An epoch is cut into equal portions of at most `batch` pictures, so that each picture is seen once and no step is tiny.
    Where a teacher's outputs are kept, variations come round again after as many epochs as views are kept; the order never.
    Of several processes each has its rows of every portion. `views`: the kinds of crops of an epoch.
    """

    def __init__(
        self, data: Prepared, recipe: RunRecipe, device: torch.device, views: Callable[[int], tuple[View, ...]] = whole
    ) -> None:
        self._data = data
        self._seed = recipe.order_seed
        self._cycle = kept_views(recipe)
        self._asked = recipe.augment
        self._device = device
        self._views = views
        self._pictures = data.tensor(data.split.train).to(device)
        self._labels = torch.from_numpy(data.train_labels).to(device)
        self._mean, self._std = (torch.tensor(values, dtype=torch.float32, device=device) for values in (data.mean, data.std))
        self.per_epoch = -(-len(data.split.train) // recipe.training.batch)
        self._cut: tuple[int, list[NDArray[np.int64]]] = (-1, [])

    def __len__(self) -> int:
        return len(self._labels)

    def at(self, epoch: int, place: int) -> Batch:
        """The batch of step `place` of an epoch, both counted from 0: what this process has of it."""
        whole_N = torch.from_numpy(self._portions(epoch)[place]) if world() > 1 else None
        return self._batch(epoch, self.index(epoch, place), whole_N)

    def whole(self, epoch: int, place: int) -> Batch:
        """The same step's pictures of all processes, as one process has them."""
        return self._batch(epoch, self._portions(epoch)[place], None)

    def _batch(self, epoch: int, index_B: NDArray[np.int64], whole_N: Tensor | None) -> Batch:
        places_B = onto(index_B, self._device)
        views = self._varied(self.view(epoch), index_B, places_B)
        return Batch(views, self._labels[places_B], torch.from_numpy(index_B), whole_N)

    def index(self, epoch: int, place: int) -> NDArray[np.int64]:
        """Places in the training set of that step's pictures, of which this process has these."""
        whole_N = self._portions(epoch)[place]
        return whole_N[portion_of(len(whole_N)).rows]

    def view(self, epoch: int) -> int:
        """Which epoch's variation of the pictures this one sees: its own, unless the teacher's outputs are kept of fewer."""
        return epoch % self._cycle if self._cycle else epoch

    def _varied(self, epoch: int, index_B: NDArray[np.int64], places_B: Tensor) -> tuple[Tensor, ...]:
        """Every crop that the method wants to see; one moved and mirrored picture each where it wants none."""
        views = self._views(epoch)
        drawn = numbers(self._seed, epoch, index_B, views, self._device)
        seen = varied(self._pictures, places_B, drawn, views, self._asked)
        return tuple(standardise(seen_VBCHW, self._mean, self._std) for seen_VBCHW in seen)

    def _portions(self, epoch: int) -> list[NDArray[np.int64]]:
        """An epoch's order in portions, kept while it lasts: sorting a large set at each step costs as much as the step."""
        if self._cut[0] != epoch:
            self._cut = epoch, np.array_split(epoch_order(self._seed, epoch, len(self)), self.per_epoch)
        return self._cut[1]


def _probe(asked: tuple[int, ...], test: NDArray[np.int64]) -> NDArray[np.int64]:
    outside = [place for place in asked if place >= len(test)]
    if outside:
        problem = f"{outside[0]} is outside the test set of {len(test)} pictures; write places from 0 to {len(test) - 1}"
        raise RecipeError("data.probe", problem)
    return test[list(asked)] if asked else test[:PROBES]
