"""Rows of many series as columns of numbers, a few dozen bytes a row."""

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import numpy as np

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Table:
    """Rows of series.

    Attributes:
      ids: the series' names, each once.
      series: int32[rows], each row's place in `ids`.
      time: int64[rows], seconds since 1970-01-01 UTC, or integer time.
      ahead: int32[rows], seconds by which the clock on the wall was ahead of UTC.
      numbers: float64[rows, columns], target first, then static numbers, historic and future
        covariates; NaN where missing. Grids and examples hold them as float32.
      names: object[rows, columns], static texts, empty where missing.
      file: int32[rows], which of the input files.
      row: int64[rows], row or line in that file.
    """

    ids: np.ndarray
    series: np.ndarray
    time: np.ndarray
    ahead: np.ndarray
    numbers: np.ndarray
    names: np.ndarray
    file: np.ndarray
    row: np.ndarray

    def take(self, rows: np.ndarray | slice) -> "Table":
        """Some of the rows."""
        kept = {field.name: getattr(self, field.name)[rows] for field in fields(self)[1:]}
        return Table(self.ids, **kept)

    def to_bytes(self) -> bytes:
        """For `from_bytes`."""
        return pickle.dumps(self, protocol=5)

    @staticmethod
    def from_bytes(content: bytes) -> "Table":
        """What `to_bytes` wrote in the same run."""
        table = pickle.loads(content)
        assert isinstance(table, Table)
        return table


@dataclass(frozen=True)
class Series:
    """One series: its name, and its rows in the order of time."""

    name: str
    table: Table

    def place(self, at: int, files: Sequence[str]) -> str:
        """``file:row`` of a row."""
        return f"{files[self.table.file[at]]}:{self.table.row[at]}"


def place_of(name: str) -> int:
    """Where in [0, 2**64) a series falls: the same on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def by_bucket(table: Table, buckets: int) -> Iterator[tuple[int, Table]]:
    """Parts a table by a hash of the series' names."""
    homes = np.array([place_of(name) * buckets >> 64 for name in table.ids], np.int64)
    of_row = homes[table.series]
    for bucket in np.unique(of_row):
        rows = table.take(of_row == bucket)
        used, series = np.unique(rows.series, return_inverse=True)
        yield int(bucket), _renamed(rows, table.ids[used], series)


def _renamed(table: Table, ids: np.ndarray, series: np.ndarray) -> Table:
    kept = {field.name: getattr(table, field.name) for field in fields(table)[2:]}
    return Table(ids, series.astype(np.int32), **kept)


def arrange(tables: Sequence[Table]) -> Table:
    """One table, ordered by series, time, file and row.

    Series are in the order of a hash of their names, which mixes neighbours of a sorted file.
    """
    names = sorted({name for table in tables for name in table.ids}, key=lambda n: (place_of(n), n))
    where = {name: at for at, name in enumerate(names)}
    series = [
        np.array([where[name] for name in table.ids], np.int32)[table.series] for table in tables
    ]
    joined = {
        field.name: np.concatenate([getattr(table, field.name) for table in tables])
        for field in fields(Table)[2:]
    }
    whole = Table(np.array(names, object), np.concatenate(series), **joined)
    return whole.take(np.lexsort((whole.row, whole.file, whole.time, whole.series)))


def each_series(table: Table) -> Iterator[Series]:
    """The series of an arranged table."""
    ends = np.searchsorted(table.series, np.arange(len(table.ids)), side="right")
    begin = 0
    for name, end in zip(table.ids, ends, strict=True):
        yield Series(str(name), table.take(slice(begin, int(end))))
        begin = int(end)


def time_text(time: int, integer: bool) -> str:
    """A time as a person reads it."""
    if integer:
        return str(time)
    return (_EPOCH + timedelta(seconds=int(time))).isoformat(sep=" ")
