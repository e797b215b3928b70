"""What a recipe leaves "auto", worked out from its pictures: a number, and one sentence why. No torch, no numpy.

A first attempt: `asked, resolved = scaled.resolve(asked, scaled.Facts(pictures, size, channels, classes))`, and later
`decide.write(run, effective, resolved)`. Every later reader finds numbers in effective.toml and decides nothing anew.

The rules are those that published recipes scale by, carried on below the sizes that these know. All numbers stand in the
tables at the top, each with its origin; how steps and momenta turn into each other is schedule.py's.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from engine import recipe, schedule, words
from engine.fields import AUTO, Source, fields_in, tag_of
from engine.recipe import Creatures, Data, Digits, Experiment, Step, Timm
from engine.recipes import Dino, Dinov2

# ---- the numbers --------------------------------------------------------------------------------------------------------

ANSWER_BYTES = 12  # beside a row of a teacher's kept outputs: a sum over the pixels, and a checksum (data/answers.py)
DIGITS, DIGITS_PX, SPECIES = 1797, 8, 10  # scikit-learn's digits and their side; classes of both built-in sets


class Anchor(Struct, frozen=True):
    """A learning rate that is known to work, at a batch, and by which law it goes with the batch."""

    rate: float
    batch: int
    law: str  # "linear" or "root"
    origin: str
    law_origin: str


DINO_RATES = {
    "adamw": Anchor(2e-3, 1024, "root", f"main_dino.py: {words.rate(5e-4)} for 256", "DINOv2 scales AdamW so"),
    "sgd": Anchor(0.03, 256, "linear", "main_dino.py, ResNet-50", "DINO scales SGD so"),
}
DINOV2_RATES = DINO_RATES | {  # made for blocks that learn the slower the earlier they are, as method.layer_decay has it
    "adamw": Anchor(4e-3, 1024, "root", "DINOv2's ssl_default_config.yaml", "DINOv2 scales AdamW so"),
}
LABELLED_RATES = {
    "adamw": Anchor(1e-3, 64, "root", "Filial's default", "DINOv2 scales AdamW so"),
    "sgd": Anchor(0.1, 128, "linear", "Wide-ResNets", "Goyal et al. 2017"),
}

WARMUP_EPOCHS, WARMUP_SHARE = 10, 0.10  # main_dino.py: 10 epochs; lightly-train: at most a tenth of the run

# Prototypes by the number of training pictures: below so many, so many; from 20,000 on lightly-train's, below by first trials.
PROTOTYPES = (
    (1_000, 128),
    (5_000, 256),
    (10_000, 512),
    (20_000, 1024),
    (50_000, 2048),
    (100_000, 4096),
    (200_000, 16_384),
    (500_000, 32_768),
)
PROTOTYPES_AT_MOST = 65_536  # main_dino.py

SMALL_SET, IMAGENET = 20_000, 1_281_167  # pictures between which lightly-train's temperatures rise
TEACHER_TEMP = (0.02, 0.07)  # lightly-train, for a small set and for ImageNet
TEACHER_TEMP_START = (0.02, 0.04)  # lightly-train
TEMP_WARMUP_STEPS, TEMP_WARMUP_SHARE = 37_500, 0.30  # lightly-train: 30 epochs of ImageNet, at most 30 % of the run

HALF_LIFE_EPOCHS = 4.0  # trials on creatures at 44 steps an epoch: 0.995 to 0.998 learn, 0.99 soon says the same of everything
HALF_LIFE_SHARE = 0.10  # of the run: else a short run's teacher stays what it was at the beginning
HALF_LIFE_PICTURES = 177_000  # main_dino.py: 0.996 at 1,024 pictures a step looks back 173 steps
MOMENTUM = (0.9, 0.9995)  # bounds; the upper one is the DINO README's for a batch of 256

FREEZE_STEPS, FREEZE_SHARE = 1250, 0.08  # main_dino.py: an epoch of ImageNet; first trials: 100 of 1,250 steps

LOCAL_SHARE = 0.5  # of a global crop's side; main_dino.py: 96 of 224
SMALLEST = 8  # px, of any crop for a network without patches, and of a global one with them
SMALLEST_LOCAL = 4  # px, with patches


# ---- what is known ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What must be known of the pictures: how many train, their side in px, their channels, and classes (0 without labels).

    `taught_by`: what a frozen teacher's method was asked, with numbers; None where nobody has looked, or it has no prototypes.
    """

    pictures: int
    size: int
    channels: int
    classes: int
    taught_by: Dino | None = None

    def per_epoch(self, batch: int) -> int:
        """Steps an epoch."""
        return -(-self.pictures // batch)


def kept_views(asked: Experiment) -> int:
    """How many views of each picture the teacher's outputs are kept of; 0 asks it at each step.

    No more than epochs see; one, where pictures are not varied and every epoch sees the same.
    """
    varied = asked.augment.shift or asked.augment.flip
    return min(getattr(asked.method, "cache_views", 0), asked.training.epochs if varied else 1)


def kept_bytes(asked: Experiment, known: Facts) -> int:
    """On disk, for each teacher: of every view of every picture a float16 for each class, and what proves the row."""
    return kept_views(asked) * known.pictures * (2 * known.classes + ANSWER_BYTES)


class Why(Struct, frozen=True):
    """Where a value comes from, and the reason as a sentence."""

    source: Source
    reason: str


def facts(data: Data, pictures: int | None = None, classes: int = 0) -> Facts | None:
    """What is known without decoding anything: all of a built-in set, of a folder what the caller has counted."""
    if isinstance(data, Digits):
        return Facts(training_pictures(data, DIGITS), DIGITS_PX, 1, SPECIES)
    if isinstance(data, Creatures):
        return Facts(training_pictures(data, data.pictures), data.size, 3, SPECIES)
    return None if not pictures else Facts(pictures, data.size, 3 if data.colour == "rgb" else 1, classes)


def training_pictures(data: Data, pool: int, test_given: bool = False, val_given: bool = False) -> int:
    """How many of `pool` pictures are trained on, after the parts that no folder gives have taken their share."""
    tests = 0 if test_given else round(data.test_share * pool)
    vals = 0 if val_given else round(data.val_share * pool)
    left = max(0, pool - tests - vals)
    return min(data.train_size, left) or left


# ---- resolving ----------------------------------------------------------------------------------------------------------

E = TypeVar("E", bound=Experiment)


@dataclass(frozen=True)
class _Case:
    """What a rule looks at: the recipe with what was resolved before it, and the pictures."""

    asked: Experiment
    facts: Facts

    @property
    def method(self) -> Any:
        return self.asked.method

    @property
    def per_epoch(self) -> int:
        return self.facts.per_epoch(self.asked.training.batch)

    @property
    def steps(self) -> int:
        return self.asked.training.epochs * self.per_epoch

    @property
    def teacher(self) -> str:
        """The frozen run whose prototypes are to be answered for, as it is written; empty without one."""
        return teacher_of(self.asked)

    @property
    def pictures(self) -> str:
        return words.plural(self.facts.pictures, "picture")


Found = tuple[float, str]  # a value and its reason


def resolve(asked: E, known: Facts | None) -> tuple[E, dict[str, Why]]:
    """The recipe with a number for every "auto", and why, by the field's path.

    Without facts only what does not depend on the pictures is resolved, and without those of a frozen teacher not what depends
    on that. Raises RecipeErrors if a number contradicts what a
    person wrote beside it.
    """
    wanted = still_auto(asked)
    why: dict[str, Why] = {}
    for path, rule in RULES.items():
        if path in wanted and (known is not None or path in WITHOUT_PICTURES):
            found = rule(_Case(asked, known or Facts(0, 0, 0, 0)))
            if found is not None:
                asked = _with(asked, path, found[0])
                why[path] = Why("data", found[1])
    return (recipe.parse(type(asked), recipe.to_table(asked)) if why else asked), why


def teacher_of(asked: Experiment) -> str:
    """The frozen teacher of a student without labels, which answers with that teacher's prototypes; else empty."""
    if not isinstance(asked.method, Dinov2):
        return ""
    return str(getattr(asked, "teacher", "") or asked.method.teacher_run)


def still_auto(asked: Experiment) -> list[str]:
    """The fields in which a number is still to be worked out."""
    return [field.path for field, value in fields_in(asked) if field.auto and value == AUTO]


def reasons(asked: Experiment, written: Collection[str], resolved: Mapping[str, Why]) -> dict[str, Why]:
    """Why every value in force is what it is. `written`: paths of what stands in the recipe; the rest are the schema's."""
    why = {}
    for field, _ in fields_in(asked):
        default = Why(field.source, field.why or field.help)
        why[field.path] = Why("user", "stands in the recipe") if field.path in written else default
    return why | dict(resolved)


def _with(asked: E, path: str, value: float) -> E:
    table, key = path.split(".")
    changed = msgspec.structs.replace(getattr(asked, table), **{key: value})
    return msgspec.structs.replace(asked, **{table: changed})


# ---- the rules ----------------------------------------------------------------------------------------------------------


def anchor_of(asked: Experiment) -> Anchor:
    """The learning rate that is known to work for such a method and optimizer."""
    unlabelled = DINOV2_RATES if isinstance(asked.method, Dinov2) else DINO_RATES
    return (unlabelled if isinstance(asked.method, Dino) else LABELLED_RATES)[tag_of(type(asked.optimizer))]


def _learning_rate(case: _Case) -> Found:
    anchor, batch = anchor_of(case.asked), case.asked.training.batch
    linear = schedule.scaled_linearly(anchor.rate, batch, anchor.batch)
    root = schedule.scaled_by_root(anchor.rate, batch, anchor.batch)
    value = float(f"{linear if anchor.law == 'linear' else root:.3g}")
    known = f"{words.rate(anchor.rate)} at {words.count(anchor.batch)} pictures a step ({anchor.origin})"
    if batch == anchor.batch:
        return value, f"{known}, and this is that batch"
    taken = "the linear one" if anchor.law == "linear" else "the root"
    both = f"for {words.count(batch)} the linear rule gives {words.rate(linear)}, the root of the batch {words.rate(root)}"
    return value, f"{known}; {both}. Taken: {taken} ({anchor.law_origin})"


def _warmup(case: _Case) -> Found:
    epochs, shape = case.asked.training.epochs, case.asked.schedule
    value = round(min(WARMUP_EPOCHS, WARMUP_SHARE * epochs), 2)
    if isinstance(shape, Step) and shape.milestones and shape.milestones[0] < value:
        return float(shape.milestones[0]), f"until the first milestone, epoch {shape.milestones[0]}"
    if value == WARMUP_EPOCHS:
        return float(value), f"{WARMUP_EPOCHS} epochs, as in main_dino.py; less than a tenth of {epochs}"
    share = words.percent(WARMUP_SHARE, 0)
    return (
        value,
        f"{share} of {words.plural(epochs, 'epoch')}; a full {WARMUP_EPOCHS} as in main_dino.py would be more than that",
    )


def _global_size(case: _Case) -> Found:
    patch, side = patch_of(case.asked), case.facts.size
    value = max(side // patch * patch, _whole(SMALLEST, patch))
    if value == side:
        return value, f"the pictures' own {side} px, so that whole pictures keep every pixel"
    return value, f"the pictures' {side} px in whole patches of {patch} px"


def _local_size(case: _Case) -> Found:
    patch, whole = patch_of(case.asked), case.method.global_size
    half = math.floor(LOCAL_SHARE * whole / patch + 0.5) * patch
    value = min(whole, max(half, _whole(SMALLEST if patch == 1 else SMALLEST_LOCAL, patch)))
    patches = f", in whole patches of {patch} px" if patch > 1 else ""
    if value == whole:
        return value, f"as large as a global crop: {whole} px cannot be halved{patches}"
    return value, f"about half of a global crop's {whole} px (main_dino.py: 96 of 224){patches}"


def _whole(least: int, patch: int) -> int:
    """The fewest pixels in whole patches that are not fewer than `least`."""
    return -(-least // patch) * patch


def _prototypes(case: _Case) -> Found | None:
    if case.teacher:
        return _teachers_own(case, lambda theirs: theirs.prototypes, "prototypes")
    many = case.facts.pictures
    below, value = next((row for row in PROTOTYPES if many < row[0]), (0, PROTOTYPES_AT_MOST))
    head = f"{words.count(value)} prototypes for {case.pictures}"
    if not below:
        return value, f"{head}: as many as main_dino.py has for ImageNet"
    if below < SMALL_SET:
        return value, f"{head}: first trials on a few thousand learned with 256 to 512 (lightly-train takes 1,024 at the least)"
    return value, f"{head}: what lightly-train takes below {words.count(below)}"


def _patch_prototypes(case: _Case) -> Found | None:
    if case.teacher:
        return _teachers_own(case, _for_patches, "prototypes of patches")
    return case.method.prototypes, "as many as method.prototypes, as in DINOv2"


def _teachers_own(case: _Case, count: Callable[[Dino], Any], what: str) -> Found | None:
    """A student must answer with what its frozen teacher answers with, whatever the pictures."""
    theirs = case.facts.taught_by
    return (count(theirs), f"as many {what} as its teacher {case.teacher} answers with") if theirs else None


def _for_patches(theirs: Dino) -> int | str:
    own = isinstance(theirs, Dinov2) and theirs.separate_heads
    return theirs.patch_prototypes if own else theirs.prototypes  # type: ignore[attr-defined]


def _teacher_temp(case: _Case) -> Found:
    value = _between(case.facts.pictures, TEACHER_TEMP)
    return value, f"{value:g} for {case.pictures}: {_colder(TEACHER_TEMP)}"


def _teacher_temp_start(case: _Case) -> Found:
    value = min(_between(case.facts.pictures, TEACHER_TEMP_START), case.method.teacher_temp)
    if value == case.method.teacher_temp:
        return value, f"the same {value:g} as later: it does not rise here"
    return value, f"{value:g} for {case.pictures}: {_colder(TEACHER_TEMP_START)}"


def _between(pictures: int, ends: tuple[float, float]) -> float:
    share = min(1.0, max(0.0, (pictures - SMALL_SET) / (IMAGENET - SMALL_SET)))
    return round(ends[0] + share * (ends[1] - ends[0]), 4)


def _colder(ends: tuple[float, float]) -> str:
    small, large = ends
    return f"small sets need it colder, from {small:g} below {words.count(SMALL_SET)} to {large:g} for ImageNet (lightly-train)"


def _temp_warmup(case: _Case) -> Found:
    if case.method.teacher_temp == case.method.teacher_temp_start:
        return 0, f"the temperature is {case.method.teacher_temp:g} throughout, so there is nothing to warm up"
    epochs = case.asked.training.epochs
    by_steps, by_share = TEMP_WARMUP_STEPS / case.per_epoch, TEMP_WARMUP_SHARE * epochs
    value = math.floor(min(by_steps, by_share))
    share, steps = words.percent(TEMP_WARMUP_SHARE, 0), f"{words.count(TEMP_WARMUP_STEPS)} steps"
    if by_share <= by_steps:
        return (
            value,
            f"{share} of {words.plural(epochs, 'epoch')}, for the whole run has less than {steps} to give (lightly-train)",
        )
    return value, f"{steps} at {words.count(case.per_epoch)} an epoch, less than {share} of the run (lightly-train)"


def _momentum(case: _Case) -> Found:
    life, because = _half_life(case)
    exact = schedule.momentum_of(life)
    value = round(min(MOMENTUM[1], max(MOMENTUM[0], exact)), 4)
    steps = max(1, round(schedule.half_life(value)))
    looks = f"half of the teacher is newer than {words.plural(steps, 'step')}"
    if MOMENTUM[0] <= exact <= MOMENTUM[1]:
        return value, f"{looks}, {because}"
    bounds = f"{MOMENTUM[0]:g} to {MOMENTUM[1]:g} is what has been tried"
    return value, f"{looks}; {round(life, 1):g} steps, {because}, would give {exact:.4g}, but {bounds}"


def _half_life(case: _Case) -> tuple[float, str]:
    """Steps that the teacher looks back: the least of a few epochs, a share of the run, and what ImageNet's looks back."""
    share, least = words.percent(HALF_LIFE_SHARE, 0), f"the {words.count(HALF_LIFE_PICTURES)} pictures"
    return min(
        (HALF_LIFE_EPOCHS * case.per_epoch, f"which is {HALF_LIFE_EPOCHS:g} epochs"),
        (HALF_LIFE_SHARE * case.steps, f"{share} of the run; a longer look back would keep its first steps alive"),
        (HALF_LIFE_PICTURES / case.asked.training.batch, f"{least} that main_dino.py's 0.996 looks back at 1,024 a step"),
    )


def _freeze(case: _Case) -> Found:
    steps = max(1, round(min(FREEZE_STEPS, FREEZE_SHARE * case.steps)))
    value = round(steps / case.per_epoch, 3)
    if steps == FREEZE_STEPS:
        return value, f"{words.count(steps)} steps, about an epoch of ImageNet as in main_dino.py"
    share = words.percent(FREEZE_SHARE, 0)
    return (
        value,
        f"{words.plural(steps, 'step')}, {share} of the run; ImageNet's {words.count(FREEZE_STEPS)} would be too much of it",
    )


def patch_of(asked: Experiment) -> int:
    """The side of a patch, px; 1 for a network without."""
    if isinstance(asked.model, Timm):
        named = re.search(r"patch(\d+)", asked.model.variant)
        return int(named[1]) if named else 1
    return int(getattr(asked.model, "patch", 1))


# In the order in which they are worked out: a local crop looks at the global one, a start at the end.
RULES: dict[str, Callable[[_Case], Found | None]] = {
    "optimizer.lr": _learning_rate,
    "schedule.warmup_epochs": _warmup,
    "method.global_size": _global_size,
    "method.local_size": _local_size,
    "method.prototypes": _prototypes,
    "method.patch_prototypes": _patch_prototypes,
    "method.teacher_temp": _teacher_temp,
    "method.teacher_temp_start": _teacher_temp_start,
    "method.teacher_temp_warmup_epochs": _temp_warmup,
    "method.momentum": _momentum,
    "method.freeze_epochs": _freeze,
}
OF_THE_TEACHER = ("method.prototypes", "method.patch_prototypes")  # where there is a frozen one
WITHOUT_PICTURES = ("optimizer.lr", "schedule.warmup_epochs")
