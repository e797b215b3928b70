"""Pictures, and where networks look, as rows of small tiles: what a report and TensorBoard show of an artifact.

Shapes: P pictures, C channels, H and W pixels, h and w of a map, S px of a tile.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.heat import coloured

TILE, GAP = 80, 4
Bytes = NDArray[np.uint8]


def pictures(pictures_PCHW: Bytes) -> list[Bytes]:
    """uint8 [H, W, 3] each."""
    rgb_PHW3 = np.moveaxis(pictures_PCHW, 1, 3)
    return list(np.repeat(rgb_PHW3, 3, axis=3) if rgb_PHW3.shape[3] == 1 else rgb_PHW3[..., :3])


def heat(maps_P: NDArray[Any]) -> list[Bytes]:
    """uint8 [h, w, 3] each, of maps [P, h, w] or, their mean over the heads, [P, heads, h, w]; each from nothing to its own
    largest value."""
    maps_Phw = maps_P.astype(np.float64)
    return list(coloured(maps_Phw.mean(1) if maps_Phw.ndim == 4 else maps_Phw))


def rows(strips: Sequence[Sequence[Bytes]]) -> Image.Image:
    """Rows of tiles, each S x S px whatever its picture's size, on nothing."""
    across, down = max(map(len, strips)), len(strips)
    whole = Image.new("RGBA", (across * (TILE + GAP) - GAP, down * (TILE + GAP) - GAP), (0, 0, 0, 0))
    for row, strip in enumerate(strips):
        for place, tile in enumerate(strip):
            small = Image.fromarray(tile).resize((TILE, TILE), Image.Resampling.NEAREST)
            whole.paste(small, (place * (TILE + GAP), row * (TILE + GAP)))
    return whole
