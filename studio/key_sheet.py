"""The sheet of keys (F1): help for what has the focus, and below it every key there is, from the table of acts.

And what Filial is. Neither asks anything; Esc closes them.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from engine import __version__
from studio import theme
from studio.actions import Act
from studio.widgets.card import Card

Help = tuple[str, str, str]  # what it is called, where it stands or what it may be, what it is
WIDE, HIGH = 980, 640  # at scale 1, and never more than the window it stands in front of


class KeySheet(QDialog):
    """Groups of keys in two columns, which scroll where they do not fit."""

    def __init__(self, groups: Sequence[tuple[str, Sequence[Act]]], here: Help | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys and help")
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setAccessibleName("Keys")
        inside = QWidget()
        whole = QVBoxLayout(inside)
        whole.setContentsMargins(0, 0, 8, 0)
        whole.setSpacing(12)
        if here is not None:
            whole.addWidget(_help_card(*here))
        whole.addLayout(_columns([_group(title, acts) for title, acts in groups], [len(acts) + 2 for _, acts in groups]))
        whole.addStretch(1)
        self._area.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 8, 12)
        column.setSpacing(8)
        column.addWidget(self._area, 1)
        column.addWidget(_close_button(self))
        self.resize(_fitting(QSize(theme.px(WIDE), theme.px(HIGH)), parent))


class About(QDialog):
    """What this is, and where its runs are."""

    def __init__(self, workspace: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About Filial")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        column.addWidget(theme.dress(QLabel(f"Filial {__version__}"), sentence=True))
        column.addWidget(theme.dress(QLabel("Networks that learn from networks of their own kind. Apache-2.0."), prose=True))
        where = theme.dress(QLabel(f"Runs are in {workspace}"), small=True, muted=True)
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        where.setWordWrap(True)
        column.addWidget(where)
        column.addWidget(theme.dress(QLabel("F1 shows the keys, Ctrl+K finds everything."), small=True, prose=True))
        column.addSpacing(8)
        column.addWidget(_close_button(self))


def _help_card(name: str, place: str, text: str) -> Card:
    card = Card(name, place)
    said = theme.dress(QLabel(text), prose=True)
    said.setTextFormat(Qt.TextFormat.PlainText)
    said.setWordWrap(True)
    said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    card.body.addWidget(said)
    return card


def _group(title: str, acts: Sequence[Act]) -> Card:
    card, grid = Card(title), QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    for row, act in enumerate(acts):
        keys, what = theme.dress(QLabel(act.said_keys), small=True, bold=True), theme.dress(QLabel(act.text), small=True)
        what.setWordWrap(True)
        grid.addWidget(keys, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(what, row, 1)
    card.body.addLayout(grid)
    return card


def _columns(cards: Sequence[QWidget], heights: Sequence[int]) -> QHBoxLayout:
    """Side by side in two columns, as even as their order allows."""
    sides, row = (QVBoxLayout(), QVBoxLayout()), QHBoxLayout()
    row.setSpacing(12)
    below = 0
    for card, height in zip(cards, heights, strict=True):
        sides[int(below + height / 2 > sum(heights) / 2)].addWidget(card)
        below += height
    for side in sides:
        side.setSpacing(12)
        side.addStretch(1)
        row.addLayout(side, 1)
    return row


def _close_button(dialog: QDialog) -> QDialogButtonBox:
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    return buttons


def _fitting(wanted: QSize, over: QWidget) -> QSize:
    return wanted.boundedTo(over.size() - QSize(32, 48))
