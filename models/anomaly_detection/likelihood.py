"""The anomaly likelihood: recent errors beside the running distribution of all of them."""

import numpy as np
import tensorflow as tf

from tidegate.models.layers.tails import MOST, joint_surprise

# Errors that a running distribution must have; with fewer, a few that agree make any other unusual.
ENOUGH = 100


def standardised(
    errors: tf.Tensor, window: int, recent: int, enough: int = ENOUGH
) -> tuple[tf.Tensor, tf.Tensor]:
    """Errors and their recent means in units of the running distribution.

    With the last W errors s, their mean m and sample deviation d, and the mean r of the last w, the
    anomaly likelihood is 1 - Q((r - m) / d), where Q is the tail of the standard normal
    distribution (Ahmad, Lavin, Purdy and Agha 2017, "Unsupervised real-time anomaly detection for
    streaming data", equations 3 to 6). This gives (r - m) / d, and the same of w = 1.

    Args:
      errors: float32[batch, steps], NaN where there is none; each window ends at its step.
      window: W, of which as many count as there are.
      recent: w.
      enough: errors that a window must have, at least 2; of a shorter window, all.

    Returns:
      float32[batch, steps] twice, of the error itself and of the recent mean; NaN where the window
      has fewer errors than `enough`, or `recent` none.
    """
    mean, deviation, count = _moments(errors, window)
    short, _, some = _moments(errors, recent)
    there = (count >= min(max(enough, 2), window)) & (some >= 1)
    scale = tf.maximum(deviation, 1e-6)
    nan = tf.constant(np.nan, tf.float32)
    return (
        tf.where(there & tf.math.is_finite(errors), (errors - mean) / scale, nan),
        tf.where(there, (short - mean) / scale, nan),
    )


def likelihood(recent: tf.Tensor) -> tf.Tensor:
    """1 - Q(z), the anomaly likelihood of the recent mean: float32[...] to the same."""
    return 0.5 * tf.math.erfc(-recent / np.float32(np.sqrt(2)))


def running_surprise(alone: tf.Tensor, recent: tf.Tensor) -> tf.Tensor:
    """The score of a stream: -log10 of the tail probability of the most unusual statistic.

    Args:
      alone, recent: float32[...], as `standardised` gives them.

    Returns:
      float32[...], of an error that is large, recent ones that are, or that are small, times three
      (Bonferroni); NaN where either is.
    """
    z = tf.stack([alone, recent, -recent], axis=-1)
    tail = 0.5 * tf.math.erfc(z / np.float32(np.sqrt(2)))
    found: tf.Tensor = joint_surprise(-tf.math.log(tf.maximum(tail, 10.0**-MOST)) / np.log(10.0))
    return tf.where(tf.math.is_finite(alone + recent), found, float("nan"))


def _moments(errors: tf.Tensor, window: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mean, sample deviation and count of the errors that are there in each window."""
    there = tf.math.is_finite(errors)
    values = tf.cast(tf.where(there, errors, 0.0), tf.float64)

    def sums(flat: tf.Tensor) -> tf.Tensor:
        total = tf.pad(tf.cumsum(flat, axis=1), [[0, 0], [1, 0]])
        steps = tf.shape(flat)[1]
        end = tf.range(1, steps + 1)
        return tf.gather(total, end, axis=1) - tf.gather(total, tf.maximum(end - window, 0), axis=1)

    count = sums(tf.cast(there, tf.float64))
    mean = tf.math.divide_no_nan(sums(values), count)
    squares = tf.maximum(sums(values**2) - count * mean**2, 0.0)
    deviation = tf.sqrt(tf.math.divide_no_nan(squares, tf.maximum(count - 1, 1.0)))
    return tf.cast(mean, tf.float32), tf.cast(deviation, tf.float32), count
