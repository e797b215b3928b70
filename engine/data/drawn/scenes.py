"""What is behind the animals: sorts of places, their ground and sky, and what stands about. It knows nothing of the species.

Shapes: B pictures, S their side in pixels, n and m a lattice's.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.drawn.bones import Bone, coverage, distance_from
from engine.data.drawn.frames import Frame
from engine.data.drawn.numbers import Floats, between, from_hsl, lifted, unit
from engine.data.drawn.paper import Paper


class Kind(NamedTuple):
    """A sort of place. Hue, saturation and lightness above the horizon and below; how uneven, and how much stands about."""

    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    free: float  # how far hues may be from those
    soft: float  # height of the horizon's blur
    uneven: tuple[float, float, float, float, float]  # one for each of LATTICES
    blades: float  # chances of each possible one
    stones: float
    trunks: float
    blobs: float


CALM, FEW = 0.35, 0.15  # how far a ground is from its sky, and how much of what may stand about does
LATTICES = ((4, 4), (11, 11), (25, 25), (32, 7), (9, 40))  # rows and columns of random values, smoothly interpolated
NOISES = sum(rows * columns for rows, columns in LATTICES) + 3 * 4 * 4  # random values, the last ones for tints
KINDS = (
    Kind((0.57, 0.30, 0.76), (0.27, 0.24, 0.45), 0.04, 0.18, (0.05, 0.05, 0.04, 0.00, 0.05), 0.8, 0.2, 0.0, 0.1),  # meadow
    Kind((0.12, 0.32, 0.80), (0.11, 0.32, 0.58), 0.04, 0.30, (0.04, 0.05, 0.04, 0.00, 0.06), 0.7, 0.3, 0.1, 0.1),  # savanna
    Kind((0.57, 0.25, 0.80), (0.10, 0.38, 0.66), 0.03, 0.06, (0.06, 0.03, 0.03, 0.07, 0.00), 0.1, 0.6, 0.0, 0.2),  # desert
    Kind((0.60, 0.16, 0.66), (0.58, 0.20, 0.86), 0.04, 0.12, (0.05, 0.05, 0.02, 0.03, 0.00), 0.2, 0.4, 0.4, 0.0),  # snow
    Kind((0.33, 0.22, 0.30), (0.12, 0.25, 0.36), 0.08, 0.15, (0.06, 0.07, 0.05, 0.00, 0.03), 0.4, 0.3, 0.8, 0.1),  # wood
    Kind((0.05, 0.38, 0.68), (0.75, 0.14, 0.36), 0.10, 0.35, (0.05, 0.04, 0.03, 0.04, 0.00), 0.3, 0.3, 0.1, 0.2),  # dusk
    Kind((0.50, 0.20, 0.70), (0.50, 0.20, 0.52), 1.00, 0.60, (0.05, 0.02, 0.02, 0.00, 0.00), 0.0, 0.1, 0.0, 0.5),  # a wall
    Kind((0.30, 0.18, 0.55), (0.30, 0.18, 0.50), 1.00, 0.50, (0.06, 0.10, 0.07, 0.00, 0.00), 0.1, 0.3, 0.0, 0.6),  # moss
    Kind((0.55, 0.22, 0.72), (0.55, 0.28, 0.52), 0.08, 0.05, (0.04, 0.03, 0.02, 0.09, 0.00), 0.4, 0.4, 0.0, 0.1),  # a shore
)


class Scene(NamedTuple):
    sky_3B: Floats
    ground_3B: Floats
    horizon: Floats
    soft: Floats
    uneven: Floats  # [5, B]
    chances: Floats  # of blades, stones, trunks, blobs, [4, B]


def scene_of(u: Iterator[Floats], frame: Frame) -> Scene:
    kind = (next(u) * len(KINDS)).astype(np.int64)

    def of(values: Sequence[float]) -> Floats:
        return np.array(values, np.float32)[kind]

    def colour(values: Sequence[tuple[float, float, float]]) -> Floats:
        hue, saturation, light = (of(value) for value in zip(*values))
        hue = hue + between(next(u), -1, 1) * of([kind.free for kind in KINDS])
        return from_hsl(hue, saturation * between(next(u), 0.5, 1.4), light + between(next(u), -0.13, 0.13))

    sky, ground = colour([kind.sky for kind in KINDS]), colour([kind.ground for kind in KINDS])
    horizon = np.maximum(frame.floor - between(next(u), 0.06, 0.55), 0.04)
    strength, blur = between(next(u), 0.15, 0.4), between(next(u), 1.0, 3.0)
    uneven = np.stack([of([kind.uneven[i] for kind in KINDS]) * strength for i in range(len(LATTICES))])
    ground = sky + np.float32(CALM) * (ground - sky)
    chances = [of(values) for values in zip(*((kind.blades, kind.stones, kind.trunks, kind.blobs) for kind in KINDS))]
    soft = of([kind.soft for kind in KINDS]) * blur
    return Scene(sky, ground, horizon, soft, uneven, np.float32(FEW) * np.stack(chances))


def background(scene: Scene, u: Iterator[Floats], size: int) -> tuple[Floats, Floats]:
    """Ground under a sky, [3, B, S, S], and the unevenness of middle size that fur shares, [B, S, S]."""
    waves = [_smooth(rows, columns, u, size) for rows, columns in LATTICES]
    height = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size))[:, None]
    share = unit((height + 0.16 * waves[0] - lifted(scene.horizon)) / lifted(scene.soft) + np.float32(0.5))
    shade = np.zeros_like(share)
    for wave, strength in zip(waves, scene.uneven):
        shade += wave * lifted(2 * strength)
    shade *= np.float32(0.3) + np.float32(0.7) * share  # skies are evener
    canvas = np.empty((3, *share.shape), np.float32)
    for colour, sky, ground in zip(canvas, scene.sky_3B, scene.ground_3B):
        colour[:] = lifted(sky) + share * lifted(ground - sky) + shade + np.float32(0.09) * _smooth(4, 4, u, size)
    return canvas, waves[2]


def _smooth(rows: int, columns: int, u: Iterator[Floats], size: int) -> Floats:
    """Random values about 0 on a lattice, [B, S, S], as smooth as quadratic splines."""
    values_Bnm = np.stack([next(u) for _ in range(rows * columns)], axis=1).reshape(-1, rows, columns) - np.float32(0.5)
    smooth: Floats = _weights(rows, size) @ values_Bnm @ _weights(columns, size).T
    return smooth


def _weights(count: int, size: int) -> Floats:
    """Quadratic B-splines of `count` knots at each pixel, [S, count]; times 1.5, for they flatten what they smooth."""
    at = (np.arange(size) + 0.5) / size * (count - 2) + 0.5
    off = np.abs(at[:, None] - np.arange(count))
    weights = np.where(off < 0.5, 0.75 - off * off, 0.5 * np.maximum(1.5 - off, 0) ** 2)
    return (1.5 * weights).astype(np.float32)


def clutter(paper: Paper, scene: Scene, u: Iterator[Floats]) -> None:
    """What stands about, from far to near."""
    blades, stones, trunks, blobs = scene.chances
    for _ in range(4):
        _stand(paper, next(u) < 0.8 * trunks, _tree(scene, u), scene.ground_3B * between(next(u), 0.35, 0.75), 0.85)
    for _ in range(3):
        grey = from_hsl(next(u), 0.15 * next(u), between(next(u), 0.25, 0.8))
        _stand(paper, next(u) < stones, _stone(scene, u), grey, 1.0)
    for _ in range(4):
        gaudy = from_hsl(next(u), 0.7 * next(u), between(next(u), 0.15, 0.85))
        _stand(paper, next(u) < blobs, _blob(u), gaudy, 0.9)
    for _ in range(12):
        _stand(paper, next(u) < blades, _blade(scene, u), scene.ground_3B * between(next(u), 0.45, 1.35), 0.8)


def _tree(scene: Scene, u: Iterator[Floats]) -> Bone:
    x, radius = next(u), between(next(u), 0.012, 0.045)
    foot = scene.horizon + between(next(u), -0.02, 0.12)
    return Bone(x, 0 * foot - 0.1, radius * 0.7, x + between(next(u), -0.05, 0.05), foot, radius)


def _stone(scene: Scene, u: Iterator[Floats]) -> Bone:
    x, y, radius = next(u), _on_ground(scene, next(u)), between(next(u), 0.015, 0.05)
    return Bone(x - 0.7 * radius, y, radius, x + between(next(u), 0.3, 1.2) * radius, y + 0.3 * radius, radius * 0.7)


def _blob(u: Iterator[Floats]) -> Bone:
    """Something as large and as gaudy as an animal's parts, anywhere."""
    x, y, radius = next(u), next(u), between(next(u), 0.02, 0.08)
    reach, to = between(next(u), 0.5, 3.0) * radius, between(next(u), 0, 6.28)
    return Bone(x, y, radius, x + reach * np.cos(to), y + reach * np.sin(to), radius * between(next(u), 0.4, 1.1))


def _blade(scene: Scene, u: Iterator[Floats]) -> Bone:
    x, y, tall = next(u), _on_ground(scene, next(u)), between(next(u), 0.04, 0.16)
    return Bone(x, y, 0 * x + 0.006, x + between(next(u), -0.5, 0.5) * tall, y - tall, 0 * x + 0.001)


def _on_ground(scene: Scene, share: Floats) -> Floats:
    return scene.horizon + between(share, 0.08, 1.05) * (1 - scene.horizon)


def _stand(paper: Paper, there: NDArray[np.bool_], bone: Bone, rgb_3B: Floats, cover: float) -> None:
    pictures = np.flatnonzero(there)
    if not len(pictures):
        return
    bone = Bone(*(value[pictures] for value in bone))
    window = paper.window([bone], pictures)
    distance, _ = distance_from(bone, window.x_B1w, window.y_Bh1)
    lower = unit((window.y_Bh1 - lifted(bone.by)) / lifted(bone.ra) + np.float32(0.5))
    light = np.float32(1.1) - np.float32(0.25) * lower
    covered = cover * coverage(distance, np.float32(1 / paper.size))
    paper.paint(window, covered, [lifted(colour) * light for colour in rgb_3B[:, pictures]])
