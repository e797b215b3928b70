"""All that a resumed run needs, in safetensors and JSON; and what may be thrown away again.

A checkpoint folder is immutable: written aside under a dotted name, synced, renamed. Its state.json carries the checksums of
its tensors and what the network is built from, so that no size or width is ever typed twice.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine import models, processes, reading, recipe
from engine.models.imported import OF_METHODS
from engine.run import Refused, Run, checkpoint_step

OPTIMIZER = "optimizer.safetensors"
LARGEST = 8192  # of any size that a network is built from
TENSORS = r"^[A-Za-z0-9_]+\.safetensors\Z"  # a file of this folder and of no other place
FULL = ("model.safetensors", OPTIMIZER)  # beside them teacher.safetensors, where it is an average

Weights = Mapping[str, Mapping[str, Tensor]]  # by file, then by name


class Build(msgspec.Struct, frozen=True):
    """What a network is built from: no sizes that would fill any memory before the weights are compared with it."""

    name: str
    classes: Annotated[int, msgspec.Meta(ge=0, le=10**6)]
    channels: Annotated[int, msgspec.Meta(ge=1, le=64)]
    size: Annotated[int, msgspec.Meta(ge=1, le=10**4)]
    options: dict[str, Any] = {}

    def network(self) -> nn.Module:
        return models.build(self.name, self.classes, self.channels, self.size, **self.options)


class State(msgspec.Struct, frozen=True):
    """state.json."""

    step: int
    epoch: float
    attempt: int
    build: Build
    sha256: dict[Annotated[str, msgspec.Meta(pattern=TENSORS)], str]
    optimizer: dict[str, Any] = {}  # parameter groups and what is no tensor
    partial: dict[str, float] = {}  # sums of the tick that is under way
    version: int = 1


def save(run: Run, state: State, weights: Weights, optimizer: torch.optim.Optimizer) -> Path:
    """Write checkpoints/step-XXXXXXXX. Returns its folder; one that exists already is left as it is unless it is damaged."""
    folder = run.folder / "checkpoints" / f"step-{state.step:08d}"
    if is_valid(folder):
        return folder
    if folder.exists():  # the damage an earlier attempt left, which was resumed from before it
        _remove(folder)
    aside = folder.with_name(f".{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        _write(aside, state, weights, optimizer)
    except BaseException:  # a full disk has no room for half of it, and our last words need some
        shutil.rmtree(aside, ignore_errors=True)
        raise
    aside.rename(folder)
    processes.sync_folder(folder.parent)
    return folder


def _write(aside: Path, state: State, weights: Weights, optimizer: torch.optim.Optimizer) -> None:
    tensors, plain = _optimizer_tensors(optimizer)
    parts = {f"{name}.safetensors": _plain_tensors(part) for name, part in weights.items()} | {OPTIMIZER: tensors}
    for name, part in parts.items():
        save_file(part, aside / name)
    sums = {name: file_sha256(aside / name) for name in parts}
    state = msgspec.structs.replace(state, sha256=sums, optimizer=plain)
    processes.write_aside(aside / "state.json", msgspec.json.format(msgspec.json.encode(state), indent=1), sync=True)
    for name in parts:
        processes.sync_file(aside / name)
    processes.sync_folder(aside)


def newest_valid(run: Run, until: int | None = None) -> Path | None:
    """The newest full checkpoint whose checksums are right, of a step up to `until`; None if there is none."""
    for folder in reversed(run.checkpoint_folders()):
        if until is not None and checkpoint_step(folder) > until:
            continue
        if all((folder / name).exists() for name in FULL) and is_valid(folder):
            return folder
    return None


def chosen(run: Run, step: int | None) -> Path:
    """The checkpoint of that step as `--step` names it, or the newest that is whole; weights alone will do. Raises Refused."""
    found = {checkpoint_step(folder): folder for folder in run.checkpoint_folders()}
    if not found:
        raise Refused(f"{run.name} has no checkpoint yet; train it first")
    if step is None:
        newest = next((folder for folder in reversed(found.values()) if is_valid(folder)), None)
        if newest is None:
            raise Refused(f"every checkpoint of {run.name} is damaged; `filial resume {run.name}` trains on from what is left")
        return newest
    there = ", ".join(map(str, found))
    if step not in found:
        raise Refused(f"--step: {run.name} has no checkpoint at step {step}; there are {there}")
    if not is_valid(found[step]):
        raise Refused(f"--step: the checkpoint of {run.name} at step {step} is damaged; there are {there}")
    return found[step]


def is_valid(folder: Path) -> bool:
    """Whether the tensors on disk are those that were written. Weights alone are valid too."""
    try:
        sums = read_state(folder).sha256
        there = {name for name in sums if name != OPTIMIZER or (folder / name).exists()}
        return bool(there) and all(file_sha256(folder / name) == sums[name] for name in there)
    except (OSError, msgspec.MsgspecError):
        return False


def network_of(folder: Path) -> nn.Module:
    """What a checkpoint's weights are the weights of, with others. Raises Refused where its state.json describes no network."""
    try:
        build = read_state(folder).build
        if odd := [name for name, value in build.options.items() if isinstance(value, float | int) and abs(value) > LARGEST]:
            raise ValueError(f"{odd[0]} = {build.options[odd[0]]} is more than {LARGEST:,d}")
        return build.network()
    except (OSError, ValueError, TypeError, RuntimeError, msgspec.MsgspecError) as error:
        problem = f"describes no network that can be built ({error}); take another checkpoint"
        raise Refused(f"{folder / 'state.json'} {problem}") from None


def read_state(folder: Path) -> State:
    return reading.json(folder / "state.json", State)


def load_model(folder: Path, model: nn.Module, part: str = "model") -> None:
    """Weights into a network of the same build: the student's, or an averaged "teacher". Raises Refused if they do not fit."""
    try:
        kept = load_file(folder / f"{part}.safetensors")
        model.load_state_dict({name: tensor for name, tensor in kept.items() if not name.startswith(OF_METHODS)})
    except (SafetensorError, RuntimeError, OSError) as error:
        raise Refused(f"{folder} does not hold the weights of this network: {error}") from None


def kept(folder: Path) -> Path:
    """The file of what a run is kept for: the average of its student where there is one, else the student."""
    average = folder / "teacher.safetensors"
    return average if average.exists() else folder / "model.safetensors"


def load_kept(folder: Path) -> dict[str, Tensor]:
    """Its tensors, heads among them. Raises Refused if they cannot be read."""
    try:
        return load_file(kept(folder))
    except (SafetensorError, OSError) as error:
        raise Refused(f"{folder} cannot be read: {error}") from None


def load_weights(folder: Path) -> dict[str, dict[str, Tensor]]:
    """What `save` was given. Raises Refused if it cannot be read."""
    try:
        names = [name for name in read_state(folder).sha256 if name != OPTIMIZER]
        return {name.removesuffix(".safetensors"): load_file(folder / name) for name in names}
    except (SafetensorError, OSError) as error:
        raise Refused(f"{folder} cannot be read: {error}") from None


def load_optimizer(folder: Path, state: State, optimizer: torch.optim.Optimizer) -> None:
    """Momenta and counters into an optimizer over the same parameters. Its settings stay its own: a fork's may be others."""
    if not state.optimizer:  # a fork that began with weights alone
        return
    entries: dict[int, dict[str, Any]] = {}
    try:
        for key, tensor in load_file(folder / OPTIMIZER).items():
            place, _, name = key.partition(".")
            entries.setdefault(int(place), {})[name] = tensor
        for place, values in state.optimizer["plain"].items():
            entries.setdefault(int(place), {}).update(values)
        _refuse_other_shapes(entries, [weight for group in optimizer.param_groups for weight in group["params"]])
        optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{folder / OPTIMIZER} does not hold the momenta of this network: {error}") from None


def _refuse_other_shapes(entries: Mapping[int, Mapping[str, Any]], weights: Sequence[Tensor]) -> None:
    """Raises ValueError for a momentum that is not shaped as its weight; torch would find out in the middle of a step."""
    for place, values in entries.items():
        if not 0 <= place < len(weights):
            raise ValueError(f"there is no weight {place}")
        for name, value in values.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != weights[place].shape:
                shapes = f"{tuple(value.shape)} instead of {tuple(weights[place].shape)}"
                raise ValueError(f"{name} of weight {place} has the shape {shapes}")


def begin_with(folder: Path, run: Run, fresh_optimizer: bool) -> None:
    """Give a run that is being made the checkpoint of another to begin with, whatever becomes of the other afterwards.

    Tensors are linked, since nobody writes to them again, and copied where there are no links. As of attempt 0 it is older
    than whatever the run itself will save.
    """
    state = read_state(folder)
    target = run.folder / "checkpoints" / folder.name
    target.mkdir(parents=True)
    for name in state.sha256:
        if not (fresh_optimizer and name == OPTIMIZER):
            _link(folder / name, target / name)
    sums, optimizer = dict(state.sha256), state.optimizer
    if fresh_optimizer:
        save_file({}, target / OPTIMIZER)
        sums[OPTIMIZER], optimizer = file_sha256(target / OPTIMIZER), {}
    state = msgspec.structs.replace(state, attempt=0, sha256=sums, optimizer=optimizer)
    processes.write_aside(target / "state.json", msgspec.json.format(msgspec.json.encode(state), indent=1), sync=True)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def forget_after(run: Run, step: int) -> None:
    """Remove every checkpoint of a later step, the newest first: a run that went back will take those steps otherwise."""
    for folder in reversed(run.checkpoint_folders()):
        if checkpoint_step(folder) > step:
            _remove(folder)


def prune(run: Run, full: int, snapshots: int, best_step: int | None, teachers: set[int], healthy: int | None = None) -> None:
    """Keep the newest `full` whole and, to go back to, the step `healthy`; the best and the teachers' as weights, and
    `snapshots` weights thinned evenly.

    What a later attempt did not go on from does not count among the newest. What somebody has open (a window that looks, a
    child that loads its teacher) stays until the next time.
    """
    folders = run.checkpoint_folders()
    abandoned = _abandoned(folders)
    valued = [folder for folder in folders if folder not in abandoned]
    whole = {*valued[-full:], *(folder for folder in valued if checkpoint_step(folder) == healthy)}
    older = [folder for folder in folders if folder not in whole]
    protected = {best_step} | teachers
    thinned = _evenly([one for one in valued if one not in whole and checkpoint_step(one) not in protected], snapshots)
    for folder in older:
        with contextlib.suppress(OSError):
            if checkpoint_step(folder) in protected or folder in thinned:
                (folder / OPTIMIZER).unlink(missing_ok=True)
            else:
                _remove(folder)
    for leftover in (run.folder / "checkpoints").glob(".*"):  # of an engine that died while it saved or removed
        shutil.rmtree(leftover, ignore_errors=True)


def _abandoned(folders: list[Path]) -> set[Path]:
    """Checkpoints of earlier attempts beyond where the newest began: had they been sound, it would have gone on from them."""
    attempts: dict[Path, int] = {}
    for folder in folders:
        attempts[folder] = 0
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            attempts[folder] = read_state(folder).attempt
    newest = max(attempts.values(), default=0)
    began = min((checkpoint_step(folder) for folder in folders if attempts[folder] == newest), default=0)
    return {folder for folder in folders if attempts[folder] < newest and checkpoint_step(folder) > began}


def teachers_of_others(run: Run) -> set[int]:
    """Steps of this run that another run has pinned, as its teacher or to begin with, or asks for by number before it has
    started."""
    steps: set[int] = set()
    for path in run.workspace.glob("*/*.toml"):
        if path.parent.name == run.name or path.name not in ("effective.toml", "recipe.toml"):  # it names itself
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if run.name.encode() in reading.content(path):  # most runs are nobody's child: parsing them all takes seconds
                steps.update(_pinned(path, run.name) if path.name == "effective.toml" else _asked_for(path, run.name))
    return steps


def _pinned(path: Path, name: str) -> set[int]:
    known = Run(path.parent).effective() or {}
    pinned = (known.get("teacher", {}), known.get("weights", {}))
    return {int(one["step"]) for one in pinned if one.get("run") == name}


def _asked_for(path: Path, name: str) -> set[int]:
    asked = Run(path.parent).recipe()
    taught = (asked.teacher, int(getattr(asked.method, "teacher_step", 0)))
    begun = ("", 0) if asked.fork.run else recipe.run_of_weights(asked.model.weights)
    return {step for run, step in (taught, begun) if run == name and step}


def file_sha256(path: Path) -> str:
    with reading.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    whole = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for place, values in whole["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{place}.{name}"] = value
            else:
                plain.setdefault(str(place), {})[name] = value
    return _plain_tensors(tensors), {"groups": whole["param_groups"], "plain": plain}


def _evenly(folders: list[Path], count: int) -> set[Path]:
    if count <= 0 or not folders:
        return set()
    if count == 1:
        return {folders[-1]}
    return {folders[round(place * (len(folders) - 1) / (count - 1))] for place in range(count)}


def _remove(folder: Path) -> None:
    """Out of sight first, so that nobody finds half a checkpoint."""
    gone = folder.with_name(f".gone-{folder.name}")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
