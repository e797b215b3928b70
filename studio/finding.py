"""Finding by a few letters among all that has a name: acts, pages, runs, lineages, fields of a recipe. Pure.

Every word of the question must occur in a name; if no name has them, its letters in their order will do ("dgF1" finds "digits
F1"). Better matches first: at the beginning, at the beginning of a word, anywhere. Made for 10,000 names and one keystroke.
"""

import heapq
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST = 50  # of what is found; whoever wants the rest types on
SCATTERED = 10  # what letters without their word cost


@dataclass(frozen=True)
class Entry:
    """Something that can be found. `kind` stands beside it ("run"), `more` is searched too and shown muted."""

    title: str
    kind: str
    do: Callable[[], object]
    more: str = ""
    keys: str = ""
    why_not: str = ""  # a sentence: it is listed, greyed


class Index:
    """Entries made ready for being searched; those that come first win a draw."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._texts = [f"{one.title} {one.more} {one.kind}".casefold() for one in entries]

    def __len__(self) -> int:
        return len(self._entries)

    def search(self, question: str, most: int = MOST) -> tuple[list[Entry], int]:
        """The best, the best first, and how many there are in all."""
        wanted = question.casefold().split()
        if not wanted:
            return list(self._entries[:most]), len(self._entries)
        hits = self._with_words(wanted)
        scores = [(self._distance(i, wanted), i) for i in hits]
        if not hits:
            scores = [(SCATTERED + gap, i) for i, gap in self._with_letters("".join(wanted))]
        return [self._entries[i] for _, i in heapq.nsmallest(most, scores)], len(scores)

    def _with_words(self, wanted: Sequence[str]) -> list[int]:
        found: Sequence[int] = range(len(self._texts))
        for word in sorted(wanted, key=len, reverse=True):
            found = [i for i in found if word in self._texts[i]]
        return list(found)

    def _with_letters(self, letters: str) -> list[tuple[int, float]]:
        """Where all letters occur in their order, and how far they lie apart."""
        pattern = re.compile("".join(f"{re.escape(letter)}[^\n]*?" for letter in letters[:-1]) + re.escape(letters[-1]))
        hits = ((i, pattern.search(text)) for i, text in enumerate(self._texts))
        return [(i, (hit.end() - hit.start()) / 10) for i, hit in hits if hit]

    def _distance(self, i: int, wanted: Sequence[str]) -> float:
        """How far a name is from the question: 0 where it begins with it."""
        text, found = self._texts[i], 0.0
        for word in wanted:
            at = text.find(word)
            if at > 0:
                found += 1.0 if f" {word}" in text else 2.0
        return found + len(self._entries[i].title) // 8 / 100  # of names about as long the first in the list
