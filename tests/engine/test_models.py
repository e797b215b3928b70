"""What every network promises, and what each refuses. B images, K classes, D features."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models import MODELS, build, reads
from engine.models.timm_models import TimmCnn, TimmModel
from engine.models.vit import PLAIN_UP_TO, Attention, Vit, _bicubic, fuses, vit

VIT = {"patch": 2, "width": 24, "depth": 2, "heads": 3}
NETWORKS = [
    ("small_cnn", 1, 8, {"width": 4}),
    ("small_cnn", 3, 11, {"width": 4}),
    ("small_cnn", 3, 32, {"width": 4}),
    ("small_cnn", 1, 64, {"width": 4}),
    ("resnet", 1, 8, {"depth": 8, "width": 4}),
    ("resnet", 3, 32, {"depth": 14, "width": 4}),
    ("densenet", 1, 8, {"depth": 10, "growth": 4}),
    ("densenet", 3, 32, {"depth": 10, "growth": 3, "bottleneck": False, "reduction": 1.0}),
    ("vit", 1, 8, VIT),
    ("vit", 3, 12, {**VIT, "patch": 3, "registers": 2, "drop_path": 0.2}),
    ("vit", 3, 16, {**VIT, "patch": 4, "stem": "conv", "layer_scale": 0.1}),
]


def pictures(channels: int, size: int, batch: int = 3) -> Tensor:
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(1))


def small_vit(**options) -> Vit:
    torch.manual_seed(0)
    network = vit(5, 1, 8, **{**VIT, **options})
    assert isinstance(network, Vit)
    return network


@pytest.mark.parametrize(("name", "channels", "size", "options"), NETWORKS)
def test_that_a_network_gives_logits_and_features(name: str, channels: int, size: int, options: dict) -> None:
    network = build(name, classes=5, channels=channels, size=size, **options)
    x_BCHW = pictures(channels, size)
    assert network(x_BCHW).shape == (3, 5)
    assert network.features(x_BCHW).shape == (3, network.embed_dim)
    network(x_BCHW).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("name", "channels", "size", "options"), NETWORKS)
def test_that_one_picture_gives_what_it_gives_in_a_batch(name: str, channels: int, size: int, options: dict) -> None:
    network = build(name, 5, channels, size, **options).eval()
    x_BCHW = pictures(channels, size)
    torch.testing.assert_close(network(x_BCHW[:1]), network(x_BCHW)[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "channels", "size", "options"), NETWORKS)
def test_that_initial_weights_are_a_function_of_the_seed(name: str, channels: int, size: int, options: dict) -> None:
    def weights(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return list(build(name, 5, channels, size, **options).state_dict().values())

    first, again, other = weights(7), weights(7), weights(8)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not all(torch.equal(a, b) for a, b in zip(first, other))


@pytest.mark.parametrize("name", ["small_cnn", "resnet", "densenet"])
def test_that_a_convolutional_network_is_its_head_on_its_maps(name: str) -> None:
    network = build(name, 5, 1, 8, **({"depth": 10} if name == "densenet" else {})).eval()
    x_BCHW = pictures(1, 8)
    maps_BDhw = network.maps(x_BCHW)
    assert maps_BDhw.shape[:2] == (3, network.embed_dim)
    torch.testing.assert_close(network.head(maps_BDhw), network(x_BCHW), rtol=0, atol=0)
    torch.testing.assert_close(network.classify(network.features(x_BCHW)), network(x_BCHW), rtol=0, atol=0)


@pytest.mark.parametrize(("size", "side"), [(8, 4), (16, 4), (32, 4), (64, 8)])
def test_that_the_small_cnn_keeps_maps_worth_looking_at(size: int, side: int) -> None:
    assert build("small_cnn", 5, 3, size, width=4).maps(pictures(3, size)).shape == (3, 8, side, side)


def test_that_resnet_20_has_the_size_of_the_paper() -> None:
    count = sum(parameter.numel() for parameter in build("resnet", 10, 3, 32).parameters())
    assert round(count / 1e6, 2) == 0.27  # He et al. 2016, table 6: 0.27 M
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in build("resnet", 10, 3, 32).modules()) == 20


@pytest.mark.parametrize(
    ("depth", "growth", "compact", "millions"),
    [(40, 12, False, 1.0), (100, 12, False, 7.0), (100, 12, True, 0.8), (250, 24, True, 15.3)],
)
def test_that_densenets_have_the_sizes_of_the_paper(depth: int, growth: int, compact: bool, millions: float) -> None:
    options = {"bottleneck": compact, "reduction": 0.5 if compact else 1.0}
    with torch.device("meta"):
        network = build("densenet", 10, 3, 32, depth=depth, growth=growth, **options)
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert round(weights / 1e6, 1) == millions  # Huang et al. 2017, table 2
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == depth


def test_that_a_dense_layer_passes_on_all_it_has_read() -> None:
    layer = build("densenet", 5, 1, 8, depth=10, growth=4).stages[0].eval()
    x_BCHW = torch.rand(2, 8, 8, 8)
    assert torch.equal(layer(x_BCHW)[:, :8], x_BCHW) and layer(x_BCHW).shape == (2, 12, 8, 8)


def test_that_a_residual_shortcut_without_weights_drops_pixels_and_pads_channels() -> None:
    block = build("resnet", 5, 1, 8, depth=8, width=4).stages[1].eval()
    nn.init.zeros_(block.second[1].weight)  # the branch is silent: what is left is the shortcut
    x_BCHW = torch.rand(2, 4, 8, 8)
    expected = torch.cat([torch.zeros(2, 2, 4, 4), x_BCHW[:, :, ::2, ::2], torch.zeros(2, 2, 4, 4)], dim=1)
    torch.testing.assert_close(block(x_BCHW), expected, rtol=0, atol=0)


@pytest.mark.parametrize("registers", [0, 3])
def test_that_attention_has_a_map_of_patches_for_each_head(registers: int) -> None:
    map_BHhw = small_vit(registers=registers).attention(pictures(1, 8))
    assert map_BHhw.shape == (3, 3, 4, 4)
    assert (map_BHhw > 0).all()
    assert (map_BHhw.sum(dim=(2, 3)) < 1).all()  # the rest is CLS and the registers


@pytest.mark.parametrize("registers", [0, 2])
def test_that_the_shown_attention_is_the_one_the_fused_path_applies(registers: int) -> None:
    network = small_vit(registers=registers).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    x_BCHW = pictures(1, 8)
    read_by_last: list[Tensor] = []
    hook = network.blocks[-1].register_forward_hook(lambda _module, inputs, output: read_by_last.extend([*inputs, output]))
    network(x_BCHW)
    hook.remove()
    before_BTD, after_BTD = read_by_last
    last = network.blocks[-1]
    full_BHTT = last.attend.weights(last.norm1(before_BTD))
    value_BHTd = last.attend.split(last.norm1(before_BTD))[2]
    x_BTD = before_BTD + last.attend.project((full_BHTT @ value_BHTd).transpose(1, 2).flatten(2))
    x_BTD = x_BTD + last.mlp(last.norm2(x_BTD))
    torch.testing.assert_close(x_BTD, after_BTD, rtol=1e-4, atol=1e-5)
    shown_BHN = network.attention(x_BCHW).flatten(2)
    torch.testing.assert_close(shown_BHN, full_BHTT[:, :, 0, 1 + registers :], rtol=0, atol=0)


def test_that_a_patch_is_shown_where_it_lies() -> None:
    """With one head, q = k = identity and no positions, CLS attends most to the patch that resembles it most."""
    network = small_vit(heads=1, depth=1)
    x_BCHW = torch.zeros(1, 1, 8, 8)
    x_BCHW[0, 0, 2:4, 6:8] = 1.0  # second row of patches, last column
    with torch.no_grad():
        network.positions.zero_()
        network.cls.zero_()
        network.patches.weight.zero_()
        network.patches.weight[0].fill_(1.0)
        network.cls[0, 0, 0] = 1.0
        network.blocks[0].attend.qkv.weight.copy_(10 * torch.eye(24).repeat(3, 1))
    assert network.attention(x_BCHW).flatten().argmax() == 1 * 4 + 3


def test_that_attention_is_plain_softmax_attention() -> None:
    torch.manual_seed(0)
    attend = Attention(width=12, heads=2)
    q, k, _ = attend.split(x_BTD := torch.randn(2, 5, 12))
    for b in range(2):
        for head in range(2):
            scores = torch.stack([torch.stack([q[b, head, i] @ k[b, head, j] / 6**0.5 for j in range(5)]) for i in range(5)])
            torch.testing.assert_close(attend.weights(x_BTD)[b, head], F.softmax(scores, dim=1))


@pytest.mark.parametrize("width", [48, 192])
def test_that_the_weights_of_a_vit_start_by_the_width_of_their_layer(width: int) -> None:
    network = small_vit(width=width, depth=3)
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            assert (weight == 0).all(), name
        elif "norm" not in name and weight.ndim == 2:
            rows, columns = weight.shape if "qkv" not in name else (width, width)  # queries, keys, values: a layer each
            assert weight.std().item() == pytest.approx((2 / (rows + columns)) ** 0.5, rel=0.1), name


@pytest.mark.parametrize(("channels", "patch"), [(1, 2), (3, 4)])
def test_that_a_token_says_what_it_shows_and_where_it_lies_equally_loudly(channels: int, patch: int) -> None:
    torch.manual_seed(0)
    network = vit(5, channels, 32, patch, width=96, depth=1, heads=3, registers=4)
    shown_BDhw = network.patches(pictures(channels, 32, batch=20))
    assert shown_BDhw.std().item() == pytest.approx(1, rel=0.1)
    assert network.positions.std().item() == pytest.approx(1, rel=0.1)
    assert network.registers.std().item() == pytest.approx(1, rel=0.15)


def test_that_drop_path_acts_only_while_training_and_keeps_the_mean() -> None:
    network = small_vit(drop_path=0.5, depth=2)
    block, x_BTD = network.blocks[-1], torch.ones(4000, 1, 1)
    torch.manual_seed(0)
    kept = block._kept(x_BTD)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1.0, abs=0.05)
    assert network.blocks[0].drop_path == 0
    block.eval()
    assert torch.equal(block._kept(x_BTD), x_BTD)


def test_that_a_stem_of_convolutions_halves_the_picture_down_to_its_patches() -> None:
    torch.manual_seed(0)
    stem = vit(5, 3, 32, 8, width=64, depth=1, heads=2, stem="conv").patches
    convolutions = [module for module in stem if isinstance(module, nn.Conv2d)]
    shapes = [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions]
    assert shapes == [(16, 3, 2), (32, 3, 2), (64, 3, 2), (64, 1, 1)]
    assert [type(module).__name__ for module in stem] == 3 * ["ZeroPad2d", "Conv2d", "BatchNorm2d", "GELU"] + ["Conv2d"]
    shown_BDhw = stem(pictures(3, 32, batch=50))
    assert shown_BDhw.shape == (50, 64, 4, 4)
    assert shown_BDhw.square().mean().sqrt().item() == pytest.approx(1, rel=0.15)  # as loud as positions


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize("patch", [2, 4, 8])
def test_that_a_token_looks_at_the_middle_of_its_patch(stem: str, patch: int) -> None:
    torch.manual_seed(0)
    network = vit(5, 1, 5 * patch, patch, width=24, depth=1, heads=1, stem=stem).eval()
    x_BCHW = pictures(1, 5 * patch, batch=1).requires_grad_()
    network.patches(x_BCHW)[0, :, 2, 3].square().sum().backward()
    assert x_BCHW.grad is not None
    rows, columns = x_BCHW.grad[0, 0].nonzero().T
    for place, seen in ((2, rows), (3, columns)):
        assert (seen.min() + seen.max()).item() / 2 == pytest.approx(patch * place + (patch - 1) / 2, abs=0.5)


def test_that_layer_scale_starts_small_and_is_learned() -> None:
    still, plain = small_vit(layer_scale=1e-5), small_vit()
    x_BTD = torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(still.blocks[0](x_BTD), x_BTD, rtol=0, atol=1e-3)
    assert not torch.allclose(plain.blocks[0](x_BTD), x_BTD, rtol=0, atol=1e-3)
    gammas = {name for name, _ in still.named_parameters()} - {name for name, _ in plain.named_parameters()}
    assert gammas == {f"blocks.{block}.scale{branch}.gamma" for block in (0, 1) for branch in (1, 2)}
    with torch.no_grad():
        for name in gammas:
            still.get_parameter(name).fill_(1.0)
    assert torch.equal(still(pictures(1, 8)), plain(pictures(1, 8)))


@pytest.mark.parametrize(("name", "channels", "size", "options"), NETWORKS)
def test_that_a_network_reads_other_sizes_than_its_own(name: str, channels: int, size: int, options: dict) -> None:
    network = build(name, 5, channels, size, **options)
    step = options.get("patch", 1)
    for other in (max(4, size // 2) // step * step, size + 2 * step, 2 * size):
        assert network(pictures(channels, other)).shape == (3, 5)
        assert network.features(pictures(channels, other)).shape == (3, network.embed_dim)
        assert reads(network, channels, other) is None


@pytest.mark.parametrize("options", [{}, {"registers": 2}, {"stem": "conv"}])
def test_that_a_vit_shows_its_patches_at_every_size(options: dict) -> None:
    network = small_vit(**options).eval()
    for high, wide in ((8, 8), (4, 4), (6, 10), (16, 16)):
        x_BCHW = torch.randn(2, 1, high, wide, generator=torch.Generator().manual_seed(1))
        assert network.attention(x_BCHW).shape == (2, 3, high // 2, wide // 2)
        assert network.patch_features(x_BCHW).shape == (2, 24, high // 2, wide // 2)


def test_that_patch_features_are_the_normed_tokens_after_the_last_block() -> None:
    network = small_vit(registers=2)
    x_BTD = network.tokens(pictures(1, 8))
    for block in network.blocks:
        x_BTD = block(x_BTD)
    features_BDhw = network.patch_features(pictures(1, 8))
    torch.testing.assert_close(features_BDhw[:, :, 1, 2], network.norm(x_BTD[:, 1 + 2 + 1 * 4 + 2]), rtol=0, atol=1e-6)
    torch.testing.assert_close(network.features(pictures(1, 8)), network.norm(x_BTD[:, 0]), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("h", "w"), [(2, 2), (3, 7), (8, 8), (5, 4)])
def test_that_positions_of_other_sizes_are_bicubic_between_the_learned(h: int, w: int) -> None:
    network = small_vit()
    learned_DN = network.positions[0, 1:].T
    expected_Dhw = F.interpolate(learned_DN.unflatten(1, (4, 4))[None], (h, w), mode="bicubic")[0]
    found_1ND = network._positions(h, w)
    torch.testing.assert_close(found_1ND[0, 1:].T.unflatten(1, (h, w)), expected_Dhw, rtol=1e-5, atol=1e-5)
    assert torch.equal(found_1ND[:, :1], network.positions[:, :1])
    found_1ND.sum().backward()
    assert network.positions.grad is not None and (network.positions.grad[0, 1:] != 0).any()


def test_that_a_size_seen_in_inference_first_can_be_trained_on_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_vit()
    _bicubic.cache_clear()
    with torch.inference_mode():
        seen = network._positions(3, 7)
    trained = network._positions(3, 7)
    trained.sum().backward()
    assert torch.equal(seen, trained) and network.positions.grad is not None
    monkeypatch.setattr(F, "interpolate", lambda *arguments, **more: 1 / 0)
    assert torch.equal(network._positions(3, 7), trained), "the matrices are kept"


def test_that_positions_of_the_built_size_are_the_learned_themselves() -> None:
    network = small_vit()
    assert network._positions(4, 4) is network.positions


@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_that_a_picture_of_broken_patches_is_refused(stem: str) -> None:
    network = small_vit(stem=stem)
    with pytest.raises(ValueError, match="size: pictures of 9 x 9 px are not whole patches of 2 px"):
        network(pictures(1, 9))
    assert reads(network, 1, 9) == "size: pictures of 9 x 9 px are not whole patches of 2 px"


def test_that_asking_what_a_network_reads_leaves_it_as_it_is() -> None:
    network = build("small_cnn", 5, 3, 32, width=4)
    network.blocks[1].eval()  # frozen on purpose
    modes = [module.training for module in network.modules()]
    before, drawn = [tensor.clone() for tensor in network.state_dict().values()], torch.get_rng_state()
    assert reads(network, 3, 16) is None
    assert reads(network, 3, 4) is not None  # nothing is left of so small a picture
    assert reads(network, 1, 16) is not None  # nor of so few channels
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(before, network.state_dict().values()))
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("name", ["small_cnn", "resnet", "densenet", "vit"])
def test_that_training_draws_no_random_numbers(name: str) -> None:
    network = build(name, 5, 1, 8, **{"vit": VIT, "densenet": {"depth": 10}}.get(name, {}))
    before = torch.get_rng_state()
    network(pictures(1, 8)).sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "size", "options", "argument"),
    [
        ("vit", 8, {**VIT, "patch": 3}, "patch"),
        ("vit", 8, {**VIT, "heads": 5}, "width"),
        ("vit", 8, {**VIT, "depth": 0}, "depth"),
        ("vit", 8, {**VIT, "registers": -1}, "registers"),
        ("vit", 8, {**VIT, "drop_path": 1.0}, "drop_path"),
        ("vit", 8, {**VIT, "layer_scale": -0.1}, "layer_scale"),
        ("vit", 8, {**VIT, "stem": "deep"}, "stem"),
        ("vit", 12, {**VIT, "patch": 3, "stem": "conv"}, "patch"),
        ("vit", 8, {**VIT, "patch": 1, "stem": "conv"}, "patch"),
        ("resnet", 8, {"depth": 18}, "depth"),
        ("resnet", 8, {"depth": 2}, "depth"),
        ("resnet", 3, {}, "size"),
        ("densenet", 8, {"depth": 45}, "depth"),
        ("densenet", 8, {"depth": 4}, "depth"),
        ("densenet", 8, {"growth": 0}, "growth"),
        ("densenet", 8, {"reduction": 0.0}, "reduction"),
        ("densenet", 3, {}, "size"),
        ("small_cnn", 7, {}, "size"),
        ("small_cnn", 65, {}, "size"),
        ("small_cnn", 8, {"width": 0}, "width"),
        ("small_cnn", 8, {"patch": 2}, "patch"),
    ],
)
def test_that_a_refusal_names_the_argument(name: str, size: int, options: dict, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}: "):
        build(name, 5, 1, size, **options)


def test_that_a_refused_depth_says_which_would_do() -> None:
    with pytest.raises(ValueError, match="18 is not 6n\\+2; 14 and 20 are"):
        build("resnet", 5, 1, 8, depth=18)


def test_that_an_unknown_name_lists_the_nearest_first() -> None:
    with pytest.raises(ValueError, match="nearest names are resnet18, "):
        build("resnet_18", 5, 3, 32)


def test_that_a_timm_cnn_has_maps_and_features() -> None:
    network = build("timm", 5, 1, 32, variant="test_resnet").eval()
    x_BCHW = pictures(1, 32)
    assert network(x_BCHW).shape == (3, 5)
    assert network.features(x_BCHW).shape == (3, network.embed_dim)
    torch.testing.assert_close(network.head(network.maps(x_BCHW)), network(x_BCHW))


def test_that_a_timm_network_with_its_channels_last_gives_maps_like_the_others() -> None:
    from timm.models import SwinTransformer

    options = {"patch_size": 2, "embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2), "window_size": 4}
    network = TimmCnn(SwinTransformer(img_size=16, num_classes=5, **options)).eval()
    x_BCHW = pictures(3, 16)
    assert network.maps(x_BCHW).shape == (3, network.embed_dim, 4, 4)
    torch.testing.assert_close(network.head(network.maps(x_BCHW)), network(x_BCHW))


def test_that_a_timm_vit_shows_the_attention_it_applies() -> None:
    torch.manual_seed(0)
    network = build("test_vit", 5, 3, 64).eval()  # a size of our own: img_size is passed on
    x_BCHW = pictures(3, 64)
    map_BHhw = network.attention(x_BCHW)
    attend, seen = network.body.blocks[-1].attn, {}
    attend.fused_attn = False
    hook = attend.attn_drop.register_forward_hook(lambda _module, _inputs, output: seen.update(full=output))
    network(x_BCHW)
    hook.remove()
    torch.testing.assert_close(map_BHhw.flatten(2), seen["full"][:, :, 0, 1:])
    assert map_BHhw.shape == (3, attend.num_heads, 4, 4)
    assert network.features(x_BCHW).shape == (3, network.embed_dim)
    assert not attend.q_norm._forward_hooks


def test_that_a_timm_vit_shows_its_patches_at_every_size() -> None:
    torch.manual_seed(0)
    network = build("test_vit", 5, 3, 64).eval()
    for size in (64, 32, 96):
        x_BCHW = pictures(3, size)
        side = size // 16
        assert network.attention(x_BCHW).shape == (3, network.body.blocks[-1].attn.num_heads, side, side)
        patches_BDhw = network.patch_features(x_BCHW)
        assert patches_BDhw.shape == (3, network.embed_dim, side, side)
        last_BTD = network.body.forward_features(x_BCHW)
        torch.testing.assert_close(patches_BDhw[:, :, 1, 0], last_BTD[:, 1 + side])
        torch.testing.assert_close(network.features(x_BCHW), last_BTD[:, 0])
    assert reads(network, 3, 40) == "Input height (40) should be divisible by patch size (16)."


def test_that_a_timm_vit_of_one_size_is_what_timm_makes_of_it() -> None:
    from timm import create_model

    torch.manual_seed(0)
    theirs = create_model("test_vit", img_size=64, num_classes=5, in_chans=3).eval()
    torch.manual_seed(0)
    ours = build("test_vit", 5, 3, 64).eval()
    assert torch.equal(ours(pictures(3, 64)), theirs(pictures(3, 64)))


@pytest.mark.parametrize("variant", ["test_resnet", "test_efficientnet"])
def test_that_a_timm_cnn_reads_other_sizes(variant: str) -> None:
    network = build(variant, 5, 3, 64).eval()
    assert network.features(pictures(3, 96)).shape == (3, network.embed_dim)
    assert network.maps(pictures(3, 96)).shape[:2] == (3, network.embed_dim)
    assert reads(network, 3, 40) is None


def test_that_a_timm_network_of_one_size_alone_says_so_beforehand() -> None:
    from timm.models import MlpMixer

    network = TimmModel(MlpMixer(num_classes=5, img_size=32, patch_size=16, num_blocks=1, embed_dim=16))
    assert reads(network, 3, 32) is None
    assert reads(network, 3, 64) == "Input height (64) doesn't match model (32)."


def test_that_a_timm_network_that_cannot_read_the_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match=r"test_vit does not read pictures of 1 x 24 x 24: .*patch size"):
        build("test_vit", 5, 1, 24)


def test_that_models_are_functions_by_name() -> None:
    assert list(MODELS) == ["small_cnn", "resnet", "densenet", "vit", "timm"]


@pytest.mark.parametrize("name", ["vit", "deit_tiny_patch16_224"])
def test_that_a_hidden_patch_is_its_position_and_a_token(name: str) -> None:
    torch.manual_seed(0)
    options = {"patch": 4, "width": 24, "depth": 2, "heads": 2, "registers": 1} if name == "vit" else {}
    network = build(name, 5, 3, 16 if name == "vit" else 32, **options).eval()
    x_BCHW, other_BCHW = torch.randn(2, 2, 3, *[16 if name == "vit" else 32] * 2)
    count = 16 if name == "vit" else 4
    token_D = torch.randn(int(network.embed_dim))  # type: ignore[arg-type]
    with torch.no_grad():
        cls_BD, patches_BND = network.features_and_patches(x_BCHW)  # type: ignore[operator]
        torch.testing.assert_close(cls_BD, network.features(x_BCHW))  # type: ignore[operator]
        torch.testing.assert_close(patches_BND.transpose(1, 2), network.patch_features(x_BCHW).flatten(2))  # type: ignore[operator]
        all_BN = torch.ones(2, count, dtype=torch.bool)
        blind = [network.features_and_patches(x, (all_BN, token_D)) for x in (x_BCHW, other_BCHW)]  # type: ignore[operator]
        torch.testing.assert_close(blind[0], blind[1])  # nothing of the picture is seen
        none = network.features_and_patches(x_BCHW, (~all_BN, token_D))  # type: ignore[operator]
        torch.testing.assert_close(none, (cls_BD, patches_BND))
        one_BN = torch.zeros(2, count, dtype=torch.bool)
        one_BN[0, 1] = True
        hidden, _ = network.features_and_patches(x_BCHW, (one_BN, token_D))  # type: ignore[operator]
    assert not torch.allclose(hidden[0], cls_BD[0]) and torch.allclose(hidden[1], cls_BD[1], atol=1e-6)


@pytest.mark.parametrize(("name", "options"), [("vit", {**VIT, "patch": 8}), ("test_vit", {})])
def test_that_a_cpu_fuses_attention_in_float32_and_not_in_bfloat16(
    name: str, options: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network, x_BCHW, fused = build(name, 5, 3, 64, **options).eval(), pictures(3, 64), []
    true = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *qkv, **more: fused.append(1) or true(*qkv, **more))
    before = network(x_BCHW)
    assert fused
    fused.clear()
    with torch.autocast("cpu", torch.bfloat16):
        halves = network(x_BCHW)
    assert not fused
    torch.testing.assert_close(halves.float(), before, atol=0.05, rtol=0)
    assert torch.equal(network(x_BCHW), before) and fused


def test_that_a_table_of_all_pairs_is_never_made_of_very_many_tokens() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert not fuses(torch.zeros(1, PLAIN_UP_TO, 4))
        assert fuses(torch.zeros(1, PLAIN_UP_TO + 1, 4))
