"""A stack of LSTM or GRU layers that cuDNN can always run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tidegate.models.layers.block_lstm import block_lstm, block_lstm_applies

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor

# Weight layout of both cells is Keras's: gates side by side in one kernel.
_CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
_STATES_PER_CELL = {"lstm": 2, "gru": 1}


def reverse_valid(sequence: Tensor, mask: Tensor | None) -> Tensor:
    """Reverses the valid steps of each row and leaves the padding where it is, on the right.

    With n valid steps in a row, r_t = s_{n-1-t} for t < n and r_t = s_t from there on; applied
    twice it gives the sequence back. (The same idea as `flip_sequences` in flax's sst2 example.)

    Args:
        sequence: `float[batch, steps, features]`.
        mask: `bool[batch, steps]`, right padded, or None where every step is valid.

    Returns:
        `float[batch, steps, features]`.
    """
    if mask is None:
        return ops.flip(sequence, axis=1)
    batch, steps, features = ops.shape(sequence)
    position = ops.arange(steps, dtype="int32")
    length = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    source = ops.where(position < length, length - 1 - position, position)
    # One gather of whole feature rows; take_along_axis would gather every number by itself.
    row = ops.expand_dims(ops.arange(batch, dtype="int32") * steps, axis=1)
    flat = ops.reshape(sequence, (-1, features))
    reversed_flat = ops.take(flat, ops.reshape(row + source, (-1,)), axis=0)
    return ops.reshape(reversed_flat, (batch, steps, features))


@keras.saving.register_keras_serializable(package="tidegate")
class RecurrentStack(keras.layers.Layer):
    """A stack of (bi)directional LSTM or GRU layers, cuDNN-eligible by construction.

    LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000), for the input
    x_t, the output h_t and the memory c_t, with * elementwise and s the logistic sigmoid:

        i_t = s(x_t W_i + h_{t-1} U_i + b_i)        input gate
        f_t = s(x_t W_f + h_{t-1} U_f + b_f)        forget gate
        o_t = s(x_t W_o + h_{t-1} U_o + b_o)        output gate
        g_t = tanh(x_t W_c + h_{t-1} U_c + b_c)     candidate
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    GRU (Cho et al. 2014), in the form that cuDNN computes: the reset gate applies after the
    recurrent product, which therefore has a bias b' of its own:

        z_t = s(x_t W_z + b_z + h_{t-1} U_z + b'_z)               update gate
        r_t = s(x_t W_r + b_r + h_{t-1} U_r + b'_r)               reset gate
        g_t = tanh(x_t W_h + b_h + r_t * (h_{t-1} U_h + b'_h))    candidate
        h_t = z_t * h_{t-1} + (1 - z_t) * g_t

    Bidirectional (Schuster & Paliwal 1997): a second cell reads each row from its last valid step
    to its first, and the two outputs of a step stand side by side, forward first. The backward
    cell is an ordinary forward one over a sequence whose valid steps are reversed, so that its
    mask, too, is right padded, as cuDNN demands, and both kernels see the same problem on every
    backend. (Keras's `go_backwards` flips the padding to the left in the torch backend.)

    Where no GPU is, a narrow LSTM runs on TensorFlow's CPU kernel (`block_lstm`), everything else
    in Keras's loop; the numbers are the same.

    Dropout is variational (Gal & Ghahramani 2016): one mask per row over the features of a
    layer's input, the same at every step and for both directions. It is a layer before the
    recurrent one, not the `dropout` argument of Keras's LSTM: that one draws its mask at
    inference too, so that its seed variable ends up in the served graph.

    Args:
        units: the width of h_t in one direction.
        layers: how many recurrent layers stand on each other.
        cell: "lstm" or "gru".
        bidirectional: whether each layer also reads its input backwards.
        dropout: the share of each layer's input features that is dropped in training, in [0, 1).
        use_cudnn: "auto" takes cuDNN where a GPU is visible when the graph is traced; False never
            does, which an exported graph needs to run on a CPU; True fails where cuDNN is missing.
        return_states: whether a call also returns the final states.
        seed: makes the dropout masks repeatable; None takes one from `keras.utils.set_random_seed`.

    Raises:
        ValueError: an argument is outside the values stated above.

    Example:
        >>> stack = RecurrentStack(units=64, layers=2, dropout=0.3)
        >>> sequence, last = stack(embedded, mask)
        >>> sequence.shape, last.shape
        ((32, 200, 128), (32, 128))
    """

    def __init__(
        self,
        units: int,
        layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = True,
        dropout: float = 0.0,
        use_cudnn: str | bool = "auto",
        return_states: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_count("units", units)
        _check_count("layers", layers)
        if cell not in _CELLS:
            raise ValueError(f"Received cell={cell!r}; expected one of {sorted(_CELLS)}.")
        if (
            isinstance(dropout, bool)
            or not isinstance(dropout, (int, float))
            or not (0.0 <= dropout < 1.0)
        ):
            raise ValueError(f"Received dropout={dropout!r}; expected a number in [0, 1).")
        if use_cudnn not in ("auto", True, False):
            raise ValueError(f"Received use_cudnn={use_cudnn!r}; expected 'auto', True or False.")
        self.units = units
        self.depth = layers  # `layers` by that name is what Keras expects of a model
        self.cell = cell
        self.bidirectional = bool(bidirectional)
        self.dropout = float(dropout)
        self.use_cudnn = use_cudnn
        self.return_states = bool(return_states)
        self.seed = seed
        self.supports_masking = True

        # Different seeds, since layers of one width would otherwise drop the same features.
        self.dropouts = [
            keras.layers.SpatialDropout1D(
                self.dropout,
                seed=None if seed is None else seed + index,
                dtype=self.dtype_policy,
                name=f"dropout_{index}",
            )
            for index in range(layers)
        ]
        self.forward_layers = [self._recurrent(f"forward_{index}") for index in range(layers)]
        self.backward_layers = [
            self._recurrent(f"backward_{index}") for index in range(layers) if self.bidirectional
        ]

    def _recurrent(self, name: str) -> keras.layers.Layer:
        # Everything that cuDNN asks for is written out, so that a changed default of Keras cannot
        # take the fast kernel away unseen.
        extra = {"reset_after": True} if self.cell == "gru" else {}
        return _CELLS[self.cell](
            self.units,
            activation="tanh",
            recurrent_activation="sigmoid",
            use_bias=True,
            recurrent_dropout=0.0,
            unroll=False,
            return_sequences=True,
            return_state=True,
            # cuDNN writes zeros at masked steps; the fallback would repeat the last output.
            zero_output_for_mask=True,
            use_cudnn=self.use_cudnn,
            dtype=self.dtype_policy,
            name=name,
            **extra,
        )

    @property
    def width(self) -> int:
        """Features of `sequence` and `last`: units, times two when bidirectional."""
        return self.units * (2 if self.bidirectional else 1)

    @property
    def states_per_layer(self) -> int:
        """Tensors in one layer's state: h and c (h alone for the GRU), for each direction."""
        return _STATES_PER_CELL[self.cell] * (2 if self.bidirectional else 1)

    def build(self, sequence_shape: Sequence[int | None], *_: Any, **__: Any) -> None:
        shape = tuple(sequence_shape)
        for index in range(self.depth):
            self.dropouts[index].build(shape)
            self.forward_layers[index].build(shape)
            if self.bidirectional:
                self.backward_layers[index].build(shape)
            shape = (*shape[:-1], self.width)

    def call(
        self,
        sequence: Tensor,
        mask: Tensor | None = None,
        initial_state: Sequence[Sequence[Tensor]] | None = None,
        training: bool | None = None,
    ) -> tuple[Any, ...]:
        """Runs the stack.

        Args:
            sequence: `float[batch, steps, features]`.
            mask: `bool[batch, steps]`, True at valid steps, right padded, at least one True in
                every row (cuDNN stops on an empty row). None: every step is valid.
            initial_state: one entry per layer, first layer first: [h, c] for the LSTM, [h] for
                the GRU, and the same again for the backward direction when bidirectional
                ([h, c, h_backward, c_backward]); each `float[batch, units]`. None: zeros.
            training: whether dropout is active.

        Returns:
            (sequence, last), or (sequence, last, states) with `return_states`.
            sequence: `float[batch, steps, width]`, the last layer's outputs; zero at masked steps.
            last: `float[batch, width]`, the last layer's h after it has read the whole row: of
                the last valid step forward, of the first step backward.
            states: the final states, in the form of `initial_state`.
        """
        if mask is not None:
            mask = ops.cast(mask, "bool")
        states = self._layer_states(initial_state)
        finals: list[list[Tensor]] = []
        for index in range(self.depth):
            sequence = self.dropouts[index](sequence, training=training)
            given, half = states[index], _STATES_PER_CELL[self.cell]
            output, *final = _run(
                self.forward_layers[index], sequence, mask, given and given[:half], training
            )
            if self.bidirectional:
                backward, *backward_final = _run(
                    self.backward_layers[index],
                    reverse_valid(sequence, mask),
                    mask,
                    given and given[half:],
                    training,
                )
                output = ops.concatenate([output, reverse_valid(backward, mask)], axis=-1)
                final += backward_final
            finals.append(final)
            sequence = output
        # In each direction h comes first.
        heads = finals[-1][:: _STATES_PER_CELL[self.cell]]
        last = ops.concatenate(heads, axis=-1) if self.bidirectional else heads[0]
        return (sequence, last, finals) if self.return_states else (sequence, last)

    def _layer_states(
        self, initial_state: Sequence[Sequence[Tensor]] | None
    ) -> list[list[Tensor] | None]:
        if initial_state is None:
            return [None] * self.depth
        counts = [len(state) for state in initial_state]
        if counts != [self.states_per_layer] * self.depth:
            raise ValueError(
                f"Received an initial_state with {counts} tensors in its layers; expected "
                f"{self.depth} layers of {self.states_per_layer} tensors each."
            )
        return [list(state) for state in initial_state]

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None: the mask travels as an argument, never hidden on a tensor."""
        return None

    def compute_output_shape(
        self, sequence_shape: Sequence[int | None], *_: Any, **__: Any
    ) -> tuple[Any, ...]:
        batch, steps = tuple(sequence_shape)[:2]
        pair = ((batch, steps, self.width), (batch, self.width))
        if not self.return_states:
            return pair
        state = [(batch, self.units)] * self.states_per_layer
        return (*pair, [list(state) for _ in range(self.depth)])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "layers": self.depth,
            "cell": self.cell,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "use_cudnn": self.use_cudnn,
            "return_states": self.return_states,
            "seed": self.seed,
        }


def _run(
    layer: keras.layers.Layer,
    sequence: Tensor,
    mask: Tensor | None,
    initial_state: list[Tensor] | None,
    training: bool | None,
) -> Sequence[Tensor]:
    """The layer's output and final states: by the CPU's kernel where that is the faster way."""
    if block_lstm_applies(layer, sequence.shape[-1]):
        return block_lstm(layer, sequence, mask, initial_state)
    found: Sequence[Tensor] = layer(
        sequence, mask=mask, initial_state=initial_state, training=training
    )
    return found


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"Received {name}={value!r}; expected a whole number of at least 1.")
