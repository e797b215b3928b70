"""What finished networks say of the same pictures, laid side by side: mistakes, agreement, averages, suspect labels.

Judges nothing: verdicts are in compare.py, formulas in statistics.py. Whatever does not belong together is refused with a
ComparisonError that names both runs. Shapes: N pictures, K classes, M members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine import arrays, statistics
from engine.statistics import SMALLEST, Doubles, Ints, Reliability

Kind = Literal["probabilities", "logits"]


class ComparisonError(ValueError):
    """What cannot be compared, and what to do about it; for people."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one finished run says of every picture of one split; `test_hash` is that split's hash in data.json."""

    run: str
    generation: int
    seed: int
    test_hash: str
    probabilities: NDArray[np.float32]  # [N, K], rows sum to 1
    labels: Ints  # [N]
    index: Ints  # [N], the picture's place in the data set
    same_order: bool = False  # it saw its training pictures in the order of all seeds

    def __post_init__(self) -> None:
        shape = self.probabilities.shape
        if len(shape) != 2 or 0 in shape or not self.labels.shape == self.index.shape == shape[:1]:
            shapes = f"{shape}, {self.labels.shape} and {self.index.shape}"
            raise self._broken(f"probabilities, labels and index have the shapes {shapes}")
        if not np.allclose(self.probabilities.sum(1, dtype=np.float64), 1.0, atol=1e-3):
            raise self._broken("its probabilities are not finite or do not sum to 1")
        if self.labels.min() < 0 or self.labels.max() >= shape[1]:
            raise self._broken(f"a label is outside the {shape[1]} classes it predicts")

    def _broken(self, what: str) -> ComparisonError:
        return ComparisonError(f"{self.run}: {what}; leave the run out or train it again")

    @cached_property
    def predicted(self) -> Ints:
        """[N] the likeliest class."""
        classes_N: Ints = self.probabilities.argmax(1)
        return classes_N

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        right_N: NDArray[np.bool_] = self.predicted == self.labels
        return right_N

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """[N] the probability of the likeliest class."""
        largest_N: NDArray[np.float32] = self.probabilities.max(1)
        return largest_N


def read_predictions(path: Path, run: str, generation: int, seed: int, test_hash: str, same_order: bool = False) -> Predictions:
    """The artifact `predictions-test` or `predictions-train` of a run."""
    try:
        probabilities, labels, index = arrays.read(path, "probabilities", "labels", "index").values()
    except (OSError, ValueError) as error:
        raise ComparisonError(f"{run}: cannot read {path} ({error}); leave the run out or train it again") from error
    if labels.dtype.kind not in "iu" or index.dtype.kind not in "iu":
        problem = f"its labels and index are {labels.dtype} and {index.dtype} instead of whole numbers"
        raise ComparisonError(f"{run}: {path} is damaged ({problem}); leave the run out or train it again")
    with np.errstate(over="ignore"):  # what sums to 1 has nothing so large
        found = probabilities.astype(np.float32), labels.astype(np.int64), index.astype(np.int64)
    return Predictions(run, generation, seed, test_hash, *found, same_order=same_order)


def require_comparable(predictions: Sequence[Predictions]) -> None:
    """Refuse unless all are about the same pictures in the same order, with the same labels and classes."""
    for other in predictions[1:]:
        reason = _mismatch(predictions[0], other)
        if reason:
            remedy = "compare runs with the same data settings, or train one of them again with the other's"
            raise ComparisonError(f"{predictions[0].run} and {other.run} {reason}; {remedy}")


def _mismatch(one: Predictions, other: Predictions) -> str:
    if one.test_hash != other.test_hash:
        return f"saw different pictures (split {one.test_hash[:12]} and {other.test_hash[:12]})"
    if one.probabilities.shape[1] != other.probabilities.shape[1]:
        return f"know different classes ({one.probabilities.shape[1]} and {other.probabilities.shape[1]})"
    if len(one.index) != len(other.index):
        return f"answered for {len(one.index)} and {len(other.index)} pictures"
    if (at := np.flatnonzero(one.index != other.index)).size:
        return f"differ in their list of pictures (row {at[0]}: picture {one.index[at[0]]} and {other.index[at[0]]})"
    if (at := np.flatnonzero(one.labels != other.labels)).size:
        return f"differ in a label (picture {one.index[at[0]]}: {one.labels[at[0]]} and {other.labels[at[0]]})"
    return ""


@dataclass(frozen=True, eq=False)
class Generation:
    """F<generation> of a lineage, with the predictions of each of its finished seeds, in the order of the seeds."""

    generation: int
    by_seed: Mapping[int, Predictions]

    @property
    def name(self) -> str:
        return f"F{self.generation}"

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.by_seed)

    @property
    def accuracies(self) -> tuple[float, ...]:
        return tuple(float(p.correct.mean()) for p in self.by_seed.values())

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds, the +- beside a metric; None for one seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.by_seed) > 1 else None

    def calibration(self, bins: int = 15) -> Reliability:
        """The reliability diagram of all seeds together."""
        pooled = list(self.by_seed.values())
        probabilities = np.concatenate([p.probabilities for p in pooled])
        return statistics.reliability(probabilities, np.concatenate([p.labels for p in pooled]), bins)


@dataclass(frozen=True, eq=False)
class Lineage:
    """The generations that have a finished seed, oldest first. May be empty."""

    generations: tuple[Generation, ...]

    @classmethod
    def from_predictions(cls, predictions: Sequence[Predictions]) -> Lineage:
        """Predictions of one lineage in any order; refuses what cannot be compared, and two runs for one place."""
        require_comparable(predictions)
        found: dict[int, dict[int, Predictions]] = {}
        for one in sorted(predictions, key=lambda p: (p.generation, p.seed)):
            twin = found.setdefault(one.generation, {}).setdefault(one.seed, one)
            if twin is not one:
                place = f"F{one.generation} of seed {one.seed}"
                raise ComparisonError(f"{twin.run} and {one.run} are both {place}; compare them one at a time")
        return cls(tuple(Generation(number, by_seed) for number, by_seed in found.items()))

    def get(self, generation: int) -> Generation | None:
        return next((g for g in self.generations if g.generation == generation), None)

    @property
    def predictions(self) -> list[Predictions]:
        return [p for g in self.generations for p in g.by_seed.values()]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that has finished anything."""
        return tuple(sorted({p.seed for p in self.predictions}))

    @property
    def share_order(self) -> bool:
        """Whether seeds saw their training pictures in one order, so that their spread tells nothing of it."""
        return len({p.seed for p in self.predictions if p.same_order}) > 1


def common_seeds(one: Generation, other: Generation) -> tuple[int, ...]:
    return tuple(seed for seed in one.by_seed if seed in other.by_seed)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Two networks, picture by picture. The arrays are row numbers of the predictions; `predictions.index[rows]` names
    the pictures. The four sets are disjoint and hold every row."""

    inherited: Ints  # both wrong, whatever the class
    fixed: Ints  # parent wrong, child right
    new: Ints  # parent right, child wrong
    right: Ints  # both right
    agreement: float  # P(same class)
    agreement_wrong: float | None  # P(same class | parent wrong); None when the parent makes no mistake
    agreement_right: float | None  # P(same class | parent right)
    kl: float  # mean KL(parent || child) in nats

    def rate(self, rows: Ints) -> float:
        """The share of all pictures, as in errors/inherited, errors/fixed and errors/new."""
        return len(rows) / sum(map(len, (self.inherited, self.fixed, self.new, self.right)))


def mistakes(parent: Predictions, child: Predictions) -> Mistakes:
    """What the child keeps, mends and adds of the parent's mistakes (fidelity: Stanton et al. 2021, arXiv:2106.05945)."""
    require_comparable([parent, child])
    before, after = parent.correct, child.correct
    same = parent.predicted == child.predicted
    wrong, right = same[~before], same[before]
    return Mistakes(
        inherited=np.flatnonzero(~before & ~after),
        fixed=np.flatnonzero(~before & after),
        new=np.flatnonzero(before & ~after),
        right=np.flatnonzero(before & after),
        agreement=float(same.mean()),
        agreement_wrong=float(wrong.mean()) if wrong.size else None,
        agreement_right=float(right.mean()) if right.size else None,
        kl=_kl(parent.probabilities, child.probabilities),
    )


def _kl(parent_NK: NDArray[np.float32], child_NK: NDArray[np.float32]) -> float:
    """Mean of sum p ln(p / q) in nats; both are clipped at 1.2e-38 inside the logarithm, so 0 ln 0 is 0."""
    p, q = parent_NK.astype(np.float64), child_NK.astype(np.float64)
    return float((p * (np.log(np.maximum(p, SMALLEST)) - np.log(np.maximum(q, SMALLEST)))).sum(1).mean())


def agreement_matrix(members: Sequence[Predictions]) -> Doubles:
    """[M, M] share of pictures on which two networks name the same class; 1 - this is the pairwise disagreement."""
    require_comparable(members)
    predicted_MN = np.stack([p.predicted for p in members])
    return np.stack([(predicted_MN == row).mean(1) for row in predicted_MN])


def confusion(predictions: Predictions) -> Ints:
    """[K, K] pictures by label (row) and predicted class (column)."""
    classes = predictions.probabilities.shape[1]
    counts: Ints = np.bincount(predictions.labels * classes + predictions.predicted, minlength=classes**2)
    return counts.reshape(classes, classes)


def bane(members: Sequence[Predictions], kind: Kind = "probabilities") -> Doubles:
    """The averaged prediction of generations of one seed, [N, K] (Ens*k of Born-Again Networks, arXiv:1805.04770).

    "logits" averages ln p and normalises again: the same as averaging logits, for they differ by a constant a picture.
    """
    require_comparable(members)
    for other in members[1:]:
        if other.seed != members[0].seed:
            seeds = f"seeds {members[0].seed} and {other.seed}"
            raise ComparisonError(f"{members[0].run} and {other.run} are of {seeds}; average generations of one seed")
    stacked_MNK = np.stack([p.probabilities for p in members]).astype(np.float64)
    mean_NK: Doubles = stacked_MNK.mean(0)
    if kind == "probabilities":
        return mean_NK
    logits_NK = np.log(np.maximum(stacked_MNK, SMALLEST)).mean(0)
    power_NK: Doubles = np.exp(logits_NK - logits_NK.max(1, keepdims=True))
    power_NK /= power_NK.sum(1, keepdims=True)
    return power_NK


class Suspect(msgspec.Struct, frozen=True):
    """A training picture whose label most networks contradict with one voice."""

    row: int
    index: int
    given: int
    proposed: int
    votes: int
    voters: int
    confidence: float  # mean probability of the proposed class among those who vote for it


def suspects(predictions: Sequence[Predictions], share: float = 0.75) -> list[Suspect]:
    """Training pictures on which at least `share` (above one half) of the networks name one class other than the label.

    Most votes first, then the most confident. Read it as a list to look through, not as a count of wrong labels: these
    networks were trained on the very labels they judge, one that has memorised a wrong label defends it, and students
    pass their teacher's mistakes on, so the voters are not independent.
    """
    assert 0.5 < share <= 1, share  # at one half two classes could win
    if not predictions:
        return []
    require_comparable(predictions)
    chosen_MN = np.stack([p.predicted for p in predictions])
    votes_NK = np.zeros(predictions[0].probabilities.shape, np.int64)
    rows_N = np.arange(chosen_MN.shape[1])
    for chosen_N in chosen_MN:
        votes_NK[rows_N, chosen_N] += 1
    proposed_N, most_N = votes_NK.argmax(1), votes_NK.max(1)
    given_N = predictions[0].labels
    found = np.flatnonzero((proposed_N != given_N) & (most_N >= share * len(predictions)))
    confidence_MN = np.stack([p.confidence for p in predictions]).astype(np.float64)
    means = (confidence_MN * (chosen_MN == proposed_N)).sum(0)[found] / most_N[found]
    listed = [
        Suspect(int(n), int(predictions[0].index[n]), int(given_N[n]), int(proposed_N[n]), int(most_N[n]), len(chosen_MN), mean)
        for n, mean in zip(found, means.tolist())
    ]
    return sorted(listed, key=lambda s: (-s.votes, -s.confidence, s.index))
