"""What was recorded, as TensorBoard's own event file: every metric by name and step, and where the network looked.

What a resume or a roll-back abandoned is left out: TensorBoard would join it to what came after. A point's time is when it was
recorded. Nothing of TensorFlow is needed.
"""

import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import arrays, tiles
from engine.exports.card import Made
from engine.exports.extra import needed
from engine.run import Refused, Run
from engine.state import Artifact, RunState

VERSION = "brain.Event:2"  # what TensorBoard expects in a file's first event
MAPS = ("attention", "evidence")
USE = """\
`tensorboard --logdir DIR` shows every metric under its name{images}. Several exports beside each other in one folder are shown
as so many runs. Rates are fractions; points that a resume or a roll-back abandoned are left out."""
IMAGES = ", and under *Images* the pictures watched, with what {} at below them"


def write(folder: Path, run: Run) -> Made:
    """One event file. Raises Refused without the extra, and for a run that has recorded nothing."""
    needed("tensorboard", "tensorboard")
    state = run.state()
    if not state.curves:
        raise Refused(f"--to: {run.name} has recorded no metric yet; train it first")
    path = folder / f"events.out.tfevents.{int(state.attempts[0].time)}.{run.name}"
    images = list(_images(run, state))
    _write(path, state, images)
    scalars = sum(int(curve.kept.sum()) for curve in state.curves.values())
    told = IMAGES.format("student and teacher look" if any(two for *_, two in images) else "the network looks")
    files = {path.name: "the metrics" + (", and where the network looked" if images else "")}
    checked = {
        "what": "opened by TensorBoard's own reader, which finds every value",
        **_counted(path, state, scalars, len(images)),
    }
    return Made(files, USE.format(images=told if images else ""), checked=checked, packages=("tensorboard",))


Picture = tuple[str, int, float, bytes, tuple[int, int], bool]  # tag, step, unix seconds, PNG, width and height, a teacher too


def _write(path: Path, state: RunState, images: Sequence[Picture]) -> None:
    writer_room: Any = importlib.import_module("tensorboard.summary.writer.record_writer")
    event: Any = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
    summary: Any = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
    with path.open("wb") as file:
        writer = writer_room.RecordWriter(file)

        def put(**told: Any) -> None:
            writer.write(event(**told).SerializeToString())

        put(wall_time=state.attempts[0].time, file_version=VERSION)
        for step, time_s, values in _scalars(state):
            put(wall_time=time_s, step=step, summary=summary(value=[summary.Value(tag=n, simple_value=v) for n, v in values]))
        for tag, step, time_s, content, (width, height), _ in images:
            image = summary.Image(encoded_image_string=content, width=width, height=height, colorspace=4)
            put(wall_time=time_s, step=step, summary=summary(value=[summary.Value(tag=tag, image=image)]))
        writer.flush()


def _scalars(state: RunState) -> Iterator[tuple[int, float, list[tuple[str, float]]]]:
    """(step, unix seconds, its values), in the order of steps."""
    began = _began(state)
    found: dict[tuple[int, float], list[tuple[str, float]]] = {}
    for name, curve in sorted(state.curves.items()):
        columns = (curve.steps, curve.times, curve.attempts, curve.values)
        for step, time_s, attempt, value in zip(*(column[curve.kept].tolist() for column in columns)):
            found.setdefault((step, began[attempt] + time_s), []).append((name, value))
    return ((step, time_s, values) for (step, time_s), values in sorted(found.items()))


def _images(run: Run, state: RunState) -> Iterator[Picture]:
    """The pictures, and below them the maps of each network, of every artifact that was not abandoned."""
    watched = _read(run, next((one for one in reversed(state.artifacts) if one.kind == "probe-pictures"), None)).get("pictures")
    kept = {one.path: one for one in state.artifacts if one.kind in MAPS and not _is_abandoned(one, state)}
    for one in kept.values():  # a step that was taken again after a roll-back is twice in the list, and once on disk
        maps = _read(run, one)
        shown = [tiles.heat(maps[name]) for name in ("student", "teacher") if name in maps]
        if shown:
            above = [] if watched is None else [tiles.pictures(watched[: len(shown[0])])]
            whole = tiles.rows([*above, *shown])
            content = io.BytesIO()
            whole.save(content, "PNG")
            yield one.kind, one.step, _time(state, one), content.getvalue(), whole.size, len(shown) > 1


def _is_abandoned(one: Artifact, state: RunState) -> bool:
    """Whether a later attempt began before it, or the run went back and has not come so far again."""
    later = [attempt.resumed_from_step for attempt in state.attempts if attempt.number > one.attempt]
    return one.step > state.step or any(step < one.step for step in later)


def _time(state: RunState, one: Artifact) -> float:
    """When something was measured at its step; else when its attempt began."""
    for curve in state.curves.values():
        at = np.flatnonzero(curve.kept & (curve.steps == one.step) & (curve.attempts == one.attempt))
        if len(at):
            return _began(state)[one.attempt] + float(curve.times[at[-1]])
    return next(attempt.time for attempt in state.attempts if attempt.number == one.attempt)


def _began(state: RunState) -> dict[int, float]:
    """Unix seconds to which a curve's seconds are added, for each attempt: they count the training of earlier ones, too."""
    return {attempt.number: attempt.time - attempt.earlier_s for attempt in state.attempts}


def _read(run: Run, artifact: Artifact | None) -> dict[str, NDArray[Any]]:
    """Its arrays; nothing of one that is missing or damaged."""
    if artifact is None:
        return {}
    try:
        return arrays.read(run.folder / artifact.path)
    except (OSError, ValueError):
        return {}


def _counted(path: Path, state: RunState, scalars: int, images: int) -> dict[str, int]:
    """What TensorBoard's EventAccumulator finds. Raises Refused if that is not all that there is."""
    room: Any = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    found = room.EventAccumulator(str(path), size_guidance={room.SCALARS: 0, room.IMAGES: 0, room.TENSORS: 0})
    found.Reload()
    tags = found.Tags()
    there = sum(len(found.Scalars(tag)) for tag in tags["scalars"]), sum(len(found.Images(tag)) for tag in tags["images"])
    if there != (scalars, images):
        problem = f"TensorBoard finds {there[0]} values and {there[1]} pictures of {scalars} and {images}"
        raise Refused(f"{problem}, so nothing is kept; --to csv has the values")
    return {"values": scalars, "pictures": images, "metrics": len(state.curves)}
