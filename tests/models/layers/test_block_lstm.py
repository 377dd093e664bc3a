"""The CPU kernel: the same numbers and gradients as Keras's loop, and taken where it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.layers import block_lstm
from tidegate.models.layers.recurrent import RecurrentStack

from .test_recurrent import BATCH, LENGTHS, STEPS, UNITS, built, close, data, mask_of


def ops_in_graph(stack: RecurrentStack, features: int) -> set[str]:
    spec = tf.TensorSpec((None, None, features)), tf.TensorSpec((None, None), tf.bool)
    graph = tf.function(lambda s, m: stack(s, m)).get_concrete_function(*spec).graph.as_graph_def()
    return {n.op for n in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]}


def run_with_gradients(stack: RecurrentStack, mask: Any, initial: Any) -> list[Any]:
    sequence = tf.constant(data())
    weigh = tf.constant(data(5, (BATCH, STEPS, stack.width)))
    with tf.GradientTape() as tape:
        tape.watch([sequence, *tf.nest.flatten(initial)])
        outputs = stack(sequence, mask, initial_state=initial)
        # Every output counts, each element by a weight of its own.
        total = tf.reduce_sum(outputs[0] * weigh)
        for part in tf.nest.flatten(outputs[1:]):
            total += tf.reduce_sum(tf.sin(part))
    sources = [sequence, *[v.value for v in stack.trainable_variables], *tf.nest.flatten(initial)]
    return [*tf.nest.flatten(outputs), *tape.gradient(total, sources)]


@pytest.mark.parametrize(
    ("bidirectional", "lengths"),
    [
        pytest.param(True, LENGTHS, id="True-masked"),
        pytest.param(True, None, id="True-unmasked", marks=pytest.mark.slow),
        pytest.param(False, LENGTHS, id="False-masked", marks=pytest.mark.slow),
        pytest.param(False, None, id="False-unmasked"),
    ],
)
def test_numbers_and_gradients_equal_those_of_the_loop(
    bidirectional: bool, lengths: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = built(bidirectional=bidirectional, layers=2, return_states=True)
    mask = mask_of(lengths, STEPS) if lengths else None
    initial = [
        [tf.constant(data(k, (BATCH, UNITS))) for k in range(stack.states_per_layer)]
        for _ in range(2)
    ]
    assert "BlockLSTMV2" in ops_in_graph(stack, 5)
    received = run_with_gradients(stack, mask, initial)
    monkeypatch.setattr(block_lstm, "_WIDEST", 0)
    assert "BlockLSTMV2" not in ops_in_graph(stack, 5)
    expected = run_with_gradients(stack, mask, initial)
    for got, wanted in zip(received, expected, strict=True):
        close(got, np.asarray(wanted))


def test_a_row_without_a_valid_step_keeps_its_state() -> None:
    stack = built(bidirectional=False, return_states=True)
    state = [[data(k, (BATCH, UNITS)) for k in (1, 2)]]
    mask = mask_of([0, 3, 1, 2], STEPS)
    sequence, last, states = stack(data(), mask, initial_state=state)
    close(sequence[0], 0)
    close(last[0], state[0][0][0])
    close(states[0][1][0], state[0][1][0])


def test_a_wide_layer_runs_in_the_loop() -> None:
    stack = RecurrentStack(128, bidirectional=False)
    stack.build((None, None, 128))
    found = ops_in_graph(stack, 128)
    assert "BlockLSTMV2" not in found
    assert any("While" in op for op in found)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"cell": "gru"}, {"dtype": "mixed_float16"}])
def test_other_cells_and_half_precision_are_left_to_keras(settings: dict[str, Any]) -> None:
    assert "BlockLSTMV2" not in ops_in_graph(built(**settings), 5)


def test_a_gpu_takes_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [kind])
    assert not block_lstm.block_lstm_applies(built().forward_layers[0], 5)
    assert block_lstm.block_lstm_applies(built(use_cudnn=False).forward_layers[0], 5)
