"""What a run begins with besides its recipe: its data, a frozen teacher, weights that were made elsewhere. Here: whether they
are what they were and may be used, and reading them. Which checkpoint it is is pinned in decide.py, names within files are
matched in models/imported.py.
"""

import contextlib
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from engine import checkpoint, decide, methods, processes, reading, recipe
from engine.data.prepared import Prepared
from engine.failures import Failed
from engine.fields import tag_of
from engine.methods import METHODS
from engine.recipe import Data, RunRecipe
from engine.run import Refused, Run

LEARNED_BEFORE = (
    "learned from other pictures than the data has now. Bring the old data back, "
    "or train the changed data under another name (--set lineage=NAME)"
)
OTHER_LABELS = (
    "learned from other labels than data.corrections gives now. Bring the old file of corrections back, "
    "or train with the new one under another name (--set lineage=NAME)"
)
LEARNED_ELSEWHERE = (
    "may have learned from the pictures that this run is tested on; "
    "give both the same pictures, data.split_seed, data.test_share and data.val_share"
)


def describe(run: Run, data: Prepared, asked: Data) -> bool:
    """Write data.json, once; whether this was the first time. Raises Failed for other data than it describes. Files that gave
    no picture may have been tidied away since: they do not count."""
    card = msgspec.json.encode(data.card())
    path = run.folder / "data.json"
    if not path.exists():
        processes.write_aside(path, msgspec.json.format(card, indent=1))
        return True
    before = described(reading.content(path))
    if before != described(card):
        now = data.corrected.card() if data.corrected else None
        other = "pictures" if before.get("corrections") == now else f"other labels than {asked.corrections} gives"
        raise Failed(f"the data is not what this run began with: {path} describes {other}. Bring the old data back")
    return False


def plan(
    run: Run, asked: RunRecipe, decided: decide.Decided, known: decide.Effective | None, data: Prepared, fresh: bool
) -> decide.Effective:
    """What every device builds from. Raises Refused for a teacher or weights that may not be used.

    They are pinned by the first attempt and held to what they were. A run that has a checkpoint goes on from that, whatever
    became of a file, and so does a fork, which has one.
    """
    teacher = known.teacher if known else decide.pin_teacher(run, asked)
    if teacher is not None:
        decide.check_teacher(run, teacher)
        refuse_teacher(teacher, run.workspace, asked, data)
    weights = known.weights if known else decide.pin_weights(run, asked)
    if weights is not None and not asked.fork.run and (weights.run or fresh):
        decide.check_weights(run, weights)
    if weights is not None and fresh:
        refuse_seen_tests(weights, run.workspace, data)
    versions = known.versions if known else decide.versions()
    return decide.Effective(recipe=asked, decided=decided, teacher=teacher, versions=versions, weights=weights)


class OtherData(Refused):
    """A teacher learned from other data than its student would."""


def refuse_teacher(pinned: decide.Teacher, workspace: Path, asked: RunRecipe, data: Prepared) -> None:
    """Raises Refused for one that cannot teach this run, or must not."""
    teacher = Run(workspace / pinned.run)
    theirs, ours = teacher.data() or {}, data.card()
    taught, by_heads = teacher.recipe(), isinstance(asked.method, recipe.UNTAUGHT)
    if not by_heads and not getattr(METHODS[tag_of(type(taught.method))], "classifies", True):
        raise Refused(
            f"teacher: {pinned.run} learned without labels and knows no classes; give it a classifier in a run of its own: "
            f'model.weights = "{pinned.run}@{pinned.step}", model.freeze = true'
        )
    if not by_heads and theirs.get("classes") != ours["classes"]:
        raise Refused(f"teacher: {pinned.run} knows the classes {theirs.get('classes')}, the data has {ours['classes']}")
    if _shape(theirs) != _shape(ours):
        raise Refused(f"teacher: {pinned.run} reads pictures of {_shape(theirs)}, the data has {_shape(ours)}")
    if _tested_on(theirs) != _tested_on(ours):  # it may have learned from what this one is tested on
        raise OtherData(f"teacher: {pinned.run} {LEARNED_BEFORE if asked.generation else LEARNED_ELSEWHERE}")
    if asked.generation and (why := _changed(taught, asked, theirs, ours)):
        raise OtherData(f"teacher: {pinned.run} {why}")


def _changed(taught: RunRecipe, asked: RunRecipe, theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """What a teacher of the same lineage learned from that its student would not; empty if nothing. Then what the student gains
    or loses is not the method's, and every file may be edited between two generations."""
    if theirs.get("corrections") != ours.get("corrections"):
        return OTHER_LABELS
    if _trained_on(theirs) != _trained_on(ours):
        return LEARNED_BEFORE
    for field in ("label_noise", "label_noise_seed"):
        before, now = getattr(taught.data, field), getattr(asked.data, field)
        if before != now:
            problem = f"learned with data.{field} = {before:g}, this run has {now:g}; write {before:g}"
            return f"{problem}, or train it under another name (--set lineage=NAME)"
    return ""


def refuse_seen_tests(pinned: decide.Weights, workspace: Path, data: Prepared) -> None:
    """Raises Refused for weights that learned from these very pictures, cut otherwise. Other pictures may be anything."""
    theirs = _tested_on(Run(workspace / pinned.run).data() or {}) if pinned.run else (None, None)
    ours = _tested_on(data.card())
    if theirs[0] == ours[0] and theirs[1] != ours[1]:
        raise Refused(f"model.weights: {pinned.run} {LEARNED_ELSEWHERE}")


def load_frozen(pinned: decide.Teacher, workspace: Path, by_heads: bool) -> nn.Module:
    """A teacher as its checkpoint has it; one that learned without labels answers with its heads. Raises Refused."""
    folder = pinned.folder(workspace)
    teacher = checkpoint.network_of(folder)
    if by_heads:
        learned = decide.read(Run(folder.parents[1]))
        return methods.headed(pinned.run, learned and learned.recipe.method, teacher, checkpoint.load_kept(folder))
    checkpoint.load_model(folder, teacher)
    return teacher


def described(card: bytes) -> dict[str, Any]:
    """What data.json says of the pictures; nothing of one that is damaged. Older ones do not say how many differ."""
    with contextlib.suppress(msgspec.MsgspecError):
        return {**reading.decoded(card, dict[str, Any]), "skipped": None, "distinct": None}
    return {}


def _tested_on(card: dict[str, Any]) -> tuple[Any, Any]:
    return card.get("files_sha256"), card.get("split", {}).get("test")


def _trained_on(card: dict[str, Any]) -> tuple[Any, Any]:
    """Which pictures were learned from and chosen by."""
    split = card.get("split", {})
    return split.get("train"), split.get("val")


def _shape(card: dict[str, Any]) -> str:
    return " x ".join(map(str, [card.get("channels"), *card.get("size", ())]))
