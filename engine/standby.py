"""The next engine, started ahead: it imports torch while another run trains, then waits to be told which run is its own.

Importing torch and making a first optimizer takes about three seconds, which is as long as a small network trains. Both ends
are here: `StandBy` for those who start engines in turn, `wait` for the process itself. Until it is told, it knows no run,
touches no folder, writes no log and ends with the one who started it. What is imported is train.py's affair. No torch here.
"""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from engine import processes
from engine.run import Run

PATIENCE_S = 300.0  # a run this long does not notice three seconds more, and an idle torch holds some 400 MB


class StandBy:
    """At most one engine that waits for its run. Leaving the block sends it home."""

    def __init__(self, *options: str) -> None:
        """`options` are those that an engine started afresh would be given."""
        self._command = processes.python("engine", "train", "--stand-by", *options)
        self._process: subprocess.Popen[bytes] | None = None
        self._timer = threading.Timer(0, self.dismiss)
        self._turn = threading.Lock()

    def __enter__(self) -> "StandBy":
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()

    def call(self, beside: Run) -> None:
        """Start an engine, if there is none yet and the run that is at work meanwhile leaves it a core."""
        if self._process is None and _leaves_a_core(beside):
            nothing = subprocess.DEVNULL
            self._process = subprocess.Popen(
                self._command, env=processes.environment(), stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, bufsize=0
            )
            self._timer = threading.Timer(PATIENCE_S, self.dismiss)
            self._timer.daemon = True
            self._timer.start()

    def take(self, run: Run) -> "subprocess.Popen[bytes] | None":
        """The engine that stood by, which trains this run from now on. None if there is none: start one afresh."""
        process = self._let_go()
        if process is None:
            return None
        assert process.stdin is not None
        try:
            with process.stdin as word:
                word.write(json.dumps(str(run.folder)).encode() + b"\n")  # escapes: a path may be any bytes
        except OSError:  # it has died
            _end(process)
            return None
        return process

    def dismiss(self) -> None:
        """End the one that stands by: it has done nothing that could be lost."""
        process = self._let_go()
        if process is not None:
            _end(process)

    def _let_go(self) -> "subprocess.Popen[bytes] | None":
        """Whoever lets go of it has it alone: our timer is a thread."""
        self._timer.cancel()
        with self._turn:
            process, self._process = self._process, None
        return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _leaves_a_core(run: Run) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a damaged recipe: its engine says so
        threads = run.recipe().compute.threads
        return 0 < threads < processes.free_cores()  # 0 takes every core
    return False


# ---- the process that stands by -----------------------------------------------------------------------------------------


def wait(warm_up: Callable[[], None]) -> Path | None:
    """Get ready, then wait to be told. Returns the folder of the run to train; None if there will be none."""
    before = signal.signal(signal.SIGINT, _leave)
    with contextlib.suppress(Exception):  # it goes wrong again where it is logged: once the run is known
        warm_up()
    word = sys.stdin.buffer.readline()
    if not word.endswith(b"\n"):  # whoever started us has ended
        return None
    run = Run(Path(json.loads(word)))
    _speak_into(run.log_path)
    signal.signal(signal.SIGINT, before)
    return run.folder


def _leave(number: int, frame: FrameType | None) -> None:
    """Ctrl-C reaches all of the group; nothing is said of one that had nothing to do yet."""
    os._exit(130)


def _speak_into(log: Path) -> None:
    """From here on as if started afresh: output appended to the run's log, and nothing to read."""
    with processes.appended(log) as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        os.dup2(nothing.fileno(), 0)


@contextlib.contextmanager
def collector_at_rest() -> Iterator[None]:
    """No garbage collection while modules are imported, nor ever among what they brought: a fifth of the imports' time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
