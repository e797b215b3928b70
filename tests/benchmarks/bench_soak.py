"""Ten minutes of the real window beside a run of a million points that goes on: ticks, the longest hold, memory.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks soak [MINUTES [TICKS]]

A puppet holds the run's lock, beats, and records an event with twelve metrics five times a second behind TICKS of them; nobody
trains. The window shows Live with all its charts. A line a minute: how many ticks, what a tick and the repaint after it took of
the processor in the middle and at 99 of a hundred, the longest that the window's thread was held at once, and the memory of the
process. What grows from minute to minute is a leak; a tick above 50 ms is felt.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from engine import events, processes, recipe
from engine.run import Run, Workspace
from studio import session as room
from studio import theme
from studio.main_window import MainWindow
from studio.session import Session

MINUTES, TICKS = 10.0, 83_334
PER_EPOCH, LOG_EVERY = 1000, 10  # steps
METRICS = ("train/loss", "train/accuracy", "agreement/top1", "agreement/batch", "grad/norm", "schedule/lr", "schedule/momentum",
           "throughput/images_per_s", "throughput/data_wait", "memory/gib", "teacher/entropy", "teacher/kl")  # fmt: skip
PUPPET = """
import sys, time
from pathlib import Path
import numpy as np
from engine import events, run as room
names, step, log_every, per_epoch = sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
random = np.random.default_rng(1)
with room.Attempt(room.Run(Path(sys.argv[1]))) as attempt:
    attempt.open(step)
    began = time.monotonic()
    while True:
        step += log_every
        at = {"elapsed_s": time.monotonic() - began, "step": step, "epoch": step / per_epoch}
        attempt.record(events.StepTaken(values=dict(zip(names, random.random(len(names)).tolist())), **at))
        time.sleep(0.2)
"""


def generate(workspace: Path, ticks: int) -> Run:
    """A run whose first attempt was killed after so many ticks."""
    run = Workspace(workspace).create(recipe.read("born-again-digits", ("seeds=[0]", "generations=1")))[1]
    values = np.random.default_rng(0).random((ticks, len(METRICS))).tolist()
    with run.events_path.open("wb") as file:
        file.write(events.to_line(events.Started(attempt=1, resumed_from_step=0, time=time.time() - ticks, pid=1, host="here")))
        known = {
            "total_steps": 2 * ticks * LOG_EVERY,
            "steps_per_epoch": PER_EPOCH,
            "epochs": ticks // 50,
        }
        file.write(events.to_line(events.Prepared(device="cuda:0", log_every=LOG_EVERY, **known)))
        for tick, row in enumerate(values, 1):
            at = {"elapsed_s": tick / 5, "step": tick * LOG_EVERY, "epoch": tick * LOG_EVERY / PER_EPOCH}
            file.write(events.to_line(events.StepTaken(values=dict(zip(METRICS, row)), **at)))
    return run


class Watch:
    """What the window's thread takes of the processor from one tick to the next."""

    def __init__(self, window: MainWindow, followed: Session) -> None:
        self.window, self.ticks, self.longest = window, [0.0], 0.0
        tick: Callable[[], None] = followed.tick

        def counted() -> None:
            self.ticks.append(0.0)
            tick()

        followed._timer.timeout.disconnect()
        followed._timer.timeout.connect(counted)

    def turn(self, seconds: float) -> None:
        """Let the window live for so long."""
        application, over = QApplication.instance(), time.monotonic() + seconds
        assert application is not None
        while time.monotonic() < over:
            before = time.thread_time()
            application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents | QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            spent = time.thread_time() - before
            self.ticks[-1] += spent
            self.longest = max(self.longest, spent)

    def tell(self, minute: float) -> None:
        taken, longest = 1e3 * np.array(self.ticks[1:]), 1e3 * self.longest
        middle, most = np.percentile(taken, (50, 99))
        late = (taken > 50).mean()
        memory = psutil.Process().memory_info().rss / 2**20
        print(f"{minute:7.1f} {len(taken):6} {middle:9.1f} {most:9.1f} {late:9.1%} {longest:9.1f} {memory:9.0f}", flush=True)
        self.ticks, self.longest = [0.0], 0.0


def main(minutes: float, ticks: int) -> None:
    application = QApplication(sys.argv[:1])
    theme.apply(application, "dark", 1.0)
    with tempfile.TemporaryDirectory() as place:
        for kind in ("CACHE", "CONFIG", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = f"{place}/{kind}"
        run = generate(Path(place) / "runs", ticks)
        told = (str(run.folder), ",".join(METRICS), str(ticks * LOG_EVERY), str(LOG_EVERY), str(PER_EPOCH))
        puppet = subprocess.Popen([*processes.python("engine")[:2], "-c", PUPPET, *told], env=processes.environment())
        try:
            live(run, minutes)
        finally:
            puppet.kill()
            puppet.wait()


def live(run: Run, minutes: float) -> None:
    followed = Session(run.workspace)
    window = MainWindow(followed)
    window.resize(1920, 1080)
    window.show()
    watch = Watch(window, followed)
    followed.start()
    window.show_run(run.name)
    print(f"a tick is every {room.TICK_MS} ms; processor ms of a tick and its repaint, share above 50 ms, longest hold, MiB")
    print(f"{'minute':>7} {'ticks':>6} {'median':>9} {'99 %':>9} {'> 50 ms':>9} {'longest':>9} {'memory':>9}")
    watch.turn(5)
    watch.tell(0)
    passed = 0.0
    while passed < minutes:
        watch.turn(60 * min(1.0, minutes - passed))
        passed = min(passed + 1, minutes)
        watch.tell(passed)
    followed.stop_following()
    window.close()


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((float, int), (*sys.argv[1:], *map(str, (MINUTES, TICKS)[len(sys.argv) - 1 :])))))
