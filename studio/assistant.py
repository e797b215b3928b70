"""The window's end of its helper process (engine/assist.py), which does what needs torch or takes long.

An ask is a number; its end comes as a signal with that number, once, unless it was cancelled or a newer one took its place.
The process starts at the first ask. If it dies it is started again and asked again, once; then the asks have failed. Two
threads stand between its pipes and the window, so that a helper that hangs holds up nothing here.
"""

import contextlib
import json
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal

from engine import processes

PATIENCE_S = 1.0  # how long a process is waited for when it is asked to end, and again when it is told to
LOG = "assistant.log"


def _command(scratch: Path) -> list[str]:
    return processes.python("engine", "assist", "--scratch", str(scratch))


@dataclass(eq=False)
class _Ask:
    line: bytes
    kind: str
    again: bool = False  # it was under way when a process died


class Assistant(QObject):
    """Asks of one window, and what became of them. Truth about runs is never asked here: it stands in their folders."""

    progressed = Signal(int, float, str)  # number, share done in [0, 1], words
    answered = Signal(int, dict)
    failed = Signal(int, str, str)  # number, sentence, the field it is about or ""
    _heard = Signal(object, bytes)  # from the reading thread: a line of a process; an empty one is its end

    def __init__(self, parent: QObject | None = None, command: Callable[[Path], Sequence[str]] = _command) -> None:
        super().__init__(parent)
        self._command = command
        self._asks: dict[int, _Ask] = {}  # no end of theirs has been heard yet
        self._asked = 0
        self._process: _Process | None = None
        self._scratch: Path | None = None
        self._closed = False
        self._heard.connect(self._hear, Qt.ConnectionType.QueuedConnection)

    def ask(self, kind: str, **payload: Any) -> int:
        """Ask one of the verbs of engine/assist.py, as "scan" (data=...). Returns the ask's number; 0 after `close`."""
        if self._closed:
            return 0
        self._asked += 1
        id_ = self._asked
        self._asks[id_] = _Ask(_line({"id": id_, "ask": kind, **payload}), kind)
        self._send([id_])
        return id_

    def cancel(self, id_: int) -> None:
        """Nothing more is heard of this ask."""
        if self._asks.pop(id_, None) and self._process:
            self._process.say(_line({"id": id_, "ask": "cancel"}))

    @property
    def busy(self) -> bool:
        """Whether an end of an ask is still to come."""
        return bool(self._asks)

    def close(self) -> None:
        """End the process and remove its files. Takes a moment at most, also if it hangs; nothing more is heard."""
        self._closed = True
        self._asks.clear()
        if self._process:
            self._process.end()
            self._process = None
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    # ---- the process ------------------------------------------------------------------------------------------------------

    def _send(self, ids: list[int]) -> None:
        """Started here, in the window's thread: on Linux it dies with the thread that started it."""
        if self._process is None:
            try:
                self._process = self._start()
            except OSError as error:
                sentence = f"the assistant cannot be started: {error.strerror or error}"
                return QTimer.singleShot(0, self, lambda: self._fail(ids, sentence))  # once the asker knows its number
        for id_ in ids:
            self._process.say(self._asks[id_].line)

    def _start(self) -> "_Process":
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="filial-assistant-"))
            if application := QCoreApplication.instance():
                application.aboutToQuit.connect(self.close)
        return _Process(self._command(self._scratch), self._scratch / LOG, self._heard.emit)

    def _hear(self, process: "_Process", line: bytes) -> None:
        if process is not self._process:  # an earlier one, or closed meanwhile
            return
        if not line:
            return self._mourn()
        said = _said(line)
        if said["id"] in self._asks:
            self._take(said["id"], said)

    def _take(self, id_: int, said: dict[str, Any]) -> None:
        if "progress" in said:
            self.progressed.emit(id_, float(said["progress"]), str(said.get("words", "")))
        elif "answer" in said:
            del self._asks[id_]
            self.answered.emit(id_, said["answer"])
        elif "error" in said:
            del self._asks[id_]
            self.failed.emit(id_, str(said["error"]), str(said.get("field", "")))
        elif "dropped" in said:
            del self._asks[id_]

    def _mourn(self) -> None:
        """It has died. What has not been asked twice is asked again of a new one, once."""
        assert self._process is not None and self._scratch is not None
        code = self._process.bury()
        self._process = None
        twice = [id_ for id_, ask in self._asks.items() if ask.again]
        once = [id_ for id_, ask in self._asks.items() if not ask.again]
        for id_ in once:
            self._asks[id_].again = True
        if once:
            self._send(once)
        self._fail(twice, f"the assistant ended twice (exit code {code}) before it could answer; see {self._scratch / LOG}")

    def _fail(self, ids: list[int], sentence: str) -> None:
        for id_ in ids:
            if self._asks.pop(id_, None):
                self.failed.emit(id_, sentence, "")


class _Process:
    """A process and the two threads at its pipes. `heard` is called in one of them, with each line and b"" at the end."""

    def __init__(self, command: Sequence[str], log: Path, heard: Callable[["_Process", bytes], None]) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=processes.environment()
            )
        self._heard = heard
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name=f"assistant-{work.__name__}", daemon=True) for work in (self._read, self._write)
        ]
        for thread in self._threads:
            thread.start()

    def say(self, line: bytes) -> None:
        self._lines.put(line)

    def end(self) -> None:
        """Ask it to end by closing its stdin, then terminate, then kill."""
        self._lines.put(b"")
        for harder in (self._process.terminate, self._process.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_S)
                break
            harder()
        self.bury()

    def bury(self) -> int:
        """Leave nothing of it, and say how it ended."""
        self._lines.put(b"")
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it ends
                self._process.wait(0.1)
            self._process.kill()
        code = self._process.wait()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(RuntimeError), self._process.stdout as lines:  # RuntimeError: the window is gone
            for line in lines:
                self._heard(self, line)
            self._heard(self, b"")

    def _write(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as pipe:  # OSError: it has ended, which reading tells too
            while line := self._lines.get():
                pipe.write(line)
                pipe.flush()


def _said(line: bytes) -> dict[str, Any]:
    """What a line says; about ask 0, which there never is, if it is none of ours."""
    with contextlib.suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict) and isinstance(said.get("id"), int):
            return said
    return {"id": 0}


def _line(what: dict[str, Any]) -> bytes:
    return json.dumps(what, default=str).encode() + b"\n"
