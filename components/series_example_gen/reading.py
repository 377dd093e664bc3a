"""A data file to tables of rows, and a count of the rows that could not be read."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.components.record_files import (
    BrokenRow,
    FileFormat,
    as_text,
    format_of,
    read_parquet,
    read_rows,
)
from tidegate.components.series_example_gen import cells
from tidegate.components.series_example_gen.table import Table
from tidegate.tables.errors import InputError
from tidegate.tables.time_grid import parse_timestamp

# Rows read at a time: some megabytes of text.
_BATCH = 1 << 16
# The name of the series in a file without a column of names.
ONLY_SERIES = "series"


@dataclass(frozen=True)
class Columns:
    """What is read of a file.

    Attributes:
      id: column of the series' names, or None.
      id_optional: whether a file may lack it.
      time: column of the times.
      numbers: columns of numbers, the target first.
      names: columns of static texts.
      integer: whether times are integers.
      time_format: of time stamps; None for ISO 8601.
    """

    id: str | None
    id_optional: bool
    time: str
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    integer: bool = False
    time_format: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, in the order in which rows are read."""
        return (*((self.id,) if self.id else ()), self.time, *self.numbers, *self.names)

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that a file may lack."""
        return (self.id,) if self.id and self.id_optional else ()


def first_time(path: str, columns: Columns, how: FileFormat) -> Any:
    """The first cell of the time column that is not missing.

    Raises:
      InputError: the file cannot be read, or has no row.
    """
    for _, row in read_rows(path, columns.all, how, columns.optional):
        if not isinstance(row, BrokenRow):
            cell = row[columns.all.index(columns.time)]
            if not cells.is_missing(cell):
                return cell
    raise InputError(f"{path}: no row with a time in column {columns.time!r}")


def is_integer_time(cell: Any) -> bool:
    """Whether a cell of the time column is a number; eight digits that are a date are none."""
    text = as_text(cell).strip()
    digits = text.removeprefix("-")
    if not digits.partition(".")[0].isdecimal() or digits.partition(".")[2].strip("0"):
        return False
    if len(text) == 8 and text[:2] in ("17", "18", "19", "20", "21"):
        try:
            parse_timestamp(text)
        except ValueError:
            return True
        return False
    return True


@dataclass(frozen=True)
class _Batch:
    """Some rows of a file, column by column."""

    rows: np.ndarray
    columns: dict[str, Any]

    def cell(self, column: str, at: int) -> Any:
        value = self.columns[column][at]
        return value.as_py() if hasattr(value, "as_py") else value


def read_tables(
    path: str, file: int, columns: Columns, how: FileFormat, report: Any
) -> Iterator[Table]:
    """Streams a file's rows.

    Args:
      path: a data file.
      file: its number among the input files.
      columns: what to read.
      how: encoding and delimiter.
      report: a `RowReport` that is told of the rows that cannot be used.

    Raises:
      InputError: the file cannot be read, or a column is missing.
    """
    for batch in _batches(path, columns, how, report):
        yield _table(path, file, columns, batch, report)


def _batches(path: str, columns: Columns, how: FileFormat, report: Any) -> Iterator[_Batch]:
    if format_of(path) == "parquet":
        number = 1
        for part in read_parquet(path, columns.all, columns.optional, _BATCH):
            found = dict(zip(part.schema.names, part.columns, strict=True))
            yield _Batch(np.arange(number, number + part.num_rows), found)
            number += part.num_rows
        return
    rows = read_rows(path, columns.all, how, columns.optional)
    wide = len(columns.all)
    while True:
        numbers: list[int] = []
        # One list of strings: a list of tuples keeps Python's garbage collector busy.
        flat: list[Any] = []
        read = 0
        for number, row in itertools.islice(rows, _BATCH):
            read += 1
            if isinstance(row, BrokenRow):
                report.add_bad(row.reason, f"{path}:{number}")
            else:
                numbers.append(number)
                flat.extend(row)
        if numbers:
            found = {column: flat[at::wide] for at, column in enumerate(columns.all)}
            yield _Batch(np.array(numbers, np.int64), found)
        if read < _BATCH:
            return


def _table(path: str, file: int, columns: Columns, batch: _Batch, report: Any) -> Table:
    count = len(batch.rows)
    usable = np.ones(count, bool)

    def refuse(column: str, rows: np.ndarray, what: str) -> None:
        for at in rows:
            if not usable[at]:
                continue
            usable[at] = False
            cell = batch.cell(column, int(at))
            missing = cells.is_missing(cell)
            reason = f"no value in column {column!r}" if missing else f"{what} in column {column!r}"
            shown = "" if missing else f": {as_text(cell)[:40]!r}"
            report.add_bad(reason, f"{path}:{batch.rows[at]}{shown}")

    series, ids = _series(columns, batch)
    if columns.id and columns.id in batch.columns:
        refuse(columns.id, np.flatnonzero((ids == "")[series]), "no name")
    if columns.integer:
        time, ahead = cells.integers(batch.columns[columns.time]), np.zeros(count, np.int32)
    else:
        time, ahead = cells.timestamps(batch.columns[columns.time], columns.time_format)
    expected = columns.time_format or "ISO 8601, year first, whole seconds"
    what = "no integer" if columns.integer else f"no time stamp ({expected})"
    refuse(columns.time, np.flatnonzero(time == cells.NOT_READ), what)
    values = np.empty((count, len(columns.numbers)))
    for at, column in enumerate(columns.numbers):
        values[:, at], wrong, beyond = cells.numbers(batch.columns[column])
        refuse(column, wrong, "no number")
        refuse(column, beyond, f"a number beyond {cells.LARGEST:g}")
    names = np.empty((count, len(columns.names)), object)
    for at, column in enumerate(columns.names):
        codes, found, wrong = cells.texts(batch.columns[column])
        names[:, at] = found[codes]
        refuse(column, wrong, "no text")
    report.rows["all"] = report.rows.get("all", 0) + int(usable.sum())
    table = Table(
        ids=ids,
        series=series,
        time=time,
        ahead=ahead,
        numbers=values,
        names=names,
        file=np.full(count, file, np.int32),
        row=batch.rows,
    )
    return table if usable.all() else table.take(usable)


def _is_absent(column: Any) -> bool:
    return isinstance(column, list) and all(cell is None for cell in column)


def _series(columns: Columns, batch: _Batch) -> tuple[np.ndarray, np.ndarray]:
    found = batch.columns.get(columns.id) if columns.id else None
    # An absent column of a text file is read as None in every row.
    if found is None or (columns.id_optional and _is_absent(found)):
        return np.zeros(len(batch.rows), np.int32), np.array([ONLY_SERIES], object)
    codes, names, _ = cells.texts(found)
    return codes, names
