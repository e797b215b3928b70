"""Students of a frozen network: Born-Again Networks (Furlanello et al. 2018, arXiv:1805.04770), and distillation.

Here: who is asked what, and what is shown of it. The formulas are in losses.py, DKPP's permutations in permutations.py.

Shapes: B images, K classes.
"""

from typing import Any

import torch
from torch import Tensor, nn

from engine import losses
from engine.data.batch import Batch
from engine.data.device import onto
from engine.distributed import gather
from engine.methods.method import Method, accuracy, freeze, refuse_shared_weights
from engine.methods.permutations import draws, permuted


class Taught(Method):
    """A fresh student learns from a frozen teacher; what exactly is its `objective`.

    The teacher sees the very same varied picture as the student, in evaluation mode and without gradients.
    """

    def __init__(self, asked: Any, student: nn.Module, teacher: nn.Module | None) -> None:
        assert teacher is not None, "a student needs its teacher"
        super().__init__(asked, student, freeze(teacher))
        refuse_shared_weights(student, teacher)

    def train(self, mode: bool = True) -> "Taught":
        """The student's mode; the frozen teacher stays in evaluation mode."""
        super().train(mode)
        assert self.teacher is not None
        self.teacher.eval()
        return self

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        teacher_BK = self.taught(batch, step)
        student_BK = self.student(batch.pictures_BCHW)
        loss = self.objective(student_BK, teacher_BK, batch, step)
        return loss, {
            "train/loss": loss,
            "train/accuracy": accuracy(student_BK, batch.labels_B),
            "train/agreement": accuracy(student_BK, teacher_BK.argmax(dim=1)),
            "train/kl": losses.kl(student_BK.detach(), teacher_BK),
            **self.signs(teacher_BK, batch.portion.whole),
        }

    def taught(self, batch: Batch, step: int) -> Tensor:
        """The teacher's logits of what the student sees."""
        assert self.teacher is not None
        if self.answers is not None:
            return self.answers.of(batch, step, self.teacher)
        with torch.no_grad():
            said_BK: Tensor = self.teacher(batch.pictures_BCHW)
        return said_BK

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """The student's, once the teacher's answers so far have proved to be about its pictures."""
        if self.answers is not None:
            self.answers.settle()
        return super().weights()

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        """The scalar to minimise, from both networks' logits."""
        raise NotImplementedError

    def signs(self, teacher_BK: Tensor, whole: int) -> dict[str, Tensor]:
        """What else is worth watching. `whole`: pictures of the step, those of other processes too."""
        return {}


class BornAgain(Taught):
    """The predictions of the converged generation before, at T = 1, and nothing else (section 3, eq. 2)."""

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        return losses.ban_loss(student_BK, teacher_BK)


class BornAgainWithLabels(Taught):
    """The labels and those predictions, a plain sum ("BAN+L")."""

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        return losses.ban_label_loss(student_BK, teacher_BK, batch.labels_B)


class ConfidenceWeighted(Taught):
    """The labels, each picture weighted by the teacher's confidence ("CWTM", eq. 10)."""

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        part = losses.cwtm_loss(student_BK, teacher_BK, batch.labels_B, gather)
        return part / batch.portion.share  # a part of a sum, where a mean over these pictures is asked for; alone it is all

    def signs(self, teacher_BK: Tensor, whole: int) -> dict[str, Tensor]:
        """Whether a few pictures rule the batch: how many equal ones would weigh as much, and the heaviest against the mean."""
        weight_B = losses.cwtm_weights(teacher_BK, gather)
        return {
            "train/effective_batch": 1 / gather(weight_B.square().sum()).sum(),  # (sum w)^2 / sum w^2, and they sum to 1
            "train/heaviest_picture": gather(weight_B.max()).max() * whole,
        }


class Permuted(Taught):
    """The predictions with all but the largest shuffled, picture by picture ("DKPP", eq. 11).

    A shuffle depends on the run's seed, the step and the picture; train.py has seeded torch with the first two.
    """

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        draws_BK = draws(torch.initial_seed(), onto(batch.index_B, teacher_BK.device), teacher_BK.shape[1])
        return losses.ban_loss(student_BK, permuted(teacher_BK, draws_BK))


class Distillation(Taught):
    """The labels and the teacher's predictions at a temperature (Hinton et al. 2015)."""

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        return losses.kd_loss(student_BK, teacher_BK, batch.labels_B, self.asked.temperature, self.asked.alpha)


class DecoupledDistillation(Taught):
    """The labels, how sure the teacher is of them, and what it sees in the other classes (Zhao et al. 2022)."""

    def objective(self, student_BK: Tensor, teacher_BK: Tensor, batch: Batch, step: int) -> Tensor:
        asked = self.asked
        share = min(1.0, (step // self.per_epoch + 1) / max(1, asked.warmup_epochs))  # epochs count from 1, as published
        return losses.dkd_loss(
            student_BK, teacher_BK, batch.labels_B, asked.temperature, share * asked.alpha, share * asked.beta
        )
