"""Which patches are hidden: how many, in what shape, and that it depends on nothing but a crop's own numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import masks
from engine.data.order import uniforms


def numbers(count: int, seed: int = 0) -> masks.Floats:
    return uniforms(seed, 0, np.arange(count), 0, masks.NUMBERS)


@pytest.mark.parametrize(
    ("crops", "probability", "masked"), [(64, 0.5, 32), (7, 0.5, 3), (9, 0.0, 0), (9, 1.0, 9), (1, 0.5, 0)]
)
def test_that_exactly_a_share_of_the_crops_is_masked(crops: int, probability: float, masked: int) -> None:
    found = masks.masks(numbers(crops), 14, 14, probability, (0.1, 0.5))
    assert found.shape == (crops, 196) and found.dtype == np.bool_
    assert int(found.any(axis=1).sum()) == masked


def test_that_ratios_are_spread_over_the_range() -> None:
    found = masks.masks(numbers(400), 14, 14, 0.5, (0.1, 0.5))
    shares = np.sort(found[found.any(axis=1)].mean(axis=1))
    assert shares.min() >= 0.05 and shares.max() <= 0.5
    np.testing.assert_allclose(shares.mean(), 0.3, atol=0.03)
    np.testing.assert_allclose(np.quantile(shares, [0.25, 0.75]), [0.2, 0.4], atol=0.04)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 400), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_that_a_mask_never_hides_more_than_wanted(height: int, width: int, wanted: int, seed: int) -> None:
    assert masks.blocks(numbers(1, seed)[0, 2:], height, width, wanted).sum() <= max(0, wanted)


def test_that_a_single_block_is_a_rectangle_of_the_allowed_shape() -> None:
    for seed in range(50):
        mask = np.zeros((16, 16), dtype=np.bool_)
        assert masks._lay(mask, numbers(1, seed)[0, 2:42].reshape(10, 4), 60)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        high, wide = len(rows), len(columns)
        assert mask.sum() == high * wide and high * wide <= 60
        assert 0.15 < high / wide < 6  # 0.3 to 3.3, and rounded


def test_that_no_block_is_larger_than_half_of_a_crop_even_if_more_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in DINOv2's MaskingGenerator, whose max_num_patches is half of them."""
    grown, lay = [], masks._lay

    def watched(mask: masks.Masks, u_T4: masks.Floats, most: float) -> bool:
        before = mask.sum()
        found = lay(mask, u_T4, most)
        grown.append(int(mask.sum() - before))
        return found

    monkeypatch.setattr(masks, "_lay", watched)
    found = [masks.blocks(numbers(1, seed)[0, 2:], 12, 12, 130) for seed in range(40)]
    assert 60 < max(grown) <= 72 and max(mask.sum() for mask in found) > 100


def test_that_masks_are_blocks_and_not_dust() -> None:
    """A hidden patch has mostly hidden neighbours, which masking at random would not give."""
    found = masks.masks(numbers(100), 14, 14, 1.0, (0.3, 0.3)).reshape(-1, 14, 14)
    beside = (found[:, :, 1:] & found[:, :, :-1]).sum() / found[:, :, :-1].sum()
    assert beside > 0.6 > 0.3


def test_that_a_crop_keeps_its_blocks_in_another_order() -> None:
    u_NK = numbers(20)
    order = np.random.default_rng(0).permutation(20)
    one, other = (masks.masks(u, 8, 8, 0.5, (0.1, 0.5)) for u in (u_NK, u_NK[order]))
    np.testing.assert_array_equal(one[order], other)
