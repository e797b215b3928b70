"""Runs go to the workspace's trash, whole: nothing is deleted, and moving a folder back brings its run back.

Only a person who is told what is lost empties it. What the workspace takes on the disk is counted here too.

Whether a run may go, and whom that concerns, the session asks before.
"""

import errno
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import words
from engine.run import Run

NAMED = 4  # runs in a sentence; of more the rest is counted


def put_away(run: Run) -> Path:
    """Move a run's folder to trash/<name>-<utc>. Raises OSError."""
    trash = run.workspace / "trash"
    trash.mkdir(exist_ok=True)
    target = trash / f"{run.name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    os.rename(run.folder, target)  # noqa: PTH104 -- a move within one disk, never a copy and never over something else
    return target


def bring_back(kept: Path, run: Run) -> None:
    """Undo `put_away`. Raises OSError where it is gone, or where another run has the name by now."""
    if run.folder.exists():
        raise FileExistsError(errno.EEXIST, "another run has its name by now", str(run.folder))
    os.rename(kept, run.folder)  # noqa: PTH104 -- as above


def told(names: Sequence[str]) -> str:
    """What has just been done."""
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} in the workspace's trash."


def warning(names: Sequence[str], learners: Sequence[str], learning: bool = True) -> str:
    """What it costs others that these runs go. Not `learning`: some of them begin with their weights."""
    if not learning:
        need = "needs" if len(learners) == 1 else "need"
        without = "the weights it starts from" if len(learners) == 1 else "the weights or teachers they start from"
        return f"{_listed(learners)} {need} {_listed(names)} and would be left without {without}. The trash keeps everything."
    learn = "learns" if len(learners) == 1 else "learn"
    it = "its teacher" if len(learners) == 1 else "their teachers"
    return f"{_listed(learners)} {learn} from {_listed(names)} and would be left without {it}. The trash keeps everything."


def _listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b, c, d and 3 more"."""
    shown = [*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


# The disk --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Used:
    """Bytes of one folder: a run, or a run in the trash."""

    name: str
    bytes: int
    checkpoints: int = 0  # of these


@dataclass(frozen=True)
class DiskUse:
    """What a workspace takes: its runs, the largest first; the trash; everything else; and what is free beside it."""

    runs: tuple[Used, ...] = ()
    trash: tuple[Used, ...] = ()
    rest: int = 0
    free: int = 0

    @property
    def in_runs(self) -> int:
        return sum(one.bytes for one in self.runs)

    @property
    def in_trash(self) -> int:
        return sum(one.bytes for one in self.trash)


def disk_use(workspace: Path) -> DiskUse:
    """Looks at every file; made for another thread. What vanishes meanwhile counts nothing."""
    if not workspace.is_dir():
        return DiskUse(free=shutil.disk_usage(next(each for each in workspace.parents if each.is_dir())).free)
    inside = sorted(entry for entry in workspace.iterdir() if entry.is_dir() and not entry.is_symlink())
    runs = [folder for folder in inside if (folder / "recipe.toml").is_file()]
    rest = sum(_size(each) for each in workspace.iterdir() if each not in runs and each.name != "trash")
    trash = workspace / "trash"
    thrown = sorted(trash.iterdir()) if trash.is_dir() and not trash.is_symlink() else []
    by_size = sorted((_used(folder) for folder in runs), key=lambda one: -one.bytes)
    return DiskUse(tuple(by_size), tuple(map(_used, thrown)), rest, shutil.disk_usage(workspace).free)


def _used(folder: Path) -> Used:
    return Used(folder.name, _size(folder), _size(folder / "checkpoints"))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links lead nowhere."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(_size(each) for each in path.iterdir())
    except OSError:
        return 0


def last_words(thrown: Sequence[Used]) -> str:
    """What is lost when the trash is emptied."""
    total = words.size(sum(one.bytes for one in thrown))
    return f"{_listed([one.name for one in thrown])}: {total} with all checkpoints and curves. Nothing brings them back."


def empty(workspace: Path, names: Sequence[str]) -> None:
    """Delete these, which were in the trash when a person agreed; whatever came since stays. Raises OSError."""
    for name in names:
        path = workspace / "trash" / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
