"""What each method asks its networks and makes of the answers, against loops over plain numbers. B images, K classes."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import models
from engine.data.batch import Batch
from engine.data.order import _mix, _streams, generator_seed
from engine.fields import tag_of
from engine.methods import METHODS, Method
from engine.methods.permutations import draws, permuted
from engine.recipes import Ban, BanLabel, Cwtm, Dkd, Dkpp, Kd
from engine.recipes import Method as Asked

TAUGHT: list[Any] = [Ban(), BanLabel(), Cwtm(), Dkpp(), Kd(), Dkd(), Kd(temperature=2.0, alpha=0.25), Dkd(alpha=0.5, beta=2.0)]


def network(seed: int, width: int = 4) -> nn.Module:
    torch.manual_seed(seed)
    return models.build("small_cnn", 5, 1, 8, width=width)


def batch(count: int = 6, seed: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    pictures_BCHW = 3 * torch.randn(count, 1, 8, 8, generator=generator)
    labels_B = torch.randint(5, (count,), generator=generator)
    return Batch((pictures_BCHW[None],), labels_B, torch.randperm(100, generator=generator)[:count])


def taught(asked: Any) -> Method:
    teacher = network(1, width=6)
    with torch.no_grad():
        for parameter in teacher.classify.parameters():  # type: ignore[union-attr,operator]
            parameter.mul_(2)  # it has opinions
    return METHODS[tag_of(type(asked))](asked, network(0), teacher).train()


def answers(method: Method, seen: Batch) -> tuple[list[list[float]], list[list[float]]]:
    """What student and teacher say, [B][K], without moving the student's running statistics."""
    student, teacher = method.backbones()
    kept = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    assert teacher is not None
    said = student(seen.pictures_BCHW).tolist(), teacher(seen.pictures_BCHW).tolist()
    student.load_state_dict(kept)
    return said


# ---- the objective ------------------------------------------------------------------------------------------------------


def softmax(row: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp((z - max(row)) / temperature) for z in row]
    return [power / sum(powers) for power in powers]


def divergence(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def naive(asked: Any, student: list[list[float]], teacher: list[list[float]], labels: list[int]) -> float:
    """The loss as its paper writes it, one number after another."""
    count, total = len(labels), 0.0
    sure = [max(softmax(row)) for row in teacher]
    for place, (z, t, y) in enumerate(zip(student, teacher, labels, strict=True)):
        q, p, label = softmax(z), softmax(t), -math.log(softmax(z)[y])
        crossed = -sum(a * math.log(b) for a, b in zip(p, q, strict=True))
        match asked:
            case Ban():
                total += crossed / count
            case BanLabel():
                total += (label + crossed) / count
            case Cwtm():
                total += sure[place] / sum(sure) * label
            case Kd(temperature=at, alpha=alpha):
                total += ((1 - alpha) * label + alpha * at**2 * divergence(softmax(t, at), softmax(z, at))) / count
            case Dkd(temperature=at, alpha=alpha, beta=beta):
                p, q = softmax(t, at), softmax(z, at)
                target = divergence([p[y], 1 - p[y]], [q[y], 1 - q[y]])
                rest = divergence(softmax(t[:y] + t[y + 1 :], at), softmax(z[:y] + z[y + 1 :], at))
                total += (label + at**2 * (alpha * target + beta * rest)) / count
    return total


@pytest.mark.parametrize("asked", [asked for asked in TAUGHT if not isinstance(asked, Dkpp)], ids=str)
def test_that_a_method_minimises_what_its_paper_writes(asked: Any) -> None:
    method, seen = taught(asked), batch()
    expected = naive(asked, *answers(method, seen), seen.labels_B.tolist())
    assert method.loss(seen, 0)[0].item() == pytest.approx(expected, rel=1e-4)


def test_that_shuffled_predictions_are_learnt_as_they_stand() -> None:
    method, seen = taught(Dkpp()), batch()
    student, teacher = answers(method, seen)
    torch.manual_seed(11)
    shuffled = permuted(torch.tensor(teacher), draws(11, seen.index_B, 5)).tolist()
    assert shuffled != teacher
    expected = naive(Ban(), student, shuffled, seen.labels_B.tolist())
    assert method.loss(seen, 0)[0].item() == pytest.approx(expected, rel=1e-4)


def test_that_labels_matter_to_the_methods_that_have_them_and_to_no_other() -> None:
    seen = batch()
    wrong = Batch(seen.views, (seen.labels_B + 1) % 5, seen.index_B)
    heard = {}
    for asked in TAUGHT[:6]:
        torch.manual_seed(0)
        method = taught(asked)
        losses = []
        for one in (seen, wrong):
            torch.manual_seed(11)
            losses.append(method.loss(one, 0)[0].item())
        heard[tag_of(type(asked))] = losses[0] != losses[1]
    assert heard == {"ban": False, "ban_label": True, "cwtm": True, "dkpp": False, "kd": True, "dkd": True}


def test_that_the_teachers_part_of_dkd_rises_to_its_full_weight() -> None:
    seen = batch()
    full, labels_only = (taught(Dkd(alpha=a, beta=8 * a)).loss(seen, 0)[0].item() for a in (1.0, 0.0))
    rising = taught(Dkd(warmup_epochs=4))
    rising.per_epoch = 3
    found = [rising.loss(seen, step)[0].item() for step in (0, 2, 3, 8, 9, 11, 12, 100)]
    shares = (0.25, 0.25, 0.5, 0.75, 1, 1, 1, 1)  # min(epoch / 4, 1), epochs counted from 1
    assert found == pytest.approx([labels_only + share * (full - labels_only) for share in shares], rel=1e-4)
    assert taught(Dkd()).loss(seen, 0)[0].item() == pytest.approx(full, rel=1e-6), "without a warm-up whole from the start"


# ---- the teacher --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", TAUGHT[:6], ids=str)
def test_that_a_teacher_is_asked_in_evaluation_mode_and_never_trained(asked: Any) -> None:
    method, seen = taught(asked), batch()
    student, teacher = method.backbones()
    assert teacher is not None and not teacher.training and student.training
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    modes: list[tuple[bool, bool]] = []
    teacher.register_forward_hook(lambda network, _inputs, said: modes.append((network.training, said.requires_grad)))
    optimizer = torch.optim.SGD(method.parameter_groups(0.1), lr=0.5, momentum=0.9)
    for step in range(3):
        method.loss(seen, step)[0].backward()
        optimizer.step()
    assert modes == [(False, False)] * 3
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    in_groups = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert in_groups == {id(parameter) for parameter in student.parameters()}


@pytest.mark.parametrize("asked", TAUGHT[:6], ids=str)
def test_that_a_student_that_is_its_own_teacher_is_refused(asked: Any) -> None:
    one = network(0)
    with pytest.raises(AssertionError, match="share"):
        METHODS[tag_of(type(asked))](asked, one, one)
    with pytest.raises(AssertionError, match="needs its teacher"):
        METHODS[tag_of(type(asked))](asked, one, None)


@pytest.mark.parametrize("asked", TAUGHT[:6], ids=str)
def test_that_a_student_is_given_the_answer_to_its_own_picture(asked: Any) -> None:
    """The same pictures in another order: the same loss. Answers kept from an earlier order would change it."""
    method, seen = taught(asked), batch()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    other = Batch((seen.pictures_BCHW[None, order],), seen.labels_B[order], seen.index_B[order])
    torch.manual_seed(11)
    first = method.loss(seen, 0)[0].item()
    torch.manual_seed(11)
    assert method.loss(other, 0)[0].item() == pytest.approx(first, rel=1e-5)


# ---- what is shown ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", TAUGHT[:6], ids=str)
def test_that_what_is_shown_has_the_names_there_are(asked: Any) -> None:
    loss, shown = taught(asked).loss(batch(), 0)
    always = ["train/loss", "train/accuracy", "train/agreement", "train/kl"]
    assert list(shown)[:4] == always and shown["train/loss"] is loss
    own = ["train/effective_batch", "train/heaviest_picture"] if isinstance(asked, Cwtm) else []
    assert list(shown)[4:] == own
    assert not any(value.requires_grad for name, value in shown.items() if name != "train/loss")


def test_that_agreement_and_divergence_are_those_with_the_teacher_as_it_is() -> None:
    for asked in TAUGHT[:6]:
        method, seen = taught(asked), batch()
        student, teacher = answers(method, seen)
        _, shown = method.loss(seen, 0)
        alike = [z.index(max(z)) == t.index(max(t)) for z, t in zip(student, teacher, strict=True)]
        apart = [divergence(softmax(t), softmax(z)) for z, t in zip(student, teacher, strict=True)]
        assert shown["train/agreement"].item() == pytest.approx(sum(alike) / 6)
        assert shown["train/kl"].item() == pytest.approx(sum(apart) / 6, rel=1e-4)


def test_that_a_batch_ruled_by_one_picture_is_seen() -> None:
    even, ruled = torch.zeros(4, 5), torch.zeros(4, 5)
    ruled[0, 2] = 50.0  # sure of one picture; 1 against three times a fifth
    method = taught(Cwtm())
    found = [{name: value.item() for name, value in method.signs(x, 4).items()} for x in (even, ruled)]  # type: ignore[operator]
    assert found[0] == pytest.approx({"train/effective_batch": 4.0, "train/heaviest_picture": 1.0})
    assert found[1] == pytest.approx({"train/effective_batch": 1.6**2 / 1.12, "train/heaviest_picture": 4 / 1.6})


# ---- DKPP's permutations ------------------------------------------------------------------------------------------------


def test_that_a_shuffle_keeps_the_largest_in_its_place_and_loses_nothing() -> None:
    torch.manual_seed(0)
    logits_BK, index_B = torch.randn(500, 7), torch.arange(500)
    shuffled_BK = permuted(logits_BK, draws(4, index_B, 7))
    top_B1 = logits_BK.argmax(dim=1, keepdim=True)
    assert torch.equal(shuffled_BK.argmax(dim=1, keepdim=True), top_B1)
    assert torch.equal(shuffled_BK.sort(dim=1)[0], logits_BK.sort(dim=1)[0])
    moved_BK = (shuffled_BK != logits_BK).scatter(1, top_B1, False)
    assert moved_BK.sum() / (500 * 6) == pytest.approx(5 / 6, abs=0.03)
    assert torch.equal(permuted(logits_BK[:, :1], draws(4, index_B, 1)), logits_BK[:, :1]), "one class, nothing to shuffle"


@pytest.mark.parametrize("top", [0, 2, 3])
def test_that_every_shuffle_is_equally_likely(top: int) -> None:
    row = torch.tensor([0.0, 1.0, 2.0, 3.0])
    row[top] = 9.0
    count = 12_000
    seen = Counter(map(tuple, permuted(row.expand(count, 4), draws(5, torch.arange(count), 4)).tolist()))
    assert len(seen) == 6
    assert all(abs(times - count / 6) < 5 * math.sqrt(count * 5 / 36) for times in seen.values())


def test_that_a_shuffle_belongs_to_the_picture_and_to_nothing_beside_it() -> None:
    index_B = torch.tensor([7, 3, 90, 3])
    drawn = draws(4, index_B, 6)
    assert torch.equal(drawn[1], drawn[3]) and not torch.equal(drawn[0], drawn[1])
    assert torch.equal(draws(4, torch.tensor([90]), 6)[0], drawn[2]), "whatever else is in the batch"
    assert not torch.equal(draws(5, index_B, 6), drawn)


def test_that_the_numbers_are_those_of_the_pictures_order() -> None:
    index_B = torch.tensor([0, 1, 2**40])
    words_B = index_B.numpy().astype(np.uint64)
    with_numpy = _streams(_mix(words_B * np.uint64(0x9E3779B97F4A7C15) + np.uint64(generator_seed("dkpp", 4))), 5)
    assert (draws(4, index_B, 5).numpy().view(np.uint64) == with_numpy).all()


def test_that_drawing_leaves_torchs_own_numbers_alone() -> None:
    torch.manual_seed(8)
    before = torch.get_rng_state()
    permuted(torch.randn(3, 5, generator=torch.Generator().manual_seed(0)), draws(1, torch.arange(3), 5))
    assert torch.equal(torch.get_rng_state(), before)


def test_that_the_shuffle_is_another_one_at_each_step() -> None:
    """train.py seeds torch with (seed, step) before each step, and resuming seeds it again."""
    method, seen = taught(Dkpp()), batch()
    found = []
    for step in (0, 1, 0):
        torch.manual_seed(generator_seed("step", 3, step))
        found.append(method.loss(seen, step)[0].item())
    assert found[0] == pytest.approx(found[2], rel=1e-6) and abs(found[0] - found[1]) > 1e-4


# ---- by name ------------------------------------------------------------------------------------------------------------


def test_that_every_method_that_can_be_asked_for_is_there() -> None:
    names = [tag_of(kind) for kind in Asked.__args__]  # type: ignore[attr-defined]
    assert names == list(METHODS) == ["supervised", "ban", "ban_label", "cwtm", "dkpp", "kd", "dkd", "dino", "dinov2"]


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_that_halves_give_a_finite_loss_in_full_precision(precision: torch.dtype) -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.said = nn.Parameter(torch.tensor([[60.0, -60.0, 0.0]]))

        def forward(self, x_BCHW: Tensor) -> Tensor:
            return self.said.expand(len(x_BCHW), 3).to(precision)

    for asked in TAUGHT[:6]:
        method = METHODS[tag_of(type(asked))](asked, Half(), Half())
        seen = Batch((torch.zeros(1, 4, 1, 2, 2),), torch.tensor([0, 1, 2, 1]), torch.arange(4))
        loss, shown = method.loss(seen, 0)
        assert loss.dtype == torch.float32 and loss.isfinite()
        assert all(value.isfinite() for value in shown.values())
