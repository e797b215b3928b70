"""The formulas behind a verdict: scores, calibration, the paired bootstrap, Holm, McNemar. Arithmetic on arrays only.

Which runs are compared with which, and what is said of it in words, is left to compare.py.

Shapes: S seeds, N pictures, K classes, R resamples, U distinct columns. Rates are fractions in [0, 1], logarithms natural.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

# Probabilities are clipped here before a logarithm, as the probes do: a certain mistake costs 87.3 nats, not infinity.
SMALLEST = float(np.finfo(np.float32).tiny)
CHUNK = 2_000_000  # numbers drawn at a time by the bootstrap: 16 MiB


def accuracy(probabilities_NK: Floats, labels_N: Ints) -> float:
    """Share of pictures whose likeliest class is the label; of equal classes the first counts."""
    return float(np.mean(probabilities_NK.argmax(1) == labels_N))


def negative_log_likelihoods(probabilities_NK: Floats, labels_N: Ints) -> Doubles:
    """-ln p(label) of each picture, [N] in nats; p is clipped at 1.2e-38."""
    right_N = probabilities_NK[np.arange(len(labels_N)), labels_N].astype(np.float64)
    return -np.log(np.maximum(right_N, SMALLEST))


def nll(probabilities_NK: Floats, labels_N: Ints) -> float:
    """Mean negative log-likelihood in nats; probabilities are clipped at 1.2e-38."""
    return float(negative_log_likelihoods(probabilities_NK, labels_N).mean())


def brier(probabilities_NK: Floats, labels_N: Ints) -> float:
    """Mean squared distance from the one-hot label, summed over the classes: 0 is perfect, 2 the worst (Brier 1950)."""
    distance_NK = probabilities_NK.astype(np.float64)
    distance_NK[np.arange(len(labels_N)), labels_N] -= 1.0
    return float(np.square(distance_NK).sum(1).mean())


@dataclass(frozen=True, eq=False)
class Reliability:
    """One bar a bin; an empty bin has count 0 and NaN, because it has no mean."""

    edges: Doubles  # [bins + 1]
    count: Ints  # [bins]
    confidence: Doubles  # mean probability of the predicted class
    accuracy: Doubles

    @property
    def ece(self) -> float:
        """Expected calibration error: |accuracy - confidence| weighted by the bins' shares (Guo et al. 2017)."""
        full = self.count > 0
        gaps = np.abs(self.accuracy[full] - self.confidence[full])
        return float((self.count[full] * gaps).sum() / self.count.sum())


def reliability(probabilities_NK: Floats, labels_N: Ints, bins: int = 15) -> Reliability:
    """The reliability diagram of the top label in equal bins ((m-1)/bins, m/bins] of its probability."""
    confidence_N = probabilities_NK.max(1).astype(np.float64)
    correct_N = (probabilities_NK.argmax(1) == labels_N).astype(np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    bin_N = np.searchsorted(edges[1:-1], confidence_N, side="left")
    count: Ints = np.bincount(bin_N, minlength=bins)
    share: Doubles = np.where(count > 0, 1.0 / np.maximum(count, 1), np.nan)
    confidence: Doubles = np.bincount(bin_N, confidence_N, bins) * share
    accuracy: Doubles = np.bincount(bin_N, correct_N, bins) * share
    return Reliability(edges, count, confidence, accuracy)


def ece(probabilities_NK: Floats, labels_N: Ints, bins: int = 15) -> float:
    """Expected calibration error of the top label in 15 equal bins, in [0, 1]."""
    return reliability(probabilities_NK, labels_N, bins).ece


class Difference(msgspec.Struct, frozen=True):
    """The paired difference a - b of a mean score; positive means that a scores more."""

    mean: float
    standard_error: float | None  # sd over seeds of the paired differences / sqrt(seeds); None for one seed
    low: float  # 95 % percentile interval of the bootstrap
    high: float
    p: float
    seeds: int
    pictures: int
    per_seed: tuple[float, ...]


def two_way_bootstrap(a_SN: ArrayLike, b_SN: ArrayLike, resamples: int = 10_000, seed: int = 0) -> Difference:
    """Interval and p of mean(a) - mean(b), where row s of both is seed s and column n of both is picture n.

    Every resample draws S seeds and N pictures with replacement and takes the mean difference over both (the pigeonhole
    bootstrap, Owen 2007). p is twice the smaller tail beyond zero, at most 1, at least 1/resamples. Any score a picture
    serves, not only right or wrong. Same arguments, same bits; exchanging a and b changes the sign alone.
    Raises ValueError when the shapes differ, nothing is there, or a score is not finite.

    How often it errs, measured: the share of p < 0.05 where both recipes are the same one (simulated, 300 to 4,000 data
    sets a number, accuracy 0.94, 540 and 10,000 pictures). It hangs on the sd of accuracy over seeds, in units of
    sqrt(a (1 - a) / N), which is what drawing N pictures explains:

        sd over seeds    0.7     0.9     1.3     2.4     4.7     the pictures explain nothing
        3 seeds          0.01    0.02    0.05    0.14    0.21    0.25
        5 seeds          0.00    0.01    0.04    0.10    0.12    0.17
        10 seeds         0.00    0.01    0.02    0.06    0.09    0.10

    So it is cautious where networks differ by a few pictures, and liberal where whole networks differ: three seeds of one
    sign, one chance in four, then look certain, and no correction for the family mends that. More seeds do.
    """
    paired_SN = _paired(a_SN, b_SN)
    seeds, pictures = paired_SN.shape
    means_R = _resampled_means(paired_SN, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means_R, (0.025, 0.975))
    tail = min(float(np.mean(means_R <= 0)), float(np.mean(means_R >= 0)))
    per_seed = paired_SN.mean(1)
    error = float(per_seed.std(ddof=1) / math.sqrt(seeds)) if seeds > 1 else None
    p = min(1.0, max(2 * tail, 1 / resamples))
    mean = float(per_seed.mean())
    return Difference(mean, error, float(low), float(high), p, seeds, pictures, tuple(per_seed.tolist()))


def _paired(a_SN: ArrayLike, b_SN: ArrayLike) -> Doubles:
    a, b = np.asarray(a_SN, np.float64), np.asarray(b_SN, np.float64)
    if a.ndim != 2 or a.shape != b.shape or a.size == 0:
        raise ValueError(f"paired scores need two equal shapes [seeds, pictures], not {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a score is not finite, so the difference has no mean")
    paired: Doubles = a - b
    return paired


def _resampled_means(paired_SN: Doubles, resamples: int, random: np.random.Generator) -> Doubles:
    """[R] means of the resampled seeds and pictures, drawn CHUNK numbers at a time."""
    seeds, pictures = paired_SN.shape
    kinds_SU, share_U = _distinct_columns(paired_SN)
    few = len(share_U) < pictures / 8
    kept_SU = kinds_SU if few else paired_SN
    weight_RS = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    rows = max(1, CHUNK // kept_SU.shape[1])
    means_R = np.empty(resamples)
    for start in range(0, resamples, rows):
        weight = weight_RS[start : start + rows]
        drawn_RU = _draw_kinds(random, len(weight), pictures, share_U) if few else _draw(random, len(weight), pictures)
        means_R[start : start + rows] = (weight * (drawn_RU @ kept_SU.T)).sum(1)
    means_R /= seeds * pictures
    return means_R


def _draw(random: np.random.Generator, rows: int, pictures: int) -> Doubles:
    """How often each picture is drawn, [rows, N]."""
    drawn = random.integers(pictures, size=(rows, pictures)) + np.arange(rows)[:, None] * pictures
    return np.bincount(drawn.ravel(), minlength=rows * pictures).reshape(rows, pictures).astype(np.float64)


def _draw_kinds(random: np.random.Generator, rows: int, pictures: int, share_U: Doubles) -> Doubles:
    """How often each *kind* of picture is drawn, [rows, U]. Pictures with the same differences in all seeds are
    interchangeable, so this is the same draw, and thirty times faster where scores are only right or wrong."""
    return random.multinomial(pictures, share_U, size=rows).astype(np.float64)


def _distinct_columns(paired_SN: Doubles) -> tuple[Doubles, Doubles]:
    """The distinct columns and their shares, in order of first appearance: an order that the sign cannot change."""
    _, first, count = np.unique(paired_SN, axis=1, return_index=True, return_counts=True)
    order = np.argsort(first)
    return paired_SN[:, first[order]], count[order] / paired_SN.shape[1]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values in the given order: the family's chance of one false alarm stays below alpha (Holm 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = largest
    return adjusted


class McNemar(NamedTuple):
    """Two networks on the same pictures: how many only one of them gets right."""

    only_a: int
    only_b: int
    p: float


def mcnemar_exact(a_correct_N: ArrayLike, b_correct_N: ArrayLike) -> McNemar:
    """Two-sided exact binomial test of the discordant pictures (McNemar 1947).

    It speaks of these two networks, not of their recipes: never pool it over seeds.
    """
    a, b = np.asarray(a_correct_N, bool), np.asarray(b_correct_N, bool)
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    return McNemar(only_a, only_b, min(1.0, 2 * _binomial_tail(only_a + only_b, min(only_a, only_b))))


def _binomial_tail(n: int, k: int) -> float:
    """P(X <= k) for X ~ Binomial(n, 1/2), summed as logarithms because 2**-n underflows beyond n = 1074."""
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]
    top = max(logs)
    return math.exp(top - n * math.log(2)) * sum(math.exp(log - top) for log in logs)
