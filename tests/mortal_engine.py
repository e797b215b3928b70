"""Forks an engine for each line it is told, and ends it or fails its disk where asked: the other half of mortal.py.

A JSON line in, a JSON line out: {"pid": ...} when it has begun, then how it ended. Half a write is done before the death or
the error that hits it, as it may be when the power goes or the disk is full.
"""

import builtins
import contextlib
import io
import json
import mmap
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mortal import PHASES, Ended

_OF = {  # of engine.train.Training
    "prepare": "data",
    "build": "building",
    "resume": "building",
    "take_step": "step",
    "probe": "probe",
    "save_maps": "probe",
    "save": "checkpoint",
    "prune": "checkpoint",
    "report": "evaluation",
}
_CHANGING = ("rename", "replace", "mkdir", "rmdir", "unlink", "remove", "link", "fsync", "posix_fallocate", "truncate")
_OPEN, _WRITE = os.open, os.write
_TAKING_ROOM = ("open", "write", "mkdir", "link", "posix_fallocate", "fsync")


class _Blackboard:
    """What an engine writes down as it goes, in memory that outlives it: phase, calls, visits of each phase."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)
        self.clear()

    def clear(self) -> None:
        self._memory[:] = bytes(4096)

    @property
    def phase(self) -> int:
        return self._memory[0]

    @phase.setter
    def phase(self, number: int) -> None:
        self._memory[0] = number

    def _number(self, place: int) -> int:
        return int.from_bytes(self._memory[8 + 8 * place : 16 + 8 * place], "little")

    def _add(self, place: int) -> None:
        self._memory[8 + 8 * place : 16 + 8 * place] = (self._number(place) + 1).to_bytes(8, "little")

    @property
    def calls(self) -> int:
        return self._number(0)

    def visits(self, phase: int) -> int:
        return self._number(1 + phase)

    def visit(self, phase: int) -> None:
        self.phase = phase
        self._add(1 + phase)

    def call(self, what: str) -> None:
        self._add(0)
        self._memory[1024:2048] = what.encode()[:1024].ljust(1024, b"\0")

    @property
    def last(self) -> str:
        return bytes(self._memory[1024:2048]).rstrip(b"\0").decode()


class _Disk:
    """Stands between an engine and the calls that change its workspace."""

    def __init__(self, folder: Path, board: _Blackboard, asked: dict[str, Any]) -> None:
        self._folder = str(folder)
        self._board = board
        self._at, self._on = asked.get("at"), asked.get("on")
        self._phase = PHASES.index(asked["phase"]) if "phase" in asked else None
        self._error = asked.get("error")
        self._signal = asked.get("signal", signal.SIGKILL)
        self._stays = asked.get("stays", False)
        self._counted = 0
        self._hit = False

    def point(self, what: str, path: str, half: Callable[[], object] = lambda: None) -> None:
        """Before a call that changes the disk. The heart's own, which come by the clock, are not counted."""
        if threading.current_thread() is threading.main_thread() and not self._hit and self._is_it(what, path):
            half()
            if self._error is None:
                os.kill(os.getpid(), self._signal)
            self._hit = True
            if self._error is None:  # it was only to sleep
                return
            raise OSError(self._error, os.strerror(self._error), path)
        if self._hit and self._stays and what in _TAKING_ROOM:
            raise OSError(self._error, os.strerror(self._error or 0), path)

    def _is_it(self, what: str, path: str) -> bool:
        self._board.call(call := f"{what} {os.path.relpath(path, self._folder)}")
        if self._error is not None and what not in _TAKING_ROOM:
            return False
        if self._on is not None:
            return self._on in call
        if self._at is None or self._phase not in (None, self._board.phase):
            return False
        self._counted += 1
        return bool(self._counted > self._at)

    def is_inside(self, path: object) -> bool:
        return not isinstance(path, int) and os.path.abspath(os.fsdecode(path)).startswith(self._folder)  # type: ignore[arg-type]  # noqa: PTH100

    def stand_between(self) -> None:
        for name in _CHANGING:
            setattr(os, name, self._watched(name, getattr(os, name)))
        os.write, os.open = self._written, self._opened_low(os.open)  # type: ignore[assignment]
        io.open = builtins.open = self._opened(io.open)  # type: ignore[assignment]
        import safetensors.torch as room

        room.serialize_file = self._serialized(room.serialize_file, room.serialize)

    def _watched(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(first: Any, *rest: Any, **named: Any) -> Any:
            folder = named.get("dir_fd")
            path = _path_of(first) if isinstance(first, int) else _path_of(folder) if folder is not None else first
            if self.is_inside(path):
                self.point(name, os.fsdecode(path))
            return original(first, *rest, **named)

        return watched

    def _written(self, descriptor: int, data: Any) -> int:
        if self.is_inside(path := _path_of(descriptor)):
            self.point("write", path, lambda: _WRITE(descriptor, bytes(data)[: len(data) // 2]))
        return _WRITE(descriptor, data)

    def _opened_low(self, original: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and self.is_inside(path):
                self.point("open", os.fsdecode(path))
            return original(path, flags, *rest, **named)

        return opened

    def _opened(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not set(mode) & set("wax+") or not self.is_inside(file):
                return original(file, mode, *rest, **named)
            self.point("open", os.fsdecode(file))
            raw = _Watched(self, os.fsdecode(file), "".join(letter for letter in mode if letter not in "bt"))
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            text = {key: value for key, value in named.items() if key in ("encoding", "errors", "newline")}
            return buffered if "b" in mode else io.TextIOWrapper(buffered, **text)

        return opened

    def _serialized(self, original: Callable[..., Any], whole: Callable[..., bytes]) -> Callable[..., Any]:
        """safetensors writes by itself: the file is made in one call, of which half may be done."""

        def serialized(tensors: Any, path: Any, metadata: Any = None) -> Any:
            def half() -> None:
                content = whole(tensors, metadata)
                descriptor = _OPEN(path, os.O_WRONLY | os.O_CREAT)
                _WRITE(descriptor, content[: len(content) // 2])

            self.point("write", os.fsdecode(path), half)
            return original(tensors, path, metadata)

        return serialized


class _Watched(io.FileIO):
    def __init__(self, disk: _Disk, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self._disk, self._path = disk, path

    def write(self, data: Any) -> int:
        self._disk.point("write", self._path, lambda: super(_Watched, self).write(bytes(data)[: len(data) // 2]))
        return super().write(data)


def _path_of(descriptor: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    return ""


def _serve() -> None:
    """Forks an engine for each line."""
    from engine.learner import warm_up

    warm_up()
    board, answers = _Blackboard(), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _say(answers, {"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        board.clear()
        begun = time.monotonic()
        if (pid := os.fork()) == 0:
            _live(asked, board)
        _say(answers, {"pid": pid})
        code = _ended(pid, asked, board)
        seconds = time.monotonic() - begun
        visits = {name: board.visits(number) for number, name in enumerate(PHASES)}
        told = Ended(code, PHASES[board.phase], board.calls, board.last, visits, seconds)
        _say(answers, told._asdict())


def _say(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _ended(pid: int, asked: dict[str, Any], board: _Blackboard) -> int:
    """Wait for its end, or bring that about."""
    if "after_s" in asked:
        number = PHASES.index(asked.get("phase", PHASES[0]))
        while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0) and board.visits(number) < asked.get("visit", 1):
            time.sleep(0.0005)
        until = time.monotonic() + asked["after_s"]
        while found == (0, 0) and time.monotonic() < until:
            time.sleep(min(0.002, max(0.0, until - time.monotonic())))
            found = os.waitpid(pid, os.WNOHANG)
        if found != (0, 0):
            return os.waitstatus_to_exitcode(found[1])
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _live(asked: dict[str, Any], board: _Blackboard) -> None:
    """The engine's own life, as `engine train --run` begins it."""
    code = 70
    try:
        code = _lived(asked, board)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _lived(asked: dict[str, Any], board: _Blackboard) -> int:
    from engine import processes, standby
    from engine.run import Refused, Run

    processes.die_with_parent()
    run = Run(Path(asked["folder"]))
    standby._speak_into(run.log_path)
    board.visit(0)
    _tell_phases(board)
    _limit(asked)
    _Disk(run.workspace, board, asked).stand_between()
    try:
        if asked["do"] == "export":
            from engine.exports import export

            board.visit(PHASES.index("export"))
            export(run, asked["to"])
            return 0
        from engine.train import train

        return train(run)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2


def _tell_phases(board: _Blackboard) -> None:
    from engine.train import Training

    def told(name: str, phase: int) -> Callable[..., Any]:
        original = getattr(Training, name)

        def within(self: Any, *arguments: Any) -> Any:
            before = board.phase
            board.visit(phase)
            try:
                return original(self, *arguments)
            finally:
                board.phase = before

        return within

    for name, phase in _OF.items():
        setattr(Training, name, told(name, PHASES.index(phase)))


def _limit(asked: dict[str, Any]) -> None:
    if "files" in asked:
        there = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (there + asked["files"], there + asked["files"]))
    if "memory" in asked:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (mapped + asked["memory"], mapped + asked["memory"]))


if __name__ == "__main__":
    _serve()
