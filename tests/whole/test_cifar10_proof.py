"""The proof on real pictures, small: its script trains from a folder, goes on where it was, and prints the table."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SMALL = ("seeds=[0]", "training.epochs=1", "training.batch=8", "data.train_size=0", "model.width=8")
ROOT = Path(__file__).parents[2]


def pictures(root: Path) -> Path:
    """Two classes in train and test, as CIFAR-10 lies."""
    noise = np.random.default_rng(0)
    for part, class_name in ((part, name) for part in ("train", "test") for name in ("cat", "dog")):
        (root / part / class_name).mkdir(parents=True)
        for number in range(20):
            pixels = noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / part / class_name / f"{number}.png")
    return root


def proof(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "tests.benchmarks.cifar10", folder / "pictures", "--runs", folder / "runs", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout[done.stdout.index("| network") :]


def test_that_the_proof_trains_what_lacks_and_prints_what_was_measured(tmp_path: Path) -> None:
    pictures(tmp_path / "pictures")
    first = proof(tmp_path, "--only", "born-again", "dino", "--set", *SMALL)
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in first.splitlines() if "|" in line}
    assert 0 <= float(rows["F0, from labels"][0]) <= 100 and rows["F0, from labels"][1:5] == ["1", "", "", ""]
    assert rows["F1, born again"][2] and not rows["F1, born again"][4]  # a difference, but no p of one seed
    assert rows["larger teacher, from labels"][0] == ""  # what was not run stays empty
    assert rows["DINO, nearest neighbours"][0] and "student's k-NN" in first
    assert proof(tmp_path, "--table") == first
