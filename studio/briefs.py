"""Briefs of runs at rest, kept beside the person's other caches so that a workspace of thousands opens at once.

Disposable: whatever is missing, damaged or older than its run is made again from the run's folder, which alone is true. One
file a workspace, a line a run, only ever added to: the newest line of a run counts, and several windows may write at once. It
holds good while recipe, events, status and notes are the very files it was made from, by size and time.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import platformdirs
from msgspec import Struct

from engine import brief, notes, processes, recipe
from engine.brief import Brief
from engine.notes import Notes
from engine.recipe import RunRecipe
from engine.run import Run
from engine.state import RunState
from studio.followed import heard_of

VERSION = 2
Mark = tuple[int, int]  # nanoseconds of the last change, bytes; (0, 0) for a file that is not there
NO_FILE: Mark = (0, 0)
FILES = ("recipe.toml", "events.jsonl", "status.json", "extras/notes.json")
HEAD = b'{"run":"'  # how a line begins
PADDING = 2000  # lines that nobody needs, from which on the file is written anew
SLICE = 2**20  # bytes taken up in one go: about five hundred lines, 3 ms


class Marks(Struct, frozen=True, array_like=True):
    """From which files a line was made."""

    recipe: Mark
    events: Mark
    status: Mark
    notes: Mark


class Kept(Struct, frozen=True):
    """A line."""

    run: str
    marks: Marks
    host: str  # where its last engine ran; empty for this machine
    heard_at: float
    asked: RunRecipe
    notes: Notes
    brief: Brief


def mark_of(path: str) -> Mark:
    try:
        found = os.stat(path)  # noqa: PTH116 -- a path object costs more than the look, and there are thirty thousand
    except OSError:
        return NO_FILE
    return found.st_mtime_ns, found.st_size


def marks_of(run: Run) -> Marks:
    folder = str(run.folder)
    return Marks(*(mark_of(f"{folder}/{name}") for name in FILES))


class Briefs:
    """What is kept of a workspace, followed as it grows: others add to it. Lines are only decoded when they are asked for."""

    def __init__(self, workspace: Path) -> None:
        home = hashlib.sha256(str(workspace.absolute()).encode()).hexdigest()[:16]
        self.path = platformdirs.user_cache_path("filial") / f"briefs-{VERSION}-{recipe.VERSION}-{home}.jsonl"
        self.at_end = False  # all that lies there was taken up, when we last looked
        self._lines: dict[str, bytes] = {}
        self._half = b""
        self._from = 0, 0  # which file, and how far it is taken up
        self._count = 0  # lines in it, those that nobody needs among them
        self._fresh: list[bytes] = []
        self._decoder = msgspec.json.Decoder(Kept)

    def read_on(self) -> Sequence[str]:
        """Take up the next slice of the file. The names of the runs it tells of."""
        fresh = self._slice()
        self.at_end = len(fresh) < SLICE
        *lines, self._half = (self._half + fresh).split(b"\n")
        found = {_name(line): line for line in lines if line.startswith(HEAD)}
        self._count += len(lines)
        self._lines.update(found)
        return list(found)

    def read_all(self) -> None:
        """Take up all there is, and write the file anew where most of it is old."""
        while self.read_on() or not self.at_end:
            pass
        self._compact(self._lines)

    def _slice(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                which, offset = self._from
                if which != found.st_ino or offset > found.st_size:  # another window has written it anew
                    offset, self._half, self._count = 0, b"", 0
                file.seek(offset)
                fresh = file.read(SLICE)
                self._from = found.st_ino, offset + len(fresh)
        except OSError:
            return b""
        return fresh

    def find(self, run: Run) -> Kept | None:
        """What is kept of a run, as far as it was read, if it still holds."""
        line = self._lines.get(run.name)
        if line is None:
            return None
        try:
            kept = self._decoder.decode(line)
        except msgspec.MsgspecError:
            return None
        return kept if kept.marks == marks_of(run) else None

    def keep(self, kept: Kept) -> None:
        """Remembered; written by the next `flush`."""
        line = msgspec.json.encode(kept)
        self._lines[kept.run] = line
        self._fresh.append(line)

    @property
    def unwritten(self) -> int:
        return len(self._fresh)

    def flush(self) -> None:
        """Add what is new to the file. A full disk or a foreign folder costs nothing but the time to read again."""
        fresh, self._fresh = self._fresh, []
        if fresh:
            with contextlib.suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("ab") as file:
                    file.write(b"\n" + b"\n".join(fresh) + b"\n")  # an end that another left torn stays a line of its own

    def _compact(self, lines: Mapping[str, bytes]) -> None:
        if self._count > 2 * len(lines) + PADDING:
            with contextlib.suppress(OSError):
                processes.write_aside(self.path, b"\n".join(lines.values()) + b"\n")


def _name(line: bytes) -> str:
    return line[len(HEAD) : line.index(b'"', len(HEAD))].decode(errors="replace") if b'"' in line[len(HEAD) :] else ""


def of(run: Run, asked: RunRecipe, notes: Notes, host: str, heard_at: float, state: RunState) -> Kept:
    """The line of a run at rest."""
    return Kept(run.name, marks_of(run), host, heard_at, asked, notes, brief.of(state))


def read(run: Run) -> Kept | None:
    """The line of a run, from its folder; None while an engine holds it, and where its recipe cannot be read."""
    if processes.is_held(run.lock_path):
        return None
    tail, state = run.tail(), RunState()
    try:
        asked = run.recipe()
    except (OSError, ValueError):
        return None
    while tail.read_into(state):
        pass
    kept = of(run, asked, notes.read(run), *heard_of(run), state)
    return kept if kept.marks.events[1] == tail.offset else None
