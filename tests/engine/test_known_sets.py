"""Known sets are fetched whole or not at all, go on where they stopped, and become folders of pictures like any other."""

import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import served
from PIL import Image
from served import Server, serving, small

from engine import assist, known_sets
from engine.__main__ import main
from engine.data import DATASETS
from engine.known_sets import KNOWN, fetch
from engine.recipe import parse_data
from engine.run import Refused

MADE = {"cifar10": served.cifar10, "fashion-mnist": served.fashion, "flowers102": served.flowers}


def silent(share: float, words: str) -> None:
    pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has the small sets; each set's own address is here."""
    made = {name: make() for name, make in MADE.items()}
    with serving({file: content for files in made.values() for file, content in files.items()}) as server:
        for name, files in made.items():
            monkeypatch.setitem(KNOWN, name, small(name, files, server.address))
        yield server


def loaded(table: dict[str, Any], folder: Path) -> Any:
    return DATASETS["folder"](parse_data(table), folder, lambda done, total: None, 1)


def test_that_cifar_becomes_a_folder_split_as_it_was_published(tmp_path: Path, server: Server) -> None:
    said: list[tuple[float, str]] = []
    table = fetch("cifar10", tmp_path, lambda share, words: said.append((share, words)))
    assert table == {"name": "folder", "path": str(tmp_path / "cifar10"), "size": 32, "colour": "rgb"}
    pictures = loaded(table, tmp_path)
    assert pictures.class_names == ("cat", "frog") and {part: len(held) for part, held in pictures.given.items()} == {
        "train": 20,
        "test": 4,
    }
    reds = sorted(int(pictures.pictures_u8[place, 0, 0, 0]) for place in pictures.given["test"])
    assert reds == [50, 51, 52, 53] and (tmp_path / "cifar10" / "train" / "frog" / "data_batch_2-00001.png").is_file()
    shares = [share for share, _ in said]
    assert shares == sorted(shares) and said[-1] == (1.0, "CIFAR-10 is here") and "fetching CIFAR-10" in said[0][1]
    assert not (tmp_path / ".fetching-cifar10").exists()


def test_that_fashion_mnist_is_grey_and_flowers_keep_their_three_parts(tmp_path: Path, server: Server) -> None:
    fashion = loaded(fetch("fashion-mnist", tmp_path, silent), tmp_path)
    assert (fashion.channels, fashion.size, len(fashion.class_names)) == (1, (28, 28), 10)
    assert "T-shirt-top" in fashion.class_names and len(fashion.given["test"]) == 10
    flowers = loaded(fetch("flowers102", tmp_path, silent), tmp_path)
    assert {part: len(held) for part, held in flowers.given.items()} == {"train": 4, "val": 4, "test": 4}
    assert flowers.class_names == ("001", "002") and flowers.source.modes == {"RGB": 12}


def test_that_a_set_that_is_here_is_not_fetched_again(tmp_path: Path, server: Server) -> None:
    fetch("cifar10", tmp_path, silent)
    asked = len(server.asked)
    fetch("cifar10", tmp_path, silent)
    assert len(server.asked) == asked


def test_that_a_broken_connection_goes_on_where_it_stopped(tmp_path: Path, server: Server) -> None:
    server.breaks = 100
    with pytest.raises(Refused, match=r"the connection ended after .*; 100 B are kept, and the next try goes on from there"):
        fetch("cifar10", tmp_path, silent)
    assert not known_sets.is_here("cifar10", tmp_path)
    fetch("cifar10", tmp_path, silent)
    assert server.asked[-1] == ("cifar-10-python.tar.gz", "bytes=100-") and known_sets.is_here("cifar10", tmp_path)


def test_that_a_server_that_cannot_go_on_sends_all_of_it_anew(tmp_path: Path, server: Server) -> None:
    server.breaks, server.ranges = 100, False
    with pytest.raises(Refused):
        fetch("cifar10", tmp_path, silent)
    fetch("cifar10", tmp_path, silent)
    assert len(list((tmp_path / "cifar10").rglob("*.png"))) == 24


def test_that_a_cancel_keeps_what_has_arrived_and_leaves_no_set(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_sets, "CHUNK", 64)

    def cancel(share: float, words: str) -> None:
        if share > 0.3:
            raise assist.Dropped

    with pytest.raises(assist.Dropped):
        fetch("cifar10", tmp_path, cancel)
    part = tmp_path / ".fetching-cifar10" / "cifar-10-python.tar.gz.part"
    there = part.stat().st_size
    assert 0 < there < KNOWN["cifar10"].length and not known_sets.is_here("cifar10", tmp_path)
    fetch("cifar10", tmp_path, silent)
    assert server.asked[-1][1] == f"bytes={there}-"


def test_that_unpacking_that_was_ended_begins_anew(tmp_path: Path, server: Server) -> None:
    def end(share: float, words: str) -> None:
        if words.startswith("unpacking"):
            raise assist.Dropped

    with pytest.raises(assist.Dropped):
        fetch("cifar10", tmp_path, end)
    stray = tmp_path / ".fetching-cifar10" / "pictures" / "train" / "cat"
    stray.mkdir(parents=True, exist_ok=True)
    (stray / "stray.png").touch()
    asked = len(server.asked)
    fetch("cifar10", tmp_path, silent)
    assert not (tmp_path / "cifar10" / "train" / "cat" / "stray.png").exists()
    assert len(server.asked) == asked, "the archive was here, whole"


def test_that_another_file_than_the_known_one_is_refused_and_removed(tmp_path: Path, server: Server) -> None:
    server.files["cifar-10-python.tar.gz"] = b"something else" * 20
    with pytest.raises(Refused, match="is not the file that is known"):
        fetch("cifar10", tmp_path, silent)
    assert list((tmp_path / ".fetching-cifar10").iterdir()) == []


def test_that_an_unreachable_or_missing_file_is_said_with_the_way_out(tmp_path: Path, server: Server) -> None:
    del server.files["cifar-10-python.tar.gz"]
    with pytest.raises(Refused, match=r"cannot be fetched \(Not Found\)\. FILIAL_MIRROR may name another place"):
        fetch("cifar10", tmp_path, silent)


def test_that_a_mirror_takes_the_place_of_the_address(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN, "cifar10", small("cifar10", served.cifar10(), "http://127.0.0.1:9/nowhere"))
    monkeypatch.setenv(known_sets.MIRROR, server.address + "/")
    assert Path(fetch("cifar10", tmp_path, silent)["path"]).is_dir()


def test_that_a_full_disk_is_refused_before_anything_is_fetched(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_sets.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(Refused, match=r"CIFAR-10 needs .*, and 10 B are free"):
        fetch("cifar10", tmp_path, silent)
    assert not server.asked


def test_that_a_pickle_that_would_call_something_is_refused() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("called",)

    with pytest.raises(pickle.UnpicklingError, match="has no place"):
        known_sets._OnlyArrays(io.BytesIO(pickle.dumps(Evil()))).load()
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(known_sets._OnlyArrays(io.BytesIO(pickle.dumps(array, 2)), encoding="bytes").load(), array)


def test_that_every_known_set_says_size_source_licence_and_sums() -> None:
    for known in KNOWN.values():
        assert known.length > 1e6 and ("licence" in known.words) and known.base.startswith("http")
        assert all(len(file.md5) == 32 and file.length > 0 for file in known.files)


# ---- on the command line and for the window --------------------------------------------------------------------------------


def test_that_the_window_gets_the_table_of_what_was_fetched(tmp_path: Path, server: Server) -> None:
    found = assist.VERBS["fetch"]({"ask": "fetch", "name": "cifar10", "workspace": str(tmp_path)}, tmp_path, silent)
    assert found["table"]["path"] == str(tmp_path / "data" / "cifar10")


def test_that_data_add_fetches_and_list_and_inspect_know_it(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "inspect", "cifar10", "--runs", str(tmp_path)]) == 2
    assert "CIFAR-10 is not here yet; `filial data add cifar10` fetches it" in capsys.readouterr().err
    assert main(["data", "add", "cifar10", "--json", "--runs", str(tmp_path)]) == 0
    added = json.loads(capsys.readouterr().out)
    assert (added["name"], added["pictures"], added["given"]) == ("cifar10", 24, ["train", "test"])
    assert main(["data", "list", "--json", "--runs", str(tmp_path)]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["cifar10"]["state"] == "added" and rows["cifar10"]["classes"] == 2
    assert rows["fashion-mnist"]["state"].endswith("to fetch") and rows["digits"]["state"] == "built in"
    assert main(["data", "inspect", "cifar10", "--set", "size=16", "--json", "--runs", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == [16, 16]


def picture(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(level).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((16, 16), Image.Resampling.BICUBIC).save(path)


def test_that_a_folder_is_added_inspected_and_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in range(12):
        picture(tmp_path / "pets" / "ab"[place % 2] / f"{place}.png", place)
    picture(tmp_path / "pets" / "a" / "again.png", 0)
    (tmp_path / "pets" / "b" / "bad.png").write_bytes(b"")
    runs = ["--runs", str(tmp_path / "runs")]
    assert main(["data", "add", str(tmp_path / "pets"), "--set", "data.size=16", *runs]) == 0
    said = capsys.readouterr().out
    for part in (
        "pets: 13 pictures of 16 x 16 px, RGB",
        "broken files: 1\n  b/bad.png is empty",
        "a/0.png = a/again.png",
        "there twice: 1 group of equal pictures",
        "nearly the same: 0 pairs",
        "channels of the training pictures: mean 0.",
        "balance: a has 1.17 times the pictures of b",
        f"--set data.path={tmp_path / 'pets'} --set data.size=16",
    ):
        assert part in said, said
    assert main(["data", "inspect", "pets", *runs]) == 0, "it is known by its name now"
    assert main(["data", "list", *runs]) == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("pets ") and "added" in line)
    assert row[:4] == ["pets", "added", "13", "2"]


def test_that_one_name_is_one_data_set_and_what_nobody_knows_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("one/pets", "two/pets"):
        for place in range(8):
            picture(tmp_path / folder / "ab"[place % 2] / f"{place}.png", place)
    runs = ["--runs", str(tmp_path / "runs")]
    assert main(["data", "add", str(tmp_path / "one" / "pets"), "--set", "size=8", *runs]) == 0
    assert main(["data", "add", str(tmp_path / "two" / "pets"), "--set", "size=8", *runs]) == 2
    assert "take another --name" in capsys.readouterr().err
    assert main(["data", "add", str(tmp_path / "two" / "pets"), "--set", "size=8", "--name", "more", *runs]) == 0
    assert main(["data", "inspect", "cifar1", *runs]) == 2
    assert "neither a path that is there nor a data set; there are, the nearest first: cifar10" in capsys.readouterr().err
    assert main(["data", "inspect", "digits", "--set", "sise=8", *runs]) == 2
    assert "data.sise" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "digits", "cifar10", "a b"])
def test_that_a_name_that_is_no_file_or_is_taken_is_refused_before_anything_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["data", "add", str(tmp_path / "nowhere"), "--name", name, "--runs", str(tmp_path / "runs")]) == 2
    assert f"--name {name!r}" in capsys.readouterr().err and not (tmp_path / "runs" / "data").exists()


def test_that_small_pictures_are_asked_the_room_of_whole_blocks() -> None:
    assert known_sets.KNOWN["fashion-mnist"].room > 4096 * 70_000 > known_sets.KNOWN["fashion-mnist"].length
    assert known_sets.KNOWN["flowers102"].room == pytest.approx(2.2 * known_sets.KNOWN["flowers102"].length, rel=1e-6)
