"""What the window's helper hears and says, its turns, and that it keeps to itself. What a recipe costs is in test_cost.py."""

import json
import subprocess
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine import assist, processes
from engine.assist import Asks
from engine.fields import RecipeError, RecipeErrors
from engine.run import Refused
from tests import toys


class Ear(BytesIO):
    """What was said, line by line."""

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def asks(ear: Ear) -> Asks:
    return Asks(ear)


def line(id_: int, ask: str, **payload: Any) -> bytes:
    return json.dumps({"id": id_, "ask": ask, **payload}).encode()


def answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: Any) -> dict[str, Any]:
    """What an ask ends with whose work is this."""
    monkeypatch.setitem(assist.VERBS, "scan", work)
    ear = Ear()
    asks = Asks(ear)
    monkeypatch.setattr(asks, "next", iter([{"id": 1, "ask": "scan"}, None]).__next__)
    assist.answer_all(asks, tmp_path)
    return ear.said[-1]


def test_that_asks_take_turns_and_end_with_the_window(asks: Asks) -> None:
    asks.hear(line(1, "scan"))
    asks.hear(line(2, "measure", recipe="x"))
    assert asks.next() == {"id": 1, "ask": "scan"}
    assert asks.next() == {"id": 2, "ask": "measure", "recipe": "x"}
    asks.hear_all([line(3, "scan")])
    assert asks.next() is None, "nobody is left who wants number 3"


@pytest.mark.parametrize("garbage", [b"{", b"[]", b'{"id": "1", "ask": "scan"}', b'{"ask": "scan"}', b"\xff"])
def test_that_a_line_that_is_no_ask_is_answered_with_what_one_is(asks: Asks, ear: Ear, garbage: bytes) -> None:
    asks.hear(garbage)
    assert ear.said == [
        {"id": 0, "error": 'an ask is one line of JSON such as {"id": 1, "ask": "scan", ...}', "field": ""},
    ]


def test_that_an_unknown_ask_is_answered_with_those_that_are_known(asks: Asks, ear: Ear) -> None:
    asks.hear(line(4, "guess"))
    assert ear.said == [
        {
            "id": 4,
            "error": "unknown ask 'guess'; "
            "known are scan, measure, savings, look, neighbours, embed, preview, fetch and cancel",
            "field": "",
        }
    ]


def test_that_a_newer_measure_takes_the_place_of_those_that_wait(asks: Asks, ear: Ear) -> None:
    asks.hear(line(1, "measure"))
    assert asks.next() == {"id": 1, "ask": "measure"}
    for id_, ask in ((2, "measure"), (3, "scan"), (4, "measure")):
        asks.hear(line(id_, ask))
    assert ear.said == [{"id": 2, "dropped": "superseded"}]
    assert [(asks.next() or {})["id"] for _ in "34"] == [3, 4], "the one under way and a scan are left alone"


def test_that_a_cancelled_ask_is_dropped_whether_it_waits_or_is_under_way(asks: Asks, ear: Ear) -> None:
    asks.hear(line(1, "scan"))
    asks.hear(line(2, "scan"))
    tell = asks.teller((asks.next() or {})["id"])
    tell(0.5, "half")
    asks.hear(line(2, "cancel"))
    asks.hear(line(9, "cancel"))
    tell(0.6, "more")
    asks.hear(line(1, "cancel"))
    with pytest.raises(assist.Dropped):
        tell(0.7, "even more")
    asks.end(1, {"dropped": "cancelled"})
    said = [one for one in ear.said if "dropped" in one]
    assert said == [{"id": 2, "dropped": "cancelled"}, {"id": 1, "dropped": "cancelled"}]


def test_that_the_next_ask_does_not_inherit_a_cancel(asks: Asks) -> None:
    asks.hear(line(1, "scan"))
    asks.next()
    asks.hear(line(1, "cancel"))
    asks.end(1, {"dropped": "cancelled"})
    asks.hear(line(2, "scan"))
    asks.next()
    asks.teller(2)(0.1, "goes on")


def test_that_progress_is_told_a_few_times_a_second_and_never_twice_alike(
    asks: Asks, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.05, 0.2, 0.4])
    monkeypatch.setattr(time, "monotonic", clock.__next__)
    tell = asks.teller(1)
    for words in ("one", "two", "three", "three"):
        tell(0.5, words)
    assert ear.said == [{"id": 1, "progress": 0.5, "words": words} for words in ("one", "three")]


def test_that_what_was_found_is_the_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = answered(monkeypatch, tmp_path, lambda asked, scratch, tell: {"at": str(scratch)})
    assert answer == {"id": 1, "answer": {"at": str(tmp_path)}}


@pytest.mark.parametrize(
    ("problem", "sentence", "field"),
    [
        (RecipeErrors([RecipeError("a.b", "is bad"), RecipeError("c", "too")]), "a.b: is bad\nc: too", "a.b"),
        (RecipeError("data.path", "is bad"), "data.path: is bad", "data.path"),
        (Refused("compute.device: cuda cannot be used here"), "compute.device: cuda cannot be used here", "compute.device"),
        (Refused("no field at all"), "no field at all", ""),
        (ValueError("data.path: /x is not a folder"), "data.path: /x is not a folder", "data.path"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "/x: No such file or directory", ""),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero", ""),
    ],
)
def test_that_a_refusal_is_a_sentence_with_its_field(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problem: Exception, sentence: str, field: str
) -> None:
    def work(*_: object) -> None:
        raise problem

    assert answered(monkeypatch, tmp_path, work) == {"id": 1, "error": sentence, "field": field}


@pytest.mark.parametrize(("ask", "missing"), [("scan", "'data'"), ("measure", "'recipe'")])
def test_that_an_ask_without_what_it_needs_says_what(ask: str, missing: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"{ask} needs {missing}"):
        assist.VERBS[ask]({"id": 1, "ask": ask}, tmp_path, lambda share, words: None)


def test_that_digits_are_scanned_like_any_other_data_set(tmp_path: Path) -> None:
    told: list[str] = []
    table = {"name": "digits", "train_size": 100}
    found = assist.VERBS["scan"]({"data": table, "ask": "scan"}, tmp_path, lambda share, words: told.append(words))
    assert (found["pictures"], len(found["classes"]), found["size"]) == (1797, 10, [8, 8])
    assert json.loads(json.dumps(found)) == found, "everything in an answer is plain"
    assert Path(found["sheet"]).is_relative_to(tmp_path)


def test_that_a_preview_comes_with_its_pictures_in_a_file(tmp_path: Path) -> None:
    wish = {"recipe": toys.single("augment.shift=1").text(), "picture": 3, "epoch": 2, "sheet": True}
    found = assist.VERBS["preview"]({"id": 7, "ask": "preview", **wish}, tmp_path, lambda share, words: None)
    assert (found["picture"], found["epoch"], found["teacher"]) == (3, 2, "labels")
    with np.load(found["file"]) as arrays:
        assert sorted(arrays) == ["picture", "sheet", "view0"] and np.array_equal(arrays["sheet"][3], arrays["picture"])


# ---- the process --------------------------------------------------------------------------------------------------------


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        processes.python("engine", "assist", "--scratch", str(tmp_path / "scratch")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=processes.environment(),
    ) as process:
        yield process
        process.kill()


def test_that_a_recipe_is_measured_in_another_process_that_ends_with_its_window(
    helper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    runs = toys.runs(tmp_path / "workspace", toys.single())
    before = sorted(path for path in runs[0].folder.rglob("*"))
    recipe = toys.lineage("compute.device=cpu", "compute.threads=1", "compute.precision=float32", "data.train_size=100").text()
    assert helper.stdin and helper.stdout
    helper.stdin.write(line(7, "measure", recipe=recipe, workspace=str(tmp_path / "workspace")) + b"\n")
    helper.stdin.flush()
    said = []
    while not said or "progress" in said[-1]:
        said.append(json.loads(helper.stdout.readline()))
    assert {one["id"] for one in said} == {7}
    assert psutil.Process(helper.pid).nice() > psutil.Process().nice() or psutil.Process().nice() == 19, "others go first"
    assert said[-1]["answer"]["total_steps"] == 4 * 13, said[-1]
    assert [path.name for path in (tmp_path / "workspace" / "data").iterdir()] == ["digits-0b7e9c32.npz"]
    assert sorted(path for path in runs[0].folder.rglob("*")) == before, "a run's folder was written into"
    helper.stdin.close()
    assert helper.wait(timeout=10) == 0


_NOISY = """
import os, sys, time
from pathlib import Path
from engine import assist
def scan(asked, scratch, tell):
    print("from Python")
    os.system("echo from a child")
    os.write(1, b"from a library\\n")
    while "for ever" in asked:
        time.sleep(60)
    return {}
assist.VERBS["scan"] = scan
assist.GRACE_S = 0.01
assist.assist(Path(sys.argv[1]))
"""


def test_that_what_libraries_print_never_reaches_the_window(tmp_path: Path) -> None:
    puppet = toys.Puppet(_NOISY.replace("assist.GRACE_S = 0.01", 'print("ready", flush=True)'), str(tmp_path))
    with puppet:
        assert json.loads(puppet.tell(line(1, "scan").decode())) == {"id": 1, "answer": {}}
        assert puppet.end() == 0


def test_that_a_closed_window_is_not_kept_waiting_by_what_hears_nothing(tmp_path: Path) -> None:
    command = [*processes.python("engine")[:2], "-c", _NOISY, str(tmp_path)]
    hangs = line(1, "scan", **{"for ever": True}) + b"\n"
    ended = subprocess.run(command, input=hangs, capture_output=True, env=processes.environment(), timeout=20)
    assert (ended.returncode, ended.stdout) == (0, b"")
