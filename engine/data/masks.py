"""Which patches of a crop are hidden from the student: blocks, as in BEiT (Bao et al. 2022, arXiv:2106.08254) and DINOv2.

Pure functions of their numbers, numpy alone. Which crops of a batch are masked at all, and how much of each, is decided
for the batch as a whole, as in DINOv2 (data/collate.py): exactly a share of them, their ratios spread evenly over a range.

Shapes: N crops, h and w patches a side, K numbers for each crop.
"""

import math

import numpy as np
from numpy.typing import NDArray

SMALLEST = 4  # patches in a block
ASPECT = 0.3  # the narrowest block; the widest is 1 / 0.3
LARGEST = 0.5  # of all patches in a block, however many are wanted (dinov2/train/train.py)
TRIES = 10  # for a block that fits, before the mask is left as it is
BLOCKS = 32  # at most; the official loop ends by itself long before
NUMBERS = 2 + 4 * TRIES * BLOCKS  # how many numbers in [0, 1) `masks` reads for a crop

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]


def masks(u_NK: Floats, height: int, width: int, probability: float, ratio: tuple[float, float]) -> Masks:
    """True where the student sees the mask token, [N, h * w], rows first.

    floor(N x probability) crops are masked: those with the smallest first numbers, so which ones is each crop's own affair.
    The i-th of them hides a share from the i-th of as many equal parts of `ratio`.
    """
    assert u_NK.ndim == 2 and u_NK.shape[1] >= NUMBERS, u_NK.shape
    assert 0 <= probability <= 1 and 0 <= ratio[0] <= ratio[1] <= 1, (probability, ratio)
    found = np.zeros((len(u_NK), height * width), dtype=np.bool_)
    many = int(len(u_NK) * probability)
    edges = np.linspace(*ratio, many + 1)
    for place, crop in enumerate(np.argsort(u_NK[:, 0], kind="stable")[:many]):
        share = edges[place] + (edges[place + 1] - edges[place]) * u_NK[crop, 1]
        found[crop] = blocks(u_NK[crop, 2:], height, width, int(height * width * share)).ravel()
    return found


def blocks(u_K: Floats, height: int, width: int, wanted: int) -> Masks:
    """A mask [h, w] of blocks laid over each other until `wanted` patches are hidden, or no further block fits; never more."""
    mask = np.zeros((height, width), dtype=np.bool_)
    for u_T4 in u_K[: 4 * TRIES * BLOCKS].reshape(BLOCKS, TRIES, 4):
        left = wanted - int(mask.sum())
        if left <= 0 or not _lay(mask, u_T4, min(left, LARGEST * mask.size)):
            break
    return mask


def _lay(mask: Masks, u_T4: Floats, most: float) -> bool:
    """One more block that hides between one and `most` patches more; False if none of the tries did."""
    height, width = mask.shape
    for area, shape, row, column in u_T4:
        size = SMALLEST + area * (most - SMALLEST)
        aspect = math.exp((2 * shape - 1) * math.log(1 / ASPECT))
        high, wide = round(math.sqrt(size * aspect)), round(math.sqrt(size / aspect))
        if high >= height or wide >= width:
            continue
        top, left = int(row * (height - high + 1)), int(column * (width - wide + 1))
        block = mask[top : top + high, left : left + wide]
        if 0 < block.size - int(block.sum()) <= most:
            block[...] = True
            return True
    return False
