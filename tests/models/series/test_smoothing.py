"""Smoothings are statsmodels' at fixed parameters, and what is forecast follows from the past."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas
import pytest
import tensorflow as tf
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from tidegate.models.series import smoothing
from tidegate.models.series.members import reach, recursion

SEASON, HORIZON = 4, 6
HALF = tf.constant(0.5)


def seasonal(steps: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    place = np.arange(steps)
    wave = 6 * np.sin(2 * np.pi * place / SEASON)
    return (50 + 0.8 * place + wave + random.normal(size=steps)).astype(np.float32)


def ahead(
    y: Sequence[np.ndarray], season: int = SEASON, horizon: int = HORIZON, usual: float = 0.5
) -> list[np.ndarray]:
    """The forecast from the end of each row, its usual error, and how many errors there were."""
    rows = tf.RaggedTensor.from_row_lengths(
        np.concatenate(list(y)).astype(np.float32), [len(row) for row in y]
    ).with_row_splits_dtype(tf.int64)
    ends = tf.constant([len(row) for row in y], tf.int64)
    known = smoothing.smooth_series(
        rows, tf.constant(season, tf.int64), tf.constant(usual), horizon, ends
    )
    return [one.numpy() for one in smoothing.forecast(known, horizon)]


@pytest.mark.parametrize("damping", [0.9, 1.0])
def test_a_member_is_statsmodels_ets_of_the_same_parameters(damping: float) -> None:
    y = seasonal(40)
    level, trend, season = 48.0, 1.2, np.array([1.0, 5.0, -2.0, -4.0])
    gains = (0.3, 0.06, 0.2)
    model = ETSModel(
        pandas.Series(y.astype(float)), error="add", trend="add", damped_trend=damping < 1,
        seasonal="add", seasonal_periods=SEASON, initialization_method="known",
        initial_level=level, initial_trend=trend, initial_seasonal=season,
    )  # fmt: skip
    given = [gains[0], gains[1], gains[2], *([damping] if damping < 1 else [])]
    # Its initial season is the last one first; it is known, so that the parameters are gains alone.
    expected = model.smooth([*given, level, trend, *season[::-1]])
    levels, trends, seasons = recursion(
        tf.constant(y.reshape(-1, 1, 1)),
        tf.constant([0]),
        tf.constant([[*gains, damping]], tf.float32),
        tf.constant([[level]], tf.float32),
        tf.constant([[trend]], tf.float32),
        tf.constant(season.reshape(-1, 1, 1), tf.float32),
    )
    np.testing.assert_allclose(levels[1:, 0, 0], expected.level, rtol=1e-5)
    np.testing.assert_allclose(trends[1:, 0, 0], expected.slope, rtol=1e-3, atol=1e-4)
    forecast = [
        levels[-1, 0, 0] + reach([damping], step + 1)[-1, 0] * trends[-1, 0, 0]
        + seasons[len(y) + step % SEASON, 0, 0]
        for step in range(HORIZON)
    ]  # fmt: skip
    np.testing.assert_allclose(forecast, expected.forecast(HORIZON), rtol=1e-4)


def test_a_missing_value_changes_no_state() -> None:
    values = tf.constant([[[1.0]], [[math.nan]], [[3.0]]])
    one = tf.ones((1, 1))
    levels, trends, _ = recursion(
        values, tf.constant([0]), tf.constant([[0.5, 0.1, 0.0, 0.9]]), one, one * 0, one[None] * 0
    )
    assert levels[:, 0, 0].numpy() == pytest.approx([1, 1, 1, 2])
    assert trends[:, 0, 0].numpy() == pytest.approx([0, 0, 0, 0.2])


def test_a_line_with_a_season_and_a_growth_go_on() -> None:
    place = np.arange(48 + HORIZON)
    line = 10 + 2.0 * place + np.array([0, 5, -3, -2])[place % SEASON]
    growth = 20 * np.exp(0.05 * place)
    found, error, count = ahead([line[:48], growth[:48]])
    np.testing.assert_allclose(found[0], line[48:], rtol=5e-3)
    np.testing.assert_allclose(found[1], growth[48:], rtol=2e-2)
    assert (error > 0).all()
    assert count.tolist() == [44, 44]


def test_a_forecast_knows_nothing_of_what_comes_after_its_origin() -> None:
    y = seasonal(60)
    other = np.concatenate([y[:40], -1e3 * np.ones(20, np.float32)])
    rows = tf.ragged.stack([y, other]).with_row_splits_dtype(tf.int64)
    known = smoothing.smooth_series(rows, tf.constant(SEASON, tf.int64), HALF, HORIZON)
    for origin in (1, 3, 8, 9, 25, 40):
        found, error, count = smoothing.forecast(known.to_tensor()[:, origin], HORIZON)
        (alone,), (its_error,), (its_count,) = ahead([y[:origin]])
        # The unit is that of the whole row, which rounds otherwise.
        np.testing.assert_allclose(found, np.stack([alone] * 2), rtol=1e-3)
        np.testing.assert_allclose(error, np.stack([its_error] * 2), rtol=1e-2)
        assert count.numpy().tolist() == [its_count] * 2


def test_a_long_series_is_cut_and_each_origin_sees_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoothing, "SEEN", 32)
    y = seasonal(150)
    known = smoothing.smooth_series(
        tf.ragged.stack([y]).with_row_splits_dtype(tf.int64),
        tf.constant(SEASON, tf.int64),
        HALF,
        HORIZON,
    )
    for origin, begin in ((20, 0), (64, 0), (65, 32), (150, 96)):
        found, *_ = smoothing.forecast(known.to_tensor()[:, origin], HORIZON)
        np.testing.assert_allclose(found, ahead([y[begin:origin]])[0], rtol=1e-3)
        np.testing.assert_allclose(found, ahead([y[:origin]])[0], rtol=1e-3)


def test_levels_and_scales_do_not_matter() -> None:
    y = seasonal(40)
    found, error, _ = ahead([y, 1e-6 * y, 1e6 * y, np.r_[[np.nan] * 3, y].astype(np.float32)])
    for row, scale in ((1, 1e-6), (2, 1e6), (3, 1)):
        np.testing.assert_allclose(found[row], scale * found[0], rtol=1e-4)
        np.testing.assert_allclose(error[row], scale * error[0], rtol=1e-3)
    high, *_ = ahead([1e5 + y - y[0]])
    negative, *_ = ahead([y - 1e4])
    np.testing.assert_allclose(negative + 1e4, high - 1e5 + y[0], atol=0.2)


def test_short_and_strange_series_are_answered() -> None:
    rows = [
        [5.0], [5.0, 7.0], [math.nan, 2.0, math.nan], [3.0] * 30, [0.0] * 12, [math.nan] * 4,
        [1.0, 0.0, 0.0, 4.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0],
    ]  # fmt: skip
    found, error, _ = ahead([np.array(row, np.float32) for row in rows])
    assert np.isfinite(found).all()
    assert (error[:5] > 0).all()
    np.testing.assert_allclose(found[0], 5)
    np.testing.assert_allclose(found[1], 7)
    np.testing.assert_allclose(found[2], 2)
    np.testing.assert_allclose(found[3], 3, rtol=1e-4)
    # Further ahead it is less sure, and so it is after a shorter history.
    assert (np.diff(error[0]) > 0).all()
    assert (error[0] > 5 * error[3]).all()
    assert smoothing.smooth_series(
        tf.RaggedTensor.from_row_lengths(tf.zeros(0), tf.zeros(0, tf.int64)),
        tf.constant(4, tf.int64),
        HALF,
        HORIZON,
        tf.zeros(0, tf.int64),
    ).shape[0] in (None, 0)


def test_an_error_counts_when_its_target_is_known() -> None:
    # Alternating values: what is best depends on how far ahead.
    assert smoothing.judged_steps(1) == (1,)
    assert smoothing.judged_steps(13) == (1, 2, 4, 7, 13)
    jump = np.r_[np.ones(20), 100.0].astype(np.float32)
    _, before, _ = ahead([jump[:20]])
    _, after, _ = ahead([jump])
    assert after[0, 0] > 10 * before[0, 0]
    # Of two steps there is no error of this size yet: the first step's, grown.
    assert after[0, 1] == pytest.approx(after[0, 0] * 2**0.5, rel=0.5)


@pytest.mark.parametrize("steps", [1, 5, 6, 11, 12, 13, 14, 18, 23, 24, 25, 27, 28, 36])
def test_a_short_history_is_forecast_about_as_well_as_simple_methods_do(steps: int) -> None:
    """Members that have no errors yet follow what the other series say of the season.

    The errors that are expected are not much below those that are made, also where members with a
    season have just begun, and not much below those after a long history.
    """
    season, horizon = 12, 12
    random = np.random.default_rng(0)
    place = np.arange(100)
    waves = [
        60 + 20 * np.sin(2 * np.pi * (place + start) / season) + random.normal(0, 2, place.size)
        for start in range(40)
    ]
    walks = [100 + np.cumsum(random.normal(size=place.size)) for _ in range(40)]
    for rows, usual in ((waves, 0.95), (walks, 0.05)):
        histories = [row[-horizon - steps : -horizon] for row in rows]
        truth = np.stack([row[-horizon:] for row in rows])
        last = np.stack([np.full(horizon, row[-1]) for row in histories])
        simple = [last]
        if steps >= season:
            simple.append(np.stack([np.resize(row[-season:], horizon) for row in histories]))
        found, expected, _ = ahead(histories, season, horizon, usual)
        made = np.abs(found - truth).mean(axis=0)
        assert (expected.mean(axis=0) > 0.6 * made).all()
        _, after_long, _ = ahead([row[:-horizon] for row in rows], season, horizon, usual)
        assert (expected.mean(axis=0) > 0.75 * after_long.mean(axis=0)).all()
        best = min(np.abs(one - truth).mean() for one in simple)
        assert np.abs(found - truth).mean() < 1.15 * best
