"""A labelled sheet of maps over a picture, light, for papers and slides. What the maps mean is the caller's.

Shapes: C channels, H and W of the picture, h and w of a map.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.heat import coloured

TILE, GAP, EDGE, MOST = 168, 12, 24, 7  # px of a tile, between tiles, around all; tiles beside each other
NARROWEST = 4  # tiles: fewer leave no room for a sentence
LINE, HEAD, TITLE = 20, 26, 34  # px from one line to the next, of labels, of a network's name, of the sheet's
TEXT, FAINT, PAPER = (24, 28, 34), (96, 103, 112), (255, 255, 255)
FRAME = (222, 73, 104)  # of what is marked
FADED = 0.25  # what is left of the picture where nothing is marked
OVER = 0.78  # map, the rest is the picture's own light: as the window lays them over each other
FONTS = ("DejaVuSans.ttf", "Arial.ttf", "arial.ttf")  # most letters of most languages; Pillow's own has Latin alone
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Tile:
    """One map [h, w] and what is marked of it."""

    title: str
    map_hw: NDArray[Any]
    marked_hw: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Block:
    """A network: its name, a sentence, the picture uint8 [C, H, W] as it read it, its maps."""

    title: str
    said: str
    picture_CHW: Bytes
    tiles: Sequence[Tile]


def draw(title: str, blocks: Sequence[Block], foot: Iterable[str]) -> Image.Image:
    """RGB. Each network's picture first, then each map over what is marked of it, in rows."""
    foot = list(foot)
    columns = max(NARROWEST, min(MOST, max(1 + len(block.tiles) for block in blocks)))
    width = 2 * EDGE + columns * (TILE + GAP) - GAP
    height = 2 * EDGE + TITLE + sum(_height(block, columns) for block in blocks) + LINE * len(foot)
    whole = Image.new("RGB", (width, height), PAPER)
    pen, room = ImageDraw.Draw(whole), width - 2 * EDGE
    _write(pen, (EDGE, EDGE), title, 19, room)
    top = EDGE + TITLE
    for block in blocks:
        _draw(whole, pen, block, top, columns)
        top += _height(block, columns)
    for place, line in enumerate(foot):
        _write(pen, (EDGE, top + LINE * place), line, 13, room, FAINT)
    return whole


def _height(block: Block, columns: int) -> int:
    rows = -(-len(block.tiles) // (columns - 1))
    return HEAD + LINE + 4 + rows * (LINE + 2 * TILE + 4 + GAP) + GAP


def _draw(whole: Image.Image, pen: ImageDraw.ImageDraw, block: Block, top: int, columns: int) -> None:
    room = whole.width - 2 * EDGE
    _write(pen, (EDGE, top), block.title, 16, room)
    _write(pen, (EDGE, top + HEAD), block.said, 13, room, FAINT)
    top += HEAD + LINE + 4
    picture_HW3 = _rgb(block.picture_CHW)
    _write(pen, (EDGE, top), "picture", 13, TILE, FAINT)
    whole.paste(_large(picture_HW3), (EDGE, top + LINE))
    for place, tile in enumerate(block.tiles):
        row, column = divmod(place, columns - 1)  # the first column is the picture's
        x, y = EDGE + (1 + column) * (TILE + GAP), top + row * (LINE + 2 * TILE + 4 + GAP)
        _write(pen, (x, y), tile.title, 13, TILE, FAINT)
        whole.paste(_over(tile.map_hw, picture_HW3), (x, y + LINE))
        whole.paste(_marked(tile.marked_hw, picture_HW3), (x, y + LINE + TILE + 4))


def _over(map_hw: NDArray[Any], picture_HW3: Bytes) -> Image.Image:
    heat = np.asarray(_large(coloured(map_hw)), np.float64)
    light = np.asarray(_large(picture_HW3).convert("L"), np.float64)[..., None]
    return Image.fromarray(np.rint(OVER * heat + (1 - OVER) * light).astype(np.uint8))


def _marked(marked_hw: NDArray[np.bool_], picture_HW3: Bytes) -> Image.Image:
    shown = np.asarray(_large(marked_hw.astype(np.uint8) * 255), np.float64)[..., None] / 255
    kept = FADED + (1 - FADED) * shown
    pixels = np.rint(kept * np.asarray(_large(picture_HW3), np.float64) + (1 - kept) * 255).astype(np.uint8)
    pixels[_border(shown[..., 0] > 0.5)] = FRAME
    return Image.fromarray(pixels)


def _border(marked_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies in it, two pixels deep along its edge: where all is marked, along the picture's."""
    inner = np.pad(marked_HW, 2)
    sides = [inner[2 + y : y + 2 + TILE, 2 + x : x + 2 + TILE] for y in (-2, 0, 2) for x in (-2, 0, 2)]
    border: NDArray[np.bool_] = marked_HW & ~np.logical_and.reduce(sides)
    return border


def _rgb(picture_CHW: Bytes) -> Bytes:
    picture_HWC = np.moveaxis(picture_CHW, 0, 2)
    return np.repeat(picture_HWC, 3, axis=2) if picture_HWC.shape[2] == 1 else picture_HWC[..., :3]


def _large(pixels: Bytes) -> Image.Image:
    """Every pixel, and every patch of a map, as it is."""
    return Image.fromarray(np.ascontiguousarray(pixels)).resize((TILE, TILE), Image.Resampling.NEAREST)


def _write(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, room: int, ink: tuple[int, int, int] = TEXT
) -> None:
    """One line, cut where the room ends."""
    font = _font(size)
    text = text.replace("\u2009", " ")  # a thin space is in few fonts
    if pen.textlength(text, font) > room:
        while text and pen.textlength(text + "…", font) > room:
            text = text[:-1]
        text += "…"
    pen.text(at, text, ink, font)


def _font(size: int) -> Any:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
