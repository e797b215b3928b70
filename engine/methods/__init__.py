"""What a student learns from. A method is an nn.Module that train.py drives without asking which one it has.

views                          how many differently varied versions of a picture it wants to see
parameter_groups(decay)        the optimizer's groups
loss(batch, step)              -> (scalar to minimise, {name: scalar} to show)
before_optimizer(step)         after backward, before the optimizer's step
after_step(step)               after the optimizer's step (a teacher's average, a centre)
backbones()                    -> (student, teacher or None) for probes
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from engine.methods.distill import (
    BornAgain,
    BornAgainWithLabels,
    ConfidenceWeighted,
    DecoupledDistillation,
    Distillation,
    Permuted,
)
from engine.methods.method import Method
from engine.methods.supervised import Supervised

METHODS: dict[str, Callable[[Any, nn.Module, nn.Module | None], Method]] = {
    "supervised": Supervised,
    "ban": BornAgain,
    "ban_label": BornAgainWithLabels,
    "cwtm": ConfidenceWeighted,
    "dkpp": Permuted,
    "kd": Distillation,
    "dkd": DecoupledDistillation,
}

__all__ = ["METHODS", "Method"]
