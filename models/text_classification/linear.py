"""The linear part of the network: TF-IDF of words and of characters, and a weight for each."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tidegate.models.text_classification import grams

# N-grams that the part knows at most, however few the classes.
_MOST_COLUMNS = 2**18


def columns_for(weights: int, classes: int) -> int:
    """The n-grams that a number of weights over all classes allows: 16 to 262,144."""
    return min(max(weights // classes, 16), _MOST_COLUMNS)


@keras.saving.register_keras_serializable(package="tidegate")
class LinearLogits(keras.layers.Layer):
    """Logits linear in the TF-IDF of a row's n-grams.

    A row's n-gram g that occurs t times has the value (1 + ln t) idf_g; the values of words and of
    characters are each scaled to length 1. Its weights are set by `set_columns`, not by gradients:
    in training the logits are 0.

    Args:
      classes: number of classes.
      columns: n-grams that have weights, at most.
      words: n of the longest n-gram of words; 0 for none.
      characters: n of the longest n-gram of characters within words; 0 for none.
    """

    def __init__(
        self, classes: int, columns: int, words: int, characters: int, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.classes = classes
        self.columns = columns
        self.words = words
        self.characters = characters

    def build(self, words_shape: Any, characters_shape: Any) -> None:
        self.keys = self.add_weight(
            shape=(self.columns,),
            dtype="int32",
            initializer=keras.initializers.Constant(grams.NO_GRAM),
            trainable=False,
            name="keys",
        )
        for name, shape in (
            ("idf", (self.columns,)),
            ("table", (self.columns, self.classes)),
            ("bias", (self.classes,)),
        ):
            made = self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
            setattr(self, name, made)
        self.built = True

    def blocks(self, words: Any, characters: Any) -> list[list[tuple[Any, Any]]]:
        """The n-grams of words, then those of characters, as `grams` counts them.

        Args:
          words: int[batch, steps], as `grams.word_grams` takes them.
          characters: int[batch, steps], as `grams.character_grams` takes them.
        """
        return [
            grams.word_grams(words, self.words),
            grams.character_grams(characters, self.characters),
        ]

    def call(self, words: Any, characters: Any, training: bool | None = None) -> Any:
        """As `blocks` takes them, to float32[batch, classes]."""
        rows = ops.shape(words)[0]
        if training:
            return ops.zeros((rows, self.classes))
        total = ops.broadcast_to(self.bias, (rows, self.classes))
        for block in self.blocks(words, characters):
            logits, squares = 0.0, 0.0
            for hashes, counts in block:
                flat = ops.reshape(hashes, (-1,))
                place = ops.minimum(ops.searchsorted(self.keys, flat), self.columns - 1)
                known = ops.cast(ops.equal(ops.take(self.keys, place), flat), "float32")
                value = ops.reshape(known * ops.take(self.idf, place), ops.shape(hashes)) * counts
                weights = ops.take(self.table, ops.reshape(place, ops.shape(hashes)), axis=0)
                logits = logits + ops.einsum("bg,bgk->bk", value, weights)
                squares = squares + ops.sum(ops.square(value), axis=1, keepdims=True)
            if block:
                total = total + logits / ops.sqrt(ops.maximum(squares, 1e-12))
        return total

    def compute_output_shape(self, words_shape: Any, characters_shape: Any) -> Any:
        return (words_shape[0], self.classes)

    def set_columns(
        self, keys: np.ndarray, idf: np.ndarray, table: np.ndarray, bias: np.ndarray
    ) -> None:
        """Gives n-grams their weights.

        Args:
          keys: int32[n], hashes in ascending order, no more than `columns`.
          idf: float[n].
          table: float[n, classes].
          bias: float[classes].
        """
        more = self.columns - len(keys)
        if more < 0 or np.any(np.diff(keys.astype(np.int64)) <= 0):
            raise ValueError(f"expected up to {self.columns} ascending keys; received {len(keys)}")
        self.keys.assign(np.pad(keys, (0, more), constant_values=grams.NO_GRAM))
        self.idf.assign(np.pad(idf, (0, more)))
        self.table.assign(np.pad(table, ((0, more), (0, 0))))
        self.bias.assign(bias)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "classes": self.classes,
            "columns": self.columns,
            "words": self.words,
            "characters": self.characters,
        }


@keras.saving.register_keras_serializable(package="tidegate")
class Trust(keras.layers.Layer):
    """A weighted sum of the parts' logits: of their probabilities, a geometric mean.

    The weights are set by calibration; until then they are 1.
    """

    def build(self, input_shape: Any) -> None:
        self.shares = self.add_weight(
            shape=(len(input_shape),), initializer="ones", trainable=False, name="weights"
        )
        self.built = True

    def call(self, parts: Any) -> Any:
        """A list of float[batch, classes] to one of them."""
        weights = ops.unstack(ops.cast(self.shares, self.compute_dtype), len(parts))
        return sum(weight * part for weight, part in zip(weights, parts, strict=True))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
