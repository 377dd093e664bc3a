"""Words made unknown in training, so that an unknown word is nothing new."""

from typing import Any

import keras
from keras import ops

from tidegate.models.text.tokens import PADDING_ID


@keras.saving.register_keras_serializable(package="tidegate")
class WordDropout(keras.layers.Layer):
    """Makes a share of the tokens unknown in training (Iyyer et al. 2015; Dai and Le 2015).

    Args:
      rate: share of the tokens.
      unknown: the id they get.
    """

    def __init__(self, rate: float, unknown: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.unknown = unknown
        self.random = keras.random.SeedGenerator()

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        """int[batch, steps] to the same, padding untouched."""
        if not training or not self.rate:
            return tokens
        drawn = keras.random.uniform(ops.shape(tokens), seed=self.random)
        dropped = ops.logical_and(drawn < self.rate, ops.not_equal(tokens, PADDING_ID))
        return ops.where(dropped, ops.cast(self.unknown, tokens.dtype), tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "unknown": self.unknown}
