"""Transformed examples to batches of texts of like length."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.text.buckets import bucket_boundaries
from tidegate.models.text_classification.preprocess import model_inputs
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings

_SHUFFLE = 16_384


def batches(
    examples: tf.data.Dataset,
    features: FeatureSettings,
    model: ModelSettings,
    batch_size: int,
    seed: int | None,
) -> tf.data.Dataset:
    """Length-bucketed batches.

    Args:
      examples: transformed examples, one an element: `tokens` sparse int64[(tokens)], `target`
        int64[], `weight` float32[].
      features: `max_tokens` bounds the buckets.
      model: `class_balance` is the exponent of the weights.
      batch_size: rows a batch; the last of a bucket may hold fewer.
      seed: order of the rows; None keeps the order and gives each row once. With a seed the rows
        repeat for ever.

    Returns:
      (inputs as `model_inputs` gives them, int64[batch], float32[batch]), padded with 0 to the
      batch's longest row. With a seed `words` and `characters` are empty: only the linear part
      reads them, which gradients do not train.
    """
    if seed is not None:
        examples = examples.shuffle(_SHUFFLE, seed=seed).repeat()
    boundaries = bucket_boundaries(features.max_tokens)

    @tf.autograph.experimental.do_not_convert
    def tensors(example: Mapping[str, Any]) -> tuple[Any, ...]:
        inputs = model_inputs(example)
        if not model.linear:
            inputs = {"tokens": inputs["tokens"]}
        elif seed is not None:
            inputs |= {name: inputs[name][:0] for name in ("words", "characters")}
        return inputs, example["target"], example["weight"] ** model.class_balance

    return examples.map(tensors).bucket_by_sequence_length(
        tf.autograph.experimental.do_not_convert(lambda inputs, *_: tf.size(inputs["tokens"])),
        bucket_boundaries=boundaries,
        bucket_batch_sizes=[batch_size] * (len(boundaries) + 1),
    )
