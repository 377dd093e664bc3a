"""Model outputs to answers, and requests to raw features, in the graph."""

from collections.abc import Mapping

import tensorflow as tf

from models.core.transform import TransformFacts
from models.forecasting import windows
from models.forecasting.calendar import seconds_of_month
from models.forecasting.settings import LEVELS, FeatureSettings


def model_inputs(
    transformed: Mapping[str, tf.Tensor | tf.RaggedTensor], features: FeatureSettings
) -> dict[str, tf.Tensor]:
    """The window at the end of each series: the forecast starts after its last value.

    Args:
      transformed: as `preprocess` gives them.
      features: context and horizon.

    Returns:
      As `windows.inputs`.
    """
    series = windows.read_series(transformed)
    rows = tf.range(tf.size(series.lengths, out_type=tf.int64))
    return windows.inputs(series, rows, _ends(transformed["y"]), features)


def _ends(y: tf.RaggedTensor) -> tf.Tensor:
    """int64[batch], one past the last value of each series; 0 where there is none."""
    places = tf.ragged.range(1, y.row_lengths() + 1).flat_values
    there = y.with_flat_values(tf.where(tf.math.is_finite(y.flat_values), places, 0))
    return tf.maximum(tf.reduce_max(there, axis=1), 0)


def predict(
    outputs: tf.Tensor, transformed: Mapping[str, tf.Tensor], facts: TransformFacts
) -> dict[str, tf.Tensor]:
    """The network's output to answers.

    Args:
      outputs: float32[batch, horizon, 2 + levels], the network's.
      transformed: `start`, `step`, `month_day`, `clock`, `y`.
      facts: not used; part of the contract.

    Returns:
      `mean` float32[batch, horizon]; `quantiles` float32[batch, horizon, levels]; `levels`
      float32[batch, levels]; `offsets` int64[batch, horizon], 1 for the step after the last
      value; `times` int64[batch, horizon], those steps' times: seconds since 1970, or integers
      where time is one. Mean and quantiles are NaN for a series without a value in the context.
    """
    del facts
    batch = tf.shape(outputs)[0]
    offsets = tf.range(1, outputs.shape[1] + 1, dtype=tf.int64)
    after = _ends(transformed["y"])[:, tf.newaxis] - 1 + offsets
    times = transformed["start"][:, tf.newaxis] + after * transformed["step"][:, tf.newaxis]
    day, clock = (transformed[name][:, tf.newaxis] for name in ("month_day", "clock"))
    return {
        "mean": outputs[..., 0],
        "quantiles": outputs[..., 1:-1],
        "levels": tf.repeat(tf.constant(LEVELS, tf.float32)[tf.newaxis], batch, axis=0),
        "offsets": tf.repeat(offsets[tf.newaxis], batch, axis=0),
        "times": tf.where(day > 0, seconds_of_month(times, day) + clock, times),
    }


def forecast_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """A `forecast` request to raw features.

    Args:
      request: `y` float32[batch, steps], NaN where a value is missing; the forecast starts after
        the last one that is there, so that shorter series and the steps of known covariates are
        padded with NaN; covariates float32[batch, steps], future ones as far as they are known,
        `horizon` steps more than `y` at best; the rest [batch].

    Returns:
      The same, sequences sparse.
    """
    there = tf.math.is_finite(request["y"])
    places = tf.range(1, tf.shape(there)[1] + 1)
    lengths = tf.reduce_max(tf.where(there, places, 0), axis=1)
    return {
        name: _sparse(tensor, lengths if name == "y" else None)
        if len(tensor.shape) == 2
        else tensor
        for name, tensor in request.items()
    }


def _sparse(values: tf.Tensor, lengths: tf.Tensor | None) -> tf.SparseTensor:
    """All values, or each row's first ones; NaN is kept: where it stands says when it was."""
    kept = tf.ones_like(values, tf.bool)
    if lengths is not None:
        kept = tf.sequence_mask(lengths, tf.shape(values)[1])
    places = tf.where(kept)
    return tf.SparseTensor(
        places, tf.gather_nd(values, places), tf.shape(values, out_type=tf.int64)
    )
