"""Where a network looks, on the probe pictures only: attention of a transformer, class evidence of a convolutional network.

A convolutional network has no attention. Its Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) for the class it predicts
is called class evidence everywhere.

Two maps are compared by their overlap: each is normalised to sum 1 (attention after the mean over its heads), and the
overlap is the sum over the pixels of the smaller of the two, 1 for equal maps and 0 for maps that share nothing. A map of
zeros shares nothing.

Where pictures come with a mask of what they show, attention is held against it as in DINO (Caron et al. 2021,
arXiv:2104.14294, Fig. 4): a head marks the fewest patches that hold 60 % of its mass, and the Jaccard index of a head is
what it and the mask mark both, as a share of what either does. DINO reports the head that fits best, chosen anew for each
picture; that is "attention/jaccard", and it rises with the number of heads for that alone. "attention/jaccard_head" is the
one head that fits best over all pictures, "attention/jaccard_mean" the map that is the mean over the heads.

A transformer's patches also have features of their own. Their three main directions are shown as red, green and blue.

Shapes: P pictures, K classes, D features, h and w of the map, H and W of the picture, X any leading dimensions.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.augment import normalise
from engine.probes.accuracy import evaluating

Kind = Literal["attention", "evidence"]
MASS = 0.6  # of a head's attention, in the patches it marks
TAIL = 0.01  # of the patches at either end of a colour's range, which do not set it


@runtime_checkable
class HasAttention(Protocol):
    def attention(self, x_BCHW: Tensor) -> Tensor: ...


@runtime_checkable
class HasMaps(Protocol):
    def maps(self, x_BCHW: Tensor) -> Tensor: ...

    def head(self, maps_BDhw: Tensor) -> Tensor: ...


@runtime_checkable
class HasPatches(Protocol):
    def patch_features(self, x_BCHW: Tensor) -> Tensor: ...


def kind(model: nn.Module, classes: bool = True) -> Kind | None:
    """The kind of map this network can give, None if it has neither attention nor, with trained `classes`, feature maps."""
    if isinstance(model, HasAttention):
        return "attention"
    return "evidence" if classes and isinstance(model, HasMaps) else None


def look(
    student: nn.Module,
    teacher: nn.Module | None,
    pictures_PCHW_u8: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    batch: int = 64,
    device: torch.device | str = "cpu",
    classes: bool = True,
    masks: NDArray[np.bool_] | None = None,
    judged: Literal["student", "teacher"] = "teacher",
) -> dict[str, NDArray[Any]]:
    """The arrays of an "attention" or "evidence" artifact; `kind(student, classes)`, which must not be None, says of which.

    student and teacher: float16, attention [P, heads, h, w], evidence [P, h, w] with 1 as its largest value; overlap
    float32 [P]; student_class, teacher_class int64 [P]; student_confidence, teacher_confidence float32 [P]. Without a teacher
    its arrays are absent; so are its map and the overlap if it gives another kind of map, and everybody's class and
    confidence without trained `classes`.

    With `masks` [P, H, W], attention gets jaccard, jaccard_mean float32 [P] and jaccard_heads float32 [P, heads], -1 where
    a mask marks nothing. They are of the `judged` network, of the student if the teacher gives no attention.

    pca_student, pca_teacher: float16 [P, 3, h, w], for networks that have features of patches.
    """
    assert kind(student, classes) is not None, type(student)
    arrays: dict[str, NDArray[Any]] = {}
    maps: dict[str, Tensor] = {}
    for name, model in (("student", student), ("teacher", teacher)):
        if model is None:
            continue
        seen = _joined(_look(model, normalise(x.to(device), mean, std), classes) for x in torch.split(pictures_PCHW_u8, batch))
        arrays |= _of_one(name, seen)
        if seen.map is not None and kind(model, classes) == kind(student, classes):
            maps[name] = seen.map
            arrays[name] = seen.map.half().numpy()
    if len(maps) == 2:
        arrays["overlap"] = overlap(**maps).float().numpy()
    if masks is not None and kind(student) == "attention":
        arrays |= _against(maps.get(judged, maps["student"]), torch.from_numpy(masks))
    return arrays


def measure(arrays: dict[str, NDArray[Any]]) -> Iterator[tuple[str, float]]:
    """The mean overlap of student and teacher, if the arrays are attention of both; class evidence has no metric.

    Jaccard indices over the pictures whose mask marks something, if there are any.
    """
    if "overlap" in arrays and arrays["student"].ndim == 4:
        yield "attention/overlap", float(arrays["overlap"].astype(np.float64).mean())
    if "jaccard" in arrays and (marked_P := arrays["jaccard"] >= 0).any():
        yield "attention/jaccard", float(arrays["jaccard"][marked_P].astype(np.float64).mean())
        yield "attention/jaccard_head", float(arrays["jaccard_heads"][marked_P].astype(np.float64).mean(axis=0).max())
        yield "attention/jaccard_mean", float(arrays["jaccard_mean"][marked_P].astype(np.float64).mean())


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


def marked(maps_Xhw: Tensor, mass: float = MASS) -> Tensor:
    """The fewest patches that hold `mass` of a map, bool like the map; of a map of zeros none.

    A patch belongs to them if all that are larger hold less than `mass` together.
    """
    flat_XN = maps_Xhw.double().flatten(-2)
    sorted_XN, place_XN = flat_XN.sort(dim=-1, descending=True, stable=True)
    larger_XN = sorted_XN.cumsum(dim=-1) - sorted_XN
    kept_XN = (larger_XN < mass * sorted_XN.sum(dim=-1, keepdim=True)) & (sorted_XN > 0)
    return torch.zeros_like(kept_XN).scatter(-1, place_XN, kept_XN).view_as(maps_Xhw)


def jaccard(maps_PHhw: Tensor, masks_PHW: Tensor, mass: float = MASS) -> Tensor:
    """The Jaccard index of each head with the mask of its picture, float32 [P, heads]; -1 where a mask marks nothing."""
    assert maps_PHhw.ndim == 4 and masks_PHW.ndim == 3 and len(maps_PHhw) == len(masks_PHW), (maps_PHhw.shape, masks_PHW.shape)
    ours = F.interpolate(marked(maps_PHhw, mass).float(), masks_PHW.shape[1:], mode="nearest-exact") > 0.5
    theirs = masks_PHW.bool()[:, None]
    both, either = (area.sum(dim=(2, 3)).float() for area in (ours & theirs, ours | theirs))
    return torch.where(theirs.any(dim=3).any(dim=2), both / either.clamp(min=1), -1.0)


def pca_maps(features_BDhw: Tensor) -> Tensor:
    """The three main directions of the features of all patches of all pictures, float32 [B, 3, h, w] in [0, 1].

    Each from its 1st to its 99th percentile, what lies outside cut off. A direction's sign is free: it is the one that makes
    few patches bright, not few dark (a third moment above 0). A direction without spread is 0.5 everywhere.
    """
    assert features_BDhw.ndim == 4, features_BDhw.shape
    x_ND = features_BDhw.detach().cpu().double().movedim(1, 3).flatten(0, 2)
    rounding = 1e-6 * x_ND.abs().amax()  # what is left, in float32, of a direction that is not there
    x_ND = x_ND - x_ND.mean(dim=0)
    along_N3 = F.pad(x_ND @ torch.linalg.eigh(x_ND.T @ x_ND).eigenvectors[:, -3:].flip(1), (0, max(0, 3 - x_ND.shape[1])))
    along_N3 = torch.where(along_N3.pow(3).sum(dim=0) < 0, -along_N3, along_N3)
    low_3, high_3 = torch.from_numpy(np.quantile(along_N3.numpy(), (TAIL, 1 - TAIL), axis=0))
    spread_3 = high_3 - low_3
    flat_3 = spread_3 <= rounding
    shown_N3 = torch.where(flat_3, 0.5, (along_N3 - low_3) / spread_3.where(~flat_3, torch.ones_like(spread_3)))
    count, _, height, width = features_BDhw.shape
    return shown_N3.clamp(0, 1).float().view(count, height, width, 3).movedim(3, 1).contiguous()


class _Look(NamedTuple):
    """What one network says of some pictures, on the CPU: None where it has no such thing."""

    map: Tensor | None
    predicted: Tensor | None
    confidence: Tensor | None
    patches_BDhw: Tensor | None


def _look(model: nn.Module, x_BCHW: Tensor, classes: bool) -> _Look:
    map_: Tensor | None = None
    logits_BK: Tensor | None = None
    with evaluating(model), torch.no_grad():
        if kind(model, classes) == "evidence":
            assert isinstance(model, HasMaps)
            map_, logits_BK = evidence(model, x_BCHW)
        else:
            map_ = model.attention(x_BCHW) if isinstance(model, HasAttention) else None
            logits_BK = model(x_BCHW) if classes else None
        patches_BDhw = model.patch_features(x_BCHW) if isinstance(model, HasPatches) else None
    confidence, predicted = logits_BK.float().softmax(dim=1).max(dim=1) if logits_BK is not None else (None, None)
    return _Look(*(None if found is None else found.cpu() for found in (map_, predicted, confidence, patches_BDhw)))


def _joined(looks: Iterable[_Look]) -> _Look:
    """Of all pictures. Either every look has a thing or none has."""
    return _Look(*(None if parts[0] is None else torch.cat(parts) for parts in zip(*looks, strict=True)))


def _of_one(name: str, seen: _Look) -> dict[str, NDArray[Any]]:
    """The arrays that are a network's own, without its map."""
    arrays: dict[str, NDArray[Any]] = {}
    if seen.predicted is not None and seen.confidence is not None:
        arrays |= {f"{name}_class": seen.predicted.numpy(), f"{name}_confidence": seen.confidence.numpy()}
    if seen.patches_BDhw is not None and seen.patches_BDhw.isfinite().all():
        arrays[f"pca_{name}"] = pca_maps(seen.patches_BDhw).half().numpy()
    return arrays


def _against(maps_PHhw: Tensor, masks_PHW: Tensor) -> dict[str, NDArray[Any]]:
    heads_PH = jaccard(maps_PHhw, masks_PHW)
    mean_P1 = jaccard(maps_PHhw.mean(dim=1, keepdim=True), masks_PHW)
    arrays = {"jaccard": heads_PH.amax(dim=1), "jaccard_mean": mean_P1[:, 0], "jaccard_heads": heads_PH}
    return {name: tensor.numpy() for name, tensor in arrays.items()}


def _shares(maps_Phw: Tensor) -> Tensor:
    total_P11 = maps_Phw.sum(dim=(1, 2), keepdim=True)
    return maps_Phw / total_P11.where(total_P11 > 0, torch.ones_like(total_P11))
