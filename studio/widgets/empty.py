"""What stands where nothing is to be seen yet: why it is empty and when that changes, or what is being read."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from studio import theme

PATIENCE_MS = 300  # what is read faster than this needs no words


class EmptyNote(QWidget):
    """A centred sentence, and below it when it will change."""

    def __init__(self, sentence: str = "", when: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sentence = _line(prose=True)
        self._when = _line(small=True, muted=True)
        column = QVBoxLayout(self)
        column.setSpacing(4)
        column.addStretch(1)
        column.addWidget(self._sentence)
        column.addWidget(self._when)
        column.addStretch(1)
        self.show_note(sentence, when)

    def show_note(self, sentence: str, when: str = "") -> None:
        self._sentence.setText(sentence)
        self._when.setText(when)
        self._when.setVisible(bool(when))
        self.setAccessibleName(sentence)
        self.setAccessibleDescription(when)


class LoadingNote(QWidget):
    """A sentence with a count and a bar; both appear only after 300 ms of waiting. Nothing in it moves by itself."""

    def __init__(self, sentence: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sentence = _line(prose=True)
        self._bar = theme.dress(QProgressBar(), loading=True)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("progress")
        self._inside = QWidget(self)
        inner = QVBoxLayout(self._inside)
        inner.setSpacing(8)
        inner.addWidget(self._sentence)
        inner.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.addStretch(1)
        column.addWidget(self._inside)
        column.addStretch(1)
        self._inside.hide()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._inside.show)
        self.show_progress(sentence, None)

    def show_progress(self, sentence: str, fraction: float | None = None) -> None:
        """`fraction` in [0, 1]; None while nobody knows how much there is, and then there is no bar."""
        self._sentence.setText(sentence)
        self._bar.setVisible(fraction is not None)
        self._bar.setValue(round(1000 * (fraction or 0.0)))
        self.setAccessibleName(sentence)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._patience.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._patience.stop()
        self._inside.hide()


def _line(**properties: bool) -> QLabel:
    label = theme.dress(QLabel(), **properties)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
