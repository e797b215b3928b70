"""Where networks look on any picture, as a sheet: which networks, what is drawn where, and what is refused."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine import attend, sheet
from engine.__main__ import main
from engine.heat import coloured
from engine.looking import Looker
from engine.run import Refused, Run, Workspace

SAMPLE = Path(__file__).parents[1] / "samples" / "workspace-1"


@pytest.fixture
def sample(tmp_path: Path) -> Workspace:
    shutil.copytree(SAMPLE, tmp_path / "runs")
    return Workspace(tmp_path / "runs")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Every pixel another grey, no larger than the networks read, so that none is scaled."""
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4).save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def pixels(drawn: Path) -> np.ndarray[Any, Any]:
    with Image.open(drawn) as image:
        return np.asarray(image)


def tile(drawn: Path, row: float, column: int) -> np.ndarray[Any, Any]:
    """A tile of the first network, its heat at row 0, what is marked at row 1."""
    top = sheet.EDGE + sheet.TITLE + sheet.HEAD + sheet.LINE + 4 + sheet.LINE + int(row * (sheet.TILE + 4))
    left = sheet.EDGE + column * (sheet.TILE + sheet.GAP)
    return pixels(drawn)[top : top + sheet.TILE, left : left + sheet.TILE].astype(int)


def test_that_a_sheet_shows_every_head_of_a_transformer(sample: Workspace, picture: Path, tmp_path: Path) -> None:
    said = attend.attend(sample.run("look-s0-F0"), picture, tmp_path / "sheet.png", None, "both", 0.6)
    chosen, _ = attend.networks_of(sample.run("look-s0-F0"), sample.folder / "look-s0-F0/checkpoints/step-00000006", "both")
    facts, arrays = Looker().look(sample.folder, chosen, picture)
    maps_Hhw = arrays["student_map"]
    assert said[0] == str(tmp_path / "sheet.png") and said[-1] == "look-s0-F0 has no teacher: it learned from labels"
    assert ": attention; " in said[1]
    assert f"it says {facts['student']['classes'][arrays['student_probabilities'].argmax()]}" in said[1]
    light = np.arange(64).reshape(8, 8) * 4
    side, patch = sheet.TILE // 8, sheet.TILE // maps_Hhw.shape[1]
    assert (tile(tmp_path / "sheet.png", 0, 0)[::side, ::side, 0] == light).all(), "the picture as it is"
    for head, heat_hw3 in enumerate(coloured(maps_Hhw)):
        shown = tile(tmp_path / "sheet.png", 0, 2 + head)  # after the picture and the mean
        for y, x in np.ndindex(maps_Hhw.shape[1:]):
            pixel = y * patch + patch // 2, x * patch + patch // 2
            over = sheet.OVER * heat_hw3[y, x] + (1 - sheet.OVER) * light[pixel[0] // side, pixel[1] // side]
            assert np.abs(shown[pixel] - over).max() <= 1, (head, y, x)


def test_that_what_holds_the_share_is_framed(sample: Workspace, picture: Path, tmp_path: Path) -> None:
    attend.attend(sample.run("sample-s0-F1"), picture, tmp_path / "sheet.png", None, "student", 0.01)
    heat, marked = (tile(tmp_path / "sheet.png", row, 1) for row in (0, 1))
    [y, x] = np.argwhere((marked == sheet.FRAME).all(axis=2)).min(axis=0)
    side = sheet.TILE // 4  # its maps have 4 x 4 places, and the largest alone holds a hundredth
    assert (y % side, x % side) == (0, 0)
    lights = heat.sum(axis=2)[side // 2 :: side, side // 2 :: side]
    assert np.unravel_index(lights.argmax(), lights.shape) == (y // side, x // side)
    inside = marked[y + 2 : y + side - 2, x + 2 : x + side - 2, 0]
    assert set(np.unique(inside)) <= set(range(0, 256, 4)), "framed, the picture keeps its colours"
    assert (marked[..., 0] >= 255 * (1 - sheet.FADED) - 1).sum() >= 14 * side * side, "the rest is faded"


def test_that_class_evidence_is_called_so_and_a_teacher_stands_below(sample: Workspace, picture: Path, tmp_path: Path) -> None:
    both = attend.attend(sample.run("sample-s0-F1"), picture, tmp_path / "both.png", 12, "both", 0.6)
    alone = attend.attend(sample.run("sample-s0-F1"), picture, tmp_path / "teacher.png", 12, "teacher", 0.6)
    assert both[1].startswith("Student: sample-s0-F1, step 12: class evidence (Grad-CAM)")
    assert both[2:] == alone[1:] and alone[1].startswith("Teacher: sample-s0-F0, step 12: class evidence (Grad-CAM)")
    assert len(pixels(tmp_path / "both.png")) > len(pixels(tmp_path / "teacher.png"))


def test_that_a_sheet_without_a_name_lies_in_the_runs_extras(
    sample: Workspace, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attend", "sample-s0-F1", str(picture), "--runs", str(sample.folder)]) == 0
    where = Path(capsys.readouterr().out.splitlines()[0])
    assert where.parents[1] == sample.folder / "sample-s0-F1" / "extras" and where.parent.name.startswith("attend-")
    assert pixels(where)[0, 0].tolist() == [255, 255, 255], "light, for papers"


def with_average(run: Run, method: str, teacher: str = "") -> Path:
    """The sample's transformer as if it had been trained without labels, with an average beside the student."""
    effective = run.folder / "effective.toml"
    text = effective.read_text().replace('[recipe.method]\nname = "supervised"', f'[recipe.method]\nname = "{method}"')
    text += f'\n[teacher]\nrun = "{teacher}"\nstep = 12\nsha256 = "{"0" * 64}"\n' if teacher else ""
    effective.write_text(text)
    folder = run.folder / "checkpoints" / "step-00000006"
    shutil.copy(folder / "model.safetensors", folder / "teacher.safetensors")
    return folder


def test_that_without_labels_the_teacher_is_the_average(sample: Workspace) -> None:
    run = sample.run("look-s0-F0")
    folder = with_average(run, "dino")
    found, note = attend.networks_of(run, folder, "both")
    assert [(name, one.run, one.part) for name, one in found.items()] == [
        ("student", run.name, "model"),
        ("teacher", run.name, "teacher"),
    ]
    assert note == "" and list(attend.networks_of(run, folder, "student")[0]) == ["student"]


def test_that_a_student_of_a_frozen_network_is_shown_by_its_average(sample: Workspace) -> None:
    run = sample.run("look-s0-F0")
    folder = with_average(run, "dinov2", "sample-s0-F0")
    found, _ = attend.networks_of(run, folder, "both")
    assert (found["student"].run, found["student"].part) == (run.name, "teacher")
    assert (found["teacher"].run, found["teacher"].step, found["teacher"].part) == ("sample-s0-F0", 12, "model")


@pytest.mark.parametrize(
    ("run", "different", "words"),
    [
        ("sample-s0-F0", {"which": "teacher"}, "--which: sample-s0-F0 learned from labels, without a teacher"),
        ("sample-s0-F0", {"threshold": 1.0}, r"--threshold: 1 is outside \(0, 1\)"),
        ("sample-s0-F0", {"step": 7}, "--step: sample-s0-F0 has no checkpoint at step 7; there are 3, 12"),
        ("sample-s0-F0", {"picture": Path("nowhere.png")}, "IMAGE: there is no file nowhere.png"),
        ("sample-s0-F0", {"picture": Path(__file__)}, "test_attend.py .* choose another picture"),
        ("sample-s0-F0", {"target": Path("sheet.pdf")}, "-o: sheet.pdf does not end in .png"),
        ("sample-s3-F0", {}, "sample-s3-F0 has no checkpoint yet"),
    ],
)
def test_that_refusals_name_what_is_wrong(
    sample: Workspace, picture: Path, run: str, different: dict[str, Any], words: str
) -> None:
    asked = {"picture": picture, "target": None, "step": None, "which": "both", "threshold": 0.6}
    with pytest.raises(Refused, match=words):
        attend.attend(sample.run(run), **asked | different)
    assert not (sample.folder / run / "extras").exists()


def test_that_a_teacher_whose_checkpoint_is_gone_is_named(sample: Workspace, picture: Path, tmp_path: Path) -> None:
    shutil.rmtree(sample.folder / "sample-s0-F0" / "checkpoints" / "step-00000012")
    run = sample.run("sample-s0-F1")
    with pytest.raises(Refused, match="sample-s0-F0, the teacher of sample-s0-F1, has no checkpoint of step 12 any more"):
        attend.attend(run, picture, tmp_path / "sheet.png", None, "both", 0.6)
    assert len(attend.attend(run, picture, tmp_path / "sheet.png", None, "student", 0.6)) == 2


def test_that_a_sheet_replaces_nothing(sample: Workspace, picture: Path) -> None:
    before = picture.read_bytes()
    with pytest.raises(Refused, match="exists already"):
        attend.attend(sample.run("sample-s0-F0"), picture, picture, None, "both", 0.6)
    assert picture.read_bytes() == before
