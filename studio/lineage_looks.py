"""Where each generation of a lineage looks on the picture that is chosen among Images: whom to ask for it, and what came.

Asks the assistant, and only once maps are wanted: runs keep maps of the few pictures they watch alone. Drawn by
widgets/generation_looks.py.
"""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from studio import inspect_looks, inspect_model
from studio.inspect_asks import Found, InspectAsks
from studio.inspect_model import Network
from studio.inspect_pictures import png_of
from studio.session import Followed
from studio.widgets.generation_looks import GenerationLooks

NO_CHECKPOINT = "no map: this run keeps no checkpoint"
SCALED = "each scaled to its own maximum"


def networks(runs: Sequence[Followed], generations: Sequence[int], seed: int | None) -> dict[int, Network | None]:
    """The newest network of each generation, None where none is kept. For the mean of seeds, which no single network is: the
    least seed that has one."""
    found: dict[int, Network | None] = dict.fromkeys(generations)
    for one in sorted(runs, key=lambda one: one.seed):
        if found.get(one.generation, one) is None and seed in (None, one.seed):
            kept = inspect_model.networks(one.run)
            found[one.generation] = next((each for each in kept if each.part == "model"), next(iter(kept), None))
    return found


class LineageLooks(QObject):
    """Keeps the strip below the images true."""

    def __init__(self, strip: GenerationLooks, asks: InspectAsks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._strip, self._asks = strip, asks
        self._key: Hashable = None
        asks.found.connect(self._take)
        asks.failed.connect(self._fail)

    def look(
        self, folder: Path, runs: Sequence[Followed], generations: Sequence[int], seed: int | None, place: int,
        picture_CHW: NDArray[np.uint8] | None,
    ) -> None:  # fmt: skip
        """Ask for the maps of a picture of the data set, if they are wanted and not those that are shown."""
        if not self._strip.maps_wanted:
            self.forget()
            return
        found = networks(runs, generations, seed)
        there = {generation: network for generation, network in found.items() if network is not None}
        self._why = {generation: NO_CHECKPOINT for generation in generations if generation not in there}
        seeds = sorted({one.seed for one in runs for network in there.values() if network.run == one.name})
        self._whose = f"maps of seed {', '.join(map(str, seeds))}, {SCALED}" if seeds else ""
        shown = None if picture_CHW is None else hashlib.sha256(picture_CHW.tobytes()).digest()  # another lineage has others
        key = (folder, place, shown, tuple(there.items()))
        if key == self._key:
            return
        if picture_CHW is None or not there:
            why = NO_CHECKPOINT if picture_CHW is not None else "no map: the picture is not here"
            self._strip.show_looks({}, dict.fromkeys(generations, why), "")
            self.forget()
        else:
            self._key = key
            self._strip.show_looks({}, {**dict.fromkeys(there, "looking at it"), **self._why}, self._whose)
            tables = {f"F{generation}": network.table for generation, network in there.items()}
            self._asks.wish("look", key, workspace=str(folder), networks=tables, picture={"png": png_of(picture_CHW)})

    def renew(self) -> None:
        """The strip has let its maps go: what is known of them is to be shown again."""
        self._key = None

    def forget(self) -> None:
        """Nobody waits for maps any more."""
        self._key = None
        self._asks.forget("look")

    def _take(self, verb: str, key: Hashable, found: Found) -> None:
        if verb == "look" and self._key is not None and key == self._key:
            looks: Mapping[str, inspect_looks.Look] = inspect_looks.looks(found)
            self._strip.show_looks({int(name[1:]): look for name, look in looks.items()}, self._why, self._whose)

    def _fail(self, verb: str, key: Hashable, sentence: str) -> None:
        if verb == "look" and self._key is not None and key == self._key:
            shown = [column.answer.generation for column in self._strip.columns]
            self._strip.show_looks({}, {**dict.fromkeys(shown, f"no map: {sentence}"), **self._why}, "")
