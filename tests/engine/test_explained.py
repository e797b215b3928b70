"""A recipe explained: what stands in the table and in JSON, and what is said where the pictures are not known."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import explained, recipe, scaled, suited
from engine.__main__ import main


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Explains a recipe with changes and gives what was printed."""

    def explain(*sets: str, name: str = "dino-creatures") -> str:
        assert explained.explain(recipe.read(name, sets), as_json=False) == 0
        return capsys.readouterr().out

    return explain


def line_of(said: str, field: str) -> list[str]:
    return next(line.split() for line in said.splitlines() if line.split()[:1] == [field])


def test_that_every_value_is_explained_with_its_unit_source_and_reason(said: Callable[..., str]) -> None:
    told = said()
    assert told.startswith("creatures-dino: 2,800 pictures to train on, 44 steps an epoch, 2,200 in all")
    assert line_of(told, "prototypes")[1:6] == ["256", "data", "256", "prototypes", "for"]
    assert line_of(told, "local_size")[1:4] == ["24", "px", "data"]
    assert line_of(told, "mix")[1:6] == ["1.0", "user", "colour", "is", "what"], "the comment behind it"
    assert line_of(told, "grey")[1:4] == ["0.5", "user", "stands"]
    assert line_of(told, "student_temp")[1:3] == ["0.1", "paper"]
    assert ["[method]"] in [line.split() for line in told.splitlines()]
    assert "Left auto" not in told


def test_that_an_explanation_in_json_has_every_value_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained.explain(recipe.read("dino-creatures", ["training.epochs=10"]), as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    values = {row["path"]: row for row in told["values"]}
    assert len(values) == len(told["values"]) and told["pictures"] == 2800 and told["auto"] == []
    assert values["training.epochs"] | {"label": ""} == {
        "path": "training.epochs", "label": "", "value": 10, "unit": "epochs", "source": "user", "why": "stands in the recipe",
    }  # fmt: skip
    assert [path for path, row in values.items() if row["value"] == "auto"] == []
    assert values["seeds"]["value"] == [0, 1, 2] and values["method.momentum"]["source"] == "data"


def test_that_the_disk_a_teachers_outputs_take_is_said(said: Callable[..., str]) -> None:
    asked = ("augment.shift=1", "method.cache_views=40")
    told = said(*asked, name="born-again-digits")
    assert "A teacher's outputs take 1000 KiB on disk for each student that has a teacher of its own" in told
    assert "on disk for each student" not in said(name="born-again-digits")


def test_that_a_folder_is_counted_without_opening_a_picture(tmp_path: Path, said: Callable[..., str]) -> None:
    for number in range(20):
        place = tmp_path / ("cat" if number % 2 else "dog") / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"no picture at all")
    told = said(f"data={{name='folder', path='{tmp_path.as_posix()}', test_share=0.2, val_share=0.1}}")
    assert "14 pictures to train on, 1 step an epoch" in told and line_of(told, "global_size")[1:4] == ["32", "px", "data"]


def test_that_pictures_that_are_not_there_leave_the_rest_auto(tmp_path: Path, said: Callable[..., str]) -> None:
    told = said(f"data={{name='folder', path='{tmp_path.as_posix()}/none'}}", "optimizer.lr=auto")
    assert "how many pictures there are is not known (data.path: " in told and "is not there" in told
    assert line_of(told, "momentum")[1:3] == ["auto", "data"] and line_of(told, "lr")[1:3] == ["0.0005", "data"]
    assert "Left auto until the pictures are known: method.global_size, " in told


def test_that_explain_is_a_verb_that_refuses_like_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "born-again-digits", "--set", "training.epochs=0"]) == 2
    assert "training.epochs: 0 is outside its range" in capsys.readouterr().err


def test_that_what_a_teacher_decides_is_left_to_it(said: Callable[..., str]) -> None:
    told = said("method.teacher_run=large-s0-F0", name="dinov2-creatures")
    assert line_of(told, "prototypes")[1:] == ["auto", "data", "what", "its", "teacher", "large-s0-F0", "answers", "with"]
    assert "Left auto until its teacher large-s0-F0 is known: method.prototypes, method.patch_prototypes" in told


# ---- DINO where it is the better choice ---------------------------------------------------------------------------------

MANY, LONG = "data.pictures=200000", "training.epochs=4"


def better(*sets: str) -> suited.Better | None:
    asked = recipe.read("dinov2-creatures", sets)
    known = scaled.facts(asked.recipe.data)
    assert known is not None
    return suited.better_method(asked.recipe, known, recipe.flat(asked.document.unwrap()))


def test_that_dino_is_advised_for_few_pictures_and_what_to_leave_out(said: Callable[..., str]) -> None:
    told = " ".join(said(name="dinov2-creatures").split())
    assert "Advice: DINO is the better choice for 2,800 pictures. On 9,500 pictures" in told
    assert told.endswith('To follow it, write method.name = "dino" without layer_decay, patch_rate')
    file, found = recipe.read("dinov2-creatures"), better()
    assert found is not None
    table = file.document.unwrap()
    table["method"] = {key: value for key, value in table["method"].items() if f"method.{key}" not in found.drops}
    assert recipe.parse(recipe.Recipe, table | {"method": {**table["method"], "name": found.method}}).method.mix == 1.0


def test_that_few_steps_are_a_reason_too_and_many_of_many_are_none() -> None:
    few = better("data.pictures=20000", "training.epochs=10")
    assert few is not None and few.title == "DINO is the better choice for 2,190 steps"
    assert better(MANY, LONG) is None


def test_that_dino_is_not_advised_to_who_hides_nothing() -> None:
    for told in (["method.ibot_weight=0"], ["method.teacher_run=large-s0-F0"], ["model.weights=/there/start.safetensors"]):
        assert better() is not None and better(*told) is None
    assert suited.better_method(recipe.read("dino-creatures").recipe, scaled.Facts(100, 48, 3, 10)) is None


def test_that_the_advice_is_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained.explain(recipe.read("dinov2-creatures"), as_json=True) == 0
    (advice,) = json.loads(capsys.readouterr().out)["advice"]
    assert advice["method"] == "dino" and advice["drops"] == ["method.layer_decay", "method.patch_rate"]


def test_that_a_comment_explains_the_value_it_was_written_for_and_no_other(said: Callable[..., str]) -> None:
    assert "little more than at first" in said() and "little more than at first" not in said("method.weight_decay_final=0.2")


def test_that_the_warm_start_has_a_reason_for_all_that_it_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained.explain(recipe.read("warm-start-creatures"), as_json=True) == 0
    values = {row["path"]: row for row in json.loads(capsys.readouterr().out)["values"]}
    bare = {path for path, row in values.items() if row["why"] == "stands in the recipe"}
    assert bare <= {"version", "lineage", "data.name", "optimizer.name", "schedule.name"}
    source = recipe.read("dino-creatures").recipe
    ours = recipe.read("warm-start-creatures").recipe
    assert recipe.run_of_weights(ours.model.weights)[0] == f"{source.lineage}-s{recipe.SEED}-F0" and ours.seeds == source.seeds
    same = {name: getattr(ours.model, name) for name in ("patch", "width", "depth", "heads", "stem", "registers")}
    assert same == {name: getattr(source.model, name) for name in same}
    for name in ("split_seed", "test_share", "val_share", "pictures", "size", "seed"):
        assert getattr(ours.data, name) == getattr(source.data, name), "else it might be tested on what DINO has seen"
