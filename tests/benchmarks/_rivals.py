"""What benchmarks against other people's programs share: who is missing, and rows that take turns."""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Row = Callable[[], object]


def rival(module: str) -> Any:
    """The module, or SystemExit with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise SystemExit(
            f"{package} is not installed, and this is measured against it: pip install {package} ({error})"
        ) from None


def seconds(rows: dict[str, Row], rounds: int, limit_s: float = float("inf")) -> dict[str, float]:
    """The median processor time of each row: all in turn, `rounds` times or until the time is up (three at least), after a
    round that is not counted. Whatever else the machine does meanwhile counts little, and alike."""
    taken: dict[str, list[float]] = {name: [] for name in rows}
    began = time.perf_counter()
    for round_ in range(rounds + 1):
        if round_ > 3 and time.perf_counter() - began > limit_s:
            break
        for name, once in rows.items():
            start = time.process_time()
            once()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(spent[1:])) for name, spent in taken.items()}
