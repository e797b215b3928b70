"""A recipe that is being written: the document with a person's comments, what is refused in it, undo, presets, the file.

The truth is the text. Every change is a change of the text, and all that is shown is read from it again; so undo is the text
before, and what a save writes is what was seen. A value that is refused stays in the text, with its sentence in `errors`;
`last` is the newest recipe without one. No widgets here, and nothing is asked of a session.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Item

from engine import processes, recipe, scaled
from engine.fields import TAG, Field, RecipeError, RecipeErrors, tag_of
from engine.recipe import Recipe, RecipeFile, Unlabelled
from studio import recipe_document, recipe_fields, recipe_presets, recipe_refused
from studio.recipe_fields import Layout
from studio.recipe_presets import Snapshot

LINEAGE = "lineage"
FIRST = "born-again-digits"  # the preset a new window begins with
UNDOS = 500  # steps that can be taken back
NEEDED = ("optimizer", "schedule", "model")  # tables that a method brings along
ACROSS = 6  # patches at least, so that attention has something to choose from
GENERATIONS = (0, 1)  # tried in turn when another method does not take as many as there are


class ChangedOnDisk(Exception):
    """The file is not as it was read: somebody else wrote to it. Saved only on a person's word."""


@dataclass(frozen=True)
class Changed:
    """A field that is not as in what it is compared with."""

    field: Field
    before: Any
    now: Any


class OpenRecipe:
    """One recipe being written. Every act that changes it is one step of undo."""

    def __init__(self, preset: str = FIRST) -> None:
        self._own: Mapping[str, int] = {}  # what a person has instead of every preset's value
        self._now = recipe_presets.preset(preset)
        self._past: list[Snapshot] = []
        self._future: list[Snapshot] = []
        self._typing = ""  # the field whose typing goes into one step
        self._other_kinds: dict[tuple[str, str], str] = {}  # (table, kind) -> its text, for switching back
        self._other_generations: dict[str, int] = {}  # method -> generations
        self._set_aside: dict[
            str, str | None
        ] = {}  # tables as they were before a method needed others; None for one that was not
        self.last: Recipe
        self._read()

    # ---- what there is ----------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self._now.text

    @property
    def path(self) -> Path | None:
        return self._now.path

    @property
    def saved_text(self) -> str:
        """What the file held when it was read or written last; of a preset, the preset."""
        return self._now.saved

    @property
    def preset(self) -> str:
        return self._now.preset

    @property
    def name(self) -> str:
        """What the path line calls it."""
        if self.path is not None:
            return self.path.name
        return self._now.name or f"{self.preset}.toml"

    @property
    def unsaved(self) -> bool:
        """Whether closing the window would lose something."""
        return self.text != self._now.saved

    @property
    def lacks_pictures(self) -> bool:
        """Whether `last` is what is written but for its pictures, which nobody has chosen yet."""
        return getattr(self.last.data, "path", "") == recipe_refused.NO_FOLDER and set(self.errors) == {"data.path"}

    @property
    def file(self) -> RecipeFile | None:
        """The recipe as the engine takes it; None while a value is refused."""
        return None if self.errors else self._file()

    def _file(self) -> RecipeFile:
        return recipe.read_text(self.text, source=str(self.path or ""))

    def whole_text(self) -> str:
        """The text with data.path from the root on, for whoever reads it from another place."""
        return recipe_refused.with_whole_path(self.text, self.path)

    def value(self, field: Field) -> Any:
        return recipe_fields.value_in(self.table, field)

    def field(self, path: str) -> Field | None:
        return next((field for field in self.layout.fields if field.path == path), None)

    def changes(self) -> list[Changed]:
        """What is not as in the preset, or in the file as it was saved."""
        fields = [each for each in recipe_fields.in_force(self.table) if each.path not in recipe_fields.NOT_ASKED]
        found = (Changed(field, self.before(field), self.value(field)) for field in fields)
        return [one for one in found if not recipe_document.same(one.before, one.now)]

    def before(self, field: Field) -> Any:
        """What the preset or the saved file has; the default where it has another kind of table."""
        compared = self._compared()
        if not recipe_fields.is_choice_of_kind(field) and self._is_other_kind(field.path):
            return field.default
        return recipe_fields.value_in(compared, field)

    def _is_other_kind(self, path: str) -> bool:
        table = path.rpartition(".")[0]
        return bool(table) and recipe_document.kinds(self._compared_text()).get(table) != self.kinds.get(table)

    def stray(self) -> list[tuple[str, str]]:
        """What is refused and has no row in the form: fields that do not exist, an unknown method."""
        shown = {field.path for field in self.layout.fields}
        return [(path, problem) for path, problem in self.errors.items() if path not in shown]

    # ---- changing ---------------------------------------------------------------------------------------------------------

    def type(self, field: Field, text: str) -> None:
        """What stands in an editor now. Typing in one field is one step until `settle`."""
        self.set(field.path, recipe_fields.read(field, text), typing=True)

    def settle(self) -> None:
        """The next change is a step of its own."""
        self._typing = ""

    def set(self, path: str, value: Any, typing: bool = False) -> None:
        self.set_all([(path, value)], typing=path if typing else "")

    def set_all(self, values: Iterable[tuple[str, Any]], typing: str = "") -> None:
        """Several fields in one step: a remedy. Another kind of a table keeps what it asks as well, and the rest goes."""
        document = tomlkit.parse(self.text)
        for path, value in values:
            table, _, key = path.rpartition(".")
            if key == TAG and (before := self.kinds.get(table)) not in (None, value):
                self._other_kinds[table, str(before)] = recipe_document.table_text(document, table)
            recipe_document.put(document, path, value)
            if key == TAG:
                recipe_document.drop_strays(document, table)
        self._step(replace(self._now, text=tomlkit.dumps(document)), typing)

    def choose(self, path: str, kind: str) -> None:
        """Another kind of a table: its defaults, or what it held when it was chosen last."""
        table = path.removesuffix(f".{TAG}")
        before = str(recipe_fields.value_in(self.table, self._chooser(path)))
        if kind == before:
            return
        document = tomlkit.parse(self.text)
        self._other_kinds[table, before] = recipe_document.table_text(document, table)
        recipe_document.put_table(document, table, self._other_kinds.get((table, kind)) or f'{TAG} = "{kind}"\n')
        if table == "method":
            self._fit_training(document, before, kind)
            self._fit_generations(document, before, kind)
        self._step(replace(self._now, text=tomlkit.dumps(document)))

    def use_data(self, values: Mapping[str, Any]) -> None:
        """Train on pictures that another page has looked at, under their name as long as no other was chosen.

        A preset in which nothing was changed gives way to the one that was made for such data.
        """
        base = self._preset_for(str(values.get(TAG, "")))
        document = tomlkit.parse(base.text)
        given = {_compared_name(base.preset), _name_of_folder(self.table.get("data"))}
        body = tomlkit.document()
        for key, value in values.items():
            body[key] = recipe_document.item(value)
        recipe_document.put_table(document, "data", tomlkit.dumps(body))
        if base.preset and document.get(LINEAGE) in given and (name := _name_of_folder(values)):
            recipe_document.put(document, LINEAGE, name)
        self._step(replace(base, text=tomlkit.dumps(document)))

    def _preset_for(self, data: str) -> Snapshot:
        method, here = str(self.kinds.get("method", "")), self.kinds.get("data")
        if data == tag_of(Unlabelled):
            method = tag_of(recipe.UNTAUGHT[0])  # whoever learns classes cannot use them
        if not self.preset or self.path is not None or self.unsaved or here == data:
            return self._now
        of_method = recipe_presets.presets().get(method, [])
        fitting = (name for name in of_method if _kinds_of(name).get("data") == data)
        return recipe_presets.preset(next(fitting, self.preset), self._own)

    def reset(self, path: str) -> None:
        """One field as in the preset; a kind that was changed brings its whole table back."""
        field = next((each for each in recipe_fields.in_force(self.table) if each.path == path), None)
        if field is None:
            return
        if recipe_fields.is_choice_of_kind(field):
            self._reset_table(path.removesuffix(f".{TAG}"))
            return
        document = tomlkit.parse(self.text)
        if not self._is_other_kind(path) and recipe_document.holds(self._compared(), path):
            recipe_document.put(document, path, self.before(field))
        else:
            recipe_document.drop(document, path)
        text, compared = tomlkit.dumps(document), self._compared_text()
        self._step(replace(self._now, text=compared if text.split() == compared.split() else text))

    def reset_all(self) -> None:
        text = self._now.saved if self.path is not None else self._compared_text()
        self._step(replace(self._now, text=text))

    def _reset_table(self, table: str) -> None:
        compared = tomlkit.parse(self._compared_text())
        document = tomlkit.parse(self.text)
        if table in compared:
            recipe_document.put_table(document, table, recipe_document.table_text(compared, table))
        else:
            document.pop(table, None)
        if table == "method" and "generations" in compared:
            document["generations"] = compared["generations"]
        self._step(replace(self._now, text=tomlkit.dumps(document)))

    def _chooser(self, path: str) -> Field:
        return next(field for field in recipe_fields.in_force(self.table) if field.path == path)

    def _fit_training(self, document: tomlkit.TOMLDocument, before: str, kind: str) -> None:
        """What a teacher that is an average needs of optimizer, schedule and network, as the preset has it; and back."""
        averages = [name in recipe_fields.AVERAGES for name in (before, kind)]
        if averages == [True, False]:
            for table, text in self._set_aside.items():
                if text is None:
                    document.pop(table, None)
                else:
                    recipe_document.put_table(document, table, text)
        if averages != [False, True]:
            return
        preset = next(iter(recipe_presets.presets().get(kind) or recipe_presets.presets()[recipe_fields.AVERAGES[0]]))
        needed = tomlkit.parse(recipe_presets.shipped_text(preset))
        tables = [table for table in NEEDED if table != "model" or not _has_attention(document)]
        self._set_aside = {name: recipe_document.table_text(document, name) if name in document else None for name in tables}
        for table in tables:
            recipe_document.put_table(document, table, recipe_document.table_text(needed, table))
        if "model" in tables:
            recipe_document.put(document, "model.patch", _fitting_patch(document))
        if not self._other_kinds.get(("method", kind)) and recipe_presets.method_of(preset) == kind:
            recipe_document.put_table(document, "method", recipe_document.table_text(needed, "method"))
            if str(document.get("data", {}).get(TAG, "digits")) == "digits":
                recipe_document.put(document, "method.flip", 0.0)  # a mirrored 2 is no 2

    def _fit_generations(self, document: tomlkit.TOMLDocument, before: str, kind: str) -> None:
        """As many generations as the method takes: those it had when it was chosen last, else the fewest it does not refuse."""
        here = document.get("generations", 0)
        here = here.unwrap() if isinstance(here, Item) else here
        if isinstance(here, int):
            self._other_generations[before] = here
        remembered = self._other_generations.get(kind, here)
        for count in (remembered, *GENERATIONS):
            if count != document.get("generations", 0):
                recipe_document.put(document, "generations", count)
            if not {"generations", "method.name"} & set(recipe_refused.errors(document.unwrap())):
                return

    # ---- undo -------------------------------------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    def undo(self) -> None:
        if self._past:
            self._future.append(self._now)
            self._go_to(self._past.pop())

    def redo(self) -> None:
        if self._future:
            self._past.append(self._now)
            self._go_to(self._future.pop())

    def _step(self, then: Snapshot, typing: str = "") -> None:
        goes_on = bool(typing) and typing == self._typing and bool(self._past)
        if then != self._now:
            if not goes_on:
                self._past = [*self._past[-UNDOS:], self._now]
            self._future.clear()
            self._now = then
            if goes_on and self._past[-1] == then:  # typed away again
                self._past.pop()
                typing = ""
            self._read()
        self._typing = typing

    def _go_to(self, then: Snapshot) -> None:
        self._now, self._typing = then, ""
        self._read()

    # ---- presets and files ------------------------------------------------------------------------------------------------

    def take_preset(self, name: str) -> None:
        self._step(recipe_presets.preset(name, self._own))

    def use_own(self, own: Mapping[str, int]) -> None:
        """A person's own values for every preset taken from now on; one in which nothing was changed begins anew with them."""
        untouched = bool(self.preset) and self.path is None and not self.unsaved
        self._own = dict(own)
        if untouched:
            self._now = recipe_presets.preset(self.preset, self._own)
            self._read()

    def open_text(self, text: str, name: str, lineage: str = "") -> None:
        """A recipe that is in no file yet, such as a run's, under another lineage's name if one is given.

        Raises RecipeErrors if it is not TOML.
        """
        recipe.plain_table(text, name)
        document = tomlkit.parse(text)
        if lineage:
            recipe_document.put(document, LINEAGE, lineage)
        self._step(Snapshot(tomlkit.dumps(document), name=name, origin=text))

    def resume(self, kept: Snapshot) -> None:
        """Write on where a window that was closed left off. Raises RecipeErrors if it cannot be read as TOML."""
        recipe.plain_table(kept.text, kept.name)
        self._now = kept if kept.preset in ("", *recipe.shipped()) else replace(kept, preset="", origin=kept.saved)
        self._past, self._future, self._typing = [], [], ""
        self._read()

    @property
    def now(self) -> Snapshot:
        """All of it, to be kept over the end of the window."""
        return self._now

    def open_file(self, path: Path) -> None:
        """Raises RecipeErrors if it cannot be read as TOML; values that are refused are shown beside their fields."""
        text = _text_of_file(path)
        recipe.plain_table(text, str(path))
        self._step(Snapshot(text, path=path, saved=text))

    def save(self, path: Path | None = None, anyway: bool = False) -> None:
        """Write the text where it came from, or to another file. Raises ChangedOnDisk, OSError."""
        target = path or self.path
        assert target is not None, "a recipe that is in no file is saved under a name"
        if target == self.path and not anyway and _is_other(target, self._now.saved):
            raise ChangedOnDisk(str(target))
        here = self.path
        moves = target.parent != (here.parent if here else Path())  # and a relative path would lead elsewhere from there
        text = self.whole_text() if moves else self.text
        processes.write_aside(target, text.encode())
        saved = [self._saved_as(each, here, target, text, moves) for each in (*self._past, self._now, *self._future)]
        past = len(self._past)
        self._past, self._now, self._future = saved[:past], saved[past], saved[past + 1 :]
        self.settle()
        self._read()

    def _saved_as(self, each: Snapshot, here: Path | None, target: Path, saved: str, moves: bool) -> Snapshot:
        """Undo after a save goes back to what was written before, in the file where it is now."""
        if each.path != here or not self._same_origin(each):
            return each
        text = recipe_refused.with_whole_path(each.text, here) if moves else each.text
        return replace(each, path=target, saved=saved, text=text)

    def _same_origin(self, each: Snapshot) -> bool:
        return (each.preset, each.name) == (self._now.preset, self._now.name)

    # ---- reading ----------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Everything that follows from the text."""
        self.table: dict[str, Any] = recipe.plain_table(self.text, self.name)
        self.layout: Layout = recipe_fields.layout(self.table)
        self.kinds: dict[str, Any] = recipe_document.kinds(self.text)
        self.errors: dict[str, str] = recipe_refused.errors(self.table)
        if not self.errors:
            self.last = recipe.parse(Recipe, recipe_refused.whole(self.table, self.path))
            self.errors = recipe_refused.not_there(self.last)
        elif (but_for_pictures := recipe_refused.with_stand_in(self.table, self.errors)) is not None:
            self.last = but_for_pictures
        elif not hasattr(self, "last"):
            self.last = recipe.read(FIRST).recipe

    def _compared_text(self) -> str:
        if self.preset:
            return recipe_presets.shipped_text(self.preset)
        return self._now.saved or self._now.origin

    def _compared(self) -> dict[str, Any]:
        return recipe_document.table_of(self._compared_text())


def _kinds_of(preset: str) -> dict[str, Any]:
    return recipe_document.kinds(recipe_presets.shipped_text(preset))


def _compared_name(preset: str) -> object:
    return recipe_document.table_of(recipe_presets.shipped_text(preset)).get(LINEAGE) if preset else None


def _name_of_folder(data: Any) -> str:
    """ "my-pictures": what a lineage on these pictures is called if nobody says otherwise; empty if they are no folder."""
    path = data.get("path") if isinstance(data, Mapping) else None
    words_ = re.findall(r"[A-Za-z0-9._]+", Path(path).name) if isinstance(path, str) else []
    return "-".join(words_)[:40].strip("-._")


def _has_attention(document: tomlkit.TOMLDocument) -> bool:
    """Whether its network is one whose attention can be watched already, or a person's own choice of a large one."""
    return str(document.get("model", {}).get(TAG, "")) in ("vit", "timm")


def _fitting_patch(document: tomlkit.TOMLDocument) -> int:
    """A power of two that leaves pictures of this size enough patches."""
    data = document.get("data", {})
    side = data.get("size", None) or (scaled.DIGITS_PX if data.get(TAG, "digits") == "digits" else recipe.Creatures().size)
    side = side if isinstance(side, int) and side > 0 else scaled.DIGITS_PX
    return int(2 ** max(1, (side // ACROSS).bit_length() - 1))


def _text_of_file(path: Path) -> str:
    """As recipe.read reads it. Raises RecipeErrors."""
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends stay as they are
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeErrors([RecipeError("", f"cannot be read as UTF-8 text ({error})")], str(path)) from None


def _is_other(path: Path, known: str) -> bool:
    """Whether a file holds something else than it is known to hold."""
    try:
        return path.read_bytes().decode("utf-8-sig") != known
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError):
        return True
