"""What a lineage has to say: its boxes, its verdicts and what they rest on, its curves. Pure; knows no window.

Every number comes from engine.compare; here is only what stands beside what, over which seeds, and in which words. `study`
and `suspects` open files, so a window calls them off its own thread. Left to others: pictures and lists of them
(lineage_pictures.py), recipes (engine/differences.py), how it looks (widgets/), when it is asked (views/generations.py).

Rates are fractions in [0, 1]. Shapes: S seeds, X points of a curve.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine import compare, curves, lineages, words
from engine.compare import ComparisonError, Ensemble, Row, Suspect, Verdict
from engine.recipe import RunRecipe
from engine.run import Run
from engine.state import HEADLINES, Curve, RunState, State
from engine.study import LINEAR, RANK, Study, is_unlabelled, mean_words, over_seeds, study

__all__ = [
    "Align", "Averaged", "Box", "Progress", "Seen", "Study", "Trace", "against", "averaged", "boxes", "class_names", "complete",
    "explained", "fingerprint", "is_unlabelled", "judged_by", "learns_from", "mean_traces", "progress", "seed_traces",
    "sentence", "study", "suspects",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Align = Literal["epoch", "images seen"]

# Of several runs of one generation that are not complete, that with the first of these states is told of.
TELLING: tuple[State, ...] = (
    "unresponsive", "running", "stopping", "starting", "lost", "paused", "finished", "blocked", "queued",
)  # fmt: skip


class Seen(Protocol):
    """A followed run, as far as its lineage needs it."""

    @property
    def name(self) -> str: ...
    @property
    def run(self) -> Run: ...
    @property
    def state(self) -> RunState: ...
    @property
    def word(self) -> State: ...
    @property
    def recipe(self) -> RunRecipe | None: ...
    @property
    def data(self) -> dict[str, Any] | None: ...
    @property
    def generation(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def method(self) -> str: ...
    @property
    def at_work(self) -> bool: ...


# What finished runs prove ---------------------------------------------------------------------------------------


AVERAGES = ("dino", "dinov2")  # methods whose teacher is an average of its student: F0 is the whole lineage


def complete(runs: Iterable[Seen]) -> list[tuple[Run, RunState]]:
    """The runs that `study` may read: they are complete, so nothing about them changes any more."""
    return [(one.run, one.state) for one in runs if one.recipe is not None and one.state.completed]


def fingerprint(finished: Sequence[tuple[Run, RunState]]) -> tuple[tuple[str, int], ...]:
    """Tells whether a study is still the newest: the same runs with the same attempts prove the same."""
    return tuple((str(run.folder), state.attempt) for run, state in finished)


def against(own: Study, finished: Sequence[tuple[Run, RunState]], name: str) -> str:
    """What may be said of a lineage's newest generation against another lineage's: "+1.5 ± 0.5 better than slow, p = 0.003"."""
    other = study(finished)
    if other.problem or not other.generations or not own.generations:
        return other.problem or f"{name if own.generations else 'this lineage'} has nothing finished to compare"
    if other.by_neighbours != own.by_neighbours:  # by neighbours it is the network that is kept, in either
        return f"{name} is measured by {other.measured[:1].lower()}{other.measured[1:]}, which is something else"
    child, parent = own.lineage.generations[-1], other.lineage.generations[-1]
    try:
        verdict = compare.pair_verdict(child, parent)
    except ComparisonError as error:
        return str(error)
    figure, said = compare.verdict_parts(verdict)
    return f"{figure} {said.replace(f'F{parent.generation},', f'{name},', 1)}"


def suspects(finished: Sequence[tuple[Run, RunState]]) -> tuple[tuple[Suspect, ...], str]:
    """Training pictures whose label most networks contradict, and why there are none if they cannot be compared."""
    found = lineages.readable(finished, "train")[0]
    if finished and not found:
        return (), "These runs keep no predictions of their training pictures"
    try:
        return tuple(compare.suspects(found)), ""
    except ComparisonError as error:
        return (), str(error)


# The boxes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """What the seeds of a generation that are not complete are doing: the most telling one's state, and words for all."""

    run: str
    word: State
    reason: str  # of a finished run
    words: str
    fraction: float | None  # done, in [0, 1], of the run that is told of
    at_work: bool


@dataclass(frozen=True)
class Box:
    """A generation in the chain. Texts are empty where there is nothing to say yet."""

    generation: int
    learns_from: str
    mean: float | None = None
    figure: str = ""  # "95.4 %"
    spread: str = ""  # "± 0.4, 3 seeds"
    per_seed: tuple[float, ...] = ()
    judgement: compare.Word | Literal[""] = ""
    verdict: tuple[str, str] = ("", "")  # the figure and what is said of it
    why: str = ""  # everything behind the verdict, for the tooltip
    progress: Progress | None = None

    @property
    def name(self) -> str:
        return f"F{self.generation}"

    @property
    def description(self) -> str:
        """The box for those who do not see it."""
        told = [self.learns_from, f"{self.figure} {self.spread}".strip(), " ".join(self.verdict).strip()]
        return ", ".join(part for part in [*told, self.progress.words if self.progress else ""] if part)


def boxes(runs: Sequence[Seen], done: Study, say: Callable[[Any], str]) -> list[Box]:
    """One box a generation, oldest first; `say` tells the state of a run in words."""
    return [_box(number, _of(runs, number), done, say) for number in sorted({one.generation for one in runs})]


def _of(runs: Sequence[Seen], generation: int) -> list[Seen]:
    return [one for one in runs if one.generation == generation]


def _box(generation: int, runs: Sequence[Seen], done: Study, say: Callable[[Any], str]) -> Box:
    row = done.row(generation)
    box = Box(generation, learns_from(runs), progress=progress(runs, say))
    if row is None:
        return _without_row(box, runs)
    seeds = words.plural(len(row.seeds), "seed") if len(row.seeds) == len(runs) else f"{len(row.seeds)} of {len(runs)} seeds"
    plus_minus = "" if row.sd is None else f"± {words.points(row.sd).lstrip('+')}, "
    figure = ("k-NN " if done.by_neighbours else "") + words.percent(row.mean)
    box = replace(box, mean=row.mean, figure=figure, spread=plus_minus + seeds, per_seed=row.per_seed)
    if row.verdict is None:
        first = _worth(runs) or _first(runs) or "no finished seed in common with its teacher"
        return replace(box, verdict=("", first), why=_worth_explained(runs))
    parts = compare.verdict_parts(row.verdict)
    return replace(box, judgement=row.verdict.word, verdict=parts, why=explained(row.verdict, done))


def _without_row(box: Box, runs: Sequence[Seen]) -> Box:
    """Not complete, not readable, or without labels: then the rank of its features is all there is."""
    unlabelled = [one for one in runs if one.state.completed and is_unlabelled(one.state)]
    if unlabelled:
        figure, spread = mean_words(over_seeds(unlabelled, RANK), _rank, _rank)
        return replace(
            box, figure=f"rank {figure}", spread=spread, verdict=("", "of its features; no labels to be right about")
        )
    unread = all(one.state.completed for one in runs)
    return replace(box, verdict=("", "finished, but not compared" if unread else _first(runs)))


def _rank(value: float) -> str:
    return words.number(value, 2)


def _points(value: float) -> str:
    return words.points(value).lstrip("+")


def _worth(runs: Sequence[Seen]) -> str:
    """ "linear 71.0 % ± 0.4, student's k-NN 62.0 %", of runs that have no classifier."""
    found = []
    if linear := next(filter(None, (over_seeds(runs, metric) for metric in LINEAR)), []):
        figure, spread = mean_words(linear, words.percent, _points)
        found.append(f"linear {figure} {spread.rpartition(',')[0]}".strip())
    if student := over_seeds(runs, "knn/student@test"):
        found.append(f"student's k-NN {words.percent(float(np.mean(student)))}")
    return ", ".join(found)


def _worth_explained(runs: Sequence[Seen]) -> str:
    if not _worth(runs):
        return ""
    whose = "the average's" if _is_taught(runs) else "the teacher's"
    return (
        f"k-NN: how often the 20 nearest training pictures, by {whose} features, vote for the right class of a test "
        "picture. linear: accuracy of a linear classifier trained on the same features. Neither changes the network."
    )


def _first(runs: Sequence[Seen]) -> str:
    if any(one.generation for one in runs):
        return ""
    if any(one.method in AVERAGES for one in runs):
        return f"taught by {_teacher(runs)}, frozen" if _is_taught(runs) else "its teacher is its own average"
    return "first generation" if _is_taught(runs) else "first generation, no teacher"


def _is_taught(runs: Sequence[Seen]) -> bool:
    """Whether another run teaches: a frozen one."""
    return any(one.recipe and one.recipe.teacher for one in runs)


def _teacher(runs: Sequence[Seen]) -> str:
    """ "F0", or the run of another lineage, with a star for the seed where each seed has its own."""
    taught = [one for one in runs if one.recipe and one.recipe.teacher]
    if not taught or taught[0].generation:
        return f"F{runs[0].generation - 1}"
    names = {one.recipe.teacher for one in taught if one.recipe}
    if len(names) == 1:
        return names.pop()
    starred = {re.sub(rf"-s{one.seed}-", "-s*-", one.recipe.teacher) for one in taught if one.recipe}
    return starred.pop() if len(starred) == 1 else "another lineage"


def learns_from(runs: Sequence[Seen]) -> str:
    """ "labels only", "F0's predictions", or the method's name where this house knows no better words."""
    one = next((one for one in runs if one.recipe), None)
    if one is None:
        return ""
    teacher = _teacher(runs)
    known = {
        "dino": "no labels, its own average",
        "dinov2": f"no labels, {teacher}'s prototypes" if _is_taught(runs) else "no labels, its own average",
        "supervised": "labels only",
        "ban": f"{teacher}'s predictions",
        "ban_label": f"labels and {teacher}'s predictions",
        "cwtm": f"labels, weighted by {teacher}'s confidence",
        "dkpp": f"{teacher}'s predictions, shuffled",
        "kd": f"labels and {teacher}'s softened predictions",
        "dkd": f"labels and {teacher}'s softened predictions",
    }
    return known.get(one.method, f"{one.method}, {teacher}")


def progress(runs: Sequence[Seen], say: Callable[[Any], str]) -> Progress | None:
    """None when every seed is complete."""
    open_ = [one for one in runs if not one.state.completed]
    if not open_:
        return None
    told = min(open_, key=lambda one: (TELLING.index(one.word), one.seed))
    state = told.state
    return Progress(
        run=told.name,
        word=told.word,
        reason=state.finished.reason if state.finished and not told.at_work else "",
        words=_all_words(open_, told, len(runs), say),
        fraction=state.step / state.total_steps if state.total_steps and state.attempts else None,
        at_work=told.at_work,
    )


def _all_words(open_: Sequence[Seen], told: Seen, seeds: int, say: Callable[[Any], str]) -> str:
    """ "seed 1 running, epoch 18 of 40", "2 seeds queued", or the bare state where all seeds share it."""
    said = say(told)
    same = sum(say(one) == said for one in open_)
    if same == seeds:
        return said
    return f"seed {told.seed} {said}" if same == 1 else f"{words.plural(same, 'seed')} {said}"


def sentence(done: Study, boxes: Sequence[Box] = ()) -> tuple[str, str]:
    """The page's sentence: the clause in bold and the rest, which joins it as it is."""
    if done.problem:
        return "These runs cannot be compared", f": {done.problem}"
    told = next((f"{box.name} {box.progress.words}" for box in boxes if box.progress), "")
    alone = boxes[0] if len(boxes) == 1 and boxes[0].figure else None
    if alone is not None and (done.by_neighbours or not done.generations):
        lead = alone.figure if done.generations else f"Feature {alone.figure}"
        parts = (alone.spread, alone.verdict[1] if done.generations else "", told)
        return lead, f", {'; '.join(filter(None, parts))}"
    lead, rest = compare.headline(done.lineage, done.judged)
    return lead, f"; {told}" if told and not done.generations else rest


# What a verdict rests on ----------------------------------------------------------------------------------------

# From engine.statistics.two_way_bootstrap, where it was measured: how often p < 0.05 appears where both recipes are the same
# one, by the sd of accuracy over seeds in units of what drawing the pictures explains.
SPREADS = (0.7, 0.9, 1.3, 2.4, 4.7)
FALSE_ALARMS = {
    3: (0.01, 0.02, 0.05, 0.14, 0.21),
    5: (0.00, 0.01, 0.04, 0.10, 0.12),
    10: (0.00, 0.01, 0.02, 0.06, 0.09),
}


def explained(verdict: Verdict, done: Study) -> str:
    """All that stands behind a verdict, a paragraph a thought."""
    first = next((v for v in done.judged if v.child == verdict.child and v.parent != verdict.parent), None)
    paragraphs = [
        _what_was_measured(verdict),
        f"These are seeds {compare.ONE_ORDER}." if done.lineage.share_order else "",
        f"Against F{first.parent}: {compare.verdict_words(first)}." if first else "",
        _what_p_is(verdict, done),
        _false_alarms(verdict, done),
        _networks(verdict),
    ]
    return "\n\n".join(part for part in paragraphs if part)


def _what_was_measured(verdict: Verdict) -> str:
    difference = verdict.difference
    each = ", ".join(words.points(value) for value in difference.per_seed)
    error = " ± is the standard error of this difference; beside an accuracy it is the standard deviation over seeds."
    return (
        f"F{verdict.child} minus F{verdict.parent}, in percentage points of test accuracy, paired seed by seed: {each}."
        f"{error if difference.standard_error is not None else ''}"
        f" 95 % interval {words.points(difference.low)} to {words.points(difference.high)}."
    )


def _what_p_is(verdict: Verdict, done: Study) -> str:
    difference = verdict.difference
    if verdict.p_adjusted is None:
        return f"Fewer than {compare.ENOUGH_SEEDS} seeds prove nothing about the recipe, so there is no p and no verdict."
    family = sum(v.p_adjusted is not None for v in done.judged)
    holm = f", corrected for the {family} comparisons of this lineage (Holm)" if family > 1 else ""
    return (
        f"p: {words.plural(difference.seeds, 'seed')} and {words.plural(difference.pictures, 'picture')} are drawn again "
        f"10,000 times; p is twice the share of draws in which the difference vanishes or turns round{holm}."
    )


def _false_alarms(verdict: Verdict, done: Study) -> str:
    """What so few seeds can and cannot prove: the measured error of the test where seeds spread as they do here."""
    rows = [row for row in (done.row(verdict.child), done.row(verdict.parent)) if row and row.sd is not None]
    seeds = verdict.difference.seeds
    if verdict.p_adjusted is None or not rows:
        return ""
    ratio = _spread_ratio(rows, verdict.difference.pictures)
    measured = FALSE_ALARMS[max(count for count in FALSE_ALARMS if count <= seeds)]
    share = float(np.interp(math.log(max(ratio, 1e-3)), np.log(SPREADS), measured))
    often = f"about {round(100 * share)} times in 100" if share >= 0.015 else "about once in 100 times at most"
    limit = " Where whole networks differ, three seeds of one sign look certain one time in four; more seeds mend that."
    return (
        f"What {words.plural(seeds, 'seed')} can prove: single networks spread {ratio:.1f} times as much here as the choice of "
        f"pictures explains. There, this test finds a difference between two equal recipes {often}.{limit if seeds < 5 else ''}"
    )


def _spread_ratio(rows: Sequence[Row], pictures: int) -> float:
    """The sd of accuracy over seeds, in units of the standard error that drawing the pictures alone would give."""
    accuracy = float(np.mean([row.mean for row in rows]))
    variance = float(np.mean([(row.sd or 0.0) ** 2 for row in rows]))
    return math.sqrt(variance / (max(accuracy * (1 - accuracy), 1e-9) / pictures))


def _networks(verdict: Verdict) -> str:
    each = "; ".join(f"seed {n.seed}: {n.only_child} to {n.only_parent}, {words.p_value(n.p)}" for n in verdict.networks)
    return f"These very networks (McNemar, exact; right only in F{verdict.child}, only in F{verdict.parent}): {each}."


# The ensemble ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Averaged:
    """The ensemble in the words of its strip."""

    figure: str
    spread: str
    gain: str  # "+5.7"
    contributions: tuple[tuple[int, str], ...]  # member, what the average loses without it
    why: str


def averaged(one: Ensemble) -> Averaged:
    seeds = words.plural(len(one.seeds), "seed")
    told = zip(one.seeds, one.per_seed, one.gain_per_seed)
    each = "; ".join(f"seed {seed} {words.percent(score)}, {words.points(gain)}" for seed, score, gain in told)
    return Averaged(
        figure=words.percent(one.mean),
        spread=seeds if one.sd is None else f"± {words.points(one.sd).lstrip('+')}, {seeds}",
        gain=words.points(one.gain),
        contributions=tuple((member, words.points(share)) for member, share in zip(one.members, one.contributions)),
        why=(
            f"The mean of the {one.kind} that {_listed(one.members)} give a picture, seed by seed. Its accuracy, and what that "
            f"is above the mean of its members: {each}. NLL {words.number(one.nll)}, ECE {words.number(one.ece)}."
        ),
    )


def _listed(members: Sequence[int]) -> str:
    names = [f"F{member}" for member in members]
    return " and ".join([*filter(None, [", ".join(names[:-1])]), names[-1]])


# Curves ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Trace:
    """A metric of one generation: of one seed, or (seed None) the mean over seeds with its standard deviation."""

    generation: int
    seed: int | None
    x: Floats
    y: Floats
    sd: Floats | None = None
    kept: NDArray[np.bool_] | None = None
    attempts: Ints | None = None

    @property
    def name(self) -> str:
        """ "F2", or as short as in a run's name: "F2 s0"."""
        return f"F{self.generation}" if self.seed is None else f"F{self.generation} s{self.seed}"


def kept_curve(one: Seen, metric: str) -> Curve | None:
    """A run's curve. The k-NN of the network that is kept is called by whose average it is: here one name stands for both."""
    names = HEADLINES[1:] if metric in HEADLINES[1:3] else (metric,)
    return next((curve for name in names if (curve := one.state.curves.get(name)) is not None and len(curve)), None)


def seed_traces(runs: Sequence[Seen], metric: str, align: Align) -> list[Trace]:
    """Each run's curve on its own. Copies, because the curves grow while they are drawn."""
    found = []
    for one in runs:
        if (curve := kept_curve(one, metric)) is not None:
            x, y = curve.epochs * _scale(one, align), curve.values.copy()
            found.append(Trace(one.generation, one.seed, x, y, None, curve.kept.copy(), curve.attempts.copy()))
    return found


def mean_traces(runs: Sequence[Seen], metric: str, align: Align) -> list[Trace]:
    """The mean over the complete seeds of each generation; over those at work where none is complete. Only epochs that all
    of them have measured: a mean over fewer and fewer seeds would bend where a seed ends."""
    made = []
    for generation in sorted({one.generation for one in runs}):
        measured = [one for one in _of(runs, generation) if kept_curve(one, metric) is not None]
        trusted = [one for one in measured if one.state.completed] or measured
        if trusted:
            made.append(_mean_trace(generation, trusted, metric, align))
    return [trace for trace in made if len(trace.x)]


def _mean_trace(generation: int, runs: Sequence[Seen], metric: str, align: Align) -> Trace:
    read = ((kept_curve(one, metric), _scale(one, align)) for one in runs)
    x, mean, sd = curves.mean_over([(curve, scale) for curve, scale in read if curve is not None])
    return Trace(generation, None, x, mean, sd)


def _scale(one: Seen, align: Align) -> float:
    return float(one.state.pictures) if align == "images seen" else 1.0


def judged_by(data: dict[str, Any]) -> dict[str, Any]:
    """What data.json says of the pictures with classes: the run's own, or those by which it is judged."""
    found: dict[str, Any] = data.get("evaluated") or data
    return found


def class_names(runs: Sequence[Seen]) -> tuple[str, ...]:
    """The names of the classes in order; empty while no run has prepared its data."""
    known = (judged_by(one.data) for one in runs if one.data)
    return next((tuple(map(str, data["classes"])) for data in known if "classes" in data), ())
