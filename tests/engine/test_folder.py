"""A person's own pictures: every layout, every format, everything that is wrong with files, and a copy nobody has to trust.

Pictures here are made by Pillow, so that what a pixel must become is known.
"""

import json
import os
import shutil
import struct
import sys
import threading
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from toys import Puppet

from engine.data import Pictures, decode, folder, listing
from engine.data.decode import Unreadable
from engine.data.prepared import prepare
from engine.data.split import split_as_asked
from engine.fields import RecipeError
from engine.recipe import Folder, RunRecipe

RED, GREEN, BLUE, GREY = (200, 30, 20), (10, 180, 40), (20, 40, 220), (90, 90, 90)
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


def picture(path: Path, colour: Any = RED, size: tuple[int, int] = (12, 12), mode: str = "RGB", **how: Any) -> Path:
    """A file of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **how)
    return path


def toy(root: Path, each: int = 10, parts: tuple[str, ...] = ("",), **different: int) -> Path:
    """`each` pictures of every class and part; those of a class differ in a shade, so that none is there twice."""
    for number, part in enumerate(parts):
        for name, colour in COLOURS.items():
            for place in range(different.get(part, each)):
                picture(root / part / name / f"{place:03d}.png", tuple((c + place + 60 * number) % 256 for c in colour))
    return root


def asked(root: Path, **different: Any) -> Folder:
    return Folder(path=str(root), **({"size": 8} | different))


def load(root: Path, cache: Path | None = None, **different: Any) -> Pictures:
    return folder.load(asked(root, **different), cache or root.parent / "cache")


def refusal(root: Path, **different: Any) -> str:
    with pytest.raises(RecipeError) as refused:
        found = load(root, **different)
        split_as_asked(found, asked(root, **different))
    assert "\n" not in str(refused.value)
    return str(refused.value).replace(str(root), "HERE")


def look(path: Path, size: int = 8, colour: str = "rgb") -> np.ndarray:
    """[H, W, C] of what a network sees of a file."""
    return decode.decode(path, size, colour).pixels_CHW.transpose(1, 2, 0).astype(int)


def names(found: Pictures) -> list[str]:
    assert found.source is not None
    return list(found.source.files)


# ---- layouts ------------------------------------------------------------------------------------------------------------


def test_that_a_folder_of_class_folders_is_a_data_set(tmp_path: Path) -> None:
    found = load(toy(tmp_path / "colours"))
    assert found.pictures_u8.shape == (30, 3, 8, 8)
    assert found.class_names == ("blue", "green", "red") and not found.given and not found.broken
    assert np.bincount(found.labels).tolist() == [10, 10, 10]
    for name, file, pixels in zip(found.labels, names(found), found.pictures_u8, strict=True):
        shade = int(file[-7:-4])
        assert file.startswith(found.class_names[name] + "/")
        assert (pixels[:, 3, 3] == [c + shade for c in COLOURS[found.class_names[name]]]).all()


def test_that_files_take_turns_by_class_so_that_the_first_ones_differ(tmp_path: Path) -> None:
    found = load(toy(tmp_path / "colours", parts=("train", "test")))
    assert names(found)[:4] == ["train/blue/000.png", "train/green/000.png", "train/red/000.png", "train/blue/001.png"]
    parts = split_as_asked(found, asked(tmp_path))
    assert found.labels[parts.test[:12]].tolist() == [0, 1, 2] * 4


@pytest.mark.parametrize(
    ("parts", "given"),
    [
        (("train", "test"), ("train", "test")),
        (("Train", "VALIDATION", "Test"), ("train", "val", "test")),
        (("training", "valid", "testing"), ("train", "val", "test")),
        (("train", "val"), ("train", "val")),
        (("train",), ("train",)),
    ],
)
def test_that_given_parts_are_taken_whole_and_the_others_split_off_train(tmp_path: Path, parts: Any, given: Any) -> None:
    found = load(toy(tmp_path / "colours", parts=parts))
    assert tuple(found.given) == given and {len(places) for places in found.given.values()} == {30}
    split = split_as_asked(found, asked(tmp_path))
    for part in given[1:]:
        np.testing.assert_array_equal(getattr(split, part), found.given[part])
    together = np.concatenate([split.train, split.val, split.test])
    assert len(np.unique(together)) == len(found) == len(together)
    assert set(split.val.tolist()) <= set(found.given.get("val", found.given["train"]).tolist()), "val never comes from test"


def test_that_folders_below_a_class_belong_to_it(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    shutil.copytree(root / "red", root / "red" / "more" / "of them")
    picture(root / "red" / "train" / "odd.png", GREY)  # below one class alone it is only a name
    found = load(root)
    assert np.bincount(found.labels).tolist() == [10, 10, 21]


def test_that_a_folder_around_it_all_is_looked_into(tmp_path: Path) -> None:
    plain = load(toy(tmp_path / "a" / "colours", parts=("train", "test")))
    shutil.copytree(tmp_path / "a" / "colours", tmp_path / "b" / "c" / "colours")
    (tmp_path / "b" / "__MACOSX" / "colours").mkdir(parents=True)
    wrapped = load(tmp_path / "b")
    assert names(wrapped) == names(plain) and wrapped.files_sha256 == plain.files_sha256
    assert wrapped.cache == plain.cache


def test_that_a_train_is_also_a_vehicle(tmp_path: Path) -> None:
    root = toy(tmp_path / "vehicles")
    (root / "red").rename(root / "train")
    found = load(root)
    assert found.class_names == ("blue", "green", "train") and not found.given


def test_that_other_folders_beside_train_and_test_are_named_and_left_out(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", parts=("train", "test"))
    picture(root / "extra" / "what.png")
    picture(root / "loose.png")
    found = load(root)
    assert found.source is not None and len(found) == 60
    assert found.source.remarks == (
        "'extra' beside train and test is left out",
        "1 picture outside the class folders left out",
    )


def test_that_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    plain = load(root)
    for name in (".DS_Store", "Thumbs.db", "README.txt", "labels.csv", "red/.DS_Store", "red/Thumbs.db", "red/notes.txt"):
        (root / name).write_bytes(b"x")
    for place in ("__MACOSX/red", ".git/red", "red/.thumbnails", "red/@eaDir"):
        picture(root / place / "copy.png")
    picture(root / "red" / "._000.png")
    again = load(root)
    assert again.source == plain.source and again.files_sha256 == plain.files_sha256 and not again.broken


def test_that_formats_that_are_not_read_are_counted_with_a_remedy(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    for name in ("red/a.HEIC", "red/b.heic", "blue/c.svg"):
        (root / name).write_bytes(b"x")
    found = load(root)
    assert found.source is not None and found.source.remarks == (
        "left out: 2 .heic, 1 .svg (only JPEG, PNG, BMP, GIF, WebP, TIFF, PPM are read; "
        "save pictures of other kinds as JPEG or PNG)",
    )


def test_that_an_empty_class_folder_is_named_and_left_out(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    (root / "white").mkdir()
    found = load(root)
    assert found.class_names == ("blue", "green", "red")
    assert found.source is not None and found.source.remarks == ("class folders without a picture, left out: 'white'",)


ODD = ["with space", "größe", "日本語", "-dash", "two\nlines", "q'uote", "x" * 200, "..dots", "UPPER"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such names itself")
def test_that_odd_names_are_names(tmp_path: Path) -> None:
    root = tmp_path / "odd names\n"
    for place, name in enumerate(ODD):
        for number in range(4):
            picture(root / name.lstrip(".") / f"{name.lstrip('.')}{number}.JPG", (place * 20, number * 50, 9), format="JPEG")
    if sys.platform == "linux":
        (root / os.fsdecode(b"latin-\xe9")).mkdir()
        for number in range(4):
            picture(tmp_path / "x.bmp", (7, 7, number)).rename(
                root / os.fsdecode(b"latin-\xe9") / os.fsdecode(b"\xff%d.Bmp" % number)
            )
    found = load(root)
    assert len(found) == 4 * len(found.class_names) and not found.broken
    assert {"two\\nlines", "日本語", "-dash", "x" * 200} < set(found.class_names)
    json.dumps([found.class_names, names(found)]).encode()
    "".join([*found.class_names, *names(found)]).encode()  # whatever the bytes on the disk, what is shown is text


# ---- what cannot be used ------------------------------------------------------------------------------------------------


def test_that_a_folder_that_is_not_there_is_refused_with_what_is(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no" / "where") == (
        f"data.path: HERE is not there ({tmp_path} is); write the folder with one sub-folder a class"
    )
    file = picture(tmp_path / "a.png")
    assert refusal(file) == "data.path: HERE is a file; write the folder with one sub-folder a class"


def test_that_pictures_without_class_folders_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "flat"
    root.mkdir()
    assert refusal(root) == (
        "data.path: HERE holds no class folder with pictures (JPEG, PNG, BMP, GIF, WebP, TIFF, PPM); "
        "write the folder with one sub-folder a class"
    )
    picture(root / "images" / "a.png")
    assert refusal(root) == (
        "data.path: HERE has pictures of one class only ('images'); two or more are needed to tell apart, "
        'each in a folder of its own; or write data.name = "pictures" to learn from them without classes'
    )
    picture(root / "b.png")
    shutil.rmtree(root / "images")
    assert refusal(root) == (
        "data.path: HERE holds 1 picture but no class folder with pictures; sort them into one folder a class, "
        'or write data.name = "pictures" to learn from them without classes'
    )
    picture(root / "unsorted" / "train" / "1.png")
    assert refusal(root / "unsorted") == (
        "data.path: HERE/train holds 1 picture but no class folders, so nobody knows what they show; "
        'sort them into one folder a class, or write data.name = "pictures" to learn from them without classes'
    )
    for name in ("a", "b"):
        (root / "raw" / name).mkdir(parents=True)
        (root / "raw" / name / "1.heic").write_bytes(b"x")
    assert "holds no class folder with pictures" in refusal(root / "raw") and "; left out: 2 .heic" in refusal(root / "raw")


def test_that_a_class_that_cannot_be_learned_is_refused(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", parts=("train", "test"))
    picture(root / "test" / "zebra" / "a.png")
    assert refusal(root) == (
        "data.path: HERE has pictures of 'zebra' in test but none in train, so they cannot be learned; "
        "put some into train, or move those in test away"
    )


def test_that_a_class_that_is_not_tested_is_said(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", parts=("train", "test"))
    shutil.rmtree(root / "test" / "red")
    found = load(root)
    assert found.source is not None and found.source.remarks == ("test has no pictures of 'red'",)


def test_that_layouts_that_would_mislead_are_refused(tmp_path: Path) -> None:
    for name in COLOURS:
        toy(tmp_path / "inside out" / name, parts=("train", "test"))
    assert refusal(tmp_path / "inside out").endswith(
        "/blue holds train and test itself; turn them around: train/blue and test/blue"
    )
    assert refusal(toy(tmp_path / "no train", parts=("test", "val"))) == (
        "data.path: HERE has 'test', 'val' but no train folder; put the pictures to learn from into train/<class>"
    )
    assert refusal(toy(tmp_path / "twice", parts=("train", "val", "valid"))) == (
        "data.path: HERE has 'val', 'valid', which mean the same; leave one of them"
    )
    root = toy(tmp_path / "unsorted", parts=("train",))
    picture(root / "test" / "1.png")
    assert refusal(root) == (
        "data.path: HERE/test holds 1 picture but no class folders, so nobody knows what they show; "
        "sort them, or move test away"
    )


def test_that_a_class_too_small_to_be_split_is_named(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    picture(root / "rare" / "a.png")
    assert refusal(root) == (
        "data.path: the class 'rare' has 1 picture, but training and validation and test need one each; "
        "add pictures, or move its folder away"
    )


@pytest.mark.parametrize("part", ["val", "test"])
def test_that_a_part_without_any_picture_is_refused(tmp_path: Path, part: str) -> None:
    root = toy(tmp_path / "colours", parts=("train",))
    (root / part / "red").mkdir(parents=True)
    assert refusal(root) == f"data.path: the folder {part} holds no picture; put some there, or move it away"


def test_that_more_pixels_than_memory_are_refused_before_anything_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(folder.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10_000})())
    assert refusal(toy(tmp_path / "colours"), size=64) == (
        "data.size: 30 pictures of 64 x 64 px need 720 KiB of memory, and 9.8 KiB are free; write a smaller size"
    )


# ---- files that are broken ----------------------------------------------------------------------------------------------


def broken_files(root: Path) -> dict[str, str]:
    """Everything that may lie among pictures, and what is said of it."""
    sound = BytesIO()
    Image.effect_noise((64, 64), 80).save(sound, "JPEG")
    png = BytesIO()
    Image.new("RGB", (64, 64), RED).save(png, "PNG")
    contents = {
        "red/cut.jpg": (sound.getvalue()[:-400], "is damaged (image file is truncated"),
        "red/cut.png": (png.getvalue()[:50], "is damaged ("),
        "red/empty.jpg": (b"", "is empty"),
        "red/text.jpg": (b"a letter, not a picture", "holds no picture that can be read, whatever its name says"),
        "red/script.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "holds no picture that can be read"),
        "red/large.png": (
            claims(9_500, 9_500),
            "has 90,250,000 pixels, more than the 89,478,485 that are opened; make it smaller",
        ),
        "red/bomb.png": (claims(60_000, 60_000), "has far too many pixels, more than the 89,478,485 that are opened"),
    }
    for name, (content, _) in contents.items():
        (root / name).write_bytes(content)
    return {name: problem for name, (_, problem) in contents.items()}


def claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""
    content = BytesIO()
    Image.new("1", (1, 1)).save(content, "PNG")
    small = content.getvalue()
    head = b"IHDR" + struct.pack(">II", width, height) + small[24:29]
    return small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]


def test_that_broken_files_are_named_and_left_out(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    sound = load(root)
    expected = broken_files(root)
    found = load(root)
    problems = dict(found.broken)
    assert problems.keys() == expected.keys()
    for name, problem in expected.items():
        assert problems[name].startswith(problem), (name, problems[name])
    np.testing.assert_array_equal(found.pictures_u8, sound.pictures_u8)  # as if they had never been there
    assert names(found) == names(sound) and found.files_sha256 == sound.files_sha256
    again = load(root)
    assert again.broken == found.broken and (again.labels == found.labels).all()


def test_that_data_json_names_what_was_skipped(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", parts=("train", "test"))
    (root / "train" / "red" / "0.png").write_bytes(b"")
    card = prepare(RunRecipe(lineage="a", data=asked(root)), tmp_path / "cache").card()
    assert card["skipped"] == {"count": 1, "files": [{"file": "train/red/0.png", "problem": "is empty"}]}
    assert card["files"] == 60 and card["counts"] == {"train": 27, "val": 3, "test": 30}
    assert card["classes"] == ["blue", "green", "red"] and card["channels"] == 3 and card["size"] == [8, 8]


def test_that_a_class_without_a_sound_picture_is_refused(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    for file in (root / "red").iterdir():
        file.write_bytes(b"")
    assert refusal(root) == (
        "data.path: none of the 10 files of the class 'red' can be read (red/000.png is empty); "
        "mend them, or move the folder away"
    )


def test_that_a_file_that_vanishes_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = toy(tmp_path / "colours")

    def tell(done: int, total: int) -> None:
        if total:  # listed, not yet read
            (root / "red" / "003.png").unlink(missing_ok=True)

    found = folder.load(asked(root), tmp_path / "cache", tell)
    assert found.broken == (("red/003.png", "cannot be opened (No such file or directory)"),)


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_that_files_and_folders_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    (root / "red" / "000.png").chmod(0)
    picture(root / "blue" / "shut" / "a.png").parent.chmod(0)
    try:
        found = load(root)
    finally:
        (root / "blue" / "shut").chmod(0o700)
    assert dict(found.broken) == {
        "blue/shut": "cannot be opened (Permission denied)",
        "red/000.png": "cannot be opened (Permission denied)",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_that_circles_of_links_and_pipes_do_not_hang(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    (root / "red" / "again").symlink_to(root / "red", target_is_directory=True)
    (root / "red" / "up").symlink_to(root, target_is_directory=True)
    (root / "blue" / "self.png").symlink_to("self.png")
    (root / "circle").symlink_to(root, target_is_directory=True)
    (root / "nowhere").symlink_to("nowhere")
    (root / "green" / "gone.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(root / "green" / "pipe.png")
    elsewhere = picture(tmp_path / "elsewhere" / "linked.png", GREY)
    (root / "green" / "linked").symlink_to(elsewhere.parent, target_is_directory=True)
    found = load(root)
    assert np.bincount(found.labels).tolist() == [10, 11, 10] and "green/linked/linked.png" in names(found)
    problems = dict(found.broken)
    assert problems.keys() == {"blue/self.png", "green/gone.png", "green/pipe.png"}
    assert problems["green/pipe.png"] == "is not a file"
    assert problems["green/gone.png"] == "cannot be opened (No such file or directory)"


# ---- decoding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "how", "close"),
    [
        ("a.jpg", "RGB", {"quality": 100, "subsampling": 0}, 3),
        ("a.JPEG", "RGB", {"quality": 100, "progressive": True}, 3),
        ("a.png", "RGB", {}, 0),
        ("a.bmp", "RGB", {}, 0),
        ("a.gif", "RGB", {}, 0),
        ("a.webp", "RGB", {"lossless": True}, 0),
        ("a.tif", "RGB", {}, 0),
        ("a.tiff", "RGB", {"compression": "tiff_lzw"}, 0),
        ("a.ppm", "RGB", {}, 0),
    ],
)
def test_that_every_format_gives_its_colour(tmp_path: Path, name: str, mode: str, how: Any, close: int) -> None:
    file = picture(tmp_path / name, BLUE, (30, 20), mode, **how)
    assert np.abs(look(file) - BLUE).max() <= close
    assert np.abs(look(file, colour="grey") - np.array(Image.new("RGB", (1, 1), BLUE).convert("L"))).max() <= close
    decoded = decode.decode(file, 8, "rgb")
    assert (decoded.height, decoded.width) == (20, 30) and len(decoded.sha256) == 32


def test_that_a_name_may_lie_about_the_format(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.jpg", GREEN, format="PNG")
    assert (look(file) == GREEN).all()


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 128), (127, 127, 127)),
        ("LA", (50, 0), (255, 255, 255)),
        ("LA", (50, 255), (50, 50, 50)),
        ("I;16", 65_535, (255, 255, 255)),
        ("I;16", 32_768, (128, 128, 128)),
        ("I;16", 257, (1, 1, 1)),
        ("I;16", 128, (0, 0, 0)),
    ],
)
def test_that_every_mode_becomes_what_a_person_sees(tmp_path: Path, mode: str, colour: Any, seen: tuple[int, ...]) -> None:
    file = picture(tmp_path / "a.png", colour, (9, 9), mode)
    assert (look(file) == seen).all()
    assert (look(file, colour="grey") == Image.new("RGB", (1, 1), seen).convert("L").getpixel((0, 0))).all()


def test_that_sixteen_bits_of_a_tiff_are_scaled_by_their_range_too(tmp_path: Path) -> None:
    levels = np.linspace(0, 65_535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(levels).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(look(tmp_path / "a.tif", colour="grey")[..., 0], np.rint(levels / 257))


@pytest.mark.parametrize(("mode", "problem"), [("F", "32 bits a pixel"), ("I", "32 bits a pixel")])
def test_that_pixels_of_an_unknown_range_are_refused(tmp_path: Path, mode: str, problem: str) -> None:
    file = picture(tmp_path / "a.tif", 3, mode=mode)
    with pytest.raises(Unreadable, match=problem):
        decode.decode(file, 8, "rgb")


def test_that_cmyk_and_palettes_become_colours(tmp_path: Path) -> None:
    assert (look(picture(tmp_path / "a.tif", (0, 255, 255, 0), mode="CMYK")) == (255, 0, 0)).all()
    assert np.abs(look(picture(tmp_path / "a.jpg", (0, 255, 255, 0), mode="CMYK", quality=100)) - (255, 0, 0)).max() <= 3
    palette = Image.new("P", (9, 9), 1)
    palette.putpalette([0, 0, 0, *GREEN])
    palette.save(tmp_path / "p.png")
    assert (look(tmp_path / "p.png") == GREEN).all()
    palette.save(tmp_path / "clear.png", transparency=1)
    assert (look(tmp_path / "clear.png") == 255).all()
    palette.save(tmp_path / "half.png", transparency=b"\xff\x80")
    assert (np.abs(look(tmp_path / "half.png") - (np.array(GREEN) / 2 + 127.5)) <= 1).all()


def test_that_of_an_animation_the_first_frame_is_seen(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (9, 9), colour) for colour in (RED, BLUE))
    for name in ("a.gif", "a.png", "a.webp", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second], **({"lossless": True} if name == "a.webp" else {}))
        assert (look(tmp_path / name) == RED).all(), name


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_that_what_the_camera_calls_up_is_up(tmp_path: Path, name: str, orientation: int) -> None:
    """A landscape whose left half is red and whose lower right corner is blue, stored as a camera would have turned it."""
    upright = Image.new("RGB", (24, 16), GREY)
    draw = ImageDraw.Draw(upright)
    draw.rectangle((0, 0, 11, 15), fill=RED)
    draw.rectangle((16, 8, 23, 15), fill=BLUE)
    undo = {
        2: "FLIP_LEFT_RIGHT",
        3: "ROTATE_180",
        4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE",
        6: "ROTATE_90",
        7: "TRANSVERSE",
        8: "ROTATE_270",
    }
    stored = upright.transpose(getattr(Image.Transpose, undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {"lossless": True} if name == "a.webp" else {}
    stored.save(tmp_path / name, exif=exif, **how)
    decoded = decode.decode(tmp_path / name, 16, "rgb")
    assert (decoded.height, decoded.width) == (16, 24)
    expected = np.asarray(upright.crop((4, 0, 20, 16)), dtype=int).transpose(2, 0, 1)
    assert np.abs(decoded.pixels_CHW.astype(int) - expected)[:, 2:6, 2:6].max() <= 12
    assert np.abs(decoded.pixels_CHW.astype(int) - expected)[:, 12:15, 13:15].max() <= 12


def test_that_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    damaged = b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + b"\x01" * 20
    picture(root / "red" / "damaged.jpg", RED, exif=damaged, quality=100)
    found = load(root)
    pixels = found.pictures_u8[names(found).index("red/damaged.jpg")]
    assert np.abs(pixels[:, 4, 4].astype(int) - RED).max() <= 3 and not found.broken


def test_that_a_picture_of_the_right_size_keeps_every_pixel(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    np.testing.assert_array_equal(look(tmp_path / "a.png", 32), noise)


def test_that_the_shorter_side_is_scaled_and_the_middle_cut_out(tmp_path: Path) -> None:
    wide = Image.new("RGB", (300, 100), GREEN)
    wide.paste(RED, (100, 0, 200, 100))
    wide.save(tmp_path / "wide.png")
    wide.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "tall.png")
    for name in ("wide.png", "tall.png"):
        seen = look(tmp_path / name, 10)
        assert (seen[3:-3, 3:-3] == RED).all() and np.abs(seen - RED).max() < 40, name
    small = picture(tmp_path / "small.png", BLUE, (3, 2))
    assert (look(small, 32) == BLUE).all()


def test_that_shrinking_averages_instead_of_picking(tmp_path: Path) -> None:
    stripes = (np.indices((256, 256))[1] % 2 * 255).astype(np.uint8)
    for name in ("a.png", "a.jpg"):
        Image.fromarray(stripes).save(tmp_path / name)
        assert np.abs(look(tmp_path / name, 8, "grey") - 127.5).max() <= 12, name


# ---- the copy in the workspace ------------------------------------------------------------------------------------------


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is opened."""
    opened: list[Path] = []
    original = folder.decode

    def counted(path: Path, size: int, colour: str) -> decode.Decoded:
        opened.append(path)
        return original(path, size, colour)

    monkeypatch.setattr(folder, "decode", counted)
    return opened


def test_that_a_second_start_opens_no_picture(tmp_path: Path, decodings: list[Path]) -> None:
    root = toy(tmp_path / "colours", parts=("train", "test"))
    first = load(root)
    assert len(decodings) == 60
    again = load(root)
    assert len(decodings) == 60
    np.testing.assert_array_equal(first.pictures_u8, again.pictures_u8)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.class_names, first.files_sha256, first.cache, first.source) == (
        again.class_names,
        again.files_sha256,
        again.cache,
        again.source,
    )
    assert {part: places.tolist() for part, places in first.given.items()} == {
        part: places.tolist() for part, places in again.given.items()
    }
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".")]


def test_that_another_size_or_colour_has_a_copy_of_its_own_and_the_same_files(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours")
    found = [load(root), load(root, size=16), load(root, colour="grey")]
    assert len({one.cache for one in found}) == 3 and len({one.files_sha256 for one in found}) == 1
    assert [one.pictures_u8.shape[1:] for one in found] == [(3, 8, 8), (3, 16, 16), (1, 8, 8)]


def test_that_touching_or_moving_files_changes_nothing_and_other_content_does(tmp_path: Path, decodings: list[Path]) -> None:
    root = toy(tmp_path / "colours")
    first = load(root)
    os.utime(root / "red" / "000.png", (1, 1))
    root.rename(tmp_path / "moved")
    moved = load(tmp_path / "moved")
    assert len(decodings) == 60 and (moved.files_sha256, moved.cache) == (first.files_sha256, first.cache)
    picture(tmp_path / "moved" / "red" / "000.png", BLUE)
    changed = load(tmp_path / "moved")
    assert changed.files_sha256 != first.files_sha256 and changed.cache != first.cache
    (tmp_path / "moved" / "red" / "001.png").rename(tmp_path / "moved" / "blue" / "x001.png")
    assert load(tmp_path / "moved").files_sha256 not in (changed.files_sha256, first.files_sha256)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped bit", "no archive", "gone", "index", "another index"])
def test_that_a_damaged_copy_is_made_again(tmp_path: Path, decodings: list[Path], damage: str) -> None:
    root = toy(tmp_path / "colours")
    sound = load(root)
    path = tmp_path / "cache" / sound.cache
    index = next((tmp_path / "cache").glob("*.json"))
    content = bytearray(path.read_bytes())
    if damage == "flipped bit":
        content[len(content) // 3] ^= 1
    damages = {"empty": b"", "cut": content[: len(content) // 2], "no archive": b"x" * 999, "flipped bit": content}
    if damage == "gone":
        path.unlink()
    elif damage == "index":
        index.write_bytes(b"{")
    elif damage == "another index":
        index.write_text(index.read_text().replace('"sha256":"', '"sha256":"0'))
    else:
        path.write_bytes(damages[damage])
    again = load(root)
    assert len(decodings) == 60
    np.testing.assert_array_equal(again.pictures_u8, sound.pictures_u8)
    load(root)
    assert len(decodings) == 60, "what was made again is sound"


def test_that_a_copy_never_leads_out_of_its_folder(tmp_path: Path, decodings: list[Path]) -> None:
    root = toy(tmp_path / "colours")
    found = load(root)
    index = next((tmp_path / "cache").glob("*.json"))
    shutil.copy(tmp_path / "cache" / found.cache, tmp_path / found.cache)
    (tmp_path / "cache" / found.cache).unlink()
    index.write_text(index.read_text().replace(found.cache, f"../{found.cache}"))
    load(root)
    assert len(decodings) == 60


ENGINE = """
import sys
from pathlib import Path
from engine.data import folder
from engine.recipe import Folder
print("ready", flush=True)
sys.stdin.readline()
found = folder.load(Folder(path=sys.argv[1], size=8), Path(sys.argv[2]))
print(found.files_sha256, int(found.pictures_u8.sum()), flush=True)
"""


def test_that_two_engines_may_read_at_once(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", each=60)
    with Puppet(ENGINE, str(root), str(tmp_path / "cache")) as one, Puppet(ENGINE, str(root), str(tmp_path / "cache")) as other:
        for engine in (one, other):
            engine.process.stdin.write("go\n")
            engine.process.stdin.flush()
        answers = [one.hear(), other.hear()]
    found = load(root)
    assert answers == [f"{found.files_sha256} {int(found.pictures_u8.sum())}"] * 2
    assert len(list((tmp_path / "cache").iterdir())) == 2


# ---- telling, and being told --------------------------------------------------------------------------------------------


def test_that_reading_is_told_and_can_be_ended(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", each=30)
    told: list[tuple[int, int]] = []
    folder.load(asked(root), tmp_path / "cache", lambda done, total: told.append((done, total)), threads=2)
    assert told == [(0, 90), (0, 90), (32, 90), (64, 90), (90, 90)]

    class Enough(Exception):
        pass

    def tell(done: int, total: int) -> None:
        if done >= 32:
            raise Enough

    before = threading.active_count()
    with pytest.raises(Enough):
        folder.load(asked(root, size=16), tmp_path / "cache", tell, threads=2)
    assert threading.active_count() == before
    assert len(list((tmp_path / "cache").iterdir())) == 2, "what was not read to its end is not kept"


# ---- a look before training ---------------------------------------------------------------------------------------------


def scan(root: Path, **different: Any) -> dict[str, Any]:
    table = {"name": "folder", "path": str(root), "size": 8, **different}
    answer = folder.scan(table, root.parent / "scratch", lambda share, words: None)
    json.dumps(answer).encode()
    return answer


def test_that_a_scan_says_what_is_there(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", parts=("train", "test"), test=4)
    picture(root / "train" / "red" / "large.jpg", 9, (40, 30), "L", quality=100)
    (root / "train" / "red" / "bad.png").write_bytes(b"")
    answer = scan(root, val_share=0.2)
    assert answer["name"] == "colours" and answer["pictures"] == 43 and answer["given"] == ["train", "test"]
    assert answer["classes"] == [
        {"name": "blue", "train": 8, "val": 2, "test": 4},
        {"name": "green", "train": 8, "val": 2, "test": 4},
        {"name": "red", "train": 9, "val": 2, "test": 4},
    ]
    assert answer["size"] == [8, 8] and answer["channels"] == 3
    assert answer["found_sizes"] == {"min": [12, 12], "max": [30, 40]} and answer["modes"] == {"RGB": 42, "L": 1}
    assert answer["broken"] == [{"file": "train/red/bad.png", "problem": "is empty"}] and answer["broken_count"] == 1
    assert (answer["duplicates"], answer["crossing"], answer["contradicting"], answer["remarks"]) == ([], 0, 0, [])


def test_that_a_scan_finds_what_is_there_twice_and_what_crosses_over(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", parts=("train", "val", "test"))
    shutil.copy(root / "train" / "red" / "003.png", root / "test" / "red" / "copy.png")
    picture(root / "train" / "blue" / "same.bmp", tuple(c + 3 for c in RED))  # in another format, and called blue
    shutil.copy(root / "train" / "green" / "001.png", root / "train" / "green" / "again.png")
    answer = scan(root)
    assert sorted(map(sorted, answer["duplicates"])) == [
        ["test/red/copy.png", "train/blue/same.bmp", "train/red/003.png"],
        ["train/green/001.png", "train/green/again.png"],
    ]
    assert (answer["duplicates_count"], answer["crossing"], answer["contradicting"]) == (2, 2, 1)


def test_that_the_sheet_shows_the_test_set_in_its_order(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", each=9)
    answer = scan(root, test_share=0.4)
    found = load(root)
    parts = split_as_asked(found, asked(root, test_share=0.4))
    with np.load(answer["sheet"], allow_pickle=False) as sheet:
        np.testing.assert_array_equal(sheet["pictures_u8"], found.pictures_u8[parts.test])
        np.testing.assert_array_equal(sheet["labels"], found.labels[parts.test])
        assert sheet["files"].tolist() == [names(found)[place] for place in parts.test]
    assert Path(answer["sheet"]).parent == tmp_path / "scratch"


def test_that_the_digits_can_be_looked_at_too(tmp_path: Path) -> None:
    answer = folder.scan({"name": "digits"}, tmp_path, lambda share, words: None)
    assert (answer["name"], answer["pictures"], answer["channels"], answer["size"]) == ("digits", 1797, 1, [8, 8])
    assert sum(one["test"] for one in answer["classes"]) == 539
    with np.load(answer["sheet"]) as sheet:
        assert sheet["pictures_u8"].shape == (200, 1, 8, 8)


def test_that_a_scan_names_the_field_that_stands_in_its_way(tmp_path: Path) -> None:
    for table, field in (
        ({"name": "folder"}, "data.path"),
        ({"name": "folder", "path": str(tmp_path / "gone")}, "data.path"),
        ({"name": "folder", "path": str(tmp_path), "size": 3}, "data.size"),
        ({"name": "folder", "path": str(toy(tmp_path / "c")), "train_size": 99}, "data.train_size"),
    ):
        with pytest.raises(RecipeError) as refused:
            folder.scan(table, tmp_path / "scratch", lambda share, words: None)
        assert refused.value.field == field


def test_that_a_scan_tells_how_far_it_is(tmp_path: Path) -> None:
    root = toy(tmp_path / "colours", each=20)
    told: list[tuple[float, str]] = []
    folder.scan({"name": "folder", "path": str(root)}, tmp_path / "s", lambda share, words: told.append((share, words)))
    assert (32 / 60, "32 of 60 pictures") in told and told[-2:] == [(1.0, "60 of 60 pictures"), (1.0, "comparing the pictures")]


# ---- real pictures ------------------------------------------------------------------------------------------------------


def test_that_real_pictures_are_read(tmp_path: Path) -> None:
    place = os.environ.get("FILIAL_DATA")
    archive = Path(place or "") / "cifar10.zip"
    if not place or not archive.is_file():
        pytest.skip("FILIAL_DATA names no folder with cifar10.zip")
    with zipfile.ZipFile(archive) as pictures:
        chosen = [name for name in pictures.namelist() if name.endswith(".jpg")][::150]
        pictures.extractall(tmp_path / "unpacked", chosen)
    found = load(tmp_path / "unpacked", size=32)
    assert len(found) == len(chosen) == 400 and len(found.class_names) == 10 and not found.broken
    assert tuple(found.given) == ("train", "test")
    assert 0.4 < found.pictures_u8.mean() / 255 < 0.55  # CIFAR-10's mean is 0.47


def test_that_listing_has_no_taste_in_numbers() -> None:
    entries = [listing.Entry(f"{label}/{n}", "", label, 0, 0) for label in range(2) for n in range(3)]
    assert [entry.name for entry in listing.in_turn(entries)] == ["0/0", "1/0", "0/1", "1/1", "0/2", "1/2"]
