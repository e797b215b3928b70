"""The schedules of a recipe: every knob that changes while it trains, over epochs or steps, and its runs."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine import words
from engine.recipe import Recipe
from studio import recipe_schedules, theme
from studio.recipe_before import Before, Floats
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.run_grid import RunGrid
from studio.widgets.schedule_plot import Drawn, SchedulePlot
from studio.widgets.segment import Segment
from studio.widgets.table_twin import Rows, Twin

TALLEST = 300  # of a plot, pixels at scale 1: a schedule is read by its shape, not by its height
UNKNOWN = "How many steps there are is known once the pictures are: press Measure"


class SchedulesCard(Card):
    """Holds the curves of the recipe it was shown last. `before_chosen`: the run whose values are to stand behind, or ""."""

    before_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Schedules", ruled=True)
        self.across = Segment(("Epoch", "Step"), "Across")
        self._curves: list[recipe_schedules.Curve] = []
        self._known = False
        self._before: Before | None = None
        self._runs: list[tuple[str, str]] = []  # that may stand behind
        self.before = theme.quiet_field(QComboBox())
        self._before_row = self._make_before()
        self.plots: list[SchedulePlot] = []
        self._drawing = QWidget()
        self._column = QVBoxLayout(self._drawing)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.runs, self._runs_words = RunGrid(), theme.dress(ElidedLabel(), small=True, muted=True)
        self._below = self._make_below()
        self._column.addWidget(self._below)
        self._column.addStretch(1)
        self.twin = Twin(self._scrolling(self._drawing), self._rows, "Schedules")
        self.calculate = theme.dress(QPushButton("Calculators"), small=True, flat=True)
        self.calculate.setToolTip("A learning rate for another batch, and how far back a teacher looks")
        self.head.addWidget(self.calculate)
        self.head.addWidget(self.twin.button)
        self.head.addWidget(self.across)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addWidget(self._before_row)
        self.body.addWidget(self.twin)
        self.before.activated.connect(lambda place: self.before_chosen.emit(self.before.itemData(place)))
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

    def offer_before(self, runs: Sequence[tuple[str, str]], chosen: str) -> None:
        """(name, label) of the runs whose values may stand behind the curves."""
        if self._runs != list(runs):
            self._runs = list(runs)
            self.before.clear()
            for name, label in [*runs, ("", "nothing")]:
                self.before.addItem(label, name)
        self.before.setCurrentIndex(max(0, self.before.findData(chosen)))
        self._before_row.setVisible(bool(runs))

    def show_before(self, before: Before | None) -> None:
        """What an earlier run wrote; None for none."""
        self._before = before
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
        by_step = self.across.current() == "Step"
        before, per_epoch = self._before, curve.steps_per_epoch if by_step else 1
        told = (curve.name, curve.note, curve.telling, curve.epochs * per_epoch, curve.values, "step" if by_step else "epoch")
        if before is None or curve.metric not in before.curves:
            return Drawn(*told)
        epochs, values = before.curves[curve.metric]
        return Drawn(*told, (epochs * (before.steps_per_epoch if by_step else 1), values), before.label)

    def _rows(self) -> Rows:
        """Whole epochs, at most some forty of them."""
        if not self._curves:
            return [["epoch"]]
        last = int(self._curves[0].epochs[-1])
        epochs = range(0, last + 1, max(1, -(-last // 40)))
        theirs = self._before.curves if self._before else {}
        named = [curve for curve in self._curves if curve.metric in theirs]
        behind = [f"{curve.name}, {self._before.label if self._before else ''}" for curve in named]
        rows: list[list[str | float | None]] = [["epoch", *(curve.name for curve in self._curves), *behind]]
        for epoch in epochs:
            values = [_at(curve.epochs, curve.values, epoch) for curve in self._curves]
            rows.append([str(epoch), *values, *(_at(*theirs[curve.metric], epoch) for curve in named)])
        return rows

    def _make_before(self) -> QWidget:
        row = QWidget()
        inside = QHBoxLayout(row)
        inside.setContentsMargins(12, 8, 12, 0)
        inside.setSpacing(8)
        name = theme.dress(QLabel("Behind, in grey"), small=True, muted=True)
        name.setBuddy(self.before)
        self.before.setAccessibleName("Earlier run behind the curves")
        self.before.setToolTip("The values that an earlier run had, as it wrote them while it trained")
        theme.dress(self.before, small=True)
        self.before.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        inside.addWidget(name)
        inside.addWidget(self.before, 1)
        row.hide()
        return row

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

    def _scrolling(self, inside: QWidget) -> QScrollArea:
        """Four curves are higher than a small window: they scroll here, and not the whole page."""
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        return area

    def _fit(self) -> None:
        for plot in self.plots:
            plot.setMaximumHeight(theme.px(TALLEST))


def _at(epochs: Floats, values: Floats, epoch: int) -> str:
    """The value there, nothing after the last one."""
    place = int(epochs.searchsorted(epoch))
    return words.rate(float(values[place])) if place < len(values) else ""
