"""DINO's steps against a restatement of main_dino.py's order in plain torch, and what public copies of it get wrong.

V crops of B images, K prototypes, D features.
"""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine import learner, models, rates, recipe
from engine.data.batch import Batch
from engine.methods import METHODS
from engine.methods.dino import Dino, views
from engine.recipes import Dino as Asked

STEPS, PER_EPOCH = 8, 2
K = 12


def asked(**fields: Any) -> recipe.Recipe:
    method = {"name": "dino", "global_size": 16, "local_size": 8, "local_crops": 3, "prototypes": K, "hidden": 20}
    method |= {"bottleneck": 6, "teacher_temp": 0.06, "teacher_temp_start": 0.03, "teacher_temp_warmup_epochs": 3}
    method |= {"momentum": 0.9, "freeze_epochs": 1, **fields}
    table = {
        "lineage": "dino",
        "method": method,
        "optimizer": {"name": "adamw", "lr": 0.003, "weight_decay": 0.04, "clip": 0.3},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
        "training": {"epochs": STEPS // PER_EPOCH, "batch": 4},
    }
    return recipe.parse(recipe.Recipe, table)  # type: ignore[no-any-return]


def method(wanted: recipe.Recipe, backbone: str = "vit") -> Dino:
    torch.manual_seed(0)
    options = {"patch": 4, "width": 24, "depth": 2, "heads": 2} if backbone == "vit" else {}
    found = METHODS["dino"](wanted.method, models.build(backbone, 3, 3, 16, **options), None)
    assert isinstance(found, Dino)
    with torch.no_grad():  # as trained for a while: features far from 0 and a teacher that is not its student
        for weight in [*found.teacher.parameters(), *found.teacher_head.parameters()]:  # type: ignore[union-attr]
            if weight.ndim > 1:
                weight.add_(0.02 * torch.randn_like(weight))
    found.plan(rates.schedules(wanted, PER_EPOCH), PER_EPOCH)
    return found.train()


def batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(5)

    def crops(count: int, size: int) -> Tensor:
        return torch.randn(count, 4, 3, size, size, generator=generator)

    return [Batch((crops(2, 16), crops(3, 8)), torch.zeros(4).long(), torch.arange(4)) for _ in range(STEPS)]


def optimizer_of(found: Dino, wanted: recipe.Recipe) -> torch.optim.Optimizer:
    return torch.optim.AdamW(found.parameter_groups(wanted.optimizer.weight_decay))


def steps(found: Dino, wanted: recipe.Recipe, seen: list[Batch], first: int = 0) -> list[dict[str, Tensor]]:
    optimizer = optimizer_of(found, wanted)
    said = []
    for step, batch in enumerate(seen, first):
        for group in optimizer.param_groups:
            group["lr"] = found.schedules["schedule/lr"](step)
            group["weight_decay"] = found.schedules["schedule/weight_decay"](step) if group["decays"] else 0.0
        said.append(learner.learn(found, optimizer, batch, step, wanted.optimizer.clip, "float32"))
    return said


class Official:
    """One step as main_dino.py takes it, written down again: nothing is shared with the engine but the networks."""

    def __init__(self, found: Dino, wanted: recipe.Recipe) -> None:
        self.student, self.head = copy.deepcopy(found.student), copy.deepcopy(found.head)
        self.teacher, self.teacher_head = copy.deepcopy(found.teacher), copy.deepcopy(found.teacher_head)
        named = [(n, p) for n, p in [*self.student.named_parameters(), *self.head.named_parameters()] if p.requires_grad]
        self.parameters = [p for _, p in named]
        regularized = [p for n, p in named if not (n.endswith(".bias") or p.ndim == 1)]
        rest = [p for n, p in named if n.endswith(".bias") or p.ndim == 1]
        self.optimizer = torch.optim.AdamW([{"params": regularized}, {"params": rest, "weight_decay": 0.0}])
        self.center = torch.zeros(1, K, dtype=torch.float64)

    @staticmethod
    def cosine(base: float, final: float, step: int, warmup: int = 0) -> float:
        if step < warmup:
            return base * step / (warmup - 1)
        return final + 0.5 * (base - final) * (1 + math.cos(math.pi * (step - warmup) / (STEPS - warmup)))

    def step(self, it: int, batch: Batch) -> float:
        epoch = it // PER_EPOCH
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.cosine(0.003, 0.0, it, PER_EPOCH)
            if i == 0:
                group["weight_decay"] = self.cosine(0.04, 0.4, it)
        crops = [*batch.views[0], *batch.views[1]]
        with torch.no_grad():
            teacher = self.teacher_head(torch.cat([self.teacher.features(crop) for crop in crops[:2]])).chunk(2)
        student = self.head(torch.cat([self.student.features(crop) for crop in crops])).chunk(len(crops))
        temp = [0.03, 0.045, 0.06, 0.06][epoch]
        total, terms = torch.zeros((), dtype=torch.float64), 0
        for iq, t in enumerate(teacher):
            q = F.softmax((t - self.center) / temp, dim=-1)
            for v, s in enumerate(student):
                if v == iq:
                    continue
                total = total + torch.sum(-q * F.log_softmax(s / 0.1, dim=-1), dim=-1).mean()
                terms += 1
        loss = total / terms
        self.center = self.center * 0.9 + torch.cat(teacher).mean(dim=0, keepdim=True) * 0.1
        self.optimizer.zero_grad()
        loss.backward()
        for p in self.parameters:
            if p.grad is not None:
                coefficient = 0.3 / (p.grad.norm(2) + 1e-6)
                if coefficient < 1:
                    p.grad.mul_(coefficient)
        if epoch < 1:
            for n, p in self.head.named_parameters():
                if "last" in n:
                    p.grad = None
        self.optimizer.step()
        with torch.no_grad():
            m = self.cosine(0.9, 1.0, it)
            for ours, theirs in ((self.student, self.teacher), (self.head, self.teacher_head)):
                for q_, k_ in zip(ours.parameters(), theirs.parameters(), strict=True):  # type: ignore[union-attr]
                    k_.mul_(m).add_((1 - m) * q_.detach())
        return loss.item()


@pytest.mark.parametrize("fields", [{}, {"frozen_scale": False}, {"batch_norm": True}])
def test_that_eight_steps_are_those_of_the_official_order(fields: dict[str, Any]) -> None:
    wanted, seen = asked(**fields), [Batch(tuple(v.double() for v in b.views), b.labels_B, b.index_B) for b in batches()]
    found = method(wanted).double()  # a gradient that is 0 but for rounding would otherwise move a weight as far as any other
    official = Official(found, wanted)
    said = steps(found, wanted, seen)
    for step, batch in enumerate(seen):
        assert said[step]["train/loss"].item() == pytest.approx(official.step(step, batch), abs=1e-7)
    for ours, theirs in (
        (found.student, official.student),
        (found.head, official.head),
        (found.teacher, official.teacher),
        (found.teacher_head, official.teacher_head),
    ):
        for name, tensor in ours.state_dict().items():  # type: ignore[union-attr]
            torch.testing.assert_close(tensor, theirs.state_dict()[name], atol=1e-7, rtol=1e-6, msg=name)  # type: ignore[union-attr]
    torch.testing.assert_close(found.center_K, official.center[0], atol=1e-6, rtol=1e-5)


def test_that_the_teacher_sees_the_global_crops_only() -> None:
    wanted, seen = asked(), batches()[0]
    found = method(wanted)
    sizes: list[torch.Size] = []
    found.teacher.register_forward_hook(lambda *_: None)  # type: ignore[union-attr]
    features = found.teacher.features  # type: ignore[union-attr]
    found.teacher.features = lambda x: (sizes.append(x.shape), features(x))[1]  # type: ignore[union-attr,assignment,operator]
    found.loss(seen, 0)
    assert sizes == [torch.Size([8, 3, 16, 16])]


def test_that_the_teacher_gets_no_gradient_and_the_classifier_is_never_trained() -> None:
    wanted = asked()
    found = method(wanted)
    before = copy.deepcopy(found.student.classify.state_dict())  # type: ignore[union-attr,operator]
    found.loss(batches()[0], 0)[0].backward()
    assert all(weight.grad is None for weight in found.teacher.parameters())  # type: ignore[union-attr]
    assert not any("classify" in name for name, _ in found.trained())
    steps(found, wanted, batches())
    for name, tensor in found.student.classify.state_dict().items():  # type: ignore[union-attr,operator]
        assert torch.equal(tensor, before[name])


def test_that_only_the_student_leaves_branches_and_features_out() -> None:
    class Dropping(torch.nn.Module):
        embed_dim = 24

        def __init__(self) -> None:
            super().__init__()
            self.vit = models.build("vit", 3, 3, 16, patch=4, width=24, depth=2, heads=2, drop_path=0.9)
            self.drop = torch.nn.Dropout(0.9)
            self.classify = self.vit.classify

        def features(self, x_BCHW: Tensor) -> Tensor:
            return self.drop(self.vit.features(x_BCHW))  # type: ignore[no-any-return,operator]

    found = METHODS["dino"](asked().method, Dropping(), None).train()
    with torch.no_grad():
        for block in found.student.vit.blocks:  # type: ignore[union-attr]
            block.mlp[2].weight.normal_()
    pictures_BCHW = torch.randn(4, 3, 16, 16)

    def is_steady(network: Any) -> bool:
        return torch.equal(network.features(pictures_BCHW), network.features(pictures_BCHW))

    assert found.teacher is not None and found.teacher.training
    assert is_steady(found.teacher) and not is_steady(found.student) and not is_steady(found.student.vit)


def test_that_timms_teachers_leave_nothing_out_either() -> None:
    found = METHODS["dino"](asked().method, models.build("swin_tiny_patch4_window7_224", 3, 3, 32), None).train()
    pictures_BCHW = torch.randn(2, 3, 32, 32)
    first, second = (found.teacher.features(pictures_BCHW) for _ in range(2))  # type: ignore[union-attr,operator]
    assert torch.equal(first, second)


def test_that_none_of_several_classifiers_is_trained() -> None:
    found = METHODS["dino"](asked().method, models.build("deit_tiny_distilled_patch16_224", 3, 3, 32), None)
    assert not [name for name, _ in found.trained() if name.startswith("body.head")]


def test_that_looking_at_prototypes_changes_nothing_and_each_picture_answers_for_itself() -> None:
    wanted = asked(batch_norm=True)
    found = method(wanted)
    steps(found, wanted, batches())
    before = {name: tensor.clone() for name, tensor in found.state_dict().items()}
    features_ND = torch.randn(5, 24)
    together, alone = found.prototypes(features_ND), torch.cat([found.prototypes(one_1D) for one_1D in features_ND.split(1)])
    torch.testing.assert_close(together, alone)
    assert all(torch.equal(tensor, before[name]) for name, tensor in found.state_dict().items())
    assert found.teacher_head.training and found.teacher_head.layers[1].training  # type: ignore[index,union-attr]


def test_that_the_prototypes_stay_while_they_are_frozen_and_move_afterwards() -> None:
    wanted = asked(freeze_epochs=2)
    found, seen = method(wanted), batches()
    before = [weight.clone() for weight in found.head.last.parameters()]
    steps(found, wanted, seen[:4])
    assert all(torch.equal(a, b) for a, b in zip(before, found.head.last.parameters(), strict=True))
    steps(found, wanted, seen[4:6], first=4)
    assert not all(torch.equal(a, b) for a, b in zip(before, found.head.last.parameters(), strict=True))


def test_that_a_momentum_of_1_leaves_the_teacher_and_one_of_0_copies_the_student() -> None:
    for momentum in (0.0, 1.0):
        wanted = asked(momentum=momentum, momentum_final=momentum)
        found = method(wanted)
        before = copy.deepcopy(found.teacher)
        steps(found, wanted, batches()[:2])
        like = found.student if momentum == 0 else before
        for name, weight in found.teacher.named_parameters():  # type: ignore[union-attr]
            torch.testing.assert_close(weight, like.get_parameter(name), atol=1e-7, rtol=0)  # type: ignore[union-attr]


@pytest.mark.parametrize("average", [False, True])
def test_that_running_statistics_are_averaged_only_when_asked(average: bool) -> None:
    wanted = asked(average_buffers=average, momentum=1.0)
    found = method(wanted, "small_cnn")
    found.teacher.blocks[1].running_mean.fill_(7.0)  # type: ignore[union-attr,index,operator]
    momentum_of_batch_norm = 0.1
    found.teacher.blocks[1].momentum = 0.0  # type: ignore[union-attr,index,operator]
    found.plan({**found.schedules, "schedule/momentum": lambda step: 0.0}, PER_EPOCH)
    steps(found, wanted, batches()[:1])
    ours, theirs = found.student.blocks[1].running_mean, found.teacher.blocks[1].running_mean  # type: ignore[union-attr,index,operator]
    assert momentum_of_batch_norm and torch.equal(ours, theirs) == average


def test_that_cross_entropy_is_entropy_plus_divergence() -> None:
    found = method(asked())
    loss, said = found.loss(batches()[0], 0)
    assert said["teacher/entropy"] + said["teacher/kl"] == pytest.approx(loss.item(), abs=1e-5)
    assert said["teacher/kl"] > 0
    assert said["teacher/entropy"] <= said["teacher/marginal_entropy"] + 1e-6


def test_that_two_collapses_look_as_they_should() -> None:
    found, seen = method(asked(centering="centre")), batches()[0]
    with torch.no_grad():
        for weight in found.teacher_head.last.parameters():
            weight.fill_(1.0)  # every prototype the same: uniform
    said = found.loss(seen, 0)[1]
    assert said["teacher/entropy"].item() == pytest.approx(math.log(K), abs=1e-4)
    found.center_K[0] = -10  # one prototype wins everywhere
    said = found.loss(seen, 0)[1]
    assert said["teacher/entropy"] < 1e-3 and said["teacher/marginal_entropy"] < 1e-3


def test_that_sinkhorn_uses_the_prototypes_evenly_and_no_centre() -> None:
    wanted = asked(centering="sinkhorn")
    found = method(wanted)
    said = steps(found, wanted, batches())
    assert torch.equal(found.center_K, torch.zeros(K))
    assert all(values["teacher/marginal_entropy"] > 0.9 * math.log(min(K, 8)) for values in said)


@pytest.mark.parametrize("counts", [(1, 2), (3, 0), (2, 0), (4, 5)])
def test_that_any_number_of_crops_will_do(counts: tuple[int, int]) -> None:
    wanted = asked(global_crops=counts[0], local_crops=counts[1])
    found = method(wanted)
    kinds = views(wanted.method)  # type: ignore[arg-type]
    seen = Batch(tuple(torch.randn(kind.count, 4, 3, kind.size, kind.size) for kind in kinds), torch.zeros(4), torch.arange(4))
    loss, _ = found.loss(seen, 0)
    assert loss.isfinite() and sum(kind.count for kind in kinds) == sum(counts)


@pytest.mark.parametrize("backbone", ["small_cnn", "resnet", "densenet"])
def test_that_convolutional_backbones_learn_too(backbone: str) -> None:
    wanted = asked(batch_norm=True, freeze_epochs=0)
    found = method(wanted, backbone)
    said = steps(found, wanted, [batches()[0]] * 8)
    assert said[-1]["train/loss"] < said[0]["train/loss"] + 0.5


def test_that_a_checkpoint_brings_everything_back(tmp_path: Any) -> None:
    wanted, seen = asked(), batches()
    whole, half = method(wanted), method(wanted)
    steps(whole, wanted, seen[:4])
    half.load_weights({part: {name: t.clone() for name, t in kept.items()} for part, kept in whole.weights().items()})
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, half.state_dict()[name]), name
    assert set(whole.weights()) == {"model", "teacher"}


def test_that_either_network_loads_without_knowing_of_dino() -> None:
    found = method(asked())
    for kept in found.weights().values():
        plain = models.build("vit", 3, 3, 16, patch=4, width=24, depth=2, heads=2)
        plain.load_state_dict({name: tensor for name, tensor in kept.items() if not name.startswith("dino_")})


def test_that_refusals_name_the_field() -> None:
    with pytest.raises(recipe.RecipeErrors, match=r"method\.local_crops"):
        asked(global_crops=1, local_crops=0)
    with pytest.raises(recipe.RecipeErrors, match=r"method\.local_scale_low: 0\.9 is above"):
        asked(local_scale_low=0.9)


def test_that_the_published_numbers_are_the_defaults() -> None:
    fields = Asked()
    assert (fields.student_temp, fields.center_momentum, fields.hidden, fields.bottleneck) == (0.1, 0.9, 2048, 256)
    assert (fields.global_crops, fields.local_crops, fields.weight_decay_final) == (2, 8, 0.4)


def test_that_a_frozen_backbone_is_refused() -> None:
    table = recipe.to_table(asked()) | {"model": {"name": "vit", "freeze": True, "weights": "x.safetensors"}}
    with pytest.raises(recipe.RecipeErrors, match=r"model\.freeze: is true, so dino would train nothing but its head"):
        recipe.parse(recipe.Recipe, table)
