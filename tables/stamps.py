"""Times of answers, written as a file's own times are."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np

from tidegate.tables.time_forms import EPOCHS, FORMS, written_form

_EPOCH = datetime(1970, 1, 1)
_FORM = re.compile(
    r"\d{4}"
    r"(?:(?P<dash>[-/]?)Q(?P<quarter>[1-4])"
    r"|(?P<between>[-/.])(?P<month>\d{1,2})(?:(?P=between)(?P<day>\d{1,2}))?"
    r"|(?P<month2>\d{2})(?P<day2>\d{2})?)?"
    r"(?:(?P<t>[T ])(?P<hour>\d{1,2})(?P<colon>:?)\d{2}(?::?(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?P<zone>\s?(?:Z|z|UTC|[+-]\d{2}(?P<minutes>:?\d{2})?))?)?"
)


@dataclass(frozen=True)
class Manner:
    """How a file writes its times.

    Attributes:
      example: one of its times as it stands there.
      time_format: of time stamps that are not in ISO 8601; None for those that are.
    """

    example: str
    time_format: str | None = None

    def written(self, seconds: int, ahead: int) -> str | int | float:
        """A time in the file's form; a form that is too coarse is left for the next finer one.

        Args:
          seconds: since 1970-01-01 of the clock on the wall.
          ahead: seconds by which that clock is ahead of UTC, for forms that say so.
        """
        if self.time_format in FORMS:
            utc = seconds - ahead if self.time_format in EPOCHS else seconds
            return written_form(utc, self.time_format)
        if self.time_format is not None:
            zone = timezone(timedelta(seconds=ahead))
            return (
                (_EPOCH + timedelta(seconds=seconds))
                .replace(tzinfo=zone)
                .strftime(self.time_format)
            )
        form = _FORM.fullmatch(self.example.strip())
        date, clock = str(np.datetime64(seconds, "s")).split("T")
        if form is None:  # Of Parquet's or a frame's own type.
            return date if clock == "00:00:00" else f"{date} {clock}"
        year, month, day = date.rsplit("-", 2)
        midnight = clock == "00:00:00"
        if midnight and day == "01":
            if form["quarter"] and month in ("01", "04", "07", "10"):
                return f"{year}{form['dash']}Q{(int(month) + 2) // 3}"
            if form["month"] and not form["day"]:
                return f"{year}{form['between']}{month}"
        between = form["between"] or ("" if form["day2"] else "-")
        date = between.join((year, month, day))
        if not form["hour"]:
            return date if midnight else f"{date} {clock}"
        hour, minute, second = clock.split(":")
        parts = [hour, minute, *([second] if form["second"] or second != "00" else [])]
        return f"{date}{form['t']}{form['colon'].join(parts)}{_zone(form, ahead)}"


def _zone(form: re.Match[str], ahead: int) -> str:
    """The zone as the form writes it, of a clock that is `ahead`."""
    zone = form["zone"] or ""
    if not zone.strip() or zone.strip()[0] not in "+-":
        return zone
    blank = zone[: len(zone) - len(zone.lstrip())]
    hours, minutes = divmod(abs(ahead) // 60, 60)
    colon = ":" if (form["minutes"] or "").startswith(":") else ""
    shown = f"{colon}{minutes:02d}" if form["minutes"] or minutes else ""
    return f"{blank}{'-' if ahead < 0 else '+'}{hours:02d}{shown}"
