"""Digits, splits, wrong labels, order and small shifts: pure functions, to the bit. N pictures, B of them in a batch."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import DATASETS, Pictures, channel_statistics, digits
from engine.data.augment import NUMBERS, augment, normalise
from engine.data.order import epoch_order, uniforms, words
from engine.data.split import noisy_labels, split, split_as_asked, split_hash, stratified_order
from engine.fields import RecipeError, tag_of
from engine.recipe import Data, Digits

GOLDEN_ORDER = [5, 9, 2, 8, 1, 4, 7, 6, 3, 0]
GOLDEN_UNIFORMS = [0.8663249981819686, 0.043497095472122105, 0.20405216225762846, 0.7552828946194715]
GOLDEN_SPLIT = [8, 9, 5, 4, 2, 1, 7, 0, 3, 6]
GOLDEN_NOISE = [0, 0, 3, 4, 7, 1, 0, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def real(folder: Path) -> Pictures:
    return digits.load(folder)


# --- digits ---------------------------------------------------------------------------------------------------------------


def test_that_the_digits_are_real_and_complete(real: Pictures) -> None:
    assert real.pictures_u8.shape == (1797, 1, 8, 8)
    assert (len(real), real.channels, real.size, real.class_names[3]) == (1797, 1, (8, 8), "3")
    assert np.bincount(real.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as in UCI's description
    assert len(np.unique(real.pictures_u8)) == 17
    assert {0, 16, 128, 255} <= set(np.unique(real.pictures_u8).tolist())  # 0, 1, 8 and 16 of 16


def test_that_the_digits_are_those_of_scikit_learn(real: Pictures) -> None:
    from sklearn.datasets import load_digits

    source = load_digits()
    np.testing.assert_array_equal(np.rint(real.pictures_u8[:, 0] * (16 / 255)), source.images)
    np.testing.assert_array_equal(real.labels, source.target)


def test_that_no_start_imports_scikit_learn(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, engine.data as data;"
        f"pictures = data.DATASETS['digits'](None, pathlib.Path({str(tmp_path)!r}), None, 1);"
        "sys.exit(len(pictures) != 1797 or 'sklearn' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_that_the_cache_is_a_plain_npz_with_the_digest_in_its_name(folder: Path, real: Pictures) -> None:
    assert real.cache == f"digits-{real.files_sha256[:8]}.npz"
    assert [path.name for path in folder.iterdir()] == [real.cache]  # nothing left aside
    with np.load(folder / real.cache, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["pictures"], real.pictures_u8)
        np.testing.assert_array_equal(stored["labels"], real.labels)
        assert stored["labels"].dtype == np.int64


@pytest.mark.parametrize("damage", ["empty", "cut", "other data", "not an archive"])
def test_that_a_damaged_cache_is_made_again(tmp_path: Path, real: Pictures, folder: Path, damage: str) -> None:
    path, sound = tmp_path / digits.CACHE, (folder / digits.CACHE).read_bytes()
    if damage == "other data":
        np.savez(path, pictures=real.pictures_u8[::-1], labels=real.labels)
    else:
        path.write_bytes({"empty": b"", "cut": sound[: len(sound) // 2], "not an archive": b"x" * 999}[damage])
    again = digits.load(tmp_path)
    np.testing.assert_array_equal(again.pictures_u8, real.pictures_u8)
    with np.load(path, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["pictures"], real.pictures_u8)


def test_that_the_digits_are_taken_as_scikit_learn_gives_them_where_its_file_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, real: Pictures
) -> None:
    monkeypatch.setattr(digits, "FILE", "elsewhere.csv.gz")
    np.testing.assert_array_equal(digits.load(tmp_path).pictures_u8, real.pictures_u8)


def test_that_data_which_are_not_the_digits_never_pass_as_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="not the 1,797"):
        digits.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_that_data_sets_are_functions_by_name() -> None:
    assert list(DATASETS) == ["digits", "creatures", "folder", "pictures"] == [tag_of(kind) for kind in Data.__args__]


def test_that_statistics_need_little_memory_beside_the_pictures() -> None:
    pictures_u8 = np.random.default_rng(0).integers(0, 256, (3000, 3, 64, 64), dtype=np.uint8)
    tracemalloc.start()
    mean, _ = channel_statistics(pictures_u8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * pictures_u8.nbytes, "all pixels at once take eight bytes each"
    np.testing.assert_allclose(mean, pictures_u8.mean(axis=(0, 2, 3)) / 255, rtol=1e-12)


def test_that_statistics_are_those_of_numpy(real: Pictures) -> None:
    mean, std = channel_statistics(real.pictures_u8)
    scaled = real.pictures_u8.astype(np.float64) / 255
    assert (mean, std) == (pytest.approx((scaled.mean(),)), pytest.approx((scaled.std(),)))
    random = np.random.default_rng(0).integers(0, 256, (20, 3, 5, 7), dtype=np.uint8)
    mean, std = channel_statistics(random)
    np.testing.assert_allclose(mean, (random / 255).mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(std, (random / 255).std(axis=(0, 2, 3)))


def test_that_a_channel_without_contrast_can_be_normalised() -> None:
    flat = np.full((4, 1, 8, 8), 51, dtype=np.uint8)
    mean, std = channel_statistics(flat)
    assert (mean, std) == (pytest.approx((0.2,)), (1.0,))
    assert normalise(torch.from_numpy(flat), mean, std).abs().max() < 1e-6


# --- splits ---------------------------------------------------------------------------------------------------------------


label_sets = st.lists(st.integers(0, 4), min_size=1, max_size=120).map(lambda rows: np.array(rows, dtype=np.int64))


@given(labels=label_sets, seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_that_every_prefix_of_the_order_is_stratified(labels: np.ndarray, seed: int) -> None:
    order = stratified_order(labels, seed)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(labels)))
    counts = np.bincount(labels, minlength=5)
    seen = np.cumsum(labels[order][:, None] == np.arange(5), axis=0)
    share = np.arange(1, len(labels) + 1)[:, None] * counts / len(labels)
    # at place t class c has floor or ceil of t * n_c, and t is within (classes / N) of prefix / N
    assert (np.abs(seen - share) <= 1 + 5 * counts / len(labels) + 1e-9).all()


def test_that_the_parts_of_the_digits_are_stratified_and_apart(real: Pictures) -> None:
    parts = split(real.labels, test_share=0.3, val_share=0.25, train_size=800, seed=0)
    assert (len(parts.test), len(parts.val), len(parts.train)) == (539, 449, 800)
    for part in (parts.train, parts.val, parts.test):
        assert (np.diff(part) > 0).all()
        assert np.abs(np.bincount(real.labels[part]) - np.bincount(real.labels) * len(part) / 1797).max() < 2
    assert len(np.unique(np.concatenate([parts.train, parts.val, parts.test]))) == 539 + 449 + 800


def test_that_a_smaller_training_set_is_part_of_a_larger_and_moves_nothing_else(real: Pictures) -> None:
    small, large = (split(real.labels, 0.3, 0.25, size, seed=3) for size in (200, 0))
    assert len(large.train) == 1797 - 539 - 449
    assert set(small.train) < set(large.train)
    np.testing.assert_array_equal(small.test, large.test)
    np.testing.assert_array_equal(small.val, large.val)


def test_that_a_split_is_a_function_of_its_seed(real: Pictures) -> None:
    first, again, other = (split(real.labels, 0.3, 0.25, 800, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    assert split_hash(first.test, real.files_sha256) == split_hash(again.test, real.files_sha256)


def test_that_a_share_of_nothing_is_nothing(real: Pictures) -> None:
    parts = split(real.labels, test_share=0.0, val_share=0.0, train_size=0, seed=0)
    assert (len(parts.test), len(parts.val), len(parts.train)) == (0, 0, 1797)


@pytest.mark.parametrize(
    ("test_share", "val_share", "train_size", "refusal"),
    [
        (1.0, 0.2, 0, "data.test_share: 1 is outside"),
        (0.2, -0.1, 0, "data.val_share: -0.1 is outside"),
        (0.0001, 0.2, 0, "data.test_share: 0.0001 of 1,797 pictures is none; write 0.001 or more"),
        (0.6, 0.4, 0, "data.val_share: 0.4, with data.test_share = 0.6, leaves nothing to train on"),
        (0.3, 0.25, 2000, "data.train_size: 2,000 cannot be had; .* leave 809 of 1,797 pictures; write 809 or less"),
        (0.3, 0.25, -1, "data.train_size: -1 cannot be had"),
        (0.3, 0.25, 4, "data.train_size: 4 pictures leave [6-9] of the classes without any; write more"),
    ],
)
def test_that_a_refusal_names_the_field_and_says_what_is_there(real, test_share, val_share, train_size, refusal) -> None:
    with pytest.raises(ValueError, match=f"^{refusal}"):
        split(real.labels, test_share, val_share, train_size, seed=0)


def test_that_given_parts_stay_whole_and_the_rest_is_split_off_the_others(real: Pictures) -> None:
    test, val = np.arange(0, 200), np.arange(200, 300)
    parts = split(real.labels, 0.3, 0.25, 0, seed=0, given={"test": test, "train": np.arange(200, 1797)})
    np.testing.assert_array_equal(parts.test, test)
    assert (len(parts.val), len(parts.train)) == (round(0.25 * 1597), 1597 - round(0.25 * 1597))
    assert not np.intersect1d(parts.val, test).size and not np.intersect1d(parts.train, parts.val).size
    both = split(real.labels, 0.3, 0.25, 0, seed=0, given={"test": test, "val": val, "train": np.arange(300, 1797)})
    np.testing.assert_array_equal(both.val, val)
    np.testing.assert_array_equal(both.train, np.arange(300, 1797))
    only_val = split(real.labels, 0.3, 0.25, 0, seed=0, given={"val": val})
    assert (len(only_val.test), len(only_val.train)) == (round(0.3 * 1697), 1697 - round(0.3 * 1697))
    assert not np.intersect1d(only_val.test, val).size


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "data.path: the class 'b' has 2 pictures, but training and validation and test need one each"),
        ({"train": [0, 1, 2, 3, 4, 5], "val": [7], "test": [6]}, "data.path: the class 'b' has 0 pictures, but training needs"),
        ({"train": [0, 1, 2, 3, 6], "test": [4, 5, 7]}, "data.path: the class 'b' has 1 picture, but training and validation"),
    ],
)
def test_that_a_class_too_small_for_its_parts_is_named(given: dict[str, list[int]], sentence: str) -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    places = {part: np.array(found) for part, found in given.items()}
    pictures = Pictures("folder", np.zeros((8, 1, 8, 8), np.uint8), labels, ("a", "b"), "", "", given=places)
    with pytest.raises(RecipeError) as refused:
        split_as_asked(pictures, Digits())
    assert str(refused.value).startswith(sentence) and "add pictures, or move its folder away" in str(refused.value)


def test_that_a_split_hash_tells_pictures_and_files_apart() -> None:
    hashes = {split_hash(np.array(places), files) for places in ([1, 2], [1, 3], [12], [1, 2, 3]) for files in ("a", "b")}
    assert len(hashes) == 8
    assert split_hash(np.array([2, 1]), "a") == split_hash(np.array([1, 2]), "a")
    assert len(hashes.pop()) == 64


@given(n=st.integers(0, 300), share=st.floats(0, 1), classes=st.integers(2, 12), seed=st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_that_exactly_the_asked_share_of_labels_is_wrong(n: int, share: float, classes: int, seed: int) -> None:
    labels = np.arange(n, dtype=np.int64) % classes
    before = labels.copy()
    noisy = noisy_labels(labels, share, classes, seed)
    assert (noisy != labels).sum() == round(share * n)
    assert noisy.dtype == np.int64
    assert noisy.size == 0 or (noisy.min() >= 0 and noisy.max() < classes)
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(noisy, noisy_labels(labels, share, classes, seed))


def test_that_every_other_class_is_equally_likely() -> None:
    labels = np.zeros(90_000, dtype=np.int64)
    counts = np.bincount(noisy_labels(labels, 1.0, 10, seed=4), minlength=10)
    assert counts[0] == 0
    chi2 = ((counts[1:] - 10_000) ** 2 / 10_000).sum()
    assert chi2 < 26.1  # 8 degrees of freedom, p = 0.001


def test_that_more_noise_keeps_the_labels_that_were_wrong() -> None:
    labels = np.arange(500, dtype=np.int64) % 10
    little, much = noisy_labels(labels, 0.1, 10, seed=1), noisy_labels(labels, 0.3, 10, seed=1)
    changed = little != labels
    np.testing.assert_array_equal(little[changed], much[changed])
    assert not np.array_equal(much, noisy_labels(labels, 0.3, 10, seed=2))


def test_that_noise_that_cannot_be_is_refused() -> None:
    labels = np.zeros(10, dtype=np.int64)
    with pytest.raises(ValueError, match=r"^data\.label_noise: 1.5 is outside"):
        noisy_labels(labels, 1.5, 10, 0)
    with pytest.raises(ValueError, match=r"^data\.label_noise: with a single class"):
        noisy_labels(labels, 0.5, 1, 0)


# --- order ----------------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**63), epoch=st.integers(0, 10**6), n=st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_that_an_epoch_is_a_permutation_and_a_pure_function(seed: int, epoch: int, n: int) -> None:
    order = epoch_order(seed, epoch, n)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(order, epoch_order(seed, epoch, n))


def test_that_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def test_that_each_picture_is_at_each_place_equally_often() -> None:
    orders = np.stack([epoch_order(0, epoch, 8) for epoch in range(4000)])
    counts = np.stack([np.bincount(column, minlength=8) for column in orders.T])
    assert ((counts - 500) ** 2 / 500).sum() < 90  # chi-square of 49 degrees of freedom: p = 0.0003


def test_that_recorded_runs_keep_their_order() -> None:
    """Golden values: a change here would change what every resumed run sees."""
    assert epoch_order(0, 0, 10).tolist() == GOLDEN_ORDER
    assert uniforms(0, 0, np.array([0, 7]), 0, 2).ravel().tolist() == GOLDEN_UNIFORMS
    assert stratified_order(np.arange(10) % 2, 0).tolist() == GOLDEN_SPLIT
    assert noisy_labels(np.zeros(8, dtype=np.int64), 0.5, 10, 0).tolist() == GOLDEN_NOISE


@given(seed=st.integers(0, 2**63), epoch=st.integers(0, 9999), view=st.integers(0, 11), data=st.data())
@settings(max_examples=60, deadline=None)
def test_that_a_pictures_numbers_do_not_depend_on_its_batch(seed: int, epoch: int, view: int, data) -> None:
    index_B = np.array(data.draw(st.lists(st.integers(0, 10**7), min_size=1, max_size=20)), dtype=np.int64)
    together = uniforms(seed, epoch, index_B, view, 4)
    alone = np.concatenate([uniforms(seed, epoch, index_B[b : b + 1], view, 4) for b in range(len(index_B))])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[:, :2], uniforms(seed, epoch, index_B, view, 2))  # asking for more moves nothing
    assert together.dtype == np.float64
    assert ((together >= 0) & (together < 1)).all()


COORDINATES = {
    "neighbouring pictures": lambda: uniforms(0, 0, np.arange(100_001), 0, 1)[:, 0],
    "neighbouring epochs": lambda: np.concatenate([uniforms(0, e, np.arange(100), 0, 1)[:, 0] for e in range(1000)]),
    "neighbouring views": lambda: uniforms_over_views(),
    "neighbouring seeds": lambda: np.concatenate([uniforms(s, 0, np.arange(100), 0, 1)[:, 0] for s in range(1000)]),
    "numbers of one picture": lambda: uniforms(0, 0, np.array([5]), 0, 100_001)[0],
}


def uniforms_over_views() -> np.ndarray:
    return np.stack([uniforms(0, 0, np.arange(20_000), view, 1)[:, 0] for view in range(5)], axis=1).ravel()


@pytest.mark.parametrize("coordinate", COORDINATES)
def test_that_numbers_are_uniform_and_neighbours_independent(coordinate: str) -> None:
    u = COORDINATES[coordinate]()
    expected = len(u) / 100
    chi2 = ((np.bincount((u * 100).astype(int), minlength=100) - expected) ** 2 / expected).sum()
    assert 56 < chi2 < 158  # 99 degrees of freedom: p between 0.0002 and 0.9998
    for lag in (1, 2, 10, 100):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4 / np.sqrt(len(u))


def test_that_pairs_of_neighbours_fill_the_square_evenly() -> None:
    u = uniforms(3, 1, np.arange(100_000), 0, 2)
    cell = (u * 10).astype(int) @ [10, 1]
    assert 56 < ((np.bincount(cell, minlength=100) - 1000) ** 2 / 1000).sum() < 158


def test_that_purposes_do_not_share_their_numbers() -> None:
    assert not set(words("order", 0, 0, count=100)) & set(words("split", 0, 0, count=100))
    assert not set(words("order", 1, 23, count=100)) & set(words("order", 12, 3, count=100))


# --- augmentation ---------------------------------------------------------------------------------------------------------


def some_pictures(batch: int = 6, channels: int = 2, height: int = 5, width: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(1, 256, (batch, channels, height, width), generator=generator, dtype=torch.uint8)


def naive_augment(picture: np.ndarray, u: np.ndarray, shift: int, flip: bool) -> np.ndarray:
    down, right = (int(number * (2 * shift + 1)) - shift for number in u[:2])
    out = np.zeros_like(picture)
    height, width = picture.shape[1:]
    for row in range(height):
        for column in range(width):
            if 0 <= row + down < height and 0 <= column + right < width:
                out[:, row, column] = picture[:, row + down, column + right]
    return out[:, :, ::-1] if flip and u[2] >= 0.5 else out


@given(seed=st.integers(0, 10**6), shift=st.integers(0, 4), flip=st.booleans())
@settings(max_examples=40, deadline=None)
def test_that_augmenting_equals_a_loop_over_pixels(seed: int, shift: int, flip: bool) -> None:
    pictures_u8, u_BK = some_pictures(), uniforms(seed, 0, np.arange(6), 0, NUMBERS)
    result = augment(pictures_u8, torch.from_numpy(u_BK), shift, flip).numpy()
    for picture, u, got in zip(pictures_u8.numpy(), u_BK, result):
        np.testing.assert_array_equal(got, naive_augment(picture, u, shift, flip))


def test_that_a_pictures_view_does_not_depend_on_its_batch_or_on_torchs_generator() -> None:
    pictures_u8, u_BK = some_pictures(), torch.from_numpy(uniforms(0, 0, np.arange(6), 0, NUMBERS))
    before = torch.get_rng_state()
    together = augment(pictures_u8, u_BK, shift=2, flip=True)
    alone = torch.cat([augment(pictures_u8[b : b + 1], u_BK[b : b + 1], shift=2, flip=True) for b in range(6)])
    assert torch.equal(together, alone)
    assert torch.equal(torch.get_rng_state(), before)


def test_that_no_augmentation_leaves_pictures_alone() -> None:
    pictures_u8 = some_pictures()
    assert torch.equal(augment(pictures_u8, torch.rand(6, NUMBERS), shift=0, flip=False), pictures_u8)


def test_that_the_ends_of_the_range_stay_inside_the_padding() -> None:
    """float32 may round a number just below 1 up to 1."""
    pictures_u8 = some_pictures(batch=2)
    ends_BK = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    result = augment(pictures_u8, ends_BK, shift=1, flip=False)
    assert torch.equal(result[0, :, 1:, 1:], pictures_u8[0, :, :-1, :-1])
    assert torch.equal(result[1, :, :-1, :-1], pictures_u8[1, :, 1:, 1:])
    assert (result[0, :, 0] == 0).all()


def test_that_every_shift_is_equally_likely() -> None:
    spot = torch.zeros(9000, 1, 3, 3, dtype=torch.uint8)
    spot[:, 0, 1, 1] = 255
    moved = augment(spot, torch.from_numpy(uniforms(0, 0, np.arange(9000), 0, NUMBERS)), shift=1, flip=False)
    counts = (moved[:, 0] == 255).sum(dim=0).flatten().double()
    assert ((counts - 1000) ** 2 / 1000).sum() < 26.1  # 8 degrees of freedom, p = 0.001


def test_that_normalising_follows_its_formula() -> None:
    pictures_u8 = some_pictures()
    result = normalise(pictures_u8, mean=(0.5, 0.25), std=(0.2, 0.1))
    expected = (pictures_u8.double() / 255 - torch.tensor([0.5, 0.25]).reshape(1, 2, 1, 1)) / torch.tensor(
        [0.2, 0.1], dtype=torch.float64
    ).reshape(1, 2, 1, 1)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(result, normalise(pictures_u8, torch.tensor([0.5, 0.25]), torch.tensor([0.2, 0.1])))
    with pytest.raises(AssertionError):
        normalise(pictures_u8, mean=(0.5,), std=(0.2,))
