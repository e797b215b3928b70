"""Public layouts at toy size, under the very names of facebookresearch/dino and dinov2: the features that timm gives them."""

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from engine import models
from engine.models import imported, layouts
from engine.models.timm_models import TimmVit

WIDTH, DEPTH, PATCH, SIZE = 16, 3, 4, 16
PICTURES = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(9))


def public(grid: int = 4, registers: int = 0, v2: bool = False) -> dict[str, Tensor]:
    """vision_transformer.py of DINO, or with `v2` of DINOv2: names and shapes, with weights at random."""
    shapes: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, WIDTH), "pos_embed": (1, 1 + grid * grid, WIDTH)}
    if v2:
        shapes |= {"mask_token": (1, WIDTH)}
    if registers:
        shapes |= {"register_tokens": (1, registers, WIDTH)}
    shapes |= {"patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH), "patch_embed.proj.bias": (WIDTH,)}
    for block in range(DEPTH):
        for name, shape in (
            ("norm1", (WIDTH,)),
            ("attn.qkv", (3 * WIDTH, WIDTH)),
            ("attn.proj", (WIDTH, WIDTH)),
            ("norm2", (WIDTH,)),
            ("mlp.fc1", (4 * WIDTH, WIDTH)),
            ("mlp.fc2", (WIDTH, 4 * WIDTH)),
        ):
            shapes |= {f"blocks.{block}.{name}.weight": shape, f"blocks.{block}.{name}.bias": shape[:1]}
        if v2:
            shapes |= {f"blocks.{block}.ls1.gamma": (WIDTH,), f"blocks.{block}.ls2.gamma": (WIDTH,)}
    shapes |= {"norm.weight": (WIDTH,), "norm.bias": (WIDTH,)}
    drawn = torch.Generator().manual_seed(1)
    return {name: 0.3 * torch.randn(shape, generator=drawn) for name, shape in shapes.items()}


def ours(**options: Any) -> Any:
    return models.build("vit", 10, 3, SIZE, patch=PATCH, width=WIDTH, depth=DEPTH, heads=2, **options).eval()


def timms(classes: int = 10, **options: Any) -> VisionTransformer:
    return VisionTransformer(
        img_size=SIZE, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=2, num_classes=classes, **options
    ).eval()


def by_timm(state: Mapping[str, Tensor], **options: Any) -> Tensor:
    """Features of a timm network that timm itself has loaded."""
    network = timms(0, **options)
    network.load_state_dict(checkpoint_filter_fn(dict(state), network), strict=True)
    with torch.inference_mode():
        return network(PICTURES)


def saved(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "theirs.pth")
    return folder / "theirs.pth"


def features(network: Any) -> Tensor:
    with torch.inference_mode():
        return network.features(PICTURES)


def started(network: nn.Module, path: Path) -> tuple[imported.Imported, Tensor]:
    report = imported.start_from(network, path, whole=True)
    return report, features(network)


V2 = {"init_values": 1e-5}
KINDS = {
    "dino": ({}, {}, {}),
    "dino of another grid": ({"grid": 7}, {}, {}),
    "dinov2": ({"v2": True, "grid": 9}, {"layer_scale": 1e-5}, V2),
    "dinov2 with registers": (
        {"v2": True, "grid": 9, "registers": 4},
        {"layer_scale": 1e-5, "registers": 4},
        V2 | {"reg_tokens": 4, "no_embed_class": True},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_that_a_public_file_gives_our_network_and_timms_the_features_that_timm_gives_it(tmp_path: Path, kind: str) -> None:
    made, vit, timm = KINDS[kind]
    state = public(**made)
    expected, path = by_timm(state, **timm), saved(tmp_path, state)
    for network in (ours(**vit), TimmVit(timms(**timm)).eval()):
        report, found = started(network, path)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert report.complete and report.share == 1.0 and report.mask_token == ("mask_token" in state)
        assert report.format == ("pth, DINOv2" if "mask_token" in state else "pth, DINO")
        assert [sides for _, sides in report.resized] == ([f"{g} x {g} to 4 x 4"] if (g := made.get("grid", 4)) != 4 else [])


def chunked(state: Mapping[str, Tensor], size: int = 2) -> dict[str, Tensor]:
    """As dinov2 trains: `blocks.CHUNK.BLOCK`, with blocks counted through."""

    def name_of(name: str) -> str:
        return re.sub(r"blocks\.(\d+)\.", lambda found: f"blocks.{int(found[1]) // size}.{found[1]}.", name)

    return {name_of(name): tensor for name, tensor in state.items()}


def headed(state: Mapping[str, Tensor], before: str, heads: str = "head.") -> dict[str, Tensor]:
    own = {f"{before}backbone.{name}": tensor for name, tensor in state.items()}
    names = ("mlp.0.weight", "mlp.0.bias", "last_layer.weight_g", "last_layer.weight_v")
    return own | {f"{before}{heads}{name}": torch.zeros(2, 2) for name in names}


def test_that_a_full_checkpoint_of_dino_gives_its_teacher(tmp_path: Path) -> None:
    state = public()
    student = {name: -tensor for name, tensor in state.items()}
    content = {
        "student": headed(student, "module."),
        "teacher": headed(state, ""),
        "optimizer": {"state": {0: {"step": 3}}, "param_groups": []},
        "epoch": 7,
        "args": argparse.Namespace(arch="vit_small", lr=0.0005),
        "dino_loss": {"center": torch.zeros(1, 5)},
    }
    report, found = started(ours(), saved(tmp_path, content))
    torch.testing.assert_close(found, by_timm(state), rtol=1e-4, atol=1e-5)
    assert (report.nested, report.renamed[0], report.head, report.unexpected) == ("teacher", "backbone.", True, ())
    assert report.format == "pth, DINO"


@pytest.mark.parametrize("nested", ["teacher", "model"])
def test_that_checkpoints_of_dinov2_in_chunks_give_their_teacher(tmp_path: Path, nested: str) -> None:
    """`teacher_checkpoint.pth` has the teacher alone, `model_final.rank_0.pth` the student beside it."""
    state = public(v2=True, grid=9)
    heads = {f"{head}.mlp.0.weight": torch.zeros(2, 2) for head in ("dino_head", "ibot_head")}
    teacher = {f"backbone.{name}": tensor for name, tensor in chunked(state).items()} | heads
    content = teacher
    if nested == "model":
        content = {f"teacher.{name}": tensor for name, tensor in teacher.items()}
        content |= {f"student.{name}": -tensor for name, tensor in teacher.items()}
    report, found = started(ours(layer_scale=1e-5), saved(tmp_path, {nested: content}))
    torch.testing.assert_close(found, by_timm(state, **V2), rtol=1e-4, atol=1e-5)
    assert report.head and report.complete and report.student == (nested == "model")
    assert any(theirs.endswith("backbone.blocks.1.2.norm1.weight") for theirs, here in report.names if "2" in here)


def test_that_a_swiglu_file_is_said_as_timm_says_it(tmp_path: Path) -> None:
    """The giant of DINOv2 has w12 and w3, which timm calls fc1 and fc2."""
    names = ["blocks.0.mlp.w12.weight", "blocks.0.mlp.w3.bias", "register_tokens", "blocks.0.ls1.gamma"]
    told = layouts.spelled(names, TimmVit(timms()), [])
    assert list(told.values()) == ["blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.bias", "reg_token", "blocks.0.ls1.gamma"]


def test_that_a_timm_file_with_registers_keeps_what_it_added_to_cls(tmp_path: Path) -> None:
    """timm adds CLS's position to the token; here it has one again, of zero."""
    options = V2 | {"reg_tokens": 4, "no_embed_class": True}
    network = timms(1000, **options)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(std=0.3)
    report, found = started(ours(layer_scale=1e-5, registers=4), saved(tmp_path, network.state_dict()))
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(PICTURES), pre_logits=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert report.format == "pth, timm" and report.classifier


def test_that_networks_whose_own_blocks_lie_in_stages_are_left_as_they_are() -> None:
    names = ["blocks.0.0.conv.weight", "blocks.1.0.conv.weight"]
    assert layouts.spelled(names, nn.Identity(), names) == {name: name for name in names}


def test_that_the_report_names_everything(tmp_path: Path) -> None:
    state = public(grid=7)
    state["fpn.0.weight"] = state.pop("blocks.2.mlp.fc2.bias")
    report = imported.start_from(ours(), saved(tmp_path, state))
    told = json.loads(json.dumps(report.table()))
    assert told["missing"] == ["blocks.2.mlp.2.bias"] and told["unexpected"] == ["fpn.0.weight"]
    assert told["renamed"]["blocks.0.attn.qkv.weight"] == "blocks.0.attend.qkv.weight"
    assert told["resized"] == {"positions": "7 x 7 to 4 x 4"} and 0.99 < told["share"] < 1
    assert report.sentence() == (
        "the backbone starts from theirs.pth: 41 of 42 tensors found, 99.8% of its parameters; 27 names of DINO said as here; "
        "positions resized from 7 x 7 to 4 x 4 patches; missing: blocks.2.mlp.2.bias; not used: fpn.0.weight"
    )


def test_that_less_than_nine_tenths_are_refused_unless_partial(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in public().items() if not name.startswith("blocks.2.")}
    path, network = saved(tmp_path, state), ours()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ValueError) as refused:
        imported.start_from(network, path)
    said = str(refused.value)
    assert "has 30 of the 42 tensors of this network's backbone, " in said and "% of its parameters, 90% must be there" in said
    assert "missing: blocks.2.norm1.weight, " in said and said.endswith("or write partial = true to start the rest at random")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    report = imported.start_from(network, path, partial=True)
    assert len(report.missing) == 12 and torch.equal(network.state_dict()["cls"], state["cls_token"])
    assert torch.equal(network.state_dict()["blocks.2.norm1.weight"], before["blocks.2.norm1.weight"])


def test_that_without_the_scales_of_every_block_it_is_another_network(tmp_path: Path) -> None:
    """They are few numbers, but at 1e-5 each block would say next to nothing."""
    with pytest.raises(ValueError, match="has 42 of the 48 tensors of this network's backbone, 99"):
        imported.start_from(ours(layer_scale=1e-5), saved(tmp_path, public()))


def test_that_partial_takes_no_file_of_which_nothing_fits(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has 0 of the 42 tensors.*Choose the network the file was made from$"):
        imported.start_from(ours(), saved(tmp_path, {"conv.weight": torch.zeros(2, 2)}), partial=True)
