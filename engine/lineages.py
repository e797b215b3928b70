"""A lineage's runs and what they predicted: from folders to the plain data that compare.py judges."""

from collections.abc import Sequence

from engine.fields import nearest
from engine.predictions import Lineage, Predictions, read_predictions
from engine.run import Refused, Run, Workspace
from engine.state import RunState


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
    """What a completed run predicted on `split`; None for a run that is not complete. Raises ComparisonError."""
    if not state.completed:
        return None
    kept = [artifact for artifact in state.artifacts if artifact.kind == f"predictions-{split}"]
    asked, data = run.recipe(), run.data() or {}
    if not kept:
        return None
    test_hash = data.get("split", {}).get(split, "")
    return read_predictions(
        run.folder / kept[-1].path, run.name, asked.generation, asked.seed, test_hash, asked.training.same_order
    )


def read(runs: Sequence[Run], split: str = "test") -> Lineage:
    """The lineage as far as its runs are complete. Raises ComparisonError."""
    found = [predictions_of(run, run.state(), split) for run in runs]
    return Lineage.from_predictions([one for one in found if one is not None])
