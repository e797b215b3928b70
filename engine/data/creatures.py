"""Drawn animals of ten species, each with the mask of where it is: a data set to learn without labels on, made in seconds.

A species is told by its build and by its coat alone. Colour, contrast, pose, size, place and background belong to the
individual and know nothing of the species. Individual i is a function of (seed, i): a larger set holds the smaller one, and
another size shows the same scene. Every ten pictures in a row hold every species once.

Animals are large and what is behind them is calm (`CALM`, `FEW`, the width in `_frame`): a student without labels learns
first what two crops of a picture share, and of lively scenes with small animals that was the scene. Larger ones still stand so
much alike that pixels alone tell them.

An animal is a few dozen bones, a bone being two circles and all between them; what a pixel becomes follows from its distance
to them, so edges are smooth without drawing anything larger than asked. Pictures of one species are drawn together, and of
the canvas only the window in which a part lies. The copy in the workspace is named by what was asked.

Shapes: N pictures of a set, B drawn together, S their side in pixels; h and w a window's. A picture reaches from 0 to 1 in
both directions, y downwards; an animal's own frame has its hip at (0, 0), looks along x, and its trunk is 1 long, y upwards.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
from msgspec import Struct
from numpy.typing import NDArray

from engine import processes, words
from engine.data import cache
from engine.data.cache import Arrays
from engine.data.order import generator_seed, uniforms
from engine.data.order import words as random_words
from engine.data.pictures import Pictures, Tell
from engine.fields import RecipeError
from engine.recipe import Creatures

DRAWING = 1  # raise it when the same seed and place would give other pixels
TOGETHER = 2**19  # pixels drawn together: few enough for a processor's cache, enough to hide Python
POSE, COLOUR, GROUND, NOISE, CLUTTER, COAT = range(6)  # each with numbers of its own, so that one may grow alone

Floats = NDArray[np.floating[Any]]  # 32 bits, or drawing takes twice as long


# ---- the set ------------------------------------------------------------------------------------------------------------


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
        index = msgspec.json.decode(place.with_suffix(".json").read_bytes(), type=Index)
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


def draw(species: "Species", seed: int, index_B: NDArray[np.int64], size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """These individuals as uint8 [B, 3, S, S], and their masks [B, S, S]."""
    numbers = generator_seed("creatures", seed)

    def of(view: int, count: int) -> Iterator[Floats]:
        return iter(uniforms(numbers, 0, index_B, view, count).astype(np.float32).T)

    bones = _skeleton(species.build, of(POSE, 16))
    place = of(GROUND, 24)
    frame = _frame(bones, place)
    scene = _scene(place, frame)
    canvas, grain = _background(scene, of(NOISE, NOISES), size)
    paper = Paper(canvas, np.zeros_like(grain), grain)
    _clutter(paper, scene, of(CLUTTER, 160))
    colours = _colours(of(COLOUR, 12), _behind(scene, frame))
    _animal(Artist(paper, frame, colours, [_lifted(value) for value in of(COAT, 63)]), species, bones)
    return paper.finished()


# ---- numbers and colours ------------------------------------------------------------------------------------------------


def _between(share: Floats, low: float, high: float) -> Floats:
    return low + (high - low) * share


def _unit(value: Floats) -> Floats:
    """Cut off at 0 and 1."""
    inside: Floats = np.clip(value, 0, 1)
    return inside


def _lifted(value_B: Floats) -> Floats:
    return value_B[:, None, None]


def _rgb(hue: Floats, saturation: Floats, light: Floats) -> Floats:
    """HSL to red, green and blue, [3, ...], all in [0, 1]."""
    light = np.clip(light, 0.02, 0.97)
    half = saturation * np.minimum(light, 1 - light)
    turns = [(offset + 12 * hue) % 12 for offset in (0.0, 8.0, 4.0)]
    return np.stack([light - half * np.clip(np.minimum(turn - 3, 9 - turn), -1, 1) for turn in turns]).astype(np.float32)


def _grey(rgb: Floats) -> Floats:
    grey: Floats = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]
    return grey


# ---- bones --------------------------------------------------------------------------------------------------------------


class Bone(NamedTuple):
    """Two circles and all between them, [B] each."""

    ax: Floats
    ay: Floats
    ra: Floats
    bx: Floats
    by: Floats
    rb: Floats


def _distance(bone: Bone, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """From the bone's edge, negative inside, and how far along it in [0, 1]; exact for circles of one radius."""
    ax, ay, ra, bx, by, rb = (_lifted(value) for value in bone)
    run, rise = bx - ax, by - ay
    x, y = x - ax, y - ay
    along = _unit((x * run + y * rise) / (run * run + rise * rise + 1e-9))
    x, y = x - along * run, y - along * rise
    return np.sqrt(x * x + y * y) - (ra + along * (rb - ra)), along


def _melted(bones: Sequence[Bone], x: Floats, y: Floats, blend: float) -> Floats:
    """Distance from all of them, joints filled as skin does: the polynomial smooth minimum."""
    nearest, _ = _distance(bones[0], x, y)
    for bone in bones[1:]:
        other, _ = _distance(bone, x, y)
        share = np.maximum(blend - np.abs(nearest - other), 0)
        nearest = np.minimum(nearest, other) - share * share * (0.25 / blend)
    return nearest


def _chained(bones: Sequence[Bone], x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Distance from a chain, and how far along the whole of it in [0, 1]."""
    nearest, along = _distance(bones[0], x, y)
    for place, bone in enumerate(bones[1:], 1):
        other, further = _distance(bone, x, y)
        along = np.where(other < nearest, place + further, along)
        nearest = np.minimum(nearest, other)
    return nearest, along / len(bones)


# ---- build --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Build:
    """Proportions of a species in lengths of its trunk, and angles in degrees; individuals keep within some per cent."""

    leg: float  # from the hip to the ground
    slope: float  # how much higher the shoulder is than the hip
    arch: float
    trunk: tuple[float, float, float]  # radii at hip, belly, chest
    limb: tuple[float, float]  # radii at the top and at the ankle
    neck: tuple[float, float, float, float]  # length, angle above the horizon, radii at shoulder and head
    head: tuple[float, float, float, float, float]  # radius, length of the snout, radii in its middle and end, droop
    ear: tuple[float, float, float, float]  # length, radii at root and end, lean backwards
    tail: tuple[float, float, float]  # length, angle above the horizon at its root, curl upwards along it
    brush: tuple[float, float, float]  # the tail's radii at root, middle and end
    crouch: float = 0.12  # how far knees are from straight


Legs = tuple[tuple[Bone, ...], tuple[Bone, ...]]


class Skeleton(NamedTuple):
    """Parts in the order in which they are drawn, and what patterns need to know of them."""

    far_legs: Legs  # hind and fore
    tail: tuple[Bone, ...]
    far_ear: Bone
    trunk: tuple[Bone, ...]
    head: tuple[Bone, ...]
    near_ear: Bone
    eye: Bone
    nose: Bone
    near_legs: Legs
    pitch: Floats  # of the head, radians above the horizon


def _skeleton(build: Build, u: Iterator[Floats]) -> Skeleton:
    grown = _between(next(u), 0.9, 1.12)  # legs, neck and tail of an individual, against its trunk
    stout = _between(next(u), 0.92, 1.1)
    stride = _between(next(u), -0.42, 0.42), _between(next(u), -0.42, 0.42)
    trunk = _trunk(build, stout)
    neck = _neck(build, trunk[-1], grown, stout, _between(next(u), -0.5, 0.3))
    pitch = _between(next(u), -0.55, 0.2) + 0 * grown
    head = _head(build, neck, pitch)
    far, near = _ears(build, neck, pitch, _between(next(u), -0.2, 0.2))
    tail = _tail(build, grown, _between(next(u), -0.35, 0.35), _between(next(u), -0.3, 0.3))
    legs = [_legs(build, grown, stout, swing, next(u)) for swing in (stride, (-stride[0], -stride[1]))]
    eye, nose = _eye_and_nose(build, neck, head, pitch)
    return Skeleton(legs[0], tail, far, (*trunk, neck), head, near, eye, nose, legs[1], pitch)


def _trunk(build: Build, stout: Floats) -> tuple[Bone, Bone]:
    none = np.zeros_like(stout)
    hip, belly, chest = (radius * stout for radius in build.trunk)
    middle = none + 0.5, none + 0.5 * build.slope + build.arch
    return Bone(none, none, hip, *middle, belly), Bone(*middle, belly, none + 1, none + build.slope, chest)


def _neck(build: Build, chest: Bone, grown: Floats, stout: Floats, bow: Floats) -> Bone:
    length, angle, at_shoulder, at_head = build.neck
    turned = math.radians(angle) + bow * (0.5 if angle > 0 else 0.3)
    x, y = chest.bx, chest.by + 0.25 * chest.rb
    reach = length * grown
    return Bone(x, y, at_shoulder * stout, x + reach * np.cos(turned), y + reach * np.sin(turned), at_head * stout)


def _head(build: Build, neck: Bone, pitch: Floats) -> tuple[Bone, Bone]:
    radius, snout, middle, end, droop = build.head
    none = np.zeros_like(pitch)
    drooped = pitch - math.radians(droop)
    x, y = neck.bx + 0.55 * snout * np.cos(pitch), neck.by + 0.55 * snout * np.sin(pitch) - 0.15 * radius
    upper = Bone(neck.bx, neck.by, none + radius, x, y, none + middle)
    return upper, Bone(x, y, none + middle, x + 0.45 * snout * np.cos(drooped), y + 0.45 * snout * np.sin(drooped), none + end)


def _ears(build: Build, neck: Bone, pitch: Floats, twitch: Floats) -> tuple[Bone, Bone]:
    length, root, end, lean = build.ear

    def ear(back: float) -> Bone:
        at = pitch + math.radians(90 + back)
        x, y = neck.bx + 0.8 * build.head[0] * np.cos(at), neck.by + 0.8 * build.head[0] * np.sin(at)
        to = pitch + math.radians(90 + lean + 0.6 * (back - 20)) + twitch
        return Bone(x, y, root + 0 * x, x + length * np.cos(to), y + length * np.sin(to), end + 0 * x)

    return ear(-12), ear(42)


def _tail(build: Build, grown: Floats, rise: Floats, curl: Floats) -> tuple[Bone, ...]:
    length, angle, curled = build.tail
    root, middle, end = build.brush
    pieces = 6
    radii = np.interp(np.linspace(0, 1, pieces + 1), (0, 0.55, 1), (root, middle, end)).tolist()
    x, y = -0.75 * build.trunk[0] + 0 * grown, 0.35 * build.trunk[0] + 0 * grown
    to = math.radians(180 - angle) - rise
    bones = []
    for ra, rb in pairwise(radii):
        further = x + length / pieces * grown * np.cos(to), y + length / pieces * grown * np.sin(to)
        bones.append(Bone(x, y, ra + 0 * x, *further, rb + 0 * x))
        (x, y), to = further, to - math.radians(curled) / pieces - curl / pieces
    return tuple(bones)


def _legs(build: Build, grown: Floats, stout: Floats, swing: tuple[Floats, Floats], lift: Floats) -> Legs:
    """Hind and fore. All feet of an animal stand on one line."""
    top, ankle = build.limb[0] * stout, build.limb[1] * stout
    floor = -build.leg * grown
    hind = _leg(0.02, -0.25 * build.trunk[0], floor, swing[0], -build.crouch, top * 1.15, ankle)
    fore = _leg(0.97, build.slope - 0.3 * build.trunk[2], floor, swing[1], 0.5 * build.crouch, top, ankle)
    return hind, fore


def _leg(x: float, y: float, floor: Floats, swing: Floats, bend: float, top: Floats, ankle: Floats) -> tuple[Bone, ...]:
    foot = x + swing * np.minimum(-floor, 0.6) * 0.8
    knee = 0.5 * (x + foot) + bend * (y - floor), 0.5 * (y + floor)
    calf = 0.45 * top + 0.55 * ankle
    start = x + 0 * floor, y + 0 * floor
    return (
        Bone(*start, top, *knee, calf),
        Bone(*knee, calf, foot, floor, ankle),
        Bone(foot, floor, ankle, foot + 0.9 * ankle, floor, ankle * 0.9),
    )


def _eye_and_nose(build: Build, neck: Bone, head: Sequence[Bone], pitch: Floats) -> tuple[Bone, Bone]:
    radius = build.head[0]
    x = neck.bx + radius * (0.42 * np.cos(pitch) - 0.25 * np.sin(pitch))
    y = neck.by + radius * (0.42 * np.sin(pitch) + 0.25 * np.cos(pitch))
    seen = np.full_like(x, 0.022 + 0.1 * radius)
    tip = head[-1]
    black = tip.rb * 0.4 + 0.014
    return Bone(x, y, seen, x, y, seen), Bone(tip.bx + 0.5 * tip.rb, tip.by, black, tip.bx + 0.6 * tip.rb, tip.by, black)


# ---- paper --------------------------------------------------------------------------------------------------------------


class Window(NamedTuple):
    """The pixels of a part: their places in the flat canvas, [B, h, w], and where they lie in the picture."""

    place_Bhw: NDArray[np.intp]
    x_B1w: Floats
    y_Bh1: Floats


@dataclass(frozen=True, eq=False)
class Paper:
    """What is drawn on: colours, what of each pixel is animal, and an unevenness that fur shares with the ground."""

    rgb_3BSS: Floats
    animal_BSS: Floats
    grain_BSS: Floats

    @property
    def size(self) -> int:
        return int(self.rgb_3BSS.shape[-1])

    def window(self, bones: Sequence[Bone], pictures: NDArray[np.int64] | None = None) -> Window:
        """Around bones given in the frame of these pictures (all of them), as large for each as the largest needs."""
        size = self.size
        x, y, radius = (np.array([(bone[i], bone[i + 3]) for bone in bones]) for i in range(3))
        tops_Bh, y_Bh = _span((y - radius).min((0, 1)), (y + radius).max((0, 1)), size)
        lefts_Bw, x_Bw = _span((x - radius).min((0, 1)), (x + radius).max((0, 1)), size)
        starts_B = np.arange(len(tops_Bh)) if pictures is None else pictures
        rows_Bh = starts_B[:, None] * size**2 + tops_Bh * size
        return Window(rows_Bh[:, :, None] + lefts_Bw[:, None, :], x_Bw[:, None, :], y_Bh[:, :, None])

    def paint(self, window: Window, cover_Bhw: Floats, rgb: Sequence[Floats | np.float32]) -> None:
        """Colours, each broadcastable to [B, h, w], where `cover` is 1; half of them where it is a half."""
        for canvas_BSS, colour in zip(self.rgb_3BSS, rgb):
            canvas = canvas_BSS.reshape(-1)
            under = canvas[window.place_Bhw]
            canvas[window.place_Bhw] = under + cover_Bhw * (colour - under)

    def claim(self, window: Window, cover_Bhw: Floats) -> None:
        """These pixels are animal."""
        animal = self.animal_BSS.reshape(-1)
        animal[window.place_Bhw] = np.maximum(animal[window.place_Bhw], cover_Bhw)

    def finished(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        pictures = _unit(self.rgb_3BSS) * np.float32(255) + np.float32(0.5)
        return pictures.astype(np.uint8).transpose(1, 0, 2, 3), self.animal_BSS >= 0.5


def _span(low_B: Floats, high_B: Floats, size: int) -> tuple[NDArray[np.int64], Floats]:
    """Rows or columns of windows, and where their middles lie: a pixel more on each side, for soft edges."""
    first_B = np.floor(low_B * size).astype(np.int64) - 1
    many = int(min(size, (np.ceil(high_B * size).astype(np.int64) + 1 - first_B).max()))
    pixels_Bw = np.clip(first_B, 0, size - many)[:, None] + np.arange(many)
    return pixels_Bw, (pixels_Bw.astype(np.float32) + np.float32(0.5)) * np.float32(1 / size)


# ---- the scene ----------------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A sort of place. Hue, saturation and lightness above the horizon and below; how uneven, and how much stands about."""

    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    free: float  # how far hues may be from those
    soft: float  # height of the horizon's blur
    uneven: tuple[float, float, float, float, float]  # one for each of LATTICES
    blades: float  # chances of each possible one
    stones: float
    trunks: float
    blobs: float


CALM, FEW = 0.35, 0.15  # how far a ground is from its sky, and how much of what may stand about does
LATTICES = ((4, 4), (11, 11), (25, 25), (32, 7), (9, 40))  # rows and columns of random values, smoothly interpolated
NOISES = sum(rows * columns for rows, columns in LATTICES) + 3 * 4 * 4  # random values, the last ones for tints
KINDS = (
    Kind((0.57, 0.30, 0.76), (0.27, 0.24, 0.45), 0.04, 0.18, (0.05, 0.05, 0.04, 0.00, 0.05), 0.8, 0.2, 0.0, 0.1),  # meadow
    Kind((0.12, 0.32, 0.80), (0.11, 0.32, 0.58), 0.04, 0.30, (0.04, 0.05, 0.04, 0.00, 0.06), 0.7, 0.3, 0.1, 0.1),  # savanna
    Kind((0.57, 0.25, 0.80), (0.10, 0.38, 0.66), 0.03, 0.06, (0.06, 0.03, 0.03, 0.07, 0.00), 0.1, 0.6, 0.0, 0.2),  # desert
    Kind((0.60, 0.16, 0.66), (0.58, 0.20, 0.86), 0.04, 0.12, (0.05, 0.05, 0.02, 0.03, 0.00), 0.2, 0.4, 0.4, 0.0),  # snow
    Kind((0.33, 0.22, 0.30), (0.12, 0.25, 0.36), 0.08, 0.15, (0.06, 0.07, 0.05, 0.00, 0.03), 0.4, 0.3, 0.8, 0.1),  # wood
    Kind((0.05, 0.38, 0.68), (0.75, 0.14, 0.36), 0.10, 0.35, (0.05, 0.04, 0.03, 0.04, 0.00), 0.3, 0.3, 0.1, 0.2),  # dusk
    Kind((0.50, 0.20, 0.70), (0.50, 0.20, 0.52), 1.00, 0.60, (0.05, 0.02, 0.02, 0.00, 0.00), 0.0, 0.1, 0.0, 0.5),  # a wall
    Kind((0.30, 0.18, 0.55), (0.30, 0.18, 0.50), 1.00, 0.50, (0.06, 0.10, 0.07, 0.00, 0.00), 0.1, 0.3, 0.0, 0.6),  # moss
    Kind((0.55, 0.22, 0.72), (0.55, 0.28, 0.52), 0.08, 0.05, (0.04, 0.03, 0.02, 0.09, 0.00), 0.4, 0.4, 0.0, 0.1),  # a shore
)


class Frame(NamedTuple):
    """Where the animal stands in its picture, [B] each: its hip, its size, which way it looks, its tilt."""

    x: Floats
    y: Floats
    scale: Floats  # of the picture's side for a trunk's length
    mirror: Floats  # 1 or -1
    cos: Floats
    sin: Floats
    floor: Floats  # height in the picture on which it stands
    left: Floats
    right: Floats

    def placed(self, bone: Bone) -> Bone:
        """The bone in the picture's frame."""
        return Bone(*self._to(bone.ax, bone.ay), bone.ra * self.scale, *self._to(bone.bx, bone.by), bone.rb * self.scale)

    def _to(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across, up = self.cos * x - self.sin * y, self.sin * x + self.cos * y
        return self.x + self.mirror * self.scale * across, self.y - self.scale * up

    def own(self, window: Window) -> tuple[Floats, Floats]:
        """A window's pixels in the animal's frame."""
        across = (window.x_B1w - _lifted(self.x)) * _lifted(self.mirror / self.scale)
        up = (_lifted(self.y) - window.y_Bh1) / _lifted(self.scale)
        cos, sin = _lifted(self.cos), _lifted(self.sin)
        return cos * across + sin * up, cos * up - sin * across


def _every(bones: Skeleton) -> list[Bone]:
    legs = [bone for pair in (bones.far_legs, bones.near_legs) for leg in pair for bone in leg]
    return [*legs, *bones.tail, bones.far_ear, *bones.trunk, *bones.head, bones.near_ear, bones.nose]


def _frame(bones: Skeleton, u: Iterator[Floats]) -> Frame:
    """All of the animal is in the picture, 50 to 80 % of it wide, or less where it is taller than wide."""
    x, y, radius = (np.stack([value for bone in _every(bones) for value in (bone[i], bone[i + 3])]) for i in range(3))
    tilt = _between(next(u), -0.14, 0.14)
    cos, sin = np.cos(tilt), np.sin(tilt)
    across, up = cos * x - sin * y, sin * x + cos * y
    low, high = (across - radius).min(0), (across + radius).max(0)
    below, above = (up - radius).min(0), (up + radius).max(0)
    scale = np.minimum(_between(next(u), 0.5, 0.8) / (high - low), 0.88 / (above - below))
    mirror = np.where(next(u) < 0.5, np.float32(-1), np.float32(1))
    wide, tall = scale * (high - low), scale * (above - below)
    left = 0.02 + next(u) * (0.96 - wide)
    floor = 0.98 - 0.85 * next(u) * (0.96 - tall)
    return Frame(
        left - scale * np.where(mirror > 0, low, -high),
        floor + scale * below,
        scale,
        mirror,
        cos,
        sin,
        floor,
        left,
        left + wide,
    )


class Scene(NamedTuple):
    sky_3B: Floats
    ground_3B: Floats
    horizon: Floats
    soft: Floats
    uneven: Floats  # [5, B]
    chances: Floats  # of blades, stones, trunks, blobs, [4, B]


def _scene(u: Iterator[Floats], frame: Frame) -> Scene:
    kind = (next(u) * len(KINDS)).astype(np.int64)

    def of(values: Sequence[float]) -> Floats:
        return np.array(values, np.float32)[kind]

    def colour(values: Sequence[tuple[float, float, float]]) -> Floats:
        hue, saturation, light = (of(value) for value in zip(*values))
        hue = hue + _between(next(u), -1, 1) * of([kind.free for kind in KINDS])
        return _rgb(hue, saturation * _between(next(u), 0.5, 1.4), light + _between(next(u), -0.13, 0.13))

    sky, ground = colour([kind.sky for kind in KINDS]), colour([kind.ground for kind in KINDS])
    horizon = np.maximum(frame.floor - _between(next(u), 0.06, 0.55), 0.04)
    strength, blur = _between(next(u), 0.15, 0.4), _between(next(u), 1.0, 3.0)
    uneven = np.stack([of([kind.uneven[i] for kind in KINDS]) * strength for i in range(len(LATTICES))])
    ground = sky + np.float32(CALM) * (ground - sky)
    chances = [of(values) for values in zip(*((kind.blades, kind.stones, kind.trunks, kind.blobs) for kind in KINDS))]
    soft = of([kind.soft for kind in KINDS]) * blur
    return Scene(sky, ground, horizon, soft, uneven, np.float32(FEW) * np.stack(chances))


def _background(scene: Scene, u: Iterator[Floats], size: int) -> tuple[Floats, Floats]:
    """Ground under a sky, [3, B, S, S], and the unevenness of middle size that fur shares, [B, S, S]."""
    waves = [_smooth(rows, columns, u, size) for rows, columns in LATTICES]
    height = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size))[:, None]
    share = _unit((height + 0.16 * waves[0] - _lifted(scene.horizon)) / _lifted(scene.soft) + np.float32(0.5))
    shade = np.zeros_like(share)
    for wave, strength in zip(waves, scene.uneven):
        shade += wave * _lifted(2 * strength)
    shade *= np.float32(0.3) + np.float32(0.7) * share  # skies are evener
    canvas = np.empty((3, *share.shape), np.float32)
    for colour, sky, ground in zip(canvas, scene.sky_3B, scene.ground_3B):
        colour[:] = _lifted(sky) + share * _lifted(ground - sky) + shade + np.float32(0.09) * _smooth(4, 4, u, size)
    return canvas, waves[2]


def _smooth(rows: int, columns: int, u: Iterator[Floats], size: int) -> Floats:
    """Random values about 0 on a lattice, [B, S, S], as smooth as quadratic splines."""
    values_Bnm = np.stack([next(u) for _ in range(rows * columns)], axis=1).reshape(-1, rows, columns) - np.float32(0.5)
    smooth: Floats = _weights(rows, size) @ values_Bnm @ _weights(columns, size).T
    return smooth


def _weights(count: int, size: int) -> Floats:
    """Quadratic B-splines of `count` knots at each pixel, [S, count]; times 1.5, for they flatten what they smooth."""
    at = (np.arange(size) + 0.5) / size * (count - 2) + 0.5
    off = np.abs(at[:, None] - np.arange(count))
    weights = np.where(off < 0.5, 0.75 - off * off, 0.5 * np.maximum(1.5 - off, 0) ** 2)
    return (1.5 * weights).astype(np.float32)


def _clutter(paper: Paper, scene: Scene, u: Iterator[Floats]) -> None:
    """What stands about, from far to near."""
    blades, stones, trunks, blobs = scene.chances
    for _ in range(4):
        _stand(paper, next(u) < 0.8 * trunks, _tree(scene, u), scene.ground_3B * _between(next(u), 0.35, 0.75), 0.85)
    for _ in range(3):
        grey = _rgb(next(u), 0.15 * next(u), _between(next(u), 0.25, 0.8))
        _stand(paper, next(u) < stones, _stone(scene, u), grey, 1.0)
    for _ in range(4):
        gaudy = _rgb(next(u), 0.7 * next(u), _between(next(u), 0.15, 0.85))
        _stand(paper, next(u) < blobs, _blob(u), gaudy, 0.9)
    for _ in range(12):
        _stand(paper, next(u) < blades, _blade(scene, u), scene.ground_3B * _between(next(u), 0.45, 1.35), 0.8)


def _tree(scene: Scene, u: Iterator[Floats]) -> Bone:
    x, radius = next(u), _between(next(u), 0.012, 0.045)
    foot = scene.horizon + _between(next(u), -0.02, 0.12)
    return Bone(x, 0 * foot - 0.1, radius * 0.7, x + _between(next(u), -0.05, 0.05), foot, radius)


def _stone(scene: Scene, u: Iterator[Floats]) -> Bone:
    x, y, radius = next(u), _on_ground(scene, next(u)), _between(next(u), 0.015, 0.05)
    return Bone(x - 0.7 * radius, y, radius, x + _between(next(u), 0.3, 1.2) * radius, y + 0.3 * radius, radius * 0.7)


def _blob(u: Iterator[Floats]) -> Bone:
    """Something as large and as gaudy as an animal's parts, anywhere."""
    x, y, radius = next(u), next(u), _between(next(u), 0.02, 0.08)
    reach, to = _between(next(u), 0.5, 3.0) * radius, _between(next(u), 0, 6.28)
    return Bone(x, y, radius, x + reach * np.cos(to), y + reach * np.sin(to), radius * _between(next(u), 0.4, 1.1))


def _blade(scene: Scene, u: Iterator[Floats]) -> Bone:
    x, y, tall = next(u), _on_ground(scene, next(u)), _between(next(u), 0.04, 0.16)
    return Bone(x, y, 0 * x + 0.006, x + _between(next(u), -0.5, 0.5) * tall, y - tall, 0 * x + 0.001)


def _on_ground(scene: Scene, share: Floats) -> Floats:
    return scene.horizon + _between(share, 0.08, 1.05) * (1 - scene.horizon)


def _stand(paper: Paper, there: NDArray[np.bool_], bone: Bone, rgb_3B: Floats, cover: float) -> None:
    pictures = np.flatnonzero(there)
    if not len(pictures):
        return
    bone = Bone(*(value[pictures] for value in bone))
    window = paper.window([bone], pictures)
    distance, _ = _distance(bone, window.x_B1w, window.y_Bh1)
    lower = _unit((window.y_Bh1 - _lifted(bone.by)) / _lifted(bone.ra) + np.float32(0.5))
    light = np.float32(1.1) - np.float32(0.25) * lower
    covered = cover * _cover(distance, np.float32(1 / paper.size))
    paper.paint(window, covered, [_lifted(colour) * light for colour in rgb_3B[:, pictures]])


def _cover(distance: Floats, soft: Floats | np.float32) -> Floats:
    """How much of a pixel is inside, for distances and a pixel's side in one unit."""
    return _unit(np.float32(0.5) - distance / soft)


# ---- coats --------------------------------------------------------------------------------------------------------------


class Spot(NamedTuple):
    """Where the pixels of a part are on it, [B, h, w]; and the individual's own numbers, [B, 1, 1] each."""

    x: Floats  # in the animal's frame
    y: Floats
    along: Floats  # trunk and tail from their root, legs from the top, in their lengths; the head from its middle, in radii
    across: Floats  # trunk: from -1 at the belly to 1 at the back; head: upwards, in radii
    soft: Floats  # a pixel's side, in lengths of the trunk
    numbers: Sequence[Floats]


Coat = Callable[[Spot], Floats]  # how much of a pixel has the colour of the markings


def _band(value: Floats, low: float | Floats, high: float | Floats, soft: Floats) -> Floats:
    """1 from low to high, with edges `soft` wide."""
    return _unit(np.minimum(value - low, high - value) / soft + np.float32(0.5))


def _stripes(value: Floats, period: float | Floats, share: float, soft: Floats) -> Floats:
    """Stripes `share` of a period wide, their middles at half periods."""
    turns = value / period
    off = np.abs(turns - np.floor(turns) - np.float32(0.5))
    return _unit((np.float32(share / 2) - off) * period / soft + np.float32(0.5))


def _plain(spot: Spot) -> Floats:
    return np.zeros_like(spot.along)


def _all(spot: Spot) -> Floats:
    return np.ones_like(spot.along)


def _eye_patch(spot: Spot) -> Floats:
    x, y = (spot.along - 0.42) / 0.62, (spot.across - 0.2) / 0.5
    return _unit((1 - np.sqrt(x * x + y * y)) * 0.1 / spot.soft + 0.5)


def _blotches(spot: Spot) -> Floats:
    """Round spots of an individual, on a lattice that is shaken."""
    numbers, nearest = iter(spot.numbers), np.full_like(spot.along, 9)
    for column in range(7):
        for row in range(3):
            x = -0.13 + 0.2 * column + 0.12 * (next(numbers) - 0.5) + 0.1 * (row % 2)
            y = 0.17 - 0.17 * row + 0.1 * (next(numbers) - 0.5)
            off_x, off_y = spot.x - x, spot.y - y
            nearest = np.minimum(nearest, np.sqrt(off_x * off_x + off_y * off_y) - (0.045 + 0.04 * next(numbers)))
    return _cover(nearest, spot.soft)


def _net(spot: Spot) -> Floats:
    """Large patches and narrow gaps between them: the sum of three waves, bent."""
    turn, bend = spot.numbers[0] * 6.28, spot.numbers[1] * 6.28
    x = (spot.x + 0.05 * np.sin(9 * spot.y + bend)) * 21
    y = (spot.y + 0.05 * np.sin(8 * spot.x + turn)) * 21
    height = np.cos(x + turn) + np.cos(0.5 * x + 0.87 * y + bend) + np.cos(0.5 * x - 0.87 * y + bend - turn)
    return _unit((height + 0.75) / (25 * spot.soft) + 0.5)


def _saddle(spot: Spot) -> Floats:
    front, back = 0.62 + 0.12 * spot.numbers[0], 0.02 + 0.12 * spot.numbers[1]
    return _band(spot.x + 0.05 * spot.across, back, front, spot.soft)


def _rump_stripes(spot: Spot) -> Floats:
    return _stripes(spot.y + 0.35 * spot.x + 0.17 * spot.numbers[0], 0.17, 0.5, spot.soft) * _band(
        spot.x, -9, 0.2 - 0.2 * spot.y, spot.soft
    )


def _leg_stripes(spot: Spot) -> Floats:
    return _stripes(spot.y + 0.2 * spot.x + 0.17 * spot.numbers[1], 0.17, 0.5, spot.soft) * _band(
        spot.along, 0.1, 0.9, spot.soft
    )


def _back_stripes(spot: Spot) -> Floats:
    bent = spot.x + 0.06 * spot.across * spot.across + 0.1 * spot.numbers[0]
    return (
        _stripes(bent, 0.2, 0.4, spot.soft) * _band(spot.across, -0.35, 9, 5 * spot.soft) * _band(spot.x, -0.3, 0.95, spot.soft)
    )


def _long_stripes(spot: Spot) -> Floats:
    return _stripes(spot.across + 0.2 * (spot.numbers[0] - 0.5), 0.85, 0.5, 5 * spot.soft)


def _rings(spot: Spot) -> Floats:
    return _stripes(spot.along, 1 / 5.5, 0.5, spot.soft)


def _shoulder_band(spot: Spot) -> Floats:
    return _band(spot.x - 0.1 * spot.y, 0.72 + 0.06 * spot.numbers[0], 1.12, spot.soft)


def _throat_wedge(spot: Spot) -> Floats:
    """From the throat over the shoulder, narrowing towards the back."""
    off = np.abs(spot.y + 0.35 * spot.x - 0.23)
    return _band(off, -1, 0.02 + 0.09 * spot.x, spot.soft) * _band(spot.x, 0.1, 1.1, spot.soft)


def _socks(spot: Spot) -> Floats:
    return _band(spot.along, 0.55, 9, 2 * spot.soft)


def _tip(spot: Spot) -> Floats:
    return _band(spot.along, 0.68, 9, spot.soft)


@dataclass(frozen=True)
class Species:
    """A build and where the markings are."""

    name: str
    build: Build
    trunk: Coat = _plain
    head: Coat = _plain
    ears: Coat = _plain
    legs: Coat = _plain
    tail: Coat = _plain


# fmt: off
SPECIES = (
    Species(
        "anteater",
        Build(0.48, 0.02, 0.02, (0.24, 0.21, 0.21), (0.12, 0.075), (0.18, 5, 0.15, 0.1), (0.1, 0.62, 0.06, 0.03, 12),
              (0.05, 0.03, 0.025, 30), (0.95, -12, 10), (0.1, 0.2, 0.05)),
        trunk=_throat_wedge,
    ),
    Species(
        "civet",
        Build(0.52, 0.03, 0.02, (0.2, 0.19, 0.19), (0.1, 0.05), (0.26, 38, 0.13, 0.1), (0.125, 0.24, 0.07, 0.04, 0),
              (0.08, 0.045, 0.035, 10), (0.75, 0, 25), (0.06, 0.055, 0.035)),
        trunk=_blotches, head=_eye_patch,
    ),
    Species(
        "fennec",
        Build(0.5, 0.05, 0.0, (0.17, 0.15, 0.17), (0.085, 0.045), (0.25, 50, 0.12, 0.1), (0.15, 0.22, 0.06, 0.025, 0),
              (0.34, 0.085, 0.02, 15), (0.75, -8, 40), (0.05, 0.13, 0.06)),
        legs=_socks, tail=_tip,
    ),
    Species(
        "giraffe",
        Build(1.05, 0.18, 0.0, (0.2, 0.22, 0.24), (0.1, 0.045), (1.05, 62, 0.17, 0.08), (0.095, 0.25, 0.065, 0.05, 0),
              (0.09, 0.035, 0.015, 45), (0.5, -65, -10), (0.03, 0.02, 0.045), crouch=0.05),
        trunk=_net,
    ),
    Species(
        "lemur",
        Build(0.55, -0.08, 0.08, (0.19, 0.17, 0.15), (0.1, 0.04), (0.16, 50, 0.11, 0.1), (0.13, 0.17, 0.06, 0.035, 0),
              (0.06, 0.06, 0.05, 20), (1.25, 62, 55), (0.06, 0.075, 0.06), crouch=0.25),
        head=_eye_patch, tail=_rings,
    ),
    Species(
        "numbat",
        Build(0.36, 0.0, 0.05, (0.2, 0.2, 0.16), (0.09, 0.045), (0.2, 22, 0.12, 0.085), (0.1, 0.34, 0.055, 0.022, 0),
              (0.1, 0.035, 0.02, 15), (0.85, 12, 35), (0.06, 0.1, 0.03)),
        trunk=_back_stripes,
    ),
    Species(
        "okapi",
        Build(0.85, 0.14, 0.0, (0.22, 0.22, 0.23), (0.12, 0.05), (0.55, 52, 0.17, 0.09), (0.11, 0.32, 0.07, 0.055, 5),
              (0.2, 0.06, 0.03, 25), (0.4, -60, -10), (0.035, 0.025, 0.045), crouch=0.05),
        trunk=_rump_stripes, legs=_leg_stripes,
    ),
    Species(
        "panda",
        Build(0.5, 0.0, 0.04, (0.33, 0.36, 0.3), (0.17, 0.12), (0.2, 12, 0.26, 0.22), (0.25, 0.22, 0.14, 0.09, 0),
              (0.05, 0.095, 0.09, 10), (0.1, 0, 0), (0.09, 0.09, 0.08)),
        trunk=_shoulder_band, head=_eye_patch, ears=_all, legs=_all,
    ),
    Species(
        "tapir",
        Build(0.55, -0.03, 0.05, (0.3, 0.32, 0.28), (0.14, 0.075), (0.28, 20, 0.23, 0.16), (0.15, 0.36, 0.1, 0.05, 50),
              (0.08, 0.045, 0.035, 10), (0.1, -30, 0), (0.05, 0.04, 0.03)),
        trunk=_saddle,
    ),
    Species(
        "zorilla",
        Build(0.28, -0.02, 0.06, (0.19, 0.19, 0.16), (0.09, 0.05), (0.2, 12, 0.13, 0.1), (0.115, 0.15, 0.07, 0.04, 0),
              (0.03, 0.045, 0.035, 20), (0.8, 40, 30), (0.08, 0.17, 0.1)),
        trunk=_long_stripes,
    ),
)
# fmt: on
NAMES = tuple(species.name for species in SPECIES)


class Colours(NamedTuple):
    """An individual's, [3, B] each."""

    fur: Floats
    markings: Floats
    belly: Floats  # how much lighter it is, [B]


def _behind(scene: Scene, frame: Frame) -> Floats:
    """Lightness of what is behind the animal, [B]."""
    share = _unit((frame.y - scene.horizon) / scene.soft + np.float32(0.5))
    return _grey(scene.sky_3B + share * (scene.ground_3B - scene.sky_3B))


def _colours(u: Iterator[Floats], behind: Floats) -> Colours:
    """Any hue, browns more often; light or dark, but not as what is behind; markings the other way if there is room."""
    off_brown = (2 * next(u) - 1) ** 5
    hue = 0.08 + 0.5 * off_brown
    saturation = _between(next(u), 0.05, 0.55) * (1 - 0.5 * np.minimum(8 * np.abs(off_brown), 1))
    off = _between(next(u), 0.16, 0.5)
    lighter = next(u) < np.clip(1.3 - 1.6 * behind, 0.1, 0.9)
    light = np.clip(behind + np.where(lighter, off, -off), 0.1, 0.92)
    contrast = _between(next(u), 0.36, 0.62)
    paler = next(u) < _unit(1.5 - 2 * light)
    marked = np.clip(light + np.where(paler, contrast, -contrast), 0.06, 0.95)
    markings = _rgb(hue + _between(next(u), -0.06, 0.06), saturation * _between(next(u), 0.1, 0.9), marked)
    return Colours(_rgb(hue, saturation, light), markings, _between(next(u), -0.2, 0.4))


# ---- the animal ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Artist:
    """Draws the parts of animals of one species."""

    paper: Paper
    frame: Frame
    colours: Colours
    numbers: Sequence[Floats]  # [B, 1, 1] each

    @property
    def soft(self) -> Floats:
        """A pixel's side in lengths of the trunk."""
        return _lifted(np.float32(1 / self.paper.size) / self.frame.scale)

    def seen(self, bones: Sequence[Bone]) -> tuple[Window, Floats, Floats]:
        window = self.paper.window([self.frame.placed(bone) for bone in bones])
        return window, *self.frame.own(window)

    def spot(self, x: Floats, y: Floats, along: Floats, across: Floats) -> Spot:
        return Spot(x, y, along, across, self.soft, self.numbers)

    def fur(self, window: Window, distance: Floats, marked: Floats, light: Floats, shown: Floats | float = 1.0) -> None:
        cover = _cover(distance, self.soft)
        grain = self.paper.grain_BSS.reshape(-1)[window.place_Bhw]
        light = light + np.float32(0.12) * grain
        fur, markings = self.colours.fur, self.colours.markings
        rgb = [(_lifted(plain) + marked * _lifted(mark - plain)) * light for plain, mark in zip(fur, markings)]
        self.paper.paint(window, cover * shown, rgb)
        self.paper.claim(window, cover)


def _animal(artist: Artist, species: Species, bones: Skeleton) -> None:
    _draw_shadow(artist, bones)
    for leg in bones.far_legs:
        _draw_leg(artist, species, leg, 0.72)
    _draw_tail(artist, species, bones.tail)
    _draw_ear(artist, species, bones.far_ear, 0.78)
    for leg in bones.near_legs:
        _draw_leg(artist, species, leg, 0.95)
    _draw_trunk(artist, species, bones.trunk)
    for leg in bones.near_legs:
        _draw_leg(artist, species, leg, 0.95, thigh=True)
    _draw_head(artist, species, bones)
    _draw_ear(artist, species, bones.near_ear, 1.0)
    for dark in (bones.eye, bones.nose):
        _draw_dark(artist, dark)


def _draw_shadow(artist: Artist, bones: Skeleton) -> None:
    """On the ground, from the hind feet to the fore feet."""
    feet = [leg[-1] for pair in (bones.far_legs, bones.near_legs) for leg in pair]
    wide, floor = np.full_like(feet[0].ax, 0.16), feet[0].ay
    under = Bone(np.min([foot.ax for foot in feet], 0), floor, wide, np.max([foot.bx for foot in feet], 0), floor, wide)
    window, x, y = artist.seen([under])
    distance, _ = _distance(under, x, _lifted(floor) + 3 * (y - _lifted(floor)))
    artist.paper.paint(window, np.clip(-3 * distance, 0, 0.4), [np.float32(0.05)] * 3)


def _draw_leg(artist: Artist, species: Species, leg: Sequence[Bone], light: float, thigh: bool = False) -> None:
    window, x, y = artist.seen(leg)
    distance, along = _chained(leg, x, y)
    spot = artist.spot(x, y, along, along)
    shown = _unit(9 * along - np.float32(0.5)) if thigh else 1.0  # its upper end goes over into the trunk
    artist.fur(window, distance, species.legs(spot), light * (np.float32(1.04) - np.float32(0.2) * along), shown)


def _draw_tail(artist: Artist, species: Species, tail: Sequence[Bone]) -> None:
    window, x, y = artist.seen(tail)
    distance, along = _chained(tail, x, y)
    artist.fur(window, distance, species.tail(artist.spot(x, y, along, along)), np.full_like(x, 0.92))


def _draw_ear(artist: Artist, species: Species, ear: Bone, light: float) -> None:
    window, x, y = artist.seen([ear])
    distance, along = _distance(ear, x, y)
    artist.fur(window, distance, species.ears(artist.spot(x, y, along, along)), np.full_like(x, light))


def _draw_trunk(artist: Artist, species: Species, trunk: Sequence[Bone]) -> None:
    window, x, y = artist.seen(trunk)
    build = species.build
    along = _unit(x)
    spine = build.slope * along + build.arch * 4 * along * (1 - along)
    hip, belly, chest = build.trunk
    across = (y - spine) / (hip + (chest - hip) * along + (4 * belly - 2 * hip - 2 * chest) * along * (1 - along))
    marked = species.trunk(artist.spot(x, y, x, across))
    light = np.float32(0.98) + np.float32(0.13) * np.clip(across, -1, 1)
    light = light + _lifted(artist.colours.belly) * np.clip(-across - np.float32(0.3), 0, np.float32(0.7))
    artist.fur(window, _melted(trunk, x, y, 0.12), marked, light)


def _draw_head(artist: Artist, species: Species, bones: Skeleton) -> None:
    window, x, y = artist.seen(bones.head)
    centre, radius = bones.head[0], np.float32(species.build.head[0])
    cos, sin = _lifted(np.cos(bones.pitch)), _lifted(np.sin(bones.pitch))
    off_x, off_y = (x - _lifted(centre.ax)) / radius, (y - _lifted(centre.ay)) / radius
    along, across = cos * off_x + sin * off_y, cos * off_y - sin * off_x
    marked = species.head(artist.spot(x, y, along, across))
    artist.fur(window, _melted(bones.head, x, y, 0.06), marked, np.float32(1.0) + np.float32(0.08) * np.clip(across, -1, 1))


def _draw_dark(artist: Artist, bone: Bone) -> None:
    window, x, y = artist.seen([bone])
    distance, _ = _distance(bone, x, y)
    artist.paper.paint(window, _cover(distance, artist.soft), [np.float32(0.05)] * 3)
