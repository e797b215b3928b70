"""The ten species: a build (builds.py) and where the markings are (coats.py). Nothing else tells them apart."""

from dataclasses import dataclass

from engine.data.drawn import coats
from engine.data.drawn.builds import Build
from engine.data.drawn.coats import Coat


@dataclass(frozen=True)
class Species:
    """A build and where the markings are."""

    name: str
    build: Build
    trunk: Coat = coats.plain
    head: Coat = coats.plain
    ears: Coat = coats.plain
    legs: Coat = coats.plain
    tail: Coat = coats.plain


# fmt: off
SPECIES = (
    Species(
        "anteater",
        Build(0.48, 0.02, 0.02, (0.24, 0.21, 0.21), (0.12, 0.075), (0.18, 5, 0.15, 0.1), (0.1, 0.62, 0.06, 0.03, 12),
              (0.05, 0.03, 0.025, 30), (0.95, -12, 10), (0.1, 0.2, 0.05)),
        trunk=coats.throat_wedge,
    ),
    Species(
        "civet",
        Build(0.52, 0.03, 0.02, (0.2, 0.19, 0.19), (0.1, 0.05), (0.26, 38, 0.13, 0.1), (0.125, 0.24, 0.07, 0.04, 0),
              (0.08, 0.045, 0.035, 10), (0.75, 0, 25), (0.06, 0.055, 0.035)),
        trunk=coats.blotches, head=coats.eye_patch,
    ),
    Species(
        "fennec",
        Build(0.5, 0.05, 0.0, (0.17, 0.15, 0.17), (0.085, 0.045), (0.25, 50, 0.12, 0.1), (0.15, 0.22, 0.06, 0.025, 0),
              (0.34, 0.085, 0.02, 15), (0.75, -8, 40), (0.05, 0.13, 0.06)),
        legs=coats.socks, tail=coats.tip,
    ),
    Species(
        "giraffe",
        Build(1.05, 0.18, 0.0, (0.2, 0.22, 0.24), (0.1, 0.045), (1.05, 62, 0.17, 0.08), (0.095, 0.25, 0.065, 0.05, 0),
              (0.09, 0.035, 0.015, 45), (0.5, -65, -10), (0.03, 0.02, 0.045), crouch=0.05),
        trunk=coats.net,
    ),
    Species(
        "lemur",
        Build(0.55, -0.08, 0.08, (0.19, 0.17, 0.15), (0.1, 0.04), (0.16, 50, 0.11, 0.1), (0.13, 0.17, 0.06, 0.035, 0),
              (0.06, 0.06, 0.05, 20), (1.25, 62, 55), (0.06, 0.075, 0.06), crouch=0.25),
        head=coats.eye_patch, tail=coats.rings,
    ),
    Species(
        "numbat",
        Build(0.36, 0.0, 0.05, (0.2, 0.2, 0.16), (0.09, 0.045), (0.2, 22, 0.12, 0.085), (0.1, 0.34, 0.055, 0.022, 0),
              (0.1, 0.035, 0.02, 15), (0.85, 12, 35), (0.06, 0.1, 0.03)),
        trunk=coats.back_stripes,
    ),
    Species(
        "okapi",
        Build(0.85, 0.14, 0.0, (0.22, 0.22, 0.23), (0.12, 0.05), (0.55, 52, 0.17, 0.09), (0.11, 0.32, 0.07, 0.055, 5),
              (0.2, 0.06, 0.03, 25), (0.4, -60, -10), (0.035, 0.025, 0.045), crouch=0.05),
        trunk=coats.rump_stripes, legs=coats.leg_stripes,
    ),
    Species(
        "panda",
        Build(0.5, 0.0, 0.04, (0.33, 0.36, 0.3), (0.17, 0.12), (0.2, 12, 0.26, 0.22), (0.25, 0.22, 0.14, 0.09, 0),
              (0.05, 0.095, 0.09, 10), (0.1, 0, 0), (0.09, 0.09, 0.08)),
        trunk=coats.shoulder_band, head=coats.eye_patch, ears=coats.everywhere, legs=coats.everywhere,
    ),
    Species(
        "tapir",
        Build(0.55, -0.03, 0.05, (0.3, 0.32, 0.28), (0.14, 0.075), (0.28, 20, 0.23, 0.16), (0.15, 0.36, 0.1, 0.05, 50),
              (0.08, 0.045, 0.035, 10), (0.1, -30, 0), (0.05, 0.04, 0.03)),
        trunk=coats.saddle,
    ),
    Species(
        "zorilla",
        Build(0.28, -0.02, 0.06, (0.19, 0.19, 0.16), (0.09, 0.05), (0.2, 12, 0.13, 0.1), (0.115, 0.15, 0.07, 0.04, 0),
              (0.03, 0.045, 0.035, 20), (0.8, 40, 30), (0.08, 0.17, 0.1)),
        trunk=coats.long_stripes,
    ),
)
# fmt: on
NAMES = tuple(species.name for species in SPECIES)
