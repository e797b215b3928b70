"""Which runs are worked on, in which order, and what an end means for the rest; without an engine that trains."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toys

from engine import processes, turns
from engine.run import Refused, Run

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals of POSIX")


@pytest.fixture
def chain(tmp_path: Path) -> list[Run]:
    """F0, F1, F2 of one seed."""
    return toys.runs(tmp_path, toys.lineage("generations=2", "seeds=[0]"))


def names(runs: list[Run]) -> list[str]:
    return [run.name for run in runs]


def refusal(runs: list[Run], resume: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        turns.to_do(runs, resume)
    return str(refused.value)


# ---- what is to be done -------------------------------------------------------------------------------------------------


def test_that_everything_is_to_be_done_at_first(chain: list[Run]) -> None:
    assert turns.to_do(chain, resume=False) == chain


def test_that_completed_runs_are_skipped(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1, end="completed"))
    assert names(turns.to_do(chain, resume=False)) == ["toy-s0-F1", "toy-s0-F2"]
    for run in chain[1:]:
        toys.tell(run, *toys.history(1, end="completed"))
    assert turns.to_do(chain, resume=False) == [] == turns.to_do(chain, resume=True)


def test_that_lost_runs_are_continued_unasked(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1))
    assert turns.to_do(chain, resume=False) == chain


@pytest.mark.parametrize("reason", ["paused", "stopped", "failed"])
def test_that_paused_stopped_and_failed_runs_are_named_and_refused_unless_resumed(chain: list[Run], reason: str) -> None:
    toys.tell(chain[0], *toys.history(1, end=reason))
    toys.put_checkpoint(chain[0], 30)
    sentence = f"toy-s0-F0 is {reason}; add --resume to go on from step 30, or give the lineage another name"
    assert refusal(chain) == sentence
    assert turns.to_do(chain, resume=True) == chain


def test_that_all_runs_that_stand_in_the_way_are_named(chain: list[Run]) -> None:
    toys.tell(chain[0], *toys.history(1, end="stopped"))
    toys.tell(chain[1], *toys.history(1, end="paused"))
    assert [line.partition(";")[0] for line in refusal(chain).splitlines()] == ["toy-s0-F0 is stopped", "toy-s0-F1 is paused"]


def test_that_a_run_at_work_is_refused_even_if_resumed(chain: list[Run]) -> None:
    with toys.engine(chain[0]) as engine:
        who = f"in process {engine.pid} on {processes.host()}; stop it first (`filial stop toy-s0-F0`), or wait for it"
        assert refusal(chain) == f"toy-s0-F0 is starting {who}"
        engine.tell("open")
        engine.tell("step 1")
        assert refusal(chain, resume=True) == f"toy-s0-F0 is running {who}"


def test_that_a_run_of_another_host_needs_consent(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(turns.time, "sleep", waits.append)
    toys.tell(chain[0], *toys.history(1))
    toys.put_status(chain[0], host="elsewhere")
    assert refusal(chain) == (
        "toy-s0-F0 was at work on elsewhere and is not heard from here; add --resume if it has ended there"
    )
    assert turns.to_do(chain, resume=True) == chain
    assert len(waits) == 2 and min(waits) > 2.0, "its counter moves at least every 2 s"


def test_that_a_run_alive_on_another_host_is_refused_even_with_consent(
    chain: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.tell(chain[0], *toys.history(1))
    toys.put_status(chain[0], beat=1, host="elsewhere", pid=77)
    monkeypatch.setattr(turns.time, "sleep", lambda seconds: toys.put_status(chain[0], beat=2, host="elsewhere", pid=77))
    sentence = "toy-s0-F0 is running in process 77 on elsewhere; stop it first (`filial stop toy-s0-F0`), or wait for it"
    assert refusal(chain, resume=True) == sentence


def test_that_nobody_waits_for_other_hosts_without_a_reason(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    toys.tell(chain[0], *toys.history(1, end="completed"))
    toys.put_status(chain[0], host="elsewhere")
    toys.tell(chain[1], *toys.history(1))
    monkeypatch.setattr(turns.time, "sleep", lambda seconds: 1 / 0)
    assert names(turns.to_do(chain, resume=False)) == ["toy-s0-F1", "toy-s0-F2"]


def test_that_those_that_wait_for_a_run_follow_it(tmp_path: Path) -> None:
    runs = toys.runs(tmp_path, toys.lineage("generations=2", "seeds=[0, 1]"))
    toys.runs(tmp_path, toys.lineage("lineage=toy-s0", "generations=2", "seeds=[0]"))
    toys.runs(tmp_path)
    toys.tell(runs[0], *toys.history(1, end="stopped"))
    toys.tell(runs[3], *toys.history(1, end="completed"))
    assert names(turns.rest_of_lineage(runs[0])) == ["toy-s0-F0", "toy-s0-F1", "toy-s0-F2", "toy-s1-F1", "toy-s1-F2"]


# ---- in turn ------------------------------------------------------------------------------------------------------------


class Next:
    """Stands in for StandBy: it notes what is asked of it, and has an engine only if `ready`."""

    def __init__(self, ready: bool = False) -> None:
        self.ready = ready
        self.asked: list[str] = []

    def __enter__(self) -> "Next":
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.append("all sent home")

    def call(self, beside: Run) -> None:
        self.asked.append(f"called beside {beside.name[-2:]}")

    def take(self, run: Run) -> Any:
        self.asked.append(f"taken for {run.name[-2:]}")
        return SimpleNamespace(detached=False) if self.ready else None


@pytest.fixture(autouse=True)
def stand_by(monkeypatch: pytest.MonkeyPatch) -> Next:
    there = Next()
    monkeypatch.setattr(turns, "StandBy", lambda: there)
    return there


@pytest.fixture
def told() -> list[str]:
    """What was said of runs that were not begun."""
    return []


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> Callable[..., tuple[int, list[str]]]:
    """Works through runs whose engines end as told: `work(runs, "completed", 1, ...)`. Returns the exit code and who worked."""
    monkeypatch.setattr(turns, "engine", lambda run, detached: SimpleNamespace(detached=detached))

    def work(runs: list[Run], *ends: Any) -> tuple[int, list[str]]:
        worked: list[str] = []

        def follow(run: Run, process: Any) -> int:
            assert not process.detached, "in the caller's process group"
            end = ends[len(worked)]
            worked.append(run.name)
            if isinstance(end, str):
                toys.tell(run, *toys.history(1, end=end))
            return {"completed": 0, "failed": 1, "stopped": 130, "paused": 130}.get(end, end)

        return turns.work(runs, follow, told.append), worked

    return work


def test_that_all_complete_is_success(chain: list[Run], work: Any) -> None:
    assert work(chain, *["completed"] * 3) == (0, ["toy-s0-F0", "toy-s0-F1", "toy-s0-F2"])
    assert work([]) == (0, [])


def test_that_a_failure_blocks_its_own_descendants_only_and_they_are_named(tmp_path: Path, work: Any, told: list[str]) -> None:
    runs = toys.runs(tmp_path, toys.lineage("seeds=[0, 1]"))
    assert work(runs, "failed", "completed", "completed") == (1, ["toy-s0-F0", "toy-s1-F0", "toy-s1-F1"])
    assert told == ["toy-s0-F1 is not begun: toy-s0-F0, which it learns from, has not completed"]


def test_that_what_somebody_else_has_trained_meanwhile_is_not_begun_again(chain: list[Run], work: Any) -> None:
    toys.tell(chain[1], *toys.history(1, end="completed"))
    assert work(chain, "completed", "completed") == (0, ["toy-s0-F0", "toy-s0-F2"])


def test_that_what_somebody_else_trains_when_its_turn_comes_is_refused_in_words(chain: list[Run], work: Any) -> None:
    with toys.engine(chain[0]) as engine, pytest.raises(Refused) as refused:
        work(chain)
    assert str(refused.value).startswith(f"toy-s0-F0 is starting in process {engine.pid} on {processes.host()}; stop it first")


@pytest.mark.parametrize("end", ["stopped", "paused"])
def test_that_a_stop_or_a_pause_ends_the_turn(chain: list[Run], work: Any, end: str) -> None:
    assert work(chain, end) == (130, ["toy-s0-F0"])


def test_that_a_refusal_ends_the_turn(chain: list[Run], work: Any) -> None:
    assert work(chain, 2) == (2, ["toy-s0-F0"])


@pytest.mark.parametrize("code", [-signal.SIGTERM, processes.KILLED, -9])
def test_that_a_kill_ends_the_turn_as_a_failure(chain: list[Run], work: Any, code: int) -> None:
    assert work(chain, code) == (1, ["toy-s0-F0"])


def test_that_the_next_engine_gets_ready_while_a_run_trains(chain: list[Run], work: Any, stand_by: Next) -> None:
    assert work(chain, *["completed"] * 3)[0] == 0
    first, second, last = ["taken for F0", "called beside F0"], ["taken for F1", "called beside F1"], ["taken for F2"]
    assert stand_by.asked == [*first, *second, *last, "all sent home"]


def test_that_the_engine_that_stood_by_trains_the_next_run(
    chain: list[Run], work: Any, stand_by: Next, monkeypatch: Any
) -> None:
    stand_by.ready = True
    monkeypatch.setattr(turns, "engine", lambda run, detached: 1 / 0)
    assert work(chain, *["completed"] * 3) == (0, ["toy-s0-F0", "toy-s0-F1", "toy-s0-F2"])


@pytest.mark.parametrize("end", ["stopped", 2, -9])
def test_that_whoever_stands_by_goes_home_when_the_turn_ends_early(
    chain: list[Run], work: Any, stand_by: Next, end: Any
) -> None:
    work(chain, end)
    assert stand_by.asked == ["taken for F0", "called beside F0", "all sent home"]


def test_that_a_run_whose_teacher_has_not_completed_is_not_begun(chain: list[Run], work: Any) -> None:
    assert work(chain[1:]) == (1, [])


@POSIX
def test_that_a_signal_to_us_reaches_the_engine_and_ctrl_c_only_once(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[int] = []
    monkeypatch.setattr(turns, "engine", lambda run, detached: SimpleNamespace(send_signal=reached.append))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def follow(run: Run, process: Any) -> int:
        for number in before:
            os.kill(os.getpid(), number)
        return 130

    assert turns.work(chain, follow, print) == 130
    assert reached == [signal.SIGTERM, signal.SIGHUP], "the terminal has sent Ctrl-C to the whole group itself"
    assert {number: signal.getsignal(number) for number in before} == before


@POSIX
def test_that_a_signal_to_an_engine_that_is_gone_is_no_error(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(number: int) -> None:
        raise ProcessLookupError

    def follow(run: Run, process: Any) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 130

    monkeypatch.setattr(turns, "engine", lambda run, detached: SimpleNamespace(send_signal=gone))
    assert turns.work(chain, follow, print) == 130


def test_that_an_engine_is_a_process_that_writes_its_log(chain: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def start(command: list[str], log: Path, detached: bool) -> "subprocess.Popen[bytes]":
        asked.append((command, log, detached))
        raise OSError("not today")

    monkeypatch.setattr(processes, "start", start)
    with pytest.raises(OSError, match="not today"):
        turns.engine(chain[0], detached=False)
    ((command, log, detached),) = asked
    assert command[1:] == ["-P", "-m", "engine", "train", "--run", str(chain[0].folder)]
    assert log == chain[0].folder / "engine.log" and not detached


def test_that_a_run_whose_folder_cannot_be_written_is_refused_in_words(
    chain: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(command: object, log: Path, detached: bool) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(log))

    monkeypatch.setattr(processes, "start", start)
    with pytest.raises(
        Refused, match=r"F0 cannot be written \(Read-only file system\); choose another workspace with --runs DIR"
    ):
        turns.engine(chain[0], detached=False)
