"""Exponential smoothings of a series that go on: a grid of them, weighed by their own past errors.

What is forecast from an origin depends on what lies before it alone, so that one pass over a series
serves all its origins.
"""

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tidegate.models.series.known import KINDS, known_at
from tidegate.models.series.members import (
    DAMPINGS,
    FIRST,
    SEASONAL,
    grid,
    prior_weights,
    ratio,
    reach,
    states_over,
)
from tidegate.models.series.past_errors import PastErrors, judged_steps

# Of a longer season the members with one would cost too much.
LONGEST_SEASON = 60
# A forecast sees at least so many of the last steps, and at most twice as many.
SEEN = 1_024
# Of a long series about so many origins are judged.
_JUDGED = 256
# A forecast in logarithms moves no further than this from the last level.
_FARTHEST = 3.0
# Steps of series that are smoothed at once: they bound the memory.
_AT_ONCE = 16_384
# Error of a row that has not moved yet, as a share of its level.
_STILL = 0.1


def smooth(y: tf.Tensor, season: tf.Tensor, seasonality: tf.Tensor, horizon: int) -> tf.Tensor:
    """What the weighted members know at each origin of some rows.

    Args:
      y: float32[rows, steps], each from its first observed value on; NaN where missing.
      season: int64[], steps of a season; above `LONGEST_SEASON` it is left out.
      seasonality: float32[], the share of members with a season where a row says nothing of it.
      horizon: steps that will be forecast, which decides what members are judged by.

    Returns:
      float32[rows, steps + 1, channels], for `forecast`: what is known before each place.
    """
    y = tf.transpose(y)
    steps = tf.shape(y)[0]
    seen = tf.math.is_finite(y)
    first = tf.where(seen[0], y[0], 0.0)
    moved = tf.where(seen, y - first, 0.0)
    unit = ratio(
        tf.reduce_sum(tf.abs(moved), axis=0), tf.reduce_sum(tf.cast(seen, tf.float32), axis=0)
    )
    unit = tf.where(unit > 0, unit, tf.where(first == 0, 1.0, tf.abs(first)))
    has_log = seen & (y > 0) & (first > 0)
    values = tf.stack(
        [
            tf.where(seen, moved / unit, math.nan),
            tf.where(has_log, tf.math.log(tf.where(has_log, y / first, 1.0)), math.nan),
        ],
        axis=-1,
    )
    # From the first value that has no logarithm on there are none.
    without = tf.cumsum(tf.cast(seen & (y <= 0), tf.int32))
    without = tf.concat([tf.zeros_like(without[:1]), without], axis=0) + tf.cast(
        first <= 0, tf.int32
    )

    seasonal = (season > 1) & (season <= LONGEST_SEASON)
    length = tf.where(seasonal, tf.cast(season, tf.int32), 1)
    members = tf.constant(grid())
    members = tf.boolean_mask(members, (members[:, SEASONAL] == 0) | seasonal)
    apart = tf.maximum(1, steps // _JUDGED)
    sizes = tf.abs(y) / unit
    # A row that has not moved yet says nothing of its scale.
    still = tf.stack([tf.where(first == 0, 1.0, tf.abs(first)) / unit, tf.ones_like(unit)], axis=-1)

    # What two seasons begin with is judged by what follows them; until then it is one season.
    until = tf.where(seasonal, 2 * length + length // 4, FIRST)
    begin = tf.minimum(steps, until)
    stage = functools.partial(
        _stage_over(horizon),
        still=_STILL * still,
        members=members,
        prior=prior_weights(members, seasonality),
        length=length,
    )
    one = tf.constant(1)
    early = stage(values[:begin], sizes[:begin], without[: begin + 1], apart=one, seasons=one)
    late = stage(values, sizes, without, apart=apart, seasons=tf.constant(2))
    early = tf.pad(early, [[0, steps - begin], [0, 0], [0, 0]])
    known = tf.where((tf.range(steps + 1) > until)[:, tf.newaxis, tf.newaxis], late, early)
    scale = tf.zeros_like(known[..., :1]) + tf.stack([first, unit], axis=-1)[tf.newaxis]
    return tf.transpose(tf.concat([scale, known], axis=-1), (1, 0, 2))


@functools.cache
def _stage_over(horizon: int) -> Callable[..., tf.Tensor]:
    """`_stage`, traced once for both stages."""
    whole = tf.TensorSpec([], tf.int32)
    return tf.function(
        functools.partial(_stage, judged_steps(horizon)),
        input_signature=[
            tf.TensorSpec([None, None, len(KINDS)]),
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, len(KINDS)]),
            tf.TensorSpec([None, 6]),
            tf.TensorSpec([None]),
            *[whole] * 3,
        ],
        autograph=False,
    )


def _stage(
    ahead: Sequence[int],
    values: tf.Tensor,
    sizes: tf.Tensor,
    without: tf.Tensor,
    still: tf.Tensor,
    members: tf.Tensor,
    prior: tf.Tensor,
    length: tf.Tensor,
    apart: tf.Tensor,
    seasons: tf.Tensor,
) -> tf.Tensor:
    """What members know that begin with so many seasons: as `known_at`."""
    places = tf.range(0, tf.shape(values)[0] + 1, apart)
    can_log = tf.gather(without, places)[..., tf.newaxis] == 0
    judged = PastErrors(values, sizes, length, places, apart, ahead)
    states = states_over(values, members, length, seasons)
    return known_at(judged, states, members, prior, seasons * length, can_log, still)


def smooth_series(
    y: tf.RaggedTensor,
    season: tf.Tensor,
    seasonality: tf.Tensor,
    horizon: int,
    ends: tf.Tensor | None = None,
) -> tf.RaggedTensor | tf.Tensor:
    """`smooth` for series of any length: a long one in pieces that overlap.

    Args:
      y: float32[series, (steps)], NaN where missing.
      season, seasonality, horizon: as `smooth` takes them.
      ends: int64[series], the one origin of each that is asked for; None for all.

    Returns:
      float32[series, (steps + 1), channels], or float32[series, channels]. Before a series' first
      value nothing is known, and what stands there means nothing.
    """
    steps = y.row_lengths()
    places = tf.ragged.range(steps)
    there = tf.math.is_finite(y.flat_values)
    blank = tf.math.unsorted_segment_min(
        tf.where(there, places.flat_values, tf.int64.max), y.value_rowids(), y.nrows()
    )
    blank = tf.minimum(blank, tf.maximum(steps - 1, 0))
    if ends is None:
        lengths = steps - blank
        pieces = tf.maximum((lengths + SEEN - 1) // SEEN - 1, 1)
        row = tf.repeat(tf.range(y.nrows()), pieces)
        begin = SEEN * tf.ragged.range(pieces).flat_values
    else:
        lengths = tf.maximum(ends - blank, 0)
        row = tf.range(y.nrows())
        begin = SEEN * _piece(lengths)
    length = tf.minimum(tf.gather(lengths, row) - begin, 2 * SEEN)
    start = tf.gather(y.row_starts() + blank, row) + begin
    found = _pieces_over(horizon)(y.flat_values, start, length, season, seasonality)
    if ends is not None:
        return tf.gather_nd(found, tf.stack([row, lengths - begin], axis=-1))
    origins = tf.ragged.range(steps + 1)
    row = origins.value_rowids()
    origin = tf.maximum(origins.flat_values - tf.gather(blank, row), 0)
    piece = tf.minimum(_piece(origin), tf.gather(pieces, row) - 1)
    which = tf.gather(tf.cumsum(pieces, exclusive=True), row) + piece
    which = tf.stack([which, origin - SEEN * piece], axis=-1)
    return origins.with_flat_values(tf.gather_nd(found, which))


def _piece(origin: tf.Tensor) -> tf.Tensor:
    """The last piece in which an origin has `SEEN` steps before it."""
    return tf.maximum((origin + SEEN - 1) // SEEN - 2, 0)


@functools.cache
def _pieces_over(horizon: int) -> Callable[..., tf.Tensor]:
    """`_smooth_pieces`, traced once for all graphs of a process: that takes seconds."""
    steps, one = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)
    share = tf.TensorSpec([], tf.float32)
    return tf.function(
        functools.partial(_smooth_pieces, horizon=horizon),
        input_signature=[tf.TensorSpec([None], tf.float32), steps, steps, one, share],
        autograph=False,
    )


def _smooth_pieces(
    values: tf.Tensor,
    start: tf.Tensor,
    length: tf.Tensor,
    season: tf.Tensor,
    seasonality: tf.Tensor,
    horizon: int,
) -> tf.Tensor:
    """float32[steps] cut at int64[pieces] to float32[pieces or more, longest + 1, channels]."""
    widest = tf.maximum(tf.reduce_max(tf.concat([[1], length], axis=0)), 1)
    place = tf.range(widest)
    end = tf.size(values, tf.int64)
    where = tf.where(place < length[:, tf.newaxis], start[:, tf.newaxis] + place, end)
    cut = tf.gather(tf.concat([values, [math.nan]], axis=0), where)
    count = tf.maximum(tf.size(length, tf.int64), 1)
    at_once = tf.clip_by_value(_AT_ONCE // widest, 1, count)
    lacking = at_once * ((count + at_once - 1) // at_once) - tf.size(length, tf.int64)
    cut = tf.pad(cut, [[0, lacking], [0, 0]], constant_values=math.nan)
    found = tf.map_fn(
        lambda some: smooth(some, season, seasonality, horizon),
        tf.reshape(cut, (-1, at_once, widest)),
        fn_output_signature=tf.TensorSpec((None, None, None)),
        parallel_iterations=1,
    )
    return tf.reshape(found, tf.concat([[-1], tf.shape(found)[2:]], axis=0))


def forecast(known: tf.Tensor, horizon: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The forecast of the weighted members, and how far off they were.

    Args:
      known: float32[windows, channels], of `smooth`, at each window's origin.
      horizon: as `smooth` was given.

    Returns:
      float32[windows, horizon]; float32[windows, horizon], the mean absolute error of forecasts so
      many steps ahead, above 0; and float32[windows], how many there were of one step.
    """
    ahead = judged_steps(horizon)
    first, unit, share, count = tf.split(known[:, :4], 4, axis=1)
    spread = tf.reshape(known[:, 4 : 4 + 2 * len(ahead)], (-1, len(ahead), len(KINDS)))
    averages = tf.split(known[:, 4 + 2 * len(ahead) :], len(KINDS), axis=1)
    far = reach(DAMPINGS, horizon)
    length = tf.shape(averages[0])[1] - 1 - len(DAMPINGS)
    places = 1 + len(DAMPINGS) + tf.range(horizon) % length
    paths = [
        one[:, :1]
        + tf.matmul(one[:, 1 : 1 + len(DAMPINGS)], far, transpose_b=True)
        + tf.gather(one, places, axis=1)
        for one in averages
    ]
    level = averages[1][:, :1]
    logs = tf.clip_by_value(paths[1], level - _FARTHEST, level + _FARTHEST)
    grown = first * tf.exp(logs)
    found = share * (first + unit * paths[0]) + (1 - share) * grown
    # Between the judged steps as a power of the steps ahead: along straight lines of logarithms.
    log_steps = np.log(np.arange(1, horizon + 1))
    upper = np.clip(np.searchsorted(np.log(ahead), log_steps), 1 if len(ahead) > 1 else 0, None)
    lower = np.maximum(upper - 1, 0)
    gap = np.log(ahead)[upper] - np.log(ahead)[lower]
    part = np.where(gap > 0, (log_steps - np.log(ahead)[lower]) / np.where(gap > 0, gap, 1), 1.0)
    part = tf.constant(part, tf.float32)
    in_logs = tf.math.log(spread)
    between = [
        tf.exp(tf.gather(one, lower, axis=1) * (1 - part) + tf.gather(one, upper, axis=1) * part)
        for one in tf.unstack(in_logs, axis=-1)
    ]
    off = share * unit * between[0] + (1 - share) * tf.abs(grown) * between[1]
    return found, off, count[:, 0]
