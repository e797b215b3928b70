"""A decoded data set in memory, and the statistics its pictures are normalised with.

Shapes: N pictures, C channels, H and W pixels, L levels of brightness.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PORTION = 2**22  # pixels counted together
Tell = Callable[[int, int], None]  # (pictures done, of how many); of 0 while nobody knows. It may raise, to end the reading


class Broken(NamedTuple):
    """A file or folder that gives no picture, and why: "is empty"."""

    file: str
    problem: str


@dataclass(frozen=True)
class Source:
    """What a person's own pictures were before they were decoded."""

    files: tuple[str, ...]  # [N], as they are shown: paths below the folder, with /
    modes: Mapping[str, int]  # as Pillow names them: RGB, L, I;16
    smallest: tuple[int, int]  # height and width
    largest: tuple[int, int]
    remarks: tuple[str, ...]  # what was left out, in words


@dataclass(frozen=True, eq=False)
class Pictures:
    """All pictures of a data set, before any split."""

    name: str
    pictures_u8: NDArray[np.uint8]  # [N, C, H, W]
    labels: NDArray[np.int64]  # [N]
    class_names: tuple[str, ...]
    files_sha256: str  # of what the pictures were decoded from; data.json and the split hashes rest on it
    cache: str  # file name of the decoded copy in the workspace's data folder
    given: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)  # places of what lies in a train, val or test folder
    broken: tuple[Broken, ...] = ()
    source: Source | None = None
    masks: NDArray[np.bool_] | None = None  # [N, H, W], True where the object is; only drawn sets know

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
    for counts in _counts_CL(pictures_u8):
        share = counts / counts.sum()
        mean = float((share * levels).sum())
        deviation = float(np.sqrt((share * (levels - mean) ** 2).sum()))
        means.append(mean)
        deviations.append(deviation if deviation > 1e-9 else 1.0)
    return tuple(means), tuple(deviations)


def _counts_CL(pictures_u8: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each level occurs in each channel. A portion at a time: bincount takes eight bytes a pixel while it counts."""
    counts_CL = np.zeros((pictures_u8.shape[1], 256), np.int64)
    many = max(1, PORTION // pictures_u8[0, 0].size)
    for start in range(0, len(pictures_u8), many):
        for counts, channel in zip(counts_CL, np.moveaxis(pictures_u8[start : start + many], 1, 0), strict=True):
            counts += np.bincount(channel.ravel(), minlength=256)
    return counts_CL
