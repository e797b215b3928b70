"""What can be done with the runs that are chosen in the queue, by how they stand. Pure; carrying it out is the view's."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine import words
from studio import live_failures, phrases
from studio.live_failures import Failure
from studio.live_words import capital
from studio.queue_words import Following, root_of, standing, state_words
from studio.session import Followed
from studio.widgets.error_card import Remedy

RESUME_TEACHER = "resume teacher"  # the key of a remedy


@dataclass(frozen=True)
class Act:
    """A button, and the key by which it is told."""

    key: str
    label: str
    icon: str = ""
    tip: str = ""


def state_acts(runs: Sequence[Followed], following: Following) -> list[Act]:
    """What their state allows; stopping is the three-way button's."""
    one = runs[0] if len(runs) == 1 else None
    found = []
    if one is not None and one.word in ("starting", "running") and not one.wish:
        found.append(Act("pause", "Pause", "pause", "Saves this step and ends the engine, so that the device is free"))
    if one is not None and not one.place and (label := phrases.resume_label(one)):
        found.append(Act("resume", label, "play", "In front of the queue"))
    if startable(runs, following):
        tip = "In front of the queue, with the runs of its lineage that wait for it"
        found.append(Act("start", "Start now", "play", tip))
    if idle(runs):
        found.append(Act("queue", "Add to queue", "", "At the end of the queue"))
    waiting = [one for one in runs if one.place and not one.expected]
    if waiting and min(one.place for one in waiting) > 1:
        found.append(Act("front", "To the front", "arrow-up", "Next in the queue, after what it learns from"))
    if waiting:
        found.append(Act("take out", "Take out of queue", "", "The runs stay as they are (Delete)"))
    return found


def startable(runs: Sequence[Followed], following: Following) -> str:
    """The first run that is neither begun nor queued and that nobody keeps waiting; empty if there is none."""
    for one in runs:
        teacher = following.source_of(one)
        if standing(one) == "not queued" and (teacher is None or teacher.state.completed):
            return one.name
    return ""


def idle(runs: Sequence[Followed]) -> list[str]:
    """Runs that have neither begun nor a place in the queue."""
    return [one.name for one in runs if standing(one) == "not queued"]


def ahead_of(names: Sequence[str], following: Following) -> list[str]:
    """These runs and those in the queue that they learn from, however far up."""
    wanted = dict.fromkeys(names)
    for name in names:
        one = following.followed(name)
        while one is not None and (one := following.source_of(one)) is not None and one.name in following.queue:
            if one.name in wanted and one.name not in names:
                break
            wanted[one.name] = None
    return list(wanted)


def stops(runs: Sequence[Followed]) -> dict[str, str]:
    """What each way to stop promises, for one run alone."""
    return phrases.stop_promises(runs[0]) if len(runs) == 1 else {}


def failure(one: Followed, following: Following, now: float) -> Failure | None:
    """The card of a run that needs a person. One that stands in the queue again needs nobody."""
    if standing(one) == "blocked":
        return _blocked_card(one, following, now)
    return None if standing(one) == "waiting" else live_failures.failure(one, now)


def _blocked_card(one: Followed, following: Following, now: float) -> Failure:
    root, title = root_of(one, following), capital(state_words(one, following, now))
    if root is None:
        cause = f"{capital(title.removeprefix('Blocked: '))}, and without its predictions there is nothing to learn from."
        return Failure(title, f"{cause} Bring its folder back from the workspace's trash, or take this run out.", (), "warn")
    learns = "learns from it" if following.source_of(one) is root else "learns from what comes after it"
    cause = f"{capital(phrases.run_short(root))} {_ended(root, now)}, and this run {learns}."
    label = phrases.resume_label(root)
    if not label:
        return Failure(title, f"{cause} Put {phrases.run_short(root)} into the queue first.", (), "warn")
    return Failure(title, cause, (Remedy(f"{label}: {phrases.run_short(root)}", "", label, RESUME_TEACHER),), "warn")


def _ended(root: Followed, now: float) -> str:
    said = phrases.state_words(root, now)
    verb = {"failed": "", "stopped": "was ", "paused": "is ", "lost": "is "}.get(said.split(",")[0].split(" ")[0], "is ")
    return f"{verb}{said}"


def title(runs: Sequence[Followed]) -> str:
    """What the chosen runs are called together."""
    first = runs[0]
    if len(runs) == 1:
        return phrases.run_short(first)
    if any(one.lineage != first.lineage for one in runs):
        return words.plural(len(runs), "run")
    same = all(one.called == first.called for one in runs)
    return (
        f"{first.lineage} {first.called}, {words.plural(len(runs), 'seed')}"
        if same
        else (f"{first.lineage}, {words.plural(len(runs), 'run')}")
    )
