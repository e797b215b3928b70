"""A lineage's runs and what they predicted: from folders to the plain data that compare.py judges.

What is said of it is in study.py, forks beside their parents are in branches.py.
"""

from collections.abc import Sequence

from engine.fields import RecipeErrors, nearest
from engine.predictions import ComparisonError, Lineage, Predictions, read_predictions
from engine.recipe import RunRecipe
from engine.recipes import Dino
from engine.run import Refused, Run, Workspace
from engine.state import RunState

ACCURACY = "Accuracy"


def by_name(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs under their lineage's name; runs whose recipe cannot be read are left out."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        try:
            found.setdefault(run.recipe().lineage, []).append(run)
        except (OSError, ValueError):
            continue
    return found


def choose(workspace: Workspace, name: str | None) -> tuple[str, list[Run]]:
    """The lineage of this name; without a name the only one there is. Raises Refused."""
    found = by_name(workspace.runs())
    if not found:
        raise Refused(f"there are no runs in {workspace.folder}; `filial demo` trains some")
    if name in found:
        return name, found[name]
    if name is None and len(found) == 1:
        return next(iter(found.items()))
    problem = f"there is no lineage {name!r}" if name else "there are several lineages"
    raise Refused(f"{problem} in {workspace.folder}; name one of {', '.join(nearest(name or '', list(found)))}")


def predictions_of(run: Run, state: RunState, split: str = "test") -> Predictions | None:
    """What a completed run predicted on `split`; None for a run that is not complete. Raises ComparisonError.

    "linear" is what the linear probe of a run without a classifier says of the test pictures.
    """
    if not state.completed:
        return None
    kept = [artifact for artifact in state.artifacts if artifact.kind == f"predictions-{split}"]
    if not kept:
        return None
    try:
        asked, data = run.recipe(), run.data() or {}
    except RecipeErrors as error:
        raise ComparisonError(f"{run.name} cannot be compared: {error}") from None
    test_hash = data.get("split", {}).get("test" if split == "linear" else split, "")
    return read_predictions(
        run.folder / kept[-1].path, run.name, asked.generation, asked.seed, test_hash, asked.training.same_order
    )


def read(runs: Sequence[Run], split: str = "test") -> Lineage:
    """The lineage as far as its runs are complete, without its forks. Raises ComparisonError."""
    found = [predictions_of(run, run.state(), split) for run in runs if not run.forked_from]
    return Lineage.from_predictions([one for one in found if one is not None])


def readable(finished: Sequence[tuple[Run, RunState]], split: str) -> tuple[list[Predictions], tuple[str, ...]]:
    """What can be read, and a sentence for each run that is left out."""
    found, left_out = [], []
    for run, state in finished:
        try:
            one = predictions_of(run, state, split)
        except (ComparisonError, OSError) as error:
            left_out.append(str(error))
            continue
        if one is None:
            left_out.append(f"{run.name} is complete but stored no predictions on its {split} pictures; it is left out")
        else:
            found.append(one)
    return found, tuple(left_out)


def measured(asked: RunRecipe) -> str:
    """What the predictions of such a run tell: "Accuracy", or whose nearest neighbours vote where nothing classifies.

    Of a student that learned from a frozen network without labels its own average is kept.
    """
    if not isinstance(asked.method, Dino):
        return ACCURACY
    return f"k-NN of the {'average' if asked.teacher else 'teacher'}"
