"""The window's helper as the window sees it: asks and their ends; a helper that dies, babbles or hangs; what is left of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from engine import processes
from studio import assistant as room
from studio.assistant import Assistant
from tests import toys

FAKE = """
import json, os, sys, time
from pathlib import Path
def say(**what):
    print(json.dumps(what), flush=True)
scratch = Path(sys.argv[1])
with (scratch / "starts").open("a") as file:
    file.write("x")
starts = len((scratch / "starts").read_text())
for line in sys.stdin:
    with (scratch / "heard").open("a") as file:
        file.write(line)
    asked = json.loads(line)
    id, word = asked["id"], asked.get("do", asked["ask"])
    if word == "answer":
        say(id=id, progress=0.5, words="half")
        say(id=id, answer={"starts": starts, "size": [8, 8], "classes": [{"name": "0"}]})
    elif word == "error":
        say(id=id, error="a.b: is bad", field="a.b")
    elif word == "drop":
        say(id=id, dropped="superseded")
    elif word == "babble":
        print("no JSON\\n[1]\\n7\\n{}\\n{\\"id\\": []}\\n{\\"id\\": 99, \\"answer\\": {}}", flush=True)
        say(id=id, answer={})
    elif word == "die" or (word == "die once" and starts == 1):
        sys.exit("it hurts")
    elif word == "die once":
        say(id=id, answer={"starts": starts})
    elif word == "hang":
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(id=id, progress=0.1, words="hangs")
        while True:
            time.sleep(60)
"""


class Ends:
    """What an assistant has said, in order."""

    def __init__(self, assistant: Assistant) -> None:
        self.said: list[tuple[Any, ...]] = []
        assistant.progressed.connect(lambda *told: self.said.append(("progressed", *told)))
        assistant.answered.connect(lambda *told: self.said.append(("answered", *told)))
        assistant.failed.connect(lambda *told: self.said.append(("failed", *told)))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [told[1:] for told in self.said if told[0] == kind]


def fake(scratch: Path) -> list[str]:
    return [*processes.python("engine")[:2], "-c", FAKE, str(scratch)]


@pytest.fixture
def open_assistant(
    qapp: QCoreApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Assistant, Ends]]]:
    """An assistant with a fake process, and what it says. Afterwards no process, no thread and no file of it is left."""
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr(room, "PATIENCE_S", 0.2)
    opened: list[Assistant] = []

    def start(command: Callable[[Path], Sequence[str]] = fake) -> tuple[Assistant, Ends]:
        opened.append(Assistant(command=command))
        return opened[-1], Ends(opened[-1])

    yield start
    for one in opened:
        one.close()
        one.deleteLater()
    assert not [child for child in psutil.Process().children() if str(place) in " ".join(child.cmdline())]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("assistant-")]
    assert not list(place.glob("filial-assistant-*"))


def scratch(tmp_path: Path) -> Path:
    return next((tmp_path / "scratch").iterdir())


def test_that_no_process_is_started_before_the_first_ask(open_assistant: Any, tmp_path: Path) -> None:
    assistant, _ = open_assistant()
    assert not list((tmp_path / "scratch").iterdir()) and not assistant.busy


def test_that_an_ask_is_answered_under_its_number(open_assistant: Any, qtbot: QtBot) -> None:
    assistant, ends = open_assistant()
    first, second = assistant.ask("answer"), assistant.ask("error")
    qtbot.waitUntil(lambda: not assistant.busy)
    assert ends.said == [
        ("progressed", first, 0.5, "half"),
        ("answered", first, {"starts": 1, "size": [8, 8], "classes": [{"name": "0"}]}),
        ("failed", second, "a.b: is bad", "a.b"),
    ]


def test_that_an_ask_travels_with_its_payload(open_assistant: Any, qtbot: QtBot, tmp_path: Path) -> None:
    assistant, _ = open_assistant()
    number = assistant.ask("answer", data={"name": "folder", "path": Path("/a/b"), "size": 32})
    qtbot.waitUntil(lambda: not assistant.busy)
    heard = json.loads((scratch(tmp_path) / "heard").read_text())
    assert heard == {"id": number, "ask": "answer", "data": {"name": "folder", "path": "/a/b", "size": 32}}


def test_that_lines_that_are_none_of_its_are_passed_over(open_assistant: Any, qtbot: QtBot) -> None:
    assistant, ends = open_assistant()
    number = assistant.ask("babble")
    qtbot.waitUntil(lambda: not assistant.busy)
    assert ends.said == [("answered", number, {})]


def test_that_a_superseded_ask_ends_without_a_word(open_assistant: Any, qtbot: QtBot) -> None:
    assistant, ends = open_assistant()
    assistant.ask("drop")
    qtbot.waitUntil(lambda: not assistant.busy)
    assert ends.said == []


def test_that_nothing_more_is_heard_of_a_cancelled_ask(open_assistant: Any, qtbot: QtBot, tmp_path: Path) -> None:
    assistant, ends = open_assistant()
    unwanted, wanted = assistant.ask("answer"), assistant.ask("answer")
    assistant.cancel(unwanted)
    assistant.cancel(12345)
    qtbot.waitUntil(lambda: not assistant.busy)
    assert {told[1] for told in ends.said} == {wanted}
    qtbot.waitUntil(lambda: '"cancel"' in (scratch(tmp_path) / "heard").read_text())
    assert json.loads((scratch(tmp_path) / "heard").read_text().splitlines()[-1]) == {"id": unwanted, "ask": "cancel"}


def test_that_a_helper_that_dies_is_started_and_asked_once_more(open_assistant: Any, qtbot: QtBot) -> None:
    assistant, ends = open_assistant()
    number, other = assistant.ask("die once"), assistant.ask("answer")
    qtbot.waitUntil(lambda: not assistant.busy)
    assert ends.of("answered")[0] == (number, {"starts": 2})
    assert ends.of("answered")[1][0] == other and not ends.of("failed")


def test_that_a_helper_that_dies_twice_has_failed_and_names_its_log(open_assistant: Any, qtbot: QtBot, tmp_path: Path) -> None:
    assistant, ends = open_assistant()
    number = assistant.ask("die")
    qtbot.waitUntil(lambda: not assistant.busy)
    log = scratch(tmp_path) / "assistant.log"
    sentence = f"the assistant ended twice (exit code 1) before it could answer; see {log}"
    assert ends.said == [("failed", number, sentence, "")]
    assert log.read_text() == "it hurts\n" * 2
    again = assistant.ask("answer")
    qtbot.waitUntil(lambda: not assistant.busy)
    assert ends.of("answered")[0][:2] == (again, {"starts": 3, "size": [8, 8], "classes": [{"name": "0"}]})


def test_that_a_helper_that_dies_with_nothing_to_do_is_not_missed(open_assistant: Any, qtbot: QtBot, tmp_path: Path) -> None:
    assistant, ends = open_assistant()
    number = assistant.ask("die")
    assistant.cancel(number)
    qtbot.waitUntil(lambda: assistant._process is None)
    assert (scratch(tmp_path) / "starts").read_text() == "x" and ends.said == []


def test_that_a_helper_that_cannot_be_started_fails_once_the_asker_knows_its_number(
    open_assistant: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    assistant, ends = open_assistant(lambda place: [str(tmp_path / "missing")])
    number = assistant.ask("answer")
    assert ends.said == []
    qtbot.waitUntil(lambda: not assistant.busy)
    assert ends.said == [("failed", number, "the assistant cannot be started: No such file or directory", "")]


def test_that_a_helper_that_hangs_holds_up_neither_asks_nor_closing(open_assistant: Any, qtbot: QtBot) -> None:
    assistant, ends = open_assistant()
    assistant.ask("hang")
    qtbot.waitUntil(lambda: bool(ends.said))
    process = psutil.Process(assistant._process._process.pid)
    began = time.monotonic()
    for _ in range(4):  # more than a pipe holds
        assistant.ask("answer", recipe="x" * 100_000)
    assert time.monotonic() - began < 0.5
    assistant.close()
    assert not process.is_running() and time.monotonic() - began < 3
    assert len(ends.said) == 1


def test_that_nothing_is_started_after_closing(open_assistant: Any, tmp_path: Path) -> None:
    assistant, _ = open_assistant()
    assistant.ask("answer")
    assistant.close()
    assert assistant.ask("answer") == 0
    assert not assistant.busy and not list((tmp_path / "scratch").iterdir())


def test_that_what_was_said_before_closing_is_not_heard_after_it(open_assistant: Any, qtbot: QtBot, tmp_path: Path) -> None:
    assistant, ends = open_assistant()
    assistant.ask("answer")
    heard = scratch(tmp_path) / "heard"
    toys.until(heard.exists)
    assistant.close()
    QCoreApplication.processEvents()
    assert ends.said == []


def test_that_a_real_helper_measures_a_recipe_and_writes_into_no_run(open_assistant: Any, qtbot: QtBot, tmp_path: Path) -> None:
    run = toys.runs(tmp_path / "workspace")[0]
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    assistant, ends = open_assistant(room._command)
    text = toys.lineage("compute.device=cpu", "compute.precision=float32", "data.train_size=100", "model.width=4").text()
    number = assistant.ask("measure", recipe=text, workspace=tmp_path / "workspace")
    qtbot.waitUntil(lambda: not assistant.busy, timeout=60_000)
    assert not ends.of("failed"), ends.said
    assert ends.of("answered")[0][0] == number
    assert ends.of("answered")[0][1]["runs"] == 4
    assert {told[0] for told in ends.of("progressed")} == {number}
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before


def test_that_a_real_helper_says_which_field_it_refuses(open_assistant: Any, qtbot: QtBot) -> None:
    assistant, ends = open_assistant(room._command)
    number = assistant.ask("measure", recipe='version = 1\nlineage = "toy"\n[training]\nepochs = 0\n')
    qtbot.waitUntil(lambda: not assistant.busy, timeout=60_000)
    sentence = "training.epochs: 0 is outside its range; write a value in [1, 100000] epochs"
    assert ends.of("failed") == [(number, sentence, "training.epochs")]
