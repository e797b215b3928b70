"""The residual network for small pictures: depth 6n+2 (He et al. 2016, arXiv:1512.03385, section 4.2).

Shortcuts carry no weights (the paper's option A). Shapes: B images, D features, h and w a quarter of the picture's.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.pooled import Pooled, by_pixel


def resnet(classes: int, channels: int, size: int, depth: int = 20, width: int = 16) -> nn.Module:
    """Three stages of n blocks, `width`, twice and four times `width` channels wide; 20 and 16 give ResNet-20."""
    if depth < 8 or (depth - 2) % 6:
        lower = max(8, 2 + 6 * ((depth - 2) // 6))
        raise ValueError(f"depth: {depth} is not 6n+2; {lower} and {lower + 6} are")
    if width < 1:
        raise ValueError(f"width: {width} is below 1")
    if size < 4:
        raise ValueError(f"size: resnet halves a picture twice and takes 4 px or more, not {size}")
    return Resnet(classes, channels, (depth - 2) // 6, width)


class Resnet(Pooled):
    """A first convolution, three stages, the mean over the last maps, one linear layer."""

    def __init__(self, classes: int, channels: int, blocks: int, width: int) -> None:
        super().__init__()
        self.embed_dim = 4 * width
        self.stem = nn.Sequential(_convolution(channels, width), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.stages = nn.Sequential(
            *_stage(width, width, blocks, stride=1),
            *_stage(width, 2 * width, blocks, stride=2),
            *_stage(2 * width, 4 * width, blocks, stride=2),
        )
        self.classify = nn.Linear(4 * width, classes)

    def maps(self, x_BCHW: Tensor) -> Tensor:
        """The last feature maps, [B, D, h, w]."""
        maps: Tensor = self.stages(self.stem(by_pixel(x_BCHW)))
        return maps


class Block(nn.Module):
    """Two convolutions beside a shortcut that drops every second pixel and pads new channels with zeros."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_convolution(before, after, stride), nn.BatchNorm2d(after), nn.ReLU(inplace=True))
        self.second = nn.Sequential(_convolution(after, after), nn.BatchNorm2d(after))
        self.stride, self.new_channels = stride, after - before

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.stride > 1 or self.new_channels:
            half = self.new_channels // 2
            shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.new_channels - half))
        return F.relu(shortcut + self.second(self.first(x)))


def _stage(before: int, after: int, blocks: int, stride: int) -> list[Block]:
    return [Block(before, after, stride), *(Block(after, after, 1) for _ in range(blocks - 1))]


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
