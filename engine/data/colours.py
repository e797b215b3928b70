"""What is done to the colours of crops: each step as torchvision and Pillow define it, for many crops at once.

Which crops, by how much and in what order is crops.py's affair. Colours are planes, [C, n, ...] instead of [n, C, ...], in
[0, 1]: each colour of all crops lies in one piece. A few large steps over them cost what arithmetic costs, not what calls do.

Shapes: C channels of n crops, S pixels a side, X whatever stands there.
"""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's grey; torchvision rounds the first to 0.2989
BRIGHT = 128 / 255  # what is at least as bright is solarised

# In place, as ColorJitter's: planes CnSS and a factor for each crop, [n, 1, 1]


def brighter(planes_CnSS: Tensor, factor_n11: Tensor) -> None:
    planes_CnSS.mul_(factor_n11).clamp_(0, 1)


def more_contrast(planes_CnSS: Tensor, factor_n11: Tensor) -> None:
    """Away from the crop's mean brightness, or towards it."""
    mean_n11 = luma(planes_CnSS.mean((-2, -1), keepdim=True))
    planes_CnSS.mul_(factor_n11).add_((1 - factor_n11) * mean_n11).clamp_(0, 1)


def more_colour(planes_CnSS: Tensor, factor_n11: Tensor) -> None:
    """Away from each pixel's grey, or towards it."""
    grey_nSS = luma(planes_CnSS).mul_(1 - factor_n11)
    planes_CnSS.mul_(factor_n11).add_(grey_nSS).clamp_(0, 1)


def turn(planes_CnSS: Tensor, turn_n11: Tensor) -> None:
    """The hue of HSV turned; value and saturation, so each pixel's highest and lowest, stay.

    On a circle of six sectors red lies at 0, green at 2, blue at -2. A channel is at its highest up to one sector from its
    own place, at its lowest from two on, and on a straight line between. So a hue's distance from red is 1 + (what green
    and blue have above the lowest, less what red has) in spreads, on green's side or on blue's: no cases, which cost most.
    """
    red, green, blue = planes_CnSS
    low = red.minimum(green).minimum(blue)
    spread = red.maximum(green).maximum(blue).sub_(low)
    hue = (green + blue).sub_(red).sub_(low).div_(spread.clamp(min=1e-12)).add_(1)  # of a grey pixel any will do
    hue.copysign_(green - blue).add_(6 * turn_n11)
    hue.sub_((hue / 6).round_(), alpha=6)  # back into [-3, 3]
    near_CnSS = torch.stack([hue, hue - 2, hue + 2]).abs_().sub_(3).abs_().clamp_(1, 2)  # 3 - the distance, the short way round
    torch.addcmul(low.sub_(spread), spread, near_CnSS, out=planes_CnSS)


# To new planes: planes CnSS and what each crop asks for, [n, ...]


def mixed(planes_CnSS: Tensor, rows_n33: Tensor) -> Tensor:
    """Each colour a mixture of all three, as its row says."""
    mixed_CnSS: Tensor = torch.einsum("ncd,dnhw->cnhw", rows_n33, planes_CnSS)
    return mixed_CnSS


def greyed(planes_CnSS: Tensor, _: Tensor) -> Tensor:
    return luma(planes_CnSS).expand_as(planes_CnSS)


def inverted(planes_CnSS: Tensor, _: Tensor) -> Tensor:
    return 1 - planes_CnSS


def solarized(planes_CnSS: Tensor, _: Tensor) -> Tensor:
    """What is bright turned into its negative, as Pillow's solarize at 128."""
    return torch.where(planes_CnSS >= BRIGHT, 1 - planes_CnSS, planes_CnSS)


def blurred(planes_CnSS: Tensor, deviation_n: Tensor) -> Tensor:
    """A Gaussian over rows and columns as two products; at the edges over what there is."""
    places_S = torch.arange(planes_CnSS.shape[-1], device=planes_CnSS.device)
    squares_SS = (places_S[:, None] - places_S).square().float()
    exponents_nSS = (squares_SS * (-0.5 / deviation_n[:, None, None] ** 2)).clamp_(min=-50)  # denormal numbers would be slow
    weights_nSS = summing_to_one(exponents_nSS.exp_())
    return torch.stack([torch.bmm(torch.bmm(weights_nSS, plane_nSS), weights_nSS.mT) for plane_nSS in planes_CnSS])


def summing_to_one(weights_nXX: Tensor) -> Tensor:
    """Each row over its sum, in place."""
    return weights_nXX.div_(weights_nXX.sum(-1, keepdim=True))


def luma(planes_CnXX: Tensor) -> Tensor:
    """Brightness as the eye weighs colours, [n, ...]; of one channel that channel."""
    if len(planes_CnXX) == 1:
        return planes_CnXX[0].clone()
    red, green, blue = planes_CnXX
    weighed: Tensor = (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
    return weighed
