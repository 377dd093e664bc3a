"""Transformed series to batches of windows, cut on the fly: disk and memory hold series alone."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.core.task import Pace
from tidegate.models.core.transform import TransformFacts
from tidegate.models.forecasting import windows
from tidegate.models.forecasting.settings import FeatureSettings, ModelSettings

# Series that are open at once, each giving a few windows in turn: cutting windows one by one takes
# several times as long. Then some of these chunks are shuffled. Together they bound the memory.
_OPEN = 64
_CHUNK = 8
# Series that are smoothed together.
_TOGETHER = 64
_SHUFFLE = 64
# Of more series than are open at once, each gives a share of its windows, drawn anew each time it
# is read: a training of less than a pass sees all series, not all windows of the first ones. At
# most in this many shares, as reading takes time, too.
_SHARES = 16
# Origins up to which series are held in memory with what is known of them, not read anew.
_HELD = 1_000_000
# Of a split that is not trained on, windows this share of a horizon apart are enough: neighbours
# share nearly all their targets.
_SPARSE = 8
# And about as many in all: a training of less than a pass would take longer to judge than to make.
_MOST_JUDGED = 16_384


def pace(facts: TransformFacts) -> Pace:
    """Windows overlap: of few many passes are taken, and of many not all."""
    del facts
    return Pace(passes=(0, 400))


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
      features: context, horizon and stride.
      model: not used; part of the contract.
      batch_size: windows a batch; the last may hold fewer.
      seed: order of the windows; with a seed they repeat for ever, in the long run each as often
        as any other. None gives those an eighth of the horizon apart once, in the order of the
        series; where those are more than some 16,000, windows further apart, up to a horizon, and
        where these are too many, too, those of every so many-th series.

    Returns:
      (inputs as `windows.inputs` gives them, float32[batch, horizon] with NaN where missing,
      float32[batch] ones).
    """
    del model
    if seed is None:
        examples, stride = _sparse(examples, features)
    else:
        stride, shares = features.stride, _shares(examples, features)

    @tf.autograph.experimental.do_not_convert
    def in_order(example: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        series = windows.read_one(example)
        origins = windows.training_origins(series, example["first_target"], features, stride)
        chunks = tf.data.Dataset.from_tensor_slices(origins).batch(batch_size)
        return chunks.map(lambda some: _windows(series, some, features))

    @tf.autograph.experimental.do_not_convert
    def at_random(turn: tf.Tensor, example: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        series = windows.read_one(example)
        origins = windows.training_origins(series, example["first_target"], features, stride)
        # By turn, else a series' windows would come in the same order in each pass.
        order = tf.stack([tf.cast(seed or 0, tf.int64), turn])
        shuffled = tf.random.experimental.stateless_shuffle(origins, seed=order)
        first = tf.random.stateless_uniform([], order, 0, shares, tf.int64)
        chunks = tf.data.Dataset.from_tensor_slices(shuffled[first::shares]).batch(_CHUNK)
        return chunks.map(lambda some: _windows(series, some, features))

    if seed is None:
        return _smoothed(examples, features).flat_map(in_order).rebatch(batch_size)
    return (
        _smoothed(examples, features, lambda some: some.shuffle(_OPEN, seed=seed).repeat())
        .enumerate()
        .interleave(at_random, cycle_length=_OPEN, num_parallel_calls=1, deterministic=True)
        .shuffle(_SHUFFLE, seed=seed)
        .rebatch(batch_size)
    )


def _smoothed(
    examples: tf.data.Dataset,
    features: FeatureSettings,
    order: Callable[[tf.data.Dataset], tf.data.Dataset] = lambda examples: examples,
) -> tf.data.Dataset:
    """The examples in an order, each with what exponential smoothing makes of it.

    What is not much is made once and held in memory; else it is made as it is read.
    """

    def smoothed(batch: Mapping[str, Any]) -> dict[str, Any]:
        return windows.with_smoothing(batch, features)

    @tf.autograph.experimental.do_not_convert
    def origins(example: Mapping[str, tf.Tensor]) -> tf.Tensor:
        length = tf.size(example["y"], out_type=tf.int64)
        return tf.maximum(length - example["first_target"], 0) + 1

    zero = tf.constant(0, tf.int64)
    count = int(examples.map(origins).reduce(zero, lambda total, some: total + some).numpy())
    if not 0 < count <= _HELD:
        return order(examples).ragged_batch(_TOGETHER).map(smoothed).unbatch()
    # Outside of a data set's graph, which would be prepared anew for each data set: that takes
    # seconds. On the processor, as data sets are.
    with tf.device("/CPU:0"):
        parts = [smoothed(batch) for batch in examples.ragged_batch(_TOGETHER)]
    held = {name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]}
    return order(tf.data.Dataset.from_tensor_slices(held))


Window = tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]


def _windows(series: windows.Series, origins: tf.Tensor, features: FeatureSettings) -> Window:
    rows = tf.zeros_like(origins)
    return (
        windows.inputs(series, rows, origins, features),
        windows.targets(series, rows, origins, features),
        tf.ones_like(origins, tf.float32),
    )


def steps_apart(horizon: int) -> int:
    """Steps between two windows of a split that is not trained on."""
    return max(1, horizon // _SPARSE)


def _sparse(examples: tf.data.Dataset, features: FeatureSettings) -> tuple[tf.data.Dataset, int]:
    """What is judged of a split: its series, or some of them, and the steps between windows."""
    stride = steps_apart(features.horizon)
    _, found = _count(examples, features, stride)
    if found > _MOST_JUDGED:
        stride = min(features.horizon, math.ceil(stride * found / _MOST_JUDGED))
        _, found = _count(examples, features, stride)
        # Whole series: a stream that is cut off crashes TensorFlow when a training is ended.
        examples = examples.shard(max(1, found // _MOST_JUDGED), 0)
    return examples, stride


def count(
    examples: tf.data.Dataset, features: FeatureSettings, model: ModelSettings | None = None
) -> int:
    """How many windows a pass of training has; `model` is part of the contract alone."""
    del model
    _, found = _count(examples, features, features.stride)
    return found


def _shares(examples: tf.data.Dataset, features: FeatureSettings) -> int:
    """In how many shares a series gives its windows, going by the first ones."""
    series, found = _count(examples.take(_OPEN + 1), features, features.stride)
    if series <= _OPEN:
        return 1
    return min(_SHARES, max(1, found // series // _CHUNK))


def _count(examples: tf.data.Dataset, features: FeatureSettings, stride: int) -> tuple[int, int]:
    """The series, and their windows that many steps apart."""

    @tf.autograph.experimental.do_not_convert
    def windows_of(example: Mapping[str, tf.Tensor]) -> tf.Tensor:
        origins = windows.training_origins(
            windows.read_one(example), example["first_target"], features, stride
        )
        return tf.stack([tf.constant(1, tf.int64), tf.size(origins, out_type=tf.int64)])

    zero = tf.zeros([2], tf.int64)
    series, found = examples.map(windows_of).reduce(zero, lambda total, one: total + one).numpy()
    return int(series), int(found)
