"""What a recipe will cost, measured before it is trained: a few real steps of its own networks on its own pictures.

The parts are those of learner.py, so that what is measured is what will be run; the teacher is a fresh network built as
F0 is, which costs what a trained one does. Here: seconds, memory and disk, and what they add up to over a lineage.
"""

import contextlib
import gc
import shutil
import statistics
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor, nn

from engine import decide, lighter, methods, processes, rates, scaled
from engine.data.batch import Batch
from engine.data.prepared import Batches, Prepared, prepare
from engine.failures import is_out_of_memory
from engine.fields import tag_of
from engine.learner import built_from, facts_of, learn, optimizer_for, with_field
from engine.models import imported
from engine.probes.accuracy import predict
from engine.recipe import UNTAUGHT, RecipeFile, RunRecipe
from engine.recipes import Dino
from engine.run import Refused, Run
from engine.words import count, plural

WARM_UP = 2  # steps: the first ones allocate and choose algorithms
STEPS = 5
AT_LEAST_S, ENOUGH_S = 0.3, 1.5  # quick steps are repeated for this long; slow ones no longer than that
INCLUDES = "training steps, validation and the final report; not the start, checkpoints and attention maps"

Tell = Callable[[float, str], None]


class TooLarge(Refused):
    """A step does not fit into the device's memory."""


@dataclass(frozen=True)
class Memory:
    """Bytes at the peak of a step; activations are whatever comes and goes within it, gradients too."""

    weights: int
    optimizer: int
    activations: int


@dataclass(frozen=True)
class Cost:
    """One run: seconds of a step and of the whole, memory, a checkpoint's bytes of weights and the student's number of them."""

    step_s: float
    run_s: float
    precision: str
    memory: Memory
    kept_bytes: int
    weights: int
    report: imported.Imported | None = None  # what came of the file that the network starts from


def measure(file: RecipeFile, data_folder: Path, tell: Tell) -> dict[str, Any]:
    """The assistant's answer for a lineage's recipe. Raises RecipeErrors, Refused, ValueError that name a field.

    `tell` is called with the share done and words, between any two steps; it may raise.
    """
    try:
        return _measure(file, data_folder, tell)
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # they hold the networks
        if is_out_of_memory(error):
            problem = f"{lighter.DOES_NOT_FIT}; write less, or take a smaller model"
            raise TooLarge(f"training.batch: {file.recipe.training.batch}: {problem}") from None
        raise
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # a run may need it


def _measure(file: RecipeFile, data_folder: Path, tell: Tell) -> dict[str, Any]:
    lineage = file.recipe
    runs = (run for run, _ in islice(file.runs(), 1 + min(1, lineage.generations)))
    asked, *student = (_with_file(run, data_folder.parent) for run in runs)
    devices = decide.devices_for(asked)
    decided = decide.decide_place(asked, devices)
    decide.slots_for(decided, devices)
    beside = _beside(decided.device)
    torch.set_num_threads(1 if beside and decided.device == "cpu" else max(1, decided.threads // devices))
    tell(0.05, "reading the pictures")
    data = prepare(asked, data_folder, lambda done, total: tell(*_reading(done, total)))
    outside = _outside_teacher(asked, data_folder.parent)
    try:
        first = each = _cost(asked, decided, data, lambda words: tell(0.3, words), outside)
    except Refused as error:  # of F0's own network, which is another field of the lineage's recipe
        its_own = student and asked.model != student[0].model and str(error).startswith("model.")
        raise Refused(f"teacher_{error}" if its_own else str(error)) from None
    if student:
        each = _cost(_in_precision(student[0], first.precision), decided, data, lambda words: tell(0.7, words), asked)
    per_epoch = -(-len(data.split.train) // asked.training.batch)
    outputs = scaled.kept_bytes(student[0] if student else asked, facts_of(data))
    return {
        "seconds_per_step": each.step_s,
        "steps_per_epoch": per_epoch,
        "total_steps": per_epoch * asked.training.epochs,
        "runs": len(lineage.seeds) * (1 + lineage.generations),
        "seconds_per_run": each.run_s,
        "seconds_first_run": first.run_s,
        "seconds_all": len(lineage.seeds) * (first.run_s + lineage.generations * each.run_s),
        "includes": INCLUDES if devices == 1 else f"{INCLUDES}, nor what the {devices} devices tell each other",
        "beside": beside,
        "device": decided.device,
        "device_reason": decided.device_reason,
        "threads": torch.get_num_threads(),
        "precision": each.precision,
        "memory_bytes": vars(each.memory),
        "device_memory_bytes": round(decide.device_memory_gib(torch.device(decided.device)) * 2**30),
        "weights": each.weights,
        "kept_bytes": each.kept_bytes,
        "imported": {"first": _told(first.report), "each": _told(each.report)},
        "pictures": len(data.split.train),
        "disk_bytes_per_run": lighter.disk_bytes(asked, each.kept_bytes, each.memory.optimizer) + outputs,
        "teacher_outputs_bytes": outputs,
        "disk_free_bytes": shutil.disk_usage(data_folder.parent).free,
    }


def _with_file(asked: RunRecipe, workspace: Path) -> RunRecipe:
    """With the checkpoint that a run's weights stand for, once there is one."""
    with contextlib.suppress(Refused):
        pinned = decide.pin_weights(Run(workspace / asked.run), asked)
        if pinned is not None and pinned.run:
            return replace(asked, model=replace(asked.model, weights=str(pinned.file(workspace))))
    return asked


def _told(report: imported.Imported | None) -> str:
    return report.short() if report else ""


def _outside_teacher(asked: RunRecipe, workspace: Path) -> RunRecipe | None:
    """The recipe of a run of another lineage that teaches F0, if it is in this workspace."""
    with contextlib.suppress(OSError, ValueError, Refused):
        if asked.teacher:
            run = Run(workspace / asked.teacher)
            known = decide.read(run)
            return known.recipe if known else run.recipe()
    return None


def _reading(done: int, total: int) -> tuple[float, str]:
    words = f"{count(done)} of {plural(total, 'picture')}" if total else f"{plural(done, 'file')} found"
    return 0.05 + 0.25 * (done / total if total else 0), words


def _in_precision(asked: RunRecipe, precision: Any) -> RunRecipe:
    """What F0's steps have shown holds for its students."""
    return replace(asked, compute=replace(asked.compute, precision=precision))


class Twin:
    """What a run would train, built as it would build it: student, teacher (the network of `taught_by`), optimizer, batches."""

    def __init__(self, asked: RunRecipe, device: str, data: Prepared, taught_by: RunRecipe | None = None) -> None:
        theirs = scaled.resolve(taught_by or _untaught(asked), facts_of(data))[0]
        asked, _ = scaled.resolve(asked, facts_of(data, theirs.method if isinstance(theirs.method, Dino) else None))
        self.asked = asked
        self.report: imported.Imported | None = None  # what came of the file it starts from
        self.device = torch.device(device)
        try:
            student = built_from(asked, data).network()
            if (weights := asked.model.weights) and Path(weights).is_file():
                self.report = imported.start_from(student, Path(weights), asked.model.freeze, asked.model.partial)
            if asked.model.freeze:
                imported.freeze_backbone(student)
            teacher = _teacher(asked, theirs, data) if asked.teacher else None
        except ValueError as error:
            raise Refused(with_field(error)) from None
        self.data = data
        self.method = methods.build(asked.method, student, teacher).to(self.device).train()
        self.batches = Batches(data, asked, self.device, self.method.views_at)
        self.method.plan(rates.schedules(asked, self.batches.per_epoch), self.batches.per_epoch)
        self.optimizer = optimizer_for(asked, self.method)
        self.step = 0

    @property
    def last_epochs(self) -> int:
        """How many at the end see other crops, so that their steps cost another time."""
        views = self.method.views
        return sum(self.method.views_at(epoch) != views for epoch in range(self.asked.training.epochs))

    def take_step(self, precision: str) -> None:
        batch = first_part(self.batches.at(*divmod(self.step, self.batches.per_epoch)), decide.devices_for(self.asked))
        learn(self.method, self.optimizer, batch, self.step, self.asked.optimizer.clip, precision)
        self.step += 1

    def wait(self) -> None:
        """A GPU works behind our back."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def seconds(self, work: Callable[[], None]) -> float:
        self.wait()
        began = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - began


def first_part(batch: Batch, devices: int) -> Batch:
    """What one of several devices has of a step: the largest part there is."""
    if devices == 1:
        return batch
    rows = slice(0, -(-len(batch.index_B) // devices))
    return Batch(tuple(view_VBCHW[:, rows] for view_VBCHW in batch.views), batch.labels_B[rows], batch.index_B[rows])


def _teacher(asked: RunRecipe, theirs: RunRecipe, data: Prepared) -> nn.Module:
    """A fresh network, which costs what a trained one does; where classes play no part, with the heads it would have."""
    network = built_from(theirs, data).network()
    if not isinstance(asked.method, UNTAUGHT):
        return network
    return methods.headed(asked.teacher, theirs.method, network)


def _untaught(asked: RunRecipe) -> RunRecipe:
    """A run as it would be without its teacher, which stands in for one that is not in the workspace."""
    return replace(asked, teacher="") if isinstance(asked.method, UNTAUGHT) else asked


def _cost(
    asked: RunRecipe,
    decided: decide.Decided,
    data: Prepared,
    tell: Callable[[str], None],
    taught_by: RunRecipe | None = None,
) -> Cost:
    tell(f"building the {tag_of(type(asked.model))} of F{asked.generation}")
    twin = Twin(asked, decided.device, data, taught_by)
    seconds: dict[str, float] = {}

    def seconds_of(precision: str) -> float:
        seconds[precision] = _step_seconds(
            twin, precision, lambda: tell(f"measuring steps of F{asked.generation} in {precision}")
        )
        return seconds[precision]

    precision = decide.choose_precision(asked, decided, seconds_of).precision
    step_s = last_s = seconds[precision] if precision in seconds else seconds_of(precision)
    if last := twin.last_epochs:
        twin.step = (twin.asked.training.epochs - last) * twin.batches.per_epoch
        last_s = seconds_of(precision)
    tell(f"measuring memory and validation of F{asked.generation}")
    kept = _bytes(tensor for part in twin.method.weights().values() for tensor in part.values())
    return Cost(
        step_s=step_s,
        run_s=_run_seconds(twin, step_s, last_s),
        precision=precision,
        memory=_memory(twin, precision),
        kept_bytes=kept,
        weights=sum(weight.numel() for weight in twin.method.student.parameters()),
        report=twin.report,
    )


def _step_seconds(twin: Twin, precision: str, between: Callable[[], None]) -> float:
    """Median seconds of a whole step after a warm-up."""
    for _ in range(WARM_UP):
        between()
        twin.take_step(precision)
    times: list[float] = []
    while sum(times) < ENOUGH_S and (len(times) < STEPS or sum(times) < AT_LEAST_S):
        between()
        times.append(twin.seconds(lambda: twin.take_step(precision)))
    return statistics.median(times)


def _run_seconds(twin: Twin, step_s: float, last_s: float) -> float:
    """Steps, a validation every so many epochs, and the report's pass over test and training pictures."""
    asked, parts = twin.asked, twin.data.split
    validations = -(-asked.training.epochs // asked.probes.every_epochs)
    once, at_last = len(parts.val), len(parts.test) + len(parts.train)
    if not twin.method.classifies:  # neighbours are sought among the training pictures, for student and teacher
        networks = len(list(twin.method.judged()))
        once, at_last = networks * (once + len(parts.train)), 2 * networks * (at_last + len(parts.val))
    looked_at = validations * once + at_last
    epochs_s = (asked.training.epochs - twin.last_epochs) * step_s + twin.last_epochs * last_s
    return epochs_s * twin.batches.per_epoch + looked_at * _look_seconds(twin)


def _look_seconds(twin: Twin) -> float:
    """Seconds the student takes for one picture of a validation."""
    pictures = twin.data.tensor(twin.data.split.val[:256])
    data, student = twin.data, twin.method.student

    def look() -> None:
        predict(student, pictures, data.mean, data.std, device=twin.device)

    look()
    return twin.seconds(look) / len(pictures)


def _memory(twin: Twin, precision: str) -> Memory:
    """After the steps, when the optimizer has all its state, one more is watched."""
    weights = _bytes(_tensors(twin.method))
    optimizer = _bytes(
        value for state in twin.optimizer.state.values() for value in state.values() if isinstance(value, Tensor)
    )
    if twin.device.type == "cuda":
        activations = _peak_on_cuda(twin, precision)
    else:
        gradients = _bytes(weight for _, weight in twin.method.trained())
        activations = max(gradients, _saved_for_backward(twin, precision))
    return Memory(weights, optimizer, activations)


def _peak_on_cuda(twin: Twin, precision: str) -> int:
    twin.wait()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    twin.take_step(precision)
    twin.wait()
    return max(0, torch.cuda.max_memory_allocated() - before)


def _saved_for_backward(twin: Twin, precision: str) -> int:
    """Bytes a step keeps for its way back, an estimate of the peak: no allocator counts on a CPU. Weights are not counted."""
    known = {_place(tensor) for tensor in _tensors(twin.method)}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if (place := _place(tensor)) not in known:
            saved[place] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        twin.take_step(precision)
    return sum(saved.values())


def _place(tensor: Tensor) -> int:
    """Where a tensor's memory begins, so that two views of it count once."""
    return tensor.untyped_storage().data_ptr()


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _beside(device: str) -> list[str]:
    """Runs that train on this device now: what is measured beside them is slower than it will be."""
    slots = decide.core_slots() if device == "cpu" else [f"{device}-0"]
    return [who.partition(" (process ")[0] for who in processes.holders(slots)]
