"""What a stranger installs: a wheel, built from this checkout, unpacked elsewhere, its demo run from yet another folder."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from engine import processes

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder holding the wheel's contents and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(CHECKOUT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False, cwd=folder)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return target


def test_that_the_wheel_carries_code_recipes_icons_and_licence(installed):
    for path in ("engine/train.py", "studio/main_window.py", "assets/recipes/born-again-digits.toml", "assets/icons/mark.svg"):
        assert (installed / path).is_file(), path
    assert list(installed.glob("filial-*.dist-info/licenses/LICENSE"))
    assert not (installed / "tests").exists()


def test_that_the_demo_runs_from_another_folder_and_leaves_a_table_and_two_pictures(installed, tmp_path):
    environment = {**processes.environment(), "PYTHONPATH": str(installed), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    (tmp_path / "engine").mkdir()  # a folder of that name must not get in the way
    (tmp_path / "engine" / "__init__.py").write_text("raise RuntimeError('the wrong engine')")
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import engine; print(engine.__file__)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    runs = tmp_path / "runs"
    command = processes.python("engine", "demo", "--headless", "--seeds", "1", "--runs", str(runs))
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "one seed only, no verdict" in done.stdout and "F1+F2+F3" in done.stdout
    for name in ("live.png", "generations.png"):
        width, height = size_of(runs / "pictures" / name)
        assert width >= 1280 and height >= 720
    assert (runs / "pictures" / "live.png").stat().st_size > 20_000


def size_of(png: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    return width, height
