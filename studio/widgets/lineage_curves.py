"""Validation curves of all generations: accuracy large, likelihood and agreement with the teacher beside it, one cursor.

Given the runs of a lineage, it decides with its own controls what of them is drawn.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QPainter, QPixmap, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine import words
from studio import theme
from studio.lineage_model import Align, Seen, Trace, mean_traces, seed_traces
from studio.widgets.cursor import Cursor
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Line
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Cell, Rows, Twin

EPOCH, IMAGES = "Epoch", "Images seen"
MEAN, EACH = "Mean and spread", "Each seed"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _short(value: float) -> str:
    return words.number(value, 2)


class LineageCurves(QWidget):
    """Reads the curves when it is in sight; hidden it only remembers whose they are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: list[Seen] = []
        self._ticks: dict[int, QCheckBox] = {}
        self.align = Segment([EPOCH, IMAGES], "Align by")
        self.seeds = Segment([MEAN, EACH], "Seeds")
        self.accuracy = CurvePlot(
            "Validation accuracy", "val/accuracy, %", format=_percent, better="high", crop_climb=True
        )  # fmt: skip
        self.likelihood = CurvePlot("Negative log-likelihood", "val/nll", format=_short, small=True, better="low")
        self.agreement = CurvePlot("Agreement with the teacher", "top-1, %", format=_percent, small=True)
        self._plots = {"val/accuracy": self.accuracy, "val/nll": self.likelihood, "agreement/top1@val": self.agreement}
        self.shared_cursor = Cursor(self)
        for plot in self._plots.values():
            self.shared_cursor.attach(plot)
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
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(theme.dress(QLabel("Align by"), small=True, prose=True))
        row.addWidget(self.align)
        row.addSpacing(4)
        row.addWidget(theme.dress(QLabel("Seeds"), small=True, prose=True))
        row.addWidget(self.seeds)
        row.addStretch(1)
        self._shown = QHBoxLayout()
        self._shown.setSpacing(12)
        row.addLayout(self._shown)
        row.addWidget(self._twin.button)
        return row

    def _charts(self) -> QWidget:
        inside = QWidget()
        right = QVBoxLayout()
        right.setSpacing(12)
        right.addWidget(self.likelihood, 1)
        right.addWidget(self.agreement, 1)
        row = QHBoxLayout(inside)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.accuracy, 3)
        row.addLayout(right, 2)
        self.accuracy.set_empty("No validation yet", "first value after epoch 1 of F0")
        self.likelihood.set_empty("No validation yet", "first value after epoch 1 of F0")
        self.agreement.set_empty("No agreement yet", "F0 has no teacher; first value after epoch 1 of F1")
        return inside

    def show_runs(self, runs: Sequence[Seen]) -> None:
        self._runs = list(runs)
        generations = sorted({one.generation for one in runs})
        if list(self._ticks) != generations:
            self._rebuild(generations)
        self.refresh()

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
            tick.setIcon(_key(generation))

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
            traces = seed_traces(runs, metric, align) if each else mean_traces(runs, metric, align)
            plot.set_x_name(align, corner=plot is not self.likelihood)
            plot.set_lines(lines(traces))
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


def lines(traces: Sequence[Trace]) -> list[Line]:
    """Traces as lines of a chart; each generation's name stands once at its end."""
    named: set[int] = set()
    made = []
    for trace in traces:
        made.append(
            Line(
                name=trace.name,
                x=trace.x,
                y=trace.y,
                color=theme.generation_color(trace.generation),
                kept=trace.kept,
                attempts=trace.attempts,
                spread=None if trace.sd is None else (trace.y - trace.sd, trace.y + trace.sd),
                end_label="" if trace.generation in named else f"F{trace.generation}",
            )
        )
        named.add(trace.generation)
    return made


def _key(generation: int) -> QIcon:
    """A short line in the generation's colour."""
    made = QPixmap(theme.px(14), theme.px(8))
    made.fill("transparent")
    painter = QPainter(made)
    painter.fillRect(0, theme.px(3), made.width(), theme.px(2), theme.color(theme.generation_color(generation)))
    painter.end()
    return QIcon(made)
