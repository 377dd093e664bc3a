"""Series one after another, whatever the order of their rows, in bounded memory."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tidegate.tables.cells import LARGEST
from tidegate.tables.errors import InputError
from tidegate.tables.frequency import DAY
from tidegate.tables.reads import SeriesReads
from tidegate.tables.series import (
    Series,
    StoredTable,
    Table,
    arrange,
    each_series,
    names_of,
    renamed,
)
from tidegate.tables.series_files import ONLY_SERIES
from tidegate.tables.zones import told_apart

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


def merged(
    table: Table, reads: SeriesReads, files: Sequence[str], tests: frozenset[int] = frozenset()
) -> Table:
    """One row for each series and time, as `reads.duplicates` says; with ``error``, all rows.

    Where rows count in the order of their files, the times become their places in their series.

    With ``error``, and a time zone, two rows of a time that its clock shows twice are told apart.

    ``last`` keeps the row that comes last in its file, ``mean`` takes the mean of each column of
    numbers, and ``sum`` the sum of the target and the mean of the covariates, which are of the
    time and not of the row. Sums and means are of the values that are there.

    Args:
      table: rows, in the order that `arrange` gives.
      reads: what was read.
      files: names of the sources, for messages.
      tests: which of them are fixed test data: their rows are not merged with others, and
        `check_once` refuses what is left.

    Raises:
      InputError: a static column changes within a time, or a sum is too large.
    """
    if not len(table.time):
        return table
    if reads.order == "file":
        begins = np.searchsorted(table.series, table.series, side="left")
        return replace(table, time=np.arange(len(table.time)) - begins)
    if reads.duplicates == "error":
        return told_apart(table, reads.how.timezone) if reads.how.timezone else table
    in_test = np.isin(table.file, list(tests))
    new = np.ones(len(table.time), bool)
    new[1:] = (np.diff(table.series) != 0) | (np.diff(table.time) != 0) | np.diff(in_test)
    if new.all():
        return table
    starts = np.flatnonzero(new)
    kept = table.take(np.append(starts[1:], len(new)) - 1)
    static = range(1, 1 + len(reads.static_numbers))
    for at, column in zip(static, reads.static_numbers, strict=True):
        kept.numbers[:, at] = _constant(table, table.numbers[:, at], starts, column, files)
    for at, column in enumerate(reads.static):
        texts, codes = np.unique(table.names[:, at], return_inverse=True)
        places = np.where(texts == "", np.nan, np.arange(len(texts)))[codes]
        only = _constant(table, places, starts, column, files)
        kept.names[:, at] = ["" if place != place else texts[int(place)] for place in only.tolist()]
    if reads.duplicates == "last":
        return kept
    for at in set(range(table.numbers.shape[1])) - set(static):
        values = table.numbers[:, at]
        there = np.add.reduceat(~np.isnan(values), starts, dtype=np.int64)
        sums = np.add.reduceat(np.nan_to_num(values), starts)
        many = 1 if reads.duplicates == "sum" and at == 0 else there
        kept.numbers[:, at] = np.where(there > 0, sums / np.maximum(many, 1), np.nan)
    beyond = np.flatnonzero(np.abs(kept.numbers[:, 0]) > LARGEST)
    if len(beyond):
        row = starts[beyond[0]]
        raise InputError(
            f"{files[table.file[row]]}:{table.row[row]}: the rows of this time add up to a number "
            f"beyond {LARGEST:g} in column {reads.target!r}; give it in a larger unit"
        )
    return kept


def _constant(
    table: Table, values: np.ndarray, starts: np.ndarray, column: str, files: Sequence[str]
) -> np.ndarray:
    """The only value of each time, NaN for none. Raises InputError: there are several."""
    least, most = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    changes = np.flatnonzero(least < most)
    if len(changes):
        row = starts[changes[0]]
        raise InputError(
            f"{files[table.file[row]]}:{table.row[row]}: series "
            f"{table.ids[table.series[row]]!r}: static column {column!r} changes in the rows of "
            "this time; expected one value for a series"
        )
    return most


def check_once(series: Series, files: Sequence[str], integer: bool, reads: SeriesReads) -> None:
    """Refuses two rows of one series and time.

    Args:
      series: its rows, in order.
      files: names of the sources, for messages.
      integer: whether times are integers.
      reads: what was read; a file may have lacked an optional column of names.

    Raises:
      InputError: there are two.
    """
    twice = np.flatnonzero(np.diff(series.table.time) == 0)
    if not len(twice):
        return
    row = int(twice[0])
    time = series.time_text(row, integer)
    hint = (
        "; if they are parts of one value, data.duplicates=sum adds them up (mean and last are the "
        "others)"
    )
    if reads.order:
        hint += ", and data.order=file takes the rows as they come"
    if reads.duplicates != "error":  # Only rows of training and test data are left.
        hint = f": data.duplicates={reads.duplicates} merges no test row with one of training"
    elif reads.how.by_options:  # The model's own setting.
        hint = ": add the rows up, or train with data.duplicates=sum, which this model was not"
    # The file has no column of names.
    unnamed = reads.id_optional and series.name == ONLY_SERIES
    if reads.duplicates == "error" and not integer and _may_be_autumn(series, twice):
        hint = (
            ". If this is the hour that clocks repeat in autumn, set "
            f"{reads.how.setting('timezone')} (Europe/Berlin), or give the times in UTC or with "
            f"their offset, as in 02:00+01:00; else{hint.removeprefix(':').removeprefix(';')}"
        )
    elif reads.duplicates == "error" and unnamed:
        hint = (
            "; is there a column of names that data.id_column should name? "
            f"Else{hint.removeprefix(':').removeprefix(';')}"
        )
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
