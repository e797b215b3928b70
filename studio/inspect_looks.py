"""What a network made of one picture, as the assistant found it, and how a map is drawn. Numpy alone.

Shapes: C channels, H and W of a picture; heads, h and w of a map; K classes.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from studio.inspect_asks import Found
from studio.widgets.attention_grid import grown, luminance, map_picture

Bytes = NDArray[np.uint8]
Maps = NDArray[np.float32]
DIM = 0.35  # what is left of the brightness of a picture outside the marked patches


@dataclass(frozen=True, eq=False)
class Look:
    """`map` is attention [heads, h, w] or class evidence [1, h, w]; absent is what the network cannot give."""

    picture: Bytes  # [C, H, W] as it was read
    kind: Literal["attention", "evidence"] | None = None
    map: Maps | None = None
    colours: Maps | None = None  # [3, h, w]
    logits: NDArray[np.float32] | None = None  # [K]
    probabilities: NDArray[np.float32] | None = None  # [K]
    classes: tuple[str, ...] = ()

    @property
    def heads(self) -> int:
        return len(self.map) if self.map is not None and self.kind == "attention" else 0

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """The likeliest classes with their probabilities."""
        if self.probabilities is None:
            return []
        first = np.argsort(-self.probabilities, kind="stable")[:count].tolist()
        names = [self.classes[place] if place < len(self.classes) else str(place) for place in first]
        return list(zip(names, self.probabilities[first].tolist()))


def looks(found: Found) -> dict[str, Look]:
    """By the name each network was asked under: "student", "teacher"."""
    return {name: _look(name, found) for name, facts in found.facts.items() if isinstance(facts, dict)}


def overlap(found: Found) -> float | None:
    return float(found.arrays["overlap"][0]) if "overlap" in found.arrays else None


def _look(name: str, found: Found) -> Look:
    facts, arrays = found.facts[name], found.arrays
    parts: dict[str, Any] = {part: arrays.get(f"{name}_{part}") for part in ("map", "colours", "logits", "probabilities")}
    return Look(arrays[f"{name}_picture"], facts["kind"], classes=tuple(facts["classes"]), **parts)


def marked(map_hw: Maps, mass: float) -> NDArray[np.bool_]:
    """The fewest patches that hold this share of a map, as DINO's authors mark them (arXiv:2104.14294, Fig. 4).

    Of a map of zeros none; a patch belongs to them if all that are larger hold less than `mass` together.
    """
    flat_N = map_hw.astype(np.float64).ravel()
    order_N = np.argsort(-flat_N, kind="stable")
    larger_N = np.cumsum(flat_N[order_N]) - flat_N[order_N]
    kept_N = np.zeros(flat_N.shape, np.bool_)
    kept_N[order_N] = (larger_N < mass * flat_N.sum()) & (flat_N[order_N] > 0)
    return kept_N.reshape(map_hw.shape)


def drawn(map_hw: Maps, picture_CHW: Bytes, mass: float, grey: bool) -> Bytes:
    """A map as RGB uint8 [H, W, 3]. Below a mass of 1 what is not marked is the dimmed picture; `grey`: it shines through."""
    shown = map_picture(map_hw, picture_CHW, "Heat over grey" if grey else "Heat")
    if mass >= 1:
        return shown
    size = shown.shape[:2]
    rows, columns = ((np.arange(length) * cells) // length for length, cells in zip(size, map_hw.shape))
    inside_HW = marked(map_hw, mass)[rows][:, columns]
    ground = np.rint(255 * DIM * grown(luminance(picture_CHW), size)).astype(np.uint8)
    return np.where(inside_HW[..., None], shown, ground[..., None]).astype(np.uint8)
