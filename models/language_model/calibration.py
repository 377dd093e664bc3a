"""What is found once the network is trained: its share of the answer beside the n-grams."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import expit

from tidegate.models.core.carried import carried, zero_state
from tidegate.models.core.progress import reporter
from tidegate.models.language_model.model import COUNTED, OUTPUT
from tidegate.models.language_model.settings import ModelSettings

# Tokens of valid that the share is found on, at most.
_MOST = 500_000
# Keeps the weights of contexts that valid hardly has near 0.
_STIFFNESS = 1.0


def calibrate(
    network: keras.Model, valid: tf.data.Dataset, model: ModelSettings, train: tf.data.Dataset
) -> dict[str, Any] | None:
    """Finds the network's share on `valid`, where it has learnt beside the n-grams by itself.

    Args:
      network: trained.
      valid: batches in the order of the text, each token once.
      model: `ngrams`.
      train: not used; part of the contract.

    Returns:
      Bits per token on `valid`: of the n-grams `ngrams_bits` and of the `whole_bits`; where the
      network has learnt by itself, its own `network_bits`, and its mean `network_share`. None
      where it stands alone.
    """
    del train
    if not model.ngrams:
        return None
    output = network.get_layer(OUTPUT)
    own, ngrams, whole, known = _judged(network, valid)
    found = {"ngrams_bits": _bits(ngrams)}
    if output.sampled:
        weights = share_weights(own, ngrams, known)
        output.gate.assign(weights)
        share = expit(known @ weights[:-1] + weights[-1])
        whole = np.log(share * np.exp(own) + (1 - share) * np.exp(ngrams))
        found |= {"network_bits": _bits(own), "network_share": round(float(share.mean()), 3)}
    found["whole_bits"] = _bits(whole)
    alone = f", of the network alone {found['network_bits']}" if output.sampled else ""
    reporter().line(
        f"bits per token of valid: {found['whole_bits']}, of the n-grams alone "
        f"{found['ngrams_bits']}{alone}"
    )
    return found


def share_weights(own: np.ndarray, ngrams: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Weights of the network's share g of the mean of two probabilities.

    They maximise the sum of log(g exp(own) + (1 - g) exp(ngrams)) with g the logistic function of
    known @ weights[:-1] + weights[-1].

    Args:
      own, ngrams: float[tokens], log-probabilities.
      known: float[tokens, contexts], how much is known of each.

    Returns:
      float[contexts + 1].
    """
    columns = np.column_stack([known, np.ones(len(known))]).astype(float)

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = columns @ weights
        both = np.logaddexp(own - np.logaddexp(0, -score), ngrams - np.logaddexp(0, score))
        # The share of the network if the token is known, less its share before.
        more = np.exp(own - np.logaddexp(0, -score) - both) - expit(score)
        return (
            -both.sum() + _STIFFNESS * np.square(weights[:-1]).sum(),
            -(more @ columns) + _STIFFNESS * 2 * np.append(weights[:-1], 0.0),
        )

    found: np.ndarray = minimize(cost, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def _judged(network: keras.Model, valid: tf.data.Dataset) -> list[np.ndarray]:
    """Of each token, log-probabilities by network, n-grams and both; and what is known before."""
    output, ngrams = network.get_layer(OUTPUT), network.get_layer(COUNTED)
    hidden, *_ = output.input
    inner = keras.Model(network.inputs, [hidden, *ngrams.output[:2], network.output])

    @tf.function(autograph=False)
    def judged(inputs: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        hidden, counts, known, outputs = inner(inputs, training=False)
        targets = inputs["targets"]
        alone = output.logits(hidden)
        each = (
            -tf.nn.sparse_softmax_cross_entropy_with_logits(targets, alone),
            tf.math.log(tf.gather(counts, targets, batch_dims=2) if ngrams.whole else counts),
            outputs["log_probability"],
        )
        return each, known, {name: outputs[name] for name in carried(network)}

    found: list[list[np.ndarray]] = [[], [], [], []]
    state: dict[str, tf.Tensor] | None = None
    tokens = 0
    for inputs, targets, weight in valid:
        state = state or zero_state(network, targets.shape[0])
        each, known, state = judged({**inputs, **state})
        there = (weight * tf.cast(targets > 0, weight.dtype)).numpy() > 0
        for kept, one in zip(found, (*each, known), strict=True):
            kept.append(one.numpy()[there])
        tokens += int(there.sum())
        if tokens >= _MOST:
            break
    return [np.concatenate(one).astype(float) for one in found]


def _bits(logs: np.ndarray) -> float:
    return round(float(-logs.mean() / np.log(2)), 4)
