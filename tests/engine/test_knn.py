"""k-NN against scikit-learn, a loop over the official formula, and pencil and paper. N in the bank, M queries, D features."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.probes import knn


def clouds(count: int, classes: int, width: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features that overlap enough for k-NN to be wrong here and there, and their classes. The clouds are the same for all."""
    centres_KD = torch.randn(classes, width, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    labels_N = torch.randint(0, classes, (count,), generator=generator)
    return centres_KD[labels_N] + 0.9 * torch.randn(count, width, generator=generator), labels_N


def at(*degrees: float) -> Tensor:
    """Vectors of different lengths in the plane, at these angles."""
    length = torch.arange(1, len(degrees) + 1)[:, None]
    return length * torch.tensor([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees])


def test_that_votes_equal_a_case_by_hand() -> None:
    bank, labels = at(10, 20, 60, 200), torch.tensor([0, 1, 1, 2])
    first, second, third = (math.exp(math.cos(math.radians(d)) / 0.5) for d in (10, 20, 60))
    total = first + second + third
    shares = knn.votes(bank, labels, at(0), classes=3, k=3, temperature=0.5)
    assert shares.tolist() == [[pytest.approx(first / total), pytest.approx((second + third) / total), 0.0]]
    assert knn.votes(bank, labels, at(0), classes=3, k=1).tolist() == [[1.0, 0.0, 0.0]]


def test_that_a_low_temperature_listens_to_the_nearest_and_a_high_one_to_the_many() -> None:
    bank, labels = at(5, 40, 40, 41), torch.tensor([1, 0, 0, 0])
    winners = [knn.votes(bank, labels, at(0), 2, temperature=t).argmax(dim=1).item() for t in (0.07, 1.0)]
    assert winners == [1, 0]


@pytest.mark.parametrize("k", [1, 10, 20, 100, 200])
def test_that_the_answers_are_scikit_learns(k: int) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    (bank, bank_labels), (queries, labels) = clouds(400, 5, seed=1), clouds(150, 5, seed=2)
    judge = KNeighborsClassifier(k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)).fit(
        bank.double().numpy(), bank_labels.numpy()
    )
    shares = knn.votes(bank, bank_labels, queries, classes=5, k=k)
    np.testing.assert_allclose(shares.numpy(), judge.predict_proba(queries.double().numpy()), atol=2e-5)
    by_them = (judge.predict(queries.double().numpy()) == labels.numpy()).mean()
    assert 0.5 < by_them < 1
    assert dict(knn.measure("teacher", bank, bank_labels, queries, labels, 5, k)) == {"knn/teacher": pytest.approx(by_them)}


@given(seed=st.integers(0, 2**31), count=st.integers(1, 30), queries=st.integers(1, 9), k=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_that_votes_are_the_official_sums_for_any_number_of_pictures(seed: int, count: int, queries: int, k: int) -> None:
    (bank, labels), (asked, _) = clouds(count, 4, seed=seed), clouds(queries, 4, seed=seed + 1)
    expected = []
    for query in asked:
        similarity = [torch.cosine_similarity(query, one, dim=0).item() for one in bank]
        nearest = sorted(range(count), key=lambda i: -similarity[i])[:k]
        sums = [sum(math.exp(similarity[i] / 0.07) for i in nearest if labels[i] == c) for c in range(4)]
        expected.append([one / sum(sums) for one in sums])
    torch.testing.assert_close(knn.votes(bank, labels, asked, 4, k), torch.tensor(expected), rtol=1e-3, atol=1e-5)


def test_that_a_bank_of_one_picture_and_one_query_are_enough() -> None:
    assert knn.votes(at(30), torch.tensor([1]), at(200), classes=3).tolist() == [[0.0, 1.0, 0.0]]
    assert dict(knn.measure("student", at(30), torch.tensor([1]), at(200), torch.tensor([1]), 3)) == {"knn/student": 1.0}


@pytest.mark.parametrize("numbers", [1, 700, 2000])
def test_that_the_size_of_a_part_changes_nothing_and_commands_are_heard_after_each(numbers: int) -> None:
    (bank, labels), (queries, _) = clouds(100, 4, seed=3), clouds(41, 4, seed=4)
    heard: list[int] = []
    in_parts = knn.votes(bank, labels, queries, 4, numbers=numbers, between=lambda: heard.append(1))
    torch.testing.assert_close(in_parts, knn.votes(bank, labels, queries, 4), rtol=1e-4, atol=1e-6)
    assert len(heard) == math.ceil(41 / max(1, numbers // 100))


def test_that_the_length_of_features_does_not_count() -> None:
    (bank, labels), (queries, _) = clouds(50, 3, seed=5), clouds(10, 3, seed=6)
    lengths = torch.rand(50, 1, generator=torch.Generator().manual_seed(0)) + 0.1
    torch.testing.assert_close(knn.votes(bank * lengths, labels, 7 * queries, 3), knn.votes(bank, labels, queries, 3))


def test_that_a_temperature_too_low_for_the_official_sums_still_gives_shares() -> None:
    shares = knn.votes(at(0, 1, 2), torch.tensor([0, 1, 1]), at(0), classes=2, temperature=0.001)
    assert shares.isfinite().all()
    assert shares.sum().item() == pytest.approx(1.0)


def test_that_features_of_half_precision_vote_in_single() -> None:
    bank, labels = clouds(50, 3, seed=7)
    assert knn.votes(bank.half(), labels, bank.half(), 3).dtype == torch.float32


def test_that_what_cannot_be_said_is_absent() -> None:
    bank, labels = clouds(9, 3, seed=8)
    nothing, none = bank[:0], labels[:0]
    broken = bank.clone()
    broken[4, 2] = float("nan")
    assert len(dict(knn.measure("student", bank, labels, bank, labels, 3))) == 1
    for asked in (
        (nothing, none, bank, labels, 3),
        (bank, labels, nothing, none, 3),
        (broken, labels, bank, labels, 3),
        (bank, labels, broken, labels, 3),
        (bank, labels, bank, labels, 0),
    ):
        assert dict(knn.measure("student", *asked)) == {}
