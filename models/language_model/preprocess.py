"""Text to token ids, in the transform graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tidegate.models.core.task import RawFeature
from tidegate.models.language_model.settings import FeatureSettings
from tidegate.models.text import reversible
from tidegate.models.text.reversible import BORDER_ID, PADDING_ID
from tidegate.models.text.slices import length_slice

TOKENS = "tokens"
# Upper ends of the slices by length that the Evaluator reports, in tokens.
_LENGTHS = (64, 512, 4096)


def preprocess(
    inputs: Mapping[str, tf.Tensor], features: FeatureSettings, raw: Sequence[RawFeature] = ()
) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Raw features to transformed features.

    Args:
      inputs: `text` string[batch]; `part` int64[batch], absent from requests.
      features: tokenizer and vocabulary.
      raw: not used; part of the contract.

    Returns:
      `tokens` int64[batch, (tokens)] sparse; `part` int64[batch]; `characters` int64[batch], how
      many the text has; `length` string[batch], the text's length slice.
    """
    del raw
    text = reversible.canonical(inputs["text"])
    tokens = reversible.token_ids(text, features, name=TOKENS)
    return {
        "tokens": tokens.to_sparse(),
        "part": inputs["part"],
        "characters": tf.cast(tf.strings.length(text, unit="UTF8_CHAR"), tf.int64),
        "length": length_slice(tokens.row_lengths(), _LENGTHS),
    }


def model_inputs(
    transformed: Mapping[str, Any], features: FeatureSettings | None = None
) -> dict[str, tf.Tensor]:
    """Transformed features to the network's inputs.

    Args:
      transformed: as `preprocess` gives them.
      features: not used; part of the contract.

    Returns:
      `tokens` int32[batch, steps], the border and then the text's tokens; `targets` int32[batch,
      steps], what comes next: the text's tokens, and nothing; both are right-padded with 0, and
      there is one step more than tokens. `begins` bool[batch], true.
    """
    del features
    tokens = tf.cast(tf.sparse.to_dense(transformed["tokens"], PADDING_ID), tf.int32)
    borders = tf.fill([tf.shape(tokens)[0], 1], BORDER_ID)
    return {
        "tokens": tf.concat([borders, tokens], axis=1),
        "targets": tf.pad(tokens, [[0, 0], [0, 1]]),
        "begins": tf.fill([tf.shape(tokens)[0]], True),
    }
