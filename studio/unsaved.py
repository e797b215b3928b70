"""The recipe that was not saved when the window closed: kept in a file of its own, written on at the next start.

One file for all windows, and the last that closes has it. What a recipe is, is recipe_model.py's; what this cannot read counts
as nothing, and what cannot be written is lost with the window, as it was before.
"""

import contextlib
import json
from dataclasses import asdict, fields
from pathlib import Path

import platformdirs

from engine import processes
from studio.recipe_presets import Snapshot


def path() -> Path:
    return platformdirs.user_state_path("filial") / "unsaved.json"


def keep(recipe: Snapshot | None) -> None:
    """None: nothing is unsaved, so nothing is kept."""
    with contextlib.suppress(OSError):
        if recipe is None:
            path().unlink(missing_ok=True)
            return
        path().parent.mkdir(parents=True, exist_ok=True)
        known = {**asdict(recipe), "path": str(recipe.path or "")}
        processes.write_aside(path(), json.dumps(known, ensure_ascii=False, indent=1).encode())


def kept() -> Snapshot | None:
    """What was kept, if all of it is words."""
    try:
        known = json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    names = {field.name for field in fields(Snapshot)}
    if not isinstance(known, dict) or set(known) != names or not all(isinstance(value, str) for value in known.values()):
        return None
    return Snapshot(**{**known, "path": Path(known["path"]) if known["path"] else None})
