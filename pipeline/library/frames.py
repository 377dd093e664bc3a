"""pandas' frames as files and as rows, and answers as frames."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from tidegate.pipeline.run.request import HeldData
from tidegate.tables.errors import InputError


def held_frame(frame: pd.DataFrame, what: str) -> HeldData:
    """A frame as the Parquet file that a run reads; equal frames give equal files.

    Args:
      frame: rows; an index that has a name is a column.
      what: names it in errors.

    Raises:
      InputError: a column that no Parquet file can hold, or times in an index without a name.
    """
    table = arrow_table(frame, what)
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream)
    content = stream.getvalue()
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    rows = f"{table.num_rows:,} rows and {table.num_columns} columns"
    return HeldData(f"a DataFrame of {rows}", f"{what}-{digest}.parquet", content)


def arrow_table(frame: pd.DataFrame, what: str) -> pa.Table:
    """A frame as Arrow has it: what training reads and what a model is asked are the same cells.

    Raises:
      InputError: as `held_frame`.
    """
    names = [name for name in frame.index.names if name is not None]
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex) and not names:
        raise InputError(
            f"{what}: times are in the index, which has no name; expected them in a column: "
            "frame.rename_axis('ds').reset_index()"
        )
    if names:
        frame = frame.reset_index(level=[name for name in names if name not in frame.columns])
    columns = [str(name) for name in frame.columns]
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(f"{what}: two columns are called {name!r}")
    arrays = []
    for number, name in enumerate(columns):
        series = frame.iloc[:, number]
        if isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(series.cat.categories.dtype)
        elif isinstance(series.dtype, pd.PeriodDtype):
            series = series.dt.to_timestamp()
        try:
            arrays.append(pa.Array.from_pandas(series))
        except (pa.ArrowException, OverflowError) as error:
            kinds = ", ".join(sorted({type(value).__name__ for value in series.dropna()}))
            raise InputError(
                f"{what}: the column {name!r} holds {kinds}, which are not of one type "
                f"({' '.join(str(error).split())}); convert it"
            ) from None
    return pa.Table.from_arrays(arrays, names=columns)


def frame_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows of answers as a frame."""
    return pd.DataFrame({name: [row[name] for row in rows] for name in columns})


def rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as plain values; what is missing is None."""
    for batch in table.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()
