"""Columns of the queue's table that a person adds: a metric's best or newest value or the one where Live's cursor stands, a
field of the recipe, tags, the note.

Pure. Which are shown is remembered in queue.toml among the person's settings, where it may be read and written by hand.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine import processes, recipe, words
from engine.recipe import RunRecipe
from engine.state import Curve
from studio import phrases, preferences
from studio.queue_filter import field_of
from studio.recipe_fields import text_of
from studio.session import Followed

CURSOR = "cursor"
OF_METRICS = {"best": "best", "last": "last", CURSOR: "at cursor"}  # kinds, and their words
KINDS = (*OF_METRICS, "field", "written")
WRITTEN = ("tags", "note")
LESS_IS_BETTER = ("loss", "nll", "ece", "norm", "entropy", "kl", "data_wait", "gib", "lag")  # in a metric's name


@dataclass(frozen=True)
class Column:
    """kind: best, last and at the cursor of the metric `name`, the field `name` of the recipe, or what a person wrote."""

    kind: str
    name: str
    step: int | None = None  # where the cursor stands; None for the newest value

    @property
    def key(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def head(self) -> str:
        """ "best val/accuracy", "at cursor val/accuracy", "optimizer.lr", "Tags"."""
        if self.kind == "written":
            return self.name.capitalize()
        return f"{OF_METRICS[self.kind]} {self.name}" if self.kind in OF_METRICS else self.name

    @property
    def tip(self) -> str:
        """What its head does not say."""
        if self.kind != CURSOR:
            return ""
        where = "newest values; a click in a chart of Live holds the cursor elsewhere"
        return f"{self.name} at {where if self.step is None else f'step {words.count(self.step)}, where the cursor of Live is'}"

    @property
    def numeric(self) -> bool:
        return self.kind in OF_METRICS or (self.kind == "field" and self.name in _numbers())

    def value(self, one: Followed) -> Any:
        """None where a run has none."""
        if self.kind == "written":
            return ", ".join(one.notes.tags) if self.name == "tags" else one.notes.note
        if self.kind == "field":
            return field_of(one.recipe, self.name) if one.recipe else None
        curve = one.state.curves.get(self.name)
        if curve is None or not curve.kept.any():
            return None
        if self.kind == CURSOR and self.step is not None:
            return _at(curve, self.step) if one.whole else None  # of a brief hardly any point is known: see `unread`
        best = one.state.best(self.name, highest=not is_less_better(self.name))
        return curve.last if self.kind != "best" or best is None else best[0]

    def text(self, value: Any) -> str:
        if value is None:
            return ""
        if self.kind in OF_METRICS:
            return words.percent(value) if is_share(self.name) else words.number(value)
        return text_of(value).replace("\n", " ")


def _at(curve: Curve, step: int) -> float | None:
    """The kept point nearest to a step; None before the first and after the last, for no value is carried on."""
    places = np.flatnonzero(curve.kept)
    steps = curve.steps[places]
    if not steps[0] <= step <= steps[-1]:
        return None
    return float(curve.values[places[int(np.argmin(np.abs(steps - step)))]])


def unread(columns: Iterable[Column], runs: Iterable[Followed]) -> list[str]:
    """The runs whose events must be read for these columns, because only their briefs are at hand."""
    if not any(column.kind == CURSOR and column.step is not None for column in columns):
        return []
    return [one.name for one in runs if not one.whole]


def _numbers() -> frozenset[str]:
    return frozenset(field.path for field in recipe.all_fields(RunRecipe) if field.kind in ("integer", "number"))


def is_less_better(metric: str) -> bool:
    return any(part in metric.rpartition("/")[2] or part in metric for part in LESS_IS_BETTER)


def is_share(metric: str) -> bool:
    """Rates are shown per cent, as everywhere."""
    return "accuracy" in metric or metric.startswith(("knn/", "linear/"))


def parse(key: object) -> Column | None:
    """A column by its key; None for what is none."""
    kind, _, name = str(key).partition(" ")
    return Column(kind, name) if kind in KINDS and name and (kind != "written" or name in WRITTEN) else None


def metrics(runs: Iterable[Followed]) -> list[str]:
    """All that these runs have measured, what matters first."""
    known = {name for one in runs for name in one.state.curves}
    first = [name for name in phrases.WHAT_MATTERS if name in known]
    return [*first, *sorted(known - set(first))]


def fields() -> list[str]:
    """Paths of all fields of a run's recipe but those that make its name."""
    names = ("version", "lineage", "seed", "generation", "teacher")
    return list(dict.fromkeys(field.path for field in recipe.all_fields(RunRecipe) if field.path not in names))


@dataclass(frozen=True)
class Looks:
    """What a person chose to see of the table: hidden columns by their heads, and added ones."""

    hidden: tuple[str, ...] = ()
    added: tuple[Column, ...] = ()

    def with_column(self, column: Column, wanted: bool) -> "Looks":
        rest = tuple(one for one in self.added if one != column)
        return Looks(self.hidden, (*rest, column) if wanted else rest)

    def with_hidden(self, head: str, hidden: bool) -> "Looks":
        rest = tuple(one for one in self.hidden if one != head)
        return Looks((*rest, head) if hidden else rest, self.added)


def load() -> Looks:
    """As saved; a line that cannot be used counts for nothing."""
    known: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, TOMLKitError):
        known = tomlkit.parse((preferences.folder() / "queue.toml").read_text(encoding="utf-8")).unwrap()
    added = [column for key in _list(known.get("added")) if (column := parse(key)) is not None]
    return Looks(tuple(map(str, _list(known.get("hidden")))), tuple(dict.fromkeys(added)))


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def save(looks: Looks) -> None:
    """A place that cannot be written costs the memory, never the window."""
    document = tomlkit.document()
    document.add("hidden", list(looks.hidden))
    document.add("added", [column.key for column in looks.added])
    with contextlib.suppress(OSError):
        preferences.folder().mkdir(parents=True, exist_ok=True)
        processes.write_aside(preferences.folder() / "queue.toml", tomlkit.dumps(document).encode())
