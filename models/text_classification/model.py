"""The network: a deep part, an LSTM over tokens, beside a wide part, linear in their n-grams."""

import math
from typing import Any

import keras
from keras import ops

from tidegate.models.core.task import Objective
from tidegate.models.core.transform import TransformFacts
from tidegate.models.layers.pooling import MaskedPooling
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.text.tokens import FIRST_ID, PADDING_ID, UNKNOWN_ID
from tidegate.models.text_classification.ngrams import NgramLogits, WordDropout
from tidegate.models.text_classification.preprocess import LABELS, TOKENS
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings

EMBEDDING = "embedding"
# More buckets than this cost memory and time, and no longer accuracy.
_MOST_BUCKETS = 2**19


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
      to the logits of its parts, float32[batch, parts, classes]; the network's own logits are
      their sum (`total_logits`).
    """
    del features
    classes = facts.size(LABELS)
    tokens = keras.Input((None,), dtype="int64", name="tokens")
    parts = [_deep_part(tokens, model, facts.size(TOKENS) + FIRST_ID, classes, use_cudnn)]
    if model.ngrams:
        parts.append(
            NgramLogits(
                classes,
                model.ngrams,
                ngram_buckets(model.ngram_weights, classes),
                dropout=model.ngram_dropout,
                name="wide",
            )(tokens)
        )
    stacked = ops.stack(parts, axis=1)
    # Softmax and loss in float32, also under mixed precision.
    logits = keras.layers.Activation("linear", dtype="float32", name="output")(stacked)
    return keras.Model({"tokens": tokens}, logits, name="text_classification")


def ngram_buckets(weights: int, classes: int) -> int:
    """The hash buckets that a number of weights allows: a power of two, from 16 to 524,288."""
    return int(min(max(2 ** int(math.log2(max(weights // classes, 1))), 16), _MOST_BUCKETS))


def _deep_part(
    tokens: Any, model: ModelSettings, ids: int, classes: int, use_cudnn: bool | str
) -> Any:
    mask = ops.not_equal(tokens, PADDING_ID)
    embedded = keras.layers.Embedding(ids, model.embedding, name=EMBEDDING)(
        WordDropout(model.word_dropout, UNKNOWN_ID, name="word_dropout")(tokens)
    )
    # Whole channels at once (Gal and Ghahramani 2016): single values are easily guessed from
    # their neighbours.
    embedded = keras.layers.SpatialDropout1D(model.embedding_dropout)(embedded)
    sequence, last = RecurrentStack(
        model.units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=model.bidirectional,
        dropout=model.recurrent_input_dropout,
        use_cudnn=use_cudnn,
        name="recurrent",
    )(embedded, mask=mask)
    pooled = MaskedPooling(model.pooling, name="pooling")(sequence, last, mask=mask)
    return keras.layers.Dense(classes, name="logits")(keras.layers.Dropout(model.dropout)(pooled))


def total_logits(parts: Any) -> Any:
    """float[batch, parts, classes] to the network's logits, float[batch, classes]."""
    return ops.sum(parts, axis=1)


def objective(model: ModelSettings) -> Objective:
    """Cross-entropy; the best weights are those of the highest validation accuracy."""
    return Objective(
        loss=PartsCrossentropy(model.part_loss, model.label_smoothing),
        metrics=(PartsAccuracy(name="accuracy"),),
        monitor="val_accuracy",
        mode="max",
    )


class PartsCrossentropy(keras.losses.Loss):
    """Cross-entropy of the summed logits, and a share of each part's own.

    With the sum alone, the part that learns faster explains the data away, and the other one stays
    untrained (deep supervision: Lee et al. 2015). Label smoothing after Szegedy et al. 2016.

    Args:
      part_loss: weight of each part's own cross-entropy.
      smoothing: share of the target spread evenly over all classes.
    """

    def __init__(self, part_loss: float = 0.0, smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**{"name": "crossentropy", **kwargs})
        self.part_loss = part_loss
        self.smoothing = smoothing

    def call(self, target: Any, parts: Any) -> Any:
        """int[batch] and float[batch, parts, classes] to float[batch]."""
        loss = self._crossentropy(target, total_logits(parts))
        if self.part_loss and parts.shape[1] > 1:
            for part in range(parts.shape[1]):
                loss = loss + self.part_loss * self._crossentropy(target, parts[:, part])
        return loss

    def _crossentropy(self, target: Any, logits: Any) -> Any:
        logp = ops.log_softmax(logits, axis=-1)
        target = ops.cast(ops.reshape(target, (-1, 1)), "int32")
        own = ops.take_along_axis(logp, target, axis=-1)[:, 0]
        return -(1 - self.smoothing) * own - self.smoothing * ops.mean(logp, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "part_loss": self.part_loss,
            "smoothing": self.smoothing,
        }


class PartsAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Accuracy of the summed logits."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """int[batch] and float[batch, parts, classes]."""
        return super().update_state(y_true, total_logits(y_pred), sample_weight)
