"""A small convolutional network for pictures from 8 to 64 px, quick enough for one CPU thread.

Shapes: B images, D features, h and w of the last maps (4 px a side at 8 px, 8 px at 64).
"""

from torch import Tensor, nn

from engine.models.pooled import Pooled, by_pixel


def small_cnn(classes: int, channels: int, size: int, width: int = 32) -> nn.Module:
    """Three blocks of 3 x 3 convolution, BatchNorm and ReLU, `width`, `width` and twice `width` channels wide."""
    if not 8 <= size <= 64:
        raise ValueError(f"size: small_cnn takes pictures from 8 to 64 px, not {size}; resnet takes larger ones")
    if width < 1:
        raise ValueError(f"width: {width} is below 1")
    return SmallCnn(classes, channels, size, width)


class SmallCnn(Pooled):
    """Halves the picture after the first block, after the second from 16 px, before the first from 32 px."""

    def __init__(self, classes: int, channels: int, size: int, width: int) -> None:
        super().__init__()
        self.embed_dim = 2 * width
        self.blocks = nn.Sequential(
            *_block(channels, width, stride=2 if size >= 32 else 1),
            nn.MaxPool2d(2),
            *_block(width, width),
            nn.MaxPool2d(2) if size >= 16 else nn.Identity(),
            *_block(width, 2 * width),
        )
        self.classify = nn.Linear(2 * width, classes)

    def maps(self, x_BCHW: Tensor) -> Tensor:
        """The last feature maps, [B, D, h, w]."""
        maps: Tensor = self.blocks(by_pixel(x_BCHW))
        return maps


def _block(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)  # BatchNorm brings the bias
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
