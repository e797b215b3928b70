"""What was looked at in a recipe: a mark, a title, the reason, and where there is one, a remedy of one press."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from studio import theme
from studio.widgets.card import Card, rule

MARKS = {"ok": ("check", "ok"), "warn": ("warning", "warn"), "bad": ("octagon-x", "bad"), "less": ("arrow-down", "text2")}
SPOKEN = {"ok": "fine", "warn": "advice", "bad": "to mend first", "less": "would cost less"}


@dataclass(frozen=True)
class CheckWords:
    """One row."""

    tone: str
    title: str
    reason: str = ""
    remedy: str = ""  # what the button says


class ChecksCard(Card):
    """`remedy_asked` brings the place of the check in the list."""

    remedy_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Checks", ruled=True, parent=parent)
        self._shown: tuple[CheckWords, ...] = ()
        self.rows: list[CheckRow] = []
        self.headline = theme.dress(QLabel(), small=True, muted=True)
        self.head.addWidget(self.headline)
        self.head.setContentsMargins(12, 0, 12, 0)
        self._inside = QWidget()
        self._list = QVBoxLayout(self._inside)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._list.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self._inside)
        self.body.setContentsMargins(0, 0, 0, 2)
        self.body.addWidget(area)

    def show_checks(self, checks: Sequence[CheckWords], headline: str) -> None:
        """Rows that stay the same are left alone, so a button keeps the focus."""
        self.headline.setText(headline)
        self.setAccessibleDescription(headline)
        if tuple(checks) == self._shown:
            return
        self._shown = tuple(checks)
        while len(self.rows) < len(checks):
            row = CheckRow(ruled=bool(self.rows))
            place = len(self.rows)
            row.remedy.clicked.connect(lambda checked=False, place=place: self.remedy_asked.emit(place))
            self._list.insertWidget(place, row)
            self.rows.append(row)
        for place, row in enumerate(self.rows):
            row.setVisible(place < len(checks))
            if place < len(checks):
                row.show_check(checks[place])


class CheckRow(QWidget):
    """Mark, words, button."""

    def __init__(self, ruled: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mark = QLabel()
        self.title, self.reason = QLabel(), theme.dress(QLabel(), small=True, muted=True)
        self.remedy = theme.dress(QPushButton(), small=True)
        for label in (self.title, self.reason):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        texts, row, whole = QVBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        texts.setSpacing(2)
        texts.addWidget(self.title)
        texts.addWidget(self.reason)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(10)
        row.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(texts, 1)
        row.addWidget(self.remedy, 0, Qt.AlignmentFlag.AlignTop)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        if ruled:
            whole.addWidget(rule())
        whole.addLayout(row)

    def show_check(self, said: CheckWords) -> None:
        icon, token = MARKS[said.tone]
        theme.put_icon(self.mark, icon, token, 14)
        self.mark.setAccessibleName(SPOKEN[said.tone])
        self.title.setText(said.title)
        self.reason.setText(said.reason)
        self.reason.setVisible(bool(said.reason))
        self.remedy.setVisible(bool(said.remedy))
        self.remedy.setText(said.remedy)
        self.remedy.setAccessibleName(f"{said.remedy}: {said.title}")
        self.setAccessibleName(f"{SPOKEN[said.tone]}: {said.title}. {said.reason}")
