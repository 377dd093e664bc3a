"""What adds up over texts: the sums that a language model and its simple models are judged by."""

from typing import Any

import tensorflow as tf

from tidegate.models.text.reversible import PADDING_ID, UNKNOWN_ID

# Places in a text by which figures are reported: their upper ends, from 1.
POSITIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 1 << 40)


def judged(nats: Any, targets: Any, characters: Any, size: int) -> tf.Tensor:
    """Sums over the tokens of each text, by their place in it.

    Args:
      nats: float[batch, steps], of each token.
      targets: int[batch, steps], the tokens; 0 where there is none.
      characters: int[batch], of each text.
      size: of the vocabulary that a uniform guess is over.

    Returns:
      float64[batch, len(POSITIONS), 5]: nats, tokens, unknown tokens, nats of a uniform guess, and
      at the first place the text's characters.
    """
    there = tf.cast(tf.not_equal(targets, PADDING_ID), tf.float64)
    unknown = tf.cast(tf.equal(targets, UNKNOWN_ID), tf.float64)
    uniform = there * tf.math.log(tf.constant(float(size), tf.float64))
    columns = tf.stack([tf.cast(nats, tf.float64) * there, there, unknown, uniform], axis=2)
    place = tf.range(1, tf.shape(targets)[1] + 1, dtype=tf.int64)
    bucket = tf.searchsorted(tf.constant(POSITIONS, tf.int64), place)
    sums = tf.math.unsorted_segment_sum(
        tf.transpose(columns, [1, 0, 2]), bucket, num_segments=len(POSITIONS)
    )
    first = tf.one_hot(0, len(POSITIONS), dtype=tf.float64)
    of_text = tf.cast(characters, tf.float64)[:, None, None] * first[None, :, None]
    return tf.concat([tf.transpose(sums, [1, 0, 2]), of_text], axis=2)
