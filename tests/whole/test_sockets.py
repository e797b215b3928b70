"""Nothing is sent and nothing listens: a training with worker, window and assistant, with an ear at every socket.

Each process hears Python's own calls by an audit hook, which sitecustomize puts in before anything of ours is imported; what
C++ opens (Qt, gloo) is looked at from outside, in the table of the operating system, while they work.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import toy  # type: ignore[import-not-found]

from engine import processes
from engine.queue import enqueue
from engine.run import Workspace

EAR = """
import json, os, sys

REACHES = {"connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname"}

def hear(event, arguments):
    if event.startswith("socket.") and event[7:] in REACHES:
        family = getattr(arguments[0], "family", 0)
        said = {"event": event, "family": int(family), "to": repr(arguments[1:] if family else arguments), "by": sys.orig_argv}
        with open(os.path.join(os.environ["FILIAL_EAR"], f"{os.getpid()}.heard"), "a") as file:
            file.write(json.dumps(said) + "\\n")

sys.addaudithook(hear)
with open(os.path.join(os.environ["FILIAL_EAR"], f"{os.getpid()}.began"), "w") as file:
    json.dump(sys.orig_argv, file)
"""
UNIX, LOOPBACK = 1, ("'127.", "'::1'")
PATIENCE_S = 240.0  # the assistant lets everybody else go first


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which every Python process that is started from now on says that it began, and what it reaches for."""
    place = tmp_path / "ear"
    place.mkdir()
    (place / "sitecustomize.py").write_text(EAR)
    paths = [str(place), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("FILIAL_EAR", str(place))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    return place


def heard(ear: Path) -> list[str]:
    """What was reached for beyond this machine."""
    lines = [json.loads(line) for path in ear.glob("*.heard") for line in path.read_text().splitlines()]
    return [str(one) for one in lines if one["family"] != UNIX and not any(near in one["to"] for near in LOOPBACK)]


def open_to_others(started: list["subprocess.Popen[bytes]"]) -> Iterator[str]:
    """Sockets of these processes and of all that they started, as the system has them just now."""
    for process in started:
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for member in family:
            try:
                yield from (
                    f"{one} of {' '.join(member.cmdline())}"
                    for one in member.net_connections("inet")
                    if not one.laddr.ip.startswith("127.") and one.laddr.ip != "::1"
                )
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue


def test_that_the_ear_hears(ear: Path) -> None:
    reach = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 9))"
    near = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); socket.getaddrinfo('192.0.2.1', 9)"
    for code in (reach, near):
        subprocess.run([sys.executable, "-P", "-c", code], env=processes.environment(), check=True, timeout=60)
    assert len(list(ear.glob("*.began"))) == 2
    assert sorted(one.partition(",")[0] for one in heard(ear)) == [
        "{'event': 'socket.connect'",
        "{'event': 'socket.getaddrinfo'",
    ]


def test_that_nothing_is_sent_and_nothing_listens(workspace: Workspace, ear: Path, tmp_path: Path) -> None:
    (run,) = enqueue(workspace, toy("training.epochs=1", "generations=0", "method.name=supervised"))
    asked = {"id": 1, "ask": "scan", "data": {"name": "digits"}, "workspace": str(workspace.folder)}
    commands = (("engine", "work", "--runs", str(workspace.folder)), ("studio", str(workspace.folder)))
    helper = processes.python("engine", "assist", "--scratch", str(tmp_path / "scratch"))
    options: dict[str, Any] = {"env": processes.environment(), "stderr": subprocess.STDOUT}
    with contextlib.ExitStack() as stack:
        said = stack.enter_context((tmp_path / "said").open("ab"))
        answers = stack.enter_context((tmp_path / "answers").open("ab"))
        work, window = (subprocess.Popen(processes.python(*one), stdout=said, **options) for one in commands)
        assistant = subprocess.Popen(helper, stdin=subprocess.PIPE, stdout=answers, **options)
        started, seen, until = [work, window, assistant], set(), time.monotonic() + PATIENCE_S
        for process in started:
            stack.callback(process.wait)
            stack.callback(process.kill)
        assert assistant.stdin is not None
        stack.enter_context(assistant.stdin)
        assistant.stdin.write(json.dumps(asked).encode() + b"\n")
        assistant.stdin.flush()
        while b'"answer"' not in (tmp_path / "answers").read_bytes() or work.poll() is None:
            seen |= set(open_to_others(started))
            with contextlib.suppress(subprocess.TimeoutExpired):
                window.wait(timeout=0.2)
                pytest.fail(f"the window has ended: {(tmp_path / 'said').read_text()}")
            assert time.monotonic() < until, (tmp_path / "said").read_text() + (tmp_path / "answers").read_text()
    assert run.state().completed
    began = " ".join(path.read_text() for path in ear.glob("*.began"))
    for who in ('"work"', '"train"', '"studio"', '"assist"'):
        assert who in began, f"{who} was not listened to: {began}"
    assert (seen, heard(ear)) == (set(), [])
