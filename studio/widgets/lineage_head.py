"""The head of the page: which lineage it is, what a colleague would say of it first, and what had to be left out."""

from collections.abc import Mapping, Sequence
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from studio import theme
from studio.widgets.card import ElidedLabel
from studio.widgets.pass_on import PassOn


class LineageHead(QWidget):
    """`lineage_chosen` brings the name of another lineage; `left_out`: who reads does without the generations offered."""

    lineage_chosen = Signal(str)
    left_out = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lead, self._rest = "", ""
        self._path = theme.dress(ElidedLabel(), small=True, muted=True)
        self.others = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), "chevron-down", "text2", 12)
        self.others.setAccessibleName("Choose another lineage")
        self.others.setToolTip("Choose another lineage")
        self.menu = theme.round_menu(QMenu(self))
        self.pass_on = PassOn()
        self.sentence = theme.dress(QLabel(), sentence=True, rich=True)
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.notice = theme.dress(QLabel(), small=True, state="warn")
        self.notice.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.sentence, self.notice):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.offer = theme.dress(QLabel(), small=True)
        self.offer.setTextFormat(Qt.TextFormat.PlainText)
        self.offer.setWordWrap(True)
        self.leave_out = theme.dress(QPushButton("Leave out the remaining generations"), small=True)
        self.leave_out.setToolTip("Takes their runs out of the queue. Their folders stay, so they can be queued again.")
        self.leave_out.clicked.connect(self.left_out)
        self._lay_out()
        self.show_offer("")
        self.others.clicked.connect(lambda: self.menu.popup(self.others.mapToGlobal(self.others.rect().bottomLeft())))
        theme.signals.changed.connect(self._write)

    def _lay_out(self) -> None:
        path = QHBoxLayout()
        path.setSpacing(2)
        path.addWidget(self._path)
        path.addWidget(self.others)
        path.addWidget(self.pass_on)
        path.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(path)
        column.addWidget(self.sentence)
        column.addWidget(self.notice)
        offer = QHBoxLayout()
        offer.setSpacing(12)
        offer.addWidget(self.offer, 1)
        offer.addWidget(self.leave_out, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(offer)

    def show_path(self, parts: Sequence[str], others: Mapping[str, str]) -> None:
        """`others`: every lineage of the workspace with a few words about it; with one there is nothing to choose."""
        self._path.setText("  ›  ".join(parts))
        self.others.setVisible(len(others) > 1)
        self.menu.clear()
        for name, about in others.items():
            act = self.menu.addAction(f"{name}: {about}")
            act.setCheckable(True)
            act.setChecked(name == parts[0])
            act.triggered.connect(lambda checked=False, name=name: self.lineage_chosen.emit(name))

    def show_sentence(self, lead: str, rest: str, notices: Sequence[str]) -> None:
        """`lead` is set in bold; a line for each notice."""
        self._lead, self._rest = lead, rest
        self._write()
        self.notice.setText("\n".join(notices))
        self.notice.setVisible(bool(notices))

    def show_offer(self, said: str) -> None:
        """What is offered to be left out, and why; nothing by default."""
        self.offer.setText(said)
        for part in (self.offer, self.leave_out):
            part.setVisible(bool(said))

    @property
    def said(self) -> str:
        return self._lead + self._rest

    def _write(self) -> None:
        """The first clause also has the colour of values, which rich text does not take from the theme by itself."""
        bold = f'<span style="font-weight:bold;color:{theme.palette().text}">{escape(self._lead)}</span>'
        self.sentence.setText(f"{bold}{escape(self._rest)}")
        self.sentence.setAccessibleName(self.said)
