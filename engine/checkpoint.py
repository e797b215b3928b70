"""All that a resumed run needs, in safetensors and JSON; and what may be thrown away again.

A checkpoint folder is immutable: written aside under a dotted name, synced, renamed. Its state.json carries the checksums of
its tensors and what the network is built from, so that no size or width is ever typed twice.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine import models, processes
from engine.run import Refused, Run, checkpoint_step

FULL = ("model.safetensors", "optimizer.safetensors")


class Build(msgspec.Struct, frozen=True):
    """What a network is built from."""

    name: str
    classes: int
    channels: int
    size: int
    options: dict[str, Any] = {}

    def network(self) -> nn.Module:
        return models.build(self.name, self.classes, self.channels, self.size, **self.options)


class State(msgspec.Struct, frozen=True):
    """state.json."""

    step: int
    epoch: float
    attempt: int
    build: Build
    sha256: dict[str, str]
    optimizer: dict[str, Any] = {}  # parameter groups and what is no tensor
    partial: dict[str, float] = {}  # sums of the tick that is under way
    version: int = 1


def save(run: Run, state: State, model: nn.Module, optimizer: torch.optim.Optimizer) -> Path:
    """Write checkpoints/step-XXXXXXXX. Returns its folder; one that exists already is left as it is."""
    folder = run.folder / "checkpoints" / f"step-{state.step:08d}"
    if folder.exists():
        return folder
    aside = folder.with_name(f".{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    tensors, plain = _optimizer_tensors(optimizer)
    save_file(_plain_tensors(model.state_dict()), aside / "model.safetensors")
    save_file(tensors, aside / "optimizer.safetensors")
    sums = {name: file_sha256(aside / name) for name in FULL}
    state = msgspec.structs.replace(state, sha256=sums, optimizer=plain)
    processes.write_aside(aside / "state.json", msgspec.json.format(msgspec.json.encode(state), indent=1), sync=True)
    for name in FULL:
        processes.sync_file(aside / name)
    processes.sync_folder(aside)
    aside.rename(folder)
    processes.sync_folder(folder.parent)
    return folder


def newest_valid(run: Run) -> Path | None:
    """The newest full checkpoint whose checksums are right; None if there is none."""
    for folder in reversed(run.checkpoint_folders()):
        if all((folder / name).exists() for name in FULL) and is_valid(folder):
            return folder
    return None


def is_valid(folder: Path) -> bool:
    """Whether the tensors on disk are those that were written."""
    try:
        state = read_state(folder)
        return all(file_sha256(folder / name) == digest for name, digest in state.sha256.items() if (folder / name).exists())
    except (OSError, msgspec.MsgspecError):
        return False


def read_state(folder: Path) -> State:
    return msgspec.json.decode((folder / "state.json").read_bytes(), type=State)


def load_model(folder: Path, model: nn.Module) -> None:
    """Weights into a network of the same build. Raises Refused if they do not fit."""
    try:
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise Refused(f"{folder} does not hold the weights of this network: {error}") from None


def load_optimizer(folder: Path, state: State, optimizer: torch.optim.Optimizer) -> None:
    """Momenta and counters into an optimizer over the same parameters."""
    entries: dict[int, dict[str, Any]] = {}
    for key, tensor in load_file(folder / "optimizer.safetensors").items():
        place, _, name = key.partition(".")
        entries.setdefault(int(place), {})[name] = tensor
    for place, values in state.optimizer["plain"].items():
        entries.setdefault(int(place), {}).update(values)
    optimizer.load_state_dict({"state": entries, "param_groups": state.optimizer["groups"]})


def prune(run: Run, full: int, snapshots: int, best_step: int | None, teachers: set[int]) -> None:
    """Keep the newest `full` whole, the best and the teachers' as weights, and `snapshots` weights thinned evenly."""
    older = run.checkpoint_folders()[:-full]
    protected = {best_step} | teachers
    thinned = _evenly([folder for folder in older if checkpoint_step(folder) not in protected], snapshots)
    for folder in older:
        if checkpoint_step(folder) in protected or folder in thinned:
            (folder / "optimizer.safetensors").unlink(missing_ok=True)
        else:
            _remove(folder)


def teachers_of_others(run: Run) -> set[int]:
    """Steps of this run that another run has pinned as its teacher."""
    steps: set[int] = set()
    for path in run.workspace.glob("*/effective.toml"):
        with contextlib.suppress(OSError, ValueError):
            pinned = (Run(path.parent).effective() or {}).get("teacher", {})
            if pinned.get("run") == run.name:
                steps.add(int(pinned["step"]))
    return steps


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
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
