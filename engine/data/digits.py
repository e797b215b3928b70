"""scikit-learn's 1,797 real handwritten digits, 8 x 8 px (Alpaydin and Kaynak 1998, the test set of UCI's optdigits).

Decoded once and cached in the workspace, so that later starts do not import scikit-learn. The digest of the decoded
pictures is part of this file: a damaged cache is noticed and made again, and other data never pass as these.
"""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.pictures import Pictures

SHA256 = "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"
CACHE = f"digits-{SHA256[:8]}.npz"

Decoded = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load(data_folder: Path) -> Pictures:
    """The digits, from `data_folder`'s cache if a sound one is there."""
    path = data_folder / CACHE
    decoded = _cached(path)
    if decoded is None:
        decoded = _decode()
        _keep(path, decoded)
    pictures_u8, labels = decoded
    return Pictures("digits", pictures_u8, labels, tuple("0123456789"), SHA256, CACHE)


def digest(decoded: Decoded) -> str:
    """SHA-256 of the pixels followed by the labels, whatever the machine's byte order."""
    pictures_u8, labels = decoded
    return hashlib.sha256(pictures_u8.tobytes() + labels.astype("<i8").tobytes()).hexdigest()


def _decode() -> Decoded:
    from sklearn.datasets import load_digits

    source = load_digits()
    pixels = np.rint(source.images * (255 / 16)).astype(np.uint8)  # the source has 17 levels of grey, 0 to 16
    decoded = pixels[:, None], source.target.astype(np.int64)
    if digest(decoded) != SHA256:
        raise ValueError("data: the digits of the installed scikit-learn are not the 1,797 that Filial knows")
    return decoded


def _cached(path: Path) -> Decoded | None:
    """What the cache holds, or None if it is missing or not what was written there."""
    try:
        # opened here: numpy leaves its own handle open when the archive is cut, and Windows then refuses the new one
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            decoded = stored["pictures"], stored["labels"]
            return decoded if digest(decoded) == SHA256 else None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _keep(path: Path, decoded: Decoded) -> None:
    """Write aside, then rename: another engine may be reading or doing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            np.savez(file, pictures=decoded[0], labels=decoded[1])
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
