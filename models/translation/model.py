"""The network: the log-probability of each token of a translation, given the source."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from tidegate.models.core.task import Objective
from tidegate.models.core.transform import TransformFacts
from tidegate.models.layers.attention import Attention
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.layers.token_softmax import Surprise, TokenSoftmax
from tidegate.models.text.reversible import FIRST_ID, PADDING_ID, UNKNOWN_ID
from tidegate.models.translation.preprocess import SOURCE, TARGET, vocabulary_of
from tidegate.models.translation.settings import FeatureSettings, ModelSettings

Tensor = Any
# Of the source's embedding: from numbers as small as Keras's own, attention hardly begins to learn.
_SPREAD = 0.5


@dataclass(frozen=True)
class Parts:
    """The layers of a network, which training and decoding put together each in their way.

    Attributes:
      source_embedding: of the source's tokens.
      encoder: bidirectional; each step's outputs and each layer's states are `units` wide.
      target_embedding: of the translation's tokens.
      decoder: begins in the encoder's last states.
      attention: behind the decoder's layers, so that these see a whole translation at once.
      combined: from context and decoder's output (Luong et al. 2015).
      output: the softmax.
    """

    source_embedding: keras.layers.Embedding
    encoder: RecurrentStack
    target_embedding: keras.layers.Embedding
    decoder: RecurrentStack
    attention: Attention
    combined: keras.layers.Dense
    output: TokenSoftmax

    @classmethod
    def of(cls, network: keras.Model) -> "Parts":
        """Those of a network that `build_model` has made."""
        return cls(**{name: network.get_layer(name) for name in cls.__dataclass_fields__})

    def encode(self, embedded: Tensor, source: Tensor) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
        """Reads the sources.

        Args:
          embedded: float[rows, steps, embedding], of the source.
          source: int[rows, steps], right-padded with 0.

        Returns:
          float[rows, steps, units], what is looked at; bool[rows, steps], where; and [h, c] of each
          of the decoder's layers, float[rows, units] each.
        """
        mask = ops.not_equal(source, PADDING_ID)
        memory, _, states = self.encoder(embedded, mask=mask)
        joined = [
            [ops.concatenate([h, h_back], axis=-1), ops.concatenate([c, c_back], axis=-1)]
            for h, c, h_back, c_back in states
        ]
        return memory, mask, joined

    def look(
        self, decoded: Tensor, memory: Tensor, mask: Tensor, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """float[rows, steps, units] of the decoder to what `output` takes, and the weights."""
        context, weights = self.attention(decoded, memory, mask, keys)
        return self.combined(ops.concatenate([context, decoded], axis=-1)), weights


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over whole pairs, each token after the true ones before it.

    Args:
      model: sizes.
      features: whether the sides share a vocabulary, and whether unknown tokens are copied.
      facts: the vocabularies' sizes, from the transform graph.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from `source`, `tokens` and `targets` int32[rows, steps], as `model_inputs` gives
      them, to `log_probability` float32[rows, steps] of the targets, 0 where there is none.
    """
    source = keras.Input((None,), dtype="int32", name="source")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    targets = keras.Input((None,), dtype="int32", name="targets")
    size = facts.size(TARGET) + FIRST_ID
    normal = keras.initializers.RandomNormal
    target_embedding = keras.layers.Embedding(
        size,
        model.embedding,
        # So that the first logits of a table that is the output's as well are of size 1.
        embeddings_initializer=normal(stddev=model.embedding**-0.5),
        name="target_embedding",
    )
    recurrent: dict[str, Any] = {
        "layers": model.layers,
        "dropout": model.layer_dropout,
        "use_cudnn": use_cudnn,
    }
    parts = Parts(
        source_embedding=keras.layers.Embedding(
            facts.size(vocabulary_of(SOURCE, features)) + FIRST_ID,
            model.embedding,
            embeddings_initializer=normal(stddev=_SPREAD),
            name="source_embedding",
        ),
        encoder=RecurrentStack(model.units // 2, return_states=True, name="encoder", **recurrent),
        target_embedding=target_embedding,
        decoder=RecurrentStack(
            model.units, bidirectional=False, return_states=True, name="decoder", **recurrent
        ),
        attention=Attention(model.attention, name="attention"),
        combined=keras.layers.Dense(
            model.units, activation="tanh", use_bias=False, name="combined"
        ),
        # Softmax and loss in float32, also under mixed precision.
        output=TokenSoftmax(
            size,
            target_embedding if model.tied else None,
            smoothing=model.label_smoothing,
            # An unknown token is given out where it becomes one of the source's.
            withheld=(PADDING_ID,) if features.copy_unknown else (PADDING_ID, UNKNOWN_ID),
            name="output",
            dtype="float32",
        ),
    )
    # Locked over a text (Gal and Ghahramani 2016).
    dropped = keras.layers.SpatialDropout1D
    embedded = dropped(model.embedding_dropout)(parts.source_embedding(source))
    memory, mask, state = parts.encode(embedded, source)
    embedded = dropped(model.embedding_dropout)(parts.target_embedding(tokens))
    # No mask: padding is behind the last token, and its outputs count nothing.
    decoded, _, _ = parts.decoder(embedded, initial_state=state)
    hidden, _ = parts.look(decoded, memory, mask)
    log_probability = parts.output(dropped(model.dropout)(hidden), targets)
    return keras.Model(
        [source, tokens, targets], {"log_probability": log_probability}, name="translation"
    )


def objective(model: ModelSettings) -> Objective:
    """The nats per token; the best weights are those that need the fewest on valid."""
    del model
    return Objective(loss=Surprise(), metrics=(), monitor="val_loss", mode="min")
