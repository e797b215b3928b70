"""CIFAR-10, proved: born-again generations, a larger teacher, and DINO, on 10,000 pictures and three seeds. No timed test.

    python -m tests.benchmarks.cifar10 PICTURES [--runs DIR] [--only born-again ...] [--set training.epochs=1 ...] [--table]

PICTURES holds train/ and test/ with one sub-folder a class. The recipes lie beside this file. What is finished is not trained
again, so it can be stopped and called again at will; `--table` only prints what there is, as the Markdown of README's Results.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from engine import compare, lineages, words
from engine.predictions import Generation, common_seeds
from engine.run import Workspace

HERE = Path(__file__).parent
RECIPES = ("born-again", "born-again-labels", "larger-teacher", "dino")  # in this order: the second needs F0 of the first
ROWS = (  # what it is called, its lineage, its generation; the first is what the others are measured against
    ("F0, from labels", "cifar10-born-again", 0),
    ("F1, born again", "cifar10-born-again", 1),
    ("F2, born again", "cifar10-born-again", 2),
    ("F1, born again with labels", "cifar10-born-again-labels", 0),  # its teacher is the F0 above
    ("F2, born again with labels", "cifar10-born-again-labels", 1),
    ("larger teacher, from labels", "cifar10-larger-teacher", 0),
    ("its student, of F0's size", "cifar10-larger-teacher", 1),
    ("DINO, nearest neighbours", "cifar10-dino", 0),
)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    workspace = Workspace(asked.runs)
    for name in () if asked.table else asked.only:
        trained = _train(HERE / f"{name}.toml", asked.runs, [f"data.path={asked.pictures.resolve()}", *asked.set])
        if trained:
            return trained
    for line in (*_generations(workspace), "", *_over_time(workspace)):
        print(line)
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cifar10", description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("cifar10-runs"))
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=RECIPES)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="a change to the recipes, to try it small")
    parser.add_argument("--table", action="store_true", help="train nothing, print what is finished")
    return parser.parse_args(arguments)


def _train(recipe: Path, runs: Path, changes: Sequence[str]) -> int:
    settings = [word for change in changes for word in ("--set", change)]
    command = [sys.executable, "-m", "engine", "--runs", runs, "train", recipe, *settings, "--resume"]
    return subprocess.run(command, check=False).returncode


# ---- the generations ------------------------------------------------------------------------------------------------------


def _generations(workspace: Workspace) -> Iterator[str]:
    first = _generation(workspace, *ROWS[0][1:])
    yield "| network | test accuracy, % | seeds | against F0, points | 95 % | p | minutes a seed |"
    yield "|---|---|---|---|---|---|---|"
    for title, lineage, number in ROWS:
        found = _generation(workspace, lineage, number)
        if found is None:
            yield _line(title, *[""] * 6)
        else:
            yield _line(title, *_accuracy(found), *_against(found, first), _minutes(workspace, found))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _accuracy(found: Generation) -> tuple[str, str]:
    spread = "" if found.spread is None else f" ± {100 * found.spread:.1f}"
    return f"{100 * found.mean:.1f}{spread}", str(len(found.seeds))


def _against(found: Generation, first: Generation | None) -> tuple[str, str, str]:
    """Difference, interval and p, the last two from three seeds on."""
    if first is None or _names(found) == _names(first) or not common_seeds(found, first):
        return "", "", ""
    judged = compare.pair_verdict(found, first)
    difference = f"{100 * judged.difference.mean:+.1f}"
    if judged.p_adjusted is None:
        return difference, "", ""
    interval = f"{100 * judged.difference.low:+.1f} to {100 * judged.difference.high:+.1f}"
    return difference, interval, words.p_value(judged.p_adjusted)


def _generation(workspace: Workspace, lineage: str, number: int) -> Generation | None:
    runs = lineages.by_name(workspace.runs()).get(lineage, [])
    return lineages.read(runs).get(number) if runs else None


def _names(found: Generation) -> set[str]:
    return {predictions.run for predictions in found.by_seed.values()}


def _minutes(workspace: Workspace, found: Generation) -> str:
    """Of training and probing, all attempts of a run together; the mean over its seeds."""
    curves = [run.state().curves.values() for run in workspace.runs() if run.name in _names(found)]
    return words.number(float(np.mean([max(curve.times[-1] for curve in each if len(curve)) for each in curves])) / 60, 2)


# ---- DINO's nearest neighbours over time ----------------------------------------------------------------------------------


def _over_time(workspace: Workspace) -> Iterator[str]:
    """k-NN of student and teacher on the validation pictures, over the seeds that are finished."""
    runs = [run for run in lineages.by_name(workspace.runs()).get("cifar10-dino", []) if run.state().completed]
    curves = {who: [run.state().curves[f"knn/{who}@val"] for run in runs] for who in ("student", "teacher")}
    if not runs:
        return
    yield f"| epoch | student's k-NN, % | teacher's k-NN, % | ({words.plural(len(runs), 'seed')})"
    yield "|---|---|---|"
    for place, epoch in enumerate(curves["student"][0].epochs):
        yield _line(f"{epoch:g}", *(_mean([float(curve.values[place]) for curve in curves[who]]) for who in curves))


def _mean(values: Sequence[float]) -> str:
    spread = f" ± {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.1f}{spread}"


if __name__ == "__main__":
    sys.exit(main())
