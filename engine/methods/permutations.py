"""DKPP's permutations: for each picture a shuffle of all classes but the teacher's own, and which one it is.

Pure functions of their arguments, on any device and without waiting for it: no generator, so a picture's shuffle depends
neither on its place in the batch nor on the number of processes. The numbers are splitmix64's (Steele et al. 2014), as
in data/order.py; torch's integers wrap around as that needs.

Shapes: B images, K classes.
"""

import torch
from torch import Tensor

from engine.data.order import generator_seed


def draws(seed: int, index_B: Tensor, count: int) -> Tensor:
    """`count` random 64-bit integers for each picture, [B, count]: a function of the seed and the picture's index alone."""
    keys_B = _mix(index_B * _GOLDEN + generator_seed("dkpp", seed))
    steps = torch.arange(1, count + 1, device=index_B.device) * _GOLDEN
    return _mix(keys_B[:, None] + steps)


def permuted(teacher_BK: Tensor, draws_BK: Tensor) -> Tensor:
    """Each row with its largest entry where it is and the others in an order taken from `draws_BK`.

    Logits in, logits out: softmax does not mind the order. All (K - 1)! orders are equally likely: a shuffle of all K is
    followed by the swap that brings the largest entry home, and each result comes from K shuffles.
    """
    top_B1 = teacher_BK.argmax(dim=1, keepdim=True)
    order_BK = draws_BK.argsort(dim=1)
    in_its_place_B1 = order_BK.gather(1, top_B1)
    order_BK = order_BK.where(order_BK != top_B1, in_its_place_B1).scatter(1, top_B1, top_B1)
    return teacher_BK.gather(1, order_BK)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


_GOLDEN = _signed(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: splitmix64's step


def _mix(x: Tensor) -> Tensor:
    """splitmix64's finaliser: each bit of the input moves half of the output."""
    x = (x ^ _shifted(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shifted(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, zeros moving in: torch's own shift brings copies of the sign."""
    shifted: Tensor = (x >> bits) & (2 ** (64 - bits) - 1)
    return shifted
