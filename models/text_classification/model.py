"""The network: an LSTM over tokens beside a linear part over words and characters."""

from typing import Any

import keras
from keras import ops

from tidegate.models.core.task import Objective, Pace
from tidegate.models.core.transform import TransformFacts
from tidegate.models.layers.pooling import MaskedPooling
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.text.tokens import FIRST_ID, PADDING_ID, UNKNOWN_ID, are_characters
from tidegate.models.text_classification.linear import LinearLogits, Trust, columns_for
from tidegate.models.text_classification.preprocess import LABELS, TOKENS
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings
from tidegate.models.text_classification.word_dropout import WordDropout

EMBEDDING, LINEAR, TRUST, DEEP = "embedding", "linear", "trust", "logits"
# Of the dropouts, where characters are read: there are few of them, and each is seen often.
_OF_CHARACTERS = 1 / 3


def pace(facts: TransformFacts) -> Pace:
    """Characters are learnt faster, and in more passes."""
    characters = are_characters(facts.vocabulary(TOKENS))
    return Pace(learning_rate=6e-3, passes=(4, 20)) if characters else Pace()


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over one batch of texts.

    Args:
      model: sizes and dropouts.
      features: not used; part of the contract.
      facts: vocabulary size and classes, from the transform graph.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from {`tokens`, `words`, `characters`}, int[batch, steps] each and right-padded with
      0, at least one token a row, to logits float32[batch, classes]. Gradients train the LSTM
      alone; `calibration` gives the linear part its weights.
    """
    del features
    classes = facts.size(LABELS)
    tokens = keras.Input((None,), dtype="int64", name="tokens")
    inputs = {"tokens": tokens}
    vocabulary = facts.vocabulary(TOKENS)
    characters = are_characters(vocabulary)
    logits = _deep_part(tokens, model, len(vocabulary) + FIRST_ID, classes, characters, use_cudnn)
    if model.linear:
        inputs |= {
            name: keras.Input((None,), dtype="int32", name=name) for name in ("words", "characters")
        }
        linear = LinearLogits(
            classes,
            columns_for(model.linear_weights, classes),
            model.word_ngrams,
            model.character_ngrams,
            name=LINEAR,
        )(inputs["words"], inputs["characters"])
        logits = Trust(name=TRUST, dtype="float32")([logits, linear])
    # Softmax and loss in float32, also under mixed precision.
    logits = keras.layers.Activation("linear", dtype="float32", name="output")(logits)
    return keras.Model(inputs, logits, name="text_classification")


def _deep_part(
    tokens: Any,
    model: ModelSettings,
    ids: int,
    classes: int,
    characters: bool,
    use_cudnn: bool | str,
) -> Any:
    # Few characters of a new text are unknown, and none can be told from its neighbours.
    unknown = 0.0 if characters else model.word_dropout
    share = _OF_CHARACTERS if characters else 1.0
    mask = ops.not_equal(tokens, PADDING_ID)
    embedded = keras.layers.Embedding(ids, model.embedding, name=EMBEDDING)(
        WordDropout(unknown, UNKNOWN_ID, name="word_dropout")(tokens)
    )
    # Whole channels at once (Gal and Ghahramani 2016): single values are easily guessed from
    # their neighbours.
    embedded = keras.layers.SpatialDropout1D(share * model.embedding_dropout)(embedded)
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
    dropped = keras.layers.Dropout(share * model.dropout)(pooled)
    return keras.layers.Dense(classes, name=DEEP)(dropped)


def objective(model: ModelSettings) -> Objective:
    """Cross-entropy; the best weights are those of the highest validation accuracy."""
    return Objective(
        loss=Crossentropy(model.label_smoothing),
        metrics=(keras.metrics.SparseCategoricalAccuracy(name="accuracy"),),
        monitor="val_accuracy",
        mode="max",
    )


class Crossentropy(keras.losses.Loss):
    """Cross-entropy of logits, with label smoothing (Szegedy et al. 2016).

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
