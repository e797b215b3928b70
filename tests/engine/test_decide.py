"""effective.toml: numbers with their reasons, and what is said of one that is not whole."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomlkit
import torch
import toys

from engine import decide, processes, recipe, scaled
from engine.fields import RecipeErrors
from engine.recipe import RunRecipe
from engine.run import Refused, Run, Workspace
from engine.scaled import Facts

DECIDED = decide.Decided(
    device="cpu", device_reason="a", threads=1, threads_reason="b", precision="float32", precision_reason="c"
)


def written(run: Run, known: Facts | None = None) -> dict[str, Any]:
    asked, resolved = scaled.resolve(run.recipe(), known)
    decide.write(run, decide.Effective(recipe=asked, decided=DECIDED, teacher=None, versions={"filial": "0"}), resolved)
    table = run.effective()
    assert table is not None
    return table


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return toys.runs(tmp_path)[0]


@pytest.fixture
def dino(tmp_path: Path) -> Run:
    return Workspace(tmp_path).create(recipe.read("dino-creatures", ["seeds=[0]"]))[0]


def test_that_effective_toml_holds_numbers_only_with_their_reasons(dino: Run) -> None:
    known = scaled.facts(dino.recipe().data)
    table = written(dino, known)
    read = decide.read(dino)
    assert read is not None and scaled.still_auto(read.recipe) == []
    assert read.recipe == scaled.resolve(dino.recipe(), known)[0]
    assert table["why"]["method.prototypes"]["source"] == "data"
    assert table["why"]["method.prototypes"]["reason"].startswith("256 prototypes for 2,800 pictures")
    assert table["why"]["method.momentum"]["source"] == "data"  # the recipe says auto
    assert table["why"]["method.mix"] == {"source": "user", "reason": "stands in the recipe"}
    assert table["why"]["method.student_temp"]["source"] == "paper"
    assert table["why"]["decided.threads"] == {"source": "measured", "reason": "b"}
    assert set(recipe.flat(table["recipe"])) <= set(table["why"])


def test_that_an_auto_is_never_written_down_as_a_value_in_force(dino: Run) -> None:
    with pytest.raises(AssertionError, match=r"method\.momentum"):
        written(dino, None)
    assert dino.effective() is None


def test_that_what_was_written_is_read_again(run: Run) -> None:
    assert decide.read(run) is None
    written(run)
    read = decide.read(run)
    assert read is not None and isinstance(read.recipe, RunRecipe)
    assert (read.recipe, read.decided, read.teacher, read.versions) == (run.recipe(), DECIDED, None, {"filial": "0"})


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        ((), "[recipe] and [decided] and [versions]"),
        (("recipe", "versions"), "[decided]"),
        (("decided", "recipe"), "[versions]"),
    ],
)
def test_that_a_file_without_its_tables_is_refused_by_name(run: Run, kept: tuple[str, ...], missing: str) -> None:
    table = written(run)
    path = run.folder / "effective.toml"
    path.write_text(tomlkit.dumps({name: table[name] for name in kept}))
    with pytest.raises(Refused) as refused:
        decide.read(run)
    assert str(refused.value).startswith(f"{path} lacks {missing}; bring the old file back")


@pytest.mark.parametrize(
    ("there", "instead"), [('device = "cpu"', "device = 1"), ("threads = 1", 'threads = "many"'), ("batch = 64", "batch = 0")]
)
def test_that_a_damaged_value_is_refused_by_name(run: Run, there: str, instead: str) -> None:
    written(run)
    path = run.folder / "effective.toml"
    text = path.read_text()
    assert there in text
    path.write_text(text.replace(there, instead))
    with pytest.raises((Refused, RecipeErrors)) as refused:
        decide.read(run)
    assert str(path) in str(refused.value)


# ---- several devices ----------------------------------------------------------------------------------------------------


def shared_by(devices: int, *changes: str) -> decide.Decided:
    return decide.decide_place(next(toys.single("compute.device=cpu", *changes).runs())[0], devices)


def test_that_devices_on_a_cpu_have_a_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "free_cores", lambda: 4)
    monkeypatch.setattr(processes, "free_slots", lambda slots: 1)
    assert shared_by(1).threads == 1 and shared_by(3).threads == 3, "which it waits for"
    slots, need = decide.slots_for(shared_by(1), 3)  # one that began alone goes on with three
    assert (slots, need) == (decide.core_slots(), 3)
    assert decide.places(shared_by(3), 3, slots[:3]) == ["cpu"] * 3
    with pytest.raises(Refused, match=r"compute.devices: 5 are more than this machine has \(4 cores\); write 4 or less"):
        decide.slots_for(shared_by(1), 5)
    with pytest.raises(Refused, match=r"compute.threads: 2 is less than one for each of 3 devices; write 0, or 3"):
        shared_by(3, "compute.threads=2")


def test_that_devices_are_the_gpus_that_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    on_gpus = msgspec.structs.replace(DECIDED, device="cuda")
    slots, need = decide.slots_for(on_gpus, 2)
    assert (slots, need) == (["cuda-0", "cuda-1", "cuda-2", "cuda-3"], 2)
    assert decide.places(on_gpus, 2, ["cuda-1", "cuda-3"]) == ["cuda:1", "cuda:3"]
    assert decide.slots_for(on_gpus) == (["cuda-0"], 1) and decide.places(on_gpus, 1, ["cuda-0"]) == ["cuda"]
    with pytest.raises(Refused, match=r"compute.devices: 5 are more than this machine has \(4 GPUs\)"):
        decide.slots_for(on_gpus, 5)
    with pytest.raises(Refused, match=r"compute.devices: 2 are more than this machine has \(one device\)"):
        decide.slots_for(msgspec.structs.replace(DECIDED, device="mps"), 2)
