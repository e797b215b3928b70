"""The momentum laboratory: a run and its forks on the same charts, with their schedules, and what each has changed.

Given a lineage's runs, it decides with its own controls which family is drawn. Left to others: what a fork is
(fork_model.py), what is on a chart (live_pages.py), the making of a fork (fork_dialog.py).
"""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QHeaderView, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from studio import fork_model, live_curves, live_pages, theme
from studio.fork_model import Family
from studio.live_curves import MOST_RUNS
from studio.session import Followed
from studio.widgets.card import scrolling
from studio.widgets.chart_slot import ChartSlot
from studio.widgets.cursor import Cursor
from studio.widgets.empty import EmptyNote
from studio.widgets.lines import Tone
from studio.widgets.segment import Segment
from studio.widgets.table_twin import TableTwin

SMALLS = 2  # beside the large chart
FITS = QHeaderView.ResizeMode.ResizeToContents
ROWS_SEEN = 4.5  # of the table, head included; more scroll
NOTHING = (
    "Nothing has been forked here",
    "A fork goes another way on from a checkpoint of a run: with another momentum, temperature or rate. "
    "It shows beside its parent what one change does from there.",
)


class ForkRoom(QWidget):
    """`fork_asked` when a person wants a new one; `family_chosen` when another family is looked at."""

    fork_asked = Signal()
    family_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._families: list[Family] = []
        self._changes: Mapping[str, str] = {}
        self._picked: dict[int, str] = {}
        self.reader = Cursor(self)
        self.matters = ChartSlot(self.reader)
        self.smalls = [ChartSlot(self.reader, small=True) for _ in range(SMALLS)]
        self.axis = Segment(["Step", "Epoch"], "Horizontal axis of the forks")
        self.chosen = theme.quiet_field(theme.dress(QComboBox(), small=True))
        self.make = theme.put_icon(theme.dress(QPushButton("New fork"), small=True), "plus", "text", 14)
        self.table = TableTwin("Forks and what each has changed")
        self._family_label = theme.dress(QLabel("Forks of"), small=True, prose=True)
        self._note = EmptyNote()
        self._lay_out()
        self._listen()

    @property
    def family(self) -> Family | None:
        """The one that is looked at."""
        name = self.chosen.currentData()
        return next((one for one in self._families if one.parent.name == name), None)

    def show_runs(self, runs: Sequence[Followed]) -> None:
        """All runs of a lineage, forks among them."""
        self._families = fork_model.families(runs)
        self._offer()
        self._draw()

    def show_changes(self, changes: Mapping[str, str]) -> None:
        """What each fork has changed, by its name."""
        self._changes = changes
        self._fill_table()

    def _offer(self) -> None:
        names = [one.parent.name for one in self._families]
        if [self.chosen.itemData(place) for place in range(self.chosen.count())] == names:
            return
        before = self.chosen.currentData()
        self.chosen.clear()
        for one in self._families:
            self.chosen.addItem(f"{one.parent.called}, seed {one.parent.seed}", one.parent.name)
        self.chosen.setCurrentIndex(names.index(before) if before in names else len(names) - 1)
        for widget in (self._family_label, self.chosen):
            widget.setVisible(len(names) > 1)

    def _draw(self) -> None:
        family = self.family
        self._pages.setCurrentWidget(self._note if family is None else self._area)
        self.axis.setVisible(family is not None)
        if family is None:
            return
        axis: live_curves.Axis = "step" if self.axis.current() == "Step" else "epoch"
        beside = [(one, place) for place, one in enumerate(family.forks, 1)][: MOST_RUNS - 1]
        shown = live_curves.shown(family.parent, beside, ())
        self._show_pages(family)
        for slot in (self.matters, *self.smalls):
            slot.plot.set_x_name(axis, corner=slot is not self.smalls[0])
            slot.plot.set_events(self._departures(family, axis))
            slot.plot.set_lines(live_curves.lines(slot.page, shown, axis, ends=slot is self.matters))
        self._fill_table()

    def _show_pages(self, family: Family) -> None:
        parent = family.parent
        self.matters.show_page(live_pages.matters_page(parent))
        self.matters.plot.show_title("What matters", live_pages.subtitle(parent, self.matters.page))
        schedules = [live_pages.page(metric) for metric in sorted(parent.state.curves) if metric.startswith("schedule/")]
        offered = [*schedules, live_pages.page("objective"), *live_pages.pages(parent.state)]
        usual = (fork_model.telling_schedule(family), "objective")
        for place, slot in enumerate(self.smalls):
            slot.show_page(live_pages.page(self._picked.get(place, usual[place])))
            slot.offer(offered)

    def _departures(self, family: Family, axis: live_curves.Axis) -> list[tuple[float, str, Tone]]:
        """Where forks left: a mark for each step, whoever left there."""
        steps = sorted({fork_model.left_at(one) for one in family.forks})
        places = live_curves.places_of(family.parent.state, steps, axis)
        left = {step: [one.called for one in family.forks if fork_model.left_at(one) == step] for step in steps}
        said = {step: f"{', '.join(names)} {'leave' if len(names) > 1 else 'leaves'}" for step, names in left.items()}
        return [(float(x), said[step], "muted") for x, step in zip(places, steps, strict=True)]

    def _fill_table(self) -> None:
        if (family := self.family) is not None:
            self.table.show_rows([list(row) for row in fork_model.rows(family, self.matters.page, self._changes)])
            header = self.table.horizontalHeader()
            for place in range(header.count()):
                header.setSectionResizeMode(place, FITS if place != fork_model.CHANGED else QHeaderView.ResizeMode.Stretch)

    def _pick(self, place: int, key: str) -> None:
        self._picked[place] = key
        self._draw()

    def _choose(self) -> None:
        self._draw()
        self.family_chosen.emit()

    def _listen(self) -> None:
        self.axis.chosen.connect(self._draw)
        self.chosen.activated.connect(self._choose)
        self.make.clicked.connect(self.fork_asked)
        for place, slot in enumerate(self.smalls):
            slot.page_asked.connect(lambda key, place=place: self._pick(place, key))
        theme.signals.changed.connect(self._redress)

    def _redress(self) -> None:
        row = self.table.verticalHeader().defaultSectionSize()
        self.table.setMaximumHeight(round(ROWS_SEEN * row))
        self._draw()

    def _lay_out(self) -> None:
        self._family_label.setBuddy(self.chosen)
        self.chosen.setAccessibleName("Forks of which run")
        self._note.show_note(*NOTHING)
        head, charts, right = QHBoxLayout(), QHBoxLayout(), QVBoxLayout()
        for widget in (self.axis, self._family_label, self.chosen):
            head.addWidget(widget)
        head.setSpacing(8)
        head.addStretch(1)
        head.addWidget(self.make)
        for slot in self.smalls:
            right.addWidget(slot, 1)
        right.setSpacing(12)
        charts.setSpacing(12)
        charts.addWidget(self.matters, 3)
        charts.addLayout(right, 2)
        self._charts, self._pages = QWidget(), QStackedWidget()
        inside = QVBoxLayout(self._charts)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        inside.addLayout(charts, 1)
        inside.addWidget(self.table)
        self._area = scrolling(self._charts)  # a low window scrolls here, and need not grow
        for page in (self._area, self._note):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._pages, 1)
        self._redress()
