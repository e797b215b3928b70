"""A person's own pictures without classes: found however deep they lie, split, judged by a labelled folder beside them."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from engine import recipe
from engine.data import Pictures, folder, unlabelled
from engine.data.prepared import Prepared, prepare
from engine.data.split import split_as_asked
from engine.fields import RecipeError, RecipeErrors
from engine.recipe import Folder, RunRecipe, Unlabelled
from engine.recipes import Dino


def picture(path: Path, shade: int = 0, **how: Any) -> Path:
    """A file whose pixels no other shade has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 12), (shade % 256, 7 * shade % 256, 200)).save(path, **how)
    return path


def flat(root: Path, many: int = 20, first: int = 0) -> Path:
    for place in range(many):
        picture(root / f"{place:03d}.png", first + place)
    return root


def labelled(root: Path, each: int = 10) -> Path:
    for shade, name in enumerate(("cat", "dog")):
        flat(root / name, each, 100 + 50 * shade)
    return root


def asked(root: Path, **different: Any) -> Unlabelled:
    return Unlabelled(path=str(root), **({"size": 8} | different))


def load(root: Path, cache: Path | None = None, **different: Any) -> Pictures:
    return unlabelled.load(asked(root, **different), cache or root.parent / "cache")


def ready(root: Path, **different: Any) -> Prepared:
    run = RunRecipe(lineage="alone", method=Dino(), data=asked(root, **different))
    return prepare(run, root.parent / "cache")


def names(found: Pictures) -> list[str]:
    assert found.source is not None
    return list(found.source.files)


def refusal(root: Path, **different: Any) -> str:
    with pytest.raises(RecipeError) as refused:
        ready(root, **different)
    assert "\n" not in str(refused.value)
    return str(refused.value).replace(str(root), "HERE")


# ---- what is found ------------------------------------------------------------------------------------------------------


def test_that_a_flat_folder_is_a_data_set_without_classes(tmp_path: Path) -> None:
    found = load(flat(tmp_path / "flat"))
    assert (found.name, len(found), found.class_names, found.given) == ("pictures", 20, (), {})
    assert names(found) == [f"{place:03d}.png" for place in range(20)] and not found.labels.any()
    assert found.pictures_u8.shape == (20, 3, 8, 8) and found.pictures_u8[:, 0, 0, 0].tolist() == list(range(20))


def test_that_pictures_are_found_however_deep_and_folders_take_turns(tmp_path: Path) -> None:
    root = tmp_path / "deep"
    for name in ("b.png", "2019/a.png", "2019/b.png", "2019/may/home/a.png", "2020/a.png"):
        picture(root / name)
    assert names(load(root)) == ["b.png", "2019/a.png", "2019/may/home/a.png", "2020/a.png", "2019/b.png"]


def test_that_what_train_and_test_folders_hold_stays_apart(tmp_path: Path) -> None:
    root = tmp_path / "parts"
    flat(root / "train" / "cat", 12)
    flat(root / "testing", 3, 50)
    flat(root / "more", 5, 90)
    found = load(root)
    assert [len(found.given[part]) for part in ("train", "test")] == [17, 3], "what lies beside a test folder trains"
    parts = split_as_asked(found, asked(root))
    assert {names(found)[place].partition("/")[0] for place in parts.test} == {"testing"}
    assert len(parts.train) + len(parts.val) == 17
    shutil.rmtree(root / "testing")
    assert load(root).given == {}, "a train folder alone is a folder like others"


def test_that_broken_files_and_what_is_no_picture_are_left_out(tmp_path: Path) -> None:
    root = flat(tmp_path / "flat")
    (root / "bad.png").write_bytes(b"")
    (root / "notes.txt").write_bytes(b"x")
    (root / "film.mp4").write_bytes(b"x")
    picture(root / ".hidden.png")
    found = load(root)
    assert len(found) == 20 and found.broken == (("bad.png", "is empty"),)
    assert found.source is not None and "1 .mp4" in found.source.remarks[0]


def test_that_the_same_folder_is_kept_with_and_without_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = labelled(tmp_path / "animals"), tmp_path / "cache"
    with_classes, without = folder.load(Folder(path=str(root), size=8), cache), load(root, cache)
    monkeypatch.setattr(folder, "decode", lambda *_: pytest.fail("one copy took the other's place"))
    assert folder.load(Folder(path=str(root), size=8), cache).labels.any() and not load(root, cache).labels.any()
    assert with_classes.cache != without.cache


def test_that_a_second_start_opens_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = flat(tmp_path / "flat")
    first = load(root)
    monkeypatch.setattr(folder, "decode", lambda *_: pytest.fail("it was decoded again"))
    again = load(root)
    np.testing.assert_array_equal(first.pictures_u8, again.pictures_u8)
    assert names(first) == names(again)


# ---- what a run makes of it ---------------------------------------------------------------------------------------------


def test_that_a_run_has_parts_statistics_and_a_card_but_no_classes(tmp_path: Path) -> None:
    data = ready(flat(tmp_path / "flat"))
    parts = [set(data.part(name).tolist()) for name in ("train", "val", "test")]
    assert [len(part) for part in parts] == [14, 2, 4] and set.union(*parts) == set(range(20))
    assert data.classes == 0 and data.labelled is None and not data.train_labels.any()
    card = json.loads(json.dumps(data.card()))
    assert (card["name"], card["classes"], card["counts"]) == ("pictures", [], {"train": 14, "val": 2, "test": 4})
    assert card["mean"][2] == pytest.approx(200 / 255) and "evaluated" not in card


def test_that_a_labelled_folder_judges_and_is_seen_as_the_others_are(tmp_path: Path) -> None:
    judges = labelled(tmp_path / "animals")
    data = ready(flat(tmp_path / "flat"), eval_path=str(judges), colour="grey", split_seed=3)
    alone = folder.load(Folder(path=str(judges), size=8, colour="grey"), tmp_path / "other")
    known = data.labelled
    assert known is not None and known is data.evaluated and known.pictures.class_names == ("cat", "dog")
    np.testing.assert_array_equal(known.pictures.pictures_u8, alone.pictures_u8)
    assert (known.mean, known.std) == (data.mean, data.std) and known.labelled is known
    assert [len(known.part(name)) for name in ("train", "val", "test")] == [14, 2, 4]
    assert np.bincount(known.labels("test")).tolist() == [2, 2], "it is split by class"
    np.testing.assert_array_equal(known.train_labels, known.labels("train"))
    assert torch.equal(known.normalised(known.tensor(known.probe)), data.normalised(known.tensor(known.probe)))
    card = data.card()["evaluated"]
    assert (card["name"], card["classes"]) == ("folder", ["cat", "dog"])
    assert not set(card["split"].values()) & set(data.card()["split"].values())


def test_that_pictures_with_classes_judge_themselves(tmp_path: Path) -> None:
    run = RunRecipe(lineage="alone", method=Dino(), data=Folder(path=str(labelled(tmp_path / "animals")), size=8))
    data = prepare(run, tmp_path / "cache")
    assert data.labelled is data and data.evaluated is None


# ---- what cannot be used ------------------------------------------------------------------------------------------------


def test_that_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone") == f"data.path: HERE is not there ({tmp_path} is); write a folder with pictures"
    root = tmp_path / "empty"
    root.mkdir()
    assert refusal(root) == (
        "data.path: HERE holds no picture (JPEG, PNG, BMP, GIF, WebP, TIFF, PPM); write a folder with pictures"
    )
    (root / "a.heic").write_bytes(b"x")
    assert "; left out: 1 .heic" in refusal(root)


def test_that_pictures_of_which_none_can_be_read_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "bad"
    root.mkdir()
    for place in range(3):
        (root / f"{place}.png").write_bytes(b"")
    assert refusal(root) == "data.path: none of the 3 files can be read (0.png is empty); write another folder"
    shutil.move(root, tmp_path / "test")
    root = flat(tmp_path / "parts" / "train").parent
    shutil.move(tmp_path / "test", root / "test")
    assert refusal(root) == (
        "data.path: none of the 3 files in 'test' can be read (test/0.png is empty); mend them, or move the folder away"
    )


def test_that_a_single_picture_is_refused(tmp_path: Path) -> None:
    assert refusal(flat(tmp_path / "flat", 1)) == (
        "data.path: the folder has 1 picture, but training and validation and test need one each; add pictures"
    )
    assert refusal(flat(tmp_path / "few", 3)).startswith("data.val_share: 0.1 of 3 pictures is none; write 0.334 or more")


def test_that_a_refusal_of_the_labelled_folder_names_its_own_field(tmp_path: Path) -> None:
    root = flat(tmp_path / "flat")
    bare = flat(tmp_path / "bare")
    assert refusal(root, eval_path=str(bare)).startswith(f"data.eval_path: {bare} holds 20 pictures but no class folder")
    few = labelled(tmp_path / "few", 2)
    assert refusal(root, eval_path=str(few)).startswith("data.eval_path: the class 'cat' has 2 pictures, but training and")
    small = labelled(tmp_path / "small", 4)
    assert refusal(root, eval_path=str(small), val_share=0.05).startswith(
        "data.val_share: of the pictures of data.eval_path 0.05 of 8 pictures is none"
    )


@pytest.mark.parametrize(("method", "more"), [("supervised", ""), ("ban", "generations = 1"), ("kd", "generations = 1")])
def test_that_methods_that_learn_classes_refuse_pictures_without(method: str, more: str) -> None:
    text = f'lineage = "x"\n{more}\n[method]\nname = "{method}"\n[data]\nname = "pictures"\npath = "here"\n'
    with pytest.raises(RecipeErrors) as refused:
        recipe.read_text(text)
    (error,) = refused.value.errors
    assert error.field == "data.name" and error.problem == (
        f'"pictures" have no classes, and {method} learns classes; write "folder" for one with a sub-folder a class, '
        'or method.name = "dino"'
    )


# ---- the recipe's folders -----------------------------------------------------------------------------------------------

ALONE = 'lineage = "x"\n[method]\nname = "dino"\n[data]\nname = "pictures"\npath = "flat"\neval_path = "animals"\n'


def test_that_both_folders_start_where_the_recipe_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat(tmp_path / "flat")
    labelled(tmp_path / "animals")
    file = recipe.read_text(ALONE, source=str(tmp_path / "x.toml"))
    (run, text), *_ = file.runs()
    assert isinstance(run.data, Unlabelled) and run.data.eval_path == str(tmp_path / "animals")
    assert recipe.parse(RunRecipe, recipe.plain_table(text)).data.path == str(tmp_path / "flat")
    assert 'eval_path = "animals"' in file.text(), "the text stays as it was written"
    monkeypatch.chdir(tmp_path)
    typed = recipe.read_text(ALONE, ["data.eval_path=flat"], source="/elsewhere/x.toml").recipe.data
    assert isinstance(typed, Unlabelled) and typed.eval_path == str(tmp_path / "flat")


def test_that_no_run_is_made_while_a_folder_is_missing(tmp_path: Path) -> None:
    flat(tmp_path / "flat")
    with pytest.raises(RecipeErrors) as refused:
        list(recipe.read_text(ALONE, source=str(tmp_path / "x.toml")).runs())
    assert [error.field for error in refused.value.errors] == ["data.eval_path"]
    assert refused.value.errors[0].problem.endswith("; write the folder with one sub-folder a class")
    with pytest.raises(RecipeErrors, match=r"data\.path: is empty; write a folder with pictures"):
        recipe.read_text(ALONE.replace('"flat"', '""'))


def test_that_no_label_of_none_can_be_wrong(tmp_path: Path) -> None:
    with pytest.raises(RecipeErrors, match=r"data\.label_noise: pictures has no such field"):
        recipe.read_text(ALONE + "label_noise = 0.2\n")
    assert "label_noise" not in msgspec.to_builtins(asked(tmp_path))


# ---- a look before training ---------------------------------------------------------------------------------------------


def scan(table: dict[str, Any], scratch: Path) -> dict[str, Any]:
    answer = folder.scan(table, scratch, lambda share, words: None)
    json.dumps(answer).encode()
    return answer


def test_that_a_scan_of_a_folder_that_nobody_sorted_says_so(tmp_path: Path) -> None:
    root = flat(tmp_path / "flat")
    shutil.copy(root / "003.png", root / "again.png")
    answer = scan({"name": "folder", "path": str(root), "size": 8}, tmp_path / "scratch")
    assert (answer["kind"], answer["pictures"], answer["classes"]) == ("pictures", 21, [])
    assert answer["parts"] == {"train": 15, "val": 2, "test": 4}
    assert answer["duplicates"] == [["003.png", "again.png"]] and answer["contradicting"] == 0
    assert scan({"name": "pictures", "path": str(root), "size": 8}, tmp_path / "scratch") == answer
    with np.load(answer["sheet"], allow_pickle=False) as sheet:
        assert sheet["pictures_u8"].shape == (4, 3, 8, 8) and not sheet["labels"].any()


def test_that_pictures_in_one_folder_of_another_have_no_classes_either(tmp_path: Path) -> None:
    flat(tmp_path / "set" / "images")
    assert scan({"name": "folder", "path": str(tmp_path / "set"), "size": 8}, tmp_path / "scratch")["kind"] == "pictures"
    labelled(tmp_path / "animals")
    assert scan({"name": "folder", "path": str(tmp_path / "animals"), "size": 8}, tmp_path / "scratch")["kind"] == "folder"


def test_that_a_scan_of_nothing_says_what_a_folder_with_classes_needs(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"")
    with pytest.raises(RecipeError, match="holds 1 picture but no class folder"):
        scan({"name": "folder", "path": str(tmp_path / "bad")}, tmp_path / "scratch")
    with pytest.raises(RecipeError, match=r"none of the 1 file can be read \(a\.png is empty\)"):
        scan({"name": "pictures", "path": str(tmp_path / "bad")}, tmp_path / "scratch")
