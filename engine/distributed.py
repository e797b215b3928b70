"""Several processes that train one run together, a device each. Alone every call here gives back what it is given, and there
is no process group at all.

A step's pictures are divided among the ranks, so that together they hold the very batch that one process would have, and what
is a property of that whole batch is found from all of it: gradients, running statistics of BatchNorm, centres, assignments,
neighbours, what is shown. torch's DistributedDataParallel does the first of these alone, and wants the weights that get a
gradient to be the same in every step, which heads that learn alone at first are not. Its gain, sending gradients while others
are still computed, is not had here.

Each rank's loss is the mean over its own pictures and counts by their share of the batch. Nothing here waits for a GPU. How
ranks find and tell each other is in company.py.

Shapes: W ranks, B pictures of one rank's, X rows of any kind, however many each rank has, C channels, D features.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

EXCHANGE = 2**24  # numbers sent at once: 64 MB, beyond which one exchange is no quicker than two


def world() -> int:
    """How many ranks there are; 1 alone."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this process is; 0 alone."""
    return distributed.get_rank() if world() > 1 else 0


# ---- who has what of a step ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Portion:
    """Which of a step's `whole` pictures are this rank's: `own` of them, from `first` on."""

    first: int
    own: int
    whole: int

    @property
    def rows(self) -> slice:
        return slice(self.first, self.first + self.own)

    @property
    def share(self) -> float:
        return self.own / self.whole


def portion_of(whole: int) -> Portion:
    """This rank's: nearly equal ones, the first ranks have one more where it does not come out even."""
    each, more = divmod(whole, world())
    place = rank()
    return Portion(place * each + min(place, more), each + (place < more), whole)


_now: list[Portion] = []  # of the step that is being computed


@contextlib.contextmanager
def holding(portion: Portion) -> Iterator[None]:
    """While this lasts, what is drawn for each picture is drawn for the pictures of all ranks."""
    _now.append(portion)
    try:
        yield
    finally:
        _now.pop()


def kept_at_random(like_XTD: Tensor, kept: float) -> Tensor:
    """1 with probability `kept`, else 0, for each row: [X, 1, 1]. Rows are crop after crop of this rank's pictures; the
    numbers are those that one process would draw for them."""
    if world() == 1 or not _now:
        return like_XTD.new_empty(len(like_XTD), 1, 1).bernoulli_(kept)
    now = _now[-1]
    crops = len(like_XTD) // now.own
    return like_XTD.new_empty(crops, now.whole, 1, 1).bernoulli_(kept)[:, now.rows].flatten(0, 1)


# ---- what all ranks find together ---------------------------------------------------------------------------------------


class _Stacked(torch.autograd.Function):
    """Every rank's tensor in order of rank. A rank's gradient is what the losses of all say of its tensor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        everyone = x.new_empty((world(), *x.shape))
        distributed.all_gather(list(everyone.unbind()), x.contiguous())
        return everyone

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total[rank()]


def gather(x: Tensor) -> Tensor:
    """The tensors of all ranks, which have one shape, in order of rank: [W, ...]. Gradients find their way back."""
    if world() == 1:
        return x[None]
    found: Tensor = _Stacked.apply(x)
    return found


def gather_rows(x_BD: Tensor) -> tuple[Tensor, int]:
    """The rows that all ranks have of a step's pictures, in the order of one process, and where this rank's begin."""
    if world() == 1 or not _now:
        return x_BD, 0
    now = _now[-1]
    assert len(x_BD) == now.own, (x_BD.shape, now)
    most = -(-now.whole // world())
    everyone_WBD = gather(F.pad(x_BD, (0, 0, 0, most - len(x_BD))))
    counts = [now.whole // world() + (place < now.whole % world()) for place in range(world())]
    return torch.cat([rows_BD[:count] for rows_BD, count in zip(everyone_WBD, counts)]), now.first


def spread(x_XD: Tensor) -> Tensor:
    """The standard deviation of each column over the rows of all ranks, [D], without a gradient."""
    if world() == 1:
        return x_XD.std(dim=0, correction=0)
    with torch.no_grad():
        _, variance_D, _ = _moments(x_XD.float())
        return variance_D.sqrt()


def _moments(x_BC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance (not corrected) of each channel over the rows of all ranks, and their number [1]; one exchange, joined
    as Chan et al. 1979 do, since the mean of squares less the square of the mean forgets digits. Places count as rows."""
    channels, over = x_BC.shape[1], [0, *range(2, x_BC.ndim)]
    rows = x_BC.numel() // channels
    mean_C = x_BC.sum(dim=over) / max(1, rows)
    squares_C = (x_BC - _across(mean_C, x_BC)).square().sum(dim=over)
    told_WN = gather(torch.cat([mean_C, squares_C, mean_C.new_full((1,), rows)]))
    mean_WC, squares_WC, rows_W1 = told_WN.split([channels, channels, 1], dim=1)
    rows_1 = rows_W1.sum(dim=0)
    mean_C = (mean_WC * rows_W1).sum(dim=0) / rows_1
    return mean_C, (squares_WC + rows_W1 * (mean_WC - mean_C).square()).sum(dim=0) / rows_1, rows_1


def _across(values_C: Tensor, x_BC: Tensor) -> Tensor:
    """A number for each channel, where it meets pictures."""
    return values_C.view(1, -1, *[1] * (x_BC.ndim - 2))


def add_up(gradients: Sequence[Tensor], values: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Gradients of all ranks added in place; of the values, which count by `share`, the sums. Alone both stay as they are.

    Every rank calls this with as many gradients of the same shapes.
    """
    if world() == 1:
        return dict(values)
    shown = torch.stack([value.detach().float() * share for value in values.values()])
    for tensors in _exchanges([*gradients, shown]):
        whole = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(whole)
        parts = whole.split([tensor.numel() for tensor in tensors])
        torch._foreach_copy_(list(tensors), [part.view_as(tensor) for part, tensor in zip(parts, tensors)])
    return dict(zip(values, shown.unbind()))


def _exchanges(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """In portions of one type that are sent at once."""
    found: list[Tensor] = []
    for tensor in tensors:
        if found and (found[0].dtype != tensor.dtype or sum(map(torch.numel, found)) + tensor.numel() > EXCHANGE):
            yield found
            found = []
        found.append(tensor)
    yield found


# ---- BatchNorm ----------------------------------------------------------------------------------------------------------


def normalise_together(network: nn.Module) -> None:
    """Let every BatchNorm of it normalise by the batch of all ranks, as one process would. Alone nothing changes.

    torch's SyncBatchNorm does so on GPUs only, and drops what networks of timm do after it.
    """
    if world() > 1:
        for part in network.modules():
            if isinstance(part, _BatchNorm) and not isinstance(part, Together):
                part.__class__ = _together(type(part))


def _together(kind: type[_BatchNorm]) -> type[_BatchNorm]:
    """The kind as it is, but for how it normalises: names, weights and what follows in a forward of its own stay."""
    return type(f"{kind.__name__}Together", (Together, kind), {})


class Together(_BatchNorm):
    """BatchNorm over the pictures of all ranks while it trains."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            found: Tensor = super().forward(input)
            return found
        x_BC = input
        weight, bias = (
            x_BC.new_full((x_BC.shape[1],), value) if given is None else given
            for given, value in ((self.weight, 1.0), (self.bias, 0.0))
        )
        y_BC: Tensor
        y_BC, mean_C, variance_C, rows_1 = _Normalised.apply(x_BC, weight, bias, self.eps)
        if self.track_running_stats:
            self._follow(mean_C, variance_C * (rows_1 / (rows_1 - 1).clamp(min=1)))
        for after in ("drop", "act"):  # of timm's BatchNormAct2d
            y_BC = getattr(self, after)(y_BC) if isinstance(getattr(self, after, None), nn.Module) else y_BC
        return y_BC

    @torch.no_grad()
    def _follow(self, mean_C: Tensor, variance_C: Tensor) -> None:
        assert self.momentum is not None and self.running_mean is not None and self.running_var is not None
        self.running_mean.lerp_(mean_C.to(self.running_mean), self.momentum)
        self.running_var.lerp_(variance_C.to(self.running_var), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class _Normalised(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) x weight + bias over the rows of all ranks, and these mean, variance and rows
    (Ioffe and Szegedy 2015, arXiv:1502.03167). Gradients of weight and bias are of this rank's rows: they are added up later.
    """

    @staticmethod
    def forward(ctx: Any, x_BC: Tensor, weight_C: Tensor, bias_C: Tensor, eps: float) -> Any:
        wide_BC = _wide(x_BC)
        mean_C, variance_C, rows_1 = _moments(wide_BC)
        scale_C = (variance_C + eps).rsqrt()
        ctx.save_for_backward(x_BC, weight_C, mean_C, scale_C, rows_1)
        ctx.mark_non_differentiable(mean_C, variance_C, rows_1)
        y_BC = (wide_BC - _across(mean_C, x_BC)) * _across(scale_C * weight_C, x_BC) + _across(bias_C, x_BC)
        return y_BC.to(x_BC.dtype), mean_C, variance_C, rows_1

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x_BC, weight_C, mean_C, scale_C, rows_1 = ctx.saved_tensors
        over = [0, *range(2, x_BC.ndim)]
        gradient_BC = _wide(gradients[0])
        unit_BC = (_wide(x_BC) - _across(mean_C, x_BC)) * _across(scale_C, x_BC)
        own_2C = torch.stack([gradient_BC.sum(dim=over), (gradient_BC * unit_BC).sum(dim=over)])
        whole_2C = own_2C.clone()
        distributed.all_reduce(whole_2C)
        mean_2C = whole_2C / rows_1
        past_BC = gradient_BC - _across(mean_2C[0], x_BC) - unit_BC * _across(mean_2C[1], x_BC)
        x_gradient_BC = past_BC * _across(scale_C * weight_C, x_BC)
        return x_gradient_BC.to(x_BC.dtype), own_2C[1].to(weight_C), own_2C[0].to(weight_C), None


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
