"""Both sides of a pair to token ids, in the transform graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tidegate.models.core.task import RawFeature
from tidegate.models.text import reversible
from tidegate.models.text.reversible import BORDER_ID, PADDING_ID
from tidegate.models.text.slices import length_slice
from tidegate.models.translation.settings import FeatureSettings

# The vocabularies, by the sides of a pair.
SOURCE, TARGET = "source_tokens", "target_tokens"
_SIDES = {SOURCE: "source", TARGET: "target"}
# Upper ends of the slices by length that the Evaluator reports, in tokens of the source.
_LENGTHS = (5, 10, 20, 40)


def preprocess(
    inputs: Mapping[str, tf.Tensor], features: FeatureSettings, raw: Sequence[RawFeature] = ()
) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Raw features to transformed features.

    Args:
      inputs: `source` string[batch]; `target` string[batch], absent from requests.
      features: tokenizer and vocabularies.
      raw: not used; part of the contract.

    Returns:
      `source_tokens` and `target_tokens` int64[batch, (tokens)] sparse; `target_text`
      string[batch], what a translation is compared with; where unknown tokens are copied,
      `source_text` string[batch], what they are copied from; `length` string[batch], the source's
      length slice.
    """
    del raw
    texts = {name: plain(inputs[side], features) for name, side in _SIDES.items()}
    begun = {name: first_spaced(text, features) for name, text in texts.items()}
    if features.shared_vocabulary:
        ids = reversible.ids_of_all(list(begun.values()), features, name=TARGET)
        found = dict(zip(begun, ids, strict=True))
    else:
        found = {name: reversible.token_ids(begun[name], features, name=name) for name in begun}
    copied = {"source_text": texts[SOURCE]} if features.copy_unknown else {}
    return {
        **copied,
        "target_text": texts[TARGET],
        SOURCE: found[SOURCE].to_sparse(),
        TARGET: found[TARGET].to_sparse(),
        "length": length_slice(found[SOURCE].row_lengths(), _LENGTHS),
    }


def first_spaced(text: tf.Tensor, features: FeatureSettings) -> tf.Tensor:
    """string[batch] with a space in front, so that the first word is the token it is elsewhere."""
    if features.tokenizer == "chars":
        return text
    return tf.strings.regex_replace(text, r"^(.)", r" \1")


def vocabulary_of(side: str, features: FeatureSettings) -> str:
    """The name of the vocabulary of `SOURCE` or `TARGET`."""
    return TARGET if features.shared_vocabulary else side


def plain(text: tf.Tensor, features: FeatureSettings) -> tf.Tensor:
    """string[batch] as tokens read it: canonical, without white space at the ends."""
    text = tf.strings.strip(reversible.canonical(text))
    return tf.strings.lower(text, encoding="utf-8") if features.lower_case else text


def model_inputs(
    transformed: Mapping[str, Any], features: FeatureSettings | None = None
) -> dict[str, tf.Tensor]:
    """Transformed features to the network's inputs.

    Args:
      transformed: as `preprocess` gives them; without `target_tokens`, targets are empty texts.
      features: not used; part of the contract.

    Returns:
      `source` int32[batch, steps], its tokens and a border; `tokens` int32[batch, steps], a border
      and then the target's tokens; `targets` int32[batch, steps], what comes next: the target's
      tokens and a border. All are right-padded with 0.
    """
    del features
    source = ended(transformed[SOURCE])
    if TARGET in transformed:
        targets = ended(transformed[TARGET])
    else:
        targets = tf.fill([tf.shape(source)[0], 1], BORDER_ID)
    return {"source": source, "tokens": begun(targets), "targets": targets}


def ended(sparse: tf.SparseTensor) -> tf.Tensor:
    """int64[batch, (tokens)] to int32[batch, steps], a border behind each row's last token."""
    dense = tf.pad(tf.cast(tf.sparse.to_dense(sparse, PADDING_ID), tf.int32), [[0, 0], [0, 1]])
    # A row's first padding is behind its last token.
    first = tf.math.count_nonzero(dense, axis=1, dtype=tf.int32)[:, None]
    return tf.where(tf.range(tf.shape(dense)[1]) == first, BORDER_ID, dense)


def begun(targets: tf.Tensor) -> tf.Tensor:
    """What a decoder is given for int32[batch, steps] that it shall answer: each token's former."""
    before = tf.pad(targets[:, :-1], [[0, 0], [1, 0]], constant_values=BORDER_ID)
    return tf.where(targets == PADDING_ID, PADDING_ID, before)
