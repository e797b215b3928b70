"""The averaged prediction of several generations (BANE): which take part, how well the average does, what each adds."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QHBoxLayout, QLabel, QWidget

from studio import theme
from studio.lineage_model import Averaged
from studio.widgets.card import ElidedLabel
from studio.widgets.hints import put_hint
from studio.widgets.painted import Swatch

KINDS = ("probabilities", "logits")


class EnsembleStrip(QFrame):
    """`chosen` brings the ticked generations and what of them is averaged."""

    chosen = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, panel=True)
        self.setAccessibleName("Ensemble")
        self._ticks: dict[int, QCheckBox] = {}
        self._title = theme.dress(QLabel("Ensemble"), bold=True)
        put_hint(self._title, "Born-Again networks averaged (BANE): the mean of what several generations say of a picture")
        self._members = QHBoxLayout()
        self._members.setSpacing(4)
        self._kind = theme.quiet_field(theme.dress(QComboBox(), small=True))
        self._kind.addItems([f"mean of {kind}" for kind in KINDS])
        self._kind.setAccessibleName("What is averaged")
        self._kind.activated.connect(self._tell)
        self._figure = QLabel()
        self._spread = theme.dress(QLabel(), small=True, muted=True)
        self._gain = theme.dress(QLabel(), small=True)
        self._over = theme.dress(QLabel("over the mean of its members"), small=True, prose=True)
        self._adds = theme.dress(ElidedLabel(), small=True, muted=True)
        self._note = theme.dress(ElidedLabel(), small=True, prose=True)
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self._title)
        row.addLayout(self._members)
        for widget in (self._kind, self._figure, self._spread):
            row.addWidget(widget)
        row.addSpacing(8)
        for widget in (self._gain, self._over, self._note):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._adds)

    def show_members(self, generations: Sequence[int], chosen: Sequence[int]) -> None:
        """A check box for each generation that has finished anything."""
        if list(self._ticks) != list(generations):
            self._rebuild(generations)
        for generation, tick in self._ticks.items():
            tick.setChecked(generation in chosen)

    def _rebuild(self, generations: Sequence[int]) -> None:
        while (item := self._members.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._ticks = {}
        for generation in generations:
            tick = theme.dress(QCheckBox(f"F{generation}"), small=True)
            tick.setAccessibleName(f"F{generation} takes part")
            tick.clicked.connect(self._tell)
            self._members.addSpacing(4)
            self._members.addWidget(Swatch(generation))
            self._members.addWidget(tick)
            self._ticks[generation] = tick

    def tick(self, generation: int) -> QCheckBox:
        return self._ticks[generation]

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(generation for generation, tick in self._ticks.items() if tick.isChecked())

    def show_result(self, result: Averaged | None, note: str = "") -> None:
        """The average, or a note in its place."""
        for widget in (self._figure, self._spread, self._gain, self._over, self._adds):
            widget.setVisible(result is not None)
        self._note.setVisible(result is None)
        self._note.setText(note)
        told = note
        if result is not None:
            self._figure.setText(result.figure)
            self._spread.setText(result.spread)
            self._gain.setText(result.gain)
            each = ", ".join(f"F{member} {share}" for member, share in result.contributions)
            self._adds.setText(f"each adds {each}")
            told = f"{result.figure} {result.spread}, {result.gain} over the mean of its members; each adds {each}"
        put_hint(self, result.why if result else "")
        self.setAccessibleDescription(told)

    def _tell(self) -> None:
        self.chosen.emit(self.members, KINDS[self._kind.currentIndex()])
