"""Pictures to the crops that a method without labels compares: cut out, resized, recoloured, blurred. On any device.

No generator: a crop is a function of its picture and of the numbers in [0, 1) it is given, which come from order.uniforms.
What DINO does is done in its order (Caron et al. 2021, DataAugmentationDINO), plus two steps that take colour away as a
clue. The steps themselves are in colours.py, normalising is in augment.py, and which crops it wants a method's `views` say.

The numbers stay on the CPU, and with them all that is decided by them: which crops a step is for, in what order, by how much.
A GPU hears the answers and is never asked for one, for then it would have to finish all that it was given before.

Shapes: V crops of each of B pictures, N = B V crops (all of a picture next to each other), n of them that are changed,
C channels, H and W pixels of a stored picture, S of a crop, K numbers for each crop, P pixels of a side, T tries.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from engine.data import colours
from engine.data.device import onto

ASPECT = (3 / 4, 4 / 3)  # width over height, as in Inception and everything since
BLUR_AT = 224  # size of crop at which DINO's radius goes from 0.1 to 2 px
BLUR_FROM, BLUR_TO = 0.1, 2.0
BLUR_VISIBLE = 1.0  # px; the largest radius never falls below it: 0.4 px on a crop of 48 would change nothing
TRIES = 10  # as in torchvision: boxes that stick out are drawn again so often, then the middle is taken
PORTION = {"cpu": 2**20}  # values of crops made at once: large steps are fast, as long as the cache holds them
PORTION_ELSEWHERE = 2**26  # 256 MiB

# Where a crop's numbers stand. A new step's numbers go to the end: then old runs repeat.
_SHAPE = slice(0, 2 * TRIES)  # area, aspect; area, aspect; ...
_PLACE = slice(20, 22)
_FLIP, _JITTER, _ORDER, _MIX, _GREY, _INVERT, _BLUR, _RADIUS, _SOLARIZE = range(22, 31)
_STRENGTHS = slice(31, 35)  # brightness, contrast, saturation, hue
_ROWS = slice(35, 44)
NUMBERS = 44

JITTER = (colours.brighter, colours.more_contrast, colours.more_colour, colours.turn)
FOR_GREY = 2  # how many of JITTER have something to do on pictures of one channel
Change = Callable[[Tensor, Tensor], Tensor]  # planes CnSS and what each crop asks for, to planes CnSS


@dataclass(frozen=True)
class View:
    """One kind of crop of a picture; all crops of one View have one size. From `flip` on: probabilities, strengths as said.

    `blur` and `solarize` have a probability for the first crop of the View, the second, ...; the last one holds for the rest.
    """

    count: int
    size: int
    scale: tuple[float, float]  # share of the picture's area
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4  # strengths, as torchvision's ColorJitter means them: a factor from 0.6 to 1.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1  # of a full turn, either way
    mix: float = 0.0
    grey: float = 0.2
    invert: float = 0.0
    blur: tuple[float, ...] = (1.0, 0.1)
    solarize: tuple[float, ...] = (0.0, 0.2)

    def __post_init__(self) -> None:
        assert self.count >= 1 and self.size >= 1 and self.blur and self.solarize, self
        assert 0 < self.scale[0] <= self.scale[1] <= 1 and 0 <= self.hue <= 0.5, self


def numbers(view: View) -> int:
    """How many numbers one crop reads: the same whatever it asks for, so that a changed probability moves nothing else."""
    return NUMBERS


@torch.no_grad()
def crops(pictures_NCHW_u8: Tensor, place_B: Tensor, u_VBK: Tensor, view: View) -> Tensor:
    """The crops of the pictures at `place_B`: float32 [V, B, C, S, S] in [0, 1], on the pictures' device.

    `u_VBK` holds numbers in [0, 1), `numbers(view)` for each crop, on the CPU. Pictures of one channel have no colour to vary.
    The same call gives the same bits. In another batch a crop may differ in the last ones: a matrix product may add in
    another order, and a pixel that this takes across the line where one solarises is then another one.
    """
    assert pictures_NCHW_u8.dtype == torch.uint8 and pictures_NCHW_u8.shape[1] in (1, 3), pictures_NCHW_u8.shape
    assert u_VBK.shape[:2] == (view.count, len(place_B)) and u_VBK.shape[2] >= NUMBERS, (u_VBK.shape, view.count, len(place_B))
    assert not u_VBK.is_cuda, "what is decided by these numbers is decided here"
    channels, height, width = pictures_NCHW_u8.shape[1:]
    device = pictures_NCHW_u8.device
    boxes_VB4, u_VBK = boxes(u_VBK, view, height, width), _below_one(u_VBK)
    found_VBCSS = torch.empty(view.count, len(place_B), channels, view.size, view.size, device=device)
    portion = max(PORTION.get(device.type, PORTION_ELSEWHERE) // (view.count * channels * view.size**2), 1)
    with torch.autocast(device.type, enabled=False):  # pictures in half precision would lose their last bits
        for some in (slice(first, first + portion) for first in range(0, len(place_B), portion)):
            pictures_BCHW_u8 = pictures_NCHW_u8.index_select(0, place_B[some])
            u_NK = _by_picture(u_VBK[:, some])
            boxes_N4, mirrored_N = _by_picture(boxes_VB4[:, some]), u_NK[:, _FLIP] < view.flip
            planes_CNSS = _cut(pictures_BCHW_u8, onto(boxes_N4, device), onto(mirrored_N, device), view.size)
            planes_CNSS = _varied(planes_CNSS, u_NK, view)
            found_VBCSS[:, some] = planes_CNSS.unflatten(1, (-1, view.count)).permute(2, 1, 0, 3, 4)
    return found_VBCSS


def _varied(planes_CNSS: Tensor, u_NK: Tensor, view: View) -> Tensor:
    """Everything that is done to a crop once it is cut out, in DINO's order."""
    planes_CNSS = _jittered(planes_CNSS, u_NK, view)
    if len(planes_CNSS) == 3:
        _change(planes_CNSS, u_NK[:, _MIX] < view.mix, colours.mixed, _rows(u_NK))
        _change(planes_CNSS, u_NK[:, _GREY] < view.grey, colours.greyed, u_NK[:, _GREY])
    _change(planes_CNSS, u_NK[:, _INVERT] < view.invert, colours.inverted, u_NK[:, _INVERT])
    _change(planes_CNSS, _chosen(u_NK[:, _BLUR], view.blur, view.count), colours.blurred, _radii(u_NK, view.size))
    _change(planes_CNSS, _chosen(u_NK[:, _SOLARIZE], view.solarize, view.count), colours.solarized, u_NK[:, _SOLARIZE])
    return planes_CNSS.clamp_(0, 1)  # sums of weights are 1 up to rounding


def drawn(u_VBK: Tensor, view: View, colours_there: bool) -> list[list[dict[str, float]]]:
    """What is done to each crop besides cutting it out, [V][B]: the step's name and 1, or the blur's radius in pixels.

    Pictures of one channel have no colours that could be mixed or left out.
    """
    u_NK = _by_picture(_below_one(u_VBK))
    steps = {
        "flip": u_NK[:, _FLIP] < view.flip,
        "jitter": u_NK[:, _JITTER] < view.jitter,
        "mix": (u_NK[:, _MIX] < view.mix) & colours_there,
        "grey": (u_NK[:, _GREY] < view.grey) & colours_there,
        "invert": u_NK[:, _INVERT] < view.invert,
        "blur": _chosen(u_NK[:, _BLUR], view.blur, view.count) * _radii(u_NK, view.size),
        "solarize": _chosen(u_NK[:, _SOLARIZE], view.solarize, view.count),
    }
    by_picture = {name: values_N.view(-1, view.count).float().tolist() for name, values_N in steps.items()}
    pictures = range(u_VBK.shape[1])
    return [
        [{name: rows[place][crop] for name, rows in by_picture.items() if rows[place][crop]} for place in pictures]
        for crop in range(view.count)
    ]


def _by_picture(x_VBX: Tensor) -> Tensor:
    """All crops of a picture next to each other, [N, ...]."""
    return x_VBX.transpose(0, 1).flatten(0, 1)


# Where a crop lies


def boxes(u_VBK: Tensor, view: View, height: int, width: int) -> Tensor:
    """What each crop shows of a picture of height x width, in pixels: top, left, height, width. Float [V, B, 4], not rounded.

    Area and aspect are uniform (the aspect's logarithm) among the boxes that fit, as in torchvision's RandomResizedCrop;
    where none of the tries fits, the middle of the picture at the nearest aspect allowed.
    """
    u_VBK = _below_one(u_VBK)
    u_VBT2 = u_VBK[..., _SHAPE].unflatten(-1, (TRIES, 2))
    low, high = view.scale
    area_VBT = height * width * (low + (high - low) * u_VBT2[..., 0])
    aspect_VBT = torch.exp(math.log(ASPECT[0]) + (math.log(ASPECT[1]) - math.log(ASPECT[0])) * u_VBT2[..., 1])
    sides_VBT2 = torch.stack([area_VBT / aspect_VBT, area_VBT * aspect_VBT], -1).sqrt().clamp(min=1)  # one pixel at least
    whole_2 = sides_VBT2.new_tensor([height, width])
    fits_VBT = (sides_VBT2 <= whole_2).all(-1)
    first_VB = fits_VBT.int().argmax(-1)
    drawn_VB2 = sides_VBT2.take_along_dim(first_VB[..., None, None], -2).squeeze(-2)
    fits_VB1 = fits_VBT.any(-1, keepdim=True)
    sides_VB2 = torch.where(fits_VB1, drawn_VB2, sides_VBT2.new_tensor(_middle(height, width)))
    corner_VB2 = torch.where(fits_VB1, u_VBK[..., _PLACE], 0.5) * (whole_2 - sides_VB2)
    return torch.cat([corner_VB2, sides_VB2], -1)


def _middle(height: int, width: int) -> tuple[float, float]:
    """The largest height and width whose aspect is allowed."""
    return min(height, width / ASPECT[0]), min(width, height * ASPECT[1])


def _below_one(u: Tensor) -> Tensor:
    """A float32 made of a float64 below 1 may be 1, and then even what is certain would not happen."""
    return u.float().clamp(max=1 - 2**-24)


def _cut(pictures_BCHW_u8: Tensor, boxes_N4: Tensor, mirrored_N: Tensor, size: int) -> Tensor:
    """The boxes of each picture, resized and mirrored: planes [C, N, S, S] in [0, 1], rows @ picture @ columns^T."""
    batch, _, height, width = pictures_BCHW_u8.shape
    top_N, left_N, height_N, width_N = boxes_N4.T
    rows_NSH = _weights(top_N, height_N, size, height, torch.zeros_like(mirrored_N))
    columns_NSW = _weights(left_N, width_N, size, width, mirrored_N)
    rows_BXH = rows_NSH.view(batch, -1, height)  # one product for the rows of all crops of a picture
    planes_CBHW = pictures_BCHW_u8.transpose(0, 1).float().div_(255)
    cut_CNSS = planes_CBHW.new_empty(len(planes_CBHW), len(boxes_N4), size, size)
    for plane_BHW, cut_NSS in zip(planes_CBHW, cut_CNSS):
        torch.bmm(torch.bmm(rows_BXH, plane_BHW).view(-1, size, width), columns_NSW.mT, out=cut_NSS)
    return cut_CNSS.clamp_(0, 1)  # a bicubic filter overshoots


def _weights(start_N: Tensor, length_N: Tensor, size: int, pixels: int, mirrored_N: Tensor) -> Tensor:
    """What each pixel of a side gives to each of `size` places of [start, start + length): [N, S, P], the sum over P is 1.

    Bicubic with a = -0.5, wider by the scale where it shrinks (antialiased): Pillow's filter and torchvision's. Only
    pixels whose centre lies in the box count, as if it had been cut out before. There is one, a box is no smaller.
    """
    steps_S = torch.arange(size, device=start_N.device) + 0.5
    steps_NS = torch.where(mirrored_N[:, None], size - steps_S, steps_S)
    scale_N1 = length_N[:, None] / size
    centres_NS = start_N[:, None] + steps_NS * scale_N1
    pixels_P = torch.arange(pixels, device=start_N.device) + 0.5
    outside_NP = (pixels_P < start_N[:, None]) | (pixels_P > (start_N + length_N)[:, None])
    pixels_NP = pixels_P.expand(len(start_N), -1).masked_fill(outside_NP, math.inf)
    away_NSP = (pixels_NP[:, None] - centres_NS[..., None]).mul_(1 / scale_N1.clamp(min=1)[..., None])
    return colours.summing_to_one(_bicubic_(away_NSP))


def _bicubic_(away: Tensor) -> Tensor:
    """Keys' kernel with a = -0.5 at these distances, in place.

    With t = (2 - |x|)+ and s = (1 - |x|)+ both pieces are one: t^2 (t - 1) / 2 + s^2 (1 - 2 s).
    """
    t = away.abs_().neg_().add_(2).clamp_(min=0)
    t_1 = t - 1
    s = t_1.clamp(min=0)
    far = t.square_().mul_(t_1).mul_(0.5)
    return far.addcmul_(t_1.copy_(s).square_(), s.mul_(-2).add_(1))


# What is done to its colours


def _change(planes_CNSS: Tensor, chosen_N: Tensor, change: Change, asked_N: Tensor) -> None:
    """The chosen crops changed, in place; `asked_N` says for each crop what `change` wants to know. Both are on the CPU."""
    index_n = chosen_N.nonzero().squeeze(1)
    if len(index_n):
        asked_n, index_n = (onto(some, planes_CNSS.device) for some in (asked_N.index_select(0, index_n), index_n))
        planes_CNSS.index_copy_(1, index_n, change(planes_CNSS.index_select(1, index_n), asked_n))


def _chosen(u_N: Tensor, probabilities: tuple[float, ...], count: int) -> Tensor:
    """Which crops a step is for whose probability depends on the crop's place in its View."""
    each_V = [probabilities[min(place, len(probabilities) - 1)] for place in range(count)]
    return (u_N.view(-1, count) < u_N.new_tensor(each_V)).flatten()


def _jittered(planes_CNSS: Tensor, u_NK: Tensor, view: View) -> Tensor:
    """Brightness, contrast, saturation and hue, in an order of its own for each crop.

    Four times over, the crops are laid so that those whose turn is the same step are neighbours: few large steps are several
    times as fast as many small ones.
    """
    strengths_4 = (view.brightness, view.contrast, view.saturation, view.hue)
    factors_N4, device = _factors(u_NK[:, _STRENGTHS], strengths_4), planes_CNSS.device
    lying_N = torch.arange(len(u_NK))
    for step_N in _steps(u_NK, view).T:
        index_N = step_N[lying_N].argsort(stable=True)
        planes_CNSS, lying_N = planes_CNSS.index_select(1, onto(index_N, device)), lying_N[index_N]
        sizes = torch.bincount(step_N, minlength=5).tolist()  # the fifth are left alone
        factor_N11 = onto(factors_N4[lying_N, step_N[lying_N].clamp(max=3), None, None], device)
        for step, planes_CnSS, factor_n11 in zip(range(4), planes_CNSS.split(sizes, 1), factor_N11.split(sizes)):
            if strengths_4[step] and len(factor_n11) and (step < FOR_GREY or len(planes_CnSS) == 3):
                JITTER[step](planes_CnSS, factor_n11)
    return planes_CNSS.index_select(1, onto(lying_N.argsort(), device))


def _steps(u_NK: Tensor, view: View) -> Tensor:
    """The steps of JITTER in each crop's order, [N, 4]; four times 4 for a crop that is left alone."""
    orders_X4 = torch.tensor(list(permutations(range(4))))
    steps_N4 = orders_X4[(u_NK[:, _ORDER] * len(orders_X4)).long()]
    return steps_N4.masked_fill(u_NK[:, _JITTER, None] >= view.jitter, 4)


def _factors(u_N4: Tensor, strengths_4: tuple[float, ...]) -> Tensor:
    """U(max(0, 1 - s), 1 + s) for brightness, contrast and saturation; a turn in U(-s, s) for the hue."""
    middle_4, strength_4 = u_N4.new_tensor([1, 1, 1, 0]), u_N4.new_tensor(strengths_4)
    low_4 = (middle_4 - strength_4).maximum(u_N4.new_tensor([0, 0, 0, -1]))
    return low_4 + (middle_4 + strength_4 - low_4) * u_N4


def _rows(u_NK: Tensor) -> Tensor:
    """A random matrix for each crop whose rows are uniform among positive weights that sum to 1, [N, 3, 3].

    Exponential numbers over their sum are (Devroye 1986). Grey stays grey, and nothing leaves [0, 1].
    """
    each_N33 = -torch.log1p(-u_NK[:, _ROWS].unflatten(1, (3, 3)).clamp(min=1e-7))
    return each_N33 / each_N33.sum(-1, keepdim=True)


def _radii(u_NK: Tensor, size: int) -> Tensor:
    """The deviation of each crop's Gaussian in pixels: DINO's, in proportion to the crop, but not too small to see."""
    largest = max(BLUR_TO * size / BLUR_AT, BLUR_VISIBLE)
    return BLUR_FROM + (largest - BLUR_FROM) * u_NK[:, _RADIUS]
