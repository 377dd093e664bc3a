"""Answers to CSV, TSV, JSON lines and Parquet; a file is complete before it has its name."""

import contextlib
import csv
import gzip
import io
import json
import math
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Protocol, cast

from tidegate.tables.errors import InputError
from tidegate.tables.formats import format_of, is_zipped


class RowWriter(Protocol):
    """Where rows of answers go."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes rows, each with a value for each column."""

    def close(self) -> None:
        """Writes what is held back."""


class CsvWriter:
    """CSV or TSV: lists as JSON, what is missing as an empty cell.

    Args:
      stream: where to write.
      columns: the header, which comes with the first rows: not before the first are answered.
      delimiter: between cells.
    """

    def __init__(self, stream: IO[str], columns: Sequence[str], delimiter: str = ",") -> None:
        self._columns = columns
        self._stream = stream
        self._writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        self._begun = False

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes rows.

        Raises:
          InputError: a value that CSV cannot hold, such as a NUL character.
        """
        self._begin()
        try:
            self._writer.writerows([_cell(row[name]) for name in self._columns] for row in rows)
        except csv.Error as error:
            raise InputError(f"an answer does not fit CSV: {error}; write JSON lines") from None

    def close(self) -> None:
        """Flushes; a header without rows is written too."""
        self._begin()
        self._stream.flush()

    def _begin(self) -> None:
        if not self._begun:
            self._writer.writerow(self._columns)
            self._begun = True


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        if "\0" in value:  # Python's csv refuses it before 3.13 alone; its readers do not take it.
            raise csv.Error("it holds a NUL character")
        return value
    if value is None or value != value:  # NaN and NaT are not equal to themselves.
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(_plain(value), ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return value


class JsonWriter:
    """JSON lines: what is missing, and what JSON has no number for, as null.

    Args:
      stream: where to write.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes rows."""
        for row in rows:
            self._stream.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Flushes."""
        self._stream.flush()


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)  # Times and decimals, from Parquet.


class ParquetWriter:
    """Parquet, a row group for each few thousand rows.

    Args:
      stream: where to write.
      columns: their names.
      types: by column, pyarrow's type where it is known; else it is that of the first rows.
    """

    _GROUP = 8192

    def __init__(self, stream: IO[bytes], columns: Sequence[str], types: Mapping[str, Any]) -> None:
        self._stream = stream
        self._columns = columns
        self._types = types
        self._held: list[Mapping[str, Any]] = []
        self._writer: Any = None

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes rows, or holds them until there are enough for a group.

        Raises:
          InputError: a column's values are not all of one type.
        """
        self._held.extend(rows)
        if len(self._held) >= self._GROUP:
            self._flush()

    def close(self) -> None:
        """Writes the last group and the footer. Raises as `write`."""
        if self._held or self._writer is None:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow
        import pyarrow.parquet

        held, self._held = self._held, []
        schema = self._writer.schema if self._writer is not None else None
        arrays = []
        for name in self._columns:
            kind = schema.field(name).type if schema is not None else self._types.get(name)
            try:
                arrays.append(pyarrow.array([row[name] for row in held], kind))
            except (pyarrow.ArrowException, OverflowError) as error:
                raise InputError(
                    f"column {name!r} does not fit one Parquet type: {error}; write JSON lines"
                ) from None
        if schema is None:
            # A column without a value so far has the type null, into which no later value fits.
            arrays = [
                one.cast(pyarrow.string()) if pyarrow.types.is_null(one.type) else one
                for one in arrays
            ]
        table = pyarrow.Table.from_arrays(arrays, names=list(self._columns))
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)


def is_parquet(path: str) -> bool:
    """Whether a file of answers is one of Parquet. Raises as `format_of`."""
    return format_of(path) == "parquet"


@contextlib.contextmanager
def open_writer(
    path: str | None, columns: Sequence[str], types: Mapping[str, Any]
) -> Iterator[RowWriter]:
    """A writer by the file's ending; the file appears, or is replaced, at the end alone.

    Until then the rows lie beside it in a hidden file, which is removed if anything goes wrong.

    Args:
      path: the file; None for CSV to the standard output.
      columns: their names.
      types: by column, pyarrow's type where it is known; used for Parquet.

    Raises:
      InputError: it cannot be written.
    """
    if path is None:
        writer = CsvWriter(sys.stdout, columns)
        yield writer
        writer.close()
        return
    kind = format_of(path)
    check_output(path)
    target = os.path.realpath(path)  # The file behind a link is replaced, not the link.
    try:
        handle, beside = tempfile.mkstemp(
            dir=os.path.dirname(target), prefix=f".{os.path.basename(target)}.", suffix=".part"
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as stored:
            yield from _writing(kind, is_zipped(path), stored, columns, types)
            stored.flush()
            os.fsync(stored.fileno())
            os.fchmod(stored.fileno(), _mode(target))
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        raise


def check_output(path: str) -> None:
    """Checks, before work is done, that a file of answers can be written.

    Raises:
      InputError: its folder is not there, it is no file, or its ending is not known.
    """
    format_of(path)
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise InputError(f"{path}: cannot be written: no such folder: {folder}")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: cannot be written: it is there and no file")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: cannot be written: no permission to write in {folder}")


def _writing(
    kind: str,
    zipped: bool,
    stored: IO[bytes],
    columns: Sequence[str],
    types: Mapping[str, Any],
) -> Iterator[RowWriter]:
    if kind == "parquet":
        parquet = ParquetWriter(stored, columns, types)
        yield parquet
        parquet.close()
        return
    with contextlib.ExitStack() as stack:
        if zipped:
            stored = stack.enter_context(
                cast(IO[bytes], gzip.GzipFile(fileobj=stored, mode="wb", filename="", mtime=0))
            )
        text = io.TextIOWrapper(stored, encoding="utf-8", errors="replace", newline="")
        writer: RowWriter
        if kind == "jsonl":
            writer = JsonWriter(text)
        else:
            writer = CsvWriter(text, columns, "\t" if kind == "tsv" else ",")
        yield writer
        writer.close()
        text.detach()


def _mode(target: str) -> int:
    """The permissions of the file that is replaced, or those that a new one gets."""
    if os.path.exists(target):
        return stat.S_IMODE(os.stat(target).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
