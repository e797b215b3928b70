"""Drawn animals: the same ones whatever else is drawn, told by shape and coat and by nothing else, under masks that fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data import Pictures, creatures
from engine.data.drawn import animals
from engine.data.drawn.species import NAMES
from engine.data.split import split_as_asked
from engine.fields import RecipeError
from engine.recipe import Creatures

Floats = NDArray[np.floating[Any]]

# the first pictures of 48 px and seed 0: species, mean colours, pixels of animal
LABELS = [0, 9, 2, 3, 5, 6, 4, 1, 7, 8]
MEANS = [[156.9, 121.9, 142.5], [157.2, 161.3, 176.8], [172.9, 198.2, 205.3], [159.2, 185.9, 174.9], [167.9, 172.2, 184.2]]
AREAS = [131, 238, 196, 308, 105]


def asked(**different: Any) -> Creatures:
    return Creatures(**({"pictures": 60, "size": 32} | different))


def load(folder: Path, **different: Any) -> Pictures:
    return creatures.load(asked(**different), folder)


def masks(pictures: Pictures) -> NDArray[np.bool_]:
    assert pictures.masks is not None
    return pictures.masks


def same(one: Pictures, other: Pictures, many: int = 10**9) -> bool:
    pairs = (one.pictures_u8, other.pictures_u8), (one.labels, other.labels), (masks(one), masks(other))
    return all(np.array_equal(a[:many], b[:many]) for a, b in pairs)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    return load(tmp_path_factory.mktemp("thousand"), pictures=1000, size=48)


# ---- what is drawn ------------------------------------------------------------------------------------------------------


def test_that_pictures_labels_and_masks_belong_together(tmp_path: Path) -> None:
    drawn = load(tmp_path, size=40)
    assert drawn.pictures_u8.shape == (60, 3, 40, 40) and masks(drawn).shape == (60, 40, 40) and masks(drawn).dtype == np.bool_
    assert drawn.class_names == tuple(sorted(drawn.class_names)) and len(drawn.class_names) == 10


def test_that_every_ten_pictures_hold_every_species_in_another_order(tmp_path: Path) -> None:
    tens = load(tmp_path).labels.reshape(6, 10)
    assert (np.sort(tens) == np.arange(10)).all()
    assert len({tuple(ten) for ten in tens}) == 6


def test_that_more_pictures_extend_the_set(tmp_path: Path) -> None:
    few, more = load(tmp_path, pictures=47), load(tmp_path, pictures=130)
    assert same(few, more, 47)


def test_that_a_picture_does_not_depend_on_how_many_are_drawn_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = load(tmp_path / "together")
    monkeypatch.setattr(creatures, "TOGETHER", 1)
    assert same(load(tmp_path / "alone"), together)


def test_that_another_seed_draws_other_individuals(tmp_path: Path) -> None:
    one, other = load(tmp_path), load(tmp_path, seed=1)
    assert not any(np.array_equal(a, b) for a in one.pictures_u8 for b in other.pictures_u8)
    assert one.files_sha256 != other.files_sha256 and one.cache != other.cache


def test_that_no_two_pictures_are_one(thousand: Pictures) -> None:
    assert len({picture.tobytes() for picture in thousand.pictures_u8}) == 1000


def test_that_another_size_shows_the_same_scene(tmp_path: Path) -> None:
    small, large = load(tmp_path), load(tmp_path, size=96)
    shrunk = large.pictures_u8.reshape(60, 3, 32, 3, 32, 3).mean((3, 5))
    off = np.abs(shrunk - small.pictures_u8).mean((1, 2, 3))
    assert off.max() < 6 and np.abs(shrunk - small.pictures_u8[::-1]).mean() > 30
    assert (masks(large).reshape(60, 32, 3, 32, 3).mean((2, 4)).round() != masks(small)).mean() < 0.02


def test_that_the_drawing_is_the_one_its_version_says(thousand: Pictures) -> None:
    """Rounding may differ between processors, and by no more. If this fails on purpose, raise DRAWING."""
    assert creatures.DRAWING == 1
    assert thousand.labels[:10].tolist() == LABELS
    assert thousand.pictures_u8[:5].mean((2, 3)) == pytest.approx(np.array(MEANS), abs=0.2)
    assert masks(thousand)[:5].sum((1, 2)) == pytest.approx(np.array(AREAS), abs=2)


# ---- what tells the species ---------------------------------------------------------------------------------------------


def neighbours(features_ND: Floats, labels: NDArray[np.int64], bank: int = 700, k: int = 20) -> float:
    """Accuracy of the vote of the k most similar ones (cosine)."""
    features_ND = features_ND - features_ND.mean(0)
    features_ND = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    nearest = np.argsort(-(features_ND[bank:] @ features_ND[:bank].T), axis=1)[:, :k]
    votes = np.stack([(labels[nearest] == label).sum(1) for label in range(10)], axis=1)
    return float((votes.argmax(1) == labels[bank:]).mean())


def test_that_pixels_and_colours_do_not_tell_the_species(thousand: Pictures) -> None:
    pixels = thousand.pictures_u8.astype(np.float32)
    inside = masks(thousand)[:, None]
    colours = (pixels * inside).sum((2, 3)) / inside.sum((2, 3))
    outside = (pixels * ~inside).sum((2, 3)) / (~inside).sum((2, 3))
    assert neighbours(pixels.reshape(1000, -1), thousand.labels) < 0.25
    assert neighbours(colours, thousand.labels) < 0.25
    assert neighbours(outside, thousand.labels) < 0.2


def profile(mask: NDArray[np.bool_]) -> Floats:
    """A silhouette apart from its place, its size and where it looks: symmetric sums of a 16 x 16 cut-out."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    cut_out = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    high, wide = cut_out.shape
    inside = np.zeros((max(high, wide), max(high, wide)))
    inside[:high, :wide] = cut_out
    steps = ((np.arange(16) + 0.5) / 16 * len(inside)).astype(int)
    cut = inside[steps][:, steps]
    width = max(1, round(16 * wide / len(inside)))
    flipped = cut.copy()
    flipped[:, :width] = cut[:, :width][:, ::-1]
    return cut + flipped


def test_that_the_shape_tells_the_species(thousand: Pictures) -> None:
    shapes = np.stack([profile(mask).ravel() for mask in masks(thousand)])
    assert neighbours(shapes, thousand.labels) > 0.6


def test_that_individuals_of_a_species_are_light_and_dark(thousand: Pictures) -> None:
    grey = thousand.pictures_u8.mean(1)
    for label in range(10):
        here = thousand.labels == label
        light = np.array([picture[mask].mean() for picture, mask in zip(grey[here], masks(thousand)[here])])
        assert light.std() > 25 and 90 < light.mean() < 165, NAMES[label]


# ---- masks --------------------------------------------------------------------------------------------------------------


def spans(pictures: Pictures, axis: int) -> NDArray[np.int64]:
    """How many columns (axis 1) or rows (axis 2) of each picture the animal takes."""
    return masks(pictures).any(axis).sum(1)


def test_that_every_animal_is_in_its_picture_and_large_enough_to_see(thousand: Pictures) -> None:
    wide, tall = spans(thousand, 1) / 48, spans(thousand, 2) / 48
    assert wide.max() < 0.84 and tall.max() < 0.95
    assert (np.maximum(wide, tall) > 0.42).all() and np.percentile(wide, 95) > 0.7
    edges = masks(thousand)[:, [0, -1]].any() or masks(thousand)[:, :, [0, -1]].any()
    assert not edges


def test_that_animals_are_anywhere_and_look_both_ways(thousand: Pictures) -> None:
    rows, columns = masks(thousand).any(0).any(1), masks(thousand).any(0).any(0)
    assert rows.mean() > 0.9 and columns.mean() > 0.9
    giraffes = masks(thousand)[thousand.labels == NAMES.index("giraffe")]
    heads = np.array([np.flatnonzero(mask[mask.any(1).argmax()]).mean() for mask in giraffes])
    middles = np.array([np.flatnonzero(mask.any(0)).mean() for mask in giraffes])
    assert 0.35 < (heads > middles).mean() < 0.65


def test_that_a_mask_is_all_that_the_animal_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animals, "_draw_shadow", lambda artist, bones: None)
    with_animals = load(tmp_path / "with", size=64)
    monkeypatch.setattr(creatures, "draw_animal", lambda artist, species, bones: None)
    without = load(tmp_path / "without", size=64)
    changed = np.abs(with_animals.pictures_u8.astype(int) - without.pictures_u8).max(1)
    inside = masks(with_animals)
    assert not masks(without).any()
    far = changed[grown(inside) < 1]  # more than a pixel away; parts thinner than a pixel are only sometimes animal
    assert (far > 0).sum() < 0.01 * inside.sum() and far.max() < 100
    assert (changed[inside] > 8).mean() > 0.95
    assert (changed > 8).sum() < 1.35 * inside.sum()


def grown(masks_NHW: NDArray[np.bool_]) -> NDArray[np.int64]:
    """By a pixel in all directions."""
    padded = np.pad(masks_NHW, ((0, 0), (1, 1), (1, 1))).astype(int)
    size = masks_NHW.shape[1]
    return np.max([padded[:, y : y + size, x : x + size] for y in range(3) for x in range(3)], axis=0)


# ---- the copy in the workspace ------------------------------------------------------------------------------------------


def refuse(*arguments: Any) -> None:
    raise AssertionError("drawn again")


def test_that_a_second_start_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(tmp_path)
    assert (tmp_path / first.cache).is_file()
    monkeypatch.setattr(creatures, "draw", refuse)
    again = load(tmp_path)
    assert same(first, again) and again.files_sha256 == first.files_sha256 and again.cache == first.cache


@pytest.mark.parametrize("harm", ["a bit", "the end", "all", "the digest", "no digest"])
def test_that_a_damaged_copy_is_drawn_again(tmp_path: Path, harm: str) -> None:
    first = load(tmp_path)
    copy = tmp_path / first.cache
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    harms = {"a bit": bytes(content), "the end": copy.read_bytes()[:-100], "all": b""}
    if harm in harms:
        copy.write_bytes(harms[harm])
    elif harm == "the digest":
        copy.with_suffix(".json").write_text('{"sha256": 3}')
    else:
        copy.with_suffix(".json").unlink()
    assert same(load(tmp_path), first)
    assert creatures._cached(copy) is not None


def test_that_what_was_asked_names_the_copy_and_how_it_is_split_does_not(tmp_path: Path) -> None:
    first = load(tmp_path)
    assert load(tmp_path, split_seed=3, label_noise=0.2, test_share=0.3).cache == first.cache
    others = [load(tmp_path, **other) for other in ({"pictures": 61}, {"size": 33}, {"seed": 1})]
    assert len({first.cache, *(other.cache for other in others)}) == 4
    assert len({first.files_sha256, *(other.files_sha256 for other in others)}) == 4


def test_that_another_drawing_is_another_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(tmp_path)
    monkeypatch.setattr(creatures, "DRAWING", creatures.DRAWING + 1)
    assert load(tmp_path).cache != first.cache


def test_that_somebody_is_told_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creatures, "TOGETHER", 2 * 32**2)
    heard: list[tuple[int, int]] = []
    creatures.load(asked(), tmp_path, lambda done, total: heard.append((done, total)), 2)
    assert heard == [(0, 60), (0, 60), (20, 60), (40, 60), (60, 60)]


def test_that_whoever_is_told_can_end_it_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creatures, "TOGETHER", 1)

    def enough(done: int, total: int) -> None:
        if done >= 30:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        creatures.load(asked(), tmp_path, enough)
    assert list(tmp_path.iterdir()) == []


def test_that_more_than_the_memory_holds_is_refused_before_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creatures, "draw", refuse)
    with pytest.raises(RecipeError, match=r"data\.pictures.*1,000,000 pictures of 224 x 224 px.*ask for fewer or smaller"):
        load(tmp_path, pictures=1_000_000, size=224)


def test_that_a_split_has_as_many_of_every_species(tmp_path: Path) -> None:
    drawn = load(tmp_path, pictures=200)
    parts = split_as_asked(drawn, asked(pictures=200))
    for part, each in ((parts.train, 14), (parts.val, 2), (parts.test, 4)):
        assert np.bincount(drawn.labels[part], minlength=10).tolist() == [each] * 10
