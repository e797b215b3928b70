"""What a workspace of 10,000 runs costs the window: opening, ticks, filtering, sorting, scrolling. Run it by hand.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks queue [RUNS [STEPS]]

Run folders are generated into a temporary folder, RUNS of them, each with a tick for each of STEPS steps, ten epochs with a
measurement and a checkpoint each, and a last word where it has one: nobody trains. A line tells how often something was done,
how long it took in the middle, and the longest that the window's thread was held at once, in seconds of the processor, so that
what else runs here does not count: what is above 50 ms is felt.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from PySide6.QtWidgets import QApplication

from engine import events, recipe
from engine.queue import Queue
from engine.run import Run, Workspace
from studio import theme
from studio.session import Session
from studio.views.queue import QueueView

RUNS, STEPS, EPOCHS = 10_000, 200, 10
SEEDS, GENERATIONS = 4, 4  # 20 runs a lineage
WAITING = 200
FRAME_MS = 50.0


def generate(folder: Path, runs: int, steps: int) -> None:
    """Most are complete; of each hundred one failed, one was stopped, one is paused, one is lost; the last ones wait."""
    histories = {reason: _history(steps, reason) for reason in ("completed", "failed", "stopped", "paused", "")}
    order: list[str] = []
    for place, (name, text) in enumerate(_recipes(runs)):
        (folder / name).mkdir(parents=True)
        (folder / name / "recipe.toml").write_bytes(text)
        if place >= runs - WAITING:
            order.append(name)
            continue
        reason = {97: "failed", 98: "stopped", 96: "paused", 95: ""}.get(place % 100, "completed")
        (folder / name / "events.jsonl").write_bytes(histories[reason])
        (folder / name / "run.lock").touch()
    Queue(Workspace(folder)).add([name for name in order if name.endswith("-F0")])


def _recipes(runs: int) -> Iterator[tuple[str, bytes]]:
    """A lineage after the other; they differ in a field."""
    a_lineage = SEEDS * (GENERATIONS + 1)
    seeds = f"seeds={list(range(SEEDS))}"
    asked = recipe.read(
        "born-again-digits", (seeds, f"generations={GENERATIONS}", f"training.epochs={EPOCHS}", "lineage=LINEAGE")
    )
    texts = [(one.run, text) for one, text in asked.runs()]
    for number in range(-(-runs // a_lineage)):
        for name, text in texts[: runs - number * a_lineage]:
            told = text.replace("LINEAGE", f"grid-{number:04d}").replace("width = 32", f"width = {16 + number % 48}")
            yield name.replace("LINEAGE", f"grid-{number:04d}"), told.encode()


def _history(steps: int, reason: str) -> bytes:
    happened: list[events.AnyEvent] = [events.Started(attempt=1, resumed_from_step=0, time=1.7e9, pid=1, host="here")]
    per_epoch = steps // EPOCHS
    known = {"total_steps": steps, "steps_per_epoch": per_epoch, "epochs": EPOCHS, "log_every": 1, "pictures": 800}
    happened.append(events.Prepared(elapsed_s=1.0, device="cpu", device_memory_gib=24.0, threads=1, **known))
    for step in range(1, (steps if reason == "completed" else steps // 2) + 1):
        at = {"elapsed_s": 1.0 + step / 50, "step": step, "epoch": step / per_epoch}
        values = {
            "train/loss": 2.3 / step,
            "train/accuracy": 0.5,
            "schedule/lr": 0.1,
            "throughput/images": 900.0,
            "grad/norm": 1.0,
        }
        happened.append(events.StepTaken(values=values, **at))
        if step % per_epoch == 0:
            values = {"val/accuracy": 0.9 - 1 / step, "val/nll": 0.5, "val/ece": 0.05}
            happened.append(events.Measured(split="val", values=values, **at))
            happened.append(events.CheckpointSaved(path=f"checkpoints/step-{step:08d}", size=2**20, **at))
    if reason:
        happened.append(events.Finished(elapsed_s=60.0, reason=reason, detail="the disk is full" if reason == "failed" else ""))
    return b"".join(map(events.to_line, happened))


# ---- what is timed ------------------------------------------------------------------------------------------------------


def tell(what: str, spans: list[float]) -> None:
    longest = max(spans) * 1e3
    print(
        f"{what:<44} {len(spans):>6} x {median(spans) * 1e3:>8.1f} ms   longest {longest:>8.1f} ms{' !' * (longest > FRAME_MS)}"
    )


@contextmanager
def timed(spans: list[float]) -> Iterator[None]:
    start = time.thread_time()
    yield
    spans.append(time.thread_time() - start)


def repeat(what: str, act: Callable[[int], object], times: int) -> None:
    spans: list[float] = []
    for number in range(times):
        with timed(spans):
            act(number)
            QApplication.processEvents()
    tell(what, spans)


def opening(folder: Path, title: str) -> tuple[Session, QueueView]:
    """A session with the view in sight, turned as fast as it goes until all is read."""
    spans: list[float] = []
    with timed(spans):
        session = Session(folder)
        view = QueueView(session)
        view.resize(1360, 860)
        view.show()
        QApplication.processEvents()
    begun = time.perf_counter()
    while True:
        with timed(spans):
            session.tick()
            QApplication.processEvents()
        if session.runs and not session.loading:
            break
    tell(title, spans)
    print(f"{'  until all is read, without pauses':<44} {time.perf_counter() - begun:>8.1f} s")
    return session, view


def main(runs: int, steps: int) -> None:
    application = QApplication(sys.argv[:1])
    theme.apply(application, "light", 1.0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(os.environ.get("FILIAL_BENCH", place)) / "runs"
        if not folder.exists():
            generate(folder, runs, steps)
        os.environ["XDG_CACHE_HOME"] = str(folder.parent / "cache")
        opening(folder, "opening for the first time")
        session, view = opening(folder, "opening again")
        print(f"{'memory':<44} {psutil.Process().memory_info().rss / 2**20:>8.0f} MiB")
        use(session, view, Run(next(iter(folder.glob("*-0-F0")), folder / session.runs[0].name)))


def use(session: Session, view: QueueView, busy: Run) -> None:
    def write(number: int) -> None:
        with busy.events_path.open("ab") as file:
            values = {"train/loss": 2.3 / (number + 1), "schedule/lr": 0.1}
            file.write(events.to_line(events.StepTaken(elapsed_s=60.0 + number, step=number, epoch=1.0, values=values)))
        session.tick()

    repeat("a tick without news", lambda _: session.tick(), 60)
    repeat("a tick with a new event of one run", write, 40)
    typed = "grid-0042 completed"
    repeat("a letter in the filter", lambda n: view.filter.setText(typed[: n % (len(typed) + 1)]), len(typed) * 2)
    view.filter.setText("")
    bar = view.table.verticalScrollBar()
    repeat("a turn of the wheel", lambda n: bar.setValue(n * bar.maximum() // 200), 200)
    rows = view.table.runs.rows
    repeat("a row chosen", lambda n: view.table.choose([rows[n * 37 % len(rows)].key]), 40)
    segments = ("To decide", "Waiting", "All")
    repeat("another segment", lambda n: view.segment.choose(segments[n % 3]), 12)


if __name__ == "__main__":
    main(*(int(word) for word in (*sys.argv[1:], *map(str, (RUNS, STEPS)[len(sys.argv) - 1 :]))))
