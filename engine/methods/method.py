"""The seam between the loop and a method, and the parts most methods share."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.data.batch import Batch


class Method(nn.Module):
    """One student and, if there is one, its teacher."""

    views = 1

    def __init__(self, asked: Any, student: nn.Module, teacher: nn.Module | None) -> None:
        super().__init__()
        self.asked = asked
        self.student = student
        self.teacher = teacher
        self.per_epoch = 1  # steps

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Weights decay, biases and norms (everything of one dimension or none) do not."""
        trained = [parameter for parameter in self.student.parameters() if parameter.requires_grad]
        return [
            {
                "params": [parameter for parameter in trained if parameter.ndim > 1],
                "weight_decay": weight_decay,
                "decays": True,
            },
            {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0, "decays": False},
        ]

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        raise NotImplementedError

    def before_optimizer(self, step: int) -> None:
        """Nothing by default."""

    def after_step(self, step: int) -> None:
        """Nothing by default."""

    def backbones(self) -> tuple[nn.Module, nn.Module | None]:
        return self.student, self.teacher


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
