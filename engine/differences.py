"""In what two generations' recipes differ: every value in force, field by field, seeds together. Pure; no window.

Reads effective.toml of each run, which a window does off its own thread. Left to others: how it looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine import recipe, words
from engine.recipe import RunRecipe
from engine.run import Run
from engine.state import RunState

LEFT_ASIDE = ("lineage", "version", "seed")  # the same for both, or what pairs them


class Seen(Protocol):
    """A run whose folder has been read."""

    @property
    def run(self) -> Run: ...
    @property
    def state(self) -> RunState: ...
    @property
    def recipe(self) -> RunRecipe | None: ...
    @property
    def generation(self) -> int: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Settings:
    """Every value in force in one run, by the path of its field."""

    seed: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class FieldRow:
    """A field of two generations, in words. `label` is empty for what no recipe asks for (threads decided, versions)."""

    path: str
    label: str
    before: str
    after: str

    @property
    def equal(self) -> bool:
        return self.before == self.after


def settings(runs: Sequence[Seen]) -> list[Settings]:
    """What is in force in each run: effective.toml, or the recipe before the first attempt; and what was changed on the way."""
    return [Settings(one.seed, _values(one)) for one in runs if one.recipe is not None]


def _values(one: Seen) -> dict[str, Any]:
    assert one.recipe is not None
    try:
        effective = one.run.effective() or {}
    except (OSError, ValueError):
        effective = {}
    values = recipe.flat(effective.get("recipe") or recipe.to_table(one.recipe))
    values |= {k: v for k, v in recipe.flat({"decided": effective.get("decided", {})}).items() if not k.endswith("_reason")}
    values |= recipe.flat({"versions": effective.get("versions", {})})
    if values.get("teacher") == recipe.run_name(one.recipe.lineage, one.seed, one.recipe.generation - 1):
        values["teacher"] = _Teacher(one.recipe.generation - 1)
    for change in one.state.changes:
        before, since = _text(values.get(change.field)), words.count(change.step)
        values[change.field] = f"{before}, then {_text(change.value)} from step {since}"
    return {path: value for path, value in values.items() if path not in LEFT_ASIDE}


@dataclass(frozen=True)
class _Teacher:
    """A teacher that is simply the generation before of the same seed."""

    generation: int

    def __str__(self) -> str:
        return f"F{self.generation}, seed by seed"


def recipe_difference(before: Sequence[Settings], after: Sequence[Settings]) -> list[FieldRow]:
    """Every field of either generation, those that differ first, in the order of the recipe. Fields decided at the start are
    left out unless both generations have started."""
    order = list(dict.fromkeys(path for one in (*before, *after) for path in one.values))
    labels = {field.path: field.label for field in recipe.all_fields(RunRecipe)}
    decided = all(any(path.startswith("decided.") for path in one.values) for one in (*before, *after))
    rows = [
        FieldRow(path, labels.get(path, ""), _over_seeds(before, path), _over_seeds(after, path))
        for path in order
        if decided or not path.startswith(("decided.", "versions."))
    ]
    return sorted(rows, key=lambda row: row.equal)


def _over_seeds(runs: Sequence[Settings], path: str) -> str:
    """One value if all seeds share it, else one a seed."""
    ordered = sorted(runs, key=lambda one: one.seed)
    texts = [_text(one.values.get(path)) for one in ordered]
    if len(set(texts)) <= 1:
        return texts[0] if texts else ""
    return "; ".join(f"seed {one.seed} {text}" for one, text in zip(ordered, texts))


def _text(value: Any) -> str:
    """As it is written in a recipe."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)


def difference_words(rows: Sequence[FieldRow]) -> str:
    """ "2 fields differ, 31 equal"."""
    equal = sum(row.equal for row in rows)
    different = len(rows) - equal
    return f"{words.plural(different, 'field')} differ{'s' * (different == 1)}, {words.count(equal)} equal"


def as_text(title: str, rows: Sequence[FieldRow]) -> str:
    """The rows for the clipboard, in the manner of diff."""
    lines = [title]
    for row in rows:
        lines += (
            [f"  {row.path} = {row.before}"] if row.equal else [f"- {row.path} = {row.before}", f"+ {row.path} = {row.after}"]
        )
    return "\n".join(lines) + "\n"
