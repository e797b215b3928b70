"""The rows of the queue's table: lineages folded into generations, generations into seeds, in the order of their turn.

Pure: rows from what a Session follows and what a person wants to see, and where in the order a block goes that is moved.
What the cells say is queue_words.py's; drawing them is widgets/run_table.py's.
"""

import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Literal

from engine import words
from studio import phrases, queue_filter, queue_order, queue_words
from studio.queue_columns import Column
from studio.queue_words import TOGETHER, Census, Following, standing
from studio.session import AT_WORK, Followed

Segment = Literal["All", "Waiting", "At work", "To decide"]
SEGMENTS: tuple[Segment, ...] = ("All", "Waiting", "At work", "To decide")


@dataclass(frozen=True)
class Row:
    """What a row shows. A group row has a title, a hint and a summary; the others fill the columns."""

    key: str
    kind: Literal["group", "generation", "run"]
    depth: int
    names: tuple[str, ...]
    movable: tuple[str, ...]  # of these, the ones whose order in the queue can be changed
    title: str
    hint: str = ""  # muted, beside the title
    summary: str = ""  # at the right end of a group row
    generation: int | None = None  # the square's colour
    method: str = ""
    seeds: str = ""
    mark: tuple[str, str] = ("", "")  # state and reason
    state: str = ""
    share: float | None = None
    best: str = ""
    ends: str = ""
    added: tuple[str, ...] = ()  # of the columns that a person has added
    is_open: bool | None = None  # None: there is nothing to fold
    tip: str = ""

    @property
    def said(self) -> str:
        """The row for those who hear it."""
        bar = words.percent(self.share, 0) if self.share is not None else ""
        seeds = f"seed {self.seeds}" if self.seeds else ""
        folded = {True: "unfolded", False: "folded", None: ""}[self.is_open]
        parts = (self.title, self.hint, self.method, seeds, self.state, bar, self.best, self.ends, *self.added)
        return ", ".join(part for part in (*parts, self.summary, folded) if part)


@dataclass(frozen=True)
class Wanted:
    """What a person wants to see. Lineages are open unless folded, generations folded unless asked to be open."""

    text: str = ""
    segment: Segment = "All"
    folded: frozenset[str] = frozenset()  # keys of group rows
    unfolded: frozenset[str] = frozenset()  # keys of generation rows
    added: tuple[Column, ...] = ()
    sort: str = ""  # the head of the column by which runs are ordered, lineages taken apart; empty for their turn
    falling: bool = False

    def turned(self, row: Row) -> "Wanted":
        """The same with a row folded that was open, or the other way round."""
        if row.kind == "group":
            return replace(self, folded=self.folded ^ {row.key})
        return replace(self, unfolded=self.unfolded ^ {row.key})

    def sorted_by(self, head: str) -> "Wanted":
        """Rising, then falling, then by turn again."""
        if self.sort != head:
            return replace(self, sort=head, falling=False)
        return replace(self, falling=True) if not self.falling else replace(self, sort="", falling=False)


# ---- what is in sight ----------------------------------------------------------------------------------------------------


def belongs(one: Followed, segment: Segment, following: Following) -> bool:
    """Whether a run is shown under a segment. A silent run is at work and to be decided about."""
    match segment:
        case "Waiting":
            return bool(one.place) and not one.expected
        case "At work":
            return one.at_work or one.expected
        case "To decide":
            return queue_words.is_needy(one, following)
    return True


def counts(following: Following, counted: Census | None = None) -> dict[Segment, int]:
    counted = counted or queue_words.census(following)
    return {"All": counted.all, "Waiting": counted.waiting, "At work": counted.at_work, "To decide": counted.needy.total()}


# ---- rows ----------------------------------------------------------------------------------------------------------------


Block = tuple[object, tuple[int, float], list[Row]]  # what the rows of a lineage were made of, when its turn is, the rows
Blocks = dict[str, Block]


def rows(
    following: Following,
    wanted: Wanted,
    ends: Mapping[str, float],
    now: float,
    blocks: Blocks | None = None,
    over: Callable[[], bool] = bool,
) -> list[Row]:
    """What the table shows, from above. `blocks` keeps the rows of lineages in which nothing happens from time to time; while
    thousands are being read, those of more lineages are only made until the turn is `over`."""
    blocks = {} if blocks is None else blocks
    sizes: dict[str, int] = {}
    for one in following.runs:
        sizes[one.lineage] = sizes.get(one.lineage, 0) + 1
    lineages: dict[str, list[Followed]] = {}
    everything = wanted.segment == "All" and not wanted.text
    for one in following.runs:
        if everything or (belongs(one, wanted.segment, following) and queue_filter.matches(one, wanted.text)):
            lineages.setdefault(one.lineage, []).append(one)
    writer = _Writer(following, wanted, ends, now)
    if wanted.sort:
        apart = [one for runs in lineages.values() for one in runs]
        return [writer.single(one, 0) for one in queue_order.ordered(apart, wanted.sort, wanted.falling, wanted.added)]
    found = [
        _block(name, runs, sizes[name] > 1, writer, blocks) for name, runs in lineages.items() if name in blocks or not over()
    ]
    found.sort(key=lambda block: block[1])
    return [row for block in found for row in block[2]]


def _block(name: str, runs: list[Followed], grouped: bool, writer: "_Writer", blocks: Blocks) -> Block:
    """The rows of a lineage, as they were if nothing that they say can be different."""
    made_of = _made_of(name, runs, grouped, writer)
    if made_of is not None and name in blocks and blocks[name][0] == made_of:
        return blocks[name]
    written = list(writer.lineage(name, runs)) if grouped else [writer.single(runs[0], 0)]
    blocks[name] = made_of, _turn(runs), written
    return blocks[name]


def _made_of(name: str, runs: Sequence[Followed], grouped: bool, writer: "_Writer") -> object:
    """All that the rows rest on; None where they also tell the time, or what a run of another lineage does."""
    parts: list[object] = [writer.wanted.added, grouped, int(writer.now // 900), f"lineage {name}" in writer.wanted.folded]
    for one in runs:
        word = one.word
        if one.expected or word in AT_WORK or (one.place and writer.ends):
            return None
        parts += [one, one.touched, one.state.count]
        if word in ("queued", "blocked"):  # all others say nothing of whom they learn from
            teacher = writer.following.source_of(one)
            if word == "blocked" and (teacher is None or teacher.lineage != name):
                return None
            parts.append(teacher.version if teacher is not None else None)
    open_ = [key for key in writer.wanted.unfolded if key.startswith(f"generation {name} ")]
    return [*parts, *open_]


def _turn(runs: Sequence[Followed]) -> tuple[int, float]:
    """At work, then by turn, then what needs somebody, then the rest, the newest first."""
    if any(one.at_work or one.expected for one in runs):
        return 0, 0
    places = [one.place for one in runs if one.place]
    if places:
        return 1, min(places)
    needy = any(standing(one) in ("failed", "lost", "paused") for one in runs)
    return (2 if needy else 3), -max(one.changed_at for one in runs)


@dataclass(frozen=True)
class _Writer:
    """Writes rows of one moment."""

    following: Following
    wanted: Wanted
    ends: Mapping[str, float]
    now: float

    def lineage(self, name: str, runs: Sequence[Followed]) -> Iterator[Row]:
        """The head of a lineage and, unless it is folded, its generations."""
        head = self._head(name, runs)
        yield head
        if not head.is_open:
            return
        ordered = sorted(runs, key=lambda one: (one.generation, one.run.branch, one.seed, one.name))
        for _, same in groupby(ordered, key=lambda one: one.called):
            yield from self._generation(name, list(same))

    def _head(self, name: str, runs: Sequence[Followed]) -> Row:
        last = max(runs, key=lambda one: one.generation)
        key = f"lineage {name}"
        title = ", ".join(part for part in (name, phrases.method_words(last.method)) if part)
        return Row(
            key, "group", 0, _names(runs), _movable(runs), title, _extent(runs), _summary(runs),
            is_open=key not in self.wanted.folded, tip=f"{title}: {_extent(runs)}",
        )  # fmt: skip

    def _generation(self, name: str, runs: list[Followed]) -> Iterator[Row]:
        """One row for all seeds where they stand alike, else a row for each."""
        if not self._alike(runs):
            yield from (self.single(one, 1) for one in runs)
            return
        row = self._seeds(f"generation {name} {runs[0].called.removeprefix('F')}", runs)
        yield row
        if row.is_open:
            yield from (self.single(one, 2) for one in runs)

    def _alike(self, runs: Sequence[Followed]) -> bool:
        """Several seeds of which one line says everything; what blocks a run must be said of each."""
        hows = {standing(one) for one in runs}
        if len(runs) < 2 or len(hows) > 1 or not hows <= set(TOGETHER):
            return False
        return hows != {"blocked"} or len({queue_words.state_words(one, self.following, self.now) for one in runs}) == 1

    def _seeds(self, key: str, runs: list[Followed]) -> Row:
        first = runs[0]
        said = queue_words.together_words(runs, self.following, self.now)
        return Row(
            key, "generation", 1, _names(runs), _movable(runs), first.called,
            generation=first.generation,
            method=phrases.method_words(first.method),
            seeds=_listed([one.seed for one in runs]),
            mark=queue_words.mark(first),
            state=said,
            best=queue_words.best(runs),
            ends=self._last_end(runs),
            added=self._added(runs),
            is_open=key in self.wanted.unfolded,
            tip=f"{first.called}, {words.plural(len(runs), 'seed')}: {said}",
        )  # fmt: skip

    def _added(self, runs: Sequence[Followed]) -> tuple[str, ...]:
        return tuple(_together(column, runs) for column in self.wanted.added)

    def _last_end(self, runs: Sequence[Followed]) -> str:
        """When the last of them ends or ended."""
        if any(one.place for one in runs) and not all(one.name in self.ends for one in runs):
            return ""
        last = max(runs, key=lambda one: self.ends.get(one.name, one.changed_at))
        return queue_words.end_words(last, self.following, self.ends, self.now)

    def single(self, one: Followed, depth: int) -> Row:
        """One run; at depth 0 it stands for a whole lineage."""
        in_lineage = one.recipe is not None and depth > 0
        return Row(
            f"run {one.name}", "run", depth, (one.name,), _movable([one]),
            title=one.called if in_lineage else _alone(one),
            generation=one.generation if in_lineage else None,
            method=_method(one, with_model=depth == 0),
            seeds=str(one.seed) if one.recipe else "",
            mark=queue_words.mark(one),
            state=queue_words.state_words(one, self.following, self.now),
            share=queue_words.share(one),
            best=queue_words.best([one]),
            ends=queue_words.end_words(one, self.following, self.ends, self.now),
            added=self._added([one]),
            tip=queue_words.tip(one, self.following, self.now),
        )  # fmt: skip


def _together(column: Column, runs: Sequence[Followed]) -> str:
    """What all runs have in common; of numbers the mean and the standard deviation over seeds."""
    values = [column.value(one) for one in runs]
    if all(value == values[0] for value in values):
        return column.text(values[0])
    if not column.numeric or any(not isinstance(value, int | float) for value in values):
        return ""
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    if column.kind == "field":
        return f"{words.number(mean)} ± {words.number(spread)}"
    return f"{column.text(mean)} ± {column.text(spread)}"


def _summary(runs: Sequence[Followed]) -> str:
    """How the runs of a lineage stand, and how good its newest generation of which all seeds have a value is."""
    counted = queue_words.counted(runs)
    for generation in sorted({one.generation for one in runs}, reverse=True):
        mine = [one for one in runs if one.generation == generation and not one.run.forked_from]
        if mine and (best := queue_words.best(mine)):
            return f"{counted}; F{generation} {best}"
    return counted


def _alone(one: Followed) -> str:
    return f"{one.lineage} {one.called}" if one.generation or one.run.branch else one.lineage


def _method(one: Followed, with_model: bool) -> str:
    model = phrases.model_words(one.recipe.model) if one.recipe and with_model else ""
    return ", ".join(part for part in (phrases.method_words(one.method), model) if part)


def _extent(runs: Sequence[Followed]) -> str:
    """ "F0 to F3, 3 seeds, 12 runs"."""
    generations = sorted({one.generation for one in runs})
    seeds = len({one.seed for one in runs})
    said = f"F{generations[0]}" + (f" to F{generations[-1]}" if len(generations) > 1 else "")
    return f"{said}, {words.plural(seeds, 'seed')}, {words.plural(len(runs), 'run')}"


def _names(runs: Sequence[Followed]) -> tuple[str, ...]:
    return tuple(one.name for one in runs)


def _movable(runs: Sequence[Followed]) -> tuple[str, ...]:
    return tuple(one.name for one in runs if one.place)


def _listed(seeds: Sequence[int]) -> str:
    """ "0, 1, 2", and "0 to 9" for many in a row."""
    ordered = sorted(seeds)
    if len(ordered) > 3 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(map(str, ordered))


# ---- the order -----------------------------------------------------------------------------------------------------------


def place_above(row: int, shown: Sequence[Row], queue: Sequence[str], moved: Collection[str]) -> int:
    """Where in the queue a block goes that is dropped above a row: before the first to have its turn of those that follow."""
    for below in shown[max(0, row) :]:
        places = [queue.index(name) for name in below.movable if name in queue and name not in moved]
        if places:
            return min(places)
    return len(queue)


def place_beside(names: Collection[str], step: Literal[-1, 1], queue: Sequence[str], blocks: Mapping[str, str]) -> int | None:
    """Where a block goes that is moved up (-1) or down (1): over the next run, or over all runs of a whole other lineage.

    `blocks` says for each name that can be passed what moves as one. None if there is nothing to pass.
    """
    mine = [place for place, name in enumerate(queue) if name in names]
    if not mine:
        return None
    ahead = list(reversed(queue[: mine[0]])) if step < 0 else list(queue[mine[-1] + 1 :])
    if not ahead or ahead[0] not in blocks:
        return None
    passed = len(list(takewhile(lambda name: blocks.get(name) == blocks[ahead[0]], ahead)))
    return mine[0] - passed if step < 0 else mine[-1] + 1 + passed
