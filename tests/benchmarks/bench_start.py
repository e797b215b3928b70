"""How long a person waits: for the window, and after Start for the first loss on the screen.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks start [ROUNDS [RECIPE...]]

Whole processes, started cold each time: `python -m studio WORKSPACE` until the whole first screen is painted, beside a process
that imports Qt and paints an empty window, which no window could beat; then from Start until Live has painted the first loss,
beside `import torch` in a process of its own, which no engine could beat. Rounds are interleaved, medians are printed. No other
run may be at work here: this one would wait for its cores.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from engine import processes

ROUNDS = 3
RECIPES = ("born-again-digits", "born-again-digits-vit", "dino-creatures")
NOTHING = """
import sys
from PySide6.QtWidgets import QApplication, QWidget
class Window(QWidget):
    def paintEvent(self, event):
        print("painted", flush=True)
application = QApplication(sys.argv[:1])
window = Window()
window.show()
application.exec()
"""
PAINTED = """
import sys
from PySide6.QtCore import QEvent, QObject, QTimer
from studio import __main__ as door
class Eye(QObject):
    def eventFilter(self, window, event):
        if event.type() == QEvent.Type.UpdateRequest:  # answered by painting all that is to be painted
            QTimer.singleShot(0, lambda: print("painted", flush=True))
        return False
def ready(window, before=door._make_ready):
    window.eye = Eye()
    window.installEventFilter(window.eye)
    before(window)
door._make_ready = ready
sys.exit(door.main(sys.argv[1:]))
"""
FIRST_LOSS = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from engine import recipe
from studio import theme
from studio.main_window import MainWindow
from studio.session import Session
application = QApplication(sys.argv[:1])
theme.apply(application, "dark", 1.0)
session = Session(Path(sys.argv[1]))
window = MainWindow(session)
window.show()
session.start()
def started():
    print("pressed", flush=True)
    session.start_now(recipe.read(sys.argv[2], ("seeds=[0]",)))
    window.show_view("live")
def look():
    if session.chosen is not None and "train/loss" in session.chosen.state.curves:
        print("painted", flush=True)
session.state_changed.connect(lambda: QTimer.singleShot(0, look))
QTimer.singleShot(500, started)
application.exec()
"""


def seconds(code: str, *arguments: str, since: str = "", until: str = "painted") -> float:
    """From its start, or from when it says `since`, to when it says `until`; then it is killed."""
    began = time.perf_counter()
    with subprocess.Popen(
        [*processes.python("engine")[:2], "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=processes.environment(),
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip() == since:
                    began = time.perf_counter()
                if line.strip() == until:
                    return time.perf_counter() - began
        finally:
            process.kill()
    raise RuntimeError(f"it ended without having said {until!r}")


def first_loss(name: str) -> float:
    """In a workspace of its own, whose worker is ended afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            return seconds(FIRST_LOSS, folder, name, since="pressed")
        finally:
            for process in psutil.process_iter(["cmdline"]):  # the worker and its engine outlive their window
                if any(word.startswith(folder) for word in process.info["cmdline"] or ()):
                    process.kill()


def main(rounds: int, names: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as place:
        for kind in ("CACHE", "CONFIG", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = f"{place}/{kind}"
        (Path(place) / "runs").mkdir()
        rows: dict[str, Callable[[], float]] = {
            "Qt and an empty window": partial(seconds, NOTHING),
            "the window": partial(seconds, PAINTED, f"{place}/runs"),
            "import torch": partial(seconds, "import torch; print('painted', flush=True)"),
            **{f"first loss, {name}": partial(first_loss, name) for name in names},
        }
        spent: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(rounds):
            for name, measure in rows.items():
                spent[name].append(measure())
        for name, found in spent.items():
            print(f"{name:<40}{median(found):7.2f} s   ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, tuple(sys.argv[2:]) or RECIPES)
