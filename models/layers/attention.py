"""Looking back at an encoder's outputs, from each step of a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor

SCORES = ("dot", "general", "additive")


@keras.saving.register_keras_serializable(package="tidegate")
class Attention(keras.layers.Layer):
    """Means of an encoder's outputs, weighted by what each step of a decoder looks for.

    With the decoder's output q_t, the encoder's outputs h_s and V the valid steps s:

        dot         u_ts = q_t . h_s                      (Luong et al. 2015)
        general     u_ts = q_t . W h_s                    (the same)
        additive    u_ts = v . tanh(W h_s + U q_t)        (Bahdanau et al. 2015)
        a_ts = exp(u_ts) / sum over r in V of exp(u_tr),  c_t = sum over s in V of a_ts h_s

    It stands behind the decoder's recurrent layers, so that these see a whole sequence at once, and
    a step's context takes no part in the next step. In a decoding loop the continuations of a row
    can be its steps: `float[rows, lanes, width]` queries look at `float[rows, source, width]`.

    The softmax runs in float32 at least. What stands at masked steps has no effect, not even NaN.

    Args:
        score: "dot", "general" or "additive".
        units: the length of v; None takes the width of the queries.

    Raises:
        ValueError: another score; or, when built, a "dot" of queries and outputs of unequal width.
    """

    def __init__(self, score: str = "general", units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if score not in SCORES:
            raise ValueError(f"Received score={score!r}; expected one of {', '.join(SCORES)}.")
        self.score = score
        self.units = units

    def build(self, query_shape: Sequence[int | None], memory_shape: Sequence[int | None]) -> None:
        query, memory = query_shape[-1], memory_shape[-1]
        if self.score == "dot":
            if query != memory:
                raise ValueError(
                    f"Received queries of width {query} and a memory of width {memory}; a score of"
                    " 'dot' needs them equal: take 'general'."
                )
            return
        width = query if self.score == "general" else self.units or query
        self.kernel = self.add_weight(shape=(memory, width), name="kernel")
        if self.score == "additive":
            self.query_kernel = self.add_weight(shape=(query, width), name="query_kernel")
            # A vector of zeros would leave W and U without a gradient in the first step.
            self.vector = self.add_weight(shape=(width, 1), name="vector")

    def keys(self, memory: Tensor) -> Tensor:
        """What the queries are compared with, `float[batch, source, units]`.

        It does not depend on them: a decoding loop makes it once.

        Args:
            memory: `float[batch, source, width]`.
        """
        return memory if self.score == "dot" else ops.matmul(memory, self.kernel)

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        keys: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Looks.

        Args:
            query: `float[batch, steps, query width]`.
            memory: `float[batch, source, width]`, the encoder's outputs.
            mask: `bool[batch, source]`, True at valid steps, at least one in every row. None: every
                step is valid.
            keys: those of `memory`, where they are made already.

        Returns:
            `float[batch, steps, width]`, the contexts c_t, and `float[batch, steps, source]`, the
            weights a_ts in float32 (or float64): zero at masked steps.
        """
        if mask is not None:
            # Not a product with the mask: 0 * inf is not a number.
            valid = ops.cast(mask, "bool")
            memory = ops.where(valid[..., None], memory, ops.zeros_like(memory))
            keys = None if keys is None else ops.where(valid[..., None], keys, ops.zeros_like(keys))
        if keys is None:
            keys = self.keys(memory)
        if self.score == "additive":
            asked = ops.matmul(query, self.query_kernel)
            hidden = ops.tanh(ops.expand_dims(asked, 2) + ops.expand_dims(keys, 1))
            # Not matmul: over four axes, one of them of size 1, that of TensorFlow 2.16 writes past
            # its memory on a CPU.
            scores = ops.squeeze(ops.tensordot(hidden, self.vector, axes=1), axis=-1)
        else:
            scores = ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
        wide = "float64" if self.compute_dtype == "float64" else "float32"
        scores = ops.cast(scores, wide)
        if mask is not None:
            # Finite: with -inf, the softmax of an empty row would be NaN.
            scores = ops.where(valid[:, None], scores, float(np.finfo(wide).min))
        weights = ops.softmax(scores, axis=-1)
        return ops.matmul(ops.cast(weights, self.compute_dtype), memory), weights

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None: the mask travels as an argument, never hidden on a tensor."""
        return None

    def compute_output_shape(
        self, query_shape: Sequence[int | None], memory_shape: Sequence[int | None], **_: Any
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        batch, steps = tuple(query_shape)[:2]
        return (batch, steps, memory_shape[-1]), (batch, steps, memory_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "score": self.score, "units": self.units}
