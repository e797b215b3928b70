"""Names of lineages: which are taken by runs with another recipe, and which are free. No widgets."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine import recipe
from engine.recipe import RecipeFile
from studio.recipe_model import OpenRecipe
from studio.session import Session


def taken(file: RecipeFile, there: Mapping[str, recipe.RunRecipe | None]) -> bool:
    """Whether runs of this name exist with another recipe; `there`: the workspace's runs by name."""
    return any(name in there and there[name] != one for one, _ in file.runs() for name in [one.run])


def already(file: RecipeFile, there: Mapping[str, recipe.RunRecipe | None]) -> int:
    """How many of its runs exist with this very recipe."""
    return sum(there.get(one.run) == one for one, _ in file.runs())


def free_name(lineage: str, names: Sequence[str]) -> str:
    """ "digits-2": the first name with a number that no lineage has."""
    head, _, tail = lineage.rpartition("-")
    stem = head if head and tail.isdecimal() else lineage
    return next(name for number in range(2, 100_000) if (name := f"{stem}-{number}") not in names)


class LineageNames:
    """Whether the name of the recipe being written can be used in the workspace that a session follows."""

    def __init__(self, open: OpenRecipe, session: Session) -> None:
        self._open, self._session = open, session
        self._known: tuple[Any, str] = (None, "")  # what it was worked out of last, and the sentence

    def clash(self) -> str:
        """Why the lineage's name cannot be used here; empty if it can."""
        if self._open.errors:
            return ""
        lineage = self._open.last.lineage
        there = {one.name: one.recipe for one in self._session.runs if one.lineage == lineage}
        key = (self._open.text, self._open.path, tuple(there.items()))
        if key != self._known[0]:
            self._known = (key, self._words(lineage, there) if there else "")
        return self._known[1]

    @property
    def changed(self) -> bool:
        """Whether another sentence would be said than the one that was said last."""
        return self._known[1] != self.clash()

    def free(self, lineage: str = "") -> str:
        """A name like this one, or like the recipe's, that no lineage here has."""
        return free_name(lineage or self._open.last.lineage, list(self._there()))

    def is_there(self, lineage: str) -> bool:
        return lineage in self._there()

    def _there(self) -> set[str]:
        return {one.lineage for one in self._session.runs}

    def _words(self, lineage: str, there: Mapping[str, recipe.RunRecipe | None]) -> str:
        file = self._open.file
        if file is None or not taken(file, there):
            return ""
        return f"{lineage} exists here with another recipe; give this one another name"
