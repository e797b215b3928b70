"""train(run): the one loop, to be read from top to bottom. It never asks which method it has.

Here the books of a run are kept: what is next, what has happened, what is saved, what was asked meanwhile. What is computed
then is in learner.py, on all devices alike (`Training.all`); what a run left open is decided in decide.py, what it begins with
checked in sources.py, what it looks at is in data/, what it learns from in methods/, what is measured in probes/. Commands are
read at every step's boundary and inside every long phase; whatever happens, the folder stays true.
"""

import contextlib
import time
import traceback
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
import torch

from engine import checkpoint, commands, decide, events, processes, recipe, scaled, sources
from engine.commands import AnyCommand
from engine.company import Company
from engine.data.batch import Batch
from engine.data.prepared import Prepared, prepare
from engine.desk import Desk, Leave
from engine.failures import Failed, Ill, in_words
from engine.fields import RecipeErrors
from engine.learner import Learner, facts_of, shares_memory
from engine.meter import Meter
from engine.methods import Method
from engine.models import imported
from engine.probes import attention
from engine.probes.probed import Probed, at_the_end, during, prototypes
from engine.recipe import RunRecipe
from engine.remedies import HARMLESS
from engine.run import Attempt, Refused, Run, checkpoint_step
from engine.watchdog import Watchdog, caught_up
from engine.ways_back import way_back
from engine.words import count, plural

EXIT = {"completed": 0, "failed": 1, "stopped": 130, "paused": 130}
BRING_BACK = "bring it back, or train from its new place under another name (--set lineage=NAME)"
TICKS = 5000  # at most so many StepTaken events a run


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

    def all(self, name: str, *arguments: Any) -> Any:
        """Have every device's learner do the same; returns what ours gives back."""
        self.company.tell(name, *arguments)
        return getattr(self.learner, name)(*arguments)

    @property
    def method(self) -> Method:
        return self.learner.method

    @property
    def last_batch(self) -> Batch:
        return self.learner.last_batch

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
        self.devices = decide.devices_for(self.asked)
        decided = known.decided if known else decide.decide_place(self.asked, self.devices)
        slots, need = decide.slots_for(decided, self.devices)
        held = leases.enter_context(processes.lease(slots, need, self.run.name, self.wait_for))
        places = decide.places(decided, self.devices, held)
        self.company = leases.enter_context(Company(self.run, places, self.desk.between))
        threads = max(1, decided.threads // self.devices)
        torch.set_num_threads(threads)
        self.device = torch.device(places[0])
        if (fork := self.asked.fork).run:
            self.begin("preparing", f"forked from {fork.run} at step {count(fork.step)}")
        self.begin("preparing", f"reading {self.asked.data.title}")
        for error in recipe.folders_missing(self.asked.data, BRING_BACK):
            raise Failed(str(error))
        try:
            self.data: Prepared = prepare(self.asked, self.run.workspace / "data", self.reading)
        except ValueError as error:
            raise Failed(str(error)) from None
        self.describes_first = sources.describe(self.run, self.data, self.asked.data)
        self.known, self.decided = known, decided
        self.company.meet()
        self.company.tell("prepare", recipe.to_table(self.asked), threads)
        self.obey()

    def build(self) -> None:
        """What learns, on every device; what is still open is measured and effective.toml written."""
        resolved: dict[str, scaled.Why] = {}
        if self.known is None:  # what the recipe leaves to the pictures, and to a frozen teacher
            taught_by = decide.learned_by(self.run.workspace / self.asked.teacher) if self.asked.teacher else None
            self.asked, resolved = scaled.resolve(self.asked, facts_of(self.data, taught_by))
        fresh = not self.attempt.step
        plan = self.plan(fresh)
        self.company.tell("build", decide.to_table(plan), fresh)
        self.learner = Learner(self.run, plan, self.data, self.device, fresh)
        self.batches, self.total_steps = self.learner.batches, self.learner.total_steps
        self.log_every = max(1, self.total_steps // TICKS)
        if (report := self.learner.report) is not None and plan.weights is not None:
            weights = msgspec.structs.replace(plan.weights, format=report.format, share=round(report.share, 6))
            plan = msgspec.structs.replace(plan, weights=weights)
            self.tell_of_import(weights, report)
        if self.known is None:
            self.decided = self.measure_precision()
            decide.write(self.run, msgspec.structs.replace(plan, decided=self.decided), resolved)
        self.all("keep_answers", self.decided.precision)
        if (answers := self.method.answers) is not None:
            self.begin("preparing", f"keeping the teacher's outputs in {answers.path.name}")
        if (pinned := plan.teacher) is not None:
            self.attempt.record(events.TeacherPinned(run=pinned.run, step=pinned.step, sha256=pinned.sha256))
        self.probed = Probed(self.data, self.method, self.device, self.desk.between)

    def plan(self, fresh: bool) -> decide.Effective:
        """Raises Refused. What this attempt wrote down of the wrong data is taken back, else the old data is refused, too."""
        try:
            return sources.plan(self.run, self.asked, self.decided, self.known, self.data, fresh)
        except sources.OtherData:
            if self.describes_first and self.known is None:
                (self.run.folder / "data.json").unlink(missing_ok=True)
            raise

    @property
    def begins_elsewhere(self) -> bool:
        """With weights that were made elsewhere, which may be worth something before the first step."""
        return bool(self.asked.model.weights)

    def tell_of_import(self, pinned: decide.Weights, report: imported.Imported) -> None:
        """A sentence among the events, every tensor in the artifact."""
        about: dict[str, Any] = {"file": pinned.path, "sha256": pinned.sha256, "run": pinned.run, "step": pinned.step}
        text, whole = report.sentence(), not report.missing
        self.attempt.record(events.WeightsImported(share=pinned.share, whole=whole, text=text, **about))
        content = msgspec.json.format(msgspec.json.encode({**report.table(), **about}), indent=1)
        self.attempt.save_artifact("import-report", content, 0, 0.0, "json")
        self.obey()

    def measure_precision(self) -> decide.Decided:
        """Time whole steps on a twin, so that the student that will be trained stays as it was initialised."""
        if self.asked.compute.precision != "auto":
            return decide.decide_precision(self.asked, self.decided, lambda precision: None)
        self.begin("measuring", "measuring whether bfloat16 is faster for this model")
        self.all("remember")

        def one(precision: str) -> None:
            self.obey()
            self.all("try_step", precision)

        decided = decide.decide_precision(self.asked, self.decided, one)
        self.all("restore")
        return decided

    def resume(self) -> None:
        """From the checkpoint the attempt was opened at; from the initialisation if there is none."""
        self.step = self.attempt.step
        if self.step:
            self.meter.restore(self.all("load", self.step), self.device)
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
        per_epoch, decided = self.batches.per_epoch, self.decided
        self.attempt.record(
            events.Prepared(
                total_steps=self.total_steps,
                steps_per_epoch=per_epoch,
                epochs=self.asked.training.epochs,
                log_every=self.log_every,
                device=decided.device,
                device_reason=decided.device_reason,
                device_memory_gib=decide.device_memory_gib(self.device),
                precision=decided.precision,
                threads=decided.threads,
                pictures=len(self.batches),
                devices=self.devices,
            )
        )
        if not any(artifact.kind == "probe-pictures" for artifact in self.attempt.state.artifacts):
            self.save_arrays("probe-pictures", self.probed.pictures())
        self.begin_tick()
        self.ready = True

    # ---- a step ---------------------------------------------------------------------------------------------------------

    def take_step(self) -> None:
        if self.step + 1 in self.attempt.state.skips:
            return self.pass_over()
        epoch, place = divmod(self.step, self.batches.per_epoch)
        if place == 0:
            self.tell_of_crops(epoch)
        self.warm_head(epoch)
        values = self.all("take", self.step)
        self.step += 1
        self.attempt.step = self.step
        self.seen += self.last_batch.portion.whole
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
        """Have the head learn alone in the first epochs, and then the rest too."""
        alone, last = self.learner.warms_head(self.step), self.asked.model.head_epochs
        if alone != (self.learner.thaw is not None):
            self.all("warm_head", alone)
            until = f"the head learns alone until epoch {last} is done"
            said = until if alone else f"the whole network learns from epoch {last + 1} on"
            self.attempt.record(events.PhaseBegan(name="training", detail=said))

    def pass_over(self) -> None:
        """A step without learning: its batch has done harm once."""
        self.step += 1
        self.attempt.step = self.step
        if self.step % self.log_every == 0 and self.meter.steps:
            self.tick()

    def tick(self) -> None:
        """End the tick; what has arrived from the device by now is recorded."""
        seconds = time.perf_counter() - self.tick_began
        own = {
            **self.learner.scheduled(self.step - 1),
            "throughput/images_per_s": self.seen / seconds,
            "throughput/data_wait": min(1.0, self.learner.waited_s / seconds),
            "memory/gib": decide.memory_gib(self.device),
        }
        self.meter.tick((self.step, own))
        self.record_ticks(self.meter.ready())
        self.begin_tick()

    def begin_tick(self) -> None:
        self.tick_began, self.learner.waited_s, self.seen = time.perf_counter(), 0.0, 0

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
        whole = self.learner.whole_batch()
        index = whole.index_B.numpy()
        batch = {"pictures": whole.pictures_BCHW.float().cpu().numpy(), "index": index}
        path = self.save_arrays("nonfinite", {**batch, "labels": whole.labels_B.cpu().numpy()})
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
        back = way_back(self.run, self.attempt.state, self.asked, ill, self.step)
        if not back.skip and not back.changes:
            raise Leave("paused", f"{ill}; nothing that can change at work would help")
        checkpoint.forget_after(self.run, back.to_step)  # first: else the next attempt would begin where this one fell ill
        self.attempt.record(back)
        for name, value in back.changes.items():
            self.attempt.record(events.Changed(step=back.to_step, field=name, value=value))
        self.attempt.sync()
        self.begin_again(back.to_step)

    def begin_again(self, step: int) -> None:
        """What the next attempt would do, within this one."""
        self.ready, self.finite, self.found = False, True, []
        del self.batches, self.learner, self.probed  # room for their successors
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
        self.begin_tick()

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
        self.all("settle")
        built_from, epoch = self.learner.built_from, self.epoch_at(self.step)
        state = checkpoint.State(self.step, epoch, self.attempt.number, built_from, {}, partial=partial)
        folder = checkpoint.save(self.run, state, self.method.weights(), self.learner.optimizer)
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
        self.all("apply", field, value)
        self.asked = self.watchdog.asked = self.learner.asked

    # ---- small things ---------------------------------------------------------------------------------------------------

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
