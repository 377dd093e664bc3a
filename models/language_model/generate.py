"""Text that goes on: the decoding loop over the network, a token after another, in the graph."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.core.carried import carried
from tidegate.models.core.task import Served
from tidegate.models.language_model.defaults import GENERATE, NEXT
from tidegate.models.language_model.model import (
    CONTEXTS,
    EMBEDDING,
    OUTPUT,
    RECURRENT,
    by_layer,
    counted,
    recurrent_names,
    top_state,
)
from tidegate.models.language_model.preprocess import TOKENS, model_inputs
from tidegate.models.language_model.scoring import apply
from tidegate.models.layers.decoding.loop import decode
from tidegate.models.layers.decoding.options import Options
from tidegate.models.text.reversible import BORDER_ID, PADDING_ID, UNKNOWN_ID, spellings
from tidegate.models.text.stops import Stops

State = dict[str, tf.Tensor]


def stepper(network: keras.Model) -> Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]:
    """What `decode` takes: int[n] tokens and state to logits float32[n, vocabulary] and state.

    Padding and unknown tokens are ruled out, as they are no text.
    """
    embedding, output = network.get_layer(EMBEDDING), network.get_layer(OUTPUT)
    cells = [layer.cell for layer in network.get_layer(RECURRENT).forward_layers]
    names = recurrent_names(network)
    no_text = _no_text(output.size)
    ngrams = counted(network)

    def step(tokens: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        hidden = embedding(tokens)
        after: list[tf.Tensor] = []
        for cell, own in zip(
            cells, by_layer([state[name] for name in names], len(cells)), strict=True
        ):
            hidden, states = cell(hidden, own, training=False)
            after += states
        new = dict(zip(names, after, strict=True))
        beside: tuple[tf.Tensor, ...] = ()
        if ngrams is not None:
            new[CONTEXTS] = ngrams.after(tokens, state[CONTEXTS])
            beside = ngrams.behind(new[CONTEXTS])
        return output.logits(hidden, *beside) + no_text, new

    return step


def _no_text(size: int) -> tf.Tensor:
    """float32[vocabulary]: -inf for padding and unknown tokens, 0 for all others."""
    return tf.where(
        tf.reduce_any(tf.range(size)[:, None] == [PADDING_ID, UNKNOWN_ID], 1), -np.inf, 0.0
    )


def prompted(network: keras.Model, transformed: Mapping[str, Any]) -> tuple[tf.Tensor, State]:
    """The last token of each text, or the border before it, and the state before that token.

    Returns:
      int32[rows] and float[rows, units] by name.
    """
    inputs = model_inputs(transformed)
    tokens = inputs["tokens"]
    lengths = tf.math.count_nonzero(tokens, axis=1, dtype=tf.int32)
    last = tf.gather(tokens, lengths - 1, batch_dims=1)
    before = tf.where(tf.range(tf.shape(tokens)[1]) < lengths[:, None] - 1, tokens, PADDING_ID)
    outputs = apply(network, {**inputs, "tokens": before})
    begun = (lengths > 1)[:, None]
    state = {name: tf.where(begun, outputs[name], 0.0) for name in carried(network)}
    return last, state


def generate(request: Mapping[str, tf.Tensor], served: Served) -> dict[str, tf.Tensor]:
    """Continuations of texts.

    Args:
      request: `text` string[rows], and options with a row for each text, or one for all: those
        of `GENERATE`.
      served: the model.

    Returns:
      `continuation` string[rows], the first one; `log_probability` float32[rows], in nats, of its
      tokens; `continuations` string[rows, lanes] and `log_probabilities` float32[rows, lanes], of
      all, 0 and empty where a row has asked for fewer; `tokens` int32[rows, lanes], how many each
      has; `token_log_probabilities` float32[rows, lanes, steps], 0 behind the end. The stop string
      that ended a text, and what stands behind it, is not part of the text.
    """
    rows = tf.size(request["text"])
    transformed = served.transformed({"text": request["text"]})
    stop = tf.broadcast_to(request["stop"], [rows, tf.shape(request["stop"])[1]])
    stops = Stops(_spelled(served), stop)
    given = {
        name: tf.broadcast_to(request[name], [rows])
        for name in ("temperature", "top_k", "top_p", "seed", "samples", "beams", "length_penalty")
    }
    first, state = prompted(served.network, transformed)
    made = decode(
        stepper(served.network),
        first,
        state,
        Options(length=tf.broadcast_to(request["length"], [rows]), **given),
        end=BORDER_ID,
        stop=stops,
    )
    texts = stops.cut(made.tokens, made.lengths)
    return {
        "continuation": texts[:, 0],
        "log_probability": made.total[:, 0],
        "continuations": texts,
        "log_probabilities": made.total,
        "tokens": made.lengths,
        "token_log_probabilities": made.log_probabilities,
    }


def step_on(request: Mapping[str, tf.Tensor], served: Served) -> dict[str, tf.Tensor]:
    """The most probable next tokens behind a text that goes on from a state.

    Args:
      request: `text` string[rows], what has come since the state; `state` float32[rows, n], as an
        answer gave it, or without numbers at the beginning; `count` int32[rows], how many tokens,
        of which the largest decides the width.
      served: the model.

    Returns:
      `next` string[rows, count], the text of each, empty for the end of a document;
      `probabilities` float32[rows, count], the most probable first; `state` float32[rows, n], that
      behind the text.
    """
    network = served.network
    texts, packed = request["text"], request["state"]
    rows = tf.size(texts)
    names = list(carried(network))
    widths = [int(one.shape[1]) for one in carried(network).values()]
    width = tf.shape(packed)[1]
    check = tf.debugging.Assert(
        (width == 0) | (width == sum(widths)),
        ["state: expected as many numbers as an answer has, or none", width],
    )
    with tf.control_dependencies([check]):
        packed = tf.pad(packed, [[0, 0], [0, tf.maximum(sum(widths) - width, 0)]])
    begins = tf.fill([rows], width == 0)
    given = dict(
        zip(
            names,
            tf.split(tf.broadcast_to(packed, [rows, sum(widths)]), widths, axis=1),
            strict=True,
        )
    )
    tokens = model_inputs(served.transformed({"text": texts}))["tokens"]
    # The border stands before the first text alone.
    tokens = tf.where(begins[:, None], tokens, tf.pad(tokens[:, 1:], [[0, 0], [0, 1]]))
    inputs = {"tokens": tokens, "targets": tf.zeros_like(tokens), "begins": begins, **given}
    outputs = apply(network, inputs)
    there = tf.reduce_any(tokens != PADDING_ID, axis=1)[:, None]
    state = {name: tf.where(there, outputs[name], one) for name, one in given.items()}
    output, ngrams = network.get_layer(OUTPUT), counted(network)
    beside = () if ngrams is None else ngrams.behind(state[CONTEXTS])
    logits = output.logits(state[top_state(network)], *beside)
    probabilities = tf.nn.softmax(logits + _no_text(output.size))
    most = tf.clip_by_value(tf.reduce_max(request["count"]), 1, output.size - 2)
    best, places = tf.math.top_k(probabilities, most)
    return {
        "next": tf.gather(_spelled(served), places),
        "probabilities": best,
        "state": tf.concat([state[name] for name in names], axis=1),
    }


def _spelled(served: Served) -> tf.Tensor:
    """string[vocabulary]: the text of each token."""
    return tf.constant(spellings(served.facts.vocabulary(TOKENS), served.features.tokenizer))


def few_tokens(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples as rows of a `generate` request of a few tokens, for warming up."""
    return [{"text": one["text"], **GENERATE, "length": 4} for one in samples]


def beginnings(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples as rows of a `next` request, for warming up."""
    return [{"text": one["text"], **NEXT} for one in samples]
