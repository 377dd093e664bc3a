"""The wide part: a linear model over hashed n-grams of tokens."""

from typing import Any

import keras
from keras import ops

from tidegate.models.text.tokens import PADDING_ID

# Logits are this many times the sum of weights: as if the n-grams' weights, of which each row
# touches few, learnt that many times faster than the rest of the network.
_SCALE = 8.0


@keras.saving.register_keras_serializable(package="tidegate")
class NgramLogits(keras.layers.Layer):
    """Logits that are linear in the n-grams of a row.

    Each n-gram of 1 to `longest` consecutive tokens is hashed to a bucket b with one weight w_bk
    per class k; a row with the n-grams G has the logits 8 sum_{g in G} w_{b(g)k} / sqrt(|G|).
    (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Weinberger et al. 2009,
    "Feature Hashing for Large Scale Multitask Learning".)

    Args:
      classes: number of classes.
      longest: n of the longest n-gram, 1 or more.
      buckets: number of hash buckets.
      dropout: share of a row's n-grams that is left out in training.
    """

    def __init__(
        self, classes: int, longest: int, buckets: int, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.longest = longest
        self.buckets = buckets
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.table = keras.layers.Embedding(
            buckets, classes, embeddings_initializer="zeros", name="ngrams"
        )

    def build(self, input_shape: Any) -> None:
        self.table.build(input_shape)
        self.built = True

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        """Token ids to logits.

        Args:
          tokens: int[batch, steps], 0 is padding, on the right.
          training: whether n-grams are dropped.

        Returns:
          float[batch, classes].
        """
        hashes, present = self._hashes(ops.cast(tokens, "int32"))
        present = ops.cast(present, self.compute_dtype)
        count = ops.sum(present, axis=1, keepdims=True)
        shown = self.dropout(present, training=training)
        total = ops.einsum("bgk,bg->bk", self.table(hashes), shown)
        return _SCALE * total / ops.sqrt(ops.maximum(count, 1.0))

    def _hashes(self, tokens: Any) -> tuple[Any, Any]:
        """int[batch, steps] to buckets and whether there is an n-gram, both [batch, n * steps]."""
        # Padded once, so that rows shorter than an n-gram keep their shape.
        padded = ops.pad(tokens, [[0, 0], [0, self.longest]])
        gram = ops.zeros_like(tokens)
        here = ops.ones_like(tokens, dtype="bool")
        hashes, present = [], []
        for n in range(self.longest):
            later = padded[:, n : n - self.longest]
            # int32 wraps around, which a hash does not mind; the order of the tokens matters.
            gram = gram * 1_000_003 + later * 97 + n
            here = ops.logical_and(here, ops.not_equal(later, PADDING_ID))
            mixed = ops.bitwise_xor(gram, ops.right_shift(gram, 15))
            hashes.append(ops.mod(mixed, self.buckets))
            present.append(here)
        return ops.concatenate(hashes, axis=1), ops.concatenate(present, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "classes": self.classes,
            "longest": self.longest,
            "buckets": self.buckets,
            "dropout": self.dropout.rate,
        }


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
