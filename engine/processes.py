"""What differs between operating systems: locks, atomic replacement, detaching, killing, and whether a process lives.

Knows nothing of runs. The rules it serves (what a held lock or a silent heartbeat means) are in run.py and state.py.
"""

import contextlib
import ctypes
import errno
import functools
import hashlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

import psutil
from filelock import FileLock, Timeout
from msgspec import Struct

WINDOWS = sys.platform == "win32"
KILLED = 137  # exit status a shell reports for kill -9


class Identity(Struct, frozen=True):
    """A process, told apart from a later one that was given the same number."""

    pid: int
    started: float  # seconds by a clock of `boot` that nobody sets
    boot: str
    host: str


class Held(Exception):
    """Somebody else holds the lock."""


@functools.cache
def host() -> str:
    return socket.gethostname()


@functools.cache
def boot_id() -> str:
    """Tells one boot of this machine from another."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(round(psutil.boot_time()))


def me() -> Identity:
    return Identity(os.getpid(), _started(psutil.Process()), boot_id(), host())


def condition(who: Identity) -> Literal["alive", "zombie", "gone"]:
    """Whether exactly this process of this machine lives. A reused number is *gone*; a zombie has ended."""
    try:
        process = _find(who)
        if process is None:
            return "gone"
        return "zombie" if process.status() == psutil.STATUS_ZOMBIE else "alive"
    except psutil.ZombieProcess:
        return "zombie"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "gone"


def kill(who: Identity) -> bool:
    """End a process and its children at once. False if it is not there any more; a reused number is never touched.

    Raises PermissionError for a process of somebody else.
    """
    try:
        process = _find(who)
        if process is None or process.status() == psutil.STATUS_ZOMBIE:
            return False
        family = [*process.children(recursive=True), process]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=3)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        raise PermissionError(f"process {who.pid} belongs to somebody else") from None
    return True


def _find(who: Identity) -> psutil.Process | None:
    """The process, unless it runs elsewhere, another boot saw it, or its number belongs to a later one by now."""
    if who.host != host() or who.boot != boot_id():
        return None
    process = psutil.Process(who.pid)
    return process if abs(_started(process) - who.started) < 1.5 else None  # the kernel rounds its own start to seconds


def _started(process: psutil.Process) -> float:
    """When a process began. On Linux since the boot: its unix time moves by hours when the clock is set."""
    booted = psutil.boot_time()
    began: float = process.create_time()
    return began - booted if sys.platform == "linux" else began


@contextlib.contextmanager
def hold(path: Path, timeout_s: float = 2.0) -> Iterator[None]:
    """Hold an OS lock. Raises Held, and OSError for a link: whose target may be anybody's. The wait outlasts a reader that
    only looks whether the lock is held."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link, and a lock must be a file of its own", str(path))
    lock = FileLock(path, timeout=timeout_s, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, RuntimeError):  # filelock raises RuntimeError when this very process holds it
        raise Held(str(path)) from None
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a living process holds this lock. Never creates or writes the file, so a read-only place can be asked too."""
    if not path.exists():
        return False
    if not WINDOWS:
        with contextlib.suppress(OSError):  # a file system without such locks: filelock has a way of its own there
            return _is_flocked(path)
    try:
        with hold(path, timeout_s=0):
            return False
    except Held:
        return True
    except OSError:
        return False


def _is_flocked(path: Path) -> bool:
    """A shared lock is refused exactly while somebody holds the exclusive one; two readers are never in each other's way."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except (BlockingIOError, PermissionError):
        return True
    finally:
        os.close(descriptor)


def write_aside(path: Path, content: bytes, sync: bool = False) -> None:
    """Write under a dotted name in the same folder, then rename: a reader sees the old file or the new one, never half."""
    aside = aside_of(path)
    try:
        with aside.open("wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def aside_of(path: Path) -> Path:
    """Where this process writes what will be renamed to `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}{_aside_of_here()}")


def clear_asides(folder: Path) -> None:
    """Remove what processes of this machine that are gone were killed over in `write_aside`: nobody else ever would.

    An earlier process may have had our own number, so ours counts as gone: call this while nothing of ours is being written.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.startswith(".") and entry.name.endswith(_aside_of_here())):
                continue
            pid = entry.name.removesuffix(_aside_of_here()).rpartition(".")[2]
            if pid.isdecimal() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
                with contextlib.suppress(OSError):  # a folder is unpacking's own affair
                    os.unlink(entry.path)  # noqa: PTH108 -- an entry's path is text


@functools.cache
def _aside_of_here() -> str:
    """How what is written aside on this machine ends: another's process may be at work under any number."""
    return f"-{hashlib.sha256(host().encode()).hexdigest()[:8]}.aside"


def replace(source: Path, target: Path) -> None:
    """Rename over what is there, patient on Windows, where a reader that has the target open blocks it for a moment."""
    for attempt in range(20):
        try:
            source.replace(target)
            return
        except PermissionError:
            if not WINDOWS or attempt == 19:
                raise
            time.sleep(0.05)


def sync_file(path: Path) -> None:
    """Make a written file survive a power cut."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut. Windows has no such call and needs none."""
    if not WINDOWS:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def python(module: str, *arguments: str) -> list[str]:
    """The command line of a module of ours: -P keeps a folder named `engine` where it is started from out of the way."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process we start: C numbers whatever the desktop's language, idle threads that sleep."""
    ours = dict(os.environ)
    if language := ours.pop("LC_ALL", ""):  # it would overrule LC_NUMERIC
        ours |= {"LANG": language, "LC_CTYPE": language}
    fixed = {"LC_NUMERIC": "C", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
    return {**ours, **fixed, **(extra or {})}


def appended(path: Path) -> IO[bytes]:
    """A log to write on at its end. Raises OSError for a link, which may lead anywhere, and for what is no file."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(errno.EINVAL, "it is a link, or no file, and what is written would land elsewhere", str(path))
    return path.open("ab")


def start(command: Sequence[str], log: Path, detached: bool) -> subprocess.Popen[bytes]:
    """Start a process with its output appended to `log` and nothing to read. Detached, it outlives us and our terminal."""
    with appended(log) as output:
        options: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        if detached and WINDOWS:
            options["creationflags"] = 0x00000008 | 0x00000200  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
        elif detached:
            options["start_new_session"] = True
        return subprocess.Popen(list(command), env=environment(), **options)  # type: ignore[call-overload,no-any-return]


def die_with_parent() -> None:
    """On Linux: end this process when the one that started it is killed, so that no run goes on unseen."""
    if sys.platform == "linux":
        parent_dies = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_dies, signal.SIGKILL, 0, 0, 0)


def stand_back() -> None:
    """Let every other process of this machine go first."""
    if WINDOWS:
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(10)


def missing_for_window() -> str:
    """The packages the window needs and this installation lacks, as pip would be told; empty if none."""
    wanted = {"PySide6": "PySide6-Essentials", "pyqtgraph": "pyqtgraph"}
    return " ".join(package for module, package in wanted.items() if importlib.util.find_spec(module) is None)


def resident_bytes() -> int:
    """Memory this process holds."""
    return int(psutil.Process().memory_info().rss)


def machine_bytes() -> int:
    """Memory of this machine."""
    return int(psutil.virtual_memory().total)


def free_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- leases: one engine a device, and never more threads than cores, over the whole host --------------------------------


def lease_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / "filial-leases"
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    return folder


def _lock_of(slot: str) -> Path:
    """A slot's lock file, which every user of the host may take."""
    path = lease_folder() / f"{slot}.lock"
    if not path.exists():
        path.touch()
        path.chmod(0o666)
    return path


@contextlib.contextmanager
def lease(slots: Sequence[str], need: int, who: str, waiting: Callable[[list[str]], None]) -> Iterator[list[str]]:
    """Hold `need` of the host-wide `slots` (cores, or one GPU). Waits for as long as it takes, telling `waiting` for whom.

    All or nothing: while too few are free none is kept, so two engines never wait for each other. `waiting` may raise.
    Raises ValueError if there will never be enough.
    """
    if need > len(slots):
        raise ValueError(f"{need} of {', '.join(slots)} are asked for, which are {len(slots)}")
    while True:
        with contextlib.ExitStack() as stack:
            mine = _take(stack, slots, need, f"{who} (process {os.getpid()})")
            if len(mine) == need:
                yield mine
                return
        waiting(holders(slots) or ["another engine"])
        time.sleep(0.25)


def _take(stack: contextlib.ExitStack, slots: Sequence[str], need: int, who: str) -> list[str]:
    """The slots taken, held until `stack` ends: as many as needed, or none.

    One engine takes at a time. Two that take together could each get a part, give it back, and do the same again.
    """
    with contextlib.suppress(Held), hold(_lock_of("gate")), contextlib.ExitStack() as taken:
        mine: list[str] = []
        for slot in slots:
            if len(mine) < need:
                with contextlib.suppress(Held):
                    taken.enter_context(hold(_lock_of(slot), timeout_s=0))
                    mine.append(slot)
        if len(mine) == need:
            clear_asides(lease_folder())
            for slot in mine:
                write_aside(lease_folder() / f"{slot}.who", who.encode())
            stack.push(taken.pop_all())
            return mine
    return []


def free_slots(slots: Sequence[str]) -> int:
    """How many of these slots nobody holds just now."""
    return sum(not is_held(lease_folder() / f"{slot}.lock") for slot in slots)


def holders(slots: Sequence[str]) -> list[str]:
    """Who holds some of these slots just now, each once, as it called itself; nobody who has not said so yet."""
    names: dict[str, None] = {}
    for slot in slots:
        if is_held(lease_folder() / f"{slot}.lock"):
            with contextlib.suppress(OSError):
                names[(lease_folder() / f"{slot}.who").read_text(encoding="utf-8")] = None
    return list(names)
