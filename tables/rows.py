"""Rows of CSV, TSV, JSON lines, Parquet, plain text and pandas frames, in constant memory.

Each row comes with its number, so that an error can name its place (``file:line``).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from tidegate.tables.arrow_rows import ArrowRows, FrameRows, ParquetRows
from tidegate.tables.errors import InputError, nearest, shown
from tidegate.tables.files import LOCAL, Opener
from tidegate.tables.formats import PLAIN, FileFormat, format_of, is_text, known_format
from tidegate.tables.lines import text_lines
from tidegate.tables.row_formats import BrokenRow, CsvRows, JsonRows, Row, RowFormat, TextRows

if TYPE_CHECKING:
    import numpy as np

# How a frame is called in errors.
FRAME = "data"


class MissingColumnError(InputError):
    """A source has no column of a wanted name."""


class BadRows(Protocol):
    """Counts the rows that cannot be used."""

    def add_bad(self, reason: str, place: str) -> None:
        """Counts one more."""


@dataclass(frozen=True)
class Batch:
    """Some rows, column by column.

    Attributes:
      numbers: int64[rows], each row's number.
      columns: by name, a list of cells or a `pyarrow.Array`; without those that are not there.
    """

    numbers: np.ndarray
    columns: dict[str, Any]

    def cell(self, column: str, at: int) -> Any:
        """One cell as Python's value."""
        value = self.columns[column][at]
        return value.as_py() if hasattr(value, "as_py") else value


class Rows:
    """A source's rows, once; a context manager.

    Args:
      source: a file's path or URI, or a pandas DataFrame.
      how: how a file is read.
      columns: what is read of each row; all columns if not given.
      optional: those of them that may be absent; their cells are then None.
      opener: reaches the file.

    Attributes:
      path: names the source in errors.
      names: of all the columns that it has.
      columns: what is read.
      types: by column, pyarrow's type; None where the source does not know them.
      total: what `position` is at the end: bytes as stored, or rows.

    Raises:
      InputError: it is not there, empty or broken, or a column is missing or there twice; the
        message names file and line. So does reading.
    """

    def __init__(
        self,
        source: Any,
        how: FileFormat = PLAIN,
        columns: Sequence[str] | None = None,
        optional: Sequence[str] = (),
        opener: Opener = LOCAL,
    ) -> None:
        self.path = source if isinstance(source, str) else FRAME
        self._opener = opener
        self._stored: BinaryIO | None = None
        try:
            self._format = self._open(source, how)
            self.names = self._format.names
            if columns is not None:
                self._check(columns, optional, how)
        except BaseException:
            self._close()
            raise
        self._all = columns is None
        self.columns = list(self.names if columns is None else columns)

    def __enter__(self) -> Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def types(self) -> dict[str, Any] | None:
        """See the class."""
        return self._format.types if isinstance(self._format, ArrowRows) else None

    @property
    def position(self) -> int:
        """How much of `total` is read."""
        if isinstance(self._format, ArrowRows):
            return self._format.position
        return self._stored.tell() if self._stored else 0

    def __iter__(self) -> Iterator[Row]:
        """Each row's number, and its cells in the order of `columns`, or why it has none.

        Cells are strings from CSV and TSV, any JSON or Parquet value else (None where missing).
        """
        return self._guarded(self._format.rows(self.columns, self._all))

    @property
    def several_lines(self) -> tuple[int, int]:
        """How many rows read so far have a cell of several lines, and the first one's number."""
        return getattr(self._format, "several_lines", (0, 0))

    def place(self, number: int) -> str:
        """A row's place, for errors."""
        return f"{self.path}:{number}"

    def batches(self, size: int, bad: BadRows) -> Iterator[Batch]:
        """The same column by column, at most `size` rows at once; broken rows are counted."""
        import numpy as np

        if isinstance(self._format, ArrowRows):
            for count, part in self._guarded(self._format.parts(self.columns, size)):
                first = self._format.first + self._format.position
                self._format.position += count
                yield Batch(np.arange(first, first + count), part)
            return
        rows, wide = iter(self), len(self.columns)
        while True:
            numbers: list[int] = []
            # One list of cells: a list of tuples keeps Python's garbage collector busy.
            flat: list[Any] = []
            read = 0
            for number, row in itertools.islice(rows, size):
                read += 1
                if isinstance(row, BrokenRow):
                    bad.add_bad(row.reason, self.place(number))
                else:
                    numbers.append(number)
                    flat.extend(row)
            if numbers:
                cells = {column: flat[at::wide] for at, column in enumerate(self.columns)}
                yield Batch(np.array(numbers, np.int64), cells)
            if read < size:
                return

    def _open(self, source: Any, how: FileFormat) -> RowFormat:
        if not isinstance(source, str):
            frame = FrameRows(self.path, source)
            self.total = frame.total
            return frame
        plain = is_text(source) or (how.lines and known_format(source) is None)
        kind = "text" if plain else format_of(source)
        try:
            self._stored = self._opener.open_bytes(source)
            self.total = self._opener.size(source)
        except FileNotFoundError:
            raise InputError(f"no such file: {source}") from None
        except (OSError, ValueError) as error:  # ValueError: a scheme that nothing reaches.
            raise InputError(f"{source}: cannot be read: {self._opener.reason(error)}") from None
        try:
            if kind == "parquet":
                parquet = ParquetRows(source, self._stored)
                self.total = parquet.total
                return parquet
            lines = text_lines(source, self._stored, how)
            if kind == "text":
                return TextRows(lines)
            if kind == "jsonl":
                return JsonRows(source, lines)
            return CsvRows(source, lines, how.delimiter_of(kind, source), how)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from None

    def _guarded(self, parts: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from parts
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        return InputError(f"{self.path}: cannot be read: {self._opener.reason(error)}")

    def _check(self, columns: Sequence[str], optional: Sequence[str], how: FileFormat) -> None:
        if not self.names:  # A file without a row: of JSON lines, nothing says its columns.
            return
        parted = next((mark for mark in ";\t|" if mark in "".join(self.names)), None)
        hint = (
            f"(is the file parted by {parted!r}? set {how.setting('delimiter')}={parted!r})"
            if parted and len(self.names) == 1
            else "(--column INPUT=COLUMN, --id and --time name other columns)"
            if how.by_options
            else "(the data settings name the columns: --set data.KEY=NAME)"
        )
        for column in columns:
            if column not in self.names and column not in optional:
                raise MissingColumnError(
                    f"{self.path}: no column {column!r}. {nearest(column, self.names)} {hint}"
                )

    def _close(self) -> None:
        if self._stored is not None:
            self._stored.close()


def check_head(
    path: str,
    columns: Sequence[str],
    how: FileFormat,
    optional: Sequence[str] = (),
    opener: Opener = LOCAL,
) -> None:
    """Reads a file's first row: finds what is wrong with the whole file at once.

    Raises:
      InputError: as `Rows`; or the file has a header and no row.
    """
    with Rows(path, how, columns, optional, opener) as rows:
        for _ in rows:
            return
    raise InputError(f"{path}: no record in this file")


def unread_columns(
    path: str, how: FileFormat, columns: Sequence[str], opener: Opener = LOCAL
) -> list[str]:
    """The columns of a file that are not among those read.

    Raises:
      InputError: as `Rows`.
    """
    with Rows(path, how, opener=opener) as rows:
        return [shown(name) for name in rows.names if name not in columns]
