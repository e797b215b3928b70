"""One run on two devices: on a CPU two processes, which speak on loopback. All that is promised of one holds."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import engine, filial, toy, toy_file, until  # type: ignore[import-not-found]
from safetensors.numpy import load_file

from engine import processes, torchrun
from engine import train as room
from engine.commands import Change, Pause
from engine.run import Observer, Run, Workspace
from engine.train import train

ALONE = ("generations=0", "method.name=supervised")
TWO = ("compute.devices=2", "compute.threads=2")
SMALL_VIT = ("model.name=vit", "model.patch=2", "model.width=12", "model.depth=2", "model.heads=2", "model.stem=conv")
SMALL_HEAD = ("method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", "optimizer.clip=3")
DINOV2 = ("generations=0", "method.name=dinov2", "method.patch_prototypes=16", *SMALL_HEAD, *SMALL_VIT)
STEPS = 9

pytestmark = pytest.mark.skipif(processes.free_cores() < 2, reason="two processes want two cores")


@pytest.fixture
def at_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, Callable[[Run], None]]], None]:
    """Has something happen as a run begins a step (counted from 0), once."""

    def arrange(acts: dict[int, Callable[[Run], None]]) -> None:
        original, left = room.Training.take_step, dict(acts)

        def acting(self: room.Training) -> None:
            if self.step in left:
                left.pop(self.step)(self.run)
            original(self)

        monkeypatch.setattr(room.Training, "take_step", acting)

    return arrange


def followers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if torchrun.FOLLOW in child.cmdline()]


def told(run: Run) -> list[dict[str, Any]]:
    """Every event without what belongs to the machine or the moment."""
    lines = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    kept = ("type", "step", "epoch", "split", "path", "reason", "attempt", "resumed_from_step", "field", "outcome", "values")
    found = [{key: line[key] for key in kept if key in line} for line in lines if line["type"] != "phase_began"]
    for line in found:
        if isinstance(line.get("values"), dict):
            of_training = {k: v for k, v in line["values"].items() if not k.startswith(("throughput/", "memory/"))}
            line["values"] = of_training
    return found


def nearly(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, but for the last digits of what was measured."""
    return [
        {**line, "values": pytest.approx(line["values"], rel=1e-4, abs=1e-5)} if "values" in line else line for line in events
    ]


def tensors(run: Run, step: int = STEPS) -> dict[str, np.ndarray[Any, Any]]:
    folder = run.folder / "checkpoints" / f"step-{step:08d}"
    return {f"{file.name}/{n}": t for file in sorted(folder.glob("*.safetensors")) for n, t in load_file(file).items()}


def files(run: Run) -> list[str]:
    return sorted(str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if "commands/" not in str(path))


def test_that_two_devices_train_the_run_that_one_trains(
    workspace: Workspace, tmp_path: Path, at_steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same commands at the same steps, the same events and files, the same weights; and it goes on with one device."""
    heard: list[Any] = []

    def look(run: Run) -> None:
        everyone = [psutil.Process(), *followers()]
        heard.extend((len(everyone), one.laddr.ip) for process in everyone for one in process.net_connections("inet"))

    def change(run: Run) -> None:
        run.send(Change(field="optimizer.lr", value=0.01))

    def pause(run: Run) -> None:
        run.send(Pause())

    other = Workspace(tmp_path / "other")
    other.folder.mkdir()
    (other.folder / "data").symlink_to(workspace.folder / "data")
    (shared,), (alone,) = workspace.create(toy(*DINOV2, *TWO)), other.create(toy(*DINOV2, "compute.threads=2"))
    at_steps({2: look, 3: change, 6: pause})
    assert train(shared) == 130 and Observer().state_of(shared) == "paused" and not followers()
    assert heard and set(heard) == {(2, "127.0.0.1")}
    monkeypatch.setenv(torchrun.DEVICES, "1")
    assert train(shared) == 0
    at_steps({3: change, 6: pause})
    assert train(alone) == 130 and train(alone) == 0
    assert told(shared) == nearly(told(alone)) and files(shared) == files(alone)
    ours, theirs = tensors(shared), tensors(alone)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_allclose(tensor, theirs[name], rtol=1e-3, atol=1e-5, err_msg=name)
    prepared = [json.loads(line) for line in shared.events_path.read_text().splitlines() if '"prepared"' in line]
    assert [line["devices"] for line in prepared] == [2, 1]


def test_that_a_device_whose_process_dies_ends_the_run_in_words(workspace: Workspace, at_steps: Any) -> None:
    (run,) = workspace.create(toy(*ALONE, *TWO))
    at_steps({4: lambda _: followers()[0].kill()})
    assert train(run) == 1
    finished = run.state().finished
    assert finished is not None
    said = (
        "the process of device 2 of 2 was killed by SIGKILL; step 3 is saved, and `filial resume toy-s0-F0` goes on from there"
    )
    assert finished.detail == said
    assert not followers() and not list(Path(os.environ["TMPDIR"]).glob("filial-meeting-*"))


def test_that_nobody_outlives_an_engine_that_is_killed(workspace: Workspace) -> None:
    (run,) = workspace.create(toy(*ALONE, *TWO, "training.epochs=100000"))
    process = engine(run)
    try:
        until(lambda: run.state().step > 2, process)
        (follower,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert psutil.wait_procs([follower], timeout=20)[1] == []
    finally:
        process.kill()
    assert Observer().state_of(run) == "lost"


def test_that_torchrun_trains_a_run_on_its_processes(workspace: Workspace, tmp_path: Path) -> None:
    recipe = toy_file(tmp_path, *ALONE, "training.epochs=1", "compute.threads=2")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "-m", "engine"]
    said = filial("train", recipe, "--runs", workspace.folder, command=command)
    assert said.returncode == 0, said.stdout + said.stderr
    (run,) = workspace.runs()
    lines = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    assert [line["devices"] for line in lines if line["type"] == "prepared"] == [2]
    assert run.state().completed
    assert not list(Path(os.environ["TMPDIR"]).glob("filial-*-*"))
