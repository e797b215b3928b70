"""A recipe's schedules as functions of the step: epochs become steps here and nowhere else. No torch: the window draws them."""

from engine import recipe, schedule
from engine.recipe import Experiment
from engine.recipes import Dino, Dinov2


def learning_rate(asked: Experiment, per_epoch: int) -> schedule.Schedule:
    """The learning rate of each step, with `per_epoch` steps an epoch."""
    shape, peak = asked.schedule, _number(asked.optimizer.lr)
    warmup, total = round(_number(shape.warmup_epochs) * per_epoch), asked.training.epochs * per_epoch
    if isinstance(shape, recipe.Cosine):
        return schedule.cosine(peak, peak * shape.final, total, warmup)
    if isinstance(shape, recipe.Step):
        return schedule.step(peak, [epoch * per_epoch for epoch in shape.milestones], shape.factor, warmup)
    return schedule.constant(peak, warmup)


def schedules(asked: Experiment, per_epoch: int) -> dict[str, schedule.Schedule]:
    """Everything that changes from step to step, by the name of its metric. No field may say "auto" any more (scaled.py)."""
    total, method = asked.training.epochs * per_epoch, asked.method
    found = {"schedule/lr": learning_rate(asked, per_epoch)}
    if isinstance(method, Dino):
        found["schedule/weight_decay"] = schedule.cosine(asked.optimizer.weight_decay, method.weight_decay_final, total)
        found["schedule/momentum"] = schedule.cosine(_number(method.momentum), method.momentum_final, total)
        found["schedule/teacher_temp"] = _teacher_temperature(method, per_epoch)
    if isinstance(method, Dinov2) and method.high_epochs:
        found["schedule/global_size"] = _global_size(method, total, total - method.high_epochs * per_epoch)
    return found


def _global_size(method: Dinov2, total: int, first: int) -> schedule.Schedule:
    """The side of a global crop, px: larger from step `first` on."""
    usual, large = _number(method.global_size), float(method.high_size)
    return lambda step: large if step >= first else usual


def _teacher_temperature(method: Dino, per_epoch: int) -> schedule.Schedule:
    """linspace(start, end, warm-up), then flat: by whole epochs as in main_dino.py, by steps as in DINOv2."""
    start, end, warmup = map(_number, (method.teacher_temp_start, method.teacher_temp, method.teacher_temp_warmup_epochs))
    if isinstance(method, Dinov2):
        return schedule.linear(start, end, round(warmup * per_epoch))
    of_epoch = schedule.linear(start, end, round(warmup))
    return lambda step: of_epoch(step // per_epoch)


def _number(value: float | str) -> float:
    assert not isinstance(value, str), f"{value} is still to be resolved"
    return value
