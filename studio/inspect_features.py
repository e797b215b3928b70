"""What a student's features say of many pictures: the map is asked of the assistant, prototypes are read from its run.

Left to others: how they look (widgets/feature_card.py), and what becomes of a picture that is chosen there.
"""

from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from engine.run import Run
from engine.state import RunState
from studio import inspect_model, lineage_pictures
from studio.inspect_asks import Found, InspectAsks
from studio.inspect_model import Prototypes
from studio.inspect_pair import Pair
from studio.later import Later
from studio.lineage_pictures import Pictures
from studio.widgets.feature_card import FeatureCard


class InspectFeatures(QObject):
    """Follows the student; asks for nothing that is shown already."""

    def __init__(self, card: FeatureCard, pair: Pair, asks: InspectAsks, parent: QObject) -> None:
        super().__init__(parent)
        self._card, self._pair, self._asks = card, pair, asks
        self._later = Later(self)
        self._shown: Hashable = None  # or waited for
        self._place = -1  # of the picture that is looked at
        self.pictures = Pictures()  # of the prototypes
        asks.found.connect(self._take)
        asks.failed.connect(self._fail)
        asks.progressed.connect(self._progress)

    @property
    def busy(self) -> bool:
        return self._later.busy

    def forget(self) -> None:
        """Nobody sees it: it is asked for again when somebody does."""
        self._asks.forget("embed")
        self._shown = None

    def mark(self, place: int, label: int, answer: int) -> None:
        """The picture that is looked at, by its place in the data set, its class, and the student's answer; -1 is unknown."""
        self._place = place
        self._card.show_picture(place, label, answer)

    def show(self, workspace: Path) -> None:
        """The map, or the prototypes, of the student."""
        student, one = self._pair.student, self._pair.subject
        if student is None or one is None:
            self.forget()
            self._card.show_note("No features yet", "they are those of a checkpoint, and there is none")
        elif self._card.map_wanted and self._shown != (workspace, student):
            self._shown = (workspace, student)
            self._card.show_waiting("Looking at the test pictures", None)
            self._asks.wish("embed", self._shown, workspace=str(workspace), network=student.table)
        elif not self._card.map_wanted and self._shown != (workspace, one.name, one.state.completed):
            self._shown = (workspace, one.name, one.state.completed)
            self._asks.forget("embed")
            work = partial(_read, one.run, one.state, workspace, one.data)
            self._later.ask("prototypes", work, lambda found: self._take_prototypes(*found))

    def _take_prototypes(self, found: Prototypes | str, pictures: Pictures) -> None:
        self.pictures = pictures
        if self._card.map_wanted:
            return
        if isinstance(found, str):
            self._card.show_note("No prototypes here", found)
        else:
            self._card.show_prototypes(found, pictures, self._pair.names[0])

    def _take(self, verb: str, key: Hashable, found: Found) -> None:
        if verb == "embed" and key == self._shown:
            self._card.show_map(found, self._pair.names[0])
            self._card.map.mark(self._place)

    def _fail(self, verb: str, key: Hashable, sentence: str) -> None:
        if verb == "embed" and key == self._shown:
            self._card.show_note("There is no map of its features", sentence)

    def _progress(self, verb: str, key: Hashable, share: float, said: str) -> None:
        if verb == "embed" and key == self._shown:
            self._card.show_waiting(said[:1].upper() + said[1:], share)


def _read(run: Run, state: RunState, workspace: Path, data: Mapping[str, Any] | None) -> tuple[Prototypes | str, Pictures]:
    return inspect_model.prototypes(run, state), lineage_pictures.pictures(workspace, data)
