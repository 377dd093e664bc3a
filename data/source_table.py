"""Tables that data sets are made of, as other people keep them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tidegate.data.dataset import DatasetError
from tidegate.tables.errors import InputError
from tidegate.tables.formats import FileFormat
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Rows

# Texts of several lines are the authors' own.
_HOW = FileFormat(quoting="trusted")


def source_rows(name: str, path: Path, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The rows of a table: each one's place, and its cells in the order of `columns`.

    Args:
        name: the data set's, for errors.
        path: the table; its ending says what it is.
        columns: what is read.

    Raises:
        DatasetError: if it cannot be read, or not as such a table.
    """
    try:
        with Rows(str(path), _HOW, columns) as rows:
            if not rows.names:
                raise InputError(f"{path}: no rows; expected {', '.join(columns)}")
            for number, cells in rows:
                if isinstance(cells, BrokenRow):
                    raise InputError(f"{rows.place(number)}: {cells.reason}")
                yield rows.place(number), cells
    except InputError as error:
        # What it advises are settings, which the source of a data set has none of.
        wrong = str(error).partition("; set ")[0].partition(" (the data settings")[0]
        raise DatasetError(f"{name}: {wrong}; get a good copy") from None
