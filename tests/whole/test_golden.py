"""Each method's toy run against a recorded list of events: kinds, steps and names exact, values within 1e-3.

To record anew after a change that is meant to change them: FILIAL_RECORD=1 pytest tests/whole/test_golden.py
"""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import die_at, toy, weights  # type: ignore[import-not-found]

from engine import checkpoint, lineages
from engine.methods import METHODS
from engine.run import Run, Workspace
from engine.train import train

GOLDEN = Path(__file__).parent / "golden"
OF_THIS_MACHINE = ("throughput/", "memory/")


def told(run: Run) -> list[dict[str, object]]:
    """Every event of a run without what belongs to the machine or the moment."""
    lines = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    kept = (
        "type",
        "step",
        "epoch",
        "split",
        "kind",
        "path",
        "reason",
        "attempt",
        "resumed_from_step",
        "total_steps",
        "log_every",
    )
    return [
        {key: line[key] for key in kept if key in line} | {"values": of_training(line["values"])}
        if "values" in line
        else {key: line[key] for key in kept if key in line}
        for line in lines
    ]


def of_training(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if name.startswith(OF_THIS_MACHINE) else round(value, 6) for name, value in values.items()}


SMALL_VIT = ("model.name=vit", "model.patch=2", "model.width=12", "model.depth=2", "model.heads=2")
SMALL_HEAD = ("method.local_crops=2", "method.prototypes=16", "method.hidden=16", "method.bottleneck=8", "optimizer.clip=3")
WITHOUT_TEACHER = {
    "supervised": (),
    "dino": ("generations=0", "method.name=dino", *SMALL_HEAD, *SMALL_VIT),
    "dinov2": ("generations=0", "method.name=dinov2", *SMALL_HEAD, *SMALL_VIT),
}


@pytest.mark.parametrize("method", METHODS)
def test_that_a_toy_run_tells_the_recorded_events(workspace, method):
    runs = workspace.create(toy(*WITHOUT_TEACHER.get(method, (f"method.name={method}",))))
    newest = runs[0 if method in WITHOUT_TEACHER else 1]
    for run in runs[: 1 + runs.index(newest)]:
        assert train(run) == 0
    path = GOLDEN / f"{method}.json"
    found = told(newest)
    if os.environ.get("FILIAL_RECORD"):
        path.write_text("[\n" + ",\n".join(json.dumps(event) for event in found) + "\n]\n")
    recorded = json.loads(path.read_text())
    assert [without_values(event) for event in found] == [without_values(event) for event in recorded]
    for one, other in zip(found, recorded, strict=True):
        # Relative too: a gradient of thousands has its last digits from the processor.
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-3, rel=1e-5), one


def numbers(event: dict[str, object]) -> dict[str, float]:
    """What an event measured; a clock's values are left out of both."""
    return {name: value for name, value in event.get("values", {}).items() if value is not None}  # type: ignore[attr-defined]


def without_values(event: dict[str, object]) -> dict[str, object]:
    names = list(event["values"]) if "values" in event else None  # type: ignore[call-overload]
    return {**event, "values": names}


@pytest.mark.parametrize("method", [name for name in METHODS if name != "supervised"])
@pytest.mark.parametrize("step", [2, 5])
def test_that_a_resumed_student_equals_an_unbroken_one(workspace, tmp_path, decoded_digits, method, step):
    """Within the first epoch, before any checkpoint, and in the middle of a later one."""
    taught = (f"method.name={method}", *(["method.warmup_epochs=2"] if method == "dkd" else []))
    asked = toy(*WITHOUT_TEACHER.get(method, taught))
    *earlier, student = workspace.create(asked)[:2]
    for run in earlier:
        assert train(run) == 0
    shutil.copytree(workspace.folder, tmp_path / "unbroken", symlinks=True)
    whole = Workspace(tmp_path / "unbroken").create(asked)[len(earlier)]
    assert train(whole) == 0
    die_at(student, step)
    assert train(student) == 0
    assert weights(student, 9) == weights(whole, 9)


def test_that_f0_of_another_architecture_teaches(workspace):
    """The paper's direction from DenseNet to ResNet: each network is built from what its own run says."""
    densenet = ("teacher_model.name=densenet", "teacher_model.depth=10", "teacher_model.growth=4")
    asked = toy("generations=2", "method.name=kd", *densenet, "model.name=resnet", "model.depth=8", "model.width=4")
    runs = workspace.create(asked)
    for run in runs:
        assert train(run) == 0
    built = [checkpoint.read_state(run.checkpoint_folders()[-1]).build for run in runs]
    assert [build.name for build in built] == ["densenet", "resnet", "resnet"]
    assert [run.effective()["recipe"]["model"]["name"] for run in runs] == ["densenet", "resnet", "resnet"]
    assert built[0].options == {"depth": 10, "growth": 4, "bottleneck": True, "reduction": 0.5}
    assert [run.effective().get("teacher", {}).get("run") for run in runs] == [None, "toy-s0-F0", "toy-s0-F1"]
    assert len(lineages.read(runs).generations) == 3
    taught = runs[1].state().curves
    assert {"train/agreement", "train/kl"} <= set(taught) and np.isfinite(taught["train/loss"].values).all()


def test_that_a_toy_run_leaves_the_folder_the_contract_describes(workspace):
    runs = workspace.create(toy())
    for run in runs:
        assert train(run) == 0
    names = {path.name for path in runs[1].folder.iterdir()}
    expected = {"recipe.toml", "effective.toml", "data.json", "run.lock", "status.json", "events.jsonl"}
    assert names == expected | {"commands", "checkpoints", "artifacts"}
    effective = runs[1].effective()
    assert effective["teacher"]["run"] == "toy-s0-F0" and effective["teacher"]["step"] == 9
    assert effective["decided"] == effective["decided"] | {"device": "cpu", "threads": 1, "precision": "float32"}
    assert effective["why"]["optimizer.lr"]["source"] == "user"
    assert effective["why"]["optimizer.momentum"] == {"source": "paper", "reason": "Wide-ResNets: 0.9"}
    missing = [path for path in flat(effective["recipe"]) if path not in effective["why"] and not path.endswith(".name")]
    assert missing == []


def flat(table: dict[str, object], path: str = "") -> list[str]:
    from engine.recipe import flat as flattened

    return list(flattened(table, path))


def test_that_a_student_is_refused_a_teacher_that_was_exchanged(workspace, monkeypatch):
    runs = workspace.create(toy())
    assert train(runs[0]) == 0
    from engine import train as room

    def stop(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room.Training, "resume", stop)
        assert train(runs[1]) == 130
    weights = runs[0].folder / "checkpoints" / "step-00000009" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    assert train(runs[1]) == 1
    assert "not the network toy-s0-F1 began with" in runs[1].state().finished.detail


def test_that_no_student_starts_before_its_teacher_is_complete(workspace):
    runs = workspace.create(toy())
    assert train(runs[1]) == 1
    assert "toy-s0-F0 has not completed" in runs[1].state().finished.detail


def test_that_a_loss_that_is_not_finite_ends_the_run_with_its_batch_kept(workspace, monkeypatch):
    from engine.data.prepared import Batches

    original = Batches.at

    def poisoned(self, epoch, place):
        batch = original(self, epoch, place)
        return dataclasses.replace(batch, views=(batch.views[0] * float("nan"),)) if (epoch, place) == (1, 1) else batch

    monkeypatch.setattr(Batches, "at", poisoned)
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    assert train(run) == 1
    state = run.state()
    assert state.not_finite is not None and (state.not_finite.first_step, state.not_finite.last_step) == (5, 5)
    with np.load(run.folder / state.not_finite.path) as kept:
        assert np.isnan(kept["pictures"]).all() and kept["index"].tolist() == state.not_finite.pictures
    assert "not finite at step 5" in state.finished.detail and "step 3" in state.finished.detail
    assert [checkpoint.step for checkpoint in state.checkpoints] == [3] and run.newest_valid_step() == 3
    monkeypatch.undo()
    assert train(run) == 0


def test_that_generations_of_a_seed_begin_from_different_weights(workspace):
    from engine import train as room

    seen = []
    original = room.Training.resume

    def looking(self):
        seen.append({name: tensor.clone() for name, tensor in self.method.student.state_dict().items()})
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room.Training, "resume", looking)
        for run in workspace.create(toy()):
            assert train(run) == 0
    assert not (seen[0]["blocks.0.weight"] == seen[1]["blocks.0.weight"]).any()


def test_that_wrong_labels_are_only_in_training(workspace):
    run = workspace.create(toy("generations=0", "method.name=supervised"))[0]
    assert train(run) == 0
    kinds = {artifact.kind: artifact.path for artifact in run.state().artifacts}
    test, train_ = (np.load(run.folder / kinds[f"predictions-{split}"]) for split in ("test", "train"))
    assert (test["labels"] == test["true_labels"]).all()
    assert (train_["labels"] != train_["true_labels"]).sum() == round(0.25 * 96)
