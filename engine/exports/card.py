"""The card of an export: MODEL.md for people, card.json for programs. They say the same.

What is not known stays empty; nothing is guessed. Numbers and verdicts are compare.py's, as in the window. A card is made to be
passed on: of a path of this machine only the last part stands in it.
"""

import hashlib
import json
import platform
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine import __version__, branches, compare, recipe
from engine.exports.page import page
from engine.fields import tag_of
from engine.predictions import ComparisonError
from engine.recipe import RunRecipe
from engine.run import Run, Workspace
from engine.state import RunState
from engine.study import Study, study

VERSION = 1
CARD, PAGE = "card.json", "MODEL.md"
PATHS = ("data.path", "data.eval_path", "data.corrections", "model.weights")
UNSAID = ("license", "intended_use", "limitations")  # for a person to fill in


class Made(msgspec.Struct, frozen=True):
    """What a room has written."""

    files: dict[str, str]  # each in a phrase
    use: str  # Markdown: how to open it
    network: dict[str, Any] = {}  # which it is and how it is built; empty for what is no single network
    judged: bool = True  # whether what compare.py says of the run is about this very network
    step: int | None = None  # of that network
    checked: dict[str, Any] = {}  # what was tried on the files before they were given their name, in `what`, and its numbers
    packages: tuple[str, ...] = ()  # whose versions matter, besides Filial's


def write_card(folder: Path, run: Run, to: str, made: Made) -> None:
    card = _card(folder, run, to, made)
    (folder / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(card, made.use), encoding="utf-8")


def _card(folder: Path, run: Run, to: str, made: Made) -> dict[str, Any]:
    state, effective = run.state(), run.effective() or {}
    asked = recipe.parse(RunRecipe, effective["recipe"]) if "recipe" in effective else run.recipe()
    return {
        "version": VERSION,
        "kind": to,
        "made_by": f"filial {__version__}",
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **dict.fromkeys(UNSAID, ""),
        "run": _run(run, state, asked),
        "network": made.network,
        "results": _results(run, state, asked, made),
        "data": {name: value for name, value in (run.data() or {}).items() if name != "cache"},
        "recipe": _passed_on(asked),
        "recipe_sha256": recipe_sha256(run),
        "teachers": list(_teachers(run)),
        "started_from": _file(effective.get("weights")),
        "environment": {
            "trained": {**effective.get("decided", {}), **effective.get("versions", {})},
            "exported": {"filial": __version__, "python": platform.python_version(), **_versions(made.packages)},
        },
        "checked": made.checked,
        "files": [{"name": name, "what": what, **_file_facts(folder / name)} for name, what in made.files.items()],
    }


def _run(run: Run, state: RunState, asked: RunRecipe) -> dict[str, Any]:
    return {
        "name": run.name,
        "lineage": asked.lineage,
        "generation": asked.generation,
        "seed": asked.seed,
        "method": tag_of(type(asked.method)),
        "ended": state.finished.reason if state.finished else "",
        "step": state.step,
        "total_steps": state.total_steps,
        "epoch": state.epoch,
        "attempts": len(state.attempts),
        "changed_while_training": [{"step": one.step, "field": one.field, "value": one.value} for one in state.changes],
        "forked_from": {"run": asked.fork.run, "step": asked.fork.step, "sha256": asked.fork.sha256} if asked.fork.run else {},
    }


# ---- results ------------------------------------------------------------------------------------------------------------


def _results(run: Run, state: RunState, asked: RunRecipe, made: Made) -> dict[str, Any]:
    """What was measured at the network's step, and what compare.py proves of the run where the network is that run's last."""
    measured = dict(_measured(state, made.step))
    if not made.judged or (made.step is not None and made.step != state.step):
        return {"measured": measured, "problem": "verdicts are about the network that a run ends with, which this one is not"}
    if not state.completed:
        return {"measured": measured, "problem": "the run is not complete, so it was not judged"}
    others = [one for one in Workspace(run.workspace).runs() if one.name.rpartition("-s")[0] == asked.lineage and one != run]
    folded = [(run, state), *((one, one.state()) for one in others if one.ending().completed)]
    return {"measured": measured, **_judged(study(folded), run, asked)}


def _measured(state: RunState, step: int | None) -> Iterator[tuple[str, float]]:
    """What probes measured at that step; without one, their newest values."""
    for name, curve in sorted(state.curves.items()):
        if name.startswith(("val/", "test/")) or "@" in name:
            places = np.flatnonzero(curve.kept if step is None else curve.kept & (curve.steps == step))
            if len(places):
                yield name, float(curve.values[places[-1]])


def _judged(proved: Study, run: Run, asked: RunRecipe) -> dict[str, Any]:
    if proved.problem:
        return {"problem": proved.problem}
    row = None if run.forked_from else proved.row(asked.generation)
    verdicts = [one for one in proved.judged if row is not None and row.generation in (one.child, one.parent)]
    lead, rest = compare.headline(proved.lineage, proved.judged) if proved.generations else ("", "")
    return {
        "measured_by": proved.measured,
        "basis": compare.basis(proved.lineage, proved.measured),
        "headline": lead + rest,
        "generation": msgspec.to_builtins(msgspec.structs.replace(row, verdict=None)) if row else {},
        "verdicts": [{**msgspec.to_builtins(one), "words": compare.verdict_words(one)} for one in verdicts],
        "fork": _fork(run),
        "left_out": list(proved.left_out),
    }


def _fork(run: Run) -> str:
    try:
        return "".join(branch.words() for branch in branches.branches([run]))
    except (ComparisonError, OSError, ValueError) as error:
        return str(error)


# ---- where it comes from ------------------------------------------------------------------------------------------------


def recipe_sha256(run: Run) -> str:
    """Of recipe.toml, as it lies there."""
    return hashlib.sha256((run.folder / "recipe.toml").read_bytes()).hexdigest()


def _passed_on(asked: RunRecipe) -> dict[str, Any]:
    """Every value in force; of a path only its last part."""
    table = recipe.to_table(asked)
    for path in PATHS:
        place, _, name = path.partition(".")
        if table.get(place, {}).get(name):
            table[place][name] = Path(table[place][name]).name
    return table


def _teachers(run: Run) -> Iterator[dict[str, Any]]:
    """Its teacher, that one's teacher and so on, each with the checksum that was pinned, as far as their folders are there."""
    seen: set[str] = set()
    while (run.folder / "effective.toml").exists() and run.name not in seen:
        seen.add(run.name)
        teacher = (run.effective() or {}).get("teacher")
        if not teacher:
            return
        yield dict(teacher)
        run = Run(run.workspace / str(teacher["run"]))


def _file(weights: Mapping[str, Any] | None) -> dict[str, Any]:
    if not weights:
        return {}
    of_run = {key: weights[key] for key in ("run", "step") if weights.get(key)}
    return {"file": Path(weights["path"]).name, "sha256": weights["sha256"], **of_run}


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    return {name: metadata.version(name) for name in packages}
