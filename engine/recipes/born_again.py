"""Born-Again Networks (Furlanello et al. 2018, arXiv:1805.04770): what can be asked of them."""

from typing import Annotated, Literal

from msgspec import Struct

from engine.fields import knob


class Ban(Struct, frozen=True, kw_only=True, tag_field="name", tag="ban"):
    """born-again, the teacher's predictions only: each generation learns from the one before, at temperature 1"""

    teacher_checkpoint: Annotated[
        Literal["last", "best"],
        knob(
            "Teacher's checkpoint",
            "Which checkpoint of the previous generation teaches: the last one, or the best one on the validation pictures.",
            source="paper",
            why="the paper's teacher is the converged network (arXiv:1805.04770, section 3)",
        ),
    ] = "last"
