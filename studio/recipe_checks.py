"""What a colleague would say about a recipe before it is trained: advice in plain words, with reasons and remedies. Pure.

The recipe's own refusals are not here; they stand beside their fields. `bad` is what training would refuse once it has the
pictures in hand: it holds the start up. `warn` is advice.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from engine import recipe, words
from engine.recipe import Adamw, Recipe, Sgd, Step, Vit
from engine.recipes import Supervised

Tone = Literal["ok", "warn", "bad"]

DIGITS, DIGITS_PX = 1797, 8  # pictures of scikit-learn's digits, and their side
FEW_SEEDS = 3  # a verdict needs as many
FEW_STEPS = 100  # in all: too few for any schedule to matter
FEW_TEST = 100  # test pictures: one of them is more than a per cent
LONG_WARMUP = 0.3  # share of the epochs
HIGH = {Adamw: 1e-2, Sgd: 1.0}  # learning rates above which training mostly diverges
USUAL = {Adamw: 1e-3, Sgd: 0.1}


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
    cores: int = 1


def known(asked: Recipe, pictures: int | None = None, cores: int | None = None) -> Known:
    """`pictures`: how many there are to train on, from elsewhere; of the digits it is known."""
    data = asked.data
    side, test = getattr(data, "size", None), None
    if isinstance(data, recipe.Digits):
        test = round(data.test_share * DIGITS)
        left = DIGITS - test - round(data.val_share * DIGITS)
        side, pictures = DIGITS_PX, data.train_size or left
    per_epoch = -(-pictures // asked.training.batch) if pictures else None
    return Known(pictures, test, side, per_epoch, cores or os.cpu_count() or 1)


def _use(label: str, path: str, value: Any) -> Remedy:
    return Remedy(label, ((path, value),))


def checks(asked: Recipe, facts: Known) -> list[Check]:
    """Everything worth saying, what holds up first, then advice, then what is well."""
    found = [check for look in CHECKS for check in look(asked, facts)]
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
    reason = "With three or more, a difference between generations can be told from luck."
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
    data = asked.data
    if not isinstance(data, recipe.Digits):
        return
    left = DIGITS - round(data.test_share * DIGITS) - round(data.val_share * DIGITS)
    if data.train_size > left:
        reason = f"Test and validation take their share of the {words.count(DIGITS)} digits first."
        remedy = _use(f"Use {left}", "data.train_size", left)
        yield Check("bad", f"{words.count(data.train_size)} training pictures cannot be had, {left} can", reason, remedy)


def _test_size(asked: Recipe, facts: Known) -> Iterator[Check]:
    if facts.test is not None and facts.test < FEW_TEST:
        reason = f"One of them is {words.percent(1 / max(1, facts.test))}; small differences cannot be seen."
        yield Check("warn", f"Only {facts.test} test pictures", reason, _use("Use 0.3", "data.test_share", 0.3))


def _wrong_labels(asked: Recipe, facts: Known) -> Iterator[Check]:
    noise = asked.data.label_noise
    if not noise:
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
    elif not isinstance(asked.data, recipe.Digits):
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
    high, usual = HIGH[type(optimizer)], USUAL[type(optimizer)]
    name = "AdamW" if isinstance(optimizer, Adamw) else "SGD"
    if optimizer.lr > high:
        reason = f"Above {high:g}, {name} mostly diverges. {usual:g} is usual."
        yield Check(
            "warn", f"A learning rate of {optimizer.lr:g} is high", reason, _use(f"Use {usual:g}", "optimizer.lr", usual)
        )


def _warm_up(asked: Recipe, facts: Known) -> Iterator[Check]:
    warmup, epochs = asked.schedule.warmup_epochs, asked.training.epochs
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
    if asked.augment.flip and isinstance(asked.data, recipe.Digits):
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
    _compute,
    _keep,
)
