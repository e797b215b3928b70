"""In what a run's recipe differs from the recipe it most resembles among those that come with Filial. Pure; no window.

A run does not say from which preset it was made, and a person may have changed anything: the nearest of the same method, by
the number of fields that differ, is what it is compared with.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from engine import recipe
from engine.recipe import RunRecipe
from studio.recipe_fields import text_of

OWN = ("version", "lineage", "seed", "seeds", "generation", "generations", "teacher")  # what tells runs of a recipe apart
ABSENT = "none"


class Change(NamedTuple):
    """A field, what the preset has, and what the run has."""

    path: str
    preset: str
    value: str


class Difference(NamedTuple):
    """From which preset, and in what."""

    preset: str
    changes: tuple[Change, ...]


def difference(asked: RunRecipe) -> Difference:
    """From the nearest preset."""
    mine = _values(recipe.to_table(asked))
    found = [Difference(name, _changes(_as(theirs, mine, asked.generation), mine)) for name, theirs in _presets().items()]
    same_data = [one for one in found if _kind(_presets()[one.preset], "data") == _kind(mine, "data")]
    return min(same_data or found, key=lambda one: len(one.changes))


def _kind(values: Mapping[str, Any], table: str) -> object:
    return values.get(f"{table}.name")


@functools.cache
def _presets() -> dict[str, dict[str, Any]]:
    """Every value in force in each preset; of one that still lacks its pictures the rest."""
    found = {}
    for name in recipe.shipped():
        table = recipe.plain_table(recipe.shipped_text(name))
        table.setdefault("data", {})
        if table["data"].get("name") in ("folder", "pictures"):
            table["data"].setdefault("path", "pictures")
        found[name] = _values(recipe.to_table(recipe.parse(recipe.Recipe, table)))
    return found


def _values(table: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in recipe.flat(table).items() if path not in OWN}


def _as(preset: Mapping[str, Any], mine: Mapping[str, Any], generation: int) -> dict[str, Any]:
    """F0 has nobody to learn from whatever the preset's method, and is the network that the preset has for it; and where a
    person's pictures are is no difference."""
    told = {
        path: value for path, value in _model_of(preset, generation).items() if generation or not path.startswith("method.")
    }
    told |= {} if generation else {path: value for path, value in mine.items() if path.startswith("method.")}
    if "data.path" in told and "data.path" in mine:
        told["data.path"] = mine["data.path"]
    return told


def _model_of(preset: Mapping[str, Any], generation: int) -> dict[str, Any]:
    """What the preset says of the model of this generation, as its run would."""
    rest = {path: value for path, value in preset.items() if not path.startswith("teacher_model.")}
    if generation or preset.get("teacher_model.name") == "same":
        return rest
    others = {path: value for path, value in rest.items() if not path.startswith("model.")}
    firsts = {path: value for path, value in preset.items() if path.startswith("teacher_model.")}
    return others | {path.removeprefix("teacher_"): value for path, value in firsts.items()}


def _changes(preset: Mapping[str, Any], mine: Mapping[str, Any]) -> tuple[Change, ...]:
    paths = dict.fromkeys([*mine, *preset])
    return tuple(
        Change(path, _text(preset.get(path)), _text(mine.get(path))) for path in paths if preset.get(path) != mine.get(path)
    )


def _text(value: Any) -> str:
    return text_of(value) or ABSENT
