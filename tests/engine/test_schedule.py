"""Schedules against numpy transcriptions of their formulas, step by step."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schedule import constant, cosine, linear, step


def official_cosine(base: float, final: float, steps: int, warmup_steps: int, start: float) -> np.ndarray:
    """facebookresearch/dino, utils.cosine_scheduler, with epochs and iterations already multiplied."""
    warmup = np.linspace(start, base, warmup_steps) if warmup_steps > 0 else np.array([])
    i = np.arange(steps - warmup_steps)
    schedule = final + 0.5 * (base - final) * (1 + np.cos(np.pi * i / len(i))) if len(i) else np.array([])
    return np.concatenate((warmup, schedule))


rates = st.floats(-10, 10, allow_subnormal=False)


@given(base=rates, final=rates, start=rates, steps=st.integers(0, 60), data=st.data())
@settings(max_examples=150, deadline=None)
def test_that_cosine_equals_the_official_one_at_every_step(base, final, start, steps, data) -> None:
    warmup_steps = data.draw(st.integers(0, steps))
    schedule = cosine(base, final, steps, warmup_steps, start)
    ours = np.array([schedule(i) for i in range(steps)])
    np.testing.assert_allclose(ours, official_cosine(base, final, steps, warmup_steps, start), rtol=0, atol=1e-14)


def test_that_cosine_equals_the_official_one_for_the_values_of_dino() -> None:
    schedule = cosine(0.0005, 1e-6, steps=4000, warmup_steps=400)
    expected = official_cosine(0.0005, 1e-6, 4000, 400, 0.0)
    np.testing.assert_allclose([schedule(i) for i in range(4000)], expected, rtol=1e-12)


def test_that_cosine_stays_at_its_end() -> None:
    schedule = cosine(1.0, 0.25, steps=10)
    assert [schedule(10), schedule(11), schedule(1000)] == [0.25, 0.25, 0.25]
    assert schedule(5) == pytest.approx(0.625)
    assert cosine(0.996, 1.0, steps=8)(8) == 1.0


def test_that_a_warm_up_of_all_steps_is_only_a_warm_up() -> None:
    schedule = cosine(1.0, 0.0, steps=5, warmup_steps=5)
    assert [schedule(i) for i in range(6)] == [0.0, 0.25, 0.5, 0.75, 1.0, 0.0]


@given(start=rates, end=rates, steps=st.integers(0, 50))
@settings(max_examples=80, deadline=None)
def test_that_linear_equals_linspace_and_then_is_flat(start: float, end: float, steps: int) -> None:
    schedule = linear(start, end, steps)
    assert [schedule(i) for i in range(steps)] == np.linspace(start, end, steps).tolist()
    assert [schedule(i) for i in (steps, steps + 1, steps + 100)] == [end] * 3


def test_that_constant_is_constant_after_its_warm_up() -> None:
    assert {constant(0.3)(i) for i in range(5)} == {0.3}
    assert [constant(0.4, warmup_steps=3)(i) for i in range(5)] == [0.0, 0.2, 0.4, 0.4, 0.4]


def test_that_step_falls_at_each_milestone() -> None:
    schedule = step(0.1, milestones=[60, 120, 160], factor=0.2)  # Wide-ResNets
    edges = [0, 59, 60, 119, 120, 159, 160, 10_000]
    expected = [0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008]
    assert [schedule(i) for i in edges] == pytest.approx(expected, rel=1e-12)


def test_that_step_warms_up_from_zero() -> None:
    schedule = step(1.0, milestones=[4, 6], factor=0.5, warmup_steps=3)
    assert [schedule(i) for i in range(8)] == [0.0, 0.5, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_that_step_without_milestones_is_constant() -> None:
    assert {step(0.1, milestones=(), factor=0.2)(i) for i in (0, 9, 99)} == {0.1}


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: cosine(1, 0, steps=10, warmup_steps=11), "warmup_steps"),
        (lambda: cosine(1, 0, steps=10, warmup_steps=-1), "warmup_steps"),
        (lambda: cosine(1, 0, steps=-1), "steps"),
        (lambda: linear(1, 0, steps=-1), "steps"),
        (lambda: constant(1, warmup_steps=-2), "warmup_steps"),
        (lambda: step(1, [5], 0.1, warmup_steps=-2), "warmup_steps"),
        (lambda: step(1, [5], -0.1), "factor"),
        (lambda: step(1, [5, 5], 0.1), "milestones"),
        (lambda: step(1, [9, 5], 0.1), "milestones"),
        (lambda: step(1, [5, 9], 0.1, warmup_steps=6), "milestones"),
        (lambda: step(1, [-5, 9], 0.1), "milestones"),
    ],
)
def test_that_a_refusal_names_the_argument(make, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}: "):
        make()


def test_that_every_value_is_a_plain_finite_float() -> None:
    for schedule in (cosine(1, 0, 9, 3), linear(0, 1, 4), constant(1, 2), step(1, [4], 0.1, 2)):
        values = [schedule(i) for i in range(12)]
        assert all(math.isfinite(value) for value in values)


def test_that_the_window_can_import_schedules_without_torch_or_numpy() -> None:
    check = "import sys, engine.schedule; sys.exit(any(name in sys.modules for name in ('torch', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
