"""pandas' frames as the files that a run reads."""

import hashlib
import io

import pandas as pd
import pyarrow.parquet

from tidegate.pipeline.run.request import HeldData
from tidegate.tables.frames import arrow_table


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
