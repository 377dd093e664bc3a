"""Series one after another, whatever the order of their rows, in bounded memory."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tidegate.tables.errors import InputError
from tidegate.tables.frequency import DAY
from tidegate.tables.series import (
    Series,
    StoredTable,
    Table,
    arrange,
    each_series,
    names_of,
    renamed,
    time_text,
)
from tidegate.tables.series_files import ONLY_SERIES

# Rows that are held at once, a few dozen bytes each; a series that has more is held whole.
_ROWS = 1_000_000
_HOUR = 3600


def in_order(tables: Iterable[Table], most: int = _ROWS) -> Iterator[Series]:
    """The series, in the order of their first rows, and their rows in the order of time.

    More rows than fit are sorted in parts, which lie on the disk, and each series is gathered from
    all of them.

    Args:
      tables: rows in any order.
      most: rows that are held at once.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-series-") as folder:
        names: dict[str, None] = {}
        parts: list[_Part] = []
        held: list[Table] = []
        count = 0
        for table in tables:
            names.update(dict.fromkeys(names_of(table)))
            held.append(table)
            count += len(table.time)
            if count >= most:
                parts.append(_Part(arrange(held, hashed=False), Path(folder) / str(len(parts))))
                held, count = [], 0
        last = arrange(held, hashed=False) if held else None
        if not parts:
            yield from each_series(last) if last else ()
            return
        if last is not None:
            parts.append(_Part(last, Path(folder) / str(len(parts))))
        for name in names:
            found = [rows for part in parts if (rows := part.rows(name)) is not None]
            yield from each_series(arrange(found, hashed=False))


class _Part:
    """Some rows, ordered, in a file."""

    def __init__(self, table: Table, path: Path) -> None:
        import pyarrow

        path.write_bytes(table.to_bytes())
        self._stored = StoredTable(pyarrow.memory_map(str(path)).read_buffer())
        self._ends = np.searchsorted(table.series, np.arange(len(table.ids)), side="right")
        self._places = {name: at for at, name in enumerate(table.ids.tolist())}

    def rows(self, name: str) -> Table | None:
        """Those of a series; None where it has none here."""
        at = self._places.get(name)
        if at is None:
            return None
        begin = int(self._ends[at - 1]) if at else 0
        rows = self._stored.rows(begin, int(self._ends[at]))
        return renamed(rows, np.array([name], object), np.zeros_like(rows.series))


def check_once(series: Series, files: Sequence[str], integer: bool, id_optional: bool) -> None:
    """Refuses two rows of one series and time.

    Args:
      series: its rows, in order.
      files: names of the sources, for messages.
      integer: whether times are integers.
      id_optional: whether the file may have lacked a column of names.

    Raises:
      InputError: there are two.
    """
    twice = np.flatnonzero(np.diff(series.table.time) == 0)
    if not len(twice):
        return
    row = int(twice[0])
    time = time_text(series.table.time[row], integer)
    hint = ": sum the rows, or drop one"
    if not integer and _may_be_autumn(series, twice):
        hint = (
            ". If this is the hour that clocks repeat in autumn, give the times in UTC or with "
            "their offset, as in 02:00+01:00; else sum the rows, or drop one"
        )
    elif id_optional and series.name == ONLY_SERIES:  # The file has no such column.
        hint = "; is there a column of names that data.id_column should name?"
    raise InputError(
        f"{series.place(row + 1, files)}: series {series.name!r} has {time} twice (also "
        f"{series.place(row, files)}); expected one row per series and time{hint}"
    )


def _may_be_autumn(series: Series, twice: np.ndarray) -> bool:
    """Whether the times that come twice may be those of an hour that the clocks repeat.

    Args:
      series: of time stamps.
      twice: int64[...], at least one, rows with the time of the next one.
    """
    time = series.table.time
    others = np.diff(time)
    # Clocks are put back early on a Sunday; 1970-01-01 was a Thursday, Monday is 0.
    early_on_sunday = ((time[twice] // DAY + 3) % 7 == 6) & (time[twice] % DAY < 4 * _HOUR)
    fine = np.median(others) <= _HOUR
    naive = not series.table.ahead.any()
    return bool(naive and fine and early_on_sunday.all())
