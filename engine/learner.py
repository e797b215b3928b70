"""What learns: student, teacher, optimizer and the pictures of a step. Every process that trains a run has one, all alike.

train.py keeps the books of a run (events, checkpoints, what was asked meanwhile) and says what comes next; here is what is then
computed, on one device or, with the others, on several. It never asks which method it has.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from engine import checkpoint, distributed, methods, models, rates, recipe, scaled, sources
from engine.checkpoint import Build
from engine.data.answers import Answers
from engine.data.batch import Batch
from engine.data.order import generator_seed
from engine.data.prepared import Batches, Prepared
from engine.decide import Effective
from engine.failures import Failed
from engine.fields import RecipeErrors
from engine.methods import Method
from engine.models import imported
from engine.recipe import RunRecipe
from engine.recipes import Dino
from engine.run import Refused, Run
from engine.words import plural


class Learner:
    """Built from what is in force in a run, whose first step it is about to take unless it has taken some already."""

    def __init__(self, run: Run, plan: Effective, data: Prepared, device: torch.device, fresh: bool) -> None:
        """Raises RecipeErrors, Refused and Failed, which name what does not fit. `fresh`: no checkpoint will be loaded."""
        self.run, self.asked, self.data, self.device = run, plan.recipe, data, device
        self.decided, self.pinned = plan.decided, plan.teacher
        self.built_from = built_from(self.asked, data)
        self.report: imported.Imported | None = None  # what came of the file that a fresh network starts from
        self.thaw: Callable[[], None] | None = None  # while the head learns alone: lets the rest learn too
        self.waited_s = 0.0  # for pictures
        self.method = self._method(plan, fresh).to(device).train()
        distributed.normalise_together(self.method)
        for network, size in self.method.readers():
            if problem := models.reads(network, data.pictures.channels, size):
                raise Failed(f"method: crops of {size} px do not fit this network: {problem}")
        self.batches = Batches(data, self.asked, device, self.method.views_at)
        self._refuse_lonely_pictures()
        self.total_steps = self.asked.training.epochs * self.batches.per_epoch
        self.plan()
        self.optimizer = optimizer_for(self.asked, self.method)

    def _method(self, plan: Effective, fresh: bool) -> Method:
        asked = self.asked
        try:
            self.seed("initialisation", asked.seed, asked.generation)
            student = self.built_from.network()
            if plan.weights is not None and fresh:
                path = plan.weights.file(self.run.workspace)
                model, called = asked.model, plan.weights.called
                self.report = imported.start_from(student, path, model.freeze, model.partial, called)
            if asked.model.freeze:
                imported.freeze_backbone(student)
            by_heads = isinstance(asked.method, recipe.UNTAUGHT)
            teacher = sources.load_frozen(plan.teacher, self.run.workspace, by_heads) if plan.teacher else None
            return methods.build(asked.method, student, teacher)
        except RecipeErrors:  # which name their field whole
            raise
        except ValueError as error:
            raise Failed(with_field(error)) from None

    def _refuse_lonely_pictures(self) -> None:
        """Raises Failed for BatchNorm over batches of one, and for a device without a picture: also the smallest of an epoch's
        nearly equal portions counts."""
        asked, student = self.asked, self.method.backbones()[0]
        smallest = len(self.batches) // self.batches.per_epoch
        pictures = plural(len(self.batches), "training picture")
        if smallest < distributed.world():
            problem = f"of {pictures} in steps of {asked.training.batch} the smallest is {smallest}"
            raise Failed(f"compute.devices: {distributed.world()} cannot share a step: {problem}; write {smallest} or less")
        fewest = smallest * recipe.fewest_crops(asked.method)
        if fewest < 2 and not asked.model.freeze and any(isinstance(part, _BatchNorm) for part in student.modules()):
            problem = f"of {pictures} in steps of {asked.training.batch} the smallest is 1, and 1 {recipe.LONELY}"
            raise Failed(f"training.batch: {problem}; write {asked.training.batch + 1} or more")

    def plan(self) -> None:
        """What goes with the step, for us and for the method."""
        self.schedules = rates.schedules(self.asked, self.batches.per_epoch)
        self.method.plan(self.schedules, self.batches.per_epoch)

    def keep_answers(self, precision: str) -> None:
        """Open the file where the frozen teacher's outputs are kept, if they are. Everything that one of them depends on is in
        its name. `precision`: as decided."""
        self.decided = msgspec.structs.replace(self.decided, precision=precision)
        if self.pinned is None or not scaled.kept_views(self.asked):
            return
        asked, data, card = self.asked, self.data, self.data.card()
        about = {
            "teacher": self.pinned.sha256,
            "build": checkpoint.read_state(self.pinned.folder(self.run.workspace)).build,
            "data": [card[name] for name in ("files_sha256", "mean", "std", "channels", "size")],
            "train": card["split"]["train"],
            "augment": asked.augment,
            "order": [asked.order_seed, asked.training.batch],  # numbers that are computed together depend on each other
            "compute": [self.device.type, precision, self.decided.threads if self.device.type == "cpu" else 0],
            **({"devices": distributed.world()} if distributed.world() > 1 else {}),  # among how many a step is divided
        }
        folder = self.run.workspace / "data"
        self.method.answers = Answers(folder, about, self.batches, scaled.kept_views(asked), data.classes)

    # ---- a step ---------------------------------------------------------------------------------------------------------

    def take(self, step: int) -> dict[str, Tensor]:
        """The step after `step` others. Returns what can be shown of it, of all devices."""
        began = time.perf_counter()
        batch = self.batches.at(*divmod(step, self.batches.per_epoch))
        self.waited_s += time.perf_counter() - began
        self.set_rates(step)
        self.seed("step", self.asked.seed, step)  # dropout too is a function of the step
        self.last_batch, self.last_step = batch, step
        return learn(self.method, self.optimizer, batch, step, self.asked.optimizer.clip, self.decided.precision)

    def whole_batch(self) -> Batch:
        """Of the step before, the pictures of all devices."""
        if self.last_batch.whole_N is None:
            return self.last_batch
        return self.batches.whole(*divmod(self.last_step, self.batches.per_epoch))

    def warms_head(self, step: int) -> bool:
        """Whether the head learns alone in that step: a function of the epoch, so that a resumed run does the same."""
        return step // self.batches.per_epoch < self.asked.model.head_epochs

    def warm_head(self, alone: bool) -> None:
        if alone:
            self.thaw = imported.freeze_backbone(self.method.student)
        elif self.thaw is not None:
            self.thaw()
            self.thaw = None

    def set_rates(self, step: int) -> None:
        now = self.scheduled(step)
        decay = now.get("schedule/weight_decay", self.asked.optimizer.weight_decay)
        for group in self.optimizer.param_groups:
            group["lr"] = now["schedule/lr"] * self.method.rate_share(group, step)
            group["weight_decay"] = decay if group["decays"] else 0.0

    def scheduled(self, step: int) -> dict[str, float]:
        return {name: value(step) for name, value in self.schedules.items()}

    def seed(self, purpose: str, *coordinates: int) -> None:
        """What torch.manual_seed does, for the devices in use only: that takes a stack trace for each GPU there might be."""
        number = generator_seed(purpose, *coordinates)
        torch.default_generator.manual_seed(number)
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(number)
        elif self.device.type == "mps":
            torch.mps.manual_seed(number)

    # ---- what is asked besides ------------------------------------------------------------------------------------------

    def try_step(self, precision: str) -> None:
        """A step's work without an update, for its time."""
        loss, _ = objective(self.method, self.batches.at(0, 0), 0, precision)
        loss.backward()
        self.method.zero_grad(set_to_none=True)

    def remember(self) -> None:
        self._before = {name: tensor.detach().clone() for name, tensor in self.method.state_dict().items()}

    def restore(self) -> None:
        """As it was when it was told to remember: steps that were tried have moved running statistics."""
        self.method.load_state_dict(self._before)
        del self._before

    def load(self, step: int) -> dict[str, float]:
        """Go on from that step's checkpoint. Returns the sums of the tick that was under way. Raises Refused."""
        folder = self.run.folder / "checkpoints" / f"step-{step:08d}"
        state = checkpoint.read_state(folder)
        self._load_weights(folder)
        checkpoint.load_optimizer(folder, state, self.optimizer)
        return state.partial

    def _load_weights(self, folder: Path) -> None:
        try:
            self.method.load_weights(checkpoint.load_weights(folder))
        except (KeyError, RuntimeError) as error:
            raise Refused(f"{folder} does not hold the weights of this network: {error}") from None

    def settle(self) -> None:
        """All that the teacher has said so far is kept, and was said of these very pictures. Raises Refused if it was not."""
        if self.method.answers is not None:
            self.method.answers.settle()

    def apply(self, field: str, value: float | int | bool | str) -> None:
        self.asked = recipe.changed(self.asked, field, value)
        self.method.asked = self.asked.method
        self.plan()


def objective(method: Method, batch: Batch, step: int, precision: str) -> tuple[Tensor, dict[str, Tensor]]:
    """What this process has of the loss to minimise: the mean over its own pictures, by their share of the batch."""
    portion = batch.portion
    with in_precision(precision, batch.pictures_BCHW.device), distributed.holding(portion):
        loss, values = method.loss(batch, step)
    return loss if portion.share == 1 else loss * portion.share, values


def learn(
    method: Method, optimizer: torch.optim.Optimizer, batch: Batch, step: int, clip: float, precision: str
) -> dict[str, Tensor]:
    """One step of training: loss, gradient, clip, update. Returns what can be shown of it."""
    loss, values = objective(method, batch, step, precision)
    loss.backward()
    gradients = [weight.grad for _, weight in method.trained() if weight.grad is not None]
    values = distributed.add_up(gradients, values, batch.portion.share)
    norm = method.clip(clip)
    method.before_optimizer(step)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    method.after_step(step)
    return {**values, "grad/norm": norm}


def in_precision(name: str, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=name == "bfloat16")


def built_from(asked: RunRecipe, data: Prepared) -> Build:
    """What a recipe's network is built from, on this data."""
    options = msgspec.to_builtins(asked.model)
    for name in recipe.BEGINS:
        options.pop(name, None)
    return Build(options.pop("name"), max(1, data.classes), data.pictures.channels, data.size, options)


def facts_of(data: Prepared, taught_by: Dino | None = None) -> scaled.Facts:
    return scaled.Facts(len(data.split.train), data.size, data.pictures.channels, data.classes, taught_by)


def with_field(error: ValueError) -> str:
    """A network's refusal, with the recipe's field in front: the size of the pictures is the data's."""
    return f"{'data' if str(error).startswith('size:') else 'model'}.{error}"


def optimizer_for(asked: RunRecipe, method: Method) -> torch.optim.Optimizer:
    wanted = asked.optimizer
    groups = method.parameter_groups(wanted.weight_decay)
    if isinstance(wanted, recipe.Sgd):
        return torch.optim.SGD(groups, momentum=wanted.momentum, nesterov=wanted.momentum > 0)
    return torch.optim.AdamW(groups)


def shares_memory(student: torch.nn.Module, teacher: torch.nn.Module | None) -> bool:
    """Whether one learns from itself."""
    ours, theirs = (
        {weight.data_ptr() for weight in network.parameters()} for network in (student, teacher or torch.nn.Module())
    )
    return bool(ours & theirs)


def warm_up() -> None:
    """Have torch import what it puts off until a process's first optimizer steps, which takes longer than torch itself."""
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight], lr=0.0).step()
