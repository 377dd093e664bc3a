"""TensorFlow's LSTM kernel for CPUs: all steps of a row in one op."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any

# Input features and units together. The kernel adds each step's outer product to the gradient of
# all weights, which costs more than the loop it saves once the weights leave the near cache
# (benchmarks/README.md, "LSTM on a CPU").
_WIDEST = 192


def block_lstm_applies(layer: keras.layers.Layer, features: int | None) -> bool:
    """Whether the kernel runs this layer, and is the faster way.

    Args:
        layer: a Keras LSTM.
        features: width of its input, where it is known.

    Returns:
        True on the TensorFlow backend, for a narrow LSTM in float32 that is not to run on cuDNN.
    """
    if keras.backend.backend() != "tensorflow" or not isinstance(layer, keras.layers.LSTM):
        return False
    if features is None or features + layer.units > _WIDEST or layer.compute_dtype != "float32":
        return False
    import tensorflow as tf

    return layer.use_cudnn is False or (
        layer.use_cudnn == "auto" and not tf.config.list_logical_devices("GPU")
    )


def block_lstm(
    layer: keras.layers.Layer,
    sequence: Tensor,
    mask: Tensor | None,
    initial_state: list[Tensor] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """What the layer computes, by TensorFlow's BlockLSTMV2, forward and backward.

    The op has no mask. With padding on the right it needs none: no valid step comes after a padded
    one, so the outputs of padded steps are set to zero and the final state is read at the last
    valid step. It is part of TensorFlow's core, and so of every TF Serving.

    Args:
        layer: a Keras LSTM whose weights are used.
        sequence: `float[batch, steps, features]`.
        mask: `bool[batch, steps]`, right padded, or None.
        initial_state: [h, c], each `float[batch, units]`, or None for zeros.

    Returns:
        (output `float[batch, steps, units]`, zero at masked steps, final h, final c).
    """
    import tensorflow as tf

    batch = ops.shape(sequence)[0]
    cell = layer.cell
    weights = [cell.kernel, cell.recurrent_kernel, cell.bias]
    kernel, recurrent, bias = (tf.convert_to_tensor(weight.value) for weight in weights)
    if initial_state is None:
        hidden = memory = ops.zeros((batch, layer.units), sequence.dtype)
    else:
        hidden, memory = initial_state
    outputs, memories = _all_steps(
        ops.transpose(sequence, (1, 0, 2)),
        memory,
        hidden,
        ops.concatenate([kernel, recurrent], axis=0),
        bias,
    )
    output = ops.transpose(outputs, (1, 0, 2))
    if mask is None:
        return output, outputs[-1], memories[-1]
    length = ops.sum(ops.cast(mask, "int32"), axis=1)
    last = tf.stack([ops.maximum(length - 1, 0), tf.range(batch)], axis=1)
    empty = ops.expand_dims(ops.equal(length, 0), axis=1)
    return (
        output * ops.expand_dims(ops.cast(mask, output.dtype), axis=-1),
        ops.where(empty, hidden, tf.gather_nd(outputs, last)),
        ops.where(empty, memory, tf.gather_nd(memories, last)),
    )


def _all_steps(
    sequence: Tensor, memory: Tensor, hidden: Tensor, weights: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """All h and all c, `float[steps, batch, units]`, of a time-major sequence.

    TensorFlow registers the gradient of BlockLSTM for BlockLSTMV2, too, although the two order
    their gates in different ways (i, candidate, f, o and i, f, candidate, o as Keras): the
    gradient that belongs to it is named here.
    """
    import tensorflow as tf

    peepholes = tf.zeros((3, tf.shape(hidden)[1]), sequence.dtype)

    @tf.custom_gradient
    def run(*inputs: Tensor) -> Any:
        x, cs_prev, h_prev, w, b = inputs
        steps = tf.shape(x, tf.int64)[0]
        given = {
            "seq_len_max": steps,
            **{"x": x, "cs_prev": cs_prev, "h_prev": h_prev, "w": w, "b": b},
            **{"wci": peepholes[0], "wcf": peepholes[1], "wco": peepholes[2]},
            "use_peephole": False,
        }
        found = tf.raw_ops.BlockLSTMV2(cell_clip=0.0, **given)

        def gradient(h_grad: Tensor, cs_grad: Tensor) -> tuple[Tensor, ...]:
            back = tf.raw_ops.BlockLSTMGradV2(
                **given, **found._asdict(), h_grad=h_grad, cs_grad=cs_grad
            )
            return back.x_grad, back.cs_prev_grad, back.h_prev_grad, back.w_grad, back.b_grad

        return (found.h, found.cs), gradient

    found: tuple[Tensor, Tensor] = run(sequence, memory, hidden, weights, bias)
    return found
