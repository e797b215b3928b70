"""A run that starts from another's weights: from the average that a run without labels keeps, pinned and waited for."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import die_at, problem, toy, weights  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file

from engine import checkpoint, decide, turns
from engine.fork import fork
from engine.queue import Queue, enqueue, look
from engine.recipe import RecipeFile
from engine.run import Observer, Run, Workspace, sources_of
from engine.train import train

VIT = ("model.name=vit", "model.patch=2", "model.width=12", "model.depth=2", "model.heads=2", "training.epochs=2")
HEAD = ("method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", "optimizer.clip=3")
DINO = ("lineage=dino", "generations=0", "method.name=dino", *HEAD, *VIT, "keep.full=1", "keep.snapshots=9")
ALONE = ("generations=0", "method.name=supervised", *VIT)


def warm(*changes: str, start: str = "dino-s0-F0") -> RecipeFile:
    return toy(*ALONE, "lineage=warm", f"model.weights={start}", *changes)


@pytest.fixture
def dino(workspace: Workspace) -> Run:
    (run,) = workspace.create(toy(*DINO))
    assert train(run) == 0
    return run


def at(run: Run, step: int, part: str = "teacher") -> Path:
    return run.folder / f"checkpoints/step-{step:08d}/{part}.safetensors"


def test_that_a_run_starts_from_the_average_of_a_run_without_labels(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(warm("model.freeze=true"))
    assert run.recipe().model.weights == "dino-s0-F0" and sources_of(run) == (dino,)
    assert train(run) == 0
    ours, theirs = load_file(at(run, 6, "model")), load_file(at(dino, 6))
    changed = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    assert changed == {"classify.weight", "classify.bias"}
    sha256 = checkpoint.file_sha256(at(dino, 6))
    assert run.effective()["weights"] == {
        "path": "dino-s0-F0/checkpoints/step-00000006/teacher.safetensors",
        "sha256": sha256,
        "format": "safetensors, Filial",
        "share": 1.0,
        "run": "dino-s0-F0",
        "step": 6,
    }
    told = run.state().weights
    assert told is not None and (told.run, told.step, told.sha256, told.whole) == ("dino-s0-F0", 6, sha256, True)
    assert told.text.startswith("the backbone starts from dino-s0-F0 at step 6: 30 of 30 tensors found; ")
    report = json.loads((run.folder / "artifacts/a01-step00000000-import-report.json").read_text())
    assert (report["run"], report["step"], report["left_aside"]) == ("dino-s0-F0", 6, ["classifier", "head"])


def test_that_each_generation_starts_from_a_step_and_pruning_keeps_it(workspace: Workspace, dino: Run) -> None:
    asked = toy("generations=1", *VIT, "lineage=warm", "model.weights=dino-s{seed}-F0@3", "keep.snapshots=0")
    f0, f1 = workspace.create(asked)
    assert [run.recipe().model.weights for run in (f0, f1)] == ["dino-s0-F0@3"] * 2
    assert sources_of(f1) == (dino, f0)
    assert checkpoint.teachers_of_others(dino) == {3}, "asked for by number before it has started"
    assert train(f0) == 0 and train(f1) == 0
    assert [run.effective()["weights"]["step"] for run in (f0, f1)] == [3, 3]
    assert checkpoint.teachers_of_others(dino) == {3}
    checkpoint.prune(dino, 1, 0, None, checkpoint.teachers_of_others(dino))
    assert [folder.name for folder in dino.checkpoint_folders()] == ["step-00000003", "step-00000006"]


def test_that_a_checkpoint_without_a_step_is_kept_once_it_is_pinned(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(warm())
    assert checkpoint.teachers_of_others(dino) == set()
    die_at(run, 1)
    assert checkpoint.teachers_of_others(dino) == {6}


def test_that_resuming_refuses_weights_that_were_exchanged(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(warm())
    die_at(run, 4)
    path = at(dino, 6)
    kept = path.read_bytes()
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    assert problem(run) == f"model.weights: {path} is not the network this run began with; bring the old one back"
    path.unlink()
    assert problem(run) == f"model.weights: {path} is gone; bring it back"
    path.write_bytes(kept)
    assert train(run) == 0
    (whole,) = workspace.create(warm("lineage=whole"))
    assert train(whole) == 0 and weights(run, 6) == weights(whole, 6)


def test_that_a_run_is_not_begun_before_the_one_it_starts_from_is_complete(workspace: Workspace) -> None:
    (dino,) = workspace.create(toy(*DINO))
    (run,) = workspace.create(warm())
    assert problem(run) == (
        f"model.weights: dino-s0-F0 has not completed in {workspace.folder}; train it first (`filial resume dino-s0-F0`)"
    )
    assert decide.read(run) is None
    told: list[str] = []
    assert turns.work([run], lambda run, process: 0, told.append) == 1
    assert told == ["warm-s0-F0 is not begun: dino-s0-F0, which it starts from, has not completed"]
    assert train(dino) == 0 and train(run) == 0


def test_that_a_step_that_was_not_kept_is_refused_with_those_that_were(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(warm(start="dino-s0-F0@4"))
    assert problem(run) == "model.weights: dino-s0-F0 has no checkpoint at step 4; write one of dino-s0-F0@3, dino-s0-F0@6"


def test_that_weights_that_may_have_seen_the_test_pictures_are_refused(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(warm("data.split_seed=1"))
    assert "model.weights: dino-s0-F0 may have learned from the pictures that this run is tested on" in problem(run)


def test_that_the_queue_puts_a_run_behind_the_one_it_starts_from_and_lets_it_wait(workspace: Workspace) -> None:
    (dino,) = workspace.create(toy(*DINO))
    enqueue(workspace, warm())
    queue = Queue(workspace)
    assert Observer().state_of(workspace.run("warm-s0-F0")) == "queued"
    (alone,) = look(queue)
    assert (alone.standing, alone.line()) == ("blocked", "blocked: dino-s0-F0 is not in the queue; filial queue add dino-s0-F0")
    queue.add([dino.name])
    assert queue.names() == ["dino-s0-F0", "warm-s0-F0"]
    assert [(entry.standing, entry.behind) for entry in look(queue)] == [("ready", ""), ("waiting", "dino-s0-F0")]
    with pytest.raises(Exception, match="warm-s0-F0 starts from dino-s0-F0, which must come before it"):
        queue.move(["dino-s0-F0"], 2)


def test_that_a_fork_keeps_what_its_parent_began_with_and_needs_none_of_it(workspace: Workspace, dino: Run) -> None:
    (parent,) = workspace.create(warm("keep.full=2"))
    assert train(parent) == 0
    child, _ = fork(parent, 3)
    shutil.rmtree(dino.folder)
    assert sources_of(child) == () == child.recipe().sources and Observer().state_of(child) == "queued"
    assert train(child) == 0
    assert weights(child, 6) == weights(parent, 6)
    assert child.effective()["weights"] == parent.effective()["weights"]
    later, _ = fork(parent, 3, ["optimizer.lr=0.01"])
    shutil.rmtree(parent.folder)
    assert train(later) == 0 and "weights" not in later.effective()


def test_that_a_fork_learns_from_the_very_checkpoint_that_taught_its_parent(workspace: Workspace) -> None:
    teacher, parent = workspace.create(toy("method.teacher_checkpoint=best", "keep.snapshots=9", "keep.full=3"))
    assert train(teacher) == 0 and train(parent) == 0
    child, _ = fork(parent, 3)
    effective = parent.folder / "effective.toml"
    pinned = parent.effective()["teacher"]
    other = next(step for step in (3, 6, 9) if step != pinned["step"])
    sha256 = checkpoint.file_sha256(at(teacher, other, "model"))
    text = effective.read_text().replace(pinned["sha256"], sha256).replace(f"step = {pinned['step']}\n", f"step = {other}\n")
    effective.write_text(text)
    assert train(child) == 0
    assert child.effective()["teacher"] == {"run": teacher.name, "step": other, "sha256": sha256}


# ---- the head first -----------------------------------------------------------------------------------------------------

FIRST = ("model.head_epochs=1", "training.epochs=3", "optimizer.momentum=0.9")


def test_that_the_head_learns_alone_at_first_and_then_all_does(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(warm(*FIRST, "keep.snapshots=9"))
    assert train(run) == 0
    theirs, first, last = (load_file(path) for path in (at(dino, 6), at(run, 3, "model"), at(run, 9, "model")))
    head = {"classify.weight", "classify.bias"}
    assert {name for name in first if not torch.equal(first[name], theirs[name])} == head
    assert {name for name in last if not torch.equal(last[name], first[name])} == set(last)
    told = [line.text for line in run.state().log if "learns" in line.text]
    assert told == ["the head learns alone until epoch 1 is done", "the whole network learns from epoch 2 on"]


@pytest.mark.parametrize("network", ["vit", "small_cnn"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_that_a_run_resumed_around_the_end_of_the_head_start_equals_an_unbroken_one(
    workspace: Workspace, network: str, optimizer: str
) -> None:
    """Dropout, BatchNorm and momenta included: what has not learned yet has none. Steps 1 to 6 are the head's alone."""
    changes = ["model.head_epochs=2", "training.epochs=4", f"optimizer.name={optimizer}", *ALONE[:2]]
    changes += [*VIT[:-1], "model.drop_path=0.2"] if network == "vit" else []
    source = toy(*changes[2:], "lineage=source", "training.epochs=1")
    (theirs,) = workspace.create(source)
    assert train(theirs) == 0
    start = f"model.weights={theirs.name}"
    (whole,) = workspace.create(toy(*changes, start, "lineage=whole", "keep.full=3"))
    assert train(whole) == 0
    for step in (4, 6, 10):  # goes on from step 3, 6, 9
        (run,) = workspace.create(toy(*changes, start, f"lineage=died{step}", "keep.full=3"))
        die_at(run, step)
        assert train(run) == 0
        assert weights(run, 12) == weights(whole, 12)


# ---- before the first step ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["dino", "dinov2"])
def test_that_neighbours_are_asked_before_the_first_step_of_a_run_from_weights(
    workspace: Workspace, dino: Run, method: str
) -> None:
    named = (*DINO, f"method.name={method}", f"lineage={method}-on")
    (run,) = workspace.create(toy(*named, "model.weights=dino-s0-F0", "model.head_epochs=1"))
    assert train(run) == 0
    curves = run.state().curves
    assert curves["knn/teacher@val"].steps.tolist() == [0, 3, 6] and "feature/rank@val" in curves
    assert curves["feature/rank@val"].steps.tolist() == [3, 6]
    last = dino.state().curves["knn/teacher@val"].last
    assert curves["knn/student@val"].values[0] == curves["knn/teacher@val"].values[0] == pytest.approx(last)
    assert 0 not in dino.state().curves["knn/teacher@val"].steps, "without weights there is nothing to be measured yet"


def test_that_a_run_that_began_again_is_not_measured_twice(workspace: Workspace, dino: Run) -> None:
    (run,) = workspace.create(toy(*DINO, "lineage=on", "model.weights=dino-s0-F0"))
    die_at(run, 1)
    assert train(run) == 0
    assert run.state().curves["knn/teacher@val"].steps.tolist() == [0, 3, 6]
