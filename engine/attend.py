"""`filial attend`: where a run's networks look on any picture, head by head, as one labelled sheet.

Of a convolutional network it is class evidence (Grad-CAM), and called so. Here: which networks are asked, and where the sheet
goes. What they answer is looking.py's, what a map and a mark are is in probes/attention.py, how it is drawn in sheet.py.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import torch

from engine import checkpoint, decide, extras, processes, sheet, words
from engine.looking import Chosen, looker
from engine.probes import attention
from engine.run import Refused, Run, cannot_be_written, checkpoint_step
from engine.sheet import Block, Tile

NAME = "attention.png"
Which = Literal["student", "teacher", "both"]


def attend(run: Run, picture: Path, target: Path | None, step: int | None, which: Which, threshold: float) -> list[str]:
    """Draw the sheet. Returns what to say of it, first where it lies. Raises Refused, and then nothing was written."""
    if not 0 < threshold < 1:
        raise Refused(f"--threshold: {threshold:g} is outside (0, 1); it is the share of a map that is marked, as 0.6")
    if not picture.is_file():
        raise Refused(f"IMAGE: there is no file {picture}")
    _refuse_target(target)
    folder = checkpoint.chosen(run, step)
    networks, note = networks_of(run, folder, which)
    facts, arrays = looker().look(run.workspace, networks, picture)
    blocks = [_block(name, facts[name], arrays, threshold, _said_of(one)) for name, one in networks.items()]
    drawn = sheet.draw(f"{picture.name}, as {run.name} sees it", blocks, _foot(facts, arrays, threshold))
    content = BytesIO()
    drawn.save(content, "PNG")
    where = _write(run, target, content.getvalue())
    return [str(where), *(f"{block.title}: {block.said}" for block in blocks), *filter(None, [note])]


def networks_of(run: Run, folder: Path, which: Which) -> tuple[dict[str, Chosen], str]:
    """Student and teacher by these names, as far as they are asked for and there, and a sentence where one is not.

    Of a run without labels the teacher is the average of its student. A student of a frozen network is judged by its own
    average, as everywhere. Raises Refused.
    """
    step, average = checkpoint_step(folder), (folder / "teacher.safetensors").exists()
    pinned = _pinned(run)
    student = Chosen(run.name, step, "teacher" if average and pinned else "model")
    teacher = Chosen(run.name, step, "teacher") if average and not pinned else None
    if which != "student" and pinned is not None:
        theirs = pinned.folder(run.workspace)
        if not (theirs / "state.json").is_file():
            gone = f"--which: {pinned.run}, the teacher of {run.name}, has no checkpoint of step {pinned.step} any more"
            raise Refused(f"{gone}; --which student shows {run.name} alone")
        teacher = Chosen(pinned.run, pinned.step, "teacher" if checkpoint.kept(theirs).name != "model.safetensors" else "model")
    if which == "teacher" and teacher is None:
        raise Refused(f"--which: {run.name} learned from labels, without a teacher; leave it out")
    found = {"student": student, "teacher": teacher}
    asked = {name: one for name, one in found.items() if one is not None and which in (name, "both")}
    return asked, "" if teacher or which == "student" else f"{run.name} has no teacher: it learned from labels"


def _pinned(run: Run) -> decide.Teacher | None:
    """The frozen teacher, if it has one."""
    known = decide.read(run)
    return known.teacher if known else None


def _said_of(one: Chosen) -> str:
    """ "digits-s0-F1, step 520", and whether it is an average."""
    whose = f"{one.run}, step {words.count(one.step)}"
    return f"{whose}, average of the student" if one.part == "teacher" else whose


# ---- what is drawn ------------------------------------------------------------------------------------------------------


def _block(name: str, facts: dict[str, Any], arrays: dict[str, Any], threshold: float, whose: str) -> Block:
    if facts["kind"] is None:
        problem = f"{name}: the network of {facts['run']} gives no attention, and no class evidence without classes it learned"
        raise Refused(f"{problem}; there is nothing to draw")
    maps = torch.from_numpy(arrays[f"{name}_map"])
    titles = [f"head {place}" for place in range(1, len(maps) + 1)]
    if facts["kind"] == "evidence":
        maps, titles = maps.reshape(1, *maps.shape[-2:]), ["class evidence"]
    elif len(maps) > 1:
        maps, titles = torch.cat([maps.mean(dim=0, keepdim=True), maps]), [f"mean of {len(maps)} heads", *titles]
    marked = attention.marked(maps, threshold)
    tiles = [Tile(title, one.numpy(), mark.numpy()) for title, one, mark in zip(titles, maps, marked, strict=True)]
    return Block(f"{name.capitalize()}: {whose}", _answer(name, facts, arrays), arrays[f"{name}_picture"], tiles)


def _answer(name: str, facts: dict[str, Any], arrays: dict[str, Any]) -> str:
    kind = "attention" if facts["kind"] == "attention" else "class evidence (Grad-CAM) of the class it names"
    if f"{name}_probabilities" not in arrays:
        return kind
    said = arrays[f"{name}_probabilities"]
    return f"{kind}; it says {facts['classes'][int(said.argmax())]}, {words.percent(float(said.max()))} sure"


def _foot(facts: dict[str, Any], arrays: dict[str, Any], threshold: float) -> Iterator[str]:
    patches = any(one["kind"] == "attention" for one in facts.values())
    marked, share = "the fewest patches that hold" if patches else "the least that holds", words.percent(threshold, 0)
    yield f"Each map goes from 0, dark, to its own largest value, light. Framed below it: {marked} {share} of it."
    if "overlap" in arrays:
        yield f"Overlap of student and teacher: {words.number(float(arrays['overlap'][0]), 2)}, 1 for equal maps."


# ---- where it goes ------------------------------------------------------------------------------------------------------


def _refuse_target(target: Path | None) -> None:
    if target is None:
        return
    if target.suffix.lower() != ".png":
        raise Refused(f"-o: {target.name} does not end in .png, which is what is written; add that")
    if target.exists():
        raise Refused(f"-o: {target} exists already; choose another name, or move it away first")


def _write(run: Run, target: Path | None, content: bytes) -> Path:
    if target is None:
        folder = extras.place(run, "attend")
        with extras.writing(folder) as aside:
            (aside / NAME).write_bytes(content)
        return folder / NAME
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        processes.write_aside(target, content)
    except OSError as error:
        raise cannot_be_written(target, error) from None
    return target
