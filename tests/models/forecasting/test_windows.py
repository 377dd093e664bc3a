"""Windows are those of a plain loop; the naive forecast and its scale are those worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.models.forecasting import backtest, windows
from tidegate.models.forecasting.settings import FeatureSettings

NAN = float("nan")
values = st.one_of(st.just(NAN), st.integers(-50, 50).map(float))
series_lists = st.lists(st.lists(values, min_size=1, max_size=14), min_size=1, max_size=4)


def int64(*numbers: int) -> tf.Tensor:
    return tf.constant(numbers, tf.int64)


def expected_window(row: list[float], origin: int, context: int) -> tuple[list[int], list[float]]:
    """State and values of a context, by a loop."""
    low = max(0, origin - context)
    while low < origin - 1 and np.isnan(row[low]):
        low += 1
    if all(np.isnan(one) for one in row[low:origin]):
        low = max(origin - 1, 0)
    state = [1 if np.isnan(one) else 2 for one in row[low:origin]] or [1]
    kept = [0.0 if np.isnan(one) else one for one in row[low:origin]] or [0.0]
    return state + [0] * (context - len(state)), kept + [0.0] * (context - len(kept))


@settings(max_examples=30, deadline=None)
@given(rows=series_lists, context=st.integers(1, 6), horizon=st.integers(1, 4), data=st.data())
def test_windows_are_those_of_a_loop(
    rows: list[list[float]], context: int, horizon: int, data: st.DataObject, make_series: Any
) -> None:
    picked = data.draw(
        st.lists(
            st.integers(0, len(rows) - 1).flatmap(
                lambda row: st.tuples(st.just(row), st.integers(0, len(rows[row])))
            ),
            min_size=1,
            max_size=6,
        )
    )
    features = FeatureSettings(context=context, horizon=horizon)
    series = make_series(rows, horizon=horizon)
    chosen, origins = int64(*(row for row, _ in picked)), int64(*(at for _, at in picked))
    found = {
        name: tensor.numpy()
        for name, tensor in windows.inputs(series, chosen, origins, features).items()
    }
    targets = windows.targets(series, chosen, origins, features).numpy()
    for place, (row, origin) in enumerate(picked):
        state, kept = expected_window(rows[row], origin, context)
        assert found["state"][place].tolist() == state
        assert found["values"][place].tolist() == kept
        padded = [*rows[row], *[NAN] * horizon]
        np.testing.assert_array_equal(
            targets[place], np.array(padded[origin : origin + horizon], np.float32)
        )
        ahead = 1000 * row + origin + np.arange(horizon) + 0.25
        np.testing.assert_allclose(found["future"][place, :, 0], ahead)
        first = max(0, origin - sum(one > 0 for one in state))
        there = (np.arange(context) + first) < origin
        steps = 1000 * row + first + np.arange(context)
        expected = np.stack([(steps + 0.25) * there, (steps + 0.5) * there], axis=1)
        np.testing.assert_allclose(found["past"][place], expected)
        assert found["ids"][place].tolist() == [row + 1]


@settings(max_examples=30, deadline=None)
@given(
    row=st.lists(values, min_size=1, max_size=25),
    context=st.integers(1, 8),
    horizon=st.integers(1, 6),
    first=st.integers(0, 12),
    stride=st.integers(1, 3),
)
def test_training_origins_have_targets_in_their_split_and_something_to_see(
    row: list[float], context: int, horizon: int, first: int, stride: int, make_series: Any
) -> None:
    features = FeatureSettings(context=context, horizon=horizon)
    found = windows.training_origins(make_series([row], horizon), int64(first)[0], features, stride)
    low = max(first, 1, min(features.fewest, max(len(row) - horizon, (len(row) + 1) // 2)))
    high = max(low, len(row) - horizon)
    seen = np.isfinite(row)
    expected = [
        origin
        for origin in range(low, high + 1, stride)
        if origin < len(row)
        and seen[max(0, origin - context) : origin].any()
        and seen[origin : origin + horizon].any()
    ]
    assert found.numpy().tolist() == expected
    assert all(origin >= first for origin in expected)


@pytest.mark.parametrize(
    "row,origin,season,expected",
    [
        ([1, 2, 3, 4, 5, 6], 6, 3, [4, 5, 6, 4]),
        ([1, 2, 3, 4, 5, 6], 5, 3, [3, 4, 5, 3]),
        ([1, 2, 3, NAN, 5, 6], 6, 3, [1, 5, 6, 1]),  # a season earlier
        ([NAN, 2, 3, NAN, 5, NAN], 6, 3, [5, 5, 3, 5]),  # then the last value
        ([7, 8], 2, 12, [8, 8, 8, 8]),  # no season yet
        ([1, 2, 3], 3, 1, [3, 3, 3, 3]),
        ([NAN, NAN], 2, 1, [NAN] * 4),
    ],
)
def test_the_seasonal_naive_forecast(
    row: list[float], origin: int, season: int, expected: list[float], make_series: Any
) -> None:
    # A neighbour before and after: nothing of it may be seen.
    series = make_series([[99.0] * 5, row, [77.0] * 5], season=season)
    found = windows.seasonal_naive(series, int64(1), int64(origin), int64(0), 4)
    np.testing.assert_array_equal(found[0], np.array(expected, np.float32))


def test_the_naive_forecast_sees_no_further_back_than_it_may(make_series: Any) -> None:
    series = make_series([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], season=4)
    found = windows.seasonal_naive(series, int64(0), int64(6), int64(3), 4)
    assert found.numpy().tolist() == [[6.0, 4.0, 5.0, 6.0]]


def scale_by_loop(row: list[float], origin: int, season: int) -> float:
    for lag in (season, 1):
        pairs = [abs(row[i] - row[i - lag]) for i in range(lag, origin)]
        pairs = [one for one in pairs if np.isfinite(one)]
        if pairs and np.mean(pairs) > 0:
            return float(np.mean(pairs))
    return NAN


@settings(max_examples=30, deadline=None)
@given(rows=series_lists, season=st.integers(1, 4), data=st.data())
def test_the_scale_of_errors_is_the_history_own_naive_error(
    rows: list[list[float]], season: int, data: st.DataObject, make_series: Any
) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    origin = data.draw(st.integers(0, len(rows[row])))
    series = make_series(rows, season=season)
    found = backtest.error_scale(series, int64(row), int64(origin)).numpy()[0]
    np.testing.assert_allclose(found, scale_by_loop(rows[row], origin, season), rtol=1e-6)


@pytest.mark.parametrize("large,small", [(1e6, 1e-6), (1e9, 1e-3), (1e12, 1.0), (1.0, 1e-13)])
def test_the_scale_of_a_small_series_is_its_own_beside_large_ones(
    large: float, small: float, make_series: Any
) -> None:
    random = np.random.default_rng(0)
    rows = [*(large * random.normal(size=(63, 40))), small * random.normal(size=40)]
    together = make_series([row.tolist() for row in rows], season=4)
    alone = make_series([rows[-1].tolist()], season=4)
    origin = int64(30)
    expected = backtest.error_scale(alone, int64(0), origin).numpy()
    assert expected[0] > 0.3 * small
    found = backtest.error_scale(together, int64(63), origin).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "length,first,given_windows,step,expected",
    [
        (30, 10, 4, 5, [25, 20, 15, 10]),
        (30, 12, 4, 5, [25, 20, 15]),
        (30, 10, 3, None, [25, 18, 11]),  # spread over the split
        (30, 10, 1, None, [25]),
        (30, 24, 5, None, [25, 24]),
        (30, 27, 5, None, [27]),  # shorter than the horizon: one window of fewer targets
        (30, 0, 2, 29, [25]),  # no origin before the first step
        (4, 0, 3, None, [1]),
    ],
)
def test_origins_are_counted_back_from_the_end(
    length: int, first: int, given_windows: int, step: int | None, expected: list[int]
) -> None:
    features = FeatureSettings(
        horizon=5, context=5, backtest_windows=given_windows, backtest_step=step
    )
    origins, there = backtest.origins(int64(length), int64(first), features)
    assert origins.shape == (1, given_windows)
    assert origins[there].numpy().tolist() == expected


def test_an_all_missing_series_gives_no_training_window(make_series: Callable[..., Any]) -> None:
    series = make_series([[NAN] * 20])
    features = FeatureSettings(context=4, horizon=2)
    assert windows.training_origins(series, int64(0)[0], features, 1).shape == (0,)
