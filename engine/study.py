"""All that a lineage's complete runs prove, read and judged at once: what a table, a report and a window show of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine import compare, words
from engine.branches import branches
from engine.compare import Row, Verdict
from engine.lineages import ACCURACY, measured, readable
from engine.predictions import ComparisonError, Lineage
from engine.run import Run
from engine.state import RunState

NOTHING = Lineage(())
RANK = "feature/rank@test"
LINEAR = ("linear/average@test", "linear/teacher@test")  # of the network that is kept: the first there is
LABELLED = {"test/accuracy", "knn/average@test", "knn/teacher@test", "knn/student@test"}  # what only pictures with classes give


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
        return self.measured != ACCURACY

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
    told = measured(labelled[0][0].recipe()) if labelled else ACCURACY
    try:
        lineage = Lineage.from_predictions(found)
    except ComparisonError as error:
        return Study(problem=str(error), left_out=left_out, measured=told, forks=forks)
    judged = compare.verdicts(lineage)
    rows = tuple(compare.rows(lineage, judged))
    return Study(lineage, tuple(judged), rows, left_out=left_out, measured=told, forks=forks)


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
    return RANK in state.curves and not LABELLED & set(state.curves)


def over_seeds(runs: Iterable[HasState], metric: str) -> list[float]:
    """The newest value of a metric in each run that has one."""
    curves = (one.state.curves.get(metric) for one in runs)
    return [curve.last for curve in curves if curve is not None and curve.kept.any()]


def mean_words(values: Sequence[float], say: Callable[[float], str], spread: Callable[[float], str]) -> tuple[str, str]:
    """The mean in words, and "± 0.4, 3 seeds"."""
    seeds = words.plural(len(values), "seed")
    around = f"± {spread(float(np.std(values, ddof=1)))}, " if len(values) > 1 else ""
    return say(float(np.mean(values))), f"{around}{seeds}"
