"""The tokens of the design: every colour of both themes, sizes of type, steps of space, and what contrast they have.

Pure data and arithmetic, without Qt. Which of the two palettes is in force is theme.py's to say. Colours are "#RRGGBB".
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["axis", "small", "body", "title", "sentence", "figure", "mono"]

SPACE = (4, 8, 12, 16, 24)
POINTS: dict[Kind, float] = {
    "axis": 8.0, "small": 8.25, "body": 9.0, "title": 10.0, "sentence": 11.0, "figure": 15.0, "mono": 8.25,
}  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """Every colour of one theme. What each token is for stands in the design's table."""

    dark: bool
    window: str
    panel: str
    raised: str
    hover: str
    well: str
    line: str
    edge: str
    sel: str
    text: str
    text2: str
    muted: str
    disabled: str
    accent: str
    onaccent: str
    accenttext: str
    focus: str
    ok: str
    warn: str
    bad: str
    okbg: str
    warnbg: str
    badbg: str
    grid: str
    axis: str
    runs: tuple[str, ...]  # 8: runs, methods, classes; the index of a run is stable
    generations: tuple[str, ...]  # 6: F0..F5
    difference: tuple[str, ...]  # 5: lost .. nothing .. won
    counts: tuple[str, ...]  # 5: none .. most


DARK = Palette(
    dark=True,
    window="#131518", panel="#1A1D22", raised="#23272D", hover="#2C3138", well="#101215",
    line="#2A2E35", edge="#6B7380", sel="#2B2D4A",
    text="#E7EAEE", text2="#BCC3CD", muted="#939BA8", disabled="#5E6672",
    accent="#5B5FD9", onaccent="#FFFFFF", accenttext="#A5A9FF", focus="#8C90FF",
    ok="#4CC08A", warn="#E3A73F", bad="#F2766E", okbg="#1B2E27", warnbg="#322A1A", badbg="#382224",
    grid="#262A31", axis="#4A515C",
    runs=("#477FDC", "#DAB837", "#C3538A", "#97E0AC", "#EB8488", "#0CB9E8", "#A88808", "#E1E7FF"),
    generations=("#6E72BA", "#4999CD", "#3CBEC4", "#7DD7A8", "#CEE38F", "#FFEAC8"),
    difference=("#F2A65A", "#A8683A", "#3A3A40", "#3F6FA8", "#7DB7F5"),
    counts=("#1A1D22", "#2A345C", "#3C62B2", "#6EA0EC", "#C4DEFF"),
)  # fmt: skip

LIGHT = Palette(
    dark=False,
    window="#F3F4F6", panel="#FFFFFF", raised="#F7F8FA", hover="#ECEEF2", well="#FFFFFF",
    line="#DDE0E6", edge="#838B98", sel="#E9EAFB",
    text="#16191E", text2="#3D4550", muted="#5F6875", disabled="#A2A9B4",
    accent="#5054CE", onaccent="#FFFFFF", accenttext="#4549C4", focus="#5054CE",
    ok="#18734A", warn="#8A5A00", bad="#BF3028", okbg="#E4F4EB", warnbg="#FBF0D9", badbg="#FCE8E6",
    grid="#ECEEF1", axis="#AEB5C0",
    runs=("#325BC0", "#9A5602", "#82638A", "#085553", "#D3743B", "#6D99A6", "#4A2F01", "#362076"),
    generations=("#599F7B", "#2A8979", "#066E73", "#045567", "#023D5D", "#092553"),
    difference=("#8F4700", "#E0A060", "#F4F4F5", "#86ADDF", "#1F4E9A"),
    counts=("#FFFFFF", "#CEDDF6", "#80A4E0", "#325BC0", "#162A68"),
)  # fmt: skip


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two "#RRGGBB" colours, 1 to 21."""
    high, low = sorted((_relative_luminance(one), _relative_luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def text_on(ground: str) -> str:
    """Black or white text of the two themes, whichever is the better to read on this colour."""
    return max((DARK.text, LIGHT.text), key=lambda tone: contrast(tone, ground))


def _relative_luminance(tone: str) -> float:
    parts = (int(tone[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
