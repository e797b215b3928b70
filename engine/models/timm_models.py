"""Any network timm knows, by its name there, with random weights. timm is imported when one is built; nothing is downloaded.

Shapes: B images, D features, H heads, T tokens of which N are patches.
"""

import difflib
import re
from typing import Any

import torch
from torch import Tensor, nn

from engine.models.vit import Hidden, fuses

CANNOT_READ = (RuntimeError, ValueError, AssertionError, TypeError, IndexError, ZeroDivisionError)  # what networks raise then


def timm(classes: int, channels: int, size: int, variant: str = "resnet18") -> nn.Module:
    """timm's network `variant` for pictures of `size` px; where timm offers it, one that reads others as well.

    Raises ValueError for a name that timm.list_models() does not have, the nearest names first, and for a network that
    cannot read pictures of that size or number of channels.
    """
    check_name(variant)
    try:
        body, _ = _create(variant, classes, channels, size)
        layout = _layout(body, channels, size)
    except CANNOT_READ as error:
        raise ValueError(f"variant: {variant} does not read pictures of {channels} x {size} x {size}: {why(error)}") from error
    kinds = {"maps": TimmCnn, "attention": TimmVit, "vector": TimmModel}
    return kinds[layout](body)


def why(error: BaseException) -> str:
    """What an error of CANNOT_READ says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def check_name(variant: str) -> None:
    """Raises ValueError for a name that timm.list_models() does not have, the nearest names first."""
    from timm import list_models

    names = list_models()
    if variant not in names:
        near = difflib.get_close_matches(variant, names, n=6, cutoff=0.0)
        raise ValueError(f"variant: timm has no model {variant!r}; the nearest names are {', '.join(near)}")


class TimmModel(nn.Module):
    """A timm network behind the house's names."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body
        self.embed_dim = int(getattr(body, "head_hidden_size", body.num_features))
        from timm.layers.attention import Attention

        for part in body.modules():
            if type(part) is Attention:
                part.register_forward_pre_hook(_fuse_or_not)

    def features(self, x_BCHW: Tensor) -> Tensor:
        """What timm's classifier reads, [B, D]."""
        features: Tensor = self.body.forward_head(self.body.forward_features(x_BCHW), pre_logits=True)
        return features

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.body(x_BCHW)
        return logits


def _fuse_or_not(attend: Any, inputs: tuple[Any, ...]) -> None:
    """Where our own transformer would not fuse attention over these tokens [B, T, D], timm's does not, this time."""
    fused = fuses(inputs[0])
    if attend.fused_attn and not fused:
        attend.fused_attn, attend.unfused = False, True
    elif fused and getattr(attend, "unfused", False):
        attend.fused_attn, attend.unfused = True, False


class TimmCnn(TimmModel):
    """One whose last features are maps, whatever the order of their axes inside timm."""

    def maps(self, x_BCHW: Tensor) -> Tensor:
        """The last feature maps, [B, D, h, w]."""
        maps: Tensor = self.body.forward_features(x_BCHW)
        return maps.permute(0, 3, 1, 2) if self._channels_last else maps

    def head(self, maps_BDhw: Tensor) -> Tensor:
        """Logits, [B, K]."""
        logits: Tensor = self.body.forward_head(maps_BDhw.permute(0, 2, 3, 1) if self._channels_last else maps_BDhw)
        return logits

    @property
    def _channels_last(self) -> bool:
        return getattr(self.body, "output_fmt", "NCHW") == "NHWC"


class TimmVit(TimmModel):
    """A timm VisionTransformer with a CLS token and plain attention in its last block."""

    def attention(self, x_BCHW: Tensor) -> Tensor:
        """The CLS row of the last block, [B, heads, h, w], from the very queries and keys the fused path reads."""
        attend = self.body.blocks[-1].attn
        seen: dict[str, Tensor] = {}
        hooks = [
            attend.q_norm.register_forward_hook(lambda _module, _inputs, output: seen.update(q=output)),
            attend.k_norm.register_forward_hook(lambda _module, _inputs, output: seen.update(k=output)),
        ]
        try:
            self.body.forward_features(x_BCHW)
        finally:
            for hook in hooks:
                hook.remove()
        row_BHT = torch.softmax(seen["q"][:, :, 0, None] @ seen["k"].transpose(2, 3) * attend.scale, dim=3)[:, :, 0]
        patches_BHN = row_BHT[:, :, self.body.num_prefix_tokens :]
        map_BHhw: Tensor = patches_BHN.unflatten(2, self._grid(x_BCHW))
        return map_BHhw

    def patch_features(self, x_BCHW: Tensor) -> Tensor:
        """The normed tokens of the patches after the last block, where they lie: [B, D, h, w]."""
        x_BTD = self.body.fc_norm(self.body.forward_features(x_BCHW))  # one of the two norms there is an identity
        x_BND: Tensor = x_BTD[:, self.body.num_prefix_tokens :]
        patches_BDhw: Tensor = x_BND.transpose(1, 2).unflatten(2, self._grid(x_BCHW))
        return patches_BDhw

    def features_and_patches(self, x_BCHW: Tensor, hidden: Hidden | None = None) -> tuple[Tensor, Tensor]:
        """As Vit's: `features` [B, D] (of a network with two tokens their mean) and patches [B, N, D], some of them hidden
        behind a token."""

        def hide(_module: nn.Module, _inputs: Any, patches: Tensor) -> Tensor:  # [B, N, D], or [B, h, w, D] at a free size
            assert hidden is not None
            mask_BN, token_D = hidden
            return torch.where(mask_BN.view(*patches.shape[:-1], 1), token_D.to(patches), patches)

        hook = self.body.patch_embed.register_forward_hook(hide) if hidden is not None else None
        try:
            x_BTD = self.body.forward_features(x_BCHW)
        finally:
            if hook is not None:
                hook.remove()
        cls_BD: Tensor = self.body.forward_head(x_BTD, pre_logits=True)
        x_BTD = self.body.fc_norm(x_BTD)
        return cls_BD, x_BTD[:, self.body.num_prefix_tokens :]

    def _grid(self, x_BCHW: Tensor) -> tuple[int, int]:
        """How many patches the pictures are high and wide."""
        high, wide = self.body.patch_embed.dynamic_feat_size(x_BCHW.shape[2:])
        return high, wide


def arguments(classes: int, channels: int, size: int, variant: str = "resnet18") -> dict[str, Any]:
    """What timm.create_model makes this very network from, besides its name; of `pretrained` nothing."""
    return _create(variant, classes, channels, size)[1]


def _create(variant: str, classes: int, channels: int, size: int) -> tuple[Any, dict[str, Any]]:
    """The network, and what it was made from."""
    from timm import create_model

    options: dict[str, Any] = {"num_classes": classes, "in_chans": channels}
    sizes: dict[str, Any] = {"img_size": size, "dynamic_img_size": True}
    while True:
        try:
            return create_model(variant, pretrained=False, **sizes, **options), sizes | options
        except TypeError as error:  # most convolutional networks read any size and have neither argument
            quoted = re.findall(r"'(\w+)'", str(error))  # the first is the refused one; Python may suggest another after it
            if not quoted or quoted[0] not in sizes:
                raise
            del sizes[quoted[0]]


def _layout(body: Any, channels: int, size: int) -> str:
    """What kind of last features the network has, from one black picture; also the proof that it can read one at all."""
    from timm.layers.attention import Attention
    from timm.models.vision_transformer import VisionTransformer

    body.eval()
    with torch.inference_mode():
        last = body.forward_features(torch.zeros(1, channels, size, size))
        body.forward_head(last)
    body.train()
    if isinstance(body, VisionTransformer):
        watchable = body.cls_token is not None and type(body.blocks[-1].attn) is Attention
        return "attention" if watchable else "vector"
    return "maps" if isinstance(last, Tensor) and last.ndim == 4 else "vector"
