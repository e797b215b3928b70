"""What is in a data set, before anything is trained on it: classes, sizes, what is broken, what is there twice. No torch.

Shapes: N pictures, C channels, H and W pixels.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import DATASETS, cache
from engine.data.cache import Arrays
from engine.data.listing import NoClasses
from engine.data.near import near_pairs
from engine.data.pictures import Pictures, Tell, channel_statistics
from engine.data.split import Split, split_as_asked
from engine.fields import RecipeError, RecipeErrors, tag_of
from engine.recipe import Data, Folder, Unlabelled, folders_of, parse_data, whole_path
from engine.words import count, plural

SHEET = 200  # test pictures to be looked at
PARTS = ("train", "val", "test")
NAMED = 200  # files and groups named one by one
PAIRS = 60  # of pictures nearly the same, named and shown side by side
EDGE = 96  # px of these: they are shown no larger

Told = Callable[[float, str], None]  # share done and words; may raise, to end it


def scan(table: Mapping[str, Any], scratch: Path, told: Told, caches: Path | None = None) -> dict[str, Any]:
    """The answer to a window's question about a recipe's data table.

    `scratch` keeps the sheet, `caches` the decoded copy, so that training need not decode again; without it scratch does.
    A folder whose pictures nothing tells apart is looked through as one without classes; `kind` says as what it was.
    Raises RecipeError or RecipeErrors for the field that stands in the way.
    """
    asked = _asked(table)

    def tell(done: int, total: int) -> None:
        words = f"{count(done)} of {plural(total, 'picture')}" if total else f"{plural(done, 'file')} found"
        told(done / total if total else 0.0, words)

    asked, pictures = _read(asked, caches or scratch, tell)
    parts = split_as_asked(pictures, asked)
    groups = _duplicates(pictures.pictures_u8)
    files = _files(pictures)
    told(1.0, "comparing the pictures")
    near = _near(pictures, parts, groups)
    mean, std = channel_statistics(pictures.pictures_u8[parts.train])
    smallest, largest = (pictures.source.smallest, pictures.source.largest) if pictures.source else (pictures.size,) * 2
    return {
        "name": asked.title,
        "kind": tag_of(type(asked)),
        "pictures": len(pictures),
        "classes": _classes(pictures, parts),
        "parts": {part: len(getattr(parts, part)) for part in PARTS},
        "size": list(pictures.size),
        "channels": pictures.channels,
        "found_sizes": {"min": list(smallest), "max": list(largest)},
        "modes": dict(pictures.source.modes) if pictures.source else {"L": len(pictures)},
        "broken": [{"file": file, "problem": problem} for file, problem in pictures.broken[:NAMED]],
        "broken_count": len(pictures.broken),
        "duplicates": [[files[place] for place in group] for group in groups[:NAMED]],
        "duplicates_count": len(groups),
        "crossing": _crossing(groups, parts),
        "contradicting": sum(len(set(pictures.labels[group].tolist())) > 1 for group in groups),
        "near": [_pair(pictures, files, near, place) for place in range(min(PAIRS, len(near.pairs)))],
        "near_count": len(near.pairs),
        "near_crossing": near.crossing,
        "mean": list(mean),
        "std": list(std),
        "given": [part for part in PARTS if part in pictures.given],
        "remarks": list(pictures.source.remarks) if pictures.source else [],
        "sheet": str(_sheet(pictures, parts, files, scratch)),
        "near_sheet": str(_near_sheet(pictures, near, scratch)) if len(near.pairs) else "",
    }


@dataclass(frozen=True, eq=False)
class Near:
    """Pictures nearly the same: places [P, 2], those across train and test first, then the most alike; their correlations
    [P]; the part that each picture of the set is in; how many pairs cross."""

    pairs: NDArray[np.int64]
    alike: NDArray[np.float32]
    part: Sequence[str]
    crossing: int


def _near(pictures: Pictures, parts: Split, groups: Sequence[Sequence[int]]) -> Near:
    pairs, alike = near_pairs(pictures.pictures_u8, groups)
    part = np.zeros(len(pictures), np.int64)
    for number, name in enumerate(PARTS, 1):
        part[getattr(parts, name)] = number
    first, second = part[pairs].T
    crosses = (np.minimum(first, second) == 1) & (np.maximum(first, second) == len(PARTS))
    order = np.argsort(~crosses, kind="stable")
    names = ["", *PARTS]
    return Near(pairs[order], alike[order], [names[number] for number in part], int(crosses.sum()))


def _pair(pictures: Pictures, files: Sequence[str], near: Near, place: int) -> dict[str, Any]:
    both = near.pairs[place].tolist()
    named = pictures.class_names
    return {
        "files": [files[one] for one in both],
        "parts": [near.part[one] for one in both],
        "classes": [named[int(pictures.labels[one])] if named else "" for one in both],
        "alike": round(float(near.alike[place]), 4),
    }


def _near_sheet(pictures: Pictures, near: Near, scratch: Path) -> Path:
    """The pairs that are named, as pictures: [P, 2, C, h, w], large ones by every so many pixels."""
    shown = near.pairs[:PAIRS]
    step = max(1, min(pictures.size) // EDGE)
    path = scratch / f"near-{hashlib.sha256(shown.tobytes() + pictures.cache.encode()).hexdigest()[:16]}.npz"
    cache.keep(path, {"pairs_u8": pictures.pictures_u8[shown][..., ::step, ::step]})
    return path


def _asked(table: Mapping[str, Any]) -> Data:
    asked = _parsed(table)
    return _parsed({**table, **{key: whole_path(path, Path()) for key, path in folders_of(asked).items()}})


def _parsed(table: Mapping[str, Any]) -> Data:
    try:
        return parse_data(table)
    except RecipeErrors as errors:
        raise errors.errors[0] from None


def _read(asked: Data, data_folder: Path, tell: Tell) -> tuple[Data, Pictures]:
    """The pictures, and as what they were read."""
    try:
        return asked, DATASETS[tag_of(type(asked))](asked, data_folder, tell, 1)
    except NoClasses as unsorted:
        if not isinstance(asked, Folder):
            raise
        alike = without_classes(asked)
        try:
            return alike, DATASETS[tag_of(type(alike))](alike, data_folder, tell, 1)
        except RecipeError:
            raise unsorted from None


def without_classes(asked: Folder) -> Unlabelled:
    """The same folder, its pictures all alike."""
    shared = {key: getattr(asked, key) for key in Unlabelled.__struct_fields__ if hasattr(asked, key)}
    return Unlabelled(**shared)


def _files(pictures: Pictures) -> Sequence[str]:
    if pictures.source is not None:
        return pictures.source.files
    return [f"{pictures.name} {place:04d}" for place in range(len(pictures))]


def _classes(pictures: Pictures, parts: Split) -> list[dict[str, Any]]:
    many = len(pictures.class_names)
    counts = {part: np.bincount(pictures.labels[getattr(parts, part)], minlength=many) for part in PARTS}
    return [
        {"name": name, **{part: int(counts[part][label]) for part in counts}} for label, name in enumerate(pictures.class_names)
    ]


def _duplicates(pictures_u8: NDArray[np.uint8]) -> list[list[int]]:
    """Places of pictures that a network cannot tell apart: the same to the last pixel at the size it sees."""
    seen: dict[bytes, list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures_u8):
        seen[hashlib.sha256(picture.tobytes()).digest()].append(place)
    return [group for group in seen.values() if len(group) > 1]


def _crossing(groups: Sequence[Sequence[int]], parts: Split) -> int:
    """Pairs of the same picture, one of which trains and the other tests."""
    train, test = set(parts.train.tolist()), set(parts.test.tolist())
    return sum(sum(place in train for place in group) * sum(place in test for place in group) for group in groups)


def _sheet(pictures: Pictures, parts: Split, files: Sequence[str], scratch: Path) -> Path:
    """The first test pictures in the order of the test set, so that their places can be probe pictures."""
    shown = parts.test[:SHEET]
    arrays: Arrays = {
        "pictures_u8": pictures.pictures_u8[shown],
        "labels": pictures.labels[shown],
        "files": np.array([files[place] for place in shown]),
    }
    path = scratch / f"sheet-{hashlib.sha256(shown.tobytes() + pictures.cache.encode()).hexdigest()[:16]}.npz"
    cache.keep(path, arrays)
    return path
