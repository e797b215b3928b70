"""What a recipe will cost: sums by hand, and one real measurement of a network small enough for it."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine import cost, lighter, models, processes, recipe
from engine.run import Refused
from tests import toys

QUICK = ("compute.device=cpu", "compute.threads=1", "compute.precision=float32", "data.train_size=100", "model.width=4")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "AT_LEAST_S", 0.0)


def measured(folder: Path, *changes: str, of: Any = toys.lineage) -> dict[str, Any]:
    threads = torch.get_num_threads()
    try:
        return cost.measure(of(*QUICK, *changes), folder, lambda share, words: None)
    finally:
        torch.set_num_threads(threads)


def run_of(*changes: str) -> recipe.RunRecipe:
    return next(toys.single(*changes).runs())[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), 2 * (100 + 10) + 100),  # the two newest whole, and the best
        (("training.epochs=1",), 100 + 10),  # there is only one
        (("training.epochs=3", "keep.snapshots=4"), 2 * (100 + 10) + 100),
        (("keep.full=1", "keep.snapshots=3"), 100 + 10 + 100 + 3 * 100),
        (("keep.every_epochs=40",), 100 + 10),
        (("watch.policy=roll_back",), 3 * (100 + 10) + 100),  # the last healthy one too, however old it is
        (("watch.policy=roll_back", "training.epochs=2"), 2 * (100 + 10)),
    ],
)
def test_that_the_disk_holds_what_pruning_leaves(changes: tuple[str, ...], expected: int) -> None:
    assert lighter.disk_bytes(run_of(*changes), weights=100, optimizer=10) == expected


def test_that_a_lineage_costs_its_runs_and_f0_less_than_a_student(tmp_path: Path) -> None:
    found = measured(tmp_path)
    assert (found["pictures"], found["steps_per_epoch"], found["total_steps"], found["runs"]) == (100, 13, 52, 4)
    assert found["seconds_all"] == pytest.approx(2 * (found["seconds_first_run"] + found["seconds_per_run"]))
    assert found["seconds_per_run"] > 52 * found["seconds_per_step"] > 0, "validation and the report take time too"
    assert (found["device"], found["precision"], found["threads"]) == ("cpu", "float32", 1)
    assert found["device_memory_bytes"] > 2**28


def test_that_weights_and_optimizer_are_counted_to_the_byte(tmp_path: Path) -> None:
    ban = measured(tmp_path)
    alone = measured(tmp_path, of=toys.single)
    weights = 4 * 9 + 4 * 4 * 9 + 4 * 8 * 9 + 2 * (4 + 4 + 8) + 8 * 10 + 10
    running = 2 * (4 + 4 + 8) * 4 + 3 * 8  # of batch norm: means and variances, and three counters of 64 bits
    assert alone["weights"] == ban["weights"] == weights
    assert alone["memory_bytes"]["weights"] == 4 * weights + running
    assert ban["memory_bytes"]["weights"] == 2 * (4 * weights + running), "the teacher stays in memory too"
    assert alone["memory_bytes"]["optimizer"] == 4 * weights, "one momentum"
    assert measured(tmp_path, "optimizer.name=adamw", of=toys.single)["memory_bytes"]["optimizer"] > 8 * weights


def test_that_a_teacher_that_is_an_average_and_both_heads_take_room_on_the_disk(tmp_path: Path) -> None:
    changes = ("method.name=dino", "optimizer.name=adamw", "method.prototypes=5000", "method.hidden=8", "method.bottleneck=8")
    found = measured(tmp_path, *changes, "method.local_crops=1", "training.epochs=1", of=toys.single)
    center = 4 * 5000
    assert found["disk_bytes_per_run"] == found["memory_bytes"]["weights"] + found["memory_bytes"]["optimizer"]
    assert found["memory_bytes"]["weights"] > 2 * 4 * 8 * 5000 + center
    assert found["memory_bytes"]["activations"] >= 4 * 8 * 5000, "the head has a gradient too"


def test_that_what_a_teacher_says_takes_room_on_the_disk(tmp_path: Path) -> None:
    live, kept = (measured(tmp_path, "augment.shift=1", "training.epochs=4", f"method.cache_views={views}") for views in (0, 4))
    assert (live["teacher_outputs_bytes"], kept["teacher_outputs_bytes"]) == (0, 4 * 100 * (10 * 2 + 12))
    assert kept["disk_bytes_per_run"] == live["disk_bytes_per_run"] + kept["teacher_outputs_bytes"]
    assert kept["disk_free_bytes"] > 0
    assert list(tmp_path.glob("**/teacher-*")) == [], "measuring keeps nothing"


def test_that_a_larger_batch_needs_more_memory_for_its_activations(tmp_path: Path) -> None:
    small, large = (measured(tmp_path, f"training.batch={batch}") for batch in (25, 100))
    ratio = large["memory_bytes"]["activations"] / small["memory_bytes"]["activations"]
    assert ratio == pytest.approx(4, rel=0.2)


def test_that_what_a_step_keeps_is_counted_once_and_without_the_weights() -> None:
    class Twin:
        method = nn.Linear(3, 5)

        def take_step(self, precision: str) -> None:
            x = torch.ones(7, 3, requires_grad=True)
            y = self.method(x)  # keeps x; the weights are known
            (y[:4] * y[3:]).sum().backward()  # keeps y, seen twice

    assert cost._saved_for_backward(Twin(), "float32") == 4 * (7 * 3 + 7 * 5)  # type: ignore[arg-type]


def test_that_both_precisions_are_measured_where_the_recipe_leaves_it_open(tmp_path: Path) -> None:
    told: list[str] = []
    asked = toys.lineage(*QUICK, "compute.precision=auto")
    found = cost.measure(asked, tmp_path, lambda share, words: told.append(words))
    assert {"measuring steps of F0 in float32", "measuring steps of F0 in bfloat16"} < set(told)
    assert f"measuring steps of F1 in {found['precision']}" in told, "F0 has decided for its students"


def test_that_a_measurement_can_be_left_between_two_steps(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    told: list[str] = []

    def tell(share: float, words: str) -> None:
        told.append(words)
        if told.count("measuring steps of F0 in float32") == 3:
            raise Enough

    with pytest.raises(Enough):
        cost.measure(toys.lineage(*QUICK), tmp_path, tell)


def test_that_a_run_beside_it_is_named_and_left_its_cores(tmp_path: Path) -> None:
    cores = [f"core-{number}" for number in range(processes.free_cores())]
    with toys.lease("digits-s0-F1", 1, cores) as other:
        assert other.tell("").startswith("has")
        found = measured(tmp_path, f"compute.threads={len(cores)}")
    assert (found["beside"], found["threads"]) == (["digits-s0-F1"], 1)
    assert measured(tmp_path)["beside"] == []


def test_that_several_devices_are_measured_by_the_part_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "free_cores", lambda: 3)
    seen, original = set(), cost.learn

    def learn(method: Any, optimizer: Any, batch: Any, *rest: Any) -> Any:
        seen.add((len(batch.pictures_BCHW), len(batch.labels_B), len(batch.index_B)))
        return original(method, optimizer, batch, *rest)

    monkeypatch.setattr(cost, "learn", learn)
    found = measured(tmp_path, "compute.threads=3", "compute.devices=3")
    assert seen == {(3, 3, 3)}, "of eight"
    assert found["threads"] == 1 and found["includes"].endswith("nor what the 3 devices tell each other")
    with pytest.raises(Refused, match=r"compute.devices: 4 are more than this machine has \(3 cores\); write 3 or less"):
        measured(tmp_path, "compute.threads=0", "compute.devices=4")


def test_that_too_little_memory_is_said_of_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 byte")

    monkeypatch.setattr(cost, "learn", step)
    with pytest.raises(Refused, match=r"training.batch: 8: a step does not fit into the memory there is"):
        measured(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.probe=[5000]", "data.probe: 5000 is outside"),
        ("compute.threads=1000", "compute.threads: 1000 is more than"),
        ("compute.devices=2", "compute.threads: 1 is less than one for each of 2 devices; write 0, or 2"),
        ("data.train_size=5000", "data.train_size: 5,000 cannot be had"),
    ],
)
def test_that_what_cannot_be_run_is_refused_with_its_field(tmp_path: Path, change: str, words: str) -> None:
    with pytest.raises((Refused, ValueError), match=words):
        measured(tmp_path, change)


def test_that_a_larger_teacher_is_counted_in_its_students_memory(tmp_path: Path) -> None:
    alike = measured(tmp_path)
    larger = measured(tmp_path, "teacher_model.name=small_cnn", "teacher_model.width=64")
    assert larger["weights"] == alike["weights"], "the student's"
    teacher = sum(tensor.nbytes for tensor in models.build("small_cnn", 10, 1, 8, width=64).state_dict().values())
    own = alike["memory_bytes"]["weights"] // 2
    assert abs(larger["memory_bytes"]["weights"] - own - teacher) < 100  # counters of BatchNorm


def test_that_a_teacher_of_another_lineage_is_counted_as_large_as_it_is(tmp_path: Path) -> None:
    toys.runs(tmp_path, toys.single("lineage=large", "model.width=64"))
    taught = ("method.name=kd", "method.teacher_run=large-s0-F0")
    found, alone = (measured(tmp_path / "data", *changes, of=toys.single) for changes in (taught, ()))
    teacher = sum(tensor.nbytes for tensor in models.build("small_cnn", 10, 1, 8, width=64).state_dict().values())
    assert abs(found["memory_bytes"]["weights"] - alone["memory_bytes"]["weights"] - teacher) < 100


def test_that_a_student_left_auto_is_measured_with_its_teachers_prototypes(tmp_path: Path) -> None:
    vit = ("method.name=dinov2", "model.name=vit", "model.patch=4", "model.width=8", "model.depth=1", "model.heads=1")
    head = ("method.hidden=8", "method.bottleneck=4", "method.local_crops=0", "optimizer.name=adamw")
    toys.runs(tmp_path, toys.single("lineage=large", *vit, *head, "method.prototypes=40", "method.patch_prototypes=20"))
    taught = (*vit, *head, "method.teacher_run=large-s0-F0", "training.batch=256")
    written = ("method.prototypes=40", "method.patch_prototypes=20")
    left, asked = (measured(tmp_path / "data", *taught, *more, of=toys.single) for more in ((), written))
    assert left["memory_bytes"]["weights"] == asked["memory_bytes"]["weights"]


def test_that_larger_crops_at_last_are_counted_in_the_time_of_a_run_and_in_its_memory(tmp_path: Path) -> None:
    vit = ("method.name=dinov2", "model.name=vit", "model.patch=4", "model.width=8", "model.depth=1", "model.heads=1")
    head = ("method.hidden=8", "method.bottleneck=4", "method.local_crops=0", "optimizer.name=adamw", "training.batch=256")
    large = ("method.global_size=8", "method.high_epochs=1", "method.high_size=32")
    plain, larger = (measured(tmp_path, *vit, *head, *more, of=toys.single) for more in (large[:1], large))
    assert larger["memory_bytes"]["activations"] > 2 * plain["memory_bytes"]["activations"]
    assert larger["seconds_per_run"] > larger["seconds_per_step"] * larger["total_steps"]


def test_that_a_frozen_backbone_needs_no_optimizer(tmp_path: Path) -> None:
    save_file(models.build("small_cnn", 10, 1, 8, width=4).state_dict(), tmp_path / "theirs.safetensors")
    frozen = measured(tmp_path, f"model.weights={tmp_path}/theirs.safetensors", "model.freeze=true", of=toys.single)
    assert frozen["memory_bytes"]["optimizer"] == 4 * (8 * 10 + 10), "one momentum, of the classifier"


def test_that_the_file_a_network_starts_from_is_tried(tmp_path: Path) -> None:
    state = models.build("small_cnn", 3, 1, 8, width=4).state_dict()
    save_file(state, tmp_path / "theirs.safetensors")
    found = measured(tmp_path, f"model.weights={tmp_path}/theirs.safetensors", of=toys.single)
    assert found["imported"]["each"] == "15 of 15 tensors, 100.0% of the parameters"
    save_file({name: tensor for name, tensor in state.items() if "blocks.1" in name}, tmp_path / "part.safetensors")
    with pytest.raises(Refused, match=r"^model\.weights: .*part\.safetensors has 4 of the 15 tensors"):
        measured(tmp_path, f"model.weights={tmp_path}/part.safetensors", of=toys.single)
    teacher = ("teacher_model.name=small_cnn", f"teacher_model.weights={tmp_path}/part.safetensors")
    with pytest.raises(Refused, match=r"^teacher_model\.weights: .*part\.safetensors has 0 of the 15 tensors"):
        measured(tmp_path, *teacher)


def test_that_a_twin_takes_the_steps_a_run_would(tmp_path: Path) -> None:
    """One after another through the epoch, each moving the weights."""
    asked = next(islice(toys.lineage(*QUICK).runs(), 1, None))[0]
    twin = cost.Twin(asked, "cpu", cost.prepare(asked, tmp_path))
    before = [weight.detach().clone() for weight in twin.method.student.parameters()]
    for _ in range(14):
        twin.take_step("float32")
    assert twin.step == 14
    assert all(not torch.equal(old, new) for old, new in zip(before, twin.method.student.parameters(), strict=True))
