"""What is a property of the whole batch is the same whether one process holds it or two. B images, K prototypes.

This file is also what each of the two processes runs; they speak gloo on loopback and find each other through a file.
"""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed

from engine import losses

ROWS = (slice(0, 5), slice(5, 8))  # of the batch, by rank: not the same number in each
Found = dict[str, Tensor]


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Teacher logits, the centre before, and a mask that leaves the second process nothing."""
    dice = torch.Generator().manual_seed(7)
    teacher_BK = torch.randn(8, 6, generator=dice, dtype=torch.float64)
    center_K = torch.randn(6, generator=dice, dtype=torch.float64)
    return teacher_BK, center_K, torch.tensor([True, False, True, True, False, False, False, False])


def found(rows: slice, gather: losses.Gather) -> Found:
    teacher_BK, center_K, mask_B = batch()
    teacher_BK, mask_B = teacher_BK[rows], mask_B[rows]
    return {
        "assigned": losses.sinkhorn_knopp(teacher_BK, 0.3, gather=gather),
        "masked": losses.sinkhorn_knopp(teacher_BK, 0.3, mask_B=mask_B, gather=gather),
        "large": losses.sinkhorn_knopp(1e4 * teacher_BK.float(), 0.04, gather=gather),
        "center": losses.update_center(center_K, teacher_BK, gather=gather),
        "center of the masked": losses.update_center(center_K, teacher_BK[mask_B], gather=gather),
        "marginal entropy": losses.marginal_entropy(teacher_BK.softmax(dim=1), gather=gather),
    }


def stacked(x: Tensor) -> Tensor:
    everyone = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyone, x.contiguous())
    return torch.stack(everyone)


def take_part(rank: int, folder: Path) -> None:
    meeting = f"file://{folder / 'meeting'}"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    torch.save(found(ROWS[rank], stacked), folder / f"{rank}.pt")
    distributed.destroy_process_group()


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
    return found(slice(None), losses.alone)


@pytest.mark.parametrize("name", ["assigned", "masked"])
def test_that_two_processes_assign_prototypes_as_one_does(name: str, by_two: list[Found], by_one: Found) -> None:
    joined_BK = torch.cat([part[name] for part in by_two])
    torch.testing.assert_close(joined_BK, by_one[name], rtol=1e-12, atol=1e-15)


def test_that_two_processes_assign_large_logits_as_one_does(by_two: list[Found], by_one: Found) -> None:
    joined_BK = torch.cat([part["large"] for part in by_two])
    torch.testing.assert_close(joined_BK, by_one["large"], rtol=0, atol=1e-5)
    torch.testing.assert_close(joined_BK.sum(dim=1), torch.ones(8))


@pytest.mark.parametrize("name", ["center", "center of the masked", "marginal entropy"])
def test_that_two_processes_agree_on_what_one_finds(name: str, by_two: list[Found], by_one: Found) -> None:
    assert torch.equal(by_two[0][name], by_two[1][name])
    torch.testing.assert_close(by_two[0][name], by_one[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["assigned", "center", "marginal entropy"])
def test_that_processes_which_do_not_speak_find_something_else(name: str, by_one: Found) -> None:
    """Otherwise the tests above would show nothing."""
    first = found(ROWS[0], losses.alone)[name]
    assert not torch.allclose(first, by_one[name][ROWS[0]] if name == "assigned" else by_one[name], rtol=1e-3)


if __name__ == "__main__":
    take_part(int(sys.argv[1]), Path(sys.argv[2]))
