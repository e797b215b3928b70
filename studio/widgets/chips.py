"""Health chips: mark, name and value of one sign of health. A click asks for the chart that explains it."""

from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from studio import theme

Health = Literal["unknown", "ok", "warn", "bad"]
MARKS: dict[Health, tuple[str, str]] = {
    "unknown": ("dots", "muted"),
    "ok": ("check", "ok"),
    "warn": ("warning", "warn"),
    "bad": ("octagon-x", "bad"),
}
WORDS: dict[Health, str] = {"unknown": "not yet known", "ok": "healthy", "warn": "warning", "bad": "wrong"}


class HealthChip(QPushButton):
    """A flat button. Healthy is neutral and only its tick is green; warn and bad are tinted and outlined."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, chip=True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._name = name
        self._mark, self._words, self._value = QLabel(), QLabel(), QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 9, 3)
        row.setSpacing(6)
        for label in (self._mark, self._words, self._value):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setTextFormat(Qt.TextFormat.PlainText)
            row.addWidget(theme.dress(label, small=True))
        self.show_state("unknown")

    def show_state(self, state: Health, value: str = "", why: str = "", name: str = "") -> None:
        """Show what is known: `why` explains it in a sentence; `name` replaces the usual name ("not finite")."""
        value = value or ("not yet" if state == "unknown" else "")
        theme.put_icon(self._mark, *MARKS[state], size=16)
        self._words.setText(name or self._name)
        self._value.setText(value)
        self._value.setVisible(bool(value))
        theme.dress(self._words, prose=state in ("unknown", "ok"))
        theme.dress(self, state=state)
        self.setToolTip(why)
        self.setAccessibleName(", ".join(part for part in (name or self._name, WORDS[state], value) if part))
        self.setAccessibleDescription(why)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        row = self.layout()
        assert row is not None
        return row.sizeHint().expandedTo(QSize(0, self.fontMetrics().height() + theme.px(10)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()
