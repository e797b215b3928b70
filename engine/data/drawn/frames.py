"""Where an animal stands in its picture: from its own frame (builds.py) to the picture's (paper.py), and back.

Shapes: B animals, h and w a window's rows and columns.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine.data.drawn.bones import Bone
from engine.data.drawn.builds import Skeleton
from engine.data.drawn.numbers import Floats, between, lifted
from engine.data.drawn.paper import Window


class Frame(NamedTuple):
    """Where the animal stands in its picture, [B] each: its hip, its size, which way it looks, its tilt."""

    x: Floats
    y: Floats
    scale: Floats  # of the picture's side for a trunk's length
    mirror: Floats  # 1 or -1
    cos: Floats
    sin: Floats
    floor: Floats  # height in the picture on which it stands
    left: Floats
    right: Floats

    def placed(self, bone: Bone) -> Bone:
        """The bone in the picture's frame."""
        return Bone(*self._to(bone.ax, bone.ay), bone.ra * self.scale, *self._to(bone.bx, bone.by), bone.rb * self.scale)

    def _to(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across, up = self.cos * x - self.sin * y, self.sin * x + self.cos * y
        return self.x + self.mirror * self.scale * across, self.y - self.scale * up

    def own(self, window: Window) -> tuple[Floats, Floats]:
        """A window's pixels in the animal's frame."""
        across = (window.x_B1w - lifted(self.x)) * lifted(self.mirror / self.scale)
        up = (lifted(self.y) - window.y_Bh1) / lifted(self.scale)
        cos, sin = lifted(self.cos), lifted(self.sin)
        return cos * across + sin * up, cos * up - sin * across


def every_bone(bones: Skeleton) -> list[Bone]:
    legs = [bone for pair in (bones.far_legs, bones.near_legs) for leg in pair for bone in leg]
    return [*legs, *bones.tail, bones.far_ear, *bones.trunk, *bones.head, bones.near_ear, bones.nose]


def frame_of(bones: Skeleton, u: Iterator[Floats]) -> Frame:
    """All of the animal is in the picture, 50 to 80 % of it wide, or less where it is taller than wide."""
    x, y, radius = (np.stack([value for bone in every_bone(bones) for value in (bone[i], bone[i + 3])]) for i in range(3))
    tilt = between(next(u), -0.14, 0.14)
    cos, sin = np.cos(tilt), np.sin(tilt)
    across, up = cos * x - sin * y, sin * x + cos * y
    low, high = (across - radius).min(0), (across + radius).max(0)
    below, above = (up - radius).min(0), (up + radius).max(0)
    scale = np.minimum(between(next(u), 0.5, 0.8) / (high - low), 0.88 / (above - below))
    mirror = np.where(next(u) < 0.5, np.float32(-1), np.float32(1))
    wide, tall = scale * (high - low), scale * (above - below)
    left = 0.02 + next(u) * (0.96 - wide)
    floor = 0.98 - 0.85 * next(u) * (0.96 - tall)
    return Frame(
        left - scale * np.where(mirror > 0, low, -high),
        floor + scale * below,
        scale,
        mirror,
        cos,
        sin,
        floor,
        left,
        left + wide,
    )
