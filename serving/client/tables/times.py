"""Cells of a time column: as seconds since 1970, back again, and as places on a regular grid."""

import datetime
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.client.tables.cells import CellError, as_text

_DAY = 86_400
_ISO = re.compile(r"\d{4}-\d\d")
_ZONE = re.compile(r":\d\d[^+-]*[+-]\d\d:\d\d$")


def grid_places(times: Sequence[Any]) -> list[int]:
    """Where each of a series' times stands on their grid, the first at 0.

    Args:
      times: at least two cells of `ds`, in order.

    Raises:
      CellError: a cell is no time, or the times are not multiples of their smallest step apart.
    """
    moments = np.array([as_seconds(time) for time in times])
    if is_date(times[0]):
        stamps = moments.astype("datetime64[s]")
        months = stamps.astype("datetime64[M]")
        into = (stamps - months).astype(np.int64)
        after = ((months + 1) - stamps).astype("timedelta64[s]").astype(np.int64)
        # The same moment of each month, or of each month's last day.
        if np.diff(moments).min() >= 28 * _DAY and (np.ptp(into) == 0 or np.ptp(after) == 0):
            moments = months.astype(np.int64)
    steps = np.diff(moments)
    smallest = steps.min()
    if smallest <= 0:
        raise CellError("two rows of the same time")
    if (steps % smallest).any():
        at = int(np.argmax(steps % smallest > 0)) + 1
        raise CellError(f"{as_text(times[at])!r} is not on the grid of the other times")
    places: list[int] = ((moments - moments[0]) // smallest).tolist()
    return places


def is_date(cell: Any) -> bool:
    """Whether a cell of `ds` is a date, and no number."""
    dates = (datetime.date, np.datetime64)
    return isinstance(cell, dates) or _ISO.match(as_text(cell)) is not None


def as_seconds(cell: Any) -> int:
    """A cell of `ds` as seconds since 1970 UTC; a number stays what it is.

    Raises:
      CellError: it is neither number nor ISO 8601 date.
    """
    if isinstance(cell, (datetime.date, np.datetime64)):
        if isinstance(cell, datetime.datetime) and cell.tzinfo is not None:
            cell = cell.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return int(np.datetime64(cell, "s").astype(np.int64))
    text = as_text(cell).strip()
    if not _ISO.match(text):
        if re.fullmatch(r"[-+]?\d+", text):
            return int(text)
        raise CellError(f"{text[:40]!r} is neither an ISO 8601 date nor an integer")
    try:
        if _ZONE.search(text):
            return as_seconds(datetime.datetime.fromisoformat(text))
        return int(np.datetime64(text.removesuffix("Z"), "s").astype(np.int64))
    except ValueError:
        raise CellError(f"{text[:40]!r} is not an ISO 8601 date") from None


def as_time(value: int, like: Any) -> int | str:
    """The reverse of `as_seconds`: ISO 8601 where the file's own times are dates.

    Args:
      value: seconds since 1970 UTC, or a number.
      like: a cell of `ds`.
    """
    text = as_text(like)
    if not is_date(like):
        return value
    if ":" in text or value % _DAY:
        return str(np.datetime64(value, "s")).replace("T", "T" if "T" in text else " ")
    return str(np.datetime64(value // _DAY, "D"))
