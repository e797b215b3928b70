"""Long runs as they were folded, kept beside the person's other caches: a run of a million points opens at once again.

Disposable, as briefs are: what is missing, damaged or not of this run any more is made again from its events, which alone are
true. One file a run, replaced as a whole; it stands for the first `offset` bytes of events.jsonl, which only ever grows, and is
believed while those begin and end with the same bytes. Nobody's code is in it: numbers and names, decoded by their types.
"""

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import platformdirs
from msgspec import Struct

from engine import processes
from engine.run import Run, Tail
from engine.state import AttemptInfo, Curve, RunState

VERSION = 1  # another one where events mean something else
KNOWN = hashlib.sha256(repr([*RunState.__annotations__.items(), *AttemptInfo.__annotations__.items()]).encode()).hexdigest()[:8]
FOLDER = f"columns-{VERSION}-{KNOWN}"
LEAST = 4 << 20  # bytes of events: fewer are folded in less than a tenth of a second
MOST = 1 << 30  # bytes of all files together; the oldest go first
LARGEST = MOST // 4  # bytes of one
A_POINT = 41  # bytes
END = 4096  # bytes at each end of what a file stands for


class Kept(Struct, frozen=True):
    offset: int  # bytes of events.jsonl that are in it, to the end of a line
    ends: bytes  # what these bytes begin and end with, as a sum
    state: msgspec.Raw


def begin(run: Run) -> tuple[Tail, RunState] | None:
    """Where to read on, and what is known up to there; None if nothing is kept or it does not hold."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
        if run.events_path.stat().st_size >= LEAST:
            kept = msgspec.msgpack.decode(_path(run).read_bytes(), type=Kept)
            if kept.ends == _ends(run, kept.offset):
                state = msgspec.msgpack.decode(kept.state, type=RunState, dec_hook=_curve)
                tail = run.tail()
                tail.skip_to(kept.offset)
                return tail, state
    return None


def keep(run: Run, tail: Tail, state: RunState) -> None:
    """For the next window. A full disk or a foreign folder costs nothing but the time to read again."""
    if sum(map(len, state.curves.values())) * A_POINT > LARGEST:
        return  # it would push all others out, and take longer than reading it again
    with contextlib.suppress(OSError):
        told = msgspec.msgpack.encode(state, enc_hook=_columns)
        path = _path(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        processes.write_aside(path, msgspec.msgpack.encode(Kept(tail.whole, _ends(run, tail.whole), msgspec.Raw(told))))
        _make_room(path.parent)


def _path(run: Run) -> Path:
    home = hashlib.sha256(str(run.folder.absolute()).encode()).hexdigest()[:24]
    return platformdirs.user_cache_path("filial") / FOLDER / home


def _ends(run: Run, offset: int) -> bytes:
    with run.events_path.open("rb") as file:
        first = file.read(min(END, offset))
        file.seek(max(0, offset - END))
        return hashlib.sha256(first + file.read(min(END, offset))).digest()


def _make_room(folder: Path) -> None:
    processes.clear_asides(folder)
    files: list[tuple[int, int, Path]] = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another window's, which makes room too
            found = path.stat()
            files.append((found.st_mtime_ns, found.st_size, path))
    files.sort(reverse=True)
    for (*_, path), together in zip(files, np.cumsum([size for _, size, _ in files]), strict=True):
        if together > MOST:
            path.unlink(missing_ok=True)


def _columns(value: Any) -> Any:
    if isinstance(value, Curve):
        return value.packed()
    raise NotImplementedError(type(value))


def _curve(kind: type, value: Any) -> Any:
    if kind is Curve:
        return Curve.unpacked(*value)
    raise NotImplementedError(kind)
