"""Reads records from CSV, TSV, JSON lines and Parquet, plain or gzip'd, in constant memory.

Each record comes with its place (``file:line``), so that an error can name it.
"""

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from tidegate.components import files
from tidegate.components.row_formats import (
    BrokenRow,
    Wanted,
    parquet_batches,
    read_csv,
    read_json,
    read_parquet_rows,
)
from tidegate.tables.errors import InputError

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


@dataclass(frozen=True)
class FileFormat:
    """How a file is to be read.

    Attributes:
      encoding: of text files; one in which a line break is the byte 0x0A.
      delimiter: of CSV and TSV; None for the format's own.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None


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
        raise InputError(f"{path}: cannot be read: {files.reason(error)}") from None
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
    for number, row in read_rows(path, columns, how):
        place = f"{path}:{number}"
        if isinstance(row, BrokenRow):
            yield place, row
        else:
            yield place, dict(zip(columns, row, strict=True))


def read_rows(
    path: str, columns: tuple[str, ...], how: FileFormat, optional: tuple[str, ...] = ()
) -> Iterator[tuple[int, tuple[Any, ...] | BrokenRow]]:
    """As `read_records`, with a row's number in the file and its values in the columns' order.

    Args:
      path: a data file.
      columns: the columns to read.
      how: encoding and delimiter.
      optional: those of the columns that may be absent; their values are then None.
    """
    kind = format_of(path)
    wanted = Wanted(path, columns, optional)
    try:
        with files.open_bytes(path) as stored:
            if kind == "parquet":
                yield from read_parquet_rows(stored, wanted)
                return
            lines = _lines(path, _unzip(path, stored), how.encoding)
            if kind == "jsonl":
                yield from read_json(lines, wanted)
            else:
                delimiter = how.delimiter or ("\t" if kind == "tsv" else ",")
                yield from read_csv(lines, wanted, delimiter)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {files.reason(error)}") from None


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


def read_parquet(
    path: str, columns: tuple[str, ...], optional: tuple[str, ...], size: int
) -> Iterator[Any]:
    """Streams a Parquet file as `pyarrow.RecordBatch`es of at most `size` rows.

    A batch holds those of the columns that the file has.

    Raises:
      InputError: as `read_rows`.
    """
    try:
        with files.open_bytes(path) as stored:
            yield from parquet_batches(stored, Wanted(path, columns, optional), size)
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read: {files.reason(error)}") from None


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
