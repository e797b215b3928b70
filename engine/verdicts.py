"""When a run suffers from what: the signals of a block, how severe each complaint is, where each begins. No torch.

What is said of a complaint and what may help is in remedies.py; when a severity becomes a verdict, in watchdog.py. A complaint
whose signals a method does not have is never made: of a run with labels only what needs no teacher of its own.

h is the mean entropy of the teacher's answers, H the entropy of their mean over a batch, K the prototypes, B the pictures of a
batch. H - h is what an answer tells of which picture was asked about; it cannot exceed H, nor H the logarithm of the answers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from engine import recipe, scaled, schedule
from engine.fields import RecipeErrors, tag_of
from engine.recipe import Experiment, Sgd
from engine.recipes import Dino

# ---- the numbers --------------------------------------------------------------------------------------------------------


class Limit(Struct, frozen=True):
    """Where trouble begins, and how that is known."""

    value: float
    origin: str


# "Healthy" and "broken" are blocks after settling of the runs in tests/engine/watchdog_table.json, 5th to 95th percentile, the
# breakages that were held out left aside; tests/benchmarks/calibrate_watchdog.py trains them.
INFORMATION = Limit(0.06, "of what answers could tell, H - h; calibrated: healthy 0.08 to 0.59, all given the same 0 to 0.04")
SPREAD = Limit(0.3, "of the largest H there can be; calibrated: healthy 0.57 to 1.17, without a centre below 0.0001")
FEATURES = Limit(
    0.08, "times what all directions alike give; calibrated: healthy 0.14 to 0.74, lr x 30 on a ViT 0.06 in one seed of two"
)
FOLLOWS_AT_ONCE = Limit(1.0, "steps of half-life; calibrated: healthy 69 and more, no momentum 0")
LOOKS_BACK = Limit(1.0, "of the run, half-life in its first half; calibrated: healthy 0.07 to 0.60, momentum 1 without end")
BEHIND = Limit(0.1, "of k-NN accuracy; calibrated: healthy up to 0.031, momentum 1 too: its half-life gives it away")
JUMP = Limit(10.0, "times the median before: an order of magnitude; calibrated: healthy up to 2.4, nothing here exploded so")
LOSS = Limit(1.2, "of a guess's loss; calibrated: healthy up to 1.09, supervised lr x 300 from 1.38 on")
WAIT = Limit(0.5, "of the time; calibrated: healthy up to 0.32, where the same core draws the crops and trains")

FAST = Limit(0.9, "of a guess's loss, at several times the usual step; calibrated: healthy up to 0.18, AdamW x 30 from 0.89 on")
UNLEARNED = Limit(0.98, "of a guess's loss; calibrated: healthy up to 0.96, lr / 300 and less 1.01 and more")
WEIGHTS = Limit(45.0, "steps that weights last; calibrated: healthy 67 and more, weight decay 10 from 0.3 to 33")
COPIES = Limit(0.25, "of the pictures differ; healthy 1, copies of one to five pictures below 0.01: between them by choice")

BLOCK_SHARE, BLOCK = (
    0.01,
    (10, 500),
)  # of the run, within so many steps: long enough for a mean, short beside a phase of training
PATIENCE = 3  # blocks in a row
CLEAR = 0.8  # the severity at which what was diagnosed is over: below where it begins, so that it does not flicker
REMEMBERED = 50  # blocks, for the usual size of a gradient
PROBES = 3  # in a row, for the distance between teacher and student: a single k-NN is uncertain by a point or two
SETTLING = 0.15  # of the run, at least, before answers that tell nothing are a complaint: they begin so
WARM = 0.75  # of the student's temperature: the paper's 0.07 of 0.1 trains, 0.08 from the start does not
TIMES = 5.0  # the usual step, from where it can be to blame
SLOW = 0.1  # of the usual step, below which it is not too large, whatever else happens
LEARNS_FROM = 0.3  # of the run, by when something must have been learned: warm-ups and plateaus are shorter
FOLLOWS_UNTIL = 0.5  # of the run: later on every momentum goes to 1

CROSS_ENTROPIES = {"supervised": 1, "ban": 1, "cwtm": 1, "dkpp": 1, "ban_label": 2}  # what a method's loss is made of

# ---- what is seen -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What a rule looks at: one block, what was usual before it, and the recipe in force."""

    asked: Experiment
    step: int
    total_steps: int
    per_epoch: int
    now: Mapping[str, float]  # means over the block
    usual_gradient: float = math.nan  # median over the blocks before
    usual_loss: float = math.nan
    first_loss: float = math.nan  # of the first tick
    ahead: float = math.nan  # by how much the student's k-NN exceeds the teacher's, over the last probes
    shared: bool = False  # student and teacher are the same tensors
    quiet_until: int = 0
    classes: int = 0  # 0 where there are none, or nobody knows
    pictures: int = 0  # to train on; 0 where nobody knows
    distinct: int = 0  # of them: how many differ

    def __getitem__(self, name: str) -> float:
        return self.now.get(name, math.nan)

    @property
    def method(self) -> Any:
        return self.asked.method

    @property
    def settled(self) -> bool:
        return self.step > max(self.quiet_until, settling_steps(self.asked, self.per_epoch, self.total_steps))

    @property
    def most(self) -> float:
        """The largest entropy of a batch's mean answer: all prototypes, or as many as there are answers."""
        return math.log(min(int(self.method.prototypes), self.method.global_crops * self.asked.training.batch))

    @property
    def information(self) -> float:
        return (self["teacher/marginal_entropy"] - self["teacher/entropy"]) / self.most

    @property
    def spread(self) -> float:
        return self["teacher/marginal_entropy"] / self.most

    @property
    def half_life(self) -> float:
        """Steps that the teacher looks back; a frozen one is no average."""
        if getattr(self.asked, "teacher", ""):
            return math.nan
        momentum = self["schedule/momentum"]
        return schedule.half_life(momentum) if 0 <= momentum <= 1 else math.nan

    @property
    def answering(self) -> float:
        """What of the loss can be held against a guess: DINOv2 adds other terms to that of the answers."""
        return self.now.get("train/dino", self["train/loss"])

    @property
    def guess(self) -> float:
        """The loss of a student that knows nothing: of an even answer for DINO, else where this run began."""
        return math.log(int(self.method.prototypes)) if isinstance(self.method, Dino) else self.first_loss

    @property
    def chance(self) -> float:
        """The loss of even answers; NaN where a loss has further terms, whose size nobody knows beforehand."""
        if isinstance(self.method, Dino):
            return self.guess
        terms = CROSS_ENTROPIES.get(tag_of(type(self.method)), 0)
        return terms * math.log(self.classes) if terms and self.classes > 1 else math.nan

    @property
    def times_usual(self) -> float:
        """The size of a step, as a multiple of what is usual for the optimizer at this batch; NaN where nothing is."""
        found = usual(self, "optimizer.lr").get("optimizer.lr")
        return self.rate * momentum_share(self.asked.optimizer) / found if found else math.nan

    @property
    def rate(self) -> float:
        return float(self.asked.optimizer.lr)

    @property
    def decay(self) -> float:
        return self.now.get("schedule/weight_decay", self.asked.optimizer.weight_decay)

    @property
    def weights_last(self) -> float:
        """Steps after which decay alone leaves a weight a third: it takes lr x decay of it at each step."""
        taken = self.rate * momentum_share(self.asked.optimizer, of=1.0) * self.decay
        return 1 / taken if taken > 0 else math.inf


def momentum_share(optimizer: Any, of: float = 0.1) -> float:
    """By how much SGD's momentum makes steps larger than the usual momentum of 0.9 does (`of` 1: than none)."""
    return of / (1 - optimizer.momentum) if isinstance(optimizer, Sgd) else 1.0


def usual(case: Case, path: str) -> dict[str, Any]:
    """The change to what "auto" gives for this run, rounded as there."""
    try:
        wished = recipe.changed(case.asked, path, "auto")
        pictures = case.per_epoch * case.asked.training.batch
        found, _ = scaled.resolve(wished, scaled.Facts(pictures, 0, 0, 0))
    except (RecipeErrors, KeyError):  # this method has no such field
        return {}
    return {path: recipe.flat(recipe.to_table(found))[path]}


def settling_steps(asked: Experiment, per_epoch: int, total_steps: int) -> int:
    """Steps in which a healthy run may still say the same of every picture: warm-ups, frozen prototypes, and a while."""
    epochs = [asked.schedule.warmup_epochs, getattr(asked.method, "freeze_epochs", 0)]
    numbers = [float(value) * per_epoch for value in epochs if not isinstance(value, str)]
    return round(max([SETTLING * total_steps, *numbers]))


def larger_from(asked: Experiment, per_epoch: int, total_steps: int) -> float:
    """The step at which crops become larger; infinite where they never do."""
    last = getattr(asked.method, "high_epochs", 0)
    return total_steps - last * per_epoch if last else math.inf


# ---- how severe it is ---------------------------------------------------------------------------------------------------


def one_dimension(case: Case) -> float:
    return _below(case.spread, SPREAD) if isinstance(case.method, Dino) else math.nan


def uniform(case: Case) -> float:
    if not isinstance(case.method, Dino):
        return math.nan
    return min(_below(case.information, INFORMATION), 1 / max(1e-9, _below(case.spread, SPREAD)))


def dead(case: Case) -> float:
    return _below(case["feature/std"], FEATURES)


def aliased(case: Case) -> float:
    if case.shared:
        return 2.0
    return _below(case.half_life, FOLLOWS_AT_ONCE)


def exploding(case: Case) -> float:
    """Small steps explode nothing: a loss above a guess is then one that never fell."""
    if case.times_usual < SLOW:
        return math.nan
    found = [above_a_guess(case), _jump(case)]
    return max((value for value in found if not math.isnan(value)), default=math.nan)


def above_a_guess(case: Case) -> float:
    return case.answering / (LOSS.value * case.guess)


def _jump(case: Case) -> float:
    """Of the gradient, while the loss rises: where a run leaves a plateau, gradients grow and the loss falls."""
    if math.isnan(case.usual_gradient):
        return math.nan
    return min(case["grad/norm"] / (JUMP.value * case.usual_gradient), case["train/loss"] / (LOSS.value * case.usual_loss))


def loader_bound(case: Case) -> float:
    return case["throughput/data_wait"] / WAIT.value


def teacher_behind(case: Case) -> float:
    found = [case.ahead / BEHIND.value]
    if case.step <= FOLLOWS_UNTIL * case.total_steps:
        found.append(case.half_life / (LOOKS_BACK.value * case.total_steps))
    return max((value for value in found if not math.isnan(value)), default=math.nan)


def too_fast(case: Case) -> float:
    """With labels: as good as a guess, at steps far larger than usual. A run without labels shows it as a collapse."""
    if isinstance(case.method, Dino) or math.isnan(case.chance):
        return math.nan
    unlearned = case.answering / (FAST.value * case.chance)
    return min(unlearned, case.times_usual / TIMES) if unlearned >= CLEAR else unlearned


def learns_nothing(case: Case) -> float:
    """As good as a guess when something should have been learned, and nothing else explains it."""
    if case.step <= LEARNS_FROM * case.total_steps or math.isnan(case.chance):
        return math.nan
    unlearned = case.answering / (UNLEARNED.value * case.chance)
    others = (too_fast, exploding, decays, copies, uniform, one_dimension, aliased, teacher_behind)
    return 0.0 if unlearned >= 1 and any(other(case) >= 1 for other in others) else unlearned


def decays(case: Case) -> float:
    return _below(case.weights_last, WEIGHTS)


def copies(case: Case) -> float:
    return _below(case.distinct / case.pictures, COPIES) if case.pictures else math.nan


def _below(value: float, limit: Limit) -> float:
    """1 at the limit, 2 at half of it."""
    return limit.value / max(value, 1e-9) if not math.isnan(value) else math.nan
