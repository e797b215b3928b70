"""What a colleague would say about a run: its state, what comes next, how long it takes, what a stop keeps.

Pure functions of a `Followed` and of the time now (unix seconds); nothing here draws, asks or decides. The marks beside the
words are widgets/state_mark.py's; numbers become text in engine/words.py.
"""

import math
import time

import numpy as np

from engine import words
from engine.brief import PACE_EPOCHS
from engine.commands import Stop
from engine.recipe import Densenet, Model, Resnet, SmallCnn, Timm, Vit
from engine.state import HEADLINES
from studio.session import Followed

METHODS = {
    "supervised": "labels only",
    "ban": "Born-Again",
    "ban_label": "Born-Again with labels",
    "cwtm": "Born-Again, CWTM",
    "dkpp": "Born-Again, DKPP",
    "kd": "distillation",
    "dkd": "decoupled distillation",
    "dino": "DINO",
    "dinov2": "DINOv2",
}
ACCURACY = "val/accuracy"
UNLABELLED = "feature/rank@val"  # what there is to go by where no picture has a label
WHAT_MATTERS = {  # the first there is: that which checkpoints are told apart by, or the one above
    name: "k-NN" if name.startswith("knn/") else "feature rank" if name == UNLABELLED else "accuracy"
    for name in (*HEADLINES, UNLABELLED)
}
PLACES = ("next", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")  # in the queue

LONGEST_REASON = 90  # letters of a failure's reason in a line


# Names ----------------------------------------------------------------------------------------------------------


def method_words(name: str) -> str:
    return METHODS.get(name, name)


def model_words(model: Model) -> str:
    """ "small CNN", "ResNet-20", "ViT/4", or timm's own name."""
    match model:
        case SmallCnn():
            return "small CNN"
        case Resnet():
            return f"ResNet-{model.depth}"
        case Densenet():
            return f"DenseNet-{model.depth}-{model.growth}"
        case Vit():
            return f"ViT/{model.patch}"
        case Timm():
            return model.variant


def run_pieces(one: Followed) -> tuple[str, ...]:
    """A run's name in words, the widest first: lineage, method, model, seed, generation."""
    if one.recipe is None:
        return (one.name,)
    asked = one.recipe
    return (asked.lineage, method_words(one.method), model_words(asked.model), f"seed {asked.seed}", one.called)


def run_title(one: Followed) -> str:
    """ "digits, Born-Again, small CNN, seed 0, F1"."""
    return ", ".join(run_pieces(one))


def run_short(one: Followed) -> str:
    """ "digits F1 seed 0"; a run whose recipe cannot be read goes by its folder's name."""
    return f"{one.lineage} {one.called} seed {one.seed}" if one.recipe else one.name


def teacher_short(one: Followed, teacher: Followed) -> str:
    """ "F0", or "large F0 seed 0" for one of another lineage."""
    return teacher.called if teacher.lineage == one.lineage else run_short(teacher)


# State ----------------------------------------------------------------------------------------------------------


def reason(one: Followed) -> str:
    """Why a finished run ended: completed, stopped, paused or failed; empty for all others."""
    return one.state.finished.reason if one.word in ("finished", "paused") and one.state.finished else ""


def state_words(one: Followed, now: float | None = None, teacher: Followed | None = None) -> str:
    """The state in words: "running, epoch 18 of 40", "lost since 03:12". `teacher` lets a waiting run say for what."""
    now = time.time() if now is None else now
    if one.expected:
        return "starting, the engine is loading"
    match one.word:
        case "queued":
            return _queued(one, teacher)
        case "blocked":
            return f"blocked: {_why_blocked(one, teacher)}"
        case "starting":
            return ", ".join(part for part in ("starting", one.state.phase[1]) if part)
        case "running":
            return f"running, {_doing(one)}"
        case "stopping":
            return _stopping(one)
        case "unresponsive":
            return f"silent for {words.duration(now - one.heard_at)}, still alive"
        case "paused":
            return f"paused, {epoch_words(one)}" if one.state.epochs else "paused before the first step"
        case "lost":
            where = f"last heard of on {one.host}" if one.host else "lost since"
            return f"{where} {moment(one.heard_at, now)}"
        case "finished":
            return _finished(one)


def next_step(one: Followed, teacher: Followed | None = None) -> str:
    """What a person can do about it, in a few words; empty where nothing needs doing."""
    if one.expected:
        return ""
    if one.word == "blocked":
        gone = (one.recipe.teacher or next(iter(one.recipe.sources), "")) if one.recipe else ""
        first = run_short(teacher) if teacher else f"bring back {gone or 'its teacher'}"
        label = resume_label(teacher) if teacher else ""
        return f"{label}: {first}" if label else first
    if one.word == "unresponsive":
        return "Kill it if it stays silent; its newest checkpoint stays"
    return resume_label(one)


def resume_label(one: Followed) -> str:
    """ "Resume from epoch 12"; empty for a run that needs or allows no resuming."""
    ended = one.word in ("lost", "paused") or (one.word == "finished" and not one.state.completed)
    if not ended or one.expected or one.recipe is None:
        return ""
    return f"Resume from {kept(one)}" if kept(one) else "Resume from the start"


def kept(one: Followed) -> str:
    """Where a resume would go on: "epoch 12", or "step 1,530" within an epoch; empty without a checkpoint."""
    if not one.state.checkpoints:
        return ""
    newest = one.state.checkpoints[-1]
    whole = newest.epoch == int(newest.epoch)
    return f"epoch {int(newest.epoch)}" if whole else f"step {words.count(newest.step)}"


def story(one: Followed, now: float) -> str:
    """A line about a run that needs attention or is at work: state, time, what is saved."""
    start = one.state.attempts[-1].time if one.state.attempts else 0.0
    if one.expected or one.word in ("starting", "queued", "blocked"):
        return state_words(one, now)
    if one.at_work:
        left = seconds_left(one, now)
        about = f"about {words.duration(left)} left" if left is not None else ""
        asked = one.wish or state_words(one, now).removeprefix("running, ")
        return ", ".join(part for part in (asked, about, f"started {moment(start, now)}") if part)
    saved = f"{kept(one)} is saved" if kept(one) else "nothing was saved yet"
    if one.word == "lost" and not one.host:
        return f"lost: no sign of life since {moment(one.heard_at, now)}; {saved}"
    if one.word == "paused":
        return f"{state_words(one, now)}; {saved}, the device is free"
    return f"{state_words(one, now)}; {saved}"


def epoch_words(one: Followed) -> str:
    """ "epoch 18 of 40": the epoch under way, or the last one done if the run stopped between two."""
    state = one.state
    under_way = math.floor(state.epoch) + 1 if one.at_work or state.epoch != int(state.epoch) else int(state.epoch)
    return f"epoch {min(under_way, state.epochs)} of {state.epochs}"


def steps_done(one: Followed) -> int:
    """The newest step heard of: a checkpoint may be a few steps ahead of the last tick."""
    return max([one.state.step, *(point.step for point in one.state.checkpoints[-1:])])


def moment(then: float, now: float) -> str:
    """A moment on the clock: "03:12" today, "yesterday 03:12", "19 Nov 03:12"."""
    day = words.day(then, now)
    return day.removeprefix("today ") if day.startswith("today") else f"{day} {words.clock(then)}"


def _queued(one: Followed, teacher: Followed | None) -> str:
    """For its teacher, or for its turn; "queued" for a run that somebody trains in turn without the queue."""
    if teacher is not None and not teacher.state.completed:
        return f"queued, waits for {teacher_short(one, teacher)}"
    if not one.place:
        return "queued"
    return f"{PLACES[one.place - 1]} in the queue" if one.place <= len(PLACES) else f"number {one.place} in the queue"


def _why_blocked(one: Followed, teacher: Followed | None) -> str:
    if teacher is None:
        if one.recipe and not one.recipe.teacher and one.recipe.sources:
            return f"{one.recipe.sources[0]} is gone, from whose weights it starts"
        return f"its teacher {one.recipe.teacher} is gone" if one.recipe else "its teacher is gone"
    how = {"failed": "failed", "stopped": "was stopped", "paused": "is paused"}.get(reason(teacher))
    how = how or {"lost": "is lost", "blocked": "is blocked"}.get(teacher.word, "is not trained")
    return f"{teacher_short(one, teacher)} {how}"


def _doing(one: Followed) -> str:
    name, detail = one.state.phase
    return detail if name not in ("", "training") and detail else epoch_words(one)


def _stopping(one: Followed) -> str:
    if one.state.leaving == "pause":
        return "pausing, saving first"
    if isinstance(one.asked_last, Stop) and one.asked_last.when == "now":
        return "stopping, saving first"
    return f"stopping after {epoch_words(one).partition(' of ')[0]}"


def _finished(one: Followed) -> str:
    ended = one.state.finished
    assert ended is not None, one.name
    if ended.reason == "stopped":
        by = ended.detail.partition(";")[0] if ended.detail.startswith("by ") else "by hand"
        return f"stopped {by} at {epoch_words(one).partition(' of ')[0]}" if one.state.epochs else f"stopped {by}"
    if ended.reason == "failed":
        return f"failed, {failure(one)}"
    best = headline(one)
    if best is None:
        return "finished"
    name, value, _ = best
    return f"finished, best {figure(name, value)}" if name == ACCURACY else f"finished, {best_name(name)} {figure(name, value)}"


def failure(one: Followed) -> str:
    """The reason of a failure in a few words: the first clause of the engine's own sentence."""
    broken = one.state.not_finite
    if broken is not None:
        return f"loss not finite at step {words.count(broken.last_step)}"
    detail = one.state.finished.detail if one.state.finished else ""
    clause = (detail.splitlines() or [""])[0].partition(";")[0].strip()
    return clause if len(clause) <= LONGEST_REASON else clause[: LONGEST_REASON - 1].rstrip() + "…"


# What matters ---------------------------------------------------------------------------------------------------


def headline_name(one: Followed) -> str:
    """The metric that tells best how well the run does, of those it measures; empty before the first value."""
    return next((name for name in WHAT_MATTERS if name in one.state.curves), "")


def headline(one: Followed) -> tuple[str, float, int] | None:
    """(name, best value, its step) of what matters; None before the first value. Of a rank nobody knows a best: the newest."""
    name = headline_name(one)
    if name == UNLABELLED:
        return _newest(one, name)
    best = one.state.best(name)
    return (name, *best) if best else None


def _newest(one: Followed, name: str) -> tuple[str, float, int] | None:
    curve = one.state.curves[name]
    return (name, curve.last, int(curve.steps[curve.kept][-1])) if curve.kept.any() else None


def figure(name: str, value: float) -> str:
    """A value of what matters as a bare figure: "95.4 %", of a rank "14.6"."""
    return words.number(value, 2) if name == UNLABELLED else words.percent(value)


def value_words(name: str, value: float) -> str:
    """The same with its name, unless it is an accuracy: "95.4 %", "k-NN 64.1 %", "feature rank 14.6"."""
    called = "" if name == ACCURACY else f"{WHAT_MATTERS[name]} "
    return called + figure(name, value)


def best_name(name: str) -> str:
    """ "best k-NN"; of a rank nobody knows a best."""
    return WHAT_MATTERS[name] if name == UNLABELLED else f"best {WHAT_MATTERS[name]}"


def tested(one: Followed) -> tuple[str, float] | None:
    """(name of what matters, value) on the test pictures, measured once at the end; None before that, or without labels."""
    for name in HEADLINES:
        curve = one.state.curves.get("test/accuracy" if name == ACCURACY else f"{name.partition('@')[0]}@test")
        if curve is not None and curve.kept.any():
            return name, curve.last
    return None


# Time -----------------------------------------------------------------------------------------------------------


def seconds_a_step(one: Followed) -> float | None:
    """Seconds from step to step over the newest epochs of this attempt, pauses for probes included; None before two ticks."""
    curve = one.state.curves.get("train/loss")
    if curve is None:
        return None
    mine = np.flatnonzero(curve.attempts == one.state.attempt)
    if len(mine) < 2:
        return None
    steps, times = curve.steps[mine], curve.times[mine]
    first = int(np.searchsorted(steps, steps[-1] - PACE_EPOCHS * max(1, one.state.steps_per_epoch)))
    first = min(first, len(steps) - 2)
    return float((times[-1] - times[first]) / (steps[-1] - steps[first]))


def seconds_left(one: Followed, now: float) -> float | None:
    """Seconds until the last step; None while nobody can know.

    Counted on from the newest event by one tick at most: while nothing is heard nothing gets nearer.
    """
    pace = seconds_a_step(one)
    if pace is None or one.word != "running" or not one.state.total_steps:
        return None
    attempt = one.state.attempts[-1]
    unheard = min(max(0.0, now - attempt.time - attempt.elapsed_s), pace * one.state.log_every)
    return max(0.0, pace * (one.state.total_steps - one.state.step) - unheard)


def eta(one: Followed, now: float | None = None) -> str:
    """ "22 min left, done at 10:17"; empty while nobody can know."""
    now = time.time() if now is None else now
    left = seconds_left(one, now)
    return "" if left is None else f"{words.duration(left)} left, done at {moment(now + left, now)}"


def ended_at(one: Followed, now: float) -> str:
    """ "stopped 10:31" for a run that is not at work; empty for one that is, or never was."""
    if one.at_work or not one.changed_at or one.word in ("queued", "blocked"):
        return ""
    how = {"completed": "finished", "stopped": "stopped", "failed": "failed", "paused": "paused"}
    return f"{how.get(reason(one), 'last heard of')} {moment(one.changed_at, now)}"


# Asking ---------------------------------------------------------------------------------------------------------


def stop_promises(one: Followed) -> dict[str, str]:
    """What each possible way to stop keeps and loses, by the ways of StopButton; empty for a run without an engine."""
    if not one.at_work:
        return {}
    promises = {"kill": f"at once; {_kill_promise(one)}"}
    if one.word == "unresponsive" or _leaves_at_once(one):
        return promises
    now = "saves this step and ends; loses nothing" if one.state.step else "ends before the first step; nothing is lost"
    if one.word == "stopping" or one.wish:  # the end of the epoch is asked for already
        return {"now": now, **promises}
    return {"epoch": _epoch_promise(one), "now": now, **promises}


def _leaves_at_once(one: Followed) -> bool:
    """A pause or an immediate stop is under way: only a kill is quicker."""
    asked = one.asked_last
    at_once = isinstance(asked, Stop) and asked.when == "now"
    return bool(one.wish) and (at_once or one.wish.startswith("pause"))


def _epoch_promise(one: Followed) -> str:
    state, pace = one.state, seconds_a_step(one)
    if not state.steps_per_epoch or pace is None:
        return "trains one epoch, saves it and ends"
    rest = (state.steps_per_epoch - state.step % state.steps_per_epoch) * pace
    soon = f", in about {words.duration(rest)}" if rest >= 1.5 else ""
    return f"finishes {epoch_words(one).partition(' of ')[0]} and saves it{soon}"


def _kill_promise(one: Followed) -> str:
    newest = one.state.checkpoints[-1].step if one.state.checkpoints else 0
    lost = steps_done(one) - newest
    loses = f"loses {words.plural(lost, 'step')}" if lost else "loses nothing that is trained"
    return f"keeps {kept(one)}, {loses}" if kept(one) else f"nothing is saved yet, {loses}"
