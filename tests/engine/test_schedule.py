"""Schedules against numpy transcriptions of their formulas, step by step."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schedule import constant, cosine, half_life, linear, momentum_of, scaled_by_root, scaled_linearly, step


def official_cosine(base: float, final: float, steps: int, warmup_steps: int, start: float) -> np.ndarray:
    """facebookresearch/dino, utils.cosine_scheduler, with epochs and iterations already multiplied."""
    warmup = np.linspace(start, base, warmup_steps) if warmup_steps > 0 else np.array([])
    i = np.arange(steps - warmup_steps)
    schedule = final + 0.5 * (base - final) * (1 + np.cos(np.pi * i / len(i))) if len(i) else np.array([])
    return np.concatenate((warmup, schedule))


rates = st.floats(-10, 10, allow_subnormal=False)


@given(base=rates, final=rates, start=rates, steps=st.integers(0, 60), data=st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
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


@pytest.mark.parametrize(("base", "final"), [(0.996, 1.0), (0.04, 0.4)])
def test_that_momentum_and_weight_decay_are_cosines_that_rise(base: float, final: float) -> None:
    schedule = cosine(base, final, steps=1000)
    values = [schedule(i) for i in range(1001)]
    np.testing.assert_allclose(values[:1000], official_cosine(base, final, 1000, 0, 0.0), rtol=1e-14)
    assert values == sorted(values) and values[0] == pytest.approx(base, rel=1e-15) and values[1000] == final


def test_that_a_cosine_equals_a_case_by_hand() -> None:
    """0.04 to 0.4 in four steps; at the first (1 - cos 45) / 2 = 0.146447 of the way."""
    expected = [0.04, 0.04 + 0.36 * 0.146447, 0.22, 0.04 + 0.36 * 0.853553, 0.4]
    assert [cosine(0.04, 0.4, steps=4)(i) for i in range(5)] == pytest.approx(expected, abs=1e-6)


def test_that_a_warm_up_of_all_steps_is_only_a_warm_up() -> None:
    schedule = cosine(1.0, 0.0, steps=5, warmup_steps=5)
    assert [schedule(i) for i in range(6)] == [0.0, 0.25, 0.5, 0.75, 1.0, 0.0]


@given(start=rates, end=rates, steps=st.integers(0, 50))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_that_linear_equals_linspace_and_then_is_flat(start: float, end: float, steps: int) -> None:
    schedule = linear(start, end, steps)
    assert [schedule(i) for i in range(steps)] == np.linspace(start, end, steps).tolist()
    assert [schedule(i) for i in (steps, steps + 1, steps + 100)] == [end] * 3


def test_that_a_teacher_temperature_warms_up_as_in_dinov2_and_then_is_flat() -> None:
    """There a cosine from 0.07 to 0.07 with a warm-up from 0.04; an epoch at a time it is DINO's."""
    warm, per_step = cosine(0.07, 0.07, steps=100, warmup_steps=30, start=0.04), linear(0.04, 0.07, 30)
    assert [per_step(i) for i in range(100)] == pytest.approx([warm(i) for i in range(100)], rel=1e-15)
    by_epoch = np.concatenate((np.linspace(0.04, 0.07, 30), np.full(70, 0.07)))
    assert [linear(0.04, 0.07, 30)(step // 10) for step in range(0, 1000, 10)] == by_epoch.tolist()


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


def test_that_learning_rates_go_with_the_batch_as_published() -> None:
    assert scaled_linearly(5e-4, batch=1024) == pytest.approx(2e-3, rel=1e-15)  # DINO: 0.0005 x 1024 / 256
    assert scaled_linearly(5e-4, batch=32) == pytest.approx(6.25e-5, rel=1e-15)
    assert scaled_by_root(4e-3, batch=2048) == pytest.approx(5.656854e-3, rel=1e-6)  # DINOv2: 0.004 x root 2
    assert scaled_by_root(4 * 1e-3, batch=256) == pytest.approx(2e-3, rel=1e-15)  # DINOv3: 0.001 x 4 x root 1/4
    assert scaled_linearly(0.3, 256) == scaled_by_root(0.3, 1024) == 0.3


def test_that_a_half_life_equals_a_case_by_hand() -> None:
    assert half_life(0.5) == 1.0
    assert half_life(0.25) == pytest.approx(0.5, rel=1e-15)
    assert half_life(0.996) == pytest.approx(172.939990, abs=1e-6)  # 0.69314718 / 0.00400802
    assert momentum_of(1) == 0.5
    assert momentum_of(2) == pytest.approx(0.707107, abs=1e-6)


def test_that_the_ends_of_a_momentum_have_half_lives() -> None:
    assert half_life(0.0) == 0.0 and half_life(1.0) == math.inf
    assert momentum_of(0) == 0.0 and momentum_of(math.inf) == 1.0


@given(steps=st.floats(0.01, 1e6))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_that_after_its_half_life_half_of_a_teacher_is_new(steps: float) -> None:
    momentum = momentum_of(steps)
    assert half_life(momentum) == pytest.approx(steps, rel=1e-8)
    assert momentum**steps == pytest.approx(0.5, rel=1e-8)


def test_that_a_smaller_batch_looks_back_as_far_with_a_momentum_nearer_to_one() -> None:
    """As many pictures: a quarter of the batch needs four times the steps, 0.996 becomes its fourth root."""
    assert momentum_of(4 * half_life(0.996)) == pytest.approx(0.996**0.25, rel=1e-14)


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
        (lambda: scaled_linearly(0.1, batch=0), "batch"),
        (lambda: scaled_by_root(0.1, batch=-4), "batch"),
        (lambda: scaled_by_root(0.1, batch=4, reference=0), "reference"),
        (lambda: half_life(1.01), "momentum"),
        (lambda: half_life(-0.01), "momentum"),
        (lambda: half_life(math.nan), "momentum"),
        (lambda: momentum_of(-1), "half_life_steps"),
        (lambda: momentum_of(math.nan), "half_life_steps"),
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
