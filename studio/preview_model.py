"""What is said of a previewed picture: frames on it, rows of crops with their captions, the fields that change them. No Qt.

A `Shown` is the assistant's answer to "preview" (engine/preview.py) with the arrays it left beside.

Shapes: V crops, C channels, H and W of the picture, S of a crop, h and w patches of one, T global crops.
"""

import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine import words
from engine.fields import Field

CROPS = ("count", "crops", "size", "scale_low", "scale_high")
VARIED = ("augment.shift", "augment.flip")  # of one whole picture
CHANGED = ("flip", "jitter", "mix", "grey", "invert", "blur", "solarize")  # of crops, all of them fields of [method]
HIDDEN = ("ibot_weight", "mask_probability", "mask_ratio_low", "mask_ratio_high")
SEEN = (
    *VARIED,
    *(f"method.{kind}_{what}" for kind in ("global", "local") for what in ("crops", "size", "scale_low", "scale_high")),
    *(f"method.{step}" for step in (*CHANGED, *HIDDEN)),
)  # fmt: skip
STEPS = {
    "flip": "mirrored",
    "jitter": "recoloured",
    "mix": "channels mixed",
    "grey": "grey",
    "invert": "negative",
    "solarize": "solarised",
}
COVER = (131, 139, 152)  # what a hidden patch looks like: the edge of fields, which is neither light nor dark
MULTIPLY = "\N{MULTIPLICATION SIGN}"


class View(Struct, frozen=True):
    """One kind of crop: "global", "local", or "whole" for a picture that is only moved."""

    kind: str
    size: int
    boxes: tuple[tuple[float, float, float, float], ...]  # top, left, height, width in pixels of the picture
    done: tuple[dict[str, float], ...]


class Facts(Struct, frozen=True):
    """The assistant's answer without its arrays."""

    method: str
    picture: int
    name: str
    pictures: int
    epoch: int
    epochs: int
    step: int
    seed: int
    views: tuple[View, ...]
    teacher: str  # "labels", "frozen" or "average"
    file: str
    cycle: int = 0
    sheet: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Shown:
    facts: Facts
    picture: NDArray[np.uint8]  # [C, H, W]
    views: tuple[NDArray[np.uint8], ...]  # [V, C, S, S]
    hidden: NDArray[np.bool_] | None  # [T, h, w]
    sheet: NDArray[np.uint8] | None  # the first training pictures, if they were asked for


@dataclass(frozen=True)
class Frame:
    """Where a crop lies on the picture."""

    label: str
    top: float
    left: float
    height: float
    width: float
    is_global: bool


@dataclass(frozen=True, eq=False)
class Crop:
    picture: NDArray[np.uint8]  # [C, S, S]
    caption: str


@dataclass(frozen=True, eq=False)
class Row:
    """What one of the two receives. `who`: "teacher" or "student"; `small` for crops that only the student sees."""

    who: str
    title: str
    subtitle: str
    crops: tuple[Crop, ...]
    small: bool = False


def read(answer: Mapping[str, Any]) -> Shown:
    """The answer with its arrays, whose file is ours to remove. Raises ValueError for one of another form."""
    facts = msgspec.convert(answer, Facts)
    path = Path(facts.file)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        views = tuple(arrays[f"view{kind}"] for kind in range(len(facts.views)))
        return Shown(facts, arrays["picture"], views, arrays.get("hidden"), arrays.get("sheet"))
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"the pictures cannot be read: {error}") from None
    finally:
        path.unlink(missing_ok=True)


def fields(layout: Iterable[Field]) -> list[Field]:
    """Those that change what is seen here, in the order of SEEN."""
    by_path = {field.path: field for field in layout}
    return [by_path[path] for path in SEEN if path in by_path]


# ---- where crops lie -----------------------------------------------------------------------------------------------------


def frames(shown: Shown) -> list[Frame]:
    """Small ones first, so that large ones are drawn over them."""
    found = [
        Frame(label, *box, view.kind != "local")
        for view in shown.facts.views
        for label, box in zip(_labels(view), view.boxes, strict=True)
    ]
    return sorted(found, key=lambda frame: frame.is_global)


def _labels(view: View) -> list[str]:
    if view.kind == "whole":
        return [""]
    return [f"{view.kind[0]}{number}" for number in range(1, len(view.boxes) + 1)]


def picture_words(shown: Shown) -> str:
    """ "48 px, 2 global and 8 local crops"."""
    height, width = shown.picture.shape[1:]
    side = f"{height} px" if height == width else f"{width} {MULTIPLY} {height} px"
    kinds = [f"{len(view.boxes)} {view.kind}" for view in shown.facts.views if view.kind != "whole"]
    if not kinds:
        return f"{side}; black moves in from outside" if _moves(shown) else side
    only = len(kinds) == 1 and len(shown.facts.views[0].boxes) == 1
    return f"{side}, {' and '.join(kinds)} {'crop' if only else 'crops'}"


def _moves(shown: Shown) -> bool:
    return any(box[0] or box[1] for view in shown.facts.views for box in view.boxes)


# ---- what each receives --------------------------------------------------------------------------------------------------


def rows(shown: Shown) -> list[Row]:
    """Teacher first where there is one; what only the student sees last."""
    facts = shown.facts
    large, *small = zip(facts.views, shown.views, strict=True)
    seen = _crops(*large)
    student = [Row("student", "Student", *_student(shown, seen))]
    found = student if facts.teacher == "labels" else [Row("teacher", "Teacher", _teacher_words(facts), seen), *student]
    return [*found, *(Row("student", "Student only", _small_words(view), _crops(view, cut), True) for view, cut in small)]


def _crops(view: View, cut_VCSS: NDArray[np.uint8]) -> tuple[Crop, ...]:
    said = zip(_labels(view), view.boxes, view.done, strict=True)
    return tuple(
        Crop(picture, _caption(label, _moved(view, box, done), done)) for picture, (label, box, done) in zip(cut_VCSS, said)
    )


def _moved(view: View, box: Sequence[float], done: Mapping[str, float]) -> list[str]:
    """How far a whole picture was moved, as it is seen: mirrored, left is right."""
    if view.kind != "whole":
        return []
    down, right = -int(box[0]), int(box[1]) * (1 if done.get("flip") else -1)
    parts = [(down, "down", "up"), (right, "right", "left")]
    return [f"{abs(way)} px {more if way > 0 else less}" for way, more, less in parts if way]


def _caption(label: str, moved: Sequence[str], done: Mapping[str, float]) -> str:
    blur = [f"blur {done['blur']:.1f} px"] if done.get("blur") else []
    said = ", ".join([*moved, *(said for step, said in STEPS.items() if done.get(step)), *blur])
    return f"{label}: {said or 'as it is'}" if label else said or "as it is"


def _student(shown: Shown, seen: tuple[Crop, ...]) -> tuple[str, tuple[Crop, ...]]:
    facts, count = shown.facts, len(seen)
    if shown.hidden is None:
        alone = "moved and mirrored by chance, with its label" if facts.teacher == "labels" else "the very same picture"
        if facts.views[0].kind == "whole":
            return alone, seen
        return "the same, nothing hidden" if facts.teacher == "frozen" else f"the same {count}", seen
    labels = _labels(facts.views[0])
    crops = [
        Crop(covered(one.picture, mask), _hidden_words(label, mask)) for one, label, mask in zip(seen, labels, shown.hidden)
    ]
    return f"the same {count}, without what is hidden", tuple(crops)


def _hidden_words(label: str, mask_hw: NDArray[np.bool_]) -> str:
    return f"{label}: {words.percent(float(mask_hw.mean()), 0)} hidden" if mask_hw.any() else f"{label}: nothing hidden"


def covered(picture_CSS: NDArray[np.uint8], mask_hw: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The crop with its hidden patches grey."""
    side = picture_CSS.shape[1] // mask_hw.shape[0]
    mask_SS = mask_hw.repeat(side, 0).repeat(side, 1)
    grey_C = np.array(COVER if len(picture_CSS) == 3 else [COVER[1]], np.uint8)
    return np.where(mask_SS, grey_C[:, None, None], picture_CSS)


def _teacher_words(facts: Facts) -> str:
    view, count = facts.views[0], len(facts.views[0].boxes)
    if view.kind == "whole":
        return "frozen, sees the very same picture"
    kind = "frozen" if facts.teacher == "frozen" else "the student's average"
    return f"{kind}: {words.plural(count, 'global crop')} of {view.size} px"


def _small_words(view: View) -> str:
    return f"{words.plural(len(view.boxes), 'local crop')} of {view.size} px"


def draw_words(facts: Facts) -> str:
    """ "epoch 7 of 40, step 312, seed 0"; with what is kept, when it comes round again."""
    said = f"epoch {words.count(facts.epoch + 1)} of {words.count(facts.epochs)}, step {words.count(facts.step + 1)}"
    again = f", as {words.plural(facts.cycle, 'epoch')} before and after" if facts.cycle and facts.cycle < facts.epochs else ""
    return f"{said}, seed {facts.seed}{again}"
