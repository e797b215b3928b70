"""Locks, atomic files, processes and leases: what differs between operating systems, tried on this one."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import toys
from msgspec.structs import replace

from engine import processes
from engine.processes import Held, Identity

POSIX = pytest.mark.skipif(processes.WINDOWS, reason="signals and modes of POSIX")
SLEEPER = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()"


@pytest.fixture
def sleeper() -> Iterator[toys.Puppet]:
    """A process of ours that waits for a line."""
    with toys.Puppet(SLEEPER) as puppet:
        yield puppet


def identity(pid: int) -> Identity:
    return Identity(pid, processes._started(psutil.Process(pid)), processes.boot_id(), processes.host())


# ---- who lives ----------------------------------------------------------------------------------------------------------


def test_that_we_live(sleeper: toys.Puppet) -> None:
    me = processes.me()
    assert (me.pid, me.host) == (os.getpid(), processes.host())
    assert processes.condition(me) == "alive"
    assert processes.condition(identity(sleeper.pid)) == "alive"


def test_that_a_process_that_ended_is_gone(sleeper: toys.Puppet) -> None:
    who = identity(sleeper.pid)
    sleeper.end()
    assert processes.condition(who) == "gone"
    assert not processes.kill(who)


@POSIX
def test_that_a_process_nobody_waited_for_is_a_zombie(sleeper: toys.Puppet) -> None:
    who = identity(sleeper.pid)
    sleeper.die()
    assert processes.condition(who) == "zombie"
    assert not processes.kill(who)


@pytest.mark.parametrize("change", [{"boot": "another"}, {"host": "another"}, {"started": 3.0}])
def test_that_a_reused_number_another_boot_and_another_host_are_gone_and_never_killed(
    sleeper: toys.Puppet, change: dict[str, object]
) -> None:
    other = replace(identity(sleeper.pid), **change)
    assert processes.condition(other) == "gone"
    assert not processes.kill(other)
    assert sleeper.process.poll() is None and sleeper.tell("go") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps the time a process began")
def test_that_setting_the_clock_changes_nobodys_identity(sleeper: toys.Puppet, monkeypatch: pytest.MonkeyPatch) -> None:
    from psutil import _pslinux

    who, booted = identity(sleeper.pid), psutil.boot_time()
    monkeypatch.setattr(_pslinux, "boot_time", lambda: booted + 7200)
    assert processes.condition(who) == "alive"


def test_that_somebody_elses_process_is_not_ours_to_see(sleeper: toys.Puppet, monkeypatch: pytest.MonkeyPatch) -> None:
    who = identity(sleeper.pid)

    def denied(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    with monkeypatch.context() as patch:
        patch.setattr(psutil.Process, "kill", denied)
        with pytest.raises(PermissionError, match=f"process {who.pid} belongs to somebody else"):
            processes.kill(who)
    assert processes.condition(who) == "alive"


@POSIX
def test_that_kill_takes_the_children_along() -> None:
    code = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    code += "print('ready', flush=True)\nsys.stdin.readline()\nprint(child.pid, flush=True)\nsys.stdin.readline()"
    with toys.Puppet(code) as parent:
        child = identity(int(parent.tell("who")))
        assert processes.kill(identity(parent.pid))
        assert processes.condition(child) == "gone"
        parent.process.wait(timeout=5)


@POSIX
def test_that_kill_ends_a_process_that_is_stopped(sleeper: toys.Puppet) -> None:
    sleeper.send_signal(signal.SIGSTOP)
    assert processes.kill(identity(sleeper.pid))
    sleeper.process.wait(timeout=5)


# ---- locks --------------------------------------------------------------------------------------------------------------


def test_that_a_lock_is_held_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert not processes.is_held(path) and not path.exists(), "looking never makes the file"
    with processes.hold(path):
        assert processes.is_held(path)
        with pytest.raises(Held), processes.hold(path, timeout_s=0):
            raise AssertionError("held twice")
    assert not processes.is_held(path)
    with processes.hold(path):
        assert processes.is_held(path)


def test_that_the_lock_of_another_process_is_seen_and_respected(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path)
    with toys.engine(run) as engine:
        assert processes.is_held(run.lock_path)
        with pytest.raises(Held), processes.hold(run.lock_path, timeout_s=0):
            raise AssertionError("held twice")
        engine.end()
        assert not processes.is_held(run.lock_path)


def test_that_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path)
    with toys.engine(run) as engine:
        engine.process.kill()
        engine.process.wait()
        assert not processes.is_held(run.lock_path)


def test_that_holding_outlasts_those_who_only_look(tmp_path: Path) -> None:
    path, stop = tmp_path / "run.lock", threading.Event()
    path.touch()

    def look() -> None:
        while not stop.is_set():
            processes.is_held(path)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(20):
            with processes.hold(path):
                pass
    finally:
        stop.set()
        for reader in readers:
            reader.join()


@POSIX
def test_that_looking_takes_no_leave_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = toys.runs(tmp_path)
    original = os.open

    def read_only(path: object, flags: int, *rest: object, **more: object) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(30, "Read-only file system")
        return original(path, flags, *rest, **more)  # type: ignore[arg-type]

    with toys.engine(run) as engine:
        monkeypatch.setattr(processes.os, "open", read_only)
        assert processes.is_held(run.lock_path)
        engine.end()
        assert not processes.is_held(run.lock_path)


@POSIX
def test_that_two_who_look_at_once_are_not_taken_for_holders(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "run.lock"
    path.touch()
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not processes.is_held(path)


# ---- files --------------------------------------------------------------------------------------------------------------


def test_that_a_reader_never_meets_half_a_file(tmp_path: Path) -> None:
    path, wrong, stop = tmp_path / "status.json", [], threading.Event()
    whole = {letter * 60_000 for letter in (b"a", b"b")}
    processes.write_aside(path, b"a" * 60_000)

    def read() -> None:
        while not stop.is_set():
            if path.read_bytes() not in whole:
                wrong.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(200):
            processes.write_aside(path, (b"a", b"b")[turn % 2] * 60_000, sync=turn < 3)
    finally:
        stop.set()
        reader.join()
    assert not wrong and [item.name for item in tmp_path.iterdir()] == ["status.json"]


def test_that_a_file_that_could_not_be_replaced_leaves_no_half_behind(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError):
        processes.write_aside(tmp_path / "there", b"content")
    assert [item.name for item in tmp_path.iterdir()] == ["there"]


def test_that_what_a_killed_process_was_writing_is_removed_and_what_others_write_is_not(
    tmp_path: Path, sleeper: toys.Puppet
) -> None:
    """A name that ends in a number may be anybody's; a folder is somebody else's to remove; our own number was another's."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = processes._aside_of_here()
    others = [f".notes.{gone.pid}", f".x.json.{gone.pid}-01234567.aside"]  # a person's own, and another machine's
    kept = [f".x.json.{sleeper.pid}{here}", f"x.json.{gone.pid}{here}", ".lock", f".x.json.old{here}", f".٣.x{here}", *others]
    for name in [f".x.json.{gone.pid}{here}", f".x.json.{os.getpid()}{here}", *kept]:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / f".unpacked.{gone.pid}{here}").mkdir()
    processes.clear_asides(tmp_path)
    processes.clear_asides(tmp_path / "nowhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, f".unpacked.{gone.pid}{here}"])


def test_that_windows_is_given_time_to_let_go_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, refusals = tmp_path / "a", tmp_path / "b", iter([True, True, False])
    source.write_text("new")
    original = Path.replace

    def sometimes(self: Path, other: Path) -> Path:
        if next(refusals):
            raise PermissionError("in use")
        return original(self, other)

    monkeypatch.setattr(processes, "WINDOWS", True)
    monkeypatch.setattr(processes.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(Path, "replace", sometimes)
    processes.replace(source, target)
    assert target.read_text() == "new"


def test_that_a_file_in_use_for_good_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Path, other: Path) -> Path:
        raise PermissionError("in use")

    monkeypatch.setattr(Path, "replace", never)
    with pytest.raises(PermissionError):
        processes.replace(tmp_path / "a", tmp_path / "b")


def test_that_files_and_folders_are_synced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    processes.sync_file(tmp_path / "a")
    processes.sync_folder(tmp_path)
    assert (tmp_path / "a").read_text() == "kept"


# ---- starting -----------------------------------------------------------------------------------------------------------


def test_that_a_started_process_counts_in_c_and_lets_idle_threads_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_NUMERIC", "de_DE.UTF-8")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    found = processes.environment({"MORE": "1"})
    assert (found["LC_NUMERIC"], found["OMP_WAIT_POLICY"], found["MORE"]) == ("C", "PASSIVE", "1")
    assert "LC_ALL" not in found, "it would overrule LC_NUMERIC"
    assert found["LC_CTYPE"] == found["LANG"] == "de_DE.UTF-8"
    assert os.environ["LC_ALL"] == "de_DE.UTF-8", "our own stays"


@pytest.mark.parametrize("detached", [True, False])
def test_that_a_started_process_reads_nothing_and_writes_its_log(tmp_path: Path, detached: bool) -> None:
    log = tmp_path / "engine.log"
    log.write_text("before\n")
    code = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid()); print('on stderr', file=sys.stderr)"
    process = processes.start([sys.executable, "-c", code], log, detached)
    assert process.wait(timeout=20) == 0
    assert log.read_text() == f"before\n'' {detached}\non stderr\n"


def test_that_a_folder_called_engine_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__main__.py").write_text("print('the wrong one')")
    said = subprocess.run(processes.python("engine", "--version"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("filial ")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked to")
def test_that_a_child_can_be_made_to_end_with_its_parent() -> None:
    child = "from engine import processes; processes.die_with_parent(); print('ready', flush=True); import time; time.sleep(60)"
    code = f"import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
    code += "child.stdout.readline()\nprint('ready', flush=True)\n"
    code += "sys.stdin.readline()\nprint(child.pid, flush=True)\nsys.stdin.readline()"
    with toys.Puppet(code) as parent:
        who = identity(int(parent.tell("who")))
        assert processes.condition(who) == "alive"
        parent.process.kill()
        toys.until(lambda: processes.condition(who) != "alive")


def test_that_memory_and_cores_are_counted() -> None:
    assert processes.resident_bytes() > 10**6
    assert 1 <= processes.free_cores() <= (os.cpu_count() or 1)


# ---- leases -------------------------------------------------------------------------------------------------------------

SLOTS = ["core-0", "core-1"]


@pytest.fixture(autouse=True)
def own_host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that no other test can hold."""
    place = str(tmp_path_factory.mktemp("host"))
    monkeypatch.setenv("TMPDIR", place)
    monkeypatch.setattr(processes.tempfile, "tempdir", place)


def test_that_two_engines_of_one_thread_run_together_and_a_third_waits_for_them() -> None:
    with toys.lease("F0", 1, SLOTS) as one, toys.lease("F1", 1, SLOTS) as other, toys.lease("F2", 1, SLOTS) as third:
        assert (one.tell("go"), other.tell("go")) == ("has core-0", "has core-1")
        assert third.tell("go") == f"waits for F0 (process {one.pid}), F1 (process {other.pid})"
        assert processes.free_slots(SLOTS) == 0
        one.end()
        assert third.tell("again") == "has core-0"


def test_that_an_engine_gets_all_it_needs_or_nothing() -> None:
    with toys.lease("F0", 1, SLOTS) as one, toys.lease("F1", 2, SLOTS) as both, toys.lease("F2", 1, SLOTS) as third:
        assert one.tell("go") == "has core-0"
        assert both.tell("go") == f"waits for F0 (process {one.pid})"
        assert third.tell("go") == "has core-1", "who waits keeps nothing"
        one.end()
        third.end()
        assert both.tell("again") == "has core-0 core-1"


def test_that_a_lease_is_released_by_death() -> None:
    with toys.lease("F0", 2, SLOTS) as one, toys.lease("F1", 2, SLOTS) as other:
        assert one.tell("go") == "has core-0 core-1"
        assert other.tell("go") == f"waits for F0 (process {one.pid})"
        one.process.kill()
        one.process.wait()
        assert other.tell("again") == "has core-0 core-1"


def test_that_two_who_need_everything_never_keep_each_other_from_it() -> None:
    """Taking slots one by one, each could hold one of two, give it back and try again, in step for ever."""
    got: list[str] = []

    def take(who: str) -> None:
        for _ in range(10):
            with processes.lease(SLOTS, 2, who, lambda holders: None) as slots:
                got.append(who)
                assert slots == SLOTS and processes.free_slots(SLOTS) == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes.time, "sleep", lambda seconds, really=processes.time.sleep: really(0.001))
        threads = [threading.Thread(target=take, args=(who,)) for who in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
    assert sorted(got) == ["a"] * 10 + ["b"] * 10


def test_that_who_waits_may_give_up_and_holds_nothing_then() -> None:
    class GaveUp(Exception):
        pass

    def give_up(holders: list[str]) -> None:
        raise GaveUp(holders)

    with (
        processes.lease(SLOTS, 2, "F0", give_up),
        pytest.raises(GaveUp, match=r"F0 \(process"),
        contextlib.ExitStack() as stack,
    ):
        stack.enter_context(processes.lease(SLOTS, 1, "F1", give_up))
    assert processes.free_slots(SLOTS) == 2


def test_that_a_lease_ends_with_its_block_however_that_ends() -> None:
    with pytest.raises(ZeroDivisionError), processes.lease(["cuda-0"], 1, "F0", lambda holders: None):
        assert processes.free_slots(["cuda-0"]) == 0
        raise ZeroDivisionError
    assert processes.free_slots(["cuda-0"]) == 1


def test_that_more_than_there_will_ever_be_is_refused_at_once() -> None:
    with (
        pytest.raises(ValueError, match="3 of core-0, core-1 are asked for, which are 2"),
        processes.lease(SLOTS, 3, "F0", print),
    ):
        raise AssertionError("granted")


@POSIX
def test_that_other_users_of_the_host_may_take_the_same_leases() -> None:
    with processes.lease(SLOTS, 2, "F0", lambda holders: None):
        pass
    folder = processes.lease_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.lock")} == {0o666}
