"""What convolutional networks here have in common: feature maps, their mean, one linear layer.

Shapes: B images, D features, K classes, h and w of the last maps.
"""

import torch
from torch import Tensor, nn


def by_pixel(x_BCHW: Tensor) -> Tensor:
    """The same pictures with the channels of a pixel side by side in memory, and so all maps that are made of them.

    On a CPU convolutions and pooling are 1.1 to 1.6 times as fast so. What suits a GPU depends on precision and was never tried
    here, and of one channel nothing is to be moved.
    """
    return x_BCHW.contiguous(memory_format=torch.channels_last) if x_BCHW.device.type == "cpu" else x_BCHW


class Pooled(nn.Module):
    """A subclass makes `classify`, D to K, and gives `maps`; class evidence is drawn between the two."""

    classify: nn.Linear

    def maps(self, x_BCHW: Tensor) -> Tensor:
        """The last feature maps, [B, D, h, w]."""
        raise NotImplementedError

    def head(self, maps_BDhw: Tensor) -> Tensor:
        """Logits from the mean over the map, [B, K]."""
        logits: Tensor = self.classify(maps_BDhw.mean(dim=(2, 3)))
        return logits

    def features(self, x_BCHW: Tensor) -> Tensor:
        """The mean over the last maps, [B, D]."""
        return self.maps(x_BCHW).mean(dim=(2, 3))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.head(self.maps(x_BCHW))
