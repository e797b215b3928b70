"""A fork goes on from another run's checkpoint: as the parent would have, or otherwise from that step on."""

import json
import shutil

import pytest
from conftest import filial, toy, weights  # type: ignore[import-not-found]

from engine import checkpoint
from engine.commands import Change
from engine.fields import RecipeErrors
from engine.fork import fork, forks_of
from engine.run import Observer, Refused, Run, Workspace
from engine.train import Training, train

STEPS = 9  # 96 pictures in batches of 32, three epochs
ALONE = ("generations=0", "method.name=supervised")
DINO = (
    "generations=0", "method={name='dino', hidden=32, bottleneck=16, layers=2, prototypes=16, local_crops=2, blur=false}",
    "data={name='digits', train_size=96, label_noise=0.0}", "optimizer={name='adamw', lr=1e-3}",
    "model={name='vit', patch=2, width=24, depth=1}",
)  # fmt: skip


def trained(workspace: Workspace, *changes: str) -> Run:
    run = workspace.create(toy(*ALONE, "keep.full=3", *changes))[0]
    assert train(run) == 0
    return run


def refusals(*asked: object, **more: object) -> list[str]:
    with pytest.raises(RecipeErrors) as refused:
        fork(*asked, **more)  # type: ignore[arg-type]
    return [str(error) for error in refused.value.errors]


@pytest.mark.parametrize(
    "changes", [(), DINO, ("optimizer={name='adamw', lr=1e-3}", "compute.threads=0")], ids=["", "dino", "auto"]
)
def test_that_a_fork_without_a_change_is_the_parent_to_the_last_bit(workspace, changes):
    parent = trained(workspace, *changes)
    child, there = fork(parent, 6)
    assert (child.name, there) == ("toy-s0-F0-fork1", False)
    assert train(child) == 0
    assert weights(child, STEPS) == weights(parent, STEPS)
    ours, theirs = child.state(), parent.state()
    assert [attempt.resumed_from_step for attempt in ours.attempts] == [6]
    loss = ours.curves["train/loss"]
    assert loss.steps.tolist() == [7, 8, 9] and loss.values.tolist() == theirs.curves["train/loss"].values[6:].tolist()
    name = theirs.headline
    assert ours.curves[name].steps.tolist() == [6, 9], "its curve begins where it left its parent"
    assert ours.curves[name].values.tolist() == theirs.curves[name].values[1:].tolist()
    assert "forked from toy-s0-F0 at step 6" in [line.text for line in ours.log]


def test_that_a_fork_in_the_middle_of_an_epoch_of_a_taught_run_is_the_parent_too(workspace, monkeypatch):
    teacher, student = workspace.create(toy("keep.full=9"))
    assert train(teacher) == 0
    original = Training.take_step

    def saving(self):
        if self.step == 5:
            self.save()
        original(self)

    monkeypatch.setattr(Training, "take_step", saving)
    assert train(student) == 0
    monkeypatch.undo()
    child, _ = fork(student, 5)
    assert train(child) == 0
    assert weights(child, STEPS) == weights(student, STEPS)
    assert child.effective()["teacher"] == student.effective()["teacher"]


def test_that_what_was_changed_is_in_force_from_that_step_on_and_nothing_else(workspace):
    parent = trained(workspace)
    child, _ = fork(parent, 6, ["optimizer.momentum=0.5"])
    assert train(child) == 0
    ours, theirs = child.state().curves["train/loss"].values, parent.state().curves["train/loss"].values[6:]
    assert ours[0] == theirs[0], "the loss of the first step is that of the same network"
    assert ours[2] != theirs[2] and weights(child, STEPS) != weights(parent, STEPS)
    state = checkpoint.read_state(child.folder / "checkpoints/step-00000009")
    assert {group["momentum"] for group in state.optimizer["groups"]} == {0.5}
    asked, before = child.recipe(), parent.recipe()
    assert asked.optimizer.momentum == 0.5 and asked.optimizer.lr == before.optimizer.lr and asked.data == before.data
    assert (asked.fork.run, asked.fork.step) == ("toy-s0-F0", 6)
    model = parent.folder / "checkpoints/step-00000006/model.safetensors"
    assert asked.fork.sha256 == checkpoint.file_sha256(model)


def test_that_the_momentum_of_a_dino_teacher_is_another_from_there_on(workspace):
    parent = trained(workspace, *DINO)
    child, _ = fork(parent, 3, ["method.momentum=0.5", "training.epochs=2"])
    assert train(child) == 0
    assert child.state().curves["schedule/momentum"].values[0] < parent.state().curves["schedule/momentum"].values[3]
    assert child.effective()["recipe"]["method"]["prototypes"] == parent.effective()["recipe"]["method"]["prototypes"]


def test_that_the_same_fork_asked_twice_is_one_even_when_the_checkpoint_is_gone_by_then(workspace):
    parent = trained(workspace)
    first, _ = fork(parent, 6, ["optimizer.lr=0.01"])
    shutil.rmtree(parent.folder / "checkpoints/step-00000006")
    assert fork(parent, 6, ["optimizer.lr=0.01"]) == (first, True)
    second, there = fork(parent, 3, ["optimizer.lr=0.01"])
    assert (second.name, there) == ("toy-s0-F0-fork2", False)
    assert [run.name for run in forks_of(parent)] == ["toy-s0-F0-fork1", "toy-s0-F0-fork2"]
    assert train(first) == 0, "the fork has the checkpoint, whatever became of the parent"
    third, _ = fork(first, 9, ["training.epochs=4"])
    assert third.name == "toy-s0-F0-fork1-fork1" and third.recipe().fork.run == first.name
    assert third.recipe().optimizer.lr == 0.01 and third.forked_from == first.name and not parent.forked_from
    assert train(third) == 0
    assert [one.name for one in workspace.runs()] == [one.name for one in (parent, first, third, second)]


def test_that_what_was_changed_in_the_parent_on_the_way_is_the_forks_too(workspace, monkeypatch):
    original = Training.take_step

    def asking(self):
        if self.step == 3:
            self.run.send(Change(field="optimizer.lr", value=0.011))
        original(self)

    monkeypatch.setattr(Training, "take_step", asking)
    parent = trained(workspace)
    monkeypatch.undo()
    child, _ = fork(parent, 6)
    assert child.recipe().optimizer.lr == 0.011
    assert train(child) == 0
    assert weights(child, STEPS) == weights(parent, STEPS)
    earlier, _ = fork(parent, 3)
    assert earlier.recipe().optimizer.lr == 0.05, "it forks off before the change"


def test_that_a_snapshot_without_momenta_takes_a_fresh_optimizer(workspace):
    parent = trained(workspace, "keep.full=1", "keep.snapshots=9")
    with pytest.raises(
        Refused, match="weights of step 3 without the optimizer's momenta; fork from 9, which are whole, or add --fresh"
    ):
        fork(parent, 3)
    child, _ = fork(parent, 3, fresh_optimizer=True)
    assert train(child) == 0 and child.recipe().fork.fresh_optimizer
    assert weights(child, STEPS).keys() == weights(parent, STEPS).keys()
    assert child.state().curves["train/loss"].values[0] == parent.state().curves["train/loss"].values[3]
    assert refusals(parent, 9, ["optimizer.name=adamw", "training.epochs=4"]) == [
        "optimizer.name: adamw cannot go on with the momenta of sgd; add --fresh-optimizer to begin with none"
    ]
    other, _ = fork(parent, 9, ["optimizer={name='adamw', lr=1e-3}", "training.epochs=4"], fresh_optimizer=True)
    assert train(other) == 0


def test_that_a_step_that_is_not_kept_is_refused_with_those_that_are(workspace):
    parent = trained(workspace, "keep.full=2", "keep.snapshots=9")
    with pytest.raises(Refused) as refused:
        fork(parent, 5)
    assert str(refused.value) == (
        "toy-s0-F0 has no checkpoint at step 5; there are 3 (weights only), 6 and 9. The nearest is --at 6"
    )
    assert refusals(parent, 9)[0].startswith("training.epochs: 3 end with step 9, so from step 9 none is left to take")
    (parent.folder / "checkpoints/step-00000006/model.safetensors").write_bytes(b"rotten")
    with pytest.raises(Refused, match="step-00000006 is damaged"):
        fork(parent, 6)
    with pytest.raises(Refused, match="--at: at step 0 nothing is learned yet"):
        fork(parent, 0)
    assert not forks_of(parent)
    (fresh,) = workspace.create(toy(*ALONE, "lineage=fresh"))
    with pytest.raises(Refused, match="fresh-s0-F0 has not been trained"):
        fork(fresh, 3)


def test_that_what_the_checkpoint_was_made_with_cannot_change(workspace):
    parent = trained(workspace)
    told = refusals(
        parent, 6, ["model.width=16", "seed=3", "data.split_seed=4", "training.batch=16", "training.same_order=true"]
    )
    fields = ["data.split_seed", "model.width", "seed", "training.batch", "training.same_order"]
    assert [line.partition(":")[0] for line in told] == fields
    assert told[1] == (
        "model.width: is the network in the checkpoint, so a fork keeps 8; "
        "train a lineage of its own for that (--set lineage=NAME)"
    )
    assert refusals(parent, 6, ["method.name=dino", "model={name='resnet'}"]) == [
        "method.name: is what the steps before were, so a fork keeps supervised; "
        "train a lineage of its own for that (--set lineage=NAME)",
        "model.name: is the network in the checkpoint, so a fork keeps small_cnn; "
        "train a lineage of its own for that (--set lineage=NAME)",
    ]
    assert "optimizer.lr: -1.0 is outside" in refusals(parent, 6, ["optimizer.lr=-1.0"])[0]


def test_that_a_run_at_work_is_forked_and_neither_notices(workspace, monkeypatch):
    made, original = [], Training.take_step

    def forking(self):
        if self.step == 7 and not made:
            made.append(fork(self.run, 6)[0])
        original(self)

    monkeypatch.setattr(Training, "take_step", forking)
    parent = trained(workspace, *DINO)
    monkeypatch.undo()
    assert train(made[0]) == 0
    assert weights(made[0], STEPS) == weights(parent, STEPS)


def test_that_a_checkpoint_that_goes_meanwhile_is_said_to_be_gone(workspace, monkeypatch):
    parent, original = trained(workspace), checkpoint.begin_with

    def thinning(folder, run, fresh_optimizer):
        shutil.rmtree(folder)
        original(folder, run, fresh_optimizer)

    monkeypatch.setattr(checkpoint, "begin_with", thinning)
    with pytest.raises(Refused, match=r"toy-s0-F0 has thinned out the checkpoint of step 6 just now; .* there are 3 and 9"):
        fork(parent, 6)
    monkeypatch.undo()
    (parent.folder / "data.json").unlink()
    with pytest.raises(Refused, match=r"toy-s0-F0 has no data.json"):
        fork(parent, 3)
    assert {path.name for path in workspace.folder.iterdir()} == {"data", "toy-s0-F0", ".fork.lock"}


def test_that_of_two_that_fork_at_once_one_waits(workspace, monkeypatch):
    """They would take the same number."""
    parent, original, refused = trained(workspace), checkpoint.begin_with, []

    def meanwhile(folder, run, fresh_optimizer):
        with pytest.raises(Refused, match="somebody else forks"):
            fork(parent, 3)
        refused.append(run.name)
        original(folder, run, fresh_optimizer)

    monkeypatch.setattr(checkpoint, "begin_with", meanwhile)
    monkeypatch.setattr("engine.fork.PATIENCE_S", 0.0)
    child, _ = fork(parent, 6)
    monkeypatch.undo()
    assert refused == [".toy-s0-F0-fork1"] and fork(parent, 3)[0].name == "toy-s0-F0-fork2"
    assert train(child) == 0 and weights(child, STEPS) == weights(parent, STEPS)


def test_that_weights_alone_of_a_network_and_its_average_are_enough(workspace):
    parent = trained(workspace, *DINO, "keep.full=1", "keep.snapshots=9")
    child, _ = fork(parent, 3, ["method.local_crops=3"], fresh_optimizer=True)
    assert train(child) == 0
    first, theirs = (run.state().curves["train/loss"] for run in (child, parent))
    assert first.steps.tolist() == [4, 5, 6, 7, 8, 9] and abs(first.values[0] - theirs.values[3]) < 0.5, "other crops"
    assert {path.name for path in (child.folder / "checkpoints/step-00000009").iterdir()} >= {"teacher.safetensors"}


def test_that_a_fork_is_forked_at_the_step_it_was_born_with(workspace):
    parent = trained(workspace)
    child, _ = fork(parent, 3, ["optimizer.lr=0.02"])
    with pytest.raises(Refused, match=r"fork1 has not been trained, .* or fork toy-s0-F0, which it begins with"):
        fork(child, 3)
    assert train(child) == 0
    grandchild, _ = fork(child, 3, ["optimizer.lr=0.05"])
    assert train(grandchild) == 0
    assert weights(grandchild, STEPS) == weights(parent, STEPS), "the change is undone, and nothing else is left of it"


def test_that_a_fork_is_trained_told_and_left_out_of_its_lineages_verdicts(workspace):
    trained(workspace)
    forked = ("fork", "toy-s0-F0", "--at", "6", "--runs", workspace.folder)
    done = filial(*forked, "--set", "optimizer.momentum=0.5")
    assert done.returncode == 0, done.stderr
    assert "toy-s0-F0-fork1 begins at step 6 of toy-s0-F0" in done.stdout and "toy-s0-F0-fork1 completed" in done.stdout
    again = filial(*forked, "--set", "optimizer.momentum=0.5")
    assert again.returncode == 0 and "toy-s0-F0-fork1 is there already" in again.stdout
    queued = filial(*forked, "--set", "optimizer.momentum=0.0", "--queue")
    assert queued.returncode == 0 and "1 run in the queue, place 1" in queued.stdout
    assert Observer().state_of(workspace.run("toy-s0-F0-fork2")) == "queued"
    rows = json.loads(filial("status", "--json", "--runs", workspace.folder).stdout)
    assert [(row["run"], row["step"]) for row in rows] == [
        ("toy-s0-F0", 9), ("toy-s0-F0-fork1", 9), ("toy-s0-F0-fork2", 0)
    ]  # fmt: skip
    compared = filial("compare", "--runs", workspace.folder)
    assert compared.returncode == 0, compared.stderr
    assert "toy-s0-F0-fork1, from step 6, optimizer.momentum 0.5 instead of 0.9" in compared.stdout
    (branch,) = json.loads(filial("compare", "--json", "--runs", workspace.folder).stdout)["forks"]
    assert (branch["run"], branch["parent"], branch["step"]) == ("toy-s0-F0-fork1", "toy-s0-F0", 6)
    assert branch["changes"] == {"optimizer.momentum": [0.9, 0.5]}
    assert branch["difference"] == pytest.approx(branch["accuracy"] - branch["parent_accuracy"])
    refused = filial("fork", "toy-s0-F0", "--at", "7", "--runs", workspace.folder)
    assert refused.returncode == 2 and "there are 3, 6 and 9" in refused.stderr
