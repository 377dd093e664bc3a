"""One series on its regular grid: every step there, missing values marked by NaN."""

from dataclasses import dataclass, replace

import numpy as np

from tidegate.tables.errors import InputError
from tidegate.tables.grid import Gridding, Places
from tidegate.tables.series import Series


@dataclass(frozen=True)
class Grid:
    """A series from its first to its last value.

    Attributes:
      name: the series' name.
      places: where its steps stand; the first one at 0.
      numbers: float32[steps, columns], target first; NaN where missing.
      names: static texts, empty where missing.
      train_end: one past the last value of the training data.
      test_at: the first step that is from a test file; the grid's length where none is.
    """

    name: str
    places: Places
    numbers: np.ndarray
    names: tuple[str, ...]
    train_end: int
    test_at: int

    @property
    def steps(self) -> int:
        """The grid's length."""
        return len(self.numbers)


def grid_of(series: Series, gridding: Gridding, tests: frozenset[int]) -> Grid | None:
    """The series' grid; None where it has no value.

    Args:
      series: its rows.
      gridding: how it is put on a grid.
      tests: which of the files are the fixed test data.

    Raises:
      InputError: a time off the grid, test rows before others, a static column that changes, a
        future covariate with a step missing.
    """
    places = gridding.places(series)
    at, target = places.at, series.table.numbers[:, 0]
    seen = np.flatnonzero(~np.isnan(target))
    if not len(seen):
        return None
    test_row = _test_row(series, gridding, tests)
    names, statics = gridding.static(series)
    kept = slice(int(seen[0]), int(seen[-1]) + 1)
    gridding.check_steps(series, at[kept], kept.start)
    at_kept = at[kept] - at[kept][0]
    steps = int(at_kept[-1]) + 1
    numbers = np.full((steps, series.table.numbers.shape[1]), np.nan, np.float32)
    numbers[at_kept] = series.table.numbers[kept]
    numbers[gridding.zeros(at_kept, target[kept]), 0] = 0
    for column, value in enumerate(statics, start=1):
        numbers[:, column] = value
    _check_future(series, gridding, numbers, at_kept, kept.start)
    first = int(at[kept][0])
    train_end = test_at = steps
    if test_row is not None:
        test_at = int(np.clip(at[test_row] - first, 0, steps))
        before = seen[seen < test_row]
        train_end = int(at[before[-1]]) - first + 1 if len(before) else 0
    begin = replace(places, at=at_kept, first=places.first + first * gridding.scale)
    return Grid(series.name, begin, numbers, names, train_end, test_at)


def _test_row(series: Series, gridding: Gridding, tests: frozenset[int]) -> int | None:
    """The first row of a test file."""
    in_test = np.isin(series.table.file, list(tests))
    if not in_test.any():
        return None
    first = int(in_test.argmax())
    late = np.flatnonzero(~in_test[first:])
    if len(late):
        files = gridding.files
        raise InputError(
            f"{series.place(first, files)}: series {series.name!r}: a test row is before "
            f"{series.place(first + int(late[0]), files)} of the training data; expected a test "
            "file that begins after the training data"
        )
    return first


def _check_future(
    series: Series, gridding: Gridding, numbers: np.ndarray, at: np.ndarray, begin: int
) -> None:
    futures = gridding.futures
    for place, column in enumerate(futures, start=numbers.shape[1] - len(futures)):
        missing = np.flatnonzero(np.isnan(numbers[:, place]))
        if not len(missing):
            continue
        first = int(missing[0])
        row = int(np.searchsorted(at, first, side="right")) - 1
        there = at[row] == first
        raise InputError(
            f"{series.place(begin + row, gridding.files)}: series {series.name!r}: future "
            f"covariate {column!r} is missing {'in' if there else 'after'} this row "
            f"({len(missing)} of {len(numbers)} steps miss it); it must be known for every step: "
            "fill it, add a row with an empty target, or list it under data.historic"
        )
