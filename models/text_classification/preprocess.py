"""Text and label to token ids, class id and weight, in the transform graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from tidegate.models.core.task import RawFeature
from tidegate.models.text import tokens
from tidegate.models.text.slices import length_slice
from tidegate.models.text_classification.settings import FeatureSettings

TOKENS = "tokens"
LABELS = "labels"
# Characters that the linear part reads for each token that the LSTM reads at most.
_CHARACTERS = 8
# A word's hash is below this, so that it fits an int32; 0 is padding.
_HASHES = 2**31 - 2
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
      `tokens` int64[batch, (tokens)] sparse, at least one a row; `words` int64[batch, (words)]
      sparse, the words' hashes; `text` string[batch], normalised, words parted by single spaces
      with one before the first and behind the last; `target` int64[batch], classes
      by falling frequency, -1 for a label never seen; `weight` float32[batch], rows / (classes *
      rows of the class), 0 for a label never seen; `length` string[batch], the text's length slice.
    """
    del raw
    text = tokens.normalise(inputs["text"], features)
    ids = tokens.token_ids(text, features, name=TOKENS)
    words = tokens.split_words(text)
    hashes = tf.strings.to_hash_bucket_fast(words.flat_values, _HASHES) + 1
    label = inputs["label"]
    labels = tft.vocabulary(label, vocab_filename=LABELS)
    return {
        "tokens": tokens.truncate(ids, features),
        "words": tokens.truncate(words.with_flat_values(hashes), features),
        "text": tf.strings.substr(
            tokens.single_spaced(text), 0, _CHARACTERS * features.max_tokens, unit="UTF8_CHAR"
        ),
        "length": length_slice(ids.row_lengths(), _LENGTHS),
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


def model_inputs(
    transformed: Mapping[str, Any], features: FeatureSettings | None = None
) -> dict[str, tf.Tensor]:
    """Transformed features to the network's inputs.

    Args:
      transformed: as `preprocess` gives them, of a batch or of one row.
      features: not used; part of the contract.

    Returns:
      `tokens` int64[batch, steps]; `words` int32[batch, steps], hashes; `characters` int32[batch,
      steps], code points. 0 is padding. Without the batch for one row.
    """
    del features
    characters = tf.strings.unicode_decode(transformed["text"], "UTF-8")
    if isinstance(characters, tf.RaggedTensor):
        characters = characters.to_tensor()
    return {
        "tokens": tf.sparse.to_dense(transformed["tokens"], tokens.PADDING_ID),
        "words": tf.cast(tf.sparse.to_dense(transformed["words"]), tf.int32),
        "characters": characters,
    }
