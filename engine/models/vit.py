"""A vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) whose attention can be watched.

Pre-norm, a CLS token, learned positions, optional registers (Darcet et al. 2024, arXiv:2309.16588) without positions.
Training uses fused attention, which returns no map; `attention` recomputes the CLS row of the last block from the same weights.

It reads pictures of other sizes than the one it was built for, in whole patches: positions are interpolated between those it
has learned.

Shapes: B images, T tokens (CLS, registers, then patches row by row), D width, H heads, h and w patches a side, s of the size
built for.
"""

import functools
import itertools
from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.distributed import kept_at_random

Stem = Literal["patch", "conv"]

PLAIN_UP_TO = 1024  # tokens; above, a CPU's bfloat16 too is fused, for the table of all pairs would fill the memory

Hidden = tuple[Tensor, Tensor]  # which patches, bool [B, N], and what is read in their place, [D]


def vit(
    classes: int,
    channels: int,
    size: int,
    patch: int,
    width: int,
    depth: int,
    heads: int,
    registers: int = 0,
    drop_path: float = 0.0,
    stem: Stem = "patch",
    layer_scale: float = 0.0,
) -> nn.Module:
    """The transformer for square pictures of `size` px in patches of `patch` px.

    `stem`: patches are read by one convolution as large as they are, or ("conv") by small ones that halve the picture until
    a pixel is a patch (Xiao et al. 2021, arXiv:2106.14881). `layer_scale`: what each branch's output is multiplied by at
    first, for each feature (Touvron et al. 2021, arXiv:2103.17239); 0 leaves branches as they are.

    `drop_path` is the last block's rate of stochastic depth; it rises linearly from 0 at the first. It is the one model
    here that draws from torch's generator while training, and only if `drop_path` is above 0.
    """
    for name, value in {"patch": patch, "width": width, "depth": depth, "heads": heads}.items():
        if value < 1:
            raise ValueError(f"{name}: {value} is below 1")
    if size % patch:
        raise ValueError(f"patch: {patch} px do not divide a picture of {size} px")
    if width % heads:
        raise ValueError(f"width: {width} is not a multiple of the {heads} heads")
    if registers < 0:
        raise ValueError(f"registers: {registers} is negative")
    if not 0 <= drop_path < 1:
        raise ValueError(f"drop_path: {drop_path:g} is outside [0, 1)")
    if layer_scale < 0:
        raise ValueError(f"layer_scale: {layer_scale:g} is negative")
    patches = _patches(stem, channels, patch, width)
    return Vit(classes, patches, size // patch, patch, width, depth, heads, registers, drop_path, layer_scale)


class Vit(nn.Module):
    """Patches to tokens, blocks, the normed CLS token as features, one linear layer."""

    def __init__(
        self,
        classes: int,
        patches: nn.Module,
        side: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        registers: int,
        drop_path: float,
        layer_scale: float,
    ) -> None:
        super().__init__()
        self.embed_dim, self.side, self.patch, self.extra = width, side, patch, 1 + registers
        self.patches = patches
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.registers = nn.Parameter(torch.zeros(1, registers, width)) if registers else None
        self.positions = nn.Parameter(torch.zeros(1, 1 + side * side, width))
        rates = [drop_path * i / max(1, depth - 1) for i in range(depth)]
        self.blocks = nn.ModuleList(Block(width, heads, rate, layer_scale) for rate in rates)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.classify = nn.Linear(width, classes)
        self._initialise()

    def _initialise(self) -> None:
        """By each layer's width, as Dosovitskiy et al.'s own code does: Xavier for linear layers, LeCun for patches, biases 0.

        Two things are not theirs. Positions and registers are as large as the patches of normalised pictures, about 1: at their
        0.02 a token hardly says where it lies, and the few steps of a small data set end before that has grown. And the
        classifier starts like any other linear layer, not at 0, so that an untrained network tells pictures apart.
        """
        nn.init.zeros_(self.cls)  # its position tells it from the patches
        nn.init.normal_(self.positions)
        if self.registers is not None:
            nn.init.normal_(self.registers)
        for place, weight in enumerate(module.weight for module in self.patches.modules() if isinstance(module, nn.Conv2d)):
            gain = 2**0.5 if place else 1  # the later ones of a stem read what a GELU has about halved
            nn.init.normal_(weight, std=gain * weight[0].numel() ** -0.5)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):  # queries, keys and values are three layers that happen to be kept as one
                for weight in module.weight.chunk(3 if name.endswith("qkv") else 1):
                    nn.init.xavier_uniform_(weight)
            if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def tokens(self, x_BCHW: Tensor, hidden: Hidden | None = None) -> Tensor:
        """What the first block reads: [B, T, D]. A hidden patch keeps its position and nothing else."""
        x_BND = self.patches(x_BCHW).flatten(2).transpose(1, 2)
        if hidden is not None:
            x_BND = torch.where(hidden[0][..., None], hidden[1].to(x_BND), x_BND)
        batch = x_BND.shape[0]  # not its len(), by which an exported graph would read so many pictures and no others
        x_BTD = torch.cat([self.cls.expand(batch, -1, -1), x_BND], dim=1) + self._positions(*self._grid(x_BCHW))
        if self.registers is None:
            return x_BTD
        registers = self.registers.expand(batch, -1, -1)
        return torch.cat([x_BTD[:, :1], registers, x_BTD[:, 1:]], dim=1)

    def features(self, x_BCHW: Tensor) -> Tensor:
        """The normed CLS token after the last block, [B, D]."""
        features: Tensor = self.norm(self._through(self.blocks, x_BCHW)[:, 0])
        return features

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.classify(self.features(x_BCHW))
        return logits

    def patch_features(self, x_BCHW: Tensor) -> Tensor:
        """The normed tokens of the patches after the last block, where they lie: [B, D, h, w]."""
        x_BND: Tensor = self.norm(self._through(self.blocks, x_BCHW)[:, self.extra :])
        patches_BDhw: Tensor = x_BND.transpose(1, 2).unflatten(2, self._grid(x_BCHW))
        return patches_BDhw

    def features_and_patches(self, x_BCHW: Tensor, hidden: Hidden | None = None) -> tuple[Tensor, Tensor]:
        """The normed CLS token, [B, D], and those of the patches, [B, N, D], after the last block.

        `hidden` = (mask [B, N], token [D]): in place of the patches where the mask is true the token is read (iBOT).
        """
        x_BTD = self.norm(self._through(self.blocks, x_BCHW, hidden))
        return x_BTD[:, 0], x_BTD[:, self.extra :]

    def attention(self, x_BCHW: Tensor) -> Tensor:
        """How much CLS attends to each patch in the last block, [B, H, h, w].

        Rows of a softmax over all tokens, so each head's map sums to 1 less what CLS gives itself and the registers.
        """
        last = self.blocks[-1]
        assert isinstance(last, Block)
        row_BHT = last.attend.weights(last.norm1(self._through(self.blocks[:-1], x_BCHW)))[:, :, 0]
        map_BHhw: Tensor = row_BHT[:, :, self.extra :].unflatten(2, self._grid(x_BCHW))
        return map_BHhw

    def inside(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`features`, `patch_features` and `attention` of one pass instead of three."""
        last, grid = self.blocks[-1], self._grid(x_BCHW)
        assert isinstance(last, Block)
        x_BTD = self._through(self.blocks[:-1], x_BCHW)
        row_BHT = last.attend.weights(last.norm1(x_BTD))[:, :, 0]
        x_BTD = self.norm(last(x_BTD))
        patches_BDhw = x_BTD[:, self.extra :].transpose(1, 2).unflatten(2, grid)
        return x_BTD[:, 0], patches_BDhw, row_BHT[:, :, self.extra :].unflatten(2, grid)

    def _through(self, blocks: Iterable[nn.Module], x_BCHW: Tensor, hidden: Hidden | None = None) -> Tensor:
        x_BTD = self.tokens(x_BCHW, hidden)
        for block in blocks:
            x_BTD = block(x_BTD)
        return x_BTD

    def _grid(self, x_BCHW: Tensor) -> tuple[int, int]:
        """How many patches the pictures are high and wide."""
        high, wide = x_BCHW.shape[2:]
        if not high or not wide or high % self.patch or wide % self.patch:
            raise ValueError(f"size: pictures of {high} x {wide} px are not whole patches of {self.patch} px")
        return high // self.patch, wide // self.patch

    def _positions(self, h: int, w: int) -> Tensor:
        """Of CLS and h x w patches, [1, 1 + N, D], bicubic between those of the size built for.

        Two products with small matrices: torch's own interpolation is not deterministic backwards on a GPU.
        """
        if h == w == self.side:
            return self.positions
        cls_1D, rest_ND = self.positions[0, :1], self.positions[0, 1:]
        down_hs, across_ws = (_bicubic(self.side, side, rest_ND.dtype, rest_ND.device) for side in (h, w))
        with torch.autocast(rest_ND.device.type, enabled=False):  # as exact as those of the size built for
            rest_hwD = torch.einsum("hi,wj,ijd->hwd", down_hs, across_ws, rest_ND.unflatten(0, (self.side, self.side)))
        return torch.cat([cls_1D, rest_hwD.flatten(0, 1)])[None]


def _patches(stem: Stem, channels: int, patch: int, width: int) -> nn.Module:
    """Pictures to tokens where they lie, [B, C, H, W] to [B, D, h, w]."""
    if stem == "patch":
        return nn.Conv2d(channels, width, patch, stride=patch)
    if stem != "conv":
        raise ValueError(f"stem: {stem!r} is unknown; there are patch and conv")
    if patch < 2 or patch & (patch - 1):
        raise ValueError(f"patch: {patch} px is not reached by halving a picture; 2, 4, 8 and 16 are, for the stem conv")
    halvings = patch.bit_length() - 1
    widths = [channels, *(max(1, width >> halvings - 1 - place) for place in range(halvings))]  # doubles, up to the tokens'
    *earlier, last = itertools.pairwise(widths)
    halved = [part for pair in earlier for part in _halved(*pair, last=False)] + _halved(*last, last=True)
    return nn.Sequential(*halved, nn.Conv2d(width, width, 1))


def _halved(before: int, after: int, last: bool) -> list[nn.Module]:
    """The last one reads a pixel more before, the others one after: so a token looks at the middle of its patch."""
    edge = nn.ZeroPad2d((1, 0, 1, 0) if last else (0, 1, 0, 1))
    convolution = nn.Conv2d(before, after, 3, stride=2, bias=False)  # BatchNorm brings the bias
    return [edge, convolution, nn.BatchNorm2d(after), nn.GELU()]


@functools.lru_cache(maxsize=64)
def _bicubic(before: int, after: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix that interpolates `before` values to `after`: each of its columns is what becomes of a single 1.

    Kept, for every crop of every step asks for the same few. Not as inference made it: training could not go through that.
    """
    with torch.inference_mode(mode=False), torch.no_grad():
        return F.interpolate(torch.eye(before)[None, :, :, None], (after, 1), mode="bicubic")[0, :, :, 0].T.to(device, dtype)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); either branch may be scaled, and left out while training."""

    def __init__(self, width: int, heads: int, drop_path: float, layer_scale: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attend = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.scale1 = LayerScale(width, layer_scale) if layer_scale else nn.Identity()
        self.scale2 = LayerScale(width, layer_scale) if layer_scale else nn.Identity()
        self.drop_path = drop_path

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_BTD = x_BTD + self._kept(self.scale1(self.attend(self.norm1(x_BTD))))
        return x_BTD + self._kept(self.scale2(self.mlp(self.norm2(x_BTD))))

    def _kept(self, branch_BTD: Tensor) -> Tensor:
        """Stochastic depth: the branch of a picture is zero with probability `drop_path`, its mean unchanged."""
        if not self.training or self.drop_path == 0:
            return branch_BTD
        kept = 1 - self.drop_path
        return branch_BTD * kept_at_random(branch_BTD, kept).div_(kept)


class LayerScale(nn.Module):
    """Multiplies each feature by a number that is learned."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), start))

    def forward(self, x_BTD: Tensor) -> Tensor:
        return x_BTD * self.gamma


class Attention(nn.Module):
    """Self-attention of several heads: fused in `forward`, its probabilities in `weights`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def split(self, x_BTD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each [B, H, T, D / H]."""
        q, k, v = self.qkv(x_BTD).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def forward(self, x_BTD: Tensor) -> Tensor:
        q, k, v = self.split(x_BTD)
        mixed_BHTd = F.scaled_dot_product_attention(q, k, v) if fuses(x_BTD) else _probabilities(q, k) @ v
        mixed: Tensor = self.project(mixed_BHTd.transpose(1, 2).flatten(2))
        return mixed

    def weights(self, x_BTD: Tensor) -> Tensor:
        """The probabilities that the fused path applies without showing them, [B, H, T, T]."""
        q, k, _ = self.split(x_BTD)
        return _probabilities(q, k)


def fuses(x_BTD: Tensor) -> bool:
    """Whether attention over these tokens is left to torch's fused one.

    Not in bfloat16 on a CPU: on a Zen 4 core its way there and back takes 1.4 (785 tokens) to 9 times (65) as long as
    the two products, whose softmax autocast computes in float32. In float32 it is the faster one.
    """
    halves = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return x_BTD.device.type != "cpu" or not halves or x_BTD.shape[1] > PLAIN_UP_TO


def _probabilities(q_BHTd: Tensor, k_BHTd: Tensor) -> Tensor:
    """Which token looks where, [B, H, T, T]."""
    return torch.softmax(q_BHTd @ k_BHTd.transpose(2, 3) * q_BHTd.shape[-1] ** -0.5, dim=3)
