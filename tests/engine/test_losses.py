"""The formulas against naive loops, pencil and paper, and each other. B images, K classes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.losses import ban_loss, kl


def logits(seed: int, batch: int = 5, classes: int = 7, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)


def probabilities(row: list[float]) -> list[float]:
    largest = max(row)
    weights = [math.exp(value - largest) for value in row]
    return [weight / sum(weights) for weight in weights]


def naive_ban_loss(student_BK: Tensor, teacher_BK: Tensor) -> float:
    total = 0.0
    for student, teacher in zip(student_BK.tolist(), teacher_BK.tolist()):
        total -= sum(p * math.log(q) for p, q in zip(probabilities(teacher), probabilities(student)))
    return total / len(student_BK)


def entropy(teacher_BK: Tensor) -> float:
    rows = [probabilities(row) for row in teacher_BK.tolist()]
    return -sum(p * math.log(p) for row in rows for p in row) / len(rows)


@pytest.mark.parametrize("seed", range(4))
def test_that_ban_loss_equals_a_loop_over_images_and_classes(seed: int) -> None:
    student_BK, teacher_BK = logits(seed), logits(seed + 100)
    assert ban_loss(student_BK, teacher_BK).item() == pytest.approx(naive_ban_loss(student_BK, teacher_BK), rel=1e-12)


def test_that_ban_loss_equals_a_case_by_hand() -> None:
    teacher_BK = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]], dtype=torch.float64)  # p = (3/4, 1/4) and (1/2, 1/2)
    student_BK = torch.tensor([[0.0, 0.0], [0.0, math.log(4.0)]], dtype=torch.float64)  # q = (1/2, 1/2) and (1/5, 4/5)
    first, second = math.log(2), 0.5 * math.log(5) + 0.5 * math.log(5 / 4)
    assert ban_loss(student_BK, teacher_BK).item() == pytest.approx((first + second) / 2, rel=1e-14)


def test_that_the_gradient_is_q_minus_p_over_the_batch() -> None:
    student_BK, teacher_BK = logits(0).requires_grad_(), logits(1)
    ban_loss(student_BK, teacher_BK).backward()
    expected = (student_BK.detach().softmax(dim=1) - teacher_BK.softmax(dim=1)) / len(student_BK)
    torch.testing.assert_close(student_BK.grad, expected, rtol=0, atol=1e-15)


def test_that_kl_has_the_gradient_of_ban_loss() -> None:
    ours, theirs, teacher_BK = logits(0).requires_grad_(), logits(0).requires_grad_(), logits(1)
    ban_loss(ours, teacher_BK).backward()
    kl(theirs, teacher_BK).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-15)


@pytest.mark.parametrize("loss", [ban_loss, kl])
def test_that_gradients_agree_with_finite_differences(loss) -> None:
    teacher_BK = logits(1)
    assert torch.autograd.gradcheck(lambda student_BK: loss(student_BK, teacher_BK), logits(0).requires_grad_())


@pytest.mark.parametrize("loss", [ban_loss, kl])
def test_that_nothing_flows_into_the_teacher(loss) -> None:
    student_BK, teacher_BK = logits(0).requires_grad_(), logits(1).requires_grad_()
    loss(student_BK, teacher_BK).backward()
    assert teacher_BK.grad is None
    assert student_BK.grad is not None


def test_that_the_floor_is_the_teachers_entropy() -> None:
    teacher_BK = logits(3)
    assert ban_loss(teacher_BK, teacher_BK).item() == pytest.approx(entropy(teacher_BK), rel=1e-12)
    assert kl(teacher_BK, teacher_BK).item() == pytest.approx(0.0, abs=1e-15)


@given(seed=st.integers(0, 2**31), batch=st.integers(1, 9), classes=st.integers(2, 12), scale=st.floats(0.01, 30))
@settings(max_examples=60, deadline=None)
def test_that_ban_loss_is_its_floor_plus_kl_and_never_below_it(seed: int, batch: int, classes: int, scale: float) -> None:
    student_BK, teacher_BK = logits(seed, batch, classes, scale), logits(seed + 1, batch, classes, scale)
    floor, above = ban_loss(teacher_BK, teacher_BK).item(), kl(student_BK, teacher_BK).item()
    assert above >= -1e-12
    assert ban_loss(student_BK, teacher_BK).item() == pytest.approx(floor + above, rel=1e-9, abs=1e-12)


@given(seed=st.integers(0, 2**31), batch=st.integers(1, 9), shuffle=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_that_the_order_of_a_batch_does_not_matter(seed: int, batch: int, shuffle) -> None:
    order = list(range(batch))
    shuffle.shuffle(order)
    student_BK, teacher_BK = logits(seed, batch), logits(seed + 1, batch)
    for loss in (ban_loss, kl):
        shuffled = loss(student_BK[order], teacher_BK[order]).item()
        assert shuffled == pytest.approx(loss(student_BK, teacher_BK).item(), rel=1e-12)


def test_that_a_constant_added_to_a_row_of_logits_changes_nothing() -> None:
    student_BK, teacher_BK = logits(0), logits(1)
    shift_B1 = torch.tensor([[-50.0], [0.0], [3.0], [400.0], [-7.0]], dtype=torch.float64)
    moved = ban_loss(student_BK + shift_B1, teacher_BK - shift_B1).item()
    assert moved == pytest.approx(ban_loss(student_BK, teacher_BK).item(), rel=1e-12)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", [ban_loss, kl])
def test_that_halves_are_worked_out_in_float32(loss, half: torch.dtype) -> None:
    student_BK, teacher_BK = logits(0).to(half), logits(1).to(half)
    result = loss(student_BK, teacher_BK)
    assert result.dtype == torch.float32
    assert result.item() == loss(student_BK.float(), teacher_BK.float()).item()
    assert result.item() == pytest.approx(loss(student_BK.double(), teacher_BK.double()).item(), rel=1e-5)


@pytest.mark.parametrize("loss", [ban_loss, kl])
def test_that_float32_and_float64_keep_their_precision(loss) -> None:
    assert loss(logits(0), logits(1)).dtype == torch.float64
    assert loss(logits(0).float(), logits(1).float()).dtype == torch.float32


def test_that_large_logits_stay_finite() -> None:
    student_BK, teacher_BK = torch.tensor([[6e4, -6e4]]).half().requires_grad_(), torch.tensor([[-6e4, 6e4]]).half()
    loss = ban_loss(student_BK, teacher_BK)
    loss.backward()
    assert loss.item() == pytest.approx(120_000, rel=1e-3)
    assert kl(student_BK, teacher_BK).isfinite()
    torch.testing.assert_close(student_BK.grad, torch.tensor([[1.0, -1.0]]).half())


def test_that_shapes_which_would_broadcast_are_refused() -> None:
    with pytest.raises(AssertionError):
        ban_loss(logits(0, batch=4), logits(1, batch=1))
    with pytest.raises(AssertionError):
        kl(logits(0)[0], logits(1)[0])
