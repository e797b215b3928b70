"""Runs of the queue's table ordered by what a column says, lineages taken apart. Pure."""

import math
from collections.abc import Sequence
from typing import Any

from studio import phrases, queue_words
from studio.queue_columns import Column
from studio.session import Followed

STATES = ("at work", "silent", "waiting", "blocked", "failed", "lost", "paused", "stopped", "done", "not queued", "unreadable")


def ordered(runs: Sequence[Followed], head: str, falling: bool, added: Sequence[Column]) -> list[Followed]:
    """Those of which the column says nothing come last either way; equals stay as they are."""
    column = next((one for one in added if one.head == head), None)
    known = [(value, one) for one in runs if (value := column.value(one) if column else _value(one, head)) not in (None, "")]
    known = [(value, one) for value, one in known if not (isinstance(value, float) and math.isnan(value))]
    told = {one for _, one in known}
    known.sort(key=lambda pair: _key(pair[0]), reverse=falling)
    return [*(one for _, one in known), *(one for one in runs if one not in told)]


def _key(value: Any) -> tuple[int, float, str]:
    """Numbers before text, so that a field which is "auto" in some runs can be ordered too."""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value).lower())


def _value(one: Followed, head: str) -> Any:
    """By the columns that are always there (widgets/run_rows.py)."""
    match head:
        case "Run":
            return f"{one.lineage} {one.generation:06d}{one.run.branch} {one.seed:012d}"
        case "Method":
            return phrases.method_words(one.method)
        case "Seed":
            return one.seed
        case "State":
            return STATES.index(queue_words.standing(one))
        case "Progress":
            done = 1.0 if one.state.completed else None
            return done if done is not None else queue_words.share(one)
        case "Best":
            headline = one.keep("headline", phrases.headline)
            return headline[1] if headline else None
        case "Ends, ended":
            return one.changed_at if one.state.attempts else None
    return None
