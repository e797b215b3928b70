"""Crops against torchvision and Pillow, step by step and as a whole, and what they promise about their numbers."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms.v2 import functional as tv

from engine.data import colours, crops
from engine.data.crops import View
from engine.data.order import uniforms

PLAIN = View(
    count=1, size=24, scale=(1, 1), flip=0, jitter=0, mix=0, grey=0, invert=0, blur=(0,), solarize=(0,)
)  # cut out and resized, and that is all
GLOBAL = View(count=2, size=48, scale=(0.4, 1))
LOCAL = View(count=6, size=24, scale=(0.05, 0.4), blur=(0.5,), solarize=(0,))


def noise(pictures: int = 8, channels: int = 3, height: int = 48, width: int = 48) -> Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (pictures, channels, height, width), dtype=np.uint8))


def smooth(pictures: int = 8, side: int = 48) -> Tensor:
    """Pictures of few frequencies, as photographs are, with every colour in them."""
    coarse = noise(pictures, 3, 6, 6).float()
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear").round().to(torch.uint8)


def drawn(view: View, batch: int, seed: int = 0) -> Tensor:
    """Numbers as a run draws them."""
    index_B = np.arange(batch)
    each = [uniforms(seed, 0, index_B, crop, crops.numbers(view)) for crop in range(view.count)]
    return torch.from_numpy(np.stack(each)).float()


def seen(pictures: Tensor, view: View, seed: int = 0) -> Tensor:
    return crops.crops(pictures, torch.arange(len(pictures)), drawn(view, len(pictures), seed), view)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Lets every crop lie in the box that the test wants: top, left, height, width."""

    def put(*box: float) -> None:
        monkeypatch.setattr(crops, "boxes", lambda u_VBK, view, height, width: torch.tensor(box).expand(*u_VBK.shape[:2], 4))

    return put


# Where a crop lies


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 300), st.integers(4, 300), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 10**6), st.booleans())
def test_that_a_box_lies_in_its_picture_and_is_as_large_and_as_wide_as_asked(height, width, one, other, seed, extreme):
    view = replace(PLAIN, count=3, scale=(min(one, other), max(one, other)))
    u_VBK = drawn(view, 16, seed)
    boxes = crops.boxes(u_VBK.round() if extreme else u_VBK, view, height, width)  # rounded: 0 and 1 alone, the worst there are
    top, left, tall, wide = boxes.double().unbind(-1)
    assert boxes.shape == (3, 16, 4) and boxes.dtype == torch.float32
    assert (boxes[..., :2] >= 0).all() and (boxes[..., 2:] >= 1).all()
    assert (top + tall <= height * (1 + 1e-6)).all() and (left + wide <= width * (1 + 1e-6)).all()
    free = (tall > 1.001) & (wide > 1.001)  # a side of less than a pixel is made one
    aspect = (wide / tall)[free]
    assert (aspect >= 3 / 4 - 1e-4).all() and (aspect <= 4 / 3 + 1e-4).all()
    middle = (top - (height - tall) / 2).abs() + (left - (width - wide) / 2).abs() < 1e-3  # none of the tries fitted
    area = (tall * wide / height / width)[free & ~middle]
    assert (area >= view.scale[0] - 1e-4).all() and (area <= view.scale[1] + 1e-4).all()


def apart(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Kolmogorov and Smirnov's distance, in units of its own spread: above 1.95 once in a thousand pairs of equals."""
    every = np.sort(np.concatenate([ours, theirs]))
    shares = [np.searchsorted(np.sort(some), every, side="right") / len(some) for some in (ours, theirs)]
    return float(np.abs(shares[0] - shares[1]).max() * math.sqrt(len(ours) * len(theirs) / (len(ours) + len(theirs))))


@pytest.mark.parametrize("scale", [(0.4, 1.0), (0.05, 0.4), (0.9, 1.0)])
@pytest.mark.parametrize(("height", "width"), [(3000, 3000), (3000, 2600)])
def test_that_areas_aspects_and_places_are_spread_as_torchvision_spreads_them(scale, height, width):
    torch.manual_seed(0)
    blank = torch.empty(1, height, 1).expand(1, height, width)
    theirs = np.array([RandomResizedCrop.get_params(blank, list(scale), [3 / 4, 4 / 3]) for _ in range(3000)], float)
    ours = crops.boxes(drawn(replace(PLAIN, scale=scale), 3000), replace(PLAIN, scale=scale), height, width)[0].double().numpy()
    measures = (lambda b: b[:, 2] * b[:, 3], lambda b: b[:, 3] / b[:, 2], lambda b: b[:, 0], lambda b: b[:, 1])
    for measure in measures:
        assert apart(measure(ours).round(3), measure(theirs).round(3)) < 1.95


def test_that_a_box_no_try_fits_is_the_middle_at_the_nearest_aspect():
    assert crops.boxes(drawn(PLAIN, 2), PLAIN, 48, 48).tolist() == [[[0, 0, 48, 48]] * 2]
    assert crops.boxes(drawn(PLAIN, 1), PLAIN, 30, 100).tolist() == [[[0, 30, 30, 40]]]
    assert crops.boxes(drawn(PLAIN, 1), PLAIN, 100, 30).tolist() == [[[30, 0, 40, 30]]]


# Cutting out


@pytest.mark.parametrize("mirrored", [0.0, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("stored", "size", "box"),
    [
        (48, 48, (3, 5, 40, 31)),
        (48, 24, (0, 0, 48, 48)),
        (48, 24, (7, 20, 10, 9)),
        (48, 17, (11, 2, 1, 46)),
        (64, 20, (9, 0, 50, 64)),
        (256, 224, (20, 31, 190, 211)),
        (256, 96, (100, 3, 60, 71)),
    ],
)
def test_that_a_cut_equals_torchvisions_on_whole_pixels(at, stored, size, box, channels, mirrored):
    pictures = noise(3, channels, stored, stored)
    at(*map(float, box))
    ours = seen(pictures, replace(PLAIN, size=size, flip=mirrored))[0]
    theirs = tv.resized_crop(pictures / 255, *box, [size, size], InterpolationMode.BICUBIC, antialias=True).clamp(0, 1)
    torch.testing.assert_close(ours, tv.horizontal_flip(theirs) if mirrored else theirs, atol=5e-5, rtol=0)


def test_that_a_cut_equals_pillows_up_to_its_rounding(at):
    picture = smooth(1)
    at(3.0, 5.0, 40.0, 31.0)
    ours = seen(picture, PLAIN)[0, 0].permute(1, 2, 0).numpy()
    image = Image.fromarray(picture[0].permute(1, 2, 0).numpy()).crop((5, 3, 36, 43))
    theirs = np.asarray(image.resize((24, 24), Image.Resampling.BICUBIC), float) / 255
    assert np.abs(ours - theirs).max() <= 1.1 / 255  # Pillow rounds after the columns and after the rows


def test_that_a_cut_between_pixels_equals_pillows_except_at_its_edges(at):
    picture = noise(1, 1, 64, 64)
    at(9.3, 4.6, 40.25, 50.8)
    ours = seen(picture, replace(PLAIN, size=32))[0, 0, 0].numpy()
    image = Image.fromarray(picture[0, 0].numpy().astype(np.float32) / 255)
    box = (4.6, 9.3, 4.6 + 50.8, 9.3 + 40.25)
    theirs = np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC, box=box)).clip(0, 1)
    inner = slice(3, -3)  # Pillow looks over the edge of the box, where the picture goes on
    assert np.abs(ours - theirs)[inner, inner].max() < 1e-5


def test_that_a_view_that_asks_for_nothing_gives_the_resized_picture():
    pictures = noise()
    same = seen(pictures, replace(PLAIN, size=48))
    torch.testing.assert_close(same[0], pictures / 255, atol=1e-6, rtol=0)
    theirs = tv.resize(pictures / 255, [24, 24], InterpolationMode.BICUBIC, antialias=True).clamp(0, 1)
    torch.testing.assert_close(seen(pictures, PLAIN)[0], theirs, atol=1e-5, rtol=0)


def test_that_crops_are_of_the_pictures_asked_for():
    pictures = noise()
    found = crops.crops(pictures, torch.tensor([5, 1, 5]), drawn(PLAIN, 3), PLAIN)
    torch.testing.assert_close(found[0], seen(pictures, PLAIN)[0, [5, 1, 5]])


# Colours


def planes(pictures: Tensor) -> Tensor:
    return (pictures / 255).transpose(0, 1).contiguous()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (colours.brighter, tv.adjust_brightness),
        (colours.more_contrast, tv.adjust_contrast),
        (colours.more_colour, tv.adjust_saturation),
    ],
)
def test_that_brightness_contrast_and_saturation_are_torchvisions(ours, theirs, channels):
    pictures, factors = noise(channels=channels), torch.linspace(0, 2, 8)
    changed = planes(pictures)
    ours(changed, factors[:, None, None])
    wanted = torch.stack([theirs(picture / 255, float(factor)) for picture, factor in zip(pictures, factors)], 1)
    torch.testing.assert_close(changed, wanted, atol=2e-4, rtol=0)  # 0.2989 and 0.299


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 255), min_size=3, max_size=3), st.floats(-0.5, 0.5, width=32))
def test_that_a_turned_hue_is_torchvisions(colour, turn):
    changed = (torch.tensor(colour) / 255).view(3, 1, 1, 1).clone()
    wanted = tv.adjust_hue(changed[:, 0], turn)
    colours.turn(changed, torch.full((1, 1, 1), turn))
    torch.testing.assert_close(changed[:, 0], wanted, atol=2e-5, rtol=0)


def test_that_a_hue_turned_by_thirds_moves_the_colours_round():
    changed = planes(noise())
    before = changed.clone()
    colours.turn(changed, torch.full((8, 1, 1), 1 / 3))
    torch.testing.assert_close(changed, before.roll(1, 0), atol=1e-5, rtol=0)


def test_that_grey_and_solarised_crops_are_torchvisions_and_pillows():
    pictures = noise()
    grey = colours.greyed(planes(pictures), torch.empty(0))
    torch.testing.assert_close(grey, planes(tv.rgb_to_grayscale(pictures / 255, 3) * 255), atol=2e-4, rtol=0)
    solar = colours.solarized(planes(pictures), torch.empty(0))
    torch.testing.assert_close(solar, planes(tv.solarize(pictures, 128)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("deviation", [0.1, 0.4, 1.0, 2.0])
def test_that_a_blur_is_torchvisions_away_from_the_edges(deviation):
    blurred = colours.blurred(planes(noise()), torch.full((8,), deviation))
    wanted = planes(tv.gaussian_blur(noise() / 255, [25, 25], [deviation, deviation]) * 255)
    inner = slice(12, -12)
    torch.testing.assert_close(blurred[..., inner, inner], wanted[..., inner, inner], atol=1e-5, rtol=0)


def test_that_a_blur_is_nearly_pillows():
    picture = smooth(1)
    ours = colours.blurred(planes(picture), torch.tensor([1.5]))[:, 0].permute(1, 2, 0).numpy()
    theirs = Image.fromarray(picture[0].permute(1, 2, 0).numpy()).filter(ImageFilter.GaussianBlur(1.5))
    assert np.abs(ours - np.asarray(theirs) / 255)[5:-5, 5:-5].max() < 3 / 255  # Pillow's is three boxes one after another


def test_that_a_blur_keeps_what_is_even():
    even = torch.full((3, 2, 24, 24), 0.7)
    torch.testing.assert_close(colours.blurred(even, torch.tensor([0.1, 2.0])), even)


def test_that_a_blur_reaches_from_a_tenth_of_a_pixel_to_two_at_224_and_to_one_on_small_crops():
    u_NK = torch.tensor([[0.0], [1.0]]).expand(2, crops.NUMBERS)
    assert crops._radii(u_NK, 224).tolist() == pytest.approx([0.1, 2])
    assert crops._radii(u_NK, 448).tolist() == pytest.approx([0.1, 4])
    assert crops._radii(u_NK, 48).tolist() == crops._radii(u_NK, 24).tolist() == pytest.approx([0.1, 1])


def test_that_mixed_channels_stay_between_the_colours_of_their_pixel_and_grey_stays_grey():
    view = replace(PLAIN, size=48, mix=1)
    coloured = noise()
    mixed, low, high = seen(coloured, view)[0], (coloured / 255).amin(1), (coloured / 255).amax(1)
    assert (mixed.amin(1) >= low - 1e-5).all() and (mixed.amax(1) <= high + 1e-5).all()
    assert (mixed - coloured / 255).abs().mean() > 0.1
    grey = noise(channels=1).expand(-1, 3, -1, -1)
    torch.testing.assert_close(seen(grey, view)[0], grey / 255, atol=1e-5, rtol=0)


def test_that_channels_are_mixed_uniformly_among_all_ways_to_mix_them():
    rows = crops._rows(drawn(PLAIN, 20_000)[0])
    assert rows.shape == (20_000, 3, 3) and (rows >= 0).all()
    torch.testing.assert_close(rows.sum(-1), torch.ones(20_000, 3))
    torch.testing.assert_close(rows.mean(0), torch.full((3, 3), 1 / 3), atol=0.006, rtol=0)
    torch.testing.assert_close(rows.var(0), torch.full((3, 3), 1 / 18), atol=0.002, rtol=0)  # Dirichlet (1, 1, 1)


# All of it together


def by_hand(picture: Tensor, u_K: Tensor, box: tuple[int, ...], view: View, place: int) -> Tensor:
    """DataAugmentationDINO with torchvision's functions and the choices that these numbers mean."""
    u = u_K.tolist()
    x = tv.resized_crop(picture / 255, *box, [view.size] * 2, InterpolationMode.BICUBIC, antialias=True).clamp(0, 1)
    x = tv.horizontal_flip(x) if u[crops._FLIP] < view.flip else x
    if u[crops._JITTER] < view.jitter:
        adjust = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
        strengths = (view.brightness, view.contrast, view.saturation, view.hue)
        for step in list(permutations(range(4)))[int(24 * u[crops._ORDER])]:
            swing = strengths[step] * (2 * u[crops._STRENGTHS][step] - 1)
            x = adjust[step](x, swing if step == 3 else 1 + swing)
    x = tv.rgb_to_grayscale(x, 3) if u[crops._GREY] < view.grey else x
    x = 1 - x if u[crops._INVERT] < view.invert else x
    if u[crops._BLUR] < view.blur[min(place, len(view.blur) - 1)]:
        deviation = 0.1 + (max(2 * view.size / 224, 1) - 0.1) * u[crops._RADIUS]
        x = tv.gaussian_blur(x, [13, 13], [deviation] * 2)
    return tv.solarize(x, 128 / 255) if u[crops._SOLARIZE] < view.solarize[min(place, len(view.solarize) - 1)] else x


@pytest.mark.parametrize(
    "view", [replace(GLOBAL, invert=0.3), replace(LOCAL, solarize=(0.5,)), replace(GLOBAL, solarize=(1,), jitter=1)]
)
@pytest.mark.parametrize("pictures", [smooth(40), noise(40)])
def test_that_a_whole_crop_equals_torchvisions_functions_one_after_another(at, view, pictures):
    box = (4, 9, 38, 33)
    at(*map(float, box))
    u_VBK = drawn(view, 40)
    ours = crops.crops(pictures, torch.arange(40), u_VBK, view)
    inner = slice(6, -6)  # torchvision's blur mirrors at the edges
    for v, b in np.ndindex(view.count, 40):
        off = (ours[v, b] - by_hand(pictures[b], u_VBK[v, b], box, view, v)).abs()[:, inner, inner]
        assert (off > 1e-3).float().mean() < 0.01, (v, b)  # a pixel at the very brightness where one solarises may differ


# What the numbers mean


@pytest.mark.parametrize("step", ["flip", "jitter", "mix", "grey", "invert"])
def test_that_a_step_happens_as_often_as_asked_and_changes_nothing_else(step):
    plain, pictures = replace(PLAIN, size=12, scale=(0.3, 1)), noise(2000, 3, 12, 12)
    unchanged = seen(pictures, plain)
    for chance in (0.0, 0.3, 1.0):
        happened = (seen(pictures, replace(plain, **{step: chance})) != unchanged).flatten(2).any(2).float().mean()
        assert abs(happened - chance) < 3.5 * math.sqrt(chance * (1 - chance) / 2000) + 1e-9


def test_that_each_step_happens_without_regard_to_the_others():
    plain, pictures = replace(PLAIN, size=8, scale=(0.3, 1)), noise(1000, 3, 8, 8)
    halves = {"flip": 0.5, "jitter": 0.5, "mix": 0.5, "grey": 0.5, "invert": 0.5, "blur": (0.5,), "solarize": (0.5,)}
    unchanged = seen(pictures, plain)
    happened = [(seen(pictures, replace(plain, **{step: half})) != unchanged).flatten(1) for step, half in halves.items()]
    together = torch.corrcoef(torch.stack([crop.view(1000, -1).any(1) for crop in happened]).float())
    assert (together - torch.eye(len(halves))).abs().max() < 4 / math.sqrt(1000)


@pytest.mark.parametrize("step", ["blur", "solarize"])
def test_that_blur_and_solarising_depend_on_the_place_of_the_crop(step):
    plain, pictures = replace(PLAIN, count=3, size=12, scale=(0.3, 1)), noise(2000, 3, 12, 12)
    changed = seen(pictures, replace(plain, **{step: (1.0, 0.1)})) != seen(pictures, plain)
    happened = changed.flatten(2).any(2).float().mean(1)
    spread = 3.5 * math.sqrt(0.1 * 0.9 / 2000)
    assert happened[1:].tolist() == pytest.approx([0.1, 0.1], abs=spread)  # the last one holds for the rest
    assert happened[0] == (1 if step == "solarize" else pytest.approx(1, abs=0.1))  # a tenth of a pixel blurs nothing


def test_that_dinos_first_crop_is_always_blurred_and_the_second_one_in_ten():
    assert GLOBAL.blur == (1.0, 0.1) and GLOBAL.solarize == (0.0, 0.2)
    chosen = crops._chosen(drawn(GLOBAL, 5000).transpose(0, 1).flatten(0, 1)[:, crops._BLUR], GLOBAL.blur, 2).view(5000, 2)
    assert chosen[:, 0].all() and chosen[:, 1].float().mean() == pytest.approx(0.1, abs=0.015)


def test_that_every_order_of_the_colour_steps_is_as_likely_as_another():
    steps = crops._steps(drawn(PLAIN, 12_000)[0], replace(PLAIN, jitter=1))
    orders, counts = steps.unique(dim=0, return_counts=True)
    assert len(orders) == 24 and counts.min() > 400 and counts.max() < 600
    assert (crops._steps(drawn(PLAIN, 100)[0], PLAIN) == 4).all()


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([1, 3]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 4),
    st.floats(0.01, 1),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_that_crops_of_any_size_are_numbers_from_nought_to_one(channels, height, width, size, count, low, seed, extreme):
    view = View(count, size, (low, 1.0), mix=0.5, invert=0.5, solarize=(0.5,))
    u_VBK = drawn(view, 5, seed)
    found = crops.crops(noise(5, channels, height, width), torch.arange(5), u_VBK.round() if extreme else u_VBK, view)
    assert found.shape == (count, 5, channels, size, size) and found.dtype == torch.float32 and found.is_contiguous()
    assert (found >= 0).all() and (found <= 1).all()


def test_that_a_number_rounded_up_to_one_still_lets_the_certain_happen():
    view = replace(PLAIN, size=48, invert=1.0)
    found = crops.crops(noise(1), torch.tensor([0]), torch.ones(1, 1, crops.NUMBERS), view)
    torch.testing.assert_close(found[0], 1 - noise(1) / 255, atol=1e-6, rtol=0)


def test_that_pictures_of_one_channel_skip_what_needs_colour():
    pictures = noise(channels=1)
    coloured = replace(GLOBAL, mix=1, grey=1, saturation=0.9, hue=0.5)
    without = replace(GLOBAL, mix=0, grey=0, saturation=0, hue=0)
    assert torch.equal(seen(pictures, coloured), seen(pictures, without))
    assert not torch.equal(seen(pictures, without), seen(pictures, replace(without, jitter=0)))


@pytest.mark.parametrize("view", [GLOBAL, LOCAL])
def test_that_the_same_call_gives_the_same_bits_and_asks_torch_for_no_random_number(view):
    before = torch.get_rng_state()
    assert torch.equal(seen(noise(), view), seen(noise(), view))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(seen(noise(), view), seen(noise(), view, seed=1))


@pytest.mark.parametrize("view", [replace(GLOBAL, solarize=(0,)), LOCAL])
def test_that_a_crop_does_not_depend_on_the_rest_of_its_batch(view):
    """Up to the last bits: products of other shapes may add in another order."""
    pictures, u_VBK = noise(64), drawn(view, 64)
    together = crops.crops(pictures, torch.arange(64), u_VBK, view)
    chosen = torch.tensor([40, 3, 17])
    torch.testing.assert_close(crops.crops(pictures, chosen, u_VBK[:, chosen], view), together[:, chosen], atol=1e-5, rtol=0)
    torch.testing.assert_close(crops.crops(pictures, chosen[:1], u_VBK[:, [40]], view), together[:, [40]], atol=1e-5, rtol=0)


def test_that_a_batch_done_in_portions_is_the_same_batch(monkeypatch):
    whole = seen(noise(), LOCAL)
    monkeypatch.setattr(crops, "PORTION", {"cpu": 3 * LOCAL.count * 3 * LOCAL.size**2})  # three pictures, three, two
    torch.testing.assert_close(seen(noise(), LOCAL), whole, atol=1e-5, rtol=0)


def test_that_half_precision_around_it_changes_nothing():
    with torch.autocast("cpu", torch.bfloat16):
        inside = seen(noise(), GLOBAL)
    assert inside.dtype == torch.float32 and torch.equal(inside, seen(noise(), GLOBAL))
