"""The head of the Queue: what is at work and what waits in a sentence, the button that holds or starts it, a new experiment."""

from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.live_words import Sentence


class QueueHead(QWidget):
    """`hold_asked` tells whether nothing more is to be started."""

    hold_asked = Signal(bool)
    new_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._said = Sentence("")
        self._goes_on = False
        self._path = theme.dress(QLabel("Queue"), small=True, muted=True)
        self.sentence = theme.dress(QLabel(), sentence=True, rich=True)
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.hold = QPushButton("Hold queue")
        self.new = theme.put_icon(theme.dress(QPushButton("New experiment"), primary=True), "plus", "onaccent", 14)
        self.hold.clicked.connect(lambda: self.hold_asked.emit(self._goes_on))
        self.new.clicked.connect(self.new_asked)
        texts, row = QVBoxLayout(), QHBoxLayout(self)
        texts.setSpacing(4)
        texts.addWidget(self._path)
        texts.addWidget(self.sentence)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addLayout(texts, 1)
        row.addWidget(self.hold)
        row.addWidget(self.new)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def show_sentence(self, said: Sentence) -> None:
        if said != self._said:
            self._said = said
            self.sentence.setText(f'<b style="color:{theme.palette().text}">{escape(said.lead)}</b>{escape(said.rest)}')
            self.sentence.setAccessibleName(said.plain)

    def redress(self) -> None:
        """The sentence carries a colour of the theme."""
        said, self._said = self._said, Sentence("")
        self.show_sentence(said)

    @property
    def said(self) -> str:
        return self._said.plain

    def show_queue(self, goes_on: bool, possible: bool) -> None:
        """Whether somebody works through the queue and may start the next; whether there is anything to start or hold."""
        self._goes_on = goes_on
        self.hold.setText("Hold queue" if goes_on else "Start queue")
        theme.put_icon(self.hold, "pause" if goes_on else "play", "text2", 14)
        self.hold.setEnabled(goes_on or possible)
        held = "What is at work goes on; nothing is started after it"
        start = "Train what waits, one run after the other" if possible else "Nothing waits in the queue"
        self.hold.setToolTip(held if goes_on else start)
