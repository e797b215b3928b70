"""Whole runs: small enough for two cores, real enough to hold promises. Nothing here touches a person's own workspace."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine import processes, recipe
from engine.recipe import RecipeFile
from engine.run import Run, Workspace
from tests.mortal import Mortals, outcome

TOY = """
version = 1
lineage = "toy"
generations = 1
seeds = [0]
[method]
name = "ban"
[model]
name = "small_cnn"
width = 8
[data]
name = "digits"
train_size = 96
label_noise = 0.25
[optimizer]
name = "sgd"
lr = 0.05
[augment]
shift = 1
[training]
epochs = 3
batch = 32
[compute]
device = "cpu"
precision = "float32"
threads = 1
"""


@pytest.fixture(autouse=True)
def own_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leases are host-wide; a test's are its own."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    tempfile.tempdir = None


@pytest.fixture(scope="session")
def decoded_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a workspace in which the digits are decoded already."""
    from engine.data import digits

    folder = tmp_path_factory.mktemp("decoded") / "data"
    digits.load(folder)
    return folder


@pytest.fixture
def workspace(tmp_path: Path, decoded_digits: Path) -> Workspace:
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "data").symlink_to(decoded_digits, target_is_directory=True)
    return Workspace(folder)


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    with Mortals() as mortals:
        yield mortals


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(210):
        path = folder / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 100 + 50 * (number % 3), (8, 8), np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pictures: Path, mortals: Mortals) -> Any:
    """`made(*changes)`: a run on pictures of which none is decoded, nine steps, a checkpoint at 3, 6 and 9; and the outcome of
    one to which nothing happened."""
    outcomes: dict[tuple[str, ...], dict[str, Any]] = {}

    def made(*changes: str) -> tuple[Run, dict[str, Any]]:
        places = (tmp_path_factory.mktemp("runs") for _ in range(2))
        data = ("data.name=folder", f"data.path={pictures}", "data.size=8", "data.colour=grey")
        asked = toy("generations=0", "method.name=supervised", *data, *changes)
        (run,), (unbroken,) = (Workspace(place).create(asked) for place in places)
        if changes not in outcomes:
            assert mortals.train(unbroken.folder).code == 0
            outcomes[changes] = outcome(unbroken.folder)
        return run, outcomes[changes]

    return made


def toy(*changes: str) -> RecipeFile:
    return recipe.read_text(TOY, changes)


def toy_file(folder: Path, *changes: str) -> Path:
    path = folder / "toy.toml"
    path.write_text(toy(*changes).text(), encoding="utf-8")
    return path


def filial(*arguments: str | Path, command: Sequence[str] = (), **options: object) -> subprocess.CompletedProcess[str]:
    """The command line as a person has it, or as another `command` starts it: its exit code and what it said."""
    command = [*(command or processes.python("engine")), *map(str, arguments)]
    environment = {**processes.environment(), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False, **options)  # type: ignore[call-overload,no-any-return]


def engine(run: Run) -> "subprocess.Popen[bytes]":
    """One run's engine as a process of its own, in a group of its own."""
    command = processes.python("engine", "train", "--run", str(run.folder))
    return subprocess.Popen(command, env=processes.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)


class Died(BaseException):
    """As if the power had gone: nothing in the engine catches it, and no last event is written."""


def die_at(run: Run, step: int, where: str = "take_step", when: Callable[[Any], bool] = lambda training: True) -> None:
    """Train a run, to die as it begins with that step, or with what else `where` names in its loop at that step."""
    from engine.train import Training, train

    original = getattr(Training, where)

    def dying(self: Training) -> None:
        if self.step == step and when(self):
            raise Died
        original(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):
        patch.setattr(Training, where, dying)
        train(run)


def problem(run: Run) -> str:
    """Why a run fails."""
    from engine.train import train

    assert train(run) == 1
    finished = run.state().finished
    assert finished is not None
    return str(finished.detail)


def weights(run: Run, step: int) -> dict[str, bytes]:
    """The exact bytes of a checkpoint's tensors."""
    from safetensors.numpy import load_file

    folder = run.folder / "checkpoints" / f"step-{step:08d}"
    files = sorted(folder.glob("*.safetensors"))
    return {f"{file.name}/{name}": array.tobytes() for file in files for name, array in load_file(file).items()}


def until(what: Callable[[], object], process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait for something to become true; fails when the process ends first or two minutes pass."""
    import time

    deadline = time.monotonic() + 120
    while not what():
        assert process is None or process.poll() is None, "the engine ended first"
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)
