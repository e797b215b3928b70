"""Batches of a run's training pictures: what is drawn for them is drawn on the CPU, and goes to the device without waiting."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data import prepared
from engine.data.crops import View
from engine.data.device import onto
from engine.data.prepared import Batches, prepare
from engine.recipe import RunRecipe
from tests import toys

CPU = torch.device("cpu")
VIEWS = (View(2, 8, (0.5, 1.0)), View(3, 4, (0.2, 0.5)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def asked() -> RunRecipe:
    return next(toys.single("data.train_size=100").runs())[0]


def batches(folder: Path, device: torch.device = CPU, views: tuple[View, ...] = ()) -> Batches:
    return Batches(prepare(asked(), folder), asked(), device, lambda epoch: views)


def test_that_a_copy_to_a_gpu_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: done.append("pinned") or self)
    monkeypatch.setattr(Tensor, "to", lambda self, device, non_blocking=False: done.append((device, non_blocking)) or self)
    gpu = torch.device("cuda")
    assert onto(np.arange(3), gpu).tolist() == [0, 1, 2]
    assert done == ["pinned", (gpu, True)]
    onto(np.arange(3), CPU)
    assert done[2:] == [(CPU, False)]


def test_that_on_the_cpu_nothing_is_copied() -> None:
    numbers = np.arange(3.0)
    assert onto(numbers, CPU).data_ptr() == numbers.ctypes.data


def test_that_pictures_that_are_there_twice_are_counted_once(folder: Path) -> None:
    data = prepare(asked(), folder)
    assert data.distinct == data.card()["distinct"] == 100
    pictures, train = data.pictures.pictures_u8.copy(), data.split.train
    pictures[train[:60]] = pictures[train[0]]
    pictures[train[60], 0, 0, 0] ^= 1
    copied = replace(data, pictures=replace(data.pictures, pictures_u8=pictures))
    assert copied.distinct == 41 and data.distinct == 100


def test_that_the_places_of_a_batch_stay_on_the_cpu(folder: Path) -> None:
    there, here = (batches(folder, device).at(1, 0) for device in (torch.device("meta"), CPU))
    assert there.labels_B.is_meta and there.pictures_BCHW.is_meta
    assert torch.equal(there.index_B, here.index_B) and here.pictures_BCHW.shape == there.pictures_BCHW.shape


def test_that_what_decides_crops_stays_on_the_cpu_and_what_varies_one_picture_goes_over_in_half_the_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[tuple[tuple[int, ...], np.dtype[Any]]] = []

    def watched(values: Any, device: torch.device) -> Tensor:
        moved.append((values.shape[:-1], values.dtype))
        return onto(values, device)

    monkeypatch.setattr(prepared, "onto", watched)
    batches(folder, views=VIEWS).at(0, 0)
    assert moved == [((), np.int64)], "where the pictures stand; what is drawn for their crops is cut on the CPU"
    moved.clear()
    count = len(batches(folder).at(0, 0).index_B)
    assert sorted(moved, key=str) == sorted([((), np.int64), ((1, count), np.float32)], key=str)
