"""What was found in a data set: figures in a row, and below them a row a finding, with a button where files can be shown."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from studio import theme
from studio.data_model import Figure, Finding
from studio.widgets.card import Card, ElidedLabel, rule

MARKS = {"ok": ("check", "ok"), "warn": ("warning", "warn"), "note": ("image", "muted")}
SPOKEN = {"ok": "fine", "warn": "to be looked at", "note": "note"}


class FindingRow(QWidget):
    """Mark, title, what it means, button."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mark = QLabel()
        self.title, self.detail = QLabel(), theme.dress(QLabel(), small=True, muted=True)
        self.show_files = theme.dress(QPushButton("Show"), small=True)
        for label in (self.title, self.detail):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        texts, row, whole = QVBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        texts.setSpacing(2)
        texts.addWidget(self.title)
        texts.addWidget(self.detail)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(9)
        row.addWidget(self.mark)
        row.addLayout(texts, 1)
        row.addWidget(self.show_files)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(rule())
        whole.addLayout(row)

    def show_finding(self, found: Finding) -> None:
        theme.put_icon(self.mark, *MARKS[found.tone], size=14)
        self.title.setText(found.title)
        self.detail.setText(found.detail)
        self.detail.setVisible(bool(found.detail))
        self.show_files.setVisible(found.listing is not None)
        self.show_files.setAccessibleName(f"Show {found.title}")
        self.setAccessibleName(f"{SPOKEN[found.tone]}: {found.title}. {found.detail}")


class FindingsCard(Card):
    """`files_asked` brings the place of a finding whose files are to be shown."""

    files_asked = Signal(int)
    grown = Signal()  # or shrunk: its height is another one

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.figures: list[tuple[QLabel, QLabel]] = []
        self.rows: list[FindingRow] = []
        self._shown: tuple[Finding, ...] = ()
        self._figures, self._list = QHBoxLayout(), QVBoxLayout()
        self._figures.setContentsMargins(12, 8, 12, 8)
        self._figures.setSpacing(14)
        self._list.setSpacing(0)
        self.body.setContentsMargins(0, 0, 0, 1)
        self.body.setSpacing(0)
        self.body.addLayout(self._figures)
        self.body.addLayout(self._list)
        self.setAccessibleName("What was found")
        self._add_row()  # so that rows which come later find their place for Tab

    def show_figures(self, figures: Sequence[Figure]) -> None:
        while len(self.figures) < len(figures):
            self._add_figure()
        for (value, under), figure in zip(self.figures, figures, strict=False):
            value.setText(figure.value)
            under.setText(figure.under)
            for label in (value, under):
                label.setToolTip(figure.tip)
            value.setAccessibleName(f"{figure.value} {figure.under}")

    def show_findings(self, found: Sequence[Finding]) -> None:
        """Rows that stay the same are left alone, so a button keeps the focus."""
        if tuple(found) == self._shown:
            return
        self._shown = tuple(found)
        while len(self.rows) < len(found):
            self._add_row()
        for place, row in enumerate(self.rows):
            row.setVisible(place < len(found))
            if place < len(found):
                row.show_finding(found[place])

    def hasHeightForWidth(self) -> bool:
        """It sees to its height itself: else the column could not give what it lacks to a list that scrolls."""
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def _fit(self) -> None:
        whole = self.layout()
        assert whole is not None
        need = whole.totalHeightForWidth(self.width())
        if need >= 0 and need != self.minimumHeight():  # -1 while no row is in sight
            self.setFixedHeight(need)
            self.grown.emit()

    def _add_row(self) -> None:
        row, place = FindingRow(), len(self.rows)
        row.show_files.clicked.connect(lambda checked=False: self.files_asked.emit(place))
        self._list.addWidget(row)
        if self.rows:
            QWidget.setTabOrder(self.rows[-1].show_files, row.show_files)
        self.rows.append(row)

    def _add_figure(self) -> None:
        value, under = theme.dress(QLabel(), figure=True), theme.dress(ElidedLabel(), small=True, muted=True)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(value)
        column.addWidget(under)
        if self._figures.count():
            self._figures.takeAt(self._figures.count() - 1)
        self._figures.addLayout(column)
        self._figures.addStretch(1)
        self.figures.append((value, under))
