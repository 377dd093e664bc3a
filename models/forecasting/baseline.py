"""What repeating the last season reaches on the same windows."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import norm

from tidegate.models.forecasting import backtest, windows
from tidegate.models.forecasting.settings import LEVELS, DataSettings, FeatureSettings
from tidegate.models.series.season import season_length

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]
# Series, the origins of their windows, and which of these are judged.
Part = tuple[windows.Series, tf.Tensor, tf.Tensor]

# Series whose windows are held at once.
_CHUNK = 64
STEPS = ("step_seconds", "step_months", "step_index", "step_business")
_QUANTILES = norm.ppf(LEVELS)


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, Iterator[tuple[None, np.ndarray]]]:
    """The seasonal naive forecast, with normal intervals.

    Their standard deviation is that of the history's seasonal differences, times the root of the
    seasons ahead (Hyndman and Athanasopoulos, "Forecasting: principles and practice", 5.5).

    Args:
      records: by split, a function that yields its records; `train` is not needed.
      data: not used; part of the contract.
      features: the windows.

    Returns:
      By split other than train, a chunk of series after another as they are read: None, and
      float32[series, windows, horizon, 4 + levels], as `backtest.backtest` gives it for a model.
    """
    del data
    return {
        split: ((None, repeated(part, features)) for part in parts(rows, features))
        for split, rows in records.items()
        if split != "train"
    }


def parts(
    rows: Callable[[], Iterable[Mapping[str, Any]]], features: FeatureSettings
) -> Iterator[Part]:
    """Chunks of series with the origins of their windows, and which of these are judged."""
    taken = iter(rows())
    while some := list(itertools.islice(taken, _CHUNK)):
        yield part_of(some, features)


def part_of(records: Sequence[Mapping[str, Any]], features: FeatureSettings) -> Part:
    first = records[0]
    season = features.season or int(season_length(*(tf.constant(int(first[one])) for one in STEPS)))
    y = tf.ragged.constant([np.ravel(one["y"]) for one in records], tf.float32, ragged_rank=1)
    y = y.with_row_splits_dtype(tf.int64)
    count = len(records)
    series = windows.read_series(
        {
            "y": y,
            # Naive forecasts need neither calendar nor ids.
            "known": tf.RaggedTensor.from_row_lengths(
                tf.zeros((0, 1)), tf.zeros(count, tf.int64), validate=False
            ),
            "ids": tf.zeros((count, 1), tf.int64),
            "season": tf.fill((count,), tf.constant(season, tf.int64)),
        }
    )
    starts, there = backtest.origins(
        series.lengths, tf.constant([int(one["first_target"]) for one in records]), features
    )
    return series, starts, there


def rows_of(starts: tf.Tensor) -> tf.Tensor:
    count, each = starts.shape
    return tf.repeat(tf.range(count, dtype=tf.int64), each)


def shaped(
    truth: np.ndarray, forecasts: np.ndarray, there: np.ndarray, features: FeatureSettings
) -> np.ndarray:
    found = np.concatenate([truth, forecasts], axis=-1)
    shape = (*there.shape, features.horizon, backtest.CHANNELS)
    found = found.reshape(shape).astype(np.float32)
    found[~there, :, backtest.TRUTH] = np.nan
    return found


def with_quantiles(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """float[..., horizon] twice to float[..., horizon, 1 + levels], of a normal distribution."""
    quantiles = mean[..., np.newaxis] + deviation[..., np.newaxis] * _QUANTILES
    return np.concatenate([mean[..., np.newaxis], quantiles], axis=-1)


def repeated(part: Part, features: FeatureSettings, season: int | None = None) -> np.ndarray:
    """The last season again, with normal intervals; of one step it is the last value.

    Args:
      part: series and windows.
      features: the windows.
      season: steps; None for the series' own.

    Returns:
      As `baseline`, of these series.
    """
    series, starts, there = part
    rows, flat = rows_of(starts), tf.reshape(starts, (-1,))
    truth = backtest.truth(series, rows, flat, features).numpy()
    forecast = truth[..., backtest.NAIVE]
    if season is not None:
        other = replace(series, season=tf.fill(series.season.shape, tf.cast(season, tf.int64)))
        forecast = windows.seasonal_naive(
            other, rows, flat, tf.zeros_like(flat), features.horizon
        ).numpy()
    season = season or int(series.season[0])
    y, begins = series.y.numpy(), series.starts.numpy()
    deviation = np.zeros((len(flat), features.horizon))
    for place, (row, start) in enumerate(zip(rows.numpy(), flat.numpy(), strict=True)):
        history = y[begins[row] : begins[row] + start]
        differences = history[season:] - history[:-season]
        differences = differences[np.isfinite(differences)]
        spread = np.sqrt(np.mean(differences**2)) if differences.size else 0.0
        deviation[place] = spread * np.sqrt(np.arange(features.horizon) // season + 1)
    forecasts = with_quantiles(forecast, deviation)
    return shaped(truth, forecasts, there.numpy(), features)
