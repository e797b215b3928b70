"""The open recipe: text with comments, refusals by field, undo, presets, files, the command; what is said and advised."""

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import rates, recipe, scaled
from engine.fields import Field, RecipeErrors
from engine.recipe import Recipe
from studio import (
    cost_words,
    recipe_checks,
    recipe_command,
    recipe_document,
    recipe_fields,
    recipe_names,
    recipe_presets,
    recipe_schedules,
    recipe_words,
)
from studio.recipe_model import ChangedOnDisk, OpenRecipe

TEXT = """\
# mine
version = 1
lineage = "toy"          # its name
generations = 1
seeds = [0, 1, 2]

[method]
name = "ban"             # the teacher alone

[training]
epochs = 4               # short
batch = 8
"""


def opened(text: str = TEXT) -> OpenRecipe:
    asked = OpenRecipe()
    asked.open_text(text, "toy")
    return asked


def field(asked: OpenRecipe, path: str) -> Field:
    found = asked.field(path)
    assert found is not None, path
    return found


# ---- the document --------------------------------------------------------------------------------------------------------


def test_that_comments_and_order_survive_a_change_and_a_save(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT)
    asked = OpenRecipe()
    asked.open_file(file)
    asked.set("training.epochs", 5)
    asked.save()
    assert file.read_text() == TEXT.replace("epochs = 4 ", "epochs = 5 ")


def test_that_an_unchanged_recipe_is_saved_letter_by_letter(tmp_path: Path) -> None:
    for name in recipe.shipped():
        asked = OpenRecipe(name)
        asked.save(tmp_path / f"{name}.toml")
        assert (tmp_path / f"{name}.toml").read_text() == recipe.shipped_text(name)


def test_that_windows_line_ends_stay(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(TEXT.replace("\n", "\r\n").encode())
    asked = OpenRecipe()
    asked.open_file(file)
    asked.set("training.epochs", 5)
    asked.save()
    assert b"epochs = 5               # short\r\n" in file.read_bytes()


def test_that_a_number_is_written_as_it_was_typed() -> None:
    asked = opened()
    asked.type(field(asked, "optimizer.lr"), "1e-3")
    assert "lr = 1e-3" in asked.text and asked.last.optimizer.lr == 1e-3


@pytest.mark.parametrize(
    ("path", "typed", "value"),
    [
        ("training.batch", "4,096", 4096),
        ("training.batch", "007", 7),
        ("optimizer.lr", "125e−6", 125e-6),
        ("optimizer.lr", ".5", 0.5),
        ("seeds", "0 1 2", (0, 1, 2)),
        ("seeds", "[3, 4]", (3, 4)),
    ],
)
def test_that_what_people_type_is_understood(path: str, typed: str, value: Any) -> None:
    asked = opened()
    asked.type(field(asked, path), typed)
    assert not asked.errors
    assert recipe_document.same(recipe.flat(recipe.to_table(asked.last))[path], value)


def test_that_a_decimal_comma_is_refused_and_never_a_thousand() -> None:
    asked = opened()
    asked.type(field(asked, "optimizer.lr"), "0,03")
    assert "'0,03' is not a number" in asked.errors["optimizer.lr"]


# ---- every field ---------------------------------------------------------------------------------------------------------


def kinds() -> list[tuple[str, str]]:
    """Every kind of every table that has several."""
    table: dict[str, Any] = {}
    choosers = [one for one in recipe_fields.in_force(table) if recipe_fields.is_choice_of_kind(one)]
    return [(chooser.path, kind) for chooser in choosers for kind in chooser.choices]


@pytest.mark.parametrize(("path", "kind"), kinds())
def test_that_every_kind_can_be_chosen_and_shows_exactly_its_own_fields(path: str, kind: str) -> None:
    asked = opened()
    asked.choose(path, kind)
    table = path.removesuffix(".name")
    own = {one.path for one in asked.layout.fields if one.path.startswith(f"{table}.")} - {path}
    wanted = {f"{table}.{name}" for name in recipe_fields.kinds_of(table)[kind].__struct_fields__}
    assert own == wanted
    assert set(asked.errors) <= {"data.path"}  # a folder has to be named by a person


def test_that_every_field_of_the_schema_is_asked_for_somewhere() -> None:
    found = {recipe_fields.BY_CARD, *recipe_fields.NOT_ASKED}
    for path, kind in kinds():
        asked = opened()
        asked.choose(path, kind)
        found |= {one.path for one in asked.layout.fields}
    assert found == {one.path for one in recipe.all_fields()}


@pytest.mark.parametrize("path", sorted({one.path for one in recipe.all_fields()} - {"version", "method.name"}))
def test_that_the_text_of_every_default_reads_back_as_the_same_value(path: str) -> None:
    for one in (each for each in recipe.all_fields() if each.path == path and each.default is not None):
        assert recipe_document.same(recipe_fields.read(one, recipe_fields.text_of(one.default)), one.default)


# ---- kinds ---------------------------------------------------------------------------------------------------------------


def test_that_choosing_a_kind_brings_its_defaults_and_switching_back_what_was_there() -> None:
    asked = OpenRecipe("born-again-digits")
    before = asked.text
    asked.choose("model.name", "vit")
    assert asked.last.model == recipe.Vit()
    asked.set("model.heads", 4)
    asked.choose("model.name", "small_cnn")
    assert asked.text == before
    asked.choose("model.name", "vit")
    assert asked.last.model == recipe.Vit(heads=4)


def test_that_a_method_brings_as_many_generations_as_it_takes() -> None:
    asked = OpenRecipe("born-again-digits")
    asked.choose("method.name", "supervised")
    assert asked.last.generations == 0 and not asked.errors
    asked.choose("method.name", "ban")
    assert asked.last.generations == 3 and not asked.errors
    asked.undo()
    asked.undo()
    assert asked.text == recipe.shipped_text("born-again-digits")


def test_that_a_method_that_needs_a_student_gets_one() -> None:
    asked = opened('lineage = "toy"\n')
    asked.choose("method.name", "ban")
    assert asked.last.generations == 1 and not asked.errors


# ---- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"training.batch": "6x"}, "training.batch", "whole number"),
        ({"training.batch": ""}, "training.batch", "is empty"),
        ({"training.batch": 0}, "training.batch", "outside"),
        ({"training.epochs": 1.5}, "training.epochs", "whole number"),
        ({"optimizer.lr": 0.0}, "optimizer.lr", "outside"),
        ({"optimizer.lr": "fast"}, "optimizer.lr", "not a number"),
        ({"augment.flip": "yes"}, "augment.flip", "true or false"),
        ({"compute.device": "tpu"}, "compute.device", "unknown choice"),
        ({"model.name": "vti"}, "model.name", "nearest first: vit"),
        ({"seeds": []}, "seeds", "is empty"),
        ({"seeds": [1, 1]}, "seeds", "twice"),
        ({"seeds": [0, "b"]}, "seeds", "list of whole numbers"),
        ({"seeds": [-1]}, "seeds", "outside"),
        ({"lineage": "a b"}, "lineage", "cannot name a folder"),
        ({"lineage": ""}, "lineage", "cannot name a folder"),
        ({"generations": 0}, "generations", "nobody would be taught"),
        ({"method.name": "supervised"}, "method.name", "has no teacher"),
        ({"schedule.warmup_epochs": 9}, "schedule.warmup_epochs", "longer than the 4 epochs"),
        ({"schedule": {"name": "step", "milestones": [3, 2]}}, "schedule.milestones", "do not rise"),
        ({"schedule": {"name": "step", "milestones": [2], "warmup_epochs": 3}}, "schedule.milestones", "within the warm-up"),
        ({"model": {"name": "resnet", "depth": 21}}, "model.depth", "not 6n+2"),
        ({"model": {"name": "vit", "width": 97}}, "model.width", "not a multiple"),
        ({"data.test_share": 0.8}, "data.val_share", "leave nothing to train on"),
        ({"data": {"name": "folder"}}, "data.path", "is missing"),
        ({"data": {"name": "folder", "path": "/no/where"}}, "data.path", "is not there"),
        ({"modle": 1}, "modle", "unknown field"),
        ({"model": 3}, "model", "not a table"),
    ],
)
def test_that_every_refusal_stands_with_its_field_and_the_last_good_recipe_stays(
    values: dict[str, Any], path: str, words: str
) -> None:
    asked = opened()
    good = asked.last
    asked.set_all(values.items())
    assert words in asked.errors[path]
    assert asked.file is None
    if path != "data.path":
        assert asked.last == good
    elif "/no/where" not in str(values):
        assert asked.lacks_pictures and msgspec.structs.replace(asked.last, data=good.data) == good
    asked.undo()
    assert not asked.errors


def test_that_a_file_with_a_refused_value_can_be_opened_and_mended(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(TEXT.replace("batch = 8", 'batch = "8"'))
    asked = OpenRecipe()
    asked.open_file(file)
    assert list(asked.errors) == ["training.batch"] and asked.text == file.read_text()
    asked.type(field(asked, "training.batch"), "8")
    assert not asked.errors and asked.last.training.batch == 8


def test_that_what_is_no_toml_is_refused_with_its_line_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("lineage = \n")
    asked = OpenRecipe()
    before = asked.text
    with pytest.raises(RecipeErrors, match="line 1"):
        asked.open_file(file)
    assert asked.text == before and not asked.can_undo


def test_that_a_field_nobody_knows_is_told_although_it_has_no_row() -> None:
    asked = opened(TEXT + "\n[optimiser]\nlr = 1\n")
    assert [path for path, _ in asked.stray()] == ["optimiser"]


# ---- undo ----------------------------------------------------------------------------------------------------------------


def test_that_typing_in_one_field_is_one_step_of_undo() -> None:
    asked = opened()
    batch = field(asked, "training.batch")
    for text in ("", "1", "12", "128"):
        asked.type(batch, text)
    assert asked.last.training.batch == 128
    asked.undo()
    assert asked.text == TEXT
    asked.redo()
    assert asked.last.training.batch == 128


def test_that_two_fields_and_two_visits_are_two_steps() -> None:
    asked = opened()
    asked.type(field(asked, "training.batch"), "16")
    asked.type(field(asked, "training.epochs"), "5")
    asked.settle()
    asked.type(field(asked, "training.epochs"), "6")
    asked.undo()
    assert (asked.last.training.batch, asked.last.training.epochs) == (16, 5)
    asked.undo()
    assert (asked.last.training.batch, asked.last.training.epochs) == (16, 4)
    asked.undo()
    assert asked.text == TEXT


def test_that_what_was_typed_and_typed_away_is_no_step() -> None:
    asked = OpenRecipe()
    epochs = field(asked, "training.epochs")
    asked.type(epochs, "400")
    asked.type(epochs, "40")
    assert not asked.can_undo


def test_that_a_new_change_forgets_what_was_undone() -> None:
    asked = opened()
    asked.set("training.epochs", 5)
    asked.undo()
    asked.set("training.epochs", 6)
    assert not asked.can_redo


def test_that_opening_another_recipe_can_be_taken_back() -> None:
    asked = OpenRecipe("born-again-digits")
    asked.set("training.epochs", 7)
    asked.open_text(TEXT, "toy")
    asked.undo()
    assert asked.last.training.epochs == 7 and asked.preset == "born-again-digits"


# ---- changed from the preset ---------------------------------------------------------------------------------------------


def test_that_changes_are_told_and_can_be_taken_back_one_by_one() -> None:
    asked = OpenRecipe("born-again-digits")
    assert asked.changes() == []
    asked.set("training.epochs", 50)
    asked.set("augment.flip", True)
    assert {one.field.path: (one.before, one.now) for one in asked.changes()} == {
        "training.epochs": (40, 50),
        "augment.flip": (False, True),
    }
    asked.reset("training.epochs")
    assert [one.field.path for one in asked.changes()] == ["augment.flip"]
    asked.reset("augment.flip")
    assert asked.text == recipe.shipped_text("born-again-digits")


def test_that_of_another_kind_only_the_choice_and_what_is_no_default_are_changes() -> None:
    asked = OpenRecipe("born-again-digits")
    asked.choose("model.name", "vit")
    assert [one.field.path for one in asked.changes()] == ["model.name"]
    asked.set("model.depth", 2)
    assert [one.field.path for one in asked.changes()] == ["model.name", "model.depth"]
    asked.reset("model.name")
    assert asked.text == recipe.shipped_text("born-again-digits")


def test_that_all_changes_go_at_once_and_come_back_with_undo() -> None:
    asked = OpenRecipe("born-again-digits")
    asked.set("training.epochs", 50)
    asked.choose("method.name", "supervised")
    changed = asked.text
    asked.reset_all()
    assert not asked.changes()
    asked.undo()
    assert asked.text == changed


def test_that_presets_are_grouped_by_their_method() -> None:
    assert "born-again-digits" in recipe_presets.presets()["ban"]
    assert sorted(name for names in recipe_presets.presets().values() for name in names) == recipe.shipped()


# ---- files ---------------------------------------------------------------------------------------------------------------


def test_that_unsaved_changes_are_known(tmp_path: Path) -> None:
    asked = OpenRecipe()
    assert not asked.unsaved
    asked.set("training.epochs", 5)
    assert asked.unsaved and recipe_words.where(asked) == "born-again-digits.toml, not saved"
    asked.save(tmp_path / "mine.toml")
    assert not asked.unsaved and recipe_words.where(asked) == "mine.toml, saved"
    asked.undo()
    assert asked.unsaved and asked.path == tmp_path / "mine.toml"


def test_that_a_file_changed_meanwhile_is_not_overwritten_unasked(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT)
    asked = OpenRecipe()
    asked.open_file(file)
    file.write_text(TEXT + "# theirs\n")
    asked.set("training.epochs", 5)
    with pytest.raises(ChangedOnDisk):
        asked.save()
    assert file.read_text() == TEXT + "# theirs\n"
    asked.save(anyway=True)
    assert "epochs = 5" in file.read_text()


def test_that_a_file_that_is_gone_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT)
    asked = OpenRecipe()
    asked.open_file(file)
    file.unlink()
    asked.save()
    assert file.read_text() == TEXT


def test_that_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT)
    asked = OpenRecipe()
    asked.open_file(file)
    asked.set("training.epochs", 5)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.processes.replace", full)
    with pytest.raises(OSError, match="No space"):
        asked.save()
    assert file.read_text() == TEXT and asked.unsaved
    assert [one.name for one in tmp_path.iterdir()] == ["mine.toml"]


def test_that_pictures_beside_the_file_are_found_also_after_it_is_saved_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "here" / "pictures").mkdir(parents=True)
    file = tmp_path / "here" / "mine.toml"
    file.write_text(TEXT + '\n[data]\nname = "folder"\npath = "pictures"\n')
    asked = OpenRecipe()
    asked.open_file(file)
    assert not asked.errors
    (tmp_path / "there").mkdir()
    asked.save(tmp_path / "there" / "mine.toml")
    assert not asked.errors and asked.last.data.path == str(tmp_path / "here" / "pictures")


def test_that_undo_after_a_save_elsewhere_still_finds_the_pictures_and_a_failed_save_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "here" / "pictures").mkdir(parents=True)
    file = tmp_path / "here" / "mine.toml"
    file.write_text(TEXT + '\n[data]\nname = "folder"\npath = "pictures"\n')
    asked = OpenRecipe()
    asked.open_file(file)
    asked.set("training.epochs", 5)
    before = asked.text
    with pytest.raises(OSError):
        asked.save(tmp_path / "nowhere" / "mine.toml")
    assert asked.text == before and asked.path == file
    (tmp_path / "there").mkdir()
    asked.save(tmp_path / "there" / "mine.toml")
    asked.undo()
    assert not asked.errors and asked.last.data.path == str(tmp_path / "here" / "pictures")


def test_that_data_from_elsewhere_replaces_the_table_alone(tmp_path: Path) -> None:
    asked = opened()
    asked.use_data({"name": "folder", "path": str(tmp_path), "size": 64, "colour": "grey"})
    assert not asked.errors
    assert (asked.last.data.path, asked.last.data.size) == (str(tmp_path), 64)
    asked.undo()
    assert asked.text == TEXT


def folder_of(tmp_path: Path, name: str = "my pictures") -> dict[str, object]:
    (tmp_path / name).mkdir()
    return {"name": "folder", "path": str(tmp_path / name), "size": 32}


def test_that_pictures_without_classes_want_a_method_that_needs_none(tmp_path: Path) -> None:
    asked = OpenRecipe("born-again-digits")
    asked.set("training.epochs", 41)  # one's own work, which no preset replaces
    (tmp_path / "flat").mkdir()
    asked.use_data({"name": "pictures", "path": str(tmp_path / "flat"), "size": 32, "colour": "rgb"})
    assert list(asked.errors) == ["data.name"] and 'method.name = "dino"' in asked.errors["data.name"]
    asked.choose("method.name", "dino")
    assert not asked.errors and asked.last.data.title == "flat" and asked.last.generations == 0
    asked.set("data.eval_path", str(tmp_path / "sorted"))
    assert list(asked.errors) == ["data.eval_path"] and "is not there" in asked.errors["data.eval_path"]


def test_that_an_untouched_preset_gives_way_to_the_one_for_such_data_under_the_folders_name(tmp_path: Path) -> None:
    asked = OpenRecipe("born-again-digits")
    asked.use_data(folder_of(tmp_path))
    assert asked.preset == "born-again-folder" and not asked.errors
    assert (asked.last.lineage, asked.last.data.path) == ("my-pictures", str(tmp_path / "my pictures"))
    assert asked.last.augment.flip, "as the preset for folders has it"
    asked.use_data(folder_of(tmp_path, "others"))
    assert asked.last.lineage == "others", "the first name was nobody's choice"
    asked.undo()
    asked.undo()
    assert asked.preset == "born-again-digits" and not asked.unsaved


def test_that_what_a_person_has_written_stays_when_the_data_changes(tmp_path: Path) -> None:
    asked = OpenRecipe("born-again-digits")
    asked.set("training.epochs", 3)
    asked.set("lineage", "pets")
    asked.use_data(folder_of(tmp_path))
    assert asked.preset == "born-again-digits"
    assert (asked.last.lineage, asked.last.training.epochs, asked.last.data.size) == ("pets", 3, 32)


def test_that_a_runs_recipe_is_compared_with_that_run() -> None:
    asked = OpenRecipe()
    asked.open_text(TEXT, "toy", "toy-2")
    assert [one.field.path for one in asked.changes()] == ["lineage"] and asked.unsaved
    asked.set("training.epochs", 7)
    assert [(one.field.path, one.before, one.now) for one in asked.changes()][-1] == ("training.epochs", 4, 7)
    asked.reset_all()
    assert asked.text == TEXT


# ---- the command ---------------------------------------------------------------------------------------------------------


def told(command: str) -> tuple[list[str], list[str]]:
    """The command's words before the changes, and the changes, as a shell takes them apart."""
    parts = shlex.split(command.replace("\\\n", ""))
    changes = [parts[place + 1] for place, part in enumerate(parts) if part == "--set"]
    return parts[: parts.index("--set")] if changes else parts, changes


def awkward(asked: OpenRecipe) -> None:
    asked.choose("model.name", "vit")
    asked.choose("optimizer.name", "adamw")
    asked.choose("schedule.name", "step")
    asked.set_all(
        {
            "lineage": "2",
            "model.patch": 2,
            "optimizer.lr": 0.000125,
            "seeds": [4, 5],
            "augment.flip": True,
            "schedule.milestones": [20, 30],
        }.items()
    )


def test_that_the_command_for_a_preset_means_the_same_recipe() -> None:
    asked = OpenRecipe("born-again-digits")
    assert recipe_command.command(asked, asked.last) == "filial train born-again-digits"
    awkward(asked)
    words, changes = told(recipe_command.command(asked, asked.last))
    assert words == ["filial", "train", "born-again-digits"]
    assert recipe.read(words[2], changes).recipe == asked.last


def test_that_the_command_for_a_file_means_the_same_recipe_however_it_is_called(tmp_path: Path) -> None:
    file = tmp_path / "my recipe's.toml"
    file.write_text(TEXT)
    asked = OpenRecipe()
    asked.open_file(file)
    awkward(asked)
    words, changes = told(recipe_command.command(asked, asked.last))
    assert words == ["filial", "queue", "add", str(file)]
    assert recipe.read(words[3], changes).recipe == asked.last
    asked.save()
    assert told(recipe_command.command(asked, asked.last)) == (words, [])


def test_that_a_recipe_in_no_file_has_no_command() -> None:
    asked = opened()
    assert recipe_command.command(asked, asked.last) == ""


@pytest.mark.parametrize("name", ["timm name.v1", "a=b", "it's", "$HOME", "true", "1e5"])
def test_that_awkward_text_survives_the_shell(name: str) -> None:
    asked = OpenRecipe("born-again-digits")
    asked.choose("model.name", "timm")
    asked.set("model.variant", name)
    words, changes = told(recipe_command.command(asked, asked.last))
    assert recipe.read(words[2], changes).recipe.model == recipe.Timm(variant=name)


# ---- schedules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        ("schedule.warmup_epochs=3",),
        ("schedule.final=0.1",),
        ('schedule={name="step", milestones=[10, 30], warmup_epochs=2}',),
        ('schedule={name="constant", warmup_epochs=0.5}',),
    ],
)
def test_that_the_curve_is_what_training_computes(changes: tuple[str, ...]) -> None:
    file = recipe.read("born-again-digits", changes)
    run = next(file.runs())[0]
    (curve,) = recipe_schedules.curves(file.recipe, 13)
    trained = rates.learning_rate(run, 13)
    assert [trained(round(epoch * 13)) for epoch in curve.epochs] == curve.values.tolist()


def test_that_a_long_training_is_drawn_with_few_points_and_every_fall() -> None:
    file = recipe.read("born-again-digits", ['schedule={name="step", milestones=[501, 4003]}', "training.epochs=5000"])
    (curve,) = recipe_schedules.curves(file.recipe, 997)
    assert len(curve.epochs) < 1300
    assert curve.values[curve.epochs < 501].min() == 0.03
    assert curve.values[curve.epochs >= 501].max() < 0.03


@pytest.mark.parametrize("changes", [(), ("method.teacher_temp=0.07",), ("training.epochs=3", "method.momentum=0.9")])
def test_that_the_curves_without_labels_are_what_training_computes(changes: tuple[str, ...]) -> None:
    file = recipe.read("dino-creatures", changes)
    known = recipe_checks.known(file.recipe)
    trained, _ = scaled.resolve(next(file.runs())[0], scaled.facts(file.recipe.data))
    assert known.steps_per_epoch == 44
    drawn = recipe_schedules.curves(file.recipe, 44)
    assert [one.name for one in drawn] == ["Learning rate", "Weight decay", "Teacher momentum", "Teacher temperature"]
    for curve, knob in zip(drawn, rates.schedules(trained, 44).values(), strict=True):
        assert [knob(round(epoch * 44)) for epoch in curve.epochs] == curve.values.tolist()


def test_that_a_curve_says_its_shape_and_the_number_that_tells_most() -> None:
    drawn = recipe_schedules.curves(
        recipe.read("dino-creatures", ["method.teacher_temp=0.07", "method.momentum=0.996"]).recipe, 44
    )
    told = {one.name: (one.note, one.telling) for one in drawn}
    assert told["Learning rate"] == ("warm-up, cosine", ("peak", "0.001, epoch 1"))
    assert told["Weight decay"] == ("cosine", ("", ""))
    assert told["Teacher momentum"] == ("cosine", ("half-life", "173 steps"))
    assert told["Teacher temperature"] == ("linear, flat", ("", ""))
    flat = ["method.momentum=1.0", "method.momentum_final=1.0"]
    still = recipe_schedules.curves(recipe.read("dino-creatures", flat).recipe, 44)
    assert [(one.note, one.telling) for one in still[2:]] == [("constant", ("", "")), ("constant", ("", ""))]


def test_that_curves_that_rest_on_unknown_pictures_wait_for_them(tmp_path: Path) -> None:
    folder = recipe.read("dino-creatures", [f"data={{name='folder', path='{tmp_path.as_posix()}'}}"]).recipe
    assert [one.name for one in recipe_schedules.curves(folder, None)] == ["Learning rate", "Weight decay"]
    assert [one.name for one in recipe_schedules.curves(folder, 20)][2:] == ["Teacher momentum", "Teacher temperature"]
    written = recipe.changed(folder, "method.momentum", 0.99)
    assert [one.name for one in recipe_schedules.curves(written, None)][2:] == ["Teacher momentum"]


# ---- auto ----------------------------------------------------------------------------------------------------------------


def test_that_auto_is_typed_shown_and_refused_in_words() -> None:
    asked = OpenRecipe("dino-creatures")
    momentum = field(asked, "method.momentum")
    assert recipe_fields.text_of(asked.value(momentum)) == "auto"
    asked.type(momentum, "0.99")
    assert asked.last.method.momentum == 0.99 and not asked.errors
    asked.type(momentum, " Auto ")
    assert asked.last.method.momentum == "auto" and 'momentum = "auto"' in asked.text
    asked.type(momentum, "atuo")
    assert asked.errors["method.momentum"] == "'atuo' is not a number; write a value in [0, 1] or \"auto\""
    asked.type(field(asked, "training.epochs"), "auto")
    assert "is not a whole number" in asked.errors["training.epochs"]


def test_that_what_auto_comes_to_is_said_where_it_is_known(tmp_path: Path) -> None:
    asked = recipe.read("dino-creatures").recipe
    known = recipe_checks.known(asked)
    by_path = {one.path: one for one in recipe_fields.in_force(recipe.to_table(asked))}
    assert known.numbers is not None and set(known.why) == set(scaled.still_auto(asked))
    assert recipe_fields.auto_words(by_path["method.momentum"], known.numbers) == "auto: 0.9961"
    assert recipe_fields.auto_words(by_path["method.prototypes"], known.numbers) == "auto: 256"
    unknown = recipe_checks.known(
        recipe.read("dino-creatures", [f"data={{name='folder', path='{tmp_path.as_posix()}'}}"]).recipe
    )
    assert unknown.numbers is not None
    assert recipe_fields.auto_words(by_path["method.momentum"], unknown.numbers) == ""


# ---- checks --------------------------------------------------------------------------------------------------------------


def advice(asked: Recipe, **facts: Any) -> list[recipe_checks.Check]:
    return recipe_checks.checks(asked, recipe_checks.known(asked, cores=2, **facts))


@pytest.mark.parametrize(
    ("changes", "words", "tone"),
    [
        (["seeds=[0]"], "One seed gives no verdict", "warn"),
        (["seeds=[0, 4]"], "2 seeds give no verdict", "warn"),
        (["training.batch=2000"], "A batch of 2,000 is more", "warn"),
        (["training.epochs=2"], "26 in all", "warn"),
        (["schedule.warmup_epochs=20"], "A long warm-up", "warn"),
        (["augment.flip=true"], "Digits are mirrored", "warn"),
        (["augment.shift=4"], "A shift of 4 px is wide", "warn"),
        (["augment.shift=1", "method.cache_views=2"], "Pictures look alike again after 2 epochs", "warn"),
        (["model={name='vit', patch=3}"], "Patches of 3 px do not fit", "bad"),
        (["model={name='vit', patch=8}"], "One patch is the whole picture", "warn"),
        (["compute.precision=bfloat16"], "bfloat16 on a CPU", "warn"),
        (["compute.threads=64"], "64 threads are too many", "warn"),
        (["compute.device=cpu", "compute.devices=48"], "48 devices are more than there are", "bad"),
        (["compute.device=cpu", "compute.devices=2"], "Devices are meant to be GPUs", "warn"),
        (["data.train_size=1500"], "1,500 training pictures cannot be had", "bad"),
        (["data.test_share=0.02"], "Only 36 test pictures", "warn"),
        (["data.label_noise=0.9"], "wrong on purpose", "warn"),
        (["optimizer.lr=5"], "A learning rate of 5 is high", "warn"),
        (["schedule={name='step'}"], "The learning rate never falls", "warn"),
        (["schedule={name='step', milestones=[20, 60]}"], "Some milestones are never reached", "warn"),
        (["keep.every_epochs=100"], "No checkpoint before the end", "warn"),
        (["probes.every_epochs=100"], "No validation before the end", "warn"),
    ],
)
def test_that_advice_has_a_reason_and_a_remedy_that_helps(changes: list[str], words: str, tone: str) -> None:
    asked = OpenRecipe("born-again-digits")
    asked.open_text(recipe.read("born-again-digits", changes).text(), "x")
    check = next(one for one in advice(asked.last) if words in one.title)
    assert check.tone == tone and check.reason and check.remedy is not None
    asked.set_all(check.remedy.values)
    assert not asked.errors
    assert not [one for one in advice(asked.last) if one.title == check.title and one.tone == tone]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["data.size=96", "method.global_size=96", "method.global_scale_low=0.4"], "96 px crops from 96 px pictures"),
        (["method.momentum=0.5"], "Momentum 0.5 forgets too fast"),
        (["method.momentum=0.9999"], "Momentum 0.9999 keeps the teacher near its beginning"),
        (["method.momentum=1.0"], "Momentum 1 keeps the teacher near its beginning"),
        (["method.prototypes=4096"], "4,096 prototypes are more than there are pictures"),
        (["method.teacher_temp=0.1"], "The teacher's temperature of 0.1 sharpens nothing"),
        (["method.teacher_temp=0.08"], "A teacher's temperature of 0.08 is high"),
        (["method.center_momentum=0.999"], "A centre's momentum of 0.999 is high"),
        (["method.freeze_epochs=0", "method.batch_norm=false"], "Prototypes are not frozen at the start"),
        (["method.freeze_epochs=45"], "Prototypes are frozen for most of the run"),
        (["data={name='digits'}", "model={name='small_cnn'}"], "Digits are mirrored"),
    ],
)
def test_that_advice_without_labels_has_a_reason_and_a_remedy_that_helps(changes: list[str], words: str) -> None:
    asked = OpenRecipe("dino-creatures")
    asked.open_text(recipe.read("dino-creatures", changes).text(), "x")
    check = next(one for one in advice(asked.last) if one.title == words)
    assert check.tone == "warn" and check.reason and check.remedy is not None
    asked.set_all(check.remedy.values)
    assert not asked.errors
    assert not [one for one in advice(asked.last) if one.tone == "warn" and one.title == check.title]


def test_that_dino_is_advised_for_few_pictures_and_a_press_keeps_what_fits() -> None:
    asked = OpenRecipe("dinov2-creatures")
    before = asked.text
    check = next(one for one in advice(asked.last) if one.tone == "warn")
    assert check.title == "DINO is the better choice for 2,800 pictures" and check.remedy is not None
    assert check.remedy.label == "Use DINO" and "43.3" in check.reason
    asked.set_all(check.remedy.values)
    assert not asked.errors and not asked.stray()
    assert (asked.kinds["method"], asked.last.method.mix, asked.last.method.bottleneck) == ("dino", 1.0, 64)
    assert "layer_decay" not in asked.text and "# in the head: without it" in asked.text, "comments stay"
    assert {one.tone for one in advice(asked.last)} == {"ok"}
    asked.choose("method.name", "dinov2")
    assert asked.last.method.layer_decay == 1.0 and asked.last == recipe.read_text(before).recipe
    asked.undo()
    asked.undo()
    assert asked.text == before


def test_that_a_kind_nobody_knows_costs_nothing_that_was_written() -> None:
    asked = OpenRecipe("dinov2-creatures")
    asked.set("method.name", "dinov9")
    assert "layer_decay" in asked.text and asked.errors
    asked.undo()
    assert not asked.errors


def test_that_what_is_well_without_labels_is_said_with_its_numbers() -> None:
    left = ["optimizer.lr=auto", "method.freeze_epochs=auto"]
    found = {one.title: one.reason for one in advice(recipe.read("dino-creatures", left).recipe)}
    assert found["Momentum 0.9961 suits 44 steps an epoch"] == "The teacher averages over about 4 epochs."
    assert found["256 prototypes for 10 classes"] == "A loss that stays at ln 256 = 5.545 means collapse."
    assert "by the root of the batch 500e−6 for 64" in found["Learning rate follows the batch"]
    assert found["Prototypes are frozen for the first 4 epochs"] == "The usual guard against collapse at the start."
    assert found["48 px crops from 48 px pictures"].endswith("enlarged up to 1.3 times.")
    assert {one.tone for one in advice(recipe.read("dino-creatures").recipe)} == {"ok"}


def test_that_nothing_is_said_that_a_recipe_does_not_do() -> None:
    written = {one.title for one in advice(recipe.read("dino-creatures", ["optimizer.lr=0.001"]).recipe)}
    assert "Learning rate follows the batch" not in written
    plain = [one.title for one in advice(recipe.read("born-again-digits").recipe)]
    assert not [title for title in plain if "rototype" in title or "Momentum" in title or "crops" in title]


def test_that_the_sample_is_well_and_says_so() -> None:
    found = advice(recipe.read("born-again-digits").recipe)
    assert {check.tone for check in found} == {"ok"}
    assert recipe_checks.headline(found) == "no advice, nothing blocks"


def test_that_what_blocks_stands_first() -> None:
    found = advice(recipe.read("born-again-digits", ["seeds=[0]", "model={name='vit', patch=3}"]).recipe)
    assert [check.tone for check in found][:2] == ["bad", "warn"]
    assert recipe_checks.headline(found) == "1 advice, 1 to mend first"


def test_that_the_digits_are_counted_as_they_are() -> None:
    from sklearn.datasets import load_digits

    pictures = load_digits().images
    known = recipe_checks.known(recipe.read("born-again-digits", ["data.train_size=0"]).recipe)
    assert pictures.shape == (recipe_checks.DIGITS, known.side, known.side)


# ---- words ---------------------------------------------------------------------------------------------------------------

ANSWER = {"seconds_per_run": 10.0, "seconds_first_run": 8.0, "device": "cpu", "weights": 11_000, "pictures": 800}


def test_that_the_sentence_says_the_time_only_when_it_was_measured() -> None:
    asked = recipe.read("born-again-digits").recipe
    assert "".join(recipe_words.sentence(asked, None)) == "Born-Again on digits, small CNN 16, 40 epochs, 3 seeds"
    assert recipe_words.sentence(asked, 70)[1].endswith("3 seeds, about 70 s in all")


def test_that_a_measure_holds_for_more_epochs_and_seeds_but_for_no_other_batch() -> None:
    asked = recipe.read("born-again-digits").recipe
    cost = cost_words.Cost(ANSWER, asked, 0.0)
    longer = recipe.read("born-again-digits", ["training.epochs=80", "seeds=[0]", "lineage=other"]).recipe
    assert cost.holds_for(longer) and cost.seconds_all(longer) == 2 * (8.0 + 3 * 10.0)
    assert cost.seconds_all(asked) == 3 * (8.0 + 3 * 10.0)
    assert not cost.holds_for(recipe.read("born-again-digits", ["training.batch=32"]).recipe)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((2**28, 2**28, 2**29), ("1.0 of 4.0 GiB on the CPU", "weights 0.2, optimiser 0.2, activations 0.5")),
        ((30_000, 60_000, 2**21), ("2.1 MiB of 4.0 GiB on the CPU", "weights 29 KiB, optimiser 59 KiB, activations 2.0 MiB")),
    ],
)
def test_that_memory_is_told_in_units_that_say_something(parts: tuple[int, int, int], told: tuple[str, str]) -> None:
    memory = dict(zip(("weights", "optimizer", "activations"), parts))
    answer = {**ANSWER, "memory_bytes": memory, "device_memory_bytes": 2**32}
    assert cost_words.memory_words(cost_words.Cost(answer, recipe.read("born-again-digits").recipe, 0.0)) == told


def test_that_room_on_the_disk_is_told_and_whether_all_runs_have_it() -> None:
    asked = recipe.read("born-again-digits").recipe
    assert cost_words.disk_words(cost_words.Cost(ANSWER, asked, 0.0), asked) == ("", True), "an answer without it"
    answer = {**ANSWER, "runs": 12, "disk_bytes_per_run": 31 * 2**20, "teacher_outputs_bytes": 2**21}
    said = "A run takes 31 MiB on disk, 2.0 MiB of it its teacher's outputs"
    for free, told in ((12 * 31 * 2**20, (said, True)), (2**20, (f"{said}; 1.0 MiB are free for all", False))):
        assert cost_words.disk_words(cost_words.Cost({**answer, "disk_free_bytes": free}, asked, 0.0), asked) == told


def test_that_the_disk_a_teachers_outputs_take_is_known_before_anything_is_measured() -> None:
    def kept(*changes: str) -> list[str]:
        found = advice(recipe.read("born-again-digits", ["augment.shift=1", *changes]).recipe)
        return [one.title for one in found if one.title.startswith("A teacher's outputs") or "alike" in one.title]

    assert kept() == []
    assert kept("method.cache_views=40") == ["A teacher's outputs take 1000 KiB"]  # 40 x 800 x (10 x 2 + 12)


def test_that_every_method_has_a_card_with_a_promise() -> None:
    cards = recipe_words.method_cards()
    assert [name for name, _, _ in cards] == list(recipe_fields.kinds_of("method"))
    assert all(title and promise for _, title, promise in cards)


def test_that_every_field_is_explained_with_its_range_and_default() -> None:
    asked = OpenRecipe("born-again-digits")
    for one in asked.layout.fields:
        label, place, text = recipe_words.foot(one, asked)
        assert label and place.startswith(one.path) and text.endswith((".", ")."))


def test_that_a_free_name_counts_on() -> None:
    assert recipe_names.free_name("digits", ["digits", "digits-2"]) == "digits-3"
    assert recipe_names.free_name("digits-2", ["digits", "digits-2"]) == "digits-3"


def test_that_a_name_is_taken_only_by_another_recipe() -> None:
    file = recipe.read("born-again-digits")
    there = {one.run: one for one, _ in file.runs()}
    assert not recipe_names.taken(file, there)
    assert recipe_names.taken(recipe.read("born-again-digits", ["training.epochs=41"]), there)


# ---- without labels -----------------------------------------------------------------------------------------------------


def test_that_dino_brings_what_its_preset_trains_with() -> None:
    asked = OpenRecipe()
    before = asked.text
    asked.choose("method.name", "dino")
    now, preset = asked.last, recipe.read("dino-creatures").recipe
    assert asked.errors == {} and now.generations == 0
    assert (now.optimizer, now.schedule) == (preset.optimizer, preset.schedule)
    assert now.method.mix == preset.method.mix and now.method.flip == 0, "a mirrored 2 is no 2"
    assert (now.model.stem, now.model.width, now.model.patch) == ("conv", preset.model.width, 2), "four patches across 8 px"
    assert now.data == recipe.read("born-again-digits").recipe.data, "pictures are a person's own choice"
    numbers, _ = scaled.resolve(now, scaled.facts(now.data))
    assert scaled.still_auto(numbers) == []
    asked.undo()
    assert asked.text == before


def test_that_a_method_with_classes_gets_back_what_was_set_aside() -> None:
    asked = OpenRecipe()
    before = asked.last
    asked.choose("method.name", "dino")
    asked.choose("method.name", "ban")
    assert asked.last == before


def test_that_a_network_with_attention_stays_when_dino_is_chosen() -> None:
    asked = OpenRecipe("born-again-digits-vit")
    before = asked.last.model
    asked.choose("method.name", "dino")
    assert asked.last.model == before


def test_that_from_dino_to_dinov2_only_the_method_changes() -> None:
    asked = OpenRecipe("dino-creatures")
    before = asked.last
    asked.choose("method.name", "dinov2")
    assert asked.errors == {} and (asked.last.optimizer, asked.last.model) == (before.optimizer, before.model)


@pytest.mark.parametrize(("side", "patch"), [(8, 2), (32, 4), (48, 8), (96, 16), (224, 32)])
def test_that_patches_are_powers_of_two_that_leave_some_to_choose_from(side: int, patch: int, tmp_path: Path) -> None:
    asked = opened(TEXT + f'\n[data]\nname = "folder"\npath = "{tmp_path}"\nsize = {side}\n')
    asked.choose("method.name", "dino")
    assert asked.last.model.patch == patch


def test_that_the_fields_of_dino_stand_in_groups_of_their_own() -> None:
    layout = OpenRecipe("dino-creatures").layout
    groups = {group.title: [each.path for each in group.fields] for group in layout.groups}
    assert "method.hidden" in groups["Heads"] and "method.freeze_epochs" in groups["Heads"]
    assert "method.grey" in groups["Crops"] and "method.centering" in groups["Against collapse"]
    assert groups["Optimiser"][0] == "optimizer.name" and "method.weight_decay_final" in groups["Optimiser"]
    assert "Method" not in groups
    basic = [each.path for each in layout.basic]
    assert {"method.prototypes", "method.global_size", "method.momentum", "method.teacher_temp", "seeds"} <= set(basic)


def test_that_what_dino_never_looks_at_is_not_asked_for_unless_it_stands_there() -> None:
    asked = OpenRecipe("dino-creatures")
    for path in ("augment.flip", "teacher_model.name", "generations", "data.label_noise"):
        assert asked.field(path) is None, path
    asked.set("generations", 2)
    assert asked.field("generations") is not None and asked.errors


def test_that_weights_are_looked_for_where_the_recipe_lies(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT + '\n[model]\nname = "vit"\npatch = 4\nweights = "start.safetensors"\n')
    asked = OpenRecipe()
    asked.open_file(file)
    assert "is no file" in asked.errors["model.weights"]
    (tmp_path / "start.safetensors").write_bytes(b"")
    asked = OpenRecipe()
    asked.open_file(file)
    assert asked.errors == {} and asked.last.model.weights == str(tmp_path / "start.safetensors")
    assert f'weights = "{tmp_path / "start.safetensors"}"' in asked.whole_text()
    assert recipe_fields.is_file(field(asked, "model.weights")) and not recipe_fields.is_file(field(asked, "model.patch"))
