"""Rolling origins: the forecasts of a series' split beside the truth, in the graph."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.core.transform import TransformFacts
from tidegate.models.forecasting import windows
from tidegate.models.forecasting.settings import LEVELS, FeatureSettings

# What is kept of each step that was forecast.
TRUTH, NAIVE, SCALE, MEAN, QUANTILES = 0, 1, 2, 3, 4
CHANNELS = QUANTILES + len(LEVELS)
JUDGED = "judged"
# Of a sum of millions of shares, in float64.
_ROUNDING = 1e-8
# Windows that the network answers at once: they, not the series, bound the memory.
_AT_ONCE = 64


def origins(
    lengths: tf.Tensor, first_target: tf.Tensor, features: FeatureSettings
) -> tuple[tf.Tensor, tf.Tensor]:
    """The origins that are judged, counted back from the end of each series.

    Args:
      lengths, first_target: int64[series].
      features: how many windows, and how far apart.

    Returns:
      int64[series, windows], and bool[series, windows]: False where the split has no room for as
      many windows, or where, spread over the split, two would fall together. A split shorter
      than the horizon has one window, of fewer targets.
    """
    lengths = tf.cast(lengths, tf.int64)
    first = tf.maximum(tf.cast(first_target, tf.int64), 1)
    last = tf.maximum(lengths - features.horizon, first)
    room = last - first
    number = tf.range(features.backtest_windows, dtype=tf.int64)
    if features.backtest_step is not None:
        step = tf.fill(tf.shape(room), tf.constant(features.backtest_step, tf.int64))
    else:
        step = tf.maximum(room // max(features.backtest_windows - 1, 1), 1)
    found = last[:, tf.newaxis] - number * step[:, tf.newaxis]
    there = (found >= first[:, tf.newaxis]) & (found < lengths[:, tf.newaxis])
    return tf.where(there, found, first[:, tf.newaxis]), there


def error_scale(series: windows.Series, rows: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """The mean absolute error of the seasonal naive forecast in the history before an origin.

    s = mean of |y_i - y_{i-m}| over the i in [m, t) where both are observed (Hyndman and Koehler
    2006, "Another look at measures of forecast accuracy"); with m = 1 where that gives nothing or
    0.

    Args:
      series: history.
      rows, starts: int64[windows], the series and the origin of each.

    Returns:
      float32[windows]; NaN where the history has no two neighbours that differ.
    """
    length, count_of_series = (tf.size(one, out_type=tf.int64) for one in (series.y, series.starts))
    place = tf.range(length)
    row = tf.searchsorted(series.starts, place, side="right") - 1
    row = tf.clip_by_value(tf.cast(row, tf.int64), 0, count_of_series - 1)
    begin = tf.gather(series.starts, row)
    y = tf.cast(series.y, tf.float64)
    found = tf.fill(tf.shape(rows), tf.constant(float("nan"), tf.float64))
    for season in (tf.ones_like(series.season), series.season):
        before = place - tf.gather(season, row)
        difference = tf.abs(y - tf.gather(y, tf.maximum(before, 0)))
        there = (before >= begin) & tf.math.is_finite(difference)
        difference = tf.where(there, difference, 0.0)
        # Each as a share of its series' largest: one sum runs over small series and large ones.
        largest = tf.math.unsorted_segment_max(difference, row, count_of_series)
        largest = tf.where(largest > 0, largest, 1.0)
        difference /= tf.gather(largest, row)
        total = tf.concat([tf.zeros([1], tf.float64), tf.cumsum(difference)], axis=0)
        count = tf.concat([[0], tf.cumsum(tf.cast(there, tf.int64))], axis=0)
        low = tf.gather(series.starts, rows)
        high = low + starts
        mean = (tf.gather(total, high) - tf.gather(total, low)) / tf.cast(
            tf.gather(count, high) - tf.gather(count, low), tf.float64
        )
        # The sum's rounding leaves a little where all differences are 0.
        moves = tf.math.is_finite(mean) & (mean > _ROUNDING)
        found = tf.where(moves, mean * tf.gather(largest, rows), found)
    return tf.cast(found, tf.float32)


def truth(
    series: windows.Series, rows: tf.Tensor, starts: tf.Tensor, features: FeatureSettings
) -> tf.Tensor:
    """What is judged against: float32[windows, horizon, 3], truth, naive forecast and scale."""
    naive = windows.seasonal_naive(series, rows, starts, tf.zeros_like(starts), features.horizon)
    scale = error_scale(series, rows, starts)
    return tf.stack(
        [
            windows.targets(series, rows, starts, features),
            naive,
            tf.repeat(scale[:, tf.newaxis], features.horizon, axis=1),
        ],
        axis=-1,
    )


def backtest(
    network: Any,
    transformed: Mapping[str, tf.Tensor | tf.RaggedTensor],
    features: FeatureSettings,
    facts: TransformFacts | None = None,
) -> dict[str, tf.Tensor]:
    """Forecasts from rolling origins beside the truth.

    Args:
      network: inputs to outputs.
      transformed: series with `first_target`.
      features: windows, context and horizon.
      facts: not used; part of the contract.

    Returns:
      `judged` float32[series, windows, horizon, 4 + levels]: truth, NaN where there is none to
      judge; the seasonal naive forecast; the scale of errors; the mean; the quantiles.
    """
    del facts
    series = windows.read_series(windows.with_smoothing(transformed, features))
    starts, there = origins(series.lengths, transformed["first_target"], features)
    batch = tf.shape(starts, out_type=tf.int64)[0]
    rows = tf.repeat(tf.range(batch), features.backtest_windows)
    starts = tf.reshape(starts, (-1,))
    total = tf.size(starts)
    chunks = (total + _AT_ONCE - 1) // _AT_ONCE
    lacking = [[0, chunks * _AT_ONCE - total]]

    def answer(some: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        inputs = windows.inputs(series, some[0], some[1], features)
        return network(inputs, training=False)[..., :-1]

    forecasts = tf.map_fn(
        answer,
        tuple(tf.reshape(tf.pad(one, lacking), (-1, _AT_ONCE)) for one in (rows, starts)),
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )
    forecasts = tf.reshape(forecasts, (-1, features.horizon, 1 + len(LEVELS)))[:total]
    found = tf.concat([truth(series, rows, starts, features), forecasts], axis=-1)
    shape = (-1, features.backtest_windows, features.horizon, CHANNELS)
    found = tf.reshape(found, shape)
    judged = there[..., tf.newaxis, tf.newaxis] | (tf.range(CHANNELS) != TRUTH)
    return {JUDGED: tf.where(judged, found, float("nan"))}
