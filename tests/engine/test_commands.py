"""Commands: one immutable file each, and what an engine reads of them."""

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import toys

from engine import commands, reading, recipe
from engine.commands import AnyCommand, Change, Pause, ProbeNow, SaveNow, Stop

NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-(?P<host>.+)-(?P<pid>\d+)-(?P<n>\d+)")


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (Stop(attempt=1, when="epoch"), {"type": "stop", "attempt": 1, "when": "epoch"}),
        (Stop(attempt=2, when="now"), {"type": "stop", "attempt": 2, "when": "now"}),
        (Pause(attempt=1), {"type": "pause", "attempt": 1}),
        (SaveNow(attempt=1), {"type": "save_now", "attempt": 1}),
        (ProbeNow(), {"type": "probe_now", "attempt": 0}),
        (
            Change(attempt=3, field="optimizer.lr", value=0.5),
            {"type": "change", "attempt": 3, "field": "optimizer.lr", "value": 0.5},
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_that_a_command_is_a_file_that_says_this(tmp_path: Path, command: AnyCommand, body: dict[str, Any]) -> None:
    key = commands.post(tmp_path, command)
    (path,) = tmp_path.iterdir()
    assert path.name == f"{key}.json"
    assert json.loads(path.read_bytes()) == {**body, "id": key}
    (read,) = commands.read(tmp_path, set())
    assert read == type(command)(**{**{k: v for k, v in body.items() if k != "type"}, "id": key})


def test_that_a_file_is_named_by_time_host_process_and_number(tmp_path: Path) -> None:
    first, second = (NAME.fullmatch(commands.post(tmp_path, Pause())) for _ in range(2))
    assert first and second
    assert first["host"] == second["host"] == socket.gethostname()
    assert int(first["pid"]) == os.getpid() and int(second["n"]) == int(first["n"]) + 1


def test_that_a_file_is_written_aside_and_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, set[str], bytes]] = []
    original = commands.processes.replace

    def watched(source: Path, target: Path) -> None:
        seen.append((source.name, {path.name for path in tmp_path.glob("*.json")}, source.read_bytes()))
        original(source, target)

    monkeypatch.setattr(commands.processes, "replace", watched)
    key = commands.post(tmp_path, Stop())
    ((aside, visible, content),) = seen
    assert aside.startswith(".") and visible == set(), "nothing could be read before it was whole"
    assert json.loads(content)["id"] == key
    assert [path.name for path in tmp_path.iterdir()] == [f"{key}.json"]


def test_that_the_folder_is_made_by_the_first_command(tmp_path: Path) -> None:
    assert commands.read(tmp_path / "commands", set()) == []
    commands.post(tmp_path / "commands", Pause())
    assert len(commands.read(tmp_path / "commands", set())) == 1


def test_that_a_command_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        commands.post(tmp_path / "gone" / "commands", Pause())
    (tmp_path / "commands").write_text("a file in its place")
    with pytest.raises(OSError):
        commands.post(tmp_path / "commands", Pause())
    assert [path.name for path in tmp_path.iterdir()] == ["commands"]


def test_that_commands_are_read_once_and_the_oldest_first(tmp_path: Path) -> None:
    known: set[str] = set()
    keys = [commands.post(tmp_path, command) for command in (SaveNow(), Stop(), Pause())]
    assert [command.id for command in commands.read(tmp_path, known)] == keys
    assert commands.read(tmp_path, known) == []
    late = commands.post(tmp_path, ProbeNow())
    assert [command.id for command in commands.read(tmp_path, known)] == [late]
    assert known == {*keys, late}


@pytest.mark.parametrize("jump", [-86_400.0, -1.0, 86_400.0])
def test_that_a_clock_that_is_set_keeps_commands_in_the_order_they_were_asked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    asked: list[AnyCommand] = [
        SaveNow(),
        Change(field="optimizer.lr", value=0.1),
        Change(field="optimizer.lr", value=0.2),
        Pause(),
    ]
    clock = [1_800_000_000.0, *(1_800_000_000.0 + jump + second for second in (0.1, 0.1, 0.2))]
    (tmp_path / "stop.json").write_bytes(b'{"type":"stop"}')  # a stranger's name is no time
    monkeypatch.setattr(commands.time, "time", lambda: clock.pop(0))
    keys = [commands.post(tmp_path, command) for command in asked]
    assert keys == sorted(keys) and all(map(NAME.fullmatch, keys))
    assert [type(command) for command in commands.read(tmp_path, set())] == [*map(type, asked), Stop]


def test_that_time_orders_commands_of_several_hosts(tmp_path: Path) -> None:
    for stamp, host in (("20250101T000000.000002Z", "a"), ("20250101T000000.000001Z", "z"), ("20241231T235959.999999Z", "m")):
        (tmp_path / f"{stamp}-{host}-1-0.json").write_text('{"type":"pause"}')
    assert [command.id[24] for command in commands.read(tmp_path, set())] == ["m", "z", "a"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'{"type":"dance"}', b'{"type":"stop","when":"later"}', b'{"type":"change","field":"x"}', b"[]"],
)
def test_that_a_file_that_says_no_command_is_skipped_for_good(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0-bad.json").write_bytes(content)
    key = commands.post(tmp_path, Pause())
    known: set[str] = set()
    assert [command.id for command in commands.read(tmp_path, known)] == [key]
    (tmp_path / "0-bad.json").write_bytes(b'{"type":"pause"}')
    assert commands.read(tmp_path, known) == [], "a command's file is immutable"


def test_that_what_is_not_a_command_file_is_left_alone(tmp_path: Path) -> None:
    for name in (".20250101-x.json.77", ".half.json", "notes.txt"):
        (tmp_path / name).write_text('{"type":"pause"}')
    assert commands.read(tmp_path, set()) == []


def test_that_a_file_that_cannot_be_opened_just_now_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = commands.post(tmp_path, Stop())
    known: set[str] = set()
    with monkeypatch.context() as patch:

        def refuse(path: Path) -> bytes:
            raise PermissionError(path)

        patch.setattr(reading, "opened", refuse)
        assert commands.read(tmp_path, known) == []
    assert [command.id for command in commands.read(tmp_path, known)] == [key]


def test_that_a_strangers_script_is_answered_by_the_id_it_gave(tmp_path: Path) -> None:
    (tmp_path / "20250101T000000.000000Z-box-1-0.json").write_text('{"type":"stop","id":"mine","attempt":1,"when":"epoch"}')
    known: set[str] = set()
    assert commands.read(tmp_path, known) == [Stop(id="mine", attempt=1, when="epoch")]
    assert commands.read(tmp_path, known) == []
    assert commands.read(tmp_path, {"mine"}) == [], "acknowledged in an earlier attempt"


def test_that_two_processes_posting_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom engine import commands\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "print(*[commands.post(Path(sys.argv[1]), commands.SaveNow()) for _ in range(100)], flush=True)\nsys.stdin.readline()\n"
    )
    with toys.Puppet(code, str(tmp_path)) as one, toys.Puppet(code, str(tmp_path)) as other:
        assert one.process.stdin and other.process.stdin
        for puppet in (one, other):
            puppet.process.stdin.write("go\n")  # type: ignore[union-attr]
            puppet.process.stdin.flush()  # type: ignore[union-attr]
        posted = [*one.hear().split(), *other.hear().split()]
    known: set[str] = set()
    assert len(set(posted)) == 200
    assert sorted(command.id for command in commands.read(tmp_path, known)) == sorted(posted)
    assert all(path.suffix == ".json" for path in tmp_path.iterdir())


def test_that_only_fields_that_do_not_reach_back_can_change() -> None:
    paths = {field.path for field in recipe.all_fields(recipe.RunRecipe)}
    assert set(commands.CHANGEABLE) <= paths
    assert not {field for field in commands.CHANGEABLE if field.startswith(("data", "model", "seed", "training", "schedule"))}


def test_that_of_a_method_what_says_how_it_began_cannot_change() -> None:
    asked = {field.partition(".")[2] for field in commands.CHANGEABLE if field.startswith("method.")}
    assert {"teacher_temp", "momentum", "center_momentum", "student_temp"} <= asked
    began = {"freeze_epochs", "teacher_temp_start", "teacher_temp_warmup_epochs"}
    built = {"name", "prototypes", "hidden", "bottleneck", "layers", "batch_norm", "frozen_scale"}
    assert not asked & (began | built)
