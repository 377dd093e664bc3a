"""Rows of many series as columns of numbers, a few dozen bytes a row."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np

_EPOCH = datetime(1970, 1, 1)
_FLOAT = re.compile(r"-?[0-9]+\.0+")
# Spaces and joins of no width, marks of the writing's direction, soft hyphens, the no-break space.
_INVISIBLE = re.compile("[\u00a0\u00ad\u200b\u200e\u200f\u2060\ufeff]")


@dataclass(frozen=True)
class Table:
    """Rows of series.

    Attributes:
      ids: the series' names, each once.
      series: int32[rows], each row's place in `ids`.
      time: int64[rows], seconds since 1970-01-01 UTC, or integer time.
      ahead: int32[rows], seconds by which the clock on the wall was ahead of UTC.
      doubt: int8[rows], whether that clock shows the time twice, or never: see `zones`.
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
    doubt: np.ndarray
    numbers: np.ndarray
    names: np.ndarray
    file: np.ndarray
    row: np.ndarray

    def take(self, rows: np.ndarray | slice) -> "Table":
        """Some of the rows."""
        kept = {field.name: getattr(self, field.name)[rows] for field in fields(self)[1:]}
        return Table(self.ids, **kept)

    def to_bytes(self) -> bytes:
        """As an Arrow stream, for `from_bytes`."""
        import pyarrow

        wide, texts = self.numbers.shape[1], self.names.shape[1]
        columns: dict[str, Any] = {
            **{name: getattr(self, name) for name in _WHOLE},
            **{f"numbers_{at}": self.numbers[:, at] for at in range(wide)},
            **{
                f"names_{at}": pyarrow.array(self.names[:, at], pyarrow.string())
                for at in range(texts)
            },
        }
        batch = pyarrow.RecordBatch.from_pydict(columns)
        shape = json.dumps({"ids": self.ids.tolist(), "numbers": wide, "names": texts})
        batch = batch.replace_schema_metadata({"table": shape})
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue())

    @staticmethod
    def from_bytes(content: Any) -> "Table":
        """What `to_bytes` wrote, as bytes or as an Arrow buffer."""
        return StoredTable(content).rows(0, None)


class StoredTable:
    """What `Table.to_bytes` wrote; its rows are read when they are asked for.

    Args:
      content: bytes, or an Arrow buffer, which may be a file's.

    Attributes:
      ids: as a table's.
    """

    def __init__(self, content: Any) -> None:
        import pyarrow

        with pyarrow.ipc.open_stream(content) as reader:
            self._shape = json.loads(reader.schema.metadata[b"table"])
            self._batch = reader.read_next_batch()
        self.ids = np.array(self._shape["ids"], object)

    @property
    def series(self) -> np.ndarray:
        """As a table's."""
        series: np.ndarray = self._batch.column("series").to_numpy()
        return series

    def rows(self, begin: int, end: int | None) -> Table:
        """Some rows, one after another."""
        batch = self._batch.slice(begin, None if end is None else end - begin)

        def columns(name: str, kind: Any) -> np.ndarray:
            columns = np.empty((batch.num_rows, self._shape[name]), kind)
            for at in range(self._shape[name]):
                columns[:, at] = batch.column(f"{name}_{at}").to_numpy(zero_copy_only=False)
            return columns

        return Table(
            ids=self.ids,
            numbers=columns("numbers", np.float64),
            names=columns("names", object),
            **{name: batch.column(name).to_numpy() for name in _WHOLE},
        )


# What a table holds one column of.
_WHOLE = ("series", "time", "ahead", "doubt", "file", "row")


@dataclass(frozen=True)
class Series:
    """One series: its name, and its rows in the order of time."""

    name: str
    table: Table

    def place(self, at: int, files: Sequence[str]) -> str:
        """``file:row`` of a row."""
        return f"{files[self.table.file[at]]}:{self.table.row[at]}"

    def time_text(self, at: int, integer: bool) -> str:
        """A row's time as the clock on the wall showed it."""
        return time_text(self.table.time[at] + self.table.ahead[at], integer)


def looks_alike(name: str) -> bool:
    """Whether another name may look like this one.

    A number as a float has it, invisible characters, and letters that Unicode's normal form C
    joins with their accents: files of several programs have such names of one thing.
    """
    number = _FLOAT.fullmatch(name) is not None
    return number or bool(_INVISIBLE.search(name)) or not unicodedata.is_normalized("NFC", name)


def place_of(name: str) -> int:
    """Where in [0, 2**64) a series falls: the same on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def renamed(table: Table, ids: np.ndarray, series: np.ndarray) -> Table:
    """The same rows as those of other series."""
    kept = {field.name: getattr(table, field.name) for field in fields(table)[2:]}
    return Table(ids, series.astype(np.int32), **kept)


def by_bucket(table: Table, buckets: int) -> Iterator[tuple[int, Table]]:
    """Parts a table by a hash of the series' names."""
    homes = np.array([place_of(name) * buckets >> 64 for name in table.ids], np.int64)
    of_row = homes[table.series]
    for bucket in np.unique(of_row):
        rows = table.take(of_row == bucket)
        used, series = np.unique(rows.series, return_inverse=True)
        yield int(bucket), renamed(rows, table.ids[used], series)


def names_of(table: Table) -> list[str]:
    """The series that have a row, in the order of their first ones."""
    there, places = np.unique(table.series, return_index=True)
    names: list[str] = table.ids[there[np.argsort(places)]].tolist()
    return names


def arrange(tables: Sequence[Table], hashed: bool = True) -> Table:
    """One table, ordered by series, time, file and row.

    Args:
      tables: its parts.
      hashed: whether series are in the order of a hash of their names, which mixes neighbours of
        a sorted file; else they stand in the order in which they come.
    """
    names = list(dict.fromkeys(name for table in tables for name in names_of(table)))
    if hashed:
        names.sort(key=lambda name: (place_of(name), name))
    where = {name: at for at, name in enumerate(names)}
    series = [
        np.array([where.get(name, -1) for name in table.ids], np.int32)[table.series]
        for table in tables
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
