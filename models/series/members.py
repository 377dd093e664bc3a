"""Exponential smoothings with fixed parameters: the grid of them, and their states over a series.

A member is an ETS(A, Ad, A) (Hyndman et al. 2008, "Forecasting with exponential smoothing"), of the
values or of their logarithms: of the error e of one step ahead, with level l, trend b, season s,
damping p and gains a, c, g,

    e = z - (l + p b + s_{t-m}),  l' = l + p b + a e,  b' = p b + c e,  s_t = s_{t-m} + g e

which at a missing value is 0.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_LEVEL = (0.03, 0.1, 0.25, 0.5, 0.75, 1.0)
# (Gain of the trend as a share of the level's, damping); the first without a trend.
_TREND = ((0.0, 0.0), (0.03, 0.9), (0.1, 0.9), (0.3, 0.9), (0.03, 1.0), (0.1, 1.0))
# The member whose level is the last value.
LAST = _LEVEL.index(1.0) * len(_TREND)
# As a share of what the level leaves.
_SEASON = (0.02, 0.15, 0.5)
DAMPINGS = (0.9, 1.0)
_TRENDING, _SURE = 0.1, 0.98
DAMPING, SEASONAL, LOG = 3, 4, 5  # Columns of the grid.
# Steps that a member without a season begins from; one with a season begins from two seasons.
FIRST = 4


def grid() -> np.ndarray:
    """The members: float32[members, 6], those without a season first.

    Gains of level, trend and season, damping (0 without a trend), and 1 for a season and for
    logarithms.
    """
    rows = [
        (level, level * share, gain * (1 - level), damping, float(gain > 0), float(log))
        for gain in (0.0, *_SEASON)
        for log in (False, True)
        for level in _LEVEL
        for share, damping in _TREND
    ]
    return np.array(rows, np.float32)


def prior_weights(members: tf.Tensor, seasonality: tf.Tensor) -> tf.Tensor:
    """The logarithms of the members' weights where a row has no errors yet, float32[members].

    Those with a season have the share `seasonality` together, within `_SURE`; a trend has to be
    seen: those with one weigh `_TRENDING` as much as those without.
    """
    seasonal = members[:, SEASONAL] > 0
    weights = tf.where(members[:, DAMPING] > 0, _TRENDING, 1.0)
    share = tf.clip_by_value(seasonality, 1 - _SURE, _SURE)
    for group, own in ((seasonal, share), (~seasonal, 1 - share)):
        total = tf.reduce_sum(tf.where(group, weights, 0.0))
        weights = tf.where(group, weights * own / total, weights)
    return tf.math.log(weights)


def recursion(
    values: tf.Tensor,
    kinds: tf.Tensor,
    gains: tf.Tensor,
    level: tf.Tensor,
    trend: tf.Tensor,
    season: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The states of members over the steps.

    Args:
      values: float32[steps, rows, kinds], NaN where missing.
      kinds: int[members], which of the values each smooths.
      gains: float32[members, 4]: of level, trend and season, and the damping.
      level, trend: float32[rows, members], before the first step.
      season: float32[m, rows, members], of the m steps from the first on.

    Returns:
      Level and trend float32[steps + 1, rows, members], at each place before its value is seen,
      and the season float32[steps + m, rows, members] that is used at each place.
    """
    steps, length = tf.shape(values)[0], tf.shape(season)[0]
    shape = tf.TensorShape([None, None])
    of_level, of_trend, of_season, damping = tf.unstack(gains, axis=1)

    def array(size: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(
            tf.float32, size, clear_after_read=False, element_shape=shape, infer_shape=False
        )

    def step(place: tf.Tensor, level: tf.Tensor, trend: tf.Tensor, *kept: tf.TensorArray) -> tuple:
        levels, trends, seasons = kept
        trend *= damping
        level += trend
        last = seasons.read(place)
        error = tf.gather(values[place], kinds, axis=1) - level - last
        error = tf.where(tf.math.is_nan(error), tf.zeros_like(error), error)
        level += of_level * error
        trend += of_trend * error
        return (
            place + 1,
            level,
            trend,
            levels.write(place + 1, level),
            trends.write(place + 1, trend),
            seasons.write(place + length, last + of_season * error),
        )

    _, seasons = tf.while_loop(
        lambda place, _: place < length,
        lambda place, kept: (place + 1, kept.write(place, season[place])),
        (tf.constant(0), array(steps + length)),
    )
    start = (array(steps + 1).write(0, level), array(steps + 1).write(0, trend), seasons)
    *_, levels, trends, seasons = tf.while_loop(
        lambda place, *_: place < steps,
        step,
        (tf.constant(0), level, trend, *start),
        shape_invariants=(tf.TensorShape([]), shape, shape, *[tf.TensorShape(None)] * 3),
        parallel_iterations=1,
    )
    return levels.stack(), trends.stack(), seasons.stack()


def reach(damping: tf.Tensor | Sequence[float], steps: int | tf.Tensor) -> tf.Tensor:
    """p + p^2 + ... + p^h for h up to `steps`, float32[steps, dampings]: a damped trend's reach."""
    powers = tf.range(1, steps + 1, dtype=tf.float32)[:, tf.newaxis]
    return tf.cumsum(tf.pow(tf.convert_to_tensor(damping, tf.float32), powers))


def ratio(above: tf.Tensor, below: tf.Tensor) -> tf.Tensor:
    """0 where there is nothing to divide by."""
    return tf.math.divide_no_nan(above, below)


def of_members(
    plain: Sequence[tf.Tensor], season: Sequence[tf.Tensor], seasons: tf.Tensor, members: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Level, trend and season that members begin with.

    Args:
      plain: of each kind without a season float32[rows, kinds]: mean, level and trend.
      season: the same where there is one.
      seasons: float32[m, rows, kinds].
      members: float32[members, 6].
    """
    kinds = tf.cast(members[:, LOG], tf.int32)
    seasonal, trending = members[:, SEASONAL] > 0, members[:, DAMPING] > 0

    def of(with_season: tf.Tensor, without: tf.Tensor) -> tf.Tensor:
        return tf.where(
            seasonal, tf.gather(with_season, kinds, axis=-1), tf.gather(without, kinds, axis=-1)
        )

    mean, level, trend = (of(*both) for both in zip(season, plain, strict=True))
    return (
        tf.where(trending, level, mean),
        tf.where(trending, trend, 0.0),
        of(seasons, tf.zeros_like(seasons)),
    )


def _line(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of the line through the first steps: its mean, its level before them, and its slope."""
    short = values[:FIRST]
    places = tf.range(1, tf.shape(short)[0] + 1, dtype=tf.float32)[:, tf.newaxis, tf.newaxis]
    there = tf.cast(~tf.math.is_nan(short), tf.float32)
    filled = tf.where(there > 0, short, 0.0)
    mean = ratio(tf.reduce_sum(filled, axis=0), tf.reduce_sum(there, axis=0))
    middle = ratio(tf.reduce_sum(places * there, axis=0), tf.reduce_sum(there, axis=0))
    moved = (places - middle) * there
    slope = ratio(tf.reduce_sum(moved * (filled - mean), axis=0), tf.reduce_sum(moved**2, axis=0))
    return mean, mean - slope * middle, slope


def states_over(
    values: tf.Tensor, members: tf.Tensor, length: tf.Tensor, count: tf.Tensor
) -> list[tf.Tensor]:
    """Members without a season begin on the line through the first steps, the others with those
    of the first one or two seasons: means, and what each place of the season has above them.

    Of a single season the trend is not told from the season: there it is 0.

    Args:
      values: float32[steps, rows, kinds].
      members: float32[members, 6].
      length: int32[], of a season.
      count: int32[], seasons that they begin with, 1 or 2.

    Returns:
      As `recursion`.
    """
    begin = count * length
    lacking = tf.maximum(begin - tf.shape(values)[0], 0)
    some = tf.pad(values[:begin], [[0, lacking], [0, 0], [0, 0]], constant_values=math.nan)
    some = tf.reshape(some, tf.concat([[count, length], tf.shape(values)[1:]], axis=0))
    there = tf.cast(~tf.math.is_nan(some), tf.float32)
    filled = tf.where(there > 0, some, 0.0)
    means = ratio(tf.reduce_sum(filled, axis=1), tf.reduce_sum(there, axis=1))
    both = tf.reduce_all(tf.reduce_sum(there, axis=1) > 0, axis=0)
    steps = tf.cast(length, tf.float32)
    slope = tf.where(both, (means[-1] - means[0]) / steps, 0.0)
    mean = tf.where(both, (means[0] + means[-1]) / 2, means[0])
    level = mean - slope * (2 * steps + 1) / 2
    places = tf.reshape(tf.range(1, begin + 1), (count, length, 1, 1))
    above = (filled - level - slope * tf.cast(places, tf.float32)) * there
    season = ratio(tf.reduce_sum(above, axis=0), tf.reduce_sum(there, axis=0))
    season -= tf.reduce_mean(season, axis=0)
    states = of_members(_line(values), (mean, level, slope), season, members)
    return list(recursion(values, tf.cast(members[:, LOG], tf.int32), members[:, :4], *states))
