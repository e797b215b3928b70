"""Plain training on labels: the baseline, and F0 of every born-again lineage."""

from typing import ClassVar

from msgspec import Struct


class Supervised(Struct, frozen=True, kw_only=True, tag_field="name", tag="supervised"):
    """labels only: the baseline every comparison starts from"""

    why: ClassVar[str] = "needs nobody to teach it: the baseline"
