"""The steps of series in the transform graph: what each is, its time, and its calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_transform as tft

from tidegate.models.core.task import RawFeature
from tidegate.models.series.calendar import (
    DAY,
    business_of,
    calendar,
    month_of,
    on_wall,
    seconds_of_business,
    seconds_of_month,
)

UNITS = ("seconds", "months", "index", "business")
_MONTH = 2_629_746  # Seconds, on average.


@dataclass(frozen=True)
class TimeSteps:
    """The steps of some series.

    Attributes:
      grid: int64[batch, (n + ahead)], the number of each step.
      calendar: float32[all of them, 7], as `calendar` gives it.
      step_of: the step in seconds, months, integer time and business days, int64[] each, of which
        one is above 0.
      known: what `times_at` needs, by name: `start` and `step` int64[batch], months since 1970-01
        where the step is months, business days since Monday 1969-12-29 where it is these;
        `month_day` int64[batch], the day of the month of months, 31 for the last, else 0; `clock`
        int64[batch], the seconds since midnight of both, else 0; `step_of` int64[batch, 4].
    """

    grid: tf.RaggedTensor
    calendar: tf.Tensor
    step_of: Sequence[tf.Tensor]
    known: dict[str, tf.Tensor]


def time_steps(
    inputs: Mapping[str, tf.Tensor | tf.SparseTensor],
    lengths: tf.Tensor,
    raw: Sequence[RawFeature],
    ahead: int = 0,
) -> TimeSteps:
    """The steps of series; their length, one for all, is learnt from train.

    Args:
      inputs: `start` int64[batch]; in training also `step_seconds` and so on, int64[batch].
      lengths: int64[batch], steps with a row.
      raw: the role of `start` is the time zone.
      ahead: steps beyond.
    """
    start = inputs["start"]
    # One frequency a data set: learnt here, so that no request has to say it.
    step_of = [tft.max(inputs[f"step_{unit}"]) for unit in UNITS]
    seconds, months, _, business = step_of
    step = tf.add_n(step_of)
    first_month, day = month_of(start)
    clock = tf.where((months > 0) | (business > 0), start % DAY, tf.zeros_like(start))
    start = tf.where(months > 0, first_month, start)
    start = tf.where(business > 0, business_of(start), start)
    grid = tf.ragged.range(lengths + ahead)
    rows = grid.value_rowids()
    times = wall_times(tf.gather(start, rows) + grid.flat_values * step, seconds, raw)
    # Business days have the calendar of days.
    times = tf.where(business > 0, seconds_of_business(times), times)
    of_day = seconds + business * DAY
    return TimeSteps(
        grid=grid,
        calendar=calendar(times, of_day, months, _span(inputs, lengths)),
        step_of=step_of,
        known={
            "start": start,
            "step": tf.zeros_like(start) + step,
            "month_day": tf.where(months > 0, day, tf.zeros_like(day)),
            "clock": clock,
            "step_of": tf.zeros_like(start)[:, tf.newaxis] + tf.stack(step_of),
        },
    )


def times_at(known: Mapping[str, tf.Tensor], places: tf.Tensor) -> tf.Tensor:
    """The times of steps: seconds since 1970, or integers where time is one.

    Args:
      known: as `TimeSteps.known`.
      places: int64[batch, k], numbers of steps.

    Returns:
      int64[batch, k].
    """
    times = known["start"][:, tf.newaxis] + places * known["step"][:, tf.newaxis]
    day, clock = (known[name][:, tf.newaxis] for name in ("month_day", "clock"))
    business = known["step_of"][:, 3:]
    times = tf.where(day > 0, seconds_of_month(times, day), times)
    return tf.where(business > 0, seconds_of_business(times), times) + clock


def aligned(values: tf.SparseTensor, grid: tf.RaggedTensor) -> tf.Tensor:
    """A sequence's values at the steps of a grid, flat; NaN where it is too short."""
    given = tf.RaggedTensor.from_sparse(values)
    # One value more, so that there is something to read from an empty batch.
    flat = tf.concat([given.flat_values, [float("nan")]], axis=0)
    rows = grid.value_rowids()
    there = grid.flat_values < tf.gather(given.row_lengths(), rows)
    last = tf.size(flat, out_type=tf.int64) - 1
    place = tf.where(there, tf.gather(given.row_starts(), rows) + grid.flat_values, last)
    return tf.gather(flat, place)


def wall_times(times: tf.Tensor, seconds: tf.Tensor, raw: Sequence[RawFeature]) -> tf.Tensor:
    """Times on the clock of the data's zone; steps of whole days and longer follow it already."""
    zone = next((feature.role for feature in raw if feature.name == "start"), "")
    if not zone:
        return times
    return tf.where(tf.not_equal(seconds % DAY, 0), on_wall(times, zone), times)


def _span(inputs: Mapping[str, tf.Tensor | tf.SparseTensor], lengths: tf.Tensor) -> tf.Tensor:
    """int64[], seconds from the beginning of train's first step to the end of its last."""
    step = inputs["step_seconds"] + inputs["step_months"] * _MONTH
    step += inputs["step_business"] * (7 * DAY // 5)
    return tft.max(inputs["start"] + lengths * step) - tft.min(inputs["start"])
