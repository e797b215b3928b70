"""Where a run that fell ill goes back to, and what it does otherwise from there.

To the newest full checkpoint from before the first sign, past the batch that is to blame or with the first remedy that a run at
work can take. train.py goes there.
"""

from typing import Any

from engine import checkpoint, commands, events, recipe
from engine.failures import Failed, Ill
from engine.fields import RecipeErrors
from engine.recipe import RunRecipe
from engine.remedies import NOT_FINITE
from engine.run import Run
from engine.state import RunState, plain
from engine.words import count

ROLLBACKS = 3  # a run: what three remedies have not helped, a fourth will not


def way_back(run: Run, state: RunState, asked: RunRecipe, ill: Ill, step: int) -> events.RolledBack:
    """From `step`; without a skip or a change there is none that would help. Raises Failed if enough were tried."""
    found, before = ill.diagnosis, state.rollbacks
    if len(before) >= ROLLBACKS:
        tried = ", ".join(f"to step {count(back.to_step)} for {plain(back.verdict)}" for back in before)
        raise Failed(f"{ill}; going back {ROLLBACKS} times has not helped ({tried})")
    healthy = checkpoint.newest_valid(run, until=found.since)
    skip = list(range(found.since + 1, found.step + 1)) if found.verdict == NOT_FINITE else []
    again = any(back.verdict == found.verdict for back in before)
    possible = (one.changes for one in found.remedies if is_possible(asked, one.changes))
    return events.RolledBack(
        step=step,
        to_step=checkpoint.read_state(healthy).step if healthy else 0,
        verdict=found.verdict,
        skip=skip,
        changes={} if skip and not again else next(possible, {}),
    )


def is_possible(asked: RunRecipe, changes: dict[str, Any]) -> bool:
    """Whether a run at work can take these, and one of them is news to it."""
    now, changed = recipe.flat(recipe.to_table(asked)), asked
    try:
        for name, value in changes.items():
            changed = recipe.changed(changed, name, value)
    except RecipeErrors:
        return False
    return set(changes) <= set(commands.CHANGEABLE) and any(now[name] != value for name, value in changes.items())
