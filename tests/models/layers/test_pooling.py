"""Masked pooling against NumPy, row by row on the valid steps alone."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.layers import pooling as pooling_module
from tidegate.models.layers.pooling import MaskedPooling

LENGTHS = [5, 1, 3]
MASK = np.arange(5) < np.array(LENGTHS)[:, None]
EVERY = "attention+last+mean+max"


def batch(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    # Below zero throughout, so that a masked step taken for a zero would win the maximum.
    sequence = rng.normal(loc=-4.0, size=(3, 5, 4)).astype("float32")
    return sequence, rng.normal(size=(3, 4)).astype("float32")


def with_random_weights(layer: MaskedPooling, width: int = 4) -> MaskedPooling:
    layer.build((None, None, width))
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def attention_by_row(row: np.ndarray, layer: MaskedPooling) -> np.ndarray:
    """`float[steps]`: softmax over v . tanh(W h + b)."""
    kernel, bias, context = layer.get_weights()
    scores = np.array([context[:, 0] @ np.tanh(kernel.T @ step + bias) for step in row])
    return np.exp(scores) / np.exp(scores).sum()


def pooled_by_row(mode: str, row: np.ndarray, last: np.ndarray, layer: Any) -> np.ndarray:
    if mode == "attention":
        return attention_by_row(row, layer) @ row
    return {"last": last, "max": row.max(axis=0), "mean": row.mean(axis=0)}[mode]


@pytest.mark.parametrize("mode", ["last", "max", "mean", "attention", "max+mean", EVERY])
@pytest.mark.parametrize("masked", [True, False])
def test_modes(mode: str, masked: bool) -> None:
    sequence, last = batch()
    layer = with_random_weights(MaskedPooling(mode, attention_units=6))
    received = layer(sequence, last, MASK if masked else None)
    lengths = LENGTHS if masked else [5, 5, 5]
    expected = [
        np.concatenate([pooled_by_row(m, sequence[i, :n], last[i], layer) for m in mode.split("+")])
        for i, n in enumerate(lengths)
    ]
    np.testing.assert_allclose(received, expected, atol=1e-5)
    assert received.shape == layer.compute_output_shape((3, 5, 4))


def test_by_hand() -> None:
    sequence = np.array([[[1.0, -2.0], [3.0, -6.0], [9.0, 9.0]]], "float32")
    last = np.array([[7.0, 8.0]], "float32")
    mask = np.array([[True, True, False]])
    received = MaskedPooling("max+mean+last")(sequence, last, mask)
    np.testing.assert_array_equal(received, [[3.0, -2.0, 2.0, -4.0, 7.0, 8.0]])


def test_attention_by_hand() -> None:
    # W = 1, b = 0, v = 1: scores are tanh(h). For h = 0 and h = artanh(ln 3 / 2) = 0.61673... the
    # exponentials are 1 and sqrt(3): weights 1 / (1 + sqrt 3) = 0.36602540 and 0.63397460.
    layer = MaskedPooling("attention")
    layer.build((None, None, 1))
    layer.set_weights([np.ones((1, 1)), np.zeros(1), np.ones((1, 1))])
    high = np.arctanh(np.log(3.0) / 2)
    sequence = np.array([[[0.0], [high], [5.0]]], "float32")
    mask = np.array([[True, True, False]])
    weights = layer.attention_weights(sequence, mask)
    np.testing.assert_allclose(weights, [[0.36602540, 0.63397460, 0.0]], atol=1e-6)
    received = layer(sequence, sequence[:, 0], mask)
    np.testing.assert_allclose(received, [[0.63397460 * high]], atol=1e-6)


def test_attention_weights_sum_to_one_over_valid_steps() -> None:
    layer = with_random_weights(MaskedPooling("attention"))
    weights = np.asarray(layer.attention_weights(batch()[0], MASK))
    np.testing.assert_allclose(weights.sum(axis=1), np.ones(3), atol=1e-6)
    assert not np.any(weights[~MASK]) and np.all(weights[MASK] > 0)


@pytest.mark.parametrize("padding", [1e6, np.inf, np.nan])
def test_what_stands_at_masked_steps_does_not_matter(padding: float) -> None:
    sequence, last = batch()
    layer = with_random_weights(MaskedPooling(EVERY))
    expected = layer(sequence, last, MASK)
    spoilt = np.where(MASK[..., None], sequence, np.float32(padding))
    longer = np.concatenate([spoilt, np.full((3, 2, 4), padding, "float32")], axis=1)
    mask = np.concatenate([MASK, np.zeros((3, 2), bool)], axis=1)
    np.testing.assert_allclose(layer(longer, last, mask), expected, atol=1e-6)


def test_gradient_reaches_every_weight_and_valid_step_only() -> None:
    sequence, last = map(tf.constant, batch())
    layer = MaskedPooling(EVERY)
    layer.build((None, None, 4))  # the initial weights: none may block the others
    with tf.GradientTape() as tape:
        tape.watch([sequence, last])
        loss = tf.reduce_sum(layer(sequence, last, MASK) ** 2)
    variables = [v.value for v in layer.trainable_variables]
    gradients = tape.gradient(loss, [sequence, last, *variables])
    assert len(variables) == 3
    assert all(np.any(np.asarray(g)) for g in gradients)
    assert not np.any(gradients[0].numpy()[~MASK]) and np.all(gradients[0].numpy()[MASK])


@pytest.mark.parametrize("dtype,tolerance", [("bfloat16", 0.05), ("float16", 0.01)])
def test_half_precision(dtype: str, tolerance: float) -> None:
    sequence, last = batch()
    wide = with_random_weights(MaskedPooling(EVERY))
    half = with_random_weights(MaskedPooling(EVERY, dtype=f"mixed_{dtype}"))
    received = half(sequence, last, MASK)
    assert keras.backend.standardize_dtype(received.dtype) == dtype
    expected = wide(sequence, last, MASK)
    np.testing.assert_allclose(tf.cast(received, "float32"), expected, atol=tolerance)


def test_sums_over_long_rows_keep_their_digits_in_bfloat16() -> None:
    ones = np.ones((1, 1000, 1), "float32")
    layer = MaskedPooling("mean+attention", dtype="mixed_bfloat16")
    received = layer(ones, ones[:, 0], np.ones((1, 1000), bool))
    np.testing.assert_array_equal(tf.cast(received, "float32"), [[1.0, 1.0]])


def test_config_round_trip() -> None:
    layer = MaskedPooling("max+attention", attention_units=9, name="join", dtype="mixed_float16")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    assert (copy.mode, copy.attention_units) == ("max+attention", 9)


@pytest.mark.parametrize(
    "settings,received",
    [
        ({"mode": "median"}, "mode='median'"),
        ({"mode": "max+"}, r"mode='max\+'"),
        ({"mode": "max+max"}, r"mode='max\+max'"),
        ({"mode": ""}, "mode=''"),
        ({"mode": None}, "mode=None"),
        ({"attention_units": 0}, "attention_units=0"),
        ({"attention_units": 1.5}, "attention_units=1.5"),
    ],
)
def test_bad_arguments(settings: dict[str, Any], received: str) -> None:
    with pytest.raises(ValueError, match=f"Received {received}; expected"):
        MaskedPooling(**settings)


def test_attention_weights_of_a_layer_without_attention() -> None:
    with pytest.raises(ValueError, match="Received mode='max'; expected a mode with 'attention'"):
        MaskedPooling("max").attention_weights(batch()[0], MASK)


def test_the_layers_need_no_particular_backend() -> None:
    for path in Path(pooling_module.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # What one backend alone has is imported where it is called: in the CPU's LSTM kernel.
        nodes = tree.body if path.name == "block_lstm.py" else list(ast.walk(tree))
        names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
        names |= {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}
        assert {name.split(".")[0] for name in names} <= {
            "__future__",
            "collections",
            "math",
            "typing",
            "keras",
            "numpy",
            "tidegate",
        }, path.name
