"""Every random choice about pictures as a pure function of its coordinates; no stream, so nothing to save or to restore.

Resuming inside an epoch, another number of workers and the teacher's cache all rest on this (CONTRACT.md, Randomness).
Only 64-bit integer arithmetic of our own: numpy may change its generators' streams, and recorded runs must not notice.

Shapes: B pictures, K numbers for each.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: splitmix64's step

Words = NDArray[np.uint64]


def epoch_order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order in which epoch `epoch` sees pictures 0 to n-1: a permutation, a function of (seed, epoch, n) alone."""
    return np.argsort(words("order", seed, epoch, count=n), kind="stable").astype(np.int64)


def uniforms(seed: int, epoch: int, index_B: NDArray[np.int64], view: int, count: int) -> NDArray[np.float64]:
    """`count` numbers in [0, 1) for each picture and view, [B, count]; whatever else is in the batch."""
    pictures_B = np.asarray(index_B).astype(np.uint64)
    keys_B = _mix(pictures_B * np.uint64(_GOLDEN) + np.uint64(_key("augment", seed, epoch, view)))
    return _fractions(_streams(keys_B, count))


def words(purpose: str, *coordinates: int, count: int) -> Words:
    """`count` random 64-bit words that depend on the purpose and the coordinates and on nothing else."""
    keys = np.array([_key(purpose, *coordinates)], dtype=np.uint64)
    return _streams(keys, count).reshape(count)


def generator_seed(purpose: str, *coordinates: int) -> int:
    """A seed for torch.manual_seed, in [0, 2**63)."""
    return int(words(purpose, *coordinates, count=1)[0] >> np.uint64(1))


def _key(purpose: str, *coordinates: int) -> int:
    """64 bits for a purpose and its coordinates; equal integers for different purposes share nothing."""
    text = f"filial/{purpose}/" + "/".join(str(int(coordinate)) for coordinate in coordinates)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _streams(keys_B: Words, count: int) -> Words:
    """The first `count` outputs of splitmix64 (Steele et al. 2014) started from each key, [B, count]."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return _mix(keys_B[:, None] + steps)


def _mix(x: Words) -> Words:
    """splitmix64's finaliser: each bit of the input moves half of the output."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _fractions(x: Words) -> NDArray[np.float64]:
    """The upper 53 bits as a number in [0, 1)."""
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53
