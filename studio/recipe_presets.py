"""The recipes that come with Filial, and what a recipe being written begins with: a snapshot of text, preset and file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tomlkit

from engine import recipe
from engine.fields import Field
from studio import recipe_fields
from studio.recipe_document import kinds, put, table_of


@dataclass(frozen=True)
class Snapshot:
    """All that undo brings back."""

    text: str
    preset: str = ""  # the shipped recipe it began with; empty for a file
    path: Path | None = None
    saved: str = ""  # what the file held when it was read or written last
    name: str = ""  # of a text that is neither a preset nor a file: the run it comes from
    origin: str = ""  # what it was like there


def method_of(preset: str) -> str:
    """The method of a recipe that comes with Filial, by which presets are grouped. It may still lack its pictures."""
    return str(kinds(shipped_text(preset))["method"])


def presets() -> dict[str, list[str]]:
    """The recipes that come with Filial by their method."""
    found: dict[str, list[str]] = {}
    for name in recipe.shipped():
        found.setdefault(method_of(name), []).append(name)
    return found


@cache
def shipped_text(name: str) -> str:
    return recipe.shipped_text(name)


def preset(name: str, own: Mapping[str, int] | None = None) -> Snapshot:
    """A recipe that comes with Filial, with a person's own values in it: they count as changed from the preset."""
    text = shipped_text(name)
    if own:
        document = tomlkit.parse(text)
        for path, value in own.items():
            if recipe_fields.value_in(table_of(text), _field(path)) != value:
                put(document, path, value)
        text = tomlkit.dumps(document)
    return Snapshot(text, preset=name, saved=text)


@cache
def _field(path: str) -> Field:
    return next(field for field in recipe_fields.in_force({}) if field.path == path)
