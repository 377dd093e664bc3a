"""Texts by their length, for the Evaluator's slices."""

from collections.abc import Sequence

import tensorflow as tf


def length_slice(lengths: tf.Tensor, ends: Sequence[int]) -> tf.Tensor:
    """The slice that each length falls into.

    Args:
      lengths: int64[batch], in tokens.
      ends: the last length of each slice but the last, ascending.

    Returns:
      string[batch], as ``0009-0032``, ``0513+`` of the last; names sort as lengths do.
    """
    digits = len(str(ends[-1])) + 1
    lows = [f"{low:0{digits}d}" for low in (0, *(end + 1 for end in ends))]
    names = [f"{low}-{end:0{digits}d}" for low, end in zip(lows, ends, strict=False)]
    index = tf.searchsorted(tf.constant(ends, tf.int64), lengths)
    return tf.gather(tf.constant([*names, f"{lows[-1]}+"]), index)
