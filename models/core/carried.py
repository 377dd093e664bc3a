"""What a network carries from one call to the next: state that goes in and comes out as tensors.

A network states it by its names: what is both one of its inputs and one of its outputs is carried.
Truncated back-propagation carries it from batch to batch, a decoding loop from step to step, and a
client from request to request.
"""

from typing import Any

import keras
import tensorflow as tf


def carried(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """The inputs that are outputs as well, by name; empty for a network without state."""
    # Keras knows the output of a chain of layers only once it has been called.
    outputs = {} if isinstance(network, keras.Sequential) else network.output
    if not isinstance(outputs, dict):
        return {}
    return {one.name: one for one in network.inputs if one.name in outputs}


def zero_state(network: keras.Model, rows: Any) -> dict[str, tf.Tensor]:
    """The state at the beginning of a sequence.

    Args:
      network: the network.
      rows: how many; an int, or int32[].

    Returns:
      By name, zeros float[rows, ...].
    """
    return {
        name: tf.zeros([rows, *one.shape[1:]], one.dtype) for name, one in carried(network).items()
    }
