"""Times that a file writes as one number: epochs, serials of spreadsheets, months and weeks.

Kept free of NumPy: `time_grid` reads with it.
"""

import re
from datetime import date
from fractions import Fraction

_DAY = 86_400
# Units of an epoch in a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
# What `data.time_format` calls them, beside formats of `datetime.strptime`.
FORMS = (*EPOCHS, "excel", "yearmonth", "isoweek")
# And what it calls integers that are no time stamps.
INTEGER = "integer"
_YEARS_1_TO_9999 = range(-62_135_596_800, 253_402_300_800)
# The serial of 1970-01-01, and that of 1900-02-29, a day that was none: Excel has it, as Lotus had.
_SERIAL_OF_1970, _NO_DAY = 25_569, 60
_LAST_SERIAL = 2_958_465  # 9999-12-31
_NUMBER = re.compile(r"[+-]?[0-9]{1,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,2})?")


def read_form(text: str, form: str) -> int:
    """A time as seconds since 1970-01-01, of UTC for an epoch, else of the clock on the wall.

    Args:
      text: a number; ``202012.0`` is one as well.
      form: one of `FORMS`. ``excel`` is the system of dates that begins with 1900-01-01 as 1; its
        fractions are rounded to seconds. ``yearmonth`` is the first of a month, ``isoweek`` the
        Monday of a week of ISO 8601.

    Raises:
      ValueError: it is no such time, or an epoch finer than a second.
    """
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text}: no number")
    number = Fraction(text)
    if form in EPOCHS:
        number /= EPOCHS[form]
        if number.denominator > 1:
            raise ValueError(f"{text}: finer than a second")
        if int(number) not in _YEARS_1_TO_9999:
            raise ValueError(f"{text}: not in the years 1 to 9999")
        return int(number)
    whole, part = divmod(number, 1)
    if form == "excel":
        if not 1 <= whole <= _LAST_SERIAL or whole == _NO_DAY:
            raise ValueError(f"{text}: no day of Excel's")
        days = whole - _SERIAL_OF_1970 + (whole < _NO_DAY)
        return days * _DAY + round(part * _DAY)
    if part or not 100_000 <= whole <= 999_999:
        raise ValueError(f"{text}: not six digits")
    year, place = divmod(whole, 100)
    day = date(year, place, 1) if form == "yearmonth" else date.fromisocalendar(year, place, 1)
    return (day - date(1970, 1, 1)).days * _DAY


def written_form(seconds: int, form: str) -> int | float:
    """What `read_form` reads as this time; months and weeks are those that it is in."""
    if form in EPOCHS:
        return seconds * EPOCHS[form]
    days, clock = divmod(seconds, _DAY)
    if form == "excel":
        serial = days + _SERIAL_OF_1970
        serial -= serial <= _NO_DAY
        return serial + clock / _DAY if clock else serial
    day = date.fromordinal(date(1970, 1, 1).toordinal() + days)
    if form == "yearmonth":
        return day.year * 100 + day.month
    year, week, _ = day.isocalendar()
    return year * 100 + week
