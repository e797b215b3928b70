"""Plain training on labels: the baseline, and F0 of every born-again lineage (theta_0 = argmin CE(label, f(x)))."""

from torch import Tensor
from torch.nn import functional as F

from engine.data.batch import Batch
from engine.methods.method import Method, accuracy


class Supervised(Method):
    """Cross-entropy with the labels."""

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        logits_BK = self.student(batch.pictures_BCHW)
        loss = F.cross_entropy(logits_BK.float(), batch.labels_B)
        return loss, {"train/loss": loss, "train/accuracy": accuracy(logits_BK, batch.labels_B)}
