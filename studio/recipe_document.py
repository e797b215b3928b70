"""A recipe's TOML document with a person's comments in it: reading and changing a place without touching the rest. No widgets.

What a field may hold is recipe_fields.py's, what is refused recipe_refused.py's.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import tomlkit
from tomlkit.items import Item

from engine import recipe
from engine.fields import TAG
from studio import recipe_fields


@lru_cache(maxsize=64)
def table_of(text: str) -> dict[str, Any]:
    return recipe.plain_table(text)


@lru_cache(maxsize=64)
def kinds(text: str) -> dict[str, Any]:
    """Which kind each table is of, by its path."""
    table = recipe.plain_table(text)
    choosers = filter(recipe_fields.is_choice_of_kind, recipe_fields.in_force(table))
    return {field.path.removesuffix(f".{TAG}"): recipe_fields.value_in(table, field) for field in choosers}


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: a list and a tuple, 1 and 1.0, but never 1 and true."""
    return bool(_plain(one) == _plain(other)) and isinstance(one, bool) == isinstance(other, bool)


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def item(value: Any) -> Item:
    if isinstance(value, Item):
        return value
    made: Item = tomlkit.item(list(value) if isinstance(value, tuple) else value)
    return made


def put(document: tomlkit.TOMLDocument, path: str, value: Any) -> None:
    """Set a value where it stands, with its comment; a table that is not there yet is made."""
    *tables, key = path.split(".")
    place: Any = document
    for table in tables:
        if not isinstance(place.get(table), Mapping):
            place[table] = tomlkit.table()
        place = place[table]
    place[key] = item(value)


def drop(document: tomlkit.TOMLDocument, path: str) -> None:
    """Take a value away, and with its last value a table in which nothing else is written."""
    table, _, key = path.rpartition(".")
    place: Any = document.get(table) if table else document
    if place is None or key not in place:
        return
    del place[key]
    if table and not str(place.as_string()).strip():
        del document[table]


def drop_strays(document: tomlkit.TOMLDocument, table: str) -> None:
    """Take away what the kind of a table has no field for; of a kind that nobody knows, nothing."""
    fields = {field.path: field for field in recipe_fields.in_force(document.unwrap())}
    kind = fields.get(f"{table}.{TAG}")
    known = fields if kind and document[table].get(TAG) in kind.choices else {f"{table}.{key}" for key in document[table]}
    for key in [key for key in document.get(table, ()) if f"{table}.{key}" not in known]:
        drop(document, f"{table}.{key}")


def holds(table: Mapping[str, Any], path: str) -> bool:
    place: Any = table
    for part in path.split("."):
        if not isinstance(place, Mapping) or part not in place:
            return False
        place = place[part]
    return True


def table_text(document: tomlkit.TOMLDocument, table: str) -> str:
    """The body of a table as it is written, comments and all."""
    held = document.get(table)
    if held is None:
        return ""
    body = tomlkit.document()
    for key, value in held.items():
        body.add(key, value)
    return held.as_string() if isinstance(held, tomlkit.items.Table) else tomlkit.dumps(body)


def put_table(document: tomlkit.TOMLDocument, table: str, body: str) -> None:
    """A table anew, in the place of the old one and with the empty line that parts it from the next."""
    old = document.get(table)
    ends = old.as_string()[len(old.as_string().rstrip()) :] if isinstance(old, tomlkit.items.Table) else "\n"
    made = tomlkit.parse(f"[{table}]\n{body.rstrip()}\n{ends[1:]}")[table]
    document[table] = made
