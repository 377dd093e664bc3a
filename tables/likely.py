"""Which columns a file's wanted ones may be, where it has none of their names."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.tables.cells import as_text, is_integer_time, is_missing
from tidegate.tables.errors import InputError
from tidegate.tables.files import LOCAL, Opener
from tidegate.tables.formats import FileFormat
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Rows
from tidegate.tables.time_grid import parse_timestamp

_ROWS = 200
# A column of classes has at most this share of distinct cells.
_FEW = 0.5


def likely_columns(
    source: Any, how: FileFormat, wanted: Mapping[str, str], opener: Opener = LOCAL
) -> dict[str, str]:
    """By wanted column that is not there, the one that it may be.

    Args:
      source: a file's path or URI, or a frame.
      how: how it is read.
      wanted: by kind (``time``, ``number``, ``name``, ``text``, ``label``), the column.
      opener: reaches the file.
    """
    try:
        with Rows(source, how, opener=opener) as rows:
            names = list(rows.names)
            read = [row for _, row in itertools.islice(rows, _ROWS)]
    except InputError:
        return {}
    if len(names) < 2:
        return {}
    kept = [row for row in read if not isinstance(row, BrokenRow)]
    columns = {name: [row[at] for row in kept] for at, name in enumerate(names)}
    free = [name for name in names if name not in wanted.values()]
    found: dict[str, str] = {}
    for kind in _FITS:  # What is told apart best comes first.
        column = wanted.get(kind)
        if column is None or column in names:
            continue
        # A table begins with what names its rows: of equals, the last is the value.
        order = reversed(free) if kind == "number" else free
        fitting = {name: _FITS[kind](columns[name]) for name in order}
        best = max(fitting, key=lambda name: fitting[name], default=None)
        if best is not None and fitting[best] > 0:
            found[column] = best
            free.remove(best)
    return found


def _share(cells: Sequence[Any], holds: Callable[[Any], bool]) -> float:
    there = [cell for cell in cells if not is_missing(cell)]
    share = sum(map(holds, there)) / max(len(there), 1)
    return share if share > 0.9 else 0.0


def _is_stamp(cell: Any) -> bool:
    try:
        parse_timestamp(as_text(cell))
    except ValueError:
        return False
    return True


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _time(cells: Sequence[Any]) -> float:
    integers = 0.5 * _share(cells, is_integer_time)
    return max(_share(cells, _is_stamp), integers if len(set(map(as_text, cells))) > 1 else 0.0)


def _number(cells: Sequence[Any]) -> float:
    # A value changes from row to row more than a mark or a price does.
    return _share(cells, _is_number) * len(set(map(as_text, cells)))


def _text(cells: Sequence[Any]) -> float:
    words = 0.0 if _share(cells, _is_number) else sum(len(as_text(cell)) for cell in cells)
    return float(words)


def _classes(cells: Sequence[Any]) -> float:
    """Few distinct cells, whatever they are; the fewest are likeliest."""
    distinct = len({as_text(cell) for cell in cells})
    return 1 / distinct if 1 < distinct <= max(_FEW * len(cells), 2) else 0.0


def _name(cells: Sequence[Any]) -> float:
    return 0.0 if _share(cells, _is_number) else _classes(cells)


_FITS: Mapping[str, Callable[[Sequence[Any]], float]] = {
    "time": _time, "number": _number, "name": _name, "text": _text, "label": _classes,
}  # fmt: skip
