"""What the benchmarks against other people's programs say and count, without those programs."""

import time

import pytest

from tests.benchmarks._rivals import rival, seconds
from tests.benchmarks.bench_dino import tell_curves


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
