"""What a run's charts and signs rest on: the numbers its recipe came to, and whether its pictures have labels.

A recipe may say "auto"; what that became stands in effective.toml, which is written once and read here once. Left to others:
what is said of it (live_words.py) and drawn (live_curves.py).
"""

import math
from typing import Any
from weakref import WeakKeyDictionary

from engine.fields import RecipeErrors
from engine.recipe import Unlabelled, to_table
from studio.session import Followed

AVERAGES = ("dino", "dinov2")  # methods whose teacher is a running average of the student: no labels, no generations
_read: WeakKeyDictionary[Followed, dict[str, Any]] = WeakKeyDictionary()


def averages(one: Followed) -> bool:
    """Whether its teacher is an average of itself, so that it learns without labels."""
    return one.method in AVERAGES


def has_labels(one: Followed) -> bool:
    """Whether there are classes to measure k-NN by, as far as anybody knows yet."""
    if {"knn/average@val", "knn/teacher@val"} & set(one.state.curves):
        return True
    if one.data is None:
        return one.recipe is None or not isinstance(one.recipe.data, Unlabelled) or bool(one.recipe.data.eval_path)
    return bool(one.data.get("classes") or one.data.get("evaluated"))


def in_force(one: Followed, path: str) -> Any:
    """The value of a field of the recipe as the run began: its own, or what "auto" became. None while nobody knows."""
    asked = _at(to_table(one.recipe), path) if one.recipe else None
    return _at(_effective(one), path) if asked in (None, "auto") else asked


def prototypes(one: Followed) -> int | None:
    """K, how many prototypes there are."""
    count = in_force(one, "method.prototypes") if averages(one) else None
    return count if isinstance(count, int) and count > 1 else None


def most_entropy(one: Followed) -> float | None:
    """ln K in nats: the entropy of a teacher that prefers no prototype."""
    count = prototypes(one)
    return math.log(count) if count else None


def _effective(one: Followed) -> dict[str, Any]:
    """effective.toml's recipe; empty before it is written, or if it cannot be read."""
    if one not in _read:
        try:
            found = one.run.effective()
        except (OSError, RecipeErrors):
            found = {}
        if found is None:  # not yet
            return {}
        _read[one] = found.get("recipe", {})
    return _read[one]


def _at(table: Any, path: str) -> Any:
    for part in path.split("."):
        table = table.get(part) if isinstance(table, dict) else None
    return table
