"""The head of Live: where we are, the sentence of the run, the signs of its health. Given words, it gives wishes."""

import html
import re
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from studio import phrases, theme
from studio.live_words import Chip, Sentence
from studio.session import Followed
from studio.widgets.card import ElidedLabel
from studio.widgets.chips import HealthChip
from studio.widgets.crumb import INDENT, Crumb
from studio.widgets.pass_on import PassOn

UNIT = re.compile(r"(\d) (ms|s|min|h)\b")  # a number and its unit stay in one line


class LiveHead(QWidget):
    """Path, sentence, chips. Wide: the chips beside the other two; else the sentence has a row of its own above them."""

    run_asked = Signal(str)
    lineage_asked = Signal()
    chart_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._wide: bool | None = None
        self._chips: dict[str, HealthChip] = {}
        self._explained: dict[str, str] = {}
        self.lineage = Crumb("All generations of this lineage", muted=True)
        self.seed, self.generation = Crumb("Choose a seed"), Crumb("Choose a generation")
        self.pass_on = PassOn()
        self._what = theme.dress(ElidedLabel(), small=True, muted=True)
        self._arrows = [theme.put_icon(QLabel(), "chevron-right", "edge", 10) for _ in range(3)]
        self._what.setContentsMargins(INDENT, 0, INDENT, 0)
        self.sentence = theme.dress(QLabel(), sentence=True, rich=True)
        self._path, self._chip_row, self._grid = QHBoxLayout(), QHBoxLayout(), QGridLayout(self)
        self._lay_out()
        self.lineage.clicked.connect(self.lineage_asked)
        for crumb in (self.seed, self.generation):
            crumb.run_asked.connect(self.run_asked)

    def show_path(self, one: Followed, lineage: Sequence[Followed], now: float) -> None:
        """Where we are, with menus of the other seeds and generations there are."""
        pieces = phrases.run_pieces(one)
        seeds = {other.seed: other for other in lineage if other.called == one.called}
        generations = [other for other in lineage if other.seed == one.seed]
        self.lineage.show_text(pieces[0], leads=len(lineage) > 1)
        self._what.setText(", ".join(pieces[1:3]))
        self.seed.show_choices(f"seed {one.seed}", [(f"seed {seed}", o.name, o is one, "") for seed, o in seeds.items()])
        self.generation.show_choices(one.called, [_generation_entry(o, o is one, now) for o in generations])
        shown = (one.recipe is not None, one.recipe is not None, len(generations) > 1 or one.generation > 0)
        for arrow, part, visible in zip(self._arrows, (self._what, self.seed, self.generation), shown, strict=True):
            arrow.setVisible(visible)
            part.setVisible(visible)
        self.pass_on.show_names(one.name, (one.name, one.lineage) if len(lineage) > 1 else (one.name,))

    def show_sentence(self, said: Sentence) -> None:
        lead, rest = html.escape(said.lead), html.escape(UNIT.sub("\\1\u00a0\\2", said.rest))
        self.sentence.setText(f'<b style="color:{theme.palette().text}">{lead}</b>{rest}')
        self.sentence.setAccessibleName(said.plain)
        self._give_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._give_room()

    def _give_room(self) -> None:
        """Wrapped text needs a height that depends on the width, which a scrolling page does not ask for by itself."""
        self.sentence.setMinimumHeight(max(0, self.sentence.heightForWidth(self.sentence.width())))

    def show_chips(self, chips: Sequence[Chip]) -> None:
        for said in chips:
            if said.key not in self._chips:
                self._chips[said.key] = self._chip(said.key)
            self._explained[said.key] = said.page
            self._chips[said.key].show_state(said.state, said.value, said.why, said.name)
        shown = [said.key for said in chips]
        for key, chip in self._chips.items():
            chip.setVisible(key in shown)
        if [key for key in self._chips if key in shown] != shown:
            self._put_in_order(shown)

    def _put_in_order(self, shown: Sequence[str]) -> None:
        """As they are told, whichever came first."""
        self._chips = {key: self._chips[key] for key in (*shown, *(key for key in self._chips if key not in shown))}
        for place, chip in enumerate(self._chips.values()):
            self._chip_row.removeWidget(chip)
            self._chip_row.insertWidget(place, chip)

    def chip(self, key: str) -> HealthChip:
        return self._chips[key]

    def arrange(self, wide: bool) -> None:
        if wide == self._wide:
            return
        self._wide = wide
        for layout in (self._path, self._chip_row):
            self._grid.removeItem(layout)
        self._grid.removeWidget(self.sentence)
        if wide:
            self._grid.addLayout(self._path, 0, 0, Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(self.sentence, 1, 0)
            self._grid.addLayout(self._chip_row, 0, 1, 2, 1)
        else:
            self._grid.addWidget(self.sentence, 0, 0)
            self._grid.addLayout(self._path, 0, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
            self._grid.addLayout(self._chip_row, 1, 0, 1, 2)

    def _chip(self, key: str) -> HealthChip:
        chip = HealthChip(key, self)
        chip.clicked.connect(lambda: self.chart_asked.emit(self._explained[key]))
        self._chip_row.insertWidget(len(self._chips), chip)
        return chip

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)  # a wrapped sentence hints too high
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._path.setSpacing(3)
        self._path.setContentsMargins(-INDENT - 1, 0, 0, 0)  # words begin where the sentence begins
        self._path.addWidget(self.lineage)
        for arrow, part in zip(self._arrows, (self._what, self.seed, self.generation), strict=True):
            self._path.addWidget(arrow)
            self._path.addWidget(part)
        self._path.addWidget(self.pass_on)
        self._chip_row.setSpacing(6)
        self._chip_row.addStretch(1)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)


def _generation_entry(one: Followed, here: bool, now: float) -> tuple[str, str, bool, str]:
    words_ = f"{one.called}   {phrases.state_words(one, now)}"
    return words_, one.name, here, theme.generation_color(one.generation)
