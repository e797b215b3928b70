"""What the head of Live says of a run: the sentence a colleague would say first, and the signs of its health.

Pure functions of a `Followed`. The words of a state are phrases.py's; what a failure calls for is live_failures.py's.
"""

from collections.abc import Callable
from typing import NamedTuple

from engine import words
from engine.state import RunState
from studio import phrases
from studio.live_curves import recent, ticks_of
from studio.live_pages import gib
from studio.session import Followed
from studio.widgets.chips import Health

SLOW_WAIT = 0.1  # from this share on, waiting for pictures is what limits a run
FULL = 0.9  # of the memory there is


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
    """ "best val accuracy 93.1 % at epoch 6", empty before there is one."""
    best = phrases.headline(one)
    if best is None or not one.state.steps_per_epoch:
        return ""
    name, value, step = best
    said = "k-NN" if name.startswith("knn/") else name.replace("/", " ")
    return f"best {said} {words.percent(value)} at epoch {words.count(round(step / one.state.steps_per_epoch))}"


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
    test = state.curves.get("test/accuracy")
    parts = [f"test accuracy {words.percent(test.last)}"] if test is not None and test.kept.any() else []
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
    """Finite, data wait, memory."""
    return [_finite(one.state), _data_wait(one.state), _memory(one)]


def _finite(state: RunState) -> Chip:
    if state.not_finite is not None:
        step = words.count(state.not_finite.last_step)
        why = f"Loss or gradient became not finite at step {step}."
        return Chip("finite", "bad", f"step {step}", why, "objective", "not finite")
    if not len(state.curves.get("train/loss", ())):
        return Chip("finite", "unknown", "", "Known after the first step.", "objective")
    return Chip("finite", "ok", "", "Every loss and gradient so far was a finite number.", "objective")


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
