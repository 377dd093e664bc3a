"""The intervals' conformal correction, found on windows that training has not seen."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.forecasting.batches import steps_apart
from tidegate.models.forecasting.model import CORRECTION
from tidegate.models.forecasting.settings import LEVELS, ModelSettings
from tidegate.models.forecasting.windows import OBSERVED
from tidegate.models.layers.quantiles import conformal_margins

# Targets that the correction is found on at most; they are held in memory.
_MOST_TARGETS = 1_000_000


def calibrate(
    network: keras.Model, batches: tf.data.Dataset, model: ModelSettings, train: Any = None
) -> None:
    """Sets the margins of the network's intervals.

    The windows are those of `valid`; those of `eval` are left for the gates. `valid` has also
    chosen the weights, and is a few horizons long where there is one series: that wider intervals
    than it needs are narrowed takes as many windows that do not overlap as say so clearly. Windows
    whose context is constant are left out: they have no scale that the margins could be parts of.

    Args:
      network: trained.
      batches: of windows, each once.
      model: `calibration` says how.
      train: not used; part of the contract.
    """
    if model.calibration == "none":
        return
    layer = network.get_layer(CORRECTION)
    layer.set_weights([np.zeros_like(one) for one in layer.get_weights()])
    answer = tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)
    sample = _Sample()
    own_scale = model.normalisation != "none" or model.linear
    for inputs, target, _ in batches:
        output = answer(inputs).numpy()
        used = _moves(inputs) if own_scale else np.ones(len(output), bool)
        # In units of the window's scale, where the correction is applied.
        sample.add(
            np.concatenate([target.numpy()[used, :, None], output[used, :, 1:-1]], -1),
            output[used, :, -1:],
        )
    windows = sample.windows()
    if windows is None:
        return
    pooled = model.calibration == "pooled"
    horizon = windows.shape[1]
    # At least: of many series the windows do not overlap.
    independent = sample.seen * min(1.0, steps_apart(horizon) / horizon)
    margins = conformal_margins(windows[..., 0], windows[..., 1:], LEVELS, pooled, independent)
    layer.set_weights([margins])


def _moves(inputs: Mapping[str, tf.Tensor]) -> np.ndarray:
    """bool[windows]: whether the context has two values that differ."""
    values, seen = inputs["values"].numpy(), inputs["state"].numpy() == OBSERVED
    low = np.where(seen, values, np.inf).min(axis=1)
    high = np.where(seen, values, -np.inf).max(axis=1)
    found: np.ndarray = high > low
    return found


class _Sample:
    """Windows drawn evenly from any number of them, in bounded memory.

    Attributes:
      seen: how many they were drawn from.
    """

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._keys: list[np.ndarray] = []
        self._windows: list[np.ndarray] = []
        self._held = 0
        self.seen = 0

    def add(self, windows: np.ndarray, scale: np.ndarray) -> None:
        """float[rows, steps, 1 + levels] and float[rows, steps, 1]."""
        self.seen += len(windows)
        self._keys.append(self._random.random(len(windows)))
        self._windows.append((windows / scale).astype(np.float32))
        self._held += windows.shape[0] * windows.shape[1]
        if self._held > 2 * _MOST_TARGETS:
            self._thin()

    def _thin(self) -> None:
        """Keeps the windows of the lowest keys, whichever series they are of."""
        keys, windows = np.concatenate(self._keys), np.concatenate(self._windows)
        kept = np.argsort(keys)[: max(1, _MOST_TARGETS // windows.shape[1])]
        self._keys, self._windows = [keys[kept]], [windows[kept]]
        self._held = len(kept) * windows.shape[1]

    def windows(self) -> np.ndarray | None:
        """float32[rows, steps, 1 + levels]; None where there was none."""
        if not self.seen:
            return None
        return np.concatenate(self._windows)
