"""Any knob as a function of the optimizer step, counted from 0. No torch: the window draws these too.

The first four functions check their arguments and return a `Schedule`. The forms are those of DINO's `cosine_scheduler`
(facebookresearch/dino, utils.py), taken per iteration; a warm-up is numpy's linspace(start, base, warmup_steps), so its
last step already has the full value. Momentum (0.996 to 1) and weight decay (0.04 to 0.4) are cosines that rise, a
teacher's temperature (0.04 to 0.07) is `linear`. The others turn one number into another: rates that go with the
batch, and a teacher's momentum as the number of steps it looks back. Epochs are not known here.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

Schedule = Callable[[int], float]


def cosine(base: float, final: float, steps: int, warmup_steps: int = 0, start: float = 0.0) -> Schedule:
    """Warm-up from `start` to `base`, then half a cosine that reaches `final` at `steps` and stays there."""
    _check_counts(steps=steps, warmup_steps=warmup_steps)
    if warmup_steps > steps:
        raise ValueError(f"warmup_steps: {warmup_steps} are more than the {steps} steps of the whole schedule")
    half, length = 0.5 * (base - final), steps - warmup_steps

    def value(step: int) -> float:
        if step < warmup_steps:
            return _linspace(start, base, warmup_steps, step)
        if step >= steps:
            return final
        return final + half * (1 + math.cos(math.pi * (step - warmup_steps) / length))

    return value


def linear(start: float, end: float, steps: int) -> Schedule:
    """linspace(start, end, steps), then flat at `end`."""
    _check_counts(steps=steps)
    return lambda step: _linspace(start, end, steps, step) if step < steps else end


def constant(value: float, warmup_steps: int = 0) -> Schedule:
    """`value` throughout, after an optional warm-up from 0."""
    _check_counts(warmup_steps=warmup_steps)
    return lambda step: _linspace(0.0, value, warmup_steps, step) if step < warmup_steps else value


def step(base: float, milestones: Sequence[int], factor: float, warmup_steps: int = 0) -> Schedule:
    """`base` times `factor` for every milestone that has been reached, after an optional warm-up from 0."""
    _check_counts(warmup_steps=warmup_steps)
    if factor < 0:
        raise ValueError(f"factor: {factor:g} is negative")
    marks = tuple(milestones)
    if any(late <= early for early, late in pairwise(marks)):
        raise ValueError(f"milestones: {list(marks)} do not rise from one to the next")
    if marks and marks[0] < warmup_steps:
        raise ValueError(f"milestones: {marks[0]} lies within the warm-up of {warmup_steps} steps")

    def value(step: int) -> float:
        if step < warmup_steps:
            return _linspace(0.0, base, warmup_steps, step)
        return base * factor ** sum(mark <= step for mark in marks)

    return value


def scaled_linearly(rate: float, batch: int, reference: int = 256) -> float:
    """The learning rate for `batch` pictures a step over all devices, if `rate` is that for `reference` (DINO, iBOT)."""
    _check_batch(batch=batch, reference=reference)
    return rate * batch / reference


def scaled_by_root(rate: float, batch: int, reference: int = 1024) -> float:
    """The same by the square root of the batch (DINOv2; DINOv3 with four times its `rate`)."""
    _check_batch(batch=batch, reference=reference)
    return rate * math.sqrt(batch / reference)


def half_life(momentum: float) -> float:
    """After so many steps a student's weights make up half of a teacher's: ln 0.5 / ln momentum. 0 at 0, infinite at 1."""
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum: {momentum:g} is outside [0, 1]")
    if momentum in (0, 1):
        return math.inf if momentum else 0.0
    return math.log(0.5) / math.log(momentum)


def momentum_of(half_life_steps: float) -> float:
    """The momentum of a teacher that looks back so far: 0.5 ** (1 / steps); what `half_life` turns round."""
    if not half_life_steps >= 0:
        raise ValueError(f"half_life_steps: {half_life_steps:g} is negative")
    return 0.5 ** (1 / half_life_steps) if half_life_steps else 0.0


def _linspace(start: float, end: float, count: int, index: int) -> float:
    """numpy.linspace(start, end, count)[index], to the bit: the last value is `end` itself, a single one is `start`."""
    if index == count - 1 and count > 1:
        return end
    return start if count == 1 else start + index * ((end - start) / (count - 1))


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"{name}: {count} is negative")


def _check_batch(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {size} is less than one picture")
