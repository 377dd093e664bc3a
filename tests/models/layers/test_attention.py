"""Attention against NumPy, one query and one row at a time, on the valid steps alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tidegate.models.layers.attention import SCORES, Attention

LENGTHS = [5, 1, 3]
MASK = np.arange(5) < np.array(LENGTHS)[:, None]


def batch(width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(3, 2, 4)).astype("float32"),
        rng.normal(size=(3, 5, width)).astype("float32"),
    )


def by_row(layer: Attention, query: np.ndarray, memory: np.ndarray) -> tuple[Any, Any]:
    """(context, weights) of one query over one row."""
    weights = [np.asarray(weight, np.float64) for weight in layer.get_weights()]
    if layer.score == "dot":
        scores = [query @ step for step in memory]
    elif layer.score == "general":
        scores = [query @ (weights[0].T @ step) for step in memory]
    else:
        kernel, query_kernel, vector = weights
        scores = [
            vector[:, 0] @ np.tanh(kernel.T @ step + query_kernel.T @ query) for step in memory
        ]
    share = np.exp(scores) / np.exp(scores).sum()
    return share @ memory, share


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    ("score", "width"), [("dot", 4), ("general", 4), ("general", 6), ("additive", 6)]
)
def test_as_defined(score: str, width: int, masked: bool) -> None:
    query, memory = batch(width)
    layer = Attention(score, units=7 if score == "additive" else None)
    context, weights = layer(query, memory, MASK if masked else None)
    shapes = layer.compute_output_shape(query.shape, memory.shape)
    assert (context.shape, weights.shape) == shapes
    for row, length in enumerate(LENGTHS if masked else [5] * 3):
        for step in range(2):
            expected = by_row(layer, query[row, step], memory[row, :length])
            np.testing.assert_allclose(context[row, step], expected[0], atol=1e-5)
            np.testing.assert_allclose(weights[row, step, :length], expected[1], atol=1e-5)
            assert not np.any(weights[row, step, length:])


@pytest.mark.parametrize("score", SCORES)
def test_what_is_masked_has_no_effect(score: str) -> None:
    query, memory = batch()
    layer = Attention(score)
    expected = layer(query, memory, MASK)
    keys = np.array(layer.keys(memory))
    memory[~MASK], keys[~MASK] = np.nan, np.inf
    for given in (None, keys):
        for received, wanted in zip(layer(query, memory, MASK, given), expected, strict=True):
            np.testing.assert_allclose(received, wanted, atol=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_in_a_model_that_is_cloned_and_trained(score: str) -> None:
    query, memory = keras.Input((None, 4)), keras.Input((None, 4))
    mask = keras.Input((None,), dtype="bool")
    outputs = Attention(score)(query, memory, mask)
    model = keras.Model([query, memory, mask], outputs)
    data = [*batch(), MASK]
    clone = keras.Model.from_config(model.get_config())
    clone.set_weights(model.get_weights())
    for received, expected in zip(clone(data), model(data), strict=True):
        np.testing.assert_array_equal(received, expected)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), loss=["mse", None])
    model.train_on_batch(data, [np.ones((3, 2, 4)), np.zeros((3, 2, 5))])
    for old, new in zip(before, model.get_weights(), strict=True):
        assert not np.array_equal(old, new)


def test_the_softmax_is_wide_under_mixed_precision() -> None:
    query, memory = batch()
    layer = Attention("dot", dtype="mixed_bfloat16")
    context, weights = layer(query, memory, MASK)
    assert keras.backend.standardize_dtype(context.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(weights.dtype) == "float32"
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, rtol=1e-6)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="score='cosine'; expected one of dot, general, additive"):
        Attention("cosine")
    with pytest.raises(ValueError, match=r"width 4 and a memory of width 6; .*take 'general'"):
        Attention("dot")(*batch(6))
