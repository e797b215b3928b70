"""A recipe's schedules as functions of the step: epochs become steps here and nowhere else. No torch: the window draws them."""

from engine import recipe, schedule
from engine.recipe import Experiment


def learning_rate(asked: Experiment, per_epoch: int) -> schedule.Schedule:
    """The learning rate of each step, with `per_epoch` steps an epoch."""
    shape, peak = asked.schedule, asked.optimizer.lr
    warmup, total = round(shape.warmup_epochs * per_epoch), asked.training.epochs * per_epoch
    if isinstance(shape, recipe.Cosine):
        return schedule.cosine(peak, peak * shape.final, total, warmup)
    if isinstance(shape, recipe.Step):
        return schedule.step(peak, [epoch * per_epoch for epoch in shape.milestones], shape.factor, warmup)
    return schedule.constant(peak, warmup)
