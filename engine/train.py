"""train(run): the one loop, to be read from top to bottom. It never asks which method it has.

What a run left open is decided in decide.py, what it looks at is in data/, what it learns from in methods/, what is measured in
probes/. Commands are read at every step's boundary and inside every long phase; whatever happens, the folder stays true.
"""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from engine import checkpoint, commands, decide, distributed, events, methods, models, processes, rates, reading, recipe, scaled
from engine.checkpoint import Build
from engine.commands import AnyCommand
from engine.data.answers import Answers
from engine.data.batch import Batch
from engine.data.order import generator_seed
from engine.data.prepared import Batches, Prepared, prepare
from engine.desk import Desk, Leave
from engine.failures import Failed, Ill, in_words
from engine.fields import RecipeErrors, tag_of
from engine.meter import Meter
from engine.methods import METHODS, Method
from engine.models import imported
from engine.probes import attention
from engine.probes.probed import Probed, at_the_end, during, prototypes
from engine.recipe import RunRecipe
from engine.recipes import Dino
from engine.remedies import HARMLESS, NOT_FINITE
from engine.run import Attempt, Refused, Run, checkpoint_step
from engine.state import plain
from engine.watchdog import Watchdog, caught_up
from engine.words import count, plural

EXIT = {"completed": 0, "failed": 1, "stopped": 130, "paused": 130}
BRING_BACK = "bring it back, or train from its new place under another name (--set lineage=NAME)"
LEARNED_BEFORE = (
    "learned from other pictures than the data has now. Bring the old data back, "
    "or train the changed data under another name (--set lineage=NAME)"
)
OTHER_LABELS = (
    "learned from other labels than data.corrections gives now. Bring the old file of corrections back, "
    "or train with the new one under another name (--set lineage=NAME)"
)
LEARNED_ELSEWHERE = (
    "may have learned from the pictures that this run is tested on; "
    "give both the same pictures, data.split_seed, data.test_share and data.val_share"
)
TICKS = 5000  # at most so many StepTaken events a run


ROLLBACKS = 3  # a run: what three remedies have not helped, a fourth will not


def train(run: Run) -> int:
    """Train one run to its end, or go on where it was left. Returns the exit code of CONTRACT's command line.

    The process's door: the only broad `except`. Raises Refused if nothing may be done at all (another engine holds the run).
    """
    with Attempt(run) as attempt, Desk(attempt) as desk:
        print(f"=== attempt {attempt.number}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}, {run.name}", flush=True)  # noqa: T201
        newest = checkpoint.newest_valid(run)
        step = checkpoint.read_state(newest).step if newest else 0
        if attempt.state.completed and step == attempt.state.step:  # a further attempt could only be lost
            print(f"{run.name} is complete already", flush=True)  # noqa: T201
            return EXIT["completed"]
        attempt.open(step)
        try:
            finished = Training(run, attempt, desk).through()
        except (Failed, Refused, RecipeErrors) as error:
            finished = events.Finished(reason="failed", detail=str(error))
        except KeyboardInterrupt:
            finished = events.Finished(reason="stopped", detail="interrupted twice, so nothing more was saved")
        except Exception as error:
            traceback.print_exc()
            finished = events.Finished(reason="failed", detail=in_words(error))
        for command in attempt.new_commands():
            attempt.acknowledge(command, "expired", "the attempt has ended")
        attempt.record(finished)
        attempt.sync()
    return EXIT[finished.reason]


def warm_up() -> None:
    """Have torch import what it puts off until a process's first optimizer steps, which takes longer than torch itself."""
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight], lr=0.0).step()


class Training:
    """One attempt at one run. `through` is the loop; the methods below it are its steps, in the order they are needed."""

    def __init__(self, run: Run, attempt: Attempt, desk: Desk) -> None:
        self.run = run
        self.attempt = attempt
        self.desk = desk
        self.step = 0
        self.meter = Meter()
        self.saved_at = -1
        self.ready = False  # everything is built and resumed: wishes can be granted, the step can be saved
        self.finite = True  # so far as is known
        self.describes_first = False  # nobody wrote data.json before this attempt
        self.found: list[events.Diagnosed] = []  # by the watchdog, since it was last heeded
        self.thaw: Callable[[], None] | None = None  # while the head learns alone: lets the rest learn too

    def through(self) -> events.Finished:
        with contextlib.ExitStack() as leases:
            try:
                self.prepare(leases)
                self.build()
                self.resume()
                if self.begins_elsewhere and not self.step:
                    self.look_before()
                if self.at_epoch_end():  # perhaps killed between the epoch's last step and the last of what follows it
                    self.end_epoch(self.is_probed(), self.is_mapped())
                while self.step < self.total_steps:
                    try:
                        self.obey()
                        self.take_step()
                        if self.at_epoch_end():
                            self.end_epoch()
                        self.heed()
                    except Ill as ill:
                        self.treat(ill)
                return self.report()
            except Leave as leave:
                return self.leave(leave)

    # ---- before the first step ------------------------------------------------------------------------------------------

    def prepare(self, leases: contextlib.ExitStack) -> None:
        """Recipe, device and data: the first attempt decides, later ones read."""
        known = decide.read(self.run)
        self.asked: RunRecipe = known.recipe if known else self.run.recipe()
        decided = known.decided if known else decide.decide_place(self.asked)
        slots, need = decide.slots_for(decided)
        leases.enter_context(processes.lease(slots, need, self.run.name, self.wait_for))
        torch.set_num_threads(decided.threads)
        self.device = torch.device(decided.device)
        if (fork := self.asked.fork).run:
            self.begin("preparing", f"forked from {fork.run} at step {count(fork.step)}")
        self.begin("preparing", f"reading {self.asked.data.title}")
        for error in recipe.folders_missing(self.asked.data, BRING_BACK):
            raise Failed(str(error))
        try:
            self.data: Prepared = prepare(self.asked, self.run.workspace / "data", self.reading)
        except ValueError as error:
            raise Failed(str(error)) from None
        self.describe_data()
        self.known, self.decided = known, decided
        self.obey()

    def describe_data(self) -> None:
        """data.json, once. Files that gave no picture may have been tidied away since: they do not count."""
        card = msgspec.json.encode(self.data.card())
        path = self.run.folder / "data.json"
        self.describes_first = not path.exists()
        if self.describes_first:
            processes.write_aside(path, msgspec.json.format(card, indent=1))
        elif described(reading.content(path)) != described(card):
            other = self._other(described(reading.content(path)))
            raise Failed(f"the data is not what this run began with: {path} describes {other}. Bring the old data back")

    def _other(self, before: dict[str, Any]) -> str:
        """What of the data is another than data.json says: the corrections of its labels, or the pictures."""
        now = self.data.corrected.card() if self.data.corrected else None
        return "pictures" if before.get("corrections") == now else f"other labels than {self.asked.data.corrections} gives"

    def build(self) -> None:
        """Student, teacher, method, optimizer, schedule; what is still open is measured and effective.toml written."""
        resolved: dict[str, scaled.Why] = {}
        if self.known is None:  # what the recipe leaves to the pictures, and to a frozen teacher
            taught_by = decide.learned_by(self.run.workspace / self.asked.teacher) if self.asked.teacher else None
            self.asked, resolved = scaled.resolve(self.asked, facts_of(self.data, taught_by))
        asked = self.asked
        self.built_from = built_from(asked, self.data)
        pinned = self.known.teacher if self.known else decide.pin_teacher(self.run, asked)
        if pinned is not None:
            decide.check_teacher(self.run, pinned)
        try:
            self.seed("initialisation", asked.seed, asked.generation)
            student = self.built_from.network()
            weights = self.start_from_file(student)
            teacher = self.load_teacher(pinned) if pinned else None
            method = methods.build(asked.method, student, teacher)
        except RecipeErrors:  # which name their field whole
            raise
        except ValueError as error:
            raise Failed(with_field(error)) from None
        self.method: Method = method.to(self.device).train()
        for network, size in method.readers():
            if problem := models.reads(network, self.data.pictures.channels, size):
                raise Failed(f"method: crops of {size} px do not fit this network: {problem}")
        self.batches = Batches(self.data, asked, self.device, self.method.views_at)
        self.refuse_lonely_pictures()
        self.total_steps = asked.training.epochs * self.batches.per_epoch
        self.log_every = max(1, self.total_steps // TICKS)
        self.plan()
        self.optimizer = optimizer_for(asked, self.method)
        if self.known is None:
            self.decided = self.measure_precision()
            found = decide.Effective(recipe=asked, decided=self.decided, teacher=pinned, versions=decide.versions())
            decide.write(self.run, msgspec.structs.replace(found, weights=weights), resolved)
        if pinned is not None and scaled.kept_views(asked):
            self.method.answers = self.keep_answers(pinned)
        if pinned is not None:
            self.attempt.record(events.TeacherPinned(run=pinned.run, step=pinned.step, sha256=pinned.sha256))
        self.probed = Probed(self.data, self.method, self.device, self.desk.between)

    def refuse_lonely_pictures(self) -> None:
        """Raises Failed for BatchNorm over batches of one: also the smallest of an epoch's nearly equal portions counts."""
        asked, student = self.asked, self.method.backbones()[0]
        fewest = len(self.batches) // self.batches.per_epoch * recipe.fewest_crops(asked.method)
        if fewest < 2 and not asked.model.freeze and any(isinstance(part, _BatchNorm) for part in student.modules()):
            pictures = plural(len(self.batches), "training picture")
            problem = f"of {pictures} in steps of {asked.training.batch} the smallest is 1, and 1 {recipe.LONELY}"
            raise Failed(f"training.batch: {problem}; write {asked.training.batch + 1} or more")

    @property
    def begins_elsewhere(self) -> bool:
        """With weights that were made elsewhere, which may be worth something before the first step."""
        return bool(self.asked.model.weights)

    def plan(self) -> None:
        """What goes with the step, for us and for the method."""
        self.schedules = rates.schedules(self.asked, self.batches.per_epoch)
        self.method.plan(self.schedules, self.batches.per_epoch)

    def start_from_file(self, student: torch.nn.Module) -> decide.Weights | None:
        """Weights from elsewhere into the fresh network. A run that has a checkpoint goes on from that, whatever became of a
        file; a run that it starts from is held to what it was, as a teacher is, except by a fork, which has a checkpoint."""
        pinned, asked = self.known.weights if self.known else decide.pin_weights(self.run, self.asked), self.asked.model
        if pinned is not None and not self.asked.fork.run and (pinned.run or not self.attempt.step):
            decide.check_weights(self.run, pinned)
        if pinned is not None and not self.attempt.step:
            self.refuse_seen_tests(pinned)
            path = pinned.file(self.run.workspace)
            report = imported.start_from(student, path, asked.freeze, asked.partial, pinned.called)
            pinned = msgspec.structs.replace(pinned, format=report.format, share=round(report.share, 6))
            self.tell_of_import(pinned, report)
        if asked.freeze:
            imported.freeze_backbone(student)
        return pinned

    def refuse_seen_tests(self, pinned: decide.Weights) -> None:
        """Raises Refused for weights that learned from these very pictures, cut otherwise. Other pictures may be anything."""
        theirs = _tested_on(Run(self.run.workspace / pinned.run).data() or {}) if pinned.run else (None, None)
        ours = _tested_on(self.data.card())
        if theirs[0] == ours[0] and theirs[1] != ours[1]:
            raise Refused(f"model.weights: {pinned.run} {LEARNED_ELSEWHERE}")

    def tell_of_import(self, pinned: decide.Weights, report: imported.Imported) -> None:
        """A sentence among the events, every tensor in the artifact."""
        about: dict[str, Any] = {"file": pinned.path, "sha256": pinned.sha256, "run": pinned.run, "step": pinned.step}
        text, whole = report.sentence(), not report.missing
        self.attempt.record(events.WeightsImported(share=pinned.share, whole=whole, text=text, **about))
        content = msgspec.json.format(msgspec.json.encode({**report.table(), **about}), indent=1)
        self.attempt.save_artifact("import-report", content, 0, 0.0, "json")
        self.obey()

    def load_teacher(self, pinned: decide.Teacher) -> torch.nn.Module:
        folder = pinned.folder(self.run.workspace)
        theirs, ours = Run(folder.parents[1]).data() or {}, self.data.card()
        taught, by_heads = Run(folder.parents[1]).recipe(), isinstance(self.asked.method, recipe.UNTAUGHT)
        if not by_heads and not getattr(METHODS[tag_of(type(taught.method))], "classifies", True):
            raise Refused(
                f"teacher: {pinned.run} learned without labels and knows no classes; give it a classifier in a run of its own: "
                f'model.weights = "{pinned.run}@{pinned.step}", model.freeze = true'
            )
        if not by_heads and theirs.get("classes") != ours["classes"]:
            raise Refused(f"teacher: {pinned.run} knows the classes {theirs.get('classes')}, the data has {ours['classes']}")
        if _shape(theirs) != _shape(ours):
            raise Refused(f"teacher: {pinned.run} reads pictures of {_shape(theirs)}, the data has {_shape(ours)}")
        if _tested_on(theirs) != _tested_on(ours):  # it may have learned from what this one is tested on
            self.refuse_data(pinned, LEARNED_BEFORE if self.asked.generation else LEARNED_ELSEWHERE)
        if self.asked.generation:
            self.refuse_changed_data(pinned, taught, theirs, ours)
        return load_frozen(pinned, self.run.workspace, by_heads)

    def refuse_changed_data(
        self, pinned: decide.Teacher, taught: RunRecipe, theirs: dict[str, Any], ours: dict[str, Any]
    ) -> None:
        """Raises Refused where a teacher of the same lineage learned from other data than its student would: then what the
        student gains or loses is not the method's. Every file may be edited between two generations."""
        if theirs.get("corrections") != ours.get("corrections"):
            self.refuse_data(pinned, OTHER_LABELS)
        if _trained_on(theirs) != _trained_on(ours):
            self.refuse_data(pinned, LEARNED_BEFORE)
        for field in ("label_noise", "label_noise_seed"):
            before, now = getattr(taught.data, field), getattr(self.asked.data, field)
            if before != now:
                problem = f"learned with data.{field} = {before:g}, this run has {now:g}; write {before:g}"
                self.refuse_data(pinned, f"{problem}, or train it under another name (--set lineage=NAME)")

    def refuse_data(self, pinned: decide.Teacher, why: str) -> NoReturn:
        """Raises Refused. What this attempt wrote down of the wrong data is taken back, else the old data is refused, too."""
        if self.describes_first and self.known is None:
            (self.run.folder / "data.json").unlink(missing_ok=True)
        raise Refused(f"teacher: {pinned.run} {why}")

    def keep_answers(self, teacher: decide.Teacher) -> Answers:
        """Where the frozen teacher's outputs are kept. Everything that one of them depends on is in the name of its file."""
        asked, data, card = self.asked, self.data, self.data.card()
        about = {
            "teacher": teacher.sha256,
            "build": checkpoint.read_state(teacher.folder(self.run.workspace)).build,
            "data": [card[name] for name in ("files_sha256", "mean", "std", "channels", "size")],
            "train": card["split"]["train"],
            "augment": asked.augment,
            "order": [asked.order_seed, asked.training.batch],  # numbers that are computed together depend on each other
            "compute": [self.device.type, self.decided.precision, self.decided.threads if self.device.type == "cpu" else 0],
        }
        folder = self.run.workspace / "data"
        answers = Answers(folder, about, self.batches, scaled.kept_views(asked), data.classes)
        self.begin("preparing", f"keeping the teacher's outputs in {answers.path.name}")
        return answers

    def measure_precision(self) -> decide.Decided:
        """Time whole steps on a twin, so that the student that will be trained stays as it was initialised."""
        if self.asked.compute.precision == "auto":
            self.begin("measuring", "measuring whether bfloat16 is faster for this model")
        before = {name: tensor.detach().clone() for name, tensor in self.method.state_dict().items()}

        def one(precision: str) -> None:
            self.obey()
            with in_precision(precision, self.device):
                loss, _ = self.method.loss(self.batches.at(0, 0), 0)
            loss.backward()
            self.method.zero_grad(set_to_none=True)

        decided = decide.decide_precision(self.asked, self.decided, one)
        self.method.load_state_dict(before)  # running statistics moved
        return decided

    def resume(self) -> None:
        """From the checkpoint the attempt was opened at; from the initialisation if there is none."""
        self.step = self.attempt.step
        if self.step:
            folder = self.run.folder / "checkpoints" / f"step-{self.step:08d}"
            state = checkpoint.read_state(folder)
            self.load_weights(folder)
            checkpoint.load_optimizer(folder, state, self.optimizer)
            self.meter.restore(state.partial, self.device)
            self.saved_at = self.step
        so_far = self.attempt.state
        shared = shares_memory(*self.method.backbones())
        self.watchdog: Watchdog = caught_up(
            Watchdog(
                self.asked, self.batches.per_epoch, self.total_steps, self.log_every, shared,
                classes=self.data.classes, pictures=len(self.data.split.train), distinct=self.data.distinct,
            ),
            so_far,
        )  # fmt: skip
        self.changes = sorted(so_far.changes, key=lambda change: change.step)
        for change in self.changes:
            if change.step < self.step:
                self.apply(change.field, change.value)
        self.set_rates()
        per_epoch, decided = self.batches.per_epoch, self.decided
        self.attempt.record(
            events.Prepared(
                total_steps=self.total_steps,
                steps_per_epoch=per_epoch,
                epochs=self.asked.training.epochs,
                log_every=self.log_every,
                device=decided.device,
                device_reason=decided.device_reason,
                device_memory_gib=device_memory_gib(self.device),
                precision=decided.precision,
                threads=decided.threads,
                pictures=len(self.batches),
            )
        )
        if not any(artifact.kind == "probe-pictures" for artifact in self.attempt.state.artifacts):
            self.save_arrays("probe-pictures", self.probed.pictures())
        self.tick_began, self.waited_s, self.seen = time.perf_counter(), 0.0, 0
        self.ready = True

    def load_weights(self, folder: Path) -> None:
        try:
            self.method.load_weights(checkpoint.load_weights(folder))
        except (KeyError, RuntimeError) as error:
            raise Refused(f"{folder} does not hold the weights of this network: {error}") from None

    # ---- a step ---------------------------------------------------------------------------------------------------------

    def take_step(self) -> None:
        if self.step + 1 in self.attempt.state.skips:
            return self.pass_over()
        began = time.perf_counter()
        epoch, place = divmod(self.step, self.batches.per_epoch)
        batch = self.batches.at(epoch, place)
        self.waited_s += time.perf_counter() - began
        if place == 0:
            self.tell_of_crops(epoch)
        self.warm_head(epoch)
        self.set_rates()
        self.seed("step", self.asked.seed, self.step)  # dropout too is a function of the step
        values = learn(self.method, self.optimizer, batch, self.step, self.asked.optimizer.clip, self.decided.precision)
        self.step += 1
        self.attempt.step = self.step
        self.seen += len(batch.labels_B)
        self.last_batch = batch
        self.meter.add(values)
        if self.step % self.log_every == 0:
            self.tick()

    def tell_of_crops(self, epoch: int) -> None:
        """Where an epoch's crops are others than those of the epoch before."""
        now, before = self.method.views_at(epoch), self.method.views_at(max(0, epoch - 1))
        if now != before:
            sizes = " and ".join(count(view.size) for view in now)
            self.attempt.record(events.PhaseBegan(name="training", detail=f"crops of {sizes} px from epoch {epoch + 1} on"))

    def warm_head(self, epoch: int) -> None:
        """The head alone learns in the first epochs: a function of the epoch, so that a resumed run does the same."""
        warming, n = epoch < self.asked.model.head_epochs, self.asked.model.head_epochs
        if warming and self.thaw is None:
            self.thaw = imported.freeze_backbone(self.method.student)
            self.attempt.record(events.PhaseBegan(name="training", detail=f"the head learns alone until epoch {n} is done"))
        elif not warming and self.thaw is not None:
            self.thaw()
            self.thaw = None
            self.attempt.record(events.PhaseBegan(name="training", detail=f"the whole network learns from epoch {n + 1} on"))

    def pass_over(self) -> None:
        """A step without learning: its batch has done harm once."""
        self.step += 1
        self.attempt.step = self.step
        if self.step % self.log_every == 0 and self.meter.steps:
            self.tick()

    def set_rates(self) -> None:
        now = self.scheduled(self.step)
        decay = now.get("schedule/weight_decay", self.asked.optimizer.weight_decay)
        for group in self.optimizer.param_groups:
            group["lr"] = now["schedule/lr"] * self.method.rate_share(group, self.step)
            group["weight_decay"] = decay if group["decays"] else 0.0

    def scheduled(self, step: int) -> dict[str, float]:
        return {name: value(step) for name, value in self.schedules.items()}

    def tick(self) -> None:
        """End the tick; what has arrived from the device by now is recorded."""
        seconds = time.perf_counter() - self.tick_began
        own = {
            **self.scheduled(self.step - 1),
            "throughput/images_per_s": self.seen / seconds,
            "throughput/data_wait": min(1.0, self.waited_s / seconds),
            "memory/gib": _memory_gib(self.device),
        }
        self.meter.tick((self.step, own))
        self.record_ticks(self.meter.ready())
        self.tick_began, self.waited_s, self.seen = time.perf_counter(), 0.0, 0

    def record_ticks(self, ticks: Iterator[tuple[tuple[int, dict[str, float]], dict[str, float]]]) -> None:
        for (step, own), means in ticks:
            self.check_finite(step, means)
            values = {**means, **own}
            self.attempt.record(events.StepTaken(step=step, epoch=self.epoch_at(step), values=values))
            for told in self.watchdog.see(step, values):
                self.attempt.record(told)
                self.found += [told] if isinstance(told, events.Diagnosed) else []

    def check_finite(self, step: int, means: dict[str, float]) -> None:
        """Raises Ill for a loss or gradient that is not finite, before anything is saved over the last good checkpoint."""
        if all(np.isfinite(value) for value in means.values()):
            return
        index = self.last_batch.index_B.numpy()
        batch = {"pictures": self.last_batch.pictures_BCHW.float().cpu().numpy(), "index": index}
        path = self.save_arrays("nonfinite", {**batch, "labels": self.last_batch.labels_B.cpu().numpy()})
        first = max(1, step - self.log_every + 1)
        self.attempt.record(events.LossNotFinite(first_step=first, last_step=self.step, pictures=index.tolist(), path=path))
        self.finite = False
        diagnosis = self.watchdog.not_finite(first, step)
        self.attempt.record(diagnosis)
        raise Ill(diagnosis, f"the loss or its gradient became not finite at step {count(self.step)}; {self.kept()}")

    def kept(self) -> str:
        return f"the newest checkpoint is step {count(self.saved_at)}" if self.saved_at > 0 else "no checkpoint was saved yet"

    # ---- when it falls ill ----------------------------------------------------------------------------------------------

    def heed(self) -> None:
        """What the watchdog has found since. Raises Leave or Ill, as the recipe asks."""
        found, self.found = [one for one in self.found if one.verdict not in HARMLESS], []
        if found and self.asked.watch.policy != "tell":
            raise Ill(found[0])

    def treat(self, ill: Ill) -> None:
        """Give up, leave, or go back to when it was healthy and go on otherwise."""
        if self.asked.watch.policy == "pause":
            raise Leave("paused", str(ill))
        if self.asked.watch.policy != "roll_back":
            raise ill
        before = self.attempt.state.rollbacks
        if len(before) >= ROLLBACKS:
            tried = ", ".join(f"to step {count(back.to_step)} for {plain(back.verdict)}" for back in before)
            raise Failed(f"{ill}; going back {ROLLBACKS} times has not helped ({tried})")
        back = self.way_back(ill.diagnosis)
        if not back.skip and not back.changes:
            raise Leave("paused", f"{ill}; nothing that can change at work would help")
        checkpoint.forget_after(self.run, back.to_step)  # first: else the next attempt would begin where this one fell ill
        self.attempt.record(back)
        for name, value in back.changes.items():
            self.attempt.record(events.Changed(step=back.to_step, field=name, value=value))
        self.attempt.sync()
        self.begin_again(back.to_step)

    def way_back(self, found: events.Diagnosed) -> events.RolledBack:
        """To the newest full checkpoint from before its first sign, past the batch that is to blame or with another setting."""
        healthy = checkpoint.newest_valid(self.run, until=found.since)
        skip = list(range(found.since + 1, found.step + 1)) if found.verdict == NOT_FINITE else []
        again = any(back.verdict == found.verdict for back in self.attempt.state.rollbacks)
        return events.RolledBack(
            step=self.step,
            to_step=checkpoint.read_state(healthy).step if healthy else 0,
            verdict=found.verdict,
            skip=skip,
            changes={} if skip and not again else next(filter(self.is_possible, (one.changes for one in found.remedies)), {}),
        )

    def is_possible(self, changes: dict[str, Any]) -> bool:
        """Whether a run at work can take these, and one of them is news to it."""
        now, changed = recipe.flat(recipe.to_table(self.asked)), self.asked
        try:
            for name, value in changes.items():
                changed = recipe.changed(changed, name, value)
        except RecipeErrors:
            return False
        return set(changes) <= set(commands.CHANGEABLE) and any(now[name] != value for name, value in changes.items())

    def begin_again(self, step: int) -> None:
        """What the next attempt would do, within this one."""
        self.ready, self.finite, self.found, self.thaw = False, True, [], None
        del self.batches, self.method, self.optimizer, self.probed  # room for their successors
        self.known = decide.read(self.run)
        assert self.known is not None
        self.asked, self.meter, self.saved_at = self.known.recipe, Meter(), -1
        self.attempt.step = step
        self.build()
        self.resume()

    # ---- the end of an epoch --------------------------------------------------------------------------------------------

    def at_epoch_end(self) -> bool:
        return self.step > 0 and self.step % self.batches.per_epoch == 0

    def is_probed(self) -> bool:
        return self.attempt.state.measured_at == self.step

    def is_mapped(self) -> bool:
        """Whether this step's maps are kept, and what they measure is told."""
        kind = attention.kind(self.probed.student, self.method.classifies)
        state = self.attempt.state
        kept = any(artifact.kind == kind and artifact.step == self.step for artifact in state.artifacts)
        measured = (curve for name, curve in state.curves.items() if name.startswith("attention/"))
        return kept and (kind != "attention" or any(self.step in curve.steps[curve.kept] for curve in measured))

    def end_epoch(self, probed: bool = False, mapped: bool = False) -> None:
        """`probed`, `mapped`: by the attempt before, at this very step."""
        epoch, last = self.step // self.batches.per_epoch, self.step == self.total_steps
        due = last or self.desk.leave_after_epoch or epoch % self.asked.keep.every_epochs == 0
        if due and self.saved_at != self.step:
            self.save()
        self.record_ticks(self.meter.flush())
        if not probed and (last or epoch % self.asked.probes.every_epochs == 0):
            self.probe()
        if not mapped and (last or epoch % self.asked.probes.attention_every_epochs == 0 or epoch == 1):
            self.save_maps()
        if self.saved_at == self.step:
            self.prune()
        if self.desk.leave_after_epoch and not last:
            raise Leave("stopped", f"after epoch {epoch}")
        self.tick_began, self.waited_s, self.seen = time.perf_counter(), 0.0, 0

    def probe(self) -> None:
        for split, values in during(self.probed):
            self.measured(split, values)

    def look_before(self) -> None:
        """What the weights a run begins with are worth to their neighbours, for what follows to be held against."""
        if not self.method.classifies and not any(name.startswith("knn/") for name in self.attempt.state.curves):
            for split, values in during(self.probed):
                self.measured(split, {name: value for name, value in values.items() if name.startswith("knn/")})

    def save_maps(self) -> None:
        found = self.probed.maps()
        if found is not None:
            self.save_arrays(*found)
            self.measured("test", dict(attention.measure(found[1])))

    def save(self) -> None:
        """A full checkpoint of this step, after everything up to it has proved finite."""
        self.record_ticks(self.meter.flush())
        partial = self.meter.partial()
        self.check_finite(self.step, partial)
        state = checkpoint.State(self.step, self.epoch_at(self.step), self.attempt.number, self.built_from, {}, partial=partial)
        folder = checkpoint.save(self.run, state, self.method.weights(), self.optimizer)
        if self.saved_at != self.step:
            size = sum(file.stat().st_size for file in folder.iterdir())
            path = f"checkpoints/{folder.name}"
            self.attempt.record(events.CheckpointSaved(step=self.step, epoch=self.epoch_at(self.step), path=path, size=size))
        self.attempt.sync()
        self.saved_at = self.step

    def prune(self) -> None:
        best = self.attempt.state.best(self.attempt.state.headline)
        keep, teachers = self.asked.keep, checkpoint.teachers_of_others(self.run)
        checkpoint.prune(self.run, keep.full, keep.snapshots, best[1] if best else None, teachers, self.healthy())

    def healthy(self) -> int | None:
        """The newest checkpoint from which the run can go on if what is suspected turns out to be true."""
        if self.asked.watch.policy != "roll_back":
            return None
        full = [folder for folder in self.run.checkpoint_folders() if (folder / checkpoint.OPTIMIZER).exists()]
        return max((step for step in map(checkpoint_step, full) if step <= self.watchdog.well_until), default=None)

    # ---- after the last step --------------------------------------------------------------------------------------------

    def report(self) -> events.Finished:
        """Measure on test, keep the predictions, say how it went."""
        self.begin("evaluating", "final evaluation on the test pictures")
        self.record_ticks(self.meter.flush())
        for split, values, arrays in at_the_end(self.probed):
            self.measured(split, values)
            if arrays:
                self.save_arrays(f"predictions-{split}", arrays)
        if (used := prototypes(self.probed)) is not None:
            self.save_arrays("prototypes", used)
        return events.Finished(reason="completed", detail=f"{plural(self.asked.training.epochs, 'epoch')}")

    # ---- what is asked meanwhile ----------------------------------------------------------------------------------------

    def obey(self) -> None:
        """At a step's boundary: leave if asked, then do what was asked for here."""
        self.desk.between()
        if not self.ready:
            return
        for change in self.changes:
            if change.step == self.step:
                self.apply(change.field, change.value)
        while self.desk.wishes:
            self.grant(self.desk.wishes.pop(0))

    def leave(self, leave: Leave) -> events.Finished:
        """Save this very step, then say goodbye."""
        if self.ready and self.finite and self.step and self.step != self.saved_at:
            self.save()
        where = f"step {count(self.step)} is saved" if self.step else "before the first step"
        if not self.finite:  # the sentence says what is kept
            return events.Finished(reason=leave.reason, detail=leave.detail)
        return events.Finished(reason=leave.reason, detail=f"{leave.detail}; {where}" if leave.detail else where)

    def grant(self, wish: AnyCommand) -> None:
        if isinstance(wish, commands.SaveNow) and self.step:
            self.save()
        elif isinstance(wish, commands.ProbeNow):
            self.probe()
            self.save_maps()
        elif isinstance(wish, commands.Change):
            self.apply(wish.field, wish.value)
            self.attempt.record(events.Changed(step=self.step, field=wish.field, value=wish.value))

    def apply(self, field: str, value: float | int | bool | str) -> None:
        self.asked = self.watchdog.asked = recipe.changed(self.asked, field, value)
        self.method.asked = self.asked.method
        self.plan()

    # ---- small things ---------------------------------------------------------------------------------------------------

    def seed(self, purpose: str, *coordinates: int) -> None:
        """What torch.manual_seed does, for the devices in use only: that takes a stack trace for each GPU there might be."""
        number = generator_seed(purpose, *coordinates)
        torch.default_generator.manual_seed(number)
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(number)
        elif self.device.type == "mps":
            torch.mps.manual_seed(number)

    def begin(self, phase: str, detail: str) -> None:
        self.attempt.record(events.PhaseBegan(name=phase, detail=detail))
        self.obey()

    def wait_for(self, holders: list[str]) -> None:
        detail = f"waiting for {', '.join(holders)}"
        if self.attempt.state.phase != ("waiting", detail):
            self.attempt.record(events.PhaseBegan(name="waiting", detail=detail))
        self.obey()

    def reading(self, done: int, total: int) -> None:
        """Called while pictures are read: says how many there are once that is known, and hears what is asked meanwhile."""
        detail = f"reading {plural(total, 'picture')}"
        if total and self.attempt.state.phase != ("preparing", detail):
            self.attempt.record(events.PhaseBegan(name="preparing", detail=detail))
        self.obey()

    def measured(self, split: str, values: dict[str, float]) -> None:
        if not values:  # class evidence, for one, has no metric
            return
        self.attempt.record(events.Measured(step=self.step, epoch=self.epoch_at(self.step), split=split, values=values))
        if split == "val":
            self.watchdog.probe(values)

    def save_arrays(self, kind: str, arrays: dict[str, Any]) -> str:
        content = BytesIO()
        np.savez(content, **arrays)
        return self.attempt.save_artifact(kind, content.getvalue(), self.step, self.epoch_at(self.step))

    def epoch_at(self, step: int) -> float:
        return round(step / self.batches.per_epoch, 6)


def load_frozen(pinned: decide.Teacher, workspace: Path, by_heads: bool) -> torch.nn.Module:
    """A teacher as its checkpoint has it; one that learned without labels answers with its heads. Raises Refused."""
    folder = pinned.folder(workspace)
    teacher = checkpoint.read_state(folder).build.network()
    if by_heads:
        learned = decide.read(Run(folder.parents[1]))
        return methods.headed(pinned.run, learned and learned.recipe.method, teacher, checkpoint.load_kept(folder))
    checkpoint.load_model(folder, teacher)
    return teacher


def learn(
    method: Method, optimizer: torch.optim.Optimizer, batch: Batch, step: int, clip: float, precision: str
) -> dict[str, Tensor]:
    """One step of training: loss, gradient, clip, update. Returns what can be shown of it."""
    portion = batch.portion
    with in_precision(precision, batch.pictures_BCHW.device), distributed.holding(portion):
        loss, values = method.loss(batch, step)
    (loss if portion.share == 1 else loss * portion.share).backward()
    gradients = [weight.grad for _, weight in method.trained() if weight.grad is not None]
    values = distributed.add_up(gradients, values, portion.share)
    norm = method.clip(clip)
    method.before_optimizer(step)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    method.after_step(step)
    return {**values, "grad/norm": norm}


def shares_memory(student: torch.nn.Module, teacher: torch.nn.Module | None) -> bool:
    """Whether one learns from itself."""
    ours, theirs = (
        {weight.data_ptr() for weight in network.parameters()} for network in (student, teacher or torch.nn.Module())
    )
    return bool(ours & theirs)


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


def described(card: bytes) -> dict[str, Any]:
    """What data.json says of the pictures; nothing of one that is damaged. Older ones do not say how many differ."""
    with contextlib.suppress(msgspec.MsgspecError):
        return {**msgspec.json.decode(card, type=dict[str, Any]), "skipped": None, "distinct": None}
    return {}


def _tested_on(card: dict[str, Any]) -> tuple[Any, Any]:
    return card.get("files_sha256"), card.get("split", {}).get("test")


def _trained_on(card: dict[str, Any]) -> tuple[Any, Any]:
    """Which pictures were learned from and chosen by."""
    split = card.get("split", {})
    return split.get("train"), split.get("val")


def _shape(card: dict[str, Any]) -> str:
    return " x ".join(map(str, [card.get("channels"), *card.get("size", ())]))


def _memory_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return processes.resident_bytes() / 2**30


def device_memory_gib(device: torch.device) -> float:
    """What the whole device has; a CPU has what the machine has."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory) / 2**30
    return processes.machine_bytes() / 2**30
