"""Signals to verdicts: what a run suffers from and since when, the cause that is likely, and what may help. No torch.

Fed with every tick and every probe that is recorded; what is done about a verdict is train.py's. A verdict rests on blocks,
means over a stretch of steps, so that one odd tick says nothing, and on several of them in a row:

    well --severity >= 1 in `PATIENCE` blocks in a row--> diagnosed --severity <= `CLEAR` in as many--> recovered

A complaint whose signals a method does not have is never made: of a run with labels only what needs no teacher of its own.
Memory is constant: the block under way, and two numbers of each of the last `REMEMBERED` blocks.

h is the mean entropy of the teacher's answers, H the entropy of their mean over a batch, K the prototypes, B the pictures of a
batch. H - h is what an answer tells of which picture was asked about; it cannot exceed H, nor H the logarithm of the answers.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, NamedTuple

from msgspec import Struct

from engine import recipe, scaled, schedule, words
from engine.events import Diagnosed, Recovered, Remedy
from engine.fields import RecipeErrors
from engine.recipe import Experiment
from engine.recipes import Dino
from engine.state import RunState

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
FOLLOWS_UNTIL = 0.5  # of the run: later on every momentum goes to 1

Told = Diagnosed | Recovered


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


def settling_steps(asked: Experiment, per_epoch: int, total_steps: int) -> int:
    """Steps in which a healthy run may still say the same of every picture: warm-ups, frozen prototypes, and a while."""
    epochs = [asked.schedule.warmup_epochs, getattr(asked.method, "freeze_epochs", 0)]
    numbers = [float(value) * per_epoch for value in epochs if not isinstance(value, str)]
    return round(max([SETTLING * total_steps, *numbers]))


def larger_from(asked: Experiment, per_epoch: int, total_steps: int) -> float:
    """The step at which crops become larger; infinite where they never do."""
    last = getattr(asked.method, "high_epochs", 0)
    return total_steps - last * per_epoch if last else math.inf


# ---- the rules ----------------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """One complaint. `severity`: 1 is where it begins; NaN where the signals are missing."""

    severity: Callable[[Case], float]
    evidence: Callable[[Case], str]
    advice: Callable[[Case], tuple[str, list[Remedy]]]  # the likely cause, and what may help


def _one_dimension(case: Case) -> float:
    return _below(case.spread, SPREAD) if isinstance(case.method, Dino) else math.nan


def _uniform(case: Case) -> float:
    if not isinstance(case.method, Dino):
        return math.nan
    return min(_below(case.information, INFORMATION), 1 / max(1e-9, _below(case.spread, SPREAD)))


def _dead(case: Case) -> float:
    return _below(case["feature/std"], FEATURES)


def _aliased(case: Case) -> float:
    if case.shared:
        return 2.0
    return _below(case.half_life, FOLLOWS_AT_ONCE)


def _exploding(case: Case) -> float:
    found = [_above_a_guess(case), _jump(case)]
    return max((value for value in found if not math.isnan(value)), default=math.nan)


def _above_a_guess(case: Case) -> float:
    return case.answering / (LOSS.value * case.guess)


def _jump(case: Case) -> float:
    """Of the gradient, while the loss rises: where a run leaves a plateau, gradients grow and the loss falls."""
    if math.isnan(case.usual_gradient):
        return math.nan
    return min(case["grad/norm"] / (JUMP.value * case.usual_gradient), case["train/loss"] / (LOSS.value * case.usual_loss))


def _loader_bound(case: Case) -> float:
    return case["throughput/data_wait"] / WAIT.value


def _teacher_behind(case: Case) -> float:
    found = [case.ahead / BEHIND.value]
    if case.step <= FOLLOWS_UNTIL * case.total_steps:
        found.append(case.half_life / (LOOKS_BACK.value * case.total_steps))
    return max((value for value in found if not math.isnan(value)), default=math.nan)


def _below(value: float, limit: Limit) -> float:
    """1 at the limit, 2 at half of it."""
    return limit.value / max(value, 1e-9) if not math.isnan(value) else math.nan


# ---- in words -----------------------------------------------------------------------------------------------------------


def _said_answers(case: Case) -> str:
    told, even = max(0.0, case.information * case.most), math.log(int(case.method.prototypes))
    return (
        f"the teacher's answers tell {words.number(told, 2)} of {words.number(case.most, 2)} nats of which picture they are "
        f"about; their entropy is {words.number(case['teacher/entropy'], 2)}, {words.number(even, 2)} being an even answer"
    )


def _said_spread(case: Case) -> str:
    return (
        f"a whole batch's answers share about {words.number(math.exp(case['teacher/marginal_entropy']), 1)} of "
        f"{words.count(int(case.method.prototypes))} prototypes"
    )


def _said_features(case: Case) -> str:
    return f"features differ between pictures by {words.number(case['feature/std'], 2)}; 1 would be in all directions alike"


def _said_aliased(case: Case) -> str:
    if case.shared:
        return "student and teacher are the same tensors in memory"
    return f"with a momentum of {case['schedule/momentum']:.4g} the teacher is its student again after every step"


def _said_exploding(case: Case) -> str:
    if _above_a_guess(case) >= 1:
        return f"the loss is {words.number(case.answering)}; a student that knows nothing has {words.number(case.guess)}"
    gradient = (
        f"the gradient is {words.number(case['grad/norm'])} long, and was about {words.number(case.usual_gradient)} before"
    )
    return f"{gradient}; the loss has risen from about {words.number(case.usual_loss)} to {words.number(case['train/loss'])}"


def _said_waiting(case: Case) -> str:
    return f"{words.percent(case['throughput/data_wait'], 0)} of the time goes into waiting for pictures"


def _said_behind(case: Case) -> str:
    if case.ahead >= BEHIND.value:
        return f"the student's k-NN is {words.points(case.ahead)} points above its teacher's, over {PROBES} probes"
    if math.isinf(case.half_life):
        return f"with a momentum of {case['schedule/momentum']:.4g} the teacher never moves"
    older = f"half of the teacher is older than {words.count(round(case.half_life))} steps"
    return f"with a momentum of {case['schedule/momentum']:.4g} {older}, and the run has {words.count(case.total_steps)}"


# ---- causes and remedies ------------------------------------------------------------------------------------------------


def _for_one_dimension(case: Case) -> tuple[str, list[Remedy]]:
    sinkhorn = Remedy("spread each batch over all prototypes", {"method.centering": "sinkhorn"})
    slower = Remedy("a lower learning rate", _slower(case))
    if _is_fast(case):
        return f"{_fast(case)}: the student runs into one answer before the centre can follow", [slower, sinkhorn]
    if case.method.centering == "centre" and case.method.center_momentum > 0.99:
        centre = Remedy("a centre that follows", {"method.center_momentum": 0.9})
        cause = f"the centre follows too slowly (momentum {case.method.center_momentum:g}), so one prototype wins every time"
        return cause, [centre, sinkhorn]
    if _follows_at_once(case):
        return _for_aliased(case)
    few = Remedy("look at the pictures: sets of few different ones need few prototypes (method.prototypes)")
    return "few prototypes win: the pictures are few or much alike, or the outputs drift faster than the centre", [
        *([sinkhorn] if case.method.centering == "centre" else []), few, slower,
    ]  # fmt: skip


def _for_uniform(case: Case) -> tuple[str, list[Remedy]]:
    slower = Remedy("a lower learning rate", _slower(case))
    colder = _temperature(case)
    easier = Remedy("crops that share more: larger local crops, weaker colour changes (method.local_scale_low, method.jitter)")
    if _follows_at_once(case):
        return _for_aliased(case)
    if _is_fast(case):
        return f"{_fast(case)}: the student forgets what it could tell apart", [slower, *colder, easier]
    ours, theirs = case["schedule/teacher_temp"], case.method.student_temp
    if ours >= WARM * theirs:
        cause = f"the teacher's temperature of {ours:g} sharpens too little beside the student's {theirs:g}"
        return f"{cause}: every answer becomes even", [*colder, slower]
    return "the student cannot say of one crop what another shows, so it says the same of every picture", [
        *colder,
        slower,
        easier,
    ]


def _for_dead(case: Case) -> tuple[str, list[Remedy]]:
    alike = Remedy("look at the pictures: they may be copies of one another")
    lighter = Remedy("a lower weight decay", {"optimizer.weight_decay": case.asked.optimizer.weight_decay / 10})
    slower = Remedy("a lower learning rate", _slower(case))
    if _is_fast(case) or case.asked.optimizer.weight_decay < 0.5:
        return "the network gives the same features for every picture", [slower, alike]
    return f"a weight decay of {case.asked.optimizer.weight_decay:g} leaves the network nothing", [lighter, slower, alike]


def _for_aliased(case: Case) -> tuple[str, list[Remedy]]:
    if case.shared:
        report = Remedy("the method's code must copy the student (copy.deepcopy); nothing that can be set helps")
        return "the teacher was not copied from the student but is the student, so it learns from itself", [report]
    slower = Remedy("a teacher that remembers", _usual(case, "method.momentum"))
    return "the teacher is no average any more: whatever the student says, the teacher says too", [slower]


def _for_exploding(case: Case) -> tuple[str, list[Remedy]]:
    remedies = [Remedy("a lower learning rate", _slower(case))]
    if not case.asked.optimizer.clip:
        remedies.append(Remedy("a limit to the gradient", {"optimizer.clip": 3.0 if isinstance(case.method, Dino) else 1.0}))
    if _follows_at_once(case):
        cause, first = _for_aliased(case)
        return cause, [*first, *remedies]
    return (_fast(case) if _is_fast(case) else "steps are too large for where the weights are now"), remedies


def _for_not_finite(case: Case) -> tuple[str, list[Remedy]]:
    skip = Remedy("go back and pass over this batch")
    cause, remedies = _for_exploding(case)
    return cause, [skip, *remedies, Remedy('in bfloat16: compute.precision = "float32" in a new run')]


def _for_waiting(case: Case) -> tuple[str, list[Remedy]]:
    threads = Remedy("more threads (compute.threads), or fewer runs beside this one")
    fewer = (
        Remedy("fewer crops (method.local_crops)") if isinstance(case.method, Dino) else Remedy("smaller pictures (data.size)")
    )
    return "pictures are prepared more slowly than they are learned from; what is learned is not affected", [threads, fewer]


def _for_behind(case: Case) -> tuple[str, list[Remedy]]:
    usual = _usual(case, "method.momentum")
    if usual.get("method.momentum", math.inf) >= case["schedule/momentum"]:  # then half as far back as now
        usual = {"method.momentum": round(schedule.momentum_of(case.half_life / 2), 4)} if case.half_life < math.inf else {}
    faster = Remedy("a teacher that follows sooner", usual)
    return "the teacher is an average over too long a time, so it holds the student back", [faster]


# ---- what remedies are made of ------------------------------------------------------------------------------------------


def _usual(case: Case, path: str) -> dict[str, Any]:
    """The change to what "auto" gives for this run, rounded as there."""
    try:
        wished = recipe.changed(case.asked, path, "auto")
        pictures = case.per_epoch * case.asked.training.batch
        found, _ = scaled.resolve(wished, scaled.Facts(pictures, 0, 0, 0))
    except (RecipeErrors, KeyError):  # this method has no such field
        return {}
    return {path: recipe.flat(recipe.to_table(found))[path]}


def _slower(case: Case) -> dict[str, Any]:
    """To the usual learning rate if it is far above, else to a third of what it is."""
    rate = float(case.asked.optimizer.lr)
    usual = _usual(case, "optimizer.lr").get("optimizer.lr", rate)
    return {"optimizer.lr": usual if rate > 3 * usual else float(f"{rate / 3:.3g}")}


def _temperature(case: Case) -> list[Remedy]:
    """Down to the usual one; nothing below that has been seen to help."""
    usual = _usual(case, "method.teacher_temp")
    return [Remedy("a colder teacher", usual)] if usual["method.teacher_temp"] < float(case.method.teacher_temp) else []


def _is_fast(case: Case) -> bool:
    usual = _usual(case, "optimizer.lr").get("optimizer.lr")
    return usual is not None and float(case.asked.optimizer.lr) > 5 * usual


def _fast(case: Case) -> str:
    usual = _usual(case, "optimizer.lr")["optimizer.lr"]
    times = words.number(float(case.asked.optimizer.lr) / usual, 0)
    return f"the learning rate of {words.rate(float(case.asked.optimizer.lr))} is {times} times what is usual at this batch"


def _follows_at_once(case: Case) -> bool:
    return _aliased(case) >= 1


RULES: dict[str, Rule] = {  # causes before what they lead to: the first that begins is acted on
    "aliased": Rule(_aliased, _said_aliased, _for_aliased),
    "exploding": Rule(_exploding, _said_exploding, _for_exploding),
    "teacher_behind": Rule(_teacher_behind, _said_behind, _for_behind),
    "dead": Rule(_dead, _said_features, _for_dead),
    "one_dimension": Rule(_one_dimension, _said_spread, _for_one_dimension),
    "uniform": Rule(_uniform, _said_answers, _for_uniform),
    "loader_bound": Rule(_loader_bound, _said_waiting, _for_waiting),
}
NOT_FINITE = "not_finite"
SETTLES = ("one_dimension", "uniform")  # every run begins so: told only of a run that has had time to settle
HARMLESS = ("loader_bound",)  # slow, but nothing is wrong with what is learned: always told, never acted on


# ---- the watchdog -------------------------------------------------------------------------------------------------------


@dataclass
class _Course:
    """How one complaint stands."""

    bad: int = 0  # blocks in a row
    good: int = 0
    since: int = 0  # the step before the first of the bad ones
    present: bool = False

    def see(self, severity: float, before: int, may_begin: bool) -> bool:
        """The next block, which began after step `before`; whether the complaint begins or ends with it."""
        if math.isnan(severity):
            return False
        self.since = self.since if self.bad else before
        self.bad = self.bad + 1 if severity >= 1 else 0
        self.good = self.good + 1 if severity <= CLEAR else 0
        turned = self.good >= PATIENCE if self.present else self.bad >= PATIENCE and may_begin
        self.present ^= turned
        return turned


@dataclass
class Watchdog:
    """Watches one run. `shared`: student and teacher are the same tensors. `quiet_until`: up to here it is still settling."""

    asked: Experiment  # with the changes so far: whoever changes it says so here
    per_epoch: int
    total_steps: int
    log_every: int = 1
    shared: bool = False
    quiet_until: int = 0
    _courses: dict[str, _Course] = field(default_factory=lambda: {name: _Course() for name in RULES})
    _sums: dict[str, float] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _gradients: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _losses: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _ahead: deque[float] = field(default_factory=lambda: deque(maxlen=PROBES))
    _first_loss: float = math.nan
    _teacher: float = math.inf  # its k-NN at the last probe
    last: Case | None = None  # the newest whole block
    _before: int = 0  # the step after which the block under way began

    @property
    def block(self) -> int:
        """Steps of a block, whole ticks."""
        asked = min(BLOCK[1], max(BLOCK[0], round(BLOCK_SHARE * self.total_steps)))
        return -(-asked // self.log_every) * self.log_every

    @property
    def well_until(self) -> int:
        """The newest step up to which nothing is suspected, harmless things aside."""
        suspects = [one.since for name, one in self._courses.items() if name not in HARMLESS and (one.bad or one.present)]
        return min(suspects, default=self._before)

    def see(self, step: int, values: Mapping[str, float]) -> list[Told]:
        """A tick. What begins or is over with it, at the end of a block."""
        if math.isnan(self._first_loss):
            self._first_loss = values.get("train/loss", math.nan)
        for name, value in values.items():
            value = math.log(max(value, 1e-30)) if name == "grad/norm" else value  # a lone spike is no explosion
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        return list(self._close(step)) if step % self.block == 0 else []

    def probe(self, values: Mapping[str, float]) -> None:
        """What a probe has measured on val; looked at with the next block. A teacher that still rises is not behind, but on its
        way: an average follows its student at a distance while that learns quickly."""
        if {"knn/student", "knn/teacher"} <= values.keys():
            rises = values["knn/teacher"] > self._teacher
            self._ahead.append(0.0 if rises else values["knn/student"] - values["knn/teacher"])
            self._teacher = values["knn/teacher"]

    def case(self, step: int) -> Case:
        """The block under way as it stands."""
        now = {name: total / self._counts[name] for name, total in self._sums.items()}
        if "grad/norm" in now:
            now["grad/norm"] = math.exp(now["grad/norm"])
        return Case(
            asked=self.asked,
            step=step,
            total_steps=self.total_steps,
            per_epoch=self.per_epoch,
            now=now,
            usual_gradient=median(self._gradients) if len(self._gradients) >= PATIENCE else math.nan,
            usual_loss=median(self._losses) if len(self._losses) >= PATIENCE else math.nan,
            first_loss=self._first_loss,
            ahead=sum(self._ahead) / PROBES if len(self._ahead) == PROBES else math.nan,
            shared=self.shared,
            quiet_until=self.quiet_until,
        )

    def not_finite(self, first_step: int, step: int) -> Diagnosed:
        """The verdict on a loss that is not finite any more, first in `first_step`."""
        cause, remedies = _for_not_finite(self.case(step))
        evidence = f"the loss or its gradient became not finite at step {words.count(step)}"
        return Diagnosed(step=step, verdict=NOT_FINITE, since=first_step - 1, evidence=evidence, cause=cause, remedies=remedies)

    def _close(self, step: int) -> Iterator[Told]:
        first = larger_from(self.asked, self.per_epoch, self.total_steps)
        if self._before <= first < step:  # what was usual was so of other crops
            self._gradients.clear()
            self._losses.clear()
            self.quiet_until = max(self.quiet_until, step + round(SETTLING * (self.total_steps - first)))
        case = self.last = self.case(step)
        settled = replace(case, step=step - (PATIENCE - 1) * self.block).settled  # as many blocks as a verdict takes
        for name, rule in RULES.items():
            course = self._courses[name]
            may_begin = name not in SETTLES or settled
            if not course.see(rule.severity(case), self._before, may_begin):
                continue
            if course.present:
                cause, remedies = rule.advice(case)
                evidence = rule.evidence(case)
                yield Diagnosed(step=step, verdict=name, since=course.since, evidence=evidence, cause=cause, remedies=remedies)
            else:
                yield Recovered(step=step, verdict=name)
        if not math.isnan(case["grad/norm"] + case["train/loss"]):
            self._gradients.append(case["grad/norm"])
            self._losses.append(case["train/loss"])
        self._sums, self._counts, self._before = {}, {}, step


def caught_up(dog: Watchdog, state: RunState) -> Watchdog:
    """The watchdog after all that a run has kept so far, in the order it was recorded. Says nothing again."""
    for step, (tick, probe) in sorted(_kept(state).items()):
        if "train/loss" in tick:
            dog.see(step, tick)
        if probe:
            dog.probe(probe)
    for name, course in dog._courses.items():
        course.present = name in state.diagnoses
    if state.rollbacks:  # what was changed takes a while to show
        dog.quiet_until = state.rollbacks[-1].to_step + round(SETTLING * dog.total_steps)
    return dog


def _kept(state: RunState) -> dict[int, tuple[dict[str, float], dict[str, float]]]:
    """Step -> what a tick and what a probe on val had to say of it."""
    at: dict[int, tuple[dict[str, float], dict[str, float]]] = {}
    for key, curve in state.curves.items():
        name, _, split = key.partition("@")
        if split in ("", "val") and not key.startswith(("val/", "test/")):
            for step, value in zip(curve.steps[curve.kept].tolist(), curve.values[curve.kept].tolist()):
                at.setdefault(step, ({}, {}))[split == "val"][name] = value
    return at
