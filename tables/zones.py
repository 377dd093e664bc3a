"""The clock on the wall of a time zone, for columns of times."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np

from tidegate.tables.errors import InputError
from tidegate.tables.series import Series, Table
from tidegate.tables.time_grid import DAY, known_zone

# Changes of clocks are looked for in these years; before and after them a zone's offset stays.
_FROM, _UNTIL = (
    int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) for year in (1900, 2100)
)
# What a table says of a row's time: the clock on the wall shows it twice, or never, or nothing says
# which clock, beside rows that state their offset.
TWICE, NEVER, UNSAID = 1, 2, 3


@dataclass(frozen=True, eq=False)
class Zone:
    """A time zone's offsets from UTC.

    Attributes:
      name: in the IANA database, such as ``Europe/Berlin``.
      changes: int64[changes], seconds since 1970-01-01 UTC at which the offset changes.
      offsets: int64[changes + 1], seconds by which the clock on the wall is ahead of UTC, before
        the first change and from each on.
    """

    name: str
    changes: np.ndarray
    offsets: np.ndarray

    def ahead(self, utc: np.ndarray) -> np.ndarray:
        """int64[...], by how many seconds the clock is ahead at times int64[...] of UTC."""
        found: np.ndarray = self.offsets[np.searchsorted(self.changes, utc, side="right")]
        return found

    def last(self, clock: np.ndarray) -> np.ndarray:
        """int64[...], the offset at the last moment at which the clock shows int64[...] seconds."""
        found: np.ndarray = self.offsets[self._after(clock, self.offsets[1:])]
        return found

    def _after(self, clock: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """How many changes lie behind the clock, each by one of the two offsets beside it."""
        return np.searchsorted(self.changes + offsets, clock, side="right")

    def placed(
        self, time: np.ndarray, stated: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times as moments.

        Args:
          time: int64[rows], seconds since 1970-01-01: of UTC where the offset was stated, else of
            the clock on the wall.
          stated: bool[rows].

        Returns:
          int64[rows], seconds since 1970-01-01 UTC, the first moment where there are two;
          int32[rows], seconds by which the clock was ahead; int8[rows], `TWICE` or `NEVER` where
          the clock alone does not say the moment, else 0.
        """
        old, new = (self._after(time, part) for part in (self.offsets[:-1], self.offsets[1:]))
        doubt = np.where(new > old, TWICE, np.where(new < old, NEVER, 0))
        ahead = np.where(stated, self.ahead(time), self.offsets[old])
        doubt = np.where(stated, 0, doubt).astype(np.int8)
        return np.where(stated, time, time - ahead), ahead.astype(np.int32), doubt


def ahead_of(name: str | None, time: int, clock: bool = False) -> int:
    """By how many seconds a zone's clock is ahead of UTC; None for UTC's own.

    Args:
      name: of the zone.
      time: seconds since 1970-01-01 UTC.
      clock: whether they are not of UTC, but of the clock on the wall.
    """
    if name is None:
        return 0
    return int(zone(name).placed(np.array([time]), np.array([not clock]))[1][0])


@functools.cache
def zone(name: str) -> Zone:
    """A time zone by its name.

    Raises:
      ValueError: there is none of this name.
    """
    known = known_zone(name)

    def offset(at: int) -> int:
        found = datetime.fromtimestamp(at, timezone.utc).astimezone(known).utcoffset()
        assert found is not None
        return int(found.total_seconds())

    changes, offsets = [], [offset(_FROM)]
    for day in range(_FROM, _UNTIL, DAY):
        after = offset(day + DAY)
        if after == offsets[-1]:
            continue
        low, high = day, day + DAY  # The change is after `low` and not after `high`.
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        changes.append(high)
        offsets.append(after)
    return Zone(name, np.array(changes, np.int64), np.array(offsets, np.int64))


def told_apart(table: Table, name: str) -> Table:
    """Two rows of a time that the clock shows twice are its two moments, in the order of the rows.

    Args:
      table: rows, in the order that `arrange` gives.
      name: of the zone.

    Returns:
      The table in the same order; such rows are no longer in doubt.
    """
    twice = table.doubt == TWICE
    if not twice.any():
        return table
    same = (np.diff(table.series) == 0) & (np.diff(table.time) == 0) & twice[1:]
    # Three rows of a time are more than it has moments.
    alone = np.append(True, ~same)
    alone = same & alone[:-1] & np.append(~same[1:], True)
    first = np.flatnonzero(alone)
    if not len(first):
        return table
    # In a file whose times descend, the later moment comes first.
    down = _descending(table)[table.series[first]]
    later = np.where(down, first, first + 1)
    ahead = table.ahead.copy()
    time, doubt = table.time.copy(), table.doubt.copy()
    ahead[later] = zone(name).last((table.time + table.ahead)[later])
    time[later] -= ahead[later] - table.ahead[later]
    doubt[first] = doubt[first + 1] = 0
    told = replace(table, time=time, ahead=ahead, doubt=doubt)
    return told.take(np.lexsort((told.row, told.file, told.time, told.series)))


def _descending(table: Table) -> np.ndarray:
    """bool[series], whether a series' rows stand in its file from the last time to the first."""
    beside = (np.diff(table.series) == 0) & (np.diff(table.file) == 0) & (np.diff(table.time) > 0)
    way = np.sign(np.diff(table.row)) * beside
    return np.bincount(table.series[1:], way, minlength=len(table.ids)) < 0


def check_moments(series: Series, files: Sequence[str], setting: str) -> None:
    """Refuses times of which the clock on the wall does not say the moment.

    Args:
      series: its rows, whose step is shorter than a day.
      files: names of the sources, for messages.
      setting: the zone as it was set, for messages.

    Raises:
      InputError: there are such.
    """
    wrong = np.flatnonzero(series.table.doubt)
    if not len(wrong):
        return
    row = int(wrong[0])
    what = (
        "comes twice there, when clocks are put back, and this row does not say which is meant: "
        "give such times with their offset, as in 02:00+01:00, or a row for each, in their order"
        if series.table.doubt[row] == TWICE
        else "does not exist there, as clocks are put forward: mend the time, or leave the row out"
    )
    raise InputError(
        f"{series.place(row, files)}: series {series.name!r}: {setting}: "
        f"{series.time_text(row, False)} {what}"
    )
