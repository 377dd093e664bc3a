"""Translations: the decoding loop over the network, in the graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.core.task import Served
from tidegate.models.core.transform import TransformFacts
from tidegate.models.layers.decoding.loop import Decoded, decode
from tidegate.models.layers.decoding.options import Options
from tidegate.models.text.reversible import BORDER_ID, UNKNOWN_ID, spellings, split, written
from tidegate.models.translation.defaults import TRANSLATE
from tidegate.models.translation.model import Parts
from tidegate.models.translation.preprocess import (
    SOURCE,
    TARGET,
    ended,
    first_spaced,
    model_inputs,
    vocabulary_of,
)
from tidegate.models.translation.settings import FeatureSettings


def decoded(
    network: keras.Model, source: tf.Tensor, options: Mapping[str, tf.Tensor] | None = None
) -> Decoded:
    """The most probable translations that are found.

    Args:
      network: as `build_model` gives it.
      source: int32[rows, steps], as `model_inputs` gives it.
      options: as `TRANSLATE` names them, with a row for each source, or one for all; None for
        those.

    Returns:
      Translations; `kept` is float32[rows, beams, tokens, steps], how much each token looks at
      each of the source's. That of an empty source is empty.
    """
    rows, width = tf.unstack(tf.shape(source))
    given = {
        name: tf.broadcast_to(tf.constant([default]) if options is None else options[name], [rows])
        for name, default in TRANSLATE.items()
    }
    parts = Parts.of(network)
    size = parts.output.size
    memory, mask, states = parts.encode(parts.source_embedding(source), source)
    keys = parts.attention.keys(memory)
    cells = [layer.cell for layer in parts.decoder.forward_layers]
    no_text = np.zeros(size, np.float32)
    no_text[list(parts.output.withheld)] = -np.inf

    def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        hidden = parts.target_embedding(tokens)
        after = []
        for cell, own in zip(cells, state["decoder"], strict=True):
            hidden, new = cell(hidden, own, training=False)
            after.append(list(new))
        # The continuations of a row look at its source, which is there once.
        by_row = tf.reshape(hidden, [rows, -1, hidden.shape[-1]])
        looked, weights = parts.look(by_row, memory, mask, keys)
        logits = tf.reshape(parts.output.logits(looked), [-1, size]) + no_text
        return logits, {"decoder": after, "weights": tf.reshape(weights, [-1, width])}

    # The border is one of the source's tokens.
    sizes = tf.math.count_nonzero(source, axis=1, dtype=tf.int32) - 1
    asked = given.pop("length")
    length = tf.where(sizes > 0, tf.where(asked > 0, asked, 2 * sizes + 10), 0)
    return decode(
        step,
        tf.fill([rows], BORDER_ID),
        {"decoder": states, "weights": tf.zeros([rows, width])},
        Options(length=length, **given),
        end=BORDER_ID,
        keep=lambda state: state["weights"],
    )


def apply(network: keras.Model, inputs: Mapping[str, tf.Tensor]) -> Decoded:
    """What is asked for where a request says nothing else: the translations of the sources."""
    return decoded(network, inputs["source"])


def predict(
    outputs: Decoded, transformed: Mapping[str, Any], facts: TransformFacts
) -> dict[str, tf.Tensor]:
    """Translations as text.

    Args:
      outputs: as `decoded` gives them.
      transformed: `source_tokens` sparse int64[batch, (tokens)]; `source_text` string[batch] where
        unknown tokens are copied.
      facts: the vocabularies and the tokenizer.

    Returns:
      `translation` string[batch], the best one; `score` float32[batch], its log-probability
      (nats) over the length penalty; `translations` string[batch, beams] and `scores`
      float32[batch, beams], of all, the best first, empty and 0 where there is none;
      `log_probabilities` float32[batch, beams]; of the best one, `tokens` string[batch, tokens],
      and `alignment` float32[batch, tokens, source tokens], how much each of them looks at each of
      `source_tokens` string[batch, source tokens], the last of which, empty, is the end.
    """
    tokens = tf.gather(_spelled(facts, TARGET), outputs.tokens)
    source = ended(transformed[SOURCE])
    source_tokens = tf.gather(_spelled(facts, SOURCE), source)
    if "source_text" in transformed:
        words, there = _words(transformed["source_text"], tf.shape(source)[1], facts.features)
        source_tokens = tf.where(source == UNKNOWN_ID, words, source_tokens)
        place = tf.argmax(tf.where(there[:, None, None], outputs.kept, -1.0), axis=-1)
        copied = tf.gather(words, place, batch_dims=1)
        tokens = tf.where(outputs.tokens == UNKNOWN_ID, copied, tokens)
    texts = tf.strings.reduce_join(tokens, axis=-1)
    scores = tf.where(tf.math.is_finite(outputs.score), outputs.score, 0.0)
    return {
        "translation": tf.strings.strip(texts[:, 0]),
        "score": scores[:, 0],
        "translations": tf.strings.strip(texts),
        "scores": scores,
        "log_probabilities": outputs.total,
        "tokens": tokens[:, 0],
        "source_tokens": source_tokens,
        "alignment": outputs.kept[:, 0],
    }


def _spelled(facts: TransformFacts, side: str) -> tf.Tensor:
    """string[vocabulary]: the text of each token."""
    vocabulary = facts.vocabulary(vocabulary_of(side, facts.features))
    return tf.constant(spellings(vocabulary, facts.features.tokenizer))


def _words(
    text: tf.Tensor, width: tf.Tensor, features: FeatureSettings
) -> tuple[tf.Tensor, tf.Tensor]:
    """The tokens of texts as they are spelled there, known or not.

    Args:
      text: string[rows].
      width: of the result: more than the longest text has tokens.
      features: the tokenizer.

    Returns:
      string[rows, width], empty behind a text's end; bool[rows, width], where a token is.
    """
    words = split(first_spaced(text, features), features.tokenizer)
    spelled = written(words).to_tensor()
    spelled = tf.pad(spelled, [[0, 0], [0, width - tf.shape(spelled)[1]]], constant_values="")
    return spelled, tf.sequence_mask(words.row_lengths(), width)


def translate(request: Mapping[str, tf.Tensor], served: Served) -> dict[str, tf.Tensor]:
    """Translations of texts.

    Args:
      request: `source` string[rows], and options with a row for each text, or one for all: those
        of `TRANSLATE`.
      served: the model.

    Returns:
      As `predict`.
    """
    transformed = served.transformed({"source": request["source"]})
    found = decoded(served.network, ended(transformed[SOURCE]), request)
    return predict(found, transformed, served.facts)


def score(request: Mapping[str, tf.Tensor], served: Served) -> dict[str, tf.Tensor]:
    """How probable given translations are.

    Args:
      request: `source` and `target` string[rows].
      served: the model.

    Returns:
      `log_probability` float32[rows], in nats, of a translation and its end; `tokens` int32[rows],
      how many they are, the end among them; `perplexity` float32[rows];
      `token_log_probabilities` float32[rows, tokens], 0 behind the end.
    """
    inputs = model_inputs(served.transformed(request))
    each = served.network(inputs, training=False)["log_probability"]
    tokens = tf.math.count_nonzero(inputs["targets"], axis=1, dtype=tf.int32)
    total = tf.reduce_sum(each, axis=1)
    return {
        "log_probability": total,
        "tokens": tokens,
        "perplexity": tf.exp(-total / tf.cast(tokens, tf.float32)),
        "token_log_probabilities": each,
    }


def sources(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples as rows of a `translate` request, for warming up."""
    return [{"source": one["source"], **TRANSLATE} for one in samples]


def pairs(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples as rows of a `score` request, each its own translation."""
    return [{"source": one["source"], "target": one["source"]} for one in samples]
