"""The head of the Data page: where the pictures are, what there is in a sentence, what can be done; and a scan under way."""

from collections.abc import Callable, Sequence
from html import escape

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio import theme
from studio.widgets.card import Card, ElidedLabel
from studio.widgets.empty import PATIENCE_MS, EmptyNote

Choice = tuple[str, str, Callable[[], object]]  # what it is called, more of it, what choosing it does


class DataHead(QWidget):
    """Path, sentence, buttons. The menu of known data sets is filled by whoever knows them when it opens."""

    def __init__(self) -> None:
        super().__init__()
        self._said = ("", "")
        self.path = theme.dress(ElidedLabel(), small=True, muted=True)
        self.sentence = theme.dress(QLabel(), sentence=True, rich=True)
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.sentence.setWordWrap(True)
        self.folder = theme.put_icon(QPushButton("Folder"), "folder", "text2", 14)
        self.folder.setToolTip("Choose a folder with one sub-folder a class, or drop one, or an archive of it, on this page")
        self.known = QPushButton("Known data set    ")  # room for its arrow
        self.known.setAccessibleName("Known data set")
        self.menu = theme.round_menu(QMenu(self))
        self.menu.setToolTipsVisible(True)
        self.known.setMenu(self.menu)
        self.use = theme.dress(QPushButton("Use in a recipe"), primary=True)
        texts, row = QVBoxLayout(), QHBoxLayout(self)
        texts.setSpacing(4)
        texts.addWidget(self.path)
        texts.addWidget(self.sentence)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addLayout(texts, 1)
        for button in (self.folder, self.known, self.use):
            row.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme.signals.changed.connect(self._write)

    def show_words(self, where: str, lead: str, rest: str) -> None:
        self.path.setText(f"Data  ›  {where}" if where else "Data")
        self._said = (lead, rest)
        self._write()

    @property
    def said(self) -> str:
        return self._said[0] + self._said[1]

    def offer_use(self, why_not: str) -> None:
        self.use.setEnabled(not why_not)
        self.use.setToolTip(why_not or "Train on these pictures: another data table, everything else in the recipe as it is")
        self.use.setAccessibleDescription(why_not)

    def offer_known(self, groups: Sequence[tuple[str, Sequence[Choice]]]) -> None:
        """Under headings; one without choices is left out."""
        self.menu.clear()
        for heading, choices in groups:
            if choices and heading:
                self.menu.addSeparator()
                self.menu.addAction(heading).setEnabled(False)
            for text, more, choose in choices:
                action = self.menu.addAction(text.replace("&", "&&"))
                action.setToolTip(more)
                action.triggered.connect(lambda checked=False, choose=choose: choose())

    def _write(self) -> None:
        lead, rest = self._said
        self.sentence.setText(f'<b style="color:{theme.palette().text}">{escape(lead)}</b>{escape(rest)}')
        self.sentence.setAccessibleName(self.said)


class ScanProgress(Card):
    """A sentence with a count, a bar, *Cancel*. It comes after 300 ms: what is read faster needs no words."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._text = ElidedLabel()
        self.bar = theme.dress(QProgressBar(), loading=True)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("progress")
        self.cancel = theme.dress(QPushButton("Cancel"), small=True)
        self.cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self._text)
        row.addWidget(self.bar)
        row.addStretch(1)
        row.addWidget(self.cancel)
        self.body.setContentsMargins(12, 6, 8, 6)
        self.body.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self.show)
        self.hide()

    @property
    def said(self) -> str:
        return self._text.text()

    def begin(self, sentence: str) -> None:
        self.show_progress(sentence, 0.0)
        if not self.isVisible():
            self._patience.start()

    def show_progress(self, sentence: str, share: float) -> None:
        """`share` 0 while nobody knows how much there is, and then there is no bar."""
        self._text.setText(sentence)
        self._text.updateGeometry()
        self.bar.setVisible(share > 0)
        self.bar.setValue(round(1000 * share))
        self.setAccessibleName(sentence)

    def end(self) -> None:
        self._patience.stop()
        self.hide()


class NoPictures(QWidget):
    """What stands there before the first folder: what it wants, and the ways to give it."""

    def __init__(self) -> None:
        super().__init__()
        self.note = EmptyNote("Drop a folder with one sub-folder a class, or a .zip or .tar of one, or choose Folder.")
        self.buttons: list[QPushButton] = []
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        column = QVBoxLayout(self)
        column.addStretch(1)
        column.addWidget(self.note)
        column.addSpacing(8)
        column.addLayout(self._row)
        column.addStretch(2)

    def offer(self, choices: Sequence[Choice]) -> None:
        """Once: buttons side by side."""
        self._row.addStretch(1)
        for text, more, choose in choices:
            button = QPushButton(text)
            button.setToolTip(more)
            button.clicked.connect(lambda checked=False, choose=choose: choose())
            self._row.addWidget(button)
            self.buttons.append(button)
        self._row.addStretch(1)
