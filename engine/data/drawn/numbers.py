"""Numbers of drawn pictures: shares, what broadcasts over pixels, colours. Others draw with them.

Shapes: B pictures drawn together.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]  # 32 bits, or drawing takes twice as long


def between(share: Floats, low: float, high: float) -> Floats:
    return low + (high - low) * share


def unit(value: Floats) -> Floats:
    """Cut off at 0 and 1."""
    inside: Floats = np.clip(value, 0, 1)
    return inside


def lifted(value_B: Floats) -> Floats:
    return value_B[:, None, None]


def from_hsl(hue: Floats, saturation: Floats, light: Floats) -> Floats:
    """HSL to red, green and blue, [3, ...], all in [0, 1]."""
    light = np.clip(light, 0.02, 0.97)
    half = saturation * np.minimum(light, 1 - light)
    turns = [(offset + 12 * hue) % 12 for offset in (0.0, 8.0, 4.0)]
    return np.stack([light - half * np.clip(np.minimum(turn - 3, 9 - turn), -1, 1) for turn in turns]).astype(np.float32)


def lightness(rgb: Floats) -> Floats:
    grey: Floats = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]
    return grey
