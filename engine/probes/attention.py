"""Where a network looks, on the probe pictures only: attention of a transformer, class evidence of a convolutional network.

A convolutional network has no attention. Its Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) for the class it predicts
is called class evidence everywhere.

Two maps are compared by their overlap: each is normalised to sum 1 (attention after the mean over its heads), and the
overlap is the sum over the pixels of the smaller of the two, 1 for equal maps and 0 for maps that share nothing. A map of
zeros shares nothing.

Shapes: P pictures, K classes, D features, h and w of the map.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.augment import normalise
from engine.probes.accuracy import evaluating

Kind = Literal["attention", "evidence"]


@runtime_checkable
class HasAttention(Protocol):
    def attention(self, x_BCHW: Tensor) -> Tensor: ...


@runtime_checkable
class HasMaps(Protocol):
    def maps(self, x_BCHW: Tensor) -> Tensor: ...

    def head(self, maps_BDhw: Tensor) -> Tensor: ...


def kind(model: nn.Module) -> Kind | None:
    """The kind of map this network can give, None if it has neither attention nor feature maps."""
    if isinstance(model, HasAttention):
        return "attention"
    return "evidence" if isinstance(model, HasMaps) else None


def look(
    student: nn.Module,
    teacher: nn.Module | None,
    pictures_PCHW_u8: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    batch: int = 64,
    device: torch.device | str = "cpu",
) -> dict[str, NDArray[Any]]:
    """The arrays of an "attention" or "evidence" artifact; `kind(student)`, which must not be None, says of which.

    student and teacher: float16, attention [P, heads, h, w], evidence [P, h, w] with 1 as its largest value; overlap
    float32 [P]; student_class, teacher_class int64 [P]; student_confidence, teacher_confidence float32 [P]. Without a teacher
    its arrays are absent; so are its map and the overlap if it gives another kind of map.
    """
    assert kind(student) is not None, type(student)
    arrays: dict[str, NDArray[Any]] = {}
    maps: list[Tensor] = []
    for name, model in (("student", student), ("teacher", teacher)):
        if model is None:
            continue
        looks = [_look(model, normalise(x.to(device), mean, std)) for x in torch.split(pictures_PCHW_u8, batch)]
        arrays[f"{name}_class"] = torch.cat([look.predicted for look in looks]).numpy()
        arrays[f"{name}_confidence"] = torch.cat([look.confidence for look in looks]).numpy()
        if kind(model) == kind(student):
            maps.append(torch.cat([look.map for look in looks if look.map is not None]))
            arrays[name] = maps[-1].half().numpy()
    if len(maps) == 2:
        arrays["overlap"] = overlap(*maps).float().numpy()
    return arrays


def measure(arrays: dict[str, NDArray[Any]]) -> Iterator[tuple[str, float]]:
    """The mean overlap of student and teacher, if the arrays are attention of both; class evidence has no metric."""
    if "overlap" in arrays and arrays["student"].ndim == 4:
        yield "attention/overlap", float(arrays["overlap"].astype(np.float64).mean())


def evidence(model: HasMaps, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Grad-CAM of the predicted class, [B, h, w], with 1 as its largest value (or all 0), and the logits it came from.

    relu(sum over D of weight x map), the weight being the mean gradient of the class's logit over that map. The gradient
    is taken with respect to the maps alone, so no parameter's .grad is touched.
    """
    with torch.no_grad():
        maps_BDhw = model.maps(x_BCHW).float()
    maps_BDhw.requires_grad_()
    with torch.enable_grad():
        logits_BK = model.head(maps_BDhw)
        (gradient_BDhw,) = torch.autograd.grad(logits_BK.amax(dim=1).sum(), maps_BDhw)
    weight_BD11 = gradient_BDhw.mean(dim=(2, 3), keepdim=True)
    cam_Bhw = (weight_BD11 * maps_BDhw.detach()).sum(dim=1).relu()
    largest_B11 = cam_Bhw.amax(dim=(1, 2), keepdim=True)
    return cam_Bhw / largest_B11.where(largest_B11 > 0, torch.ones_like(largest_B11)), logits_BK.detach()


def overlap(student: Tensor, teacher: Tensor) -> Tensor:
    """The overlap of two sets of maps, [P, h, w] or [P, heads, h, w], as the module's docstring defines it: [P] in [0, 1].

    The teacher's map is brought to the student's grid first if theirs differ.
    """
    ours_Phw, theirs_Phw = (maps.double().mean(dim=1) if maps.ndim == 4 else maps.double() for maps in (student, teacher))
    if ours_Phw.shape != theirs_Phw.shape:
        theirs_Phw = F.interpolate(theirs_Phw[:, None], ours_Phw.shape[1:], mode="bilinear", antialias=True)[:, 0]
    return torch.minimum(_shares(ours_Phw), _shares(theirs_Phw)).sum(dim=(1, 2))


def _shares(maps_Phw: Tensor) -> Tensor:
    total_P11 = maps_Phw.sum(dim=(1, 2), keepdim=True)
    return maps_Phw / total_P11.where(total_P11 > 0, torch.ones_like(total_P11))


class _Look(NamedTuple):
    map: Tensor | None
    predicted: Tensor
    confidence: Tensor


def _look(model: nn.Module, x_BCHW: Tensor) -> _Look:
    """A network's map (None if it has none), its class and its confidence, on the CPU."""
    map_: Tensor | None = None
    with evaluating(model), torch.no_grad():
        if isinstance(model, HasAttention):
            map_, logits_BK = model.attention(x_BCHW), model(x_BCHW)
        elif isinstance(model, HasMaps):
            map_, logits_BK = evidence(model, x_BCHW)
        else:
            logits_BK = model(x_BCHW)
    confidence, predicted = logits_BK.float().softmax(dim=1).max(dim=1)
    return _Look(None if map_ is None else map_.float().cpu(), predicted.cpu(), confidence.cpu())
