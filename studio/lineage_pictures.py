"""The pictures of a lineage: which mistakes are handed on, where generations agree, how far confidence holds. Pure.

Every number comes from engine.compare; here is only which pictures stand beside which, over which seeds, in what order.
All of it walks over all pictures, so a window calls it off its own thread. Left to others: verdicts and boxes
(lineage_model.py), how it looks (widgets/).

Rates are fractions in [0, 1]. Shapes: N pictures, K classes, G generations, n rows of a list.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine import arrays, compare, words
from engine.compare import ComparisonError, Generation, Lineage, Predictions, Reliability

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kind = Literal["inherited", "fixed", "new"]
KINDS: tuple[Kind, ...] = ("inherited", "fixed", "new")


# Mistakes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """From one generation to the next, counted over all pictures of all seeds of the flow."""

    parent: int
    child: int
    inherited: int
    fixed: int
    new: int

    def count(self, kind: Kind) -> int:
        return int(getattr(self, kind))


@dataclass(frozen=True)
class Flow:
    """Mistakes from generation to generation. `wrong` follows `generations`."""

    generations: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    seeds: tuple[int, ...] = ()
    predictions: int = 0
    all_seeds: bool = True  # no finished seed had to be left out to count every generation alike

    @property
    def words(self) -> str:
        """ "1,617 predictions, 3 seeds"; "complete" where other seeds have not finished every generation."""
        seeds = words.plural(len(self.seeds), "seed" if self.all_seeds else "complete seed")
        return f"{words.plural(self.predictions, 'prediction')}, {seeds}" if self.seeds else ""


def flow(lineage: Lineage) -> Flow:
    """Over the seeds that have finished every generation, so that what leaves one bar arrives at the next."""
    found = lineage.generations
    seeds = [s for s in lineage.seeds if all(s in g.by_seed for g in found)]
    if not found or not seeds:
        return Flow()
    return Flow(
        generations=tuple(g.generation for g in found),
        wrong=tuple(sum(int((~g.by_seed[s].correct).sum()) for s in seeds) for g in found),
        steps=tuple(_step(parent, child, seeds) for parent, child in pairwise(found)),
        seeds=tuple(seeds),
        predictions=sum(len(found[0].by_seed[s].index) for s in seeds),
        all_seeds=len(seeds) == len(lineage.seeds),
    )


def _step(parent: Generation, child: Generation, seeds: Sequence[int]) -> Step:
    pairs = [compare.mistakes(parent.by_seed[s], child.by_seed[s]) for s in seeds]
    counts = {kind: sum(len(getattr(m, kind)) for m in pairs) for kind in KINDS}
    return Step(parent.generation, child.generation, **counts)


@dataclass(frozen=True, eq=False)
class Listed:
    """Pictures on which two generations are laid side by side, one row a picture and seed. All arrays [n]."""

    parent: int
    child: int
    seeds: int  # how many both have
    seed: Ints
    row: Ints  # place in the test set
    index: Ints  # place in the data set
    label: Ints
    before: Ints  # what the parent says
    before_confidence: Floats
    after: Ints
    after_confidence: Floats

    def __len__(self) -> int:
        return len(self.row)


def pair(lineage: Lineage, parent: int, child: int) -> dict[Kind, Listed]:
    """What the child inherits, fixes and breaks, over the seeds that both have; the most confident answers first."""
    older, younger, seeds = _two(lineage, parent, child)
    found = {s: compare.mistakes(older.by_seed[s], younger.by_seed[s]) for s in seeds}
    return {kind: _listing(older, younger, {s: getattr(m, kind) for s, m in found.items()}) for kind in KINDS}


def disagreeing(lineage: Lineage, parent: int, child: int) -> Listed:
    """Pictures that the two give different classes."""
    older, younger, seeds = _two(lineage, parent, child)
    apart = {s: np.flatnonzero(older.by_seed[s].predicted != younger.by_seed[s].predicted) for s in seeds}
    return _listing(older, younger, apart)


def _two(lineage: Lineage, parent: int, child: int) -> tuple[Generation, Generation, tuple[int, ...]]:
    older, younger = lineage.get(parent), lineage.get(child)
    if older is None or younger is None:
        missing = f"F{parent if older is None else child}"
        raise ComparisonError(f"{missing} has no finished seed yet")
    seeds = compare.common_seeds(older, younger)
    if not seeds:
        raise ComparisonError(f"{older.name} and {younger.name} have no finished seed in common yet")
    return older, younger, seeds


def _listing(older: Generation, younger: Generation, rows_of: Mapping[int, NDArray[np.intp]]) -> Listed:
    parts = [_listing_of(older.by_seed[s], younger.by_seed[s], rows) for s, rows in rows_of.items()]
    columns = [np.concatenate(column) for column in zip(*parts)]
    order = np.argsort(-columns[-1], kind="stable")
    return Listed(older.generation, younger.generation, len(parts), *(column[order] for column in columns))


def _listing_of(parent: Predictions, child: Predictions, rows: NDArray[np.intp]) -> tuple[NDArray[Any], ...]:
    return (
        np.full(len(rows), parent.seed, np.int64),
        rows.astype(np.int64),
        parent.index[rows],
        parent.labels[rows],
        parent.predicted[rows],
        parent.confidence[rows].astype(np.float64),
        child.predicted[rows],
        child.confidence[rows].astype(np.float64),
    )


# Agreement ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Agreement:
    """Share of pictures on which two generations of one seed name the same class, mean over the seeds that both have
    [G, G]; on the diagonal that of two seeds of one generation. NaN where nothing can be compared."""

    generations: tuple[int, ...]
    share: Floats


def agreement(lineage: Lineage) -> Agreement:
    found = lineage.generations
    share = np.full((len(found), len(found)), math.nan)
    for i, one in enumerate(found):
        share[i, i] = _mean(_same(p, q) for p, q in combinations(one.by_seed.values(), 2))
        for j, other in enumerate(found[:i]):
            seeds = compare.common_seeds(one, other)
            share[i, j] = share[j, i] = _mean(_same(one.by_seed[s], other.by_seed[s]) for s in seeds)
    return Agreement(tuple(g.generation for g in found), share)


def _same(one: Predictions, other: Predictions) -> float:
    return float(compare.agreement_matrix([one, other])[0, 1])


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else math.nan


# Calibration ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far confidence can be taken at its word. The diagram holds all seeds together, the numbers are one a seed."""

    generation: int
    diagram: Reliability
    ece: tuple[float, ...]
    nll: tuple[float, ...]

    @property
    def leaning(self) -> str:
        """Whether it promises too much or too little, over all pictures."""
        full = self.diagram.count > 0
        gap = self.diagram.confidence[full] - self.diagram.accuracy[full]
        mean = float((gap * self.diagram.count[full]).sum() / self.diagram.count.sum())
        size = f"{abs(100 * mean):.1f} points"
        return f"too sure by {size}" if mean >= 5e-4 else f"too unsure by {size}" if mean <= -5e-4 else "level"


def calibrations(lineage: Lineage) -> list[Calibration]:
    return [
        Calibration(
            g.generation,
            g.calibration(),
            tuple(compare.ece(p.probabilities, p.labels) for p in g.by_seed.values()),
            tuple(compare.nll(p.probabilities, p.labels) for p in g.by_seed.values()),
        )
        for g in lineage.generations
    ]


def mean_and_spread(values: Sequence[float]) -> tuple[str, str]:
    """Mean and standard deviation over seeds: "0.052" and "0.004"; one seed has no spread."""
    mean = words.number(float(np.mean(values)))
    return mean, words.number(float(np.std(values, ddof=1))) if len(values) > 1 else ""


# Images ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ImageTable:
    """One row a test picture, one column a generation, sorted by disagreement."""

    generations: tuple[int, ...]
    seed: int | None  # None: the mean of the seeds' probabilities
    row: Ints  # [N]
    index: Ints  # [N]
    label: Ints  # [N]
    predicted: Ints  # [N, G]
    confidence: Floats  # [N, G]
    disagreement: Floats  # [N] in [0, 1]: the probability on which two generations differ, mean over all pairs

    def __len__(self) -> int:
        return len(self.row)

    @property
    def wrong_somewhere(self) -> NDArray[np.bool_]:
        wrong_N: NDArray[np.bool_] = (self.predicted != self.label[:, None]).any(1)
        return wrong_N


def images(lineage: Lineage, seed: int | None = None) -> ImageTable:
    """Of one seed, or of the mean over each generation's finished seeds. Raises ComparisonError where nothing is there."""
    found = [g for g in lineage.generations if seed is None or seed in g.by_seed]
    if not found:
        raise ComparisonError("No generation is finished yet" if seed is None else f"Seed {seed} has finished nothing yet")
    first = next(iter(found[0].by_seed.values()))
    probabilities_GNK = np.stack([_probabilities(g, seed) for g in found])
    apart = disagreement(probabilities_GNK)
    order = np.argsort(-apart, kind="stable")
    return ImageTable(
        generations=tuple(g.generation for g in found),
        seed=seed,
        row=order.astype(np.int64),
        index=first.index[order],
        label=first.labels[order],
        predicted=probabilities_GNK.argmax(2).T[order].astype(np.int64),
        confidence=probabilities_GNK.max(2).T[order].astype(np.float64),
        disagreement=apart[order],
    )


def _probabilities(generation: Generation, seed: int | None) -> NDArray[np.float32]:
    if seed is not None:
        return generation.by_seed[seed].probabilities
    mean_NK: NDArray[np.float32] = np.mean([p.probabilities for p in generation.by_seed.values()], axis=0)
    return mean_NK


def disagreement(probabilities_GNK: NDArray[np.float32]) -> Floats:
    """[N] total variation distance, mean over all pairs of generations: 0 where all say the same, 1 where no two share any
    probability."""
    pairs = list(combinations(range(len(probabilities_GNK)), 2))
    total_N = np.zeros(probabilities_GNK.shape[1])
    for i, j in pairs:
        total_N += 0.5 * np.abs(probabilities_GNK[i] - probabilities_GNK[j]).sum(1)
    return total_N / max(1, len(pairs))


@dataclass(frozen=True, eq=False)
class Pictures:
    """The data set's pictures, uint8 [N, C, H, W], or why they are not to be had.

    `files` names a person's own pictures, at the same places; empty for data sets that are no files.
    """

    array: NDArray[np.uint8] | None = None
    files: tuple[str, ...] = ()
    problem: str = ""


def file_words(files: Sequence[str], place: int) -> str:
    """ "cat/0005.jpg": a person's own picture by the last two parts of its path; empty for data sets that are no files."""
    return "/".join(files[place].split("/")[-2:]) if place < len(files) else ""


def pictures(workspace: Path, data: Mapping[str, Any] | None) -> Pictures:
    """Read the cache that data.json names. Whatever is wrong with it becomes words; the lists work without."""
    name = Path(str((data or {}).get("cache", ""))).name  # never leaves the folder
    if not name:
        return Pictures(problem="these runs do not say where their pictures are kept")
    path = workspace / "data" / name
    try:
        stored = arrays.read(path)
        array = stored["pictures"]
        files = tuple(stored["files"].tobytes().decode().split("\n")) if "files" in stored else ()
    except FileNotFoundError:
        return Pictures(problem=f"the pictures are not here: data/{name} is missing from this workspace")
    except (OSError, ValueError, KeyError) as error:
        return Pictures(problem=f"the pictures cannot be read: data/{name} ({error})")
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3):
        return Pictures(problem=f"the pictures cannot be shown: data/{name} holds {array.dtype} of shape {array.shape}")
    return Pictures(array, files if len(files) == len(array) else ())
