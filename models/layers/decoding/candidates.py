"""What each row of a batch may go on with at one step."""

from __future__ import annotations

import tensorflow as tf

from tidegate.models.layers.decoding.drawing import choose, uniform
from tidegate.models.layers.decoding.options import Options

NONE = float("-inf")  # The log-probability of what is not there.


def normalised(total: tf.Tensor, length: tf.Tensor, penalty: tf.Tensor) -> tf.Tensor:
    """A log-probability over ((5 + n) / 6) ** a, for its n tokens (Wu et al. 2016)."""
    return total / ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** penalty


def candidates(
    logits: tf.Tensor, total: tf.Tensor, options: Options, number: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """What each row may go on with, the best first: one for each lane, or two for each beam.

    Args:
      logits: float[rows * lanes, vocabulary].
      total: float32[rows, lanes], log-probability so far; -inf where a lane has ended.
      options: for each row.
      number: int32[], the steps so far.

    Returns:
      Total log-probability, lane that is continued, token and its log-probability: each
      [rows, candidates]; -inf as total for none.
    """
    logits = tf.cast(logits, tf.float32)
    rows, lanes, size = tf.shape(total)[0], tf.shape(total)[1], tf.shape(logits)[1]
    log = tf.reshape(tf.nn.log_softmax(logits), [rows, lanes, size])
    random = tf.reshape(uniform(options.seed, lanes, number), [-1])
    temperature, top_k, top_p = (
        tf.repeat(option, lanes) for option in (options.temperature, options.top_k, options.top_p)
    )
    token = tf.reshape(choose(logits, temperature, top_k, top_p, random), [rows, lanes])
    drawn = (
        total + tf.gather(log, token, batch_dims=2),
        tf.range(lanes) + tf.zeros_like(token),
        token,
    )

    def searched() -> tuple[tf.Tensor, ...]:
        number = tf.minimum(2 * lanes, lanes * size)
        sums = tf.reshape(total[:, :, None] + log, [rows, lanes * size])
        value, place = tf.math.top_k(sums, k=number)
        best = (value, place // size, place % size)
        more = [[0, 0], [0, number - lanes]]
        own = [
            tf.pad(part, more, constant_values=fill)
            for part, fill in zip(drawn, (NONE, 0, 0), strict=True)
        ]
        beams = options.beams[:, None] > 1
        return tuple(tf.where(beams, *pair) for pair in zip(best, own, strict=True))

    value, parent, token = tf.cond(tf.reduce_any(options.beams > 1), searched, lambda: drawn)
    place = tf.stack([parent, token], axis=-1)
    return value, parent, token, tf.gather_nd(log, place, batch_dims=1)
