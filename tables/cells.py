"""Cells, single ones and columns of them, to texts, numbers and times.

A cell is text of CSV, or a value of JSON, Parquet or a frame. Functions of a column give arrays,
and say which cells could not be read; missing ones are no error there.
"""

import ast
import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.tables.arrow_rows import cells_of
from tidegate.tables.formats import MISSING, PLAIN, FileFormat
from tidegate.tables.numerals import number
from tidegate.tables.time_grid import parse_clock, parse_timestamp
from tidegate.tables.zones import UNSAID, zone

# The network's variances are sums of squares in float32, which ends at 3.4e38.
LARGEST = 1e15
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
NOT_READ = np.iinfo(np.int64).min


def as_text(value: Any) -> str:
    """A cell as text that UTF-8 can hold: None is empty, 1.0 is ``1``, True is ``true``.

    Half of a surrogate pair, which JSON can write, becomes ``?``; bytes are read as UTF-8.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).encode("utf-8", "replace").decode("utf-8")


def is_missing(cell: Any, marks: Sequence[str] = ()) -> bool:
    """Whether a cell of numbers or times says that there is no value.

    Args:
      cell: the cell.
      marks: what says so beside `MISSING`.
    """
    if is_nested(cell):
        return False
    if cell is None or cell != cell:
        return True
    text = str(cell).strip()
    return text.lower() in MISSING or text in marks


def integer(cell: Any) -> int:
    """A whole number, also as ``3.0``.

    Raises:
      ValueError, OverflowError: it is none, or too large for 62 bits.
    """
    text = as_text(cell).strip()
    try:
        number = int(text)
    except ValueError:
        if not float(text).is_integer():
            raise
        number = int(float(text))
    if abs(number) >= 2**62:
        raise OverflowError(text)
    return number


def is_integer_time(cell: Any) -> bool:
    """Whether a cell of the time column is a number; eight digits that are a date are none."""
    text = as_text(cell).strip()
    whole, _, part = text.removeprefix("-").partition(".")
    if not whole.isdecimal() or part.strip("0"):
        return False
    if len(text) == 8 and text[:2] in ("17", "18", "19", "20", "21"):
        try:
            parse_timestamp(text)
        except ValueError:
            return True
        return False
    return True


def _is_arrow(cells: Any) -> bool:
    return hasattr(cells, "to_numpy") and hasattr(cells, "type")


def texts(column: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column's distinct texts.

    Args:
      column: a sequence of cells, or a `pyarrow.Array`.

    Returns:
      int32[rows], each row's place in the texts; object[texts], each once; and int64[...], the
      rows whose cell is a list or a record. These and missing cells have the empty text.
    """
    codes, raw = _distinct(column)
    nested = np.array([is_nested(value) for value in raw], bool)
    found, again = np.unique(
        np.array([_stripped(value) for value in raw], object), return_inverse=True
    )
    return again.astype(np.int32)[codes], found, np.flatnonzero(nested[codes])


def is_nested(cell: Any) -> bool:
    """Whether a cell is a list or a record, which are no single value."""
    return isinstance(cell, list | tuple | dict | np.ndarray)


def is_written_list(text: str) -> bool:
    """Whether a text is a list as JSON and Python write it: ``['a', 'b']``."""
    if not (text.startswith("[") and text.endswith("]")):
        return False
    try:
        return isinstance(ast.literal_eval(text), list)
    except (MemoryError, RecursionError, SyntaxError, ValueError):
        return False


def _stripped(value: Any) -> str:
    return "" if is_nested(value) else as_text(value).strip()


def _distinct(column: Any) -> tuple[np.ndarray, list[Any]]:
    """Codes, and the distinct cells; reading a cell twice is what takes the time."""
    if _is_arrow(column):
        encoded = _encoded(column)
        if encoded is not None:
            return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()
    # By type as well: 1 and True are equal, and have different texts.
    cells = cells_of(column)
    if all(type(cell) is str for cell in cells):
        distinct = {text: code for code, text in enumerate(dict.fromkeys(cells))}
        return np.array([distinct[text] for text in cells], np.int64), list(distinct)
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


def numbers(column: Any, how: FileFormat = PLAIN) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column's numbers.

    Args:
      column: a sequence of cells, or a `pyarrow.Array`.
      how: how texts say a number, or that there is none.

    Returns:
      float64[rows], NaN where missing or not read; int64[...], the rows whose cell is no finite
      number; and int64[...], the rows whose number is beyond `LARGEST`.
    """
    values, wrong = _numbers(column, how)
    for mark in how.missing:
        with contextlib.suppress(ValueError):
            values = np.where(values == number(mark, how), np.nan, values)
    return _bounded(values, wrong)


def _numbers(column: Any, how: FileFormat) -> tuple[np.ndarray, list[int]]:
    if _is_arrow(column):
        values = _arrow_numbers(column)
        if values is not None:
            return values, []
    cells = cells_of(column)
    try:
        if not how.plain_numbers and any(isinstance(cell, str | bytes) for cell in cells):
            raise TypeError
        values = np.array(cells, np.float64)
        if values.ndim == 1:  # Lists of one length are read as a matrix.
            return values, []
    except (OverflowError, TypeError, ValueError):
        pass
    values = np.full(len(cells), np.nan)
    wrong = []
    for row, cell in enumerate(cells):
        if is_missing(cell, how.missing):
            continue
        try:
            values[row] = number(cell, how)
        except (TypeError, ValueError):
            wrong.append(row)
        except OverflowError:  # A whole number of hundreds of digits.
            values[row] = np.finfo(np.float64).max
    return values, wrong


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
    try:
        return integer(value)
    except (ValueError, OverflowError):
        return NOT_READ


def timestamps(column: Any, how: FileFormat) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column's time stamps.

    Args:
      column: a sequence of cells, or a `pyarrow.Array`.
      how: the form of times, and the zone of those that state no offset.

    Returns:
      int64[rows], seconds since 1970-01-01 UTC, `NOT_READ` where a cell is missing or no time;
      int32[rows], seconds by which the clock on the wall was ahead of UTC; int8[rows], see
      `Zone.placed`, or `UNSAID`.
    """
    found = _arrow_timestamps(column) if _is_arrow(column) else None
    if found is None:
        codes, raw = _distinct(column)
        read = [_timestamp(value, how.time_format) for value in raw]
        times = np.array([time for time, _, _ in read], np.int64)
        ahead = np.array([offset for _, offset, _ in read], np.int32)
        stated = np.array([said for _, _, said in read], bool)
        found = times[codes], ahead[codes], stated[codes]
    times, ahead, stated = found
    there = times != NOT_READ
    if how.timezone is None:
        unsaid = there & ~stated & stated.any()
        return times, ahead, np.where(unsaid, UNSAID, 0).astype(np.int8)
    placed, ahead, doubt = zone(how.timezone).placed(np.where(there, times, 0), stated)
    return np.where(there, placed, NOT_READ), ahead, doubt


def _timestamp(value: Any, time_format: str | None) -> tuple[int, int, bool]:
    """Seconds, of UTC where an offset is stated, by how many the clock is ahead, and whether."""
    try:
        clock, ahead = parse_clock(as_text(value), time_format)
    except ValueError:
        return NOT_READ, 0, False
    return clock - (ahead or 0), ahead or 0, ahead is not None


def _arrow_timestamps(column: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    import pyarrow

    kind = column.type
    if pyarrow.types.is_date(kind):
        column, unit, named = column.cast(pyarrow.timestamp("s")), "s", None
    elif pyarrow.types.is_timestamp(kind):
        unit, named = kind.unit, kind.tz
    else:
        return None
    missing = column.is_null().to_numpy(zero_copy_only=False)
    ticks = column.cast(pyarrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    times, rest = np.divmod(ticks, _PER_SECOND[unit])
    ahead = np.zeros(len(times), np.int32)
    if named is not None:
        import pandas as pd

        utc = pd.DatetimeIndex(times.astype("datetime64[s]").astype("datetime64[ns]"), tz="UTC")
        wall = utc.tz_convert(named).tz_localize(None)
        ahead = (wall.to_numpy("datetime64[s]").astype(np.int64) - times).astype(np.int32)
    stated = np.full(len(times), named is not None)
    return np.where(missing | (rest != 0), NOT_READ, times), ahead, stated
