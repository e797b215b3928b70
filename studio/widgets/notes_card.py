"""What a person writes about the chosen runs: tags for all of them, a note for one. Given and gives plain text.

Written when the keyboard leaves a field, or by Enter; nothing is asked for.
"""

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFormLayout, QLabel, QLineEdit, QPlainTextEdit

from studio import theme
from studio.widgets.card import Card

LINES = 3


class NotesCard(Card):
    """`tags_written` and `note_written` bring the text of a field that a person has changed."""

    tags_written = Signal(str)
    note_written = Signal(str)

    def __init__(self) -> None:
        super().__init__("Notes")
        self.tags, self.note = QLineEdit(), QPlainTextEdit()
        self._tags_shown = self._note_shown = ""
        form, tags, note = QFormLayout(), QLabel("Tags"), QLabel("Note")
        self._note_label = note
        self.tags.setPlaceholderText("good, to repeat")
        self.note.setTabChangesFocus(True)
        self.note.installEventFilter(self)
        for label, field, name in ((tags, self.tags, "Tags, separated by commas"), (note, self.note, "Note")):
            label.setBuddy(field)
            field.setAccessibleName(name)
            form.addRow(theme.dress(label, small=True, prose=True), field)
        self.body.addLayout(form)
        self.tags.editingFinished.connect(self._give_tags)
        theme.signals.changed.connect(self._fit)
        self._fit()

    def show_notes(self, tags: str, note: str | None) -> None:
        """`note` None: of several runs there is none. What a person is just writing stays."""
        self._note_label.setVisible(note is not None)
        self.note.setVisible(note is not None)
        if tags != self._tags_shown:
            written = self.tags.text() != self._tags_shown
            self._tags_shown = tags
            if not written:
                self.tags.setText(tags)
        if note is not None and note != self._note_shown:
            written = self.note.toPlainText() != self._note_shown
            self._note_shown = note
            if not written:
                self.note.setPlainText(note)

    def finish(self) -> None:
        """Whatever is half written is written: other runs are about to be shown."""
        self._give_tags()
        self._give_note()

    def hideEvent(self, event: QHideEvent) -> None:
        """A window that closes takes the keyboard from no field."""
        super().hideEvent(event)
        self.finish()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.note and event.type() == QEvent.Type.FocusOut:
            self._give_note()
        return super().eventFilter(watched, event)

    def _give_tags(self) -> None:
        if self.tags.text() != self._tags_shown:
            self._tags_shown = self.tags.text()
            self.tags_written.emit(self._tags_shown)

    def _give_note(self) -> None:
        if self.note.toPlainText() != self._note_shown:
            self._note_shown = self.note.toPlainText()
            self.note_written.emit(self._note_shown)

    def _fit(self) -> None:
        self.note.setFixedHeight(self.note.fontMetrics().lineSpacing() * LINES + theme.px(14))
