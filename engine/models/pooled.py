"""What convolutional networks here have in common: feature maps, their mean, one linear layer.

Shapes: B images, D features, K classes, h and w of the last maps.
"""

from torch import Tensor, nn


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
