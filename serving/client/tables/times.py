"""Cells of a time column, read as the training reads them, and the answers' times written alike.

The ExampleGen for series does the same with the same cells; the client imports nothing of it, and
tests hold the two together. A file's times are time stamps or integers, as its first one is. Steps
of whole days or months follow the clock on the wall, which is sent as if it were UTC; shorter ones
follow UTC.
"""

import datetime
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.serving.client.tables.cells import CellError, as_text

_DAY = 86_400
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_CENTURIES = ("17", "18", "19", "20", "21")
_STAMP = re.compile(
    r"(?P<year>\d{4})"
    r"(?:(?P<dash>[-/]?)Q(?P<quarter>[1-4])"
    r"|(?P<between>[-/.])(?P<month>\d{1,2})(?:(?P=between)(?P<day>\d{1,2}))?"
    r"|(?P<month2>\d{2})(?P<day2>\d{2})?)?"
    r"(?:(?P<t>[T ])(?P<hour>\d{1,2})(?P<colon>:?)(?P<minute>\d{2})"
    r"(?::?(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
    r"(?P<zone>\s?(?:Z|z|UTC|[+-]\d{2}(?::?\d{2})?))?)?"
)
_ISO = re.compile(r"\d{4}-\d\d")


@dataclass(frozen=True)
class Time:
    """A cell of the time column.

    Attributes:
      value: seconds since 1970-01-01 UTC, or the integer that stands there.
      ahead: seconds by which the clock on the wall was ahead of UTC; 0 without a zone.
      text: what stands there.
    """

    value: int
    ahead: int
    text: str


def is_integer_time(cell: Any) -> bool:
    """Whether a cell of the time column is a number; eight digits that are a date are none."""
    text = as_text(cell).strip()
    whole, _, part = text.removeprefix("-").partition(".")
    if not whole.isdecimal() or part.strip("0"):
        return False
    if len(text) != 8 or text[:2] not in _CENTURIES:
        return True
    try:
        _parsed(text)
    except ValueError:
        return True
    return False


def read_time(cell: Any, integer: bool) -> Time:
    """A cell of the time column.

    Args:
      cell: text, a number, or a date or time stamp of Parquet.
      integer: whether the file's times are integers; see `is_integer_time`.

    Raises:
      CellError: it is no integer, or no time stamp.
    """
    text = as_text(cell).strip()
    try:
        if integer:
            return Time(_whole(text), 0, text)
        return Time(*_parsed(text), text)
    except (ValueError, OverflowError):
        expected = (
            "no integer, as the first time is"
            if integer
            else "no time stamp (ISO 8601, year first, whole seconds; or integers throughout)"
        )
        raise CellError(f"{text[:40]!r} is {expected}") from None


def order_of(cell: Any, time: Time | None) -> int | float | str | None:
    """What grows with time, if it can be told.

    Args:
      cell: of the time column.
      time: the same where it could be read.
    """
    if time is not None:
        return time.value
    text = as_text(cell).strip()
    try:
        return float(text)
    except ValueError:
        return text if _ISO.match(text) else None


class SeriesTimes:
    """The times of one series.

    Args:
      times: at least one, in order.
      integer: whether they are integers.

    Attributes:
      start: the first one as models take it: seconds since 1970 of the clock on the wall where
        steps are whole days, of its midnight where they are months, else of UTC; or an integer.
    """

    def __init__(self, times: Sequence[Time], integer: bool) -> None:
        self._times = times
        self._integer = integer
        clock = np.array([time.value for time in times], np.int64)
        wall = clock + np.array([time.ahead for time in times], np.int64)
        self._by_date = not integer and _by_date(wall)
        self._clock = wall if self._by_date else clock
        self._months = _months(wall) if self._by_date else None
        start = int(self._clock[0])
        self.start = start if self._months is None else start - start % _DAY

    def places(self) -> list[int]:
        """Where each time stands on their grid, the first at 0.

        The step is the smallest between two of them.

        Raises:
          CellError: the times are not multiples of their smallest step apart.
        """
        if len(self._times) == 1:
            return [0]
        grid = self._clock if self._months is None else self._months
        steps = np.diff(grid)
        smallest = steps.min()
        if smallest <= 0:
            at = int(np.argmin(steps)) + 1
            raise CellError(f"two rows of the same time, {self._times[at].text!r}")
        if (steps % smallest).any():
            at = int(np.argmax(steps % smallest > 0)) + 1
            raise CellError(f"{self._times[at].text!r} is not on the grid of the other times")
        places: list[int] = ((grid - grid[0]) // smallest).tolist()
        return places

    def written(self, value: int) -> int | str:
        """A time of an answer in the manner of the last time: its form, its zone.

        Args:
          value: in the unit of `start`.
        """
        if self._integer:
            return value
        last = self._times[-1]
        if self._by_date:
            # Months come back at midnight.
            return _like(value + int(self._clock[0]) - self.start, last.text)
        return _like(value + last.ahead, last.text)


def _by_date(wall: np.ndarray[Any, Any]) -> bool:
    """Whether steps are whole days: all at one time of day, a single row at midnight."""
    clock = wall % _DAY
    return bool((clock == clock[0]).all()) and (len(wall) > 1 or clock[0] == 0)


def _months(wall: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """Months since 1970-01, where steps are months; None where they are not.

    They are, where all times stand on one day of the month, or on the last one of those that are
    shorter.
    """
    days = wall.astype("datetime64[s]").astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(
        np.int64
    )
    if len(wall) == 1 or (day != np.minimum(day.max(), length)).any():
        return None
    return months.astype(np.int64)


def _whole(text: str) -> int:
    """An integer, also as ``3.0``. Raises ValueError, OverflowError."""
    try:
        number = int(text)
    except ValueError:
        if not float(text).is_integer():
            raise
        number = int(float(text))
    if abs(number) >= 2**62:
        raise OverflowError(text)
    return number


# A file's series share most of their times.
@functools.lru_cache(maxsize=1 << 16)
def _parsed(text: str) -> tuple[int, int]:
    """A time stamp as seconds since 1970 UTC, and those that the clock on the wall was ahead.

    Raises:
      ValueError: it is none, or finer than a second.
    """
    found = _STAMP.fullmatch(text)
    if found is None:
        raise ValueError(text)
    month = found["month"] or found["month2"] or 3 * int(found["quarter"] or 1) - 2
    day = found["day"] or found["day2"]
    date = datetime.date(int(found["year"]), int(month), int(day or 1))
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    wrong_clock = hour > 23 or minute > 59 or second > 59
    if wrong_clock or (found["hour"] and not day) or (found["part"] or "").strip("0"):
        raise ValueError(text)
    ahead = _ahead((found["zone"] or "").strip())
    seconds = (date.toordinal() - _EPOCH) * _DAY + hour * 3600 + minute * 60 + second
    return seconds - ahead, ahead


def _ahead(zone: str) -> int:
    if zone[:1] not in ("+", "-"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _like(seconds: int, example: str) -> str:
    """Seconds since 1970 of the clock on the wall, in another time's form and with its zone.

    A form that is too coarse for them is left for the next finer one.
    """
    found = _STAMP.fullmatch(example)
    assert found is not None  # It was read.
    date, clock = str(np.datetime64(seconds, "s")).split("T")
    year, month, day = date.rsplit("-", 2)
    midnight = clock == "00:00:00"
    if midnight and day == "01":
        if found["quarter"] and month in ("01", "04", "07", "10"):
            return f"{year}{found['dash']}Q{(int(month) + 2) // 3}"
        if found["month"] and not found["day"]:
            return f"{year}{found['between']}{month}"
    between = found["between"] or ("" if found["day2"] else "-")
    date = between.join((year, month, day))
    if not found["hour"]:
        return date if midnight else f"{date} {clock}"
    hour, minute, second = clock.split(":")
    parts = [hour, minute, *([second] if found["second"] or second != "00" else [])]
    return f"{date}{found['t']}{found['colon'].join(parts)}{found['zone'] or ''}"
