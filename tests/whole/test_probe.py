"""Probes of stored checkpoints: the numbers of the run's own events, and nothing of the run is touched."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import toy  # type: ignore[import-not-found]
from PIL import Image
from test_golden import WITHOUT_TEACHER  # type: ignore[import-not-found]

from engine import checkpoint
from engine.__main__ import main
from engine.probe import probe
from engine.run import Refused, Run, Workspace
from engine.train import train

SAMPLE = Path(__file__).parents[1] / "samples" / "workspace-1"
FEATURES = ("knn", "linear", "rank", "attention")


@pytest.fixture
def sample(tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(SAMPLE, tmp_path / "sample"))


def trained(workspace: Workspace, method: str, *changes: str) -> Run:
    asked = toy("keep.full=9", *WITHOUT_TEACHER.get(method, (f"method.name={method}",)), *changes)
    runs = workspace.create(asked)
    for run in runs:
        assert train(run) == 0
    return runs[-1]


def events(run: Run) -> dict[tuple[int, str, str], float]:
    """What was measured, by step, split and name; the newest if it was twice."""
    told = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    measured = [one for one in told if one["type"] == "measured"]
    return {(one["step"], one["split"], name): value for one in measured for name, value in one["values"].items()}


def probed(run: Run, capsys: pytest.CaptureFixture[str], *asked: str, steps: list[int] | None = None) -> dict[Any, float]:
    capsys.readouterr()
    assert probe(run, steps, asked, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    [folder] = (run.folder / "extras").glob("probe-*")
    assert json.loads((folder / "probe.json").read_text()) == told
    for one in told["measured"]:
        own = {name: events(run).get((one["step"], one["split"], name)) for name in one["values"]}
        assert one["recorded"] == {name: value for name, value in own.items() if value is not None}
    return {(one["step"], one["split"], name): value for one in told["measured"] for name, value in one["values"].items()}


@pytest.mark.parametrize("method", ["ban", "dinov2"])
def test_that_a_later_probe_finds_what_the_events_have(workspace, capsys, method):
    run = trained(workspace, method)
    before = run.events_path.read_bytes()
    found, told = probed(run, capsys), events(run)
    assert {step for step, _, _ in found} == {3, 6, 9} and found.keys() >= told.keys()
    assert {key: found[key] for key in told} == pytest.approx(told, abs=1e-6)
    assert {name for step, split, name in found if step == 9} == {name for step, _, name in told if step == 9}
    assert run.events_path.read_bytes() == before


def test_that_single_probes_find_the_same(workspace, capsys):
    run = trained(workspace, "dino")
    found, told = probed(run, capsys, *FEATURES, steps=[]), events(run)
    assert {name.partition("/")[0] for _, _, name in found} == {"knn", "linear", "feature", "attention"}
    common = found.keys() & told.keys()
    assert common == found.keys(), "training measures all these at its end"
    assert found == pytest.approx({key: told[key] for key in common}, abs=1e-6)


def test_that_a_checkpoint_of_weights_alone_is_probed(sample, capsys):
    run = sample.run("sample-s0-F1")
    [folder] = run.checkpoint_folders()
    (folder / checkpoint.OPTIMIZER).unlink(missing_ok=True)
    found = probed(run, capsys, "knn", "logreg", steps=[12])
    assert {name for _, _, name in found} == {"knn/student", "knn/teacher", "logreg/student", "logreg/teacher"}
    assert all(0.2 < value <= 1 for value in found.values()), "features of digits say more than a guess, one in ten"


def test_that_predictions_and_maps_lie_beside_the_values(sample, capsys):
    run = sample.run("sample-s0-F1")
    probed(run, capsys)
    [folder] = (run.folder / "extras").glob("probe-*")
    assert {path.name for path in folder.iterdir()} == {
        "probe.json",
        "step00000012-evidence.npz",
        "step00000012-predictions-test.npz",
        "step00000012-predictions-train.npz",
        "step00000012-predictions-val.npz",
    }
    [own] = (run.folder / "artifacts").glob("*predictions-test.npz")
    with np.load(own) as theirs, np.load(folder / "step00000012-predictions-test.npz") as ours:
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=1e-6)
        assert (ours["index"] == theirs["index"]).all()


def test_that_the_table_says_where_the_events_agree(sample, capsys):
    assert main(["probe", "sample-s0-F0", "--step", "12", "--runs", str(sample.folder)]) == 0
    [accuracy] = [line for line in capsys.readouterr().out.splitlines() if "test/accuracy" in line]
    assert accuracy.split()[-2:] == ["the", "same"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run.folder / "effective.toml").unlink(), "has no effective.toml"),
        (lambda run: shutil.rmtree(run.folder / "checkpoints"), "has no checkpoint yet"),
        (lambda run: shutil.rmtree(run.workspace / "sample-s0-F0" / "checkpoints"), "is gone, but sample-s0-F1 began with it"),
        (lambda run: (run.folder / "data.json").write_text('{"classes": []}'), "describes other pictures"),
    ],
)
def test_that_what_cannot_be_measured_is_refused_in_words(sample, spoil, words):
    run = sample.run("sample-s0-F1")
    spoil(run)
    with pytest.raises(Refused, match=words):
        probe(run, [], (), as_json=False)
    assert not list((run.folder / "extras").glob("probe-*"))


def test_that_class_evidence_is_kept_though_it_has_no_measure(sample, capsys):
    assert probe(sample.run("sample-s0-F1"), [], ("attention",), as_json=False) == 0
    assert "class evidence has no measure" in capsys.readouterr().out
    [folder] = (sample.folder / "sample-s0-F1" / "extras").glob("probe-*")
    assert (folder / "step00000012-evidence.npz").is_file()


def test_that_without_classes_there_is_nothing_to_ask_neighbours_for(workspace, tmp_path):
    (tmp_path / "wild").mkdir()
    for number, noise in enumerate(np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)):
        Image.fromarray(noise).save(tmp_path / "wild" / f"{number}.png")
    run = trained(workspace, "dino", f'data={{name="pictures", path="{tmp_path / "wild"}", size=8}}', "training.epochs=1")
    with pytest.raises(Refused, match="--knn, --linear: there is nothing of that kind to measure of toy-s0-F0"):
        probe(run, [], ("knn", "linear"), as_json=False)
    assert not list((run.folder / "extras").glob("*probe-*"))
