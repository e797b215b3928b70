"""A data set as one run sees it: split, wrong labels, statistics, batches. Small sets are held as uint8, varied as tensors.

Everything here is a pure function of the recipe and the pictures, so that a resumed run, another generation and another
machine see the same pictures in the same order. C channels, N pictures, B of them in a batch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data import DATASETS, Pictures, channel_statistics
from engine.data.augment import NUMBERS, augment, normalise
from engine.data.batch import Batch
from engine.data.order import epoch_order, uniforms
from engine.data.split import Split, noisy_labels, split, split_hash
from engine.recipe import RunRecipe

PROBES = 12


@dataclass(frozen=True)
class Prepared:
    """The pictures of a run. `labels` are the true ones; `train_labels` are those trained on, in the order of split.train."""

    pictures: Pictures
    split: Split
    train_labels: NDArray[np.int64]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    probe: NDArray[np.int64]  # places in the data set

    @property
    def classes(self) -> int:
        return len(self.pictures.class_names)

    @property
    def size(self) -> int:
        """Side in pixels: networks here take square pictures."""
        height, width = self.pictures.size
        assert height == width, (height, width)
        return height

    def part(self, name: str) -> NDArray[np.int64]:
        """Places in the data set of a split's pictures."""
        return getattr(self.split, name)  # type: ignore[no-any-return]

    def labels(self, name: str) -> NDArray[np.int64]:
        return self.pictures.labels[self.part(name)]

    def tensor(self, index: NDArray[np.int64]) -> Tensor:
        """uint8 [N, C, H, W] of these places in the data set, in one memory layout whatever numpy made of it.

        With one channel two layouts describe the same bytes, and convolutions choose their algorithm by the layout: without
        the clone, decoding the data and reading it from the cache would train to different last bits.
        """
        return torch.from_numpy(self.pictures.pictures_u8[index]).clone(memory_format=torch.contiguous_format)

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
            "mean": list(self.mean),
            "std": list(self.std),
            "channels": self.pictures.channels,
            "size": list(self.pictures.size),
            "cache": self.pictures.cache,
        }


def prepare(recipe: RunRecipe, folder: Path) -> Prepared:
    """Load, split and describe the recipe's data; `folder` is the workspace's data folder. ValueError names a field."""
    asked = recipe.data
    pictures = DATASETS[_name(asked)](folder)
    parts = split(pictures.labels, asked.test_share, asked.val_share, asked.train_size, asked.split_seed)
    train = pictures.labels[parts.train]
    noisy = noisy_labels(train, asked.label_noise, len(pictures.class_names), asked.label_noise_seed)
    mean, std = channel_statistics(pictures.pictures_u8[parts.train])
    return Prepared(pictures, parts, noisy, mean, std, _probe(asked.probe, parts.test))


class Batches:
    """Training pictures on the device, a step's worth at a time: a pure function of (seed, epoch, place in the epoch).

    An epoch is cut into equal portions of at most `batch` pictures, so that each picture is seen once and no step is tiny.
    """

    def __init__(self, data: Prepared, recipe: RunRecipe, device: torch.device) -> None:
        self._data = data
        self._seed = recipe.seed
        self._asked = recipe.augment
        self._device = device
        self._pictures = data.tensor(data.split.train).to(device)
        self._labels = torch.from_numpy(data.train_labels).to(device)
        self.per_epoch = -(-len(data.split.train) // recipe.training.batch)

    def __len__(self) -> int:
        return len(self._labels)

    def at(self, epoch: int, place: int) -> Batch:
        """The batch of step `place` of an epoch, both counted from 0."""
        order = epoch_order(self._seed, epoch, len(self))
        index_B = np.array_split(order, self.per_epoch)[place]
        drawn_BU = torch.from_numpy(uniforms(self._seed, epoch, index_B, 0, NUMBERS)).to(self._device, torch.float32)
        places_B = torch.from_numpy(index_B).to(self._device)
        varied = augment(self._pictures[places_B], drawn_BU, self._asked.shift, self._asked.flip)
        return Batch(self._data.normalised(varied), self._labels[places_B], places_B)


def _name(asked: Any) -> str:
    return str(type(asked).__struct_config__.tag)


def _probe(asked: tuple[int, ...], test: NDArray[np.int64]) -> NDArray[np.int64]:
    outside = [place for place in asked if place >= len(test)]
    if outside:
        problem = f"{outside[0]} is outside the test set of {len(test)} pictures; write places from 0 to {len(test) - 1}"
        raise ValueError(f"data.probe: {problem}")
    return test[list(asked)] if asked else test[:PROBES]
