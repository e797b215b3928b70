"""What pictures become before anything sees them, as a few fields in a row: size and colour. What they mean others know."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QToolButton, QWidget

from studio import theme
from studio.widgets.field_editor import FieldWords, Line
from studio.widgets.hints import put_hint
from studio.widgets.segment import Segment

LINE = 88  # width of a number with its unit


class ShapeForm(QWidget):
    """`settled` brings a field's path and what stands there, once typing has come to an end or a choice is made."""

    settled = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about: tuple[FieldWords, ...] = ()
        self.editors: dict[str, QLineEdit | Segment] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        theme.signals.changed.connect(self._fit)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def show_fields(self, about: Sequence[FieldWords], hints: Mapping[str, str]) -> None:
        """Editors of the same fields stay, with the focus."""
        if tuple(about) == self._about:
            return
        self._about = tuple(about)
        while (item := self._row.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self.editors = {one.path: self._add(one, hints.get(one.path, "")) for one in about}
        self.setVisible(bool(about))

    def take_place_after(self, widget: QWidget) -> None:
        """For Tab: editors that were made later come where they stand."""
        for editor in self.editors.values():
            for stop in editor.findChildren(QToolButton) if isinstance(editor, Segment) else [editor]:
                QWidget.setTabOrder(widget, stop)
                widget = stop

    def show_values(self, texts: Mapping[str, str], errors: Mapping[str, str]) -> None:
        for path, editor in self.editors.items():
            if isinstance(editor, Segment):
                editor.choose(texts[path])
            else:
                if editor.text() != texts[path]:
                    editor.setText(texts[path])
                theme.dress(editor, state="bad" if path in errors else "")
            editor.setAccessibleDescription(errors.get(path, ""))

    def _add(self, about: FieldWords, hint: str) -> QLineEdit | Segment:
        label = theme.dress(QLabel(about.label), small=True, prose=True)
        editor = self._segment(about) if about.kind == "choice" else self._line(about)
        label.setBuddy(editor)
        put_hint(editor, hint)
        self._row.addWidget(label)
        self._row.addWidget(editor)
        return editor

    def _segment(self, about: FieldWords) -> Segment:
        made = Segment([value for value, _ in about.choices], about.label)
        for value, said in about.choices:
            made.relabel(value, said)
        made.chosen.connect(lambda value: self.settled.emit(about.path, value))
        return made

    def _line(self, about: FieldWords) -> Line:
        made = theme.dress(Line(about.unit), small=True)
        made.setAccessibleName(about.label)
        made.setFixedWidth(theme.px(LINE))
        made.editingFinished.connect(lambda: self.settled.emit(about.path, made.text()))
        return made

    def _fit(self) -> None:
        for editor in self.editors.values():
            if isinstance(editor, QLineEdit):
                editor.setFixedWidth(theme.px(LINE))
