"""What was measured of the recipe being written, and what would make it cost less: asks of the assistant, and their answers.

    idle --ask--> measuring --answer--> idle, or where there is no room: --> looking --answer--> idle
          look for savings --------------------------------------------------^

Holds numbers, shows none: the page asks it, and hears `changed`.
"""

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine import lighter
from engine.recipe import Recipe
from studio import cost_words
from studio.assistant import Assistant
from studio.cost_words import Cost
from studio.recipe_checks import Check


class Measuring(QObject):
    """One recipe at a time. `changed`: everything may be another; `progressed`: only the words; `refused`: by which field."""

    changed = Signal()
    progressed = Signal()
    refused = Signal(str)

    def __init__(self, assistant: Assistant, whole_text: Callable[[], str], workspace: Callable[[], str]) -> None:
        """`whole_text`: the recipe as it is written now; `workspace`: where its pictures are kept."""
        super().__init__()
        self._assistant, self._whole_text, self._workspace = assistant, whole_text, workspace
        self.cost: Cost | None = None
        self.failed: tuple[str, str] = ("", "")  # sentence and field of what was asked last
        self.words = ""  # of what is under way
        self._asked = 0  # its number
        self._looking = False  # for savings
        self._asked_for: Recipe | None = None
        self._text = ""  # of what was asked for
        self._savings: tuple[dict[str, Any], Recipe, Cost | None] | None = None
        assistant.progressed.connect(self._hear_progress)
        assistant.answered.connect(self._hear_answer)
        assistant.failed.connect(self._hear_failure)

    @property
    def busy(self) -> bool:
        return bool(self._asked)

    def measure(self, asked: Recipe) -> None:
        """What this recipe costs, which must be the one that is written now."""
        self._text = self._whole_text()
        self._ask("measure", asked)

    def look_for_savings(self, asked: Recipe) -> None:
        """What would make the recipe that is written now cost less than it was measured to."""
        self._text = self._whole_text()
        self._look(asked)

    def cancel(self) -> None:
        self._assistant.cancel(self._asked)
        self._asked = 0

    def forget_failure(self) -> None:
        self.failed = ("", "")

    def fresh(self, asked: Recipe) -> Cost | None:
        """What was measured, if it holds for this recipe."""
        return self.cost if self.cost and self.cost.holds_for(asked) else None

    def rows(self, asked: Recipe) -> list[Check]:
        """What there is too little of, and what would help, for whoever lists them."""
        fresh = self.fresh(asked)
        found = cost_words.shortages(fresh, asked) if fresh else []
        if self._savings is not None and self._savings[1] == asked:
            found += cost_words.savings(self._savings[0], self._savings[2])
        return found

    def _look(self, asked: Recipe) -> None:
        fresh = self.fresh(asked)
        self._ask("savings", asked, measured=fresh.counted(asked).answer if fresh else None)

    def _ask(self, kind: str, asked: Recipe, **more: Any) -> None:
        if self._asked:
            self._assistant.cancel(self._asked)
        self._looking = kind == "savings"
        self.words, self._asked_for, self._savings = "", asked, None
        self.failed = self.failed if self._looking else ("", "")
        self._asked = self._assistant.ask(kind, recipe=self._text, workspace=self._workspace(), **more)
        self.changed.emit()

    def _hear_progress(self, id_: int, share: float, said: str) -> None:
        if id_ == self._asked and id_:
            self.words = said
            self.progressed.emit()

    def _hear_answer(self, id_: int, answer: dict[str, Any]) -> None:
        if id_ != self._asked or not id_ or self._asked_for is None:
            return
        self._asked, asked = 0, self._asked_for
        if self._looking:
            fresh = self.fresh(asked)
            self._savings = answer, asked, fresh.counted(asked) if fresh else None
        else:
            self.cost = Cost(answer, asked, time.time())
            if self.cost.lacks(asked):
                self._look(asked)
        self.changed.emit()

    def _hear_failure(self, id_: int, sentence: str, path: str) -> None:
        if id_ != self._asked or not id_:
            return
        self._asked, asked = 0, self._asked_for
        self.failed = (sentence if path else f"{sentence[:1].upper()}{sentence[1:]}", path)
        if lighter.DOES_NOT_FIT in sentence and not self._looking and asked is not None:
            self.cost = None
            self._look(asked)
        self.changed.emit()
        if path and not self._looking:
            self.refused.emit(path)
