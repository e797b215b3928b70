"""A folder that timm opens by itself: model.safetensors with timm's names, and the config.json that it reads.

A network that is timm's own keeps its name. Filial's vision transformer is timm's VisionTransformer under other names: queries,
keys and values lie in one matrix in the same order, and CLS, which has a position here and none there, takes it along. Others
have no counterpart and are refused. Whatever is written is opened by timm and must see what the network sees.

Shapes: P pictures, D features.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from engine.exports.card import Made
from engine.exports.network import Network
from engine.models import MODELS
from engine.models.imported import OF_METHODS
from engine.models.timm_models import arguments
from engine.run import Refused

FILE, CONFIG = "model.safetensors", "config.json"
TRANSFORMER = "vit_tiny_patch16_224"  # any plain one: all of its numbers are given
TOLERANCE = 1e-4  # of the largest feature: float32, in another order of operations
FITS = "--to onnx runs without Filial, --to safetensors has its weights"
RENAMED = (  # ours, timm's
    (r"patches\.", "patch_embed.proj."),
    (r"(blocks\.\d+)\.attend\.qkv\.", r"\1.attn.qkv."),
    (r"(blocks\.\d+)\.attend\.project\.", r"\1.attn.proj."),
    (r"(blocks\.\d+)\.mlp\.0\.", r"\1.mlp.fc1."),
    (r"(blocks\.\d+)\.mlp\.2\.", r"\1.mlp.fc2."),
    (r"(blocks\.\d+)\.scale([12])\.", r"\1.ls\2."),
    (r"classify\.", "head."),
)
USE = """\
```python
import timm

model = timm.create_model("local-dir:DIR", pretrained=True).eval()
data = timm.data.resolve_model_data_config(model)      # size, mean and deviation of each channel
transform = timm.data.create_transform(**data)
```

or with the numbers of `config.json`: `timm.create_model({name!r}, checkpoint_path="DIR/model.safetensors", **model_args)`.
Made for pictures of {size} x {size} px."""


def write(folder: Path, network: Network) -> Made:
    """Both files, opened by timm. Raises Refused for what timm has no architecture for."""
    name, made_from, tensors = theirs(network)
    (folder / FILE).write_bytes(save(tensors, metadata={"format": "pt"}))
    config = json.dumps(_config(network, name, made_from), indent=1, ensure_ascii=False)
    (folder / CONFIG).write_text(config + "\n", encoding="utf-8")
    files = {FILE: "the weights, with timm's names", CONFIG: "the architecture and how pictures are prepared, as timm reads it"}
    checked = {
        "what": f"opened by timm, its features of {network.pictures_words} compared with the network's own",
        "largest_difference": _difference(folder, network),
        "largest_feature": float(network.features.abs().max()),
        "tolerance": TOLERANCE,
    }
    return network.made(files, USE.format(name=name, size=network.build.size), checked, ("torch", "timm", "safetensors"))


def theirs(network: Network) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """What timm calls the network, what it is made from there, and its tensors by timm's names. Raises Refused."""
    build, classes = network.build, len(network.class_names)
    own = {name: tensor for name, tensor in network.useful.items() if not name.startswith(OF_METHODS)}
    if build.name == "timm" or build.name not in MODELS:
        variant = build.options.get("variant", build.name)
        made_from = arguments(build.classes, build.channels, build.size, variant) | {"num_classes": classes}
        return variant, made_from, {name.removeprefix("body."): tensor.contiguous() for name, tensor in own.items()}
    if build.name != "vit" or build.options.get("stem", "patch") != "patch":
        what = "a transformer whose stem is convolutions" if build.name == "vit" else f"Filial's {build.name}"
        raise Refused(f"--to: timm has no architecture like {what}; {FITS}")
    return TRANSFORMER, dict(_made_from(network, classes)), dict(_as_timm(own))


def _made_from(network: Network, classes: int) -> Iterator[tuple[str, Any]]:
    options, build = network.build.options, network.build
    yield from (("img_size", build.size), ("in_chans", build.channels), ("num_classes", classes))
    yield from (("patch_size", options["patch"]), ("embed_dim", options["width"]))
    yield from (("depth", options["depth"]), ("num_heads", options["heads"]))
    yield from (("reg_tokens", options.get("registers", 0)), ("no_embed_class", True))
    if scale := options.get("layer_scale", 0.0):
        yield "init_values", scale


def _as_timm(own: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    positions_1ND = own["positions"]
    yield "cls_token", own["cls"] + positions_1ND[:, :1]
    yield "pos_embed", positions_1ND[:, 1:].contiguous()
    if "registers" in own:
        yield "reg_token", own["registers"]
    for name, tensor in own.items():
        if name not in ("cls", "positions", "registers"):
            for ours, timms in RENAMED:
                name = re.sub(f"^{ours}", timms, name)
            yield name, tensor.contiguous()


def _config(network: Network, name: str, made_from: dict[str, Any]) -> dict[str, Any]:
    build, classes = network.build, network.class_names
    body: Any = getattr(network.module, "body", None)
    of_timm = dict(getattr(body, "pretrained_cfg", None) or {"classifier": "head", "first_conv": "patch_embed.proj"})
    prepared = {
        "num_classes": len(classes),
        "input_size": [build.channels, build.size, build.size],
        "fixed_input_size": "img_size" in made_from and not made_from.get("dynamic_img_size"),
        "mean": network.mean,
        "std": network.std,
        "crop_pct": 1.0,
        "crop_mode": "center",
        "interpolation": "bicubic",  # as data/decode.py scales
        **{key: of_timm[key] for key in ("classifier", "first_conv") if of_timm.get(key)},
    }
    labels = {"label_names": classes} if classes else {}
    whole = {"architecture": name, "num_classes": len(classes), "num_features": network.embed_dim}
    return {**whole, **labels, "model_args": made_from, "pretrained_cfg": prepared}


def _difference(folder: Path, network: Network) -> float:
    """The largest difference of a feature. Raises Refused if it is no rounding."""
    from timm import create_model

    model: Any = create_model(f"local-dir:{folder}", pretrained=True).eval()
    with torch.inference_mode():
        features_PD = model.forward_head(model.forward_features(network.seen), pre_logits=True)
        different = float((features_PD - network.features).abs().max())
        if network.classifies:
            different = max(different, float((model(network.seen) - network.logits).abs().max()))
    largest = max(1.0, float(network.features.abs().max()))
    if not different <= TOLERANCE * largest:
        raise Refused(
            f"timm's network differs from {network.run.name} by {different:g}, so nothing is kept; export safetensors"
        )
    return different
