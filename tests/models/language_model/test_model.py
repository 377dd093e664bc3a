"""The network and what is made of it, beside NumPy from the equations."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.carried import carried, zero_state
from tidegate.models.language_model import scoring, sums
from tidegate.models.language_model.evaluation import statistics, summarise
from tidegate.models.language_model.model import build_model
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings

WORDS = 7
SIZE = WORDS + 3
MODEL = ModelSettings(embedding=4, units=5, layers=2, ngrams=0)


class Facts:
    def size(self, name: str) -> int:
        return WORDS


@pytest.fixture(scope="module")
def network() -> keras.Model:
    made = build_model(MODEL, FeatureSettings(), Facts())  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    made.set_weights([random.normal(0, 0.5, one.shape) for one in made.get_weights()])
    return made


def logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def expected(weights: list[np.ndarray], tokens: list[int], targets: list[int]) -> list[float]:
    """Log-probabilities of a row, step by step: embedding, two LSTM layers, softmax."""
    table, *layers, kernel, bias = (one.astype(float) for one in weights)
    states = [[np.zeros(5), np.zeros(5)] for _ in range(2)]
    found = []
    for token, target in zip(tokens, targets, strict=True):
        x = table[token]
        for layer, (h, c) in enumerate(states):
            w, u, b = layers[3 * layer : 3 * layer + 3]
            i, f, g, o = np.split(x @ w + h @ u + b, 4)
            c = logistic(f) * c + logistic(i) * np.tanh(g)
            x = logistic(o) * np.tanh(c)
            states[layer] = [x, c]
        logits = kernel @ x + bias
        found.append(logits[target] - math.log(np.exp(logits).sum()))
    return found


def row(network: keras.Model, tokens: Any, targets: Any, **state: Any) -> dict[str, np.ndarray]:
    tokens, targets = (tf.constant(one, tf.int32) for one in (tokens, targets))
    begins = tf.fill([len(tokens)], not state)
    given = {"tokens": tokens, "targets": targets, "begins": begins}
    outputs = network({**given, **(state or zero_state(network, len(tokens)))}, training=False)
    return {name: np.asarray(one) for name, one in outputs.items()}


def test_log_probabilities_are_those_of_the_equations(network: keras.Model) -> None:
    tokens, targets = [2, 4, 9, 3, 3], [4, 9, 3, 3, 1]
    found = row(network, [tokens], [targets])["log_probability"]
    np.testing.assert_allclose(
        found[0], expected(network.get_weights(), tokens, targets), rtol=1e-4
    )
    # Over the whole vocabulary they make one.
    each = [row(network, [tokens], [[*targets[:-1], last]]) for last in range(1, SIZE)]
    padding = expected(network.get_weights(), tokens, [*targets[:-1], 0])[-1]
    total = sum(math.exp(one["log_probability"][0, -1]) for one in each) + math.exp(padding)
    assert total == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("embedding", [4, 5])
def test_tied_weights_are_one_table(embedding: int) -> None:
    settings = ModelSettings(embedding=embedding, units=5, tied=True, ngrams=0)
    tied = build_model(settings, FeatureSettings(), Facts())  # type: ignore[arg-type]
    shapes = [one.shape for one in tied.get_weights()]
    assert shapes.count((SIZE, embedding)) == 1
    assert ((5, 4) in shapes) == (embedding == 4)
    hidden = np.random.default_rng(2).normal(size=(3, 5)).astype("float32")
    output = tied.get_layer("output")
    projected = hidden @ np.asarray(output.projection) if embedding == 4 else hidden
    expected = projected @ np.asarray(tied.get_layer("embedding").embeddings).T
    np.testing.assert_allclose(output.logits(tf.constant(hidden)), expected, atol=1e-5)


def test_a_drawn_softmax_estimates_the_whole_one_in_training_alone(network: keras.Model) -> None:
    settings = MODEL.model_copy(update={"sampled": 8})
    drawn = build_model(settings, FeatureSettings(), Facts())  # type: ignore[arg-type]
    drawn.set_weights(network.get_weights())
    tokens, targets = np.array([[2, 4, 9, 3]]), np.array([[4, 9, 3, 3]])
    given = {"tokens": tf.constant(tokens), "targets": tf.constant(targets)}
    given["begins"] = tf.constant([True])
    inputs = {**given, **zero_state(drawn, 1)}
    whole = row(network, tokens, targets)["log_probability"]
    np.testing.assert_allclose(drawn(inputs)["log_probability"], whole, atol=1e-5)
    each = np.stack([drawn(inputs, training=True)["log_probability"] for _ in range(400)])
    assert each.std() > 0.05
    # The estimate of the sum has no bias: p(target) / estimate of p(target) is 1 on average.
    np.testing.assert_allclose(np.exp(whole - each).mean(axis=0), 1, atol=0.12)


def test_state_goes_in_and_out(network: keras.Model) -> None:
    assert set(carried(network)) == {"h_0", "c_0", "h_1", "c_1"}
    tokens, targets = np.array([[2, 4, 9, 3], [2, 5, 6, 7]]), np.array([[4, 9, 3, 3], [5, 6, 7, 8]])
    whole = row(network, tokens, targets)
    head = row(network, tokens[:, :2], targets[:, :2])
    state = {name: tf.constant(head[name]) for name in carried(network)}
    tail = row(network, tokens[:, 2:], targets[:, 2:], **state)
    joined = np.concatenate([head["log_probability"], tail["log_probability"]], axis=1)
    np.testing.assert_allclose(joined, whole["log_probability"], atol=1e-5)
    for name in carried(network):
        np.testing.assert_allclose(tail[name], whole[name], atol=1e-5)


def test_text_of_any_length_is_scored_in_windows(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three numbers of logits at a time: a window is one or two steps.
    monkeypatch.setattr(scoring, "_AT_ONCE", 2 * 2 * SIZE)
    tokens = np.array([[2, 4, 9, 3, 5], [2, 5, 0, 0, 0]], np.int32)
    targets = np.array([[4, 9, 3, 5, 0], [5, 0, 0, 0, 0]], np.int32)
    inputs = {"tokens": tokens, "targets": targets, "begins": np.array([True, True])}
    found = scoring.apply(network, {name: tf.constant(one) for name, one in inputs.items()})
    once = row(network, tokens, targets)
    assert set(found) == set(once)
    for name, one in once.items():
        np.testing.assert_allclose(found[name], one, atol=1e-5)
    assert (found["log_probability"].numpy()[targets == 0] == 0).all()


def test_figures_by_hand() -> None:
    log2 = math.log(2)
    targets = np.array([[3, 1, 4], [5, 0, 0]])
    nats = np.array([[1.0, 2.0, 3.0], [2.0, 9.0, 9.0]]) * log2
    judged = sums.judged(nats, targets, [12, 4], 16).numpy()
    figures = summarise(statistics(None, judged))
    assert figures["perplexity"] == pytest.approx(2**2)
    assert figures["bits_per_token"] == pytest.approx(2)
    assert figures["bits_per_character"] == pytest.approx(8 / 16)
    assert figures["gain"] == pytest.approx(1 - 8 / (4 * 4))  # log2 of 16 is 4
    assert (figures["tokens"], figures["characters"]) == (4, 16)
    assert figures["unknown"] == 1 / 4
    by_position = figures["perplexity_by_position"]
    # Places 1, 2, and 3 to 4.
    np.testing.assert_allclose(by_position[:3], [2**1.5, 4, 8])
    np.testing.assert_array_equal(figures["tokens_by_position"][:4], [2, 1, 1, 0])
