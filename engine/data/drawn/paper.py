"""What is drawn on, and where on it: only the window of the canvas in which a part lies is touched.

Shapes: B pictures, S their side in pixels, h and w a window's. A picture reaches from 0 to 1 in both directions, y downwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.drawn.bones import Bone
from engine.data.drawn.numbers import Floats, unit


class Window(NamedTuple):
    """The pixels of a part: their places in the flat canvas, [B, h, w], and where they lie in the picture."""

    place_Bhw: NDArray[np.intp]
    x_B1w: Floats
    y_Bh1: Floats


@dataclass(frozen=True, eq=False)
class Paper:
    """What is drawn on: colours, what of each pixel is animal, and an unevenness that fur shares with the ground."""

    rgb_3BSS: Floats
    animal_BSS: Floats
    grain_BSS: Floats

    @property
    def size(self) -> int:
        return int(self.rgb_3BSS.shape[-1])

    def window(self, bones: Sequence[Bone], pictures: NDArray[np.int64] | None = None) -> Window:
        """Around bones given in the frame of these pictures (all of them), as large for each as the largest needs."""
        size = self.size
        x, y, radius = (np.array([(bone[i], bone[i + 3]) for bone in bones]) for i in range(3))
        tops_Bh, y_Bh = _span((y - radius).min((0, 1)), (y + radius).max((0, 1)), size)
        lefts_Bw, x_Bw = _span((x - radius).min((0, 1)), (x + radius).max((0, 1)), size)
        starts_B = np.arange(len(tops_Bh)) if pictures is None else pictures
        rows_Bh = starts_B[:, None] * size**2 + tops_Bh * size
        return Window(rows_Bh[:, :, None] + lefts_Bw[:, None, :], x_Bw[:, None, :], y_Bh[:, :, None])

    def paint(self, window: Window, cover_Bhw: Floats, rgb: Sequence[Floats | np.float32]) -> None:
        """Colours, each broadcastable to [B, h, w], where `cover` is 1; half of them where it is a half."""
        for canvas_BSS, colour in zip(self.rgb_3BSS, rgb):
            canvas = canvas_BSS.reshape(-1)
            under = canvas[window.place_Bhw]
            canvas[window.place_Bhw] = under + cover_Bhw * (colour - under)

    def claim(self, window: Window, cover_Bhw: Floats) -> None:
        """These pixels are animal."""
        animal = self.animal_BSS.reshape(-1)
        animal[window.place_Bhw] = np.maximum(animal[window.place_Bhw], cover_Bhw)

    def finished(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        pictures = unit(self.rgb_3BSS) * np.float32(255) + np.float32(0.5)
        return pictures.astype(np.uint8).transpose(1, 0, 2, 3), self.animal_BSS >= 0.5


def _span(low_B: Floats, high_B: Floats, size: int) -> tuple[NDArray[np.int64], Floats]:
    """Rows or columns of windows, and where their middles lie: a pixel more on each side, for soft edges."""
    first_B = np.floor(low_B * size).astype(np.int64) - 1
    many = int(min(size, (np.ceil(high_B * size).astype(np.int64) + 1 - first_B).max()))
    pixels_Bw = np.clip(first_B, 0, size - many)[:, None] + np.arange(many)
    return pixels_Bw, (pixels_Bw.astype(np.float32) + np.float32(0.5)) * np.float32(1 / size)
