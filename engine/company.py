"""The processes that train one run on several devices: starting them, telling them what comes next, and what if one dies.

Rank 0 is the run's engine, which alone holds its lock, writes its folder and hears what is asked of it. The others follow
(follower.py): they wait to be told the next thing and do it, so all ranks do the same in the same order, and a command takes
effect at the same step everywhere, because only one process has read it.

    rank 0:     start -> hold the lease, read the data -> meet -> tell, do, tell, do ... -> tell them to end
    followers:  start -> say that they are there -------> meet -> hear, do, hear, do ... -> end

They meet through a file and speak on loopback alone, gloo for what is told, NCCL for what GPUs exchange. A follower waits for
as long as rank 0 takes, to look at test pictures for example, but no longer than it lives: a dead process's connections are
closed by the system, and whoever waits at the other end is told. Within a step they wait ANSWER_S for each other.

Followers are started by rank 0, or beside it where torchrun has started as many processes as there are ranks (torchrun.py).
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import torch
from torch import distributed

from engine import processes, torchrun
from engine.failures import Failed
from engine.run import Run
from engine.words import count

ANSWER_S = 600.0  # within a step; torch's own for NCCL
ALWAYS = timedelta(days=365)
LAST_WORDS_S = 5.0  # for a process that ends to have ended
ENGINE, BEGUN = "engine.json", "begun"  # in a meeting's folder: whose it is, and that it joins now
HEAD = 1024  # bytes of what is told that travel at once; more follow by themselves


class Company:
    """Rank 0 and its followers, for one attempt at a run. Alone it starts nothing, and telling is nothing."""

    def __init__(self, run: Run, devices: list[str], between: Callable[[], None]) -> None:
        """`devices`: one for each rank. `between` is called while followers get ready; it may raise."""
        self._run = run
        self._devices = devices
        self._between = between
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._meeting = Path()
        self._met = False

    def __enter__(self) -> "Company":
        if len(self._devices) > 1:
            self._meeting = Path(tempfile.mkdtemp(prefix="filial-meeting-"))
            (self._meeting / "devices.json").write_text(json.dumps(self._devices))
            (self._meeting / ENGINE).write_bytes(msgspec.json.encode(processes.me()))
            if torchrun.takes_part():
                torchrun.announce(self._run.folder, self._meeting)
            else:
                self._start()
        return self

    def _start(self) -> None:
        command = torchrun.follower(self._run.folder, self._meeting)
        for rank in range(1, len(self._devices)):
            place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(len(self._devices))}
            self._children[rank] = subprocess.Popen(command, env=processes.environment(place), stdin=subprocess.DEVNULL)

    def meet(self) -> None:
        """Wait until all are there. From now on they wait for what `tell` says. Raises Failed if one does not come."""
        if len(self._devices) == 1:
            return
        while any(not (self._meeting / f"{rank}.here").exists() for rank in range(1, len(self._devices))):
            self._between()
            if lost := self._lost():
                raise Failed(lost)
            time.sleep(0.02)
        (self._meeting / BEGUN).touch()
        join(self._meeting, 0, self._devices)
        self._met = True

    def tell(self, name: str, *arguments: Any) -> None:
        """Followers call that method with these arguments, plain values; they hear one thing after the other."""
        if self._met:
            _say(msgspec.json.encode([name, *arguments]))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Send the followers home; after an error end them. Raises Failed if it was one of them that is to blame."""
        if len(self._devices) == 1:
            return
        try:
            if error is None:
                self._part()
            elif isinstance(error, RuntimeError) and (lost := self._explained(error)):
                raise Failed(lost) from error
        finally:
            self._clear_up()

    def _part(self) -> None:
        if not self._met:
            return
        with contextlib.suppress(RuntimeError):  # one has died, but nothing more was wanted of it
            self.tell("end")
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(LAST_WORDS_S)

    def _clear_up(self) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()
        if self._met and self._devices[0].startswith("cpu"):
            distributed.destroy_process_group()  # of NCCL's it might wait for what never comes; this process ends soon
        shutil.rmtree(self._meeting, ignore_errors=True)

    def _explained(self, error: RuntimeError) -> str:
        """What one of the others has to do with it; empty for an error of our own."""
        of_company = is_of_company(error)
        what = "has not answered for too long" if "timed out" in str(error).lower() else "cannot be reached any more"
        return self._lost(LAST_WORDS_S if of_company else 0) or (f"another device {what}; {self._kept()}" if of_company else "")

    def _kept(self) -> str:
        step = self._run.newest_valid_step()
        kept = f"step {count(step)} is saved" if step else "no checkpoint was saved yet"
        return f"{kept}, and `filial resume {self._run.name}` goes on from there"

    def _lost(self, patience_s: float = 0.0) -> str:
        """Who of the company has ended unasked, and why, as the last words of a run; empty if nobody has."""
        deadline = time.monotonic() + patience_s
        while True:
            for rank in range(1, len(self._devices)):
                if why := self._end_of(rank):
                    where = f"the process of device {rank + 1} of {len(self._devices)}"
                    return f"{where} {why}; {self._kept()}"
            if time.monotonic() >= deadline:
                return ""
            time.sleep(0.05)

    def _end_of(self, rank: int) -> str:
        with contextlib.suppress(OSError):
            return f"failed: {(self._meeting / f'{rank}.failed').read_text(encoding='utf-8')}"
        code = self._children[rank].poll() if rank in self._children else torchrun.code_of(rank, self._meeting)
        if code is None:
            return ""
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def is_of_company(error: BaseException) -> bool:
    """Whether one process speaks of another: torch has an exception for some of it, and plain ones for the rest."""
    return isinstance(error, distributed.DistError) or any(sign in str(error).lower() for sign in ("gloo", "nccl", "peer"))


# ---- meeting, telling ---------------------------------------------------------------------------------------------------

_told: list[Any] = []  # the group for what is told


def begins(meeting: Path) -> bool:
    """Wait until the engine has read its data and joins; False if it ends before that."""
    engine = msgspec.json.decode((meeting / ENGINE).read_bytes(), type=processes.Identity)
    while not (meeting / BEGUN).exists():
        if not meeting.exists() or processes.condition(engine) != "alive":
            return False
        time.sleep(0.05)
    return True


def join(meeting: Path, rank: int, devices: list[str]) -> None:
    """Be one of them from now on. All call this at about the same time."""
    device = torch.device(devices[rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)
    os.environ |= on_loopback()
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=(meeting / "meeting").as_uri(),
        rank=rank,
        world_size=len(devices),
        timeout=timedelta(seconds=ANSWER_S),
    )
    _told[:] = [distributed.new_group(backend="gloo", timeout=ALWAYS)]


def on_loopback() -> dict[str, str]:
    """What keeps gloo and NCCL from listening where others could connect."""
    named = psutil.net_if_addrs().items()
    name = next(name for name, addresses in named if any(_is_loopback(one) for one in addresses))
    return {"GLOO_SOCKET_IFNAME": name, "NCCL_SOCKET_IFNAME": name}


def _is_loopback(address: Any) -> bool:
    return bool(address.family == socket.AF_INET and address.address == "127.0.0.1")


def _say(message: bytes) -> None:
    head = torch.zeros(HEAD, dtype=torch.uint8)
    whole = len(message).to_bytes(8, "little") + message
    head[: min(HEAD, len(whole))] = torch.frombuffer(bytearray(whole[:HEAD]), dtype=torch.uint8)
    distributed.broadcast(head, 0, group=_told[0])
    if len(whole) > HEAD:
        distributed.broadcast(torch.frombuffer(bytearray(whole[HEAD:]), dtype=torch.uint8), 0, group=_told[0])


def hear() -> list[Any]:
    """The next thing that rank 0 tells: a name and its arguments. Raises RuntimeError when rank 0 has died."""
    head = torch.zeros(HEAD, dtype=torch.uint8)
    distributed.broadcast(head, 0, group=_told[0])
    whole = bytes(head.tolist())
    more = 8 + int.from_bytes(whole[:8], "little") - HEAD
    if more > 0:
        rest = torch.zeros(more, dtype=torch.uint8)
        distributed.broadcast(rest, 0, group=_told[0])
        whole += bytes(rest.tolist())
    return msgspec.json.decode(whole[8 : 8 + int.from_bytes(whole[:8], "little")])  # type: ignore[no-any-return]
