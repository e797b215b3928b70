"""DINOv2 as a whole run: a small student of a large network that has finished, and larger crops at the end."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import die_at, problem, toy, weights  # type: ignore[import-not-found]
from safetensors.torch import load_file

from engine import checkpoint
from engine.fields import RecipeErrors
from engine.run import Run, Workspace
from engine.train import Training, train

VIT = ("model.name=vit", "model.patch=2", "model.depth=2", "model.heads=2", "generations=0")
HEAD = ("method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", "optimizer.clip=3")
LARGE = ("lineage=large", "method.name=dinov2", *VIT, *HEAD, "model.width=16", "model.heads=4", "method.batch_norm=true")
SMALL = ("lineage=small", "method.name=dinov2", *VIT, *HEAD, "model.width=12", "model.stem=conv", "method.batch_norm=true")
TAUGHT = (*SMALL, "method.teacher_run=large-s0-F0")
AT_LAST = (*SMALL, "method.global_size=8", "method.local_size=4", "method.high_epochs=1", "method.high_size=12")
LAST = "checkpoints/step-00000009"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the large network lies once it is trained: it is the same for all."""
    return tmp_path_factory.mktemp("trained") / "large-s0-F0"


@pytest.fixture
def large(workspace: Workspace, once: Path) -> Run:
    if once.exists():
        return Run(shutil.copytree(once, workspace.folder / once.name))
    (run,) = workspace.create(toy(*LARGE))
    assert train(run) == 0
    shutil.copytree(run.folder, once)
    return run


def test_that_a_small_student_learns_from_a_large_network_that_stays_as_it_is(workspace, large):
    before = {path.name: path.read_bytes() for path in (large.folder / LAST).iterdir()}
    (student,) = workspace.create(toy(*TAUGHT))
    assert (student.recipe().teacher, student.recipe().method.teacher_run) == ("large-s0-F0", "")
    assert train(student) == 0
    assert {path.name: path.read_bytes() for path in (large.folder / LAST).iterdir()} == before
    sha256 = checkpoint.file_sha256(large.folder / LAST / "teacher.safetensors")
    assert student.effective()["teacher"] == {"run": "large-s0-F0", "step": 9, "sha256": sha256}
    state = student.state()
    assert state.completed and not state.diagnoses
    assert {"train/dino", "train/ibot", "train/koleo", "teacher/entropy", "teacher/kl"} <= set(state.curves)
    assert "teacher/lag_epochs" not in state.curves, "what is frozen does not look back"


def test_that_the_average_of_the_student_is_judged_and_kept_and_the_teacher_shown(workspace, large):
    (student,) = workspace.create(toy(*TAUGHT, "probes.attention_every_epochs=1"))
    assert train(student) == 0
    state = student.state()
    assert state.headline == "knn/average@val" and not any(name.startswith("knn/teacher") for name in state.curves)
    assert {"knn/student@val", "knn/student@test", "knn/average@test", "linear/average@test"} <= set(state.curves)
    kept, latest = (
        load_file(student.folder / LAST / "teacher.safetensors"),
        load_file(student.folder / LAST / "model.safetensors"),
    )
    assert kept["blocks.0.attend.qkv.weight"].shape == (36, 12), "the student's own, not the teacher's"
    assert not torch.equal(kept["blocks.0.attend.qkv.weight"], latest["blocks.0.attend.qkv.weight"])
    assert not torch.equal(kept["patches.2.running_mean"], torch.zeros(12)), "the average never saw a batch: it takes over"
    maps = next(one.path for one in reversed(state.artifacts) if one.kind == "attention")
    with np.load(student.folder / maps) as shown:
        assert shown["student"].shape[:2] == (12, 2) and shown["teacher"].shape[:2] == (12, 4)
    kinds = {artifact.kind for artifact in state.artifacts}
    assert {"prototypes", "predictions-test"} <= kinds


@pytest.mark.parametrize("step", [2, 5])
@pytest.mark.parametrize("centering", ["sinkhorn", "centre"])
def test_that_a_resumed_student_of_a_frozen_network_equals_an_unbroken_one(workspace, large, tmp_path, step, centering):
    asked = toy(*TAUGHT, f"method.centering={centering}", "method.momentum=0.8")
    (student,) = workspace.create(asked)
    shutil.copytree(workspace.folder, tmp_path / "unbroken", symlinks=True)
    (whole,) = Workspace(tmp_path / "unbroken").create(asked)
    assert train(whole) == 0
    die_at(student, step)
    assert train(student) == 0
    assert weights(student, 9) == weights(whole, 9)
    assert not any("frozen" in name for name in weights(student, 9)), "it stands in its own run"


def test_that_a_taught_student_teaches_in_turn(workspace, large):
    (student,), (next_one,) = (
        workspace.create(toy(*TAUGHT)),
        workspace.create(toy(*TAUGHT, "lineage=smallest", "method.teacher_run=small-s0-F0")),
    )
    assert train(student) == 0 and train(next_one) == 0


def test_that_prototypes_left_auto_are_as_many_as_the_frozen_teachers(workspace, large):
    (student,) = workspace.create(toy(*TAUGHT, "method.prototypes=auto", "training.epochs=1"))
    assert train(student) == 0
    effective = student.effective()
    assert (effective["recipe"]["method"]["prototypes"], effective["recipe"]["method"]["patch_prototypes"]) == (16, 16)
    assert "large-s0-F0" in str(effective["why"]["method.prototypes"])


def test_that_resuming_refuses_a_frozen_teacher_that_was_exchanged(workspace, large):
    (student,) = workspace.create(toy(*TAUGHT))
    die_at(student, 4)
    path = large.folder / LAST / "teacher.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    assert f"{path} is not the network small-s0-F0 began with" in problem(student)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("method.prototypes=32", "method.prototypes: 32 cannot say what large-s0-F0 says with its 16; write 16"),
        ("method.patch_prototypes=8", "method.patch_prototypes: 8 cannot say what large-s0-F0 says with its 16; write 16"),
        ("model.patch=4", "model.patch: 4 px make other patches of a crop than large-s0-F0 with its 2 px; write 2"),
        ("data.split_seed=1", "large-s0-F0 may have learned from the pictures that this run is tested on"),
    ],
)
def test_that_a_student_that_does_not_fit_its_teacher_is_refused(workspace, large, change, said):
    (student,) = workspace.create(toy(*TAUGHT, change))
    assert said in problem(student)


def test_that_a_network_that_knows_no_patches_teaches_whole_pictures_only(workspace):
    (dino,) = workspace.create(toy(*LARGE, "method.name=dino"))
    assert train(dino) == 0
    (both,) = workspace.create(toy(*TAUGHT))
    assert problem(both) == (
        "method.ibot_weight: 1 asks about patches, for which large-s0-F0 never learned to answer; "
        "write 0, or take a run of dinov2"
    )
    (whole,) = workspace.create(toy(*TAUGHT, "lineage=whole", "method.ibot_weight=0"))
    assert train(whole) == 0


def test_that_a_network_with_classes_does_not_teach_without_labels(workspace):
    (labelled,) = workspace.create(toy("lineage=large", "generations=0", "method.name=supervised"))
    assert train(labelled) == 0
    (student,) = workspace.create(toy(*TAUGHT))
    assert "teacher: large-s0-F0 learned classes and has no prototypes to teach" in problem(student)


def test_that_blocks_are_not_left_out_of_a_student():
    with pytest.raises(RecipeErrors, match=r"model\.drop_path: 0\.1 leaves blocks out, .* write 0"):
        toy(*TAUGHT, "model.drop_path=0.1")


# ---- larger crops at last -----------------------------------------------------------------------------------------------


def test_that_the_last_epochs_see_larger_crops(workspace, monkeypatch):
    (run,) = workspace.create(toy(*AT_LAST))
    seen = []
    original = Training.take_step

    def looking(self):
        original(self)
        seen.append([view.shape[-1] for view in self.last_batch.views])

    monkeypatch.setattr(Training, "take_step", looking)
    assert train(run) == 0
    assert seen == [[8, 4]] * 6 + [[12, 6]] * 3
    state = run.state()
    assert state.curves["schedule/global_size"].values.tolist() == [8] * 6 + [12] * 3
    assert [line.text for line in state.log if "crops" in line.text] == ["crops of 12 and 6 px from epoch 3 on"]


@pytest.mark.parametrize("step", [5, 6, 7])
def test_that_a_run_broken_off_around_larger_crops_equals_an_unbroken_one(workspace, tmp_path, step):
    asked = toy(*AT_LAST)
    (run,) = workspace.create(asked)
    (whole,) = Workspace(tmp_path / "runs").create(toy(*AT_LAST, "lineage=whole"))
    assert train(whole) == 0
    die_at(run, step)
    assert train(run) == 0
    assert weights(run, 9) == weights(whole, 9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("method.high_size=8", "method.high_size: 8 px are not whole patches of more than method.global_size = 8; write 10,"),
        ("method.high_size=13", "method.high_size: 13 px are not whole patches of more than method.global_size = 8; write 14,"),
        ("method.high_epochs=3", "method.high_epochs: 3 are all of training.epochs = 3; write fewer"),
    ],
)
def test_that_larger_crops_that_cannot_be_are_refused(change, said):
    with pytest.raises(RecipeErrors) as refused:
        toy(*AT_LAST, change)
    assert said in str(refused.value)
