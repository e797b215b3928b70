"""Numbers to text: a table of examples, since each of them is read by somebody."""

import math
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import words
from engine.words import MINUS, THIN


@pytest.fixture(autouse=True)
def in_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be set for one test")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.954, "95.4"), (1.0, "100.0"), (0.0, "0.0"), (0.00049, "0.0"), (-0.125, f"{MINUS}12.5"), (1.234, "123.4")],
)
def test_that_a_rate_is_per_cent_after_a_thin_space(value: float, text: str) -> None:
    assert words.percent(value) == f"{text}{THIN}%"


def test_that_per_cent_takes_other_digits() -> None:
    assert words.percent(0.95449, 2) == f"95.45{THIN}%" and words.percent(1.23, 0) == f"123{THIN}%"


@pytest.mark.parametrize(("value", "text"), [(0.015, "+1.5"), (-0.0051, f"{MINUS}0.5"), (0.0, "+0.0"), (1.0, "+100.0")])
def test_that_points_always_carry_a_sign(value: float, text: str) -> None:
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4123, "0.412"),
        (12.34, "12.34"),
        (123.456, "123.5"),
        (8318.2, "8,318"),
        (1e6, "1,000,000"),
        (2.5, "2.500"),
        (0.0, "0.000"),
        (-3.2, f"{MINUS}3.200"),
        (-8318.2, f"{MINUS}8,318"),
        (0.0005, f"500e{MINUS}6"),
        (math.nan, "not finite"),
        (-math.inf, "not finite"),
    ],
)
def test_that_a_number_has_as_many_decimals_as_it_deserves(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000125, f"125e{MINUS}6"),
        (1e-6, f"1e{MINUS}6"),
        (9.999e-7, f"1e{MINUS}6"),
        (0.00099, f"990e{MINUS}6"),
        (0.00099996, "0.001"),
        (1.5e-9, f"1.5e{MINUS}9"),
        (5e-324, f"4.94e{MINUS}324"),
        (-2.5e-5, f"{MINUS}25e{MINUS}6"),
        (0.001, "0.001"),
        (0.01, "0.01"),
        (0.1, "0.1"),
        (100.0, "100"),
        (0.0, "0"),
        (math.inf, "not finite"),
    ],
)
def test_that_a_rate_is_in_engineering_notation(value: float, text: str) -> None:
    assert words.rate(value) == text


@given(st.floats(1e-300, 9.99e-4))
def test_that_a_small_rate_says_its_value_and_its_exponent_is_a_multiple_of_three(value: float) -> None:
    text = words.rate(value).replace(MINUS, "-")
    assert math.isclose(float(text), value, rel_tol=6e-3)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        assert int(exponent) % 3 == 0 and 1 <= float(mantissa) < 1000


def test_that_counts_are_grouped() -> None:
    assert [words.count(value) for value in (0, 999, 12480, 1234567)] == ["0", "999", "12,480", "1,234,567"]


def test_that_one_is_not_plural() -> None:
    assert [words.plural(n, "seed") for n in (0, 1, 3, 1200)] == ["0 seeds", "1 seed", "3 seeds", "1,200 seeds"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (89, "89 s"),
        (90, "2 min"),
        (1330, "22 min"),
        (5300, "88 min"),
        (5400, "1 h 30 min"),
        (7500, "2 h 05 min"),
        (100_000, "27 h 47 min"),
    ],
)
def test_that_a_duration_is_what_a_person_would_say(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_that_a_clock_shows_the_time_of_day() -> None:
    assert words.clock(37_024) == "10:17" and words.clock(37_024, seconds=True) == "10:17:04"


NOON = 1_732_449_600.0  # 24 November 2024, 12:00


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (NOON - 2.8 * 3600, "today 09:12"),
        (NOON - 12 * 3600, "today 00:00"),
        (NOON - 12.1 * 3600, "yesterday"),
        (NOON - 5 * 86_400, "19 Nov"),
        (NOON - 365 * 86_400, "25 Nov 2023"),
    ],
)
def test_that_a_day_is_named_from_today(then: float, text: str) -> None:
    assert words.day(then, NOON) == text


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10_240, "10 KiB"),
        (92_274_688, "88 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (5e13, "46566 GiB"),
    ],
)
def test_that_sizes_are_binary(bytes_: float, text: str) -> None:
    assert words.size(bytes_) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "p < 0.001"),
        (0.0009, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.036, "p = 0.036"),
        (0.25, "p = 0.25"),
        (1, "p = 1.00"),
    ],
)
def test_that_a_p_value_is_never_nought(p: float, text: str) -> None:
    assert words.p_value(p) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_that_no_number_carries_a_hyphen(value: float) -> None:
    texts: list[Any] = [words.percent(value), words.points(value), words.number(value), words.rate(value)]
    assert not any("-" in text for text in texts)
