"""Validation curves of all generations: what matters large, two signs beside it, one cursor.

Given the runs of a lineage, it decides with its own controls what of them is drawn. Which three charts there are follows
from what the runs measure: accuracy, nearest neighbours where nothing classifies, the features alone where nothing is labelled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine import words
from studio import theme
from studio.lineage_model import AVERAGES, Align, Seen, Trace, mean_traces, seed_traces
from studio.widgets.card import ElidedLabel
from studio.widgets.cursor import Cursor
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Better, Line
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Cell, Rows, Twin


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _short(value: float) -> str:
    return words.number(value, 2)


def _whole(value: float) -> str:
    return f"{value:.0f}"


class Measure(NamedTuple):
    """A chart: its metric, how it is called and written, what stands there before the first value."""

    metric: str
    title: str
    subtitle: str
    format: Callable[[float], str]
    empty: tuple[str, str] = ("No validation yet", "first value after epoch 1 of F0")
    better: Better | None = None
    crop_climb: bool = False


EPOCH, IMAGES = "Epoch", "Images seen"
MEAN, EACH = "Mean and spread", "Each seed"


LATER = ("No value yet", "the first comes with the first probe of F0")
ACCURACY = (
    Measure("val/accuracy", "Validation accuracy", "val/accuracy, %", _percent, better="high", crop_climb=True),
    Measure("val/nll", "Negative log-likelihood", "val/nll", _short, better="low"),
    Measure("agreement/top1@val", "Agreement with the teacher", "top-1, %", _percent,
            ("No agreement yet", "F0 has no teacher; first value after epoch 1 of F1")),
)  # fmt: skip
RANK = Measure("feature/rank@val", "Feature rank", "feature/rank, RankMe", _short, LATER)
NEIGHBOURS = (
    Measure("knn/teacher@val", "k-NN of the teacher", "knn/teacher, val, %", _percent, LATER, "high", crop_climb=True),
    Measure("knn/student@val", "k-NN of the student", "knn/student, val, %", _percent, LATER, "high"),
    RANK,
)
OF_STUDENTS = (  # of a frozen network: its own average is kept
    NEIGHBOURS[0]._replace(metric="knn/average@val", title="k-NN of the average", subtitle="knn/average, val, %"),
    *NEIGHBOURS[1:],
)
FEATURES = (
    RANK,
    Measure("feature/std@val", "Spread of the features", "feature/std", _short, LATER),
    Measure("teacher/prototypes_used@val", "Prototypes in use", "teacher/prototypes_used", _whole, LATER),
)


def measures(runs: Sequence[Seen]) -> tuple[Measure, Measure, Measure]:
    """What these runs are measured by."""
    if not any(one.method in AVERAGES for one in runs):
        return ACCURACY
    by_neighbours = {"knn/average@val", "knn/teacher@val"}
    labelled = any(by_neighbours & set(one.state.curves) for one in runs)
    if not labelled and any(RANK.metric in one.state.curves for one in runs):
        return FEATURES
    return OF_STUDENTS if any(one.recipe and one.recipe.teacher for one in runs) else NEIGHBOURS


class LineageCurves(QWidget):
    """Reads the curves when it is in sight; hidden it only remembers whose they are. `beside_asked`: another lineage, or no
    more of it.
    """

    beside_asked = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: list[Seen] = []
        self._ticks: dict[int, QCheckBox] = {}
        self._beside: dict[str, list[Seen]] = {}  # runs of other lineages, by name
        self.others, self.menu = theme.dress(QPushButton(), small=True), theme.round_menu(QMenu(self))
        self._said = theme.dress(ElidedLabel(), small=True, prose=True)
        self._said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.align = Segment([EPOCH, IMAGES], "Align by")
        self.seeds = Segment([MEAN, EACH], "Seeds")
        self._measures: tuple[Measure, ...] = ()
        self._plots: dict[str, CurvePlot] = {}
        self._inside, self._left, self._right = QWidget(), QVBoxLayout(), QVBoxLayout()
        self.shared_cursor = Cursor(self)
        self._twin = Twin(self._charts(), self._rows, "Validation curves")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._head())
        column.addWidget(self._twin, 1)
        theme.signals.changed.connect(self._redress)

    def _head(self) -> QHBoxLayout:
        self.seeds.setToolTip("The mean of the seeds that are complete, and one standard deviation to either side")
        for segment in (self.align, self.seeds):
            segment.chosen.connect(self.refresh)
        self.others.setText("Compare lineage")
        theme.put_icon(self.others, "plus", size=14)
        self.others.setMenu(self.menu)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(theme.dress(QLabel("Align by"), small=True, prose=True))
        row.addWidget(self.align)
        row.addSpacing(4)
        row.addWidget(theme.dress(QLabel("Seeds"), small=True, prose=True))
        row.addWidget(self.seeds)
        row.addSpacing(4)
        row.addWidget(self.others)
        row.addWidget(self._said, 1)
        self._shown = QHBoxLayout()
        self._shown.setSpacing(12)
        row.addLayout(self._shown)
        row.addWidget(self._twin.button)
        return row

    def _charts(self) -> QWidget:
        row = QHBoxLayout(self._inside)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self._right.setSpacing(12)
        row.addLayout(self._left, 3)
        row.addLayout(self._right, 2)
        self._measure(ACCURACY)
        return self._inside

    def _measure(self, wanted: tuple[Measure, ...]) -> None:
        """Other charts, made anew: how a chart writes its values is decided when it is made."""
        if wanted == self._measures:
            return
        self._measures = wanted
        for gone in self._plots.values():
            self.shared_cursor.tell_extent(gone, None)
            gone.hide()
            gone.deleteLater()
        self._plots = {one.metric: self._plot(one, small=place > 0) for place, one in enumerate(wanted)}
        for place, plot in enumerate(self._plots.values()):
            (self._right if place else self._left).addWidget(plot, 1)

    def _plot(self, one: Measure, small: bool) -> CurvePlot:
        given: dict[str, Any] = {"format": one.format, "small": small, "better": one.better, "crop_climb": one.crop_climb}
        plot = CurvePlot(one.title, one.subtitle, parent=self._inside, **given)
        plot.set_empty(*one.empty)
        self.shared_cursor.attach(plot)
        return plot

    @property
    def plots(self) -> list[CurvePlot]:
        """The large chart, then the two beside it."""
        return list(self._plots.values())

    def show_runs(self, runs: Sequence[Seen]) -> None:
        self._runs = list(runs)
        self._measure(measures(runs))
        generations = sorted({one.generation for one in runs})
        if list(self._ticks) != generations:
            self._rebuild(generations)
        self.refresh()

    def offer(self, names: Sequence[str]) -> None:
        """Other lineages that are measured alike, in the menu."""
        self.others.setVisible(bool(names))
        if [action.text() for action in self.menu.actions()] != list(names):
            self.menu.clear()
            for name in names:
                action = self.menu.addAction(name)
                action.setCheckable(True)
                action.toggled.connect(lambda wanted, name=name: self.beside_asked.emit(name, wanted))
        for action in self.menu.actions():
            action.blockSignals(True)
            action.setChecked(action.text() in self._beside)
            action.blockSignals(False)

    def show_beside(self, beside: Mapping[str, Sequence[Seen]]) -> None:
        """The newest generation of other lineages, drawn with the one that is looked at."""
        self._beside = {name: list(runs) for name, runs in beside.items()}
        self._redress()
        self.refresh()

    def say(self, verdicts: Sequence[str]) -> None:
        """What may be said of this lineage against those beside it."""
        self._said.setText("; ".join(verdicts))

    def tick(self, generation: int) -> QCheckBox:
        return self._ticks[generation]

    def _rebuild(self, generations: Sequence[int]) -> None:
        hidden = {generation for generation, tick in self._ticks.items() if not tick.isChecked()}
        while (item := self._shown.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._ticks = {}
        for generation in generations:
            tick = theme.dress(QCheckBox(f"F{generation}"), small=True)
            tick.setChecked(generation not in hidden)
            tick.setAccessibleName(f"Show F{generation}")
            tick.toggled.connect(self.refresh)
            self._shown.addWidget(tick)
            self._ticks[generation] = tick
        self._redress()

    def _redress(self) -> None:
        for generation, tick in self._ticks.items():
            tick.setIconSize(QSize(theme.px(14), theme.px(8)))
            tick.setIcon(_key(self._color(generation)))

    def _color(self, generation: int) -> str:
        """The ramp, unless other lineages are on the charts: then each line has one of the eight hues."""
        return theme.run_color(list(self._ticks).index(generation)) if self._beside else theme.generation_color(generation)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Draw what is wanted now."""
        if not self.isVisible():
            return
        align: Align = "epoch" if self.align.current() == EPOCH else "images seen"
        runs = [one for one in self._runs if self._ticks[one.generation].isChecked()]
        each = self.seeds.current() == EACH
        for metric, plot in self._plots.items():
            read = seed_traces if each else mean_traces
            drawn = lines(read(runs, metric, align), self._color)
            for place, (name, others) in enumerate(self._beside.items(), len(self._ticks)):
                drawn += beside(read(others, metric, align), name, theme.run_color(place))
            plot.set_x_name(align, corner=plot is not self.plots[1])
            plot.set_lines(drawn)
        self._twin.refresh()

    def _rows(self) -> Rows:
        """The numbers of all three charts under each other."""
        tables = {plot.accessibleName(): plot.table() for plot in self._plots.values()}
        names = list(dict.fromkeys(name for table in tables.values() for name in table[0][1:]))
        rows: list[list[Cell]] = [["", next(iter(tables.values()))[0][0], *names]]
        for title, (head, *values) in tables.items():
            for row in values:
                found = dict(zip(head[1:], row[1:]))
                rows.append([title, row[0], *(found.get(name) for name in names)])
        return rows


def lines(traces: Sequence[Trace], color: Callable[[int], str] = theme.generation_color) -> list[Line]:
    """Traces as lines of a chart; each generation's name stands once at its end."""
    named: set[int] = set()
    made = []
    for trace in traces:
        made.append(
            Line(
                name=trace.name,
                x=trace.x,
                y=trace.y,
                color=color(trace.generation),
                kept=trace.kept,
                attempts=trace.attempts,
                spread=None if trace.sd is None else (trace.y - trace.sd, trace.y + trace.sd),
                end_label="" if trace.generation in named else f"F{trace.generation}",
            )
        )
        named.add(trace.generation)
    return made


def beside(traces: Sequence[Trace], name: str, color: str) -> list[Line]:
    """Another lineage's newest generation under that lineage's name."""
    newest = max((trace.generation for trace in traces), default=0)
    made = lines([trace for trace in traces if trace.generation == newest], lambda _: color)
    named = [f"{name} {line.name.partition(' ')[2]}".strip() for line in made]
    ends = [name, *[""] * len(made)]
    return [replace(line, name=said, end_label=end) for line, said, end in zip(made, named, ends, strict=False)]


def _key(color: str) -> QIcon:
    """A short line in a colour."""
    made = QPixmap(theme.px(14), theme.px(8))
    made.fill("transparent")
    painter = QPainter(made)
    painter.fillRect(0, theme.px(3), made.width(), theme.px(2), theme.color(color))
    painter.end()
    return QIcon(made)
