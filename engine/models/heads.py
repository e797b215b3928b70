"""What is put on a network to learn without labels. The losses and who trains what are a method's.

Shapes: B pictures, D features, K prototypes.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class DinoHead(nn.Module):
    """DINO's head (Caron et al. 2021, arXiv:2104.14294, appendix C): an MLP, unit length, one prototype an output.

    `layers` linear layers, `hidden` wide, with GELUs between them, end in `bottleneck` features of length 1; `last` compares
    those with K prototypes of length 1, so that every logit is a cosine. `frozen_scale` keeps that length; without it each
    prototype learns its own. With `batch_norm` a BatchNorm stands before every GELU and brings its layer's bias.
    """

    def __init__(
        self,
        width: int,
        prototypes: int,
        hidden: int = 2048,
        bottleneck: int = 256,
        layers: int = 3,
        batch_norm: bool = False,
        frozen_scale: bool = True,
    ) -> None:
        super().__init__()
        _check(width=width, prototypes=prototypes, hidden=hidden, bottleneck=bottleneck, layers=layers)
        widths = [width, *[hidden] * (layers - 1)]
        inner = [part for pair in itertools.pairwise(widths) for part in _inner(*pair, batch_norm)]
        self.layers = nn.Sequential(*inner, nn.Linear(widths[-1], bottleneck))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                _initialise(layer)
        self.last = weight_norm(nn.Linear(bottleneck, prototypes, bias=False))  # directions as torch draws them
        length_K1 = self.last.parametrizations.weight.original0
        nn.init.ones_(length_K1)
        length_K1.requires_grad_(not frozen_scale)

    def forward(self, x_BD: Tensor) -> Tensor:
        """Logits, [B, K]; within [-1, 1] while the scale is frozen.

        Not in bfloat16, which has steps of 0.004 near 1: a teacher's temperature of 0.04 would make 0.1 of each.
        """
        inner_BD = self.layers(x_BD)
        with torch.autocast(x_BD.device.type, enabled=False):
            wide_BD = inner_BD if inner_BD.dtype == torch.float64 else inner_BD.float()
            logits_BK: Tensor = self.last(F.normalize(wide_BD, dim=-1))
        return logits_BK


def _inner(before: int, after: int, batch_norm: bool) -> list[nn.Module]:
    linear = nn.Linear(before, after, bias=not batch_norm)
    return [linear, nn.BatchNorm1d(after), nn.GELU()] if batch_norm else [linear, nn.GELU()]


def _initialise(linear: nn.Linear) -> None:
    nn.init.trunc_normal_(linear.weight, std=0.02)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)


def _check(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name}: {value} is below 1")
