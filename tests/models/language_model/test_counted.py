"""N-grams in the graph, beside those that are counted in NumPy, and the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.models.text.kneser_ney import by_definition
from tidegate.models.core.carried import zero_state
from tidegate.models.language_model.counted import CountedNgrams
from tidegate.models.language_model.model import COUNTED, build_model
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.text.ngrams import NgramModel

SIZE, FIRST, ORDER = 9, 1, 4
RANDOM = np.random.default_rng(0)
TEXT = RANDOM.choice(range(2, 8), 200, p=[0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
OTHER = np.concatenate([TEXT[50:70], RANDOM.integers(FIRST, SIZE, 40)])
MODEL = NgramModel([TEXT], order=ORDER, size=SIZE, first=FIRST)
NOTHING = np.zeros((1, ORDER - 1), "float32")


def filled(most: int = 10_000, whole: bool = True) -> CountedNgrams:
    layer = CountedNgrams(SIZE, ORDER, 1_000, whole=whole)
    layer.build()
    layer.fill(MODEL.table(most))
    return layer


def test_as_counted_over_windows_and_behind_padding() -> None:
    layer, of_targets = filled(), filled(whole=False)
    before = np.array([8, 8, 8])  # which the text lacks, as the graph has nothing before it
    expected = np.exp(
        [MODEL.log_probabilities([token], before)[0][0] for token in range(FIRST, SIZE)]
    )
    np.testing.assert_allclose(layer.behind(NOTHING)[0][0, FIRST:], expected, rtol=1e-5)
    logs, _ = MODEL.log_probabilities(OTHER, before)
    state, found = tf.constant(NOTHING), []
    for window in (slice(0, 7), slice(7, 9), slice(9, 59)):
        tokens, targets = (OTHER[None, window.start + by : window.stop + by] for by in (0, 1))
        padded = np.pad(tokens, [[0, 0], [0, 3]])
        behind = np.pad(targets, [[0, 0], [0, 3]])
        alone, _, after = of_targets(padded, behind, state)
        probabilities, _, state = layer(padded, behind, state)
        np.testing.assert_array_equal(after, state)
        each = np.take_along_axis(probabilities[:, :-3].numpy(), targets[..., None], -1)
        np.testing.assert_allclose(alone[:, :-3], each[..., 0], rtol=1e-5)
        found.append(np.log(each[0, :, 0]))
    np.testing.assert_allclose(np.concatenate(found), logs[1:], atol=1e-5)
    empty = layer(np.zeros((1, 2)), np.zeros((1, 2)), state)
    np.testing.assert_array_equal(empty[2], state)
    np.testing.assert_allclose(empty[0][:, 0].numpy().sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("most", [2, 7, 60, 150])
@pytest.mark.parametrize("training", [False, True])
def test_a_part_of_the_ngrams_makes_one(most: int, training: bool) -> None:
    table = MODEL.table(most)
    assert len(table.keys) == most
    assert (np.diff(table.keys) > 0).all()
    layer = filled(most)
    tokens = TEXT[None, :150]
    found, known, _ = layer(tokens[:, :-1], tokens[:, 1:], NOTHING, training=training)
    assert (found.numpy() >= 0).all()
    np.testing.assert_allclose(found.numpy().sum(-1), 1, atol=1e-5)
    # Of fewer n-grams less is known.
    assert (known.numpy() <= filled()(tokens[:, :-1], tokens[:, 1:], NOTHING)[1].numpy()).all()


def test_in_training_a_token_does_not_count_for_itself() -> None:
    tokens = TEXT[None]
    layer = filled()
    found, known, _ = layer(tokens[:, :-1], tokens[:, 1:], NOTHING, training=True)
    for end in range(ORDER - 1, len(TEXT)):
        gram = tuple(TEXT[end - ORDER + 1 : end + 1].tolist())
        defined = by_definition((TEXT - FIRST).tolist(), ORDER, SIZE - FIRST, _less(gram))
        expected = defined(_less(gram[:-1]))
        np.testing.assert_allclose(found[0, end - 1, FIRST:], expected, atol=1e-5)
        starts = range(len(TEXT) - ORDER + 1)
        times = sum(tuple(TEXT[at : at + ORDER - 1]) == gram[:-1] for at in starts)
        assert float(known[0, end - 1, -1]) == pytest.approx(np.log(times), abs=1e-5)


def _less(gram: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(token - FIRST for token in gram)


class Facts:
    def size(self, name: str) -> int:
        return SIZE - 3


@pytest.mark.parametrize("sampled", [0, 4])
def test_the_network_corrects_the_ngrams_or_shares_the_answer_with_them(sampled: int) -> None:
    settings = ModelSettings(embedding=3, units=4, ngrams=1_000, sampled=sampled)
    features = FeatureSettings(tokenizer="words")
    network = build_model(settings, features, Facts())  # type: ignore[arg-type]
    layer = network.get_layer(COUNTED)
    model = NgramModel([TEXT], order=layer.order, size=SIZE, first=FIRST)
    layer.fill(model.table(1_000))
    inputs: dict[str, Any] = {
        "tokens": tf.constant(OTHER[None, :-1], tf.int32),
        "targets": tf.constant(OTHER[None, 1:], tf.int32),
        "begins": tf.constant([True]),
        **zero_state(network, 1),
    }
    counted, _, _ = layer(inputs["tokens"], inputs["targets"], inputs["contexts"])
    if not sampled:
        counted = tf.gather(counted, inputs["targets"], batch_dims=2)
    counted = counted.numpy()
    output = network.get_layer("output")
    if sampled:
        output.gate.assign([0.0] * layer.order)
        output.kernel.assign(np.zeros(output.kernel.shape))
        expected = (counted + 1 / SIZE) / 2  # of all ids, padding among them
    else:
        output.kernel.assign(np.zeros(output.kernel.shape))
        expected = counted
    found = network(inputs, training=False)["log_probability"]
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-5)
