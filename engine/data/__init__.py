"""Data sets by name. Decoding, splitting and the order of pictures need numpy alone; only augment.py knows torch.

A data set is a function that gives `Pictures`: of what a recipe asks of it, the workspace's data folder, whom to tell how far
it is, and how many threads it may use. A new one takes its file and one line here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.data import creatures, digits, folder, unlabelled
from engine.data.pictures import Pictures, Tell, channel_statistics

DATASETS: dict[str, Callable[[Any, Path, Tell, int], Pictures]] = {
    "digits": lambda asked, data_folder, tell, threads: digits.load(data_folder),
    "creatures": creatures.load,
    "folder": folder.load,
    "pictures": unlabelled.load,
}

__all__ = ["DATASETS", "Pictures", "Tell", "channel_statistics"]
