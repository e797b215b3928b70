"""Which generations that wait may be left out: the stop rule of every lineage in the queue, judged off the window's thread.

The rule is engine/stopping.py's; leaving out is on a person's word only, and the view's.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal

from engine import stopping, words
from engine.predictions import ComparisonError
from engine.run import Run
from engine.stopping import Offer
from studio import lineage_model
from studio.followed import Followed
from studio.later import Later
from studio.session import Session


class Offers(QObject):
    """`changed`: another offer, or none any more, since `look` was called last."""

    changed = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._later = Later(self)
        self._asked: dict[str, object] = {}  # what a lineage was judged by, by its name
        self._found: dict[str, Offer] = {}

    def look(self) -> None:
        """Judge the lineages in which something was completed, or others wait, since they were judged last."""
        ruled = dict(self._ruled())
        for name in self._asked.keys() - ruled.keys():
            del self._asked[name]
            self._later.forget(name)
            self._found.pop(name, None)
        for name, runs in ruled.items():
            by = lineage_model.fingerprint(lineage_model.complete(runs)), tuple(one.name for one in runs if one.place)
            if by != self._asked.get(name):
                self._asked[name] = by
                self._later.ask(name, partial(_offer, [one.run for one in runs]), partial(self._take, name))

    def _ruled(self) -> Iterator[tuple[str, list[Followed]]]:
        """Lineages with such a rule of which something waits."""
        waiting = (self._session.followed(name) for name in self._session.queue)
        asked = (one.recipe for one in waiting if one is not None and one.place and one.recipe is not None)
        for name in dict.fromkeys(recipe.lineage for recipe in asked if recipe.stop_after):
            yield name, self._session.generations(name)

    def _take(self, name: str, found: Offer | None) -> None:
        before = self._found.pop(name, None)
        if found is not None:
            self._found[name] = found
        if before != found:
            self.changed.emit()

    def newest(self) -> tuple[str, list[str]]:
        """The first offer in a sentence, and the runs it is about; empty if there is none."""
        for offer in self._found.values():
            runs = [one for name in offer.runs if (one := self._session.followed(name)) is not None]
            if waiting := [one.name for one in runs if one.place and not one.expected]:
                return f"{offer.said}. {words.plural(len(waiting), 'run')} that would follow may be left out.", waiting
        return "", []


def _offer(runs: Sequence[Run]) -> Offer | None:
    """None too where a run has gone meanwhile, or cannot be read any more."""
    try:
        return stopping.offer(runs)
    except (OSError, ValueError, ComparisonError):
        return None
