"""Rows of CSV, JSON lines and Parquet: the values of the wanted columns, and the row's number."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from tidegate.tables.errors import InputError, nearest

# A quote that is never closed would take the rest of the file for one field.
_LONGEST_FIELD = 16 << 20


@dataclass(frozen=True)
class BrokenRow:
    """A row that is there but cannot be read as a record.

    Attributes:
      reason: why, in a few words.
    """

    reason: str


@dataclass(frozen=True)
class Wanted:
    """The columns to read of a file.

    Attributes:
      path: the file.
      columns: their names, in order.
      optional: those that may be absent.
    """

    path: str
    columns: tuple[str, ...]
    optional: tuple[str, ...]

    def check(self, found: list[str]) -> None:
        """Raises InputError where a column is missing."""
        for column in self.columns:
            if column not in found and column not in self.optional:
                raise InputError(
                    f"{self.path}: no column {column!r}. {nearest(column, found)} "
                    "(the data settings name the columns: --set data.KEY=NAME)"
                )


def read_csv(
    lines: Iterator[str], wanted: Wanted, delimiter: str
) -> Iterator[tuple[int, tuple[Any, ...] | BrokenRow]]:
    """Rows of CSV; a row's number is that of its first line.

    Raises:
      InputError: a column is missing, broken quoting, a delimiter that cannot be one.
    """
    path = wanted.path
    if len(delimiter) != 1 or delimiter in '\r\n"\0':
        raise InputError(
            f"{path}: cannot part columns by {delimiter!r}; expected one character that is no "
            "quote and no line break: set data.delimiter"
        )
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    header: list[str] | None = None
    while True:
        start = reader.line_num + 1
        try:
            row: list[Any] = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise InputError(f"{path}:{start}: broken quoting: {error}") from None
        if not row:  # A blank line is no record.
            continue
        if header is None:
            header = [name.strip() for name in row]
            wanted.check(header)
            # An absent column is read from a None behind the last field.
            places = [
                header.index(column) if column in header else len(header)
                for column in wanted.columns
            ]
            continue
        if len(row) != len(header):
            yield start, BrokenRow(f"{len(row)} fields where the header has {len(header)}")
        else:
            row.append(None)
            yield start, tuple([row[at] for at in places])


def read_json(
    lines: Iterator[str], wanted: Wanted
) -> Iterator[tuple[int, tuple[Any, ...] | BrokenRow]]:
    """Rows of JSON lines; a row's number is its line's.

    Raises:
      InputError: a column is missing, a line is no JSON object.
    """
    path = wanted.path
    checked = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # Too long a number, too deep a nesting.
            why = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise InputError(
                f"{path}:{number}: not JSON: {why}; expected one object a line"
            ) from None
        if not isinstance(record, dict):
            raise InputError(
                f"{path}:{number}: expected a JSON object a line, got {type(record).__name__}"
            )
        if not checked:
            wanted.check(list(record))
            checked = True
        yield number, tuple([record.get(column) for column in wanted.columns])


def read_parquet_rows(stored: BinaryIO, wanted: Wanted) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Rows of Parquet, counted from 1.

    Raises:
      InputError: a column is missing, the file is no Parquet file.
    """
    number = 0
    for batch in parquet_batches(stored, wanted, 1024):
        there = set(batch.schema.names)
        for record in batch.to_pylist():
            number += 1
            yield (
                number,
                tuple([record[name] if name in there else None for name in wanted.columns]),
            )


def parquet_batches(stored: BinaryIO, wanted: Wanted, size: int) -> Iterator[Any]:
    """Parquet as `pyarrow.RecordBatch`es of those columns that are there.

    Raises:
      InputError: a column is missing, the file is no Parquet file.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(stored)
        found = table.schema_arrow.names
        wanted.check(found)
        there = [column for column in wanted.columns if column in found]
        yield from table.iter_batches(batch_size=size, columns=there)
    except pyarrow.ArrowException as error:
        raise InputError(
            f"{wanted.path}: not a Parquet file: {str(error).splitlines()[0]}"
        ) from None
