"""Weights from a file: what is taken, renamed, left aside and refused; and a backbone that stays as it is."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine import models
from engine.models import imported

NETWORKS = {
    "small_cnn": {"width": 4},
    "resnet": {"depth": 8, "width": 4},
    "densenet": {"depth": 10, "growth": 4},
    "vit": {"patch": 4, "width": 16, "depth": 2, "heads": 2},
    "timm": {"variant": "resnet18"},
}


def network(name: str = "resnet", classes: int = 10, channels: int = 3, seed: int = 0, size: int = 16) -> nn.Module:
    torch.manual_seed(seed)
    return models.build(name, classes, channels, size, **NETWORKS[name])


def file(folder: Path, tensors: Mapping[str, Tensor], name: str = "theirs.safetensors") -> Path:
    save_file({key: tensor.clone().contiguous() for key, tensor in tensors.items()}, folder / name)
    return folder / name


def backbone(one: nn.Module) -> dict[str, Tensor]:
    heads = tuple(f"{name}." for name in imported.classifier_names(one))
    return {name: tensor for name, tensor in one.state_dict().items() if not name.startswith(heads)}


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(ValueError) as refused:
        act()
    return str(refused.value)


# ---- what is taken ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_that_a_backbone_comes_from_the_file_and_the_classifier_stays_new(tmp_path: Path, name: str) -> None:
    theirs, ours = network(name, classes=7, seed=1), network(name)
    head = [parameter.clone() for layer in imported.classifier(ours) for parameter in layer.parameters()]
    report = imported.start_from(ours, file(tmp_path, theirs.state_dict()))
    assert report.complete and report.classifier and report.matched == report.wanted > 5
    expected = {key: tensor for key, tensor in backbone(theirs).items() if not key.endswith("num_batches_tracked")}
    found = {key: tensor for key, tensor in backbone(ours).items() if key in expected}
    assert same(found, expected)
    assert all(torch.equal(a, b) for a, b in zip(head, (p for layer in imported.classifier(ours) for p in layer.parameters())))


def _timm(one: nn.Module) -> dict[str, Tensor]:
    """As timm itself saves it."""
    return {key.removeprefix("body."): tensor for key, tensor in one.state_dict().items()}


@pytest.mark.parametrize(
    ("wrap", "nested", "renamed"),
    [
        (lambda state: state, "", ("", "body.")),
        (lambda state: {f"module.{key}": tensor for key, tensor in state.items()}, "", ("module.", "body.")),
        (lambda state: {f"module.backbone.{key}": tensor for key, tensor in state.items()}, "", ("module.backbone.", "body.")),
        (lambda state: {"epoch": 3, "state_dict": state}, "state_dict", ("", "body.")),
        (lambda state: {"model": {f"model.{key}": t for key, t in state.items()}, "best": 0.5}, "model", ("model.", "body.")),
        (lambda state: {"student": {"x": torch.zeros(1)}, "teacher": state}, "teacher", ("", "body.")),
        (
            lambda state: {
                f"{who}.{key}": tensor * part for who, part in (("student", 0), ("teacher", 1)) for key, tensor in state.items()
            },
            "",
            ("teacher.", "body."),
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_that_tables_and_prefixes_around_the_weights_do_not_matter(
    tmp_path: Path, wrap: Any, nested: str, renamed: tuple[str, str], suffix: str
) -> None:
    theirs, ours = network("timm", classes=1000, seed=1), network("timm")
    path = tmp_path / f"theirs{suffix}"
    torch.save(wrap(_timm(theirs)), path)
    report = imported.start_from(ours, path, whole=True)
    assert (report.nested, report.renamed, report.missing) == (nested, renamed, ())
    assert torch.equal(ours.state_dict()["body.conv1.weight"], theirs.state_dict()["body.conv1.weight"])
    assert torch.equal(ours.state_dict()["body.layer4.1.bn2.running_var"], theirs.state_dict()["body.layer4.1.bn2.running_var"])


def test_that_the_report_says_what_was_found_renamed_and_left(tmp_path: Path) -> None:
    theirs = {f"module.{key}": tensor for key, tensor in network("small_cnn", classes=3, seed=1).state_dict().items()}
    theirs["module.projector.weight"] = torch.zeros(2, 2)
    report = imported.start_from(network("small_cnn"), file(tmp_path, theirs))
    assert report.sentence() == (
        "the backbone starts from theirs.safetensors: 15 of 15 tensors found; module. renamed to nothing; "
        "its classifier left aside; not used: module.projector.weight"
    )
    told = report.table()
    assert (told["unexpected"], told["missing"], told["share"]) == (["module.projector.weight"], [], 1.0)
    assert told["renamed"]["module.blocks.0.weight"] == "blocks.0.weight"


def test_that_what_dino_put_on_a_network_is_left_aside(tmp_path: Path) -> None:
    theirs = network("small_cnn", classes=1, seed=1).state_dict() | {"dino_head.layers.0.weight": torch.zeros(2, 2)}
    report = imported.start_from(network("small_cnn"), file(tmp_path, theirs | {"dino_center": torch.zeros(2)}), whole=True)
    assert report.sentence() == (
        "the backbone starts from theirs.safetensors: 15 of 15 tensors found; "
        "its classifier left aside; its DINO head left aside"
    )
    assert report.complete and report.table()["left_aside"] == ["classifier", "head"]


def test_that_colour_filters_become_grey_ones_that_answer_the_same(tmp_path: Path) -> None:
    theirs, ours = network(channels=3, seed=1), network(channels=1)
    report = imported.start_from(ours, file(tmp_path, theirs.state_dict()), whole=True)
    assert len(report.summed) == 1 and "summed over the colours" in report.sentence()
    grey = torch.rand(2, 1, 16, 16)
    theirs.eval(), ours.eval()
    torch.testing.assert_close(ours.features(grey), theirs.features(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_that_halves_are_widened(tmp_path: Path) -> None:
    theirs, ours = network(seed=1), network()
    imported.start_from(ours, file(tmp_path, {key: tensor.half() for key, tensor in theirs.state_dict().items()}))
    assert ours.state_dict()["classify.weight"].dtype == torch.float32
    found, expected = backbone(ours), backbone(theirs)
    assert all(torch.equal(found[key], tensor.half().to(tensor.dtype)) for key, tensor in expected.items() if tensor.ndim)


# ---- what is refused ----------------------------------------------------------------------------------------------------


def test_that_another_networks_file_is_refused_and_nothing_copied(tmp_path: Path) -> None:
    ours = network()
    before = {key: tensor.clone() for key, tensor in ours.state_dict().items()}
    path = file(tmp_path, network("vit").state_dict())
    said = refusal(lambda: imported.start_from(ours, path))
    assert said.startswith(f"weights: {path} has 0 of the ") and "90% must be there; missing: " in said
    assert said.endswith(" more. Choose the network the file was made from") and said.count(", ") <= 4
    assert same(ours.state_dict(), before)


def test_that_nine_tenths_are_enough_unless_the_backbone_is_frozen(tmp_path: Path) -> None:
    theirs = network(seed=1).state_dict()
    names = [name for name in theirs if not name.startswith("classify") and not name.endswith("num_batches_tracked")]
    for name in names[: len(names) // 10]:
        del theirs[name]
    path = file(tmp_path, theirs)
    report = imported.start_from(network(), path)
    assert report.missing == tuple(names[: len(names) // 10]) and "missing: " in report.sentence()
    assert "all, since the backbone is frozen, must be there" in refusal(lambda: imported.start_from(network(), path, True))
    del theirs[names[-1]], theirs[names[-2]]
    assert "90% must be there" in refusal(lambda: imported.start_from(network(), file(tmp_path, theirs)))


def test_that_a_tensor_of_another_shape_is_missing_with_both_shapes(tmp_path: Path) -> None:
    theirs = network("vit", seed=1).state_dict() | {"norm.weight": torch.zeros(8)}
    report = imported.start_from(network("vit"), file(tmp_path, theirs))
    assert report.missing == ("norm.weight (8 there, 16 here)",)


def test_that_a_file_that_is_not_there_or_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    gone, other = tmp_path / "gone.pth", tmp_path / "weights.ckpt"
    other.touch()
    assert refusal(lambda: imported.read(gone)) == (
        f"weights: {gone} is not there; write the file of weights, or leave it empty to start at random"
    )
    assert refusal(lambda: imported.read(other)) == (
        f"weights: {other} is none of .safetensors, .pth, .pt, .bin; save the weights as .safetensors"
    )


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth"])
@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 nor this"])
def test_that_a_broken_file_is_refused_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    said = refusal(lambda: imported.read(tmp_path / name))
    assert said.startswith(f"weights: {tmp_path / name} ") and "; " in said and "\n" not in said


def test_that_a_pickle_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {"lr": 0.1}}, tmp_path / "empty.pth")
    assert "holds no tensors by name; save a network's state_dict()" in refusal(lambda: imported.read(tmp_path / "empty.pth"))


class Trap:
    """Runs when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def test_that_a_pickle_with_code_is_refused_unread_and_the_remedy_works(tmp_path: Path) -> None:
    theirs = network(seed=1)
    path, sprung = tmp_path / "theirs.pth", tmp_path / "sprung"
    torch.save({"state_dict": theirs.state_dict(), "args": Trap(sprung)}, path)
    said = refusal(lambda: imported.start_from(network(), path))
    assert "holds more than tensors, and reading it could run code; convert it once where you trust it: python -c" in said
    assert not sprung.exists() and "\n" not in said
    code = said.partition('python -c "')[2].removesuffix('"')
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert same(load_file(tmp_path / "theirs.safetensors"), theirs.state_dict())


# ---- a frozen backbone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_that_of_a_frozen_network_only_the_classifier_learns(name: str) -> None:
    one = network(name)
    imported.freeze_backbone(one.train())
    learns = {parameter for layer in imported.classifier(one) for parameter in layer.parameters()}
    assert {parameter for parameter in one.parameters() if parameter.requires_grad} == learns and learns
    before = {key: tensor.clone() for key, tensor in backbone(one).items()}
    optimizer = torch.optim.SGD([weight for weight in one.parameters() if weight.requires_grad], lr=0.5)
    pictures = torch.rand(6, 3, 16, 16)
    for mode in (True, False, True):
        one.train(mode)
        one(pictures).square().mean().backward()
        optimizer.step()
    assert same(backbone(one), before), "running statistics too"
    one.eval()
    quiet = one.features(pictures)
    one.train()
    assert torch.equal(one.features(pictures), quiet), "dropout is off whatever mode is asked for"
