"""Whole series to values, calendar, scaled covariates and ids, in the transform graph."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from tidegate.models.core.task import RawFeature
from tidegate.models.forecasting.settings import FeatureSettings
from tidegate.models.series.past_errors import judged_steps
from tidegate.models.series.season import season_length, seasonal_share
from tidegate.models.series.time_steps import UNITS, aligned, time_steps

# Roles of the raw features, beside those that every series has; that of `start` is the time zone.
STATIC, STATIC_NUMBER, HISTORIC, FUTURE = "static", "static_number", "historic", "future"

# A deviation of so small a share of the mean is float32's rounding: the covariate did not move.
_CONSTANT = 1e-7
# How sure the better one of last season and last value is of itself.
_SHARP = 8


def vocabulary_name(place: int) -> str:
    """The vocabulary behind a column of `ids`: of the series first, then of its static names."""
    return f"ids_{place}"


def with_role(raw: Sequence[RawFeature], role: str) -> list[RawFeature]:
    """The raw features of a role, in their order."""
    return [feature for feature in raw if feature.role == role]


def preprocess(
    inputs: Mapping[str, tf.Tensor | tf.SparseTensor],
    features: FeatureSettings,
    raw: Sequence[RawFeature],
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Raw features to transformed features.

    Args:
      inputs: `unique_id` string[batch]; `start` int64[batch], the time of the first step, seconds
        since 1970 or an integer where time is one;
        `y` float32[batch, (n)] sparse, NaN where missing; covariates float32[batch, (n)] where
        historic and [batch, (n + horizon)] where future, NaN where missing; static features
        [batch]. In training also `step_seconds`, `step_months`, `step_index`, `step_business` and
        `first_target` int64[batch].
      features: horizon, season, calendar.
      raw: which input has which role.

    Returns:
      `y` float32[batch, (n)], NaN where missing; `known` float32[batch, (n + horizon), c], the
      calendar and each future covariate, scaled, with a mark of being there; `historic`
      float32[batch, (n), 2 h] the same; `ids` int64[batch, 1 + s], of the series and its static
      names, 0 for unknown; `numbers` float32[batch, 2 m], static numbers, scaled, with their
      mark; `start` and `step` int64[batch], months since 1970-01 where the step is months, business
      days since Monday 1969-12-29 where it is these, and `month_day` int64[batch], the day of the
      month of months, 31 for the last, else 0; `clock` int64[batch], the seconds since midnight of
      both, else 0; `step_of` int64[batch, 4], the step in seconds, months, integer time and
      business days, of which one is above 0; `season` int64[batch];
      `seasonality` float32[batch], 0 to 1, how far train's series repeat their last season rather
      than their last value; in training `first_target` int64[batch].
      A covariate's values are (x - mean) / standard deviation over train; 0 where missing, and
      for one that is constant in train, of whose moves nothing is known.
    """
    y = tf.RaggedTensor.from_sparse(inputs["y"])
    lengths = y.row_lengths()
    steps = time_steps(inputs, lengths, raw, ahead=features.horizon)
    start, grid = steps.known["start"], steps.grid
    season = _season(steps.step_of, features)
    known = [
        steps.calendar * float(features.calendar),
        *(_scaled(aligned(inputs[feature.name], grid)) for feature in with_role(raw, FUTURE)),
    ]
    places = tf.ragged.range(lengths)
    names = ["unique_id", *(feature.name for feature in with_role(raw, STATIC))]
    found: dict[str, tf.Tensor | tf.RaggedTensor] = {
        "y": y,
        "known": grid.with_flat_values(tf.concat(known, axis=-1)),
        "ids": tf.stack(
            [_ids(inputs[name], vocabulary_name(place)) for place, name in enumerate(names)],
            axis=-1,
        ),
        **steps.known,
        "season": tf.zeros_like(start) + season,
        "seasonality": tf.zeros_like(start, tf.float32) + _seasonality(inputs, y, features),
        "first_target": tf.identity(inputs["first_target"]),
    }
    historic = [
        _scaled(aligned(inputs[feature.name], places)) for feature in with_role(raw, HISTORIC)
    ]
    if historic:
        found["historic"] = places.with_flat_values(tf.concat(historic, axis=-1))
    numbers = [_scaled(inputs[feature.name]) for feature in with_role(raw, STATIC_NUMBER)]
    if numbers:
        found["numbers"] = tf.concat(numbers, axis=-1)
    return found


def _season(step: Sequence[tf.Tensor], features: FeatureSettings) -> tf.Tensor:
    if features.season is not None:
        return tf.constant(features.season, tf.int64)
    return season_length(*step)


def _seasonality(
    inputs: Mapping[str, tf.Tensor | tf.SparseTensor],
    y: tf.RaggedTensor,
    features: FeatureSettings,
) -> tf.Tensor:
    """float32[]: 1 / (1 + (e / l)^k) of the errors of `seasonal_share`, averaged over train;
    a half where train says nothing."""
    # Of the batch itself: an analyzer of what another one found would take another pass.
    steps = [tf.reduce_max(tf.concat([[0], inputs[f"step_{unit}"]], axis=0)) for unit in UNITS]
    found = seasonal_share(y, _season(steps, features), judged_steps(features.horizon))
    there = tf.math.is_finite(found)
    total = tft.sum(tf.where(there, tf.cast(found, tf.float64), 0.0))
    count = tft.sum(tf.cast(there, tf.float64))
    share = tf.where(count > 0, tf.math.divide_no_nan(total, count), 0.5)
    season_part, last_part = (1 - share) ** _SHARP, share**_SHARP
    return tf.cast(season_part / (season_part + last_part), tf.float32)


def _ids(names: tf.Tensor, vocabulary: str) -> tf.Tensor:
    path = tft.vocabulary(names, vocab_filename=vocabulary)
    return tft.apply_vocabulary(names, path, default_value=-1) + 1


def _scaled(values: tf.Tensor) -> tf.Tensor:
    """float32[n], NaN where missing, to float32[n, 2]: standardised over train, and its mark."""
    there = tf.math.is_finite(values)
    exact = tf.cast(values, tf.float64)
    observed = tf.boolean_mask(exact, there)
    mean, deviation = tft.mean(observed), tf.sqrt(tft.var(observed))
    moves = deviation > _CONSTANT * tf.abs(mean)
    scaled = tf.cast((exact - mean) / tf.where(moves, deviation, 1.0), tf.float32)
    scaled = tf.where(there & moves, scaled, tf.zeros_like(values))
    return tf.stack([scaled, tf.cast(there, tf.float32)], axis=-1)
