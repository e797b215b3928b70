"""Which runs of a workspace are followed, and whose events are read when: so that ten thousand cost hardly more than ten.

Of a few runs every event is held and every folder looked at each time. Of many, those at rest are briefs (briefs.py) that take
turns: a look at three files tells whether anything has moved; only then is more read. Nothing here takes longer than its budget
but the very first runs. What a run's state means, and the queue, are session.py's.

    unmet --(meet)--> unread --(read)--> whole --(lie_down)--> brief --(wake, or its files moved)--> whole
       \\------------------(a brief is kept)----------------------/
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from engine import brief, notes
from engine.run import Run, Workspace, sort_key
from engine.state import RunState, Vital, derive
from studio import briefs, columns
from studio.briefs import Briefs, Marks
from studio.followed import Followed

BUDGET_S = 0.03  # reading in one go
TURN_S = 0.01  # looking at the files of runs at rest, each time: a few thousand on a disk of one's own
PATIENCE = 3  # so many times its budget a turn may last where the processor or the disk is busy
FIRST = 32  # runs that are met in the first turn, however long it takes: so many a window shows at once
FEW = 256  # runs of which all is held and all are looked at each time


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
        return len(self._unmet) + len(self._unread)

    @property
    def meeting(self) -> bool:
        """Whether there are runs of which nothing is known but their names."""
        return bool(self._unmet)

    def lineage(self, name: str) -> list[Followed]:
        if self._lineages is None:
            self._lineages = {}
            for one in self.followed.values():
                self._lineages.setdefault(one.lineage, []).append(one)
        return list(self._lineages.get(name, ()))

    # ---- who is there -----------------------------------------------------------------------------------------------------

    def list(self) -> bool:
        """Look whose folders are there. True if some went; those that came are met by and by."""
        there = set(self.workspace.names(self._names - self._doubted if self.many else ()))
        self._doubted.clear()
        if there == self._names:
            return False
        gone = self._names - there
        self._names = there
        for name in gone:
            self.followed.pop(name, None)
            self._unread.pop(name, None)
            self._waking.pop(name, None)
            self._moved.pop(name, None)
        self._unmet = deque(sorted((name for name in there if name not in self.followed), key=sort_key))
        self._lineages = None
        return bool(gone)

    def meet(self, derive_word: Callable[[Followed], object]) -> bool:
        """Runs whose folders are new here, within the budget; the first at once. True if there were any."""
        if not self._unmet:
            return False
        over, free = _turn_of(BUDGET_S / 2), max(0, FIRST - len(self.followed))
        fresh: list[Followed] = []
        while self._unmet and (free > len(fresh) or not over()):
            fresh.append(self._first_sight(self.workspace.run(self._unmet.popleft())))
        self._take_in(fresh)
        for one in fresh:
            if one.whole:
                derive_word(one)
                self.look_at_notes(one)
        self.met_late |= bool(self._unmet)
        return True

    def _take_in(self, fresh: Sequence[Followed]) -> None:
        self._unread.update((one.name, one) for one in fresh if not one.loaded)
        before = next(reversed(self.followed.values()), None)
        in_order = before is None or not fresh or before.order <= fresh[0].order  # those that are met are in order themselves
        self.followed.update((one.name, one) for one in fresh)
        if not in_order:
            self.followed = dict(sorted(self.followed.items(), key=lambda item: item[1].order))
        self._lineages = None

    def _first_sight(self, run: Run) -> Followed:
        """With a brief, all that is known of it; without one its recipe."""
        kept = self._briefs.find(run) if self.many else None
        if kept is None:
            return _met(run)
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
        yield from (one for one in runs if one.name in near or _is_busy(one))
        over = _turn_of(TURN_S)
        for _ in range(len(runs)):
            one = runs[self._turn % len(runs)]
            self._turn += 1
            moved = self._moved_of(one) if one.loaded and not _is_busy(one) else ()
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
        over = _turn_of(BUDGET_S / 2 if self._unmet else BUDGET_S)
        for one in self._to_read(chosen):
            fresh = not one.loaded
            read = self._read_one(one, over)
            if fresh and one.loaded and self.many and not (chosen and chosen.lineage == one.lineage):
                self._lie_down(one)
            if read and over():  # asked only after news, so that whoever has none never waits for a turn
                break

    def _to_read(self, chosen: Followed | None) -> Sequence[Followed]:
        runs = self.followed.values()
        if self.many:
            busy = [one for one in runs if one.whole and _is_busy(one)]
            first = [chosen] if chosen is not None and chosen.whole else []
            return list(dict.fromkeys([*first, *self._waking.values(), *busy, *self._moved.values(), *self._unread.values()]))
        return sorted(runs, key=lambda one: (one is not chosen, one.loaded))

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
        if one.recipe is None or _is_busy(one) or not one.state.attempts:
            return
        kept = briefs.of(one.run, one.recipe, one.notes, one.host, one.heard_at, one.state)
        if kept.marks.events[1] == one.tail.offset:
            self._briefs.keep(kept)
            self._marks[one.name] = kept.marks
            one.state, one.whole = brief.whole(kept.brief), False

    def flush(self) -> None:
        """What has become a brief is kept for the next window."""
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


def _turn_of(budget_s: float) -> Callable[[], bool]:
    """Tells whether a turn is over: by what the processor gave this thread, so that it does not do less while others work here
    too, and beside a training ten thousand runs are read at all; and by the clock, for disks that let one wait."""
    mine, wall = time.thread_time() + budget_s, time.monotonic() + PATIENCE * budget_s
    return lambda: time.thread_time() > mine or time.monotonic() > wall


def _is_busy(one: Followed) -> bool:
    return one.at_work or one.expected or bool(one.wish)


def _met(run: Run) -> Followed:
    one = Followed(run, run.tail())
    try:
        one.recipe = run.recipe()
    except (OSError, ValueError) as error:
        one.problem = str(error)
    with contextlib.suppress(OSError):
        one.changed_at = run.events_path.stat().st_mtime
    return one
