"""The six charts of Live with one cursor: two large ones, and a row of small ones that a person may exchange.

Given the runs to draw, it says of each chart what is to be said; which runs those are is the view's to decide.
"""

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio import live_curves, live_facts, live_pages
from studio.live_curves import Axis, Shown
from studio.live_pages import SLOTS, Page
from studio.session import Followed
from studio.widgets.chart_slot import ChartSlot
from studio.widgets.cursor import Cursor
from studio.widgets.live_tools import Manner

BIG, SMALL = 3, 2  # shares of the height


class LiveCharts(QWidget):
    """`show_runs` draws what is new; what is the same as before is not drawn again. `exchanged`: a chart was made anew."""

    exchanged = Signal()

    def __init__(self, reader: Cursor) -> None:
        super().__init__()
        self._reader = reader
        self._given: tuple[Sequence[Shown], Followed | None, Manner, float] | None = None
        self._picked: dict[int, str] = {}  # small charts that a person put somewhere
        self._drawn: dict[int, object] = {}  # what each chart was last given
        self.objective, self.matters = ChartSlot(reader), ChartSlot(reader)
        self.smalls = [ChartSlot(reader, small=True) for _ in SLOTS]
        self._at_cursor = QTimer(self, singleShot=True, interval=0)
        self._column, self._row = QVBoxLayout(self), QHBoxLayout()
        self._lay_out()
        self._listen()

    @property
    def slots(self) -> list[ChartSlot]:
        return [self.objective, self.matters, *self.smalls]

    def show_runs(self, runs: Sequence[Shown], teacher: Followed | None, manner: Manner, now: float) -> None:
        """The run that is looked at, then those beside it; its teacher is shown while it is alone."""
        self._given, one = (runs, teacher, manner, now), runs[0].one
        self._show_pages(one)
        happened = live_curves.events(one, manner.axis)
        for place, slot in enumerate(self.slots):
            slot.plot.set_events(happened)
            slot.plot.set_empty(*live_pages.empty_words(slot.page, one, now))
            slot.plot.set_references(live_curves.references(slot.page, one, teacher if len(runs) == 1 else None))
            self._dress(slot, one, manner)
            self._draw(place, runs, manner.axis)
        at = [x for x, _, _ in happened]
        self._reader.tell_extent(self, (min(at), max(at)) if at else None)  # seen even past the last point
        self._show_extras(runs, manner.axis)

    def pick(self, place: int, key: str) -> None:
        """Put a chart in a small place."""
        self._picked[place] = key
        if self._given is not None:
            self.show_runs(*self._given)
            self.exchanged.emit()

    def forget_picked(self) -> None:
        """The usual charts again, from the next time on that something is shown."""
        self._picked.clear()

    def slot_of(self, key: str) -> ChartSlot:
        """Where this chart stands; one that stands nowhere takes the last small place."""
        if not any(slot.key == key for slot in self.slots):
            self.pick(len(self.smalls) - 1, key)
        return next((slot for slot in self.slots if slot.key == key), self.smalls[-1])

    def space(self, gap: int) -> None:
        self._column.setSpacing(gap)
        self._row.setSpacing(12)

    def _show_pages(self, one: Followed) -> None:
        self.matters.show_page(live_pages.matters_page(one))
        offered = live_pages.pages(one.state)
        for place, usual in enumerate(live_pages.slot_pages(one)):
            self.smalls[place].show_page(live_pages.page(self._picked[place]) if place in self._picked else usual)
            self.smalls[place].offer(offered)

    def _dress(self, slot: ChartSlot, one: Followed, manner: Manner) -> None:
        title = "What matters" if slot is self.matters else slot.page.title
        slot.plot.show_title(title, "" if slot.small else live_pages.subtitle(one, slot.page))
        slot.plot.set_x_name(manner.axis, corner=slot is self.matters)
        slot.plot.set_smoothing(manner.smoothing)
        slot.plot.set_raw_behind(manner.raw_behind)
        slot.plot.set_log_y(manner.log_y and not slot.page.is_rate)

    def _draw(self, place: int, runs: Sequence[Shown], axis: Axis) -> None:
        slot = self.slots[place]
        given = (slot.plot, axis, *(_fingerprint(slot.page, run) for run in runs))
        if self._drawn.get(place) != given:
            self._drawn[place] = given
            slot.plot.set_lines(live_curves.lines(slot.page, runs, axis, ends=not slot.small))

    def _show_extras(self, runs: Sequence[Shown], axis: Axis) -> None:
        """What the readouts say beside the lines; one of them is read at the cursor."""
        alone, state = len(runs) == 1, runs[0].one.state  # beside other runs nobody could tell whose best it is
        for slot in self.slots:
            slot.plot.set_readout(live_curves.extras(slot.page, state, axis, self._reader.x) if alone else ())

    def _read_at_cursor(self) -> None:
        if self.isVisible() and self._given is not None:
            runs, _, manner, _ = self._given
            self._show_extras(runs, manner.axis)

    def _listen(self) -> None:
        self._reader.changed.connect(lambda: self._at_cursor.start())
        self._at_cursor.timeout.connect(self._read_at_cursor)
        for place, slot in enumerate(self.smalls):
            slot.page_asked.connect(lambda key, place=place: self.pick(place, key))

    def _lay_out(self) -> None:
        self._column.setContentsMargins(0, 0, 0, 0)
        for slot in (self.objective, self.matters):
            self._column.addWidget(slot, BIG)
        for slot in self.smalls:
            self._row.addWidget(slot, 1)
        self._column.addLayout(self._row, SMALL)


def _fingerprint(page: Page, run: Shown) -> tuple[object, ...]:
    """Changes whenever the lines of this page would: points only come, and a resume begins an attempt."""
    curves = run.one.state.curves
    lengths = tuple(len(curves.get(trace.metric, ())) for trace in page.traces)
    return (id(run.one.state), live_facts.most_entropy(run.one), run.color, run.label, run.end, run.one.state.attempt, lengths)
