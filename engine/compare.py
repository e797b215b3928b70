"""What the generations of one lineage prove: paired verdicts, the ensemble, the table, and the sentence over the page.

Works on predictions of finished runs; opens no run and knows no state. What networks say of the same pictures is in
predictions.py, formulas are in statistics.py, numbers become text in words.py; the first two are reached through here.

A lineage may be incomplete: two generations are compared over the seeds that both have. Rates are fractions in [0, 1].
Shapes: S seeds, N pictures, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from engine import statistics, words
from engine.predictions import (
    ComparisonError,
    Generation,
    Kind,
    Lineage,
    Mistakes,
    Predictions,
    Suspect,
    agreement_matrix,
    bane,
    common_seeds,
    confusion,
    mistakes,
    read_predictions,
    require_comparable,
    suspects,
)
from engine.statistics import (
    Difference,
    Floats,
    Ints,
    McNemar,
    Reliability,
    accuracy,
    brier,
    ece,
    holm,
    mcnemar_exact,
    negative_log_likelihoods,
    nll,
    reliability,
    two_way_bootstrap,
)

__all__ = [
    "ComparisonError", "Difference", "Ensemble", "Generation", "Kind", "Lineage", "McNemar", "Mistakes", "Networks",
    "Predictions", "Reliability", "Row", "Suspect", "Verdict", "Word", "accuracy", "agreement_matrix", "as_json",
    "bane", "basis", "brier", "common_seeds", "confusion", "ece", "ensemble", "ensembles", "headline", "holm",
    "mcnemar_exact", "mistakes", "negative_log_likelihoods", "nll", "pair_verdict", "read_predictions",
    "reliability", "require_comparable", "rows", "suspects", "two_way_bootstrap", "verdict_parts", "verdict_words",
    "verdicts",
]  # fmt: skip

ALPHA = 0.05
ENOUGH_SEEDS = 3  # fewer and there is no verdict, only numbers
ONE_ORDER = "that share their data order, which their spread leaves out"
Word = Literal["better", "worse", "within the noise", "no verdict"]


class Networks(msgspec.Struct, frozen=True):
    """McNemar's exact test of "these two networks": child and parent of one seed."""

    seed: int
    only_child: int
    only_parent: int
    p: float


class Verdict(msgspec.Struct, frozen=True):
    """What may be said of F<child> against F<parent>. `p_adjusted` is None where there is no verdict."""

    child: int
    parent: int
    difference: Difference
    p_adjusted: float | None
    word: Word
    networks: tuple[Networks, ...]


def verdicts(lineage: Lineage, resamples: int = 10_000, seed: int = 0, first_only: bool = False) -> list[Verdict]:
    """Each generation against its parent and against the first (F0), by child, its parent first; or against the first alone.

    Holm's family is the comparisons that have three seeds or more; the others are no tests, so they cost the rest nothing.
    Pairs without a seed in common are left out. For 10,000 pictures about 0.05 s each with three
    seeds, 1 s with ten.
    """
    pairs = [
        (child, parent)
        for child in lineage.generations
        for parent in reversed(lineage.generations)
        if child.generation > parent.generation
        and (parent is lineage.generations[0] or (parent.generation == child.generation - 1 and not first_only))
        and common_seeds(child, parent)
    ]
    differences = [_difference(child, parent, resamples, seed) for child, parent in pairs]
    adjusted = iter(statistics.holm([d.p for d in differences if d.seeds >= ENOUGH_SEEDS]))
    return [
        _verdict(child, parent, difference, next(adjusted) if difference.seeds >= ENOUGH_SEEDS else None)
        for (child, parent), difference in zip(pairs, differences)
    ]


def pair_verdict(child: Generation, parent: Generation, resamples: int = 10_000, seed: int = 0) -> Verdict:
    """Any two generations on their own, also of a branch: a family of one, so its p is not adjusted."""
    require_comparable([*parent.by_seed.values(), *child.by_seed.values()])
    if not common_seeds(child, parent):
        raise ComparisonError(f"{child.name} and {parent.name} have no finished seed in common; finish one seed of both")
    difference = _difference(child, parent, resamples, seed)
    return _verdict(child, parent, difference, difference.p if difference.seeds >= ENOUGH_SEEDS else None)


def _difference(child: Generation, parent: Generation, resamples: int, seed: int) -> Difference:
    seeds = common_seeds(child, parent)
    child_SN = [child.by_seed[s].correct for s in seeds]
    return statistics.two_way_bootstrap(child_SN, [parent.by_seed[s].correct for s in seeds], resamples, seed)


def _verdict(child: Generation, parent: Generation, difference: Difference, p_adjusted: float | None) -> Verdict:
    networks = tuple(
        Networks(s, *statistics.mcnemar_exact(child.by_seed[s].correct, parent.by_seed[s].correct))
        for s in common_seeds(child, parent)
    )
    return Verdict(child.generation, parent.generation, difference, p_adjusted, _word(difference, p_adjusted), networks)


def _word(difference: Difference, p_adjusted: float | None) -> Word:
    if p_adjusted is None:
        return "no verdict"
    if p_adjusted >= ALPHA:
        return "within the noise"
    return "better" if difference.mean > 0 else "worse"


class Ensemble(msgspec.Struct, frozen=True):
    """The average of several generations, seed by seed. Tuples over seeds follow `seeds`, those over members `members`."""

    name: str
    members: tuple[int, ...]
    kind: Kind
    seeds: tuple[int, ...]
    mean: float
    sd: float | None
    per_seed: tuple[float, ...]
    nll: float
    ece: float
    gain: float  # accuracy of the average - mean accuracy of the members
    gain_per_seed: tuple[float, ...]
    contributions: tuple[float, ...]  # what the average loses without this member; negative: it is better off without
    disagreement: tuple[tuple[float, ...], ...]  # share of pictures on which two members name different classes


def ensemble(lineage: Lineage, members: Sequence[int] | None = None, kind: Kind = "probabilities") -> Ensemble | None:
    """Average `members`, F1..Fk by default as in the paper, in every seed that has them all. None if no seed has them, or
    by default when there are fewer than two generations after F0."""
    chosen = tuple(members or (g.generation for g in lineage.generations if g.generation > 0))
    if len(set(chosen)) != len(chosen) or (members and len(chosen) < 2):
        raise ComparisonError(f"an ensemble needs two or more different generations, not {_listed([f'F{k}' for k in chosen])}")
    found = [g for g in map(lineage.get, chosen) if g]
    seeds = [s for s in lineage.seeds if len(found) == len(chosen) and all(s in g.by_seed for g in found)]
    if len(chosen) < 2 or not seeds:
        return None
    return _ensemble(chosen, [[g.by_seed[s] for g in found] for s in seeds], kind)


def _ensemble(chosen: tuple[int, ...], teams: list[list[Predictions]], kind: Kind) -> Ensemble:
    averages = [(bane(team, kind), team[0].labels) for team in teams]
    scores = [statistics.accuracy(*average) for average in averages]
    gains = [score - float(np.mean([p.correct.mean() for p in team])) for score, team in zip(scores, teams)]
    without = [
        [statistics.accuracy(bane(team[:m] + team[m + 1 :], kind), team[0].labels) for m in range(len(team))] for team in teams
    ]
    contributions = np.mean(np.array(scores)[:, None] - np.array(without), axis=0)
    disagreement = 1 - np.mean([agreement_matrix(team) for team in teams], axis=0)
    return Ensemble(
        name="+".join(f"F{k}" for k in chosen),
        members=chosen,
        kind=kind,
        seeds=tuple(team[0].seed for team in teams),
        mean=float(np.mean(scores)),
        sd=float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        per_seed=tuple(scores),
        nll=float(np.mean([statistics.nll(*average) for average in averages])),
        ece=float(np.mean([statistics.ece(*average) for average in averages])),
        gain=float(np.mean(gains)),
        gain_per_seed=tuple(gains),
        contributions=tuple(contributions.tolist()),
        disagreement=tuple(map(tuple, disagreement.tolist())),
    )


class Row(msgspec.Struct, frozen=True):
    """A generation in the table and in its box; numbers are means over its seeds. Those against the parent are means over
    the seeds that both have, None without a parent."""

    name: str
    generation: int
    seeds: tuple[int, ...]
    mean: float
    sd: float | None  # over seeds; None for one seed
    per_seed: tuple[float, ...]
    nll: float
    ece: float
    brier: float
    verdict: Verdict | None = None
    agreement: float | None = None
    agreement_wrong: float | None = None
    kl: float | None = None
    inherited: float | None = None
    fixed: float | None = None
    new: float | None = None


def rows(lineage: Lineage, judged: Sequence[Verdict]) -> list[Row]:
    """One row a generation; `judged` are the lineage's verdicts."""
    return [_row(g, lineage.get(g.generation - 1), _step_to(judged, g.generation)) for g in lineage.generations]


def _row(generation: Generation, parent: Generation | None, verdict: Verdict | None) -> Row:
    def over_seeds(score: Callable[[Floats, Ints], float]) -> float:
        return float(np.mean([score(p.probabilities, p.labels) for p in generation.by_seed.values()]))

    return Row(
        name=generation.name,
        generation=generation.generation,
        seeds=generation.seeds,
        mean=generation.mean,
        sd=generation.spread,
        per_seed=generation.accuracies,
        nll=over_seeds(statistics.nll),
        ece=over_seeds(statistics.ece),
        brier=over_seeds(statistics.brier),
        verdict=verdict,
        **(_against(parent, generation) if parent else {}),
    )


def _against(parent: Generation, child: Generation) -> dict[str, float | None]:
    """Agreement and errors, means over the common seeds; empty if there are none."""
    pairs = [mistakes(parent.by_seed[s], child.by_seed[s]) for s in common_seeds(child, parent)]
    wrong = [m.agreement_wrong for m in pairs if m.agreement_wrong is not None]
    if not pairs:
        return {}
    return {
        "agreement": float(np.mean([m.agreement for m in pairs])),
        "agreement_wrong": float(np.mean(wrong)) if wrong else None,
        "kl": float(np.mean([m.kl for m in pairs])),
        "inherited": float(np.mean([m.rate(m.inherited) for m in pairs])),
        "fixed": float(np.mean([m.rate(m.fixed) for m in pairs])),
        "new": float(np.mean([m.rate(m.new) for m in pairs])),
    }


def ensembles(lineage: Lineage) -> list[Ensemble]:
    """The paper's Ens*2, Ens*3, ...: F1+F2, F1+F2+F3 and so on, as far as seeds have finished."""
    students = [g.generation for g in lineage.generations if g.generation > 0]
    found = [ensemble(lineage, students[:size]) for size in range(2, len(students) + 1)]
    return [one for one in found if one]


def as_json(lineage: Lineage, judged: Sequence[Verdict], measured: str = "Accuracy") -> dict[str, Any]:
    """All of it for `filial compare --json`: plain dicts, lists, strings and numbers."""
    lead, rest = headline(lineage, judged)
    first = next(iter(lineage.predictions), None)
    return {
        "headline": lead + rest,
        "basis": basis(lineage, measured),
        "test_hash": first.test_hash if first else None,
        "pictures": len(first.index) if first else 0,
        "seeds": list(lineage.seeds),
        "generations": msgspec.to_builtins(rows(lineage, judged)),
        "verdicts": [{**msgspec.to_builtins(v), "words": verdict_words(v)} for v in judged],
        "ensembles": msgspec.to_builtins(ensembles(lineage)),
    }


def basis(lineage: Lineage, measured: str = "Accuracy") -> str:
    """The line under the boxes: what was measured, on what, and by which test; of one generation nothing is tested."""
    if not lineage.generations:
        return ""
    pictures = words.plural(len(lineage.predictions[0].index), "test picture")
    seeds = words.plural(len(lineage.seeds), "seed")
    test = "; paired bootstrap over seeds and pictures, Holm" if len(lineage.generations) > 1 else ""
    return f"{measured}, {pictures}, {seeds}{f' {ONE_ORDER}' if lineage.share_order else ''}{test}"


def verdict_parts(verdict: Verdict) -> tuple[str, str]:
    """The figure and what is said of it: ("+1.5 ± 0.5", "better than F0, p = 0.001")."""
    figure = words.points(verdict.difference.mean) + _plus_minus(verdict)
    if verdict.word == "no verdict":
        return figure, f"against F{verdict.parent}, {_seeds_only(verdict)}, no verdict"
    link = "of" if verdict.word == "within the noise" else "than"
    return figure, f"{verdict.word} {link} F{verdict.parent}, {_p(verdict)}"


def verdict_words(verdict: Verdict) -> str:
    """ "+1.5 ± 0.5 better than F0, p = 0.001", in percentage points; +- is the standard error over seeds."""
    return " ".join(verdict_parts(verdict))


def headline(lineage: Lineage, judged: Sequence[Verdict]) -> tuple[str, str]:
    """What a colleague would say first: the clause set in bold, and the rest of the sentence, which joins it as it is."""
    if not lineage.generations:
        return "No generation is finished yet", ", so there is nothing to compare"
    first = lineage.generations[0]
    if len(lineage.generations) == 1:
        seeds = words.plural(len(first.seeds), "seed")
        return f"{first.name}: {words.percent(first.mean)}", f", {seeds}; no other generation is finished yet"
    against = [v for v in judged if v.parent == first.generation]
    if not against:
        return "No verdict", f": no later generation has a finished seed in common with {first.name}"
    if all(v.word == "no verdict" for v in against):
        return _numbers_only(lineage, against)
    if any(v.word == "better" for v in against):
        return _a_winner(lineage, judged, against)
    return _no_winner(first, against)


def _numbers_only(lineage: Lineage, against: list[Verdict]) -> tuple[str, str]:
    top = max(against, key=_mean)
    higher, lower = (top.child, top.parent) if _mean(top) > 0 else (top.parent, top.child)
    tail = f"; {_seeds_only(top)}, no verdict"
    share = words.percent(_accuracy(lineage, higher))
    if _mean(top) == 0:
        return f"F{lower} equals F{higher}: {share}", tail
    return f"F{higher} is highest: {share}", f", {_amount(top)} above F{lower}{tail}"


def _a_winner(lineage: Lineage, judged: Sequence[Verdict], against: list[Verdict]) -> tuple[str, str]:
    """Of those better than F0 the highest. It is called best only if no other mean is above it and its own step holds."""
    win = max((v for v in against if v.word == "better"), key=_mean)
    name, share = f"F{win.child}", words.percent(_accuracy(lineage, win.child))
    later = _joined(_steps([v for v in judged if v.child > win.child and v.parent == v.child - 1]))
    if _mean(win) < max(map(_mean, against)):
        return f"{name} is better than F{win.parent}: {share}", f", {_amount(win)} above it ({_p(win)}){later}"
    step = _step_to(judged, win.child) or win
    doubt = f", but within the noise of F{step.parent}" if step.word == "within the noise" else ""
    lead = f"{name} is {'best' if step.word == 'better' else 'highest'}: {share}"
    return lead, f", better than F{win.parent} by {_amount(win)} ({_p(win)}){doubt}{later}"


def _no_winner(first: Generation, against: list[Verdict]) -> tuple[str, str]:
    worse = [f"F{v.child} is worse by {_amount(v)} ({_p(v)})" for v in against if v.word == "worse"]
    noise = [v for v in against if v.word == "within the noise"]
    close = [f"{_listed([f'F{v.child}' for v in noise])} cannot be told from it"] if noise else []
    if len(noise) == 1:
        close = [f"F{noise[0].child} is within its noise ({verdict_parts(noise[0])[0]}, {_p(noise[0])})"]
    doubts = close + _unjudged(against)
    name = f"F{first.generation}"
    lead = f"Nothing is measurably better than {name}" if doubts else f"{name} is best"
    return f"{lead}: {words.percent(first.mean)}", _joined(worse + doubts)


def _steps(steps: list[Verdict]) -> list[str]:
    """What the generations after the best one did to their parents, the certain first."""
    decided = [v for v in steps if v.word in ("better", "worse")]
    told = [f"F{v.child} is {v.word} than F{v.parent} by {_amount(v)} ({_p(v)})" for v in decided]
    noise = [f"F{v.child}" for v in steps if v.word == "within the noise"]
    if noise:
        told.append(f"{_listed(noise)} add{'s' * (len(noise) == 1)} nothing that can be told from noise")
    return told + _unjudged(steps)


def _unjudged(found: list[Verdict]) -> list[str]:
    return [f"F{v.child} has {_seeds_only(v)}" for v in found if v.word == "no verdict"]


def _step_to(judged: Sequence[Verdict], child: int) -> Verdict | None:
    return next((v for v in judged if (v.child, v.parent) == (child, child - 1)), None)


def _accuracy(lineage: Lineage, generation: int) -> float:
    return next(g.mean for g in lineage.generations if g.generation == generation)


def _mean(verdict: Verdict) -> float:
    return verdict.difference.mean


def _plus_minus(verdict: Verdict) -> str:
    error = verdict.difference.standard_error
    return "" if error is None else f" ± {words.points(error).lstrip('+')}"


def _amount(verdict: Verdict) -> str:
    """The size of a difference whose direction the sentence tells: "2.3 ± 0.5"."""
    return words.points(abs(_mean(verdict))).lstrip("+") + _plus_minus(verdict)


def _p(verdict: Verdict) -> str:
    assert verdict.p_adjusted is not None, "numbers without a verdict have no p"
    return words.p_value(verdict.p_adjusted)


def _seeds_only(verdict: Verdict) -> str:
    return "one seed only" if verdict.difference.seeds == 1 else "two seeds only"


def _joined(clauses: list[str]) -> str:
    return "".join(f"; {clause}" for clause in clauses)


def _listed(names: Sequence[str]) -> str:
    """ "F1", "F1 and F2", "F1, F2 and F3"."""
    return " and ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])
