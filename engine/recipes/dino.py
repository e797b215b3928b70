"""DINO (Caron et al. 2021, arXiv:2104.14294): what can be asked of it.

What depends on how many pictures there are, how large and how long they are trained on may say "auto": engine/scaled.py makes
a number of it, with the reason. The numbers of the published ImageNet run stand in each field's `why`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.fields import Source, knob

Auto = Literal["auto"]
_HOW_LARGE = "Side of the square that a {} crop becomes."
_SHARE = "of the picture's area"
_CHANCE = "Share of the crops"


def global_low_knob(why: str) -> Meta:
    return knob("Global from", f"Smallest share {_SHARE} in a global crop.", gt=0, le=1, source="paper", why=why)


def local_high_knob(why: str) -> Meta:
    return knob("Local to", f"Largest share {_SHARE} in a local crop.", gt=0, le=1, source="paper", why=why)


def centering_knob(why: str) -> Meta:
    what = "centre subtracts a running mean of the teacher's outputs; sinkhorn spreads each batch evenly over the prototypes."
    return knob("Against collapse", what, source="paper", why=why)


def frozen_scale_knob(why: str, source: Source = "paper") -> Meta:
    return knob("Frozen scale", "Keep the length of every prototype at 1.", source=source, why=why)


class Dino(Struct, frozen=True, kw_only=True, tag_field="name", tag="dino"):
    """self-distillation without labels: the student sees every crop, its teacher, an average of it, the global ones only"""

    global_crops: Annotated[int, knob("Global crops", "Large crops of each picture; teacher and student see them.", unit="crops", ge=1, le=8, source="paper", why="arXiv:2104.14294: 2")] = 2  # fmt: skip
    global_size: Annotated[int | Auto, knob("Global size", _HOW_LARGE.format("global"), unit="px", ge=8, le=1024, basic=True, why="224 on ImageNet")] = "auto"  # fmt: skip
    global_scale_low: Annotated[float, global_low_knob("main_dino.py: 0.4 for ViT, 0.14 for ResNet-50")] = 0.4
    global_scale_high: Annotated[float, knob("Global to", f"Largest share {_SHARE} in a global crop.", gt=0, le=1, source="paper", why="main_dino.py: 1")] = 1.0  # fmt: skip
    local_crops: Annotated[int, knob("Local crops", "Small crops of each picture, which only the student sees.", unit="crops", ge=0, le=32, basic=True, source="paper", why="main_dino.py: 8")] = 8  # fmt: skip
    local_size: Annotated[int | Auto, knob("Local size", _HOW_LARGE.format("local"), unit="px", ge=4, le=1024, basic=True, why="96 on ImageNet")] = "auto"  # fmt: skip
    local_scale_low: Annotated[float, knob("Local from", f"Smallest share {_SHARE} in a local crop.", gt=0, le=1, source="paper", why="main_dino.py: 0.05")] = 0.05  # fmt: skip
    local_scale_high: Annotated[float, local_high_knob("main_dino.py: 0.4 for ViT, 0.14 for ResNet-50")] = 0.4
    flip: Annotated[float, knob("Mirrored", f"{_CHANCE} that are mirrored.", ge=0, le=1, source="paper", why="main_dino.py: 0.5")] = 0.5  # fmt: skip
    jitter: Annotated[float, knob("Colour jitter", f"{_CHANCE} whose brightness, contrast, saturation and hue are varied.", ge=0, le=1, source="paper", why="main_dino.py: 0.8")] = 0.8  # fmt: skip
    mix: Annotated[float, knob("Mixed channels", f"{_CHANCE} whose colour channels are mixed at random: takes colour away as a clue.", ge=0, le=1, why="not in the paper; small sets of few colours need it")] = 0.0  # fmt: skip
    grey: Annotated[float, knob("Grey", f"{_CHANCE} without colour.", ge=0, le=1, source="paper", why="main_dino.py: 0.2")] = 0.2  # fmt: skip
    invert: Annotated[float, knob("Inverted", f"{_CHANCE} turned into their negative.", ge=0, le=1, why="not in the paper; small sets of few colours need it")] = 0.0  # fmt: skip
    blur: Annotated[bool, knob("Blur", "The first global crop always, the others 10 %, local ones 50 %.", source="paper", why="main_dino.py")] = True  # fmt: skip
    solarize: Annotated[float, knob("Solarised", "Share of the second global crops whose bright pixels are inverted.", ge=0, le=1, source="paper", why="main_dino.py: 0.2")] = 0.2  # fmt: skip

    prototypes: Annotated[int | Auto, knob("Prototypes", "Outputs of the head: what the student must tell its crops apart by.", ge=2, le=262_144, basic=True, why="65,536 on ImageNet")] = "auto"  # fmt: skip
    hidden: Annotated[int, knob("Hidden width", "Of the head's inner layers.", unit="features", ge=1, le=16_384, source="paper", why="main_dino.py: 2,048")] = 2048  # fmt: skip
    bottleneck: Annotated[int, knob("Bottleneck", "Width of the head's normalised features, before the prototypes.", unit="features", ge=1, le=4096, source="paper", why="main_dino.py: 256")] = 256  # fmt: skip
    layers: Annotated[int, knob("Layers", "Linear layers of the head before the prototypes.", unit="layers", ge=1, le=8, source="paper", why="main_dino.py: 3")] = 3  # fmt: skip
    batch_norm: Annotated[bool, knob("BatchNorm in the head", "After the head's inner layers.", source="paper", why="main_dino.py: off")] = False  # fmt: skip
    frozen_scale: Annotated[bool, frozen_scale_knob("main_dino.py, norm_last_layer: on; off gains a little and is only safe for small ViTs")] = True  # fmt: skip
    freeze_epochs: Annotated[float | Auto, knob("Freeze prototypes", "Epochs at the start in which the prototypes stay as they are.", unit="epochs", ge=0, why="1 on ImageNet, about 1,250 steps")] = "auto"  # fmt: skip

    centering: Annotated[Literal["centre", "sinkhorn"], centering_knob("arXiv:2104.14294: centring; table 7 has Sinkhorn-Knopp within a point")] = "centre"  # fmt: skip
    center_momentum: Annotated[float, knob("Centre's momentum", "How slowly the centre follows.", ge=0, le=1, source="paper", why="arXiv:2104.14294: 0.9; 0.999 collapses")] = 0.9  # fmt: skip
    student_temp: Annotated[float, knob("Student's temperature", "Softens the student's predictions.", gt=0, le=10, source="paper", why="arXiv:2104.14294: 0.1")] = 0.1  # fmt: skip
    teacher_temp: Annotated[float | Auto, knob("Teacher temp.", "Sharpens the teacher's predictions; the highest it rises to.", gt=0, le=10, basic=True, why="0.04 on ImageNet, or 0.07 after a warm-up; 0.08 from the start collapses")] = "auto"  # fmt: skip
    teacher_temp_start: Annotated[float | Auto, knob("Temperature at first", "Where the teacher's temperature begins.", gt=0, le=10, why="0.04 on ImageNet")] = "auto"  # fmt: skip
    teacher_temp_warmup_epochs: Annotated[int | Auto, knob("Temperature warm-up", "Epochs in which the teacher's temperature rises.", unit="epochs", ge=0, why="30 of 300 or more on ImageNet")] = "auto"  # fmt: skip
    momentum: Annotated[float | Auto, knob("Teacher momentum", "Share of the teacher that stays at each step, at first; the rest comes from the student.", ge=0, le=1, basic=True, why="0.996 on ImageNet at 1,024 pictures a step")] = "auto"  # fmt: skip
    momentum_final: Annotated[float, knob("Momentum at last", "Where the momentum's cosine ends.", ge=0, le=1, source="paper", why="main_dino.py: 1")] = 1.0  # fmt: skip
    average_buffers: Annotated[bool, knob("Average BatchNorm too", "The teacher takes over the student's running statistics as well as its weights.", source="paper", why="main_dino.py averages parameters only; the teacher's statistics are its own")] = False  # fmt: skip
    weight_decay_final: Annotated[float, knob("Weight decay at last", "Where the cosine of optimizer.weight_decay ends.", ge=0, le=10, source="paper", why="main_dino.py: from 0.04 to 0.4")] = 0.4  # fmt: skip
