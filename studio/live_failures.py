"""The error card in words: what ails a run or happened to it, why probably, what can be done; and the report of all that.

Pure functions of a `Followed`. Carrying a remedy out is left to views/live.py, drawing the card to widgets/error_card.py.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine import failures, words
from engine.commands import Change
from engine.events import Diagnosed
from engine.state import RunState
from studio import live_facts, phrases
from studio.live_curves import LEAST_TICKS
from studio.live_pages import number
from studio.live_verdicts import sentence as as_sentence
from studio.live_verdicts import verdict
from studio.live_words import capital, sentence
from studio.session import Followed
from studio.widgets.error_card import Remedy, Tone
from studio.widgets.log_pane import line_words

LEARNING_RATE = "optimizer.lr"
HALF_RATE = "half rate"  # the key of a remedy
CURE = "cure:"  # begins the key of a remedy that changes fields, followed by the verdict and its place


class Failure(NamedTuple):
    """What happened, why probably, what can be done; the likeliest remedy first."""

    title: str
    cause: str
    remedies: tuple[Remedy, ...]
    tone: Tone = "bad"
    mark: str = ""


def failure(one: Followed, now: float) -> Failure | None:
    """The error card of a run that needs one: failed, lost, alive but silent, or ill. None once it is being resumed."""
    if one.expected:
        return None
    if one.word == "lost":
        return _lost_card(one, now)
    if one.word == "unresponsive":
        return _silent_card(one, now)
    if one.word != "finished" or phrases.reason(one) != "failed":
        return _illness(one)
    title, cause = _explained(one)
    return Failure(title, f"{cause}\n{_kept(one)}", tuple(_remedies(one)))


def _remedies(one: Followed) -> Iterator[Remedy]:
    again, rate = resume_remedy(one), rate_in_force(one)
    if one.state.not_finite is not None and rate is not None:
        promise = f"{words.rate(rate / 2)} instead of {words.rate(rate)}, {again.act.removeprefix('Resume ')}"
        yield Remedy("Resume with half the learning rate", promise, "Resume", HALF_RATE)
    yield again


def rate_in_force(one: Followed) -> float | None:
    """The recipe's highest learning rate, or what a person has made of it since."""
    for change in reversed(one.state.changes):
        if change.field == LEARNING_RATE and isinstance(change.value, int | float):
            return float(change.value)
    rate = live_facts.in_force(one, LEARNING_RATE)
    return float(rate) if isinstance(rate, int | float) else None


def resume_remedy(one: Followed) -> Remedy:
    """Go on from the newest checkpoint; with none, from the start."""
    label, state = phrases.resume_label(one) or "Resume", one.state
    recipe = "with the same recipe"
    if state.not_finite is not None and state.device == "cpu":
        recipe = "the CPU repeats the same steps to the bit, so expect the same end"
    if not state.checkpoints:
        return Remedy(label, f"{recipe}; nothing was saved yet", "Resume", "resume")
    behind = state.step - state.checkpoints[-1].step
    again = "" if behind <= 0 else f"; {words.plural(behind, 'step')} {'is' if behind == 1 else 'are'} done again"
    return Remedy(label, f"{recipe}{again}", "Resume", "resume")


# What the engine has diagnosed -----------------------------------------------------------------------------------


def _illness(one: Followed) -> Failure | None:
    """What is wrong with a run that goes on, or went on to its end: evidence, cause, remedies of the oldest diagnosis."""
    grave = [told for told in one.state.diagnoses.values() if verdict(told.verdict).grave]
    if not grave:
        return None
    told, others = grave[0], [verdict(other.verdict).title for other in grave[1:]]
    also = f"\nAlso: {', '.join(title[:1].lower() + title[1:] for title in others)}." if others else ""
    said = verdict(told.verdict)
    mark = "warning" if said.health == "warn" else ""
    title = f"{said.title}, seen at step {words.count(told.step)}"
    rows = tuple(_cure(one, told, place) for place in range(len(told.remedies)))
    cause = f"{as_sentence(told.evidence)}\n{as_sentence(told.cause)}{also}"
    return Failure(title, cause, rows, "warn" if mark else "bad", mark)


def _cure(one: Followed, told: Diagnosed, place: int) -> Remedy:
    """A remedy with a button where changing fields is enough and there is a run left to change."""
    remedy, key = told.remedies[place], f"{CURE}{told.verdict}:{place}"
    act = capital(remedy.text)
    promise = ", ".join(_change_words(one, path, value) for path, value in remedy.changes.items())
    if not remedy.changes or one.state.completed or not (one.at_work or phrases.resume_label(one)):
        return Remedy(act, promise, "", key)
    changed = {change.field: change.value for change in one.state.changes}
    if all(changed.get(path) == value for path, value in remedy.changes.items()):
        return Remedy(act, promise, "Changed", key, possible=False)
    if one.at_work and all(_is_asked(one, path, value) for path, value in remedy.changes.items()):
        return Remedy(act, promise, "Asked", key, possible=False)
    return Remedy(act, promise, "Change" if one.at_work else "Resume", key)


def _is_asked(one: Followed, path: str, value: object) -> bool:
    """Whether this window has asked for it and the engine has not answered."""
    waiting = (command for id_, (command, _) in one.asked.items() if id_ not in one.state.acknowledged)
    return any(isinstance(each, Change) and (each.field, each.value) == (path, value) for each in waiting)


def _change_words(one: Followed, path: str, value: float | int | bool | str) -> str:
    """ "optimizer.lr 250e-6 instead of 500e-6"."""
    changed = {change.field: change.value for change in one.state.changes}
    before = changed.get(path, live_facts.in_force(one, path))
    return f"{path} {_said(value)}" + (f" instead of {_said(before)}" if before not in (None, value) else "")


def _said(value: float | int | bool | str) -> str:
    return words.rate(value) if isinstance(value, float) else str(value)


def cure(one: Followed, key: str) -> dict[str, float | int | bool | str]:
    """The changes that a remedy of a diagnosis asks for; empty if it is no such remedy, or not told any more."""
    name, _, place = key.removeprefix(CURE).rpartition(":")
    told = one.state.diagnoses.get(name) if key.startswith(CURE) else None
    return told.remedies[int(place)].changes if told is not None and int(place) < len(told.remedies) else {}


# What an observer finds ------------------------------------------------------------------------------------------


def _lost_card(one: Followed, now: float) -> Failure:
    remedy = resume_remedy(one)
    if one.host:
        cause = f"Nothing has been heard from {one.host} for a while. {_kept(one)}"
    else:
        cause = f"The process is gone and wrote no last word: it was killed, or the machine went down. {_kept(one)}"
    return Failure(capital(phrases.state_words(one, now)), cause, (remedy._replace(button=remedy.act),), "warn")


def _silent_card(one: Followed, now: float) -> Failure:
    saved = phrases.kept(one)
    promise = f"ends the process at once; {saved} stays" if saved else "ends the process at once; nothing was saved yet"
    cause = (
        "The engine holds its run, but its heart does not beat: a suspended process or a disk that does not answer looks like "
        f"this. If it does not come back, kill it, then resume. {_kept(one)}"
    )
    return Failure(capital(phrases.state_words(one, now)), cause, (Remedy("Kill", promise, "Kill", "kill"),), "warn")


def _kept(one: Followed) -> str:
    saved, broken = phrases.kept(one), one.state.not_finite
    kept = f"{capital(saved)} is saved." if saved else "No checkpoint was saved yet."
    if broken is not None and broken.path:
        kept += f" The batch of {words.plural(len(broken.pictures), 'picture')} is in {broken.path}."
    return kept


def _explained(one: Followed) -> tuple[str, str]:
    """What happened, and its probable cause in two sentences."""
    state, detail = one.state, one.state.finished.detail if one.state.finished else ""
    if state.not_finite is not None:
        return f"The loss became not finite at step {words.count(state.not_finite.last_step)}", _why_not_finite(one)
    told = failures.read(detail)
    if told.kind == "memory":
        batch = f" of {one.recipe.training.batch}" if one.recipe else ""
        cause = f"The device could not hold the network, its gradients and a batch{batch}."
        return "Out of memory", f"{cause} {_as_sentence(told.then)}".strip()
    if told.kind == "disk":
        return "The disk is full", f"The engine could not write: {told.what}. {_as_sentence(told.then)}"
    if told.kind == "error":
        return told.what, "The engine met an error it has no advice for. The end of engine.log holds the traceback."
    return capital(told.what or "The run failed"), _as_sentence(told.then) or "engine.log may say more."


def _as_sentence(rest: str) -> str:
    return capital(rest).rstrip(".") + "." if rest else ""


def _why_not_finite(one: Followed) -> str:
    """Evidence first: what the gradient and the loss did before."""
    state, rate = one.state, one.state.values.get("schedule/lr")
    grown = _grown(state, "grad/norm") or _grown(state, "train/loss")
    at_rate = f" at a learning rate of {words.rate(rate)}" if rate else ""
    if grown is not None:
        name, before, last = grown
        evidence = f"The {name} rose from {number(before)} to {number(last)} before{at_rate}."
        return f"{evidence} Steps that large overshoot: the learning rate is probably too high."
    if state.precision == "bfloat16":
        return f"There was no warning in loss or gradient{at_rate}. In bfloat16 a single large value is enough."
    early = state.step <= max(LEAST_TICKS, state.steps_per_epoch)
    when = "Within the first epoch" if early else "Without warning in loss or gradient"
    return f"{when}{at_rate}. A learning rate that is too high is the usual reason; a damaged picture is another."


def _grown(state: RunState, metric: str) -> tuple[str, float, float] | None:
    """(name, usual value, last value) of a metric that ended at more than five times its usual value."""
    curve = state.curves.get(metric)
    if curve is None or not curve.kept.any():
        return None
    kept = curve.values[curve.kept]
    usual, last = float(np.median(kept[: max(1, len(kept) // 2)])), float(kept[-3:].max())
    name = {"grad/norm": "gradient norm", "train/loss": "loss"}[metric]
    return (name, usual, last) if last > 5 * usual > 0 else None


def report(one: Followed, now: float) -> str:
    """All that somebody who helps from afar will ask for first, as plain text."""
    failed, state = failure(one, now), one.state
    parts = [f"{one.name}: {sentence(one, now).plain}"]
    if failed is not None:
        parts += [failed.title, failed.cause.replace("\n", " ")]
    parts.append(
        f"attempt {state.attempt}, step {words.count(state.step)} of {words.count(state.total_steps)}, "
        f"{state.device or 'no device yet'}, {state.precision or 'precision not decided'}"
    )
    values = [f"{name} {words.number(value)}" for name, value in sorted(state.values.items())]
    parts += [f"newest values: {', '.join(values)}"] if values else []
    return "\n".join([*parts, "", "log:", *(line_words(line) for line in state.log[-20:]), "", f"folder: {one.run.folder}"])
