"""cuDNN: eligible by construction, and the same numbers as the fallback.

No GPU is needed. Keras is told that there is one; where numbers matter, a NumPy kernel with
cuDNN's interface (gate order, packed parameters, sequence lengths, zeros behind a row's end)
stands in for the op, so that all that Keras and the stack do around it is the real code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.layers.recurrent import RecurrentStack

from . import reference
from .test_recurrent import CASES, LENGTHS, STEPS, built, data, mask_of


@pytest.fixture
def gpu_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [kind])


class CudnnInNumpy:
    """`tf.raw_ops.CudnnRNNV3` for one layer in one direction, batch major."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(
        self,
        *,
        input: Any,
        input_h: Any,
        input_c: Any,
        params: Any,
        rnn_mode: str,
        sequence_lengths: Any,
        time_major: bool,
        is_training: bool,
    ) -> tuple[Any, ...]:
        assert not time_major
        self.calls += 1
        sequence, lengths = np.asarray(input), np.asarray(sequence_lengths)
        states = [np.asarray(input_h)[:, 0]]
        if rnn_mode == "lstm":
            states.append(np.asarray(input_c)[:, 0])
        weights = self._unpack(
            np.asarray(params), rnn_mode, sequence.shape[-1], states[0].shape[-1]
        )
        outputs, finals = reference.run_direction(
            rnn_mode, weights, sequence, lengths.tolist(), states
        )
        finals = [tf.constant(part[:, None], tf.float32) for part in [*finals, finals[0]][:2]]
        return tf.constant(outputs, tf.float32), *finals, None, None

    @staticmethod
    def _unpack(params: np.ndarray, mode: str, features: int, units: int) -> list[np.ndarray]:
        gates = {"lstm": 4, "gru": 3}[mode]
        sizes = [units * features] * gates + [units * units] * gates + [units] * 2 * gates
        assert params.size == sum(sizes)
        parts = np.split(params, np.cumsum(sizes)[:-1])
        # cuDNN orders the LSTM's gates i, f, candidate, o as Keras does, the GRU's r, z, candidate
        # (AMD's library keeps z first).
        swap = mode == "gru" and tf.sysconfig.get_build_info()["is_cuda_build"]
        order = [1, 0, 2] if swap else list(range(gates))
        kernel = [parts[gate].reshape(units, features).T for gate in order]
        recurrent = [parts[gates + gate].reshape(units, units).T for gate in order]
        bias = [np.concatenate([parts[(2 + k) * gates + gate] for gate in order]) for k in (0, 1)]
        joined = np.stack(bias) if mode == "gru" else bias[0] + bias[1]
        return [np.concatenate(kernel, axis=1), np.concatenate(recurrent, axis=1), joined]


def ops_in_graph(stack: RecurrentStack) -> list[str]:
    spec = tf.TensorSpec((None, None, 5), tf.float32), tf.TensorSpec((None, None), tf.bool)
    traced = tf.function(lambda s, m: stack(s, m, training=True)).get_concrete_function(*spec)
    graph = traced.graph.as_graph_def()
    return [n.op for n in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]]


@pytest.mark.parametrize("cell,bidirectional", CASES)
def test_every_recurrence_is_a_cudnn_op_where_a_gpu_is(
    cell: str, bidirectional: bool, gpu_visible: None
) -> None:
    settings: dict[str, Any] = {"cell": cell, "bidirectional": bidirectional, "dropout": 0.3}
    found = ops_in_graph(built(**settings, layers=2))
    assert found.count("CudnnRNNV3") == 2 * (2 if bidirectional else 1)
    assert not any("While" in op for op in found)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_no_cudnn_op_when_it_is_off(cell: str, gpu_visible: None) -> None:
    found = ops_in_graph(built(cell=cell, layers=2, use_cudnn=False))
    assert not any("udnn" in op for op in found)
    # The CPU's ways: one kernel over all steps for a narrow LSTM, Keras's loop for the rest.
    assert found.count("BlockLSTMV2") == (4 if cell == "lstm" else 0)
    assert any("While" in op for op in found) == (cell == "gru")


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("cell,bidirectional", CASES)
def test_cudnn_and_fallback_agree(
    cell: str,
    bidirectional: bool,
    masked: bool,
    gpu_visible: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = CudnnInNumpy()
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", kernel)
    settings: dict[str, Any] = {"cell": cell, "bidirectional": bidirectional, "layers": 2}
    fast = built(**settings, use_cudnn=True, return_states=True)
    slow = built(**settings, use_cudnn=False, return_states=True)
    mask = mask_of(LENGTHS, STEPS) if masked else None
    initial = [[data(k, (4, 3)) for k in range(slow.states_per_layer)] for _ in range(2)]
    received = tf.nest.flatten(fast(data(), mask, initial_state=initial))
    assert kernel.calls == 2 * (2 if bidirectional else 1)
    expected = tf.nest.flatten(slow(data(), mask, initial_state=initial))
    assert kernel.calls == 2 * (2 if bidirectional else 1)
    for got, wanted in zip(received, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_cudnn_demanded_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [])
    with pytest.raises(ValueError, match="use_cudnn=True was specified"):
        built(use_cudnn=True)(data())
