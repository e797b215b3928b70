"""The card of a run that is ill, failed or lost: what happened, why probably, and what can be done about it, likeliest first.

What a remedy does is left to whoever listens to `remedy_chosen`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from studio import theme
from studio.widgets.card import ElidedLabel, rule

Tone = Literal["bad", "warn"]
WIDE = 560  # from this width on, cause and remedies stand beside each other


class Remedy(NamedTuple):
    """An act, what it promises, the word on its button (empty for none), and the key by which it is told."""

    act: str
    promise: str
    button: str
    key: str
    possible: bool = True


class ErrorCard(QFrame):
    """Border and head in the tone. Remedies are rows; the only one of a lost run stands in the head.

    It folds to its head. `folded_by_hand` tells what a person chose.
    """

    folded_by_hand = Signal(bool)
    remedy_chosen = Signal(str)
    log_asked = Signal()
    copy_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, panel=True)
        self._shown: tuple[object, ...] = ()
        self.folded = False
        self._mark = QLabel()
        self.fold_button = theme.dress(QToolButton(), flat=True, small=True)
        self._inside = QWidget()
        self._title = theme.dress(ElidedLabel(), title=True)
        self._acts = self._log_and_copy()
        self._head_frame, self.head, self._head_remedy = QFrame(), QHBoxLayout(), QHBoxLayout()
        self._cause = theme.dress(_wrapped(""), small=True, prose=True)
        self._cause.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._headings = [QLabel("Probable cause"), QLabel("Remedies")]
        self._rows, self._remedies = QVBoxLayout(), QWidget()
        self._sides, self._foot = QBoxLayout(QBoxLayout.Direction.TopToBottom), QHBoxLayout()
        self._lay_out()
        self._arrange()
        self.fold(False)
        self.fold_button.clicked.connect(self._toggle)

    def show_failure(
        self,
        title: str,
        cause: str,
        remedies: Sequence[Remedy | tuple[str, str, str, str]] = (),
        tone: Tone = "bad",
        mark: str = "",
    ) -> None:
        """`cause` is two sentences; a newline begins a paragraph. Showing the same again keeps focus and buttons.

        mark: an icon instead of the tone's own.
        """
        rows = tuple(Remedy(*remedy) for remedy in remedies)
        if self._shown == (title, cause, rows, tone, mark):
            return
        self._shown = (title, cause, rows, tone, mark)
        self._title.setText(title)
        self._cause.setText(cause.replace("\n", "\n\n"))
        self.setAccessibleName(title)
        self.setAccessibleDescription(cause)
        theme.put_icon(self._mark, mark or ("octagon-x" if tone == "bad" else "question"), tone)
        theme.dress(self._title, bold=tone == "bad")
        for frame in (self, self._head_frame):
            theme.dress(frame, state=tone)
        self._fill(rows, in_head=tone == "warn" and len(rows) == 1 and rows[0].act == rows[0].button)

    def fold(self, folded: bool) -> None:
        """To its head, or back."""
        self.folded = folded
        self._inside.setVisible(not folded)
        theme.put_icon(self.fold_button, "chevron-up" if folded else "chevron-down", "text2", 14)
        said = "Show cause and remedies" if folded else "Fold to one line"
        self.fold_button.setAccessibleName(said)
        self.fold_button.setToolTip(said)

    def _toggle(self) -> None:
        self.fold(not self.folded)
        self.folded_by_hand.emit(self.folded)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _fill(self, rows: Sequence[Remedy], in_head: bool) -> None:
        _clear(self._rows)
        _clear(self._head_remedy)
        if in_head:
            self._head_remedy.addWidget(self._button(rows[0]))
        else:
            for remedy in rows:
                self._rows.addWidget(self._row(remedy))
        self._remedies.setVisible(self._rows.count() > 0)
        self._arrange()

    def _arrange(self) -> None:
        """Wide: the parts beside each other under headings. Narrow: below each other, the log at the foot."""
        wide = self.width() >= theme.px(WIDE)
        directions = QBoxLayout.Direction
        self._sides.setDirection(directions.LeftToRight if wide else directions.TopToBottom)
        for heading in self._headings:
            heading.setVisible(wide and self._rows.count() > 0)
        home = self.head if wide else self._foot
        if home.indexOf(self._acts) < 0:
            home.insertWidget(3 if wide else 0, self._acts)
            self._acts.show()  # which Qt would do one turn later

    def _lay_out(self) -> None:
        theme.dress(self._head_frame, head=True).setLayout(self.head)
        self.head.setContentsMargins(12, 0, 8, 0)
        self.head.setSpacing(8)
        self.head.addWidget(self._mark)
        self.head.addWidget(self._title)
        self.head.addStretch(1)
        self.head.addLayout(self._head_remedy)
        self.head.addWidget(self.fold_button)

        cause = QVBoxLayout()
        cause.addWidget(self._headings[0])
        cause.addWidget(self._cause)
        cause.addStretch(1)
        remedies = QVBoxLayout(self._remedies)
        remedies.setContentsMargins(0, 0, 0, 0)
        remedies.addWidget(self._headings[1])
        remedies.addLayout(self._rows)
        remedies.addStretch(1)
        self._rows.setSpacing(0)
        self._sides.setSpacing(12)
        self._sides.addLayout(cause, 2)
        self._sides.addWidget(self._remedies, 3)
        self._foot.addStretch(1)

        body, whole = QVBoxLayout(self._inside), QVBoxLayout(self)
        body.setContentsMargins(12, 10, 12, 10)
        body.addLayout(self._sides, 1)
        body.addLayout(self._foot)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._head_frame)
        whole.addWidget(self._inside, 1)

    def _log_and_copy(self) -> QWidget:
        acts = QWidget()
        log = theme.dress(QPushButton("Open log"), flat=True, small=True)
        copy = theme.put_icon(theme.dress(QPushButton("Copy report"), flat=True, small=True), "copy", size=14)
        log.clicked.connect(self.log_asked)
        copy.clicked.connect(self.copy_asked)
        row = QHBoxLayout(acts)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(log)
        row.addWidget(copy)
        return acts

    def _row(self, remedy: Remedy) -> QWidget:
        row = QWidget()
        words, line, column = QVBoxLayout(), QHBoxLayout(), QVBoxLayout(row)
        words.setSpacing(1)
        words.addWidget(_wrapped(remedy.act))
        if remedy.promise:
            words.addWidget(theme.dress(_wrapped(remedy.promise), small=True, muted=True))
        line.setContentsMargins(0, 5, 0, 5)
        line.setSpacing(12)
        line.addLayout(words, 1)
        if remedy.button:
            line.addWidget(self._button(remedy), 0, Qt.AlignmentFlag.AlignVCenter)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(rule())
        column.addLayout(line)
        return row

    def _button(self, remedy: Remedy) -> QPushButton:
        button = theme.dress(QPushButton(remedy.button), small=True)
        button.setEnabled(remedy.possible)
        button.setToolTip(remedy.promise)
        button.setAccessibleName(f"{remedy.button}: {remedy.act}")
        button.clicked.connect(lambda: self.remedy_chosen.emit(remedy.key))
        return button


def _wrapped(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def _clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
