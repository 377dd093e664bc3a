"""What is read: tables, or plain files whose lines belong together."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.components import files
from tidegate.tables.files import data_files
from tidegate.tables.formats import FileFormat
from tidegate.tables.parallel import ParallelRows
from tidegate.tables.reads import RecordReads
from tidegate.tables.rows import Rows


@dataclass(frozen=True)
class Source:
    """What is read at once.

    Attributes:
      paths: a table, or parallel plain files by column.
      split: its rows' split; empty where a column or the hash says it.
    """

    paths: tuple[str, ...]
    split: str = ""


def sources_of(reads: RecordReads, train: str, test: str | None) -> list[Source]:
    """The sources of a run.

    Raises:
      InputError: as `data_files`.
    """
    paths = data_files(train, files, reads.below)
    if not reads.parallel:
        tests = data_files(test, files) if test else []
        return [Source((path,)) for path in paths] + [Source((path,), "test") for path in tests]
    wide = len(reads.columns)
    return [
        Source(tuple(paths[number * wide : (number + 1) * wide]), part.split)
        for number, part in enumerate(reads.parallel)
    ]


def opened(source: Source, how: FileFormat, columns: Sequence[str]) -> Rows | ParallelRows:
    """A source's rows, with the cells of these columns, of a table.

    Raises:
      InputError: as `Rows`.
    """
    if len(source.paths) > 1:
        return ParallelRows(source.paths, how, files)
    return Rows(source.paths[0], how, columns, opener=files)
