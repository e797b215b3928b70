"""DINO's head against its formula (Caron et al. 2021, arXiv:2104.14294). B pictures, D features, K prototypes."""

import copy
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.models.heads import DinoHead

SMALL = {"width": 6, "prototypes": 9, "hidden": 8, "bottleneck": 4}


def head(seed: int = 0, **options) -> DinoHead:
    torch.manual_seed(seed)
    return DinoHead(**{**SMALL, **options})


def features(batch: int = 5) -> Tensor:
    return torch.randn(batch, 6, generator=torch.Generator().manual_seed(1))


def by_hand(network: DinoHead, x_BD: Tensor) -> Tensor:
    """Linear, GELU, ..., linear, length 1, prototypes of the length g along v: one picture and one prototype at a time."""
    weights = network.state_dict()
    g_K1, v_KD = (weights[f"last.parametrizations.weight.original{i}"] for i in (0, 1))
    names = [name.removesuffix(".bias") for name in weights if name.endswith(".bias")]
    linears = [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in names]
    rows = []
    for x_D in x_BD:
        for place, (weight, bias) in enumerate(linears):
            x_D = weight @ x_D + bias
            if place < len(linears) - 1:
                x_D = 0.5 * x_D * (1 + torch.erf(x_D / math.sqrt(2)))
        z_D = x_D / x_D.square().sum().sqrt()
        rows.append(torch.stack([g * (v_D @ z_D) / v_D.square().sum().sqrt() for (g,), v_D in zip(g_K1, v_KD)]))
    return torch.stack(rows)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
@pytest.mark.parametrize("frozen_scale", [True, False])
def test_that_the_head_is_what_the_formula_says(layers: int, frozen_scale: bool) -> None:
    network = head(layers=layers, frozen_scale=frozen_scale)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))))
    logits_BK = network(features())
    assert logits_BK.shape == (5, 9)
    torch.testing.assert_close(logits_BK, by_hand(network, features()))


def test_that_the_head_has_the_widths_of_the_paper() -> None:
    with torch.device("meta"):
        network = DinoHead(384, 65_536)
    linears = [(layer.in_features, layer.out_features) for layer in network.layers if isinstance(layer, nn.Linear)]
    assert linears == [(384, 2048), (2048, 2048), (2048, 256)]
    assert network.last.weight.shape == (65_536, 256) and network.last.bias is None


def test_that_the_weights_start_as_in_the_paper() -> None:
    network = head(width=96, hidden=128, bottleneck=32, prototypes=64)
    for layer in network.layers:
        if isinstance(layer, nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert (layer.bias == 0).all()
    torch.testing.assert_close(network.last.weight.norm(dim=1), torch.ones(64))


def test_that_a_frozen_scale_keeps_every_logit_a_cosine() -> None:
    network = head(prototypes=300)
    optimizer = torch.optim.SGD([weight for weight in network.parameters() if weight.requires_grad], lr=50.0)
    for _ in range(3):
        network(features())[:, 0].sum().neg().backward()
        optimizer.step()
    assert network(100 * features()).abs().max() <= 1 + 1e-6
    torch.testing.assert_close(network.last.weight.norm(dim=1), torch.ones(300))


@pytest.mark.parametrize("frozen_scale", [True, False])
def test_that_only_a_free_scale_is_trained(frozen_scale: bool) -> None:
    network = head(frozen_scale=frozen_scale)
    network(features()).square().sum().backward()
    length_K1 = network.last.parametrizations.weight.original0
    assert length_K1.requires_grad is (length_K1.grad is not None) is not frozen_scale
    assert all(weight.grad is not None for weight in network.parameters() if weight is not length_K1)


def test_that_batch_norm_stands_before_each_gelu_and_brings_the_bias() -> None:
    network = head(batch_norm=True, layers=3)
    assert [type(layer).__name__ for layer in network.layers] == 2 * ["Linear", "BatchNorm1d", "GELU"] + ["Linear"]
    assert [layer.bias is None for layer in network.layers if isinstance(layer, nn.Linear)] == [True, True, False]
    first_BD = network.layers[1](network.layers[0](features(50)))
    torch.testing.assert_close(first_BD.mean(dim=0), torch.zeros(8), rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("frozen_scale", [True, False])
def test_that_a_copy_says_the_same_and_goes_its_own_way(batch_norm: bool, frozen_scale: bool) -> None:
    network = head(batch_norm=batch_norm, frozen_scale=frozen_scale)
    network(features()).sum().backward()
    twin = copy.deepcopy(network)
    assert torch.equal(twin.eval()(features()), network.eval()(features()))
    before_BK = network(features())
    with torch.no_grad():
        for weight in twin.parameters():
            weight.mul_(-3)
        twin.last.parametrizations.weight.original1.copy_(features(9)[:, :4])
    assert torch.equal(network(features()), before_BK)
    assert not torch.equal(twin(features()), before_BK)
    assert not {weight.data_ptr() for weight in twin.parameters()} & {weight.data_ptr() for weight in network.parameters()}


@pytest.mark.parametrize("batch_norm", [True, False])
def test_that_a_head_comes_back_from_a_file(tmp_path: Path, batch_norm: bool) -> None:
    network, other = head(batch_norm=batch_norm).eval(), head(seed=5, batch_norm=batch_norm).eval()
    save_file(network.state_dict(), tmp_path / "head.safetensors")
    other.load_state_dict(load_file(tmp_path / "head.safetensors"))
    assert torch.equal(other(features()), network(features()))


def test_that_the_names_of_the_weights_stay() -> None:
    assert list(head().state_dict()) == [
        *(f"layers.{place}.{part}" for place in (0, 2, 4) for part in ("weight", "bias")),
        "last.parametrizations.weight.original0",
        "last.parametrizations.weight.original1",
    ]


def test_that_initial_weights_are_a_function_of_the_seed() -> None:
    first, again, other = (list(head(seed).parameters()) for seed in (7, 7, 8))
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not all(torch.equal(a, b) for a, b in zip(first, other))


@pytest.mark.parametrize("argument", ["width", "prototypes", "hidden", "bottleneck", "layers"])
def test_that_a_refusal_names_the_argument(argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}: 0 is below 1"):
        DinoHead(**{**SMALL, argument: 0})
