"""What watching costs the engine: processor seconds a step with the window open on the run, and without.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks watching [ROUNDS [EPOCHS]]

Whole engine processes train the same recipe with one thread, in turn alone and beside `python -m studio RUN`, which shows Live.
Processor time is the kernel's count for the engine's process, its start included; the window's own is told beside it. Whatever
else runs on the machine makes both larger, so that rounds are interleaved and medians of their ratio are printed.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from engine import processes, recipe
from engine.run import Run, Workspace

ROUNDS, EPOCHS = 5, 30


def made(folder: Path, epochs: int) -> Run:
    sets = (f"training.epochs={epochs}", "seeds=[0]", "compute.threads=1", "compute.precision=float32", "generations=1")
    return Workspace(folder).create(recipe.read("born-again-digits", sets))[0]


def trained(run: Run) -> float:
    """Processor seconds of the engine for each step."""
    process = subprocess.Popen(processes.python("engine", "train", "--run", str(run.folder)), env=processes.environment())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    state = run.state()
    assert state.completed, f"{run.name} ended with {process.returncode}"
    return (used.ru_utime + used.ru_stime) / state.step


def watched(run: Run) -> tuple[float, float]:
    """The same with the window open, and how much of a core the window took meanwhile."""
    window = subprocess.Popen(
        processes.python("studio", str(run.folder)), env=processes.environment(), stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(4)  # its start is not what is measured
        seen, began = psutil.Process(window.pid), time.monotonic()
        before = sum(seen.cpu_times()[:2])
        a_step = trained(run)
        return a_step, (sum(seen.cpu_times()[:2]) - before) / (time.monotonic() - began)
    finally:
        window.kill()
        window.wait()


def main(rounds: int, epochs: int) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        for kind in ("CACHE", "CONFIG", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = f"{place}/{kind}"
        ratios, shares, steps = [], [], []
        for number in range(rounds):
            alone = trained(made(Path(place, f"{number}-alone"), epochs))
            beside, share = watched(made(Path(place, f"{number}-watched"), epochs))
            ratios.append(beside / alone)
            shares.append(share)
            steps.append(alone)
        print(f"a step alone takes {1e3 * median(steps):.2f} ms of the processor; watched {median(ratios):.3f} x")
        print(f"  ratios {' '.join(f'{one:.3f}' for one in sorted(ratios))}; the window takes {median(shares):.1%} of a core")


if __name__ == "__main__":
    main(*(int(word) for word in (*sys.argv[1:], *map(str, (ROUNDS, EPOCHS)[len(sys.argv) - 1 :]))))
