"""`filial fork`: another way on from a run's checkpoint, to see what one change does from there.

A fork is a run whose folder is born with a checkpoint: the parent's, linked in. So the engine needs to know nothing of forks:
it goes on from the newest checkpoint there is, as after any break, and its curves begin at that step. Nothing that happens to
the parent later, pruning included, reaches a fork once it is made.

Its recipe is the parent's with what was decided for the parent written in, so that a fork without a change is the parent
again, to the last bit on the CPU, and a fork with one differs in that alone. recipe.toml names its origin as [fork].
"""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from engine import checkpoint, decide, processes, reading, recipe, scaled
from engine.fields import RecipeError, RecipeErrors
from engine.forkable import ANEW, why_fixed
from engine.recipe import RunRecipe
from engine.run import Refused, Run, cannot_be_written, checkpoint_step

PATIENCE_S = 10.0  # a fork is made in milliseconds where tensors can be linked, in seconds where they are copied


def fork(parent: Run, step: int, sets: Sequence[str] = (), fresh_optimizer: bool = False) -> tuple[Run, bool]:
    """The fork's run, ready to be trained, and whether it was there already: the same asked again is the same fork.

    Raises Refused or RecipeErrors, and then nothing was written.
    """
    document = _changed(parent, step, sets, fresh_optimizer)
    asked = _parsed(document)
    with _one_at_a_time(parent):
        there = forks_of(parent)
        same = next((run for run in there if _is(run, asked, step, fresh_optimizer)), None)
        if same is not None:
            return same, True
        folder = checkpoint_at(parent, step, fresh_optimizer)
        _refuse_done(parent, asked, step)
        return _made(parent, folder, document, 1 + max(map(_number, there), default=0), fresh_optimizer), False


@contextlib.contextmanager
def _one_at_a_time(parent: Run) -> Iterator[None]:
    """Two that fork at once would take the same number, and each the other's half-made folder away."""
    try:
        with processes.hold(parent.workspace / ".fork.lock", PATIENCE_S):
            yield
    except processes.Held as held:
        raise Refused(f"somebody else forks in {parent.workspace} for {PATIENCE_S:.0f} s already ({held}); try again") from None
    except OSError as error:
        raise cannot_be_written(parent.workspace, error) from None


def _made(parent: Run, folder: Path, document: tomlkit.TOMLDocument, number: int, fresh_optimizer: bool) -> Run:
    """Raises Refused if the parent, which may be at work, thinned that checkpoint out meanwhile."""
    try:
        return _make(parent, folder, _with_origin(document, parent, folder, fresh_optimizer), number, fresh_optimizer)
    except FileNotFoundError:
        if (parent.folder / "data.json").is_file():
            gone = f"{parent.name} has thinned out the checkpoint of step {checkpoint_step(folder)} just now"
            raise Refused(f"{gone}; fork from another, there are {_listed_steps(parent)}") from None
        raise Refused(f"{parent.name} has no data.json, so nobody knows what it learned from; bring it back") from None


def checkpoint_at(parent: Run, step: int, fresh_optimizer: bool) -> Path:
    """The whole checkpoint of that very step. Raises Refused naming the steps there are."""
    found = {checkpoint_step(folder): folder for folder in parent.checkpoint_folders()}
    full = _full(found)
    if step <= 0:
        raise Refused(f"--at: at step {step} nothing is learned yet that a fork could go on from; {ANEW}")
    if not found:
        raise Refused(f"{parent.name} has no checkpoint to fork from yet; train it first")
    if step not in found:
        near = min(found, key=lambda one: abs(one - step))
        there = _listed(found, full)
        raise Refused(f"{parent.name} has no checkpoint at step {step}; there are {there}. The nearest is --at {near}")
    if step not in full and not fresh_optimizer:
        whole = f"fork from {_or(full)}, which are whole, or " if full else ""
        raise Refused(
            f"{parent.name} keeps the weights of step {step} without the optimizer's momenta; "
            f"{whole}add --fresh-optimizer to begin there with momenta of zero"
        )
    if not checkpoint.is_valid(found[step]):
        raise Refused(f"{found[step]} is damaged; fork from another step, there are {_listed(found, full)}")
    return found[step]


def _full(found: Mapping[int, Path]) -> list[int]:
    """Steps whose checkpoint has the optimizer's momenta, too."""
    return [step for step, folder in found.items() if (folder / checkpoint.OPTIMIZER).exists()]


def _listed_steps(parent: Run) -> str:
    found = {checkpoint_step(folder): folder for folder in parent.checkpoint_folders()}
    return _listed(found, _full(found))


def _listed(steps: Any, full: Sequence[int]) -> str:
    """ "3 (weights only), 6 and 9"."""
    named = [str(step) if step in full else f"{step} (weights only)" for step in steps]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1]))) if named else "none"


def _or(steps: Sequence[int]) -> str:
    return " or ".join(filter(None, (", ".join(map(str, steps[:-1])), str(steps[-1]))))


# ---- the recipe ---------------------------------------------------------------------------------------------------------


def _changed(parent: Run, step: int, sets: Sequence[str], fresh_optimizer: bool) -> tomlkit.TOMLDocument:
    """The parent's recipe, comments and all, with the changes. Raises RecipeErrors for what may not change."""
    document = tomlkit.parse(reading.text(parent.folder / "recipe.toml"))
    document.pop("fork", None)  # the parent's own
    for path, value in _decided(parent, step, [change.partition("=")[0].strip() for change in sets]):
        recipe.apply_set(document, f"{path}={json.dumps(value)}")
    before = _parsed(document)
    for change in sets:
        recipe.apply_set(document, change)
    if errors := list(_fixed(_flat(before), _flat(_parsed(document)), fresh_optimizer)):
        raise RecipeErrors(errors, "--set")
    return document


def _with_origin(document: tomlkit.TOMLDocument, parent: Run, folder: Path, fresh_optimizer: bool) -> str:
    step, sha256 = checkpoint_step(folder), checkpoint.read_state(folder).sha256["model.safetensors"]
    origin = recipe.Fork(run=parent.name, step=step, sha256=sha256, fresh_optimizer=fresh_optimizer)
    for key in origin.__struct_fields__:
        recipe.apply_set(document, f"fork.{key}={json.dumps(getattr(origin, key))}")
    _parsed(document)
    return tomlkit.dumps(document)


def _parsed(document: tomlkit.TOMLDocument) -> RunRecipe:
    return recipe.parse(RunRecipe, recipe.plain_table(tomlkit.dumps(document)), "--set")  # type: ignore[no-any-return]


def _flat(asked: RunRecipe) -> dict[str, Any]:
    return recipe.flat(recipe.to_table(asked))


def _decided(parent: Run, step: int, changed: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What the recipe leaves open and was decided for the parent, or was changed in it on the way to `step`."""
    known = decide.read(parent)
    if known is None:
        origin = f", or fork {parent.forked_from}, which it begins with" if parent.forked_from else ""
        raise Refused(f"{parent.name} has not been trained, so it has nothing to fork from; train it first{origin}")
    values = _flat(known.recipe)
    for path in scaled.still_auto(parent.recipe()):
        yield path, values[path]
    if "compute.device" not in changed:  # on another device threads and precision are decided anew
        yield "compute.device", known.decided.device
        yield "compute.precision", known.decided.precision
        if known.decided.device == "cpu":
            yield "compute.threads", known.decided.threads
    for change in parent.summary().changes:
        if change.step < step:
            yield change.field, change.value


def _fixed(before: Mapping[str, Any], after: Mapping[str, Any], fresh_optimizer: bool) -> Iterator[RecipeError]:
    """A refusal for each field that is different and may not be."""
    different = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    for path in different:
        table = path.partition(".")[0]
        reason = why_fixed(path)
        if not reason or (f"{table}.name" in different and path != f"{table}.name"):
            continue  # the fields of another method or network are another's, too
        kept = f"{before[path]}" if path in before else "it as it is"
        yield RecipeError(path, f"{reason}, so a fork keeps {kept}; {ANEW}")
    if "optimizer.name" in different and not fresh_optimizer:
        problem = f"{after['optimizer.name']} cannot go on with the momenta of {before['optimizer.name']}"
        yield RecipeError("optimizer.name", f"{problem}; add --fresh-optimizer to begin with none")


def _refuse_done(parent: Run, asked: RunRecipe, step: int) -> None:
    """Raises RecipeErrors if no step is left to take."""
    total = asked.training.epochs * parent.summary().steps_per_epoch
    if total and step >= total:
        problem = f"{asked.training.epochs} end with step {total}, so from step {step} none is left to take"
        error = RecipeError("training.epochs", f"{problem}; write more epochs, or fork from an earlier step")
        raise RecipeErrors([error], "--set")


# ---- the folder ---------------------------------------------------------------------------------------------------------


def forks_of(parent: Run) -> list[Run]:
    """The forks of a run that there are, the first first."""
    found = [Run(path.parent) for path in parent.workspace.glob("*-fork*/recipe.toml")]
    return sorted((run for run in found if run.forked_from == parent.name), key=_number)


def _number(run: Run) -> int:
    return int(run.name.rpartition("-fork")[2])


def _is(run: Run, asked: RunRecipe, step: int, fresh_optimizer: bool) -> bool:
    try:
        there = run.recipe()
    except (OSError, ValueError):
        return False
    origin = (there.fork.step, there.fork.fresh_optimizer)
    return origin == (step, fresh_optimizer) and msgspec.structs.replace(there, fork=recipe.Fork()) == asked


def _make(parent: Run, folder: Path, text: str, number: int, fresh_optimizer: bool) -> Run:
    """Made aside under a name that starts with a dot, so that nobody finds half a fork."""
    run = Run(parent.workspace / f"{parent.name}-fork{number}")
    aside = Run(run.folder.with_name(f".{run.name}"))
    shutil.rmtree(aside.folder, ignore_errors=True)
    try:
        checkpoint.begin_with(folder, aside, fresh_optimizer)
        # its engine checks that the data is still this
        shutil.copyfile(parent.folder / "data.json", aside.folder / "data.json")
        processes.write_aside(aside.folder / "recipe.toml", text.encode(), sync=True)
        aside.folder.rename(run.folder)
    except BaseException:
        shutil.rmtree(aside.folder, ignore_errors=True)
        raise
    processes.sync_folder(parent.workspace)
    return run
