"""The network's outputs to answers, and requests to raw features, in the graph."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.core.transform import TransformFacts


def predict(
    outputs: Mapping[str, tf.Tensor], transformed: Mapping[str, Any], facts: TransformFacts
) -> dict[str, tf.Tensor]:
    """How probable each text is.

    Args:
      outputs: `log_probability` float32[batch, steps], 0 where there is no token.
      transformed: `tokens` sparse int64[batch, (tokens)], `characters` int64[batch].
      facts: not used; part of the contract.

    Returns:
      `log_probability` float32[batch], in nats, of all tokens of a text; `tokens` int64[batch], how
      many they are; `perplexity` float32[batch], exp of the nats per token, 1 of an empty text;
      `bits_per_character` float32[batch], 0 of an empty text; `token_log_probabilities`
      float32[batch, most tokens], of each token, 0 behind the last.
    """
    del facts
    each = outputs["log_probability"]
    total = tf.reduce_sum(each, axis=1)
    sparse = transformed["tokens"]
    rows = tf.shape(each, tf.int64)[0]
    tokens = tf.math.bincount(
        tf.cast(sparse.indices[:, 0], tf.int32), minlength=tf.cast(rows, tf.int32), dtype=tf.int64
    )
    counted = tf.cast(tf.maximum(tokens, 1), tf.float32)
    characters = tf.cast(tf.maximum(transformed["characters"], 1), tf.float32)
    return {
        "log_probability": total,
        "tokens": tokens,
        "perplexity": tf.exp(-total / counted),
        "bits_per_character": -total / (characters * tf.math.log(2.0)),
        "token_log_probabilities": each[:, :-1],
    }


def text_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A `score` request, string[batch] `text`, to raw features."""
    return {"text": request["text"]}
