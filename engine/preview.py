"""What teacher and student receive of one training picture: the very crops, colours and hidden patches of a step to come.

For the window, through the assistant. Nothing here draws or cuts: that is data/prepared.py, crops.py and masks.py, with the
seeds of train.py, so that the preview of an epoch is what that epoch trains on. In which batch a picture stands decides how
much of it is hidden, so its step is looked up first. The pictures read last stay in memory: a field changes many times.

Shapes: V crops of the picture, C channels, H and W of the picture, S of a crop, h and w patches of one, T crops with hidden
patches (the global ones), N pictures of the sheet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tomlkit
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import rates, scaled
from engine.data import augment, crops
from engine.data.crops import View
from engine.data.order import epoch_order, generator_seed
from engine.data.prepared import Prepared, numbers, prepare, varied
from engine.fields import tag_of
from engine.learner import facts_of
from engine.methods import dino, dinov2
from engine.recipe import RecipeFile, RunRecipe
from engine.recipes import Dino, Dinov2
from engine.run import Refused
from engine.words import count, plural

SHEET = 24  # training pictures to choose among
CPU = torch.device("cpu")

Tell = Callable[[float, str], None]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Wish:
    """Which picture, by its place in the training set, as which epoch sees it, counted from 0; and whether with the sheet."""

    picture: int
    epoch: int
    sheet: bool = False


class Previewer:
    """Keeps the pictures of one data table."""

    def __init__(self) -> None:
        self._read: tuple[Any, Prepared] | None = None

    def preview(
        self, file: RecipeFile, data: Mapping[str, Any] | None, wish: Wish, folder: Path, tell: Tell
    ) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for the first seed's last generation of a lineage; `data` takes the place of its data table.

        picture uint8 [C, H, W]; view0, view1, ... uint8 [V, C, S, S], what the student receives of each kind of crop before
        colours are standardised; hidden bool [T, h, w] if the method hides patches; sheet uint8 [N, C, H, W] if asked for.
        Raises RecipeErrors and RecipeError for the field that stands in the way, Refused for a picture that is not there.
        """
        torch.set_num_threads(1)  # a run beside this needs its cores, and one picture no more than one
        asked = run_of(file, data)
        prepared = self._pictures(asked, folder, tell)
        asked, _ = scaled.resolve(asked, facts_of(prepared))
        return _preview(asked, prepared, wish)

    def _pictures(self, asked: RunRecipe, folder: Path, tell: Tell) -> Prepared:
        key = (folder, msgspec.json.encode(asked.data))
        if self._read is None or self._read[0] != key:
            self._read = None  # before the next: two data sets may not fit

            def reading(done: int, total: int) -> None:
                tell(done / total if total else 0.0, f"{count(done)} of {plural(total, 'picture')}" if total else "starting")

            self._read = key, prepare(asked, folder, reading)
        return self._read[1]


@cache
def previewer() -> Previewer:
    """Of this process."""
    return Previewer()


def run_of(file: RecipeFile, data: Mapping[str, Any] | None = None) -> RunRecipe:
    """The last generation of the first seed, on other pictures if there are some."""
    asked = next(islice(file.runs() if data is None else _on(file, data).runs(), file.recipe.generations, None))[0]
    return asked


def _on(file: RecipeFile, data: Mapping[str, Any]) -> RecipeFile:
    """The recipe with another data table; what it asks of pictures that it did not name itself stays behind."""
    document = tomlkit.parse(file.text())
    document["data"] = dict(data)
    return RecipeFile(document)


def _preview(asked: RunRecipe, data: Prepared, wish: Wish) -> tuple[dict[str, Any], Arrays]:
    train = data.split.train
    if not 0 <= wish.picture < len(train):
        raise Refused(f"there is no training picture {count(wish.picture)}; there are {count(len(train))}, from 0 on")
    epoch = min(max(0, wish.epoch), asked.training.epochs - 1)
    place, batch = _step(asked, len(train), wish.picture, epoch)
    per_epoch = -(-len(train) // asked.training.batch)
    kept = scaled.kept_views(asked)
    views = views_of(asked, epoch, per_epoch)
    picture_u8 = data.tensor(train[wish.picture : wish.picture + 1])
    drawn = numbers(asked.order_seed, epoch % kept if kept else epoch, np.array([wish.picture]), views, CPU)
    seen = list(varied(picture_u8, torch.zeros(1, dtype=torch.int64), drawn, views, asked.augment))
    arrays: Arrays = {"picture": picture_u8[0].numpy()}
    arrays |= {f"view{kind}": _levels(seen_VBCSS[:, 0]) for kind, seen_VBCSS in enumerate(seen)}
    facts = {
        **_facts(asked, data, wish.picture, epoch, place, per_epoch),
        "views": _said(asked, views, drawn, picture_u8),
        "teacher": _teacher(asked),
    }
    if (hidden := _hidden(asked, views, batch, wish.picture, epoch * per_epoch + place)) is not None:
        arrays["hidden"] = hidden
    if wish.sheet:
        arrays["sheet"] = data.tensor(train[:SHEET]).numpy()
        facts["sheet"] = [_name(data, number) for number in range(min(SHEET, len(train)))]
    return facts, arrays


def _step(asked: RunRecipe, pictures: int, picture: int, epoch: int) -> tuple[int, NDArray[np.int64]]:
    """The step of the epoch in which the picture comes, counted from 0, and all pictures of that step: as Batches cuts it."""
    portions = np.array_split(epoch_order(asked.order_seed, epoch, pictures), -(-pictures // asked.training.batch))
    return next((place, portion) for place, portion in enumerate(portions) if picture in portion)


def views_of(asked: RunRecipe, epoch: int, per_epoch: int) -> tuple[View, ...]:
    """The kinds of crops of an epoch, as the method's `views_at` gives them; without a network, which it would take a while
    to build. No "auto" is left in `asked`."""
    if not isinstance(asked.method, Dino):
        return ()
    usual = dino.views(asked.method)
    size = rates.schedules(asked, per_epoch).get("schedule/global_size")
    large = int(size(epoch * per_epoch)) if size else 0
    return dinov2.enlarged(usual, large, scaled.patch_of(asked)) if large > usual[0].size else usual


def _hidden(
    asked: RunRecipe, views: tuple[View, ...], batch: NDArray[np.int64], picture: int, step: int
) -> NDArray[np.bool_] | None:
    """Which patches of its global crops the student does not see at that step; None if it sees all of them."""
    if not isinstance(asked.method, Dinov2) or asked.teacher or not asked.method.ibot_weight:
        return None
    side = views[0].size // scaled.patch_of(asked)
    seed = generator_seed("step", asked.seed, step)
    hidden_NP = dinov2.guessed(asked.method, seed, batch, views[0].count, side * side)
    of_picture = hidden_NP.reshape(views[0].count, len(batch), side, side)[:, np.flatnonzero(batch == picture)[0]]
    return np.ascontiguousarray(of_picture)


def _levels(seen_VCSS: Tensor) -> NDArray[np.uint8]:
    return np.asarray((seen_VCSS * 255).round().to(torch.uint8).numpy())


# ---- what is said -------------------------------------------------------------------------------------------------------


def _facts(asked: RunRecipe, data: Prepared, picture: int, epoch: int, place: int, per_epoch: int) -> dict[str, Any]:
    kept = scaled.kept_views(asked)
    return {
        "method": tag_of(type(asked.method)),
        "picture": picture,
        "name": _name(data, picture),
        "pictures": len(data.split.train),
        "epoch": epoch,
        "epochs": asked.training.epochs,
        "step": epoch * per_epoch + place,
        "seed": asked.seed,
        "cycle": kept,  # epochs after which variations come round again; 0 if never
    }


def _name(data: Prepared, picture: int) -> str:
    """What a training picture is called: its true class and its file."""
    place = int(data.split.train[picture])
    label = data.pictures.class_names[int(data.pictures.labels[place])] if data.classes else ""
    file = Path(data.pictures.source.files[place]).name if data.pictures.source else f"picture {picture}"
    return f"{label}, {file}" if label else file


def _teacher(asked: RunRecipe) -> str:
    """Whom the student learns from: "labels", "frozen" (another run) or "average" (its own)."""
    if asked.teacher:
        return "frozen"
    return "average" if isinstance(asked.method, Dino) else "labels"


def _said(asked: RunRecipe, views: tuple[View, ...], drawn: tuple[Tensor, ...], picture_u8: Tensor) -> list[dict[str, Any]]:
    """For each kind of crop: who receives it, its size, where each crop lies (top, left, height, width in pixels of the
    picture) and what was done to it."""
    channels, height, width = picture_u8.shape[1:]
    if not views:
        ((top, left, mirrored),) = augment.drawn(drawn[0][0], asked.augment.shift, asked.augment.flip)
        done: dict[str, float] = {"flip": 1.0} if mirrored else {}
        return [{"kind": "whole", "size": height, "boxes": [[top, left, height, width]], "done": [done]}]
    found = []
    for kind, view, drawn_VBK in zip(("global", "local"), views, drawn):
        boxes = crops.boxes(drawn_VBK, view, height, width)[:, 0].tolist()
        done_V = [steps[0] for steps in crops.drawn(drawn_VBK, view, channels == 3)]
        found.append({"kind": kind, "size": view.size, "boxes": boxes, "done": done_V})
    return found
