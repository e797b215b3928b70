"""Which runs of a workspace are followed, and whose events are read when: so that ten thousand cost hardly more than ten.

Of a few runs every event is held and every folder looked at each time. Of many, those at rest are briefs (briefs.py) that take
turns: a look at three files tells whether anything has moved; only then is more read. Nothing here takes longer than its budget
but the very first runs. Where hundreds have no brief yet, processes of their own make them (reader.py), and only what a person
sees first is read here: the first few, those in the queue, those at work. What a run's state means, and the queue, are
session.py's.

    unmet --(meet)--> unread --(read)--> whole --(lie_down)--> brief --(wake, or its files moved)--> whole
      |\\-----------------(a brief is kept)----------------------/|
      \\---> left --(a reader makes a brief, or leaves it out)----/
"""

import contextlib
import gc
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice

from engine import brief, notes
from engine.run import Run, Workspace, sort_key
from engine.state import RunState, Vital, derive
from studio import briefs, columns, reader
from studio.briefs import Briefs, Marks
from studio.followed import AT_WORK, Followed
from studio.reader import Readers

BUDGET_S = 0.03  # reading in one go
TURN_S = 0.01  # looking at the files of runs at rest, each time: a few thousand on a disk of one's own
PATIENCE = 3  # so many times its budget a turn may last where the processor or the disk is busy
FIRST = 32  # runs that are met in the first turn, however long it takes: so many a window shows at once
FEW = 256  # runs of which all is held and all are looked at each time
HELP = 256  # runs without a brief, from which on a process that makes them is worth its start
FRESH_S = 60.0  # a run whose status was written since then is most likely at work: it beats every 2 s
FREEZE = 500  # with ten thousand runs in memory one walk over all of them took 170 ms, in the middle of a tick
UNWRITTEN = 64  # briefs that are lost with the window, at most


class Watch:
    """The runs of one workspace. `refresh` is told of a run of which something new was read."""

    def __init__(self, workspace: Workspace, refresh: Callable[[Followed], None]) -> None:
        self.workspace = workspace
        self.followed: dict[str, Followed] = {}  # ordered by lineage, seed, generation
        self.news: set[str] = set()  # runs with new events since somebody asked
        self.met_late = False  # some were met after the first turn
        self._refresh = refresh
        self._names: set[str] = set()  # whose folders are there
        self._doubted: set[str] = set()  # of these, the ones that hold no recipe any more, as it seems
        self._unmet: deque[str] = deque()  # of these, the ones that are not followed yet
        self._left: dict[str, None] = {}  # of these, the ones whose briefs are being made, or not yet read
        self._strangers: deque[str] = deque()  # what lies there and was no run when we last looked
        self._first: frozenset[str] = frozenset()  # are met first
        self._readers: Readers | None = None
        self._alone = False  # nobody makes briefs, or no more than are there
        self._busy: dict[str, Followed] = {}  # at work or about to be
        self._thawed = 0  # runs that Python's collector of cycles still walks over
        self._unread: dict[str, Followed] = {}  # not loaded
        self._waking: dict[str, Followed] = {}  # to be read again, whole
        self._moved: dict[str, Followed] = {}  # at rest and whole, and to be read on
        self._lineages: dict[str, list[Followed]] | None = None
        self._marks: dict[str, Marks] = {}  # of runs at rest, as last seen
        self._note_marks: dict[str, briefs.Mark] = {}
        self._briefs = Briefs(workspace.folder)
        self._turn = 0  # whose it is, of those at rest

    @property
    def many(self) -> bool:
        return len(self._names) > FEW

    @property
    def loading(self) -> int:
        """How many are still to be read for the first time."""
        return len(self._unmet) + len(self._left) + len(self._unread)

    @property
    def meeting(self) -> bool:
        """Whether there are runs of which nothing is known but their names."""
        return bool(self._unmet or self._left)

    def expects(self, name: str) -> bool:
        """Whether a run of this name is there and will be met."""
        return name in self._names and name not in self.followed

    @property
    def busy(self) -> list[Followed]:
        """Those at work or about to be."""
        return [one for one in self._busy.values() if is_busy(one)]

    def attend(self, one: Followed) -> None:
        """It is at work, or about to be, and read first from now on."""
        self._busy[one.name] = one

    def close(self) -> None:
        """Keep what was learned, and let nobody work for us any more."""
        self._briefs.flush()
        self._need_no_help()

    def lineage(self, name: str) -> list[Followed]:
        if self._lineages is None:
            self._lineages = {}
            for one in self.followed.values():
                self._lineages.setdefault(one.lineage, []).append(one)
        return list(self._lineages.get(name, ()))

    # ---- who is there -----------------------------------------------------------------------------------------------------

    def prefer(self, names: Sequence[str]) -> None:
        """Meet these before all others."""
        first = frozenset(names)
        if first != self._first:
            self._first = first
            waiting = [name for name in names if name not in self.followed and name in self._names]
            self._unmet = deque([*waiting, *(name for name in self._unmet if name not in first)])
            for name in waiting:
                self._left.pop(name, None)

    def list(self) -> bool:
        """Look whose folders are there. True if some went; those that came are met by and by."""
        there = self._there()
        if there == self._names:
            return False
        gone, came = self._names - there, there - self._names
        self._names = there
        for name in gone:
            for known in (self.followed, self._unread, self._waking, self._moved, self._left, self._busy):
                known.pop(name, None)
        if gone:
            self._unmet = deque(name for name in self._unmet if name in there)
        self._unmet.extend(sorted(came, key=sort_key))
        self._alone &= not came
        self._lineages = None
        return bool(gone)

    def _there(self) -> set[str]:
        """The names of all runs. Of thousands that are new here it is seen when they are met whether they are runs at all."""
        lying = set(self.workspace.entries())
        known = (self._names - self._doubted if self.many else set()) & lying
        self._strangers = deque(name for name in self._strangers if name in lying)
        self._strangers.rotate(-FEW)
        asked = lying - known - set(islice(self._strangers, FEW, None))
        self._doubted.clear()
        if len(asked) > 2 * FEW:
            return known | (asked - set(self._strangers))
        runs = {name for name in asked if self.workspace.holds(name)}
        self._strangers = deque(name for name in self._strangers if name not in runs)
        self._strangers.extend(asked - runs - set(self._strangers))
        return known | runs

    def meet(self, derive_word: Callable[[Followed], object]) -> bool:
        """Runs whose folders are new here, within the budget; the first at once. True if there were any."""
        if not self.meeting:
            self._need_no_help()
            return False
        self._fetch_left()
        over, free = turn_of(BUDGET_S / 2), max(0, FIRST - len(self.followed))
        fresh: list[Followed] = []
        while self._unmet and (free > len(fresh) or not over()):
            one = self._first_sight(self._unmet.popleft(), at_once=free > len(fresh))
            fresh += [one] if one else []
        self._take_in(fresh)
        for one in fresh:
            if one.whole:
                derive_word(one)
                self.look_at_notes(one)
        self.met_late |= self.meeting
        return bool(fresh)

    def _fetch_left(self) -> None:
        """Those of which there is a brief by now; all of them, where no more can be hoped for."""
        if not self.many:  # some were no runs, or are gone: of so few all is read here
            self._unmet.extend(self._left)
            self._left.clear()
            return
        hopeless = self._briefs.at_end and not self._unmet and self._nobody_helps()
        found = [name for name in self._briefs.read_on() if name in self._left]
        self._alone |= hopeless and not found and self._briefs.at_end
        found = list(self._left) if self._alone else found
        self._unmet.extend(found)
        for name in found:
            del self._left[name]

    def _nobody_helps(self) -> bool:
        if self._readers is None and len(self._left) >= HELP:
            self._readers = reader.start(self.workspace.folder, aside=bool(self.busy))
        if self._readers is None or self._readers.live:
            return self._readers is None
        self._need_no_help()
        self._alone = True
        return True

    def _need_no_help(self) -> None:
        if self._readers is not None:
            self._readers.end()
            self._readers = None

    def _take_in(self, fresh: Sequence[Followed]) -> None:
        self._unread.update((one.name, one) for one in fresh if not one.loaded)
        before = next(reversed(self.followed.values()), None)
        in_order = before is None or not fresh or before.order <= fresh[0].order  # those that are met are in order themselves
        self.followed.update((one.name, one) for one in fresh)
        self._thawed += len(fresh)
        if self._thawed >= FREEZE:  # what is kept as long as the window is never garbage
            gc.freeze()
            self._thawed = 0
        if not in_order:
            self.followed = dict(sorted(self.followed.items(), key=lambda item: item[1].order))
        self._lineages = None

    def _first_sight(self, name: str, at_once: bool) -> Followed | None:
        """With a brief, all that is known of it; without one its recipe, if it is wanted before a brief can be made."""
        run = self.workspace.run(name)
        kept = self._briefs.find(run) if self.many else None
        if kept is not None:
            return self._of_brief(run, kept)
        if not self.workspace.holds(name):
            self._names.discard(name)
            self._strangers.append(name)
            return None
        if self.many and not (at_once or self._alone or name in self._first or _beat_lately(run)):
            self._left[name] = None
            return None
        return _met(run)

    def _of_brief(self, run: Run, kept: briefs.Kept) -> Followed:
        one = Followed(run, run.tail(), brief.whole(kept.brief), recipe=kept.asked, loaded=True, whole=False)
        one.tail.skip_to(kept.marks.events[1])
        one.host, one.heard_at, one.changed_at = kept.host, kept.heard_at, kept.marks.events[0] / 1e9
        one.word = derive(one.state, Vital())
        one.notes = kept.notes
        self._marks[run.name], self._note_marks[run.name] = kept.marks, kept.marks.notes
        return one

    # ---- who is looked at -------------------------------------------------------------------------------------------------

    def due(self, near: Collection[str]) -> Iterator[Followed]:
        """Whom to look at now: of a few all; of many those `near` or at work, and of others in turn those whose files moved."""
        runs = list(self.followed.values())
        if not self.many:
            yield from runs
            return
        self._busy = {one.name: one for one in runs if is_busy(one)}
        yield from list(self._busy.values())
        yield from [one for name in near if name not in self._busy and (one := self.followed.get(name)) is not None]
        over = turn_of(TURN_S)
        for _ in range(len(runs)):
            one = runs[self._turn % len(runs)]
            self._turn += 1
            moved = self._moved_of(one) if one.loaded and not is_busy(one) else ()
            if moved:
                if moved != ("notes",):  # whoever is told of a run reads its notes anyway
                    self._take_notice(one)
                yield one
            if over():
                break

    def _moved_of(self, one: Followed) -> Sequence[str]:
        """Which files of a run at rest are others than before; an engine that begins beats before all else."""
        marks, before = briefs.marks_of(one.run), self._marks.get(one.name)
        self._marks[one.name] = marks
        if marks.recipe == briefs.NO_FILE:
            self._doubted.add(one.name)
        if before is None or marks == before:
            return ()
        return tuple(name for name in Marks.__struct_fields__ if getattr(marks, name) != getattr(before, name))

    def look_at_notes(self, one: Followed) -> bool:
        """True if somebody has written other ones."""
        mark = briefs.mark_of(f"{one.run.folder}/extras/notes.json")
        if self._note_marks.get(one.name, briefs.NO_FILE) == mark:
            return False
        self._note_marks[one.name] = mark
        before, one.notes = one.notes, notes.read(one.run)
        return one.notes != before

    def _take_notice(self, one: Followed) -> None:
        """Its brief is not true any more, or there may be more to fold."""
        if one.whole:
            self._moved[one.name] = one
        else:
            self.wake([one.name])

    # ---- reading ----------------------------------------------------------------------------------------------------------

    def read(self, chosen: Followed | None) -> None:
        """Fold new events, those of the chosen run first, until the budget is spent."""
        over = turn_of(BUDGET_S / 2 if self.meeting else BUDGET_S)
        for one in self._to_read(chosen):
            fresh = not one.loaded
            read = self._read_one(one, over)
            if fresh and one.loaded and self.many and not (chosen and chosen.lineage == one.lineage):
                self._lie_down(one)
            if read and over():  # asked only after news, so that whoever has none never waits for a turn
                break

    def _to_read(self, chosen: Followed | None) -> Iterable[Followed]:
        """By how soon somebody wants to know. A run that is named twice has nothing new the second time."""
        if not self.many:
            return sorted(self.followed.values(), key=lambda one: (one is not chosen, one.loaded))
        first = [chosen] if chosen is not None and chosen.whole else []
        busy = [one for one in self.busy if one.whole]
        return chain(first, list(self._waking.values()), busy, list(self._moved.values()), list(self._unread.values()))

    def _read_one(self, one: Followed, over: Callable[[], bool]) -> bool:
        """Read on, until the time is up or there is nothing more. True if something was read."""
        read = _go_on_from_columns(one)
        tail, state = one.waking or (one.tail, one.state)
        while tail.read_into(state):
            read = True
            if over():
                break
        else:
            if (not one.loaded or one.waking) and tail.folded >= columns.LEAST:
                columns.keep(one.run, tail, state)
            read |= self._take_up(one)
            self.news |= set() if one.loaded else {one.name}
            one.loaded = True
            self._unread.pop(one.name, None)
            self._moved.pop(one.name, None)
        if read and one.waking is None:
            self.news.add(one.name)
            self._refresh(one)
        return read

    def _take_up(self, one: Followed) -> bool:
        """All of a brief's events are read again: from now on they stand in its place. True if there was a brief."""
        if one.waking is None:
            return False
        (one.tail, one.state), one.waking, one.whole = one.waking, None, True
        self._waking.pop(one.name, None)
        return True

    def wake(self, names: Iterable[str]) -> None:
        """Read these runs whole, by and by: somebody will look at their curves."""
        for name in names:
            one = self.followed.get(name)
            if one is not None and not one.whole and one.waking is None:
                one.waking = one.run.tail(), RunState()
                self._waking[name] = one

    def _lie_down(self, one: Followed) -> None:
        """Of a run at rest a brief is enough, if it is all on disk."""
        if one.recipe is None or is_busy(one):
            return
        kept = briefs.of(one.run, one.recipe, one.notes, one.host, one.heard_at, one.state)
        if kept.marks.events[1] == one.tail.offset:
            self._briefs.keep(kept)
            self._marks[one.name] = kept.marks
            one.state, one.whole = brief.whole(kept.brief), False

    def flush(self) -> None:
        """What has become a brief is kept for the next window, all of it once everything is read."""
        if not self.loading or self._briefs.unwritten >= UNWRITTEN:
            self._briefs.flush()


def _go_on_from_columns(one: Followed) -> bool:
    """Of a long run of which nothing is read yet, what an earlier window has folded. True if there was something."""
    tail, _ = one.waking or (one.tail, one.state)
    kept = columns.begin(one.run) if tail.offset == 0 else None
    if kept is not None and one.waking is not None:
        one.waking = kept
    elif kept is not None:
        one.tail, one.state = kept
    return kept is not None


def turn_of(budget_s: float) -> Callable[[], bool]:
    """Tells whether a turn is over: by what the processor gave this thread, so that it does not do less while others work here
    too, and beside a training ten thousand runs are read at all; and by the clock, for disks that let one wait."""
    mine, wall = time.thread_time() + budget_s, time.monotonic() + PATIENCE * budget_s
    return lambda: time.thread_time() > mine or time.monotonic() > wall


def _beat_lately(run: Run) -> bool:
    return briefs.mark_of(f"{run.folder}/status.json")[0] > time.time_ns() - FRESH_S * 1e9


def is_busy(one: Followed) -> bool:
    return one.expected or one.word in AT_WORK


def _met(run: Run) -> Followed:
    one = Followed(run, run.tail())
    try:
        one.recipe = run.recipe()
    except (OSError, ValueError) as error:
        one.problem = str(error)
    with contextlib.suppress(OSError):
        one.changed_at = run.events_path.stat().st_mtime
    return one
