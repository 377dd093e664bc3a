"""Model outputs to answers, and requests to raw features, in the graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.core.transform import TransformFacts
from tidegate.models.forecasting import windows
from tidegate.models.forecasting.data_settings import MASK
from tidegate.models.forecasting.settings import LEVELS, FeatureSettings
from tidegate.models.series.time_steps import times_at

# Most steps of a request: a bound on what one may cost. Minutes of almost two years.
LONGEST = 1_000_000


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
    ends = _ends(transformed["y"])
    series = windows.read_series(windows.with_smoothing(transformed, features, ends))
    rows = tf.range(tf.size(series.lengths, out_type=tf.int64))
    return windows.inputs(series, rows, ends, features)


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
      transformed: `start`, `step`, `step_of`, `month_day`, `clock`, `y`.
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
    return {
        "mean": outputs[..., 0],
        "quantiles": outputs[..., 1:-1],
        "levels": tf.repeat(tf.constant(LEVELS, tf.float32)[tf.newaxis], batch, axis=0),
        "offsets": tf.repeat(offsets[tf.newaxis], batch, axis=0),
        "times": times_at(transformed, after),
    }


def forecast_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """A `forecast` request to raw features.

    Args:
      request: `y` float32[batch, steps]; `mask` bool[batch, steps], False where `y` has no value,
        and NaN means the same; the forecast starts after the last value, so that shorter series
        are padded with what the mask leaves out; covariates float32[batch, steps], future ones as
        far as they are known, `horizon` steps more than `y` at best, NaN where missing; the rest
        [batch].

    Returns:
      The same without the mask, sequences sparse.

    Raises:
      tf.errors.InvalidArgumentError: when run, not one row of each input for each series, more
        steps than `LONGEST`, or a mask of another shape than `y`.
    """
    y, mask = request["y"], request[MASK]
    steps = tf.shape(y)[1]
    rows = tf.stack([tf.shape(tensor)[0] for tensor in request.values()])
    checks = (
        # In the words of TF Serving's batching, which is not always there to refuse it.
        (tf.reduce_all(rows == rows[0]), "input tensors must have equal 0th-dimension size"),
        (steps <= LONGEST, f"y has more than {LONGEST:,} steps: send the last ones alone"),
        (tf.reduce_all(tf.shape(mask) == tf.shape(y)), f"{MASK} and y differ in shape"),
    )
    with tf.control_dependencies([tf.debugging.Assert(held, [text]) for held, text in checks]):
        y = tf.where(mask, y, float("nan"))
    lengths = tf.reduce_max(tf.where(tf.math.is_finite(y), tf.range(1, steps + 1), 0), axis=1)
    found: dict[str, tf.Tensor | tf.SparseTensor] = {"y": _sparse(y, lengths)}
    for name, tensor in request.items():
        if name not in found and name != MASK:
            found[name] = _sparse(tensor, None) if len(tensor.shape) == 2 else tensor
    return found


def dense_rows(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples as rows of a `forecast` request: all as long as the longest, with its mask."""
    longest = max(len(sample["y"]) for sample in samples)
    rows = []
    for sample in samples:
        missing = longest - len(sample["y"])
        row = {
            name: [*value, *[float("nan")] * missing] if np.ndim(value) else value
            for name, value in sample.items()
        }
        rows.append({**row, MASK: [*[True] * len(sample["y"]), *[False] * missing]})
    return rows


def _sparse(values: tf.Tensor, lengths: tf.Tensor | None) -> tf.SparseTensor:
    """All values, or each row's first ones; NaN is kept: where it stands says when it was."""
    kept = tf.ones_like(values, tf.bool)
    if lengths is not None:
        kept = tf.sequence_mask(lengths, tf.shape(values)[1])
    places = tf.where(kept)
    return tf.SparseTensor(
        places, tf.gather_nd(values, places), tf.shape(values, out_type=tf.int64)
    )
