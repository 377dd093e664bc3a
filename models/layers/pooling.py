"""From a padded sequence to one vector per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor

MODES = ("last", "max", "mean", "attention")


@keras.saving.register_keras_serializable(package="tidegate")
class MaskedPooling(keras.layers.Layer):
    """Joins the valid steps of each row into one vector, in one or several ways at once.

    With h_t the features of step t and V the n valid steps of a row:

        last        the state that the recurrent stack ends in
        max         m_k = max over t in V of h_{t,k}                     (Collobert et al. 2011)
        mean        m = (1/n) sum over t in V of h_t
        attention   u_t = v . tanh(W h_t + b),  a_t = exp(u_t) / sum over s in V of exp(u_s),
                    m = sum over t in V of a_t h_t

    Attention scores additively (Bahdanau et al. 2015) against a learned context vector v in place
    of a query (Yang et al. 2016). What stands at masked steps has no effect, not even NaN.

    Sums and the softmax run in float32 at least: in bfloat16, adding 1 to 256 gives 256.

    Args:
        mode: "last", "max", "mean", "attention", or several of them joined by "+" ("max+mean");
            the parts of the result follow in the order given.
        attention_units: the length of v; None takes the width of the sequence.

    Raises:
        ValueError: an unknown or repeated mode, or `attention_units` below 1.

    Example:
        >>> sequence, last = RecurrentStack(units=64)(embedded, mask)
        >>> MaskedPooling("max+mean")(sequence, last, mask).shape
        (32, 256)
    """

    def __init__(
        self, mode: str = "max", attention_units: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.modes = _parse_modes(mode)
        if attention_units is not None and (
            isinstance(attention_units, bool)
            or not isinstance(attention_units, int)
            or attention_units < 1
        ):
            raise ValueError(
                f"Received attention_units={attention_units!r}; "
                "expected a whole number of at least 1, or None."
            )
        self.mode = mode
        self.attention_units = attention_units
        self.supports_masking = True

    def build(self, sequence_shape: Sequence[int | None], *_: Any, **__: Any) -> None:
        if "attention" in self.modes:
            width = sequence_shape[-1]
            units = self.attention_units or width
            self.kernel = self.add_weight(
                shape=(width, units), initializer="glorot_uniform", name="kernel"
            )
            self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
            # A vector of zeros would leave W and b without a gradient in the first step.
            self.context = self.add_weight(
                shape=(units, 1), initializer="glorot_uniform", name="context"
            )

    def call(self, sequence: Tensor, last: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pools.

        Args:
            sequence: `float[batch, steps, width]`.
            last: `float[batch, width]`, read by the mode "last" alone.
            mask: `bool[batch, steps]`, True at valid steps, at least one in every row. None:
                every step is valid.

        Returns:
            `float[batch, width * modes]`.
        """
        wide = self._wide_dtype()
        valid = _valid(sequence, mask)
        step_valid = ops.expand_dims(valid, axis=-1)
        # Not a product with the mask: 0 * inf is not a number.
        cleaned = ops.where(step_valid, sequence, ops.zeros_like(sequence))
        parts = []
        for mode in self.modes:
            if mode == "last":
                part = last
            elif mode == "max":
                part = ops.max(ops.where(step_valid, ops.cast(sequence, wide), _lowest(wide)), 1)
            elif mode == "mean":
                count = ops.sum(ops.cast(valid, wide), axis=1, keepdims=True)
                part = ops.sum(ops.cast(cleaned, wide), axis=1) / count
            else:
                weights = ops.expand_dims(self.attention_weights(cleaned, valid), axis=-1)
                part = ops.sum(weights * ops.cast(cleaned, wide), axis=1)
            parts.append(ops.cast(part, self.compute_dtype))
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def attention_weights(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """The weights a_t of the mode "attention": which steps a row's answer rests on.

        Args:
            sequence: `float[batch, steps, width]`.
            mask: `bool[batch, steps]`, or None.

        Returns:
            `float[batch, steps]` in float32 (or float64): zero at masked steps, rows sum to one.

        Raises:
            ValueError: the layer has no attention.
        """
        if "attention" not in self.modes:
            raise ValueError(f"Received mode={self.mode!r}; expected a mode with 'attention'.")
        hidden = ops.tanh(ops.matmul(sequence, self.kernel) + self.bias)
        scores = ops.squeeze(ops.matmul(hidden, self.context), axis=-1)
        wide = self._wide_dtype()
        masked = ops.where(_valid(sequence, mask), ops.cast(scores, wide), _lowest(wide))
        return ops.softmax(masked, axis=-1)

    def _wide_dtype(self) -> str:
        return "float64" if self.compute_dtype == "float64" else "float32"

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None: steps are gone."""
        return None

    def compute_output_shape(
        self, sequence_shape: Sequence[int | None], *_: Any, **__: Any
    ) -> tuple[int | None, ...]:
        width = sequence_shape[-1]
        return (sequence_shape[0], None if width is None else width * len(self.modes))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mode": self.mode,
            "attention_units": self.attention_units,
        }


def _parse_modes(mode: str) -> tuple[str, ...]:
    modes = tuple(mode.split("+")) if isinstance(mode, str) else ()
    if not modes or set(modes) - set(MODES) or len(set(modes)) < len(modes):
        raise ValueError(
            f"Received mode={mode!r}; expected one of {', '.join(MODES)}, "
            "or different ones joined by '+', as in 'max+mean'."
        )
    return modes


def _valid(sequence: Tensor, mask: Tensor | None) -> Tensor:
    """`bool[batch, steps]`: the mask, or True everywhere."""
    if mask is None:
        return ops.ones(ops.shape(sequence)[:2], dtype="bool")
    return ops.cast(mask, "bool")


def _lowest(dtype: str) -> float:
    # Finite: with -inf, the softmax of an empty row and every gradient behind it would be NaN.
    return float(np.finfo(dtype).min)
