"""Transformed pairs to batches of pairs of like length."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.core.progress import reporter
from tidegate.models.text.buckets import bucket_boundaries
from tidegate.models.text.reversible import BORDER_ID, PADDING_ID
from tidegate.models.translation.preprocess import SOURCE, TARGET
from tidegate.models.translation.settings import FeatureSettings, ModelSettings
from tidegate.tables.errors import InputError

_SHUFFLE = 16_384
# There is no Python control flow to convert in what follows.
_plain = tf.autograph.experimental.do_not_convert


def batches(
    examples: tf.data.Dataset,
    features: FeatureSettings,
    model: ModelSettings,
    batch_size: int,
    seed: int | None,
) -> tf.data.Dataset:
    """Batches of pairs whose longer sides are of like length.

    Args:
      examples: transformed examples, one an element: `source_tokens` and `target_tokens` sparse
        int64[(tokens)].
      features: `max_tokens`, which either side of a pair has at most; others are left out.
      model: not used; part of the contract.
      batch_size: pairs a batch; the last of a bucket may hold fewer.
      seed: order of the pairs; None keeps the order and gives each pair once. With a seed the
        pairs repeat for ever.

    Returns:
      (inputs as `model_inputs` gives them, int32[batch, steps], float32[batch, steps]): the
      targets once more, and 1 for each of their tokens.
    """
    del model
    examples = examples.filter(_plain(lambda example: _longer(example) <= features.max_tokens))
    if seed is not None:
        examples = examples.shuffle(_SHUFFLE, seed=seed).repeat()
    # A border stands at either end.
    boundaries = bucket_boundaries(features.max_tokens + 1)

    @_plain
    def tensors(example: Mapping[str, Any]) -> tuple[Any, ...]:
        source, target = (tf.cast(example[name].values, tf.int32) for name in (SOURCE, TARGET))
        targets = tf.concat([target, [BORDER_ID]], axis=0)
        inputs = {
            "source": tf.concat([source, [BORDER_ID]], axis=0),
            "tokens": tf.concat([[BORDER_ID], target], axis=0),
            "targets": targets,
        }
        return inputs, targets, tf.cast(targets != PADDING_ID, tf.float32)

    @_plain
    def longer(inputs: Mapping[str, tf.Tensor], *_: Any) -> tf.Tensor:
        return tf.maximum(tf.size(inputs["source"]), tf.size(inputs["targets"]))

    return examples.map(tensors).bucket_by_sequence_length(
        longer,
        bucket_boundaries=boundaries,
        bucket_batch_sizes=[batch_size] * (len(boundaries) + 1),
    )


def _longer(example: Mapping[str, Any]) -> tf.Tensor:
    """int64[], the tokens of a pair's longer side."""
    return tf.maximum(*(tf.size(example[name].values, tf.int64) for name in (SOURCE, TARGET)))


def count(examples: tf.data.Dataset, features: FeatureSettings, model: ModelSettings) -> int:
    """How many pairs are trained on; those that are too long are reported.

    Raises:
      InputError: all are too long.
    """
    del model
    start = tf.zeros([2], tf.int64)

    @_plain
    def add(found: tf.Tensor, example: Mapping[str, Any]) -> tf.Tensor:
        short = tf.cast(_longer(example) <= features.max_tokens, tf.int64)
        return found + tf.stack([short, 1 - short])

    kept, long = (int(one) for one in examples.reduce(start, add))
    setting = f"features.max_tokens={features.max_tokens}"
    if not kept:
        raise InputError(f"{setting}: all {long:,} pairs have more tokens on a side; raise it")
    if long:
        reporter().line(
            f"{long:,} of {kept + long:,} pairs have more tokens on a side than {setting}: they "
            "are not trained on"
        )
    return kept
