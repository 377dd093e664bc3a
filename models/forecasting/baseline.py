"""What simple methods reach on the same windows: seasonal naive, ETS and ARIMA."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import norm

from tidegate.models.forecasting import backtest, windows
from tidegate.models.forecasting.settings import LEVELS, DataSettings, FeatureSettings
from tidegate.models.series.calendar import business_of
from tidegate.models.series.season import season_length

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]
# (history without gaps, steps of a season, horizon) to mean and standard error, [horizon] each.
Method = Callable[[np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]

Part = tuple[windows.Series, tf.Tensor, tf.Tensor]

# Series whose windows are held at once.
_CHUNK = 64
# What the slow methods are given, by split and method. Counts and no clock decide it, so that the
# figures are the same on every machine: of the first series, the last windows of each and of all.
_MOST_SERIES = 20
_MOST_OF_A_SERIES = 4
_MOST_WINDOWS = 40
# Steps that a model is fitted to.
_MOST_HISTORY = 240
# The time of a fit grows with the steps of the season.
_LONGEST_SEASON = 24
# Examples of another split among which those of the judged series are looked for, the first: all
# splits have their series in the same order, but one may lack many of the other's.
_MOST_SEARCHED = 5_000
# Splits that rivals do not judge; they give them history.
_LEARNT = ("train", "valid")
_STEPS = ("step_seconds", "step_months", "step_index", "step_business")
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
        split: ((None, _naive(*part, features)) for part in _parts(rows, features))
        for split, rows in records.items()
        if split != "train"
    }


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, tuple[None, np.ndarray, str]]]:
    """ETS and ARIMA, on a few windows of the first series: the last ones.

    Each window is forecast by a model fitted to its own history, of at most 240 steps. What lies
    before the judged example comes from the examples of the other splits, as far back as these
    leave no step out. Missing values are interpolated for the fit. A season above 24 steps is
    left out: its fits take too long.

    Args:
      records: by split, a function that yields its records, those of `train` and `valid` too.
      data: not used; part of the contract.
      features: the windows.

    Returns:
      By split other than train and valid, and by method: None, the predictions, NaN for the
      truth of what was not done, and which part was done. A method without a single window is
      left out.
    """
    del data
    found: dict[str, dict[str, tuple[None, np.ndarray, str]]] = {}
    for split, rows in records.items():
        judged = [] if split in _LEARNT else list(itertools.islice(rows(), _MOST_SERIES))
        if not judged:
            continue
        earlier = _earlier(judged, [other for name, other in records.items() if name != split])
        part = _part(judged, features)
        for title, method in (("ETS", ets), ("ARIMA", arima)):
            done = _judge(method, part, earlier, features)
            if done is not None:
                found.setdefault(split, {})[title] = done
    return found


def _earlier(
    judged: Sequence[Mapping[str, Any]], others: Iterable[Callable[[], Iterable[Mapping[str, Any]]]]
) -> list[np.ndarray]:
    """What other splits hold of some series, just before the first step of their own examples.

    Args:
      judged: examples of one split.
      others: the examples of each other split.

    Returns:
      For each judged example float[steps], the values of the steps that end just before its
      first; as many, up to 240, as the other examples hold without leaving one out.
    """
    places = {one["unique_id"]: place for place, one in enumerate(judged)}
    values = np.full((len(judged), _MOST_HISTORY), np.nan)
    held = np.zeros(values.shape, bool)
    for rows in others:
        sought = set(places)
        for one in itertools.islice(rows(), _MOST_SEARCHED):
            name = one["unique_id"]
            if name in sought:
                place, y = places[name], np.ravel(one["y"])
                # The judged example begins just behind the last column.
                first = _MOST_HISTORY + _steps_to(judged[place], one)
                begin, end = max(first, 0), min(first + y.size, _MOST_HISTORY)
                if begin < end:
                    values[place, begin:end] = y[begin - first : end - first]
                    held[place, begin:end] = True
                sought.remove(name)
            if not sought:
                break
    begins = [np.flatnonzero(~one).max(initial=-1) + 1 for one in held]
    return [one[begin:] for one, begin in zip(values, begins, strict=True)]


def _steps_to(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """Steps from the start of an example to that of another one of the same series."""
    seconds, months, index, business = (int(one[name]) for name in _STEPS)
    begin, end = (int(example["start"]) for example in (one, other))
    if months:
        # Months differ in length, and a short one moves the day.
        begin, end = (
            int(np.datetime64(time, "s").astype("datetime64[M]").astype(int))
            for time in (begin, end)
        )
    elif business:
        begin, end = (int(business_of(tf.constant(time, tf.int64))) for time in (begin, end))
    return (end - begin) // (seconds or months or index or business)


def _parts(
    rows: Callable[[], Iterable[Mapping[str, Any]]], features: FeatureSettings
) -> Iterator[Part]:
    """Chunks of series with the origins of their windows, and which of these are judged."""
    taken = iter(rows())
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
    method: Method, part: Part, earlier: Sequence[np.ndarray], features: FeatureSettings
) -> tuple[None, np.ndarray, str] | None:
    """A method's predictions of the last windows of each series.

    Args:
      method: that is fitted to each window's history.
      part: the series and their windows.
      earlier: by series float[steps], the values that lead to the first one of `part`.
      features: the windows.

    Returns:
      As `rivals`, of one split and method; None where no window has a solution.
    """
    series, origins, judged = part
    rows, flat = _rows(origins), tf.reshape(origins, (-1,))
    truth = backtest.truth(series, rows, flat, features).numpy()
    starts, there = origins.numpy(), judged.numpy()
    truth = truth.reshape(*starts.shape, *truth.shape[1:])
    forecasts = np.full((*truth.shape[:-1], 1 + len(LEVELS)), np.nan)
    usual = int(series.season[0])
    season = usual if usual <= _LONGEST_SEASON else 1
    y, begins = series.y.numpy(), series.starts.numpy()
    most = min(_MOST_OF_A_SERIES, max(_MOST_WINDOWS // len(starts), 1))
    done = failed = 0
    for row, place in np.argwhere(there[:, :most]):
        own = y[begins[row] : begins[row] + starts[row, place]]
        history = np.concatenate([earlier[row], own])[-_MOST_HISTORY:]
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
    if not done:
        return None
    # What was not done is not judged.
    truth[~np.isfinite(forecasts[..., 0]).all(axis=-1), :, backtest.TRUTH] = np.nan
    note = f"{done} of {there.sum()} windows of the first {len(starts)} series"
    if failed:
        note += f", {failed} without a solution"
    if season != usual:
        note += f", without the season of {usual} steps"
    return None, _shaped(truth, forecasts, there, features), note


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
    Its parameters are estimated from the differences, which has the same optimum as the levels
    and a smaller state: a fit to 400 steps with a season of 24 takes a quarter of the time.

    Raises:
      ValueError: the history is too short.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    seasonal = (0, 1, 1, season) if season > 1 and history.size >= 3 * season else (0, 0, 0, 0)
    order = {"order": (1, 1, 1), "seasonal_order": seasonal}
    differences = SARIMAX(history, **order, simple_differencing=True)
    fitted = differences.fit(disp=False, maxiter=30, method="lbfgs", cov_type="none")
    levels = SARIMAX(history, **order)
    found = levels.filter(fitted.params, cov_type="none").get_forecast(horizon)
    return np.asarray(found.predicted_mean), np.asarray(found.se_mean)
