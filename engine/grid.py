"""A recipe made into many, one for each combination of values: a lineage each, named after what it has.

    optimizer.lr=0.1,0.03,0.01      these values
    training.batch=32..128:4        four values, evenly spread
    optimizer.lr=1e-4..1e-1:log4    four values, each the same number of times the one before

The names are deterministic, <lineage>-<field>-<value>..., so that the same grid asked for twice is the same runs.
"""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine import recipe
from engine.fields import Field, RecipeError, RecipeErrors, nearest
from engine.recipe import RecipeFile

MOST = 1000  # lineages of one grid: more are a slip of the pen
HOW = "write field=v1,v2, or field=low..high:count, or field=low..high:logcount"
OUTSIDE = ("version", "lineage", "seeds")  # what makes the names
_RANGE = re.compile(r"(?P<low>[^,]+?)\.\.(?P<high>[^,]+?):(?P<log>log)?(?P<count>\d+)")
_UNFIT = re.compile(r"[^A-Za-z0-9._]+")


class Axis(NamedTuple):
    """A field, and its values as they are written in TOML or after `--set`."""

    path: str
    values: tuple[str, ...]


def axis(text: str) -> Axis:
    """From "field=...". Raises RecipeErrors."""
    path, equals, said = (part.strip() for part in text.partition("="))
    known = {field.path: field for field in recipe.all_fields() if field.path not in OUTSIDE}
    if not equals or not path or not said:
        raise _error(path or text, f"{text!r} names no values; {HOW}")
    if path not in known:
        problem = "makes the names of the runs; change the recipe for that" if path in OUTSIDE else "there is no such field"
        near = "" if path in OUTSIDE else f"; the nearest are {', '.join(nearest(path, list(known))[:3])}"
        raise _error(path, problem + near)
    if known[path].kind == "integers":
        raise _error(path, "is a list, of which no grid is made")
    values = tuple(dict.fromkeys(_values(known[path], said)))
    return Axis(path, values)


def _values(field: Field, said: str) -> Iterator[str]:
    found = _RANGE.fullmatch(said)
    if found is None:
        yield from (_value(field.path, part) for part in said.split(","))
        return
    try:
        low, high, count = float(found["low"]), float(found["high"]), int(found["count"])
    except ValueError:
        raise _error(field.path, f"{said!r} is no range of numbers; {HOW}") from None
    if field.kind not in ("integer", "number"):
        raise _error(field.path, f"is no number, so {said!r} is no range of it; write its values, with commas between")
    if count < 2 or (found["log"] and min(low, high) <= 0):
        why = "needs a count of two or more" if count < 2 else "cannot be spread by factors from or to 0"
        raise _error(field.path, f"{said!r} {why}")
    for place in range(count):
        share = place / (count - 1)
        one = low * (high / low) ** share if found["log"] else low + (high - low) * share
        yield str(round(one)) if field.kind == "integer" else f"{one:.4g}"


def _value(path: str, text: str) -> str:
    if not text.strip():
        raise _error(path, f"has an empty value between its commas; {HOW}")
    return text.strip()


def expand(text: str, axes: Sequence[Axis], sets: Sequence[str] = (), source: str = "") -> list[RecipeFile]:
    """The recipe of each combination, the last field turning fastest. Raises RecipeErrors that name field and value."""
    repeated = {one.path for one in axes if sum(one.path == other.path for other in axes) > 1}
    if repeated:
        raise _error(min(repeated), "is asked for twice; write all its values in one place")
    size = math.prod(len(one.values) for one in axes)
    if size > MOST:
        raise _error(axes[-1].path, f"makes {size:,} lineages together with the others; {MOST:,} is the most")
    lineage = recipe.read_text(text, sets, source).recipe.lineage
    made = [_one(text, lineage, tuple(zip((a.path for a in axes), values)), sets, source) for values in _product(axes)]
    names = [one.recipe.lineage for one in made]
    if same := next((name for name in names if names.count(name) > 1), ""):
        raise _error(axes[-1].path, f"two of its values would be named alike ({same}); take one of them out")
    return made


def _product(axes: Sequence[Axis]) -> Iterator[tuple[str, ...]]:
    return itertools.product(*(one.values for one in axes))


def _one(text: str, lineage: str, chosen: tuple[tuple[str, str], ...], sets: Sequence[str], source: str) -> RecipeFile:
    name = "-".join([lineage, *(f"{_called(path, chosen)}-{_UNFIT.sub('_', value)}" for path, value in chosen)])
    changes = (*sets, *(f"{path}={value}" for path, value in chosen), f'lineage="{name}"')
    return recipe.read_text(text, changes, source)


def _called(path: str, chosen: tuple[tuple[str, str], ...]) -> str:
    """The last part of a field's path, or all of it where two end alike."""
    last = path.rpartition(".")[2]
    alike = sum(other.rpartition(".")[2] == last for other, _ in chosen) > 1
    return path if alike or last == "name" else last


def _error(path: str, problem: str) -> RecipeErrors:
    return RecipeErrors([RecipeError(path, problem)], "--grid")
