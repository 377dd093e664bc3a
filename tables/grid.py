"""Where the rows of a series stand on a regular grid of time, and what holds for all of them."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from tidegate.tables import cells
from tidegate.tables.errors import InputError
from tidegate.tables.formats import PLAIN, FileFormat
from tidegate.tables.frequency import DAY, SHORTEST_MONTH, month_and_day, off_day, wall, weekday
from tidegate.tables.series import Series, time_text
from tidegate.tables.time_grid import Step, parse_timestamp
from tidegate.tables.zones import ahead_of, check_moments

# A grid with more steps than this, and than so many times its rows, has a wrong time somewhere.
_MANY_STEPS = 100_000
_STEPS_A_ROW = 1_000
# A finer step is no advice where it leaves more than so many steps a row: almost all is missing.
_FINER_STEPS_A_ROW = 10
_SAME_DAY = (
    "mend the time; months, quarters and years must be on the same day each time, or always on the "
    "month's last, at the same time of day: write business month ends as the month itself, such "
    "as 2020-05"
)
_UNITS = ((DAY, "D"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Places:
    """Where the rows of a series stand.

    Attributes:
      at: int64[rows], each row's step from the first one.
      first: the first row's time: seconds, months since 1970-01, business days since Monday
        1969-12-29, or integer time.
      day: day of the month of its steps, 31 for the last one; 1 where the step is no month.
      clock: seconds since midnight of its steps, where `first` counts months or business days.
    """

    at: np.ndarray
    first: int
    day: int = 1
    clock: int = 0


@dataclass(frozen=True)
class Gridding:
    """How series are put on a grid.

    Attributes:
      step: the grid's.
      files: names of the sources, for messages.
      statics: names of the columns of static numbers, which follow the target.
      futures: names of the columns known ahead, the last columns of numbers.
      names: names of the columns of static texts.
      fixed: whether the step is a model's, which no setting changes.
      fill: whether a step without a row is zero.
      how: how times were read.
    """

    step: Step
    files: Sequence[str]
    statics: tuple[str, ...] = ()
    futures: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    fixed: bool = False
    fill: bool = False
    how: FileFormat = PLAIN

    @property
    def scale(self) -> int:
        """A step in the unit of `Places.first`."""
        return self.step.seconds or self.step.months or self.step.index or self.step.business

    def time(self, places: Places, step: int) -> int:
        """A step's time: seconds since 1970 on the clock that the step follows, or an integer."""
        moment = places.first + step * self.scale
        if self.step.months:
            return month_seconds(moment, places.day) + places.clock
        if self.step.business:
            return (7 * (moment // 5) + moment % 5 - 3) * DAY + places.clock
        return moment

    def text(self, places: Places, step: int) -> str:
        """A step's time as the clock on the wall shows it."""
        time = self.time(places, step)
        if not self.step.by_date:
            time += ahead_of(self.how.timezone, time)
        return time_text(time, bool(self.step.index))

    def places(self, series: Series) -> Places:
        """Where the rows of a series stand.

        Raises:
          InputError: a time off the grid, a clock that goes back, or a time of a zone's clock that
        does not say its moment.
        """
        step, clock, day = self.step, wall(series), 1
        if step.months:
            wrong, day = off_day(clock)
            if len(wrong):
                shorter = (np.diff(clock) < SHORTEST_MONTH).any()
                advice = "mend the time, or set a shorter data.frequency" if shorter else _SAME_DAY
                if self.fixed:
                    advice = self._advice(series, clock)
                self._off_grid(series, int(wrong[0]), advice)
            time, scale = month_and_day(clock)[0], step.months
        elif step.business:
            time, scale = self._business_days(series, clock), step.business
        elif step.index:
            time, scale = series.table.time, step.index
        else:
            if not step.by_date:
                setting = f"{self.how.setting('timezone')}={self.how.timezone}"
                check_moments(series, self.files, setting)
            time = clock if step.by_date else series.table.time
            scale = step.seconds
        rests = time % scale
        values, counts = np.unique(rests, return_counts=True)
        usual = int(values[counts.argmax()])
        wrong = np.flatnonzero(rests != usual)
        if len(wrong):
            self._off_grid(series, int(wrong[0]), self._advice(series, time))
        # The clock on the wall may go back where the zone changes.
        twice = np.flatnonzero(np.diff(time) <= 0)
        if len(twice):
            self._off_grid(series, int(twice[0]) + 1, "mend the time")
        at_midnight = not (step.months or step.business)
        of_day = 0 if at_midnight else int(clock[0] % DAY)
        return Places((time - time[0]) // scale, int(time[0]), day, of_day)

    def _business_days(self, series: Series, clock: np.ndarray) -> np.ndarray:
        """int64[rows], business days since Monday 1969-12-29.

        Raises:
          InputError: a day of a weekend, or another time of day than the first row's.
        """
        days = clock // DAY
        of_week = weekday(days)
        wrong = np.flatnonzero((of_week > 4) | (clock % DAY != clock[0] % DAY))
        if len(wrong):
            at_weekend = of_week[wrong[0]] > 4
            advice = "mend the time" + (", or set data.frequency=D" if at_weekend else "")
            if self.fixed:
                advice = self._advice(series, clock)
            self._off_grid(series, int(wrong[0]), advice)
        return 5 * ((days + 3) // 7) + of_week

    def zeros(self, at: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The steps without a row, between the first and the last value, whose value is zero.

        Args:
          at: int64[rows], where the rows stand.
          target: float[rows], their values, NaN where missing: an empty cell is no zero.
        """
        seen = np.flatnonzero(~np.isnan(target))
        if not self.fill or not len(seen):
            return np.empty(0, np.int64)
        span = np.arange(at[seen[0]], at[seen[-1]] + 1)
        return np.setdiff1d(span, at, assume_unique=True)

    def check_steps(self, series: Series, at: np.ndarray, first: int = 0) -> None:
        """Refuses a grid that is far longer than its rows: a time is wrong.

        Args:
          series: its rows.
          at: int64[rows], where some of them, one after another, stand.
          first: which of the series' rows is the first of those.

        Raises:
          InputError: it is.
        """
        steps = int(at[-1] - at[0]) + 1
        if steps <= max(_MANY_STEPS, _STEPS_A_ROW * len(at)):
            return
        begin, end = (series.place(row, self.files) for row in (first, first + len(at) - 1))
        finer = "" if self.fixed else ", or data.frequency too fine"
        raise InputError(
            f"{begin} to {end}: series {series.name!r} has {len(at)} rows on {steps:,} steps of "
            f"{self.step}; is a time wrong{finer}?"
        )

    def _advice(self, series: Series, time: np.ndarray) -> str:
        """What helps where the distances between times are not all of the step."""
        if self.fixed:
            return "the step is the model's: mend the time, or train with data of this step"
        if self.step.seconds >= SHORTEST_MONTH:
            return _SAME_DAY
        in_utc = not (np.diff(series.table.time) % DAY).any()
        if self.how.timezone and self.step.by_date and in_utc:
            setting = self.how.setting("timezone")
            return f"the times are at one time of day in UTC: leave {setting} out, or mend them"
        if self.step.by_date and not self.step.months and (np.diff(time) % DAY).any():
            time = series.table.time  # Steps below a day are those of UTC.
        if self.step.index and _is_date(time[0]):
            return "mend the time, or set data.frequency to D, MS or QS where these are dates"
        distance = int(np.gcd.reduce(np.diff(time)))
        advice = "mend the time"
        if (time[-1] - time[0]) // distance < _FINER_STEPS_A_ROW * len(time):
            advice += f", or set data.frequency={self._alias(distance)}, on which all times are"
        return advice

    def _alias(self, distance: int) -> str:
        """A distance in the step's unit as data.frequency takes it."""
        if self.step.index:
            return str(distance)
        units = ((1, "MS"),) if self.step.months else ((1, "B"),) if self.step.business else _UNITS
        size, name = next(unit for unit in units if distance % unit[0] == 0)
        return f"{distance // size}{name}" if distance > size else name

    def _off_grid(self, series: Series, row: int, advice: str) -> None:
        near = row - 1 if row else 1
        integer = bool(self.step.index)
        time, other = (series.time_text(at, integer) for at in (row, near))
        raise InputError(
            f"{series.place(row, self.files)}: series {series.name!r}: {time} is off the grid of "
            f"one step each {self.step} (beside it: {other}); {advice}"
        )

    def static(self, series: Series) -> tuple[tuple[str, ...], list[float]]:
        """The texts and numbers that hold for the whole series; empty or NaN where missing.

        Raises:
          InputError: a static column changes.
        """
        names = []
        for at, column in enumerate(self.names):
            given = series.table.names[:, at]
            rows = np.flatnonzero(given != "")
            names.append(str(self._only(series, column, given, rows, "")))
        statics = []
        for at, column in enumerate(self.statics, start=1):
            numbers = series.table.numbers[:, at].astype(np.float32)
            rows = np.flatnonzero(~np.isnan(numbers))
            statics.append(float(self._only(series, column, numbers, rows, np.nan)))
        return tuple(names), statics

    def _only(
        self, series: Series, column: str, given: np.ndarray, rows: np.ndarray, none: Any
    ) -> Any:
        if not len(rows):
            return none
        other = rows[given[rows] != given[rows[0]]]
        if len(other):
            instead = (
                "list the column under data.historic or data.future"
                if not len(cells.numbers(given[rows])[1])
                else "mend the rows, or leave the column out of data.static"
            )
            raise InputError(
                f"{series.place(int(other[0]), self.files)}: series {series.name!r}: static column "
                f"{column!r} changes from {given[rows[0]]!r} to {given[other[0]]!r}; expected one "
                f"value for a series: {instead}"
            )
        return given[rows[0]]


def _is_date(time: int) -> bool:
    """Whether an integer may be a month or a day: 202012 or 20201231."""
    try:
        parse_timestamp(str(time))
    except ValueError:
        return False
    return len(str(time)) > 4


def month_seconds(months: int, day: int) -> int:
    """The time of a month's day, or of its last one where it is shorter; months since 1970-01."""
    year, month = 1970 + months // 12, months % 12 + 1
    shown = date(year, month, min(day, calendar.monthrange(year, month)[1]))
    return (shown.toordinal() - date(1970, 1, 1).toordinal()) * DAY
