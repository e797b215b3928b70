"""A recipe being written: method, form, schedules, cost, checks, and the command that does the same.

Holds no numbers of its own. The document is recipe_model.py's, what is said of it recipe_words.py's and recipe_checks.py's; the
Session queues and starts, the Assistant measures.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from engine import recipe, words
from engine.fields import Field, RecipeErrors
from engine.recipe import Recipe, RecipeFile, SameModel
from studio import (
    actions,
    cost_words,
    recipe_before,
    recipe_checks,
    recipe_command,
    recipe_document,
    recipe_fields,
    recipe_presets,
    recipe_words,
    theme,
)
from studio.assistant import Assistant
from studio.form_words import field_words
from studio.measuring import Measuring
from studio.recipe_checks import Check, Known
from studio.recipe_files import RecipeFiles
from studio.recipe_model import LINEAGE, Changed, OpenRecipe
from studio.recipe_names import LineageNames
from studio.recipe_presets import Snapshot
from studio.session import Session
from studio.widgets.calculators_dialog import CalculatorsDialog
from studio.widgets.checks import ChecksCard, CheckWords
from studio.widgets.command_card import CommandCard
from studio.widgets.cost_card import CostCard
from studio.widgets.field_editor import FieldState
from studio.widgets.grid_dialog import GridDialog
from studio.widgets.method_cards import MethodCards
from studio.widgets.recipe_columns import Columns, stacked
from studio.widgets.recipe_form import FootWords, RecipeForm, Section
from studio.widgets.recipe_head import Banner, RecipeHead
from studio.widgets.schedules import SchedulesCard

OLDER = 50  # steps after which the curves of a run at work are drawn anew
KEYS: Mapping[str, str] = actions.heard_in("recipe")


class RecipeView(QWidget):
    """Signals upward: `go` asks for another view, `started` brings the first run of what was started, `written` tells that
    something is another than before, `preview_wanted` brings the data table whose crops are to be seen."""

    go = Signal(str)
    started = Signal(str)
    written = Signal()
    preview_wanted = Signal(dict)

    def __init__(self, session: Session, assistant: Assistant) -> None:
        super().__init__()
        self._session = session
        self.open = OpenRecipe()
        self._measuring = Measuring(assistant, lambda: self.open.whole_text(), lambda: str(session.workspace.folder))
        self._checks: list[Check] = []
        self._focus = "training.epochs"
        self._names = LineageNames(self.open, session)
        self._before: str | None = None  # the run whose schedules a person wants behind; "" for none, None for the usual one
        self._before_shown: Any = None
        self.head = RecipeHead()
        self.banner = Banner()
        self._files = RecipeFiles(self.open, self.banner, self)
        self.methods = MethodCards(recipe_words.method_cards())
        self.form = RecipeForm()
        self.schedules = SchedulesCard()
        self.cost, self.checks, self.command = CostCard(), ChecksCard(), CommandCard()
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self._show()

    # ---- asked from outside -----------------------------------------------------------------------------------------------

    def open_file(self, path: Path) -> None:
        """Look at a recipe file; what it lacks to be one is said on the page."""
        try:
            self.open.open_file(Path(path))
        except RecipeErrors as refused:
            self.banner.say(f"This cannot be opened. {refused}", [])
            return
        self.banner.hide()
        self._show()

    def open_text(self, text: str, source: str) -> None:
        """One like that of a run, which is `source`; where its lineage stands already, under a free name."""
        try:
            lineage = str(recipe.plain_table(text, source).get(LINEAGE, ""))
            self.open.open_text(text, source, self._names.free(lineage) if self._names.is_there(lineage) else "")
        except RecipeErrors as refused:
            self.banner.say(f"This cannot be opened. {refused}", [])
            return
        self.banner.hide()
        self._show()

    def use_data(self, table: Mapping[str, Any]) -> None:
        """Train on these pictures: another data table, everything else as it is."""
        self.open.use_data(table)
        self._show()

    def edit(self, path: str, text: str) -> None:
        """A field as it was typed on another page."""
        self._edit(path, text)

    def settle(self, path: str) -> None:
        """Typing there has come to an end."""
        self._settle(path)

    def use_own(self, own: Mapping[str, int]) -> None:
        """What a person wants kept of every new recipe's runs."""
        self.open.use_own(own)
        self._show()

    def fields(self) -> list[tuple[str, str, str]]:
        """Path, label and group of every field in the form, for whoever looks for one."""
        basic = [(field.path, recipe_fields.label_of(field), "Recipe") for field in self.open.layout.basic]
        grouped = [
            (field.path, recipe_fields.label_of(field), group.title)
            for group in self.open.layout.groups
            for field in group.fields
        ]
        return basic + grouped

    def reveal(self, path: str) -> None:
        """Bring a field into sight and give it the focus."""
        self.form.reveal(path)

    def kept(self) -> Snapshot | None:
        """What would be lost with the window."""
        return self.open.now if self.open.unsaved else None

    def restore(self, kept: Snapshot) -> None:
        """Write on at what was not saved when the window was closed."""
        try:
            self.open.resume(kept)
        except RecipeErrors:
            return  # damaged: as good as none
        self.banner.say("This recipe was not saved when the window was closed. Here it is as you left it.", [], "ok")
        self._show()

    # ---- showing ----------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Everything from the document. Rows and curves that are the same are left as they are."""
        asked, facts = self.open.last, self._facts()
        errors = self._all_errors()
        if not self.open.errors or self.open.lacks_pictures:
            said = recipe_checks.checks(asked, facts)
            held_up = [check for check in said if check.tone == "bad"]
            self._checks = [*held_up, *self._measuring.rows(asked), *said[len(held_up) :]]
        self._show_form(facts, errors)
        self._show_head(asked, errors)
        self.methods.choose(str(self.open.kinds.get("method", "")))
        self.schedules.show_recipe(asked, facts.steps_per_epoch)
        self._show_before()
        self.checks.show_checks([_check_words(check) for check in self._checks], recipe_checks.headline(self._checks))
        self._show_cost()
        self._show_command()
        self.written.emit()

    def _show_form(self, facts: Known, errors: Mapping[str, str]) -> None:
        layout = self.open.layout
        sections = [Section("", tuple(map(field_words, layout.basic)))]
        sections += [Section(group.title, tuple(map(field_words, group.fields))) for group in layout.groups]
        self.form.show_sections(sections)
        changes = self.open.changes()
        changed = {one.field.path: one for one in changes}
        weights, imported = self._weights(), self._imported()
        states = {}
        for field in layout.fields:
            was = recipe_fields.said(field, changed[field.path].before) if field.path in changed else ""
            states[field.path] = FieldState(
                text=self._text(field),
                hint=recipe_words.hint(field, self.open, facts, weights, imported),
                changed_from=f"Changed from {was or 'nothing'}. Press to reset." if field.path in changed else "",
                error=errors.get(field.path, ""),
                range=recipe_words.range_words(field),
                remedy=f"Use {self._names.free()}" if field.path == LINEAGE and self._names.clash() else "",
            )
        self.form.show_states(states, {group.title: recipe_fields.summary(group, self.open.table) for group in layout.groups})
        self.form.show_stray([f"{path}: {problem}" for path, problem in self.open.stray()])
        against = "preset" if self.open.preset else "was"
        self.form.show_changes([(one.field.path, _change_words(one, against)) for one in changes])
        self.form.show_undo(self.open.can_undo, self.open.can_redo)
        self.form.show_preset(f"Preset: {_preset_words(self.open.preset) or 'none'}")
        self._show_foot(self._focus)

    def _text(self, field: Field) -> str:
        """What stands in the editor; while a person types there, what was typed and means the same."""
        row, value = self.form.rows[field.path], self.open.value(field)
        if row.editor.hasFocus() and field.kind not in ("choice", "switch"):
            typed = row.text()
            if recipe_document.same(recipe_fields.read(field, typed), value):
                return typed
        return recipe_fields.text_of(value)

    def _show_foot(self, path: str) -> None:
        field = self.open.field(path)
        if field is None:
            field = self.open.field(LINEAGE)
        assert field is not None
        self._focus = field.path
        before = self.open.before(field)
        is_changed = not recipe_document.same(before, self.open.value(field))
        reset = f"Reset to {recipe_fields.said(field, before) or 'nothing'}" if is_changed else ""
        self.form.show_foot(field.path, FootWords(*recipe_words.foot(field, self.open, self._facts()), reset))

    def _explained(self, path: str) -> str:
        """What the pointer over a field is told: all that the foot says of the one in focus."""
        field = self.open.field(path)
        return "\n\n".join(recipe_words.foot(field, self.open, self._facts())) if field is not None else ""

    def _show_head(self, asked: Recipe, errors: Mapping[str, str]) -> None:
        labels = {field.path: recipe_fields.label_of(field) for field in self.open.layout.fields}
        blocked = [check.title for check in self._checks if check.tone == "bad"] if not self.open.errors else []
        lead, rest = recipe_words.sentence(asked, self._seconds_of(asked))
        clash = {LINEAGE: self._names.clash()} if self._names.clash() else {}
        if refused := self.open.errors or clash:
            lead, rest = recipe_words.refused(refused, labels)
        self.head.show_words(recipe_words.where(self.open), lead, rest, bad=bool(refused))
        why_not = f"{lead}{rest}." if self.open.errors else f"{blocked[0]}." if blocked else self._names.clash()
        self.head.offer(not why_not, why_not)
        self.head.preview.setEnabled(not self.open.lacks_pictures)

    def _show_before(self) -> None:
        """An earlier run's schedules behind the recipe's; read whole first where only a brief of it is at hand."""
        offered, usual = recipe_before.offered(self._session.runs, self.open.last)
        wanted = usual if self._before is None or self._before not in ("", *(name for name, _ in offered)) else self._before
        self.schedules.offer_before(offered, wanted)
        one = self._session.followed(wanted) if wanted else None
        if one is not None and not one.whole:
            self._session.wake([wanted])
        shown = (one, one.whole, one.state.step // OLDER) if one is not None else None
        if shown != self._before_shown:
            self._before_shown = shown
            self.schedules.show_before(recipe_before.values(one) if one is not None else None)

    def _choose_before(self, name: str) -> None:
        self._before = name
        self._show_before()

    def _show_cost(self) -> None:
        self.cost.show_cost(cost_words.card(self._measuring, self.open.last, can_ask=not self.open.errors))

    def _show_command(self) -> None:
        if self.open.errors:
            self.command.show_command("", "Mend the values in red first.")
            return
        command = recipe_command.command(self.open, self.open.last)
        self.command.show_command(command, "Save the recipe first: a command names its file.")

    # ---- what follows -----------------------------------------------------------------------------------------------------

    def _facts(self) -> Known:
        asked, pictures = self.open.last, None
        if (cost := self._measuring.cost) is not None and cost.asked.data == asked.data:
            pictures = int(cost.answer.get("pictures") or 0) or None
        return recipe_checks.known(asked, pictures)

    def _weights(self) -> int | None:
        fresh = self._measuring.fresh(self.open.last)
        return int(fresh.answer.get("weights") or 0) or None if fresh else None

    def _imported(self) -> dict[str, str]:
        """What the measure found of the networks in the files they start from, by the field that names the file."""
        fresh = self._measuring.fresh(self.open.last)
        if fresh is None:
            return {}
        told: dict[str, str] = fresh.answer.get("imported") or {}
        own = not isinstance(self.open.last.teacher_model, SameModel)
        return {"model.weights": told.get("each", ""), "teacher_model.weights": told.get("first", "") if own else ""}

    def _all_errors(self) -> dict[str, str]:
        """The recipe's refusals, a name that is taken, and what the measure found wrong."""
        found = dict(self.open.errors)
        if clash := self._names.clash():
            found.setdefault(LINEAGE, clash)
        sentence, path = self._measuring.failed
        if path and not found.get(path):
            found[path] = sentence.removeprefix(f"{path}: ")
        return found

    # ---- changing ---------------------------------------------------------------------------------------------------------

    def _edit(self, path: str, text: str) -> None:
        field = self.open.field(path)
        if field is None:
            return
        if recipe_fields.is_choice_of_kind(field):
            self.open.choose(path, text)
        else:
            self.open.type(field, text)
        self._changed()

    def _settle(self, path: str) -> None:
        self.open.settle()
        field = self.open.field(path)
        if field is not None and path not in self.open.errors and path in self.form.rows:
            self._show()

    def _changed(self) -> None:
        self._measuring.forget_failure()
        self._show()

    def _choose_method(self, name: str) -> None:
        self.open.choose(recipe_fields.BY_CARD, name)
        self._changed()

    def _take_preset(self, name: str) -> None:
        self.open.take_preset(name)
        self.banner.hide()
        self._changed()

    def _reset(self, path: str) -> None:
        self.open.reset(path)
        self._changed()

    def _reset_all(self) -> None:
        self.open.reset_all()
        self._changed()

    def _heal(self, place: int) -> None:
        """The remedy of a check. One that was to make the recipe cost less is measured at once."""
        check = self._checks[place]
        if check.remedy is None:
            return
        self.open.set_all(check.remedy.values)
        self._changed()
        if check.tone == "less" and not self.open.errors and self._measuring.fresh(self.open.last) is None:
            self._measuring.measure(self.open.last)

    def _heal_field(self, path: str) -> None:
        """The remedy beside a field: a free name for the lineage."""
        if path == LINEAGE:
            self.open.set(LINEAGE, self._names.free())
            self._changed()

    def undo(self) -> None:
        self.open.undo()
        self._changed()

    def redo(self) -> None:
        self.open.redo()
        self._changed()

    # what keys do that have a button of their own

    def measure(self) -> None:
        self.cost.button.click()

    def queue(self) -> None:
        self.head.queue.click()

    def start(self) -> None:
        self.head.start.click()

    def why_not(self, act: str) -> str:
        """Why an act of KEYS cannot be done now; empty if it can."""
        if act in ("undo", "redo"):
            return "" if getattr(self.open, f"can_{act}") else f"there is nothing to {act}"
        if act == "measure":
            return "" if self.cost.button.isEnabled() else "mend the refused values first"
        button = {"queue": self.head.queue, "start": self.head.start}.get(act)
        return "" if button is None or button.isEnabled() else button.toolTip()

    def _browse(self, path: str) -> None:
        field = self.open.field(path)
        if field is not None and (chosen := self._files.browse(field)):
            self.open.set(path, chosen)
            self._changed()

    # ---- files ------------------------------------------------------------------------------------------------------------

    def ask_open(self) -> None:
        if (path := self._files.ask_open()) is not None:
            self.open_file(path)

    def save(self) -> None:
        self._files.save()

    def save_as(self) -> None:
        self._files.save_as()

    # ---- measuring, queueing, starting ------------------------------------------------------------------------------------

    def _measure(self) -> None:
        if self._measuring.busy:
            self._measuring.cancel()
            self._show()
        elif not self.open.errors:
            self._measuring.measure(self.open.last)

    def _look_for_savings(self) -> None:
        if not self.open.errors:
            self._measuring.look_for_savings(self.open.last)

    def add_to_queue(self) -> None:
        file = self.open.file
        if file is not None and self._session.add_to_queue(file):
            runs = words.plural(len(self.open.last.seeds) * (self.open.last.generations + 1), "run")
            said = f"{runs} of {self.open.last.lineage} in the queue."
            self.banner.say(said, [("Look", lambda: self.go.emit("queue"))], "ok")
            self._show()

    def add_grid(self) -> None:
        """Ask for values of fields, and queue a lineage for each."""
        if self.open.file is None:
            return
        source = str(self.open.path or self.open.preset)
        self.grid = GridDialog(self.open.whole_text(), source, self._seconds_of, self)
        self.grid.asked.connect(self._add_files)
        self.grid.open()

    def calculate(self) -> None:
        """A learning rate for this batch, a momentum for a half-life: what is used is written into its field."""
        facts = self._facts()
        self.sums = CalculatorsDialog(facts.numbers or self.open.last, facts.steps_per_epoch, self)
        self.sums.used.connect(self._use_sum)
        self.sums.open()  # no other recipe can be opened below it, whose field it would write

    def _use_sum(self, path: str, value: float) -> None:
        self.open.set(path, value)
        self._changed()

    def _seconds_of(self, asked: Recipe) -> float | None:
        """As measured, where what was measured holds for it too."""
        fresh = self._measuring.fresh(asked)
        return fresh.seconds_all(asked) if fresh else None

    def _add_files(self, files: list[RecipeFile]) -> None:
        if self._session.add_grid(files):
            self.grid.close()
            said = f"{words.plural(len(files), 'lineage')} of a grid in the queue."
            self.banner.say(said, [("Look", lambda: self.go.emit("queue"))], "ok")
            self._show()
        else:
            self.grid.show_problem(self._session.refusal)

    def start_now(self) -> None:
        file = self.open.file
        if file is None:
            return
        first = next(file.runs())[0].run
        if self._session.start_now(file):
            self.banner.hide()
            self.started.emit(first)
            self.go.emit("live")

    # ---- events -----------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keys of this page come before those of the window, which knows Ctrl+O too."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _act(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        act = _act(event)
        if act:
            getattr(self, act)()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped(event)
        if path:
            event.acceptProposedAction()
            self.open_file(path)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._show()

    # ---- building ---------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        form = self.form
        form.edited.connect(self._edit)
        form.settled.connect(self._settle)
        form.focused.connect(self._show_foot)
        form.explain = self._explained
        form.reset_asked.connect(self._reset)
        form.reset_all_asked.connect(self._reset_all)
        form.browse_asked.connect(self._browse)
        form.remedy_asked.connect(self._heal_field)
        form.preset_chosen.connect(self._take_preset)
        form.undo_asked.connect(self.undo)
        form.redo_asked.connect(self.redo)
        self._files.written.connect(self._show)
        self._files.open_asked.connect(self.open_file)
        self.methods.chosen.connect(self._choose_method)
        self.checks.remedy_asked.connect(self._heal)
        self.cost.measure_asked.connect(self._measure)
        self.cost.savings_asked.connect(self._look_for_savings)
        self._measuring.changed.connect(self._show)
        self._measuring.progressed.connect(self._show_cost)
        self._measuring.refused.connect(self.form.reveal)
        self.head.open.clicked.connect(self.ask_open)
        self.head.preview.clicked.connect(lambda: self.preview_wanted.emit(msgspec.to_builtins(self.open.last.data)))
        self.head.save_as.clicked.connect(self.save_as)
        self.head.queue.clicked.connect(self.add_to_queue)
        self.head.grid.clicked.connect(self.add_grid)
        self.schedules.before_chosen.connect(self._choose_before)
        self.schedules.calculate.clicked.connect(self.calculate)
        self.head.start.clicked.connect(self.start_now)
        self._session.runs_changed.connect(self._look_at_names)

    def _look_at_names(self) -> None:
        """Runs came or went: a name may be taken now, and another run be the newest."""
        if not self.isVisible():
            return
        if self._names.changed:
            self._show()
        else:
            self._show_before()

    def _lay_out(self) -> None:
        groups = [
            (recipe_words.method_title(method), [(name, _preset_words(name)) for name in names])
            for method, names in recipe_presets.presets().items()
        ]
        self.form.offer_presets(groups)
        for wide in (self.form, self.schedules, self.cost, self.checks, self.command):
            wide.setSizePolicy(QSizePolicy.Policy.Ignored, wide.sizePolicy().verticalPolicy())
        below = Columns(self.form, self.schedules, stacked(self.cost, self.checks, self.command))
        page = QVBoxLayout(self)
        page.setContentsMargins(16, 10, 16, 12)
        page.setSpacing(12)
        for part in (self.head, self.banner, self.methods):
            page.addWidget(part)
        page.addWidget(below, 1)
        self.banner.hide()
        theme.signals.changed.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        self.form.setMinimumSize(theme.px(400), theme.px(400))
        self.schedules.setMinimumWidth(theme.px(240))
        self.checks.setMinimumSize(theme.px(270), theme.px(140))


def _act(event: QKeyEvent) -> str:
    pressed = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
    return KEYS.get(pressed, "")


def _dropped(event: QDropEvent) -> Path | None:
    """The recipe among what is dragged; everything else is the window's."""
    paths = (Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
    return next((path for path in paths if path.suffix.lower() == ".toml"), None)


def _change_words(one: Changed, against: str) -> str:
    now, before = (recipe_fields.said(one.field, value) or "nothing" for value in (one.now, one.before))
    return f"{recipe_fields.label_of(one.field)} {now}, {against} {before}"


def _preset_words(name: str) -> str:
    return name.replace("-", " ")


def _check_words(check: Check) -> CheckWords:
    return CheckWords(check.tone, check.title, check.reason, check.remedy.label if check.remedy else "")
