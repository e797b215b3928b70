"""A step hands its device work and never asks for an answer: a GPU would have to finish all that it was given before.

Shown on torch's meta device, which has no numbers to give: whatever asks for one there is an error.
"""

import contextlib
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine import learner, models, rates, recipe
from engine.data import crops
from engine.data.batch import Batch
from engine.data.crops import View
from engine.data.order import uniforms
from engine.methods import METHODS, build, headed

META = torch.device("meta")
VIT = {"name": "vit", "patch": 4, "width": 12, "depth": 1, "heads": 2, "stem": "conv"}
HEAD = {"global_size": 16, "local_size": 8, "local_crops": 2, "prototypes": 8, "hidden": 8, "bottleneck": 4}
AUTO = {"teacher_temp": 0.04, "teacher_temp_start": 0.04, "teacher_temp_warmup_epochs": 0, "momentum": 0.9, "freeze_epochs": 1}


@pytest.fixture(autouse=True)
def without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device has none."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())


def asked(method: str, **fields: Any) -> recipe.RunRecipe:
    without = method.startswith("dino")
    table = {
        "method": {"name": method, **(HEAD | AUTO if without else {}), **fields},
        "model": VIT,
        "optimizer": {"name": "adamw"},
    }
    table |= {"lineage": "x", "seed": 0, "training": {"epochs": 4, "batch": 4}, "schedule": {"name": "constant"}}
    taught = not without and method != "supervised"
    table |= {"generation": int(taught), "teacher": "x-s0-F0"} if taught else {}
    if method == "dinov2":
        table["method"] |= {"patch_prototypes": 8}
    return recipe.parse(recipe.RunRecipe, table)  # type: ignore[no-any-return]


def network() -> torch.nn.Module:
    return models.build(**{"classes": 5, "channels": 3, "size": 16, **VIT})


def batch(wanted: recipe.RunRecipe) -> Batch:
    sizes = ((2, 16), (2, 8)) if tag(wanted).startswith("dino") else ((1, 16),)
    views = tuple(torch.empty(count, 4, 3, size, size, device=META) for count, size in sizes)
    return Batch(views, torch.zeros(4, dtype=torch.long, device=META), torch.arange(4))


def tag(wanted: recipe.RunRecipe) -> str:
    return str(msgspec.to_builtins(wanted.method)["name"])


def two_steps(wanted: recipe.RunRecipe, teacher: torch.nn.Module | None) -> dict[str, Tensor]:
    method = build(wanted.method, network(), teacher).to(META).train()
    method.plan(rates.schedules(wanted, 2), 2)
    optimizer = learner.optimizer_for(wanted, method)
    for step in range(3):  # in the last one nothing is frozen
        values = learner.learn(method, optimizer, batch(wanted), step, 3.0, "float32")
    return values


@pytest.mark.parametrize("name", [name for name in METHODS if name != "dinov2"])
def test_that_no_method_asks_its_device_for_a_number(name: str) -> None:
    teacher = network() if name not in ("supervised", "dino") else None
    assert {value.device for value in two_steps(asked(name), teacher).values()} == {META}


@pytest.mark.parametrize("fields", [{}, {"centering": "centre", "average_buffers": True}, {"separate_heads": False}])
def test_that_dinov2_does_not_either(fields: dict[str, Any]) -> None:
    assert {value.device for value in two_steps(asked("dinov2", **fields), None).values()} == {META}


def test_that_a_student_of_a_frozen_network_does_not_either() -> None:
    teacher = headed("large-s0-F0", asked("dinov2").method, network())
    assert two_steps(asked("dinov2"), teacher)["train/ibot"].device == META


@pytest.mark.parametrize("channels", [1, 3])
def test_that_crops_are_decided_without_asking(channels: int) -> None:
    view = View(count=2, size=16, scale=(0.4, 1), mix=0.5, invert=0.5)
    drawn = np.stack([uniforms(0, 0, np.arange(9), crop, crops.numbers(view)) for crop in range(2)])
    pictures = torch.empty(9, channels, 20, 20, dtype=torch.uint8, device=META)
    found = crops.crops(pictures, torch.arange(9, device=META), torch.from_numpy(drawn).float(), view)
    assert (found.shape, found.device) == ((2, 9, channels, 16, 16), META)


def test_that_the_meta_device_tells_who_asks() -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.empty(3, device=META).nonzero()
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.empty(3, device=META).sum().item()
