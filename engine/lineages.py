"""A lineage's runs and what they predicted: from folders to the plain data that compare.py judges, and what it says of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np

from engine import compare, recipe, statistics, words
from engine.compare import Row, Verdict
from engine.fields import nearest
from engine.predictions import ComparisonError, Lineage, Predictions, read_predictions, require_comparable
from engine.run import Refused, Run, Workspace
from engine.state import RunState
from engine.statistics import McNemar

NOTHING = Lineage(())
ACCURACY, NEIGHBOURS = "Accuracy", "k-NN of the teacher"
RANK, LINEAR = "feature/rank@test", "linear/teacher@test"


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
    return read_predictions(
        run.folder / kept[-1].path, run.name, asked.generation, asked.seed, test_hash, asked.training.same_order
    )


def read(runs: Sequence[Run], split: str = "test") -> Lineage:
    """The lineage as far as its runs are complete, without its forks. Raises ComparisonError."""
    found = [predictions_of(run, run.state(), split) for run in runs if not run.forked_from]
    return Lineage.from_predictions([one for one in found if one is not None])


class HasState(Protocol):
    """A run with its folded events."""

    @property
    def state(self) -> RunState: ...


@dataclass(frozen=True, eq=False)
class Study:
    """All verdicts of a lineage as far as its runs are complete. `problem` is why nothing can be compared, in a sentence;
    `left_out` has one for each run that cannot be read while the others are compared without it."""

    lineage: Lineage = NOTHING
    judged: tuple[Verdict, ...] = ()
    rows: tuple[Row, ...] = ()
    problem: str = ""
    left_out: tuple[str, ...] = ()
    measured: str = ACCURACY  # what `rows` hold
    forks: tuple[str, ...] = ()  # a line for each complete one, beside its parent

    @property
    def by_neighbours(self) -> bool:
        return self.measured == NEIGHBOURS

    def row(self, generation: int) -> Row | None:
        return next((row for row in self.rows if row.generation == generation), None)

    @property
    def generations(self) -> tuple[int, ...]:
        return tuple(g.generation for g in self.lineage.generations)


def study(finished: Sequence[tuple[Run, RunState]]) -> Study:
    """Read what the runs predicted on the test pictures, and judge it."""
    labelled = [(run, state) for run, state in finished if not is_unlabelled(state)]
    found, left_out = readable([(run, state) for run, state in labelled if not run.forked_from], "test")
    forks, unread = _forks(run for run, _ in labelled)
    left_out += unread
    measures = {name for _, state in labelled for name in state.curves}
    measured = NEIGHBOURS if "knn/teacher@test" in measures and "test/accuracy" not in measures else ACCURACY
    try:
        lineage = Lineage.from_predictions(found)
    except ComparisonError as error:
        return Study(problem=str(error), left_out=left_out, measured=measured, forks=forks)
    judged = compare.verdicts(lineage)
    rows = tuple(compare.rows(lineage, judged))
    return Study(lineage, tuple(judged), rows, left_out=left_out, measured=measured, forks=forks)


def _forks(runs: Iterable[Run]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A line for each fork, and a sentence for each that cannot be read or compared with its parent."""
    lines, left_out = [], []
    for run in runs:
        try:
            lines += [branch.words() for branch in branches([run])]
        except (ComparisonError, OSError, ValueError) as error:
            left_out.append(str(error))
    return tuple(lines), tuple(left_out)


def is_unlabelled(state: RunState) -> bool:
    """Whether a complete run was measured by its features alone: there were no classes to name."""
    return RANK in state.curves and not {"test/accuracy", "knn/teacher@test"} & set(state.curves)


def over_seeds(runs: Iterable[HasState], metric: str) -> list[float]:
    """The newest value of a metric in each run that has one."""
    curves = (one.state.curves.get(metric) for one in runs)
    return [curve.last for curve in curves if curve is not None and curve.kept.any()]


def mean_words(values: Sequence[float], say: Callable[[float], str], spread: Callable[[float], str]) -> tuple[str, str]:
    """The mean in words, and "± 0.4, 3 seeds"."""
    seeds = words.plural(len(values), "seed")
    around = f"± {spread(float(np.std(values, ddof=1)))}, " if len(values) > 1 else ""
    return say(float(np.mean(values))), f"{around}{seeds}"


def readable(finished: Sequence[tuple[Run, RunState]], split: str) -> tuple[list[Predictions], tuple[str, ...]]:
    """What can be read, and a sentence for each run that is left out."""
    found, left_out = [], []
    for run, state in finished:
        try:
            one = predictions_of(run, state, split)
        except (ComparisonError, OSError) as error:
            left_out.append(str(error))
            continue
        if one is None:
            left_out.append(f"{run.name} is complete but stored no predictions on its {split} pictures; it is left out")
        else:
            found.append(one)
    return found, tuple(left_out)


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
