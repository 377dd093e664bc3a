"""The points of a split with their scores, alarms and labels, in the graph."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.anomaly_detection.detect import alarms, of_places
from tidegate.models.anomaly_detection.settings import FeatureSettings
from tidegate.models.core.transform import TransformFacts

JUDGED = "judged"
# What is kept of each point that is judged; of several channels, the first one's values.
VALUE, EXPECTED, LOW, HIGH, SCORE, THRESHOLD, RAISED, LABEL, RATE, SECONDS = range(10)
CHANNELS = SECONDS + 1


def judge(
    network: Any,
    transformed: Mapping[str, tf.Tensor | tf.RaggedTensor],
    features: FeatureSettings,
    facts: TransformFacts | None = None,
) -> dict[str, tf.Tensor]:
    """Scores and alarms beside the labels.

    Args:
      network: as `build_model` gives it.
      transformed: series with `first_target` and `labels`.
      features: how many points are judged.
      facts: not used; part of the contract.

    Returns:
      `judged` float32[series, judged_steps, 10]: the last points of each series from its first
      target on, padded with NaN on the left: value; expected, low and high; score, 0 where there is
      no value; threshold; 1 where an alarm is raised; label, NaN where there is none; the promised
      alarms a point; seconds of a step, 0 where it has none.
    """
    del facts
    y, known, labels = (transformed[name] for name in ("y", "known", "labels"))
    starts, ends = y.row_starts(), y.row_limits()
    places = (
        ends[:, tf.newaxis]
        - features.judged_steps
        + tf.range(features.judged_steps, dtype=tf.int64)
    )
    first = starts + tf.cast(transformed["first_target"], tf.int64)
    there = places >= first[:, tf.newaxis]
    where = tf.where(there)
    flat = tf.gather_nd(places, where)
    found = of_places(
        network, y.values, known.values, tf.gather(starts, where[:, 0]), flat + 1, features
    )
    seconds = tf.cast(transformed["step_of"][:, 0], tf.float32)
    columns = [
        tf.gather(y.values[:, 0], flat),
        *(found[name][:, 0] for name in ("expected", "low", "high")),
        found["score"],
        found["threshold"],
        tf.zeros_like(found["score"]),
        tf.gather(labels.values[:, 0], flat),
        tf.fill(tf.shape(found["score"]), features.rate),
        tf.gather(seconds, where[:, 0]),
    ]
    shape = tf.concat([tf.shape(places, tf.int64), [CHANNELS]], axis=0)
    points = tf.scatter_nd(where, tf.stack(columns, axis=-1), shape)
    scored = tf.scatter_nd(where, found["scored"], shape[:2]) > 0
    raised, _, _ = alarms(points[..., SCORE], scored, points[..., THRESHOLD], features)
    points = tf.where(
        tf.range(CHANNELS) == RAISED, tf.cast(raised, tf.float32)[..., tf.newaxis], points
    )
    points = tf.where(there[..., tf.newaxis], points, float("nan"))
    return {JUDGED: tf.ensure_shape(points, (None, features.judged_steps, CHANNELS))}
