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
      features: `max_tokens` and `max_ratio`; pairs beyond them are left out.
      model: not used; part of the contract.
      batch_size: pairs a batch; the last of a bucket may hold fewer.
      seed: order of the pairs; None keeps the order and gives each pair once. With a seed the
        pairs repeat for ever.

    Returns:
      (inputs as `model_inputs` gives them, int32[batch, steps], float32[batch, steps]): the
      targets once more, and 1 for each of their tokens.
    """
    del model
    examples = examples.filter(_plain(lambda example: ~tf.reduce_any(_wrong(example, features))))
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


# A side with this many tokens more than another's share of them is not wrong yet: both are short.
_SHORT = 10


def _wrong(example: Mapping[str, Any], features: FeatureSettings) -> tf.Tensor:
    """bool[2]: whether a pair is too long; whether it is not, and its sides are too unlike."""
    sizes = [tf.size(example[name].values, tf.int64) for name in (SOURCE, TARGET)]
    longer, shorter = tf.maximum(*sizes), tf.minimum(*sizes)
    long = longer > features.max_tokens
    most = features.max_ratio * tf.cast(shorter, tf.float32) + _SHORT
    return tf.stack([long, ~long & (tf.cast(longer, tf.float32) > most)])


def count(examples: tf.data.Dataset, features: FeatureSettings, model: ModelSettings) -> int:
    """How many pairs are trained on; the others are reported.

    Raises:
      InputError: there are only others.
    """
    del model

    @_plain
    def add(sums: tf.Tensor, example: Mapping[str, Any]) -> tf.Tensor:
        wrong = tf.cast(_wrong(example, features), tf.int64)
        return sums + tf.concat([[1], wrong], axis=0)

    every, *wrong = (int(one) for one in examples.reduce(tf.zeros([3], tf.int64), add))
    reasons = (
        f"more tokens on a side than features.max_tokens={features.max_tokens}",
        f"sides of lengths more unlike than features.max_ratio={features.max_ratio:g}",
    )
    said = [f"{times:,} have {why}" for times, why in zip(wrong, reasons, strict=True) if times]
    if every == sum(wrong):
        raise InputError(f"none of {every:,} pairs can be trained on: {'; '.join(said)}: raise it")
    if said:
        reporter().line(f"not trained on, of {every:,} pairs: {'; '.join(said)}")
    return every - sum(wrong)
