"""What two networks answered, picture by picture: which pictures that lists, in what order, and class against class. Pure.

Rests on predictions that runs stored at their end; what a network makes of a picture just now is asked of the assistant. Walks
over all pictures, so a window calls it off its own thread. How it looks is left to widgets/.

Shapes: N test pictures, K classes, n pictures listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import arrays, compare, lineages, words
from engine.compare import ComparisonError, Predictions, Suspect
from engine.run import Run, checkpoint_step
from engine.state import RunState
from engine.statistics import SMALLEST

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Part = Literal["model", "teacher"]
Kind = Literal["missed", "changed", "apart", "wrong", "suspect", "all"]
KINDS: tuple[Kind, ...] = ("missed", "changed", "apart", "wrong", "suspect", "all")
Order = Literal["by disagreement", "by confidence", "by number"]
ORDERS: tuple[Order, ...] = ("by disagreement", "by confidence", "by number")
Matrix = Literal["Confusion", "Agreement", "Difference"]
MATRICES: tuple[Matrix, ...] = ("Confusion", "Agreement", "Difference")
PORTION = 4096  # pictures
APART = 100  # pictures in the list of the lowest agreement


class Network(NamedTuple):
    """A network on disk, as the assistant is asked for it: `part` "teacher" is the running average of a run's student."""

    run: str
    step: int
    part: Part = "model"

    @property
    def table(self) -> dict[str, Any]:
        return self._asdict()


def networks(run: Run) -> list[Network]:
    """What can be looked at of a run, the newest first; the student before its average."""
    found = []
    for folder in reversed(run.checkpoint_folders()):
        step = checkpoint_step(folder)
        parts: tuple[Part, ...] = ("model", "teacher")
        found += [Network(run.name, step, part) for part in parts if (folder / f"{part}.safetensors").exists()]
    return found


def taught_by(run: Run, teacher: Run | None) -> Network | None:
    """The network that teaches a run: the average of its own student, or the checkpoint it has pinned of another run."""
    own = next((one for one in networks(run) if one.part == "teacher"), None)
    if own is not None or teacher is None:
        return own
    try:
        pinned = (run.effective() or {}).get("teacher", {})
    except (OSError, ValueError):
        pinned = {}
    there = [one for one in networks(teacher) if one.part == "model"] or networks(teacher)
    same = [one for one in there if one.step == pinned.get("step")]
    return next(iter(same or there), None)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """S of them, the most used first: numbers and uses [S], places in the data set and probabilities of pictures [S, n]."""

    numbers: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    uses: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    places: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    probabilities: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))


# What was answered ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answers:
    """The stored answers of a student to the test pictures, beside those of its teacher and of the generation before it.

    `problems` says in words what is not there, for people.
    """

    student: Predictions | None = None
    teacher: Predictions | None = None
    parent: Predictions | None = None
    suspects: tuple[Suspect, ...] = ()
    problems: tuple[str, ...] = ()
    probe: tuple[Ints, Ints] | None = None  # places and labels of the pictures that a run watches, while it has no answers

    def __len__(self) -> int:
        return 0 if self.student is None else len(self.student.index)

    @cached_property
    def disagreement(self) -> Floats:
        """[N] the probability on which teacher and student differ; without a teacher how unsure the student is."""
        assert self.student is not None
        if self.teacher is None:
            return 1 - self.student.confidence.astype(np.float64)
        return apart(self.teacher, self.student)

    @cached_property
    def counts(self) -> dict[Kind, int | None]:
        """How many pictures each list has; None for one that has no meaning here."""
        return {kind: None if (rows := _rows(self, kind)) is None else len(rows) for kind in KINDS}


def apart(one: Predictions, other: Predictions) -> Floats:
    """[N] total variation distance: 0 where both say the same, 1 where they share no probability."""
    found = np.zeros(len(one.index))
    for start in range(0, len(found), PORTION):  # all at once would take gigabytes of a thousand classes
        some = slice(start, start + PORTION)
        found[some] = 0.5 * np.abs(one.probabilities[some] - other.probabilities[some]).sum(1, dtype=np.float64)
    return found


Told = tuple[Run, RunState]


def read(student: Told, teacher: Told | None, parent: Told | None, finished: Sequence[Told]) -> Answers:
    """What is on disk. `finished`: the lineage's complete runs, which name the suspect labels. Never raises."""
    problems: list[str] = []
    ours = _read(student, problems)
    others = [_beside(ours, one, problems) for one in (teacher, parent)]
    suspects: tuple[Suspect, ...] = ()
    trained, _ = lineages.readable(finished, "train")
    try:
        suspects = tuple(compare.suspects(trained))
    except ComparisonError as error:
        problems.append(str(error))
    probe = _probe(*student) if ours is None else None
    found = Answers(ours, others[0], others[1], suspects, tuple(dict.fromkeys(problems)), probe)
    assert found.counts  # worked out here, and not by who shows it
    return found


def _read(one: Told, problems: list[str]) -> Predictions | None:
    run, state = one
    try:
        found = lineages.predictions_of(run, state)
    except (ComparisonError, OSError, ValueError) as error:
        problems.append(str(error))
        return None
    if found is None and state.completed:
        problems.append(f"{run.name} stored no answers to its test pictures")
    return found


def _probe(run: Run, state: RunState) -> tuple[Ints, Ints] | None:
    """Of the pictures that it watches; none where those with classes are another data set."""
    kept = [artifact for artifact in state.artifacts if artifact.kind == "probe-pictures"]
    try:
        if not kept or (run.data() or {}).get("evaluated"):
            return None
        index_P, labels_P = arrays.read(run.folder / kept[-1].path, "index", "labels").values()
        return index_P.astype(np.int64), labels_P.astype(np.int64)
    except (OSError, ValueError):
        return None  # Live says what is wrong with them


def _beside(ours: Predictions | None, other: Told | None, problems: list[str]) -> Predictions | None:
    """Another's answers, if they are to the same pictures."""
    if ours is None or other is None:
        return None
    theirs = _read(other, problems)
    try:
        compare.require_comparable([ours, theirs] if theirs is not None else [ours])
    except ComparisonError as error:
        problems.append(str(error))
        return None
    return theirs


# Class against class --------------------------------------------------------------------------------------------


class Cell(NamedTuple):
    """Of one of the matrices."""

    matrix: Matrix
    row: int
    column: int


def matrix(answers: Answers, which: Matrix) -> Ints | None:
    """[K, K] counts of test pictures: the student's answers by label, by the teacher's answer, or by label what it answers
    more often than the teacher. None where that takes a teacher and there is none."""
    ours, theirs = answers.student, answers.teacher
    if ours is None or (which != "Confusion" and theirs is None):
        return None
    if which == "Confusion" or theirs is None:
        return compare.confusion(ours)
    if which == "Difference":
        return compare.confusion(ours) - compare.confusion(theirs)
    classes = ours.probabilities.shape[1]
    counts: Ints = np.bincount(theirs.predicted * classes + ours.predicted, minlength=classes**2)
    return counts.reshape(classes, classes)


def in_cell(answers: Answers, cell: Cell) -> NDArray[np.bool_]:
    """[N] which pictures a cell counts; of the difference those that either network answers so."""
    ours, theirs = answers.student, answers.teacher
    assert ours is not None
    if cell.matrix == "Agreement" and theirs is not None:
        return np.asarray((theirs.predicted == cell.row) & (ours.predicted == cell.column))
    said = ours.predicted == cell.column
    if cell.matrix == "Difference" and theirs is not None:
        said = said != (theirs.predicted == cell.column)
    return np.asarray((ours.labels == cell.row) & said)


def cell_words(cell: Cell, classes: Sequence[str], student: str, teacher: str) -> str:
    """ "label dhole, F1 says genet"."""
    row, column = _class(classes, cell.row), _class(classes, cell.column)
    if cell.matrix == "Agreement":
        return f"{teacher} says {row}, {student} says {column}"
    if cell.matrix == "Difference":
        return f"label {row}, only one of {teacher} and {student} says {column}"
    return f"label {row}, {student} says {column}"


def _class(classes: Sequence[str], place: int) -> str:
    return classes[place] if 0 <= place < len(classes) else str(place)


# Lists ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Listing:
    """Pictures in the order in which they are shown; arrays [n]."""

    kind: Kind = "all"
    place: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # in the data set
    row: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # of the answers; -1 for training pictures
    label: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    said: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # by the student; of a suspect label what most say
    other: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # by whom it is compared with, -1 for nobody
    votes: tuple[str, ...] = ()  # of suspect labels

    def __len__(self) -> int:
        return len(self.place)

    def right(self, at: int) -> bool:
        """Nobody is wrong of whom no answer is known."""
        return bool(self.said[at] in (-1, self.label[at]))

    def words(self, at: int, classes: Sequence[str]) -> tuple[str, str]:
        """What stands below a picture: "okapi" and "was dhole"."""
        label, said = _class(classes, int(self.label[at])), _class(classes, int(self.said[at]))
        if self.kind == "suspect":
            return label, f"rather {said}, {self.votes[at]}"
        if self.kind == "changed":
            return said if said == label else f"{label}: {said}", f"was {_class(classes, int(self.other[at]))}"
        if self.said[at] < 0:
            return label, ""
        return label, "right" if said == label else f"said {said}"


def listing(answers: Answers, kind: Kind, order: Order = "by disagreement", cell: Cell | None = None) -> Listing:
    """A list, or what of it lies in a cell of a matrix."""
    if kind == "suspect":
        return _suspects(answers)
    rows, ours = _rows(answers, kind), answers.student
    if rows is not None and ours is None and answers.probe is not None:
        nobody, (places, labels) = np.full(len(rows), -1), answers.probe
        return Listing(kind, places, nobody, labels, nobody, nobody)
    if rows is None or ours is None:
        return Listing(kind)
    if cell is not None:
        rows = rows[in_cell(answers, cell)[rows]]
    if order != "by number":
        sure = ours.confidence if order == "by confidence" else answers.disagreement
        rows = rows[np.argsort(-sure[rows], kind="stable")]
    beside = answers.parent if kind == "changed" else answers.teacher
    other = beside.predicted[rows] if beside is not None else np.full(len(rows), -1)
    return Listing(kind, ours.index[rows], rows, ours.labels[rows], ours.predicted[rows], other)


def _rows(answers: Answers, kind: Kind) -> Ints | None:
    """Of the test pictures, in the order of the data set."""
    ours, theirs, parent = answers.student, answers.teacher, answers.parent
    found: Any = None
    if kind == "suspect":
        found = np.arange(len(answers.suspects)) if answers.suspects or ours is not None else None
    elif ours is None:
        found = np.arange(len(answers.probe[0])) if kind == "all" and answers.probe is not None else None
    elif kind == "all":
        found = np.arange(len(ours.index))
    elif kind == "wrong":
        found = np.flatnonzero(~ours.correct if theirs is None else ~ours.correct & ~theirs.correct)
    elif kind == "changed":
        found = None if parent is None else np.flatnonzero(parent.predicted != ours.predicted)
    elif theirs is not None and kind == "missed":
        found = np.flatnonzero(theirs.correct & ~ours.correct)
    elif theirs is not None:
        most = np.argsort(-answers.disagreement, kind="stable")[:APART]
        found = np.sort(most[answers.disagreement[most] > 0])
    return None if found is None else found.astype(np.int64)


def _suspects(answers: Answers) -> Listing:
    found = answers.suspects
    columns = [np.array([getattr(one, name) for one in found], np.int64) for name in ("index", "given", "proposed")]
    nobody = np.full(len(found), -1)
    votes = tuple(f"{one.votes} of {one.voters}" for one in found)
    return Listing("suspect", columns[0], nobody, columns[1], columns[2], nobody, votes)


# Words ----------------------------------------------------------------------------------------------------------


def kind_words(kind: Kind, teacher: str, parent: str, stored: bool = True) -> str:
    """`stored`: there are answers to test pictures."""
    return {
        "missed": "Teacher right, student wrong",
        "changed": f"Changed since {parent}" if parent else "Changed answers",
        "apart": "Lowest agreement",
        "wrong": "Both wrong" if teacher else "Wrong",
        "suspect": "Suspect labels",
        "all": "All test pictures" if stored else "Watched pictures",
    }[kind]


def why_none(kind: Kind, count: int | None = None) -> str:
    """Why a list has no meaning here; empty for one that has."""
    if count is not None:
        return ""
    if kind == "changed":
        return "no complete generation before this one answered the same pictures"
    if kind in ("missed", "apart"):
        return "no complete teacher answered the same pictures; choose one above"
    return "the run is not complete: its answers are stored at its end"


def sentence(answers: Answers, student: str, teacher: str) -> tuple[str, str]:
    """ "F1 beside its teacher F0" and ", 93.3 % against 91.8 % on 2,400 test pictures; 121 answers differ"."""
    ours, theirs = answers.student, answers.teacher
    lead = f"{student} beside {teacher}" if teacher else student
    if ours is None:
        return lead, "; drop a picture here to see what it makes of it"
    pictures = words.plural(len(ours.index), "test picture")
    if theirs is None:
        return lead, f": {words.percent(float(ours.correct.mean()))} of {pictures} right"
    shares = f"{words.percent(float(ours.correct.mean()))} against {words.percent(float(theirs.correct.mean()))}"
    differ = words.plural(int((ours.predicted != theirs.predicted).sum()), "answer")
    verb = "differs" if differ.startswith("1 ") else "differ"
    return lead, f", {shares} on {pictures}; {differ} {verb}"


# Prototypes -----------------------------------------------------------------------------------------------------


def prototypes(run: Run, state: RunState) -> Prototypes | str:
    """Those that a run without labels kept at its end, or in words why there are none."""
    kept = [artifact for artifact in state.artifacts if artifact.kind == "prototypes"]
    if not kept:
        return "its run learned classes" if state.completed else "a run without labels keeps them when it is complete"
    try:
        stored = arrays.read(run.folder / kept[-1].path, "prototypes", "uses", "pictures", "probabilities")
        found = Prototypes(*stored.values())
    except (OSError, ValueError) as error:
        return f"{kept[-1].path} cannot be read ({error})"
    whole = found.numbers.shape == found.uses.shape and found.places.shape == found.probabilities.shape
    whole = whole and found.places.ndim == 2 and len(found.places) == len(found.uses) > 0
    return found if whole else f"{kept[-1].path} does not hold the prototypes it should"


# Dark knowledge -------------------------------------------------------------------------------------------------


def softened(logits_K: NDArray[Any], temperature: float) -> Floats:
    """softmax(logits / temperature), [K]. Logarithms of probabilities will do: they are logits but for a constant."""
    scaled = np.asarray(logits_K, np.float64) / temperature
    power: Floats = np.exp(scaled - scaled.max())
    power /= power.sum()
    return power


def logits_of(predictions: Predictions, row: int) -> Floats:
    """[K] of a stored answer, up to a constant; a probability that underflowed counts as the smallest there is."""
    found: Floats = np.log(np.maximum(predictions.probabilities[row].astype(np.float64), SMALLEST))
    return found
