"""A file's times: as the ExampleGen for series has them, and the answers' in the file's manner."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidegate.components.series_example_gen import cells as training_cells
from tidegate.components.series_example_gen.examples import Output, series_example
from tidegate.components.series_example_gen.frequency import Distances, infer
from tidegate.components.series_example_gen.grid import Gridding
from tidegate.components.series_example_gen.reading import is_integer_time as is_integer_in_training
from tidegate.components.series_example_gen.splits import Piece, Splitting
from tidegate.components.series_example_gen.table import Series, Table
from tidegate.serving.client.tables.cells import CellError
from tidegate.serving.client.tables.reading import RowReader
from tidegate.serving.client.tables.times import SeriesTimes, is_integer_time, read_time
from tidegate.tables.time_grid import parse_timestamp

DAY = 86_400


def in_training(column: Any, first: Any) -> tuple[int, list[int]]:
    """`start` of the ExampleGen's example, and the places of its values.

    Args:
      column: the time column, a list or a `pyarrow.Array`.
      first: its first cell.
    """
    count = len(column)
    integer = is_integer_in_training(first)
    if integer:
        time, ahead = training_cells.integers(column), np.zeros(count, np.int32)
    else:
        time, ahead = training_cells.timestamps(column, None)
    assert (time != training_cells.NOT_READ).all()
    table = Table(
        ids=np.array(["a"], object),
        series=np.zeros(count, np.int32),
        time=time,
        ahead=ahead,
        numbers=np.ones((count, 1), np.float32),
        names=np.empty((count, 0), object),
        file=np.zeros(count, np.int32),
        row=np.arange(2, count + 2),
    )
    series, distances = Series("a", table), Distances()
    distances.add_series(series, ["a.csv"], integer)
    step = infer(distances, "a.csv")
    gridding = Gridding(
        step=step, files=["a.csv"], tests=frozenset(), statics=(), futures=(), names=()
    )
    grid = gridding.grid(series)
    assert grid is not None
    output = Output("", 1, gridding, Splitting(1, 1, {}), ())
    example = series_example(grid, Piece("train", 0, 1, grid.steps), output)
    features = example.features.feature
    places = np.flatnonzero(~np.isnan(features["y"].float_list.value))
    return features["start"].int64_list.value[0], places.tolist()


def series_times(column: list[Any]) -> SeriesTimes:
    integer = is_integer_time(column[0])
    return SeriesTimes([read_time(cell, integer) for cell in column], integer)


def with_gap(times: pd.DatetimeIndex, form: str | None = None) -> list[str]:
    """As text, one of them left out; ISO 8601 without a form."""
    kept = times.delete(3)
    return [time.strftime(form) if form else time.isoformat() for time in kept]


def berlin(start: str, periods: int, step: str) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=periods, freq=step, tz="Europe/Berlin")


DAYS = pd.date_range("2024-01-25", periods=12, freq="D")
HOURS = pd.date_range("2024-01-31", periods=30, freq="H")
ZONES = {
    "daily, +08:00": with_gap(DAYS.tz_localize("Asia/Shanghai")),
    "daily, -0500": with_gap(DAYS.tz_localize("America/New_York"), "%Y-%m-%d %H:%M:%S%z"),
    "daily in spring": with_gap(berlin("2024-03-25", 12, "D")),
    "daily in autumn": with_gap(berlin("2024-10-22", 12, "D")),
    "daily at noon": with_gap(berlin("2024-03-25 12:00", 12, "D")),
    "weekly in spring": with_gap(berlin("2024-03-03", 8, "W")),
    "hourly in spring": with_gap(berlin("2024-03-30 20:00", 12, "H")),
    "hourly in autumn": with_gap(berlin("2024-10-26 20:00", 12, "H")),
    "twelve hours in spring": with_gap(berlin("2024-03-29", 12, "12H")),
    "hourly, Z": with_gap(HOURS, "%Y-%m-%dT%H:%M:%SZ"),
    "month starts": with_gap(berlin("2024-01-01", 10, "MS")),
    "month ends": with_gap(berlin("2024-01-31", 10, "M")),
}
NAIVE = {
    "dates": with_gap(DAYS, "%Y-%m-%d"),
    "dates without dashes": with_gap(DAYS, "%Y%m%d"),
    "slashes": with_gap(DAYS, "%Y/%m/%d"),
    "slashes, one digit": [f"2024/{month}/9" for month in (1, 2, 4, 5, 12)],
    "dots": with_gap(DAYS, "%Y.%m.%d"),
    "midnights": with_gap(DAYS, "%Y-%m-%d %H:%M"),
    "hours": with_gap(HOURS, "%Y-%m-%d %H:%M:%S"),
    "hours without colons": with_gap(HOURS, "%Y%m%dT%H%M"),
    "weeks": with_gap(pd.date_range("2024-01-01", periods=9, freq="W-MON"), "%Y-%m-%d"),
    "four weeks": with_gap(pd.date_range("2024-01-01", periods=9, freq="28D"), "%Y-%m-%d"),
    "months": with_gap(pd.date_range("2024-01-01", periods=9, freq="MS"), "%Y-%m"),
    "month starts": with_gap(pd.date_range("1969-10-01", periods=9, freq="MS"), "%Y-%m-%d"),
    "month ends": with_gap(pd.date_range("2024-01-31", periods=9, freq="M"), "%Y-%m-%d"),
    "a second before the month's end": with_gap(
        pd.date_range("2024-01-31 23:59:59", periods=9, freq="M"), "%Y-%m-%d %H:%M:%S"
    ),
    "the 15th": [f"2024-{month:02d}-15" for month in (1, 2, 4, 5)],
    "the 30th": ["2023-12-30", "2024-01-30", "2024-02-29", "2024-03-30", "2024-06-30"],
    "quarters": ["2023Q1", "2023Q2", "2023Q4", "2024Q1"],
    "quarters with a dash": ["2023-Q4", "2024-Q1", "2024-Q2", "2024-Q4"],
    "quarter ends": with_gap(pd.date_range("2020-03-31", periods=9, freq="Q"), "%Y-%m-%d"),
    "years": with_gap(pd.date_range("1960-01-01", periods=9, freq="AS"), "%Y-%m-%d"),
    "fractions": with_gap(HOURS, "%Y-%m-%d %H:%M:%S.000"),
}
INTEGERS = {
    "integers": ["17", "18", "20", "21"],
    "below zero": [" -10", "-5", "5", "10"],
    "as floats": ["1.0", "2.0", "4.0"],
    "numbers of JSON": [3, 4.0, 6],
    "years as numbers": ["2019", "2020", "2022"],
    "months as numbers": ["202401", "202402", "202404"],
    "eight digits, no date": ["20240001", "20240002", "20240004"],
    "seconds since 1970": ["1700000000", "1700003600", "1700010800"],
    "nanoseconds since 1970": ["1700000000000000000", "1700003600000000000"],
}


@pytest.mark.parametrize("column", [*ZONES.values(), *NAIVE.values()], ids=[*ZONES, *NAIVE])
def test_time_stamps_are_those_of_training(column: list[str]) -> None:
    found = series_times(column)
    assert (found.start, found.places()) == in_training(column, column[0])
    assert isinstance(found.written(found.start), str)


@pytest.mark.parametrize("column", INTEGERS.values(), ids=INTEGERS)
def test_integers_are_those_of_training(column: list[Any]) -> None:
    found = series_times(column)
    assert (found.start, found.places()) == in_training(column, column[0])
    assert found.written(found.start) == found.start


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai", "Europe/Berlin"])
@pytest.mark.parametrize("step", ["D", "H", "MS", "M"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_parquet_is_as_in_training(zone: str | None, step: str, unit: str, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    times = pd.date_range("2024-03-28", periods=110, freq=step, tz=zone).delete(3)
    array = pyarrow.array(times, pyarrow.timestamp(unit, zone))
    pyarrow.parquet.write_table(pyarrow.table({"ds": array}), tmp_path / "long.parquet")
    with RowReader(str(tmp_path / "long.parquet")) as reader:
        column = [row.cells["ds"] for row in reader]
    found = series_times(column)
    assert (found.start, found.places()) == in_training(array, column[0])


@pytest.mark.parametrize("column", [[20231126, 20231127, 20231129], DAYS.date.tolist()])
def test_whole_numbers_and_dates_of_parquet_are_as_in_training(column: list[Any]) -> None:
    import pyarrow

    found = series_times(column)
    assert (found.start, found.places()) == in_training(pyarrow.array(column), column[0])


@pytest.mark.parametrize(
    "text",
    [
        *(column[0] for group in (ZONES, NAIVE) for column in group.values()),
        "2024-01-31T12:00:00,0+0530", "2024-01-31 12:00 UTC", "2024-01-31 12:00z", "1969-12-31",
        "2024-01-31 1:00", "2024-01-31 12:00+01", "2024-02-30", "2024-13-01", "2024-01/31",
        "2024-01-31 24:00", "2024-01-31 12", "2024-01 12:00", "2024-01-31 12:00:00.5", "31/01/2024",
        "2024-W05", "2024Q5", "soon", "", "+5", "1.5", "-", "2024-01-31T12:00:00+01:00:00",
    ],
)  # fmt: skip
def test_what_is_a_time_stamp_is_as_in_training(text: str) -> None:
    assert is_integer_time(text) == is_integer_in_training(text)
    try:
        expected = parse_timestamp(text)
    except ValueError:
        with pytest.raises(CellError, match="no time stamp"):
            read_time(text, integer=False)
    else:
        found = read_time(text, integer=False)
        assert (found.value, found.ahead) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "17", " 17 ", "-17", "+17", "17.0", "17.5", "1e3", "--1", "", "-", "1_7", "20231126",
        "20231126.0", "20240001", "21991231", "22000101", "16991231", "2024", "202401", "２０２４",
        4_700_000_000_000_000_000, 20231126, 20231126.0, 17.5, True, None, float("nan"),
        datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31),
    ],
)  # fmt: skip
def test_what_is_an_integer_is_as_in_training(cell: Any) -> None:
    assert is_integer_time(cell) == is_integer_in_training(cell)
    (expected,) = training_cells.integers([cell])
    if expected == training_cells.NOT_READ:
        with pytest.raises(CellError, match="no integer"):
            read_time(cell, integer=True)
    else:
        assert read_time(cell, integer=True).value == expected


@pytest.mark.parametrize(
    ("column", "after", "written"),
    [
        (["2024-01-30", "2024-01-31"], 2 * DAY, "2024-02-01"),
        (["20240130", "20240131"], 2 * DAY, "20240201"),
        (["2024/1/30", "2024/1/31"], 2 * DAY, "2024/02/01"),
        (["2024-01-30", "2024-01-31"], 3600, "2024-01-30 01:00:00"),
        (["2024-01", "2024-02"], 60 * DAY, "2024-03"),
        (["2024-01", "2024-02"], 61 * DAY, "2024-03-02"),
        (["2023Q3", "2023Q4"], 184 * DAY, "2024Q1"),
        (["2023-Q3", "2023-Q4"], 185 * DAY, "2024-01-02"),
        (["2024-01-31 23:59:59", "2024-02-29 23:59:59"], 60 * DAY, "2024-03-31 23:59:59"),
        (["2024-01-30 00:00", "2024-01-31 00:00"], 2 * DAY, "2024-02-01 00:00"),
        (["2024-01-30T00:00", "2024-01-30T01:00"], 5430, "2024-01-30T01:30:30"),
        (["20240130T0000", "20240130T0100"], 7200, "20240130T0200"),
        (["2024-01-30T00:00:00Z", "2024-01-30T01:00:00Z"], 7200, "2024-01-30T02:00:00Z"),
        (["2024-01-30 00:00+08:00", "2024-01-30 01:00+08:00"], 7200, "2024-01-30 02:00+08:00"),
        (["2024-01-30 00:00+08:00", "2024-01-31 00:00+08:00"], 2 * DAY, "2024-02-01 00:00+08:00"),
        (["2024-03-30 00:00+01:00", "2024-04-01 00:00+02:00"], 3 * DAY, "2024-04-02 00:00+02:00"),
        ([datetime.date(2024, 1, 30), datetime.date(2024, 1, 31)], 2 * DAY, "2024-02-01"),
        ([pd.Timestamp("2024-01-30"), pd.Timestamp("2024-01-31")], DAY, "2024-01-31 00:00:00"),
        ([3, 5], 4, 7),
    ],
)
def test_times_of_answers_look_like_the_last_time(
    column: list[Any], after: int, written: Any
) -> None:
    found = series_times(column)
    assert found.written(found.start + after) == written


def test_a_single_time_is_a_day_at_midnight_alone() -> None:
    assert series_times(["1970-01-02 00:00+08:00"]).start == DAY
    assert series_times(["1970-01-02 09:00+08:00"]).start == DAY + 3600


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (["2020-01-01", "2020-01-03", "2020-01-06"], "'2020-01-06' is not on the grid"),
        (["2020-01-01", "2020-01-02", "2020-01-02"], "two rows of the same time, '2020-01-02'"),
        ([1, 2, 2], "two rows of the same time, '2'"),
    ],
)
def test_times_off_the_grid_are_told(column: list[Any], problem: str) -> None:
    with pytest.raises(CellError, match=problem):
        series_times(column).places()
