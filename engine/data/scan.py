"""What is in a data set, before anything is trained on it: classes, sizes, what is broken, what is there twice. No torch.

Shapes: N pictures, C channels, H and W pixels.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import DATASETS, cache
from engine.data.cache import Arrays
from engine.data.listing import NoClasses
from engine.data.pictures import Pictures, Tell
from engine.data.split import Split, split_as_asked
from engine.fields import RecipeError, RecipeErrors, tag_of
from engine.recipe import Data, Folder, Unlabelled, folders_of, parse_data, whole_path
from engine.words import count, plural

SHEET = 200  # test pictures to be looked at
PARTS = ("train", "val", "test")
NAMED = 200  # files and groups named one by one

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
        "given": [part for part in PARTS if part in pictures.given],
        "remarks": list(pictures.source.remarks) if pictures.source else [],
        "sheet": str(_sheet(pictures, parts, files, scratch)),
    }


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
