"""What is said of a data set: figures and findings from an answer, probe pictures within their bounds, tables for a recipe."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.recipe import Digits, Folder, Unlabelled
from studio import data_model
from studio.data_model import MOST, Probe, Scan

CLASSES = ("cat", "dog", "owl")


def sheet(path: Path, tests: int = 30, size: int = 8, channels: int = 3) -> Path:
    """Test pictures whose grey tells their place; classes take turns."""
    shades = (np.arange(tests) * 5 % 256).astype(np.uint8)
    arrays: dict[str, Any] = {
        "pictures_u8": np.broadcast_to(shades[:, None, None, None], (tests, channels, size, size)),
        "labels": np.arange(tests) % len(CLASSES),
        "files": np.array([f"{CLASSES[place % 3]}/{place:03d}.png" for place in range(tests)]),
    }
    np.savez(path, **arrays)
    return path


def answer(tmp_path: Path, tests: int = 30, **different: Any) -> dict[str, Any]:
    """As the assistant gives it, after a journey through JSON."""
    each = tests // 3
    return {
        "name": "pets",
        "pictures": 3 * 20 + tests,
        "classes": [{"name": name, "train": 16, "val": 4, "test": each} for name in CLASSES],
        "size": [8, 8],
        "channels": 3,
        "found_sizes": {"min": [8, 8], "max": [8, 8]},
        "modes": {"RGB": 90},
        "broken": [],
        "broken_count": 0,
        "duplicates": [],
        "duplicates_count": 0,
        "crossing": 0,
        "contradicting": 0,
        "given": [],
        "remarks": [],
        "sheet": str(sheet(tmp_path / "sheet.npz", tests)),
    } | different


def table(**more: Any) -> dict[str, Any]:
    return {"name": "folder", "path": "/pictures/pets", "size": 8, "colour": "rgb", **more}


def scan(tmp_path: Path, tests: int = 30, asked: dict[str, Any] | None = None, **different: Any) -> Scan:
    return data_model.read(asked or table(), answer(tmp_path, tests, **different))


def titles(found: Scan) -> list[str]:
    return [one.title for one in data_model.findings(found)]


def finding(found: Scan, start: str) -> data_model.Finding:
    return next(one for one in data_model.findings(found) if one.title.startswith(start))


# ---- sentence and figures ------------------------------------------------------------------------------------------------


def test_that_the_sentence_says_what_there_is_and_what_is_wrong(tmp_path: Path) -> None:
    assert data_model.sentence(scan(tmp_path)) == ("pets", ", 90 pictures in 3 classes; none broken, none doubled")
    bad = scan(
        tmp_path, broken=[{"file": "a", "problem": "is empty"}], broken_count=3, duplicates=[["a", "b"]], duplicates_count=41
    )
    assert data_model.sentence(bad)[1] == ", 90 pictures in 3 classes; 3 broken, 41 doubled"


def test_that_figures_tell_pictures_classes_and_what_is_held_out(tmp_path: Path) -> None:
    shown = [(one.value, one.under) for one in data_model.figures(scan(tmp_path))]
    assert shown == [("90", "pictures, 8 px, RGB"), ("3", "classes"), ("12", "validation"), ("30", "test")]
    grey = scan(tmp_path, channels=1, size=[8, 6], pictures=12_000)
    assert data_model.figures(grey)[0][:2] == ("12,000", "pictures, 6 × 8 px, grey")


# ---- findings ------------------------------------------------------------------------------------------------------------


def test_that_a_sound_data_set_has_only_ticks(tmp_path: Path) -> None:
    found = data_model.findings(scan(tmp_path))
    assert [(one.tone, one.title) for one in found] == [("ok", "No picture is there twice"), ("ok", "Classes balanced")]


def test_that_pictures_without_classes_are_said_and_become_their_own_kind(tmp_path: Path) -> None:
    parts = {"train": 700, "val": 100, "test": 200}
    asked = table(split_seed=3, label_noise=0.1)
    found = scan(tmp_path, asked=asked, classes=[], kind="pictures", pictures=1000, parts=parts)
    assert data_model.sentence(found)[1] == ", 1,000 pictures without classes; none broken, none doubled"
    note = finding(found, "1,000 pictures without classes")
    assert note.tone == "note" and note.detail.startswith("DINO learns from them")
    assert [one.value for one in data_model.figures(found)] == ["1,000", "0", "100", "200"] and found.tests == 200
    wanted = data_model.wanted(found, Probe.first(found.tests))
    assert wanted == {"name": "pictures", "path": "/pictures/pets", "size": 8, "colour": "rgb", "split_seed": 3}
    assert found.class_name(0) == "" and data_model.shown_places(found, "") == list(range(30))


def test_that_broken_files_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    broken = [{"file": "cat/1.png", "problem": "is empty"}, {"file": "cat/2.png", "problem": "is damaged"}]
    found = scan(tmp_path, broken=broken, broken_count=300)
    first = data_model.findings(found)[0]
    assert (first.tone, first.title, first.detail) == ("warn", "300 broken files", "cannot be read; left out")
    assert first.listing is not None and first.listing.subtitle == "the first 2 of them"
    assert first.listing.text == "cat/1.png\tis empty\ncat/2.png\tis damaged"


@pytest.mark.parametrize(
    ("crossing", "contradicting", "words"),
    [
        (0, 0, "none crosses train and test"),
        (1, 0, "1 pair crosses train and test"),
        (2, 1, "2 pairs cross train and test; 1 of different classes"),
    ],
)
def test_that_equal_pictures_tell_whether_they_give_the_test_away(
    tmp_path: Path, crossing: int, contradicting: int, words: str
) -> None:
    twice = {"duplicates": [["a", "b"], ["c", "d"]], "duplicates_count": 2}
    found = scan(tmp_path, crossing=crossing, contradicting=contradicting, **twice)
    assert finding(found, "2 pairs of equal pictures").detail == words
    thrice = scan(tmp_path, duplicates=[["a", "b", "c"]], duplicates_count=1)
    listing = finding(thrice, "1 group of equal pictures").listing
    assert listing is not None and listing.rows[1] == ("a", "b, c")


def near(one: str, other: str, parts: tuple[str, str], classes: tuple[str, str] = ("cat", "cat")) -> dict[str, Any]:
    return {"files": [one, other], "parts": list(parts), "classes": list(classes), "alike": 0.9934}


def test_that_pictures_nearly_the_same_warn_where_they_cross_train_and_test(tmp_path: Path) -> None:
    pair = near("cat/1.png", "cat/2.png", ("train", "test"))
    found = finding(scan(tmp_path, near=[pair], near_count=70, near_crossing=1), "70 pairs of pictures nearly")
    assert (found.tone, found.detail) == ("warn", "1 pair crosses train and test")
    assert found.listing is not None and found.listing.subtitle == "the first 1 of them"
    (words_of_it,) = found.listing.pairs
    assert words_of_it.title.startswith("across train and test; 99.3") and words_of_it.warns
    assert (words_of_it.left, words_of_it.right) == ("cat/1.png, train, cat", "cat/2.png, test, cat")
    assert found.listing.text == "cat/1.png\tcat/2.png"


def test_that_pictures_nearly_the_same_within_a_part_are_a_note_unless_their_classes_differ(tmp_path: Path) -> None:
    pairs = [near("a", "b", ("train", "train")), near("c", "d", ("train", "train"), ("cat", "dog"))]
    found = finding(scan(tmp_path, near=pairs, near_count=2), "2 pairs of pictures nearly")
    assert (found.tone, found.detail) == ("note", "none crosses train and test") and found.listing is not None
    assert [one.warns for one in found.listing.pairs] == [False, True]
    assert "of different classes" in found.listing.pairs[1].title


def test_that_pairs_come_with_their_pictures_or_without_where_these_are_damaged(tmp_path: Path) -> None:
    pair, file = near("a", "b", ("train", "test")), tmp_path / "near.npz"
    np.savez(file, pairs_u8=np.zeros((1, 2, 3, 4, 4), np.uint8))
    shown = scan(tmp_path, near=[pair], near_count=1, near_sheet=str(file)).pairs
    assert shown is not None and shown.shape == (1, 2, 3, 4, 4)
    file.write_bytes(b"no archive")
    assert scan(tmp_path, near=[pair], near_count=1, near_sheet=str(file)).pairs is None


def test_that_the_channels_are_told(tmp_path: Path) -> None:
    found = finding(scan(tmp_path, mean=[0.4914, 0.4822, 0.4465], std=[0.247, 0.2435, 0.2616]), "Red, green, blue")
    assert found.title == "Red, green, blue: mean 0.491, 0.482, 0.447" and "deviation 0.247, 0.243, 0.262" in found.detail
    assert finding(scan(tmp_path, mean=[0.3], std=[0.2]), "Grey").title == "Grey: mean 0.300"


def test_that_the_balance_is_a_ratio_and_a_warning_names_both_ends(tmp_path: Path) -> None:
    def of(*counts: int) -> data_model.Finding:
        named = [{"name": name, "train": count} for name, count in zip(CLASSES, counts, strict=True)]
        return next(one for one in data_model.findings(scan(tmp_path, classes=named)) if "lass" in one.title)

    assert (of(100, 104, 100).tone, of(100, 104, 100).detail) == ("ok", "largest is 1.04 times the smallest")
    assert of(10, 10, 10).detail == "all the same size"
    assert (of(10, 20, 120).tone, of(10, 20, 120).detail) == ("warn", "owl has 12 times the pictures of cat")


@pytest.mark.parametrize(
    ("given", "title", "detail"),
    [
        (["train", "test"], "train and test folders found", "validation is split from train"),
        (["train"], "train folder found", "validation and test are split from train"),
        (["train", "val", "test"], "train, val and test folders found", "used as they are"),
    ],
)
def test_that_given_folders_are_told_with_what_is_split(tmp_path: Path, given: list[str], title: str, detail: str) -> None:
    assert finding(scan(tmp_path, given=given), title).detail == detail


def test_that_files_of_other_sizes_and_kinds_are_told(tmp_path: Path) -> None:
    found = scan(tmp_path, found_sizes={"min": [4, 6], "max": [480, 640]}, modes={"L": 10, "RGB": 80})
    told = finding(found, "Files of")
    assert told.title == "Files of 6 × 4 to 640 × 480 px"
    assert told.detail == "become 8 × 8, small ones enlarged; 80 RGB, 10 grey"


def test_that_the_remarks_of_the_engine_become_rows_with_their_remedy_below(tmp_path: Path) -> None:
    found = scan(tmp_path, remarks=["left out: 2 .heic (only JPEG is read)", "'extra' beside train is left out"])
    assert finding(found, "Left out: 2 .heic").detail == "only JPEG is read"
    assert "'extra' beside train is left out" in titles(found)


# ---- the sheet -----------------------------------------------------------------------------------------------------------


def test_that_a_damaged_sheet_costs_the_pictures_and_nothing_else(tmp_path: Path) -> None:
    said = answer(tmp_path)
    path = Path(said["sheet"])
    path.write_bytes(path.read_bytes()[:200])
    cut = data_model.read(table(), said)
    path.unlink()
    gone = data_model.read(table(), said)
    for found in (cut, gone):
        assert len(found.sheet) == 0 and "cannot be shown" in found.sheet.pictures.problem
        assert data_model.sentence(found)[0] == "pets" and found.class_name(0) == ""


def test_that_objects_in_a_sheet_are_never_unpickled(tmp_path: Path) -> None:
    said = answer(tmp_path)
    np.savez(Path(said["sheet"]), pictures_u8=np.array([{}]), labels=np.array([0]), files=np.array(["a"]))
    assert data_model.read(table(), said).sheet.pictures.array is None


def test_that_an_answer_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pictures"):
        data_model.read(table(), {"name": "pets"})


def test_that_large_pictures_are_kept_as_means_of_blocks(tmp_path: Path) -> None:
    said = answer(tmp_path, tests=3)
    picture = np.zeros((3, 1, 512, 512), np.uint8)
    picture[:, :, :, 1::2] = 200
    np.savez(Path(said["sheet"]), pictures_u8=picture, labels=np.arange(3), files=np.array(["a", "b", "c"]))
    kept = data_model.read(table(), said).sheet.pictures.array
    assert kept is not None and kept.shape == (3, 1, 256, 256) and (kept == 100).all()


def test_that_a_class_narrows_the_sheet_and_the_words_say_so(tmp_path: Path) -> None:
    found = scan(tmp_path)
    assert data_model.shown_places(found, "dog") == list(range(1, 30, 3))
    assert data_model.grid_words(found, "dog").startswith("10 of 30;")
    many = scan(tmp_path, classes=[{"name": name, "test": 400} for name in CLASSES])
    assert data_model.grid_words(many, "").startswith("the first 30 of 1,200;")
    assert data_model.grid_words(many, "dog").startswith("10 of the first 30;")


# ---- probe pictures ------------------------------------------------------------------------------------------------------


def test_that_the_first_twelve_need_no_word_in_the_table(tmp_path: Path) -> None:
    found = scan(tmp_path)
    probe = Probe.of(found.table, found.tests)
    assert probe.places == tuple(range(12)) and data_model.wanted(found, probe) == table()
    changed = probe.toggled(3).toggled(20)
    assert data_model.wanted(found, changed)["probe"] == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 20]


def test_that_there_are_eight_to_sixteen() -> None:
    probe = Probe.first(100)
    for place in range(4):
        probe = probe.toggled(place)
    assert len(probe.places) == 8
    refused = probe.toggled(5)
    assert refused.places == probe.places and "8 is the least" in refused.refused
    for place in range(50, 58):
        probe = probe.toggled(place)
    assert len(probe.places) == MOST and "16 is the most" in probe.toggled(99).refused
    assert probe.toggled(99).places == probe.places and not probe.toggled(57).refused


def test_that_a_small_test_set_gives_what_it_has() -> None:
    probe = Probe.first(5)
    assert probe.places == (0, 1, 2, 3, 4) and probe.is_default
    assert probe.toggled(0).places == probe.places and data_model.probe_words(probe).startswith("5 of 5 to 5")


def test_that_places_this_test_set_does_not_have_are_left_out_and_that_is_said() -> None:
    probe = Probe.of(table(probe=[1, 2, 40, 50]), 30)
    assert probe.places == (1, 2) and "2 places outside the test set" in probe.refused
    assert Probe.of(table(probe=[40]), 30).is_default


# ---- what there is to look at --------------------------------------------------------------------------------------------


def test_that_known_data_sets_and_fields_are_drawn_from_the_schema() -> None:
    assert [(said, asked) for said, _, asked in data_model.known()] == [
        ("digits", {"name": "digits"}),
        ("drawn creatures", {"name": "creatures"}),
    ]
    assert data_model.folder_table("/x") == {"name": "folder", "path": "/x", "size": 32, "colour": "rgb"}
    assert [field.path for field in data_model.shaping_fields({"name": "folder"})] == ["data.size", "data.colour"]
    assert not data_model.shaping_fields({"name": "digits"})


def test_that_another_folder_becomes_what_the_last_one_became() -> None:
    before = table(size=96, colour="grey", split_seed=4)
    assert data_model.folder_table("/x", before) == {"name": "folder", "path": "/x", "size": 96, "colour": "grey"}
    assert data_model.folder_table("/x", {"name": "digits"})["size"] == 32
    unsorted = table(name="pictures", size=96)
    assert data_model.folder_table("/x", unsorted) == {"name": "folder", "path": "/x", "size": 96, "colour": "rgb"}


def test_that_folders_of_runs_come_once_with_what_makes_them_that_data_set() -> None:
    used = Folder(path="/a/flowers", size=64, split_seed=3, label_noise=0.2, train_size=50, probe=tuple(range(9)))
    found = data_model.recent([used, Digits(), used, Folder(path="/b/birds", colour="grey")])
    assert [(said, where) for said, where, _ in found] == [
        ("flowers, 64 px, RGB", "/a/flowers"),
        ("birds, 32 px, grey", "/b/birds"),
    ]
    first = found[0][2]
    assert first["split_seed"] == 3 and list(first["probe"]) == list(range(9))
    assert "label_noise" not in first and "train_size" not in first and "test_share" not in first


def test_that_pictures_of_runs_without_classes_keep_what_judges_them() -> None:
    ((said, _, again),) = data_model.recent([Unlabelled(path="/a/flowers", eval_path="/b/sorted")])
    assert said == "flowers, 32 px, RGB"
    assert again == {"name": "pictures", "path": "/a/flowers", "eval_path": "/b/sorted", "size": 32, "colour": "rgb"}
    assert data_model.refusal(again) == ("", "")


def test_that_a_value_the_recipe_refuses_is_refused_before_anything_is_read() -> None:
    assert data_model.refusal(table()) == ("", "")
    field, problem = data_model.refusal(table(size=4))
    assert field == "data.size" and "write a value in [8, 1024] px" in problem
    assert data_model.label_of("data.val_share", table()) == "Validation share"
