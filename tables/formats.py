"""How a file of rows is read: its format, and what its cells mean. Light: settings import it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
# Plain text: read as a table whose rows are the lines, written by nobody.
_TEXT = (".txt", ".text")
TEXT_COLUMN = "text"
# What says that there is no value, in any spelling of large and small letters.
MISSING = ("", "nan", "na", "n/a", "null", "none", "<na>", "nat")


@dataclass(frozen=True)
class FileFormat:
    """How a file is read; training and asking read by the same value.

    Attributes:
      encoding: of text files.
      delimiter: of CSV and TSV; None for the format's own.
      quoting: of CSV and TSV: ``checked``, a quoted cell that looks as if it had swallowed rows is
        an error; ``trusted``, quoted cells may hold any lines; ``none``, a quote is a character.
      quote_char: what quotes cells.
      header: names of the columns of CSV and TSV that begin with a row; empty where the first line
        has them.
      missing: marks in columns of numbers that say that there is no value, beside `MISSING`.
      decimal: the decimal mark of numbers that are texts.
      thousands: the mark between their thousands; None for none.
      time_format: of time stamps, as `parse_clock` takes it; ``integer`` where times are none;
        None for ISO 8601, or integers.
      timezone: whose clock shows the times, and that of those without an offset; None for UTC.
      lines: whether a file of an ending that no table has is plain text.
      by_options: whether messages name options of the command line, or settings of data.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    quoting: str = "checked"
    quote_char: str = '"'
    header: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    time_format: str | None = None
    timezone: str | None = None
    lines: bool = False
    by_options: bool = False

    def setting(self, name: str) -> str:
        """What a message calls one of these: ``data.encoding``, or ``--encoding``."""
        return f"--{name.replace('_', '-')}" if self.by_options else f"data.{name}"

    @property
    def plain_numbers(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return self.decimal == "." and self.thousands is None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        written = asdict(self)
        del written["by_options"]
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "FileFormat":
        """What `as_dict` gave."""
        values: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in written.items()
        }
        return cls(**values)

    def check_marks(self) -> None:
        """Refuses a decimal mark, or one of thousands, that makes numbers ambiguous.

        Raises:
          InputError: one is a part of a number, or both are alike.
        """
        for name in ("decimal", "thousands"):
            mark = getattr(self, name)
            if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "+-"):
                raise InputError(
                    f"{self.setting(name)}={mark}: expected one character that is no letter, no "
                    "digit and no sign"
                )
        if self.decimal == self.thousands:
            raise InputError(
                f"{self.setting('thousands')}={self.thousands} is the decimal mark, too: set "
                f"{self.setting('decimal')}"
            )

    def delimiter_of(self, kind: str, path: str) -> str:
        """The character between two cells.

        Raises:
          InputError: it is none.
        """
        given = "\t" if self.delimiter == "\\t" else self.delimiter
        delimiter = given or ("\t" if kind == "tsv" else ",")
        if len(delimiter) != 1 or delimiter in "\r\n\0" or delimiter == self.quote_char:
            raise InputError(
                f"{path}: cannot part columns by {delimiter!r}; expected one character that is no "
                f"quote and no line break: set {self.setting('delimiter')}"
            )
        return delimiter


PLAIN = FileFormat()


def is_zipped(path: str) -> bool:
    """Whether a file is gzip'd, by its ending."""
    return path.lower().endswith(".gz")


def format_of(path: str) -> str:
    """``csv``, ``tsv``, ``jsonl`` or ``parquet``, by the file's ending.

    Raises:
      InputError: the ending is none of those known.
    """
    kind = known_format(path)
    if kind is None:
        raise InputError(
            f"{path}: cannot tell the format from the ending {_ending(path)!r}; expected "
            f"{', '.join(sorted(_FORMATS))}, each but Parquet also with .gz"
        )
    return kind


def known_format(path: str) -> str | None:
    """The same; None where the ending is not known."""
    kind = _FORMATS.get(_ending(path))
    return None if kind == "parquet" and is_zipped(path) else kind


def is_text(path: str) -> bool:
    """Whether a file is plain text, by its ending: a table of the one column `TEXT_COLUMN`."""
    return _ending(path) in _TEXT


def _ending(path: str) -> str:
    stem = path[: -len(".gz")] if is_zipped(path) else path
    return os.path.splitext(stem)[1].lower()


def endings() -> str:
    """The endings that are known, for messages."""
    return ", ".join(sorted(_FORMATS))
