"""Pictures nearly the same are found whatever was done to them, others are not, and many pictures are no matter."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.data import near
from engine.data.near import near_pairs
from engine.data.scan import scan

Levels = NDArray[np.uint8]


def drawn(count: int = 40, size: int = 32, seed: int = 0) -> Levels:
    """Smooth pictures, each another one."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 3, 5, 5), dtype=np.uint8)
    return np.stack([_resized(one, size) for one in coarse])


def _resized(picture_CHW: Levels, size: int) -> Levels:
    return np.asarray(Image.fromarray(picture_CHW.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BICUBIC)).transpose(
        2, 0, 1
    )


def saved_as_jpeg(picture_CHW: Levels) -> Levels:
    file = io.BytesIO()
    Image.fromarray(picture_CHW.transpose(1, 2, 0)).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file)).transpose(2, 0, 1)


def brightened(picture_CHW: Levels) -> Levels:
    return np.clip(picture_CHW * 0.8 + 30, 0, 255).astype(np.uint8)


def halved(picture_CHW: Levels) -> Levels:
    return _resized(_resized(picture_CHW, 16), 32)


@pytest.mark.parametrize("change", [saved_as_jpeg, brightened, halved])
def test_that_a_changed_copy_is_found_and_nothing_else(change: Any) -> None:
    pictures = drawn()
    pairs, alike = near_pairs(np.concatenate([pictures, change(pictures[7])[None], change(pictures[31])[None]]))
    assert sorted(map(tuple, pairs.tolist())) == [(7, 40), (31, 41)] and (alike > 0.98).all()


def test_that_equal_pictures_count_once_and_are_no_pairs_themselves() -> None:
    pictures = drawn()
    both = np.concatenate([pictures, pictures[3:4], pictures[3:4], saved_as_jpeg(pictures[3])[None]])
    assert near_pairs(both, [[3, 40, 41]])[0].tolist() == [[3, 42]]


def test_that_plain_pictures_are_like_nothing() -> None:
    plain = np.full((30, 1, 16, 16), 9, np.uint8)
    plain[:, :, 3, 3] += np.arange(30, dtype=np.uint8)[:, None] // 8
    assert len(near_pairs(plain)[0]) == 0 and len(near_pairs(plain[:1])[0]) == 0 and len(near_pairs(plain[:0])[0]) == 0


def test_that_the_hash_is_the_one_made_by_hand() -> None:
    ramp = np.tile(np.arange(9, dtype=np.uint8)[::-1] * 20, (8, 1))[None, None]
    flat_below = ramp.copy()
    flat_below[..., 4:, :] = 0
    assert near.hashes_of(ramp).tolist() == [2**64 - 1]
    assert near.hashes_of(flat_below).tolist() == [0xFFFFFFFF00000000], "rows from the top, the highest bits first"


def test_that_bands_find_every_pair_that_comparing_all_with_all_finds() -> None:
    random = np.random.default_rng(3)
    hashes = random.integers(0, 2**64, 300, dtype=np.uint64)
    for place in range(0, 300, 2):  # a neighbour that differs in up to nine bits
        bits = random.choice(64, random.integers(0, 10), replace=False)
        hashes[place + 1] = hashes[place] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=np.uint64(0))
    every = {
        (i, j)
        for i in range(300)
        for j in range(i + 1, 300)
        if bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= near.DISTANCE
    }
    assert set(map(tuple, near._candidates(hashes).tolist())) == every and len(every) > 50
    assert sum(near.BANDS) == 64 and len(near.BANDS) == near.DISTANCE + 1


def test_that_a_crowd_of_like_hashes_does_not_take_quadratic_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "CROWD", 50)
    compared: list[int] = []
    one_by_one = near._differing
    monkeypatch.setattr(near, "_differing", lambda one, other: compared.append(len(one)) or one_by_one(one, other))
    near._candidates(np.zeros(4000, np.uint64))
    assert sum(compared) <= 4000 * near.NEXT * len(near.BANDS)


def test_that_counting_bits_needs_no_new_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = np.random.default_rng(1).integers(0, 2**64, (2, 500), dtype=np.uint64)
    by_hand = [bin(int(a) ^ int(b)).count("1") for a, b in zip(one, other)]
    assert near._differing(one, other).tolist() == by_hand
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert near._differing(one, other).tolist() == by_hand


def test_that_bands_spare_most_comparisons_of_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    one_by_one = near._differing
    monkeypatch.setattr(near, "_differing", lambda one, other: compared.append(len(one)) or one_by_one(one, other))
    near._candidates(np.random.default_rng(1).integers(0, 2**64, 20_000, dtype=np.uint64))
    assert sum(compared) < 20_000 * 20_000 / 2 / 60


def test_that_a_scan_names_pairs_across_train_and_test_first(tmp_path: Path) -> None:
    pictures = drawn(16, 16)
    for part, label, names in (("train", "a", range(4)), ("train", "b", range(4, 8)), ("test", "a", [8]), ("test", "b", [9])):
        folder = tmp_path / "pets" / part / label
        folder.mkdir(parents=True)
        for name in names:
            Image.fromarray(pictures[name].transpose(1, 2, 0)).save(folder / f"{name}.png")
    for target, name in (("train/b/again.png", 4), ("test/b/again.png", 0)):
        Image.fromarray(brightened(pictures[name]).transpose(1, 2, 0)).save(tmp_path / "pets" / target)
    found = scan({"name": "folder", "path": str(tmp_path / "pets"), "size": 16, "val_share": 0.2}, tmp_path, lambda *_: None)
    assert (found["near_count"], found["near_crossing"], found["duplicates_count"]) == (2, 1, 0)
    first, second = found["near"]
    assert sorted(first["files"]) == ["test/b/again.png", "train/a/0.png"] and sorted(first["parts"]) == ["test", "train"]
    assert sorted(first["classes"]) == ["a", "b"] and sorted(second["files"]) == ["train/b/4.png", "train/b/again.png"]
    with np.load(found["near_sheet"]) as stored:
        assert stored["pairs_u8"].shape == (2, 2, 3, 16, 16)
    assert len(found["mean"]) == len(found["std"]) == 3 and all(0 < value < 1 for value in found["mean"] + found["std"])
