"""A new fork: from which run and checkpoint it goes on, and what it does otherwise. Says the same as a command line.

Given the runs that could be forked, it gives what was asked; who carries it out and what that answers is the view's.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine import recipe, words
from engine.forkable import why_fixed
from studio import fork_model, live_facts, recipe_fields, theme
from studio.fork_model import Beginning
from studio.session import Followed
from studio.widgets.field_row import Choice, FieldRows, grow

FIRST = ("method.momentum", "method.momentum_final", "method.teacher_temp", "optimizer.lr", "optimizer.weight_decay")
TABLES = ("method", "optimizer", "schedule", "augment", "training", "watch")
WIDE = 560  # at scale 1


class ForkDialog(QDialog):
    """`asked` brings the words of the command, and whether it is to be trained at once."""

    asked = Signal(list, bool)

    def __init__(self, runs: Sequence[Followed], chosen: Followed | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("New fork")
        self._runs = {one.name: one for one in runs if fork_model.beginnings(one.run)}
        self.run, self.step = QComboBox(), QComboBox()
        self.changes = FieldRows("Another change", "Field to change", "Its new value")
        self.line = theme.dress(QLabel(), mono=True, small=True, muted=True)
        self.problem = theme.dress(QLabel(), state="bad")
        self.queue, self.start, self.cancel = QPushButton("Add to queue"), QPushButton("Start now"), QPushButton("Cancel")
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(lambda: grow(self))
        self._lay_out()
        self._listen()
        for name, one in self._runs.items():
            self.run.addItem(f"{one.called}, seed {one.seed}  ({name})", name)
        if chosen is not None and chosen.name in self._runs:
            self.run.setCurrentIndex(self.run.findData(chosen.name))
        self._show_run()

    @property
    def one(self) -> Followed | None:
        return self._runs.get(str(self.run.currentData()))

    @property
    def beginning(self) -> Beginning | None:
        found: Beginning | None = self.step.currentData()
        return found

    def words(self) -> list[str]:
        """The command as it stands; empty while it could not be asked."""
        if self.one is None or self.beginning is None:
            return []
        return fork_model.command(self.one.name, self.beginning, self.changes.said)

    def show_busy(self, busy: bool) -> None:
        """While the fork is being made nothing else can be asked."""
        for widget in (self.queue, self.start, self.run, self.step, self.changes):
            widget.setEnabled(not busy)
        if busy:
            self.problem.setText("")

    def show_problem(self, sentence: str) -> None:
        self.show_busy(False)
        self.problem.setText(sentence)

    def _show_run(self) -> None:
        """Another run: its checkpoints, and its fields."""
        self.step.clear()
        for begin in fork_model.beginnings(self.one.run) if self.one is not None else ():
            self.step.addItem(_step_words(self.one, begin), begin)
        self.changes.offer(changeable(self.one) if self.one is not None else [])

    def _tell(self) -> None:
        said = self.words()
        there = bool(said)
        self._soon.start()  # a new row has its height only when it is dressed
        self.line.setText(f"filial {' '.join(said)}" if there else "No run here has a checkpoint to go on from yet.")
        for button in (self.queue, self.start):
            button.setEnabled(there)

    def _ask(self, at_once: bool) -> None:
        if said := self.words():
            self.show_busy(True)
            self.asked.emit(said, at_once)

    def _listen(self) -> None:
        self.run.currentIndexChanged.connect(self._show_run)
        self.step.currentIndexChanged.connect(self._tell)
        self.changes.changed.connect(self._tell)
        self.changes.edited.connect(self._tell)
        self.queue.clicked.connect(lambda: self._ask(False))
        self.start.clicked.connect(lambda: self._ask(True))
        self.cancel.clicked.connect(self.close)

    def _lay_out(self) -> None:
        theme.dress(self.start, primary=True).setDefault(True)
        for button in (self.queue, self.cancel):
            button.setAutoDefault(False)
        for label in (self.line, self.problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        form, foot, column = QFormLayout(), QHBoxLayout(), QVBoxLayout(self)
        for text, field in (("&Run", self.run), ("&Goes on from", self.step)):
            theme.quiet_field(field)
            field.setAccessibleName(text.replace("&", ""))
            form.addRow(text, field)
        form.addRow("Changes", self.changes)
        for button in (self.cancel, self.queue, self.start):
            foot.addWidget(button)
        foot.insertStretch(1)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        what = "What one change does from a checkpoint on. Without a change it becomes its parent again."
        said = theme.dress(QLabel(what), prose=True)
        said.setWordWrap(True)
        column.addWidget(said)
        column.addLayout(form)
        column.addWidget(self.line)
        column.addWidget(self.problem)
        column.addStretch(1)
        column.addLayout(foot)
        self.setMinimumWidth(theme.px(WIDE))


def changeable(one: Followed) -> list[Choice]:
    """Fields that a fork of this run may change: those of the momentum laboratory first."""
    if one.recipe is None:
        return []
    table = recipe.to_table(one.recipe)
    found = [
        Choice(field.path, recipe_fields.label_of(field), _now(one, field.path))
        for field in recipe_fields.in_force(table)
        if field.path.partition(".")[0] in TABLES and not why_fixed(field.path) and not recipe_fields.is_unused(field, table)
    ]
    return sorted(found, key=lambda each: FIRST.index(each.path) if each.path in FIRST else len(FIRST))


def _now(one: Followed, path: str) -> str:
    value = live_facts.in_force(one, path)
    return "" if value is None else str(value)


def _step_words(one: Followed | None, begin: Beginning) -> str:
    """ "step 1,760, epoch 40"; of weights alone that the momenta begin anew."""
    per_epoch = one.state.steps_per_epoch if one is not None else 0
    epoch = f", epoch {begin.step / per_epoch:g}" if per_epoch else ""
    return f"step {words.count(begin.step)}{epoch}{'' if begin.whole else ', weights only: momenta begin anew'}"
