"""What a translation asks of the loop: sources by row, alignments by token, one score both ways."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.layers.attention import Attention
from tidegate.models.layers.decoding.loop import Decoded, decode
from tidegate.models.layers.decoding.options import Options
from tidegate.models.layers.recurrent import RecurrentStack

SIZE, BORDER = 9, 2
SOURCES = [[3, 4, 5, 6, 7], [8, 3], [5], [7, 7, 6, 4]]


class Translator:
    """Untrained: an encoder, a decoder, and attention behind the decoder's layers."""

    def __init__(self) -> None:
        keras.utils.set_random_seed(1)
        self.embedding = keras.layers.Embedding(SIZE, 6, embeddings_initializer="normal")
        self.encoder = RecurrentStack(units=4)
        self.decoder = RecurrentStack(units=8, bidirectional=False, return_states=True)
        self.attention = Attention("general")
        # Large weights, so that the continuations differ.
        self.output = keras.layers.Dense(SIZE, kernel_initializer=keras.initializers.Orthogonal(6))

    def encoded(self, source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Any]:
        """The encoder's outputs, the mask, and the state that the decoder begins in."""
        mask = source > 0
        memory, last = self.encoder(self.embedding(source), mask)
        return memory, mask, [[last, tf.zeros_like(last)]]

    def logits(self, states: tf.Tensor, memory: tf.Tensor, mask: tf.Tensor) -> tuple[Any, Any]:
        context, weights = self.attention(states, memory, mask)
        return self.output(tf.concat([states, context], axis=-1)), weights

    def translate(self, source: tf.Tensor, options: Options) -> Decoded:
        memory, mask, state = self.encoded(source)
        rows, length = tf.shape(source)[0], tf.shape(source)[1]

        def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
            states, _, new = self.decoder(self.embedding(tokens[:, None]), None, state["decoder"])
            # The continuations of a row look at its source, which is there once.
            by_row = tf.reshape(states, [rows, -1, states.shape[-1]])
            logits, weights = self.logits(by_row, memory, mask)
            weights = tf.reshape(weights, [-1, length])
            return tf.reshape(logits, [-1, SIZE]), {"decoder": new, "weights": weights}

        start = {"decoder": state, "weights": tf.zeros([rows, length])}
        first = tf.fill([rows], BORDER)
        return decode(step, first, start, options, end=BORDER, keep=lambda state: state["weights"])

    def score(self, source: tf.Tensor, target: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """As in training: the whole target at once. Log-probabilities and weights by token."""
        memory, mask, state = self.encoded(source)
        before = tf.pad(target[:, :-1], [[0, 0], [1, 0]], constant_values=BORDER)
        states, _, _ = self.decoder(self.embedding(before), None, state)
        logits, weights = self.logits(states, memory, mask)
        logs = tf.gather(tf.nn.log_softmax(logits), target, batch_dims=2)
        return logs.numpy(), weights.numpy()


def padded(sources: list[list[int]], width: int) -> tf.Tensor:
    return tf.constant([source + [0] * (width - len(source)) for source in sources])


def options(rows: int, beams: int) -> Options:
    return Options(
        length=tf.range(rows) + 4, beams=tf.fill([rows], beams), length_penalty=tf.fill([rows], 0.6)
    )


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator()


@pytest.fixture(scope="module")
def found(translator: Translator) -> Decoded:
    return translator.translate(padded(SOURCES, 5), options(4, 3))


def test_tokens_are_worth_what_they_are_in_training(translator: Translator, found: Decoded) -> None:
    assert found.lengths.shape == (4, 3)
    for row, source in enumerate(SOURCES):
        assert len({tuple(tokens) for tokens in found.tokens[row].numpy()}) == 3
        for lane, length in enumerate(found.lengths[row].numpy()):
            tokens = found.tokens[row, lane, :length]
            logs, weights = translator.score(padded([source], 5), tokens[None])
            received = found.log_probabilities[row, lane, :length]
            np.testing.assert_allclose(received, logs[0], atol=1e-4)
            np.testing.assert_allclose(found.total[row, lane], logs.sum(), rtol=1e-4)
            np.testing.assert_allclose(found.kept[row, lane, :length], weights[0], atol=1e-5)
            # Nothing looks at padding.
            assert not found.kept[row, lane, :, len(source) :].numpy().any()


def test_a_sentence_is_translated_alike_alone_and_with_longer_ones(
    translator: Translator, found: Decoded
) -> None:
    row = 1
    own = {
        name: None if one is None else one[row : row + 1]
        for name, one in vars(options(4, 3)).items()
    }
    alone = translator.translate(padded([SOURCES[row]], 2), Options(**own))
    steps = alone.tokens.shape[2]
    np.testing.assert_array_equal(alone.tokens[0], found.tokens[row, :, :steps])
    np.testing.assert_allclose(alone.score[0], found.score[row], rtol=1e-4)
