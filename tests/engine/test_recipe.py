"""Recipes: what is refused and how, what a person's file keeps, and how a lineage becomes runs."""

import math
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import LINEAGE, SINGLE, lineage, single

from engine import recipe
from engine.fields import AUTO, Field, RecipeErrors
from engine.recipe import Recipe, RunRecipe
from engine.recipes import Ban, Supervised

HERE = Path(__file__).parent
SHARED = recipe.all_fields(Recipe)
ALL = [*SHARED, *(field for field in recipe.all_fields(RunRecipe) if field not in SHARED)]
FIELDS = {field.path: field for field in ALL}


def refusals(text: str, *changes: str) -> list[str]:
    with pytest.raises(RecipeErrors) as refused:
        recipe.read_text(text, changes)
    return [str(error) for error in refused.value.errors]


def run_refusals(**different: Any) -> list[str]:
    with pytest.raises(RecipeErrors) as refused:
        recipe.parse(RunRecipe, {"lineage": "toy", **different})
    return [str(error) for error in refused.value.errors]


# ---- every field explains itself ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ALL, ids=lambda field: field.path)
def test_that_a_field_has_a_label_a_help_and_a_default_inside_its_range(field: Field) -> None:
    assert field.label and field.label[0].isupper() and not field.label.removesuffix("temp.").endswith(".")
    assert len(field.help.split()) >= 2 and (field.help.endswith(".") or field.choices)
    if field.path in ("lineage", "data.path"):
        assert field.default is None
        return
    assert field.default is not None
    if field.choices:
        assert field.default in field.choices
    if field.auto and field.default == AUTO:
        return
    for number in field.default if field.kind == "integers" else [field.default]:
        if field.kind in ("integer", "number", "integers"):
            assert field.low is None or number > field.low or (number == field.low and not field.low_open)
            assert field.high is None or number < field.high or (number == field.high and not field.high_open)


def test_that_every_default_has_a_reason_of_its_own() -> None:
    assert [field.path for field in ALL if not field.why or field.why in field.help] == []
    assert [field.path for field in ALL if field.why.endswith(".")] == [], "it stands in brackets, or a sentence is made of it"


def test_that_the_defaults_together_are_a_recipe() -> None:
    assert single().recipe == Recipe(lineage="single")


# ---- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["training.epochs=0"], "training.epochs: 0 is outside its range; write a value in [1, 100000] epochs"),
        (["training.epochs=4.0"], "training.epochs: 4.0 is not a whole number; write a value in [1, 100000] epochs"),
        (["training.epochs=ten"], "training.epochs: 'ten' is not a whole number; write a value in [1, 100000] epochs"),
        (["training.epochs="], "training.epochs: '' is not a whole number; write a value in [1, 100000] epochs"),
        (["training.epochs=true"], "training.epochs: true is not a whole number; write a value in [1, 100000] epochs"),
        (["training.epoch=3"], "training.epoch: unknown field 'epoch'; known, the nearest first: epochs, batch, same_order"),
        (["optimizer.lr=nan"], 'optimizer.lr: nan is outside its range; write a value in (0, 100] or "auto"'),
        (["optimizer.lr=inf"], 'optimizer.lr: inf is outside its range; write a value in (0, 100] or "auto"'),
        (["optimizer.lr=0"], 'optimizer.lr: 0.0 is outside its range; write a value in (0, 100] or "auto"'),
        (
            ["optimizer.name=adamw", "optimizer.lr=11"],
            'optimizer.lr: 11.0 is outside its range; write a value in (0, 10] or "auto"',
        ),
        (["optimizer.name=adam"], "optimizer.name: unknown optimizer 'adam'; known, the nearest first: adamw, sgd"),
        (["augment.flip=1"], "augment.flip: 1 is not true or false; write true or false"),
        (
            ["data.name=creature"],
            "data.name: unknown data 'creature'; known, the nearest first: creatures, pictures, digits, folder",
        ),
        (["data.name=folder"], "data.path: is missing; write the folder with one sub-folder a class"),
        (["data.name=folder", "data.path="], "data.path: is empty; write the folder with one sub-folder a class"),
        (["data.name=folder", "data.path=3"], 'data.path: 3 is not text; write "3", in quotes'),
        (["data.path=here"], "data.path: digits has no such field; with data.name = folder or pictures there is one"),
        (["model.heads=3"], "model.heads: small_cnn has no such field; with model.name = vit there is one"),
        (
            ["model.depth=3"],
            "model.depth: small_cnn has no such field; with model.name = resnet or densenet or vit there is one",
        ),
        (["data.test_share=1"], "data.test_share: 1.0 is outside its range; write a value in (0, 1)"),
        (["compute.device=gpu"], "compute.device: unknown choice 'gpu'; known, the nearest first: cpu, mps, auto, cuda"),
        (["data.name=3"], "data.name: unknown data 3; known, the nearest first: digits, creatures, folder, pictures"),
        (
            ["method.name=cwmt"],
            "method.name: unknown method 'cwmt'; known, the nearest first: "
            "cwtm, supervised, ban, ban_label, dkpp, kd, dkd, dino, dinov2",
        ),
        (
            ["method.temperature=2"],
            "method.temperature: supervised has no such field; with method.name = kd or dkd there is one",
        ),
        (["method.flavour=2"], "method.flavour: unknown field 'flavour'; there is no field to set here"),
        (["training=3"], "training: 3 is not a table; write [training] and its fields below it"),
        (["training.epochs=3", "training.epochs.often=3"], "training.epochs.often: epochs is a value, not a table"),
        (["training.epochs"], "training.epochs: is not a change; write --set field=value, such as training.epochs=20"),
        (["=3"], "=3: is not a change; write --set field=value, such as training.epochs=20"),
        (["training..epochs=3"], "training..epochs=3: is not a change; write --set field=value, such as training.epochs=20"),
        (["version=0"], "version: 0 is outside its range; write at least 1"),
        (["version=true"], "version: true is not a whole number; write at least 1"),
        (["seeds=0"], "seeds: 0 is not a list of whole numbers; write a list such as [0, 1], each in [0, 2147483648]"),
        (["seeds=[0, -1]"], "seeds: -1 is outside its range; write a list such as [0, 1], each in [0, 2147483648]"),
        (["lineage=2024"], 'lineage: 2024 is not text; write "2024", in quotes'),
        # each allowed, but not together
        (["lineage=../up"], "lineage: '../up' cannot name a folder; use up to 80 letters, digits, '.', '_' and '-'"),
        (["lineage="], "lineage: '' cannot name a folder; use up to 80 letters, digits, '.', '_' and '-'"),
        (["seeds=[]"], "seeds: is empty; write at least one seed, such as seeds = [0]"),
        (["seeds=[3, 3]"], "seeds: [3, 3] names a seed twice; each seed is one chain"),
        (["generations=2"], "method.name: supervised has no teacher, but generations = 2; write ban, or generations = 0"),
        (
            ["teacher_model.name=resnet"],
            'teacher_model.name: is F0\'s network where it has students, but generations = 0; write 1 or more, or "same"',
        ),
        (
            ["teacher_model.width=8"],
            "teacher_model.width: same has no such field; with teacher_model.name = small_cnn or resnet or vit there is one",
        ),
        (
            ["model.name=densenet", "model.depth=45"],
            "model.depth: 45 is not 6n+4, as model.bottleneck = true needs; write 40 or 46",
        ),
        (
            ["model.name=densenet", "model.depth=7"],
            "model.depth: 7 is not 6n+4, as model.bottleneck = true needs; write 10 or 16",
        ),
        (
            ["model.name=densenet", "model.depth=41", "model.bottleneck=false"],
            "model.depth: 41 is not 3n+4, as model.bottleneck = false needs; write 40 or 43",
        ),
        (["method.name=ban"], 'generations: is 0, so nobody would be taught; write 1 or more, or method.name = "supervised"'),
        (
            ["schedule.warmup_epochs=40.5"],
            "schedule.warmup_epochs: 40.5 is longer than the 40 epochs of training.epochs; shorten the warm-up or train longer",
        ),
        (
            ["schedule.name=step", "schedule.milestones=[9, 3]"],
            "schedule.milestones: [9, 3] do not rise; write each epoch once, the earliest first",
        ),
        (
            ["schedule.name=step", "schedule.milestones=[5]", "schedule.warmup_epochs=7"],
            "schedule.milestones: 5 lies within the warm-up of schedule.warmup_epochs = 7; "
            "shorten the warm-up, or begin to fall later",
        ),
        (
            ["model.freeze=true"],
            "model.freeze: true would freeze a network at random; write model.weights, or model.freeze = false",
        ),
        (
            ["model.head_epochs=2"],
            "model.head_epochs: 2 would keep a network at random as it is; write model.weights, or 0",
        ),
        (
            ["model.weights=x.pth", "model.freeze=true", "model.head_epochs=2"],
            "model.head_epochs: 2, but model.freeze keeps the rest for ever; write 0",
        ),
        (
            ["model.weights=x.pth", "model.head_epochs=40"],
            "model.head_epochs: 40 are all of training.epochs = 40; write fewer, or model.freeze = true and 0",
        ),
        (
            ["model.partial=true"],
            "model.partial: true, but model.weights is empty; write model.partial = false",
        ),
        (
            ["model.weights=x.pth", "model.freeze=true", "model.partial=true"],
            "model.partial: true, but a frozen backbone must be whole; write model.partial = false",
        ),
        (
            ["training.batch=8", "compute.devices=9"],
            "compute.devices: 9 cannot share the steps of training.batch = 8; write 8 or less",
        ),
        (
            ["training.batch=1"],
            "training.batch: 1 picture leaves BatchNorm nothing to compare it with: its statistics would be those of this one "
            'picture; write 2 or more, or a network without it, such as model.name = "vit"',
        ),
        (
            ["method.name=kd", "method.teacher_run=other-s*-F0"],
            "method.teacher_run: 'other-s*-F0' cannot be a run's name; write one such as digits-s0-F1, or digits-s{seed}-F1 "
            "for the same seed",
        ),
        (
            ["method.name=kd", "method.teacher_run=single-s{seed}-F0"],
            "method.teacher_run: single-s0-F0 is a run of this very lineage; write one of another, or leave it empty: "
            "F1 learns from F0 anyway",
        ),
        (
            ["method.name=kd", "generations=1", "method.teacher_step=4"],
            "method.teacher_step: is a checkpoint of method.teacher_run, which is empty; write that too, or 0",
        ),
        (
            ["method.teacher_run=other-s0-F0"],
            "method.teacher_run: supervised has no such field; "
            "with method.name = ban or ban_label or cwtm or dkpp or kd or dkd or dinov2 there is one",
        ),
        (["model.name=resnet", "model.depth=19"], "model.depth: 19 is not 6n+2; write 14 or 20"),
        (["model.name=vit", "model.width=97"], "model.width: 97 is not a multiple of model.heads = 3; write 96"),
        (
            ["model.name=vit", "model.width=8", "model.heads=64"],
            "model.width: 8 is not a multiple of model.heads = 64; write 64",
        ),
        (
            ["data.test_share=0.5", "data.val_share=0.5"],
            "data.val_share: 0.5 and data.test_share = 0.5 leave nothing to train on; their sum must be below 1",
        ),
    ],
)
def test_that_a_refusal_names_field_value_and_remedy(changes: list[str], sentence: str) -> None:
    assert refusals(SINGLE, *changes) == [sentence]


@pytest.mark.parametrize(
    "changes",
    [
        ["model.name=resnet", "model.depth=14"],
        ["model.name=resnet", "model.depth=20"],
        ["model.name=vit", "model.width=96"],
        ["model.name=vit", "model.width=64", "model.heads=64"],
        ["method.name=ban", "generations=1"],
        ["lineage='2024'"],
        ["seeds=[0, 2147483648]"],
    ],
)
def test_that_the_remedies_are_accepted(changes: list[str]) -> None:
    single(*changes)


def test_that_all_errors_of_a_file_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        'lineage = "x"\nseeds = "all"\n[model]\nname = "cnn"\n[training]\nepochs = -1\nbach = 3\n[optimizer]\nlr = nan\n'
    )
    with pytest.raises(RecipeErrors) as refused:
        recipe.read(path)
    fields = [error.field for error in refused.value.errors]
    assert fields == ["model.name", "optimizer.lr", "training.bach", "training.epochs", "seeds"]
    assert str(refused.value).startswith(f"{path}: model.name: unknown model 'cnn'")
    assert len(str(refused.value).splitlines()) == 5


def test_that_several_contradictions_are_reported_together() -> None:
    found = refusals(SINGLE, "seeds=[1, 1]", "generations=1", "schedule.warmup_epochs=41", "lineage=-")
    assert [refusal.partition(":")[0] for refusal in found] == ["lineage", "seeds", "method.name", "schedule.warmup_epochs"]


def test_that_a_recipe_of_a_newer_version_is_refused_before_its_unknown_fields() -> None:
    sentence = "version: 2 was written by a newer Filial; this one reads 1. Update Filial to use this recipe"
    assert refusals('version = 2\nlineage = "x"\nneeds = "new things"\n') == [sentence]
    assert run_refusals(version=7) == [sentence.replace("2", "7", 1)]


def test_that_a_run_and_its_teacher_belong_together() -> None:
    taught = {"teacher": "toy-s0-F0", "generation": 1, "method": {"name": "ban"}}
    assert recipe.parse(RunRecipe, {"lineage": "toy", **taught}).run == "toy-s0-F1"
    outside = recipe.parse(RunRecipe, {"lineage": "toy", **taught, "generation": 0, "teacher": "large-s0-F0"})
    assert (outside.run, outside.teacher) == ("toy-s0-F0", "large-s0-F0")
    assert run_refusals(generation=2) == ["teacher: is empty, but generation 2 learns from the one before; write its run"]
    assert run_refusals(**taught | {"method": {"name": "ban", "teacher_run": "large-s0-F0"}}) == [
        "method.teacher_run: is for a lineage's recipe; in a run's write teacher"
    ]
    assert run_refusals(**taught | {"method": {"name": "supervised"}}) == [
        "method.name: a run with a teacher needs a method that listens to it; a run without one is supervised or dino"
    ]
    assert [refusal.partition(":")[0] for refusal in run_refusals(method={"name": "ban"})] == ["method.name"]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('lineage = "a"\nseeds = [0\n\n[training]\n', 4, "Unclosed array"),
        ('lineage = "a"\nepochs 3\n', 2, "Expected '=' after a key in a key/value pair"),
        ('lineage = "a"\nlineage = "b"\n', 2, "Cannot overwrite a value"),
        ('lineage = "a"\n[training]\nepochs = 1\nepochs = 2\n', 4, "Cannot overwrite a value"),
        ('lineage = "a"\n[training]\n[training]\n', 3, "Cannot declare training twice"),
        ('lineage = "a\n', 1, "Illegal character '\\n'"),
        ('lineage = "a"\nx = ', 2, "Invalid value"),
        ("]", 1, "Invalid statement"),
    ],
)
def test_that_what_is_not_toml_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    assert refusals(text) == [f"line {line}: is not TOML: {problem}"]


@given(st.text(alphabet="a=[]{}\"'\n.,#1 é\\\t\r\x00-_", max_size=40))
@settings(max_examples=300, deadline=None)
def test_that_no_text_whatever_is_answered_by_anything_but_a_recipe_or_a_refusal(text: str) -> None:
    for whole in (text, f'lineage = "a"\n{text}'):
        try:
            recipe.read_text(whole, ["training.epochs=3"])
        except RecipeErrors as refused:
            assert all(error.problem for error in refused.errors)


# ---- files --------------------------------------------------------------------------------------------------------------


def test_that_a_recipe_is_found_by_its_path_or_by_the_name_it_comes_with(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(LINEAGE)
    assert recipe.read(path).recipe == recipe.read(str(path)).recipe == lineage().recipe
    assert recipe.read("born-again-digits").recipe == recipe.read("born-again-digits.toml").recipe


def test_that_a_name_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(RecipeErrors) as refused:
        recipe.read("born-agian")
    assert str(refused.value).startswith("born-agian: there is no such file, and no recipe of this name comes with Filial")
    assert "born-again-digits" in str(refused.value)


def test_that_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeErrors, match="there is no such file"):
        recipe.read(tmp_path)


def test_that_a_file_of_another_encoding_is_refused_and_a_byte_order_mark_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes('lineage = "größe"\n'.encode("latin-1"))
    with pytest.raises(RecipeErrors, match="cannot be read as UTF-8 text"):
        recipe.read(path)
    path.write_bytes("\ufeff".encode() + LINEAGE.replace("\n", "\r\n").encode())
    assert recipe.read(path).recipe == lineage().recipe


@pytest.mark.parametrize("name", recipe.shipped())
def test_that_a_recipe_we_ship_is_read_and_expands(name: str) -> None:
    own = tomllib.loads(recipe.shipped_text(name))["data"]["name"] in ("folder", "pictures")
    file = recipe.read(name, [f"data.path={HERE}"] if own else [])
    runs = list(file.runs())
    assert len(runs) == len(file.recipe.seeds) * (file.recipe.generations + 1)
    assert len({one.run for one, _ in runs}) == len(runs)
    assert file.text().replace(f'path = "{HERE}"\n', "") == recipe.shipped_text(name)
    assert file.text().startswith("#"), "what it is for stands on its first line"


def test_that_the_sample_is_what_the_tour_promises() -> None:
    asked = recipe.read("born-again-digits").recipe
    assert (asked.lineage, asked.generations, asked.seeds) == ("digits", 3, (0, 1, 2))
    assert isinstance(asked.method, Ban) and asked.data.label_noise == 0.3 and asked.compute.device == "cpu"


# ---- a person's text ----------------------------------------------------------------------------------------------------


def test_that_comments_and_order_survive_a_change() -> None:
    file = lineage("training.epochs=20", "seeds=[3]", "optimizer.lr=0.2")
    text = file.text()
    assert [line for line in text.splitlines() if "#" in line] == [
        "# Two seeds, two generations.",
        'name = "ban"        # the teacher alone',
        "epochs = 20          # short",
    ]
    assert text.index("[method]") < text.index("[training]") < text.index("[optimizer]")
    assert (file.recipe.training.epochs, file.recipe.seeds, file.recipe.optimizer.lr) == (20, (3,), 0.2)


def test_that_a_text_without_changes_stays_as_it_is() -> None:
    assert lineage().text() == LINEAGE


def test_that_comments_survive_the_expansion() -> None:
    first, second, *_ = [text for _, text in lineage().runs()]
    for text in (first, second):
        assert text.startswith("# Two seeds, two generations.\n") and "epochs = 4          # short" in text
        assert "generations" not in tomllib.loads(text) and "seeds" not in tomllib.loads(text)
    assert "# the teacher alone" in second and "# the teacher alone" not in first


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ("training.epochs=20", "training.epochs", 20),
        ("training.epochs = 20 # a comment", "training.epochs", 20),
        ("optimizer.lr=1e-2", "optimizer.lr", 0.01),
        ("seeds=[5,6]", "seeds", (5, 6)),
        ("augment.flip=true", "augment.flip", True),
        ("lineage=plain words-no", "lineage", None),
        ("lineage=plain-words", "lineage", "plain-words"),
        ('lineage="quoted"', "lineage", "quoted"),
        ("model.name=vit", "model.name", "vit"),
    ],
)
def test_that_a_change_is_toml_or_else_text(change: str, field: str, value: Any) -> None:
    if value is None:
        assert refusals(SINGLE, change)[0].startswith("lineage: 'plain words-no' cannot name a folder")
    else:
        assert recipe.flat(recipe.to_table(single(change).recipe))[field] == value


@pytest.mark.parametrize(
    "written",
    ["training.batch = 8\n", "training = {batch = 8}\n", "[training]\nbatch = 8\n", '"training".batch = 8\n'],
)
def test_that_a_change_finds_its_table_however_it_is_written(written: str) -> None:
    file = recipe.read_text(SINGLE + written, ["training.epochs=3", "keep.full=1"])
    assert (file.recipe.training.batch, file.recipe.training.epochs, file.recipe.keep.full) == (8, 3, 1)
    (one, text), *_ = file.runs()
    assert recipe.parse(RunRecipe, tomllib.loads(text)) == one and one.training == file.recipe.training


def test_that_later_changes_win() -> None:
    assert single("training.epochs=3", "training.epochs=5").recipe.training.epochs == 5


# ---- a lineage and its runs ---------------------------------------------------------------------------------------------


def test_that_a_lineage_expands_into_chains_whose_teachers_are_the_generation_before() -> None:
    runs = [one for one, _ in lineage("generations=2", "seeds=[4, 7]").runs()]
    assert [(one.run, one.seed, one.generation, one.teacher) for one in runs] == [
        ("toy-s4-F0", 4, 0, ""),
        ("toy-s4-F1", 4, 1, "toy-s4-F0"),
        ("toy-s4-F2", 4, 2, "toy-s4-F1"),
        ("toy-s7-F0", 7, 0, ""),
        ("toy-s7-F1", 7, 1, "toy-s7-F0"),
        ("toy-s7-F2", 7, 2, "toy-s7-F1"),
    ]
    assert [type(one.method) for one in runs[:3]] == [Supervised, Ban, Ban]
    assert {one.training.epochs for one in runs} == {4}


def test_that_f0_can_be_another_network_than_its_students() -> None:
    asked = ("generations=2", "seeds=[0]", "teacher_model.name=densenet", "teacher_model.depth=16", "model.width=8")
    runs = list(lineage(*asked).runs())
    assert [one.model for one, _ in runs] == [recipe.Densenet(depth=16), recipe.SmallCnn(width=8), recipe.SmallCnn(width=8)]
    assert [one.teacher for one, _ in runs] == ["", "toy-s0-F0", "toy-s0-F1"]
    assert not any("teacher_model" in text for _, text in runs)
    assert {one.training.epochs for one, _ in runs} == {4}
    before, _ = next(lineage("generations=2", "seeds=[0]", "model.width=8").runs())
    assert before.model == recipe.SmallCnn(width=8), "without one F0 is like its students"


def test_that_a_teacher_of_another_network_is_refused_like_any_network() -> None:
    taught = ("generations=1", "method.name=kd")
    assert refusals(SINGLE, *taught, "teacher_model.name=resnet", "teacher_model.depth=21") == [
        "teacher_model.depth: 21 is not 6n+2; write 20 or 26"
    ]
    assert refusals(SINGLE, *taught, "teacher_model.name=vit", "teacher_model.width=97") == [
        "teacher_model.width: 97 is not a multiple of teacher_model.heads = 3; write 96"
    ]


@pytest.mark.parametrize("method", ["ban", "ban_label", "cwtm", "dkpp", "kd", "dkd"])
def test_that_a_run_of_another_lineage_can_teach_a_single_student(method: str) -> None:
    one = single(f"method.name={method}", "seeds=[0, 1, 2]", "method.teacher_run=large-s0-F2")
    assert [(run.run, run.generation, run.teacher) for run, _ in one.runs()] == [
        (f"single-s{seed}-F0", 0, "large-s0-F2") for seed in (0, 1, 2)
    ], "one teacher for all seeds"
    assert {recipe_tag(type(run.method)) for run, _ in one.runs()} == {method}


def test_that_each_seed_can_have_the_teacher_of_its_own_seed() -> None:
    asked = ("seeds=[3, 5]", "generations=2", "method.teacher_run=large-s{seed}-F2", "method.teacher_step=40")
    runs = list(lineage(*asked).runs())
    assert [(one.run, one.teacher) for one, _ in runs] == [
        ("toy-s3-F0", "large-s3-F2"),
        ("toy-s3-F1", "toy-s3-F0"),
        ("toy-s3-F2", "toy-s3-F1"),
        ("toy-s5-F0", "large-s5-F2"),
        ("toy-s5-F1", "toy-s5-F0"),
        ("toy-s5-F2", "toy-s5-F1"),
    ]
    assert [one.method.teacher_step for one, _ in runs] == [40, 0, 0] * 2  # type: ignore[union-attr]
    assert {type(one.method) for one, _ in runs} == {Ban}, "F0 listens too"
    assert not any("teacher_run" in text for _, text in runs)


def test_that_weights_are_f0s_and_their_path_becomes_whole(tmp_path: Path) -> None:
    (tmp_path / "large.safetensors").touch()
    path = tmp_path / "mine.toml"
    written = '[teacher_model]\nname = "timm"\nweights = "large.safetensors"  # from afar\nfreeze = true\n'
    path.write_text(LINEAGE + written)
    file = recipe.read(path)
    (f0, text), (f1, _) = list(file.runs())[:2]
    assert f0.model == recipe.Timm(weights=str(tmp_path / "large.safetensors"), freeze=True)
    assert f1.model == recipe.SmallCnn(), "its student begins at random"
    assert str(tmp_path) in text and 'weights = "large.safetensors"  # from afar' in file.text()


def test_that_weights_named_on_the_command_line_start_from_where_one_is(monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / "large.pth").touch()
    monkeypatch.chdir(tmp_path)
    ((one, _),) = single("model.weights=large.pth").runs()
    assert one.model.weights == str(tmp_path / "large.pth")


def test_that_no_run_is_made_of_weights_that_are_not_there(tmp_path: Path) -> None:
    for changes, table in (
        (("model.weights=gone.pth",), "model"),
        (("teacher_model.name=vit", "teacher_model.weights=gone.pth"), "teacher_model"),
    ):
        with pytest.raises(RecipeErrors, match=rf"^{table}.weights: .*gone.pth is no file; write the file of weights"):
            list(lineage(*changes).runs())


def test_that_a_single_run_is_f0_of_its_own_lineage() -> None:
    ((one, _),) = single().runs()
    assert (one.run, one.generation, one.teacher, one.method) == ("single-s0-F0", 0, "", Supervised())


def test_that_names_are_deterministic() -> None:
    assert recipe.run_name("digits", 3, 2) == "digits-s3-F2"
    assert list(lineage().runs()) == list(lineage().runs())


def test_that_what_is_written_for_a_run_is_its_recipe() -> None:
    for one, text in lineage("generations=2").runs():
        assert recipe.parse(RunRecipe, tomllib.loads(text)) == one


def test_that_one_field_can_be_changed_and_the_rest_stays() -> None:
    asked, _ = next(iter(single().runs()))
    changed = recipe.changed(asked, "optimizer.lr", 0.5)
    assert changed.optimizer.lr == 0.5 and recipe.changed(changed, "optimizer.lr", asked.optimizer.lr) == asked
    with pytest.raises(RecipeErrors, match=r"optimizer.lr: 'fast' is not a number"):
        recipe.changed(asked, "optimizer.lr", "fast")


def test_that_flat_names_every_value_by_its_path() -> None:
    assert recipe.flat({"a": 1, "b": {"c": [2], "d": {"e": 3}}}) == {"a": 1, "b.c": [2], "b.d.e": 3}


# ---- round trip ---------------------------------------------------------------------------------------------------------


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Values a field accepts, its ends among them."""
    whole_low = math.floor(field.low or 0) + int(field.low_open)
    if field.kind == "integer":
        return st.integers(whole_low, int(field.high) if field.high is not None else 2**40)
    if field.kind == "number":
        high = field.high if field.high is not None else 1e9
        return st.floats(field.low or 0, high, exclude_min=field.low_open, exclude_max=field.high_open)
    if field.kind == "integers":
        return st.lists(st.integers(whole_low, 2**31), min_size=1, max_size=4, unique=True).map(sorted)
    if field.kind == "text":
        return st.sampled_from((str(HERE), str(HERE.parent)))
    return st.booleans() if field.kind == "switch" else st.sampled_from(field.choices)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """A recipe as a person might write it: some fields of the kinds chosen, none of the others."""
    table: dict[str, Any] = {"lineage": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True))}
    models = ("small_cnn", "resnet", "densenet", "vit")
    kinds = {"data": ("digits", "folder"), "model": models, "optimizer": ("sgd", "adamw")}
    kinds |= {"schedule": ("cosine", "step", "constant"), "teacher_model": ("same", *models)}
    chosen = {part: draw(st.sampled_from(names)) for part, names in kinds.items()}
    for part, name in chosen.items():
        table[part] = {"name": name}
    generations = draw(st.integers(0, 3))
    table |= {"generations": generations, "seeds": draw(values_of(FIELDS["seeds"]))}
    chosen["method"] = draw(st.sampled_from(("ban", "ban_label", "cwtm", "dkpp", "kd", "dkd"))) if generations else "supervised"
    table["method"] = {"name": chosen["method"]}
    for field in recipe.all_fields(Recipe):
        part, _, key = field.path.partition(".")
        ours = part not in chosen or field in of_kind(part, chosen.get(part, ""))
        if key and key != "name" and ours and draw(st.booleans()):
            table.setdefault(part, {})[key] = draw(values_of(field))
    return agreeing(table)


def of_kind(part: str, name: str) -> list[Field]:
    structs = {"data": recipe.Data, "optimizer": recipe.Optimizer, "schedule": recipe.LearningRate}
    structs |= {"teacher_model": recipe.TeacherModel, "method": recipe.Method}
    kind = next((one for one in structs.get(part, recipe.Model).__args__ if recipe_tag(one) == name), None)
    return [] if kind is None else list(recipe.fields_of(kind, part))


def recipe_tag(struct: Any) -> str:
    return str(struct.__struct_config__.tag)


def agreeing(table: dict[str, Any]) -> dict[str, Any]:
    """The same without the contradictions that separate choices may make."""
    data = table["data"]
    if not table["generations"]:
        table["teacher_model"] = {"name": "same"}
    if data["name"] == "folder":
        data.setdefault("path", str(HERE))
    data.pop("corrections", None)  # no run is made without its file
    for share in ("test_share", "val_share"):
        data[share] = min(data.get(share, 0.2), 0.49)
    for part in ("teacher_run", "teacher_step"):  # they need each other, and a name
        table["method"].pop(part, None)
    for model in (table["model"], table["teacher_model"]):
        for part in recipe.BEGINS:
            model.pop(part, None)
        if model["name"] in ("resnet", "densenet"):
            model["depth"] = 20 if model["name"] == "resnet" else 40
        if model["name"] == "vit":
            model["width"], model["patch"] = model.get("heads", 3) * 8, 4
    table["schedule"]["warmup_epochs"] = 0.5
    if table.get("training", {}).get("batch") == 1:  # BatchNorm
        table["training"]["batch"] = 2
    if devices := table.get("compute", {}).get("devices"):  # each wants a picture of a step
        table["compute"]["devices"] = min(devices, table.get("training", {}).get("batch", 64))
    return {**table, "data": data}


@given(tables())
@settings(max_examples=60, deadline=None)
def test_that_a_recipe_survives_its_way_through_toml(table: dict[str, Any]) -> None:
    asked = recipe.parse(Recipe, table)
    written = tomlkit.dumps(recipe.to_table(asked))
    assert recipe.read_text(written).recipe == asked
    assert recipe.parse(Recipe, tomllib.loads(tomlkit.dumps(table))) == asked
    for one, text in recipe.read_text(written).runs():
        assert recipe.parse(RunRecipe, tomllib.loads(text)) == one
        assert msgspec.structs.asdict(one)["training"] == asked.training


# ---- the weights of a run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "run"),
    [
        ("dino-s0-F0", ("dino-s0-F0", 0)),
        ("my.dino-s12-F3-fork1@400", ("my.dino-s12-F3-fork1", 400)),
        ("dino-s{seed}-F0@7", ("dino-s{seed}-F0", 7)),
        ("dino-s0-F0.pth", ("", 0)),
        ("./dino-s0-F0", ("", 0)),
        ("dino-s0-F0@last", ("", 0)),
        ("vits.safetensors", ("", 0)),
        ("", ("", 0)),
    ],
)
def test_that_weights_name_a_run_or_a_file(weights: str, run: tuple[str, int]) -> None:
    assert recipe.run_of_weights(weights) == run


def test_that_the_weights_of_a_run_stay_as_written_with_the_seed_of_each() -> None:
    file = single("seeds=[0, 3]", "model.weights=dino-s{seed}-F0@40")
    assert file.recipe.model.weights == "dino-s{seed}-F0@40"
    assert [one.model.weights for one, _ in file.runs()] == ["dino-s0-F0@40", "dino-s3-F0@40"]
    assert [one.sources for one, _ in file.runs()] == [("dino-s0-F0",), ("dino-s3-F0",)]


def test_that_a_run_cannot_start_from_its_own_lineage() -> None:
    with pytest.raises(RecipeErrors, match=r"model\.weights: single-s\{seed\}-F0 is a run of this very lineage"):
        single("model.weights=single-s{seed}-F0")
