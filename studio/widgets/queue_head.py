"""The head of the Queue: what is at work and what waits in a sentence, the button that holds or starts it, a new experiment.

Where a stop rule speaks, a line below says what may be left out, with the button that does it.
"""

from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.live_words import Sentence


class QueueHead(QWidget):
    """`hold_asked` tells whether nothing more is to be started."""

    hold_asked = Signal(bool)
    new_asked = Signal()
    left_out = Signal()

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
        self.offer = theme.dress(QLabel(), small=True)
        self.offer.setTextFormat(Qt.TextFormat.PlainText)
        self.offer.setWordWrap(True)
        self.leave_out = theme.dress(QPushButton("Leave them out"), small=True)
        self.leave_out.setToolTip("Takes these runs out of the queue. Their folders stay, so they can be queued again.")
        self.leave_out.clicked.connect(self.left_out)
        self._lay_out()
        self.show_offer("")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _lay_out(self) -> None:
        column, texts, row, offer = QVBoxLayout(self), QVBoxLayout(), QHBoxLayout(), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        texts.setSpacing(4)
        texts.addWidget(self._path)
        texts.addWidget(self.sentence)
        row.setSpacing(8)
        row.addLayout(texts, 1)
        row.addWidget(self.hold)
        row.addWidget(self.new)
        offer.setSpacing(12)
        offer.addWidget(self.offer, 1)
        offer.addWidget(self.leave_out, 0, Qt.AlignmentFlag.AlignVCenter)
        column.addLayout(row)
        column.addLayout(offer)

    def show_offer(self, said: str) -> None:
        """What may be left out, and why; nothing by default."""
        self.offer.setText(said)
        for part in (self.offer, self.leave_out):
            part.setVisible(bool(said))

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
