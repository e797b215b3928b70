"""Self-distillation without labels (Caron et al. 2021, arXiv:2104.14294).

Here: who sees which crop, the teacher's average and the order of one step. The loss is in losses.py, the crops in
data/crops.py, the schedules in rates.py, the head in models/heads.py.

Shapes: B images, V student crops of which the first T are the teacher's, K prototypes, D features.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from engine import losses, schedule
from engine.data.batch import Batch
from engine.data.crops import View
from engine.distributed import gather, spread
from engine.methods.method import Method
from engine.models.heads import DinoHead
from engine.models.imported import classifier
from engine.recipes import Dino as Asked

HEAD, CENTER = "dino_head.", "dino_center"  # beside the network's own names in a checkpoint


class Dino(Method):
    """A student that sees every crop learns what its own running average says of the global ones (Algorithm 1)."""

    classifies = False

    def __init__(self, asked: Asked, student: nn.Module, teacher: nn.Module | None) -> None:
        assert teacher is None, "DINO's teacher is an average of its student"
        super().__init__(asked, without_classifier(student), None)
        self.views = views(asked)
        self.head = DinoHead(
            int(student.embed_dim),  # type: ignore[arg-type]
            int(asked.prototypes),
            asked.hidden,
            asked.bottleneck,
            asked.layers,
            asked.batch_norm,
            asked.frozen_scale,
        )
        self.teacher = undropped(copy.deepcopy(student)).requires_grad_(False)
        self.teacher_head = copy.deepcopy(self.head).requires_grad_(False)
        self.register_buffer("center_K", torch.zeros(int(asked.prototypes)))
        self.center_K: Tensor

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from super().trained()
        for name, weight in self.head.named_parameters(prefix=HEAD.rstrip(".")):
            if weight.requires_grad:
                yield name, weight

    def pairs(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """What learns, and the average that follows it."""
        assert self.teacher is not None
        yield self.student, self.teacher
        yield self.head, self.teacher_head

    @property
    def averages_buffers(self) -> bool:
        """Whether averages take over running statistics as well as weights."""
        return bool(self.asked.average_buffers)

    # ---- one step, in its order -----------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        assert self.teacher is not None
        global_TBCHW = batch.views[0]
        with torch.no_grad():  # in training mode, as there: a network with BatchNorm normalises by the batch at hand
            teacher_TBK = projected(self.teacher_head, through(self.teacher, (global_TBCHW,)))
        features_VBD = through(self.student, batch.views)
        student_VBK = projected(self.head, features_VBD)
        target_TBK = self.targets(teacher_TBK, self.schedules["schedule/teacher_temp"](step))
        loss = losses.dino_loss_from_targets(student_VBK, target_TBK, self.asked.student_temp)
        self.said_TBK = teacher_TBK
        return loss, {"train/loss": loss, **self.signs(loss.detach(), features_VBD, student_VBK, target_TBK, step)}

    def targets(self, teacher_TBK: Tensor, temperature: float) -> Tensor:
        """The teacher's probabilities."""
        if self.asked.centering == "centre":
            return losses.centered_target(teacher_TBK, self.center_K, temperature)
        return losses.sinkhorn_knopp(teacher_TBK.flatten(0, 1), temperature, gather=gather).view(teacher_TBK.shape)

    def clip(self, limit: float) -> Tensor:
        """Each tensor by itself, as in main_dino.py. Returns the length of the whole gradient before."""
        gradients = [weight.grad for _, weight in self.trained() if weight.grad is not None]
        lengths = torch.stack(torch._foreach_norm(gradients))
        if limit:
            torch._foreach_mul_(gradients, list((limit / (lengths + 1e-6)).clamp(max=1).unbind()))
        whole: Tensor = torch.linalg.vector_norm(lengths)
        return whole

    def before_optimizer(self, step: int) -> None:
        """The prototypes stay as they are at first."""
        if step < self.asked.freeze_epochs * self.per_epoch:
            for weight in self.head.last.parameters():
                weight.grad = None

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """theta_t <- m theta_t + (1 - m) theta_s, parameters only unless asked; then the centre, from this step's outputs."""
        momentum = self.schedules["schedule/momentum"](step)
        for ours, theirs in self.pairs():
            follow([*ours.parameters()], [*theirs.parameters()], momentum)
            if self.averages_buffers:
                for buffer, average in zip(ours.buffers(), theirs.buffers(), strict=True):
                    average.copy_(torch.lerp(buffer, average, momentum) if buffer.is_floating_point() else buffer)
        if self.asked.centering == "centre":
            self.center_K.copy_(losses.update_center(self.center_K, self.said_TBK, self.asked.center_momentum, gather))
        del self.said_TBK

    # ---- what is shown --------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def signs(
        self, cross: Tensor, features_VBD: Tensor, student_VBK: Tensor, target_TBK: Tensor, step: int
    ) -> dict[str, Tensor]:
        """What tells a healthy run from a collapsing one (METHODS 5.1). CE = entropy + KL, of the same pairs as the loss."""
        same_TB = student_VBK[: len(target_TBK)].argmax(dim=-1) == target_TBK.argmax(dim=-1)
        unit_BD = nn.functional.normalize(features_VBD[0].float(), dim=-1)
        entropy = losses.entropy(target_TBK)
        lag_steps = schedule.half_life(self.schedules["schedule/momentum"](step))
        found = {
            "train/dino": cross,
            "train/agreement": same_TB.float().mean(),
            "teacher/entropy": entropy,
            "teacher/kl": cross - entropy,
            "teacher/marginal_entropy": losses.marginal_entropy(target_TBK, gather),
            "feature/std": spread(unit_BD).mean() * unit_BD.shape[1] ** 0.5,
            "center/norm": torch.linalg.vector_norm(self.center_K),
        }
        if lag_steps < float("inf"):
            found["teacher/lag_epochs"] = entropy.new_full((), lag_steps / self.per_epoch)  # a copy would wait for the GPU
        return found

    @torch.no_grad()
    def prototypes(self, features_ND: Tensor) -> Tensor:
        """What the teacher says of pictures, by its features of them; of each picture alone, whatever is beside it."""
        mode = self.teacher_head.training
        said_NK = self.teacher_head.eval()(features_ND)
        self.teacher_head.train(mode)
        return losses.centered_target(said_NK, self.center_K, float(self.asked.teacher_temp))

    # ---- checkpoints ----------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Each network under its own names, so that either can be loaded without knowing of DINO, and its head beside it."""
        assert self.teacher is not None
        return {
            "model": {**self.student.state_dict(), **self.head.state_dict(prefix=HEAD)},
            "teacher": {**self.teacher.state_dict(), **self.teacher_head.state_dict(prefix=HEAD), CENTER: self.center_K},
        }

    def load_weights(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        assert self.teacher is not None
        for kept, network, head in (
            (weights["model"], self.student, self.head),
            (weights["teacher"], self.teacher, self.teacher_head),
        ):
            network.load_state_dict({name: tensor for name, tensor in kept.items() if not name.startswith((HEAD, CENTER))})
            head.load_state_dict({name.removeprefix(HEAD): tensor for name, tensor in kept.items() if name.startswith(HEAD)})
        self.center_K.copy_(weights["teacher"][CENTER])


def views(asked: Asked) -> tuple[View, ...]:
    """The two kinds of crops, as DINO's DataAugmentationDINO varies them."""
    colours = {
        "flip": asked.flip,
        "jitter": asked.jitter,
        "mix": asked.mix,
        "grey": asked.grey,
        "invert": asked.invert,
    }
    large = View(
        count=asked.global_crops,
        size=int(asked.global_size),
        scale=(asked.global_scale_low, asked.global_scale_high),
        blur=(1.0, 0.1) if asked.blur else (0.0,),
        solarize=(0.0, asked.solarize),
        **colours,
    )
    if not asked.local_crops:
        return (large,)
    small = View(
        count=asked.local_crops,
        size=int(asked.local_size),
        scale=(asked.local_scale_low, asked.local_scale_high),
        blur=(0.5 if asked.blur else 0.0,),
        solarize=(0.0,),
        **colours,
    )
    return large, small


def through(network: Any, views: tuple[Tensor, ...]) -> Tensor:
    """Features of all crops, [V, B, D]: one pass for each size of crop, as a network with BatchNorm needs it."""
    features = [network.features(view_VBCHW.flatten(0, 1)).unflatten(0, view_VBCHW.shape[:2]) for view_VBCHW in views]
    return torch.cat(features)


def projected(head: nn.Module, features_VBD: Tensor) -> Tensor:
    """Logits of all crops, [V, B, K], in one pass."""
    logits_VBK: Tensor = head(features_VBD.flatten(0, 1)).unflatten(0, features_VBD.shape[:2])
    return logits_VBK


@torch.no_grad()
def follow(ours: list[Tensor], theirs: list[Tensor], momentum: float) -> None:
    """theirs <- momentum theirs + (1 - momentum) ours."""
    torch._foreach_mul_(theirs, momentum)
    torch._foreach_add_(theirs, ours, alpha=1 - momentum)


def without_classifier(network: nn.Module) -> nn.Module:
    """The network with what makes logits of features frozen: only labels would train it."""
    for layer in classifier(network):
        layer.requires_grad_(False)
    return network


def undropped(network: nn.Module) -> nn.Module:
    """The network with nothing left out at random while it trains: drop path and dropout are the student's alone."""
    for module in network.modules():
        if isinstance(module, _DropoutNd):
            module.p = 0.0
        for rate in ("drop_path", "drop_prob", "drop_rate"):  # ours, timm's modules, timm's networks
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)
    return network
