"""Exports: what stands in the files, that others can read them, and that nobody ever finds half of one."""

import copy
import csv
import hashlib
import io
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import toys
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from engine import compare, events, exports, lineages, models, processes
from engine.__main__ import main
from engine.exports import extra, for_tensorboard, for_timm, onnx_graph, weights
from engine.run import Refused, Run, Workspace

SAMPLE = Path(__file__).parents[1] / "samples" / "workspace-1"


@pytest.fixture
def sample(tmp_path: Path) -> Workspace:
    shutil.copytree(SAMPLE, tmp_path / "runs")
    return Workspace(tmp_path / "runs")


@pytest.fixture
def vit(sample: Workspace) -> Run:
    return sample.run("look-s0-F0")


def checkpoint(run: Run, step: int) -> Path:
    return run.folder / "checkpoints" / f"step-{step:08d}"


def card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "card.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def learned_without_labels(run: Run) -> Run:
    """The sample's transformer as if DINO had trained it: with an average twice as large, and what DINO puts beside both."""
    effective = run.folder / "effective.toml"
    told = effective.read_text(encoding="utf-8").replace(
        '[recipe.method]\nname = "supervised"', '[recipe.method]\nname = "dino"'
    )
    effective.write_text(told, encoding="utf-8")
    folder = checkpoint(run, 6)
    student = load_file(folder / "model.safetensors")
    head = {"dino_head.layers.0.weight": np.ones((3, 8), np.float32)}
    average = {name: 2 * tensor for name, tensor in student.items()}
    save_file(student | head, folder / "model.safetensors")
    save_file(average | head | {"dino_center": np.zeros(3, np.float32)}, folder / "teacher.safetensors")
    state = json.loads((folder / "state.json").read_text())
    for name in ("model.safetensors", "teacher.safetensors"):
        state["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "state.json").write_text(json.dumps(state))
    return run


def put_network(run: Run, name: str, size: int, **options: Any) -> torch.nn.Module:
    """Another network as the run's last checkpoint, none of its tensors as it was initialised. In evaluation mode."""
    torch.manual_seed(0)
    network = models.build(name, 10, 1, size, **options)
    tensors = {n: t if n.endswith("tracked") else torch.rand_like(t) / 4 + 0.1 for n, t in network.state_dict().items()}
    network.load_state_dict(tensors)
    path = checkpoint(run, 6) / "model.safetensors"
    save_file({name: tensor.numpy() for name, tensor in tensors.items()}, path)
    state = json.loads((path.parent / "state.json").read_text())
    state["build"] = {"name": name, "classes": 10, "channels": 1, "size": size, "options": options}
    state["sha256"]["model.safetensors"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / "state.json").write_text(json.dumps(state))
    return network.eval()


# ---- weights ------------------------------------------------------------------------------------------------------------


def test_that_the_weights_say_themselves_what_is_needed_to_use_them(vit: Run) -> None:
    folder = exports.export(vit, "safetensors")
    with safe_open(folder / "model.safetensors", "np") as file:
        about = file.metadata()
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    theirs = load_file(checkpoint(vit, 6) / "model.safetensors")
    assert found.keys() == theirs.keys() and all((found[name] == theirs[name]).all() for name in theirs)
    data = vit.data() or {}
    assert about["architecture"] == "vit" and json.loads(about["options"])["width"] == 8
    numbers = {
        name: int(about[name]) for name in ("patch_size", "registers", "attention_heads", "image_size", "channels", "depth")
    }
    assert numbers == {"patch_size": 2, "registers": 0, "attention_heads": 2, "image_size": 8, "channels": 1, "depth": 1}
    assert json.loads(about["mean"]) == data["mean"] and json.loads(about["std"]) == data["std"]
    assert json.loads(about["class_names"]) == data["classes"]
    assert about["recipe_sha256"] == hashlib.sha256((vit.folder / "recipe.toml").read_bytes()).hexdigest()


def test_that_without_labels_the_average_is_exported_with_its_head_and_without_a_classifier(vit: Run) -> None:
    learned_without_labels(vit)
    tensors = load_file(exports.export(vit, "safetensors") / "model.safetensors")
    student = load_file(exports.export(vit, "safetensors", which="student") / "model.safetensors")
    assert (tensors["norm.weight"] == 2 * student["norm.weight"]).all()
    assert {"dino_head.layers.0.weight", "dino_center"} <= tensors.keys() and "dino_head.layers.0.weight" in student
    assert not [name for name in (*tensors, *student) if name.startswith("classify")]


def test_that_weights_which_the_disk_gives_back_otherwise_are_not_kept(vit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    original = weights.save
    monkeypatch.setattr(weights, "save", lambda tensors, metadata: original({n: t + 1 for n, t in tensors.items()}, metadata))
    with pytest.raises(Refused, match="gave back other weights"):
        exports.export(vit, "safetensors")
    assert [path.name for path in (vit.folder / "extras").iterdir()] == [".export.lock"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"step": 4}, r"--step: look-s0-F0 has no checkpoint at step 4; there are 3, 6"),
        ({"which": "teacher"}, r"--which: look-s0-F0 learned from labels, without a teacher; leave it out"),
    ],
)
def test_that_what_is_not_there_is_refused_with_what_is(vit: Run, asked: Any, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        exports.export(vit, "safetensors", **asked)


def test_that_a_teacher_which_is_a_run_of_its_own_is_named(sample: Workspace) -> None:
    asked = (
        r"--which: the teacher of sample-s0-F1 is a run of its own; `filial export sample-s0-F0 --to safetensors --step \d+`"
    )
    with pytest.raises(Refused, match=asked):
        exports.export(sample.run("sample-s0-F1"), "safetensors", which="teacher")


def test_that_a_damaged_checkpoint_is_passed_over_and_refused_by_its_step(vit: Run) -> None:
    (checkpoint(vit, 6) / "model.safetensors").write_bytes(b"torn")
    assert card(exports.export(vit, "safetensors"))["network"]["step"] == 3
    with pytest.raises(Refused, match=r"at step 6 is damaged"):
        exports.export(vit, "safetensors", step=6)


def test_that_a_run_without_a_checkpoint_says_so(sample: Workspace) -> None:
    with pytest.raises(Refused, match="sample-s3-F0 has no checkpoint yet; train it first"):
        exports.export(sample.run("sample-s3-F0"), "safetensors")


# ---- timm ---------------------------------------------------------------------------------------------------------------

VIT = {"patch": 4, "width": 24, "depth": 2, "heads": 3}


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("vit", 8, {**VIT, "registers": 3, "layer_scale": 0.1}),
        ("vit", 16, VIT),
        ("timm", 32, {"variant": "test_vit"}),
        ("timm", 32, {"variant": "test_resnet"}),
    ],
)
def test_that_timm_opens_it_and_sees_the_same(vit: Run, name: str, size: int, options: dict[str, Any]) -> None:
    ours: Any = put_network(vit, name, size, **options)
    folder = exports.export(vit, "timm")
    x_BCHW = torch.randn(5, 1, size, size)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    theirs: Any = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    file = str(folder / "model.safetensors")
    by_hand = timm.create_model(config["architecture"], checkpoint_path=file, **config["model_args"]).eval()
    with torch.inference_mode():
        features = theirs.forward_head(theirs.forward_features(x_BCHW), pre_logits=True)
        torch.testing.assert_close(features, ours.features(x_BCHW), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(theirs(x_BCHW), ours(x_BCHW), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(by_hand(x_BCHW), theirs(x_BCHW))
    data = timm.data.resolve_model_data_config(theirs)
    wanted = vit.data() or {}
    assert data["input_size"] == (1, size, size) and list(data["mean"]) == wanted["mean"] and data["crop_pct"] == 1
    assert theirs.pretrained_cfg["label_names"] == wanted["classes"]
    checked = card(folder)["checked"]
    assert checked["largest_difference"] <= checked["tolerance"] * max(1, checked["largest_feature"])


def test_that_timm_gets_a_network_without_labels_without_a_head(vit: Run) -> None:
    folder = exports.export(learned_without_labels(vit), "timm")
    theirs: Any = timm.create_model(f"local-dir:{folder}", pretrained=True)
    assert theirs.num_classes == 0 and not [name for name in load_file(folder / "model.safetensors") if "head" in name]


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [("small_cnn", {}, "Filial's small_cnn"), ("vit", {**VIT, "stem": "conv"}, "a transformer whose stem is convolutions")],
)
def test_that_what_timm_does_not_know_is_refused_with_what_fits(vit: Run, name: str, options: Any, what: str) -> None:
    put_network(vit, name, 8, **options)
    with pytest.raises(Refused, match=f"no architecture like {what}; --to onnx runs without Filial, --to safetensors"):
        exports.export(vit, "timm")


def test_that_a_network_which_timm_sees_otherwise_is_not_exported(vit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    put_network(vit, "vit", 8, **VIT)
    original = for_timm._made_from
    monkeypatch.setattr(for_timm, "_made_from", lambda *asked: (dict(original(*asked)) | {"num_heads": 2}).items())
    with pytest.raises(Refused, match=r"timm's network differs from look-s0-F0 by .* nothing is kept"):
        exports.export(vit, "timm")


# ---- ONNX and TensorBoard -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "package", "others"),
    [("onnx", "onnxscript", ("onnx", "onnxruntime")), ("tensorboard", "tensorboard", ())],
)
def test_that_a_missing_extra_is_named_with_what_brings_it(
    sample: Workspace, to: str, package: str, others: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(extra.importlib.util, "find_spec", lambda name: object() if name in others else None)
    assert main(["--runs", str(sample.folder), "export", "look-s0-F0", "--to", to]) == 2
    told = f"filial: --to: {to} needs {package}; `pip install 'filial[export]'`, or `pip install {package}`, brings it\n"
    assert capsys.readouterr().err == told
    assert [path.name for path in (sample.folder / "look-s0-F0" / "extras").iterdir()] == [".export.lock"]


def test_that_what_stands_in_the_extra_is_what_exports_ask_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {one.partition(">")[0] for one in project["optional-dependencies"]["export"]}
    assert {*onnx_graph.PACKAGES, "tensorboard"} <= named


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("small_cnn", 8, {"width": 8}),
        ("vit", 8, {**VIT, "registers": 3, "layer_scale": 0.1}),
        ("vit", 8, {**VIT, "stem": "conv"}),
        ("timm", 32, {"variant": "test_vit"}),
    ],
)
def test_that_onnxruntime_says_of_any_number_of_pictures_what_torch_says(vit: Run, name: str, size: int, options: Any) -> None:
    runtime: Any = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    ours: Any = put_network(vit, name, size, **options)
    folder = exports.export(vit, "onnx")
    session = runtime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    about, data = session.get_modelmeta().custom_metadata_map, vit.data() or {}
    assert json.loads(about["class_names"]) == data["classes"] and json.loads(about["mean"]) == data["mean"]
    for count in (1, 3, 50):
        pixels_BCHW = torch.rand(count, 1, size, size)
        features, probabilities = session.run(None, {"pictures": pixels_BCHW.numpy()})
        with torch.inference_mode():
            x_BCHW = (pixels_BCHW - data["mean"][0]) / data["std"][0]
            torch.testing.assert_close(torch.from_numpy(features), ours.features(x_BCHW), rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(torch.from_numpy(probabilities), ours(x_BCHW).softmax(1), rtol=1e-4, atol=1e-4)
    checked = card(folder)["checked"]
    assert checked["largest_difference"] <= checked["tolerance"] * max(1, checked["largest_feature"]) and checked["opset"] == 18


def test_that_a_graph_without_labels_gives_features_alone_and_a_wrong_one_is_not_kept(
    vit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime: Any = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    file = exports.export(learned_without_labels(vit), "onnx") / "model.onnx"
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == ["features"]
    original = onnx_graph._exported

    def darker(graph: onnx_graph.Graph, network: Any) -> Any:
        other = copy.deepcopy(graph)
        other.mean_C11 += 0.5
        return original(other, network)

    monkeypatch.setattr(onnx_graph, "_exported", darker)
    with pytest.raises(Refused, match=r"the graph's features differ by .* nothing is kept; --to safetensors"):
        exports.export(vit, "onnx")
    assert len(list((vit.folder / "extras").glob("*export-*"))) == 1


@pytest.mark.parametrize("name", ["look-s0-F0", "sample-s0-F1"])
def test_that_tensorboard_opens_what_was_kept_and_nothing_else(sample: Workspace, name: str) -> None:
    room: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = sample.run(name)
    found = room.EventAccumulator(str(exports.export(run, "tensorboard")), size_guidance={room.SCALARS: 0, room.IMAGES: 0})
    found.Reload()
    state = run.state()
    assert set(found.Tags()["scalars"]) == set(state.curves)
    for metric, curve in state.curves.items():
        points = found.Scalars(metric)
        assert [point.step for point in points] == curve.steps[curve.kept].tolist()
        assert np.allclose([point.value for point in points], curve.values[curve.kept], rtol=1e-6)
        assert [point.wall_time for point in points] == sorted(point.wall_time for point in points)
        assert points[0].wall_time >= state.attempts[0].time
    (kind,) = found.Tags()["images"]
    steps = [image.step for image in found.Images(kind)]
    assert steps == sorted({one.step for one in state.artifacts if one.kind == kind}) and steps
    picture = Image.open(io.BytesIO(found.Images(kind)[-1].encoded_image_string))
    strips = 3 if state.teacher else 2
    assert picture.size == (12 * 84 - 4, strips * 84 - 4), "the pictures, and each network's maps below them"


def test_that_maps_of_an_abandoned_stretch_are_no_pictures_for_tensorboard(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path, toys.single())
    maps = [events.ArtifactSaved(step=step, kind="attention", path=f"{step}.npz", size=1, sha256="") for step in (10, 20, 30)]
    toys.tell(
        run, toys.started(), toys.prepared(), toys.stepped(10), maps[0], toys.stepped(20), maps[1], toys.stepped(30), maps[2]
    )
    toys.tell(run, toys.started(2, 10), toys.prepared(), toys.stepped(20))
    state = run.state()
    assert [for_tensorboard._is_abandoned(one, state) for one in state.artifacts] == [False, True, True]


# ---- tables -------------------------------------------------------------------------------------------------------------


def test_that_tables_hold_every_kept_value_once_and_nothing_abandoned(sample: Workspace) -> None:
    run = sample.run("sample-s0-F1")  # killed at 5 and resumed from 3, stopped at 9 and resumed
    folder, state = exports.export(run, "csv"), run.state()
    found = {(row["metric"], int(row["step"]), float(row["value"])) for row in rows(folder / "metrics.csv")}
    kept = {
        (name, step, value)
        for name, curve in state.curves.items()
        for step, value in zip(curve.steps[curve.kept].tolist(), curve.values[curve.kept].tolist(), strict=True)
    }
    assert found == kept and len(kept) == len(rows(folder / "metrics.csv"))
    assert any((~curve.kept).any() for curve in state.curves.values()), "something was abandoned"
    wide = rows(folder / "metrics-wide.csv")
    assert {(name, int(row["step"]), float(row[name])) for row in wide for name in state.curves if row[name]} == kept
    assert [int(row["step"]) for row in wide] == sorted({step for _, step, _ in kept})


def test_that_predictions_and_errors_are_what_compare_reads(sample: Workspace) -> None:
    run, teacher = sample.run("sample-s0-F1"), sample.run("sample-s0-F0")
    folder = exports.export(run, "csv")
    ours, theirs = (lineages.predictions_of(one, one.state()) for one in (run, teacher))
    assert ours is not None and theirs is not None
    said = rows(folder / "predictions-test.csv")
    assert [int(row["picture"]) for row in said] == ours.index.tolist()
    assert [row["correct"] == "1" for row in said] == ours.correct.tolist()
    stored = np.array([[float(row[f"p:{name}"]) for name in (run.data() or {})["classes"]] for row in said], np.float32)
    assert np.allclose(stored, ours.probabilities, rtol=1e-6, atol=0)
    errors, fate = rows(folder / "errors.csv"), compare.mistakes(theirs, ours)
    assert [int(row["picture"]) for row in errors] == ours.index[~ours.correct].tolist()
    for name in ("inherited", "new"):
        wanted = sorted(ours.index[getattr(fate, name)].tolist())
        assert sorted(int(row["picture"]) for row in errors if row["fate"] == name) == wanted
    wrong = [row for row in rows(folder / "predictions-train.csv") if row["label"] != row["true_label"]]
    assert len(wrong) == 24, "a quarter of the 96 training labels were made wrong"


def test_that_a_folders_files_are_named(tmp_path: Path) -> None:
    (run,) = toys.runs(tmp_path, toys.single())
    toys.tell(run, toys.started(), toys.prepared())
    (run.folder / "data.json").write_text('{"classes": ["a", "b"], "cache": "folder-1.npz", "split": {"test": "x"}}')
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "folder-1.npz", files=np.frombuffer(b"a/1.png\nb/2, or 3.png", np.uint8))
    (run.folder / "artifacts").mkdir()
    said = {
        "probabilities": np.array([[0.25, 0.75], [0.5, 0.5]], np.float32),
        "labels": np.array([0, 1]),
        "index": np.array([1, 0]),
    }
    np.savez(run.folder / "artifacts" / "p.npz", **said)
    toys.tell(run, events.ArtifactSaved(step=1, kind="predictions-test", path="artifacts/p.npz", size=1, sha256=""))
    toys.tell(run, toys.finished())
    folder = exports.export(run, "csv")
    told = [(row["file"], row["predicted"]) for row in rows(folder / "predictions-test.csv")]
    assert told == [("b/2, or 3.png", "b"), ("a/1.png", "a")]
    assert [row["file"] for row in rows(folder / "errors.csv")] == ["b/2, or 3.png", "a/1.png"]
    assert not (folder / "metrics.csv").exists(), "nothing was measured"


def test_that_a_step_of_a_table_is_refused(vit: Run) -> None:
    with pytest.raises(Refused, match="--step: csv has all that was recorded of a run"):
        exports.export(vit, "csv", step=3)


# ---- the card -----------------------------------------------------------------------------------------------------------


def test_that_a_card_says_what_compare_says_and_whom_it_learned_from(sample: Workspace) -> None:
    run = sample.run("sample-s0-F1")
    found = card(exports.export(run, "safetensors"))
    lineage = lineages.read(lineages.choose(sample, "sample")[1])
    told = compare.as_json(lineage, compare.verdicts(lineage))
    results = found["results"]
    assert results["headline"] == told["headline"] and results["basis"] == told["basis"]
    assert results["generation"]["mean"] == told["generations"][1]["mean"] and results["generation"]["seeds"] == [0]
    assert results["verdicts"] == json.loads(json.dumps(told["verdicts"])) and len(told["verdicts"]) == 1
    assert results["measured"]["test/accuracy"] == run.state().curves["test/accuracy"].last
    assert found["teachers"] == [(run.effective() or {})["teacher"]]
    assert found["data"]["files_sha256"] == (run.data() or {})["files_sha256"]
    assert found["environment"]["trained"]["torch"] == "2.14.1" and found["environment"]["trained"]["device"] == "cpu"
    assert found["license"] == found["intended_use"] == "", "nobody has said so"
    page = (run.folder / "extras").glob("export-*/MODEL.md")
    text = next(page).read_text(encoding="utf-8")
    assert told["headline"] in text and told["verdicts"][0]["words"] in text and "Licence: *not said*" in text


def test_that_every_file_is_named_with_its_checksum(vit: Run) -> None:
    for kind in ("safetensors", "csv"):
        folder = exports.export(vit, kind)
        told = {one["name"]: one["sha256"] for one in card(folder)["files"]}
        there = {path.name for path in folder.iterdir()} - {"card.json", "MODEL.md"}
        assert told == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there}


def test_that_an_earlier_network_has_its_own_numbers_and_no_verdict(vit: Run) -> None:
    found = card(exports.export(vit, "safetensors", step=3))
    accuracy = vit.state().curves["val/accuracy"]
    assert found["results"]["measured"]["val/accuracy"] == accuracy.values[accuracy.steps == 3][0]
    assert "test/accuracy" not in found["results"]["measured"] and "generation" not in found["results"]
    assert found["results"]["problem"].startswith("verdicts are about the network that a run ends with")


def test_that_no_place_on_this_machine_is_passed_on(vit: Run) -> None:
    effective = vit.folder / "effective.toml"
    own = '[recipe.data]\nname = "folder"\npath = "/home/somebody/secret/pictures"\nsplit_seed = 0'
    told = effective.read_text(encoding="utf-8")
    begin, end = told.index("[recipe.data]"), told.index("[recipe.augment]")
    effective.write_text(told[:begin] + own + "\n\n" + told[end:], encoding="utf-8")
    folder = exports.export(vit, "safetensors")
    assert card(folder)["recipe"]["data"]["path"] == "pictures"
    assert all(b"somebody" not in path.read_bytes() for path in folder.iterdir())


# ---- the folder ---------------------------------------------------------------------------------------------------------


def test_that_what_a_killed_export_left_is_gone_after_the_next(vit: Run) -> None:
    left = vit.folder / "extras" / ".export-20260101T000000Z.writing"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    folder = exports.export(vit, "csv")
    assert sorted(path.name for path in folder.parent.iterdir()) == [".export.lock", folder.name]


def test_that_two_exports_of_a_run_do_not_meet(vit: Run) -> None:
    (vit.folder / "extras").mkdir()
    at_work = vit.folder / "extras" / ".export-20260101T000000Z.writing"
    at_work.mkdir()
    with processes.hold(vit.folder / "extras" / ".export.lock"), pytest.raises(Refused, match="another export of look-s0-F0"):
        exports.export(vit, "csv")
    assert at_work.exists(), "the other one is still writing there"


def test_that_a_failure_leaves_nothing(vit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "write_card", full)
    with pytest.raises(
        Refused, match=r"cannot be written \(No space left on device\); free some space, or choose another place"
    ):
        exports.export(vit, "csv", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_that_the_verb_says_where_and_never_writes_over_something(
    sample: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--runs", str(sample.folder), "export", "look-s0-F0", "--to", "csv", "-o", str(tmp_path / "deep" / "out")]
    assert main(asked) == 0 and capsys.readouterr().out == f"{tmp_path / 'deep' / 'out'}\n"
    assert main(asked) == 2 and "exists already" in capsys.readouterr().err
    assert main(["--runs", str(sample.folder), "export", "look-s0-F0", "--to", "csv"]) == 0
    made = Path(capsys.readouterr().out.strip())
    assert made.parent == sample.folder / "look-s0-F0" / "extras" and made.name.startswith("export-")


def test_that_the_verb_knows_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "look-s0-F0", "--to", "gif"])
    told = capsys.readouterr().err
    assert all(kind in told for kind in exports.KINDS) and set(exports.KINDS) >= set(exports.NETWORKS)
