"""Curves as lines: axis, resumes, names, references, and what the readouts add."""

from pathlib import Path

import numpy as np
import pytest
import recorded
from followed import follow, training

from engine import events
from engine.run import Run
from studio import live_curves, live_words, theme
from studio.live_curves import Shown
from studio.live_pages import PAGES, matters_page
from studio.widgets.lines import Reference

LOSS = PAGES["objective"]
ACCURACY = PAGES["accuracy"]


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0..F3 of one seed, without any event."""
    return recorded.lineage(tmp_path)


def test_that_lines_carry_the_axis_that_is_asked_for(chain: list[Run]) -> None:
    one = training(chain[0])
    for axis, last in (("step", 7), ("epoch", 1.4), ("time", 4.5)):
        (line,) = live_curves.lines(LOSS, [Shown(one, "#325BC0", "F0")], axis)
        assert line.raw and not line.points and line.x[-1] == pytest.approx(last)
        assert live_curves.convert(one.state, 7, "step", axis) == pytest.approx(last)


def test_that_a_resume_greys_what_it_left_behind_and_joins_what_it_kept(chain: list[Run]) -> None:
    run = chain[0]
    training(run, 13)
    recorded.begin(run, attempt=2, resumed_from=10)
    recorded.prepare(run)
    recorded.steps(run, 11, 20)
    one = follow(run)
    (loss,) = live_curves.lines(LOSS, [Shown(one, "#325BC0", "F0")], "step")
    assert loss.kept is not None and loss.x[~loss.kept].tolist() == [11, 12, 13]
    (accuracy,) = live_curves.lines(ACCURACY, [Shown(one, "#325BC0", "F0")], "step")
    assert accuracy.attempts is None or len(set(accuracy.attempts[accuracy.kept])) == 1
    assert live_curves.events(one, "step") == [(10.0, "resumed", "muted")]
    assert live_curves.events(one, "epoch") == [(2.0, "resumed", "muted")]
    assert live_curves.events(one, "time") == [(pytest.approx(6.0), "resumed", "muted")]


def test_that_the_teacher_is_a_reference_at_the_checkpoint_that_teaches(chain: list[Run]) -> None:
    recorded.complete(chain[0])
    training(chain[1])
    pupil, teacher = follow(chain[1], "running"), follow(chain[0])
    last = teacher.state.curves["val/accuracy"].last
    known = Reference(pytest.approx(last), "teacher F0", theme.generation_color(0), "F0")
    assert live_curves.references(ACCURACY, pupil, teacher) == [known]
    recorded.write(chain[1], events.TeacherPinned(run=chain[0].name, step=5, sha256=""))
    (pinned,) = live_curves.references(ACCURACY, follow(chain[1], "running"), teacher)
    assert pinned.y == pytest.approx(0.95 - 0.6 * np.exp(-5 / 8))
    assert live_curves.references(LOSS, pupil, teacher) == live_curves.references(ACCURACY, pupil) == []


def test_that_the_k_nn_of_a_frozen_teacher_is_the_goal_of_its_student_and_the_average_is_called_so(tmp_path: Path) -> None:
    teacher, pupil = map(follow, recorded.taught_without_labels(tmp_path))
    page = matters_page(pupil)
    (goal,) = live_curves.references(page, pupil, teacher)
    assert goal.y == teacher.state.curves["knn/teacher@val"].last and goal.words.startswith("teacher large")
    drawn = live_curves.lines(page, live_curves.shown(pupil, [], [pupil]), "epoch")
    assert [line.name for line in drawn] == ["student", "average"]
    assert pupil.state.headline == "knn/average@val"
    assert live_curves.extras(page, pupil.state)[1:] == [("test", "54.0\u2009%"), ("linear", "66.0\u2009%")]
    assert "teacher lag" not in [chip.key for chip in live_words.chips(pupil)], "what is frozen does not look back"
    assert live_curves.references(page, teacher) == [], "whose teacher is an average has no goal"


def test_that_guessing_is_a_reference_for_labels_only(chain: list[Run]) -> None:
    training(chain[0])
    one = follow(chain[0])
    assert live_curves.references(LOSS, one) == []
    one.data = {"classes": list("0123456789")}
    assert live_curves.references(LOSS, one) == [Reference(pytest.approx(2.302585), "ln 10 = 2.303, mere guessing")]
    pupil = follow(chain[1])
    pupil.data = one.data
    assert live_curves.references(LOSS, pupil) == []


def test_that_the_readout_adds_the_best_and_the_result_on_test(chain: list[Run]) -> None:
    recorded.complete(chain[0])
    state = follow(chain[0]).state
    assert live_curves.extras(ACCURACY, state) == [("best", "90.1\u2009%"), ("test", "83.0\u2009%")]
    assert [name for name, _ in live_curves.extras(LOSS, state)] == ["best"]


def test_that_the_data_wait_is_read_at_the_cursor(chain: list[Run]) -> None:
    recorded.begin(chain[0])
    recorded.prepare(chain[0])
    for step, share in enumerate((0.1, 0.2, 0.6), start=1):
        values = {"throughput/data_wait": share, "throughput/images_per_s": 100.0, "train/loss": 1.0}
        recorded.write(chain[0], events.StepTaken(elapsed_s=step, step=step, epoch=step / 5, values=values))
    state = follow(chain[0]).state
    assert live_curves.extras(PAGES["throughput"], state) == [("wait", "30\u2009%")]
    assert live_curves.extras(PAGES["throughput"], state, "step", 2.2) == [("wait", "20\u2009%")]


def test_that_colours_are_a_ramp_only_for_one_chain(chain: list[Run], tmp_path: Path) -> None:
    runs = [follow(run, "queued") for run in chain]
    assert live_curves.is_chain(runs[:1], runs) and live_curves.is_chain(runs, runs)
    other = [follow(run, "queued") for run in recorded.lineage(tmp_path, "lineage=other")]
    assert not live_curves.is_chain([runs[0], other[0]], runs)
    assert not live_curves.is_chain(runs[:1], runs[:1]), "a single run is no chain"
    assert live_curves.labels(runs[:2]) == ["F0", "F1"]
    assert live_curves.labels([runs[0], other[0]]) == ["digits-s0-F0", "other-s0-F0"]


def test_that_the_nearest_relatives_are_offered_first_for_comparison(tmp_path: Path) -> None:
    runs = [follow(run, "queued") for run in recorded.lineage(tmp_path, "seeds=[0,1]")]
    runs += [follow(run, "queued") for run in recorded.lineage(tmp_path, "lineage=other")]
    groups = live_curves.to_compare(runs[1], runs)
    assert [heading for heading, _ in groups] == ["Generations of this seed", "Other seeds", "Other lineages"]
    assert [one.name for one in groups[0][1]] == ["digits-s0-F0", "digits-s0-F2", "digits-s0-F3"]
    assert sum(len(found) for _, found in groups) == len(runs) - 1
