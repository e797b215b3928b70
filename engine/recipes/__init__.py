"""One small struct a method: what can be asked of it. No torch here, for the window draws its form from these.

A method's struct, its name (`tag`) and its place in METHODS are all a form, `--set` and the documentation need; what it does
is in engine/methods.
"""

from engine.recipes.born_again import Ban, BanLabel, Cwtm, Dkpp
from engine.recipes.dino import Dino
from engine.recipes.dinov2 import Dinov2
from engine.recipes.distillation import Dkd, Kd
from engine.recipes.supervised import Supervised

Method = Supervised | Ban | BanLabel | Cwtm | Dkpp | Kd | Dkd | Dino | Dinov2

__all__ = ["Ban", "BanLabel", "Cwtm", "Dino", "Dinov2", "Dkd", "Dkpp", "Kd", "Method", "Supervised"]
