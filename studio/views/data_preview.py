"""What teacher and student receive of a training picture, and the fields of the recipe that decide it.

The recipe is the one on the Recipe page: what is typed here is typed there. What a crop is, the assistant knows
(engine/preview.py), what is said of it preview_model.py. Old pictures stay until the new ones are there.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from studio import data_model, preview_model, recipe_checks, recipe_fields, recipe_words, theme
from studio.assistant import Assistant
from studio.data_model import Table
from studio.form_words import field_words
from studio.later import Later
from studio.lineage_pictures import Pictures
from studio.preview_model import Shown
from studio.recipe_model import OpenRecipe
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.crop_frames import CropFrames
from studio.widgets.crop_rows import CropRows
from studio.widgets.empty import EmptyNote
from studio.widgets.field_editor import FieldEditor, FieldState
from studio.widgets.picture_grid import PictureGrid, PictureWords
from studio.widgets.scrubber import Scrubber

TITLE = "What teacher and student receive"
COLUMNS = 8  # of the training pictures to choose among
NARROW = 92  # width of a field: numbers alone
NO_FIELDS = "This method has nothing to vary."


class PreviewRoom(QWidget):
    """Signals upward: `edited` brings a field of the recipe and what was typed, `settled` its end, `closed` wants to leave."""

    edited = Signal(str, str)
    settled = Signal(str)
    closed = Signal()

    def __init__(self, assistant: Assistant, workspace: Callable[[], str], width: int) -> None:
        super().__init__()
        self._assistant, self._workspace, self._width = assistant, workspace, width
        self._later = Later(self)
        self._open: OpenRecipe | None = None
        self._data: Table = {}  # the pictures looked at on this page
        self._place = (0, 0)  # picture and epoch that are asked for
        self._asked: tuple[Any, ...] = ()  # what was asked last; the same is not asked again
        self._under_way = 0
        self._sheet_of: Any = None  # whose pictures are shown to choose among
        self._sheet_asked: Any = None
        self.shown: Shown | None = None
        self.rows: dict[str, FieldEditor] = {}
        self.card, self.form = Card(TITLE, ruled=True), Card("Recipe", ruled=True)
        self.frames, self.crops = CropFrames(), CropRows()
        self.small = CropRows()
        self.draw = Scrubber("epoch")
        self.chooser = PictureGrid("Training pictures; a press previews one", columns=COLUMNS, captioned=False)
        self.close_button = theme.put_icon(theme.dress(QPushButton("Close"), small=True), "close", "text2", 13)
        self.note = EmptyNote("Reading the pictures", "what the recipe makes of one shows here")
        self.problem = theme.dress(QLabel(), state="bad")
        self._picture_title = theme.dress(ElidedLabel(), small=True, muted=True)
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()

    # ---- told -------------------------------------------------------------------------------------------------------------

    def follow_recipe(self, document: OpenRecipe) -> None:
        """Whose fields are shown; it stays the same document while it is written on."""
        self._open = document

    def show_data(self, table: Table) -> None:
        """The pictures to cut."""
        if dict(table) != self._data:
            self._data, self._place = dict(table), (0, self._place[1])
            self.renew()

    def renew(self) -> None:
        """The recipe or the pictures have changed. Nothing is asked while nobody looks."""
        if self._open is None or not self._data or not self.isVisible():
            return
        self._show_form()
        refused = next(iter(self._open.errors.items()), None)
        if refused is not None:
            label = next((field.label for field in self._open.layout.fields if field.path == refused[0]), refused[0])
            self._say(f"{label}: {refused[1]}" if refused[0] not in self.rows else "")
            return
        self._ask()

    def choose(self, picture: int) -> None:
        self._place = picture, self._place[1]
        self.renew()

    def go_to(self, epoch: int) -> None:
        self._place = self._place[0], epoch
        self.renew()

    # ---- asking -----------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        assert self._open is not None
        asked = self._open.last
        own = msgspec.to_builtins(asked.data)
        is_own = data_model.same_place(own, self._data) and data_model.shape(own) == data_model.shape(self._data)
        data = None if is_own else self._data
        epoch = min(self._place[1], asked.training.epochs - 1)
        wanted = (self._open.whole_text(), data, self._place[0], epoch)
        if wanted == self._asked:
            return
        sheet_of = (own if is_own else self._data, asked.data.train_size if is_own else 0)
        self._asked = wanted
        self._under_way = self._assistant.ask(
            "preview",
            recipe=wanted[0],
            data=data,
            picture=self._place[0],
            epoch=epoch,
            sheet=sheet_of != self._sheet_of,
            workspace=self._workspace(),
        )
        self._sheet_asked = sheet_of

    def _hear_progress(self, id_: int, share: float, said: str) -> None:
        if id_ and id_ == self._under_way and self.shown is None:
            self.note.show_note(f"Reading the pictures: {said}", "what the recipe makes of one shows here")

    def _hear_failure(self, id_: int, sentence: str, field: str) -> None:
        if id_ and id_ == self._under_way:
            self._under_way, self._asked = 0, ()
            self._say(f"{sentence[:1].upper()}{sentence[1:]}" if not field else sentence)

    def _hear_answer(self, id_: int, answer: dict[str, Any]) -> None:
        if id_ and id_ == self._under_way:
            self._under_way = 0
            self._later.ask("preview", lambda: _read(answer), self._take)

    def _take(self, found: Shown | str) -> None:
        if isinstance(found, str):
            self._say(found)
            return
        self.shown = found
        if found.sheet is not None:
            self._sheet_of = self._sheet_asked
            self._show_sheet(found)
        self._say("")
        self._show_crops(found)
        self._show_form()

    # ---- showing ----------------------------------------------------------------------------------------------------------

    def _say(self, problem: str) -> None:
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem) and self.shown is not None)
        if self.shown is None and problem:
            self.note.show_note(problem, "")
        self._stack.setCurrentIndex(0 if self.shown is None else 1)

    def _show_crops(self, shown: Shown) -> None:
        facts = shown.facts
        self.card.show_title(TITLE, facts.name)
        said = preview_model.picture_words(shown)
        self._picture_title.setText(said)
        self.frames.show_picture(shown.picture, preview_model.frames(shown), f"Training picture: {facts.name}", said)
        rows = preview_model.rows(shown)
        self.crops.show_rows([row for row in rows if not row.small])
        self.small.show_rows([row for row in rows if row.small])
        self.draw.show_moments(facts.epochs, "epoch 1", f"epoch {facts.epochs}")
        self.draw.show_place(facts.epoch, preview_model.draw_words(facts), live=False)
        self.chooser.pictures.show_chosen({facts.picture})

    def _show_sheet(self, shown: Shown) -> None:
        names = shown.facts.sheet
        self.chooser.show_pictures(Pictures(shown.sheet))
        self.chooser.show_places(
            range(len(names)), {place: PictureWords(name, f"{name}\nPress to preview it") for place, name in enumerate(names)}
        )

    def _show_form(self) -> None:
        assert self._open is not None
        fields = preview_model.fields(self._open.layout.fields)
        if [field.path for field in fields] != list(self.rows):
            self._make_rows(fields)
        pictures = self.shown.facts.pictures if self.shown else None
        facts = recipe_checks.known(self._open.last, pictures)
        for field in fields:
            row, value = self.rows[field.path], self._open.value(field)
            typing = row.editor.hasFocus() and field.kind not in ("choice", "switch")
            error = self._open.errors.get(field.path, "")
            text = row.text() if typing else recipe_fields.text_of(value)
            hint = recipe_words.hint(field, self._open, facts)
            row.show_state(FieldState(text, hint=hint, error=error, range=recipe_words.range_words(field)))
        method = recipe_words.method_title(str(self._open.kinds.get("method", "")))
        self.form.show_title(method, self._open.name)
        self._nothing.setVisible(not fields)

    def _make_rows(self, fields: list[Any]) -> None:
        for row in self.rows.values():
            self._rows.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = {}
        for field in fields:
            row = self.rows[field.path] = FieldEditor(field_words(field), NARROW)
            row.explain = self._explained
            row.edited.connect(self.edited)
            row.settled.connect(self.settled)
            self._rows.addWidget(row)

    def _explained(self, path: str) -> str:
        """What the pointer over a field is told."""
        field = self._open.field(path) if self._open else None
        assert self._open is not None
        return "\n\n".join(recipe_words.foot(field, self._open)) if field is not None else ""

    # ---- events -----------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.renew()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    # ---- building ---------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.close_button.clicked.connect(self.closed)
        self.chooser.pressed_at.connect(self.choose)
        self.draw.moved.connect(self.go_to)
        self._assistant.progressed.connect(self._hear_progress)
        self._assistant.answered.connect(self._hear_answer)
        self._assistant.failed.connect(self._hear_failure)
        theme.signals.changed.connect(self._fit)

    def _lay_out(self) -> None:
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.hide()
        self.draw.live.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._left())
        row.addWidget(self.card, 1)
        self.close_button.setToolTip("Back to the pictures (Esc)")
        self.card.head.addWidget(self.close_button)
        self.card.body.addWidget(self._stack, 1)
        self.card.body.addWidget(self.draw)
        self._stack.addWidget(self.note)
        self._stack.addWidget(_scrolled(self._right()))
        self._fit()

    def _left(self) -> QWidget:
        inside, fields = QWidget(), QWidget()
        self._rows = QVBoxLayout(fields)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(4)
        self._nothing = theme.dress(QLabel(NO_FIELDS), muted=True)
        about = theme.dress(QLabel("Changes go to the recipe."), small=True, muted=True)
        self.form.body.setContentsMargins(4, 8, 12, 8)
        for part in (fields, self._nothing, about):
            self.form.body.addWidget(part)
        about.setContentsMargins(8, 0, 0, 0)
        pictures = Card("Training pictures", "press one")
        pictures.body.setContentsMargins(7, 0, 7, 8)
        pictures.body.addWidget(self.chooser)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(pictures)
        column.addWidget(self.form)
        column.addStretch(1)
        self._side = _scrolled(inside)
        return self._side

    def _right(self) -> QWidget:
        """The picture and its crops above, what only the student sees below."""
        inside = QWidget()
        column, above, picture = QVBoxLayout(inside), QHBoxLayout(), QVBoxLayout()
        picture.addWidget(self._picture_title)
        picture.addWidget(self.frames, 1)
        above.setSpacing(16)
        above.addLayout(picture, 1)
        above.addWidget(self.crops, 0, Qt.AlignmentFlag.AlignTop)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.problem)
        column.addLayout(above, 1)
        column.addWidget(self.small)
        return inside

    def _fit(self) -> None:
        self._side.setFixedWidth(theme.px(self._width))


def _scrolled(inside: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    return area


def _read(answer: Mapping[str, Any]) -> Shown | str:
    try:
        return preview_model.read(answer)
    except ValueError as problem:  # an engine of another version, or a disk that is full
        return f"what was found cannot be understood ({problem})"
