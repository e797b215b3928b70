"""What the command line says: progress of runs and the status table. Reads folders, decides nothing.

On a terminal progress is drawn as bars (rich); elsewhere each epoch is a plain line, so that a log stays readable.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from engine import turns, words, worker
from engine.queue import Entry, Queue, look
from engine.run import Observer, Refused, Run, Workspace
from engine.state import RunState
from engine.worker import Engine

if TYPE_CHECKING:
    from engine.stopping import Offer

OUT = Console(highlight=False, soft_wrap=True, markup=False)  # a folder may be called [old]
if not OUT.is_terminal:
    OUT = Console(highlight=False, soft_wrap=True, markup=False, width=160)  # a file or a pipe has no width: tables stay whole


def train_in_turn(runs: Sequence[Run], of: int) -> int:
    """Work through runs with progress; `of` is how many the lineage has. Returns the exit code."""
    if len(runs) < of:
        OUT.print(f"{words.plural(of - len(runs), 'run')} of {of} complete already")
    if not runs:
        return 0
    with _Display(len(runs)) as display:
        return turns.work(runs, display.follow, OUT.print, _LeftOut(display))


def work(workspace: Workspace) -> int:
    """Work through the queue with progress. Returns the exit code."""
    with _Display() as display:
        return worker.work(workspace, display.follow, OUT.print, _once())


def _offer(run: Run) -> "Offer | None":
    """Of leaving this run out, with others that have not begun either; None for a recipe that has no such rule."""
    try:
        rule = run.recipe().stop_after
    except (OSError, ValueError):
        return None
    if not rule or run.forked_from:
        return None
    from engine import stopping  # verdicts need numpy, which most queues and chains can do without

    lineage = run.name.rpartition("-s")[0]
    one = stopping.offer([other for other in Workspace(run.workspace).runs() if other.name.rpartition("-s")[0] == lineage])
    return one if one is not None and run.name in one.runs else None


def _advice(run: Run) -> str:
    one = _offer(run)
    return f"{one.said}; {words.plural(len(one.runs), 'run')} may be left out: {one.command}" if one else ""


def _once() -> Callable[[Run], str]:
    """The advice when it is first to be given: fewer runs are left to leave out each time, but it is the same offer."""
    said: set[str] = set()

    def advise(run: Run) -> str:
        one = _offer(run)
        if one is None or one.said in said:
            return ""
        said.add(one.said)
        return _advice(run)

    return advise


class _LeftOut:
    """Which runs of a chain a person leaves out once further generations bring nothing. Asked once for each offer; where
    nobody can be asked the chain goes on, and says so."""

    def __init__(self, display: "_Display") -> None:
        self._display = display
        self._answers: dict[str, bool] = {}

    def __call__(self, run: Run) -> bool:
        one = _offer(run)
        if one is None:
            return False
        if one.said not in self._answers:
            self._answers[one.said] = self._asked(one)
        return self._answers[one.said]

    def _asked(self, one: "Offer") -> bool:
        runs = words.plural(len(one.runs), "run")
        if not OUT.is_terminal or not sys.stdin.isatty():
            OUT.print(f"{one.said}; nobody can be asked here whether to leave {runs} out, so they are trained")
            return False
        with self._display.still():
            return OUT.input(f"{one.said}. Leave out {runs} that would follow? [y/N] ").strip().lower() in ("y", "yes")


class _Display:
    """Follows engines through their folders, as any other reader does."""

    def __init__(self, runs: int = 0) -> None:  # 0: nobody knows how many there will be
        self._runs = runs
        self._place = 0
        self._bars: Progress | None = None
        if OUT.is_terminal:
            name, note = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[note]}"))
            columns = [name, BarColumn(), note, TimeRemainingColumn()]
            self._bars = Progress(*columns, console=OUT)

    def __enter__(self) -> "_Display":
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    @contextmanager
    def still(self) -> Iterator[None]:
        """No bars are drawn meanwhile: somebody is asked something."""
        if self._bars:
            self._bars.stop()
        try:
            yield
        finally:
            if self._bars:
                self._bars.start()

    def follow(self, run: Run, process: Engine, first: int | None = None) -> int:
        """Show a run until its engine ends. Attempts from `first` on are news: by default those that are not there yet."""
        self._place += 1
        state, tail = RunState(), run.tail()
        while tail.read_into(state):
            pass
        before = state.attempt if first is None else first - 1
        with self._one(run, said=len(state.log) if state.attempt <= before else 0) as show:
            while True:
                code = process.poll()
                while tail.read_into(state):
                    pass
                if state.attempt > before:
                    show(state)
                if code is not None:
                    break
                time.sleep(0.1)
        self._end(run, state, code)
        return code

    @contextmanager
    def _one(self, run: Run, said: int) -> Iterator[Any]:
        head = f"{run.name} ({self._place} of {self._runs})" if self._runs else run.name
        if self._bars is None:
            OUT.print(head)
            yield _lines(said)
            return
        bar = self._bars.add_task(head, total=None, note="starting")
        bars = self._bars

        def show(state: RunState) -> None:
            total = state.total_steps or None
            bars.update(bar, total=total, completed=state.step, note=_note(state))

        yield show

    def _end(self, run: Run, state: RunState, code: int) -> None:
        finished = state.finished
        if finished is None and not run.folder.is_dir():
            OUT.print(f"{run.name}: its folder is gone, and its engine ended (exit code {code})")
        elif finished is None:
            OUT.print(f"{run.name}: its engine ended without a last word (exit code {code}); see {run.log_path}")
        elif finished.reason != "completed":
            OUT.print(f"{run.name} {finished.reason}: {finished.detail}")
        elif self._bars is None:
            OUT.print(f"{run.name} completed, {_note(state)}")


def _lines(said: int) -> Any:
    """A function of the state that prints what is new: phases, and one line an epoch. `said`: lines of earlier attempts."""

    def show(state: RunState) -> None:
        nonlocal said
        for line in state.log[said:]:
            if line.level != "info" or line.text.startswith(("epoch", "waiting", "measuring", "teacher")):
                OUT.print(f"  {line.text}")
        said = len(state.log)

    return show


def _note(state: RunState) -> str:
    values = state.values
    for name in ("test/accuracy", "val/accuracy", "knn/average", "knn/teacher", "knn/student"):
        if name in values:
            return f"{name} {words.percent(values[name])}"
    return state.phase[1] or state.phase[0]


def status(runs: Sequence[Run], as_json: bool) -> int:
    """CONTRACT's status: a JSON array, or a table."""
    places = _places({run.workspace for run in runs})
    observer = Observer(queued=places)
    folded = [run.summary() for run in runs]
    rows = [_row(run, state, observer) for run, state in zip(runs, folded, strict=True)]
    if as_json:
        json.dump(rows, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return 0
    if not rows:
        OUT.print("no runs here yet; `filial demo` trains some")
        return 0
    table = Table(box=None, pad_edge=False)
    for name in ("run", "method", "state", "epoch", "best val", "test"):
        table.add_column(name, justify="right" if name in ("epoch", "best val", "test") else "left", no_wrap=True)
    tested = {run.name: _tested(state) for run, state in zip(runs, folded, strict=True)}
    for row in rows:
        word = row["state"] if row["reason"] in (None, "completed", row["state"]) else f"{row['state']}, {row['reason']}"
        if row["state"] == "queued" and row["run"] in places:
            word = f"queued, place {places[row['run']]}"
        if "problem" in row:
            word += ", recipe damaged"
        best, test = row["best"], tested.get(row["run"])
        table.add_row(
            row["run"],
            row["method"],
            word,
            f"{row['epoch']:.4g}",
            _named(best["metric"], best["value"]) if best else "",
            _named(*test) if test else "",
        )
    OUT.print(table)
    return 0


def _tested(state: RunState) -> tuple[str, float] | None:
    """What a finished run reached on test: accuracy, or k-NN where nothing classifies."""
    wanted = ("test/accuracy", "knn/average@test", "knn/teacher@test", "knn/student@test")
    names = (name for name in wanted if name in state.curves)
    return next(((name, state.curves[name].last) for name in names if state.curves[name].kept.any()), None)


def _named(metric: str, value: float) -> str:
    """ "95.4 %", "k-NN 64.1 %"."""
    return ("k-NN " if metric.startswith("knn/") else "") + words.percent(value)


def _places(workspaces: Iterable[Path]) -> dict[str, int]:
    """Where in its queue each run is. A queue that cannot be read hides no run."""
    places: dict[str, int] = {}
    for folder in workspaces:
        with suppress(Refused):
            places |= {name: place for place, name in enumerate(Queue(Workspace(folder)).names(), 1)}
    return places


def _row(run: Run, folded: RunState, observer: Observer) -> dict[str, Any]:
    row: dict[str, Any] = {"run": run.name, "lineage": None, "generation": 0, "seed": 0, "method": None, "teacher": None}
    try:
        asked = run.recipe()
        row |= {"lineage": asked.lineage, "generation": asked.generation, "seed": asked.seed}
        row |= {"method": type(asked.method).__struct_config__.tag, "teacher": asked.teacher or None}
    except (OSError, ValueError) as error:
        row["problem"] = str(error)  # a damaged run is listed all the same
    best = folded.best(folded.headline)
    return row | {
        "state": observer.state_of(run, folded),
        "reason": folded.finished.reason if folded.finished else None,
        "attempt": folded.attempt,
        "step": folded.step,
        "total_steps": folded.total_steps,
        "epoch": folded.epoch,
        "values": folded.values,
        "best": {"metric": folded.headline.partition("@")[0], "value": best[0], "step": best[1]} if best else None,
        "altered": folded.altered,
    }


def queue(waiting: Queue, as_json: bool) -> int:
    """The order of the queue and how each of its runs stands: a JSON array, or a table."""
    entries = look(waiting)
    if as_json:
        json.dump([_queue_row(entry) for entry in entries], sys.stdout, indent=1)
        sys.stdout.write("\n")
        return 0
    OUT.print(_queue_head(waiting, entries))
    if entries:
        table = Table(box=None, pad_edge=False)
        for name in ("place", "run", "how it stands"):
            table.add_column(name, justify="right" if name == "place" else "left", no_wrap=name != "how it stands")
        for entry in entries:
            table.add_row(str(entry.place), entry.run, entry.line())
        OUT.print(table)
    for line in dict.fromkeys(filter(None, (_advice_in_queue(waiting, entry) for entry in entries))):
        OUT.print(line)
    return 0


def _advice_in_queue(waiting: Queue, entry: Entry) -> str:
    return _advice(waiting.workspace.run(entry.run)) if entry.standing in ("ready", "waiting") else ""


def _queue_row(entry: Entry) -> dict[str, Any]:
    row = {"place": entry.place, "run": entry.run, "state": entry.state, "standing": entry.standing}
    return row | {"reason": entry.words, "offer": entry.offer or None}


def _queue_head(waiting: Queue, entries: Sequence[Entry]) -> str:
    """Who works through it, and the next step if nobody does."""
    if not entries:
        return "the queue is empty; `filial queue add RECIPE` puts a recipe's runs there"
    hold = "held; `filial queue release` lets it go on" if waiting.held else ""
    who = waiting.worker()
    if who is None:
        return f"nobody works through the queue; `filial work` does{f'. It is {hold}' if hold else ''}"
    at_work = f"process {who.pid} on {who.host} works through the queue" if who.pid else "a worker has just begun"
    return at_work + (f", which is {hold}" if hold else "")
