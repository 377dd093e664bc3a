"""The network: the log-probability of each token, by an LSTM over those before it."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tidegate.models.core.carried import carried
from tidegate.models.core.task import Objective
from tidegate.models.core.transform import TransformFacts
from tidegate.models.language_model.counted import CountedNgrams
from tidegate.models.language_model.preprocess import TOKENS
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.layers.token_softmax import Surprise, TokenSoftmax
from tidegate.models.text.reversible import FIRST_ID, PADDING_ID

EMBEDDING, RECURRENT, OUTPUT, COUNTED = "embedding", "recurrent", "output", "counted"
# What is carried beside the recurrent layers' state.
CONTEXTS = "contexts"
# A probability that is not 0.
_LEAST = 1e-20
_STATES = {"lstm": ("h", "c"), "gru": ("h",)}


def state_names(model: ModelSettings) -> list[str]:
    """What the network carries, by layer: ``h_0``, ``c_0``, and so on."""
    return [f"{name}_{layer}" for layer in range(model.layers) for name in _STATES[model.cell]]


def recurrent_names(network: keras.Model) -> list[str]:
    """The names of `state_names`, of a network."""
    return [name for name in carried(network) if name != CONTEXTS]


def by_layer(state: Sequence[Any], layers: int) -> list[list[Any]]:
    """The carried tensors, in the order of `state_names`, as each layer has them."""
    each = len(state) // layers
    return [list(state[at : at + each]) for at in range(0, len(state), each)]


def top_state(network: keras.Model) -> str:
    """The name of the state that is the last layer's output, which the next token follows from."""
    return f"h_{network.get_layer(RECURRENT).depth - 1}"


def counted(network: keras.Model) -> CountedNgrams | None:
    """The n-grams beside a network, if there are any."""
    return network.get_layer(COUNTED) if CONTEXTS in carried(network) else None


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over one window of each lane.

    Args:
      model: sizes.
      features: how long n-grams are.
      facts: vocabulary size, from the transform graph.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from `tokens` int32[rows, steps], right-padded with 0 outside training; `targets`
      int32[rows, steps], the tokens that come next; `begins` bool[rows], whether a row begins
      anew; and the state, float[rows, ...] each; to `log_probability` float32[rows, steps] of
      the targets, 0 where there is none, and the state after the last token.
    """
    size = facts.size(TOKENS) + FIRST_ID
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    targets = keras.Input((None,), dtype="int32", name="targets")
    begins = keras.Input((), dtype="bool", name="begins")
    names = state_names(model)
    given = {name: keras.Input((model.units,), name=name) for name in names}
    if model.ngrams:
        given[CONTEXTS] = keras.Input((features.longest - 1,), name=CONTEXTS)
    goes_on = ops.expand_dims(ops.cast(ops.logical_not(begins), "float32"), -1)
    state = {name: one * goes_on for name, one in given.items()}

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
        initial_state=by_layer([state[name] for name in names], model.layers),
    )
    # Softmax and loss in float32, also under mixed precision.
    output = NextToken(
        size, embedding if model.tied else None, model.sampled, name=OUTPUT, dtype="float32"
    )
    sequence = keras.layers.SpatialDropout1D(model.dropout)(sequence)
    flat = [one for layer in states for one in layer]
    outputs = dict(zip(names, flat, strict=True))
    if model.ngrams:
        *beside, outputs[CONTEXTS] = CountedNgrams(
            size, features.longest, model.ngrams, whole=not output.sampled, name=COUNTED
        )(tokens, targets, state[CONTEXTS])
        outputs["log_probability"] = output(sequence, targets, *beside)
    else:
        outputs["log_probability"] = output(sequence, targets)
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


class NextToken(TokenSoftmax):
    """The log-probability of the token that comes next, by a softmax over all tokens.

    In training it may be estimated: the sum over all tokens from some that are drawn, each over
    the number of times that it is expected (importance sampling; Bengio and Senecal 2003, Jean et
    al. 2015). Tokens stand by falling frequency, so that they are drawn by Zipf's law.

    Beside it may stand the probabilities P of an n-gram model, and how much it knows. Where the
    softmax is whole, its logits stand on theirs, log P, each with a factor: the network learns in
    what they are wrong, as in a maximum-entropy model with a prior (Berger and Printz 1998, "A
    comparison of criteria for maximum entropy / minimum divergence feature selection"). Where it
    is drawn, the network learns alone, and the answer is a mean, g softmax + (1 - g) P; how g
    follows from what is known is found once the network is trained.

    Args:
      size: of the vocabulary, with padding, unknown and border.
      tied: the embedding whose table this is as well, or None.
      sampled: how many tokens are drawn in training; 0 for all.
    """

    def __init__(
        self, size: int, tied: keras.layers.Embedding | None = None, sampled: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(size, tied, **kwargs)
        self.sampled = sampled if sampled < size - 1 else 0
        self.seed_generator = keras.random.SeedGenerator()

    def build(
        self,
        hidden_shape: Any,
        targets_shape: Any,
        counted_shape: Any = None,
        known_shape: Any = None,
    ) -> None:
        super().build(hidden_shape)
        if known_shape is None:
            return
        known = known_shape[-1]
        if self.sampled:
            # The network's share of the mean: as if a half, until it is found.
            self.gate = self.add_weight(
                (known + 1,), initializer="zeros", trainable=False, name="gate"
            )
            return
        self.by_known = self.add_weight((known, self.size), initializer="zeros", name="by_known")
        self.factor = self.add_weight((known + 1,), initializer="zeros", name="factor")

    def logits(self, hidden: Any, counted: Any = None, known: Any = None) -> Any:
        """What all tokens' probabilities are the softmax of.

        Args:
          hidden: float[..., width].
          counted: float32[..., vocabulary], the probabilities of n-grams, or None.
          known: float32[..., contexts], how much they know.

        Returns:
          float32[..., vocabulary].
        """
        own = super().logits(hidden)
        if counted is None:
            return own
        if self.sampled:
            share = ops.sigmoid(_linear(known, self.gate))
            return ops.log(share * ops.softmax(own) + (1 - share) * counted + _LEAST)
        factor = 1 + _linear(known, self.factor)
        return own + ops.matmul(known, self.by_known) + factor * ops.log(counted + _LEAST)

    def call(  # type: ignore[override]
        self,
        hidden: Any,
        targets: Any,
        counted: Any = None,
        known: Any = None,
        training: bool | None = None,
    ) -> Any:
        """The log-probability of each target.

        Args:
          hidden: float[rows, steps, width].
          targets: int[rows, steps].
          counted: what n-grams give: float32[rows, steps, vocabulary], or of a mean the targets'
            own, float32[rows, steps].
          known: float32[rows, steps, contexts].
          training: estimates it, where tokens are drawn.

        Returns:
          float32[rows, steps], 0 for padding.
        """
        if training and self.sampled:
            return self._estimated(self.projected(hidden), targets)
        mean = self.sampled and counted is not None
        logits = self.logits(hidden) if mean else self.logits(hidden, counted, known)
        found = -ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        if mean:
            share = ops.sigmoid(_linear(known, self.gate))[..., 0]
            found = ops.log(share * ops.exp(found) + (1 - share) * counted + _LEAST)
        return ops.where(ops.equal(targets, PADDING_ID), 0.0, found)

    def _estimated(self, hidden: Any, targets: Any) -> Any:
        # Padding is never drawn. P(k) = ln((k + 1) / k) / ln(n + 1) for the k-th of n others.
        others = self.size - 1
        spread = math.log(others + 1)
        drawn = ops.exp(spread * keras.random.uniform((self.sampled,), seed=self.seed_generator))
        drawn = ops.clip(ops.cast(ops.floor(drawn), "int32"), 1, others)
        rank = ops.cast(drawn, "float32")
        expected = self.sampled * ops.log1p(1 / rank) / spread
        table, bias = ops.take(self.table, drawn, axis=0), ops.take(self.bias, drawn)
        logits = ops.matmul(hidden, ops.transpose(table)) + bias - ops.log(expected)
        same = ops.equal(ops.expand_dims(ops.cast(targets, "int32"), -1), drawn)
        logits = ops.where(same, -1e9, logits)
        own = ops.sum(hidden * ops.take(self.table, targets, axis=0), axis=-1)
        own = own + ops.take(self.bias, targets)
        every = ops.concatenate([ops.expand_dims(own, -1), logits], axis=-1)
        return own - ops.logsumexp(every, axis=-1)


def _linear(known: Any, weights: Any) -> Any:
    """float[..., contexts] and float[contexts + 1] to float[..., 1]."""
    return ops.matmul(known, weights[:-1, None]) + weights[-1]


def objective(model: ModelSettings) -> Objective:
    """The nats per token; the best weights are those that need the fewest on valid."""
    del model
    return Objective(loss=Surprise(), metrics=(), monitor="val_loss", mode="min")
