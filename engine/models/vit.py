"""A vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) whose attention can be watched.

Pre-norm, a CLS token, learned positions, optional registers (Darcet et al. 2024, arXiv:2309.16588) without positions.
Training uses fused attention, which returns no map; `attention` recomputes the CLS row of the last block from the same weights.

Shapes: B images, T tokens (CLS, registers, then patches row by row), D width, H heads, h and w patches a side.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
) -> nn.Module:
    """The transformer for square pictures of `size` px in patches of `patch` px.

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
    return Vit(classes, channels, size // patch, patch, width, depth, heads, registers, drop_path)


class Vit(nn.Module):
    """Patches to tokens, blocks, the normed CLS token as features, one linear layer."""

    def __init__(
        self,
        classes: int,
        channels: int,
        side: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        registers: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.embed_dim, self.side, self.extra = width, side, 1 + registers
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.registers = nn.Parameter(torch.zeros(1, registers, width)) if registers else None
        self.positions = nn.Parameter(torch.zeros(1, 1 + side * side, width))
        rates = [drop_path * i / max(1, depth - 1) for i in range(depth)]
        self.blocks = nn.ModuleList(Block(width, heads, rate) for rate in rates)
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
        nn.init.normal_(self.patches.weight, std=self.patches.weight[0].numel() ** -0.5)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):  # queries, keys and values are three layers that happen to be kept as one
                for weight in module.weight.chunk(3 if name.endswith("qkv") else 1):
                    nn.init.xavier_uniform_(weight)
            if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def tokens(self, x_BCHW: Tensor) -> Tensor:
        """What the first block reads: [B, T, D]."""
        x_BND = self.patches(x_BCHW).flatten(2).transpose(1, 2)
        x_BTD = torch.cat([self.cls.expand(len(x_BND), -1, -1), x_BND], dim=1) + self.positions
        if self.registers is None:
            return x_BTD
        registers = self.registers.expand(len(x_BND), -1, -1)
        return torch.cat([x_BTD[:, :1], registers, x_BTD[:, 1:]], dim=1)

    def features(self, x_BCHW: Tensor) -> Tensor:
        """The normed CLS token after the last block, [B, D]."""
        x_BTD = self.tokens(x_BCHW)
        for block in self.blocks:
            x_BTD = block(x_BTD)
        features: Tensor = self.norm(x_BTD[:, 0])
        return features

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.classify(self.features(x_BCHW))
        return logits

    def attention(self, x_BCHW: Tensor) -> Tensor:
        """How much CLS attends to each patch in the last block, [B, H, h, w].

        Rows of a softmax over all tokens, so each head's map sums to 1 less what CLS gives itself and the registers.
        """
        x_BTD = self.tokens(x_BCHW)
        *earlier, last = self.blocks
        for block in earlier:
            x_BTD = block(x_BTD)
        assert isinstance(last, Block)
        row_BHT = last.attend.weights(last.norm1(x_BTD))[:, :, 0]
        return row_BHT[:, :, self.extra :].reshape(len(row_BHT), -1, self.side, self.side)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); either branch may be left out while training."""

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attend = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop_path = drop_path

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_BTD = x_BTD + self._kept(self.attend(self.norm1(x_BTD)))
        return x_BTD + self._kept(self.mlp(self.norm2(x_BTD)))

    def _kept(self, branch_BTD: Tensor) -> Tensor:
        """Stochastic depth: the branch of a picture is zero with probability `drop_path`, its mean unchanged."""
        if not self.training or self.drop_path == 0:
            return branch_BTD
        kept = 1 - self.drop_path
        return branch_BTD * branch_BTD.new_empty(len(branch_BTD), 1, 1).bernoulli_(kept).div_(kept)


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
        mixed: Tensor = self.project(F.scaled_dot_product_attention(*self.split(x_BTD)).transpose(1, 2).flatten(2))
        return mixed

    def weights(self, x_BTD: Tensor) -> Tensor:
        """The probabilities that the fused path applies without showing them, [B, H, T, T]."""
        q, k, _ = self.split(x_BTD)
        return torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, dim=3)
