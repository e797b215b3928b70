"""Maps as colours for pictures that are written to disk: from nothing, dark, to the largest value, light (magma).

The window has a palette of its own in studio/color_maps.py. Shapes: h and w of a map, X any leading dimensions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

STOPS = ((0, 0, 4), (60, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191))


def coloured(maps_Xhw: NDArray[Any]) -> NDArray[np.uint8]:
    """RGB uint8 [X, h, w, 3]. Each map goes from 0 to its own largest value; one of zeros stays dark."""
    maps_Xhw = maps_Xhw.astype(np.float64)
    shares_Xhw = np.clip(maps_Xhw / np.maximum(maps_Xhw.max((-2, -1), keepdims=True), 1e-12), 0, 1)
    places = np.linspace(0, 1, len(STOPS))
    channels = [np.interp(shares_Xhw, places, [stop[channel] for stop in STOPS]) for channel in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours
