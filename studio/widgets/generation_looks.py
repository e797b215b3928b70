"""One picture as each generation has it: the picture or where that generation looks, what it says, all zoomed in step.

Given answers and looks, draws them. Whose they are and whom to ask: studio/lineage_looks.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from studio import theme
from studio.inspect_looks import Look
from studio.widgets.attention_grid import MEANINGS, map_picture
from studio.widgets.card import ElidedLabel
from studio.widgets.painted import Swatch
from studio.widgets.picture import channels_last
from studio.widgets.segment import Segment
from studio.widgets.zoomed import Zoom, ZoomedPicture

PLAIN, OVER, HEAT = "Picture", "Map over picture", "Map"
STYLES = {OVER: "Heat over grey", HEAT: "Heat"}
CALLED = {"attention": "attention", "evidence": "class evidence"}


@dataclass(frozen=True)
class Answer:
    """What a generation says of the picture, and how sure it is: "dhole  0.93"."""

    generation: int
    said: str
    wrong: bool


class _Column(QWidget):
    """A generation: its name and answer, the picture, and what is shown of it or why that is not there."""

    def __init__(self, answer: Answer, zoom: Zoom) -> None:
        super().__init__()
        self.answer, self.picture = answer, ZoomedPicture(zoom)
        self.said = theme.dress(ElidedLabel(), small=True, **({"state": "bad"} if answer.wrong else {}))
        wrong = ", wrong" if answer.wrong else ""
        self.said.setText(f"{answer.said}{wrong}")
        self.told = theme.dress(ElidedLabel(), small=True, muted=True)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(Swatch(answer.generation))
        head.addWidget(theme.dress(QLabel(f"F{answer.generation}"), small=True))
        head.addWidget(self.said, 100)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.picture, 1)
        column.addWidget(self.told)

    def show_picture(self, array: NDArray[np.uint8] | None, what: str, why: str) -> None:
        """`what`: "attention"; `why` a map that was wished is not there."""
        name = f"F{self.answer.generation} says {self.said.text()}: {what}" + (f"; {why}" if why else "")
        self.picture.show_picture(array, name)
        self.told.setText(why or what)


class GenerationLooks(QWidget):
    """The columns and what they show. `style_chosen` when a person wants maps, or no longer."""

    style_chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.zoom = Zoom(self)
        self.columns: list[_Column] = []
        self._picture: NDArray[np.uint8] | None = None  # [C, H, W]
        self._looks: Mapping[int, Look] = {}
        self._why: Mapping[int, str] = {}
        self.style_choice = Segment((PLAIN, OVER, HEAT), "What is shown of each generation")
        self._title, self._whose = theme.dress(ElidedLabel(), small=True), theme.dress(ElidedLabel(), small=True, muted=True)
        for choice in (OVER, HEAT):
            self.style_choice.button(choice).setToolTip("\n\n".join(MEANINGS.values()))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 100)
        head.addWidget(self._whose, 100)
        head.addStretch(1)
        head.addWidget(self.style_choice)
        self._row = QHBoxLayout()
        self._row.setSpacing(12)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(self._row, 1)
        self.style_choice.chosen.connect(self._restyle)
        theme.signals.changed.connect(self._draw)

    @property
    def maps_wanted(self) -> bool:
        return self.style_choice.current() != PLAIN

    def show_answers(self, name: str, picture_CHW: NDArray[np.uint8] | None, answers: Sequence[Answer]) -> None:
        """Another picture, which nobody has looked at yet. It is shown as large as the one before, for comparison."""
        self._title.setText(name)
        self._picture, self._looks, self._why = picture_CHW, {}, {}
        if [column.answer for column in self.columns] != list(answers):
            self._make(answers)
        self._draw()

    def show_looks(self, looks: Mapping[int, Look], why: Mapping[int, str], whose: str) -> None:
        """By generation; `why` some have none. `whose`: "maps of seed 0, each scaled to its own maximum"."""
        self._looks, self._why = looks, why
        self._whose.setText(whose)
        self._draw()

    def _make(self, answers: Sequence[Answer]) -> None:
        focus = next((place for place, column in enumerate(self.columns) if column.picture.hasFocus()), None)
        for column in self.columns:
            self._row.removeWidget(column)
            column.hide()
            column.deleteLater()
        self.columns = [_Column(answer, self.zoom) for answer in answers]
        for column in self.columns:
            self._row.addWidget(column, 1)
        if focus is not None and focus < len(self.columns):
            self.columns[focus].picture.setFocus(Qt.FocusReason.OtherFocusReason)

    def _restyle(self) -> None:
        self._draw()
        self.style_chosen.emit()

    def _draw(self) -> None:
        plain = channels_last(self._picture) if self._picture is not None else None
        style = STYLES.get(self.style_choice.current())
        self._whose.setVisible(style is not None)
        for column in self.columns:
            look = self._looks.get(column.answer.generation)
            if style is None:
                column.show_picture(plain, "the picture", "" if plain is not None else "no picture is here")
            elif look is None or look.map is None or look.kind is None:
                why = "its network has no map of where it looks" if look else "no map yet"
                column.show_picture(plain, "the picture", self._why.get(column.answer.generation, why))
            else:
                seen = map_picture(look.map.mean(0), look.picture, style)
                mean = f", mean of {len(look.map)} heads" if look.kind == "attention" and len(look.map) > 1 else ""
                column.show_picture(seen, f"{CALLED[look.kind]}{mean}", "")
