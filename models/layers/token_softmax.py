"""A softmax over a vocabulary: the log-probability of the token that comes next, and its loss."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

# Of padding; no token is of this id.
_NONE = 0


class TokenSoftmax(keras.layers.Layer):
    """The log-probability of the token that comes next, by a softmax over all tokens.

    Args:
      size: of the vocabulary, with padding, unknown and border.
      tied: the embedding whose table this is as well, or None.
      smoothing: in training, the share of a target that is spread over all tokens (Szegedy et al.
        2016).
      withheld: ids that a decoder is never to give out.
    """

    def __init__(
        self,
        size: int,
        tied: keras.layers.Embedding | None = None,
        smoothing: float = 0.0,
        withheld: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.tied = tied
        self.smoothing = smoothing
        self.withheld = tuple(withheld)

    def build(self, hidden_shape: Any, *_: Any) -> None:
        units = hidden_shape[-1]
        width = units if self.tied is None else self.tied.output_dim
        self.projection = None
        if self.tied is None:
            self.kernel = self.add_weight(
                (self.size, units), initializer="glorot_uniform", name="kernel"
            )
        elif width != units:
            self.projection = self.add_weight(
                (units, width), initializer="glorot_uniform", name="projection"
            )
        self.bias = self.add_weight((self.size,), initializer="zeros", name="bias")

    @property
    def table(self) -> Any:
        """float[vocabulary, width]."""
        return self.kernel if self.tied is None else self.tied.embeddings

    def projected(self, hidden: Any) -> Any:
        """float[..., units] to float32[..., width], as wide as the table."""
        hidden = ops.cast(hidden, "float32")
        return hidden if self.projection is None else ops.matmul(hidden, self.projection)

    def logits(self, hidden: Any) -> Any:
        """float[..., units] to float32[..., vocabulary]."""
        return ops.matmul(self.projected(hidden), ops.transpose(self.table)) + self.bias

    def call(self, hidden: Any, targets: Any, training: bool | None = None) -> Any:
        """float[rows, steps, units] and int[rows, steps] to float32[rows, steps]."""
        logits = self.logits(hidden)
        found = -ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        if training and self.smoothing:
            spread = ops.mean(logits, axis=-1) - ops.logsumexp(logits, axis=-1)
            found = (1 - self.smoothing) * found + self.smoothing * spread
        return ops.where(ops.equal(targets, _NONE), 0.0, found)

    def compute_output_shape(self, hidden_shape: Any, *_: Any, **__: Any) -> tuple[Any, ...]:
        return tuple(hidden_shape[:-1])


class Surprise(keras.losses.Loss):
    """The negative log-probability that the network gives, in nats, of each token."""

    def call(self, target: Any, output: Any) -> Any:
        """int[rows, steps] and the network's outputs to float[rows, steps]."""
        del target
        return -output["log_probability"]
