"""A network's quantiles beside those around a given forecast: how far each is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tidegate.models.layers.quantiles import check_levels

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor


@keras.saving.register_keras_serializable(package="tidegate")
class Blend(keras.layers.Layer):
    """Means of the quantiles of two forecasts, step by step.

    With the network's quantiles q_p, a forecast f and the error e that is usual for it, what is
    answered is t q_p + (1 - t) (f + e c_p) (Vincent 1912: averaged quantiles are those of a
    distribution of the averaged place and width). The shares t and the c are no trained weights:
    both are found once the network is trained, and until then t is 1.

    Args:
      steps: the horizon; each step has a t and c of its own.
      levels: p of the quantiles, as `check_levels` wants them.
    """

    def __init__(self, steps: int, levels: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.steps = steps
        self.levels = check_levels(levels)

    def build(self, input_shape: Any) -> None:
        self.trust = self.add_weight(
            name="trust", shape=(self.steps,), initializer="ones", trainable=False
        )
        self.table = self.add_weight(
            name="table",
            shape=(self.steps, len(self.levels)),
            initializer="zeros",
            trainable=False,
        )

    def call(
        self, quantiles: Tensor, forecast: Tensor, error: Tensor, training: bool = False
    ) -> Tensor:
        """Blends.

        Args:
          quantiles: `float[batch, steps, levels]`.
          forecast, error: `float[batch, steps]`.
          training: leaves the network's own.
        """
        if training:
            return quantiles
        other = forecast[..., None] + error[..., None] * self.table
        share = self.trust[:, None]
        return share * quantiles + (1 - share) * other

    def compute_output_shape(self, input_shape: Any, *_: Any, **__: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "levels": self.levels}


def level_weights(levels: Sequence[float]) -> np.ndarray:
    """The share of probability that each level is nearest to: float32[levels], adding up to 1."""
    found = np.asarray(check_levels(levels))
    between = np.concatenate([[0.0], (found[1:] + found[:-1]) / 2, [1.0]])
    return np.diff(between).astype(np.float32)


def mean_of(quantiles: Tensor, levels: Sequence[float]) -> Tensor:
    """The mean of a distribution from its quantiles, `float[..., levels]` to `float[...]`.

    Each quantile stands for the probability that it is nearest to, so that the answer is the mean
    of the distribution that the quantiles describe; kept between the quartiles, or what is nearest
    to them: far quantiles, of which the data say least, must not carry it away.
    """
    found = np.asarray(levels)
    low = int(np.argmin(np.abs(found - 0.25)))
    mean = ops.sum(quantiles * level_weights(levels), axis=-1)
    return ops.minimum(ops.maximum(mean, quantiles[..., low]), quantiles[..., len(found) - 1 - low])
