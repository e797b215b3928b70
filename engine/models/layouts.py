"""How public vision transformers name their weights and lay out their positions, said as a network here says them.

The names are those of facebookresearch/dino (vision_transformer.py; checkpoints of main_dino.py hold `student` and `teacher`,
with `module.backbone.` or `backbone.` before each name and the head as `head.`), of facebookresearch/dinov2
(models/vision_transformer.py: `register_tokens`, `mask_token`, `ls1.gamma`; trained in chunks a block is `blocks.CHUNK.BLOCK`,
counted through; heads are `dino_head.` and `ibot_head.`), and timm's, which are DINO's but for `reg_token`.

Positions: both lay CLS's before the patches'; timm, with registers, adds CLS's to the token itself. A grid of another size is
interpolated as timm does it (bicubic, antialiased), since a grid of 37 x 37 sampled at 4 x 4 points would miss most of it.

Shapes: L positions, of which N are patches; D width.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.vit import Vit

_CHUNKED = re.compile(r"(^|\.)blocks\.\d+\.(\d+)\.")
_HEADS = re.compile(r"(^|\.)(head\.(mlp|last_layer)|dino_head|ibot_head|dino_center|dino_loss|ibot_patch_loss)(\.|$)")
_MASK = re.compile(r"(^|\.)mask_token$")  # what was read in place of hidden patches
# What begins, within a name or as the whole of it, with the left is here the right.
_OURS = (
    ("patch_embed.proj", "patches"),
    ("cls_token", "cls"),
    ("pos_embed", "positions"),
    ("register_tokens", "registers"),
    ("reg_token", "registers"),
    ("attn.qkv", "attend.qkv"),
    ("attn.proj", "attend.project"),
    ("mlp.fc1", "mlp.0"),
    ("mlp.fc2", "mlp.2"),
    ("ls1", "scale1"),
    ("ls2", "scale2"),
    ("head", "classify"),
)
_TIMMS = (("register_tokens", "reg_token"), ("mlp.w12", "mlp.fc1"), ("mlp.w3", "mlp.fc2"))


@dataclass(frozen=True)
class Places:
    """How a network lays out its positions: L = prefix + high x wide."""

    position: str  # the name of the parameter
    token: str  # that of the CLS token
    prefix: int
    high: int
    wide: int


def spelled(names: Iterable[str], network: nn.Module, own: Collection[str]) -> dict[str, str]:
    """Each name of a file as this network would spell it, prefixes left as they are."""
    names = list(names)
    chunked = any(map(_CHUNKED.search, names)) and not any(map(_CHUNKED.search, own))
    public = isinstance(network, Vit) and any("patch_embed.proj." in name for name in names)
    table = _OURS if public else () if isinstance(network, Vit) else _TIMMS

    def spell(name: str) -> str:
        if chunked:
            name = _CHUNKED.sub(r"\1blocks.\2.", name)
        for theirs, ours in table:
            name = re.sub(rf"(^|\.){re.escape(theirs)}(?=\.|$)", rf"\g<1>{ours}", name)
        return name

    return {name: spell(name) for name in names}


def aside(names: Iterable[str], own: Collection[str]) -> tuple[list[str], list[str]]:
    """What a method put on a network, and this one has not: heads, and what was read in place of hidden patches."""
    names = list(names)
    heads, masks = ([name for name in names if kind.search(name)] for kind in (_HEADS, _MASK))
    return [] if any(map(_HEADS.search, own)) else heads, [] if any(map(_MASK.search, own)) else masks


def written_by(names: Iterable[str], network: nn.Module) -> str:
    """Whose names these are: Filial, DINOv2, DINO or timm, as far as names alone can tell."""
    names = list(names)
    last = {name.rpartition(".")[2] for name in names}
    if last & {"register_tokens", "mask_token"} or any("ibot_head." in name for name in names):
        return "DINOv2"
    if {"cls_token", "pos_embed"} <= last:
        labelled = any(re.search(r"(^|\.)head\.(weight|bias)$", name) for name in names)
        return "timm" if labelled or "reg_token" in last else "DINO"
    return "timm" if hasattr(network, "body") and not any(".body." in f".{name}" for name in names) else "Filial"


def places_of(network: Any) -> Places | None:
    """The learned positions of a transformer; None for a network without."""
    if isinstance(network, Vit):
        return Places("positions", "cls", 1, network.side, network.side)
    body: Any = getattr(network, "body", None)
    if getattr(body, "pos_embed", None) is None or not hasattr(getattr(body, "patch_embed", None), "grid_size"):
        return None
    prefix = 0 if getattr(body, "no_embed_class", False) else int(getattr(body, "num_prefix_tokens", 1))
    return Places("body.pos_embed", "body.cls_token", prefix, *body.patch_embed.grid_size)


def fit_positions(theirs: Mapping[str, Tensor], places: Places | None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Their positions, and CLS token, in our layout, and how they were resized by name ("37 x 37 to 4 x 4").

    `theirs` is under our names. What need not or cannot be fitted is not among them.
    """
    position_1LD = theirs.get(places.position) if places is not None else None
    if places is None or position_1LD is None or position_1LD.ndim != 3:
        return {}, {}
    length = position_1LD.shape[1]
    if length == places.prefix + places.high * places.wide:
        return {}, {}
    prefix = next((p for p in (places.prefix, 1, 0) if math.isqrt(max(0, length - p)) ** 2 == length - p > 0), None)
    if prefix is None:
        return {}, {}
    fitted, rest_1ND = {}, position_1LD[:, prefix:]
    first_1PD = position_1LD[:, :prefix]
    if prefix == 1 and not places.prefix and places.token in theirs:
        fitted[places.token], first_1PD = theirs[places.token] + first_1PD, first_1PD[:, :0]
    elif prefix == 0 and places.prefix == 1:
        first_1PD = rest_1ND.new_zeros(1, 1, rest_1ND.shape[2])
    side = math.isqrt(length - prefix)
    fitted[places.position] = torch.cat([first_1PD, _resized(rest_1ND, side, places)], dim=1)
    if (side, side) == (places.high, places.wide):
        return fitted, {}
    return fitted, {places.position: f"{side} x {side} to {places.high} x {places.wide}"}


def _resized(rest_1ND: Tensor, side: int, places: Places) -> Tensor:
    if (side, side) == (places.high, places.wide):
        return rest_1ND
    rest_1Dhw = rest_1ND.float().transpose(1, 2).unflatten(2, (side, side))
    size = (places.high, places.wide)
    return F.interpolate(rest_1Dhw, size, mode="bicubic", antialias=True).flatten(2).transpose(1, 2).to(rest_1ND.dtype)
