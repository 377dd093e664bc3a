"""Whole series to values and calendar, in the transform graph; windows of them."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tidegate.models.anomaly_detection.settings import FeatureSettings
from tidegate.models.core.task import RawFeature
from tidegate.models.series.time_steps import aligned, time_steps

# Roles of the raw features, beside those that every series has.
CHANNEL, LABEL, STATIC = "channel", "label", "static"


def preprocess(
    inputs: Mapping[str, tf.Tensor | tf.SparseTensor],
    features: FeatureSettings,
    raw: Sequence[RawFeature],
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Raw features to transformed features.

    Args:
      inputs: `start` int64[batch], `y` and the other channels float32[batch, (n)] sparse, NaN where
        missing; in training also `first_target` int64[batch], the steps' lengths, and the labels.
      features: calendar.
      raw: which input has which role.

    Returns:
      `y` float32[batch, (n), channels], NaN where missing; `known` float32[batch, (n), 7], the
      calendar; `start`, `step`, `month_day`, `clock`, `step_of` as `TimeSteps.known`; in training
      `first_target` int64[batch] and `labels` float32[batch, (n), 1], NaN where nothing is
      labelled.
    """
    y = tf.RaggedTensor.from_sparse(inputs["y"])
    lengths = y.row_lengths()
    steps = time_steps(inputs, lengths, raw)
    others = [one.name for one in raw if one.role == CHANNEL]
    channels = [y.flat_values, *(aligned(inputs[name], steps.grid) for name in others)]
    labels = [aligned(inputs[one.name], steps.grid) for one in raw if one.role == LABEL]
    found: dict[str, tf.Tensor | tf.RaggedTensor] = {
        "y": steps.grid.with_flat_values(tf.stack(channels, axis=-1)),
        "known": steps.grid.with_flat_values(steps.calendar * float(features.calendar)),
        **steps.known,
        "first_target": tf.identity(inputs["first_target"]),
        "labels": steps.grid.with_flat_values(
            labels[0][:, tf.newaxis]
            if labels
            else tf.fill((tf.size(y.flat_values), 1), tf.constant(float("nan")))
        ),
    }
    return found


def windows(
    y: tf.Tensor, known: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, features: FeatureSettings
) -> dict[str, tf.Tensor]:
    """The network's inputs: the points up to some places.

    A window has always as many steps; those before a series' first are missing.

    Args:
      y: float32[steps, channels], series laid end to end; NaN where missing.
      known: float32[steps, c].
      starts: int64[windows], where in `y` the series of each window begins.
      ends: int64[windows], one past the last place of each, in `y`.
      features: context and recent.

    Returns:
      `values` float32[windows, reach, channels], 0 where missing; `seen` float32[windows, reach,
      channels], 1 where there is a value; `known` float32[windows, reach, c].
    """
    places = ends[:, tf.newaxis] - features.reach + tf.range(features.reach, dtype=tf.int64)
    there = places >= starts[:, tf.newaxis]
    places = tf.where(there, places, tf.size(y, tf.int64) // tf.shape(y, tf.int64)[1])
    values = tf.gather(tf.pad(y, [[0, 1], [0, 0]], constant_values=float("nan")), places)
    seen = tf.math.is_finite(values)
    return {
        "values": tf.where(seen, values, 0.0),
        "seen": tf.cast(seen, tf.float32),
        "known": tf.gather(tf.pad(known, [[0, 1], [0, 0]]), places),
    }


def model_inputs(
    transformed: Mapping[str, tf.Tensor | tf.RaggedTensor], features: FeatureSettings
) -> dict[str, tf.Tensor]:
    """The window at the end of each series: its last point is the one that is asked about."""
    y, known = transformed["y"], transformed["known"]
    return windows(y.values, known.values, y.row_starts(), y.row_limits(), features)
