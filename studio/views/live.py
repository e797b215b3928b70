"""The chosen run while it trains, or as it went: sentence and health, six charts, the probe images, the log.

Holds no numbers of its own: at each news of the Session one pass hands the followed run to the parts of the page, which
ask the live_*.py modules what there is to say. A hidden view does nothing until it is shown. What is chosen here (axis,
smoothing, runs to compare, which small chart stands where) is looks, and is forgotten with the window.

The cursor of the charts is the one place where the page is read: the probe images follow it, and their scrubber moves it.
"""

import time
from itertools import pairwise

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine import words
from studio import live_cures, live_curves, live_failures, live_snapshots, live_words, phrases, theme
from studio.live_curves import MOST_RUNS, Axis, Shown
from studio.live_snapshots import Unreadable
from studio.session import Followed, Session
from studio.widgets.chart_slot import ChartSlot
from studio.widgets.cursor import Cursor
from studio.widgets.empty import EmptyNote, LoadingNote
from studio.widgets.live_charts import LiveCharts
from studio.widgets.live_drawer import LiveDrawer
from studio.widgets.live_head import LiveHead
from studio.widgets.live_images import LiveImages
from studio.widgets.live_tools import LiveTools

WIDE = 1300  # from this width on, chips stand beside the sentence
LOW = 800  # below this height of the window the log is folded
LEFT, RIGHT = 676, 324  # shares of charts and probe images


class LiveView(QWidget):
    """`go` asks the window for another view."""

    go = Signal(str)
    export_wanted = Signal(str)  # a run
    report_wanted = Signal(str)  # a run or a lineage

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._stale = True
        self._related: tuple[object, ...] = ()  # what was last shown of other runs
        self._beside: dict[str, int] = {}  # runs to compare with, and the index of their colour
        self._axis: Axis = "step"
        self._log_by_hand: bool | None = None
        self._movable: tuple[QWidget, ...] = ()  # what the order of Tab was last made for
        self.reader = Cursor(self)
        self.header, self.tools, self.charts = LiveHead(), LiveTools(), LiveCharts(self.reader)
        self.probes, self.drawer = LiveImages(self.reader), LiveDrawer()
        self._pages, self._page = QStackedWidget(), QScrollArea()
        self._nothing, self._loading = _Nothing(), LoadingNote()
        self._look_again = QTimer(self, singleShot=True, interval=100)
        self._to_drawer = QTimer(self, singleShot=True, interval=0)
        self._lay_out()
        self._listen()

    @property
    def slots(self) -> list[ChartSlot]:
        return self.charts.slots

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
        self.drawer.fit(low)
        gap = 8 if low else 12
        self.charts.space(gap)
        self._columns.setSpacing(12)
        for column in (self._left, self._whole):
            column.setSpacing(gap)
        self._whole.setContentsMargins(16, 10 if low else 14, 16, 10 if low else 12)

    def _tell_step(self) -> None:
        """Where the charts are read is told to the views that read other runs there too."""
        one, x = self._session.chosen, self.reader.x
        step = None if one is None or x is None else round(live_curves.convert(one.state, x, self._axis, "step"))
        self._session.read_at(step)

    def _another(self) -> None:
        """Another run is looked at: read it from its newest end."""
        self.reader.release()
        self.reader.follow()
        self._tell_step()
        self.charts.forget_picked()
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
        if one is None or not (one.loaded and one.whole):
            self._show_why_not(one)
            return
        now, self._related = time.time(), self._relatives(one)
        self._pages.setCurrentWidget(self._page)
        self._show_header(one, now)
        self._show_charts(one, now)
        self.drawer.show_run(one, now)
        self._order_tabs()
        self.tools.show_resume("" if live_failures.failure(one, now) else phrases.resume_label(one))
        self.tools.show_beside(len(self._beside), possible=len(self._session.runs) > 1)

    def _show_why_not(self, one: Followed | None) -> None:
        self._pages.setCurrentWidget(self._nothing if one is None else self._loading)
        if one is not None:
            self._loading.show_progress(f"Reading {words.plural(one.state.count, 'event')}")
            self._look_again.start()  # the end of the reading alone is no news of the Session's

    # ---- head, charts and images ----------------------------------------------------------------------------------------

    def _show_header(self, one: Followed, now: float) -> None:
        self.header.show_path(one, self._session.lineage(one.lineage), now)
        self.header.show_sentence(live_words.sentence(one, now, self._session.source_of(one)))
        self.header.show_chips(live_words.chips(one))

    def _show_charts(self, one: Followed, now: float) -> None:
        runs, teacher = self._shown(one), self._session.teacher_of(one)
        self.charts.show_runs(runs, teacher, self.tools.manner(), now)
        self.probes.show_run(one, live_snapshots.networks(one, runs[0].color, teacher), self._axis)

    def _shown(self, one: Followed) -> list[Shown]:
        """The runs on the charts: the chosen one, then those beside it."""
        beside = [(other, place) for name, place in self._beside.items() if (other := self._session.followed(name))]
        return live_curves.shown(one, beside, self._session.lineage(one.lineage))

    def focus_chart(self, key: str) -> None:
        """Bring the chart that explains something into sight, and give it the focus."""
        slot = self.charts.slot_of(key)
        self._page.ensureWidgetVisible(slot)
        slot.plot.setFocus(Qt.FocusReason.OtherFocusReason)

    def _change_axis(self) -> None:
        """Another axis, the same moment and the same part in sight."""
        old, self._axis = self._axis, self.tools.manner().axis
        one = self._session.chosen
        x, held, seen = self.reader.x, self.reader.held, self.reader.x_range
        self.reader.release()
        self.reader.follow()
        self._show()
        if one is None:
            return
        if x is not None and held:
            self.reader.hold(live_curves.convert(one.state, x, old, self._axis))
        if seen is not None:
            self.reader.show_range(*(live_curves.convert(one.state, edge, old, self._axis) for edge in seen))

    def _follow(self, wanted: bool) -> None:
        if wanted:
            self.reader.follow()
        else:
            self.reader.show_range(*self.reader.in_sight())

    # ---- compared runs ------------------------------------------------------------------------------------------------

    def _offer_runs(self) -> None:
        one = self._session.chosen
        groups = [] if one is None else live_curves.to_compare(one, self._session.runs)
        self.tools.compare_menu.show_runs(groups, self._beside, MOST_RUNS - 1)

    def _compare(self, name: str, wanted: bool) -> None:
        self._beside.pop(name, None)
        if wanted:
            free = (place for place in range(1, MOST_RUNS) if place not in self._beside.values())
            self._beside[name] = next(free)
            self._session.wake([name])
        self.tools.compare_menu.allow(MOST_RUNS - 1)
        self._show()

    # ---- what happens to it -------------------------------------------------------------------------------------------

    def _act(self, remedy: str) -> None:
        one = self._session.chosen
        rate = live_failures.rate_in_force(one) if one is not None else None
        if remedy == live_failures.HALF_RATE and rate is not None:
            self._session.resume(changes=((live_failures.LEARNING_RATE, rate / 2),))
        elif remedy == "resume":
            self._session.resume()
        elif remedy == "kill":
            self._session.kill()
        elif one is not None:
            live_cures.carry_out(one, self._session, remedy)

    def _open_log(self) -> None:
        one = self._session.chosen
        if one is None:
            return
        try:
            text, note = live_snapshots.tail_of(one.run.log_path), f"{one.name}, its end"
        except Unreadable as problem:
            text, note = "", str(problem)
        self.drawer.open_text(one.run.log_path.name, note, text)

    def _copy_report(self) -> None:
        one = self._session.chosen
        if one is not None:
            QGuiApplication.clipboard().setText(live_failures.report(one, time.time()))

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

    def taken_of(self) -> str:
        """Whose charts and pictures are taken away, for the name of a file."""
        return self._session.chosen.name if self._session.chosen else ""

    def focus_filter(self) -> None:
        """That of the log, which is unfolded for it."""
        self._log_by_hand = False
        self._fit()
        self.drawer.log.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._to_drawer.start()

    def _fold_by_hand(self, folded: bool) -> None:
        self._log_by_hand = folded

    # ---- how it is made -------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        session, tools = self._session, self.tools
        session.state_changed.connect(self._show)
        session.chosen_changed.connect(self._another)
        session.runs_changed.connect(self._others)
        theme.signals.changed.connect(self._show)  # lines and sentence carry their colours
        self._look_again.timeout.connect(self._show)
        self.reader.changed.connect(self._tell_step)
        self.reader.x_range_changed.connect(lambda seen: tools.follow.setChecked(seen is None))
        self.header.run_asked.connect(session.choose)
        self.header.lineage_asked.connect(lambda: self.go.emit("generations"))
        self.header.chart_asked.connect(self.focus_chart)
        self.header.pass_on.export_asked.connect(self.export_wanted)
        self.header.pass_on.report_asked.connect(self.report_wanted)
        tools.axis.chosen.connect(self._change_axis)
        tools.changed.connect(self._show)
        tools.follow.clicked.connect(self._follow)
        tools.resume_asked.connect(lambda: session.resume())
        tools.compare_menu.aboutToShow.connect(self._offer_runs)
        tools.compare_menu.ticked.connect(self._compare)
        self.charts.exchanged.connect(self._order_tabs)
        self._nothing.begin.clicked.connect(lambda: self.go.emit("welcome"))
        self._listen_to_drawer()

    def _listen_to_drawer(self) -> None:
        self._to_drawer.timeout.connect(self._see_drawer)
        self.drawer.needs_seeing.connect(self._to_drawer.start)  # when it has its place
        self.drawer.log.folded_by_hand.connect(self._fold_by_hand)
        self.drawer.error.remedy_chosen.connect(self._act)
        self.drawer.error.log_asked.connect(self._open_log)
        self.drawer.error.copy_asked.connect(self._copy_report)

    def _lay_out(self) -> None:
        inside = QWidget()
        self._whole, self._columns, self._left = _PageLayout(inside), QHBoxLayout(), QVBoxLayout()
        self._whole.addWidget(self.header)
        self._whole.addWidget(self.tools)
        self._whole.addLayout(self._columns, 1)
        self._columns.addLayout(self._left, LEFT)
        self._columns.addWidget(self.probes, RIGHT)
        self._left.addWidget(self.charts, 1)
        self._left.addWidget(self.drawer)
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


class _Nothing(EmptyNote):
    """No run at all: where to find one."""

    def __init__(self) -> None:
        super().__init__("No run to look at yet", "start the sample or open a folder on the first screen")
        self.begin = QPushButton("To the first screen")
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        column.insertSpacing(column.count() - 1, 12)
        column.insertWidget(column.count() - 1, self.begin, 0, Qt.AlignmentFlag.AlignHCenter)
