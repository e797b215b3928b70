"""What the benchmarks against other people's programs say and count, without those programs."""

import time
from pathlib import Path

import pytest

from tests.benchmarks._rivals import rival, seconds
from tests.benchmarks.bench_born_again import Plain, Varied, asked, cross_entropy, curves, prove, twin_of
from tests.benchmarks.bench_dino import tell_curves
from tests.benchmarks.teacher_cache import data


def test_that_a_rival_which_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(SystemExit, match="pip install nowhere_to_be_found"):
        rival("nowhere_to_be_found.models")


def test_that_rows_take_turns_and_the_first_round_does_not_count() -> None:
    taken: list[str] = []

    def slow_at_first() -> None:
        taken.append("ours")
        until = time.process_time() + (0.05 if len(taken) == 1 else 0)
        while time.process_time() < until:
            pass

    spent = seconds({"ours": slow_at_first, "theirs": lambda: taken.append("theirs")}, rounds=3)
    assert taken == ["ours", "theirs"] * 4
    assert spent["ours"] < 0.02


def test_that_time_up_ends_the_rounds_but_never_before_three_have_counted() -> None:
    taken: list[int] = []
    seconds({"ours": lambda: taken.append(0)}, rounds=100, limit_s=0)
    assert len(taken) == 4


def test_that_losses_which_part_end_a_comparison_before_anything_is_timed() -> None:
    tell_curves([8.0, 7.5], [8.0, 7.5001])
    with pytest.raises(SystemExit, match="not the same work"):
        tell_curves([8.0, 7.5], [8.0, 7.6])


def test_that_torchvision_and_we_vary_a_batch_alike_and_learn_the_same_loss_from_it(tmp_path: Path) -> None:
    """The benchmark's proof of equal work, which a rival with another loss does not pass."""
    seen = data(32, 3, 10, 16)
    for loss, same in ((cross_entropy, True), (lambda student, teacher: student.square().mean(), False)):
        twin = twin_of(asked("small_cnn", tmp_path, "ban"), seen)
        found = curves(twin, Plain(twin, loss), Varied(seen), "train/loss", steps=2)
        if same:
            prove("plain loop", *found)
            assert found[0][0] != found[0][1], "it learned nothing"
        else:
            with pytest.raises(SystemExit, match="not the same work"):
                prove("plain loop", *found)
