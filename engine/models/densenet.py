"""The densely connected network for small pictures (Huang et al. 2017, arXiv:1608.06993, section 3).

Shapes: B images, D features, h and w a quarter of the picture's.
"""

import torch
from torch import Tensor, nn

from engine.models.pooled import Pooled, by_pixel


def densenet(
    classes: int,
    channels: int,
    size: int,
    depth: int = 100,
    growth: int = 12,
    bottleneck: bool = True,
    reduction: float = 0.5,
) -> nn.Module:
    """Three dense blocks of n layers that add `growth` channels each; between them `reduction` of the channels stay.

    Depth is 6n+4 with bottlenecks (a 1 x 1 convolution to 4 `growth` channels before the 3 x 3), 3n+4 without. As it stands
    it is DenseNet-BC with 0.8 M weights; without bottlenecks and with a reduction of 1 it is the plain DenseNet.
    """
    layers = 6 if bottleneck else 3
    if depth < layers + 4 or (depth - 4) % layers:
        lower = max(layers + 4, 4 + layers * ((depth - 4) // layers))
        raise ValueError(f"depth: {depth} is not {layers}n+4; {lower} and {lower + layers} are")
    if growth < 1:
        raise ValueError(f"growth: {growth} is below 1")
    if not 0 < reduction <= 1:
        raise ValueError(f"reduction: {reduction:g} is outside (0, 1]")
    if size < 4:
        raise ValueError(f"size: densenet halves a picture twice and takes 4 px or more, not {size}")
    return Densenet(classes, channels, (depth - 4) // layers, growth, bottleneck, reduction)


class Densenet(Pooled):
    """A first convolution, three dense blocks with transitions between them, the mean over the last maps, one linear layer."""

    def __init__(self, classes: int, channels: int, layers: int, growth: int, bottleneck: bool, reduction: float) -> None:
        super().__init__()
        wide = 2 * growth if bottleneck and reduction < 1 else 16  # section 3: 16, twice the growth for DenseNet-BC
        self.stem = _convolution(channels, wide, 3)
        stages: list[nn.Module] = []
        for stage in range(3):
            stages += [Layer(wide + place * growth, growth, bottleneck) for place in range(layers)]
            wide += layers * growth
            if stage < 2:
                stages.append(_transition(wide, int(wide * reduction)))
                wide = int(wide * reduction)
        self.stages = nn.Sequential(*stages, nn.BatchNorm2d(wide), nn.ReLU(inplace=True))
        self.embed_dim = wide
        self.classify = nn.Linear(wide, classes)
        nn.init.zeros_(self.classify.bias)

    def maps(self, x_BCHW: Tensor) -> Tensor:
        """The last feature maps, [B, D, h, w]."""
        maps: Tensor = self.stages(self.stem(by_pixel(x_BCHW)))
        return maps


class Layer(nn.Module):
    """Reads everything there is and adds `growth` channels to it."""

    def __init__(self, before: int, growth: int, bottleneck: bool) -> None:
        super().__init__()
        wide = 4 * growth if bottleneck else before
        self.narrow = nn.Sequential(*_normed(before), _convolution(before, wide, 1)) if bottleneck else nn.Identity()
        self.grow = nn.Sequential(*_normed(wide), _convolution(wide, growth, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.grow(self.narrow(x))], dim=1)


def _transition(before: int, after: int) -> nn.Module:
    return nn.Sequential(*_normed(before), _convolution(before, after, 1), nn.AvgPool2d(2))


def _normed(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _convolution(before: int, after: int, side: int) -> nn.Conv2d:
    convolution = nn.Conv2d(before, after, side, padding=side // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
