"""What DINO's crops cost, as ratios side by side. Run it by hand; nothing here is a test of time.

    python -m tests.benchmarks crops

One thread, as many pictures a row as said: two global and six local crops of each. The unit of each block is its first row, our
own crops of a whole batch; beside it torchvision's transforms, picture by picture, as DINO's published code uses them.
They take turns and processor time is counted, so that whatever else the machine does counts little, and alike.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import to_pil_image

from engine.data import crops
from engine.data.crops import View
from engine.data.order import uniforms

BLOCKS = ((48, 48, 24, 64), (128, 96, 48, 64), (256, 224, 96, 16))  # stored, global, local, pictures


@dataclass(frozen=True)
class Step:
    """One step's pictures and what is wanted of them."""

    stored: int
    views: tuple[View, View]
    batch: int

    @property
    def pictures(self) -> Tensor:
        random = np.random.default_rng(0)
        return torch.from_numpy(random.integers(0, 256, (self.batch, 3, self.stored, self.stored), dtype=np.uint8))


def ours(step: Step, numbers_too: bool = True) -> Callable[[], object]:
    pictures, places = step.pictures, torch.arange(step.batch)
    before = [drawn(view, step.batch) for view in step.views]

    def once() -> object:
        numbers = [drawn(view, step.batch) for view in step.views] if numbers_too else before
        return [crops.crops(pictures, places, u_VBK, view) for u_VBK, view in zip(numbers, step.views)]

    return once


def drawn(view: View, batch: int) -> Tensor:
    each = [uniforms(0, 0, np.arange(batch), crop, crops.numbers(view)) for crop in range(view.count)]
    return torch.from_numpy(np.stack(each)).float()


def theirs(step: Step, pillow: bool) -> Callable[[], object]:
    """A transform for each crop, a picture at a time: of tensors, or of Pillow's pictures as in the published code."""
    pictures = [to_pil_image(picture) if pillow else picture for picture in step.pictures]
    each = [transform(view, place) for view in step.views for place in range(view.count)]
    return lambda: [torch.stack([change(picture) for picture in pictures]) for change in each]


def transform(view: View, place: int) -> v2.Compose:
    """DataAugmentationDINO, whose blur has a radius that fits the size."""
    chance = {name: values[min(place, len(values) - 1)] for name, values in (("blur", view.blur), ("sun", view.solarize))}
    blur = v2.GaussianBlur(7 if view.size < 100 else 13, (0.1, max(2 * view.size / 224, 1)))
    jitter = v2.ColorJitter(view.brightness, view.contrast, view.saturation, view.hue)
    return v2.Compose(
        [
            v2.RandomResizedCrop(view.size, view.scale, interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
            v2.RandomHorizontalFlip(view.flip),
            v2.RandomApply([jitter], view.jitter),
            v2.RandomGrayscale(view.grey),
            v2.RandomApply([blur], chance["blur"]),
            v2.RandomSolarize(128, chance["sun"]),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )


def seconds(rows: dict[str, Callable[[], object]], least: float = 4.0) -> dict[str, float]:
    """The median of each row, all in turn until the time is up, after one round that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in rows}
    began = time.perf_counter()
    while time.perf_counter() - began < least or len(taken[next(iter(rows))]) < 6:
        for name, once in rows.items():
            start = time.process_time()
            once()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(spent[1:])) for name, spent in taken.items()}


def main() -> None:
    torch.set_num_threads(1)
    for stored, large, small, batch in BLOCKS:
        views = View(2, large, (0.4, 1)), View(6, small, (0.05, 0.4), blur=(0.5,), solarize=(0,))
        step = Step(stored, views, batch)
        rows = {
            "ours, with the numbers drawn": ours(step),
            "ours alone": ours(step, numbers_too=False),
            "torchvision v2, tensors one by one": theirs(step, pillow=False),
            "torchvision v2, Pillow one by one": theirs(step, pillow=True),
        }
        print(f"{batch} pictures of {stored} px, 2 crops of {large} and 6 of {small}")
        spent = seconds(rows)
        unit = spent[next(iter(rows))]
        for name, each in spent.items():
            print(f"    {name:<40}{each / unit:8.2f} x   ({1e3 * each:.1f} ms here)")


if __name__ == "__main__":
    main()
