"""data.json: what the pictures of a run are, as its engine wrote it and anybody may have changed it.

Whoever reads it takes names and sums from a plain table; here is only seen to that these are what they should be.
"""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from engine import reading
from engine.fields import RecipeError, RecipeErrors


class Judges(Struct, frozen=True):
    """What is used of those that judge a run without labels."""

    classes: list[str] = []
    counts: dict[str, int] = {}


class Described(Judges, frozen=True):
    """What is used of all that is said. What older versions did not say may be missing."""

    name: str = ""
    files_sha256: str = ""
    split: dict[str, str] = {}
    mean: list[float] = []
    std: list[float] = []
    channels: int = 0
    size: list[int] = []
    cache: str = ""
    corrections: dict[str, Any] | None = None
    evaluated: Judges | None = None


def read(path: Path) -> dict[str, Any]:
    """What is said. Raises OSError, and RecipeErrors for a damaged file."""
    try:
        found = reading.json(path, dict[str, Any])
        msgspec.convert(found, Described)
        return found
    except msgspec.MsgspecError as error:
        problem = f"is damaged ({error}); bring the file back from a copy, or leave the run out"
        raise RecipeErrors([RecipeError("", problem)], str(path)) from None
