"""What goes wrong around an engine: a full disk, too few files or too little memory, a machine that sleeps, a clock that is
set, pictures that vanish. It ends in words or goes on; and once the fault is over, its run becomes what it would have been.

Kills are test_kills.py's; a full disk at every single call: `python -m tests.benchmarks kills full`.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from conftest import until  # type: ignore[import-not-found]

from engine import failures, learner, processes, turns
from engine.run import Attempt, Observer, Refused, Run
from engine.train import train
from tests.mortal import Mortals, broken_promises, leftovers, outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="engines are forked, and their calls counted in /proc")


def goes_on(run: Run, whole: dict[str, Any], mortals: Mortals) -> None:
    """The fault is over."""
    assert list(broken_promises(run.folder)) == []
    ended = mortals.train(run.folder)
    assert ended.code == 0, run.log_path.read_text()
    assert list(broken_promises(run.folder)) == [] and leftovers(run.workspace) == []
    assert outcome(run.folder) == whole


def said(run: Run) -> str:
    finished = run.state().finished
    return finished.detail if finished else ""


# ---- no room ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "on",
    [
        "open toy-s0-F0/run.lock",
        "write data/.folder-",
        "write toy-s0-F0/.effective.toml",
        "write toy-s0-F0/checkpoints/.step-00000006/optimizer",
        "write toy-s0-F0/artifacts/.a01-step00000009-predictions-test",
    ],
    ids=lambda on: on.rpartition(".")[2],
)
def test_that_a_disk_that_is_full_from_a_call_on_costs_no_more_than_a_kill(made, mortals, on):
    """Not even the last words can be written; whatever is half written is taken back."""
    run, whole = made()
    ended = mortals.train(run.folder, on=on, error=errno.ENOSPC, stays=True)
    assert ended.code > 0 and leftovers(run.workspace) == [] and Observer().state_of(run) in ("queued", "lost")
    goes_on(run, whole, mortals)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_that_a_checkpoint_that_cannot_be_written_ends_the_run_in_words(made, mortals, number):
    run, whole = made()
    ended = mortals.train(run.folder, on="fsync toy-s0-F0/checkpoints/.step-00000006/model", error=number)
    assert ended.code == 1 and run.newest_valid_step() == 3
    assert said(run).startswith(failures.DISK if number == errno.ENOSPC else f"OSError: [Errno {number}]")
    goes_on(run, whole, mortals)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Four megabytes of a disk of its own, where we may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("needs leave to mount a disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("left", [24, 70])
def test_that_a_real_disk_without_room_is_told_and_the_run_goes_on_when_there_is_some(made, mortals, small_disk, left):
    made_run, whole = made()
    shutil.copytree(made_run.workspace, small_disk / "runs")
    run, ballast = Run(small_disk / "runs" / made_run.name), small_disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free - left * 1024)
    assert mortals.train(run.folder).code == 1
    assert said(run) == f"{failures.DISK} at the workspace; free some and resume"
    ballast.unlink()
    goes_on(run, whole, mortals)


def test_that_too_few_files_are_told_wherever_they_run_out(made, mortals):
    told = set()
    for files in (1, 3, 4):
        run, whole = made()
        ended = mortals.train(run.folder, files=files)
        told.add(said(run))
        assert ended.code > 0
        goes_on(run, whole, mortals)
    assert told == {"", failures.FILES}, "before an attempt is open there is nowhere to say it"


def test_that_too_little_memory_is_told_wherever_it_runs_out(made, mortals):
    told = set()
    for mebibytes in (2, 12, 24):
        run, whole = made()
        mortals.train(run.folder, memory=mebibytes * 2**20)
        told.add(said(run))
        goes_on(run, whole, mortals)
    assert failures.MEMORY in told and told <= {"", failures.MEMORY, whole["detail"]}


def test_that_a_device_without_memory_in_a_step_fails_the_run_and_loses_nothing_that_is_saved(made, mortals, monkeypatch):
    run, whole = made()
    original = learner.learn

    def learn(*arguments: Any) -> Any:
        if arguments[3] == 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(*arguments)

    monkeypatch.setattr(learner, "learn", learn)
    assert train(run) == 1
    assert (said(run), run.newest_valid_step()) == (failures.MEMORY, 3)
    monkeypatch.undo()
    goes_on(run, whole, mortals)


# ---- time ---------------------------------------------------------------------------------------------------------------


def test_that_an_engine_that_sleeps_keeps_its_run_to_itself_and_goes_on_when_it_wakes(made, mortals, monkeypatch):
    """A laptop that is closed, `kill -STOP`, a debugger. While it sleeps its pictures are deleted, too."""
    run, whole = made()
    monkeypatch.setattr(processes, "hold", partial(processes.hold, timeout_s=0))
    pid = mortals.begin(
        {
            "do": "train",
            "folder": str(run.folder),
            "on": "fsync toy-s0-F0/checkpoints/.step-00000003/model",
            "signal": signal.SIGSTOP,
        }
    )
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    with pytest.raises(Refused, match=f"toy-s0-F0 is at work in process {pid}"), Attempt(run):
        pass
    observer, now = Observer(), time.monotonic()
    assert observer.state_of(run) == "running"
    monkeypatch.setattr(time, "monotonic", lambda: now + 40)
    assert observer.state_of(run) == "unresponsive"
    with pytest.raises(Refused, match=r"is (running|unresponsive) in process"):
        turns.to_do([run], resume=True)
    shutil.rmtree(run.workspace / "data")
    os.kill(pid, signal.SIGCONT)
    assert mortals.end().code == 0
    assert Observer().state_of(run) == "finished" and outcome(run.folder) == whole


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_that_a_clock_that_is_set_while_a_run_trains_changes_nothing_of_it(made, monkeypatch, jump):
    run, whole = made()
    original, there, seen = learner.learn, time.time, []

    def learn(*arguments: Any) -> Any:
        if arguments[3] == 4:
            monkeypatch.setattr(time, "time", lambda: there() + jump)
        seen.append(Observer().state_of(run))
        return original(*arguments)

    monkeypatch.setattr(learner, "learn", learn)
    assert train(run) == 0
    assert seen == ["starting", *["running"] * 8]
    times = run.state().curves["train/loss"].times
    assert (times[1:] >= times[:-1]).all() and times[-1] < 60
    assert outcome(run.folder) == whole
