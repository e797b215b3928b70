"""Born-Again Networks (Furlanello et al. 2018, arXiv:1805.04770): what can be asked of them. All of them at temperature 1."""

from typing import Annotated, Literal

from msgspec import Struct

from engine.fields import knob

TeacherCheckpoint = Annotated[
    Literal["last", "best"],
    knob(
        "Teacher's checkpoint",
        "Which of the teacher's checkpoints teaches: the last one, or the best one on the validation pictures.",
        source="paper",
        why="the paper's teacher is the converged network (arXiv:1805.04770, section 3)",
    ),
]
TeacherRun = Annotated[
    str,
    knob(
        "F0's teacher",
        "A completed run of another lineage in the workspace from which F0 learns, such as large-s0-F0, or large-s{seed}-F0 for "
        "the student's own seed. Empty: F0 learns from the labels.",
        why="in Born-Again Networks F0 learns from the labels alone",
    ),
]
TeacherStep = Annotated[
    int,
    knob(
        "F0's teacher at step",
        "The checkpoint of that run; 0 takes the one above.",
        unit="steps",
        ge=0,
        why="the end of its run is what it was trained for",
    ),
]
CacheViews = Annotated[
    int,
    knob(
        "Views kept",
        "Keeps the teacher's outputs on disk, of so many differently varied views of each picture, so that further students of "
        "the same teacher need not ask it. As many as training.epochs keeps the method; fewer are an approximation, since views "
        "come round again. 0 keeps nothing and asks the teacher at each step.",
        unit="views",
        ge=0,
        le=100_000,
        why="asked at each step, the teacher answers for the very picture that its student sees",
    ),
]


class Ban(Struct, frozen=True, kw_only=True, tag_field="name", tag="ban"):
    """born-again, the teacher's predictions only: each generation learns from the one before, at temperature 1"""

    teacher_checkpoint: TeacherCheckpoint = "last"
    teacher_run: TeacherRun = ""
    teacher_step: TeacherStep = 0
    cache_views: CacheViews = 0


class BanLabel(Struct, frozen=True, kw_only=True, tag_field="name", tag="ban_label"):
    """born-again with labels (BAN+L): the labels and the predictions of the generation before, in equal parts"""

    teacher_checkpoint: TeacherCheckpoint = "last"
    teacher_run: TeacherRun = ""
    teacher_step: TeacherStep = 0
    cache_views: CacheViews = 0


class Cwtm(Struct, frozen=True, kw_only=True, tag_field="name", tag="cwtm"):
    """confidence-weighted by teacher max: the labels only, each picture weighted by how sure the generation before is"""

    teacher_checkpoint: TeacherCheckpoint = "last"
    teacher_run: TeacherRun = ""
    teacher_step: TeacherStep = 0
    cache_views: CacheViews = 0


class Dkpp(Struct, frozen=True, kw_only=True, tag_field="name", tag="dkpp"):
    """dark knowledge with permuted predictions: the teacher's, with all but the largest shuffled for each picture"""

    teacher_checkpoint: TeacherCheckpoint = "last"
    teacher_run: TeacherRun = ""
    teacher_step: TeacherStep = 0
    cache_views: CacheViews = 0
