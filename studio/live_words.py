"""What the head of Live says of a run: the sentence a colleague would say first, and the signs of its health.

Pure functions of a `Followed`. The words of a state are phrases.py's; what a failure calls for is live_failures.py's.
"""

import math
from collections.abc import Callable
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from engine import words
from engine.events import Diagnosed
from engine.state import RunState
from studio import live_facts, phrases
from studio.live_curves import recent, ticks_of
from studio.live_pages import gib, number
from studio.live_verdicts import sentence as as_sentence
from studio.live_verdicts import verdict
from studio.session import Followed
from studio.widgets.chips import Health

SLOW_WAIT = 0.1  # from this share on, waiting for pictures is what limits a run
FULL = 0.9  # of the memory there is
# Signs of a collapse, as shares of ln K, nats, and the spread of features that point everywhere alike.
SIGNS = ("teacher/entropy", "teacher/marginal_entropy", "teacher/kl", "feature/std")
ONE_PROTOTYPE, UNIFORM, STILL, ONE_POINT = 0.1, 0.98, 0.05, 0.1
SETTLING = 0.15  # of the run, in which nothing need be wrong yet
FEWEST = 2  # prototypes that are in use: so few say nothing of pictures
EXPLODING = 10  # times its usual length is a gradient that runs away
FEW = 5  # ticks that are "now"


# The sentence ---------------------------------------------------------------------------------------------------


class Sentence(NamedTuple):
    """What a colleague would say first, in bold, and what next."""

    lead: str
    rest: str = ""

    @property
    def plain(self) -> str:
        return self.lead + self.rest


def pace_words(seconds: float) -> str:
    """0.39 -> "0.39 s a step", 0.012 -> "12 ms a step"."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms a step" if seconds >= 0.00095 else "under 1 ms a step"
    return (
        f"{seconds:.2f} s a step"
        if seconds < 1
        else f"{seconds:.1f} s a step"
        if seconds < 60
        else (f"{words.duration(seconds)} a step")
    )


def best_words(one: Followed) -> str:
    """ "best val accuracy 93.1 %" or "best k-NN 71.2 % at epoch 6"; without labels "feature rank 14.6, teacher entropy 0.44 of
    ln K". Empty before there is one.
    """
    best = phrases.headline(one)
    if best is None or not one.state.steps_per_epoch:
        return ""
    name, value, step = best
    if name == phrases.UNLABELLED:
        return ", ".join(filter(None, (phrases.value_words(name, value), _entropy_words(one))))
    said = f"best {'val accuracy' if name == phrases.ACCURACY else phrases.WHAT_MATTERS[name]} {phrases.figure(name, value)}"
    return f"{said} at epoch {words.count(round(step / one.state.steps_per_epoch))}"


def _entropy_words(one: Followed) -> str:
    entropy, most = recent(one.state, "teacher/entropy"), live_facts.most_entropy(one)
    return f"teacher entropy {entropy / most:.2f} of ln K" if entropy is not None and most else ""


def sentence(one: Followed, now: float, teacher: Followed | None = None) -> Sentence:
    """The state of a run in a sentence."""
    if one.expected:
        return Sentence("Starting", ", the engine is loading")
    if one.word in ("queued", "blocked"):
        state = phrases.state_words(one, now, teacher)
        return Sentence(capital(one.word), state.removeprefix(one.word))
    said = _SENTENCES[one.word](one, now)
    return said._replace(rest=f"{said.rest}; {one.wish}") if one.wish else said


def _starting(one: Followed, now: float) -> Sentence:
    name, detail = one.state.phase
    if name == "waiting":
        return Sentence("Waiting for the device", f", held by {detail.removeprefix('waiting for ')}")
    return Sentence("Starting", f", {detail}" if detail else ", no step taken yet")


def _running(one: Followed, now: float) -> Sentence:
    phase, detail = one.state.phase
    if phase not in ("training", "") and detail:
        return Sentence(capital(phase), f", {detail}")
    parts = []
    if (pace := phrases.seconds_a_step(one)) is not None:
        parts.append(pace_words(pace))
    if (left := phrases.seconds_left(one, now)) is not None:
        parts.append(f"about {words.duration(left)} left" if left >= 1 else "nearly done")
    if best := best_words(one):
        parts.append(best)
    return Sentence(capital(phrases.epoch_words(one)), "".join(f", {part}" for part in parts))


def _stopping(one: Followed, now: float) -> Sentence:
    return Sentence(capital(phrases.state_words(one, now)))


def _paused(one: Followed, now: float) -> Sentence:
    return Sentence("Paused", phrases.state_words(one, now).removeprefix("paused") + "; the device is free" + _saved(one))


def _lost(one: Followed, now: float) -> Sentence:
    said = phrases.state_words(one, now)
    return Sentence(capital(said), ": the engine is gone and wrote no last word" + _saved(one))


def _unresponsive(one: Followed, now: float) -> Sentence:
    said, _, rest = phrases.state_words(one, now).partition(",")
    return Sentence(capital(said), f",{rest}" + _saved(one))


def _finished(one: Followed, now: float) -> Sentence:
    state, ended = one.state, one.state.finished
    if ended is not None and ended.reason == "failed":
        failed_in = f"Failed in {phrases.epoch_words(one)}" if state.step else "Failed before the first step"
        cause = "loss not finite" if state.not_finite is not None else phrases.failure(one)
        return Sentence(failed_in, (f": {cause}" if cause else "") + _saved(one))
    if ended is not None and ended.reason == "stopped":
        said = phrases.state_words(one, now)
        return Sentence("Stopped", said.removeprefix("stopped") + _saved(one))
    test = phrases.tested(one)
    parts = [f"test {phrases.WHAT_MATTERS[test[0]]} {phrases.figure(*test)}"] if test else []
    parts += [best_words(one)] if best_words(one) else []
    parts += [f"trained in {words.duration(trained)}"] if (trained := float(ticks_of(state)[2][-1])) else []
    return Sentence(f"Finished after {words.plural(state.epochs, 'epoch')}", "".join(f", {part}" for part in parts))


_SENTENCES: dict[str, Callable[[Followed, float], Sentence]] = {
    "starting": _starting, "running": _running, "unresponsive": _unresponsive, "paused": _paused,
    "stopping": _stopping, "finished": _finished, "lost": _lost,
}  # fmt: skip


def _saved(one: Followed) -> str:
    saved = phrases.kept(one)
    return f", {saved} is saved" if saved else ", nothing is saved yet"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# Chips ----------------------------------------------------------------------------------------------------------


class Chip(NamedTuple):
    """A sign of health: what it is called, how it stands, why, and the chart that explains it."""

    key: str
    state: Health
    value: str
    why: str
    page: str
    name: str = ""


def chips(one: Followed) -> list[Chip]:
    """Finite, data wait, memory; of a run whose teacher is an average also collapse, lag and gradient. What is diagnosed
    stands in the place of the sign that it is about, or at the end."""
    found = [_finite(one.state), _data_wait(one.state), _memory(one)]
    if live_facts.averages(one):
        finite, wait, memory = found
        waits = [wait] if wait.state == "warn" else []  # there is not the room to say that all is well
        lag = [] if one.recipe and one.recipe.teacher else [_lag(one.state)]  # what is frozen does not look back
        found = [finite, _collapse(one), *lag, _gradient(one), *waits, memory]
    if (begun := _weights(one.state)) is not None:
        found.append(begun)
    diagnosed = [_diagnosed(told) for told in one.state.diagnoses.values()]
    taken = {chip.key: chip for chip in reversed(diagnosed)}  # of several the oldest
    return [taken.pop(chip.key, chip) for chip in found] + list(taken.values())


def _diagnosed(told: Diagnosed) -> Chip:
    about = verdict(told.verdict)
    since = f"from step {words.count(told.since)}" if told.since else ""
    why = f"{as_sentence(told.evidence)} {as_sentence(told.cause)}"
    helps = "; ".join(remedy.text for remedy in told.remedies)
    why += f" What may help: {helps}." if helps and not about.grave else ""
    return Chip(about.chip, about.health, since, why, about.page, about.name)


def _weights(state: RunState) -> Chip | None:
    """What came of the weights it began with; None for a network at random."""
    told = state.weights
    if told is None:
        return None
    share = f"{words.percent(told.share)} of {told.run or PurePath(told.file).name}"
    return Chip("weights", "ok" if told.whole else "warn", share, as_sentence(told.text), "objective")


def _finite(state: RunState) -> Chip:
    if state.not_finite is not None:
        step = words.count(state.not_finite.last_step)
        why = f"Loss or gradient became not finite at step {step}."
        return Chip("finite", "bad", f"step {step}", why, "objective", "not finite")
    if not len(state.curves.get("train/loss", ())):
        return Chip("finite", "unknown", "", "Known after the first step.", "objective")
    return Chip("finite", "ok", "", "Every loss and gradient so far was a finite number.", "objective")


class _Signs(NamedTuple):
    """Means over the newest epoch. Entropies are shares of ln K; `mean` is that of the mean over a batch."""

    entropy: float
    mean: float
    kl: float
    spread: float
    used: float  # prototypes in use at the last probe

    @property
    def told(self) -> str:
        return f"entropy {self.entropy:.2f} of ln K, of the mean {self.mean:.2f}, spread {self.spread:.2f}"


def _signs(one: Followed) -> _Signs | None:
    most, found = live_facts.most_entropy(one), [recent(one.state, metric) for metric in SIGNS]
    if most is None or None in found:
        return None
    entropy, mean, kl, spread = (value or 0.0 for value in found)
    return _Signs(entropy / most, mean / most, kl, spread, one.state.values.get("teacher/prototypes_used", math.inf))


def _suspicion(signs: _Signs) -> tuple[str, str, str] | None:
    """(what it is called, the chart that shows it, why); None where nothing looks like a collapse."""
    if signs.mean < ONE_PROTOTYPE:
        return "few prototypes", "marginal", "Few prototypes win nearly every picture"
    if signs.used <= FEWEST:
        return "few prototypes", "prototypes", f"{words.plural(round(signs.used), 'prototype')} in use"
    if signs.entropy > UNIFORM and signs.kl < STILL:
        return "says nothing", "teacher", "No prototype is preferred"
    return ("one point", "teacher", "All pictures have nearly the same features") if signs.spread < ONE_POINT else None


def _collapse(one: Followed) -> Chip:
    """Until somebody has diagnosed more. A healthy run may begin as if it had collapsed."""
    key, name, state, signs = "collapse", "no collapse", one.state, _signs(one)
    if signs is None:
        return Chip(key, "unknown", "", "Known after the first steps.", "teacher", name)
    found = _suspicion(signs)
    if found is None:
        return Chip(key, "ok", "", f"Teacher and features still tell pictures apart: {signs.told}.", "teacher", name)
    called, page, why = found
    if state.step <= SETTLING * state.total_steps:
        return Chip(key, "unknown", "settling", f"{why}: {signs.told}. A run may begin so.", page, name)
    return Chip(key, "warn", "", f"{why}: {signs.told}.", page, called)


def _lag(state: RunState) -> Chip:
    lag = state.values.get("teacher/lag_epochs")
    if lag is None:
        return Chip("teacher lag", "unknown", "", "Known after the first steps.", "lag")
    value = f"{lag:.1f} epochs" if lag < 9.95 else f"{words.count(round(lag))} epochs"
    why = f"Half of the teacher is newer than {value}. Its momentum rises to the end of the run, and the lag with it."
    return Chip("teacher lag", "ok", value, why, "lag")


def _gradient(one: Followed) -> Chip:
    """Against its own usual length: there is no limit that holds for every network."""
    curve, clip = one.state.curves.get("grad/norm"), live_facts.in_force(one, "optimizer.clip")
    if curve is None or not curve.kept.any():
        return Chip("gradient", "unknown", "", "Known after the first steps.", "gradient", "gradient norm")
    kept = curve.values[curve.kept]
    now, usual = float(np.median(kept[-FEW:])), float(np.median(kept))
    value = number(now) if now >= 1e6 else words.number(now, 2)
    limit = f" Each tensor's part of it is cut at {clip:g}." if clip else " It is not clipped."
    why = f"Length of the whole gradient before clipping: {value} now, {number(usual)} usually.{limit}"
    return Chip("gradient", "warn" if now > EXPLODING * usual else "ok", value, why, "gradient", "gradient norm")


def _data_wait(state: RunState) -> Chip:
    share = recent(state, "throughput/data_wait")
    if share is None:
        return Chip("data wait", "unknown", "", "Known after the first steps.", "data wait")
    why = f"Over the newest epoch, training waited for pictures {words.percent(share)} of the time."
    slow = share > SLOW_WAIT
    return Chip(
        "data wait",
        "warn" if slow else "ok",
        words.percent(share, 0),
        why + (" More than a tenth means the pictures, not the network, set the pace." if slow else ""),
        "data wait",
    )


def _memory(one: Followed) -> Chip:
    used, total = one.state.values.get("memory/gib"), one.state.device_memory_gib
    if used is None:
        return Chip("memory", "unknown", "", "Known after the first steps.", "memory")
    if not one.at_work:
        return Chip("memory", "ok", "freed", f"The engine has ended; it held {gib(used)} last.", "memory")
    if not total:
        return Chip("memory", "ok", gib(used), "What the engine holds.", "memory")
    state: Health = "warn" if used > FULL * total else "ok"
    device = "the machine" if one.state.device == "cpu" else "the GPU"
    why = f"The engine holds {gib(used)} of the {total:.1f} GiB that {device} has."
    return Chip("memory", state, f"{used:.1f} of {total:.0f} GiB", why, "memory")
