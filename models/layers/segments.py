"""Steps to segments of several steps, ending where the sequence ends."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor


@keras.saving.register_keras_serializable(package="tidegate")
class Segments(keras.layers.Layer):
    """Cuts each row into segments whose last one ends at the row's last step.

    A row of n steps gives ceil(n / segment) segments; what the first one lacks is filled with
    zeros in front. They stand on the left, so that a mask over them is right padded.

    Args:
      segment: steps of a segment.
    """

    def __init__(self, segment: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(segment, bool) or not isinstance(segment, int) or segment < 1:
            raise ValueError(
                f"Received segment={segment!r}; expected a whole number of at least 1."
            )
        self.segment = segment

    def call(self, sequence: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Cuts.

        Args:
          sequence: `float[batch, steps, features]`, zero where the mask is False.
          mask: `bool[batch, steps]`, right padded.

        Returns:
          (`float[batch, segments, segment, features]`, `bool[batch, segments]`) with
          segments = ceil(steps / segment).
        """
        batch, steps = ops.shape(sequence)[0], ops.shape(sequence)[1]
        features = sequence.shape[-1]
        segments = (steps + self.segment - 1) // self.segment
        length = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        missing = (-length) % self.segment
        place = ops.arange(segments * self.segment, dtype="int32") - missing
        there = ops.logical_and(place >= 0, place < length)
        # One gather of whole feature rows; take_along_axis would gather every number by itself.
        row = ops.expand_dims(ops.arange(batch, dtype="int32") * steps, axis=1)
        flat = ops.reshape(sequence, (-1, features))
        source = ops.reshape(row + ops.where(there, place, 0), (-1,))
        found = ops.reshape(
            ops.take(flat, source, axis=0), (batch, segments * self.segment, features)
        )
        found = ops.where(there[..., None], found, ops.zeros_like(found))
        cut = ops.reshape(found, (batch, segments, self.segment, features))
        number = ops.arange(segments, dtype="int32") * self.segment
        return cut, number < length + missing

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "segment": self.segment}
