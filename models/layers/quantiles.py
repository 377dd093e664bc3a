"""Quantiles that cannot cross, their loss, and the correction of their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Levels of quantiles: rising, and as many below the median as above, mirrored.

    Raises:
      ValueError: they are not.
    """
    found = tuple(levels)
    mirrored = tuple(1 - level for level in reversed(found))
    if (
        len(found) % 2 == 0
        or list(found) != sorted(set(found))
        or not all(math.isclose(a, b) for a, b in zip(found, mirrored, strict=True))
        or found[0] <= 0
    ):
        raise ValueError(
            f"Received levels={levels!r}; expected rising levels around 0.5, each with its mirror."
        )
    return found


def ordered_quantiles(raw: Tensor) -> Tensor:
    """Free numbers to quantiles: the median, and steps away from it that are never negative.

    With the median q_m = r_m, the others are q_{k+1} = q_k + softplus(r_{k+1}) above it and
    q_{k-1} = q_k - softplus(r_{k-1}) below.

    Args:
      raw: `float[..., levels]`, an odd number of levels.

    Returns:
      `float[..., levels]`, not falling along the last axis.
    """
    middle = raw.shape[-1] // 2
    median = raw[..., middle : middle + 1]
    # Steps begin near a quarter: wide enough that the first loss is not one of the tails alone.
    steps = ops.softplus(raw - 1.0)
    above = median + ops.cumsum(steps[..., middle + 1 :], axis=-1)
    below = median - ops.flip(ops.cumsum(ops.flip(steps[..., :middle], axis=-1), axis=-1), axis=-1)
    return ops.concatenate([below, median, above], axis=-1)


def pinball(target: Tensor, quantiles: Tensor, levels: Sequence[float]) -> Tensor:
    """The quantile loss max(p (y - q), (p - 1) (y - q)) (Koenker and Bassett 1978).

    Args:
      target: `float[...]`.
      quantiles: `float[..., levels]`.
      levels: p of each.

    Returns:
      `float[..., levels]`.
    """
    error = target[..., None] - quantiles
    share = ops.convert_to_tensor(np.asarray(levels, "float32"), dtype=error.dtype)
    # The same as the larger of the two, in fewer passes over what is the step's largest tensor.
    return share * error + ops.relu(-error)


@keras.saving.register_keras_serializable(package="tidegate")
class IntervalCorrection(keras.layers.Layer):
    """Widens or narrows central intervals by fixed amounts, without letting quantiles cross.

    The amounts are no trained weights: `conformal_margins` finds them on data that training has
    not seen (Romano et al. 2019, "Conformalized Quantile Regression"), and training goes without.

    Args:
      steps: the horizon; each step has amounts of its own.
      levels: of the quantiles, as `check_levels` wants them.
    """

    def __init__(self, steps: int, levels: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.steps = steps
        self.levels = check_levels(levels)

    def build(self, input_shape: Any) -> None:
        self.margins = self.add_weight(
            name="margins",
            shape=(self.steps, len(self.levels) // 2),
            initializer="zeros",
            trainable=False,
        )

    def call(self, quantiles: Tensor, training: bool = False) -> Tensor:
        """`float[batch, steps, levels]` to the same; outermost interval first in `margins`."""
        if training:
            return quantiles
        middle = len(self.levels) // 2
        median = quantiles[..., middle : middle + 1]
        below = quantiles[..., :middle] - self.margins
        above = quantiles[..., middle + 1 :] + ops.flip(self.margins, axis=-1)
        # From the median outwards, none may fall behind the one before.
        rising, falling = [median], [median]
        for place in range(middle):
            rising.append(ops.maximum(above[..., place : place + 1], rising[-1]))
            inward = middle - 1 - place
            falling.append(ops.minimum(below[..., inward : inward + 1], falling[-1]))
        return ops.concatenate([*reversed(falling[1:]), *rising], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "levels": self.levels}


def conformal_margins(
    targets: np.ndarray,
    quantiles: np.ndarray,
    levels: Sequence[float],
    pooled: bool,
    independent: float = math.inf,
) -> np.ndarray:
    """The amounts by which intervals must widen to cover what they promise.

    For the central interval [l, u] of the share 1 - a and n observed targets y, the amount is the
    ceil((n + 1) (1 - a))-th smallest of max(l - y, y - u), or the largest where there are too few
    (Romano et al. 2019, equation 6). Negative where the interval is too wide, but then only as far
    as it is by a standard error, sqrt((1 - a) a / `independent`): a few rows, on which the network
    may have been chosen, do not narrow it. The guarantee holds for exchangeable rows; of a series
    it holds as far as its future is like its past.

    Args:
      targets: float[rows, steps], NaN where missing.
      quantiles: float[rows, steps, levels], before any correction.
      levels: of the quantiles.
      pooled: one amount for all steps, in place of one a step.
      independent: how many rows those here are worth, which is fewer where they overlap.

    Returns:
      float32[steps, levels // 2], outermost interval first; 0 where no target is observed.
    """
    steps, pairs = targets.shape[1], len(levels) // 2
    margins = np.zeros((steps, pairs), np.float32)
    for pair in range(pairs):
        low, high = quantiles[..., pair], quantiles[..., -1 - pair]
        scores = np.maximum(low - targets, targets - high)
        share = levels[-1 - pair] - levels[pair]
        if pooled:
            margins[:, pair] = _margin(scores, share, independent)
        else:
            margins[:, pair] = [_margin(one, share, independent) for one in scores.T]
    return margins


def _margin(scores: np.ndarray, share: float, independent: float) -> float:
    found = _order_statistic(scores, share)
    if found >= 0:
        return found
    error = math.sqrt(share * (1 - share) / independent)
    return min(0.0, _order_statistic(scores, share + error))


def _order_statistic(scores: np.ndarray, share: float) -> float:
    scores = np.sort(scores[np.isfinite(scores)])
    if not scores.size:
        return 0.0
    # Rounded first: 0.8 * 10 is a little more than 8 in floating point.
    rank = math.ceil(round((scores.size + 1) * share, 9))
    return float(scores[min(rank, scores.size) - 1])
