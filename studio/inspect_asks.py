"""What Inspect asks of the assistant: one thing at a time, the quickest first, and what was answered is kept for a while.

A look at a picture takes the place of longer work under way, which is asked for again afterwards; the assistant goes on with it
where it stopped (engine/looking.py). Left to others: what to ask, and what is done with it.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from studio.assistant import Assistant

VERBS = ("look", "neighbours", "embed")  # in the order of their turn
KEPT = 48  # answers: looks at one picture each, and a few larger ones


@dataclass(frozen=True, eq=False)
class Found:
    """The facts of an answer, and the arrays that came in its file."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class _Wish:
    verb: str
    key: Hashable
    payload: Mapping[str, Any]


class InspectAsks(QObject):
    """`found` brings a verb, the key it was wished under, and a Found; `failed` a sentence instead."""

    found = Signal(str, object, object)
    failed = Signal(str, object, str)
    progressed = Signal(str, object, float, str)

    def __init__(self, assistant: Assistant, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._assistant = assistant
        self._wishes: dict[str, _Wish] = {}
        self._under_way: tuple[int, _Wish] | None = None
        self._kept: OrderedDict[tuple[str, Hashable], Found] = OrderedDict()
        assistant.answered.connect(self._take)
        assistant.failed.connect(self._fail)
        assistant.progressed.connect(self._tell)

    def wish(self, verb: str, key: Hashable, **payload: Any) -> None:
        """Ask for this; an earlier wish of the same verb is given up. What is known already is told at once."""
        self._drop(verb, but=key)
        known = self._kept.get((verb, key))
        if known is not None:
            self._kept.move_to_end((verb, key))
            self._go_on()
            self.found.emit(verb, key, known)
        elif self._under_way is None or self._under_way[1].key != key or self._under_way[1].verb != verb:
            self._wishes[verb] = _Wish(verb, key, payload)
            self._go_on()

    def forget(self, verb: str) -> None:
        """This is no longer wanted."""
        self._drop(verb)
        self._go_on()

    def _drop(self, verb: str, but: Hashable = None) -> None:
        self._wishes.pop(verb, None)
        if self._under_way and self._under_way[1].verb == verb and self._under_way[1].key != but:
            self._assistant.cancel(self._under_way[0])
            self._under_way = None

    @property
    def busy(self) -> bool:
        return self._under_way is not None or bool(self._wishes)

    def _go_on(self) -> None:
        first = next((self._wishes[verb] for verb in VERBS if verb in self._wishes), None)
        if first is None:
            return
        if self._under_way is not None:
            id_, wish = self._under_way
            if VERBS.index(wish.verb) <= VERBS.index(first.verb):
                return
            self._assistant.cancel(id_)
            self._wishes.setdefault(wish.verb, wish)
        del self._wishes[first.verb]
        self._under_way = (self._assistant.ask(first.verb, **first.payload), first)

    def _ended(self, id_: int) -> _Wish | None:
        """The wish that this was the end of; None if it was none of ours."""
        if self._under_way is None or self._under_way[0] != id_:
            return None
        wish, self._under_way = self._under_way[1], None
        return wish

    def _take(self, id_: int, answer: dict[str, Any]) -> None:
        if (wish := self._ended(id_)) is None:
            return
        self._go_on()
        try:
            found = Found({name: fact for name, fact in answer.items() if name != "file"}, _arrays(Path(answer["file"])))
        except (OSError, ValueError, KeyError) as error:
            self.failed.emit(wish.verb, wish.key, f"The assistant's answer cannot be read ({error}).")
            return
        while len(self._kept) >= KEPT:
            self._kept.popitem(last=False)
        self._kept[wish.verb, wish.key] = found
        self.found.emit(wish.verb, wish.key, found)

    def _fail(self, id_: int, sentence: str, _field: str) -> None:
        if (wish := self._ended(id_)) is not None:
            self._go_on()
            self.failed.emit(wish.verb, wish.key, sentence)

    def _tell(self, id_: int, share: float, words: str) -> None:
        if self._under_way is not None and self._under_way[0] == id_:
            self.progressed.emit(self._under_way[1].verb, self._under_way[1].key, share, words)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All of a file of the scratch folder, which is removed."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    path.unlink(missing_ok=True)
    return arrays
