"""The real window in a process of its own, from the first screen to the last generation: real engines, mouse and keys.

What happened is judged by the folders (commands, events, states), what is seen by the words on the page. The pictures of the
way stay in screenshots/window/, which git ignores.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from conftest import toy  # type: ignore[import-not-found]

from engine import commands, processes
from engine.run import Observer, Run, Workspace

HERE = Path(__file__).parent
PICTURES = HERE.parents[1] / "screenshots" / "window"
SMALL, LARGE = (1280, 720), (1920, 1080)
PATIENCE_S = 120.0  # for an engine to begin on a machine that is busy with something else
SCREEN = {"screens": [{"name": "test", "x": 0, "y": 0, "width": 1936, "height": 1096, "logicalDpi": 96, "dpr": 1}]}
EPOCHS, STEPS = 24, 13  # steps an epoch
LONG_ENOUGH = ("data.train_size=800", "model.width=16", f"training.epochs={EPOCHS}", "training.batch=64")  # to be caught at it


class Window:
    """`python -m studio WORKSPACE` with a person in front of it; `does` is one thing that person does."""

    def __init__(self, sample: Path, workspace: Path, errors: Path) -> None:
        command = [sys.executable, "-P", str(HERE / "window_driver.py"), str(sample), str(workspace), "--theme", "light"]
        self._errors = errors
        with errors.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment(errors.parent)
            )
        self._answers: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._hear, daemon=True).start()

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def _hear(self) -> None:
        for line in self.process.stdout:
            self._answers.put(line)
        self._answers.put('{"error": "it has ended"}')

    def does(self, what: str, *arguments: object, **named: object) -> Any:
        asked = {"do": what, **dict(zip(ORDER.get(what, ()), arguments, strict=False)), **named}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        try:
            answer = json.loads(self._answers.get(timeout=PATIENCE_S))
        except Empty:
            pytest.fail(f"the window does not answer to {asked}: {self.complaints()}")
        assert "error" not in answer, f"{asked}: {answer['error']}\n{self.complaints()}"
        return answer["answer"]

    def complaints(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def ended(self) -> int:
        return self.process.wait(timeout=PATIENCE_S)

    @property
    def looks_at(self) -> tuple[str, str]:
        """The page in sight and the run that is chosen."""
        seen = self.does("look")
        return seen["page"], seen["run"]

    def word(self, run: str) -> str:
        return self.does("look")["runs"].get(run, "")

    def points(self, chart: str) -> int:
        return self.does("look")["points"].get(chart, 0)

    def reads(self, *parts: str, within: str = "") -> bool:
        """Whether each part is somewhere among the words in sight."""
        words = self.does("read", within=within)
        return all(any(part in word for word in words) for part in parts)

    def all(self) -> str:
        """For a test that has failed."""
        return f"{self.does('look')}\n{self.does('read')}\n{self.complaints()}"

    def picture(self, station: str, size: tuple[int, int], colours: str, still: bool = True) -> None:
        path = PICTURES / f"{station}-{size[0]}x{size[1]}-{colours}.png"
        path.unlink(missing_ok=True)
        found = self.does("picture", path=str(path), width=size[0], height=size[1], colours=colours, still=still)
        assert found["size"] == list(size) and path.stat().st_size > 5_000
        assert found["colours"] > 30, f"{path} is as good as blank"


ORDER = {
    "press": ("name", "within"),
    "open_menu": ("name", "within"),
    "pick": ("item",),
    "open_tab": ("name",),
    "key": ("sequence",),
}


def _environment(place: Path) -> dict[str, str]:
    """A screen that is large enough, and preferences that are nobody's."""
    screen = place / "screen.json"
    screen.write_text(json.dumps(SCREEN))
    mine = {"QT_QPA_PLATFORM": f"offscreen:configfile={screen}", "XDG_CONFIG_HOME": str(place / "config")}
    return {**processes.environment(), **mine, "PYTHONPATH": str(HERE.parents[1])}


def until(what: Callable[[], object], *windows: Window) -> Any:
    """Wait for something to become true and give it back. A window that ends meanwhile is a failure of its own."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        for window in windows:
            assert window.process.poll() is None, f"the window ended: {window.complaints()}"
        assert time.monotonic() < deadline, f"it never became true: {[window.all() for window in windows]}"
        time.sleep(0.02)
    return found


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Two generations of digits, a few seconds each."""
    path = tmp_path / "small.toml"
    path.write_text(toy(*LONG_ENOUGH).text(), encoding="utf-8")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace; what still works in it at the end is killed."""
    workspace = Workspace(tmp_path / "runs")
    yield workspace
    for run in workspace.runs():
        run.kill()
    for path in workspace.folder.rglob("worker.log"):
        print(path.read_text())


def reasons(run: Run) -> list[str]:
    """How each attempt ended; empty for one that nobody has ended."""
    return [attempt.finished.reason if attempt.finished else "" for attempt in run.state().attempts]


def let_train_until(epoch: float, run: Run) -> None:
    """Let the engine train past here and then give it no time, as a busy machine does: so the test is never too slow for it."""
    status = run.status()
    if status is not None and run.state().attempt == status.attempt:
        os.kill(status.pid, signal.SIGCONT)
    attempts = len(run.state().attempts)
    until(lambda: (state := run.state()).epoch > epoch and len(state.attempts) >= attempts)
    os.kill(run.status().pid, signal.SIGSTOP)


def let_train_on(run: Run) -> None:
    os.kill(run.status().pid, signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to hold an engine still here")
def test_that_a_person_can_train_watch_stop_resume_lose_and_compare_a_lineage_in_the_window(sample, place, tmp_path):
    first, second = place.run("toy-s0-F0"), place.run("toy-s0-F1")
    with Window(sample, place.folder, tmp_path / "window.log") as window:
        _begin(window, place, first)
        with Window(sample, place.folder, tmp_path / "other.log") as other:
            _see_it_grow(window, first)
            _find(other, first)
            _stop(window, first)
            window.does("key", "Ctrl+Home")
            _resume(window, first, "welcome")
            _watch(other, first)
            _leave(window)
            let_train_on(first)
            _follow(other, first, second)
            _lose(other, second)
            _resume(other, second, "views.live")
            other.picture("9-resumed", LARGE, "dark", still=False)
            until(lambda: second.state().completed, other)
            _compare(other, first, second)
            other.does("close")
            assert other.ended() == 0
            assert "Traceback" not in window.complaints() + other.complaints()
    assert reasons(second) == ["", "completed"]
    assert first.state().epochs == second.state().epochs == EPOCHS


def _begin(window: Window, place: Workspace, first: Run) -> None:
    """The first screen and the card of the sample."""
    assert window.looks_at == ("welcome", "")
    window.picture("1-first-screen", SMALL, "light")
    window.does("press", "Start the sample")
    assert window.looks_at == ("live", first.name)
    assert [run.name for run in place.runs()] == ["toy-s0-F0", "toy-s0-F1"]
    window.picture("2-starting", SMALL, "dark", still=False)


def _see_it_grow(window: Window, first: Run) -> None:
    """Live fills by itself."""
    let_train_until(3, first)
    until(lambda: window.word(first.name) == "running" and window.points("accuracy") >= 3, window)
    before = window.points("objective")
    let_train_until(6, first)
    until(lambda: window.points("accuracy") >= 6 and window.points("objective") > before, window)


def _find(other: Window, first: Run) -> None:
    """A window that is opened in the middle finds what is at work and attaches to it."""
    until(lambda: other.reads("Runs found", "Attach", within="welcome"), other)
    other.picture("3-found-by-another-window", LARGE, "light", still=False)
    other.does("press", "Attach", within="welcome")
    assert other.looks_at == ("live", first.name)


def _stop(window: Window, first: Run) -> None:
    """The Stop button's menu; asked, acknowledged, done; the state in words."""
    offered = window.does("open_menu", "Other ways to stop", within="strip")
    assert offered[:2] == ["Stop after this epoch", "Save now and stop"]
    window.picture("4-ways-to-stop", SMALL, "light", still=False)
    window.does("pick", "Stop after this epoch")
    (command,) = commands.read(first.folder / "commands", set())
    assert isinstance(command, commands.Stop) and command.when == "epoch" and command.attempt == 1
    let_train_on(first)
    until(lambda: window.word(first.name) == "finished", window)
    assert first.state().acknowledged == {command.id: "accepted"}
    assert reasons(first) == ["stopped"] and first.state().step % STEPS == 0 == first.newest_valid_step() % STEPS
    assert window.reads("Stopped", within="views.live") and window.looks_at == ("live", first.name)
    window.picture("5-stopped", SMALL, "dark")


def _resume(window: Window, run: Run, where: str) -> None:
    """The button on the first screen or on Live's card; the next attempt goes on where the newest checkpoint is."""
    saved, number = run.newest_valid_step(), len(run.state().attempts)
    until(lambda: window.reads("Resume", within=where), window)
    window.does("press", "Resume", within=where)
    until(lambda: len(run.state().attempts) == number + 1 and run.state().attempts[-1].stepped, window)
    assert run.state().attempts[-1].resumed_from_step == saved > 0


def _watch(other: Window, first: Run) -> None:
    """The other window sees the same run, and its curves grow too."""
    let_train_until(first.state().epoch + 3, first)
    until(lambda: other.word(first.name) == "running" and other.points("accuracy") >= int(first.state().epoch) - 1, other)
    assert other.looks_at == ("live", first.name)
    other.picture("6-live-in-the-other", LARGE, "dark", still=False)


def _follow(other: Window, first: Run, second: Run) -> None:
    """Who watches the first generation is taken along to the second."""
    until(lambda: second.state().attempts, other)
    let_train_until(3, second)
    until(lambda: other.looks_at == ("live", second.name) and other.points("accuracy") >= 3, other)
    assert reasons(first) == ["stopped", "completed"]


def _leave(window: Window) -> None:
    """Closing a window ends nothing but itself; it asks, because a run is at work."""
    window.does("key", "Ctrl+Q")
    until(lambda: window.reads("is training", "Leave running", "Stop and save"), window)
    window.picture("7-leaving", SMALL, "dark", still=False)
    window.does("press", "Leave running")
    assert window.ended() == 0


def _lose(other: Window, second: Run) -> None:
    """An engine that is killed from outside is lost, and the window says so."""
    os.kill(second.status().pid, signal.SIGKILL)
    until(lambda: other.word(second.name) == "lost", other)
    assert Observer().state_of(second) == "lost" and reasons(second) == [""]
    until(lambda: other.reads("Resume", within="views.live"), other)
    other.picture("8-lost", SMALL, "light")


def _compare(other: Window, *runs: Run) -> None:
    """Generations: a box each with its number, and every tab has something in it."""
    other.does("press", "Generations", within="rail")
    assert other.looks_at[0] == "generations"
    numbers = [f"{100 * run.state().curves['test/accuracy'].last:.1f}" for run in runs]
    until(lambda: other.reads("F0", "F1", *numbers, within="views.generations.chain"), other)
    for tab, size, colours in TABS:
        other.does("open_tab", tab)
        other.picture(f"10-generations-{tab.lower()}", size, colours)


TABS = (
    ("Curves", SMALL, "light"),
    ("Matrix", LARGE, "dark"),
    ("Mistakes", SMALL, "dark"),
    ("Calibration", LARGE, "light"),
    ("Images", SMALL, "light"),
)
