"""Translations beside the true ones, and what the network holds of those, in the graph."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tidegate.models.core.transform import TransformFacts
from tidegate.models.text.reversible import UNKNOWN_ID
from tidegate.models.translation.decoding import decoded, predict
from tidegate.models.translation.judged import FIRST_SHADE, PART, SHADES, TOKEN
from tidegate.models.translation.model import Parts
from tidegate.models.translation.preprocess import model_inputs
from tidegate.models.translation.settings import FeatureSettings

# Weights of a translation that are kept at most.
_MOST_WEIGHTS = 2_000


def judge(
    network: keras.Model,
    transformed: Mapping[str, Any],
    features: FeatureSettings,
    facts: TransformFacts,
) -> dict[str, tf.Tensor]:
    """Translates as `translate` does by default, and asks the network about the true translation.

    Args:
      network: as `build_model` gives it.
      transformed: as `preprocess` gives them.
      features: not used; part of the contract.
      facts: the vocabularies and the tokenizer.

    Returns:
      `judged` string[rows, columns], as `models.translation.judged` says.
    """
    del features
    inputs = model_inputs(transformed)
    made = decoded(network, inputs["source"])
    answers = predict(made, transformed, facts)
    nats, right = _by_token(network, inputs)
    targets = inputs["targets"]
    columns = [
        answers["translation"],
        transformed["target_text"],
        tf.strings.as_string(tf.reduce_sum(nats, axis=1)),
        *(
            tf.strings.as_string(tf.math.count_nonzero(one, axis=1))
            for one in (targets, right, targets == UNKNOWN_ID)
        ),
        _looks(answers, made.lengths[:, 0], inputs["source"]),
    ]
    return {"judged": tf.stack(columns, axis=1)}


def _by_token(network: keras.Model, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """The nats of each true token, and whether it is the most probable one: [rows, steps] each."""
    parts, targets = Parts.of(network), inputs["targets"]
    source = inputs["source"]
    memory, mask, state = parts.encode(parts.source_embedding(source), source)
    embedded = parts.target_embedding(inputs["tokens"])
    hidden, _ = parts.look(parts.decoder(embedded, initial_state=state)[0], memory, mask)
    logits = parts.output.logits(hidden)
    there = tf.cast(targets > 0, tf.float32)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits) * there
    best = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return nats, (best == targets) & (targets > 0)


def _looks(answers: Mapping[str, tf.Tensor], lengths: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """string[rows], as `judged.seen` reads it.

    Args:
      answers: as `predict` gives them.
      lengths: int32[rows], tokens of the translation.
      source: int32[rows, steps], right-padded with 0.
    """
    there, own = source > 0, tf.sequence_mask(lengths, tf.shape(answers["tokens"])[1])
    tokens = [
        tf.strings.reduce_join(tf.ragged.boolean_mask(side, mask), axis=-1, separator=TOKEN)
        for side, mask in ((answers["source_tokens"], there), (answers["tokens"], own))
    ]
    codes = FIRST_SHADE + tf.cast(tf.round(answers["alignment"] * SHADES), tf.int32)
    cells = tf.ragged.boolean_mask(
        tf.reshape(codes, [tf.shape(codes)[0], -1]),
        tf.reshape(own[:, :, None] & there[:, None], [tf.shape(codes)[0], -1]),
    )
    sizes = cells.row_lengths()
    joined = tf.strings.join([*tokens, tf.strings.unicode_encode(cells, "UTF-8")], PART)
    return tf.where((sizes > 0) & (sizes <= _MOST_WEIGHTS), joined, "")
