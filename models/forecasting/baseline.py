"""What simple methods reach on the same windows: seasonal naive, ETS and ARIMA."""

import itertools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import norm

from models.forecasting import backtest, windows
from models.forecasting.calendar import season_length
from models.forecasting.settings import LEVELS, DataSettings, FeatureSettings

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]
# (history without gaps, steps of a season, horizon) to mean and standard error, [horizon] each.
Method = Callable[[np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]

Part = tuple[windows.Series, tf.Tensor, tf.Tensor]

# Series whose windows are held at once.
_CHUNK = 64
# What the slow methods are given: windows of the first series, of so much history, for so long.
_MOST_SERIES = 20
_MOST_WINDOWS = 4
_MOST_HISTORY = 400
_MOST_SECONDS = 20.0
_LONGEST_SEASON = 24
_STEPS = ("step_seconds", "step_months", "step_index")
_QUANTILES = norm.ppf(LEVELS)


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, tuple[None, np.ndarray]]:
    """The seasonal naive forecast, with normal intervals.

    Their standard deviation is that of the history's seasonal differences, times the root of the
    seasons ahead (Hyndman and Athanasopoulos, "Forecasting: principles and practice", 5.5).

    Args:
      records: by split, a function that yields its records; `train` is not needed.
      data: not used; part of the contract.
      features: the windows.

    Returns:
      By split other than train: None, and float32[series, windows, horizon, 4 + levels], as
      `backtest.backtest` gives it for a model.
    """
    del data
    return {
        split: (None, np.concatenate([_naive(*part, features) for part in _parts(rows, features)]))
        for split, rows in records.items()
        if split != "train"
    }


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, tuple[None, np.ndarray, str]]]:
    """ETS and ARIMA, on as much as can be done in a few seconds.

    Each window is forecast by a model fitted to its own history, of at most 400 steps; missing
    values are interpolated for the fit.

    Args:
      records: by split, a function that yields its records.
      data: not used; part of the contract.
      features: the windows.

    Returns:
      By split other than train and by method: None, the predictions of the part that was done,
      and which part that is. A method without a single window is left out.
    """
    del data
    found: dict[str, dict[str, tuple[None, np.ndarray, str]]] = {}
    for split, rows in records.items():
        if split == "train":
            continue
        parts = list(_parts(rows, features, most=_MOST_SERIES))
        for title, method in (("ETS", ets), ("ARIMA", arima)):
            done = _judge(method, parts, features)
            if done is not None:
                found.setdefault(split, {})[title] = done
    return found


def _parts(
    rows: Callable[[], Iterable[Mapping[str, Any]]],
    features: FeatureSettings,
    most: int | None = None,
) -> Iterator[Part]:
    """Chunks of series with the origins of their windows, and which of these are judged."""
    taken = itertools.islice(rows(), most)
    while some := list(itertools.islice(taken, _CHUNK)):
        yield _part(some, features)


def _part(records: Sequence[Mapping[str, Any]], features: FeatureSettings) -> Part:
    first = records[0]
    season = features.season or int(
        season_length(*(tf.constant(int(first[one])) for one in _STEPS))
    )
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


def _rows(starts: tf.Tensor) -> tf.Tensor:
    count, each = starts.shape
    return tf.repeat(tf.range(count, dtype=tf.int64), each)


def _shaped(
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


def _naive(
    series: windows.Series, starts: tf.Tensor, there: tf.Tensor, features: FeatureSettings
) -> np.ndarray:
    rows, flat = _rows(starts), tf.reshape(starts, (-1,))
    truth = backtest.truth(series, rows, flat, features).numpy()
    season = int(series.season[0])
    y, begins = series.y.numpy(), series.starts.numpy()
    deviation = np.zeros((len(flat), features.horizon))
    for place, (row, start) in enumerate(zip(rows.numpy(), flat.numpy(), strict=True)):
        history = y[begins[row] : begins[row] + start]
        differences = history[season:] - history[:-season]
        differences = differences[np.isfinite(differences)]
        spread = np.sqrt(np.mean(differences**2)) if differences.size else 0.0
        deviation[place] = spread * np.sqrt(np.arange(features.horizon) // season + 1)
    forecasts = with_quantiles(truth[..., backtest.NAIVE], deviation)
    return _shaped(truth, forecasts, there.numpy(), features)


def _judge(
    method: Method, parts: Sequence[Part], features: FeatureSettings
) -> tuple[None, np.ndarray, str] | None:
    """A method's predictions of the last windows of the series, until its time is over."""
    begin = time.monotonic()
    found = []
    done = failed = 0
    for series, starts, there in parts:
        truth = backtest.truth(series, _rows(starts), tf.reshape(starts, (-1,)), features).numpy()
        truth = truth.reshape(*starts.shape, *truth.shape[1:])
        forecasts = np.full((*truth.shape[:-1], 1 + len(LEVELS)), np.nan)
        season = int(series.season[0])
        if season > _LONGEST_SEASON:
            season = 1
        y, begins = series.y.numpy(), series.starts.numpy()
        for row in range(starts.shape[0]):
            for place in range(min(starts.shape[1], _MOST_WINDOWS)):
                if not there[row, place] or time.monotonic() - begin > _MOST_SECONDS:
                    continue
                start = int(starts[row, place])
                history = y[begins[row] : begins[row] + start][-_MOST_HISTORY:]
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        mean, deviation = method(filled(history), season, features.horizon)
                except (ValueError, np.linalg.LinAlgError):  # Too short, or no solution.
                    failed += 1
                    continue
                if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
                    failed += 1
                    continue
                forecasts[row, place] = with_quantiles(mean, deviation)
                done += 1
        # What was not done is not judged.
        undone = ~np.isfinite(forecasts[..., 0]).all(axis=-1)
        truth[undone, :, backtest.TRUTH] = np.nan
        found.append(_shaped(truth, forecasts, there.numpy(), features))
    if not done:
        return None
    asked = sum(int(tf.reduce_sum(tf.cast(there, tf.int32))) for _, _, there in parts)
    note = f"{done} of {asked} windows of the first {sum(len(one) for one in found)} series"
    if failed:
        note += f", {failed} without a solution"
    return None, np.concatenate(found), note


def filled(history: np.ndarray) -> np.ndarray:
    """The history from its first value on, gaps filled along straight lines.

    Raises:
      ValueError: there are fewer than three values.
    """
    there = np.flatnonzero(np.isfinite(history))
    if there.size < 3:
        raise ValueError(f"{there.size} values of history; expected three at least")
    history = history[there[0] :].astype(float)
    there = there - there[0]
    return np.interp(np.arange(history.size), there, history[there])


def ets(history: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Additive errors, damped trend and additive season (Hyndman et al. 2008), by statsmodels.

    Raises:
      ValueError: the history is too short.
    """
    import pandas
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    seasonal = season > 1 and history.size >= 2 * season + 5
    model = ETSModel(
        pandas.Series(history),
        error="add",
        trend="add" if history.size >= 10 else None,
        damped_trend=history.size >= 10,
        seasonal="add" if seasonal else None,
        seasonal_periods=season if seasonal else None,
    )
    found = model.fit(disp=False).get_prediction(history.size, history.size + horizon - 1)
    return np.asarray(found.predicted_mean), np.sqrt(np.asarray(found.forecast_variance))


def arima(history: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """ARIMA(1, 1, 1), with (0, 1, 1) over the season where there is one, by statsmodels.

    With a season that is the airline model (Box and Jenkins 1970) with an autoregressive term.

    Raises:
      ValueError: the history is too short.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    seasonal = (0, 1, 1, season) if season > 1 and history.size >= 3 * season else (0, 0, 0, 0)
    model = SARIMAX(history, order=(1, 1, 1), seasonal_order=seasonal)
    found = model.fit(disp=False, maxiter=30, method="lbfgs").get_forecast(horizon)
    return np.asarray(found.predicted_mean), np.asarray(found.se_mean)
