"""What a student learns from. A method is an nn.Module that train.py drives without asking which one it has.

views, views_at(epoch)         the kinds of crops it wants to see; none: one picture, varied as the recipe says
classifies                     whether the student's logits are classes
plan(schedules, per_epoch)     told what goes with the step
trained()                      (name, parameter) of all that the optimizer moves
parameter_groups(decay)        the optimizer's groups
rate_share(group, step)        what part of the learning rate a group has
loss(batch, step)              -> (scalar to minimise, {name: scalar} to show)
clip(limit)                    after backward; -> the gradient's length before
before_optimizer(step)         after that, before the optimizer's step
after_step(step)               after the optimizer's step (a teacher's average, a centre)
backbones()                    -> (student, teacher or None) for probes
judged()                       the names and networks whose features are worth measuring; the last one is kept
weights(), load_weights(w)     what a checkpoint keeps, by file
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from engine import recipes
from engine.fields import tag_of
from engine.methods.dino import Dino
from engine.methods.dinov2 import Dinov2
from engine.methods.dinov2_taught import Headed, Taught
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
    "dino": Dino,
    "dinov2": Dinov2,
}


def build(asked: Any, student: nn.Module, teacher: nn.Module | None) -> Method:
    """The method of a recipe's [method], with what it trains. Raises RecipeErrors, ValueError for what does not fit."""
    if isinstance(asked, recipes.Dinov2) and teacher is not None:
        return Taught(asked, student, teacher)
    return METHODS[tag_of(type(asked))](asked, student, teacher)


def headed(run: str, learned: Any, network: nn.Module, kept: Mapping[str, Tensor] | None = None) -> nn.Module:
    """A network that learned without labels, with its heads, as a teacher. `learned`: its method; without `kept` untrained."""
    found = Headed(run, learned, network)
    return found if kept is None else found.load(kept)


__all__ = ["METHODS", "Method", "build", "headed"]
