"""Students of a frozen network. Born-Again Networks (Furlanello et al. 2018, arXiv:1805.04770).

Here: who is asked what, and what is shown of it. The formulas are in losses.py.

Shapes: B images, K classes.
"""

from typing import Any

import torch
from torch import Tensor, nn

from engine import losses
from engine.data.batch import Batch
from engine.methods.method import Method, accuracy, freeze, refuse_shared_weights


class BornAgain(Method):
    """A fresh student learns the predictions of the converged generation before it, at T = 1 (section 3, eq. 2).

    The teacher sees the very same varied picture as the student, in evaluation mode and without gradients.
    """

    def __init__(self, asked: Any, student: nn.Module, teacher: nn.Module | None) -> None:
        assert teacher is not None, "a born-again student needs its teacher"
        super().__init__(asked, student, freeze(teacher))
        refuse_shared_weights(student, teacher)

    def train(self, mode: bool = True) -> "BornAgain":
        """The student's mode; the frozen teacher stays in evaluation mode."""
        super().train(mode)
        assert self.teacher is not None
        self.teacher.eval()
        return self

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        assert self.teacher is not None
        with torch.no_grad():
            teacher_BK = self.teacher(batch.pictures_BCHW)
        student_BK = self.student(batch.pictures_BCHW)
        loss = losses.ban_loss(student_BK, teacher_BK)
        return loss, {
            "train/loss": loss,
            "train/accuracy": accuracy(student_BK, batch.labels_B),
            "train/agreement": accuracy(student_BK, teacher_BK.argmax(dim=1)),
            "train/kl": losses.kl(student_BK.detach(), teacher_BK),
        }
