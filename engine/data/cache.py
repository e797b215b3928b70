"""Decoded pictures as .npz files in a workspace's data folder, each checked by its digest: a damaged one is no cache."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import arrays, processes

Arrays = Mapping[str, NDArray[Any]]


def digest(wanted: Arrays) -> str:
    """SHA-256 of the arrays' bytes in their order, whatever the machine's byte order."""
    sums = hashlib.sha256()
    for array in wanted.values():
        sums.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return sums.hexdigest()


def read(path: Path, names: tuple[str, ...], sha256: str) -> dict[str, NDArray[Any]] | None:
    """What the cache holds, or None if it is missing or not what was written there."""
    try:
        found = arrays.read(path, *names)
        return found if digest(found) == sha256 else None
    except (OSError, ValueError, MemoryError):
        return None


def keep(path: Path, wanted: Arrays) -> None:
    """Write aside, then rename: another engine may be reading or doing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    processes.clear_asides(path.parent)
    contents: dict[str, Any] = dict(wanted)
    aside = processes.aside_of(path)
    try:
        with aside.open("wb") as file:
            np.savez(file, **contents)
        processes.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
