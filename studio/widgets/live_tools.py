"""The toolbar of Live: how its charts are drawn, which runs stand beside, whether the newest step stays in sight."""

from dataclasses import dataclass
from typing import get_args

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from studio import theme
from studio.live_curves import Axis
from studio.widgets.compare_menu import CompareMenu
from studio.widgets.scrubber import CalmSlider
from studio.widgets.segment import Segment

SMOOTHING = 90  # in hundredths, as in the picture of the design


@dataclass(frozen=True)
class Manner:
    """How all charts are drawn. smoothing: weight of the moving average, 0 to 0.99."""

    axis: Axis = "step"
    smoothing: float = SMOOTHING / 100
    raw_behind: bool = True
    log_y: bool = False


class LiveTools(QWidget):
    """How the charts are drawn, and the way on from an end. `changed` when anything but the axis or Follow is."""

    changed = Signal()
    resume_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.axis = Segment([axis.capitalize() for axis in get_args(Axis)], "Horizontal axis")
        self.smoothing = CalmSlider("Smoothing")
        self._weight = theme.dress(QLabel(), small=True)
        self.log_y, self.raw = (theme.dress(QCheckBox(text), small=True) for text in ("Log y", "Raw behind"))
        self.compare = theme.put_icon(theme.dress(QPushButton("Compare run"), small=True), "plus", "text", 14)
        self.follow = theme.put_icon(theme.dress(QPushButton("Follow"), small=True), "follow", "text", 14)
        self.resume = theme.put_icon(theme.dress(QPushButton(), small=True), "play", "text", 14)
        self.compare_menu = CompareMenu(self.compare)
        self._lay_out()
        self._listen()
        self.smoothing.setValue(SMOOTHING)

    def manner(self) -> Manner:
        """How the charts are to be drawn now."""
        axis = next(axis for axis in get_args(Axis) if axis == self.axis.current().lower())
        return Manner(axis, self.smoothing.value() / 100, self.raw.isChecked(), self.log_y.isChecked())

    def show_beside(self, count: int, possible: bool) -> None:
        """How many runs stand beside; whether there is any that could."""
        self.compare.setText(f"Compare run, {count} beside" if count else "Compare run")
        self.compare.setEnabled(possible)

    def show_resume(self, label: str) -> None:
        """What resuming the run would be called; empty where there is nothing to resume, or another place to do it."""
        self.resume.setText(label)
        self.resume.setVisible(bool(label))

    def _open_menu(self) -> None:
        below = self.compare.mapToGlobal(QPoint(0, self.compare.height() + theme.px(4)))
        width = self.compare_menu.sizeHint().width()
        edge = self.window().mapToGlobal(QPoint(self.window().width(), 0)).x()
        self.compare_menu.popup(QPoint(min(below.x(), edge - width - theme.px(8)), below.y()))

    def _show_weight(self) -> None:
        weight = f"{self.manner().smoothing:.2f}"
        self._weight.setText(weight)
        self.smoothing.setAccessibleDescription(weight)
        self.changed.emit()

    def _listen(self) -> None:
        self.smoothing.valueChanged.connect(self._show_weight)
        self.log_y.toggled.connect(self.changed)
        self.raw.toggled.connect(self.changed)
        self.compare.clicked.connect(self._open_menu)
        self.resume.clicked.connect(self.resume_asked)

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.smoothing.setRange(0, 99)
        self.smoothing.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.smoothing.setMinimumWidth(108)
        self._weight.setText("0.00")
        self.raw.setChecked(True)
        self.follow.setCheckable(True)
        self.follow.setChecked(True)
        self.follow.setToolTip("Keep the newest step in sight; zooming turns it off")
        self.resume.setToolTip("In front of the queue")
        self.resume.hide()
        self.compare.setToolTip("Draw the curves of other runs beside this one")
        caption = theme.dress(QLabel("Smoothing"), small=True, prose=True)
        caption.setBuddy(self.smoothing)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.axis)
        row.addWidget(caption)
        slider = QHBoxLayout()
        slider.setSpacing(8)
        slider.addWidget(self.smoothing)
        slider.addWidget(self._weight)
        row.addLayout(slider)
        row.addWidget(self.log_y)
        row.addWidget(self.raw)
        row.addStretch(1)
        row.addWidget(self.resume)
        row.addWidget(self.compare)
        row.addWidget(self.follow)
