"""Pictures in one file: what comes out is what the folder would have given, and nothing that an archive says is believed."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from engine import explained, recipe
from engine.data import Pictures, archives, folder, listing, unlabelled
from engine.fields import RecipeError
from engine.recipe import Folder, Unlabelled

Put = Callable[[Path, dict[str, bytes]], Path]


def png(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (9, 9), (shade, 90, 30)).save(content, "PNG")
    return content.getvalue()


FILES = {f"toys/{name}/{place}.png": png(20 * place + 7 * number) for number, name in enumerate("abc") for place in range(6)}
FILES |= {"toys/a/film.mp4": b"long", "toys/b/README": b"words", "toys/c/.hidden.png": b"no", "toys/__MACOSX/a.png": b"no"}
FILES |= {"toys/empty/notes.txt": b"no picture", "toys/c/broken.png": b"no picture either"}


def as_zip(place: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place


def as_tar(place: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(place, "w:gz" if place.suffix.lower() in (".gz", ".tgz") else "w") as archive:
        for name, content in files.items():
            archive.addfile(entry(name, len(content)), io.BytesIO(content))
    return place


def as_folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def load(path: Path, data_folder: Path) -> Pictures:
    return folder.load(Folder(path=str(path), size=8), data_folder)


def refusal(path: Path, data_folder: Path) -> str:
    """What is said; and that nothing is left of what was begun."""
    with pytest.raises(RecipeError) as refused:
        load(path, data_folder)
    assert not [one for one in data_folder.iterdir() if one.name.startswith((".", "unpacked-"))]
    assert refused.value.field == "data.path" and "\n" not in str(refused.value)
    return refused.value.problem.replace(str(path), "HERE")


WAYS: dict[str, Put] = {"toys.zip": as_zip, "toys.tar": as_tar, "toys.tar.gz": as_tar, "TOYS.TGZ": as_tar}


# ---- the same as a folder -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
def test_that_an_archive_gives_what_its_folder_gives(tmp_path: Path, name: str) -> None:
    plain = load(as_folder(tmp_path / "plain", FILES), tmp_path / "one")
    packed = load(WAYS[name](tmp_path / name, FILES), tmp_path / "other")
    assert packed.files_sha256 == plain.files_sha256 and packed.cache == plain.cache and packed.broken == plain.broken
    assert packed.class_names == ("a", "b", "c") and (packed.pictures_u8 == plain.pictures_u8).all()
    assert packed.source and plain.source and packed.source.remarks == plain.source.remarks
    assert packed.source.remarks[0].startswith("left out: 1 .mp4") and packed.source.remarks[1].endswith("'empty'")


def test_that_pictures_without_classes_come_out_of_an_archive_too(tmp_path: Path) -> None:
    found = unlabelled.load(Unlabelled(path=str(as_zip(tmp_path / "toys.zip", FILES)), size=8), tmp_path / "data")
    assert len(found) == 18 and found.class_names == ()


def test_that_what_is_only_counted_takes_no_room_and_what_is_passed_over_is_not_there(tmp_path: Path) -> None:
    place = archives.unpacked(as_zip(tmp_path / "t.zip", FILES), tmp_path / "data", folder.silent)
    assert (place / "toys/a/film.mp4").stat().st_size == 0 and (place / "toys/a/0.png").read_bytes() == FILES["toys/a/0.png"]
    assert not [name for name in ("toys/b/README", "toys/c/.hidden.png", "toys/__MACOSX") if (place / name).exists()]


def test_that_an_archive_is_known_by_its_content_and_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = archives.unpacked(as_zip(tmp_path / "t.zip", FILES), tmp_path / "data", folder.silent)
    (tmp_path / "t.zip").rename(tmp_path / "moved.zip")
    monkeypatch.setattr(archives._Unpacking, "all", lambda self: pytest.fail("unpacked again"))
    assert archives.unpacked(tmp_path / "moved.zip", tmp_path / "data", folder.silent) == first


def test_that_a_copy_that_was_tampered_with_is_unpacked_again(tmp_path: Path) -> None:
    archive = as_zip(tmp_path / "t.zip", FILES)
    place = archives.unpacked(archive, tmp_path / "data", folder.silent)
    (place / "toys/a/0.png").unlink()
    (place / "toys/a/more.png").write_bytes(png(3))
    assert archives.unpacked(archive, tmp_path / "data", folder.silent) == place
    assert (place / "toys/a/0.png").exists() and not (place / "toys/a/more.png").exists()


def test_that_another_archive_of_the_same_name_is_another_set(tmp_path: Path) -> None:
    before = load(as_zip(tmp_path / "t.zip", FILES), tmp_path / "data")
    after = load(as_zip(tmp_path / "t.zip", FILES | {"toys/a/9.png": png(222)}), tmp_path / "data")
    assert len(after) == len(before) + 1 and after.files_sha256 != before.files_sha256


def test_that_a_layout_that_is_no_data_set_is_refused_in_the_archives_name(tmp_path: Path) -> None:
    said = refusal_of_layout(
        as_zip(tmp_path / "t.zip", {"toys/one/1.png": png(1), "toys/one/2.png": png(2)}), tmp_path / "data"
    )
    assert said.startswith("HERE/toys has pictures of one class only ('one')")


def refusal_of_layout(path: Path, data_folder: Path) -> str:
    with pytest.raises(listing.NoClasses) as refused:
        load(path, data_folder)
    return refused.value.problem.replace(str(path), "HERE")


def test_that_a_recipe_may_name_an_archive_and_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    as_zip(tmp_path / "t.zip", FILES)
    (tmp_path / "t.txt").touch()
    assert not list(recipe.folders_missing(Folder(path=str(tmp_path / "t.zip"))))
    assert "is a file" in str(next(recipe.folders_missing(Folder(path=str(tmp_path / "t.txt")))))
    assert "is not there" in str(next(recipe.folders_missing(Folder(path=str(tmp_path / "other.zip")))))


def test_that_an_archive_is_explained_by_its_names_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = as_zip(tmp_path / "t.zip", FILES)
    table = f"data={{name='folder', path='{archive.as_posix()}', test_share=0.2, val_share=0.2}}"
    assert explained.explain(recipe.read("born-again-digits", [table]), as_json=False) == 0
    assert "pictures to train on" in capsys.readouterr().out and list(tmp_path.iterdir()) == [archive]


def test_that_the_real_archives_are_read() -> None:
    place = Path(os.environ.get("FILIAL_DATA", "")) / "natural-images.zip"
    if not os.environ.get("FILIAL_DATA") or not place.is_file():
        pytest.skip("FILIAL_DATA names no folder with natural-images.zip")
    with place.open("rb") as file:
        found = [member for member, total in archives._members(file, place.stat().st_size, folder.silent)]
    assert len(found) == 998 and {member.kind for member in found} == {"file"}


# ---- who is told --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("kind", [InterruptedError, ValueError])
def test_that_whoever_is_told_can_end_it_at_any_moment_and_nothing_is_left(
    tmp_path: Path, name: str, kind: type[Exception]
) -> None:
    archive = WAYS[name](tmp_path / name, FILES)
    calls = told(archive, tmp_path / "whole")
    for last in range(0, calls, 5):
        heard = 0

        def enough(done: int, total: int, last: int = last) -> None:
            nonlocal heard
            heard += 1
            if heard > last:
                raise kind("enough")

        with pytest.raises(kind, match="enough"):
            archives.unpacked(archive, tmp_path / f"data{last}", enough)
        left = [one.name for one in (tmp_path / f"data{last}").glob("*")]
        assert not [one for one in left if one.startswith((".", "unpacked-"))]


def told(archive: Path, data_folder: Path) -> int:
    heard: list[tuple[int, int]] = []
    archives.unpacked(archive, data_folder, lambda done, total: heard.append((done, total)))
    if archive.suffix == ".zip":
        assert (18, 19) in heard
    return len(heard)


def test_that_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "data" / ".unpacked-0123456789abcdef.999999999"
    (left / "toys").mkdir(parents=True)
    archives.unpacked(as_zip(tmp_path / "t.zip", FILES), tmp_path / "data", folder.silent)
    assert not left.exists()


# ---- what is hostile or broken ------------------------------------------------------------------------------------------

OUTSIDE = ["../evil.png", "a/../../evil.png", "/tmp/evil.png", "C:/evil.png", "a\\..\\evil.png", "//server/share/evil.png"]


@pytest.mark.parametrize("put", [as_zip, as_tar])
@pytest.mark.parametrize("name", OUTSIDE)
def test_that_a_name_that_leads_outside_refuses_the_archive(tmp_path: Path, put: Put, name: str) -> None:
    said = refusal(put(tmp_path / "evil.tar", FILES | {name: png(1)}), tmp_path / "inner" / "data")
    assert said.startswith("HERE holds the name '") and "may lead out of the folder" in said
    assert not list(tmp_path.rglob("evil.png")) and not Path("/tmp/evil.png").exists()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.CHRTYPE, "device"), (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
    ],
)  # fmt: skip
def test_that_links_and_devices_in_a_tar_refuse_it(tmp_path: Path, kind: bytes, said: str) -> None:
    archive = as_tar(tmp_path / "evil.tar", FILES)
    with tarfile.open(archive, "a") as more:
        more.addfile(entry("toys/a/evil.png", kind=kind, link="/etc/passwd"))
    assert refusal(archive, tmp_path / "data").startswith(f"HERE holds 'toys/a/evil.png', which is a {said}")


def test_that_a_link_in_a_zip_refuses_it(tmp_path: Path) -> None:
    archive = as_zip(tmp_path / "evil.zip", FILES)
    info = zipfile.ZipInfo("toys/a/evil.png")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(info, "/etc/passwd")
    assert "which is a link" in refusal(archive, tmp_path / "data")


def test_that_a_link_cannot_be_written_through(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as made:
        made.addfile(entry("toys", kind=tarfile.SYMTYPE, link=str(tmp_path)))
        made.addfile(entry("toys/evil.png", 3), io.BytesIO(b"bad"))
    assert "which is a link" in refusal(archive, tmp_path / "data") and not (tmp_path / "evil.png").exists()


def test_that_a_file_with_holes_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as made:
        made.addfile(entry("toys/a/1.png", kind=tarfile.GNUTYPE_SPARSE))
    assert "which is a file with holes" in refusal(archive, tmp_path / "data")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("put", [as_zip, as_tar])
def test_that_a_name_that_is_there_twice_refuses_the_archive(tmp_path: Path, put: Put) -> None:
    said = refusal(put(tmp_path / "evil.zip", FILES | {"./toys/a/0.png": png(1)}), tmp_path / "data")
    assert said == "HERE holds './toys/a/0.png' twice; unpack it yourself and write the folder"


@pytest.mark.parametrize("name", WAYS)
def test_that_what_swells_is_refused_while_it_is_unpacked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREELY", 2**18)
    monkeypatch.setattr(archives, "RATIO", 20)
    bomb = WAYS[name](tmp_path / name, {f"toys/a/{place}.png": bytes(2**20) for place in range(3)})
    if name == "toys.tar":  # it is as large as what is in it
        assert "can be read" in refusal_of_pictures(bomb, tmp_path / "data")
    else:
        assert "unpacks to more than 20 times as much, as no pictures do" in refusal(bomb, tmp_path / "data")


def refusal_of_pictures(path: Path, data_folder: Path) -> str:
    with pytest.raises(RecipeError) as refused:
        unlabelled.load(Unlabelled(path=str(path), size=8), data_folder)
    return refused.value.problem


def test_that_a_stretch_that_is_passed_over_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREELY", 2**18)
    bomb = as_tar(tmp_path / "bomb.tar.gz", {"toys/a/notes.txt": bytes(2**24)} | FILES)
    assert "unpacks to more than 200 times as much" in refusal(bomb, tmp_path / "data")


def test_that_more_than_the_disk_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 300}))
    said = refusal(as_zip(tmp_path / "t.zip", FILES), tmp_path / "data")
    assert said.startswith("HERE needs more than the 300 B that are free in") and said.endswith("free some space")


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MEMBERS", 5, "holds more than 5 files"),
        ("DEEPEST", 1, "more than 1 deep"),
        ("LARGEST", 50, "more than any picture has"),
    ],
)
def test_that_count_depth_and_size_have_limits(
    tmp_path: Path, limit: str, value: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, limit, value)
    for name, put in WAYS.items():
        assert said in refusal(put(tmp_path / name, FILES), tmp_path / "data")


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.75])
def test_that_a_cut_archive_is_named_as_damaged(tmp_path: Path, name: str, share: float) -> None:
    archive = WAYS[name](tmp_path / name, {f"toys/a/{place}.png": os.urandom(3000) for place in range(9)})
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    said = refusal(archive, tmp_path / "data")
    assert said.startswith("HERE is damaged (") and said.endswith("copy or download it again")


def test_that_a_picture_of_a_zip_whose_sum_is_wrong_is_not_believed(tmp_path: Path) -> None:
    archive = tmp_path / "t.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        made.writestr("toys/a/1.png", png(1))
    archive.write_bytes(archive.read_bytes().replace(png(1)[20:40], bytes(20)))
    assert "is damaged (Bad CRC-32 for file 'toys/a/1.png')" in refusal(archive, tmp_path / "data")


def test_that_a_header_that_asks_for_all_memory_gets_none(tmp_path: Path) -> None:
    header = entry("toys/a/1.png", 2**40, tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "evil.tar").write_bytes(header + bytes(2**16))
    (tmp_path / "evil.tar.gz").write_bytes(gzip.compress(header + bytes(2**16)))
    for name in ("evil.tar", "evil.tar.gz"):
        assert "a header of a size that none has" in refusal(tmp_path / name, tmp_path / "data")


def test_that_a_size_below_zero_does_not_lead_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "evil.tar").write_bytes(entry("toys/a/1.png", -1024).tobuf(tarfile.GNU_FORMAT) + bytes(2**12))
    assert "HERE is damaged (" in refusal(tmp_path / "evil.tar", tmp_path / "data")


def test_that_a_locked_zip_is_refused_as_such(tmp_path: Path) -> None:
    archive = as_zip(tmp_path / "t.zip", {"toys/a/1.png": png(1)})
    content = bytearray(archive.read_bytes())
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + offset] |= 1
    archive.write_bytes(content)
    assert refusal(archive, tmp_path / "data") == "HERE is locked with a password; unpack it yourself and write the folder"


def test_that_a_full_disk_is_not_called_the_archives_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives._Unpacking, "all", full)
    with pytest.raises(OSError, match="No space left"):
        archives.unpacked(as_zip(tmp_path / "t.zip", FILES), tmp_path / "data", folder.silent)
