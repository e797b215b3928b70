"""Smoothing, thinning, ranges and ticks against the naive way of doing each."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio.widgets import thin

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
ANYTHING = st.one_of(FINITE, st.sampled_from([math.nan, math.inf, -math.inf]))
WEIGHTS = st.floats(0, 0.999)
COLUMNS = st.integers(1, 60)


def holds_for(*strategies):
    """hypothesis' given, on machines that may be busy."""
    return lambda test: settings(deadline=None)(given(*strategies)(test))


def values(elements=ANYTHING, least=1, most=600):
    return hnp.arrays(np.float64, st.integers(least, most), elements=elements)


def naive_smooth(series, weight):
    """Adam's debiased average, one value after the other."""
    average, seen, out = 0.0, 0, []
    for value in series:
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        average, seen = weight * average + (1 - weight) * value, seen + 1
        out.append(average / (1 - weight**seen))
    return np.array(out)


# Smoothing


@holds_for(values(), WEIGHTS)
def test_that_smoothing_equals_the_naive_recursion(series, weight):
    np.testing.assert_allclose(thin.smooth(series, weight), naive_smooth(series, weight), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.9, 0.999])
def test_that_smoothing_a_long_series_equals_the_naive_recursion(weight):
    series = np.random.default_rng(0).normal(3, 1, 20_000)
    np.testing.assert_allclose(thin.smooth(series, weight), naive_smooth(series, weight), rtol=1e-9)


@holds_for(values())
def test_that_weight_zero_returns_the_data_with_gaps(series):
    np.testing.assert_array_equal(thin.smooth(series, 0.0), np.where(np.isfinite(series), series, np.nan))


@holds_for(FINITE, st.integers(1, 500), WEIGHTS)
def test_that_a_constant_stays_constant_from_the_first_value(constant, length, weight):
    np.testing.assert_allclose(thin.smooth(np.full(length, constant), weight), constant, rtol=1e-9, atol=1e-300)


@holds_for(values(), WEIGHTS)
def test_that_gaps_stay_gaps_and_do_not_poison_the_rest(series, weight):
    known = np.isfinite(series)
    smoothed = thin.smooth(series, weight)
    np.testing.assert_array_equal(np.isfinite(smoothed), known)
    np.testing.assert_array_equal(smoothed[known], thin.smooth(series[known], weight))


@holds_for(values(FINITE), WEIGHTS)
def test_that_smoothed_values_lie_among_the_data(series, weight):
    smoothed = thin.smooth(series, weight)
    room = 1e-9 * (1 + np.abs(series).max())
    assert smoothed.min() >= series.min() - room and smoothed.max() <= series.max() + room


def test_that_smoothing_does_not_change_what_it_was_given():
    series = np.array([1.0, math.inf, 3.0])
    thin.smooth(series, 0.9)
    assert series[1] == math.inf


def test_that_a_weight_of_one_is_refused():
    with pytest.raises(ValueError, match=r"1\.0 is outside \[0, 0\.999\]"):
        thin.smooth(np.ones(3), 1.0)


def test_that_nothing_smooths_to_nothing():
    assert len(thin.smooth(np.empty(0), 0.9)) == 0


# Thinning


def steps(series):
    return np.arange(len(series), dtype=np.float64)


@holds_for(values(), COLUMNS)
def test_that_the_envelope_keeps_the_extremes_of_every_column(series, columns):
    x = steps(series)
    span = (0.0, max(1.0, x[-1]))
    kept_x, kept_y = thin.envelope(x, series, span, columns)
    edges = np.linspace(*span, columns + 1)
    for left, right in pairwise(edges):
        inside = series[(x >= left) & (x < right) & np.isfinite(series)]
        drawn = kept_y[(kept_x >= left) & (kept_x < right) & np.isfinite(kept_y)]
        if len(inside):
            assert drawn.min() == inside.min() and drawn.max() == inside.max()


@holds_for(values(), COLUMNS, st.sampled_from([thin.envelope, thin.thin_line]))
def test_that_only_points_of_the_data_are_drawn_in_their_order(series, columns, reduce):
    x = steps(series)
    kept_x, kept_y = reduce(x, series, (0.0, len(x) - 0.5), columns)
    assert (np.diff(kept_x) > 0).all()
    gapped = np.where(np.isfinite(series), series, np.nan)
    np.testing.assert_array_equal(kept_y, gapped[kept_x.astype(int)])


@holds_for(values(), COLUMNS, st.sampled_from([thin.envelope, thin.thin_line]))
def test_that_the_newest_value_is_exact(series, columns, reduce):
    x = steps(series)
    kept_x, kept_y = reduce(x, series, (0.0, len(x) + 5.0), columns)
    assert kept_x[-1] == x[-1]
    finite = np.flatnonzero(np.isfinite(series))
    if len(finite):
        drawn = np.flatnonzero(np.isfinite(kept_y))
        assert kept_x[drawn[-1]] == finite[-1] and kept_y[drawn[-1]] == series[finite[-1]]


@holds_for(values(least=100, most=2000), st.integers(4, 60))
def test_that_there_are_never_more_points_than_promised(series, columns):
    x = steps(series)
    for reduce, promised in ((thin.envelope, 2 * columns + 8), (thin.thin_line, columns / 2 + 8)):
        _, kept_y = reduce(x, series, (x[0], x[-1]), columns)
        assert np.isfinite(kept_y).sum() <= promised
        assert np.isnan(kept_y).sum() <= promised


@holds_for(values(FINITE, least=20), st.floats(0, 1), st.floats(0.01, 1), COLUMNS)
def test_that_lines_enter_and_leave_the_frame(series, start, width, columns):
    x = steps(series)
    low = start * x[-1]
    high = low + width * x[-1]
    kept_x, _ = thin.thin_line(x, series, (low, high), columns)
    if (x < low).any():
        assert kept_x[0] == x[x < low][-1]
    if (x > high).any():
        assert kept_x[-1] == x[x > high][0]
    inside = x[(x >= low) & (x <= high)]
    if len(inside):
        assert inside[0] in kept_x and inside[-1] in kept_x


def test_that_a_single_spike_among_a_hundred_thousand_points_is_drawn():
    series = np.zeros(100_000)
    series[54_321] = 7.0
    for reduce in (thin.envelope, thin.thin_line):
        kept_x, kept_y = reduce(steps(series), series, (0.0, 1e5), 900)
        assert kept_x[kept_y == 7.0].tolist() == [54_321]


def test_that_a_wide_gap_stays_a_gap():
    series = np.ones(10_000)
    series[3_000:6_000] = math.nan
    kept_x, kept_y = thin.thin_line(steps(series), series, (0.0, 1e4), 100)
    assert np.isnan(kept_y[(kept_x >= 3_000) & (kept_x < 6_000)]).all()
    assert np.isnan(kept_y).any()


def test_that_a_short_series_is_drawn_as_it_is():
    series = np.array([3.0, math.inf, 1.0])
    kept_x, kept_y = thin.envelope(steps(series), series, (0.0, 2.0), 50)
    np.testing.assert_array_equal(kept_x, [0, 1, 2])
    np.testing.assert_array_equal(kept_y, [3, math.nan, 1])


def test_that_no_points_and_one_point_are_fine():
    empty = np.empty(0)
    for reduce in (thin.envelope, thin.thin_line):
        assert len(reduce(empty, empty, (0.0, 1.0), 10)[0]) == 0
        assert reduce(np.array([5.0]), np.array([2.0]), (5.0, 5.0), 10)[1].tolist() == [2.0]


def test_that_attempts_are_never_joined():
    x, y = np.arange(5.0), np.arange(5.0)
    apart_x, apart_y = thin.apart(x, y, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_array_equal(apart_y, [0, 1, 2, math.nan, 3, 4])
    assert (np.diff(apart_x) >= 0).all()


@holds_for(st.integers(1, 5000), COLUMNS)
def test_that_attempts_stay_apart_when_thinned(seam, columns):
    x = np.arange(5001.0)
    y = np.where(x < seam, 0.0, 1.0)
    drawn_x, drawn_y = thin.thin_line(*thin.apart(x, y, (x >= seam).astype(np.int64)), (0.0, 5000.0), columns)
    joined = np.isfinite(drawn_y[:-1]) & np.isfinite(drawn_y[1:])
    assert not (joined & (drawn_x[:-1] < seam) & (drawn_x[1:] >= seam)).any()


# The range shown


@holds_for(values())
def test_that_the_telling_range_lies_within_the_data(series):
    finite = series[np.isfinite(series)]
    span = thin.telling_range(series)
    if len(finite) == 0:
        assert span is None
    else:
        assert finite.min() <= span[0] <= span[1] <= finite.max()


def test_that_one_spike_does_not_flatten_the_picture():
    series = np.linspace(8, 5, 1000)
    series[500] = 1e6
    low, high = thin.telling_range(series)
    assert low == 5 and 8 < high < 12


def test_that_a_short_descent_is_shown_whole():
    assert thin.telling_range(np.array([2.3, 0.4, 0.2, 0.15, 0.12])) == (0.12, 2.3)


def test_that_the_late_range_leaves_out_a_steep_climb():
    accuracy = np.array([0.1, 0.5, 0.8, *np.linspace(0.90, 0.95, 27)])
    low, high = thin.late_range(accuracy)
    assert 0.8 < low < 0.9 and high == 0.95


def test_that_room_around_rates_ends_where_rates_end():
    low, high = thin.padded((0.0, 1.0), most=1.0)
    assert -0.02 <= low < 0 and 1 < high <= 1.02


@holds_for(st.one_of(FINITE, st.floats(-1e300, 1e300)), st.one_of(FINITE, st.floats(-1e300, 1e300)))
def test_that_there_is_always_room_around_the_data_and_ticks_in_it(one, other):
    span = (min(one, other), max(one, other))
    low, high = thin.padded(span)
    assert low < high and low <= span[0] and span[1] <= high
    found = thin.ticks((low, high), 6)
    assert len(found) <= 6 and len(thin.tick_words(found)) == len(found)


def test_that_the_range_does_not_move_with_every_point():
    ranges = {thin.padded((4.9 - step / 1000, 8.4)) for step in range(60)}
    assert len(ranges) <= 2


# Ticks


@holds_for(st.floats(-1e5, 1e5), st.floats(1e-3, 1e6), st.integers(2, 8), st.booleans())
def test_that_ticks_lie_inside_and_are_no_more_than_asked(low, width, most, whole):
    span = (low, low + width)
    found = thin.ticks(span, most, whole)
    assert len(found) <= most + whole
    assert ((found >= span[0] - 1e-6 * width) & (found <= span[1] + 1e-6 * width)).all()
    if whole:
        assert (found % 1 == 0).all()


@pytest.mark.parametrize(
    ("span", "most", "text"),
    [
        ((0, 2800), 6, "0|500|1,000|1,500|2,000|2,500"),
        ((4.4, 8.7), 5, "5|6|7|8"),
        ((0, 1), 3, "0|0.5|1"),
        ((-0.4, 0.4), 5, "−0.4|−0.2|0|0.2|0.4"),
        ((0, 4.2e-4), 5, "0|100e−6|200e−6|300e−6|400e−6"),
        ((0, 2.5e6), 3, "0|1M|2M"),
    ],
)
def test_that_ticks_read_as_on_the_drawings(span, most, text):
    assert "|".join(thin.tick_words(thin.ticks(span, most))) == text


def test_that_thousands_are_short_on_small_charts():
    assert thin.tick_words([0, 1000, 2000], short=True) == ["0", "1k", "2k"]
    assert thin.tick_words([0, 500], short=True) == ["0", "500"]


def test_that_epochs_begin_at_one():
    assert thin.ticks((1, 30.5), 6, whole=True).tolist() == [1, 5, 10, 15, 20, 25, 30]


def test_that_a_log_axis_has_its_decades_and_a_short_one_something_between():
    assert thin.log_ticks((-3, 1), 6).tolist() == pytest.approx([1e-3, 1e-2, 1e-1, 1, 10])
    assert thin.log_ticks((0, 0.95), 5).tolist() == pytest.approx([1, 2, 5])
    assert len(thin.log_ticks((0.0, 0.1), 5)) >= 2
    assert len(thin.log_ticks((-30, 30), 6)) <= 6


def test_that_time_reads_in_seconds_minutes_and_hours():
    assert thin.time_words(thin.time_ticks((0, 50), 5)) == ["0", "15 s", "30 s", "45 s"]
    assert thin.time_words(thin.time_ticks((0, 5000), 5)) == ["0", "20 min", "40 min", "60 min", "80 min"]
    assert thin.time_words(thin.time_ticks((0, 50_000), 5)) == ["0", "3 h", "6 h", "9 h", "12 h"]


def test_that_ticks_of_nothing_are_none():
    assert len(thin.ticks((1.0, 1.0), 5)) == 0
    assert thin.tick_words([]) == [] and thin.time_words([]) == []


# Looked at again and again


def long_series(most):
    """Quick to draw: whole numbers, so that many are equal, with gaps here and there."""

    def make(seed, length, gaps):
        random = np.random.default_rng(seed)
        return np.where(random.random(length) < gaps, math.nan, random.integers(-50, 50, length).astype(float))

    return st.builds(make, st.integers(0, 2**32), st.integers(1, most), st.sampled_from([0.0, 0.01, 0.9]))


def dense(series: np.ndarray) -> thin.Dense:
    return thin.Dense(np.arange(float(len(series))), thin.finite_or_gap(series))


@holds_for(long_series(3000), st.floats(0, 1), st.floats(0, 1), st.integers(1, 8))
def test_that_every_column_of_fewer_points_has_its_extremes_or_those_of_its_neighbourhood(series, begin, end, columns):
    """A block that lies across two columns is told of in one of them: so much, and no more, may be misplaced."""
    x_range = tuple(sorted((begin * len(series), end * len(series))))
    kept = dense(series)
    x, y = kept.at(x_range, columns)
    assert set(zip(x.tolist(), np.nan_to_num(y, nan=-9e9).tolist())) <= set(
        enumerate(np.nan_to_num(thin.finite_or_gap(series), nan=-9e9).tolist())
    )
    if len(x) < len(series):
        inside = (x >= x_range[0]) & (x <= x_range[1])
        assert inside.sum() >= thin.PER_COLUMN * columns
        apart = np.diff(x[inside]).max()
        for left, right in pairwise(np.linspace(*x_range, columns + 1)):
            of_all = thin.bounds(series[math.ceil(left) : math.floor(right) + 1])
            near = thin.bounds(y[(x >= left - apart) & (x <= right + apart)])
            assert of_all is None or (near is not None and near[0] <= of_all[0] and near[1] >= of_all[1])


@holds_for(long_series(5000))
def test_that_the_bounds_of_many_points_are_theirs_and_their_places_the_first(series):
    known = thin.finite_or_gap(series)
    assert dense(series).bounds() == thin.bounds(series)
    for lowest, place in ((True, np.nanargmin), (False, np.nanargmax)):
        expected = None if np.isnan(known).all() else (float(place(known)), float(known[place(known)]))
        assert dense(series).extreme(lowest) == expected


@holds_for(long_series(2000))
def test_that_the_newest_value_is_the_last_that_is_finite(series):
    finite = series[np.isfinite(series)]
    assert thin.newest(series) == (float(finite[-1]) if len(finite) else None)


def test_that_a_gap_in_a_long_series_stays_one():
    series = np.sin(np.arange(100_000.0))
    series[40_000:40_400] = math.nan
    x, y = dense(series).at((0, 100_000), 100)
    assert len(x) < 20_000
    assert np.isnan(y[(x >= 40_000) & (x < 40_400)]).all() and np.isfinite(y[(x < 40_000) | (x >= 40_400)]).all()
    assert ((x >= 40_000) & (x < 40_400)).any()
