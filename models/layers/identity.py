"""What a name is worth: an embedding that also learns for names it will not know."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor


@keras.saving.register_keras_serializable(package="tidegate")
class IdEmbedding(keras.layers.Layer):
    """Embeds ids of which 0 is the unknown one.

    In training a share of the ids is made unknown, so that the unknown one's vector stands for all.

    Args:
      size: ids, the unknown one included.
      width: of a vector.
      unknown_rate: share of the ids that is made unknown in training.
    """

    def __init__(self, size: int, width: int, unknown_rate: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.width = width
        self.unknown_rate = unknown_rate
        self.table = keras.layers.Embedding(size, width, name="table")
        self.random = keras.random.SeedGenerator()

    def build(self, ids_shape: Any) -> None:
        self.table.build(ids_shape)
        self.built = True

    def call(self, ids: Tensor, training: bool | None = None) -> Tensor:
        """`int[batch]` to `float[batch, width]`."""
        if training and self.unknown_rate:
            drawn = keras.random.uniform(ops.shape(ids), seed=self.random)
            ids = ops.where(drawn < self.unknown_rate, ops.zeros_like(ids), ids)
        return self.table(ids)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "width": self.width,
            "unknown_rate": self.unknown_rate,
        }
