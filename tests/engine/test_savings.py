"""What would make a recipe lighter: which changes there are, what each is measured or counted to save, in which order."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import cost, lighter, recipe, savings, scaled
from engine.fields import RecipeErrors
from engine.lighter import Ladder
from engine.recipe import RecipeFile
from tests import toys

QUICK = ("compute.device=cpu", "compute.threads=1", "compute.precision=float32", "data.train_size=100")
ANSWER = {
    "seconds_per_step": 0.01,
    "seconds_first_run": 10.0,
    "seconds_per_run": 20.0,
    "seconds_all": 60.0,
    "runs": 4,
    "precision": "float32",
    "memory_bytes": {"weights": 100, "optimizer": 50, "activations": 850},
    "device_memory_bytes": 1500,
    "disk_bytes_per_run": 400,
    "kept_bytes": 100,
    "teacher_outputs_bytes": 0,
    "disk_free_bytes": 10_000,
}


def ladders(file: RecipeFile, precision: str = "float32", pictures: int | None = 800) -> dict[str, Ladder]:
    """By the first field that each changes."""
    numbers = scaled.resolve(file.recipe, scaled.facts(file.recipe.data))[0]
    return {one[0].values[0][0]: one for one in lighter.ladders(file.recipe, numbers, precision, pictures)}


def looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: RecipeFile, base: Mapping[str, Any] | None, **answers: Any
) -> dict[str, Any]:
    """What is answered where a step of the recipe with a field so changed costs that; of all others, what the base does."""

    def measure(asked: RecipeFile, folder: Path, tell: Any) -> dict[str, Any]:
        flat = recipe.flat(recipe.to_table(asked.recipe))
        for said, answer in answers.items():
            path, _, value = said.replace("__", ".").partition("_is_")
            if str(flat.get(path)) == value:
                if answer is None:
                    raise cost.TooLarge("training.batch: a step does not fit")
                return {**ANSWER, **answer}
        return {**ANSWER, **(base or {})}

    monkeypatch.setattr(cost, "measure", measure)
    return savings.measure(file, base, tmp_path, lambda share, words: None)


def memory(activations: int) -> dict[str, Any]:
    return {"memory_bytes": {"weights": 100, "optimizer": 50, "activations": activations}}


def test_that_each_knob_is_turned_down_only_where_the_recipe_has_it() -> None:
    digits, dino = ladders(toys.lineage("keep.snapshots=3")), ladders(recipe.read("dino-creatures"), pictures=2800)
    assert set(digits) == {"compute.precision", "model.width", "keep.snapshots", "keep.full"}, "batch 8 and 4 epochs are little"
    assert {"method.local_crops", "method.global_size", "training.batch", "model.depth"} < set(dino)
    assert "data.size" not in dino and "compute.precision" not in ladders(toys.lineage(), "bfloat16")
    assert "data.size" in ladders(toys.single("data.name=creatures", "data.size=96"))
    assert "model.width" not in ladders(toys.single("model.weights=dino-s0-F0")), "the weights would not fit it"


@pytest.mark.parametrize("name", recipe.shipped())
def test_that_every_rung_of_every_recipe_that_comes_along_is_a_recipe(name: str) -> None:
    sets = ["data.path=/pictures"] if "folder" in name or "pictures" in name else []
    file = recipe.read(name, sets)
    known = scaled.facts(file.recipe.data, 2000, 10)
    numbers = scaled.resolve(file.recipe, known)[0]
    for ladder in lighter.ladders(file.recipe, numbers, "float32", 2000):
        for change in ladder:
            try:
                changed = recipe.read_text(file.text(), [f"{path}={json.dumps(value)}" for path, value in change.values])
            except RecipeErrors as refused:
                assert "schedule" in str(refused), refused  # milestones of a longer training
                continue
            assert changed.recipe != file.recipe and change.words and change.button


def test_that_a_batch_goes_down_until_it_fits_and_what_fits_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = toys.lineage("training.batch=64", "model.width=32")
    found = looked(
        monkeypatch,
        tmp_path,
        file,
        ANSWER | {"device_memory_bytes": 700},
        training__batch_is_32=memory(700),
        training__batch_is_16=memory(400),
        model__width_is_16=memory(600),
    )
    assert found["lacks"] == ["memory"]
    said = [(change["values"], change["memory"], change["fits"]) for change in found["changes"]]
    assert said == [([["training.batch", 16]], 550, True), ([["model.width", 16]], 750, False)]
    assert found["changes"][0]["words"] == "batch 16 instead of 64"


def test_that_where_no_step_did_fit_what_does_is_told_by_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = toys.lineage("training.batch=64", "model.width=32", "training.epochs=40")
    found = looked(
        monkeypatch,
        tmp_path,
        file,
        None,
        training__batch_is_32=None,
        training__batch_is_16=memory(400),
        model__width_is_16=None,
        compute__precision_is_bfloat16=memory(900),
    )
    values = [change["values"][0] for change in found["changes"]]
    assert values == [["compute.precision", "bfloat16"], ["training.batch", 16]], "what takes away least comes first"
    assert all(change["fits"] for change in found["changes"]) and found["clock"] == 1.0


def test_that_disk_and_time_that_are_only_multiplied_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = toys.lineage("generations=3", "seeds=[0, 1, 2, 3]", "training.epochs=40", "keep.snapshots=2")
    base = ANSWER | {"seconds_all": 280.0, "runs": 16, "disk_free_bytes": 5000, "disk_bytes_per_run": 600}
    found = {change["values"][0][0]: change for change in looked(monkeypatch, tmp_path, file, base)["changes"]}
    assert found["seeds"]["time"] == pytest.approx(3 * (10 + 3 * 20)) and found["seeds"]["disk"] == 12 * 600
    assert found["generations"]["time"] == pytest.approx(4 * (10 + 2 * 20)) and found["generations"]["disk"] == 12 * 600
    assert found["keep.snapshots"]["disk"] == 16 * (600 - 2 * 100), "two snapshots of weights less"
    assert found["keep.full"]["disk"] == 16 * (600 - (100 + 50)), "one whole checkpoint less"
    assert "training.epochs" not in found, "it saves nothing of the disk"


def test_that_a_teachers_outputs_that_are_not_kept_take_no_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = toys.lineage("method.cache_views=4", "augment.shift=1")
    base = ANSWER | {"teacher_outputs_bytes": 250, "disk_bytes_per_run": 650, "disk_free_bytes": 1000}
    found = looked(monkeypatch, tmp_path, file, base)["changes"]
    assert next((one["values"][0][0], one["disk"]) for one in found) == ("method.cache_views", 4 * 400)


def test_that_what_saves_next_to_nothing_is_not_offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = toys.lineage("training.batch=64", "keep.full=1", "model.width=4")
    found = looked(
        monkeypatch,
        tmp_path,
        file,
        ANSWER,
        training__batch_is_32=memory(845),
        compute__precision_is_bfloat16={"seconds_first_run": 5.0},
    )
    assert [change["values"] for change in found["changes"]] == [[["compute.precision", "bfloat16"]]]


def test_that_what_is_told_of_a_change_is_what_measuring_it_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cost, "AT_LEAST_S", 0.0)
    threads = torch.get_num_threads()
    file, told = toys.single(*QUICK, "training.batch=32", "training.epochs=4", "model.width=8", "keep.full=1"), []
    try:
        base = cost.measure(file, tmp_path, lambda share, words: None)
        found = savings.measure(file, base, tmp_path, lambda share, words: told.append(share))
        (batch,) = (one for one in found["changes"] if one["values"] == [["training.batch", 16]])
        again = cost.measure(toys.single(*QUICK, "training.batch=16", "model.width=8"), tmp_path, lambda share, words: None)
    finally:
        torch.set_num_threads(threads)
    assert batch["memory"] == sum(again["memory_bytes"].values()) < sum(base["memory_bytes"].values())
    assert found["lacks"] == [] and found["clock"] > 0 and max(told) <= 1
