"""Data sets that a workspace knows by name: a small file each in its data/, which says how they are read. No pictures here."""

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from engine import processes, reading
from engine.fields import TAG

SUFFIX = ".set.json"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class Added(Struct, frozen=True):
    """A data set of the workspace; what was found when it was added may have changed since."""

    name: str
    table: dict[str, Any]  # of a recipe
    pictures: int
    classes: int
    added_at: float  # seconds since 1970

    @property
    def path(self) -> str:
        return str(self.table.get("path", ""))

    @property
    def is_here(self) -> bool:
        return not self.path or Path(self.path).exists()


def added(data_folder: Path) -> list[Added]:
    """By name. A file that cannot be read is none."""
    found = []
    for path in sorted(data_folder.glob(f"*{SUFFIX}")):
        try:
            found.append(reading.json(path, Added))
        except (OSError, msgspec.MsgspecError):
            continue
    return found


def remember(data_folder: Path, one: Added) -> None:
    data_folder.mkdir(parents=True, exist_ok=True)
    processes.write_aside(data_folder / f"{one.name}{SUFFIX}", msgspec.json.encode(one))


def fitting_name(table: dict[str, Any]) -> str:
    """ "pets" of /pictures/pets.zip; the kind of a set that has no path."""
    path = Path(str(table.get("path", "")))
    stem = path.name.removesuffix(".gz").removesuffix(".tar") if path.name else str(table[TAG])
    stem = Path(stem).stem if path.suffix and not path.is_dir() else stem
    return _UNFIT.sub("-", stem).strip("-.") or "pictures"


def is_fitting(name: str) -> bool:
    """Whether a set can be called so: a file is named after it."""
    return bool(name) and _UNFIT.sub("-", name).strip("-.") == name
