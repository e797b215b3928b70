"""Engines that die, or whose disk fails, at the very moment one asks for; and what must be true of their folders afterwards.

`Mortals` keeps one process that has imported torch and forks an engine from it for each trial: a tenth of a second instead of
three. A trial ends the engine before its n-th call that changes the disk (an open for writing, a write, of which half is then
done, a rename, a sync ...), or at an instant within a phase. Linux, like the calls it counts.

What that process does is in mortal_engine.py.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

PHASES = ("starting", "data", "building", "step", "probe", "checkpoint", "evaluation", "export")


class Ended(NamedTuple):
    """How an engine ended."""

    code: int  # negative: the signal
    phase: str  # in which it was then
    calls: int  # that change the disk, before its end
    last: str  # the newest of them
    visits: dict[str, int]  # how often it was in each phase
    seconds: float


class Mortals:
    """Starts engines that end as they are told. A context manager; whatever it started is gone after it."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "tests.mortal_engine"]
        root, pipe = Path(__file__).parents[1], subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=root, env=environment, start_new_session=True
        )

    def __enter__(self) -> "Mortals":
        try:
            assert self._hear() == {"ready": True}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.wait()
        for pipe in (self._server.stdin, self._server.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def train(self, folder: Path, **how: Any) -> Ended:
        """One engine on this run, to its end.

        `at`: it dies before its n-th call that changes the disk, counted from 0, of that `phase` if one is given. `on`: before
        the first whose words ("fsync toy-s0-F0/checkpoints") have this part. With `signal` it gets another than SIGKILL; with
        `error` (a number of errno) that call, of those that take room, fails instead, and with `stays` every later one too.
        `after_s`: it is killed so long after its first moment or, with `phase`, of the `visit`-th time it is in that.
        `files`, `memory`: how many more descriptors it may open, how many more bytes it may map.
        """
        return self.ask({"do": "train", "folder": str(folder), **how})

    def export(self, folder: Path, **how: Any) -> Ended:
        """`filial export`: `to`, and `at` or `after_s` as above."""
        return self.ask({"do": "export", "folder": str(folder), **how})

    def ask(self, asked: dict[str, Any]) -> Ended:
        self.begin(asked)
        return self.end()

    def begin(self, asked: dict[str, Any]) -> int:
        """Start it without waiting for its end. Returns its process's number."""
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        return int(self._hear()["pid"])

    def end(self) -> Ended:
        return Ended(**self._hear())

    def _hear(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the process that forks engines has died"
        return json.loads(line)  # type: ignore[no-any-return]


# ---- what must be true afterwards ---------------------------------------------------------------------------------------


def broken_promises(folder: Path) -> Iterator[str]:
    """What is wrong with a run's folder that an engine has left, however it left it; nothing if all is as it should be."""
    from engine import checkpoint, events, processes
    from engine.run import Observer, Run

    run = Run(folder)
    if processes.is_held(run.lock_path):
        yield "the lock is held by nobody who lives"
    yield from _half_files(folder)
    state = run.state()
    if state.unreadable > len(state.attempts):
        yield f"{state.unreadable} lines of events cannot be read, after {len(state.attempts)} attempts"
    if (found := Observer().state_of(run)) not in ("queued", "lost", "finished", "paused"):
        yield f"it is {found}"
    newest = checkpoint.newest_valid(run)
    saved = max((point.step for point in state.checkpoints), default=0)
    if saved > (checkpoint.read_state(newest).step if newest else 0):
        yield f"step {saved} was told to be saved, and the newest sound checkpoint is {newest}"
    for told in map(events.from_line, run.events_path.read_bytes().splitlines() if run.events_path.exists() else ()):
        if isinstance(told, events.ArtifactSaved):
            path = folder / told.path
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != told.sha256:
                yield f"{told.path} is not what the event that names it says"


def _half_files(folder: Path) -> Iterator[str]:
    """Files under their final names that cannot be read. What begins with a dot is nobody's to read."""
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
            continue
        try:
            _READ.get(path.suffix, lambda _: None)(path)
        except Exception as error:
            yield f"{path.relative_to(folder)} cannot be read: {error!r}"


def _read_npz(path: Path) -> None:
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays:
            arrays[name]


def _read_tensors(path: Path) -> None:
    from safetensors.numpy import load_file

    load_file(path)


def _read_toml(path: Path) -> None:
    import tomllib

    tomllib.loads(path.read_text(encoding="utf-8"))


_READ: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_bytes()),
    ".toml": _read_toml,
    ".npz": _read_npz,
    ".safetensors": _read_tensors,
}


def leftovers(workspace: Path) -> list[str]:
    """What begins with a dot and is no lock, anywhere in a workspace."""
    found = (path.relative_to(workspace) for path in workspace.rglob(".*"))
    return sorted(str(path) for path in found if path.suffix != ".lock")


def outcome(folder: Path) -> dict[str, Any]:
    """What an engine that died in between must not have changed: the last checkpoint's tensors to the bit, and every value
    that was measured, of time and memory aside."""
    from safetensors.numpy import load_file

    from engine.run import Run

    run = Run(folder)
    state = run.state()
    newest = run.checkpoint_folders()[-1]
    found: dict[str, Any] = {"detail": state.finished and state.finished.detail, "step": newest.name}
    for path in sorted(newest.glob("*.safetensors")):
        found |= {f"{path.stem}/{name}": array.tobytes() for name, array in load_file(path).items()}
    for name, curve in state.curves.items():
        if not name.startswith(("throughput/", "memory/")):
            found[name] = curve.steps[curve.kept].tolist(), curve.values[curve.kept].tolist()
    return found
