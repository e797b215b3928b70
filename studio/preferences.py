"""What the window remembers of a person: looks, the last folder, what is kept of new runs; the window's place in another file.

studio.toml may be read, written and copied by hand; a value it cannot use counts as the default. Nothing of a run is here.
"""

import contextlib
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
import tomlkit
from PySide6.QtCore import QByteArray, QSettings
from tomlkit.exceptions import TOMLKitError

from engine import processes
from studio import theme

SCALES = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)


SWITCHES = ("stay_awake", "notify")
LEAST = {"keep_every_epochs": 1, "keep_full": 1, "keep_snapshots": 0}  # as the recipe has it


@dataclass(frozen=True)
class Preferences:
    """What a person chose. Saved at once whenever it changes."""

    theme: Literal["system", "light", "dark"] = "system"
    scale: float = 1.0
    last_folder: str = ""  # what was opened last
    stay_awake: bool = False  # the machine does not sleep while something trains
    notify: bool = True  # say when a run ends, fails or stalls while another window is in front
    keep_every_epochs: int | None = None  # what a new recipe says instead of its preset; None leaves the preset's
    keep_full: int | None = None
    keep_snapshots: int | None = None

    @property
    def kept(self) -> dict[str, int]:
        """The fields of a recipe that are a person's own in every new one."""
        own = {"keep.every_epochs": self.keep_every_epochs, "keep.full": self.keep_full, "keep.snapshots": self.keep_snapshots}
        return {path: value for path, value in own.items() if value is not None}


def folder() -> Path:
    return platformdirs.user_config_path("filial")


def load() -> Preferences:
    """What was saved, each value on its own: one bad line spoils nothing else."""
    known: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, TOMLKitError):
        known = tomlkit.parse((folder() / "studio.toml").read_text(encoding="utf-8")).unwrap()
    read = Preferences()
    if known.get("theme") in get_args(theme.Choice):
        read = replace(read, theme=known["theme"])
    scale = known.get("scale")
    if isinstance(scale, int | float) and math.isfinite(scale) and theme.SMALLEST <= scale <= theme.LARGEST:
        read = replace(read, scale=float(scale))
    if isinstance(known.get("last_folder"), str):
        read = replace(read, last_folder=known["last_folder"])
    switches = {name: known[name] for name in SWITCHES if isinstance(known.get(name), bool)}
    counts = {name: known[name] for name, least in LEAST.items() if _is_count(known.get(name), least)}
    return replace(read, **switches, **counts)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def save(chosen: Preferences) -> None:
    """Keep a hand-written file's comments. A place that cannot be written costs the memory, never the window."""
    path = folder() / "studio.toml"
    document = tomlkit.document()
    with contextlib.suppress(OSError, ValueError, TOMLKitError):
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for name, value in asdict(chosen).items():
        if value is None:
            document.pop(name, None)
        else:
            document[name] = value
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        processes.clear_asides(path.parent)
        processes.write_aside(path, tomlkit.dumps(document).encode())


def saved_geometry() -> QByteArray:
    """Where the window was, empty at the first start."""
    kept = _places().value("geometry", QByteArray())
    return kept if isinstance(kept, QByteArray) else QByteArray()


def save_geometry(geometry: QByteArray) -> None:
    _places().setValue("geometry", geometry)


def _places() -> QSettings:
    return QSettings(str(folder() / "window.ini"), QSettings.Format.IniFormat)
