"""Each window on a scale of its own, and back."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor

MODES = ("mean", "last", "robust", "none")
# The quartiles of a normal distribution are this far apart, in standard deviations.
_QUARTILES = 1.349
# What moves by less than this share of its level is flat: float32 rounds to 0.6e-7 of it.
_MOVES = 2e-7
# The scale of a flat window, as a share of its level.
_FLAT = 1e-2


@keras.saving.register_keras_serializable(package="tidegate")
class InstanceNorm(keras.layers.Layer):
    """Centers and scales each row by its observed values; reversible.

    With the observed values x_1 ... x_n of a row, z = (x - c) / s and x = z s + c, where

        mean      c = mean of x,      s = standard deviation of x (1/n)
        last      c = x_n,            s as above
        robust    c = median of x,    s = (third - first quartile) / 1.349
        none      c = 0,              s = 1

    (Kim et al. 2022, "Reversible Instance Normalization", without its learnt affine part; `last`
    as in Zeng et al. 2022 and Lin et al. 2023.) A median is the lower one of two, and quartiles
    are values of the row. Where the quartiles are equal, robust takes the standard deviation.

    A row that is flat says nothing of its scale. Where s is below 2e-7 |c|, it is 1e-2 |c|; 1
    where that is 0, too.

    A row without an observed value has no scale: c is NaN, and so is what is scaled back with it,
    while its z are 0.

    Args:
      mode: mean, last, robust or none.

    Raises:
      ValueError: an unknown mode.
    """

    def __init__(self, mode: str = "mean", **kwargs: Any) -> None:
        # The level of a series can be far above what moves in it: float16 would lose that.
        super().__init__(**{"dtype": "float32", **kwargs})
        if mode not in MODES:
            raise ValueError(f"Received mode={mode!r}; expected one of {', '.join(MODES)}.")
        self.mode = mode

    def call(self, values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalises.

        Args:
          values: `float[batch, steps]`.
          observed: `bool[batch, steps]`; what stands elsewhere has no effect.

        Returns:
          (z, c, s): `float32[batch, steps]`, 0 where not observed; `float32[batch, 1]` twice.
        """
        zero = ops.zeros_like(values)
        values = ops.where(observed, values, zero)
        count = ops.sum(ops.cast(observed, "float32"), axis=1, keepdims=True)
        center, scale = self._center_and_scale(values, observed, count)
        level = ops.abs(center)
        scale = ops.where(scale > _MOVES * level, scale, _FLAT * level)
        scale = ops.where(scale > 1e-20, scale, ops.ones_like(scale))
        scaled = ops.where(observed, (values - center) / scale, zero)
        empty = ops.full_like(center, float("nan"))
        return scaled, ops.where(count > 0, center, empty), scale

    def _center_and_scale(
        self, values: Tensor, observed: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.mode == "none":
            return ops.zeros_like(count), ops.ones_like(count)
        place = ops.arange(ops.shape(values)[1], dtype="float32")
        last = ops.max(ops.where(observed, place, ops.full_like(values, -1.0)), axis=1)
        last = _at(values, ops.maximum(last, 0.0)[:, None])
        # Around the last value: the sums of a high level would round away what moves on it.
        moved = ops.where(observed, values - last, ops.zeros_like(values))
        share = ops.cast(observed, "float32") / ops.maximum(count, 1.0)
        mean = ops.sum(moved * share, axis=1, keepdims=True)
        scale = ops.sqrt(ops.sum(ops.square(moved - mean) * share, axis=1, keepdims=True))
        if self.mode == "robust":
            far = ops.full_like(values, float("inf"))
            ordered = ops.sort(ops.where(observed, values, far), axis=1)
            low, middle, high = (
                _at(ordered, ops.floor(share * ops.maximum(count - 1, 0)))
                for share in (0.25, 0.5, 0.75)
            )
            some = count > 0
            zero = ops.zeros_like(count)
            middle = ops.where(some, middle, zero)
            spread = ops.where(some, (high - low) / _QUARTILES, zero)
            return middle, ops.where(spread > _MOVES * ops.abs(middle), spread, scale)
        return (last + mean if self.mode == "mean" else last), scale

    @staticmethod
    def inverse(scaled: Tensor, center: Tensor, scale: Tensor) -> Tensor:
        """z to x: `float32[batch, ...]`, with c and s of each row."""
        shape = (-1,) + (1,) * (len(scaled.shape) - 1)
        # In this order: Keras 3.12 takes float[n, 1, 1] added to float[n, n, ...] for a bias.
        return ops.reshape(center, shape) + scaled * ops.reshape(scale, shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


def _at(values: Tensor, place: Tensor) -> Tensor:
    """`float[batch, steps]` at `float[batch, 1]` whole numbers."""
    return ops.take_along_axis(values, ops.cast(place, "int32"), axis=1)
