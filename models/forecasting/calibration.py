"""What is found once the network is trained: how far it is trusted, and the intervals' factors."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import norm

from tidegate.models.forecasting.batches import steps_apart
from tidegate.models.forecasting.model import BLEND, CORRECTION
from tidegate.models.forecasting.settings import LEVELS, ModelSettings
from tidegate.models.forecasting.windows import OBSERVED
from tidegate.models.layers.quantiles import conformal_factors

# Targets that something is found on at most; they are held in memory.
_MOST_TARGETS = 1_000_000
# What many windows say is believed; what so many say that do not overlap, by half.
_FEW = 4.0
# Of the errors of the smoothing at one step ahead in place of at all.
_FEW_OF_A_STEP = 50.0
_SHARES = np.linspace(0.0, 1.0, 21)


def calibrate(
    network: keras.Model, valid: tf.data.Dataset, model: ModelSettings, train: tf.data.Dataset
) -> dict[str, Any]:
    """Finds how the smoothing errs, how far the network is trusted, and the intervals' factors.

    The first on windows of `train`, of which the smoothing has learnt nothing; the others on
    those of `valid`, as those of `eval` are left for the gates. `valid` has also chosen the
    weights, and is a few horizons long where there is one series: the fewer windows it has that do
    not overlap, the less the network is trusted. Windows whose context is constant are left out:
    they have no scale.

    Args:
      network: trained.
      valid, train: batches of windows, each once.
      model: `calibration` says how.

    Returns:
      `trust`, the share of the network in the answer, by step.
    """
    blend, correction = network.get_layer(BLEND), network.get_layer(CORRECTION)
    errors = _Sample(network, train)
    table = error_quantiles(errors.targets, errors.error, errors.independent)
    found = _Sample(network, valid)
    # With a map of the context the network has a reference of its own; what a stretch of `valid`
    # makes of the smoothing beside it does not hold later (ETTh1, 96 steps: .370 for .363).
    trust = np.full(blend.steps, float(model.linear), np.float32)
    if found.seen:
        smooth = found.error[..., None] * table
        if not model.linear:
            trust = trusted(found.targets, found.quantiles, smooth, found.independent)
        blended = trust[:, None] * found.quantiles + (1 - trust[:, None]) * smooth
        if model.calibration != "none":
            pooled = model.calibration == "pooled"
            correction.set_weights(
                [conformal_factors(found.targets, blended, LEVELS, pooled, found.independent)]
            )
    blend.set_weights([trust, table])
    return {"trust": [round(float(share), 3) for share in trust]}


def error_quantiles(targets: np.ndarray, error: np.ndarray, independent: float) -> np.ndarray:
    """The quantiles of a forecast's errors, in units of those that are usual for it.

    Those of each step; where windows are few, drawn towards those of all steps, as far as these
    are symmetric around 0.

    Args:
      targets: float[windows, steps], what was observed less the forecast; NaN where missing.
      error: float[windows, steps], the usual errors.
      independent: how many windows these are worth, which is fewer where they overlap.

    Returns:
      float32[steps, levels]; a normal distribution's where there are no windows.
    """
    steps = targets.shape[1]
    ratio = targets / error
    # The mean absolute value of a normal distribution is sqrt(2 / pi) of its deviation.
    found = np.tile(norm.ppf(LEVELS) * np.sqrt(np.pi / 2), (steps, 1))
    both_ways = np.concatenate([ratio, -ratio])
    for few, rows in ((_FEW, [both_ways] * steps), (_FEW_OF_A_STEP, ratio.T)):
        for step, values in enumerate(rows):
            values = values[np.isfinite(values)]
            if values.size:
                own = np.quantile(values, LEVELS)
                found[step] += (own - found[step]) * independent / (independent + few)
    return found.astype(np.float32)


def trusted(
    targets: np.ndarray,
    quantiles: np.ndarray,
    others: np.ndarray,
    independent: float,
) -> np.ndarray:
    """The share of a network's quantiles in the blend of the least pinball loss.

    Args:
      targets: float[windows, steps], NaN where missing.
      quantiles, others: float[windows, steps, levels], the network's and those beside it.
      independent: how many windows these are worth.

    Returns:
      float32[steps], each from the losses of a quarter of the horizon around it, nearer to 0 where
      windows are few.
    """
    steps = targets.shape[1]
    levels, seen = np.asarray(LEVELS), np.isfinite(targets)
    losses = []
    for share in _SHARES:
        off = targets[..., None] - (share * quantiles + (1 - share) * others)
        loss = np.maximum(levels * off, (levels - 1) * off).mean(axis=-1)
        losses.append(np.where(seen, loss, 0.0).sum(axis=0))
    reach = max(1, steps // 8)
    around = np.cumsum(np.pad(np.asarray(losses), [(0, 0), (1, 0)]), axis=1)
    step = np.arange(steps)
    end, begin = np.minimum(step + reach + 1, steps), np.maximum(step - reach, 0)
    best = _SHARES[np.argmin(around[:, end] - around[:, begin], axis=0)]
    return (best * independent / (independent + _FEW)).astype(np.float32)


def _moves(inputs: Mapping[str, tf.Tensor]) -> np.ndarray:
    """bool[windows]: whether the context has two values that differ."""
    values, seen = inputs["values"].numpy(), inputs["state"].numpy() == OBSERVED
    low = np.where(seen, values, np.inf).min(axis=1)
    high = np.where(seen, values, -np.inf).max(axis=1)
    found: np.ndarray = high > low
    return found


class _Sample:
    """Windows drawn evenly from any number of them, in bounded memory, in units of their own.

    Args:
      network: trained.
      batches: of windows, each once.

    Attributes:
      seen: how many they were drawn from.
      independent: how many windows that do not overlap these are worth.
      targets: float32[windows, steps], less the smoothing's forecast; NaN where missing.
      error: float32[windows, steps], that is usual for the smoothing.
      quantiles: float32[windows, steps, levels], the network's, less the smoothing's forecast.
    """

    def __init__(self, network: keras.Model, batches: tf.data.Dataset) -> None:
        self._random = np.random.default_rng(0)
        self._keys: list[np.ndarray] = []
        self._windows: list[np.ndarray] = []
        self._held = self.seen = 0
        inner = keras.Model(network.input, [*network.get_layer(BLEND).input, network.output])
        answer = tf.function(lambda inputs: inner(inputs, training=False), reduce_retracing=True)
        for inputs, target, _ in batches:
            quantiles, smooth, error, output = (one.numpy() for one in answer(inputs))
            quantiles = np.concatenate([target.numpy()[..., None], quantiles], -1)
            found = np.concatenate([quantiles - smooth[..., None], error[..., None]], -1)
            self._add((found / output[..., -1:])[_moves(inputs)])
        steps = network.output.shape[1]
        kept = [np.zeros((0, steps, 2 + len(LEVELS)), np.float32), *self._windows]
        windows = np.concatenate(kept)
        self.targets, self.error = windows[..., 0], windows[..., -1]
        self.quantiles = windows[..., 1:-1]
        # At least: of many series the windows do not overlap.
        self.independent = self.seen * min(1.0, steps_apart(steps) / steps)

    def _add(self, windows: np.ndarray) -> None:
        self.seen += len(windows)
        self._keys.append(self._random.random(len(windows)))
        self._windows.append(windows.astype(np.float32))
        self._held += windows.shape[0] * windows.shape[1]
        if self._held > 2 * _MOST_TARGETS:
            self._thin()

    def _thin(self) -> None:
        """Keeps the windows of the lowest keys, whichever series they are of."""
        keys, windows = np.concatenate(self._keys), np.concatenate(self._windows)
        kept = np.argsort(keys)[: max(1, _MOST_TARGETS // windows.shape[1])]
        self._keys, self._windows = [keys[kept]], [windows[kept]]
        self._held = len(kept) * windows.shape[1]
