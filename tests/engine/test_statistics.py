"""Every formula against a loop anyone can read, one case by hand, and what the bootstrap does when nothing is there."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import statistics

HAND_NK = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.0, 0.0, 1.0]], np.float32)
HAND_N = np.array([0, 1, 0, 1])


def predictions(seed: int, pictures: int = 200, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    power_NK = np.exp(2 * random.normal(size=(pictures, classes)))
    probabilities_NK = (power_NK / power_NK.sum(1, keepdims=True)).astype(np.float32)
    return probabilities_NK, random.integers(classes, size=pictures)


def test_that_accuracy_nll_and_brier_are_right_by_hand():
    assert statistics.accuracy(HAND_NK, HAND_N) == 0.5
    likelihoods = [0.7, 0.8, 0.3, 2.0**-126]
    assert statistics.nll(HAND_NK, HAND_N) == pytest.approx(-sum(map(math.log, likelihoods)) / 4, rel=1e-6)
    distances = [0.09 + 0.04 + 0.01, 0.01 + 0.04 + 0.01, 0.49 + 0.09 + 0.16, 0.0 + 1.0 + 1.0]
    assert statistics.brier(HAND_NK, HAND_N) == pytest.approx(sum(distances) / 4, rel=1e-6)


def test_that_calibration_is_right_by_hand():
    # confidences 0.7, 0.8 (right) and 0.4, 1.0 (wrong): four bins of one picture each
    assert statistics.ece(HAND_NK, HAND_N) == pytest.approx((0.3 + 0.2 + 0.4 + 1.0) / 4, abs=1e-6)


def test_that_a_certain_mistake_costs_a_finite_number_of_nats():
    losses = statistics.negative_log_likelihoods(HAND_NK, HAND_N)
    assert losses[3] == pytest.approx(126 * math.log(2))
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("seed", range(3))
def test_that_the_scores_equal_naive_loops(seed: int):
    probabilities_NK, labels_N = predictions(seed)
    right = loss = distance = 0.0
    for row, label in zip(probabilities_NK.astype(np.float64).tolist(), labels_N.tolist()):
        right += row.index(max(row)) == label
        loss -= math.log(row[label])
        distance += sum((p - (k == label)) ** 2 for k, p in enumerate(row))
    assert statistics.accuracy(probabilities_NK, labels_N) == right / 200
    assert statistics.nll(probabilities_NK, labels_N) == pytest.approx(loss / 200, rel=1e-12)
    assert statistics.brier(probabilities_NK, labels_N) == pytest.approx(distance / 200, rel=1e-12)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_that_the_reliability_diagram_equals_a_naive_loop(bins: int):
    probabilities_NK, labels_N = predictions(4)
    found = statistics.reliability(probabilities_NK, labels_N, bins)
    error = 0.0
    for m in range(bins):
        inside = [
            (max(row), row.index(max(row)) == label)
            for row, label in zip(probabilities_NK.astype(np.float64).tolist(), labels_N.tolist())
            if m / bins < max(row) <= (m + 1) / bins
        ]
        assert found.count[m] == len(inside)
        if not inside:
            assert np.isnan(found.confidence[m]) and np.isnan(found.accuracy[m])
            continue
        confidence, accuracy = (sum(column) / len(inside) for column in zip(*inside))
        assert (found.confidence[m], found.accuracy[m]) == pytest.approx((confidence, accuracy), rel=1e-12)
        error += abs(accuracy - confidence) * len(inside) / 200
    assert found.ece == pytest.approx(error, rel=1e-12)
    assert found.count.sum() == 200 and len(found.edges) == bins + 1


def test_that_complete_confidence_falls_into_the_last_bin():
    certain_NK = np.eye(3, dtype=np.float32)
    found = statistics.reliability(certain_NK, np.arange(3))
    assert found.count[-1] == 3 and found.ece == 0.0


# The bootstrap -------------------------------------------------------------------------------------------------------


def every_resample(paired_SN: np.ndarray) -> np.ndarray:
    """The means of all S**S x N**N resamples, each as likely as the next."""
    seeds, pictures = paired_SN.shape
    return np.array(
        [
            paired_SN[np.ix_(some_seeds, some_pictures)].mean()
            for some_seeds in itertools.product(range(seeds), repeat=seeds)
            for some_pictures in itertools.product(range(pictures), repeat=pictures)
        ]
    )


@pytest.mark.parametrize(
    "paired",
    [
        [[0.5, -0.2, 0.4], [0.3, 0.1, -0.3]],
        [[1.0, 0.0, 0.0, -1.0], [1.0, 0.0, 1.0, 0.0]],
        [[2.0, -1.0], [0.5, 0.25], [-0.5, 1.0]],
    ],
)
def test_that_the_bootstrap_equals_the_exhaustive_one(paired: list[list[float]]):
    paired_SN = np.array(paired)
    means = every_resample(paired_SN)
    found = statistics.two_way_bootstrap(paired_SN, np.zeros_like(paired_SN), resamples=40_000)
    assert found.mean == pytest.approx(paired_SN.mean())
    assert found.p == pytest.approx(min(1.0, 2 * min(np.mean(means <= 0), np.mean(means >= 0))), abs=0.015)
    assert found.low == pytest.approx(np.quantile(means, 0.025), abs=0.03)
    assert found.high == pytest.approx(np.quantile(means, 0.975), abs=0.03)


@pytest.mark.parametrize("continuous", [False, True])
def test_that_both_ways_of_drawing_equal_a_plain_loop(continuous: bool):
    random = np.random.default_rng(5)
    paired_SN = random.normal(0.05, 0.5, (3, 60))
    if not continuous:  # every seed the same: three kinds of picture
        paired_SN = np.tile(random.choice([-1.0, 0.0, 0.0, 0.0, 1.0], 60), (3, 1))
    found = statistics.two_way_bootstrap(paired_SN, np.zeros_like(paired_SN), resamples=20_000)
    means = [paired_SN[np.ix_(random.integers(3, size=3), random.integers(60, size=60))].mean() for _ in range(20_000)]
    assert found.p == pytest.approx(2 * min(np.mean(np.array(means) <= 0), np.mean(np.array(means) >= 0)), abs=0.02)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), abs=0.01)


def test_that_the_standard_error_is_that_of_the_paired_seed_differences():
    a = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]
    b = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    found = statistics.two_way_bootstrap(a, b, resamples=200)
    assert found.per_seed == (0.75, 0.5, 0.25) and found.mean == 0.5
    assert found.standard_error == pytest.approx(0.25 / math.sqrt(3))
    assert (found.seeds, found.pictures) == (3, 4)


def test_that_one_seed_has_an_interval_but_no_standard_error():
    found = statistics.two_way_bootstrap([[1, 1, 1, 0]], [[0, 1, 0, 0]], resamples=500)
    assert found.standard_error is None
    assert found.low < 0.5 < found.high


def test_that_p_is_never_below_one_in_the_resamples_nor_above_one():
    ones, zeros = np.ones((3, 50)), np.zeros((3, 50))
    assert statistics.two_way_bootstrap(ones, zeros, resamples=400).p == 1 / 400
    same = statistics.two_way_bootstrap(ones, ones, resamples=400)
    assert (same.p, same.mean, same.low, same.high) == (1.0, 0.0, 0.0, 0.0)


def test_that_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    random = np.random.default_rng(6)
    a, b = random.random((2, 4, 90)) < 0.8
    first = statistics.two_way_bootstrap(a, b, resamples=500, seed=3)
    assert first == statistics.two_way_bootstrap(a, b, resamples=500, seed=3)
    assert first != statistics.two_way_bootstrap(a, b, resamples=500, seed=4)


def test_that_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(7)
    right, scores = random.random((2, 3, 80)) < 0.7, random.random((2, 3, 80))
    whole = [statistics.two_way_bootstrap(*pair, resamples=300) for pair in (right, scores)]
    monkeypatch.setattr(statistics, "CHUNK", 500)
    assert whole == [statistics.two_way_bootstrap(*pair, resamples=300) for pair in (right, scores)]


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([[1, 0]], [[1, 0, 1]], r"\(1, 2\) and \(1, 3\)"),
        ([1, 0], [1, 0], "two equal shapes"),
        (np.zeros((0, 4)), np.zeros((0, 4)), "two equal shapes"),
        ([[1.0, math.nan]], [[1.0, 0.0]], "not finite"),
    ],
)
def test_that_scores_that_do_not_pair_are_refused(a, b, says: str):
    with pytest.raises(ValueError, match=says):
        statistics.two_way_bootstrap(a, b)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 40), st.booleans())
def test_that_exchanging_the_two_flips_the_sign_and_keeps_p(seed: int, seeds: int, pictures: int, continuous: bool):
    random = np.random.default_rng(seed)
    a, b = random.random((2, seeds, pictures))
    if not continuous:
        a, b = a < 0.8, b < 0.7
    one = statistics.two_way_bootstrap(a, b, resamples=100)
    other = statistics.two_way_bootstrap(b, a, resamples=100)
    assert (one.mean, one.p, one.standard_error) == (-other.mean, other.p, other.standard_error)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def false_alarms(seeds: int, network_sd: float, data_sets: int = 300, pictures: int = 400) -> float:
    """How often p < 0.05 when both recipes are the same one. A picture is answered rightly when its ease, the network's
    luck and the luck of this network with this picture add up to more than nothing."""
    random = np.random.default_rng(8)
    shape = (2, seeds, pictures)
    alarms = 0
    for _ in range(data_sets):
        ease = 3.4 + random.normal(0, 2, pictures)
        a, b = ease + random.normal(0, network_sd, (2, seeds, 1)) + random.normal(0, 1, shape) > 0
        alarms += statistics.two_way_bootstrap(a, b, resamples=400).p < 0.05
    return alarms / data_sets


def test_that_three_seeds_raise_few_false_alarms_where_networks_differ_by_pictures_alone():
    assert false_alarms(seeds=3, network_sd=0.0) <= 0.05


def test_that_three_seeds_are_no_more_liberal_than_the_docstring_admits():
    """Where whole networks differ far more than pictures explain, three seeds of one sign (one in four) look certain."""
    assert 0.1 < false_alarms(seeds=3, network_sd=1.0) < 0.3


# Families and pairs --------------------------------------------------------------------------------------------------


def test_that_holm_is_right_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.9]) == [1.0, 1.0]
    assert statistics.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_that_holm_keeps_the_order_and_never_makes_p_smaller(p_values: list[float]):
    adjusted = statistics.holm(p_values)
    assert all(raw <= new <= 1 for raw, new in zip(p_values, adjusted))
    ranked = [new for _, new in sorted(zip(p_values, adjusted))]
    assert ranked == sorted(ranked)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_that_holm_equals_its_definition(p_values: list[float]):
    m, ranked = len(p_values), sorted(p_values)
    definition = [min(1.0, max((m - j) * ranked[j] for j in range(i + 1))) for i in range(m)]
    assert sorted(statistics.holm(p_values)) == pytest.approx(definition)


def test_that_mcnemar_is_right_by_hand():
    a, b = np.array([1, 1, 1, 1, 1, 0, 1, 0]), np.array([0, 0, 0, 0, 0, 1, 1, 0])
    only_a, only_b, p = statistics.mcnemar_exact(a, b)
    assert (only_a, only_b) == (5, 1)
    assert p == pytest.approx(2 * (1 + 6) / 64)


def test_that_mcnemar_says_nothing_where_nothing_differs():
    assert statistics.mcnemar_exact([1, 0, 1], [1, 0, 1]) == (0, 0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_that_mcnemar_is_symmetric_and_equals_the_exact_sum(only_a: int, only_b: int):
    a = np.array([True] * only_a + [False] * only_b + [True])
    b = np.array([False] * only_a + [True] * only_b + [True])
    n, k = only_a + only_b, min(only_a, only_b)
    exact = min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)
    found = statistics.mcnemar_exact(a, b)
    assert found.p == pytest.approx(exact, rel=1e-9)
    assert found == (only_a, only_b, statistics.mcnemar_exact(b, a).p)


def test_that_mcnemar_bears_ten_thousand_discordant_pictures():
    a = np.arange(10_000) < 5_100
    z = 2 * (5_100 - 5_000 - 0.5) / 100  # normal approximation with continuity correction
    assert statistics.mcnemar_exact(a, ~a).p == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)
    assert statistics.mcnemar_exact(a | True, a & False).p == 0.0
