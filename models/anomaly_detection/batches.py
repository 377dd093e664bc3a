"""Transformed series to batches of windows, cut on the fly."""

from collections.abc import Mapping

import tensorflow as tf

from tidegate.models.anomaly_detection.preprocess import windows
from tidegate.models.anomaly_detection.settings import FeatureSettings, ModelSettings
from tidegate.models.core.task import Pace
from tidegate.models.core.transform import TransformFacts

# Windows that are shuffled, and series that are open at once.
_SHUFFLE, _OPEN = 4_096, 16
# Points of a split that is not trained on: of more, the split's first series alone.
_MOST_JUDGED = 20_000


def pace(facts: TransformFacts) -> Pace:
    """Windows overlap: of few many passes are taken, and of many not all."""
    del facts
    return Pace(learning_rate=4e-3, passes=(0, 12))


def batches(
    examples: tf.data.Dataset,
    features: FeatureSettings,
    model: ModelSettings,
    batch_size: int,
    seed: int | None,
) -> tf.data.Dataset:
    """Batches of windows.

    Args:
      examples: transformed examples, one series an element.
      features: context and recent.
      model: not used; part of the contract.
      batch_size: windows a batch; the last may hold fewer.
      seed: order of the windows, which then are half of `recent` apart and repeat for ever. None
        gives that of each point once, in the order of the series, of some 20,000 points.

    Returns:
      (inputs as `windows` gives them, float32[batch, recent, channels] with NaN where missing,
      float32[batch]: 1, and 0 where there is no value to learn from).
    """
    del model
    stride = 1 if seed is None else max(1, features.recent // 2)

    @tf.autograph.experimental.do_not_convert
    def cut(turn: tf.Tensor, example: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        y, known = example["y"], example["known"]
        ends = _ends(example, features, stride)
        if seed is not None:
            order = tf.stack([tf.cast(seed, tf.int64), turn])
            ends = tf.random.experimental.stateless_shuffle(ends, seed=order)

        @tf.autograph.experimental.do_not_convert
        def some(part: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
            inputs = windows(y, known, tf.zeros_like(part), part, features)
            recent = slice(features.context, None)
            there = inputs["seen"][:, recent] > 0
            target = tf.where(there, inputs["values"][:, recent], float("nan"))
            return inputs, target, tf.cast(tf.reduce_any(there, axis=(1, 2)), tf.float32)

        return tf.data.Dataset.from_tensor_slices(ends).batch(batch_size).map(some)

    if seed is None:
        return _some(examples).enumerate().flat_map(cut).rebatch(batch_size)
    shuffled = examples.shuffle(64, seed=seed).repeat().enumerate()
    opened = shuffled.interleave(cut, cycle_length=_OPEN, num_parallel_calls=1, deterministic=True)
    return opened.unbatch().shuffle(_SHUFFLE, seed=seed).batch(batch_size)


def _ends(example: Mapping[str, tf.Tensor], features: FeatureSettings, stride: int) -> tf.Tensor:
    """int64[windows], one past the last step of each; a whole window where there is room."""
    length = tf.shape(example["y"], tf.int64)[0]
    first = tf.maximum(tf.cast(example["first_target"], tf.int64) + 1, features.recent + 1)
    first = tf.maximum(first, tf.minimum(tf.constant(features.reach, tf.int64), length))
    # From the end back, so that the last steps are always there.
    return tf.reverse(tf.range(length, tf.minimum(first, length) - 1, -stride), [0])


def _some(examples: tf.data.Dataset) -> tf.data.Dataset:
    """Whole series, the first ones, of some 20,000 points."""
    total = taken = 0
    for example in examples.map(lambda one: tf.shape(one["y"])[0]):
        if taken and total >= _MOST_JUDGED:
            break
        total, taken = total + int(example), taken + 1
    return examples.take(taken)


def count(
    examples: tf.data.Dataset, features: FeatureSettings, model: ModelSettings | None = None
) -> int:
    """How many windows a pass of training has; `model` is part of the contract alone."""
    del model
    stride = max(1, features.recent // 2)

    @tf.autograph.experimental.do_not_convert
    def of_one(total: tf.Tensor, example: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return total + tf.size(_ends(example, features, stride), tf.int64)

    return int(examples.reduce(tf.constant(0, tf.int64), of_one).numpy())
