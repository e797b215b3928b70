"""Calibration of a lineage: a reliability diagram for each generation, and ECE and NLL with their spread over seeds."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from engine import words
from engine.compare import Ensemble
from studio import theme
from studio.lineage_pictures import Calibration, mean_and_spread
from studio.widgets.card import Card
from studio.widgets.reliability_plot import ReliabilityPlot, bin_rows, whole_words
from studio.widgets.table_twin import Cell, Rows, TableTwin, Twin

EXPLAINED = (
    "How often a generation is right (up, %) where it is so sure (across, %): all seeds together, 15 bins. On the dotted line "
    "it keeps its word, below it is too sure, above it not sure enough. Bars count the answers."
)


class LineageCalibration(QWidget):
    """Given calibrations and ensembles, it draws the first and lists both."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._calibrations: list[Calibration] = []
        self._plots: dict[int, ReliabilityPlot] = {}
        self._grid_of = QWidget()
        self._grid = QGridLayout(self._grid_of)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._grid_of)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._twin = Twin(area, self._rows, "Reliability of all generations")
        self.summary = TableTwin("ECE and NLL of each generation and ensemble")
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self._twin, 5)
        row.addWidget(self._summary_card(), 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._head())
        column.addLayout(row, 1)

    def _head(self) -> QHBoxLayout:
        explained = theme.dress(QLabel(EXPLAINED), small=True, prose=True)
        explained.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(explained, 1)
        head.addWidget(self._twin.button)
        return head

    def _summary_card(self) -> Card:
        card = Card("Over the seeds", "mean ± sd")
        card.body.setContentsMargins(4, 0, 4, 4)
        card.body.addWidget(self.summary)
        card.setMinimumWidth(theme.px(300))
        self._card = card
        return card

    def show_calibrations(self, calibrations: Sequence[Calibration], ensembles: Sequence[Ensemble]) -> None:
        self._calibrations = list(calibrations)
        if list(self._plots) != [one.generation for one in calibrations]:
            self._rebuild()
        for one in calibrations:
            self._plots[one.generation].show_calibration(one)
        self.summary.show_rows(summary_rows(calibrations, ensembles))
        self.setAccessibleDescription(". ".join(f"F{one.generation}: {', '.join(whole_words(one))}" for one in calibrations))
        self._twin.refresh()

    def plot(self, generation: int) -> ReliabilityPlot:
        return self._plots[generation]

    def _rebuild(self) -> None:
        for plot in self._plots.values():
            self._grid.removeWidget(plot)
            plot.deleteLater()
        self._plots = {one.generation: ReliabilityPlot(one.generation) for one in self._calibrations}
        columns = min(4, len(self._plots)) or 1
        for place, plot in enumerate(self._plots.values()):
            self._grid.addWidget(plot, place // columns, place % columns)

    def _rows(self) -> Rows:
        rows = [bin_rows(one) for one in self._calibrations]
        return [rows[0][0], *(row for some in rows for row in some[1:])] if rows else [[]]


def summary_rows(calibrations: Sequence[Calibration], ensembles: Sequence[Ensemble]) -> Rows:
    """One row a generation, then the ensembles, which are one number a set: they average within each seed."""
    rows: list[list[Cell]] = [["", "ECE", "± sd", "NLL", "± sd"]]
    rows += [[f"F{one.generation}", *mean_and_spread(one.ece), *mean_and_spread(one.nll)] for one in calibrations]
    return rows + [[_short(one), words.number(one.ece), None, words.number(one.nll), None] for one in ensembles]


def _short(one: Ensemble) -> str:
    return one.name if len(one.members) <= 3 else f"F{one.members[0]}+…+F{one.members[-1]}"
