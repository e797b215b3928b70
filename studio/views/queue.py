"""All runs of the workspace in the order of their turn: what waits, what is at work, what a person must decide.

Shows what the Session says and nothing else: any number of windows and command lines may change the queue, so a wish is passed
on, and rows change when the order on disk has. What is chosen, folded and filtered is looks, forgotten with the window. A
hidden view does nothing until it is shown.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.recipe import Recipe, RecipeFile
from studio import live_cures, live_failures, queue_acts, queue_columns, queue_model, queue_presets, queue_words, theme, watch
from studio.offers import Offers
from studio.queue_columns import Column
from studio.queue_model import SEGMENTS, Row, Wanted
from studio.session import Followed, Session
from studio.widgets.card import Card, rule
from studio.widgets.empty import EmptyNote
from studio.widgets.error_card import ErrorCard
from studio.widgets.grid_dialog import GridDialog
from studio.widgets.notes_card import NotesCard
from studio.widgets.queue_head import QueueHead
from studio.widgets.run_card import ALWAYS, RunCard
from studio.widgets.run_rows import HEADS, HIDEABLE
from studio.widgets.run_table import RunTable
from studio.widgets.segment import Segment
from studio.widgets.stop_button import ACTS

SIDE, LEAST_SIDE, SHARE = 336, 250, 0.34  # width of the right column: that share of a page which is narrow for its scale
REFRESH_MS = 200  # news come up to five times a second; so often is looked at most
READING_MS = 500  # while runs are read for the first time all of them are news
WRITING_S = 0.01  # for the rows of runs that have just been read


class QueueView(QWidget):
    """Signals upward: a new experiment, one like a run, a run to look at."""

    new_wanted = Signal()
    duplicate_wanted = Signal(str)
    opened = Signal(str)
    export_wanted = Signal(str)  # a run
    report_wanted = Signal(str)  # a run or a lineage

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._looks = queue_columns.load()
        self._wanted = Wanted(added=self._looks.added)
        self._blocks: queue_model.Blocks = {}
        self._stale = True
        self._behind = False  # not all rows are made
        self._offers = Offers(session, self)
        self._offered: list[str] = []  # runs that may be left out
        self._met = False  # a first row was chosen for the person once
        self.head, self.table, self.error, self.card = QueueHead(), RunTable(), ErrorCard(), RunCard()
        self.notes = NotesCard()
        self._noted: tuple[str, ...] = ()  # whose notes are shown
        self.filter, self.segment = QLineEdit(), Segment(SEGMENTS, "Which runs")
        self.columns, self.column_menu = theme.dress(QPushButton("Columns"), small=True), theme.round_menu(QMenu(self))
        self.nothing, self.no_match = _Empty("New experiment"), _Empty("Show all runs")
        self._pages, self._tables, self._side = QStackedWidget(), QStackedWidget(), QScrollArea()
        self._soon = QTimer(self, singleShot=True, interval=REFRESH_MS)
        for column in HIDEABLE:
            self.table.show_column(column, HEADS[column] not in self._looks.hidden)
        self._dress()
        self._lay_out()
        self._listen()

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
        self._side.setFixedWidth(min(theme.px(SIDE), max(theme.px(LEAST_SIDE), int(self.width() * SHARE))))
        self._give_room()

    def _news(self) -> None:
        """Shown at once where it is seen, and then not again for a moment."""
        self._stale = True
        if self.isVisible() and not self._soon.isActive():
            self._show()
            self._soon.start(READING_MS if self._session.loading else REFRESH_MS)

    def _show_again(self) -> None:
        if self._stale:
            self._news()

    def _show(self) -> None:
        """The one pass: rows, sentence, segments, card."""
        self._stale = not self.isVisible()
        if self._stale:
            return
        session, now = self._session, time.time()
        self._pages.setCurrentIndex(0 if session.runs else 1)
        self._read_at_cursor()
        ends, counted = queue_words.ends(session, now), queue_words.census(session)
        rows = queue_model.rows(session, self._wanted, ends, now, self._blocks, self._writing_turn())
        self.head.show_sentence(queue_words.sentence(session, ends, now, counted))
        self.head.show_queue(session.working and not session.held, bool(session.queue))
        for segment, count in queue_model.counts(session, counted).items():
            self.segment.relabel(segment, f"{segment} {count}")
        self.table.show_added(self._wanted.added)
        self.table.show_order(self._wanted.sort, self._wanted.falling)
        self.table.show_rows(rows)
        seen = (one for row in self.table.seen() for one in self._runs([row]))
        session.wake(queue_columns.unread(self._wanted.added, seen))
        self._offers.look()
        self._show_offer()
        self._tables.setCurrentIndex(0 if rows else 1)
        self._choose_first(rows)
        self._show_side()

    def _writing_turn(self) -> Callable[[], bool]:
        """While many are read the rows of more lineages are made within a budget; those left over have the next turns."""
        if not (self._session.loading or self._behind):
            return bool
        self._behind, over = False, watch.turn_of(WRITING_S)

        def is_over() -> bool:
            if over():
                self._behind = self._stale = True
                self._soon.start()
            return self._behind

        return is_over

    def _read_at_cursor(self) -> None:
        """Columns at the cursor are those of where it stands now."""
        step = self._session.cursor_step
        added = tuple(replace(one, step=step if one.kind == queue_columns.CURSOR else None) for one in self._wanted.added)
        self._wanted = replace(self._wanted, added=added)

    def _needs_more(self) -> bool:
        """Whether rows that have just come into sight rest on events that are not read."""
        seen = (one for row in self.table.seen() for one in self._runs([row]))
        self._stale |= bool(queue_columns.unread(self._wanted.added, seen))
        return self._stale and not self._soon.isActive()

    def _show_offer(self) -> None:
        said, self._offered = self._offers.newest()
        self.head.show_offer(said)

    def _leave_out(self) -> None:
        self._session.take_out(self._offered)

    def _choose_first(self, rows: list[Row]) -> None:
        """Once: what needs a decision, else what is at work, else the first there is."""
        if self._met or not rows or self._session.loading:
            return
        self._met = True
        runs = [row for row in rows if row.kind != "group"]
        needy = [row for row in runs if any(queue_model.belongs(one, "To decide", self._session) for one in self._runs([row]))]
        busy = [row for row in runs if any(queue_model.belongs(one, "At work", self._session) for one in self._runs([row]))]
        self.table.choose([(needy or busy or runs or rows)[0].key])

    # ---- what is chosen -----------------------------------------------------------------------------------------------

    def chosen(self) -> list[Followed]:
        """The runs of the selected rows."""
        return self._runs(self.table.chosen())

    def _runs(self, rows: list[Row]) -> list[Followed]:
        names = dict.fromkeys(name for row in rows for name in row.names)
        return [one for name in names if (one := self._session.followed(name)) is not None]

    def _show_side(self) -> None:
        """The card of what is chosen. Where the button that has the keyboard goes away, the table takes over."""
        focus = QApplication.focusWidget()
        beside = focus is not None and self._side.isAncestorOf(focus)
        self._fill_side()
        if beside and not (focus is not None and focus.isVisible()):
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _fill_side(self) -> None:
        runs, now = self.chosen(), time.time()
        self.card.setVisible(bool(runs))
        failed = queue_acts.failure(runs[0], self._session, now) if len(runs) == 1 else None
        self.error.setVisible(failed is not None)
        if failed is not None:
            self.error.show_failure(*failed)
        self._show_notes(runs)
        if runs:
            self._show_card(runs, explained=failed is not None)
        self._give_room()

    def _show_notes(self, runs: list[Followed]) -> None:
        names = tuple(one.name for one in runs)
        if names != self._noted:
            self.notes.finish()
            self._noted = names
        self.notes.setVisible(bool(runs))
        if runs:
            common = [tag for tag in runs[0].notes.tags if all(tag in one.notes.tags for one in runs)]
            self.notes.show_notes(", ".join(common), runs[0].notes.note if len(runs) == 1 else None)

    def _write_tags(self, text: str) -> None:
        """Of several runs only what they have in common was shown: each keeps its own besides."""
        runs = [one for name in self._noted if (one := self._session.followed(name)) is not None]
        common = [tag for tag in runs[0].notes.tags if all(tag in one.notes.tags for one in runs)] if runs else []
        for one in runs:
            own = [tag for tag in one.notes.tags if tag not in common]
            self._session.write_notes([one.name], tags=", ".join([text, *own]))

    def _show_card(self, runs: list[Followed], explained: bool) -> None:
        """`explained`: the card above has the remedies."""
        last = max(runs, key=lambda one: one.generation)
        if last.recipe is None:
            self.card.show_runs(queue_acts.title(runs), "", (), last.problem)
        else:
            preset, changes = queue_presets.difference(last.recipe)
            note = "" if changes else f"As in {preset}, field by field."
            self.card.show_runs(queue_acts.title(runs), f"differs from {preset}" if changes else "", changes, note)
        acts = [act for act in queue_acts.state_acts(runs, self._session) if not (explained and act.key == "resume")]
        silent = explained and runs[0].word == "unresponsive"
        self.card.show_acts(acts, {} if silent else queue_acts.stops(runs))

    def _give_room(self) -> None:
        """Wrapped text needs a height that depends on the width, which a scrolling column does not ask for by itself."""
        if (layout := self.error.layout()) is not None:
            layout.activate()  # what it showed before is forgotten
        self.error.setMinimumHeight(max(0, self.error.heightForWidth(self._side.width())))

    # ---- what is asked ------------------------------------------------------------------------------------------------

    def _act(self, key: str) -> None:
        """An act of the card or the menu, for all that is chosen."""
        runs = self.chosen()
        if not runs:
            return
        names, session = [one.name for one in runs], self._session
        acts: dict[str, Callable[[], object]] = {
            "pause": lambda: session.pause(names[0]),
            "resume": lambda: session.resume(names[0]),
            "start": lambda: session.resume(queue_acts.startable(runs, session)),
            "queue": lambda: session.enqueue(queue_acts.idle(runs)),
            "front": lambda: session.move(queue_acts.ahead_of(self._movable(), session), 0),
            "take out": self._take_out,
            "duplicate": lambda: self.duplicate_wanted.emit(names[-1]),
            "grid": lambda: self._offer_grid(names[-1]),
            "export": lambda: self.export_wanted.emit(names[-1]),
            "report": lambda: self.report_wanted.emit(names[0] if len(runs) == 1 else runs[0].lineage),
            "folder": lambda: _open(runs[0].run.folder if len(runs) == 1 else session.workspace.folder),
            "trash": lambda: session.trash(names),
            "live": lambda: self._open_run(runs),
            **{f"stop {way}": lambda way=way: self._stop(way) for way in ACTS},  # type: ignore[misc]
        }
        acts[key]()

    def _offer_grid(self, name: str) -> None:
        """Of the recipe that the run's lineage was made from."""
        text = self._session.recipe_text(name)
        one = self._session.followed(name)
        if not text or one is None:
            return
        lineage = self._session.lineage(one.lineage)
        pace = queue_words.Pace(lineage)
        took = [pace.seconds(each) for each in lineage]

        def seconds(asked: Recipe) -> float | None:
            """As long as the runs of this lineage took; other values may well take another time."""
            known = [each for each in took if each is not None]
            return sum(known) / len(known) * len(asked.seeds) * (asked.generations + 1) if known else None

        self.grid = GridDialog(text, "RECIPE", seconds, self)
        self.grid.asked.connect(self._add_files)
        self.grid.open()

    def _add_files(self, files: list[RecipeFile]) -> None:
        if self._session.add_grid(files):
            self.grid.close()
        else:
            self.grid.show_problem(self._session.refusal)

    def _stop(self, way: str) -> None:
        for one in self.chosen()[:1]:
            if way == "kill":
                self._session.kill(one.name)
            else:
                self._session.stop(way, one.name)

    def _remedy(self, key: str) -> None:
        one = next(iter(self.chosen()), None)
        if one is None:
            return
        rate, root = live_failures.rate_in_force(one), queue_words.root_of(one, self._session)
        if key == live_failures.HALF_RATE and rate is not None:
            self._session.resume(one.name, changes=((live_failures.LEARNING_RATE, rate / 2),))
        elif key == queue_acts.RESUME_TEACHER and root is not None:
            self._session.resume(root.name)
        elif key == "resume":
            self._session.resume(one.name)
        elif key == "kill":
            self._session.kill(one.name)
        else:
            live_cures.carry_out(one, self._session, key)

    def _open_row(self, place: int) -> None:
        self._open_run(self._runs([self.table.runs.rows[place]]))

    def _open_run(self, runs: list[Followed]) -> None:
        """Of several the one at work, else the one that changed last."""
        if runs:
            self.opened.emit(max(runs, key=lambda one: (one.at_work or one.expected, one.changed_at)).name)

    def _culprits(self) -> list[Followed]:
        """Whom the error card is about: of a blocked run the one that blocks it."""
        return [queue_words.root_of(one, self._session) or one if one.word == "blocked" else one for one in self.chosen()[:1]]

    def _open_log(self) -> None:
        for one in self._culprits():
            _open(one.run.log_path if one.run.log_path.exists() else one.run.folder)

    def _copy_report(self) -> None:
        for one in self._culprits():
            QGuiApplication.clipboard().setText(live_failures.report(one, time.time()))

    # ---- the order ----------------------------------------------------------------------------------------------------

    def _movable(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.table.chosen() for name in row.movable))

    def _take_out(self) -> None:
        if names := self._movable():
            self._session.take_out(names)

    def _drop(self, names: list[str], row: int) -> None:
        if self._is_sorted():
            return
        queue = self._session.queue
        self._session.move(names, queue_model.place_above(row, self.table.runs.rows, queue, names))

    def _is_sorted(self) -> bool:
        """Rows that are ordered by a column do not show whose turn it is: what is moved among them is refused in words."""
        if self._wanted.sort:
            how = f"Runs are ordered by {self._wanted.sort}, not by their turn"
            self._session.refused.emit(f"{how}; press that head until its arrow is gone, then move them.")
        return bool(self._wanted.sort)

    def _nudge(self, step: int) -> None:
        """By one run; whole lineages pass whole lineages."""
        if self._is_sorted():
            return
        chosen, names = self.table.chosen(), self._movable()
        whole = all(row.depth == 0 for row in chosen)
        passable = {
            one.name: one.lineage if whole else one.name for one in self._session.runs if one.place and not one.expected
        }
        place = queue_model.place_beside(names, -1 if step < 0 else 1, self._session.queue, passable)
        if place is not None:
            self._session.move(names, place)

    def _hold(self, wanted: bool) -> None:
        if wanted:
            self._session.hold_queue()
        else:
            self._session.start_queue()

    # ---- what is in sight ---------------------------------------------------------------------------------------------

    def _turn(self, place: int) -> None:
        self._want(self._wanted.turned(self.table.runs.rows[place]))

    def _want(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._show()

    def focus_filter(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _show_all(self) -> None:
        self.filter.clear()
        self.segment.choose("All")
        self._want(replace(self._wanted, text="", segment="All"))

    def _offer_columns(self) -> None:
        menu = self.column_menu
        theme.clear_menu(menu)
        for column in HIDEABLE:
            self._offer_column(menu, HEADS[column], self.table.shows_column(column), partial(self._hide, column))
        menu.addSeparator()
        known = queue_columns.metrics(self._session.runs)
        for kind, said in queue_columns.OF_METRICS.items():
            title = "Metric at Live's cursor" if kind == queue_columns.CURSOR else f"{said.capitalize()} of a metric"
            self._offer_added(menu, title, [Column(kind, name) for name in known])
        self._offer_added(menu, "Field of the recipe", [Column("field", path) for path in queue_columns.fields()])
        for name in queue_columns.WRITTEN:
            self._offer_added_one(menu, Column("written", name), name.capitalize())
        corner = self.columns.mapToGlobal(QPoint(self.columns.width() - menu.sizeHint().width(), self.columns.height() + 4))
        menu.popup(corner)

    def _offer_added(self, menu: QMenu, title: str, columns: Sequence[Column]) -> None:
        below = theme.round_menu(QMenu(title, menu))
        menu.addMenu(below)
        for column in columns:
            self._offer_added_one(below, column, column.name)
        below.setEnabled(bool(columns))
        below.setStyleSheet("QMenu { menu-scrollable: 1; }")

    def _offer_added_one(self, menu: QMenu, column: Column, label: str) -> None:
        self._offer_column(menu, label, column in self._looks.added, partial(self._add_column, column))

    def _offer_column(self, menu: QMenu, label: str, shown: bool, act: Callable[[bool], None]) -> None:
        action = menu.addAction(label)
        action.setCheckable(True)
        action.setChecked(shown)
        action.toggled.connect(act)

    def _hide(self, column: int, shown: bool) -> None:
        self.table.show_column(column, shown)
        self._remember(self._looks.with_hidden(HEADS[column], not shown))

    def _add_column(self, column: Column, shown: bool) -> None:
        self._remember(self._looks.with_column(column, shown))
        if not shown and self._wanted.sort == column.head:
            self._wanted = replace(self._wanted, sort="")
        self._want(replace(self._wanted, added=self._looks.added))

    def _remember(self, looks: queue_columns.Looks) -> None:
        self._looks = looks
        queue_columns.save(looks)

    def menu_of_chosen(self) -> QMenu:
        """What can be done with what is chosen, as a menu."""
        runs, menu = self.chosen(), theme.round_menu(QMenu(self))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._offer(menu, "live", "Open in Live")
        menu.addSeparator()
        for way in queue_acts.stops(runs):
            self._offer(menu, f"stop {way}", ACTS[way])
        for act in queue_acts.state_acts(runs, self._session):
            self._offer(menu, act.key, act.label)
        menu.addSeparator()
        for act in ALWAYS:
            self._offer(menu, act.key, act.label)
        return menu

    def _offer(self, menu: QMenu, key: str, label: str) -> None:
        action = menu.addAction(label)
        action.setData(key)
        action.triggered.connect(lambda: self._act(key))

    def _show_menu(self, where: QPoint) -> None:
        if self.chosen():
            self.menu_of_chosen().popup(where)

    # ---- how it is made -------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._session.runs_changed.connect(self._news)
        self._session.cursor_moved.connect(self._news)
        self._offers.changed.connect(self._show_offer)
        self.head.left_out.connect(self._leave_out)
        self.table.verticalScrollBar().valueChanged.connect(lambda: self._soon.start() if self._needs_more() else None)
        self._soon.timeout.connect(self._show_again)
        theme.signals.changed.connect(self._redress)
        self.head.hold_asked.connect(self._hold)
        self.head.new_asked.connect(self.new_wanted)
        self.nothing.button.clicked.connect(self.new_wanted)
        self.no_match.button.clicked.connect(self._show_all)
        self.filter.textChanged.connect(lambda text: self._want(replace(self._wanted, text=text.strip())))
        self.segment.chosen.connect(lambda segment: self._want(replace(self._wanted, segment=segment)))
        self.columns.clicked.connect(self._offer_columns)
        self._listen_to_table()
        self.notes.tags_written.connect(self._write_tags)
        self.notes.note_written.connect(lambda text: self._session.write_notes(self._noted, note=text))
        self.card.asked.connect(self._act)
        self.card.stop_asked.connect(self._stop)
        self.card.kill_asked.connect(lambda: self._stop("kill"))
        self.error.remedy_chosen.connect(self._remedy)
        self.error.log_asked.connect(self._open_log)
        self.error.copy_asked.connect(self._copy_report)

    def _listen_to_table(self) -> None:
        table = self.table
        table.selection_moved.connect(self._show_side)
        table.opened.connect(self._open_row)
        table.turned.connect(self._turn)
        table.order_asked.connect(lambda head: self._want(self._wanted.sorted_by(head)) if head else None)
        table.nudged.connect(self._nudge)
        table.taken_out.connect(self._take_out)
        table.menu_asked.connect(self._show_menu)
        table.runs.dropped.connect(self._drop, Qt.ConnectionType.QueuedConnection)  # when Qt is done with the drop

    def _redress(self) -> None:
        self.head.redress()
        self._fit()

    def _dress(self) -> None:
        self.filter.setPlaceholderText("filter runs")
        self.filter.setToolTip(
            "Words of name, state, method, tags or note, and conditions: state=failed, tag=good, lr=0.1, width>16"
        )
        self.filter.setAccessibleName("Filter runs")
        theme.dress(self.filter, small=True)
        self.filter.setTextMargins(theme.px(18), 0, 0, 0)
        inside, lens = QHBoxLayout(self.filter), theme.put_icon(QLabel(), "search", "muted", 14)
        inside.setContentsMargins(8, 0, 0, 0)
        inside.addWidget(lens)
        inside.addStretch(1)
        lens.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.put_icon(self.columns, "chevron-down", "text2", 12)
        self.columns.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the arrow after the word
        self.columns.setToolTip("Which columns are shown")
        self.nothing.show_note("No runs here yet", "an experiment puts its runs into the queue")
        self.no_match.show_note("No run is like that", "other words, or another choice above, show more")
        self._side.setWidgetResizable(True)
        self._side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _lay_out(self) -> None:
        column, body = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(12)
        column.addWidget(self.head)
        column.addWidget(self._pages, 1)
        page = QWidget()
        page.setLayout(body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(12)
        body.addWidget(self._table_card(), 1)
        body.addWidget(self._side)
        self._side.setWidget(self._side_column())
        self._pages.addWidget(page)
        self._pages.addWidget(self.nothing)

    def _table_card(self) -> QFrame:
        card, tools = Card(), QHBoxLayout()
        tools.setContentsMargins(12, 8, 12, 8)
        tools.setSpacing(8)
        self.filter.setMaximumWidth(theme.px(200))
        for part in (self.filter, self.segment):
            tools.addWidget(part)
        tools.addStretch(1)
        tools.addWidget(self.columns)
        card.body.setContentsMargins(0, 0, 0, 0)
        card.body.setSpacing(0)
        card.body.addLayout(tools)
        card.body.addWidget(rule())
        self._tables.addWidget(self.table)
        self._tables.addWidget(self.no_match)
        card.body.addWidget(self._tables, 1)
        return card

    def _side_column(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.error)
        column.addWidget(self.card)
        column.addWidget(self.notes)
        column.addStretch(1)
        return inside


class _Empty(EmptyNote):
    """A sentence, and below it what to do."""

    def __init__(self, act: str) -> None:
        super().__init__()
        self.button = QPushButton(act)
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        column.insertSpacing(column.count() - 1, 12)
        column.insertWidget(column.count() - 1, self.button, 0, Qt.AlignmentFlag.AlignHCenter)


def _open(path: object) -> None:
    """In the file manager, or whatever else the desktop opens it with."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
