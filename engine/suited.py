"""Whether another method suits a recipe's pictures better: advice from published comparisons, never a refusal. No torch.

Said where a recipe is looked at before it trains: `filial explain`, and the Recipe page with a button.
"""

from collections.abc import Collection

from msgspec import Struct

from engine import words
from engine.fields import tag_of
from engine.recipe import Experiment
from engine.recipes import Dino, Dinov2
from engine.scaled import Facts

# ViT-S/16 on Imagenette (9,469 pictures), 200 epochs, batches of 128 or 256: stable-pretraining, benchmarks/imagenet10.
# Where both were compared, hidden patches were far behind; for more pictures nothing between this and ImageNet is known.
FEW_PICTURES = 10_000
FEW_STEPS = 7_400  # those 200 epochs at 256 a step
DINO_KNN, HIDDEN_KNN = 0.838, 0.433  # there, of DINO and of iBOT; their DINOv2 was not yet through
MANY_PICTURES = 1_000_000  # lightly-train's advice for DINOv2 from scratch


class Better(Struct, frozen=True):
    """Another method, and why. `drops`: what the recipe says that this method does not ask, by path."""

    method: str
    title: str
    reason: str
    drops: tuple[str, ...]


def better_method(asked: Experiment, known: Facts, written: Collection[str] = ()) -> Better | None:
    """DINO where patches are hidden of few pictures, or for few steps. `written`: paths of what stands in the recipe.

    Nothing of a student of a frozen teacher, from which nothing is hidden, nor of one that starts from a file's weights: all
    that is known is of networks that start from nothing.
    """
    method = asked.method
    if not isinstance(method, Dinov2) or not method.ibot_weight or asked.model.weights:
        return None
    if method.teacher_run or getattr(asked, "teacher", ""):
        return None
    steps = known.per_epoch(asked.training.batch) * asked.training.epochs
    if known.pictures >= FEW_PICTURES and steps >= FEW_STEPS:
        return None
    few = words.plural(known.pictures, "picture") if known.pictures < FEW_PICTURES else words.plural(steps, "step")
    ours = {f"method.{name}" for name in Dino.__struct_fields__} | {"method.name"}
    drops = sorted(path for path in written if path.startswith("method.") and path not in ours)
    return Better(tag_of(Dino), f"DINO is the better choice for {few}", _reason(known.pictures), tuple(drops))


def _reason(pictures: int) -> str:
    dino, hidden = words.percent(DINO_KNN), words.percent(HIDDEN_KNN)
    compared = f"On 9,500 pictures, in some 7,400 steps, it reached {dino} k-NN, and with hidden patches (iBOT) {hidden}"
    if pictures < FEW_PICTURES:
        return f"{compared}; lightly-train advises DINOv2 from {words.count(MANY_PICTURES)} pictures on."
    return f"{compared}: guessing what is hidden takes longer to pay off."
