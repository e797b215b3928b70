"""A lineage's runs and what they predicted: from folders to the plain data that compare.py judges."""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine import recipe, statistics, words
from engine.fields import nearest
from engine.predictions import Lineage, Predictions, read_predictions, require_comparable
from engine.run import Refused, Run, Workspace
from engine.state import RunState
from engine.statistics import McNemar


def by_name(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs under their lineage's name; runs whose recipe cannot be read are left out."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        try:
            found.setdefault(run.recipe().lineage, []).append(run)
        except (OSError, ValueError):
            continue
    return found


def choose(workspace: Workspace, name: str | None) -> tuple[str, list[Run]]:
    """The lineage of this name; without a name the only one there is. Raises Refused."""
    found = by_name(workspace.runs())
    if not found:
        raise Refused(f"there are no runs in {workspace.folder}; `filial demo` trains some")
    if name in found:
        return name, found[name]
    if name is None and len(found) == 1:
        return next(iter(found.items()))
    problem = f"there is no lineage {name!r}" if name else "there are several lineages"
    raise Refused(f"{problem} in {workspace.folder}; name one of {', '.join(nearest(name or '', list(found)))}")


def predictions_of(run: Run, state: RunState, split: str = "test") -> Predictions | None:
    """What a completed run predicted on `split`; None for a run that is not complete. Raises ComparisonError.

    "linear" is what the linear probe of a run without a classifier says of the test pictures.
    """
    if not state.completed:
        return None
    kept = [artifact for artifact in state.artifacts if artifact.kind == f"predictions-{split}"]
    asked, data = run.recipe(), run.data() or {}
    if not kept:
        return None
    test_hash = data.get("split", {}).get("test" if split == "linear" else split, "")
    return read_predictions(run.folder / kept[-1].path, run.name, asked.generation, asked.seed, test_hash)


def read(runs: Sequence[Run], split: str = "test") -> Lineage:
    """The lineage as far as its runs are complete, without its forks. Raises ComparisonError."""
    found = [predictions_of(run, run.state(), split) for run in runs if not run.forked_from]
    return Lineage.from_predictions([one for one in found if one is not None])


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
