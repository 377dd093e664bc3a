"""Long text through the network: a window after another, the state carried along."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tidegate.models.core.carried import zero_state
from tidegate.models.core.transform import TransformFacts
from tidegate.models.language_model.model import OUTPUT
from tidegate.models.language_model.preprocess import model_inputs
from tidegate.models.language_model.settings import FeatureSettings
from tidegate.models.language_model.sums import judged

# Numbers that the softmax of a window holds at most, if a window has more than one step.
_AT_ONCE = 1 << 24
_LONGEST = 256


def apply(network: keras.Model, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The network's outputs over rows of any length.

    Args:
      network: as `build_model` gives it.
      inputs: as `model_inputs` gives them, with or without state.

    Returns:
      `log_probability` float32[rows, steps] and the state behind each row's last token.
    """
    tokens, targets = inputs["tokens"], inputs["targets"]
    rows, steps = tf.unstack(tf.shape(tokens))
    size = network.get_layer(OUTPUT).size
    window = tf.clip_by_value(_AT_ONCE // (tf.maximum(rows, 1) * size), 1, _LONGEST)
    count = (steps + window - 1) // window
    padding = [[0, 0], [0, count * window - steps]]
    tokens, targets = tf.pad(tokens, padding), tf.pad(targets, padding)
    state = zero_state(network, rows)
    state = {name: tf.cast(inputs.get(name, one), one.dtype) for name, one in state.items()}

    def advance(number: tf.Tensor, found: tf.TensorArray, state: Any) -> tuple[Any, ...]:
        part = slice(number * window, (number + 1) * window)
        begins = inputs["begins"] & (number == 0)
        given = {"tokens": tokens[:, part], "targets": targets[:, part], "begins": begins}
        outputs = network({**given, **state}, training=False)
        state = {name: tf.cast(outputs[name], one.dtype) for name, one in state.items()}
        return number + 1, found.write(number, tf.transpose(outputs["log_probability"])), state

    found = tf.TensorArray(tf.float32, size=count, element_shape=[None, None])
    _, found, state = tf.while_loop(
        lambda number, *_: number < count,
        advance,
        (tf.constant(0), found, state),
        parallel_iterations=1,
    )
    log_probability = tf.transpose(tf.reshape(found.stack(), [count * window, rows]))
    return {"log_probability": log_probability[:, :steps], **state}


def judge(
    network: keras.Model,
    transformed: Mapping[str, Any],
    features: FeatureSettings,
    facts: TransformFacts,
) -> dict[str, tf.Tensor]:
    """Sums over the tokens of each text, by their place in it.

    Args:
      network: as `build_model` gives it.
      transformed: as `preprocess` gives them.
      features: not used; part of the contract.
      facts: not used; part of the contract.

    Returns:
      `judged`, as `sums.judged` gives them.
    """
    del features, facts
    inputs = model_inputs(transformed)
    nats = -apply(network, inputs)["log_probability"]
    return {
        "judged": judged(
            nats, inputs["targets"], transformed["characters"], network.get_layer(OUTPUT).size
        )
    }
