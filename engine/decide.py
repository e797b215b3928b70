"""What a run leaves open is decided here, once: device, threads, precision, teacher. Written to effective.toml with reasons.

Resume and every later reader take effective.toml only: nothing decided by a clock or a measurement is decided twice.
"""

import contextlib
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
import torch
from msgspec import Struct

from engine import __version__, checkpoint, processes, reading, recipe, scaled, torchrun, words
from engine.fields import RecipeErrors
from engine.recipe import RunRecipe
from engine.recipes import Dino
from engine.run import Refused, Run, checkpoint_step
from engine.scaled import Why

BRING_BACK = "bring the old file back, or train it anew under another name (--set lineage=NAME)"
FASTER = 1.1  # bfloat16 costs digits; below a tenth gained it is not worth them


class Teacher(Struct, frozen=True):
    """A frozen teacher: which run, which checkpoint, and the checksum of its weights."""

    run: str
    step: int
    sha256: str

    def folder(self, workspace: Path) -> Path:
        """The checkpoint's."""
        return workspace / self.run / "checkpoints" / f"step-{self.step:08d}"


class Weights(Struct, frozen=True, omit_defaults=True):
    """The file a network starts from, its checksum, and what came of it."""

    path: str
    sha256: str
    format: str = ""  # "pth, DINOv2": the kind of file, and whose names it has
    share: float = 0.0  # of the backbone's parameters that were found in it; 0 in runs from before it was recorded
    run: str = ""  # whose checkpoint it is, of which step; `path` then starts from the workspace
    step: int = 0

    def file(self, workspace: Path) -> Path:
        return workspace / self.path

    @property
    def called(self) -> str:
        """What a report calls it."""
        return f"{self.run} at step {words.count(self.step)}" if self.run else Path(self.path).name


class Decided(Struct, frozen=True, kw_only=True):
    device: str
    device_reason: str
    threads: int
    threads_reason: str
    precision: str = ""
    precision_reason: str = ""


class Effective(Struct, frozen=True, kw_only=True):
    """effective.toml: every value in force, and why."""

    recipe: RunRecipe
    decided: Decided
    teacher: Teacher | None
    versions: dict[str, str]
    weights: Weights | None = None


def device_for(asked: str) -> tuple[str, str]:
    """(device, reason). Raises Refused for a device that is not there."""
    if asked == "cpu":
        return "cpu", "the recipe asks for it"
    if asked in ("auto", "cuda") and torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    if asked in ("auto", "mps") and torch.backends.mps.is_available():
        return "mps", "Apple's GPU"
    why = why_no_gpu()
    if asked != "auto":
        raise Refused(f"compute.device: {asked} cannot be used here: {why}. Write auto or cpu")
    return "cpu", why


def why_no_gpu() -> str:
    """One clause: why this machine trains on the CPU."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch was built without CUDA"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={hidden!r} hides every GPU"
    if not torch.cuda.is_available():
        return "torch finds no NVIDIA driver or GPU"
    return "a GPU is there"


def decide_place(asked: RunRecipe, devices: int = 1) -> Decided:
    """Device and threads, which `devices` share. Threads left open take the cores that no other engine holds, at least one a
    device."""
    device, reason = device_for(asked.compute.device)
    threads = asked.compute.threads
    if threads:
        cores = processes.free_cores()
        if device == "cpu" and threads > cores:
            raise Refused(f"compute.threads: {threads} is more than the {cores} cores of this machine; write {cores} or less")
        if device == "cpu" and threads < devices:
            raise Refused(f"compute.threads: {threads} is less than one for each of {devices} devices; write 0, or {devices}")
        return Decided(device=device, device_reason=reason, threads=threads, threads_reason="the recipe asks for it")
    if device != "cpu":
        threads = min(4, processes.free_cores())
        return Decided(device=device, device_reason=reason, threads=threads, threads_reason="the GPU does the work")
    free = processes.free_slots(core_slots())
    return Decided(device=device, device_reason=reason, threads=max(devices, free), threads_reason=f"{free} cores were free")


def core_slots() -> list[str]:
    return [f"core-{number}" for number in range(processes.free_cores())]


def threads_beside() -> int:
    """For work that must not cost a run its cores: one while somebody trains on this machine's CPU, else all there are."""
    return 1 if processes.holders(core_slots()) else processes.free_cores()


def devices_for(asked: RunRecipe) -> int:
    """Among how many devices a step is divided: as torchrun or the command line say, else the recipe. Any attempt may have
    another number: a run's batches are the same."""
    return torchrun.devices_asked() or asked.compute.devices


def slots_for(decided: Decided, devices: int = 1) -> tuple[list[str], int]:
    """The host-wide slots an engine must hold, and how many: its threads' cores, or as many whole GPUs. Raises Refused.

    Results depend on the number of threads to the last bit, so a run that began with more than there are here is not continued.
    """
    there = devices_there(decided.device)
    if devices > there:
        here = {"cpu": words.plural(there, "core"), "cuda": words.plural(there, "GPU")}.get(decided.device, "one device")
        raise Refused(f"compute.devices: {devices} are more than this machine has ({here}); write {there} or less")
    if decided.device == "cpu" and decided.threads > processes.free_cores():
        here = words.plural(processes.free_cores(), "core")
        raise Refused(
            f"compute.threads: this run began with {decided.threads} threads, here are {here}; continue it where it began"
        )
    if decided.device == "cpu":
        return core_slots(), max(devices, decided.threads)
    return [f"{decided.device}-{number}" for number in range(1 if devices == 1 else there)], devices


def devices_there(device: str) -> int:
    """How many of this kind a run could be divided among: GPUs; on the CPU cores; Apple's GPU is one."""
    return {"cpu": processes.free_cores(), "cuda": torch.cuda.device_count()}.get(device, 1)


def places(decided: Decided, devices: int, held: list[str]) -> list[str]:
    """Each rank's device by torch's name, the slots that are `held` being its own."""
    if devices == 1:
        return [decided.device]
    return ["cpu"] * devices if decided.device == "cpu" else [slot.replace("-", ":") for slot in held]


def memory_gib(device: torch.device) -> float:
    """The most that was in use so far, of a CPU what this process holds."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return processes.resident_bytes() / 2**30


def device_memory_gib(device: torch.device) -> float:
    """What the whole device has; a CPU has what the machine has."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory) / 2**30
    return processes.machine_bytes() / 2**30


def decide_precision(asked: RunRecipe, decided: Decided, step: Callable[[str], None]) -> Decided:
    """Fill in the precision: asked for, or measured with `step(precision)`, one whole training step of this very model."""
    return choose_precision(asked, decided, lambda precision: _seconds(step, precision, decided.device))


def choose_precision(asked: RunRecipe, decided: Decided, seconds_of: Callable[[str], float]) -> Decided:
    """Fill in the precision: asked for, or the faster by the seconds a step takes in each."""
    if asked.compute.precision != "auto":
        return msgspec.structs.replace(decided, precision=asked.compute.precision, precision_reason="the recipe asks for it")
    seconds = {precision: seconds_of(precision) for precision in ("float32", "bfloat16")}
    ratio = seconds["float32"] / seconds["bfloat16"]
    chosen = "bfloat16" if ratio >= FASTER else "float32"
    reason = f"measured: bfloat16 runs at {words.percent(ratio, 0)} of float32's speed on this model and device"
    return msgspec.structs.replace(decided, precision=chosen, precision_reason=reason)


def _seconds(step: Callable[[str], None], precision: str, device: str) -> float:
    """Median seconds of a step after a warm-up."""
    times = []
    for round_ in range(8):
        began = time.perf_counter()
        step(precision)
        if device == "cuda":
            torch.cuda.synchronize()
        if round_ >= 3:
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def pin_teacher(run: Run, asked: RunRecipe) -> Teacher | None:
    """The teacher's checkpoint, chosen when the child starts; a fork keeps its parent's. Raises Refused unless its run is
    complete."""
    if not asked.teacher:
        return None
    if (origin := _origin(run, asked)) and origin.teacher and origin.teacher.run == asked.teacher:
        return origin.teacher
    teacher = Run(run.workspace / asked.teacher)
    state = teacher.state() if teacher.folder.exists() else None
    if state is None or not state.completed:
        what = "does not exist" if state is None else "has not completed"
        raise Refused(f"teacher: {asked.teacher} {what} in {run.workspace}; train it first (`filial resume {asked.teacher}`)")
    step = state.step
    if getattr(asked.method, "teacher_checkpoint", "last") == "best" and (best := state.best(state.headline)):
        step = best[1] or step  # before the first step nothing was kept
    step = getattr(asked.method, "teacher_step", 0) or step
    folder = teacher.folder / "checkpoints" / f"step-{step:08d}"
    if not folder.exists():
        kept = ", ".join(str(checkpoint_step(path)) for path in teacher.checkpoint_folders())
        remedy = f"method.teacher_step: write one of {kept}" if kept else "bring its checkpoints back"
        raise Refused(f"teacher: {asked.teacher} has no checkpoint at step {step}; {remedy}")
    return Teacher(asked.teacher, step, checkpoint.file_sha256(checkpoint.kept(folder)))


def learned_by(folder: Path) -> Dino | None:
    """What the method of a run in this folder was asked, if it learned without labels; None too where that cannot be read."""
    with contextlib.suppress(OSError, RecipeErrors):
        found = read(Run(folder))
        return found.recipe.method if found and isinstance(found.recipe.method, Dino) else None
    return None


def check_teacher(run: Run, pinned: Teacher) -> None:
    """Raises Refused if the teacher's weights are no longer those this run began with."""
    path = checkpoint.kept(pinned.folder(run.workspace))
    if not path.exists():
        raise Refused(f"teacher: {path} is gone, but {run.name} began with it; bring it back")
    if checkpoint.file_sha256(path) != pinned.sha256:
        raise Refused(
            f"teacher: {path} is not the network {run.name} began with; bring the old one back, or train a new lineage"
        )
    try:
        checkpoint.read_state(path.parent)
    except (OSError, msgspec.MsgspecError) as error:
        said = f"{path.with_name('state.json')} cannot be read ({error}), which says what network that is"
        raise Refused(f"teacher: {said}; bring it back from a copy, or train a new lineage") from None


def pin_weights(run: Run, asked: RunRecipe) -> Weights | None:
    """What the network starts from: a file, or a checkpoint of a completed run. Raises Refused if it is not there.

    A fork starts from its own checkpoint, and only tells what its parent once began with; nothing, where that is gone.
    """
    if not asked.model.weights:
        return None
    if asked.fork.run:
        return origin.weights if (origin := _origin(run, asked)) else None
    name, step = recipe.run_of_weights(asked.model.weights)
    if name:
        return _pin_checkpoint(run, name, step)
    path = Path(asked.model.weights)
    if not path.is_file():
        raise Refused(f"model.weights: {path} is gone; bring it back")
    return Weights(str(path), checkpoint.file_sha256(path))


def _origin(run: Run, asked: RunRecipe) -> Effective | None:
    """What was decided for the run that this one is a fork of; None for no fork, and where that cannot be read any more."""
    with contextlib.suppress(OSError, RecipeErrors, Refused):
        return read(Run(run.workspace / asked.fork.run)) if asked.fork.run else None
    return None


def _pin_checkpoint(run: Run, name: str, step: int) -> Weights:
    source = Run(run.workspace / name)
    state = source.state() if source.folder.exists() else None
    if state is None or not state.completed:
        what = "does not exist" if state is None else "has not completed"
        raise Refused(f"model.weights: {name} {what} in {run.workspace}; train it first (`filial resume {name}`)")
    folder = source.folder / "checkpoints" / f"step-{step or state.step:08d}"
    if not folder.exists():
        kept = ", ".join(f"{name}@{checkpoint_step(path)}" for path in source.checkpoint_folders())
        remedy = f"write one of {kept}" if kept else "bring its checkpoints back"
        raise Refused(f"model.weights: {name} has no checkpoint at step {step or state.step}; {remedy}")
    path = checkpoint.kept(folder)
    found = path.relative_to(run.workspace).as_posix()
    return Weights(found, checkpoint.file_sha256(path), run=name, step=step or state.step)


def check_weights(run: Run, pinned: Weights) -> None:
    """Raises Refused if these are no longer the weights this run began with."""
    path = pinned.file(run.workspace)
    if not path.is_file():
        raise Refused(f"model.weights: {path} is gone; bring it back")
    if checkpoint.file_sha256(path) != pinned.sha256:
        what = "the network" if pinned.run else "the file"
        raise Refused(f"model.weights: {path} is not {what} this run began with; bring the old one back")


def versions() -> dict[str, str]:
    names = ("torch", "torchvision", "timm", "numpy", "safetensors")
    found = {name: metadata.version(name) for name in names}
    return {"filial": __version__, "python": platform.python_version(), "system": platform.platform(), **found}


def write(run: Run, effective: Effective, resolved: Mapping[str, Why] | None = None) -> None:
    """effective.toml, once. `resolved`: why each "auto" of the recipe became the number that it is (scaled.py)."""
    assert not (left := scaled.still_auto(effective.recipe)), f"{left} are still to be resolved"
    document = tomlkit.document()
    document.add(
        tomlkit.comment(f"Every value in force in {run.name}, with its source. Written once; resuming reads only this.")
    )
    document |= to_table(effective)
    document["why"] = dict(sorted(_why(run, effective, resolved or {}).items()))
    processes.write_aside(run.folder / "effective.toml", tomlkit.dumps(document).encode(), sync=True)


def read(run: Run) -> Effective | None:
    """effective.toml, or None before the first attempt got that far. Raises Refused for one that is not whole."""
    table = run.effective()
    if table is None:
        return None
    path = run.folder / "effective.toml"
    missing = [f"[{name}]" for name in ("recipe", "decided", "versions") if not isinstance(table.get(name), Mapping)]
    if missing:
        raise Refused(f"{path} lacks {' and '.join(missing)}; {BRING_BACK}")
    try:
        return from_table(table, str(path))
    except msgspec.ValidationError as error:
        raise Refused(f"{path} is damaged ({error}); {BRING_BACK}") from None


def to_table(effective: Effective) -> dict[str, Any]:
    """As plain nested tables, without the reasons. What is None is left out: TOML has no word for it."""
    found = {
        "recipe": recipe.to_table(effective.recipe),
        "decided": msgspec.to_builtins(effective.decided),
        "teacher": msgspec.to_builtins(effective.teacher),
        "weights": msgspec.to_builtins(effective.weights),
        "versions": effective.versions,
    }
    return {name: value for name, value in found.items() if value is not None}


def from_table(table: Mapping[str, Any], where: str) -> Effective:
    """Raises RecipeErrors, and msgspec's ValidationError for what is damaged."""
    asked = recipe.parse(RunRecipe, table["recipe"], where)
    decided = msgspec.convert(table["decided"], Decided)
    teacher = msgspec.convert(table["teacher"], Teacher) if "teacher" in table else None
    weights = msgspec.convert(table["weights"], Weights) if "weights" in table else None
    noted = msgspec.convert(table["versions"], dict[str, str])
    return Effective(recipe=asked, decided=decided, teacher=teacher, versions=noted, weights=weights)


def _why(run: Run, effective: Effective, resolved: Mapping[str, Why]) -> dict[str, dict[str, str]]:
    """Source and reason of each value: resolved from the data, written by the user, or with the schema's source."""
    written = recipe.flat(recipe.plain_table(reading.text(run.folder / "recipe.toml")))
    why = {
        path: {"source": one.source, "reason": one.reason}
        for path, one in scaled.reasons(effective.recipe, written, resolved).items()
        if effective.recipe.fork.run or not path.startswith("fork.")
    }
    decided = effective.decided
    why["decided.device"] = {"source": "measured", "reason": decided.device_reason}
    why["decided.threads"] = {"source": "measured", "reason": decided.threads_reason}
    why["decided.precision"] = {"source": "measured", "reason": decided.precision_reason}
    return why
