"""Regular steps of time: their names, and time stamps as whole seconds.

Kept free of NumPy and pandas: settings are checked with it before anything heavy is imported.
"""

import re
import zoneinfo
from dataclasses import astuple, dataclass
from datetime import date, datetime

from tidegate.tables.errors import nearest
from tidegate.tables.time_forms import EPOCHS, FORMS, read_form

DAY = 86_400
_SECONDS = {
    "s": 1, "S": 1, "sec": 1,
    "min": 60, "T": 60,
    "h": 3600, "H": 3600,
    "d": DAY, "D": DAY,
    "w": 7 * DAY, "W": 7 * DAY,
}  # fmt: skip
# pandas' MS is the start of a month, its ms a thousandth of a second: case matters.
_MONTHS = {
    "M": 1, "MS": 1, "ME": 1,
    "Q": 3, "QS": 3, "QE": 3,
    "Y": 12, "YS": 12, "YE": 12, "A": 12, "AS": 12,
}  # fmt: skip
_NO_GRID = {
    "C": "holidays are known to no grid: set B, and they are missing steps",
    **dict.fromkeys(
        ("BM", "BMS", "BME", "BQ", "BQS", "BQE", "BA", "BAS", "BY", "BYS", "BYE"),
        "business month ends are on no regular grid: write each as the month, such as 2020-05",
    ),
}
_ALIAS = re.compile(r"(\d*)([A-Za-z]+)(?:-[A-Za-z]{3})?")
_UNIT_NAMES = ((7 * DAY, "week"), (DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_STAMP = re.compile(
    r"(?P<year>\d{4})"
    r"(?:[-/]?Q(?P<quarter>[1-4])"
    r"|(?P<between>[-/.])(?P<month>\d{1,2})(?:(?P=between)(?P<day>\d{1,2}))?"
    r"|(?P<month2>\d{2})(?P<day2>\d{2})?)?"
    r"(?:[T ](?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
    r"\s?(?P<zone>Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?)?"
)


@dataclass(frozen=True, order=True)
class Step:
    """The distance between two neighbours on a time grid; exactly one field is above 0.

    Attributes:
      seconds: a fixed length of time.
      months: calendar months (3 is a quarter, 12 a year).
      index: a distance in integer time, which has no calendar.
      business: business days, Monday to Friday.
    """

    seconds: int = 0
    months: int = 0
    index: int = 0
    business: int = 0

    def __post_init__(self) -> None:
        given = astuple(self)
        if min(given) < 0 or sum(value > 0 for value in given) != 1:
            names = "seconds, months, index and business"
            raise ValueError(f"{given}: expected one of {names} above 0")

    @property
    def by_date(self) -> bool:
        """Whether steps are whole days or longer: they follow the clock on the wall."""
        whole_days = self.seconds > 0 and self.seconds % DAY == 0
        return whole_days or self.months > 0 or self.business > 0

    def __str__(self) -> str:
        if self.index:
            return f"{self.index} of integer time"
        if self.business:
            return f"{self.business} business day{'s' if self.business > 1 else ''}"
        if self.months:
            unit = next(
                (n, name) for n, name in ((12, "year"), (1, "month")) if not self.months % n
            )
            count = self.months // unit[0]
        else:
            unit = next((n, name) for n, name in _UNIT_NAMES if not self.seconds % n)
            count = self.seconds // unit[0]
        return f"{count} {unit[1]}{'s' if count > 1 else ''}"


def parse_step(text: str) -> Step:
    """A step from pandas' offset aliases, old or new, or from an integer.

    ``h``, ``15min``, ``D``, ``B``, ``W-MON``, ``MS``, ``QE``, ``YS`` ... An anchor (``-MON``, and
    start or end of the month) is not compared with the data: each series has its own.

    Raises:
      ValueError: it is none, or no regular grid of whole seconds.
    """
    text = text.strip()
    if text.isdecimal() and int(text) > 0:
        return Step(index=int(text))
    found = _ALIAS.fullmatch(text)
    count = int(found[1] or 1) if found else 0
    name = found[2] if found else ""
    if name in _NO_GRID:
        raise ValueError(f"{text}: {_NO_GRID[name]}")
    if count and name == "B":
        return Step(business=count)
    if not count or name not in {*_SECONDS, *_MONTHS}:
        raise ValueError(
            f"{text!r}: expected a pandas offset alias of a second or longer such as h, 15min, D, "
            "B, W, MS, QS or YS, or an integer step"
        )
    if name in _MONTHS:
        return Step(months=count * _MONTHS[name])
    return Step(seconds=count * _SECONDS[name])


def known_zone(name: str) -> zoneinfo.ZoneInfo:
    """A time zone of the IANA database.

    Raises:
      ValueError: there is none of this name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(
            f"{name!r}: expected a time zone such as Europe/Berlin. "
            f"{nearest(name, zoneinfo.available_timezones())}"
        ) from None


def parse_timestamp(text: str, time_format: str | None = None) -> tuple[int, int]:
    """A time stamp as whole seconds; one without an offset is of UTC.

    Args:
      text: as `parse_clock` reads it.
      time_format: the same.

    Returns:
      Seconds since 1970-01-01 UTC, and by how many seconds the clock on the wall was ahead of
      UTC.

    Raises:
      ValueError: it is no time, or finer than a second.
    """
    clock, ahead = parse_clock(text, time_format)
    return clock - (ahead or 0), ahead or 0


def parse_clock(text: str, time_format: str | None = None) -> tuple[int, int | None]:
    """A time stamp as the clock on the wall showed it, and the offset that it states.

    Args:
      text: ISO 8601, the year first: ``2024-01-31``, ``2024-01-31T12:00:00+01:00``, also
        ``2024-01``, ``2024``, ``20240131``, ``2024Q1``, and with slashes or dots.
      time_format: another format, as for `datetime.strptime`, or one of `FORMS`.

    Returns:
      Seconds since 1970-01-01 of that clock, and by how many seconds it was ahead of UTC; None
      where the text does not say so.

    Raises:
      ValueError: it is no time, or finer than a second.
    """
    text = text.strip()
    if time_format in FORMS:
        return read_form(text, time_format), 0 if time_format in EPOCHS else None
    if time_format is not None:
        parsed = datetime.strptime(text, time_format)
        if parsed.microsecond:
            raise ValueError(f"{text}: finer than a second")
        offset = parsed.utcoffset()
        clock = parsed.hour * 3600 + parsed.minute * 60 + parsed.second
        seconds = _days(parsed.date()) * DAY + clock
        return seconds, None if offset is None else int(offset.total_seconds())
    found = _STAMP.fullmatch(text)
    if found is None:
        raise ValueError(f"{text}: not ISO 8601")
    month = found["month"] or found["month2"] or 3 * int(found["quarter"] or 1) - 2
    day = found["day"] or found["day2"] or 1
    if found["hour"] and not (found["day"] or found["day2"]):
        raise ValueError(f"{text}: a time of day without a day")
    days = _days(date(int(found["year"]), int(month), int(day)))
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text}: not a time of day")
    if (found["part"] or "").strip("0"):
        raise ValueError(f"{text}: finer than a second")
    return days * DAY + hour * 3600 + minute * 60 + second, _ahead(found["zone"])


def _days(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _ahead(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds
