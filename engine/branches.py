"""Complete forks beside the runs they were forked from: one network each, so of the recipes they prove nothing."""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine import recipe, statistics, words
from engine.lineages import predictions_of
from engine.predictions import Predictions, require_comparable
from engine.run import Run
from engine.statistics import McNemar


class Branch(msgspec.Struct, frozen=True):
    """A complete fork beside the run it was forked from: one network each, so of the recipes it proves nothing."""

    run: str
    parent: str
    step: int
    changes: dict[str, tuple[Any, Any]]  # what was, and what is; None where there is no such field
    accuracy: float
    parent_accuracy: float | None = None  # None for a parent that is not complete, or gone
    difference: float | None = None
    networks: McNemar | None = None  # pictures that only the fork gets right, and only its parent

    def words(self) -> str:
        changed = [f"{path} {now} instead of {before}" for path, (before, now) in self.changes.items()]
        told = [f"{self.run}, from step {self.step}", *(changed or ["nothing changed"]), words.percent(self.accuracy)]
        if self.difference is not None and self.networks is not None:
            p = words.p_value(self.networks.p)
            told.append(f"{words.points(self.difference)} against {self.parent} (these two networks, {p})")
        return ", ".join(told)


def branches(runs: Sequence[Run]) -> list[Branch]:
    """The complete forks among these runs. Raises ComparisonError."""
    found = []
    for run in runs:
        ours = predictions_of(run, run.state()) if run.forked_from else None
        if ours is not None:
            parent = Run(run.workspace / run.forked_from)
            found.append(_branch(run, ours, parent, _if_there(parent)))
    return found


def _if_there(parent: Run) -> Predictions | None:
    return predictions_of(parent, parent.state()) if (parent.folder / "recipe.toml").is_file() else None


def _branch(run: Run, ours: Predictions, parent: Run, theirs: Predictions | None) -> Branch:
    accuracy = float(ours.correct.mean())
    branch = Branch(run.name, parent.name, run.recipe().fork.step, changes_of(run, parent), accuracy)
    if theirs is None:
        return branch
    require_comparable([theirs, ours])
    before, networks = float(theirs.correct.mean()), statistics.mcnemar_exact(ours.correct, theirs.correct)
    return msgspec.structs.replace(branch, parent_accuracy=before, difference=accuracy - before, networks=networks)


def changes_of(run: Run, parent: Run) -> dict[str, tuple[Any, Any]]:
    """What a fork does otherwise than its parent, by the values in force in both."""
    before, now = (recipe.flat((one.effective() or {}).get("recipe", {})) for one in (parent, run))
    paths = [path for path in now if not path.startswith(("fork.", "compute."))] if before else []
    return {path: (before.get(path), now[path]) for path in paths if before.get(path) != now[path]}
