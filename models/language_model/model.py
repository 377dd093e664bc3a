"""The network: the log-probability of each token, by an LSTM over those before it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tidegate.models.core.task import Objective
from tidegate.models.core.transform import TransformFacts
from tidegate.models.language_model.preprocess import TOKENS
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.text.reversible import FIRST_ID, PADDING_ID

EMBEDDING, RECURRENT, OUTPUT = "embedding", "recurrent", "output"
_STATES = {"lstm": ("h", "c"), "gru": ("h",)}


def state_names(model: ModelSettings) -> list[str]:
    """What the network carries, by layer: ``h_0``, ``c_0``, and so on."""
    return [f"{name}_{layer}" for layer in range(model.layers) for name in _STATES[model.cell]]


def by_layer(state: Sequence[Any], layers: int) -> list[list[Any]]:
    """The carried tensors, in the order of `state_names`, as each layer has them."""
    each = len(state) // layers
    return [list(state[at : at + each]) for at in range(0, len(state), each)]


def top_state(network: keras.Model) -> str:
    """The name of the state that is the last layer's output, which the next token follows from."""
    return f"h_{network.get_layer(RECURRENT).depth - 1}"


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over one window of each lane.

    Args:
      model: sizes.
      features: not used; part of the contract.
      facts: vocabulary size, from the transform graph.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from `tokens` int32[rows, steps], right-padded with 0 outside training; `targets`
      int32[rows, steps], the tokens that come next; `begins` bool[rows], whether a row begins
      anew; and the state, float[rows, units] each; to `log_probability` float32[rows, steps] of
      the targets, 0 where there is none, and the state after the last token.
    """
    del features
    size = facts.size(TOKENS) + FIRST_ID
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    targets = keras.Input((None,), dtype="int32", name="targets")
    begins = keras.Input((), dtype="bool", name="begins")
    names = state_names(model)
    given = {name: keras.Input((model.units,), name=name) for name in names}
    goes_on = ops.expand_dims(ops.cast(ops.logical_not(begins), "float32"), -1)
    state = [one * goes_on for one in given.values()]

    embedded = keras.layers.Embedding(size, model.embedding, name=EMBEDDING)(tokens)
    sequence, _, states = Lanes(
        model.units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=False,
        use_cudnn=use_cudnn,
        return_states=True,
        name=RECURRENT,
    )(
        embedded,
        mask=ops.not_equal(tokens, PADDING_ID),
        initial_state=by_layer(state, model.layers),
    )
    # Softmax and loss in float32, also under mixed precision.
    log_probability = NextToken(size, name=OUTPUT, dtype="float32")(sequence, targets)
    flat = [one for layer in states for one in layer]
    outputs = {"log_probability": log_probability, **dict(zip(names, flat, strict=True))}
    return keras.Model([tokens, targets, begins, *given.values()], outputs, name="language_model")


@keras.saving.register_keras_serializable(package="tidegate")
class Lanes(RecurrentStack):
    """A recurrent stack over lanes, which have no padding in training: a mask would cost time."""

    def call(
        self,
        sequence: Any,
        mask: Any = None,
        initial_state: Any = None,
        training: bool | None = None,
    ) -> tuple[Any, ...]:
        """As `RecurrentStack`'s; in training the mask counts nothing."""
        found: tuple[Any, ...] = super().call(
            sequence, None if training else mask, initial_state, training
        )
        return found


@keras.saving.register_keras_serializable(package="tidegate")
class NextToken(keras.layers.Layer):
    """The log-probability of the token that comes next, by a softmax over all tokens.

    Args:
      size: of the vocabulary, with padding, unknown and border.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def build(self, hidden_shape: Any, *_: Any) -> None:
        self.kernel = self.add_weight(
            (self.size, hidden_shape[-1]), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight((self.size,), initializer="zeros", name="bias")

    def logits(self, hidden: Any) -> Any:
        """float[..., width] to float32[..., vocabulary]."""
        return ops.matmul(hidden, ops.transpose(self.kernel)) + self.bias

    def call(self, hidden: Any, targets: Any) -> Any:
        """float[rows, steps, width] and int[rows, steps] to float32[rows, steps]."""
        loss = ops.sparse_categorical_crossentropy(targets, self.logits(hidden), from_logits=True)
        return ops.where(ops.equal(targets, PADDING_ID), 0.0, -loss)

    def compute_output_shape(self, hidden_shape: Any, *_: Any) -> tuple[Any, ...]:
        return tuple(hidden_shape[:-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


def objective(model: ModelSettings) -> Objective:
    """The nats per token; the best weights are those that need the fewest on valid."""
    del model
    return Objective(loss=Surprise(), metrics=(), monitor="val_loss", mode="min")


class Surprise(keras.losses.Loss):
    """The negative log-probability that the network gives, in nats, of each token."""

    def call(self, target: Any, output: Any) -> Any:
        """int[rows, steps] and the network's outputs to float[rows, steps]."""
        del target
        return -output["log_probability"]
