"""The network: embedding, LSTM stack, masked pooling, and a wide linear part over n-grams."""

from typing import Any

import keras
from keras import ops

from models.core.task import Objective
from models.core.tokens import FIRST_ID, PADDING_ID
from models.core.transform import TransformFacts
from models.layers.pooling import MaskedPooling
from models.layers.recurrent import RecurrentStack
from models.text_classification.preprocess import LABELS, TOKENS
from models.text_classification.settings import FeatureSettings, ModelSettings


@keras.saving.register_keras_serializable(package="tidegate")
class NgramLogits(keras.layers.Layer):
    """A linear model over hashed token n-grams: the wide part of a wide and deep network.

    Each n-gram of 1 to `longest` consecutive tokens is hashed to a bucket that holds one weight
    per class; a row's logits are the sum of its n-grams' weights over the root of their number.
    (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Weinberger et al. 2009,
    "Feature Hashing for Large Scale Multitask Learning".)

    Args:
      classes: number of classes.
      longest: n of the longest n-gram, 1 or more.
      buckets: number of hash buckets.
    """

    def __init__(self, classes: int, longest: int, buckets: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.longest = longest
        self.buckets = buckets
        self.weights_of = keras.layers.Embedding(
            buckets, classes, embeddings_initializer="zeros", name="ngrams"
        )

    def build(self, input_shape: Any) -> None:
        self.weights_of.build(input_shape)
        self.built = True

    def call(self, tokens: Any) -> Any:
        """int[batch, steps] tokens, 0 is padding, to float[batch, classes]."""
        # int32 wraps around on overflow, which a hash does not mind; the shift of the token by
        # its place keeps "a b" and "b a" apart.
        tokens = ops.cast(tokens, "int32")
        total: Any = 0.0
        count: Any = 0.0
        gram = tokens * 0
        mask = ops.ones_like(tokens, dtype="bool")
        for n in range(self.longest):
            later = tokens if n == 0 else ops.pad(tokens[:, n:], [[0, 0], [0, n]])
            gram = gram * 1_000_003 + later * 97 + n
            mask = ops.logical_and(mask, ops.not_equal(later, PADDING_ID))
            hashed = ops.mod(ops.bitwise_xor(gram, ops.right_shift(gram, 15)), self.buckets)
            shown = ops.cast(mask, self.compute_dtype)
            weights = self.weights_of(hashed) * ops.expand_dims(shown, -1)
            total = total + ops.sum(weights, axis=1)
            count = count + ops.sum(shown, axis=1, keepdims=True)
        return total / ops.sqrt(ops.maximum(count, 1.0))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "classes": self.classes,
            "longest": self.longest,
            "buckets": self.buckets,
        }


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over one batch of token ids.

    Args:
      model: sizes and dropouts.
      features: not used; part of the contract.
      facts: vocabulary size and classes, from the transform graph.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from {`tokens`: int[batch, steps]}, right-padded with 0, at least one token a row,
      to logits float32[batch, classes].
    """
    del features
    classes = facts.size(LABELS)
    tokens = keras.Input((None,), dtype="int64", name="tokens")
    mask = ops.not_equal(tokens, PADDING_ID)
    embedded = keras.layers.Embedding(
        facts.size(TOKENS) + FIRST_ID, model.embedding, name="embedding"
    )(tokens)
    # Whole channels at once (Gal and Ghahramani 2016): single values are easily guessed from
    # their neighbours.
    embedded = keras.layers.SpatialDropout1D(model.embedding_dropout)(embedded)
    sequence, last = RecurrentStack(
        model.units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=model.bidirectional,
        dropout=model.dropout,
        use_cudnn=use_cudnn,
        name="recurrent",
    )(embedded, mask=mask)
    pooled = MaskedPooling(model.pooling, name="pooling")(sequence, last, mask=mask)
    pooled = keras.layers.Dropout(model.dropout)(pooled)
    logits = keras.layers.Dense(classes, name="logits")(pooled)
    if model.ngrams:
        logits = logits + NgramLogits(classes, model.ngrams, model.ngram_buckets, name="wide")(
            tokens
        )
    # Softmax and loss in float32, also under mixed precision.
    logits = keras.layers.Activation("linear", dtype="float32", name="output")(logits)
    return keras.Model({"tokens": tokens}, logits, name="text_classification")


def objective(model: ModelSettings) -> Objective:
    """Cross-entropy; the best weights are those of the highest validation accuracy."""
    return Objective(
        loss=SmoothedCrossentropy(model.label_smoothing),
        metrics=(keras.metrics.SparseCategoricalAccuracy(name="accuracy"),),
        monitor="val_accuracy",
        mode="max",
    )


class SmoothedCrossentropy(keras.losses.Loss):
    """Sparse categorical cross-entropy with label smoothing (Szegedy et al. 2016), from logits.

    Args:
      smoothing: share of the target spread evenly over all classes.
    """

    def __init__(self, smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**{"name": "crossentropy", **kwargs})
        self.smoothing = smoothing

    def call(self, target: Any, logits: Any) -> Any:
        """int[batch] and float[batch, classes] to float[batch]."""
        logp = ops.log_softmax(logits, axis=-1)
        target = ops.cast(ops.reshape(target, (-1, 1)), "int32")
        own = ops.take_along_axis(logp, target, axis=-1)[:, 0]
        return -(1 - self.smoothing) * own - self.smoothing * ops.mean(logp, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "smoothing": self.smoothing}
