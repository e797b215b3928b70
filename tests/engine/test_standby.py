"""An engine that stands by: when one is called, what it leaves alone until its turn, and that none is ever left behind."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import toys

from engine import processes, standby
from engine.run import Run
from engine.standby import StandBy

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals of POSIX")

ENGINE = """
import sys
from pathlib import Path
from engine import standby
def warm_up():
    print("what imports say")
    Path(sys.argv[1]).touch()
    if "--broken" in sys.argv:
        raise ImportError("no torch today")
folder = standby.wait(warm_up)
if folder is None:
    sys.exit(7)
print(f"trains {folder.name} with {sys.argv[2:]}, hears {sys.stdin.read()!r}", flush=True)
sys.exit(5)
"""

PARENT = """
import sys
from pathlib import Path
from engine import processes, standby
from engine.run import Run
processes.python = lambda module, *arguments: [sys.executable, "-P", "-c", sys.argv[1], sys.argv[2], *arguments]
processes.free_cores = lambda: 2
with standby.StandBy() as ours:
    ours.call(beside=Run(Path(sys.argv[3])))
    print(ours._process.pid, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """F0 and F1, one thread each."""
    return toys.runs(tmp_path, toys.lineage("seeds=[0]", "compute.threads=1"))


@pytest.fixture
def warm(tmp_path: Path) -> Path:
    """A file that is there once whoever stands by has its imports done."""
    return tmp_path / "warm"


@pytest.fixture
def started(warm: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Two cores, and engines that only say what they would train. All that were started, each of which must have ended."""
    there: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*command: object, **options: object) -> "subprocess.Popen[bytes]":
        there.append(real(*command, **options))  # type: ignore[call-overload]
        return there[-1]

    def python(module: str, *arguments: str) -> list[str]:
        assert (module, *arguments[:2]) == ("engine", "train", "--stand-by")
        return [sys.executable, "-P", "-c", ENGINE, str(warm), *arguments[2:]]

    monkeypatch.setattr(processes, "free_cores", lambda: 2)
    monkeypatch.setattr(processes, "python", python)
    monkeypatch.setattr(subprocess, "Popen", start)
    yield there
    left = [process.pid for process in there if process.poll() is None]
    for process in there:
        process.kill()
        process.wait()
    assert not left, "an engine was left behind"


def traces(run: Run) -> list[str]:
    return sorted(path.name for path in run.folder.rglob("*"))


# ---- in its turn --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("started")
def test_that_it_touches_nothing_until_it_is_told_its_run_and_then_writes_that_runs_log(runs: list[Run], warm: Path) -> None:
    before = [traces(run) for run in runs]
    with StandBy("--outlive") as ours:
        ours.call(beside=runs[0])
        toys.until(warm.exists)
        assert [traces(run) for run in runs] == before
        process = ours.take(runs[1])
        assert process is not None and process.wait(10) == 5
    assert runs[1].log_path.read_text() == "trains toy-s0-F1 with ['--outlive'], hears ''\n"
    assert traces(runs[0]) == before[0]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are text")
@pytest.mark.usefixtures("started")
def test_that_a_run_may_lie_where_the_name_is_no_text(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    run = toys.runs(folder, toys.lineage("seeds=[0]", "compute.threads=1"))[0]
    with StandBy() as ours:
        ours.call(beside=run)
        process = ours.take(run)
        assert process is not None and process.wait(10) == 5
    assert run.log_path.read_text().startswith("trains toy-s0-F0")


@pytest.mark.usefixtures("started")
def test_that_one_told_before_its_imports_are_done_begins_after_them(runs: list[Run], warm: Path) -> None:
    with StandBy() as ours:
        ours.call(beside=runs[0])
        process = ours.take(runs[1])
        assert process is not None and process.wait(10) == 5
    assert warm.exists()


@pytest.mark.usefixtures("started")
def test_that_what_goes_wrong_while_it_warms_up_goes_wrong_again_in_its_runs_log(runs: list[Run]) -> None:
    with StandBy("--broken") as ours:
        ours.call(beside=runs[0])
        process = ours.take(runs[1])
        assert process is not None and process.wait(10) == 5, "it goes on to where errors are logged"
    assert runs[1].log_path.read_text().startswith("trains toy-s0-F1")


def test_that_leaving_does_not_end_the_one_that_has_begun(runs: list[Run], started: list["subprocess.Popen[bytes]"]) -> None:
    with StandBy() as ours:
        ours.call(beside=runs[0])
        assert ours.take(runs[1]) is started[0]
        ours.dismiss()
    assert started[0].wait(10) == 5


# ---- whether there is one -----------------------------------------------------------------------------------------------


def test_that_there_is_at_most_one(runs: list[Run], started: list["subprocess.Popen[bytes]"]) -> None:
    with StandBy() as ours:
        ours.call(beside=runs[0])
        ours.call(beside=runs[0])
        assert len(started) == 1


def test_that_without_one_there_is_none_to_take(runs: list[Run]) -> None:
    with StandBy() as ours:
        assert ours.take(runs[0]) is None


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (8, 0)])
def test_that_a_run_that_needs_every_core_has_none_beside_it(
    tmp_path: Path, started: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(processes, "free_cores", lambda: cores)
    run = toys.runs(tmp_path, toys.single(f"compute.threads={threads}"))[0]
    with StandBy() as ours:
        ours.call(beside=run)
        assert ours.take(run) is None
    assert started == []


def test_that_beside_a_damaged_run_there_is_none(runs: list[Run], started: list["subprocess.Popen[bytes]"]) -> None:
    (runs[0].folder / "recipe.toml").write_text("version = [")
    with StandBy() as ours:
        ours.call(beside=runs[0])
    assert started == []


@pytest.mark.usefixtures("started")
def test_that_one_that_has_died_is_not_taken(runs: list[Run], started: list["subprocess.Popen[bytes]"]) -> None:
    before = traces(runs[1])
    with StandBy() as ours:
        ours.call(beside=runs[0])
        started[0].kill()
        toys.until(lambda: psutil.Process(started[0].pid).status() == psutil.STATUS_ZOMBIE)
        assert ours.take(runs[1]) is None
        assert traces(runs[1]) == before
        ours.call(beside=runs[0])
        assert len(started) == 2, "another can be called"


# ---- none is left behind ------------------------------------------------------------------------------------------------


def test_that_one_whose_run_never_comes_is_sent_home(runs: list[Run], started: list["subprocess.Popen[bytes]"]) -> None:
    before = traces(runs[1])
    with pytest.raises(KeyboardInterrupt), StandBy() as ours:
        ours.call(beside=runs[0])
        raise KeyboardInterrupt
    assert started[0].returncode is not None and traces(runs[1]) == before


def test_that_it_goes_home_when_the_run_beside_it_takes_long(
    runs: list[Run], started: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "PATIENCE_S", 0.01)
    with StandBy() as ours:
        ours.call(beside=runs[0])
        toys.until(lambda: started[0].returncode is not None)
        assert ours.take(runs[1]) is None


@POSIX
def test_that_ctrl_c_ends_it_without_a_trace(runs: list[Run], warm: Path, started: list["subprocess.Popen[bytes]"]) -> None:
    before = traces(runs[1])
    with StandBy() as ours:
        ours.call(beside=runs[0])
        toys.until(warm.exists)
        started[0].send_signal(signal.SIGINT)
        assert started[0].wait(10) == 130
    assert traces(runs[1]) == before


@POSIX
def test_that_it_ends_with_a_parent_that_is_killed(runs: list[Run], warm: Path) -> None:
    command = [*processes.python("engine")[:2], "-c", PARENT, ENGINE, str(warm), str(runs[0].folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        toys.until(warm.exists)
        parent.kill()
    toys.until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


# ---- while modules are imported -----------------------------------------------------------------------------------------


@pytest.fixture
def thawed() -> Iterator[Callable[[], int]]:
    yield gc.get_freeze_count
    gc.unfreeze()


def test_that_the_garbage_collector_rests_during_imports_and_works_after_them(thawed: Callable[[], int]) -> None:
    assert thawed() == 0
    with pytest.raises(ImportError), standby.collector_at_rest():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() and thawed() > 0, "what was imported is never looked through again"
