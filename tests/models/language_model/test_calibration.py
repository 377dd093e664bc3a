"""The network's share of the answer, found on text that neither part has learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.carried import zero_state
from tidegate.models.language_model.calibration import calibrate, share_weights
from tidegate.models.language_model.model import COUNTED, build_model
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.text.ngrams import NgramModel

SIZE = 12


class Facts:
    def size(self, name: str) -> int:
        return SIZE - 3


def test_the_share_is_that_which_the_answers_were_drawn_by() -> None:
    """Of two coins, known to be the network's by a logistic of two numbers."""
    random = np.random.default_rng(0)
    weights = np.array([2.0, -1.0, 0.5])
    known = random.normal(0, 1, (40_000, 2))
    networks = random.random(len(known)) < 1 / (1 + np.exp(-(known @ weights[:2] + weights[2])))
    heads = random.random(len(known)) < np.where(networks, 0.9, 0.2)
    own, ngrams = (np.log(np.where(heads, p, 1 - p)) for p in (0.9, 0.2))
    np.testing.assert_allclose(share_weights(own, ngrams, known), weights, atol=0.25)


@pytest.mark.parametrize("sampled", [0, 4])
def test_what_is_found_holds_for_the_network(sampled: int) -> None:
    settings = ModelSettings(embedding=3, units=4, ngrams=2_000, sampled=sampled, window=10)
    network = build_model(settings, FeatureSettings(), Facts())  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    text = np.tile(random.integers(2, SIZE, 50), 5)
    layer = network.get_layer(COUNTED)
    layer.fill(NgramModel([text], order=layer.order, size=SIZE, first=1).table(2_000))
    # The text again, with some tokens that cannot be foreseen.
    other = np.where(random.random(241) < 0.2, random.integers(2, SIZE, 241), text[:241])
    tokens, targets = (other[by : 240 + by].reshape(2, 12, 10).swapaxes(0, 1) for by in (0, 1))

    def batches() -> Any:
        for number, (now, then) in enumerate(zip(tokens, targets, strict=True)):
            inputs = {
                "tokens": tf.constant(now, tf.int32),
                "targets": tf.constant(then, tf.int32),
                "begins": tf.fill([2], number == 0),
            }
            weight = np.ones((2, 10), "float32")
            weight[1, 5:] = number < 11  # The end of the text.
            yield inputs, inputs["targets"], tf.constant(weight)

    found = calibrate(network, batches(), settings, ())  # type: ignore[arg-type]
    assert found is not None
    logs, state = [], zero_state(network, 2)
    for inputs, _, weight in batches():
        outputs = network({**inputs, **state}, training=False)
        state = {name: outputs[name] for name in state}
        logs.append(outputs["log_probability"].numpy()[weight.numpy() > 0])
    bits = -np.concatenate(logs).mean() / np.log(2)
    assert found["whole_bits"] == pytest.approx(bits, abs=1e-3)
    if sampled:
        assert found["whole_bits"] < found["ngrams_bits"] < found["network_bits"]
        assert 0 < found["network_share"] < 0.5
    else:
        assert "network_bits" not in found


def test_a_network_alone_has_nothing_to_share() -> None:
    assert calibrate(None, (), ModelSettings(ngrams=0), ()) is None  # type: ignore[arg-type]
