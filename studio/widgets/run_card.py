"""The card of the chosen runs: in what their recipe differs from its preset, and what can be done with them.

Given words; what an act does is left to whoever listens to `asked`. An act that is not possible now is not offered.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.queue_acts import Act
from studio.queue_presets import Change
from studio.widgets.act_row import ActRow
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.stop_button import StopButton

MOST = 7  # fields in sight; the rest is counted
ALWAYS = (
    Act("duplicate", "Duplicate with a change", "plus", "A new experiment that begins with this recipe"),
    Act("grid", "Add a grid", "", "This recipe with each of several values of a field, as lineages of their own"),
    Act("export", "Export", "export", "The weights, or what was measured, for other programs"),
    Act("report", "Report", "file", "All about it in one HTML file"),
    Act("folder", "Folder", "folder", "Open the folder in the file manager"),
    Act("trash", "To trash", "", "Into the workspace's trash; nothing is deleted"),
)


class RunCard(Card):
    """`asked` tells the key of an act; a run at work has the button that stops it three ways."""

    asked = Signal(str)
    stop_asked = Signal(str)
    kill_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._shown: tuple[object, ...] = ()
        self._name = ElidedLabel()
        self._beside = theme.dress(ElidedLabel(), small=True, muted=True)
        self._note = theme.dress(QLabel(), small=True, prose=True)
        self._fields, self._grid = QWidget(), QGridLayout()
        self._state_row, self.always = QWidget(), ActRow()
        self.by_state = ActRow()
        self.stop = StopButton(small=True)
        self.stop.stop_asked.connect(self.stop_asked)
        self.stop.kill_asked.connect(self.kill_asked)
        self._lay_out()
        for row in (self.always, self.by_state):
            row.asked.connect(self.asked)
        self.always.show_acts(ALWAYS)

    def show_runs(self, title: str, beside: str, changes: Sequence[Change], note: str = "") -> None:
        """What is chosen, and the fields that are not as in the preset; in their place perhaps a note."""
        shown = (title, beside, tuple(changes), note)
        if shown == self._shown:
            return
        self._shown = shown
        self._name.setText(title)
        self._beside.setText(beside)
        more = f"and {len(changes) - MOST} more" if len(changes) > MOST else ""
        self._note.setText(note or more)
        self._note.setVisible(bool(self._note.text()))
        self._fill(changes[:MOST])
        self.setAccessibleName(title)
        said = "; ".join(f"{path} {value}, preset {preset}" for path, preset, value in changes)
        self.setAccessibleDescription(f"{beside}: {said}" if said else note)

    def show_acts(self, acts: Sequence[Act], stops: dict[str, str]) -> None:
        self.by_state.show_acts(acts)
        self.stop.setVisible(bool(stops))
        self.stop.show_choices(**stops)
        self._state_row.setVisible(bool(acts or stops))

    def _fill(self, changes: Sequence[Change]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for place, change in enumerate(changes):
            cells = (
                theme.dress(_Cell(change.path), prose=True),
                theme.dress(_Cell(change.preset), muted=True),
                _Cell(change.value),
            )
            for column, cell in enumerate(cells):
                self._grid.addWidget(cell, 2 * place, column)
            self._grid.addWidget(rule(), 2 * place + 1, 0, 1, 3)
        self._fields.setVisible(bool(changes))

    def _lay_out(self) -> None:
        head, state = QHBoxLayout(), QHBoxLayout(self._state_row)
        head.setContentsMargins(12, 8, 12, 8)
        head.addWidget(self._name)
        head.addStretch(1)
        head.addWidget(self._beside)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        for column, stretch in enumerate((6, 4, 4)):
            self._grid.setColumnStretch(column, stretch)
        self._fields.setLayout(self._grid)
        self._note.setWordWrap(True)
        self._note.setContentsMargins(12, 6, 12, 6)
        state.setContentsMargins(6, 8, 6, 0)
        state.setSpacing(6)
        state.addWidget(self.stop)
        state.addWidget(self.by_state, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(6, 8, 6, 8)
        foot.addWidget(self.always)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addLayout(head)
        self.body.addWidget(rule())
        for part in (self._fields, self._note, self._state_row):
            self.body.addWidget(part)
        self.body.addLayout(foot)


class _Cell(ElidedLabel):
    """A word of the table, as high as its rows, giving way to its column."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setContentsMargins(12, 0, 4, 0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(40), max(theme.px(29), self.fontMetrics().height() + theme.px(11)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()
