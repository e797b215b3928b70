"""A teacher from outside the lineage: another run, one of its checkpoints, or a file of weights that is given a classifier."""

import json

import pytest
import torch
from conftest import filial, problem, toy, weights  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file

from engine import checkpoint, corrections, decide, lineages, models
from engine.data.prepared import prepare
from engine.methods import METHODS
from engine.run import Run, Workspace
from engine.train import Training, train

LARGE = ("lineage=large", "generations=0", "method.name=supervised", "model.width=12", "keep.full=1", "keep.snapshots=9")
ALONE = ("generations=0", "method.name=supervised")


@pytest.fixture
def large(workspace: Workspace) -> Run:
    """A completed run of another lineage, with weights of each of its three epochs."""
    (run,) = workspace.create(toy(*LARGE))
    assert train(run) == 0
    return run


def dying_at(step, monkeypatch):
    """Die there once, with what is learnt by then saved."""
    original = Training.take_step

    def dying(self):
        if self.step == step:
            monkeypatch.setattr(Training, "take_step", original)
            if self.step:
                self.save()
            raise RuntimeError("an accident")
        original(self)

    monkeypatch.setattr(Training, "take_step", dying)


def test_that_a_run_of_another_lineage_teaches_a_single_student(workspace, large):
    (student,) = workspace.create(
        toy("lineage=small", "generations=0", "method.name=kd", "method.teacher_run=large-s{seed}-F0")
    )
    assert (student.name, student.recipe().teacher) == ("small-s0-F0", "large-s0-F0")
    assert train(student) == 0
    state = student.state()
    assert state.completed and {"train/agreement", "train/kl"} <= set(state.curves)
    sha256 = checkpoint.file_sha256(large.folder / "checkpoints/step-00000009/model.safetensors")
    assert student.effective()["teacher"] == {"run": "large-s0-F0", "step": 9, "sha256": sha256}
    told = json.loads(filial("status", student.folder, "--json").stdout)
    assert [(row["run"], row["method"], row["teacher"]) for row in told] == [("small-s0-F0", "kd", "large-s0-F0")]


def test_that_the_usual_chain_goes_on_from_a_teacher_outside(workspace, large):
    asked = toy("lineage=chain", "method.teacher_run=large-s0-F0", "method.teacher_step=6")
    f0, f1 = workspace.create(asked)
    assert train(f0) == 0 and train(f1) == 0
    assert [(run.effective()["teacher"]["run"], run.effective()["teacher"]["step"]) for run in (f0, f1)] == [
        ("large-s0-F0", 6),
        ("chain-s0-F0", 9),
    ]
    assert checkpoint.teachers_of_others(large) == {6} and checkpoint.teachers_of_others(f0) == {9}
    checkpoint.prune(large, 1, 0, None, checkpoint.teachers_of_others(large))
    assert [folder.name for folder in large.checkpoint_folders()] == ["step-00000006", "step-00000009"]
    assert len(lineages.read([f0, f1]).generations) == 2


def test_that_a_checkpoint_that_was_not_kept_is_refused_with_those_that_were(workspace, large):
    (student,) = workspace.create(
        toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0", "method.teacher_step=4")
    )
    assert problem(student) == "teacher: large-s0-F0 has no checkpoint at step 4; method.teacher_step: write one of 3, 6, 9"


def test_that_a_student_is_not_begun_before_its_teacher_outside_is_complete(workspace):
    workspace.create(toy(*LARGE))
    (student,) = workspace.create(toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0"))
    assert "teacher: large-s0-F0 has not completed" in problem(student)


def test_that_resuming_refuses_a_teacher_outside_that_was_exchanged(workspace, large, monkeypatch):
    (student,) = workspace.create(toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0"))
    dying_at(4, monkeypatch)
    assert train(student) == 1
    path = large.folder / "checkpoints/step-00000009/model.safetensors"
    kept = path.read_bytes()
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    assert f"{path} is not the network small-s0-F0 began with" in problem(student)
    path.write_bytes(kept)
    assert train(student) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.split_seed=1", "large-s0-F0 may have learned from the pictures that this run is tested on; give both the same"),
        (
            "data.test_share=0.4",
            "large-s0-F0 may have learned from the pictures that this run is tested on; give both the same",
        ),
    ],
)
def test_that_a_teacher_that_may_have_seen_the_test_pictures_is_refused(workspace, large, change, words):
    (student,) = workspace.create(toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0", change))
    assert words in problem(student)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("classes", ["a", "b"], "large-s0-F0 knows the classes ['a', 'b'], the data has ['0', '1'"),
        ("size", [16, 16], "large-s0-F0 reads pictures of 1 x 16 x 16, the data has 1 x 8 x 8"),
    ],
)
def test_that_a_teacher_of_other_classes_or_sizes_is_refused(workspace, large, key, value, words):
    card = large.data() | {key: value}
    (large.folder / "data.json").write_text(json.dumps(card))
    (student,) = workspace.create(toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0"))
    assert words in problem(student)


def test_that_a_teacher_without_a_classifier_is_refused_and_the_remedy_works(workspace, large, monkeypatch):
    (student,) = workspace.create(toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0"))
    with monkeypatch.context() as patch:
        patch.setattr(METHODS["supervised"], "classifies", False, raising=False)
        said = problem(student)
    path = large.folder / "checkpoints/step-00000009/model.safetensors"
    assert said.endswith('in a run of its own: model.weights = "large-s0-F0@9", model.freeze = true')
    (headed,) = workspace.create(toy(*LARGE, "lineage=headed", "model.weights=large-s0-F0@9", "model.freeze=true"))
    assert train(headed) == 0
    ours, theirs = load_file(headed.folder / "checkpoints/step-00000009/model.safetensors"), load_file(path)
    changed = {name for name in ours if not torch.equal(ours[name], theirs[name]) and not name.endswith("num_batches_tracked")}
    assert changed == {"classify.weight", "classify.bias"}


# ---- weights from a file ------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    """resnet18 as timm would save it, for colours and a thousand classes."""
    torch.manual_seed(5)
    network = models.build("timm", 1000, 3, 32, variant="resnet18")
    path = tmp_path / "resnet18.safetensors"
    save_file({name.removeprefix("body."): tensor for name, tensor in network.state_dict().items()}, path)
    return path


def test_that_weights_from_a_file_are_given_a_classifier_and_teach(workspace, file):
    """F0 is the teacher: its backbone as it came, its classifier trained on these pictures; F1 learns from it."""
    large = ("teacher_model.name=timm", "teacher_model.variant=resnet18", "teacher_model.freeze=true")
    runs = workspace.create(toy("method.name=kd", "training.epochs=1", *large, f"teacher_model.weights={file}"))
    for run in runs:
        assert train(run) == 0
    f0, f1 = runs
    theirs, ours = load_file(file), load_file(f0.folder / "checkpoints/step-00000003/model.safetensors")
    assert torch.equal(ours["body.layer1.0.conv1.weight"], theirs["layer1.0.conv1.weight"])
    assert torch.equal(ours["body.bn1.running_mean"], theirs["bn1.running_mean"]), "statistics stay too"
    assert ours["body.fc.weight"].shape[0] == 10
    about = {"path": str(file), "sha256": checkpoint.file_sha256(file), "format": "safetensors, timm", "share": 1.0}
    assert f0.effective()["weights"] == about
    assert "weights" not in f1.effective() and f1.effective()["teacher"]["run"] == "toy-s0-F0"
    report = json.loads((f0.folder / "artifacts/a01-step00000000-import-report.json").read_text())
    assert (report["matched"], report["tensors"], report["missing"], report["left_aside"]) == (100, 100, [], ["classifier"])
    assert report["renamed"]["conv1.weight"] == "body.conv1.weight" and report["summed"] == ["body.conv1.weight"]
    said = [line.text for line in f0.state().log]
    assert any(text.startswith("the backbone starts from resnet18.safetensors: 100 of 100 tensors found") for text in said)


def from_file(file, *changes):
    return toy(*ALONE, "training.epochs=1", "model={name='timm', variant='resnet18'}", f"model.weights={file}", *changes)


def test_that_a_resumed_run_of_a_file_equals_an_unbroken_one_even_without_the_file(workspace, file, monkeypatch):
    run, whole = workspace.create(from_file(file))[0], workspace.create(from_file(file, "lineage=whole"))[0]
    assert train(whole) == 0
    dying_at(2, monkeypatch)
    assert train(run) == 1
    file.unlink()
    assert train(run) == 0
    assert weights(run, 3) == weights(whole, 3)


def test_that_a_run_without_a_checkpoint_starts_from_the_same_file_or_not_at_all(workspace, file, monkeypatch):
    (run,) = workspace.create(from_file(file))
    dying_at(0, monkeypatch)
    assert train(run) == 1
    kept = file.read_bytes()
    file.write_bytes(kept[:-4] + b"\0\0\0\1")
    assert problem(run) == f"model.weights: {file} is not the file this run began with; bring the old one back"
    file.unlink()
    assert problem(run) == f"model.weights: {file} is gone; bring it back"
    file.write_bytes(kept)
    assert train(run) == 0


def test_that_a_file_of_another_network_ends_the_run_with_its_field(workspace, file):
    (run,) = workspace.create(toy(*ALONE, f"model.weights={file}"))
    assert problem(run).startswith(f"model.weights: {file} has 0 of the 15 tensors of this network's backbone, 0.0%")
    assert decide.read(run) is None, "nothing was decided, so another file can be put in its place"


def test_that_a_network_with_batch_norm_is_refused_steps_of_one_picture(workspace):
    """99 pictures in steps of two at most: the last would be alone."""
    (run,) = workspace.create(toy(*ALONE, "training.batch=2", "data.train_size=99"))
    assert problem(run) == (
        "training.batch: of 99 training pictures in steps of 2 the smallest is 1, and 1 picture leaves BatchNorm nothing "
        "to compare it with: its statistics would be those of this one picture; write 3 or more"
    )


def test_that_a_student_is_refused_other_labels_than_its_teacher_had_and_the_remedy_works(workspace, tmp_path):
    picture, label = _trained_on(workspace)
    file = tmp_path / "corrections.csv"
    corrections.write(file, {str(picture): ""})
    teacher, student = workspace.create(toy(f"data.corrections={file}"))
    assert train(teacher) == 0
    before = file.read_bytes()
    corrections.write(file, {str(picture): label})
    assert problem(student) == (
        "teacher: toy-s0-F0 learned from other labels than data.corrections gives now. Bring the old file of corrections back, "
        "or train with the new one under another name (--set lineage=NAME)"
    )
    file.write_bytes(before)
    assert train(student) == 0


def _trained_on(workspace: Workspace) -> tuple[int, str]:
    """A training picture of the toy's, and its true label."""
    asked, _ = next(toy().runs())
    data = prepare(asked, workspace.folder / "data")
    place = int(data.split.train[0])
    return place, data.pictures.class_names[data.pictures.labels[place]]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("train_size = 96", "train_size = 95", "learned from other pictures than the data has now"),
        ("label_noise = 0.25", "label_noise = 0.5", "learned with data.label_noise = 0.25, this run has 0.5; write 0.25"),
    ],
)
def test_that_a_recipe_edited_between_two_generations_is_refused_where_its_data_is_another(workspace, before, after, words):
    teacher, student = workspace.create(toy())
    assert train(teacher) == 0
    asked = student.folder / "recipe.toml"
    text = asked.read_text()
    asked.write_text(text.replace(before, after))
    assert problem(student).startswith(f"teacher: toy-s0-F0 {words}")
    asked.write_text(text)
    assert train(student) == 0


def test_that_a_teacher_that_no_longer_says_what_network_it_is_is_refused_in_words(workspace, large, monkeypatch):
    (student,) = workspace.create(toy("lineage=small", "generations=0", "method.teacher_run=large-s0-F0"))
    dying_at(3, monkeypatch)
    assert problem(student) == "RuntimeError: an accident (the traceback is in engine.log)"
    path = large.folder / "checkpoints/step-00000009/state.json"
    path.write_bytes(path.read_bytes()[:20])
    said = problem(student)
    assert said.startswith(f"teacher: {path} cannot be read (") and said.endswith(
        "bring it back from a copy, or train a new lineage"
    )


def test_that_every_generation_begins_anew_and_not_where_its_teacher_began_or_ended(workspace, monkeypatch):
    begun: list[torch.Tensor] = []
    original = Training.take_step

    def watched(self):
        if self.step == 0:
            begun.append(torch.cat([one.detach().flatten().clone() for one in self.method.backbones()[0].parameters()]))
        original(self)

    monkeypatch.setattr(Training, "take_step", watched)
    teacher, student = workspace.create(toy("training.epochs=1"))
    assert train(teacher) == 0 and train(student) == 0
    learned = load_file(teacher.folder / "checkpoints/step-00000003/model.safetensors")
    ended = torch.cat([learned[name].flatten() for name in learned if "running" not in name and "num_batches" not in name])
    first, second = begun
    drawn = first != first.round()  # not the ones and zeros that every normalisation begins with
    assert drawn.sum() > 100 and not (first == second)[drawn].any()
    assert len(ended) == len(second) and not set(second[drawn].tolist()) & set(ended.tolist())
