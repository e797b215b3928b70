"""DINO with patches hidden from the student (iBOT) and features spread apart (KoLeo): DINOv2 (Oquab et al. 2023,
arXiv:2304.07193).

Here: what one step adds to DINO's, and the larger crops of the last epochs. The losses are in losses.py, the blocks that are
hidden in data/masks.py, a student of a frozen network in dinov2_taught.py.

Shapes: B images, V student crops of which the first T are the teacher's, N = T B global crops, P patches of one, M hidden
patches of all, K prototypes, D features.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import losses
from engine.data import masks
from engine.data.batch import Batch
from engine.data.crops import View
from engine.data.device import onto
from engine.data.order import uniforms
from engine.distributed import gather, gather_rows
from engine.methods.dino import HEAD, Dino, projected, through
from engine.models.heads import DinoHead
from engine.models.vit import Block, Hidden
from engine.recipes import Dinov2 as Asked

PATCHES, TOKEN, PATCH_CENTER = "dino_patch_head.", "dino_mask_token", "dino_patch_center"


class Dinov2(Dino):
    """The teacher sees whole crops; the student must also say what is behind the patches that it does not see."""

    def __init__(self, asked: Asked, student: nn.Module, teacher: nn.Module | None) -> None:
        if not hasattr(student, "features_and_patches"):
            raise ValueError("name: dinov2 hides patches, so it needs a vision transformer with a CLS token; write vit")
        super().__init__(asked, evenly_dropped(student), teacher)
        self.last_views = enlarged(self.views, int(asked.high_size), patch_of(student)) if asked.high_epochs else ()
        self.mask_token = nn.Parameter(torch.zeros(int(student.embed_dim)))  # type: ignore[arg-type]
        count = int(asked.patch_prototypes if asked.separate_heads else asked.prototypes)
        self.register_buffer("patch_center_K", torch.zeros(count))
        self.patch_center_K: Tensor
        self.anywhere = False  # whether another process asks about patches in this step
        if asked.separate_heads:
            sizes = (asked.hidden, asked.bottleneck, asked.layers, asked.batch_norm, asked.frozen_scale)
            self.own_head: nn.Module | None = DinoHead(int(student.embed_dim), count, *sizes)  # type: ignore[arg-type]
            self.own_teacher_head: nn.Module | None = copy.deepcopy(self.own_head).requires_grad_(False)
        else:
            self.own_head = self.own_teacher_head = None

    @property
    def patch_head(self) -> nn.Module:
        return self.own_head if self.own_head is not None else self.head

    @property
    def teacher_patch_head(self) -> nn.Module:
        return self.own_teacher_head if self.own_teacher_head is not None else self.teacher_head

    def pairs(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        yield from super().pairs()
        if self.own_head is not None and self.own_teacher_head is not None:
            yield self.own_head, self.own_teacher_head

    def views_at(self, epoch: int) -> tuple[View, ...]:
        """Larger ones in the last epochs, all alike."""
        size = self.schedules.get("schedule/global_size")  # there if they are asked for
        return self.last_views if size and size(epoch * self.per_epoch) > self.views[0].size else self.views

    # ---- what is trained, and how fast ----------------------------------------------------------------------------------

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from super().trained()
        yield TOKEN, self.mask_token
        if self.own_head is not None:
            named = self.own_head.named_parameters(prefix=PATCHES.rstrip("."))
            yield from ((name, weight) for name, weight in named if weight.requires_grad)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """By depth, as in DINOv2's get_params_groups: a rate for each layer, no decay for biases, norms and scales. Tokens
        decay, the one of hidden patches too."""
        body: Any = getattr(self.student, "body", self.student)
        depth = len(body.blocks)
        groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
        for name, weight in self.trained():
            share = self.asked.layer_decay ** (depth + 1 - layer_of(name, depth))
            share *= self.asked.patch_rate if is_stem(name) else 1
            is_wide = weight.ndim > 1 or name == TOKEN
            decays = is_wide and not name.endswith(".bias") and "norm" not in name and "gamma" not in name
            is_last = ".last." in name
            groups.setdefault((share, decays, is_last), []).append(weight)
        return [
            {
                "params": weights,
                "weight_decay": weight_decay if decays else 0.0,
                "decays": decays,
                "share": share,
                "last": is_last,
            }
            for (share, decays, is_last), weights in groups.items()
        ]

    def rate_share(self, group: Mapping[str, Any], step: int) -> float:
        """Of the learning rate. The prototypes stay at first by a rate of 0, while the optimizer goes on collecting moments."""
        frozen = group["last"] and step < self.asked.freeze_epochs * self.per_epoch
        return 0.0 if frozen else float(group["share"])

    def before_optimizer(self, step: int) -> None:
        """Nothing: see rate_share."""

    def clip(self, limit: float) -> Tensor:
        """The backbone and each head by itself. Returns the length of the whole gradient before."""
        parts: dict[str, list[nn.Parameter]] = {}
        for name, weight in self.trained():
            parts.setdefault(next((part for part in (HEAD, PATCHES) if name.startswith(part)), ""), []).append(weight)
        lengths = [nn.utils.clip_grad_norm_(weights, limit or float("inf")) for weights in parts.values()]
        whole: Tensor = torch.linalg.vector_norm(torch.stack(lengths))
        return whole

    # ---- one step -------------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        asked, (global_TBCHW, *local) = self.asked, batch.views
        temperature = self.schedules["schedule/teacher_temp"](step)
        with torch.no_grad():
            teacher_TBK, patches_NPD = self.teacher_says(global_TBCHW)
            target_TBK = self.targets(teacher_TBK, temperature)
        guessed_NP = self.guessed(batch, patches_NPD.shape[1])
        hidden = self.hidden(onto(guessed_NP, global_TBCHW.device))
        cls_ND, seen_NPD = self.student.features_and_patches(global_TBCHW.flatten(0, 1), hidden)  # type: ignore[operator]
        features_VBD = cls_ND.unflatten(0, global_TBCHW.shape[:2])
        if local:
            features_VBD = torch.cat([features_VBD, through(self.student, tuple(local))])
        student_VBK = projected(self.head, features_VBD)
        dino = losses.dino_loss_from_targets(student_VBK, target_TBK, asked.student_temp)
        self.said_TBK, self.said_MK = teacher_TBK, None
        ibot = self.patch_loss(guessed_NP, seen_NPD, patches_NPD, temperature)
        koleo = self.koleo(features_VBD[: len(global_TBCHW)], batch.portion.whole)
        total = dino + asked.ibot_weight * ibot + asked.koleo_weight * koleo
        signs = self.signs(dino.detach(), features_VBD, student_VBK, target_TBK, step)
        return total, {**signs, "train/loss": total, "train/ibot": ibot, "train/koleo": koleo / len(global_TBCHW)}

    def teacher_says(self, global_TBCHW: Tensor) -> tuple[Tensor, Tensor]:
        """What the teacher says of whole crops, logits [T, B, K], and its features of their patches, [N, P, D].

        In training mode, as in DINO, though DINOv2's own teacher is in evaluation mode: that has no BatchNorm, and nothing is
        left out at random (`undropped`), so for its networks both are the same. Where there is BatchNorm, in the head or a
        convolutional stem, an average of weights has statistics of its own, which only a pass in training mode moves; and
        that a batch is normalised by itself is what keeps the answers of small runs apart.
        """
        assert self.teacher is not None
        cls_ND, patches_NPD = self.teacher.features_and_patches(global_TBCHW.flatten(0, 1))  # type: ignore[operator]
        return projected(self.teacher_head, cls_ND.unflatten(0, global_TBCHW.shape[:2])), patches_NPD

    def hidden(self, guessed_NP: Tensor) -> Hidden | None:
        """What the student does not see of the patches that are asked about: they themselves."""
        return guessed_NP, self.mask_token

    def guessed(self, batch: Batch, patches: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which patches of which global crop are asked about, [N, P]: a function of the step (as train.py has seeded it), the
        picture and the crop. Decided for the pictures of all processes, of which these are some."""
        crops = len(batch.views[0])
        if batch.whole_N is None:
            return guessed(self.asked, torch.initial_seed(), batch.index_B.numpy(), crops, patches)
        all_NP = guessed(self.asked, torch.initial_seed(), batch.whole_N.numpy(), crops, patches)
        self.anywhere = bool(all_NP.any())
        return all_NP.reshape(crops, -1, patches)[:, batch.portion.rows].reshape(-1, patches)

    def patch_loss(self, guessed_NP: np.ndarray[Any, Any], seen_NPD: Tensor, whole_NPD: Tensor, temperature: float) -> Tensor:
        """iBOT: what the teacher says of the same patch of the same crop, unmasked."""
        place_M = onto(np.flatnonzero(guessed_NP), seen_NPD.device)
        if not len(place_M) and not self.anywhere:  # else the others wait for our part in what is found together
            return seen_NPD.sum() * 0.0
        weight_NP = guessed_NP / np.maximum(1, guessed_NP.sum(axis=1, keepdims=True))
        weight_M = onto(weight_NP[guessed_NP].astype(np.float32), seen_NPD.device)
        with torch.no_grad():
            said_MK = self.teacher_patch_head(whole_NPD.flatten(0, 1).index_select(0, place_M))
            target_MK = self.patch_targets(said_MK, temperature)
            self.said_MK = said_MK
        student_MK = self.patch_head(seen_NPD.flatten(0, 1).index_select(0, place_M))
        return losses.ibot_loss(student_MK, target_MK, weight_M, len(guessed_NP), self.asked.student_temp)

    def patch_targets(self, said_MK: Tensor, temperature: float) -> Tensor:
        if self.asked.centering == "centre":
            return losses.centered_target(said_MK, self.patch_center_K, temperature)
        return losses.sinkhorn_knopp(said_MK, temperature, gather=gather)

    def koleo(self, features_TBD: Tensor, whole: int) -> Tensor:
        """Of each global crop separately, their sum: its weight holds for each; shown is their mean. Neighbours are
        sought among the `whole` pictures of all processes; a single one has none."""
        if not self.asked.koleo_weight or whole < 2:
            return features_TBD.sum() * 0.0
        return torch.stack([losses.koleo_loss(features_BD, gather_rows) for features_BD in features_TBD]).sum()

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        super().after_step(step)
        if self.asked.centering == "centre" and self.said_MK is not None:
            self.patch_center_K.copy_(
                losses.update_center(self.patch_center_K, self.said_MK, self.asked.center_momentum, gather)
            )
        self.said_MK = None

    # ---- checkpoints ----------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, dict[str, Tensor]]:
        kept = super().weights()
        kept["model"][TOKEN] = self.mask_token.detach()
        kept["teacher"][PATCH_CENTER] = self.patch_center_K
        if self.own_head is not None and self.own_teacher_head is not None:
            kept["model"] |= self.own_head.state_dict(prefix=PATCHES)
            kept["teacher"] |= self.own_teacher_head.state_dict(prefix=PATCHES)
        return kept

    def load_weights(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        own = (PATCHES, TOKEN, PATCH_CENTER)
        super().load_weights({p: {n: t for n, t in kept.items() if not n.startswith(own)} for p, kept in weights.items()})
        with torch.no_grad():
            self.mask_token.copy_(weights["model"][TOKEN])
        self.patch_center_K.copy_(weights["teacher"][PATCH_CENTER])
        for part, head in (("model", self.own_head), ("teacher", self.own_teacher_head)):
            if head is not None:
                head.load_state_dict({n.removeprefix(PATCHES): t for n, t in weights[part].items() if n.startswith(PATCHES)})


def guessed(
    asked: Asked, seed: int, index_B: np.ndarray[Any, Any], crops: int, patches: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which patches are hidden in a step of these pictures, [N, P], all pictures of the first crop before those of the next.
    `seed`: what train.py seeded that step with."""
    if not asked.ibot_weight:
        return np.zeros((crops * len(index_B), patches), dtype=np.bool_)
    side = math.isqrt(patches)
    u_NK = np.concatenate([uniforms(seed, 0, index_B, crop, masks.NUMBERS) for crop in range(crops)])
    return masks.masks(u_NK, side, side, asked.mask_probability, (asked.mask_ratio_low, asked.mask_ratio_high))


def enlarged(views: tuple[View, ...], size: int, patch: int) -> tuple[View, ...]:
    """The same crops with more pixels: global ones of `size`, local ones larger by as much, in whole patches."""
    whole, *rest = views
    times = size / whole.size
    return replace(whole, size=size), *(replace(view, size=round(view.size * times / patch) * patch) for view in rest)


def evenly_dropped(network: Any) -> nn.Module:
    """The network with all its blocks left out equally often, as often as the last one would be (drop_path_uniform). DINO's
    are left out more often the deeper they lie, and so are those of timm's networks, which say so in each block's own way."""
    blocks = [block for block in getattr(network, "blocks", ()) if isinstance(block, Block)]
    for block in blocks:
        block.drop_path = blocks[-1].drop_path
    return network  # type: ignore[no-any-return]


def patch_of(network: Any) -> int:
    """The side of a patch, px, of a network that has features_and_patches."""
    return int(network.patch if hasattr(network, "patch") else network.body.patch_embed.patch_size[0])


def layer_of(name: str, depth: int) -> int:
    """0 for what comes before the first block, 1 to `depth` for the blocks, one more for what follows."""
    parts = name.removeprefix("body.").split(".")
    if parts[0] == "blocks":
        return int(parts[1]) + 1
    before = ("cls", "positions", "registers", "patches", "cls_token", "pos_embed", "reg_token", "patch_embed", TOKEN)
    return 0 if parts[0] in before else depth + 1


def is_stem(name: str) -> bool:
    return name.removeprefix("body.").startswith(("patches.", "patch_embed."))
