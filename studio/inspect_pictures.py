"""The picture that is looked at, and where pictures come from: a drop, the clipboard, an array of the data set."""

import base64
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QIODevice, QMimeData
from PySide6.QtGui import QImage

from studio.widgets.picture import channels_last, to_image

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
PICTURES = f"Pictures ({' '.join('*' + ending for ending in ENDINGS)})"


@dataclass(frozen=True)
class Looked:
    """A picture as the assistant is given it. `row` of the stored answers, -1 for a picture without; `place` in the data set,
    -1 for one that is not in it; `label` its class, empty where nobody knows it."""

    name: str
    key: Hashable
    picture: Mapping[str, str] = field(hash=False)
    label: str = ""
    row: int = -1
    place: int = -1


def of_file(path: Path) -> Looked:
    """One that is changed on the disk is another picture."""
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return Looked(path.name, (str(path), stamp), {"file": str(path)})


def of_image(image: QImage, name: str) -> Looked:
    content = png(image)
    return Looked(name, content, {"png": content})


def held_in(held: QMimeData | None) -> Looked | None:
    """A picture file, or the pixels of a picture; None for anything else. A clipboard that holds nothing may give None."""
    if held is None:
        return None
    files = [Path(url.toLocalFile()) for url in held.urls() if url.isLocalFile()]
    found = next((path for path in files if path.suffix.lower() in ENDINGS and path.is_file()), None)
    if found is not None:
        return of_file(found)
    image: Any = held.imageData() if held.hasImage() else None
    return of_image(image, "pasted picture") if isinstance(image, QImage) and not image.isNull() else None


def png_of(picture_CHW: NDArray[np.uint8]) -> str:
    """Lossless, so that a network reads what it read when it was trained."""
    return png(to_image(channels_last(picture_CHW)))


def png(image: QImage) -> str:
    """The picture as the bytes of a file, for a line of JSON."""
    held = QBuffer()
    held.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(held, "PNG")  # type: ignore[call-overload]
    return base64.b64encode(bytes(held.data().data())).decode()


def place_of(name: str, classes: tuple[str, ...]) -> int:
    """-1 for no class."""
    return classes.index(name) if name in classes else -1
