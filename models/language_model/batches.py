"""Transformed text to lanes: row r of a batch goes on where row r of the one before has ended."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.text.reversible import BORDER_ID

# Pieces of lanes among which the next one is drawn: the most, and tokens of all of them.
_SHUFFLE, _SHUFFLED_TOKENS = 4_096, 1 << 20
# There is no Python control flow to convert in what follows.
_plain = tf.autograph.experimental.do_not_convert


def lane_length(model: ModelSettings) -> int:
    """Tokens of a piece of a lane: `lane`, as a multiple of the window."""
    return max(1, round(model.lane / model.window)) * model.window


@_plain
def stream(example: Mapping[str, Any]) -> tf.Tensor:
    """A transformed example's tokens, int32[tokens], behind a border where a document begins."""
    tokens = tf.cast(example["tokens"].values, tf.int32)
    borders = tf.fill([tf.cast(tf.equal(example["part"], 0), tf.int32)], BORDER_ID)
    return tf.concat([borders, tokens], axis=0)


def batches(
    examples: tf.data.Dataset,
    features: FeatureSettings,
    model: ModelSettings,
    batch_size: int,
    seed: int | None,
) -> tf.data.Dataset:
    """Windows of lanes.

    The text of all examples stands on end, with a border before each document, and is cut into
    pieces. A batch has a window of each of `batch_size` pieces; the next batches have their next
    windows, and after the last ones other pieces begin.

    Args:
      examples: transformed examples in the order of the text, one an element: `tokens` sparse
        int64[(tokens)], `part` int64[].
      features: not used; part of the contract.
      model: `window` and `lane`.
      batch_size: how many lanes.
      seed: order of the pieces; None keeps the order and gives each token once. With a seed the
        text repeats for ever.

    Returns:
      (inputs, int32[lanes, window], float32[lanes, window]): `tokens` int32[lanes, window];
      `targets`, the same as the target, the token after each; `begins` bool[lanes], whether the
      lane begins another piece. The weight is 0 behind the end of the text.
    """
    del features
    length = lane_length(model)
    windows = length // model.window
    if seed is not None:
        examples = examples.repeat()

    @_plain
    def pairs(last: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        token = tf.concat([[last], target[:-1]], axis=0)
        # What comes after the last one of a text is in the next example; it has one at least.
        return target[-1], tf.stack([token, target], axis=1)

    pieces = (
        examples.map(stream)
        .filter(_plain(lambda tokens: tf.size(tokens) > 0))
        .scan(tf.constant(BORDER_ID), pairs)
        .unbatch()
        .batch(length, drop_remainder=seed is not None)
        .map(_plain(lambda piece: _padded(piece, length)))
    )
    if seed is not None:
        size = max(2 * batch_size, min(_SHUFFLE, _SHUFFLED_TOKENS // length))
        pieces = pieces.shuffle(size, seed=seed)
    lanes = pieces.batch(batch_size, drop_remainder=seed is not None)

    @_plain
    def cut(lanes: tf.Tensor) -> tf.Tensor:
        lanes = _padded(lanes, batch_size)
        lanes = tf.reshape(lanes, [batch_size, windows, model.window, 3])
        return tf.transpose(lanes, [1, 3, 0, 2])

    @_plain
    def parted(number: tf.Tensor, window: tf.Tensor) -> tuple[Any, tf.Tensor, tf.Tensor]:
        tokens, targets, weight = tf.unstack(window)
        begins = tf.fill([batch_size], tf.equal(number % windows, 0))
        inputs = {"tokens": tokens, "targets": targets, "begins": begins}
        return inputs, targets, tf.cast(weight, tf.float32)

    # Not flat_map: a map behind one crashes TensorFlow 2.16 once the data set is given up.
    return lanes.map(cut).unbatch().enumerate().map(parted)


def _padded(some: tf.Tensor, size: int) -> tf.Tensor:
    """Tokens and targets with weights; borders of weight 0 behind them up to a size.

    Args:
      some: int32[less, 2], or int32[less, ..., 3] with weights already.
      size: of the first axis.
    """
    if some.shape[-1] == 2:
        some = tf.concat([some, tf.ones_like(some[..., :1])], axis=-1)
    nothing = tf.constant([BORDER_ID, BORDER_ID, 0])
    more = tf.concat([[size - tf.shape(some)[0]], tf.shape(some)[1:]], axis=0)
    padded = tf.concat([some, tf.broadcast_to(nothing, more)], axis=0)
    return tf.ensure_shape(padded, [size, *some.shape[1:]])


def count(examples: tf.data.Dataset, features: FeatureSettings, model: ModelSettings) -> int:
    """How many windows a pass over the text has."""
    del features
    sizes = examples.map(_plain(lambda example: tf.size(example["tokens"].values, tf.int64)))
    tokens = sizes.reduce(tf.constant(0, tf.int64), _plain(lambda total, one: total + one))
    return max(1, int(tokens) // model.window)
