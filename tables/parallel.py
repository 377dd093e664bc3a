"""Plain files of which line N of each is a part of record N."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, cast

from tidegate.tables.errors import InputError
from tidegate.tables.files import LOCAL, Opener, data_files
from tidegate.tables.formats import TEXT_COLUMN, FileFormat
from tidegate.tables.reads import RecordReads
from tidegate.tables.row_formats import Row
from tidegate.tables.rows import Rows


def check_parallel(reads: RecordReads, folder: str, test: Any, opener: Opener = LOCAL) -> None:
    """Looks for the files of `reads.parallel`, and at their first lines.

    Raises:
      InputError: one is not there, or cannot be read; or there are test data beside them.
    """
    if test is not None:
        raise InputError(
            f"test data {test} beside parallel files; expected settings that name those of test"
        )
    for part in reads.parallel:
        paths = data_files(folder, opener, part.files)
        with ParallelRows(paths, reads.how, opener) as rows:
            next(iter(rows))


class ParallelRows:
    """Their records, once; a context manager, as `Rows` is.

    Args:
      paths: the files, by column.
      how: how they are read.
      opener: reaches them.

    Raises:
      InputError: as `Rows`; while reading, also where one has more lines than another.
    """

    # No cell has several lines.
    several_lines = (0, 0)

    def __init__(self, paths: Sequence[str], how: FileFormat, opener: Opener = LOCAL) -> None:
        self.path = paths[0]
        self._opened = ExitStack()
        how = replace(how, lines=True)
        with ExitStack() as opening:
            self._sides = [
                opening.enter_context(Rows(path, how, [TEXT_COLUMN], opener=opener))
                for path in paths
            ]
            self._opened = opening.pop_all()

    def __enter__(self) -> ParallelRows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def __iter__(self) -> Iterator[Row]:
        """Each record's number, and its cells in the order of the files."""
        sides = [iter(side) for side in self._sides]
        for number, lines in enumerate(itertools.zip_longest(*sides), start=1):
            if None in lines:
                counts = [
                    number + sum(1 for _ in side) if line else number - 1
                    for side, line in zip(sides, lines, strict=True)
                ]
                said = " and ".join(
                    f"{side.path} {count:,}"
                    for side, count in zip(self._sides, counts, strict=True)
                )
                raise InputError(
                    f"parallel files of unequal numbers of lines: {said}; expected as many in each,"
                    " line by line one record"
                )
            # A line of plain text is never broken.
            yield number, tuple(cells[0] for _, cells in cast(Any, lines))

    def place(self, number: int) -> str:
        """A record's place, for errors."""
        return f"{self.path}:{number}"
