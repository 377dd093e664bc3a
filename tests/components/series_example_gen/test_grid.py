"""A series on its grid: each value in its place, against pandas; and what its pieces hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.components.series_example_gen.grid import Grid, grid_of
from tidegate.components.series_example_gen.splits import Splitting
from tidegate.tables.errors import InputError
from tidegate.tables.grid import Gridding
from tidegate.tables.series import Series, Table, arrange, by_bucket, each_series
from tidegate.tables.time_grid import Step, parse_step, parse_timestamp

ALIASES = ("15min", "H", "D", "W", "MS", "M", "QS", "AS", "B")
NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=6)


def table(time: Any, values: Any, name: str = "a", file: int = 0) -> Table:
    rows = len(time)
    return Table(
        ids=np.array([name], object),
        series=np.zeros(rows, np.int32),
        time=np.asarray(time, np.int64),
        ahead=np.zeros(rows, np.int32),
        doubt=np.zeros(rows, np.int8),
        numbers=np.asarray(values, np.float32).reshape(rows, -1),
        names=np.empty((rows, 0), object),
        file=np.full(rows, file, np.int32),
        row=np.arange(2, rows + 2),
    )


def gridding(step: Step, **changes: Any) -> Gridding:
    return Gridding(step=step, files=("a.csv", "b.csv"), **changes)


def gridded(series: Series, step: Step, tests: Any = frozenset(), **changes: Any) -> Grid | None:
    return grid_of(series, gridding(step, **changes), tests)


def seconds(times: pd.DatetimeIndex) -> np.ndarray:
    return times.to_numpy("datetime64[s]").astype(np.int64)


@st.composite
def gappy(draw: st.DrawFn) -> tuple[str, pd.Series]:
    """A series with rows and values missing, and its frequency."""
    alias = draw(st.sampled_from(ALIASES))
    steps = draw(st.integers(3, 80))
    times = pd.date_range("1999-12-31", periods=steps, freq=alias)
    values = np.arange(1.0, steps + 1)
    values[draw(st.lists(st.integers(0, steps - 1), max_size=steps // 2))] = np.nan
    kept = sorted(draw(st.sets(st.integers(0, steps - 1), min_size=2)))
    return alias, pd.Series(values, times)[kept]


@given(gappy(), st.integers(1, 30), st.integers(1, 8))
def test_grid_and_pieces_hold_what_pandas_has(
    made: tuple[str, pd.Series], context: int, horizon: int
) -> None:
    alias, rows = made
    step = parse_step(alias)
    grid = gridded(Series("a", table(seconds(rows.index), rows.to_numpy())), step)
    if rows.isna().all():
        assert grid is None
        return
    assert grid is not None
    expected = rows.loc[rows.first_valid_index() : rows.last_valid_index()].asfreq(alias)
    np.testing.assert_array_equal(grid.numbers[:, 0], expected)
    assert gridding(step).time(grid.places, 0) == seconds(expected.index)[0]
    splitting = Splitting(context, horizon, {"valid": 0.1, "eval": 0.1, "test": 0.1})
    pieces, _ = splitting.pieces(grid.steps, {}, grid.train_end, grid.test_at)
    targets = [grid.numbers[piece.first : piece.end, 0] for piece in pieces]
    if targets:
        np.testing.assert_array_equal(np.concatenate(targets), expected)
    # Values grow with time: whatever an example holds is below all later targets.
    for at, piece in enumerate(pieces):
        held = grid.numbers[piece.begin : piece.end, 0]
        for later in targets[at + 1 :]:
            if not (np.isnan(held).all() or np.isnan(later).all()):
                assert np.nanmax(held) < np.nanmin(later)


@given(st.dictionaries(NAMES, st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 5))
def test_rows_find_back_to_their_series(lengths: dict[str, int], buckets: int) -> None:
    parts = [table(np.arange(n)[::-1], np.arange(n), name) for name, n in lengths.items()]
    whole = arrange(parts)
    found = {}
    for bucket in range(buckets):
        mine = [
            Table.from_bytes(part.to_bytes())
            for where, part in by_bucket(whole, buckets)
            if where == bucket
        ]
        for series in each_series(arrange(mine)) if mine else ():
            assert series.name not in found
            found[series.name] = series.table
    assert {name: len(rows.time) for name, rows in found.items()} == lengths
    for rows in found.values():
        assert rows.time.tolist() == list(range(len(rows.time)))
        assert rows.numbers[:, 0].tolist() == rows.time.tolist()[::-1]


@pytest.mark.parametrize(
    ("alias", "at", "time"),
    [
        ("H", 4, "2020-01-01 04:30"),
        ("D", 4, "2020-01-05 01:00"),
        ("MS", 4, "2020-05-02"),
        ("W", 4, "2020-02-03"),
        ("QS", 4, "2021-02-01"),
    ],
)
def test_the_row_off_the_grid_is_named(alias: str, at: int, time: str) -> None:
    times = list(pd.date_range("2020-01-01", periods=12, freq=alias))
    times[at] = pd.Timestamp(time)
    rows = table(seconds(pd.DatetimeIndex(times)), np.ones(12))
    with pytest.raises(InputError, match=rf"^a\.csv:{at + 2}: series 'a': {time[:10]}"):
        gridded(Series("a", rows), parse_step(alias))


MONTH_ITSELF = "write business month ends as the month itself, such as 2020-05"
MONTH_ENDS = ["2020-01-31", "2020-02-28", "2020-03-31", "2020-04-30", "2020-05-29", "2020-06-30"]


@pytest.mark.parametrize(
    ("step", "times", "advice"),
    [
        # Business month ends: no frequency has them.
        (Step(months=1), MONTH_ENDS, MONTH_ITSELF),
        (Step(seconds=31 * 86_400), MONTH_ENDS, MONTH_ITSELF),
        (
            Step(seconds=7200),
            [f"2020-01-01 {hour:02d}:00" for hour in (0, 2, 4, 6, 7, 8)],
            "mend the time, or set data.frequency=h, on which all times are",
        ),
        (
            Step(seconds=7 * 86_400),
            ["2020-01-01", "2020-01-08", "2020-01-15", "2020-01-21"],
            "mend the time, or set data.frequency=D, on which all times are",
        ),
        (
            Step(months=3),
            ["2020-01", "2020-04", "2020-07", "2020-09"],
            "mend the time, or set data.frequency=MS, on which all times are",
        ),
        (
            Step(months=1),
            ["2020-01-01", "2020-01-02", "2020-01-03"],
            "mend the time, or set a shorter data.frequency",
        ),
        # A step of a second would leave almost all of the grid empty.
        (
            Step(seconds=3600),
            ["2020-01-01", "2020-01-01 01:00", "2020-01-01 02:07:11"],
            "mend the time",
        ),
    ],
)
def test_advice_for_a_time_off_the_grid(step: Step, times: list[str], advice: str) -> None:
    rows = table([parse_timestamp(time)[0] for time in times], np.ones(len(times)))
    with pytest.raises(InputError) as caught:
        gridded(Series("a", rows), step)
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize(
    ("times", "advice"),
    [
        ([0, 4, 8, 10], "mend the time, or set data.frequency=2, on which all times are"),
        # Quarters as integers.
        ([202_003, 202_006, 202_009, 202_012, 202_103], "D, MS or QS where these are dates"),
    ],
)
def test_advice_for_an_integer_off_the_grid(times: list[int], advice: str) -> None:
    step = Step(index=times[1] - times[0])
    with pytest.raises(InputError) as caught:
        gridded(Series("a", table(times, np.ones(len(times)))), step)
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (["north", "south"], "mend the rows, or leave the column out of data.static"),
        (["1", "x"], "mend the rows, or leave the column out of data.static"),
        (["1", "2.5"], "list the column under data.historic or data.future"),
    ],
)
def test_advice_for_a_static_column_that_changes(values: list[str], advice: str) -> None:
    rows = replace(table([0, 1], [1, 2]), names=np.array([[value] for value in values], object))
    with pytest.raises(InputError) as caught:
        gridded(Series("a", rows), Step(index=1), names=("side",))
    assert str(caught.value).endswith(advice)


def test_the_first_row_off_the_grid_is_named_as_such() -> None:
    times = seconds(pd.date_range("2020-01-01", periods=12, freq="H"))
    times[0] -= 60
    with pytest.raises(InputError, match=r"^a\.csv:2: series 'a': 2019-12-31 23:59:00"):
        gridded(Series("a", table(times, np.ones(12))), Step(seconds=3600))


def test_rows_of_a_test_file_begin_the_test_split() -> None:
    train = table(range(10), [*range(8), np.nan, np.nan])
    test = table(range(12, 16), range(12, 16), file=1)
    (series,) = each_series(arrange([test, train]))
    grid = gridded(series, Step(index=1), frozenset({1}))
    assert grid is not None
    assert (grid.steps, grid.train_end, grid.test_at) == (16, 8, 12)
    alone = gridded(Series("a", test), Step(index=1), frozenset({1}))
    assert alone is not None
    assert (alone.steps, alone.train_end, alone.test_at) == (4, 0, 0)


def test_covariates_of_gaps_are_missing_and_static_numbers_are_not() -> None:
    values = [[1, 7, 10], [2, np.nan, 20], [4, 7, 40]]
    rows = table([0, 1, 3], values)
    grid = gridded(Series("a", rows), Step(index=1), statics=("area",))
    assert grid is not None
    np.testing.assert_array_equal(
        grid.numbers, [[1, 7, 10], [2, 7, 20], [np.nan, 7, np.nan], [4, 7, 40]]
    )
