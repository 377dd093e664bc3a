"""Dropout of the stack: in training only, shared over steps, gone from the exported graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.layers.pooling import MaskedPooling
from tidegate.models.layers.recurrent import RecurrentStack

from .test_recurrent import CELLS, LENGTHS, STEPS, built, data, mask_of, randomise

LOAD = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
batch = np.load(sys.argv[2])
np.save(sys.argv[3], model.pool(batch["sequence"], batch["mask"]).numpy())
"""


def memoryless(**settings: Any) -> RecurrentStack:
    """A stack whose h_t depends on x_t alone: no recurrent product, forget gate shut."""
    stack = built(**settings)
    for layer in [*stack.forward_layers, *stack.backward_layers]:
        kernel, recurrent, _ = stack.forward_layers[0].get_weights()
        bias = np.zeros(4 * stack.units)
        bias[stack.units : 2 * stack.units] = -1e4
        layer.set_weights([kernel, np.zeros_like(recurrent), bias])
    return stack


def test_inactive_outside_training() -> None:
    plain, dropped = built(layers=2), built(layers=2, dropout=0.5)
    mask = mask_of(LENGTHS, STEPS)
    np.testing.assert_array_equal(dropped(data(), mask)[0], plain(data(), mask)[0])
    assert np.abs(dropped(data(), mask, training=True)[0] - plain(data(), mask)[0]).max() > 0.01


def test_the_same_at_every_step_and_for_both_directions() -> None:
    stack = memoryless(dropout=0.5, seed=3)
    constant = np.repeat(data(1, (64, 1, 5)), STEPS, axis=1)
    sequence = np.asarray(stack(constant, training=True)[0])
    # One row's mask holds over its steps (memoryless on a constant row: equal outputs) ...
    np.testing.assert_allclose(sequence, np.repeat(sequence[:, :1], STEPS, axis=1), atol=1e-6)
    # ... both cells have equal weights, so that equal halves mean an equal mask ...
    np.testing.assert_allclose(
        sequence[..., : stack.units], sequence[..., stack.units :], atol=1e-6
    )
    # ... and equal rows get different masks.
    rows = np.asarray(stack(np.repeat(constant[:1], 64, axis=0), training=True)[1])
    assert len(np.unique(rows.round(5), axis=0)) > 8


def test_share_and_scale_of_what_is_dropped() -> None:
    # A kernel of ones on one unit in the linear range of tanh and a half open gate: with i = 0.5,
    # o = 0.5, f = 0 the output is about x/4 where x is the dropped-out input, so the mean over
    # many rows must be that of the input itself, with a share 0.75 of the rows surviving.
    stack = RecurrentStack(1, bidirectional=False, dropout=0.25, seed=5)
    stack.build((None, None, 1))
    kernel = np.array([[0.0, 0.0, 1.0, 0.0]])
    stack.set_weights([kernel, np.zeros((1, 4)), np.array([0.0, -1e4, 0.0, 0.0])])
    rows = np.asarray(stack(np.full((4000, 1, 1), 0.01, "float32"), training=True)[1]).ravel()
    assert np.mean(rows > 0) == pytest.approx(0.75, abs=0.03)
    np.testing.assert_allclose(rows[rows > 0], 0.25 * 0.01 / 0.75, rtol=1e-3)


def test_repeatable_by_seed() -> None:
    def twice(seed: int) -> list[np.ndarray]:
        stack = built(layers=2, dropout=0.5, seed=seed)
        return [np.asarray(stack(data(), training=True)[0]) for _ in range(2)]

    first, again, other = twice(1), twice(1), twice(2)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0.01  # the next batch drops something else
    assert np.abs(first[0] - other[0]).max() > 0.01


def test_layers_of_one_width_drop_different_features() -> None:
    stack = built(layers=2, dropout=0.5, seed=4)
    ones = np.ones((16, 1, 6), "float32")
    first, second = (np.asarray(layer(ones, training=True)) for layer in stack.dropouts)
    assert np.any(first != second)


class Exported(tf.Module):
    """What an exporter does: own the layers, state a signature."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.stack = RecurrentStack(4, layers=2, cell=cell, dropout=0.4, use_cudnn=False)
        self.pooling = MaskedPooling("last+attention")
        self.pool(tf.constant(data()), tf.constant(mask_of(LENGTHS, STEPS)))
        randomise(self.stack)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, 5), tf.float32),
            tf.TensorSpec((None, None), tf.bool),
        ]
    )
    def pool(self, sequence: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return self.pooling(*self.stack(sequence, mask, training=False), mask)


@pytest.mark.slow
def test_exported_module_gives_equal_outputs_in_a_fresh_process(tmp_path: Path) -> None:
    module = Exported("lstm")
    module.stack(data(), training=True)  # dropout has been used, as after training
    tf.saved_model.save(module, str(tmp_path / "model"))
    batch = {"sequence": data(7, (3, 9, 5)), "mask": mask_of([9, 2, 5], 9)}
    np.savez(tmp_path / "batch.npz", **batch)
    paths = [str(tmp_path / name) for name in ("model", "batch.npz", "answer.npy")]
    subprocess.run([sys.executable, "-c", LOAD, *paths], check=True, capture_output=True)
    expected = module.pool(tf.constant(batch["sequence"]), tf.constant(batch["mask"]))
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), expected, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_inference_graph_draws_nothing_at_random(cell: str) -> None:
    graph = Exported(cell).pool.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    assert [n.op for n in nodes if "Random" in n.op or "Assign" in n.op] == []
    # The search does reach the recurrence.
    assert any("While" in n.op or n.op == "BlockLSTMV2" for n in nodes)
