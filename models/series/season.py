"""The season that is usual for a frequency, and how far series have it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_DAY = 86_400
_WEEK = 7 * _DAY
_YEAR = 365.25  # Days.
# A season is at most so many hours, days, weeks or years: with 7, the step of 7 hours has one.
_MOST_SPANS = 7
# A season in the data: at most so long, seen so often, and so far below the lags before it.
_LONGEST, _OFTEN, _BELOW = 400, 3, 0.8
# Lags whose shares differ by less are alike.
_ALIKE = 0.05


def season_length(
    seconds: tf.Tensor, months: tf.Tensor, index: tf.Tensor, business: tf.Tensor
) -> tf.Tensor:
    """The steps of the season that is usual for a frequency.

    Below a minute the steps of an hour; below a day those of a day (hourly 24, 15 minutes 96);
    below a week those of a week (daily 7, business days 5); weekly and longer those of a year
    (weekly 52, monthly 12, quarterly 4, yearly 1); integer time has none. Where that is no whole
    number of steps, the fewest hours, days, weeks or years up to seven that are: 7 steps, two
    weeks, of 2 days; 24 steps, a week, of 7 hours. Where none are, there is no season: 1. A year
    is no whole number of days: one that ends within a quarter of a step will do.

    Args:
      seconds, months, index, business: int64[], of a step; one of them is above 0.

    Returns:
      int64[], at least 1.
    """
    del index
    seconds, months, business = (tf.cast(one, tf.int64) for one in (seconds, months, business))
    length = tf.where(seconds > 0, seconds, tf.maximum(tf.maximum(months, business), 1))
    by_year = seconds >= _WEEK
    span = tf.where(seconds < _DAY, tf.constant(_DAY, tf.int64), tf.constant(_WEEK, tf.int64))
    span = tf.where(seconds < 60, tf.constant(3600, tf.int64), span)
    span = tf.where(by_year, tf.constant(int(_YEAR * _DAY), tf.int64), span)
    others = tf.where(business > 0, tf.constant(5, tf.int64), tf.constant(12, tf.int64))
    span = tf.where(seconds > 0, span, others)
    spans = span * tf.range(1, _MOST_SPANS + 1, dtype=tf.int64)
    steps = (2 * spans + length) // (2 * length)
    rest = tf.abs(steps * length - spans)
    whole = (steps > 0) & (4 * rest <= tf.where(by_year, length, tf.zeros_like(length)))
    fewest = tf.reduce_min(tf.where(whole, steps, tf.int64.max))
    there = ((seconds > 0) | (months > 0) | (business > 0)) & tf.reduce_any(whole)
    return tf.where(there, fewest, tf.ones_like(fewest))


def seasonal_share(y: tf.RaggedTensor, season: tf.Tensor, ahead: Sequence[int]) -> tf.Tensor:
    """The error of repeating the last season beside that of repeating the last value.

    Args:
      y: float32[rows, (steps)], NaN where missing.
      season: int64[], steps.
      ahead: steps ahead that count; beyond a season both repeat.

    Returns:
      float32[rows], e / (e + l) with the mean absolute errors e of the last season and l of the
      last value, of the same targets: 0 where the season is all, 1 where it repeats what does not
      repeat, above a half where the last value is the better guess; NaN where nothing moves.
    """
    flat, rows = y.flat_values, y.value_rowids()
    place = tf.range(tf.size(flat, out_type=tf.int64))
    within = place - tf.gather(y.row_starts(), rows)

    def error(lag: tf.Tensor) -> tf.Tensor:
        off = tf.abs(flat - tf.gather(flat, tf.maximum(place - lag, 0)))
        there = (within >= season) & tf.math.is_finite(off)
        total, count = (
            tf.math.unsorted_segment_sum(tf.where(there, one, 0.0), rows, y.nrows())
            for one in (off, tf.ones_like(off))
        )
        return tf.math.divide_no_nan(total, count)

    of_season = error(season)
    of_last = tf.add_n([error(tf.minimum(season, steps)) for steps in ahead]) / len(ahead)
    return of_season / (of_season + of_last)


def season_in(rows: Sequence[np.ndarray]) -> int:
    """The season that series have, in steps; 1 where they have none.

    It is the lag whose mean absolute difference is the least share of the mean of those of the
    shorter lags, averaged over the series: of a random walk, whose differences grow with the lag,
    none is below it.

    Args:
      rows: float[steps] each, NaN where missing.
    """
    longest = min(_LONGEST, max((len(row) // _OFTEN for row in rows), default=0))
    if longest < 2:
        return 1
    shares = np.full((len(rows), longest + 1), np.nan)
    for row, y in enumerate(rows):
        errors = np.array([_difference(y, lag) for lag in range(1, len(y) // _OFTEN + 1)])[:longest]
        before = np.cumsum(errors) / np.arange(1, len(errors) + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares[row, 2 : len(errors) + 1] = errors[1:] / before[:-1]
    seen = np.isfinite(shares)
    # A lag that few series are long enough for says little of the set.
    count = seen.sum(axis=0)
    mean = np.where(seen, shares, 0.0).sum(axis=0) / np.maximum(count, 1)
    mean[2 * count < len(rows)] = np.inf
    # Two seasons are one, too: the shortest of those that are about as good.
    best = int(np.argmax(mean <= mean.min() + _ALIKE))
    return best if mean[best] < _BELOW else 1


def _difference(y: np.ndarray, lag: int) -> float:
    found = np.abs(y[lag:] - y[:-lag])
    found = found[np.isfinite(found)]
    return float(found.mean()) if found.size else np.nan
