"""Rows of CSV, TSV, JSON lines and Parquet files, plain or gzip'd, in constant memory."""

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, cast

from tidegate.serving.client.tables.formats import TableError, format_of, is_zipped

# A quote that is never closed would take the rest of the file for one field.
_LONGEST_FIELD = 16 << 20
_SHOWN = 3
# From this many rows on, the share of those left out is judged while reading.
_JUDGED = 1000


@dataclass(frozen=True)
class Row:
    """A row of a file.

    Attributes:
      place: ``file:line``.
      cells: by column: strings from CSV and TSV, any JSON or Parquet value else.
    """

    place: str
    cells: dict[str, Any]


@dataclass
class LeftOut:
    """Rows that cannot be used: they are counted, and too many of them stop the work.

    Attributes:
      most: the share of all rows that is allowed.
      rows: how many were read.
      count: how many of them cannot be used.
      first: places and reasons of the first few.
    """

    most: float = 0.05
    rows: int = 0
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, place: str, reason: str) -> None:
        """Counts one more.

        Raises:
          TableError: there are too many.
        """
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{place}: {reason}")
        if self.rows >= _JUDGED:
            self.judge()

    def judge(self) -> None:
        """Judges the share so far.

        Raises:
          TableError: it is too large.
        """
        if self.count > self.most * self.rows:
            raise TableError(f"{self}; more than {self.most:.0%} of the rows")

    def __str__(self) -> str:
        return f"{self.count} of {self.rows} rows cannot be used: {'; '.join(self.first)}"


class RowReader:
    """Reads a file's rows once; a context manager.

    Args:
      path: the file.
      encoding: of text files; one in which a line break is the byte 0x0A.
      delimiter: of CSV and TSV; None for the format's own.

    Attributes:
      columns: their names; of JSON lines, those of the first row.
      left_out: counts the rows read and those that cannot be used.
      total: what `position` is at the end: bytes as stored, or rows of Parquet.

    Raises:
      TableError: the file is not there, empty or broken; the message names file and line.
    """

    def __init__(self, path: str, encoding: str = "utf-8", delimiter: str | None = None) -> None:
        self.path = path
        self.left_out = LeftOut()
        self._encoding = encoding
        kind = format_of(path)
        try:
            self._stored: BinaryIO = open(path, "rb")  # noqa: SIM115  Closed by `__exit__`.
        except FileNotFoundError:
            raise TableError(f"no such file: {path}") from None
        except OSError as error:
            raise TableError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            self.total = os.path.getsize(path)
            if kind == "parquet":
                rows = self._parquet()
            elif kind == "jsonl":
                rows = self._json()
            else:
                rows = self._csv(delimiter or ("\t" if kind == "tsv" else ","))
            self._rows = self._guarded(rows)
            # Read at once: it tells the columns, and most of what may be wrong.
            self._first = next(self._rows, None)
            if self._first is None:
                self.left_out.judge()
                raise TableError(f"{path}: no row in this file")
        except BaseException:
            self._stored.close()
            raise

    def __enter__(self) -> "RowReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stored.close()

    @property
    def position(self) -> int:
        """How much of `total` is read."""
        return self._read_rows if self._read_rows is not None else self._stored.tell()

    columns: list[str]
    # The schema of a Parquet file, by column.
    types: dict[str, Any] | None = None
    _read_rows: int | None = None

    def __iter__(self) -> Iterator[Row]:
        """The rows, once. Raises TableError."""
        first, self._first = self._first, None
        if first is not None:
            self.left_out.rows += 1
            yield first
        for row in self._rows:
            self.left_out.rows += 1
            yield row
        self.left_out.judge()

    def _guarded(self, rows: Iterator[Row]) -> Iterator[Row]:
        try:
            yield from rows
        except (OSError, EOFError, zlib.error) as error:
            raise TableError(f"{self.path}: cannot be read: {error}") from None

    def _lines(self) -> Iterator[str]:
        """Decoded lines with their ends; decoding line by line, an error knows its line."""
        try:
            if "\n".encode(self._encoding) != b"\n":
                raise LookupError
        except (LookupError, ValueError):
            raise TableError(
                f"{self.path}: cannot read encoding {self._encoding!r}; expected utf-8 or another "
                "in which a line break is one byte"
            ) from None
        stored = self._stored
        if is_zipped(self.path):
            stored = cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=stored)))
        number = 0
        for number, line in enumerate(stored, start=1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            try:
                yield line.decode(self._encoding)
            except UnicodeDecodeError as error:
                raise TableError(
                    f"{self.path}:{number}: not {self._encoding} (byte 0x{line[error.start]:02x} "
                    f"at position {error.start + 1} of the line); name the file's encoding with "
                    "--encoding"
                ) from None
        if number == 0:
            raise TableError(f"{self.path}: the file is empty")

    def _csv(self, delimiter: str) -> Iterator[Row]:
        if len(delimiter) != 1 or delimiter in '\r\n"\0':
            raise TableError(
                f"{self.path}: cannot part columns by {delimiter!r}; expected one character that "
                "is no quote and no line break"
            )
        csv.field_size_limit(_LONGEST_FIELD)
        reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            place = f"{self.path}:{reader.line_num + 1}"
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise TableError(f"{place}: broken quoting: {error}") from None
            if not cells:  # A blank line is no row.
                continue
            if header is None:
                self.columns = header = [name.strip() for name in cells]
                for name in header:
                    if header.count(name) > 1:
                        raise TableError(f"{place}: two columns are called {name!r}")
            elif len(cells) == len(header):
                yield Row(place, dict(zip(header, cells, strict=True)))
            else:
                self.left_out.rows += 1
                self.left_out.add(place, f"{len(cells)} fields, the header has {len(header)}")

    def _json(self) -> Iterator[Row]:
        known: set[str] | None = None
        for number, line in enumerate(self._lines(), start=1):
            if not line.strip():
                continue
            place = f"{self.path}:{number}"
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:  # Too long a number, too deep a nesting.
                why = error.msg if isinstance(error, json.JSONDecodeError) else error
                raise TableError(f"{place}: not JSON: {why}; expected one object a line") from None
            if not isinstance(cells, dict):
                raise TableError(
                    f"{place}: expected a JSON object a line, got {type(cells).__name__}"
                )
            if known is None:
                self.columns, known = list(cells), set(cells)
            if not known.issuperset(cells):
                new = next(name for name in cells if name not in known)
                raise TableError(f"{place}: the first row has no {new!r}; expected it there too")
            yield Row(place, {name: cells.get(name) for name in self.columns})

    def _parquet(self) -> Iterator[Row]:
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.ParquetFile(self._stored)
            schema = table.schema_arrow
            self.columns, self.total = list(schema.names), table.metadata.num_rows
            self.types = dict(zip(schema.names, schema.types, strict=True))
            self._read_rows = 0
            for batch in table.iter_batches(batch_size=1024):
                for cells in batch.to_pylist():
                    self._read_rows += 1
                    yield Row(f"{self.path}:{self._read_rows}", cells)
        except pyarrow.ArrowException as error:
            raise TableError(
                f"{self.path}: not a Parquet file: {str(error).splitlines()[0]}"
            ) from None
