"""The network: the log-probability of each token, by an LSTM over those before it."""

import math
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

    embedding = keras.layers.Embedding(size, model.embedding, name=EMBEDDING)
    # Locked over a window (Gal and Ghahramani 2016; Merity et al. 2018).
    embedded = keras.layers.SpatialDropout1D(model.embedding_dropout)(embedding(tokens))
    sequence, _, states = Lanes(
        model.units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=False,
        dropout=model.layer_dropout,
        use_cudnn=use_cudnn,
        return_states=True,
        name=RECURRENT,
    )(
        embedded,
        mask=ops.not_equal(tokens, PADDING_ID),
        initial_state=by_layer(state, model.layers),
    )
    # Softmax and loss in float32, also under mixed precision.
    output = NextToken(
        size, embedding if model.tied else None, model.sampled, name=OUTPUT, dtype="float32"
    )
    sequence = keras.layers.SpatialDropout1D(model.dropout)(sequence)
    log_probability = output(sequence, targets)
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


class NextToken(keras.layers.Layer):
    """The log-probability of the token that comes next, by a softmax over all tokens.

    In training it may be estimated: the sum over all tokens from some that are drawn, each over
    the number of times that it is expected (importance sampling; Bengio and Senecal 2003, Jean et
    al. 2015). Tokens stand by falling frequency, so that they are drawn by Zipf's law.

    Args:
      size: of the vocabulary, with padding, unknown and border.
      tied: the embedding whose table this is as well, or None.
      sampled: how many tokens are drawn in training; 0 for all.
    """

    def __init__(
        self, size: int, tied: keras.layers.Embedding | None = None, sampled: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.tied = tied
        self.sampled = sampled if sampled < size - 1 else 0
        self.seed_generator = keras.random.SeedGenerator()

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
    def _table(self) -> Any:
        return self.kernel if self.tied is None else self.tied.embeddings

    def _projected(self, hidden: Any) -> Any:
        hidden = ops.cast(hidden, "float32")
        return hidden if self.projection is None else ops.matmul(hidden, self.projection)

    def logits(self, hidden: Any) -> Any:
        """float[..., width] to float32[..., vocabulary]."""
        return ops.matmul(self._projected(hidden), ops.transpose(self._table)) + self.bias

    def call(self, hidden: Any, targets: Any, training: bool | None = None) -> Any:
        """float[rows, steps, width] and int[rows, steps] to float32[rows, steps]."""
        if training and self.sampled:
            return self._estimated(self._projected(hidden), targets)
        loss = ops.sparse_categorical_crossentropy(targets, self.logits(hidden), from_logits=True)
        return ops.where(ops.equal(targets, PADDING_ID), 0.0, -loss)

    def _estimated(self, hidden: Any, targets: Any) -> Any:
        # Padding is never drawn. P(k) = ln((k + 1) / k) / ln(n + 1) for the k-th of n others.
        others = self.size - 1
        spread = math.log(others + 1)
        drawn = ops.exp(spread * keras.random.uniform((self.sampled,), seed=self.seed_generator))
        drawn = ops.clip(ops.cast(ops.floor(drawn), "int32"), 1, others)
        rank = ops.cast(drawn, "float32")
        expected = self.sampled * ops.log1p(1 / rank) / spread
        table, bias = ops.take(self._table, drawn, axis=0), ops.take(self.bias, drawn)
        logits = ops.matmul(hidden, ops.transpose(table)) + bias - ops.log(expected)
        same = ops.equal(ops.expand_dims(ops.cast(targets, "int32"), -1), drawn)
        logits = ops.where(same, -1e9, logits)
        own = ops.sum(hidden * ops.take(self._table, targets, axis=0), axis=-1)
        own = own + ops.take(self.bias, targets)
        every = ops.concatenate([ops.expand_dims(own, -1), logits], axis=-1)
        return own - ops.logsumexp(every, axis=-1)

    def compute_output_shape(self, hidden_shape: Any, *_: Any, **__: Any) -> tuple[Any, ...]:
        return tuple(hidden_shape[:-1])


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
