"""What is made of a run for others, each in a process of its own: exports and reports, as `filial export` and `filial report`.

The window goes on meanwhile, and the process goes on without the window. What it said last is the result: the path of what it
made, or why it made nothing.
"""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PySide6.QtCore import QObject, QTimer, Signal

from engine import processes

LOOK_MS = 100


def _command(arguments: Sequence[str]) -> list[str]:
    return processes.python("engine", *arguments)


@dataclass(frozen=True)
class Kind:
    """A kind of export: what it is called, and for whom it is."""

    name: str
    title: str
    about: str
    network: bool = True  # whether it is one network, of which there may be several; else all that was recorded


KINDS = (  # those of engine/exports, which the window cannot import: torch is behind it
    Kind("safetensors", "Weights (safetensors)", "for any program, and to start another recipe from"),
    Kind("timm", "timm", "a folder that timm.create_model opens by itself"),
    Kind("onnx", "ONNX", "from pixels to features and probabilities, without Python or Filial"),
    Kind("tensorboard", "TensorBoard", "all curves, and where the network looked", network=False),
    Kind("csv", "Tables (CSV)", "metrics, predictions and errors for a spreadsheet, R or pandas", network=False),
)


@dataclass(eq=False)
class _Work:
    what: str  # "the export of toy-s0-F0 as timm"
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    complained: IO[bytes]


class Making(QObject):
    """`made` brings a sentence and the path; `failed` the sentence that says why not."""

    begun = Signal(str)
    made = Signal(str, str)
    failed = Signal(str)

    def __init__(self, parent: QObject, command: Callable[[Sequence[str]], Sequence[str]] = _command) -> None:
        super().__init__(parent)
        self._command = command
        self._at_work: list[_Work] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        return bool(self._at_work)

    def export(self, run: Path, kind: str, target: Path | None, network: Sequence[str] = ()) -> None:
        """An export of a run's folder; without a target into its extras. `network`: options that say which one."""
        elsewhere = [] if target is None else ["-o", str(target)]
        self._start(f"the export of {run.name} as {kind}", ["export", str(run), "--to", kind, *network, *elsewhere])

    def report(self, workspace: Path, name: str) -> None:
        """A report about a run or a lineage."""
        self._start(f"the report about {name}", ["--runs", str(workspace), "report", name])

    def _start(self, what: str, arguments: Sequence[str]) -> None:
        said, complained = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 -- read when it has ended
        command = list(self._command(arguments))
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=complained, env=processes.environment()
            )
        except OSError as error:
            said.close()
            complained.close()
            self.failed.emit(f"{what} cannot be begun: {error.strerror or error}.")
            return
        self._at_work.append(_Work(what, process, said, complained))
        self._timer.start()
        self.begun.emit(f"{what} is being made.")

    def _look(self) -> None:
        for work in [one for one in self._at_work if one.process.poll() is not None]:
            self._at_work.remove(work)
            told, why = _last_line(work.said), _last_line(work.complained).removeprefix("filial: ")
            if work.process.returncode == 0 and told:
                self.made.emit(f"{work.what} is in {told}", told)
            else:
                reason = why or f"it ended with code {work.process.returncode}"
                self.failed.emit(f"{work.what} was not made: {reason.rstrip('.')}.")
        if not self._at_work:
            self._timer.stop()


def _last_line(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
