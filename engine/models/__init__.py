"""The networks by name. A model is a function of (classes, channels, size) and its own options that gives an nn.Module.

What a module promises, so that methods and probes never ask which one they have: `embed_dim`; forward(x_BCHW) -> logits_BK;
features(x_BCHW) -> [B, embed_dim], what the last linear layer reads. A convolutional network also has
maps(x_BCHW) -> [B, D, h, w] and head(maps) -> logits_BK, of which forward is the composition (for class evidence); a vision
transformer has attention(x_BCHW) -> [B, heads, h, w] and patch_features(x_BCHW) -> [B, D, h, w], its last block's normed
tokens. Initial weights are a function of torch's seed alone.

All of these take pictures of other sizes than the network was built for, too: a transformer of patches in whole patches, a
convolutional network as long as something is left of a picture. Some of timm's cannot; `reads` says so beforehand.

Sizes are sides of square pictures in pixels. A new model takes its file and one line in MODELS. What is put on a network to
learn without labels is in heads.py.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from engine.models.densenet import densenet
from engine.models.resnet import resnet
from engine.models.small_cnn import small_cnn
from engine.models.timm_models import CANNOT_READ, timm, why
from engine.models.vit import vit

MODELS: dict[str, Callable[..., nn.Module]] = {
    "small_cnn": small_cnn,
    "resnet": resnet,
    "densenet": densenet,
    "vit": vit,
    "timm": timm,
}


def build(name: str, classes: int, channels: int, size: int, **options: Any) -> nn.Module:
    """The network of this name, freshly initialised. A name that is not in MODELS is looked up in timm.

    Raises ValueError for names, options and sizes that do not work, saying which would.
    """
    if name not in MODELS:
        return timm(classes, channels, size, variant=name)
    known = list(inspect.signature(MODELS[name]).parameters)[3:]
    for option in options:
        if option not in known:
            raise ValueError(f"{option}: {name} has no such option; it has {', '.join(known)}")
    return MODELS[name](classes, channels, size, **options)


def reads(network: nn.Module, channels: int, size: int) -> str | None:
    """Why this network's features cannot be had of pictures of `size` px, None if they can. The network stays as it is.

    Tried with one black picture, where the network's weights are.
    """
    modes = [(module, module.training) for module in network.modules()]
    black_BCHW = torch.zeros(1, channels, size, size, device=next(network.parameters()).device)
    network.eval()
    try:
        with torch.inference_mode():
            network.features(black_BCHW)  # type: ignore[operator]
    except CANNOT_READ as error:
        return why(error)
    finally:
        network.train(modes[0][1])  # by this call, too: some of timm's forget only then what they keep for evaluation
        for module, training in modes:
            module.training = training
    return None
