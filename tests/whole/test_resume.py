"""A run that died is continued as if it had not: the same weights, to the last bit, on the CPU."""

import os
import shutil
import signal
import subprocess

import pytest
from conftest import die_at, engine, filial, toy, toy_file, until, weights  # type: ignore[import-not-found]
from safetensors import SafetensorError

from engine import train as room
from engine.commands import Change, Pause, SaveNow, Stop
from engine.run import Observer, Run, Workspace
from engine.train import train

STEPS = 9  # 96 pictures in batches of 32, three epochs


@pytest.fixture
def unbroken(tmp_path, decoded_digits):
    """The same recipe trained without a break, in a workspace of its own."""
    folder = tmp_path / "unbroken"
    folder.mkdir()
    (folder / "data").symlink_to(decoded_digits, target_is_directory=True)

    def of(*changes: str) -> Run:
        runs = Workspace(folder).create(toy(*changes))
        for run in runs:
            assert train(run) == 0
        return runs[-1]

    return of


@pytest.mark.parametrize("step", [0, 1, 3, 4, 8])
def test_that_a_resumed_run_equals_an_unbroken_one(workspace, unbroken, step):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    die_at(run, step)
    assert Observer().state_of(run) == "lost"
    assert train(run) == 0
    whole = unbroken("generations=0", "method.name=supervised")
    assert weights(run, STEPS) == weights(whole, STEPS)
    assert [a.resumed_from_step for a in run.state().attempts] == [0, 3 * (step // 3)]
    assert kept(run) == kept(whole)


@pytest.mark.parametrize("where", ["probe", "save", "save_maps", "report"])
def test_that_a_death_between_steps_loses_nothing(workspace, unbroken, where):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    at = STEPS if where == "report" else 3
    die_at(run, at, where)
    assert train(run) == 0
    whole = unbroken("generations=0", "method.name=supervised")
    assert weights(run, STEPS) == weights(whole, STEPS)
    assert kept(run) == kept(whole)


def kept(run: Run) -> dict[str, list[tuple[int, float]]]:
    """The points of every metric that no resume abandoned; measurements of time and memory aside."""
    curves = run.state().curves.items()
    return {
        name: list(zip(curve.steps[curve.kept].tolist(), curve.values[curve.kept].tolist(), strict=True))
        for name, curve in curves
        if not name.startswith(("throughput/", "memory/"))
    }


@pytest.mark.parametrize(
    "changes",
    [
        ("model.name=vit", "model.patch=2", "model.width=24", "model.depth=2", "model.drop_path=0.2", "optimizer.name=adamw"),
        ("model.name=resnet", "model.depth=8", "model.width=8", "schedule.name=step", "schedule.milestones=[1, 2]"),
        ("compute.precision=bfloat16", "augment.flip=true", "optimizer.clip=1.0", "schedule.warmup_epochs=1"),
    ],
    ids=["vit with drop path, AdamW", "resnet, steps", "bfloat16, clip, warm-up"],
)
def test_that_dropout_momenta_and_precision_resume_exactly_too(workspace, unbroken, changes):
    changes = ("generations=0", "method.name=supervised", *changes)
    run = workspace.create(toy(*changes))[0]
    die_at(run, 5)
    assert train(run) == 0
    assert weights(run, STEPS) == weights(unbroken(*changes), STEPS)


@pytest.mark.parametrize("command", [Stop(when="now"), Pause()], ids=["stop now", "pause"])
def test_that_a_stop_in_the_middle_of_an_epoch_saves_that_very_step(workspace, unbroken, monkeypatch, command):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    ask_at(monkeypatch, run, 4, command)
    assert train(run) == 130
    assert run.newest_valid_step() == 4
    monkeypatch.undo()
    assert Observer().state_of(run) == ("paused" if isinstance(command, Pause) else "finished")
    assert train(run) == 0
    assert weights(run, STEPS) == weights(unbroken("generations=0", "method.name=supervised"), STEPS)


def ask_at(monkeypatch, run, step, command):
    original = room.Training.take_step

    def asking(self):
        if self.step == step - 1:
            run.send(command)
        original(self)

    monkeypatch.setattr(room.Training, "take_step", asking)


def test_that_stop_after_this_epoch_finishes_and_saves_the_epoch(workspace, monkeypatch):
    run = workspace.create(toy("generations=0", "method.name=supervised", "keep.every_epochs=5"))[0]
    ask_at(monkeypatch, run, 4, Stop(when="epoch"))
    assert train(run) == 130
    state = run.state()
    assert (state.step, run.newest_valid_step(), state.finished.reason) == (6, 6, "stopped")
    assert state.curves["val/accuracy"].steps.tolist() == [3, 6]
    assert list(state.acknowledged.values()) == ["accepted"]


def test_that_save_now_adds_a_checkpoint_and_training_goes_on(workspace, monkeypatch):
    run = workspace.create(toy("generations=0", "method.name=supervised", "keep.full=9"))[0]
    ask_at(monkeypatch, run, 2, SaveNow())
    assert train(run) == 0
    assert [int(folder.name[5:]) for folder in run.checkpoint_folders()] == [2, 3, 6, 9]


def test_that_a_change_is_applied_again_at_its_step_when_resumed_from_before_it(workspace, monkeypatch):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    ask_at(monkeypatch, run, 5, Change(field="optimizer.lr", value=0.2))
    assert train(run) == 0
    altered = run.state()
    assert altered.altered and [(c.step, c.value) for c in altered.changes] == [(5, 0.2)]
    whole = weights(run, STEPS)
    monkeypatch.undo()
    for folder in run.checkpoint_folders():
        if folder.name > "step-00000003":
            shutil.rmtree(folder)
    assert run.newest_valid_step() in (0, 3)
    assert train(run) == 0
    assert weights(run, STEPS) == whole


def test_that_a_field_that_reaches_back_is_refused_with_those_that_may_change(workspace, monkeypatch):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    ask_at(monkeypatch, run, 2, Change(field="training.epochs", value=9))
    assert train(run) == 0
    assert list(run.state().acknowledged.values()) == ["refused"]
    assert any("optimizer.lr" in line.text for line in run.state().log)


def test_that_kill_9_at_random_moments_of_a_lineage_changes_no_bit(workspace, unbroken, tmp_path):
    recipe = toy_file(tmp_path, "training.epochs=12", "keep.every_epochs=2")
    runs = workspace.create(toy("training.epochs=12", "keep.every_epochs=2"))
    for run, step in zip([runs[0], runs[0], runs[1]], [2, 17, 11], strict=True):
        process = engine(run)
        until(lambda run=run, step=step: run.state().step >= step, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert Observer().state_of(run) == "lost"
        if run == runs[0] and step == 17:
            assert train(run) == 0
    done = filial("train", recipe, "--runs", workspace.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = unbroken("training.epochs=12", "keep.every_epochs=2")
    assert weights(runs[1], 36) == weights(whole, 36)


def test_that_killing_the_command_line_takes_its_engine_with_it(workspace, tmp_path):
    from engine import processes

    recipe = toy_file(tmp_path, "training.epochs=2000", "generations=0", "method.name=supervised", "keep.every_epochs=50")
    command = processes.python("engine", "train", str(recipe), "--runs", str(workspace.folder))
    with subprocess.Popen(command, env=processes.environment(), stdout=subprocess.DEVNULL, start_new_session=True) as process:
        run = workspace.run("toy-s0-F0")
        until(lambda: run.folder.exists() and run.state().step > 3, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not run.held())
    assert Observer().state_of(run) == "lost"


def test_that_ctrl_c_is_stop_now_and_the_exit_code_is_130(workspace, tmp_path):
    from engine import processes

    recipe = toy_file(tmp_path, "training.epochs=2000", "keep.every_epochs=50")
    command = processes.python("engine", "train", str(recipe), "--runs", str(workspace.folder))
    with subprocess.Popen(command, env=processes.environment(), stdout=subprocess.DEVNULL, start_new_session=True) as process:
        run = workspace.run("toy-s0-F0")
        until(lambda: run.folder.exists() and run.state().step > 3, process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    state = run.state()
    assert state.finished.reason == "stopped" and run.newest_valid_step() == state.step
    refused = filial("train", recipe, "--runs", workspace.folder)
    assert refused.returncode == 2 and "toy-s0-F0 is stopped" in refused.stderr and "--resume" in refused.stderr


def test_that_a_wish_that_comes_after_the_last_step_is_told_it_came_too_late(workspace, monkeypatch):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    original = room.Training.report

    def reporting(self):
        finished = original(self)
        run.send(Stop(when="now", attempt=1))
        return finished

    monkeypatch.setattr(room.Training, "report", reporting)
    assert train(run) == 0
    assert list(run.state().acknowledged.values()) == ["expired"] and run.state().completed


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_that_a_full_disk_is_told_with_its_remedy(workspace, monkeypatch, error):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    monkeypatch.setattr(room.checkpoint, "save", lambda *_: (_ for _ in ()).throw(error))
    assert train(run) == 1
    assert run.state().finished.detail == "no space left on the disk at the workspace; free some and resume"


def test_that_an_engine_that_finds_its_run_complete_begins_no_attempt(workspace, capsys):
    """Two workers may have chosen the same run; an attempt killed after the end would take its completion away."""
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    assert train(run) == 0
    before = run.events_path.read_bytes()
    assert train(run) == 0
    assert run.events_path.read_bytes() == before and not run.held()
    assert "toy-s0-F0 is complete already" in capsys.readouterr().out


def test_that_a_run_of_more_threads_than_there_are_cores_is_not_continued_here(workspace, monkeypatch):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    ask_at(monkeypatch, run, 4, Stop(when="now"))
    assert train(run) == 130
    path = run.folder / "effective.toml"
    path.write_text(path.read_text().replace("threads = 1", "threads = 1000"))
    assert train(run) == 1
    assert "began with 1000 threads" in run.state().finished.detail


def test_that_seeding_a_step_draws_what_torchs_own_seeding_draws(workspace):
    import torch

    from engine.data.order import generator_seed
    from engine.learner import Learner

    learner = Learner.__new__(Learner)
    learner.device = torch.device("cpu")
    learner.seed("step", 3, 7)
    drawn = torch.rand(5)
    torch.manual_seed(generator_seed("step", 3, 7))
    assert torch.equal(drawn, torch.rand(5))
