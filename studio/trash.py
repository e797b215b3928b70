"""Runs go to the workspace's trash, whole: nothing is deleted, and moving a folder back brings its run back.

Whether a run may go, and whom that concerns, is asked by the session before.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from engine.run import Run

NAMED = 4  # runs in a sentence; of more the rest is counted


def put_away(run: Run) -> Path:
    """Move a run's folder to trash/<name>-<utc>. Raises OSError."""
    trash = run.workspace / "trash"
    trash.mkdir(exist_ok=True)
    target = trash / f"{run.name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    os.rename(run.folder, target)  # noqa: PTH104 -- a move within one disk, never a copy and never over something else
    return target


def warning(names: Sequence[str], learners: Sequence[str]) -> str:
    """What it costs others that these runs go."""
    learn = "learns" if len(learners) == 1 else "learn"
    it = "its teacher" if len(learners) == 1 else "their teachers"
    return f"{_listed(learners)} {learn} from {_listed(names)} and would be left without {it}. The trash keeps everything."


def _listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b, c, d and 3 more"."""
    shown = [*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
