"""One series on its regular grid: every step there, missing values marked by NaN."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.components.series_example_gen import cells
from tidegate.components.series_example_gen.frequency import (
    DAY,
    SHORTEST_MONTH,
    month_and_day,
    off_day,
    wall,
)
from tidegate.components.series_example_gen.table import Series, time_text
from tidegate.tables.errors import InputError
from tidegate.tables.time_grid import Step, parse_timestamp

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
class Grid:
    """A series from its first to its last value.

    Attributes:
      name: the series' name.
      start: time of the first step: seconds, months since 1970-01, or integer time.
      numbers: float32[steps, columns], target first; NaN where missing.
      names: static texts, empty where missing.
      train_end: one past the last value of the training data.
      test_at: the first step that is from a test file; the grid's length where none is.
      day: day of the month of its steps, 31 for the last one; 1 where the step is no month.
    """

    name: str
    start: int
    numbers: np.ndarray
    names: tuple[str, ...]
    train_end: int
    test_at: int
    day: int = 1

    @property
    def steps(self) -> int:
        """The grid's length."""
        return len(self.numbers)


@dataclass(frozen=True)
class Gridding:
    """How series are put on a grid.

    Attributes:
      step: the grid's.
      files: the input files, for messages.
      tests: which of them are the fixed test data.
      statics: names of the columns of static numbers, which follow the target.
      futures: names of the columns known ahead, the last columns of numbers.
      names: names of the columns of static texts.
    """

    step: Step
    files: Sequence[str]
    tests: frozenset[int]
    statics: tuple[str, ...]
    futures: tuple[str, ...]
    names: tuple[str, ...]

    def grid(self, series: Series) -> Grid | None:
        """The series' grid; None where it has no value.

        Raises:
          InputError: a time off the grid, a time twice, test rows before others, a static column
            that changes, a future covariate with a step missing.
        """
        at, offset, day = self._positions(series)
        target = series.table.numbers[:, 0]
        seen = np.flatnonzero(~np.isnan(target))
        if not len(seen):
            return None
        test_row = self._test_row(series)
        names, statics = self._static(series)
        kept = slice(int(seen[0]), int(seen[-1]) + 1)
        at_kept = at[kept] - at[kept][0]
        steps = int(at_kept[-1]) + 1
        if steps > max(_MANY_STEPS, _STEPS_A_ROW * len(at_kept)):
            begin, end = (series.place(at, self.files) for at in (kept.start, kept.stop - 1))
            raise InputError(
                f"{begin} to {end}: series {series.name!r} has {len(at_kept)} rows on "
                f"{steps:,} steps of {self.step}; is a time wrong, or data.frequency too fine?"
            )
        numbers = np.full((steps, series.table.numbers.shape[1]), np.nan, np.float32)
        numbers[at_kept] = series.table.numbers[kept]
        for column, value in enumerate(statics, start=1):
            numbers[:, column] = value
        self._check_future(series, numbers, at_kept, kept.start)
        scale = self.step.seconds or self.step.months or self.step.index
        first = int(at[kept][0])
        train_end = test_at = steps
        if test_row is not None:
            test_at = int(np.clip(at[test_row] - first, 0, steps))
            before = seen[seen < test_row]
            train_end = int(at[before[-1]]) - first + 1 if len(before) else 0
        start = offset + first * scale
        return Grid(series.name, start, numbers, names, train_end, test_at, day)

    def _positions(self, series: Series) -> tuple[np.ndarray, int, int]:
        """Each row's place on the grid, the time of place 0, and the day of the month."""
        step = self.step
        day = 1
        if step.months:
            clock = wall(series)
            wrong, day = off_day(clock)
            if len(wrong):
                shorter = (np.diff(clock) < SHORTEST_MONTH).any()
                advice = "mend the time, or set a shorter data.frequency" if shorter else _SAME_DAY
                self._off_grid(series, int(wrong[0]), advice)
            time, scale = month_and_day(clock)[0], step.months
        elif step.index:
            time, scale = series.table.time, step.index
        else:
            time = wall(series) if step.by_date else series.table.time
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
        return (time - time[0]) // scale, int(time[0]), day

    def _advice(self, series: Series, time: np.ndarray) -> str:
        """What helps where the distances between times are not all of the step."""
        if self.step.seconds >= SHORTEST_MONTH:
            return _SAME_DAY
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
        units = ((1, "MS"),) if self.step.months else _UNITS
        size, name = next(unit for unit in units if distance % unit[0] == 0)
        return f"{distance // size}{name}" if distance > size else name

    def _off_grid(self, series: Series, row: int, advice: str) -> None:
        near = row - 1 if row else 1
        integer = bool(self.step.index)
        time, other = (
            time_text(
                series.table.time[at] + (series.table.ahead[at] if self.step.by_date else 0),
                integer,
            )
            for at in (row, near)
        )
        raise InputError(
            f"{series.place(row, self.files)}: series {series.name!r}: {time} is off the grid of "
            f"one step each {self.step} (beside it: {other}); {advice}"
        )

    def _test_row(self, series: Series) -> int | None:
        """The first row of a test file."""
        if not self.tests:
            return None
        in_test = np.isin(series.table.file, list(self.tests))
        if not in_test.any():
            return None
        first = int(in_test.argmax())
        late = np.flatnonzero(~in_test[first:])
        if len(late):
            raise InputError(
                f"{series.place(first, self.files)}: series {series.name!r}: a test row is before "
                f"{series.place(first + int(late[0]), self.files)} of the training data; expected "
                "a test file that begins after the training data"
            )
        return first

    def _static(self, series: Series) -> tuple[tuple[str, ...], list[float]]:
        """The values that hold for the whole series."""
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

    def _check_future(
        self, series: Series, numbers: np.ndarray, at: np.ndarray, begin: int
    ) -> None:
        for place, column in enumerate(self.futures, start=numbers.shape[1] - len(self.futures)):
            missing = np.flatnonzero(np.isnan(numbers[:, place]))
            if not len(missing):
                continue
            first = int(missing[0])
            row = int(np.searchsorted(at, first, side="right")) - 1
            there = at[row] == first
            raise InputError(
                f"{series.place(begin + row, self.files)}: series {series.name!r}: future "
                f"covariate {column!r} is missing {'in' if there else 'after'} this row "
                f"({len(missing)} of {len(numbers)} steps miss it); it must be known for every "
                "step: fill it, add a row with an empty target, or list it under data.historic"
            )


def _is_date(time: int) -> bool:
    """Whether an integer may be a month or a day: 202012 or 20201231."""
    try:
        parse_timestamp(str(time))
    except ValueError:
        return False
    return len(str(time)) > 4
