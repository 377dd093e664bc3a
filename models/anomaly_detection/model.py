"""The network: forecasts of the last steps of a window, their errors, and what these are worth."""

from typing import Any

import keras
from keras import ops

from tidegate.models.anomaly_detection.settings import LEVELS, FeatureSettings, ModelSettings
from tidegate.models.core.task import Objective
from tidegate.models.core.transform import TransformFacts
from tidegate.models.layers.instance_norm import InstanceNorm
from tidegate.models.layers.quantiles import ordered_quantiles, pinball
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.layers.tails import MOST, TailTable, joint_surprise

VERDICT = "verdict"
MEDIAN = len(LEVELS) // 2
# Fewest values of a context that a forecast is made from.
FEWEST = 2
# The least that half an 80 % interval is taken for, in scales of the window.
_LEAST = 0.01
# What `point` holds of the last step: -log10 of the tail probability; 1 where the step has a value
# and its context at least two; the joint error; the threshold of alarms. The statistics follow.
POINT = ("score", "scored", "error", "threshold")
# Statistics of recent errors: the last one, their mean, and how small that is.
STATISTICS = 3


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over one batch of windows.

    A recurrent stack reads a window once. Its state before each of the last `recent` steps, and a
    linear map of the `context` values before it, give the quantiles of that step.

    Args:
      model: sizes and dropout.
      features: context and recent.
      facts: how many channels and calendar features there are.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from the inputs that `preprocess.windows` states to, by name: `quantiles`
      float32[batch, recent, channels, levels], in the series' own units; `scale` float32[batch,
      channels], by which errors are divided in the loss; `channel_errors` float32[batch, channels],
      of the last step; `enough` float32[batch, channels], 1 where the context of a channel has
      enough values to forecast it; `point` float32[batch, 7]: see `POINT`.
    """
    channels, known = facts.width("y"), facts.width("known")
    inputs = {
        "values": keras.Input((features.reach, channels), name="values"),
        "seen": keras.Input((features.reach, channels), name="seen"),
        "known": keras.Input((features.reach, known), name="known"),
    }
    seen = inputs["seen"]
    center, scale, enough = _unit(inputs["values"], seen, model, features)
    scaled = (inputs["values"] - center) / scale * seen
    # Far values say no more than that they are far.
    near = ops.arcsinh(scaled)
    before = ops.concatenate([near[:, :-1], seen[:, :-1]], axis=-1)
    hidden = RecurrentStack(
        model.units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=False,
        use_cudnn=use_cudnn,
        name="recurrent",
    )(ops.concatenate([before, inputs["known"][:, 1:]], axis=-1))[0][:, -features.recent :]
    hidden = keras.layers.Dropout(model.dropout)(hidden)
    raw = keras.layers.Dense(channels * len(LEVELS), dtype="float32", name="answers")(hidden)
    raw = ops.reshape(raw, (-1, features.recent, channels, len(LEVELS)))
    linear = keras.layers.Conv1D(
        channels, features.context, kernel_initializer="zeros", dtype="float32", name="linear"
    )(before[:, -(features.context + features.recent - 1) :])
    # Written out for each level: Keras 3.12 takes what has a last axis of 1 for a bias.
    last = near[:, -features.recent - 1 : -1] + linear
    quantiles = ordered_quantiles(raw) + ops.repeat(last[..., None], len(LEVELS), axis=-1)
    # Back from the arcsinh, which keeps the order of quantiles.
    quantiles = ops.sinh(ops.clip(quantiles, -20.0, 20.0))
    errors = channel_errors(scaled[:, -features.recent :], quantiles)
    observed = seen[:, -features.recent :] * enough
    verdict = Verdict(features, name=VERDICT)(errors * observed, observed)
    own = ops.reshape(scale, (-1, 1, channels, 1)) * quantiles
    return keras.Model(
        inputs,
        {
            "quantiles": ops.reshape(center, (-1, 1, channels, 1)) + own,
            "scale": scale[:, 0],
            "enough": enough[:, 0],
            **verdict,
        },
        name="anomaly_detection",
    )


def _unit(
    values: Any, seen: Any, model: ModelSettings, features: FeatureSettings
) -> tuple[Any, Any, Any]:
    """Center, scale, and whether the context has enough values: float32[batch, 1, channels]."""
    length, channels = features.context, values.shape[-1]
    flat = [
        ops.reshape(ops.transpose(one[:, :length], (0, 2, 1)), (-1, length))
        for one in (values, seen)
    ]
    _, center, scale = InstanceNorm(model.normalisation, name="instance_norm")(flat[0], flat[1] > 0)
    count = ops.sum(flat[1], axis=1, keepdims=True)
    center = ops.where(count > 0, center, ops.zeros_like(center))
    enough = ops.cast(count >= FEWEST, "float32")
    center, scale, enough = (ops.reshape(one, (-1, 1, channels)) for one in (center, scale, enough))
    return center, scale, enough


def channel_errors(truth: Any, quantiles: Any) -> Any:
    """ln(1 + |y - m| / h) with the median m and the half h of the 80 % interval on y's side.

    Args:
      truth: float32[batch, steps, channels], in scales of the window.
      quantiles: float32[batch, steps, channels, levels], in the same.

    Returns:
      float32[batch, steps, channels].
    """
    median = quantiles[..., MEDIAN]
    above = quantiles[..., MEDIAN + 1] - median
    below = median - quantiles[..., MEDIAN - 1]
    half = ops.maximum(ops.where(truth > median, above, below), _LEAST)
    return ops.log1p(ops.abs(truth - median) / half)


class Verdict(keras.layers.Layer):
    """Recent errors to a surprise, and the threshold of alarms.

    Its weights are not trained: `calibration.calibrate` finds them on `valid`. `recent` holds what
    the statistics of recent errors are there, `thresholds` the threshold of their surprise and that
    of the surprise beside the running distribution (`likelihood.running_surprise`).

    Args:
      promised: the alarms that are promised, and the steps that errors are taken from.
    """

    def __init__(self, promised: FeatureSettings, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.promised = promised
        self.recent = TailTable(STATISTICS, name="recent")

    def build(self, *_: Any, **__: Any) -> None:
        self.recent.build((None, STATISTICS))
        self.thresholds = self.add_weight(
            name="thresholds",
            shape=(2,),
            initializer=keras.initializers.Constant(MOST),
            trainable=False,
        )
        self.built = True

    def call(self, errors: Any, seen: Any) -> dict[str, Any]:
        """Judges the last step.

        Args:
          errors: `float[batch, recent, channels]`, 0 where not seen.
          seen: the same, 1 where there is an error.

        Returns:
          `point` and `channel_errors`, as `build_model`.
        """
        count = ops.sum(seen, axis=-1)
        joint = ops.sqrt(ops.sum(ops.square(errors), axis=-1) / ops.maximum(count, 1.0))
        there = ops.cast(count > 0, "float32")
        mean = ops.sum(joint * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1.0)
        statistics = ops.stack([joint[:, -1], mean, -mean], axis=-1)
        scored = there[:, -1:]
        surprise = joint_surprise(self.recent(statistics))[:, None] * scored
        threshold = self.thresholds[0] + ops.zeros_like(scored)
        point = [surprise, scored, joint[:, -1:], threshold, statistics]
        return {"point": ops.concatenate(point, axis=-1), "channel_errors": errors[:, -1]}

    def compute_output_spec(self, errors: Any, seen: Any) -> dict[str, Any]:
        rows, channels = errors.shape[0], errors.shape[-1]
        shapes = {"point": (rows, len(POINT) + STATISTICS), "channel_errors": (rows, channels)}
        return {name: keras.KerasTensor(shape, "float32") for name, shape in shapes.items()}


class QuantileLoss(keras.losses.Loss):
    """The pinball loss of all levels in scales of the window, ln(1 + x) of it beyond 1.

    The logarithm keeps the anomalies that training data hold from deciding over the rest.
    """

    def call(self, target: Any, output: Any) -> Any:
        """float[batch, recent, channels], NaN where missing, and the outputs, to float[batch]."""
        quantiles, scale = output["quantiles"], output["scale"]
        seen = ops.isfinite(target)
        truth = ops.where(seen, target, quantiles[..., MEDIAN])
        loss = ops.mean(pinball(truth, quantiles, LEVELS), axis=-1) / scale[:, None]
        loss = ops.where(loss > 1.0, 1.0 + ops.log(ops.maximum(loss, 1.0)), loss)
        counted = ops.cast(seen, loss.dtype)
        total = ops.sum(loss * counted, axis=(1, 2))
        return total / ops.maximum(ops.sum(counted, axis=(1, 2)), 1.0)


def objective(model: ModelSettings) -> Objective:
    """The pinball loss; the best weights are those of the lowest."""
    del model
    return Objective(loss=QuantileLoss(), metrics=(), monitor="val_loss", mode="min")
