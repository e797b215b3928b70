"""The head of the Recipe page: path, sentence, what can be done. And the line below it for what was asked and is not done."""

from collections.abc import Callable, Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.widgets.card import Card, ElidedLabel

GRID = "Add a grid to the queue: a lineage for each value of a field, or combination of several"


class RecipeHead(QWidget):
    """Path, sentence, and what can be done with the recipe."""

    def __init__(self) -> None:
        super().__init__()
        self._said = ("", "", False)
        self.path = theme.dress(ElidedLabel(), small=True, muted=True)
        self.sentence = theme.dress(QLabel(), sentence=True, rich=True)
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.sentence.setWordWrap(True)
        self.open = theme.put_icon(theme.dress(QPushButton("Open"), flat=True), "folder", "text2", 14)
        self.save_as = theme.dress(QPushButton("Save as"), flat=True)
        self.preview = theme.put_icon(theme.dress(QPushButton("Preview"), flat=True), "eye", "text2", 14)
        self.preview.setToolTip("What teacher and student receive of a picture: crops, colours, hidden patches")
        self.grid = theme.dress(QPushButton("Grid"), flat=True)
        self.queue = QPushButton("Add to queue")
        self.start = theme.put_icon(theme.dress(QPushButton("Start now"), primary=True), "play", "onaccent", 14)
        self.open.setToolTip("Open a recipe file (Ctrl+O), or drop one on this page")
        self.save_as.setToolTip("Save under another name; Ctrl+S saves")
        texts, row = QVBoxLayout(), QHBoxLayout(self)
        texts.setSpacing(2)
        texts.addWidget(self.path)
        texts.addWidget(self.sentence)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addLayout(texts, 1)
        for button in (self.open, self.save_as, self.preview, self.grid, self.queue, self.start):
            row.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme.signals.changed.connect(self._write)

    def show_words(self, where: str, lead: str, rest: str, bad: bool) -> None:
        self.path.setText(f"Recipe  ›  {where}")
        self._said = (lead, rest, bad)
        self._write()

    @property
    def said(self) -> str:
        return self._said[0] + self._said[1]

    def offer(self, offered: bool, why: str) -> None:
        """Whether it can be queued and started; if not, why."""
        for button in (self.grid, self.queue, self.start):
            button.setEnabled(offered)
            button.setToolTip(why or (GRID if button is self.grid else ""))
            button.setAccessibleDescription(why)

    def _write(self) -> None:
        lead, rest, bad = self._said
        color = theme.palette().bad if bad else theme.palette().text
        self.sentence.setText(f'<b style="color:{color}">{escape(lead)}</b>{escape(rest)}')
        self.sentence.setAccessibleName(self.said)


class Banner(Card):
    """A sentence about what was asked and is not done, or is, with what can be done about it."""

    def __init__(self) -> None:
        super().__init__()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._row = QHBoxLayout()
        self._row.addWidget(self._text, 1)
        self.buttons: list[QPushButton] = []
        self.body.setContentsMargins(12, 8, 8, 8)
        self.body.addLayout(self._row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    @property
    def text(self) -> str:
        return self._text.text()

    def say(self, sentence: str, acts: Sequence[tuple[str, Callable[[], object]]], state: str = "warn") -> None:
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self._text.setText(sentence)
        theme.dress(self, state=state)
        self.setAccessibleName(sentence)
        self.buttons = []
        for label, act in [*acts, ("Dismiss", self.hide)]:
            button = theme.dress(QPushButton(label), small=True, flat=label == "Dismiss")
            button.clicked.connect(lambda checked=False, act=act: act())
            self._row.addWidget(button)
            self.buttons.append(button)
        self.show()
