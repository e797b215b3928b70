"""What a recipe's changes would save: each measured as the recipe itself was, or counted where a step stays as it is.

The changes are lighter.py's; seconds, bytes and what is behind them are cost.py's, so that whoever follows one and measures
again finds what was said, to within the noise of a clock.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from engine import cost, lighter, recipe, scaled
from engine.cost import Tell
from engine.data.prepared import prepare
from engine.fields import RecipeErrors
from engine.learner import facts_of
from engine.lighter import Change, Ladder, Of, Totals
from engine.recipe import RecipeFile
from engine.run import Refused


def measure(file: RecipeFile, measured: Mapping[str, Any] | None, data_folder: Path, tell: Tell) -> dict[str, Any]:
    """The assistant's answer. `measured`: what cost.measure answered for this very recipe; None if a step did not fit.

    {"lacks": ["memory"], "changes": [{"words", "button", "note", "values", "of_a_step", "memory", "time", "disk", "fits"}],
    "clock": 1.02}, the most helpful first. A change that would save next to nothing is left out. `clock`: how many times as
    long as before a step of the recipe itself took in the end, which tells whether others used the machine meanwhile.
    """
    lacks = lighter.lacking(measured, file.recipe, file.recipe)
    known = _facts(file, data_folder)
    numbers = scaled.resolve(file.recipe, known)[0]
    precision = str((measured or {}).get("precision") or numbers.compute.precision)
    ladders = lighter.ladders(file.recipe, numbers, "float32" if precision == "auto" else precision, known.pictures)
    wanted = [ladder for ladder in ladders if not lacks or ladder[0].helps & lacks]
    found: list[tuple[Change, Totals]] = []
    for place, ladder in enumerate(wanted):
        found += _climb(file, measured, ladder, data_folder, _part(tell, place, len(wanted)))
    was = lighter.totals(measured, file.recipe, file.recipe) if measured else None
    worth = [(change, totals) for change, totals in found if was is None or _is_worth(was, totals, lacks)]
    worth.sort(key=lambda one: _rank(was, one[1], measured, lacks))
    changes = [_told(change, totals, measured) for change, totals in worth]
    return {"lacks": sorted(lacks), "changes": changes, "clock": _clock(file, measured, data_folder, tell, changes)}


def _clock(
    file: RecipeFile, measured: Mapping[str, Any] | None, folder: Path, tell: Tell, changes: list[dict[str, Any]]
) -> float:
    """1 where no time was compared with another."""
    if not measured or not any(change["of_a_step"] for change in changes):
        return 1.0
    again = cost.measure(file, folder, lambda share, words: tell(0.99, f"once more as it is: {words}"))
    return float(again["seconds_per_step"] / measured["seconds_per_step"])


def _facts(file: RecipeFile, data_folder: Path) -> scaled.Facts:
    first = next(file.runs())[0]
    return facts_of(prepare(first, data_folder, lambda done, total: None))


def _climb(
    file: RecipeFile, measured: Mapping[str, Any] | None, ladder: Ladder, folder: Path, tell: Tell
) -> Iterator[tuple[Change, Totals]]:
    """Rung by rung until one fits; the last one that was measured if none does."""
    best: tuple[Change, Totals] | None = None
    for change in ladder:
        tell(0.0, f"looking at {change.words}")
        totals = _totals_with(file, measured, change, folder, tell)
        if totals is None:
            continue
        best = change, totals
        if measured is None or totals.memory <= (measured["device_memory_bytes"] or totals.memory):
            break
    if best is not None:
        yield best


def _totals_with(
    file: RecipeFile, measured: Mapping[str, Any] | None, change: Change, folder: Path, tell: Tell
) -> Totals | None:
    """None where the change cannot be made, or does not fit either."""
    try:
        changed = recipe.read_text(file.text(), [f"{path}={json.dumps(value)}" for path, value in change.values])
        if not change.of_a_step:
            return lighter.totals(measured, changed.recipe, file.recipe) if measured else None
        answer = cost.measure(changed, folder, lambda share, words: tell(share, f"{change.words}: {words}"))
    except (RecipeErrors, Refused):
        return None
    return lighter.totals(answer, changed.recipe, changed.recipe)


def _is_worth(was: Totals, totals: Totals, lacks: frozenset[Of]) -> bool:
    """Whether it saves something of what is lacking, or where nothing is, of anything."""
    return any(_saved(was, totals, name) > lighter.LITTLE[name] for name in (lacks or lighter.LITTLE))


def _saved(was: Totals, totals: Totals, name: Of) -> float:
    """The share of it."""
    before, after = getattr(was, name), getattr(totals, name)
    return float((before - after) / before) if before else 0.0


def _rank(was: Totals | None, totals: Totals, measured: Mapping[str, Any] | None, lacks: frozenset[Of]) -> tuple[bool, float]:
    """Those after which everything fits first, then by what they save of what is lacking, or of a step; where nothing was
    measured before, what takes away least."""
    looked_at: frozenset[Of] = lacks or lighter.STEP
    saved = -max(_saved(was, totals, name) for name in looked_at) if was else -float(totals.memory)
    return (not _fits(totals, measured), saved)


def _fits(totals: Totals, measured: Mapping[str, Any] | None) -> bool:
    return measured is None or not lighter.short_of(totals, measured)  # without, its steps were taken


def _told(change: Change, totals: Totals, measured: Mapping[str, Any] | None) -> dict[str, Any]:
    said = {"words": change.words, "button": change.button, "note": change.note, "values": list(map(list, change.values))}
    return {**said, "of_a_step": change.of_a_step, **structs.asdict(totals), "fits": _fits(totals, measured)}


def _part(tell: Tell, place: int, of: int) -> Tell:
    """The teller of one of several parts."""
    return lambda share, words: tell((place + share) / of, words)
