"""Numbers as people write them: with a decimal comma, and with marks between thousands."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tidegate.tables.formats import FileFormat

# How numbers are written in most places, for advice: the decimal mark, and that of thousands.
_KNOWN = ((",", None), (".", None), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"),
          (",", "'"))  # fmt: skip
# A longer text is no mark of a missing number.
_LONGEST_MARK = 12


def number(cell: Any, how: FileFormat) -> float:
    """A cell as a number; one that is no text says itself what it is.

    Raises:
      TypeError, ValueError: it is none, or thousands are not where their marks are: ``1.5`` is no
        number where the point stands between thousands.
      OverflowError: a whole number of hundreds of digits.
    """
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if not isinstance(cell, str) or how.plain_numbers:
        return float(cell)
    text = cell.strip()
    form, between = _form(how.decimal, how.thousands)
    if not form.fullmatch(text):
        raise ValueError(f"no number: {text[:40]!r}")
    return float(between.sub("", text).replace(how.decimal, "."))


@functools.cache
def _form(decimal: str, thousands: str | None) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of a whole number, and of what stands between its thousands."""
    point, whole, between = re.escape(decimal), "[0-9]+", "(?!)"
    if thousands:
        # Texts have spaces of several widths here, and apostrophes of two kinds.
        alike = {" ": r"\s", "'": "['\u2019]"}
        between = alike.get(thousands, re.escape(thousands))
        # India parts the digits above the last three by two.
        whole = rf"(?:[0-9]{{1,3}}(?:{between}[0-9]{{2,3}})*{between}[0-9]{{3}}|[0-9]+)"
    form = rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    return re.compile(form), re.compile(between)


def advised(cells: Sequence[Any], rows: int, how: FileFormat) -> Iterator[str]:
    """For each cell that is no number, the settings that likely mend it; empty for none known.

    Args:
      cells: those that are no numbers.
      rows: of how many cells.
      how: how they were read.
    """
    texts = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    count = Counter(text for text in texts if text)
    known: dict[str, str] = {}
    for text in texts:
        if text not in known:
            known[text] = _advice(text, 2 <= count[text] <= rows // 2, how)
        yield known[text]


def _advice(text: str, often: bool, how: FileFormat) -> str:
    settings = [
        " and ".join(f"{how.setting(name)}={mark!r}" for name, mark in changes.items())
        for decimal, thousands in _KNOWN
        if (changes := _changes(text, decimal, thousands, how)) is not None
    ]
    if settings:
        return f" ({' or '.join(settings)} would read it)"
    sign = bool(text) and not any(sign.isalnum() for sign in text)
    if (often or sign) and len(text) <= _LONGEST_MARK and "," not in text:
        return f" (if it says that there is no value: {_marks((*how.missing, text), how)})"
    return ""


def _changes(
    text: str, decimal: str, thousands: str | None, how: FileFormat
) -> dict[str, str | None] | None:
    """What must be set for a text to be a number so written; None where it is none, or not said."""
    changes: dict[str, str | None] = {}
    if decimal != how.decimal:
        changes["decimal"] = decimal
    if thousands != how.thousands and thousands is not None:
        changes["thousands"] = thousands
    form, between = _form(decimal, thousands)
    seen = {
        "decimal": decimal in text,
        "thousands": bool(between.search(text)),
    }
    if not changes or not form.fullmatch(text) or not all(seen[name] for name in changes):
        return None
    return changes


def _marks(marks: Sequence[str], how: FileFormat) -> str:
    setting = how.setting("missing")
    if how.by_options:
        return " ".join(f"{setting}={mark}" for mark in marks)
    return f"{setting}={','.join(marks)}"
