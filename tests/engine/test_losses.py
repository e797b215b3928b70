"""The formulas against naive loops, pencil and paper, and each other.

B images, K classes or prototypes, V student crops, D features, N patches, M masked tokens.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from engine import losses
from engine.losses import (
    ban_label_loss,
    ban_loss,
    cwtm_loss,
    cwtm_weights,
    dino_loss,
    dino_loss_from_targets,
    dkd_loss,
    dkpp_loss,
    dkpp_target,
    gram_loss,
    ibot_loss,
    kd_loss,
    kl,
    koleo_loss,
    sinkhorn_knopp,
    update_center,
)

calmly = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 2**31)


def logits(seed: int, *shape: int, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape or (5, 7), generator=generator, dtype=torch.float64)


def some_labels(seed: int, batch: int = 5, classes: int = 7) -> Tensor:
    return torch.randint(classes, (batch,), generator=torch.Generator().manual_seed(seed))


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def logs(*rows: Sequence[float]) -> Tensor:
    """Logits whose softmax is in proportion to these numbers."""
    return exact(*rows).log()


# Loops, written without a look at the engine's way.


def probabilities(row: Sequence[float], temperature: float = 1.0) -> list[float]:
    largest = max(row)
    weights = [math.exp((value - largest) / temperature) for value in row]
    return [weight / sum(weights) for weight in weights]


def cross_entropy(p: Sequence[float], q: Sequence[float]) -> float:
    return -sum(a * math.log(b) for a, b in zip(p, q))


def divergence(p: Sequence[float], q: Sequence[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def naive_label(student_BK: Tensor, labels_B: Tensor) -> float:
    return mean([-math.log(probabilities(row)[label]) for row, label in zip(student_BK.tolist(), labels_B.tolist())])


def naive_ban(student_BK: Tensor, teacher_BK: Tensor) -> float:
    rows = zip(teacher_BK.tolist(), student_BK.tolist())
    return mean([cross_entropy(probabilities(teacher), probabilities(student)) for teacher, student in rows])


def naive_kl(student_BK: Tensor, teacher_BK: Tensor, temperature: float = 1.0) -> float:
    rows = zip(teacher_BK.tolist(), student_BK.tolist())
    return mean([divergence(probabilities(t, temperature), probabilities(s, temperature)) for t, s in rows])


def naive_cwtm(student_BK: Tensor, teacher_BK: Tensor, labels_B: Tensor) -> float:
    confidences = [max(probabilities(row)) for row in teacher_BK.tolist()]
    total = 0.0
    for student, confidence, label in zip(student_BK.tolist(), confidences, labels_B.tolist()):
        total -= confidence / sum(confidences) * math.log(probabilities(student)[label])
    return total


def naive_kd(student_BK: Tensor, teacher_BK: Tensor, labels_B: Tensor, temperature: float, alpha: float) -> float:
    told = temperature**2 * naive_kl(student_BK, teacher_BK, temperature)
    return (1 - alpha) * naive_label(student_BK, labels_B) + alpha * told


def parts(row: Sequence[float], label: int) -> tuple[list[float], list[float]]:
    """(label, the rest) and the rest among themselves."""
    others = [p for place, p in enumerate(row) if place != label]
    return [row[label], sum(others)], [p / sum(others) for p in others]


def naive_dkd(s_BK: Tensor, t_BK: Tensor, labels_B: Tensor, temperature: float, alpha: float, beta: float) -> float:
    total = 0.0
    for student, teacher, label in zip(s_BK.tolist(), t_BK.tolist(), labels_B.tolist()):
        q_target, q_rest = parts(probabilities(student, temperature), label)
        p_target, p_rest = parts(probabilities(teacher, temperature), label)
        total += temperature**2 * (alpha * divergence(p_target, q_target) + beta * divergence(p_rest, q_rest))
    return naive_label(s_BK, labels_B) + total / len(s_BK)


def naive_dino_from_targets(student_VBK: Tensor, target_2BK: Tensor, student_temp: float) -> float:
    total, pairs = 0.0, 0
    for t in range(2):
        for v in range(len(student_VBK)):
            if v == t:
                continue
            pairs += 1
            for target, student in zip(target_2BK[t].tolist(), student_VBK[v].tolist()):
                total += cross_entropy(target, probabilities(student, student_temp)) / len(student_VBK[v])
    assert pairs == 2 * len(student_VBK) - 2
    return total / pairs


def naive_targets(teacher_2BK: Tensor, center_K: Tensor, teacher_temp: float) -> Tensor:
    rows = [[probabilities(row, teacher_temp) for row in view] for view in (teacher_2BK - center_K).tolist()]
    return torch.tensor(rows, dtype=torch.float64)


def naive_sinkhorn(teacher_BK: Tensor, temp: float, iterations: int) -> Tensor:
    """The plain matrix of METHODS.md, section 2.5, prototypes in rows, factors and all."""
    batch, prototypes = teacher_BK.shape
    q = [[math.exp(teacher_BK[b, k].item() / temp) for b in range(batch)] for k in range(prototypes)]
    whole = sum(map(sum, q))
    q = [[value / whole for value in row] for row in q]
    for _ in range(iterations):
        q = [[value / sum(row) / prototypes for value in row] for row in q]
        columns = [sum(row[b] for row in q) for b in range(batch)]
        q = [[row[b] / columns[b] / batch for b in range(batch)] for row in q]
    return torch.tensor(q, dtype=torch.float64).T * batch


def naive_koleo(features_BD: Tensor) -> float:
    points = [[value / math.hypot(*row) for value in row] for row in features_BD.tolist()]
    nearest = [min(math.dist(here, there) for j, there in enumerate(points) if j != i) for i, here in enumerate(points)]
    return -mean([math.log(distance) for distance in nearest])


def cosines(patches: list[list[float]]) -> list[list[float]]:
    return [[sum(a * b for a, b in zip(x, y)) / math.hypot(*x) / math.hypot(*y) for y in patches] for x in patches]


def naive_gram(student_BND: Tensor, teacher_BND: Tensor) -> float:
    squares: list[float] = []
    for student, teacher in zip(student_BND.tolist(), teacher_BND.tolist()):
        for ours, theirs in zip(cosines(student), cosines(teacher)):
            squares += [(a - b) ** 2 for a, b in zip(ours, theirs)]
    return mean(squares)


# One example of each loss, for what is asked of all.


class Example(NamedTuple):
    student: Tensor
    teacher: Tensor | None
    loss: Callable[..., Tensor]


SMALL_VBK, SMALL_2BK = logits(0, 4, 5, 7, scale=0.3), logits(1, 2, 5, 7, scale=0.3)
LABELS_B, CENTER_K, WEIGHT_M = some_labels(2), logits(3, 7, scale=0.3), exact([0.5, 0.5, 1.0, 0.25, 0.25])[0]
TARGETS_2BK = logits(1, 2, 5, 7).softmax(dim=-1)
EXAMPLES = {
    "ban": Example(logits(0), logits(1), ban_loss),
    "kl": Example(logits(0), logits(1), kl),
    "ban_label": Example(logits(0), logits(1), lambda s, t: ban_label_loss(s, t, LABELS_B)),
    "cwtm": Example(logits(0), logits(1), lambda s, t: cwtm_loss(s, t, LABELS_B)),
    "dkpp": Example(logits(0), logits(1), lambda s, t: dkpp_loss(s, t, dice())),
    "kd": Example(logits(0), logits(1), lambda s, t: kd_loss(s, t, LABELS_B)),
    "dkd": Example(logits(0), logits(1), lambda s, t: dkd_loss(s, t, LABELS_B)),
    "dino": Example(
        logits(0, 4, 5, 7, scale=0.3), logits(1, 2, 5, 7, scale=0.3), lambda s, t: dino_loss(s, t, CENTER_K.float())
    ),
    "dino_from_targets": Example(SMALL_VBK, TARGETS_2BK, dino_loss_from_targets),
    "ibot": Example(logits(0, scale=0.3), TARGETS_2BK[0], lambda s, t: ibot_loss(s, t, WEIGHT_M.float(), crops=8)),
    "koleo": Example(logits(0), None, lambda s, t: koleo_loss(s)),
    "gram": Example(logits(0, 2, 3, 4), logits(1, 2, 3, 5), gram_loss),
}
every_loss = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
taught = {name: example for name, example in EXAMPLES.items() if example.teacher is not None}
every_taught_loss = pytest.mark.parametrize("example", taught.values(), ids=taught)


def cast(example: Example, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    return example.student.to(dtype), None if example.teacher is None else example.teacher.to(dtype)


@every_loss
def test_that_gradients_agree_with_finite_differences(example: Example) -> None:
    student = example.student.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda student: example.loss(student, example.teacher), student)


@every_taught_loss
def test_that_nothing_flows_into_the_teacher(example: Example) -> None:
    student, teacher = example.student.clone().requires_grad_(), example.teacher.clone().requires_grad_()
    example.loss(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None and student.grad.abs().sum() > 0


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@every_loss
def test_that_halves_are_worked_out_in_float32(example: Example, half: torch.dtype) -> None:
    student, teacher = cast(example, half)
    widened = student.float(), None if teacher is None else teacher.float()
    result = example.loss(student, teacher)
    assert result.dtype == torch.float32
    assert result.item() == example.loss(*widened).item()


@every_loss
def test_that_float32_and_float64_keep_their_precision(example: Example) -> None:
    wide, single = example.loss(*example[:2]), example.loss(*cast(example, torch.float32))
    assert wide.dtype == torch.float64
    assert single.item() == pytest.approx(wide.item(), rel=2e-5)


@every_loss
def test_that_autocast_takes_no_precision_away(example: Example) -> None:
    student, teacher = cast(example, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = example.loss(student, teacher)
    assert inside.dtype == torch.float32
    assert inside.item() == example.loss(student, teacher).item()


@every_loss
def test_that_the_inputs_are_left_as_they_were(example: Example) -> None:
    student, teacher = example.student.clone(), None if example.teacher is None else example.teacher.clone()
    example.loss(example.student, example.teacher)
    assert torch.equal(student, example.student)
    assert teacher is None or torch.equal(teacher, example.teacher)


BATCHED: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "ban": lambda s, t, y: ban_loss(s, t),
    "kl": lambda s, t, y: kl(s, t),
    "ban_label": ban_label_loss,
    "cwtm": cwtm_loss,
    "kd": kd_loss,
    "dkd": dkd_loss,
    "dino": lambda s, t, y: dino_loss(torch.stack([s, t, s + t]), torch.stack([t, s]), CENTER_K),
    "gram": lambda s, t, y: gram_loss(s[:, :, None] * s[:, None], t[:, :, None] * t[:, None]),
}
every_batched_loss = pytest.mark.parametrize("loss", BATCHED.values(), ids=BATCHED)


@every_batched_loss
@given(seed=seeds, batch=st.integers(1, 9), shuffle=st.randoms(use_true_random=False))
@calmly
def test_that_the_order_of_a_batch_does_not_matter(loss, seed: int, batch: int, shuffle) -> None:
    order = list(range(batch))
    shuffle.shuffle(order)
    student_BK, teacher_BK, labels_B = logits(seed, batch, 7), logits(seed + 1, batch, 7), some_labels(seed, batch)
    shuffled = loss(student_BK[order], teacher_BK[order], labels_B[order]).item()
    assert shuffled == pytest.approx(loss(student_BK, teacher_BK, labels_B).item(), rel=1e-11, abs=1e-12)


@every_batched_loss
def test_that_a_batch_said_twice_has_the_same_loss(loss) -> None:
    """A sum, or a mean over what is a mean already, would double it or halve it."""
    once = logits(0), logits(1), some_labels(2)
    twice = [torch.cat([x, x]) for x in once]
    assert loss(*twice).item() == pytest.approx(loss(*once).item(), rel=1e-12)


@given(seed=seeds, batch=st.integers(2, 9), shuffle=st.randoms(use_true_random=False))
@calmly
def test_that_the_order_of_features_does_not_matter_to_koleo(seed: int, batch: int, shuffle) -> None:
    order = list(range(batch))
    shuffle.shuffle(order)
    features_BD = logits(seed, batch, 6)
    assert koleo_loss(features_BD[order]).item() == pytest.approx(koleo_loss(features_BD).item(), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("loss", [ban_label_loss, cwtm_loss, kd_loss, dkd_loss])
def test_that_a_label_which_is_no_class_is_never_skipped(loss) -> None:
    for label in (-100, 7):
        with pytest.raises((RuntimeError, IndexError)):
            loss(logits(0), logits(1), torch.tensor([0, 1, label, 2, 3]))


def test_that_shapes_which_would_broadcast_are_refused() -> None:
    refused = [
        lambda: ban_loss(logits(0, 4, 7), logits(1, 1, 7)),
        lambda: kl(logits(0)[0], logits(1)[0]),
        lambda: cwtm_loss(logits(0), logits(1), LABELS_B[:1]),
        lambda: kd_loss(logits(0), logits(1)[:, :1], LABELS_B),
        lambda: dkd_loss(logits(0, 5, 1), logits(1, 5, 1), torch.zeros(5, dtype=torch.long)),
        lambda: dino_loss(logits(0, 4, 5, 7), logits(1, 2, 1, 7), CENTER_K),
        lambda: dino_loss(logits(0, 1, 5, 7), logits(1, 2, 5, 7), CENTER_K),
        lambda: dino_loss(logits(0, 4, 5, 7), logits(1, 2, 5, 7), CENTER_K[:1]),
        lambda: dino_loss_from_targets(logits(0, 4, 5, 7), logits(1, 5, 5, 7)),
        lambda: ibot_loss(logits(0), logits(1), WEIGHT_M[:1], crops=4),
        lambda: ibot_loss(logits(0), logits(1)[:1], WEIGHT_M, crops=4),
        lambda: sinkhorn_knopp(logits(0), 0.1, mask_B=torch.ones(4, dtype=torch.bool)),
        lambda: update_center(CENTER_K[:1], logits(0)),
        lambda: gram_loss(logits(0, 2, 3, 4), logits(1, 1, 3, 4)),
    ]
    for call in refused:
        with pytest.raises(AssertionError):
            call()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: kd_loss(logits(0), logits(1), LABELS_B, temperature=0.0), "temperature"),
        (lambda: dkd_loss(logits(0), logits(1), LABELS_B, temperature=-1.0), "temperature"),
        (lambda: dino_loss(logits(0, 4, 5, 7), logits(1, 2, 5, 7), CENTER_K, student_temp=0.0), "student_temp"),
        (lambda: dino_loss(logits(0, 4, 5, 7), logits(1, 2, 5, 7), CENTER_K, teacher_temp=0.0), "teacher_temp"),
        (lambda: ibot_loss(logits(0), logits(1), WEIGHT_M, crops=4, student_temp=math.nan), "student_temp"),
        (lambda: ibot_loss(logits(0), logits(1), WEIGHT_M, crops=0), "crops"),
        (lambda: sinkhorn_knopp(logits(0), temp=0.0), "temp"),
        (lambda: sinkhorn_knopp(logits(0), temp=0.1, iterations=0), "iterations"),
        (lambda: update_center(CENTER_K, logits(0), momentum=1.1), "momentum"),
        (lambda: update_center(CENTER_K, logits(0), momentum=-0.1), "momentum"),
        (lambda: koleo_loss(logits(0, 1, 6)), "features_BD"),
        (lambda: koleo_loss(logits(0, 0, 6)), "features_BD"),
    ],
)
def test_that_a_refusal_names_the_argument(call, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: "):
        call()


# Born-Again Networks.


@pytest.mark.parametrize("seed", range(3))
def test_that_the_born_again_losses_equal_loops_over_images_and_classes(seed: int) -> None:
    s_BK, t_BK, y_B = logits(seed), logits(seed + 100), some_labels(seed)
    assert ban_loss(s_BK, t_BK).item() == pytest.approx(naive_ban(s_BK, t_BK), rel=1e-12)
    assert kl(s_BK, t_BK).item() == pytest.approx(naive_kl(s_BK, t_BK), rel=1e-11)
    both = naive_label(s_BK, y_B) + naive_ban(s_BK, t_BK)
    assert ban_label_loss(s_BK, t_BK, y_B).item() == pytest.approx(both, rel=1e-12)
    assert cwtm_loss(s_BK, t_BK, y_B).item() == pytest.approx(naive_cwtm(s_BK, t_BK, y_B), rel=1e-12)


HAND_TEACHER_BK, HAND_STUDENT_BK = logs([3, 1], [1, 1]), logs([1, 1], [1, 4])  # p 3/4 1/4, 1/2 1/2; q 1/2 1/2, 1/5 4/5
HAND_LABELS_B = torch.tensor([1, 0])  # the teacher is surest of class 0 in the first picture, and wrong


def test_that_ban_loss_equals_a_case_by_hand() -> None:
    first, second = math.log(2), 0.5 * math.log(5) + 0.5 * math.log(5 / 4)
    assert ban_loss(HAND_STUDENT_BK, HAND_TEACHER_BK).item() == pytest.approx((first + second) / 2, rel=1e-14)
    assert (first + second) / 2 == pytest.approx(0.804719, abs=1e-6)


def test_that_ban_label_loss_equals_a_case_by_hand() -> None:
    labelled = (math.log(2) + math.log(5)) / 2  # 1.151293
    assert ban_label_loss(HAND_STUDENT_BK, HAND_TEACHER_BK, HAND_LABELS_B).item() == pytest.approx(1.956012, abs=1e-6)
    assert labelled + 0.804719 == pytest.approx(1.956012, abs=1e-6)


def test_that_cwtm_equals_a_case_by_hand() -> None:
    """Confidences 3/4 and 1/2 are weights 3/5 and 2/5; the true labels count, also where the teacher thinks otherwise."""
    torch.testing.assert_close(cwtm_weights(HAND_TEACHER_BK), exact([0.6, 0.4])[0], rtol=1e-14, atol=0)
    loss = cwtm_loss(HAND_STUDENT_BK, HAND_TEACHER_BK, HAND_LABELS_B).item()
    assert loss == pytest.approx(0.6 * math.log(2) + 0.4 * math.log(5), rel=1e-14)
    assert loss == pytest.approx(1.059663, abs=1e-6)


def test_that_kl_equals_a_case_by_hand_and_is_not_the_other_way_round() -> None:
    """KL(3/4 1/4 || 1/2 1/2) = 0.1308; with the arguments swapped 0.1438."""
    teacher_BK, student_BK = logs([3, 1]), logs([1, 1])
    assert kl(student_BK, teacher_BK).item() == pytest.approx(0.130812, abs=1e-6)
    assert kl(teacher_BK, student_BK).item() == pytest.approx(0.143841, abs=1e-6)


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


def test_that_the_floor_is_the_teachers_entropy() -> None:
    teacher_BK = logits(3)
    assert ban_loss(teacher_BK, teacher_BK).item() == pytest.approx(losses.entropy(teacher_BK.softmax(dim=1)).item(), rel=1e-12)
    assert kl(teacher_BK, teacher_BK).item() == pytest.approx(0.0, abs=1e-15)


@given(seed=seeds, batch=st.integers(1, 9), classes=st.integers(2, 12), scale=st.floats(0.01, 30))
@calmly
def test_that_ban_loss_is_its_floor_plus_kl_and_never_below_it(seed: int, batch: int, classes: int, scale: float) -> None:
    student_BK, teacher_BK = (logits(seed + i, batch, classes, scale=scale) for i in range(2))
    floor, above = ban_loss(teacher_BK, teacher_BK).item(), kl(student_BK, teacher_BK).item()
    assert above >= -1e-12
    assert ban_loss(student_BK, teacher_BK).item() == pytest.approx(floor + above, rel=1e-9, abs=1e-12)


def test_that_a_constant_added_to_a_row_of_logits_changes_nothing() -> None:
    student_BK, teacher_BK = logits(0), logits(1)
    shift_B1 = exact([-50.0], [0.0], [3.0], [400.0], [-7.0])
    moved = ban_loss(student_BK + shift_B1, teacher_BK - shift_B1).item()
    assert moved == pytest.approx(ban_loss(student_BK, teacher_BK).item(), rel=1e-12)


def test_that_large_logits_stay_finite() -> None:
    student_BK, teacher_BK = torch.tensor([[6e4, -6e4]]).half().requires_grad_(), torch.tensor([[-6e4, 6e4]]).half()
    loss = ban_loss(student_BK, teacher_BK)
    loss.backward()
    assert loss.item() == pytest.approx(120_000, rel=1e-3)
    assert kl(student_BK, teacher_BK).isfinite()
    torch.testing.assert_close(student_BK.grad, torch.tensor([[1.0, -1.0]]).half())


@given(seed=seeds, batch=st.integers(1, 40), scale=st.floats(0.01, 1e4))
@calmly
def test_that_the_weights_of_cwtm_sum_to_one_and_follow_confidence(seed: int, batch: int, scale: float) -> None:
    teacher_BK = logits(seed, batch, 7, scale=scale)
    weights_B = cwtm_weights(teacher_BK)
    assert weights_B.sum().item() == pytest.approx(1.0, rel=1e-12)
    assert torch.equal(weights_B.argmax(), teacher_BK.softmax(dim=1).amax(dim=1).argmax()) or weights_B.std() < 1e-9
    assert weights_B.max() <= 7 * weights_B.min() * (1 + 1e-12)  # a maximum of K probabilities is 1/K or more


def test_that_equal_confidence_makes_cwtm_the_plain_label_loss() -> None:
    """Divided by the batch once more it would be a fifth of it."""
    student_BK, row_K = logits(0), logits(1)[:1]
    teacher_BK = torch.cat([row_K.roll(i, dims=1) for i in range(5)])
    assert cwtm_loss(student_BK, teacher_BK, LABELS_B).item() == pytest.approx(naive_label(student_BK, LABELS_B), rel=1e-12)


@given(seed=seeds, batch=st.integers(1, 9), classes=st.integers(2, 12))
@calmly
def test_that_dkpp_keeps_the_maximum_in_its_place_and_the_multiset_of_each_image(seed: int, batch: int, classes: int) -> None:
    p_BK = logits(seed, batch, classes).softmax(dim=1)
    shuffled_BK = dkpp_target(p_BK.log(), dice(seed))
    torch.testing.assert_close(shuffled_BK.sort(dim=1).values, p_BK.sort(dim=1).values, rtol=1e-12, atol=0)
    assert torch.equal(shuffled_BK.argmax(dim=1), p_BK.argmax(dim=1))
    torch.testing.assert_close(shuffled_BK.amax(dim=1), p_BK.amax(dim=1), rtol=1e-12, atol=0)


def test_that_dkpp_shuffles_each_image_by_itself() -> None:
    """One permutation for the whole batch, or one of the images, is not what the paper does."""
    teacher_BK = logs([8, 5, 4, 3, 2, 1]).expand(200, 6)
    shuffled_BK = dkpp_target(teacher_BK, dice())
    assert len({tuple(row) for row in shuffled_BK.tolist()}) > 80  # of 5! = 120 orders
    at_each_place_K = shuffled_BK[:, 1:].mean(dim=0)
    torch.testing.assert_close(at_each_place_K, torch.full_like(at_each_place_K, 15 / 5 / 23), rtol=0.12, atol=0)


def test_that_dkpp_follows_its_generator() -> None:
    assert torch.equal(dkpp_target(logits(1), dice(4)), dkpp_target(logits(1), dice(4)))
    assert not torch.equal(dkpp_target(logits(1), dice(4)), dkpp_target(logits(1), dice(5)))
    assert torch.equal(dkpp_target(logits(1).float(), dice(4)).argsort(), dkpp_target(logits(1), dice(4)).argsort())


def test_that_dkpp_loss_is_the_cross_entropy_with_what_was_shuffled() -> None:
    student_BK, teacher_BK = logits(0), logits(1)
    target_BK = dkpp_target(teacher_BK, dice(3))
    assert dkpp_loss(student_BK, teacher_BK, dice(3)).item() == pytest.approx(naive_ban(student_BK, target_BK.log()), rel=1e-12)


def test_that_dkpp_equals_a_case_by_hand() -> None:
    """p = 1/2 3/10 1/5 can only become itself or 1/2 1/5 3/10; q = 1/2 1/3 1/6."""
    found = {round(dkpp_loss(logs([3, 2, 1]), logs([5, 3, 2]), dice(seed)).item(), 6) for seed in range(20)}
    itself = 0.5 * math.log(2) + 0.3 * math.log(3) + 0.2 * math.log(6)  # 1.034509
    swapped = 0.5 * math.log(2) + 0.2 * math.log(3) + 0.3 * math.log(6)  # 1.103824
    assert found == {round(itself, 6), round(swapped, 6)} == {1.034509, 1.103824}


def test_that_with_two_classes_there_is_nothing_to_shuffle() -> None:
    assert dkpp_loss(HAND_STUDENT_BK, HAND_TEACHER_BK).item() == pytest.approx(0.804719, abs=1e-6)


# Distillation at a temperature.


@pytest.mark.parametrize("seed", range(3))
def test_that_kd_and_dkd_equal_loops_over_images_and_classes(seed: int) -> None:
    s_BK, t_BK, y_B = logits(seed), logits(seed + 100), some_labels(seed)
    assert kd_loss(s_BK, t_BK, y_B).item() == pytest.approx(naive_kd(s_BK, t_BK, y_B, 4.0, 0.9), rel=1e-12)
    assert kd_loss(s_BK, t_BK, y_B, 2.5, 0.3).item() == pytest.approx(naive_kd(s_BK, t_BK, y_B, 2.5, 0.3), rel=1e-12)
    assert dkd_loss(s_BK, t_BK, y_B).item() == pytest.approx(naive_dkd(s_BK, t_BK, y_B, 4.0, 1.0, 8.0), rel=1e-12)
    assert dkd_loss(s_BK, t_BK, y_B, 2.5, 0.3, 2.0).item() == pytest.approx(
        naive_dkd(s_BK, t_BK, y_B, 2.5, 0.3, 2.0), rel=1e-12
    )


def test_that_kd_equals_a_case_by_hand() -> None:
    """At T = 2 the teacher says 3/4 1/4, the student 1/2 1/2: ln 2 / 2 + 4 x 0.130812 / 2."""
    loss = kd_loss(logs([1, 1]), logs([9, 1]), torch.tensor([0]), temperature=2.0, alpha=0.5)
    assert loss.item() == pytest.approx(0.608198, abs=1e-6)


def test_that_dkd_equals_a_case_by_hand() -> None:
    """p = 1/2 | 3/8 1/8, q = 1/3 | 1/3 1/3: ln 3 = 1.098612, TCKD 0.058892, NCKD 0.130812."""
    loss = dkd_loss(logs([1, 1, 1]), logs([4, 3, 1]), torch.tensor([0]), temperature=1.0)
    assert loss.item() == pytest.approx(1.098612 + 0.058892 + 8 * 0.130812, abs=5e-6)
    assert loss.item() == pytest.approx(2.203998, abs=5e-6)


def test_that_kd_is_a_mean_over_the_batch_and_not_over_the_classes() -> None:
    s_BK, t_BK = logits(0), logits(1)
    log_q_BK, p_BK = (s_BK / 4).log_softmax(dim=1), (t_BK / 4).softmax(dim=1)
    ours = kd_loss(s_BK, t_BK, LABELS_B, alpha=1.0).item()
    assert ours == pytest.approx(16 * F.kl_div(log_q_BK, p_BK, reduction="batchmean").item(), rel=1e-12)
    assert ours == pytest.approx(7 * 16 * (p_BK * (p_BK.log() - log_q_BK)).mean().item(), rel=1e-12)


def gradient_size(student_BK: Tensor, teacher_BK: Tensor, temperature: float) -> float:
    student_BK = student_BK.clone().requires_grad_()
    kd_loss(student_BK, teacher_BK, LABELS_B, temperature, alpha=1.0).backward()
    return student_BK.grad.norm().item()


@given(seed=seeds, temperature=st.floats(20, 500))
@calmly
def test_that_the_squared_temperature_keeps_the_size_of_the_gradient(seed: int, temperature: float) -> None:
    """Without it a doubled temperature would leave a quarter."""
    student_BK, teacher_BK = logits(seed, scale=1.0), logits(seed + 1, scale=1.0)
    at_twice = gradient_size(student_BK, teacher_BK, 2 * temperature)
    assert at_twice == pytest.approx(gradient_size(student_BK, teacher_BK, temperature), rel=0.1)


def test_that_the_gradient_of_kd_is_the_temperature_times_q_minus_p() -> None:
    student_BK, teacher_BK = logits(0).requires_grad_(), logits(1)
    kd_loss(student_BK, teacher_BK, LABELS_B, temperature=20.0, alpha=0.2).backward()
    towards = 20 * ((student_BK.detach() / 20).softmax(dim=1) - (teacher_BK / 20).softmax(dim=1)) / 5
    labelled = (student_BK.detach().softmax(dim=1) - F.one_hot(LABELS_B, 7)) / 5
    torch.testing.assert_close(student_BK.grad, 0.2 * towards + 0.8 * labelled, rtol=0, atol=1e-14)


def test_that_the_ends_of_alpha_are_the_label_alone_and_the_teacher_alone() -> None:
    s_BK, t_BK = logits(0), logits(1)
    assert kd_loss(s_BK, t_BK, LABELS_B, alpha=0.0).item() == pytest.approx(naive_label(s_BK, LABELS_B), rel=1e-12)
    assert kd_loss(s_BK, t_BK, LABELS_B, 1.0, 1.0).item() == pytest.approx(kl(s_BK, t_BK).item(), rel=1e-12)


def test_that_kd_is_dkd_with_the_rest_weighted_by_its_own_share() -> None:
    """KL = TCKD + (1 - p_target) NCKD (Zhao 2022, eq. 5): picture by picture."""
    for row in range(5):
        s_1K, t_1K, y_1 = logits(0)[row : row + 1], logits(1)[row : row + 1], LABELS_B[row : row + 1]
        share = 1 - (t_1K / 4).softmax(dim=1)[0, y_1.item()].item()
        labelled = naive_label(s_1K, y_1)
        decoupled = dkd_loss(s_1K, t_1K, y_1, alpha=1.0, beta=share).item() - labelled
        assert decoupled == pytest.approx(kd_loss(s_1K, t_1K, y_1, alpha=1.0).item(), rel=1e-10)


def test_that_dkd_leaves_the_label_out_of_the_rest_at_any_logit() -> None:
    """Pushed down by 1000 only, a target logit of 30000 would still outweigh all the others."""
    student_BK, teacher_BK = torch.tensor([[3e4, 0.0, 0.0]], requires_grad=True), torch.tensor([[3e4, math.log(3.0), 0.0]])
    loss = dkd_loss(student_BK, teacher_BK, torch.tensor([0]), temperature=1.0)
    loss.backward()
    assert loss.item() == pytest.approx(8 * 0.130812, abs=1e-4)
    assert student_BK.grad.isfinite().all()


# DINO, Sinkhorn-Knopp, iBOT.


@pytest.mark.parametrize("crops", [2, 3, 6])
def test_that_the_dino_loss_equals_a_loop_over_pairs_images_and_prototypes(crops: int) -> None:
    student_VBK, teacher_2BK = logits(0, crops, 5, 7, scale=0.5), logits(1, 2, 5, 7, scale=0.2)
    targets_2BK = naive_targets(teacher_2BK, CENTER_K, 0.04)
    expected = naive_dino_from_targets(student_VBK, targets_2BK, 0.1)
    assert dino_loss(student_VBK, teacher_2BK, CENTER_K).item() == pytest.approx(expected, rel=1e-12)
    assert dino_loss_from_targets(student_VBK, targets_2BK).item() == pytest.approx(expected, rel=1e-12)
    warmer = naive_dino_from_targets(student_VBK, naive_targets(teacher_2BK, CENTER_K, 0.07), 0.2)
    assert dino_loss(student_VBK, teacher_2BK, CENTER_K, 0.2, 0.07).item() == pytest.approx(warmer, rel=1e-12)


def test_that_the_dino_loss_equals_a_case_by_hand() -> None:
    """Centred, the teacher says 3/4 1/4 and 1/2 1/2; the students 1/2 1/2, 1/5 4/5, 1/4 3/4. Four of six pairs count."""
    teacher_2BK, center_K = logs([3, 2], [1, 2])[:, None], logs([1, 2])[0]
    student_VBK = logs([1, 1], [1, 4], [1, 3])[:, None]
    first_to_second = 0.75 * math.log(5) + 0.25 * math.log(5 / 4)  # 1.262864
    first_to_third = 0.75 * math.log(4) + 0.25 * math.log(4 / 3)  # 1.111641
    second_to_first = math.log(2)  # 0.693147
    second_to_third = 0.5 * math.log(4) + 0.5 * math.log(4 / 3)  # 0.836988
    expected = (first_to_second + first_to_third + second_to_first + second_to_third) / 4
    loss = dino_loss(student_VBK, teacher_2BK, center_K, student_temp=1.0, teacher_temp=1.0).item()
    assert loss == pytest.approx(expected, rel=1e-14)
    assert loss == pytest.approx(0.976160, abs=1e-6)


def test_that_a_student_that_knows_nothing_has_a_loss_of_ln_k() -> None:
    assert dino_loss(torch.zeros(4, 5, 7), logits(1, 2, 5, 7), CENTER_K).item() == pytest.approx(math.log(7), rel=1e-6)


def test_that_what_the_centre_takes_away_the_teacher_may_have_added() -> None:
    student_VBK, teacher_2BK, shift_K = logits(0, 3, 5, 7), logits(1, 2, 5, 7), logits(5, 7)
    moved = dino_loss(student_VBK, teacher_2BK + shift_K, CENTER_K + shift_K).item()
    assert moved == pytest.approx(dino_loss(student_VBK, teacher_2BK, CENTER_K).item(), rel=1e-11)


def test_that_a_colder_teacher_is_surer() -> None:
    certainties = [losses.entropy(losses.centered_target(logits(1), CENTER_K, temp)).item() for temp in (0.04, 0.4, 4.0, 400.0)]
    assert certainties == sorted(certainties)
    assert certainties[-1] == pytest.approx(math.log(7), rel=1e-3)


def test_that_the_centre_equals_a_case_by_hand() -> None:
    """0.9 x (1, 0) + 0.1 x the mean of (2, 4) and (4, 0)."""
    center_K = exact([1.0, 0.0])[0]
    new_K = update_center(center_K, exact([2.0, 4.0], [4.0, 0.0]))
    torch.testing.assert_close(new_K, exact([1.2, 0.2])[0], rtol=1e-14, atol=0)
    assert center_K.tolist() == [1.0, 0.0]


def test_that_the_centre_is_the_mean_of_both_global_views() -> None:
    teacher_2BK = logits(1, 2, 5, 7)
    total_K = [sum(teacher_2BK[v, b, k].item() for v in range(2) for b in range(5)) / 10 for k in range(7)]
    expected_K = [0.7 * old + 0.3 * new for old, new in zip(CENTER_K.tolist(), total_K)]
    assert update_center(CENTER_K, teacher_2BK, momentum=0.7).tolist() == pytest.approx(expected_K, rel=1e-12)
    assert update_center(CENTER_K, teacher_2BK.flatten(0, 1), momentum=0.7).tolist() == pytest.approx(expected_K, rel=1e-12)


def test_that_a_centre_is_float32_at_least_and_carries_no_gradient() -> None:
    teacher_BK = logits(1).bfloat16().requires_grad_()
    new_K = update_center(CENTER_K.float(), teacher_BK)
    assert new_K.dtype == torch.float32 and not new_K.requires_grad
    assert torch.equal(new_K, update_center(CENTER_K.float(), teacher_BK.detach().float()))
    assert update_center(CENTER_K.bfloat16(), teacher_BK).dtype == torch.float32


def test_that_a_centre_without_anything_new_stays() -> None:
    assert torch.equal(update_center(CENTER_K, torch.zeros(0, 7, dtype=torch.float64)), CENTER_K)
    assert torch.equal(update_center(CENTER_K, logits(0), momentum=1.0), CENTER_K)


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_that_sinkhorn_knopp_equals_the_plain_matrix_with_all_its_factors(iterations: int) -> None:
    teacher_BK = logits(1, 6, 5, scale=0.3)
    expected_BK = naive_sinkhorn(teacher_BK, 0.07, iterations)
    torch.testing.assert_close(sinkhorn_knopp(teacher_BK, 0.07, iterations), expected_BK, rtol=1e-12, atol=1e-15)


def test_that_sinkhorn_knopp_equals_a_case_by_hand() -> None:
    """exp = (3 1; 1 1). Columns to 1: (3/4 1/2; 1/4 1/2), rows: (3/5 2/5; 1/3 2/3). Again: (12/19 7/19; 4/11 7/11)."""
    teacher_BK = logs([3, 1], [1, 1]) * 0.5
    once_BK, twice_BK = exact([3 / 5, 2 / 5], [1 / 3, 2 / 3]), exact([12 / 19, 7 / 19], [4 / 11, 7 / 11])
    torch.testing.assert_close(sinkhorn_knopp(teacher_BK, 0.5, iterations=1), once_BK, rtol=1e-14, atol=0)
    torch.testing.assert_close(sinkhorn_knopp(teacher_BK, 0.5, iterations=2), twice_BK, rtol=1e-14, atol=0)


@given(seed=seeds, batch=st.integers(1, 9), prototypes=st.integers(1, 12), scale=st.floats(0.01, 1e4))
@calmly
def test_that_rows_sum_to_one_and_nothing_overflows(seed: int, batch: int, prototypes: int, scale: float) -> None:
    result_BK = sinkhorn_knopp(logits(seed, batch, prototypes, scale=scale).float(), temp=0.04)
    assert result_BK.dtype == torch.float32
    assert (result_BK >= 0).all()  # false for a NaN too
    torch.testing.assert_close(result_BK.sum(dim=1), torch.ones(batch), rtol=1e-5, atol=0)


def test_that_a_prototype_nobody_is_near_survives() -> None:
    """exp(-1e4 / 0.04) is 0 in any precision: a plain sum of that column divides 0 by 0."""
    teacher_BK = torch.tensor([[1e4, -1e4, 0.0], [1e4, -1e4, 5.0]])
    result_BK = sinkhorn_knopp(teacher_BK, temp=0.04)
    assert result_BK.isfinite().all()
    shifted_BK = sinkhorn_knopp(teacher_BK - torch.tensor([1e4, -1e4, 0.0]), temp=0.04)  # a column's constant is divided away
    torch.testing.assert_close(result_BK, shifted_BK, rtol=0, atol=1e-3)  # float32 at 1e4 / 0.04 has steps of 1/64


def test_that_with_time_all_prototypes_are_used_alike() -> None:
    result_BK = sinkhorn_knopp(logits(1, 8, 4, scale=0.2), temp=0.1, iterations=500)
    torch.testing.assert_close(result_BK.sum(dim=0), torch.full((4,), 2.0, dtype=torch.float64), rtol=1e-6, atol=0)


@given(seed=seeds, shuffle=st.randoms(use_true_random=False))
@calmly
def test_that_sinkhorn_knopp_follows_the_order_of_its_rows(seed: int, shuffle) -> None:
    order = list(range(6))
    shuffle.shuffle(order)
    teacher_BK = logits(seed, 6, 5, scale=0.3)
    torch.testing.assert_close(sinkhorn_knopp(teacher_BK[order], 0.05), sinkhorn_knopp(teacher_BK, 0.05)[order])


def test_that_only_masked_rows_take_part_whatever_the_padding_holds() -> None:
    teacher_BK, mask_B = logits(1, 6, 5, scale=0.3), torch.tensor([True, False, True, True, False, True])
    expected_BK = sinkhorn_knopp(teacher_BK[mask_B], 0.05)
    padded_BK = teacher_BK.masked_fill(~mask_B[:, None], math.nan)
    result_BK = sinkhorn_knopp(padded_BK, 0.05, mask_B=mask_B)
    assert torch.equal(result_BK[mask_B], expected_BK)
    assert (result_BK[~mask_B] == 0).all()
    assert (sinkhorn_knopp(teacher_BK, 0.05, mask_B=torch.zeros_like(mask_B)) == 0).all()


def test_that_sinkhorn_knopp_gives_targets_without_a_gradient_in_float32() -> None:
    teacher_BK = logits(1).bfloat16().requires_grad_()
    result_BK = sinkhorn_knopp(teacher_BK, 0.5)
    assert result_BK.dtype == torch.float32 and not result_BK.requires_grad
    assert torch.equal(result_BK, sinkhorn_knopp(teacher_BK.detach().float(), 0.5))


def test_that_the_ibot_loss_equals_the_mean_over_crops_of_each_ones_masked_tokens() -> None:
    """iBOT as METHODS.md section 2.4 writes it: crop by crop, two crops with a mask and one without."""
    student_CNK, target_CNK = logits(0, 3, 4, 7, scale=0.4), logits(1, 3, 4, 7).softmax(dim=-1)
    mask_CN = torch.tensor([[True, False, True, True], [False, False, True, False], [False] * 4])
    total = 0.0
    for student, target, mask in zip(student_CNK.tolist(), target_CNK.tolist(), mask_CN.tolist()):
        tokens = [cross_entropy(p, probabilities(z, 0.1)) for z, p, masked in zip(student, target, mask) if masked]
        total += sum(tokens) / max(1, len(tokens))
    weight_M = (1 / mask_CN.sum(dim=1, keepdim=True)).expand(3, 4)[mask_CN]
    loss = ibot_loss(student_CNK[mask_CN], target_CNK[mask_CN], weight_M, crops=3)
    assert loss.item() == pytest.approx(total / 3, rel=1e-6)  # the weights are float32
    assert loss.dtype == torch.float64


def test_that_the_ibot_loss_equals_a_case_by_hand() -> None:
    """Two masked tokens in one crop, one in another, four crops: (ln 2 / 2 + ln 2 / 2 + ln 5) / 4."""
    student_MK, target_MK = logs([1, 1], [1, 1], [1, 4]) * 0.1, exact([0.3, 0.7], [1.0, 0.0], [1.0, 0.0])
    loss = ibot_loss(student_MK, target_MK, exact([0.5, 0.5, 1.0])[0], crops=4)
    assert loss.item() == pytest.approx(0.575646, abs=1e-6)


def test_that_without_a_masked_token_the_ibot_loss_is_zero_with_a_gradient_of_zero() -> None:
    student_MK = torch.zeros(0, 7, requires_grad=True)
    loss = ibot_loss(student_MK, torch.zeros(0, 7), torch.zeros(0), crops=4)
    loss.backward()
    assert loss.item() == 0.0
    assert student_MK.grad is not None and student_MK.grad.shape == (0, 7)


# KoLeo and Gram.


@pytest.mark.parametrize("seed", range(3))
def test_that_koleo_equals_a_loop_over_all_neighbours(seed: int) -> None:
    features_BD = logits(seed, 8, 3)
    assert koleo_loss(features_BD).item() == pytest.approx(naive_koleo(features_BD), abs=1e-6)  # which knows no epsilon


def test_that_koleo_equals_a_case_by_hand() -> None:
    """Three directions at 0, 60 and 180 degrees: the nearest are 1, 1 and root 3 away. Lengths do not count."""
    features_BD = exact([5.0, 0.0], [0.5, math.sqrt(3) / 2], [-0.1, 0.0])
    assert koleo_loss(features_BD).item() == pytest.approx(-math.log(3) / 6, abs=1e-7)
    assert koleo_loss(features_BD).item() == pytest.approx(-0.183102, abs=1e-6)


def test_that_opposites_are_each_others_neighbours_and_not_their_own() -> None:
    assert koleo_loss(exact([1.0, 0.0], [-2.0, 0.0])).item() == pytest.approx(-math.log(2), abs=1e-7)


def test_that_autocast_does_not_mistake_the_neighbour() -> None:
    """Seen from 0 rad, 0.05 and -0.02 are as near as each other in bfloat16."""
    features_BD = torch.tensor([[math.cos(angle), math.sin(angle)] for angle in (0.0, 0.05, -0.02)])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = koleo_loss(features_BD).item()
    assert loss == pytest.approx(-mean([math.log(0.02), math.log(0.05), math.log(0.02)]), abs=1e-3)


def test_that_duplicates_are_as_far_apart_as_the_official_epsilons_make_them() -> None:
    """1e-8 at each of four features is a distance of 2e-8, and 1e-8 more under the logarithm: -ln 3e-8."""
    assert koleo_loss(exact([1.0, 2.0, 3.0, 4.0]).repeat(2, 1)).item() == pytest.approx(17.322068, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_that_koleo_survives_duplicates_with_finite_gradients(dtype: torch.dtype) -> None:
    row_1D = logits(0, 1, 6)
    for features_BD in (row_1D.repeat(2, 1), torch.cat([row_1D, row_1D, logits(1, 3, 6)]), torch.zeros(4, 6)):
        features_BD = features_BD.to(dtype).requires_grad_()
        loss = koleo_loss(features_BD)
        loss.backward()
        assert loss.isfinite() and 0 < loss.item() < 19
        assert features_BD.grad.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_that_the_gram_loss_equals_a_loop_over_pairs_of_patches(seed: int) -> None:
    student_BND, teacher_BND = logits(seed, 2, 4, 3), logits(seed + 100, 2, 4, 5)
    assert gram_loss(student_BND, teacher_BND).item() == pytest.approx(naive_gram(student_BND, teacher_BND), rel=1e-12)


def test_that_the_gram_loss_equals_a_case_by_hand() -> None:
    """Cosines (1 0; 0 1) and (1 1; 1 1): two of four entries differ by 1."""
    assert gram_loss(exact([3.0, 0.0], [0.0, 1.0])[None], exact([1.0, 0.0], [2.0, 0.0])[None]).item() == pytest.approx(
        0.5, rel=1e-14
    )


# What the cross-entropy is made of.


def test_that_the_entropies_equal_a_case_by_hand() -> None:
    """Rows 1/2 1/2 and 1 0: ln 2 / 2 on average; their mean 3/4 1/4 has 0.562335."""
    target_BK = exact([0.5, 0.5], [1.0, 0.0])
    assert losses.entropy(target_BK).item() == pytest.approx(math.log(2) / 2, rel=1e-14)
    assert losses.marginal_entropy(target_BK).item() == pytest.approx(0.562335, abs=1e-6)
    assert losses.marginal_entropy(target_BK[None]).item() == pytest.approx(0.562335, abs=1e-6)


@given(seed=seeds, scale=st.floats(0.01, 50))
@calmly
def test_that_an_answer_to_all_is_never_surer_than_the_answers(seed: int, scale: float) -> None:
    target_2BK = logits(seed, 2, 5, 7, scale=scale).softmax(dim=-1)
    inside, across = losses.entropy(target_2BK).item(), losses.marginal_entropy(target_2BK).item()
    assert -1e-12 <= inside <= across + 1e-12
    assert across <= math.log(7) + 1e-12


def test_that_entropy_and_kl_are_the_two_parts_of_the_dino_loss() -> None:
    student_VBK, target_2BK = logits(0, 4, 5, 7, scale=0.3), TARGETS_2BK
    floor, above = losses.entropy_and_kl(student_VBK, target_2BK)
    pairs = [(t, v) for t in range(2) for v in range(4) if t != v]
    expected = mean([kl(student_VBK[v] / 0.1, target_2BK[t].log()).item() for t, v in pairs])
    assert above.item() == pytest.approx(expected, rel=1e-11)
    assert (floor + above).item() == pytest.approx(dino_loss_from_targets(student_VBK, target_2BK).item(), rel=1e-12)


def test_that_kl_is_zero_once_the_student_says_what_the_teacher_says() -> None:
    target_2BK = logits(1, 1, 5, 7).softmax(dim=-1).expand(2, 5, 7)
    floor, above = losses.entropy_and_kl(0.1 * target_2BK.log()[[0, 1, 0]], target_2BK)
    assert above.item() == pytest.approx(0.0, abs=1e-12)
    assert floor.item() > 0.1


@pytest.mark.parametrize("teachers", [1, 3])
def test_that_dino_takes_another_number_of_teacher_views(teachers: int) -> None:
    generator = torch.Generator().manual_seed(2)
    student_VBK, target_TBK = torch.randn(4, 3, 5, generator=generator), torch.rand(teachers, 3, 5, generator=generator)
    target_TBK = target_TBK / target_TBK.sum(dim=-1, keepdim=True)
    log_s = (student_VBK / 0.1).log_softmax(dim=-1).tolist()
    pairs = [(t, v) for t in range(teachers) for v in range(4) if v != t]
    naive = sum(-float(target_TBK[t, b, k]) * log_s[v][b][k] / 3 for t, v in pairs for b in range(3) for k in range(5))
    assert losses.dino_loss_from_targets(student_VBK, target_TBK).item() == pytest.approx(naive / len(pairs), rel=1e-5)
