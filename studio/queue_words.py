"""How each run stands with regard to the queue, in words, and when it ends. Pure functions of `Followed` and of the time now.

The words of a state are phrases.py's; here is what the queue adds: who waits for what, what a person must decide, and what
time of day the last run will be done. What stands in which row of the table is queue_model.py's.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from engine import words
from studio import phrases
from studio.live_words import Sentence, capital
from studio.session import Followed

Standing = Literal[
    "at work", "silent", "done", "waiting", "blocked", "failed", "lost", "paused", "stopped", "not queued", "unreadable"
]  # fmt: skip
TOGETHER: tuple[Standing, ...] = ("done", "waiting", "blocked", "not queued")  # seeds in these are alike enough for one row
NEED: tuple[Standing, ...] = ("failed", "lost", "silent", "blocked")
SHORT = {"unreadable": "without a readable recipe"}  # where a word alone would not do in a list


class Following(Protocol):
    """What of the Session is looked at."""

    queue: list[str]
    working: bool
    held: bool

    @property
    def runs(self) -> list[Followed]: ...
    def followed(self, name: str) -> Followed | None: ...
    def source_of(self, one: Followed) -> Followed | None: ...


# ---- how a run stands ----------------------------------------------------------------------------------------------------


def standing(one: Followed) -> Standing:
    """The run in the queue's own terms. Who stands in the queue again has been decided about, whatever happened before."""
    return one.keep("standing", _standing)


def _standing(one: Followed) -> Standing:
    if one.expected:
        return "at work"
    if one.word == "unresponsive":
        return "silent"
    if one.at_work:
        return "at work"
    if one.state.completed:
        return "done"
    if one.word == "blocked":
        return "blocked"
    if one.recipe is None:
        return "unreadable"
    elsewhere = one.word == "lost" and bool(one.host)  # nobody turns to it without a person's word
    if one.place and not elsewhere:
        return "waiting"
    ended: dict[str, Standing] = {"failed": "failed", "stopped": "stopped", "paused": "paused"}
    return ended.get(phrases.reason(one), "lost" if one.word == "lost" else "not queued")


def needs_decision(one: Followed, teacher: Followed | None) -> bool:
    """Failed, lost and silent runs; of those they block only the ones that nothing else in this list would set free."""
    how = standing(one)
    if how == "blocked":
        return teacher is None or standing(teacher) in ("paused", "stopped", "not queued", "unreadable")
    return how in NEED


def is_needy(one: Followed, following: Following) -> bool:
    """As `needs_decision`; asked of all runs, and of hardly any does it matter whom it learns from."""
    return standing(one) in NEED and needs_decision(one, following.source_of(one))


@dataclass(frozen=True)
class Census:
    """How many runs are how, counted once for all that is said of them."""

    all: int
    waiting: int  # their turn is still to come
    at_work: int  # or about to be
    done: int
    needy: Counter[Standing]  # of those that a person must decide about


def census(following: Following) -> Census:
    waiting = at_work = done = 0
    needy: Counter[Standing] = Counter()
    runs = following.runs
    for one in runs:
        how = standing(one)
        done += how == "done"
        at_work += how in ("at work", "silent")
        waiting += bool(one.place) and not one.expected
        if how in NEED and is_needy(one, following):
            needy[how] += 1
    return Census(len(runs), waiting, at_work, done, needy)


def root_of(one: Followed, following: Following) -> Followed | None:
    """The teacher that stands in the way of a blocked run: the nearest one that is not blocked itself. None if it is gone."""
    teacher, seen = following.source_of(one), {one.name}
    while teacher is not None and teacher.word == "blocked" and teacher.name not in seen:
        seen.add(teacher.name)
        teacher = following.source_of(teacher)
    return teacher


def place_words(place: int) -> str:
    """ "next in the queue", "number 12 in the queue"."""
    known = place <= len(phrases.PLACES)
    return f"{phrases.PLACES[place - 1] if known else f'number {place}'} in the queue"


def state_words(one: Followed, following: Following, now: float) -> str:
    """The state of a single run."""
    how = standing(one)
    if one.wish:
        return one.wish
    if how == "unreadable":
        return "its recipe cannot be read"
    if how == "not queued":
        return "not in the queue"
    if how == "waiting" and one.state.attempts:
        return f"{place_words(one.place)}, again"
    teacher = root_of(one, following) if how == "blocked" else following.source_of(one)
    if how == "blocked" and teacher is None and (gone := _missing(one, following)):
        return f"blocked: {gone} is gone"
    return phrases.state_words(one, now, teacher)


def _missing(one: Followed, following: Following) -> str:
    """The run that is not there any more, somewhere up the chain, as short as it can be said."""
    while (teacher := following.source_of(one)) is not None:
        one = teacher
    gone = next((name for name in one.recipe.sources if following.followed(name) is None), "") if one.recipe else ""
    lineage, _, generation = gone.rpartition("-")
    return generation if lineage == f"{one.lineage}-s{one.seed}" else gone


def mark(one: Followed) -> tuple[str, str]:
    """(state, reason) for the mark beside the words."""
    how = standing(one)
    if one.expected:
        return "starting", ""
    return ("queued", "") if how in ("waiting", "unreadable") else (one.word, phrases.reason(one))


def together_words(runs: Sequence[Followed], following: Following, now: float) -> str:
    """Several seeds in the same standing: "3 completed", "3 waiting for F1"."""
    how, count = standing(runs[0]), words.count(len(runs))
    if how == "done":
        return f"{count} completed"
    if how == "not queued":
        return f"{count} not in the queue"
    if how == "blocked":
        return f"{count} {state_words(runs[0], following, now)}"
    awaited = [(one, t) for one in runs if (t := following.source_of(one)) and not t.state.completed]
    if len(awaited) == len(runs):
        one, teacher = min(awaited, key=lambda pair: pair[1].generation)
        return f"{count} waiting for {teacher.called if teacher.lineage == one.lineage else teacher.lineage}"
    return f"{count} waiting, one is next" if any(one.place == 1 for one in runs) else f"{count} waiting"


# ---- best and time -------------------------------------------------------------------------------------------------------


def best(runs: Sequence[Followed]) -> str:
    """ "93.1 %", "k-NN 71.2 %" or "rank 14.6": what matters, the mean and the standard deviation over seeds."""
    found = [_headline(one) for one in runs]
    values = [headline[1] for headline in found if headline is not None]
    if not values or len(values) < len(runs):
        return ""
    name = next(headline[0] for headline in found if headline is not None)
    mean = phrases.value_words(name, statistics.fmean(values)).removeprefix("feature ")
    return f"{mean} ± {_bare(name, statistics.stdev(values))}" if len(values) > 1 else mean


def _bare(name: str, spread: float) -> str:
    """A standard deviation beside its mean, which has said the unit."""
    return phrases.figure(name, spread).removesuffix(f"{words.THIN}%")


def _headline(one: Followed) -> tuple[str, float, int] | None:
    """As phrases.headline, looked for only when something has happened: hundreds of runs are asked several times a second."""
    return one.keep("headline", phrases.headline)


def share(one: Followed) -> float | None:
    """How much is done, None for a run that has nothing to show, or is whole."""
    if one.state.completed or not one.state.total_steps or not phrases.steps_done(one):
        return None
    return min(1.0, phrases.steps_done(one) / one.state.total_steps)


def end_words(one: Followed, following: Following, ends: Mapping[str, float], now: float) -> str:
    """When it ends, when it ended, or what must happen first."""
    how = standing(one)
    if how == "at work":
        left = phrases.seconds_left(one, now)
        return "" if left is None else f"{words.duration(left)} left" if left >= 1 else "nearly done"
    if how == "waiting":
        return f"about {phrases.moment(ends[one.name], now)}" if one.name in ends else _from(one)
    if how == "blocked":
        return _blocked_step(one, following)
    if how == "silent":
        return "kill it, or wait"
    if how == "lost":
        return f"resume at {phrases.kept(one)}" if phrases.kept(one) else "resume from the start"
    if how == "paused" and (left := _rest(one)) is not None:
        return f"{words.duration(left)} left"
    return phrases.moment(one.changed_at, now) if one.state.attempts else ""


def _from(one: Followed) -> str:
    return f"from {phrases.kept(one)}" if phrases.kept(one) else ""


def _blocked_step(one: Followed, following: Following) -> str:
    """The next step, which is at another run."""
    root = root_of(one, following)
    if root is None:
        gone = _missing(one, following)
        return f"bring {gone} back" if gone else ""
    how, name = standing(root), phrases.teacher_short(one, root)
    if how == "not queued":
        return f"start {name} first"
    return f"resume {name} first" if phrases.resume_label(root) else f"see {name}"


def _rest(one: Followed) -> float | None:
    """Seconds of training that a run at rest still has before it."""
    pace = phrases.seconds_a_step(one)
    if pace is None or not one.state.total_steps:
        return None
    return pace * max(0, one.state.total_steps - phrases.steps_done(one))


# ---- when the queue is done ----------------------------------------------------------------------------------------------


class Pace:
    """How long a run takes, from those that are done: of its lineage and generation, else of its lineage."""

    def __init__(self, runs: Iterable[Followed]) -> None:
        self._seconds: dict[tuple[str, int | None], list[float]] = {}
        for one in runs:
            if one.state.completed:
                self._learn(one, one.state.attempts[-1].earlier_s + one.state.attempts[-1].elapsed_s)
            elif one.at_work and (pace := phrases.seconds_a_step(one)) is not None:
                self._learn(one, pace * one.state.total_steps)

    def _learn(self, one: Followed, seconds: float) -> None:
        for key in ((one.lineage, one.generation), (one.lineage, None)):
            self._seconds.setdefault(key, []).append(seconds)

    def seconds(self, one: Followed) -> float | None:
        """What a run still takes; None if nothing like it was trained here."""
        known = self._seconds.get((one.lineage, one.generation)) or self._seconds.get((one.lineage, None))
        return statistics.median(known) * (1.0 - (share(one) or 0.0)) if known else None


def ends(following: Following, now: float) -> dict[str, float]:
    """Unix seconds at which the runs in the queue will be done, as far as that can be known. Nobody works: nothing is known."""
    if not following.working or following.held:
        return {}
    lineages = {one.lineage for name in following.queue if (one := following.followed(name)) is not None}
    pace, at, found = Pace(one for one in following.runs if one.lineage in lineages), now, {}
    for name in sorted(following.queue, key=lambda name: _turn(following.followed(name))):  # the run at work comes first
        one = following.followed(name)
        if one is None or standing(one) in ("blocked", "done", "unreadable", "lost"):
            continue
        left = phrases.seconds_left(one, now) if one.at_work else pace.seconds(one)
        if left is None:
            break
        at = found[name] = at + left
    return found


def _turn(one: Followed | None) -> bool:
    return one is None or not (one.at_work or one.expected)


def all_done(following: Following, ends: Mapping[str, float], now: float) -> float | None:
    """When the last run will be done; None if that cannot be known, or not all of them will be."""
    waiting = [one for one in following.runs if one.place]
    if any(one.name not in ends for one in waiting):
        return None
    last = [ends[one.name] for one in waiting]
    for one in following.runs:
        if one.expected or one.at_work:
            left = phrases.seconds_left(one, now)
            end = ends.get(one.name, now + left if left is not None else None)
            if end is None:
                return None
            last.append(end)
    return max(last, default=None)


# ---- the page's sentence -------------------------------------------------------------------------------------------------


def counted(runs: Iterable[Followed]) -> str:
    """ "9 done, 3 waiting": how the runs of a group stand."""
    order: tuple[Standing, ...] = ("at work", "done", "silent", "failed", "lost", "paused", "stopped", "waiting", "blocked",
                                   "not queued", "unreadable")  # fmt: skip
    counts = Counter(map(standing, runs))
    return ", ".join(f"{words.count(counts[how])} {SHORT.get(how, how)}" for how in order if counts[how])


def sentence(following: Following, ends: Mapping[str, float], now: float, counted: Census | None = None) -> Sentence:
    """What is at work, what waits, until when, and what a person must decide."""
    counted = counted or census(following)
    return Sentence(_lead(counted), _until(following, ends, counted.waiting, now) + _decisions(counted.needy))


def _lead(counted: Census) -> str:
    at_work, waiting = counted.at_work, counted.waiting
    if at_work or waiting:
        return (
            f"{words.count(at_work) if at_work else 'Nothing'} at work, {words.count(waiting) if waiting else 'none'} waiting"
        )
    if counted.all and counted.done == counted.all:
        return "Everything is done" if counted.all > 1 else "The one run is done"
    return "Nothing at work, none waiting"


def _until(following: Following, ends: Mapping[str, float], waiting: int, now: float) -> str:
    if following.held and (following.working or waiting):
        return ", the queue is held: nothing more is started"
    if waiting and not following.working:
        return ", the queue is not started"
    last = all_done(following, ends, now)
    return "" if last is None else f", all done about {phrases.moment(last, now)}"


def _decisions(counts: Counter[Standing]) -> str:
    """ "; 1 failed and 1 lost need a decision"."""
    parts = [f"{words.count(counts[how])} {how}" for how in NEED if counts[how]]
    if not parts:
        return ""
    listed = " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
    return f"; {listed} {'needs' if counts.total() == 1 else 'need'} a decision"


def tip(one: Followed, following: Following, now: float) -> str:
    """The whole of what is known of a run, where a cell is too narrow for it."""
    lines = [one.name, one.problem, capital(state_words(one, following, now))]
    step = phrases.next_step(one, root_of(one, following) if one.word == "blocked" else following.source_of(one))
    return "\n".join(line for line in (*lines, step) if line)
