"""The network that is exported: one checkpoint's student, or its average, with what is needed to use it.

Shapes: P pictures, C channels, H and W pixels, D features.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine import arrays, checkpoint, decide, recipe, words
from engine.checkpoint import Build
from engine.data.augment import normalise
from engine.exports.card import Made
from engine.fields import tag_of
from engine.models import imported
from engine.recipe import RunRecipe
from engine.run import Refused, Run

NOISE = 12  # pictures, where a run kept none of its own


@dataclass(frozen=True, eq=False)
class Network:
    """In evaluation mode on the CPU. `tensors` are the checkpoint's, what a method put beside the network among them."""

    run: Run
    recipe: RunRecipe
    step: int
    epoch: float
    which: str  # student or teacher
    judged: bool  # whether it is the one the run is kept for
    sha256: str  # of the checkpoint's file
    build: Build
    module: nn.Module
    tensors: Mapping[str, Tensor]
    data: Mapping[str, Any]  # data.json

    @property
    def method(self) -> str:
        return tag_of(type(self.recipe.method))

    @property
    def classifies(self) -> bool:
        """Whether its logits are classes: without labels nothing has trained the layer that makes them."""
        return not isinstance(self.recipe.method, recipe.UNTAUGHT)

    @property
    def name(self) -> str:
        """In words."""
        if self.which == "teacher":
            return "average of the student"
        return "network" if self.judged else "student"

    @property
    def class_names(self) -> list[str]:
        return list(self.data.get("classes", ())) if self.classifies else []

    @property
    def mean(self) -> list[float]:
        return [float(value) for value in self.data["mean"]]

    @property
    def std(self) -> list[float]:
        return [float(value) for value in self.data["std"]]

    @property
    def embed_dim(self) -> int:
        return int(self.module.embed_dim)  # type: ignore[arg-type]

    @cached_property
    def classifier(self) -> list[str]:
        """The layers that make logits of features, by name."""
        return imported.classifier_names(self.module)

    @cached_property
    def useful(self) -> dict[str, Tensor]:
        """All tensors but a classifier that nothing has trained."""
        names = [] if self.classifies else self.classifier
        return {
            name: tensor
            for name, tensor in self.tensors.items()
            if not any(name == part or name.startswith(f"{part}.") for part in names)
        }

    @cached_property
    def own_pictures(self) -> Tensor | None:
        """uint8 [P, C, H, W]: test pictures that the run kept to look at."""
        kept = [artifact for artifact in self.run.state().artifacts if artifact.kind == "probe-pictures"]
        with contextlib.suppress(IndexError, OSError, ValueError):
            found = arrays.read(self.run.folder / kept[-1].path, "pictures")["pictures"]
            if len(found) and found.shape[1:] == self._sides and found.dtype == np.uint8:
                return torch.from_numpy(np.ascontiguousarray(found))
        return None

    @cached_property
    def pictures(self) -> Tensor:
        """What the files are tried on, uint8 [P, C, H, W]: the run's own, noise where it has none."""
        if self.own_pictures is not None:
            return self.own_pictures
        return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (NOISE, *self._sides), dtype=np.uint8))

    @property
    def _sides(self) -> tuple[int, int, int]:
        return self.build.channels, self.build.size, self.build.size

    @cached_property
    def seen(self) -> Tensor:
        """These pictures as the network reads them, float32 [P, C, H, W]."""
        return normalise(self.pictures, self.mean, self.std)

    @cached_property
    def features(self) -> Tensor:
        """What it makes of them, [P, D]."""
        with torch.inference_mode():
            return self.module.features(self.seen)  # type: ignore[operator,no-any-return]

    @cached_property
    def logits(self) -> Tensor:
        """[P, K]."""
        with torch.inference_mode():
            return self.module(self.seen)  # type: ignore[no-any-return]

    @property
    def pictures_words(self) -> str:
        own = self.own_pictures is not None
        return words.plural(len(self.pictures), "test picture" if own else "picture") + ("" if own else " of noise")

    def made(self, files: dict[str, str], use: str, checked: dict[str, Any], packages: tuple[str, ...]) -> Made:
        """What the card is told of an export of it."""
        return Made(files, use, dict(self.facts()), self.judged, self.step, checked, packages)

    def facts(self) -> Iterator[tuple[str, Any]]:
        """Which network it is, how it is built, and what it reads. What does not apply is absent."""
        yield "which", self.which
        yield "name", self.name
        yield "step", self.step
        yield "epoch", self.epoch
        yield "method", self.method
        yield "checkpoint_sha256", self.sha256
        yield from self.shape()
        yield "pixels", "divided by 255, less the mean, divided by std"
        yield "mean", self.mean
        yield "std", self.std
        yield "class_names", self.class_names

    def shape(self) -> Iterator[tuple[str, Any]]:
        """What its architecture is called, and the numbers a transformer is told by."""
        yield "architecture", self.build.name
        yield "options", self.build.options
        yield "image_size", self.build.size
        yield "channels", self.build.channels
        yield "embed_dim", self.embed_dim
        yield from _transformer(self.module)
        yield "parameters", sum(weight.numel() for name, weight in self.module.named_parameters() if name in self.useful)
        yield "classifier", self.classifier if self.classifies else []


def _transformer(network: Any) -> Iterator[tuple[str, int]]:
    if hasattr(network, "patches") and hasattr(network, "blocks"):
        yield from (("patch_size", network.patch), ("depth", len(network.blocks)), ("registers", network.extra - 1))
        yield "attention_heads", network.blocks[0].attend.heads
    body: Any = getattr(network, "body", None)
    if hasattr(body, "patch_embed") and hasattr(body, "num_reg_tokens"):
        yield from (("patch_size", int(body.patch_embed.patch_size[0])), ("depth", len(body.blocks)))
        yield from (("registers", int(body.num_reg_tokens)), ("attention_heads", int(body.blocks[0].attn.num_heads)))


def load(run: Run, to: str, step: int | None, which: str | None) -> Network:
    """The network of a checkpoint. Raises Refused where there is none, saying which there are."""
    known, data = decide.read(run), run.data()
    folder = checkpoint.chosen(run, step)
    if known is None or data is None:
        raise Refused(f"{run.name} has no effective.toml or no data.json, so nobody knows what its network was trained on")
    torch.set_num_threads(1)  # a run may be training beside us
    average = (folder / "teacher.safetensors").exists()
    if which == "teacher" and not average:
        raise Refused(_whose_teacher(run, to, known.teacher))
    part = "teacher" if average and which != "student" else "model"
    state = checkpoint.read_state(folder)
    try:
        module = state.build.network()
        tensors = load_file(folder / f"{part}.safetensors")
    except (SafetensorError, OSError, ValueError) as error:
        raise Refused(f"{folder} cannot be read: {error}") from None
    checkpoint.load_model(folder, module, part)
    return Network(
        run=run,
        recipe=known.recipe,
        step=state.step,
        epoch=state.epoch,
        which="teacher" if part == "teacher" else "student",
        judged=part == "teacher" or not average,
        sha256=state.sha256[f"{part}.safetensors"],
        build=state.build,
        module=module.eval().requires_grad_(False),
        tensors=tensors,
        data=data,
    )


def _whose_teacher(run: Run, to: str, teacher: decide.Teacher | None) -> str:
    if teacher is None:
        return f"--which: {run.name} learned from labels, without a teacher; leave it out"
    where = f"`filial export {teacher.run} --to {to} --step {teacher.step}`"
    return f"--which: the teacher of {run.name} is a run of its own; {where} exports it"
