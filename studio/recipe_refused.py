"""What is refused in a recipe as it is written: values, contradictions, pictures and weights that are not there. No widgets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from engine import recipe
from engine.fields import RecipeErrors
from engine.recipe import Recipe
from studio.recipe_document import put

_EMPTY = re.compile(r"^'' is not [^;]*;")
NO_FOLDER = "no folder yet"  # stands in for the pictures until some are chosen


def errors(table: Mapping[str, Any]) -> dict[str, str]:
    """What is refused, by field; of several sentences about one field the first."""
    try:
        recipe.parse(Recipe, table)
    except RecipeErrors as refused:
        found: dict[str, str] = {}
        for error in refused.errors:
            found.setdefault(error.field, _EMPTY.sub("is empty;", error.problem))
        return found
    return {}


def with_stand_in(table: Mapping[str, Any], errors: Mapping[str, str]) -> Recipe | None:
    """The recipe as it stands where nothing is wrong but that no pictures have been chosen yet, as in a preset for a person's
    own: its schedules and checks are to be seen all the same."""
    data = table.get("data")
    if set(errors) != {"data.path"} or not isinstance(data, Mapping):
        return None
    try:
        return recipe.parse(Recipe, {**table, "data": {**data, "path": NO_FOLDER}})  # type: ignore[no-any-return]
    except RecipeErrors:
        return None


def not_there(asked: Recipe) -> dict[str, str]:
    """Pictures and weights that are not where the recipe says; looked for only if all else is right."""
    missing = {error.field: error.problem for error in recipe.folders_missing(asked.data)}
    if asked.data.corrections and not Path(asked.data.corrections).is_file():
        missing["data.corrections"] = f"{asked.data.corrections} is no file; choose one, or leave it empty to correct nothing"
    for table in ("model", "teacher_model"):
        weights = recipe.file_of_weights(getattr(asked, table))
        if weights and not Path(weights).is_file():
            missing[f"{table}.weights"] = f"{weights} is no file; choose one, or leave it empty to start at random"
    return missing


def whole(table: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """As RecipeFile reads it: relative paths start where the file lies."""
    made = dict(table)
    for path, where in _places(table, file).items():
        name, _, key = path.partition(".")
        made[name] = {**made[name], key: where}
    return made


def with_whole_path(text: str, file: Path | None) -> str:
    places = _places(recipe.plain_table(text), file)
    if not places:
        return text
    document = tomlkit.parse(text)
    for path, where in places.items():
        put(document, path, where)
    return tomlkit.dumps(document)


def _places(table: Mapping[str, Any], file: Path | None) -> dict[str, str]:
    """The folders and files that a recipe names, from the root on, by their fields."""
    parts = ((name, key, table.get(name, {})) for name, key in recipe.NAMED_FILES)
    found = ((f"{name}.{key}", part.get(key)) for name, key, part in parts if isinstance(part, Mapping))
    start = file.parent if file else Path()
    found = ((path, where) for path, where in found if not (path.endswith(".weights") and _is_run(where)))
    return {path: recipe.whole_path(where, start) for path, where in found if isinstance(where, str)}


def _is_run(weights: object) -> bool:
    return isinstance(weights, str) and bool(recipe.run_of_weights(weights)[0])
