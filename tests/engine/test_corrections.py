"""Corrected labels: which pictures they name, what training makes of them, and what is refused."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import toys

from engine import corrections, recipe
from engine.corrections import LEFT_OUT
from engine.data.prepared import Prepared, prepare
from engine.fields import RecipeError, RecipeErrors

CLASSES = ("cat", "dog", "owl")
TRAIN = np.array([0, 2, 3])
FILES = ("cat/1.png", "cat/2.png", "dog/1.png", "owl/1.png")


def file(folder: Path, *lines: str, head: str = "picture,label") -> str:
    path = folder / "corrections.csv"
    path.write_text("\n".join((head, *lines, "")), encoding="utf-8")
    return str(path)


def read(path: str, names: tuple[str, ...] = FILES) -> dict[int, int]:
    return dict(corrections.read(path, names, 4, CLASSES, TRAIN).labels)


def test_that_pictures_are_named_by_their_file_or_by_their_place(tmp_path: Path) -> None:
    assert read(file(tmp_path, "dog/1.png,owl", "cat/1.png,")) == {2: 2, 0: LEFT_OUT}
    assert read(file(tmp_path, "3,cat"), names=()) == {3: 0}


def test_that_what_is_corrected_is_relabelled_and_what_has_no_label_is_not_trained_on(tmp_path: Path) -> None:
    found = corrections.read(file(tmp_path, "dog/1.png,owl", "cat/1.png,"), FILES, 4, CLASSES, TRAIN)
    train, labels = corrections.applied(found, TRAIN, np.array([0, 1, 2]))
    assert train.tolist() == [2, 3] and labels.tolist() == [2, 2]
    assert found.card() == {"sha256": found.sha256, "relabelled": 1, "left_out": 1}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("dog/9.png,owl",), 'line 2: there is no picture "dog/9.png"; they are written like cat/1.png'),
        (("cat/2.png,owl",), 'line 2: "cat/2.png" is not trained on'),
        (("dog/1.png,owl", "", "owl/1.png,cow"), 'line 4: "cow" is no class; there are cat, dog, owl'),
        (("dog/1.png,owl,cat",), "line 2: it has 3 columns instead of 2"),
        (("dog/1.png,", "cat/1.png,", "owl/1.png,"), "leaves every training picture out"),
    ],
)
def test_that_a_refusal_names_the_line_and_what_is_wrong_in_it(tmp_path: Path, lines: tuple[str, ...], problem: str) -> None:
    with pytest.raises(RecipeError) as refused:
        found = corrections.read(file(tmp_path, *lines), FILES, 4, CLASSES, TRAIN)
        corrections.applied(found, TRAIN, np.array([0, 1, 2]))
    assert refused.value.field == "data.corrections" and problem in refused.value.problem


@pytest.mark.parametrize("raw", [b"file,class\n", b"", b"\xff\xfe\x00", b'picture,label\n"a'])
def test_that_another_kind_of_file_is_refused_and_never_written_over(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(raw)
    for attempt in (lambda: read(str(path)), lambda: corrections.write(path, {"dog/1.png": "owl"})):
        with pytest.raises(RecipeError, match=r"other\.csv"):
            attempt()
    assert path.read_bytes() == raw


def test_that_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="choose another file, or leave it empty"):
        read(str(tmp_path / "none.csv"))


def test_that_writing_adds_to_what_is_there_and_the_newest_label_holds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "corrections.csv"
    path.parent.mkdir()
    assert corrections.write(path, {"dog/1.png": "owl", "cat, the/1.png": ""}) == 2
    assert corrections.write(path, {"dog/1.png": "cat"}) == 2
    assert path.read_text(encoding="utf-8") == 'picture,label\ndog/1.png,cat\n"cat, the/1.png",\n'


def test_that_a_new_file_begins_with_the_corrections_in_force_and_no_file_in_use_is_written_over(tmp_path: Path) -> None:
    first = corrections.free_file(tmp_path, "digits")
    corrections.write(first, {"3": "cat"})
    second = corrections.free_file(tmp_path, "digits")
    assert corrections.write(second, {"2": "owl"}, begun=str(first)) == 2 and second != first
    assert first.read_text(encoding="utf-8") == "picture,label\n3,cat\n"


def digits(tmp_path: Path, **data: object) -> Prepared:
    asked, _ = next(toys.single("data.train_size=100", "data.label_noise=0.3").runs())
    return prepare(msgspec.structs.replace(asked, data=msgspec.structs.replace(asked.data, **data)), tmp_path)


def test_that_wrong_labels_are_corrected_after_they_were_made_wrong_and_nothing_else_changes(tmp_path: Path) -> None:
    before = digits(tmp_path)
    wrong = np.flatnonzero(before.train_labels != before.labels("train"))[:3]
    places = before.split.train[wrong]
    names = before.pictures.class_names
    mend = [f"{place},{names[before.pictures.labels[place]]}" for place in places[:2]]
    after = digits(tmp_path, corrections=file(tmp_path, *mend, f"{places[2]},"))
    assert len(after.split.train) == len(before.split.train) - 1 and places[2] not in after.split.train
    there = {int(place): int(label) for place, label in zip(after.split.train, after.train_labels)}
    assert all(there[int(place)] == before.pictures.labels[place] for place in places[:2])
    others = np.isin(before.split.train, places, invert=True)
    assert all(there[int(p)] == label for p, label in zip(before.split.train[others], before.train_labels[others]))
    assert (
        after.split.test.tolist() == before.split.test.tolist()
        and after.card()["split"]["test"] == before.card()["split"]["test"]
    )
    assert after.card()["corrections"]["relabelled"] == 2 and "corrections" not in before.card()


def test_that_a_relative_file_starts_where_the_recipe_lies(tmp_path: Path) -> None:
    text = 'version = 1\nlineage = "a"\n[data]\nname = "digits"\ncorrections = "mine.csv"\n'
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    asked = recipe.read(str(tmp_path / "a.toml"))
    assert asked.recipe.data.corrections == str(tmp_path / "mine.csv")
    with pytest.raises(RecipeErrors, match="is no file"):
        next(asked.runs())
    file(tmp_path)
    (tmp_path / "corrections.csv").rename(tmp_path / "mine.csv")
    run, text = next(asked.runs())
    assert run.data.corrections == recipe.plain_table(text)["data"]["corrections"] == str(tmp_path / "mine.csv")
    assert 'corrections = "b.csv"' in recipe.with_value(text, "data.corrections", "b.csv")
