"""Curves of several runs laid over each other: what is left of one, and the mean over seeds.

Shapes: S runs, X points.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from engine.state import Curve

Floats = NDArray[np.float64]


def kept(curve: Curve, scale: float = 1.0) -> tuple[Floats, Floats]:
    """Epochs times `scale`, ascending and distinct (the last of equals stays), and the values; nothing a resume abandoned."""
    x, y = np.round(curve.epochs[curve.kept] * scale, 6), curve.values[curve.kept]
    distinct, places = np.unique(x[::-1], return_index=True)
    return distinct, y[::-1][places]


def mean_over(runs: Sequence[tuple[Curve, float]]) -> tuple[Floats, Floats, Floats | None]:
    """Epochs (times each run's scale), mean and standard deviation over runs, None for one. Only epochs that all of them
    have measured: a mean over fewer and fewer runs would bend where one ends."""
    series = [kept(curve, scale) for curve, scale in runs]
    common = reduce(np.intersect1d, [x for x, _ in series])
    values_SX = np.stack([y[np.searchsorted(x, common)] for x, y in series])
    return common, values_SX.mean(0), values_SX.std(0, ddof=1) if len(series) > 1 else None
