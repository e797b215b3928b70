"""The command line that does the same, to be read and copied."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QWidget

from studio import theme
from studio.widgets.card import Card


class CommandCard(Card):
    """A command in monospace, or why there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Same as on the command line", parent=parent)
        self.text = theme.dress(QPlainTextEdit(), mono=True)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Command")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.copy = theme.put_icon(theme.dress(QPushButton("Copy"), small=True, flat=True), "copy", "text2", 14)
        self.copy.setAccessibleName("Copy the command")
        self.copy.clicked.connect(self._copy)
        self.head.addWidget(self.copy)
        self.body.addWidget(self.text)
        theme.signals.changed.connect(self._fit)
        self._fit()

    def show_command(self, command: str, why_none: str = "") -> None:
        """`command` over several lines; `why_none` stands there if it is empty."""
        if self.text.toPlainText() != (command or why_none):
            self.text.setPlainText(command or why_none)
        self.copy.setEnabled(bool(command))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def _fit(self) -> None:
        self.text.setMinimumHeight(3 * self.text.fontMetrics().lineSpacing() + theme.px(18))
