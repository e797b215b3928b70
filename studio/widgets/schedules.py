"""The schedules of a recipe: every knob that changes while it trains, over epochs or steps, and its runs."""

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine import words
from engine.recipe import Recipe
from studio import recipe_schedules, theme
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.run_grid import RunGrid
from studio.widgets.schedule_plot import Drawn, SchedulePlot
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Rows, Twin

TALLEST = 300  # of a plot, pixels at scale 1: a schedule is read by its shape, not by its height
UNKNOWN = "How many steps there are is known once the pictures are: press Measure"


class SchedulesCard(Card):
    """Holds the curves of the recipe it was shown last."""

    def __init__(self) -> None:
        super().__init__("Schedules", ruled=True)
        self.across = Segment(("Epoch", "Step"), "Across")
        self._curves: list[recipe_schedules.Curve] = []
        self._known = False
        self.plots: list[SchedulePlot] = []
        self._drawing = QWidget()
        self._column = QVBoxLayout(self._drawing)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.runs, self._runs_words = RunGrid(), theme.dress(ElidedLabel(), small=True, muted=True)
        self._below = self._make_below()
        self._column.addWidget(self._below)
        self._column.addStretch(1)
        self.twin = Twin(self._drawing, self._rows, "Schedules")
        self.calculate = theme.dress(QPushButton("Calculators"), small=True, flat=True)
        self.calculate.setToolTip("A learning rate for another batch, and how far back a teacher looks")
        self.head.addWidget(self.calculate)
        self.head.addWidget(self.twin.button)
        self.head.addWidget(self.across)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self.twin)
        self.across.chosen.connect(self._draw)
        theme.signals.changed.connect(self._fit)

    def show_recipe(self, asked: Recipe, steps_per_epoch: int | None) -> None:
        self._curves = recipe_schedules.curves(asked, steps_per_epoch)
        self._known = steps_per_epoch is not None
        self.across.offer("Step", self._known, "" if self._known else UNKNOWN)
        if not self._known:
            self.across.choose("Epoch")
        self.runs.show_lineage(asked.seeds, asked.generations)
        runs = len(asked.seeds) * (asked.generations + 1)
        self._runs_words.setText(f"{words.plural(runs, 'run')}, {words.count(runs * asked.training.epochs)} epochs in all")
        self._draw()

    def _draw(self) -> None:
        while len(self.plots) < len(self._curves):
            plot = SchedulePlot()
            self._column.insertWidget(len(self.plots), plot, 1)
            self.plots.append(plot)
        for place, plot in enumerate(self.plots):
            plot.setVisible(place < len(self._curves))
            if place < len(self._curves):
                plot.show_curve(self._drawn(self._curves[place]), last=place == len(self._curves) - 1)
        self.twin.refresh()
        self._fit()

    def _drawn(self, curve: recipe_schedules.Curve) -> Drawn:
        if self.across.current() == "Step":
            return Drawn(curve.name, curve.note, curve.telling, curve.epochs * curve.steps_per_epoch, curve.values, "step")
        return Drawn(curve.name, curve.note, curve.telling, curve.epochs, curve.values, "epoch")

    def _rows(self) -> Rows:
        """Whole epochs, at most some forty of them."""
        if not self._curves:
            return [["epoch"]]
        last = int(self._curves[0].epochs[-1])
        epochs = range(0, last + 1, max(1, -(-last // 40)))
        rows: list[list[str | float | None]] = [["epoch", *(curve.name for curve in self._curves)]]
        for epoch in epochs:
            values = [words.rate(float(curve.values[int(curve.epochs.searchsorted(epoch))])) for curve in self._curves]
            rows.append([str(epoch), *values])
        return rows

    def _make_below(self) -> QWidget:
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 12, 0)
        head.addWidget(QLabel("Runs"))
        head.addWidget(self._runs_words)
        head.addStretch(1)
        inside = QHBoxLayout()
        inside.setContentsMargins(12, 0, 12, 12)
        inside.addWidget(self.runs)
        column.addWidget(rule())
        column.addLayout(head)
        column.addLayout(inside)
        return below

    def _fit(self) -> None:
        for plot in self.plots:
            plot.setMaximumHeight(theme.px(TALLEST))
