"""The command line that does the same as the form: a recipe by its name or file, and what was changed in it. Pure."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine import recipe
from engine.fields import TAG, fields_of
from engine.recipe import Recipe
from studio import recipe_fields
from studio.recipe_model import OpenRecipe

WIDE = 46  # letters in a line
_BARE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_./-]*")


def command(asked: OpenRecipe, recipe_now: Recipe) -> str:
    """One command, over several lines if it is long: `filial train PRESET --set a=b`, `filial queue add FILE --set a=b`.

    Empty for a recipe that is in no file, which no command can name.
    """
    if asked.path is None and not asked.preset:
        return ""
    head = ["filial", "queue", "add", str(asked.path)] if asked.path else ["filial", "train", asked.preset]
    pieces = [" ".join(shlex.quote(part) for part in head)]
    pieces += [f"--set {shlex.quote(change)}" for change in sets(asked.saved_text, recipe_now)]
    return _folded(pieces)


def sets(before: str, now: Recipe) -> list[str]:
    """What turns the recipe in this text into the other: one `field=value` each, a whole table where its kind is another."""
    table = recipe.plain_table(before)
    return list(_sets(recipe.to_table(_parsed(table)), recipe.to_table(now)))


def _parsed(table: Mapping[str, Any]) -> Recipe:
    """The recipe to start from; one that is refused as it stands counts as the defaults, so that everything is said.

    A preset that lacks nothing but its pictures is not refused for that: only which they are is then said.
    """
    data = table.get("data")
    if isinstance(data, Mapping) and data.get(TAG) in ("folder", "pictures") and not data.get("path"):
        table = {**table, "data": {**data, "path": "?"}}
    try:
        return recipe.parse(Recipe, table)  # type: ignore[no-any-return]
    except ValueError:
        return Recipe(lineage="?")


def _sets(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, value in now.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and value.get(TAG) == old.get(TAG):
            for name, inner in value.items():
                if inner != old.get(name):
                    yield _set(f"{key}.{name}", inner)
        elif value != old:
            yield _set(key, _telling(key, value))


def _telling(key: str, value: Any) -> Any:
    """Of a table its kind and what is not that kind's default."""
    if not isinstance(value, Mapping) or TAG not in value:
        return value
    defaults = {field.path: field.default for field in fields_of(recipe_fields.kinds_of(key)[value[TAG]])}
    same = {name for name, inner in value.items() if name in defaults and _plain(inner) == _plain(defaults[name])}
    return {name: inner for name, inner in value.items() if name not in same}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _set(path: str, value: Any) -> str:
    return f"{path}={_written(value)}"


def _written(value: Any) -> str:
    """As `--set` reads it: text bare where it would be read as text anyway."""
    if isinstance(value, str) and _BARE.fullmatch(value) and not _is_toml(value):
        return value
    if isinstance(value, Mapping):
        inside = tomlkit.inline_table()
        inside.update(value)
        return inside.as_string()
    return str(tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string())


def _is_toml(text: str) -> bool:
    try:
        tomlkit.parse(f"x = {text}")
    except TOMLKitError:
        return False
    return True


def _folded(pieces: list[str]) -> str:
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + len(piece) + 1 <= WIDE and len(lines) > 1:
            lines[-1] += f" {piece}"
        else:
            lines.append(f"  {piece}")
    return " \\\n".join(lines)
