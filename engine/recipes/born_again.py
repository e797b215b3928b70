"""Born-Again Networks (Furlanello et al. 2018, arXiv:1805.04770): what can be asked of them. All of them at temperature 1."""

from typing import Annotated, Literal

from msgspec import Struct

from engine.fields import knob

TeacherCheckpoint = Annotated[
    Literal["last", "best"],
    knob(
        "Teacher's checkpoint",
        "Which checkpoint of the previous generation teaches: the last one, or the best one on the validation pictures.",
        source="paper",
        why="the paper's teacher is the converged network (arXiv:1805.04770, section 3)",
    ),
]


class Ban(Struct, frozen=True, kw_only=True, tag_field="name", tag="ban"):
    """born-again, the teacher's predictions only: each generation learns from the one before, at temperature 1"""

    teacher_checkpoint: TeacherCheckpoint = "last"


class BanLabel(Struct, frozen=True, kw_only=True, tag_field="name", tag="ban_label"):
    """born-again with labels (BAN+L): the labels and the predictions of the generation before, in equal parts"""

    teacher_checkpoint: TeacherCheckpoint = "last"


class Cwtm(Struct, frozen=True, kw_only=True, tag_field="name", tag="cwtm"):
    """confidence-weighted by teacher max: the labels only, each picture weighted by how sure the generation before is"""

    teacher_checkpoint: TeacherCheckpoint = "last"


class Dkpp(Struct, frozen=True, kw_only=True, tag_field="name", tag="dkpp"):
    """dark knowledge with permuted predictions: the teacher's, with all but the largest shuffled for each picture"""

    teacher_checkpoint: TeacherCheckpoint = "last"
