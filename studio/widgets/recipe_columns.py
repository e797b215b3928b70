"""How a recipe's page is laid out: three columns that scroll inside, or two where three do not fit."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget


def stacked(cost: QWidget, checks: QWidget, command: QWidget) -> QWidget:
    """The right column, from its top."""
    right = QWidget()
    column = QVBoxLayout(right)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    column.addWidget(cost)
    column.addWidget(checks, 3)
    column.addWidget(command, 1)
    return right


class Columns(QWidget):
    """Three columns, or two where three do not fit: the second over the third.

    They scroll inside, so they want no more room than they need: else the page would scroll before they do.
    """

    def __init__(self, form: QWidget, schedules: QWidget, right: QWidget) -> None:
        super().__init__()
        self._parts = (form, schedules, right)
        self._rest = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(form, 14)
        whole.addLayout(self._rest, 21)
        self._rest.addWidget(schedules, 10)
        self._rest.addWidget(right, 11)
        for layout in (whole, self._rest):
            layout.setSpacing(12)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wanted = sum(part.minimumSizeHint().expandedTo(part.minimumSize()).width() for part in self._parts)
        narrow = self.width() < wanted + 24
        self._rest.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    def hasHeightForWidth(self) -> bool:
        return False

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def minimumSizeHint(self) -> QSize:
        """As wide as two columns need, for three become two."""
        needs = [part.minimumSizeHint().expandedTo(part.minimumSize()).width() for part in self._parts]
        return QSize(needs[0] + max(needs[1:]) + 12, super().minimumSizeHint().height())
