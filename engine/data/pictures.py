"""A decoded data set in memory, and the statistics its pictures are normalised with.

Shapes: N pictures, C channels, H and W pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pictures:
    """All pictures of a data set, before any split."""

    name: str
    pictures_u8: NDArray[np.uint8]  # [N, C, H, W]
    labels: NDArray[np.int64]  # [N]
    class_names: tuple[str, ...]
    files_sha256: str  # of what the pictures were decoded from; data.json and the split hashes rest on it
    cache: str  # file name of the decoded copy in the workspace's data folder

    def __post_init__(self) -> None:
        assert self.pictures_u8.dtype == np.uint8 and self.pictures_u8.ndim == 4, self.pictures_u8.shape
        assert self.labels.dtype == np.int64 and self.labels.shape == (len(self.pictures_u8),), self.labels.shape

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def channels(self) -> int:
        return int(self.pictures_u8.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.pictures_u8.shape[2]), int(self.pictures_u8.shape[3])


def channel_statistics(pictures_u8: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of pixels in [0, 1], from a histogram: exact, whatever the order.

    A channel that never changes gets 1 as its deviation, so that normalising it gives zeros.
    """
    means, deviations = [], []
    levels = np.arange(256) / 255
    for channel in np.moveaxis(pictures_u8, 1, 0):
        share = np.bincount(channel.ravel(), minlength=256) / channel.size
        mean = float((share * levels).sum())
        deviation = float(np.sqrt((share * (levels - mean) ** 2).sum()))
        means.append(mean)
        deviations.append(deviation if deviation > 1e-9 else 1.0)
    return tuple(means), tuple(deviations)
