"""What a lineage has to say, without any window: boxes, verdicts in words, curves, lists, recipes."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import recorded
import toy_lineage

from engine import compare, differences, events, recipe, words
from engine.compare import ComparisonError
from engine.run import Run, Workspace
from studio import lineage_model, lineage_pictures
from studio.lineage_model import Study
from studio.session import Followed


def follow(folder: Path) -> list[Followed]:
    """The runs of a folder as a session would know them."""
    found = []
    for run in Workspace(folder).runs():
        one = Followed(run, run.tail(), recipe=run.recipe(), data=run.data())
        while one.tail.read_into(one.state):
            pass
        one.word = "finished" if one.state.finished else "running" if one.state.attempts else "queued"
        found.append(one)
    return found


def studied(folder: Path) -> Study:
    return lineage_model.study(lineage_model.complete(follow(folder)))


def said(one: Followed) -> str:
    return {"running": "running, epoch 2 of 4", "queued": "queued", "finished": "failed"}[one.word]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    toy_lineage.finished(tmp_path)
    return tmp_path


# The boxes


def test_that_boxes_show_the_numbers_of_compare(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    rows = compare.rows(lineage, compare.verdicts(lineage))
    boxes = lineage_model.boxes(follow(folder), studied(folder), said)
    assert [box.figure for box in boxes] == [words.percent(row.mean) for row in rows]
    assert [box.per_seed for box in boxes] == [row.per_seed for row in rows]
    assert [box.verdict for box in boxes[1:]] == [compare.verdict_parts(row.verdict) for row in rows[1:]]
    assert all(box.spread.startswith("± ") and box.spread.endswith(", 3 seeds") for box in boxes)


def test_that_boxes_say_what_each_generation_learned_from(folder: Path) -> None:
    boxes = lineage_model.boxes(follow(folder), studied(folder), said)
    assert [box.learns_from for box in boxes] == ["labels only", "F0's predictions", "F1's predictions"]
    assert boxes[0].verdict == ("", "first generation, no teacher")


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("digits-s0-F2", "labels and digits-s0-F2's softened predictions"),
        ("digits-s{seed}-F2", "labels and digits-s*-F2's softened predictions"),
    ],
)
def test_that_a_first_generation_with_a_teacher_of_another_lineage_says_whose(folder: Path, teacher: str, words: str) -> None:
    asked = ("lineage=small", "method.name=kd", "generations=1", f"method.teacher_run={teacher}", "seeds=[0, 1]")
    Workspace(folder).create(recipe.read("born-again-digits", asked))
    runs = [one for one in follow(folder) if one.lineage == "small"]
    boxes = lineage_model.boxes(runs, Study(), said)
    assert [box.learns_from for box in boxes] == [words, "labels and F0's softened predictions"]
    assert boxes[0].verdict == ("", "first generation")


def test_that_an_incomplete_generation_shows_what_it_has_and_what_it_does(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path)
    for run in runs[:4]:  # seed 0 as a whole, and F0 of seed 1
        toy_lineage.complete(run)
    recorded.begin(runs[4])
    recorded.prepare(runs[4])
    recorded.steps(runs[4], 1, 7)
    first, second, third = lineage_model.boxes(follow(tmp_path), studied(tmp_path), said)
    assert first.spread == f"± {words.points(np.std(first.per_seed, ddof=1)).lstrip('+')}, 2 of 3 seeds"
    assert first.progress is not None and first.progress.words == "seed 2 queued"
    assert second.progress is not None and second.progress.words == "seed 1 running, epoch 2 of 4"
    assert second.progress.fraction == 7 / 20 and second.spread == "1 of 3 seeds"
    assert second.verdict[1].endswith("one seed only, no verdict")
    assert third.progress is not None and third.progress.words == "2 seeds queued"


def test_that_a_generation_without_a_finished_seed_has_no_number(tmp_path: Path) -> None:
    toy_lineage.lineage(tmp_path)
    boxes = lineage_model.boxes(follow(tmp_path), studied(tmp_path), said)
    assert [(box.figure, box.mean, box.per_seed) for box in boxes] == [("", None, ())] * 3
    assert [box.progress.words for box in boxes if box.progress] == ["queued"] * 3
    assert lineage_model.sentence(studied(tmp_path), boxes) == ("No generation is finished yet", "; F0 queued")


# The sentence and what it rests on


def test_that_the_sentence_is_that_of_compare(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    assert lineage_model.sentence(studied(folder)) == compare.headline(lineage, compare.verdicts(lineage))


def test_that_other_test_pictures_are_refused_in_words(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path)
    for run in runs:
        toy_lineage.complete(run, "f" * 64 if run is runs[4] else "a" * 64)
    lead, rest = lineage_model.sentence(studied(tmp_path))
    assert lead == "These runs cannot be compared"
    assert "saw different pictures" in rest and runs[4].name in rest
    boxes = lineage_model.boxes(follow(tmp_path), studied(tmp_path), said)
    assert {box.verdict[1] for box in boxes} == {"finished, but not compared"}


def test_that_an_unreadable_run_is_left_out_and_named(folder: Path) -> None:
    broken = folder / "digits-s1-F1" / "artifacts" / "a01-step00000020-predictions-test.npz"
    broken.write_bytes(broken.read_bytes()[:300])
    done = studied(folder)
    assert len(done.left_out) == 1 and done.left_out[0].startswith("digits-s1-F1: cannot read")
    row = done.row(1)
    assert row is not None and row.seeds == (0, 2) and row.verdict is not None and row.verdict.word == "no verdict"


def test_that_a_complete_run_without_predictions_is_left_out_and_named(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path, generations=1)
    for run in runs[:-1]:
        toy_lineage.complete(run)
    recorded.complete(runs[-1])
    assert studied(tmp_path).left_out == (
        f"{runs[-1].name} is complete but stored no predictions on its test pictures; it is left out",
    )


def test_that_a_verdict_is_explained_with_what_three_seeds_can_prove(folder: Path) -> None:
    done = studied(folder)
    told = lineage_model.boxes(follow(folder), done, said)[1].why
    verdict = next(v for v in done.judged if (v.child, v.parent) == (1, 0))
    assert ", ".join(map(words.points, verdict.difference.per_seed)) in told
    assert "± is the standard error of this difference; beside an accuracy it is the standard deviation over seeds" in told
    assert "3 seeds and 60 pictures are drawn again 10,000 times" in told
    assert "corrected for the 3 comparisons of this lineage (Holm)" in told
    assert "three seeds of one sign look certain one time in four" in told
    assert all(f"seed {n.seed}: {n.only_child} to {n.only_parent}" in told for n in verdict.networks)


def test_that_seeds_of_one_order_say_so_in_the_verdict(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    alike = tmp_path_factory.mktemp("alike")
    toy_lineage.finished(alike, "training.same_order=true")
    said_of = "These are seeds that share their data order, which their spread leaves out."
    assert said_of in lineage_model.boxes(follow(alike), studied(alike), said)[1].why
    assert said_of not in lineage_model.boxes(follow(folder), studied(folder), said)[1].why


OFTEN = [(0.5, "about once in 100 times at most"), (1.3, "about 5 times in 100"), (9.0, "about 21 times in 100")]


@pytest.mark.parametrize(("spread", "said"), OFTEN)
def test_that_false_alarms_are_those_measured_where_seeds_spread_as_here(folder: Path, spread: float, said: str) -> None:
    done = studied(folder)
    verdict = next(v for v in done.judged if (v.child, v.parent) == (1, 0))
    by_pictures = (0.9 * 0.1 / verdict.difference.pictures) ** 0.5
    rows = tuple(msgspec.structs.replace(row, mean=0.9, sd=spread * by_pictures) for row in done.rows)
    told = lineage_model.explained(verdict, Study(done.lineage, done.judged, rows))
    assert f"two equal recipes {said}" in told and f"spread {spread:.1f} times" in told


def test_that_two_seeds_get_no_verdict_and_no_p(tmp_path: Path) -> None:
    toy_lineage.finished(tmp_path, generations=1, seeds=(0, 1))
    box = lineage_model.boxes(follow(tmp_path), studied(tmp_path), said)[1]
    assert box.judgement == "no verdict" and box.verdict[1] == "against F0, two seeds only, no verdict"
    assert "Fewer than 3 seeds prove nothing about the recipe" in box.why and "drawn again" not in box.why


# Curves


def test_that_the_mean_is_over_complete_seeds_and_the_spread_is_their_deviation(folder: Path) -> None:
    traces = lineage_model.mean_traces(follow(folder), "val/accuracy", "epoch")
    assert [trace.name for trace in traces] == ["F0", "F1", "F2"]
    assert traces[1].x.tolist() == [1, 2, 3, 4]
    assert traces[1].y == pytest.approx([0.63, 0.65, 0.67, 0.69])
    assert traces[1].sd == pytest.approx([0.01] * 4)


def test_that_a_running_seed_does_not_bend_the_mean_of_those_that_are_complete(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path, generations=1)
    toy_lineage.complete(runs[0])
    recorded.begin(runs[2])
    recorded.prepare(runs[2])
    toy_lineage.measure(runs[2], [1], 0, 1)
    (trace,) = lineage_model.mean_traces(follow(tmp_path), "val/accuracy", "epoch")
    assert trace.y == pytest.approx([0.52, 0.54, 0.56, 0.58]) and trace.sd is None


def test_that_seeds_at_work_alone_are_averaged_as_far_as_all_have_come(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path, generations=1)
    for run, epochs in ((runs[0], [1, 2, 3]), (runs[2], [1, 2])):
        recorded.begin(run)
        recorded.prepare(run)
        toy_lineage.measure(run, epochs, 0, run.recipe().seed)
    (trace,) = lineage_model.mean_traces(follow(tmp_path), "val/accuracy", "epoch")
    assert trace.x.tolist() == [1, 2] and trace.y == pytest.approx([0.525, 0.545])


def test_that_curves_align_by_images_seen(folder: Path) -> None:
    (first, *_) = lineage_model.seed_traces(follow(folder), "val/accuracy", "images seen")
    assert first.name == "F0 s0" and first.x.tolist() == [800, 1600, 2400, 3200]


def test_that_what_a_resume_abandoned_is_no_part_of_the_mean(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path, generations=1, seeds=(0,))
    recorded.begin(runs[0])
    recorded.prepare(runs[0])
    toy_lineage.measure(runs[0], [1, 2], 0, 40)
    recorded.begin(runs[0], attempt=2, resumed_from=recorded.PER_EPOCH)
    toy_lineage.measure(runs[0], [2, 3], 0, 0)
    (trace,) = lineage_model.mean_traces(follow(tmp_path), "val/accuracy", "epoch")
    assert trace.x.tolist() == [1, 2, 3] and trace.y == pytest.approx([0.92, 0.54, 0.56])
    (whole,) = lineage_model.seed_traces(follow(tmp_path), "val/accuracy", "epoch")
    assert whole.kept is not None and whole.kept.tolist() == [True, False, True, True]


# Mistakes, agreement, images


def test_that_the_flow_counts_what_compare_counts_and_nothing_is_lost_on_the_way(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    flow = lineage_pictures.flow(lineage)
    assert flow.words == "180 predictions, 3 seeds"
    for step, before, after in zip(flow.steps, flow.wrong, flow.wrong[1:]):
        assert step.inherited + step.fixed == before and step.inherited + step.new == after
        older, younger = lineage.get(step.parent), lineage.get(step.child)
        assert older is not None and younger is not None
        each = [compare.mistakes(older.by_seed[s], younger.by_seed[s]) for s in lineage.seeds]
        assert step.new == sum(len(m.new) for m in each)


def test_that_the_flow_uses_only_seeds_that_finished_every_generation_and_says_so(tmp_path: Path) -> None:
    for run in toy_lineage.lineage(tmp_path)[:7]:
        toy_lineage.complete(run)
    flow = lineage_pictures.flow(toy_lineage.read(tmp_path))
    assert flow.seeds == (0, 1) and flow.words == "120 predictions, 2 complete seeds"


def test_that_a_pairs_lists_name_each_picture_and_begin_with_the_surest(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    lists = lineage_pictures.pair(lineage, 0, 2)
    new = lists["new"]
    assert np.all(np.diff(new.after_confidence) <= 0)
    assert np.all(new.before == new.label) and np.all(new.after != new.label)
    assert np.all(new.index == new.row) and set(new.seed.tolist()) <= {0, 1, 2}
    assert sum(map(len, lists.values())) + sum(len(_right(lineage, s)) for s in (0, 1, 2)) == 180


def _right(lineage: compare.Lineage, seed: int) -> np.ndarray:
    older, younger = lineage.get(0), lineage.get(2)
    assert older is not None and younger is not None
    return compare.mistakes(older.by_seed[seed], younger.by_seed[seed]).right


def test_that_a_pair_without_a_common_seed_is_refused_in_words(tmp_path: Path) -> None:
    runs = toy_lineage.lineage(tmp_path, generations=1, seeds=(0, 1))
    toy_lineage.complete(runs[0])
    toy_lineage.complete(runs[3])
    lineage = toy_lineage.read(tmp_path)
    with pytest.raises(ComparisonError, match="F0 and F1 have no finished seed in common yet"):
        lineage_pictures.pair(lineage, 0, 1)
    with pytest.raises(ComparisonError, match="F2 has no finished seed yet"):
        lineage_pictures.disagreeing(lineage, 0, 2)


def test_that_the_matrix_compares_generations_within_a_seed_and_seeds_within_a_generation(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    found = lineage_pictures.agreement(lineage)
    by_seed = [[toy_lineage.probabilities(g, s).argmax(1) for s in range(3)] for g in range(3)]
    assert (
        found.share[0, 2]
        == found.share[2, 0]
        == pytest.approx(np.mean([np.mean(by_seed[0][s] == by_seed[2][s]) for s in range(3)]))
    )
    assert found.share[1, 1] == pytest.approx(
        np.mean([np.mean(by_seed[1][s] == by_seed[1][t]) for s, t in ((0, 1), (0, 2), (1, 2))])
    )


def test_that_disagreement_is_the_probability_on_which_two_generations_differ() -> None:
    same, other = [0.7, 0.3], [0.2, 0.8]
    three = np.array([[same, same], [same, other], [same, other]], np.float32)
    assert lineage_pictures.disagreement(three) == pytest.approx([0.0, 1.0 / 3])
    assert lineage_pictures.disagreement(three[:1]) == pytest.approx([0.0, 0.0])


def test_that_images_are_sorted_by_disagreement_and_averaged_over_seeds(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    table = lineage_pictures.images(lineage)
    assert np.all(np.diff(table.disagreement) <= 0) and table.generations == (0, 1, 2)
    row = int(table.row[0])
    mean = np.mean([toy_lineage.probabilities(1, s)[row] for s in range(3)], axis=0)
    assert table.predicted[0, 1] == mean.argmax() and table.confidence[0, 1] == pytest.approx(mean.max(), abs=1e-6)
    alone = lineage_pictures.images(lineage, 2)
    row = int(alone.row[0])
    assert alone.confidence[0, 0] == pytest.approx(toy_lineage.probabilities(0, 2)[row].max())
    with pytest.raises(ComparisonError, match="Seed 9 has finished nothing yet"):
        lineage_pictures.images(lineage, 9)


def test_that_calibration_is_that_of_compare_seed_by_seed(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    for found, row in zip(lineage_pictures.calibrations(lineage), compare.rows(lineage, [])):
        assert np.mean(found.ece) == pytest.approx(row.ece) and np.mean(found.nll) == pytest.approx(row.nll)
        assert found.diagram.count.sum() == 180 and len(found.diagram.count) == 15


def test_that_pictures_that_are_not_there_become_words(folder: Path) -> None:
    (one, *_) = follow(folder)
    assert lineage_pictures.pictures(folder, one.data).array is not None
    path = folder / "data" / toy_lineage.CACHE
    path.write_bytes(b"no archive")
    assert "cannot be read" in lineage_pictures.pictures(folder, one.data).problem
    path.unlink()
    assert "data/toy-0123.npz is missing" in lineage_pictures.pictures(folder, one.data).problem
    assert "do not say where" in lineage_pictures.pictures(folder, None).problem


def test_that_the_name_of_the_cache_never_leads_out_of_the_workspace(folder: Path) -> None:
    np.savez(folder.parent / "outside.npz", pictures=np.zeros((1, 1, 2, 2), np.uint8))
    assert lineage_pictures.pictures(folder, {"cache": "../../outside.npz"}).array is None


def test_that_suspects_are_those_of_compare_on_the_training_pictures(folder: Path) -> None:
    finished = lineage_model.complete(follow(folder))
    found, problem = lineage_model.suspects(finished)
    assert not problem
    assert all(s.votes >= 0.75 * 9 and s.index == s.row + toy_lineage.PICTURES for s in found) and found


# The ensemble


def test_that_the_strip_says_what_compare_says_of_an_ensemble(folder: Path) -> None:
    lineage = toy_lineage.read(folder)
    one = compare.ensemble(lineage, [0, 2])
    assert one is not None
    told = lineage_model.averaged(one)
    assert told.figure == words.percent(one.mean) and told.gain == words.points(one.gain)
    assert told.contributions == tuple(zip((0, 2), map(words.points, one.contributions)))
    assert "F0 and F2" in told.why


# Recipes


def settings(folder: Path, generation: int) -> list[differences.Settings]:
    return differences.settings([one for one in follow(folder) if one.generation == generation])


def test_that_two_students_differ_in_generation_and_teacher_alone(folder: Path) -> None:
    rows = differences.recipe_difference(settings(folder, 1), settings(folder, 2))
    different = [row for row in rows if not row.equal]
    assert [(row.path, row.before, row.after) for row in different] == [
        ("generation", "1", "2"),
        ("teacher", "F0, seed by seed", "F1, seed by seed"),
    ]
    assert rows[: len(different)] == different
    assert differences.difference_words(rows) == f"2 fields differ, {len(rows) - 2} equal"


def test_that_a_student_differs_from_f0_in_its_method_too(folder: Path) -> None:
    rows = differences.recipe_difference(settings(folder, 0), settings(folder, 1))
    different = {row.path: (row.before, row.after) for row in rows if not row.equal}
    assert different["method.name"] == ("supervised", "ban") and different["teacher"] == ("none", "F0, seed by seed")
    assert different["method.teacher_checkpoint"] == ("none", "last")


def test_that_effective_values_count_once_both_sides_have_started(folder: Path) -> None:
    for run in Workspace(folder).runs():
        if run.recipe().generation:
            threads = 1 if run.recipe().generation == 1 else 2
            text = f'[recipe]\ngeneration = {run.recipe().generation}\n[decided]\nthreads = {threads}\nthreads_reason = "why"\n'
            (run.folder / "effective.toml").write_text(text)
    rows = differences.recipe_difference(settings(folder, 1), settings(folder, 2))
    assert [(row.path, row.before, row.after) for row in rows] == [("generation", "1", "2"), ("decided.threads", "1", "2")]
    assert all(row.path != "decided.threads" for row in differences.recipe_difference(settings(folder, 0), settings(folder, 1)))


def test_that_a_change_on_the_way_is_a_difference_and_names_its_seed(folder: Path) -> None:
    altered = next(run for run in Workspace(folder).runs() if run.name == "digits-s1-F2")
    recorded.write(altered, events.Changed(step=1200, field="optimizer.lr", value=0.05))
    rows = differences.recipe_difference(settings(folder, 1), settings(folder, 2))
    row = next(row for row in rows if row.path == "optimizer.lr")
    lr = row.before
    assert row.after == f"seed 0 {lr}; seed 1 {lr}, then 0.05 from step 1,200; seed 2 {lr}"


def test_that_the_copied_text_reads_like_a_difference(folder: Path) -> None:
    rows = differences.recipe_difference(settings(folder, 1), settings(folder, 2))
    lines = differences.as_text("digits, F1 to F2", rows[:3]).splitlines()
    assert lines[:3] == ["digits, F1 to F2", "- generation = 1", "+ generation = 2"]
    assert lines[-1].startswith("  ")


def test_that_a_run_without_recipe_counts_for_nothing(folder: Path) -> None:
    (folder / "digits-s0-F2" / "recipe.toml").write_text("lineage = 3")
    damaged = Run(folder / "digits-s0-F2")
    one = Followed(damaged, damaged.tail(), problem="damaged")
    assert lineage_model.complete([one]) == [] and differences.settings([one]) == []
    assert lineage_model.boxes([one], Study(), lambda one: "queued")[0].learns_from == ""


# Without a classifier, without labels


def without_labels(folder: Path, labels: bool = True) -> list[Followed]:
    """Two seeds of DINO, complete; their predictions are what neighbours say."""
    for run in recorded.without_labels(folder, "seeds=[0, 1]"):
        recorded.dino(run, labels=labels)
        worth = {"knn/teacher": 0.62, "knn/student": 0.6, "linear/teacher": 0.7 + 0.02 * run.recipe().seed} if labels else {}
        values = {"feature/rank": 29.0 + run.recipe().seed, **worth}
        recorded.write(run, events.Measured(elapsed_s=30.0, step=20, epoch=4.0, split="test", values=values))
        if labels:
            toy_lineage.save(run, "test", toy_lineage.probabilities(0, run.recipe().seed), 0)
        recorded.end(run)
    return follow(folder)


def test_that_a_lineage_without_a_classifier_is_told_by_neighbours(tmp_path: Path) -> None:
    runs = without_labels(tmp_path)
    done = lineage_model.study(lineage_model.complete(runs))
    (box,) = lineage_model.boxes(runs, done, said)
    assert done.by_neighbours and done.measured == "k-NN of the teacher" and not done.left_out
    assert box.learns_from == "no labels, its own average"
    assert box.figure == f"k-NN {words.percent(done.rows[0].mean)}" and box.spread.endswith("2 seeds")
    assert box.verdict == ("", "linear 71.0\u2009% ± 1.4, student's k-NN 60.0\u2009%") and "20 nearest" in box.why
    lead, rest = lineage_model.sentence(done, [box])
    assert lead == box.figure and "linear 71.0" in rest and "no other generation" not in rest
    assert compare.basis(done.lineage, done.measured) == "k-NN of the teacher, 60 test pictures, 2 seeds"


def test_that_a_student_of_a_frozen_network_is_told_by_its_own_neighbours(tmp_path: Path) -> None:
    (run,) = recorded.without_labels(tmp_path)
    text = (run.folder / "recipe.toml").read_text()
    (run.folder / "recipe.toml").write_text('teacher = "large-s0-F0"\n' + text.replace('name = "dino"', 'name = "dinov2"'))
    recorded.dino(run)
    worth = {
        "feature/rank": 29.0,
        "knn/student": 0.6,
        "knn/average": 0.65,
        "linear/average": 0.7,
    }  # its teacher has its own run
    recorded.write(run, events.Measured(elapsed_s=30.0, step=20, epoch=4.0, split="test", values=worth))
    toy_lineage.save(run, "test", toy_lineage.probabilities(0, 0), 0)
    recorded.end(run)
    runs = follow(tmp_path)
    done = lineage_model.study(lineage_model.complete(runs))
    assert done.by_neighbours and done.measured == "k-NN of the average" and len(done.rows) == 1
    (box,) = lineage_model.boxes(runs, done, said)
    assert (box.learns_from, box.verdict) == (
        "no labels, large-s0-F0's prototypes",
        ("", "linear 70.0\u2009%, student's k-NN 60.0\u2009%"),
    )
    assert "by the average's features" in box.why


def test_that_a_taught_student_is_judged_against_a_lineage_that_taught_itself(tmp_path: Path) -> None:
    own = lineage_model.study(lineage_model.complete(without_labels(tmp_path / "own")))
    there = without_labels(tmp_path / "taught")
    for one in there:
        text = (one.run.folder / "recipe.toml").read_text().replace('name = "dino"', 'name = "dinov2"')
        (one.run.folder / "recipe.toml").write_text('teacher = "large-s0-F0"\n' + text)
    taught = lineage_model.complete(follow(tmp_path / "taught"))
    assert lineage_model.study(taught).measured == "k-NN of the average" and own.measured == "k-NN of the teacher"
    assert lineage_model.against(own, taught, "taught") == "+0.0 ± 0.0 against taught, two seeds only, no verdict"


def test_that_the_network_that_is_kept_has_one_curve_whoever_taught_it(tmp_path: Path) -> None:
    (run, *_) = recorded.without_labels(tmp_path)
    recorded.dino(run)
    (one,) = follow(tmp_path)[:1]
    own = lineage_model.seed_traces([one], "knn/teacher@val", "epoch")[0]
    assert (lineage_model.seed_traces([one], "knn/average@val", "epoch")[0].y == own.y).all()
    student = lineage_model.seed_traces([one], "knn/student@val", "epoch")[0]
    assert (student.y != own.y).any()


def test_that_nobody_votes_on_labels_that_were_not_learned(tmp_path: Path) -> None:
    found, why = lineage_model.suspects(lineage_model.complete(without_labels(tmp_path)))
    assert found == () and "no predictions of their training pictures" in why


def test_that_a_lineage_without_labels_is_told_by_the_rank_of_its_features(tmp_path: Path) -> None:
    runs = without_labels(tmp_path, labels=False)
    done = lineage_model.study(lineage_model.complete(runs))
    (box,) = lineage_model.boxes(runs, done, said)
    assert not done.left_out and not done.problem and not done.generations
    assert (box.figure, box.spread) == ("rank 29.5", "± 0.71, 2 seeds")
    assert lineage_model.sentence(done, [box]) == ("Feature rank 29.5", ", ± 0.71, 2 seeds")


def test_that_classes_are_those_by_which_pictures_without_any_are_judged(tmp_path: Path) -> None:
    (one, *_) = without_labels(tmp_path, labels=False)
    assert lineage_model.class_names([one]) == ()
    one.data["evaluated"] = {"classes": ["cat", "dog"], "cache": "judges.npz"}
    assert lineage_model.class_names([one]) == ("cat", "dog") and lineage_model.judged_by(one.data)["cache"] == "judges.npz"
