"""LSTM and GRU in NumPy, written from the equations, one row and one step at a time.

No masks here: a row is cut to its valid steps, run, and put back between zeros. Everything is
float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Weights = Sequence[Array]  # kernel, recurrent kernel, bias, as Keras orders them


def sigmoid(value: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-value))


def lstm_step(x: Array, state: Sequence[Array], weights: Weights) -> list[Array]:
    """One step of the LSTM: (h, c) before to [h, c] after."""
    h, c = state
    kernel, recurrent, bias = (np.asarray(w, np.float64) for w in weights)
    w_i, w_f, w_c, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_c, u_o = np.split(recurrent, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    i = sigmoid(x @ w_i + h @ u_i + b_i)
    f = sigmoid(x @ w_f + h @ u_f + b_f)
    o = sigmoid(x @ w_o + h @ u_o + b_o)
    candidate = np.tanh(x @ w_c + h @ u_c + b_c)
    c = f * c + i * candidate
    return [o * np.tanh(c), c]


def gru_step(x: Array, state: Sequence[Array], weights: Weights) -> list[Array]:
    """One step of the GRU whose reset gate applies after the recurrent product."""
    (h,) = state
    kernel, recurrent, bias = (np.asarray(w, np.float64) for w in weights)
    w_z, w_r, w_h = np.split(kernel, 3, axis=1)
    u_z, u_r, u_h = np.split(recurrent, 3, axis=1)
    b_z, b_r, b_h = np.split(bias[0], 3)
    d_z, d_r, d_h = np.split(bias[1], 3)
    z = sigmoid(x @ w_z + b_z + h @ u_z + d_z)
    r = sigmoid(x @ w_r + b_r + h @ u_r + d_r)
    candidate = np.tanh(x @ w_h + b_h + r * (h @ u_h + d_h))
    return [z * h + (1.0 - z) * candidate]


STEPS = {"lstm": lstm_step, "gru": gru_step}
STATES = {"lstm": 2, "gru": 1}


def run_direction(
    cell: str,
    weights: Weights,
    sequence: Array,
    lengths: Sequence[int],
    initial: Sequence[Array] | None = None,
    backward: bool = False,
) -> tuple[Array, list[Array]]:
    """One direction over a batch: (outputs, zero behind each row's end; final states)."""
    batch, steps, _ = sequence.shape
    units = np.asarray(weights[1]).shape[0]
    outputs = np.zeros((batch, steps, units))
    finals = [np.zeros((batch, units)) for _ in range(STATES[cell])]
    for row, length in enumerate(lengths):
        if initial is None:
            state = [np.zeros(units) for _ in range(STATES[cell])]
        else:
            state = [np.asarray(part[row], np.float64) for part in initial]
        order = range(length - 1, -1, -1) if backward else range(length)
        for step in order:
            state = STEPS[cell](np.asarray(sequence[row, step], np.float64), state, weights)
            outputs[row, step] = state[0]
        for final, part in zip(finals, state, strict=True):
            final[row] = part
    return outputs, finals


def run_stack(
    cell: str,
    weights: Sequence[tuple[Weights, Weights | None]],
    sequence: Array,
    lengths: Sequence[int],
    initial: Sequence[Sequence[Array]] | None = None,
) -> tuple[Array, Array, list[list[Array]]]:
    """The whole stack; `weights` holds (forward, backward or None) for each layer."""
    half, states = STATES[cell], []
    for index, (forward, backward) in enumerate(weights):
        given = initial[index] if initial is not None else None
        outputs, final = run_direction(
            cell, forward, sequence, lengths, given[:half] if given is not None else None
        )
        heads = [final[0]]
        if backward is not None:
            back, back_final = run_direction(
                cell,
                backward,
                sequence,
                lengths,
                given[half:] if given is not None else None,
                backward=True,
            )
            outputs = np.concatenate([outputs, back], axis=-1)
            heads.append(back_final[0])
            final = final + back_final
        states.append(final)
        sequence = outputs
    return sequence, np.concatenate(heads, axis=-1), states
