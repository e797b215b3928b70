"""Drawn animals of ten species, each with the mask of where it is: a data set to learn without labels on, made in seconds.

A species is told by its build and by its coat alone. Colour, contrast, pose, size, place and background belong to the
individual and know nothing of the species. Individual i is a function of (seed, i): a larger set holds the smaller one, and
another size shows the same scene. Every ten pictures in a row hold every species once.

Animals are large and what is behind them is calm (the width in drawn/frames.py; `CALM` and `FEW` in drawn/scenes.py): a
student without labels learns first what two crops of a picture share, and of lively scenes with small animals that was the
scene. Larger ones still stand so much alike that pixels alone tell them.

Here: which individuals there are, and the copy in the workspace, named by what was asked. How they are drawn is drawn/'s: an
animal is a few dozen bones, a bone being two circles and all between them; what a pixel becomes follows from its distance to
them, so edges are smooth without drawing anything larger than asked. Pictures of one species are drawn together.

Shapes: N pictures of a set, B drawn together, S their side in pixels.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
from msgspec import Struct
from numpy.typing import NDArray

from engine import processes, reading, words
from engine.data import cache
from engine.data.cache import Arrays
from engine.data.drawn.animals import Artist, behind, colours_of, draw_animal
from engine.data.drawn.builds import skeleton_of
from engine.data.drawn.frames import frame_of
from engine.data.drawn.numbers import Floats, lifted
from engine.data.drawn.paper import Paper
from engine.data.drawn.scenes import NOISES, background, clutter, scene_of
from engine.data.drawn.species import NAMES, SPECIES, Species
from engine.data.order import generator_seed, uniforms
from engine.data.order import words as random_words
from engine.data.pictures import Pictures, Tell
from engine.fields import RecipeError
from engine.recipe import Creatures

DRAWING = 1  # raise it when the same seed and place would give other pixels
TOGETHER = 2**19  # pixels drawn together: few enough for a processor's cache, enough to hide Python
POSE, COLOUR, GROUND, NOISE, CLUTTER, COAT = range(6)  # each with numbers of its own, so that one may grow alone


class Index(Struct, frozen=True):
    """creatures-<what was asked>.json: the digest that the drawn copy beside it must have."""

    sha256: str


def silent(done: int, total: int) -> None:
    """For those who do not want to be told."""


def load(asked: Creatures, data_folder: Path, tell: Tell = silent, threads: int = 1) -> Pictures:
    """The animals asked for, from `data_folder`'s copy if it is sound. Raises RecipeError for more than the memory holds.

    One thread draws, whatever `threads` says: numpy keeps the interpreter's lock while it gathers pixels; two were no faster.
    """
    _refuse_too_large(asked)
    sums = hashlib.sha256(f"filial/creatures/{DRAWING}/{asked.pictures}/{asked.size}/{asked.seed}".encode()).hexdigest()
    place = data_folder / f"creatures-{sums[:8]}-{asked.pictures}x{asked.size}px.npz"
    tell(0, asked.pictures)
    drawn = _cached(place)
    if drawn is None:
        drawn = _draw_all(asked, tell)
        cache.keep(place, drawn)
        processes.write_aside(place.with_suffix(".json"), msgspec.json.encode(Index(cache.digest(drawn))))
    tell(asked.pictures, asked.pictures)
    return Pictures("creatures", drawn["pictures"], drawn["labels"], NAMES, sums, place.name, masks=drawn["masks"])


def _refuse_too_large(asked: Creatures) -> None:
    """All pictures are held in memory, those to train on twice."""
    need = 7 * asked.pictures * asked.size**2
    free = psutil.virtual_memory().available
    if need > free:
        what = f"{words.plural(asked.pictures, 'picture')} of {asked.size} x {asked.size} px need {words.size(need)} of memory"
        raise RecipeError("data.pictures", f"{what}, and {words.size(free)} are free; ask for fewer or smaller ones")


def _cached(place: Path) -> Arrays | None:
    try:
        index = reading.json(place.with_suffix(".json"), Index)
    except (OSError, msgspec.MsgspecError):
        return None
    return cache.read(place, ("pictures", "labels", "masks"), index.sha256)


def _draw_all(asked: Creatures, tell: Tell) -> Arrays:
    total, size = asked.pictures, asked.size
    labels = species_of(asked.seed, total)
    pictures_u8 = np.empty((total, 3, size, size), np.uint8)
    masks = np.empty((total, size, size), np.bool_)
    portion = len(SPECIES) * max(1, TOGETHER // size**2)
    for start in range(0, total, portion):
        tell(start, total)
        here = labels[start : start + portion]
        for label in np.unique(here):
            index_B = start + np.flatnonzero(here == label)
            pictures_u8[index_B], masks[index_B] = draw(SPECIES[label], asked.seed, index_B, size)
    return {"pictures": pictures_u8, "labels": labels, "masks": masks}


def species_of(seed: int, pictures: int) -> NDArray[np.int64]:
    """Labels, [N]: every ten in a row are a permutation."""
    tens = -(-pictures // len(SPECIES))
    drawn = random_words("creatures", seed, count=tens * len(SPECIES)).reshape(tens, len(SPECIES))
    return np.argsort(drawn, axis=1, kind="stable").reshape(-1)[:pictures].astype(np.int64)


def draw(species: Species, seed: int, index_B: NDArray[np.int64], size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """These individuals as uint8 [B, 3, S, S], and their masks [B, S, S]."""
    numbers = generator_seed("creatures", seed)

    def of(view: int, count: int) -> Iterator[Floats]:
        return iter(uniforms(numbers, 0, index_B, view, count).astype(np.float32).T)

    bones = skeleton_of(species.build, of(POSE, 16))
    place = of(GROUND, 24)
    frame = frame_of(bones, place)
    scene = scene_of(place, frame)
    canvas, grain = background(scene, of(NOISE, NOISES), size)
    paper = Paper(canvas, np.zeros_like(grain), grain)
    clutter(paper, scene, of(CLUTTER, 160))
    colours = colours_of(of(COLOUR, 12), behind(scene, frame))
    draw_animal(Artist(paper, frame, colours, [lifted(value) for value in of(COAT, 63)]), species, bones)
    return paper.finished()
