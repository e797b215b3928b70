"""`filial export`: what others can use of a run. A folder with the files of one kind, and a card that says what they are.

Here: which kinds there are, and where the folder goes. Each kind is a room beside; the card is card.py's. Rooms are imported
when they are asked for: tables need no torch, and what an extra brings is imported where it is used.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine import extras
from engine.exports.card import Made, write_card
from engine.run import Refused, Run

Which = Literal["student", "teacher"]


def export(run: Run, to: str, target: Path | None = None, step: int | None = None, which: Which | None = None) -> Path:
    """Write the run as files of the kind `to`, a name of KINDS. Returns the folder. Raises Refused, and then there is none.

    `step`: which checkpoint, the newest by default. `which`: of a run that keeps both, its student or the average of it; by
    default what the run is kept for.
    """
    if to not in KINDS:
        raise Refused(f"--to: {to!r} is unknown; there are {', '.join(KINDS)}")
    if to not in NETWORKS and (step is not None or which is not None):
        asked = "--step" if step is not None else "--which"
        raise Refused(f"{asked}: {to} has all that was recorded of a run, not one network; leave it out")
    write = KINDS[to](run, step, which)
    with extras.alone(run, "export") if target is None else contextlib.nullcontext():
        folder = extras.place(run, "export") if target is None else target.resolve()
        with extras.writing(folder) as aside:
            write_card(aside, run, to, write(aside))
    return folder


Write = Callable[[Path], Made]  # into a folder that is there


def _safetensors(run: Run, step: int | None, which: Which | None) -> Write:
    from engine.exports import network, weights

    found = network.load(run, "safetensors", step, which)
    return lambda folder: weights.write(folder, found)


def _timm(run: Run, step: int | None, which: Which | None) -> Write:
    from engine.exports import for_timm, network

    found = network.load(run, "timm", step, which)
    return lambda folder: for_timm.write(folder, found)


def _onnx(run: Run, step: int | None, which: Which | None) -> Write:
    from engine.exports import network, onnx_graph

    found = network.load(run, "onnx", step, which)
    return lambda folder: onnx_graph.write(folder, found)


def _csv(run: Run, step: int | None, which: Which | None) -> Write:
    from engine.exports import tables

    return lambda folder: tables.write(folder, run)


def _tensorboard(run: Run, step: int | None, which: Which | None) -> Write:
    from engine.exports import for_tensorboard

    return lambda folder: for_tensorboard.write(folder, run)


KINDS: dict[str, Callable[[Run, int | None, Which | None], Write]] = {
    "safetensors": _safetensors,
    "timm": _timm,
    "onnx": _onnx,
    "tensorboard": _tensorboard,
    "csv": _csv,
}
NETWORKS = ("safetensors", "timm", "onnx")  # kinds that are one network; the others are all that was recorded
