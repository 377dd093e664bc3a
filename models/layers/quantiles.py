"""Quantiles that cannot cross, their loss, and the correction of their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor
# Rows that few are: below about as many, factors found on them are half believed.
_FEW = 4.0
# What a factor is at most.
_WIDEST = 10.0


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
    """Widens or narrows central intervals in proportion, without letting quantiles cross.

    The factors are no trained weights: `conformal_factors` finds them on data that training has
    not seen (Romano et al. 2019, "Conformalized Quantile Regression", with errors in units of the
    interval's own half, as Kivaranovic et al. 2020), and training goes without.

    Args:
      steps: the horizon; each step has factors of its own.
      levels: of the quantiles, as `check_levels` wants them.
    """

    def __init__(self, steps: int, levels: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.steps = steps
        self.levels = check_levels(levels)

    def build(self, input_shape: Any) -> None:
        self.factors = self.add_weight(
            name="factors",
            shape=(self.steps, len(self.levels) // 2),
            initializer="ones",
            trainable=False,
        )

    def call(self, quantiles: Tensor, training: bool = False) -> Tensor:
        """`float[batch, steps, levels]` to the same; outermost interval first in `factors`."""
        if training:
            return quantiles
        middle = len(self.levels) // 2
        median = quantiles[..., middle : middle + 1]
        below = median + (quantiles[..., :middle] - median) * self.factors
        above = median + (quantiles[..., middle + 1 :] - median) * ops.flip(self.factors, axis=-1)
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


@keras.saving.register_keras_serializable(package="tidegate")
class Bounds(keras.layers.Layer):
    """Keeps answers where values can be; training goes without, as there is no slope beyond.

    Args:
      lower, upper: lowest and highest value, or None.
    """

    def __init__(self, lower: float | None, upper: float | None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.lower, self.upper = lower, upper

    def call(self, values: Tensor, training: bool = False) -> Tensor:
        """`float[...]` to the same."""
        if training:
            return values
        if self.lower is not None:
            values = ops.maximum(values, self.lower)
        return values if self.upper is None else ops.minimum(values, self.upper)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lower": self.lower, "upper": self.upper}


def conformal_factors(
    targets: np.ndarray,
    quantiles: np.ndarray,
    levels: Sequence[float],
    pooled: bool,
    independent: float = math.inf,
) -> np.ndarray:
    """The factors by which intervals must widen to cover what they promise.

    For the central interval [l, u] around the median m of the share 1 - a and n observed targets
    y, the factor is the ceil((n + 1) (1 - a))-th smallest of max((m - y) / (m - l),
    (y - m) / (u - m)), or the largest where there are too few. Below 1 where the interval is too
    wide, but then only as far as it is by a standard error, sqrt((1 - a) a / `independent`): a few
    rows, on which the network may have been chosen, do not narrow it; nor do they widen it as far
    as many would: the logarithm of a factor counts by `independent` / (`independent` + 4). The
    guarantee holds for exchangeable rows; of a series it holds as far as its future is like its
    past.

    Args:
      targets: float[rows, steps], NaN where missing.
      quantiles: float[rows, steps, levels], before any correction.
      levels: of the quantiles.
      pooled: one factor for all steps, in place of one a step.
      independent: how many rows those here are worth, which is fewer where they overlap.

    Returns:
      float32[steps, levels // 2], outermost interval first; 1 where no target is observed.
    """
    steps, pairs = targets.shape[1], len(levels) // 2
    factors = np.ones((steps, pairs), np.float32)
    median = quantiles[..., pairs]
    for pair in range(pairs):
        below = _share_of(median - targets, median - quantiles[..., pair])
        above = _share_of(targets - median, quantiles[..., -1 - pair] - median)
        scores = np.maximum(below, above)
        share = levels[-1 - pair] - levels[pair]
        if pooled:
            factors[:, pair] = _factor(scores, share, independent)
        else:
            factors[:, pair] = [_factor(one, share, independent) for one in scores.T]
    counted = independent / (independent + _FEW) if math.isfinite(independent) else 1.0
    found: np.ndarray = factors**counted
    return found


def _share_of(off: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The distance as a share of the interval's half; 1 where both are 0, NaN where missing."""
    return np.divide(off, half, out=np.where(off > 0, np.inf, off * 0 + 1), where=half > 0)


def _factor(scores: np.ndarray, share: float, independent: float) -> float:
    found = _order_statistic(scores, share)
    if found >= 1:
        return min(found, _WIDEST)
    error = math.sqrt(share * (1 - share) / independent)
    return min(1.0, _order_statistic(scores, share + error))


def _order_statistic(scores: np.ndarray, share: float) -> float:
    scores = np.sort(scores[~np.isnan(scores)])
    if not scores.size:
        return 1.0
    # Rounded first: 0.8 * 10 is a little more than 8 in floating point.
    rank = math.ceil(round((scores.size + 1) * share, 9))
    return max(0.0, float(scores[min(rank, scores.size) - 1]))
