"""What a fork may do otherwise than its parent: all but what the checkpoint was made with. For `filial fork` and the window."""

ANEW = "train a lineage of its own for that (--set lineage=NAME)"
# What the checkpoint was made with. Whatever else a recipe has may be another from some step on.
FIXED = {
    "version": "is the format's",
    "lineage": "is what the fork is compared within",
    "seed": "decided how the network began and the order of its pictures",
    "generation": "is the parent's",
    "teacher": "taught the steps before",
    "method.name": "is what the steps before were",
    "method.teacher_checkpoint": "taught the steps before",
    "method.teacher_run": "taught the steps before",
    "method.teacher_step": "taught the steps before",
    "training.same_order": "decided the order of its pictures",
    "training.batch": "decides which epoch a step belongs to",
}
SHAPES = ("prototypes", "hidden", "bottleneck", "layers", "batch_norm", "frozen_scale", "separate_heads", "patch_prototypes")
FIXED |= {f"method.{name}": "is the shape of the head in the checkpoint" for name in SHAPES}
FIXED_TABLES = {
    "model": "is the network in the checkpoint",
    "data": "is what the steps before learned from",
    "fork": "is said by RUN and --at",
}
FREE = ("data.probe",)


def why_fixed(path: str) -> str:
    """Why a fork keeps this field of its parent, as the rest of a sentence; empty if it may have another value."""
    if path in FREE:
        return ""
    return FIXED.get(path) or FIXED_TABLES.get(path.partition(".")[0], "")
