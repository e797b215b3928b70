"""One step's pictures, as methods receive them."""

from dataclasses import dataclass

from torch import Tensor

from engine.distributed import Portion, portion_of


@dataclass(frozen=True)
class Batch:
    """B images, C channels, V crops of each.

    views: float [V, B, C, size, size], varied and normalised, one tensor for each kind of crop that the method wants to see;
    labels_B: int64; index_B: int64, places in the training set, on the CPU: what is drawn for a picture is drawn there.
    whole_N: the same of all processes' pictures of this step, in the order of one process; None where there is one.
    """

    views: tuple[Tensor, ...]
    labels_B: Tensor
    index_B: Tensor
    whole_N: Tensor | None = None

    @property
    def portion(self) -> Portion:
        """Which of the step's pictures these are."""
        return portion_of(len(self.index_B if self.whole_N is None else self.whole_N))

    @property
    def pictures_BCHW(self) -> Tensor:
        """The one view of methods that want one, or the first there is."""
        first_BCHW: Tensor = self.views[0][0]
        return first_BCHW
