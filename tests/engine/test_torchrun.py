"""torchrun's other processes are told of one run after the other, and go home when the first one is done."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine import company, processes, torchrun

FIRST = """
from pathlib import Path
from engine import torchrun
def verb():
    for turn in range(2):
        torchrun.announce(Path(f"run-{{turn}}"), Path({meeting!r}))
        while torchrun.code_of(1, Path({meeting!r})) != 5 + turn:
            pass
    return 7
raise SystemExit(torchrun.work(verb))
"""
SECOND = """
import os, sys
from engine import torchrun
ends = "import sys; sys.exit(5 + int(sys.argv[1][-1]))"
torchrun.follower = lambda run, meeting: [sys.executable, "-c", ends, str(run)]
raise SystemExit(torchrun.work(None))
"""


def of_torchrun(rank: int, code: str, folder: Path, **different: str) -> "subprocess.Popen[str]":
    told = {"TORCHELASTIC_RUN_ID": "none", "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TMPDIR": str(folder)}
    command = [*processes.python("engine")[:2], "-c", code]
    return subprocess.Popen(command, env=processes.environment(told | different), stdout=subprocess.PIPE, text=True)


def test_that_each_run_is_followed_in_its_turn(tmp_path: Path) -> None:
    first = of_torchrun(0, FIRST.format(meeting=str(tmp_path)), tmp_path)
    second = of_torchrun(1, SECOND, tmp_path)
    first.communicate(timeout=60)
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (7, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["1.code"], "nothing is left but what a meeting would clear up"


def test_that_several_machines_are_refused(tmp_path: Path) -> None:
    one = of_torchrun(0, FIRST.format(meeting=str(tmp_path)), tmp_path, WORLD_SIZE="4")
    said, _ = one.communicate(timeout=60)
    assert one.returncode == 2 and "the devices of one machine; write --nnodes=1" in said


def test_that_torchrun_and_the_command_line_have_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", torchrun.TURNS, torchrun.DEVICES):
        monkeypatch.delenv(name, raising=False)
    assert torchrun.devices_asked() == 0
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert torchrun.devices_asked() == 0, "which other programs set too"
    monkeypatch.setenv(torchrun.DEVICES, "2")
    assert torchrun.devices_asked() == 2
    monkeypatch.setenv(torchrun.TURNS, "there")
    assert torchrun.devices_asked() == 8


def test_that_a_folder_into_which_others_could_write_is_not_trusted(tmp_path: Path) -> None:
    ours, open_to_all, link = tmp_path / "ours", tmp_path / "open", tmp_path / "link"
    ours.mkdir(mode=0o700)
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    link.symlink_to(ours)
    assert [torchrun._is_ours(folder) for folder in (ours, open_to_all, link)] == [True, False, False]


def test_that_a_follower_waits_for_its_engine_to_begin_and_leaves_with_it(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    me = processes.me()
    for place, who in (("begun", me), ("dead", msgspec.structs.replace(me, pid=gone.pid))):
        (tmp_path / place).mkdir()
        (tmp_path / place / company.ENGINE).write_bytes(msgspec.json.encode(who))
    (tmp_path / "begun" / company.BEGUN).touch()
    assert company.begins(tmp_path / "begun") and not company.begins(tmp_path / "dead")
