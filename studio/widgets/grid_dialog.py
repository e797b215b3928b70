"""Add a grid: fields and their values, what it makes of a recipe, how long that would take; the same as a command line.

Given a recipe's text, it gives the recipes to queue; who queues them is the view's.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine import grid, recipe, words
from engine.fields import RecipeErrors
from engine.recipe import Recipe, RecipeFile
from studio import recipe_fields, theme
from studio.widgets.field_row import Choice, FieldRows, grow

FIRST = ("optimizer.lr", "training.batch", "training.epochs", "model.width", "method.temperature", "optimizer.weight_decay")
WIDE = 580  # at scale 1
EXAMPLE = "such as 0.1, 0.03 or 1..9:5"
HINT = "Values with commas between, 1..9:5 for five evenly spread, 1e-4..1e-1:log4 for four by factors"
PAUSE_MS = 200  # after the last letter
NAMED = 3  # lineages in a sentence; the rest is counted
Seconds = Callable[[Recipe], float | None]  # how long all runs of a recipe take; None where nobody knows


class GridDialog(QDialog):
    """`asked` brings the recipes (RecipeFile) that are to be queued."""

    asked = Signal(list)

    def __init__(self, text: str, source: str, seconds: Seconds, parent: QWidget) -> None:
        """`text`: the recipe that the grid is made of, `source` what it is called on the command line."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Add a grid")
        self._text, self._source, self._seconds = text, source, seconds
        self.fields = FieldRows("Another field", "Field of the grid", "Its values", EXAMPLE, HINT)
        self.files: list[RecipeFile] = []
        self.summary, self.names = QLabel(), theme.dress(QLabel(), small=True, muted=True)
        self.line = theme.dress(QLabel(), mono=True, small=True, muted=True)
        self.problem = theme.dress(QLabel(), state="bad")
        self.queue, self.cancel = QPushButton("Add to queue"), QPushButton("Cancel")
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(lambda: grow(self))
        self._typed = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._typed.timeout.connect(self._tell)
        self._lay_out()
        self.fields.changed.connect(self._tell)
        self.fields.edited.connect(self._wait)
        self.queue.clicked.connect(lambda: self.asked.emit(self.files))
        self.cancel.clicked.connect(self.close)
        self.fields.offer(offered(recipe.read_text(text).recipe))

    @property
    def waiting(self) -> bool:
        """Whether something was typed of which nothing has been told yet."""
        return self._typed.isActive()

    def show_problem(self, sentence: str) -> None:
        """Why the grid was not taken; the dialog hides what the window says of it."""
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))
        self._soon.start()

    def _wait(self) -> None:
        """Hundreds of recipes may have to be read for a few letters: not for each of them, and nothing is queued unread."""
        self.queue.setEnabled(False)
        self._typed.start()

    def _tell(self) -> None:
        """What the values make, before anything is made."""
        self._typed.stop()
        said = self.fields.said
        self.files, problem = [], ""
        try:
            axes = [grid.axis(each) for each in said]
            self.files = grid.expand(self._text, axes) if axes else []
        except RecipeErrors as errors:
            problem = "\n".join(str(error) for error in errors.errors)
        self.problem.setText(problem)
        self.summary.setText(self._summary())
        self.names.setText(_named([file.recipe.lineage for file in self.files]))
        grids = " ".join(f'--grid "{each}"' for each in said)
        self.line.setText(f"filial queue add {self._source} {grids}" if self.files else "")
        self.queue.setEnabled(bool(self.files))
        for label in (self.names, self.line, self.problem):
            label.setVisible(bool(label.text()))
        self._soon.start()  # a new row has its height only when it is dressed

    def _summary(self) -> str:
        """ "6 lineages, 18 runs, about 2 h in all"."""
        if not self.files:
            return "Write the values of a field, and each becomes a lineage of its own."
        runs = sum(len(file.recipe.seeds) * (file.recipe.generations + 1) for file in self.files)
        times = [self._seconds(file.recipe) for file in self.files]
        known = [each for each in times if each is not None]
        told = f"about {words.duration(sum(known))}"
        if not known:
            told = "and nobody knows how long before one is measured or trained"
        elif len(known) < len(times):
            told += f" for {words.count(len(known))} of the lineages; of the others nothing is known"
        return f"{words.plural(len(self.files), 'lineage')}, {words.plural(runs, 'run')}, {told}."

    def _lay_out(self) -> None:
        theme.dress(self.queue, primary=True).setDefault(True)
        self.cancel.setAutoDefault(False)
        for label in (self.summary, self.names, self.line, self.problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for label in (self.line, self.problem):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        foot, column = QHBoxLayout(), QVBoxLayout(self)
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.queue)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        what = "Values with commas between, 32..128:4 for four evenly spread, 1e-4..1e-1:log4 for four by factors."
        said = theme.dress(QLabel(what), prose=True)
        said.setWordWrap(True)
        column.addWidget(said)
        column.addWidget(self.fields)
        for label in (self.summary, self.names, self.line, self.problem):
            column.addWidget(label)
        column.addStretch(1)
        column.addLayout(foot)
        self.setMinimumWidth(theme.px(WIDE))


def offered(asked: Recipe) -> list[Choice]:
    """The fields in force that a grid can be made of, those that are asked for most first."""
    table = recipe.to_table(asked)
    found = [
        Choice(field.path, recipe_fields.label_of(field), recipe_fields.text_of(recipe.flat(table).get(field.path)))
        for field in recipe_fields.in_force(table)
        if field.path not in grid.OUTSIDE and field.kind != "integers" and not recipe_fields.is_unused(field, table)
    ]
    return sorted(found, key=lambda each: FIRST.index(each.path) if each.path in FIRST else len(FIRST))


def _named(names: Sequence[str]) -> str:
    more = f" and {words.count(len(names) - NAMED)} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
