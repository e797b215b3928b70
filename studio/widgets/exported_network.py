"""Which network of a run is exported: of which of its checkpoints, and whether the student or its average.

Nothing chosen is what `filial export` takes by itself: the newest checkpoint, and of it what the run is kept for.
"""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from engine import words
from studio import theme
from studio.inspect_model import Network, Part


class ExportedNetwork(QWidget):
    """Two lists, each only where it has more than one thing. `networks`: as inspect_model has them, the newest first."""

    changed = Signal()

    def __init__(self, networks: Sequence[Network], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: dict[int, list[Part]] = {}
        for one in networks:
            self._parts.setdefault(one.step, []).append(one.part)
        self.step, self.which = (theme.quiet_field(theme.dress(QComboBox(), small=True)) for _ in range(2))
        self.step.setAccessibleName("Checkpoint")
        self.which.setAccessibleName("Student or teacher")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(theme.dress(QLabel("Network"), small=True, prose=True))
        row.addWidget(self.step)
        row.addWidget(self.which)
        row.addStretch(1)
        self._fill_steps()
        self._fill_which()
        if not self.offers:
            self.hide()
        self.step.currentIndexChanged.connect(self._take_step)
        self.which.currentIndexChanged.connect(self.changed)

    @property
    def offers(self) -> bool:
        """Whether there is anything to choose."""
        return len(self._parts) > 1 or any(len(parts) > 1 for parts in self._parts.values())

    @property
    def asked(self) -> tuple[str, ...]:
        """What is chosen, as options of `filial export`; none for what it takes by itself."""
        step, which = self.step.currentData(), self.which.currentData()
        return (*(("--step", str(step)) if step is not None else ()), *(("--which", which) if which else ()))

    def _fill_steps(self) -> None:
        for place, step in enumerate(self._parts):
            named = f"step {words.count(step)}"
            self.step.addItem(f"Newest, {named}" if place == 0 else named.capitalize(), step if place else None)
        self.step.setVisible(len(self._parts) > 1)

    def _fill_which(self) -> None:
        """Of this checkpoint; a choice that it has too stays."""
        step, before = self.step.currentData(), self.which.currentData()
        parts = self._parts[next(iter(self._parts)) if step is None else step] if self._parts else []
        self.which.clear()
        if len(parts) > 1:
            self.which.addItem("Teacher, the average of the student", None)
            self.which.addItem("Student", "student")
            self.which.setCurrentIndex(max(self.which.findData(before), 0) if before else 0)
        self.which.setVisible(len(parts) > 1)

    def _take_step(self) -> None:
        self.which.blockSignals(True)
        self._fill_which()
        self.which.blockSignals(False)
        self.changed.emit()
