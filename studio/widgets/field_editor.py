"""One field of a recipe as a row of a form: dot, label, editor, hint, and below them why a value is refused.

It is given texts and gives signals; what a value means and whether it is taken is decided elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from studio import theme
from studio.widgets import hints
from studio.widgets.card import ElidedLabel

DOT, LABEL, EDITOR = 16, 122, 148  # widths of the columns, pixels at scale 1
OWN_KEYS = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)  # the recipe's, not the line's


@dataclass(frozen=True)
class FieldWords:
    """What a row is about; as long as it stays the same, the row does."""

    path: str
    label: str
    kind: str  # "line", "switch", "choice", "path" of a folder, "file"
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()  # value, words

    @property
    def is_place(self) -> bool:
        """Whether it names something on disk, for which there is a dialog."""
        return self.kind in ("path", "file")


@dataclass(frozen=True)
class FieldState:
    """What a row shows now."""

    text: str
    hint: str = ""
    changed_from: str = ""  # what the dot says; empty for no dot
    error: str = ""
    range: str = ""  # for a screen reader
    remedy: str = ""  # of a button beside the error


class Line(QLineEdit):
    """A line of text with its unit at the right end. Undo and redo are left to the page."""

    def __init__(self, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = theme.dress(QLabel(unit, self), small=True, muted=True)
        self._unit.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._unit.setVisible(bool(unit))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self._unit.sizeHint()
        self._unit.setGeometry(self.width() - wide.width() - theme.px(9), 0, wide.width(), self.height())
        self.setTextMargins(0, 0, wide.width() + 4 if self._unit.text() else 0, 0)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_own(event):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _is_own(event):
            event.ignore()
        else:
            super().keyPressEvent(event)


def _is_own(event: QKeyEvent) -> bool:
    return any(event.matches(key) for key in OWN_KEYS)


class Dot(QToolButton):
    """The dot in the margin of a changed field; a press brings the value back. Keys reach it by the list of changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.put_icon(theme.dress(self, flat=True, small=True), "dot", "accenttext", 12)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # or its row would move
        self.setSizePolicy(policy)


class FieldEditor(QWidget):
    """A row. Its signals bring the field's path."""

    edited = Signal(str, str)  # what stands in the editor now
    settled = Signal(str)  # typing has come to an end
    focused = Signal(str)
    reset_asked = Signal(str)
    browse_asked = Signal(str)
    remedy_asked = Signal(str)

    def __init__(self, about: FieldWords, width: int = EDITOR, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.about, self._width = about, width
        self.explain: Callable[[str], str] = lambda path: ""
        self.dot = Dot()
        self.label = theme.dress(ElidedLabel(about.label), prose=False)
        self.label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.hint = theme.dress(ElidedLabel(), small=True, muted=True)
        self.error = theme.dress(QLabel(), small=True, state="bad")
        self.error.setWordWrap(True)
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.remedy = theme.dress(self._button(), small=True)
        self.remedy.clicked.connect(lambda: self.remedy_asked.emit(about.path))
        self.browse: QToolButton | None = None
        self.editor = self._make_editor()
        self.editor.installEventFilter(self)
        self.editor.setAccessibleName(about.label)
        self.label.setBuddy(self.editor)
        self.dot.clicked.connect(lambda: self.reset_asked.emit(about.path))
        self._lay_out()
        theme.signals.changed.connect(self._fit)

    def show_state(self, now: FieldState) -> None:
        self._show_text(now.text)
        self.hint.setText(now.hint)
        self.dot.setVisible(bool(now.changed_from))
        self.dot.setToolTip(now.changed_from)
        self.dot.setAccessibleName(f"{self.about.label}: {now.changed_from}")
        self.error.setText(now.error)
        for part, shown in ((self.error, bool(now.error)), (self.remedy, bool(now.error and now.remedy))):
            part.setVisible(shown)
        self.remedy.setText(now.remedy)
        if not isinstance(self.editor, QCheckBox):
            theme.dress(self.editor, state="bad" if now.error else "")
        said = [now.error or now.hint, now.range, "changed" if now.changed_from else ""]
        self.editor.setAccessibleDescription(". ".join(part for part in said if part))

    def text(self) -> str:
        """What stands in the editor."""
        match self.editor:
            case QComboBox():
                return str(self.editor.currentData())
            case QCheckBox():
                return "true" if self.editor.isChecked() else "false"
            case _:
                return self.editor.text()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn:
            self.focused.emit(self.about.path)
        elif isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusOut and not _is_popup(event):
            self.settled.emit(self.about.path)
        return False

    def event(self, event: QEvent) -> bool:
        """What the field is, for a pointer that rests on the row, and for Shift+F1."""
        if event.type() in (QEvent.Type.ToolTip, QEvent.Type.QueryWhatsThis, QEvent.Type.WhatsThis):
            hints.put_hint(self, self.explain(self.about.path))
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press on the label or the hint asks what the field is."""
        self.editor.setFocus(Qt.FocusReason.MouseFocusReason)

    # ---- editors ----------------------------------------------------------------------------------------------------------

    def _make_editor(self) -> QLineEdit | QComboBox | QCheckBox:
        match self.about.kind:
            case "switch":
                box = QCheckBox("On")
                box.clicked.connect(lambda: self._tell())
                return box
            case "choice":
                combo = theme.quiet_field(QComboBox())
                combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                combo.setMinimumContentsLength(6)
                _fill(combo, self.about.choices)
                combo.activated.connect(lambda: self._tell())
                return combo
            case _:
                line = Line(self.about.unit)
                line.textEdited.connect(lambda text: self.edited.emit(self.about.path, text))
                line.returnPressed.connect(lambda: self.settled.emit(self.about.path))
                return line

    def _tell(self) -> None:
        self.edited.emit(self.about.path, self.text())
        self.settled.emit(self.about.path)

    def _show_text(self, text: str) -> None:
        match self.editor:
            case QComboBox():
                _show_choice(self.editor, text)
            case QCheckBox():
                self.editor.setChecked(text == "true")
                self.editor.setText({"true": "On", "false": "Off"}.get(text, text))
            case _ if self.editor.text() != text:
                self.editor.setText(text)
                self.editor.setCursorPosition(len(text) if self.editor.hasFocus() else 0)

    # ---- looks ------------------------------------------------------------------------------------------------------------

    def _button(self) -> QToolButton:
        button = QToolButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.hide()
        return button

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setColumnMinimumWidth(0, 0)
        grid.setVerticalSpacing(3)
        grid.addWidget(self.dot, 0, 0)
        grid.addWidget(self.label, 0, 1)
        wide = self.about.is_place  # a path is longer than what could be said beside it
        grid.addWidget(self._with_browse(), 0, 2, 1, 2 if wide else 1)
        grid.addWidget(self.hint, 1 if wide else 0, 3)
        self.hint.setHidden(wide)
        below = QHBoxLayout()
        below.addWidget(self.error, 1)
        below.addWidget(self.remedy, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(below, 1, 2, 1, 2)
        grid.setColumnStretch(2, 2)
        grid.setColumnStretch(3, 3)
        self._grid = grid
        self.error.hide()
        self.dot.hide()
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._fit()

    def _with_browse(self) -> QWidget:
        if not self.about.is_place:
            return self.editor
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.browse = theme.put_icon(QToolButton(), "file" if self.about.kind == "file" else "folder", "text2", 16)
        self.browse.setAccessibleName(f"Choose {self.about.label.lower()}")
        self.browse.setToolTip("Choose a file" if self.about.kind == "file" else "Choose a folder")
        self.browse.clicked.connect(lambda: self.browse_asked.emit(self.about.path))
        row.addWidget(self.editor, 1)
        row.addWidget(self.browse)
        return holder

    def _fit(self) -> None:
        self.dot.setFixedWidth(theme.px(DOT))  # a margin, not a control with words in it
        self.label.setMinimumWidth(theme.px(LABEL))
        self.label.setMaximumWidth(theme.px(LABEL))
        self._grid.setColumnMinimumWidth(2, theme.px(self._width))
        if self._width < EDITOR:
            self.editor.setMaximumWidth(theme.px(self._width))


def _is_popup(event: QFocusEvent) -> bool:
    """A menu over the editor is no end of typing."""
    return event.reason() == Qt.FocusReason.PopupFocusReason


def _fill(combo: QComboBox, choices: Sequence[tuple[str, str]]) -> None:
    for value, said in choices:
        combo.addItem(said, value)


def _show_choice(combo: QComboBox, value: str) -> None:
    """A value that is none of the choices is shown all the same, for it is what the recipe says."""
    place = combo.findData(value)
    if place < 0:
        combo.addItem(value or "nothing", value)
        place = combo.count() - 1
    combo.setCurrentIndex(place)
