"""Signals to verdicts: what a run suffers from and since when. No torch.

Fed with every tick and every probe that is recorded; what is done about a verdict is train.py's, how severe a complaint is
verdicts.py's, what is said of it remedies.py's. A verdict rests on blocks, means over a stretch of steps, so that one odd tick
says nothing, and on several of them in a row:

    well --severity >= 1 in `PATIENCE` blocks in a row--> diagnosed --severity <= `CLEAR` in as many--> recovered

Memory is constant: the block under way, and two numbers of each of the last `REMEMBERED` blocks.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from engine import words
from engine.events import Diagnosed, Recovered
from engine.recipe import Experiment
from engine.remedies import HARMLESS, NOT_FINITE, RULES, SETTLES, for_not_finite
from engine.state import RunState
from engine.verdicts import BLOCK, BLOCK_SHARE, CLEAR, PATIENCE, PROBES, REMEMBERED, SETTLING, Case, larger_from

Told = Diagnosed | Recovered


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
    classes: int = 0
    pictures: int = 0  # to train on, and how many of them differ
    distinct: int = 0
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
            classes=self.classes,
            pictures=self.pictures,
            distinct=self.distinct,
        )

    def not_finite(self, first_step: int, step: int) -> Diagnosed:
        """The verdict on a loss that is not finite any more, first in `first_step`."""
        cause, remedies = for_not_finite(self.case(step))
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
