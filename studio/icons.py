"""The drawings of assets/icons: found by name, tinted, and given an address that a style sheet can name.

Which colour is in force, and giving icons to widgets, is left to theme.py.
"""

from functools import cache
from importlib import resources

from PySide6.QtCore import QByteArray, qRegisterResourceData
from PySide6.QtSvg import QSvgRenderer


def names() -> list[str]:
    """The icons there are."""
    folder = resources.files("assets").joinpath("icons")
    return sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".svg"))


@cache
def source(name: str) -> str:
    """The drawing as SVG, in currentColor. An unknown name is told the known ones."""
    file = resources.files("assets").joinpath(f"icons/{name}.svg")
    if not file.is_file():
        raise ValueError(f"there is no icon {name!r}; there are {', '.join(names())}")
    return file.read_text("utf-8")


@cache
def renderer(name: str, tone: str, generations: tuple[str, ...]) -> QSvgRenderer:
    """What paints it in a colour."""
    drawing = source(name).replace("currentColor", tone)
    for index, dot in enumerate(generations):  # the mark alone names them
        drawing = drawing.replace(f"generation{index}", dot)
    return QSvgRenderer(QByteArray(drawing.encode()))


_resources: list[tuple[bytes, bytes, bytes]] = []  # Qt keeps pointers into these


@cache
def address(name: str, tone: str) -> str:
    """The address of a tinted icon inside this process.

    A style sheet takes pictures by address only. Qt's resource system can hold them in memory, so nothing is written
    to disk, nothing is left behind by a crash, and two windows never share a file. The layout is that of rcc, format
    3: a root with one child; numbers big-endian; a name is its length, its hash and UTF-16.
    """
    file = f"filial-{name}-{tone.strip('#')}.svg"
    content = source(name).replace("currentColor", tone).encode()
    root = _number(0) + _number(2, 2) + _number(1) + _number(1) + _number(0, 8)
    child = _number(0) + _number(0, 2) + _number(0, 2) + _number(1, 2) + _number(0) + _number(0, 8)
    called = _number(len(file), 2) + _number(_resource_hash(file)) + file.encode("utf-16-be")
    _resources.append((root + child, called, _number(len(content)) + content))
    qRegisterResourceData(3, *_resources[-1])
    return f":/{file}"


def _number(value: int, length: int = 4) -> bytes:
    return value.to_bytes(length, "big")


def _resource_hash(text: str) -> int:
    h = 0
    for letter in text:
        h = (h << 4) + ord(letter)
        h = (h ^ ((h & 0xF0000000) >> 23)) & 0x0FFFFFFF
    return h
