"""What DINOv2 adds to a step of DINO, against loops over plain numbers. N global crops, P patches, K prototypes."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import learner, models, rates, recipe
from engine.data.batch import Batch
from engine.methods import METHODS
from engine.methods.dinov2 import Dinov2, layer_of
from engine.recipes import Dinov2 as Asked

STEPS, PER_EPOCH, K = 6, 2, 12


def asked(**fields: Any) -> recipe.Recipe:
    method = {"name": "dinov2", "global_size": 16, "local_size": 8, "local_crops": 3, "prototypes": K, "hidden": 20}
    method |= {"patch_prototypes": 10, "bottleneck": 6, "teacher_temp": 0.06, "teacher_temp_start": 0.04}
    method |= {"teacher_temp_warmup_epochs": 2, "momentum": 0.9, "freeze_epochs": 1, **fields}
    table = {
        "lineage": "dinov2",
        "method": method,
        "model": {"name": "vit"},
        "optimizer": {"name": "adamw", "lr": 0.003, "weight_decay": 0.04, "clip": 3.0},
        "training": {"epochs": STEPS // PER_EPOCH, "batch": 4},
    }
    return recipe.parse(recipe.Recipe, table)  # type: ignore[no-any-return]


def method(wanted: recipe.Recipe) -> Dinov2:
    torch.manual_seed(0)
    network = models.build("vit", 3, 3, 16, patch=4, width=24, depth=2, heads=2, registers=1)
    found = METHODS["dinov2"](wanted.method, network, None)
    assert isinstance(found, Dinov2)
    found.plan(rates.schedules(wanted, PER_EPOCH), PER_EPOCH)
    return found.train()


def batch(seed: int = 5) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    views = tuple(torch.randn(count, 4, 3, size, size, generator=generator) for count, size in ((2, 16), (3, 8)))
    return Batch(views, torch.zeros(4).long(), torch.arange(4))


def steps(found: Dinov2, wanted: recipe.Recipe, first: int = 0, count: int = STEPS, optimizer: Any = None) -> Any:
    optimizer = optimizer or torch.optim.AdamW(found.parameter_groups(wanted.optimizer.weight_decay))
    for step in range(first, first + count):
        for group in optimizer.param_groups:
            group["lr"] = found.schedules["schedule/lr"](step) * found.rate_share(group, step)
        torch.manual_seed(step)
        learner.learn(found, optimizer, batch(step), step, wanted.optimizer.clip, "float32")
    return optimizer


def log_softmax(row: Tensor) -> Tensor:
    return row - row.max() - (row - row.max()).exp().sum().log()


@pytest.mark.parametrize("centering", ["sinkhorn", "centre"])
@pytest.mark.parametrize("separate", [True, False])
def test_that_the_loss_is_what_loops_make_of_it(centering: str, separate: bool) -> None:
    found, seen = method(asked(centering=centering, separate_heads=separate)), batch()
    torch.manual_seed(3)
    hidden_NP = found.guessed(seen, 16)
    torch.manual_seed(3)
    total, said = found.loss(seen, 0)
    whole = seen.views[0].flatten(0, 1)
    with torch.no_grad():
        mask = torch.from_numpy(hidden_NP)
        _, patches_t = found.teacher.features_and_patches(whole)  # type: ignore[union-attr,operator]
        cls_s, patches_s = found.student.features_and_patches(whole, (mask, found.mask_token))  # type: ignore[operator]
        flat = [patches_t[n, p] for n in range(8) for p in range(16) if hidden_NP[n, p]]
        logits = found.teacher_patch_head(torch.stack(flat))
        if centering == "centre":
            targets = (logits / 0.04).softmax(dim=1)
        else:
            q = (logits.double() / 0.04).exp()
            for _ in range(3):
                q = q / q.sum(dim=0, keepdim=True)
                q = q / q.sum(dim=1, keepdim=True)
            targets = q.float()
        ibot, place = 0.0, 0
        for n in range(8):
            for p in range(16):
                if hidden_NP[n, p]:
                    student = log_softmax(found.patch_head(patches_s[n, p][None])[0] / 0.1)
                    ibot += float(-(targets[place] * student).sum()) / int(hidden_NP[n].sum())
                    place += 1
        koleo = 0.0
        for crop in cls_s.unflatten(0, (2, 4)):
            unit = torch.nn.functional.normalize(crop, dim=1)
            for i in range(4):
                nearest = max((j for j in range(4) if j != i), key=lambda j: float(unit[i] @ unit[j]))
                koleo += -float(torch.linalg.vector_norm(unit[i] - unit[nearest] + 1e-8).log()) / 4
    assert place and said["train/ibot"].item() == pytest.approx(ibot / 8, rel=1e-4)
    assert said["train/koleo"].item() == pytest.approx(koleo / 2, rel=1e-4), "shown is the mean over the crops"
    assert total.item() == pytest.approx(said["train/dino"].item() + ibot / 8 + 0.1 * koleo, rel=1e-4)


def test_that_half_of_the_crops_are_hidden_in_part_and_the_same_step_hides_the_same() -> None:
    found = method(asked())
    torch.manual_seed(7)
    one, again = found.guessed(batch(), 16), found.guessed(batch(), 16)
    np.testing.assert_array_equal(one, again)
    assert one.any(axis=1).sum() == 4
    torch.manual_seed(8)
    assert (found.guessed(batch(), 16) != one).any()


def test_that_without_ibot_and_koleo_it_is_dino() -> None:
    wanted = asked(ibot_weight=0, koleo_weight=0)
    found = method(wanted)
    total, said = found.loss(batch(), 0)
    assert total.item() == pytest.approx(said["train/dino"].item()) and said["train/ibot"] == 0 == said["train/koleo"]
    total.backward()


def test_that_rates_fall_with_depth_and_the_stem_is_slow() -> None:
    wanted = asked()
    found = method(wanted)
    shares = {
        name: found.rate_share(group, 100)
        for group in found.parameter_groups(0.04)
        for weight in group["params"]
        for name, other in found.trained()
        if other is weight
    }
    assert set(shares) == {name for name, _ in found.trained()}
    assert shares["patches.weight"] == pytest.approx(0.9**3 * 0.2) and shares["positions"] == pytest.approx(0.9**3)
    assert shares["dino_mask_token"] == pytest.approx(0.9**3)
    assert shares["blocks.0.attend.qkv.weight"] == pytest.approx(0.9**2) and shares["blocks.1.mlp.0.bias"] == pytest.approx(0.9)
    assert shares["norm.weight"] == shares["dino_head.layers.0.weight"] == 1
    assert [layer_of(f"body.{name}", 12) for name in ("patch_embed.proj.weight", "blocks.3.x", "norm.weight")] == [0, 4, 13]


def test_that_biases_norms_and_scales_do_not_decay() -> None:
    found = method(asked())
    names = {id(weight): name for name, weight in found.trained()}
    for group in found.parameter_groups(0.04):
        for weight in group["params"]:
            is_wide = weight.ndim > 1 or names[id(weight)] == "dino_mask_token"
            assert group["decays"] == (is_wide and "norm" not in names[id(weight)]), names[id(weight)]


def test_that_frozen_prototypes_stay_while_their_moments_grow() -> None:
    wanted = asked(freeze_epochs=2, frozen_scale=False)
    found = method(wanted)
    before = [weight.clone() for weight in found.head.last.parameters()]
    optimizer = steps(found, wanted, count=4)
    assert all(torch.equal(a, b) for a, b in zip(before, found.head.last.parameters(), strict=True))
    assert all(optimizer.state[weight]["exp_avg"].any() for weight in found.head.last.parameters())
    steps(found, wanted, first=4, count=1, optimizer=optimizer)
    assert not all(torch.equal(a, b) for a, b in zip(before, found.head.last.parameters(), strict=True))


@pytest.mark.parametrize("separate", [True, False])
def test_that_a_checkpoint_brings_everything_back(separate: bool) -> None:
    wanted = asked(separate_heads=separate, centering="centre")
    whole, fresh = method(wanted), method(wanted)
    steps(whole, wanted)
    fresh.load_weights({p: {n: t.clone() for n, t in kept.items()} for p, kept in copy.deepcopy(whole.weights()).items()})
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, fresh.state_dict()[name]), name


def test_that_the_teacher_follows_with_all_its_heads() -> None:
    wanted = asked(momentum=0.0, momentum_final=0.0)
    found = method(wanted)
    steps(found, wanted, count=1)
    pairs = [(found.student, found.teacher), (found.head, found.teacher_head), (found.own_head, found.own_teacher_head)]
    for ours, theirs in pairs:
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):  # type: ignore[union-attr]
            torch.testing.assert_close(a, b, atol=1e-7, rtol=0)


def test_that_the_teachers_temperature_rises_with_every_step() -> None:
    temperature = rates.schedules(asked(), PER_EPOCH)["schedule/teacher_temp"]
    assert [temperature(step) for step in range(6)] == pytest.approx([0.04, 0.14 / 3, 0.16 / 3, 0.06, 0.06, 0.06])


def test_that_every_block_is_left_out_equally_often_and_the_teachers_never() -> None:
    """drop_path_uniform in DINOv2's configurations; DINO's rate rises with depth."""
    network = models.build("vit", 3, 3, 16, patch=4, width=24, depth=3, heads=2, drop_path=0.3)
    assert [block.drop_path for block in network.blocks] == pytest.approx([0, 0.15, 0.3])
    found = METHODS["dinov2"](asked().method, network, None)
    assert [block.drop_path for block in found.student.blocks] == [0.3] * 3  # type: ignore[union-attr]
    assert [block.drop_path for block in found.teacher.blocks] == [0] * 3  # type: ignore[union-attr]


def test_that_a_convolutional_network_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="vision transformer"):
        METHODS["dinov2"](asked().method, models.build("small_cnn", 3, 3, 16), None)


def test_that_the_published_numbers_are_the_defaults() -> None:
    fields = Asked()
    assert (fields.ibot_weight, fields.koleo_weight, fields.mask_probability) == (1.0, 0.1, 0.5)
    assert (fields.mask_ratio_low, fields.mask_ratio_high, fields.layer_decay, fields.patch_rate) == (0.1, 0.5, 0.9, 0.2)
