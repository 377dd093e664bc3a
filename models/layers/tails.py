"""How unusual a number is beside others of its kind, and the threshold for a stated rate of alarms.

A reference is what was seen of a statistic: its quantiles, and beyond the last of them an
exponential tail (Davison and Smith 1990, "Models for exceedances over high thresholds", with shape
0). What it gives is a surprise, -log10 of the tail probability: 3 is one in a thousand.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any  # a tensor of the running Keras backend, or a symbolic keras.KerasTensor

# Shares of the reference at which its values are kept; the tail begins at the last.
SHARES = np.concatenate([np.linspace(0.0, 0.9, 19), [0.92, 0.94, 0.96]])
_BEYOND = 1.0 - float(SHARES[-1])
# No surprise is more than this, as float32 has no smaller probability.
MOST = 37.0
# The least mean excess, as a share of the values' own spread: a reference that never moves.
_LEAST_EXCESS = 0.02


def fit_tail(values: np.ndarray) -> np.ndarray:
    """A reference from what was seen.

    The mean excess of the tail is its median excess over ln 2, so that a few values that are far
    off, such as anomalies that nobody has marked, do not stretch it.

    Args:
      values: float[n]; NaN is left out.

    Returns:
      float32[shares + 1]: the values at `SHARES`, rising, and the mean excess, above 0.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not values.size:
        return np.concatenate([np.linspace(0.0, 1.0, SHARES.size), [1.0]]).astype(np.float32)
    knots = np.quantile(values, SHARES)
    excess = values[values > knots[-1]] - knots[-1]
    spread = max(float(knots[-1] - knots[0]), 1e-6 * (1.0 + abs(float(knots[-1]))))
    usual = float(np.median(excess)) / math.log(2) if excess.size else spread
    return np.append(knots, max(usual, _LEAST_EXCESS * spread)).astype(np.float32)


@keras.saving.register_keras_serializable(package="tidegate")
class TailTable(keras.layers.Layer):
    """Statistics to their surprise, -log10 of the tail probability, each by a reference of its own.

    The references are no trained weights: `fit_tail` finds them on data that training has not
    seen.

    Args:
      statistics: how many.
    """

    def __init__(self, statistics: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.statistics = statistics

    def build(self, input_shape: Any) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(self.statistics, SHARES.size + 1),
            initializer=lambda shape, dtype=None: np.tile(fit_tail(np.zeros(0)), (shape[0], 1)),
            trainable=False,
        )

    def call(self, values: Tensor) -> Tensor:
        """`float[..., statistics]` to the same, 0 to 37; the exceeding share is linear between
        two quantiles."""
        knots, excess = self.table[:, :-1], ops.maximum(self.table[:, -1], 1e-9)
        gap = ops.maximum(knots[:, 1:] - knots[:, :-1], 1e-12)
        part = ops.clip((values[..., None] - knots[:, :-1]) / gap, 0.0, 1.0)
        below = ops.sum(part * np.diff(SHARES).astype(np.float32), axis=-1)
        found = -ops.log(ops.maximum(1.0 - below, _BEYOND))
        found = found + ops.maximum(values - knots[:, -1], 0.0) / excess
        return ops.minimum(found / math.log(10), MOST)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "statistics": self.statistics}


def joint_surprise(surprises: Tensor) -> Tensor:
    """The surprise of the most unusual of several statistics (Bonferroni): `float[..., k]` to
    `float[...]`, at least 0."""
    return ops.maximum(ops.max(surprises, axis=-1) - math.log10(surprises.shape[-1]), 0.0)


def events(
    scores: np.ndarray, threshold: float, hysteresis: float = 1.0, distance: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Scores to alarms: events, not points.

    An alarm is raised where a score reaches the threshold while none is active, `distance` steps
    after the last one that was raised at the earliest. It stays active until a score is below
    `hysteresis` times the threshold.

    Args:
      scores: float[steps]; NaN, a step without a score, changes nothing.
      threshold: above 0.
      hysteresis: above 0, at most 1.
      distance: steps.

    Returns:
      bool[steps], where alarms are raised; bool[steps], where one is active.
    """
    raised, active = np.zeros(len(scores), bool), np.zeros(len(scores), bool)
    on, last = False, -distance
    for step, score in enumerate(scores):
        if np.isfinite(score):
            on = on and bool(score >= hysteresis * threshold)
            if not on and score >= threshold and step - last >= distance:
                on, last = True, step
                raised[step] = True
        active[step] = on
    return raised, active


def threshold_for(
    scores: np.ndarray, rate: float, hysteresis: float = 1.0, distance: int = 1
) -> float:
    """The threshold above which as many alarms are raised as stated.

    Counted where the scores have enough alarms to count. Above, it goes on along an exponential
    tail: of the alarms over a lower threshold u, with the rate r and the mean excess b of the
    peaks, the threshold for a lower rate q is u + b ln(r / q), the return level of peaks over a
    threshold (Coles 2001, "An introduction to statistical modeling of extreme values", 4.3.3).

    Args:
      scores: float[steps] of data without, or with few, real alarms; NaN is left out.
      rate: alarms a step, above 0.
      hysteresis, distance: as `events`.

    Returns:
      The threshold; above every score where the scores say nothing.

    Raises:
      ValueError: the rate is not above 0.
    """
    if not rate > 0:
        raise ValueError(f"rate={rate}: expected alarms a step, above 0")
    known = np.asarray(scores, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return MOST
    # About this many alarms are counted; fewer say too little.
    enough = max(10.0, rate * known.size)
    low, high = 0.0, float(known.max())
    for _ in range(30):
        middle = (low + high) / 2
        if events(known, middle, hysteresis, distance)[0].sum() > enough:
            low = middle
        else:
            high = middle
    raised, _ = events(known, max(high, 1e-9), hysteresis, distance)
    starts = np.flatnonzero(raised)
    if not starts.size:
        return high
    seen = starts.size / known.size
    ends = np.append(starts[1:], known.size)
    peaks = np.array([known[a:b].max() for a, b in zip(starts, ends, strict=True)]) - high
    excess = max(float(np.median(peaks)) / math.log(2), 1e-3)
    return high + excess * max(math.log(seen / rate), 0.0)
