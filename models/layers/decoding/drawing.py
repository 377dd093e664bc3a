"""Which token comes next: the best one, or one drawn at a row's own temperature, in the graph.

What a row draws depends on its own logits, options and seed alone, never on the batch.
"""

from __future__ import annotations

import tensorflow as tf

# SplitMix64: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014, with the
# finaliser "variant 13" of Stafford.
_GOLDEN = 0x9E3779B97F4A7C15
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)
_SORTED = 512
_BITS = 24  # of a float32's mantissa, the hidden one included


def split_mix(start: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Number `number`, from 0, of the generator SplitMix64 that begins at `start`: uint64."""
    number = tf.cast(number, tf.uint64) + tf.constant(1, tf.uint64)
    mixed = tf.cast(start, tf.uint64) + number * tf.constant(_GOLDEN, tf.uint64)
    for shift, factor in zip(_SHIFTS, (*_FACTORS, 1), strict=True):
        shifted = tf.bitwise.right_shift(mixed, tf.constant(shift, tf.uint64))
        mixed = tf.bitwise.bitwise_xor(mixed, shifted) * tf.constant(factor, tf.uint64)
    return mixed


def uniform(seed: tf.Tensor, lanes: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """A number in [0, 1) for each lane of each row, another one at each step.

    Args:
      seed: int64[rows].
      lanes: int[], how many there are; a lane's number does not depend on it.
      step: int[].

    Returns:
      float32[rows, lanes].
    """
    # The seed gives each lane a generator of its own.
    lane = split_mix(seed[:, None], tf.range(lanes)[None])
    bits = tf.bitwise.right_shift(split_mix(lane, step), tf.constant(64 - _BITS, tf.uint64))
    return tf.cast(tf.cast(bits, tf.int32), tf.float32) * 2.0**-_BITS


def choose(
    logits: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
    random: tf.Tensor,
) -> tf.Tensor:
    """The next token: of the softmax of logits / temperature, filtered by `kept`.

    Args:
      logits: float32[rows, vocabulary].
      temperature: float32[rows]; the most probable token where it is not above 0.
      top_k, top_p: as for `kept`; float32[rows] the latter.
      random: float32[rows], in [0, 1).

    Returns:
      int32[rows].
    """
    best = tf.argmax(logits, axis=-1, output_type=tf.int32)
    warm = temperature > 0

    def drawn() -> tf.Tensor:
        # The greatest is taken off first, as little temperatures would make it infinite.
        most = tf.reduce_max(logits, axis=-1, keepdims=True)
        divisor = tf.where(warm, temperature, 1.0)
        scaled = (logits - most) / tf.minimum(divisor, tf.float32.max)[:, None]
        filtered = tf.logical_and(warm, tf.logical_or(top_k > 0, top_p < 1))
        left = tf.cond(
            tf.reduce_any(filtered),
            lambda: tf.where(kept(scaled, top_k, top_p), scaled, float("-inf")),
            lambda: scaled,
        )
        # The inverse of the distribution function, in the order of the ids.
        below = tf.cumsum(tf.exp(left), axis=-1)
        return tf.reduce_sum(tf.cast(below <= random[:, None] * below[:, -1:], tf.int32), axis=-1)

    return tf.cond(tf.reduce_any(warm), lambda: tf.where(warm, drawn(), best), lambda: best)


def kept(logits: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Which tokens may be drawn: of the `top_k` most probable ones, those that make up `top_p`.

    The probabilities of the `top_k` are made to add up to 1 first; of them the fewest, most
    probable ones whose sum is at least `top_p` are kept (the nucleus of Holtzman et al. 2020), and
    at least one. Of equal ones, the lower ids go first.

    Args:
      logits: float32[rows, vocabulary].
      top_k: int32[rows]; 0 takes all.
      top_p: float32[rows]; 1 and more takes all.

    Returns:
      bool[rows, vocabulary].
    """
    size = tf.shape(logits)[-1]
    some = tf.where(top_k > 0, tf.minimum(top_k, size), size)
    filters = tf.logical_or(top_k > 0, top_p < 1)
    weight = tf.exp(logits - tf.reduce_max(logits, axis=-1, keepdims=True))
    whole = tf.reduce_sum(weight, axis=-1)

    def least(most: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The last token that is kept, with its logit, of `most` that are sorted; and if enough."""
        value, token = tf.math.top_k(logits, k=most)
        among = tf.range(most) < some[:, None]
        share = tf.where(among, tf.exp(value - value[:, :1]), 0.0)
        sums = tf.cumsum(share, axis=-1)
        enough = top_p * tf.where(top_k > 0, sums[:, -1], whole)
        nucleus = tf.logical_and(among, sums - share < enough[:, None])
        number = tf.maximum(tf.reduce_sum(tf.cast(nucleus, tf.int32), axis=-1), 1)[:, None] - 1
        covered = tf.logical_or(some <= most, sums[:, -1] >= enough)
        return (
            tf.gather(value, number, batch_dims=1),
            tf.gather(token, number, batch_dims=1),
            tf.reduce_all(tf.logical_or(covered, ~filters)),
        )

    # To sort a large vocabulary takes far longer than a network's step, and few tokens suffice.
    asked = tf.reduce_max(tf.concat([[_SORTED], tf.where(top_k > 0, some, 1)], axis=0))
    first = least(tf.minimum(asked, size))
    last_value, last_token, _ = tf.cond(first[2], lambda: first, lambda: least(size))
    tied = tf.logical_and(logits == last_value, tf.range(size) <= last_token)
    among = tf.logical_or(logits > last_value, tied)
    return tf.logical_or(~filters[:, None], among)
