"""The chosen run while it trains, or as it went: sentence and health, six charts, the probe images, the log.

Holds no numbers of its own: at each news of the Session one pass asks live_model.py what there is to say and hands it to
the widgets. A hidden view does nothing until it is shown. What is chosen here (axis, smoothing, runs to compare, which small
chart stands where) is looks, and is forgotten with the window.

The cursor of the charts is the one place where the page is read: the probe images follow it, and their scrubber moves it.
"""

import html
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QGuiApplication, QKeyEvent, QMouseEvent, QPainter, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine import words
from engine.state import Artifact
from studio import live_model, phrases, theme
from studio.live_model import Axis, Chip, Page, Sentence, Shown, Unreadable
from studio.session import Followed, Session, machine_memory
from studio.widgets.attention_grid import Kind, Looks, Network, Probe, ProbePanel
from studio.widgets.card import ElidedLabel
from studio.widgets.chips import HealthChip
from studio.widgets.cursor import Cursor
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.error_card import ErrorCard
from studio.widgets.lines import in_force
from studio.widgets.log_pane import LogPane, TextPane
from studio.widgets.scrubber import CalmSlider
from studio.widgets.segment import Segment

WIDE = 1300  # from this width on, chips stand beside the sentence
LOW = 800  # below this height of the window the log is folded
SMOOTHING = 90  # in hundredths, as in the picture of the design
LEFT, RIGHT = 676, 324  # shares of charts and probe images
INDENT = 5  # of a crumb's words in its button
BIG, SMALL = 3, 2  # shares of the height


class LiveView(QWidget):
    """`go` asks the window for another view."""

    go = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._stale = True
        self._related: tuple[object, ...] = ()  # what was last shown of other runs
        self._beside: dict[str, int] = {}  # runs to compare with, and the index of their colour
        self._picked: dict[int, str] = {}  # small charts that a person put somewhere
        self._axis: Axis = "step"
        self._places = np.empty(0)  # of the snapshots, on the axis
        self._drawn: dict[int, object] = {}  # what each chart was last given, so that what is the same is not drawn again
        self._log_by_hand: bool | None = None
        self._movable: tuple[QWidget, ...] = ()  # what the order of Tab was last made for
        self.reader = Cursor(self)
        self.shelf = live_model.Shelf()
        self.header, self.tools = Header(), Toolbar()
        self.objective, self.matters = ChartSlot(self.reader), ChartSlot(self.reader)
        self.smalls = [ChartSlot(self.reader, small=True) for _ in live_model.SLOTS]
        self.probes, self.drawer = ProbePanel(), Drawer()
        self._pages, self._page = QStackedWidget(), QScrollArea()
        self._nothing, self._loading = _Nothing(), LoadingNote()
        self._follow_cursor = QTimer(self, singleShot=True, interval=0)
        self._look_again = QTimer(self, singleShot=True, interval=100)
        self._to_drawer = QTimer(self, singleShot=True, interval=0)
        self._lay_out()
        self._listen()

    @property
    def slots(self) -> list["ChartSlot"]:
        return [self.objective, self.matters, *self.smalls]

    # ---- when ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()
        if self._stale:
            self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """What the size decides: where the chips stand, whether the log is folded, how much air there is."""
        self.header.arrange(self.width() >= theme.px(WIDE))
        low = self.window().height() < theme.px(LOW)
        self.drawer.log.fold(low if self._log_by_hand is None else self._log_by_hand)
        gap = 8 if low else 12
        self._columns.setSpacing(12)
        self._charts.setSpacing(gap)
        self._row.setSpacing(12)
        self._whole.setSpacing(gap)
        self._whole.setContentsMargins(16, 10 if low else 14, 16, 10 if low else 12)

    def _another(self) -> None:
        """Another run is looked at: read it from its newest end."""
        self.reader.release()
        self.reader.follow()
        self._picked.clear()
        self.drawer.close_text()
        chosen = self._session.chosen
        self._beside = {
            name: place for name, place in self._beside.items() if self._session.followed(name) not in (None, chosen)
        }
        self._show()

    def _others(self) -> None:
        """News of the workspace: here it matters for runs compared, for the teacher, and for what the menus say."""
        self._beside = {name: place for name, place in self._beside.items() if self._session.followed(name)}
        one = self._session.chosen
        if one is not None and (self._beside or self._relatives(one) != self._related):
            self._show()

    def _relatives(self, one: Followed) -> tuple[object, ...]:
        """What is shown of runs that are not looked at, and whether this one is about to be resumed."""
        teacher = self._session.teacher_of(one)
        words_ = tuple((other.word, other.expected) for other in self._session.lineage(one.lineage))
        return (len(self._session.runs), words_, teacher.state.count if teacher else 0)

    def _show(self) -> None:
        """The one pass: everything that is shown of the chosen run."""
        self._stale = not self.isVisible()
        if self._stale:
            return
        one = self._session.chosen
        if one is None or not one.loaded:
            self._pages.setCurrentWidget(self._nothing if one is None else self._loading)
            if one is not None:
                self._loading.show_progress(f"Reading {words.plural(one.state.count, 'event')}")
                self._look_again.start()  # the end of the reading alone is no news of the Session's
            return
        now, self._related = time.time(), self._relatives(one)
        self._pages.setCurrentWidget(self._page)
        self._show_header(one, now)
        self._show_charts(one, now)
        self._show_probes()
        self.drawer.show_run(one, now)
        self._order_tabs()
        self.tools.compare.setText(f"Compare run, {len(self._beside)} beside" if self._beside else "Compare run")
        self.tools.compare.setEnabled(len(self._session.runs) > 1)

    # ---- header -------------------------------------------------------------------------------------------------------

    def _show_header(self, one: Followed, now: float) -> None:
        at_home = one.at_work and not one.host and one.state.device == "cpu"
        self.header.show_path(one, self._session.lineage(one.lineage), now)
        self.header.show_sentence(live_model.sentence(one, now, self._session.teacher_of(one)))
        self.header.show_chips(live_model.chips(one, machine_memory()[1] if at_home else None))

    def focus_chart(self, key: str) -> None:
        """Bring the chart that explains something into sight, and give it the focus."""
        slot = next((slot for slot in self.slots if slot.key == key), None)
        if slot is None:
            slot = self.smalls[-1]
            self._pick(len(self.smalls) - 1, key)
        self._page.ensureWidgetVisible(slot)
        slot.plot.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---- charts -------------------------------------------------------------------------------------------------------

    def _shown(self, one: Followed) -> list[Shown]:
        """The runs on the charts: the chosen one, then those beside it."""
        beside = [(other, place) for name, place in self._beside.items() if (other := self._session.followed(name))]
        runs = [one, *(other for other, _ in beside)]
        labels = live_model.labels(runs)
        if live_model.is_chain(runs, self._session.lineage(one.lineage)):
            colors, ends = [theme.generation_color(other.generation) for other in runs], [f"F{o.generation}" for o in runs]
        else:
            colors, ends = [theme.run_color(place) for place in (0, *(place for _, place in beside))], [""] * len(runs)
        return [Shown(*parts) for parts in zip(runs, colors, labels, ends, strict=True)]

    def _show_charts(self, one: Followed, now: float) -> None:
        runs = self._shown(one)
        self.objective.show_page(live_model.PAGES["objective"])
        self.matters.show_page(live_model.matters_page(one.state))
        offered = live_model.pages(one.state)
        for place, page in enumerate(live_model.slot_pages(one)):
            self.smalls[place].show_page(live_model.page(self._picked[place]) if place in self._picked else page)
            self.smalls[place].offer(offered)
        happened = live_model.events(one.state, self._axis)
        for place, slot in enumerate(self.slots):
            slot.plot.set_events(happened)
            self._show_chart(place, slot, runs, now)
        at = [x for x, _, _ in happened]
        self.reader.tell_extent(self, (min(at), max(at)) if at else None)  # seen even past the last point
        self._show_extras()

    def _show_chart(self, place: int, slot: "ChartSlot", runs: Sequence[Shown], now: float) -> None:
        one, page, axis = runs[0].one, slot.page, self._axis
        slot.plot.show_title(page.title, "" if slot.small else live_model.subtitle(one, page))
        slot.plot.set_x_name(axis, corner=slot is self.matters)
        slot.plot.set_smoothing(self.tools.weight())
        slot.plot.set_raw_behind(self.tools.raw.isChecked())
        slot.plot.set_log_y(self.tools.log_y.isChecked() and not page.is_rate)
        slot.plot.set_empty(*live_model.empty_words(page, one, now))
        slot.plot.set_references(live_model.references(page, one))
        teacher = self._session.teacher_of(one)
        color = theme.generation_color(teacher.generation if teacher else 0)
        beside = live_model.teacher_line(page, one, teacher, color, axis) if len(runs) == 1 else None
        given = (slot.plot, axis, beside and (*beside.x, *beside.y), *(_fingerprint(page, run) for run in runs))
        if self._drawn.get(place) != given:
            self._drawn[place] = given
            slot.plot.set_lines([*live_model.lines(page, runs, axis, ends=not slot.small), *([beside] if beside else [])])

    def _show_extras(self) -> None:
        """What the readouts say beside the lines; one of them is read at the cursor."""
        one = self._session.chosen
        alone = not self._beside  # beside other runs nobody could tell whose best it is
        if one is not None:
            for slot in self.slots:
                more = live_model.extras(slot.page, one.state, self._axis, self.reader.x) if alone else ()
                slot.plot.set_readout(more)

    def _pick(self, place: int, key: str) -> None:
        self._picked[place] = key
        self._show()

    def _change_axis(self, name: str) -> None:
        """Another axis, the same moment and the same part in sight."""
        old, self._axis = self._axis, next(axis for axis in get_args(Axis) if axis == name.lower())
        one = self._session.chosen
        x, held, seen = self.reader.x, self.reader.held, self.reader.x_range
        self.reader.release()
        self.reader.follow()
        self._show()
        if one is None:
            return
        if x is not None and held:
            self.reader.hold(live_model.convert(one.state, x, old, self._axis))
        if seen is not None:
            self.reader.show_range(*(live_model.convert(one.state, edge, old, self._axis) for edge in seen))

    def _follow(self, wanted: bool) -> None:
        if wanted:
            self.reader.follow()
        else:
            self.reader.show_range(*self.reader.in_sight())

    # ---- compared runs ------------------------------------------------------------------------------------------------

    def _offer_runs(self) -> None:
        """Fill the menu: other generations of this seed first, then the rest of the lineage, then all others."""
        menu, one = self.tools.compare_menu, self._session.chosen
        menu.clear()
        if one is None:
            return
        groups = live_model.to_compare(one, self._session.runs)
        full = len(self._beside) + 1 >= live_model.MOST_RUNS
        for heading, runs in groups:
            menu.addSeparator()
            menu.addAction(heading).setEnabled(False)
            for other in runs:
                action = menu.addAction(f"{phrases.run_short(other)}   {phrases.state_words(other)}")
                action.setCheckable(True)
                action.setChecked(other.name in self._beside)
                action.setEnabled(other.name in self._beside or not full)
                action.setData(other.name)
                action.toggled.connect(lambda on, name=other.name: self._compare(name, on))
        if full:
            menu.addAction(f"{live_model.MOST_RUNS} runs are as many as can be told apart").setEnabled(False)

    def _compare(self, name: str, wanted: bool) -> None:
        self._beside.pop(name, None)
        if wanted:
            free = (place for place in range(1, live_model.MOST_RUNS) if place not in self._beside.values())
            self._beside[name] = next(free)
        full = len(self._beside) + 1 >= live_model.MOST_RUNS
        for action in self.tools.compare_menu.actions():
            if action.isCheckable():
                action.setEnabled(action.isChecked() or not full)
        self._show()

    # ---- probe images -------------------------------------------------------------------------------------------------

    def _show_probes(self) -> None:
        one = self._session.chosen
        if one is None or not self.isVisible():
            return
        snapshots = live_model.snapshots(one.state)
        self._places = live_model.places_of(one.state, [snapshot.step for snapshot in snapshots], self._axis)
        ends = [f"{snapshots[place].epoch:g}" for place in (0, -1)] if snapshots else ["", ""]
        self.probes.scrubber.show_moments(len(snapshots), f"epoch {ends[0]}", ends[1])
        live = self.reader.x is None or not snapshots
        place = (
            len(snapshots) - 1 if self.reader.x is None or not snapshots else live_model.nearest(self._places, self.reader.x)
        )
        if snapshots:
            where = f", {live_model.newest_words(one)}" if live else " (at the cursor)"
            self.probes.scrubber.show_place(place, live_model.moment_words(snapshots[place]) + where, live)
        else:
            self.probes.scrubber.show_place(0, "", live=True)
        self._show_snapshot(one, snapshots[place] if snapshots else None)

    def _show_snapshot(self, one: Followed, snapshot: Artifact | None) -> None:
        artifact = live_model.probe_artifact(one.state)
        if artifact is None:
            when = "they are chosen when the data is read" if one.at_work or one.expected else phrases.state_words(one)
            self._drawn.pop(-1, None)
            self.probes.show_note("No probe images yet", when)
            return
        networks = self._networks(one)
        given = (one.run.folder, artifact, snapshot, networks, theme.palette(), bool(one.data), one.word)
        if self._drawn.get(-1) == given:
            return
        self._drawn[-1] = given
        try:
            probe = self.shelf.probe(one.run.folder, artifact.path)
        except Unreadable as problem:
            self.probes.show_note("The probe images cannot be shown", str(problem))
            return
        looks, why_not = self._looks(one, probe, snapshot)
        kind: Kind = "attention" if snapshot is not None and snapshot.kind == "attention" else "evidence"
        self.probes.show_all(probe, (one.data or {}).get("classes") or (), networks, looks, kind, why_not)

    def _looks(self, one: Followed, probe: Probe, snapshot: Artifact | None) -> tuple[Looks | None, str]:
        """The maps of a snapshot, or a sentence that says why there are none."""
        if snapshot is None:
            return None, "The first maps come after epoch 1" if one.at_work else "No maps were made of these images"
        try:
            return self.shelf.looks(one.run.folder, snapshot, len(probe.pictures)), ""
        except Unreadable as problem:
            return None, str(problem)

    def _networks(self, one: Followed) -> tuple[Network, ...]:
        own, teacher = self._shown(one)[0].color, self._session.teacher_of(one)
        if not one.recipe or not one.recipe.teacher:
            return (Network("student", own), Network("teacher", own))
        theirs = theme.generation_color(teacher.generation if teacher else one.generation - 1)
        return (Network(f"student F{one.generation}", own), Network(f"teacher F{one.generation - 1}", theirs))

    def _scrub(self, place: int) -> None:
        if place < len(self._places):
            self.reader.hold(float(self._places[place]))
            self.reader.reveal(float(self._places[place]))

    # ---- what happens to it -------------------------------------------------------------------------------------------

    def _cursor_moved(self) -> None:
        self._follow_cursor.start()

    def _read_at_cursor(self) -> None:
        if self.isVisible() and self._session.chosen is not None:
            self._show_extras()
            self._show_probes()

    def _act(self, remedy: str) -> None:
        if remedy == "resume":
            self._session.resume()
        elif remedy == "kill":
            self._session.kill()

    def _open_log(self) -> None:
        one = self._session.chosen
        if one is None:
            return
        try:
            text, note = live_model.tail_of(one.run.log_path), f"{one.name}, its end"
        except Unreadable as problem:
            text, note = "", str(problem)
        self.drawer.open_text(one.run.log_path.name, note, text)

    def _copy_report(self) -> None:
        one = self._session.chosen
        if one is not None:
            QGuiApplication.clipboard().setText(live_model.report(one, time.time()))

    def _see_drawer(self) -> None:
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)  # so that it stands where it will stand
        self._page.ensureWidgetVisible(self.drawer, 0, 12)

    def _order_tabs(self) -> None:
        """Tab goes through the page as one reads it. Charts and buttons that came later would else be the last."""
        movable = (*(slot.plot for slot in self.slots), *self.drawer.error.findChildren(QPushButton))
        if movable == self._movable:
            return
        self._movable = movable
        regions = (self.header, self.tools, *self.slots, self.drawer, self.probes)
        stops = [stop for region in regions for stop in region.findChildren(QWidget) if self._takes_tab(stop)]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _takes_tab(self, widget: QWidget) -> bool:
        """Lists of combos and menus are windows of their own."""
        return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.window() is self.window()

    def _redress(self) -> None:
        """Another theme: colours of lines and maps, and the sentence, which carries its colour in its text."""
        self._drawn.clear()
        self._show()

    def _fold_by_hand(self, folded: bool) -> None:
        self._log_by_hand = folded

    def _listen(self) -> None:
        session = self._session
        session.state_changed.connect(self._show)
        session.chosen_changed.connect(self._another)
        session.runs_changed.connect(self._others)
        self.reader.changed.connect(self._cursor_moved)
        self.reader.x_range_changed.connect(lambda seen: self.tools.follow.setChecked(seen is None))
        self._follow_cursor.timeout.connect(self._read_at_cursor)
        self._look_again.timeout.connect(self._show)
        self._to_drawer.timeout.connect(self._see_drawer)
        self.drawer.needs_seeing.connect(self._to_drawer.start)  # when it has its place
        self.header.run_asked.connect(session.choose)
        self.header.lineage_asked.connect(lambda: self.go.emit("generations"))
        self.header.chart_asked.connect(self.focus_chart)
        self.tools.axis.chosen.connect(self._change_axis)
        self.tools.changed.connect(self._show)
        self.tools.follow.clicked.connect(self._follow)
        self.tools.compare_menu.aboutToShow.connect(self._offer_runs)
        for place, slot in enumerate(self.smalls):
            slot.page_asked.connect(lambda key, place=place: self._pick(place, key))
        self.probes.scrubber.moved.connect(self._scrub)
        self.probes.scrubber.live_asked.connect(self.reader.release)
        self.drawer.log.folded_by_hand.connect(self._fold_by_hand)
        self.drawer.error.remedy_chosen.connect(self._act)
        self.drawer.error.log_asked.connect(self._open_log)
        self.drawer.error.copy_asked.connect(self._copy_report)
        self._nothing.begin.clicked.connect(lambda: self.go.emit("welcome"))
        theme.signals.changed.connect(self._redress)

    def _lay_out(self) -> None:
        inside = QWidget()
        self._whole, self._columns = _PageLayout(inside), QHBoxLayout()
        self._charts, self._row = QVBoxLayout(), QHBoxLayout()
        self._whole.addWidget(self.header)
        self._whole.addWidget(self.tools)
        self._whole.addLayout(self._columns, 1)
        self._columns.addLayout(self._charts, LEFT)
        self._columns.addWidget(self.probes, RIGHT)
        for slot in (self.objective, self.matters):
            self._charts.addWidget(slot, BIG)
        for slot in self.smalls:
            self._row.addWidget(slot, 1)
        self._charts.addLayout(self._row, SMALL)
        self._charts.addWidget(self.drawer)
        self._page.setWidgetResizable(True)
        self._page.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._page.setWidget(inside)
        for page in (self._nothing, self._loading, self._page):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._pages)


class _PageLayout(QVBoxLayout):
    """Does not tell a scroll area that it holds wrapped text: that one would then scroll below the preferred height."""

    def hasHeightForWidth(self) -> bool:
        return False


def _fingerprint(page: Page, run: Shown) -> tuple[object, ...]:
    """Changes whenever the lines of this page would: points only come, and a resume begins an attempt."""
    curves = run.one.state.curves
    lengths = tuple(len(curves.get(trace.metric, ())) for trace in page.traces)
    return (id(run.one.state), run.color, run.label, run.end, run.one.state.attempt, lengths)


# The header -----------------------------------------------------------------------------------------------------


class Header(QWidget):
    """Path, sentence, chips. Wide: the chips beside the other two; else the sentence has a row of its own above them."""

    run_asked = Signal(str)
    lineage_asked = Signal()
    chart_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._wide: bool | None = None
        self._chips: dict[str, HealthChip] = {}
        self._explained: dict[str, str] = {}
        self.lineage = Crumb("All generations of this lineage", muted=True)
        self.seed, self.generation = Crumb("Choose a seed"), Crumb("Choose a generation")
        self._what = theme.dress(ElidedLabel(), small=True, muted=True)
        self._arrows = [theme.put_icon(QLabel(), "chevron-right", "edge", 10) for _ in range(3)]
        self._what.setContentsMargins(INDENT, 0, INDENT, 0)
        self.sentence = theme.dress(QLabel(), sentence=True)
        self._path, self._chip_row, self._grid = QHBoxLayout(), QHBoxLayout(), QGridLayout(self)
        self._lay_out()
        self.lineage.clicked.connect(self.lineage_asked)
        for crumb in (self.seed, self.generation):
            crumb.run_asked.connect(self.run_asked)

    def show_path(self, one: Followed, lineage: Sequence[Followed], now: float) -> None:
        """Where we are, with menus of the other seeds and generations there are."""
        pieces = phrases.run_pieces(one)
        seeds = {other.seed: other for other in lineage if other.generation == one.generation}
        generations = [other for other in lineage if other.seed == one.seed]
        self.lineage.show_text(pieces[0], leads=len(lineage) > 1)
        self._what.setText(", ".join(pieces[1:3]))
        self.seed.show_choices(f"seed {one.seed}", [(f"seed {seed}", o.name, o is one, "") for seed, o in seeds.items()])
        self.generation.show_choices(f"F{one.generation}", [_generation_entry(o, o is one, now) for o in generations])
        shown = (one.recipe is not None, one.recipe is not None, len(generations) > 1 or one.generation > 0)
        for arrow, part, visible in zip(self._arrows, (self._what, self.seed, self.generation), shown, strict=True):
            arrow.setVisible(visible)
            part.setVisible(visible)

    def show_sentence(self, said: Sentence) -> None:
        lead, rest = html.escape(said.lead), html.escape(said.rest)
        self.sentence.setText(f'<b style="color:{theme.palette().text}">{lead}</b>{rest}')
        self.sentence.setAccessibleName(said.plain)

    def show_chips(self, chips: Sequence[Chip]) -> None:
        for said in chips:
            if said.key not in self._chips:
                self._chips[said.key] = self._chip(said.key)
            self._explained[said.key] = said.page
            self._chips[said.key].show_state(said.state, said.value, said.why, said.name)

    def chip(self, key: str) -> HealthChip:
        return self._chips[key]

    def arrange(self, wide: bool) -> None:
        if wide == self._wide:
            return
        self._wide = wide
        for layout in (self._path, self._chip_row):
            self._grid.removeItem(layout)
        self._grid.removeWidget(self.sentence)
        if wide:
            self._grid.addLayout(self._path, 0, 0, Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(self.sentence, 1, 0)
            self._grid.addLayout(self._chip_row, 0, 1, 2, 1)
        else:
            self._grid.addWidget(self.sentence, 0, 0)
            self._grid.addLayout(self._path, 0, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
            self._grid.addLayout(self._chip_row, 1, 0, 1, 2)

    def _chip(self, key: str) -> HealthChip:
        chip = HealthChip(key)
        chip.clicked.connect(lambda: self.chart_asked.emit(self._explained[key]))
        self._chip_row.insertWidget(len(self._chips), chip)
        return chip

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)  # a wrapped sentence hints too high
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._path.setSpacing(3)
        self._path.setContentsMargins(-INDENT - 1, 0, 0, 0)  # words begin where the sentence begins
        self._path.addWidget(self.lineage)
        for arrow, part in zip(self._arrows, (self._what, self.seed, self.generation), strict=True):
            self._path.addWidget(arrow)
            self._path.addWidget(part)
        self._chip_row.setSpacing(6)
        self._chip_row.addStretch(1)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)


class Crumb(QPushButton):
    """A part of the path. `show_text` gives it words; with entries it opens a menu of them, else it is plain text."""

    run_asked = Signal(str)

    def __init__(self, tip: str, muted: bool = False) -> None:
        super().__init__()
        theme.dress(self, flat=True, small=True)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._tip = tip
        self._words = theme.dress(QLabel(), small=True, muted=muted)
        self._arrow = theme.put_icon(QLabel(), "chevron-down", "muted", 10)
        self.choices = theme.round_menu(QMenu(self))
        row = QHBoxLayout(self)
        row.setContentsMargins(INDENT, 1, INDENT, 1)
        row.setSpacing(4)
        for label in (self._words, self._arrow):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(label)
        self._arrow.hide()
        self.clicked.connect(self._open)

    def show_text(self, text: str, leads: bool) -> None:
        """`leads`: a press on it leads somewhere."""
        self._words.setText(text)
        self.setAccessibleName(f"{text}, {self._tip.lower()}" if leads else text)
        self.setToolTip(self._tip if leads else "")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not leads)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if leads else Qt.FocusPolicy.NoFocus)
        self.updateGeometry()

    def show_choices(self, text: str, entries: Sequence[tuple[str, str, bool, str]]) -> None:
        """The menu: (text, run, is this one, colour of its square)."""
        self.show_text(text, leads=len(entries) > 1)
        self._arrow.setVisible(len(entries) > 1)
        before = [(action.text(), action.data(), action.isChecked()) for action in self.choices.actions()]
        if self.choices.isVisible() or before == [entry[:3] for entry in entries]:
            return
        self.choices.clear()
        for label, name, here, color in entries:
            action = self.choices.addAction(label)
            action.setCheckable(True)
            action.setChecked(here)
            action.setData(name)
            if color:  # an icon takes the place of the tick, so the one that is here is told by its weight
                action.setIcon(_square(color))
                action.setFont(theme.font("body", bold=here))
            action.triggered.connect(lambda _=False, name=name: self.run_asked.emit(name))

    def text_shown(self) -> str:
        return self._words.text()

    def sizeHint(self) -> QSize:
        row = self.layout()
        assert row is not None
        return row.sizeHint() + QSize(2, 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _open(self) -> None:
        if len(self.choices.actions()) > 1:
            self.choices.popup(self.mapToGlobal(QPoint(0, self.height() + theme.px(2))))


def _generation_entry(one: Followed, here: bool, now: float) -> tuple[str, str, bool, str]:
    words_ = f"F{one.generation}   {phrases.state_words(one, now)}"
    return words_, one.name, here, theme.generation_color(one.generation)


def _square(color: str) -> QPixmap:
    """The key of a generation, in the middle of an icon's room."""
    ratio, side, room = 2.0, theme.px(9), theme.px(16)
    made = QPixmap(QSize(room, room) * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(in_force(color)))
    painter.drawRoundedRect(QRectF((room - side) / 2, (room - side) / 2, side, side), theme.px(2), theme.px(2))
    painter.end()
    return made


# The toolbar ----------------------------------------------------------------------------------------------------


class Toolbar(QWidget):
    """How the charts are drawn. `changed` when anything but the axis or Follow is."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.axis = Segment([axis.capitalize() for axis in get_args(Axis)], "Horizontal axis")
        self.smoothing = CalmSlider("Smoothing")
        self._weight = theme.dress(QLabel(), small=True)
        self.log_y, self.raw = (theme.dress(QCheckBox(text), small=True) for text in ("Log y", "Raw behind"))
        self.compare = theme.put_icon(theme.dress(QPushButton("Compare run"), small=True), "plus", "text", 14)
        self.follow = theme.put_icon(theme.dress(QPushButton("Follow"), small=True), "follow", "text", 14)
        self.compare_menu = StayingMenu(self.compare)
        self._lay_out()
        self._listen()
        self.smoothing.setValue(SMOOTHING)

    def weight(self) -> float:
        """Of the moving average, 0 to 0.99."""
        return self.smoothing.value() / 100

    def _open_menu(self) -> None:
        below = self.compare.mapToGlobal(QPoint(0, self.compare.height() + theme.px(4)))
        width = self.compare_menu.sizeHint().width()
        edge = self.window().mapToGlobal(QPoint(self.window().width(), 0)).x()
        self.compare_menu.popup(QPoint(min(below.x(), edge - width - theme.px(8)), below.y()))

    def _show_weight(self) -> None:
        self._weight.setText(f"{self.weight():.2f}")
        self.smoothing.setAccessibleDescription(f"{self.weight():.2f}")
        self.changed.emit()

    def _listen(self) -> None:
        self.smoothing.valueChanged.connect(self._show_weight)
        self.log_y.toggled.connect(self.changed)
        self.raw.toggled.connect(self.changed)
        self.compare.clicked.connect(self._open_menu)

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.smoothing.setRange(0, 99)
        self.smoothing.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.smoothing.setMinimumWidth(108)
        self._weight.setText("0.00")
        self.raw.setChecked(True)
        self.follow.setCheckable(True)
        self.follow.setChecked(True)
        self.follow.setToolTip("Keep the newest step in sight; zooming turns it off")
        self.compare.setToolTip("Draw the curves of other runs beside this one")
        caption = theme.dress(QLabel("Smoothing"), small=True, prose=True)
        caption.setBuddy(self.smoothing)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.axis)
        row.addWidget(caption)
        slider = QHBoxLayout()
        slider.setSpacing(8)
        slider.addWidget(self.smoothing)
        slider.addWidget(self._weight)
        row.addLayout(slider)
        row.addWidget(self.log_y)
        row.addWidget(self.raw)
        row.addStretch(1)
        row.addWidget(self.compare)
        row.addWidget(self.follow)


class StayingMenu(QMenu):
    """Stays open while things are ticked off in it; Esc or a click elsewhere closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        theme.round_menu(self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._toggle(self.actionAt(event.position().toPoint())):
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        pressed = event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if not (pressed and self._toggle(self.activeAction())):
            super().keyPressEvent(event)

    def _toggle(self, action: QAction | None) -> bool:
        if action is None or not action.isCheckable():
            return False
        if action.isEnabled():
            action.toggle()
        return True


# A chart and its place ------------------------------------------------------------------------------------------


class ChartSlot(QWidget):
    """A place for a chart. A small one has a menu of all charts that could stand there."""

    page_asked = Signal(str)

    def __init__(self, cursor: Cursor, small: bool = False) -> None:
        super().__init__()
        self.small = small
        self._cursor = cursor
        self._offered: tuple[str, ...] = ()
        self.more = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "chevron-down", size=12)
        self.more.setVisible(False)
        self.more.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = theme.round_menu(QMenu(self))
        self.more.setMenu(self.menu)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.page = live_model.PAGES["objective"]
        self.plot = self._make(self.page)

    @property
    def key(self) -> str:
        return self.page.key

    def show_page(self, page: Page) -> None:
        """Another chart: made anew, for how a chart writes its values is decided when it is made."""
        if page.key == self.page.key:
            return
        focused, gone = self.plot.hasFocus(), self.plot
        self.page, self.plot = page, self._make(page)
        self._cursor.tell_extent(gone, None)
        gone.hide()
        gone.deleteLater()
        if focused:
            self.plot.setFocus()

    def offer(self, pages: Sequence[Page]) -> None:
        """What the menu lists, once there is something to choose from."""
        keys = tuple(page.key for page in pages)
        if keys == self._offered or self.menu.isVisible():
            self._tick()
            return
        self._offered = keys
        self.menu.clear()
        for page in pages:
            action = self.menu.addAction(page.title)
            action.setCheckable(True)
            action.setData(page.key)
            action.setToolTip(page.why)
            action.triggered.connect(lambda _=False, key=page.key: self.page_asked.emit(key))
        self._tick()
        self.more.setVisible(self.small and len(pages) > 1)

    def _tick(self) -> None:
        for action in self.menu.actions():
            action.setChecked(action.data() == self.page.key)

    def _make(self, page: Page) -> CurvePlot:
        plot = CurvePlot(
            page.title,
            format=page.format,
            small=self.small,
            normalised=page.normalised,
            better=page.better,
        )
        plot.head_frame.setToolTip(page.why)
        plot.head.addWidget(self.more)
        self.more.setAccessibleName(f"Show another chart in place of {page.title}")
        self.more.setToolTip("Show another chart here")
        self._column.addWidget(plot)
        plot.show()  # which Qt would do one turn later, and what is not shown cannot take the focus
        self._cursor.attach(plot)
        return plot


# The drawer -----------------------------------------------------------------------------------------------------


class Drawer(QWidget):
    """Below the charts: the log, in its place the error card of a run that needs one, or the end of engine.log.

    `needs_seeing` when something has come that should not wait below the fold.
    """

    needs_seeing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.log, self.error, self.text = LogPane(), ErrorCard(), TextPane()
        self._failed = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.log, self.error, self.text):
            column.addWidget(part)
        self.text.hide()
        self.error.hide()
        self.text.closed.connect(self.close_text)

    def show_run(self, one: Followed, now: float) -> None:
        self.log.show_lines(one.state.log)
        failed, before = live_model.failure(one, now), self._failed
        self._failed = failed is not None
        if failed is not None:
            self.error.show_failure(*failed)
            self._give_room()
        self._choose()
        if self._failed and not before:
            self.needs_seeing.emit()

    def open_text(self, title: str, note: str, text: str) -> None:
        self.text.show_text(title, note, text)
        self.text.show()
        self._choose()
        self.text.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.needs_seeing.emit()

    def close_text(self) -> None:
        """Back to what was there, with the focus where it can go on."""
        had_focus = self.text.isAncestorOf(QApplication.focusWidget() or self)
        self.text.hide()
        self._choose()
        if had_focus:
            (self.error if self._failed else self.log.view).setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._give_room()

    def _give_room(self) -> None:
        """Wrapped text needs a height that depends on the width, which a scrolling page does not ask for by itself."""
        self.error.setMinimumHeight(max(0, self.error.heightForWidth(self.width())))

    def _choose(self) -> None:
        reading = not self.text.isHidden()
        self.error.setVisible(self._failed and not reading)
        self.log.setVisible(not self._failed and not reading)


class _Nothing(EmptyNote):
    """No run at all: where to find one."""

    def __init__(self) -> None:
        super().__init__("No run to look at yet", "start the sample or open a folder on the first screen")
        self.begin = QPushButton("To the first screen")
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        column.insertSpacing(column.count() - 1, 12)
        column.insertWidget(column.count() - 1, self.begin, 0, Qt.AlignmentFlag.AlignHCenter)
