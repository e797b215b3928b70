"""`filial arena`: the ways to a good network, side by side at equal pictures seen, from one recipe.

Contestants share the recipe's data, network, epochs, batch and seeds: scratch (labels alone), distillation from a larger
teacher, born-again F1, DINO and DINOv2 each with a linear probe. Each is a lineage of its own, so everything that holds for
lineages holds here: what is complete is skipped, what broke off is continued. Here: which recipes these are, and the table.
Training is turns.py's, verdicts are compare.py's.

Pictures seen are the student's, epochs times pictures; how many crops it was shown of each stands beside them, and what its
teacher saw before, if it had one, in a column of its own.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import numpy as np
import tomlkit
from rich.table import Table
from rich.text import Text

from engine import compare, console, lineages, recipe, scaled, turns, words
from engine.fields import TAG, RecipeError, RecipeErrors
from engine.predictions import ComparisonError, Lineage, Predictions
from engine.recipe import Recipe, RecipeFile, SameModel, Timm, Unlabelled, Vit
from engine.recipes import Ban, BanLabel, Cwtm, Dino, Dinov2, Dkd, Dkpp, Kd
from engine.run import Refused, Run, Workspace
from engine.state import RunState

NAMES = ("scratch", "kd", "ban", "dino", "dinov2")
LARGE = "large"  # the larger teacher: no contestant
TITLES = {"scratch": "scratch", "kd": "KD", "ban": "born-again F1", "dino": "DINO + linear", "dinov2": "DINOv2 + linear"}
# Where the recipe says nothing of learning without labels: a head in proportion to networks for small pictures, and no crops
# that such pictures lose themselves in. The rest is "auto" or the paper's.
SMALL_DINO = {"hidden": 256, "bottleneck": 64, "batch_norm": True, "blur": False, "solarize": 0.0}
DINO_OPTIMIZER = {TAG: "adamw", "lr": "auto", "weight_decay": 0.04, "clip": 3.0}
WIDTHS = {"small_cnn": "width", "resnet": "width", "densenet": "growth", "vit": "width"}


class Skipped(NamedTuple):
    name: str
    reason: str


class Contestant(msgspec.Struct, frozen=True):
    """A row of the table; numbers are means over its seeds. None where there is no such number."""

    name: str
    lineage: str
    seeds: tuple[int, ...] = ()
    mean: float | None = None
    sd: float | None = None
    per_seed: tuple[float, ...] = ()
    verdict: compare.Verdict | None = None  # against scratch
    pictures: int | None = None  # that the student saw: epochs x pictures
    crops: int = 1  # shown of each
    teacher_pictures: int = 0
    minutes: float | None = None
    teacher_minutes: float | None = None
    note: str = ""


def arena(workspace: Workspace, file: RecipeFile, only: Sequence[str], resume: bool, as_json: bool) -> int:
    """Train what lacks, then print the table. Returns the exit code."""
    files, skipped = contestants(file, only)
    for one in files.values():
        workspace.refuse_others(one)  # before any folder is made: a clash of the last leaves nothing of the first behind
    runs = {name: workspace.create(one) for name, one in files.items()}  # each teacher before its students
    every = [run for some in runs.values() for run in some]
    with _progress_aside(as_json):
        code = console.train_in_turn(turns.to_do(every, resume), len(every))
    if code not in (0, 1):
        return code
    rows = judged(runs)
    if as_json:
        told = {"lineage": file.recipe.lineage, "contestants": msgspec.to_builtins(rows)}
        json.dump(told | {"skipped": {one.name: one.reason for one in skipped}}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        _print(rows, skipped)
    return code


@contextmanager
def _progress_aside(aside: bool) -> Iterator[None]:
    """Progress to stderr, where stdout is for JSON alone."""
    before = console.OUT.file
    console.OUT.file = sys.stderr if aside else before
    try:
        yield
    finally:
        console.OUT.file = before


# ---- who takes part -----------------------------------------------------------------------------------------------------


def contestants(file: RecipeFile, only: Sequence[str] = ()) -> tuple[dict[str, RecipeFile], list[Skipped]]:
    """A recipe for each contestant and for the larger teacher, teachers first, and who cannot take part, with the reason.

    Scratch always takes part, since it is what the others are held against. Raises Refused.
    """
    if unknown := [name for name in only if name not in NAMES]:
        raise Refused(f"--only: there is no contestant {unknown[0]!r}; write some of {', '.join(NAMES)}")
    if isinstance(file.recipe.data, Unlabelled):
        raise Refused('arena compares accuracies, and data.name = "pictures" has no classes; write "folder" or another set')
    files: dict[str, RecipeFile] = {}
    skipped = []
    for name in NAMES:
        if only and name not in (*only, "scratch"):
            continue
        try:
            mine = {LARGE: _large(file)} if name == "kd" else {}
            mine[name] = _contestant(file, name)
            if reason := _cannot_crop(mine[name].recipe):
                skipped.append(Skipped(name, reason))
            else:
                files |= mine
        except RecipeErrors as refused:
            if name == "scratch":
                raise
            skipped.append(Skipped(name, str(refused.errors[0])))
    return files, skipped


def _contestant(file: RecipeFile, name: str) -> RecipeFile:
    asked, scratch = file.recipe, f"{file.recipe.lineage}-scratch-s{recipe.SEED}-F0"
    if name == "scratch":
        return _recipe(file, name, method={TAG: "supervised"}, **_with_labels(asked))
    if name == "ban":
        method = asked.method if isinstance(asked.method, Ban | BanLabel | Cwtm | Dkpp) else Ban()
        taught = {**msgspec.to_builtins(method), "teacher_run": scratch, "teacher_step": 0}
        return _recipe(file, name, method=taught, **_with_labels(asked))
    if name == "kd":
        of_large = f"{asked.lineage}-{LARGE}-s{recipe.SEED}-F0"
        taught = {**msgspec.to_builtins(asked.method if isinstance(asked.method, Kd | Dkd) else Kd()), "teacher_run": of_large}
        return _recipe(file, name, method={**taught, "teacher_step": 0}, **_with_labels(asked))
    return _recipe(file, name, method=_without_labels(file, name), **_for_crops(asked))


def _recipe(file: RecipeFile, name: str, **tables: Mapping[str, Any]) -> RecipeFile:
    """The recipe as it is written, under another name and with other tables."""
    document = tomlkit.parse(file.text())
    for key in ("generations", "teacher_model"):
        document.pop(key, None)
    if files := recipe.files_of(file.recipe.data):
        document["data"].update(files)
    if file.recipe.model.weights and name != LARGE:
        document["model"]["weights"] = file.recipe.model.weights
    document["lineage"] = f"{file.recipe.lineage}-{name}"
    for key, table in tables.items():
        document[key] = dict(table)
    return RecipeFile(document)


def _large(file: RecipeFile) -> RecipeFile:
    """The larger teacher: the recipe's teacher_model, or its network of twice the width. Raises RecipeErrors for neither."""
    asked = file.recipe
    if not isinstance(asked.teacher_model, SameModel):
        return _recipe(
            file, LARGE, method={TAG: "supervised"}, model=msgspec.to_builtins(asked.teacher_model), **_with_labels(asked)
        )
    model = msgspec.to_builtins(asked.model)
    if model[TAG] not in WIDTHS:
        problem = f"{model[TAG]} has no width to double; write the larger teacher as [teacher_model]"
        raise RecipeErrors([RecipeError("model.name", problem)])
    model = {key: value for key, value in model.items() if key not in recipe.BEGINS}
    model |= {WIDTHS[model[TAG]]: 2 * model[WIDTHS[model[TAG]]]}
    return _recipe(file, LARGE, method={TAG: "supervised"}, model=model, **_with_labels(asked))


def _with_labels(asked: Recipe) -> dict[str, Mapping[str, Any]]:
    """The recipe's own optimizer and schedule, unless they are for learning without labels."""
    if not isinstance(asked.method, Dino):
        return {}
    name = "adamw" if isinstance(asked.model, Vit | Timm) else "sgd"
    return {"optimizer": {TAG: name, "lr": "auto"}, "schedule": {TAG: "cosine", "warmup_epochs": "auto"}}


def _for_crops(asked: Recipe) -> dict[str, Mapping[str, Any]]:
    if isinstance(asked.method, Dino):
        return {}
    return {"optimizer": DINO_OPTIMIZER, "schedule": {TAG: "cosine", "warmup_epochs": "auto"}}


def _without_labels(file: RecipeFile, name: str) -> dict[str, Any]:
    """What the recipe says of DINO, as far as this one has such fields; else the small one, mirrored only where it is."""
    asked = file.recipe
    if not isinstance(asked.method, Dino):
        return {TAG: name, **SMALL_DINO, "flip": 0.5 if asked.augment.flip else 0.0}
    written = file.document.unwrap().get("method", {})
    fields = (Dinov2 if name == "dinov2" else Dino).__struct_fields__
    return {TAG: name, **{key: value for key, value in written.items() if key in fields}}


def _cannot_crop(asked: Recipe) -> str:
    """Why this network cannot be shown DINO's crops; empty if it can, or if that is known only once the pictures are."""
    known = scaled.facts(asked.data)
    if not isinstance(asked.method, Dino) or known is None:
        return ""
    from engine import models  # torch, which nothing else here needs

    method = scaled.resolve(asked, known)[0].method
    assert isinstance(method, Dino)
    options = {key: value for key, value in msgspec.to_builtins(asked.model).items() if key not in (TAG, *recipe.BEGINS)}
    try:
        network = models.build(msgspec.to_builtins(asked.model)[TAG], known.classes, known.channels, known.size, **options)
    except ValueError as error:
        return str(error)
    for size in {int(method.global_size), int(method.local_size)}:
        if problem := models.reads(network, known.channels, size):
            return f"crops of {size} px do not fit this network: {problem}"
    return ""


# ---- the table ----------------------------------------------------------------------------------------------------------


def judged(runs: Mapping[str, Sequence[Run]]) -> list[Contestant]:
    """A row a contestant, scratch first. Raises Refused for predictions that cannot be compared."""
    states = {name: {run: run.state() for run in some} for name, some in runs.items()}
    found = {name: _predictions(some, name, place) for place, (name, some) in enumerate(states.items()) if name != LARGE}
    try:
        lineage = Lineage.from_predictions([one for some in found.values() for one in some])
    except ComparisonError as error:
        raise Refused(str(error)) from None
    places = {name: place for place, name in enumerate(states)}
    against = {v.child: v for v in compare.verdicts(lineage, first_only=True) if v.parent == places["scratch"]}
    return [_row(name, states, found[name], against.get(places[name])) for name in found]


def _predictions(some: Mapping[Run, RunState], name: str, place: int) -> list[Predictions]:
    """Of the complete runs, as generation `place` of one lineage in which the contestants stand for generations."""
    split = "linear" if name.startswith("dino") else "test"
    try:
        found = [lineages.predictions_of(run, state, split) for run, state in some.items()]
    except ComparisonError as error:
        raise Refused(str(error)) from None
    return [dataclasses.replace(one, generation=place) for one in found if one is not None]


def _row(
    name: str, states: Mapping[str, Mapping[Run, RunState]], found: Sequence[Predictions], verdict: compare.Verdict | None
) -> Contestant:
    some = states[name]
    scores = tuple(float(one.correct.mean()) for one in found)
    first = next(iter(some))
    teacher = states.get({"kd": LARGE, "ban": "scratch"}.get(name, ""), {})
    method = first.recipe().method
    return Contestant(
        name=name,
        lineage=first.recipe().lineage,
        seeds=tuple(one.seed for one in found),
        mean=float(np.mean(scores)) if scores else None,
        sd=float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        per_seed=scores,
        verdict=verdict,
        pictures=_pictures(some),
        crops=method.global_crops + method.local_crops if isinstance(method, Dino) else 1,
        teacher_pictures=_pictures(teacher) or 0,
        minutes=_minutes(some),
        teacher_minutes=_minutes(teacher),
        note=_note(some, len(found)),
    )


def _pictures(some: Mapping[Run, RunState]) -> int | None:
    """What each of these runs saw, whole batches only; None before any was trained."""
    seen = [
        state.epochs * min(state.pictures, state.steps_per_epoch * run.recipe().training.batch)
        for run, state in some.items()
        if state.completed
    ]
    return max(seen, default=None)


def _minutes(some: Mapping[Run, RunState]) -> float | None:
    """Mean minutes of training over these runs."""
    losses = [state.curves["train/loss"] for state in some.values() if state.completed and "train/loss" in state.curves]
    times = [float(loss.times[loss.kept].max()) for loss in losses if loss.kept.any()]
    return float(np.mean(times)) / 60 if times else None


def _note(some: Mapping[Run, RunState], found: int) -> str:
    """Why seeds are missing."""
    open_ = {run: state for run, state in some.items() if not state.completed}
    for run, state in open_.items():
        return (
            f"{run.name} {state.finished.reason}: {state.finished.detail}" if state.finished else f"{run.name} is not trained"
        )
    return "" if found == len(some) else "some runs kept no predictions"


def _print(rows: Sequence[Contestant], skipped: Sequence[Skipped]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in (
        "",
        "accuracy",
        "± sd",
        "seeds",
        "against scratch",
        "95 % interval",
        "pictures",
        "crops",
        "teacher's",
        "minutes",
    ):
        left = not title or title == "against scratch"
        table.add_column(title, justify="left" if left else "right", no_wrap=title != "against scratch")
    for row in rows:
        table.add_row(TITLES[row.name], *_cells(row))
    console.OUT.print(table)
    for line in _basis(max(len(row.seeds) for row in rows)):
        console.OUT.print(Text(line, style="dim"))
    for row in rows:
        if row.note:
            console.OUT.print(f"{TITLES[row.name]}: {row.note}")
    for one in skipped:
        console.OUT.print(f"{TITLES[one.name]} takes no part: {one.reason}")


def _basis(seeds: int) -> Iterator[str]:
    test = "paired bootstrap over seeds and pictures, Holm" if seeds >= compare.ENOUGH_SEEDS else "too few seeds for a verdict"
    yield f"Test accuracy, of DINO's by a linear probe of its teacher, {words.plural(seeds, 'seed')}; {test}"
    yield (
        "pictures: epochs x pictures of one student, each shown in so many crops; teacher's: what its teacher saw before, "
        "whose minutes follow the +"
    )


def _cells(row: Contestant) -> list[str]:
    difference = row.verdict.difference if row.verdict else None
    minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
    return [
        "" if row.mean is None else words.percent(row.mean),
        "" if row.sd is None else f"{100 * row.sd:.1f}",
        str(len(row.seeds)),
        compare.verdict_words(row.verdict).replace(f"F{row.verdict.parent}", "scratch") if row.verdict else "",
        f"{words.points(difference.low)} to {words.points(difference.high)}" if difference else "",
        "" if row.pictures is None else words.count(row.pictures),
        str(row.crops),
        words.count(row.teacher_pictures) if row.teacher_pictures else "",
        minutes + (f" + {row.teacher_minutes:.1f}" if row.teacher_minutes is not None else ""),
    ]
