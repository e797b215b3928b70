"""The question when the window closes while something trains: leave it running, or stop and save. Asked only then.

What an answer does is the window's part; this only says what there is and what each answer keeps.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine import words
from studio import phrases, theme
from studio.session import Session

PROMISES = (
    ("Leave running", "Training goes on without the window. Open it again to look."),
    ("Stop and save", "Saves this step and ends; nothing more is started. Loses nothing."),
)


class Leaving(QDialog):
    """`left_running`, `stopped`, or closed without an answer: then the window stays."""

    left_running = Signal()
    stopped = Signal()

    def __init__(self, sentence: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Close the window")
        self.setAccessibleDescription(sentence)
        self.leave, self.stop, self.stay = QPushButton(PROMISES[0][0]), QPushButton(PROMISES[1][0]), QPushButton("Cancel")
        theme.dress(self.leave, primary=True).setDefault(True)
        for button in (self.stop, self.stay):
            button.setAutoDefault(False)
        self._lay_out(sentence)
        for button, answer in ((self.leave, self.left_running), (self.stop, self.stopped)):
            button.clicked.connect(self.close)
            button.clicked.connect(answer)
        self.stay.clicked.connect(self.close)
        self.leave.setFocus()

    def _lay_out(self, sentence: str) -> None:
        column, promises, row = QVBoxLayout(self), QGridLayout(), QHBoxLayout()
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        said = theme.dress(QLabel(sentence), title=True)
        said.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(said)
        promises.setHorizontalSpacing(16)
        promises.setVerticalSpacing(8)
        for place, (name, promise) in enumerate(PROMISES):
            promises.addWidget(QLabel(name), place, 0)
            promises.addWidget(theme.dress(QLabel(promise), prose=True), place, 1)
        column.addLayout(promises)
        column.addSpacing(8)
        row.setSpacing(8)
        row.addWidget(self.stay)
        row.addStretch(1)
        row.addWidget(self.stop)
        row.addWidget(self.leave)
        column.addLayout(row)


def what_goes_on(session: Session) -> str:
    """ "digits F1 seed 0 is training. 2 more wait in the queue." """
    busy = [one for one in session.runs if one.at_work or one.expected]
    waiting = [one for one in session.runs if one.place and not one.expected] if session.working and not session.held else []
    many = f"{words.count(len(busy))} runs are training" if len(busy) > 1 else ""
    more = f" {words.count(len(waiting))} more {'waits' if len(waiting) == 1 else 'wait'} in the queue." if waiting else ""
    if many or not busy:
        return f"{many or 'Nothing is training'}.{more}"
    how = "is training" if busy[0].at_work else "is about to train"
    return f"{phrases.run_short(busy[0])} {how}.{more}"
