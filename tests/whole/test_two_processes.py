"""What is a property of the whole batch is the same whether one process holds it or two. B images, K prototypes, V crops.

This file is also what each of the two processes runs; they speak gloo on loopback and find each other through a file.
"""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch import distributed as torchs

from engine import distributed, learner, losses, models, rates, recipe
from engine.data.batch import Batch
from engine.distributed import portion_of
from engine.methods import build

Found = dict[str, Any]


# ---- formulas -----------------------------------------------------------------------------------------------------------


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Teacher logits, the centre before, and a mask that leaves the second process nothing."""
    dice = torch.Generator().manual_seed(7)
    teacher_BK = torch.randn(9, 6, generator=dice, dtype=torch.float64)
    center_K = torch.randn(6, generator=dice, dtype=torch.float64)
    return teacher_BK, center_K, torch.tensor([True, False, True, True, False] + 4 * [False])


def formulas() -> Found:
    """Of this process's rows of 9: five and four where there are two, so not the same number in each."""
    mine, gather = portion_of(9), distributed.gather
    teacher_BK, center_K, mask_B = batch()
    teacher_BK, mask_B = teacher_BK[mine.rows], mask_B[mine.rows]
    with distributed.holding(mine):
        return {
            "assigned": losses.sinkhorn_knopp(teacher_BK, 0.3, gather=gather),
            "masked": losses.sinkhorn_knopp(teacher_BK, 0.3, mask_B=mask_B, gather=gather),
            "large": losses.sinkhorn_knopp(1e4 * teacher_BK.float(), 0.04, gather=gather),
            "center": losses.update_center(center_K, teacher_BK, gather=gather),
            "center of the masked": losses.update_center(center_K, teacher_BK[mask_B], gather=gather),
            "marginal entropy": losses.marginal_entropy(teacher_BK.softmax(dim=1), gather=gather),
            "confidence": losses.cwtm_weights(teacher_BK, gather),
            "spread": distributed.spread(teacher_BK.float()).double(),
            **with_gradient("koleo", teacher_BK, lambda x_BK: mine.share * losses.koleo_loss(x_BK, distributed.gather_rows)),
            **with_gradient("gathered", teacher_BK, lambda x_BK: (gather(x_BK.sum(dim=0)).sum(dim=0) ** 3).sum() / worlds()),
            **normalised(teacher_BK),
            "left out": at_random(mine),
        }


def worlds() -> int:
    return distributed.world()


def with_gradient(name: str, x_BK: Tensor, loss: Callable[[Tensor], Tensor]) -> Found:
    """The value summed over processes, and the gradient at these rows."""
    x_BK = x_BK.clone().requires_grad_()
    value = loss(x_BK)
    value.backward()
    whole = distributed.gather(value.detach()).sum()
    return {name: whole, f"gradient of {name}": x_BK.grad}


def normalised(x_BK: Tensor) -> Found:
    """BatchNorm in the middle of a head and over pictures: outputs, gradients, running statistics; and what it says at rest."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.BatchNorm1d(6), nn.Unflatten(1, (2, 3, 1)), nn.BatchNorm2d(2, momentum=0.3), nn.ReLU(inplace=True)
    )
    network = network.double()
    nn.init.normal_(network[0].weight)
    distributed.normalise_together(network)
    x_BK = x_BK.clone().requires_grad_()
    y_BCHW = network(x_BK)
    (y_BCHW**3).sum().backward()
    weights = [weight.grad for weight in network.parameters()]
    distributed.add_up(weights, {"nothing": torch.zeros(())}, 1.0)
    kept = {f"running {name}": tensor.double().flatten() for name, tensor in network.state_dict().items()}
    found = {"normalised": y_BCHW.detach().flatten(1), "gradient of normalised": x_BK.grad}
    at_rest = network.eval()(x_BK.detach()).flatten(1)
    return {**found, **kept, "at rest": at_rest, "gradient of weights": torch.cat(weights)}


def at_random(mine: distributed.Portion) -> Tensor:
    """Of two crops each."""
    torch.manual_seed(5)
    drawn_X11 = distributed.kept_at_random(torch.empty(2 * mine.own, 3, 4), 0.5)
    return drawn_X11.view(2, mine.own).T.double()


# ---- methods ------------------------------------------------------------------------------------------------------------

VIT = {"name": "vit", "patch": 4, "width": 12, "depth": 2, "heads": 2, "stem": "conv"}
CNN = {"name": "small_cnn", "width": 4}
HEAD = {"global_size": 8, "local_size": 4, "local_crops": 2, "prototypes": 8, "hidden": 8, "bottleneck": 4}
AUTO = {"teacher_temp": 0.04, "teacher_temp_start": 0.04, "teacher_temp_warmup_epochs": 0, "momentum": 0.9, "freeze_epochs": 1}
DINOV2 = {"name": "dinov2", **HEAD, **AUTO, "patch_prototypes": 8, "koleo_weight": 0.1}
METHODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "supervised": ({"name": "supervised"}, CNN),
    "ban": ({"name": "ban"}, CNN),
    "cwtm": ({"name": "cwtm"}, CNN),
    "dkpp": ({"name": "dkpp"}, CNN),
    "dino": ({"name": "dino", **HEAD, **AUTO, "batch_norm": True}, VIT | {"drop_path": 0.5}),
    "dinov2": (DINOV2, VIT | {"drop_path": 0.5}),
    "dinov2, centred": (DINOV2 | {"centering": "centre", "separate_heads": False, "mask_probability": 0.2}, VIT),
}
STEPS, PICTURES = 4, 7


def asked(name: str) -> recipe.RunRecipe:
    method, model = METHODS[name]
    table = {"lineage": "x", "seed": 0, "method": method, "model": model, "schedule": {"name": "constant"}}
    table |= {"optimizer": {"name": "sgd", "lr": 0.05}, "training": {"epochs": 4, "batch": PICTURES}}
    taught = name in ("ban", "cwtm", "dkpp")
    return recipe.parse(recipe.RunRecipe, table | ({"generation": 1, "teacher": "x-s0-F0"} if taught else {}))  # type: ignore[no-any-return]


def network(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return models.build(**{"classes": 5, "channels": 3, "size": 8, **METHODS[name][1]})


def pictures(step: int, crops: tuple[tuple[int, int], ...]) -> Batch:
    """This process's of a step's seven."""
    dice = torch.Generator().manual_seed(step)
    index_N = torch.from_numpy(np.random.default_rng(step).permutation(20)[:PICTURES])
    rows = portion_of(PICTURES).rows
    views = tuple(torch.randn(count, PICTURES, 3, size, size, generator=dice)[:, rows] for count, size in crops)
    return Batch(views, (index_N % 5)[rows], index_N[rows], index_N if worlds() > 1 else None)


def learned(name: str) -> Found:
    """Some steps of a method: what is shown of each, and the weights in the end."""
    wanted = asked(name)
    teacher = network(name, 1) if wanted.teacher else None
    method = build(wanted.method, network(name, 0), teacher).train()
    distributed.normalise_together(method)
    method.plan(rates.schedules(wanted, 2), 2)
    optimizer = learner.optimizer_for(wanted, method)
    crops = ((2, 8), (2, 4)) if name.startswith("dino") else ((1, 8),)
    shown = []
    for step in range(STEPS):
        torch.manual_seed(step)
        values = learner.learn(method, optimizer, pictures(step, crops), step, 0.5, "float32")
        shown.append({name: value.item() for name, value in values.items()})
    weights = {f"{part}/{name}": tensor for part, kept in method.weights().items() for name, tensor in kept.items()}
    return {"shown": shown, "weights": {name: tensor.detach().clone() for name, tensor in weights.items()}}


# ---- the two processes --------------------------------------------------------------------------------------------------


def everything() -> Found:
    torch.set_num_threads(1)
    return {"formulas": formulas(), **{name: learned(name) for name in METHODS}}


def take_part(rank: int, folder: Path) -> None:
    meeting = f"file://{folder / 'meeting'}"
    torchs.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    torch.save(everything(), folder / f"{rank}.pt")
    torchs.destroy_process_group()


def start(rank: int, folder: Path) -> subprocess.Popen[str]:
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **loopback}
    command = [sys.executable, __file__, str(rank), str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    folder = tmp_path_factory.mktemp("two")
    both = [start(rank, folder) for rank in range(2)]
    try:
        for process in both:
            said, _ = process.communicate(timeout=100)
            assert process.returncode == 0, said
    finally:
        for process in both:
            process.kill()
            process.wait()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def by_one() -> Found:
    return everything()


ROWS = [
    "assigned",
    "masked",
    "confidence",
    "gradient of koleo",
    "gradient of gathered",
    "normalised",
    "gradient of normalised",
    "at rest",
    "left out",
]


@pytest.mark.parametrize("name", ROWS)
def test_that_two_processes_find_for_their_rows_what_one_does(name: str, by_two: list[Found], by_one: Found) -> None:
    joined_BK = torch.cat([part["formulas"][name] for part in by_two])
    torch.testing.assert_close(joined_BK, by_one["formulas"][name], rtol=1e-9, atol=1e-11)


def test_that_two_processes_assign_large_logits_as_one_does(by_two: list[Found], by_one: Found) -> None:
    joined_BK = torch.cat([part["formulas"]["large"] for part in by_two])
    torch.testing.assert_close(joined_BK, by_one["formulas"]["large"], rtol=0, atol=1e-5)
    torch.testing.assert_close(joined_BK.sum(dim=1), torch.ones(9))


def test_that_two_processes_agree_on_what_one_finds(by_two: list[Found], by_one: Found) -> None:
    first, second = (part["formulas"] for part in by_two)
    whole = by_one["formulas"].keys() - {*ROWS, "large"}
    assert {"center", "center of the masked", "marginal entropy", "koleo", "gathered", "spread"} < whole
    assert {"running 0.running_var", "running 2.num_batches_tracked", "gradient of weights"} < whole
    for name in whole:
        assert torch.equal(first[name], second[name]), name
        tolerance = 1e-6 if name == "spread" else 1e-11  # which is found in float32
        torch.testing.assert_close(first[name], by_one["formulas"][name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("name", METHODS)
def test_that_two_processes_learn_what_one_learns(name: str, by_two: list[Found], by_one: Found) -> None:
    """Every value that is shown, and every weight, average, centre and running statistic."""
    first, second, alone = (copy.deepcopy(found[name]) for found in (*by_two, by_one))
    assert first["shown"] == second["shown"]
    for step, (ours, theirs) in enumerate(zip(first["shown"], alone["shown"], strict=True)):
        assert ours.pop("grad/norm") == pytest.approx(theirs.pop("grad/norm"), rel=1e-4), step  # all weights' last digits
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-5), step
    for tensor, ours in first["weights"].items():
        assert torch.equal(ours, second["weights"][tensor]), tensor
        torch.testing.assert_close(ours, alone["weights"][tensor], rtol=1e-4, atol=1e-5, msg=tensor)


def test_that_those_methods_ask_all_that_can_be_asked(by_one: Found) -> None:
    """Otherwise the test above would show little."""
    shown = {name: {key for step in by_one[name]["shown"] for key, value in step.items() if value} for name in METHODS}
    assert {"train/effective_batch", "train/heaviest_picture"} <= shown["cwtm"]
    assert {"train/ibot", "train/koleo", "feature/std", "teacher/marginal_entropy"} <= shown["dinov2"]
    assert {"center/norm"} <= shown["dino"] & shown["dinov2, centred"]
    assert msgspec.to_builtins(asked("dinov2").method)["centering"] == "sinkhorn"


@pytest.mark.parametrize("name", ["assigned", "center", "marginal entropy", "normalised", "koleo"])
def test_that_processes_which_do_not_speak_find_something_else(name: str, by_one: Found, monkeypatch) -> None:
    """Otherwise the tests above would show nothing."""
    monkeypatch.setitem(globals(), "portion_of", lambda whole: distributed.Portion(0, 5, 5))
    first, whole = formulas()[name], by_one["formulas"][name]
    assert not torch.allclose(first, whole[:5] if name in ("assigned", "normalised") else whole, rtol=1e-3)


if __name__ == "__main__":
    take_part(int(sys.argv[1]), Path(sys.argv[2]))
