"""Data sets by name. Decoding, splitting and the order of pictures need numpy alone; only augment.py knows torch.

A data set is a function of the workspace's data folder that gives `Pictures`. A new one takes its file and one line here.
"""

from collections.abc import Callable
from pathlib import Path

from engine.data import digits
from engine.data.pictures import Pictures, channel_statistics

DATASETS: dict[str, Callable[[Path], Pictures]] = {"digits": digits.load}

__all__ = ["DATASETS", "Pictures", "channel_statistics"]
