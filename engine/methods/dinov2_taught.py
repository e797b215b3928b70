"""DINOv2's way to a small network: it learns from a large one that has finished, frozen (Oquab et al. 2023, section 5).

The losses are DINOv2's own, against what the frozen network says with the heads it learned with; nothing is hidden from the
student and none of its blocks is left out, so every patch of every global crop is asked about. What is kept is an average of
the student. Here: who answers, and what is refused. The steps are dinov2.py's, the average is that of Dino, which in a run
without a frozen teacher teaches.

Shapes: T global crops of B pictures, N = T B, P patches of one, K prototypes, D features.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import losses
from engine.data.batch import Batch
from engine.fields import RecipeError, RecipeErrors
from engine.methods.dino import CENTER, HEAD, projected
from engine.methods.dinov2 import PATCH_CENTER, PATCHES, Dinov2, patch_of
from engine.methods.method import freeze
from engine.models.heads import DinoHead
from engine.models.imported import OF_METHODS
from engine.models.vit import Hidden
from engine.recipes import Dino as AskedDino
from engine.recipes import Dinov2 as Asked
from engine.run import Refused


class Headed(nn.Module):
    """A network that learned without labels, and the heads it answers with: for whole pictures, and for patches if it has one.

    `run`: what it is called; `asked`: what its method was asked, without an "auto".
    """

    def __init__(self, run: str, asked: Any, network: nn.Module) -> None:
        super().__init__()
        if not isinstance(asked, AskedDino):
            raise Refused(f"teacher: {run} learned classes and has no prototypes to teach; take a run of dinov2 or dino")
        if not hasattr(network, "features_and_patches"):
            raise Refused(f"teacher: {run} has no patches to answer for; take a run of a vision transformer")
        self.run = run
        self.network = network
        self.head = _head(asked, network, int(asked.prototypes))
        self.patch_head: nn.Module | None = None  # none: it never learned to answer for patches
        if isinstance(asked, Asked) and asked.ibot_weight:
            own = asked.separate_heads
            self.patch_head = _head(asked, network, int(asked.patch_prototypes)) if own else self.head
        self.register_buffer("center_K", torch.zeros(_answers(self.head)))
        self.register_buffer("patch_center_K", torch.zeros(_answers(self.patch_head or self.head)))
        self.center_K: Tensor
        self.patch_center_K: Tensor

    def load(self, kept: Mapping[str, Tensor]) -> "Headed":
        """What the checkpoint of a run kept of its average. Raises Refused if that is another network's."""
        try:
            self.network.load_state_dict({n: tensor for n, tensor in kept.items() if not n.startswith(OF_METHODS)})
            self.head.load_state_dict(_within(kept, HEAD))
            self.center_K.copy_(kept[CENTER])
            if self.patch_head is not None:
                self.patch_center_K.copy_(kept[PATCH_CENTER])
                self.patch_head.load_state_dict(_within(kept, PATCHES if self.patch_head is not self.head else HEAD))
        except (KeyError, RuntimeError) as error:
            raise Refused(f"teacher: {self.run} does not hold the weights of its network and heads: {error}") from None
        return self


class Taught(Dinov2):
    """A student of a frozen network with heads, and its own average, which is what is kept of it."""

    def __init__(self, asked: Asked, student: nn.Module, teacher: nn.Module | None) -> None:
        assert isinstance(teacher, Headed), "a student needs its teacher, with its heads"
        super().__init__(asked, student, None)
        if errors := list(_contradictions(asked, student, teacher)):
            raise RecipeErrors(errors)
        self.frozen = teacher
        freeze(self.frozen)
        self.center_K.copy_(teacher.center_K)
        if asked.ibot_weight:
            self.patch_center_K.copy_(teacher.patch_center_K)

    def train(self, mode: bool = True) -> "Taught":
        """The student's mode. The frozen network says of a picture what it says of it alone: its statistics are final."""
        super().train(mode)
        self.frozen.eval()
        return self

    def readers(self) -> Iterator[tuple[nn.Module, int]]:
        yield from super().readers()
        yield from ((self.frozen.network, views[0].size) for views in (self.views, self.last_views) if views)

    def backbones(self) -> tuple[nn.Module, nn.Module | None]:
        """(what is kept of the student: its average; its teacher: the frozen network)."""
        assert self.teacher is not None
        return self.teacher, self.frozen.network

    def judged(self) -> Iterator[tuple[str, nn.Module]]:
        """The student as it is, and its average. What the frozen network is worth stands in its own run."""
        assert self.teacher is not None
        yield "student", self.student
        yield "average", self.teacher

    @property
    def averages_buffers(self) -> bool:
        """Always: this average never sees a batch, from which it could have statistics of its own."""
        return True

    # ---- one step -------------------------------------------------------------------------------------------------------

    def teacher_says(self, global_TBCHW: Tensor) -> tuple[Tensor, Tensor]:
        cls_ND, patches_NPD = self.frozen.network.features_and_patches(global_TBCHW.flatten(0, 1))  # type: ignore[operator]
        return projected(self.frozen.head, cls_ND.unflatten(0, global_TBCHW.shape[:2])), patches_NPD

    @property
    def teacher_patch_head(self) -> nn.Module:
        assert self.frozen.patch_head is not None
        return self.frozen.patch_head

    def guessed(self, batch: Batch, patches: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Every patch of every global crop."""
        return np.full((len(batch.views[0]) * len(batch.index_B), patches), self.asked.ibot_weight > 0)

    def hidden(self, guessed_NP: Tensor) -> Hidden | None:
        return None

    # ---- what is shown --------------------------------------------------------------------------------------------------

    def signs(self, *seen: Any) -> dict[str, Tensor]:
        """All but how far the teacher looks back: this one stands still."""
        return {name: value for name, value in super().signs(*seen).items() if name != "teacher/lag_epochs"}

    @torch.no_grad()
    def prototypes(self, features_ND: Tensor) -> Tensor:
        return losses.centered_target(self.frozen.head(features_ND), self.center_K, float(self.asked.teacher_temp))


def _head(asked: AskedDino, network: nn.Module, prototypes: int) -> DinoHead:
    sizes = (asked.hidden, asked.bottleneck, asked.layers, asked.batch_norm, asked.frozen_scale)
    return DinoHead(int(network.embed_dim), prototypes, *sizes)  # type: ignore[arg-type]


def _within(kept: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in kept.items() if name.startswith(prefix)}


def _answers(head: nn.Module) -> int:
    return int(head.last.out_features)  # type: ignore[union-attr,arg-type]


def _contradictions(asked: Asked, student: nn.Module, teacher: Headed) -> Iterator[RecipeError]:
    """Where the student could not be compared with its teacher, answer for answer."""
    ours, theirs = patch_of(student), patch_of(teacher.network)
    if ours != theirs:
        problem = f"{ours} px make other patches of a crop than {teacher.run} with its {theirs} px"
        yield RecipeError("model.patch", f"{problem}; write {theirs}")
    yield from _numbers("method.prototypes", int(asked.prototypes), _answers(teacher.head), teacher.run)
    if not asked.ibot_weight:
        return
    if teacher.patch_head is None:
        problem = f"{asked.ibot_weight:g} asks about patches, for which {teacher.run} never learned to answer"
        yield RecipeError("method.ibot_weight", f"{problem}; write 0, or take a run of dinov2")
    elif asked.separate_heads:
        there = _answers(teacher.patch_head)
        yield from _numbers("method.patch_prototypes", int(asked.patch_prototypes), there, teacher.run)
    elif _answers(teacher.patch_head) != int(asked.prototypes):
        problem = f"is false, but {teacher.run} has other prototypes for patches than for whole pictures"
        yield RecipeError("method.separate_heads", f"{problem}; write true")


def _numbers(field: str, ours: int, theirs: int, run: str) -> Iterator[RecipeError]:
    if ours != theirs:
        yield RecipeError(field, f"{ours} cannot say what {run} says with its {theirs}; write {theirs}")
