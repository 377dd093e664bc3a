"""The loss of a forecast: its mean's error and its quantiles', in units of the window's scale."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tidegate.models.layers.quantiles import pinball

# Beyond this many scales an error grows as its logarithm: one jump after a window that hardly moved
# must not decide over all others.
_FAR = 10.0


class ForecastLoss(keras.losses.Loss):
    """Squared or absolute error of the mean plus a share of the quantiles' pinball loss.

    Errors are divided by the window's scale, so that all series count alike, and averaged over the
    observed steps of a window. Beyond 10 scales an error e counts as 10 (1 + ln(e / 10)), and its
    square as 100 (1 + 2 ln(e / 10)): value and slope go on from those at 10. The pinball losses of
    a step whose mean is that far off weigh less by the same share.

    Args:
      levels: of the quantiles.
      mean_loss: ``squared`` or ``absolute``.
      quantile_loss: weight of the pinball loss, itself the mean over the levels, times 2: at the
        median alone it would be the absolute error.
    """

    def __init__(
        self,
        levels: Sequence[float],
        mean_loss: str = "squared",
        quantile_loss: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "forecast", **kwargs})
        self.levels = tuple(levels)
        self.mean_loss = mean_loss
        self.quantile_loss = quantile_loss

    def call(self, target: Any, output: Any) -> Any:
        """float[batch, horizon], NaN where missing, and the network's output, to float[batch]."""
        scale = output[..., -1]
        seen = ops.isfinite(target)
        observed = ops.cast(seen, output.dtype)
        share = observed / ops.maximum(ops.sum(observed, axis=-1, keepdims=True), 1.0)
        mean = output[..., 0]
        # Missing targets become the forecast itself, so that no NaN reaches a gradient.
        target = ops.where(seen, ops.cast(target, output.dtype), mean)
        error = ops.abs(target - mean) / scale
        beyond = ops.log(ops.maximum(error, _FAR) / _FAR)
        near = ops.minimum(error, _FAR)
        counted = near + _FAR * beyond
        # One for all quantiles of a step: to bring each down by itself would cost as much again.
        weight = ops.stop_gradient(ops.where(error > _FAR, counted / ops.maximum(error, _FAR), 1.0))
        if self.mean_loss == "squared":
            counted = ops.square(near) + 2 * _FAR**2 * beyond
        loss = ops.sum(counted * share, axis=-1)
        if self.quantile_loss:
            of_levels = pinball(target, output[..., 1:-1], self.levels)
            of_steps = 2 * ops.mean(of_levels, axis=-1) / scale * weight
            loss = loss + self.quantile_loss * ops.sum(of_steps * share, axis=-1)
        return loss

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "levels": self.levels,
            "mean_loss": self.mean_loss,
            "quantile_loss": self.quantile_loss,
        }
