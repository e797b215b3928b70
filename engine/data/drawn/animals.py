"""Animals of one species, drawn part by part from far to near; colours are the individual's and say nothing of the species.

Shapes: B animals, h and w a window's rows and columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.data.drawn.bones import Bone, chained, coverage, distance_from, melted
from engine.data.drawn.builds import Skeleton
from engine.data.drawn.coats import Spot
from engine.data.drawn.frames import Frame
from engine.data.drawn.numbers import Floats, between, from_hsl, lifted, lightness, unit
from engine.data.drawn.paper import Paper, Window
from engine.data.drawn.scenes import Scene
from engine.data.drawn.species import Species


class Colours(NamedTuple):
    """An individual's, [3, B] each."""

    fur: Floats
    markings: Floats
    belly: Floats  # how much lighter it is, [B]


def behind(scene: Scene, frame: Frame) -> Floats:
    """Lightness of what is behind the animal, [B]."""
    share = unit((frame.y - scene.horizon) / scene.soft + np.float32(0.5))
    return lightness(scene.sky_3B + share * (scene.ground_3B - scene.sky_3B))


def colours_of(u: Iterator[Floats], behind: Floats) -> Colours:
    """Any hue, browns more often; light or dark, but not as what is behind; markings the other way if there is room."""
    off_brown = (2 * next(u) - 1) ** 5
    hue = 0.08 + 0.5 * off_brown
    saturation = between(next(u), 0.05, 0.55) * (1 - 0.5 * np.minimum(8 * np.abs(off_brown), 1))
    off = between(next(u), 0.16, 0.5)
    lighter = next(u) < np.clip(1.3 - 1.6 * behind, 0.1, 0.9)
    light = np.clip(behind + np.where(lighter, off, -off), 0.1, 0.92)
    contrast = between(next(u), 0.36, 0.62)
    paler = next(u) < unit(1.5 - 2 * light)
    marked = np.clip(light + np.where(paler, contrast, -contrast), 0.06, 0.95)
    markings = from_hsl(hue + between(next(u), -0.06, 0.06), saturation * between(next(u), 0.1, 0.9), marked)
    return Colours(from_hsl(hue, saturation, light), markings, between(next(u), -0.2, 0.4))


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
        return lifted(np.float32(1 / self.paper.size) / self.frame.scale)

    def seen(self, bones: Sequence[Bone]) -> tuple[Window, Floats, Floats]:
        window = self.paper.window([self.frame.placed(bone) for bone in bones])
        return window, *self.frame.own(window)

    def spot(self, x: Floats, y: Floats, along: Floats, across: Floats) -> Spot:
        return Spot(x, y, along, across, self.soft, self.numbers)

    def fur(self, window: Window, distance: Floats, marked: Floats, light: Floats, shown: Floats | float = 1.0) -> None:
        cover = coverage(distance, self.soft)
        grain = self.paper.grain_BSS.reshape(-1)[window.place_Bhw]
        light = light + np.float32(0.12) * grain
        fur, markings = self.colours.fur, self.colours.markings
        rgb = [(lifted(plain) + marked * lifted(mark - plain)) * light for plain, mark in zip(fur, markings)]
        self.paper.paint(window, cover * shown, rgb)
        self.paper.claim(window, cover)


def draw_animal(artist: Artist, species: Species, bones: Skeleton) -> None:
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
    distance, _ = distance_from(under, x, lifted(floor) + 3 * (y - lifted(floor)))
    artist.paper.paint(window, np.clip(-3 * distance, 0, 0.4), [np.float32(0.05)] * 3)


def _draw_leg(artist: Artist, species: Species, leg: Sequence[Bone], light: float, thigh: bool = False) -> None:
    window, x, y = artist.seen(leg)
    distance, along = chained(leg, x, y)
    spot = artist.spot(x, y, along, along)
    shown = unit(9 * along - np.float32(0.5)) if thigh else 1.0  # its upper end goes over into the trunk
    artist.fur(window, distance, species.legs(spot), light * (np.float32(1.04) - np.float32(0.2) * along), shown)


def _draw_tail(artist: Artist, species: Species, tail: Sequence[Bone]) -> None:
    window, x, y = artist.seen(tail)
    distance, along = chained(tail, x, y)
    artist.fur(window, distance, species.tail(artist.spot(x, y, along, along)), np.full_like(x, 0.92))


def _draw_ear(artist: Artist, species: Species, ear: Bone, light: float) -> None:
    window, x, y = artist.seen([ear])
    distance, along = distance_from(ear, x, y)
    artist.fur(window, distance, species.ears(artist.spot(x, y, along, along)), np.full_like(x, light))


def _draw_trunk(artist: Artist, species: Species, trunk: Sequence[Bone]) -> None:
    window, x, y = artist.seen(trunk)
    build = species.build
    along = unit(x)
    spine = build.slope * along + build.arch * 4 * along * (1 - along)
    hip, belly, chest = build.trunk
    across = (y - spine) / (hip + (chest - hip) * along + (4 * belly - 2 * hip - 2 * chest) * along * (1 - along))
    marked = species.trunk(artist.spot(x, y, x, across))
    light = np.float32(0.98) + np.float32(0.13) * np.clip(across, -1, 1)
    light = light + lifted(artist.colours.belly) * np.clip(-across - np.float32(0.3), 0, np.float32(0.7))
    artist.fur(window, melted(trunk, x, y, 0.12), marked, light)


def _draw_head(artist: Artist, species: Species, bones: Skeleton) -> None:
    window, x, y = artist.seen(bones.head)
    centre, radius = bones.head[0], np.float32(species.build.head[0])
    cos, sin = lifted(np.cos(bones.pitch)), lifted(np.sin(bones.pitch))
    off_x, off_y = (x - lifted(centre.ax)) / radius, (y - lifted(centre.ay)) / radius
    along, across = cos * off_x + sin * off_y, cos * off_y - sin * off_x
    marked = species.head(artist.spot(x, y, along, across))
    artist.fur(window, melted(bones.head, x, y, 0.06), marked, np.float32(1.0) + np.float32(0.08) * np.clip(across, -1, 1))


def _draw_dark(artist: Artist, bone: Bone) -> None:
    window, x, y = artist.seen([bone])
    distance, _ = distance_from(bone, x, y)
    artist.paper.paint(window, coverage(distance, artist.soft), [np.float32(0.05)] * 3)
