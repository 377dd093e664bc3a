"""Reads records from CSV, TSV, JSON lines and Parquet, plain or gzip'd, in constant memory.

Each record comes with its place (``file:line``), so that an error can name it.
"""

import codecs
import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from components import files
from models.core.errors import InputError, nearest

_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
# A quote that is never closed would take the rest of the file for one field.
_LONGEST_FIELD = 16 << 20


@dataclass(frozen=True)
class FileFormat:
    """How a file is to be read.

    Attributes:
      encoding: of text files; one in which a line break is the byte 0x0A.
      delimiter: of CSV and TSV; None for the format's own.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None


@dataclass(frozen=True)
class BrokenRow:
    """A row that is there but cannot be read as a record.

    Attributes:
      reason: why, in a few words.
    """

    reason: str


def format_of(path: str) -> str:
    """``csv``, ``tsv``, ``jsonl`` or ``parquet``, by the file's ending.

    Raises:
      InputError: the ending is none of those known.
    """
    stem = path[: -len(".gz")] if path.lower().endswith(".gz") else path
    ending = os.path.splitext(stem)[1].lower()
    if ending not in _FORMATS:
        raise InputError(
            f"{path}: cannot tell the format from the ending {ending!r}; "
            f"expected {', '.join(sorted(_FORMATS))}, each also with .gz"
        )
    return _FORMATS[ending]


def data_files(path: str) -> list[str]:
    """The data files that a path names: itself, or those of a folder.

    Raises:
      InputError: nothing is there, the ending is not known, or a folder mixes formats.
    """
    try:
        found = files.list_files(path)
    except FileNotFoundError:
        raise InputError(f"no such file or folder: {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a scheme that Beam does not know.
        raise InputError(f"{path}: cannot be read: {error}") from None
    if found == [path]:
        format_of(path)
        return found
    known = [file for file in found if _is_known(file)]
    if not known:
        raise InputError(
            f"{path}: no data file in this folder; expected {', '.join(sorted(_FORMATS))}"
        )
    formats = {format_of(file) for file in known}
    if len(formats) > 1:
        raise InputError(
            f"{path}: files of several formats ({', '.join(sorted(formats))}); expected one"
        )
    return known


def _is_known(path: str) -> bool:
    try:
        format_of(path)
    except InputError:
        return False
    return True


def read_records(
    path: str, columns: tuple[str, ...], how: FileFormat
) -> Iterator[tuple[str, dict[str, Any] | BrokenRow]]:
    """Streams a file's records.

    Args:
      path: a data file.
      columns: the columns to read; each must be there.
      how: encoding and delimiter.

    Yields:
      (place, record) where the record holds the columns' values: strings from CSV and TSV, any
      JSON or Parquet value else (None where missing); or (place, `BrokenRow`).

    Raises:
      InputError: the file is empty or cannot be read, a column is missing, an encoding, quoting
        or JSON error; the message names file and line.
    """
    kind = format_of(path)
    try:
        with files.open_bytes(path) as stored:
            if kind == "parquet":
                yield from _read_parquet(path, stored, columns)
                return
            lines = _lines(path, _unzip(path, stored), how.encoding)
            if kind == "jsonl":
                yield from _read_json(path, lines, columns)
            else:
                delimiter = how.delimiter or ("\t" if kind == "tsv" else ",")
                yield from _read_csv(path, lines, columns, delimiter)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _unzip(path: str, stored: BinaryIO) -> BinaryIO:
    if path.lower().endswith(".gz"):
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=stored)))
    return stored


def _lines(path: str, stored: BinaryIO, encoding: str) -> Iterator[str]:
    """Decoded lines with their ends; decoding line by line, an error knows its line."""
    try:
        if codecs.lookup(encoding).name == "utf-8-sig":
            encoding = "utf-8"  # Line by line; the mark before the first is dropped below.
        if "\n".encode(encoding) != b"\n":
            raise LookupError
    except (LookupError, ValueError):
        raise InputError(
            f"{path}: cannot read encoding {encoding!r}; expected utf-8 or another in which a line "
            "break is one byte: convert the file, or set data.encoding"
        ) from None
    number = 0
    for number, line in enumerate(stored, start=1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number}: not {encoding} (byte 0x{line[error.start]:02x} at position "
                f"{error.start + 1} of the line); set data.encoding to the file's encoding"
            ) from None
    if number == 0:
        raise InputError(f"{path}: the file is empty")


def _check_columns(path: str, found: list[str], columns: tuple[str, ...], setting: str) -> None:
    for column in columns:
        if column not in found:
            raise InputError(f"{path}: no column {column!r}. {nearest(column, found)} {setting}")


_COLUMN_SETTING = "(name it with --set data.<feature>_column=NAME)"


def _read_csv(
    path: str, lines: Iterator[str], columns: tuple[str, ...], delimiter: str
) -> Iterator[tuple[str, dict[str, Any] | BrokenRow]]:
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
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise InputError(f"{path}:{start}: broken quoting: {error}") from None
        if not row:  # A blank line is no record.
            continue
        if header is None:
            header = [name.strip() for name in row]
            _check_columns(path, header, columns, _COLUMN_SETTING)
            places = [header.index(column) for column in columns]
            continue
        if len(row) != len(header):
            yield (
                f"{path}:{start}",
                BrokenRow(f"{len(row)} fields where the header has {len(header)}"),
            )
        else:
            yield (
                f"{path}:{start}",
                {column: row[at] for column, at in zip(columns, places, strict=True)},
            )


def _read_json(
    path: str, lines: Iterator[str], columns: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any] | BrokenRow]]:
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
            _check_columns(path, list(record), columns, _COLUMN_SETTING)
            checked = True
        yield f"{path}:{number}", {column: record.get(column) for column in columns}


def _read_parquet(
    path: str, stored: BinaryIO, columns: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any] | BrokenRow]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(stored)
        _check_columns(path, table.schema_arrow.names, columns, _COLUMN_SETTING)
        number = 0
        for batch in table.iter_batches(batch_size=1024, columns=list(columns)):
            for record in batch.to_pylist():
                number += 1
                yield f"{path}:{number}", record
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def check_head(path: str, columns: tuple[str, ...], how: FileFormat) -> None:
    """Reads a file's first record: finds what is wrong with the whole file at once.

    Raises:
      InputError: as `read_records`; or the file has a header and no record.
    """
    for _ in read_records(path, columns, how):
        return
    raise InputError(f"{path}: no record in this file")


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
