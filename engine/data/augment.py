"""Pictures to what a network reads: small shifts, mirroring, normalising. On any device, and without torch's generator.

The random numbers come from order.uniforms, so a picture's view depends on (seed, epoch, picture, view) and not on its batch.

Shapes: B pictures, C channels, H and W pixels, K numbers for each picture.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

NUMBERS = 3  # how many numbers `augment` reads for a picture: row, column, mirror


def augment(pictures_BCHW_u8: Tensor, u_BK: Tensor, shift: int, flip: bool) -> Tensor:
    """Each picture moved by up to `shift` px a side, each of the (2 shift + 1)^2 places equally likely, and mirrored or not.

    `u_BK` holds numbers in [0, 1) (NUMBERS of them are read). What moves in from outside is black, as in the CIFAR
    protocol (pad, then crop). Still uint8.
    """
    assert pictures_BCHW_u8.dtype == torch.uint8 and pictures_BCHW_u8.ndim == 4, pictures_BCHW_u8.shape
    assert len(u_BK) == len(pictures_BCHW_u8) and u_BK.shape[1] >= NUMBERS, u_BK.shape
    if not shift and not flip:
        return pictures_BCHW_u8
    batch, channels, height, width = pictures_BCHW_u8.shape
    device = pictures_BCHW_u8.device
    places_B2 = _places(u_BK, shift).to(device)
    rows_BH = places_B2[:, :1] + torch.arange(height, device=device)
    columns_BW = places_B2[:, 1:] + torch.arange(width, device=device)
    if flip:
        mirrored_B1 = _mirrored(u_BK)[:, None].to(device)
        columns_BW = torch.where(mirrored_B1, columns_BW.flip(1), columns_BW)
    padded = F.pad(pictures_BCHW_u8, [shift] * 4)
    b, c = torch.arange(batch, device=device), torch.arange(channels, device=device)
    return padded[b[:, None, None, None], c[:, None, None], rows_BH[:, None, :, None], columns_BW[:, None, None, :]]


def drawn(u_BK: Tensor, shift: int, flip: bool) -> list[tuple[int, int, bool]]:
    """What `augment` shows of each picture: the row and column where it begins, below 0 outside, and whether it is mirrored."""
    tops, lefts = (_places(u_BK, shift) - shift).T.tolist()
    mirrored = (_mirrored(u_BK) if flip else torch.zeros(len(u_BK), dtype=torch.bool)).tolist()
    return list(zip(tops, lefts, mirrored))


def _places(u_BK: Tensor, shift: int) -> Tensor:
    """Row and column of the padded picture where each one begins, int64 [B, 2]."""
    return (u_BK[:, :2] * (2 * shift + 1)).long().clamp(max=2 * shift)  # a float32 u may round up to 1


def _mirrored(u_BK: Tensor) -> Tensor:
    return u_BK[:, 2] >= 0.5


def normalise(pictures_BCHW_u8: Tensor, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> Tensor:
    """(x / 255 - mean) / std in float32, a mean and a deviation for each channel; tensors on the device save a copy."""
    return standardise(pictures_BCHW_u8.float() / 255, mean, std)


def standardise(pictures_XCHW: Tensor, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> Tensor:
    """(x - mean) / std of pictures in [0, 1], float32, whatever dimensions X stand before the channels."""
    assert pictures_XCHW.shape[-3] == len(mean) == len(std), (pictures_XCHW.shape, mean, std)
    mean_C11, std_C11 = (
        torch.as_tensor(values, dtype=torch.float32, device=pictures_XCHW.device).reshape(-1, 1, 1) for values in (mean, std)
    )
    return (pictures_XCHW - mean_C11) / std_C11
