"""`filial doctor`: what this machine has, and what is known to be wrong with it: findings, and remedies where one is needed."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

from engine import __version__, processes, words
from engine.console import OUT

Mark = Literal["ok", "note", "bad"]
PACKAGES = ("torch", "torchvision", "timm", "numpy", "safetensors", "msgspec", "filelock", "PySide6-Essentials", "pyqtgraph")
SIGNS = {"ok": "✓", "note": "·", "bad": "✗"}


def doctor(workspace: Path) -> int:
    """Print the findings. 1 if one of them stops Filial from working, else 0."""
    bad = False
    for mark, subject, finding in findings(workspace):
        bad |= mark == "bad"
        OUT.print(f"{SIGNS[mark]} {subject:<12} {finding}", markup=False)
    return 1 if bad else 0


def findings(workspace: Path) -> Iterator[tuple[Mark, str, str]]:
    """(mark, subject, finding), one after the other."""
    yield "ok", "filial", f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield from _versions()
    yield from _device()
    yield from _window()
    yield from _workspace(workspace)


def _versions() -> Iterator[tuple[Mark, str, str]]:
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            kind: Mark = "note" if package.startswith(("PySide6", "pyqtgraph")) else "bad"
            yield kind, package, f"not installed; `pip install {package}` brings it"
    yield "ok", "versions", ", ".join(f"{package} {version}" for package, version in found.items())
    yield from known_bad(found, sys.version_info[:2])


def known_bad(found: dict[str, str], python: tuple[int, int]) -> Iterator[tuple[Mark, str, str]]:
    """Combinations that were seen to fail."""
    qt = found.get("PySide6-Essentials", "")
    if qt.startswith("6.12.0") and python == (3, 11):
        yield "bad", "PySide6", "6.12.0 ends Python 3.11 after a second of repainting; install PySide6-Essentials>=6.11.2,<6.12"
    elif qt.startswith(("6.11.0", "6.11.1")):
        yield "bad", "PySide6", f"{qt} breaks the layout of docks; install PySide6-Essentials>=6.11.2,<6.12"
    elif qt.startswith("6.9.1"):
        yield "bad", "PySide6", "6.9.1 cannot be used with pyqtgraph; install PySide6-Essentials>=6.11.2,<6.12"


def _device() -> Iterator[tuple[Mark, str, str]]:
    cores = processes.free_cores()
    try:
        import torch

        from engine.decide import device_for
    except (ImportError, OSError) as error:
        yield "bad", "torch", f"cannot be imported: {error}"
        return
    device, reason = device_for("auto")
    threads = torch.get_num_threads()
    yield "ok", "device", f"{device}: {reason}" if device != "cpu" else f"cpu, {words.plural(cores, 'core')}: {reason}"
    if device == "cpu" and threads > cores:
        yield "note", "threads", f"torch would take {threads} threads on {cores} cores; Filial takes {cores}"
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if device == "cpu" and policy.upper() != "PASSIVE":
        yield "note", "threads", "engines are started with OMP_WAIT_POLICY=PASSIVE, so that idle threads do not burn cores"


def _window() -> Iterator[tuple[Mark, str, str]]:
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("pyqtgraph") is None:
        yield "note", "window", "Qt is not installed: training, status and compare work, the window does not"
        return
    question = (
        "import json; from PySide6.QtGui import QGuiApplication; from PySide6 import __version__; "
        "app = QGuiApplication([]); print(json.dumps([app.platformName(), __version__]))"
    )
    asked = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, timeout=60, check=False)
    if asked.returncode == 0:
        platform_, version = json.loads(asked.stdout.strip().splitlines()[-1])
        yield "ok", "window", f"Qt {version} on the platform {platform_}"
    else:
        lines = [line for line in asked.stderr.splitlines() if line.strip()]
        why = lines[0].strip() if lines else f"exit code {asked.returncode}"
        yield "note", "window", f"no display: {why} (`filial demo --headless` does without)"


def _workspace(folder: Path) -> Iterator[tuple[Mark, str, str]]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        speed, beat = write_speed(folder)
    except OSError as error:
        yield "bad", "workspace", f"{folder} cannot be written: {error.strerror or error}; choose another with --runs DIR"
        return
    mark: Mark = "ok" if beat < 0.2 else "note"
    slow = "" if mark == "ok" else "; that is slow, a local disk is better"
    yield mark, "workspace", f"{folder}: {words.size(speed)}/s, {1000 * beat:.1f} ms to replace a file safely{slow}"


def write_speed(folder: Path) -> tuple[float, float]:
    """Bytes a second of one synced 16 MiB file, and seconds for one small file to be replaced safely (median of 5)."""
    probe = folder / ".doctor"
    try:
        block = os.urandom(16 * 2**20)
        began = time.perf_counter()
        processes.write_aside(probe, block, sync=True)
        speed = len(block) / (time.perf_counter() - began)
        beats = []
        for _ in range(5):
            began = time.perf_counter()
            processes.write_aside(probe, b"{}", sync=True)
            beats.append(time.perf_counter() - began)
        return speed, sorted(beats)[2]
    finally:
        probe.unlink(missing_ok=True)
