"""Where fur has the colour of its markings: a coat is a function of where a pixel lies on a part of an animal.

Shapes: B animals, h and w a window's rows and columns.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from engine.data.drawn.bones import coverage
from engine.data.drawn.numbers import Floats, unit


class Spot(NamedTuple):
    """Where the pixels of a part are on it, [B, h, w]; and the individual's own numbers, [B, 1, 1] each."""

    x: Floats  # in the animal's frame
    y: Floats
    along: Floats  # trunk and tail from their root, legs from the top, in their lengths; the head from its middle, in radii
    across: Floats  # trunk: from -1 at the belly to 1 at the back; head: upwards, in radii
    soft: Floats  # a pixel's side, in lengths of the trunk
    numbers: Sequence[Floats]


Coat = Callable[[Spot], Floats]  # how much of a pixel has the colour of the markings


def _band(value: Floats, low: float | Floats, high: float | Floats, soft: Floats) -> Floats:
    """1 from low to high, with edges `soft` wide."""
    return unit(np.minimum(value - low, high - value) / soft + np.float32(0.5))


def _stripes(value: Floats, period: float | Floats, share: float, soft: Floats) -> Floats:
    """Stripes `share` of a period wide, their middles at half periods."""
    turns = value / period
    off = np.abs(turns - np.floor(turns) - np.float32(0.5))
    return unit((np.float32(share / 2) - off) * period / soft + np.float32(0.5))


def plain(spot: Spot) -> Floats:
    return np.zeros_like(spot.along)


def everywhere(spot: Spot) -> Floats:
    return np.ones_like(spot.along)


def eye_patch(spot: Spot) -> Floats:
    x, y = (spot.along - 0.42) / 0.62, (spot.across - 0.2) / 0.5
    return unit((1 - np.sqrt(x * x + y * y)) * 0.1 / spot.soft + 0.5)


def blotches(spot: Spot) -> Floats:
    """Round spots of an individual, on a lattice that is shaken."""
    numbers, nearest = iter(spot.numbers), np.full_like(spot.along, 9)
    for column in range(7):
        for row in range(3):
            x = -0.13 + 0.2 * column + 0.12 * (next(numbers) - 0.5) + 0.1 * (row % 2)
            y = 0.17 - 0.17 * row + 0.1 * (next(numbers) - 0.5)
            off_x, off_y = spot.x - x, spot.y - y
            nearest = np.minimum(nearest, np.sqrt(off_x * off_x + off_y * off_y) - (0.045 + 0.04 * next(numbers)))
    return coverage(nearest, spot.soft)


def net(spot: Spot) -> Floats:
    """Large patches and narrow gaps between them: the sum of three waves, bent."""
    turn, bend = spot.numbers[0] * 6.28, spot.numbers[1] * 6.28
    x = (spot.x + 0.05 * np.sin(9 * spot.y + bend)) * 21
    y = (spot.y + 0.05 * np.sin(8 * spot.x + turn)) * 21
    height = np.cos(x + turn) + np.cos(0.5 * x + 0.87 * y + bend) + np.cos(0.5 * x - 0.87 * y + bend - turn)
    return unit((height + 0.75) / (25 * spot.soft) + 0.5)


def saddle(spot: Spot) -> Floats:
    front, back = 0.62 + 0.12 * spot.numbers[0], 0.02 + 0.12 * spot.numbers[1]
    return _band(spot.x + 0.05 * spot.across, back, front, spot.soft)


def rump_stripes(spot: Spot) -> Floats:
    return _stripes(spot.y + 0.35 * spot.x + 0.17 * spot.numbers[0], 0.17, 0.5, spot.soft) * _band(
        spot.x, -9, 0.2 - 0.2 * spot.y, spot.soft
    )


def leg_stripes(spot: Spot) -> Floats:
    return _stripes(spot.y + 0.2 * spot.x + 0.17 * spot.numbers[1], 0.17, 0.5, spot.soft) * _band(
        spot.along, 0.1, 0.9, spot.soft
    )


def back_stripes(spot: Spot) -> Floats:
    bent = spot.x + 0.06 * spot.across * spot.across + 0.1 * spot.numbers[0]
    return (
        _stripes(bent, 0.2, 0.4, spot.soft) * _band(spot.across, -0.35, 9, 5 * spot.soft) * _band(spot.x, -0.3, 0.95, spot.soft)
    )


def long_stripes(spot: Spot) -> Floats:
    return _stripes(spot.across + 0.2 * (spot.numbers[0] - 0.5), 0.85, 0.5, 5 * spot.soft)


def rings(spot: Spot) -> Floats:
    return _stripes(spot.along, 1 / 5.5, 0.5, spot.soft)


def shoulder_band(spot: Spot) -> Floats:
    return _band(spot.x - 0.1 * spot.y, 0.72 + 0.06 * spot.numbers[0], 1.12, spot.soft)


def throat_wedge(spot: Spot) -> Floats:
    """From the throat over the shoulder, narrowing towards the back."""
    off = np.abs(spot.y + 0.35 * spot.x - 0.23)
    return _band(off, -1, 0.02 + 0.09 * spot.x, spot.soft) * _band(spot.x, 0.1, 1.1, spot.soft)


def socks(spot: Spot) -> Floats:
    return _band(spot.along, 0.55, 9, 2 * spot.soft)


def tip(spot: Spot) -> Floats:
    return _band(spot.along, 0.68, 9, spot.soft)
