"""One file to the square of pixels that a network sees. Left to listing.py: which files; to folder.py: all of them, kept.

How: what the camera calls upright is up (EXIF); of an animation the first frame; what is transparent stands on white; 16 bits
become 8 by their whole range. Then the shorter side is scaled to `size` (bicubic, antialiased) and the middle cut out; a
picture that has that size already keeps every pixel.

Shapes: C channels, H and W pixels.
"""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from engine import reading

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")  # whatever the name says, nothing else is opened
MOST_BYTES = 2**30  # of a file: as many as the pixels that are opened take uncompressed, and more
LARGEST = 89_478_485  # pixels: where Pillow begins to warn of decompression bombs
_ORIENTATION = 0x0112


class Decoded(NamedTuple):
    """`height` and `width` are those of the picture as it was found, the right way up."""

    pixels_CHW: NDArray[np.uint8]
    sha256: bytes
    height: int
    width: int
    mode: str


class Unreadable(Exception):
    """Why a file gives no picture: a sentence without its subject, "is empty"."""


def decode(path: Path, size: int, colour: str) -> Decoded:
    """Raises Unreadable for whatever is wrong with the file."""
    try:
        content = reading.content(path, MOST_BYTES)
    except OSError as error:
        raise Unreadable(f"cannot be opened ({error.strerror or error})") from None
    if not content:
        raise Unreadable("is empty")
    try:
        return _decode(content, size, colour)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable("holds no picture that can be read, whatever its name says") from None
    except Image.DecompressionBombError:
        raise Unreadable(_too_large("far too many")) from None
    except Exception as error:  # what decoders raise on damaged files is no closed list: SyntaxError, struct.error, IndexError
        raise Unreadable(f"is damaged ({_first_line(error)})") from None


def _decode(content: bytes, size: int, colour: str) -> Decoded:
    image: Image.Image = Image.open(BytesIO(content), formats=FORMATS)
    mode, (width, height) = image.mode, image.size
    if width * height > LARGEST:
        raise Unreadable(_too_large(f"{width * height:,d}"))
    image.draft("", (2 * size, 2 * size))  # a JPEG is decoded at the smallest scale that leaves twice what is needed
    image = _upright(image)
    if (image.width > image.height) != (width > height):  # it was stored lying on its side
        width, height = height, width
    image = _flat(image, colour)
    pixels = np.asarray(_square(image, size))
    pixels_CHW = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return Decoded(pixels_CHW, hashlib.sha256(content).digest(), height, width, mode)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF that cannot be read says nothing; the picture itself may be sound
        return 1


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    if _orientation(image) == 1:  # also a TIFF, which newer versions of Pillow turn when it is loaded
        return image
    return ImageOps.exif_transpose(image)


def _flat(image: Image.Image, colour: str) -> Image.Image:
    """8 bits, no palette, nothing transparent: mode RGB or L."""
    wanted = "RGB" if colour == "rgb" else "L"
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_eight_bits(image))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == wanted else image.convert("RGB").convert(wanted)


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """0 to 65,535 becomes 0 to 255. Pillow's own conversion would cut off all above 255."""
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if not sixteen:
        raise Unreadable("has 32 bits a pixel, whose range is unknown; save it with 8 or 16")
    pixels = np.asarray(image).astype(np.uint32)
    return ((pixels * 255 + 32_767) // 65_535).astype(np.uint8)


def _square(image: Image.Image, size: int) -> Image.Image:
    """The middle square of the picture, scaled to size x size."""
    if image.size == (size, size):
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def _too_large(pixels: str) -> str:
    return f"has {pixels} pixels, more than the {LARGEST:,d} that are opened; make it smaller"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
