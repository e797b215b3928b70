"""Means of what each step yields."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.meter import Meter

CPU = torch.device("cpu")


def fed(*values: float) -> Meter:
    meter = Meter()
    for value in values:
        meter.add({"train/loss": torch.tensor(value), "grad/norm": torch.tensor(2 * value)})
    return meter


def test_that_a_tick_gives_the_means_of_its_steps_and_what_it_is_about() -> None:
    meter = fed(1.0, 2.0, 6.0)
    meter.tick((3, "about"))
    assert list(meter.ready()) == [((3, "about"), {"train/loss": 3.0, "grad/norm": 6.0})]
    assert list(meter.ready()) == [] and list(meter.flush()) == []


def test_that_the_next_tick_begins_at_nothing() -> None:
    meter = fed(1.0)
    meter.tick(1)
    meter.add({"train/loss": torch.tensor(5.0)})
    meter.tick(2)
    assert list(meter.flush()) == [(1, {"train/loss": 1.0, "grad/norm": 2.0}), (2, {"train/loss": 5.0})]


def test_that_ticks_come_out_the_oldest_first() -> None:
    meter = Meter()
    for step in range(4):
        meter.add({"x": torch.tensor(float(step))})
        meter.tick(step)
    assert [(about, values["x"]) for about, values in meter.ready()] == [(step, float(step)) for step in range(4)]


class Late:
    """A copy that is under way until it is waited for."""

    def __init__(self) -> None:
        self.there = False

    def query(self) -> bool:
        return self.there

    def synchronize(self) -> None:
        self.there = True


def test_that_ready_waits_for_nobody_and_flush_for_all() -> None:
    meter = Meter()
    copies = [Late(), Late()]
    for step, late in enumerate(copies):
        meter.add({"x": torch.tensor(1.0)})
        meter.tick(step)
        meter._copies[-1].done = late
    assert list(meter.ready()) == []
    copies[1].there = True
    assert list(meter.ready()) == [], "a later one does not overtake"
    copies[0].there = True
    assert [about for about, _ in meter.ready()] == [0, 1]
    meter.add({"x": torch.tensor(1.0)})
    meter.tick(2)
    meter._copies[-1].done = Late()
    assert [about for about, _ in meter.flush()] == [2]


def test_that_gradients_are_not_kept_alive() -> None:
    meter, weight = Meter(), torch.ones(1, requires_grad=True)
    meter.add({"x": (weight * 2).sum()})
    assert not meter._sums["x"].requires_grad


def test_that_half_precision_is_summed_in_single() -> None:
    meter = Meter()
    for _ in range(300):
        meter.add({"x": torch.tensor(1.0, dtype=torch.bfloat16)})
    meter.tick(0)
    assert next(meter.flush())[1] == {"x": 1.0}, "bfloat16 stops counting at 256"


def test_that_an_empty_tick_carries_nothing_through_a_checkpoint() -> None:
    assert Meter().partial() == {}
    meter = Meter()
    meter.restore({}, CPU)
    assert meter.partial() == {}


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=12), st.data())
@settings(deadline=None, max_examples=60)
def test_that_a_tick_cut_in_two_by_a_checkpoint_is_the_same_to_the_last_bit(values: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    whole, first, second = fed(*values), fed(*values[:cut]), Meter()
    second.restore(first.partial(), CPU)
    for value in values[cut:]:
        second.add({"train/loss": torch.tensor(value), "grad/norm": torch.tensor(2 * value)})
    whole.tick(0), second.tick(0)
    assert list(second.flush()) == list(whole.flush())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_that_values_leave_a_gpu_behind_its_back() -> None:
    meter = Meter()
    for value in (1.0, 3.0):
        meter.add({"x": torch.tensor(value, device="cuda")})
    meter.tick(7)
    assert meter._copies[0].sums.is_pinned()
    assert list(meter.flush()) == [(7, {"x": 2.0})]
