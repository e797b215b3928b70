"""DINOv2 (Oquab et al. 2023, arXiv:2304.07193): DINO, and what it adds. The published numbers are those of vitl16_short."""

from typing import Annotated, Literal

from engine.fields import knob
from engine.recipes.born_again import TeacherStep
from engine.recipes.dino import Auto, Dino, centering_knob, frozen_scale_knob, global_low_knob, local_high_knob

_SHARE = "of a crop's patches"


class Dinov2(Dino, frozen=True, kw_only=True, tag_field="name", tag="dinov2"):
    """DINO, patches hidden from the student (iBOT), features spread apart (KoLeo); for many pictures and long trainings"""

    global_scale_low: Annotated[float, global_low_knob("ssl_default_config.yaml: 0.32")] = 0.32
    local_scale_high: Annotated[float, local_high_knob("ssl_default_config.yaml: 0.32")] = 0.32
    centering: Annotated[Literal["centre", "sinkhorn"], centering_knob("DINOv2's larger models use Sinkhorn-Knopp")] = (
        "sinkhorn"
    )
    frozen_scale: Annotated[bool, frozen_scale_knob("as in DINO, since few pictures need it; DINOv2's dino_head.py lets the lengths be learned", "preset")] = True  # fmt: skip
    ibot_weight: Annotated[float, knob("Weight of iBOT", "What guessing hidden patches counts beside DINO's loss; 0 hides none.", ge=0, le=100, basic=True, source="paper", why="ssl_default_config.yaml: 1")] = 1.0  # fmt: skip
    koleo_weight: Annotated[float, knob("Weight of KoLeo", "Pushes each picture's features away from its nearest neighbour's; 0 leaves it out.", ge=0, le=100, source="paper", why="ssl_default_config.yaml: 0.1")] = 0.1  # fmt: skip
    mask_probability: Annotated[float, knob("Masked crops", "Share of the global crops of which patches are hidden.", ge=0, le=1, source="paper", why="ssl_default_config.yaml: 0.5")] = 0.5  # fmt: skip
    mask_ratio_low: Annotated[float, knob("Hidden from", f"Smallest share {_SHARE} that is hidden.", ge=0, le=1, source="paper", why="ssl_default_config.yaml: 0.1")] = 0.1  # fmt: skip
    mask_ratio_high: Annotated[float, knob("Hidden to", f"Largest share {_SHARE} that is hidden.", ge=0, le=1, source="paper", why="ssl_default_config.yaml: 0.5")] = 0.5  # fmt: skip
    separate_heads: Annotated[bool, knob("Separate heads", "Patches have a head of their own; else they share that of the whole picture.", source="paper", why="DINOv2's larger models: separate")] = True  # fmt: skip
    patch_prototypes: Annotated[int | Auto, knob("Prototypes of patches", "Outputs of the patches' own head.", ge=2, le=262_144, why="as many as method.prototypes in DINOv2")] = "auto"  # fmt: skip
    layer_decay: Annotated[float, knob("Rate by depth", "Each block's learning rate is this share of the next one's; 1 makes all alike.", gt=0, le=1, source="paper", why="ssl_default_config.yaml: 0.9; its largest models 1")] = 0.9  # fmt: skip
    patch_rate: Annotated[float, knob("Rate of the stem", "The learning rate of what makes tokens of pixels, as a share.", gt=0, le=1, source="paper", why="ssl_default_config.yaml: 0.2")] = 0.2  # fmt: skip
    high_epochs: Annotated[int, knob("Large crops at last", "So many epochs at the end see crops of method.high_size; costly, and good for maps of patches.", unit="epochs", ge=0, source="paper", why="arXiv:2304.07193: the last 10,000 of 625,000 steps")] = 0  # fmt: skip
    high_size: Annotated[int, knob("Size of large crops", "Side of a global crop in these last epochs; local ones grow by as much.", unit="px", ge=0, le=1024, source="paper", why="arXiv:2304.07193: 518 after 224")] = 0  # fmt: skip
    teacher_run: Annotated[str, knob("Frozen teacher", "A completed run of dinov2 or dino in the workspace, mostly of a larger network, from which the student learns, such as large-s0-F0, or large-s{seed}-F0; nothing is hidden then. Empty: an average of the student teaches.", why="learning anew, the student's own average teaches; DINOv2 makes its smaller networks from its largest, frozen (arXiv:2304.07193)")] = ""  # fmt: skip
    teacher_step: TeacherStep = 0
