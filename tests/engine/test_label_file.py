"""A CSV of labels is a data set: what it names is read, and what it cannot mean is refused by line, column and value."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.data import DATASETS, label_file
from engine.data.prepared import prepare
from engine.data.scan import scan
from engine.fields import RecipeError
from engine.recipe import Folder, folders_missing
from tests import toys


def silent(done: int, total: int) -> None:
    pass


def pictures(folder: Path, count: int = 12) -> None:
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for place in range(count):
        Image.new("RGB", (8, 8), (place * 20, 0, 0)).save(folder / "photos" / f"{place:02d}.png")


def written(folder: Path, *lines: str, name: str = "labels.csv") -> Path:
    pictures(folder)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def rows(of: str = "ab", parts: str = "") -> list[str]:
    """A row for each of twelve pictures, its labels taking turns."""
    return [f"photos/{place:02d}.png,{of[place % len(of)]}{parts}" for place in range(12)]


def loaded(path: Path, cache: Path, **more: Any) -> Any:
    return DATASETS["folder"](Folder(path=str(path), size=8, **more), cache, silent, 1)


def test_that_what_it_names_is_read_from_beside_it(tmp_path: Path) -> None:
    found = loaded(written(tmp_path / "set", "file,label", *rows()), tmp_path / "data")
    assert found.class_names == ("a", "b") and len(found) == 12 and found.given == {}
    reds = {name: int(picture[0, 0, 0]) for name, picture in zip(found.source.files, found.pictures_u8)}
    assert reds["photos/03.png"] == 60 and found.labels[found.source.files.index("photos/03.png")] == 1


def test_that_splits_are_kept_and_an_empty_one_is_trained_on(tmp_path: Path) -> None:
    lines = [f"{row},{'test' if place >= 8 else 'train' if place % 2 else ''}" for place, row in enumerate(rows())]
    path = written(tmp_path, "file,label,split", *lines)
    recipe = next(toys.single("data.name=folder", f"data.path={path}", "data.size=8", "data.val_share=0.25").runs())[0]
    data = prepare(recipe, tmp_path / "data")
    files = data.pictures.source.files  # type: ignore[union-attr]
    assert sorted(files[place] for place in data.split.test) == [f"photos/{place:02d}.png" for place in range(8, 12)]
    assert len(data.split.train) == 6 and len(data.split.val) == 2


@pytest.mark.parametrize(
    ("head", "row"),
    [("Filename;Class", "photos/01.png;b"), ("path\tlabel", "photos/01.png\tb"), ('"image","label"', '"photos\\01.png","b"')],
)
def test_that_other_heads_and_separators_mean_the_same(tmp_path: Path, head: str, row: str) -> None:
    separator = ";" if ";" in head else "\t" if "\t" in head else ","
    found = label_file.find(written(tmp_path, head, row, f"photos/02.png{separator}a", name="labels.tsv"), silent)
    assert [(entry.name, found.classes[entry.label]) for entry in found.entries] == [
        ("photos/02.png", "a"), ("photos/01.png", "b")
    ]  # fmt: skip


def test_that_labels_that_are_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    found = label_file.find(written(tmp_path, "file,label", "photos/00.png,10", "photos/01.png,9", "photos/02.png,2"), silent)
    assert found.classes == ("2", "9", "10")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["name,label", "x,a"], "line 1 has no column file (it has 'name', 'label'); write a first line such as"),
        (["file,path,label"], "line 1: 'file' and 'path' both mean file"),
        (["file,label", *rows()[:3], "photos/03.png,"], "line 5, column label: is empty"),
        (["file,label", ",a"], "line 2, column file: is empty"),
        (["file,label,split", "photos/00.png,a,tst"], "line 2, column split: 'tst' is none of train, val and test"),
        (["file,label", *rows(), "photos/03.png,a"], "line 14, column file: 'photos/03.png' stands in line 5 already"),
        (["file,label,split", "photos/00.png,a,test"], "has no line to train on"),
        (["file,label,split", *rows("ab", ",train")[:8], "photos/11.png,owl,val"], "line 10, column label: 'owl' is in val"),
        (["file,label", *rows("a")], "has one label only ('a')"),
        (["file,label", "no/1.png,a", "no/2.png,b"], "names no picture that is there (no/1.png cannot be opened"),
        (["file,label"], "names no picture"),
        (["file,label", 'photos/00.png,"a'], "line 2: unexpected end of data; quotes must be closed"),
    ],
)  # fmt: skip
def test_that_what_it_cannot_mean_is_refused_by_line_column_and_value(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        label_file.find(written(tmp_path, *lines), silent)
    assert refused.value.field == "data.path" and f"labels.csv {said}" in str(refused.value)


def test_that_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, "file,label")
    path.write_bytes(b"file,label\nphotos/00.png,caf\xe9\n")
    with pytest.raises(RecipeError, match="line 2 is not UTF-8"):
        label_file.find(path, silent)


def test_that_a_file_that_is_not_there_is_named_with_its_line_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no picture")
    path = written(tmp_path, "file,label", *rows(), "photos/99.png,a", "note.txt,b", "photos,b")
    found = loaded(path, tmp_path / "data")
    assert len(found) == 12
    said = dict(found.broken)
    assert said["photos/99.png"].endswith("line 14") and "no picture that is read" in said["note.txt"]
    assert said["photos"] == "is not a file, line 16"


def test_that_other_labels_of_the_same_files_are_another_data_set(tmp_path: Path) -> None:
    first = loaded(written(tmp_path, "file,label", *rows("ab")), tmp_path / "data")
    second = loaded(written(tmp_path, "file,label", *rows("ba")), tmp_path / "data")
    again = loaded(written(tmp_path, "file,label", *rows("ab")), tmp_path / "data")
    assert first.files_sha256 != second.files_sha256 and first.cache != second.cache
    said = [dict(zip(one.source.files, one.labels.tolist())) for one in (first, second, again)]
    assert said[0]["photos/00.png"] == 0 != said[1]["photos/00.png"] and said[2] == said[0]
    assert again.files_sha256 == first.files_sha256


def test_that_it_is_scanned_and_begun_with_like_a_folder(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "file,label", *rows())
    found = scan({"name": "folder", "path": str(path), "size": 8}, tmp_path, lambda *_: None)
    assert (found["name"], found["pictures"], [one["name"] for one in found["classes"]]) == ("labels.csv", 12, ["a", "b"])
    assert list(folders_missing(Folder(path=str(path)))) == []
    assert "is not there" in str(next(folders_missing(Folder(path=str(tmp_path / "none.csv")))))
