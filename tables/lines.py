"""Lines of text files: unzipped, decoded, with their ends; an error knows its line."""

import codecs
import gzip
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from tidegate.tables.errors import InputError
from tidegate.tables.formats import FileFormat, is_zipped

_UTF_8_MARK = codecs.BOM_UTF8
_WIDE_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Where the ends of lines are looked for.
_BEGINNING = 1 << 16


def text_lines(path: str, stored: BinaryIO, how: FileFormat) -> Iterator[str]:
    """A file's lines.

    Lines end with a line feed; with carriage returns where there is no line feed. UTF-16 that
    begins with its mark, as Excel's "Unicode text", is read as such.

    Args:
      path: names the file in errors.
      stored: the file.
      how: encoding.

    Raises:
      InputError: an unknown encoding, a byte that is none of it, an empty file.
    """
    file = cast(Any, stored)
    if is_zipped(path):
        file = io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=stored)))
    beginning = file.peek(_BEGINNING)
    if not beginning:
        raise InputError(f"{path}: the file is empty")
    encoding, setting = how.encoding, how.setting("encoding")
    try:
        known = codecs.lookup(encoding).name
        one_byte = "\n".encode(encoding) == b"\n"
    except (LookupError, ValueError):
        raise InputError(
            f"{path}: cannot read encoding {encoding!r}; expected utf-8 or another that Python "
            f"knows: set {setting}"
        ) from None
    if known in ("utf-8", "utf-8-sig"):
        encoding = _WIDE_MARKS.get(beginning[:2], "utf-8")
        one_byte = encoding == "utf-8"
    if one_byte and (b"\n" in beginning or b"\r" not in beginning):
        yield from _by_line_feed(path, file, encoding, setting)
    else:
        yield from _by_any_end(path, file, encoding, setting)


def _by_line_feed(path: str, file: Any, encoding: str, setting: str) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        line = line.removeprefix(_UTF_8_MARK)  # Files that were joined have it in their midst.
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number}: not {encoding} (byte 0x{line[error.start]:02x} at position "
                f"{error.start + 1} of the line); set {setting} to the file's encoding"
            ) from None


def _by_any_end(path: str, file: Any, encoding: str, setting: str) -> Iterator[str]:
    """Lines that carriage returns end, or whose line feed is of several bytes."""
    number = 0
    try:
        for line in io.TextIOWrapper(file, encoding, newline=""):
            number += 1
            yield line.removeprefix("\ufeff")
    except UnicodeError as error:
        raise InputError(
            f"{path}:{number + 1}: not {encoding} after this line ({error}); set {setting} to the "
            "file's encoding"
        ) from None
