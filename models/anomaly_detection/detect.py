"""Series to scores and alarms, in the graph: all points of a request, with a state or without."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.anomaly_detection.likelihood import likelihood, running_surprise, standardised
from tidegate.models.anomaly_detection.model import MEDIAN, POINT, VERDICT
from tidegate.models.anomaly_detection.preprocess import windows
from tidegate.models.anomaly_detection.settings import FeatureSettings
from tidegate.models.core.task import Served
from tidegate.models.core.transform import TransformFacts
from tidegate.models.series.time_steps import times_at

# Most steps of a request: a bound on what one may cost.
LONGEST = 1_000_000
# Windows that the network answers at once: they, not the series, bound the memory.
_AT_ONCE = 2_048


def of_places(
    network: Any,
    y: tf.Tensor,
    known: tf.Tensor,
    starts: tf.Tensor,
    ends: tf.Tensor,
    features: FeatureSettings,
) -> dict[str, tf.Tensor]:
    """What the network makes of points, some at a time.

    Args:
      network: as `build_model` gives it.
      y, known, starts, ends: as `windows` takes them.
      features: context and recent.

    Returns:
      `score`, `scored`, `error` and `threshold` float32[points]; `channel_errors`, `expected`,
      `low` and `high` float32[points, channels].
    """
    total = tf.size(ends)
    chunks = (total + _AT_ONCE - 1) // _AT_ONCE
    lacking = [[0, chunks * _AT_ONCE - total]]

    def answer(some: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        found = network(windows(y, known, some[0], some[1], features), training=False)
        quantiles = forecast(found)
        wide = [found["channel_errors"], quantiles[..., MEDIAN], quantiles[..., 0]]
        point = found["point"][:, : len(POINT)]
        return tf.concat([point, *wide, quantiles[..., -1]], axis=-1)

    channels = y.shape[-1]
    found = tf.map_fn(
        answer,
        tuple(tf.reshape(tf.pad(one, lacking), (-1, _AT_ONCE)) for one in (starts, ends)),
        fn_output_signature=tf.TensorSpec((_AT_ONCE, len(POINT) + 4 * channels), tf.float32),
        parallel_iterations=1,
    )
    found = tf.reshape(found, (-1, len(POINT) + 4 * channels))[:total]
    point = tf.unstack(found[:, : len(POINT)], axis=-1)
    wide = tf.split(found[:, len(POINT) :], 4, axis=-1)
    return {
        **dict(zip(POINT, point, strict=True)),
        **dict(zip(("channel_errors", "expected", "low", "high"), wide, strict=True)),
    }


def forecast(outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32[batch, channels, levels] of the last step; NaN where there is no forecast."""
    there = outputs["enough"][..., tf.newaxis] > 0
    return tf.where(there, outputs["quantiles"][:, -1], float("nan"))


def alarms(
    scores: tf.Tensor,
    there: tf.Tensor,
    threshold: tf.Tensor,
    features: FeatureSettings,
    before: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`layers.tails.events` of some rows at once.

    Args:
      scores: float32[batch, steps].
      there: bool[batch, steps], where there is a score.
      threshold: float32[batch, steps].
      features: hysteresis and distance.
      before: float32[batch, 2], whether an alarm was active, and the steps since one was raised;
        None at a beginning.

    Returns:
      bool[batch, steps] twice: raised, active; float32[batch, 2], for what follows.
    """
    batch = tf.shape(scores)[0]
    far = float(features.distance)
    if before is None:
        before = tf.repeat(tf.constant([[0.0, far]]), batch, axis=0)
    part = features.hysteresis

    def step(last: tuple[tf.Tensor, ...], given: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        on, since, _ = last
        score, known, limit = given
        # Far is far: a count that grows for ever would lose its ones.
        since = tf.minimum(since + 1, far)
        held = tf.where(known, on & (score >= part * limit), on)
        raised = known & ~held & (score >= limit) & (since >= far)
        return held | raised, tf.where(raised, 0.0, since), raised

    turned = tuple(tf.transpose(one) for one in (scores, there, threshold))
    begin = (before[:, 0] > 0, before[:, 1], tf.zeros((batch,), tf.bool))
    active, since, raised = tf.scan(step, turned, begin)
    last = tf.concat([tf.cast(begin[0], tf.float32)[tf.newaxis], tf.cast(active, tf.float32)], 0)
    since = tf.concat([before[tf.newaxis, :, 1], since], axis=0)
    state = tf.stack([last[-1], since[-1]], axis=-1)
    return tf.transpose(raised), tf.transpose(active), state


def detect(request: Mapping[str, tf.Tensor], served: Served) -> dict[str, tf.Tensor]:
    """Scores all points of some series; each depends on the last `reach` points alone.

    Args:
      request: `start` int64[batch]; `y` and other channels float32[batch, steps], NaN where
        missing; `length` int64[batch], the steps of each, below 0 for all.
      served: the model.

    Returns:
      By point, [batch, steps], of missing ones as well: `score` float32, -log10 of the tail
      probability, 0 where there is no value to score; `probability` float32, that one; `alarm`
      bool, whether one is raised here; `active` bool, whether one lasts; `expected`, `low`, `high`
      float32[batch, steps, channels], the median and the ends of the 98 % interval, NaN where
      there is no forecast; `share` float32[batch, steps, channels], the part of each channel in
      the error; `certain` bool, whether all points that the score depends on were sent; `steps`
      int64, numbers from 1, 0 beyond a series' length; `times` int64.

    Raises:
      tf.errors.InvalidArgumentError: when run, rows or steps that do not go together, or more
        steps than `LONGEST`.
    """
    y, known, transformed, length = _series(request, served)
    found = _answers(served, y, known, 0)
    raised, active, _ = alarms(
        found["score"], found["scored"] > 0, found["threshold"], served.features
    )
    zero = tf.zeros_like(length)
    return _shown(found, raised, active, transformed, length, zero, served.features.reach)


def watch(request: Mapping[str, tf.Tensor], served: Served) -> dict[str, tf.Tensor]:
    """Scores the next points of streams, beside the running distribution of their errors.

    Scores are the same in whatever pieces a stream is sent.

    Args:
      request: as `detect` takes it, and `state` float32[batch, s] as the last answer gave it, of no
        width at a stream's beginning. All rows of a request have as many steps.
      served: the model.

    Returns:
      As `detect`; `likelihood` float32[batch, steps], the anomaly likelihood of the recent errors,
      0.5 where there is none; `state`.
    """
    features = served.features
    y, known, transformed, length = _series(request, served)
    state = _State(request["state"], y, known, features)
    before = features.reach - 1
    whole = tf.concat([state.values, y], axis=1)
    found = _answers(served, whole, tf.concat([state.known, known], axis=1), before)
    fresh = tf.where(found["scored"] > 0, found["error"], float("nan"))
    errors = tf.concat([state.errors, fresh], axis=1)
    alone, recent = (
        one[:, features.window :] for one in standardised(errors, features.window, features.recent)
    )
    verdict = served.network.get_layer(VERDICT)
    running = running_surprise(alone, recent)
    there = tf.math.is_finite(running)
    scored = found["scored"] > 0
    found["score"] = tf.where(there & scored, running, found["score"])
    found["threshold"] = tf.where(there, verdict.thresholds[1], found["threshold"])
    raised, active, alarmed = alarms(
        found["score"], scored, found["threshold"], features, state.alarms
    )
    count = state.count + tf.shape(y)[1]
    begun = tf.cast(state.count, tf.int64)
    shown = _shown(found, raised, active, transformed, length, begun, features.reach)
    return {
        **shown,
        "likelihood": tf.where(there, likelihood(recent), 0.5),
        "state": state.after(
            whole, tf.concat([state.known, known], axis=1), errors, alarmed, count
        ),
    }


class _State:
    """What a stream has to know of its past, as one row of numbers.

    Args:
      given: float32[batch, s]; s is 0 at a beginning.
      y, known: of the request, for their widths.
      features: context, recent and window.
    """

    def __init__(
        self, given: tf.Tensor, y: tf.Tensor, known: tf.Tensor, features: FeatureSettings
    ) -> None:
        before, self._window = features.reach - 1, features.window
        self._widths = (before * y.shape[-1], before * known.shape[-1], features.window, 2, 1)
        nan = float("nan")
        far = float(features.distance)
        batch = tf.shape(y)[0]
        begin = tf.concat(
            [
                tf.fill((batch, self._widths[0]), nan),
                tf.zeros((batch, self._widths[1])),
                tf.fill((batch, self._widths[2]), nan),
                tf.repeat(tf.constant([[0.0, far, 0.0]]), batch, axis=0),
            ],
            axis=1,
        )
        width = tf.shape(given)[1]
        right = (width == 0) | (width == sum(self._widths))
        text = f"state: expected the one of the last answer, of {sum(self._widths)} numbers"
        with tf.control_dependencies([tf.debugging.Assert(right, [text])]):
            given = tf.cond(width == 0, lambda: begin, lambda: given)
        given = tf.ensure_shape(given, (None, sum(self._widths)))
        values, known_before, self.errors, self.alarms, count = tf.split(
            given, self._widths, axis=1
        )
        self.values = tf.reshape(values, (-1, before, y.shape[-1]))
        self.known = tf.reshape(known_before, (-1, before, known.shape[-1]))
        # Certain is certain: more need not be counted.
        self.count = tf.cast(count[:, :1], tf.int32)[:, 0]
        self._most = features.reach

    def after(
        self,
        whole: tf.Tensor,
        known: tf.Tensor,
        errors: tf.Tensor,
        alarmed: tf.Tensor,
        count: tf.Tensor,
    ) -> tf.Tensor:
        """The state behind the last step."""
        batch = tf.shape(whole)[0]
        before = self.values.shape[1]
        parts = [
            tf.reshape(whole[:, -before:], (batch, self._widths[0])),
            tf.reshape(known[:, -before:], (batch, self._widths[1])),
            errors[:, -self._window :],
            alarmed,
            tf.cast(tf.minimum(count, self._most), tf.float32)[:, tf.newaxis],
        ]
        return tf.concat(parts, axis=1)


def _series(
    request: Mapping[str, tf.Tensor], served: Served
) -> tuple[tf.Tensor, tf.Tensor, Mapping[str, Any], tf.Tensor]:
    """Values [batch, steps, channels], calendar, times, and the steps of each row."""
    y = request["y"]
    names = [name for name in request if name not in ("start", "length", "state")]
    rows = tf.stack([tf.shape(tensor)[0] for name, tensor in request.items()])
    steps = tf.shape(y)[1]
    alike = [tf.reduce_all(tf.shape(request[name]) == tf.shape(y)) for name in names]
    checks = (
        (tf.reduce_all(rows == rows[0]), "input tensors must have equal 0th-dimension size"),
        (tf.reduce_all(tf.stack(alike)), f"{', '.join(names)} differ in shape"),
        (steps <= LONGEST, f"y has more than {LONGEST:,} steps: send the last ones alone"),
    )
    with tf.control_dependencies([tf.debugging.Assert(held, [text]) for held, text in checks]):
        y = tf.identity(y)
    where, shape = tf.where(tf.ones_like(y, tf.bool)), tf.shape(y, tf.int64)
    raw: dict[str, Any] = {
        name: tf.SparseTensor(where, tf.reshape(request[name], [-1]), shape) for name in names
    }
    raw["start"] = request["start"]
    transformed = served.transformed(raw)
    length = request["length"]
    length = tf.where(length < 0, tf.cast(steps, tf.int64), length)
    values = tf.stack([request[name] for name in names], axis=-1)
    beyond = tf.range(steps, dtype=tf.int64)[tf.newaxis] >= length[:, tf.newaxis]
    values = tf.where(beyond[..., tf.newaxis], float("nan"), values)
    # All rows are as long: what is ragged is dense.
    known = transformed["known"].values
    known = tf.reshape(known, tf.stack([rows[0], steps, known.shape[-1]]))
    return values, known, transformed, tf.broadcast_to(length, [rows[0]])


def _answers(served: Served, y: tf.Tensor, known: tf.Tensor, before: int) -> dict[str, tf.Tensor]:
    """`of_places` of all steps but the first `before`, [batch, steps, ...]."""
    batch, steps = tf.unstack(tf.shape(y, tf.int64)[:2])
    starts = tf.range(batch) * steps
    places = starts[:, tf.newaxis] + tf.range(before, steps, dtype=tf.int64)
    flat = [tf.reshape(one, (-1, one.shape[-1])) for one in (y, known)]
    begins = tf.repeat(starts, steps - before)
    found = of_places(
        served.network, flat[0], flat[1], begins, tf.reshape(places, [-1]) + 1, served.features
    )
    return {
        name: tf.reshape(one, tf.concat([[batch, steps - before], tf.shape(one, tf.int64)[1:]], 0))
        for name, one in found.items()
    }


def share_of(channel_errors: tf.Tensor) -> tf.Tensor:
    """Each channel's part in the joint error: float32[..., channels], adding up to 1, or 0."""
    squares = tf.square(channel_errors)
    return tf.math.divide_no_nan(squares, tf.reduce_sum(squares, axis=-1, keepdims=True))


def _shown(
    found: Mapping[str, tf.Tensor],
    raised: tf.Tensor,
    active: tf.Tensor,
    transformed: Mapping[str, Any],
    length: tf.Tensor,
    before: tf.Tensor,
    reach: int,
) -> dict[str, tf.Tensor]:
    """The answers by point."""
    numbers = tf.range(tf.shape(raised, tf.int64)[1])[tf.newaxis] + tf.zeros_like(length)[:, None]
    there = numbers < length[:, tf.newaxis]
    return {
        "score": found["score"],
        "probability": tf.pow(10.0, -found["score"]),
        "alarm": raised,
        "active": active & there,
        "expected": found["expected"],
        "low": found["low"],
        "high": found["high"],
        "share": share_of(found["channel_errors"]),
        "certain": there & (numbers + before[:, tf.newaxis] >= reach - 1),
        "steps": tf.where(there, numbers + 1, 0),
        "times": times_at(transformed, numbers),
    }


def predict(
    outputs: Mapping[str, tf.Tensor], transformed: Mapping[str, Any], facts: TransformFacts
) -> dict[str, tf.Tensor]:
    """The answer of `serving_default`: the last step of each series.

    Args:
      outputs: the network's.
      transformed: the series.
      facts: with the feature settings.

    Returns:
      As `detect` gives them for that step, [batch] and [batch, channels]; `alarm` says whether the
      score reaches the threshold, whatever was before.
    """
    quantiles = forecast(outputs)
    lengths = transformed["y"].row_lengths()
    score, scored, _, threshold = tf.unstack(outputs["point"][:, : len(POINT)], axis=-1)
    return {
        "score": score,
        "probability": tf.pow(10.0, -score),
        "alarm": (scored > 0) & (score >= threshold),
        "expected": quantiles[..., MEDIAN],
        "low": quantiles[..., 0],
        "high": quantiles[..., -1],
        "share": share_of(outputs["channel_errors"]),
        "certain": lengths >= facts.features.reach,
        "times": times_at(transformed, (lengths - 1)[:, tf.newaxis])[:, 0],
    }


def dense_rows(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples as rows of a `detect` request: all as long as the longest, with their lengths."""
    longest = max(len(sample["y"]) for sample in samples)
    rows = []
    for sample in samples:
        missing = longest - len(sample["y"])
        row = {
            name: [*value, *[float("nan")] * missing] if np.ndim(value) else value
            for name, value in sample.items()
            if name != "unique_id" and not isinstance(value, str)
        }
        rows.append({**row, "length": len(sample["y"])})
    return rows


def stream_rows(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same for `watch`, at the beginning of a stream."""
    return [{**row, "state": []} for row in dense_rows(samples)]
