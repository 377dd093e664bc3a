"""The recurrent stack's numbers against the equations, and its shape as a Keras layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.layers.recurrent import RecurrentStack, reverse_valid

from . import reference

BATCH, STEPS, FEATURES, UNITS = 4, 6, 5, 3
LENGTHS = [6, 1, 4, 2]
CASES = [(cell, both) for cell in ("lstm", "gru") for both in (True, False)]
# In `make check` the GRU is run where its numbers are compared.
CELLS = ["lstm", pytest.param("gru", marks=pytest.mark.slow)]


def mask_of(lengths: list[int], steps: int) -> np.ndarray:
    return np.arange(steps) < np.array(lengths)[:, None]


def data(seed: int = 0, shape: tuple[int, ...] = (BATCH, STEPS, FEATURES)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomise(layer: keras.layers.Layer, seed: int = 1) -> None:
    """Every weight from a normal distribution, biases too, which Keras starts at constants."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=0.6, size=w.shape) for w in layer.get_weights()])


def weights_of(stack: RecurrentStack) -> list[Any]:
    forward = [layer.get_weights() for layer in stack.forward_layers]
    backward = [layer.get_weights() for layer in stack.backward_layers]
    return list(zip(forward, backward or [None] * len(forward), strict=True))


def built(**settings: Any) -> RecurrentStack:
    stack = RecurrentStack(UNITS, **settings)
    stack.build((None, None, FEATURES))
    randomise(stack)
    return stack


def close(received: Any, expected: Any, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(np.asarray(received, "float64"), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell,bidirectional", CASES)
def test_equals_the_equations(cell: str, bidirectional: bool, layers: int) -> None:
    stack = built(cell=cell, bidirectional=bidirectional, layers=layers, return_states=True)
    count = stack.states_per_layer
    initial = [[data(9 + i + j, (BATCH, UNITS)) for j in range(count)] for i in range(layers)]
    for lengths, state in ((LENGTHS, None), (LENGTHS, initial), ([STEPS] * BATCH, initial)):
        mask = mask_of(lengths, STEPS) if lengths is LENGTHS else None
        sequence, last, states = stack(data(), mask, initial_state=state)
        expected = reference.run_stack(cell, weights_of(stack), data(), lengths, state)
        close(sequence, expected[0])
        close(last, expected[1])
        assert len(states) == layers
        for received_layer, expected_layer in zip(states, expected[2], strict=True):
            for received, wanted in zip(received_layer, expected_layer, strict=True):
                close(received, wanted)


def test_constant_weights() -> None:
    stack = RecurrentStack(2, layers=2)
    stack.build((None, None, FEATURES))
    stack.set_weights([np.full(w.shape, 0.3) for w in stack.get_weights()])
    sequence, last = stack(data(), mask_of(LENGTHS, STEPS))
    expected = reference.run_stack("lstm", weights_of(stack), data(), LENGTHS)
    close(sequence, expected[0])
    close(last, expected[1])


def test_lstm_by_hand() -> None:
    # One unit, every kernel 0.5, every bias 0, so that i = f = o = s(z), candidate = tanh(z) with
    # z = 0.5 x + 0.5 h. Forward over the valid steps 1, 2:
    #   x=1: z = 0.5,        s = 0.62245933, tanh z = 0.46211716, c = s tanh z    = 0.28764914,
    #        h = s tanh c = 0.62245933 * 0.27996965 = 0.17426972
    #   x=2: z = 1.08713486, s = 0.74784181, tanh z = 0.79583002, c = s (0.28764914 + 0.79583002)
    #        = 0.81027102,  h = 0.74784181 * 0.66973974 = 0.50085938
    # Backward, from the last valid step:
    #   x=2: z = 1,          s = 0.73105858, tanh z = 0.76159416, c = 0.55676994,
    #        h = 0.73105858 * 0.50557693 = 0.36960635
    #   x=1: z = 0.68480318, s = 0.66480987, tanh z = 0.59463309, c = s (0.55676994 + 0.59463309)
    #        = 0.76546410,  h = 0.66480987 * 0.64428416 = 0.42832647
    stack = RecurrentStack(1)
    stack.build((None, None, 1))
    half = [np.full((1, 4), 0.5), np.full((1, 4), 0.5), np.zeros(4)]
    stack.set_weights(half + half)
    row = np.array([[[1.0], [2.0], [7.0]]], "float32")  # the 7 is padding
    sequence, last = stack(row, np.array([[True, True, False]]))
    close(sequence, [[[0.17426972, 0.42832647], [0.50085938, 0.36960635], [0.0, 0.0]]], 1e-6)
    close(last, [[0.50085938, 0.42832647]], 1e-6)


def test_gru_by_hand() -> None:
    # One unit, every kernel 0.5, input biases 0.1, recurrent biases 0.2; z = r throughout.
    #   x=1: z = s(0.5 + 0.1 + 0.2) = 0.68997448, candidate = tanh(0.6 + z 0.2) = 0.62793220,
    #        h = (1 - z) 0.62793220 = 0.19467501
    #   x=2: z = s(1.1 + 0.09733750 + 0.2) = 0.80176105,
    #        candidate = tanh(1.1 + z 0.29733750) = 0.87128588,
    #        h = z 0.19467501 + (1 - z) 0.87128588 = 0.32880563
    stack = RecurrentStack(1, cell="gru", bidirectional=False)
    stack.build((None, None, 1))
    bias = np.array([[0.1] * 3, [0.2] * 3])
    stack.set_weights([np.full((1, 3), 0.5), np.full((1, 3), 0.5), bias])
    sequence, last = stack(np.array([[[1.0], [2.0]]], "float32"))
    close(sequence, [[[0.19467501], [0.32880563]]], 1e-6)
    close(last, [[0.32880563]], 1e-6)


@pytest.mark.parametrize("cell,bidirectional", CASES)
def test_more_padding_changes_nothing(cell: str, bidirectional: bool) -> None:
    stack = built(cell=cell, bidirectional=bidirectional, layers=2)
    sequence, last = stack(data(), mask_of(LENGTHS, STEPS))
    noise = 50.0 * data(3, (BATCH, 4, FEATURES))
    padded = np.concatenate([data(), noise], axis=1)
    longer, longer_last = stack(padded, mask_of(LENGTHS, STEPS + 4))
    close(longer[:, :STEPS], np.asarray(sequence), 1e-7)
    close(longer_last, np.asarray(last), 1e-7)
    assert not np.any(np.asarray(longer)[~mask_of(LENGTHS, STEPS + 4)])


def test_last_is_the_last_valid_step_forward_and_the_first_backward() -> None:
    sequence, last = map(np.asarray, built(layers=2)(data(), mask_of(LENGTHS, STEPS)))
    ends = sequence[np.arange(BATCH), np.array(LENGTHS) - 1]
    close(last[:, :UNITS], ends[:, :UNITS])
    close(last[:, UNITS:], sequence[:, 0, UNITS:])


def test_a_row_in_two_parts_carries_on_from_the_states() -> None:
    stack = built(bidirectional=False, layers=2, return_states=True)
    whole, last, _ = stack(data())
    first, _, states = stack(data()[:, :2])
    second, second_last, _ = stack(data()[:, 2:], initial_state=states)
    close(np.concatenate([first, second], axis=1), np.asarray(whole), 1e-6)
    close(second_last, np.asarray(last), 1e-6)


def test_reverse_valid_on_a_row_with_padding() -> None:
    row = np.array([[[1.0], [2.0], [3.0], [8.0], [9.0]]], "float32")
    mask = np.array([[True, True, True, False, False]])
    assert np.asarray(reverse_valid(row, mask)).ravel().tolist() == [3.0, 2.0, 1.0, 8.0, 9.0]
    assert np.asarray(reverse_valid(row, None)).ravel().tolist() == [9.0, 8.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_gradient_reaches_every_weight(cell: str, bidirectional: bool) -> None:
    stack = built(cell=cell, bidirectional=bidirectional, layers=2, dropout=0.2)
    with tf.GradientTape() as tape:
        sequence, _ = stack(data(), mask_of(LENGTHS, STEPS), training=True)
        loss = tf.reduce_sum(sequence**2)
    variables = [v.value for v in stack.trainable_variables]
    assert len(variables) == 3 * 2 * (2 if bidirectional else 1)
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None and np.any(np.asarray(gradient)), variable.name


def test_one_unit_of_gradient_against_a_difference_quotient() -> None:
    stack = built(layers=2)
    mask = mask_of(LENGTHS, STEPS)
    moved, direction = data(), data(5)
    with tf.GradientTape() as tape:
        point = tf.constant(moved)
        tape.watch(point)
        loss = tf.reduce_sum(stack(point, mask)[1])
    slope = float(tf.reduce_sum(tape.gradient(loss, point) * direction))
    weights, step = weights_of(stack), 1e-5
    ahead, behind = (
        reference.run_stack("lstm", weights, moved + sign * step * direction, LENGTHS)[1].sum()
        for sign in (np.float64(1), np.float64(-1))
    )
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-3)


def model_of(**settings: Any) -> keras.Model:
    inputs = keras.Input((None, FEATURES))
    mask = keras.Input((None,), dtype="bool")
    stack = RecurrentStack(UNITS, return_states=True, **settings)
    return keras.Model([inputs, mask], stack(inputs, mask))


@pytest.mark.parametrize("cell", CELLS)
def test_weights_move_between_cudnn_settings(cell: str, tmp_path: Path) -> None:
    trained = model_of(cell=cell, layers=2, dropout=0.5, use_cudnn="auto")
    randomise(trained)
    trained.save_weights(tmp_path / "stack.weights.h5")
    portable = model_of(cell=cell, layers=2, dropout=0.5, use_cudnn=False)
    portable.load_weights(tmp_path / "stack.weights.h5")
    batch = [data(), mask_of(LENGTHS, STEPS)]
    expected, received = trained(batch), portable(batch)
    for wanted, got in zip(tf.nest.flatten(expected), tf.nest.flatten(received), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_shapes_in_a_functional_model(cell: str, bidirectional: bool) -> None:
    model = model_of(cell=cell, bidirectional=bidirectional, layers=2)
    called = tf.nest.flatten(model([data(), mask_of(LENGTHS, STEPS)]))
    free = {3: (None, None), 2: (None,)}  # batch and steps are open in the model
    expected = [(*free[len(t.shape)], t.shape[-1]) for t in called]
    assert [tuple(t.shape) for t in tf.nest.flatten(model.output)] == expected
    assert tuple(called[0].shape) == (BATCH, STEPS, UNITS * (2 if bidirectional else 1))


def test_config_round_trip() -> None:
    settings: dict[str, Any] = {
        "units": 7,
        "layers": 2,
        "cell": "gru",
        "bidirectional": False,
        "dropout": 0.25,
        "use_cudnn": False,
        "return_states": True,
        "seed": 11,
    }
    stack = RecurrentStack(**settings, dtype="mixed_bfloat16", name="reader")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(stack))
    config = copy.get_config()
    assert {key: config[key] for key in settings} == settings
    assert (copy.name, copy.dtype_policy.name, copy.width) == ("reader", "mixed_bfloat16", 7)
    assert copy.forward_layers[1].use_cudnn is False


def test_saved_keras_model_gives_equal_outputs(tmp_path: Path) -> None:
    model = model_of(layers=2, dropout=0.3, use_cudnn=False)
    randomise(model)
    model.save(tmp_path / "model.keras")
    batch = [data(), mask_of(LENGTHS, STEPS)]
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(batch)[0], model(batch)[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("policy,tolerance", [("mixed_bfloat16", 0.03), ("mixed_float16", 0.004)])
def test_mixed_precision(cell: str, policy: str, tolerance: float) -> None:
    stack = RecurrentStack(UNITS, layers=2, cell=cell, dropout=0.2, dtype=policy)
    stack.build((None, None, FEATURES))
    randomise(stack)
    mask = mask_of(LENGTHS, STEPS)
    stack(data(), mask, training=True)
    sequence, last = stack(data(), mask)
    assert keras.backend.standardize_dtype(sequence.dtype) == policy.removeprefix("mixed_")
    assert {v.dtype for v in stack.trainable_variables} == {"float32"}
    expected = reference.run_stack(cell, weights_of(stack), data(), LENGTHS)
    close(tf.cast(sequence, "float32"), expected[0], tolerance)
    close(tf.cast(last, "float32"), expected[1], tolerance)


@pytest.mark.parametrize(
    "settings,received",
    [
        ({"units": 0}, "units=0"),
        ({"units": 2.5}, "units=2.5"),
        ({"units": True}, "units=True"),
        ({"layers": 0}, "layers=0"),
        ({"cell": "LSTM"}, "cell='LSTM'"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"dropout": "half"}, "dropout='half'"),
        ({"use_cudnn": "yes"}, "use_cudnn='yes'"),
    ],
)
def test_bad_arguments(settings: dict[str, Any], received: str) -> None:
    with pytest.raises(ValueError, match=f"Received {received}; expected"):
        RecurrentStack(**{"units": 4, **settings})


def test_bad_initial_state() -> None:
    one = np.zeros((BATCH, UNITS), "float32")
    with pytest.raises(ValueError, match=r"with \[2\] tensors.*expected 1 layers of 4 tensors"):
        built()(data(), initial_state=[[one, one]])
