"""The first screen: the runs that are found here, ways to begin, and the lineages of this workspace.

Holds no numbers of its own: everything is asked of the Session whenever it has news. Opening a folder is the window's part;
this page only asks for it.
"""

import contextlib
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from engine import arrays, recipe, words
from studio import phrases, theme
from studio.session import SAMPLE, Followed, Session
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.lineage_table import Lineage, LineageTable, paint_chips
from studio.widgets.picture import Picture
from studio.widgets.sparkline import Sparkline
from studio.widgets.state_mark import StateMark

WIDEST = 1040  # the column, at scale 1
NARROW = 620  # below this width the cards stand below each other
FEW = 5  # rows of runs before "Show more"
DIGITS = 6  # on the sample's card
Bytes = NDArray[np.uint8]


class WelcomeView(QWidget):
    """Signals upward: `go` asks for another view, `new_wanted` for a new experiment, `folder_asked` for the folder's dialog."""

    go = Signal(str)
    new_wanted = Signal()
    folder_asked = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._all = False  # every run found is listed, not only the first few
        self.found = FoundCard()
        self.sample, self.new, self.folder = SampleCard(), NewCard(), FolderCard()
        self.lineages = LineageTable()
        self._heading, self._count = _heading("Runs found"), theme.dress(QLabel(), small=True, muted=True)
        self._where = theme.dress(ElidedLabel(), small=True, muted=True)
        self._column = QWidget()
        self._cards = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._recent = _heading("Recent lineages")
        self._lay_out()
        self._connect()
        self.offer_new(False)
        self._show()

    def offer_new(self, there_is_a_place: bool) -> None:
        """Whether recipes can be written in this window."""
        self.new.setVisible(there_is_a_place)
        self.folder.show_recipes(there_is_a_place)

    def show_last_folder(self, path: str) -> None:
        self.folder.show_last(path)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        narrow = self.width() < theme.px(NARROW)
        self._cards.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)

    # ---- showing ----------------------------------------------------------------------------------------------------------

    def _show_if_seen(self) -> None:
        if self.isVisible():
            self._show()

    def _show(self) -> None:
        now = time.time()
        self._show_found(now)
        runs = self._session.runs
        folder = self._session.workspace.folder
        self._where.setText(f"runs in {folder}" if folder.is_dir() else f"runs will be in {folder}, which the first one makes")
        self.sample.show_sample(sample_state(self._session), folder, primary=not runs)
        known = lineages(self._session, now)
        self.lineages.show_lineages(known)
        for widget in (self._recent, self.lineages.card):
            widget.setVisible(bool(known))

    def _show_found(self, now: float) -> None:
        runs = found(self._session)
        shown = runs if self._all else runs[:FEW]
        self._session.wake(one.name for one in shown)  # their curves are drawn
        self.found.show_runs(shown, now, more=len(runs) - len(shown))
        loading = self._session.loading
        self._count.setText(f"reading {words.plural(loading, 'run')}" if loading else count_words(runs))
        for widget in (self._heading, self._count, self.found):
            widget.setVisible(bool(runs))

    # ---- asking -----------------------------------------------------------------------------------------------------------

    def _attach(self, name: str) -> None:
        self._session.choose(name)
        self.go.emit("live")

    def _resume(self, name: str) -> None:
        self._session.choose(name)
        self._session.resume(name)

    def _begin_sample(self) -> None:
        state = sample_state(self._session)
        if state.at_work:
            self._attach(state.at_work)
        elif state.complete:
            self._open_lineage(state.lineage)
        elif self._session.start_sample():
            self.go.emit("live")

    def _open_lineage(self, name: str) -> None:
        runs = self._session.lineage(name)
        if runs:
            self._session.choose(max(runs, key=lambda one: (one.at_work, one.changed_at)).name)
            self.go.emit("generations")

    def _show_all(self) -> None:
        self._all = True
        self._show()

    # ---- building ---------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._session.runs_changed.connect(self._show_if_seen)
        theme.signals.changed.connect(self._limit_column)
        self.found.look_asked.connect(self._attach)
        self.found.resume_asked.connect(self._resume)
        self.found.more_asked.connect(self._show_all)
        self.sample.button.clicked.connect(self._begin_sample)
        self.new.button.clicked.connect(self.new_wanted)
        self.folder.button.clicked.connect(self.folder_asked)
        self.lineages.opened.connect(self._open_lineage)

    def _lay_out(self) -> None:
        inside = QVBoxLayout(self._column)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        name = theme.dress(QLabel("Filial"), figure=True)
        inside.addWidget(name)
        inside.addWidget(theme.dress(QLabel("Networks that learn from networks of their own kind."), prose=True))
        inside.addWidget(self._where)
        inside.addSpacing(16)
        inside.addLayout(_in_a_row(self._heading, self._count))
        inside.addWidget(self.found)
        inside.addSpacing(16)
        inside.addWidget(_heading("Begin"))
        self._cards.setSpacing(12)
        for card in (self.sample, self.new, self.folder):
            self._cards.addWidget(card, 1)
        inside.addLayout(self._cards)
        inside.addSpacing(16)
        inside.addWidget(self._recent)
        inside.addWidget(self.lineages.card)
        inside.addStretch(1)
        page = QHBoxLayout(self)
        page.setContentsMargins(24, 32, 24, 24)
        page.addStretch(1)
        page.addWidget(self._column, 1000)
        page.addStretch(1)
        self._limit_column()

    def _limit_column(self) -> None:
        self._column.setMaximumWidth(theme.px(WIDEST))


# Runs found -----------------------------------------------------------------------------------------------------


def found(session: Session) -> list[Followed]:
    """The runs worth a row: those at work, then those that ended before they were complete, the newest first."""
    order = ("lost", "failed", "paused", "stopped")
    known = [one for one in session.runs if one.loaded]
    at_work = [one for one in known if one.at_work or one.expected]
    ended = [one for one in known if one not in at_work and unfinished(one) in order]
    ended.sort(key=lambda one: (order.index(unfinished(one)), -one.changed_at))
    return at_work + ended


def unfinished(one: Followed) -> str:
    """How a run ended before it was complete: lost, failed, paused, stopped; empty for all others."""
    how = "lost" if one.word == "lost" else phrases.reason(one)
    return "" if how == "completed" else how


def count_words(runs: Sequence[Followed]) -> str:
    """ "1 running, 2 lost"."""
    kinds = ["running" if one.at_work else "starting" if one.expected else unfinished(one) for one in runs]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


class FoundCard(QFrame):
    """A row a run, in one card. The first row is always there, so that rows which come later find their place for Tab."""

    look_asked = Signal(str)
    resume_asked = Signal(str)
    more_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        theme.dress(self, panel=True)
        self.setAccessibleName("Runs found")
        self.rows: dict[str, FoundRow] = {}  # by the run's name, in order
        self._made: list[FoundRow] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self._rows)
        self._make_row()
        self.more = theme.dress(QPushButton(), flat=True, small=True)
        self.more.clicked.connect(self.more_asked)
        whole.addWidget(self.more)
        theme.signals.changed.connect(self._align)

    def show_runs(self, runs: Sequence[Followed], now: float, more: int) -> None:
        while len(self._made) < len(runs):
            self._make_row()
        self.rows = {one.name: row for one, row in zip(runs, self._made, strict=False)}
        first_at_work = next((one for one in runs if one.at_work), None)
        for one in runs:
            self.rows[one.name].show_run(one, now, primary=one is first_at_work)
        for place, row in enumerate(self._made):
            row.setVisible(place < len(runs))
        self.more.setVisible(more > 0)
        self.more.setText(f"Show {more} more")
        self._align()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._align()

    def _align(self) -> None:
        """The same columns in every row, as wide as the widest needs; where it is narrow the words have the curve's room."""
        for row in self.rows.values():
            row.curve.setVisible(self.width() >= theme.px(NARROW))
        for column in ("values", "acts"):
            parts = [getattr(row, column) for row in self.rows.values()]
            width = max((part.sizeHint().width() for part in parts), default=0)
            for part in parts:
                part.setMinimumWidth(width)

    def _make_row(self) -> None:
        row = FoundRow(ruled=bool(self._made))
        row.look.clicked.connect(lambda: self.look_asked.emit(row.name))
        row.resume.clicked.connect(lambda: self.resume_asked.emit(row.name))
        self._rows.addWidget(row)
        if self._made:
            QWidget.setTabOrder(self._made[-1].resume, row.look)
            QWidget.setTabOrder(row.look, row.resume)
        self._made.append(row)


class FoundRow(QWidget):
    """Mark, title and story, sparkline, best value, what can be done."""

    def __init__(self, ruled: bool) -> None:
        super().__init__()
        self.name = ""  # of the run that is shown
        self.mark = StateMark(16)
        self.title, self.story = ElidedLabel(), theme.dress(ElidedLabel(), small=True, prose=True)
        self.curve = Sparkline("Course of the best metric")
        self.best, self.best_name = QLabel(), theme.dress(QLabel(), small=True, muted=True)
        self.look, self.resume = QPushButton("Look"), QPushButton("Resume")
        self.values, self.acts = QWidget(), QWidget()
        self._lay_out(ruled)

    def show_run(self, one: Followed, now: float, primary: bool) -> None:
        self.name = one.name
        self.mark.show_state("starting" if one.expected else one.word, phrases.reason(one))
        theme.dress(self.title, title=True).setText(phrases.run_title(one))
        self.story.setText(phrases.story(one, now))
        self._show_curve(one)
        label = phrases.resume_label(one)
        if self.resume.hasFocus() and not label:
            self.look.setFocus()  # or it would go to the next button, and the key just pressed may be pressed again
        self.resume.setVisible(bool(label))
        self.resume.setToolTip(label)
        self.resume.setAccessibleName(f"{label}: {phrases.run_title(one)}")
        self.look.setVisible(bool(one.state.attempts) or one.at_work)
        self.look.setText("Attach" if one.at_work else "Look")
        theme.dress(self.look, primary=primary, flat=not one.at_work)
        self.look.setAccessibleName(f"{self.look.text()}: {phrases.run_title(one)}")

    def _show_curve(self, one: Followed) -> None:
        best = phrases.headline(one)
        self.best.setText(phrases.figure(*best[:2]) if best else "")
        self.best_name.setText(phrases.best_name(best[0]) if best else "")
        curve = one.state.curves.get(best[0]) if best else None
        if curve is None:
            self.curve.show_curve(np.empty(0), np.empty(0))
        else:
            kept = curve.kept
            say = functools.partial(phrases.figure, phrases.headline_name(one))
            self.curve.show_curve(curve.epochs[kept], curve.values[kept], end=float(one.state.epochs), say=say)

    def _lay_out(self, ruled: bool) -> None:
        left, right, acts = QVBoxLayout(), QVBoxLayout(self.values), QHBoxLayout(self.acts)
        row, whole = QHBoxLayout(), QVBoxLayout(self)
        for layout, lines in ((left, (self.title, self.story)), (right, (self.best, self.best_name))):
            layout.setSpacing(2)
            for line in lines:
                layout.addWidget(line)
        for label in (self.title, self.story):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        right.setContentsMargins(0, 0, 0, 0)
        acts.setContentsMargins(0, 0, 0, 0)
        acts.setSpacing(8)
        acts.addStretch(1)
        acts.addWidget(self.look)
        acts.addWidget(self.resume)
        row.setContentsMargins(16, 10, 12, 10)
        row.setSpacing(12)
        row.addWidget(self.mark)
        row.addLayout(left, 1)
        for part in (self.curve, self.values, self.acts):
            row.addSpacing(12)
            row.addWidget(part)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        if ruled:
            whole.addWidget(rule())
        whole.addLayout(row)


# Begin ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SampleState:
    """How far the sample is in this workspace."""

    lineage: str
    generations: int
    seeds: int
    begun: bool = False
    complete: bool = False
    at_work: str = ""  # a run of it that is being trained

    @property
    def act(self) -> str:
        if self.at_work:
            return "Watch the sample"
        if self.complete:
            return "Look at the sample"
        return "Go on with the sample" if self.begun else "Start the sample"


@functools.cache
def _sample_recipe() -> recipe.Recipe:
    return recipe.read(SAMPLE).recipe


def sample_state(session: Session) -> SampleState:
    asked = _sample_recipe()
    names = [recipe.run_name(asked.lineage, seed, k) for seed in asked.seeds for k in range(asked.generations + 1)]
    runs = [one for name in names if (one := session.followed(name)) is not None]
    at_work = next((one.name for one in runs if one.at_work or one.expected), "")
    complete = len(runs) == len(names) and all(one.state.completed for one in runs)
    begun = any(one.state.attempts for one in runs)
    return SampleState(asked.lineage, asked.generations, len(asked.seeds), begun, complete, at_work)


class SampleCard(Card):
    """Born-again training on real digits, one press away."""

    def __init__(self) -> None:
        super().__init__("Try the sample")
        self.button = QPushButton()
        self._words = _prose("")
        self._digits = [Picture(32) for _ in range(DIGITS)]
        self._from: tuple[str, ...] = ()
        self.head.insertWidget(0, theme.put_icon(QLabel(), "flask", "accenttext", 16))
        row = QHBoxLayout()
        row.setSpacing(6)
        for digit in self._digits:
            digit.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            row.addWidget(digit)
        row.addStretch(1)
        _fill_card(self, self._words, row, self.button)

    def show_sample(self, state: SampleState, workspace: Path, primary: bool) -> None:
        chains = f"{words.plural(state.seeds, 'chain')} of F0 to F{state.generations}"
        self._words.setText(f"Born-again training on 1,797 real digits: {chains}, about a minute on two cores.")
        self.button.setText(state.act)
        theme.dress(self.button, primary=primary)
        caches = tuple(str(path) for path in sorted((workspace / "data").glob("digits-*.npz"))) or ("",)
        if caches != self._from:
            self._from = caches
            for index, (picture, digit) in enumerate(zip(self._digits, sample_digits(caches[0]), strict=True)):
                picture.show_picture(digit, f"digit {index + 1} of {DIGITS}")


def sample_digits(cache: str) -> list[Bytes]:
    """Six digits [8, 8] of different classes: from the workspace's own cache, or from the strip that comes with Filial."""
    if cache:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pictures, labels = arrays.read(cache, "pictures", "labels").values()
            places = [int(np.flatnonzero(labels == label)[0]) for label in (3, 7, 0, 9, 4, 2)]
            return [np.ascontiguousarray(pictures[place, 0]) for place in places]
    strip = QImage.fromData(resources.files("assets").joinpath("sample-digits.png").read_bytes())
    grey = strip.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(grey.constBits(), np.uint8).reshape(grey.height(), grey.bytesPerLine())[:, : grey.width()]
    return [np.ascontiguousarray(digit) for digit in np.split(rows, DIGITS, axis=1)]


class NewCard(Card):
    """A recipe of one's own."""

    def __init__(self) -> None:
        super().__init__("New experiment")
        self.button = QPushButton("New experiment")
        self.head.insertWidget(0, theme.put_icon(QLabel(), "plus", "accenttext", 16))
        row = QHBoxLayout()
        row.addWidget(_Generations())
        _fill_card(self, _prose("Choose data, a method and a few numbers; see the cost before it starts."), row, self.button)


class _Generations(QWidget):
    """What comes of it: F0 teaches F1, which teaches F2."""

    ROW = Lineage("", "", tuple((k, None) for k in range(4)), "", "")

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(0, theme.px(32))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_chips(painter, self.rect(), self.ROW)


class FolderCard(Card):
    """A run or a workspace from anywhere on disk."""

    def __init__(self) -> None:
        super().__init__("Open folder")
        self.button = QPushButton("Open folder")
        self._words = _prose("")
        self._last = theme.dress(ElidedLabel(), small=True, muted=True)
        self.head.insertWidget(0, theme.put_icon(QLabel(), "folder", "accenttext", 16))
        row = QHBoxLayout()
        row.addWidget(self._last)
        _fill_card(self, self._words, row, self.button)

    def show_recipes(self, too: bool) -> None:
        also = ", a recipe too" if too else ""
        self._words.setText(f"A run, or a folder with runs in it. Or drop it anywhere on this window{also}.")

    def show_last(self, path: str) -> None:
        self._last.setText(f"last: {path}" if path else "")


def _fill_card(card: Card, text: QLabel, row: QHBoxLayout, button: QPushButton) -> None:
    """Words, one row of something, a button: the same heights in all cards."""
    card.head.setContentsMargins(16, 8, 16, 0)
    card.body.setContentsMargins(16, 4, 16, 16)
    card.body.setSpacing(10)
    card.body.addWidget(text)
    card.body.addStretch(1)
    card.body.addLayout(row)
    card.body.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)


# Recent lineages ------------------------------------------------------------------------------------------------


def lineages(session: Session, now: float) -> list[Lineage]:
    """The lineages in which something has happened, the last changed first."""
    by_name: dict[str, list[Followed]] = {}
    for one in session.runs:
        by_name.setdefault(one.lineage, []).append(one)
    begun = {name: runs for name, runs in by_name.items() if any(one.changed_at for one in runs)}
    newest_first = sorted(begun.items(), key=lambda item: -max(one.changed_at for one in item[1]))
    return [_lineage(name, runs, now) for name, runs in newest_first]


def _lineage(name: str, runs: Sequence[Followed], now: float) -> Lineage:
    tested: dict[int, list[float]] = {}
    for one in (one for one in runs if not one.run.forked_from):
        found = phrases.tested(one)
        tested.setdefault(one.generation, []).extend([found[1]] if found else [])
    means = tuple((k, float(np.mean(tested[k])) if tested[k] else None) for k in sorted(tested))
    last = max(runs, key=lambda one: one.generation)
    method = f"{phrases.method_words(last.method)}, {phrases.model_words(last.recipe.model)}" if last.recipe else ""
    best = max((value for _, value in means if value is not None), default=None)
    measured = next((found[0] for one in runs if (found := phrases.tested(one))), phrases.ACCURACY)
    said = phrases.value_words(measured, best) if best is not None else ""
    return Lineage(name, method, means, said, words.day(max(one.changed_at for one in runs), now))


# Small things ---------------------------------------------------------------------------------------------------


def _heading(text: str) -> QLabel:
    return theme.dress(QLabel(text), prose=True)


def _prose(text: str) -> QLabel:
    label = theme.dress(QLabel(text), prose=True)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _in_a_row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row
