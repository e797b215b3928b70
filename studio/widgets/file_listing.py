"""Files named one by one, to be read and copied."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QHeaderView, QPushButton, QTableView, QWidget

from studio import theme
from studio.data_model import Listing
from studio.widgets.card import Card
from studio.widgets.table_twin import ROLES, Index, RowsModel

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class FileRows(RowsModel):
    """Rows of text: everything stands on the left."""

    def data(self, index: Index, role: int = ROLES.DisplayRole) -> object:
        return LEFT if role == ROLES.TextAlignmentRole else super().data(index, role)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLES.DisplayRole) -> object:
        return LEFT if role == ROLES.TextAlignmentRole else super().headerData(section, orientation, role)


class FileListing(Card):
    """Esc or *Close* ends it: `closed`."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Files", parent=parent, ruled=True)
        self._text = ""
        self._rows = FileRows()
        self.table = theme.calm_table(QTableView())
        self.table.setModel(self._rows)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.copy = theme.put_icon(theme.dress(QPushButton("Copy"), small=True), "copy", "text2", 13)
        self.close_button = theme.put_icon(theme.dress(QPushButton("Close"), small=True), "close", "text2", 13)
        self.head.addWidget(self.copy)
        self.head.addWidget(self.close_button)
        self.body.setContentsMargins(4, 0, 4, 4)
        self.body.addWidget(self.table)
        self.copy.setToolTip("Copy all lines to the clipboard")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._text))
        self.close_button.clicked.connect(self.closed)

    def show_listing(self, listing: Listing) -> None:
        self.show_title(listing.title, listing.subtitle)
        self._text = listing.text
        self.table.setAccessibleName(listing.title)
        self._rows.show_rows(listing.rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
