"""Windows cut from series: context, covariates and targets around an origin.

The origin of a window is the place of its first target: the context ends just before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from tidegate.models.forecasting.settings import FeatureSettings
from tidegate.models.series import smoothing

# What a step of the context is.
LEFT_OUT, MISSING, OBSERVED = 0, 1, 2
# Inputs of the network that exponential smoothing gives.
SMOOTHED = ("smooth", "spread", "judged")
# Seasons that the naive forecast looks back for a value.
_SEASONS = 4


@dataclass(frozen=True)
class Series:
    """Several series laid end to end.

    Attributes:
      y: float32[steps], NaN where missing, and one NaN more at the end.
      starts: int64[series], where each begins in `y`.
      lengths: int64[series].
      known: float32[steps + series * horizon, c], calendar and future covariates.
      known_starts: int64[series], where each begins in `known`.
      historic: float32[steps + 1, h], or None.
      ids: int64[series, names].
      numbers: float32[series, m], or None.
      season: int64[series], steps.
      before: int64[steps + 2], how many values are observed before a place of `y`.
      observed: int64[values + 1], the places of `y` that are observed, and one past the end.
      smoothed: float32[origins, channels], what exponential smoothing knows at the origins of each
        series from `first_smoothed` on; None where it is not asked for.
      smoothed_starts: int64[series], where each begins in `smoothed`.
      first_smoothed: int64[series].
    """

    y: tf.Tensor
    starts: tf.Tensor
    lengths: tf.Tensor
    known: tf.Tensor
    known_starts: tf.Tensor
    historic: tf.Tensor | None
    ids: tf.Tensor
    numbers: tf.Tensor | None
    season: tf.Tensor
    before: tf.Tensor
    observed: tf.Tensor
    smoothed: tf.Tensor | None = None
    smoothed_starts: tf.Tensor | None = None
    first_smoothed: tf.Tensor | None = None

    def first_observed(self, rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """The first observed place of a row at or after the given one; past `lengths` if none."""
        starts = tf.gather(self.starts, rows)
        count = tf.gather(self.before, starts + places)
        return tf.gather(self.observed, count) - starts

    def last_observed(self, rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """The last observed place of a row before the given one; negative if none."""
        starts = tf.gather(self.starts, rows)
        count = tf.gather(self.before, starts + places)
        found = tf.gather(self.observed, tf.maximum(count - 1, 0)) - starts
        return tf.where(count > 0, found, -1)

    def values(self, rows: tf.Tensor, places: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
        """float32[windows, k]: `y` at places int64[windows, k] of rows int64[windows].

        NaN where `there` is False.
        """
        end = tf.size(self.y, out_type=tf.int64) - 1
        return tf.gather(
            self.y, tf.where(there, tf.gather(self.starts, rows)[:, tf.newaxis] + places, end)
        )


def with_smoothing(
    transformed: Mapping[str, tf.Tensor | tf.RaggedTensor],
    features: FeatureSettings,
    ends: tf.Tensor | None = None,
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """A batch of transformed examples, and what exponential smoothing makes of them.

    Args:
      transformed: with `first_target` where the ends are not given.
      features: horizon.
      ends: int64[series], the one origin of each that is forecast from; None for all from
        `first_target` on.

    Returns:
      The same with `smoothed` float32[series, (origins), channels] and `first_smoothed`
      int64[series], the first of those origins.
    """
    y = transformed["y"]
    # One frequency a data set, and so one season.
    season = tf.reduce_max(tf.concat([[1], transformed["season"]], axis=0))
    seasonality = tf.reduce_max(tf.concat([[0.0], transformed["seasonality"]], axis=0))
    found = smoothing.smooth_series(y, season, seasonality, features.horizon, ends)
    if ends is not None:
        found, first = tf.RaggedTensor.from_uniform_row_length(found, 1), ends
    else:
        first = tf.cast(transformed["first_target"], tf.int64)
        places = tf.ragged.range(found.row_lengths())
        kept = places.flat_values >= tf.gather(first, places.value_rowids())
        found = tf.ragged.boolean_mask(found, places.with_flat_values(kept))
    return {**transformed, "smoothed": found, "first_smoothed": first}


def read_series(transformed: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> Series:
    """A batch of transformed examples."""
    y, known = transformed["y"], transformed["known"]
    historic, smoothed = transformed.get("historic"), transformed.get("smoothed")
    flat = tf.concat([y.flat_values, [float("nan")]], axis=0)
    there = tf.math.is_finite(flat)
    return Series(
        y=flat,
        starts=y.row_starts(),
        lengths=y.row_lengths(),
        known=known.values,
        known_starts=known.row_starts(),
        # A step more, so that there is something to read from series without any.
        historic=None if historic is None else tf.pad(historic.values, [[0, 1], [0, 0]]),
        ids=transformed["ids"],
        numbers=transformed.get("numbers"),
        season=transformed["season"],
        before=tf.concat([[0], tf.cumsum(tf.cast(there, tf.int64))], axis=0),
        observed=tf.concat([tf.where(there)[:, 0], [tf.size(flat, out_type=tf.int64)]], axis=0),
        smoothed=None if smoothed is None else smoothed.values,
        smoothed_starts=None if smoothed is None else smoothed.row_starts(),
        first_smoothed=transformed.get("first_smoothed"),
    )


def read_one(example: Mapping[str, tf.Tensor]) -> Series:
    """A single transformed example, whose sequences are dense."""
    batch: dict[str, tf.Tensor | tf.RaggedTensor] = {}
    for name, tensor in example.items():
        if name in ("y", "known", "historic", "smoothed"):
            splits = tf.stack([0, tf.shape(tensor, out_type=tf.int64)[0]])
            batch[name] = tf.RaggedTensor.from_row_splits(tensor, splits, validate=False)
        else:
            batch[name] = tensor[tf.newaxis]
    return read_series(batch)


def inputs(
    series: Series, rows: tf.Tensor, origins: tf.Tensor, features: FeatureSettings
) -> dict[str, tf.Tensor]:
    """The network's inputs for windows.

    A context begins at its first observed value; a shorter one is padded on the right, as cuDNN
    wants it. One without any value has a single missing step.

    Args:
      series: that they are cut from.
      rows: int64[windows], the series of each.
      origins: int64[windows], from 0 to the series' length.
      features: context and horizon.

    Returns:
      `state` int64[windows, context]: 0 left out, 1 missing, 2 observed; `values`
      float32[windows, context], 0 where not observed; `past` float32[windows, context, p],
      calendar and covariates of those steps; `future` float32[windows, horizon, f], those of the
      steps to forecast; `season` float32[windows, horizon], the seasonal naive forecast from all
      history; `smooth` and `spread` float32[windows, horizon], the forecast of exponential
      smoothing and the mean error of such forecasts, and `judged` float32[windows], how many
      these were, where series have
      been smoothed; `ids` int64[windows, names]; `numbers` float32[windows, m], if there are any.
    """
    horizon = tf.range(features.horizon, dtype=tf.int64)
    earliest = tf.maximum(origins - features.context, 0)
    begin = tf.minimum(series.first_observed(rows, earliest), tf.maximum(origins - 1, 0))
    places = begin[:, tf.newaxis] + tf.range(features.context, dtype=tf.int64)
    there = places < origins[:, tf.newaxis]
    values = series.values(rows, places, there)
    seen = tf.math.is_finite(values)
    state = tf.cast(there, tf.int64) + tf.cast(seen, tf.int64)
    state = tf.concat([tf.maximum(state[:, :1], MISSING), state[:, 1:]], axis=1)

    def at(flat: tf.Tensor, starts: tf.Tensor, where: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        found = tf.gather(starts, rows)[:, tf.newaxis] + tf.where(real, where, 0)
        found = tf.gather(flat, tf.minimum(found, tf.shape(flat, out_type=tf.int64)[0] - 1))
        return tf.where(real[..., tf.newaxis], found, 0.0)

    past = [at(series.known, series.known_starts, places, there)]
    if series.historic is not None:
        past.append(at(series.historic, series.starts, places, there))
    ahead = origins[:, tf.newaxis] + horizon
    found = {
        "state": state,
        "values": tf.where(seen, values, 0.0),
        "past": tf.concat(past, axis=-1),
        "future": at(series.known, series.known_starts, ahead, tf.ones_like(ahead, tf.bool)),
        "season": finite(
            seasonal_naive(series, rows, origins, tf.zeros_like(begin), features.horizon)
        ),
        "ids": tf.gather(series.ids, rows),
    }
    if series.smoothed is not None:
        assert series.smoothed_starts is not None and series.first_smoothed is not None
        # Windows that fill up a batch have an origin before the first.
        place = tf.maximum(origins - tf.gather(series.first_smoothed, rows), 0)
        known = tf.gather(series.smoothed, tf.gather(series.smoothed_starts, rows) + place)
        found.update(zip(SMOOTHED, smoothing.forecast(known, features.horizon), strict=True))
    if series.numbers is not None:
        found["numbers"] = tf.gather(series.numbers, rows)
    return found


def finite(values: tf.Tensor) -> tf.Tensor:
    """NaN to 0."""
    return tf.where(tf.math.is_finite(values), values, 0.0)


def targets(
    series: Series, rows: tf.Tensor, origins: tf.Tensor, features: FeatureSettings
) -> tf.Tensor:
    """float32[windows, horizon]: the values from the origin on; NaN where there is none."""
    places = origins[:, tf.newaxis] + tf.range(features.horizon, dtype=tf.int64)
    there = places < tf.gather(series.lengths, rows)[:, tf.newaxis]
    return series.values(rows, places, there)


def seasonal_naive(
    series: Series, rows: tf.Tensor, origins: tf.Tensor, begin: tf.Tensor, horizon: int
) -> tf.Tensor:
    """The value of the same place of the last season.

    f_{t+h} = y_{t+h-mk}, with m the steps of a season and k the least that leads before the origin
    t (Hyndman and Athanasopoulos, "Forecasting: principles and practice", 5.2). Where that value
    is missing, the one a season earlier, up to three; then the last value before the origin.

    Args:
      series: history.
      rows, origins: int64[windows].
      begin: int64[windows], the first place that may be used.
      horizon: steps.

    Returns:
      float32[windows, horizon]; NaN where there is no value at all.
    """
    season = tf.gather(series.season, rows)[:, tf.newaxis]
    step = tf.range(horizon, dtype=tf.int64)
    place = origins[:, tf.newaxis] + step % season - season
    last = series.last_observed(rows, origins)[:, tf.newaxis]
    low = begin[:, tf.newaxis]
    found = series.values(rows, tf.maximum(last, 0), last >= low) + tf.zeros_like(place, tf.float32)
    for back in reversed(range(_SEASONS)):
        earlier = place - back * season
        value = series.values(rows, tf.maximum(earlier, 0), earlier >= low)
        found = tf.where(tf.math.is_finite(value), value, found)
    return found


def origin_range(
    length: tf.Tensor, first_target: tf.Tensor, features: FeatureSettings
) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and last origin of a series' windows.

    Targets lie in [first_target, length). A series too short for `min_context` and the horizon
    has one window all the same, of which not more than half is history, and one whose split is
    shorter than the horizon has one with fewer targets.

    Args:
      length, first_target: int64[...].
      features: min_context and horizon.

    Returns:
      int64[...] each; both at least 1, the last not before the first.
    """
    length, first_target = tf.cast(length, tf.int64), tf.cast(first_target, tf.int64)
    last = length - features.horizon
    fewest = tf.minimum(tf.constant(features.fewest, tf.int64), tf.maximum(last, (length + 1) // 2))
    first = tf.maximum(tf.maximum(first_target, fewest), 1)
    return first, tf.maximum(first, last)


def training_origins(
    series: Series, first_target: tf.Tensor, features: FeatureSettings, stride: int
) -> tf.Tensor:
    """The origins of a single series' windows that have a value in context and target.

    Returns:
      int64[windows].
    """
    length = series.lengths[0]
    first, last = origin_range(length, first_target, features)
    origins = tf.range(first, last + 1, stride, dtype=tf.int64)
    origins = tf.boolean_mask(origins, origins < length)

    def count(low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
        return tf.gather(series.before, high) - tf.gather(series.before, low)

    context = count(tf.maximum(origins - features.context, 0), origins)
    target = count(origins, tf.minimum(origins + features.horizon, length))
    return tf.boolean_mask(origins, (context > 0) & (target > 0))
