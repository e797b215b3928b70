"""When further generations have stopped to help: what is offered, and never done unasked.

A recipe may say `stop_after = n`. Once n generations in a row, each complete in every seed, are judged not to be better than
the one before, it is offered to leave out those that have not begun. The verdicts are compare.py's, so they need three seeds;
they are those of the validation pictures, as every choice among networks: what is reported is judged on the test pictures.
Runs from before validation predictions were kept have no say, and then nothing is offered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine import compare
from engine.lineages import predictions_of
from engine.predictions import ComparisonError, Lineage
from engine.run import Run

SPLIT = "val"


@dataclass(frozen=True)
class Offer:
    """Runs that may be left out, and why: `said` is a sentence without its end."""

    lineage: str
    runs: tuple[str, ...]
    said: str

    @property
    def command(self) -> str:
        """What takes them out of the queue."""
        return f"`filial queue remove {' '.join(self.runs)}`"


def offer(runs: Sequence[Run]) -> Offer | None:
    """What may be left out of a lineage, of which these are all runs. None while there is nothing to offer."""
    own = [run for run in runs if not run.forked_from]
    asked = own[0].recipe() if own else None
    if asked is None or not asked.stop_after:
        return None
    states = {run: run.state() for run in own}
    open_ = [run for run in own if not states[run].attempts]
    number = {run: run.recipe().generation for run in own}
    done = sorted(set(number.values()) - {number[run] for run in own if not states[run].completed})
    without = _without_gain([run for run in own if number[run] in done])[-asked.stop_after :]
    if not open_ or len(without) < asked.stop_after or without[-1] != done[-1]:
        return None
    later = tuple(run.name for run in open_ if number[run] > without[-1])
    return Offer(asked.lineage, later, _words(asked.lineage, without)) if later else None


def _without_gain(runs: Sequence[Run]) -> list[int]:
    """The last generations that follow each other and of which none is judged to be better than its parent; none where a
    verdict is missing."""
    try:
        found = [predictions_of(run, run.state(), SPLIT) for run in runs]
        lineage = Lineage.from_predictions([one for one in found if one is not None])
    except ComparisonError:
        return []
    if None in found:
        return []
    steps = {one.child: one.word for one in compare.verdicts(lineage) if one.parent == one.child - 1}
    last: list[int] = []
    for generation in sorted(steps):
        last = [*last, generation] if steps[generation] in ("within the noise", "worse") else []
    return last


def _words(lineage: str, without: Sequence[int]) -> str:
    names = " and ".join(f"F{number}" for number in without)
    gains = "brings" if len(without) == 1 else "bring"
    return f"{names} of {lineage} {gains} no gain over the generation before, by the validation pictures of all seeds"
