"""Cells of a column, as text or as Parquet has them, to arrays of texts, numbers and times.

Each function also says which cells could not be read; missing ones are no error here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tidegate.components.record_files import as_text
from tidegate.tables.time_grid import parse_timestamp

_MISSING = {"", "nan", "na", "n/a", "null", "none", "<na>", "nat"}
# The network's variances are sums of squares in float32, which ends at 3.4e38.
LARGEST = 1e15
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
NOT_READ = np.iinfo(np.int64).min


def _is_arrow(cells: Any) -> bool:
    return hasattr(cells, "to_numpy") and hasattr(cells, "type")


def _cells(column: Any) -> list[Any]:
    return column.to_pylist() if _is_arrow(column) else list(column)


def texts(column: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column's distinct texts.

    Args:
      column: a sequence of cells, or a `pyarrow.Array`.

    Returns:
      int32[rows], each row's place in the texts; object[texts], each once; and int64[...], the
      rows whose cell is a list or a record. These and missing cells have the empty text.
    """
    codes, raw = _distinct(column)
    nested = np.array([_is_nested(value) for value in raw], bool)
    found, again = np.unique(
        np.array([_stripped(value) for value in raw], object), return_inverse=True
    )
    return again.astype(np.int32)[codes], found, np.flatnonzero(nested[codes])


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, list | dict)


def _stripped(value: Any) -> str:
    return "" if _is_nested(value) else as_text(value).strip()


def _distinct(column: Any) -> tuple[np.ndarray, list[Any]]:
    """Codes, and the distinct cells; reading a cell twice is what takes the time."""
    if _is_arrow(column):
        encoded = _encoded(column)
        if encoded is not None:
            return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()
    # By type as well: 1 and True are equal, and have different texts.
    cells = _cells(column)
    if all(type(cell) is str for cell in cells):
        codes, raw = pd.factorize(np.array(cells, object))
        return codes, list(raw)
    places: dict[tuple[type, Any], tuple[int, Any]] = {}
    codes = np.array(
        [
            places.setdefault((type(cell), _hashable(cell)), (len(places), cell))[0]
            for cell in cells
        ],
        np.int64,
    )
    return codes, [cell for _, cell in places.values()]


def _encoded(column: Any) -> Any:
    """An Arrow column as a dictionary; None for lists, records and durations, which have none."""
    import pyarrow

    if hasattr(column, "dictionary"):  # pandas' categories: a missing one has no code.
        column = column.cast(column.type.value_type)
    try:
        return column.dictionary_encode(null_encoding="encode")
    except pyarrow.ArrowNotImplementedError:
        return None


def _hashable(cell: Any) -> Any:
    return cell if isinstance(cell, str | int | float | bool | bytes | None) else str(cell)


def is_missing(cell: Any) -> bool:
    """Whether a cell says that there is no value."""
    return cell is None or cell != cell or str(cell).strip().lower() in _MISSING


def numbers(column: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column's numbers.

    Returns:
      float64[rows], NaN where missing or not read; int64[...], the rows whose cell is no finite
      number; and int64[...], the rows whose number is beyond `LARGEST`.
    """
    if _is_arrow(column):
        values = _arrow_numbers(column)
        if values is not None:
            return _bounded(values, [])
    cells = _cells(column)
    try:
        values = np.array(cells, np.float64)
        if values.ndim == 1:  # Lists of one length are read as a matrix.
            return _bounded(values, [])
    except (OverflowError, TypeError, ValueError):
        pass
    values = np.full(len(cells), np.nan)
    wrong = []
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            values[row] = float(cell)
        except (TypeError, ValueError):
            wrong.append(row)
        except OverflowError:  # A whole number of hundreds of digits.
            values[row] = np.finfo(np.float64).max
    return _bounded(values, wrong)


def _arrow_numbers(column: Any) -> np.ndarray | None:
    import pyarrow

    kind = column.type
    if pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind):
        values: np.ndarray = column.cast(pyarrow.float64(), safe=False).to_numpy(
            zero_copy_only=False
        )
        return values
    return None


def _bounded(values: np.ndarray, wrong: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    infinite = np.isinf(values)
    beyond = ~infinite & (np.abs(values) > LARGEST)
    read = np.where(infinite | beyond, np.nan, values)
    not_read = np.union1d(np.array(wrong, np.int64), np.flatnonzero(infinite))
    return read, not_read, np.flatnonzero(beyond)


def integers(column: Any) -> np.ndarray:
    """int64[rows] of whole numbers; `NOT_READ` for any other cell."""
    codes, raw = _distinct(column)
    return np.array([_integer(value) for value in raw], np.int64)[codes]


def _integer(value: Any) -> int:
    text = as_text(value).strip()
    try:
        number = int(text)
    except ValueError:
        try:
            if not float(text).is_integer():
                return NOT_READ
            number = int(float(text))
        except (ValueError, OverflowError):
            return NOT_READ
    return number if abs(number) < 2**62 else NOT_READ


def timestamps(column: Any, time_format: str | None) -> tuple[np.ndarray, np.ndarray]:
    """A column's time stamps.

    Args:
      column: a sequence of cells, or a `pyarrow.Array`.
      time_format: see `parse_timestamp`.

    Returns:
      int64[rows], seconds since 1970-01-01 UTC, `NOT_READ` where a cell is missing or no time;
      int32[rows], seconds by which the clock on the wall was ahead of UTC.
    """
    if _is_arrow(column):
        found = _arrow_timestamps(column)
        if found is not None:
            return found
    codes, raw = _distinct(column)
    read = [_timestamp(value, time_format) for value in raw]
    times = np.array([time for time, _ in read], np.int64)
    ahead = np.array([offset for _, offset in read], np.int32)
    return times[codes], ahead[codes]


def _timestamp(value: Any, time_format: str | None) -> tuple[int, int]:
    try:
        return parse_timestamp(as_text(value), time_format)
    except ValueError:
        return NOT_READ, 0


def _arrow_timestamps(column: Any) -> tuple[np.ndarray, np.ndarray] | None:
    import pyarrow

    kind = column.type
    if pyarrow.types.is_date(kind):
        column, unit, zone = column.cast(pyarrow.timestamp("s")), "s", None
    elif pyarrow.types.is_timestamp(kind):
        unit, zone = kind.unit, kind.tz
    else:
        return None
    missing = column.is_null().to_numpy(zero_copy_only=False)
    ticks = column.cast(pyarrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    times, rest = np.divmod(ticks, _PER_SECOND[unit])
    ahead = np.zeros(len(times), np.int32)
    if zone is not None:
        utc = pd.DatetimeIndex(times.astype("datetime64[s]").astype("datetime64[ns]"), tz="UTC")
        wall = utc.tz_convert(zone).tz_localize(None)
        ahead = (wall.to_numpy("datetime64[s]").astype(np.int64) - times).astype(np.int32)
    return np.where(missing | (rest != 0), NOT_READ, times), ahead
