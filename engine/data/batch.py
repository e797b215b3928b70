"""One step's pictures, as methods receive them."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B images, C channels.

    pictures_BCHW: float, varied and normalised; labels_B: int64; index_B: int64, places in the training set.
    """

    pictures_BCHW: Tensor
    labels_B: Tensor
    index_B: Tensor
