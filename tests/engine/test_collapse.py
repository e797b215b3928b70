"""Signs of collapse against numpy's SVD and pencil and paper. N pictures, D features, K prototypes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.probes import collapse


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- features -------------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**31), count=st.integers(2, 40), width=st.integers(1, 40), rank=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_that_rank_me_is_that_of_numpys_singular_values(seed: int, count: int, width: int, rank: int) -> None:
    features_ND = drawn(count, rank, seed=seed) @ drawn(rank, width, seed=seed + 1)
    sigma = np.linalg.svd(features_ND.double().numpy(), compute_uv=False)
    share = sigma / sigma.sum() + 1e-7
    assert collapse.rank_me(features_ND) == pytest.approx(math.exp(-(share * np.log(share)).sum()), rel=1e-4)


def test_that_rank_me_counts_equal_directions() -> None:
    eye = torch.eye(8)
    assert collapse.rank_me(3 * eye) == pytest.approx(8, rel=1e-4)
    assert collapse.rank_me(eye[:, :5].repeat(7, 1)) == pytest.approx(5, rel=1e-4)
    assert collapse.rank_me(torch.ones(50, 16)) == pytest.approx(1, rel=1e-3)
    uneven = torch.diag(torch.tensor([3.0, 1.0]))  # shares 3/4 and 1/4
    assert collapse.rank_me(uneven) == pytest.approx(math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)), rel=1e-4)


def test_that_isotropic_features_spread_by_1_and_equal_ones_by_0() -> None:
    for width in (16, 192):
        assert collapse.feature_std(drawn(20_000, width)) == pytest.approx(1, abs=0.01)
    assert collapse.feature_std(torch.full((30, 8), 2.5)) == 0
    assert collapse.feature_std(torch.tensor([[1.0, 0.0], [-5.0, 0.0]])) == pytest.approx(math.sqrt(2) / 2)  # stds 1 and 0


@given(seed=st.integers(0, 2**31), width=st.integers(1, 30), shift=st.floats(0, 10))
@settings(max_examples=40, deadline=None)
def test_that_the_spread_lies_between_0_and_1_whatever_the_length(seed: int, width: int, shift: float) -> None:
    features_ND = drawn(25, width, seed=seed) + shift
    spread = collapse.feature_std(features_ND)
    assert 0 <= spread <= 1 + 1e-9
    lengths = torch.rand(25, 1, generator=torch.Generator().manual_seed(seed)) + 0.1
    assert collapse.feature_std(features_ND * lengths) == pytest.approx(spread, abs=1e-5)


# --- prototypes -----------------------------------------------------------------------------------------------------------


def test_that_entropies_equal_a_case_by_hand() -> None:
    p_NK = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    assert collapse.entropy(p_NK).tolist() == [0.0, pytest.approx(math.log(2))]
    assert collapse.marginal_entropy(p_NK) == pytest.approx(0.5 * math.log(2) + 2 * 0.25 * math.log(4))
    assert collapse.marginal_entropy(torch.full((4, 9), 1 / 9)) == pytest.approx(math.log(9))


@given(seed=st.integers(0, 2**31), count=st.integers(1, 20), prototypes=st.integers(2, 12), sharp=st.floats(0.1, 20))
@settings(max_examples=40, deadline=None)
def test_that_entropy_and_kl_add_up_to_the_cross_entropy(seed: int, count: int, prototypes: int, sharp: float) -> None:
    teacher_NK = (sharp * drawn(count, prototypes, seed=seed)).softmax(dim=1)
    log_student_NK = drawn(count, prototypes, seed=seed + 1).log_softmax(dim=1)
    values = dict(collapse.measure(teacher_NK=teacher_NK, log_student_NK=log_student_NK))
    cross = -(teacher_NK * log_student_NK).sum(dim=1).mean().item()
    assert values["teacher/entropy"] + values["teacher/kl"] == pytest.approx(cross, rel=1e-4, abs=1e-5)
    assert values["teacher/kl"] > -1e-6
    assert values["teacher/marginal_entropy"] >= values["teacher/entropy"] - 1e-6
    assert 1 <= values["teacher/prototypes_used"] <= min(count, prototypes)


def test_that_a_student_that_agrees_has_no_divergence_even_where_the_teacher_is_certain() -> None:
    p_NK = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    assert collapse.divergence(p_NK, p_NK.log()) == pytest.approx(0, abs=1e-7)  # 0 log 0 is 0


def test_that_used_prototypes_are_counted_and_weighed() -> None:
    used = collapse.prototypes_used(torch.tensor([3, 3, 7, 7]), 10)
    assert used == (2, pytest.approx(2.0))
    rare = collapse.prototypes_used(torch.tensor([0] * 9 + [1]), 2)
    assert rare.number == 2
    assert rare.effective == pytest.approx(math.exp(-0.9 * math.log(0.9) - 0.1 * math.log(0.1)))
    assert collapse.prototypes_used(torch.tensor([5]), 6) == (1, pytest.approx(1.0))


def test_that_a_prototypes_pictures_come_with_the_most_probable_first() -> None:
    p_NK = torch.tensor([[0.7, 0.3], [0.1, 0.9], [0.7, 0.3], [0.8, 0.2]])
    assert collapse.top_pictures(p_NK, [0, 1], per=3).tolist() == [[3, 0, 2], [1, 0, 2]]  # of equals the earlier one
    assert collapse.top_pictures(p_NK, [1], per=9).tolist() == [[1, 0, 2, 3]]
    assert collapse.top_pictures(p_NK, [], per=2).shape[0] == 0


# --- what is said ---------------------------------------------------------------------------------------------------------


def test_that_a_healthy_and_two_collapsed_networks_are_told_apart() -> None:
    healthy = dict(collapse.measure(drawn(500, 32), (9 * drawn(500, 64, seed=1)).softmax(dim=1)))
    assert list(healthy) == [
        "feature/std",
        "feature/rank",
        "teacher/entropy",
        "teacher/marginal_entropy",
        "teacher/prototypes_used",
    ]
    one = torch.zeros(500, 64).index_fill_(1, torch.tensor([3]), 1.0)
    dead = dict(collapse.measure(torch.ones(500, 32), one))
    uniform = dict(collapse.measure(None, torch.full((500, 64), 1 / 64)))
    assert healthy["feature/std"] > 0.9 > dead["feature/std"] + 0.8
    assert healthy["feature/rank"] > 25
    assert dead["feature/rank"] < 1.01
    assert dead["teacher/marginal_entropy"] == dead["teacher/entropy"] == 0
    assert uniform["teacher/entropy"] == pytest.approx(math.log(64))
    assert uniform["teacher/marginal_entropy"] == pytest.approx(math.log(64))
    assert dead["teacher/prototypes_used"] == 1 < healthy["teacher/prototypes_used"]
    assert healthy["teacher/marginal_entropy"] > healthy["teacher/entropy"] + 1


def test_that_what_cannot_be_said_is_absent() -> None:
    assert dict(collapse.measure()) == {}
    assert dict(collapse.measure(drawn(1, 8))) == {}  # one picture does not spread
    assert dict(collapse.measure(drawn(5, 8) / 0)) == {}
    assert dict(collapse.measure(torch.zeros(5, 8))) == {"feature/std": 0.0}  # but zeros have no rank
    assert dict(collapse.measure(None, torch.full((3, 4), float("nan")))) == {}
    assert dict(collapse.measure(None, torch.ones(0, 4))) == {}
    certain, never = torch.tensor([[1.0, 0.0]]), torch.tensor([[-math.inf, 0.0]])
    assert "teacher/kl" not in dict(collapse.measure(None, certain, never))  # infinite
