"""Which pictures stand in which list, class against class, and a temperature: counted by hand on eight pictures."""

from pathlib import Path

import numpy as np
import pytest
import toy_lineage

from engine import words
from engine.compare import Predictions, Suspect
from engine.run import Workspace
from studio import inspect_model
from studio.inspect_model import Answers, Cell, Network
from tests import toys

LABELS = [0, 0, 0, 1, 1, 1, 2, 2]
STUDENT = [0, 1, 0, 1, 0, 1, 2, 1]
TEACHER = [0, 0, 1, 1, 0, 2, 2, 2]
SURE = [0.9, 0.8, 0.7, 0.9, 0.6, 0.5, 0.9, 0.95]


def said(run: str, classes: list[int], sure: list[float], generation: int = 0) -> Predictions:
    """Each picture's class with this probability; the other two share the rest."""
    probabilities = np.array([[(1 - p) / 2] * 3 for p in sure], np.float32)
    probabilities[np.arange(len(classes)), classes] = sure
    return Predictions(run, generation, 0, "h", probabilities, np.array(LABELS), np.arange(10, 18))


@pytest.fixture
def answers() -> Answers:
    teacher = said("f0", TEACHER, [0.6] * 8)
    suspect = Suspect(row=4, index=99, given=2, proposed=0, votes=5, voters=6, confidence=0.9)
    return Answers(said("f1", STUDENT, SURE, 1), teacher, teacher, (suspect,))


def test_that_each_list_holds_its_pictures(answers: Answers) -> None:
    assert answers.counts == {"missed": 2, "changed": 4, "apart": 7, "wrong": 1, "suspect": 1, "all": 8}
    places = {kind: sorted(inspect_model.listing(answers, kind).place.tolist()) for kind in inspect_model.KINDS}
    assert places["missed"] == [11, 17] and places["changed"] == [11, 12, 15, 17]
    assert places["wrong"] == [14] and places["suspect"] == [99] and places["all"] == list(range(10, 18))


def test_that_pictures_stand_in_the_order_that_is_asked_for(answers: Answers) -> None:
    def order(name: inspect_model.Order) -> list[int]:
        return inspect_model.listing(answers, "changed", name).place.tolist()

    assert order("by number") == [11, 12, 15, 17]
    assert order("by confidence") == [17, 11, 12, 15]
    apart = [
        0.5 * sum(abs(a - b) for a, b in zip(*two)) for two in zip(answers.student.probabilities, answers.teacher.probabilities)
    ]
    assert order("by disagreement") == sorted([11, 12, 15, 17], key=lambda place: -apart[place - 10])


def test_that_a_list_that_needs_somebody_else_is_none_without(answers: Answers) -> None:
    alone = Answers(answers.student)
    assert alone.counts == {"missed": None, "changed": None, "apart": None, "wrong": 3, "suspect": 0, "all": 8}
    assert all(inspect_model.why_none(kind) for kind in ("missed", "changed", "apart"))
    assert set(Answers().counts.values()) == {None}
    assert not len(inspect_model.listing(Answers(), "all"))


def test_that_the_lowest_agreement_is_a_hundred_pictures_and_none_that_are_answered_alike() -> None:
    random = np.random.default_rng(1)
    pair = [random.dirichlet([1, 1, 1], 300).astype(np.float32) for _ in range(2)]
    pair[1][:250] = pair[0][:250]
    one, other = (Predictions(name, 0, 0, "h", p, np.zeros(300, np.int64), np.arange(300)) for name, p in zip("ab", pair))
    listed = inspect_model.listing(Answers(one, other), "apart")
    assert len(listed) == 50 and listed.place.min() >= 250
    assert (
        len(inspect_model.listing(Answers(one, Predictions("c", 0, 0, "h", pair[0][::-1], one.labels, one.index)), "apart"))
        == 100
    )


def test_that_matrices_count_pictures_and_their_cells_list_them(answers: Answers) -> None:
    confusion, agreement, difference = (inspect_model.matrix(answers, which) for which in inspect_model.MATRICES)
    assert confusion.tolist() == [[2, 1, 0], [1, 2, 0], [0, 1, 1]]
    assert agreement.tolist() == [[2, 1, 0], [1, 1, 0], [0, 2, 1]]
    assert difference.tolist() == [[0, 0, 0], [0, 1, -1], [0, 1, -1]]
    for which in inspect_model.MATRICES[:2]:
        counts = inspect_model.matrix(answers, which)
        for row, column in np.ndindex(3, 3):
            assert len(inspect_model.listing(answers, "all", cell=Cell(which, row, column))) == counts[row, column]
    assert inspect_model.listing(answers, "all", cell=Cell("Difference", 2, 1)).place.tolist() == [17]
    assert inspect_model.listing(answers, "wrong", cell=Cell("Confusion", 1, 0)).place.tolist() == [14]
    assert inspect_model.matrix(Answers(answers.student), "Agreement") is None


def test_that_pictures_are_told_in_words(answers: Answers) -> None:
    names = ["okapi", "dhole", "genet"]
    at = {place: row for row, place in enumerate(inspect_model.listing(answers, "all", "by number").place.tolist())}
    every = inspect_model.listing(answers, "all", "by number")
    assert every.words(at[11], names) == ("okapi", "said dhole") and every.words(at[10], names) == ("okapi", "right")
    changed = inspect_model.listing(answers, "changed", "by number")
    assert changed.words(1, names) == ("okapi", "was dhole") and changed.words(0, names) == ("okapi: dhole", "was okapi")
    assert inspect_model.listing(answers, "suspect").words(0, names) == ("genet", "rather okapi, 5 of 6")
    assert inspect_model.cell_words(Cell("Agreement", 2, 1), names, "F1", "F0") == "F0 says genet, F1 says dhole"
    lead, rest = inspect_model.sentence(answers, "F1", "F0")
    assert (lead, rest.replace(words.THIN, " ")) == (
        "F1 beside F0",
        ", 62.5 % against 62.5 % on 8 test pictures; 4 answers differ",
    )


def test_that_a_temperature_softens_and_a_constant_changes_nothing() -> None:
    logits = np.array([2.0, 0.0, -1.0])
    by_hand = np.exp(logits / 4) / np.exp(logits / 4).sum()
    assert inspect_model.softened(logits, 4) == pytest.approx(by_hand)
    probabilities = inspect_model.softened(logits, 1)
    assert inspect_model.softened(np.log(probabilities), 4) == pytest.approx(by_hand)
    certain = Predictions("r", 0, 0, "h", np.array([[1.0, 0.0]], np.float32), np.array([0]), np.array([0]))
    assert inspect_model.softened(inspect_model.logits_of(certain, 0), 1) == pytest.approx([1, 0])


def test_that_what_is_on_disk_is_read_and_what_is_not_is_said(tmp_path: Path) -> None:
    first, second, third = toy_lineage.finished(tmp_path, seeds=(0,))
    told = [(run, run.state()) for run in (first, second, third)]
    found = inspect_model.read(told[1], told[0], told[0], told)
    assert found.student.run == second.name and found.teacher.run == first.name and not found.problems
    toy_lineage.prepare_data(first, "f" * 64)
    other = inspect_model.read(told[1], told[0], None, [])
    assert other.teacher is None and "saw different pictures" in other.problems[0]
    (waits,) = toys.runs(tmp_path / "waits")
    nothing = inspect_model.read((waits, waits.state()), None, None, [])
    assert nothing.student is None and not nothing.problems, "it will"
    toys.tell(waits, *toys.history(5, end="completed"))
    never = inspect_model.read((waits, waits.state()), None, None, [])
    assert never.problems == (f"{waits.name} stored no answers to its test pictures",)


def test_that_networks_of_a_run_are_found_newest_first_and_its_teacher_is_the_pinned_one(tmp_path: Path) -> None:
    teacher, student = Workspace(tmp_path).create(toys.lineage("seeds=[0]"))
    for step in (5, 10):
        toys.put_checkpoint(teacher, step)
    toys.put_checkpoint(student, 7, "model.safetensors", "teacher.safetensors")
    assert inspect_model.networks(teacher) == [Network(teacher.name, 10), Network(teacher.name, 5)]
    assert inspect_model.networks(student) == [Network(student.name, 7), Network(student.name, 7, "teacher")]
    assert inspect_model.taught_by(teacher, None) is None
    assert inspect_model.taught_by(student, teacher) == Network(student.name, 7, "teacher"), "its own average"
    (student.folder / "checkpoints" / "step-00000007" / "teacher.safetensors").unlink()
    assert inspect_model.taught_by(student, teacher) == Network(teacher.name, 10)
    (student.folder / "effective.toml").write_text("[teacher]\nrun = 'toy-s0-F0'\nstep = 5\nsha256 = ''\n")
    assert inspect_model.taught_by(student, teacher) == Network(teacher.name, 5)
