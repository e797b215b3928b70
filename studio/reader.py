"""Makes briefs of a workspace's runs beside the window: `python -m studio.reader WORKSPACE [PART OF [aside]]`.

Started by a window that meets hundreds of runs of which nothing is kept; with several of them, each has its PART of the runs.
What it finds it adds to the briefs (briefs.py), where the window sees it. It ends when it is done or its stdin is closed, and
whatever it leaves out the window reads itself.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from engine import processes
from engine.run import Workspace, sort_key
from studio import briefs
from studio.briefs import Briefs

FLUSH_S = 0.2  # how often the window hears
MOST = 4  # processes: more are waited for by the disk


class Readers:
    """Processes of this module, at work for one window."""

    def __init__(self, workspace: Path, count: int, aside: bool) -> None:
        self._processes = [_start(workspace, part, count, aside) for part in range(count)]

    @property
    def live(self) -> bool:
        return any(one.poll() is None for one in self._processes)

    def end(self) -> None:
        """What they have not written yet is lost, and read again by the next."""
        for one in self._processes:
            one.kill()
            assert one.stdin is not None
            one.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a disk that does not answer holds it, and must not hold us
                one.wait(timeout=1)


def start(workspace: Path, aside: bool) -> Readers | None:
    """As many as leave half of the cores to others; None where none can be started. `aside`: others go first."""
    try:
        return Readers(workspace, max(1, min(MOST, (os.cpu_count() or 1) // 2)), aside)
    except OSError:
        return None


def _start(workspace: Path, part: int, of: int, aside: bool) -> subprocess.Popen[bytes]:
    command = processes.python("studio.reader", str(workspace.absolute()), str(part), str(of), *(["aside"] if aside else []))
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, env=processes.environment())


def read(workspace: Workspace, names: Sequence[str]) -> None:
    """Keep a brief of each run of which there is none that holds."""
    kept, written = Briefs(workspace.folder), time.monotonic()
    kept.read_all()
    for name in names:
        run = workspace.run(name)
        if kept.find(run) is None and (found := briefs.read(run)) is not None:
            kept.keep(found)
        if time.monotonic() - written > FLUSH_S:
            kept.flush()
            written = time.monotonic()
    kept.flush()


def _end_with_the_window() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(folder: str, part: str = "0", of: str = "1", aside: str = "") -> None:
    if aside:
        processes.stand_back()
    threading.Thread(target=_end_with_the_window, name="window", daemon=True).start()
    workspace = Workspace(Path(folder))
    read(workspace, sorted(workspace.names(), key=sort_key)[int(part) :: int(of)])


if __name__ == "__main__":
    main(*sys.argv[1:])
