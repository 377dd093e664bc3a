"""Rows that come by columns, of Parquet and of pandas frames."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from tidegate.tables.errors import InputError
from tidegate.tables.row_formats import Row, check_names

# Rows of a frame or of Parquet that are made Python's at once.
_ROWS = 1024


class ArrowRows:
    """Rows that come as Arrow's columns; they are counted from `first`.

    Attributes:
      names, types: of the columns.
      total: how many rows there are.
      position: how many of them were read.
    """

    first = 1

    def __init__(self, path: str, names: list[str], types: Sequence[Any], total: int) -> None:
        check_names(path, names)
        self.names = names
        self.types = dict(zip(names, types, strict=True))
        self.total = total
        self.position = 0

    def parts(self, columns: Sequence[str], size: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Parts of at most `size` rows: how many, and by column that is there, its cells."""
        raise NotImplementedError

    def rows(self, columns: Sequence[str], closed: bool) -> Iterator[Row]:
        """See `RowFormat`."""
        for count, part in self.parts(columns, _ROWS):
            cells = [
                cells_of(part[column]) if column in part else [None] * count for column in columns
            ]
            start = self.first + self.position
            self.position += count
            yield from enumerate(zip(*cells, strict=True), start=start)


def cells_of(column: Any) -> list[Any]:
    """A column's cells as Python's values."""
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


class ParquetRows(ArrowRows):
    """Parquet, its rows counted from 1.

    Args:
      path: names the file in errors.
      stored: the file.

    Raises:
      InputError: it is no Parquet file, or two columns have one name.
    """

    def __init__(self, path: str, stored: BinaryIO) -> None:
        import pyarrow
        import pyarrow.parquet

        self._path = path
        try:
            self._file = pyarrow.parquet.ParquetFile(stored)
        except pyarrow.ArrowException as error:
            raise self._refused(error) from None
        schema = self._file.schema_arrow
        super().__init__(path, list(schema.names), schema.types, self._file.metadata.num_rows)

    def parts(self, columns: Sequence[str], size: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """See `ArrowRows`."""
        import pyarrow

        there = [column for column in columns if column in self.names]
        try:
            for batch in self._file.iter_batches(batch_size=size, columns=there):
                yield batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True))
        except pyarrow.ArrowException as error:
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> InputError:
        return InputError(f"{self._path}: not a Parquet file: {str(error).splitlines()[0]}")


class FrameRows(ArrowRows):
    """A pandas DataFrame; its rows are counted from 0, as `iloc` does.

    Args:
      path: names the frame in errors.
      frame: rows; an index that has a name is a column.

    Raises:
      InputError: as `frames.arrow_table`.
    """

    first = 0

    def __init__(self, path: str, frame: Any) -> None:
        from tidegate.tables.frames import arrow_table

        self._table = arrow_table(frame, path)
        schema = self._table.schema
        super().__init__(path, list(schema.names), schema.types, self._table.num_rows)

    def parts(self, columns: Sequence[str], size: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """See `ArrowRows`."""
        there = [column for column in columns if column in self.names]
        for batch in self._table.select(there).to_batches(max_chunksize=size):
            yield batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True))
