"""Decoded pictures as .npz files in a workspace's data folder, each checked by its digest: a damaged one is no cache."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import processes

Arrays = Mapping[str, NDArray[Any]]


def digest(arrays: Arrays) -> str:
    """SHA-256 of the arrays' bytes in their order, whatever the machine's byte order."""
    sums = hashlib.sha256()
    for array in arrays.values():
        sums.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return sums.hexdigest()


def read(path: Path, names: tuple[str, ...], sha256: str) -> dict[str, NDArray[Any]] | None:
    """What the cache holds, or None if it is missing or not what was written there."""
    try:
        # opened here: numpy leaves its own handle open when the archive is cut, and Windows then refuses the new one
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in names}
            return arrays if digest(arrays) == sha256 else None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError):
        return None


def keep(path: Path, arrays: Arrays) -> None:
    """Write aside, then rename: another engine may be reading or doing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = dict(arrays)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            np.savez(file, **contents)
        processes.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
