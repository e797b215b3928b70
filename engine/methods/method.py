"""The seam between the loop and a method, and the parts most methods share."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from engine.data.answers import Answers
from engine.data.batch import Batch
from engine.data.crops import View
from engine.schedule import Schedule


class Method(nn.Module):
    """One student and, if there is one, its teacher."""

    views: tuple[View, ...] = ()  # kinds of crops it wants to see; none: one picture, varied as the recipe's [augment] says
    last_views: tuple[View, ...] = ()  # those of its last epochs, where they are others
    classifies = True  # the student's logits are classes, so accuracy can be measured

    def __init__(self, asked: Any, student: nn.Module, teacher: nn.Module | None) -> None:
        super().__init__()
        self.asked = asked
        self.student = student
        self.teacher = teacher
        self.schedules: Mapping[str, Schedule] = {}
        self.per_epoch = 1
        self.answers: Answers | None = None  # the frozen teacher's, where they are kept

    def plan(self, schedules: Mapping[str, Schedule], per_epoch: int) -> None:
        """Told before the first step, and again when one changes: what goes with the step, and the steps of an epoch."""
        self.schedules, self.per_epoch = schedules, per_epoch

    def views_at(self, epoch: int) -> tuple[View, ...]:
        """The kinds of crops of an epoch, counted from 0: a function of nothing else, so that a resumed run sees the same."""
        return self.views

    def readers(self) -> Iterator[tuple[nn.Module, int]]:
        """Which network has to read crops of which size, px."""
        return ((self.student, view.size) for view in (*self.views, *self.last_views))

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """What the optimizer moves, by name."""
        return ((name, weight) for name, weight in self.student.named_parameters() if weight.requires_grad)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Weights decay, biases and norms (everything of one dimension or none) do not."""
        trained = [weight for _, weight in self.trained()]
        return [
            {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": weight_decay, "decays": True},
            {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0, "decays": False},
        ]

    def rate_share(self, group: Mapping[str, Any], step: int) -> float:
        """Of the learning rate, for one of the groups above."""
        return 1.0

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        raise NotImplementedError

    def clip(self, limit: float) -> Tensor:
        """Shorten the whole gradient to `limit` at most; 0 leaves it alone. Returns its length before."""
        return nn.utils.clip_grad_norm_([weight for _, weight in self.trained()], limit or float("inf"))

    def before_optimizer(self, step: int) -> None:
        """Nothing by default."""

    def after_step(self, step: int) -> None:
        """Nothing by default."""

    def backbones(self) -> tuple[nn.Module, nn.Module | None]:
        return self.student, self.teacher

    def judged(self) -> Iterator[tuple[str, nn.Module]]:
        """Whose features are judged, as in "knn/student"; the last is the one that is kept."""
        yield "student", self.student
        if self.teacher is not None:
            yield "teacher", self.teacher

    def prototypes(self, features_ND: Tensor) -> Tensor | None:
        """The teacher's probabilities [N, K] over what takes the place of classes; None for methods with classes."""
        return None

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint keeps, by file: "model" the student, "teacher" one that is an average and no run of its own."""
        return {"model": self.student.state_dict()}

    def load_weights(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """The state that `weights` gave. Raises RuntimeError if it is another network's."""
        self.student.load_state_dict(weights["model"])


def accuracy(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Share of the batch whose largest logit is the label's; a scalar in [0, 1]."""
    return (logits_BK.argmax(dim=1) == labels_B).float().mean()


def freeze(teacher: nn.Module) -> nn.Module:
    """A frozen teacher: evaluation mode (dropout off, running statistics of batch norm) and no gradients."""
    teacher.eval()
    for parameter in teacher.parameters():
        parameter.requires_grad_(False)
    return teacher


def refuse_shared_weights(student: nn.Module, teacher: nn.Module) -> None:
    """A student that shares memory with its teacher agrees with itself and learns nothing; it would be our mistake."""
    shared = set(_storages(student)) & set(_storages(teacher))
    assert not shared, f"student and teacher share {len(shared)} tensors"


def _storages(network: nn.Module) -> Iterator[int]:
    for tensor in [*network.parameters(), *network.buffers()]:
        if tensor.numel() and tensor.device != torch.device("meta"):
            yield tensor.untyped_storage().data_ptr()
