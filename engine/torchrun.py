"""`torchrun --nproc-per-node=N -m engine train RECIPE`: any verb of `filial`, its runs trained by torchrun's N processes.

torchrun starts the same command N times. The first is the verb as it always is, with engines that it starts for its runs. The
others are told of each run in its turn, through a folder named after the torchrun process that started them all, and start
the process that follows its engine (company.py): the very same that an engine starts for itself where a recipe asks for
several devices. One machine only. No torch here.
"""

import contextlib
import json
import os
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from engine import processes

REFUSED = 2
FOLLOW = "--follow"  # an engine so started is one of several
TURNS = "FILIAL_TURNS"  # that folder, for engines that the first process starts
DEVICES = "FILIAL_DEVICES"  # asked for on the command line, whatever the recipe says


def has_started_us() -> bool:
    """Whether this process is one of torchrun's own, and not started by one of them."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ and TURNS not in os.environ


def takes_part() -> bool:
    """Whether engines started from here find their followers beside them."""
    return TURNS in os.environ


def devices_asked() -> int:
    """How many devices torchrun or the command line ask for, whatever the recipe says; 0 where neither does."""
    return int(os.environ["WORLD_SIZE"]) if takes_part() else int(os.environ.get(DEVICES) or 0)


def follower(run: Path, meeting: Path) -> list[str]:
    """The command line of a process that follows a run's engine."""
    return processes.python("engine", "train", "--run", str(run), FOLLOW, str(meeting))


def work(verb: Callable[[], int]) -> int:
    """What a process of torchrun's does: the verb, or to follow what the first one's engines do. Returns the exit code."""
    if os.environ.get("LOCAL_WORLD_SIZE") != os.environ["WORLD_SIZE"]:
        if os.environ["RANK"] == "0":
            print("filial: torchrun: a run is trained on the devices of one machine; write --nnodes=1")  # noqa: T201
        return REFUSED
    agent = psutil.Process(os.getppid())
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    folder = Path(tempfile.gettempdir()) / f"filial-turns-{agent.pid}-{agent.create_time():.2f}-{again}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(folder):
        print(f"filial: {folder} belongs to somebody else, who could say what is trained here; remove it")  # noqa: T201
        return REFUSED
    os.environ[TURNS] = str(folder)
    if os.environ["RANK"] != "0":
        return _follow(folder, agent.pid)
    try:
        return verb()
    finally:
        (folder / "home").touch()


def _is_ours(folder: Path) -> bool:
    """Whether nobody else has made it, or could write into it."""
    found = folder.lstat()
    return os.name == "nt" or (stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022)


def announce(run: Path, meeting: Path) -> None:
    """Tell the other processes of a run, once its engine is ready for them."""
    folder = Path(os.environ[TURNS])
    turn = len(list(folder.glob("*.json"))) + 1
    processes.write_aside(folder / f"{turn}.json", json.dumps([str(run), str(meeting)]).encode())


def code_of(rank: int, meeting: Path) -> int | None:
    """The exit code of a follower that another process has started; None while it is at work."""
    with contextlib.suppress(OSError, ValueError):
        return int((meeting / f"{rank}.code").read_text())
    return None


def _follow(folder: Path, agent: int) -> int:
    """One run after the other, until the first process is done. A signal ends us between runs: within one the engine decides
    what becomes of it, and what it started last is saved."""
    leaving: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: leaving.append(number))
    turn = 1
    while not leaving and os.getppid() == agent:
        if (told := folder / f"{turn}.json").exists():
            _follow_one(*map(Path, json.loads(told.read_bytes())))
            turn += 1
        elif (folder / "home").exists():
            return _leave(folder)
        else:
            time.sleep(0.05)
    return 1


def _follow_one(run: Path, meeting: Path) -> None:
    rank = os.environ["RANK"]
    code = subprocess.Popen(follower(run, meeting), env=processes.environment(), stdin=subprocess.DEVNULL).wait()
    with contextlib.suppress(OSError):  # the meeting is over
        processes.write_aside(meeting / f"{rank}.code", str(code).encode())


def _leave(folder: Path) -> int:
    """The last one out tidies up."""
    (folder / f"{os.environ['RANK']}.left").touch()
    with contextlib.suppress(OSError):
        if len(list(folder.glob("*.left"))) == int(os.environ["WORLD_SIZE"]) - 1:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
    return 0
