"""Checkpoints: whole or not there, exact to the bit, and no more of them than asked for."""

import json
from pathlib import Path

import pytest
import torch
import toys

from engine import checkpoint, models, processes
from engine.checkpoint import Build, State
from engine.run import Refused, Run

BUILD = Build("small_cnn", classes=10, channels=1, size=8, options={"width": 4})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (run,) = toys.runs(tmp_path)
    (run.folder / "checkpoints").mkdir()
    return run


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return BUILD.network()


def optimizer_of(model: torch.nn.Module, name: str = "sgd", steps: int = 1) -> torch.optim.Optimizer:
    kinds = {"sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3)}
    optimizer = kinds[name](model.parameters())
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.25)
        optimizer.step()
    return optimizer


def save(run: Run, step: int, attempt: int = 1, seed: int = 0) -> Path:
    model = network(seed)
    return checkpoint.save(run, State(step, step / 10, attempt, BUILD, {}), {"model": model.state_dict()}, optimizer_of(model))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def there(run: Run) -> dict[int, bool]:
    """Steps on disk, and whether each is full."""
    return {
        int(folder.name.removeprefix("step-")): (folder / "optimizer.safetensors").exists()
        for folder in run.checkpoint_folders()
    }


# ---- saving and loading -------------------------------------------------------------------------------------------------


def test_that_a_checkpoint_is_weights_optimizer_and_what_they_are(run: Run) -> None:
    model = network()
    optimizer = optimizer_of(model)
    state = State(step=400, epoch=1.25, attempt=2, build=BUILD, sha256={}, partial={"train/loss": 0.5, "steps": 2})
    folder = checkpoint.save(run, state, {"model": model.state_dict()}, optimizer)
    assert folder == run.folder / "checkpoints" / "step-00000400"
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "optimizer.safetensors", "state.json"]
    written = json.loads((folder / "state.json").read_bytes())
    assert (written["step"], written["epoch"], written["attempt"], written["version"]) == (400, 1.25, 2, 1)
    assert written["build"] == {"name": "small_cnn", "classes": 10, "channels": 1, "size": 8, "options": {"width": 4}}
    assert written["sha256"] == {name: checkpoint.file_sha256(folder / name) for name in checkpoint.FULL}
    assert checkpoint.read_state(folder).partial == {"train/loss": 0.5, "steps": 2}
    assert checkpoint.is_valid(folder) and checkpoint.newest_valid(run) == folder


def test_that_nothing_is_left_of_a_checkpoint_the_disk_had_no_room_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 4)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(processes, "sync_file", full)
    with pytest.raises(OSError, match="No space left"):
        save(run, 8)
    assert [path.name for path in (run.folder / "checkpoints").iterdir()] == ["step-00000004"]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_that_weights_and_optimizer_come_back_to_the_last_bit(run: Run, name: str) -> None:
    model = network()
    optimizer = optimizer_of(model, name, steps=3)
    folder = checkpoint.save(run, State(3, 0.3, 1, BUILD, {}), {"model": model.state_dict()}, optimizer)
    state = checkpoint.read_state(folder)
    again = state.build.network()
    checkpoint.load_model(folder, again)
    fresh = optimizer_of(again, name, steps=0)
    checkpoint.load_optimizer(folder, state, fresh)
    for _ in range(2):
        for one, other in zip(model.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other)
            one.grad, other.grad = torch.full_like(one, 0.5), torch.full_like(other, 0.5)
        optimizer.step(), fresh.step()
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other) and one.dtype == other.dtype


def test_that_an_optimizer_that_never_stepped_is_saved_too(run: Run) -> None:
    model = network()
    folder = checkpoint.save(run, State(1, 0.1, 1, BUILD, {}), {"model": model.state_dict()}, optimizer_of(model, steps=0))
    checkpoint.load_optimizer(folder, checkpoint.read_state(folder), optimizer_of(network(), steps=0))


def test_that_a_checkpoint_is_written_aside_synced_and_renamed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(processes, "sync_file", lambda path: done.append(f"sync {path.name}"))
    monkeypatch.setattr(processes, "sync_folder", lambda path: done.append(f"sync {path.name}"))
    original = Path.rename

    def rename(self: Path, target: Path) -> Path:
        done.append(f"rename {self.name} {target.name}")
        return original(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    save(run, 4)
    assert done == [
        "sync model.safetensors",
        "sync optimizer.safetensors",
        "sync .step-00000004",
        "rename .step-00000004 step-00000004",
        "sync checkpoints",
    ]


def test_that_an_engine_that_dies_while_it_saves_leaves_no_checkpoint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 4)
    with monkeypatch.context() as patch:
        patch.setattr(processes, "sync_folder", lambda path: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            save(run, 8)
    assert list(there(run)) == [4] and checkpoint.newest_valid(run) == run.checkpoint_folders()[0]
    assert save(run, 8).name == "step-00000008", "what was left of it is in nobody's way"


def test_that_a_checkpoint_that_is_there_is_left_as_it_is(run: Run) -> None:
    folder = save(run, 4, seed=0)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert save(run, 4, attempt=2, seed=1) == folder
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_that_a_damaged_one_is_written_anew(run: Run, file: str) -> None:
    folder = save(run, 4)
    (folder / file).write_bytes(b"torn")
    assert not checkpoint.is_valid(folder)
    assert save(run, 4, attempt=2) == folder
    assert checkpoint.is_valid(folder) and checkpoint.read_state(folder).attempt == 2
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


# ---- which one to resume from -------------------------------------------------------------------------------------------


def test_that_the_newest_valid_checkpoint_is_full_and_undamaged(run: Run) -> None:
    assert checkpoint.newest_valid(run) is None
    good = save(run, 4)
    damage(save(run, 8) / "model.safetensors")
    (save(run, 12) / "optimizer.safetensors").unlink()
    (save(run, 16) / "state.json").unlink()
    (run.folder / "checkpoints" / "step-00000020").mkdir()
    assert checkpoint.newest_valid(run) == good
    damage(good / "optimizer.safetensors")
    assert checkpoint.newest_valid(run) is None


def test_that_an_averaged_teacher_is_part_of_it(run: Run) -> None:
    model, teacher = network(), network(1)
    weights = {"model": model.state_dict(), "teacher": {**teacher.state_dict(), "dino_center": torch.ones(3)}}
    first, second, third = (
        checkpoint.save(run, State(step, step / 10, 1, BUILD, {}), weights, optimizer_of(model)) for step in (1, 2, 3)
    )
    damage(third / "teacher.safetensors")
    (second / "teacher.safetensors").unlink()
    assert [checkpoint.is_valid(folder) for folder in (first, second, third)] == [True, False, False]
    assert checkpoint.newest_valid(run) == first
    checkpoint.prune(run, full=1, snapshots=0, best_step=1, teachers=set())
    assert there(run) == {1: False, 3: True} and checkpoint.is_valid(first)
    checkpoint.load_model(first, model, "teacher")
    assert torch.equal(model.state_dict()["classify.weight"], teacher.state_dict()["classify.weight"])


def test_that_weights_alone_are_valid_and_no_weights_are_not(run: Run) -> None:
    folder = save(run, 4)
    (folder / "optimizer.safetensors").unlink()
    assert checkpoint.is_valid(folder)
    (folder / "model.safetensors").unlink()
    assert not checkpoint.is_valid(folder)


def test_that_a_state_that_vouches_for_nothing_is_not_valid(run: Run) -> None:
    folder = save(run, 4)
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"sha256": {}}))
    assert not checkpoint.is_valid(folder)


def test_that_weights_of_another_network_are_refused(run: Run) -> None:
    folder = save(run, 4)
    other = models.build("small_cnn", 10, 1, 8, width=8)
    with pytest.raises(Refused, match="does not hold the weights of this network"):
        checkpoint.load_model(folder, other)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(Refused, match="does not hold the weights of this network"):
        checkpoint.load_model(folder, network())
    (folder / "model.safetensors").unlink()
    with pytest.raises(Refused, match="does not hold the weights of this network"):
        checkpoint.load_model(folder, network())


# ---- what stays on disk -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("full", "snapshots", "best", "teachers", "kept"),
    [
        (2, 0, None, set(), {5: True, 6: True}),
        (1, 0, None, set(), {6: True}),
        (9, 0, None, set(), dict.fromkeys(range(1, 7), True)),
        (2, 0, 3, set(), {3: False, 5: True, 6: True}),
        (2, 0, 6, set(), {5: True, 6: True}),
        (2, 0, 3, {1, 2}, {1: False, 2: False, 3: False, 5: True, 6: True}),
        (1, 1, None, set(), {5: False, 6: True}),
        (1, 2, None, set(), {1: False, 5: False, 6: True}),
        (1, 3, None, set(), {1: False, 3: False, 5: False, 6: True}),
        (2, 2, 2, set(), {1: False, 2: False, 4: False, 5: True, 6: True}),
        (1, 99, None, set(), {1: False, 2: False, 3: False, 4: False, 5: False, 6: True}),
    ],
)
def test_that_the_newest_are_kept_whole_and_the_best_the_teachers_and_the_snapshots_as_weights(
    run: Run, full: int, snapshots: int, best: int | None, teachers: set[int], kept: dict[int, bool]
) -> None:
    for step in range(1, 7):
        toys.put_checkpoint(run, step)
    checkpoint.prune(run, full, snapshots, best, teachers)
    assert there(run) == kept
    checkpoint.prune(run, full, snapshots, best, teachers)
    assert there(run) == kept


def test_that_what_a_later_attempt_did_not_go_on_from_is_not_counted_among_the_newest(run: Run) -> None:
    """Both full ones are damaged and the run begins anew: its new checkpoints must not be thrown away for those."""
    for step in (30, 40):
        damage(save(run, step) / "model.safetensors")
    assert checkpoint.newest_valid(run) is None
    for step in (10, 20):
        save(run, step, attempt=2)
        checkpoint.prune(run, 2, 0, None, set())
    assert there(run) == {10: True, 20: True}


def test_that_checkpoints_before_the_resumed_step_count_whatever_their_attempt(run: Run) -> None:
    save(run, 10)
    save(run, 20)
    save(run, 30, attempt=2)
    checkpoint.prune(run, 2, 0, None, set())
    assert there(run) == {20: True, 30: True}


def test_that_a_checkpoint_somebody_has_open_does_not_stop_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(1, 5):
        toys.put_checkpoint(run, step)
    original = Path.rename

    def in_use(self: Path, target: Path) -> Path:
        if self.name.endswith("1"):
            raise PermissionError("in use")
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", in_use)
        checkpoint.prune(run, 2, 0, None, set())
    assert there(run) == {1: True, 3: True, 4: True}
    checkpoint.prune(run, 2, 0, None, set())
    assert there(run) == {3: True, 4: True}


def test_that_pieces_of_a_saving_that_died_are_cleared_away(run: Run) -> None:
    for name in (".step-00000007", ".gone-step-00000003"):
        (run.folder / "checkpoints" / name).mkdir()
        (run.folder / "checkpoints" / name / "model.safetensors").write_bytes(b"half")
    toys.put_checkpoint(run, 8)
    checkpoint.prune(run, 2, 0, None, set())
    assert [path.name for path in (run.folder / "checkpoints").iterdir()] == ["step-00000008"]


def test_that_a_run_knows_which_of_its_checkpoints_teach(run: Run) -> None:
    others = toys.runs(run.workspace, toys.lineage())
    for other, text in zip(
        others,
        (
            '[teacher]\nrun = "single-s0-F0"\nstep = 40\nsha256 = ""\n',
            '[teacher]\nrun = "single-s0-F01"\nstep = 50\nsha256 = ""\n',
            'x = = "single-s0-F0"',
            '[teacher]\nrun = "single-s0-F0"\n',
        ),
        strict=True,
    ):
        (other.folder / "effective.toml").write_text(text)
    assert checkpoint.teachers_of_others(run) == {40}


def test_that_a_checkpoint_a_queued_student_asks_for_is_kept_until_it_starts(run: Run) -> None:
    asked = toys.lineage("lineage=later", f"method.teacher_run={run.name}", "method.teacher_step=40", "seeds=[0]")
    later, _ = toys.runs(run.workspace, asked)[:2]
    assert later.recipe().teacher == run.name and not (later.folder / "effective.toml").exists()
    assert checkpoint.teachers_of_others(run) == {40}
    assert checkpoint.teachers_of_others(later) == set(), "its own student learns from its end"
    text = (later.folder / "recipe.toml").read_text()
    (later.folder / "recipe.toml").write_text(text.replace("teacher_step = 40", 'teacher_step = "x"'))
    assert checkpoint.teachers_of_others(run) == set(), "a damaged recipe says nothing"


def test_that_a_run_is_not_looked_for_in_its_own_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names itself there, and reading it whole at every checkpoint takes longer than writing the checkpoint."""
    (run.folder / "effective.toml").write_text('# Every value in force in single-s0-F0\n[teacher]\nrun = "x"\n')
    monkeypatch.setattr(Run, "effective", lambda self: 1 / 0)
    assert checkpoint.teachers_of_others(run) == set()
