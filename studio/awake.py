"""Keeps the machine from falling asleep while an engine is at work on it.

On Linux and macOS a small process of the system holds the machine awake until the engine's process has ended: so it also holds
when the window is closed, and no crash of the window leaves a machine that never sleeps again. Windows has no such process;
there the window holds it awake as long as it is open.
"""

import contextlib
import ctypes
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Set
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine import processes

WHY = "A network is being trained"
CONTINUOUS, SYSTEM_REQUIRED = 0x80000000, 0x00000001  # SetThreadExecutionState


def why_not() -> str:
    """Why this machine cannot be kept awake, as a sentence; empty if it can."""
    if sys.platform == "win32":
        return ""
    needed = ("caffeinate",) if sys.platform == "darwin" else ("systemd-inhibit", "tail")
    missing = next((name for name in needed if shutil.which(name) is None), "")
    return f"This machine has no {missing}, without which it cannot be kept awake from here." if missing else ""


def command(pid: int) -> list[str]:
    """What holds the machine awake until that process has ended."""
    if sys.platform == "darwin":
        return ["caffeinate", "-i", "-w", str(pid)]
    inhibit = ["systemd-inhibit", "--what=sleep:idle", "--who=Filial", f"--why={WHY}", "--mode=block"]
    return [*inhibit, "tail", f"--pid={pid}", "-f", "/dev/null"]


class Awake(QObject):
    """Told again and again which engines are at work here, it sees that each has its holder."""

    refused = Signal(str)  # the system does not let us; said once

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._holders: dict[int, subprocess.Popen[bytes]] = {}
        self._was_refused = False
        self._holds = False  # on Windows

    def follow(self, pids: Set[int]) -> None:
        """Hold the machine awake for these engines, and for no others any more."""
        if why_not():
            return
        if sys.platform == "win32":
            self._hold(bool(pids))
            return
        for pid in set(self._holders) - pids:
            _end(self._holders.pop(pid))
        for pid, holder in self._holders.items():
            if holder.poll() not in (None, 0):
                self._tell(pid)
        for pid in sorted(pids - set(self._holders)):
            self._start(pid)

    def _start(self, pid: int) -> None:
        if self._was_refused:
            return
        try:
            self._holders[pid] = processes.start(command(pid), _log(pid), detached=True)
        except OSError:
            self._tell(pid)

    def _tell(self, pid: int) -> None:
        if self._was_refused:
            return
        self._was_refused = True
        said = ""
        with contextlib.suppress(OSError):
            said = _log(pid).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:][0]
        self.refused.emit(
            f"The system does not let this machine be kept awake{f': {said}' if said else ''}.".replace("..", ".")
        )

    def _hold(self, wanted: bool) -> None:
        if wanted != self._holds:
            self._holds = wanted
            flags = CONTINUOUS | (SYSTEM_REQUIRED if wanted else 0)
            ctypes.windll.kernel32.SetThreadExecutionState(flags)  # type: ignore[attr-defined]


def _log(pid: int) -> Path:
    return Path(tempfile.gettempdir()) / f"filial-awake-{pid}.log"


def _end(holder: subprocess.Popen[bytes]) -> None:
    """It ends by itself with its engine; one that still holds is told to."""
    if holder.poll() is None:
        holder.terminate()
