"""A bone: two circles and all between them; how far a pixel is from one, from many grown together, from a chain.

Shapes: B animals, h and w a window's rows and columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.data.drawn.numbers import Floats, lifted, unit


class Bone(NamedTuple):
    """Two circles and all between them, [B] each."""

    ax: Floats
    ay: Floats
    ra: Floats
    bx: Floats
    by: Floats
    rb: Floats


def distance_from(bone: Bone, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """From the bone's edge, negative inside, and how far along it in [0, 1]; exact for circles of one radius."""
    ax, ay, ra, bx, by, rb = (lifted(value) for value in bone)
    run, rise = bx - ax, by - ay
    x, y = x - ax, y - ay
    along = unit((x * run + y * rise) / (run * run + rise * rise + 1e-9))
    x, y = x - along * run, y - along * rise
    return np.sqrt(x * x + y * y) - (ra + along * (rb - ra)), along


def melted(bones: Sequence[Bone], x: Floats, y: Floats, blend: float) -> Floats:
    """Distance from all of them, joints filled as skin does: the polynomial smooth minimum."""
    nearest, _ = distance_from(bones[0], x, y)
    for bone in bones[1:]:
        other, _ = distance_from(bone, x, y)
        share = np.maximum(blend - np.abs(nearest - other), 0)
        nearest = np.minimum(nearest, other) - share * share * (0.25 / blend)
    return nearest


def chained(bones: Sequence[Bone], x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Distance from a chain, and how far along the whole of it in [0, 1]."""
    nearest, along = distance_from(bones[0], x, y)
    for place, bone in enumerate(bones[1:], 1):
        other, further = distance_from(bone, x, y)
        along = np.where(other < nearest, place + further, along)
        nearest = np.minimum(nearest, other)
    return nearest, along / len(bones)


def coverage(distance: Floats, soft: Floats | np.float32) -> Floats:
    """How much of a pixel is inside, for distances and a pixel's side in one unit."""
    return unit(np.float32(0.5) - distance / soft)
