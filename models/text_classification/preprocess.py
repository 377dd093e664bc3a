"""Text and label to token ids, class id and weight, in the transform graph."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from tidegate.models.core.task import RawFeature
from tidegate.models.text import tokens
from tidegate.models.text_classification.settings import FeatureSettings

TOKENS = "tokens"
LABELS = "labels"
# Upper ends of the text-length slices that the Evaluator reports, in tokens before truncation.
_LENGTHS = (8, 32, 128, 512)


def preprocess(
    inputs: Mapping[str, tf.Tensor], features: FeatureSettings, raw: Sequence[RawFeature] = ()
) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Raw features to transformed features.

    Args:
      inputs: `text` string[batch]; `label` string[batch], absent from requests.
      features: tokenizer, vocabulary and truncation.
      raw: not used; part of the contract.

    Returns:
      `tokens` int64[batch, (tokens)] sparse, at least one a row; `target` int64[batch], classes
      by falling frequency, -1 for a label never seen; `weight` float32[batch], rows / (classes *
      rows of the class), 0 for a label never seen; `length` string[batch], the text's length slice.
    """
    del raw
    ids = tokens.token_ids(inputs["text"], features, name=TOKENS)
    label = inputs["label"]
    labels = tft.vocabulary(label, vocab_filename=LABELS)
    return {
        "tokens": tokens.truncate(ids, features),
        "length": length_slice(ids.row_lengths()),
        "target": tft.apply_vocabulary(label, labels, default_value=-1),
        "weight": balanced_weight(label),
    }


def balanced_weight(label: tf.Tensor) -> tf.Tensor:
    """Inverse class frequency, one on average over the classes' rows.

    Args:
      label: string[batch].

    Returns:
      float32[batch]: n / (k * n_c) for n rows of k classes, n_c of them of the label's class
      (King and Zeng 2001; scikit-learn's ``class_weight="balanced"``); 0 for a label never seen.
    """
    classes, counts = tft.count_per_key(label)
    counts = tf.cast(counts, tf.float32)
    mean = tf.reduce_sum(counts) / tf.cast(tf.size(counts), tf.float32)
    own = tf.cast(tf.equal(label[:, tf.newaxis], classes[tf.newaxis, :]), tf.float32)
    return tf.math.divide_no_nan(mean, tf.linalg.matvec(own, counts))


def length_slice(lengths: tf.Tensor) -> tf.Tensor:
    """int64[batch] tokens to string[batch], the slice each falls into."""
    lows = (0, *(end + 1 for end in _LENGTHS))
    names = [f"{low:04d}-{end:04d}" for low, end in zip(lows, _LENGTHS, strict=False)] + [
        f"{lows[-1]:04d}+"
    ]
    index = tf.searchsorted(tf.constant(_LENGTHS, tf.int64), lengths)
    return tf.gather(tf.constant(names), index)


def model_inputs(
    transformed: Mapping[str, tf.SparseTensor], features: FeatureSettings | None = None
) -> dict[str, tf.Tensor]:
    """Transformed features to the network's inputs.

    Args:
      transformed: as `preprocess` gives them.
      features: not used; part of the contract.

    Returns:
      `tokens` int64[batch, steps], 0 is padding.
    """
    del features
    return {"tokens": tf.sparse.to_dense(transformed["tokens"], tokens.PADDING_ID)}
