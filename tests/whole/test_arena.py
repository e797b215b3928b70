"""One recipe, all the ways to a good network: who takes part, at equal pictures seen, and what may be said of them."""

import json

import numpy as np
import pytest
from conftest import die_at, filial, toy, toy_file  # type: ignore[import-not-found]

from engine import compare, lineages
from engine.arena import NAMES, arena, contestants, judged
from engine.fields import RecipeErrors
from engine.predictions import Generation
from engine.run import Refused
from engine.train import train

VIT = (
    "generations=0", "model={name='vit', patch=2, width=24, depth=1}", "optimizer={name='adamw', lr=1e-3}", "training.epochs=2",
    "method={name='dinov2', hidden=32, bottleneck=16, layers=2, prototypes=16, patch_prototypes=16, local_crops=2, blur=false}",
)  # fmt: skip


def test_that_all_share_data_network_epochs_and_seeds_and_teachers_come_first():
    files, skipped = contestants(toy(*VIT, "seeds=[0, 2]"))
    assert list(files) == ["scratch", "large", "kd", "ban", "dino", "dinov2"] and not skipped
    asked = {name: file.recipe for name, file in files.items()}
    for name, one in asked.items():
        first = asked["scratch"]
        shared = (one.data, one.training, one.seeds, one.augment, one.compute, one.generations)
        assert shared == (first.data, first.training, (0, 2), first.augment, first.compute, 0)
        assert one.lineage == f"toy-{name}"
        assert one.model.width == (48 if name == "large" else 24)
    assert asked["kd"].method.teacher_run == "toy-large-s{seed}-F0"
    assert asked["ban"].method.teacher_run == "toy-scratch-s{seed}-F0"
    assert asked["dino"].method.prototypes == asked["dinov2"].method.prototypes == 16
    assert asked["dinov2"].optimizer.lr == 1e-3 and asked["scratch"].optimizer.lr == "auto"


def test_that_a_recipe_with_labels_keeps_its_optimizer_for_those_who_learn_from_labels():
    files, _ = contestants(toy("method.name=kd", "method.temperature=2.0", "model={name='resnet', depth=8, width=4}"))
    assert {files[name].recipe.optimizer.lr for name in ("scratch", "large", "kd", "ban")} == {0.05}
    assert files["kd"].recipe.method.temperature == 2.0 and files["dino"].recipe.optimizer.lr == "auto"
    assert files["dino"].recipe.method.flip == 0.0, "what must not be mirrored with labels must not be without"
    own, _ = contestants(toy("teacher_model={name='small_cnn', width=64}"))
    assert own["large"].recipe.model.width == 64


def test_that_who_cannot_take_part_is_left_out_with_the_reason():
    files, skipped = contestants(toy())
    assert "dinov2" not in files and skipped[0].name == "dinov2"
    assert skipped[0].reason.startswith("model.name: small_cnn has no patches that dinov2 could hide")
    _, skipped = contestants(toy("model={name='timm', variant='mobilenetv3_small_050'}"), ["kd"])
    assert skipped[0] == ("kd", "model.name: timm has no width to double; write the larger teacher as [teacher_model]")
    assert list(contestants(toy(), ["ban"])[0]) == ["scratch", "ban"]
    with pytest.raises(Refused, match=r"--only: there is no contestant 'bann'; write some of scratch, kd, ban, dino, dinov2"):
        contestants(toy(), ["bann"])
    with pytest.raises(Refused, match="no classes"):
        contestants(toy("generations=0", "method={name='dino'}", "data={name='pictures', path='.'}"))
    with pytest.raises(RecipeErrors, match="lineage"):
        contestants(toy(f"lineage={'x' * 78}"))


def test_that_the_table_holds_each_against_scratch_seed_by_seed(workspace):
    files, _ = contestants(toy(*VIT, "seeds=[0, 1, 2]"), ["ban", "dinov2"])
    runs = {name: workspace.create(file) for name, file in files.items()}
    for some in runs.values():
        for run in some:
            assert train(run) == 0
    scratch, ban, dinov2 = judged(runs)
    assert [row.name for row in (scratch, ban, dinov2)] == ["scratch", "ban", "dinov2"] and scratch.verdict is None
    assert {row.pictures for row in (scratch, ban, dinov2)} == {2 * 96} and {row.seeds for row in (ban, dinov2)} == {(0, 1, 2)}
    assert (scratch.crops, dinov2.crops, scratch.teacher_pictures, ban.teacher_pictures) == (1, 4, 0, 192)
    assert ban.teacher_minutes == scratch.minutes > 0
    linear = [run.state().curves["linear/teacher@test"].last for run in runs["dinov2"]]
    assert dinov2.per_seed == pytest.approx(linear, abs=1e-9), "what is kept of each picture is what was measured"
    both = [Generation(k, {one.seed: one for one in (lineages.predictions_of(run, run.state(), split) for run in runs[name])})
            for k, (name, split) in enumerate([("scratch", "test"), ("dinov2", "linear")])]  # fmt: skip
    alone = compare.pair_verdict(both[1], both[0])
    assert dinov2.verdict.difference == alone.difference and dinov2.verdict.difference.seeds == 3
    p = [ban.verdict.difference.p, dinov2.verdict.difference.p]
    assert [ban.verdict.p_adjusted, dinov2.verdict.p_adjusted] == compare.holm(p)
    assert np.isclose(dinov2.verdict.difference.mean, dinov2.mean - scratch.mean)


def test_that_the_verb_trains_what_lacks_and_prints_one_table(workspace, tmp_path):
    asked = ("arena", toy_file(tmp_path), "--only", "ban,dinov2", "--runs", workspace.folder)
    done = filial(*asked, "--set", "training.epochs=1")
    assert done.returncode == 0, done.stderr
    assert "scratch" in done.stdout and "born-again F1" in done.stdout and "too few seeds for a verdict" in done.stdout
    assert "DINOv2 + linear takes no part: model.name: small_cnn has no patches" in done.stdout
    told = json.loads(filial(*asked, "--set", "training.epochs=1", "--json").stdout)
    assert [row["name"] for row in told["contestants"]] == ["scratch", "ban"] and list(told["skipped"]) == ["dinov2"]
    assert told["contestants"][1]["verdict"]["p_adjusted"] is None and told["contestants"][1]["note"] == ""
    assert set(NAMES) > set(told["skipped"])
    other = filial(*asked, "--set", "training.epochs=2")
    assert other.returncode == 2 and "--set lineage=NAME" in other.stderr


def test_that_a_name_that_is_taken_leaves_no_folder_of_the_others_behind(workspace):
    workspace.create(toy("generations=0", "method.name=supervised", "lineage=toy-ban"))
    with pytest.raises(Refused, match=r"toy-ban-s0-F0 exists in .* with another recipe"):
        arena(workspace, toy(), ["ban"], resume=False, as_json=False)
    assert [run.name for run in workspace.runs()] == ["toy-ban-s0-F0"]


def test_that_what_a_kill_broke_off_is_continued_and_the_table_is_whole(workspace, tmp_path):
    files, _ = contestants(toy("training.epochs=2"), ["ban"])
    ((scratch,), (ban,)) = (workspace.create(files[name]) for name in ("scratch", "ban"))
    assert train(scratch) == 0
    die_at(ban, 4)
    asked = ("arena", toy_file(tmp_path), "--only", "ban", "--runs", workspace.folder, "--set", "training.epochs=2", "--json")
    done = filial(*asked)
    assert done.returncode == 0, done.stderr
    assert [attempt.resumed_from_step for attempt in ban.state().attempts] == [0, 3] and len(scratch.state().attempts) == 1
    _, row = json.loads(done.stdout)["contestants"]
    assert (row["note"], row["pictures"], row["teacher_pictures"]) == ("", 192, 192) and row["mean"] is not None
