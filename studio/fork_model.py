"""The forks of a lineage beside the runs they left: who belongs together, what each changed, how far it has come.

Pure functions of what is followed. Left to engine/branches.py: whether a complete fork differs from its parent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine import words
from engine.branches import changes_of
from engine.run import Run, checkpoint_step
from engine.state import Curve
from studio import phrases
from studio.live_pages import Page
from studio.session import Followed

OPTIMIZER = "optimizer.safetensors"
CHANGED = 2  # the column of `rows` that says what was changed, and needs the most room
UNKNOWN = "not begun yet"


@dataclass(frozen=True)
class Family:
    """A run and all its forks, those of its forks as well."""

    parent: Followed
    forks: tuple[Followed, ...]

    @property
    def runs(self) -> tuple[Followed, ...]:
        return (self.parent, *self.forks)


@dataclass(frozen=True)
class Beginning:
    """A checkpoint a fork may begin from. `whole`: with the optimizer's momenta."""

    step: int
    whole: bool


def families(runs: Sequence[Followed]) -> list[Family]:
    """Of a lineage's runs, in their order. A fork whose parent is gone heads a family of its own."""
    by_name = {one.name: one for one in runs}
    found: dict[str, list[Followed]] = {}
    for one in runs:
        if one.run.forked_from:
            found.setdefault(_root(one, by_name), []).append(one)
    return [Family(by_name[name], tuple(one for one in forks if one.name != name)) for name, forks in found.items()]


def _root(one: Followed, by_name: Mapping[str, Followed]) -> str:
    while (parent := by_name.get(one.run.forked_from)) is not None:
        one = parent
    return one.name


def left_at(one: Followed) -> int:
    """The step at which a fork left its parent; 0 for a run that is none."""
    return one.recipe.fork.step if one.recipe is not None else 0


def changed(run: Run) -> str:
    """What a fork does otherwise than its parent: "method.momentum 0.5 instead of 0.99". Reads both folders."""
    parent = Run(run.workspace / run.forked_from)
    if run.effective() is None:
        return UNKNOWN
    if not (parent.folder / "recipe.toml").is_file():
        return "its parent is gone"
    different = changes_of(run, parent).items()
    return ", ".join(f"{path} {_said(now)} instead of {_said(before)}" for path, (before, now) in different) or "nothing"


def _said(value: object) -> str:
    return {"True": "on", "False": "off", "None": "nothing"}.get(str(value), str(value))


def telling_schedule(family: Family) -> str:
    """The schedule on which a fork went another way than its parent; the momentum, or the rate, while none has."""
    curves = family.parent.state.curves
    known = sorted(metric for metric in curves if metric.startswith("schedule/"))
    usual = next((metric for metric in ("schedule/momentum", "schedule/lr") if metric in curves), "schedule/lr")
    return next((metric for metric in known if any(_differs(one, family.parent, metric) for one in family.forks)), usual)


def _differs(one: Followed, other: Followed, metric: str) -> bool:
    """At the newest step that both have."""
    ours, theirs = one.state.curves.get(metric), other.state.curves.get(metric)
    common = _newest_common(ours, theirs)
    if ours is None or theirs is None or common is None:
        return False
    return abs(_at(ours, common) - _at(theirs, common)) > 1e-9


def beginnings(run: Run) -> list[Beginning]:
    """The checkpoints there are, the newest first."""
    folders = reversed(run.checkpoint_folders())
    return [Beginning(checkpoint_step(folder), (folder / OPTIMIZER).exists()) for folder in folders]


def rows(family: Family, page: Page, changes: Mapping[str, str]) -> list[list[str]]:
    """A line for the parent and each fork: name, from which step, what is changed, how it fares, against the parent."""
    trace = page.traces[0]
    head = ["Run", "From step", "Changed", "State", f"{trace.metric.partition('@')[0]} now", "Against its parent"]
    found = [head]
    for one in family.runs:
        curve = one.state.curves.get(trace.metric)
        now = page.format(curve.last) if curve is not None and curve.kept.any() else ""
        parent = next((other for other in family.runs if other.name == one.run.forked_from), None)
        against = _against(curve, parent.state.curves.get(trace.metric), page) if parent is not None else ""
        step = words.count(left_at(one)) if one.run.forked_from else ""
        found.append(
            [f"{one.called}, seed {one.seed}", step, changes.get(one.name, ""), phrases.state_words(one), now, against]
        )
    return found


def _against(ours: Curve | None, theirs: Curve | None, page: Page) -> str:
    """The difference at the newest step that both were measured at: one network each, so no verdict."""
    step = _newest_common(ours, theirs)
    if ours is None or theirs is None or step is None:
        return "no step in common yet"
    difference = _at(ours, step) - _at(theirs, step)
    said = words.points(difference) if page.is_rate else f"{difference:+.3g}"
    return f"{said} at step {words.count(step)}"


def _newest_common(ours: Curve | None, theirs: Curve | None) -> int | None:
    """The newest step that both were measured at."""
    if ours is None or theirs is None:
        return None
    common = np.intersect1d(ours.steps[ours.kept], theirs.steps[theirs.kept])
    return int(common[-1]) if len(common) else None


def _at(curve: Curve, step: int) -> float:
    return float(curve.values[curve.kept & (curve.steps == step)][-1])


def command(run: str, beginning: Beginning, sets: Iterable[str]) -> list[str]:
    """The words after `filial` that make and queue this fork."""
    settings = [word for each in sets for word in ("--set", each)]
    fresh = [] if beginning.whole else ["--fresh-optimizer"]
    return ["fork", run, "--at", str(beginning.step), *settings, *fresh, "--queue"]
