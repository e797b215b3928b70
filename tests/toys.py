"""Things small enough for pencil and paper: recipes, runs with a given history, and an engine that does as it is told."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from engine import events, processes, recipe
from engine.events import AnyEvent
from engine.recipe import RecipeFile
from engine.run import Run, Workspace

LINEAGE = """\
# Two seeds, two generations.
version = 1
lineage = "toy"
generations = 1
seeds = [0, 1]

[method]
name = "ban"        # the teacher alone

[training]
epochs = 4          # short
batch = 8
"""

SINGLE = 'version = 1\nlineage = "single"\n'


def lineage(*changes: str) -> RecipeFile:
    return recipe.read_text(LINEAGE, changes)


def single(*changes: str) -> RecipeFile:
    """One run without a teacher: single-s0-F0."""
    return recipe.read_text(SINGLE, changes)


# ---- histories ----------------------------------------------------------------------------------------------------------


def started(attempt: int = 1, step: int = 0, time: float = 1000.0) -> events.Started:
    return events.Started(attempt=attempt, resumed_from_step=step, time=time, pid=4321, host="here")


def prepared(steps_per_epoch: int = 10, epochs: int = 4) -> events.Prepared:
    return events.Prepared(
        total_steps=steps_per_epoch * epochs,
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        log_every=1,
        device="cpu",
        threads=2,
    )


def stepped(step: int, loss: float = 1.0, elapsed_s: float = 0.0) -> events.StepTaken:
    return events.StepTaken(step=step, epoch=step / 10, elapsed_s=elapsed_s, values={"train/loss": loss})


def measured(step: int, split: str = "val", **values: float) -> events.Measured:
    """`accuracy=0.9` becomes val/accuracy; a name with a slash of its own is written `agreement__top1`."""
    named = {name.replace("__", "/") if "__" in name else f"{split}/{name}": value for name, value in values.items()}
    return events.Measured(step=step, epoch=step / 10, split=split, values=named)


def finished(reason: Any = "completed", detail: str = "") -> events.Finished:
    return events.Finished(reason=reason, detail=detail)


def history(*steps: int, end: str = "") -> list[AnyEvent]:
    """One attempt that took these steps, and what became of it."""
    told: list[AnyEvent] = [started(), prepared(), *map(stepped, steps)]
    return [*told, finished(end)] if end else told


# ---- folders ------------------------------------------------------------------------------------------------------------


def runs(folder: Path, file: RecipeFile | None = None) -> list[Run]:
    return Workspace(folder).create(file or single())


def tell(run: Run, *told: AnyEvent, tail: bytes = b"") -> Run:
    """Append to a run's events, as an engine long gone did."""
    with run.events_path.open("ab") as file:
        file.write(b"".join(map(events.to_line, told)) + tail)
    return run


def told(run: Run) -> list[dict[str, Any]]:
    """Every line of events.jsonl as plain JSON."""
    return [json.loads(line) for line in run.events_path.read_bytes().splitlines()]


def put_status(run: Run, beat: int = 1, **different: Any) -> None:
    """status.json of an engine; `me` with what is different."""
    me = processes.me()
    status = {"pid": me.pid, "started": me.started, "boot": me.boot, "host": me.host, "beat": beat, "attempt": 1, "step": 0}
    processes.write_aside(run.folder / "status.json", json.dumps(status | different).encode())


def put_checkpoint(run: Run, step: int, *files: str) -> Path:
    folder = run.folder / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    for name in files or ("model.safetensors", "optimizer.safetensors"):
        (folder / name).write_bytes(b"")
    return folder


# ---- processes ----------------------------------------------------------------------------------------------------------


def until(what: Callable[[], Any], within_s: float = 10.0) -> Any:
    """Wait for something to become true, and give it back."""
    deadline = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.005)
    return found


class Puppet:
    """A Python process that says "ready" and then answers each line it is told with one of its own. Killed at the end."""

    def __init__(self, code: str, *arguments: str) -> None:
        self._left: list[int] = []
        self.process = subprocess.Popen(
            [*processes.python("engine")[:2], "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=processes.environment(),
        )

    def __enter__(self) -> "Puppet":
        assert self.hear() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._left:
            os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    @property
    def pid(self) -> int:
        return self.process.pid

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> str:
        """Ask, and wait for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.hear()

    def fork(self) -> int:
        """Make it fork a child that does nothing, and keeps what it inherits until the end of the test."""
        child = int(self.tell("fork"))
        self._left.append(child)
        return child

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def die(self) -> None:
        """As by `kill -9`; nobody has waited for it yet, so it is a zombie."""
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE)

    def end(self) -> int:
        """Let it end by itself. Returns its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=10)


_ENGINE = """
import os, sys, time
from pathlib import Path
from engine import commands, events, run as room
room.BEAT_S = 0.02
with room.Attempt(room.Run(Path(sys.argv[1]))) as attempt:
    print("ready", flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        answer = "done"
        if word == "open":
            attempt.open(int(rest or 0))
        elif word == "step":
            attempt.record(events.StepTaken(step=int(rest), epoch=int(rest) / 10, values={"train/loss": 1.0}))
        elif word == "finish":
            attempt.record(events.Finished(reason=rest))
        elif word == "commands":
            found = attempt.new_commands()
            for command in found:
                attempt.acknowledge(command)
            answer = " ".join(type(command).__name__ for command in found)
        elif word == "fork":  # filelock closes its own descriptor in a child; whatever else refers to the lock keeps it
            mine = next(item for item in Path("/proc/self/fd").iterdir() if os.readlink(item).endswith("run.lock"))
            os.dup(int(mine.name))
            child = os.fork()
            if child == 0:
                while True:
                    time.sleep(60)
            answer = str(child)
        print(answer, flush=True)
"""


def engine(run: Run) -> Puppet:
    """An engine that trains nothing: it holds the lock, beats fifty times a second and records what it is told to.

    open STEP, step STEP, finish REASON, commands (read and accept), fork.
    """
    return Puppet(_ENGINE, str(run.folder))


_LEASE = """
import sys
from engine import processes
def wait(holders):
    print("waits for " + ", ".join(holders), flush=True)
    if not sys.stdin.readline():
        sys.exit(3)
print("ready", flush=True)
sys.stdin.readline()
with processes.lease(sys.argv[3:], int(sys.argv[2]), sys.argv[1], wait) as slots:
    print("has " + " ".join(slots), flush=True)
    sys.stdin.readline()
"""


def lease(who: str, need: int, slots: Sequence[str]) -> Puppet:
    """A process that takes a lease once it is told to, and says "has core-0" or "waits for ..."; told again it tries again."""
    return Puppet(_LEASE, who, str(need), *slots)
