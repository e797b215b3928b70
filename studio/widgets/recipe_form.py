"""The form of a recipe: preset and changes in its head, rows, folded groups, and a foot that explains the field in focus.

It is given what to show and gives signals; rows that stay keep their editors, so that typing is never interrupted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio import theme
from studio.widgets.card import Card, ElidedLabel, rule
from studio.widgets.field_editor import FieldEditor, FieldState, FieldWords

ROOM = "\N{NO-BREAK SPACE}" * 4  # for the arrow of a button with a menu, which Qt draws over the text
FOOT_LINES = 3  # of small text that the foot always has room for


@dataclass(frozen=True)
class Section:
    """Rows under a title, folded away with a line that sums them up; without a title they are always in sight."""

    title: str
    rows: tuple[FieldWords, ...]


@dataclass(frozen=True)
class FootWords:
    """What is said of the field in focus."""

    label: str = ""
    place: str = ""
    text: str = ""
    reset: str = ""  # what the button says; empty for a field that is as in the preset


class Fold(QPushButton):
    """The head of a group: arrow, title, summary. A press folds and unfolds."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.dress(self, flat=True)
        self.setCheckable(False)
        self.is_open = False
        self._arrow = theme.put_icon(QLabel(), "chevron-right", "muted", 14)
        self._title = QLabel(title)
        self._summary = theme.dress(ElidedLabel(), small=True, muted=True)
        self._mark = theme.put_icon(QLabel(), "dot", "accenttext", 10)
        self._mark.hide()
        self.setAccessibleName(title)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 10, 0)
        row.setSpacing(6)
        for label in (self._arrow, self._title, self._mark, self._summary):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(label)
        row.addStretch(1)

    def show_summary(self, text: str, state: str, changed: bool) -> None:
        """`state`: "bad" where a field inside is refused, so that it is seen while the group is folded."""
        self._summary.setText(text)
        theme.dress(self._summary, state=state, muted=not state)
        self._mark.setVisible(changed)
        self.setAccessibleDescription(f"{'unfolded' if self.is_open else 'folded'}, {text}")

    def show_open(self, is_open: bool) -> None:
        self.is_open = is_open
        theme.put_icon(self._arrow, "chevron-down" if is_open else "chevron-right", "muted", 14)

    def sizeHint(self) -> QSize:
        return QSize(theme.px(200), max(theme.px(30), self.fontMetrics().height() + theme.px(12)))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(80), self.sizeHint().height())


class _Group(QWidget):
    """A fold and its rows."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.fold = Fold(title)
        self.inside = QWidget()
        self.rows = _rows_layout(self.inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.fold)
        column.addWidget(self.inside)
        column.addWidget(rule())
        self.inside.hide()
        self.fold.clicked.connect(lambda: self.open(not self.fold.is_open))

    def open(self, wanted: bool) -> None:
        self.fold.show_open(wanted)
        self.inside.setVisible(wanted)


class RecipeForm(Card):
    """Signals of rows bring the path of a field."""

    edited = Signal(str, str)
    settled = Signal(str)
    focused = Signal(str)
    reset_asked = Signal(str)
    reset_all_asked = Signal()
    browse_asked = Signal(str)
    remedy_asked = Signal(str)
    preset_chosen = Signal(str)
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" ", ruled=True, parent=parent)
        self.setAccessibleName("Recipe")
        self.rows: dict[str, FieldEditor] = {}
        self.groups: dict[str, _Group] = {}
        self._sections: tuple[Section, ...] = ()
        self._in_focus = ""
        self.explain: Callable[[str], str] = lambda path: ""  # what a field is, asked when the pointer rests on it
        self.preset = theme.dress(QPushButton(), small=True)
        self.preset_menu = theme.round_menu(QMenu(self))
        self.preset.setMenu(self.preset_menu)
        self.changed = theme.dress(QPushButton(), small=True, flat=True)
        self.changes_menu = theme.round_menu(QMenu(self))
        self.changed.setMenu(self.changes_menu)
        self.undo, self.redo = _icon_button("undo", "Undo", "Ctrl+Z"), _icon_button("redo", "Redo", "Ctrl+Shift+Z")
        self.stray = theme.dress(QLabel(), small=True, state="bad")
        self._foot = _Foot()
        self._lay_out()
        self.undo.clicked.connect(self.undo_asked)
        self.redo.clicked.connect(self.redo_asked)
        self._foot.reset.clicked.connect(lambda: self.reset_asked.emit(self._in_focus))

    # ---- showing ----------------------------------------------------------------------------------------------------------

    def show_sections(self, sections: Sequence[Section]) -> None:
        """Which rows there are. Nothing happens while they are the same."""
        wanted = tuple(sections)
        if wanted == self._sections:
            return
        self._sections = wanted
        kept: dict[str, FieldEditor] = {}
        for section in wanted:
            for about in section.rows:
                old = self.rows.get(about.path)
                kept[about.path] = old if old is not None and old.about == about else self._row(about)
        for path, row in self.rows.items():
            if kept.get(path) is not row:
                row.hide()
                row.setParent(None)
                row.deleteLater()
        self.rows = kept
        self._place(wanted)

    def show_states(self, states: Mapping[str, FieldState], summaries: Mapping[str, str]) -> None:
        """What stands in each row, and what sums up each group."""
        for path, state in states.items():
            self.rows[path].show_state(state)
        for section in self._sections:
            if section.title:
                inside = [states[about.path] for about in section.rows]
                bad = "bad" if any(state.error for state in inside) else ""
                changed = any(state.changed_from for state in inside)
                self.groups[section.title].fold.show_summary(summaries.get(section.title, ""), bad, changed)

    def offer_presets(self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        """What there is to begin with: groups with a title, and (name, words) of each preset."""
        self.preset_menu.clear()
        for title, presets in groups:
            self.preset_menu.addAction(title).setEnabled(False)
            for name, said in presets:
                self.preset_menu.addAction(f"    {said}", partial(self.preset_chosen.emit, name))

    def show_preset(self, said: str) -> None:
        self.preset.setText(said + ROOM)

    def show_changes(self, changes: Sequence[tuple[str, str]]) -> None:
        """(path, "Epochs 40, preset 100") of every changed field; a press on one brings it back."""
        self.changed.setVisible(bool(changes))
        self.changed.setText(f"{len(changes)} changed{ROOM}")
        self.changed.setAccessibleDescription("; ".join(text for _, text in changes))
        self.changes_menu.clear()
        for path, text in changes:
            self.changes_menu.addAction(f"Reset {text}", partial(self.reset_asked.emit, path))
        self.changes_menu.addSeparator()
        self.changes_menu.addAction(f"Reset all {len(changes)}", self.reset_all_asked.emit)

    def show_undo(self, can_undo: bool, can_redo: bool) -> None:
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)

    def show_stray(self, problems: Sequence[str]) -> None:
        """What is refused and has no row here."""
        self.stray.setText("\n".join(problems))
        self.stray.setVisible(bool(problems))

    def show_foot(self, path: str, said: FootWords) -> None:
        self._in_focus = path
        self._foot.show_words(said)

    def help_here(self) -> tuple[str, str, str]:
        """What the foot says of the field in focus."""
        return self._foot.label.text(), self._foot.place.text(), self._foot.text.text()

    def reveal(self, path: str) -> None:
        """Unfold what hides a field and give it the focus."""
        row = self.rows.get(path)
        if row is None:
            return
        for group in self.groups.values():
            if group.isAncestorOf(row):
                group.open(True)
        row.editor.setFocus(Qt.FocusReason.OtherFocusReason)
        self._area.ensureWidgetVisible(row)

    # ---- building ---------------------------------------------------------------------------------------------------------

    def _row(self, about: FieldWords) -> FieldEditor:
        row = FieldEditor(about)
        row.explain = lambda path: self.explain(path)
        for mine, its in (
            (self.edited, row.edited),
            (self.settled, row.settled),
            (self.focused, row.focused),
            (self.reset_asked, row.reset_asked),
            (self.browse_asked, row.browse_asked),
            (self.remedy_asked, row.remedy_asked),
        ):
            its.connect(mine)
        return row

    def _place(self, sections: Sequence[Section]) -> None:
        """Rows into their sections, groups in order; then Tab goes as the eye does."""
        for title in set(self.groups) - {section.title for section in sections}:
            gone = self.groups.pop(title)
            gone.hide()
            gone.setParent(None)
            gone.deleteLater()
        order: list[QWidget] = [self.preset, self.changed, self.undo, self.redo]
        for place, section in enumerate(each for each in sections if each.title):
            if section.title not in self.groups:
                self.groups[section.title] = _Group(section.title)
            self._groups.insertWidget(place, self.groups[section.title])
        for section in sections:
            layout = self.groups[section.title].rows if section.title else self._basic
            order += [self.groups[section.title].fold] if section.title else []
            for place, about in enumerate(section.rows):
                row = self.rows[about.path]
                layout.insertWidget(place, row)
                row.show()
                order += [row.editor, *([row.browse] if row.browse else []), row.remedy]
        for before, after in zip([*order], [*order[1:], self._foot.reset]):
            QWidget.setTabOrder(before, after)

    def _lay_out(self) -> None:
        self._title.hide()
        while self.head.count():
            self.head.takeAt(0)
        for widget in (self.preset, self.changed):
            self.head.addWidget(widget)
        self.head.addStretch(1)
        for button in (self.undo, self.redo):
            self.head.addWidget(button)
        inside, column = QWidget(), QVBoxLayout()
        inside.setLayout(column)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.stray.setWordWrap(True)
        self.stray.setTextFormat(Qt.TextFormat.PlainText)
        self.stray.setContentsMargins(12, 8, 12, 0)
        self.stray.hide()
        basic = QWidget()
        self._basic = _rows_layout(basic)
        self._groups = QVBoxLayout()
        self._groups.setSpacing(0)
        for part in (self.stray, basic, rule()):
            column.addWidget(part)
        column.addLayout(self._groups)
        column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(inside)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addWidget(self._area, 1)
        self.body.addWidget(rule())
        self.body.addWidget(self._foot)


class _Foot(QWidget):
    """Label, path and range in a line; below it what the field does and why it is as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.label = theme.dress(QLabel(), bold=True)
        self.place = theme.dress(ElidedLabel(), small=True, muted=True)
        self.text = theme.dress(QLabel(), small=True, prose=True)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.reset = theme.dress(QPushButton(), small=True, flat=True)
        head, column = QHBoxLayout(), QVBoxLayout(self)
        head.setSpacing(6)
        head.addWidget(self.label)
        head.addWidget(self.place, 1)
        head.addStretch(0)
        head.addWidget(self.reset)
        column.setContentsMargins(14, 8, 12, 10)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.text)
        theme.signals.changed.connect(self._fit)
        self._fit()

    def show_words(self, said: FootWords) -> None:
        self.label.setText(said.label)
        self.place.setText(said.place)
        self.text.setText(said.text)
        self.reset.setVisible(bool(said.reset))
        self.reset.setText(said.reset)
        self.setAccessibleName(f"{said.label}, {said.place}. {said.text}")

    def _fit(self) -> None:
        """Room for some lines, so that nothing moves when the focus does."""
        self.text.setMinimumHeight(FOOT_LINES * self.text.fontMetrics().lineSpacing() + 2)
        self.reset.setMinimumHeight(0)


def _rows_layout(widget: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(widget)
    column.setContentsMargins(8, 8, 6, 10)
    column.setSpacing(6)
    return column


def _icon_button(icon: str, name: str, keys: str) -> QToolButton:
    button = theme.put_icon(theme.dress(QToolButton(), flat=True, small=True), icon, "text2", 14)
    button.setAccessibleName(name)
    button.setToolTip(f"{name} ({keys})")
    return button
