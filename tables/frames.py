"""pandas' frames as Arrow has them: what training reads and what a model is asked."""

from typing import Any

import pandas as pd
import pyarrow as pa

from tidegate.tables.errors import InputError


def arrow_table(frame: pd.DataFrame, what: str) -> Any:
    """A frame as a `pyarrow.Table`.

    Args:
      frame: rows; an index that has a name is a column.
      what: names it in errors.

    Raises:
      InputError: a column that no Parquet file can hold, two columns of one name, or times in an
        index without a name.
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
        if pa.types.is_timestamp(arrays[-1].type) and series.dtype == object:
            zoned = {getattr(value, "tzinfo", None) is not None for value in series.dropna()}
            if len(zoned) > 1:  # Arrow takes those without a zone for UTC's.
                raise InputError(
                    f"{what}: some times of the column {name!r} have a time zone and some have "
                    "none; give all of them one"
                )
    return pa.Table.from_arrays(arrays, names=columns)
