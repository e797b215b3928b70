"""The settings: looks, the workspace and what it takes on the disk, what new runs keep, what happens while something trains.

Everything acts at once and is remembered; nothing needs a restart. What a choice does is the window's part: this shows what is
in force and tells what was chosen.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from engine import words
from studio import awake, preferences, theme, trash
from studio.later import Later
from studio.preferences import Preferences
from studio.trash import DiskUse
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.segment import Segment
from studio.widgets.table_twin import TableTwin

WIDE, HIGH = 720, 640  # at scale 1, and never more than the window
THEMES = {"System": "system", "Light": "light", "Dark": "dark"}
KEEPS = {  # field of Preferences: label, unit
    "keep_every_epochs": ("Checkpoint every", "epochs"),
    "keep_full": ("Full checkpoints kept", ""),
    "keep_snapshots": ("Snapshots kept besides", ""),
}
MOST = 999
LISTED = 100  # runs in the table, the largest


class Settings(QDialog):
    """`changed` brings the preferences as they were chosen; the others ask for what only the window can do."""

    changed = Signal(object)
    folder_asked = Signal()
    trash_asked = Signal(object)  # DiskUse: what is to be lost

    def __init__(self, chosen: Preferences, workspace: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Settings")
        self._chosen, self._use = chosen, DiskUse()
        self._later = Later(self)
        self._make_parts()
        self._lay_out()
        self.show_chosen(chosen)
        self._listen()
        self.show_workspace(workspace)
        over = parent.size() - QSize(32, 48)
        self.resize(QSize(theme.px(WIDE), theme.px(HIGH)).boundedTo(over))

    def show_chosen(self, chosen: Preferences) -> None:
        """What is in force, wherever it was chosen."""
        self._chosen = chosen
        self.theme.choose(next(name for name, value in THEMES.items() if value == chosen.theme))
        place = self.scale.findData(chosen.scale)
        if place < 0:  # written by hand into the file
            self.scale.addItem(_percent(chosen.scale), chosen.scale)
        self.scale.setCurrentIndex(self.scale.findData(chosen.scale))
        for name, box in self.keeps.items():
            value = getattr(chosen, name)
            box.setValue(box.minimum() if value is None else value)
        self.awake.setChecked(chosen.stay_awake and self.awake.isEnabled())
        self.notify.setChecked(chosen.notify)

    def show_workspace(self, workspace: Path) -> None:
        """Another workspace, or the same looked through again."""
        self.place.setText(str(workspace))
        self.total.setText("Counting what is on the disk")
        self._later.ask("disk", lambda: trash.disk_use(workspace), self._show_use)

    def _show_use(self, use: DiskUse) -> None:
        self._use = use
        parts = [f"{words.size(use.in_runs)} in {words.plural(len(use.runs), 'run')}"]
        parts += [f"{words.size(use.in_trash)} in the trash", f"{words.size(use.rest)} besides", f"{words.size(use.free)} free"]
        self.total.setText(", ".join(parts))
        self.table.show_rows(disk_rows(use))
        self.table.setVisible(bool(use.runs or use.trash))
        self.empty.setEnabled(bool(use.trash))
        self.empty.setToolTip(trash.last_words(use.trash) if use.trash else "The trash is empty")

    # ---- changed by hand ------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """All that is chosen, as it stands."""
        kept: dict[str, Any] = {name: box.value() if box.value() > box.minimum() else None for name, box in self.keeps.items()}
        kept |= {"theme": THEMES[self.theme.current()], "scale": float(self.scale.currentData())}
        if self.awake.isEnabled():
            kept["stay_awake"] = self.awake.isChecked()
        then = replace(self._chosen, notify=self.notify.isChecked(), **kept)
        if then != self._chosen:
            self._chosen = then
            self.changed.emit(then)

    def _listen(self) -> None:
        self.theme.chosen.connect(self._tell)
        self.scale.activated.connect(self._tell)
        for box in self.keeps.values():
            box.valueChanged.connect(self._tell)
        for switch in (self.awake, self.notify):
            switch.toggled.connect(self._tell)
        self.folder.clicked.connect(self.folder_asked)
        self.empty.clicked.connect(lambda: self.trash_asked.emit(self._use))

    # ---- building -------------------------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self.theme, self.scale = Segment(list(THEMES), "Theme"), theme.quiet_field(QComboBox())
        for each in preferences.SCALES:
            self.scale.addItem(_percent(each), each)
        self.scale.setAccessibleName("Size of everything")
        self.place, self.folder = ElidedLabel(), QPushButton("Open another folder")
        self.total = theme.dress(QLabel(), small=True, prose=True)
        self.total.setWordWrap(True)
        self.table, self.empty = TableTwin("Disk use by run"), QPushButton("Empty the trash")
        self.table.setMinimumHeight(theme.px(130))
        self.keeps = {name: _count_box(name) for name in KEEPS}
        self.awake = QCheckBox("Keep this machine awake while something trains here")
        self.notify = QCheckBox("Tell me when a run ends, fails or stalls while another window is in front")
        why = awake.why_not()
        self.awake.setEnabled(not why)
        self.awake.setAccessibleDescription(why)

    def _lay_out(self) -> None:
        inside, area = QWidget(), QScrollArea()
        whole = QVBoxLayout(inside)
        whole.setContentsMargins(0, 0, 8, 0)
        whole.setSpacing(12)
        for card in (self._looks(), self._workspace(), self._new_runs(), self._training()):
            whole.addWidget(card)
        whole.addStretch(1)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 8, 12)
        column.addWidget(area, 1)
        column.addWidget(buttons)

    def _looks(self) -> Card:
        card, grid = Card("Looks"), QGridLayout()
        _row(grid, 0, "Theme", self.theme)
        _row(grid, 1, "Size of everything", self.scale)
        grid.setColumnStretch(2, 1)
        card.body.addLayout(grid)
        return card

    def _workspace(self) -> Card:
        card, row, foot = Card("Workspace"), QHBoxLayout(), QHBoxLayout()
        row.addWidget(self.place, 1)
        row.addStretch(0)
        row.addWidget(self.folder)
        foot.addWidget(self.total, 1)
        foot.addWidget(self.empty)
        card.body.addLayout(row)
        card.body.addLayout(foot)
        card.body.addWidget(self.table)
        return card

    def _new_runs(self) -> Card:
        card, grid = Card("What new experiments keep", "instead of what their preset says"), QGridLayout()
        for place, (name, (label, _)) in enumerate(KEEPS.items()):
            _row(grid, place, label, self.keeps[name])
        grid.setColumnStretch(2, 1)
        card.body.addLayout(grid)
        return card

    def _training(self) -> Card:
        card, why = Card("While something trains"), awake.why_not()
        card.body.addWidget(self.awake)
        if why:
            note = theme.dress(QLabel(why), small=True, muted=True)
            note.setWordWrap(True)
            card.body.addWidget(note)
        card.body.addWidget(self.notify)
        return card


class Emptying(QDialog):
    """Whether the trash is to be emptied, with what is lost. `agreed` only on a press of the button that says so."""

    agreed = Signal()

    def __init__(self, use: DiskUse, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Empty the trash")
        said = trash.last_words(use.trash)
        self.setAccessibleDescription(said)
        self.delete, self.stay = QPushButton("Delete for good"), QPushButton("Cancel")
        self.stay.setDefault(True)
        self.delete.setAutoDefault(False)
        title = theme.dress(QLabel(f"Delete {words.plural(len(use.trash), 'run')} for good?"), title=True)
        text = theme.dress(QLabel(said), prose=True)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setWordWrap(True)
        text.setMinimumWidth(theme.px(420))
        row, column = QHBoxLayout(), QVBoxLayout(self)
        row.addWidget(self.stay)
        row.addStretch(1)
        row.addWidget(self.delete)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(title)
        column.addWidget(text)
        column.addLayout(row)
        self.stay.clicked.connect(self.close)
        self.delete.clicked.connect(self.close)
        self.delete.clicked.connect(self.agreed)
        self.stay.setFocus()


def disk_rows(use: DiskUse) -> list[Sequence[str]]:
    """Names first; the largest runs, then what is in the trash."""
    rows: list[Sequence[str]] = [("Run", "On the disk", "Checkpoints")]
    rows += [(one.name, words.size(one.bytes), words.size(one.checkpoints)) for one in use.runs[:LISTED]]
    if more := use.runs[LISTED:]:
        rows.append((f"{len(more)} smaller runs", words.size(sum(one.bytes for one in more)), ""))
    return rows + [(f"trash: {one.name}", words.size(one.bytes), words.size(one.checkpoints)) for one in use.trash]


def _row(grid: QGridLayout, place: int, label: str, field: QWidget) -> None:
    said = theme.dress(QLabel(label), prose=True)
    said.setBuddy(field)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(8)
    grid.addWidget(said, place, 0)
    grid.addWidget(field, place, 1, Qt.AlignmentFlag.AlignLeft)


def _count_box(name: str) -> QSpinBox:
    """One below what the recipe allows stands for the preset's value."""
    label, unit = KEEPS[name]
    box = theme.quiet_field(QSpinBox())
    box.setRange(preferences.LEAST[name] - 1, MOST)
    box.setSpecialValueText("as in the preset")
    box.setSuffix(f" {unit}" if unit else "")
    box.setAccessibleName(label)
    box.setMinimumWidth(theme.px(150))
    return box


def _percent(scale: float) -> str:
    return f"{round(100 * scale)} %"
