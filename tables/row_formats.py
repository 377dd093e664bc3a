"""Rows of files of lines, CSV, JSON lines and plain text: names of columns, and cells by row."""

import csv
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.tables.errors import InputError, shown
from tidegate.tables.formats import TEXT_COLUMN, FileFormat

# A quote that is never closed would take the rest of the file for one field.
_LONGEST_FIELD = 16 << 20
# A first line of Excel's, which says what parts the cells.
_STATED = re.compile(r"sep=(.)\r?\n")
# Lines of a quoted cell that look like rows, by the number of columns: from so many on, a stray
# quote is likelier than a text that looks so.
_FEWEST_LIKE_ROWS = {2: 4, 3: 3}
_SHARE_LIKE_ROWS = 0.8


@dataclass(frozen=True)
class BrokenRow:
    """A row that is there but cannot be read as a record.

    Attributes:
      reason: why, in a few words.
    """

    reason: str


Row = tuple[int, tuple[Any, ...] | BrokenRow]


class RowFormat(Protocol):
    """A file that is open; its rows are read once.

    Attributes:
      names: of the columns, in order; of JSON lines, those of the first record.
    """

    names: list[str]

    def rows(self, columns: Sequence[str], closed: bool) -> Iterator[Row]:
        """Each row's number, and its cells in the order of `columns`; None for one not there.

        Args:
          columns: what is read.
          closed: whether a column that `names` lacks is an error.
        """


def check_names(path: str, names: Sequence[str]) -> None:
    """Refuses two columns of one name: which of them is meant, nothing says.

    Raises:
      InputError: there are.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                f"{path}: two columns are called {shown(name)!r}; expected each name once: rename "
                "or drop one"
            )
        seen.add(name)


class CsvRows:
    """CSV and TSV; a row's number is that of its first line.

    Args:
      path: names the file in errors.
      lines: its lines, with their ends.
      delimiter: between cells; a first line such as ``sep=;`` goes before it.
      how: quoting and header.

    Attributes:
      several_lines: how many rows have a cell of several lines, and the first such row's number.

    Raises:
      InputError: broken quoting, or two columns of one name.
    """

    def __init__(self, path: str, lines: Iterator[str], delimiter: str, how: FileFormat) -> None:
        self._path = path
        self._how = how
        self.several_lines = (0, 0)
        first = next(lines, "")
        before = 0
        if stated := _STATED.fullmatch(first):
            delimiter, before = delimiter if how.delimiter else stated[1], 1
        else:
            lines = itertools.chain([first], lines)
        self._before = before
        self._delimiter = delimiter
        # The lines of a record as they stand in the file.
        self._raw: list[str] = []
        csv.field_size_limit(_LONGEST_FIELD)
        quoted = how.quoting != "none"
        self._reader = csv.reader(
            self._kept(lines),
            delimiter=delimiter,
            quotechar=how.quote_char if quoted else None,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            strict=True,
        )
        self.names = [*how.header]
        start = 1
        if not how.header:
            start, header = next(self._records(), (1, []))
            self.names = _unblank([name.strip() for name in header])
        check_names(f"{path}:{start}", self.names)

    def rows(self, columns: Sequence[str], closed: bool) -> Iterator[Row]:
        """See `RowFormat`."""
        wide = len(self.names)
        # An absent column is read from a None behind the last field.
        places = [self.names.index(column) if column in self.names else wide for column in columns]
        for start, row in self._records():
            if len(row) != wide:
                yield start, BrokenRow(f"{len(row)} fields where the header has {wide}")
            else:
                row.append(None)
                yield start, tuple([row[at] for at in places])

    def _kept(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            if "\0" in line:
                number, setting = self._before + self._reader.line_num + 1, "encoding"
                raise InputError(
                    f"{self._path}:{number}: a NUL byte, which no text holds; if the file is "
                    f"UTF-16, set {self._how.setting(setting)}=utf-16, else remove it"
                )
            self._raw.append(line)
            yield line

    def _records(self) -> Iterator[tuple[int, list[Any]]]:
        reader, raw = self._reader, self._raw
        while True:
            start = self._before + reader.line_num + 1
            raw.clear()
            try:
                row: list[Any] = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise InputError(
                    f"{self._path}:{start}: broken quoting: {error}; if quotes are characters of "
                    f"the text, set {self._how.setting('quoting')}=none"
                ) from None
            if len(raw) > 1:
                self._check_lines(start)
            if row:  # A blank line is no record.
                yield start, row

    def _check_lines(self, start: int) -> None:
        """Refuses a quoted cell of several lines that look like rows: a stray quote began it."""
        count, first = self.several_lines
        self.several_lines = count + 1, first or start
        wide = len(getattr(self, "names", ()))
        alike = sum(line.count(self._delimiter) == wide - 1 for line in self._raw)
        fewest = _FEWEST_LIKE_ROWS.get(wide, 2)
        if self._how.quoting != "checked" or wide < 2 or alike < fewest:
            return
        if alike >= _SHARE_LIKE_ROWS * len(self._raw):
            end, setting = start + len(self._raw) - 1, self._how.setting("quoting")
            raise InputError(
                f"{self._path}:{start}: a quoted cell goes on to line {end}, and {alike} of these "
                f"lines look like rows of {wide} cells: a stray quote swallows them; set "
                f"{setting}=none if quotes are characters of the text, or {setting}=trusted if the "
                "cell is meant to hold these lines"
            )


def _unblank(names: list[str]) -> list[str]:
    """Columns without a name, of which spreadsheets leave several behind the last, by number."""
    if names.count("") < 2:
        return names
    return [name or f"column_{at}" for at, name in enumerate(names, start=1)]


class JsonRows:
    """JSON lines; a row's number is its line's.

    Args:
      path: names the file in errors.
      lines: its lines.

    Raises:
      InputError: the first line is no JSON object.
    """

    def __init__(self, path: str, lines: Iterator[str]) -> None:
        self._path = path
        self._decoder = json.JSONDecoder(object_pairs_hook=_object)
        self._lines = enumerate(lines, start=1)
        self._first = next(self._records(), None)
        self.names = [] if self._first is None else list(self._first[1])

    def rows(self, columns: Sequence[str], closed: bool) -> Iterator[Row]:
        """See `RowFormat`."""
        known = set(self.names)
        if self._first is not None:
            yield self._first[0], tuple([self._first[1].get(column) for column in columns])
        for number, record in self._records():
            if closed and not known.issuperset(record):
                new = next(name for name in record if name not in known)
                raise InputError(
                    f"{self._path}:{number}: the first row has no {shown(new)!r}; expected it "
                    "there too"
                )
            yield number, tuple([record.get(column) for column in columns])

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in self._lines:
            text = line.strip()
            if not text:
                continue
            place = f"{self._path}:{number}"
            try:
                record = self._decoder.decode(text)
            except _TwiceError as error:
                check_names(place, [str(error)] * 2)
            except (ValueError, RecursionError) as error:  # Too long a number, too deep a nesting.
                why = error.msg if isinstance(error, json.JSONDecodeError) else error
                raise InputError(f"{place}: not JSON: {why}; expected one object a line") from None
            if not isinstance(record, dict):
                raise InputError(
                    f"{place}: expected a JSON object a line, got {type(record).__name__}"
                )
            yield number, record


class TextRows:
    """Plain text: each line is a row of one column, an empty one as well; see `RowFormat`.

    Args:
      lines: the file's, with their ends.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self.names = [TEXT_COLUMN]
        self._lines = enumerate(lines, start=1)

    def rows(self, columns: Sequence[str], closed: bool) -> Iterator[Row]:
        """See `RowFormat`."""
        del closed
        for number, line in self._lines:
            cell = line.removesuffix("\n").removesuffix("\r")
            yield number, tuple([cell if name == TEXT_COLUMN else None for name in columns])


class _TwiceError(ValueError):
    """A key of an object is there twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found
