"""What is typed into the queue's filter: words that a run says somewhere, and conditions on what it is. Pure.

wide good           in its name, title, state, tags or note
state=failed        also method, lineage, seed, generation (F1), tag, name
optimizer.lr=0.1    any field of its recipe, by its path or its last part; <, > for numbers: width>16
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

from engine import recipe
from engine.recipe import RunRecipe
from studio import phrases
from studio.queue_words import standing
from studio.recipe_fields import text_of
from studio.session import Followed

_CONDITION = re.compile(r"([A-Za-z_][\w.]*)\s*([=<>])\s*(.*)")


def matches(one: Followed, text: str) -> bool:
    """Every word and every condition holds."""
    return all(_holds(one, part) for part in text.lower().split())


def _holds(one: Followed, part: str) -> bool:
    condition = _CONDITION.fullmatch(part)
    if condition is None:
        said, numbers = one.keep("said", _said)
        return part in (numbers if part.isdigit() else said)  # a number stands by itself, so that seed 1 is not also F1
    name, sign, wanted = condition.groups()
    return any(_compares(value, sign, wanted) for value in values(one, name))


def _said(one: Followed) -> tuple[str, frozenset[str]]:
    """All that is looked through, and the words in it."""
    written = f"{' '.join(one.notes.tags)} {one.notes.note}"
    said = f"{one.name} {phrases.run_title(one)} {one.word} {standing(one)} {written}".lower()
    return said, frozenset(re.findall(r"\w+", said))


def values(one: Followed, name: str) -> Iterator[Any]:
    """What a run is under a name: several for tags and states, none for a field that its recipe does not have."""
    match name:
        case "state":
            yield from (one.word, standing(one), phrases.reason(one))
        case "tag":
            yield from one.notes.tags
        case "name":
            yield one.name
        case "method":
            yield from (one.method, phrases.method_words(one.method))
        case "lineage":
            yield one.lineage
        case "generation":
            yield from (one.generation, one.called)
        case _ if one.recipe is not None:
            yield from (value for path in paths(name) if (value := field_of(one.recipe, path)) is not None)


@functools.cache
def paths(name: str) -> tuple[str, ...]:
    """The fields of a run's recipe that a name may mean: the one of this path, else all that end so."""
    known = {field.path for field in recipe.all_fields(RunRecipe)}
    low = name.lower()
    exact = tuple(path for path in known if path.lower() == low)
    return exact or tuple(sorted(path for path in known if path.lower().endswith(f".{low}")))


def field_of(asked: RunRecipe, path: str) -> Any:
    """The value of a field; None where this recipe has no such field."""
    place: Any = asked
    *tables, last = path.split(".")
    for part in tables:
        place = getattr(place, part, None)
    if last == "name" and tables and place is not None:
        return place.__struct_config__.tag
    return getattr(place, last, None)


def _compares(value: Any, sign: str, wanted: str) -> bool:
    number, limit = _number(value), _number(wanted)
    if sign != "=":
        return number is not None and limit is not None and (number < limit if sign == "<" else number > limit)
    if number is not None and limit is not None:
        return number == limit
    return text_of(value).lower().replace(" ", "") == wanted or str(value).lower().replace(" ", "-") == wanted


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
