"""DINO's step and its crops against lightly's, as ratios side by side: same network, pictures, crops and prototypes.

    python -m tests.benchmarks dino [BLOCK ...] [--seconds 120] [--only-curves]

One thread. Before anything is timed, both learn from the same weights on the same crops, and their losses must be the same
curve: the work is equal. lightly's row is put together as in its own ImageNet benchmark, one pass for each size of crop; "crop
by crop" is its documented example. Its crops are its DINOTransform on Pillow's pictures in a torch DataLoader. Our step does
more: it measures the gradient's length and seven signs of health. All take turns and processor time is counted. Run it by
hand; nothing here is a test of time.
"""

import argparse
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from engine import recipe
from engine.cost import Twin
from engine.data.prepared import Prepared
from engine.learner import learn
from engine.recipe import RunRecipe
from tests.benchmarks._rivals import Row, rival, seconds
from tests.benchmarks.teacher_cache import data

CURVE = 6  # steps whose losses are compared
ALIKE = 2e-3  # of the loss; float32 rounds otherwise in another order of operations
LR, DECAY = 1e-3, 0.04


@dataclass(frozen=True)
class Block:
    """One size of the whole thing: pictures are stored as large as a global crop becomes."""

    title: str
    model: dict[str, Any]
    large: int
    small: int
    crops: int  # small ones; large ones are always two
    batch: int
    method: dict[str, Any] = field(default_factory=dict)


BLOCKS = {
    "vit-tiny": Block("ViT-tiny/16", {"name": "timm", "variant": "vit_tiny_patch16_224"}, 224, 96, 8, 16, {"prototypes": 4096}),
    "creatures": Block(
        "dino-creatures' ViT", {"name": "vit", "stem": "conv", "patch": 8, "width": 64, "depth": 2, "heads": 4}, 48, 24, 4, 64,
        {"prototypes": 1024, "hidden": 256, "bottleneck": 64},
    ),
    "vit-64": Block(
        "a ViT of 192 x 6, patches of 8 px", {"name": "vit", "patch": 8, "width": 192, "depth": 6, "heads": 3}, 64, 32, 6, 32,
        {"prototypes": 1024, "hidden": 512, "bottleneck": 128},
    ),
    "resnet": Block(
        "ResNet-20, 32 wide, for 32 px", {"name": "resnet", "depth": 20, "width": 32}, 32, 16, 6, 64,
        {"prototypes": 1024, "hidden": 512, "bottleneck": 128},
    ),
}  # fmt: skip


def asked(block: Block) -> RunRecipe:
    crops = {"global_size": block.large, "local_size": block.small, "local_crops": block.crops}
    fixed = {"teacher_temp": 0.04, "teacher_temp_start": 0.04, "teacher_temp_warmup_epochs": 0, "momentum": 0.99}
    table = {
        "lineage": "bench",
        "method": {"name": "dino", "freeze_epochs": 0, **fixed, **crops, **block.method},
        "model": block.model,
        "optimizer": {"name": "adamw", "lr": LR, "weight_decay": DECAY, "clip": 0},
        "training": {"epochs": 100, "batch": block.batch},
    }
    run: RunRecipe = recipe.parse(RunRecipe, table)
    return run


class Lightly(nn.Module):
    """The same student and teacher with lightly's head, loss and average."""

    def __init__(self, twin: Twin, concatenated: bool = True) -> None:
        super().__init__()
        self.lightly = {name: rival(f"lightly.{name}") for name in ("loss", "models.modules", "models.utils")}
        self.student, self.head = copy.deepcopy(twin.method.student), self._head(twin)
        self.teacher = copy.deepcopy(twin.method.student).requires_grad_(False)
        self.teacher_head = self._head(twin).requires_grad_(False)
        self.criterion = self.lightly["loss"].DINOLoss(len(twin.method.center_K), warmup_teacher_temp_epochs=0)
        self.momentum, self.concatenated, self.step = twin.method.schedules["schedule/momentum"], concatenated, 0
        trained = [weight for weight in [*self.student.parameters(), *self.head.parameters()] if weight.requires_grad]
        groups = [
            {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": DECAY},
            {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=LR)

    def _head(self, twin: Twin) -> Any:
        """lightly's, with our weights."""
        ours, asked = twin.method.head, twin.asked.method
        sizes = (int(twin.method.student.embed_dim), asked.hidden, asked.bottleneck, int(asked.prototypes))
        theirs = self.lightly["models.modules"].DINOProjectionHead(*sizes)
        linear = [[part for part in head.layers if isinstance(part, nn.Linear)] for head in (ours, theirs)]
        with torch.no_grad():
            for one, other in zip(*linear, strict=True):
                other.load_state_dict(one.state_dict())
            theirs.last_layer.weight_v.copy_(ours.last.parametrizations.weight.original1)
        return theirs

    def projected(self, network: nn.Module, head: nn.Module, views: Sequence[Tensor]) -> list[Tensor]:
        """Logits of each crop, [B, K]: in one pass for each size, or crop by crop."""
        if not self.concatenated:
            return [head(network.features(crop_BCHW)) for view_VBCHW in views for crop_BCHW in view_VBCHW]  # type: ignore[operator]
        passes = [head(network.features(view_VBCHW.flatten(0, 1))) for view_VBCHW in views]  # type: ignore[operator]
        return [each_BK for logits_NK, view in zip(passes, views) for each_BK in logits_NK.chunk(len(view))]

    def learn(self, views: Sequence[Tensor], precision: str) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            with torch.no_grad():
                said = self.projected(self.teacher, self.teacher_head, views[:1])
            loss = self.criterion(said, self.projected(self.student, self.head, views), teacher_temp=0.04)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        follow = self.lightly["models.utils"].update_momentum
        follow(self.student, self.teacher, self.momentum(self.step))
        follow(self.head, self.teacher_head, self.momentum(self.step))
        self.step += 1
        return float(loss)


def curves(block: Block, seen: Prepared) -> tuple[list[float], list[float]]:
    """Both losses, step by step, from the same weights on the same crops in float32."""
    ours = twin_of(block, seen)
    theirs = Lightly(ours)
    found: tuple[list[float], list[float]] = ([], [])
    for step in range(CURVE):
        batch = ours.batches.at(*divmod(step, ours.batches.per_epoch))
        found[0].append(float(learn(ours.method, ours.optimizer, batch, step, 0, "float32")["train/loss"]))
        found[1].append(theirs.learn(batch.views, "float32"))
    return found


def twin_of(block: Block, seen: Prepared) -> Twin:
    torch.manual_seed(0)
    twin = Twin(asked(block), "cpu", seen)
    for group in twin.optimizer.param_groups:  # what a run's schedule does at each step
        group["lr"] = LR
    return twin


def loader(block: Block, seen: Prepared) -> Callable[[], list[Tensor]]:
    """lightly's crops of Pillow's pictures, a batch at a time and without end; no worker, for there is one core."""
    transform = rival("lightly.transforms").DINOTransform(
        global_crop_size=block.large, local_crop_size=block.small, n_local_views=block.crops
    )
    stored = [Image.fromarray(np.moveaxis(picture, 0, -1)) for picture in seen.pictures.pictures_u8]
    pictures = [(picture, 0) for picture in stored]
    batches = DataLoader(
        _Changed(pictures, transform), batch_size=block.batch, shuffle=True, drop_last=True, collate_fn=_gathered
    )

    def forever() -> Iterator[list[Tensor]]:
        while True:
            yield from batches

    endless = forever()
    return lambda: next(endless)


class _Changed(torch.utils.data.Dataset[list[Tensor]]):
    def __init__(self, pictures: list[tuple[Image.Image, int]], transform: Callable[[Image.Image], list[Tensor]]) -> None:
        self.pictures, self.transform = pictures, transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> list[Tensor]:
        return self.transform(self.pictures[place][0])


def _gathered(pictures: list[list[Tensor]]) -> list[Tensor]:
    """Two stacks [V, B, C, S, S], of large and of small crops."""
    views = [torch.stack(list(crops)) for crops in zip(*pictures)]
    return [torch.stack(views[:2]), torch.stack(views[2:])]


def rows(block: Block, seen: Prepared) -> dict[str, Row]:
    """Crops alone, steps alone, and both."""
    twin, theirs, single = (
        twin_of(block, seen),
        Lightly(twin_of(block, seen)),
        Lightly(twin_of(block, seen), concatenated=False),
    )
    crops = loader(block, seen)
    batch = twin.batches.at(0, 0)

    def ours(precision: str) -> Row:
        return lambda: learn(twin.method, twin.optimizer, batch, 0, 0, precision)

    return {
        "lightly's crops": crops,
        "our crops": lambda: twin.batches.at(0, 0),
        "lightly's step, float32": lambda: theirs.learn(batch.views, "float32"),
        "lightly's step, float32, crop by crop": lambda: single.learn(batch.views, "float32"),
        "our step, float32": ours("float32"),
        "lightly's step, bfloat16": lambda: theirs.learn(batch.views, "bfloat16"),
        "our step, bfloat16": ours("bfloat16"),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks dino", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("blocks", nargs="*", metavar="BLOCK", help=f"of {', '.join(BLOCKS)}; all by default")
    parser.add_argument("--seconds", type=float, default=120, help="for each block, about")
    parser.add_argument("--rounds", type=int, default=30, help="at most")
    parser.add_argument("--only-curves", action="store_true", help="time nothing")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.blocks if name not in BLOCKS]:
        parser.error(f"there is no block {unknown[0]!r}; there are {', '.join(BLOCKS)}")
    torch.set_num_threads(1)
    for name in asked.blocks or BLOCKS:
        block = BLOCKS[name]
        seen = data(block.large, 3, 10, block.batch)
        print(f"{block.title}: 2 crops of {block.large} px and {block.crops} of {block.small}, {block.batch} pictures a step")
        tell_curves(*curves(block, seen))
        if not asked.only_curves:
            tell(block, seconds(rows(block, seen), asked.rounds, asked.seconds))


def tell_curves(ours: list[float], theirs: list[float]) -> None:
    """Raises SystemExit if it was not the same work."""
    apart = max(abs(one / other - 1) for one, other in zip(ours, theirs))
    told = ", ".join(f"{loss:.4f}" for loss in ours)
    print(f"    loss of ours    {told}\n    loss of lightly {', '.join(f'{loss:.4f}' for loss in theirs)}", flush=True)
    if not apart < ALIKE:
        raise SystemExit(f"the two losses are up to {100 * apart:.2f} % apart: this is not the same work")


def tell(block: Block, spent: dict[str, float]) -> None:
    for name, each in spent.items():
        print(f"    {name:<42}{1e3 * each:9.1f} ms here")
    theirs, ours = spent["lightly's step, float32"], min(spent["our step, float32"], spent["our step, bfloat16"])
    crops = spent["our crops"], spent["lightly's crops"]
    quickest = min(theirs, spent["lightly's step, bfloat16"])
    for name, ratio in {
        "crops": crops[1] / crops[0],
        "step, float32": theirs / spent["our step, float32"],
        "step, bfloat16": spent["lightly's step, bfloat16"] / spent["our step, bfloat16"],
        "step, ours as auto chooses against lightly's float32": theirs / ours,
        "crops and step, float32": (crops[1] + theirs) / (crops[0] + spent["our step, float32"]),
        "crops and step, each in its quicker precision": (crops[1] + quickest) / (crops[0] + ours),
        "crops and step, ours as auto chooses against float32": (crops[1] + theirs) / (crops[0] + ours),
    }.items():
        print(f"    {name:<58}{ratio:6.2f} x lightly's speed")
    print(f"    pictures a second of ours, {block.batch / (crops[0] + ours):.1f} here", flush=True)


if __name__ == "__main__":
    main()
