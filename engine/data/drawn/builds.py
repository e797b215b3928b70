"""How a species is built, and the bones of its individuals: all proportions are its build's, pose and stoutness their own.

An animal's own frame has its hip at (0, 0), looks along x, and its trunk is 1 long, y upwards. Shapes: B animals.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from engine.data.drawn.bones import Bone
from engine.data.drawn.numbers import Floats, between


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


def skeleton_of(build: Build, u: Iterator[Floats]) -> Skeleton:
    grown = between(next(u), 0.9, 1.12)  # legs, neck and tail of an individual, against its trunk
    stout = between(next(u), 0.92, 1.1)
    stride = between(next(u), -0.42, 0.42), between(next(u), -0.42, 0.42)
    trunk = _trunk(build, stout)
    neck = _neck(build, trunk[-1], grown, stout, between(next(u), -0.5, 0.3))
    pitch = between(next(u), -0.55, 0.2) + 0 * grown
    head = _head(build, neck, pitch)
    far, near = _ears(build, neck, pitch, between(next(u), -0.2, 0.2))
    tail = _tail(build, grown, between(next(u), -0.35, 0.35), between(next(u), -0.3, 0.3))
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
