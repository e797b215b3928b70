"""What the strip says, from the runs that are followed. Pure; the widget is widgets/strip.py."""

from engine import words
from studio import phrases
from studio.session import Followed, Session
from studio.widgets.strip import StripWords


def strip_words(following: Session, now: float) -> StripWords:
    """What the strip says: the run at work, else the one about to be, else the queue, else the run that changed last."""
    busy = following.busy_runs
    at_work = [one for one in busy if one.at_work]
    if following.loading and not at_work:
        return StripWords(f"Reading {words.plural(following.loading, 'run')}")
    about_to = [one for one in busy if one.expected]
    if at_work:
        chosen = following.chosen
        one = chosen if chosen in at_work and chosen is not None else max(at_work, key=lambda one: one.changed_at)
        return _words_at_work(one, len(at_work), now)
    if about_to:
        one = about_to[0]
        return StripWords(f"{phrases.run_short(one)}: {phrases.state_words(one, now)}", "starting", run=one.name)
    if waiting := sum(bool(one.place) and one.word != "blocked" for one in following.runs):
        return _words_waiting(following, waiting)
    ended = [one for one in following.runs if one.changed_at]
    return _words_ended(max(ended, key=lambda one: one.changed_at), now) if ended else StripWords("No run at work")


def _words_at_work(one: Followed, how_many: int, now: float) -> StripWords:
    sentence = phrases.run_short(one)
    if one.word != "running":
        sentence += f": {phrases.state_words(one, now)}"
    memory, memory_share = _memory(one)
    return StripWords(
        sentence=f"{how_many} runs at work; {sentence}" if how_many > 1 else sentence,
        state=one.word,
        run=one.name,
        step=_step_words(one),
        share=_share(one),
        time=phrases.eta(one, now),
        memory=memory,
        memory_share=memory_share,
        wish=one.wish,
        can_pause=one.word in ("starting", "running") and not one.wish,
        stops=phrases.stop_promises(one),
    )


def _words_waiting(following: Session, waiting: int) -> StripWords:
    """Nothing is at work, and something could be. Who works through the queue needs no button for it."""
    sentence = f"No run at work; {words.count(waiting)} waiting in the queue"
    return StripWords(sentence, can_start_queue=not following.working or following.held)


def _words_ended(one: Followed, now: float) -> StripWords:
    label = phrases.resume_label(one)
    if not label:
        ended = phrases.ended_at(one, now)
        return StripWords(
            f"No run at work; last one {ended}, {phrases.run_short(one)}" if ended else "No run at work", run=one.name
        )
    return StripWords(
        sentence=f"{phrases.run_short(one)}: {phrases.state_words(one, now)}",
        state=one.word,
        reason=phrases.reason(one),
        run=one.name,
        step=_step_words(one),
        share=_share(one),
        resume=label,
    )


def _step_words(one: Followed) -> str:
    total = one.state.total_steps
    return f"step {words.count(phrases.steps_done(one))} of {words.count(total)}" if total else ""


def _share(one: Followed) -> float | None:
    return phrases.steps_done(one) / one.state.total_steps if one.state.total_steps else None


def _memory(one: Followed) -> tuple[str, float | None]:
    """Memory of the run's engine in words and as a share of the whole, as far as both are known."""
    curve = one.state.curves.get("memory/gib")
    if curve is None or not curve.kept.any():
        return "", None
    used, total = curve.last, one.state.device_memory_gib
    what = "memory" if one.state.device == "cpu" else "GPU memory"
    if not total:
        return f"{what} {used:.1f} GiB", None
    return f"{what} {used:.1f} of {total:.0f} GiB", used / total
