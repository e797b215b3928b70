"""Distillation at a temperature (Hinton et al. 2015; Zhao et al. 2022): what can be asked of it.

The teacher is the generation before, as in every lineage; `teacher_model` makes F0 another network than its students, and
`teacher_run` gives F0 itself a teacher, from another lineage.
"""

from typing import Annotated

from msgspec import Struct

from engine.fields import knob
from engine.recipes.born_again import CacheViews, TeacherCheckpoint, TeacherRun, TeacherStep

Temperature = Annotated[
    float,
    knob(
        "Temperature",
        "Softens both networks' predictions; at 1 they stay as they are.",
        gt=0,
        le=100,
        basic=True,
        source="paper",
        why="4 in RepDistiller and mdistiller, on CIFAR-100",
    ),
]


class Kd(Struct, frozen=True, kw_only=True, tag_field="name", tag="kd"):
    """distillation (Hinton et al. 2015): the labels and the teacher's softened predictions"""

    temperature: Temperature = 4.0
    alpha: Annotated[float, knob("Teacher's share", "Weight of the teacher's predictions; the labels have the rest.", ge=0, le=1, basic=True, source="paper", why="0.9 in RepDistiller and mdistiller, on CIFAR-100")] = 0.9  # fmt: skip
    teacher_checkpoint: TeacherCheckpoint = "last"
    teacher_run: TeacherRun = ""
    teacher_step: TeacherStep = 0
    cache_views: CacheViews = 0


class Dkd(Struct, frozen=True, kw_only=True, tag_field="name", tag="dkd"):
    """decoupled distillation (Zhao et al. 2022): how sure the teacher is, and what else it sees, weighted apart"""

    temperature: Temperature = 4.0
    alpha: Annotated[float, knob("Weight of the label's class", "Of how sure the teacher is of the label's class.", ge=0, le=1000, source="paper", why="arXiv:2203.08679: 1")] = 1.0  # fmt: skip
    beta: Annotated[float, knob("Weight of the other classes", "Of what the teacher sees among the other classes.", ge=0, le=1000, basic=True, source="paper", why="arXiv:2203.08679: 8 for most pairs of networks on CIFAR-100")] = 8.0  # fmt: skip
    warmup_epochs: Annotated[int, knob("Warm-up of the teacher", "Epochs in which the teacher's part rises to its full weight; published runs take 20 of 240.", unit="epochs", ge=0, why="short runs have no time to wait")] = 0  # fmt: skip
    teacher_checkpoint: TeacherCheckpoint = "last"
    teacher_run: TeacherRun = ""
    teacher_step: TeacherStep = 0
    cache_views: CacheViews = 0
