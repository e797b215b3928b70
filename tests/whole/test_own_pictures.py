"""A person's own pictures through a whole lineage: trained, compared, shown, killed and continued."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import die_at, filial, toy, weights  # type: ignore[import-not-found]
from PIL import Image

from engine import lineages, recipe
from engine import train as room
from engine.commands import Pause
from engine.fields import RecipeErrors
from engine.run import Observer, Run, Workspace
from engine.train import train
from studio import lineage_pictures

CLASSES = {"blue": (60, 90, 180), "green": (70, 150, 80), "red": (170, 80, 70)}
OWN = ("data.name=folder", "data.size=8", "data.train_size=0", "data.label_noise=0", "training.batch=16")
STEPS = 9  # 40 pictures in batches of at most 16, three epochs


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """60 pictures: noise with a leaning to one of three colours. One more that is broken."""
    root = tmp_path / "my pictures"
    noise = np.random.default_rng(0)
    for name, colour in CLASSES.items():
        (root / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(noise.normal(colour, 40, (10, 14, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
    (root / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return root


def own(pictures: Path, *changes: str) -> recipe.RecipeFile:
    table = toy().text().replace("train_size = 96\nlabel_noise = 0.25\n", "")
    return recipe.read_text(table, [*OWN, f"data.path={pictures}", "data.val_share=0.15", *changes])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


def test_that_a_lineage_of_ones_own_pictures_is_trained_compared_and_shown(workspace: Workspace, pictures: Path) -> None:
    runs = workspace.create(own(pictures))
    for run in runs:
        assert train(run) == 0
    data = runs[1].data()
    assert data is not None and data == runs[0].data()
    assert data["classes"] == ["blue", "green", "red"] and data["counts"] == {"train": 39, "val": 9, "test": 12}
    assert data["files"] == 60 and data["skipped"]["files"][0]["file"] == "red/broken.jpg"
    assert [run.state().best("val/accuracy") is not None for run in runs] == [True, True]
    assert not (workspace.folder / "data" / "my pictures").exists()

    answer = filial("compare", "--json", "--runs", workspace.folder)
    assert answer.returncode == 0, answer.stderr
    assert "toy" in answer.stdout

    shown = lineage_pictures.pictures(workspace.folder, data)
    assert shown.array is not None and shown.array.shape == (60, 3, 8, 8), shown.problem
    assert shown.files[:4] == ("blue/0.jpg", "green/0.jpg", "red/0.jpg", "blue/1.jpg") and len(shown.files) == 60
    probe = next(artifact for artifact in runs[0].state().artifacts if artifact.kind == "probe-pictures")
    with np.load(runs[0].folder / probe.path) as stored:
        np.testing.assert_array_equal(stored["pictures"], shown.array[stored["index"]])
        assert len(set(stored["labels"].tolist())) == 3
    assert list(lineages.by_name(workspace.runs())) == ["toy"]


def test_that_the_run_says_what_it_reads(workspace: Workspace, pictures: Path) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised", "training.epochs=1"))[0]
    assert train(run) == 0
    told = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    details = [event["detail"] for event in told if event["type"] == "phase_began" and event["name"] == "preparing"]
    assert details == ["reading my pictures", "reading 61 pictures"]


def test_that_a_killed_run_of_ones_own_pictures_equals_an_unbroken_one(
    workspace: Workspace, tmp_path: Path, pictures: Path
) -> None:
    changes = ("generations=0", "method.name=supervised", "augment.flip=true")
    run = workspace.create(own(pictures, *changes))[0]
    die_at(run, 4)
    assert Observer().state_of(run) == "lost"
    assert train(run) == 0
    whole = Workspace(tmp_path / "unbroken").create(own(pictures, *changes))[0]
    assert train(whole) == 0
    assert weights(run, STEPS) == weights(whole, STEPS)


def test_that_a_run_can_be_paused_while_it_reads(workspace: Workspace, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised"))[0]
    original = room.Training.reading

    def asked_meanwhile(self: room.Training, done: int, total: int) -> None:
        if done == 32:
            self.run.send(Pause(attempt=self.attempt.number))
        original(self, done, total)

    with monkeypatch.context() as patch:
        patch.setattr(room.Training, "reading", asked_meanwhile)
        assert train(run) == 130
    assert Observer().state_of(run) == "paused" and run.data() is None
    assert train(run) == 0


def test_that_other_pictures_than_before_are_refused(
    workspace: Workspace, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised"))[0]
    with monkeypatch.context() as patch:
        patch.setattr(room.Training, "build", lambda self: (_ for _ in ()).throw(room.Failed("stopped here")))
        assert train(run) == 1
    (pictures / "red" / "0.jpg").unlink()
    assert train(run) == 1
    finished = run.state().finished
    assert finished is not None and "the data is not what this run began with" in finished.detail


def test_that_pictures_too_large_for_the_network_are_refused_by_the_field_of_their_size(
    workspace: Workspace, pictures: Path
) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised", "data.size=96"))[0]
    assert train(run) == 1
    finished = run.state().finished
    assert finished is not None and finished.detail.startswith("data.size: small_cnn takes pictures from 8 to 64 px, not 96")


def test_that_a_broken_file_may_be_tidied_away_between_attempts(
    workspace: Workspace, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised"))[0]
    with monkeypatch.context() as patch:
        patch.setattr(room.Training, "build", lambda self: (_ for _ in ()).throw(room.Failed("stopped here")))
        assert train(run) == 1
    before = run.data()
    (pictures / "red" / "broken.jpg").unlink()
    assert train(run) == 0
    assert run.data() == before, "what was skipped at first stays written"


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"classes": []}'])
def test_that_a_damaged_data_json_is_refused_in_words(workspace: Workspace, pictures: Path, damage: bytes) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised"))[0]
    (run.folder / "data.json").write_bytes(damage)
    assert train(run) == 1
    finished = run.state().finished
    assert finished is not None and "the data is not what this run began with" in finished.detail


def test_that_a_student_is_refused_other_pictures_than_its_teacher_had(workspace: Workspace, pictures: Path) -> None:
    teacher, student = workspace.create(own(pictures))
    assert train(teacher) == 0
    (pictures / "red" / "0.jpg").unlink()
    assert train(student) == 1
    finished = student.state().finished
    assert finished is not None and "teacher: toy-s0-F0 learned from other pictures than the data has now" in finished.detail


def test_that_pictures_gone_meanwhile_fail_the_run_in_words(workspace: Workspace, pictures: Path) -> None:
    run = workspace.create(own(pictures, "generations=0", "method.name=supervised"))[0]
    pictures.rename(pictures.with_name("moved"))
    assert train(run) == 1
    finished = run.state().finished
    assert finished is not None
    assert finished.detail == (
        f"data.path: {pictures} is not there ({pictures.parent} is); "
        "bring it back, or train from its new place under another name (--set lineage=NAME)"
    )


def test_that_a_path_is_kept_whole_wherever_it_was_typed(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = own(pictures).text().replace(f'"{pictures}"', '"my pictures"  # mine')
    file = tmp_path / "own.toml"
    file.write_text(text)
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    beside = recipe.read(file)  # from where the file lies
    typed = recipe.read(file, ["data.path=../../my pictures"])  # from here
    for found in (beside, typed):
        assert found.recipe.data.path == str(pictures)  # type: ignore[union-attr]
        for one, written in found.runs():
            assert one.data.path == str(pictures) and recipe.plain_table(written)["data"]["path"] == str(pictures)  # type: ignore[union-attr]
    assert beside.text() == text, "the person's own text stays as it was written"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert recipe.read(file, ["data.path=~/my pictures"]).recipe.data.path == str(pictures)  # type: ignore[union-attr]


def test_that_no_run_is_made_of_pictures_that_are_not_there(tmp_path: Path, workspace: Workspace, pictures: Path) -> None:
    with pytest.raises(RecipeErrors) as refused:
        workspace.create(own(tmp_path / "gone"))
    assert str(refused.value) == (
        f"data.path: {tmp_path / 'gone'} is not there ({tmp_path} is); write the folder with one sub-folder a class"
    )
    assert not workspace.folder.exists()


def test_that_the_recipe_we_ship_takes_ones_own_folder(tmp_path: Path, workspace: Workspace, pictures: Path) -> None:
    answer = filial("train", "born-again-folder", "--runs", workspace.folder)
    assert answer.returncode == 2 and "data.path: is missing; write the folder with one sub-folder a class" in answer.stderr
    small = ("data.train_size=0", "data.size=8", "training.epochs=1", "generations=1", "model.width=4", "compute.threads=1")
    changes = [part for change in (*small, "data.path=my pictures", "data.val_share=0.15") for part in ("--set", change)]
    answer = filial("train", "born-again-folder", "--runs", workspace.folder, *changes, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert [run.name for run in workspace.runs()] == ["folder-s0-F0", "folder-s0-F1"]
    assert all(run.state().completed for run in workspace.runs())
    assert Run(workspace.folder / "folder-s0-F0").recipe().data.path == str(pictures)  # type: ignore[union-attr]
