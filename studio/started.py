"""A process of ours that works through runs and outlives us: what is known of it, and what it said last.

What its end means for the runs is left to the session, which starts it and looks whether it lives.
"""

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import processes


def run_verb(asked: Sequence[str], workspace: Path) -> str:
    """Run `filial` with these words to its end, off the window's thread. Empty if it did it, else why not, in words."""
    command, environment = processes.python("engine", *asked, "--runs", str(workspace)), processes.environment()
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"The engine cannot be started: {error.strerror or error}."
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return "\n".join(said).removeprefix("filial: ") or f"It ended with {done.returncode} and without a word."


def size_of(log: Path) -> int:
    with contextlib.suppress(OSError):
        return log.stat().st_size
    return 0


@dataclass(eq=False)
class Started:
    """The process, and what there was when it was started."""

    process: subprocess.Popen[bytes]
    attempts: Mapping[str, int]  # of the runs it will turn to, in turn
    log: Path
    log_size: int
    is_worker: bool = False  # it follows the queue; otherwise the order of `attempts`

    @property
    def workspace(self) -> Path:
        return self.log.parent

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """Its last line, for a sentence about its end."""
        with contextlib.suppress(OSError):
            said = self.log.read_bytes()[self.log_size :].decode(errors="replace")
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            return lines[-1].removeprefix("filial: ").rstrip(".") if lines else ""
        return ""
