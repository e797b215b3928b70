"""Numbers to colours of pictures: attention, and the steps between the colours of a palette. Pure numpy.

Which palette is in force is theme.py's to say; pictures become pixmaps in widgets.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bytes = NDArray[np.uint8]


def magma(values: Floats) -> Bytes:
    """Values [h, w] in [0, 1] to RGB uint8 [h, w, 3] by the magma map; outside is clipped, NaN counts as 0."""
    steps = np.rint(255 * np.clip(np.nan_to_num(values), 0.0, 1.0)).astype(np.intp)
    return _magma_table()[steps]


def heat_over_grey(heat: Floats, luminance: Floats) -> Bytes:
    """A map [h, w] in [0, 1] over the grey picture it belongs to, luminance [h, w] in [0, 1]: 0.78 map, 0.22 grey."""
    mixed = 0.78 * magma(heat) + 0.22 * 255 * np.clip(luminance, 0.0, 1.0)[..., None]
    return np.rint(mixed).astype(np.uint8)


def ramp(colors: Sequence[str], values: Floats) -> Bytes:
    """Values [...] in [0, 1] to RGB uint8 [..., 3], straight between evenly spaced colours."""
    stops = np.linspace(0.0, 1.0, len(colors))
    channels = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors], dtype=np.float64)
    inside = np.clip(np.nan_to_num(values), 0.0, 1.0)
    return np.stack([np.rint(np.interp(inside, stops, channels[:, i])) for i in range(3)], axis=-1).astype(np.uint8)


@cache
def _magma_table() -> Bytes:
    from pyqtgraph import colormap  # only a window that shows a map pays for it

    table = colormap.get("magma").getLookupTable(0.0, 1.0, 256, alpha=False)
    return np.ascontiguousarray(table[:, :3], dtype=np.uint8)
