"""What a colleague would say about a recipe before it is trained: advice in plain words, with reasons and remedies. Pure.

The recipe's own refusals are not here; they stand beside their fields. `bad` is what training would refuse once it has the
pictures in hand: it holds the start up. `warn` is advice.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine import scaled, schedule, suited, words
from engine.fields import AUTO
from engine.recipe import Adamw, Creatures, Digits, Folder, Recipe, Sgd, Step, Vit
from engine.recipes import Dino, Supervised
from engine.scaled import DIGITS, Why

Tone = Literal["ok", "warn", "bad", "less"]  # less: what would make it cost less

FEW_SEEDS = 3  # a verdict needs as many
FEW_STEPS = 100  # in all: too few for any schedule to matter
FEW_TEST = 100  # test pictures: one of them is more than a per cent
LONG_WARMUP = 0.3  # share of the epochs
HIGH = {Adamw: 1e-2, Sgd: 1.0}  # learning rates above which training mostly diverges
USUAL = {Adamw: 1e-3, Sgd: 0.1}
ENLARGED = 1.5  # times a crop may be enlarged before a smaller one shows the same
SLOW_SHARE = 0.2  # of the run: a teacher that looks back further is still its own beginning
COLD, WARM = 0.04, 0.07  # teacher temperatures that published runs start with, and reach after a warm-up
SLOW_CENTRE = 0.99  # momentum of the centre above which published runs collapse
LONG_FREEZE = 0.5  # share of the run


@dataclass(frozen=True)
class Remedy:
    """What a button does: values of fields, in one step."""

    label: str
    values: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    tone: Tone
    title: str
    reason: str = ""
    remedy: Remedy | None = None


@dataclass(frozen=True)
class Known:
    """What is known besides the recipe; None where nobody has looked yet."""

    pictures: int | None = None  # to train on
    test: int | None = None
    side: int | None = None  # of a picture, px
    steps_per_epoch: int | None = None
    kept_bytes: int | None = None  # of a teacher's outputs, on disk
    cores: int = 1
    numbers: Recipe | None = None  # the recipe with a number for each "auto" that can be worked out
    why: Mapping[str, Why] = field(default_factory=dict)  # of these numbers, by path
    better: suited.Better | None = None  # another method for these pictures


def known(asked: Recipe, pictures: int | None = None, cores: int | None = None) -> Known:
    """`pictures`: how many there are to train on, from elsewhere; of the digits it is known."""
    data = asked.data
    facts = scaled.facts(data, pictures)
    pool, side = _pool(asked), facts.size if facts else getattr(data, "size", None)
    test = round(data.test_share * pool) if pool else None
    per_epoch = facts.per_epoch(asked.training.batch) if facts else None
    numbers, why = scaled.resolve(asked, facts)
    kept = scaled.kept_bytes(asked, facts) if facts and facts.classes else None
    better = suited.better_method(asked, facts) if facts else None
    trained = facts.pictures if facts else None
    return Known(trained, test, side, per_epoch, kept, cores or os.cpu_count() or 1, numbers, why, better)


def _pool(asked: Recipe) -> int | None:
    """How many pictures a built-in set has, before any split."""
    data = asked.data
    return DIGITS if isinstance(data, Digits) else data.pictures if isinstance(data, Creatures) else None


def _use(label: str, path: str, value: Any) -> Remedy:
    return Remedy(label, ((path, value),))


def checks(asked: Recipe, facts: Known) -> list[Check]:
    """Everything worth saying, what holds up first, then advice, then what is well. Looks at numbers, never at "auto"."""
    numbers = facts.numbers or scaled.resolve(asked, None)[0]
    found = [check for look in CHECKS for check in look(numbers, facts)]
    order: tuple[Tone, ...] = ("bad", "warn", "ok")
    return sorted(found, key=lambda check: order.index(check.tone))


def headline(found: Iterable[Check]) -> str:
    """ "1 advice, nothing blocks"."""
    tones = [check.tone for check in found]
    advice, blocks = tones.count("warn"), tones.count("bad")
    said = words.plural(advice, "advice").replace("advices", "pieces of advice") if advice else "no advice"
    return f"{said}, {f'{blocks} to mend first' if blocks else 'nothing blocks'}"


# ---- one thing each ------------------------------------------------------------------------------------------------------


def _seeds(asked: Recipe, facts: Known) -> Iterator[Check]:
    count = len(asked.seeds)
    if count >= FEW_SEEDS:
        yield Check("ok", f"{count} seeds, enough for a verdict", "Differences are judged seed by seed.")
        return
    title = "One seed gives no verdict" if count == 1 else f"{count} seeds give no verdict"
    between = "generations" if asked.generations else "recipes"
    reason = f"With three or more, a difference between {between} can be told from luck."
    yield Check("warn", title, reason, _use("Use 0, 1, 2", "seeds", [0, 1, 2]))


def _generations(asked: Recipe, facts: Known) -> Iterator[Check]:
    if asked.generations:
        runs = len(asked.seeds) * (asked.generations + 1)
        source = getattr(asked.method, "teacher_run", "") or "the labels"
        chain = f"F0 learns from {source}; F1 to F{asked.generations} each from the one before."
        if asked.generations == 1:
            chain = f"F0 learns from {source}, F1 from F0."
        yield Check(
            "ok", f"{words.plural(runs, 'run')}: F0 to F{asked.generations}, {words.plural(len(asked.seeds), 'seed')}", chain
        )
    elif isinstance(asked.method, Supervised):
        yield Check("ok", "A baseline: nobody teaches", "Other methods on the same pictures and seeds can be compared with it.")


def _training_size(asked: Recipe, facts: Known) -> Iterator[Check]:
    data, pool = asked.data, _pool(asked)
    if pool is None:
        return
    left = pool - round(data.test_share * pool) - round(data.val_share * pool)
    if data.train_size > left:
        reason = f"Test and validation take their share of the {words.count(pool)} {data.title} first."
        remedy = _use(f"Use {left}", "data.train_size", left)
        title = f"{words.count(data.train_size)} training pictures cannot be had, {words.count(left)} can"
        yield Check("bad", title, reason, remedy)


def _test_size(asked: Recipe, facts: Known) -> Iterator[Check]:
    if facts.test is not None and facts.test < FEW_TEST:
        reason = f"One of them is {words.percent(1 / max(1, facts.test))}; small differences cannot be seen."
        yield Check("warn", f"Only {facts.test} test pictures", reason, _use("Use 0.3", "data.test_share", 0.3))


def _wrong_labels(asked: Recipe, facts: Known) -> Iterator[Check]:
    noise = asked.data.label_noise
    if not noise or isinstance(asked.method, Dino):  # which never looks at a label
        return
    title, remedy = f"{words.percent(noise, 0)} of the training labels are wrong on purpose", None
    reason = "Validation and test keep the true labels. This is where students tend to do better than their teacher."
    tone: Tone = "ok"
    if noise > 0.8:
        tone, reason, remedy = (
            "warn",
            "Hardly anything of the truth is left to learn.",
            _use("Use 0.3", "data.label_noise", 0.3),
        )
    elif isinstance(asked.data, Folder):
        tone, reason = "warn", "Your own labels are made wrong for an experiment; nothing on disk changes."
        remedy = _use("Use none", "data.label_noise", 0.0)
    yield Check(tone, title, reason, remedy)


def _batch(asked: Recipe, facts: Known) -> Iterator[Check]:
    batch = asked.training.batch
    if facts.pictures is None:
        return
    if batch > facts.pictures:
        fitting = max(1, 2 ** ((max(8, facts.pictures) // 8).bit_length() - 1))
        reason = f"There are {words.count(facts.pictures)}, so each epoch is a single step."
        title = f"A batch of {words.count(batch)} is more than all training pictures"
        yield Check("warn", title, reason, _use(f"Use {fitting}", "training.batch", fitting))
        return
    steps = -(-facts.pictures // batch)
    total = steps * asked.training.epochs
    title = f"{words.plural(steps, 'step')} an epoch, {words.count(total)} in all"
    if total < FEW_STEPS:
        more = -(-FEW_STEPS // steps)
        yield Check("warn", title, "Too few to learn much.", _use(f"Use {more} epochs", "training.epochs", more))
    else:
        yield Check("ok", title, f"{words.count(facts.pictures)} training pictures in batches of {words.count(batch)}.")


def _rate(asked: Recipe, facts: Known) -> Iterator[Check]:
    optimizer = asked.optimizer
    if isinstance(optimizer.lr, str):
        return
    high, usual = HIGH[type(optimizer)], USUAL[type(optimizer)]
    name = "AdamW" if isinstance(optimizer, Adamw) else "SGD"
    if optimizer.lr > high:
        reason = f"Above {high:g}, {name} mostly diverges. {usual:g} is usual."
        yield Check(
            "warn", f"A learning rate of {optimizer.lr:g} is high", reason, _use(f"Use {usual:g}", "optimizer.lr", usual)
        )


def _warm_up(asked: Recipe, facts: Known) -> Iterator[Check]:
    warmup, epochs = asked.schedule.warmup_epochs, asked.training.epochs
    if isinstance(warmup, str):
        return
    if warmup > LONG_WARMUP * epochs:
        shorter = max(1, epochs // 10)
        reason = f"{warmup:g} of {epochs} epochs go by before the learning rate has risen."
        yield Check("warn", "A long warm-up", reason, _use(f"Use {shorter}", "schedule.warmup_epochs", shorter))
    elif warmup:
        epochs_words = f"{warmup:g} epoch{'s' * (warmup != 1)}"
        yield Check("ok", f"Warm-up over {epochs_words}", "The first steps are small, then the schedule begins.")


def _milestones(asked: Recipe, facts: Known) -> Iterator[Check]:
    shape, epochs = asked.schedule, asked.training.epochs
    if not isinstance(shape, Step) or not shape.milestones:
        return
    fitting = sorted({max(1, round(epochs * share)) for share in (0.3, 0.6, 0.8)})
    remedy = _use(f"Use {', '.join(map(str, fitting))}", "schedule.milestones", fitting)
    if shape.milestones[0] >= epochs:
        reason = f"The first milestone, epoch {shape.milestones[0]}, comes after the {epochs} epochs of the training."
        yield Check("warn", "The learning rate never falls", reason, remedy)
    elif shape.milestones[-1] >= epochs:
        reason = f"Milestones from epoch {epochs} on come after the end of the training."
        yield Check("warn", "Some milestones are never reached", reason, remedy)


def _augment(asked: Recipe, facts: Known) -> Iterator[Check]:
    if isinstance(asked.method, Dino):  # which varies its crops in its own way
        if asked.method.flip and isinstance(asked.data, Digits):
            reason = "A mirrored 2 is no 2, and the teacher would call both the same."
            yield Check("warn", "Digits are mirrored", reason, _use("Turn off", "method.flip", 0.0))
        return
    if asked.augment.flip and isinstance(asked.data, Digits):
        reason = "A mirrored 2 is no 2, and it would still be called one."
        yield Check("warn", "Digits are mirrored", reason, _use("Turn off", "augment.flip", False))
    if facts.side and asked.augment.shift > facts.side // 4:
        fitting = facts.side // 8
        lost = words.percent(min(1.0, asked.augment.shift / facts.side), 0)
        title, reason = (
            f"A shift of {asked.augment.shift} px is wide",
            f"Up to {lost} of a {facts.side} px picture goes out of sight.",
        )
        yield Check("warn", title, reason, _use(f"Use {fitting}", "augment.shift", fitting))


def _kept_outputs(asked: Recipe, facts: Known) -> Iterator[Check]:
    """Of a teacher whose outputs are kept: what they take, and what they are not."""
    views, epochs = scaled.kept_views(asked), asked.training.epochs
    if not views:
        return
    if facts.kept_bytes:
        reason = "On disk, for each student that has a teacher of its own. Further students of the same teacher read them."
        yield Check("ok", f"A teacher's outputs take {words.size(facts.kept_bytes)}", reason)
    if views < epochs and (asked.augment.shift or asked.augment.flip):
        reason = "Each picture is moved and mirrored anew in each epoch only if as many views are kept as there are epochs."
        title = f"Pictures look alike again after {words.plural(views, 'epoch')}"
        yield Check("warn", title, reason, _use(f"Keep {words.count(epochs)}", "method.cache_views", epochs))


def _patch(asked: Recipe, facts: Known) -> Iterator[Check]:
    if not isinstance(asked.model, Vit) or not facts.side:
        return
    patch, side = asked.model.patch, facts.side
    if side % patch:
        fitting = min((n for n in range(1, side + 1) if side % n == 0), key=lambda n: (abs(n - patch), -n))
        reason = f"{side} is not a multiple of {patch}, so patches would not cover a picture."
        yield Check(
            "bad",
            f"Patches of {patch} px do not fit {side} px pictures",
            reason,
            _use(f"Use {fitting}", "model.patch", fitting),
        )
    elif patch == side:
        smaller = max((n for n in range(1, side) if side % n == 0), default=1)
        yield Check(
            "warn",
            "One patch is the whole picture",
            "Attention has nothing to choose from.",
            _use(f"Use {smaller}", "model.patch", smaller),
        )
    else:
        across = side // patch
        yield Check(
            "ok", f"Patches of {patch} px make {across} × {across} tokens", "Their attention can be watched while it trains."
        )


def _compute(asked: Recipe, facts: Known) -> Iterator[Check]:
    compute = asked.compute
    if compute.device == "cpu" and compute.precision == "bfloat16":
        reason = "It helps wide models and hurts small ones. auto measures both and keeps the faster."
        yield Check("warn", "bfloat16 on a CPU is often slower", reason, _use("Use auto", "compute.precision", "auto"))
    if compute.threads > facts.cores:
        reason = f"This machine has {words.plural(facts.cores, 'core')}; more threads than that wait for each other."
        yield Check("warn", f"{compute.threads} threads are too many", reason, _use("Use auto", "compute.threads", 0))
    if compute.device == "cpu" and compute.devices > facts.cores:
        reason = f"On the CPU each has a core of its own, and this machine has {words.plural(facts.cores, 'core')}."
        yield Check("bad", f"{compute.devices} devices are more than there are", reason, _use("Use 1", "compute.devices", 1))
    elif compute.device == "cpu" and compute.devices > 1:
        reason = "On the CPU each is a process that keeps all pictures. One process with as many threads waits for nobody."
        yield Check("warn", "Devices are meant to be GPUs", reason, _use("Use 1", "compute.devices", 1))


def _keep(asked: Recipe, facts: Known) -> Iterator[Check]:
    if asked.keep.every_epochs > asked.training.epochs:
        reason = "A run that is cut off would begin again from the start."
        yield Check("warn", "No checkpoint before the end", reason, _use("Use 1", "keep.every_epochs", 1))
    if asked.probes.every_epochs > asked.training.epochs:
        yield Check(
            "warn",
            "No validation before the end",
            "There would be no curve to look at.",
            _use("Use 1", "probes.every_epochs", 1),
        )


# ---- without labels -----------------------------------------------------------------------------------------------------


def _method(asked: Recipe, facts: Known) -> Iterator[Check]:
    if (better := facts.better) is not None:
        named = better.title.partition(" ")[0]
        yield Check("warn", better.title, better.reason, _use(f"Use {named}", "method.name", better.method))


def _crops(asked: Recipe, facts: Known) -> Iterator[Check]:
    method, side = asked.method, facts.side
    if not isinstance(method, Dino) or isinstance(method.global_size, str) or not side:
        return
    size, smallest = method.global_size, side * math.sqrt(method.global_scale_low)
    times, patch = size / smallest, scaled.patch_of(asked)
    title = f"{size} px crops from {side} px pictures"
    start = f"Global crops start at {words.percent(method.global_scale_low, 0)} of the area, so"
    whole = max(patch, scaled.SMALLEST)
    fitting = max(whole, round(smallest / patch) * patch)
    if times > ENLARGED and "method.global_size" not in facts.why and fitting < size:
        gain = f"{fitting} would be sharper, with {(size / fitting) ** 2:.1f} times fewer pixels."
        remedy = _use(f"Use {fitting}", "method.global_size", fitting)
        yield Check("warn", title, f"{start} pictures are enlarged up to {times:.1f} times. {gain}", remedy)
    elif times >= 1.05:
        yield Check("ok", title, f"{start} pictures are enlarged up to {times:.1f} times.")
    else:
        yield Check("ok", title, f"{start} no picture is enlarged.")


def _momentum(asked: Recipe, facts: Known) -> Iterator[Check]:
    method, each = asked.method, facts.steps_per_epoch
    if not isinstance(method, Dino) or isinstance(method.momentum, str) or not each:
        return
    back, total = schedule.half_life(method.momentum), each * asked.training.epochs
    named = f"Momentum {method.momentum:g}"
    remedy = _use("Use auto", "method.momentum", AUTO)
    if method.momentum < scaled.MOMENTUM[0]:
        reason = (
            f"Half of the teacher is newer than {words.plural(max(1, round(back)), 'step')}: hardly an average of the student."
        )
        yield Check("warn", f"{named} forgets too fast", reason, remedy)
    elif back > SLOW_SHARE * total:
        of = f"of the {words.plural(total, 'step')} there are"
        reason = "It stays as it was." if math.isinf(back) else f"It averages over about {words.count(round(back))} {of}."
        yield Check("warn", f"{named} keeps the teacher near its beginning", reason, remedy)
    else:
        reason = f"The teacher averages over about {_epochs(back / each)}."
        yield Check("ok", f"{named} suits {words.plural(each, 'step')} an epoch", reason)


def _prototypes(asked: Recipe, facts: Known) -> Iterator[Check]:
    method = asked.method
    if not isinstance(method, Dino) or isinstance(method.prototypes, str):
        return
    many, seen = method.prototypes, scaled.facts(asked.data)
    if facts.pictures and many > facts.pictures:
        reason = f"There are {words.count(facts.pictures)} pictures to train on, so most prototypes would never be used."
        remedy = _use("Use auto", "method.prototypes", AUTO)
        yield Check("warn", f"{words.count(many)} prototypes are more than there are pictures", reason, remedy)
        return
    of = f" for {seen.classes} classes" if seen and seen.classes else ""
    reason = f"A loss that stays at ln {words.count(many)} = {math.log(many):.3f} means collapse."
    yield Check("ok", f"{words.count(many)} prototypes{of}", reason)


def _rate_of_batch(asked: Recipe, facts: Known) -> Iterator[Check]:
    """Only where it does: a rate that a person wrote follows nothing."""
    if "optimizer.lr" not in facts.why or isinstance(asked.optimizer.lr, str):
        return
    anchor, batch = scaled.anchor_of(asked), asked.training.batch
    law = "the batch" if anchor.law == "linear" else "the root of the batch"
    reason = f"{words.rate(anchor.rate)} for {words.count(anchor.batch)} pictures a step"
    so = "" if batch == anchor.batch else f", so by {law} {words.rate(asked.optimizer.lr)} for {words.count(batch)}"
    yield Check("ok", "Learning rate follows the batch", f"{reason}{so}.")


def _frozen(asked: Recipe, facts: Known) -> Iterator[Check]:
    method, epochs = asked.method, asked.training.epochs
    if not isinstance(method, Dino) or isinstance(method.freeze_epochs, str):
        return
    frozen, remedy = method.freeze_epochs, _use("Use auto", "method.freeze_epochs", AUTO)
    if frozen > LONG_FREEZE * epochs:
        reason = f"{_epochs(frozen)} of {epochs}: hardly any time is left in which prototypes learn."
        yield Check("warn", "Prototypes are frozen for most of the run", reason, remedy)
    elif frozen:
        span = "the first epoch" if frozen == 1 else f"the first {_epochs(frozen)}"
        yield Check("ok", f"Prototypes are frozen for {span}", "The usual guard against collapse at the start.")
    elif method.batch_norm:
        reason = "BatchNorm in the head guards the start: trials on a few thousand pictures needed no freezing with it."
        yield Check("ok", "Prototypes learn from the start", reason)
    else:
        reason = "Published runs freeze them at first, as a guard against collapse."
        yield Check("warn", "Prototypes are not frozen at the start", reason, remedy)


def _sharpness(asked: Recipe, facts: Known) -> Iterator[Check]:
    method = asked.method
    if not isinstance(method, Dino) or isinstance(method.teacher_temp, str) or isinstance(method.teacher_temp_start, str):
        return
    highest, start = method.teacher_temp, method.teacher_temp_start
    remedy = Remedy("Use auto", tuple((f"method.teacher_temp{end}", AUTO) for end in ("", "_start", "_warmup_epochs")))
    if highest >= method.student_temp:
        reason = f"It must be sharper than its student, which has {method.student_temp:g}; else both end up saying nothing."
        yield Check("warn", f"The teacher's temperature of {highest:g} sharpens nothing", reason, remedy)
    elif highest > WARM or (start if method.teacher_temp_warmup_epochs else highest) > WARM:
        reason = f"Published runs stay at {COLD:g}, or reach {WARM:g} after a warm-up; at 0.08 from the start they collapsed."
        yield Check("warn", f"A teacher's temperature of {max(highest, start):g} is high", reason, remedy)


def _centre(asked: Recipe, facts: Known) -> Iterator[Check]:
    method = asked.method
    if isinstance(method, Dino) and method.centering == "centre" and method.center_momentum > SLOW_CENTRE:
        reason = "The centre follows too late to keep one prototype from winning: published runs at 0.999 collapsed."
        title = f"A centre's momentum of {method.center_momentum:g} is high"
        yield Check("warn", title, reason, _use("Use 0.9", "method.center_momentum", 0.9))


def _epochs(value: float) -> str:
    """ "1.2 epochs"; below a tenth of one with more digits."""
    said = f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"
    said = said.removesuffix(".0")
    return f"{said} epoch{'' if said == '1' else 's'}"


CHECKS: tuple[Callable[[Recipe, Known], Iterator[Check]], ...] = (
    _training_size,
    _patch,
    _milestones,
    _seeds,
    _generations,
    _wrong_labels,
    _batch,
    _test_size,
    _rate,
    _warm_up,
    _augment,
    _kept_outputs,
    _method,
    _crops,
    _momentum,
    _prototypes,
    _sharpness,
    _centre,
    _rate_of_batch,
    _frozen,
    _compute,
    _keep,
)
